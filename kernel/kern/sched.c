// SPDX-License-Identifier: BSD-2-Clause
// The scheduler (sched.h): run queues, the switch, and the ageing of timeshare threads.
//
// Time is counted in processor cycles, which cost one instruction to read; the ratio of cycles to
// nanoseconds is taken from both clocks since boot, so there is no calibration. A thread's `usage` is
// the cycles it used, losing a sixteenth every DECAY_MS: whoever computes without a pause ends at
// USAGE_MS worth of it and SINK_LEVELS below its base. Read next: thread.c, docs/scheduling.md.
#include "kern/sched.h"
#include <mach/host_info.h>
#include <mach/policy.h>
#include "kern/hand_over.h"
#include "kern/task.h"
#include "kern/thread.h"
#include "kern/trace.h"
#include "vm/map.h"
#include "x86/interrupt.h"

#define DECAY_MS 8                // usage loses 1/16 in this time …
#define DECAY_STEPS_PER_HALF 11   // … so half of it in 11 of these: 88 ms
#define USAGE_MS (DECAY_MS * 16)  // where it settles when a thread never pauses
#define SINK_LEVELS 32            // what that costs in levels
#define AGING_TICKS 8             // quantum ticks between two looks at the threads that are ready
#define NS_PER_MS 1000000u

struct processor processors[MAX_CPUS];

static struct thread boot_thread;

// The ratio of the clocks, and what follows from it. Refined at every quantum tick.
static struct {
    uint64_t start_cycles, start_ns;
    uint32_t cycles_per_ms;
    uint32_t decay_cycles;   // DECAY_MS
    uint32_t usage_cycles;   // USAGE_MS: no usage is larger
    uint32_t levels_per_cycle; // SINK_LEVELS / usage_cycles, in 1 / 2^32
} rate;

static inline struct processor *this_processor(void)
{
    return &processors[MAX_CPUS == 1 ? 0 : this_cpu()->number];
}

// ---- rates ----

static void rate_set(uint32_t cycles_per_ms)
{
    rate.cycles_per_ms = cycles_per_ms;
    rate.decay_cycles = cycles_per_ms * DECAY_MS;
    rate.usage_cycles = cycles_per_ms * USAGE_MS;
    rate.levels_per_cycle = (uint32_t)(((uint64_t)SINK_LEVELS << 32) / rate.usage_cycles);
}

// Rounded, so that it does not change to and fro between two readings: all the time that a thread has
// used so far is converted by it.
static void rate_update(void)
{
    uint64_t us = (clock_now() - rate.start_ns) / 1000;
    uint64_t cycles = cpu_cycles() - rate.start_cycles;
    uint64_t ratio;

    if (us < 1000 || cycles >> 54)
        return; // too early to tell, or long known: the product below would run over
    ratio = (cycles * 1000 + us / 2) / us;
    // Between 1 MHz and 16 GHz; outside, a clock has stood still, and the old ratio is better.
    if (ratio >= 1000 && ratio <= 16000000)
        rate_set((uint32_t)ratio);
}

uint64_t sched_cycles(void)
{
    return cpu_cycles() - rate.start_cycles;
}

uint64_t sched_cycles_to_ns(uint64_t cycles)
{
    uint64_t ms;

    rate_update();
    ms = cycles / rate.cycles_per_ms;
    return ms * NS_PER_MS + (cycles % rate.cycles_per_ms) * NS_PER_MS / rate.cycles_per_ms;
}

// ---- usage and priority ----

// Lets the usage fall to what is left of it at `now`, and adds the `spent` cycles since it last did. Of
// a long time it is assumed that they were spent evenly: no more of them counts than its last USAGE_MS.
static __attribute__((noinline)) void decay(struct thread *thread, uint64_t spent, uint64_t now)
{
    uint64_t steps = (now - thread->decay_due) / rate.decay_cycles + 1;
    unsigned rest;

    thread->decay_due += steps * rate.decay_cycles;
    if (steps >= 31 * DECAY_STEPS_PER_HALF)
        thread->usage = 0;
    else
        thread->usage >>= (unsigned)steps / DECAY_STEPS_PER_HALF;
    for (rest = (unsigned)steps % DECAY_STEPS_PER_HALF; rest > 0; rest--)
        thread->usage -= thread->usage >> 4;
    if (steps > USAGE_MS / DECAY_MS)
        spent = spent * (USAGE_MS / DECAY_MS) / steps;
    if (spent > rate.usage_cycles)
        spent = rate.usage_cycles;
    thread->usage += (uint32_t)spent;
    if (thread->usage > rate.usage_cycles)
        thread->usage = rate.usage_cycles;
}

