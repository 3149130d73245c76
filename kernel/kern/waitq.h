// SPDX-License-Identifier: BSD-2-Clause
// Wait queues: the one way to block. Every thread that waits, for a message, a semaphore, a page, a
// timer, is on exactly one wait queue (or on none, with just a deadline), can be woken with a result
// by whoever serves the queue, by its deadline, or by thread_abort and thread_terminate.
//
// Waiters leave in the order of their base priority, first come first served within one; or, on a
// queue made with waitq_init_fifo, first come first served whatever their priority.
#pragma once

#include "lib/base.h"

struct waitq {
    struct list threads; // thread->wait_link, the next one to leave first
    bool fifo;           // by arrival alone
    uint8_t at;          // what it is part of, for people: WAITQ_*
};
enum { WAITQ_ELSEWHERE, WAITQ_RECEIVERS, WAITQ_SENDERS, WAITQ_SET, WAITQ_SEMAPHORE, WAITQ_LOCK };

// Each is also what most calls answer that had to wait.
enum wait_result {
    WAIT_AWAKENED = KERN_SUCCESS,              // served
    WAIT_TIMED_OUT = KERN_OPERATION_TIMED_OUT, // the deadline passed first
    WAIT_INTERRUPTED = KERN_ABORTED,           // thread_abort, or the thread is being terminated
    WAIT_DESTROYED = KERN_TERMINATED,          // what it waited for is gone
};

#define WAIT_FOREVER UINT64_MAX

static inline void waitq_init(struct waitq *q)
{
    list_init(&q->threads);
    q->fifo = false;
    q->at = WAITQ_ELSEWHERE;
}
static inline void waitq_init_fifo(struct waitq *q)
{
    waitq_init(q);
    q->fifo = true;
}
static inline bool waitq_empty(const struct waitq *q)
{
    return list_empty(&q->threads);
}

// Blocks the current thread on `q` (NULL: on nothing) until it is woken, or until `deadline` (ns since
// boot; one that is past times out without blocking). `reason` is a word for thread_info ("receive",
// "semaphore", …). `interruptible`: a pending or later thread_abort ends the wait; otherwise only
// termination waits for it to end.
enum wait_result waitq_wait(struct waitq *q, uint64_t deadline, bool interruptible,
                            const char *reason);
// Makes one waiter ready. The first; NULL when there is none.
struct thread *waitq_wake_first(struct waitq *q, enum wait_result result);
// `thread` must be WAITING.
void waitq_wake_thread(struct thread *thread, enum wait_result result);
void waitq_wake_all(struct waitq *q, enum wait_result result);
struct thread *waitq_nth(const struct waitq *q, unsigned n); // counts from 0; n < waitq_count
unsigned waitq_count(const struct waitq *q);
// The port or set that it is part of, or the port of what it is part of, by its number; 0: there is
// none. NULL is fine. (kern/minato.c)
uint32_t waitq_port_id(struct waitq *q);
// The base priority of `thread` has changed: if it waits, it takes its new place, behind its equals.
void waitq_reorder(struct thread *thread);
