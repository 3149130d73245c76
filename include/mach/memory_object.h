/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * External pagers: the types and constants that pager and kernel exchange in the calls of
 * memory_object.defs (kernel to pager) and mach.defs (pager to kernel). Source: OSF
 * mach/memory_object.h.
 */
#ifndef _MACH_MEMORY_OBJECT_H_
#define _MACH_MEMORY_OBJECT_H_

#include <mach/boolean.h>
#include <mach/message.h>
#include <mach/port.h>
#include <mach/vm_types.h>

#ifndef MACH_KERNEL
typedef mach_port_t memory_object_t;         /* the pager's port: names the object */
typedef mach_port_t memory_object_control_t; /* the kernel's port for it, given to the pager */
typedef mach_port_t memory_object_name_t;    /* identifies the object, gives no power (vm_region) */
typedef mach_port_t memory_object_rep_t;
#endif

typedef int memory_object_copy_strategy_t;
#define MEMORY_OBJECT_COPY_INVALID (-1)
#define MEMORY_OBJECT_COPY_NONE 0      /* copy at once, page by page */
#define MEMORY_OBJECT_COPY_CALL 1      /* ask the pager */
#define MEMORY_OBJECT_COPY_DELAY 2     /* copy on write; the pager itself changes nothing */
#define MEMORY_OBJECT_COPY_TEMPORARY 3 /* likewise, and changes need not reach the pager */
#define MEMORY_OBJECT_COPY_SYMMETRIC 4 /* kernel internal: object mapped once */

typedef int memory_object_return_t; /* lock_request: which pages to send back */
#define MEMORY_OBJECT_RETURN_NONE 0
#define MEMORY_OBJECT_RETURN_DIRTY 1 /* modified pages */
#define MEMORY_OBJECT_RETURN_ALL 2   /* modified and precious pages */
#define MEMORY_OBJECT_RETURN_ANYTHING 3 /* macOS: all resident pages */

typedef int memory_object_flavor_t;
typedef int *memory_object_info_t;
#define MEMORY_OBJECT_INFO_MAX 16 /* words */
typedef int memory_object_info_data_t[MEMORY_OBJECT_INFO_MAX];

#define OLD_MEMORY_OBJECT_BEHAVIOR_INFO 10
#define MEMORY_OBJECT_PERFORMANCE_INFO 11
#define OLD_MEMORY_OBJECT_ATTRIBUTE_INFO 12
#define MEMORY_OBJECT_ATTRIBUTE_INFO 14
#define MEMORY_OBJECT_BEHAVIOR_INFO 15

typedef struct memory_object_perf_info {
    vm_size_t cluster_size; /* bytes it is best asked for at a time */
    boolean_t may_cache;    /* keep pages when nothing maps the object */
} memory_object_perf_info_data_t, *memory_object_perf_info_t;

typedef struct memory_object_attr_info {
    memory_object_copy_strategy_t copy_strategy;
    vm_offset_t cluster_size;
    boolean_t may_cache_object;
    boolean_t temporary; /* throw pages away when the last mapping goes */
} memory_object_attr_info_data_t, *memory_object_attr_info_t;

typedef struct memory_object_behave_info {
    memory_object_copy_strategy_t copy_strategy;
    boolean_t temporary;
    boolean_t invalidate;       /* drop what is resident */
    boolean_t silent_overwrite; /* a second data_supply replaces pages */
    boolean_t advisory_pageout; /* the pager is asked, not told, to take pages */
} memory_object_behave_info_data_t, *memory_object_behave_info_t;

typedef struct old_memory_object_attr_info {
    boolean_t object_ready;
    boolean_t may_cache;
    memory_object_copy_strategy_t copy_strategy;
} old_memory_object_attr_info_data_t, *old_memory_object_attr_info_t;

typedef struct old_memory_object_behave_info {
    memory_object_copy_strategy_t copy_strategy;
    boolean_t temporary;
    boolean_t invalidate;
} old_memory_object_behave_info_data_t, *old_memory_object_behave_info_t;

/* How long a thread waits for the pager (ours): for it to be ready, for a page, for an unlock, for a
 * synchronize. Then it gets KERN_MEMORY_ERROR. */
#define MINATO_MEMORY_OBJECT_LIMIT_INFO 4200
#define MINATO_MEMORY_OBJECT_LIMIT_DEFAULT 10000
#define MINATO_MEMORY_OBJECT_LIMIT_MAX 60000
typedef struct minato_memory_object_limit_info {
    natural_t limit; /* ms, 1 ... MINATO_MEMORY_OBJECT_LIMIT_MAX */
} minato_memory_object_limit_info_data_t, *minato_memory_object_limit_info_t;

/* How much the object can hold (ours): the default pager has to say so (host_default_memory_manager),
 * for others it counts for nothing. */
#define MINATO_MEMORY_OBJECT_SIZE_INFO 4201
typedef struct minato_memory_object_size_info {
    natural_t size; /* bytes; 0: not known */
} minato_memory_object_size_info_data_t, *minato_memory_object_size_info_t;

#define MEMORY_OBJECT_COUNT_(t) ((mach_msg_type_number_t)(sizeof(t) / sizeof(int)))
#define MEMORY_OBJECT_PERF_INFO_COUNT MEMORY_OBJECT_COUNT_(memory_object_perf_info_data_t)
#define MEMORY_OBJECT_ATTR_INFO_COUNT MEMORY_OBJECT_COUNT_(memory_object_attr_info_data_t)
#define MEMORY_OBJECT_BEHAVE_INFO_COUNT MEMORY_OBJECT_COUNT_(memory_object_behave_info_data_t)
#define MINATO_MEMORY_OBJECT_LIMIT_INFO_COUNT                                                      \
    MEMORY_OBJECT_COUNT_(minato_memory_object_limit_info_data_t)
#define MINATO_MEMORY_OBJECT_SIZE_INFO_COUNT                                                       \
    MEMORY_OBJECT_COUNT_(minato_memory_object_size_info_data_t)
#define OLD_MEMORY_OBJECT_ATTR_INFO_COUNT MEMORY_OBJECT_COUNT_(old_memory_object_attr_info_data_t)
#define OLD_MEMORY_OBJECT_BEHAVE_INFO_COUNT                                                        \
    MEMORY_OBJECT_COUNT_(old_memory_object_behave_info_data_t)

#define MEMORY_OBJECT_NULL MACH_PORT_NULL
#define MEMORY_OBJECT_CONTROL_NULL MACH_PORT_NULL

#endif
