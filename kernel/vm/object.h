// SPDX-License-Identifier: BSD-2-Clause
// Memory objects: the unit of sharing. Two map entries that show the same object see each other's
// writes; a copy is a new object.
//
// An object's pages hang in a *page tree* (page_tree.h): a persistent radix tree whose nodes and
// pages are counted. A copy of a range shares the subtrees that lie in it, so it costs a handful of
// reference counts however large it is, and there are no shadow chains: every object reaches each
// of its pages in as many steps as its tree is high. A node or page with more than one holder is
// frozen; the first write to a page copies the nodes on its path that are shared, then the page if
// that is shared, and so costs the same on the first page and on the last, in any order. When the
// other holders are gone the page is simply writable again: nothing has to be collapsed.
//
// A page missing from the tree is zero, unless the object has a pager (pager.h), or a `backing` object
// with one (it was copied from it): then it is asked for. Pages in the tree always have their contents.
//
// What a copy has not taken over is read from the original later, so nobody writes to the original
// before its copies have: the original's pager has a list of them (pager.copies), and the first write
// to a page hands the page to all that lack it.
//
// The memory of a device is contiguous and always there, but no page describes it: faults map it by
// its physical address, and it cannot be copied. Such an object is its own `backing`, without a
// reference: so nobody takes it for zeros, and the paths of ordinary memory need not know of it.
#pragma once

#include <mach/vm_prot.h>
#include <mach/vm_types.h>
#include "vm/page_tree.h"

struct vm_object {
    uint32_t refs;            // map entries, copies, ports
    bool shared;              // may be seen at one offset through more than one map entry
    vm_size_t size;           // bytes, page multiple
    bool stays;               // on its way to the default pager: its pages stay in memory
    struct page_tree pages;   // what is there
    struct pager *pager;      // its own; NULL: anonymous memory
    struct vm_object *backing; // a reference: what is missing here is found there; NULL: nowhere
    vm_offset_t backing_offset; // of our byte 0 in it
    struct list link;         // vm_objects (paging.h)
    struct list copy_link;    // with backing: on its pager.copies
    bool device;              // see above
    bool owned;               // … and the memory at `physical` is kmalloc's, and goes with the object
    uint16_t payer;           // … for that memory: the ledger's number
    uintptr_t physical;       // … where byte 0 lies
};

struct vm_object *vm_object_create(vm_size_t size); // one reference; NULL when memory is short
// Device memory; `owned`: whole pages of kmalloc's.
struct vm_object *vm_object_device(uintptr_t physical, vm_size_t size, bool owned);
void vm_object_reference(struct vm_object *object);
void vm_object_deallocate(struct vm_object *object); // may be NULL
// A new object whose bytes 0..size are those of [offset, offset + size) now. Both sides write to
// copies from here on. NULL when memory is short.
struct vm_object *vm_object_copy(struct vm_object *object, vm_offset_t offset, vm_size_t size);
// If the pager that the copy depends on wants copies made at once (MEMORY_OBJECT_COPY_NONE), brings all
// that is missing. NULL is fine. May block: the caller holds a reference. Errors as vm_fault: some is
// still to be asked for.
kern_return_t vm_object_settle(struct vm_object *copy);
// The page at `offset`, present and (for `write`) held by nobody else: zero-filled, copied or asked
// for from the pager as needed. May block: the caller holds a reference. On KERN_SUCCESS the page is valid until the caller next blocks. Errors as vm_fault.
kern_return_t vm_object_page(struct vm_object *object, vm_offset_t offset, bool write,
                             struct page **page);
// The same without waiting, for an object that is not vm_object_may_block. PAGE_ELSEWHERE: *page is paged
// out.
#define PAGE_ELSEWHERE KERN_MEMORY_PRESENT
kern_return_t vm_object_page_now(struct vm_object *object, vm_offset_t offset, bool write,
                                 struct page **page);
// Counts the moments at which what somebody had prepared may have been undone: waits for pagers,
// and pages taken over from a backing object. Unchanged: nobody else ran, and nothing was shared.
extern unsigned vm_object_upsets;
// Pages copied because somebody wrote to them, asked for from pagers, filled with zeros, since boot.
extern unsigned vm_object_pages_copied, vm_object_pages_asked, vm_object_pages_zeroed;
static inline bool vm_object_may_block(const struct vm_object *object)
{
    return object->pager != NULL || object->backing != NULL;
}
// The object has grown at its end by one neighbouring vm_allocate. False when it cannot.
bool vm_object_grow(struct vm_object *object, vm_size_t size);
// The pages of [offset, offset + size) can no longer be reached through any map entry, and are
// mapped nowhere in the object's name.
void vm_object_forget(struct vm_object *object, vm_offset_t offset, vm_size_t size);
