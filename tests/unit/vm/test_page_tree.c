// SPDX-License-Identifier: BSD-2-Clause
// Rule: page trees are arrays of pages that copy at once: random changes, slices and removals of
// several trees agree with arrays, exclusiveness is exact, and nothing out of reach is kept.
#include <stdlib.h>
#include <string.h>
#include "check.h"
#include "fake.h"
#include "lib/slab.h"
#include "tap.h"
#include "vm/object.h"
#include "vm/page.h"
#include "vm/page_tree.h"

#define TREES 5
#define SPAN 2600u // three levels
#define SPARSE 40  // pages drawn near each other

static struct page_tree trees[TREES];
static struct page *model[TREES][SPAN]; // what each place holds
static unsigned size[TREES];            // places in use

// How many trees could tell if `page` changed.
static unsigned holders(const struct page *page)
{
    unsigned count = 0;

    for (unsigned t = 0; t < TREES; t++)
        for (unsigned i = 0; i < size[t]; i++)
            count += model[t][i] == page;
    return count;
}

static void check_place(unsigned t, unsigned i)
{
    bool exclusive = false;
    struct page *page = page_tree_lookup(&trees[t], i, &exclusive);

    if (page != model[t][i])
        tap_fail(__FILE__, __LINE__, "tree %u, page %u: %p, not %p", t, i, (void *)page,
                 (void *)model[t][i]);
    if (page != NULL)
        CHECK_EQ(exclusive, holders(page) == 1);
}

// page_tree_next goes from page to page, over whatever is between them.
static void check_order(unsigned t)
{
    struct page *page;
    uint32_t i = 0;

    for (unsigned k = 0; k < size[t]; k++) {
        if (model[t][k] == NULL)
            continue;
        page = page_tree_next(&trees[t], &i);
        CHECK(page == model[t][k]);
        CHECK_EQ(i, k);
        i++;
    }
    CHECK(page_tree_next(&trees[t], &i) == NULL);
}

static void check_tree(unsigned t)
{
    while (page_tree_reap())
        continue;
    for (unsigned i = 0; i < size[t]; i++) {
        bool exclusive;

        if (page_tree_lookup(&trees[t], i, &exclusive) != model[t][i])
            check_place(t, i);
    }
    CHECK(page_tree_lookup(&trees[t], size[t] + 1, &(bool){0}) == NULL || size[t] == 0);
    for (int n = 0; n < 20 && size[t] > 0; n++)
        check_place(t, (unsigned)rand() % size[t]);
    check_order(t);
}

static unsigned draw(unsigned t)
{
    unsigned around = (unsigned)rand() % 4 * (size[t] / 4);

    return (around + (unsigned)rand() % SPARSE) % size[t];
}

static void op_set(unsigned t)
{
    unsigned i = draw(t);
    struct page *page = rand() % 4 ? page_alloc() : NULL;

    CHECK(page_tree_own(&trees[t], i));
    page_tree_set(&trees[t], NULL, i, page);
    model[t][i] = page;
}

static void op_mark(unsigned t)
{
    unsigned i = draw(t);
    bool exclusive;

    if (page_tree_lookup(&trees[t], i, &exclusive) != NULL && exclusive)
        page_tree_mark_writable(&trees[t], i);
}

static void op_slice(unsigned t)
{
    unsigned to = (unsigned)rand() % TREES;
    unsigned first = (unsigned)rand() % size[t], count;

    if (to == t)
        return;
    page_tree_clear(&trees[to]);
    memset(model[to], 0, sizeof(model[to]));
    page_tree_init(&trees[to]);
    if (rand() % 3 == 0)
        first &= ~31u; // whole leaves
    count = 1 + (unsigned)rand() % (size[t] - first);
    if (rand() % 3 == 0 && first + 32 <= size[t])
        count = 32;
    if (rand() % 4 == 0) {
        first = 0;
        count = size[t];
        page_tree_share(&trees[t], &trees[to]);
    } else {
        CHECK(page_tree_slice(&trees[t], first, count, &trees[to]));
    }
    memcpy(model[to], &model[t][first], count * sizeof(struct page *));
    size[to] = count;
}

static void op_remove(unsigned t)
{
    unsigned first = (unsigned)rand() % size[t];
    unsigned count = 1 + (unsigned)rand() % (size[t] - first);

    if (rand() % 2 == 0)
        count = 1 + (unsigned)rand() % (count < 40 ? count : 40);
    CHECK(page_tree_remove(&trees[t], first, count));
    memset(&model[t][first], 0, count * sizeof(struct page *));
}

static void op_restart(unsigned t)
{
    page_tree_clear(&trees[t]);
    page_tree_init(&trees[t]);
    memset(model[t], 0, sizeof(model[t]));
    size[t] = 1 + (unsigned)rand() % SPAN;
}

static void churn(unsigned steps)
{
    unsigned before = resources_now().pages;

    for (unsigned t = 0; t < TREES; t++)
        op_restart(t);
    for (unsigned step = 0; step < steps; step++) {
        unsigned t = (unsigned)rand() % TREES, what = (unsigned)rand() % 40;

        if (what < 24)
            op_set(t);
        else if (what < 32)
            op_mark(t);
        else if (what < 36)
            op_slice(t);
        else if (what < 39)
            op_remove(t);
        else if (rand() % 4 == 0)
            op_restart(t);
        if (step % 8 == 0)
            check_tree(t);
    }
    for (unsigned t = 0; t < TREES; t++)
        check_tree(t);
    for (unsigned t = 0; t < TREES; t++) {
        page_tree_clear(&trees[t]);
        memset(model[t], 0, sizeof(model[t]));
    }
    CHECK_EQ(resources_now().pages, before);
    CHECK_EQ(slab_bytes_in_use(), 0);
    tap_rule("trees agree with arrays through random changes, slices and removals");
}