// Brings the usage up to date. Whoever hands over the processor (hand_over.h) leaves that for later.
static inline void count_usage(struct thread *thread, uint64_t now)
{
    uint64_t cycles = thread->cycles + (thread == current_thread() ? now : 0);
    uint64_t spent = cycles - thread->usage_mark;

    thread->usage_mark = cycles;
    if (now >= thread->decay_due)
        decay(thread, spent, now);
    else
        thread->usage += (uint32_t)spent;
}

static inline int current_priority(const struct thread *thread)
{
    int priority = thread->base_priority;

    if (thread->depressed)
        return PRIORITY_IDLE;
    if (thread->policy != POLICY_TIMESHARE)
        return priority;
    priority += (int)((uint64_t)thread->usage * rate.levels_per_cycle >> 32);
    return priority < PRIORITY_IDLE ? priority : PRIORITY_IDLE;
}

uint64_t sched_thread_cycles(const struct thread *thread)
{
    return thread->cycles + (thread == current_thread() ? cpu_cycles() : 0);
}

unsigned sched_thread_share(struct thread *thread)
{
    uint32_t usage;

    count_usage(thread, cpu_cycles());
    usage = thread->usage < rate.usage_cycles ? thread->usage : rate.usage_cycles;
    return (unsigned)((uint64_t)usage * 1000 / rate.usage_cycles);
}

// ---- load ----

// What the threads that run or are ready have come to, times LOAD_SCALE << LOAD_SHIFT.
static struct {
    uint64_t at, idle; // cycles when it was last looked at, and of these the idle thread's
    uint64_t average[3];
} load;
#define LOAD_SHIFT 10

// Since the last look the processor has been idle for some time, and otherwise as full as now.
static void load_sample(struct processor *p, unsigned ready)
{
    static const uint16_t period[] = {5000, 30000, 60000}; // milliseconds
    uint64_t now = cpu_cycles(), idle = sched_thread_cycles(p->idle);
    uint64_t ms = (now - load.at) / rate.cycles_per_ms;
    uint64_t idle_ms = (idle - load.idle) / rate.cycles_per_ms, running;

    if (ms == 0)
        return;
    running = (ms > idle_ms ? ms - idle_ms : 0) * (1 + ready) * LOAD_SCALE << LOAD_SHIFT;
    for (unsigned i = 0; i < 3; i++)
        load.average[i] = (load.average[i] * period[i] + running) / (period[i] + ms);
    load.at = now;
    load.idle = idle;
}

unsigned sched_load(unsigned which)
{
    load_sample(this_processor(), 0);
    return (unsigned)(load.average[which] >> LOAD_SHIFT);
}

// ---- run queues ----

static inline void mark(struct processor *p, int level)
{
    p->bitmap[level / 32] |= 1u << (level % 32);
    if (level < p->best)
        p->best = level;
}

// A queue has become empty.
static inline void unmark(struct processor *p, int level)
{
    p->bitmap[level / 32] &= ~(1u << (level % 32));
    if (level != p->best)
        return;
    p->best = PRIORITY_LEVELS;
    for (int word = level / 32; word < PRIORITY_LEVELS / 32; word++)
        if (p->bitmap[word]) {
            p->best = word * 32 + __builtin_ctz(p->bitmap[word]);
            return;
        }
}

static inline void enqueue_tail(struct processor *p, struct thread *thread)
{
    thread->state = THREAD_READY;
    list_insert_tail(&p->queues[thread->priority], &thread->run_link);
    mark(p, thread->priority);
}

