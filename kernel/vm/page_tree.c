// SPDX-License-Identifier: BSD-2-Clause
// Page trees; page_tree.h has the rules, docs/vm.md pictures. All recursion goes down one level per
// call, so at most TREE_LEVELS_MAX deep.
#include "vm/page_tree.h"
#include "kern/ledger.h"
#include "vm/page.h"

#define REAP_NODES 16 // dead nodes taken apart per release: at most some 10,000 instructions

static struct slab_cache node_cache = SLAB_CACHE(node_cache, "page node", sizeof(struct page_node));
static struct page_node *dead_nodes;
bool page_tree_beyond_limit;

// ---- nodes ---------------------------------------------------------------------------------

// Bits first … last of a mask.
static inline uint32_t bits(uint32_t first, uint32_t last)
{
    return ~0u << first & ~0u >> (NODE_SLOTS - 1 - last);
}

static inline uint32_t lowest(uint32_t mask)
{
    return (uint32_t)__builtin_ctz(mask);
}

// Pages under one slot of a node at `level`, as a shift.
static inline uint32_t slot_shift(uint32_t level)
{
    return (level - 1) * NODE_SHIFT;
}

static inline uint32_t slot_index(const struct page_node *node, uint32_t page)
{
    return page >> slot_shift(node->level) & (NODE_SLOTS - 1);
}

// The number of the last page under a node, counted from its first.
static inline uint32_t last_page(uint32_t level)
{
    return (1u << (level * NODE_SHIFT)) - 1;
}

static bool pay_for_nodes(struct ledger *payer)
{
    if (page_tree_beyond_limit)
        ledger_add(payer, MINATO_LIMIT_PAGES, 1);
    else if (!ledger_charge(payer, MINATO_LIMIT_PAGES, 1))
        return false;
    payer->node_room = NODES_PER_PAGE;
    return true;
}

static struct page_node *node_create(uint32_t level)
{
    struct page_node *node = slab_alloc(&node_cache);
    struct ledger *payer = current_ledger();

    if (node == NULL)
        return NULL;
    memset(node, 0, sizeof(*node));
    node->holders = 1;
    node->level = (uint16_t)level;
    if (payer == NULL)
        return node;
    if (payer->node_room == 0 && !pay_for_nodes(payer)) {
        slab_free(&node_cache, node);
        return NULL;
    }
    payer->node_room--;
    node->payer = payer->number;
    return node;
}

static void node_free(struct page_node *node)
{
    struct ledger *payer = ledgers[node->payer]; // the 0th is NULL

    slab_free(&node_cache, node);
    if (payer == NULL || ++payer->node_room < NODES_PER_PAGE)
        return;
    payer->node_room = 0;
    ledger_credit(payer, MINATO_LIMIT_PAGES, 1); // it may be the last thing that keeps the ledger
}

// Write-protects what may be mapped writable below the slots in `mask`.
static void freeze(struct page_node *node, uint32_t mask)
{
    uint32_t todo = node->writable & mask;

    node->writable &= ~mask;
    for (; todo != 0; todo &= todo - 1) {
        uint32_t i = lowest(todo);

        if (node->level > 1)
            freeze(node->slot[i].node, ~0u);
        else
            page_write_protect(node->slot[i].page);
    }
}

// A copy of the slots in `mask`; whatever is below them becomes shared.
static struct page_node *node_copy(struct page_node *from, uint32_t mask)
{
    struct page_node *node = node_create(from->level);
    uint32_t todo = from->present & mask;

    if (node == NULL)
        return NULL;
    if ((from->writable & mask) != 0)
        freeze(from, mask);
    node->present = todo;
    if (from->level > 1)
        for (; todo != 0; todo &= todo - 1) {
            uint32_t i = lowest(todo);

            (node->slot[i].node = from->slot[i].node)->holders++;
        }
    else
        for (; todo != 0; todo &= todo - 1) {
            uint32_t i = lowest(todo);

            page_hold(node->slot[i].page = from->slot[i].page);
        }
    return node;
}

// ---- letting go ----------------------------------------------------------------------------

static void node_drop(struct page_node *node)
{
    if (--node->holders != 0)
        return;
    node->next_dead = dead_nodes;
    dead_nodes = node;
}

// Takes one dead node apart; its children may join the stack.
static void reap_one(void)
{
    struct page_node *node = dead_nodes;

    dead_nodes = node->next_dead;
    for (uint32_t todo = node->present; todo != 0; todo &= todo - 1) {
        uint32_t i = lowest(todo);

        if (node->level > 1)
            node_drop(node->slot[i].node);
        else
            page_release(node->slot[i].page);
    }
    node_free(node);
}

bool page_tree_reap(void)
{
    bool any = dead_nodes != NULL;

    for (int i = 0; i < REAP_NODES && dead_nodes != NULL; i++)
        reap_one();
    return any;
}

