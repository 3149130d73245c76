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

// Drops the send right of an entry, all its user references at once.
static void drop_send(struct space *space, struct entry *entry)
{
    struct port *port = entry->port;

    space_hash_remove(space, entry);
    entry->type &= ~MACH_PORT_TYPE_SEND;
    entry->urefs = 0;
    if (entry->type) {
        port_reference(port); // the name keeps its own for the receive right
    } else {
        entry->port = NULL;
        entry_gone(space, entry);
    }
    port_release_send(port);
}

// Takes the receive right of an entry into the caller's hands, with a reference: the port has no
// receiver now. Threads that wait to receive are told that the right is gone.
static struct port *detach_receive(struct space *space, struct entry *entry)
{
    struct port *port = entry->port;
    struct port *notify = port->no_senders;

    entry->type &= ~MACH_PORT_TYPE_RECEIVE;
    port->receiver = NULL;
    port->receiver_name = MACH_PORT_NULL;
    if (port->set)
        port_set_remove(port);
    if (entry->type) {
        port_reference(port); // the name keeps its own for the send right
    } else {
        entry->port = NULL;
        entry_gone(space, entry);
    }
    mqueue_wake_receivers(&port->receivers, MACH_RCV_PORT_DIED);
    port->mscount = 0;
    port->seqno = 0;
    port->no_senders = NULL;
    if (notify)
        port_notify_send_once(notify);
    return port;
}

static void drop_receive(struct space *space, struct entry *entry)
{
    port_release_right(detach_receive(space, entry), MACH_MSG_TYPE_PORT_RECEIVE);
}

static void drop_send_once(struct space *space, struct entry *entry)
{
    struct port *port = entry->port;

    entry->port = NULL;
    entry_gone(space, entry);
    port_release_send_once(port);
}

static void drop_set(struct space *space, struct entry *entry)
{
    struct port_set *set = entry->set;

    entry->set = NULL;
    space_free(space, entry);
    port_set_destroy(set);
}

static void drop_dead_name(struct space *space, struct entry *entry, unsigned urefs)
{
    entry->urefs -= urefs;
    if (entry->urefs == 0)
        space_free(space, entry);
}

void right_destroy(struct space *space, struct entry *entry)
{
    mach_port_name_t name = entry->name;
    struct port *notify = NULL;

    if (entry->type & MACH_PORT_TYPE_PORT_RIGHTS)
        notify = cancel_request(entry);
    switch (entry->type) {
    case MACH_PORT_TYPE_SEND_RECEIVE:
        // The port is about to die: nobody is told that it has no senders.
        space_hash_remove(space, entry);
        entry->type = MACH_PORT_TYPE_RECEIVE;
        entry->urefs = 0;
        entry->port->srights--;
        drop_receive(space, entry);
        break;
    case MACH_PORT_TYPE_SEND:
        drop_send(space, entry);
        break;
    case MACH_PORT_TYPE_RECEIVE:
        drop_receive(space, entry);
        break;
    case MACH_PORT_TYPE_SEND_ONCE:
        drop_send_once(space, entry);
        break;
    case MACH_PORT_TYPE_PORT_SET:
        drop_set(space, entry);
        break;
    case MACH_PORT_TYPE_DEAD_NAME:
        drop_dead_name(space, entry, entry->urefs);
        break;
    default:
        panic("right_destroy: entry %x has type %x", name, entry->type);
    }
    if (notify)
        mach_notify_port_deleted(notify, name);
}

kern_return_t right_deallocate(struct space *space, struct entry *entry)
{
    if (entry->type & MACH_PORT_TYPE_DEAD_NAME) {
        drop_dead_name(space, entry, 1);
    } else if (entry->type & MACH_PORT_TYPE_SEND_ONCE) {
        drop_send_once(space, entry);
    } else if (entry->type & MACH_PORT_TYPE_SEND) {
        if (entry->urefs == 1)
            drop_send(space, entry);
        else
            entry->urefs--;
    } else {
        return KERN_INVALID_RIGHT;
    }
    return KERN_SUCCESS;
}

// For rights with exactly one reference: -1 drops it, 0 leaves it.
static kern_return_t delta_single(struct space *space, struct entry *entry,
                                  mach_port_delta_t delta,
                                  void (*drop)(struct space *, struct entry *))
{
    if (delta == 0)
        return KERN_SUCCESS;
    if (delta != -1)
        return KERN_INVALID_VALUE;
    drop(space, entry);
    return KERN_SUCCESS;
}

