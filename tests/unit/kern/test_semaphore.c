// SPDX-License-Identifier: BSD-2-Clause
// Semaphores: counting, the three orders, and every result that a wait can have.
#include "sim.h"
#include <mach/sync_policy.h>

kern_return_t semaphore_create(struct task *task, struct semaphore **result, int policy, int value);
kern_return_t semaphore_destroy(struct task *task, struct semaphore *semaphore);

static struct semaphore *semaphore;
static kern_return_t last;

static struct semaphore *make(int policy, int value)
{
    if (semaphore_create(&sim_task, &semaphore, policy, value) != KERN_SUCCESS)
        printf("Bail out! no semaphore\n");
    synchronizer_dereference(semaphore); // the reply's
    return semaphore;
}

static void settle(void)
{
    sleep_until(sim_now + MS);
}

static kern_return_t take_within(int ns)
{
    return semaphore_timedwait(semaphore, (tvalspec_t){0, ns});
}

static void take_and_leave(long letter)
{
    last = semaphore_wait(semaphore);
    if (last == KERN_SUCCESS)
        leave((char)letter);
}

static void counting(void)
{
    uint64_t now = sim_now;

    make(SYNC_POLICY_FIFO, 2);
    is(take_within(0), KERN_SUCCESS, "a positive count is taken without waiting");
    is(take_within(0), KERN_SUCCESS, "… as often as it was given");
    is(take_within(0), KERN_OPERATION_TIMED_OUT, "then a wait of {0, 0} times out");
    ok(sim_now == now, "… at once");
    is(take_within(5 * MS), KERN_OPERATION_TIMED_OUT, "a longer one times out");
    ok(sim_now == now + 5 * MS, "… at its deadline");
    semaphore_signal(semaphore);
    is(semaphore->count, 1, "who timed out has taken nothing: a signal is kept for the next");
    semaphore->count = INT32_MAX;
    is(semaphore_signal(semaphore), KERN_FAILURE, "the count does not wrap around");
    semaphore_signal_all(semaphore);
    is(semaphore->count, 0, "signal_all leaves a count of 0, whatever it was");
    semaphore_destroy(&sim_task, semaphore);
}

// Twelve waiters a … l of base priorities 10 11 12 13 10 …; signalled one by one.
static const char *order_of(int policy)
{
    make(policy, 0);
    trail[0] = '\0';
    for (int i = 0; i < 12; i++) {
        sim_thread(POLICY_FIFO, 10 + i % 4, take_and_leave, 'a' + i);
        settle();
    }
    for (int i = 0; i < 12; i++) {
        semaphore_signal(semaphore);
        settle();
    }
    semaphore_destroy(&sim_task, semaphore);
    return trail;
}

static void orders(void)
{
    char first[13];
    int letters = 0;

    is_text(order_of(SYNC_POLICY_FIFO), "abcdefghijkl", "FIFO: strictly first come, first served");
    is_text(order_of(SYNC_POLICY_FIXED_PRIORITY), "aeibfjcgkdhl",
            "FIXED_PRIORITY: most urgent first, FIFO among equals");
    synchronizer_seed(7);
    memcpy(first, order_of(SYNC_POLICY_RANDOM), sizeof(first));
    for (int i = 0; i < 12; i++)
        letters |= 1 << (first[i] - 'a');
    is(letters, 0xfff, "RANDOM: everybody is served once");
    ok(strcmp(first, "abcdefghijkl") != 0, "… but not in the order of arrival");
    synchronizer_seed(7);
    is_text(order_of(SYNC_POLICY_RANDOM), first, "… the same seed gives the same order");
    synchronizer_seed(8);
    ok(strcmp(order_of(SYNC_POLICY_RANDOM), first) != 0, "… another seed another one");
}

static void wait_once(long unused)
{
    (void)unused;
    last = semaphore_wait(semaphore);
}

static void ends(void)
{
    struct thread *thread;

    make(SYNC_POLICY_FIFO, 0);
    thread = sim_thread(POLICY_FIFO, 10, wait_once, 0);
    settle();
    thread_abort(thread);
    settle();
    is(last, KERN_ABORTED, "thread_abort ends a wait with KERN_ABORTED");
    semaphore_signal(semaphore);
    is(semaphore->count, 1, "… which has taken nothing");
    semaphore_signal_all(semaphore);

    for (int i = 0; i < 3; i++)
        sim_thread(POLICY_FIFO, 10, take_and_leave, 'x');
    settle();
    trail[0] = '\0';
    semaphore_signal_all(semaphore);
    settle();
    is_text(trail, "xxx", "signal_all lets all waiters go");
    is(semaphore->count, 0, "… and leaves a count of 0");

    sim_thread(POLICY_FIFO, 10, wait_once, 0);
    settle();
    is(semaphore_count, 1, "semaphores are counted");
    semaphore->base.refs++;
    semaphore_destroy(&sim_task, semaphore);
    settle();
    is(last, KERN_TERMINATED, "destruction ends a wait with KERN_TERMINATED");
    is(take_within(0), KERN_TERMINATED, "so does a wait that comes later");
    is(semaphore_signal(semaphore), KERN_TERMINATED, "… and a signal");
    is(semaphore_destroy(&sim_task, semaphore), KERN_TERMINATED, "… and a second destruction");
    synchronizer_dereference(semaphore);
    is(semaphore_count, 0, "destroyed ones are not counted");
}

static void bad_arguments(void)
{
    struct task other = sim_task;
    struct semaphore *none = NULL;

    is(semaphore_create(&sim_task, &none, 2, 0), KERN_INVALID_ARGUMENT, "an unknown policy");
    is(semaphore_create(&sim_task, &none, SYNC_POLICY_FIFO, -1), KERN_INVALID_ARGUMENT,
       "a negative value");
    make(SYNC_POLICY_FIFO, 0);
    is(semaphore_destroy(&other, semaphore), KERN_INVALID_RIGHT, "another task's semaphore");
    semaphore_destroy(&sim_task, semaphore);
}

void simulation(void)
{
    counting();
    orders();
    ends();
    bad_arguments();
}
