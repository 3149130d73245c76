// SPDX-License-Identifier: BSD-2-Clause
// Threads (thread.h): making them, stopping them, ending them.
//
// Everything that stops a thread (suspend counts, termination, a pending abort) only raises AST_THREAD;
// the thread looks at it in return_to_user_checks, the one place where it holds nothing. Whoever needs
// the registers of another thread to lie still waits in thread_wait_stopped. Read next: sched.c for how
// a thread runs, thread_calls.c for what users can ask of it.
#include "kern/thread.h"
#include "kern/trace.h"
#include <mach/policy.h>
#include "ipc/port.h"
#include "kern/exception.h"
#include "kern/ledger.h"
#include "kern/lock_set.h"
#include "kern/task.h"
#include "mach_server.h"
#include "x86/interrupt.h"
#include "x86/upcall.h"

unsigned thread_count;
uint64_t ended_system_cycles;

static struct slab_cache thread_cache = SLAB_CACHE(thread_cache, "thread", sizeof(struct thread));

// ---- making ----

static void wait_expired(struct timer *timer)
{
    waitq_wake_thread(container_of(timer, struct thread, wait_timer), WAIT_TIMED_OUT);
}

static void depression_expired(struct timer *timer)
{
    struct thread *thread = container_of(timer, struct thread, depress_timer);

    thread->depressed = false;
    sched_update_priority(thread);
}

// A cleared thread with one reference, in no task. NULL when memory is short.
static struct thread *thread_alloc(void (*start)(void))
{
    struct thread *thread = slab_alloc(&thread_cache);

    if (!thread)
        return NULL;
    memset(thread, 0, sizeof(*thread));
    if (machine_thread_init(&thread->machine, start) != KERN_SUCCESS) {
        slab_free(&thread_cache, thread);
        return NULL;
    }
    thread->refs = 1;
    thread->state = THREAD_NEW;
    thread->at_user_boundary = true;
    list_init(&thread->task_link);
    list_init(&thread->run_link);
    list_init(&thread->wait_link);
    list_init(&thread->locks);
    waitq_init(&thread->stop_waiters);
    timer_init(&thread->wait_timer, wait_expired);
    timer_init(&thread->depress_timer, depression_expired);
    thread->stopped_at = thread->decay_due = cpu_cycles();
    return thread;
}

static void thread_free(struct thread *thread)
{
    machine_thread_destroy(&thread->machine);
    if (thread->task)
        ledger_credit(thread->task->ledger, MINATO_LIMIT_THREADS, 1);
    task_deallocate(thread->task);
    slab_free(&thread_cache, thread);
}

// Where a user thread begins when it first runs; it returns to user mode.
static void user_thread_start(void)
{
    if (processors[0].dead)
        sched_switched();
    return_to_user_checks();
}

// A new thread begins with its maker's usage, so that nobody gets ahead by making threads.
static void inherit_policy(struct thread *thread, const struct task *task)
{
    const struct thread *maker = current_thread();

    thread->usage = maker->usage;
    thread->decay_due = maker->decay_due;
    thread->policy = task->policy;
    thread->base_priority = thread->priority = task->priority;
    thread->max_priority = task->max_priority;
    thread->quantum_ms = task->quantum_ms;
}

kern_return_t thread_make(struct task *task, struct thread **result)
{
    struct thread *thread;

    kassert(task->alive);
    if (!ledger_allows(task->ledger, MINATO_LIMIT_THREADS, 1) ||
        (thread = thread_alloc(user_thread_start)) == NULL)
        return KERN_RESOURCE_SHORTAGE;
    thread->self = port_make_kernel(PORT_THREAD, thread);
    if (!thread->self) {
        thread_free(thread);
        return KERN_RESOURCE_SHORTAGE;
    }
    thread->sself = port_make_send(thread->self);
    thread->refs = 2; // alive, and the caller's
    thread->suspend_count = 1;
    thread->hold_count = 1;
    thread->ast = AST_THREAD;
    inherit_policy(thread, task);
    task->refs++;
    thread->task = task;
    ledger_add(task->ledger, MINATO_LIMIT_THREADS, 1);
    thread->number = task->next_thread_number++;
    list_insert_tail(&task->threads, &thread->task_link);
    task->thread_count++;
    thread_count++;
    *result = thread;
    return KERN_SUCCESS;
}

// Runs when nobody is ready. It counts as waiting, so that it is never on a run queue.
static void idle_body(void)
{
    struct thread *self = current_thread();

    sched_switched();
    for (;;) {
        while (sched_best_ready() == PRIORITY_LEVELS)
            cpu_idle();
        self->state = THREAD_WAITING;
        sched_switch(NULL);
    }
}

static struct thread *make_kernel_thread(void (*body)(void), int priority)
{
    static uint32_t made;
    struct thread *thread = thread_alloc(body);

    if (!thread)
        panic("no memory for a thread of the kernel's: give the machine more memory (-m)");
    thread->number = made++;
    thread->at_user_boundary = false;
    thread->policy = POLICY_FIFO;
    thread->base_priority = thread->priority = thread->max_priority = priority;
    return thread;
}

void thread_init(void)
{
    processors[0].idle = make_kernel_thread(idle_body, PRIORITY_NONE);
}

void thread_start_kernel(void (*body)(void), int priority)
{
    sched_ready(make_kernel_thread(body, priority));
}

void thread_deallocate(struct thread *thread)
{
    if (!thread)
        return;
    kassert(thread->refs > 0);
    if (--thread->refs > 0)
        return;
    kassert(thread->state == THREAD_DEAD);
    thread_free(thread);
}

// ---- stopping ----

bool thread_is_held(const struct thread *thread)
{
    return thread->hold_count > 0 || thread->task->suspend_count > 0;
}

