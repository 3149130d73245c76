// SPDX-License-Identifier: BSD-2-Clause
// What a Multiboot 1 loader leaves in memory (Multiboot Specification 0.6.96, section 3.3).
#ifndef X86_MULTIBOOT_H
#define X86_MULTIBOOT_H

#include <stdint.h>

#define MULTIBOOT_MEMORY 0x01u  // flags: these fields are valid
#define MULTIBOOT_COMMAND 0x04u
#define MULTIBOOT_MODULES 0x08u
#define MULTIBOOT_MAP 0x40u

struct multiboot_info {
    uint32_t flags;
    uint32_t mem_lower, mem_upper; // KiB from 0 and from 1 MiB
    uint32_t boot_device;
    uint32_t command_line; // physical address, as all that follow
    uint32_t module_count, modules;
    uint32_t symbols[4];
    uint32_t map_length, map; // bytes, address
};

struct multiboot_module {
    uint32_t start, end, string, reserved;
};

#define MULTIBOOT_MAP_USABLE 1u

struct multiboot_map_entry {
    uint32_t size; // of what follows it
    uint64_t base, length;
    uint32_t type;
} __attribute__((packed));

#endif
