// SPDX-License-Identifier: BSD-2-Clause
// Rule: whatever tasks do with their memory, each sees what a machine would show that copied
// everything at once. Random operations run on real maps and on a model (each address space an
// array of pages, each page a cell of bytes that sharers share), with allocations failing now and
// then; after every few steps all of memory is compared and all structures are checked. Arguments:
// seed, steps.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "check.h"
#include "fake.h"
#include "lib/slab.h"
#include "tap.h"
#include "ipc/port.h"
#include "mach_host_server.h"
#include "mach_server.h"
#include "vm/entry.h"
#include "vm/object.h"
#include "vm/page.h"
#include "vm/pager.h"
#include "vm/paging.h"

#define BASE 0x10000u // where the part of the address space begins that is used
#define PAGES 160u
#define END (BASE + PAGES * PAGE_SIZE)
#define MAPS 4
#define COPIES 4

struct cell {
    unsigned refs;
    unsigned char bytes[PAGE_SIZE];
};

struct model_page {
    struct cell *cell; // NULL: not allocated
    vm_prot_t now, max;
    vm_inherit_t inherit;
};

struct model_copy {
    vm_size_t size;
    vm_offset_t offset;
    unsigned char *bytes; // whole pages
};

static struct vm_map *maps[MAPS];
static struct model_page model[MAPS][PAGES];
static struct vm_map_copy *copies[COPIES];
static struct model_copy model_copies[COPIES];
static uint32_t seed;
static bool interrupted; // a wait in this step

static uint32_t below(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(seed >> 4) * n >> 28);
}

// ---- the model -----------------------------------------------------------------------------

static struct cell *cell_new(void)
{
    struct cell *cell = calloc(1, sizeof(*cell));

    cell->refs = 1;
    return cell;
}

static void cell_drop(struct cell **cell)
{
    if (*cell != NULL && --(*cell)->refs == 0)
        free(*cell);
    *cell = NULL;
}

static void model_fresh(struct model_page *p)
{
    *p = (struct model_page){cell_new(), VM_PROT_DEFAULT, VM_PROT_ALL, VM_INHERIT_COPY};
}

// What an operation on [first, last] that needs `now` and `max` answers.
static kern_return_t model_check(struct model_page *m, unsigned first, unsigned last, vm_prot_t now,
                                 vm_prot_t max)
{
    bool refused = false;

    for (unsigned i = first; i <= last; i++) {
        if (i >= PAGES || m[i].cell == NULL)
            return KERN_INVALID_ADDRESS;
        refused |= (now & ~m[i].now) != 0 || (max & ~m[i].max) != 0;
    }
    return refused ? KERN_PROTECTION_FAILURE : KERN_SUCCESS;
}

// The first gap of `count` pages; PAGES if there is none.
static unsigned model_gap(struct model_page *m, unsigned count)
{
    for (unsigned i = 0; i + count <= PAGES; i++) {
        unsigned n = 0;

        while (n < count && m[i + n].cell == NULL)
            n++;
        if (n == count)
            return i;
    }
    return PAGES;
}

// ---- comparing -----------------------------------------------------------------------------

static void check_region(unsigned k, unsigned i)
{
    struct model_page *p = &model[k][i];
    vm_offset_t address = BASE + i * PAGE_SIZE, want = address;
    struct vm_region_basic_info info;
    vm_size_t size;

    CHECK_EQ(region(maps[k], &address, &size, &info), KERN_SUCCESS);
    if (p->cell == NULL) {
        CHECK(address > want);
        return;
    }
    CHECK(address <= want && want < address + size);
    CHECK_EQ(info.protection, p->now);
    CHECK_EQ(info.max_protection, p->max);
    CHECK_EQ(info.inheritance, p->inherit);
    CHECK_EQ(info.reserved, 0);
}

