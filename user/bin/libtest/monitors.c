// SPDX-License-Identifier: BSD-2-Clause
// Binary semaphores, monitors, readers-writer locks, barriers (<monitors.h>): who goes when, and that
// nobody is lost or inside with another.
#include "check.h"

#include <cthreads.h>
#include <monitors.h>
#include <string.h>

#define CROWD 6
#define ROUNDS 40

// What happened, in order: a letter each.
static char trail[200];
static int length;

static void leave(char letter)
{
    if (length < (int)sizeof(trail) - 1)
        trail[length++] = letter;
    trail[length] = '\0';
}

static void is_trail(const char *want, const char *rule)
{
    ok(strcmp(trail, want) == 0, rule);
    length = 0;
    trail[0] = '\0';
}

// A thread that has come as far as it gets by itself.
static cthread_t start(cthread_fn_t function, long argument)
{
    cthread_t thread = cthread_fork(function, (any_t)argument);

    sleep_ms(2);
    return thread;
}

static void join(cthread_t *threads, int count)
{
    for (int i = 0; i < count; i++)
        cthread_join(threads[i]);
}

// How many are inside something at the moment, and the most there have been.
static volatile int inside, most;

static void pass_through(void)
{
    if (++inside > most)
        most = inside;
    cthread_yield();
    inside--;
}

// ---- binary semaphores ------------------------------------------------------------------------

static struct binary_semaphore binary = BINARY_SEMAPHORE_INITIALIZER(TRUE);

static any_t exclude(any_t unused)
{
    for (int i = 0; i < ROUNDS; i++) {
        binary_semaphore_wait(&binary);
        pass_through();
        binary_semaphore_signal(&binary);
    }
    return unused;
}

static any_t take_one(any_t letter)
{
    binary_semaphore_wait(&binary);
    leave((char)(long)letter);
    return letter;
}

static void test_binary(void)
{
    cthread_t threads[CROWD];

    most = 0;
    for (int i = 0; i < CROWD; i++)
        threads[i] = cthread_fork(exclude, NULL);
    join(threads, CROWD);
    is(most, 1, "a binary semaphore excludes");
    ok(binary_semaphore_try(&binary), "what was given up last is there to be taken");
    ok(!binary_semaphore_try(&binary), "  once");
    binary_semaphore_signal(&binary);
    binary_semaphore_signal(&binary);
    ok(binary_semaphore_try(&binary) && !binary_semaphore_try(&binary), "two signals leave one");
    for (int i = 0; i < 3; i++)
        threads[i] = start(take_one, "abc"[i]);
    binary_semaphore_signal(&binary);
    ok(!binary_semaphore_try(&binary), "a signal goes to who waits: nobody can overtake");
    binary_semaphore_signal(&binary);
    binary_semaphore_signal(&binary);
    join(threads, 3);
    is_trail("abc", "  in the order of arrival");
}

// ---- monitors ---------------------------------------------------------------------------------

static struct monitor monitor = MONITOR_INITIALIZER;
static struct monitor_condition condition = MONITOR_CONDITION_INITIALIZER(&monitor);

static any_t wait_inside(any_t letter)
{
    monitor_enter(&monitor);
    monitor_wait(&condition);
    leave((char)(long)letter);
    monitor_leave(&monitor);
    return letter;
}

static any_t come_in(any_t letter)
{
    monitor_enter(&monitor);
    leave((char)(long)letter);
    monitor_leave(&monitor);
    return letter;
}

// With two threads a and b that wait and one, c, that stands at the entry: the caller's own letters are
// S before and s after the signal.
static void scene(void (*signal)(monitor_condition_t), boolean_t leaves)
{
    cthread_t threads[3];

    for (int i = 0; i < 2; i++)
        threads[i] = start(wait_inside, "ab"[i]);
    monitor_enter(&monitor);
    ok(monitor_queue(&condition), "monitor_queue says that somebody waits");
    threads[2] = start(come_in, 'c');
    leave('S');
    signal(&condition);
    if (!leaves) {
        leave('s');
        monitor_leave(&monitor);
    }
    sleep_ms(2);
    monitor_enter(&monitor);
    leave(monitor_queue(&condition) ? '+' : '-');
    monitor_notify_all(&condition);
    ok(!monitor_queue(&condition), "  and that nobody does after monitor_notify_all");
    monitor_leave(&monitor);
    join(threads, 3);
}

static void test_signals(void)
{
    monitor_enter(&monitor);
    ok(!monitor_queue(&condition), "monitor_queue says that nobody waits");
    monitor_signal(&condition);
    monitor_notify(&condition);
    monitor_signal_leave(&condition);
    monitor_enter(&monitor);
    ok(1, "a signal that nobody waits for changes nothing, and the monitor is free again");
    monitor_leave(&monitor);
    scene(monitor_signal, FALSE);
    is_trail("Sasc+b", "Hoare: the waiter goes on at once, then who signalled, then who wants in");
    scene(monitor_signal_leave, TRUE);
    is_trail("Sac+b", "signal and leave: the waiter goes on, then who wants in");
    scene(monitor_notify, FALSE);
    is_trail("Ssca+b", "Mesa: who signalled goes on, the waiter comes behind who wants in");
    scene(monitor_notify_all, FALSE);
    is_trail("Sscab-", "Mesa: everybody comes in, in the order of waiting");
}

