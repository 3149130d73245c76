/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The structures that a script sees as tables, field by field, and which flavor of which info call
 * has which structure. The one list to extend when the kernel gains a structure; names, offsets and
 * sizes are the compiler's, taken from include/mach. See layout.h for how it is used.
 */
#include "layout.h"

#include <mach/minato_types.h>

/* clang-format off */
/* A field of the structure S (a macro before each list): its kind, and its name. */
#define FIELD(name, kind, part)                                                                    \
    {#name, offsetof(S, name), sizeof(((S *)0)->name), 1, kind, part}
#define UNSIGNED(name) FIELD(name, FIELD_UNSIGNED, NULL)
#define SIGNED(name) FIELD(name, FIELD_SIGNED, NULL)
#define BOOLEAN(name) FIELD(name, FIELD_BOOLEAN, NULL)
#define STRUCT(name, part) FIELD(name, FIELD_STRUCT, part)
#define BYTES(name) FIELD(name, FIELD_BYTES, NULL)
/* An array of `kind`. */
#define LIST(name, kind, part)                                                                     \
    {#name, offsetof(S, name), sizeof(((S *)0)->name[0]),                                          \
     sizeof(((S *)0)->name) / sizeof(((S *)0)->name[0]), kind, part}
#define END {NULL, 0, 0, 0, 0, NULL}
/* clang-format on */

/* const struct layout layout_NAME, of the C type S. */
#define LAYOUT(linkage, label, ...)                                                                \
    static const struct field label##_fields[] = {__VA_ARGS__, END};                               \
    linkage const struct layout layout_##label = {#label, sizeof(S), label##_fields}
#define PUBLIC /* declared in layout.h: an argument of calls */

/* ---- small structures ---------------------------------------------------------------------- */

#define S tvalspec_t
LAYOUT(PUBLIC, tvalspec_t, UNSIGNED(tv_sec), SIGNED(tv_nsec));
#undef S

#define S time_value_t
LAYOUT(PUBLIC, time_value_t, SIGNED(seconds), SIGNED(microseconds));
#undef S

#define S security_token_t
LAYOUT(PUBLIC, security_token_t, LIST(val, FIELD_UNSIGNED, NULL));
#undef S

/* ---- ports --------------------------------------------------------------------------------- */

#define S mach_port_status_t
LAYOUT(PUBLIC, mach_port_status_t, UNSIGNED(mps_pset), UNSIGNED(mps_seqno), UNSIGNED(mps_mscount),
       UNSIGNED(mps_qlimit), UNSIGNED(mps_msgcount), UNSIGNED(mps_sorights), BOOLEAN(mps_srights),
       BOOLEAN(mps_pdrequest), BOOLEAN(mps_nsrequest), UNSIGNED(mps_flags));
#undef S

#define S mach_port_limits_t
LAYOUT(PUBLIC, mach_port_limits_t, UNSIGNED(mpl_qlimit));
#undef S

/* ---- tasks and threads --------------------------------------------------------------------- */

#define S task_basic_info_data_t
LAYOUT(static, task_basic_info, SIGNED(suspend_count), UNSIGNED(virtual_size),
       UNSIGNED(resident_size), STRUCT(user_time, &layout_time_value_t),
       STRUCT(system_time, &layout_time_value_t), SIGNED(policy));
#undef S

#define S task_events_info_data_t
LAYOUT(static, task_events_info, SIGNED(faults), SIGNED(pageins), SIGNED(cow_faults),
       SIGNED(messages_sent), SIGNED(messages_received), SIGNED(syscalls_mach),
       SIGNED(syscalls_unix), SIGNED(csw));
#undef S

#define S task_thread_times_info_data_t
LAYOUT(static, task_thread_times_info, STRUCT(user_time, &layout_time_value_t),
       STRUCT(system_time, &layout_time_value_t));
#undef S

#define S thread_basic_info_data_t
LAYOUT(static, thread_basic_info, STRUCT(user_time, &layout_time_value_t),
       STRUCT(system_time, &layout_time_value_t), SIGNED(cpu_usage), SIGNED(policy),
       SIGNED(run_state), SIGNED(flags), SIGNED(suspend_count), SIGNED(sleep_time));
#undef S

#define S struct i386_thread_state
LAYOUT(static, i386_thread_state, UNSIGNED(gs), UNSIGNED(fs), UNSIGNED(es), UNSIGNED(ds),
       UNSIGNED(edi), UNSIGNED(esi), UNSIGNED(ebp), UNSIGNED(esp), UNSIGNED(ebx), UNSIGNED(edx),
       UNSIGNED(ecx), UNSIGNED(eax), UNSIGNED(eip), UNSIGNED(cs), UNSIGNED(efl), UNSIGNED(uesp),
       UNSIGNED(ss));
#undef S

#define S struct i386_float_state
LAYOUT(static, i386_float_state, UNSIGNED(fcw), UNSIGNED(fsw), UNSIGNED(ftw), UNSIGNED(reserved1),
       UNSIGNED(fop), UNSIGNED(fip), UNSIGNED(fcs), UNSIGNED(reserved2), UNSIGNED(fdp),
       UNSIGNED(fds), UNSIGNED(reserved3), UNSIGNED(mxcsr), UNSIGNED(mxcsr_mask),
       LIST(st, FIELD_BYTES, NULL), LIST(xmm, FIELD_BYTES, NULL), BYTES(reserved4));
#undef S

#define S struct i386_descriptor
LAYOUT(static, i386_descriptor, UNSIGNED(low_word), UNSIGNED(high_word));
#undef S

#define S struct i386_tls_state
LAYOUT(static, i386_tls_state, LIST(desc, FIELD_STRUCT, &layout_i386_descriptor));
#undef S

#define S struct i386_debug_state
LAYOUT(static, i386_debug_state, LIST(dr, FIELD_UNSIGNED, NULL));
#undef S

/* ---- scheduling policies ------------------------------------------------------------------- */

#define S policy_timeshare_info_data_t
LAYOUT(static, policy_timeshare_info, SIGNED(max_priority), SIGNED(base_priority),
       SIGNED(cur_priority), BOOLEAN(depressed), SIGNED(depress_priority));
#undef S

#define S policy_rr_info_data_t
LAYOUT(static, policy_rr_info, SIGNED(max_priority), SIGNED(base_priority), SIGNED(quantum),
       BOOLEAN(depressed), SIGNED(depress_priority));
#undef S

#define S policy_fifo_info_data_t
LAYOUT(static, policy_fifo_info, SIGNED(max_priority), SIGNED(base_priority), BOOLEAN(depressed),
       SIGNED(depress_priority));
#undef S

#define S task_user_data_data_t
LAYOUT(static, task_user_data, UNSIGNED(user_data));
#undef S

#define S policy_timeshare_base_data_t
LAYOUT(static, policy_timeshare_base, SIGNED(base_priority));
#undef S

#define S policy_rr_base_data_t
LAYOUT(static, policy_rr_base, SIGNED(base_priority), SIGNED(quantum));
#undef S

#define S policy_fifo_base_data_t
LAYOUT(static, policy_fifo_base, SIGNED(base_priority));
#undef S

#define S policy_timeshare_limit_data_t
LAYOUT(static, policy_timeshare_limit, SIGNED(max_priority));
#undef S

#define S policy_rr_limit_data_t
LAYOUT(static, policy_rr_limit, SIGNED(max_priority));
#undef S

#define S policy_fifo_limit_data_t
LAYOUT(static, policy_fifo_limit, SIGNED(max_priority));
#undef S

/* ---- memory and host ----------------------------------------------------------------------- */

#define S vm_region_basic_info_data_t
LAYOUT(static, vm_region_basic_info, UNSIGNED(protection), UNSIGNED(max_protection),
       UNSIGNED(inheritance), BOOLEAN(shared), BOOLEAN(reserved), UNSIGNED(offset),
       SIGNED(behavior), UNSIGNED(user_wired_count));
#undef S

#define S memory_object_attr_info_data_t
LAYOUT(static, memory_object_attr_info, SIGNED(copy_strategy), UNSIGNED(cluster_size),
       BOOLEAN(may_cache_object), BOOLEAN(temporary));
#undef S

#define S memory_object_perf_info_data_t
LAYOUT(static, memory_object_perf_info, UNSIGNED(cluster_size), BOOLEAN(may_cache));
#undef S

#define S memory_object_behave_info_data_t
LAYOUT(static, memory_object_behave_info, SIGNED(copy_strategy), BOOLEAN(temporary),
       BOOLEAN(invalidate), BOOLEAN(silent_overwrite), BOOLEAN(advisory_pageout));
#undef S

#define S minato_memory_object_limit_info_data_t
LAYOUT(static, minato_memory_object_limit_info, UNSIGNED(limit));
#undef S

#define S host_basic_info_data_t
LAYOUT(static, host_basic_info, SIGNED(max_cpus), SIGNED(avail_cpus), UNSIGNED(memory_size),
       SIGNED(cpu_type), SIGNED(cpu_subtype));
#undef S

#define S host_sched_info_data_t
LAYOUT(static, host_sched_info, SIGNED(min_timeout), SIGNED(min_quantum));
#undef S

#define S kernel_resource_sizes_data_t
LAYOUT(static, kernel_resource_sizes, UNSIGNED(task), UNSIGNED(thread), UNSIGNED(port),
       UNSIGNED(memory_region), UNSIGNED(memory_object));
#undef S

#define S host_priority_info_data_t
LAYOUT(static, host_priority_info, SIGNED(kernel_priority), SIGNED(system_priority),
       SIGNED(server_priority), SIGNED(user_priority), SIGNED(depress_priority),
       SIGNED(idle_priority), SIGNED(minimum_priority), SIGNED(maximum_priority));
#undef S

#define S host_load_info_data_t
LAYOUT(static, host_load_info, LIST(avenrun, FIELD_SIGNED, NULL),
       LIST(mach_factor, FIELD_SIGNED, NULL));
#undef S

#define S vm_statistics_data_t
LAYOUT(static, vm_statistics, SIGNED(free_count), SIGNED(active_count), SIGNED(inactive_count),
       SIGNED(wire_count), SIGNED(zero_fill_count), SIGNED(reactivations), SIGNED(pageins),
       SIGNED(pageouts), SIGNED(faults), SIGNED(cow_faults), SIGNED(lookups), SIGNED(hits));
#undef S

#define S host_cpu_load_info_data_t
LAYOUT(static, host_cpu_load_info, LIST(cpu_ticks, FIELD_UNSIGNED, NULL));
#undef S

/* ---- introspection ------------------------------------------------------------------------- */

#define S minato_task_counts_t
LAYOUT(PUBLIC, minato_task_counts_t, UNSIGNED(names_send), UNSIGNED(names_receive),
       UNSIGNED(names_send_once), UNSIGNED(names_port_set), UNSIGNED(names_dead),
       UNSIGNED(names_total), UNSIGNED(urefs_total), UNSIGNED(messages_queued), UNSIGNED(threads),
       UNSIGNED(semaphores), UNSIGNED(map_entries), UNSIGNED(virtual_pages),
       UNSIGNED(resident_pages), UNSIGNED(kernel_objects));
#undef S

#define S minato_host_counts_t
LAYOUT(PUBLIC, minato_host_counts_t, UNSIGNED(tasks), UNSIGNED(threads), UNSIGNED(ports),
       UNSIGNED(port_sets), UNSIGNED(messages_queued), UNSIGNED(semaphores), UNSIGNED(vm_objects),
       UNSIGNED(map_entries), UNSIGNED(pages_total), UNSIGNED(pages_free), UNSIGNED(pages_used),
       UNSIGNED(kernel_heap));
#undef S

#define S minato_port_info_t
LAYOUT(PUBLIC, minato_port_info_t, UNSIGNED(type), UNSIGNED(urefs), UNSIGNED(object),
       UNSIGNED(object_id), UNSIGNED(port_id), UNSIGNED(receiver), UNSIGNED(queue_length),
       UNSIGNED(queue_limit), UNSIGNED(seqno), UNSIGNED(mscount), UNSIGNED(srights),
       UNSIGNED(sorights), UNSIGNED(members), UNSIGNED(pset_id), UNSIGNED(waiters),
       UNSIGNED(senders), UNSIGNED(flags));
#undef S

/* Bit fields have no address: flags is 1 for name, 2 for rt. */
struct port_qos_words {
    natural_t flags, pad2;
};
#define S struct port_qos_words
LAYOUT(PUBLIC, mach_port_qos_t, UNSIGNED(flags), UNSIGNED(pad2));
#undef S

#define S minato_limits_t
LAYOUT(PUBLIC, minato_limits_t, UNSIGNED(tasks), UNSIGNED(threads), UNSIGNED(names),
       UNSIGNED(objects), UNSIGNED(map_entries), UNSIGNED(message_bytes), UNSIGNED(pages));
#undef S

#define S minato_vm_region_t
LAYOUT(PUBLIC, minato_vm_region_t, UNSIGNED(protection), UNSIGNED(max_protection),
       UNSIGNED(inheritance), UNSIGNED(shared), UNSIGNED(wired), UNSIGNED(resident_pages),
       UNSIGNED(object), UNSIGNED(object_refs), UNSIGNED(offset), UNSIGNED(pager));
#undef S

/* ---- flavors ------------------------------------------------------------------------------- */

const struct flavor flavors[] = {
    {"task_info_t", TASK_BASIC_INFO, &layout_task_basic_info},
    {"task_info_t", TASK_EVENTS_INFO, &layout_task_events_info},
    {"task_info_t", TASK_THREAD_TIMES_INFO, &layout_task_thread_times_info},
    {"task_info_t", TASK_SCHED_TIMESHARE_INFO, &layout_policy_timeshare_base},
    {"task_info_t", TASK_SCHED_RR_INFO, &layout_policy_rr_base},
    {"task_info_t", TASK_SCHED_FIFO_INFO, &layout_policy_fifo_base},
    {"task_info_t", TASK_SECURITY_TOKEN, &layout_security_token_t},
    {"task_info_t", TASK_USER_DATA, &layout_task_user_data},

    {"thread_info_t", THREAD_BASIC_INFO, &layout_thread_basic_info},
    {"thread_info_t", THREAD_SCHED_TIMESHARE_INFO, &layout_policy_timeshare_info},
    {"thread_info_t", THREAD_SCHED_RR_INFO, &layout_policy_rr_info},
    {"thread_info_t", THREAD_SCHED_FIFO_INFO, &layout_policy_fifo_info},

    {"thread_state_t", i386_THREAD_STATE, &layout_i386_thread_state},
    {"thread_state_t", i386_FLOAT_STATE, &layout_i386_float_state},
    {"thread_state_t", i386_TLS_STATE, &layout_i386_tls_state},
    {"thread_state_t", i386_DEBUG_STATE, &layout_i386_debug_state},

    {"policy_base_t", POLICY_TIMESHARE, &layout_policy_timeshare_base},
    {"policy_base_t", POLICY_RR, &layout_policy_rr_base},
    {"policy_base_t", POLICY_FIFO, &layout_policy_fifo_base},
    {"policy_limit_t", POLICY_TIMESHARE, &layout_policy_timeshare_limit},
    {"policy_limit_t", POLICY_RR, &layout_policy_rr_limit},
    {"policy_limit_t", POLICY_FIFO, &layout_policy_fifo_limit},

    {"mach_port_info_t", MACH_PORT_LIMITS_INFO, &layout_mach_port_limits_t},
    {"mach_port_info_t", MACH_PORT_RECEIVE_STATUS, &layout_mach_port_status_t},

    {"vm_region_info_t", VM_REGION_BASIC_INFO, &layout_vm_region_basic_info},

    {"memory_object_info_t", MEMORY_OBJECT_ATTRIBUTE_INFO, &layout_memory_object_attr_info},
    {"memory_object_info_t", MEMORY_OBJECT_PERFORMANCE_INFO, &layout_memory_object_perf_info},
    {"memory_object_info_t", MEMORY_OBJECT_BEHAVIOR_INFO, &layout_memory_object_behave_info},
    {"memory_object_info_t", MINATO_MEMORY_OBJECT_LIMIT_INFO,
     &layout_minato_memory_object_limit_info},

    {"host_info", HOST_BASIC_INFO, &layout_host_basic_info},
    {"host_info", HOST_SCHED_INFO, &layout_host_sched_info},
    {"host_info", HOST_RESOURCE_SIZES, &layout_kernel_resource_sizes},
    {"host_info", HOST_PRIORITY_INFO, &layout_host_priority_info},
    {"host_statistics", HOST_LOAD_INFO, &layout_host_load_info},
    {"host_statistics", HOST_VM_INFO, &layout_vm_statistics},
    {"host_statistics", HOST_CPU_LOAD_INFO, &layout_host_cpu_load_info},

    {NULL, 0, NULL},
};
