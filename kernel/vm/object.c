// SPDX-License-Identifier: BSD-2-Clause
// Memory objects: finding a page (vm_object_page, the one place that decides between "present",
// "zero-fill", "copy first" and "ask the pager and wait"), and copying (vm_object_copy).
// Read first: object.h. Read next: page_tree.c, fault.c, pager.c.
#include "vm/object.h"
#include "kern/ledger.h"
#include "vm/page.h"
#include "vm/pager.h"
#include "vm/paging.h"
#include "x86/cpu.h"

struct slab_cache vm_object_cache =
    SLAB_CACHE(vm_object_cache, "memory object", sizeof(struct vm_object));
unsigned vm_object_upsets;
unsigned vm_object_pages_copied, vm_object_pages_asked, vm_object_pages_zeroed;

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
    object->stays = false;
    list_init(&object->copy_link);
    list_insert_tail(&vm_objects, &object->link);
    object->device = false;
    return object;
}

struct vm_object *vm_object_device(uintptr_t physical, vm_size_t size, bool owned)
{
    struct ledger *payer = owned ? current_ledger() : NULL;
    struct vm_object *object;

    if (!ledger_charge(payer, MINATO_LIMIT_PAGES, size >> PAGE_SHIFT))
        return NULL;
    if ((object = vm_object_create(size)) == NULL) {
        ledger_credit(payer, MINATO_LIMIT_PAGES, size >> PAGE_SHIFT);
        return NULL;
    }
    object->payer = payer != NULL ? payer->number : 0;
    object->device = true;
    object->owned = owned;
    object->physical = physical;
    object->backing = object;
    return object;
}

static void device_free(struct vm_object *object)
{
    object->backing = NULL;
    if (object->owned)
        kfree(phys_to_virt(object->physical));
    ledger_credit(ledgers[object->payer], MINATO_LIMIT_PAGES, object->size >> PAGE_SHIFT);
}

void vm_object_reference(struct vm_object *object)
{
    object->refs++;
}

