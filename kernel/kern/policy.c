// SPDX-License-Identifier: BSD-2-Clause
// Scheduling policies of threads and tasks: thread_policy, task_policy and their privileged sisters of
// mach_host.defs.
//
// A policy comes with a base priority (and a quantum for round robin). Nobody may ask for a base more
// urgent than the limit of the thread or task; with `set_limit` the base becomes that limit. Only
// thread_set_policy and task_set_policy can make a limit more urgent.
#include <mach/policy.h>
#include "kern/sched.h"
#include "kern/task.h"
#include "kern/thread.h"
#include "kern/waitq.h"
#include "mach_host_server.h"

struct parameters {
    int policy, priority;
    uint32_t quantum_ms;
    int limit; // KEEP_LIMIT: as it is
};

#define KEEP_LIMIT (-1)

// KERN_INVALID_POLICY: unknown; KERN_INVALID_ARGUMENT: too few words, or a value out of range.
static kern_return_t decode(policy_t policy, policy_base_t base, mach_msg_type_number_t count,
                            bool set_limit, struct parameters *parameters)
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
    *parameters = (struct parameters){policy, base[0], (uint32_t)quantum,
                                      set_limit ? base[0] : KEEP_LIMIT};
    return KERN_SUCCESS;
}

// The same with a limit of its own; KERN_POLICY_LIMIT: the base is beyond it.
static kern_return_t decode_limit(policy_t policy, policy_base_t base, mach_msg_type_number_t count,
                                  policy_limit_t limit, mach_msg_type_number_t limit_count,
                                  struct parameters *parameters)
{
    kern_return_t kr = decode(policy, base, count, false, parameters);

    if (kr != KERN_SUCCESS)
        return kr;
    if (limit_count < 1 || limit[0] < 0 || limit[0] >= PRIORITY_LEVELS)
        return KERN_INVALID_ARGUMENT;
    parameters->limit = limit[0];
    return parameters->priority < limit[0] ? KERN_POLICY_LIMIT : KERN_SUCCESS;
}

static void apply(struct thread *thread, const struct parameters *parameters)
{
    thread->policy = parameters->policy;
    thread->base_priority = parameters->priority;
    thread->quantum_ms = parameters->quantum_ms;
    if (parameters->limit != KEEP_LIMIT)
        thread->max_priority = parameters->limit;
    waitq_reorder(thread);
    sched_update_priority(thread);
}

kern_return_t thread_policy(thread_act_t thread, policy_t policy, policy_base_t base,
                            mach_msg_type_number_t count, boolean_t set_limit)
{
    struct parameters parameters;
    kern_return_t kr = decode(policy, base, count, set_limit, &parameters);

    if (kr != KERN_SUCCESS)
        return kr;
    if (parameters.priority < thread->max_priority)
        return KERN_POLICY_LIMIT;
    apply(thread, &parameters);
    return KERN_SUCCESS;
}

kern_return_t thread_set_policy(thread_act_t thread, host_priv_t set, policy_t policy,
                                policy_base_t base, mach_msg_type_number_t count,
                                policy_limit_t limit, mach_msg_type_number_t limit_count)
{
    struct parameters parameters;
    kern_return_t kr = decode_limit(policy, base, count, limit, limit_count, &parameters);

    if (kr == KERN_SUCCESS)
        apply(thread, &parameters);
    return kr;
}

static void apply_to_task(struct task *task, const struct parameters *parameters, bool threads)
{
    task->policy = parameters->policy;
    task->priority = parameters->priority;
    task->quantum_ms = parameters->quantum_ms;
    if (parameters->limit != KEEP_LIMIT)
        task->max_priority = parameters->limit;
    if (threads)
        list_for_each(link, &task->threads)
            apply(container_of(link, struct thread, task_link), parameters);
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
    kern_return_t kr = decode(policy, base, count, set_limit, &parameters);

    if (kr != KERN_SUCCESS)
        return kr;
    if (!within_limits(task, parameters.priority, change_threads))
        return KERN_POLICY_LIMIT;
    apply_to_task(task, &parameters, change_threads);
    return KERN_SUCCESS;
}

kern_return_t task_set_policy(task_t task, host_priv_t set, policy_t policy, policy_base_t base,
                              mach_msg_type_number_t count, policy_limit_t limit,
                              mach_msg_type_number_t limit_count, boolean_t change_threads)
{
    struct parameters parameters;
    kern_return_t kr = decode_limit(policy, base, count, limit, limit_count, &parameters);

    if (kr == KERN_SUCCESS)
        apply_to_task(task, &parameters, change_threads);
    return kr;
}

// ---- depression ----

kern_return_t thread_depress_abort(thread_act_t thread)
{
    if (!thread->depressed)
        return KERN_NOT_DEPRESSED;
    thread_undepress(thread);
    return KERN_SUCCESS;
}
