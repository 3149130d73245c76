// SPDX-License-Identifier: BSD-2-Clause
// Semaphores (semaphore.h), and the calls of sync.defs.
//
// The three policies differ only in the queue and in whom a signal picks: FIFO queues by arrival and
// picks the first, FIXED_PRIORITY queues by base priority, RANDOM queues by arrival and draws, from a
// generator whose seed is the only thing its order depends on. Traps (traps.c) and messages call the
// same functions; a semaphore may go away while one blocks.
#include "kern/semaphore.h"
#include <mach/clock_types.h>
#include <mach/sync_policy.h>
#include "ipc/port.h"
#include "kern/task.h"
#include "kern/thread.h"
#include "lib/assert.h"
#include "lib/slab.h"
#include "sync_server.h"
#include "x86/boot.h"
#include "x86/interrupt.h"

unsigned semaphore_count;
struct semaphore dead_semaphore;

static struct slab_cache semaphore_cache =
    SLAB_CACHE(semaphore_cache, "semaphore", sizeof(struct semaphore));
static uint32_t random_state;

// ---- the weak order ----

void semaphore_seed(uint32_t seed)
{
    random_state = seed * 2654435761u;
    if (random_state == 0) // where a xorshift generator would stay
        random_state = 0x9e3779b9u;
}

// A number below `limit` (> 0), by Marsaglia's xorshift.
static uint32_t draw(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return (uint32_t)((uint64_t)random_state * limit >> 32);
}

static uint32_t seed_option(void)
{
    char text[16];
    uint32_t seed = 0;

    if (!boot_option("minato.seed", text, sizeof(text)))
        return 1;
    for (const char *c = text; *c >= '0' && *c <= '9'; c++)
        seed = seed * 10 + (uint32_t)(*c - '0');
    return seed;
}

// ---- life ----

void semaphore_init(void)
{
    semaphore_seed(seed_option());
    dead_semaphore.refs = 1;
    waitq_init(&dead_semaphore.waiters);
}

void semaphore_dereference(struct semaphore *semaphore)
{
    if (!semaphore)
        return;
    kassert(semaphore->refs > 0);
    if (--semaphore->refs == 0)
        slab_free(&semaphore_cache, semaphore);
}

// NULL when memory is short.
static struct semaphore *semaphore_make(struct task *task, int policy, int value)
{
    struct semaphore *semaphore = slab_alloc(&semaphore_cache);

    if (!semaphore)
        return NULL;
    semaphore->port = port_make_kernel(PORT_SEMAPHORE, semaphore);
    if (!semaphore->port) {
        slab_free(&semaphore_cache, semaphore);
        return NULL;
    }
    semaphore->refs = 1;
    semaphore->alive = true;
    semaphore->policy = policy;
    semaphore->count = value;
    if (policy == SYNC_POLICY_FIXED_PRIORITY)
        waitq_init(&semaphore->waiters);
    else
        waitq_init_fifo(&semaphore->waiters);
    semaphore->owner = task;
    list_insert_tail(&task->semaphores, &semaphore->task_link);
    task->semaphore_count++;
    semaphore_count++;
    return semaphore;
}

void semaphore_kill(struct semaphore *semaphore)
{
    struct port *port = semaphore->port;

    semaphore->alive = false;
    list_remove(&semaphore->task_link);
    semaphore->owner->semaphore_count--;
    semaphore_count--;
    semaphore->owner = NULL;
    semaphore->port = NULL;
    port_destroy_kernel(port);
    waitq_wake_all(&semaphore->waiters, WAIT_DESTROYED);
    semaphore_dereference(semaphore);
}

// ---- taking and giving ----

static kern_return_t take(struct semaphore *semaphore, uint64_t deadline)
{
    static const kern_return_t results[] = {
        [WAIT_AWAKENED] = KERN_SUCCESS,
        [WAIT_TIMED_OUT] = KERN_OPERATION_TIMED_OUT,
        [WAIT_INTERRUPTED] = KERN_ABORTED,
        [WAIT_DESTROYED] = KERN_TERMINATED,
    };

    if (!semaphore->alive)
        return KERN_TERMINATED;
    if (semaphore->count > 0) {
        semaphore->count--;
        return KERN_SUCCESS;
    }
    return results[waitq_wait(&semaphore->waiters, deadline, true, "semaphore")];
}

kern_return_t semaphore_wait(semaphore_t semaphore)
{
    return take(semaphore, WAIT_FOREVER);
}

kern_return_t semaphore_timedwait(semaphore_t semaphore, tvalspec_t wait_time)
{
    uint64_t ns = (uint64_t)wait_time.tv_sec * NSEC_PER_SEC + (unsigned)wait_time.tv_nsec;

    if (wait_time.tv_nsec < 0 || wait_time.tv_nsec >= NSEC_PER_SEC)
        return KERN_INVALID_VALUE;
    return take(semaphore, ns == 0 ? 0 : clock_now() + ns);
}

kern_return_t semaphore_signal(semaphore_t semaphore)
{
    struct waitq *q = &semaphore->waiters;

    if (!semaphore->alive)
        return KERN_TERMINATED;
    if (waitq_empty(q)) {
        if (semaphore->count == INT32_MAX)
            return KERN_FAILURE;
        semaphore->count++;
    } else if (semaphore->policy == SYNC_POLICY_RANDOM) {
        waitq_wake_thread(waitq_nth(q, draw(waitq_count(q))), WAIT_AWAKENED);
    } else {
        waitq_wake_first(q, WAIT_AWAKENED);
    }
    return KERN_SUCCESS;
}

kern_return_t semaphore_signal_all(semaphore_t semaphore)
{
    if (!semaphore->alive)
        return KERN_TERMINATED;
    while (!waitq_empty(&semaphore->waiters))
        semaphore_signal(semaphore); // in the policy's order
    semaphore->count = 0;
    return KERN_SUCCESS;
}

// ---- making and destroying ----

static bool valid_policy(int policy)
{
    return policy == SYNC_POLICY_FIFO || policy == SYNC_POLICY_FIXED_PRIORITY ||
           policy == SYNC_POLICY_RANDOM;
}

kern_return_t semaphore_create(task_t task, semaphore_t *result, int policy, int value)
{
    struct semaphore *semaphore;

    if (!valid_policy(policy) || value < 0)
        return KERN_INVALID_ARGUMENT;
    semaphore = semaphore_make(task, policy, value);
    if (!semaphore)
        return KERN_RESOURCE_SHORTAGE;
    semaphore->refs++; // consumed by the translation to a send right
    *result = semaphore;
    return KERN_SUCCESS;
}

kern_return_t semaphore_destroy(task_t task, semaphore_t semaphore)
{
    if (!semaphore->alive)
        return KERN_TERMINATED;
    if (semaphore->owner != task)
        return KERN_INVALID_RIGHT;
    semaphore_kill(semaphore);
    return KERN_SUCCESS;
}
