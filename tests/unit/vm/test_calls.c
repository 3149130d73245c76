// SPDX-License-Identifier: BSD-2-Clause
// Rule: the vm_* calls answer as the OSF Kernel Interface says, and what fails changes nothing; and
// the costs that the design promises: copies that do not grow with size, one entry for a growing
// heap.
#include "mach_host_server.h"
#include "mach_server.h"
#include <stdio.h>
#include <stdlib.h>
#include "check.h"
#include "fake.h"
#include "kern/task.h"
#include "tap.h"
#include "vm/copy.h"
#include "vm/entry.h"
#include "vm/object.h"
#include "vm/page.h"

#define PAGE 4096u

static struct vm_map *map;
static struct resources at_start;

static vm_address_t allocated(vm_size_t size)
{
    vm_address_t address = 0;

    CHECK_EQ(vm_allocate(map, &address, size, TRUE), KERN_SUCCESS);
    return address;
}

static void poke(vm_address_t address, char value)
{
    kern_return_t kr;
    char *byte = fake_access(map, address, true, &kr);

    if (byte != NULL)
        *byte = value;
    else
        tap_fail(__FILE__, __LINE__, "cannot write to %x: %d", (unsigned)address, kr);
}

static int peek_in(struct vm_map *in, vm_address_t address)
{
    kern_return_t kr;
    char *byte = fake_access(in, address, false, &kr);

    return byte == NULL ? -kr : *byte;
}

static int peek(vm_address_t address)
{
    return peek_in(map, address);
}

static void rule(const char *text)
{
    struct vm_map *all[] = {map};

    check_everything(all, 1, NULL, 0);
    if (map->entry_count > 0)
        CHECK_EQ(vm_deallocate(map, 0, VM_MAX_ADDRESS), KERN_SUCCESS);
    CHECK_EQ(map->entry_count, 0);
    CHECK_EQ(map->pmap.resident, 0);
    tap_rule(text);
}

static void test_allocate(void)
{
    vm_address_t a = 0x12345;

    CHECK_EQ(vm_allocate(map, &a, 1, FALSE), KERN_SUCCESS);
    CHECK_EQ(a, 0x12000);
    CHECK_EQ(map->size, PAGE);
    rule("vm_allocate rounds the address down and the size up");
    a = 77;
    CHECK_EQ(vm_allocate(map, &a, 0, FALSE), KERN_SUCCESS);
    CHECK_EQ(a, 0);
    a = 77;
    CHECK_EQ(vm_allocate(map, &a, 0, TRUE), KERN_SUCCESS);
    CHECK_EQ(a, 0);
    rule("vm_allocate of nothing succeeds with address 0");
    static const vm_address_t bad[] = {0, 0xfff, 0xc0000000, 0xbffff001, 0xffffffff};
    for (unsigned i = 0; i < 5; i++) {
        a = bad[i];
        CHECK_EQ(vm_allocate(map, &a, 2 * PAGE, FALSE), KERN_INVALID_ADDRESS);
        CHECK_EQ(a, bad[i]);
    }
    a = 0x10000;
    CHECK_EQ(vm_allocate(map, &a, 0xffffffff, FALSE), KERN_INVALID_ADDRESS);
    CHECK_EQ(vm_allocate(map, &a, 0xfffff000, FALSE), KERN_INVALID_ADDRESS);
    CHECK_EQ(vm_allocate(map, &a, 0xffffffff, TRUE), KERN_NO_SPACE);
    CHECK_EQ(vm_allocate(map, &a, 0xc0000000, TRUE), KERN_NO_SPACE);
    CHECK_EQ(a, 0x10000);
    rule("vm_allocate outside the address space: KERN_INVALID_ADDRESS; too large: KERN_NO_SPACE");
    a = VM_MIN_ADDRESS;
    CHECK_EQ(vm_allocate(map, &a, VM_MAX_ADDRESS - VM_MIN_ADDRESS, FALSE), KERN_SUCCESS);
    CHECK_EQ(vm_allocate(map, &a, PAGE, FALSE), KERN_NO_SPACE);
    CHECK_EQ(vm_allocate(map, &a, PAGE, TRUE), KERN_NO_SPACE);
    CHECK_EQ(vm_deallocate(map, VM_MIN_ADDRESS, PAGE), KERN_SUCCESS);
    CHECK_EQ(allocated(1), VM_MIN_ADDRESS);
    poke(0xbfffffff, 1);
    CHECK_EQ(peek(0xbfffffff), 1);
    rule("all of the address space can be allocated, and the last hole is found");
}

