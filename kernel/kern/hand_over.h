// SPDX-License-Identifier: BSD-2-Clause
// The switch from the sender of a message to a thread that waits for just that: both ends at once, and
// no run queue is touched. In a header because it is most of what a short RPC costs; sched.c has the
// switch that everybody else makes.
#pragma once

#include "kern/sched.h"
#include "kern/task.h"
#include "kern/thread.h"
#include "x86/context.h"

// Whether `next` is to run before all that are ready when the current thread leaves it the processor. Not
// if that is more urgent and others are waiting for their turn beside `next`: the two might call each other
// for ever, and no tick ever find `next`.
static inline bool sched_is_next(const struct thread *next)
{
    return next->priority + (current_thread()->priority < next->priority) <= sched_best_ready();
}

// Makes `next` the thread that runs here, from `now` (cpu_cycles()) on.
static inline void sched_change_current(struct thread *self, struct thread *next, uint64_t now)
{
    struct cpu *cpu = this_cpu();

    self->cycles += now;
    self->stopped_at = now;
    next->cycles -= now;
    next->state = THREAD_RUNNING;
    cpu->current = next;
    cpu->ast = next->ast;
}

// The current thread, which has no AST pending, waits on `q` for good ("receive"), and the wait of `next`,
// which is at least as urgent as any that is ready, is over. Books all that a switch is; the address space
// is that of `next` already.
static inline void sched_change_places(struct waitq *q, struct thread *self, struct thread *next)
{
    struct task *task = next->task;

    waitq_leave(next);
    waitq_insert(q, self);
    self->wait_interruptible = true;
    self->wait_reason = "receive";
    self->state = THREAD_WAITING;
    sched_change_current(self, next, cpu_cycles());
    task->events.csw++;
    this_cpu()->task = &task->entry;
}

// Gives the processor, with the rest of the turn, straight to `next`, which waits in a trap that is over
// now, successfully.
static inline enum wait_result sched_hand_over(struct waitq *q, struct thread *next)
{
    struct thread *self = current_thread();

    sched_change_places(q, self, next);
    context_finish_trap(&self->machine, &next->machine);
    if (processors[0].dead)
        sched_switched();
    return self->wait_result;
}

// The same, but `next` goes on in the kernel, where it is told WAIT_AWAKENED.
static inline enum wait_result sched_hand_back(struct waitq *q, struct thread *next)
{
    struct thread *self = current_thread();

    next->wait_result = WAIT_AWAKENED;
    sched_change_places(q, self, next);
    context_switch(&self->machine, &next->machine);
    if (processors[0].dead)
        sched_switched();
    return self->wait_result;
}
