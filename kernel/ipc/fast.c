// SPDX-License-Identifier: BSD-2-Clause
// The message trap, and the fast path of mach_msg. Nearly all messages of an RPC pass here.
//
// All conditions are tested before the first write; when one does not hold, the general path (mach_msg.c)
// does the same from the beginning, or says what is wrong. No right is made that would be used up at
// once, no queue is touched, nothing is allocated. The bytes go from the sender to a buffer of the
// processor's, and from there, in the receiver's address space, to where it wants them; that is the last
// step that may fail. Then the receiver's call is over: a thread that waits for a message holds nothing
// in the kernel, so its stack is forgotten and it goes back to user mode when it next runs, which is now.
//
// A call to the kernel is even simpler: the routine runs here and now.
#include "ipc/mach_msg.h"

#include <mach/mig_errors.h>
#include "ipc/kobject.h"
#include "ipc/mqueue.h"
#include "ipc/space.h"
#include "kern/sched.h"
#include "kern/task.h"
#include "lib/string.h"
#include "vm/map.h"
#include "x86/usercopy.h"

#define FAST_MAX 16384u // bytes: copied twice with interrupts off

static union {
    mach_msg_header_t header;
    uint8_t bytes[FAST_MAX + MAX_TRAILER_SIZE];
} buffer;

static inline bool arguments_fast(const struct message_arguments *a)
{
    return (a->option & ~MACH_RCV_TRAILER_ELEMENTS(0x3)) == (MACH_SEND_MSG | MACH_RCV_MSG) &&
           GET_RCV_ELEMENTS(a->option) <= MACH_RCV_TRAILER_SENDER && a->send_size % 4 == 0 &&
           a->send_size - sizeof buffer.header <= FAST_MAX - sizeof buffer.header;
}

// Whether a message goes to the port of `entry` as simply as can be: a send right to a live port, copied
// or made, or a send-once right that nobody watches (nobody waits on a dead port).
static inline bool dest_fast(const struct entry *entry, mach_msg_type_name_t type)
{
    if (type == MACH_MSG_TYPE_COPY_SEND)
        return (entry->type & MACH_PORT_TYPE_SEND) && entry->port->active;
    if (type == MACH_MSG_TYPE_MOVE_SEND_ONCE)
        return entry->type == MACH_PORT_TYPE_SEND_ONCE && !entry->request;
    return type == MACH_MSG_TYPE_MAKE_SEND && (entry->type & MACH_PORT_TYPE_RECEIVE) &&
           !entry->port->no_senders;
}

static inline bool nothing_to_receive(const struct port *port)
{
    return !port->set && list_empty(&port->messages);
}

// Where a thread waits that receives from `entry`; NULL when it need not wait, or must not.
static inline struct waitq *place_to_wait(struct entry *entry)
{
    if (!entry)
        return NULL;
    if (entry->type & MACH_PORT_TYPE_RECEIVE)
        return nothing_to_receive(entry->port) ? &entry->port->receivers : NULL;
    return (entry->type & MACH_PORT_TYPE_PORT_SET) && list_empty(&entry->set->ready)
               ? &entry->set->receivers : NULL;
}

// The thread that waits for just this message and is the one to run next; NULL when there is none.
static inline struct thread *find_receiver(const struct port *port, mach_msg_size_t size)
{
    const struct waitq *q = port->set ? &port->set->receivers : &port->receivers;
    struct thread *receiver = waitq_first(q);

    if (!receiver || size > receiver->ipc.room || (receiver->ipc.option & MACH_RCV_NOTIFY) ||
        receiver->priority > sched_best_ready())
        return NULL;
    return receiver;
}

