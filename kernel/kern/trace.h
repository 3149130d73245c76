// SPDX-License-Identifier: BSD-2-Clause
// The trace ring of a processor: what happened, when and to whom, for a user task to read
// (minato_trace_set, minato_trace_read in minato.defs; layout and kinds in <mach/minato_types.h>).
//
// Nobody pays while it is off. Where something is rare, `tracing()` is one predictable branch; the hot
// paths have none of their own, but a test that they make anyway comes out the slow way while it is on:
//
//     traps                  their bound is 0 (entry.asm), so that each passes trace_trap
//     fast path of messages  declines, for the trap has raised AST_TRACE: the general path records
//     blocking               looks closer at a thread whose ast is not 0
//     switching, waking      processor->dead is never NULL, processor->watched never true (sched.c)
#pragma once

#include <mach/minato_types.h>
#include "x86/cpu.h"

struct kmsg;
struct thread;

static inline bool tracing(void)
{
    return __builtin_expect(this_cpu()->tracing, 0);
}

// To be called only while tracing; each records what has happened, if that kind was asked for.
// SEND: before it goes to a queue; CALL; RECEIVE: off its queue.
void trace_message(const struct kmsg *kmsg, const struct thread *thread, enum minato_trace_kind kind);
// The current thread has come into the kernel: what it does there is noticed.
void trace_entry(enum minato_trace_kind kind, uint32_t a, uint32_t b, uint32_t c);
void trace_fault(uint32_t address, bool write);
void trace_block(void);                      // the current thread waits: waitq, wait_reason are set
void trace_wake(const struct thread *woken); // has become ready
void trace_switch(void);                     // the current thread has just begun to run

// The current thread goes back to user mode with AST_TRACE or AST_TRAP, which come down.
void trace_return(void);
