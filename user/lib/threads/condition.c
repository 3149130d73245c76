// SPDX-License-Identifier: BSD-2-Clause
// Conditions: a list of waiters, each on the semaphore of its own thread.
//
// A signal takes a waiter off the list and then signals that thread's semaphore, so it can wake
// nobody who came later. A waiter whose time is up and who is no longer on the list has been
// signalled at that very moment: it takes the signal, and reports success. Next: fork.c.
#include "threads/waiters.h"

#include <cthreads.h>
#include <mach/mach.h>
#include <stdlib.h>

static void enqueue(condition_t condition, struct waiter *waiter)
{
    waiter_begin(waiter);
    parking_lock();
    waiters_append(&condition->first, &condition->last, waiter);
    parking_unlock();
}

// Takes the waiter off the list; false if a signal has done so already.
static bool withdraw(condition_t condition, struct waiter *waiter)
{
    bool mine;

    parking_lock();
    mine = !waiter->released;
    if (mine)
        waiters_remove(&condition->first, &condition->last, waiter);
    parking_unlock();
    return mine;
}

void condition_wait(condition_t condition, mutex_t mutex)
{
    struct waiter self;

    enqueue(condition, &self);
    mutex_unlock(mutex);
    waiter_wait(&self);
    waiter_done(&self);
    mutex_lock(mutex);
}

kern_return_t condition_timedwait(condition_t condition, mutex_t mutex, tvalspec_t limit)
{
    struct waiter self;
    kern_return_t result;

    enqueue(condition, &self);
    mutex_unlock(mutex);
    // An aborted wait returns early, as if signalled: the caller looks at its predicate anyway.
    result = semaphore_timedwait(self.wakeup, limit);
    if (result != KERN_SUCCESS && !withdraw(condition, &self)) {
        waiter_wait(&self);
        result = KERN_SUCCESS;
    }
    waiter_done(&self);
    mutex_lock(mutex);
    return result == KERN_ABORTED ? KERN_SUCCESS : result;
}

void condition_signal(condition_t condition)
{
    struct waiter *waiter;
    mach_port_t wakeup = MACH_PORT_NULL;

    parking_lock();
    waiter = waiters_take(&condition->first, &condition->last);
    if (waiter != NULL)
        wakeup = waiter->wakeup; // *waiter may be gone as soon as it is signalled
    parking_unlock();
    if (wakeup != MACH_PORT_NULL)
        semaphore_signal(wakeup);
}

void condition_broadcast(condition_t condition)
{
    struct waiter *waiter;

    // Signalled under the lock: a woken thread that waits again at once must not be in this loop.
    parking_lock();
    while ((waiter = waiters_take(&condition->first, &condition->last)) != NULL)
        semaphore_signal(waiter->wakeup);
    parking_unlock();
}

void condition_init(condition_t condition)
{
    *condition = (struct condition)CONDITION_INITIALIZER;
}

void condition_clear(condition_t condition)
{
    condition_init(condition);
}

condition_t condition_alloc(void)
{
    return calloc(1, sizeof(struct condition));
}

void condition_free(condition_t condition)
{
    free(condition);
}

void condition_set_name(condition_t condition, const char *name)
{
    condition->name = name;
}

const char *condition_name(condition_t condition)
{
    return condition->name != NULL ? condition->name : "?";
}
