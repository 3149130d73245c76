// SPDX-License-Identifier: BSD-2-Clause
// The host (host.h): the calls of mach_host.defs, and those of minato.defs that count things.
//
// Everything here reads what other files keep; only host_reboot and minato_host_set_seed do something,
// and both want the privileged port.
#include "kern/host.h"
#include <mach/host_info.h>
#include <mach/host_reboot.h>
#include "ipc/port.h"
#include "ipc/space.h"
#include "kern/clock.h"
#include "kern/sched.h"
#include "kern/semaphore.h"
#include "kern/task.h"
#include "kern/thread.h"
#include "lib/assert.h"
#include "lib/slab.h"
#include "lib/string.h"
#include "mach_host_server.h"
#include "minato_server.h"
#include "vm/map.h"
#include "vm/object.h"
#include "vm/page.h"
#include "x86/boot.h"

struct host the_host;

const char minato_version[] = "Minato 0.1, a Mach-style microkernel for i686";

void host_init(void)
{
    the_host.port = port_make_kernel(PORT_HOST, &the_host);
    the_host.priv_port = port_make_kernel(PORT_HOST_PRIV, &the_host);
    if (!the_host.port || !the_host.priv_port)
        panic("no memory for the host ports: give the machine more memory (-m)");
}

// ---- host_info ----

static void basic_info(host_basic_info_t info)
{
    info->max_cpus = MAX_CPUS;
    info->avail_cpus = 1;
    info->memory_size = pages_total() * PAGE_SIZE;
    info->cpu_type = CPU_TYPE_I386;
    info->cpu_subtype = CPU_SUBTYPE_PENTPRO;
}

static void sched_info(host_sched_info_t info)
{
    info->min_timeout = 1;
    info->min_quantum = 1;
}

static void resource_sizes(kernel_resource_sizes_t sizes)
{
    sizes->task = sizeof(struct task);
    sizes->thread = sizeof(struct thread);
    sizes->port = sizeof(struct port);
    sizes->memory_region = sizeof(struct vm_map_entry);
    sizes->memory_object = sizeof(struct vm_object);
}

static void priority_info(host_priority_info_t info)
{
    info->kernel_priority = PRIORITY_KERNEL;
    info->system_priority = PRIORITY_KERNEL;
    info->server_priority = PRIORITY_SERVER;
    info->user_priority = PRIORITY_USER;
    info->depress_priority = PRIORITY_IDLE;
    info->idle_priority = PRIORITY_IDLE;
    info->minimum_priority = PRIORITY_LEVELS - 1;
    info->maximum_priority = 0;
}

// Words of a flavor; -1: there is none of that number.
static int flavor_words(host_flavor_t flavor)
{
    switch (flavor) {
    case HOST_BASIC_INFO:
        return HOST_BASIC_INFO_COUNT;
    case HOST_PROCESSOR_SLOTS:
        return 1;
    case HOST_SCHED_INFO:
        return HOST_SCHED_INFO_COUNT;
    case HOST_RESOURCE_SIZES:
        return HOST_RESOURCE_SIZES_COUNT;
    case HOST_PRIORITY_INFO:
        return HOST_PRIORITY_INFO_COUNT;
    case HOST_SEMAPHORE_TRAPS:
    case HOST_MACH_MSG_TRAP:
        return 0;
    default:
        return -1;
    }
}

kern_return_t host_info(host_t host, host_flavor_t flavor, host_info_t info,
                        mach_msg_type_number_t *count)
{
    int words = flavor_words(flavor);

    if (!host || words < 0)
        return KERN_INVALID_ARGUMENT;
    if (*count < (unsigned)words)
        return KERN_FAILURE;
    if (flavor == HOST_BASIC_INFO)
        basic_info((host_basic_info_t)info);
    else if (flavor == HOST_PROCESSOR_SLOTS)
        info[0] = 0; // the number of the one that runs
    else if (flavor == HOST_SCHED_INFO)
        sched_info((host_sched_info_t)info);
    else if (flavor == HOST_RESOURCE_SIZES)
        resource_sizes((kernel_resource_sizes_t)info);
    else if (flavor == HOST_PRIORITY_INFO)
        priority_info((host_priority_info_t)info);
    *count = (mach_msg_type_number_t)words;
    return KERN_SUCCESS;
}

