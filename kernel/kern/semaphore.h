// SPDX-License-Identifier: BSD-2-Clause
// Semaphores: a count and a queue of threads, behind a port of kind PORT_SEMAPHORE.
//
// The count is what a wait can take at once; while threads wait it is 0, and a signal goes straight to
// one of them. A waiter that times out or is aborted has therefore taken nothing and has nothing to
// give back.
#pragma once

#include "kern/synchronizer.h"

struct semaphore {
    struct synchronizer base;
    int count; // 0 while somebody waits
    struct waitq waiters;
};

extern unsigned semaphore_count; // alive, in the whole system

// Lets a waiter go: `thread`, or, when that is NULL, the next one. KERN_NOT_WAITING, KERN_TERMINATED.
kern_return_t semaphore_wake(struct semaphore *semaphore, struct thread *thread);
void semaphore_died(struct semaphore *semaphore); // for synchronizer_kill: its waiters go