static void node_release(struct page_node *node)
{
    node_drop(node);
    page_tree_reap();
}

void page_tree_clear(struct page_tree *t)
{
    if (t->root != NULL)
        node_release(t->root);
    t->root = NULL;
}

// ---- looking up and changing ---------------------------------------------------------------

struct page *page_tree_lookup(const struct page_tree *t, uint32_t i, bool *exclusive)
{
    const struct page_node *node = t->root;
    struct page *page;
    bool alone;

    i += t->base;
    if (node == NULL || i > last_page(node->level))
        return NULL;
    alone = node->holders == 1;
    for (uint32_t shift = slot_shift(node->level); shift != 0; shift -= NODE_SHIFT) {
        node = node->slot[i >> shift & (NODE_SLOTS - 1)].node;
        if (node == NULL)
            return NULL;
        alone &= node->holders == 1;
    }
    page = node->slot[i & (NODE_SLOTS - 1)].page;
    if (page != NULL)
        *exclusive = alone && page->holders == 1 && !page->paging;
    return page;
}

// The lowest page number from *at on that has a place below `node`, which lies there; NULL, and *at
// behind the node, when nothing is there.
static struct page *next_below(const struct page_node *node, uint32_t *at)
{
    for (;;) {
        uint32_t slot = slot_index(node, *at);
        uint32_t todo = node->present & bits(slot, NODE_SLOTS - 1);

        if (todo == 0) {
            *at = (*at | last_page(node->level)) + 1;
            return NULL;
        }
        if (lowest(todo) != slot)
            *at = (*at & ~last_page(node->level)) | lowest(todo) << slot_shift(node->level);
        if (node->level == 1)
            return node->slot[lowest(todo)].page;
        node = node->slot[lowest(todo)].node;
    }
}

struct page *page_tree_next(const struct page_tree *t, uint32_t *i)
{
    uint32_t at = *i + t->base;
    struct page *page = NULL;

    while (page == NULL && t->root != NULL && at <= last_page(t->root->level))
        page = next_below(t->root, &at);
    *i = at - t->base;
    return page;
}

// Makes *at a node that has no other holder. NULL when memory is short.
static struct page_node *node_own(struct page_node **at, uint32_t level)
{
    struct page_node *node = *at;

    if (node != NULL && node->holders == 1)
        return node;
    node = node == NULL ? node_create(level) : node_copy(node, ~0u);
    if (node == NULL)
        return NULL;
    if (*at != NULL)
        node_release(*at);
    return *at = node;
}

// Puts new roots on top until page `i` has a place in the tree.
static bool grow(struct page_tree *t, uint32_t i)
{
    while (i > last_page(t->root->level)) {
        struct page_node *top = node_create(t->root->level + 1);

        if (top == NULL)
            return false;
        kassert(top->level <= TREE_LEVELS_MAX);
        top->slot[0].node = t->root;
        top->present = 1;
        top->writable = t->root->writable != 0;
        t->root = top;
    }
    return true;
}

// The child in slot `i`, owned, made if there is none.
static struct page_node *child_own(struct page_node *node, uint32_t i)
{
    struct page_node *child = node->slot[i].node;

    if (child != NULL && child->holders == 1)
        return child;
    child = node_own(&node->slot[i].node, node->level - 1);
    if (child != NULL)
        node->present |= 1u << i;
    return child;
}

struct page_node *page_tree_own(struct page_tree *t, uint32_t i)
{
    struct page_node *node;

    i += t->base;
    if (t->root == NULL && ((t->root = node_create(1)) == NULL || i < NODE_SLOTS))
        return t->root;
    if (!grow(t, i))
        return NULL;
    node = node_own(&t->root, t->root->level);
    for (uint32_t shift = slot_shift(t->root->level); node != NULL && shift != 0;
         shift -= NODE_SHIFT)
        node = child_own(node, i >> shift & (NODE_SLOTS - 1));
    return node;
}

// The leaf with the place of page `i` (base and all), which exists.
static struct page_node *leaf_of(struct page_tree *t, uint32_t i)
{
    struct page_node *node = t->root;

    while (node->level > 1)
        node = node->slot[slot_index(node, i)].node;
    return node;
}

void page_tree_set(struct page_tree *t, struct page_node *leaf, uint32_t i, struct page *page)
{
    struct page *old;

    i += t->base;
    if (leaf == NULL)
        leaf = leaf_of(t, i);
    debug_assert(leaf->holders == 1);
    i &= NODE_SLOTS - 1;
    old = leaf->slot[i].page;
    leaf->slot[i].page = page;
    leaf->writable &= ~(1u << i);
    if (page != NULL)
        leaf->present |= 1u << i;
    else
        leaf->present &= ~(1u << i);
    if (old != NULL)
        page_release(old);
}

bool page_tree_put(struct page_tree *t, uint32_t i, struct page *page)
{
    struct page_node *leaf = page_tree_own(t, i);

    if (leaf == NULL)
        page_release(page);
    else
        page_tree_set(t, leaf, i, page);
    return leaf != NULL;
}

