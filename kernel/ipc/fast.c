// SPDX-License-Identifier: BSD-2-Clause
// The message trap, and the fast path of mach_msg. Nearly all messages of an RPC pass here.
//
// All conditions are tested before the first write; when one does not hold, the general path (mach_msg.c)
// does the same from the beginning, or says what is wrong. No right is made that would be used up at
// once, no queue is touched, nothing is allocated. The bytes go straight from the sender's memory, which
// the receiver's address space shows in the kernel window, to where it wants them; that is the last step
// that may fail. Then the receiver's call is over: a thread that waits for a message holds nothing
// in the kernel, so its stack is forgotten and it goes back to user mode when it next runs, which is now.
//
// A call to the kernel is even simpler: the routine runs here and now. Read next: fast_rights.c.

#include <mach/mig_errors.h>
#include "ipc/fast.h"
#include "ipc/kobject.h"

bool fast_write_trailer(uintptr_t to, mach_msg_option_t option, const struct port *port)
{
    const mach_msg_max_trailer_t trailer = {
        .msgh_trailer_type = MACH_MSG_TRAILER_FORMAT_0,
        .msgh_trailer_size = REQUESTED_TRAILER_SIZE(option),
        .msgh_seqno = port->seqno,
        .msgh_sender = {{current_thread()->task->number, 0}},
    };

    return copy_to_user_resident(to, &trailer, trailer.msgh_trailer_size);
}

// The whole message. The address space is the receiver's afterwards, unless it failed.
static FORCE_INLINE bool show(const struct message_arguments *a, const struct thread *receiver,
                              const struct port *port, mach_msg_bits_t bits, mach_port_name_t reply,
                              mach_msg_id_t id)
{
    const struct message_arguments *receive = receiver->ipc.receive;
    struct pmap *pmap = &receiver->task->map->pmap;
    const void *body = (const void *)(a->msg + HEADER);
    mach_msg_size_t whole = a->send_size + MAX_TRAILER_SIZE;

    if (pmap == pmap_active) {
        if (receive->msg - a->msg + whole < 2 * whole)
            return false; // one buffer lies in the other
    } else if (a->send_size == HEADER) {
        pmap_load(pmap);
    } else {
        body = pmap_activate_showing(pmap, a->msg + HEADER);
    }
    if (write_message(receive, port, a->send_size, bits, reply, id, body))
        return true;
    pmap_activate(&current_thread()->task->map->pmap);
    return false;
}

// ---- calls to the kernel -------------------------------------------------------------------

