// SPDX-License-Identifier: BSD-2-Clause
// The trace ring (trace.h). When it is full the oldest record makes room: what led to where we are is
// worth more than how it began; a reader that wants all of it reads often enough, and is told if it did
// not.
#include "kern/trace.h"
#include "ipc/kmsg.h"
#include "ipc/kobject.h"
#include "kern/sched.h"
#include "kern/task.h"
#include "kern/thread.h"
#include "minato_server.h"
#include "x86/frame.h"
#include "x86/interrupt.h"
#include "x86/upcall.h"

struct trace_ring {
    minato_trace_record_t *records; // kmalloc'd
    uint32_t mask;                  // kinds that are wanted
    uint32_t size, used;            // records: room for, not read yet
    uint32_t next;                  // where the next one goes
    uint32_t lost;                  // since the last reading
};

_Static_assert(MINATO_TRACE_ALL == MINATO_TRACE_MASK(MINATO_TRACE_KINDS) - 1, "a bit for each kind");
_Static_assert(sizeof(minato_trace_record_t) == 8 * sizeof(natural_t), "minato_trace_records_t");

static struct trace_ring rings[MAX_CPUS];

// Made by tools/traptable: how many traps there are, and from which number on entry.asm looks closer.
extern const uint32_t trap_count;
extern uint32_t trap_bound;

// ---- recording ----

static void trace_by(const struct thread *thread, enum minato_trace_kind kind, uint32_t a,
                     uint32_t b, uint32_t c)
{
    struct trace_ring *ring = &rings[this_cpu()->number];
    uint64_t now;

    if (!(ring->mask & MINATO_TRACE_MASK(kind)))
        return;
    now = clock_now();
    ring->records[ring->next] = (minato_trace_record_t){
        .time_low = (uint32_t)now,
        .time_high = (uint32_t)(now >> 32),
        .kind = kind,
        .task = thread->task ? thread->task->number : 0,
        .thread = thread->number,
        .argument = {a, b, c},
    };
    ring->next = (ring->next + 1) % ring->size;
    if (ring->used < ring->size)
        ring->used++;
    else if (ring->lost < UINT32_MAX)
        ring->lost++;
}

static void trace(enum minato_trace_kind kind, uint32_t a, uint32_t b, uint32_t c)
{
    trace_by(current_thread(), kind, a, b, c);
}

void trace_entry(enum minato_trace_kind kind, uint32_t a, uint32_t b, uint32_t c)
{
    struct thread *self = current_thread();

    self->ast |= AST_TRACE;
    this_cpu()->ast |= AST_TRACE;
    trace_by(self, kind, a, b, c);
}

void trace_trap(uint32_t number)
{
    struct thread *self = current_thread();

    self->ast |= AST_TRAP;
    trace_entry(MINATO_TRACE_TRAP, number, self->machine.frame->eip, 0);
}

void trace_return(void)
{
    struct thread *self = current_thread();

    if (tracing() && (self->ast & AST_TRAP))
        trace(MINATO_TRACE_TRAP_END, self->machine.frame->eax, 0, 0);
    self->ast &= ~(AST_TRAP | AST_TRACE);
    this_cpu()->ast &= ~(AST_TRAP | AST_TRACE);
}

void trace_fault(uint32_t address, bool write)
{
    trace_entry(MINATO_TRACE_FAULT, address, write, current_thread()->machine.frame->eip);
}

void trace_message(const struct kmsg *kmsg, const struct thread *thread, enum minato_trace_kind kind)
{
    const struct port *port = kmsg_destination(kmsg);
    uint32_t last = kmsg->seqno;

    if (kind == MINATO_TRACE_CALL)
        last = port->kind;
    else if (kind == MINATO_TRACE_SEND) // the number that it will have then: a queue keeps its order
        last = port->seqno + port->msgcount;
    trace_by(thread, kind, port->id, (uint32_t)kmsg->header.msgh_id, last);
}

void trace_interrupt(unsigned line)
{
    trace(MINATO_TRACE_INTERRUPT, line, 0, 0);
}

void trace_block(void)
{
    struct thread *self = current_thread();
    uint32_t words[MINATO_REASON_MAX / sizeof(uint32_t)] = {0};

    strlcpy((char *)words, self->wait_reason, sizeof(words));
    trace(MINATO_TRACE_BLOCK, waitq_port_id(self->waitq), words[0], words[1]);
}

void trace_wake(const struct thread *woken)
{
    trace(MINATO_TRACE_WAKE, woken->task ? woken->task->number : 0, woken->number, woken->priority);
}

void trace_switch(void)
{
    struct thread *self = current_thread();

    self->ast |= AST_TRACE;
    trace(MINATO_TRACE_SWITCH, (uint32_t)self->priority, 0, 0);
}

// ---- the calls ----

kern_return_t minato_trace_set(host_priv_t host, natural_t mask, natural_t size)
{
    struct trace_ring *ring = &rings[this_cpu()->number];
    minato_trace_record_t *records = NULL;

    if (mask & ~MINATO_TRACE_ALL)
        return KERN_INVALID_ARGUMENT;
    if (mask != 0 && (size == 0 || size > MINATO_TRACE_RECORDS_MAX))
        return KERN_INVALID_VALUE;
    if (mask != 0 && !(records = kmalloc(size * sizeof(records[0]))))
        return KERN_RESOURCE_SHORTAGE;
    kfree(ring->records);
    *ring = (struct trace_ring){.records = records, .mask = mask, .size = size};
    this_cpu()->tracing = records != NULL;
    trap_bound = records ? 0 : trap_count;
    sched_trace();
    return KERN_SUCCESS;
}

kern_return_t minato_trace_read(host_priv_t host, minato_trace_records_t words,
                                mach_msg_type_number_t *count, natural_t *lost)
{
    struct trace_ring *ring = &rings[this_cpu()->number];
    minato_trace_record_t *record = (minato_trace_record_t *)words;
    uint32_t n;

    if (!tracing())
        return KERN_FAILURE;
    n = ring->used < MINATO_TRACE_READ_MAX ? ring->used : MINATO_TRACE_READ_MAX;
    for (uint32_t i = 0; i < n; i++)
        record[i] = ring->records[(ring->next + ring->size - ring->used + i) % ring->size];
    ring->used -= n;
    *count = n * (sizeof(record[0]) / sizeof(words[0]));
    *lost = ring->lost;
    ring->lost = 0;
    return KERN_SUCCESS;
}
