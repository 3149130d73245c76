// SPDX-License-Identifier: BSD-2-Clause
// What entry.asm and the C code behind it (fault.c) tell each other.
#pragma once

#include "x86/frame.h"

#define VECTOR_DEBUG 1
#define VECTOR_NMI 2
#define VECTOR_BREAKPOINT 3
#define VECTOR_OVERFLOW 4
#define VECTOR_NO_FPU 7
#define VECTOR_PROTECTION 13
#define VECTOR_FPU_ERROR 16
#define VECTOR_SSE_ERROR 19
#define VECTOR_LINE0 32 // interrupt lines 0..15
#define VECTOR_COUNT 48
#define VECTOR_EMULATION 0x80
#define VECTOR_TRAP 0x81

#define TRAP_WORDS_MAX 11 // most argument words of a trap

// Where the kernel goes on after a fault at start <= eip < end.
struct fixup {
    uint32_t kind; // enum fixup_kind
    uint32_t start, end, target;
};
enum fixup_kind {
    FIXUP_COPY,    // page fault on a user address that cannot be resolved
    FIXUP_SEGMENT, // the selector in ecx cannot be loaded: 0 is taken instead
    FIXUP_RESIDENT, // page fault on a user address, not to be resolved
};
extern const struct fixup fixups[], fixups_end[]; // linker.ld

// Called by entry.asm; each returns the frame to leave by.
struct trap_frame *page_fault(uintptr_t address, struct trap_frame *frame);
struct trap_frame *exception_dispatch(struct trap_frame *frame);
struct trap_frame *interrupt_dispatch(struct trap_frame *frame);
struct trap_frame *v86_entry(struct trap_frame *frame);
struct trap_frame *redirect_failed(struct trap_frame *frame);
// The double-fault task; main TSS holds the registers.
__attribute__((noreturn)) void double_fault(void);

// Labels in entry.asm: the instructions that may fault because of the user's selectors, and the
// stretch of the sysenter entry that runs on the entry stack.
extern const char return_load_es[], return_load_ds[], return_iret[];
extern const char sysenter_entry[], sysenter_entry_end[], sysenter_traced[];

// Panics with the registers of `frame` and a back trace from there (panic.c).
__attribute__((noreturn, format(printf, 2, 3))) void panic_frame(const struct trap_frame *frame,
                                                                 const char *format, ...);

struct table_register;
// Loads the tables and the segment registers from them (switch.asm).
void descriptors_load(const struct table_register *gdtr, const struct table_register *idtr);
