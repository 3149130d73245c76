// SPDX-License-Identifier: BSD-2-Clause
// Life, order and waits of semaphores and lock sets (synchronizer.h). Read next: semaphore.c.
//
// The three policies differ only in the queue and in who is next: FIFO queues by arrival and serves the
// first, FIXED_PRIORITY queues by base priority, RANDOM queues by arrival and draws, from a generator
// whose seed is the only thing its order depends on.
#include "kern/synchronizer.h"
#include "kern/ledger.h"
#include "kern/lock_set.h"
#include "kern/semaphore.h"
#include "kern/task.h"

struct synchronizer dead_synchronizer = {.refs = 1};

// ---- the weak order ----

#define SEED_FACTOR 2654435761u

static uint32_t random_state = SEED_FACTOR; // the seed 1

void synchronizer_seed(uint32_t seed)
{
    random_state = seed * SEED_FACTOR;
    if (random_state == 0) // where a xorshift generator would stay
        random_state = 0x9e3779b9u;
}

// By Marsaglia's xorshift.
struct thread *synchronizer_draw(struct waitq *q)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return waitq_nth(q, (uint32_t)((uint64_t)random_state * waitq_count(q) >> 32));
}

// ---- life ----

void synchronizer_dereference(void *synchronizer)
{
    struct synchronizer *s = synchronizer;

    if (!s)
        return;
    kassert(s->refs > 0);
    if (--s->refs == 0)
        kfree(s);
}

void *synchronizer_make(struct task *task, enum port_kind kind, int policy, size_t size,
                        uint32_t weight)
{
    struct synchronizer *s;

    if (!ledger_allows(task->ledger, MINATO_LIMIT_OBJECTS, weight) || !(s = kzalloc(size)))
        return NULL;
    s->port = port_make_kernel(kind, s);
    if (!s->port) {
        kfree(s);
        return NULL;
    }
    s->refs = 2;
    s->alive = true;
    s->policy = policy;
    s->weight = weight;
    s->owner = task;
    list_insert_tail(&task->synchronizers, &s->task_link);
    ledger_add(task->ledger, MINATO_LIMIT_OBJECTS, weight);
    return s;
}

void synchronizer_kill(struct synchronizer *s)
{
    struct port *port = s->port;
    bool semaphore = synchronizer_is_semaphore(s);

    s->alive = false;
    list_remove(&s->task_link);
    ledger_credit(s->owner->ledger, MINATO_LIMIT_OBJECTS, s->weight);
    s->owner = NULL;
    s->port = NULL;
    port_destroy_kernel(port);
    if (semaphore)
        semaphore_died((struct semaphore *)s);
    else
        lock_set_died((struct lock_set *)s);
    synchronizer_dereference(s);
}

void synchronizer_queue(const struct synchronizer *s, struct waitq *q)
{
    if (s->policy == SYNC_POLICY_FIXED_PRIORITY)
        waitq_init(q);
    else
        waitq_init_fifo(q);
    q->at = synchronizer_is_semaphore(s) ? WAITQ_SEMAPHORE : WAITQ_LOCK;
}