static void test_heap(void)
{
    vm_address_t first = allocated(PAGE);

    for (unsigned i = 1; i < 3000; i++) {
        CHECK_EQ(allocated(PAGE), first + i * PAGE);
        if (i % 3 == 0)
            poke(first + i * PAGE, (char)i);
    }
    CHECK_EQ(map->entry_count, 1);
    for (unsigned i = 3; i < 3000; i += 3)
        CHECK_EQ(peek(first + i * PAGE), (char)i);
    CHECK_EQ(vm_deallocate(map, first + 1000 * PAGE, 2000 * PAGE), KERN_SUCCESS);
    CHECK_EQ(allocated(2000 * PAGE), first + 1000 * PAGE);
    CHECK_EQ(map->entry_count, 1);
    for (unsigned i = 1000; i < 3000; i++)
        CHECK_EQ(peek(first + i * PAGE), 0);
    rule("a heap that grows and shrinks stays one entry, and its memory fresh");
    first = allocated(9 * PAGE);
    for (unsigned i = 0; i < 9; i++)
        poke(first + i * PAGE, 1);
    unsigned before = pages_free;
    CHECK_EQ(vm_deallocate(map, first + 3 * PAGE, 3 * PAGE), KERN_SUCCESS);
    CHECK_EQ(pages_free + 1, before + 3 + 1);
    CHECK_EQ(peek(first + 2 * PAGE), 1);
    CHECK_EQ(peek(first + 3 * PAGE), -KERN_INVALID_ADDRESS);
    CHECK_EQ(allocated(3 * PAGE), first + 3 * PAGE);
    CHECK_EQ(peek(first + 3 * PAGE), 0);
    rule("a hole punched into memory gives its pages back");
    vm_address_t at = 0x60000000;
    unsigned entries = map->entry_count;

    CHECK_EQ(vm_allocate(map, &at, PAGE, FALSE), KERN_SUCCESS);
    at += 2 * PAGE;
    CHECK_EQ(vm_allocate(map, &at, PAGE, FALSE), KERN_SUCCESS);
    CHECK_EQ(map->entry_count, entries + 2);
    at -= PAGE;
    CHECK_EQ(vm_allocate(map, &at, PAGE, FALSE), KERN_SUCCESS);
    CHECK_EQ(map->entry_count, entries + 1);
    rule("memory that fills a hole makes one entry of what is below and above it");
}

static void test_deallocate(void)
{
    vm_address_t a = allocated(6 * PAGE);

    CHECK_EQ(vm_deallocate(map, a + 2 * PAGE, PAGE), KERN_SUCCESS);
    CHECK_EQ(vm_deallocate(map, a + 2 * PAGE, PAGE), KERN_INVALID_ADDRESS);
    CHECK_EQ(vm_deallocate(map, a, 0), KERN_SUCCESS);
    CHECK_EQ(vm_deallocate(map, a, 0xfffff000), KERN_INVALID_ADDRESS);
    CHECK_EQ(vm_deallocate(map, 0xc0000000, PAGE), KERN_INVALID_ADDRESS);
    CHECK_EQ(vm_deallocate(map, 0xbffff000, 2 * PAGE), KERN_INVALID_ADDRESS);
    CHECK_EQ(map->size, 5 * PAGE);
    CHECK_EQ(vm_deallocate(map, a + 1, 4 * PAGE), KERN_SUCCESS);
    CHECK_EQ(map->size, PAGE);
    rule("vm_deallocate takes all pages touched, skips holes, refuses what is nothing but hole");
}

