// SPDX-License-Identifier: BSD-2-Clause
// Message queues: how a message finds its receiver, and a receiver its message.
//
// A receiver that finds nothing says in its thread_ipc how much room it has and waits on the port, or
// on the set that the port is in; a sender that finds the queue full leaves its message in its own
// thread_ipc and waits. Both are served by whoever comes next, in the order of the wait queue.
#include "ipc/mqueue.h"

#include "ipc/kobject.h"
#include "ipc/scatter.h"
#include "ipc/space.h"
#include "kern/trace.h"
#include "x86/interrupt.h"

// ---- circles of receive rights ----

// Marks the ports that a message to `dest` passes before somebody can have it: `dest`, the port in whose
// queue the receive right of `dest` waits, and so on.
static void mark_way(struct port *dest, bool ahead)
{
    for (struct port *port = dest; port; port = port->destination)
        port->ahead = ahead;
}

static bool link_receive_right(struct port *port, struct port *dest)
{
    struct port *old;

    if (!port_valid(port) || !port->active)
        return false;
    if (port->ahead)
        return true;
    port_reference(dest);
    old = port->destination;
    port->destination = dest;
    if (old)
        port_release(old);
    return false;
}

// Notes where each receive right in the message is going. A right that would come to wait, through any
// number of queues, for its own port to be received from closes a circle that nobody could ever open:
// true, and the message must be destroyed.
static bool link_receive_rights(struct kmsg *kmsg, struct port *dest)
{
    mach_msg_size_t count = kmsg_descriptor_count(kmsg);
    bool circle = false;

    if (count == 0)
        return false;
    mark_way(dest, true);
    for (mach_msg_size_t i = 0; i < count; i++) {
        mach_msg_type_name_t type;
        mach_port_t *ports;
        mach_msg_size_t rights = kmsg_rights(&kmsg_descriptors(kmsg)[i], &ports, &type);

        for (mach_msg_size_t k = 0; k < rights && type == MACH_MSG_TYPE_PORT_RECEIVE; k++) {
            circle |= link_receive_right(kmsg_port(ports[k]), dest);
            preemption_point();
        }
    }
    mark_way(dest, false);
    return circle;
}

// ---- towards the receiver ----

// Whether the message can go where a receive wants it: MACH_MSG_SUCCESS, MACH_RCV_TOO_LARGE,
// MACH_RCV_SCATTER_SMALL, MACH_RCV_INVALID_TYPE.
static mach_msg_return_t fit(struct kmsg *kmsg, const struct message_arguments *receive,
                             const struct scatter *scatter)
{
    if (kmsg->header.msgh_size + REQUESTED_TRAILER_SIZE(receive->option) > receive->rcv_size)
        return MACH_RCV_TOO_LARGE;
    return scatter ? scatter_check(scatter, kmsg) : MACH_MSG_SUCCESS;
}

// Whether a message of which `fit` said so is to stay in its queue.
static bool stays(mach_msg_return_t fit, const struct message_arguments *receive)
{
    return (fit == MACH_RCV_TOO_LARGE || fit == MACH_RCV_SCATTER_SMALL) &&
           (receive->option & MACH_RCV_LARGE);
}

// Hands the message to the first thread on `receivers` that can take it. One that asked for
// MACH_RCV_LARGE and has too little room is told the size and the next one is tried; if it is its scatter
// list that has too little, it has to look at the message itself, once that is in the queue.
static bool hand_over(struct kmsg *kmsg, struct port *port, struct waitq *receivers)
{
    struct thread *thread;

    while ((thread = waitq_first(receivers)) != NULL) {
        struct thread_ipc *ipc = &thread->ipc;

        mach_msg_return_t mr = fit(kmsg, ipc->receive, ipc->scatter);

        if (stays(mr, ipc->receive)) {
            ipc->result = mr == MACH_RCV_TOO_LARGE ? mr : MACH_RCV_IN_PROGRESS;
            ipc->large_size = kmsg->header.msgh_size;
            waitq_wake_thread(thread, WAIT_DESTROYED);
            continue;
        }
        kmsg->seqno = port->seqno++;
        ipc->kmsg = kmsg;
        waitq_wake_thread(thread, WAIT_AWAKENED);
        return true;
    }
    return false;
}

static struct waitq *receivers_of(struct port *port)
{
    return port->set ? &port->set->receivers : &port->receivers;
}

