// SPDX-License-Identifier: BSD-2-Clause
// Page trees: which pages make up a memory object. Private to kernel/vm; object.h tells why.
//
// A radix tree of nodes with 32 slots: leaves (level 1) hold pages, the others nodes. Trees share
// nodes, and leaves share pages, each counted by its `holders`. A page can be written to in place
// only when it is *exclusive*: it and every node above it have one holder. Two rules keep that true
// while pages are mapped:
//
//   1. A page that is mapped writable is exclusive, and the `writable` bit of its slot is set in
//      every node above it (the bit may also be set when there is no such page any more).
//   2. So whoever gives a node or page a second holder first *freezes* it: follows the bits down,
//      write-protects the pages found and clears the bits. What has not been written to since the
//      last time has no bits set and costs nothing.
//
// Nothing here blocks or calls preemption_point(). A tree that loses its last holder goes to a
// stack of dead nodes, off which every release takes a bounded number; page_tree_reap, called
// when memory is short, takes more.
//
// Whoever makes a node pays for it until it is gone: a page of its limit for each NODES_PER_PAGE. To be
// refused that is as if memory were short.
#pragma once

#include "lib/base.h"

#define NODE_SHIFT 5
#define NODE_SLOTS (1u << NODE_SHIFT)
#define TREE_LEVELS_MAX 4 // 4 GiB
#define TREE_PAGES_MAX (1u << (NODE_SHIFT * TREE_LEVELS_MAX))

struct page_node {
    union {
        uint32_t holders;            // roots and nodes that point here
        struct page_node *next_dead; // on the stack of dead nodes
    };
    uint16_t level;      // 1: the slots hold pages
    uint16_t payer;      // number of the ledger that is charged; 0: none
    uint32_t present;    // bit i: slot i is not NULL
    uint32_t writable;   // bit i: a page below slot i may be mapped writable
    union {
        struct page_node *node;
        struct page *page;
    } slot[NODE_SLOTS];
};

#define NODES_PER_PAGE (PAGE_SIZE / sizeof(struct page_node))
extern bool page_tree_beyond_limit; // while it is set, nobody is refused a node by its limit

struct page_tree {
    struct page_node *root; // NULL: no page
    uint32_t base;          // the object's page 0 has this number: copies keep the numbering
};

static inline void page_tree_init(struct page_tree *t)
{
    t->root = 0;
    t->base = 0;
}
// The page with number `i`, NULL if there is none. *exclusive: it may be written to in place.
struct page *page_tree_lookup(const struct page_tree *t, uint32_t i, bool *exclusive);
static inline struct page *page_tree_find(const struct page_tree *t, uint32_t i)
{
    bool exclusive;

    return page_tree_lookup(t, i, &exclusive);
}
// The page with the lowest number from *i on, which *i becomes; NULL if there is none.
struct page *page_tree_next(const struct page_tree *t, uint32_t *i);
// Makes every node above page `i` exist and belong to this tree alone, copying shared ones. Returns
// the leaf, which is good until a node is shared or removed; NULL when memory is short: no page has
// then changed or gone.
struct page_node *page_tree_own(struct page_tree *t, uint32_t i);
// Puts `page` in place `i`, taking over the caller's hold and releasing what was there, which must
// be mapped nowhere in this tree's name. NULL empties the place. `leaf` is what page_tree_own gave,
// or NULL to find it again.
void page_tree_set(struct page_tree *t, struct page_node *leaf, uint32_t i, struct page *page);
// Both: puts `page` in place `i`, taking over the caller's hold. False when memory is short: then
// the page is released.
bool page_tree_put(struct page_tree *t, uint32_t i, struct page *page);
// As page_tree_set, where there is a page and `page` has the same contents: all that share the leaf see it.
void page_tree_exchange(struct page_tree *t, uint32_t i, struct page *page);
// The exclusive page `i` is about to be mapped writable.
void page_tree_mark_writable(struct page_tree *t, uint32_t i);
// Makes `to`, which is empty, a copy of all of `from`.
void page_tree_share(struct page_tree *from, struct page_tree *to);
// Makes `to`, which is empty, a copy of the `count` pages of `from` from number `i` on: whole
// subtrees are shared, the nodes at the two edges copied, so that nothing else is kept alive. False
// when memory is short.
bool page_tree_slice(struct page_tree *from, uint32_t i, uint32_t count, struct page_tree *to);
// Lets the pages `i` … `i + count - 1` go; they must be mapped nowhere in this tree's name. False
// when a shared node could not be copied: some pages are then still there.
bool page_tree_remove(struct page_tree *t, uint32_t i, uint32_t count);
// Lets everything go.
void page_tree_clear(struct page_tree *t);
bool page_tree_reap(void); // false: there was nothing to be had
