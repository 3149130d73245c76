// SPDX-License-Identifier: BSD-2-Clause
// The traps that ipc serves; kern/traps.c has the table. Each does what the library call of the same
// name does (<mach/mach_traps.h>, <mach/mach_port.h>); user addresses are checked, names looked up in
// the current space. The short cuts answer MACH_SEND_INVALID_DEST when `task` is not a live task here.
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

TRAP_FUNCTION mach_msg_return_t mach_msg_trap(struct message_arguments arguments);
TRAP_FUNCTION mach_msg_return_t mach_msg_overwrite_trap(struct message_arguments arguments,
                                                        uintptr_t rcv_msg,
                                                        mach_msg_size_t scatter_list_size);
TRAP_FUNCTION mach_port_name_t mach_task_self_trap(void);
TRAP_FUNCTION mach_port_name_t mach_thread_self_trap(void);
TRAP_FUNCTION mach_port_name_t mach_host_self_trap(void);
TRAP_FUNCTION mach_port_name_t mach_reply_port_trap(void);
TRAP_FUNCTION kern_return_t mach_port_allocate_trap(mach_port_name_t task, mach_port_right_t right,
                                                    uintptr_t name);
TRAP_FUNCTION kern_return_t mach_port_deallocate_trap(mach_port_name_t task, mach_port_name_t name);
TRAP_FUNCTION kern_return_t mach_port_insert_right_trap(mach_port_name_t task,
                                                        mach_port_name_t name,
                                                        mach_port_name_t right,
                                                        mach_msg_type_name_t type);
