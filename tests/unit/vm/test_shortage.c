// SPDX-License-Identifier: BSD-2-Clause
// Rule: whichever of its allocations fails, an operation answers KERN_RESOURCE_SHORTAGE, changes
// nothing that can be seen, and leaks nothing; and memory that is really short hurts nobody.
#include <stdio.h>
#include <string.h>
#include "mach_host_server.h"
#include "mach_server.h"
#include "check.h"
#include "fake.h"
#include "lib/slab.h"
#include "tap.h"
#include "vm/page.h"

#define PAGE 4096u
#define A 0x100000u  // ten pages, each with its number
#define B 0x200000u  // four pages, untouched
#define C 0x300000u  // sixty-four pages, shared with a child

static struct vm_map *map, *child;
static struct vm_map_copy *copy, *made;
static struct vm_map *forked;
static vm_offset_t out;

static void poke(struct vm_map *in, vm_offset_t address, char value)
{
    kern_return_t kr;
    char *byte = fake_access(in, address, true, &kr);

    CHECK(byte != NULL);
    *byte = value;
}

static void set_up(void)
{
    vm_offset_t a = A, b = B, c = C;

    map = vm_map_create();
    CHECK_EQ(vm_allocate(map, &a, 10 * PAGE, false), KERN_SUCCESS);
    CHECK_EQ(vm_allocate(map, &b, 4 * PAGE, false), KERN_SUCCESS);
    CHECK_EQ(vm_allocate(map, &c, 64 * PAGE, false), KERN_SUCCESS);
    CHECK_EQ(vm_inherit(map, C, 64 * PAGE, VM_INHERIT_SHARE), KERN_SUCCESS);
    for (unsigned i = 0; i < 10; i++)
        poke(map, A + i * PAGE, (char)('0' + i));
    poke(map, C + 40 * PAGE, 'c');
    child = vm_map_fork(map);
    CHECK_EQ(vm_map_copyin(map, A + PAGE + 7, 5 * PAGE, &copy), KERN_SUCCESS);
    made = NULL;
    forked = NULL;
}

// The byte at the start of a page, without a fault; -1 if there is none.
static int look(struct vm_map *in, vm_offset_t address)
{
    struct vm_map_copy *c;
    char byte;

    if (vm_map_copyin(in, address, PAGE, &c) != KERN_SUCCESS)
        return -1;
    CHECK_EQ(vm_map_copy_read(c, 0, &byte, 1), KERN_SUCCESS);
    vm_map_copy_discard(c);
    return byte;
}

static void check_unchanged(void)
{
    struct vm_map *all[] = {map, child, forked};
    struct vm_map_copy *flying[] = {copy, made};
    vm_offset_t address = A;
    struct vm_region_basic_info info;
    vm_size_t size;

    check_everything(all, 3, flying, 2);
    for (unsigned i = 0; i < 10; i++) {
        CHECK_EQ(look(map, A + i * PAGE), '0' + i);
        CHECK_EQ(look(child, A + i * PAGE), '0' + i);
    }
    CHECK_EQ(look(map, B), 0);
    CHECK_EQ(look(map, C + 40 * PAGE), 'c');
    CHECK_EQ(look(child, C + 40 * PAGE), 'c');
    CHECK_EQ(region(map, &address, &size, &info), KERN_SUCCESS);
    CHECK_EQ(address, A);
    CHECK_EQ(size, 10 * PAGE);
    CHECK_EQ(info.protection, VM_PROT_DEFAULT);
    CHECK_EQ(vm_wired_pages, 0);
    CHECK_EQ(map->size, 78 * PAGE);
    CHECK(made == NULL && forked == NULL);
}

static void tear_down(void)
{
    vm_map_copy_discard(copy);
    vm_map_copy_discard(made);
    vm_map_deallocate(forked);
    vm_map_deallocate(child);
    vm_map_deallocate(map);
}

// ---- the operations ----