// Makes the header what the receiver is to see and shows it the message. False: that cannot be done
// without a page fault; the address space is as before.
static inline bool show(const struct thread *receiver, const struct port *port, mach_msg_size_t size,
                        mach_port_name_t reply, mach_msg_bits_t bits)
{
    const struct thread *sender = current_thread();
    mach_msg_max_trailer_t *trailer = (void *)(buffer.bytes + size);

    buffer.header.msgh_bits = bits;
    buffer.header.msgh_size = size;
    buffer.header.msgh_remote_port = reply;
    buffer.header.msgh_local_port = port->receiver_name;
    buffer.header.msgh_reserved = 0;
    trailer->msgh_trailer_type = MACH_MSG_TRAILER_FORMAT_0;
    trailer->msgh_trailer_size = receiver->ipc.trailer_size;
    trailer->msgh_seqno = port->seqno;
    trailer->msgh_sender.val[0] = sender->task->number;
    trailer->msgh_sender.val[1] = 0;
    pmap_activate(&receiver->task->map->pmap);
    if (copy_to_user_resident(receiver->ipc.address, &buffer, size + receiver->ipc.trailer_size))
        return true;
    pmap_activate(&sender->task->map->pmap);
    return false;
}

// The right that the message was sent by is used up.
static inline void use_dest(struct entry *entry, struct port *port, mach_msg_type_name_t type)
{
    if (type == MACH_MSG_TYPE_MOVE_SEND_ONCE) {
        space_give_back(current_space(), entry);
        port->sorights--;
        port->refs--; // not the last: the receive right has one
    } else if (type == MACH_MSG_TYPE_MAKE_SEND) {
        port->mscount++;
    }
}

// A send-once right under a name that has been shown already.
static inline void give_reply(struct space *space, struct entry *entry, struct port *reply)
{
    space_take_ready(space, entry);
    entry->port = reply;
    entry->type = MACH_PORT_TYPE_SEND_ONCE;
    entry->urefs = 1;
    reply->refs++;
    reply->sorights++;
}

// To a thread that waits. `reply` NULL: there is no reply right. The sender will wait on `q`.
static inline bool call_thread(const struct message_arguments *a, struct entry *dest,
                               struct port *reply, struct waitq *q, mach_msg_return_t *mr)
{
    struct port *port = dest->port;
    mach_msg_type_name_t type = MACH_MSGH_BITS_REMOTE(buffer.header.msgh_bits);
    mach_msg_bits_t bits = type == MACH_MSG_TYPE_MOVE_SEND_ONCE
                               ? MACH_MSGH_BITS(0, MACH_MSG_TYPE_PORT_SEND_ONCE)
                               : MACH_MSGH_BITS(0, MACH_MSG_TYPE_PORT_SEND);
    struct thread *receiver = find_receiver(port, a->send_size);
    struct entry *named = NULL;

    if (!receiver || (reply && !space_name_ready(port->receiver)))
        return false;
    if (reply) {
        named = space_ready_entry(port->receiver);
        bits |= MACH_MSG_TYPE_PORT_SEND_ONCE;
    }
    if (!show(receiver, port, a->send_size, named ? named->name : MACH_PORT_NULL, bits))
        return false;
    current_thread()->task->events.messages_sent++;
    receiver->task->events.messages_received++;
    port->seqno++;
    if (reply)
        give_reply(port->receiver, named, reply);
    use_dest(dest, port, type); // second: in the same space, it gives a slot back in front of `named`
    mqueue_expect(a);
    *mr = mach_msg_received(sched_hand_over(q, "receive", receiver), a);
    return true;
}

// ---- calls to the kernel -------------------------------------------------------------------

