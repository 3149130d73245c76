// SPDX-License-Identifier: BSD-2-Clause
// Kernel messages: a message between its sender and its receiver.
//
// Inside, the message looks like the user's with every name replaced by what it stands for: the port
// fields of header and descriptors hold `struct port *` (NULL, PORT_DEAD), each with one right of the
// type that its disposition says (PORT_SEND, PORT_SEND_ONCE, PORT_RECEIVE); an out-of-line descriptor
// holds a `struct vm_map_copy *`, an out-of-line port array a kmalloc'd array of `struct port *`. The
// message owns all of that; whoever owns the message must queue it, hand it on, or destroy it.
//
// Three files: kmsg.c (memory), copyin.c (from the sender's space), copyout.c (into the receiver's).
#pragma once

#include <mach/message.h>
#include "ipc/port.h"

struct vm_map;

struct kmsg {
    struct list link;              // port->messages
    mach_msg_size_t capacity;      // bytes behind `header`
    struct ledger *payer;          // who pays for it, and for how many bytes; NULL and 0: nobody
    uint32_t paid;
    mach_port_seqno_t seqno;       // set when it is taken off the queue
    security_token_t sender;
    mach_msg_header_t header __attribute__((aligned(8)));
};

// Descriptors and header fields as the kernel keeps them.
static inline struct port *kmsg_port(mach_port_t field)
{
    return (struct port *)(uintptr_t)field;
}
static inline mach_port_t kmsg_field(const struct port *port)
{
    return (mach_port_t)(uintptr_t)port;
}
static inline mach_msg_body_t *kmsg_body(struct kmsg *kmsg)
{
    return (mach_msg_body_t *)(&kmsg->header + 1);
}
static inline mach_msg_descriptor_t *kmsg_descriptors(struct kmsg *kmsg)
{
    return (mach_msg_descriptor_t *)(kmsg_body(kmsg) + 1);
}
// 0 for a simple message.
static inline mach_msg_size_t kmsg_descriptor_count(struct kmsg *kmsg)
{
    if (!(kmsg->header.msgh_bits & MACH_MSGH_BITS_COMPLEX))
        return 0;
    return kmsg_body(kmsg)->msgh_descriptor_count;
}
// The ports in a descriptor: how many, where, and with which disposition each.
static inline mach_msg_size_t kmsg_rights(mach_msg_descriptor_t *d, mach_port_t **ports,
                                          mach_msg_type_name_t *type)
{
    if (d->type.type == MACH_MSG_PORT_DESCRIPTOR) {
        *ports = &d->port.name;
        *type = d->port.disposition;
        return 1;
    }
    *ports = d->ool_ports.address;
    *type = d->ool_ports.disposition;
    return d->type.type == MACH_MSG_OOL_PORTS_DESCRIPTOR ? d->ool_ports.count : 0;
}
static inline struct port *kmsg_destination(const struct kmsg *kmsg)
{
    return kmsg_port(kmsg->header.msgh_remote_port);
}

// A message with room for `size` bytes (header included) and the largest trailer; uninitialised. NULL
// when memory is short.
struct kmsg *kmsg_alloc(mach_msg_size_t size);
void kmsg_free(struct kmsg *kmsg);    // the memory alone
// `payer` is charged, until the message is freed, with the memory that it and what it carries make the
// kernel hold, at most. False: that would be beyond its limit. NULL is fine. Who has paid already pays the
// difference.
bool kmsg_pay(struct kmsg *kmsg, struct ledger *payer);
void kmsg_pay_always(struct kmsg *kmsg, struct ledger *payer); // beyond the limit if need be
// Takes the bytes of a message of `size` from the user at `address`; its names stay what they are.
// MACH_SEND_MSG_TOO_SMALL, MACH_SEND_TOO_LARGE, MACH_SEND_NO_BUFFER, MACH_SEND_INVALID_DATA.
mach_msg_return_t kmsg_read(uintptr_t address, mach_msg_size_t size, struct kmsg **kmsg);
void kmsg_destroy(struct kmsg *kmsg); // with all rights and memory that it carries
// The rights and memory in the descriptors alone, up to `count`.
void kmsg_release_body(struct kmsg *kmsg, mach_msg_size_t count);
// Of one descriptor only the memory: the copy, or the array with the rights that are none (yet).
void kmsg_release_memory(mach_msg_descriptor_t *d);

// ---- copyin.c ----
// Turns the names in a message that has been read into rights. All or nothing: an error leaves the
// sender's space and memory as they were, and destroys the message.
mach_msg_return_t kmsg_copyin(struct space *space, struct vm_map *map, struct kmsg *kmsg);
// One right out of a space, as a message with disposition `type` takes it; *port may be PORT_DEAD for
// a dead name. `type` is a disposition (checked by the caller). KERN_INVALID_NAME, KERN_INVALID_RIGHT.
kern_return_t right_copyin(struct space *space, mach_port_name_t name, mach_msg_type_name_t type,
                           struct port **port);
// What `type` becomes on the way: MOVE_*, COPY_*, MAKE_* to PORT_*.
static inline mach_msg_type_name_t right_carried(mach_msg_type_name_t type)
{
    if (type < MACH_MSG_TYPE_COPY_SEND)
        return type;
    return type == MACH_MSG_TYPE_MAKE_SEND_ONCE ? MACH_MSG_TYPE_PORT_SEND_ONCE
                                                : MACH_MSG_TYPE_PORT_SEND;
}

// ---- copyout.c ----
// Puts one carried right into a space and consumes it; *name is MACH_PORT_NULL or MACH_PORT_DEAD for
// such ports. KERN_RESOURCE_SHORTAGE, KERN_NO_SPACE (the space is dead or has no room): the right is
// still the caller's. A user-reference count that would overflow stays at its maximum.
kern_return_t right_copyout(struct space *space, struct port *port, mach_msg_type_name_t type,
                            mach_port_name_t *name);
// Turns the rights of a received message into names, its copies into memory; header fields are
// reversed. MACH_RCV_HEADER_ERROR, MACH_RCV_BODY_ERROR, MACH_RCV_INVALID_NOTIFY with the documented
// effects; after a header error only the header is worth showing.
mach_msg_return_t kmsg_copyout(struct space *space, struct vm_map *map, struct kmsg *kmsg,
                               mach_port_name_t notify);
// Gives a message that could not be queued back to its sender: as kmsg_copyout, fields not reversed.
// The MACH_MSG_* bits to add to the send error; 0 when all went back.
mach_msg_return_t kmsg_copyout_pseudo(struct space *space, struct vm_map *map, struct kmsg *kmsg);
// Touches every page of a buffer of the current task, so that what is written there later cannot fail.
// False: some of it cannot be written.
bool buffer_writable(uintptr_t address, mach_msg_size_t size);
// Destroys the message except its header, which becomes presentable with the destination alone.
void kmsg_copyout_destination(struct space *space, struct kmsg *kmsg);