static void enqueue(struct kmsg *kmsg, struct port *port)
{
    if (hand_over(kmsg, port, receivers_of(port)))
        return;
    list_insert_tail(&port->messages, &kmsg->link);
    port->msgcount++;
    if (port->set && list_empty(&port->ready_link))
        list_insert_tail(&port->set->ready, &port->ready_link);
}

// Lets waiting senders in while there is room, and a notification that is owed.
void mqueue_limit_changed(struct port *port)
{
    struct thread *sender;

    while (port->msgcount < port->qlimit && (sender = waitq_first(&port->senders)) != NULL) {
        struct kmsg *kmsg = sender->ipc.kmsg;

        sender->ipc.kmsg = NULL;
        waitq_wake_thread(sender, WAIT_AWAKENED);
        if (tracing())
            trace_message(kmsg, sender, MINATO_TRACE_SEND);
        enqueue(kmsg, port);
    }
    if (port->owed > 0) {
        port->owed--;
        port_notify_send_once(port);
    }
}

static struct kmsg *dequeue(struct port *port)
{
    struct kmsg *kmsg = container_of(list_pop(&port->messages), struct kmsg, link);

    port->msgcount--;
    kmsg->seqno = port->seqno++;
    if (port->set) {
        // Served in turn: to the end, or off the list when it has no more.
        list_remove(&port->ready_link);
        if (!list_empty(&port->messages))
            list_insert_tail(&port->set->ready, &port->ready_link);
    }
    mqueue_limit_changed(port);
    return kmsg;
}

// ---- sending ----

static uint64_t deadline_of(bool timed, mach_msg_timeout_t timeout)
{
    return timed ? clock_now() + (uint64_t)timeout * 1000000 : WAIT_FOREVER;
}

static mach_msg_return_t wait_for_room(struct kmsg *kmsg, struct port *port,
                                       mach_msg_option_t option, mach_msg_timeout_t timeout)
{
    bool timed = option & MACH_SEND_TIMEOUT;
    struct thread_ipc *ipc = &current_thread()->ipc;
    enum wait_result result;

    if (timed && timeout == 0)
        return MACH_SEND_TIMED_OUT;
    ipc->kmsg = kmsg;
    // The message holds a right to the port, so the port stays while we wait.
    result = waitq_wait(&port->senders, deadline_of(timed, timeout), true, "send");
    ipc->kmsg = NULL;
    if (result == WAIT_TIMED_OUT)
        return MACH_SEND_TIMED_OUT;
    if (result == WAIT_INTERRUPTED)
        return MACH_SEND_INTERRUPTED;
    if (result == WAIT_DESTROYED)
        kmsg_destroy(kmsg);
    return MACH_MSG_SUCCESS;
}

// The part that both ways of sending share. True: the message is on its way, or gone.
static bool deliver(struct kmsg *kmsg, struct port *port)
{
    if (!port_valid(port) || !port->active || link_receive_rights(kmsg, port)) {
        kmsg_destroy(kmsg);
        return true;
    }
    if (port->kind != PORT_USER) {
        kobject_serve(kmsg);
        return true;
    }
    return false;
}

mach_msg_return_t mqueue_send(struct kmsg *kmsg, mach_msg_option_t option,
                              mach_msg_timeout_t timeout)
{
    struct port *port = kmsg_destination(kmsg);

    if (deliver(kmsg, port))
        return MACH_MSG_SUCCESS;
    if (port->msgcount >= port->qlimit &&
        MACH_MSGH_BITS_REMOTE(kmsg->header.msgh_bits) != MACH_MSG_TYPE_PORT_SEND_ONCE)
        return wait_for_room(kmsg, port, option, timeout);
    if (tracing())
        trace_message(kmsg, current_thread(), MINATO_TRACE_SEND);
    enqueue(kmsg, port);
    return MACH_MSG_SUCCESS;
}

void mqueue_send_always(struct kmsg *kmsg)
{
    struct port *port = kmsg_destination(kmsg);

    if (deliver(kmsg, port))
        return;
    if (tracing())
        trace_message(kmsg, current_thread(), MINATO_TRACE_SEND);
    enqueue(kmsg, port);
}

// ---- receiving ----

mach_msg_return_t mqueue_source(struct space *space, mach_port_name_t name,
                                struct receive_source *source)
{
    struct entry *entry = space_lookup(space, name);

