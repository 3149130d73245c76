// SPDX-License-Identifier: BSD-2-Clause
// Rule: physical pages are handed out once, blocks are contiguous and aligned, freed memory grows
// together again, users leave a reserve, and the list of a page's mappings is exact.
#include <stdlib.h>
#include "check.h"
#include "fake.h"
#include "kern/sched.h"
#include "kern/thread.h"
#include "lib/slab.h"
#include "tap.h"
#include "vm/page.h"
#include "x86/boot.h"
#include "x86/upcall.h"

#define MEGABYTES 16
#define BLOCKS 500

static unsigned char taken[MEGABYTES << 8]; // per frame

static void take(uintptr_t physical, unsigned pages)
{
    for (unsigned i = 0; i < pages; i++) {
        uintptr_t at = physical + i * PAGE_SIZE;
        uintptr_t usable = at, end;

        CHECK(boot_memory_next(&usable, &end) && usable == at);
        CHECK_EQ(taken[at >> PAGE_SHIFT]++, 0);
    }
}

static void give(uintptr_t physical, unsigned pages)
{
    for (unsigned i = 0; i < pages; i++)
        taken[(physical >> PAGE_SHIFT) + i]--;
}

static void test_blocks(void)
{
    static void *block[BLOCKS];
    static unsigned order[BLOCKS];
    unsigned before = pages_free;

    for (int step = 0; step < 30000; step++) {
        unsigned i = (unsigned)rand() % BLOCKS;

        if (block[i] != NULL) {
            CHECK_EQ(slab_page_order(block[i]), order[i]);
            give(virt_to_phys(block[i]), 1u << order[i]);
            slab_page_free(block[i], order[i]);
            block[i] = NULL;
            continue;
        }
        order[i] = rand() % 3 ? 0 : (unsigned)rand() % 6;
        if ((block[i] = slab_page_alloc(order[i])) == NULL)
            continue;
        CHECK_EQ(virt_to_phys(block[i]) & ((PAGE_SIZE << order[i]) - 1), 0);
        take(virt_to_phys(block[i]), 1u << order[i]);
    }
    for (unsigned i = 0; i < BLOCKS; i++)
        if (block[i] != NULL) {
            give(virt_to_phys(block[i]), 1u << order[i]);
            slab_page_free(block[i], order[i]);
            block[i] = NULL;
        }
    CHECK_EQ(pages_free, before);
    tap_rule("random blocks of 1 … 32 pages never overlap and all come back");
}

// Takes pages as users do and then as page tables do, while there are any; adds them to `kept`.
static void take_all(struct list *kept, unsigned *user, unsigned *kernel)
{
    struct page *page;
    uintptr_t physical;

    for (*user = 0; (page = page_alloc()) != NULL; ++*user)
        list_insert_tail(kept, &page->link);
    CHECK(page_alloc_zeroed() == NULL);
    for (*kernel = 0; (physical = machine_page_alloc()) != 0; ++*kernel) {
        CHECK_EQ(*(int *)phys_to_virt(physical), 0);
        list_insert_tail(kept, &page_at(physical)->link);
    }
    CHECK(slab_page_alloc(0) == NULL && slab_page_alloc(3) == NULL);
}

static void test_reserve(void)
{
    unsigned before = pages_free, user, kernel;
    struct list kept;

    list_init(&kept);
    take_all(&kept, &user, &kernel);
    CHECK_EQ(user, before - 64);
    CHECK_EQ(kernel, 32);
    tap_rule("programs run short while 64 pages are left, and their kernel objects at 32");
    fake_thread.max_priority = PRIORITY_SERVER + 1;
    CHECK(page_alloc() == NULL && slab_page_alloc(0) == NULL);
    fake_thread.max_priority = PRIORITY_SERVER;
    take_all(&kept, &user, &kernel);
    CHECK_EQ(user + kernel, 32);
    CHECK_EQ(pages_free, 0);
    fake_thread.max_priority = PRIORITY_USER;
    for (struct list *l; (l = list_pop(&kept)) != NULL;)
        page_release(container_of(l, struct page, link));
    CHECK_EQ(pages_free, before);
    tap_rule("who may be as urgent as the servers gets the rest");
}

