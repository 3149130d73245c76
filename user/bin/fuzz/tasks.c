// SPDX-License-Identifier: BSD-2-Clause
// Making tasks, threads and ports, and what the campaign asks about them.
#include "campaign.h"

#include <child_task.h>
#include <mach/minato.h>
#include <mach/policy.h>
#include <stddef.h>

void set_policy(task_t task, int priority, bool limit)
{
    policy_rr_base_data_t base = {.base_priority = priority, .quantum = 2};

    must(task_policy(task, POLICY_RR, (policy_base_t)&base, POLICY_RR_BASE_COUNT, limit, TRUE),
         "task_policy");
}

// Lets a thread that does not run begin there.
kern_return_t set_entry(thread_t thread, void (*entry)(void), vm_address_t stack)
{
    struct i386_thread_state state;
    mach_msg_type_number_t count = i386_THREAD_STATE_COUNT;
    kern_return_t kr = thread_get_state(thread, i386_THREAD_STATE, (thread_state_t)&state, &count);

    state.eip = (unsigned)entry;
    state.uesp = stack;
    if (kr == KERN_SUCCESS)
        kr = thread_set_state(thread, i386_THREAD_STATE, (thread_state_t)&state, count);
    return kr;
}

thread_t make_thread(task_t task, void (*entry)(void), vm_address_t stack)
{
    thread_t thread;

    must(thread_create(task, &thread), "thread_create");
    must(set_entry(thread, entry, stack), "a thread's registers");
    return thread;
}

task_t make_task(void)
{
    task_t task;
    kern_return_t kr;

    mach_child_prepare();
    kr = task_create(mach_task_self(), NULL, 0, TRUE, &task);
    mach_child_created();
    must(kr, "task_create");
    return task;
}

mach_port_t new_port(void)
{
    mach_port_t port;

    must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port), "a port");
    must(mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND),
         "a send right");
    return port;
}

void drop(mach_port_t name)
{
    if (name != MACH_PORT_NULL)
        mach_port_deallocate(mach_task_self(), name);
}

bool is_dead(mach_port_t name)
{
    mach_port_type_t type;

    return mach_port_type(mach_task_self(), name, &type) != KERN_SUCCESS ||
           (type & MACH_PORT_TYPE_DEAD_NAME) != 0;
}

bool is_a(mach_port_t name, enum minato_object kind)
{
    minato_port_info_t info;

    return minato_port_info(mach_task_self(), name, &info) == KERN_SUCCESS && info.object == kind;
}
