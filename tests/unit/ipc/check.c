// SPDX-License-Identifier: BSD-2-Clause
// Two comparisons, both without a change to what is looked at: the counts in the kernel's structures with
// what a walk through all spaces and messages finds; and the kernel's state with the model's.
#include "model.h"
#include <mach/notify.h>
#include <stdlib.h>
#include <string.h>
#include "ipc/right.h"
#include "tap.h"

// ---- what can be reached ------------------------------------------------------------------------

struct found {
    struct port *port;
    uint32_t refs, srights, sorights, receive;
};

#define FOUND_MAX 4096 // a power of two
static struct found found[FOUND_MAX];
static uint16_t place[FOUND_MAX]; // by the port's address: 1 + the index in `found`
static unsigned found_count, messages_found, sets_found;
static uint32_t bytes_paid[TASKS]; // for messages

static struct found *find(struct port *port)
{
    unsigned i = (uintptr_t)port / 16 % FOUND_MAX;

    for (; place[i] != 0; i = (i + 1) % FOUND_MAX)
        if (found[place[i] - 1].port == port)
            return &found[place[i] - 1];
    if (found_count == FOUND_MAX - 1)
        abort(); // the worlds are smaller
    found[found_count] = (struct found){.port = port};
    place[i] = ++found_count;
    return &found[found_count - 1];
}

static const struct space *count_space;

static void see_right(struct port *port, mach_msg_type_name_t type)
{
    struct found *f;

    if (!port_valid(port))
        return;
    f = find(port);
    f->refs++;
    f->srights += type == MACH_MSG_TYPE_PORT_SEND;
    f->sorights += type == MACH_MSG_TYPE_PORT_SEND_ONCE;
    f->receive += type == MACH_MSG_TYPE_PORT_RECEIVE;
}

static void see_message(struct kmsg *kmsg)
{
    mach_msg_type_name_t type;
    mach_port_t *ports;
    mach_msg_size_t count;

    messages_found++;
    for (int i = 0; i < TASKS; i++)
        if (kmsg->payer == &task_ledgers[i])
            bytes_paid[i] += kmsg->paid;
    see_right(kmsg_destination(kmsg), MACH_MSGH_BITS_REMOTE(kmsg->header.msgh_bits));
    see_right(kmsg_port(kmsg->header.msgh_local_port),
              MACH_MSGH_BITS_LOCAL(kmsg->header.msgh_bits));
    for (unsigned i = 0; i < kmsg_descriptor_count(kmsg); i++) {
        count = kmsg_rights(&kmsg_descriptors(kmsg)[i], &ports, &type);
        for (unsigned k = 0; k < count; k++)
            see_right(kmsg_port(ports[k]), type);
    }
}

static void see_entry(struct entry *entry, void *space)
{
    CHECK(!entry->promised && !entry->receive_promised);
    if (entry->type & MACH_PORT_TYPE_PORT_SET) {
        sets_found++;
        CHECK_EQ(entry->set->name, entry->name);
    }
    if (!(entry->type & MACH_PORT_TYPE_PORT_RIGHTS))
        return;
    see_right(entry->port, 0);
    find(entry->port)->srights += (entry->type & MACH_PORT_TYPE_SEND) != 0;
    find(entry->port)->sorights += (entry->type & MACH_PORT_TYPE_SEND_ONCE) != 0;
    if (entry->type & MACH_PORT_TYPE_RECEIVE) {
        find(entry->port)->receive++;
        CHECK(entry->port->receiver == space && entry->port->receiver_name == entry->name);
    }
    if (entry->request) {
        CHECK(entry->request->space == space && entry->request->name == entry->name);
        see_right(entry->request->notify, MACH_MSG_TYPE_PORT_SEND_ONCE);
    }
}

// What a port holds. Those that are found on the way come to the end of the list, and have their turn.
static void see_inside(struct port *port)
{
    unsigned count = 0;

    see_right(port->destination, 0);
    see_right(port->no_senders, MACH_MSG_TYPE_PORT_SEND_ONCE);
    see_right(port->port_destroyed, MACH_MSG_TYPE_PORT_SEND_ONCE);
    list_for_each(link, &port->messages) {
        see_message(container_of(link, struct kmsg, link));
        count++;
    }
    CHECK_EQ(port->msgcount, count);
    CHECK(!port->ahead);
    CHECK_EQ(!list_empty(&port->ready_link), port->set && count > 0);
}

