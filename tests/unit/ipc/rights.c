// SPDX-License-Identifier: BSD-2-Clause
// mach_port_* calls that take or give rights, or ask for notifications, with random arguments.
#include "calls.h"
#include <mach/notify.h>
#include "ipc/kobject.h"
#include "ipc/right.h"
#include "mach_port_server.h"
#include "tap.h"

// ---- rights that come and go with a call --------------------------------------------------------

// Whether a name has what the disposition takes.
static bool can_take(const struct m_name *n, mach_msg_type_name_t disposition)
{
    switch (disposition) {
    case MACH_MSG_TYPE_COPY_SEND:
    case MACH_MSG_TYPE_MOVE_SEND:
        return n->type & (MACH_PORT_TYPE_SEND | MACH_PORT_TYPE_DEAD_NAME);
    case MACH_MSG_TYPE_MOVE_SEND_ONCE:
        return n->type & (MACH_PORT_TYPE_SEND_ONCE | MACH_PORT_TYPE_DEAD_NAME);
    default:
        return n->type & MACH_PORT_TYPE_RECEIVE;
    }
}

// Takes a right from a space, on both sides. KERN_SUCCESS: *port and *m are it.
static kern_return_t take(int space, mach_port_name_t name, mach_msg_type_name_t disposition,
                          struct port **port, struct m_port **m)
{
    struct m_name *n = m_find(space, name);
    kern_return_t want = !n ? KERN_INVALID_NAME
                         : can_take(n, disposition) ? KERN_SUCCESS : KERN_INVALID_RIGHT;
    kern_return_t kr = right_copyin(tasks[space].space, name, disposition, port);

    if (agreed("right_copyin", kr, want))
        *m = m_take(n, disposition);
    return kr;
}

// Gives one to a space, on both sides, or drops it.
static void give(int space, struct port *port, struct m_port *m, mach_msg_type_name_t type)
{
    mach_port_name_t name;

    if (right_copyout(tasks[space].space, port, type, &name) != KERN_SUCCESS) {
        CHECK(fake_failed || !m_spaces[space].alive || names_full());
        port_release_right(port, type);
        m_release(m, type);
        return;
    }
    m_copyout(space, m, type, name);
}

static kern_return_t insert_answer(int space, mach_port_name_t name, struct m_port *m,
                                   mach_msg_type_name_t type, struct m_name **joined)
{
    struct m_name *n = m_find(space, name);

    *joined = NULL;
    if (!m_spaces[space].alive)
        return KERN_INVALID_TASK;
    if (name_reserved(name))
        return KERN_INVALID_VALUE;
    if (m == M_DEAD || !m->alive)
        return KERN_INVALID_CAPABILITY;
    if (type != MACH_MSG_TYPE_PORT_SEND_ONCE)
        *joined = m_find_port(space, m);
    if (*joined && *joined != n)
        return KERN_RIGHT_EXISTS;
    if (n && !*joined)
        return KERN_NAME_EXISTS;
    if (n && type == MACH_MSG_TYPE_PORT_SEND && (n->type & MACH_PORT_TYPE_SEND) &&
        n->urefs == MACH_PORT_UREFS_MAX)
        return KERN_UREFS_OVERFLOW;
    return KERN_SUCCESS;
}

static void insert_into(int space, mach_port_name_t name, struct port *port, struct m_port *m,
                        mach_msg_type_name_t type)
{
    struct m_name *n;
    kern_return_t want = insert_answer(space, name, m, type, &n);

    if (!agreed("mach_port_insert_right",
                mach_port_insert_right(tasks[space].space, name, port, type), want)) {
        port_release_right(port, type);
        m_release(m, type);
    } else if (n) {
        m_join(n, m, type);
    } else {
        m_fill(m_name_new(space, name, true), m, type);
    }
}

void call_insert_right(int me, int space)
{
    mach_msg_type_name_t disposition =
        one_in(2) ? MACH_MSG_TYPE_MAKE_SEND : MACH_MSG_TYPE_MOVE_RECEIVE + below(6);
    mach_msg_type_name_t type = m_carried(disposition);
    mach_port_name_t source = some_name(me, taken_from(disposition)), name;
    struct m_port *m;
    struct port *port;

    name = one_in(2) && me == space ? source : one_in(2) ? some_name(space, ~0u)
                                                         : strange_name(space);
    if (take(me, source, disposition, &port, &m) != KERN_SUCCESS)
        return;
    insert_into(space, name, port, m, type);
}

// A send right beside a receive right.
void call_make_send(int me, int space)
{
    struct list_of *names = &m_spaces[space].names;
    mach_port_name_t name = one_in(8) || names->count == 0
                                ? some_name(space, MACH_PORT_TYPE_RECEIVE)
                                : LIST_AT(struct m_name, names, names->count - 1)->name;
    struct m_port *m;
    struct port *port;

    if (take(me, name, MACH_MSG_TYPE_MAKE_SEND, &port, &m) == KERN_SUCCESS)
        insert_into(space, name, port, m, MACH_MSG_TYPE_PORT_SEND);
}

