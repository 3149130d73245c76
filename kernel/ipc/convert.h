// SPDX-License-Identifier: BSD-2-Clause
// Names to ports and objects for traps, which have no message to carry a right.
#ifndef IPC_CONVERT_H
#define IPC_CONVERT_H

#include <mach/port.h>

struct port;
struct space;
struct task;

// The port for which `name` denotes a send or receive right, borrowed: good until the caller blocks or
// changes the space. NULL when there is none.
struct port *space_send_target(struct space *space, mach_port_name_t name);
// The live local task that `name` denotes in the current space, borrowed; NULL when there is none (then
// a trap answers MACH_SEND_INVALID_DEST and the library sends the message instead).
struct task *task_from_name(mach_port_name_t name);

#endif