    if (!entry || !(entry->type & (MACH_PORT_TYPE_RECEIVE | MACH_PORT_TYPE_PORT_SET)))
        return MACH_RCV_INVALID_NAME;
    *source = (struct receive_source){0};
    if (entry->type & MACH_PORT_TYPE_PORT_SET)
        source->set = entry->set;
    else if (entry->port->set)
        return MACH_RCV_IN_SET;
    else
        source->port = entry->port;
    return MACH_MSG_SUCCESS;
}

// The port to take a message from now; NULL when there is no message.
static struct port *ready_port(const struct receive_source *source)
{
    if (source->port)
        return list_empty(&source->port->messages) ? NULL : source->port;
    if (list_empty(&source->set->ready))
        return NULL;
    return container_of(source->set->ready.next, struct port, ready_link);
}

mach_msg_return_t mqueue_outcome(enum wait_result result, struct kmsg **kmsg)
{
    struct thread_ipc *ipc = &current_thread()->ipc;

    *kmsg = NULL;
    if (result == WAIT_TIMED_OUT)
        return MACH_RCV_TIMED_OUT;
    if (result == WAIT_INTERRUPTED)
        return MACH_RCV_INTERRUPTED;
    if (result == WAIT_DESTROYED)
        return ipc->result;
    *kmsg = ipc->kmsg;
    ipc->kmsg = NULL;
    return *kmsg ? fit(*kmsg, ipc->receive, ipc->scatter) : MACH_MSG_SUCCESS;
}

// A message is there: takes it, unless it is too large and is to stay.
static mach_msg_return_t take_message(struct port *port, const struct message_arguments *a,
                                      struct kmsg **kmsg)
{
    struct kmsg *first = container_of(port->messages.next, struct kmsg, link);
    struct thread_ipc *ipc = &current_thread()->ipc;
    mach_msg_return_t mr = fit(first, a, ipc->scatter);

    if (stays(mr, a)) {
        ipc->large_size = first->header.msgh_size;
        if (mr == MACH_RCV_SCATTER_SMALL)
            *kmsg = scatter_preview(first, port);
        return mr;
    }
    *kmsg = dequeue(port);
    return mr;
}

mach_msg_return_t mqueue_receive(struct receive_source *source, const struct message_arguments *a,
                                 struct kmsg **kmsg)
{
    bool timed = a->option & MACH_RCV_TIMEOUT;
    struct port *port = ready_port(source);

    *kmsg = NULL;
    if (port)
        return take_message(port, a, kmsg);
    if (timed && a->timeout == 0)
        return MACH_RCV_TIMED_OUT;
    current_thread()->ipc.receive = a;
    return mqueue_outcome(waitq_wait(mqueue_receivers(source), deadline_of(timed, a->timeout), true,
                                     "receive"),
                          kmsg);
}

// ---- what ports and sets do to queues ----

void mqueue_wake_receivers(struct waitq *receivers, mach_msg_return_t result)
{
    struct thread *thread;

    while ((thread = waitq_first(receivers)) != NULL) {
        thread->ipc.result = result;
        waitq_wake_thread(thread, WAIT_DESTROYED);
    }
}

void mqueue_port_died(struct port *port)
{
    struct list *link;

    mqueue_wake_receivers(&port->receivers, MACH_RCV_PORT_DIED);
    waitq_wake_all(&port->senders, WAIT_DESTROYED);
    port->sorights -= port->owed;
    port->refs -= port->owed; // not the last
    port->owed = 0;
    while ((link = list_pop(&port->messages)) != NULL) {
        port->msgcount--;
        kmsg_destroy(container_of(link, struct kmsg, link));
    }
}

void mqueue_joined_set(struct port *port)
{
    struct port_set *set = port->set;

    mqueue_wake_receivers(&port->receivers, MACH_RCV_PORT_CHANGED);
    while (!list_empty(&port->messages)) {
        struct kmsg *kmsg = container_of(port->messages.next, struct kmsg, link);

        if (!hand_over(kmsg, port, &set->receivers))
            break;
        list_remove(&kmsg->link);
        port->msgcount--;
    }
    if (!list_empty(&port->messages))
        list_insert_tail(&set->ready, &port->ready_link);
    mqueue_limit_changed(port);
}
