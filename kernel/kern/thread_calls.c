// SPDX-License-Identifier: BSD-2-Clause
// What users can ask of threads: the thread_* calls of mach.defs.
//
// MIG's stubs translate the port to a thread with a reference (NULL when it is none) and drop the
// reference afterwards. Contracts are in mach.defs.
#include <mach/policy.h>
#include <mach/thread_info.h>
#include <mach/thread_special_ports.h>
#include "ipc/port.h"
#include "kern/sched.h"
#include "kern/task.h"
#include "kern/thread.h"
#include "kern/times.h"
#include "mach_server.h"
#include "x86/context.h"
#include "x86/cpu.h"

// ---- making and ending ----

// For the reply: the translation to a send right consumes the reference that thread_make gave.
kern_return_t thread_create(task_t task, thread_act_t *child)
{
    struct thread *thread;
    kern_return_t kr;

    if (!task)
        return KERN_INVALID_ARGUMENT;
    kr = thread_make(task, &thread);
    if (kr == KERN_SUCCESS)
        *child = thread;
    return kr;
}

kern_return_t thread_create_running(task_t task, thread_state_flavor_t flavor,
                                    thread_state_t state, mach_msg_type_number_t count,
                                    thread_act_t *child)
{
    struct thread *thread;
    kern_return_t kr;

    if (!task)
        return KERN_INVALID_ARGUMENT;
    kr = thread_make(task, &thread);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = machine_thread_set_state(&thread->machine, flavor, state, count);
    if (kr != KERN_SUCCESS) {
        thread_kill(thread);
        thread_deallocate(thread);
        return kr;
    }
    thread->suspend_count = 0;
    thread_release(thread);
    *child = thread;
    return KERN_SUCCESS;
}

kern_return_t thread_terminate(thread_act_t thread)
{
    if (!thread)
        return KERN_INVALID_ARGUMENT;
    thread_kill(thread);
    return KERN_SUCCESS;
}

// ---- stopping ----

kern_return_t thread_suspend(thread_act_t thread)
{
    if (!thread)
        return KERN_INVALID_ARGUMENT;
    if (thread->terminating)
        return KERN_TERMINATED;
    if (thread->suspend_count++ == 0)
        thread_hold(thread);
    return KERN_SUCCESS;
}

kern_return_t thread_resume(thread_act_t thread)
{
    if (!thread)
        return KERN_INVALID_ARGUMENT;
    if (thread->terminating)
        return KERN_TERMINATED;
    if (thread->suspend_count == 0)
        return KERN_FAILURE;
    if (--thread->suspend_count == 0)
        thread_release(thread);
    return KERN_SUCCESS;
}

kern_return_t thread_abort(thread_act_t thread)
{
    return thread ? thread_interrupt(thread, false) : KERN_INVALID_ARGUMENT;
}

kern_return_t thread_abort_safely(thread_act_t thread)
{
    return thread ? thread_interrupt(thread, true) : KERN_INVALID_ARGUMENT;
}

// ---- registers ----

// Makes the registers of a thread lie still until thread_release. The caller's own are not at rest,
// but for flavors that user code cannot be in the middle of changing.
static kern_return_t hold_still(struct thread *thread, thread_state_flavor_t flavor)
{
    kern_return_t kr;

    if (!thread || (thread == current_thread() && !machine_thread_state_own(flavor)))
        return KERN_INVALID_ARGUMENT;
    thread_hold(thread);
    kr = thread == current_thread() ? KERN_SUCCESS : thread_wait_stopped(thread);
    if (kr != KERN_SUCCESS)
        thread_release(thread);
    return kr;
}

kern_return_t thread_get_state(thread_act_t thread, thread_state_flavor_t flavor,
                               thread_state_t state, mach_msg_type_number_t *count)
{
    kern_return_t kr = hold_still(thread, flavor);

    if (kr != KERN_SUCCESS)
        return kr;
    kr = machine_thread_get_state(&thread->machine, flavor, state, count);
    thread_release(thread);
    return kr;
}

kern_return_t thread_set_state(thread_act_t thread, thread_state_flavor_t flavor,
                               thread_state_t state, mach_msg_type_number_t count)
{
    kern_return_t kr = hold_still(thread, flavor);

    if (kr != KERN_SUCCESS)
        return kr;
    kr = machine_thread_set_state(&thread->machine, flavor, state, count);
    thread_release(thread);
    return kr;
}

// ---- ports ----

kern_return_t thread_get_special_port(thread_act_t thread, int which, ipc_port_t *port)
{
    if (!thread || which != THREAD_KERNEL_PORT)
        return KERN_INVALID_ARGUMENT;
    if (thread->terminating)
        return KERN_TERMINATED;
    *port = port_copy_send(thread->sself);
    return KERN_SUCCESS;
}

