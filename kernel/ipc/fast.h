// SPDX-License-Identifier: BSD-2-Clause
// The fast path of mach_msg: a short message that carries no more than a reply right, sent to a thread
// that waits for it, by a thread that then waits itself.
#ifndef IPC_FAST_H
#define IPC_FAST_H

#include <stdbool.h>
#include <stdint.h>
#include <mach/message.h>
#include <mach/port.h>
#include "kern/waitq.h"

struct message_arguments;

// Does a send-and-receive if it can be done fast. MACH_SEND_IN_PROGRESS: nothing has happened, take the
// general path. MACH_RCV_IN_PROGRESS: the message is sent, and the wait for the next one has ended with
// *wait, and not with a message in the thread's buffer. Any other code is the call's.
mach_msg_return_t fast_send_receive(const struct message_arguments *arguments,
                                    enum wait_result *wait);
// Gives the current thread the message that the fast path left in its buffer (thread->ipc.fast_size).
// MACH_RCV_INVALID_DATA: it cannot be written to `address`, and is destroyed.
mach_msg_return_t fast_put(uintptr_t address);

#endif
