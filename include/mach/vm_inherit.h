/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a child gets of a region when task_create(…, inherit_memory = TRUE) makes its address space.
 * Set by vm_inherit; fresh memory has VM_INHERIT_DEFAULT.  Source: OSF mach/vm_inherit.h.
 */
#ifndef _MACH_VM_INHERIT_H_
#define _MACH_VM_INHERIT_H_

typedef int vm_inherit_t; /* OSF's type; macOS has unsigned int */

#define VM_INHERIT_SHARE ((vm_inherit_t)0)       /* the same memory, writes seen by both */
#define VM_INHERIT_COPY ((vm_inherit_t)1)        /* a copy, made lazily */
#define VM_INHERIT_NONE ((vm_inherit_t)2)        /* nothing: the range is free in the child */
#define VM_INHERIT_DONATE_COPY ((vm_inherit_t)3) /* not offered: KERN_INVALID_ARGUMENT */
#define VM_INHERIT_DEFAULT VM_INHERIT_COPY
#define VM_INHERIT_LAST_VALID VM_INHERIT_NONE

#endif
