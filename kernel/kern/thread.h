// SPDX-License-Identifier: BSD-2-Clause
// Threads. A thread is always in one of these states:
//
//        create           dispatch              exit
//   NEW ───────▶ READY ◀──────────▶ RUNNING ─────────▶ DEAD
//                  ▲                   │
//                  └──── WAITING ◀─────┘  (on a wait queue, for a deadline, or stopped)
//
// Suspension and termination take effect where the thread is about to enter user mode, in
// return_to_user_checks: there it waits while its suspend count is positive, and there it ends when it
// was terminated. A thread in the kernel is therefore never torn away from what it holds; one that is
// already at that boundary (stopped, new, or waiting for its turn there) holds nothing and ends at once.
#pragma once

#include <mach/message.h>
#include "kern/sched.h"
#include "kern/timer.h"
#include "kern/waitq.h"
#include "x86/context.h"
#include "x86/cpu.h"

enum thread_run_state { THREAD_NEW, THREAD_READY, THREAD_RUNNING, THREAD_WAITING, THREAD_DEAD };

// What a thread that waits to receive tells the sender, and what the sender leaves for it (ipc).
struct thread_ipc {
    struct kmsg *kmsg;          // the message handed over, with WAIT_AWAKENED
    mach_msg_return_t result;   // why there is none, with WAIT_DESTROYED
    const struct message_arguments *receive; // what it asked for; good while it waits
    mach_msg_size_t large_size; // with MACH_RCV_TOO_LARGE and MACH_RCV_LARGE: the size it needs
    struct scatter *scatter;    // where it wants out-of-line data; NULL but in mach_msg_overwrite
};

struct thread {
    uint32_t refs;                 // one for being alive, one per holder of a pointer
    struct port *self;             // kernel port of the thread; the thread holds a reference
    struct machine_thread machine; // x86's half
    struct task *task;             // a reference is held
    struct list task_link;         // task->threads
    uint32_t number;               // for people: counts from 1 in its task; the kernel's from 0, idle

    // ports
    struct port *sself;  // THREAD_KERNEL_PORT as others set it: a send right, or NULL
    struct exception_actions *exceptions; // NULL: none

    // scheduling (kern/sched.c)
    enum thread_run_state state;
    int policy;             // POLICY_TIMESHARE, POLICY_RR, POLICY_FIFO
    int base_priority;      // 0 most urgent … 127
    int priority;           // base plus decay: the run queue it is in
    int max_priority;       // the most urgent base it may ask for
    bool depressed;         // thread_switch(DEPRESS) or swtch_pri, until depress_timer
    struct timer depress_timer;
    uint32_t quantum_ms;    // length of a turn (not FIFO)
    uint32_t turn;          // cycles used of a turn that it had to interrupt; 0 while it runs
    uint32_t usage;         // cycles used lately; decays
    uint64_t usage_mark;    // until which of its `cycles` they are counted
    uint64_t decay_due;     // when usage decays next, in cycles
    struct list run_link;   // run queue
    uint32_t ast;           // AST_*, but for RESCHEDULE: becomes cpu->ast when it runs
    uint64_t cycles;        // processor time, in cpu_cycles() units; while it runs: less what that
                            // clock showed when it began, so that adding what it shows is all
    uint64_t system_cycles; // of these, in kernel calls and faults (thread_system_begin)
    uint64_t stopped_at;    // when it last ran

    // waiting (kern/waitq.c)
    struct waitq *waitq;            // NULL while waiting: only for the deadline
    struct list wait_link;
    struct timer wait_timer;
    enum wait_result wait_result;
    bool wait_interruptible;
    const char *wait_reason;        // a word, valid while WAITING

