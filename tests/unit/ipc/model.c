// SPDX-License-Identifier: BSD-2-Clause
#include "model.h"
#include <mach/notify.h>
#include <stdlib.h>
#include <string.h>
#include "tap.h"

struct m_space m_spaces[TASKS];
struct m_thread m_threads[THREADS];
struct list_of m_ports, m_msgs, m_woken;
static struct list_of sets; // all that ever were
struct m_port m_dead;
unsigned m_set_count, m_world_size;
static struct list_of everything; // that was allocated

// ---- lists --------------------------------------------------------------------------------------

void list_add(struct list_of *list, void *item)
{
    if (list->count == list->room) {
        list->room = list->room ? 2 * list->room : 8;
        list->at = realloc(list->at, list->room * sizeof list->at[0]);
    }
    list->at[list->count++] = item;
}

int list_index(const struct list_of *list, const void *item)
{
    for (unsigned i = 0; i < list->count; i++)
        if (list->at[i] == item)
            return i;
    return -1;
}

void list_take(struct list_of *list, void *item)
{
    int i = list_index(list, item);

    if (i >= 0)
        memmove(list->at + i, list->at + i + 1, (--list->count - i) * sizeof list->at[0]);
}

void *list_shift(struct list_of *list)
{
    void *first = list->count > 0 ? list->at[0] : NULL;

    list_take(list, first);
    return first;
}

void list_clear(struct list_of *list)
{
    free(list->at);
    *list = (struct list_of){0};
}

void *m_new(size_t size)
{
    void *made = calloc(1, size);

    list_add(&everything, made);
    return made;
}

// ---- names --------------------------------------------------------------------------------------

struct m_name *m_find(int space, mach_port_name_t name)
{
    struct list_of *names = &m_spaces[space].names;

    for (unsigned i = 0; i < names->count; i++)
        if (LIST_AT(struct m_name, names, i)->name == name)
            return names->at[i];
    return NULL;
}

struct m_name *m_find_port(int space, const struct m_port *port)
{
    struct list_of *names = &m_spaces[space].names;

    for (unsigned i = 0; i < names->count; i++) {
        struct m_name *n = names->at[i];

        if (n->port == port && (n->type & MACH_PORT_TYPE_SEND_RECEIVE))
            return n;
    }
    return NULL;
}

static bool stale(const struct m_space *s, mach_port_name_t name)
{
    for (unsigned i = 0; i < STALE && i < s->stale_count; i++)
        if (s->stale[i] == name)
            return true;
    return false;
}

struct m_name *m_name_new(int space, mach_port_name_t name, bool chosen)
{
    struct m_name *n = m_new(sizeof *n);

    *n = (struct m_name){.space = space, .name = name, .chosen = chosen};
    if (m_find(space, name) || name == MACH_PORT_NULL || name == MACH_PORT_DEAD)
        tap_fail(__FILE__, __LINE__, "name %x is given out, but in use or reserved", name);
    if (!chosen && stale(&m_spaces[space], name))
        tap_fail(__FILE__, __LINE__, "name %x is given out again too soon", name);
    list_add(&m_spaces[space].names, n);
    return n;
}

void m_stale(int space, mach_port_name_t name, bool chosen)
{
    struct m_space *s = &m_spaces[space];

    if (!chosen)
        s->stale[s->stale_count++ % STALE] = name;
}

static void free_name(struct m_name *n)
{
    struct m_space *s = &m_spaces[n->space];

    list_take(&s->names, n);
    m_stale(n->space, n->name, n->chosen);
    n->type = 0;
}

// The request of a name is taken off; whom it would have told.
static struct m_port *cancel_request(struct m_name *n)
{
    struct m_port *notify = n->request;

    n->request = NULL;
    if (notify && n->port)
        list_take(&n->port->requests, n);
    return notify;
}

void m_name_gone(struct m_name *n)
{
    struct m_port *notify = cancel_request(n);

    free_name(n);
    if (notify)
        m_notify(notify, MACH_NOTIFY_PORT_DELETED, n->name, NULL);
}

