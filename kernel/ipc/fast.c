// SPDX-License-Identifier: BSD-2-Clause
// The fast path of mach_msg. Nearly all messages of an RPC pass here.
//
// All conditions are tested before the first write, in the order in which they most often fail; when
// one does, the general path (mach_msg.c) starts from the beginning and does the same, or says what is
// wrong. Nothing is allocated and no run queue is touched: the bytes go from the sender's memory
// straight into the receiver's thread (struct thread_ipc), the receiver's new name for the reply right
// is made, the sender goes to sleep and the processor is handed over. The receiver copies the bytes to
// its own memory when it runs, in its own address space.
//
// A send right that is made or copied for the destination and used up by the delivery leaves no trace
// but the make-send count, so it is not made at all.
#include "ipc/fast.h"

#include "ipc/mach_msg.h"
#include "ipc/mqueue.h"
#include "ipc/right.h"
#include "ipc/space.h"
#include "kern/sched.h"
#include "kern/task.h"
#include "x86/usercopy.h"

// What is known once all conditions hold.
struct fast {
    struct space *space; // the sender's
    struct entry *dest_entry;
    struct port *dest, *reply;
    struct thread *receiver;
    struct receive_source source; // where the sender will wait
};

static inline bool options_fast(mach_msg_option_t option)
{
    return (option & ~MACH_RCV_TRAILER_ELEMENTS(0x3)) == (MACH_SEND_MSG | MACH_RCV_MSG) &&
           GET_RCV_ELEMENTS(option) <= MACH_RCV_TRAILER_SENDER;
}

// The destination: a live user port with a thread that waits for just this and is the one to run next.
static inline bool dest_fast(struct fast *f, const mach_msg_header_t *header, mach_msg_size_t size)
{
    mach_msg_type_name_t type = MACH_MSGH_BITS_REMOTE(header->msgh_bits);
    struct entry *entry = space_lookup(f->space, header->msgh_remote_port);
    struct port *port;
    struct thread *receiver;

    if (!entry)
        return false;
    port = entry->port;
    if (type == MACH_MSG_TYPE_COPY_SEND) {
        if (!(entry->type & MACH_PORT_TYPE_SEND))
            return false;
    } else if (type == MACH_MSG_TYPE_MOVE_SEND_ONCE) {
        if (entry->type != MACH_PORT_TYPE_SEND_ONCE || entry->request)
            return false;
    } else if (type != MACH_MSG_TYPE_MAKE_SEND || !(entry->type & MACH_PORT_TYPE_RECEIVE) ||
               port->no_senders) {
        return false;
    }
    receiver = waitq_first(port->set ? &port->set->receivers : &port->receivers);
    if (!receiver || receiver->ast || (receiver->ipc.option & MACH_RCV_NOTIFY) ||
        size > receiver->ipc.room ||
        receiver->priority > sched_best_ready())
        return false;
    f->dest_entry = entry;
    f->dest = port;
    f->receiver = receiver;
    return true;
}

// No reply right, or a send-once right made from a receive right, for which the receiver has room.
static inline bool reply_fast(struct fast *f, const mach_msg_header_t *header)
{
    struct entry *entry;

    f->reply = NULL;
    if (header->msgh_local_port == MACH_PORT_NULL)
        return MACH_MSGH_BITS_LOCAL(header->msgh_bits) == 0;
    if (MACH_MSGH_BITS_LOCAL(header->msgh_bits) != MACH_MSG_TYPE_MAKE_SEND_ONCE)
        return false;
    entry = space_lookup(f->space, header->msgh_local_port);
    if (!entry || !(entry->type & MACH_PORT_TYPE_RECEIVE))
        return false;
    f->reply = entry->port;
    return space_name_ready(f->dest->receiver);
}

// A port or set with nothing to receive yet.
static inline bool source_fast(struct fast *f, mach_port_name_t name)
{
    struct entry *entry = space_lookup(f->space, name);

    if (!entry)
        return false;
    f->source = (struct receive_source){NULL, NULL};
    if (entry->type & MACH_PORT_TYPE_RECEIVE) {
        f->source.port = entry->port;
        return !entry->port->set && list_empty(&entry->port->messages);
    }
    f->source.set = entry->set;
    return (entry->type & MACH_PORT_TYPE_PORT_SET) && list_empty(&entry->set->ready);
}

// The receiver's name for the reply right. Cannot fail: a name is free.
static inline mach_port_name_t give_reply(const struct fast *f)
{
    struct entry *entry;

    if (!f->reply)
        return MACH_PORT_NULL;
    space_allocate(f->dest->receiver, &entry);
    entry->port = f->reply;
    entry->type = MACH_PORT_TYPE_SEND_ONCE;
    entry->urefs = 1;
    f->reply->refs++;
    f->reply->sorights++;
    return entry->name;
}

