// SPDX-License-Identifier: BSD-2-Clause
// Rights under their names: giving, taking and dropping them, one entry at a time.
//
// The order inside each function matters: first the space is put right, then the port is told, because
// telling a port can send notifications, and those must find a consistent world.
#include "ipc/right.h"

#include "ipc/mqueue.h"
#include "notify_user.h"

// ---- dead-name requests ----

// Takes the request off an entry and returns its send-once right; NULL if there is none.
static struct port *cancel_request(struct entry *entry)
{
    struct dead_name_request *request = entry->request;
    struct port *notify;

    if (!request)
        return NULL;
    entry->request = NULL;
    notify = request->notify;
    list_remove(&request->link);
    kfree(request);
    return notify;
}

// Frees an entry whose rights are gone already; a registered request hears that the name is free.
static void entry_gone(struct space *space, struct entry *entry)
{
    mach_port_name_t name = entry->name;
    struct port *notify = cancel_request(entry);

    space_free(space, entry);
    if (notify)
        mach_notify_port_deleted(notify, name);
}

struct entry *right_check_dead(struct space *space, struct entry *entry)
{
    struct port *port = entry->port;

    kassert(!(entry->type & MACH_PORT_TYPE_RECEIVE) && !port->active && !entry->request);
    if (entry->type & MACH_PORT_TYPE_SEND) {
        space_hash_remove(space, entry);
        port->srights--;
    } else {
        port->sorights--;
    }
    entry->type = MACH_PORT_TYPE_DEAD_NAME;
    entry->port = NULL;
    port_release(port);
    return entry;
}

static void add_uref(struct entry *entry)
{
    if (entry->urefs < MACH_PORT_UREFS_MAX)
        entry->urefs++;
}

void right_port_died(struct space *space, mach_port_name_t name)
{
    struct entry *entry = space_find(space, name);

    kassert(entry && entry->request);
    entry->request = NULL;
    add_uref(right_check_dead(space, entry));
}

kern_return_t right_request_dead_name(struct space *space, struct entry *entry, bool sync,
                                      struct port *notify, struct port **previous)
{
    struct dead_name_request *request;
    mach_port_name_t name = entry->name;

    *previous = NULL;
    if (entry->type & MACH_PORT_TYPE_DEAD_NAME) {
        if (!notify)
            return KERN_SUCCESS;
        if (!sync)
            return KERN_INVALID_ARGUMENT;
        if (entry->urefs == MACH_PORT_UREFS_MAX)
            return KERN_UREFS_OVERFLOW;
        entry->urefs++;
        mach_notify_dead_name(notify, name);
        return KERN_SUCCESS;
    }
    if (!(entry->type & MACH_PORT_TYPE_PORT_RIGHTS))
        return KERN_INVALID_RIGHT;
    if (!notify) {
        *previous = cancel_request(entry);
        return KERN_SUCCESS;
    }
    if (entry->request) {
        *previous = entry->request->notify;
        entry->request->notify = notify;
        return KERN_SUCCESS;
    }
    request = kmalloc(sizeof *request);
    if (!request)
        return KERN_RESOURCE_SHORTAGE;
    *request = (struct dead_name_request){.space = space, .name = name, .notify = notify};
    list_insert_tail(&entry->port->dead_name_requests, &request->link);
    entry->request = request;
    return KERN_SUCCESS;
}

// ---- dropping rights ----

// Takes the right of one type off an entry, with all its user references, and the name with it if that
// leaves nothing. The caller has the right now, and a reference to the port.
static inline struct port *detach(struct space *space, struct entry *entry, mach_port_type_t type)
{
    struct port *port = entry->port;

    if (type == MACH_PORT_TYPE_SEND)
        space_hash_remove(space, entry);
    if (type != MACH_PORT_TYPE_RECEIVE)
        entry->urefs = 0;
    entry->type &= ~type;
    if (entry->type) {
        port_reference(port); // the name keeps its own for the other right
    } else {
        entry->port = NULL;
        entry_gone(space, entry);
    }
    return port;
}

// The same for a receive right: the port has no receiver now. Threads that wait to receive are told that
// the right is gone.
static struct port *detach_receive(struct space *space, struct entry *entry)
{
    struct port *port = entry->port;
    struct port *notify = port->no_senders;