// Reads without a fault, so that looking changes nothing: through a copy of the page.
static void check_page(unsigned k, unsigned i)
{
    struct model_page *p = &model[k][i];
    unsigned char bytes[PAGE_SIZE];
    struct vm_map_copy *copy;
    kern_return_t kr = vm_map_copyin(maps[k], BASE + i * PAGE_SIZE, PAGE_SIZE, &copy);

    CHECK_EQ(kr, model_check(model[k], i, i, VM_PROT_READ, 0));
    check_region(k, i);
    if (kr != KERN_SUCCESS)
        return;
    CHECK_EQ(vm_map_copy_read(copy, 0, bytes, PAGE_SIZE), KERN_SUCCESS);
    if (memcmp(bytes, p->cell->bytes, PAGE_SIZE) != 0)
        tap_fail(__FILE__, __LINE__, "map %u, page %u differs", k, i);
    vm_map_copy_discard(copy);
}

static void check_copy(unsigned c)
{
    struct model_copy *m = &model_copies[c];
    unsigned char *bytes = malloc(m->size);

    CHECK_EQ(vm_map_copy_size(copies[c]), m->size);
    CHECK_EQ(vm_map_copy_read(copies[c], 0, bytes, m->size), KERN_SUCCESS);
    if (memcmp(bytes, m->bytes + m->offset, m->size) != 0)
        tap_fail(__FILE__, __LINE__, "copy %u differs", c);
    free(bytes);
}

static void compare_all(void)
{
    check_everything(maps, MAPS, copies, COPIES);
    for (unsigned k = 0; k < MAPS; k++)
        for (unsigned i = 0; maps[k] != NULL && i < PAGES; i++)
            check_page(k, i);
    for (unsigned c = 0; c < COPIES; c++)
        if (copies[c] != NULL)
            check_copy(c);
}

// ---- operations: each draws its arguments, asks the model for the answer, and does both ------

// Whether the model should follow: the call succeeded. A shortage that was ordered is no failure.
static bool agreed(const char *what, kern_return_t got, kern_return_t want)
{
    bool ordered = fake_fail_at != 0 && fake_allocations >= fake_fail_at;

    if ((got == KERN_RESOURCE_SHORTAGE && ordered) || (got == KERN_ABORTED && interrupted))
        return false;
    if (got != want)
        tap_fail(__FILE__, __LINE__, "%s answers %d, not %d", what, got, want);
    return got == KERN_SUCCESS;
}

struct range {
    vm_offset_t address;
    vm_size_t size;
    unsigned first, last; // pages touched
};

static struct range some_range(void)
{
    struct range r;

    r.address = BASE + below(PAGES * PAGE_SIZE);
    r.size = 1 + below(below(3) == 0 ? 40 * PAGE_SIZE : 4 * PAGE_SIZE);
    if (below(2) == 0)
        r.address = trunc_page(r.address);
    if (below(2) == 0)
        r.size = round_page(r.size);
    if (r.address + r.size > END)
        r.size = END - r.address;
    r.first = (r.address - BASE) / PAGE_SIZE;
    r.last = (r.address + r.size - 1 - BASE) / PAGE_SIZE;
    return r;
}

static void op_allocate(unsigned k)
{
    struct range r = some_range();
    bool anywhere = below(2) == 0;
    unsigned count = round_page(r.size) / PAGE_SIZE;
    unsigned first = anywhere ? model_gap(model[k], count) : r.first;
    kern_return_t want = KERN_SUCCESS;

    if (first + count > PAGES)
        want = KERN_NO_SPACE; // the rest of the address space is taken
    for (unsigned i = first; want == KERN_SUCCESS && i < first + count; i++)
        if (model[k][i].cell != NULL)
            want = KERN_NO_SPACE;
    if (!agreed("allocate", vm_allocate(maps[k], &r.address, r.size, anywhere), want))
        return;
    CHECK_EQ(r.address, BASE + first * PAGE_SIZE);
    for (unsigned i = first; i < first + count; i++)
        model_fresh(&model[k][i]);
}

static void op_deallocate(unsigned k)
{
    struct range r = some_range();
    kern_return_t want = KERN_INVALID_ADDRESS;

    for (unsigned i = r.first; i <= r.last; i++)
        if (model[k][i].cell != NULL)
            want = KERN_SUCCESS;
    if (!agreed("deallocate", vm_deallocate(maps[k], r.address, r.size), want))
        return;
    for (unsigned i = r.first; i <= r.last; i++)
        cell_drop(&model[k][i].cell);
}