void thread_post(struct thread *thread)
{
    thread->ast |= AST_THREAD;
    if (thread == current_thread())
        this_cpu()->ast |= AST_THREAD;
}

void thread_let_go(struct thread *thread)
{
    if (thread_is_held(thread))
        return;
    if (thread->state == THREAD_NEW)
        sched_ready(thread);
    else if (thread->state == THREAD_WAITING && thread->at_user_boundary)
        waitq_wake_thread(thread, WAIT_AWAKENED);
}

void thread_hold(struct thread *thread)
{
    thread->hold_count++;
    thread_post(thread);
}

void thread_release(struct thread *thread)
{
    kassert(thread->hold_count > 0);
    thread->hold_count--;
    if (thread->state != THREAD_DEAD)
        thread_let_go(thread);
}

kern_return_t thread_wait_stopped(struct thread *thread)
{
    while (!thread->terminating) {
        if (thread->at_user_boundary || thread->state == THREAD_WAITING)
            return KERN_SUCCESS;
        if (waitq_wait(&thread->stop_waiters, WAIT_FOREVER, true, "thread stop") ==
            WAIT_INTERRUPTED)
            return KERN_ABORTED;
    }
    return KERN_TERMINATED;
}

// Ends the kernel wait that it is in, or makes its next one on its way out of the kernel fail; does
// nothing to a thread in user mode.
kern_return_t thread_abort(thread_act_t thread)
{
    thread_undepress(thread);
    if (thread == current_thread() || thread->at_user_boundary)
        return KERN_SUCCESS;
    if (thread->state == THREAD_WAITING && thread->wait_interruptible) {
        waitq_wake_thread(thread, WAIT_INTERRUPTED);
        return KERN_SUCCESS;
    }
    thread->aborted = true;
    thread_post(thread);
    return KERN_SUCCESS;
}

// The same, but for a wait that cannot be repeated.
kern_return_t thread_abort_safely(thread_act_t thread)
{
    if (thread->state == THREAD_WAITING && !thread->wait_interruptible && !thread->at_user_boundary)
        return KERN_FAILURE;
    return thread_abort(thread);
}

// ---- ending ----

// Takes a thread that will never run again out of its task and tells who waits for it.
static void leave_task(struct thread *thread)
{
    struct task *task = thread->task;

    timer_cancel(&thread->wait_timer);
    timer_cancel(&thread->depress_timer);
    waitq_wake_all(&thread->stop_waiters, WAIT_DESTROYED);
    if (!list_empty(&thread->locks))
        locks_abandon(thread);
    port_release_send(thread->sself);
    thread->sself = NULL;
    exception_actions_release(&thread->exceptions);
    list_remove(&thread->task_link);
    task->thread_count--;
    thread_count--;
    task->dead_cycles += sched_thread_cycles(thread);
    task->dead_system_cycles += thread->system_cycles;
    if (task->alive) // otherwise task_terminate has counted it
        ended_system_cycles += thread->system_cycles;
}

static __attribute__((noreturn)) void thread_exit(void)
{
    struct thread *self = current_thread();

    leave_task(self);
    self->state = THREAD_DEAD;
    sched_switch(NULL); // the next thread reaps it
    panic("a dead thread runs again");
}

// Ends a thread that holds nothing without letting it run.
static void end_at_boundary(struct thread *thread)
{
    if (thread->state == THREAD_READY)
        sched_unready(thread);
    leave_task(thread);
    thread->state = THREAD_DEAD;
    thread_deallocate(thread);
}

// Its port dies now, it ends at its next boundary. Harmless when done twice.
kern_return_t thread_terminate(thread_act_t thread)
{
    struct port *port = thread->self;

    if (thread->terminating)
        return KERN_SUCCESS;
    thread->terminating = true;
    thread->self = NULL;
    port_destroy_kernel(port);
    if (thread->at_user_boundary && thread != current_thread()) {
        end_at_boundary(thread);
        return KERN_SUCCESS;
    }
    thread_post(thread);
    if (thread->state == THREAD_WAITING && thread->wait_interruptible)
        waitq_wake_thread(thread, WAIT_INTERRUPTED);
    return KERN_SUCCESS;
}

// ---- the boundary ----

// Does what AST_THREAD asks of the current thread; may wait here, or end.
static void stop_at_boundary(struct thread *self)
{
    self->aborted = false;
    if (self->terminating)
        thread_exit();
    if (!thread_is_held(self)) {
        self->ast &= ~AST_THREAD;
        this_cpu()->ast &= ~AST_THREAD;
        return;
    }
    waitq_wake_all(&self->stop_waiters, WAIT_AWAKENED);
    self->wait_interruptible = false;
    self->wait_reason = "suspended";
    self->state = THREAD_WAITING;
    if (tracing())
        trace_block();
    sched_switch(NULL);
}

void return_to_user_checks(void)
{
    struct thread *self = current_thread();
    uint32_t ast;

    self->at_user_boundary = true;
    while ((ast = this_cpu()->ast)) {
        if (ast & AST_THREAD)
            stop_at_boundary(self);
        else if (ast & AST_RESCHEDULE)
            sched_preempt();
        else
            trace_return();
    }
    self->at_user_boundary = false;
}

// ---- depression ----

void thread_depress(uint32_t ms)
{
    struct thread *self = current_thread();

    self->depressed = true;
    if (ms > 0)
        timer_arm(&self->depress_timer, clock_now() + ms * 1000000ull);
    sched_update_priority(self);
}

void thread_undepress(struct thread *thread)
{
    if (!thread->depressed)
        return;
    thread->depressed = false;
    timer_cancel(&thread->depress_timer);
    sched_update_priority(thread);
}
