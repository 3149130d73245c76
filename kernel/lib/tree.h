// SPDX-License-Identifier: BSD-2-Clause
// Balanced binary trees, threaded through the objects that they hold.
//
// One tree serves map entries (by address), timers (by deadline) and chosen port names: whatever
// must be found, or its neighbours listed, in time logarithmic in their number. The owner gives the
// order as a function; equal keys are allowed and keep the order of insertion.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "lib/assert.h"

struct tree_node {
    struct tree_node *parent;
    struct tree_node *child[2]; // [0] smaller, [1] not smaller
    int height;                 // of the subtree; a leaf has 1; 0: on no tree
};

typedef bool (*tree_less_fn)(const struct tree_node *a, const struct tree_node *b);
// Recomputes what an object keeps about the subtree below its node (a sum, a maximum) from itself
// and its children. True when that has changed.
typedef bool (*tree_update_fn)(struct tree_node *n);

struct tree {
    struct tree_node *root;
    tree_less_fn less;
    tree_update_fn update; // NULL: nothing is kept
};

void tree_init(struct tree *t, tree_less_fn less, tree_update_fn update);
// What `n` itself adds to the summary has changed (its place in the order has not).
void tree_refresh(struct tree *t, struct tree_node *n);
// What an object keeps about its subtree is to be that of a leaf when it is inserted.
void tree_insert(struct tree *t, struct tree_node *n);
// Takes `n` off; it must be on the tree.
void tree_remove(struct tree *t, struct tree_node *n);
static inline bool tree_contains(const struct tree_node *n)
{
    return n->height != 0;
}
struct tree_node *tree_first(const struct tree *t);
struct tree_node *tree_next(const struct tree_node *n);
// The last node that is not greater than `key` (a node made up by the caller that is on no tree);
// NULL when all are greater.
struct tree_node *tree_floor(const struct tree *t, const struct tree_node *key);

// ---- changes where the owner's function is to be inlined, in the maps: it is the tree's `update` ----

static inline int tree_height(const struct tree_node *n)
{
    return n == NULL ? 0 : n->height;
}
// Recomputes a node's height; says by how much its right side is higher.
static inline int tree_weigh(struct tree_node *n)
{
    int left = tree_height(n->child[0]);
    int right = tree_height(n->child[1]);

    n->height = 1 + (left > right ? left : right);
    return right - left;
}
// Makes the two sides of n, of which `side` is the higher by two, differ by one at most; returns
// the node that then stands in n's place.
struct tree_node *tree_balance(struct tree *t, struct tree_node *n, int side);
// Sets right what lies above a change. With `to_root` all of it; otherwise only as far as anything
// differs from before.
static inline void tree_retrace(struct tree *t, struct tree_node *n, bool to_root,
                                tree_update_fn update)
{
    bool uneven = true; // it may be necessary to balance what comes

    for (; n != NULL; n = n->parent) {
        bool changed = update != NULL && update(n);

        if (uneven) {
            int was = n->height, lean = tree_weigh(n);

            if (lean < -1 || lean > 1)
                n = tree_balance(t, n, lean > 0);
            uneven = to_root || n->height != was;
        }
        if (!uneven && !changed)
            return;
    }
}
// tree_insert when it is known where `n` hangs then: below `parent`, as child[side]; NULL: the tree is empty.
static inline void tree_insert_below(struct tree *t, struct tree_node *n, struct tree_node *parent,
                                     int side, tree_update_fn update)
{
    struct tree_node **at = parent == NULL ? &t->root : &parent->child[side];

    debug_assert(!tree_contains(n) && *at == NULL);
    n->parent = parent;
    n->child[0] = n->child[1] = NULL;
    n->height = 1;
    *at = n;
    tree_retrace(t, parent, false, update);
}