void vm_object_deallocate(struct vm_object *object)
{
    // A backing object may go with its last copy: a loop, so that the depth stays one.
    while (object != NULL && --object->refs == 0) {
        struct vm_object *backing;

        if (object->pager != NULL && !vm_pager_let_go(object))
            return;
        list_remove(&object->copy_link);
        list_remove(&object->link);
        if (object->device)
            device_free(object);
        backing = object->backing;
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
    list_insert_tail(&copy->backing->pager->copies, &copy->copy_link);
}

struct vm_object *vm_object_copy(struct vm_object *object, vm_offset_t offset, vm_size_t size)
{
    struct vm_object *copy = object->device ? NULL : vm_object_create(size);

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
    if (object->pager != NULL && !vm_pager_hide_locked(object->pager, copy)) {
        vm_object_deallocate(copy);
        return NULL;
    }
    return copy;
}

// ---- pages ---------------------------------------------------------------------------------

static kern_return_t zero_fill(struct vm_object *object, vm_offset_t offset, struct page **page)
{
    if ((*page = page_alloc_zeroed()) == NULL ||
        !page_tree_put(&object->pages, offset >> PAGE_SHIFT, *page))
        return KERN_RESOURCE_SHORTAGE;
    vm_object_pages_zeroed++;
    return KERN_SUCCESS;
}

// Gives the object a page of its own with the contents of *page, unless by now it holds that alone
// (an allocation that digs for memory may have buried the other holder). Whoever mapped the old one
// in the object's name must not see it any more: if that may be others than the caller, it is
// unmapped here.
static inline kern_return_t copy_on_write(struct vm_object *object, vm_offset_t offset, struct page **page)
{
    struct page_node *leaf = page_tree_own(&object->pages, offset >> PAGE_SHIFT);
    struct page *own;

    if (leaf == NULL)
        return KERN_RESOURCE_SHORTAGE;
    own = (*page)->holders == 1 ? NULL : page_alloc();
    if ((*page)->holders == 1) {
        if (own != NULL)
            page_release(own);
        if ((*page)->paging)
            paging_part(*page);
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

kern_return_t vm_object_page_now(struct vm_object *object, vm_offset_t offset, bool write,
                                 struct page **page)
{
    bool exclusive;

    *page = page_tree_lookup(&object->pages, offset >> PAGE_SHIFT, &exclusive);
    if (*page == NULL)
        return zero_fill(object, offset, page);
    if ((*page)->paged_out)
        return PAGE_ELSEWHERE;
    return exclusive || !write ? KERN_SUCCESS : copy_on_write(object, offset, page);
}

// ---- pages that may have to be waited for ---------------------------------------------------

// `page`, which another object has, becomes the object's page `i` as well. False when memory is short.
static bool put_shared(struct vm_object *object, uint32_t i, struct page *page)
{
    page_write_protect(page);
    page_hold(page);
    return page_tree_put(&object->pages, i, page);
}

// Shares a page of the backing object.
static kern_return_t take_page(struct vm_object *object, vm_offset_t offset, struct page *page)
{
    if (page_tree_find(&object->pages, offset >> PAGE_SHIFT) != NULL)
        return KERN_SUCCESS; // somebody else did it while we waited
    vm_object_upsets++;
    return put_shared(object, offset >> PAGE_SHIFT, page) ? KERN_SUCCESS : KERN_RESOURCE_SHORTAGE;
}

// Takes over the page that the backing object has at that place.
static kern_return_t take_from_backing(struct vm_object *object, vm_offset_t offset)
{
    struct vm_object *backing = object->backing;
    struct page *page;
    kern_return_t kr;

    vm_object_reference(backing); // vm_object_settle may let go of it meanwhile
    kr = vm_object_page(backing, object->backing_offset + offset, false, &page);
    // What the object has let go of meanwhile must not come back: it may become fresh memory, or be that.
    if (kr == KERN_SUCCESS && object->backing == backing)
        kr = offset < object->size ? take_page(object, offset, page) : KERN_INVALID_ADDRESS;
    vm_object_deallocate(backing);
    return kr;
}

// Before `page` of a pager's object is written to, all copies get it that have none of their own.
static kern_return_t hand_to_copies(struct vm_object *object, vm_offset_t offset, struct page *page)
{
    list_for_each(link, &object->pager->copies) {
        struct vm_object *copy = container_of(link, struct vm_object, copy_link);
        uint32_t i = (offset - copy->backing_offset) >> PAGE_SHIFT;

        preemption_point();
        if (offset - copy->backing_offset < copy->size &&
            page_tree_find(&copy->pages, i) == NULL && !put_shared(copy, i, page))
            return KERN_RESOURCE_SHORTAGE;
    }
    return KERN_SUCCESS;
}

// The page is not there and must come from elsewhere. KERN_SUCCESS: look again.
static kern_return_t bring(struct vm_object *object, vm_offset_t offset, vm_prot_t access,
                           uint64_t *deadline)
{
    struct page *page;
    kern_return_t kr;

    if (object->device)
        return KERN_PROTECTION_FAILURE;
    if (object->pager == NULL)
        return object->backing != NULL ? take_from_backing(object, offset)
                                       : zero_fill(object, offset, &page);
    kr = vm_pager_wait(object, offset, access, deadline);
    if (kr != PAGER_HAS_NONE)
        return kr;
    if (page_tree_find(&object->pages, offset >> PAGE_SHIFT) != NULL)
        return KERN_SUCCESS;
    if (object->backing != NULL)
        return take_from_backing(object, offset);
    kr = zero_fill(object, offset, &page);
    if (kr == KERN_SUCCESS)
        vm_pager_manage(object->pager, page);
    return kr;
}

// Makes `page`, which is there, one that the object's users may write to. *page NULL: it is not there any
// more.
static kern_return_t make_writable(struct vm_object *object, vm_offset_t offset, struct page **page)
{
    struct page *old = *page;
    kern_return_t kr = KERN_SUCCESS;
    bool exclusive;

    page_hold(old);
    if (object->pager != NULL)
        kr = hand_to_copies(object, offset, old);
    page_release(old);
    if (page_tree_lookup(&object->pages, offset >> PAGE_SHIFT, &exclusive) != old)
        *page = NULL;
    if (kr != KERN_SUCCESS || *page == NULL || exclusive)
        return kr;
    kr = copy_on_write(object, offset, page);
    if (object->pager != NULL && *page != old) // others hold that still
        vm_pager_replace(object->pager, old, *page);
    return kr;
}

// vm_object_page for an object that may have to wait for others.
static kern_return_t page_of_others(struct vm_object *object, vm_offset_t offset, bool write,
                                    struct page **page)
{
    vm_prot_t access = write ? VM_PROT_READ | VM_PROT_WRITE : VM_PROT_READ;
    uint64_t deadline = 0;
    kern_return_t kr;

    do {
        bool exclusive;

        *page = page_tree_lookup(&object->pages, offset >> PAGE_SHIFT, &exclusive);
        if (*page == NULL) {
            kr = bring(object, offset, access, &deadline);
        } else if ((*page)->paged_out) {
            return PAGE_ELSEWHERE;
        } else if (object->pager != NULL && vm_pager_lock(object->pager, *page) & access) {
            kr = vm_pager_wait(object, offset, access, &deadline);
            *page = NULL;
        } else {
            kr = write ? make_writable(object, offset, page) : KERN_SUCCESS;
        }
    } while (kr == KERN_SUCCESS && *page == NULL);
    return kr;
}

kern_return_t vm_object_page(struct vm_object *object, vm_offset_t offset, bool write,
                             struct page **page)
{
    kern_return_t kr;

    do {
        kr = vm_object_may_block(object) ? page_of_others(object, offset, write, page)
                                         : vm_object_page_now(object, offset, write, page);
        if (kr == PAGE_ELSEWHERE)
            kr = paging_in(object, offset >> PAGE_SHIFT, *page);
        else if (kr == KERN_RESOURCE_SHORTAGE)
            kr = pageout_wait();
        else
            return kr;
    } while (kr == KERN_SUCCESS);
    return kr;
}

kern_return_t vm_object_settle(struct vm_object *copy)
{
    struct vm_object *backing = copy == NULL ? NULL : copy->backing;

    if (backing == NULL || backing == copy ||
        backing->pager->setting[PAGER_COPY_STRATEGY] != MEMORY_OBJECT_COPY_NONE)
        return KERN_SUCCESS;
    for (vm_offset_t offset = 0; offset < copy->size; offset += PAGE_SIZE) {
        struct page *page;
        kern_return_t kr = vm_object_page(copy, offset, false, &page);

        if (kr != KERN_SUCCESS)
            return kr;
        preemption_point();
    }
    if (copy->backing != NULL) { // nobody else has done it
        list_remove(&copy->copy_link);
        copy->backing = NULL;
        vm_object_deallocate(backing);
    }
    return KERN_SUCCESS;
}
