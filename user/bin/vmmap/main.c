// SPDX-License-Identifier: BSD-2-Clause
// vmmap: the regions of a task's address space. `vmmap TASK`, by number or name.
//
//   PRT/MAX  protection now and at most    SHRMOD  COW private, SHM shared, ZERO never written to
//   VSIZE    KiB                           RSDNT   KiB in page tables
//   OBJECT   tells memory objects apart, with the entries and copies that have it; * : a pager's
#include <inspect.h>
#include <stdio.h>
#include <string.h>

static const char *protection_word(natural_t protection, char *word)
{
    word[0] = protection & VM_PROT_READ ? 'r' : '-';
    word[1] = protection & VM_PROT_WRITE ? 'w' : '-';
    word[2] = protection & VM_PROT_EXECUTE ? 'x' : '-';
    word[3] = '\0';
    return word;
}

static void show_region(vm_address_t address, vm_size_t size, const minato_vm_region_t *region)
{
    char now[4], most[4];

    printf("%08x-%08x %8u %7u %s/%s %-5s", address, address + size, size / 1024,
           region->resident_pages * 4, protection_word(region->protection, now),
           protection_word(region->max_protection, most),
           region->shared ? "SHM" : region->object == 0 ? "ZERO" : "COW");
    if (region->object != 0)
        printf("  %08x %4u%s +%x", region->object, region->object_refs, region->pager ? "*" : " ",
               region->offset);
    printf("%s\n", region->wired ? " wired" : "");
}

int main(int argc, char **argv)
{
    struct seen_task *tasks, *task;
    unsigned count, regions = 0;
    vm_address_t address = 0;
    vm_size_t size, mapped = 0;
    natural_t resident = 0;
    minato_vm_region_t region;

    if (argc != 2) {
        fprintf(stderr, "usage: vmmap TASK   the regions of a task, by number or name\n");
        return 2;
    }
    count = inspect_tasks(inspect_host("vmmap"), &tasks);
    task = inspect_find(tasks, count, argv[1]);
    if (task == NULL) {
        fprintf(stderr, "vmmap: there is no task %s\n", argv[1]);
        return 1;
    }
    printf("task %u (%s)\n", task->number, task->name);
    printf("START    END         VSIZE   RSDNT PRT/MAX SHRMOD OBJECT REFS OFFSET\n");
    while (minato_vm_region(task->port, &address, &size, &region) == KERN_SUCCESS) {
        show_region(address, size, &region);
        regions++;
        mapped += size;
        resident += region.resident_pages;
        address += size;
    }
    printf("%u regions, %u KiB mapped, %u KiB resident\n", regions, mapped / 1024, resident * 4);
    return 0;
}
