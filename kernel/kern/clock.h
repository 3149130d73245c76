// SPDX-License-Identifier: BSD-2-Clause
// Clocks: the real-time clock (time since boot) and the calendar (seconds since 1970), as ports of kinds
// PORT_CLOCK, for everybody, and PORT_CLOCK_CTRL, to set them. They live as long as the kernel.
#pragma once

#include <mach/clock_types.h>
#include <mach/port.h>
#include "kern/waitq.h"
#include "x86/upcall.h"

struct dead_name_request;

struct clock {
    uint64_t offset;              // what is added to the time since boot, ns
    uint32_t resolution;          // ns
    uint32_t alarm_resolution;    // sleeps and alarms end at multiples of it, ns since boot
    struct list alarms;           // alarm->link: those to come
    struct waitq sleepers;
    tvalspec_t before_set;        // what it told just before it was set for the last time
    struct port *port, *control;  // references
};

void clock_init(void);
// The reply port of an alarm has died (ipc/port.c); consumes the request, which is off the port's list.
void clock_alarm_cancel(struct dead_name_request *request);
