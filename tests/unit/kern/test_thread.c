// SPDX-License-Identifier: BSD-2-Clause
// Threads: suspension at the user boundary, aborted and ended waits, and nothing left behind.
#include "sim.h"

static struct waitq queue;
static enum wait_result result;
static bool stop;

static void settle(void)
{
    sleep_until(sim_now + MS);
}

static void count(long unused)
{
    (void)unused;
    while (!stop) {
        leave('.');
        spend(MS);
    }
}

static void wait_then_leave(long unused)
{
    (void)unused;
    result = waitq_wait(&queue, WAIT_FOREVER, true, "test");
    leave('k'); // still in the kernel
    boundary();
    leave('u'); // user mode
}

static size_t progress(void)
{
    size_t before = strlen(trail);

    sleep_until(sim_now + 10 * MS);
    return strlen(trail) - before;
}

static void suspension(void)
{
    struct thread *thread = sim_thread(POLICY_FIFO, 40, count, 0);

    trail[0] = '\0';
    ok(progress() > 5, "a thread runs");
    thread_hold(thread);
    thread_hold(thread);
    is(thread_wait_stopped(thread), KERN_SUCCESS, "a thread that is held stops");
    is((long)progress(), 0, "… and executes nothing more");
    thread_release(thread);
    is((long)progress(), 0, "holds are counted");
    thread_release(thread);
    ok(progress() > 5, "when the last one is gone it goes on");

    sim_task.suspend_count = 1;
    thread_post(thread);
    thread_hold(thread);
    progress();
    is((long)progress(), 0, "a suspended task's thread does not run");
    thread_release(thread);
    is((long)progress(), 0, "… even if its own count is 0");
    sim_task.suspend_count = 0;
    thread_let_go(thread);
    ok(progress() > 5, "… until the task is resumed");
    stop = true;
    settle();
    stop = false;
}

static void suspended_in_a_wait(void)
{
    struct thread *thread;

    waitq_init(&queue);
    trail[0] = '\0';
    thread = sim_thread(POLICY_FIFO, 40, wait_then_leave, 0);
    settle();
    thread_hold(thread);
    is(thread_wait_stopped(thread), KERN_SUCCESS, "a thread that waits in the kernel lies still");
    settle();
    is(thread->state, THREAD_WAITING, "suspended in a wait it stays there");
    is(waitq_count(&queue), 1, "… on its queue");
    waitq_wake_first(&queue, WAIT_AWAKENED);
    settle();
    is_text(trail, "k", "served, it finishes in the kernel and stops before user mode");
    ok(thread->at_user_boundary, "… at the boundary");
    thread_release(thread);
    settle();
    is_text(trail, "ku", "resumed, it goes on there");
}

static void aborts(void)
{
    struct thread *thread = sim_thread(POLICY_FIFO, 40, wait_then_leave, 0);

    trail[0] = '\0';
    settle();
    thread_hold(thread);
    thread_abort(thread);
    is(thread_wait_stopped(thread), KERN_SUCCESS, "aborted and suspended, a thread comes to rest");
    is(result, WAIT_INTERRUPTED, "… its wait interrupted");
    ok(thread->at_user_boundary, "… at the user boundary");
    is(thread_abort_safely(thread), KERN_SUCCESS, "aborting it there succeeds");
    ok(!thread->aborted, "… and leaves nothing pending for its next call");
    thread_release(thread);
    settle();
}

static void wait_twice(long unused)
{
    (void)unused;
    waitq_wait(&queue, WAIT_FOREVER, false, "test");
    result = waitq_wait(&queue, WAIT_FOREVER, true, "test");
    boundary();
    result = waitq_wait(&queue, WAIT_FOREVER, true, "test");
}

static void pending_abort(void)
{
    struct thread *thread = sim_thread(POLICY_FIFO, 40, wait_twice, 0);

    settle();
    thread_abort(thread);
    result = WAIT_AWAKENED;
    waitq_wake_first(&queue, WAIT_AWAKENED);
    settle();
    is(result, WAIT_INTERRUPTED, "an abort that meets an uninterruptible wait ends the next one");
    is(waitq_count(&queue), 1, "… in the same call only");
    waitq_wake_first(&queue, WAIT_AWAKENED);
    settle();
    is(result, WAIT_AWAKENED, "… the next call waits as usual");
}

static void ending(void)
{
    unsigned before = thread_count;
    struct thread *thread = sim_thread(POLICY_FIFO, 40, count, 0);
    uint32_t refs = sim_task.refs;

    settle();
    is(thread_count, before + 1, "threads are counted");
    thread_terminate(thread);
    is(thread_count, before, "a thread that holds nothing ends at once");
    is(sim_task.refs, refs - 1, "… and lets go of its task");

    thread = sim_thread(POLICY_FIFO, 40, wait_then_leave, 0);
    trail[0] = '\0';
    settle();
    thread->refs++;
    thread_terminate(thread);
    thread_terminate(thread);
    is(thread_count, before + 1, "one that waits in the kernel must first come out");
    is(thread_wait_stopped(thread), KERN_TERMINATED, "nobody can wait for it any more");
    settle();
    is_text(trail, "k", "its wait ends, and it never reaches user mode");
    is(result, WAIT_INTERRUPTED, "… interrupted");
    is(thread->state, THREAD_DEAD, "a dead thread stays in memory for who holds a reference");
    is(sim_task.refs, refs, "… with its task");
    thread_deallocate(thread);
    is(sim_task.refs, refs - 1, "… and no longer");
}

static void wait_for_stop(long thread)
{
    result = waitq_wait(NULL, sim_now + MS, true, "test");
    is(thread_wait_stopped((struct thread *)thread), KERN_TERMINATED,
       "who waits for a thread to stop hears of its end");
}

static void spin_in_kernel(long unused)
{
    (void)unused;
    waitq_wait(&queue, WAIT_FOREVER, true, "test");
    current_thread()->state = THREAD_READY;
    sched_switch(NULL); // the kernel does not preempt itself; this stands for a preemption point
}

static void waiting_for_an_end(void)
{
    struct thread *thread = sim_thread(POLICY_FIFO, 40, spin_in_kernel, 0);

    settle();
    thread_hold(thread);
    thread->refs++;
    waitq_wake_first(&queue, WAIT_AWAKENED); // ready, in the kernel
    sim_thread(POLICY_FIFO, 30, wait_for_stop, (long)thread);
    thread_terminate(thread);
    sleep_until(sim_now + 5 * MS);
    thread_deallocate(thread);
}

void simulation(void)
{
    suspension();
    suspended_in_a_wait();
    aborts();
    pending_abort();
    ending();
    waiting_for_an_end();
}