kern_return_t thread_set_special_port(thread_act_t thread, int which, ipc_port_t port)
{
    struct port *old;

    if (!thread || which != THREAD_KERNEL_PORT)
        return KERN_INVALID_ARGUMENT;
    if (thread->terminating)
        return KERN_TERMINATED;
    old = thread->sself;
    thread->sself = port;
    port_release_send(old);
    return KERN_SUCCESS;
}

// ---- information ----

static int run_state(const struct thread *thread)
{
    if (thread->terminating)
        return TH_STATE_HALTED;
    if (thread->state == THREAD_RUNNING || (thread->state == THREAD_READY &&
                                            !(thread->at_user_boundary && thread_is_held(thread))))
        return TH_STATE_RUNNING;
    if (thread_is_held(thread))
        return TH_STATE_STOPPED;
    return thread->wait_interruptible ? TH_STATE_WAITING : TH_STATE_UNINTERRUPTIBLE;
}

static int sleep_seconds(const struct thread *thread)
{
    if (thread->state != THREAD_WAITING)
        return 0;
    return (int)(sched_cycles_to_ns(cpu_cycles() - thread->cycles_stamp) / 1000000000u);
}

static kern_return_t basic_info(struct thread *thread, thread_basic_info_t info)
{
    uint64_t cycles = sched_thread_cycles(thread);

    info->user_time = time_of_cycles(cycles - thread->system_cycles);
    info->system_time = time_of_cycles(thread->system_cycles);
    info->cpu_usage = (integer_t)sched_thread_share(thread);
    info->policy = thread->policy;
    info->run_state = run_state(thread);
    info->flags = 0;
    info->suspend_count = (integer_t)thread->suspend_count;
    info->sleep_time = sleep_seconds(thread);
    return KERN_SUCCESS;
}

static kern_return_t timeshare_info(const struct thread *thread, policy_timeshare_info_t info)
{
    if (thread->policy != POLICY_TIMESHARE)
        return KERN_INVALID_POLICY;
    info->max_priority = thread->max_priority;
    info->base_priority = thread->base_priority;
    info->cur_priority = thread->priority;
    info->depressed = thread->depressed;
    info->depress_priority = thread->depressed ? thread->base_priority : -1;
    return KERN_SUCCESS;
}

static kern_return_t rr_info(const struct thread *thread, policy_rr_info_t info)
{
    if (thread->policy != POLICY_RR)
        return KERN_INVALID_POLICY;
    info->max_priority = thread->max_priority;
    info->base_priority = thread->base_priority;
    info->quantum = (integer_t)thread->quantum_ms;
    info->depressed = thread->depressed;
    info->depress_priority = thread->depressed ? thread->base_priority : -1;
    return KERN_SUCCESS;
}

static kern_return_t fifo_info(const struct thread *thread, policy_fifo_info_t info)
{
    if (thread->policy != POLICY_FIFO)
        return KERN_INVALID_POLICY;
    info->max_priority = thread->max_priority;
    info->base_priority = thread->base_priority;
    info->depressed = thread->depressed;
    info->depress_priority = thread->depressed ? thread->base_priority : -1;
    return KERN_SUCCESS;
}

// Words of a flavor; 0: there is none of that number.
static unsigned flavor_words(thread_flavor_t flavor)
{
    switch (flavor) {
    case THREAD_BASIC_INFO:
        return THREAD_BASIC_INFO_COUNT;
    case THREAD_SCHED_TIMESHARE_INFO:
        return POLICY_TIMESHARE_INFO_COUNT;
    case THREAD_SCHED_RR_INFO:
        return POLICY_RR_INFO_COUNT;
    case THREAD_SCHED_FIFO_INFO:
        return POLICY_FIFO_INFO_COUNT;
    default:
        return 0;
    }
}

kern_return_t thread_info(thread_act_t thread, thread_flavor_t flavor, thread_info_t info,
                          mach_msg_type_number_t *count)
{
    unsigned words = flavor_words(flavor);

    if (!thread || words == 0 || *count < words)
        return KERN_INVALID_ARGUMENT;
    *count = words;
    if (flavor == THREAD_BASIC_INFO)
        return basic_info(thread, (thread_basic_info_t)info);
    if (flavor == THREAD_SCHED_TIMESHARE_INFO)
        return timeshare_info(thread, (policy_timeshare_info_t)info);
    if (flavor == THREAD_SCHED_RR_INFO)
        return rr_info(thread, (policy_rr_info_t)info);
    return fifo_info(thread, (policy_fifo_info_t)info);
}