static inline void enqueue_head(struct processor *p, struct thread *thread)
{
    thread->state = THREAD_READY;
    list_insert_head(&p->queues[thread->priority], &thread->run_link);
    mark(p, thread->priority);
}

static inline void dequeue(struct processor *p, struct thread *thread)
{
    int level = thread->priority;

    list_remove(&thread->run_link);
    if (list_empty(&p->queues[level]))
        unmark(p, level);
}

static inline struct thread *pick(struct processor *p)
{
    int level = sched_best_ready();
    struct thread *thread;

    if (level == PRIORITY_LEVELS)
        return p->idle;
    thread = container_of(p->queues[level].next, struct thread, run_link);
    dequeue(p, thread);
    return thread;
}

static __attribute__((noinline)) void quantum_watch(struct processor *p)
{
    if (!tree_contains(&p->quantum_timer.node))
        timer_arm(&p->quantum_timer, clock_now() + QUANTUM_MS * (uint64_t)NS_PER_MS);
    p->watched = !tracing();
}

void sched_ready(struct thread *thread)
{
    struct processor *p = this_processor();

    count_usage(thread, cpu_cycles());
    thread->priority = current_priority(thread);
    enqueue_tail(p, thread);
    if (thread->priority < current_thread()->priority)
        this_cpu()->ast |= AST_RESCHEDULE;
    if (!p->watched) {
        if (tracing())
            trace_wake(thread);
        quantum_watch(p);
    }
}

void sched_unready(struct thread *thread)
{
    kassert(thread->state == THREAD_READY);
    dequeue(this_processor(), thread);
}

void sched_update_priority(struct thread *thread)
{
    struct processor *p = this_processor();
    int priority = current_priority(thread);

    if (priority == thread->priority)
        return;
    if (thread->state == THREAD_READY) {
        dequeue(p, thread);
        thread->priority = priority;
        enqueue_tail(p, thread);
    }
    thread->priority = priority;
    if (sched_best_ready() < current_thread()->priority)
        this_cpu()->ast |= AST_RESCHEDULE;
}

// ---- the switch ----

// Makes the next thread's task the current one. A kernel thread makes no traps, and keeps the address
// space of whoever ran before unless that one is gone.
static inline void switch_task(const struct thread *self, const struct thread *next)
{
    if (next->task) {
        next->task->events.csw++;
        if (next->task != self->task) {
            this_cpu()->task = &next->task->entry;
            pmap_activate(&next->task->map->pmap);
        }
    } else if (self->state == THREAD_DEAD) {
        pmap_activate(&kernel_pmap);
    }
}

// From `self`, whose state says why, to `next`, which is on no queue.
static inline void switch_to(struct processor *p, struct thread *self, struct thread *next,
                             uint64_t now)
{
    sched_change_current(self, next, now);
    switch_task(self, next);
    if (self->state == THREAD_DEAD)
        p->dead = self;
    context_switch(&self->machine, &next->machine);
    if (p->dead)
        sched_switched();
}

void sched_trace(void)
{
    struct processor *p = this_processor();

    p->watched = false;
    p->dead = &boot_thread; // as good as any: it never ends
    boot_thread.refs = 2;
}

void sched_switched(void)
{
    struct processor *p = this_processor();
    struct thread *dead = p->dead;

    p->dead = NULL;
    if (tracing()) {
        sched_trace();
        trace_switch();
    }
    thread_deallocate(dead);
}

// A turn begins, or what is left of the one that `thread` had to interrupt.
static inline void start_turn(struct processor *p, struct thread *thread, uint64_t now)
{
    p->turn_start = (uint32_t)now - thread->turn;
    thread->turn = 0;
}

// Who hands over the processor hands over the rest of its turn as well; otherwise two that pass it to
// and fro would never come to the end of one.
void sched_switch(struct thread *next)
{
    struct processor *p = this_processor();
    struct thread *self = current_thread();
    uint64_t now = cpu_cycles();

    count_usage(self, now);
    if (self->state == THREAD_READY) {
        self->priority = current_priority(self);
        enqueue_tail(p, self);
        if (!p->watched)
            quantum_watch(p);
    }
    if (next) {
        next->turn = 0;
    } else {
        next = pick(p);
        start_turn(p, next, now);
    }
    if (next != self) {
        switch_to(p, self, next, now);
        return;
    }
    self->state = THREAD_RUNNING;
    this_cpu()->ast &= ~AST_RESCHEDULE;
}

