// SPDX-License-Identifier: BSD-2-Clause
// Monitors, with Hoare's and with Mesa's signal (monitors.h).
//
// A monitor is never free for a moment between two threads: whoever leaves it gives it to the next, which
// finds itself inside when it wakes. So a notified thread need only be moved to the end of the entry line,
// and who signals as Hoare does waits in a line that is served first. Next: binary.c.
#include "threads/waiters.h"

#include <mach/mach.h>
#include <monitors.h>
#include <stddef.h>

static void append(struct waiter_line *line, struct waiter *waiter)
{
    waiters_append(&line->first, &line->last, waiter);
}

static struct waiter *take(struct waiter_line *line)
{
    return waiters_take(&line->first, &line->last);
}

// The caller leaves: whom to wake, who is inside then. The parking lock is held.
static mach_port_t pass_on(monitor_t monitor)
{
    struct waiter *next = take(&monitor->urgent);

    if (next == NULL)
        next = take(&monitor->entry);
    monitor->busy = next != NULL;
    return next != NULL ? next->wakeup : MACH_PORT_NULL;
}

static void wake(mach_port_t wakeup)
{
    if (wakeup != MACH_PORT_NULL)
        semaphore_signal(wakeup);
}

void monitor_enter(monitor_t monitor)
{
    struct waiter self;

    waiter_begin(&self);
    parking_lock();
    if (!monitor->busy) {
        monitor->busy = TRUE;
        parking_unlock();
    } else {
        append(&monitor->entry, &self);
        parking_unlock();
        waiter_wait(&self);
    }
    waiter_done(&self);
}

void monitor_leave(monitor_t monitor)
{
    mach_port_t wakeup;

    parking_lock();
    wakeup = pass_on(monitor);
    parking_unlock();
    wake(wakeup);
}

void monitor_wait(monitor_condition_t condition)
{
    struct waiter self;
    mach_port_t wakeup;

    waiter_begin(&self);
    parking_lock();
    append(&condition->line, &self);
    wakeup = pass_on(condition->monitor);
    parking_unlock();
    wake(wakeup);
    waiter_wait(&self);
    waiter_done(&self);
}

void monitor_signal(monitor_condition_t condition)
{
    struct waiter self, *waiter;
    mach_port_t wakeup = MACH_PORT_NULL;

    waiter_begin(&self);
    parking_lock();
    waiter = take(&condition->line);
    if (waiter != NULL) {
        wakeup = waiter->wakeup;
        append(&condition->monitor->urgent, &self);
    }
    parking_unlock();
    if (wakeup != MACH_PORT_NULL) {
        wake(wakeup);
        waiter_wait(&self);
    }
    waiter_done(&self);
}

void monitor_signal_leave(monitor_condition_t condition)
{
    struct waiter *waiter;
    mach_port_t wakeup;

    parking_lock();
    waiter = take(&condition->line);
    wakeup = waiter != NULL ? waiter->wakeup : pass_on(condition->monitor);
    parking_unlock();
    wake(wakeup);
}

void monitor_notify(monitor_condition_t condition)
{
    struct waiter *waiter;

    parking_lock();
    waiter = take(&condition->line);
    if (waiter != NULL)
        append(&condition->monitor->entry, waiter);
    parking_unlock();
}

void monitor_notify_all(monitor_condition_t condition)
{
    struct waiter *waiter;

    parking_lock();
    while ((waiter = take(&condition->line)) != NULL)
        append(&condition->monitor->entry, waiter);
    parking_unlock();
}

boolean_t monitor_queue(monitor_condition_t condition)
{
    return condition->line.first != NULL; // who could join or leave the line must be inside
}
