// SPDX-License-Identifier: BSD-2-Clause
// Exceptions and interrupts, once entry.asm has saved the registers.
//
// An exception of the user is resolved (page fault, first use of the FPU or of an I/O port) or
// turned into a Mach exception. One of the kernel itself is expected at few places: copies to and
// from user memory and loads of the user's selectors, which the fixup table lists, the last
// instructions of the way out, and the first of the sysenter entry. Anything else is a bug, and
// panics.
#include "x86/fault.h"
#include <mach/exception.h>
#include "x86/cpu.h"
#include "x86/io.h"
#include "x86/machine.h"
#include "x86/pmap.h"
#include "x86/upcall.h"

#define PAGE_FAULT_PRESENT 1u
#define PAGE_FAULT_WRITE 2u
#define PAGE_FAULT_RESERVED 8u
#define SELECTOR_MASK 0xFFFFu
#define SELECTOR_IDT 2u // in an error code: the index is a gate's
#define DR6_BREAKPOINTS 15u
#define DR6_STEP 0x4000u

// Mach's words for the processor's exceptions. Kind 0: should not happen, reported as a general
// protection fault.
static const struct {
    uint8_t exception, code;
} mach_exception[32] = {
    [0] = {EXC_ARITHMETIC, EXC_I386_DIV},
    [VECTOR_BREAKPOINT] = {EXC_BREAKPOINT, EXC_I386_BPT},
    [VECTOR_OVERFLOW] = {EXC_ARITHMETIC, EXC_I386_INTO},
    [5] = {EXC_SOFTWARE, EXC_I386_BOUND},
    [6] = {EXC_BAD_INSTRUCTION, EXC_I386_INVOP},
    [9] = {EXC_ARITHMETIC, EXC_I386_EXTOVR},
    [10] = {EXC_BAD_INSTRUCTION, EXC_I386_INVTSSFLT},
    [11] = {EXC_BAD_INSTRUCTION, EXC_I386_SEGNPFLT},
    [12] = {EXC_BAD_INSTRUCTION, EXC_I386_STKFLT},
    [VECTOR_PROTECTION] = {EXC_BAD_INSTRUCTION, EXC_I386_GPFLT},
    [VECTOR_FPU_ERROR] = {EXC_ARITHMETIC, EXC_I386_EXTERR},
    [17] = {EXC_BAD_INSTRUCTION, EXC_I386_ALIGNFLT},
    [VECTOR_SSE_ERROR] = {EXC_ARITHMETIC, EXC_I386_SSEEXTERR},
};

static void raise_mach_exception(unsigned vector, int subcode)
{
    if (mach_exception[vector].exception)
        handle_exception(mach_exception[vector].exception, mach_exception[vector].code, subcode);
    else
        handle_exception(EXC_BAD_INSTRUCTION, EXC_I386_GPFLT, subcode);
}

// ---- page faults ---------------------------------------------------------------------------

static const struct fixup *fixup_find(uint32_t eip)
{
    for (const struct fixup *f = fixups; f < fixups_end; f++) {
        if (eip >= f->start && eip < f->end)
            return f;
    }
    return NULL;
}

// Not inlined, to keep the user's page faults, which are many, short.
static __attribute__((noinline)) struct trap_frame *kernel_page_fault(uintptr_t address,
                                                                      struct trap_frame *frame)
{
    const struct fixup *f = fixup_find(frame->eip);

    if (frame->error & PAGE_FAULT_RESERVED)
        panic_frame(frame, "broken page table for address 0x%lx", (unsigned long)address);
    if (!f || f->kind == FIXUP_SEGMENT ||
        (address >= VM_MAX_ADDRESS && address - PMAP_WINDOW >= PMAP_WINDOW_SIZE))
        panic_frame(frame, "the kernel touched address 0x%lx, which it %s", (unsigned long)address,
                    frame->error & PAGE_FAULT_PRESENT ? "may not write" : "has not mapped");
    if (f->kind == FIXUP_RESIDENT ||
        resolve_page_fault(address, frame->error & PAGE_FAULT_WRITE) != KERN_SUCCESS)
        frame->eip = f->target;
    return frame;
}