static void op_protect(unsigned k)
{
    struct range r = some_range();
    bool set_max = below(6) == 0;
    vm_prot_t protection = below(3) ? VM_PROT_ALL & ~(set_max ? 4 : 0) : (vm_prot_t)below(8);
    kern_return_t want = model_check(model[k], r.first, r.last, 0, protection);

    if (!agreed("protect", vm_protect(maps[k], r.address, r.size, set_max, protection), want))
        return;
    for (unsigned i = r.first; i <= r.last; i++) {
        struct model_page *p = &model[k][i];

        if (set_max)
            p->max = protection;
        p->now = set_max ? p->now & protection : protection;
    }
}

static void op_inherit(unsigned k)
{
    struct range r = some_range();
    vm_inherit_t inherit = (vm_inherit_t)below(3);
    kern_return_t want = model_check(model[k], r.first, r.last, 0, 0);

    if (!agreed("inherit", vm_inherit(maps[k], r.address, r.size, inherit), want))
        return;
    for (unsigned i = r.first; i <= r.last; i++)
        model[k][i].inherit = inherit;
}

// A user program reads or writes some bytes.
static void op_access(unsigned k)
{
    unsigned first = below(PAGES), count = 1 + below(40);
    bool write = below(3) != 0;

    for (unsigned i = first; i < first + count && i < PAGES; i++) {
        vm_offset_t inside = below(PAGE_SIZE);
        vm_prot_t need = write ? VM_PROT_READ | VM_PROT_WRITE : VM_PROT_READ;
        kern_return_t kr = KERN_SUCCESS;
        char *byte = fake_access(maps[k], BASE + i * PAGE_SIZE + inside, write, &kr);

        if (!agreed("access", kr, model_check(model[k], i, i, need, 0)))
            continue;
        CHECK_EQ((unsigned char)*byte, model[k][i].cell->bytes[inside]);
        if (write)
            model[k][i].cell->bytes[inside] = (unsigned char)(*byte = (char)below(256));
    }
}

static void model_fork(unsigned from, unsigned to)
{
    for (unsigned i = 0; i < PAGES; i++) {
        struct model_page *p = &model[from][i], *child = &model[to][i];

        *child = *p;
        if (p->cell == NULL || p->inherit == VM_INHERIT_NONE) {
            child->cell = NULL;
        } else if (p->inherit == VM_INHERIT_SHARE) {
            p->cell->refs++;
        } else {
            child->cell = cell_new();
            memcpy(child->cell->bytes, p->cell->bytes, PAGE_SIZE);
        }
    }
}

static void map_destroy(unsigned k)
{
    vm_map_deallocate(maps[k]);
    maps[k] = NULL;
    for (unsigned i = 0; i < PAGES; i++)
        cell_drop(&model[k][i].cell);
}

static void op_fork(unsigned k)
{
    unsigned to = below(MAPS);

    if (to == k)
        return;
    if (maps[to] != NULL) {
        unsigned left = 0;

        for (unsigned i = 0; i < MAPS; i++)
            left += maps[i] != NULL;
        if (left > 1)
            map_destroy(to);
        return;
    }
    maps[to] = vm_map_fork(maps[k]);
    if (agreed("fork", maps[to] ? KERN_SUCCESS : KERN_RESOURCE_SHORTAGE, KERN_SUCCESS))
        model_fork(k, to);
}

