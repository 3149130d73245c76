// SPDX-License-Identifier: BSD-2-Clause
// Scheduling policies of threads and tasks: thread_policy and task_policy of mach_host.defs.
//
// A policy comes with a base priority (and a quantum for round robin). Nobody may ask for a base more
// urgent than the limit of the thread or task; with `set_limit` the base becomes that limit, for good.
#include <mach/policy.h>
#include "kern/sched.h"
#include "kern/task.h"
#include "kern/thread.h"
#include "kern/waitq.h"
#include "mach_host_server.h"

struct parameters {
    int policy, priority;
    uint32_t quantum_ms;
};

// KERN_INVALID_POLICY: unknown; KERN_INVALID_ARGUMENT: too few words, or a value out of range.
static kern_return_t decode(policy_t policy, policy_base_t base, mach_msg_type_number_t count,
                            struct parameters *parameters)
{
    int quantum = QUANTUM_MS;

    if (invalid_policy(policy))
        return KERN_INVALID_POLICY;
    if (count < (policy == POLICY_RR ? POLICY_RR_BASE_COUNT : POLICY_TIMESHARE_BASE_COUNT))
        return KERN_INVALID_ARGUMENT;
    if (policy == POLICY_RR)
        quantum = ((policy_rr_base_t)base)->quantum;
    if (base[0] < 0 || base[0] >= PRIORITY_LEVELS || quantum < 1 || quantum > QUANTUM_MAX_MS)
        return KERN_INVALID_ARGUMENT;
    *parameters = (struct parameters){policy, base[0], (uint32_t)quantum};
    return KERN_SUCCESS;
}

static void apply(struct thread *thread, const struct parameters *parameters, bool set_limit)
{
    thread->policy = parameters->policy;
    thread->base_priority = parameters->priority;
    thread->quantum_ms = parameters->quantum_ms;
    if (set_limit)
        thread->max_priority = parameters->priority;
    waitq_reorder(thread);
    sched_update_priority(thread);
}

kern_return_t thread_policy(thread_act_t thread, policy_t policy, policy_base_t base,
                            mach_msg_type_number_t count, boolean_t set_limit)
{
    struct parameters parameters;
    kern_return_t kr = decode(policy, base, count, &parameters);

    if (kr != KERN_SUCCESS)
        return kr;
    if (parameters.priority < thread->max_priority)
        return KERN_POLICY_LIMIT;
    apply(thread, &parameters, set_limit);
    return KERN_SUCCESS;
}

// Whether the task, and with `threads` each of its threads, may have that base.
static bool within_limits(const struct task *task, int priority, bool threads)
{
    if (priority < task->max_priority)
        return false;
    if (threads)
        list_for_each(link, &task->threads)
            if (priority < container_of(link, struct thread, task_link)->max_priority)
                return false;
    return true;
}

kern_return_t task_policy(task_t task, policy_t policy, policy_base_t base,
                          mach_msg_type_number_t count, boolean_t set_limit, boolean_t change_threads)
{
    struct parameters parameters;
    kern_return_t kr = decode(policy, base, count, &parameters);

    if (kr != KERN_SUCCESS)
        return kr;
    if (!within_limits(task, parameters.priority, change_threads))
        return KERN_POLICY_LIMIT;
    task->policy = parameters.policy;
    task->priority = parameters.priority;
    task->quantum_ms = parameters.quantum_ms;
    if (set_limit)
        task->max_priority = parameters.priority;
    if (change_threads)
        list_for_each(link, &task->threads)
            apply(container_of(link, struct thread, task_link), &parameters, set_limit);
    return KERN_SUCCESS;
}