static inline void consume_dest(const struct fast *f, mach_msg_type_name_t type)
{
    if (type == MACH_MSG_TYPE_MAKE_SEND) {
        f->dest->mscount++;
    } else if (type == MACH_MSG_TYPE_MOVE_SEND_ONCE) {
        f->dest_entry->port = NULL;
        space_free(f->space, f->dest_entry);
        f->dest->sorights--;
        f->dest->refs--; // not the last: the receive right has one
    }
}

// Writes header and trailer as the receiver is to see them around the bytes in its buffer.
static inline void deliver(const struct fast *f, const mach_msg_header_t *sent,
                           mach_msg_size_t size, uint32_t sender)
{
    struct thread_ipc *ipc = &f->receiver->ipc;
    mach_msg_header_t *header = (mach_msg_header_t *)ipc->buffer;
    mach_msg_max_trailer_t *trailer = (mach_msg_max_trailer_t *)(ipc->buffer + size);
    mach_msg_type_name_t type = MACH_MSGH_BITS_REMOTE(sent->msgh_bits);

    header->msgh_bits = MACH_MSGH_BITS(f->reply ? MACH_MSG_TYPE_PORT_SEND_ONCE : 0,
                                       type == MACH_MSG_TYPE_MOVE_SEND_ONCE
                                           ? MACH_MSG_TYPE_PORT_SEND_ONCE
                                           : MACH_MSG_TYPE_PORT_SEND);
    header->msgh_size = size;
    header->msgh_local_port = f->dest->receiver_name;
    header->msgh_reserved = 0;
    header->msgh_id = sent->msgh_id;
    header->msgh_remote_port = give_reply(f);
    trailer->msgh_trailer_type = MACH_MSG_TRAILER_FORMAT_0;
    trailer->msgh_trailer_size = ipc->trailer_size;
    trailer->msgh_seqno = f->dest->seqno++;
    trailer->msgh_sender.val[0] = sender;
    trailer->msgh_sender.val[1] = 0;
    ipc->fast_size = size + trailer->msgh_trailer_size;
    ipc->kmsg = NULL;
    consume_dest(f, type);
}

mach_msg_return_t fast_put(uintptr_t address)
{
    struct thread *self = current_thread();
    struct thread_ipc *ipc = &self->ipc;
    mach_msg_size_t size = ipc->fast_size;
    struct entry *reply;

    ipc->fast_size = 0;
    self->task->events.messages_received++;
    if (copy_to_user(address, ipc->buffer, size))
        return MACH_MSG_SUCCESS;
    reply = space_lookup(current_space(), ((mach_msg_header_t *)ipc->buffer)->msgh_remote_port);
    if (reply && (reply->type & (MACH_PORT_TYPE_SEND_ONCE | MACH_PORT_TYPE_DEAD_NAME)))
        right_destroy(current_space(), reply);
    return MACH_RCV_INVALID_DATA;
}

mach_msg_return_t fast_send_receive(const struct message_arguments *a, enum wait_result *wait)
{
    struct task *task = current_thread()->task;
    mach_msg_size_t body = a->send_size - sizeof(mach_msg_header_t);
    mach_msg_header_t header;
    struct thread_ipc *ipc;
    struct fast f = {.space = task->space};

    if (!options_fast(a->option) || a->send_size % 4 != 0 ||
        body > FAST_MESSAGE_MAX - sizeof header || current_thread()->ast)
        return MACH_SEND_IN_PROGRESS;
    if (!copy_from_user_resident(&header, a->msg, sizeof header) ||
        (header.msgh_bits & ~MACH_MSGH_BITS_PORTS_MASK))
        return MACH_SEND_IN_PROGRESS;
    if (!dest_fast(&f, &header, a->send_size) || !reply_fast(&f, &header) ||
        !source_fast(&f, a->rcv_name))
        return MACH_SEND_IN_PROGRESS;
    if (body != 0 && !copy_from_user_resident(f.receiver->ipc.buffer + sizeof header,
                                              a->msg + sizeof header, body))
        return MACH_SEND_IN_PROGRESS;
    deliver(&f, &header, a->send_size, task->number);
    task->events.messages_sent++;
    ipc = mqueue_expect(a->option, a->rcv_size);
    *wait = waitq_wait_handing_over(mqueue_receivers(&f.source), "receive", f.receiver);
    return ipc->fast_size != 0 ? fast_put(a->msg) : MACH_RCV_IN_PROGRESS;
}
