// SPDX-License-Identifier: BSD-2-Clause
// Measuring one operation at a time, in guest instructions (the machine runs with one virtual
// nanosecond, and one tick of the cycle counter, per instruction).
#ifndef BENCH_H
#define BENCH_H

#include <mach/mach.h>
#include <stdint.h>

#define RUNS 1001   // the median of so many …
#define WARM_UP 100 // … after so many that do not count

static inline uint64_t cycles(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

// Ends the benchmark with a sentence: the call failed.
__attribute__((noreturn, cold)) void failed(kern_return_t kr, const char *call);
// For a call that must succeed.
static inline void must(kern_return_t kr, const char *call)
{
    if (kr != KERN_SUCCESS)
        failed(kr, call);
}

// Collects samples of one name.
struct samples {
    unsigned count;
    uint32_t value[RUNS];
};
// Adds a sample: what lies between two readings of cycles(), less what reading costs.
void sample(struct samples *samples, uint64_t start, uint64_t end);
uint32_t median(struct samples *samples);
// Measures `operation` RUNS times and prints the median under `name`.
void measure(const char *name, void (*operation)(void));
// The same, where there are `count` of `subject`: "name_at_count_subject".
void measure_at(const char *name, unsigned count, const char *subject, void (*operation)(void));
void report(const char *name, uint32_t value);
void report_at(const char *name, unsigned count, const char *subject, uint32_t value);
void report_ratio(const char *name, uint32_t over, uint32_t under);

// ---- the other side (echo.c) ----
#define ECHO_ROOM (MACH_MSG_SIZE_MAX + 0x100) // of its buffer
// Message ids of the requests that the echo server knows.
enum {
    ECHO_BACK = 1000,  // replies with as many bytes
    ECHO_RIGHT,        // takes a send right, deallocates it, replies
    ECHO_MEMORY,       // takes out-of-line memory; replies with struct memory_times
    ECHO_SEMAPHORES,   // takes two semaphores, replies, then answers each wait with a signal
    ECHO_STOP,         // replies and ends
};

struct memory_times {
    uint64_t received;              // cycles() when it had come
    uint32_t per_page;              // writing one word to each page, per page
    uint32_t first, page_2000;      // of it: page 0, page 2000 (if there are so many)
};

// Serves `port` until ECHO_STOP.
void echo_serve(mach_port_t port);
// A task with a copy of this one's memory that runs echo_serve; returns the port to send to.
mach_port_t echo_task(void);

// A call to the echo server `port` with `size` bytes, header included, answered on `reply` (rpc.c).
void echo_call(mach_port_t port, mach_port_t reply, mach_msg_size_t size, mach_msg_option_t options);
#define ECHO_TIMEOUT 1000000 // ms, when the options have a timeout

void bench_traps(void);   // traps.c
void bench_rpc(void);     // rpc.c
void bench_memory(void);  // memory.c
void bench_threads(void); // threads.c
void bench_exceptions(void); // exceptions.c
void growth_of_ports(void);  // growth_ports.c
void growth_of_memory(void); // growth_memory.c
void growth_of_tasks(void);  // growth_tasks.c
void bench_time(void);       // time.c

#endif
