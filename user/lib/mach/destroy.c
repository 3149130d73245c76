// SPDX-License-Identifier: BSD-2-Clause
// mach_msg_destroy: releases what a message carries, according to the dispositions in it. A message
// that was received carries rights to keep (MOVE_…); one that could not be sent may also carry
// orders to make or copy rights, which are worth nothing unless carried out.
#include <mach/mach.h>

// Makes the right that `how` orders and drops it again, so that the make-send count and
// notifications are what they were if the message had been received and destroyed.
static void make_and_drop(mach_port_t port, mach_msg_type_name_t how)
{
    mach_port_t made;
    mach_msg_type_name_t got;

    if (mach_port_extract_right(mach_task_self(), port, how, &made, &got) == KERN_SUCCESS)
        mach_port_deallocate(mach_task_self(), made);
}

static void destroy_right(mach_port_t port, mach_msg_type_name_t disposition)
{
    if (!MACH_PORT_VALID(port))
        return;
    switch (disposition) {
    case MACH_MSG_TYPE_MOVE_SEND:
    case MACH_MSG_TYPE_MOVE_SEND_ONCE:
        mach_port_deallocate(mach_task_self(), port);
        break;
    case MACH_MSG_TYPE_MOVE_RECEIVE:
        mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1);
        break;
    case MACH_MSG_TYPE_MAKE_SEND:
    case MACH_MSG_TYPE_MAKE_SEND_ONCE:
        make_and_drop(port, disposition);
        break;
    default: // COPY_SEND: the right stays where it is
        break;
    }
}

// Memory is released if the message was to take it along. What was received, or came back, says so;
// what lies in a message that was never sent may be the sender's own for good.
static void destroy_memory(void *address, vm_size_t size, boolean_t deallocate)
{
    if (deallocate && size > 0)
        vm_deallocate(mach_task_self(), (vm_address_t)address, size);
}

static void destroy_descriptor(mach_msg_descriptor_t *descriptor)
{
    mach_msg_ool_ports_descriptor_t *ports = &descriptor->ool_ports;
    mach_port_t *names = ports->address;

    switch (descriptor->type.type) {
    case MACH_MSG_PORT_DESCRIPTOR:
        destroy_right(descriptor->port.name, descriptor->port.disposition);
        break;
    case MACH_MSG_OOL_DESCRIPTOR:
    case MACH_MSG_OOL_VOLATILE_DESCRIPTOR:
        destroy_memory(descriptor->out_of_line.address, descriptor->out_of_line.size,
                       descriptor->out_of_line.deallocate);
        break;
    case MACH_MSG_OOL_PORTS_DESCRIPTOR:
        for (mach_msg_size_t i = 0; i < ports->count; i++)
            destroy_right(names[i], ports->disposition);
        destroy_memory(names, ports->count * sizeof(*names), ports->deallocate);
        break;
    }
}

// Releases the remote right, every right and the out-of-line memory of the message. The local port
// is left alone: of a received message it is the caller's own receive right.
void mach_msg_destroy(mach_msg_header_t *msg)
{
    mach_msg_base_t *base = (mach_msg_base_t *)(void *)msg;
    mach_msg_descriptor_t *descriptor = (mach_msg_descriptor_t *)(void *)(base + 1);

    destroy_right(msg->msgh_remote_port, MACH_MSGH_BITS_REMOTE(msg->msgh_bits));
    if (!MACH_MSGH_BITS_IS_COMPLEX(msg->msgh_bits))
        return;
    for (mach_msg_size_t i = 0; i < base->body.msgh_descriptor_count; i++)
        destroy_descriptor(&descriptor[i]);
}
