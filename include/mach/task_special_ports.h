/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Special ports of a task: numbers for task_get_special_port and task_set_special_port.  A child of
 * task_create inherits them, its own kernel port excepted.  Exception ports are not among them.
 * Source: OSF mach/task_special_ports.h; TASK_NAME_PORT's number: macOS.
 */
#ifndef _MACH_TASK_SPECIAL_PORTS_H_
#define _MACH_TASK_SPECIAL_PORTS_H_

typedef int task_special_port_t;

#define TASK_KERNEL_PORT 1       /* what mach_task_self() returns */
#define TASK_HOST_PORT 2         /* what mach_host_self() returns */
#define TASK_HOST_NAME_PORT TASK_HOST_PORT /* the manual's name for it */
#define TASK_NAME_PORT 3         /* the name server */
#define TASK_BOOTSTRAP_PORT 4    /* whom to ask for everything else */
#define TASK_WIRED_LEDGER_PORT 5 /* OSF ledgers: not offered, KERN_INVALID_ARGUMENT */
#define TASK_PAGED_LEDGER_PORT 6 /* likewise */
#define TASK_MAX_SPECIAL_PORT 4

#define task_get_kernel_port(task, port) task_get_special_port((task), TASK_KERNEL_PORT, (port))
#define task_set_kernel_port(task, port) task_set_special_port((task), TASK_KERNEL_PORT, (port))
#define task_get_host_port(task, port) task_get_special_port((task), TASK_HOST_PORT, (port))
#define task_set_host_port(task, port) task_set_special_port((task), TASK_HOST_PORT, (port))
#define task_get_name_port(task, port) task_get_special_port((task), TASK_NAME_PORT, (port))
#define task_set_name_port(task, port) task_set_special_port((task), TASK_NAME_PORT, (port))
#define task_get_bootstrap_port(task, port)                                                        \
    task_get_special_port((task), TASK_BOOTSTRAP_PORT, (port))
#define task_set_bootstrap_port(task, port)                                                        \
    task_set_special_port((task), TASK_BOOTSTRAP_PORT, (port))

/* How many ports mach_ports_register() stashes at most, and which goes where by custom. */
#define TASK_PORT_REGISTER_MAX 3
#define MACH_PORTS_SLOTS_USED TASK_PORT_REGISTER_MAX
#define NAME_SERVER_SLOT 0
#define ENVIRONMENT_SLOT 1
#define SERVICE_SLOT 2

#endif
