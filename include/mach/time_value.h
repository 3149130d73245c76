/* SPDX-License-Identifier: BSD-2-Clause */
/* Time in seconds and microseconds, as task_info, thread_info and host_get_time return it.
 * Source: OSF mach/time_value.h. */
#ifndef _MACH_TIME_VALUE_H_
#define _MACH_TIME_VALUE_H_

#include <mach/vm_types.h>

#define TIME_MICROS_MAX 1000000

typedef struct time_value {
    integer_t seconds;
    integer_t microseconds; /* 0 … TIME_MICROS_MAX - 1 */
} time_value_t;

/* val += micros, where micros may be more than a second. */
#define time_value_add_usec(val, micros)                                                           \
    do {                                                                                           \
        (val)->microseconds += (micros);                                                           \
        (val)->seconds += (val)->microseconds / TIME_MICROS_MAX;                                   \
        (val)->microseconds %= TIME_MICROS_MAX;                                                    \
    } while (0)

/* result += addend; both normalised. */
#define time_value_add(result, addend)                                                             \
    do {                                                                                           \
        (result)->seconds += (addend)->seconds;                                                    \
        time_value_add_usec((result), (addend)->microseconds);                                     \
    } while (0)

#endif