static void count_chosen(struct entry *entry, void *count)
{
    *(unsigned *)count += (entry->name >> 8) / ENTRIES_PER_CHUNK >= count_space->chunk_count ||
                          space_slot(count_space, entry->name >> 8) != entry;
}

// Who makes the kernel hold names and messages has paid for just these.
static void check_ledger(const struct ledger *ledger, struct space *space, uint32_t bytes)
{
    unsigned names = space->chunk_count * ENTRIES_PER_CHUNK;

    count_space = space;
    space_for_each(space, count_chosen, &names);
    CHECK_EQ(ledger->used[MINATO_LIMIT_NAMES], names);
    CHECK(names <= ledger->limit[MINATO_LIMIT_NAMES]);
    CHECK_EQ(ledger->used[MINATO_LIMIT_MESSAGE_BYTES], bytes);
}

void check_structures(void)
{
    found_count = messages_found = sets_found = 0;
    memset(place, 0, sizeof place);
    memset(bytes_paid, 0, sizeof bytes_paid);
    for (int i = 0; i < TASKS; i++)
        space_for_each(tasks[i].space, see_entry, tasks[i].space);
    for (int i = 0; i < THREADS; i++)
        if (fake_waits(&threads[i]) && threads[i].ipc.kmsg)
            see_message(threads[i].ipc.kmsg);
    for (unsigned i = 0; i < m_ports.count; i++) { // the kernel's own: by who made them
        struct m_port *port = m_ports.at[i];

        if (port->kernel && port->alive) {
            see_right(port->real, 0);
            find(port->real)->receive++;
        }
    }
    for (unsigned i = 0; i < found_count; i++)
        see_inside(found[i].port);
    for (unsigned i = 0; i < found_count; i++) {
        const struct found *f = &found[i];

        CHECK_EQ(f->port->refs, f->refs);
        CHECK_EQ(f->port->srights, f->srights);
        CHECK_EQ(f->port->sorights, f->sorights);
        CHECK_EQ(f->receive, f->port->active);
    }
    for (int i = 0; i < TASKS; i++)
        check_ledger(&task_ledgers[i], tasks[i].space, bytes_paid[i]);
    CHECK_EQ(port_counts.ports, found_count);
    CHECK_EQ(port_counts.messages, messages_found);
    CHECK_EQ(port_counts.sets, sets_found);
}

// ---- against the model --------------------------------------------------------------------------

static void same_right(struct port *real, const struct m_port *port)
{
    if (!port)
        CHECK(real == NULL);
    else if (port == M_DEAD || !port->alive)
        CHECK(real == PORT_DEAD || (port_valid(real) && !real->active));
    else
        CHECK(real == port->real);
}

static void same_message(struct kmsg *kmsg, const struct m_msg *msg)
{
    const uint32_t *words = (const uint32_t *)(&kmsg->header + 1);
    mach_msg_type_name_t type;
    mach_port_t *ports;
    mach_msg_size_t count;

    CHECK_EQ(kmsg->header.msgh_id, msg->id);
    CHECK_EQ(kmsg->header.msgh_size, m_size(msg));
    CHECK_EQ(MACH_MSGH_BITS_PORTS(kmsg->header.msgh_bits),
             MACH_MSGH_BITS(msg->dest.type, msg->reply.type));
    same_right(kmsg_destination(kmsg), msg->dest.port);
    same_right(kmsg_port(kmsg->header.msgh_local_port), msg->reply.port);
    CHECK_EQ(kmsg_descriptor_count(kmsg), msg->descriptor_count);
    for (unsigned i = 0; i < msg->descriptor_count; i++) {
        count = kmsg_rights(&kmsg_descriptors(kmsg)[i], &ports, &type);
        for (unsigned k = 0; k < count; k++)
            same_right(kmsg_port(ports[k]), msg->d[i].ports[k]);
    }
    if (msg->notice && !msg->complex && msg->data_words > 0)
        CHECK_EQ(words[2], msg->fill); // behind the NDR record
}

