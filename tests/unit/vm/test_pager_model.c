// SPDX-License-Identifier: BSD-2-Clause
// Rule: memory with a pager, and all copies of it, show what a machine would that copied everything at
// once and never threw a page away. Random reads, writes, copies, forks, supplies, flushes and locks, with
// allocations failing now and then, against arrays of bytes. Arguments: seed, steps.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "check.h"
#include "fake.h"
#include "ipc/port.h"
#include "mach_server.h"
#include "tap.h"
#include "vm/object.h"
#include "vm/pager.h"

#define PAGES 70u // two leaves and a bit
#define VIEWS 16
#define MAPS 4

// Some pages somewhere, and what they show: a byte all through each page.
struct view {
    struct vm_map *map; // NULL: not in use
    vm_offset_t at;
    unsigned from, count; // pages of the object
    unsigned char bytes[PAGES];
};

static struct vm_map *maps[MAPS]; // the first has the original
static struct view views[VIEWS];  // … as the first of these
static struct vm_object *object;
static struct port port;
static unsigned char file[PAGES]; // what the pager has
static struct {
    bool unlock;
    vm_offset_t offset;
    vm_size_t size;
} owed[200]; // answers that the pager owes
static unsigned owed_count, returned;
// The pager forbids that pages are read; it then throws away nothing that was written, for a copy that
// did not get such a page would ask for it later.
static bool hides;
static uint32_t seed;

static uint32_t below(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(seed >> 4) * n >> 28);
}

// ---- the pager -----------------------------------------------------------------------------

static void supply(unsigned first, unsigned count, vm_prot_t lock)
{
    char data[PAGES * PAGE_SIZE];
    struct vm_map_copy *copy;

    if (first + count > PAGES)
        count = PAGES - first;
    for (unsigned i = 0; i < count; i++)
        memset(data + i * PAGE_SIZE, file[first + i], PAGE_SIZE);
    CHECK_EQ(vm_map_copy_from_kernel(data, count * PAGE_SIZE, &copy), KERN_SUCCESS);
    CHECK_EQ(memory_object_data_supply(object, first * PAGE_SIZE, copy, count * PAGE_SIZE, lock,
                                       below(4) == 0, NULL),
             KERN_SUCCESS);
}

static kern_return_t to_pager(const struct fake_message *m)
{
    if (strncmp(m->what, "data_", 5) == 0 && m->data == NULL) {
        CHECK(owed_count < 200);
        owed[owed_count].unlock = strcmp(m->what, "data_unlock") == 0;
        owed[owed_count].offset = m->offset;
        owed[owed_count++].size = m->size;
    }
    for (vm_offset_t at = 0; m->data != NULL && at < m->size; at += PAGE_SIZE) {
        unsigned i = (m->offset + at) / PAGE_SIZE;
        char bytes[2];

        CHECK_EQ(vm_map_copy_read(m->data, at + 77, bytes, 2), KERN_SUCCESS);
        CHECK_EQ(bytes[0], (char)(m->dirty ? views[0].bytes : file)[i]);
        CHECK_EQ(bytes[1], bytes[0]);
        file[i] = (unsigned char)bytes[0];
        returned++;
    }
    return KERN_SUCCESS;
}

static void answer(vm_offset_t offset, vm_size_t size, bool unlock)
{
    unsigned first = offset / PAGE_SIZE, count = size / PAGE_SIZE;
    bool zeros = true;

    for (unsigned i = first; i < first + count; i++)
        zeros &= file[i] == 0;
    if (unlock)
        memory_object_lock_request(object, offset, size, 0, false, VM_PROT_NONE, NULL);
    else if (zeros)
        memory_object_data_unavailable(object, offset, size);
    else
        supply(first, count + below(3) * 4, below(3) == 0 ? VM_PROT_WRITE : VM_PROT_NONE);
}

static enum wait_result wait(struct waitq *q)
{
    (void)q;
    fake_fail_from(0);
    while (owed_count > 0) {
        unsigned i = --owed_count;

        answer(owed[i].offset, owed[i].size, owed[i].unlock);
    }
    return WAIT_AWAKENED;
}