// A buffer of two places, with `if` in the place of `while`: Hoare's signal permits it.
static struct monitor buffer = MONITOR_INITIALIZER;
static struct monitor_condition not_full = MONITOR_CONDITION_INITIALIZER(&buffer);
static struct monitor_condition not_empty = MONITOR_CONDITION_INITIALIZER(&buffer);
static int held, overflows, taken;

static any_t produce(any_t unused)
{
    for (int i = 0; i < ROUNDS; i++) {
        monitor_enter(&buffer);
        if (held == 2)
            monitor_wait(&not_full);
        overflows += held >= 2;
        pass_through();
        held++;
        monitor_signal(&not_empty);
        monitor_leave(&buffer);
    }
    return unused;
}

static any_t consume(any_t unused)
{
    for (int i = 0; i < ROUNDS; i++) {
        monitor_enter(&buffer);
        if (held == 0)
            monitor_wait(&not_empty);
        overflows += held <= 0;
        pass_through();
        held--;
        taken++;
        monitor_signal(&not_full);
        monitor_leave(&buffer);
    }
    return unused;
}

static void test_buffer(void)
{
    cthread_t threads[CROWD];

    most = 0;
    for (int i = 0; i < CROWD; i++)
        threads[i] = cthread_fork(i % 2 ? produce : consume, NULL);
    join(threads, CROWD);
    is(taken, CROWD / 2 * ROUNDS, "a bounded buffer in a monitor: everything arrives");
    is(overflows, 0, "  what a waiter was told by Hoare's signal is true when it goes on");
    is(most, 1, "  one at a time is inside");
    is(held, 0, "  nothing is left");
}

// ---- readers and writers ----------------------------------------------------------------------

static struct rwlock lock = RWLOCK_INITIALIZER;
static volatile int readers, writers, clashes, together;

static any_t read_or_write(any_t which)
{
    for (int i = 0; i < ROUNDS; i++) {
        if ((long)which % 3 == 0) {
            rwlock_write(&lock);
            clashes += ++writers > 1 || readers > 0;
            cthread_yield();
            writers--;
        } else {
            rwlock_read(&lock);
            clashes += writers > 0;
            if (++readers > together)
                together = readers;
            cthread_yield();
            readers--;
        }
        rwlock_done(&lock);
    }
    return which;
}

static any_t read_once(any_t letter)
{
    rwlock_read(&lock);
    leave((char)(long)letter);
    sleep_ms(5);
    leave((char)((long)letter + 'A' - 'a'));
    rwlock_done(&lock);
    return letter;
}

static any_t write_once(any_t letter)
{
    rwlock_write(&lock);
    leave((char)(long)letter);
    sleep_ms(5);
    leave((char)((long)letter + 'A' - 'a'));
    rwlock_done(&lock);
    return letter;
}

static void test_rwlock(void)
{
    cthread_t threads[CROWD];

    for (int i = 0; i < CROWD; i++)
        threads[i] = cthread_fork(read_or_write, (any_t)(long)i);
    join(threads, CROWD);
    is(clashes, 0, "a writer is alone");
    ok(together > 1, "readers are together");
    rwlock_read(&lock);
    ok(rwlock_try_read(&lock) && !rwlock_try_write(&lock), "what is read can be read, not written");
    threads[0] = start(write_once, 'w');
    ok(!rwlock_try_read(&lock), "nobody begins to read when a writer waits");
    threads[1] = start(read_once, 'a');
    threads[2] = start(read_once, 'b');
    threads[3] = start(write_once, 'x');
    threads[4] = start(read_once, 'c');
    rwlock_done(&lock);
    rwlock_done(&lock);
    join(threads, 5);
    is_trail("wWabABxXcC", "turns go by arrival, readers that stand together read together");
    ok(rwlock_try_write(&lock) && !rwlock_try_read(&lock), "what is written can not be read");
    rwlock_done(&lock);
    ok(rwlock_try_read(&lock), "afterwards it can");
    rwlock_done(&lock);
}

// ---- barriers ---------------------------------------------------------------------------------

static struct barrier barrier = BARRIER_INITIALIZER(CROWD);
static volatile int reached[CROWD];
static int apart, lasts;

static any_t keep_step(any_t which)
{
    int self = (int)(long)which;

    for (int i = 0; i < ROUNDS; i++) {
        for (int k = 0; k < (self * 7 + i) % 4; k++)
            cthread_yield();
        reached[self] = i;
        lasts += barrier_wait(&barrier);
        for (int k = 0; k < CROWD; k++)
            apart += reached[k] != i;
        barrier_wait(&barrier);
    }
    return which;
}

static void test_barrier(void)
{
    cthread_t threads[CROWD];

    for (int i = 0; i < CROWD; i++)
        threads[i] = cthread_fork(keep_step, (any_t)(long)i);
    join(threads, CROWD);
    is(apart, 0, "nobody passes a barrier before all have come, round after round");
    is(lasts, ROUNDS, "one of them is told that it came last");
    barrier_init(&barrier, 1);
    ok(barrier_wait(&barrier), "alone one never waits");
}

void test_monitors(void)
{
    unsigned names = count_names(), running = count_threads();

    test_binary();
    test_signals();
    test_buffer();
    test_rwlock();
    test_barrier();
    is((int)count_names(), (int)names, "all that leaves no names");
    is((int)count_threads(), (int)running, "  and no threads");
}
