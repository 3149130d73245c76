// SPDX-License-Identifier: BSD-2-Clause
// `make bench`: what each of the kernel's operations costs, one line `bench NAME NUMBER` each. The
// names are those of the design's section 9; tests/bench/report reads the lines. The programs are
// ordinary ones: public headers, the stubs that everybody has, every result checked.
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

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

void report_ratio(const char *name, uint32_t over, uint32_t under)
{
    uint32_t hundredths = (uint32_t)((uint64_t)over * 100 / under);

    printf("bench %s %lu.%02lu\n", name, (unsigned long)hundredths / 100,
           (unsigned long)hundredths % 100);
}

void measure(const char *name, void (*operation)(void))
{
    static struct samples samples;

    samples.count = 0;
    for (int i = 0; i < WARM_UP + RUNS; i++) {
        uint64_t start = cycles();

        operation();
        if (i >= WARM_UP)
            sample(&samples, start, cycles());
    }
    report(name, median(&samples));
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
    calibrate();
    bench_traps();
    bench_rpc();
    bench_memory();
    bench_threads();
    bench_exceptions();
    return 0;
}
