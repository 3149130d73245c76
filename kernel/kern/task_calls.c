// SPDX-License-Identifier: BSD-2-Clause
// What users can ask of tasks: the task_* and mach_ports_* calls of mach.defs.
//
// MIG's stubs translate the port to a task with a reference (NULL when it is none) and drop the
// reference afterwards; rights that come untranslated are consumed when the call succeeds. A task may
// end while its reference is held: then its ports are NULL and its lists empty, which each call here
// takes as it is or answers with KERN_TERMINATED. Contracts are in mach.defs.
#include <mach/task_info.h>
#include <mach/task_special_ports.h>
#include "ipc/port.h"
#include "kern/sched.h"
#include "kern/task.h"
#include "kern/thread.h"
#include "kern/times.h"
#include "lib/slab.h"
#include "lib/string.h"
#include "mach_server.h"
#include "vm/map.h"

// ---- making, ending, suspending ----

kern_return_t task_create(task_t parent, ipc_port_t *ledgers, mach_msg_type_number_t ledger_count,
                          boolean_t inherit_memory, task_t *child)
{
    struct task *task;
    kern_return_t kr;

    (void)ledgers;
    if (!parent)
        return KERN_INVALID_ARGUMENT;
    if (ledger_count != 0)
        return KERN_INVALID_LEDGER;
    if (!parent->alive)
        return KERN_TERMINATED;
    kr = task_make(parent, inherit_memory, &task);
    if (kr == KERN_SUCCESS)
        *child = task;
    return kr;
}

kern_return_t task_terminate(task_t task)
{
    if (!task)
        return KERN_INVALID_ARGUMENT;
    task_kill(task);
    return KERN_SUCCESS;
}

kern_return_t task_suspend(task_t task)
{
    if (!task)
        return KERN_INVALID_ARGUMENT;
    task_hold(task);
    return KERN_SUCCESS;
}

kern_return_t task_resume(task_t task)
{
    return task ? task_release(task) : KERN_INVALID_ARGUMENT;
}

kern_return_t task_threads(task_t task, ipc_port_t **ports, mach_msg_type_number_t *count)
{
    struct port **array;
    unsigned n = 0;

    if (!task)
        return KERN_INVALID_ARGUMENT;
    *ports = NULL;
    *count = 0;
    if (task->thread_count == 0)
        return KERN_SUCCESS;
    array = kmalloc(task->thread_count * sizeof(array[0]));
    if (!array)
        return KERN_RESOURCE_SHORTAGE;
    list_for_each(link, &task->threads)
    {
        struct thread *thread = container_of(link, struct thread, task_link);

        if (!thread->terminating)
            array[n++] = port_make_send(thread->self);
    }
    if (n == 0) {
        kfree(array);
        return KERN_SUCCESS;
    }
    *ports = array;
    *count = n;
    return KERN_SUCCESS;
}

// ---- special ports ----

// Where the task keeps that port; NULL: there is no such special port.
static struct port **special_slot(struct task *task, int which)
{
    switch (which) {
    case TASK_KERNEL_PORT:
        return &task->sself;
    case TASK_HOST_PORT:
        return &task->host;
    case TASK_NAME_PORT:
        return &task->name_server;
    case TASK_BOOTSTRAP_PORT:
        return &task->bootstrap;
    default:
        return NULL;
    }
}

kern_return_t task_get_special_port(task_t task, int which, ipc_port_t *port)
{
    struct port **slot = task ? special_slot(task, which) : NULL;

    if (!slot)
        return KERN_INVALID_ARGUMENT;
    if (!task->alive)
        return KERN_TERMINATED;
    *port = port_copy_send(*slot);
    return KERN_SUCCESS;
}

kern_return_t task_set_special_port(task_t task, int which, ipc_port_t port)
{
    struct port **slot = task ? special_slot(task, which) : NULL;
    struct port *old;

    if (!slot)
        return KERN_INVALID_ARGUMENT;
    if (!task->alive)
        return KERN_TERMINATED;
    old = *slot;
    *slot = port;
    port_release_send(old);
    return KERN_SUCCESS;
}

kern_return_t mach_ports_register(task_t task, ipc_port_t *ports, mach_msg_type_number_t count)
{
    if (!task || count > TASK_PORT_REGISTER_MAX)
        return KERN_INVALID_ARGUMENT;
    if (!task->alive)
        return KERN_TERMINATED;
    for (unsigned i = 0; i < TASK_PORT_REGISTER_MAX; i++) {
        struct port *old = task->registered[i];

        task->registered[i] = i < count ? ports[i] : NULL;
        port_release_send(old);
    }
    kfree(ports);
    return KERN_SUCCESS;
}

