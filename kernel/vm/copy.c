// SPDX-License-Identifier: BSD-2-Clause
// Memory in transit: out-of-line data of messages, vm_read, vm_write, the boot module. A copy is a
// list of objects that are copies (vm_object_copy) of what the address range showed, so taking one
// costs the same for a page and for a gigabyte; copyout makes map entries of them. Read next:
// overwrite.c, for copies that are written over memory that is there.
#include "vm/copy.h"
#include "kern/ledger.h"
#include "vm/entry.h"
#include "vm/object.h"
#include "vm/page.h"

#define SEGMENT_WEIGHT 256 // bytes that a segment takes, with its object and tree

struct slab_cache vm_copy_cache =
    SLAB_CACHE(vm_copy_cache, "memory copy", sizeof(struct vm_map_copy));
static struct slab_cache segment_cache =
    SLAB_CACHE(segment_cache, "copy segment", sizeof(struct copy_segment));

// ---- the structure -------------------------------------------------------------------------

static struct vm_map_copy *copy_create(vm_size_t size, vm_offset_t offset)
{
    struct vm_map_copy *copy = slab_alloc(&vm_copy_cache);

    if (copy == NULL)
        return NULL;
    *copy = (struct vm_map_copy){.size = size, .offset = offset, .last = &copy->first};
    return copy;
}

// Appends `object` (a reference is handed over on success).
static bool copy_append(struct vm_map_copy *copy, struct vm_object *object, vm_size_t size)
{
    struct copy_segment *s = copy->last;

    if (s->size != 0 && s->object == NULL && object == NULL) {
        s->size += size;
        return true;
    }
    if (s->size != 0) {
        copy->payer = current_ledger();
        if (!ledger_allows(copy->payer, MINATO_LIMIT_MESSAGE_BYTES, SEGMENT_WEIGHT) ||
            (s->next = slab_alloc(&segment_cache)) == NULL)
            return false;
        ledger_add(copy->payer, MINATO_LIMIT_MESSAGE_BYTES, SEGMENT_WEIGHT);
        s = copy->last = s->next;
    }
    *s = (struct copy_segment){.object = object, .size = size};
    return true;
}

struct vm_map_copy *copy_of_object(struct vm_object *object)
{
    struct vm_map_copy *copy = copy_create(object->size, 0);

    if (copy != NULL)
        copy_append(copy, object, object->size); // the first: no memory
    return copy;
}

// The segments' objects must be gone or handed on.
static void copy_free(struct vm_map_copy *copy)
{
    struct copy_segment *next;

    for (struct copy_segment *s = copy->first.next; s != NULL; s = next) {
        next = s->next;
        slab_free(&segment_cache, s);
        ledger_credit(copy->payer, MINATO_LIMIT_MESSAGE_BYTES, SEGMENT_WEIGHT);
    }
    slab_free(&vm_copy_cache, copy);
}

void vm_map_copy_discard(struct vm_map_copy *copy)
{
    if (copy == NULL)
        return;
    for (struct copy_segment *s = &copy->first; s != NULL; s = s->next)
        vm_object_deallocate(s->object);
    copy_free(copy);
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
        if (!copy_append(copy, object, stop - start)) {
            vm_object_deallocate(object);
            return KERN_RESOURCE_SHORTAGE;
        }
        start = stop;
        e = entry_next(e);
    }
    return KERN_SUCCESS;
}

// The segment with byte *at of the copy; *at becomes the offset in it. Copies are read from front to
// back, so the search goes on from where the last one ended.
static struct copy_segment *segment_at(struct vm_map_copy *copy, vm_offset_t *at)
{
    *at += copy->offset;
    if (copy->hint == NULL || *at < copy->hint_start) {
        copy->hint = &copy->first;
        copy->hint_start = 0;
    }
    for (; *at - copy->hint_start >= copy->hint->size; copy->hint = copy->hint->next)
        copy->hint_start += copy->hint->size;
    *at -= copy->hint_start;
    return copy->hint;
}

kern_return_t copy_page_or_record(struct vm_map_copy *copy, vm_offset_t at, struct page **page)
{
    struct copy_segment *s = segment_at(copy, &at);
    bool exclusive;

    *page = NULL;
    if (s->object == NULL)
        return KERN_SUCCESS;
    *page = page_tree_lookup(&s->object->pages, at >> PAGE_SHIFT, &exclusive);
    if (*page != NULL || !vm_object_may_block(s->object))
        return KERN_SUCCESS;
    return vm_object_page(s->object, trunc_page(at), false, page);
}