static void test_protect(void)
{
    vm_address_t a = allocated(4 * PAGE);

    poke(a, 1);
    CHECK_EQ(vm_protect(map, a, PAGE, FALSE, VM_PROT_READ), KERN_SUCCESS);
    CHECK_EQ(peek(a), 1);
    kern_return_t kr;
    CHECK(fake_access(map, a, true, &kr) == NULL);
    CHECK_EQ(kr, KERN_PROTECTION_FAILURE);
    CHECK_EQ(vm_protect(map, a, PAGE, FALSE, VM_PROT_NONE), KERN_SUCCESS);
    CHECK_EQ(peek(a), -KERN_PROTECTION_FAILURE);
    CHECK_EQ(vm_protect(map, a, PAGE, FALSE, VM_PROT_READ | VM_PROT_WRITE), KERN_SUCCESS);
    poke(a, 2);
    CHECK_EQ(map->entry_count, 1);
    rule("vm_protect takes access away and gives it back");
    a = allocated(4 * PAGE);
    CHECK_EQ(vm_protect(map, a, PAGE, TRUE, VM_PROT_READ), KERN_SUCCESS);
    CHECK(fake_access(map, a, true, &kr) == NULL);
    CHECK_EQ(vm_protect(map, a, PAGE, FALSE, VM_PROT_DEFAULT), KERN_PROTECTION_FAILURE);
    CHECK_EQ(vm_protect(map, a, 2 * PAGE, FALSE, VM_PROT_DEFAULT), KERN_PROTECTION_FAILURE);
    CHECK_EQ(vm_protect(map, a, PAGE, TRUE, VM_PROT_ALL), KERN_PROTECTION_FAILURE);
    CHECK_EQ(vm_protect(map, a, 5 * PAGE, FALSE, VM_PROT_NONE), KERN_INVALID_ADDRESS);
    CHECK_EQ(vm_protect(map, a, PAGE, FALSE, 8), KERN_INVALID_ARGUMENT);
    CHECK_EQ(vm_protect(map, 0, PAGE, FALSE, 1), KERN_INVALID_ADDRESS);
    CHECK_EQ(vm_protect(map, a, 0xfffff000, FALSE, 1), KERN_INVALID_ADDRESS);
    CHECK_EQ(vm_protect(map, a, 0, FALSE, 1), KERN_SUCCESS);
    poke(a + PAGE, 1);
    rule("the maximum only falls and limits the current protection; errors change nothing");
    CHECK_EQ(vm_inherit(map, a, PAGE, VM_INHERIT_NONE), KERN_INVALID_ADDRESS);
    a = allocated(2 * PAGE);
    CHECK_EQ(vm_inherit(map, a, PAGE, 3), KERN_INVALID_ARGUMENT);
    CHECK_EQ(vm_inherit(map, a, PAGE, -1), KERN_INVALID_ARGUMENT);
    CHECK_EQ(vm_inherit(map, a, 3 * PAGE, 1), KERN_INVALID_ADDRESS);
    CHECK_EQ(vm_inherit(map, a, 0, 1), KERN_SUCCESS);
    rule("vm_inherit checks its range and value");
}

