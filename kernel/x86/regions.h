// SPDX-License-Identifier: BSD-2-Clause
// A short list of address ranges, ascending and apart from each other.
//
// Ranges can be added (overlapping ones grow together) and cut out. A list that is full gives up
// its smallest range. Pure arithmetic: tests/unit/kernel-lib.t runs it on the host.
#ifndef X86_REGIONS_H
#define X86_REGIONS_H

#include "x86/boot.h"

struct regions {
    unsigned count;
    struct boot_region at[BOOT_REGIONS_MAX];
    uintptr_t dropped; // bytes given up because the list was full
};

void regions_add(struct regions *list, uintptr_t start, uintptr_t end);
void regions_cut(struct regions *list, uintptr_t start, uintptr_t end);
// Shrinks every range to whole multiples of `unit` (a power of two); empty ones go.
void regions_align(struct regions *list, uintptr_t unit);
uintptr_t regions_total(const struct regions *list);

#endif
