/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads for native programs, by the names of CMU's C Threads: a thread that is forked runs a
 * function; whoever joins it gets the function's result. Mutexes do not spin: the free case is one
 * atomic instruction, the contended one waits on a kernel semaphore. Conditions have Mesa's
 * meaning: test your predicate again after condition_wait.
 *
 * A thread that is made by a bare thread_create() may use mutexes, conditions and kernel calls, but
 * not the C library, and cthread_self() is null there.
 *
 * Implemented in user/lib/threads/; read docs/native-programs.md for an example.
 */
#ifndef _CTHREADS_H_
#define _CTHREADS_H_

#include <mach/clock_types.h>
#include <mach/kern_return.h>
#include <mach/port.h>
#include <mach/vm_types.h>

typedef void *any_t;
typedef any_t (*cthread_fn_t)(any_t argument);
typedef struct cthread *cthread_t;

#define CTHREAD_NULL ((cthread_t)0)
#define CTHREAD_STACK_SIZE ((vm_size_t)0x10000) /* of a forked thread, without its guard pages */

/* ---- threads -------------------------------------------------------------------------------- */

/* Starts a thread that calls function(argument). Null if there is no memory or kernel resource. It
 * must be joined or detached once. */
cthread_t cthread_fork(cthread_fn_t function, any_t argument);
/* The same with a stack of at least `size` bytes (rounded up to pages). */
cthread_t cthread_fork_stack(cthread_fn_t function, any_t argument, vm_size_t size);
/* Waits for the end of the thread, frees all that it was, returns its result. */
any_t cthread_join(cthread_t thread);
/* The same with a limit: KERN_SUCCESS and the result, or KERN_OPERATION_TIMED_OUT and nothing has
 * changed. */
kern_return_t cthread_timedjoin(cthread_t thread, tvalspec_t limit, any_t *result);
/* Somebody has ended the thread with thread_terminate(), so that it cannot say that it has ended: after
 * this it can be joined, with the result 0. Locks that it held stay locked. */
void cthread_killed(cthread_t thread);
/* Nobody will join the thread: it frees itself at its end. */
void cthread_detach(cthread_t thread);
/* Ends the calling thread with this result, as if its function had returned it. In the first thread
 * of a program: waits for all the others, then exit(). */
void cthread_exit(any_t result) __attribute__((noreturn));
/* The calling thread; null in one that cthread_fork did not make. */
cthread_t cthread_self(void);
/* Lets other threads run. */
void cthread_yield(void);
/* Threads of this library that have not ended, the first included. */
int cthread_count(void);

/* The kernel's name for the thread; valid until it is joined. No reference is added. */
mach_port_t cthread_thread(cthread_t thread);
/* A name for debuggers; the string is not copied. */
void cthread_set_name(cthread_t thread, const char *name);
const char *cthread_name(cthread_t thread);
/* A word of the program's own in each thread. */
void cthread_set_data(cthread_t thread, any_t data);
any_t cthread_data(cthread_t thread);

/* ---- mutexes -------------------------------------------------------------------------------- */

struct waiter; /* a thread that waits; on its own stack (user/lib/threads/waiters.h) */

/* At most one thread holds a mutex; the others wait in line, first come first served. Zeroed memory
 * is a free mutex, and no kernel object belongs to it. */
struct mutex {
    volatile int state;   /* 0 free, 1 held, 2 held and the list must be looked at */
    struct waiter *first; /* longest wait */
    struct waiter *last;
    const char *name;
};
typedef struct mutex *mutex_t;

#define MUTEX_NULL ((mutex_t)0)
#define MUTEX_INITIALIZER {0, 0, 0, (const char *)0}
#define MUTEX_NAMED_INITIALIZER(text) {0, 0, 0, (text)}

mutex_t mutex_alloc(void); /* null: no memory */
void mutex_free(mutex_t mutex);
void mutex_init(mutex_t mutex);
void mutex_clear(mutex_t mutex); /* nobody holds it or waits for it; the opposite of init */
void mutex_set_name(mutex_t mutex, const char *name);
const char *mutex_name(mutex_t mutex);
void mutex_lock(mutex_t mutex);
int mutex_try_lock(mutex_t mutex); /* 1: now held; 0: somebody else has it */
void mutex_unlock(mutex_t mutex);

/* ---- conditions ----------------------------------------------------------------------------- */

/* Threads waiting for a change, first come first served. Zeroed memory is one without waiters. */
struct condition {
    struct waiter *first; /* longest wait */
    struct waiter *last;
    const char *name;
};
typedef struct condition *condition_t;

#define CONDITION_NULL ((condition_t)0)
#define CONDITION_INITIALIZER {0, 0, (const char *)0}

condition_t condition_alloc(void); /* null: no memory */
void condition_free(condition_t condition);
void condition_init(condition_t condition);
void condition_clear(condition_t condition); /* nobody waits; the opposite of init */
void condition_set_name(condition_t condition, const char *name);
const char *condition_name(condition_t condition);
/* Gives up the mutex, which the caller holds, waits for a signal, takes the mutex again. */
void condition_wait(condition_t condition, mutex_t mutex);
/* The same; KERN_OPERATION_TIMED_OUT if no signal came within `limit`, KERN_INVALID_VALUE if that is
 * no time. */
kern_return_t condition_timedwait(condition_t condition, mutex_t mutex, tvalspec_t limit);
/* Wakes one waiter, or all of those who wait now. */
void condition_signal(condition_t condition);
void condition_broadcast(condition_t condition);

#endif
