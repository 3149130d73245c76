// SPDX-License-Identifier: BSD-2-Clause
// Memory in transit: out-of-line data of messages, vm_read, vm_write, the boot module. A copy is a
// map of objects that are copies (vm_object_copy) of what the address range showed, so taking one
// costs the same for a page and for a gigabyte; copyout moves the entries to the receiver's map.
// Read next: overwrite.c, for copies that are written over memory that is there.
#include "vm/copy.h"
#include "kern/ledger.h"
#include "vm/entry.h"
#include "vm/object.h"
#include "vm/page.h"
#include "x86/cpu.h"

struct slab_cache vm_copy_cache =
    SLAB_CACHE(vm_copy_cache, "memory copy", sizeof(struct vm_map_copy));

// ---- the structure -------------------------------------------------------------------------

static struct vm_map_copy *copy_create(vm_size_t size, vm_offset_t offset)
{
    struct vm_map_copy *copy = slab_alloc(&vm_copy_cache);

    if (copy == NULL)
        return NULL;
    copy->size = size;
    copy->offset = offset;
    map_entries_init(&copy->map);
    return copy;
}

// Appends `size` bytes of `object`, from its first on; consumes the reference. NULL: zeros. The
// message pays for the first.
static bool copy_append(struct vm_map_copy *copy, struct vm_object *object, vm_size_t size)
{
    vm_offset_t start = copy->map.size;
    struct vm_map_entry *e = entry_create(&fresh_entry, start, start + size);

    if (e == NULL) {
        vm_object_deallocate(object);
        return false;
    }
    e->object = object;
    if (start > 0) {
        copy->map.ledger = current_ledger();
        if (!ledger_charge(copy->map.ledger, MINATO_LIMIT_MESSAGE_BYTES, ENTRY_WEIGHT)) {
            entry_destroy(e);
            return false;
        }
    }
    entry_insert(&copy->map, e);
    return true;
}

struct vm_map_copy *copy_with_object(vm_size_t size, struct vm_object **object)
{
    struct vm_map_copy *copy = copy_create(size, 0);

    if (copy == NULL)
        return NULL;
    *object = vm_object_create(round_page(size));
    if (*object != NULL && copy_append(copy, *object, round_page(size)))
        return copy;
    vm_map_copy_discard(copy);
    return NULL;
}

void vm_map_copy_discard(struct vm_map_copy *copy)
{
    struct vm_map_entry *e;

    if (copy == NULL)
        return;
    while ((e = entry_pop(&copy->map)) != NULL) {
        entry_destroy(e);
        preemption_point();
    }
    if (copy->map.entry_count > 1)
        ledger_credit(copy->map.ledger, MINATO_LIMIT_MESSAGE_BYTES,
                      (copy->map.entry_count - 1) * ENTRY_WEIGHT);
    slab_free(&vm_copy_cache, copy);
}

vm_size_t vm_map_copy_size(const struct vm_map_copy *copy)
{
    return copy == NULL ? 0 : copy->size;
}

// ---- copying in ----------------------------------------------------------------------------

bool entry_copy(struct vm_map_entry *e, vm_offset_t start, vm_offset_t end,
                       struct vm_object **object)
{
    *object = NULL;
    if (e->object == NULL)
        return true;
    *object = vm_object_copy(e->object, e->offset + (start - e->start), end - start);
    return *object != NULL;
}

// Fills the copy with what [start, end) shows.
static kern_return_t copy_range(struct vm_map *map, vm_offset_t start, vm_offset_t end,
                                struct vm_map_copy *copy)
{
    struct vm_map_entry *e = entry_find(map, start);

    while (start < end) {
        vm_offset_t stop = e->end < end ? e->end : end;
        struct vm_object *object;

        if (!entry_copy(e, start, stop, &object))
            return e->object->device ? KERN_PROTECTION_FAILURE : KERN_RESOURCE_SHORTAGE;
        if (!copy_append(copy, object, stop - start))
            return KERN_RESOURCE_SHORTAGE;
        start = stop;
        e = entry_next(e);
        preemption_point();
    }
    return KERN_SUCCESS;
}

// The object with byte *at of the copy, NULL for zeros; *at becomes the offset of its page there.
static struct vm_object *object_at(struct vm_map_copy *copy, vm_offset_t *at)
{
    struct vm_map_entry *e = entry_find(&copy->map, copy->offset + *at);