static void op_copyin(unsigned k)
{
    struct range r = some_range();
    unsigned c = below(COPIES);
    bool destroy = below(3) == 0;
    struct model_copy *m = &model_copies[c];
    kern_return_t want = model_check(model[k], r.first, r.last, VM_PROT_READ, 0);
    vm_size_t pages = r.last - r.first + 1;

    if (copies[c] != NULL)
        return;
    if (!agreed("copyin", vm_map_copyin(maps[k], r.address, r.size, &copies[c]), want)) {
        CHECK(copies[c] == NULL);
        return;
    }
    *m = (struct model_copy){r.size, r.address & PAGE_MASK, calloc(pages, PAGE_SIZE)};
    for (unsigned i = 0; i < pages; i++)
        memcpy(m->bytes + i * PAGE_SIZE, model[k][r.first + i].cell->bytes, PAGE_SIZE);
    memset(m->bytes, 0, m->offset);
    memset(m->bytes + m->offset + m->size, 0, pages * PAGE_SIZE - m->offset - m->size);
    if (!destroy || !agreed("deallocate", vm_deallocate(maps[k], r.address, r.size), KERN_SUCCESS))
        return;
    for (unsigned i = r.first; i <= r.last; i++)
        cell_drop(&model[k][i].cell);
}

static void copy_gone(unsigned c)
{
    copies[c] = NULL;
    free(model_copies[c].bytes);
}

static void op_copyout(unsigned k)
{
    unsigned c = below(COPIES);
    struct model_copy *m = &model_copies[c];
    unsigned count = round_page(m->offset + m->size) / PAGE_SIZE;
    unsigned first = model_gap(model[k], count);
    vm_offset_t address;

    if (copies[c] == NULL)
        return;
    if (!agreed("copyout", vm_map_copyout(maps[k], &address, copies[c]),
                first == PAGES ? KERN_NO_SPACE : KERN_SUCCESS))
        return;
    CHECK_EQ(address, BASE + first * PAGE_SIZE + m->offset);
    for (unsigned i = 0; i < count; i++) {
        model_fresh(&model[k][first + i]);
        memcpy(model[k][first + i].cell->bytes, m->bytes + i * PAGE_SIZE, PAGE_SIZE);
    }
    copy_gone(c);
}

static void model_write(unsigned k, vm_offset_t address, const unsigned char *bytes, vm_size_t size)
{
    for (vm_size_t n = 0; n < size; n++) {
        vm_offset_t at = address + n - BASE;

        model[k][at / PAGE_SIZE].cell->bytes[at % PAGE_SIZE] = bytes[n];
    }
}

static void op_overwrite(unsigned k)
{
    unsigned c = below(COPIES);
    struct model_copy *m = &model_copies[c];
    vm_offset_t address = BASE + below(PAGES) * PAGE_SIZE;
    kern_return_t want;

    if (copies[c] == NULL)
        return;
    address += below(3) == 0 ? below(PAGE_SIZE) : m->offset;
    want = model_check(model[k], (address - BASE) / PAGE_SIZE,
                       (address + m->size - 1 - BASE) / PAGE_SIZE, VM_PROT_WRITE, 0);
    if (address + m->size > END) // what is there must not be written to
        want = model_check(model[k], (address - BASE) / PAGE_SIZE, PAGES - 1, 0, 0) ==
                       KERN_SUCCESS
                   ? KERN_PROTECTION_FAILURE
                   : KERN_INVALID_ADDRESS;
    if (address >= END)
        want = KERN_PROTECTION_FAILURE;
    if (!agreed("overwrite", vm_map_copy_overwrite(maps[k], address, copies[c]), want))
        return;
    model_write(k, address, m->bytes + m->offset, m->size);
    copy_gone(c);
}

static void op_discard(unsigned k)
{
    unsigned c = below(COPIES);

    (void)k;
    if (copies[c] == NULL)
        return;
    vm_map_copy_discard(copies[c]);
    copy_gone(c);
}

static void op_from_kernel(unsigned k)
{
    unsigned c = below(COPIES);
    vm_size_t size = 1 + below(3 * PAGE_SIZE);
    unsigned char *bytes;

    (void)k;
    if (copies[c] != NULL)
        return;
    bytes = calloc(4, PAGE_SIZE);
    for (vm_size_t i = 0; i < size; i += 7)
        bytes[i] = (unsigned char)below(256);
    if (!agreed("from_kernel", vm_map_copy_from_kernel(bytes, size, &copies[c]), KERN_SUCCESS)) {
        free(bytes);
        return;
    }
    model_copies[c] = (struct model_copy){size, 0, bytes};
}

