// SPDX-License-Identifier: BSD-2-Clause
// The host (host.h): the calls of mach_host.defs.
//
// Everything here reads what other files keep; only host_reboot does something, and it wants the
// privileged port.
#include "kern/host.h"
#include "kern/audit.h"
#include <mach/host_info.h>
#include <mach/host_reboot.h>
#include "ipc/port.h"
#include "kern/sched.h"
#include "kern/task.h"
#include "kern/thread.h"
#include "mach_host_server.h"
#include "vm/map.h"
#include "vm/object.h"
#include "vm/page.h"
#include "vm/paging.h"
#include "x86/boot.h"

struct host the_host;

void host_init(void)
{
    the_host.port = port_make_at_boot(PORT_HOST, &the_host);
    the_host.priv_port = port_make_at_boot(PORT_HOST_PRIV, &the_host);
    the_host.bootstrap_port = port_make_at_boot(PORT_BOOTSTRAP, &the_host);
}

// ---- host_info ----

static void basic_info(host_info_t words)
{
    host_basic_info_t info = (host_basic_info_t)words;

    info->max_cpus = MAX_CPUS;
    info->avail_cpus = 1;
    info->memory_size = pages_total * PAGE_SIZE;
    info->cpu_type = CPU_TYPE_I386;
    info->cpu_subtype = CPU_SUBTYPE_PENTPRO;
}

static const struct host_sched_info sched_info = {.min_timeout = 1, .min_quantum = 1};

static const struct kernel_resource_sizes resource_sizes = {
    .task = sizeof(struct task),
    .thread = sizeof(struct thread),
    .port = sizeof(struct port),
    .memory_region = sizeof(struct vm_map_entry),
    .memory_object = sizeof(struct vm_object),
};

static const struct host_priority_info priority_info = {
    .kernel_priority = PRIORITY_KERNEL,
    .system_priority = PRIORITY_KERNEL,
    .server_priority = PRIORITY_SERVER,
    .user_priority = PRIORITY_USER,
    .depress_priority = PRIORITY_IDLE,
    .idle_priority = PRIORITY_IDLE,
    .minimum_priority = PRIORITY_LEVELS - 1,
    .maximum_priority = 0,
};

static const integer_t processor_slots[] = {0}; // the number of the one that runs

struct flavor {
    void (*fill)(host_info_t info);
    const void *constant; // what it always is; neither this nor `fill`: there is no such flavor
    unsigned words;
};

static const struct flavor infos[] = {
    [HOST_BASIC_INFO] = {basic_info, NULL, HOST_BASIC_INFO_COUNT},
    [HOST_PROCESSOR_SLOTS] = {NULL, processor_slots, 1},
    [HOST_SCHED_INFO] = {NULL, &sched_info, HOST_SCHED_INFO_COUNT},
    [HOST_RESOURCE_SIZES] = {NULL, &resource_sizes, HOST_RESOURCE_SIZES_COUNT},
    [HOST_PRIORITY_INFO] = {NULL, &priority_info, HOST_PRIORITY_INFO_COUNT},
    [HOST_SEMAPHORE_TRAPS] = {NULL, "", 0}, // these say by their mere success that the traps are there
    [HOST_MACH_MSG_TRAP] = {NULL, "", 0},
};

// ---- host_statistics ----

static void load_info(host_info_t words)
{
    host_load_info_t info = (host_load_info_t)words;

    for (unsigned i = 0; i < 3; i++) {
        int running = (int)sched_load(i);

        info->avenrun[i] = running;
        info->mach_factor[i] = running > LOAD_SCALE ? LOAD_SCALE * LOAD_SCALE / (running + LOAD_SCALE)
                                                    : LOAD_SCALE - running;
    }
}

static int page_faults(void)
{
    unsigned faults = ended_faults;

    list_for_each(link, &all_tasks)
        faults += (unsigned)container_of(link, struct task, link)->events.faults;
    return (int)faults;
}

