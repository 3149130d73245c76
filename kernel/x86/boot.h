// SPDX-License-Identifier: BSD-2-Clause
// What the boot loader handed over, and the console and power switch of last resort.
#ifndef X86_BOOT_H
#define X86_BOOT_H

#include <stdint.h>
#include <stdbool.h>

#define BOOT_REGIONS_MAX 32

// Usable physical memory, page-aligned, ascending, below DIRECT_MAP_MAX; the kernel image, its boot
// data and the module are already cut out.
struct boot_region {
    uintptr_t start, end;
};

struct boot_info {
    char command_line[1024];
    unsigned region_count;
    struct boot_region regions[BOOT_REGIONS_MAX];
    uintptr_t module_start, module_end; // the boot archive, physical; page-aligned start
};

extern struct boot_info boot_info;

// The value of `key` on the command line ("minato.seed=7": key "minato.seed"), copied to `value`.
// False when it is not there.
bool boot_option(const char *key, char *value, unsigned size);

void console_putc(char c); // the kernel's own words, straight to the serial port

// Exit statuses of the kernel's own; 0 … 125 are for whoever ends a batch run.
#define MACHINE_STATUS_REFUSED 126 // a processor or loader that will not do (boot/check.asm)
#define MACHINE_STATUS_PANIC 127

// Leaves QEMU with (status << 1) | 1 where that device exists, else powers off by ACPI's usual
// ports, else halts.
__attribute__((noreturn)) void machine_power_off(unsigned status);
__attribute__((noreturn)) void machine_restart(void);

#endif