// ---- preemption ----

static bool turn_is_over(const struct thread *thread, uint32_t used)
{
    return thread->policy != POLICY_FIFO && used / rate.cycles_per_ms >= thread->quantum_ms;
}

void sched_preempt(void)
{
    struct processor *p = this_processor();
    struct thread *self = current_thread(), *next;
    uint64_t now = cpu_cycles();
    uint32_t used = (uint32_t)now - p->turn_start;
    bool over = turn_is_over(self, used);
    int best = sched_best_ready();

    this_cpu()->ast &= ~AST_RESCHEDULE;
    count_usage(self, now);
    self->priority = current_priority(self);
    if (best > self->priority || (best == self->priority && !over))
        return;
    if (over) {
        enqueue_tail(p, self);
    } else {
        self->turn = used;
        enqueue_head(p, self);
    }
    next = pick(p);
    start_turn(p, next, now);
    switch_to(p, self, next, now);
}

void sched_point(void)
{
    preemption_point();
    if (this_cpu()->ast & AST_RESCHEDULE)
        sched_preempt();
}

// Gives ready timeshare threads the priority that their usage has decayed to. Walks from the most
// urgent level down; threads only move up from where they are, so none is met twice.
static void age_ready(struct processor *p, uint64_t now)
{
    unsigned count = 0;

    for (int level = 0; level < PRIORITY_LEVELS; level++)
        list_for_each_safe(link, &p->queues[level]) {
            struct thread *thread = container_of(link, struct thread, run_link);

            count++;
            count_usage(thread, now);
            if (current_priority(thread) != level) {
                dequeue(p, thread);
                thread->priority = current_priority(thread);
                enqueue_tail(p, thread);
            }
        }
    load_sample(p, count);
}

// The quantum timer: while others wait, looks at least every QUANTUM_MS whether the thread that runs
// still should.
static void quantum_tick(struct timer *timer)
{
    struct processor *p = container_of(timer, struct processor, quantum_timer);
    struct thread *self = current_thread();
    uint64_t now = cpu_cycles();
    uint32_t used = (uint32_t)now - p->turn_start;
    uint32_t left = QUANTUM_MS;
    int best;

    p->watched = false;
    rate_update();
    count_usage(self, now);
    if (self != p->idle)
        self->priority = current_priority(self);
    if (++p->ticks % AGING_TICKS == 0)
        age_ready(p, now);
    best = sched_best_ready();
    if (best == PRIORITY_LEVELS)
        return; // nobody waits: sched_ready arms the timer again
    if (best < self->priority || (best == self->priority && turn_is_over(self, used)))
        this_cpu()->ast |= AST_RESCHEDULE;
    else if (used / rate.cycles_per_ms < self->quantum_ms)
        left = self->quantum_ms - used / rate.cycles_per_ms;
    if (left > QUANTUM_MS)
        left = QUANTUM_MS;
    timer_arm(timer, clock_now() + left * (uint64_t)NS_PER_MS);
}

// ---- start ----

void sched_init(void)
{
    struct processor *p = this_processor();

    for (int level = 0; level < PRIORITY_LEVELS; level++)
        list_init(&p->queues[level]);
    p->best = PRIORITY_LEVELS;
    timer_init(&p->quantum_timer, quantum_tick);
    rate.start_cycles = cpu_cycles();
    rate.start_ns = clock_now();
    rate_set(NS_PER_MS); // 1 GHz, which is also what the emulator's counted time has
    boot_thread.state = THREAD_RUNNING;
    boot_thread.priority = 0;
    boot_thread.policy = POLICY_FIFO;
    boot_thread.cycles = -rate.start_cycles;
    boot_thread.decay_due = rate.start_cycles;
    this_cpu()->current = &boot_thread;
}

void sched_start(struct thread *first)
{
    sched_change_current(&boot_thread, first, cpu_cycles());
    switch_task(&boot_thread, first);
    context_start(&first->machine);
}
