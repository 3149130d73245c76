// SPDX-License-Identifier: BSD-2-Clause
// Threads, mutexes, conditions (<cthreads.h>): what they do, and that they leave nothing behind.
#include "check.h"

#include <cthreads.h>
#include <errno.h>

static struct mutex lock = MUTEX_INITIALIZER;
static struct condition change = CONDITION_INITIALIZER;
static int go, woken, sum;

static any_t count_up(any_t rounds)
{
    for (int i = 0; i < (int)rounds; i++) {
        mutex_lock(&lock);
        int seen = sum;
        if (i % 50 == 0)
            cthread_yield(); // let the others run into the lock
        sum = seen + 1;
        mutex_unlock(&lock);
    }
    return rounds;
}

static any_t wait_for_go(any_t argument)
{
    mutex_lock(&lock);
    while (!go)
        condition_wait(&change, &lock);
    woken++;
    mutex_unlock(&lock);
    return argument;
}

static any_t sleep_and_tell(any_t ms)
{
    sleep_ms((unsigned)ms);
    return (any_t)((int)ms + 1);
}

static any_t set_errno(any_t value)
{
    errno = (int)value;
    sleep_ms(2);
    return (any_t)errno;
}

static void test_mutex(void)
{
    cthread_t thread[4];
    int total = 0;

    sum = 0;
    for (int i = 0; i < 4; i++)
        thread[i] = cthread_fork(count_up, (any_t)500);
    for (int i = 0; i < 4; i++)
        total += (int)cthread_join(thread[i]);
    is(total, 2000, "cthread_join returns what the function returned");
    is(sum, 2000, "a mutex lets in one thread at a time");
    mutex_lock(&lock);
    is(mutex_try_lock(&lock), 0, "mutex_try_lock does not get a mutex that is held");
    mutex_unlock(&lock);
    is(mutex_try_lock(&lock), 1, "and gets one that is free");
    mutex_unlock(&lock);
}

static void test_condition(void)
{
    cthread_t thread[5];

    go = woken = 0;
    for (int i = 0; i < 5; i++)
        thread[i] = cthread_fork(wait_for_go, NULL);
    sleep_ms(10);
    is(woken, 0, "condition_wait waits");
    thread_abort(cthread_thread(thread[0]));
    sleep_ms(10);
    is(woken, 0, "also when thread_abort disturbs it");
    mutex_lock(&lock);
    go = 1;
    mutex_unlock(&lock);
    condition_signal(&change);
    sleep_ms(10);
    is(woken, 1, "condition_signal wakes one");
    condition_broadcast(&change);
    for (int i = 0; i < 5; i++)
        cthread_join(thread[i]);
    is(woken, 5, "condition_broadcast wakes all");
    mutex_lock(&lock);
    is(condition_timedwait(&change, &lock, (tvalspec_t){0, 5 * NSEC_PER_MSEC}),
       KERN_OPERATION_TIMED_OUT, "condition_timedwait ends when its time is over");
    is(mutex_try_lock(&lock), 0, "and holds the mutex again");
    mutex_unlock(&lock);
}

static void test_lives(void)
{
    cthread_t thread = cthread_fork(sleep_and_tell, (any_t)100);
    any_t result = 0;

    is(cthread_timedjoin(thread, (tvalspec_t){0, 5 * NSEC_PER_MSEC}, &result),
       KERN_OPERATION_TIMED_OUT, "cthread_timedjoin gives up when its time is over");
    is(cthread_timedjoin(thread, (tvalspec_t){5, 0}, &result), KERN_SUCCESS, "and can be repeated");
    is((int)result, 101, "with the thread's result");
    thread = cthread_fork(set_errno, (any_t)12);
    errno = 34;
    is((int)cthread_join(thread), 12, "each thread has an errno of its own");
    is(errno, 34, "and so has the first");
    for (int i = 0; i < 5; i++)
        cthread_detach(cthread_fork(sleep_and_tell, (any_t)1));
    sleep_ms(50);
    is(cthread_count(), 1, "detached threads end");
    cthread_join(cthread_fork(sleep_and_tell, (any_t)1));
}

void test_threads(void)
{
    unsigned names = count_names(), threads = count_threads();

    test_mutex();
    test_condition();
    test_lives();
    is((int)count_names(), (int)names, "threads leave no names behind");
    is((int)count_threads(), (int)threads, "nor threads in the kernel");
}
