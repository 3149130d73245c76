// SPDX-License-Identifier: BSD-2-Clause
// Rule: a tree lists what was put in, in order and balanced, and summaries are those of the
// subtrees.
#include <stdlib.h>
#include "lib/list.h"
#include "lib/tree.h"
#include "tap.h"

#define ITEMS 400

struct item {
    struct tree_node node;
    int key, serial;
    int value, sum; // sum over the subtree
};

static struct item items[ITEMS];

static struct item *item_of(const struct tree_node *n)
{
    return n ? container_of(n, struct item, node) : NULL;
}

static bool less(const struct tree_node *a, const struct tree_node *b)
{
    return item_of(a)->key < item_of(b)->key;
}

static bool add_up(struct tree_node *n)
{
    struct item *i = item_of(n), *l = item_of(n->child[0]), *r = item_of(n->child[1]);
    int was = i->sum;

    i->sum = i->value + (l ? l->sum : 0) + (r ? r->sum : 0);
    return i->sum != was;
}

static int check_subtree(struct tree_node *n, struct tree_node *parent, int *sum)
{
    int left_sum = 0, right_sum = 0, left, right;

    *sum = 0;
    if (n == NULL)
        return 0;
    CHECK(n->parent == parent);
    left = check_subtree(n->child[0], n, &left_sum);
    right = check_subtree(n->child[1], n, &right_sum);
    CHECK(abs(left - right) <= 1);
    CHECK_EQ(n->height, 1 + (left > right ? left : right));
    *sum = left_sum + right_sum + item_of(n)->value;
    CHECK_EQ(item_of(n)->sum, *sum);
    return n->height;
}

static void check_tree(struct tree *t, int count)
{
    struct item *before = NULL;
    int seen = 0, sum;

    check_subtree(t->root, NULL, &sum);
    for (struct tree_node *n = tree_first(t); n != NULL; n = tree_next(n), seen++) {
        struct item *i = item_of(n);

        CHECK(before == NULL || before->key < i->key ||
              (before->key == i->key && before->serial < i->serial));
        before = i;
    }
    CHECK_EQ(seen, count);
}

static void check_floor(struct tree *t, int key)
{
    struct item probe = {.key = key};
    struct item *found = item_of(tree_floor(t, &probe.node)), *want = NULL;

    for (int i = 0; i < ITEMS; i++)
        if (tree_contains(&items[i].node) && items[i].key <= key &&
            (want == NULL || items[i].key > want->key ||
             (items[i].key == want->key && items[i].serial > want->serial)))
            want = &items[i];
    CHECK(found == want);
}

static void churn(struct tree *t)
{
    int count = 0, serial = 0;

    for (int step = 0; step < 6000; step++) {
        struct item *i = &items[rand() % (step < 3000 ? ITEMS : ITEMS / 8)];

        if (!tree_contains(&i->node)) {
            i->key = rand() % 200;
            i->value = i->sum = rand() % 10;
            i->serial = serial++;
            tree_insert(t, &i->node);
            count++;
        } else if (rand() % 3 == 0) {
            i->value = rand() % 10;
            tree_refresh(t, &i->node);
        } else {
            tree_remove(t, &i->node);
            CHECK(!tree_contains(&i->node));
            count--;
        }
        if (step % 20 == 0)
            check_tree(t, count);
        check_floor(t, rand() % 220 - 10);
    }
}

int main(void)
{
    struct tree t;

    tree_init(&t, less, NULL);
    CHECK(tree_first(&t) == NULL);
    CHECK(tree_floor(&t, &items[0].node) == NULL);
    tap_rule("an empty tree has no nodes");
    srand(1);
    tree_init(&t, less, add_up);
    churn(&t);
    tap_rule("random insertions, changes and removals keep order, balance and sums");
    tree_init(&t, less, NULL);
    for (int i = 0; i < ITEMS; i++) {
        items[i] = (struct item){.key = i, .serial = i};
        tree_insert(&t, &items[i].node);
    }
    CHECK(t.root->height <= 10);
    tap_rule("ascending insertions do not make it deep");
    return tap_done();
}
