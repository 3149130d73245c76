// SPDX-License-Identifier: BSD-2-Clause
// The scheduler: 128 levels, 0 the most urgent, one FIFO queue each and a bitmap of the non-empty ones.
// Timeshare threads sink below their base priority as they use the processor and rise again as the
// usage decays; round-robin threads go to the tail of their level after a quantum; FIFO threads run
// until they block. All of it in virtual time, so a run can be repeated. docs/scheduling.md has the
// numbers and the reasons.
#pragma once

#include <mach/time_value.h>
#include "kern/timer.h"
#include "kern/waitq.h"
#include "x86/cpu.h"

#define PRIORITY_LEVELS 128
#define PRIORITY_KERNEL 4   // kernel threads
#define PRIORITY_SERVER 8   // bootstrap and the servers; ordinary programs stay below
#define PRIORITY_USER 64    // default base priority
#define PRIORITY_IDLE 127   // depressed threads run here
#define PRIORITY_NONE 128   // the idle thread: below every level

#define QUANTUM_MS 10       // default, and the longest time between two looks at who should run
#define QUANTUM_MAX_MS 1000

struct processor {
    struct list queues[PRIORITY_LEVELS];   // thread->run_link
    uint32_t bitmap[PRIORITY_LEVELS / 32]; // non-empty queues
    int best;                              // the first of them; PRIORITY_LEVELS: none
    struct thread *idle;
    struct thread *dead;        // switched away from for ever; reaped by the next thread. Never NULL
                                // while events are recorded: each switch then passes sched_switched
    bool watched;               // whoever becomes ready leaves nothing to do: quantum_timer is armed,
                                // and nothing is recorded
    uint32_t turn_start;        // of whoever runs: cpu_cycles(), as far as it goes
    struct timer quantum_timer; // armed while somebody is ready
    unsigned ticks;             // times it has gone off; every AGING_TICKS the ready threads age
};

extern struct processor processors[MAX_CPUS];

// From here on `current_thread()` is a thread (the boot thread, which never blocks).
void sched_init(void);
// Puts a thread that is not on a queue on its level's tail; asks for a switch when it is more urgent
// than the current thread.
void sched_ready(struct thread *thread);
// Gives the processor away: to `next`, which must not be on a queue (handoff), or, when that is NULL, to
// the best that is ready. The caller has set its own state: READY (and is put on its queue's tail),
// WAITING or DEAD. Returns when it runs again.
void sched_switch(struct thread *next);
// The first thing a new thread calls: the other end of the switch that started it.
void sched_switched(void);
// The recording of events has begun or ended.
void sched_trace(void);
// Takes a READY thread off its queue.
void sched_unready(struct thread *thread);
// For AST_RESCHEDULE: gives way if a more urgent thread is ready, or an equal one and the quantum is
// used up. A thread that had to give way before its quantum was up keeps its turn.
void sched_preempt(void);
// A preemption point (x86/cpu.h) where the thread gives way as well, if it should: for whoever relies on
// nothing but what it has counted references to.
void sched_point(void);
// The priority of the best ready thread; PRIORITY_LEVELS when there is none.
static inline int sched_best_ready(void)
{
    return processors[MAX_CPUS == 1 ? 0 : this_cpu()->number].best;
}
// Recomputes the priority after a change of base, policy, depression or usage.
void sched_update_priority(struct thread *thread);
__attribute__((noreturn)) void sched_start(struct thread *first);

// ---- processor time ----
// Cycles that a thread has used so far, the running one's current turn included.
uint64_t sched_thread_cycles(const struct thread *thread);
// The average number of threads that run or are ready, times LOAD_SCALE: over 5, 30, 60 seconds.
unsigned sched_load(unsigned which);
// Cycles since the scheduler has started.
uint64_t sched_cycles(void);
// Cycles to nanoseconds, by the ratio of both clocks since boot.
uint64_t sched_cycles_to_ns(uint64_t cycles);
// As thread_info and task_info give it.
static inline time_value_t time_of_cycles(uint64_t cycles)
{
    uint64_t us = sched_cycles_to_ns(cycles) / 1000;
    time_value_t value = {
        .seconds = (integer_t)(us / TIME_MICROS_MAX),
        .microseconds = (integer_t)(us % TIME_MICROS_MAX),
    };

    return value;
}
// The share of the processor that a thread used lately, in thousandths.
unsigned sched_thread_share(struct thread *thread);
