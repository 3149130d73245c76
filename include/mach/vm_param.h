/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sizes and bounds of a user address space on i386: pages of 4096 bytes, addresses 0x1000 up to but
 * not including 0xC0000000 (the kernel lives above). Page 0 is never mapped, so that a null
 * pointer faults. Source: OSF mach/vm_param.h (the macros); the bounds are Minato's.
 */
#ifndef _MACH_VM_PARAM_H_
#define _MACH_VM_PARAM_H_

#include <mach/vm_types.h>

#define I386_PGBYTES 4096
#define I386_PGSHIFT 12
#define PAGE_SHIFT I386_PGSHIFT
#define PAGE_SIZE ((vm_size_t)I386_PGBYTES)
#define PAGE_MASK (PAGE_SIZE - 1)

#define VM_MIN_ADDRESS ((vm_offset_t)0x00001000u)
#define VM_MAX_ADDRESS ((vm_offset_t)0xC0000000u)

/* Next page boundary at or above x; wraps to 0 for x in the last page of 4 GiB: check first. */
#define round_page(x) ((vm_offset_t)(((vm_offset_t)(x) + PAGE_MASK) & ~PAGE_MASK))
/* Page boundary at or below x. */
#define trunc_page(x) ((vm_offset_t)((vm_offset_t)(x) & ~PAGE_MASK))
#define page_aligned(x) ((((vm_offset_t)(x)) & PAGE_MASK) == 0)
#define atop(x) ((vm_size_t)(x) >> PAGE_SHIFT) /* address or bytes to pages */
#define ptoa(x) ((vm_size_t)(x) << PAGE_SHIFT) /* pages to bytes */

#endif
