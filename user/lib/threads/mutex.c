// SPDX-License-Identifier: BSD-2-Clause
// Mutexes: one atomic instruction when nobody else wants it, otherwise a place in the list of
// waiters. Whoever unlocks a mutex with waiters hands it to the first of them, so nobody can overtake.
//
// `state` becomes 2 only under the parking lock, by a thread that then either has the mutex or is in
// the list before the lock is released; so an unlocker that finds 2 and takes the parking lock sees
// every waiter. Next: condition.c.
#include "threads/waiters.h"

#include <cthreads.h>
#include <mach/mach.h>
#include <stdlib.h>

static void lock_contended(mutex_t mutex)
{
    struct waiter self;

    waiter_begin(&self);
    parking_lock();
    if (__sync_lock_test_and_set(&mutex->state, 2) == 0) {
        parking_unlock();
    } else {
        waiters_append(&mutex->first, &mutex->last, &self);
        parking_unlock();
        waiter_wait(&self);
    }
    waiter_done(&self);
}

void mutex_lock(mutex_t mutex)
{
    if (!__sync_bool_compare_and_swap(&mutex->state, 0, 1))
        lock_contended(mutex);
}

int mutex_try_lock(mutex_t mutex)
{
    return __sync_bool_compare_and_swap(&mutex->state, 0, 1);
}

static void unlock_contended(mutex_t mutex)
{
    struct waiter *next;
    mach_port_t wakeup = MACH_PORT_NULL;

    parking_lock();
    next = waiters_take(&mutex->first, &mutex->last);
    if (next == NULL)
        mutex->state = 0;
    else
        wakeup = next->wakeup; // *next may be gone as soon as it is signalled
    parking_unlock();
    if (wakeup != MACH_PORT_NULL)
        semaphore_signal(wakeup);
}

void mutex_unlock(mutex_t mutex)
{
    if (!__sync_bool_compare_and_swap(&mutex->state, 1, 0))
        unlock_contended(mutex);
}

void mutex_init(mutex_t mutex)
{
    *mutex = (struct mutex)MUTEX_INITIALIZER;
}

void mutex_clear(mutex_t mutex)
{
    mutex_init(mutex);
}

mutex_t mutex_alloc(void)
{
    return calloc(1, sizeof(struct mutex));
}

void mutex_free(mutex_t mutex)
{
    free(mutex);
}

void mutex_set_name(mutex_t mutex, const char *name)
{
    mutex->name = name;
}

const char *mutex_name(mutex_t mutex)
{
    return mutex->name != NULL ? mutex->name : "?";
}