static kern_return_t allocate(void)
{
    out = 0;
    return vm_allocate(map, &out, 5 * PAGE, true);
}
static kern_return_t deallocate(void)
{
    return vm_deallocate(map, A + 3 * PAGE, 2 * PAGE);
}
static kern_return_t protect(void)
{
    return vm_protect(map, A + 3 * PAGE, 2 * PAGE, false, VM_PROT_READ);
}
static kern_return_t inherit(void)
{
    return vm_inherit(map, A + 3 * PAGE, 2 * PAGE, VM_INHERIT_NONE);
}
static kern_return_t remap(void)
{
    vm_prot_t now, max;

    out = 0;
    return vm_remap(child, &out, 6 * PAGE, 0, true, map, A + 2 * PAGE, false, &now, &max,
                    VM_INHERIT_COPY);
}
static kern_return_t remap_copy(void)
{
    vm_prot_t now, max;

    out = 0;
    return vm_remap(map, &out, 6 * PAGE, 0, true, map, A + 2 * PAGE, true, &now, &max,
                    VM_INHERIT_COPY);
}
static kern_return_t wire(void)
{
    return vm_wire(NULL, map, A + 3 * PAGE, 2 * PAGE, VM_PROT_READ | VM_PROT_WRITE);
}
static kern_return_t fork_map(void)
{
    forked = vm_map_fork(map);
    return forked ? KERN_SUCCESS : KERN_RESOURCE_SHORTAGE;
}
static kern_return_t copyin(void)
{
    return vm_map_copyin(map, A + 3 * PAGE + 5, 3 * PAGE, &made);
}
static kern_return_t copyout(void)
{
    kern_return_t kr = vm_map_copyout(map, &out, copy);

    if (kr == KERN_SUCCESS)
        copy = NULL;
    return kr;
}
static kern_return_t overwrite_whole(void)
{
    kern_return_t kr = vm_map_copy_overwrite(map, A + 7, copy);

    if (kr == KERN_SUCCESS)
        copy = NULL;
    return kr;
}
static kern_return_t overwrite_parts(void)
{
    kern_return_t kr = vm_map_copy_overwrite(map, A + 100, copy);

    if (kr == KERN_SUCCESS)
        copy = NULL;
    return kr;
}
static kern_return_t overwrite_fresh(void)
{
    struct vm_map_copy *three;
    kern_return_t kr = vm_map_copyin(map, A, 3 * PAGE, &three);

    if (kr != KERN_SUCCESS)
        return kr;
    kr = vm_map_copy_overwrite(map, B, three);
    if (kr != KERN_SUCCESS)
        vm_map_copy_discard(three);
    return kr;
}
static kern_return_t fault_fresh(void)
{
    return vm_fault(map, B + PAGE, VM_PROT_READ | VM_PROT_WRITE);
}
static kern_return_t fault_copy(void)
{
    return vm_fault(map, A + 2 * PAGE, VM_PROT_READ | VM_PROT_WRITE);
}
static kern_return_t fault_shared(void)
{
    return vm_fault(child, C + 63 * PAGE, VM_PROT_READ | VM_PROT_WRITE);
}
static kern_return_t from_kernel(void)
{
    static char bytes[9000];

    return vm_map_copy_from_kernel(bytes, sizeof(bytes), &made);
}

static const struct {
    const char *name;
    kern_return_t (*run)(void);
} operations[] = {
    {"vm_allocate", allocate},
    {"vm_deallocate of the middle", deallocate},
    {"vm_protect of the middle", protect},
    {"vm_inherit of the middle", inherit},
    {"vm_remap", remap},
    {"vm_remap of a copy", remap_copy},
    {"vm_wire of the middle", wire},
    {"vm_map_fork", fork_map},
    {"copyin", copyin},
    {"copyout", copyout},
    {"overwrite by whole pages", overwrite_whole},
    {"overwrite by parts", overwrite_parts},
    {"overwrite of fresh memory", overwrite_fresh},
    {"a fault on fresh memory", fault_fresh},
    {"a write fault on a copy", fault_copy},
    {"a fault on shared memory", fault_shared},
    {"a copy of kernel memory", from_kernel},
};

