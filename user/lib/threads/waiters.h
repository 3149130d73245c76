// SPDX-License-Identifier: BSD-2-Clause
// Inside libmach: threads that wait for each other, below mutexes and conditions.
//
// Each thread waits on one semaphore of its own, so neither a mutex nor a condition needs a kernel
// object. All lists of waiters are guarded by one lock for the whole task, the parking lock, held
// for a few instructions at a time; its semaphore is made at start-up.
#ifndef LIBMACH_WAITERS_H
#define LIBMACH_WAITERS_H

#include <mach/port.h>
#include <stdbool.h>

struct waiter {
    struct waiter *next;
    mach_port_t wakeup;
    bool released; // off the list, and its semaphore is or will be signalled
};

void parking_init(void); // also in a new task with inherited memory
void parking_lock(void);
void parking_unlock(void);

// A waiter for the calling thread; `waiter_done` when the wait is over.
void waiter_begin(struct waiter *waiter);
void waiter_done(struct waiter *waiter);
// Destroys a semaphore and drops its name.
void semaphore_free(mach_port_t semaphore);
// Waits until the semaphore is signalled, whatever thread_abort() does.
void waiter_wait(struct waiter *waiter);

// Lists; the parking lock is held. list_first takes the longest waiter off: null if there is none.
void waiters_append(struct waiter **first, struct waiter **last, struct waiter *waiter);
struct waiter *waiters_take(struct waiter **first, struct waiter **last);
void waiters_remove(struct waiter **first, struct waiter **last, struct waiter *waiter);

#endif
