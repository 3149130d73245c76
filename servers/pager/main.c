// SPDX-License-Identifier: BSD-2-Clause
// The default pager: where the kernel leaves pages of memory without a pager when it needs the room.
//
// It is a pager as any other (include/mach/memory_object.defs) with one memory object, the paging space,
// which it gives the kernel (host_default_memory_manager). The kernel decides which page lies where.
//
// Whoever needs one of those pages waits for us, and so do we if we need one ourselves: for ever. So all
// our memory is wired before the first page can come, and from then on we take no more: no malloc, no
// stdio, no reply port. Messages are received and pages sent from static memory. One thread; it calls
// nobody but the kernel.
#include "store.h"

#include <mach/bootstrap.h>
#include <mach/mach.h>
#include <mach/memory_object_server.h>
#include <program.h>
#include <stdio.h>

static char page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE))); // on its way to the kernel

static void drop(mach_port_t right)
{
    if (MACH_PORT_VALID(right))
        mach_port_deallocate(mach_task_self(), right);
}

// ---- what the kernel asks and tells -----------------------------------------------------------

kern_return_t memory_object_init(mach_port_t object, mach_port_t control, vm_size_t page_size)
{
    memory_object_attr_info_data_t ready = {.copy_strategy = MEMORY_OBJECT_COPY_NONE,
                                            .cluster_size = page_size};
    minato_memory_object_size_info_data_t size = {store_size()};

    (void)object;
    memory_object_change_attributes(control, MINATO_MEMORY_OBJECT_SIZE_INFO,
                                    (memory_object_info_t)&size,
                                    MINATO_MEMORY_OBJECT_SIZE_INFO_COUNT, MACH_PORT_NULL);
    memory_object_change_attributes(control, MEMORY_OBJECT_ATTRIBUTE_INFO,
                                    (memory_object_info_t)&ready, MEMORY_OBJECT_ATTR_INFO_COUNT,
                                    MACH_PORT_NULL);
    drop(control);
    return KERN_SUCCESS;
}

// The kernel takes a copy-on-write copy of `page`, so the next one finds another page there: still
// wired, and in the place of a page that the kernel has got.
kern_return_t memory_object_data_request(mach_port_t object, mach_port_t control,
                                         vm_offset_t offset, vm_size_t length, vm_prot_t access)
{
    (void)object, (void)access;
    for (vm_size_t done = 0; done < length; done += sizeof(page)) {
        kern_return_t result = store_read(offset + done, page);

        if (result == KERN_SUCCESS)
            memory_object_data_supply(control, offset + done, (vm_offset_t)page, sizeof(page),
                                      FALSE, VM_PROT_NONE, FALSE, MACH_PORT_NULL);
        else
            memory_object_data_error(control, offset + done, sizeof(page), result);
    }
    drop(control);
    return KERN_SUCCESS;
}

kern_return_t memory_object_data_return(mach_port_t object, mach_port_t control, vm_offset_t offset,
                                        vm_offset_t data, mach_msg_type_number_t size,
                                        boolean_t dirty, boolean_t kernel_copy)
{
    (void)object, (void)dirty, (void)kernel_copy;
    for (vm_size_t done = 0; done < size; done += PAGE_SIZE)
        store_write(offset + done, (const char *)data + done);
    vm_deallocate(mach_task_self(), data, size);
    drop(control);
    return KERN_SUCCESS;
}

// The kernel has another paging space now, or nobody uses this one.
kern_return_t memory_object_terminate(mach_port_t object, mach_port_t control)
{
    (void)object;
    mach_port_mod_refs(mach_task_self(), control, MACH_PORT_RIGHT_RECEIVE, -1);
    return KERN_SUCCESS;
}

// Pages here are never locked, nothing is asked of the kernel, and nobody maps the object but it.
kern_return_t memory_object_data_unlock(mach_port_t object, mach_port_t control, vm_offset_t offset,
                                        vm_size_t length, vm_prot_t access)
{
    (void)object, (void)control, (void)offset, (void)length, (void)access;
    return KERN_FAILURE;
}

kern_return_t memory_object_lock_completed(mach_port_t reply, mach_port_t control,
                                           vm_offset_t offset, vm_size_t length)
{
    (void)reply, (void)control, (void)offset, (void)length;
    return KERN_FAILURE;
}

kern_return_t memory_object_supply_completed(mach_port_t reply, mach_port_t control,
                                             vm_offset_t offset, vm_size_t length,
                                             kern_return_t result, vm_offset_t error_offset)
{
    (void)reply, (void)control, (void)offset, (void)length, (void)result, (void)error_offset;
    return KERN_FAILURE;
}

kern_return_t memory_object_synchronize(mach_port_t object, mach_port_t control, vm_offset_t offset,
                                        vm_size_t length, vm_sync_t flags)
{
    (void)object, (void)control, (void)offset, (void)length, (void)flags;
    return KERN_FAILURE;
}

kern_return_t memory_object_change_completed(mach_port_t reply, mach_port_t control,
                                             memory_object_flavor_t flavor)
{
    (void)reply, (void)control, (void)flavor;
    return KERN_FAILURE;
}

// ---- receiving --------------------------------------------------------------------------------

// What was refused may have brought rights.
__attribute__((noreturn)) static void serve(mach_port_t object)
{
    static union {
        mach_msg_header_t header;
        union __RequestUnion__memory_object_subsystem request;
        char room[1024];
    } request;
    static mig_reply_error_t reply;

    for (;;) {
        if (mach_msg(&request.header, MACH_RCV_MSG, 0, sizeof(request), object,
                     MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL) != MACH_MSG_SUCCESS)
            continue;
        memory_object_server(&request.header, &reply.Head);
        if (reply.RetCode != KERN_SUCCESS && reply.RetCode != MIG_NO_REPLY)
            mach_msg_destroy(&request.header);
    }
}

// ---- the beginning ----------------------------------------------------------------------------

static kern_return_t begin(mach_port_t *object)
{
    mach_port_t host, device, wired, paged, security, manager;
    kern_return_t result = bootstrap_ports(bootstrap_port, &host, &device, &wired, &paged, &security);

    if (result == KERN_SUCCESS)
        result = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, object);
    if (result == KERN_SUCCESS)
        result = program_wire(host, mach_task_self());
    if (result == KERN_SUCCESS)
        result = store_open(device);
    manager = *object;
    if (result == KERN_SUCCESS)
        result = host_default_memory_manager(host, &manager, PAGE_SIZE);
    return result;
}

int main(void)
{
    mach_port_t object;

    kern_return_t result = begin(&object);

    if (result != KERN_SUCCESS) {
        fprintf(stderr, "pager: %s\n", mach_error_string(result));
        return 1;
    }
    serve(object);
}
