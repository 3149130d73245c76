/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Protection of memory: a set of permissions.  Each region has a current and a maximum protection
 * (vm_protect); the current one never exceeds the maximum.  i386 pages cannot forbid execution, so
 * EXECUTE is kept and returned, but readable memory can be executed.  Source: OSF mach/vm_prot.h.
 */
#ifndef _MACH_VM_PROT_H_
#define _MACH_VM_PROT_H_

typedef int vm_prot_t;

#define VM_PROT_NONE ((vm_prot_t)0x00)
#define VM_PROT_READ ((vm_prot_t)0x01)
#define VM_PROT_WRITE ((vm_prot_t)0x02)
#define VM_PROT_EXECUTE ((vm_prot_t)0x04)
#define VM_PROT_DEFAULT (VM_PROT_READ | VM_PROT_WRITE)                   /* fresh memory, current */
#define VM_PROT_ALL (VM_PROT_READ | VM_PROT_WRITE | VM_PROT_EXECUTE)     /* fresh memory, maximum */
#define VM_PROT_NO_CHANGE ((vm_prot_t)0x08)  /* memory_object_lock_request: leave the lock alone */
#define VM_PROT_COPY ((vm_prot_t)0x10)       /* vm_protect, macOS: make a private copy first */
#define VM_PROT_WANTS_COPY ((vm_prot_t)0x10) /* data_request: a copy is wanted */

#endif
