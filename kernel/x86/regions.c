// SPDX-License-Identifier: BSD-2-Clause
// Lists of address ranges (regions.h).
#include "x86/regions.h"
#include "lib/string.h"

static void region_remove(struct regions *list, unsigned i)
{
    list->count--;
    memmove(&list->at[i], &list->at[i + 1], (list->count - i) * sizeof list->at[0]);
}

static uintptr_t region_size(const struct boot_region *r)
{
    return r->end - r->start;
}

// Makes room for a range of `size` bytes in a full list, by giving up the smallest. False when the
// new one is no larger than that: it is the one to give up.
static bool region_make_room(struct regions *list, uintptr_t size)
{
    unsigned smallest = 0;

    for (unsigned i = 1; i < list->count; i++) {
        if (region_size(&list->at[i]) < region_size(&list->at[smallest]))
            smallest = i;
    }
    if (region_size(&list->at[smallest]) >= size) {
        list->dropped += size;
        return false;
    }
    list->dropped += region_size(&list->at[smallest]);
    region_remove(list, smallest);
    return true;
}

static void region_insert(struct regions *list, uintptr_t start, uintptr_t end)
{
    unsigned i = 0;

    if (list->count == BOOT_REGIONS_MAX && !region_make_room(list, end - start))
        return;
    while (i < list->count && list->at[i].start < start)
        i++;
    memmove(&list->at[i + 1], &list->at[i], (list->count - i) * sizeof list->at[0]);
    list->at[i] = (struct boot_region){start, end};
    list->count++;
}

void regions_add(struct regions *list, uintptr_t start, uintptr_t end)
{
    unsigned i = 0;

    if (start >= end)
        return;
    while (i < list->count) {
        struct boot_region *r = &list->at[i];

        if (r->end < start || r->start > end) {
            i++;
            continue;
        }
        // They touch: take the old one out and put both in as one.
        start = r->start < start ? r->start : start;
        end = r->end > end ? r->end : end;
        region_remove(list, i);
    }
    region_insert(list, start, end);
}

void regions_cut(struct regions *list, uintptr_t start, uintptr_t end)
{
    unsigned i = 0;

    if (start >= end)
        return;
    while (i < list->count) {
        struct boot_region old = list->at[i];

        if (old.end <= start || old.start >= end) {
            i++;
            continue;
        }
        region_remove(list, i);
        if (old.start < start) {
            region_insert(list, old.start, start);
            i++;
        }
        if (old.end > end) {
            region_insert(list, end, old.end);
            return; // what follows begins after old.end
        }
    }
}

void regions_align(struct regions *list, uintptr_t unit)
{
    unsigned i = 0;

    while (i < list->count) {
        struct boot_region *r = &list->at[i];
        uintptr_t start = (r->start + unit - 1) & -unit;

        r->end &= -unit;
        if (start < r->start || start >= r->end) {
            region_remove(list, i);
        } else {
            r->start = start;
            i++;
        }
    }
}

uintptr_t regions_total(const struct regions *list)
{
    uintptr_t total = 0;

    for (unsigned i = 0; i < list->count; i++)
        total += region_size(&list->at[i]);
    return total;
}
