// SPDX-License-Identifier: BSD-2-Clause
// Taking a message in: from the sender's bytes, names and memory to a kernel message.
//
// All or nothing, in three steps. First everything that may block or fail without a trace: copies of out-of-line memory, arrays of names. Then, without blocking, every right that the message
// takes is *promised* on its entry (so two descriptors cannot both have the last reference). When all
// could be, they are taken, which cannot fail: first those that leave their source as it was, so that
// a message may copy and move the same right, then the others; last, memory sent with `deallocate`
// goes.
#include "ipc/kmsg.h"

#include "ipc/right.h"
#include "ipc/space.h"
#include "lib/slab.h"
#include "vm/map.h"
#include "x86/cpu.h"
#include "x86/usercopy.h"

// Larger physical copies are made copy-on-write all the same: nobody can tell, but for the alignment.
#define PHYSICAL_COPY_MAX 0x10000u
#define OOL_PORTS_MAX 32768u

// A region to take from the sender once the message is sure to go.
struct deallocation {
    vm_offset_t address;
    vm_size_t size;
};

struct copyin {
    struct space *space;
    struct vm_map *map;
    struct kmsg *kmsg;
    mach_msg_type_name_t dest_type, reply_type;
    struct entry *dest, *reply; // promised; reply NULL: the field holds no name
    struct deallocation *deallocations;
    unsigned deallocation_count;
};

mach_msg_type_name_t right_carried(mach_msg_type_name_t type)
{
    switch (type) {
    case MACH_MSG_TYPE_COPY_SEND:
    case MACH_MSG_TYPE_MAKE_SEND:
        return MACH_MSG_TYPE_PORT_SEND;
    case MACH_MSG_TYPE_MAKE_SEND_ONCE:
        return MACH_MSG_TYPE_PORT_SEND_ONCE;
    default:
        return type;
    }
}

static bool name_valid(mach_port_name_t name)
{
    return name != MACH_PORT_NULL && name != MACH_PORT_DEAD;
}

// ---- the header ----

static mach_msg_return_t check_header(struct copyin *c)
{
    const mach_msg_header_t *header = &c->kmsg->header;

    c->dest_type = MACH_MSGH_BITS_REMOTE(header->msgh_bits);
    c->reply_type = MACH_MSGH_BITS_LOCAL(header->msgh_bits);
    if (header->msgh_bits & ~MACH_MSGH_BITS_USER)
        return MACH_SEND_INVALID_HEADER;
    if (!MACH_MSG_TYPE_PORT_ANY_SEND(c->dest_type))
        return MACH_SEND_INVALID_HEADER;
    if (c->reply_type == 0 ? header->msgh_local_port != MACH_PORT_NULL
                           : !MACH_MSG_TYPE_PORT_ANY_SEND(c->reply_type))
        return MACH_SEND_INVALID_HEADER;
    return MACH_MSG_SUCCESS;
}

// Promises destination and reply right; on error nothing is promised.
static mach_msg_return_t promise_header(struct copyin *c)
{
    const mach_msg_header_t *header = &c->kmsg->header;
    struct entry *dest = space_lookup(c->space, header->msgh_remote_port);
    struct entry *reply = NULL;

    if (!dest || !(dest->type & MACH_PORT_TYPE_PORT_RIGHTS) || !right_promise(dest, c->dest_type))
        return MACH_SEND_INVALID_DEST;
    if (name_valid(header->msgh_local_port)) {
        reply = space_lookup(c->space, header->msgh_local_port);
        if (!reply || !right_promise(reply, c->reply_type)) {
            right_unpromise(dest, c->dest_type);
            return MACH_SEND_INVALID_REPLY;
        }
    }
    c->dest = dest;
    c->reply = reply;
    return MACH_MSG_SUCCESS;
}

static void unpromise_header(struct copyin *c)
{
    right_unpromise(c->dest, c->dest_type);
    if (c->reply)
        right_unpromise(c->reply, c->reply_type);
}

static void take_dest(struct copyin *c)
{
    c->kmsg->header.msgh_remote_port = kmsg_field(right_take(c->space, c->dest, c->dest_type));
}

static void take_reply(struct copyin *c)
{
    c->kmsg->header.msgh_local_port = kmsg_field(right_take(c->space, c->reply, c->reply_type));
}

// ---- the body: what may block ----

