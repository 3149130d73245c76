// SPDX-License-Identifier: BSD-2-Clause
// Lock sets (lock_set.h), and the calls of sync.defs on them.
//
// There are only messages for them, and who waits in one has a reference to the set; so it may look at
// the lock when it wakes, even if the set is dead by then.
#include "kern/lock_set.h"
#include "kern/thread.h"
#include "sync_server.h"

#define LOCKS_MAX 1024 // in a set

// ---- owners ----

static void own(struct lock *lock, struct thread *thread)
{
    list_remove(&lock->owner_link);
    lock->owner = thread;
    if (thread)
        list_insert_tail(&thread->locks, &lock->owner_link);
}

// To the waiter `thread`, whose wait is over.
static void give(struct lock *lock, struct thread *thread)
{
    own(lock, thread);
    waitq_wake_thread(thread, WAIT_AWAKENED);
}

static void release(struct lock *lock)
{
    if (waitq_empty(&lock->waiters))
        own(lock, NULL);
    else
        give(lock, synchronizer_next(&lock->set->base, &lock->waiters));
}

void locks_abandon(struct thread *thread)
{
    while (!list_empty(&thread->locks)) {
        struct lock *lock = container_of(thread->locks.next, struct lock, owner_link);

        lock->unstable = true;
        release(lock);
    }
}

void lock_set_died(struct lock_set *set)
{
    for (int i = 0; i < set->count; i++) {
        own(&set->locks[i], NULL);
        waitq_wake_all(&set->locks[i].waiters, WAIT_DESTROYED);
        waitq_wake_all(&set->locks[i].handoff, WAIT_DESTROYED);
    }
}

// ---- the calls ----

// KERN_LOCK_SET_DESTROYED, KERN_INVALID_ARGUMENT.
static kern_return_t find(struct lock_set *set, int id, struct lock **lock)
{
    if (!set->base.alive)
        return KERN_LOCK_SET_DESTROYED;
    if (id < 0 || id >= set->count)
        return KERN_INVALID_ARGUMENT;
    *lock = &set->locks[id];
    return KERN_SUCCESS;
}

static kern_return_t find_own(struct lock_set *set, int id, struct lock **lock)
{
    kern_return_t kr = find(set, id, lock);

    return kr == KERN_SUCCESS && (*lock)->owner != current_thread() ? KERN_INVALID_RIGHT : kr;
}

// What who has just got the lock is told.
static kern_return_t acquired(const struct lock *lock)
{
    return lock->unstable ? KERN_LOCK_UNSTABLE : KERN_SUCCESS;
}

// A set that dies takes away what its waiters have been given but not yet seen.
static kern_return_t wait(struct lock *lock, struct waitq *q)
{
    kern_return_t kr = (kern_return_t)waitq_wait(q, WAIT_FOREVER, true, "lock");

    return lock->set->base.alive || kr == KERN_ABORTED ? kr : KERN_LOCK_SET_DESTROYED;
}

static kern_return_t wait_to_own(struct lock *lock, struct waitq *q)
{
    kern_return_t kr = wait(lock, q);

    return kr == KERN_SUCCESS ? acquired(lock) : kr;
}

kern_return_t lock_try(lock_set_t set, int id)
{
    struct lock *lock;
    kern_return_t kr = find(set, id, &lock);

    if (kr != KERN_SUCCESS)
        return kr;
    if (lock->owner)
        return lock->owner == current_thread() ? KERN_LOCK_OWNED_SELF : KERN_LOCK_OWNED;
    own(lock, current_thread());
    return acquired(lock);
}

kern_return_t lock_acquire(lock_set_t set, int id)
{
    kern_return_t kr = lock_try(set, id);

    return kr == KERN_LOCK_OWNED ? wait_to_own(&set->locks[id], &set->locks[id].waiters) : kr;
}

kern_return_t lock_release(lock_set_t set, int id)
{
    struct lock *lock;
    kern_return_t kr = find_own(set, id, &lock);

    if (kr == KERN_SUCCESS)
        release(lock);
    return kr;
}

kern_return_t lock_make_stable(lock_set_t set, int id)
{
    struct lock *lock;
    kern_return_t kr = find_own(set, id, &lock);

    if (kr == KERN_SUCCESS)
        lock->unstable = false;
    return kr;
}

kern_return_t lock_handoff(lock_set_t set, int id)
{
    struct lock *lock;
    kern_return_t kr = find_own(set, id, &lock);

    if (kr != KERN_SUCCESS)
        return kr;
    if (waitq_empty(&lock->handoff))
        return wait(lock, &lock->handoff);
    give(lock, waitq_first(&lock->handoff));
    return KERN_SUCCESS;
}

kern_return_t lock_handoff_accept(lock_set_t set, int id)
{
    struct lock *lock;
    kern_return_t kr = find(set, id, &lock);

    if (kr != KERN_SUCCESS)
        return kr;
    if (lock->owner == current_thread())
        return KERN_LOCK_OWNED_SELF;
    if (waitq_empty(&lock->handoff))
        return wait_to_own(lock, &lock->handoff);
    if (waitq_first(&lock->handoff) != lock->owner)
        return KERN_ALREADY_WAITING;
    waitq_wake_thread(lock->owner, WAIT_AWAKENED);
    own(lock, current_thread());
    return acquired(lock);
}

// ---- making and destroying ----

kern_return_t lock_set_create(task_t task, lock_set_t *result, int locks, int policy)
{
    struct lock_set *set;

    if (locks <= 0 || !synchronizer_valid_policy(policy))
        return KERN_INVALID_ARGUMENT;
    if (locks > LOCKS_MAX)
        return KERN_RESOURCE_SHORTAGE;
    set = synchronizer_make(task, PORT_LOCK_SET, policy,
                            sizeof(*set) + (unsigned)locks * sizeof(set->locks[0]), (uint32_t)locks);
    if (!set)
        return KERN_RESOURCE_SHORTAGE;
    set->count = locks;
    for (int i = 0; i < locks; i++) {
        set->locks[i].set = set;
        list_init(&set->locks[i].owner_link);
        synchronizer_queue(&set->base, &set->locks[i].waiters);
        waitq_init(&set->locks[i].handoff);
    }
    *result = set;
    return KERN_SUCCESS;
}

kern_return_t lock_set_destroy(task_t task, lock_set_t set)
{
    if (!set->base.alive)
        return KERN_LOCK_SET_DESTROYED;
    if (set->base.owner != task)
        return KERN_INVALID_RIGHT;
    synchronizer_kill(&set->base);
    return KERN_SUCCESS;
}
