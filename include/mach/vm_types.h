/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's natural types on i386: all of them are 32 bits wide, so that a structure of
 * natural_t and integer_t has the same layout in kernel, user programs and 32-bit host tests.
 * Source: OSF mach/i386/vm_types.h.
 */
#ifndef _MACH_VM_TYPES_H_
#define _MACH_VM_TYPES_H_

#include <stdint.h>

typedef uint32_t natural_t; /* unsigned, as wide as a pointer */
typedef int32_t integer_t;  /* signed, as wide as a pointer */

typedef natural_t vm_offset_t;  /* byte offset in an address space or memory object */
typedef natural_t vm_address_t; /* user address */
typedef natural_t vm_size_t;    /* size in bytes */

/* Interface types of MIG's std_types.defs. */
typedef vm_offset_t pointer_t; /* address of out-of-line data in the caller's address space */

#endif
