// SPDX-License-Identifier: BSD-2-Clause
// What a pager answers and commands: the memory_object_* calls on control ports, as the generated
// server makes them (contracts: <mach/mach.defs>), and vm_msync. A control port that stands for
// nothing any more never comes this far. Read first: pager.h.
#include "mach_server.h"
#include "memory_object_user.h"

#include <mach/error.h>
#include "vm/copy.h"
#include "vm/entry.h"
#include "vm/object.h"
#include "vm/pager.h"
#include "x86/cpu.h"

#define CLUSTER_MAX 0x40000u // bytes asked for at a time at most
#define OBJECT_PAGES (VM_MAX_ADDRESS >> PAGE_SHIFT)

// The pages of a range of bytes, as far as an object can have them; the last may be before the first.
// False: `offset` is no page's.
static bool pages_of(vm_offset_t offset, vm_size_t size, uint32_t *first, uint32_t *end)
{
    uint32_t count = (size >> PAGE_SHIFT) + ((size & PAGE_MASK) != 0);

    *first = offset >> PAGE_SHIFT;
    *end = *first > OBJECT_PAGES || count > OBJECT_PAGES - *first ? OBJECT_PAGES : *first + count;
    return page_aligned(offset);
}

// ---- attributes ----------------------------------------------------------------------------

static const struct flavor {
    memory_object_flavor_t flavor;
    unsigned words;
    uint8_t word[MEMORY_OBJECT_BEHAVE_INFO_COUNT]; // enum pager_setting
} flavors[] = {
    {MEMORY_OBJECT_ATTRIBUTE_INFO, MEMORY_OBJECT_ATTR_INFO_COUNT,
     {PAGER_COPY_STRATEGY, PAGER_CLUSTER, PAGER_MAY_CACHE, PAGER_TEMPORARY}},
    {MEMORY_OBJECT_PERFORMANCE_INFO, MEMORY_OBJECT_PERF_INFO_COUNT, {PAGER_CLUSTER, PAGER_MAY_CACHE}},
    {MEMORY_OBJECT_BEHAVIOR_INFO, MEMORY_OBJECT_BEHAVE_INFO_COUNT,
     {PAGER_COPY_STRATEGY, PAGER_TEMPORARY}},
    {MINATO_MEMORY_OBJECT_LIMIT_INFO, MINATO_MEMORY_OBJECT_LIMIT_INFO_COUNT, {PAGER_LIMIT}},
    {MINATO_MEMORY_OBJECT_SIZE_INFO, MINATO_MEMORY_OBJECT_SIZE_INFO_COUNT, {PAGER_SIZE}},
};

// NULL: there is no such flavor, or it has more words than that.
static const struct flavor *flavor_find(memory_object_flavor_t flavor, unsigned words)
{
    for (unsigned i = 0; i < sizeof flavors / sizeof flavors[0]; i++)
        if (flavors[i].flavor == flavor)
            return flavors[i].words <= words ? &flavors[i] : NULL;
    return NULL;
}

kern_return_t memory_object_get_attributes(memory_object_control_t object,
                                           memory_object_flavor_t flavor,
                                           memory_object_info_t attributes,
                                           mach_msg_type_number_t *count)
{
    const struct flavor *f = flavor_find(flavor, *count);

    if (f == NULL)
        return KERN_INVALID_ARGUMENT;
    for (unsigned i = 0; i < f->words; i++)
        attributes[i] = object->pager->setting[f->word[i]];
    *count = f->words;
    return KERN_SUCCESS;
}

static bool settings_valid(const struct pager *pager, const int *setting)
{
    int copy = setting[PAGER_COPY_STRATEGY];
    unsigned cluster = (unsigned)setting[PAGER_CLUSTER], limit = (unsigned)setting[PAGER_LIMIT];

    if (copy != MEMORY_OBJECT_COPY_NONE && copy != MEMORY_OBJECT_COPY_DELAY)
        return false;
    if (pager->ready && copy != pager->setting[PAGER_COPY_STRATEGY])
        return false;
    return setting[PAGER_NOTHING] == 0 && cluster != 0 && page_aligned(cluster) && limit != 0 &&
           limit <= MINATO_MEMORY_OBJECT_LIMIT_MAX;
}

