/* SPDX-License-Identifier: BSD-2-Clause */
/* Expected order of references to a region (vm_behavior_set): a hint for paging, no more.
 * Source: OSF mach/vm_behavior.h. */
#ifndef _MACH_VM_BEHAVIOR_H_
#define _MACH_VM_BEHAVIOR_H_

typedef int vm_behavior_t;

#define VM_BEHAVIOR_DEFAULT ((vm_behavior_t)0)    /* the system's choice */
#define VM_BEHAVIOR_RANDOM ((vm_behavior_t)1)     /* no particular order */
#define VM_BEHAVIOR_SEQUENTIAL ((vm_behavior_t)2) /* forward */
#define VM_BEHAVIOR_RSEQNTL ((vm_behavior_t)3)    /* backward */

#endif
