// SPDX-License-Identifier: BSD-2-Clause
// The machine half of a thread: its kernel stack, and where a switch to it goes on.
//
// A kernel stack is 8 KiB. At its top lies a pointer to its machine_thread, below it the user
// registers (frame.h); at its low end the user's FPU registers (fpu.c) and above those a magic word,
// looked at with every interrupt and when the stack is freed. Read next: switch.asm, thread_state.c.
#include "x86/context.h"
#include "x86/machine.h"
#include "x86/pmap.h"

#define STACK_SIZE (PAGE_SIZE << KERNEL_STACK_ORDER)
#define STACK_MAGIC 0x57ACC0DEu

extern void thread_first_entry(void); // switch.asm

// Where a stack ends that grows down from its top.
static uint32_t *stack_magic(const struct machine_thread *m)
{
    return (uint32_t *)((struct i386_float_state *)m->stack + 1);
}

// What context_switch pops.
struct switch_frame {
    uint32_t edi, esi, ebx, ebp, eip;
};

kern_return_t machine_thread_init(struct machine_thread *m, void (*start)(void))
{
    char *stack = slab_page_alloc(KERNEL_STACK_ORDER);

    if (!stack)
        return KERN_RESOURCE_SHORTAGE;
    m->stack = stack;
    *stack_magic(m) = STACK_MAGIC;
    m->kernel_top = (uintptr_t)stack + STACK_SIZE - 8;
    *(struct machine_thread **)m->kernel_top = m;

    m->frame = (struct trap_frame *)m->kernel_top - 1;
    memset(m->frame, 0, sizeof *m->frame);
    m->frame->how = HOW_FULL;
    m->frame->cs = SELECTOR_UCODE;
    m->frame->ss = m->frame->ds = m->frame->es = SELECTOR_UDATA;
    m->frame->eflags = EFLAGS_FIXED | EFLAGS_IF;

    struct switch_frame *first = (struct switch_frame *)m->frame - 1;

    first->edi = 0;
    first->esi = 0;
    first->ebx = (uintptr_t)start;
    first->ebp = 0; // the end of its back traces
    first->eip = (uintptr_t)thread_first_entry;
    m->kernel_sp = (uintptr_t)first;
    return KERN_SUCCESS;
}

void machine_thread_destroy(struct machine_thread *m)
{
    kassert(!machine_is_current(m));
    machine_stack_check(m);
    fpu_forget(m);
    slab_page_free(m->stack, KERNEL_STACK_ORDER);
}

void machine_stack_check(const struct machine_thread *m)
{
    if (*stack_magic(m) != STACK_MAGIC)
        panic("kernel stack %p has run over (recursion, or a large array on the stack?)", m->stack);
}

void machine_thread_set_user(struct machine_thread *m, uintptr_t pc, uintptr_t sp)
{
    frame_complete(m->frame);
    m->frame->eip = pc;
    m->frame->esp = sp;
    m->frame->how = HOW_SET;
}

uintptr_t machine_thread_user_pc(const struct machine_thread *m)
{
    return m->frame->eip;
}

void frame_complete(struct trap_frame *frame)
{
    if (frame->how != HOW_SYSENTER)
        return;
    frame->cs = SELECTOR_UCODE;
    frame->ss = frame->ds = frame->es = SELECTOR_UDATA;
    frame->eflags = EFLAGS_FIXED | EFLAGS_IF;
    frame->edx = frame->eip; // as sysexit leaves them
    frame->ecx = frame->esp;
}
