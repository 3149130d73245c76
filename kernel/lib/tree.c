// SPDX-License-Identifier: BSD-2-Clause
// AVL trees: after each change the path up to the root is walked once, and where one side has
// become higher than the other by two, a rotation makes them even. Nodes carry parent links, so the
// walk needs no stack, and neighbours are found without starting at the root.
#include "lib/tree.h"
#include "lib/assert.h"

void tree_init(struct tree *t, tree_less_fn less, tree_update_fn update)
{
    t->root = NULL;
    t->less = less;
    t->update = update;
}

static void refresh(const struct tree *t, struct tree_node *n)
{
    tree_weigh(n);
    if (t->update != NULL)
        t->update(n);
}

// Puts `heir` (or nothing) where `n` hangs.
static void replace(struct tree *t, struct tree_node *n, struct tree_node *heir)
{
    struct tree_node *parent = n->parent;

    if (parent == NULL)
        t->root = heir;
    else
        parent->child[parent->child[1] == n] = heir;
    if (heir != NULL)
        heir->parent = parent;
}

//       n              up
//      / \            /  \.
//     a   up    →    n    c      (side 1; side 0 is the mirror image)
//        /  \       / \.
//       b    c     a   b
static struct tree_node *rotate(struct tree *t, struct tree_node *n, int side)
{
    struct tree_node *up = n->child[side];
    struct tree_node *inner = up->child[!side];

    replace(t, n, up);
    n->child[side] = inner;
    if (inner != NULL)
        inner->parent = n;
    up->child[!side] = n;
    n->parent = up;
    refresh(t, n);
    refresh(t, up);
    return up;
}

struct tree_node *tree_balance(struct tree *t, struct tree_node *n, int side)
{
    struct tree_node *heavy = n->child[side];

    if (tree_height(heavy->child[!side]) > tree_height(heavy->child[side]))
        rotate(t, heavy, !side);
    return rotate(t, n, side);
}

void tree_insert(struct tree *t, struct tree_node *n)
{
    struct tree_node *parent = NULL;
    int side = 0;

    for (struct tree_node *at = t->root; at != NULL; at = at->child[side]) {
        parent = at;
        side = !t->less(n, at);
    }
    tree_insert_below(t, n, parent, side, t->update);
}

static struct tree_node *leftmost(struct tree_node *n)
{
    while (n != NULL && n->child[0] != NULL)
        n = n->child[0];
    return n;
}

struct tree_node *tree_first(const struct tree *t)
{
    return leftmost(t->root);
}

struct tree_node *tree_next(const struct tree_node *n)
{
    if (n->child[1] != NULL)
        return leftmost(n->child[1]);
    while (n->parent != NULL && n->parent->child[1] == n)
        n = n->parent;
    return n->parent;
}

// The node after n, which lies in n's right subtree, leaves its place and takes n's. Returns the
// lowest node below which something has changed.
static struct tree_node *move_successor(struct tree *t, struct tree_node *n)
{
    struct tree_node *heir = leftmost(n->child[1]);
    struct tree_node *from = heir->parent == n ? heir : heir->parent;

    replace(t, heir, heir->child[1]);
    replace(t, n, heir);
    for (int side = 0; side < 2; side++) {
        heir->child[side] = n->child[side];
        if (heir->child[side] != NULL)
            heir->child[side]->parent = heir;
    }
    return from;
}

void tree_remove(struct tree *t, struct tree_node *n)
{
    struct tree_node *from = n->parent;

    debug_assert(tree_contains(n));
    if (n->child[0] != NULL && n->child[1] != NULL)
        from = move_successor(t, n);
    else
        replace(t, n, n->child[n->child[0] == NULL]);
    n->parent = n->child[0] = n->child[1] = NULL;
    n->height = 0;
    tree_retrace(t, from, true, t->update);
}

void tree_refresh(struct tree *t, struct tree_node *n)
{
    tree_retrace(t, n, false, t->update);
}

struct tree_node *tree_floor(const struct tree *t, const struct tree_node *key)
{
    struct tree_node *best = NULL;

    for (struct tree_node *n = t->root; n != NULL;) {
        bool left = t->less(key, n);

        if (!left)
            best = n;
        n = n->child[!left];
    }
    return best;
}
