/* SPDX-License-Identifier: BSD-2-Clause */
/* Flags of vm_msync() and memory_object_synchronize().  ASYNCHRONOUS and SYNCHRONOUS exclude each
 * other.  Source: OSF mach/vm_sync.h. */
#ifndef _MACH_VM_SYNC_H_
#define _MACH_VM_SYNC_H_

typedef unsigned vm_sync_t;

#define VM_SYNC_ASYNCHRONOUS ((vm_sync_t)0x01) /* start writing back, do not wait */
#define VM_SYNC_SYNCHRONOUS ((vm_sync_t)0x02)  /* wait until the pager has the data */
#define VM_SYNC_INVALIDATE ((vm_sync_t)0x04)   /* drop resident pages afterwards */
#define VM_SYNC_KILLPAGES ((vm_sync_t)0x08)    /* macOS: drop pages, never write them */
#define VM_SYNC_DEACTIVATE ((vm_sync_t)0x10)   /* macOS: make the pages first to be evicted */
#define VM_SYNC_CONTIGUOUS ((vm_sync_t)0x20)   /* macOS: a hole is KERN_INVALID_ADDRESS */

#define VM_SYNC_VALID ((vm_sync_t)0x3f)

#endif
