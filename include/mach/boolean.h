/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Truth values of the Mach interface.  A boolean_t is a 32-bit int in every message; any value but
 * zero counts as true.  Source: OSF mach/i386/boolean.h.
 */
#ifndef _MACH_BOOLEAN_H_
#define _MACH_BOOLEAN_H_

/*
 * The kernel is compiled with KERNEL defined.  These headers (and MIG's) ask for MACH_KERNEL, where
 * types of user programs, such as a task_t that is a port name, would be in the kernel's way.
 */
#if defined(KERNEL) && !defined(MACH_KERNEL)
#define MACH_KERNEL 1
#endif

typedef int boolean_t;

#ifndef TRUE
#define TRUE 1
#endif
#ifndef FALSE
#define FALSE 0
#endif

#endif
