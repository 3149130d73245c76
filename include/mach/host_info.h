/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What host_info() and host_statistics() tell.  Flavors of both are numbered separately.
 * Source: OSF mach/host_info.h, Kernel Interface manual, host_info.
 */
#ifndef _MACH_HOST_INFO_H_
#define _MACH_HOST_INFO_H_

#include <mach/machine.h>
#include <mach/message.h>
#include <mach/vm_statistics.h>
#include <mach/vm_types.h>

typedef integer_t host_flavor_t;
typedef integer_t *host_info_t;

#define HOST_INFO_MAX 16 /* words */
typedef integer_t host_info_data_t[HOST_INFO_MAX];

#define KERNEL_VERSION_MAX 512
typedef char kernel_version_t[KERNEL_VERSION_MAX];
#define KERNEL_BOOT_INFO_MAX 4096
typedef char kernel_boot_info_t[KERNEL_BOOT_INFO_MAX];

/* host_info() */
#define HOST_BASIC_INFO 1
typedef struct host_basic_info {
    integer_t max_cpus;   /* processors possible */
    integer_t avail_cpus; /* processors running */
    vm_size_t memory_size; /* bytes of physical memory */
    cpu_type_t cpu_type;
    cpu_subtype_t cpu_subtype;
} host_basic_info_data_t, *host_basic_info_t;

#define HOST_PROCESSOR_SLOTS 2 /* array of slot numbers of running processors */

#define HOST_SCHED_INFO 3
typedef struct host_sched_info {
    integer_t min_timeout; /* milliseconds */
    integer_t min_quantum; /* milliseconds */
} host_sched_info_data_t, *host_sched_info_t;

#define HOST_RESOURCE_SIZES 4 /* bytes of kernel memory that one of each takes */
typedef struct kernel_resource_sizes {
    natural_t task;
    natural_t thread;
    natural_t port;
    natural_t memory_region;
    natural_t memory_object;
} kernel_resource_sizes_data_t, *kernel_resource_sizes_t;

#define HOST_PRIORITY_INFO 5 /* 0 is the most urgent */
typedef struct host_priority_info {
    integer_t kernel_priority;
    integer_t system_priority;
    integer_t server_priority;
    integer_t user_priority;
    integer_t depress_priority;
    integer_t idle_priority;
    integer_t minimum_priority; /* least urgent */
    integer_t maximum_priority; /* most urgent */
} host_priority_info_data_t, *host_priority_info_t;

#define HOST_SEMAPHORE_TRAPS 7 /* macOS: no data; KERN_SUCCESS says semaphore traps exist */
#define HOST_MACH_MSG_TRAP 8   /* macOS: no data; KERN_SUCCESS says mach_msg_trap exists */

/* host_statistics() */
#define HOST_LOAD_INFO 1
#define LOAD_SCALE 1000
typedef struct host_load_info {
    integer_t avenrun[3];     /* runnable threads over 5, 30, 60 s, times LOAD_SCALE */
    integer_t mach_factor[3]; /* processors per thread, times LOAD_SCALE */
} host_load_info_data_t, *host_load_info_t;

#define HOST_VM_INFO 2 /* vm_statistics_data_t */

#define HOST_CPU_LOAD_INFO 3
typedef struct host_cpu_load_info {
    natural_t cpu_ticks[CPU_STATE_MAX]; /* milliseconds in each CPU_STATE_* */
} host_cpu_load_info_data_t, *host_cpu_load_info_t;

#define HOST_COUNT_(t) ((mach_msg_type_number_t)(sizeof(t) / sizeof(integer_t)))
#define HOST_BASIC_INFO_COUNT HOST_COUNT_(host_basic_info_data_t)
#define HOST_SCHED_INFO_COUNT HOST_COUNT_(host_sched_info_data_t)
#define HOST_RESOURCE_SIZES_COUNT HOST_COUNT_(kernel_resource_sizes_data_t)
#define HOST_PRIORITY_INFO_COUNT HOST_COUNT_(host_priority_info_data_t)
#define HOST_LOAD_INFO_COUNT HOST_COUNT_(host_load_info_data_t)
#define HOST_VM_INFO_COUNT HOST_COUNT_(vm_statistics_data_t)
#define HOST_CPU_LOAD_INFO_COUNT HOST_COUNT_(host_cpu_load_info_data_t)

#endif
