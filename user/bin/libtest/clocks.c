// SPDX-License-Identifier: BSD-2-Clause
// Clocks, as a C program sees them: the time in a mapped page, alarms through MIG's server.
#include "check.h"

#include <mach/clock_reply_server.h>

static mach_port_t host, clock_port, memory;

static unsigned long long ns_of(tvalspec_t time)
{
    return time.tv_sec * 1000000000ull + (unsigned)time.tv_nsec;
}

static unsigned long long clock_ns(void)
{
    tvalspec_t now;

    clock_get_time(clock_port, &now);
    return ns_of(now);
}

// ---- mapped time ------------------------------------------------------------------------------

static kern_return_t map(vm_address_t *address, vm_size_t size, vm_prot_t cur, vm_prot_t max)
{
    *address = 0;
    return vm_map(mach_task_self(), address, size, 0, TRUE, memory, 0, FALSE, cur, max,
                  VM_INHERIT_SHARE);
}

static unsigned long long read_mapped(vm_address_t page)
{
    const volatile mapped_tvalspec_t *mapped = (const volatile mapped_tvalspec_t *)page;
    tvalspec_t time;

    MTS_TO_TS(mapped, &time);
    return ns_of(time);
}

// The largest distance of the mapped time behind the clock, over some milliseconds; a negative one if
// it ever was ahead, or went back.
static long long lag(vm_address_t page)
{
    unsigned long long last = 0, most = 0;

    for (int i = 0; i < 3000; i++) {
        unsigned long long mapped = read_mapped(page), now = clock_ns();

        if (mapped > now || mapped < last)
            return -1;
        last = mapped;
        if (now - mapped > most)
            most = now - mapped;
    }
    return (long long)most;
}

static void test_reading(void)
{
    vm_address_t page;
    int resolution = 0;
    mach_msg_type_number_t count = 1;

    clock_get_attributes(clock_port, CLOCK_MAP_TIME_RES, &resolution, &count);
    is(resolution, NSEC_PER_MSEC, "the clock says how often mapped time is set");
    is(clock_map_time(clock_port, &memory), KERN_SUCCESS, "clock_map_time gives a memory object");
    is(map(&page, vm_page_size, VM_PROT_READ, VM_PROT_READ), KERN_SUCCESS, "which can be mapped");
    long long most = lag(page);
    ok(most >= 0 && most < 2 * NSEC_PER_MSEC, "what is read there is the time, a moment old");
    mach_port_deallocate(mach_task_self(), memory);
    sleep_ms(50);
    most = lag(page);
    ok(most >= 0 && most < 2 * NSEC_PER_MSEC, "it goes on when only the mapping is left");
    vm_deallocate(mach_task_self(), page, vm_page_size);
    sleep_ms(50);
    clock_map_time(clock_port, &memory);
    map(&page, vm_page_size, VM_PROT_READ, VM_PROT_READ);
    most = lag(page);
    ok(most >= 0 && most < 2 * NSEC_PER_MSEC, "and again when nobody had it for a while");
    vm_deallocate(mach_task_self(), page, vm_page_size);
}

static void test_refused(void)
{
    vm_address_t page;
    mach_port_t calendar, none = MACH_PORT_NULL;
    vm_offset_t data;
    mach_msg_type_number_t size;

    is(map(&page, vm_page_size, VM_PROT_READ | VM_PROT_WRITE, VM_PROT_ALL), KERN_PROTECTION_FAILURE,
       "mapped time cannot be mapped to write");
    is(map(&page, vm_page_size, VM_PROT_READ, VM_PROT_ALL), KERN_PROTECTION_FAILURE,
       "  nor with a maximum that allows it");
    is(map(&page, vm_page_size, VM_PROT_READ | VM_PROT_WRITE, VM_PROT_READ), KERN_PROTECTION_FAILURE,
       "  nor with a protection above the maximum");
    is(map(&page, 2 * vm_page_size, VM_PROT_READ, VM_PROT_READ), KERN_INVALID_ARGUMENT,
       "  nor more of it than a page");
    is(map(&page, vm_page_size, VM_PROT_READ, VM_PROT_READ), KERN_SUCCESS, "mapped to read");
    is(vm_protect(mach_task_self(), page, vm_page_size, FALSE, VM_PROT_READ | VM_PROT_WRITE),
       KERN_PROTECTION_FAILURE, "  it cannot be made writable");
    is(vm_write(mach_task_self(), page, (vm_offset_t)&page, sizeof(page)), KERN_PROTECTION_FAILURE,
       "  nor written by the kernel");
    is(vm_read(mach_task_self(), page, vm_page_size, &data, &size), KERN_PROTECTION_FAILURE,
       "  and copies of it there are none");
    vm_deallocate(mach_task_self(), page, vm_page_size);
    host_get_clock_service(host, BATTERY_CLOCK, &calendar);
    is(clock_map_time(calendar, &none), KERN_FAILURE, "the calendar has no such page");
    mach_port_deallocate(mach_task_self(), calendar);
    mach_port_deallocate(mach_task_self(), memory);
}

// ---- alarms -----------------------------------------------------------------------------------

static struct {
    mach_port_t port;
    kern_return_t code;
    alarm_type_t type;
    unsigned long long at;
} rung;

// What MIG's server calls.
kern_return_t clock_alarm_reply(mach_port_t alarm_port, kern_return_t alarm_code,
                                alarm_type_t alarm_type, tvalspec_t wake_time)
{
    rung.port = alarm_port;
    rung.code = alarm_code;
    rung.type = alarm_type;
    rung.at = ns_of(wake_time);
    return KERN_SUCCESS;
}

static void test_alarm(void)
{
    mach_port_t port = new_port();
    unsigned long long before = clock_ns();

    is(clock_alarm(clock_port, TIME_RELATIVE | 0x4200, (tvalspec_t){0, 30 * NSEC_PER_MSEC}, port),
       KERN_SUCCESS, "an alarm is set");
    is(mach_msg_server_once(clock_reply_server, 256, port, MACH_MSG_OPTION_NONE), MACH_MSG_SUCCESS,
       "and served by clock_reply_server");
    is(rung.code, KERN_SUCCESS, "  with its code");
    is(rung.type, TIME_RELATIVE | 0x4200, "  its type");
    ok(rung.port == port, "  its port");
    ok(rung.at - before >= 30 * NSEC_PER_MSEC && rung.at - before < 32 * NSEC_PER_MSEC,
       "  and the time at which it went off");
    free_port(port);
}

void test_clocks(void)
{
    unsigned names = count_names();

    host = mach_host_self();
    host_get_clock_service(host, REALTIME_CLOCK, &clock_port);
    test_reading();
    test_refused();
    test_alarm();
    mach_port_deallocate(mach_task_self(), clock_port);
    mach_port_deallocate(mach_task_self(), host);
    is((int)count_names(), (int)names, "clocks leave no names");
}
