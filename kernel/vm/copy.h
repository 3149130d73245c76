// SPDX-License-Identifier: BSD-2-Clause
// What a copy in transit consists of. Private to kernel/vm; map.h has the operations.
#pragma once

#include "vm/map.h"

struct page;

#define ENTRY_WEIGHT 256 // bytes that an entry takes, with its object and tree

// The copied bytes begin `offset` bytes into the first page of a small map of their own, which
// begins at 0, has no holes and no page tables; its ledger is charged for the entries behind the
// first.
struct vm_map_copy {
    vm_size_t size;
    vm_offset_t offset; // 0 … PAGE_SIZE - 1
    struct vm_map map;
};

// What the part [start, end) of an entry shows, as a new object; NULL in *object for zeros. False
// when memory is short.
bool entry_copy(struct vm_map_entry *e, vm_offset_t start, vm_offset_t end,
                struct vm_object **object);
// The page with byte `at` of the copy; NULL for a page of zeros. May block on a pager.
kern_return_t copy_page(struct vm_map_copy *copy, vm_offset_t at, struct page **page);
// The same, but a page that is paged out stays that: its record.
kern_return_t copy_page_or_record(struct vm_map_copy *copy, vm_offset_t at, struct page **page);
// A copy of `size` bytes with one new object, which *object becomes, for the caller to fill. NULL
// when memory is short.
struct vm_map_copy *copy_with_object(vm_size_t size, struct vm_object **object);
