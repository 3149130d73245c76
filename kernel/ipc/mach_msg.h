// SPDX-License-Identifier: BSD-2-Clause
// The traps that ipc serves; kern/traps.c has the table. Each does what the library call of the same
// name does (<mach/mach_traps.h>, <mach/mach_port.h>); user addresses are checked, names looked up in
// the current space. The short cuts answer MACH_SEND_INVALID_DEST when `task` is not a live task here.
#ifndef IPC_MACH_MSG_H
#define IPC_MACH_MSG_H

#include <stdint.h>
#include <mach/message.h>
#include <mach/port.h>
#include "x86/upcall.h"

// The words of the trap as they lie on the stack, so that they can be handed on by address.
struct message_arguments {
    uintptr_t msg;
    mach_msg_option_t option;
    mach_msg_size_t send_size, rcv_size;
    mach_port_name_t rcv_name;
    mach_msg_timeout_t timeout;
    mach_port_name_t notify;
};

TRAP_FUNCTION mach_msg_return_t mach_msg_trap(struct message_arguments arguments);
TRAP_FUNCTION mach_port_name_t mach_task_self_trap(void);
TRAP_FUNCTION mach_port_name_t mach_thread_self_trap(void);
TRAP_FUNCTION mach_port_name_t mach_host_self_trap(void);
TRAP_FUNCTION mach_port_name_t mach_reply_port_trap(void);
TRAP_FUNCTION kern_return_t mach_port_allocate_trap(mach_port_name_t task, mach_port_right_t right,
                                      uintptr_t name);
TRAP_FUNCTION kern_return_t mach_port_deallocate_trap(mach_port_name_t task, mach_port_name_t name);
TRAP_FUNCTION kern_return_t mach_port_insert_right_trap(mach_port_name_t task, mach_port_name_t name,
                                          mach_port_name_t right, mach_msg_type_name_t type);

#endif
