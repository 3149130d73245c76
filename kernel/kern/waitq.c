// SPDX-License-Identifier: BSD-2-Clause
// Wait queues (waitq.h): blocking, and the four ways out of it.
//
// A waiter's place is found when it comes, so waking is a matter of taking the first. Both ends are
// on the path of every RPC and semaphore operation; what is rare (a deadline, somebody who waits for
// this thread to stop) is tested in one word and kept out of line. Read next: sched.c.
#include "kern/waitq.h"
#include "kern/sched.h"
#include "kern/thread.h"
#include "kern/trace.h"
#include "x86/cpu.h"
#include "x86/interrupt.h"

enum wait_result waitq_wait(struct waitq *q, uint64_t deadline, bool interruptible,
                            const char *reason)
{
    struct thread *self = current_thread();

    if (self->ast && interruptible && (self->aborted || self->terminating)) {
        self->aborted = false;
        return WAIT_INTERRUPTED;
    }
    if (deadline != WAIT_FOREVER) {
        if (deadline <= clock_now())
            return WAIT_TIMED_OUT;
        timer_arm(&self->wait_timer, deadline);
    }
    if (q)
        waitq_insert(q, self);
    self->wait_interruptible = interruptible;
    self->wait_reason = reason;
    self->state = THREAD_WAITING;
    // A thread that is to stop counts as stopped while it blocks (thread_wait_stopped).
    if (self->ast) {
        if (tracing())
            trace_block();
        waitq_wake_all(&self->stop_waiters, WAIT_AWAKENED);
    }
    sched_switch(NULL);
    return self->wait_result;
}

void waitq_wake_thread(struct thread *thread, enum wait_result result)
{
    waitq_leave(thread);
    thread->wait_result = result;
    sched_ready(thread);
}

struct thread *waitq_wake_first(struct waitq *q, enum wait_result result)
{
    struct thread *thread = waitq_first(q);

    if (thread)
        waitq_wake_thread(thread, result);
    return thread;
}

void waitq_wake_all(struct waitq *q, enum wait_result result)
{
    while (waitq_wake_first(q, result))
        ;
}

struct thread *waitq_nth(const struct waitq *q, unsigned n)
{
    struct list *link = q->threads.next;

    while (n-- > 0)
        link = link->next;
    debug_assert(link != &q->threads);
    return container_of(link, struct thread, wait_link);
}

unsigned waitq_count(const struct waitq *q)
{
    unsigned count = 0;

    list_for_each(link, &q->threads)
        count++;
    return count;
}

void waitq_reorder(struct thread *thread)
{
    struct waitq *q = thread->waitq;

    if (!q || q->fifo)
        return;
    list_remove(&thread->wait_link);
    waitq_insert(q, thread);
}