// ---- operations ----------------------------------------------------------------------------

static struct view *view_any(void)
{
    struct view *v;

    do
        v = &views[below(VIEWS)];
    while (v->map == NULL);
    return v;
}

static struct view *view_free(void)
{
    for (int i = 1; i < VIEWS; i++)
        if (views[i].map == NULL)
            return &views[i];
    return NULL;
}

static void touch(struct view *v, unsigned i, bool write)
{
    kern_return_t kr;
    char *page;

    if (below(8) == 0)
        fake_fail_from(1 + below(6));
    page = fake_access(v->map, v->at + i * PAGE_SIZE, write, &kr);
    fake_fail_from(0);
    if (page == NULL) {
        CHECK_EQ(kr, KERN_RESOURCE_SHORTAGE);
        return;
    }
    if ((unsigned char)page[5] != v->bytes[i])
        tap_fail(__FILE__, __LINE__, "view %d, page %u of %u…: %u, not %u", (int)(v - views), i,
                 v->from, (unsigned char)page[5], v->bytes[i]);
    if (write)
        memset(page, v->bytes[i] = (unsigned char)below(250), PAGE_SIZE);
}

static void op_copy(void)
{
    struct view *v = view_any(), *new = view_free();
    unsigned first = below(v->count), count = 1 + below(v->count - first);
    struct vm_map_copy *copy;

    if (new == NULL)
        return;
    if (v == &views[0] && below(2) == 0) {
        new->at = 0;
        CHECK_EQ(vm_map_enter(v->map, &new->at, count * PAGE_SIZE, 0, true, object, first * PAGE_SIZE,
                              true, VM_PROT_DEFAULT, VM_PROT_ALL, VM_INHERIT_COPY),
                 KERN_SUCCESS);
    } else {
        CHECK_EQ(vm_map_copyin(v->map, v->at + first * PAGE_SIZE, count * PAGE_SIZE, &copy),
                 KERN_SUCCESS);
        CHECK_EQ(vm_map_copyout(v->map, &new->at, copy), KERN_SUCCESS);
    }
    new->map = v->map;
    new->from = v->from + first;
    new->count = count;
    memcpy(new->bytes, v->bytes + first, count);
}

static void drop(struct view *v)
{
    CHECK_EQ(vm_deallocate(v->map, v->at, v->count * PAGE_SIZE), KERN_SUCCESS);
    v->map = NULL;
}

static void op_drop(void)
{
    struct view *v = view_any();

    if (v != &views[0])
        drop(v);
}

static void op_fork(void)
{
    unsigned child = 1 + below(MAPS - 1);

    for (int i = 0; i < VIEWS; i++)
        if (views[i].map == maps[child] && maps[child] != NULL)
            drop(&views[i]);
    vm_map_deallocate(maps[child]);
    maps[child] = vm_map_fork(maps[0]);
    CHECK(maps[child] != NULL);
    for (int i = 0; i < VIEWS; i++) {
        struct view *new = views[i].map == maps[0] ? view_free() : NULL;

        if (new == NULL && views[i].map == maps[0])
            vm_deallocate(maps[child], views[i].at, views[i].count * PAGE_SIZE);
        else if (new != NULL) {
            *new = views[i];
            new->map = maps[child];
        }
    }
}

static void op_lock(void)
{
    unsigned first = below(PAGES), count = 1 + below(PAGES - first);
    static const vm_prot_t locks[] = {VM_PROT_NO_CHANGE, VM_PROT_NONE, VM_PROT_WRITE, VM_PROT_READ};
    int give = (int)below(4);
    kern_return_t kr;
    bool flush = below(2) == 0 && (give != MEMORY_OBJECT_RETURN_NONE || !hides);

    if (give != MEMORY_OBJECT_RETURN_NONE && below(4) == 0)
        fake_fail_from(1 + below(10));
    kr = memory_object_lock_request(object, first * PAGE_SIZE, count * PAGE_SIZE, give, flush,
                                    locks[below(hides ? 4 : 3)], NULL);
    CHECK(kr == KERN_SUCCESS || (kr == KERN_RESOURCE_SHORTAGE && fake_fail_at != 0));
    fake_fail_from(0);
    // What is thrown away comes from the pager again.
    for (unsigned i = first; flush && give == MEMORY_OBJECT_RETURN_NONE && i < first + count; i++)
        views[0].bytes[i] = file[i];
}

