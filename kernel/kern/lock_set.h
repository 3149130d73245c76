// SPDX-License-Identifier: BSD-2-Clause
// Lock sets: locks that threads own, behind one port of kind PORT_LOCK_SET.
//
// A lock is free, or owned by a thread, which gives it to the waiter that is next, or by a hand-off to
// one that waits for just that. A thread that ends gives up its locks, and each of them is unstable
// from then on until an owner declares it stable: what it guards may be half done.
#pragma once

#include "kern/synchronizer.h"

struct lock {
    struct lock_set *set;
    struct thread *owner;   // NULL: free; no reference: a thread that ends gives it up
    struct list owner_link; // owner->locks
    bool unstable;
    struct waitq waiters;   // empty while it is free
    struct waitq handoff;   // one thread at most: the owner that hands it off, or one that accepts
};

struct lock_set {
    struct synchronizer base;
    int count;
    struct lock locks[];
};

void lock_set_died(struct lock_set *set); // for synchronizer_kill: waiters go, nobody owns a lock
// The thread has ended: its locks become unstable and go to who is next.
void locks_abandon(struct thread *thread);
