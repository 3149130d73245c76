/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What thread_info() tells about a thread. The THREAD_SCHED_* flavors give a policy_*_info
 * structure (policy.h) and KERN_INVALID_POLICY if the thread has another policy. Source: OSF
 * mach/thread_info.h, Kernel Interface manual, thread_info, thread_basic_info.
 */
#ifndef _MACH_THREAD_INFO_H_
#define _MACH_THREAD_INFO_H_

#include <mach/message.h>
#include <mach/policy.h>
#include <mach/time_value.h>
#include <mach/vm_types.h>

typedef natural_t thread_flavor_t;
typedef integer_t *thread_info_t;

#define THREAD_INFO_MAX 16
typedef integer_t thread_info_data_t[THREAD_INFO_MAX];

#define THREAD_BASIC_INFO 3
typedef struct thread_basic_info {
    time_value_t user_time;
    time_value_t system_time;
    integer_t cpu_usage;     /* recent share of the processor, of TH_USAGE_SCALE */
    policy_t policy;         /* POLICY_* */
    integer_t run_state;     /* TH_STATE_* */
    integer_t flags;         /* TH_FLAGS_* */
    integer_t suspend_count;
    integer_t sleep_time;    /* seconds it has been waiting */
} thread_basic_info_data_t, *thread_basic_info_t;
#define THREAD_BASIC_INFO_COUNT                                                                    \
    ((mach_msg_type_number_t)(sizeof(thread_basic_info_data_t) / sizeof(natural_t)))

#define TH_USAGE_SCALE 1000

#define TH_STATE_RUNNING 1         /* running or ready to run */
#define TH_STATE_STOPPED 2         /* suspended */
#define TH_STATE_WAITING 3         /* waiting for a message, semaphore, timer, page */
#define TH_STATE_UNINTERRUPTIBLE 4 /* in a wait that thread_abort cannot end */
#define TH_STATE_HALTED 5          /* terminated, not yet gone */

#define TH_FLAGS_SWAPPED 0x1 /* never set: kernel stacks are not swapped */
#define TH_FLAGS_IDLE 0x2    /* the idle thread */

#define THREAD_SCHED_TIMESHARE_INFO 10 /* policy_timeshare_info_data_t */
#define THREAD_SCHED_RR_INFO 11        /* policy_rr_info_data_t */
#define THREAD_SCHED_FIFO_INFO 12      /* policy_fifo_info_data_t */

#endif
