// SPDX-License-Identifier: BSD-2-Clause
// Clocks: the real-time clock (time since boot) and the calendar (seconds since 1970), as ports of
// kind PORT_CLOCK. They live as long as the kernel.
#pragma once

#include <stdint.h>
#include <mach/clock_types.h>
#include <mach/kern_return.h>
#include <mach/port.h>
#include "x86/upcall.h"

struct port;

struct clock {
    uint64_t offset;   // what is added to the time since boot, ns
    uint32_t resolution; // ns
    struct port *port; // a reference
};

void clock_init(void);
// The trap (kern/traps.c).
TRAP_FUNCTION kern_return_t clock_sleep_trap(mach_port_name_t name, sleep_type_t type, unsigned sec,
                                             int nsec, uintptr_t wake_address);
