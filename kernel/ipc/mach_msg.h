// SPDX-License-Identifier: BSD-2-Clause
// What the files that serve mach_msg share. The traps themselves, and the others that ipc serves, are
// called by the trap table only (tools/traptable): each does what the library call of the same name does
// (<mach/mach_traps.h>, <mach/mach_port.h>).
#pragma once

#include <mach/message.h>
#include <mach/port.h>
#include "kern/waitq.h"
#include "x86/upcall.h"

struct kmsg;

// The words of the trap as they lie on the stack, so that they can be handed on by address.
struct message_arguments {
    uintptr_t msg;
    mach_msg_option_t option;
    mach_msg_size_t send_size, rcv_size;
    mach_port_name_t rcv_name;
    mach_msg_timeout_t timeout;
    mach_port_name_t notify;
};

// The whole call by the general path; and the second halves of a call, for the fast path (fast.c): the
// receive; what follows when a wait for a message has ended; and giving the current thread a message of
// bytes alone, whose header is its already (consumed; MACH_RCV_INVALID_DATA: it cannot be written there).
mach_msg_return_t mach_msg_general(const struct message_arguments *arguments);
mach_msg_return_t mach_msg_receive(const struct message_arguments *arguments);
mach_msg_return_t mach_msg_received(enum wait_result wait, const struct message_arguments *arguments);
mach_msg_return_t mach_msg_put(struct kmsg *kmsg, const struct message_arguments *arguments);