// The routine has run: its reply goes straight to the caller, unless the caller's reply port has been put
// to other uses meanwhile, or the reply carries more than bytes. Then it goes to the queue, paid for, and
// may stay there.
static mach_msg_return_t take_reply(struct kmsg *reply, struct port *port,
                                    const struct message_arguments *a)
{
    mach_msg_header_t *header = &reply->header;

    if (port->receiver != current_space() || port->receiver_name != a->rcv_name ||
        !nothing_to_receive(port) || !waitq_empty(&port->receivers) ||
        (header->msgh_bits & MACH_MSGH_BITS_COMPLEX) ||
        header->msgh_size + REQUESTED_TRAILER_SIZE(a->option) > a->rcv_size) {
        kmsg_pay_always(reply, current_ledger());
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
    if (!copy_from_user_resident(&request->header, a->msg, a->send_size)) {
        kmsg_free(request);
        return false;
    }
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

// ---- requests and replies ------------------------------------------------------------------

// Each does its call if it can be done fast; *mr is the result then. False: nothing has happened. Neither
// returns at all when the next message comes the fast way, too.

// Sent by a copied right to a port, with a send-once right made from the port on which the answer is
// awaited.
static FORCE_INLINE bool request(const struct message_arguments *a, const struct user_header *h,
                                 mach_msg_return_t *mr)
{
    const struct space *space = current_thread()->task->space;
    struct entry *dest = space_table_entry(space, h->remote);
    struct entry *source = space_table_entry(space, h->local), *named;
    struct port *port, *reply;
    struct thread *receiver;

    if (!dest || !(dest->type & MACH_PORT_TYPE_SEND) || !dest->port->active || !source ||
        !(source->type & MACH_PORT_TYPE_RECEIVE) || h->local != a->rcv_name ||
        !nothing_to_receive(source->port))
        return false;
    port = dest->port;
    reply = source->port;
    if (port->kind != PORT_USER)
        return call_kernel(a, port, reply, mr);
    receiver = find_receiver(port, a->send_size);
    if (!receiver || !(named = space_ready_entry(port->receiver)) ||
        !show(a, receiver, port,
              MACH_MSGH_BITS(MACH_MSG_TYPE_PORT_SEND_ONCE, MACH_MSG_TYPE_PORT_SEND), named->name,
              h->id))
        return false;
    give_reply(port->receiver, named, reply);
    *mr = await_answer(a, port, receiver, &reply->receivers);
    return true;
}

// Sent without a reply right: by a copied right, or by a send-once right that nobody watches, which is used
// up. (Nobody waits on a dead port.)
static FORCE_INLINE bool reply(const struct message_arguments *a, const struct user_header *h,
                               mach_msg_type_name_t type, mach_msg_return_t *mr)
{
    bool once = type == MACH_MSG_TYPE_MOVE_SEND_ONCE;
    struct space *space = current_thread()->task->space;
    struct entry *dest = space_table_entry(space, h->remote);
    struct waitq *q = place_to_wait(space_table_entry(space, a->rcv_name));
    struct thread *receiver;
    struct port *port;

    if (!dest || h->local != MACH_PORT_NULL || !q ||
        (once ? dest->type != MACH_PORT_TYPE_SEND_ONCE || dest->request
              : !(dest->type & MACH_PORT_TYPE_SEND)))
        return false;
    port = dest->port;
    if (!port->receiver)
        return once && fast_answer_kernel(a, dest, h->id, q, mr);
    receiver = find_receiver(port, a->send_size);
    if (!receiver ||
        !show(a, receiver, port,
              MACH_MSGH_BITS(0, once ? MACH_MSG_TYPE_PORT_SEND_ONCE : MACH_MSG_TYPE_PORT_SEND),
              MACH_PORT_NULL, h->id))
        return false;
    if (once) {
        space_give_back(space, dest);
        port->sorights--;
        port->refs--; // not the last: the receive right has one
    }
    *mr = await_answer(a, port, receiver, q);
    return true;
}

static FORCE_INLINE bool send_and_receive(const struct message_arguments *a, mach_msg_return_t *mr)
{
    struct user_header h;

    if (this_cpu()->ast || a->send_size % 4 != 0 || a->send_size - HEADER > FAST_MAX - HEADER ||
        a->msg > VM_MAX_ADDRESS - a->send_size)
        return false;
    h = user_header_read(a->msg);
    switch (h.bits) {
    case MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE):
        return request(a, &h, mr);
    case MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0):
        return reply(a, &h, MACH_MSG_TYPE_MOVE_SEND_ONCE, mr);
    case MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0):
        return reply(a, &h, MACH_MSG_TYPE_COPY_SEND, mr);
    default:
        return (h.bits & MACH_MSGH_BITS_COMPLEX) && fast_with_rights(a, mr);
    }
}

// ---- the trap ------------------------------------------------------------------------------

// Whether the options are those of an RPC: both halves, and no more than a longer trailer.
static inline bool options_fast(mach_msg_option_t option)
{
    return option == (MACH_SEND_MSG | MACH_RCV_MSG) ||
           ((option & ~MACH_RCV_TRAILER_ELEMENTS(0x3)) == (MACH_SEND_MSG | MACH_RCV_MSG) &&
            GET_RCV_ELEMENTS(option) <= MACH_RCV_TRAILER_SENDER);
}

TRAP_FUNCTION mach_msg_return_t mach_msg_trap(struct message_arguments a)
{
    mach_msg_return_t mr;

    if (options_fast(a.option) && send_and_receive(&a, &mr))
        return mr;
    if (!(a.option & (MACH_SEND_MSG | MACH_RCV_MSG)))
        return MACH_MSG_SUCCESS;
    return mach_msg_general(&a);
}
