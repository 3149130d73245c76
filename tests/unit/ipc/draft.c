// SPDX-License-Identifier: BSD-2-Clause
#include "draft.h"
#include "calls.h"
#include "tap.h"

struct draft draft;

// ---- drawing up a message -----------------------------------------------------------------------

mach_port_type_t taken_from(mach_msg_type_name_t disposition)
{
    return disposition == MACH_MSG_TYPE_COPY_SEND || disposition == MACH_MSG_TYPE_MOVE_SEND
               ? MACH_PORT_TYPE_SEND
           : disposition == MACH_MSG_TYPE_MOVE_SEND_ONCE ? MACH_PORT_TYPE_SEND_ONCE
                                                         : MACH_PORT_TYPE_RECEIVE;
}

static mach_port_name_t name_to_carry(int space, mach_msg_type_name_t disposition)
{
    return one_in(20) ? (one_in(2) ? MACH_PORT_NULL : MACH_PORT_DEAD)
                      : some_name(space, taken_from(disposition));
}

static void draw_part(int space, struct part *p)
{
    uint32_t *names;

    *p = (struct part){.disposition = MACH_MSG_TYPE_MOVE_RECEIVE + below(6), .copy = below(2),
                       .deallocate = one_in(3), .count = 1};
    if (one_in(20))
        p->disposition = below(30);
    p->type = one_in(30) ? below(256) : below(4);
    if (p->type == MACH_MSG_PORT_DESCRIPTOR) {
        p->names[0] = name_to_carry(space, p->disposition);
        return;
    }
    if (one_in(25))
        p->copy = below(one_in(2) ? 5 : 256);
    if (p->type == MACH_MSG_OOL_PORTS_DESCRIPTOR) {
        p->count = below(RIGHTS + 1);
        if (p->count > 0)
            p->address = fake_block(tasks[space].map, p->count * sizeof p->names[0], 0);
        names = p->address;
        for (unsigned i = 0; i < p->count; i++)
            names[i] = p->names[i] = name_to_carry(space, p->disposition);
    } else {
        p->count = 4 * below(20);
        if (p->count > 0)
            p->address = fake_block(tasks[space].map, p->count, draft.fill);
    }
    if (one_in(25))
        p->address = (void *)BAD_ADDRESS;
}

static unsigned in_body(void)
{
    return draft.bits & MACH_MSGH_BITS_COMPLEX ? draft.count : 0;
}

// If it can be: a receive right, sent to a port whose own receive right waits, over some ports, in that
// very right's queue.
static void draw_circle(int space)
{
    struct list_of *names = &m_spaces[space].names;

    for (unsigned i = 0; i < names->count; i++) {
        struct m_name *n = names->at[i], *closing;
        struct m_port *port = n->type & MACH_PORT_TYPE_SEND ? n->port : NULL;

        while (port && port->alive && port->carrier)
            port = port->carrier->dest.port;
        closing = port && port != n->port ? m_find_port(space, port) : NULL;
        if (!closing || !(closing->type & MACH_PORT_TYPE_RECEIVE))
            continue;
        draft.dest = n->name;
        draft.reply = MACH_PORT_NULL;
        draft.bits = MACH_MSGH_BITS_COMPLEX | MACH_MSG_TYPE_COPY_SEND;
        draft.count = draft.said_count = 1;
        draft.parts[0] = (struct part){.type = MACH_MSG_PORT_DESCRIPTOR, .count = 1,
                                       .disposition = MACH_MSG_TYPE_MOVE_RECEIVE};
        draft.parts[0].names[0] = closing->name;
        draft.size = sizeof(mach_msg_header_t) + 4 * draft.words + 4 + 12;
        return;
    }
}

void draw_draft(int space)
{
    static mach_msg_id_t last_id = 1000;
    mach_msg_type_name_t remote = MACH_MSG_TYPE_MOVE_SEND + below(5), local = 0;

    draft = (struct draft){.id = ++last_id, .words = below(one_in(10) ? 250 : 6)};
    if (one_in(200)) // the largest message that there can be, or larger
        draft.words = (MACH_MSG_SIZE_MAX - sizeof(mach_msg_header_t)) / 4 + below(2);
    draft.fill = draft.id * 2654435761u;
    if (one_in(3))
        local = one_in(2) ? MACH_MSG_TYPE_MAKE_SEND_ONCE : MACH_MSG_TYPE_MOVE_SEND + below(5);
    draft.dest = some_name(space, taken_from(remote));
    if (local != 0)
        draft.reply = name_to_carry(space, local);
    draft.bits = MACH_MSGH_BITS(remote, local);
    if (one_in(40))
        draft.bits ^= 1u << below(32);
    if (one_in(60))
        draft.reply = some_name(space, ~0u);
    if (one_in(2)) {
        draft.bits |= MACH_MSGH_BITS_COMPLEX;
        draft.count = below(DESCRIPTORS + 1);
        for (unsigned i = 0; i < draft.count; i++)
            draw_part(space, &draft.parts[i]);
    }
    draft.said_count = draft.count;
    if (draft.words < 3 && one_in(20)) // more than there is room for
        draft.said_count = one_in(2) ? 0xffffffff : draft.count + 1;
    draft.size = sizeof(mach_msg_header_t) + 4 * draft.words +
                 (draft.bits & MACH_MSGH_BITS_COMPLEX ? 4 + 12 * draft.count : 0);
    if (one_in(8))
        draw_circle(space);
}

