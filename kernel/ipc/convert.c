// SPDX-License-Identifier: BSD-2-Clause
// Ports to objects and objects to ports: one pair of functions per kind.
#include "ipc/kobject.h"

#include "ipc/space.h"
#include "kern/clock.h"
#include "kern/device.h"
#include "kern/host.h"
#include "kern/lock_set.h"
#include "kern/semaphore.h"
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

struct task *task_from_name(mach_port_name_t name)
{
    return port_object(space_send_target(current_space(), name), PORT_TASK);
}

_Static_assert(offsetof(struct task, refs) == 0 && offsetof(struct thread, refs) == 0 &&
                   offsetof(struct synchronizer, refs) == 0 && offsetof(struct device, refs) == 0,
               "counted_object");

// With a reference; every object that is counted begins with its count.
static void *counted_object(struct port *port, enum port_kind kind)
{
    uint32_t *refs = port_object(port, kind);

    if (refs)
        ++*refs;
    return refs;
}

task_t convert_port_to_task(ipc_port_t port)
{
    return counted_object(port, PORT_TASK);
}

thread_t convert_port_to_thread(ipc_port_t port)
{
    return counted_object(port, PORT_THREAD);
}

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

host_priv_t convert_port_to_host_priv(ipc_port_t port)
{
    return port_object(port, PORT_HOST_PRIV);
}

host_t convert_port_to_bootstrap(ipc_port_t port)
{
    return port_object(port, PORT_BOOTSTRAP);
}

// A right whose port has died counts as one to an object that was destroyed: the caller shall hear so.
static void *synchronizer_of(struct port *port, enum port_kind kind)
{
    if (port != PORT_DEAD)
        return counted_object(port, kind);
    dead_synchronizer.refs++;
    return &dead_synchronizer;
}

semaphore_t convert_port_to_semaphore(ipc_port_t port)
{
    return synchronizer_of(port, PORT_SEMAPHORE);
}

lock_set_t convert_port_to_lock_set(ipc_port_t port)
{
    return synchronizer_of(port, PORT_LOCK_SET);
}

exceptions_t convert_port_to_thread_exceptions(ipc_port_t port)
{
    struct thread *thread = port_object(port, PORT_THREAD);

    return thread ? &thread->exceptions : NULL;
}

exceptions_t convert_port_to_task_exceptions(ipc_port_t port)
{
    struct task *task = port_object(port, PORT_TASK);

    return task ? &task->exceptions : NULL;
}

exceptions_t convert_port_to_host_exceptions(ipc_port_t port)
{
    return port_object(port, PORT_HOST_PRIV) ? &the_host.exceptions : NULL;
}

clock_serv_t convert_port_to_clock(ipc_port_t port)
{
    clock_serv_t clock = port_object(port, PORT_CLOCK);

    return clock ? clock : convert_port_to_clock_ctrl(port);
}

clock_ctrl_t convert_port_to_clock_ctrl(ipc_port_t port)
{
    return port_object(port, PORT_CLOCK_CTRL);
}

device_master_t convert_port_to_device(ipc_port_t port)
{
    return counted_object(port, PORT_DEVICE);
}

memory_object_control_t convert_port_to_memory_control(ipc_port_t port)
{
    struct pager *pager = port_object(port, PORT_MEMORY_CONTROL);

    if (!pager)
        return NULL;
    vm_object_reference(pager->object);
    return pager->object;
}

ipc_port_t convert_task_to_port(task_t task)
{
    struct port *port = port_make_send(task->self);

    task_deallocate(task);
    return port;
}

ipc_port_t convert_thread_to_port(thread_t thread)
{
    struct port *port = port_make_send(thread->self);

    thread_deallocate(thread);
    return port;
}

static struct port *port_of_synchronizer(struct synchronizer *s)
{
    struct port *port = port_make_send(s->port);

    synchronizer_dereference(s);
    return port;
}

ipc_port_t convert_semaphore_to_port(semaphore_t semaphore)
{
    return port_of_synchronizer(&semaphore->base);
}

ipc_port_t convert_lock_set_to_port(lock_set_t set)
{
    return port_of_synchronizer(&set->base);
}

ipc_port_t convert_clock_to_port(clock_serv_t clock)
{
    return port_make_send(clock->port);
}

ipc_port_t convert_clock_ctrl_to_port(clock_ctrl_t clock)
{
    return port_make_send(clock->control);
}

ipc_port_t convert_device_to_port(device_master_t device)
{
    struct port *port = port_make_send(device->port);

    device_deallocate(device);
    return port;
}
