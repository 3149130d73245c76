// SPDX-License-Identifier: BSD-2-Clause
// The vm_* calls that are more than an operation on a map (map.c), as the generated server makes
// them; what each does and answers stands in <mach/mach.defs>. On KERN_SUCCESS a call has consumed the
// copy it was given, otherwise not.
#include "mach_server.h"

#include "mach_host_server.h"
#include "minato_server.h"
#include "vm/entry.h"
#include "vm/object.h"
#include "vm/pager.h"
#include "vm/paging.h"

kern_return_t vm_read(vm_map_t map, vm_address_t address, vm_size_t size, vm_map_copy_t *data,
                      mach_msg_type_number_t *data_count)
{
    kern_return_t kr;

    kr = vm_map_copyin(map, address, size, data);
    *data_count = kr == KERN_SUCCESS ? size : 0;
    return kr;
}

kern_return_t vm_write(vm_map_t map, vm_address_t address, vm_map_copy_t data,
                       mach_msg_type_number_t data_count)
{
    if (data_count != vm_map_copy_size(data))
        return KERN_INVALID_ARGUMENT;
    return vm_map_copy_overwrite(map, address, data);
}

kern_return_t vm_copy(vm_map_t map, vm_address_t source_address, vm_size_t size,
                      vm_address_t dest_address)
{
    struct vm_map_copy *copy;
    kern_return_t kr;

    kr = vm_map_copyin(map, source_address, size, &copy);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = vm_map_copy_overwrite(map, dest_address, copy);
    if (kr != KERN_SUCCESS)
        vm_map_copy_discard(copy);
    return kr;
}

kern_return_t minato_vm_region(vm_map_t map, vm_address_t *address, vm_size_t *size,
                               minato_vm_region_t *info)
{
    struct vm_map_entry *e = map->alive ? entry_from(map, *address) : NULL;
    vm_offset_t at;

    if (e == NULL)
        return KERN_INVALID_ADDRESS;
    *address = e->start;
    *size = e->end - e->start;
    *info = (minato_vm_region_t){
        .protection = (natural_t)e->protection,
        .max_protection = (natural_t)e->max_protection,
        .inheritance = (natural_t)e->inheritance,
        .shared = e->shared,
        .wired = e->wired,
        .offset = e->offset,
    };
    if (e->object != NULL) {
        info->object = (natural_t)virt_to_phys(e->object); // a number as good as any
        info->object_refs = e->object->refs;
        info->pager = vm_object_may_block(e->object);
    }
    for (at = pmap_next(&map->pmap, *address, *address + *size); at < *address + *size;
         at = pmap_next(&map->pmap, at + PAGE_SIZE, *address + *size)) {
        info->resident_pages++;
        preemption_point();
    }
    return KERN_SUCCESS;
}

// The i386 keeps its caches coherent with memory and with each other, without being told.
kern_return_t vm_machine_attribute(vm_map_t map, vm_address_t address, vm_size_t size,
                                   vm_machine_attribute_t attribute,
                                   vm_machine_attribute_val_t *value)
{
    vm_offset_t start, end;
    kern_return_t kr;

    if (!map->alive)
        return KERN_INVALID_ARGUMENT;
    kr = map_check(map, address, size, VM_PROT_NONE, VM_PROT_NONE, &start, &end);
    if (kr != KERN_SUCCESS)
        return kr;
    if (attribute != MATTR_CACHE)
        return attribute == MATTR_MIGRATE || attribute == MATTR_REPLICATE ? KERN_NOT_SUPPORTED
                                                                          : KERN_INVALID_ARGUMENT;
    switch (*value) {
    case MATTR_VAL_ON:
    case MATTR_VAL_GET:
        *value = MATTR_VAL_ON;
        return KERN_SUCCESS;
    case MATTR_VAL_CACHE_FLUSH:
    case MATTR_VAL_DCACHE_FLUSH:
    case MATTR_VAL_ICACHE_FLUSH:
    case MATTR_VAL_CACHE_SYNC:
        return KERN_SUCCESS;
    default:
        return *value == MATTR_VAL_OFF ? KERN_NOT_SUPPORTED : KERN_INVALID_ARGUMENT;
    }
}

kern_return_t vm_map(vm_map_t map, vm_address_t *address, vm_size_t size, vm_address_t mask,
                     boolean_t anywhere, ipc_port_t memory_object, vm_offset_t offset,
                     boolean_t copy, vm_prot_t cur_protection, vm_prot_t max_protection,
                     vm_inherit_t inheritance)
{
    struct vm_object *object = port_object(memory_object, PORT_MEMORY_OBJECT);
    kern_return_t kr;

    if (object != NULL) {
        if (max_protection & VM_PROT_WRITE)
            return KERN_PROTECTION_FAILURE;
        vm_object_reference(object);
    } else if (memory_object != NULL &&
               (kr = vm_pager_object(memory_object, &object)) != KERN_SUCCESS) {
        return kr;
    }
    if (object != NULL && paging_is_space(object)) { // its pages are other programs' memory
        vm_object_deallocate(object);
        return KERN_INVALID_OBJECT;
    }
    kr = vm_map_enter(map, address, size, mask, anywhere, object, offset, copy, cur_protection,
                      max_protection, inheritance);
    if (object == NULL)
        return kr;
    if (kr == KERN_SUCCESS && object->pager != NULL &&
        (kr = vm_pager_initialize(object->pager)) != KERN_SUCCESS)
        vm_deallocate(map, *address, size);
    vm_object_deallocate(object);
    if (kr == KERN_SUCCESS)
        port_release_send(memory_object);
    return kr;
}
