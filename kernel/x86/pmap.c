// SPDX-License-Identifier: BSD-2-Clause
// Two-level page tables (pmap.h).
//
// The kernel's 4 MiB pages are made once, at boot, and copied into every directory. User page
// tables are made when they are needed and live as long as their pmap; a bitmap says which there
// are, so that nothing has to look through 768 entries. The kernel edits tables through the direct
// map. Read next: vm/page.h, which remembers who maps a page.
#include "x86/pmap.h"
#include "x86/io.h"
#include "x86/machine.h"
#include "x86/upcall.h"

#define PTE_PRESENT 0x001u
#define PTE_WRITE 0x002u
#define PTE_USER 0x004u
#define PTE_ACCESSED 0x020u
#define PTE_DIRTY 0x040u
#define PTE_GLOBAL 0x100u
#define PTE_FRAME 0xFFFFF000u

#define ENTRIES 1024u
#define TABLE_SHIFT 22
#define TABLE_SPAN (1u << TABLE_SHIFT)
#define KERNEL_FIRST (KERNEL_BASE >> TABLE_SHIFT)
#define KERNEL_ENTRIES (DIRECT_MAP_MAX >> TABLE_SHIFT)

// Directories of dead pmaps, clean and ready for the next task: making one costs 1200 writes.
#define SPARE_MAX 8
static uintptr_t spare[SPARE_MAX];
static unsigned spare_count;

extern uint32_t boot_directory[ENTRIES];                       // boot/start.asm
extern const char kernel_text_start[], kernel_data_start[];    // linker.ld
extern const char kernel_data_end[], kernel_end[];
static uint32_t first_table[ENTRIES] __attribute__((aligned(PAGE_SIZE))); // of the direct map

struct pmap kernel_pmap;
struct pmap *pmap_active;
static struct list pmaps = {&pmaps, &pmaps};

void pmap_bootstrap(uintptr_t memory_end)
{
    for (uintptr_t at = (memory_end + TABLE_SPAN - 1) & -TABLE_SPAN; at < DIRECT_MAP_MAX;
         at += TABLE_SPAN)
        boot_directory[KERNEL_FIRST + (at >> TABLE_SHIFT)] = 0;
    for (unsigned i = 0; i < ENTRIES; i++) {
        const char *page = phys_to_virt(i << PAGE_SHIFT);
        bool constant = (page >= kernel_text_start && page < kernel_data_start)
                        || (page >= kernel_data_end && page < kernel_end);

        first_table[i] = i << PAGE_SHIFT | PTE_PRESENT | PTE_GLOBAL | (constant ? 0 : PTE_WRITE);
    }
    boot_directory[KERNEL_FIRST] = virt_to_phys(first_table) | PTE_PRESENT | PTE_WRITE;
    boot_directory[0] = 0;
    kernel_pmap.directory = virt_to_phys(boot_directory);
    pmap_active = &kernel_pmap;
    write_cr3(kernel_pmap.directory);
    write_cr4(read_cr4() & ~0x80u); // switching PGE off and on forgets the global pages, too
    write_cr4(read_cr4() | 0x80u);
}

static inline uint32_t *directory_of(const struct pmap *pmap)
{
    return phys_to_virt(pmap->directory);
}

// The entry for `address` in a page table, given the directory's entry for that.
static inline uint32_t *entry_in(uint32_t table, uintptr_t address)
{
    return (uint32_t *)phys_to_virt(table & PTE_FRAME) + (address >> PAGE_SHIFT) % ENTRIES;
}

// The entry that maps `address`; NULL when there is no page table for it.
static inline uint32_t *entry_find(const struct pmap *pmap, uintptr_t address)
{
    uint32_t table = directory_of(pmap)[address >> TABLE_SHIFT];

    return table & PTE_PRESENT ? entry_in(table, address) : NULL;
}

static inline void translation_changed(const struct pmap *pmap, uintptr_t address)
{
    if (pmap == pmap_active)
        tlb_flush_page(address);
}

