// SPDX-License-Identifier: BSD-2-Clause
// Builds and loads the descriptor tables (descriptor.h).
//
// The gates' entry points are the labels in entry.asm. A double fault is a task gate: it comes with
// its own stack and registers, so that even a kernel stack that has run over can be reported.
#include "x86/descriptor.h"
#include "x86/fault.h"
#include "x86/frame.h"
#include "x86/io.h"
#include "x86/pmap.h"

#define FLAT_SEGMENT(access) (0x00CF00000000FFFFull | (uint64_t)(access) << 40) // 32 bits, 4 GiB
#define ACCESS_TSS 0x89

#define GATE_INTERRUPT 0x8E // interrupts off on entry
#define GATE_TASK 0x85
#define GATE_USER 0x60 // may be called by an INT instruction of the user

#define MSR_SYSENTER_CS 0x174
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176

#define IDT_ENTRIES 256
#define VECTOR_DOUBLE_FAULT 8

struct gate {
    uint16_t offset_low, selector;
    uint8_t zero, access;
    uint16_t offset_high;
};

struct table_register {
    uint16_t limit;
    uint32_t base;
} __attribute__((packed));

struct cpu_entry cpu_entry;
uint64_t gdt[GDT_ENTRIES] = {
    [SELECTOR_KCODE / 8] = FLAT_SEGMENT(0x9B),
    [SELECTOR_KDATA / 8] = FLAT_SEGMENT(0x93),
    [SELECTOR_UCODE / 8] = FLAT_SEGMENT(0xFB),
    [SELECTOR_UDATA / 8] = FLAT_SEGMENT(0xF3),
};

static struct gate idt[IDT_ENTRIES];
static struct tss double_fault_tss;
static uint32_t double_fault_stack[1024];

extern void (*const vector_entries[VECTOR_COUNT])(void); // entry.asm
extern void trap_entry(void), redirect_entry(void); // entry.asm

static uint64_t tss_segment(const void *base, uint32_t limit)
{
    uint32_t address = (uintptr_t)base;
    uint32_t low = address << 16 | (limit & 0xFFFF);
    uint32_t high = (address & 0xFF000000) | ACCESS_TSS << 8 | (limit & 0xF0000)
                    | (address >> 16 & 0xFF);

    return (uint64_t)high << 32 | low;
}

static void gate_set(unsigned vector, void (*entry)(void), uint8_t access)
{
    uint32_t offset = (uintptr_t)entry;

    idt[vector] = (struct gate){
        .offset_low = offset & 0xFFFF,
        .selector = SELECTOR_KCODE,
        .access = access,
        .offset_high = offset >> 16,
    };
}

static void idt_fill(void)
{
    for (unsigned i = 0; i < VECTOR_COUNT; i++)
        gate_set(i, vector_entries[i], GATE_INTERRUPT);
    gate_set(VECTOR_BREAKPOINT, vector_entries[VECTOR_BREAKPOINT], GATE_INTERRUPT | GATE_USER);
    gate_set(VECTOR_OVERFLOW, vector_entries[VECTOR_OVERFLOW], GATE_INTERRUPT | GATE_USER);
    gate_set(VECTOR_TRAP, trap_entry, GATE_INTERRUPT | GATE_USER);
    gate_set(VECTOR_EMULATION, redirect_entry, GATE_INTERRUPT | GATE_USER);
    idt[VECTOR_DOUBLE_FAULT] = (struct gate){
        .selector = SELECTOR_DOUBLE_FAULT,
        .access = GATE_TASK,
    };
}

static void gdt_fill(void)
{
    // The limit takes in the I/O bitmap and the byte after it.
    gdt[SELECTOR_TSS / 8] = tss_segment(&cpu_entry.tss, sizeof(struct tss) + IO_BITMAP_SIZE);
    gdt[SELECTOR_DOUBLE_FAULT / 8] = tss_segment(&double_fault_tss, sizeof(struct tss) - 1);
}

static void tss_fill(void)
{
    cpu_entry.tss.ss0 = SELECTOR_KDATA;
    cpu_entry.tss.io_bitmap = IO_BITMAP_NONE;
    memset(cpu_entry.io_bitmap, 0xFF, IO_BITMAP_SIZE);
    cpu_entry.io_bitmap_end = 0xFF;

    double_fault_tss.cr3 = kernel_pmap.directory;
    double_fault_tss.eip = (uintptr_t)double_fault;
    double_fault_tss.eflags = EFLAGS_FIXED;
    double_fault_tss.esp = (uintptr_t)(double_fault_stack + 1024);
    double_fault_tss.cs = SELECTOR_KCODE;
    double_fault_tss.ss = double_fault_tss.ds = double_fault_tss.es = SELECTOR_KDATA;
    double_fault_tss.io_bitmap = IO_BITMAP_NONE;
}

void descriptors_init(void)
{
    struct table_register gdtr = {sizeof gdt - 1, (uintptr_t)gdt};
    struct table_register idtr = {sizeof idt - 1, (uintptr_t)idt};

    tss_fill();
    gdt_fill();
    idt_fill();
    descriptors_load(&gdtr, &idtr);
    write_msr(MSR_SYSENTER_CS, SELECTOR_KCODE);
    write_msr(MSR_SYSENTER_ESP, (uintptr_t)&cpu_entry.tss.esp0);
    write_msr(MSR_SYSENTER_EIP, (uintptr_t)sysenter_entry);
}
