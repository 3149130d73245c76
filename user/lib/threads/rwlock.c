// SPDX-License-Identifier: BSD-2-Clause
// Readers-writer locks (monitors.h): one line for both kinds. Whoever gives the lock up lets the first in
// line have it, and, if that is a reader, all readers that stand right behind it. Next: barrier.c.
#include "threads/waiters.h"

#include <mach/mach.h>
#include <monitors.h>
#include <stddef.h>

struct place {
    struct waiter waiter; // first: what stands in line is this
    boolean_t writes;
};

static boolean_t is_free_for(const struct rwlock *lock, boolean_t writes)
{
    return lock->line.first == NULL && !lock->writer && (!writes || lock->readers == 0);
}

static void hold(rwlock_t lock, boolean_t writes)
{
    if (writes)
        lock->writer = TRUE;
    else
        lock->readers++;
}

static boolean_t try(rwlock_t lock, boolean_t writes)
{
    boolean_t free;

    parking_lock();
    free = is_free_for(lock, writes);
    if (free)
        hold(lock, writes);
    parking_unlock();
    return free;
}

static void acquire(rwlock_t lock, boolean_t writes)
{
    struct place self = {.writes = writes};

    waiter_begin(&self.waiter);
    parking_lock();
    if (is_free_for(lock, writes)) {
        hold(lock, writes);
        parking_unlock();
    } else {
        waiters_append(&lock->line.first, &lock->line.last, &self.waiter);
        parking_unlock();
        waiter_wait(&self.waiter);
    }
    waiter_done(&self.waiter);
}

void rwlock_read(rwlock_t lock)
{
    acquire(lock, FALSE);
}

void rwlock_write(rwlock_t lock)
{
    acquire(lock, TRUE);
}

boolean_t rwlock_try_read(rwlock_t lock)
{
    return try(lock, FALSE);
}

boolean_t rwlock_try_write(rwlock_t lock)
{
    return try(lock, TRUE);
}

void rwlock_done(rwlock_t lock)
{
    struct place *next;

    parking_lock();
    if (lock->writer)
        lock->writer = FALSE;
    else
        lock->readers--;
    while ((next = (struct place *)lock->line.first) != NULL && !lock->writer &&
           (!next->writes || lock->readers == 0)) {
        hold(lock, next->writes);
        waiters_take(&lock->line.first, &lock->line.last);
        semaphore_signal(next->waiter.wakeup); // *next may be gone now
    }
    parking_unlock();
}