static mach_msg_return_t memory_error(kern_return_t kr)
{
    return kr == KERN_RESOURCE_SHORTAGE ? MACH_SEND_NO_BUFFER : MACH_SEND_INVALID_MEMORY;
}

static mach_msg_return_t copy_physically(vm_offset_t address, vm_size_t size,
                                         struct vm_map_copy **copy)
{
    void *buffer = kmalloc(size);
    kern_return_t kr;

    if (!buffer)
        return MACH_SEND_NO_BUFFER;
    if (copy_from_user(buffer, address, size))
        kr = vm_map_copy_from_kernel(buffer, size, copy);
    else
        kr = KERN_INVALID_ADDRESS;
    kfree(buffer);
    return kr == KERN_SUCCESS ? MACH_MSG_SUCCESS : memory_error(kr);
}

static mach_msg_return_t gather_memory(struct copyin *c, mach_msg_ool_descriptor_t *ool)
{
    vm_offset_t address = (vm_offset_t)ool->address;
    struct vm_map_copy *copy = NULL;
    mach_msg_return_t mr = MACH_MSG_SUCCESS;
    kern_return_t kr;

    if (ool->copy != MACH_MSG_PHYSICAL_COPY && ool->copy != MACH_MSG_VIRTUAL_COPY)
        return MACH_SEND_INVALID_TYPE;
    if (ool->size != 0 && ool->copy == MACH_MSG_PHYSICAL_COPY && ool->size <= PHYSICAL_COPY_MAX) {
        mr = copy_physically(address, ool->size, &copy);
    } else if (ool->size != 0) {
        kr = vm_map_copyin(c->map, address, ool->size, &copy);
        if (kr != KERN_SUCCESS)
            mr = memory_error(kr);
    }
    if (mr == MACH_MSG_SUCCESS)
        ool->address = copy;
    return mr;
}

static mach_msg_return_t gather_names(mach_msg_ool_ports_descriptor_t *array)
{
    vm_size_t size = array->count * sizeof(mach_port_name_t);
    void *names = NULL;

    if (array->copy != MACH_MSG_PHYSICAL_COPY && array->copy != MACH_MSG_VIRTUAL_COPY)
        return MACH_SEND_INVALID_TYPE;
    if (!MACH_MSG_TYPE_PORT_ANY(array->disposition))
        return MACH_SEND_INVALID_TYPE;
    if (array->count > OOL_PORTS_MAX)
        return MACH_SEND_NO_BUFFER;
    if (size != 0) {
        names = kmalloc(size);
        if (!names)
            return MACH_SEND_NO_BUFFER;
        if (!copy_from_user(names, (uintptr_t)array->address, size)) {
            kfree(names);
            return MACH_SEND_INVALID_MEMORY;
        }
    }
    array->address = names;
    return MACH_MSG_SUCCESS;
}

// Replaces one descriptor's user address by a kernel object, and notes what is to be deallocated.
static mach_msg_return_t gather_descriptor(struct copyin *c, mach_msg_descriptor_t *descriptor)
{
    struct deallocation region = {(vm_offset_t)descriptor->out_of_line.address, 0};
    bool deallocate = descriptor->out_of_line.deallocate;
    mach_msg_return_t mr;

    switch (descriptor->type.type) {
    case MACH_MSG_PORT_DESCRIPTOR:
        return MACH_MSG_TYPE_PORT_ANY(descriptor->port.disposition) ? MACH_MSG_SUCCESS
                                                                    : MACH_SEND_INVALID_TYPE;
    case MACH_MSG_OOL_DESCRIPTOR:
    case MACH_MSG_OOL_VOLATILE_DESCRIPTOR:
        region.size = descriptor->out_of_line.size;
        mr = gather_memory(c, &descriptor->out_of_line);
        break;
    case MACH_MSG_OOL_PORTS_DESCRIPTOR:
        region.size = descriptor->ool_ports.count * sizeof(mach_port_name_t);
        mr = gather_names(&descriptor->ool_ports);
        break;
    default:
        return MACH_SEND_INVALID_TYPE;
    }
    if (mr == MACH_MSG_SUCCESS && deallocate && region.size != 0)
        c->deallocations[c->deallocation_count++] = region;
    return mr;
}

