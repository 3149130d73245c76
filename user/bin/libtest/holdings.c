// SPDX-License-Identifier: BSD-2-Clause
// What the servers and the kernel hold, before and after.
#include "check.h"
#include "hostile.h"

#include <mach/minato.h>
#include <servers/program.h>
#include <stdio.h>

static minato_task_counts_t name_before, console_before;
static minato_host_counts_t host_before;

static minato_task_counts_t counts_of(char *path)
{
    minato_task_counts_t counts = {0};
    mach_port_t task;

    if (program_task(bootstrap_port, path, &task) == KERN_SUCCESS) {
        minato_task_counts(task, &counts);
        mach_port_deallocate(mach_task_self(), task);
    }
    return counts;
}

unsigned time_used(char *path)
{
    task_thread_times_info_data_t times = {{0, 0}, {0, 0}};
    mach_msg_type_number_t count = TASK_THREAD_TIMES_INFO_COUNT;
    mach_port_t task;

    if (program_task(bootstrap_port, path, &task) == KERN_SUCCESS) {
        task_info(task, TASK_THREAD_TIMES_INFO, (task_info_t)&times, &count);
        mach_port_deallocate(mach_task_self(), task);
    }
    time_value_add(&times.user_time, &times.system_time);
    return (unsigned)(times.user_time.seconds * TIME_MICROS_MAX + times.user_time.microseconds);
}

static minato_host_counts_t host_counts(void)
{
    minato_host_counts_t counts = {0};
    mach_port_t host = mach_host_self();

    minato_host_counts(host, &counts);
    mach_port_deallocate(mach_task_self(), host);
    return counts;
}

unsigned pages_used(void)
{
    return host_counts().pages_used;
}

void begin(void)
{
    sleep_ms(20); // what is on its way arrives
    name_before = counts_of("servers/name");
    console_before = counts_of("servers/console");
    host_before = host_counts();
}

static int same(minato_task_counts_t a, minato_task_counts_t b)
{
    return a.names_total == b.names_total && a.urefs_total == b.urefs_total &&
           a.messages_queued == b.messages_queued && a.map_entries == b.map_entries &&
           a.threads == b.threads && a.names_total != 0;
}

static void show_counts(const char *who, minato_task_counts_t a, minato_task_counts_t b)
{
    printf("#   %s: names %u -> %u, references %u -> %u, messages %u -> %u, map entries %u -> %u\n",
           who, a.names_total, b.names_total, a.urefs_total, b.urefs_total, a.messages_queued,
           b.messages_queued, a.map_entries, b.map_entries);
}

void end(const char *rule)
{
    minato_task_counts_t name, console;
    minato_host_counts_t host;
    int holds;

    sleep_ms(20);
    name = counts_of("servers/name");
    console = counts_of("servers/console");
    host = host_counts();
    holds = same(name_before, name) && same(console_before, console) &&
            host_before.ports == host.ports && host_before.tasks == host.tasks &&
            host_before.map_entries == host.map_entries;
    ok(holds, rule);
    if (holds)
        return;
    show_counts("name", name_before, name);
    show_counts("console", console_before, console);
    printf("#   all: ports %u -> %u, tasks %u -> %u, map entries %u -> %u\n", host_before.ports,
           host.ports, host_before.tasks, host.tasks, host_before.map_entries, host.map_entries);
}
