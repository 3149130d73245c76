// SPDX-License-Identifier: BSD-2-Clause
// Giving a message out: from a kernel message to the receiver's names and memory.
//
// What cannot be given for want of room or memory is destroyed and shows as a null name or address;
// the error says so. Nothing arrives that the receiver is not told of: the trap has made sure that the
// receive buffer can be written before it comes here.
#include "ipc/kmsg.h"

#include "ipc/right.h"
#include "ipc/scatter.h"
#include "ipc/space.h"
#include "kern/thread.h"
#include "vm/map.h"
#include "x86/cpu.h"
#include "x86/usercopy.h"

// ---- header ----

// The name under which the receiver knows the port that the message came to; consumes the right that
// the message was sent to.
static mach_port_name_t consume_destination(struct space *space, struct port *dest,
                                            mach_msg_type_name_t type)
{
    mach_port_name_t name = MACH_PORT_DEAD;

    if (!port_valid(dest))
        return name;
    if (dest->active)
        name = dest->receiver == space ? dest->receiver_name : MACH_PORT_NULL;
    if (type == MACH_MSG_TYPE_PORT_SEND_ONCE) {
        dest->sorights--;
        port_release(dest);
    } else {
        port_release_send(dest);
    }
    return name;
}

// Asks for a dead-name notification on a reply right that has just got a new name.
static void notify_on_reply(struct space *space, mach_port_name_t reply, mach_port_name_t notify)
{
    struct entry *entry, *receiver;
    struct port *right, *previous;

    if (find_entry(space, reply, &entry) != KERN_SUCCESS ||
        find_right(space, notify, MACH_PORT_TYPE_RECEIVE, &receiver) != KERN_SUCCESS)
        return;
    right = port_make_send_once(receiver->port);
    if (right_request_dead_name(space, entry, false, right, &previous) != KERN_SUCCESS)
        port_release_send_once(right);
}

void kmsg_copyout_destination(struct space *space, struct kmsg *kmsg)
{
    mach_msg_header_t *header = &kmsg->header;
    mach_msg_type_name_t dest_type = MACH_MSGH_BITS_REMOTE(header->msgh_bits);
    struct port *dest = kmsg_destination(kmsg);

    kmsg_release_body(kmsg, kmsg_descriptor_count(kmsg));
    port_release_right(kmsg_port(header->msgh_local_port),
                       MACH_MSGH_BITS_LOCAL(header->msgh_bits));
    header->msgh_bits = MACH_MSGH_BITS_OTHER(header->msgh_bits) | MACH_MSGH_BITS(0, dest_type);
    header->msgh_local_port = consume_destination(space, dest, dest_type);
    header->msgh_remote_port = MACH_PORT_NULL;
}

static mach_msg_return_t space_error(kern_return_t kr)
{
    return kr == KERN_NO_SPACE ? MACH_MSG_IPC_SPACE : MACH_MSG_IPC_KERNEL;
}

static mach_msg_return_t copyout_header(struct space *space, struct kmsg *kmsg,
                                        mach_port_name_t notify)
{
    mach_msg_header_t *header = &kmsg->header;
    mach_msg_type_name_t dest_type = MACH_MSGH_BITS_REMOTE(header->msgh_bits);
    mach_msg_type_name_t reply_type = MACH_MSGH_BITS_LOCAL(header->msgh_bits);
    struct port *dest = kmsg_destination(kmsg);
    struct port *reply = kmsg_port(header->msgh_local_port);
    mach_port_name_t reply_name;
    kern_return_t kr;
    bool fresh = port_valid(reply) && (reply_type == MACH_MSG_TYPE_PORT_SEND_ONCE ||
                                       !space_find_port(space, reply));

    kr = right_copyout(space, reply, reply_type, &reply_name);
    if (kr != KERN_SUCCESS) {
        kmsg_copyout_destination(space, kmsg);
        return MACH_RCV_HEADER_ERROR | space_error(kr);
    }
    if (notify != MACH_PORT_NULL && fresh && reply_name != MACH_PORT_DEAD)
        notify_on_reply(space, reply_name, notify);
    header->msgh_bits =
        MACH_MSGH_BITS_OTHER(header->msgh_bits) | MACH_MSGH_BITS(reply_type, dest_type);
    header->msgh_local_port = consume_destination(space, dest, dest_type);
    header->msgh_remote_port = reply_name;
    return MACH_MSG_SUCCESS;
}

// ---- body ----

bool buffer_writable(uintptr_t address, mach_msg_size_t size)
{
    uint32_t zero = 0;
    uintptr_t last = address + size - sizeof zero;

    for (; address / PAGE_SIZE != last / PAGE_SIZE; address = (address | (PAGE_SIZE - 1)) + 1) {
        if (address > last || !copy_to_user(address, &zero, sizeof zero))
            return false;
    }
    return copy_to_user(last, &zero, sizeof zero);
}

static mach_msg_return_t copyout_right(struct space *space, mach_port_t *field,
                                       mach_msg_type_name_t type)
{
    struct port *port = kmsg_port(*field);
    kern_return_t kr = right_copyout(space, port, type, field);

    if (kr == KERN_SUCCESS)
        return MACH_MSG_SUCCESS;
    port_release_right(port, type);
    *field = MACH_PORT_NULL;
    return space_error(kr);
}