struct m_port *m_port_new(struct m_name *n)
{
    struct m_port *port = m_new(sizeof *port);

    *port = (struct m_port){.alive = true, .space = -1, .qlimit = MACH_PORT_QLIMIT_DEFAULT};
    list_add(&m_ports, port);
    if (n) {
        port->real = space_find(tasks[n->space].space, n->name)->port;
        m_fill(n, port, MACH_MSG_TYPE_PORT_RECEIVE);
    }
    return port;
}

struct m_set *m_set_new(struct m_name *n)
{
    struct m_set *set = m_new(sizeof *set);

    *set = (struct m_set){.name = n->name};
    n->type = MACH_PORT_TYPE_PORT_SET;
    n->set = set;
    m_set_count++;
    list_add(&sets, set);
    return set;
}

// ---- waiting ------------------------------------------------------------------------------------

// By base priority, in order of arrival within one.
void m_wait(struct m_thread *thread, struct list_of *queue)
{
    unsigned i = queue->count;

    list_add(queue, thread);
    for (; i > 0 && LIST_AT(struct m_thread, queue, i - 1)->real->base_priority >
                        thread->real->base_priority; i--)
        queue->at[i] = queue->at[i - 1];
    queue->at[i] = thread;
    thread->queue = queue;
}

void m_wake(struct m_thread *thread, enum wait_result result)
{
    list_take(thread->queue, thread);
    thread->queue = NULL;
    thread->woken = true;
    thread->wait = result;
    list_add(&m_woken, thread);
}

static void wake_receivers(struct list_of *queue, mach_msg_return_t code)
{
    while (queue->count > 0) {
        LIST_AT(struct m_thread, queue, 0)->code = code;
        m_wake(queue->at[0], WAIT_DESTROYED);
    }
}

// ---- the life of a port -------------------------------------------------------------------------

static void port_dies(struct m_port *port)
{
    struct m_port *notify = port->no_senders;
    struct m_msg *msg;
    struct m_name *n;

    port->alive = false;
    port->space = -1;
    port->carrier = NULL;
    if (port->set)
        m_set_remove(port);
    port->no_senders = NULL;
    if (notify)
        m_notify(notify, MACH_NOTIFY_SEND_ONCE, 0, NULL);
    wake_receivers(&port->receivers, MACH_RCV_PORT_DIED);
    while (port->senders.count > 0)
        m_wake(port->senders.at[0], WAIT_DESTROYED);
    while ((msg = list_shift(&port->messages)) != NULL)
        m_kill(msg);
    // All its names are dead now; who asked is told, and has one reference more.
    for (int s = 0; s < TASKS; s++)
        for (unsigned i = 0; i < m_spaces[s].names.count; i++) {
            n = m_spaces[s].names.at[i];
            if (n->port == port) {
                n->type = MACH_PORT_TYPE_DEAD_NAME;
                n->port = NULL;
            }
        }
    while ((n = list_shift(&port->requests)) != NULL) {
        notify = n->request;
        n->request = NULL;
        if (n->urefs < MACH_PORT_UREFS_MAX)
            n->urefs++;
        m_notify(notify, MACH_NOTIFY_DEAD_NAME, n->name, NULL);
    }
}

void m_kernel_port_dies(struct m_port *port)
{
    port_dies(port);
}

void m_release(struct m_port *port, mach_msg_type_name_t type)
{
    struct m_port *notify;

    if (!port || port == M_DEAD || !port->alive)
        return;
    if (type == MACH_MSG_TYPE_PORT_SEND) {
        notify = port->no_senders;
        if (--port->srights == 0 && notify) {
            port->no_senders = NULL;
            m_notify(notify, MACH_NOTIFY_NO_SENDERS, port->mscount, NULL);
        }
    } else if (type == MACH_MSG_TYPE_PORT_SEND_ONCE) {
        m_notify(port, MACH_NOTIFY_SEND_ONCE, 0, NULL);
    } else {
        notify = port->port_destroyed;
        port->port_destroyed = NULL;
        if (!notify || !m_notify(notify, MACH_NOTIFY_PORT_DESTROYED, 0, port))
            port_dies(port);
    }
}

