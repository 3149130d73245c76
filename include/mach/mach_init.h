/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What start-up code prepares before main(): names and sizes every program uses.  The variables are
 * the library's; a program reads them and does not deallocate the rights.  Source: OSF mach_init.h.
 */
#ifndef _MACH_MACH_INIT_H_
#define _MACH_MACH_INIT_H_

#include <mach/mach_types.h>

#ifndef MACH_KERNEL

extern mach_port_t mach_task_self_; /* this task; no user reference is added by reading it */
#define mach_task_self() mach_task_self_
#define current_task() mach_task_self()

extern mach_port_t bootstrap_port;   /* TASK_BOOTSTRAP_PORT of this task */
extern mach_port_t name_server_port; /* TASK_NAME_PORT of this task: the netname interface */
extern vm_size_t vm_page_size;       /* bytes; PAGE_SIZE */
extern vm_size_t vm_page_mask;       /* PAGE_MASK (macOS) */
extern int vm_page_shift;            /* PAGE_SHIFT (macOS) */

/* Bytes of address or size, in whole pages, as variables of run time rather than constants. */
#define mach_vm_round_page(x) round_page(x)
#define mach_vm_trunc_page(x) trunc_page(x)

#endif
#endif
