// SPDX-License-Identifier: BSD-2-Clause
// Semaphores: a count and a queue of threads, behind a port of kind PORT_SEMAPHORE.
//
// The count is what a wait can take at once; while threads wait it is 0, and a signal goes straight to
// one of them. A waiter that times out or is aborted has therefore taken nothing and has nothing to
// give back.
#ifndef KERN_SEMAPHORE_H
#define KERN_SEMAPHORE_H

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

void semaphore_init(void); // the cache, and the seed from the command line
void semaphore_reference(struct semaphore *semaphore);
void semaphore_dereference(struct semaphore *semaphore); // NULL is fine
void semaphore_kill(struct semaphore *semaphore);
// What traps and messages share. `semaphore` may go away while it blocks.
// KERN_TERMINATED, KERN_ABORTED, KERN_OPERATION_TIMED_OUT.
kern_return_t semaphore_take(struct semaphore *semaphore, uint64_t deadline);
// KERN_TERMINATED; KERN_FAILURE: the count is at its maximum.
kern_return_t semaphore_give(struct semaphore *semaphore);
kern_return_t semaphore_give_all(struct semaphore *semaphore);
// The deadline that a wait of (sec, nsec) from now has. False: not a time.
bool semaphore_deadline(unsigned sec, int nsec, uint64_t *deadline);
// Seeds the order in which semaphores of SYNC_POLICY_RANDOM serve their waiters.
void semaphore_seed(uint32_t seed);

#endif
