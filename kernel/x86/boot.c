// SPDX-License-Identifier: BSD-2-Clause
// From boot/start.asm to kernel_main: copies what the loader left into boot_info, then sets up the
// machine.
//
// Nothing of the loader's is needed afterwards but the module, so the usable memory (memory.c) is
// what the memory map says, without the first MiB, the kernel and the module.
// Read next: kern/startup.c.
#include "x86/boot.h"
#include "lib/printf.h"
#include "x86/cpu.h"
#include "x86/descriptor.h"
#include "x86/machine.h"
#include "x86/pmap.h"
#include "x86/upcall.h"

// ---- what a Multiboot 1 loader leaves in memory (specification 0.6.96, section 3.3) ---------

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

// --------------------------------------------------------------------------------------------

extern const char kernel_end[]; // linker.ld

struct boot_info boot_info;
struct cpu cpus[MAX_CPUS];

// The loader's data at a physical address, checked to lie in the direct map.
static const void *loader_data(uint32_t physical, uint32_t size, const char *what)
{
    if (physical >= DIRECT_MAP_MAX || size > DIRECT_MAP_MAX - physical)
        panic("the boot loader put its %s at 0x%x, above the 896 MiB that the kernel can reach",
              what, (unsigned)physical);
    return phys_to_virt(physical);
}

static void command_line_copy(const struct multiboot_info *info)
{
    const char *line;

    if (!(info->flags & MULTIBOOT_COMMAND) || info->command_line == 0)
        return;
    line = loader_data(info->command_line, 1, "command line");
    if (strlcpy(boot_info.command_line, line, sizeof boot_info.command_line)
        >= sizeof boot_info.command_line)
        printf("boot: the command line is longer than %u characters; the rest is ignored\n",
               (unsigned)sizeof boot_info.command_line - 1);
}

static void module_find(const struct multiboot_info *info)
{
    const struct multiboot_module *module;

    if (!(info->flags & MULTIBOOT_MODULES) || info->module_count == 0)
        panic("no boot archive: the boot loader must pass one module (-initrd boot.tar with QEMU, "
              "a module line with GRUB)");
    module = loader_data(info->modules, sizeof *module, "list of modules");
    if (module->end <= module->start || module->start & (PAGE_SIZE - 1))
        panic("the boot archive is empty or not page-aligned (0x%x to 0x%x)",
              (unsigned)module->start, (unsigned)module->end);
    loader_data(module->start, module->end - module->start, "boot archive");
    if (info->module_count > 1)
        printf("boot: %u modules were passed; only the first is used\n",
               (unsigned)info->module_count);
    boot_info.module_start = module->start;
    boot_info.module_end = module->end;
}

// One statement of the loader's about memory. Returns how many bytes of it lie too high.
static uint64_t memory_take(uint64_t start, uint64_t size, bool usable)
{
    uint64_t end = start + size < start ? UINT64_MAX : start + size;
    uint64_t reached = end < DIRECT_MAP_MAX ? end : DIRECT_MAP_MAX;

    if (start >= DIRECT_MAP_MAX)
        return end - start;
    boot_memory_add((uintptr_t)start, (uintptr_t)reached, usable);
    if (usable && reached > boot_info.memory_end)
        boot_info.memory_end = (uintptr_t)reached;
    return end - reached;
}

static void memory_find(const struct multiboot_info *info)
{
    uint64_t unreachable = 0;

    if (info->flags & MULTIBOOT_MAP) {
        const char *at = loader_data(info->map, info->map_length, "memory map");
        const char *end = at + info->map_length;

        while (at + sizeof(struct multiboot_map_entry) <= end) {
            const struct multiboot_map_entry *e = (const struct multiboot_map_entry *)at;
            bool usable = e->type == MULTIBOOT_MAP_USABLE;
            uint64_t beyond = memory_take(e->base, e->length, usable);

            unreachable += usable ? beyond : 0;
            at += e->size + sizeof e->size;
        }
    } else if (info->flags & MULTIBOOT_MEMORY) {
        unreachable = memory_take(LOW_MEMORY_END, info->mem_upper * 1024ull, true);
    } else {
        panic("the boot loader does not say how much memory there is");
    }
    boot_memory_add(0, LOW_MEMORY_END, false);
    boot_memory_add(LOW_MEMORY_END, virt_to_phys(kernel_end), false);
    boot_memory_add(boot_info.module_start, boot_info.module_end, false);
    if (unreachable)
        printf("boot: %u MiB of memory above 896 MiB are not used\n",
               (unsigned)(unreachable >> 20));
}

// `physical` is where the loader put its information.
__attribute__((noreturn)) void boot_main(uint32_t physical)
{
    const struct multiboot_info *info;

    console_init();
    info = loader_data(physical, sizeof *info, "information");
    command_line_copy(info);
    module_find(info);
    memory_find(info);
    pmap_bootstrap(boot_info.memory_end);
    descriptors_init();
    fpu_init();
    interrupt_init();
    clock_start();
    kernel_main();
}