// The routine has run: its reply goes straight to the caller, unless the caller's reply port has been put
// to other uses meanwhile, or the reply carries more than bytes.
static mach_msg_return_t take_reply(struct kmsg *reply, struct port *port,
                                    const struct message_arguments *a)
{
    mach_msg_header_t *header = &reply->header;

    if (port->receiver != current_space() || port->receiver_name != a->rcv_name ||
        !nothing_to_receive(port) || !waitq_empty(&port->receivers) ||
        (header->msgh_bits & MACH_MSGH_BITS_COMPLEX) ||
        header->msgh_size + REQUESTED_TRAILER_SIZE(a->option) > a->rcv_size) {
        mqueue_send_always(reply);
        return mach_msg_receive(a);
    }
    header->msgh_bits = MACH_MSGH_BITS(0, MACH_MSG_TYPE_PORT_SEND_ONCE);
    header->msgh_local_port = port->receiver_name;
    header->msgh_remote_port = MACH_PORT_NULL;
    reply->seqno = port->seqno++;
    port->sorights--;
    port->refs--; // not the last
    current_task()->events.messages_received++;
    return mach_msg_put(reply, a);
}

// Runs the routine that the request asks for. The rights that a message would carry are counted all the
// same: a routine may look at its own reply port.
static bool call_kernel(const struct message_arguments *a, struct port *dest, struct port *port,
                        mach_msg_return_t *mr)
{
    struct kmsg *request = kmsg_alloc(a->send_size), *reply;

    if (!request)
        return false;
    memcpy(&request->header, &buffer, a->send_size);
    request->header.msgh_size = a->send_size;
    request->header.msgh_bits =
        MACH_MSGH_BITS(MACH_MSG_TYPE_PORT_SEND, MACH_MSG_TYPE_PORT_SEND_ONCE);
    request->header.msgh_remote_port = kmsg_field(port_copy_send(dest));
    request->header.msgh_local_port = kmsg_field(port_make_send_once(port));
    current_task()->events.messages_sent++;
    reply = kobject_call(request);
    kmsg_free(request);
    port_release_send(dest);
    if (!reply) {
        current_task()->events.messages_sent--;
        port->sorights--;
        port_release(port);
        return false;
    }
    if (kobject_reply_code(reply) == MIG_NO_REPLY) {
        kmsg_free(reply);
        port_release_send_once(port);
        *mr = mach_msg_receive(a);
    } else {
        *mr = take_reply(reply, port, a);
    }
    return true;
}

// ---- the trap ------------------------------------------------------------------------------

// Does a send-and-receive if it can be done fast; *mr is the call's result then. False: nothing has
// happened. Does not return at all when the reply comes the fast way, too.
static inline bool send_and_receive(const struct message_arguments *a, mach_msg_return_t *mr)
{
    const mach_msg_header_t *header = &buffer.header;
    const struct space *space = current_thread()->task->space;
    struct entry *dest, *source, *reply = NULL;
    struct waitq *q;

    if (!arguments_fast(a) || this_cpu()->ast ||
        !copy_from_user_resident(&buffer, a->msg, a->send_size) ||
        !(dest = space_table_entry(space, header->msgh_remote_port)))
        return false;
    if (header->msgh_local_port != MACH_PORT_NULL) {
        reply = space_table_entry(space, header->msgh_local_port);
        if (!reply || !(reply->type & MACH_PORT_TYPE_RECEIVE) ||
            header->msgh_bits >> 8 != MACH_MSG_TYPE_MAKE_SEND_ONCE)
            return false;
    } else if (header->msgh_bits >> 8 != 0) {
        return false;
    }
    if (!dest_fast(dest, MACH_MSGH_BITS_REMOTE(header->msgh_bits)))
        return false;
    source = reply && reply->name == a->rcv_name ? reply : space_table_entry(space, a->rcv_name);
    q = place_to_wait(source);
    if (!q)
        return false;
    if (dest->port->kind != PORT_USER)
        return reply && source == reply && call_kernel(a, dest->port, reply->port, mr);
    return call_thread(a, dest, reply ? reply->port : NULL, q, mr);
}

TRAP_FUNCTION mach_msg_return_t mach_msg_trap(struct message_arguments a)
{
    mach_msg_return_t mr;

    if (!(a.option & (MACH_SEND_MSG | MACH_RCV_MSG)))
        return MACH_MSG_SUCCESS;
    return send_and_receive(&a, &mr) ? mr : mach_msg_general(&a);
}
