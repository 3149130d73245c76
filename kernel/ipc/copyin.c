// SPDX-License-Identifier: BSD-2-Clause
// Taking a message in: from the sender's names and memory to a kernel message.
//
// All or nothing, in three steps. First everything that may block or fail without a trace: copies of
// out-of-line memory, arrays of names. Then, without blocking, every right that the message takes is
// *promised* on its entry (so two descriptors cannot both have the last reference). When all could be,
// they are taken, which cannot fail: first those that leave their source as it was, so that a message may
// copy and move the same right, then the others; last, memory sent with `deallocate` goes.
#include "ipc/kmsg.h"

#include "ipc/right.h"
#include "ipc/space.h"
#include "kern/ledger.h"
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

// A right that the message names.
struct named_right {
    mach_port_t *name;         // in the message
    struct entry *entry;       // once it is promised
    mach_msg_type_name_t type; // how it is to be taken
};
#define FEW_RIGHTS 8u

struct copyin {
    struct space *space;
    struct vm_map *map;
    struct kmsg *kmsg;
    struct named_right *rights, few[FEW_RIGHTS];
    unsigned right_count;
    struct deallocation *deallocations;
    unsigned deallocation_count;
};

static bool name_valid(mach_port_name_t name)
{
    return name != MACH_PORT_NULL && name != MACH_PORT_DEAD;
}

// ---- memory: what may block ----

static mach_msg_return_t memory_error(kern_return_t kr)
{
    return kr == KERN_RESOURCE_SHORTAGE ? MACH_SEND_NO_BUFFER : MACH_SEND_INVALID_MEMORY;
}

// The buffer is the sender's to pay for as long as it is there: the copy may wait for a pager.
static mach_msg_return_t copy_physically(struct ledger *payer, vm_offset_t address, vm_size_t size,
                                         struct vm_map_copy **copy)
{
    kern_return_t kr = KERN_RESOURCE_SHORTAGE;
    void *buffer;

    if (!ledger_charge(payer, MINATO_LIMIT_MESSAGE_BYTES, size))
        return MACH_SEND_NO_BUFFER;
    buffer = kmalloc(size);
    if (buffer && copy_from_user(buffer, address, size))
        kr = vm_map_copy_from_kernel(buffer, size, copy);
    else if (buffer)
        kr = KERN_INVALID_ADDRESS;
    kfree(buffer);
    ledger_credit(payer, MINATO_LIMIT_MESSAGE_BYTES, size);
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
        mr = copy_physically(c->space->ledger, address, ool->size, &copy);
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
    for (mach_msg_size_t i = 0; i < count; i++)
        kmsg_release_memory(&kmsg_descriptors(kmsg)[i]);
}

// Copying may wait for a pager, for ever: the message is paid for before.
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
    if (!kmsg_pay(kmsg, c->space->ledger))
        return MACH_SEND_NO_BUFFER;
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

// ---- rights: promised, then taken ----

static void note_right(struct copyin *c, mach_port_t *name, mach_msg_type_name_t type)
{
    c->rights[c->right_count++] = (struct named_right){.name = name, .type = type};
}

static void note_header(struct copyin *c)
{
    mach_msg_header_t *header = &c->kmsg->header;

    note_right(c, &header->msgh_remote_port, MACH_MSGH_BITS_REMOTE(header->msgh_bits));
    if (name_valid(header->msgh_local_port))
        note_right(c, &header->msgh_local_port, MACH_MSGH_BITS_LOCAL(header->msgh_bits));
}

// Notes the valid names in the body, behind those of the header. False: no memory for so many.
static bool note_body(struct copyin *c)
{
    mach_msg_size_t descriptors = kmsg_descriptor_count(c->kmsg), most = c->right_count, n;
    mach_msg_type_name_t type;
    mach_port_t *names;

    for (mach_msg_size_t i = 0; i < descriptors; i++)
        most += kmsg_rights(&kmsg_descriptors(c->kmsg)[i], &names, &type);
    if (most > FEW_RIGHTS) {
        c->rights = kmalloc(most * sizeof(c->rights[0]));
        if (!c->rights)
            return false;
        memcpy(c->rights, c->few, c->right_count * sizeof(c->rights[0]));
    }
    for (mach_msg_size_t i = 0; i < descriptors; i++) {
        n = kmsg_rights(&kmsg_descriptors(c->kmsg)[i], &names, &type);
        for (mach_msg_size_t k = 0; k < n; k++) {
            preemption_point();
            if (name_valid(names[k]))
                note_right(c, &names[k], type);
        }
    }
    return true;
}

static void unpromise(struct copyin *c, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        right_unpromise(c->rights[i].entry, c->rights[i].type);
        preemption_point();
    }
}