// A right of that kind to a port that is waited on, if there is any.
static mach_port_name_t name_waited_on(int space, mach_port_type_t type)
{
    struct list_of *names = &m_spaces[space].names;
    unsigned start = names->count > 0 ? below(names->count) : 0;

    for (unsigned i = 0; i < names->count; i++) {
        struct m_name *n = names->at[(start + i) % names->count];
        struct m_port *port = n->type & type ? n->port : NULL;

        if (port && (port->kernel ? one_in(4) : port->receivers.count > 0 ||
                                  (port->set && port->set->receivers.count > 0)))
            return n->name;
    }
    return some_name(space, type);
}

mach_port_name_t draw_call(int space)
{
    mach_port_name_t reply = some_name(space, MACH_PORT_TYPE_RECEIVE);
    bool once = one_in(3);

    draft.bits &= MACH_MSGH_BITS_COMPLEX;
    draft.parts[0].copy = 0;
    if (in_body() == 1 && one_in(2)) {
        draft.parts[0] = (struct part){.type = MACH_MSG_OOL_DESCRIPTOR, .count = 4 + 4 * below(20),
                                       .copy = MACH_MSG_VIRTUAL_COPY};
        draft.parts[0].address = fake_block(tasks[space].map, draft.parts[0].count, draft.fill);
    }
    // Rights and nothing else, or just that memory.
    for (unsigned i = draft.parts[0].copy == MACH_MSG_VIRTUAL_COPY; i < in_body(); i++) {
        mach_msg_type_name_t disposition = MACH_MSG_TYPE_MOVE_SEND + below(5);

        draft.parts[i] = (struct part){.type = MACH_MSG_PORT_DESCRIPTOR, .count = 1,
                                       .disposition = disposition};
        draft.parts[i].names[0] = some_name(space, taken_from(disposition));
    }
    draft.dest = name_waited_on(space, once ? MACH_PORT_TYPE_SEND_ONCE : MACH_PORT_TYPE_SEND);
    if (once || one_in(4)) {
        draft.bits |= once ? MACH_MSG_TYPE_MOVE_SEND_ONCE : MACH_MSG_TYPE_COPY_SEND;
        draft.reply = MACH_PORT_NULL;
        return some_name(space, MACH_PORT_TYPE_RECEIVE | MACH_PORT_TYPE_PORT_SET);
    }
    draft.bits |= MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
    return draft.reply = reply;
}

static void write_part(mach_msg_descriptor_t *d, const struct part *p)
{
    if (p->type == MACH_MSG_PORT_DESCRIPTOR)
        d->port = (mach_msg_port_descriptor_t){.name = p->names[0], .type = p->type,
                                               .disposition = p->disposition};
    else // memory has no disposition there
        d->ool_ports = (mach_msg_ool_ports_descriptor_t){
            .address = p->address, .count = p->count, .deallocate = p->deallocate,
            .copy = p->copy, .disposition = p->disposition, .type = p->type};
}

void write_draft(void *buffer)
{
    mach_msg_header_t *header = buffer;
    uint32_t *words = (uint32_t *)(header + 1);

    *header = (mach_msg_header_t){draft.bits, 77, draft.dest, draft.reply, 99, draft.id};
    if (draft.bits & MACH_MSGH_BITS_COMPLEX) {
        *words++ = draft.said_count;
        for (unsigned i = 0; i < draft.count; i++, words += 3)
            write_part((mach_msg_descriptor_t *)words, &draft.parts[i]);
    }
    for (unsigned i = 0; i < draft.words; i++)
        words[i] = draft.fill;
}

// ---- what the kernel must say to it -------------------------------------------------------------