// Undoes gather_descriptor for the first `count` descriptors: what was copied, and no rights yet.
static void ungather(struct kmsg *kmsg, mach_msg_size_t count)
{
    for (mach_msg_size_t i = 0; i < count; i++) {
        mach_msg_descriptor_t *descriptor = &kmsg_descriptors(kmsg)[i];

        if (descriptor->type.type == MACH_MSG_OOL_PORTS_DESCRIPTOR)
            kfree(descriptor->ool_ports.address);
        else if (descriptor->type.type != MACH_MSG_PORT_DESCRIPTOR)
            vm_map_copy_discard(descriptor->out_of_line.address);
    }
}

static mach_msg_return_t gather_body(struct copyin *c)
{
    struct kmsg *kmsg = c->kmsg;
    mach_msg_size_t room = kmsg->header.msgh_size - sizeof(mach_msg_header_t);
    mach_msg_size_t count;
    mach_msg_return_t mr;

    if (room < sizeof(mach_msg_body_t))
        return MACH_SEND_MSG_TOO_SMALL;
    count = kmsg_body(kmsg)->msgh_descriptor_count;
    if (count > (room - sizeof(mach_msg_body_t)) / sizeof(mach_msg_descriptor_t))
        return MACH_SEND_MSG_TOO_SMALL;
    if (count == 0)
        return MACH_MSG_SUCCESS;
    c->deallocations = kmalloc(count * sizeof *c->deallocations);
    if (!c->deallocations)
        return MACH_SEND_NO_BUFFER;
    for (mach_msg_size_t i = 0; i < count; i++) {
        mr = gather_descriptor(c, &kmsg_descriptors(kmsg)[i]);
        if (mr != MACH_MSG_SUCCESS) {
            ungather(kmsg, i);
            return mr;
        }
    }
    return MACH_MSG_SUCCESS;
}

// ---- the body: its rights ----

typedef kern_return_t (*right_visitor)(struct copyin *c, mach_port_t *field,
                                       mach_msg_type_name_t type);

// Calls `visit` for each valid name in the body until one fails or `limit` have been visited; counts
// the successful visits in *visited.
static kern_return_t for_each_right(struct copyin *c, right_visitor visit, unsigned limit,
                                    unsigned *visited)
{
    mach_msg_size_t count = kmsg_descriptor_count(c->kmsg);

    *visited = 0;
    for (mach_msg_size_t i = 0; i < count; i++) {
        mach_msg_descriptor_t *descriptor = &kmsg_descriptors(c->kmsg)[i];
        mach_port_t *fields = &descriptor->port.name;
        mach_msg_size_t n = 1;
        mach_msg_type_name_t type = descriptor->port.disposition;

        if (descriptor->type.type == MACH_MSG_OOL_PORTS_DESCRIPTOR) {
            fields = descriptor->ool_ports.address;
            n = descriptor->ool_ports.count;
            type = descriptor->ool_ports.disposition;
        } else if (descriptor->type.type != MACH_MSG_PORT_DESCRIPTOR) {
            n = 0;
        }
        for (mach_msg_size_t k = 0; k < n; k++) {
            kern_return_t kr;

            preemption_point();
            if (!name_valid(fields[k]))
                continue;
            if (*visited == limit)
                return KERN_SUCCESS;
            kr = visit(c, &fields[k], type);
            if (kr != KERN_SUCCESS)
                return kr;
            (*visited)++;
        }
    }
    return KERN_SUCCESS;
}

static kern_return_t visit_promise(struct copyin *c, mach_port_t *field, mach_msg_type_name_t type)
{
    struct entry *entry = space_lookup(c->space, *field);

    return entry && right_promise(entry, type) ? KERN_SUCCESS : KERN_INVALID_RIGHT;
}

static kern_return_t visit_unpromise(struct copyin *c, mach_port_t *field,
                                     mach_msg_type_name_t type)
{
    right_unpromise(space_lookup(c->space, *field), type);
    return KERN_SUCCESS;
}

static kern_return_t visit_take_keeping(struct copyin *c, mach_port_t *field,
                                        mach_msg_type_name_t type)
{
    if (right_keeps_source(type))
        *field = kmsg_field(right_take(c->space, space_lookup(c->space, *field), type));
    return KERN_SUCCESS;
}