// ---- the rest of mach_host.defs ----

kern_return_t host_kernel_version(host_t host, kernel_version_t version)
{
    if (!host)
        return KERN_INVALID_ARGUMENT;
    strlcpy(version, minato_version, sizeof(kernel_version_t));
    return KERN_SUCCESS;
}

kern_return_t host_get_time(host_t host, time_value_t *time)
{
    tvalspec_t now;

    if (!host)
        return KERN_INVALID_ARGUMENT;
    now = clock_calendar_time();
    time->seconds = (integer_t)now.tv_sec;
    time->microseconds = now.tv_nsec / NSEC_PER_USEC;
    return KERN_SUCCESS;
}

kern_return_t host_page_size(host_t host, vm_size_t *size)
{
    if (!host)
        return KERN_INVALID_ARGUMENT;
    *size = PAGE_SIZE;
    return KERN_SUCCESS;
}

kern_return_t host_reboot(host_priv_t host, int options)
{
    if (!host)
        return KERN_INVALID_HOST;
    if (options & HOST_REBOOT_STATUS_BIT)
        machine_power_off((unsigned)HOST_REBOOT_GET_STATUS(options));
    if (options & HOST_REBOOT_DEBUGGER)
        panic("host_reboot asked for the debugger");
    if (options & (HOST_REBOOT_HALT | HOST_REBOOT_UPSDELAY))
        machine_power_off(0);
    machine_restart();
}

// ---- minato.defs ----

static void count_name(struct entry *entry, void *context)
{
    struct minato_task_counts *counts = context;

    counts->names_total++;
    counts->urefs_total += entry->urefs;
    if (entry->type & MACH_PORT_TYPE_SEND)
        counts->names_send++;
    if (entry->type & MACH_PORT_TYPE_RECEIVE) {
        counts->names_receive++;
        counts->messages_queued += entry->port->msgcount;
    }
    if (entry->type & MACH_PORT_TYPE_SEND_ONCE)
        counts->names_send_once++;
    if (entry->type & MACH_PORT_TYPE_PORT_SET)
        counts->names_port_set++;
    if (entry->type & MACH_PORT_TYPE_DEAD_NAME)
        counts->names_dead++;
}

kern_return_t minato_task_counts(task_t task, minato_task_counts_t *counts)
{
    if (!task)
        return KERN_INVALID_ARGUMENT;
    memset(counts, 0, sizeof(*counts));
    space_for_each(task->space, count_name, counts);
    counts->threads = task->thread_count;
    counts->semaphores = task->semaphore_count;
    counts->map_entries = task->map->entry_count;
    counts->virtual_pages = task->map->size / PAGE_SIZE;
    counts->resident_pages = vm_map_resident(task->map);
    counts->kernel_objects = task->semaphore_count;
    return KERN_SUCCESS;
}

kern_return_t minato_host_counts(host_t host, minato_host_counts_t *counts)
{
    if (!host)
        return KERN_INVALID_ARGUMENT;
    counts->tasks = task_count;
    counts->threads = thread_count;
    counts->ports = port_counts.ports;
    counts->port_sets = port_counts.sets;
    counts->messages_queued = port_counts.messages;
    counts->semaphores = semaphore_count;
    counts->vm_objects = vm_object_cache.in_use;
    counts->map_entries = vm_entry_cache.in_use;
    counts->pages_total = pages_total();
    counts->pages_free = pages_free();
    counts->pages_used = pages_total() - pages_free();
    counts->kernel_heap = slab_bytes_in_use();
    return KERN_SUCCESS;
}

kern_return_t minato_host_set_seed(host_priv_t host, natural_t seed)
{
    if (!host)
        return KERN_INVALID_HOST;
    semaphore_seed(seed);
    return KERN_SUCCESS;
}

kern_return_t minato_task_set_name(task_t task, minato_task_name_t name)
{
    if (!task)
        return KERN_INVALID_ARGUMENT;
    strlcpy(task->name, name, sizeof(task->name));
    return KERN_SUCCESS;
}
