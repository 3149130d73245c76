// SPDX-License-Identifier: BSD-2-Clause
// What a copy in transit consists of. Private to kernel/vm; map.h has the operations.
#pragma once

#include "vm/map.h"

struct page;

// One stretch of pages: all of one object, from its first byte on.
struct copy_segment {
    struct copy_segment *next;
    struct vm_object *object; // a reference; NULL: zeros
    vm_size_t size;           // bytes, page multiple
    struct vm_map_entry *entry; // while it is copied out: the entry made for it
};

// The copied bytes begin `offset` bytes into the first page of the first segment.
struct vm_map_copy {
    vm_size_t size;
    vm_offset_t offset;        // 0 … PAGE_SIZE - 1
    struct copy_segment first; // size 0: there is none yet
    struct copy_segment *last;
    struct copy_segment *hint; // the one looked at last, NULL at first;
    vm_offset_t hint_start;    // where it begins, counted from the start of the first
    struct ledger *payer;      // of the segments behind the first: the message pays for that
};

// What the part [start, end) of an entry shows, as a new object; NULL in *object for zeros. False
// when memory is short.
bool entry_copy(struct vm_map_entry *e, vm_offset_t start, vm_offset_t end,
                struct vm_object **object);
// The page with byte `at` of the copy; NULL for a page of zeros. May block on a pager.
kern_return_t copy_page(struct vm_map_copy *copy, vm_offset_t at, struct page **page);
// The same, but a page that is paged out stays that: its record.
kern_return_t copy_page_or_record(struct vm_map_copy *copy, vm_offset_t at, struct page **page);
// A copy of all of an object, whose reference is handed over; NULL when memory is short (then it is not).
struct vm_map_copy *copy_of_object(struct vm_object *object);