kern_return_t mach_ports_lookup(task_t task, ipc_port_t **ports, mach_msg_type_number_t *count)
{
    struct port **array;

    if (!task)
        return KERN_INVALID_ARGUMENT;
    if (!task->alive)
        return KERN_TERMINATED;
    array = kmalloc(TASK_PORT_REGISTER_MAX * sizeof(array[0]));
    if (!array)
        return KERN_RESOURCE_SHORTAGE;
    for (unsigned i = 0; i < TASK_PORT_REGISTER_MAX; i++)
        array[i] = port_copy_send(task->registered[i]);
    *ports = array;
    *count = TASK_PORT_REGISTER_MAX;
    return KERN_SUCCESS;
}

// ---- information ----

static void basic_info(struct task *task, task_basic_info_t info)
{
    info->suspend_count = (integer_t)task->suspend_count;
    info->virtual_size = task->map->size;
    info->resident_size = vm_map_resident(task->map) * PAGE_SIZE;
    info->user_time = time_of_cycles(task->dead_cycles - task->dead_system_cycles);
    info->system_time = time_of_cycles(task->dead_system_cycles);
    info->policy = task->policy;
}

static void events_info(const struct task *task, task_events_info_t info)
{
    const struct task_events *events = &task->events;

    info->faults = (integer_t)events->faults;
    info->pageins = (integer_t)events->pageins;
    info->cow_faults = (integer_t)events->cow_faults;
    info->messages_sent = (integer_t)events->messages_sent;
    info->messages_received = (integer_t)events->messages_received;
    info->syscalls_mach = (integer_t)events->traps;
    info->syscalls_unix = (integer_t)events->redirected_traps;
    info->csw = (integer_t)events->csw;
}

static void thread_times(const struct task *task, task_thread_times_info_t info)
{
    uint64_t cycles = 0, system_cycles = 0;

    list_for_each(link, &task->threads)
    {
        const struct thread *thread = container_of(link, struct thread, task_link);

        cycles += sched_thread_cycles(thread);
        system_cycles += thread->system_cycles;
    }
    info->user_time = time_of_cycles(cycles - system_cycles);
    info->system_time = time_of_cycles(system_cycles);
}

static void security_token(const struct task *task, task_info_t info)
{
    security_token_t token = {{task->number, 0}}; // as message trailers have it

    memcpy(info, &token, sizeof(token));
}

// The policy whose parameters a flavor gives; POLICY_NULL for the other flavors.
static int flavor_policy(task_flavor_t flavor)
{
    switch (flavor) {
    case TASK_SCHED_TIMESHARE_INFO:
        return POLICY_TIMESHARE;
    case TASK_SCHED_RR_INFO:
        return POLICY_RR;
    case TASK_SCHED_FIFO_INFO:
        return POLICY_FIFO;
    default:
        return POLICY_NULL;
    }
}

// Words of a flavor; 0: there is none of that number.
static unsigned flavor_words(task_flavor_t flavor)
{
    switch (flavor) {
    case TASK_BASIC_INFO:
        return TASK_BASIC_INFO_COUNT;
    case TASK_EVENTS_INFO:
        return TASK_EVENTS_INFO_COUNT;
    case TASK_THREAD_TIMES_INFO:
        return TASK_THREAD_TIMES_INFO_COUNT;
    case TASK_SCHED_TIMESHARE_INFO:
        return POLICY_TIMESHARE_BASE_COUNT;
    case TASK_SCHED_RR_INFO:
        return POLICY_RR_BASE_COUNT;
    case TASK_SCHED_FIFO_INFO:
        return POLICY_FIFO_BASE_COUNT;
    case TASK_SECURITY_TOKEN:
        return TASK_SECURITY_TOKEN_COUNT;
    default:
        return 0;
    }
}

kern_return_t task_info(task_t task, task_flavor_t flavor, task_info_t info,
                        mach_msg_type_number_t *count)
{
    unsigned words = flavor_words(flavor);
    int policy = flavor_policy(flavor);

    if (!task || words == 0 || *count < words)
        return KERN_INVALID_ARGUMENT;
    if (policy != POLICY_NULL && policy != task->policy)
        return KERN_INVALID_POLICY;
    *count = words;
    if (flavor == TASK_BASIC_INFO) {
        basic_info(task, (task_basic_info_t)info);
    } else if (flavor == TASK_EVENTS_INFO) {
        events_info(task, (task_events_info_t)info);
    } else if (flavor == TASK_THREAD_TIMES_INFO) {
        thread_times(task, (task_thread_times_info_t)info);
    } else if (flavor == TASK_SECURITY_TOKEN) {
        security_token(task, info);
    } else {
        info[0] = task->priority;
        if (flavor == TASK_SCHED_RR_INFO)
            info[1] = (integer_t)task->quantum_ms;
    }
    return KERN_SUCCESS;
}
