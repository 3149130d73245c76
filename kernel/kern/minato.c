// SPDX-License-Identifier: BSD-2-Clause
// What the kernel tells of itself: the calls of minato.defs, but for the inside of a port
// (ipc/port_info.c) and the exception ports of the host (exception_ports.c).
//
// Nearly all of it reads what other files keep. Contracts are in minato.defs.
#include "ipc/kobject.h"
#include "ipc/port.h"
#include "ipc/space.h"
#include "kern/host.h"
#include "kern/ledger.h"
#include "kern/lock_set.h"
#include "kern/semaphore.h"
#include "kern/synchronizer.h"
#include "kern/task.h"
#include "kern/thread.h"
#include "minato_server.h"
#include "vm/map.h"
#include "vm/page.h"

// ---- counts ----

static void count_name(struct entry *entry, void *context)
{
    struct minato_task_counts *counts = context;

    counts->names_total++;
    counts->urefs_total += entry->urefs;
    if (entry->type & MACH_PORT_TYPE_SEND)
        counts->names_send++;
    if (entry->type & MACH_PORT_TYPE_RECEIVE) {
        counts->names_receive++;
        counts->messages_queued += entry->port->msgcount;
    }
    if (entry->type & MACH_PORT_TYPE_SEND_ONCE)
        counts->names_send_once++;
    if (entry->type & MACH_PORT_TYPE_PORT_SET)
        counts->names_port_set++;
    if (entry->type & MACH_PORT_TYPE_DEAD_NAME)
        counts->names_dead++;
}

kern_return_t minato_task_counts(task_t task, minato_task_counts_t *counts)
{
    memset(counts, 0, sizeof(*counts));
    space_for_each(task->space, count_name, counts);
    counts->threads = task->thread_count;
    counts->map_entries = task->map->entry_count;
    counts->virtual_pages = task->map->size / PAGE_SIZE;
    counts->resident_pages = task->map->pmap.resident;
    list_for_each(link, &task->synchronizers) {
        counts->kernel_objects++;
        counts->semaphores +=
            synchronizer_is_semaphore(container_of(link, struct synchronizer, task_link));
    }
    return KERN_SUCCESS;
}

kern_return_t minato_host_counts(host_t host, minato_host_counts_t *counts)
{
    counts->tasks = task_count;
    counts->threads = thread_count;
    counts->ports = port_counts.ports;
    counts->port_sets = port_counts.sets;
    counts->messages_queued = port_counts.messages;
    counts->semaphores = semaphore_count;
    counts->vm_objects = vm_object_cache.in_use;
    counts->map_entries = vm_entry_cache.in_use;
    counts->pages_total = pages_total;
    counts->pages_free = pages_free;
    counts->pages_used = pages_total - pages_free;
    counts->kernel_heap = slab_bytes_in_use();
    return KERN_SUCCESS;
}

kern_return_t minato_host_set_seed(host_priv_t host, natural_t seed)
{
    synchronizer_seed(seed);
    return KERN_SUCCESS;
}

kern_return_t minato_task_set_name(task_t task, minato_task_name_t name)
{
    strlcpy(task->name, name, sizeof(task->name));
    // On the console a name must not look like a line of the kernel's own.
    for (char *c = task->name; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    return KERN_SUCCESS;
}

// ---- looking around ----

kern_return_t minato_host_tasks(host_priv_t host, ipc_port_t **tasks, mach_msg_type_number_t *count)
{
    struct port **array = kmalloc(task_count * sizeof(array[0])); // there is one: the caller's
    unsigned n = 0;

    if (!array)
        return KERN_RESOURCE_SHORTAGE;
    list_for_each(link, &all_tasks)
        array[n++] = port_make_send(container_of(link, struct task, link)->self);
    *tasks = array;
    *count = n;
    return KERN_SUCCESS;
}

kern_return_t minato_task_name(task_t task, natural_t *number, minato_task_name_t name)
{
    *number = task->number;
    strlcpy(name, task->name, sizeof(task->name));
    return KERN_SUCCESS;
}

uint32_t waitq_port_id(struct waitq *q)
{
    struct synchronizer *s = NULL;

    if (!q)
        return 0;
    switch (q->at) {
    case WAITQ_RECEIVERS:
        return container_of(q, struct port, receivers)->id;
    case WAITQ_SENDERS:
        return container_of(q, struct port, senders)->id;
    case WAITQ_SET:
        return container_of(q, struct port_set, receivers)->id;
    case WAITQ_SEMAPHORE:
        s = &container_of(q, struct semaphore, waiters)->base;
        break;
    case WAITQ_LOCK:
        s = &container_of(q, struct lock, waiters)->set->base;
        break;
    }
    return s && s->port ? s->port->id : 0;
}

kern_return_t minato_thread_wait(thread_act_t thread, natural_t *number, minato_reason_t reason,
                                 natural_t *port_id)
{
    bool waits = thread->state == THREAD_WAITING;

    *number = thread->number;
    *port_id = waits ? waitq_port_id(thread->waitq) : 0;
    strlcpy(reason, waits ? thread->wait_reason : "", sizeof(minato_reason_t));
    return KERN_SUCCESS;
}

// ---- limits ----

_Static_assert(sizeof(minato_limits_t) == MINATO_LIMIT_COUNT * sizeof(uint32_t), "one word for each");

kern_return_t minato_task_get_limits(task_t task, minato_limits_t *limits, minato_limits_t *used)
{
    memcpy(limits, task->ledger->limit, sizeof(*limits));
    memcpy(used, task->ledger->used, sizeof(*used));
    return KERN_SUCCESS;
}

kern_return_t minato_task_set_limits(task_t task, ipc_port_t host_priv, minato_limits_t limits)
{
    uint32_t wanted[MINATO_LIMIT_COUNT];

    memcpy(wanted, &limits, sizeof(wanted));
    for (unsigned kind = 0; kind < MINATO_LIMIT_COUNT; kind++)
        if (wanted[kind] > task->ledger->limit[kind] && !port_object(host_priv, PORT_HOST_PRIV))
            return KERN_INVALID_HOST;
    memcpy(task->ledger->limit, wanted, sizeof(wanted));
    port_release_send(host_priv);
    return KERN_SUCCESS;
}
