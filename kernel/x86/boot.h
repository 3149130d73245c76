// SPDX-License-Identifier: BSD-2-Clause
// What the boot loader handed over, and the console and power switch of last resort.
#pragma once

#include "lib/base.h"

struct boot_info {
    char command_line[1024];
    uintptr_t memory_end; // of usable memory, taken or not
    uintptr_t module_start, module_end; // the boot archive, physical; page-aligned start
};

extern struct boot_info boot_info;

#define LOW_MEMORY_END 0x100000u // below: the firmware's and old devices' memory, never used

// ---- physical memory (x86/memory.c) ----
// [start, end) is usable as far as it is whole pages, or no page that it touches is.
void boot_memory_add(uintptr_t start, uintptr_t end, bool usable);
// The first stretch of usable memory that ends above *start, as far as it lies above *start: whole
// pages, below DIRECT_MAP_MAX, without the kernel, the boot data and the module. False: none.
bool boot_memory_next(uintptr_t *start, uintptr_t *end);

// Exit statuses of the kernel's own; 0 … 125 are for whoever ends a batch run.
#define MACHINE_STATUS_REFUSED 126 // a processor or loader that will not do (boot/check.asm)
#define MACHINE_STATUS_PANIC 127

// Leaves QEMU with (status << 1) | 1 where that device exists, else powers off by ACPI's usual
// ports, else halts.
__attribute__((noreturn)) void machine_power_off(unsigned status);
__attribute__((noreturn)) void machine_restart(void);