static void vm_info(host_info_t words)
{
    *(vm_statistics_t)words = (struct vm_statistics){
        .free_count = (int)pages_free,
        .active_count = (int)(pages_total - pages_free - vm_wired_pages),
        .wire_count = (int)vm_wired_pages,
        .zero_fill_count = (int)vm_object_pages_zeroed,
        .reactivations = (int)pageout_reactivated,
        .pageins = (int)vm_object_pages_asked,
        .pageouts = (int)pageout_sent,
        .faults = page_faults(),
        .cow_faults = (int)vm_object_pages_copied,
    };
}

static void cpu_load_info(host_info_t words)
{
    natural_t *ticks = ((host_cpu_load_info_t)words)->cpu_ticks;
    uint64_t all = sched_cycles(), system = ended_system_cycles;
    uint64_t idle = sched_thread_cycles(processors[this_cpu()->number].idle);

    list_for_each(link, &all_tasks) {
        const struct task *task = container_of(link, struct task, link);

        list_for_each(l, &task->threads)
            system += container_of(l, struct thread, task_link)->system_cycles;
        preemption_point();
    }
    if (system > all - idle) // a fault in a call counts twice
        system = all - idle;
    ticks[CPU_STATE_USER] = (natural_t)(sched_cycles_to_ns(all - idle - system) / NSEC_PER_MSEC);
    ticks[CPU_STATE_SYSTEM] = (natural_t)(sched_cycles_to_ns(system) / NSEC_PER_MSEC);
    ticks[CPU_STATE_IDLE] = (natural_t)(sched_cycles_to_ns(idle) / NSEC_PER_MSEC);
    ticks[CPU_STATE_NICE] = 0;
}

static const struct flavor statistics[] = {
    [HOST_LOAD_INFO] = {load_info, NULL, HOST_LOAD_INFO_COUNT},
    [HOST_VM_INFO] = {vm_info, NULL, HOST_VM_INFO_COUNT},
    [HOST_CPU_LOAD_INFO] = {cpu_load_info, NULL, HOST_CPU_LOAD_INFO_COUNT},
};

static kern_return_t fill(const struct flavor *flavors, unsigned flavor_count, host_flavor_t which,
                          host_info_t info, mach_msg_type_number_t *count)
{
    const struct flavor *flavor = &flavors[(unsigned)which < flavor_count ? which : 0]; // 0 is none

    if (!flavor->fill && !flavor->constant)
        return KERN_INVALID_ARGUMENT;
    if (*count < flavor->words)
        return KERN_FAILURE;
    if (flavor->fill)
        flavor->fill(info);
    else
        memcpy(info, flavor->constant, flavor->words * sizeof(*info));
    *count = flavor->words;
    return KERN_SUCCESS;
}

#define FLAVORS(table) (table), sizeof(table) / sizeof((table)[0])

kern_return_t host_info(host_t host, host_flavor_t which, host_info_t info,
                        mach_msg_type_number_t *count)
{
    return fill(FLAVORS(infos), which, info, count);
}

kern_return_t host_statistics(host_t host, host_flavor_t which, host_info_t info,
                              mach_msg_type_number_t *count)
{
    return fill(FLAVORS(statistics), which, info, count);
}

// ---- the rest of mach_host.defs ----

kern_return_t host_kernel_version(host_t host, kernel_version_t version)
{
    strlcpy(version, "Minato 0.1, a Mach-style microkernel for i686", sizeof(kernel_version_t));
    return KERN_SUCCESS;
}

kern_return_t host_get_boot_info(host_priv_t host, kernel_boot_info_t info)
{
    strlcpy(info, boot_info.command_line, sizeof(kernel_boot_info_t));
    return KERN_SUCCESS;
}

kern_return_t host_page_size(host_t host, vm_size_t *size)
{
    *size = PAGE_SIZE;
    return KERN_SUCCESS;
}

kern_return_t host_reboot(host_priv_t host, int options)
{
    audit("power-off");
    if (options & HOST_REBOOT_STATUS_BIT)
        machine_power_off((unsigned)HOST_REBOOT_GET_STATUS(options));
    if (options & HOST_REBOOT_DEBUGGER)
        panic("host_reboot asked for the debugger");
    if (options & (HOST_REBOOT_HALT | HOST_REBOOT_UPSDELAY))
        machine_power_off(0);
    machine_restart();
}
