// SPDX-License-Identifier: BSD-2-Clause
// The locks that newlib asks for (--enable-newlib-retargetable-locking): around malloc, around lists
// of streams, one per stream. All are recursive here; the plain ones are a special case.
#include "newlib/locks.h"
#include "threads/thread.h"

#include <stdlib.h>
#include <sys/lock.h>

struct __lock {
    struct mutex mutex;
    struct cthread *owner; // valid while depth > 0
    unsigned depth;        // changed by the owner only
};

// newlib's own, under the names its sources use.
struct __lock __lock___sinit_recursive_mutex;
struct __lock __lock___sfp_recursive_mutex;
struct __lock __lock___atexit_recursive_mutex;
struct __lock __lock___at_quick_exit_mutex;
struct __lock __lock___malloc_recursive_mutex;
struct __lock __lock___env_recursive_mutex;
struct __lock __lock___tz_mutex;
struct __lock __lock___dd_hash_mutex;
struct __lock __lock___arc4random_mutex;

static struct __lock *const library_locks[] = {
    &__lock___atexit_recursive_mutex, &__lock___at_quick_exit_mutex,
    &__lock___sinit_recursive_mutex,  &__lock___sfp_recursive_mutex,
    &__lock___env_recursive_mutex,    &__lock___tz_mutex,
    &__lock___dd_hash_mutex,          &__lock___arc4random_mutex,
    &__lock___malloc_recursive_mutex, // last: taken while others are held
};
#define LIBRARY_LOCKS (sizeof(library_locks) / sizeof(library_locks[0]))

void __retarget_lock_init_recursive(_LOCK_T *lock)
{
    *lock = calloc(1, sizeof(struct __lock));
    // newlib has no way to say that a stream could not get its lock.
    if (*lock == NULL)
        abort();
}

void __retarget_lock_close_recursive(_LOCK_T lock)
{
    free(lock);
}

void __retarget_lock_acquire_recursive(_LOCK_T lock)
{
    struct cthread *self = thread_block();

    if (lock->depth == 0 || lock->owner != self) {
        mutex_lock(&lock->mutex);
        lock->owner = self;
    }
    lock->depth++;
}

int __retarget_lock_try_acquire_recursive(_LOCK_T lock)
{
    struct cthread *self = thread_block();

    if (lock->depth == 0 || lock->owner != self) {
        if (!mutex_try_lock(&lock->mutex))
            return 0;
        lock->owner = self;
    }
    lock->depth++;
    return 1;
}

void __retarget_lock_release_recursive(_LOCK_T lock)
{
    if (--lock->depth == 0) {
        lock->owner = NULL;
        mutex_unlock(&lock->mutex);
    }
}

void __retarget_lock_init(_LOCK_T *lock)
{
    __retarget_lock_init_recursive(lock);
}

void __retarget_lock_close(_LOCK_T lock)
{
    __retarget_lock_close_recursive(lock);
}

void __retarget_lock_acquire(_LOCK_T lock)
{
    __retarget_lock_acquire_recursive(lock);
}

int __retarget_lock_try_acquire(_LOCK_T lock)
{
    return __retarget_lock_try_acquire_recursive(lock);
}

void __retarget_lock_release(_LOCK_T lock)
{
    __retarget_lock_release_recursive(lock);
}

// ---- for a task that is created with this one's memory (start/child.c) --------------------------

void libc_locks_take(void)
{
    for (unsigned i = 0; i < LIBRARY_LOCKS; i++)
        __retarget_lock_acquire_recursive(library_locks[i]);
}

void libc_locks_release(void)
{
    for (unsigned i = LIBRARY_LOCKS; i > 0; i--)
        __retarget_lock_release_recursive(library_locks[i - 1]);
}

void libc_lock_reset(struct __lock *lock)
{
    mutex_init(&lock->mutex);
    lock->owner = NULL;
    lock->depth = 0;
}

void libc_locks_reset(void)
{
    for (unsigned i = 0; i < LIBRARY_LOCKS; i++)
        libc_lock_reset(library_locks[i]);
}
