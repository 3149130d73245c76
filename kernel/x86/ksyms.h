// SPDX-License-Identifier: BSD-2-Clause
// The kernel's own symbol table, sorted by address; made at link time by tools/ksyms.
#ifndef X86_KSYMS_H
#define X86_KSYMS_H

#include <stdint.h>

struct ksym {
    uint32_t address;
    const char *name;
};

extern const struct ksym ksyms[];
extern const uint32_t ksym_count;

// The function that `address` lies in, and how far; NULL when it lies in none.
const char *ksym_find(uintptr_t address, uint32_t *offset);

#endif
