// SPDX-License-Identifier: BSD-2-Clause
// What instructions do not show, the cost of the address spaces and the caches of the emulator: ratios
// of times within one run, so that neither the computer nor its other work matters much.
#include "bench.h"

#include <cthreads.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 9           // the median of so many …
#define TRIPS 3000         // … each of so many
#define BLOCK 65024u       // bytes of body: as much as a message of 64 KiB carries
#define BLOCKS 300

static mach_port_t cross, same, reply_port, clock_port;

static uint64_t now(void)
{
    tvalspec_t time;

    must(clock_get_time(clock_port, &time), "clock_get_time");
    return (uint64_t)time.tv_sec * 1000000000u + time.tv_nsec;
}

static void trips(mach_port_t server, mach_msg_size_t size, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        echo_call(server, reply_port, size, 0);
}

// Nanoseconds of one trip.
static uint32_t trip_time(mach_port_t server, mach_msg_size_t size, unsigned count)
{
    uint64_t start = now();

    trips(server, size, count);
    return (uint32_t)((now() - start) / count);
}

static uint32_t memory_time(void)
{
    static char from[BLOCK], to[BLOCK];
    uint64_t start = now();

    for (unsigned i = 0; i < BLOCKS; i++) {
        memcpy(to, from, sizeof to);
        __asm__ volatile("" : : "r"(to) : "memory");
    }
    return (uint32_t)((now() - start) / BLOCKS);
}

static any_t serve(any_t port)
{
    echo_serve((mach_port_t)port);
    return NULL;
}

void bench_time(void)
{
    static struct samples to_task, to_thread, large, memory;
    uint32_t trip, block;

    reply_port = mach_reply_port();
    must(host_get_clock_service(mach_host_self(), REALTIME_CLOCK, &clock_port),
         "host_get_clock_service");
    cross = echo_task();
    must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &same),
         "mach_port_allocate");
    must(mach_port_insert_right(mach_task_self(), same, same, MACH_MSG_TYPE_MAKE_SEND),
         "mach_port_insert_right");
    cthread_detach(cthread_fork(serve, (any_t)same));
    for (unsigned i = 0; i < ROUNDS; i++) {
        to_task.value[to_task.count++] = trip_time(cross, sizeof(mach_msg_header_t), TRIPS);
        to_thread.value[to_thread.count++] = trip_time(same, sizeof(mach_msg_header_t), TRIPS);
        large.value[large.count++] =
            trip_time(cross, sizeof(mach_msg_header_t) + BLOCK, BLOCKS);
        memory.value[memory.count++] = memory_time();
    }
    trip = median(&to_task);
    report_ratio("time_rpc_cross_over_same_task", trip, median(&to_thread));
    // A trip carries the block there and back, and costs what a trip costs without it.
    block = (median(&large) - trip) / 2;
    report_ratio("time_copy_64k_bandwidth_over_memory", median(&memory), block);
    report("time_switches_per_second", 2000000000u / trip);
}
