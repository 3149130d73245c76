// SPDX-License-Identifier: BSD-2-Clause
// The fast path of mach_msg: a short message that carries no more than a reply right, sent to a thread
// that waits for it, by a thread that then waits itself.
#ifndef IPC_FAST_H
#define IPC_FAST_H

#include <stdbool.h>
#include <stdint.h>
#include <mach/message.h>
#include <mach/port.h>

struct message_arguments;

// Does a send-and-receive if it can be done fast; false: nothing has happened, take the general path.
// When true, the caller has waited: *result says how the wait ended, and thread->ipc holds what came.
bool fast_send_receive(const struct message_arguments *arguments, mach_msg_return_t *result);
// Gives the current thread the message that the fast path left in its buffer (thread->ipc.fast_size).
// MACH_RCV_INVALID_DATA: it cannot be written to `address`, and is destroyed.
mach_msg_return_t fast_put(uintptr_t address);

#endif