void m_set_add(struct m_set *set, struct m_port *port)
{
    port->set = set;
    list_add(&set->members, port);
    wake_receivers(&port->receivers, MACH_RCV_PORT_CHANGED);
    while (port->messages.count > 0 && m_hand_over(port->messages.at[0], port))
        list_shift(&port->messages);
    if (port->messages.count > 0)
        list_add(&set->ready, port);
    m_let_in(port);
}

void m_set_remove(struct m_port *port)
{
    list_take(&port->set->members, port);
    list_take(&port->set->ready, port);
    port->set = NULL;
}

// ---- rights under names -------------------------------------------------------------------------

void m_drop_send(struct m_name *n)
{
    struct m_port *port = n->port;

    n->type &= ~MACH_PORT_TYPE_SEND;
    n->urefs = 0;
    if (!n->type)
        m_name_gone(n);
    m_release(port, MACH_MSG_TYPE_PORT_SEND);
}

// The receive right is in nobody's hands after this.
static struct m_port *detach_receive(struct m_name *n)
{
    struct m_port *port = n->port, *notify = port->no_senders;

    n->type &= ~MACH_PORT_TYPE_RECEIVE;
    port->space = -1;
    if (port->set)
        m_set_remove(port);
    if (!n->type)
        m_name_gone(n);
    wake_receivers(&port->receivers, MACH_RCV_PORT_DIED);
    port->mscount = port->seqno = 0;
    port->no_senders = NULL;
    if (notify)
        m_notify(notify, MACH_NOTIFY_SEND_ONCE, 0, NULL);
    return port;
}

void m_drop_receive(struct m_name *n)
{
    m_release(detach_receive(n), MACH_MSG_TYPE_PORT_RECEIVE);
}

void m_drop_send_once(struct m_name *n)
{
    struct m_port *port = n->port;

    m_name_gone(n);
    m_release(port, MACH_MSG_TYPE_PORT_SEND_ONCE);
}

void m_drop_set(struct m_name *n)
{
    struct m_set *set = n->set;

    free_name(n);
    while (set->members.count > 0)
        m_set_remove(set->members.at[0]);
    wake_receivers(&set->receivers, MACH_RCV_PORT_DIED);
    m_set_count--;
}

void m_drop_dead(struct m_name *n, unsigned urefs)
{
    n->urefs -= urefs;
    if (n->urefs == 0)
        free_name(n);
}

void m_destroy(struct m_name *n)
{
    struct m_port *notify = cancel_request(n);

    switch (n->type) {
    case MACH_PORT_TYPE_SEND_RECEIVE: // it dies: nobody hears that it has no senders
        n->port->srights--;
        n->type = MACH_PORT_TYPE_RECEIVE;
        // fall through
    case MACH_PORT_TYPE_RECEIVE:
        m_drop_receive(n);
        break;
    case MACH_PORT_TYPE_SEND:
        m_drop_send(n);
        break;
    case MACH_PORT_TYPE_SEND_ONCE:
        m_drop_send_once(n);
        break;
    case MACH_PORT_TYPE_PORT_SET:
        m_drop_set(n);
        break;
    default:
        m_drop_dead(n, n->urefs);
        break;
    }
    if (notify)
        m_notify(notify, MACH_NOTIFY_PORT_DELETED, n->name, NULL);
}

mach_msg_type_name_t m_carried(mach_msg_type_name_t disposition)
{
    static const mach_msg_type_name_t carried[] = {16, 17, 18, 17, 17, 18};

    return carried[disposition - MACH_MSG_TYPE_MOVE_RECEIVE];
}

struct m_port *m_take(struct m_name *n, mach_msg_type_name_t disposition)
{
    struct m_port *port = n->port;

