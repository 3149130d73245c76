// SPDX-License-Identifier: BSD-2-Clause
// Descriptor tables of a processor: segments, gates, task state.
//
// The order of the first segments is SYSENTER's: it loads code and stack from one MSR, and SYSEXIT
// adds 16 and 24 to it. Entries 6 to 8 belong to the running thread (TLS).
#pragma once

#include "lib/base.h"

#define SELECTOR_KCODE 0x08
#define SELECTOR_KDATA 0x10
#define SELECTOR_UCODE 0x1B
#define SELECTOR_UDATA 0x23
#define SELECTOR_TSS 0x28
#define GDT_TLS 6
#define TLS_ENTRIES 3
#define SELECTOR_DOUBLE_FAULT 0x48
#define GDT_ENTRIES 10

#define ENTRY_STACK 4096     // bytes
#define IO_BITMAP_SIZE 8192  // one bit for each port
#define IO_BITMAP_NONE 0xFFFF // offset past the segment: no port may be touched

// As the processor wants it. Only esp0, the stack on entry from user mode, changes.
struct tss {
    uint32_t link, esp0, ss0, esp1, ss1, esp2, ss2;
    uint32_t cr3, eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi;
    uint32_t es, cs, ss, ds, fs, gs, ldt;
    uint16_t trap, io_bitmap; // offset of the bitmap from the start
};

// What the processor touches on the way in. SYSENTER starts with esp = &tss.esp0 and loads the real
// stack from there; an exception before that (single step, NMI) runs on `stack`, which lies below.
struct cpu_entry {
    uint8_t stack[ENTRY_STACK];
    struct tss tss;
    uint8_t io_bitmap[IO_BITMAP_SIZE];
    uint8_t io_bitmap_end; // 0xFF: the processor may read one byte more
} __attribute__((aligned(8)));

extern struct cpu_entry cpu_entry;
extern uint64_t gdt[GDT_ENTRIES];

// Loads GDT, IDT, TSS and the SYSENTER registers.
void descriptors_init(void);