static void same_port(const struct m_port *port)
{
    struct port *real = port->real;
    unsigned i = 0;

    CHECK(real->active);
    CHECK_EQ(real->mscount, port->mscount);
    CHECK_EQ(real->srights, port->srights);
    CHECK_EQ(real->sorights, port->sorights);
    CHECK_EQ(real->seqno, port->seqno);
    CHECK_EQ(real->qlimit, port->qlimit);
    CHECK_EQ(real->set != NULL, port->set != NULL);
    CHECK_EQ(waitq_count(&real->receivers), port->receivers.count);
    CHECK_EQ(waitq_count(&real->senders), port->senders.count);
    same_right(real->no_senders, port->no_senders);
    same_right(real->port_destroyed, port->port_destroyed);
    CHECK_EQ(real->msgcount, port->messages.count);
    list_for_each(link, &real->messages)
        if (i < port->messages.count)
            same_message(container_of(link, struct kmsg, link), port->messages.at[i++]);
    if (port->space >= 0)
        CHECK(real->receiver == tasks[port->space].space);
    else
        CHECK(real->receiver == NULL);
    if (port->carrier)
        same_right(real->destination, port->carrier->dest.port);
}

static void same_set(const struct port_set *real, const struct m_set *set)
{
    unsigned i = 0;

    list_for_each(link, (struct list *)&real->members)
        if (i < set->members.count)
            CHECK(container_of(link, struct port, set_link) ==
                  LIST_AT(struct m_port, &set->members, i++)->real);
    CHECK_EQ(i, set->members.count);
    i = 0;
    list_for_each(link, (struct list *)&real->ready)
        if (i < set->ready.count)
            CHECK(container_of(link, struct port, ready_link) ==
                  LIST_AT(struct m_port, &set->ready, i++)->real);
    CHECK_EQ(i, set->ready.count);
    CHECK_EQ(waitq_count(&real->receivers), set->receivers.count);
}

static void same_name(const struct m_name *n)
{
    struct entry *entry = space_find(tasks[n->space].space, n->name);
    mach_port_type_t type = entry ? entry->type : 0;

    if ((type & MACH_PORT_TYPE_PORT_RIGHTS) && !entry->port->active)
        type = MACH_PORT_TYPE_DEAD_NAME; // the kernel sees it when it looks
    if (type != n->type) {
        tap_fail(__FILE__, __LINE__, "task %d, name %x: type %x, not %x", n->space + 1, n->name,
                 type, n->type);
        return;
    }
    if (type & (MACH_PORT_TYPE_SEND | MACH_PORT_TYPE_DEAD_NAME))
        CHECK_EQ(entry->urefs, n->urefs);
    if (type & MACH_PORT_TYPE_PORT_RIGHTS)
        CHECK(entry->port == n->port->real);
    if (type & MACH_PORT_TYPE_SEND_RECEIVE)
        CHECK(space_find_port(tasks[n->space].space, entry->port) == entry);
    if (type & MACH_PORT_TYPE_PORT_SET)
        same_set(entry->set, n->set);
    CHECK_EQ(entry->request != NULL, n->request != NULL);
    if (entry->request && n->request)
        same_right(entry->request->notify, n->request);
}

void check_model(void)
{
    for (int s = 0; s < TASKS; s++) {
        CHECK_EQ(tasks[s].space->active, m_spaces[s].alive);
        CHECK_EQ(tasks[s].space->name_count, m_spaces[s].names.count);
        for (unsigned i = 0; i < m_spaces[s].names.count; i++)
            same_name(m_spaces[s].names.at[i]);
    }
    for (unsigned i = 0; i < m_ports.count; i++)
        if (LIST_AT(struct m_port, &m_ports, i)->alive)
            same_port(m_ports.at[i]);
    CHECK_EQ(port_counts.messages, m_msgs.count);
    CHECK_EQ(port_counts.sets, m_set_count);
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(fake_waits(&threads[i]), m_threads[i].state != M_IDLE);
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(fake_block_count(tasks[i].map), 0);
}