static void test_merge(void)
{
    unsigned count = 0;
    struct list kept;
    void *block;

    list_init(&kept);
    while ((block = slab_page_alloc(5)) != NULL) {
        list_insert_tail(&kept, block);
        count++;
    }
    for (struct list *l; (l = list_pop(&kept)) != NULL;)
        slab_page_free(l, 5);
    CHECK(count >= pages_total / 32 - 12);
    tap_rule("after all that, free memory is in large blocks again");
}

static void test_adopt(void)
{
    struct vm_map_copy *copy;
    char *module = phys_to_virt(boot_info.module_start);
    unsigned before = pages_free;
    char byte;

    module[5] = 'm';
    CHECK_EQ(vm_map_copy_from_physical(0x100000, 4096, &copy), KERN_RESOURCE_SHORTAGE);
    CHECK_EQ(vm_map_copy_from_physical(boot_info.module_start + 1, 4096, &copy),
             KERN_INVALID_ARGUMENT);
    CHECK_EQ(vm_map_copy_from_physical(boot_info.module_start, 3 * 4096 + 100, &copy),
             KERN_SUCCESS);
    CHECK_EQ(vm_map_copy_read(copy, 5, &byte, 1), KERN_SUCCESS);
    CHECK_EQ(byte, 'm');
    CHECK_EQ(module[3 * 4096 + 100], 0);
    vm_map_copy_discard(copy);
    CHECK_EQ(resources_now().pages, before + 4);
    CHECK_EQ(vm_map_copy_from_physical(boot_info.module_start, 4096, &copy), KERN_RESOURCE_SHORTAGE);
    tap_rule("the boot module becomes a copy, and free pages when that goes; only once");
}

#define PMAPS 5
static void test_mappings(void)
{
    static struct pmap pmaps[PMAPS];
    struct page *pages[4];
    struct resources before = resources_now();

    for (int i = 0; i < PMAPS; i++)
        CHECK(pmap_init(&pmaps[i]));
    for (int i = 0; i < 4; i++)
        pages[i] = page_alloc();
    for (int step = 0; step < 5000; step++) {
        struct pmap *pmap = &pmaps[rand() % PMAPS];
        uintptr_t address = 0x1000u * (1 + (unsigned)rand() % 6);
        struct page *page = pages[rand() % 4];

        if (rand() % 3 == 0) {
            page_unmap(pmap, address);
            CHECK_EQ(pmap_lookup(pmap, address).protection, VM_PROT_NONE);
        } else if (rand() % 50 == 0) {
            page_unmap_everywhere(page);
            CHECK(page->mapping.pmap == NULL && page->mapping.next == NULL);
        } else if (rand() % 8 == 0) {
            page_write_protect(page);
            for (struct page_mapping *m = &page->mapping; m != NULL && m->pmap; m = m->next)
                CHECK_EQ(pmap_lookup(m->pmap, m->address).protection, VM_PROT_READ);
        } else {
            CHECK(page_map(page, pmap, address, VM_PROT_READ | VM_PROT_WRITE));
            CHECK_EQ(pmap_lookup(pmap, address).physical, page_physical(page));
        }
    }
    for (int i = 0; i < 4; i++) {
        page_unmap_everywhere(pages[i]);
        page_release(pages[i]);
    }
    for (int i = 0; i < PMAPS; i++)
        pmap_destroy(&pmaps[i]); // panics if anything is mapped
    check_resources(before);
    tap_rule("mappings of pages in several address spaces come and go");
}

int main(void)
{
    fake_boot(MEGABYTES, 8);
    srand(1);
    test_blocks();
    test_reserve();
    test_merge();
    test_adopt();
    test_mappings();
    return tap_done();
}