kern_return_t memory_object_change_attributes(memory_object_control_t object,
                                              memory_object_flavor_t flavor,
                                              memory_object_info_t attributes,
                                              mach_msg_type_number_t count, ipc_port_t reply_to)
{
    const struct flavor *f = flavor_find(flavor, count);
    struct pager *pager = object->pager;
    int setting[PAGER_SETTINGS];

    if (f == NULL)
        return KERN_INVALID_ARGUMENT;
    memcpy(setting, pager->setting, sizeof setting);
    for (unsigned i = 0; i < f->words; i++)
        setting[f->word[i]] = attributes[i] | (f->word[i] == PAGER_NOTHING ? setting[0] : 0);
    if (!settings_valid(pager, setting))
        return KERN_INVALID_ARGUMENT;
    if ((unsigned)setting[PAGER_CLUSTER] > CLUSTER_MAX)
        setting[PAGER_CLUSTER] = CLUSTER_MAX;
    memcpy(pager->setting, setting, sizeof setting);
    if (flavor < MINATO_MEMORY_OBJECT_LIMIT_INFO)
        vm_pager_ready(pager);
    if (port_valid(reply_to))
        memory_object_change_completed(reply_to, port_make_send(pager->control), flavor);
    return KERN_SUCCESS;
}

// ---- data ----------------------------------------------------------------------------------

// The page at `at` of what a pager supplies, with a hold for the caller: the very page if it belongs
// to no other pager's object and is no record's twin, as it may become another's. May block on
// another pager.
static kern_return_t supplied_page(struct vm_map_copy *data, vm_offset_t at, struct page **page)
{
    kern_return_t kr;

    if (data->offset == 0) {
        if ((kr = copy_page(data, at, page)) != KERN_SUCCESS)
            return kr;
        if (*page != NULL && !(*page)->managed && !(*page)->paging) {
            page_hold(*page);
            return KERN_SUCCESS;
        }
    }
    if ((*page = page_alloc()) == NULL)
        return KERN_RESOURCE_SHORTAGE;
    kr = vm_map_copy_read(data, at, page_address(*page), PAGE_SIZE);
    if (kr != KERN_SUCCESS)
        page_release(*page);
    return kr;
}

// Makes what is at `at` of the data the object's page `i`. KERN_MEMORY_PRESENT: there is one, which
// stays; a precious one then goes back to the pager.
static kern_return_t supply_page(struct vm_object *object, uint32_t i, struct vm_map_copy *data,
                                 vm_offset_t at, vm_prot_t lock, bool precious)
{
    struct page_node *leaf = NULL;
    struct page *page;
    kern_return_t kr = supplied_page(data, at, &page);

    if (kr != KERN_SUCCESS)
        return kr;
    if (object->pager->port == NULL) // meanwhile
        kr = KERN_MEMORY_FAILURE;
    else if (page_tree_find(&object->pages, i) != NULL)
        kr = KERN_MEMORY_PRESENT;
    else if ((leaf = page_tree_own(&object->pages, i)) == NULL)
        kr = KERN_RESOURCE_SHORTAGE;
    if (kr == KERN_MEMORY_PRESENT && precious)
        vm_pager_send_pages(object->pager, &page, 1, i << PAGE_SHIFT, false, false);
    if (kr != KERN_SUCCESS) {
        page_release(page);
        return kr;
    }
    page_collect_modified(page); // by whoever made the contents
    vm_pager_manage(object->pager, page);
    page->precious = precious;
    vm_pager_set_lock(object->pager, page, lock);
    page_tree_set(&object->pages, leaf, i, page);
    if (object->size <= i << PAGE_SHIFT)
        object->size = (i + 1) << PAGE_SHIFT;
    return KERN_SUCCESS;
}

