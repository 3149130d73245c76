// SPDX-License-Identifier: BSD-2-Clause
#include "check.h"
#include <stdlib.h>
#include "fake.h"
#include "lib/slab.h"
#include "mach_server.h"
#include "tap.h"
#include "vm/copy.h"
#include "vm/entry.h"
#include "vm/object.h"
#include "vm/page.h"

// A pointer and how often it has been met: what its reference count should be.
struct tally {
    const void *what;
    unsigned count;
};
#define TALLIES (1u << 16)
static struct tally tallies[TALLIES];

static unsigned *tally(const void *what)
{
    unsigned i = (unsigned)((uintptr_t)what >> 3) * 2654435761u >> 16;

    while (tallies[i].what != NULL && tallies[i].what != what)
        i = (i + 1) % TALLIES;
    tallies[i].what = what;
    return &tallies[i].count;
}

// ---- trees ----

static void visit_node(struct page_node *node)
{
    if ((*tally(node))++ > 0)
        return;
    for (unsigned i = 0; i < NODE_SLOTS; i++) {
        bool present = node->present >> i & 1;

        CHECK_EQ(node->slot[i].node != NULL, present);
        if (!present)
            CHECK_EQ(node->writable >> i & 1, 0);
        else if (node->level == 1)
            ++*tally(node->slot[i].page);
        else {
            CHECK_EQ(node->slot[i].node->level, node->level - 1);
            visit_node(node->slot[i].node);
        }
    }
}

static void visit_object(struct vm_object *object)
{
    if (object == NULL || (*tally(object))++ > 0)
        return;
    if (object->pages.root != NULL)
        visit_node(object->pages.root);
    if (object->backing != NULL)
        visit_object(object->backing);
}

// A page and its record know each other, and a record is mapped nowhere.
static void check_page(const struct page *page)
{
    CHECK_EQ(page->holders, *tally(page));
    if (!page->paging)
        CHECK(!page->paged_out && page->twin == NULL);
    else if (page->paged_out)
        CHECK(page->mapping.pmap == NULL && (page->twin == NULL || page->twin->twin == page));
    else
        CHECK(page->twin != NULL && page->twin->paged_out && page->twin->twin == page);
}

static void check_node(struct page_node *node)
{
    CHECK_EQ(node->holders, *tally(node));
    for (unsigned i = 0; i < NODE_SLOTS; i++) {
        if (!(node->present >> i & 1))
            continue;
        if (node->level > 1)
            check_node(node->slot[i].node);
        else
            check_page(node->slot[i].page);
    }
}

// No page lies outside the object: what copies of the whole and growing rely on.
static void check_object(struct vm_object *object)
{
    unsigned last = object->size >> PAGE_SHIFT;
    bool exclusive;

    CHECK_EQ(object->refs, *tally(object));
    if (object->pages.root == NULL)
        return;
    check_node(object->pages.root);
    for (unsigned i = last; i < last + 40; i++)
        CHECK(page_tree_lookup(&object->pages, i, &exclusive) == NULL);
    for (unsigned i = 1; i <= object->pages.base && i < 40; i++)
        CHECK(page_tree_lookup(&object->pages, -i, &exclusive) == NULL);
}

// ---- maps ----

static struct vm_map *map_now;

static bool bits_set_on_path(struct vm_object *object, uint32_t i)
{
    i += object->pages.base;
    for (struct page_node *node = object->pages.root;;) {
        unsigned slot = i >> (node->level - 1) * NODE_SHIFT & (NODE_SLOTS - 1);

        if (!(node->writable >> slot & 1))
            return false;
        if (node->level == 1)
            return true;
        node = node->slot[slot].node;
    }
}

static void check_mapping(struct pmap *pmap, uintptr_t address, struct pmap_entry m)
{
    struct page *page = page_at(m.physical);
    struct vm_map_entry *e = entry_find(map_now, address);
    bool exclusive = false, listed = false;
    uint32_t i;

    CHECK(e != NULL && e->object != NULL);
    if (e == NULL || e->object == NULL)
        return;
    i = (e->offset + (address - e->start)) >> PAGE_SHIFT;
    CHECK((m.protection & ~e->protection) == 0);
    CHECK(page_tree_lookup(&e->object->pages, i, &exclusive) == page);
    if ((m.protection & VM_PROT_WRITE) != 0) {
        CHECK(exclusive && !page->paging);
        CHECK(bits_set_on_path(e->object, i));
    }
    for (struct page_mapping *p = &page->mapping; p != NULL; p = p->next)
        listed |= p->pmap == pmap && p->address == address;
    CHECK(listed);
    ++*tally(&page->mapping.address);
}

