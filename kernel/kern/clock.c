// SPDX-License-Identifier: BSD-2-Clause
// Clocks (clock.h), the calls of clock.defs, and the trap clock_sleep.
//
// Both clocks run on the machine's count of nanoseconds since boot; the calendar adds what it was set to,
// and is as coarse as a battery clock. Only the real-time clock wakes sleepers.
#include "kern/clock.h"
#include "clock_server.h"
#include "mach_host_server.h"
#include "ipc/kobject.h"
#include "ipc/port.h"
#include "ipc/space.h"
#include "kern/waitq.h"
#include "lib/assert.h"
#include "x86/interrupt.h"
#include "x86/usercopy.h"

#define CLOCK_COUNT 2u

static struct clock clocks[CLOCK_COUNT];
static struct clock *const realtime_clock = &clocks[REALTIME_CLOCK];
static struct clock *const calendar_clock = &clocks[BATTERY_CLOCK];

void clock_init(void)
{
    realtime_clock->resolution = clock_resolution();
    calendar_clock->resolution = NSEC_PER_SEC;
    for (unsigned i = 0; i < CLOCK_COUNT; i++)
        clocks[i].port = port_make_at_boot(PORT_CLOCK, &clocks[i]);
}

static tvalspec_t clock_time(const struct clock *clock)
{
    uint64_t ns = clock_now() + clock->offset;
    tvalspec_t value = {
        .tv_sec = (unsigned)(ns / NSEC_PER_SEC),
        .tv_nsec = (clock_res_t)(ns % NSEC_PER_SEC),
    };

    return value;
}

// ---- the calendar, as mach_host.defs has it ----

kern_return_t host_get_time(host_t host, time_value_t *time)
{
    tvalspec_t now = clock_time(calendar_clock);

    time->seconds = (integer_t)now.tv_sec;
    time->microseconds = now.tv_nsec / NSEC_PER_USEC;
    return KERN_SUCCESS;
}

kern_return_t host_set_time(host_priv_t host, time_value_t time)
{
    if (time.seconds < 0 || time.microseconds < 0 || time.microseconds >= USEC_PER_SEC)
        return KERN_INVALID_VALUE;
    calendar_clock->offset = (uint64_t)time.seconds * NSEC_PER_SEC +
                             (uint64_t)time.microseconds * NSEC_PER_USEC - clock_now();
    return KERN_SUCCESS;
}

// ---- clock.defs ----

kern_return_t host_get_clock_service(host_t host, clock_id_t id, clock_serv_t *clock)
{
    if (id < 0 || (unsigned)id >= CLOCK_COUNT)
        return KERN_INVALID_ARGUMENT;
    *clock = &clocks[id];
    return KERN_SUCCESS;
}

kern_return_t clock_get_time(clock_serv_t clock, tvalspec_t *time)
{
    *time = clock_time(clock);
    return KERN_SUCCESS;
}

// Alarms are one-shot timers of the real-time clock's own count; where there are none, and for mapped
// time, the attribute is 0.
kern_return_t clock_get_attributes(clock_serv_t clock, clock_flavor_t flavor, clock_attr_t attribute,
                                   mach_msg_type_number_t *count)
{
    bool counts = flavor == CLOCK_GET_TIME_RES ||
                  (flavor != CLOCK_MAP_TIME_RES && clock == realtime_clock);

    if (flavor < CLOCK_GET_TIME_RES || flavor > CLOCK_ALARM_MAXRES)
        return KERN_INVALID_VALUE;
    if (*count < 1)
        return KERN_FAILURE;
    attribute[0] = counts ? (int)clock->resolution : 0;
    *count = 1;
    return KERN_SUCCESS;
}

// ---- clock_sleep ----

static struct clock *sleep_clock(mach_port_name_t name)
{
    if (name == MACH_PORT_NULL)
        return realtime_clock;
    return port_object(space_send_target(current_space(), name), PORT_CLOCK);
}

// False: the caller cannot be told.
static bool time_out(const struct clock *clock, uintptr_t address)
{
    tvalspec_t time = clock_time(clock);

    return !address || copy_to_user(address, &time, sizeof(time));
}

TRAP_FUNCTION kern_return_t clock_sleep_trap(mach_port_name_t name, sleep_type_t type, unsigned sec,
                                             int nsec, uintptr_t wake_address)
{
    struct clock *clock = sleep_clock(name);
    uint64_t deadline;
    bool slept;

    if (!clock)
        return KERN_INVALID_ARGUMENT;
    if (BAD_ALRMTYPE(type) || nsec < 0 || nsec >= NSEC_PER_SEC)
        return KERN_INVALID_VALUE;
    if (clock != realtime_clock)
        return KERN_FAILURE;
    // Whether the result can be delivered must be known before the sleep.
    if (!time_out(clock, wake_address))
        return KERN_INVALID_ADDRESS;
    deadline = (uint64_t)sec * NSEC_PER_SEC + (unsigned)nsec;
    if (type == TIME_RELATIVE)
        deadline += clock_now();
    slept = waitq_wait(NULL, deadline, true, "clock sleep") == WAIT_TIMED_OUT;
    if (!time_out(clock, wake_address))
        return KERN_INVALID_ADDRESS;
    return slept ? KERN_SUCCESS : KERN_ABORTED;
}
