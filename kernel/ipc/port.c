// SPDX-License-Identifier: BSD-2-Clause
// Ports and the rights to them, wherever those are: birth, death, and the counting in between. Names
// for rights are in right.c, queues in mqueue.c.
#include "ipc/port.h"

#include "ipc/mqueue.h"
#include "ipc/right.h"
#include "ipc/space.h"
#include "kern/clock.h"
#include "kern/device.h"
#include "notify_user.h"
#include "vm/pager.h"
#include "x86/cpu.h"

struct port_counts port_counts;

static struct slab_cache port_cache = SLAB_CACHE(port_cache, "port", sizeof(struct port));

struct port *port_make(void)
{
    struct port *port = slab_alloc(&port_cache);

    if (!port)
        return NULL;
    memset(port, 0, sizeof *port);
    port->refs = 1;
    port->active = true;
    port->qlimit = MACH_PORT_QLIMIT_DEFAULT;
    list_init(&port->messages);
    list_init(&port->set_link);
    list_init(&port->ready_link);
    list_init(&port->dead_name_requests);
    waitq_init(&port->receivers);
    port->receivers.at = WAITQ_RECEIVERS;
    waitq_init(&port->senders);
    port->senders.at = WAITQ_SENDERS;
    port->id = ++port_counts.last_id;
    port_counts.ports++;
    return port;
}

void port_reference(struct port *port)
{
    debug_assert(port->refs > 0);
    port->refs++;
}

void port_release(struct port *port)
{
    kassert(port->refs > 0);
    if (--port->refs > 0)
        return;
    kassert(!port->active);
    slab_free(&port_cache, port);
    port_counts.ports--;
}

// Tells everyone who asked to be told of the port's death, and turns their names into dead names.
static void fire_dead_name_requests(struct port *port)
{
    struct list *link;

    while ((link = list_pop(&port->dead_name_requests)) != NULL) {
        struct dead_name_request *request = container_of(link, struct dead_name_request, link);

        if (!request->space) {
            clock_alarm_cancel(request);
            continue;
        }
        // The name still holds the request: right_port_died takes it out and counts the user
        // reference that goes with the notification.
        right_port_died(request->space, request->name);
        mach_notify_dead_name(request->notify, request->name);
        kfree(request);
        preemption_point();
    }
}

void port_destroy(struct port *port)
{
    struct port *notify;

    kassert(port->active);
    port->active = false;
    port->receiver = NULL;
    port->receiver_name = MACH_PORT_NULL;
    // The circle of in-transit ports ends here; see mqueue.c.
    if (port->destination) {
        port_release(port->destination);
        port->destination = NULL;
    }
    if (port->set)
        port_set_remove(port);
    notify = port->no_senders;
    port->no_senders = NULL;
    if (notify)
        port_notify_send_once(notify);
    kassert(!port->port_destroyed);
    if (port->kind == PORT_USER && port->object)
        vm_pager_port_died(port->object);
    mqueue_port_died(port);
    fire_dead_name_requests(port);
}

struct port *port_make_send(struct port *port)
{
    if (!port_valid(port) || !port->active)
        return port_valid(port) ? PORT_DEAD : port;
    port->refs++;
    port->srights++;
    port->mscount++;
    return port;
}

struct port *port_copy_send(struct port *port)
{
    if (!port_valid(port) || !port->active)
        return port_valid(port) ? PORT_DEAD : port;
    port->refs++;
    port->srights++;
    return port;
}

struct port *port_make_send_once(struct port *port)
{
    if (!port_valid(port) || !port->active)
        return port_valid(port) ? PORT_DEAD : port;
    port->refs++;
    port->sorights++;
    return port;
}

// Device ports live by their send rights alone.
void port_no_senders(struct port *port)
{
    struct port *notify = port->no_senders;

    if (notify) {
        port->no_senders = NULL;
        mach_notify_no_senders(notify, port->mscount);
    }
    if (port->kind == PORT_DEVICE)
        device_no_senders(port->object);
}

void port_release_send(struct port *port)
{
    if (!port_valid(port))
        return;
    kassert(port->srights > 0);
    if (--port->srights == 0 && port->active)
        port_no_senders(port);
    port_release(port);
}

void port_notify_send_once(struct port *unused)
{
    if (unused->msgcount > 0 && ledger_is_full(port_ledger(unused), MINATO_LIMIT_MESSAGE_BYTES))
        unused->owed++; // the right stays counted
    else
        mach_notify_send_once(unused);
}

void port_release_send_once(struct port *port)
{
    if (!port_valid(port))
        return;
    kassert(port->sorights > 0);
    // A right to the kernel's own ports has nobody to tell.
    if (port->active && port->kind == PORT_USER) {
        port_notify_send_once(port);
        return;
    }
    port->sorights--;
    port_release(port);
}

// The receive right in a message or the caller's hands goes.
static void release_receive(struct port *port)
{
    struct port *notify = port->port_destroyed;

    if (!port->active) {
        port_release(port);
    } else if (notify) {
        port->port_destroyed = NULL;
        mach_notify_port_destroyed(notify, port, MACH_MSG_TYPE_PORT_RECEIVE);
    } else {
        port_destroy(port);
        port_release(port);
    }
}

void port_release_right(struct port *port, mach_msg_type_name_t type)
{
    if (!port_valid(port))
        return;
    switch (type) {
    case MACH_MSG_TYPE_PORT_RECEIVE:
        release_receive(port);
        break;
    case MACH_MSG_TYPE_PORT_SEND:
        port_release_send(port);
        break;
    case MACH_MSG_TYPE_PORT_SEND_ONCE:
        port_release_send_once(port);
        break;
    default:
        panic("port_release_right: type %u is not a carried right", type);
    }
}