static void drop_all_urefs(struct space *space, struct entry *entry)
{
    drop_dead_name(space, entry, entry->urefs);
}

static kern_return_t delta_counted(struct space *space, struct entry *entry,
                                   mach_port_delta_t delta,
                                   void (*drop_all)(struct space *, struct entry *))
{
    if (delta < 0 && (uint32_t)-(int64_t)delta > entry->urefs)
        return KERN_INVALID_VALUE;
    if (delta > 0 && (uint32_t)delta > MACH_PORT_UREFS_MAX - entry->urefs)
        return KERN_UREFS_OVERFLOW;
    if (entry->urefs + delta == 0)
        drop_all(space, entry);
    else
        entry->urefs += delta;
    return KERN_SUCCESS;
}

kern_return_t right_delta(struct space *space, struct entry *entry, mach_port_right_t right,
                          mach_port_delta_t delta)
{
    if (!(entry->type & MACH_PORT_TYPE(right)))
        return KERN_INVALID_RIGHT;
    switch (right) {
    case MACH_PORT_RIGHT_SEND:
        return delta_counted(space, entry, delta, drop_send);
    case MACH_PORT_RIGHT_DEAD_NAME:
        return delta_counted(space, entry, delta, drop_all_urefs);
    case MACH_PORT_RIGHT_RECEIVE:
        return delta_single(space, entry, delta, drop_receive);
    case MACH_PORT_RIGHT_SEND_ONCE:
        return delta_single(space, entry, delta, drop_send_once);
    default:
        return delta_single(space, entry, delta, drop_set);
    }
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

// Gives an entry without type a right; for fresh entries. Consumes reference and right.
static void right_fill(struct space *space, struct entry *entry, struct port *port,
                       mach_msg_type_name_t type)
{
    entry->port = port;
    switch (type) {
    case MACH_MSG_TYPE_PORT_SEND:
        entry->type = MACH_PORT_TYPE_SEND;
        entry->urefs = 1;
        space_hash_insert(space, entry);
        break;
    case MACH_MSG_TYPE_PORT_SEND_ONCE:
        entry->type = MACH_PORT_TYPE_SEND_ONCE;
        entry->urefs = 1;
        break;
    default:
        entry->type = MACH_PORT_TYPE_RECEIVE;
        right_receive_arrived(space, entry);
        break;
    }
}

// Adds a carried send or receive right to an entry that has the other, or more of the same.
static inline void right_join(struct space *space, struct entry *entry, struct port *port,
                       mach_msg_type_name_t type)
{
    if (type == MACH_MSG_TYPE_PORT_RECEIVE) {
        entry->type |= MACH_PORT_TYPE_RECEIVE;
        right_receive_arrived(space, entry);
        port_release(port);
    } else if (entry->type & MACH_PORT_TYPE_SEND) {
        add_uref(entry);
        port->srights--; // neither is the last: the entry has one
        port->refs--;
    } else {
        entry->type |= MACH_PORT_TYPE_SEND;
        entry->urefs = 1;
        space_hash_insert(space, entry);
        port_release(port);
    }
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
    right_fill(space, entry, port, type);
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
        right_fill(space, entry, port, type);
    return kr;
}

kern_return_t right_make_receive(struct space *space, mach_port_name_t *name)
{
    struct entry *entry;
    struct port *port;
    kern_return_t kr;

    port = port_make();
    if (!port)
        return KERN_RESOURCE_SHORTAGE;
    kr = *name == MACH_PORT_NULL ? space_allocate(space, &entry)
                                 : space_allocate_name(space, *name, &entry);
    if (kr != KERN_SUCCESS) {
        port_destroy(port);
        port_release(port);
        return kr;
    }
    right_fill(space, entry, port, MACH_MSG_TYPE_PORT_RECEIVE);
    *name = entry->name;
    return KERN_SUCCESS;
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
    struct port *port = entry->port;

    if (entry->urefs > 1) {
        entry->urefs--;
        return port_copy_send(port);
    }
    space_hash_remove(space, entry);
    entry->type &= ~MACH_PORT_TYPE_SEND;
    entry->urefs = 0;
    if (entry->type) {
        port_reference(port);
    } else {
        entry->port = NULL;
        entry_gone(space, entry);
    }
    return port;
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
            drop_dead_name(space, entry, 1);
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
        entry->port = NULL;
        entry_gone(space, entry);
        return port;
    }
}
