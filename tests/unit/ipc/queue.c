// SPDX-License-Identifier: BSD-2-Clause
// The model's messages: notifications, queues, circles, and their end.
#include "model.h"
#include <mach/mig_errors.h>
#include <mach/notify.h>
#include "tap.h"

// ---- messages -----------------------------------------------------------------------------------

mach_msg_size_t m_size(const struct m_msg *msg)
{
    return sizeof(mach_msg_header_t) + 4 * msg->data_words +
           (msg->complex ? sizeof(mach_msg_body_t) +
                               msg->descriptor_count * sizeof(mach_msg_descriptor_t)
                         : 0);
}

struct m_msg *m_msg_new(void)
{
    struct m_msg *msg = m_new(sizeof *msg);

    *msg = (struct m_msg){0};
    list_add(&m_msgs, msg);
    return msg;
}

bool m_notify(struct m_port *to, mach_msg_id_t id, uint32_t value, struct m_port *receive)
{
    struct m_msg *msg;

    if (fake_notices_left() == 0)
        tap_fail(__FILE__, __LINE__, "the kernel has not sent notification %d", id);
    if (!fake_next_notice_sent()) {
        CHECK(fake_failed);
        to->sorights--;
        return false;
    }
    msg = m_msg_new();
    msg->id = id;
    msg->dest = (struct m_right){to, MACH_MSG_TYPE_PORT_SEND_ONCE};
    msg->notice = true;
    if (id == MACH_NOTIFY_PORT_DESTROYED) {
        msg->complex = true;
        msg->descriptor_count = 1;
        msg->d[0] = (struct m_descriptor){MACH_MSG_PORT_DESCRIPTOR, MACH_MSG_TYPE_PORT_RECEIVE, 1,
                                          {receive}};
    } else if (id != MACH_NOTIFY_SEND_ONCE) {
        msg->data_words = 3; // NDR record and the value
        msg->fill = value;
    }
    if (!m_deliver(msg))
        m_enqueue(msg, to);
    return true;
}

static unsigned rights_in(const struct m_descriptor *d)
{
    return d->type == MACH_MSG_PORT_DESCRIPTOR || d->type == MACH_MSG_OOL_PORTS_DESCRIPTOR
               ? d->count : 0;
}

void m_release_body(struct m_msg *msg)
{
    for (unsigned i = 0; i < msg->descriptor_count; i++)
        for (unsigned k = 0; k < rights_in(&msg->d[i]); k++)
            m_release(msg->d[i].ports[k], msg->d[i].disposition);
}

// What dies on the way dies after that, in turn.
void m_kill(struct m_msg *msg)
{
    static struct list_of dying;
    static bool busy;

    list_add(&dying, msg);
    if (busy)
        return;
    busy = true;
    while ((msg = list_shift(&dying)) != NULL) {
        m_release(msg->dest.port, msg->dest.type);
        m_release(msg->reply.port, msg->reply.type);
        m_release_body(msg);
        list_take(&m_msgs, msg);
    }
    busy = false;
    list_clear(&dying);
}

// Whether a message with the receive right of `port`, sent to `dest`, would wait for itself.
static bool closes_circle(const struct m_port *port, const struct m_port *dest)
{
    while (dest && dest != port)
        dest = dest->carrier ? dest->carrier->dest.port : NULL;
    return dest != NULL;
}

// Notes what carries the receive rights in a message; true: one of them closes a circle.
static bool circular(struct m_msg *msg)
{
    bool circle = false;

    for (unsigned i = 0; i < msg->descriptor_count; i++) {
        struct m_descriptor *d = &msg->d[i];

        for (unsigned k = 0; k < rights_in(d) && d->disposition == MACH_MSG_TYPE_PORT_RECEIVE;
             k++) {
            if (!d->ports[k] || !d->ports[k]->alive)
                continue;
            if (closes_circle(d->ports[k], msg->dest.port))
                circle = true;
            else
                d->ports[k]->carrier = msg;
        }
    }
    return circle;
}

// A port of the kernel's that knows no routine: its answer, or that it has no memory for one.
static void serve(struct m_msg *msg)
{
    struct m_right reply = msg->reply;
    bool memory = fake_next_notice_sent();
    struct m_msg *answer;

    CHECK(memory || fake_failed);
    msg->reply.port = NULL;
    if (memory) {
        m_kill(msg);
    } else { // its own memory goes to the answer
        m_release_body(msg);
        m_release(msg->dest.port, msg->dest.type);
        list_take(&m_msgs, msg);
    }
    if (!reply.port || reply.port == M_DEAD)
        return;
    answer = m_msg_new();
    answer->id = msg->id + 100;
    answer->dest = reply;
    answer->notice = true;
    answer->data_words = 3; // NDR record and the code
    answer->fill = memory ? MIG_BAD_ID : KERN_RESOURCE_SHORTAGE;
    if (!m_deliver(answer))
        m_enqueue(answer, reply.port);
}

bool m_deliver(struct m_msg *msg)
{
    struct m_port *port = msg->dest.port;

    if (port == M_DEAD || !port->alive || circular(msg)) {
        m_kill(msg);
        return true;
    }
    if (!port->kernel)
        return false;
    serve(msg);
    return true;
}

bool m_hand_over(struct m_msg *msg, struct m_port *port)
{
    struct list_of *queue = port->set ? &port->set->receivers : &port->receivers;

    while (queue->count > 0) {
        struct m_thread *receiver = queue->at[0];

        if (m_size(msg) > receiver->room && (receiver->arguments.option & MACH_RCV_LARGE)) {
            receiver->code = MACH_RCV_TOO_LARGE;
            receiver->large_size = m_size(msg);
            m_wake(receiver, WAIT_DESTROYED);
            continue;
        }
        msg->seqno = port->seqno++;
        receiver->msg = msg;
        m_wake(receiver, WAIT_AWAKENED);
        return true;
    }
    return false;
}

void m_enqueue(struct m_msg *msg, struct m_port *port)
{
    if (m_hand_over(msg, port))
        return;
    list_add(&port->messages, msg);
    if (port->set && list_index(&port->set->ready, port) < 0)
        list_add(&port->set->ready, port);
}

void m_let_in(struct m_port *port)
{
    while (port->messages.count < port->qlimit && port->senders.count > 0) {
        struct m_thread *sender = port->senders.at[0];

        m_wake(sender, WAIT_AWAKENED);
        m_enqueue(sender->msg, port);
        sender->msg = NULL;
    }
}