kern_return_t memory_object_data_supply(memory_object_control_t object, vm_offset_t offset,
                                        vm_map_copy_t data, mach_msg_type_number_t size,
                                        vm_prot_t lock_value, boolean_t precious,
                                        ipc_port_t reply_to)
{
    struct pager *pager = object->pager;
    kern_return_t kr = KERN_SUCCESS, result = KERN_SUCCESS;
    vm_offset_t error_offset = 0;
    uint32_t first, end;

    if (!pages_of(offset, trunc_page(size), &first, &end) || (lock_value & ~VM_PROT_ALL) != 0 ||
        size != vm_map_copy_size(data))
        return KERN_INVALID_ARGUMENT;
    for (uint32_t i = first; i < end && pager->port != NULL && kr == KERN_SUCCESS; i++) {
        kr = supply_page(object, i, data, (i - first) << PAGE_SHIFT, lock_value, precious);
        if (kr != KERN_SUCCESS && result == KERN_SUCCESS) {
            result = kr;
            error_offset = i << PAGE_SHIFT;
        }
        if (kr == KERN_SUCCESS) // page-out may have taken it while it was locked
            vm_pager_answer(pager, i, i, ASKED_DATA | ASKED_UNLOCK, kr);
        else if (kr == KERN_MEMORY_PRESENT)
            kr = KERN_SUCCESS;
        else
            vm_pager_answer(pager, i, end - 1, ASKED_DATA, kr);
        preemption_point();
    }
    vm_map_copy_discard(data);
    if (pager->port == NULL)
        port_release_send_once(reply_to);
    else if (port_valid(reply_to))
        memory_object_supply_completed(reply_to, port_make_send(pager->control), offset, size, result,
                                       error_offset);
    return KERN_SUCCESS;
}

// The pages of a range that the pager has been asked for get this answer.
static kern_return_t answer_range(struct vm_object *object, vm_offset_t offset, vm_size_t size,
                                  kern_return_t answer)
{
    uint32_t first, end;

    if (!pages_of(offset, size, &first, &end))
        return KERN_INVALID_ARGUMENT;
    if (first < end)
        vm_pager_answer(object->pager, first, end - 1, ASKED_DATA, answer);
    return KERN_SUCCESS;
}

kern_return_t memory_object_data_unavailable(memory_object_control_t object, vm_offset_t offset,
                                             vm_size_t size)
{
    return answer_range(object, offset, size, PAGER_HAS_NONE);
}

// Codes of the kernel's own, and MIG's, would be mistaken for something else.
kern_return_t memory_object_data_error(memory_object_control_t object, vm_offset_t offset,
                                       vm_size_t size, kern_return_t reason)
{
    if (reason < 0 || err_get_system(reason) == err_kern)
        reason = KERN_MEMORY_ERROR;
    return answer_range(object, offset, size, reason);
}

// ---- commands ------------------------------------------------------------------------------

static void lock_pages(struct vm_object *object, uint32_t first, uint32_t end, vm_prot_t lock)
{
    struct page *page;

    for (uint32_t i = first; (page = page_tree_next(&object->pages, &i)) != NULL && i < end; i++) {
        if (vm_pager_owns(object->pager, page))
            vm_pager_set_lock(object->pager, page, lock);
        preemption_point();
    }
}