    *at = trunc_page(copy->offset + *at - e->start);
    return e->object;
}

kern_return_t copy_page_or_record(struct vm_map_copy *copy, vm_offset_t at, struct page **page)
{
    struct vm_object *object = object_at(copy, &at);

    *page = NULL;
    if (object == NULL)
        return KERN_SUCCESS;
    *page = page_tree_find(&object->pages, at >> PAGE_SHIFT);
    if (*page != NULL || !vm_object_may_block(object))
        return KERN_SUCCESS;
    return vm_object_page(object, at, false, page);
}

kern_return_t copy_page(struct vm_map_copy *copy, vm_offset_t at, struct page **page)
{
    kern_return_t kr = copy_page_or_record(copy, at, page);
    struct vm_object *object;

    if (kr != KERN_SUCCESS || *page == NULL || !(*page)->paged_out)
        return kr;
    object = object_at(copy, &at);
    return vm_object_page(object, at, false, page);
}

// Clears the bytes `from` … `to` of the page with byte `at` of the copy: they were not asked for.
static kern_return_t clear_part(struct vm_map_copy *copy, vm_offset_t at, vm_offset_t from,
                                vm_offset_t to)
{
    struct vm_object *object;
    struct page *page;
    kern_return_t kr;

    if (from == to)
        return KERN_SUCCESS;
    if ((kr = copy_page(copy, at, &page)) != KERN_SUCCESS || page == NULL)
        return kr;
    object = object_at(copy, &at);
    if ((kr = vm_object_page(object, at, true, &page)) != KERN_SUCCESS)
        return kr;
    memset((char *)page_address(page) + from, 0, to - from);
    return KERN_SUCCESS;
}

static kern_return_t clear_edges(struct vm_map_copy *copy)
{
    vm_offset_t after = (copy->offset + copy->size) & PAGE_MASK;
    kern_return_t kr = clear_part(copy, 0, 0, copy->offset);

    if (kr != KERN_SUCCESS || after == 0)
        return kr;
    return clear_part(copy, copy->size - 1, after, PAGE_SIZE);
}

kern_return_t vm_map_copyin(struct vm_map *map, vm_offset_t address, vm_size_t size,
                            struct vm_map_copy **copyp)
{
    vm_offset_t start, end;
    struct vm_map_copy *copy;
    kern_return_t kr;

    *copyp = NULL;
    if (!map->alive)
        return KERN_INVALID_ARGUMENT;
    if (size == 0)
        return KERN_SUCCESS;
    kr = map_check(map, address, size, VM_PROT_NONE, VM_PROT_READ, &start, &end);
    if (kr != KERN_SUCCESS)
        return kr;
    if ((copy = copy_create(size, address - start)) == NULL)
        return KERN_RESOURCE_SHORTAGE;
    kr = copy_range(map, start, end, copy);
    if (kr == KERN_SUCCESS)
        kr = clear_edges(copy);
    for (struct vm_map_entry *e = entry_from(&copy->map, 0); kr == KERN_SUCCESS && e != NULL;
         e = entry_next(e)) {
        kr = vm_object_settle(e->object);
        preemption_point();
    }
    if (kr != KERN_SUCCESS) {
        vm_map_copy_discard(copy);
        return kr;
    }
    *copyp = copy;
    return KERN_SUCCESS;
}

// ---- copying out ---------------------------------------------------------------------------

kern_return_t vm_map_copyout(struct vm_map *map, vm_offset_t *address, struct vm_map_copy *copy)
{
    struct vm_map_entry *e;
    vm_offset_t start;
    vm_size_t size;
    bool zeros = false;
    kern_return_t kr;

    if (!map->alive)
        return KERN_INVALID_ARGUMENT;
    if (copy == NULL) {
        *address = 0;
        return KERN_SUCCESS;
    }
    size = copy->map.size;
    if ((kr = map_find_space(map, 0, size, 0, &start)) != KERN_SUCCESS)
        return kr;
    if (!map_can_pay(map, copy->map.entry_count))
        return KERN_RESOURCE_SHORTAGE;
    while ((e = entry_pop(&copy->map)) != NULL) {
        e->start += start;
        e->end += start;
        zeros |= e->object == NULL;
        entry_insert(map, e);
        preemption_point();
    }
    *address = start + copy->offset;
    vm_map_copy_discard(copy);
    if (zeros) // only fresh memory can join its neighbours
        map_simplify(map, start, start + size);
    return KERN_SUCCESS;
}

