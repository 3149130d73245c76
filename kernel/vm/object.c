// SPDX-License-Identifier: BSD-2-Clause
// Memory objects: finding a page (vm_object_page, the one place that decides between "present",
// "zero-fill", "copy first" and "ask the pager and wait"), and copying (vm_object_copy).
// Read first: object.h. Read next: page_tree.c, fault.c.
#include "vm/object.h"
#include <stddef.h>
#include "lib/assert.h"
#include "lib/slab.h"
#include "lib/string.h"
#include "vm/page.h"

struct slab_cache vm_object_cache =
    SLAB_CACHE(vm_object_cache, "memory object", sizeof(struct vm_object));
kern_return_t (*vm_pager_request)(struct vm_object *object, vm_offset_t offset, vm_prot_t access);
unsigned vm_object_upsets;
unsigned vm_object_pages_copied, vm_object_pages_asked;

// ---- life ----------------------------------------------------------------------------------

struct vm_object *vm_object_create(vm_size_t size)
{
    struct vm_object *object = slab_alloc(&vm_object_cache);

    if (object == NULL)
        return NULL;
    object->refs = 1;
    object->shared = false;
    object->size = size;
    page_tree_init(&object->pages);
    object->pager = NULL;
    object->backing = NULL;
    object->backing_offset = 0;
    list_init(&object->pending);
    waitq_init(&object->busy_wait);
    return object;
}

void vm_object_reference(struct vm_object *object)
{
    object->refs++;
}

static void pending_drop(struct page *page)
{
    list_remove(&page->link);
    page_release(page);
}

void vm_object_deallocate(struct vm_object *object)
{
    // A backing object may go with its last copy: a loop, so that the depth stays one.
    while (object != NULL && --object->refs == 0) {
        struct vm_object *backing = object->backing;

        while (!list_empty(&object->pending))
            pending_drop(container_of(object->pending.next, struct page, link));
        page_tree_clear(&object->pages);
        slab_free(&vm_object_cache, object);
        object = backing;
    }
}

bool vm_object_grow(struct vm_object *object, vm_size_t size)
{
    uint32_t pages = (object->size >> PAGE_SHIFT) + (size >> PAGE_SHIFT);

    if (pages > TREE_PAGES_MAX - object->pages.base || vm_object_may_block(object))
        return false;
    object->size += size;
    return true;
}

void vm_object_forget(struct vm_object *object, vm_offset_t offset, vm_size_t size)
{
    bool gone = page_tree_remove(&object->pages, offset >> PAGE_SHIFT, size >> PAGE_SHIFT);

    // What lies at the end and is certainly zero now can be grown into again.
    if (gone && offset + size == object->size)
        object->size = offset;
}

// ---- copies --------------------------------------------------------------------------------

// What `copy` does not have, it finds where `object` would.
static void set_backing(struct vm_object *copy, struct vm_object *object, vm_offset_t offset)
{
    copy->backing = object->pager != NULL ? object : object->backing;
    copy->backing_offset = object->pager != NULL ? offset : object->backing_offset + offset;
    vm_object_reference(copy->backing);
}

struct vm_object *vm_object_copy(struct vm_object *object, vm_offset_t offset, vm_size_t size)
{
    struct vm_object *copy = vm_object_create(size);

    if (copy == NULL)
        return NULL;
    if (offset == 0 && size == object->size) {
        page_tree_share(&object->pages, &copy->pages);
    } else if (!page_tree_slice(&object->pages, offset >> PAGE_SHIFT, size >> PAGE_SHIFT,
                                &copy->pages)) {
        vm_object_deallocate(copy);
        return NULL;
    }
    if (vm_object_may_block(object))
        set_backing(copy, object, offset);
    return copy;
}

// ---- pagers --------------------------------------------------------------------------------

struct page *vm_object_pending(struct vm_object *object, vm_offset_t offset)
{
    list_for_each(l, &object->pending) {
        struct page *page = container_of(l, struct page, link);

        if (page->index == offset >> PAGE_SHIFT)
            return page;
    }
    return NULL;
}

void vm_object_answer(struct vm_object *object, vm_offset_t offset, kern_return_t result)
{
    struct page *page = vm_object_pending(object, offset);
    struct page_node *leaf = NULL;

    if (page == NULL)
        return;
    page->busy = page->absent = false;
    if (result == KERN_SUCCESS)
        leaf = page_tree_own(&object->pages, page->index);
    if (leaf != NULL) {
        list_remove(&page->link);
        page_tree_set(&object->pages, leaf, page->index, page);
    } else {
        page->error = true; // stays until somebody has been told
    }
    waitq_wake_all(&object->busy_wait, WAIT_AWAKENED);
}