static void test_region(void)
{
    vm_address_t a = allocated(4 * PAGE), at = 0;
    vm_size_t size;
    int info[VM_REGION_INFO_MAX];
    vm_region_basic_info_t basic = (void *)info;
    mach_msg_type_number_t count = VM_REGION_BASIC_INFO_COUNT;
    ipc_port_t name = (ipc_port_t)&name;

    CHECK_EQ(vm_protect(map, a + PAGE, PAGE, FALSE, VM_PROT_READ), KERN_SUCCESS);
    CHECK_EQ(vm_region(map, &at, &size, VM_REGION_BASIC_INFO, info, &count, &name), KERN_SUCCESS);
    CHECK_EQ(at, a);
    CHECK_EQ(size, PAGE);
    CHECK_EQ(basic->protection, VM_PROT_DEFAULT);
    CHECK_EQ(basic->max_protection, VM_PROT_ALL);
    CHECK_EQ(basic->inheritance, VM_INHERIT_COPY);
    CHECK(!basic->shared && !basic->reserved && basic->behavior == VM_BEHAVIOR_DEFAULT);
    CHECK(name == NULL);
    at = a + 3 * PAGE + 5;
    CHECK_EQ(vm_region(map, &at, &size, VM_REGION_BASIC_INFO, info, &count, &name), KERN_SUCCESS);
    CHECK_EQ(at, a + 2 * PAGE);
    CHECK_EQ(size, 2 * PAGE);
    at = a + 4 * PAGE;
    CHECK_EQ(vm_region(map, &at, &size, VM_REGION_BASIC_INFO, info, &count, &name),
             KERN_INVALID_ADDRESS);
    CHECK_EQ(at, a + 4 * PAGE);
    CHECK_EQ(vm_region(map, &at, &size, 9, info, &count, &name), KERN_INVALID_ARGUMENT);
    count--;
    CHECK_EQ(vm_region(map, &at, &size, VM_REGION_BASIC_INFO, info, &count, &name),
             KERN_INVALID_ARGUMENT);
    rule("vm_region finds the region around or above an address");
    a = allocated(2 * PAGE);
    CHECK_EQ(vm_inherit(map, a, PAGE, VM_INHERIT_SHARE), KERN_SUCCESS);
    struct vm_map *child = vm_map_fork(map);
    at = a;
    count = VM_REGION_BASIC_INFO_COUNT;
    vm_region(map, &at, &size, VM_REGION_BASIC_INFO, info, &count, &name);
    CHECK(basic->shared && size == PAGE);
    vm_map_deallocate(child);
    vm_region(map, &at, &size, VM_REGION_BASIC_INFO, info, &count, &name);
    CHECK(!basic->shared);
    rule("shared is told as long as another task shares it");
}

static void test_copies(void)
{
    vm_address_t a = allocated(6 * PAGE), b;
    mach_msg_type_number_t count;
    vm_map_copy_t copy;

    poke(a + 10, 'x');
    poke(a + 2 * PAGE, 'y');
    CHECK_EQ(vm_read(map, a + 5, 2 * PAGE, &copy, &count), KERN_SUCCESS);
    CHECK_EQ(count, 2 * PAGE);
    poke(a + 10, 'z');
    CHECK_EQ(vm_map_copyout(map, &b, copy), KERN_SUCCESS);
    CHECK_EQ(b & 4095, 5);
    CHECK_EQ(peek(b + 5), 'x');
    CHECK_EQ(peek(b - 5 + 2 * PAGE), 'y');
    CHECK_EQ(vm_read(map, a, 0, &copy, &count), KERN_SUCCESS);
    CHECK(copy == NULL && count == 0);
    CHECK_EQ(vm_write(map, a, copy, 0), KERN_SUCCESS);
    CHECK_EQ(vm_map_copyout(map, &b, copy), KERN_SUCCESS);
    CHECK_EQ(b, 0);
    vm_map_copy_discard(copy);
    rule("vm_read copies any range, at the moment of the call");
    a = allocated(2 * PAGE);
    poke(a, 'a');
    poke(a + 99, 's');
    CHECK_EQ(vm_map_copyin(map, a + 100, 8, &copy), KERN_SUCCESS);
    CHECK_EQ(vm_map_copyout(map, &b, copy), KERN_SUCCESS);
    for (unsigned i = 0; i < PAGE; i += 3)
        CHECK_EQ(peek(trunc_page(b) + i), 0);
    rule("what lies beside the range in its pages does not travel");
    a = allocated(4 * PAGE);
    CHECK_EQ(vm_read(map, a, 5 * PAGE, &copy, &count), KERN_INVALID_ADDRESS);
    CHECK(copy == NULL && count == 0);
    CHECK_EQ(vm_read(map, a, 0xfffffffe, &copy, &count), KERN_INVALID_ADDRESS);
    CHECK_EQ(vm_protect(map, a + PAGE, PAGE, FALSE, 0), KERN_SUCCESS);
    CHECK_EQ(vm_read(map, a, 2 * PAGE, &copy, &count), KERN_PROTECTION_FAILURE);
    CHECK_EQ(vm_map_copy_from_kernel("hello", 6, &copy), KERN_SUCCESS);
    CHECK_EQ(vm_write(map, a + PAGE - 3, copy, 6), KERN_PROTECTION_FAILURE);
    CHECK_EQ(peek(a + PAGE - 3), 0);
    CHECK_EQ(vm_write(map, a + 4 * PAGE - 3, copy, 6), KERN_INVALID_ADDRESS);
    CHECK_EQ(peek(a + 4 * PAGE - 3), 0);
    CHECK_EQ(vm_write(map, 0xfffffffd, copy, 6), KERN_INVALID_ADDRESS);
    CHECK_EQ(vm_write(map, a, copy, 7), KERN_INVALID_ARGUMENT);
    CHECK_EQ(vm_write(map, a + 3, copy, 6), KERN_SUCCESS);
    CHECK_EQ(peek(a + 4), 'e');
    rule("vm_read and vm_write: documented errors, nothing written on error, any alignment");
    a = allocated(8 * PAGE);
    for (unsigned i = 0; i < 4; i++)
        poke(a + i * PAGE, (char)('0' + i));
    CHECK_EQ(vm_copy(map, a, 4 * PAGE, a + 2 * PAGE), KERN_SUCCESS);
    for (unsigned i = 0; i < 4; i++) {
        CHECK_EQ(peek(a + (i + 2) * PAGE), '0' + i);
        poke(a + (i + 2) * PAGE, 'n');
    }
    CHECK_EQ(peek(a), '0');
    CHECK_EQ(vm_copy(map, a + 7 * PAGE, 2 * PAGE, a), KERN_INVALID_ADDRESS);
    CHECK_EQ(vm_copy(map, a, 2 * PAGE, a + 7 * PAGE), KERN_INVALID_ADDRESS);
    CHECK_EQ(vm_copy(map, a, 100, a + 50), KERN_SUCCESS);
    CHECK_EQ(peek(a + 50), '0');
    rule("vm_copy copies as if read first, overlapping too");
}

