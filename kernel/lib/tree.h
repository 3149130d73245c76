// SPDX-License-Identifier: BSD-2-Clause
// Balanced binary trees, threaded through the objects that they hold.
//
// One tree serves map entries (by address), timers (by deadline) and chosen port names: whatever
// must be found, or its neighbours listed, in time logarithmic in their number. The owner gives the
// order as a function; equal keys are allowed and keep the order of insertion.
#pragma once

#include <stdbool.h>
#include <stddef.h>

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
void tree_insert(struct tree *t, struct tree_node *n);
// The same when it is known where it hangs then: below `parent`, as a leaf; NULL: the tree is empty.
void tree_insert_below(struct tree *t, struct tree_node *n, struct tree_node *parent);
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
