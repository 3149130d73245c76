// SPDX-License-Identifier: BSD-2-Clause
// The scheduler on a clock of its own: who runs when, and how much of the processor each one gets.
#include "sim.h"
#include "kern/hand_over.h"

static uint64_t worked[8]; // ns of user mode of each worker
static bool stop;

// Computes until told to stop, a tenth of a millisecond at a time.
static void hog(long i)
{
    while (!stop) {
        spend(MS / 10);
        worked[i] += MS / 10;
    }
}

// Computes for a millisecond, then sleeps for nine.
static void light(long i)
{
    while (!stop) {
        spend(MS);
        worked[i] += MS;
        sleep_until(sim_now + 9 * MS);
    }
}

static void run_for(uint64_t ns)
{
    memset(worked, 0, sizeof(worked));
    sleep_until(sim_now + ns);
}

static void finish(void)
{
    stop = true;
    sleep_until(sim_now + 200 * MS);
    stop = false;
}

static bool near(uint64_t got, uint64_t want, uint64_t percent)
{
    bool good = got * 100 >= want * (100 - percent) && got * 100 <= want * (100 + percent);

    if (!good)
        printf("# got %llu us, want %llu us\n", got / 1000, want / 1000);
    return good;
}

static void equal_shares(void)
{
    for (int i = 0; i < 4; i++)
        sim_thread(POLICY_TIMESHARE, PRIORITY_USER, hog, i);
    run_for(2000 * MS);
    for (int i = 0; i < 4; i++)
        ok(near(worked[i], 500 * MS, 5), "four timeshare threads of one base share the processor");
    finish();
}

static void decay_and_sink(void)
{
    struct thread *thread = sim_thread(POLICY_TIMESHARE, PRIORITY_USER, hog, 0);
    uint32_t usage;

    run_for(1000 * MS);
    sched_thread_share(thread);
    sched_update_priority(thread);
    ok(thread->priority >= PRIORITY_USER + 29 && thread->priority <= PRIORITY_USER + 32,
       "who never pauses sinks by some 32 levels");
    thread_hold(thread);
    sleep_until(sim_now + MS);
    sched_thread_share(thread);
    usage = thread->usage;
    sleep_until(sim_now + 88 * MS);
    sched_thread_share(thread);
    ok(near(thread->usage, usage / 2, 5), "usage halves in 88 ms of rest");
    sleep_until(sim_now + 3000 * MS);
    is(sched_thread_share(thread), 0, "… and is forgotten after three seconds");
    thread_release(thread);
    finish();
}

static void interactive_first(void)
{
    for (int i = 0; i < 3; i++)
        sim_thread(POLICY_TIMESHARE, PRIORITY_USER, hog, i);
    sim_thread(POLICY_TIMESHARE, PRIORITY_USER, light, 3);
    run_for(200 * MS); // the hogs sink
    run_for(2000 * MS);
    ok(near(worked[3], 200 * MS, 5), "who uses a tenth gets that tenth at once beside three hogs");
    finish();
}

static void no_starvation(void)
{
    sim_thread(POLICY_TIMESHARE, 40, hog, 0);
    sim_thread(POLICY_TIMESHARE, 60, hog, 1);
    run_for(4000 * MS);
    ok(worked[0] > worked[1], "of two hogs the one with the more urgent base gets more");
    ok(worked[1] > 200 * MS, "… but the other one is not starved");
    finish();
}

static void fixed_priority(void)
{
    sim_thread(POLICY_RR, 40, hog, 0);
    sim_thread(POLICY_RR, 40, hog, 1);
    sim_thread(POLICY_RR, 41, hog, 2);
    run_for(1000 * MS);
    ok(near(worked[0], 500 * MS, 3) && near(worked[1], 500 * MS, 3),
       "two round-robin threads of one level share it");
    is((long)worked[2], 0, "a less urgent one gets nothing, however long it waits");
    finish();
    sim_thread(POLICY_FIFO, 40, hog, 0);
    sim_thread(POLICY_FIFO, 40, hog, 1);
    run_for(1000 * MS);
    ok(worked[0] == 0 || worked[1] == 0, "a FIFO thread runs until it blocks");
    finish();
}

