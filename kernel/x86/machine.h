// SPDX-License-Identifier: BSD-2-Clause
// What the files of kernel/x86 share among themselves: who runs, the parts of a switch, and how
// each part of the machine is set up.
#pragma once

#include <mach/thread_status.h>
#include "x86/context.h"
#include "x86/descriptor.h"
#include "x86/frame.h"

// The machine half of the thread that runs; only when one does. context.c puts it at the top of
// every kernel stack.
static inline struct machine_thread *machine_current(void)
{
    return *(struct machine_thread **)cpu_entry.tss.esp0;
}
static inline bool machine_is_current(const struct machine_thread *m)
{
    return cpu_entry.tss.esp0 == m->kernel_top;
}

// Panics when the stack has run over its low end.
void machine_stack_check(const struct machine_thread *m);
// Fills in what a sysenter frame leaves out; `how` stays.
void frame_complete(struct trap_frame *frame);

// switch.asm: a selector that cannot be loaded becomes the null selector.
void load_fs(uint32_t selector);
void load_gs(uint32_t selector);
static inline uint16_t read_fs(void)
{
    uint16_t value;

    __asm__ volatile("movw %%fs, %0" : "=r"(value));
    return value;
}
static inline uint16_t read_gs(void)
{
    uint16_t value;

    __asm__ volatile("movw %%gs, %0" : "=r"(value));
    return value;
}

// fpu.c
void fpu_init(void);
void fpu_use(struct machine_thread *m); // the current thread meets CR0.TS
void fpu_forget(struct machine_thread *m); // its registers are no longer wanted
void fpu_get(struct machine_thread *m, struct i386_float_state *state);
kern_return_t fpu_set(struct machine_thread *m, const struct i386_float_state *state);
uint32_t fpu_x87_status(void);  // status word and
uint32_t fpu_sse_status(void);  // MXCSR of the current thread, which has just used them

// segments.c
kern_return_t tls_set(struct machine_thread *m, const struct i386_tls_state *state);
void debug_load(const struct machine_thread *m); // its breakpoints, or none
kern_return_t debug_set(struct machine_thread *m, const struct i386_debug_state *state);
uint32_t debug_take_status(void); // DR6, which it clears

// io_ports.c
bool io_ports_load(void);  // a #GP of the user: true when the ports were not loaded yet
void io_ports_unload(void);

// ---- setting up, and interrupts ----
void console_init(void);
void interrupt_init(void);             // every line masked but the timer's
void interrupt_line(unsigned line);    // it was raised; interrupts are off
void clock_start(void);                // starts the time
void clock_interrupt(void);            // the timer's line was raised
