// SPDX-License-Identifier: BSD-2-Clause
// From boot/start.asm to kernel_main: copies what the loader left into boot_info, then sets up the
// machine.
//
// Nothing of the loader's is needed afterwards but the module, so the regions of usable memory are
// what the memory map says, without the first MiB, the kernel and the module.
// Read next: kern/startup.c.
#include "x86/boot.h"
#include "lib/assert.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "x86/console.h"
#include "x86/cpu.h"
#include "x86/descriptor.h"
#include "x86/line.h"
#include "x86/machine.h"
#include "x86/multiboot.h"
#include "x86/pmap.h"
#include "x86/regions.h"
#include "x86/upcall.h"

#define LOW_MEMORY_END 0x100000u

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

// The end of usable memory, taken or not: the direct map ends there, so that a wild pointer above
// it faults.
static uintptr_t memory_end;

static uintptr_t clip(uint64_t address)
{
    return address < DIRECT_MAP_MAX ? (uintptr_t)address : DIRECT_MAP_MAX;
}

// Calls `change` for the map's entries that are usable, or for those that are not.
static void map_apply(const struct multiboot_info *info, bool usable, struct regions *list,
                      void (*change)(struct regions *, uintptr_t, uintptr_t))
{
    const char *at = loader_data(info->map, info->map_length, "memory map");
    const char *end = at + info->map_length;

    while (at + sizeof(struct multiboot_map_entry) <= end) {
        const struct multiboot_map_entry *e = (const struct multiboot_map_entry *)at;
        uint64_t last = e->base + e->length;

        if (last < e->base)
            last = UINT64_MAX;
        if (e->type == MULTIBOOT_MAP_USABLE && clip(last) > memory_end)
            memory_end = clip(last);
        if ((e->type == MULTIBOOT_MAP_USABLE) == usable)
            change(list, clip(e->base), clip(last));
        at += e->size + sizeof e->size;
    }
}

// Bytes of usable memory that lie too high for the direct map.
static uint64_t map_unreachable(const struct multiboot_info *info)
{
    const char *at = phys_to_virt(info->map);
    const char *end = at + info->map_length;
    uint64_t bytes = 0;

    while (at + sizeof(struct multiboot_map_entry) <= end) {
        const struct multiboot_map_entry *e = (const struct multiboot_map_entry *)at;
        uint64_t last = e->base + e->length;
        uint64_t first = e->base > DIRECT_MAP_MAX ? e->base : DIRECT_MAP_MAX;

        if (e->type == MULTIBOOT_MAP_USABLE && last > first)
            bytes += last - first;
        at += e->size + sizeof e->size;
    }
    return bytes;
}

static void memory_find(const struct multiboot_info *info, struct regions *list)
{
    uint64_t unreachable = 0;

    if (info->flags & MULTIBOOT_MAP) {
        map_apply(info, true, list, regions_add);
        map_apply(info, false, list, regions_cut); // where both are said, believe the worse
        unreachable = map_unreachable(info);
    } else if (info->flags & MULTIBOOT_MEMORY) {
        uint64_t end = LOW_MEMORY_END + (uint64_t)info->mem_upper * 1024;

        regions_add(list, LOW_MEMORY_END, clip(end));
        memory_end = clip(end);
        unreachable = end - clip(end);
    } else {
        panic("the boot loader does not say how much memory there is");
    }
    if (unreachable)
        printf("boot: %u MiB of memory above 896 MiB are not used\n",
               (unsigned)(unreachable >> 20));
}

static void regions_take(struct regions *list)
{
    regions_cut(list, 0, LOW_MEMORY_END);
    regions_cut(list, LOW_MEMORY_END, virt_to_phys(kernel_end));
    regions_cut(list, boot_info.module_start, boot_info.module_end);
    regions_align(list, PAGE_SIZE);
    if (list->dropped)
        printf("boot: the memory map is in too many pieces; %u KiB are not used\n",
               (unsigned)(list->dropped >> 10));
    if (list->count == 0)
        panic("no usable memory is left beside the kernel and its boot archive");
    boot_info.region_count = list->count;
    memcpy(boot_info.regions, list->at, sizeof boot_info.regions);
}

// `physical` is where the loader put its information.
__attribute__((noreturn)) void boot_main(uint32_t physical)
{
    static struct regions list;
    const struct multiboot_info *info;

    console_init();
    info = loader_data(physical, sizeof *info, "information");
    command_line_copy(info);
    module_find(info);
    memory_find(info, &list);
    regions_take(&list);
    pmap_bootstrap(memory_end);
    descriptors_init();
    fpu_init();
    interrupt_init();
    clock_start();
    kernel_main();
}

bool boot_option(const char *key, char *value, unsigned size)
{
    size_t length = strlen(key);
    const char *word = boot_info.command_line;

    while (*word) {
        const char *end = word;

        while (*end && *end != ' ')
            end++;
        if ((size_t)(end - word) >= length && strncmp(word, key, length) == 0
            && (word[length] == '=' || word + length == end)) {
            const char *text = word[length] == '=' ? word + length + 1 : end;
            unsigned room = (unsigned)(end - text) + 1;

            strlcpy(value, text, room < size ? room : size);
            return true;
        }
        word = *end ? end + 1 : end;
    }
    return false;
}