static void letters(long letter)
{
    for (int i = 0; i < 4; i++) {
        leave((char)letter);
        spend(QUANTUM_MS * MS);
    }
}

static void quantum(void)
{
    trail[0] = '\0';
    sim_thread(POLICY_RR, 40, letters, 'a');
    sim_thread(POLICY_RR, 40, letters, 'b');
    sleep_until(sim_now + 100 * MS);
    is_text(trail, "abababab", "round robin changes after each quantum of 10 ms");
}

static void interrupted_turn(long letter)
{
    leave((char)letter);
    spend(6 * MS);
    leave((char)(letter + 1));
}

static void preemption(void)
{
    trail[0] = '\0';
    sim_thread(POLICY_FIFO, 40, interrupted_turn, 'a');
    sim_thread(POLICY_FIFO, 40, interrupted_turn, 'p');
    sleep_until(sim_now + 3 * MS);
    sim_thread(POLICY_FIFO, 30, interrupted_turn, 'x');
    sleep_until(sim_now + 100 * MS);
    is_text(trail, "axybpq", "a more urgent thread takes over, and who was preempted goes on first");
}

static void depression(long letter)
{
    thread_depress(0);
    current_thread()->state = THREAD_READY;
    sched_switch(NULL);
    thread_undepress(current_thread());
    leave((char)letter);
}

static void giving_way(void)
{
    trail[0] = '\0';
    sim_thread(POLICY_FIFO, 40, depression, 'd');
    sim_thread(POLICY_FIFO, 100, interrupted_turn, 'a');
    sleep_until(sim_now + 100 * MS);
    is_text(trail, "abd", "a depressed thread lets even the least urgent go first");
}

static struct waitq exchange[2];
static struct thread *pair[2];

// Passes the processor to its partner after each tenth of a millisecond.
static void passer(long i)
{
    pair[i] = current_thread();
    if (i == 0)
        waitq_wait(&exchange[0], WAIT_FOREVER, true, "test");
    while (!stop) {
        spend(MS / 10);
        worked[i] += MS / 10;
        sched_hand_over(&exchange[i], pair[1 - i]);
        boundary();
    }
    waitq_wake_all(&exchange[1 - i], WAIT_AWAKENED);
}

static void handing_over(void)
{
    waitq_init(&exchange[0]);
    waitq_init(&exchange[1]);
    sim_thread(POLICY_RR, 40, passer, 0);
    sim_thread(POLICY_RR, 40, passer, 1);
    sim_thread(POLICY_RR, 40, hog, 2);
    run_for(1000 * MS);
    ok(near(worked[0] + worked[1], 500 * MS, 5),
       "two that pass the processor to and fro have one turn together");
    ok(near(worked[2], 500 * MS, 5), "… and a third of their level has the next");
    finish();
}

static void times(void)
{
    struct thread *thread = sim_thread(POLICY_TIMESHARE, PRIORITY_USER, light, 0);
    uint64_t before = sched_thread_cycles(thread);

    run_for(1000 * MS);
    ok(near(sched_cycles_to_ns(sched_thread_cycles(thread) - before), worked[0], 2),
       "processor time is what the thread used, in nanoseconds");
    ok(sched_thread_share(thread) >= 60 && sched_thread_share(thread) <= 140,
       "a thread that uses a tenth has a share of about 100 of 1000");
    finish();
}

static void long_after(void)
{
    uint64_t cycles = cpu_cycles();

    sleep_until(sim_now + 1000 * MS);
    cycles = cpu_cycles() - cycles;
    for (int days = 0; days < 600; days++)
        sleep_until(sim_now + 24 * 3600 * 1000 * MS);
    ok(near(sched_cycles_to_ns(cycles), 1000 * MS, 1), "a second's cycles are one after 600 days");
}

void simulation(void)
{
    equal_shares();
    decay_and_sink();
    interactive_first();
    no_starvation();
    fixed_priority();
    quantum();
    preemption();
    giving_way();
    handing_over();
    times();
    long_after();
}