void page_tree_exchange(struct page_tree *t, uint32_t i, struct page *page)
{
    uint32_t at = t->base + i;
    struct page_node *leaf = leaf_of(t, at);
    struct page *old = leaf->slot[at & (NODE_SLOTS - 1)].page;

    leaf->slot[at & (NODE_SLOTS - 1)].page = page;
    page_release(old);
}

void page_tree_mark_writable(struct page_tree *t, uint32_t i)
{
    struct page_node *node = t->root;

    i += t->base;
    for (uint32_t shift = slot_shift(node->level);; shift -= NODE_SHIFT) {
        uint32_t slot = i >> shift & (NODE_SLOTS - 1);

        node->writable |= 1u << slot;
        if (shift == 0)
            return;
        node = node->slot[slot].node;
    }
}

// ---- copies of ranges ----------------------------------------------------------------------

void page_tree_share(struct page_tree *from, struct page_tree *to)
{
    *to = *from;
    if (from->root == NULL)
        return;
    freeze(from->root, ~0u);
    from->root->holders++;
}

// *copy becomes a node with the pages first … last of `node` (counted from the node's own first):
// the node itself when that is all of it. False when memory is short.
static bool node_slice(struct page_node *node, uint32_t first, uint32_t last,
                       struct page_node **copy)
{
    uint32_t shift = slot_shift(node->level);
    uint32_t inside = (1u << shift) - 1;
    uint32_t low = first >> shift, high = last >> shift; // the slots at the edges
    uint32_t edges = 0;

    if (first == 0 && last == last_page(node->level)) {
        freeze(node, ~0u);
        node->holders++;
        *copy = node;
        return true;
    }
    if ((first & inside) != 0)
        edges |= 1u << low;
    if ((last & inside) != inside)
        edges |= 1u << high;
    edges &= node->present;
    *copy = node_copy(node, bits(low, high) & ~edges);
    if (*copy == NULL)
        return false;
    for (; edges != 0; edges &= edges - 1) {
        uint32_t i = lowest(edges);

        if (!node_slice(node->slot[i].node, i == low ? first & inside : 0,
                        i == high ? last & inside : inside, &(*copy)->slot[i].node)) {
            node_release(*copy);
            return false;
        }
        (*copy)->present |= 1u << i;
    }
    return true;
}

bool page_tree_slice(struct page_tree *from, uint32_t i, uint32_t count, struct page_tree *to)
{
    struct page_node *node = from->root;
    uint32_t first = from->base + i;
    uint32_t last = first + count - 1;

    if (node == NULL || first > last_page(node->level))
        return true;
    if (last > last_page(node->level))
        last = last_page(node->level);
    // Down to the lowest node that has all of it.
    while (node->level > 1 && slot_index(node, first) == slot_index(node, last)) {
        node = node->slot[slot_index(node, first)].node;
        if (node == NULL)
            return true;
        first &= last_page(node->level);
        last &= last_page(node->level);
    }
    to->base = first;
    if (!node_slice(node, first, last, &to->root)) {
        page_tree_init(to);
        return false;
    }
    return true;
}

// Lets the pages first … last of the node at *at go (counted from its own first), and the node if
// nothing is left in it.
static bool node_remove(struct page_node **at, uint32_t first, uint32_t last)
{
    uint32_t shift = slot_shift((*at)->level);
    uint32_t inside = (1u << shift) - 1;
    uint32_t low = first >> shift, high = last >> shift;
    uint32_t todo = (*at)->present & bits(low, high);
    struct page_node *node;
    bool all = true;

    if (todo == (*at)->present && (first & inside) == 0 && (last & inside) == inside) {
        node_release(*at);
        *at = NULL;
        return true;
    }
    if (todo == 0)
        return true;
    if ((node = node_own(at, (*at)->level)) == NULL)
        return false;
    for (; todo != 0; todo &= todo - 1) {
        uint32_t i = lowest(todo);

        if (node->level == 1)
            page_release(node->slot[i].page);
        else if (!node_remove(&node->slot[i].node, i == low ? first & inside : 0,
                              i == high ? last & inside : inside))
            all = false;
        if (node->level == 1 || node->slot[i].node == NULL) {
            node->present &= ~(1u << i);
            node->writable &= ~(1u << i);
            node->slot[i].node = NULL;
        }
    }
    if (node->present == 0) {
        node_release(node);
        *at = NULL;
    }
    return all;
}

bool page_tree_remove(struct page_tree *t, uint32_t i, uint32_t count)
{
    uint32_t first = t->base + i;
    uint32_t last = first + count - 1;

    if (t->root == NULL || first > last_page(t->root->level))
        return true;
    if (last > last_page(t->root->level))
        last = last_page(t->root->level);
    return node_remove(&t->root, first, last);
}
