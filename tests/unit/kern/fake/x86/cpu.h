// SPDX-License-Identifier: BSD-2-Clause
// The processor of the simulation: kernel/x86/cpu.h with a counter that the test turns on by hand.
#ifndef X86_CPU_H
#define X86_CPU_H

#include <stdbool.h>
#include <stdint.h>

#define MAX_CPUS 1

struct thread;

struct task_entry {
    uintptr_t emulation;
    int traps, redirected;
};

struct cpu {
    struct thread *current;
    volatile uint32_t ast;
    struct task_entry *task;
    uint32_t number;
    bool tracing;
};

#define AST_RESCHEDULE 1u
#define AST_THREAD 2u
#define AST_TRACE 4u
#define AST_TRAP 8u

extern struct cpu cpus[MAX_CPUS];
extern uint64_t sim_now; // nanoseconds, and cycles

static inline struct cpu *this_cpu(void)
{
    return &cpus[0];
}
static inline struct thread *current_thread(void)
{
    return this_cpu()->current;
}
void cpu_idle(void);
void preemption_point(void);
static inline uint64_t cpu_cycles(void)
{
    return sim_now;
}

#endif