// What was short when memory could not be given.
static mach_msg_return_t memory_error(kern_return_t kr)
{
    return kr == KERN_RESOURCE_SHORTAGE ? MACH_MSG_VM_KERNEL : MACH_MSG_VM_SPACE;
}

static mach_msg_return_t copyout_memory(struct vm_map *map, mach_msg_ool_descriptor_t *ool,
                                        const mach_msg_descriptor_t *place)
{
    struct vm_map_copy *copy = ool->address;
    bool over = place && copy;
    vm_offset_t address = over ? (vm_offset_t)place->out_of_line.address : 0;
    kern_return_t kr = over ? vm_map_copy_overwrite(map, address, copy)
                            : vm_map_copyout(map, &address, copy);

    ool->deallocate = !over; // fresh memory is the receiver's to give up
    ool->address = (void *)address;
    if (kr == KERN_SUCCESS)
        return MACH_MSG_SUCCESS;
    vm_map_copy_discard(copy);
    ool->address = NULL;
    ool->size = 0;
    return memory_error(kr);
}

// Fresh memory in the current task's map with every page there, so that writing to it cannot fail.
static kern_return_t allocate_pages(struct vm_map *map, vm_offset_t *address, vm_size_t size)
{
    kern_return_t kr = vm_allocate(map, address, size, true);

    if (kr != KERN_SUCCESS || buffer_writable(*address, size))
        return kr;
    vm_deallocate(map, *address, size);
    return KERN_RESOURCE_SHORTAGE;
}

// An array of rights becomes one of names. Memory first: names that nobody can read would be lost.
static mach_msg_return_t copyout_array(struct space *space, struct vm_map *map,
                                       mach_msg_ool_ports_descriptor_t *array,
                                       const mach_msg_descriptor_t *place)
{
    vm_size_t size = array->count * sizeof(mach_port_name_t);
    mach_port_t *fields = array->address;
    vm_offset_t address = place ? (vm_offset_t)place->ool_ports.address : 0;
    mach_msg_return_t mr = MACH_MSG_SUCCESS;
    kern_return_t kr;

    array->address = NULL;
    array->deallocate = !place || size == 0;
    if (size == 0)
        return MACH_MSG_SUCCESS;
    if (place)
        kr = buffer_writable(address, size) ? KERN_SUCCESS : KERN_INVALID_ADDRESS;
    else
        kr = allocate_pages(map, &address, size);
    for (mach_msg_size_t i = 0; i < array->count; i++) {
        if (kr == KERN_SUCCESS)
            mr |= copyout_right(space, &fields[i], array->disposition);
        else
            port_release_right(kmsg_port(fields[i]), array->disposition);
        preemption_point();
    }
    if (kr == KERN_SUCCESS) {
        copy_to_user(address, fields, size);
        array->address = (void *)address;
    } else {
        array->count = 0;
        mr = memory_error(kr);
    }
    kfree(fields);
    return mr;
}

static mach_msg_return_t copyout_body(struct space *space, struct vm_map *map, struct kmsg *kmsg)
{
    const struct scatter *scatter = current_thread()->ipc.scatter;
    mach_msg_size_t count = kmsg_descriptor_count(kmsg), n = 0;
    mach_msg_return_t mr = MACH_MSG_SUCCESS;

    for (mach_msg_size_t i = 0; i < count; i++) {
        mach_msg_descriptor_t *descriptor = &kmsg_descriptors(kmsg)[i];

        switch (descriptor->type.type) {
        case MACH_MSG_PORT_DESCRIPTOR:
            mr |= copyout_right(space, &descriptor->port.name, descriptor->port.disposition);
            break;
        case MACH_MSG_OOL_PORTS_DESCRIPTOR:
            mr |= copyout_array(space, map, &descriptor->ool_ports, scatter_place(scatter, n++));
            break;
        default:
            mr |= copyout_memory(map, &descriptor->out_of_line, scatter_place(scatter, n++));
            break;
        }
    }
    return mr;
}

mach_msg_return_t kmsg_copyout(struct space *space, struct vm_map *map, struct kmsg *kmsg,
                               mach_port_name_t notify)
{
    mach_msg_return_t mr = copyout_header(space, kmsg, notify);

    if (mr != MACH_MSG_SUCCESS)
        return mr;
    mr = copyout_body(space, map, kmsg);
    return mr == MACH_MSG_SUCCESS ? MACH_MSG_SUCCESS : MACH_RCV_BODY_ERROR | mr;
}

mach_msg_return_t kmsg_copyout_pseudo(struct space *space, struct vm_map *map, struct kmsg *kmsg)
{
    mach_msg_header_t *header = &kmsg->header;
    mach_msg_return_t mr;

    mr = copyout_right(space, &header->msgh_remote_port, MACH_MSGH_BITS_REMOTE(header->msgh_bits));
    mr |= copyout_right(space, &header->msgh_local_port, MACH_MSGH_BITS_LOCAL(header->msgh_bits));
    return mr | copyout_body(space, map, kmsg);
}