struct trap_frame *page_fault(uintptr_t address, struct trap_frame *frame)
{
    kern_return_t kr = KERN_INVALID_ADDRESS;

    if (!frame_from_user(frame) || frame->error & PAGE_FAULT_RESERVED)
        return kernel_page_fault(address, frame);
    if (address < VM_MAX_ADDRESS)
        kr = resolve_page_fault(address, frame->error & PAGE_FAULT_WRITE);
    if (kr == KERN_SUCCESS || kr == KERN_ABORTED) // thread_abort: the access is made again
        return frame;
    // With unchanged registers it is the same access that comes next: whose page may be there now.
    if (handle_exception(EXC_BAD_ACCESS, kr, (int)address) && frame->how == HOW_FULL &&
        !this_cpu()->ast)
        resolve_page_fault(address, frame->error & PAGE_FAULT_WRITE);
    return frame;
}

// ---- exceptions of the kernel --------------------------------------------------------------

// The way out met a selector that had become bad. The frame of this exception lies over the user's
// general registers when it was the iret that failed: what was there has been loaded, so it is
// here.
static struct trap_frame *user_return_failed(const struct trap_frame *frame)
{
    struct trap_frame *user = machine_current()->frame;
    const struct trap_frame nested = *frame;

    if (nested.eip == (uintptr_t)return_iret) {
        memcpy(&user->es, &nested.es, FRAME_GENERAL_SIZE);
        user->cs = SELECTOR_UCODE;
        user->ss = SELECTOR_UDATA;
    } else if (nested.eip == (uintptr_t)return_load_ds) {
        user->ds = SELECTOR_UDATA;
    } else {
        user->es = SELECTOR_UDATA;
    }
    user->how = HOW_SET;
    user->vector = nested.vector;
    user->error = nested.error;
    raise_mach_exception(nested.vector, (int)(nested.error & SELECTOR_MASK));
    return user;
}

// Did `frame` interrupt the last steps towards user mode? It then lies right below the user's
// frame, or, at the iret, in its lower part.
static bool left_for_user(const struct trap_frame *frame)
{
    const struct trap_frame *user = machine_current()->frame;
    const void *interrupted_sp = &frame->esp;

    if (frame->eip == (uintptr_t)return_iret)
        return interrupted_sp == (const void *)&user->eip;
    return (frame->eip == (uintptr_t)return_load_es || frame->eip == (uintptr_t)return_load_ds)
           && interrupted_sp == (const void *)user;
}

// A single step or watched address in the kernel. Only the sysenter entry can be stepped into; it
// has a second entry for that. A watched user address that the kernel's copy touches counts for
// nothing.
static void kernel_debug(struct trap_frame *frame)
{
    debug_take_status();
    if (frame->eip >= (uintptr_t)sysenter_entry && frame->eip <= (uintptr_t)sysenter_entry_end)
        frame->eip = (uintptr_t)sysenter_traced;
    frame->eflags &= ~EFLAGS_TF;
}

static struct trap_frame *kernel_exception(struct trap_frame *frame)
{
    const struct fixup *f = fixup_find(frame->eip);

    if (frame->vector == VECTOR_DEBUG) {
        kernel_debug(frame);
        return frame;
    }
    if (f && f->kind == FIXUP_SEGMENT) {
        frame->ecx = 0;
        frame->eip = f->target;
        return frame;
    }
    if (frame->vector != VECTOR_NMI && left_for_user(frame))
        return user_return_failed(frame);
    panic_frame(frame, "exception %u in the kernel, error code 0x%x", (unsigned)frame->vector,
                (unsigned)frame->error);
}

// ---- exceptions of the user ----------------------------------------------------------------

static void user_debug(struct machine_thread *m)
{
    uint32_t status = debug_take_status();
    uintptr_t watched = 0;

    if (!(status & (DR6_BREAKPOINTS | DR6_STEP))) // int 0x80, redirected (entry.asm)
        status |= DR6_STEP;
    m->debug[6] = status;
    for (unsigned i = 0; i < 4; i++) {
        if (status & DR6_BREAKPOINTS & 1u << i) {
            watched = m->debug[i];
            m->frame->eflags |= EFLAGS_RF; // lets the instruction run when the thread goes on
        }
    }
    handle_exception(EXC_BREAKPOINT, EXC_I386_SGL, (int)watched);
}

