// SPDX-License-Identifier: BSD-2-Clause
// Barriers (monitors.h).
#include "threads/waiters.h"

#include <mach/mach.h>
#include <monitors.h>
#include <stddef.h>

void barrier_init(barrier_t barrier, int parties)
{
    *barrier = (struct barrier)BARRIER_INITIALIZER(parties);
}

boolean_t barrier_wait(barrier_t barrier)
{
    struct waiter self, *other;
    boolean_t last;

    waiter_begin(&self);
    parking_lock();
    last = ++barrier->arrived >= barrier->parties;
    if (last) {
        barrier->arrived = 0;
        // Signalled under the lock: a woken thread that comes again at once must not be in this loop.
        while ((other = waiters_take(&barrier->line.first, &barrier->line.last)) != NULL)
            semaphore_signal(other->wakeup);
        parking_unlock();
    } else {
        waiters_append(&barrier->line.first, &barrier->line.last, &self);
        parking_unlock();
        waiter_wait(&self);
    }
    waiter_done(&self);
    return last;
}
