// SPDX-License-Identifier: BSD-2-Clause
// Wait queues: order of leaving, and each of the ways in which a wait ends.
#include "sim.h"

static struct waitq queue;
static enum wait_result result;
static uint64_t woken_at;

static void wait_and_leave(long letter)
{
    if (waitq_wait(&queue, WAIT_FOREVER, true, "test") == WAIT_AWAKENED)
        leave((char)letter);
}

static void wait_with_deadline(long deadline_ms)
{
    result = waitq_wait(&queue, (uint64_t)deadline_ms * MS, true, "test");
    woken_at = sim_now;
}

static void wait_uninterruptibly(long unused)
{
    (void)unused;
    result = waitq_wait(&queue, WAIT_FOREVER, false, "test");
}

static void settle(void)
{
    sleep_until(sim_now + MS);
}

// Waiters of base priorities 30 10 20 10 20, letters a … e.
static void five_waiters(void)
{
    static const int priorities[] = {30, 10, 20, 10, 20};

    trail[0] = '\0';
    for (int i = 0; i < 5; i++) {
        sim_thread(POLICY_FIFO, priorities[i], wait_and_leave, 'a' + i);
        settle();
    }
}

static void orders(void)
{
    waitq_init(&queue);
    five_waiters();
    is(waitq_count(&queue), 5, "waiters are counted");
    while (waitq_wake_first(&queue, WAIT_AWAKENED))
        settle();
    is_text(trail, "bdcea", "waiters leave by base priority, first come first served within one");

    waitq_init_fifo(&queue);
    five_waiters();
    while (waitq_wake_first(&queue, WAIT_AWAKENED))
        settle();
    is_text(trail, "abcde", "on a FIFO queue waiters leave as they came, whatever their priority");
}

static void reordering(void)
{
    struct thread *thread;

    waitq_init(&queue);
    five_waiters();
    thread = waitq_nth(&queue, 4);
    thread->base_priority = 10;
    waitq_reorder(thread);
    while (waitq_wake_first(&queue, WAIT_AWAKENED))
        settle();
    is_text(trail, "bdace", "a waiter whose base changes takes its place behind its new equals");
}

static void ways_out(void)
{
    struct thread *thread;
    uint64_t deadline = (sim_now / MS + 7) * MS;

    waitq_init(&queue);
    sim_thread(POLICY_FIFO, 10, wait_with_deadline, (long)(deadline / MS));
    sleep_until(deadline + MS);
    is(result, WAIT_TIMED_OUT, "a wait ends at its deadline");
    ok(woken_at == deadline, "… and not before or after");
    ok(waitq_empty(&queue), "… and the thread has left the queue");

    thread = sim_thread(POLICY_FIFO, 10, wait_with_deadline, (long)(sim_now / MS) + 100);
    settle();
    waitq_wake_first(&queue, WAIT_DESTROYED);
    ok(!tree_contains(&thread->wait_timer.node), "waking takes the deadline back");
    settle();
    is(result, WAIT_DESTROYED, "the waker's result arrives");

    sim_thread(POLICY_FIFO, 10, wait_with_deadline, 0);
    settle();
    is(result, WAIT_TIMED_OUT, "a deadline that is past times out at once");
}

static void interruptions(void)
{
    struct thread *thread = sim_thread(POLICY_FIFO, 10, wait_with_deadline, 1000000);

    settle();
    is(thread_abort_safely(thread), KERN_SUCCESS, "an interruptible wait can be aborted safely");
    settle();
    is(result, WAIT_INTERRUPTED, "… and says that it was interrupted");

    thread = sim_thread(POLICY_FIFO, 10, wait_uninterruptibly, 0);
    settle();
    is(thread_abort_safely(thread), KERN_FAILURE, "an uninterruptible wait cannot, safely");
    thread_abort(thread);
    is(thread->state, THREAD_WAITING, "… and does not end even so");
    waitq_wake_first(&queue, WAIT_AWAKENED);
    settle();
    is(result, WAIT_AWAKENED, "… but by being served");
}

void simulation(void)
{
    orders();
    reordering();
    ways_out();
    interruptions();
}