kern_return_t memory_object_lock_request(memory_object_control_t object, vm_offset_t offset,
                                         vm_size_t size, memory_object_return_t should_return,
                                         boolean_t should_flush, vm_prot_t lock_value,
                                         ipc_port_t reply_to)
{
    static const unsigned kinds[] = {
        [MEMORY_OBJECT_RETURN_NONE] = 0,
        [MEMORY_OBJECT_RETURN_DIRTY] = PAGES_DIRTY,
        [MEMORY_OBJECT_RETURN_ALL] = PAGES_DIRTY | PAGES_PRECIOUS,
        [MEMORY_OBJECT_RETURN_ANYTHING] = PAGES_DIRTY | PAGES_PRECIOUS | PAGES_CLEAN,
    };
    struct pager *pager = object->pager;
    kern_return_t kr = KERN_SUCCESS;
    uint32_t first, end;

    if (!pages_of(offset, size, &first, &end) || should_return < MEMORY_OBJECT_RETURN_NONE ||
        should_return > MEMORY_OBJECT_RETURN_ANYTHING ||
        (lock_value != VM_PROT_NO_CHANGE && (lock_value & ~VM_PROT_ALL) != 0))
        return KERN_INVALID_ARGUMENT;
    if (first < end) {
        kr = vm_object_return(object, first, end - 1, kinds[should_return], should_flush);
        if (kr == KERN_SUCCESS && lock_value != VM_PROT_NO_CHANGE)
            lock_pages(object, first, end, lock_value);
        vm_pager_answer(pager, first, end - 1, ASKED_UNLOCK, KERN_SUCCESS); // those look again
    }
    if (kr == KERN_SUCCESS && port_valid(reply_to))
        memory_object_lock_completed(reply_to, port_make_send(pager->control), offset, size);
    return kr;
}

kern_return_t memory_object_synchronize_completed(memory_object_control_t object, vm_offset_t offset,
                                                  vm_size_t length)
{
    vm_pager_synchronized(object->pager, offset, length);
    return KERN_SUCCESS;
}

// The manual: `reason` is ignored.
kern_return_t memory_object_destroy(memory_object_control_t object, kern_return_t reason)
{
    vm_pager_terminate(object->pager);
    return KERN_SUCCESS;
}

// ---- vm_msync ------------------------------------------------------------------------------

static kern_return_t sync_object(struct vm_object *object, vm_offset_t offset, vm_size_t size,
                                 vm_sync_t flags)
{
    bool write = (flags & (VM_SYNC_SYNCHRONOUS | VM_SYNC_ASYNCHRONOUS)) != 0;
    unsigned which = write ? PAGES_DIRTY | PAGES_PRECIOUS : PAGES_PRECIOUS;
    bool kill = (flags & VM_SYNC_KILLPAGES) != 0;
    kern_return_t kr;

    if (!object->pager->ready)
        return KERN_SUCCESS;
    kr = vm_object_return(object, offset >> PAGE_SHIFT, (offset + size - 1) >> PAGE_SHIFT,
                          kill ? 0 : which, kill || (flags & VM_SYNC_INVALIDATE) != 0);
    if (kr != KERN_SUCCESS || kill)
        return kr;
    return vm_pager_synchronize(object->pager, offset, size, flags);
}

kern_return_t vm_msync(vm_map_t map, vm_address_t address, vm_size_t size, vm_sync_t flags)
{
    vm_sync_t both = VM_SYNC_SYNCHRONOUS | VM_SYNC_ASYNCHRONOUS;
    bool discards = (flags & VM_SYNC_KILLPAGES) != 0 ||
                    ((flags & VM_SYNC_INVALIDATE) != 0 && (flags & both) == 0);
    vm_offset_t start, end, stop;
    kern_return_t kr;

    if (!map->alive || (flags & both) == both || (flags & ~VM_SYNC_VALID) != 0)
        return KERN_INVALID_ARGUMENT;
    if (size == 0)
        return KERN_SUCCESS;
    kr = map_check(map, address, size, VM_PROT_NONE, discards ? VM_PROT_WRITE : VM_PROT_NONE,
                   &start, &end);
    for (; kr == KERN_SUCCESS && start < end; start = stop) {
        struct vm_map_entry *e = entry_find(map, start);
        struct vm_object *object = e == NULL ? NULL : e->object;

        if (e == NULL)
            return KERN_INVALID_ADDRESS; // gone, while this thread waited
        stop = e->end < end ? e->end : end;
        if (object == NULL || object->pager == NULL)
            continue;
        vm_object_reference(object);
        kr = sync_object(object, e->offset + (start - e->start), stop - start, flags);
        vm_object_deallocate(object);
    }
    return kr;
}