kern_return_t copy_page(struct vm_map_copy *copy, vm_offset_t at, struct page **page)
{
    kern_return_t kr = copy_page_or_record(copy, at, page);
    struct copy_segment *s;

    if (kr != KERN_SUCCESS || *page == NULL || !(*page)->paged_out)
        return kr;
    s = segment_at(copy, &at);
    return vm_object_page(s->object, trunc_page(at), false, page);
}

// Clears the bytes `from` … `to` of the page with byte `at` of the copy: they were not asked for.
static kern_return_t clear_part(struct vm_map_copy *copy, vm_offset_t at, vm_offset_t from,
                                vm_offset_t to)
{
    struct copy_segment *s;
    struct page *page;
    kern_return_t kr;

    if (from == to)
        return KERN_SUCCESS;
    if ((kr = copy_page(copy, at, &page)) != KERN_SUCCESS || page == NULL)
        return kr;
    s = segment_at(copy, &at);
    if ((kr = vm_object_page(s->object, trunc_page(at), true, &page)) != KERN_SUCCESS)
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
    if (!range_of_pages(address, size, &start, &end))
        return KERN_INVALID_ADDRESS;
    if ((kr = map_check(map, start, end, VM_PROT_NONE, VM_PROT_READ)) != KERN_SUCCESS)
        return kr;
    if ((copy = copy_create(size, address - start)) == NULL)
        return KERN_RESOURCE_SHORTAGE;
    kr = copy_range(map, start, end, copy);
    if (kr == KERN_SUCCESS)
        kr = clear_edges(copy);
    for (struct copy_segment *s = &copy->first; kr == KERN_SUCCESS && s != NULL; s = s->next)
        kr = vm_object_settle(s->object);
    if (kr != KERN_SUCCESS) {
        vm_map_copy_discard(copy);
        return kr;
    }
    *copyp = copy;
    return KERN_SUCCESS;
}

// ---- copying out ---------------------------------------------------------------------------

// Makes an entry for each segment, from `start` on; all or none.
static bool make_entries(struct vm_map *map, struct vm_map_copy *copy, vm_offset_t start)
{
    unsigned count = 0;

    for (struct copy_segment *s = &copy->first; s != NULL; s = s->next)
        count++;
    if (!map_can_pay(map, count))
        return false;
    for (struct copy_segment *s = &copy->first; s != NULL; s = s->next) {
        s->entry = entry_create(&fresh_entry, start, start + s->size);
        start += s->size;
        if (s->entry != NULL)
            continue;
        for (struct copy_segment *made = &copy->first; made != s; made = made->next)
            entry_destroy(made->entry);
        return false;
    }
    return true;
}

kern_return_t vm_map_copyout(struct vm_map *map, vm_offset_t *address, struct vm_map_copy *copy)
{
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
    size = round_page(copy->offset + copy->size);
    if ((kr = map_find_space(map, 0, size, 0, &start)) != KERN_SUCCESS)
        return kr;
    if (!make_entries(map, copy, start))
        return KERN_RESOURCE_SHORTAGE;
    for (struct copy_segment *s = &copy->first; s != NULL; s = s->next) {
        s->entry->object = s->object;
        entry_insert(map, s->entry);
        zeros |= s->object == NULL;
    }
    *address = start + copy->offset;
    copy_free(copy);
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

// Puts `page` at `offset` of the copy's first object; takes over the caller's hold. False when
// there is none, or memory is short.
static bool put_page(struct vm_map_copy *copy, vm_offset_t offset, struct page *page)
{
    struct page_tree *pages = &copy->first.object->pages;
    struct page_node *leaf = NULL;

    if (page == NULL)
        return false;
    if ((leaf = page_tree_own(pages, offset >> PAGE_SHIFT)) == NULL) {
        page_release(page);
        return false;
    }
    page_tree_set(pages, leaf, offset >> PAGE_SHIFT, page);
    return true;
}

// A page with `size` bytes of contents that come from `from`.
typedef struct page *page_maker(uintptr_t from, vm_size_t size);

// A copy of `size` bytes from `from` on with one new object, whose pages `make` makes.
static kern_return_t copy_of_pages(uintptr_t from, vm_size_t size, page_maker *make,
                                   struct vm_map_copy **copyp)
{
    struct vm_map_copy *copy;

    *copyp = NULL;
    if (size == 0)
        return KERN_SUCCESS;
    if ((copy = copy_create(size, 0)) == NULL)
        return KERN_RESOURCE_SHORTAGE;
    copy_append(copy, vm_object_create(round_page(size)), round_page(size)); // the first: no memory
    for (vm_offset_t at = 0; at < size; at += PAGE_SIZE) {
        vm_size_t part = size - at < PAGE_SIZE ? size - at : PAGE_SIZE;

        if (copy->first.object == NULL || !put_page(copy, at, make(from + at, part))) {
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