    port->receiver = NULL;
    port->receiver_name = MACH_PORT_NULL;
    if (port->set)
        port_set_remove(port);
    detach(space, entry, MACH_PORT_TYPE_RECEIVE);
    mqueue_wake_receivers(&port->receivers, MACH_RCV_PORT_DIED);
    port->mscount = 0;
    port->seqno = 0;
    port->no_senders = NULL;
    if (notify)
        port_notify_send_once(notify);
    return port;
}

// Drops the right of one type, all its user references at once.
static void drop(struct space *space, struct entry *entry, mach_port_type_t type)
{
    struct port_set *set = entry->set;

    switch (type) {
    case MACH_PORT_TYPE_SEND:
        port_release_send(detach(space, entry, type));
        break;
    case MACH_PORT_TYPE_RECEIVE:
        port_release_right(detach_receive(space, entry), MACH_MSG_TYPE_PORT_RECEIVE);
        break;
    case MACH_PORT_TYPE_SEND_ONCE:
        port_release_send_once(detach(space, entry, type));
        break;
    case MACH_PORT_TYPE_PORT_SET:
        space_free(space, entry);
        port_set_destroy(set);
        break;
    default:
        kassert(type == MACH_PORT_TYPE_DEAD_NAME);
        space_free(space, entry);
    }
}

// Drops one user reference of the right of one type.
static void drop_reference(struct space *space, struct entry *entry, mach_port_type_t type)
{
    if (entry->urefs > 1)
        entry->urefs--;
    else
        drop(space, entry, type);
}

void right_destroy(struct space *space, struct entry *entry)
{
    mach_port_name_t name = entry->name;
    struct port *port, *notify = NULL;

    if (entry->type & MACH_PORT_TYPE_PORT_RIGHTS)
        notify = cancel_request(entry);
    if (entry->type == MACH_PORT_TYPE_SEND_RECEIVE) {
        // The port is about to die: nobody is told that it has no senders.
        port = detach(space, entry, MACH_PORT_TYPE_SEND);
        port->srights--;
        port_release(port);
    }
    drop(space, entry, entry->type);
    if (notify)
        mach_notify_port_deleted(notify, name);
}

kern_return_t right_deallocate_last(struct space *space, struct entry *entry)
{
    mach_port_type_t type = entry->type & (MACH_PORT_TYPE_SEND | MACH_PORT_TYPE_SEND_ONCE |
                                           MACH_PORT_TYPE_DEAD_NAME);

    if (!type)
        return KERN_INVALID_RIGHT;
    drop_reference(space, entry, type);
    return KERN_SUCCESS;
}

kern_return_t right_delta(struct space *space, struct entry *entry, mach_port_right_t right,
                          mach_port_delta_t delta)
{
    mach_port_type_t type = MACH_PORT_TYPE(right);
    // The others have exactly one reference.
    bool counted = type & (MACH_PORT_TYPE_SEND | MACH_PORT_TYPE_DEAD_NAME);
    int64_t left = (int64_t)(counted ? entry->urefs : 1) + delta;

    if (!(entry->type & type))
        return KERN_INVALID_RIGHT;
    if (left < 0 || (left > 1 && !counted))
        return KERN_INVALID_VALUE;
    if (left > MACH_PORT_UREFS_MAX)
        return KERN_UREFS_OVERFLOW;
    if (left == 0)
        drop(space, entry, type);
    else if (counted)
        entry->urefs = left;
    return KERN_SUCCESS;
}

// ---- giving rights ----

// The entry has just gained the receive right of its port: the port is told where it is now.
static void right_receive_arrived(struct space *space, struct entry *entry)
{
    struct port *port = entry->port;
    struct port *destination = port->destination;

    port->receiver = space;
    port->receiver_name = entry->name;
    port->destination = NULL;
    if (destination)
        port_release(destination);
}

