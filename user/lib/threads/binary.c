// SPDX-License-Identifier: BSD-2-Clause
// Binary semaphores (monitors.h). Next: rwlock.c.
#include "threads/waiters.h"

#include <mach/mach.h>
#include <monitors.h>
#include <stddef.h>

boolean_t binary_semaphore_try(binary_semaphore_t semaphore)
{
    boolean_t taken;

    parking_lock();
    taken = semaphore->there;
    semaphore->there = FALSE;
    parking_unlock();
    return taken;
}

void binary_semaphore_wait(binary_semaphore_t semaphore)
{
    struct waiter self;

    waiter_begin(&self);
    parking_lock();
    if (semaphore->there) {
        semaphore->there = FALSE;
        parking_unlock();
    } else {
        waiters_append(&semaphore->line.first, &semaphore->line.last, &self);
        parking_unlock();
        waiter_wait(&self);
    }
    waiter_done(&self);
}

void binary_semaphore_signal(binary_semaphore_t semaphore)
{
    struct waiter *next;
    mach_port_t wakeup = MACH_PORT_NULL;

    parking_lock();
    next = waiters_take(&semaphore->line.first, &semaphore->line.last);
    if (next == NULL)
        semaphore->there = TRUE;
    else
        wakeup = next->wakeup; // *next may be gone as soon as it is signalled
    parking_unlock();
    if (wakeup != MACH_PORT_NULL)
        semaphore_signal(wakeup);
}