static void check_mapping_count(struct pmap *pmap, uintptr_t address, struct pmap_entry m)
{
    struct page *page = page_at(m.physical);
    unsigned count = 0;

    (void)pmap, (void)address;
    for (struct page_mapping *p = &page->mapping; p != NULL; p = p->next)
        count++;
    CHECK_EQ(count, *tally(&page->mapping.address));
}

// The height and the summaries of a subtree; returns its height.
static int check_tree(struct tree_node *n)
{
    struct vm_map_entry *e, *before;
    int left, right;
    vm_size_t gap = 0;

    if (n == NULL)
        return 0;
    e = container_of(n, struct vm_map_entry, node);
    left = check_tree(n->child[0]);
    right = check_tree(n->child[1]);
    CHECK(abs(left - right) <= 1);
    CHECK_EQ(n->height, 1 + (left > right ? left : right));
    while (n->child[0] != NULL)
        n = n->child[0];
    before = container_of(n, struct vm_map_entry, node);
    CHECK_EQ(e->lowest, before->start);
    for (struct vm_map_entry *a; (a = entry_next(before)) != NULL && a->end <= e->highest;
         before = a)
        if (a->start - before->end > gap)
            gap = a->start - before->end;
    CHECK_EQ(e->gap, gap);
    return e->node.height;
}

static void check_map(struct vm_map *map)
{
    vm_offset_t at = VM_MIN_ADDRESS;
    unsigned count = 0;
    vm_size_t size = 0;

    for (struct tree_node *n = tree_first(&map->entries); n != NULL; n = tree_next(n)) {
        struct vm_map_entry *e = container_of(n, struct vm_map_entry, node);

        CHECK(e->start >= at && e->start < e->end && e->end <= VM_MAX_ADDRESS);
        CHECK(e->object == NULL || e->offset + entry_size(e) <= e->object->size);
        CHECK((e->protection & ~e->max_protection) == 0);
        at = e->end;
        size += entry_size(e);
        count++;
    }
    CHECK_EQ(map->entry_count, count);
    CHECK_EQ(map->size, size);
    check_tree(map->entries.root);
    map_now = map;
    fake_each_mapping(&map->pmap, check_mapping);
}

static void each_object(struct vm_map **maps, unsigned map_count, struct vm_map_copy **copies,
                        unsigned copy_count, void (*visit)(struct vm_object *))
{
    for (unsigned i = 0; i < map_count + copy_count; i++) {
        struct vm_map_copy *copy = i < map_count ? NULL : copies[i - map_count];
        struct vm_map *map = i < map_count ? maps[i] : copy ? &copy->map : NULL;

        for (struct tree_node *n = map ? tree_first(&map->entries) : NULL; n != NULL;
             n = tree_next(n)) {
            struct vm_map_entry *e = container_of(n, struct vm_map_entry, node);

            if (e->object != NULL)
                visit(e->object);
        }
    }
}

void check_everything(struct vm_map **maps, unsigned map_count, struct vm_map_copy **copies,
                      unsigned copy_count)
{
    while (page_tree_reap())
        continue;
    for (unsigned i = 0; i < TALLIES; i++)
        tallies[i] = (struct tally){0};
    each_object(maps, map_count, copies, copy_count, visit_object);
    each_object(maps, map_count, copies, copy_count, check_object);
    for (unsigned i = 0; i < map_count; i++)
        if (maps[i] != NULL)
            check_map(maps[i]);
    for (unsigned i = 0; i < map_count; i++)
        if (maps[i] != NULL)
            fake_each_mapping(&maps[i]->pmap, check_mapping_count);
}

// ---- leaks ----

struct resources resources_now(void)
{
    while (page_tree_reap())
        continue;
    slab_reap();
    return (struct resources){vm_map_cache.in_use,  vm_entry_cache.in_use, vm_object_cache.in_use,
                              vm_copy_cache.in_use, slab_bytes_in_use(),   pages_free};
}

void check_resources(struct resources before)
{
    struct resources now = resources_now();

    CHECK_EQ(now.maps, before.maps);
    CHECK_EQ(now.entries, before.entries);
    CHECK_EQ(now.objects, before.objects);
    CHECK_EQ(now.copies, before.copies);
    CHECK_EQ(now.bytes, before.bytes);
    CHECK_EQ(now.pages, before.pages);
}

kern_return_t region(struct vm_map *map, vm_address_t *address, vm_size_t *size,
                     struct vm_region_basic_info *info)
{
    mach_msg_type_number_t count = VM_REGION_BASIC_INFO_COUNT;
    ipc_port_t name;

    return vm_region(map, address, size, VM_REGION_BASIC_INFO, (vm_region_info_t)info, &count, &name);
}