// The names in the message, in order, and how often each has been promised.
struct promises {
    unsigned count;
    struct {
        struct m_name *n;
        mach_msg_type_name_t disposition;
    } at[2 + DESCRIPTORS * RIGHTS];
};

static bool any(mach_msg_type_name_t disposition)
{
    return disposition >= MACH_MSG_TYPE_MOVE_RECEIVE && disposition <= MACH_MSG_TYPE_MAKE_SEND_ONCE;
}

static bool valid(mach_port_name_t name)
{
    return name != MACH_PORT_NULL && name != MACH_PORT_DEAD;
}

static bool promise(struct promises *p, int space, mach_port_name_t name,
                    mach_msg_type_name_t disposition)
{
    struct m_name *n = m_find(space, name);
    mach_port_type_t need = taken_from(disposition);
    bool moves = disposition <= MACH_MSG_TYPE_MOVE_SEND_ONCE;
    unsigned taken = 0;

    if (!n)
        return false;
    if (!(n->type & need) &&
        !(n->type == MACH_PORT_TYPE_DEAD_NAME && need != MACH_PORT_TYPE_RECEIVE))
        return false;
    for (unsigned i = 0; i < p->count; i++)
        if (p->at[i].n == n && p->at[i].disposition <= MACH_MSG_TYPE_MOVE_SEND_ONCE &&
            (p->at[i].disposition == MACH_MSG_TYPE_MOVE_RECEIVE) ==
                (disposition == MACH_MSG_TYPE_MOVE_RECEIVE))
            taken++;
    if (moves && taken >= (disposition == MACH_MSG_TYPE_MOVE_RECEIVE ? 1 : n->urefs))
        return false;
    p->at[p->count].n = n;
    p->at[p->count++].disposition = disposition;
    return true;
}

static mach_msg_return_t header_answer(int space, struct promises *p)
{
    mach_msg_type_name_t remote = MACH_MSGH_BITS_REMOTE(draft.bits);
    mach_msg_type_name_t local = MACH_MSGH_BITS_LOCAL(draft.bits);
    struct m_name *dest;

    if ((draft.bits & ~MACH_MSGH_BITS_USER) || !any(remote) ||
        remote == MACH_MSG_TYPE_MOVE_RECEIVE)
        return MACH_SEND_INVALID_HEADER;
    if (local == 0 ? draft.reply != MACH_PORT_NULL
                   : !any(local) || local == MACH_MSG_TYPE_MOVE_RECEIVE)
        return MACH_SEND_INVALID_HEADER;
    dest = m_find(space, draft.dest);
    if (!dest || !(dest->type & MACH_PORT_TYPE_PORT_RIGHTS) ||
        !promise(p, space, draft.dest, remote))
        return MACH_SEND_INVALID_DEST;
    if (valid(draft.reply) && !promise(p, space, draft.reply, local))
        return MACH_SEND_INVALID_REPLY;
    return MACH_MSG_SUCCESS;
}

static mach_msg_return_t part_answer(const struct part *p)
{
    if (p->type > MACH_MSG_OOL_VOLATILE_DESCRIPTOR)
        return MACH_SEND_INVALID_TYPE;
    if (p->type != MACH_MSG_PORT_DESCRIPTOR && p->copy > MACH_MSG_VIRTUAL_COPY)
        return MACH_SEND_INVALID_TYPE;
    if ((p->type == MACH_MSG_PORT_DESCRIPTOR || p->type == MACH_MSG_OOL_PORTS_DESCRIPTOR) &&
        !any(p->disposition))
        return MACH_SEND_INVALID_TYPE;
    if (p->type != MACH_MSG_PORT_DESCRIPTOR && p->count > 0 && p->address == (void *)BAD_ADDRESS)
        return MACH_SEND_INVALID_MEMORY;
    return MACH_MSG_SUCCESS;
}

static unsigned rights_in(const struct part *p)
{
    return p->type == MACH_MSG_PORT_DESCRIPTOR        ? 1
           : p->type == MACH_MSG_OOL_PORTS_DESCRIPTOR ? p->count : 0;
}