static void step(void)
{
    struct view *v = view_any();

    switch (below(16)) {
    case 0:
        op_copy();
        break;
    case 1:
        op_drop();
        break;
    case 2:
        if (below(3) == 0)
            op_fork();
        break;
    case 3:
    case 4:
        op_lock();
        break;
    case 5:
        supply(below(PAGES), 1 + below(8), hides && below(3) == 0 ? VM_PROT_READ : VM_PROT_NONE);
        break;
    default:
        touch(v, below(v->count), below(2) == 0);
        break;
    }
}

static struct resources at_start;

static void walk(uint32_t with, unsigned steps, int strategy, unsigned cluster, bool hiding)
{
    int attributes[] = {strategy, (int)(cluster * PAGE_SIZE), 0, 0};
    char rule[120];

    seed = with;
    hides = hiding;
    port = (struct port){.kind = PORT_USER, .active = true};
    maps[0] = vm_map_create();
    CHECK_EQ(vm_pager_object(&port, &object), KERN_SUCCESS);
    for (unsigned i = 0; i < PAGES; i++)
        file[i] = below(3) ? (unsigned char)below(250) : 0;
    views[0] = (struct view){.map = maps[0], .count = PAGES};
    memcpy(views[0].bytes, file, PAGES);
    CHECK_EQ(vm_map_enter(maps[0], &views[0].at, PAGES * PAGE_SIZE, 0, true, object, 0, false,
                          VM_PROT_DEFAULT, VM_PROT_ALL, VM_INHERIT_COPY),
             KERN_SUCCESS);
    CHECK_EQ(vm_pager_initialize(object->pager), KERN_SUCCESS);
    vm_object_deallocate(object); // the map keeps it
    CHECK_EQ(memory_object_change_attributes(object, MEMORY_OBJECT_ATTRIBUTE_INFO, attributes, 4, NULL),
             KERN_SUCCESS);
    for (unsigned i = 0; i < steps && tap_failures() == 0; i++) {
        step();
        if (i % 200 == 0)
            check_everything(maps, MAPS, NULL, 0);
    }
    for (int i = 0; i < VIEWS && tap_failures() == 0; i++)
        for (unsigned k = 0; views[i].map != NULL && k < views[i].count; k++)
            touch(&views[i], k, false);
    CHECK(returned > 0);
    owed_count = 0;
    for (int i = 0; i < VIEWS; i++)
        views[i].map = i == 0 ? views[i].map : NULL;
    for (int i = MAPS - 1; i >= 0; i--) {
        vm_map_deallocate(maps[i]);
        maps[i] = NULL;
    }
    // All of it has gone back to the pager.
    CHECK_EQ(memcmp(file, views[0].bytes, PAGES), 0);
    check_resources(at_start);
    CHECK_EQ(fake_rights, 0);
    snprintf(rule, sizeof rule, "a pager's memory and its copies agree with arrays (seed %u, %u steps, %s)",
             (unsigned)with, steps, strategy == MEMORY_OBJECT_COPY_NONE ? "copied at once" : "delayed");
    tap_rule(rule);
}

int main(int argc, char **argv)
{
    uint32_t with = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 0) : 1;
    unsigned steps = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : 20000;

    fake_boot(24, 0);
    at_start = resources_now();
    fake_wait = wait;
    fake_to_pager = to_pager;
    walk(with, steps, MEMORY_OBJECT_COPY_DELAY, 1, false);
    walk(with + 1, steps, MEMORY_OBJECT_COPY_DELAY, 8, true);
    walk(with + 2, steps / 4, MEMORY_OBJECT_COPY_NONE, 4, true);
    return tap_done();
}