static void test_map(void)
{
    vm_address_t a = 0xffffffff;
    struct vm_object *object;

    CHECK_EQ(vm_map(map, &a, PAGE, 0, TRUE, NULL, 0, FALSE, 3, 7, 1), KERN_NO_SPACE);
    a = 0xbffff000;
    CHECK_EQ(vm_map(map, &a, 2 * PAGE, 0, TRUE, NULL, 0, FALSE, 3, 7, 1), KERN_NO_SPACE);
    CHECK_EQ(vm_map(map, &a, PAGE, 0, TRUE, NULL, 0, FALSE, 3, 7, 1), KERN_SUCCESS);
    CHECK_EQ(a, 0xbffff000);
    rule("vm_map anywhere looks from the address given on");
    a = 0x234567;

    CHECK_EQ(vm_map(map, &a, PAGE, 0xffff, TRUE, NULL, 0, FALSE, 3, 7, 1), KERN_SUCCESS);
    CHECK_EQ(a, 0x240000);
    a = 0x40001000;
    CHECK_EQ(vm_map(map, &a, PAGE, 0xfff00000, TRUE, NULL, 0, FALSE, 3, 7, 1), KERN_NO_SPACE);
    a = 0;
    CHECK_EQ(vm_map(map, &a, PAGE, 0xfff00000, TRUE, NULL, 0, FALSE, 3, 7, 1), KERN_SUCCESS);
    CHECK_EQ(a, 0x10000);
    a = 0x40000000;
    CHECK_EQ(vm_map(map, &a, PAGE, 0x40010000, TRUE, NULL, 0, FALSE, 3, 7, 1), KERN_SUCCESS);
    CHECK_EQ(a, 0x80000000);
    a = 0x11000;
    CHECK_EQ(vm_map(map, &a, PAGE, 0x1fff, FALSE, NULL, 0, FALSE, 3, 7, 1), KERN_INVALID_ARGUMENT);
    CHECK_EQ(vm_map(map, &a, 0, 0, TRUE, NULL, 0, FALSE, 3, 7, 1), KERN_INVALID_ARGUMENT);
    CHECK_EQ(vm_map(map, &a, PAGE, 0, TRUE, NULL, 0, FALSE, 8, 15, 1), KERN_INVALID_ARGUMENT);
    CHECK_EQ(vm_map(map, &a, PAGE, 0, TRUE, NULL, 0, FALSE, 3, 7, 3), KERN_INVALID_ARGUMENT);
    CHECK_EQ(vm_map(map, &a, PAGE, 0, TRUE, NULL, 5, FALSE, 3, 7, 1), KERN_INVALID_ARGUMENT);
    CHECK_EQ(vm_map(map, &a, PAGE, 0, TRUE, NULL, 0, FALSE, 3, 1, 1), KERN_PROTECTION_FAILURE);
    CHECK_EQ(vm_map(map, &a, PAGE, 0, TRUE, (ipc_port_t)&a, 0, FALSE, 3, 7, 1),
             KERN_INVALID_OBJECT);
    a = 0xffffffff;
    CHECK_EQ(vm_map(map, &a, PAGE, 0, TRUE, NULL, 0, FALSE, 3, 7, 1), KERN_NO_SPACE);
    CHECK_EQ(vm_map(map, &a, PAGE, 0, FALSE, NULL, 0, FALSE, 3, 7, 1), KERN_INVALID_ADDRESS);
    rule("vm_map obeys its mask and checks its arguments");
    object = vm_object_create(4 * PAGE);
    vm_address_t b = 0, c = 0;
    a = 0;
    CHECK_EQ(vm_map_enter(map, &a, 4 * PAGE, 0, true, object, 0, false, 3, 7, 1), KERN_SUCCESS);
    CHECK_EQ(vm_map_enter(map, &b, 2 * PAGE, 0, true, object, PAGE, false, 3, 7, 1), KERN_SUCCESS);
    poke(a + PAGE, 'p');
    CHECK_EQ(peek(b), 'p');
    CHECK_EQ(vm_map_enter(map, &c, 2 * PAGE, 0, true, object, PAGE, true, 3, 7, 1), KERN_SUCCESS);
    poke(b, 'q');
    CHECK_EQ(peek(a + PAGE), 'q');
    CHECK_EQ(peek(c), 'p');
    CHECK_EQ(vm_deallocate(map, a, 4 * PAGE), KERN_SUCCESS);
    CHECK_EQ(peek(b), 'q');
    CHECK_EQ(vm_map_enter(map, &a, PAGE, 0, true, object, 0xc0000000, false, 3, 7, 1),
             KERN_INVALID_ARGUMENT);
    vm_object_deallocate(object);
    rule("an object mapped twice is shared, mapped as a copy not");
}

