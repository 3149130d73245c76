// SPDX-License-Identifier: BSD-2-Clause
// Interrupt lines 0..15, the one-shot timer, and the clock.
#pragma once

#include "lib/base.h"

#define INTERRUPT_LINES 16
#define TIMER_LINE 0

// A line that is open calls device_interrupt (upcall.h), and is masked then. Reserved lines (timer,
// cascade) are not for devices.
bool interrupt_reserved(unsigned line);
void interrupt_mask(unsigned line);
void interrupt_unmask(unsigned line);

// Nanoseconds since boot; never goes back. A few instructions and two port reads.
uint64_t clock_now(void);
// Asks for timer_interrupt() (upcall.h) at `deadline` (ns since boot) or as soon as it is past; it
// may come early, and must then be armed again. UINT64_MAX: not at all (the clock still keeps
// time).
void clock_arm(uint64_t deadline);
// Resolution of clock_now in nanoseconds.
uint32_t clock_resolution(void);
