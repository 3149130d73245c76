// SPDX-License-Identifier: BSD-2-Clause
// Writing a copy over memory that is there (vm_write, vm_copy): first every page concerned is made
// ready, which may fail or block; when a whole pass has gone by in which nobody else could run, the
// second pass only stores and cannot fail. Whole pages of anonymous memory that is not shared change hands
// by reference, the rest is copied byte by byte: what is shared may be written to more than once here.
#include "vm/copy.h"
#include "vm/entry.h"
#include "vm/object.h"
#include "vm/page.h"
#include "vm/paging.h"
#include "x86/cpu.h"

#define TRIES_MAX 64u

// The bytes of the copy that go to one page of the map.
struct piece {
    vm_offset_t from;    // position in the copy
    vm_offset_t address; // where it goes
    vm_size_t size;      // up to the end of that page, or of the copy
    struct vm_map_entry *entry;
    bool whole;          // a whole page of the copy replaces a whole anonymous page; wired ones stay
};

// The piece that begins at position `from`.
static struct piece piece_at(struct vm_map *map, vm_offset_t address, struct vm_map_copy *copy,
                             vm_offset_t from)
{
    struct piece p = {.from = from, .address = address + from};
    vm_size_t room = PAGE_SIZE - (p.address & PAGE_MASK);

    p.size = copy->size - from < room ? copy->size - from : room;
    p.entry = entry_find(map, p.address);
    p.whole = p.size == PAGE_SIZE && page_aligned(copy->offset + from) && !map->stays &&
              p.entry->wired == 0 &&
              (p.entry->object == NULL ||
               (!vm_object_may_block(p.entry->object) && !p.entry->object->shared));
    return p;
}

// The number of its page in the entry's object.
static uint32_t number_of(const struct piece *p)
{
    return (p->entry->offset + (p->address - p->entry->start)) >> PAGE_SHIFT;
}

// That page; NULL: there is none.
static struct page *page_of(const struct piece *p)
{
    struct vm_object *object = p->entry->object;

    return object == NULL ? NULL : page_tree_find(&object->pages, number_of(p));
}

// ---- making ready --------------------------------------------------------------------------

static kern_return_t prepare_whole(struct piece *p, struct page *source)
{
    if (source == NULL && page_of(p) == NULL)
        return KERN_SUCCESS; // zeros over zeros
    if (!entry_materialize(p->entry) || !page_tree_own(&p->entry->object->pages, number_of(p)))
        return KERN_RESOURCE_SHORTAGE;
    return KERN_SUCCESS;
}

static kern_return_t prepare(struct vm_map *map, struct vm_map_copy *copy, struct piece *p)
{
    uint32_t version = map->version;
    struct page *source;
    kern_return_t kr;

    if (p->whole) {
        kr = copy_page_or_record(copy, p->from, &source);
        if (kr != KERN_SUCCESS || map->version != version) // it has waited: the entry may be gone
            return kr;
        return prepare_whole(p, source);
    }
    if (p->entry->object != NULL && p->entry->object->device)
        return KERN_PROTECTION_FAILURE;
    kr = copy_page(copy, p->from, &source);
    if (kr == KERN_SUCCESS) // a part may come from two pages
        kr = copy_page(copy, p->from + p->size - 1, &source);
    return kr == KERN_SUCCESS ? vm_fault(map, p->address, VM_PROT_WRITE) : kr;
}

static kern_return_t prepare_all(struct vm_map *map, vm_offset_t address, struct vm_map_copy *copy)
{
    vm_offset_t start, end;
    unsigned upsets, tries = 0;

    do {
        kern_return_t kr;

        if (++tries > TRIES_MAX) // all this never is in memory at the same time
            return KERN_RESOURCE_SHORTAGE;
        upsets = vm_object_upsets;
        if (!map->alive)
            return KERN_INVALID_ARGUMENT;
        kr = map_check(map, address, copy->size, VM_PROT_NONE, VM_PROT_WRITE, &start, &end);
        for (vm_offset_t at = 0; kr == KERN_SUCCESS && at < copy->size;) {
            struct piece p = piece_at(map, address, copy, at);
            uint32_t version = map->version;

            kr = prepare(map, copy, &p);
            if (map->version != version)
                break; // the entries may be others now: begin again
            at += p.size;
            preemption_point();
        }
        if (kr != KERN_SUCCESS)
            return kr;
    } while (upsets != vm_object_upsets);
    return KERN_SUCCESS;
}

// ---- storing -------------------------------------------------------------------------------

static void store_whole(struct vm_map *map, struct piece *p, struct page *source)
{
    struct vm_object *object = p->entry->object;
    struct page *old = page_of(p);

    if (source == old)
        return;
    if (old != NULL)
        page_unmap(&map->pmap, p->address);
    if (source != NULL)
        page_hold(source);
    page_tree_set(&object->pages, NULL, number_of(p), source);
}

static void store_part(struct vm_map_copy *copy, struct piece *p)
{
    struct page *page = page_of(p);
    char *to = (char *)page_address(page) + (p->address & PAGE_MASK);
    kern_return_t kr = vm_map_copy_read(copy, p->from, to, p->size);

    kassert(kr == KERN_SUCCESS); // its pages are all there
    page->dirty = true;
}

kern_return_t vm_map_copy_overwrite(struct vm_map *map, vm_offset_t address,
                                    struct vm_map_copy *copy)
{
    kern_return_t kr;

    if (copy == NULL)
        return map->alive ? KERN_SUCCESS : KERN_INVALID_ARGUMENT;
    if ((kr = prepare_all(map, address, copy)) != KERN_SUCCESS)
        return kr;
    pageout_paused++;
    for (vm_offset_t at = 0; at < copy->size;) {
        struct piece p = piece_at(map, address, copy, at);
        struct page *source;

        if (p.whole && copy_page_or_record(copy, at, &source) == KERN_SUCCESS)
            store_whole(map, &p, source);
        else
            store_part(copy, &p);
        at += p.size;
        preemption_point();
    }
    pageout_paused--;
    vm_map_copy_discard(copy);
    return KERN_SUCCESS;
}