static void each_failure(const char *name, kern_return_t (*run)(void))
{
    struct resources before = resources_now();
    char rule[120];
    unsigned n = 0;
    kern_return_t kr;

    do {
        n++;
        set_up();
        fake_fail_from(n);
        kr = run();
        if (fake_allocations >= n && kr == KERN_SUCCESS)
            kr = KERN_RESOURCE_SHORTAGE + 100; // did without: fine, go on
        fake_fail_from(0);
        if (kr == KERN_RESOURCE_SHORTAGE)
            check_unchanged();
        else if (kr != KERN_SUCCESS)
            CHECK_EQ(kr, KERN_RESOURCE_SHORTAGE + 100);
        tear_down();
        check_resources(before);
    } while (kr != KERN_SUCCESS && n < 100);
    snprintf(rule, sizeof(rule), "%s, with each of %u allocations failing", name, n - 1);
    tap_rule(rule);
}

// Pages that could not be let go of for want of memory must not come back as fresh memory.
static void test_stale(void)
{
    struct resources before = resources_now();

    for (unsigned n = 1; n < 8; n++) {
        vm_offset_t tail = A + 5 * PAGE;
        kern_return_t kr;

        set_up();
        fake_fail_from(n);
        kr = vm_deallocate(map, tail, 5 * PAGE);
        fake_fail_from(0);
        if (kr == KERN_SUCCESS) {
            CHECK_EQ(vm_allocate(map, &tail, 5 * PAGE, false), KERN_SUCCESS);
            for (unsigned i = 0; i < 5; i++)
                CHECK_EQ(look(map, tail + i * PAGE), 0);
        }
        tear_down();
    }
    check_resources(before);
    tap_rule("memory deallocated while memory was short is fresh when allocated again");
}

// A task eats all memory, page by page; then everything still answers, and it can be cleaned up.
static void test_exhaustion(void)
{
    struct resources before = resources_now();
    vm_offset_t at = 0, other = 0x80000000;
    kern_return_t kr = KERN_SUCCESS;
    unsigned pages = 0;

    set_up();
    CHECK_EQ(vm_allocate(map, &at, 256 << 20, true), KERN_SUCCESS);
    while (fake_access(map, at + pages * PAGE, true, &kr) != NULL)
        pages++;
    CHECK_EQ(kr, KERN_RESOURCE_SHORTAGE);
    CHECK(pages > pages_total / 2);
    CHECK(pages_free >= 60);
    CHECK_EQ(vm_fault(child, A, VM_PROT_READ | VM_PROT_WRITE), KERN_RESOURCE_SHORTAGE);
    CHECK_EQ(look(child, A), '0');
    for (unsigned i = 0; i < 64; i++) { // entries come from the reserve
        CHECK_EQ(vm_allocate(map, &other, PAGE, false), KERN_SUCCESS);
        other += 2 * PAGE;
    }
    tear_down();
    check_resources(before);
    tap_rule("a task that eats all memory gets shortages, and gives everything back");
}

// Entries and page tables eat the reserve too, but for what is the servers'.
static void test_kernel_exhaustion(void)
{
    struct resources before = resources_now();
    kern_return_t kr = KERN_SUCCESS;
    unsigned count = 0;

    set_up();
    while (kr == KERN_SUCCESS && count < 1000000) {
        vm_offset_t at = 0x1000000 + count++ * 2 * PAGE;

        kr = vm_allocate(map, &at, PAGE, false);
    }
    CHECK_EQ(kr, KERN_RESOURCE_SHORTAGE);
    CHECK_EQ(pages_free, 32);
    CHECK(vm_map_create() == NULL || pages_free == 32);
    CHECK_EQ(vm_deallocate(map, 0x1000000, 0x1000000), KERN_SUCCESS);
    kr = vm_fault(map, A, VM_PROT_READ);
    CHECK(kr == KERN_SUCCESS || kr == KERN_RESOURCE_SHORTAGE);
    tear_down();
    CHECK(resources_now().pages >= before.pages - 1);
    tap_rule("when entries have eaten the reserve as well, calls fail in words and can be undone");
}

int main(void)
{
    fake_boot(8, 0);
    for (unsigned i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
        each_failure(operations[i].name, operations[i].run);
    test_stale();
    test_exhaustion();
    test_kernel_exhaustion();
    return tap_done();
}