static kern_return_t visit_take_moving(struct copyin *c, mach_port_t *field,
                                       mach_msg_type_name_t type)
{
    if (!right_keeps_source(type))
        *field = kmsg_field(right_take(c->space, space_lookup(c->space, *field), type));
    return KERN_SUCCESS;
}

static mach_msg_return_t promise_all(struct copyin *c)
{
    mach_msg_return_t mr = promise_header(c);
    unsigned promised, undone;

    if (mr != MACH_MSG_SUCCESS || kmsg_descriptor_count(c->kmsg) == 0)
        return mr;
    if (for_each_right(c, visit_promise, ~0u, &promised) == KERN_SUCCESS)
        return MACH_MSG_SUCCESS;
    for_each_right(c, visit_unpromise, promised, &undone);
    unpromise_header(c);
    return MACH_SEND_INVALID_RIGHT;
}

// The dispositions become those that the message carries.
static void mark_carried(struct copyin *c)
{
    mach_msg_header_t *header = &c->kmsg->header;
    mach_msg_size_t count = kmsg_descriptor_count(c->kmsg);

    header->msgh_bits = MACH_MSGH_BITS_OTHER(header->msgh_bits) |
                        MACH_MSGH_BITS(right_carried(c->dest_type), right_carried(c->reply_type));
    for (mach_msg_size_t i = 0; i < count; i++) {
        mach_msg_descriptor_t *descriptor = &kmsg_descriptors(c->kmsg)[i];

        if (descriptor->type.type == MACH_MSG_PORT_DESCRIPTOR)
            descriptor->port.disposition = right_carried(descriptor->port.disposition);
        else if (descriptor->type.type == MACH_MSG_OOL_PORTS_DESCRIPTOR)
            descriptor->ool_ports.disposition = right_carried(descriptor->ool_ports.disposition);
    }
}

// Cannot fail: everything is promised. What keeps its source goes first.
static void take_all(struct copyin *c)
{
    bool body = kmsg_descriptor_count(c->kmsg) != 0;
    unsigned visited;

    if (right_keeps_source(c->dest_type))
        take_dest(c);
    if (c->reply && right_keeps_source(c->reply_type))
        take_reply(c);
    if (body)
        for_each_right(c, visit_take_keeping, ~0u, &visited);
    if (!right_keeps_source(c->dest_type))
        take_dest(c);
    if (c->reply && !right_keeps_source(c->reply_type))
        take_reply(c);
    if (body)
        for_each_right(c, visit_take_moving, ~0u, &visited);
    mark_carried(c);
}

// ---- all of it ----

static mach_msg_return_t copyin_message(struct copyin *c)
{
    mach_msg_return_t mr = check_header(c);

    if (mr != MACH_MSG_SUCCESS)
        return mr;
    if (c->kmsg->header.msgh_bits & MACH_MSGH_BITS_COMPLEX) {
        // A bad header is reported before a bad body, and before anything is copied.
        mr = promise_header(c);
        if (mr != MACH_MSG_SUCCESS)
            return mr;
        unpromise_header(c);
        mr = gather_body(c);
        if (mr != MACH_MSG_SUCCESS)
            return mr;
    }
    mr = promise_all(c);
    if (mr != MACH_MSG_SUCCESS) {
        ungather(c->kmsg, kmsg_descriptor_count(c->kmsg));
        return mr;
    }
    take_all(c);
    return MACH_MSG_SUCCESS;
}

mach_msg_return_t kmsg_copyin(struct space *space, struct vm_map *map, struct kmsg *kmsg)
{
    struct copyin c = {.space = space, .map = map, .kmsg = kmsg};
    mach_msg_return_t mr = copyin_message(&c);

    if (mr == MACH_MSG_SUCCESS) {
        for (unsigned i = 0; i < c.deallocation_count; i++)
            vm_deallocate(map, c.deallocations[i].address, c.deallocations[i].size);
    } else {
        kmsg_free(kmsg);
    }
    kfree(c.deallocations);
    return mr;
}

kern_return_t right_copyin(struct space *space, mach_port_name_t name, mach_msg_type_name_t type,
                           struct port **port)
{
    struct entry *entry = space_lookup(space, name);

    if (!entry)
        return KERN_INVALID_NAME;
    if (!right_promise(entry, type))
        return KERN_INVALID_RIGHT;
    *port = right_take(space, entry, type);
    return KERN_SUCCESS;
}
