// SPDX-License-Identifier: BSD-2-Clause
// FPU and SSE registers, switched when they are used rather than with every switch.
//
// A thread's are kept at the low end of its kernel stack, once it has used any.
//
// The processor's registers belong to `owner`, which has MACHINE_FPU set. While another thread
// runs, CR0.TS is set; its first FPU instruction raises #NM, and fpu_use puts the owner's registers
// away and loads its own. The kernel itself has no use for them.
#include "x86/io.h"
#include "x86/machine.h"

#define MXCSR_MASK_DEFAULT 0xFFBFu // where the processor leaves its mask zero

static struct machine_thread *owner;
// What a thread finds at its first FPU instruction: all registers zero, exceptions masked.
static struct i386_float_state clean __attribute__((aligned(16))) = {
    .fcw = 0x37F,
    .mxcsr = 0x1F80,
    .mxcsr_mask = MXCSR_MASK_DEFAULT,
};

static inline void ts_clear(void)
{
    __asm__ volatile("clts");
}
static inline void ts_set(void)
{
    write_cr0(read_cr0() | CR0_TS);
}
static inline void fx_save(struct i386_float_state *state)
{
    __asm__ volatile("fxsave %0" : "=m"(*state));
}
// Some processors leave the x87 pointers alone when no exception is pending; so that the next
// thread does not find the last one's, they are overwritten first.
static inline void fx_restore(const struct i386_float_state *state)
{
    static const int32_t zero;

    __asm__ volatile("fnclex\n\temms\n\tfildl %0\n\tfxrstor %1" : : "m"(zero), "m"(*state));
}

// Asks the processor which bits of MXCSR it has.
void fpu_init(void)
{
    static struct i386_float_state now __attribute__((aligned(16)));

    ts_clear();
    fx_save(&now);
    if (now.mxcsr_mask != 0)
        clean.mxcsr_mask = now.mxcsr_mask;
    ts_set();
}

void fpu_use(struct machine_thread *m)
{
    ts_clear();
    if (owner == m)
        return;
    if (owner) {
        fx_save(owner->stack);
        owner->flags &= ~MACHINE_FPU;
    }
    fx_restore(m->fpu_used ? m->stack : &clean);
    owner = m;
    m->flags |= MACHINE_FPU;
    m->fpu_used = true;
}

void fpu_forget(struct machine_thread *m)
{
    if (owner != m)
        return;
    owner = NULL;
    m->flags &= ~MACHINE_FPU;
    ts_set();
}

void fpu_get(struct machine_thread *m, struct i386_float_state *state)
{
    uint32_t cr0 = read_cr0();

    if (owner == m) { // into memory, too; they stay valid in the processor
        ts_clear();
        fx_save(m->stack);
        write_cr0(cr0);
    }
    *state = m->fpu_used ? *(struct i386_float_state *)m->stack : clean;
    state->mxcsr_mask = clean.mxcsr_mask;
}

kern_return_t fpu_set(struct machine_thread *m, const struct i386_float_state *state)
{
    struct i386_float_state *mine = m->stack;

    if (state->mxcsr & ~clean.mxcsr_mask)
        return KERN_INVALID_ARGUMENT;
    fpu_forget(m);
    m->fpu_used = true;
    *mine = *state;
    mine->mxcsr_mask = clean.mxcsr_mask;
    return KERN_SUCCESS;
}

uint32_t fpu_x87_status(void)
{
    uint16_t status;

    __asm__ volatile("fnstsw %0" : "=m"(status));
    return status;
}

uint32_t fpu_sse_status(void)
{
    uint32_t mxcsr;

    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    return mxcsr;
}
