/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scheduling policies: parameters (base), bounds (limit), and what thread_info tells (info).
 * Priorities run from 0 (most urgent) to 127, OSF's direction.  Quanta are milliseconds.
 * Used by thread_policy, thread_set_policy, task_policy, task_set_policy and the
 * *_SCHED_* flavors of thread_info.  Source: OSF mach/policy.h.
 */
#ifndef _MACH_POLICY_H_
#define _MACH_POLICY_H_

#include <mach/boolean.h>
#include <mach/message.h>
#include <mach/vm_types.h>

typedef int policy_t;
typedef integer_t *policy_info_t;
typedef integer_t *policy_base_t;
typedef integer_t *policy_limit_t;

#define POLICY_NULL 0      /* no policy */
#define POLICY_TIMESHARE 1 /* priority decays with use of the processor */
#define POLICY_RR 2        /* fixed priority, round robin with a quantum */
#define POLICY_FIFO 4      /* fixed priority, runs until it blocks */
#define POLICYCLASS_FIXEDPRI (POLICY_RR | POLICY_FIFO)
#define invalid_policy(p) ((p) != POLICY_TIMESHARE && (p) != POLICY_RR && (p) != POLICY_FIFO)

#define MACH_PRIORITY_MIN 0   /* most urgent */
#define MACH_PRIORITY_MAX 127 /* least urgent */

typedef struct policy_timeshare_base {
    integer_t base_priority;
} policy_timeshare_base_data_t, *policy_timeshare_base_t;
typedef struct policy_timeshare_limit {
    integer_t max_priority; /* most urgent value that base_priority may take */
} policy_timeshare_limit_data_t, *policy_timeshare_limit_t;
typedef struct policy_timeshare_info {
    integer_t max_priority;
    integer_t base_priority;
    integer_t cur_priority;    /* base plus what recent use of the processor costs */
    boolean_t depressed;       /* by thread_switch(SWITCH_OPTION_DEPRESS)? */
    integer_t depress_priority; /* priority to go back to, if depressed */
} policy_timeshare_info_data_t, *policy_timeshare_info_t;

typedef struct policy_rr_base {
    integer_t base_priority;
    integer_t quantum; /* milliseconds */
} policy_rr_base_data_t, *policy_rr_base_t;
typedef struct policy_rr_limit {
    integer_t max_priority;
} policy_rr_limit_data_t, *policy_rr_limit_t;
typedef struct policy_rr_info {
    integer_t max_priority;
    integer_t base_priority;
    integer_t quantum;
    boolean_t depressed;
    integer_t depress_priority;
} policy_rr_info_data_t, *policy_rr_info_t;

typedef struct policy_fifo_base {
    integer_t base_priority;
} policy_fifo_base_data_t, *policy_fifo_base_t;
typedef struct policy_fifo_limit {
    integer_t max_priority;
} policy_fifo_limit_data_t, *policy_fifo_limit_t;
typedef struct policy_fifo_info {
    integer_t max_priority;
    integer_t base_priority;
    boolean_t depressed;
    integer_t depress_priority;
} policy_fifo_info_data_t, *policy_fifo_info_t;

typedef struct policy_bases {
    policy_timeshare_base_data_t ts;
    policy_rr_base_data_t rr;
    policy_fifo_base_data_t fifo;
} policy_base_data_t;
typedef struct policy_limits {
    policy_timeshare_limit_data_t ts;
    policy_rr_limit_data_t rr;
    policy_fifo_limit_data_t fifo;
} policy_limit_data_t;
typedef struct policy_infos {
    policy_timeshare_info_data_t ts;
    policy_rr_info_data_t rr;
    policy_fifo_info_data_t fifo;
} policy_info_data_t;

#define POLICY_COUNT_(t) ((mach_msg_type_number_t)(sizeof(t) / sizeof(integer_t)))
#define POLICY_TIMESHARE_BASE_COUNT POLICY_COUNT_(policy_timeshare_base_data_t)
#define POLICY_TIMESHARE_LIMIT_COUNT POLICY_COUNT_(policy_timeshare_limit_data_t)
#define POLICY_TIMESHARE_INFO_COUNT POLICY_COUNT_(policy_timeshare_info_data_t)
#define POLICY_RR_BASE_COUNT POLICY_COUNT_(policy_rr_base_data_t)
#define POLICY_RR_LIMIT_COUNT POLICY_COUNT_(policy_rr_limit_data_t)
#define POLICY_RR_INFO_COUNT POLICY_COUNT_(policy_rr_info_data_t)
#define POLICY_FIFO_BASE_COUNT POLICY_COUNT_(policy_fifo_base_data_t)
#define POLICY_FIFO_LIMIT_COUNT POLICY_COUNT_(policy_fifo_limit_data_t)
#define POLICY_FIFO_INFO_COUNT POLICY_COUNT_(policy_fifo_info_data_t)

#endif