static void test_device(void)
{
    struct vm_object *object = vm_object_device(0xb8000, PAGE, false);
    struct vm_map_copy *copy;
    vm_address_t c = 0;

    CHECK_EQ(vm_map_enter(map, &c, PAGE, 0, true, object, 0, false, 3, 7, 1), KERN_SUCCESS);
    vm_object_deallocate(object);
    CHECK_EQ(vm_map_copyin(map, c, 8, &copy), KERN_PROTECTION_FAILURE);
    CHECK_EQ(vm_map_copy_from_kernel("device", 6, &copy), KERN_SUCCESS);
    CHECK_EQ(vm_map_copy_overwrite(map, c, copy), KERN_PROTECTION_FAILURE);
    vm_map_copy_discard(copy);
    CHECK_EQ(vm_deallocate(map, c, PAGE), KERN_SUCCESS);
    rule("memory of a device is neither copied nor written by vm_write");
}

static unsigned points;
static void test_across(void)
{
    struct vm_map *to = vm_map_create(), *all[] = {map, to};
    vm_address_t a = allocated(40 * PAGE), there = 0, next = 0;

    CHECK(!vm_map_copy_across(map, a, PAGE, to, &there)); // nobody has touched it
    for (unsigned i = 0; i < 40; i++)
        poke(a + i * PAGE, 'A' + i);
    CHECK(vm_map_copy_across(map, a + PAGE, 37 * PAGE, to, &there));
    CHECK(vm_map_copy_across(map, a, 40 * PAGE, to, &next));
    CHECK_EQ(next, there + 37 * PAGE);
    CHECK_EQ(vm_deallocate(to, there, 37 * PAGE), KERN_SUCCESS);
    CHECK(vm_map_copy_across(map, a + PAGE, 36 * PAGE, to, &there));
    CHECK(there < next);
    poke(a + PAGE, 'x');
    for (unsigned i = 0; i < 36; i++)
        CHECK_EQ(peek_in(to, there + i * PAGE), 'B' + i);
    check_everything(all, 2, NULL, 0);
    CHECK(!vm_map_copy_across(map, a, 41 * PAGE, to, &there));
    CHECK(!vm_map_copy_across(map, a + 1, PAGE, to, &there));
    CHECK(!vm_map_copy_across(map, a, PAGE + 1, to, &there));
    CHECK_EQ(vm_protect(map, a, 40 * PAGE, FALSE, VM_PROT_NONE), KERN_SUCCESS);
    CHECK(!vm_map_copy_across(map, a, PAGE, to, &there));
    vm_map_deallocate(to);
    rule("memory of one entry goes straight to another map, or stays where it is");
}

