// SPDX-License-Identifier: BSD-2-Clause
// Page tables. A pmap translates the user part of one address space; the kernel part (all physical
// memory, directly mapped from KERNEL_BASE, global) is the same in all of them.
//
// This layer knows addresses only. Who else maps a page is kept above it, in vm/page.h.
#pragma once

#include <mach/vm_param.h> // PAGE_SIZE, PAGE_SHIFT
#include <mach/vm_prot.h>
#include "lib/base.h"
#include "lib/list.h"

#define KERNEL_BASE 0xC0000000u
#define DIRECT_MAP_MAX 0x38000000u // physical memory above 896 MiB is left alone

static inline void *phys_to_virt(uintptr_t physical)
{
    return (void *)(physical + KERNEL_BASE);
}
static inline uintptr_t virt_to_phys(const void *address)
{
    return (uintptr_t)address - KERNEL_BASE;
}

struct pmap {
    uintptr_t directory; // physical address of the page directory
    unsigned resident;   // pages mapped
    uint32_t tables[24]; // one bit for each 4 MiB that have a page table
    bool shown;          // another's kernel window may show some of them
    struct list link;    // on the list of all, but for the kernel's own
};

// A mapping as it was when it was removed or asked for.
struct pmap_entry {
    uintptr_t physical;
    vm_prot_t protection; // VM_PROT_NONE: nothing is mapped
    bool modified;
};

// False when memory is short.
bool pmap_init(struct pmap *pmap);
// Frees page tables and directory; nothing may be mapped any more, and it must not be active.
void pmap_destroy(struct pmap *pmap);
// The kernel's own pmap (no user part), active when no task runs.
extern struct pmap kernel_pmap;
extern struct pmap *pmap_active;
void pmap_load(struct pmap *pmap);
static inline void pmap_activate(struct pmap *pmap)
{
    if (pmap != pmap_active)
        pmap_load(pmap);
}

// The kernel window: addresses at which an address space shows up to 4 MiB of another's.
#define PMAP_WINDOW (KERNEL_BASE + DIRECT_MAP_MAX)
#define PMAP_WINDOW_SIZE 0x800000u
// Makes `pmap` active, which it is not, and returns where the memory of the user's `address` in the one
// that was active is to be seen there. Good until another becomes active; to be touched by user_words_copy
// only.
const void *pmap_activate_showing(struct pmap *pmap, uintptr_t address);

// Maps one page for the user, unless something is mapped there (PMAP_TAKEN) or no page table could be had
// (PMAP_SHORT). Write implies read.
enum pmap_entered { PMAP_ENTERED, PMAP_TAKEN, PMAP_SHORT };
enum pmap_entered pmap_enter(struct pmap *pmap, uintptr_t address, uintptr_t physical,
                             vm_prot_t protection);
// Unmaps one page and says what was there.
struct pmap_entry pmap_remove(struct pmap *pmap, uintptr_t address);
// Takes write permission away from one page.
void pmap_write_protect(struct pmap *pmap, uintptr_t address);
// Sets the protection, not VM_PROT_NONE, of one page that is mapped; does nothing otherwise. Never
// raises above what the caller knows to be right.
void pmap_protect(struct pmap *pmap, uintptr_t address, vm_prot_t protection);
// Forgets that the page mapped there was modified, and says whether it was.
bool pmap_clear_modified(struct pmap *pmap, uintptr_t address);
bool pmap_clear_used(struct pmap *pmap, uintptr_t address); // likewise that it was read or written
struct pmap_entry pmap_lookup(struct pmap *pmap, uintptr_t address);
// The first mapped page at or after `address` and below `end`; `end` if there is none. Skips absent
// page tables in one step each.
uintptr_t pmap_next(struct pmap *pmap, uintptr_t address, uintptr_t end);

// At boot, on the directory that boot/start.asm made: takes away the low mapping and that of
// physical addresses from `memory_end` on, and makes the kernel's code and constants read-only.
void pmap_bootstrap(uintptr_t memory_end);