static mach_msg_return_t body_answer(int space, struct promises *p)
{
    mach_msg_return_t mr;

    if (!(draft.bits & MACH_MSGH_BITS_COMPLEX))
        return MACH_MSG_SUCCESS;
    if (draft.size < sizeof(mach_msg_header_t) + sizeof(mach_msg_body_t) ||
        draft.said_count > (draft.size - sizeof(mach_msg_header_t) - sizeof(mach_msg_body_t)) / 12)
        return MACH_SEND_MSG_TOO_SMALL;
    for (unsigned i = 0; i < draft.count; i++) {
        mr = part_answer(&draft.parts[i]);
        if (mr != MACH_MSG_SUCCESS)
            return mr;
    }
    for (unsigned i = 0; i < draft.count; i++)
        for (unsigned k = 0; k < rights_in(&draft.parts[i]); k++)
            if (valid(draft.parts[i].names[k]) &&
                !promise(p, space, draft.parts[i].names[k], draft.parts[i].disposition))
                return MACH_SEND_INVALID_RIGHT;
    return MACH_MSG_SUCCESS;
}

mach_msg_return_t copyin_answer(int space, const struct message_arguments *a)
{
    struct promises promises = {0};
    mach_msg_return_t mr;

    if (a->option & MACH_SEND_TRAILER)
        return MACH_SEND_INVALID_TRAILER;
    if (a->send_size < sizeof(mach_msg_header_t) || a->send_size % 4 != 0)
        return MACH_SEND_MSG_TOO_SMALL;
    if (a->send_size > MACH_MSG_SIZE_MAX)
        return MACH_SEND_TOO_LARGE;
    if (a->msg < FAKE_USER_MIN)
        return MACH_SEND_INVALID_DATA;
    mr = header_answer(space, &promises);
    return mr == MACH_MSG_SUCCESS ? body_answer(space, &promises) : mr;
}

// ---- taking it ----------------------------------------------------------------------------------

static struct m_port *as_named(mach_port_name_t name)
{
    return name == MACH_PORT_DEAD ? M_DEAD : NULL;
}

static void take_into(struct m_port **port, int space, mach_port_name_t name,
                      mach_msg_type_name_t disposition, bool keeping)
{
    if (valid(name) && (disposition >= MACH_MSG_TYPE_COPY_SEND) == keeping)
        *port = m_take(m_find(space, name), disposition);
}

static void take_all(struct m_msg *msg, int space, bool keeping)
{
    take_into(&msg->dest.port, space, draft.dest, MACH_MSGH_BITS_REMOTE(draft.bits), keeping);
    take_into(&msg->reply.port, space, draft.reply, MACH_MSGH_BITS_LOCAL(draft.bits), keeping);
    for (unsigned i = 0; i < msg->descriptor_count; i++)
        for (unsigned k = 0; k < rights_in(&draft.parts[i]); k++)
            take_into(&msg->d[i].ports[k], space, draft.parts[i].names[k],
                      draft.parts[i].disposition, keeping);
}

struct m_msg *take_draft(int space)
{
    struct m_msg *msg = m_msg_new();
    mach_msg_type_name_t local = MACH_MSGH_BITS_LOCAL(draft.bits);

    msg->id = draft.id;
    msg->fill = draft.fill;
    msg->data_words = draft.words;
    msg->complex = draft.bits & MACH_MSGH_BITS_COMPLEX;
    msg->descriptor_count = in_body();
    // What lies behind the last descriptor that counts is data.
    if (draft.said_count < draft.count)
        tap_fail(__FILE__, __LINE__, "a draft with fewer descriptors than it has");
    msg->sender = tasks[space].number;
    msg->dest.type = m_carried(MACH_MSGH_BITS_REMOTE(draft.bits));
    msg->reply = (struct m_right){as_named(draft.reply), local ? m_carried(local) : 0};
    for (unsigned i = 0; i < msg->descriptor_count; i++) {
        const struct part *p = &draft.parts[i];
        struct m_descriptor *d = &msg->d[i];

        *d = (struct m_descriptor){.type = p->type, .count = p->count};
        d->disposition = rights_in(p) > 0 || p->type == MACH_MSG_OOL_PORTS_DESCRIPTOR
                             ? m_carried(p->disposition) : 0;
        for (unsigned k = 0; k < rights_in(p); k++)
            d->ports[k] = as_named(p->names[k]);
    }
    take_all(msg, space, true);
    take_all(msg, space, false);
    return msg;
}

void check_sent_memory(int space, bool sent)
{
    for (unsigned i = 0; i < draft.count; i++) {
        const struct part *p = &draft.parts[i];
        unsigned size = p->type == MACH_MSG_OOL_PORTS_DESCRIPTOR ? p->count * 4 : p->count;

        if (p->type == MACH_MSG_PORT_DESCRIPTOR || !p->address || size == 0 ||
            p->address == (void *)BAD_ADDRESS)
            continue;
        CHECK_EQ(fake_has_block(tasks[space].map, p->address, size, true),
                 !(sent && p->deallocate));
    }
    fake_take_marked(tasks[space].map);
}