// Gives a carried right to an entry that is fresh, has the other right for the port, or more of the same.
static inline void right_join(struct space *space, struct entry *entry, struct port *port,
                              mach_msg_type_name_t type)
{
    bool fresh = entry->type == 0;

    entry->port = port;
    if (type == MACH_MSG_TYPE_PORT_RECEIVE) {
        entry->type |= MACH_PORT_TYPE_RECEIVE;
        right_receive_arrived(space, entry);
    } else if (type == MACH_MSG_TYPE_PORT_SEND_ONCE) {
        entry->type = MACH_PORT_TYPE_SEND_ONCE;
        entry->urefs = 1;
    } else if (entry->type & MACH_PORT_TYPE_SEND) {
        add_uref(entry);
        port->srights--; // not the last: the entry has one
    } else {
        entry->type |= MACH_PORT_TYPE_SEND;
        entry->urefs = 1;
        space_hash_insert(space, entry);
    }
    if (!fresh)
        port->refs--; // not the last, likewise
}

kern_return_t right_copyout(struct space *space, struct port *port, mach_msg_type_name_t type,
                            mach_port_name_t *name)
{
    struct entry *entry = NULL;
    kern_return_t kr;

    if (!port_valid(port) || !port->active) {
        *name = port ? MACH_PORT_DEAD : MACH_PORT_NULL;
        port_release_right(port, type);
        return KERN_SUCCESS;
    }
    if (!space->active)
        return KERN_NO_SPACE;
    if (type != MACH_MSG_TYPE_PORT_SEND_ONCE)
        entry = space_find_port(space, port);
    if (type == MACH_MSG_TYPE_PORT_SEND && !(entry && entry->type & MACH_PORT_TYPE_SEND) &&
        !space_hash_ready(space))
        return KERN_RESOURCE_SHORTAGE;
    if (entry) {
        *name = entry->name;
        right_join(space, entry, port, type);
        return KERN_SUCCESS;
    }
    kr = space_allocate(space, &entry);
    if (kr != KERN_SUCCESS)
        return kr;
    *name = entry->name;
    right_join(space, entry, port, type);
    return KERN_SUCCESS;
}

bool right_add_reference(struct space *space, const struct port *port, mach_port_name_t *name)
{
    struct entry *entry = space_find_port(space, port);

    if (!entry || !(entry->type & MACH_PORT_TYPE_SEND))
        return false;
    add_uref(entry);
    *name = entry->name;
    return true;
}

kern_return_t right_insert(struct space *space, mach_port_name_t name, struct port *port,
                           mach_msg_type_name_t type)
{
    struct entry *entry = space_lookup(space, name);
    struct entry *existing = NULL;
    kern_return_t kr;

    if (!space->active)
        return KERN_INVALID_TASK;
    if (type == MACH_MSG_TYPE_PORT_SEND && !space_hash_ready(space))
        return KERN_RESOURCE_SHORTAGE;
    if (type != MACH_MSG_TYPE_PORT_SEND_ONCE)
        existing = space_find_port(space, port);
    if (existing && existing != entry)
        return KERN_RIGHT_EXISTS;
    if (entry && !existing)
        return KERN_NAME_EXISTS;
    if (entry) {
        if (type == MACH_MSG_TYPE_PORT_SEND && (entry->type & MACH_PORT_TYPE_SEND) &&
            entry->urefs == MACH_PORT_UREFS_MAX)
            return KERN_UREFS_OVERFLOW;
        right_join(space, entry, port, type);
        return KERN_SUCCESS;
    }
    kr = space_allocate_name(space, name, &entry);
    if (kr == KERN_SUCCESS)
        right_join(space, entry, port, type);
    return kr;
}

kern_return_t right_allocate(struct space *space, mach_port_right_t right, mach_port_name_t *name)
{
    struct entry *entry;
    struct port *port;
    kern_return_t kr;

    if (!space->active)
        return KERN_INVALID_TASK;
    if (right != MACH_PORT_RIGHT_RECEIVE && right != MACH_PORT_RIGHT_PORT_SET &&
        right != MACH_PORT_RIGHT_DEAD_NAME)
        return KERN_INVALID_VALUE;
    kr = space_allocate_name(space, *name, &entry);
    if (kr != KERN_SUCCESS)
        return kr;
    if (right == MACH_PORT_RIGHT_RECEIVE) {
        if ((port = port_make()) != NULL)
            right_join(space, entry, port, MACH_MSG_TYPE_PORT_RECEIVE);
    } else if (right == MACH_PORT_RIGHT_PORT_SET) {
        if ((entry->set = port_set_make()) != NULL) {
            entry->set->name = entry->name;
            entry->type = MACH_PORT_TYPE_PORT_SET;
        }
    } else {
        entry->type = MACH_PORT_TYPE_DEAD_NAME;
        entry->urefs = 1;
    }
    *name = entry->name;
    if (entry->type)
        return KERN_SUCCESS;
    space_free(space, entry);
    return KERN_RESOURCE_SHORTAGE;
}

