// SPDX-License-Identifier: BSD-2-Clause
// Timers: each goes off once, at its time, in order of deadlines, and not after it was cancelled.
#include "sim.h"

#define COUNT 500

static struct timer timers[COUNT];
static uint64_t deadlines[COUNT], fired_at[COUNT];
static int fired[COUNT];
static uint64_t last_deadline;
static bool in_order = true;

static void expire(struct timer *timer)
{
    int i = (int)(timer - timers);

    fired[i]++;
    fired_at[i] = sim_now;
    in_order &= deadlines[i] >= last_deadline;
    last_deadline = deadlines[i];
}

static uint32_t random_number(void)
{
    static uint32_t state = 12345;

    state = state * 1664525 + 1013904223;
    return state >> 8;
}

void simulation(void)
{
    int wrong_time = 0, wrong_count = 0;
    uint64_t start = sim_now;

    for (int i = 0; i < COUNT; i++) {
        timer_init(&timers[i], expire);
        timer_arm(&timers[i], start + random_number() % 1000 * MS);
    }
    // Every third is armed anew, every fifth cancelled.
    for (int i = 0; i < COUNT; i++) {
        deadlines[i] = timers[i].deadline;
        if (i % 3 == 0)
            deadlines[i] = start + random_number() % 1000 * MS;
        if (i % 3 == 0)
            timer_arm(&timers[i], deadlines[i]);
        if (i % 5 == 0)
            timer_cancel(&timers[i]);
    }
    sleep_until(start + 2000 * MS);
    for (int i = 0; i < COUNT; i++) {
        wrong_count += fired[i] != (i % 5 != 0);
        // The driver itself holds the processor until it sleeps: nothing is due before that.
        wrong_time += i % 5 != 0 && fired_at[i] != (deadlines[i] > start ? deadlines[i] : start);
    }
    is(wrong_count, 0, "each timer goes off once, and not at all when it was cancelled");
    is(wrong_time, 0, "each goes off at the deadline that it was armed with last");
    ok(in_order, "they go off in the order of their deadlines");
    timer_cancel(&timers[0]);
    ok(true, "cancelling a timer that is not armed is harmless");
}
