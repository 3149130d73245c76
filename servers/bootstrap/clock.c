// SPDX-License-Identifier: BSD-2-Clause
// The real-time clock, as nanoseconds since boot.
#include "bootstrap.h"

static mach_port_t realtime_clock;

kern_return_t clock_open(void)
{
    mach_port_t host = mach_host_self();
    kern_return_t result = host_get_clock_service(host, REALTIME_CLOCK, &realtime_clock);

    mach_port_deallocate(mach_task_self(), host);
    return result;
}

uint64_t clock_now(void)
{
    tvalspec_t now = {0, 0};

    clock_get_time(realtime_clock, &now);
    return (uint64_t)now.tv_sec * NSEC_PER_SEC + (unsigned)now.tv_nsec;
}
