/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clocks: identifiers, time values, attributes. host_get_clock_service() gives the port of a
 * clock; clock_get_time, clock_alarm and so on are in clock.defs, clock_sleep is a trap
 * (mach_traps.h). Source: OSF mach/clock_types.h; names SYSTEM_CLOCK, CALENDAR_CLOCK,
 * mach_timespec_t: macOS.
 */
#ifndef _MACH_CLOCK_TYPES_H_
#define _MACH_CLOCK_TYPES_H_

#include <mach/time_value.h>
#include <mach/vm_types.h>

typedef int alarm_type_t;  /* TIME_ABSOLUTE or TIME_RELATIVE */
typedef int sleep_type_t;  /* likewise */
typedef int clock_id_t;
typedef int clock_flavor_t;
typedef int *clock_attr_t;
typedef int clock_res_t;   /* nanoseconds */

/* A time: tv_nsec 0 … NSEC_PER_SEC - 1, otherwise the call gives KERN_INVALID_VALUE. */
typedef struct tvalspec {
    unsigned int tv_sec;
    clock_res_t tv_nsec;
} tvalspec_t;
typedef struct tvalspec mach_timespec_t;

/* What clock_map_time() lets programs read, at the beginning of the object. */
typedef struct mapped_tvalspec {
    tvalspec_t mtv_time;
#define mtv_sec mtv_time.tv_sec
#define mtv_nsec mtv_time.tv_nsec
    unsigned int mtv_csec; /* equal to mtv_sec, but while the kernel sets the time */
} mapped_tvalspec_t;
/* Reads a time *ts at `mts`, which points to volatile, that the kernel has not set in between. */
#define MTS_TO_TS(mts, ts)                                                                         \
    do {                                                                                           \
        (ts)->tv_sec = (mts)->mtv_sec;                                                             \
        (ts)->tv_nsec = (mts)->mtv_nsec;                                                           \
    } while ((ts)->tv_sec != (mts)->mtv_csec)

#define REALTIME_CLOCK 0 /* since boot; never set back */
#define BATTERY_CLOCK 1  /* calendar: seconds since 1970-01-01 UTC */
#define HIGHRES_CLOCK 2  /* OSF's optional third clock: KERN_INVALID_ARGUMENT here */
#define SYSTEM_CLOCK REALTIME_CLOCK
#define CALENDAR_CLOCK BATTERY_CLOCK

/* Flavors of clock_get_attributes; each is one word. */
#define CLOCK_GET_TIME_RES 1 /* resolution of clock_get_time, ns */
#define CLOCK_MAP_TIME_RES 2 /* resolution of mapped time, ns */
#define CLOCK_ALARM_CURRES 3 /* current resolution of alarms and sleeps, ns */
#define CLOCK_ALARM_MINRES 4 /* finest it can be set to, ns */
#define CLOCK_ALARM_MAXRES 5 /* coarsest it can be set to, ns */

#define NSEC_PER_USEC 1000
#define USEC_PER_SEC 1000000
#define NSEC_PER_SEC 1000000000
#define NSEC_PER_MSEC 1000000

#define TIME_ABSOLUTE 0x0 /* a time of that clock; in the past: at once */
#define TIME_RELATIVE 0x1 /* from now */

#define ALARM_TYPE_MASK 0xff /* of an alarm_type_t; the other bits are the caller's */
#define ALRMTYPE(t) ((t) & ALARM_TYPE_MASK)
#define BAD_ALRMTYPE(t) (((t) & ~TIME_RELATIVE) != 0)
#define BAD_TVALSPEC(t) ((t)->tv_nsec < 0 || (t)->tv_nsec >= NSEC_PER_SEC)
#define BAD_MACH_TIMESPEC(t) BAD_TVALSPEC(t)
/* <0, 0, >0 as t1 is before, at, after t2. */
#define CMP_TVALSPEC(t1, t2)                                                                       \
    ((t1)->tv_sec != (t2)->tv_sec ? ((t1)->tv_sec > (t2)->tv_sec ? 1 : -1)                         \
                                  : (t1)->tv_nsec - (t2)->tv_nsec)
#define CMP_MACH_TIMESPEC(t1, t2) CMP_TVALSPEC(t1, t2)
/* t1 += t2, t1 -= t2; both normalised, and t1 >= t2 for the difference. */
#define ADD_TVALSPEC(t1, t2)                                                                       \
    do {                                                                                           \
        if (((t1)->tv_nsec += (t2)->tv_nsec) >= NSEC_PER_SEC) {                                    \
            (t1)->tv_nsec -= NSEC_PER_SEC;                                                         \
            (t1)->tv_sec += 1;                                                                     \
        }                                                                                          \
        (t1)->tv_sec += (t2)->tv_sec;                                                              \
    } while (0)
#define SUB_TVALSPEC(t1, t2)                                                                       \
    do {                                                                                           \
        if (((t1)->tv_nsec -= (t2)->tv_nsec) < 0) {                                                \
            (t1)->tv_nsec += NSEC_PER_SEC;                                                         \
            (t1)->tv_sec -= 1;                                                                     \
        }                                                                                          \
        (t1)->tv_sec -= (t2)->tv_sec;                                                              \
    } while (0)
#define ADD_MACH_TIMESPEC(t1, t2) ADD_TVALSPEC(t1, t2)
#define SUB_MACH_TIMESPEC(t1, t2) SUB_TVALSPEC(t1, t2)

#endif