// Memory of map k appears in another one, or in another place of the same.
static void op_remap(unsigned k)
{
    struct range r = some_range();
    unsigned to = below(MAPS), first = r.first, count = round_page(r.size) / PAGE_SIZE, gap;
    vm_prot_t now = VM_PROT_ALL, max = VM_PROT_ALL, got_now, got_max;
    vm_inherit_t inherit = (vm_inherit_t)below(3);
    bool copy = below(2) == 0;
    vm_offset_t address = 0;
    kern_return_t want;

    if (maps[to] == NULL || first + count > PAGES)
        return;
    gap = model_gap(model[to], count);
    want = model_check(model[k], first, first + count - 1, 0, 0);
    if (want == KERN_SUCCESS && gap == PAGES)
        want = KERN_NO_SPACE;
    if (!agreed("remap", vm_remap(maps[to], &address, r.size, 0, true, maps[k], r.address, copy,
                                  &got_now, &got_max, inherit), want))
        return;
    CHECK_EQ(address, BASE + gap * PAGE_SIZE);
    for (unsigned i = 0; i < count; i++) {
        struct model_page *from = &model[k][first + i], *p = &model[to][gap + i];

        *p = *from;
        p->inherit = inherit;
        if (copy) {
            p->cell = cell_new();
            memcpy(p->cell->bytes, from->cell->bytes, PAGE_SIZE);
        } else {
            p->cell->refs++;
        }
        now &= from->now;
        max &= from->max;
    }
    CHECK_EQ(got_now, now);
    CHECK_EQ(got_max, max);
}

// ---- the default pager: what it has been given, and what it is asked for -----------------------

#define PLACES 700u

static char store[PLACES][PAGE_SIZE];
static struct port paging_port = {.kind = PORT_USER, .active = true};
static bool asked[PLACES];

static kern_return_t to_pager(const struct fake_message *m)
{
    unsigned first = m->offset / PAGE_SIZE, count = m->size / PAGE_SIZE;

    if (strcmp(m->what, "data_return") == 0) {
        if (below(20) == 0)
            return KERN_RESOURCE_SHORTAGE;
        CHECK(first + count <= PLACES && !m->kept);
        CHECK_EQ(vm_map_copy_read(m->data, 0, store[first], m->size), KERN_SUCCESS);
    }
    for (unsigned i = first; strcmp(m->what, "data_request") == 0 && i < first + count; i++)
        asked[i] = true;
    return KERN_SUCCESS;
}

// It answers while somebody waits; now and then he does not wait long enough for that.
static enum wait_result wait(struct waitq *q)
{
    struct pager *pager = paging_port.object;

    (void)q;
    if (fake_fail_at != 0 && below(3) == 0) {
        interrupted = true;
        return WAIT_INTERRUPTED;
    }
    for (unsigned i = 0; i < PLACES; i++) {
        struct vm_map_copy *data;
        unsigned fail_at = fake_fail_at;

        if (!asked[i])
            continue;
        asked[i] = false;
        fake_fail_at = 0;
        CHECK_EQ(vm_map_copy_from_kernel(store[i], PAGE_SIZE, &data), KERN_SUCCESS);
        CHECK_EQ(memory_object_data_supply(pager->object, i * PAGE_SIZE, data, PAGE_SIZE,
                                           VM_PROT_NONE, FALSE, NULL),
                 KERN_SUCCESS);
        fake_fail_at = fail_at;
    }
    return WAIT_AWAKENED;
}

