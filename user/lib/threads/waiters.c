// SPDX-License-Identifier: BSD-2-Clause
// The parking lock and the lists of waiters that it guards (waiters.h). Next: mutex.c, condition.c.
#include "threads/waiters.h"
#include "threads/thread.h"

#include <mach/mach.h>

// A count of those who hold or want the lock; whoever raises it from 0 has it, whoever gives it up
// while others want it signals the semaphore once. The semaphore counts: the signal may come first.
static struct {
    volatile int wanted;
    semaphore_t turn;
} parking;

static semaphore_t semaphore_new(void)
{
    semaphore_t made;

    // No semaphore for now means no kernel memory for now: others run and may free some.
    while (semaphore_create(mach_task_self(), &made, SYNC_POLICY_FIFO, 0) != KERN_SUCCESS)
        cthread_yield();
    return made;
}

void semaphore_free(mach_port_t semaphore)
{
    semaphore_destroy(mach_task_self(), semaphore);
    mach_port_deallocate(mach_task_self(), semaphore); // a dead name by now
}

void parking_init(void)
{
    parking.turn = semaphore_new();
    parking.wanted = 0;
}

void parking_lock(void)
{
    if (__sync_fetch_and_add(&parking.wanted, 1) != 0)
        while (semaphore_wait(parking.turn) == KERN_ABORTED)
            continue;
}

void parking_unlock(void)
{
    if (__sync_fetch_and_sub(&parking.wanted, 1) != 1)
        semaphore_signal(parking.turn);
}

void waiter_begin(struct waiter *waiter)
{
    struct cthread *self = thread_block();

    waiter->next = NULL;
    waiter->released = false;
    waiter->wakeup = self != NULL ? self->wakeup : semaphore_new();
}

void waiter_done(struct waiter *waiter)
{
    if (thread_block() == NULL)
        semaphore_free(waiter->wakeup);
}

void waiter_wait(struct waiter *waiter)
{
    while (semaphore_wait(waiter->wakeup) == KERN_ABORTED)
        continue;
}

void waiters_append(struct waiter **first, struct waiter **last, struct waiter *waiter)
{
    waiter->next = NULL;
    if (*first == NULL)
        *first = waiter;
    else
        (*last)->next = waiter;
    *last = waiter;
}

struct waiter *waiters_take(struct waiter **first, struct waiter **last)
{
    struct waiter *waiter = *first;

    if (waiter == NULL)
        return NULL;
    *first = waiter->next;
    if (*first == NULL)
        *last = NULL;
    waiter->released = true;
    return waiter;
}

void waiters_remove(struct waiter **first, struct waiter **last, struct waiter *waiter)
{
    struct waiter *before = NULL;

    for (struct waiter *w = *first; w != waiter; w = w->next)
        before = w;
    if (before == NULL)
        *first = waiter->next;
    else
        before->next = waiter->next;
    if (*last == waiter)
        *last = before;
}
