// SPDX-License-Identifier: BSD-2-Clause
// Semaphores: a count and a queue of threads, behind a port of kind PORT_SEMAPHORE.
//
// The count is what a wait can take at once; while threads wait it is 0, and a signal goes straight to
// one of them. A waiter that times out or is aborted has therefore taken nothing and has nothing to
// give back.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <mach/kern_return.h>
#include "kern/waitq.h"
#include "lib/list.h"

struct port;
struct task;

struct semaphore {
    uint32_t refs;         // one for being alive, one per holder of a pointer
    bool alive;
    int policy;            // SYNC_POLICY_*
    int count;             // 0 while somebody waits
    struct waitq waiters;
    struct task *owner;    // created in it and destroyed with it; no reference; NULL when dead
    struct list task_link; // owner->semaphores
    struct port *port;     // a reference; NULL when dead
};

extern unsigned semaphore_count; // alive, in the whole system
// A destroyed semaphore, for whoever has a right that stood for one (ipc/convert.c); never freed.
extern struct semaphore dead_semaphore;

void semaphore_init(void); // the seed, from the command line
void semaphore_dereference(struct semaphore *semaphore); // NULL is fine
void semaphore_kill(struct semaphore *semaphore);
// Seeds the order in which semaphores of SYNC_POLICY_RANDOM serve their waiters.
void semaphore_seed(uint32_t seed);