static void open_store(void)
{
    minato_memory_object_size_info_data_t size = {sizeof(store)};
    memory_object_attr_info_data_t ready = {MEMORY_OBJECT_COPY_NONE, PAGE_SIZE, FALSE, FALSE};
    ipc_port_t port = &paging_port;
    struct vm_object *object;

    fake_to_pager = to_pager;
    fake_wait = wait;
    pageout_init();
    CHECK_EQ(host_default_memory_manager(NULL, &port, PAGE_SIZE), KERN_SUCCESS);
    object = ((struct pager *)paging_port.object)->object;
    CHECK_EQ(memory_object_change_attributes(object, MINATO_MEMORY_OBJECT_SIZE_INFO,
                                             (memory_object_info_t)&size, 1, NULL),
             KERN_SUCCESS);
    CHECK_EQ(memory_object_change_attributes(object, MEMORY_OBJECT_ATTRIBUTE_INFO,
                                             (memory_object_info_t)&ready, 4, NULL),
             KERN_SUCCESS);
    CHECK(paging_possible());
}

// What was asked for and nobody waited for comes, and goes.
static void empty_store(void)
{
    struct vm_object *object = ((struct pager *)paging_port.object)->object;
    uint32_t i = 0;

    fake_fail_from(0);
    wait(NULL);
    for (unsigned laps = 0; laps < 2;)
        pageout_step(&laps);
    CHECK(page_tree_next(&object->pages, &i) == NULL);
    page_tree_clear(&object->pages); // nodes may be left
}

// Memory is short: some pages leave it.
static void op_page_out(unsigned k)
{
    unsigned laps = 0;

    (void)k;
    for (unsigned n = below(12); n > 0; n--)
        pageout_step(&laps);
}

typedef void (*op_fn)(unsigned k);
static const op_fn ops[] = {op_allocate, op_allocate,  op_allocate, op_deallocate, op_protect,
                            op_inherit,  op_access,    op_access,   op_access,     op_access,
                            op_fork,     op_copyin,    op_copyin,   op_copyout,    op_overwrite,
                            op_overwrite, op_discard,  op_from_kernel, op_copyout,
                            op_remap,    op_page_out,  op_page_out};

// Takes the address space outside the part that is used.
static void block_rest(struct vm_map *map)
{
    vm_offset_t low = VM_MIN_ADDRESS, high = END;

    CHECK_EQ(vm_map_enter(map, &low, BASE - VM_MIN_ADDRESS, 0, false, NULL, 0, false, VM_PROT_READ,
                          VM_PROT_READ, VM_INHERIT_COPY),
             KERN_SUCCESS);
    CHECK_EQ(vm_map_enter(map, &high, VM_MAX_ADDRESS - END, 0, false, NULL, 0, false, VM_PROT_READ,
                          VM_PROT_READ, VM_INHERIT_COPY),
             KERN_SUCCESS);
}

static void one_step(void)
{
    unsigned k = below(MAPS);

    if (maps[k] == NULL)
        return;
    interrupted = false;
    fake_fail_from(below(4) == 0 ? 1 + below(12) : 0);
    ops[below(sizeof(ops) / sizeof(ops[0]))](k);
    fake_fail_from(0);
}

static void run(uint32_t with, unsigned steps)
{
    struct resources before = resources_now();
    char rule[100];

    seed = with;
    maps[0] = vm_map_create();
    block_rest(maps[0]);
    for (unsigned i = 0; i < steps; i++) {
        one_step();
        if (i % 16 == 0)
            check_everything(maps, MAPS, copies, COPIES);
        if (i % 64 == 0)
            compare_all();
    }
    compare_all();
    for (unsigned k = 0; k < MAPS; k++)
        if (maps[k] != NULL)
            map_destroy(k);
    for (unsigned c = 0; c < COPIES; c++)
        if (copies[c] != NULL) {
            vm_map_copy_discard(copies[c]);
            copy_gone(c);
        }
    empty_store();
    check_resources(before);
    snprintf(rule, sizeof(rule), "maps do what the model does (seed %u, %u steps)", (unsigned)with,
             steps);
    tap_rule(rule);
}

int main(int argc, char **argv)
{
    fake_boot(64, 0);
    open_store();
    if (argc > 1) {
        run((uint32_t)atoi(argv[1]), argc > 2 ? (unsigned)atoi(argv[2]) : 2000);
        return tap_done();
    }
    for (uint32_t s = 1; s <= 8; s++)
        run(s, 1500);
    return tap_done();
}