void call_extract_right(int me, int space)
{
    mach_msg_type_name_t disposition =
        one_in(16) ? below(30) : MACH_MSG_TYPE_MOVE_RECEIVE + below(6), type;
    mach_port_name_t name = some_name(space, taken_from(disposition));
    struct m_name *n;
    kern_return_t want = lookup_answer(space, name, ~0u, &n);
    struct port *port;

    if (want == KERN_SUCCESS && MACH_MSG_TYPE_PORT_ANY(disposition) && !can_take(n, disposition))
        want = KERN_INVALID_RIGHT;
    if (!MACH_MSG_TYPE_PORT_ANY(disposition) && want != KERN_INVALID_TASK)
        want = KERN_INVALID_VALUE;
    if (!agreed("mach_port_extract_right",
                mach_port_extract_right(tasks[space].space, name, disposition, &port, &type), want))
        return;
    CHECK_EQ(type, m_carried(disposition));
    give(me, port, m_take(n, disposition), type);
}

// ---- requests -----------------------------------------------------------------------------------

static kern_return_t m_request_dead_name(struct m_name *n, uint32_t sync, struct m_port *notify,
                                         struct m_port **previous)
{
    if (n->type & MACH_PORT_TYPE_DEAD_NAME) {
        if (!notify)
            return KERN_SUCCESS;
        if (sync == 0)
            return KERN_INVALID_ARGUMENT;
        if (n->urefs == MACH_PORT_UREFS_MAX)
            return KERN_UREFS_OVERFLOW;
        n->urefs++;
        m_notify(notify, MACH_NOTIFY_DEAD_NAME, n->name, NULL);
        return KERN_SUCCESS;
    }
    if (!(n->type & MACH_PORT_TYPE_PORT_RIGHTS))
        return KERN_INVALID_RIGHT;
    *previous = n->request;
    if (!n->request && notify)
        list_add(&n->port->requests, n);
    if (n->request && !notify)
        list_take(&n->port->requests, n);
    n->request = notify;
    return KERN_SUCCESS;
}

static void m_request_no_senders(struct m_port *port, uint32_t sync, struct m_port *notify,
                                 struct m_port **previous)
{
    *previous = port->no_senders;
    port->no_senders = notify;
    if (notify && port->srights == 0 && port->mscount >= sync) {
        port->no_senders = NULL;
        m_notify(notify, MACH_NOTIFY_NO_SENDERS, port->mscount, NULL);
    }
}

// The model's answer, and its work: after the kernel's, whose shortage it is told.
static kern_return_t m_request(int space, mach_port_name_t name, mach_msg_id_t id, uint32_t sync,
                               struct m_port *notify, struct m_port **previous)
{
    struct m_name *n;
    kern_return_t kr;

    *previous = NULL;
    if (!m_spaces[space].alive)
        return KERN_INVALID_TASK;
    if (id != MACH_NOTIFY_PORT_DESTROYED && id != MACH_NOTIFY_DEAD_NAME &&
        id != MACH_NOTIFY_NO_SENDERS)
        return KERN_INVALID_VALUE;
    if (notify == M_DEAD)
        return KERN_INVALID_CAPABILITY;
    kr = lookup_answer(space, name, id == MACH_NOTIFY_DEAD_NAME ? ~0u : MACH_PORT_TYPE_RECEIVE, &n);
    if (kr != KERN_SUCCESS)
        return kr;
    if (id == MACH_NOTIFY_DEAD_NAME)
        return m_request_dead_name(n, sync, notify, previous);
    if (id == MACH_NOTIFY_NO_SENDERS) {
        m_request_no_senders(n->port, sync, notify, previous);
    } else {
        if (sync != 0)
            return KERN_INVALID_VALUE;
        *previous = n->port->port_destroyed;
        n->port->port_destroyed = notify;
    }
    return KERN_SUCCESS;
}

void call_request_notification(int me, int space)
{
    static const mach_msg_id_t ids[] = {MACH_NOTIFY_PORT_DESTROYED, MACH_NOTIFY_DEAD_NAME,
                                        MACH_NOTIFY_NO_SENDERS, MACH_NOTIFY_SEND_ONCE};
    mach_msg_id_t id = ids[below(one_in(10) ? 4 : 3)];
    mach_port_name_t name = some_name(space, id != MACH_NOTIFY_DEAD_NAME ? MACH_PORT_TYPE_RECEIVE
                                             : one_in(4) ? MACH_PORT_TYPE_DEAD_NAME : ~0u);
    uint32_t sync = one_in(3) ? below(4) : 0;
    mach_msg_type_name_t disposition =
        one_in(3) ? MACH_MSG_TYPE_MOVE_SEND_ONCE : MACH_MSG_TYPE_MAKE_SEND_ONCE;
    struct port *notify = NULL, *previous = NULL;
    struct m_port *m = NULL, *m_previous;
    kern_return_t kr;

    if (!one_in(8) && take(me, some_name(me, taken_from(disposition)), disposition, &notify, &m) !=
                          KERN_SUCCESS)
        return;
    kr = mach_port_request_notification(tasks[space].space, name, id, sync, notify, &previous);
    if (kr == KERN_RESOURCE_SHORTAGE && fake_failed) {
        port_release_right(notify, MACH_MSG_TYPE_PORT_SEND_ONCE);
        m_release(m, MACH_MSG_TYPE_PORT_SEND_ONCE);
        return;
    }
    CHECK_EQ(kr, m_request(space, name, id, sync, m, &m_previous));
    if (kr == KERN_SUCCESS) {
        give(me, previous, m_previous, MACH_MSG_TYPE_PORT_SEND_ONCE);
    } else {
        port_release_right(notify, MACH_MSG_TYPE_PORT_SEND_ONCE);
        m_release(m, MACH_MSG_TYPE_PORT_SEND_ONCE);
    }
}