bool pmap_init(struct pmap *pmap)
{
    void *directory;

    memset(pmap, 0, sizeof *pmap);
    list_insert_tail(&pmaps, &pmap->link);
    if (spare_count > 0) {
        pmap->directory = spare[--spare_count];
        return true;
    }
    directory = slab_page_alloc(0); // which outlives its task as a spare one: nobody pays for it
    if (!directory) {
        list_remove(&pmap->link);
        return false;
    }
    memset(directory, 0, PAGE_SIZE);
    pmap->directory = virt_to_phys(directory);
    memcpy(directory_of(pmap) + KERNEL_FIRST, boot_directory + KERNEL_FIRST,
           KERNEL_ENTRIES * sizeof(uint32_t));
    return true;
}

// The index of the first page table at or after `index`; KERNEL_FIRST if there is none.
static unsigned table_next(const struct pmap *pmap, unsigned index)
{
    while (index < KERNEL_FIRST) {
        uint32_t word = pmap->tables[index / 32] >> index % 32;

        if (word)
            return index + (unsigned)__builtin_ctz(word);
        index = (index / 32 + 1) * 32;
    }
    return KERNEL_FIRST;
}

static void window_clear(const struct pmap *pmap)
{
    memset(directory_of(pmap) + (PMAP_WINDOW >> TABLE_SHIFT), 0, 2 * sizeof(uint32_t));
}

// Nobody shows the page tables any more when they go: what users put there next must be no translations,
// which a processor might look up for an access that it then refuses.
void pmap_destroy(struct pmap *pmap)
{
    uint32_t *directory = directory_of(pmap);

    kassert(pmap->resident == 0 && pmap != pmap_active && pmap != &kernel_pmap);
    window_clear(pmap);
    list_remove(&pmap->link);
    if (pmap->shown) {
        list_for_each(link, &pmaps)
            window_clear(container_of(link, struct pmap, link));
        write_cr3(pmap_active->directory); // it forgets what it has looked up
    }
    for (unsigned i = table_next(pmap, 0); i < KERNEL_FIRST; i = table_next(pmap, i + 1)) {
        machine_page_free(directory[i] & PTE_FRAME);
        directory[i] = 0;
    }
    if (spare_count < SPARE_MAX)
        spare[spare_count++] = pmap->directory;
    else
        slab_page_free(directory, 0);
    pmap->directory = 0;
}

void pmap_load(struct pmap *pmap)
{
    pmap_active = pmap;
    write_cr3(pmap->directory);
    io_ports_unload(); // they were the other task's
}

// The page tables are the other's own, so its pages are there when it has them. What the window showed
// before goes from the TLB with all else that is not global.
const void *pmap_activate_showing(struct pmap *pmap, uintptr_t address)
{
    const uint32_t *shown = directory_of(pmap_active) + (address >> TABLE_SHIFT);
    uint32_t *window = directory_of(pmap) + (PMAP_WINDOW >> TABLE_SHIFT);

    debug_assert(pmap != pmap_active);
    pmap_active->shown = true;
    window[0] = shown[0] & ~PTE_USER;
    window[1] = shown[1] & ~PTE_USER;
    pmap_load(pmap);
    return (const void *)(PMAP_WINDOW + address % TABLE_SPAN);
}

static bool table_make(struct pmap *pmap, uintptr_t address)
{
    unsigned index = address >> TABLE_SHIFT;
    uintptr_t table = machine_page_alloc();

    if (!table)
        return false;
    directory_of(pmap)[index] = table | PTE_PRESENT | PTE_WRITE | PTE_USER;
    pmap->tables[index / 32] |= 1u << index % 32;
    return true;
}

