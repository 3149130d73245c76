// SPDX-License-Identifier: BSD-2-Clause
// Which physical memory may be used: what is said about it, range by range, and what follows.
//
// Ranges may overlap; where they contradict each other, the worse is believed. Pure arithmetic:
// tests/unit/kernel-lib.t runs it on the host.
#include <mach/vm_param.h>
#include "x86/boot.h"

#define RANGES_MAX 128 // the most that a PC's firmware reports

static struct range {
    uintptr_t start, end; // page-aligned
    bool usable;
} ranges[RANGES_MAX];
static unsigned range_count;

void boot_memory_add(uintptr_t start, uintptr_t end, bool usable)
{
    uintptr_t inwards = usable ? PAGE_MASK : 0;

    if (range_count == RANGES_MAX)
        panic("the memory map has more than %u pieces", RANGES_MAX);
    start = (start + inwards) & ~(uintptr_t)PAGE_MASK;
    end = (end + (PAGE_MASK - inwards)) & ~(uintptr_t)PAGE_MASK;
    if (start < end)
        ranges[range_count++] = (struct range){start, end, usable};
}

static bool usable_at(uintptr_t at)
{
    bool usable = false;

    for (const struct range *r = ranges; r < ranges + range_count; r++) {
        if (at < r->start || at >= r->end)
            continue;
        if (!r->usable)
            return false;
        usable = true;
    }
    return usable;
}

// The next address above `at` where a range begins or ends; the last address there is if none does.
static uintptr_t next_edge(uintptr_t at)
{
    uintptr_t edge = UINTPTR_MAX;

    for (const struct range *r = ranges; r < ranges + range_count; r++) {
        if (r->start > at && r->start < edge)
            edge = r->start;
        if (r->end > at && r->end < edge)
            edge = r->end;
    }
    return edge;
}

bool boot_memory_next(uintptr_t *start, uintptr_t *end)
{
    uintptr_t at = *start;

    while (!usable_at(at)) {
        if (at == UINTPTR_MAX)
            return false;
        at = next_edge(at);
    }
    *start = at;
    while (usable_at(at))
        at = next_edge(at);
    *end = at;
    return true;
}
