// SPDX-License-Identifier: BSD-2-Clause
// Ports to objects and objects to ports (kobject.h).
#include "ipc/kobject.h"

#include "ipc/space.h"
#include "kern/clock.h"
#include "kern/device.h"
#include "kern/host.h"
#include "kern/synchronizer.h"
#include "kern/task.h"
#include "kern/thread.h"
#include "vm/map.h"
#include "vm/object.h"
#include "vm/pager.h"

struct port *space_send_target(struct space *space, mach_port_name_t name)
{
    struct entry *entry = space_lookup(space, name);

    if (!entry || !(entry->type & MACH_PORT_TYPE_SEND_RECEIVE))
        return NULL;
    return entry->port;
}

// Not inlined, to keep the usual way short.
static __attribute__((noinline)) struct task *other_task(mach_port_name_t name)
{
    return port_object(space_send_target(current_space(), name), PORT_TASK);
}

struct task *task_from_name(mach_port_name_t name)
{
    struct task *self = current_thread()->task;
    const struct entry *entry = space_table_entry(self->space, name);

    // Nearly always it is the caller's own.
    if (entry && entry->port == self->self && (entry->type & MACH_PORT_TYPE_SEND) && self->alive)
        return self;
    return other_task(name);
}

// ---- objects that are counted, all in the same way ----

#define COUNTED(type, its_port)                                                     \
    _Static_assert(offsetof(struct type, refs) == offsetof(struct counted, refs) &&  \
                   offsetof(struct type, its_port) == offsetof(struct counted, port), #type)
COUNTED(task, self);
COUNTED(thread, self);
COUNTED(synchronizer, port);
COUNTED(device, port);

void *counted_object(struct port *port, enum port_kind kind)
{
    struct counted *object = port_object(port, kind);

    if (object)
        object->refs++;
    return object;
}

void *synchronizer_object(struct port *port, enum port_kind kind)
{
    if (port != PORT_DEAD)
        return counted_object(port, kind);
    dead_synchronizer.refs++;
    return &dead_synchronizer;
}

struct port *counted_object_to_port(void *object)
{
    struct counted *o = object;

    kassert(o->refs > 1); // it is alive
    o->refs--;
    return port_make_send(o->port);
}

// ---- the others ----

vm_map_t convert_port_to_map(ipc_port_t port)
{
    struct task *task = port_object(port, PORT_TASK);

    if (!task)
        return NULL;
    task->map->refs++;
    return task->map;
}

ipc_space_t convert_port_to_space(ipc_port_t port)
{
    struct task *task = port_object(port, PORT_TASK);

    if (!task)
        return NULL;
    task->space->refs++;
    return task->space;
}

void space_deallocate(ipc_space_t space)
{
    if (space)
        space_release(space);
}

host_t convert_port_to_host(ipc_port_t port)
{
    host_t host = port_object(port, PORT_HOST);

    return host ? host : port_object(port, PORT_HOST_PRIV);
}

exceptions_t convert_port_to_exceptions(ipc_port_t port, enum port_kind kind)
{
    void *object = port_object(port, kind);

    if (!object)
        return NULL;
    return kind == PORT_THREAD ? &((struct thread *)object)->exceptions
           : kind == PORT_TASK ? &((struct task *)object)->exceptions
                               : &((struct host *)object)->exceptions;
}

clock_serv_t convert_port_to_clock(ipc_port_t port)
{
    clock_serv_t clock = port_object(port, PORT_CLOCK);

    return clock ? clock : port_object(port, PORT_CLOCK_CTRL);
}

memory_object_control_t convert_port_to_memory_control(ipc_port_t port)
{
    struct pager *pager = port_object(port, PORT_MEMORY_CONTROL);

    if (!pager)
        return NULL;
    vm_object_reference(pager->object);
    return pager->object;
}

ipc_port_t convert_clock_to_port(clock_serv_t clock)
{
    return port_make_send(clock->port);
}

ipc_port_t convert_clock_ctrl_to_port(clock_ctrl_t clock)
{
    return port_make_send(clock->control);
}
