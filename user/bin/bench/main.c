// SPDX-License-Identifier: BSD-2-Clause
// `make bench`: what each of the kernel's operations costs, one line `bench NAME NUMBER` each. The
// names are those of the design's section 9; NAME_at_COUNT_SUBJECT says what the operation costs where
// there are so many names, tasks, …. tests/bench/report reads the lines. With minato.part=time: the few
// things that are measured in time. The programs are ordinary ones: public headers, the stubs that
// everybody has, every result checked.
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t overhead; // of reading the counter twice

void failed(kern_return_t kr, const char *call)
{
    printf("bench: %s failed: %s\n", call, mach_error_string(kr));
    exit(1);
}

void sample(struct samples *samples, uint64_t start, uint64_t end)
{
    if (samples->count < RUNS)
        samples->value[samples->count++] = (uint32_t)(end - start) - overhead;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

uint32_t median(struct samples *samples)
{
    qsort(samples->value, samples->count, sizeof samples->value[0], compare);
    return samples->value[samples->count / 2];
}

void report(const char *name, uint32_t value)
{
    printf("bench %s %lu\n", name, (unsigned long)value);
}

void report_at(const char *name, unsigned count, const char *subject, uint32_t value)
{
    printf("bench %s_at_%u_%s %lu\n", name, count, subject, (unsigned long)value);
}

void report_ratio(const char *name, uint32_t over, uint32_t under)
{
    uint32_t hundredths = (uint32_t)((uint64_t)over * 100 / under);

    printf("bench %s %lu.%02lu\n", name, (unsigned long)hundredths / 100,
           (unsigned long)hundredths % 100);
}

static uint32_t measured(void (*operation)(void))
{
    static struct samples samples;

    samples.count = 0;
    for (int i = 0; i < WARM_UP + RUNS; i++) {
        uint64_t start = cycles();

        operation();
        if (i >= WARM_UP)
            sample(&samples, start, cycles());
    }
    return median(&samples);
}

void measure(const char *name, void (*operation)(void))
{
    report(name, measured(operation));
}

void measure_at(const char *name, unsigned count, const char *subject, void (*operation)(void))
{
    report_at(name, count, subject, measured(operation));
}

static void nothing(void)
{
    __asm__ volatile("");
}

// What measure() itself costs: an empty operation.
static void calibrate(void)
{
    static struct samples samples;
    void (*volatile operation)(void) = nothing;

    for (int i = 0; i < RUNS; i++) {
        uint64_t start = cycles();

        operation();
        sample(&samples, start, cycles());
    }
    overhead = median(&samples);
}

int main(void)
{
    const char *part = getenv("minato.part");

    calibrate();
    if (part && strcmp(part, "time") == 0) {
        bench_time();
        return 0;
    }
    bench_traps();
    bench_rpc();
    bench_memory();
    bench_threads();
    bench_exceptions();
    growth_of_ports();
    growth_of_memory();
    growth_of_tasks();
    return 0;
}