static void user_exception(struct trap_frame *frame)
{
    switch (frame->vector) {
    case VECTOR_DEBUG:
        user_debug(machine_current());
        return;
    case VECTOR_NMI:
        panic_frame(frame, "non-maskable interrupt");
    case VECTOR_NO_FPU:
        fpu_use(machine_current());
        return;
    case VECTOR_PROTECTION:
        if (frame->error == 0 && io_ports_load())
            return;
        break;
    case VECTOR_FPU_ERROR:
        raise_mach_exception(frame->vector, (int)fpu_x87_status());
        return;
    case VECTOR_SSE_ERROR:
        raise_mach_exception(frame->vector, (int)fpu_sse_status());
        return;
    }
    raise_mach_exception(frame->vector, (int)(frame->error & SELECTOR_MASK));
}

struct trap_frame *exception_dispatch(struct trap_frame *frame)
{
    if (!frame_from_user(frame))
        return kernel_exception(frame);
    user_exception(frame);
    return frame;
}

// int 0x80 was not redirected: as if that instruction had faulted, by its gate where there is no vector,
// at the stack where the return address did not go. It is tried again when the page is there.
struct trap_frame *redirect_failed(struct trap_frame *frame)
{
    uint32_t sp = frame->esp - sizeof(uint32_t);

    frame->eip -= 2; // the instruction's length
    if (!this_cpu()->task->emulation) {
        raise_mach_exception(VECTOR_PROTECTION, VECTOR_EMULATION << 3 | SELECTOR_IDT);
    } else if ((frame->ss & SELECTOR_MASK) != SELECTOR_UDATA || sp > VM_MAX_ADDRESS - sizeof sp) {
        handle_exception(EXC_BAD_ACCESS, KERN_INVALID_ADDRESS, (int)sp);
    } else {
        frame->error = PAGE_FAULT_WRITE;
        page_fault(read_cr2(), frame);
    }
    return frame;
}

// ---- the rest ------------------------------------------------------------------------------

struct trap_frame *interrupt_dispatch(struct trap_frame *frame)
{
    if (cpu_entry.tss.esp0)
        machine_stack_check(machine_current());
    if (this_cpu()->tracing)
        trace_interrupt(frame->vector - VECTOR_LINE0);
    interrupt_line(frame->vector - VECTOR_LINE0);
    return frame;
}

// Any way in from virtual-8086 mode. The frame lies four words too low; it is brought to its place,
// as one of protected mode, and the thread gets an exception for having been where nobody may be.
struct trap_frame *v86_entry(struct trap_frame *frame)
{
    struct trap_frame *user = machine_current()->frame;

    memmove(user, frame, sizeof *user);
    user->how = HOW_SET;
    user->cs = SELECTOR_UCODE;
    user->ss = user->ds = user->es = SELECTOR_UDATA;
    user->eflags = EFLAGS_FIXED | EFLAGS_IF;
    if (user->vector >= VECTOR_LINE0 && user->vector < VECTOR_COUNT)
        interrupt_line(user->vector - VECTOR_LINE0);
    handle_exception(EXC_BAD_INSTRUCTION, EXC_I386_GPFLT, 0);
    return user;
}

// The processor could not push an exception's frame: the kernel stack is gone.
void double_fault(void)
{
    const struct tss *t = &cpu_entry.tss;
    struct trap_frame frame = {
        .how = HOW_FULL,
        .es = t->es,
        .ds = t->ds,
        .edi = t->edi,
        .esi = t->esi,
        .ebp = t->ebp,
        .ebx = t->ebx,
        .edx = t->edx,
        .ecx = t->ecx,
        .eax = t->eax,
        .vector = 8,
        .eip = t->eip,
        .cs = t->cs,
        .eflags = t->eflags,
    };

    panic_frame(&frame, "double fault at esp 0x%x: has the kernel stack run over?",
                (unsigned)t->esp);
}
