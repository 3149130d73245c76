// SPDX-License-Identifier: BSD-2-Clause
// Who runs before whom. Bootstrap and the servers have the kernel's server priority, in turns;
// nothing that the job starts can ever be as urgent. So whatever a program's threads do, the time
// limit is noticed and words are shown.
#include "bootstrap.h"

#include <mach/host_info.h>
#include <mach/mach_host.h>
#include <mach/policy.h>

#define QUANTUM 10 // milliseconds

static host_priority_info_data_t levels;

kern_return_t priority_take(void)
{
    mach_msg_type_number_t count = HOST_PRIORITY_INFO_COUNT;
    mach_port_t host = mach_host_self();
    kern_return_t result = host_info(host, HOST_PRIORITY_INFO, (host_info_t)&levels, &count);
    policy_rr_base_data_t base = {.base_priority = levels.server_priority, .quantum = QUANTUM};

    mach_port_deallocate(mach_task_self(), host);
    if (result != KERN_SUCCESS)
        return result;
    return task_policy(mach_task_self(), POLICY_RR, (policy_base_t)&base, POLICY_RR_BASE_COUNT,
                       FALSE, TRUE);
}

kern_return_t priority_lower(mach_port_t task)
{
    policy_timeshare_base_data_t limit = {.base_priority = levels.server_priority + 1};
    policy_timeshare_base_data_t base = {.base_priority = levels.user_priority};
    kern_return_t result = task_policy(task, POLICY_TIMESHARE, (policy_base_t)&limit,
                                       POLICY_TIMESHARE_BASE_COUNT, TRUE, FALSE);

    if (result != KERN_SUCCESS)
        return result;
    return task_policy(task, POLICY_TIMESHARE, (policy_base_t)&base, POLICY_TIMESHARE_BASE_COUNT,
                       FALSE, FALSE);
}
