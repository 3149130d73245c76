/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What task_info() tells about a task: a flavor selects a structure, which travels as an array of
 * integer_t.  Times of threads that are alive are in TASK_THREAD_TIMES_INFO only.
 * Source: OSF mach/task_info.h, Kernel Interface manual, task_info.
 */
#ifndef _MACH_TASK_INFO_H_
#define _MACH_TASK_INFO_H_

#include <mach/message.h>
#include <mach/policy.h>
#include <mach/time_value.h>
#include <mach/vm_types.h>

typedef natural_t task_flavor_t;
typedef integer_t *task_info_t;

#define TASK_INFO_MAX 16 /* words of the largest flavor, with room to grow */
typedef integer_t task_info_data_t[TASK_INFO_MAX];

#define TASK_BASIC_INFO 4
typedef struct task_basic_info {
    integer_t suspend_count;
    vm_size_t virtual_size;   /* bytes of address space in use */
    vm_size_t resident_size;  /* bytes of physical memory mapped */
    time_value_t user_time;   /* of threads that are no more */
    time_value_t system_time; /* of threads that are no more */
    policy_t policy;          /* POLICY_* of new threads */
} task_basic_info_data_t, *task_basic_info_t;
#define TASK_BASIC_INFO_COUNT                                                                      \
    ((mach_msg_type_number_t)(sizeof(task_basic_info_data_t) / sizeof(natural_t)))

#define TASK_EVENTS_INFO 2
typedef struct task_events_info {
    integer_t faults;            /* page faults */
    integer_t pageins;           /* pages fetched from pagers */
    integer_t cow_faults;        /* faults that copied a page */
    integer_t messages_sent;
    integer_t messages_received;
    integer_t syscalls_mach;     /* traps */
    integer_t syscalls_unix;     /* redirected to the emulation vector */
    integer_t csw;               /* context switches to a thread of the task */
} task_events_info_data_t, *task_events_info_t;
#define TASK_EVENTS_INFO_COUNT                                                                     \
    ((mach_msg_type_number_t)(sizeof(task_events_info_data_t) / sizeof(natural_t)))

#define TASK_THREAD_TIMES_INFO 3
typedef struct task_thread_times_info {
    time_value_t user_time;   /* of living threads; exact only while the task is suspended */
    time_value_t system_time; /* of living threads */
} task_thread_times_info_data_t, *task_thread_times_info_t;
#define TASK_THREAD_TIMES_INFO_COUNT                                                               \
    ((mach_msg_type_number_t)(sizeof(task_thread_times_info_data_t) / sizeof(natural_t)))

#define TASK_USER_DATA 8 /* set by task_set_info */
typedef struct task_user_data {
    natural_t user_data;
} task_user_data_data_t, *task_user_data_t;
#define TASK_USER_DATA_COUNT                                                                       \
    ((mach_msg_type_number_t)(sizeof(task_user_data_data_t) / sizeof(natural_t)))

#define TASK_SCHED_TIMESHARE_INFO 10 /* policy_timeshare_base_data_t for new threads */
#define TASK_SCHED_RR_INFO 11        /* policy_rr_base_data_t */
#define TASK_SCHED_FIFO_INFO 12      /* policy_fifo_base_data_t */
#define TASK_SECURITY_TOKEN 13       /* security_token_t, as in message trailers */
#define TASK_SECURITY_TOKEN_COUNT                                                                  \
    ((mach_msg_type_number_t)(sizeof(security_token_t) / sizeof(natural_t)))
#define TASK_SCHED_INFO 14

#endif