// A tree with pages in all of its `count` places.
static void fill(struct page_tree *t, unsigned count)
{
    page_tree_init(t);
    for (unsigned i = 0; i < count; i++) {
        CHECK(page_tree_own(t, i));
        page_tree_set(t, NULL, i, page_alloc());
    }
}

static void test_retention(void)
{
    struct page_tree large, small;
    unsigned before = resources_now().pages;

    fill(&large, 1500);
    page_tree_init(&small);
    CHECK(page_tree_slice(&large, 700, 3, &small));
    page_tree_clear(&large);
    CHECK(before - resources_now().pages <= 3 + 1); // three pages and a slab
    page_tree_clear(&small);
    CHECK_EQ(resources_now().pages, before);
    tap_rule("a small copy of a large tree keeps nothing else alive");
}

static void test_cost(void)
{
    struct page_tree large, copy;
    unsigned first, last;

    fill(&large, 1500);
    page_tree_init(&copy);
    fake_fail_from(0);
    page_tree_share(&large, &copy);
    CHECK_EQ(fake_allocations, 0);
    fake_fail_from(0);
    CHECK(page_tree_own(&copy, 0));
    first = fake_allocations;
    fake_fail_from(0);
    CHECK(page_tree_own(&copy, 1499));
    last = fake_allocations;
    CHECK_EQ(first, 3); // root, middle, leaf
    CHECK(last <= first);
    page_tree_clear(&copy);
    page_tree_init(&copy);
    fake_fail_from(0);
    CHECK(page_tree_slice(&large, 10, 1400, &copy));
    CHECK(fake_allocations <= 5);
    page_tree_clear(&copy);
    page_tree_clear(&large);
    tap_rule("copies cost no node, slices at most two a level, writes one a level");
}

static void test_last_holder(void)
{
    struct page_tree one, two;
    bool exclusive;

    fill(&one, 100);
    page_tree_init(&two);
    page_tree_share(&one, &two);
    CHECK(page_tree_lookup(&one, 50, &exclusive) != NULL && !exclusive);
    page_tree_clear(&two);
    CHECK(page_tree_lookup(&one, 50, &exclusive) != NULL && exclusive);
    fake_fail_from(0);
    CHECK(page_tree_own(&one, 50));
    CHECK_EQ(fake_allocations, 0);
    page_tree_clear(&one);
    tap_rule("the last holder has its pages for itself again, without copying");
}

// Mapped pages under a shared node are write-protected, whichever way it came to be shared.
static void test_freeze(void)
{
    static const struct {
        unsigned first, count;
    } slices[] = {{0, 0}, {0, 100}, {32, 32}, {64, 32}, {10, 60}, {33, 1}, {0, 96}};
    struct pmap pmap;

    CHECK(pmap_init(&pmap));
    for (unsigned n = 0; n < sizeof(slices) / sizeof(slices[0]); n++) {
        unsigned first = slices[n].first, count = slices[n].count;
        struct page_tree one, two;
        bool exclusive;

        fill(&one, 100);
        page_tree_init(&two);
        for (unsigned i = 0; i < 100; i++) {
            page_map(page_tree_lookup(&one, i, &exclusive), &pmap, 0x1000 + i * PAGE_SIZE,
                     VM_PROT_READ | VM_PROT_WRITE);
            page_tree_mark_writable(&one, i);
        }
        if (count == 0)
            page_tree_share(&one, &two);
        else
            CHECK(page_tree_slice(&one, first, count, &two));
        for (unsigned i = 0; i < 100; i++) {
            bool shared = count == 0 || (i >= first && i < first + count);

            CHECK_EQ(pmap_lookup(&pmap, 0x1000 + i * PAGE_SIZE).protection,
                     shared ? VM_PROT_READ : VM_PROT_READ | VM_PROT_WRITE);
            page_unmap(&pmap, 0x1000 + i * PAGE_SIZE);
        }
        page_tree_clear(&one);
        page_tree_clear(&two);
    }
    pmap_destroy(&pmap);
    tap_rule("what becomes shared is write-protected, and nothing else");
}

static void test_large(void)
{
    struct page_tree t, copy;
    unsigned before = resources_now().pages;
    bool exclusive;

    page_tree_init(&t);
    for (unsigned i = 1; i < TREE_PAGES_MAX; i *= 3) {
        CHECK(page_tree_own(&t, i));
        page_tree_set(&t, NULL, i, page_alloc());
    }
    CHECK_EQ(t.root->level, TREE_LEVELS_MAX);
    page_tree_init(&copy);
    CHECK(page_tree_slice(&t, 3, TREE_PAGES_MAX - 3, &copy));
    CHECK(page_tree_lookup(&copy, 0, &exclusive) != NULL);
    CHECK(page_tree_lookup(&copy, 531441 - 3, &exclusive) != NULL);
    CHECK(page_tree_remove(&t, 0, 600000));
    CHECK(t.root == NULL);
    page_tree_clear(&copy);
    CHECK_EQ(resources_now().pages, before);
    tap_rule("trees reach four levels");
}

int main(void)
{
    fake_boot(64, 0);
    srand(1);
    churn(12000);
    test_retention();
    test_cost();
    test_last_holder();
    test_freeze();
    test_large();
    return tap_done();
}
