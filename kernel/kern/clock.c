// SPDX-License-Identifier: BSD-2-Clause
// Clocks (clock.h), the calls of clock.defs, and the trap clock_sleep.
//
// Both clocks run on the machine's count of nanoseconds since boot; the calendar adds what the battery
// clock said at boot, and is as coarse as that. Only the real-time clock wakes sleepers.
#include "kern/clock.h"
#include "clock_server.h"
#include "ipc/convert.h"
#include "ipc/port.h"
#include "ipc/space.h"
#include "kern/waitq.h"
#include "lib/assert.h"
#include "x86/interrupt.h"
#include "x86/usercopy.h"

static struct clock clocks[] = {
    {.id = REALTIME_CLOCK},
    {.id = BATTERY_CLOCK},
};
#define CLOCK_COUNT (sizeof(clocks) / sizeof(clocks[0]))

struct clock *const realtime_clock = &clocks[0];

void clock_init(void)
{
    uint64_t calendar = (uint64_t)calendar_read() * NSEC_PER_SEC;

    clocks[0].resolution = clock_resolution();
    clocks[1].offset = calendar - clock_now();
    clocks[1].resolution = NSEC_PER_SEC;
    for (unsigned i = 0; i < CLOCK_COUNT; i++) {
        clocks[i].port = port_make_kernel(PORT_CLOCK, &clocks[i]);
        if (!clocks[i].port)
            panic("no memory for the clock ports: give the machine more memory (-m)");
    }
}

uint64_t clock_time(const struct clock *clock)
{
    return clock_now() + clock->offset;
}

static tvalspec_t time_value(uint64_t ns)
{
    tvalspec_t value = {
        .tv_sec = (unsigned)(ns / NSEC_PER_SEC),
        .tv_nsec = (clock_res_t)(ns % NSEC_PER_SEC),
    };

    return value;
}

tvalspec_t clock_calendar_time(void)
{
    return time_value(clock_time(&clocks[1]));
}

// ---- clock.defs ----

kern_return_t host_get_clock_service(host_t host, clock_id_t id, clock_serv_t *clock)
{
    if (!host)
        return KERN_INVALID_ARGUMENT;
    for (unsigned i = 0; i < CLOCK_COUNT; i++)
        if (clocks[i].id == id) {
            *clock = &clocks[i];
            return KERN_SUCCESS;
        }
    return KERN_INVALID_ARGUMENT;
}

kern_return_t clock_get_time(clock_serv_t clock, tvalspec_t *time)
{
    if (!clock)
        return KERN_INVALID_ARGUMENT;
    *time = time_value(clock_time(clock));
    return KERN_SUCCESS;
}

kern_return_t clock_get_attributes(clock_serv_t clock, clock_flavor_t flavor, clock_attr_t attribute,
                                   mach_msg_type_number_t *count)
{
    if (!clock)
        return KERN_INVALID_ARGUMENT;
    if (flavor < CLOCK_GET_TIME_RES || flavor > CLOCK_ALARM_MAXRES)
        return KERN_INVALID_VALUE;
    if (*count < 1)
        return KERN_FAILURE;
    // Alarms are one-shot timers of that same count; where there are none the attribute is 0.
    if (flavor == CLOCK_GET_TIME_RES)
        attribute[0] = (int)clock->resolution;
    else if (flavor == CLOCK_MAP_TIME_RES || clock != realtime_clock)
        attribute[0] = 0;
    else
        attribute[0] = (int)clock->resolution;
    *count = 1;
    return KERN_SUCCESS;
}

// ---- clock_sleep ----

static kern_return_t sleep_until(uint64_t deadline)
{
    switch (waitq_wait(NULL, deadline, true, "clock sleep")) {
    case WAIT_TIMED_OUT:
        return KERN_SUCCESS;
    case WAIT_AWAKENED:
    case WAIT_INTERRUPTED:
    case WAIT_DESTROYED:
        break;
    }
    return KERN_ABORTED;
}

static struct clock *sleep_clock(mach_port_name_t name)
{
    if (name == MACH_PORT_NULL)
        return realtime_clock;
    return port_object(space_send_target(current_space(), name), PORT_CLOCK);
}

kern_return_t clock_sleep_trap(mach_port_name_t name, sleep_type_t type, unsigned sec, int nsec,
                               uintptr_t wake_address)
{
    struct clock *clock = sleep_clock(name);
    tvalspec_t wake;
    uint64_t deadline;
    kern_return_t result;

    if (!clock)
        return KERN_INVALID_ARGUMENT;
    if (BAD_ALRMTYPE(type) || nsec < 0 || nsec >= NSEC_PER_SEC)
        return KERN_INVALID_VALUE;
    if (clock != realtime_clock)
        return KERN_FAILURE;
    // Whether the result can be delivered must be known before the sleep.
    wake = time_value(clock_time(clock));
    if (wake_address && !copy_to_user(wake_address, &wake, sizeof(wake)))
        return KERN_INVALID_ADDRESS;
    deadline = (uint64_t)sec * NSEC_PER_SEC + (unsigned)nsec;
    if (type == TIME_RELATIVE)
        deadline += clock_now();
    result = sleep_until(deadline);
    wake = time_value(clock_time(clock));
    if (wake_address && !copy_to_user(wake_address, &wake, sizeof(wake)))
        return KERN_INVALID_ADDRESS;
    return result;
}