// Puts a busy, absent page on the pending list and asks the pager for its contents.
static kern_return_t pager_ask(struct vm_object *object, vm_offset_t offset, bool write)
{
    struct page *page = page_alloc();
    kern_return_t kr;

    if (page == NULL)
        return KERN_RESOURCE_SHORTAGE;
    vm_object_pages_asked++;
    page->busy = page->absent = true;
    page->index = offset >> PAGE_SHIFT;
    list_insert_tail(&object->pending, &page->link);
    kr = vm_pager_request(object, offset, write ? VM_PROT_READ | VM_PROT_WRITE : VM_PROT_READ);
    if (kr != KERN_SUCCESS && (page = vm_object_pending(object, offset)) != NULL)
        pending_drop(page);
    return kr;
}

// Waits until the pager has answered about the page at `offset`, asking it first if nobody has.
// KERN_SUCCESS: look again.
static kern_return_t pager_wait(struct vm_object *object, vm_offset_t offset, bool write)
{
    struct page *page = vm_object_pending(object, offset);
    kern_return_t kr;

    if (page == NULL) {
        if ((kr = pager_ask(object, offset, write)) != KERN_SUCCESS)
            return kr;
        page = vm_object_pending(object, offset);
    }
    if (page == NULL)
        return KERN_SUCCESS; // answered already
    if (page->error) {
        pending_drop(page);
        return KERN_MEMORY_ERROR;
    }
    vm_object_upsets++;
    switch (waitq_wait(&object->busy_wait, WAIT_FOREVER, true, "page")) {
    case WAIT_AWAKENED:
        return KERN_SUCCESS;
    case WAIT_INTERRUPTED:
        return KERN_ABORTED;
    case WAIT_TIMED_OUT:
    case WAIT_DESTROYED:
        return KERN_MEMORY_FAILURE;
    }
    return KERN_FAILURE;
}

// ---- pages ---------------------------------------------------------------------------------

// Takes over the page that the backing object has at that place.
static kern_return_t take_from_backing(struct vm_object *object, vm_offset_t offset)
{
    struct page *page;
    kern_return_t kr = vm_object_page(object->backing, object->backing_offset + offset, false,
                                      &page);
    struct page_node *leaf;
    bool exclusive;

    if (kr != KERN_SUCCESS)
        return kr;
    if (page_tree_lookup(&object->pages, offset >> PAGE_SHIFT, &exclusive) != NULL)
        return KERN_SUCCESS; // somebody else did it while we waited
    if ((leaf = page_tree_own(&object->pages, offset >> PAGE_SHIFT)) == NULL)
        return KERN_RESOURCE_SHORTAGE;
    vm_object_upsets++;
    page_write_protect(page);
    page_hold(page);
    page_tree_set(&object->pages, leaf, offset >> PAGE_SHIFT, page);
    return KERN_SUCCESS;
}

static kern_return_t zero_fill(struct vm_object *object, vm_offset_t offset, struct page **page)
{
    struct page_node *leaf = page_tree_own(&object->pages, offset >> PAGE_SHIFT);

    if (leaf == NULL || (*page = page_alloc_zeroed()) == NULL)
        return KERN_RESOURCE_SHORTAGE;
    page_tree_set(&object->pages, leaf, offset >> PAGE_SHIFT, *page);
    return KERN_SUCCESS;
}

// Gives the object a page of its own with the contents of *page, unless by now it holds that alone
// (an allocation that digs for memory may have buried the other holder). Whoever mapped the old one
// in the object's name must not see it any more: if that may be others than the caller, it is
// unmapped here.
static kern_return_t copy_on_write(struct vm_object *object, vm_offset_t offset, struct page **page)
{
    struct page_node *leaf = page_tree_own(&object->pages, offset >> PAGE_SHIFT);
    struct page *own;

    if (leaf == NULL)
        return KERN_RESOURCE_SHORTAGE;
    own = page_alloc();
    if ((*page)->holders == 1) {
        if (own != NULL)
            page_release(own);
        return KERN_SUCCESS;
    }
    if (own == NULL)
        return KERN_RESOURCE_SHORTAGE;
    memcpy(page_address(own), page_address(*page), PAGE_SIZE);
    vm_object_pages_copied++;
    if (object->shared)
        page_unmap_everywhere(*page);
    page_tree_set(&object->pages, leaf, offset >> PAGE_SHIFT, own);
    *page = own;
    return KERN_SUCCESS;
}

kern_return_t vm_object_page(struct vm_object *object, vm_offset_t offset, bool write,
                             struct page **page)
{
    for (;;) {
        bool exclusive;
        kern_return_t kr;

        *page = page_tree_lookup(&object->pages, offset >> PAGE_SHIFT, &exclusive);
        if (*page != NULL && (exclusive || !write))
            return KERN_SUCCESS;
        if (*page != NULL)
            return copy_on_write(object, offset, page);
        if (!vm_object_may_block(object))
            return zero_fill(object, offset, page);
        kr = object->pager != NULL ? pager_wait(object, offset, write)
                                   : take_from_backing(object, offset);
        if (kr != KERN_SUCCESS)
            return kr;
    }
}
