// SPDX-License-Identifier: BSD-2-Clause
// Port sets: membership. How messages find threads that wait on a set is in mqueue.c.
#include "ipc/port.h"

#include "ipc/mqueue.h"
#include "x86/cpu.h"

static struct slab_cache port_set_cache =
    SLAB_CACHE(port_set_cache, "port set", sizeof(struct port_set));

struct port_set *port_set_make(void)
{
    struct port_set *set = slab_alloc(&port_set_cache);

    if (!set)
        return NULL;
    list_init(&set->members);
    list_init(&set->ready);
    waitq_init(&set->receivers);
    set->receivers.at = WAITQ_SET;
    set->id = ++port_counts.last_id;
    port_counts.sets++;
    return set;
}

void port_set_destroy(struct port_set *set)
{
    set->name = MACH_PORT_NULL;
    while (!list_empty(&set->members)) {
        port_set_remove(container_of(set->members.next, struct port, set_link));
        preemption_point();
    }
    mqueue_wake_receivers(&set->receivers, MACH_RCV_PORT_DIED);
    slab_free(&port_set_cache, set);
    port_counts.sets--;
}

void port_set_add(struct port_set *set, struct port *port)
{
    kassert(!port->set);
    port->set = set;
    list_insert_tail(&set->members, &port->set_link);
    mqueue_joined_set(port);
}

void port_set_remove(struct port *port)
{
    kassert(port->set);
    list_remove(&port->ready_link);
    list_remove(&port->set_link);
    port->set = NULL;
}
