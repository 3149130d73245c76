// SPDX-License-Identifier: BSD-2-Clause
// What semaphores (semaphore.h) and lock sets (lock_set.h) have in common: a port, a task in which they
// were made and with which they end, and the order in which they serve their waiters.
#pragma once

#include <mach/sync_policy.h>
#include "ipc/port.h"
#include "kern/thread.h"

// The first member of either.
struct synchronizer {
    uint32_t refs;         // one for being alive, one per holder of a pointer
    struct port *port;     // a reference; NULL when dead
    bool alive;
    int policy;            // SYNC_POLICY_*
    uint32_t weight;       // objects that its task pays for
    struct task *owner;    // made in it and destroyed with it; no reference; NULL when dead
    struct list task_link; // owner->synchronizers
};

// A destroyed one of either kind, for whoever has a right that stood for one (ipc/convert.c): nobody
// looks at more of it than this. Never freed.
extern struct synchronizer dead_synchronizer;

// Seeds the order in which those of SYNC_POLICY_RANDOM serve their waiters.
void synchronizer_seed(uint32_t seed);

static inline bool synchronizer_valid_policy(int policy)
{
    return policy == SYNC_POLICY_FIFO || policy == SYNC_POLICY_FIXED_PRIORITY ||
           policy == SYNC_POLICY_RANDOM;
}
static inline bool synchronizer_is_semaphore(const struct synchronizer *s) // or a lock set; alive
{
    return s->port->kind == PORT_SEMAPHORE;
}
// An object of `size` bytes with such a head, cleared behind it, of `task`: alive, with a reference for
// that and one for the caller (consumed by the translation to a send right). NULL when memory is short.
void *synchronizer_make(struct task *task, enum port_kind kind, int policy, size_t size,
                        uint32_t weight);
// Its port dies, and its waiters get WAIT_DESTROYED.
void synchronizer_kill(struct synchronizer *s);
void synchronizer_dereference(void *synchronizer); // NULL is fine

// A queue of waiters, in the order of the policy.
void synchronizer_queue(const struct synchronizer *s, struct waitq *q);
struct thread *synchronizer_draw(struct waitq *q); // any one of a queue that is not empty
// The waiter that is to be served next, of a queue that is not empty.
static inline struct thread *synchronizer_next(const struct synchronizer *s, struct waitq *q)
{
    return s->policy == SYNC_POLICY_RANDOM ? synchronizer_draw(q) : waitq_first(q);
}
