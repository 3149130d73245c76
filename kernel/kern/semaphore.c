// SPDX-License-Identifier: BSD-2-Clause
// Semaphores (semaphore.h), and the calls of sync.defs on them.
//
// Traps (traps.c) and messages call the same functions; a semaphore may go away while one blocks. What
// signals one and waits for another checks both before it does the first: nothing can come between.
#include "kern/semaphore.h"
#include <mach/clock_types.h>
#include "kern/thread.h"
#include "sync_server.h"
#include "x86/interrupt.h"

unsigned semaphore_count;

void semaphore_died(struct semaphore *semaphore)
{
    semaphore_count--;
    waitq_wake_all(&semaphore->waiters, WAIT_DESTROYED);
}

// ---- taking and giving ----

// Signals one, unless that is NULL, and takes another: nothing comes between.
static kern_return_t take(struct semaphore *semaphore, struct semaphore *signal, uint64_t deadline)
{
    kern_return_t kr = semaphore->base.alive ? KERN_SUCCESS : KERN_TERMINATED;

    if (kr == KERN_SUCCESS && signal)
        kr = semaphore_signal(signal);
    if (kr != KERN_SUCCESS)
        return kr;
    if (semaphore->count > 0) {
        semaphore->count--;
        return KERN_SUCCESS;
    }
    // It may go away meanwhile: nothing of it is looked at afterwards.
    return (kern_return_t)waitq_wait(&semaphore->waiters, deadline, true, "semaphore");
}

static kern_return_t take_within(struct semaphore *semaphore, struct semaphore *signal,
                                 tvalspec_t wait_time)
{
    uint64_t ns = (uint64_t)wait_time.tv_sec * NSEC_PER_SEC + (unsigned)wait_time.tv_nsec;

    if (BAD_TVALSPEC(&wait_time))
        return KERN_INVALID_VALUE;
    return take(semaphore, signal, ns == 0 ? 0 : clock_now() + ns);
}

kern_return_t semaphore_wait(semaphore_t semaphore)
{
    return take(semaphore, NULL, WAIT_FOREVER);
}

kern_return_t semaphore_timedwait(semaphore_t semaphore, tvalspec_t wait_time)
{
    return take_within(semaphore, NULL, wait_time);
}

kern_return_t semaphore_wait_signal(semaphore_t wait, semaphore_t signal)
{
    return take(wait, signal, WAIT_FOREVER);
}

kern_return_t semaphore_timedwait_signal(semaphore_t wait, semaphore_t signal, tvalspec_t wait_time)
{
    return take_within(wait, signal, wait_time);
}

kern_return_t semaphore_signal(semaphore_t semaphore)
{
    struct waitq *q = &semaphore->waiters;

    if (!semaphore->base.alive)
        return KERN_TERMINATED;
    if (waitq_empty(q)) {
        if (semaphore->count == INT32_MAX)
            return KERN_FAILURE;
        semaphore->count++;
    } else {
        waitq_wake_thread(synchronizer_next(&semaphore->base, q), WAIT_AWAKENED);
    }
    return KERN_SUCCESS;
}

kern_return_t semaphore_signal_all(semaphore_t semaphore)
{
    if (!semaphore->base.alive)
        return KERN_TERMINATED;
    while (!waitq_empty(&semaphore->waiters))
        semaphore_signal(semaphore); // in the policy's order
    semaphore->count = 0;
    return KERN_SUCCESS;
}

kern_return_t semaphore_wake(struct semaphore *semaphore, struct thread *thread)
{
    struct waitq *q = &semaphore->waiters;

    if (!semaphore->base.alive)
        return KERN_TERMINATED;
    if (thread ? thread->waitq != q : waitq_empty(q))
        return KERN_NOT_WAITING;
    waitq_wake_thread(thread ? thread : synchronizer_next(&semaphore->base, q), WAIT_AWAKENED);
    return KERN_SUCCESS;
}

kern_return_t semaphore_signal_thread(semaphore_t semaphore, ipc_port_t port)
{
    struct thread *thread = port_object(port, PORT_THREAD);
    kern_return_t kr = KERN_INVALID_ARGUMENT;

    if (thread || !port)
        kr = semaphore_wake(semaphore, thread);
    if (kr == KERN_SUCCESS)
        port_release_send(port);
    return kr;
}

// ---- making and destroying ----

kern_return_t semaphore_create(task_t task, semaphore_t *result, int policy, int value)
{
    if (!synchronizer_valid_policy(policy) || value < 0)
        return KERN_INVALID_ARGUMENT;
    *result = synchronizer_make(task, PORT_SEMAPHORE, policy, sizeof(**result), 1);
    if (!*result)
        return KERN_RESOURCE_SHORTAGE;
    semaphore_count++;
    (*result)->count = value;
    synchronizer_queue(&(*result)->base, &(*result)->waiters);
    return KERN_SUCCESS;
}

kern_return_t semaphore_destroy(task_t task, semaphore_t semaphore)
{
    if (!semaphore->base.alive)
        return KERN_TERMINATED;
    if (semaphore->base.owner != task)
        return KERN_INVALID_RIGHT;
    synchronizer_kill(&semaphore->base);
    return KERN_SUCCESS;
}
