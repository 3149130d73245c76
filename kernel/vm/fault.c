// SPDX-License-Identifier: BSD-2-Clause
// Page faults: from an address to its entry, from there to the object's page, and into the page
// table. docs/fault.md follows one through. Read next: vm_object_page in object.c.
#include "kern/task.h"
#include "kern/thread.h"
#include "kern/trace.h"
#include "vm/entry.h"
#include "vm/object.h"
#include "vm/page.h"
#include "vm/pager.h"
#include "vm/paging.h"
#include "x86/upcall.h"

// What the page table may allow: writing only to a page that the object holds alone, as it does
// after a fault for writing. If it does so after one for reading, that is granted at once, which
// spares the next.
static vm_prot_t hardware_protection(struct page_tree *pages, vm_offset_t offset,
                                     vm_prot_t protection, bool exclusive)
{
    if ((protection & VM_PROT_WRITE) == 0)
        return protection;
    if (!exclusive)
        page_tree_lookup(pages, offset >> PAGE_SHIFT, &exclusive);
    if (!exclusive)
        return protection & ~VM_PROT_WRITE;
    page_tree_mark_writable(pages, offset >> PAGE_SHIFT);
    return protection;
}

// vm_object_page for an entry's object that may have to wait; *allowed becomes what the pager, too,
// permits. True in *again: it has waited, and the entry may be gone.
static kern_return_t wait_page(struct vm_map *map, struct vm_object *object, vm_offset_t offset,
                               bool write, struct page **page, vm_prot_t *allowed, bool *again)
{
    uint32_t version = map->version;
    kern_return_t kr;

    map->refs++;
    vm_object_reference(object);
    kr = vm_object_page(object, offset, write, page);
    *again = map->version != version || !map->alive;
    if (kr == KERN_SUCCESS && object->pager != NULL) // who may read may execute
        *allowed &= ~(vm_pager_denies(object->pager, *page, write) & VM_PROT_WRITE);
    vm_object_deallocate(object);
    vm_map_deallocate(map);
    return kr;
}

static kern_return_t map_device(struct vm_map *map, struct vm_map_entry *e, vm_offset_t address)
{
    uintptr_t physical = e->object->physical + e->offset + (address - e->start);

    page_unmap(&map->pmap, address); // it may be there with less protection
    return pmap_enter(&map->pmap, address, physical, e->protection) == PMAP_ENTERED
               ? KERN_SUCCESS : KERN_RESOURCE_SHORTAGE;
}

// Inlined in both that follow: faults of threads are many.
static inline __attribute__((always_inline)) kern_return_t fault(struct vm_map *map,
                                                                 vm_offset_t address,
                                                                 vm_prot_t protection)
{
    bool write = (protection & VM_PROT_WRITE) != 0;
    bool again;

    address = trunc_page(address);
    do {
        struct vm_map_entry *e = entry_find(map, address);
        vm_prot_t allowed;
        vm_offset_t offset;
        struct page *page;
        kern_return_t kr;

        if (e == NULL)
            return KERN_INVALID_ADDRESS;
        allowed = e->protection;
        if ((protection & ~allowed) != 0)
            return KERN_PROTECTION_FAILURE;
        if (!entry_materialize(e))
            return KERN_RESOURCE_SHORTAGE;
        offset = e->offset + (address - e->start);
        again = false;
        kr = vm_object_may_block(e->object)
                 ? PAGE_ELSEWHERE
                 : vm_object_page_now(e->object, offset, write, &page);
        if (kr != KERN_SUCCESS) {
            if (e->object->device)
                return map_device(map, e, address);
            kr = wait_page(map, e->object, offset, write, &page, &allowed, &again);
            if (kr != KERN_SUCCESS)
                return kr;
            if (again) // what others have mapped meanwhile, this fault may have replaced in the object
                page_unmap(&map->pmap, address);
        }
        if (!again && !page_map(page, &map->pmap, address,
                                hardware_protection(&e->object->pages, offset, allowed, write))) {
            if ((kr = pageout_wait()) != KERN_SUCCESS)
                return kr;
            again = true;
        }
    } while (again);
    return KERN_SUCCESS;
}

kern_return_t vm_fault(struct vm_map *map, vm_offset_t address, vm_prot_t protection)
{
    return fault(map, address, protection);
}

// On the i386 whoever may write may read, and a fetch of an instruction looks like a read.
kern_return_t resolve_page_fault(uintptr_t address, bool write)
{
    struct task *task = current_thread()->task;
    unsigned copied;
    uint64_t begin;
    kern_return_t kr;

    if (task == NULL)
        return KERN_INVALID_ADDRESS;
    if (tracing())
        trace_fault(address, write);
    begin = thread_system_begin();
    copied = vm_object_pages_copied;
    kr = fault(task->map, address, write ? VM_PROT_READ | VM_PROT_WRITE : VM_PROT_READ);
    task->events.faults++;
    task->events.cow_faults += vm_object_pages_copied - copied;
    thread_system_end(begin);
    return kr;
}