static void test_wire(void)
{
    vm_address_t a = allocated(3 * PAGE);
    unsigned failed = 0;

    for (unsigned i = 0; i < 65535; i++)
        failed += vm_wire(NULL, map, a + PAGE, PAGE, VM_PROT_READ) != KERN_SUCCESS;
    CHECK_EQ(failed, 0);
    CHECK_EQ(vm_wired_pages, 1);
    CHECK_EQ(vm_wire(NULL, map, a, 3 * PAGE, VM_PROT_READ), KERN_FAILURE);
    CHECK_EQ(vm_wired_pages, 1);
    CHECK_EQ(vm_deallocate(map, a + PAGE, 2 * PAGE), KERN_SUCCESS);
    CHECK_EQ(vm_wired_pages, 0);
    CHECK_EQ(vm_wire(NULL, map, a, PAGE, VM_PROT_READ), KERN_SUCCESS);
    CHECK_EQ(vm_wired_pages, 1);
    CHECK_EQ(vm_wire(NULL, map, a, PAGE, VM_PROT_NONE), KERN_SUCCESS);
    CHECK_EQ(vm_wire(NULL, map, a, PAGE, VM_PROT_NONE), KERN_SUCCESS);
    CHECK_EQ(vm_wired_pages, 0);
    rule("a page may be wired 65535 times, and wired pages are counted");
}

static void count_points(void)
{
    points++;
}

static void test_costs(void)
{
    vm_address_t a = allocated(8 << 20), b;
    struct vm_map_copy *copy;
    unsigned first, last, copied;

    for (unsigned i = 0; i < 2048; i++)
        poke(a + i * PAGE, 1);
    for (int round = 0; round < 3; round++) {
        fake_fail_from(0);
        CHECK_EQ(vm_map_copyin(map, a, 8 << 20, &copy), KERN_SUCCESS);
        CHECK_EQ(vm_map_copyout(map, &b, copy), KERN_SUCCESS);
        CHECK_EQ(fake_allocations, 3); // copy, object, entry
        CHECK_EQ(vm_deallocate(map, b, 8 << 20), KERN_SUCCESS);
    }
    rule("sending 8 MiB takes three small allocations");
    a = allocated(8 << 20);
    for (unsigned i = 0; i < 2048; i++)
        poke(a + i * PAGE, 1);
    vm_map_copyin(map, a, 8 << 20, &copy);
    vm_map_copyout(map, &b, copy);
    copied = current_task()->events.cow_faults;
    fake_fail_from(0);
    poke(b, 2);
    first = fake_allocations;
    CHECK_EQ(current_task()->events.cow_faults, copied + 1);
    fake_fail_from(0);
    poke(b + 2000 * PAGE, 2);
    last = fake_allocations;
    CHECK_EQ(first, 4); // three nodes and the page
    CHECK(last <= first);
    for (int generation = 0; generation < 1000; generation++) {
        struct vm_map *child = vm_map_fork(map);

        vm_map_deallocate(map);
        map = child;
    }
    fake_fail_from(0);
    poke(b + 1000 * PAGE, 3);
    CHECK(fake_allocations <= first);
    CHECK_EQ(peek(b + 999 * PAGE), 1);
    rule("a write fault costs the same on every page, and after 1000 generations of fork");
    points = 0;
    fake_preempt = count_points;
    a = allocated(8 << 20);
    for (unsigned i = 0; i < 2048; i++)
        poke(a + i * PAGE, 1);
    CHECK_EQ(vm_deallocate(map, a, 8 << 20), KERN_SUCCESS);
    CHECK(points >= 30);
    fake_preempt = NULL;
    rule("unmapping much lets interrupts in");
}