    if (n->type == MACH_PORT_TYPE_DEAD_NAME) {
        if (disposition != MACH_MSG_TYPE_COPY_SEND)
            m_drop_dead(n, 1);
        return M_DEAD;
    }
    switch (disposition) {
    case MACH_MSG_TYPE_MAKE_SEND:
        port->mscount++;
        // fall through
    case MACH_MSG_TYPE_COPY_SEND:
        port->srights++;
        break;
    case MACH_MSG_TYPE_MAKE_SEND_ONCE:
        port->sorights++;
        break;
    case MACH_MSG_TYPE_MOVE_SEND:
        if (n->urefs > 1) {
            n->urefs--;
            port->srights++;
            break;
        }
        n->urefs = 0;
        n->type &= ~MACH_PORT_TYPE_SEND;
        if (!n->type)
            m_name_gone(n);
        break;
    case MACH_MSG_TYPE_MOVE_RECEIVE:
        detach_receive(n);
        break;
    default:
        m_name_gone(n);
        break;
    }
    return port;
}

static void receive_arrives(struct m_name *n, struct m_port *port)
{
    n->type |= MACH_PORT_TYPE_RECEIVE;
    port->space = n->space;
    port->carrier = NULL;
}

void m_fill(struct m_name *n, struct m_port *port, mach_msg_type_name_t type)
{
    n->port = port;
    if (type == MACH_MSG_TYPE_PORT_RECEIVE) {
        receive_arrives(n, port);
        return;
    }
    n->type = type == MACH_MSG_TYPE_PORT_SEND ? MACH_PORT_TYPE_SEND : MACH_PORT_TYPE_SEND_ONCE;
    n->urefs = 1;
}

void m_join(struct m_name *n, struct m_port *port, mach_msg_type_name_t type)
{
    if (type == MACH_MSG_TYPE_PORT_RECEIVE) {
        receive_arrives(n, port);
    } else if (n->type & MACH_PORT_TYPE_SEND) {
        port->srights--; // of which this name has one already
        if (n->urefs < MACH_PORT_UREFS_MAX)
            n->urefs++;
    } else {
        n->type |= MACH_PORT_TYPE_SEND;
        n->urefs = 1;
    }
}

bool m_copyout(int space, struct m_port *port, mach_msg_type_name_t type, mach_port_name_t name)
{
    struct m_name *n = NULL;

    if (!port) {
        CHECK_EQ(name, MACH_PORT_NULL);
        return true;
    }
    if (port == M_DEAD || !port->alive) {
        CHECK_EQ(name, MACH_PORT_DEAD);
        return true;
    }
    if (name == MACH_PORT_NULL) {
        CHECK(fake_failed || !m_spaces[space].alive || names_full());
        return false;
    }
    CHECK(m_spaces[space].alive);
    if (type != MACH_MSG_TYPE_PORT_SEND_ONCE)
        n = m_find_port(space, port);
    if (n) {
        CHECK_EQ(name, n->name);
        m_join(n, port, type);
    } else {
        m_fill(m_name_new(space, name, false), port, type);
    }
    return true;
}

// ---- the world ----------------------------------------------------------------------------------

void m_begin(void)
{
    memset(m_spaces, 0, sizeof m_spaces);
    memset(m_threads, 0, sizeof m_threads);
    for (int i = 0; i < TASKS; i++)
        m_spaces[i].alive = true;
    for (int i = 0; i < THREADS; i++) {
        m_threads[i].real = &threads[i];
        m_threads[i].space = i % TASKS;
    }
    m_set_count = 0;
}

void m_end(void)
{
    for (unsigned i = 0; i < m_ports.count; i++) {
        struct m_port *port = m_ports.at[i];

        list_clear(&port->messages);
        list_clear(&port->receivers);
        list_clear(&port->senders);
        list_clear(&port->requests);
    }
    for (unsigned i = 0; i < sets.count; i++) {
        struct m_set *set = sets.at[i];

        list_clear(&set->members);
        list_clear(&set->ready);
        list_clear(&set->receivers);
    }
    for (int i = 0; i < TASKS; i++)
        list_clear(&m_spaces[i].names);
    list_clear(&sets);
    for (unsigned i = 0; i < everything.count; i++)
        free(everything.at[i]);
    list_clear(&everything);
    list_clear(&m_ports);
    list_clear(&m_msgs);
    list_clear(&m_woken);
}
