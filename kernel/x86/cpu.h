// SPDX-License-Identifier: BSD-2-Clause
// One processor, as the rest of the kernel sees it: who runs on it and what it still has to do
// before it may go back to user mode. The scheduler's part of a processor is kern/sched.h.
//
// The kernel runs with interrupts off, from entry to exit; they are taken only in user mode, in
// `cpu_idle`, and at `preemption_point`, so kernel code never meets an interrupt halfway through.
#pragma once

#include "lib/base.h"

#define MAX_CPUS 1

// What entry.asm reads and writes of a task.
struct task_entry {
    uintptr_t emulation; // where `int 0x80` continues; 0: it is an exception
    int traps;           // made so far
    int redirected;      // `int 0x80`s sent to `emulation`
};

struct cpu {
    struct thread *current;  // the thread that runs here
    volatile uint32_t ast;   // AST_*: work to do before the return to user mode; entry.asm tests it
    struct task_entry *task; // the current task's
    uint32_t number;
    bool tracing; // what happens is recorded (kern/trace.h); a byte, which takes two instructions to test
};

// Reasons to call return_to_user_checks() (x86/upcall.h) before going back to user mode.
#define AST_RESCHEDULE 1u // a more urgent thread is ready, or the quantum is used up
#define AST_THREAD 2u     // the current thread must stop: terminated, suspended
#define AST_TRACE 4u      // it came in while events are recorded: keeps it off every fast path
#define AST_TRAP 8u       // by a trap, whose end is to be recorded

extern struct cpu cpus[MAX_CPUS];

static inline struct cpu *this_cpu(void)
{
    return &cpus[0];
}

static inline struct thread *current_thread(void)
{
    return this_cpu()->current;
}

// Lets one pending interrupt in and waits for the next if there is none. Called by the idle thread.
void cpu_idle(void);
// Lets pending interrupts in; call in loops that may take longer than some 10,000 instructions, or
// the clock loses time. An interrupt wakes threads and queues messages, no more: no name, map or page
// changes. Who restarts from names all the same is ready for a kernel that is preempted there.
void preemption_point(void);
// Instructions (or cycles) since the processor started.
static inline uint64_t cpu_cycles(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}