    // control (kern/thread.c)
    uint32_t suspend_count;         // by users: thread_suspend; all of them are one hold
    uint32_t hold_count;            // reasons to stop; the task's suspend count comes on top
    bool terminating;               // ends at its next return to user mode
    bool aborted;                   // thread_abort met it in the kernel: its next interruptible wait
                                    // before it returns to user mode fails at once
    bool wired;                     // thread_wire: may have the last pages
    bool at_user_boundary;          // stopped or new: user registers are complete and quiet
    struct list locks;              // that it owns: lock->owner_link (kern/lock_set.c)
    struct waitq stop_waiters;      // threads that wait for it to reach the boundary
    struct thread_ipc ipc;
};

// Whether it may have the last pages of memory: if it may be as urgent as the servers, or is wired.
static inline bool thread_has_reserve(const struct thread *thread)
{
    return thread->max_priority <= PRIORITY_SERVER || thread->wired;
}

// ---- the parts of waiting and waking (waitq.c, sched.c) ----
// The first waiter; NULL when there is none.
static inline struct thread *waitq_first(const struct waitq *q)
{
    return waitq_empty(q) ? NULL : container_of(q->threads.next, struct thread, wait_link);
}
// Behind the last waiter that is at least as urgent. Nearly always that is the tail.
static inline void waitq_insert(struct waitq *q, struct thread *thread)
{
    struct list *after = q->threads.prev;

    if (!q->fifo)
        while (after != &q->threads && container_of(after, struct thread, wait_link)->base_priority >
                                           thread->base_priority)
            after = after->prev;
    list_insert_before(after->next, &thread->wait_link);
    thread->waitq = q;
}
// Ends a wait: the thread is on no queue now and has no deadline.
static inline void waitq_leave(struct thread *thread)
{
    debug_assert(thread->state == THREAD_WAITING);
    if (thread->waitq) {
        list_remove(&thread->wait_link);
        thread->waitq = NULL;
    }
    if (tree_contains(&thread->wait_timer.node))
        timer_cancel(&thread->wait_timer);
}

extern unsigned thread_count; // user threads alive, in the whole system
extern uint64_t ended_system_cycles; // of threads that are no more

void thread_init(void); // makes the idle thread
// Starts a thread that never leaves the kernel; `body` begins with sched_switched() and does not return.
void thread_start_kernel(void (*body)(void), int priority);
// A new thread of `task`, which is alive: NEW and suspended once, with clean registers; one reference
// for the caller. KERN_RESOURCE_SHORTAGE.
kern_return_t thread_make(struct task *task, struct thread **thread);
void thread_deallocate(struct thread *thread); // NULL is fine
// Holds, counted: those of users (thread_suspend) and the kernel's own. `thread_hold` on the current
// thread takes effect at its boundary; the last `thread_release` lets a stopped or new thread go,
// unless its task is suspended. A new thread has one hold, its first suspension.
void thread_hold(struct thread *thread);
void thread_release(struct thread *thread);
// Makes the thread look at what is asked of it before it next runs user code.
void thread_post(struct thread *thread);
// Starts a new thread, or one that is stopped at its boundary, unless something still holds it.
void thread_let_go(struct thread *thread);
bool thread_is_held(const struct thread *thread); // by a hold or by its task
// Waits until `thread` (held, not current) is at its user boundary, or blocked in the kernel: in
// both cases its user registers lie still. KERN_ABORTED: the caller's wait was interrupted;
// KERN_TERMINATED: the thread has ended.
kern_return_t thread_wait_stopped(struct thread *thread);
// Puts the current thread at the lowest priority until it runs next, or for `ms` (0: no limit).
void thread_depress(uint32_t ms);
void thread_undepress(struct thread *thread);

// Brackets around work that the kernel does for the current thread; may block in between.
static inline uint64_t thread_system_begin(void)
{
    struct thread *self = current_thread();

    return self->cycles + cpu_cycles();
}
static inline void thread_system_end(uint64_t begin)
{
    struct thread *self = current_thread();

    self->system_cycles += self->cycles + cpu_cycles() - begin;
}