kern_return_t right_rename(struct space *space, struct entry *entry, mach_port_name_t name)
{
    struct entry *renamed;
    kern_return_t kr;

    kr = space_allocate_name(space, name, &renamed);
    if (kr != KERN_SUCCESS)
        return kr;
    renamed->port = entry->port;
    renamed->urefs = entry->urefs;
    renamed->request = entry->request;
    if (renamed->request)
        renamed->request->name = name;
    if (entry->type & MACH_PORT_TYPE_SEND) {
        space_hash_remove(space, entry);
        space_hash_insert(space, renamed);
    }
    if (entry->type & MACH_PORT_TYPE_RECEIVE)
        entry->port->receiver_name = name;
    if (entry->type & MACH_PORT_TYPE_PORT_SET)
        entry->set->name = name;
    renamed->type = entry->type;
    entry->request = NULL;
    space_free(space, entry);
    return KERN_SUCCESS;
}

// ---- taking rights for messages ----

bool right_promise(struct entry *entry, mach_msg_type_name_t type)
{
    mach_port_type_t counted;

    switch (type) {
    case MACH_MSG_TYPE_COPY_SEND:
        return entry->type & (MACH_PORT_TYPE_SEND | MACH_PORT_TYPE_DEAD_NAME);
    case MACH_MSG_TYPE_MAKE_SEND:
    case MACH_MSG_TYPE_MAKE_SEND_ONCE:
        return entry->type & MACH_PORT_TYPE_RECEIVE;
    case MACH_MSG_TYPE_MOVE_RECEIVE:
        if (!(entry->type & MACH_PORT_TYPE_RECEIVE) || entry->receive_promised)
            return false;
        entry->receive_promised = true;
        return true;
    default:
        counted = type == MACH_MSG_TYPE_MOVE_SEND ? MACH_PORT_TYPE_SEND : MACH_PORT_TYPE_SEND_ONCE;
        if (!(entry->type & (counted | MACH_PORT_TYPE_DEAD_NAME)) ||
            entry->promised == entry->urefs)
            return false;
        entry->promised++;
        return true;
    }
}

void right_unpromise(struct entry *entry, mach_msg_type_name_t type)
{
    if (type == MACH_MSG_TYPE_MOVE_RECEIVE)
        entry->receive_promised = false;
    else if (!right_keeps_source(type))
        entry->promised--;
}

static struct port *take_send(struct space *space, struct entry *entry)
{
    if (entry->urefs == 1)
        return detach(space, entry, MACH_PORT_TYPE_SEND);
    entry->urefs--;
    return port_copy_send(entry->port);
}

struct port *right_take(struct space *space, struct entry *entry, mach_msg_type_name_t type)
{
    struct port *port = entry->port;

    right_unpromise(entry, type);
    // Taking another right of the same message may have been the port's end.
    if ((entry->type & MACH_PORT_TYPE_PORT_RIGHTS) && !port->active)
        right_check_dead(space, entry);
    if (entry->type & MACH_PORT_TYPE_DEAD_NAME) {
        if (!right_keeps_source(type))
            drop_reference(space, entry, MACH_PORT_TYPE_DEAD_NAME);
        return PORT_DEAD;
    }
    switch (type) {
    case MACH_MSG_TYPE_COPY_SEND:
        return port_copy_send(port);
    case MACH_MSG_TYPE_MAKE_SEND:
        return port_make_send(port);
    case MACH_MSG_TYPE_MAKE_SEND_ONCE:
        return port_make_send_once(port);
    case MACH_MSG_TYPE_MOVE_SEND:
        return take_send(space, entry);
    case MACH_MSG_TYPE_MOVE_RECEIVE:
        return detach_receive(space, entry);
    default:
        return detach(space, entry, MACH_PORT_TYPE_SEND_ONCE);
    }
}
