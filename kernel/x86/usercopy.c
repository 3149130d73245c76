// SPDX-License-Identifier: BSD-2-Clause
// Copies to and from user memory (usercopy.h). The copy itself is user_copy in switch.asm, which
// the fixup table knows: a page fault there is resolved as one of the user would be, blocking if
// need be, or makes it return false (fault.c). Only the range is checked here.
#include "x86/usercopy.h"
#include <mach/vm_param.h>

bool user_copy(void *to, const void *from, size_t size); // switch.asm

static inline bool range_is_user(uintptr_t address, size_t size)
{
    return size <= VM_MAX_ADDRESS && address <= VM_MAX_ADDRESS - size;
}

bool copy_from_user(void *to, uintptr_t from, size_t size)
{
    return range_is_user(from, size) && user_copy(to, (const void *)from, size);
}

bool copy_to_user(uintptr_t to, const void *from, size_t size)
{
    return range_is_user(to, size) && user_copy((void *)to, from, size);
}
