/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What threads of one program (cthreads.h) can wait for besides mutexes and conditions: binary
 * semaphores, monitors, readers-writer locks, barriers. All of them are memory of the program's, to which
 * no kernel object belongs: a zeroed one is free and without waiters (a barrier wants barrier_init), and
 * can be thrown away when nobody uses it. Who waits waits in line, first come first served; what is given
 * up is given straight to the next, so nobody can overtake. thread_abort() ends no such wait.
 *
 * Implemented in user/lib/threads/; docs/native-programs.md has an example.
 */
#ifndef _MONITORS_H_
#define _MONITORS_H_

#include <mach/boolean.h>

struct waiter; /* a thread that waits; on its own stack (user/lib/threads/waiters.h) */

/* Threads in line. */
struct waiter_line {
    struct waiter *first; /* longest wait */
    struct waiter *last;
};

/* ---- binary semaphores ---------------------------------------------------------------------- */

/* Holds one or nothing. Unlike a mutex it may be signalled by anybody. */
struct binary_semaphore {
    boolean_t there; /* there is one to take; then nobody waits */
    struct waiter_line line;
};
typedef struct binary_semaphore *binary_semaphore_t;

#define BINARY_SEMAPHORE_INITIALIZER(there) {(there), {0, 0}}

/* Takes what is there, waiting for it if need be. */
void binary_semaphore_wait(binary_semaphore_t semaphore);
/* The same without waiting: whether there was something to take. */
boolean_t binary_semaphore_try(binary_semaphore_t semaphore);
/* Lets the first in line have it; without one there is one to take then, however many there were. */
void binary_semaphore_signal(binary_semaphore_t semaphore);

/* ---- monitors ------------------------------------------------------------------------------- */

/* One thread at a time is inside: between monitor_enter and monitor_leave, and not in monitor_wait. */
struct monitor {
    boolean_t busy;            /* somebody is inside */
    struct waiter_line urgent; /* who signalled, and goes on before anybody else comes in */
    struct waiter_line entry;  /* who wants in */
};
typedef struct monitor *monitor_t;

#define MONITOR_INITIALIZER {FALSE, {0, 0}, {0, 0}}

/* What threads inside a monitor wait for. All calls on it are made inside. */
struct monitor_condition {
    monitor_t monitor;
    struct waiter_line line;
};
typedef struct monitor_condition *monitor_condition_t;

#define MONITOR_CONDITION_INITIALIZER(monitor) {(monitor), {0, 0}}

void monitor_enter(monitor_t monitor);
void monitor_leave(monitor_t monitor);
/* Leaves the monitor, waits for a signal, and is inside again. */
void monitor_wait(monitor_condition_t condition);
/* Hoare's signal: the first who waits goes on at once, inside, and the caller waits until the monitor is
 * free again: what the caller has made true is still true for the waiter, who need not look again.
 * Nothing happens if nobody waits. */
void monitor_signal(monitor_condition_t condition);
/* Hoare's signal as the last thing that the caller does inside: instead of monitor_leave. */
void monitor_signal_leave(monitor_condition_t condition);
/* Mesa's signal: the first who waits, or everybody, comes in as if just arrived, when the caller and those
 * in line before have left: so the waiter has to look again whether it is true what it waited for. */
void monitor_notify(monitor_condition_t condition);
void monitor_notify_all(monitor_condition_t condition);
/* Whether somebody waits for the condition: Hoare's `queue`. */
boolean_t monitor_queue(monitor_condition_t condition);

/* ---- readers and writers -------------------------------------------------------------------- */

/* Held by one writer, or by any number of readers. Readers who come when somebody waits wait as well, so
 * that neither kind can keep the other out. */
struct rwlock {
    int readers;    /* who hold it */
    boolean_t writer; /* one holds it */
    struct waiter_line line;
};
typedef struct rwlock *rwlock_t;

#define RWLOCK_INITIALIZER {0, FALSE, {0, 0}}

void rwlock_read(rwlock_t lock);
void rwlock_write(rwlock_t lock);
/* The same without waiting: whether the caller holds it now. */
boolean_t rwlock_try_read(rwlock_t lock);
boolean_t rwlock_try_write(rwlock_t lock);
/* Gives up what the caller holds. */
void rwlock_done(rwlock_t lock);

/* ---- barriers ------------------------------------------------------------------------------- */

/* Where `parties` threads wait for each other, again and again. */
struct barrier {
    int parties;
    int arrived; /* who wait now */
    struct waiter_line line;
};
typedef struct barrier *barrier_t;

#define BARRIER_INITIALIZER(parties) {(parties), 0, {0, 0}}

void barrier_init(barrier_t barrier, int parties); /* at least 1 */
/* Waits until all parties have come; then all go on, and the barrier is as before. TRUE for the last that
 * came, FALSE for the others. */
boolean_t barrier_wait(barrier_t barrier);

#endif
