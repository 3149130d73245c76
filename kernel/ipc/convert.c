// SPDX-License-Identifier: BSD-2-Clause
// Ports to objects and objects to ports: one pair of functions per kind.
#include "ipc/convert.h"

#include "ipc/kobject.h"
#include "ipc/space.h"
#include "kern/clock.h"
#include "kern/device.h"
#include "kern/host.h"
#include "kern/semaphore.h"
#include "kern/task.h"
#include "kern/thread.h"
#include "vm/map.h"

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

task_t convert_port_to_task(ipc_port_t port)
{
    struct task *task = port_object(port, PORT_TASK);

    if (task)
        task_reference(task);
    return task;
}

thread_t convert_port_to_thread(ipc_port_t port)
{
    struct thread *thread = port_object(port, PORT_THREAD);

    if (thread)
        thread_reference(thread);
    return thread;
}

vm_map_t convert_port_to_map(ipc_port_t port)
{
    struct task *task = port_object(port, PORT_TASK);

    if (!task)
        return NULL;
    vm_map_reference(task->map);
    return task->map;
}

ipc_space_t convert_port_to_space(ipc_port_t port)
{
    struct task *task = port_object(port, PORT_TASK);

    if (!task)
        return NULL;
    space_reference(task->space);
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

semaphore_t convert_port_to_semaphore(ipc_port_t port)
{
    struct semaphore *semaphore = port_object(port, PORT_SEMAPHORE);

    // A right whose port has died: the caller shall hear KERN_TERMINATED.
    if (port == PORT_DEAD)
        semaphore = &dead_semaphore;
    if (semaphore)
        semaphore_reference(semaphore);
    return semaphore;
}

clock_serv_t convert_port_to_clock(ipc_port_t port)
{
    return port_object(port, PORT_CLOCK);
}

device_master_t convert_port_to_device(ipc_port_t port)
{
    struct device *device = port_object(port, PORT_DEVICE);

    if (device)
        device_reference(device);
    return device;
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

ipc_port_t convert_host_to_port(host_t host)
{
    return port_make_send(host->port);
}

ipc_port_t convert_semaphore_to_port(semaphore_t semaphore)
{
    struct port *port = port_make_send(semaphore->port);

    semaphore_dereference(semaphore);
    return port;
}

ipc_port_t convert_clock_to_port(clock_serv_t clock)
{
    return port_make_send(clock->port);
}

ipc_port_t convert_device_to_port(device_master_t device)
{
    struct port *port = port_make_send(device->port);

    device_deallocate(device);
    return port;
}
