// SPDX-License-Identifier: BSD-2-Clause
// What users can ask of tasks: the task_* and mach_ports_* calls of mach.defs (ending and suspending
// are in task.c).
//
// MIG's stubs translate the port to a task with a reference and drop the reference afterwards; rights
// that come untranslated are consumed when the call succeeds. Nothing blocks between the translation
// and the call, and a task's port dies with it, so the task is alive. Contracts are in mach.defs.
#include <mach/policy.h>
#include "ipc/port.h"
#include "kern/sched.h"
#include "kern/task.h"
#include "kern/thread.h"
#include "mach_server.h"
#include "vm/map.h"

// ---- making ----

kern_return_t task_create(task_t parent, ipc_port_t *ledgers, mach_msg_type_number_t ledger_count,
                          boolean_t inherit_memory, task_t *child)
{
    return ledger_count == 0 ? task_make(parent, inherit_memory, child) : KERN_INVALID_LEDGER;
}

kern_return_t task_threads(task_t task, ipc_port_t **ports, mach_msg_type_number_t *count)
{
    struct port **array;
    unsigned n = 0;

    *ports = NULL;
    *count = 0;
    if (task->thread_count == 0)
        return KERN_SUCCESS;
    array = kmalloc(task->thread_count * sizeof(array[0]));
    if (!array)
        return KERN_RESOURCE_SHORTAGE;
    list_for_each(link, &task->threads) {
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

// Where the task keeps that special port; NULL: there is none of that number.
static struct port **special_slot(struct task *task, int which)
{
    return which >= TASK_KERNEL_PORT && which <= TASK_MAX_SPECIAL_PORT ? &task->special[which] : NULL;
}

kern_return_t task_get_special_port(task_t task, int which, ipc_port_t *port)
{
    struct port **slot = special_slot(task, which);

    if (!slot)
        return KERN_INVALID_ARGUMENT;
    *port = port_copy_send(*slot);
    return KERN_SUCCESS;
}

kern_return_t task_set_special_port(task_t task, int which, ipc_port_t port)
{
    struct port **slot = special_slot(task, which);

    if (!slot)
        return KERN_INVALID_ARGUMENT;
    port_slot_set(slot, port);
    return KERN_SUCCESS;
}

kern_return_t mach_ports_register(task_t task, ipc_port_t *ports, mach_msg_type_number_t count)
{
    if (count > TASK_PORT_REGISTER_MAX)
        return KERN_INVALID_ARGUMENT;
    for (unsigned i = 0; i < TASK_PORT_REGISTER_MAX; i++)
        port_slot_set(&task->registered[i], i < count ? ports[i] : NULL);
    kfree(ports);
    return KERN_SUCCESS;
}

kern_return_t mach_ports_lookup(task_t task, ipc_port_t **ports, mach_msg_type_number_t *count)
{
    struct port **array;

    array = kmalloc(TASK_PORT_REGISTER_MAX * sizeof(array[0]));
    if (!array)
        return KERN_RESOURCE_SHORTAGE;
    for (unsigned i = 0; i < TASK_PORT_REGISTER_MAX; i++)
        array[i] = port_copy_send(task->registered[i]);
    *ports = array;
    *count = TASK_PORT_REGISTER_MAX;
    return KERN_SUCCESS;
}

// ---- the emulation vector ----

kern_return_t task_set_emulation(task_t task, vm_address_t entry, int number)
{
    if (number != EMULATION_VECTOR_INT80)
        return KERN_INVALID_ARGUMENT;
    if (entry >= VM_MAX_ADDRESS)
        return KERN_INVALID_ADDRESS;
    task->entry.emulation = entry;
    return KERN_SUCCESS;
}

kern_return_t task_set_emulation_vector(task_t task, int start, vm_map_copy_t vector,
                                        mach_msg_type_number_t count)
{
    vm_address_t entry;
    kern_return_t kr = KERN_SUCCESS;

    if (count > 1)
        return KERN_INVALID_ARGUMENT;
    if (count == 1)
        kr = vm_map_copy_read(vector, 0, &entry, sizeof(entry));
    if (count == 1 && kr == KERN_SUCCESS)
        kr = task_set_emulation(task, entry, start);
    if (kr == KERN_SUCCESS)
        vm_map_copy_discard(vector);
    return kr;
}

kern_return_t task_get_emulation_vector(task_t task, int *start, vm_map_copy_t *vector,
                                        mach_msg_type_number_t *count)
{
    *count = task->entry.emulation ? 1 : 0;
    *start = task->entry.emulation ? EMULATION_VECTOR_INT80 : 0;
    return vm_map_copy_from_kernel(&task->entry.emulation, *count * sizeof(vm_address_t), vector);
}

// ---- information ----

static void basic_info(const struct task *task, task_info_t words)
{
    task_basic_info_t info = (task_basic_info_t)words;

    info->suspend_count = (integer_t)task->suspend_count;
    info->virtual_size = task->map->size;
    info->resident_size = task->map->pmap.resident * PAGE_SIZE;
    info->user_time = time_of_cycles(task->dead_cycles - task->dead_system_cycles);
    info->system_time = time_of_cycles(task->dead_system_cycles);
    info->policy = task->policy;
}

static void events_info(const struct task *task, task_info_t words)
{
    task_events_info_t info = (task_events_info_t)words;

    *info = task->events;
    info->syscalls_mach = task->entry.traps;
    info->syscalls_unix = task->entry.redirected;
}

static void thread_times(const struct task *task, task_info_t words)
{
    task_thread_times_info_t info = (task_thread_times_info_t)words;
    uint64_t cycles = 0, system_cycles = 0;

    list_for_each(link, &task->threads) {
        const struct thread *thread = container_of(link, struct thread, task_link);

        cycles += sched_thread_cycles(thread);
        system_cycles += thread->system_cycles;
    }
    info->user_time = time_of_cycles(cycles - system_cycles);
    info->system_time = time_of_cycles(system_cycles);
}

static void security_token(const struct task *task, task_info_t info)
{
    *(security_token_t *)info = (security_token_t){{task->number, 0}}; // as in trailers
}

static void policy_base(const struct task *task, task_info_t info)
{
    info[0] = task->priority;
    if (task->policy == POLICY_RR)
        info[1] = (integer_t)task->quantum_ms;
}

static void user_data(const struct task *task, task_info_t info)
{
    info[0] = (integer_t)task->user_data;
}

static const struct flavor {
    void (*fill)(const struct task *task, task_info_t info);
    unsigned words;
    policy_t policy; // that the task must have, or POLICY_NULL
} flavors[] = {
    [TASK_BASIC_INFO] = {basic_info, TASK_BASIC_INFO_COUNT, POLICY_NULL},
    [TASK_EVENTS_INFO] = {events_info, TASK_EVENTS_INFO_COUNT, POLICY_NULL},
    [TASK_THREAD_TIMES_INFO] = {thread_times, TASK_THREAD_TIMES_INFO_COUNT, POLICY_NULL},
    [TASK_USER_DATA] = {user_data, TASK_USER_DATA_COUNT, POLICY_NULL},
    [TASK_SECURITY_TOKEN] = {security_token, TASK_SECURITY_TOKEN_COUNT, POLICY_NULL},
    [TASK_SCHED_TIMESHARE_INFO] = {policy_base, POLICY_TIMESHARE_BASE_COUNT, POLICY_TIMESHARE},
    [TASK_SCHED_RR_INFO] = {policy_base, POLICY_RR_BASE_COUNT, POLICY_RR},
    [TASK_SCHED_FIFO_INFO] = {policy_base, POLICY_FIFO_BASE_COUNT, POLICY_FIFO},
};
#define FLAVORS (sizeof(flavors) / sizeof(flavors[0]))

kern_return_t task_set_info(task_t task, task_flavor_t which, task_info_t info,
                            mach_msg_type_number_t count)
{
    if (which != TASK_USER_DATA || count < TASK_USER_DATA_COUNT)
        return KERN_INVALID_ARGUMENT;
    task->user_data = (natural_t)info[0];
    return KERN_SUCCESS;
}

kern_return_t task_info(task_t task, task_flavor_t which, task_info_t info,
                        mach_msg_type_number_t *count)
{
    const struct flavor *flavor = &flavors[which < FLAVORS ? which : 0]; // 0 is none

    if (!flavor->fill || *count < flavor->words)
        return KERN_INVALID_ARGUMENT;
    if (flavor->policy != POLICY_NULL && flavor->policy != task->policy)
        return KERN_INVALID_POLICY;
    *count = flavor->words;
    flavor->fill(task, info);
    return KERN_SUCCESS;
}