static void take_the_rest(void)
{
    vm_address_t a;
    vm_address_t low = 0x10000 + 3 * PAGE;

    // Another thread deallocates and allocates what is being deallocated.
    if (points++ == 2) {
        CHECK_EQ(vm_deallocate(map, low + (4 << 20), PAGE), KERN_SUCCESS);
        a = 0x10000;
        CHECK_EQ(vm_allocate(map, &a, PAGE, FALSE), KERN_SUCCESS);
        poke(a, 'k');
    }
}

static void test_preempted(void)
{
    vm_address_t a = allocated(8 << 20);

    CHECK_EQ(a, 0x10000);
    for (unsigned i = 0; i < 2048; i++)
        poke(a + i * PAGE, 1);
    points = 0;
    fake_preempt = take_the_rest;
    CHECK_EQ(vm_deallocate(map, a, 8 << 20), KERN_SUCCESS);
    fake_preempt = NULL;
    CHECK_EQ(peek(a), 'k');
    CHECK_EQ(map->size, PAGE);
    rule("memory that others change while it is unmapped stays whole");
}

static void test_shutdown(void)
{
    struct vm_map *other = vm_map_create();
    vm_address_t a = 0, b;
    vm_size_t size;
    struct vm_region_basic_info info;
    struct vm_map_copy *copy;

    CHECK_EQ(vm_allocate(other, &a, 3 * PAGE, TRUE), KERN_SUCCESS);
    b = a;
    vm_map_shutdown(other);
    CHECK_EQ(vm_allocate(other, &a, PAGE, TRUE), KERN_INVALID_ARGUMENT);
    CHECK_EQ(vm_deallocate(other, b, PAGE), KERN_INVALID_ARGUMENT);
    CHECK_EQ(vm_protect(other, b, PAGE, FALSE, 1), KERN_INVALID_ARGUMENT);
    CHECK_EQ(vm_inherit(other, b, PAGE, 1), KERN_INVALID_ARGUMENT);
    CHECK_EQ(region(other, &b, &size, &info), KERN_INVALID_ARGUMENT);
    CHECK_EQ(vm_map_copyin(other, b, PAGE, &copy), KERN_INVALID_ARGUMENT);
    CHECK_EQ(vm_map_copyout(other, &b, NULL), KERN_INVALID_ARGUMENT);
    CHECK_EQ(vm_map_copy_overwrite(other, b, NULL), KERN_INVALID_ARGUMENT);
    CHECK_EQ(vm_map(other, &a, PAGE, 0, TRUE, NULL, 0, FALSE, 3, 7, 1), KERN_INVALID_ARGUMENT);
    CHECK(vm_map_fork(other) == NULL);
    vm_map_deallocate(other);
    vm_map_deallocate(NULL);
    rule("a map that was shut down answers KERN_INVALID_ARGUMENT");
}

int main(void)
{
    fake_boot(32, 0);
    at_start = resources_now();
    map = vm_map_create();
    test_allocate();
    test_heap();
    test_deallocate();
    test_protect();
    test_region();
    test_copies();
    test_map();
    test_device();
    test_across();
    test_wire();
    test_costs();
    test_preempted();
    test_shutdown();
    vm_map_deallocate(map);
    check_resources(at_start);
    tap_rule("at the end nothing is left");
    return tap_done();
}