enum pmap_entered pmap_enter(struct pmap *pmap, uintptr_t address, uintptr_t physical,
                             vm_prot_t protection)
{
    uint32_t *table = &directory_of(pmap)[address >> TABLE_SHIFT];

    debug_assert(address < VM_MAX_ADDRESS && pmap != &kernel_pmap);
    if (!(*table & PTE_PRESENT) && !table_make(pmap, address))
        return PMAP_SHORT;

    uint32_t *entry = entry_in(*table, address);

    if (*entry & PTE_PRESENT)
        return PMAP_TAKEN;
    *entry = physical | PTE_PRESENT | PTE_USER | (protection & VM_PROT_WRITE ? PTE_WRITE : 0);
    pmap->resident++;
    return PMAP_ENTERED;
}

static struct pmap_entry entry_decode(uint32_t entry)
{
    if (!(entry & PTE_PRESENT))
        return (struct pmap_entry){.protection = VM_PROT_NONE};
    return (struct pmap_entry){
        .physical = entry & PTE_FRAME,
        .protection = VM_PROT_READ | VM_PROT_EXECUTE | (entry & PTE_WRITE ? VM_PROT_WRITE : 0),
        .modified = entry & PTE_DIRTY,
    };
}

struct pmap_entry pmap_remove(struct pmap *pmap, uintptr_t address)
{
    uint32_t *entry = entry_find(pmap, address);
    uint32_t old = entry ? *entry : 0;

    if (old & PTE_PRESENT) {
        *entry = 0;
        pmap->resident--;
        translation_changed(pmap, address);
    }
    return entry_decode(old);
}

void pmap_protect(struct pmap *pmap, uintptr_t address, vm_prot_t protection)
{
    uint32_t *entry = entry_find(pmap, address);

    if (!entry || !(*entry & PTE_PRESENT))
        return;
    debug_assert(protection != VM_PROT_NONE);
    *entry = (*entry & ~PTE_WRITE) | (protection & VM_PROT_WRITE ? PTE_WRITE : 0);
    translation_changed(pmap, address);
}

// Takes a bit away from a mapping, and says whether it was there.
static bool clear_bit(struct pmap *pmap, uintptr_t address, uint32_t bit)
{
    uint32_t *entry = entry_find(pmap, address);

    if (!entry || !(*entry & PTE_PRESENT) || !(*entry & bit))
        return false;
    *entry &= ~bit;
    translation_changed(pmap, address);
    return true;
}

void pmap_write_protect(struct pmap *pmap, uintptr_t address)
{
    clear_bit(pmap, address, PTE_WRITE);
}

bool pmap_clear_modified(struct pmap *pmap, uintptr_t address)
{
    return clear_bit(pmap, address, PTE_DIRTY);
}

bool pmap_clear_used(struct pmap *pmap, uintptr_t address)
{
    return clear_bit(pmap, address, PTE_ACCESSED);
}

struct pmap_entry pmap_lookup(struct pmap *pmap, uintptr_t address)
{
    uint32_t *entry = entry_find(pmap, address);

    return entry_decode(entry ? *entry : 0);
}

// How many of the `count` entries from `entry` on are empty before the first that is not.
static unsigned entries_empty(const uint32_t *entry, unsigned count)
{
    unsigned left = count;
    bool found;

    __asm__("testl %%ecx, %%ecx\n\trepe scasl"
            : "=@ccne"(found), "+D"(entry), "+c"(left)
            : "a"(0)
            : "memory");
    return found ? count - left - 1 : count;
}

uintptr_t pmap_next(struct pmap *pmap, uintptr_t address, uintptr_t end)
{
    while (address < end) {
        unsigned index = table_next(pmap, address >> TABLE_SHIFT);

        if (index == KERNEL_FIRST)
            return end;
        if (address >> TABLE_SHIFT != index)
            address = (uintptr_t)index << TABLE_SHIFT;
        if (address >= end)
            return end;

        unsigned rest = ENTRIES - (address >> PAGE_SHIFT) % ENTRIES;
        unsigned pages = (end - address + PAGE_SIZE - 1) >> PAGE_SHIFT;
        unsigned looked_at = pages < rest ? pages : rest;
        unsigned empty = entries_empty(entry_find(pmap, address), looked_at);

        address += empty << PAGE_SHIFT;
        if (empty < looked_at)
            return address;
    }
    return end;
}