// ---- both at once --------------------------------------------------------------------------

bool vm_map_copy_across(struct vm_map *from, vm_offset_t address, vm_size_t size,
                        struct vm_map *to, vm_offset_t *there)
{
    struct vm_map_entry *e = entry_find(from, address), *new;
    struct room room;

    if (((address | size) & PAGE_MASK) != 0 || e == NULL || size > e->end - address ||
        (e->protection & VM_PROT_READ) == 0 || e->object == NULL ||
        vm_object_may_block(e->object) || !to->alive || !map_can_pay(to, 1) ||
        !map_find_room(to, size, &room) ||
        (new = entry_create(&fresh_entry, room.address, room.address + size)) == NULL)
        return false;
    new->object = vm_object_copy(e->object, e->offset + (address - e->start), size);
    if (new->object == NULL) {
        entry_destroy(new);
        return false;
    }
    entry_insert_into(to, new, &room);
    *there = room.address;
    return true;
}

// ---- copies of and to kernel memory --------------------------------------------------------

kern_return_t vm_map_copy_read(struct vm_map_copy *copy, vm_offset_t offset, void *to,
                               vm_size_t size)
{
    char *at = to;

    if (copy == NULL || offset > copy->size || size > copy->size - offset)
        return size == 0 ? KERN_SUCCESS : KERN_INVALID_ARGUMENT;
    while (size > 0) {
        vm_offset_t inside = (copy->offset + offset) & PAGE_MASK;
        vm_size_t part = PAGE_SIZE - inside < size ? PAGE_SIZE - inside : size;
        struct page *page;
        kern_return_t kr = copy_page(copy, offset, &page);

        if (kr != KERN_SUCCESS)
            return kr;
        if (page == NULL)
            memset(at, 0, part);
        else
            memcpy(at, (char *)page_address(page) + inside, part);
        at += part;
        offset += part;
        size -= part;
    }
    return KERN_SUCCESS;
}

// A page with `size` bytes of contents that come from `from`.
typedef struct page *page_maker(uintptr_t from, vm_size_t size);

// A copy of `size` bytes from `from` on with one new object, whose pages `make` makes.
static kern_return_t copy_of_pages(uintptr_t from, vm_size_t size, page_maker *make,
                                   struct vm_map_copy **copyp)
{
    struct vm_map_copy *copy;
    struct vm_object *object;

    *copyp = NULL;
    if (size == 0)
        return KERN_SUCCESS;
    if ((copy = copy_with_object(size, &object)) == NULL)
        return KERN_RESOURCE_SHORTAGE;
    for (vm_offset_t at = 0; at < size; at += PAGE_SIZE) {
        struct page *page = make(from + at, size - at < PAGE_SIZE ? size - at : PAGE_SIZE);

        if (page == NULL || !page_tree_put(&object->pages, at >> PAGE_SHIFT, page)) {
            vm_map_copy_discard(copy);
            return KERN_RESOURCE_SHORTAGE;
        }
    }
    *copyp = copy;
    return KERN_SUCCESS;
}

static struct page *page_of_kernel(uintptr_t from, vm_size_t size)
{
    struct page *page = page_alloc();

    if (page != NULL) {
        memcpy(page_address(page), (const void *)from, size);
        memset((char *)page_address(page) + size, 0, PAGE_SIZE - size);
    }
    return page;
}

kern_return_t vm_map_copy_from_kernel(const void *data, vm_size_t size, struct vm_map_copy **copyp)
{
    return copy_of_pages((uintptr_t)data, size, page_of_kernel, copyp);
}

static struct page *page_adopted(uintptr_t physical, vm_size_t size)
{
    struct page *page = page_at(physical);

    if (page == NULL || !page_adopt(page))
        return NULL;
    memset((char *)page_address(page) + size, 0, PAGE_SIZE - size);
    return page;
}

kern_return_t vm_map_copy_from_physical(uintptr_t physical, vm_size_t size,
                                        struct vm_map_copy **copyp)
{
    if (!page_aligned(physical))
        return KERN_INVALID_ARGUMENT;
    return copy_of_pages(physical, size, page_adopted, copyp);
}
