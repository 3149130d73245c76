// SPDX-License-Identifier: BSD-2-Clause
// Scatter lists (scatter.h), and the trap mach_msg_overwrite, which is the only one that takes them.
//
// The list hangs in the receiving thread's thread_ipc, so that who sends can see whether it is large
// enough while the receiver waits. Such a receiver's wait always returns here: the fast path leaves it.
#include "ipc/scatter.h"

#include "ipc/kmsg.h"
#include "ipc/mach_msg.h"
#include "kern/ledger.h"
#include "kern/thread.h"
#include "x86/usercopy.h"

// From the `size` bytes of the receive buffer that are filled in; *scatter is NULL when there is none.
static mach_msg_return_t scatter_read(uintptr_t address, mach_msg_size_t size,
                                      struct scatter **scatter)
{
    uintptr_t first = address + sizeof(mach_msg_base_t);
    struct ledger *payer = current_ledger();
    mach_msg_body_t body;
    struct scatter *s;

    if (size < sizeof(mach_msg_base_t))
        return MACH_MSG_SUCCESS;
    if (!copy_from_user(&body, address + sizeof(mach_msg_header_t), sizeof body))
        return MACH_RCV_INVALID_DATA;
    size -= sizeof(mach_msg_base_t);
    if (size > MACH_MSG_SIZE_MAX || body.msgh_descriptor_count > size / sizeof s->list[0])
        return MACH_RCV_INVALID_TYPE;
    size = body.msgh_descriptor_count * sizeof s->list[0];
    if (!ledger_charge(payer, MINATO_LIMIT_MESSAGE_BYTES, size))
        return KERN_RESOURCE_SHORTAGE;
    s = kmalloc(sizeof *s + size);
    if (!s) {
        ledger_credit(payer, MINATO_LIMIT_MESSAGE_BYTES, size);
        return KERN_RESOURCE_SHORTAGE;
    }
    *s = (struct scatter){.payer = payer, .size = size};
    *scatter = s; // the caller's to free
    if (!copy_from_user(s->list, first, size))
        return MACH_RCV_INVALID_DATA;
    for (mach_msg_size_t i = 0; i < body.msgh_descriptor_count; i++)
        if (s->list[i].type.type != MACH_MSG_PORT_DESCRIPTOR)
            s->list[s->count++] = s->list[i];
    return MACH_MSG_SUCCESS;
}

static void scatter_free(struct scatter *scatter)
{
    if (scatter)
        ledger_credit(scatter->payer, MINATO_LIMIT_MESSAGE_BYTES, scatter->size);
    kfree(scatter);
}

// The kind of place that a descriptor describes.
static mach_msg_descriptor_type_t kind(const mach_msg_descriptor_t *d)
{
    return d->type.type == MACH_MSG_OOL_VOLATILE_DESCRIPTOR ? MACH_MSG_OOL_DESCRIPTOR : d->type.type;
}

mach_msg_return_t scatter_check(const struct scatter *scatter, struct kmsg *kmsg)
{
    mach_msg_size_t count = kmsg_descriptor_count(kmsg), n = 0;
    mach_msg_return_t mr = MACH_MSG_SUCCESS;

    for (mach_msg_size_t i = 0; scatter && i < count && n < scatter->count; i++) {
        const mach_msg_descriptor_t *d = &kmsg_descriptors(kmsg)[i], *place = &scatter->list[n];

        if (d->type.type == MACH_MSG_PORT_DESCRIPTOR)
            continue;
        if (kind(d) != kind(place) || (place->out_of_line.copy != MACH_MSG_ALLOCATE &&
                                       place->out_of_line.copy != MACH_MSG_OVERWRITE))
            return MACH_RCV_INVALID_TYPE;
        // Bytes of memory or number of ports: they lie at the same place.
        if (scatter_place(scatter, n++) && d->out_of_line.size > place->out_of_line.size)
            mr = MACH_RCV_SCATTER_SMALL;
    }
    return mr;
}

struct kmsg *scatter_preview(const struct kmsg *kmsg, const struct port *port)
{
    struct kmsg *preview = kmsg_alloc(kmsg->header.msgh_size);
    mach_msg_header_t *header = &preview->header;

    if (!preview)
        return NULL;
    memcpy(header, &kmsg->header, kmsg->header.msgh_size);
    preview->seqno = port->seqno;
    preview->sender = kmsg->sender;
    for (mach_msg_size_t i = 0; i < kmsg_descriptor_count(preview); i++)
        kmsg_descriptors(preview)[i].out_of_line.address = NULL; // or the name of a port, likewise
    header->msgh_bits = MACH_MSGH_BITS_OTHER(header->msgh_bits) |
                        MACH_MSGH_BITS(0, MACH_MSGH_BITS_REMOTE(header->msgh_bits));
    header->msgh_local_port = port->receiver_name;
    header->msgh_remote_port = MACH_PORT_NULL;
    return preview;
}

TRAP_FUNCTION mach_msg_return_t mach_msg_overwrite_trap(struct message_arguments a, uintptr_t rcv_msg,
                                                        mach_msg_size_t scatter_list_size)
{
    struct thread_ipc *ipc = &current_thread()->ipc;
    mach_msg_option_t option = a.option;
    mach_msg_return_t mr;

    a.option &= ~MACH_RCV_MSG;
    mr = mach_msg_general(&a);
    if (mr != MACH_MSG_SUCCESS || !(option & MACH_RCV_MSG))
        return mr;
    a.option = option;
    if (rcv_msg)
        a.msg = rcv_msg;
    if (option & MACH_RCV_OVERWRITE)
        mr = scatter_read(a.msg, scatter_list_size, &ipc->scatter);
    if (mr == MACH_MSG_SUCCESS)
        mr = mach_msg_receive(&a);
    scatter_free(ipc->scatter);
    ipc->scatter = NULL;
    return mr;
}
