// SPDX-License-Identifier: BSD-2-Clause
// Processor time as thread_info and task_info give it.
#ifndef KERN_TIMES_H
#define KERN_TIMES_H

#include <mach/time_value.h>
#include "kern/sched.h"

static inline time_value_t time_of_cycles(uint64_t cycles)
{
    uint64_t us = sched_cycles_to_ns(cycles) / 1000;
    time_value_t value = {
        .seconds = (integer_t)(us / TIME_MICROS_MAX),
        .microseconds = (integer_t)(us % TIME_MICROS_MAX),
    };

    return value;
}

#endif
