// SPDX-License-Identifier: BSD-2-Clause
// Inside libmach: the steps of start-up, shared by a new program (start.c) and by a task that was
// created with another's memory (child.c).
#ifndef LIBMACH_INIT_H
#define LIBMACH_INIT_H

// The task's own names: mach_task_self_, bootstrap_port, name_server_port.
void names_init(void);
// Start-up cannot go on: no kernel resources. Ends the task by a fault that the kernel reports.
__attribute__((noreturn)) void start_failed(void);

#endif
