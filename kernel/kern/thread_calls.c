// SPDX-License-Identifier: BSD-2-Clause
// What users can ask of threads: the thread_* calls of mach.defs (ending and aborting are in thread.c).
//
// MIG's stubs translate the port to a thread with a reference and drop the reference afterwards.
// Nothing blocks between the translation and the call, and a thread's port dies when it is terminated,
// so it has not been when a call here begins. Contracts are in mach.defs.
#include <mach/policy.h>
#include <mach/thread_info.h>
#include <mach/thread_special_ports.h>
#include "ipc/port.h"
#include "kern/sched.h"
#include "kern/task.h"
#include "kern/thread.h"
#include "mach_host_server.h"
#include "mach_server.h"
#include "x86/context.h"
#include "x86/cpu.h"

// ---- making ----

// For the reply: the translation to a send right consumes the reference that thread_make gave.
kern_return_t thread_create(task_t task, thread_act_t *child)
{
    return thread_make(task, child);
}

kern_return_t thread_create_running(task_t task, thread_state_flavor_t flavor,
                                    thread_state_t state, mach_msg_type_number_t count,
                                    thread_act_t *child)
{
    struct thread *thread;
    kern_return_t kr;

    kr = thread_make(task, &thread);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = machine_thread_set_state(&thread->machine, flavor, state, count);
    if (kr != KERN_SUCCESS) {
        thread_terminate(thread);
        thread_deallocate(thread);
        return kr;
    }
    thread->suspend_count = 0;
    thread_release(thread);
    *child = thread;
    return KERN_SUCCESS;
}

// ---- stopping ----

kern_return_t thread_suspend(thread_act_t thread)
{
    if (thread->suspend_count++ == 0)
        thread_hold(thread);
    return KERN_SUCCESS;
}

kern_return_t thread_resume(thread_act_t thread)
{
    if (thread->suspend_count == 0)
        return KERN_FAILURE;
    if (--thread->suspend_count == 0)
        thread_release(thread);
    return KERN_SUCCESS;
}

// ---- registers ----

// Makes the registers of a thread lie still until thread_release. The caller's own are not at rest,
// but for flavors that user code cannot be in the middle of changing.
static kern_return_t hold_still(struct thread *thread, thread_state_flavor_t flavor)
{
    kern_return_t kr;

    if (thread == current_thread() && !machine_thread_state_own(flavor))
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
    if (which != THREAD_KERNEL_PORT)
        return KERN_INVALID_ARGUMENT;
    *port = port_copy_send(thread->sself);
    return KERN_SUCCESS;
}

kern_return_t thread_set_special_port(thread_act_t thread, int which, ipc_port_t port)
{
    if (which != THREAD_KERNEL_PORT)
        return KERN_INVALID_ARGUMENT;
    port_slot_set(&thread->sself, port);
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
    return (int)(sched_cycles_to_ns(cpu_cycles() - thread->stopped_at) / 1000000000u);
}

static void basic_info(struct thread *thread, thread_info_t words)
{
    thread_basic_info_t info = (thread_basic_info_t)words;
    uint64_t cycles = sched_thread_cycles(thread);

    info->user_time = time_of_cycles(cycles - thread->system_cycles);
    info->system_time = time_of_cycles(thread->system_cycles);
    info->cpu_usage = (integer_t)sched_thread_share(thread);
    info->policy = thread->policy;
    info->run_state = run_state(thread);
    info->flags = 0;
    info->suspend_count = (integer_t)thread->suspend_count;
    info->sleep_time = sleep_seconds(thread);
}

// The structures of the three policies differ in their third word, which FIFO lacks.
static void policy_info(struct thread *thread, thread_info_t info)
{
    *info++ = thread->max_priority;
    *info++ = thread->base_priority;
    if (thread->policy == POLICY_TIMESHARE)
        *info++ = thread->priority;
    else if (thread->policy == POLICY_RR)
        *info++ = (integer_t)thread->quantum_ms;
    *info++ = thread->depressed;
    *info = thread->depressed ? thread->base_priority : -1;
}

static const struct flavor {
    void (*fill)(struct thread *thread, thread_info_t info);
    unsigned words;
    policy_t policy; // that the thread must have, or POLICY_NULL
} flavors[] = {
    [THREAD_BASIC_INFO] = {basic_info, THREAD_BASIC_INFO_COUNT, POLICY_NULL},
    [THREAD_SCHED_TIMESHARE_INFO] = {policy_info, POLICY_TIMESHARE_INFO_COUNT, POLICY_TIMESHARE},
    [THREAD_SCHED_RR_INFO] = {policy_info, POLICY_RR_INFO_COUNT, POLICY_RR},
    [THREAD_SCHED_FIFO_INFO] = {policy_info, POLICY_FIFO_INFO_COUNT, POLICY_FIFO},
};
#define FLAVORS (sizeof(flavors) / sizeof(flavors[0]))

kern_return_t thread_info(thread_act_t thread, thread_flavor_t which, thread_info_t info,
                          mach_msg_type_number_t *count)
{
    const struct flavor *flavor = &flavors[which < FLAVORS ? which : 0]; // 0 is none

    if (!flavor->fill || *count < flavor->words)
        return KERN_INVALID_ARGUMENT;
    *count = flavor->words;
    if (flavor->policy != POLICY_NULL && flavor->policy != thread->policy)
        return KERN_INVALID_POLICY;
    flavor->fill(thread, info);
    return KERN_SUCCESS;
}

kern_return_t thread_wire(host_priv_t host, thread_act_t thread, boolean_t wired)
{
    thread->wired = wired;
    return KERN_SUCCESS;
}