// Promises all the rights that have been noted; on error none.
static mach_msg_return_t promise(struct copyin *c)
{
    for (unsigned i = 0; i < c->right_count; i++) {
        struct named_right *right = &c->rights[i];

        preemption_point();
        right->entry = space_lookup(c->space, *right->name);
        // The first is the destination, which must be a right to a port, dead or alive.
        if (right->entry && (i > 0 || (right->entry->type & MACH_PORT_TYPE_PORT_RIGHTS)) &&
            right_promise(right->entry, right->type))
            continue;
        unpromise(c, i);
        return i == 0 ? MACH_SEND_INVALID_DEST
               : right->name == &c->kmsg->header.msgh_local_port ? MACH_SEND_INVALID_REPLY
                                                                 : MACH_SEND_INVALID_RIGHT;
    }
    return MACH_MSG_SUCCESS;
}

// Takes the promised rights that leave their source as it was, or the others. Cannot fail.
static void take(struct copyin *c, bool keeping)
{
    for (unsigned i = 0; i < c->right_count; i++) {
        const struct named_right *right = &c->rights[i];

        if (right_keeps_source(right->type) == keeping)
            *right->name = kmsg_field(right_take(c->space, right->entry, right->type));
        preemption_point();
    }
}

// The dispositions become those that the message carries.
static void mark_carried(struct kmsg *kmsg)
{
    mach_msg_bits_t bits = kmsg->header.msgh_bits;

    kmsg->header.msgh_bits = MACH_MSGH_BITS_OTHER(bits) |
                             MACH_MSGH_BITS(right_carried(MACH_MSGH_BITS_REMOTE(bits)),
                                            right_carried(MACH_MSGH_BITS_LOCAL(bits)));
    for (mach_msg_size_t i = 0; i < kmsg_descriptor_count(kmsg); i++) {
        mach_msg_descriptor_t *d = &kmsg_descriptors(kmsg)[i];

        if (d->type.type == MACH_MSG_PORT_DESCRIPTOR)
            d->port.disposition = right_carried(d->port.disposition);
        else if (d->type.type == MACH_MSG_OOL_PORTS_DESCRIPTOR)
            d->ool_ports.disposition = right_carried(d->ool_ports.disposition);
    }
}

// ---- all of it ----

static mach_msg_return_t check_header(const mach_msg_header_t *header)
{
    mach_msg_type_name_t reply_type = MACH_MSGH_BITS_LOCAL(header->msgh_bits);

    if ((header->msgh_bits & ~MACH_MSGH_BITS_USER) ||
        !MACH_MSG_TYPE_PORT_ANY_SEND(MACH_MSGH_BITS_REMOTE(header->msgh_bits)) ||
        (reply_type == 0 ? header->msgh_local_port != MACH_PORT_NULL
                         : !MACH_MSG_TYPE_PORT_ANY_SEND(reply_type)))
        return MACH_SEND_INVALID_HEADER;
    return MACH_MSG_SUCCESS;
}

static mach_msg_return_t copyin_message(struct copyin *c)
{
    mach_msg_return_t mr = check_header(&c->kmsg->header);

    if (mr != MACH_MSG_SUCCESS)
        return mr;
    note_header(c);
    if (c->kmsg->header.msgh_bits & MACH_MSGH_BITS_COMPLEX) {
        // A bad header is reported before a bad body, and before anything is copied.
        mr = promise(c);
        if (mr != MACH_MSG_SUCCESS)
            return mr;
        unpromise(c, c->right_count);
        mr = gather_body(c);
        if (mr != MACH_MSG_SUCCESS)
            return mr;
        if (!note_body(c))
            mr = MACH_SEND_NO_BUFFER;
    } else if (!kmsg_pay(c->kmsg, c->space->ledger)) {
        return MACH_SEND_NO_BUFFER;
    }
    if (mr == MACH_MSG_SUCCESS)
        mr = promise(c);
    if (mr != MACH_MSG_SUCCESS) {
        ungather(c->kmsg, kmsg_descriptor_count(c->kmsg));
        return mr;
    }
    take(c, true);
    take(c, false);
    mark_carried(c->kmsg);
    return MACH_MSG_SUCCESS;
}

mach_msg_return_t kmsg_copyin(struct space *space, struct vm_map *map, struct kmsg *kmsg)
{
    struct copyin c; // not cleared: it is large, and in everybody's way
    mach_msg_return_t mr;

    c.space = space;
    c.map = map;
    c.kmsg = kmsg;
    c.right_count = c.deallocation_count = 0;
    c.deallocations = NULL;
    c.rights = c.few;
    mr = copyin_message(&c);
    if (mr == MACH_MSG_SUCCESS) {
        for (unsigned i = 0; i < c.deallocation_count; i++)
            vm_deallocate(map, c.deallocations[i].address, c.deallocations[i].size);
    } else {
        kmsg_free(kmsg);
    }
    kfree(c.deallocations);
    if (c.rights != c.few)
        kfree(c.rights);
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
