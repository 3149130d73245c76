// SPDX-License-Identifier: BSD-2-Clause
// Threads in a crowd: mutexes and conditions under thread_abort, the C library from many threads at
// once, births and deaths in great number.
#include "check.h"

#include <cthreads.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS 12
#define ROUNDS 200

static cthread_t threads[THREADS];

static void fork_all(cthread_fn_t function)
{
    for (int i = 0; i < THREADS; i++)
        threads[i] = cthread_fork(function, (any_t)i);
}

static int join_all(void)
{
    int sum = 0;

    for (int i = 0; i < THREADS; i++)
        sum += (int)cthread_join(threads[i]);
    return sum;
}

static unsigned random_number(unsigned *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 16;
}

// ---- a bounded buffer, disturbed ----------------------------------------------------------------

static struct {
    struct mutex lock;
    struct condition not_full, not_empty;
    int cell[4];
    int count;
    volatile int done; // the disturber stops
} buffer;

// Waits for a while at most; the caller looks at its predicate again anyway.
static void wait_somehow(condition_t condition, unsigned how)
{
    if (how % 3 == 0)
        condition_timedwait(condition, &buffer.lock, (tvalspec_t){0, 50000});
    else
        condition_wait(condition, &buffer.lock);
}

static void put(int value)
{
    mutex_lock(&buffer.lock);
    while (buffer.count == 4)
        wait_somehow(&buffer.not_full, (unsigned)value);
    buffer.cell[buffer.count++] = value;
    mutex_unlock(&buffer.lock);
    condition_signal(&buffer.not_empty);
}

static int get(unsigned how)
{
    int value;

    mutex_lock(&buffer.lock);
    while (buffer.count == 0)
        wait_somehow(&buffer.not_empty, how);
    value = buffer.cell[--buffer.count];
    mutex_unlock(&buffer.lock);
    condition_signal(&buffer.not_full);
    return value;
}

static any_t producer_or_consumer(any_t number)
{
    int sum = 0;

    for (int i = 1; i <= ROUNDS; i++)
        if ((int)number % 2 == 0)
            put(i);
        else
            sum += get((unsigned)i);
    return (any_t)sum;
}

static any_t disturber(any_t unused)
{
    unsigned state = 1;

    while (!buffer.done) {
        thread_abort(cthread_thread(threads[random_number(&state) % THREADS]));
        thread_switch(MACH_PORT_NULL, SWITCH_OPTION_WAIT, 1);
    }
    return unused;
}

static void test_bounded_buffer(void)
{
    cthread_t disturbing;

    fork_all(producer_or_consumer);
    disturbing = cthread_fork(disturber, NULL);
    while (cthread_count() > 2)
        sleep_ms(1);
    buffer.done = 1;
    cthread_join(disturbing);
    is(join_all(), THREADS / 2 * (ROUNDS * (ROUNDS + 1) / 2),
       "a bounded buffer loses and doubles nothing, whatever thread_abort disturbs");
    is(buffer.count, 0, "and is empty in the end");
}

// ---- the C library ------------------------------------------------------------------------------

// Allocates, fills, checks and frees; meanwhile maps memory of its own, which must not come to lie
// in the heap.
static any_t allocate_and_check(any_t number)
{
    unsigned state = (unsigned)number + 1;
    int wrong = 0;

    for (int i = 0; i < 60; i++) {
        size_t size = 1 + random_number(&state) % 150000;
        unsigned char *block = malloc(size);
        vm_address_t page;

        memset(block, (int)number, size);
        vm_allocate(mach_task_self(), &page, 2 * PAGE_SIZE, TRUE);
        wrong += *(int *)page != 0;
        *(int *)page = (int)number + 1000;
        cthread_yield();
        wrong += *(int *)page != (int)number + 1000;
        wrong += block[0] != (unsigned char)(int)number || block[size - 1] != block[0];
        vm_deallocate(mach_task_self(), page, 2 * PAGE_SIZE);
        free(block);
    }
    return (any_t)wrong;
}

// Each thread walks through a sentence of its own; strtok and errno keep their place per thread.
static any_t split_words(any_t number)
{
    char text[] = "a bb ccc dddd eeeee", *word = strtok(text, " ");
    int wrong = 0, length = 1;

    for (; word != NULL; word = strtok(NULL, " "), length++) {
        errno = (int)number;
        wrong += (int)strlen(word) != length;
        cthread_yield();
        wrong += errno != (int)number;
    }
    return (any_t)(wrong + (length != 6));
}

// native.t looks at these lines.
static any_t print_lines(any_t number)
{
    for (int i = 0; i < 20; i++)
        printf("# thread %d says that this is its line %d, and nobody else's\n", (int)number, i);
    return 0;
}

static void test_library(void)
{
    fork_all(allocate_and_check);
    is(join_all(), 0, "malloc and vm_allocate from 12 threads keep apart");
    fork_all(split_words);
    is(join_all(), 0, "strtok and errno are each thread's own");
    fork_all(print_lines);
    join_all();
}

// ---- births and deaths --------------------------------------------------------------------------

static any_t one_more(any_t number)
{
    return (any_t)((int)number + 1);
}

static any_t fork_others(any_t number)
{
    int sum = 0;

    for (int i = 0; i < 15; i++)
        if (i % 3 == 0)
            cthread_detach(cthread_fork(one_more, 0));
        else
            sum += (int)cthread_join(cthread_fork(one_more, number));
    cthread_exit((any_t)sum);
}

static any_t wait_for_ever(any_t unused)
{
    for (;;)
        sleep(1000);
    return unused;
}

static void test_lives(void)
{
    cthread_t killed;

    fork_all(fork_others);
    is(join_all(), 10 * THREADS * (THREADS + 1) / 2, "threads fork, join and detach others");
    sleep_ms(20);
    is(cthread_count(), 1, "all have ended");
    killed = cthread_fork(wait_for_ever, NULL);
    sleep_ms(1);
    thread_terminate(cthread_thread(killed));
    cthread_killed(killed);
    is((int)cthread_join(killed), 0, "who was killed can be joined");
    cthread_join(cthread_fork(one_more, 0)); // frees the last detached ones
}

// ---- sleeping -----------------------------------------------------------------------------------

static any_t nap(any_t seconds)
{
    return (any_t)sleep((unsigned)seconds);
}

static void test_sleep(void)
{
    cthread_t thread = cthread_fork(nap, (any_t)5);

    is(usleep(2000), 0, "usleep");
    thread_abort(cthread_thread(thread));
    is((int)cthread_join(thread), 5, "sleep tells how much of it thread_abort has cut off");
    is((int)sleep(0), 0, "no sleep is over at once");
}

void test_stress(void)
{
    unsigned names, pages, lives = count_threads();
    char *heap;

    test_lives(); // so that all has been grown that grows
    names = count_names();
    pages = count_pages();
    heap = sbrk(0);
    test_bounded_buffer();
    test_library();
    test_lives();
    test_sleep();
    is((int)count_names(), (int)names, "crowds leave no names behind");
    is((int)count_threads(), (int)lives, "nor threads");
    is((int)count_pages(), (int)pages, "nor stacks");
    ok((char *)sbrk(0) - heap < 1 << 20, "nor much heap");
}
