// SPDX-License-Identifier: BSD-2-Clause
// The last words: what went wrong, who ran, with which registers, and how it got there.
//
// The back trace follows the frame pointers. It names the function of each return address minus
// one: a call that never returns may be the last instruction of its function, and its return
// address that of the next one.
#include "x86/fault.h"
#include <stdarg.h>
#include "lib/printf.h"
#include "x86/boot.h"
#include "x86/cpu.h"
#include "x86/io.h"
#include "x86/pmap.h"
#include "x86/upcall.h"

#define TRACE_MAX 32

// The kernel's own symbols, sorted by address; made at link time by tools/ksyms.
extern const struct ksym {
    uint32_t address;
    const char *name;
} ksyms[];
extern const uint32_t ksym_count;

extern const char kernel_text_start[], kernel_text_end[]; // linker.ld

// What `push ebp; mov ebp, esp` leaves.
struct call_frame {
    const struct call_frame *caller;
    uintptr_t return_address;
};

// The function that `address` lies in, and how far; NULL when it lies in none.
static const char *ksym_find(uintptr_t address, uint32_t *offset)
{
    uint32_t low = 0, high = ksym_count;

    if (address < (uintptr_t)kernel_text_start || address >= (uintptr_t)kernel_text_end)
        return NULL;
    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if (ksyms[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    *offset = address - ksyms[low - 1].address;
    return ksyms[low - 1].name;
}

static void trace_line(uintptr_t address, uintptr_t shown)
{
    uint32_t offset = 0;
    const char *name = ksym_find(address, &offset);

    if (name)
        printf("  %p  %s+0x%x\n", (void *)shown, name, (unsigned)(offset + (shown - address)));
    else
        printf("  %p\n", (void *)shown);
}

// Can a call frame lie there? In the direct map, aligned, and above the one before (a stack grows
// down); the user's ebp, which ends every trace, is none of these.
static bool frame_plausible(const struct call_frame *frame, const struct call_frame *before)
{
    uintptr_t at = (uintptr_t)frame;

    return at % 4 == 0 && at >= KERNEL_BASE && at < KERNEL_BASE + DIRECT_MAP_MAX - sizeof *frame
           && at > (uintptr_t)before && at - (uintptr_t)before < 2 * PAGE_SIZE;
}

static void back_trace(uintptr_t eip, const struct call_frame *frame)
{
    const struct call_frame *before = frame - 1;

    printf("back trace:\n");
    trace_line(eip, eip);
    for (unsigned i = 0; i < TRACE_MAX && frame_plausible(frame, before); i++) {
        if (ksym_find(frame->return_address - 1, &(uint32_t){0}) == NULL)
            break;
        trace_line(frame->return_address - 1, frame->return_address);
        before = frame;
        frame = frame->caller;
    }
}

static void registers_print(const struct trap_frame *f)
{
    bool user = frame_from_user(f);
    uint32_t esp = user ? f->esp : (uint32_t)(uintptr_t)&f->esp;

    printf("eax %08x  ebx %08x  ecx %08x  edx %08x\n", (unsigned)f->eax, (unsigned)f->ebx,
           (unsigned)f->ecx, (unsigned)f->edx);
    printf("esi %08x  edi %08x  ebp %08x  esp %08x\n", (unsigned)f->esi, (unsigned)f->edi,
           (unsigned)f->ebp, (unsigned)esp);
    printf("eip %08x  efl %08x  cs %04x  ds %04x  es %04x\n", (unsigned)f->eip,
           (unsigned)f->eflags, (unsigned)(f->cs & 0xFFFF), (unsigned)(f->ds & 0xFFFF),
           (unsigned)(f->es & 0xFFFF));
}

// The first words of every panic. One that happens while another is being reported stops at once.
static void panic_begin(const char *format, va_list args)
{
    static bool panicking;
    char who[80] = "no thread";

    if (panicking) {
        printf("\npanic while reporting a panic\n");
        machine_power_off(MACHINE_STATUS_PANIC);
    }
    panicking = true;
    printf("\npanic: ");
    vprintf(format, args);
    if (current_thread())
        describe_current(who, sizeof who);
    printf("\nrunning: %s\n", who);
}

// And the last ones: from where, and how it got there.
static __attribute__((noreturn)) void panic_end(uintptr_t eip, const struct call_frame *frame)
{
    printf("cr0 %08x  cr2 %08x  cr3 %08x\n", (unsigned)read_cr0(), (unsigned)read_cr2(),
           (unsigned)read_cr3());
    back_trace(eip, frame);
    machine_power_off(MACHINE_STATUS_PANIC);
}

void panic_frame(const struct trap_frame *frame, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    panic_begin(format, args);
    va_end(args);
    registers_print(frame);
    panic_end(frame->eip, frame_from_user(frame) ? NULL : (const struct call_frame *)frame->ebp);
}

// The registers of a caller are what its C code made of them, so only those of control are printed.
void panic(const char *format, ...)
{
    const struct call_frame *frame = __builtin_frame_address(0);
    va_list args;

    va_start(args, format);
    panic_begin(format, args);
    va_end(args);
    printf("ebp %08x  esp %08x\n", (unsigned)(uintptr_t)frame->caller,
           (unsigned)(uintptr_t)(frame + 1));
    panic_end(frame->return_address - 1, frame->caller);
}
