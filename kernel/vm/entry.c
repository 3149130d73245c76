// SPDX-License-Identifier: BSD-2-Clause
// The entries of a map. They stand in a balanced tree by address, in which every node also knows
// the extent of its subtree and the largest gap in it: that is how room for `anywhere` is found
// without looking at each entry. Read first: entry.h. Read next: map.c.
#include "vm/entry.h"
#include "kern/ledger.h"
#include "vm/object.h"
#include "vm/page.h"
#include "x86/cpu.h"

#define REMOVE_BUDGET 64 // pages unmapped per step: some 10,000 instructions

struct slab_cache vm_entry_cache =
    SLAB_CACHE(vm_entry_cache, "map entry", sizeof(struct vm_map_entry));
unsigned vm_wired_pages;

static struct vm_map_entry *entry_of(const struct tree_node *n)
{
    return n == NULL ? NULL : container_of(n, struct vm_map_entry, node);
}

// ---- order and summary ---------------------------------------------------------------------

static bool entry_less(const struct tree_node *a, const struct tree_node *b)
{
    return entry_of(a)->start < entry_of(b)->start;
}

static inline vm_size_t larger(vm_size_t a, vm_size_t b)
{
    return a > b ? a : b;
}

static inline bool entry_summarize(struct tree_node *n)
{
    struct vm_map_entry *e = entry_of(n);
    struct vm_map_entry *left = entry_of(n->child[0]), *right = entry_of(n->child[1]);
    vm_offset_t lowest = e->start, highest = e->end;
    vm_size_t gap = 0;
    bool changed;

    if (left != NULL) {
        lowest = left->lowest;
        gap = larger(left->gap, e->start - left->highest);
    }
    if (right != NULL) {
        highest = right->highest;
        gap = larger(gap, larger(right->gap, right->lowest - e->end));
    }
    changed = lowest != e->lowest || highest != e->highest || gap != e->gap;
    e->lowest = lowest;
    e->highest = highest;
    e->gap = gap;
    return changed;
}

void map_entries_init(struct vm_map *map)
{
    tree_init(&map->entries, entry_less, entry_summarize);
    map->entry_count = map->entries_paid = 0;
    map->ledger = NULL;
    map->size = 0;
    map->hint = NULL;
    map->version = 0;
}

// ---- finding -------------------------------------------------------------------------------

// The last entry that starts at or below `address`.
static inline struct vm_map_entry *entry_floor(struct vm_map *map, vm_offset_t address)
{
    struct vm_map_entry *best = NULL;

    for (struct tree_node *n = map->entries.root; n != NULL;) {
        struct vm_map_entry *e = entry_of(n);
        bool right = e->start <= address;

        if (right)
            best = e;
        n = n->child[right];
    }
    return best;
}

struct vm_map_entry *entry_search(struct vm_map *map, vm_offset_t address)
{
    struct vm_map_entry *e = entry_floor(map, address);

    return entry_covers(e, address) ? map->hint = e : NULL;
}

struct vm_map_entry *entry_from(struct vm_map *map, vm_offset_t address)
{
    struct vm_map_entry *e = entry_covers(map->hint, address) ? map->hint : entry_floor(map, address);

    if (e == NULL)
        return entry_of(tree_first(&map->entries));
    return entry_covers(e, address) ? e : entry_next(e);
}

struct vm_map_entry *entry_next(const struct vm_map_entry *entry)
{
    return entry_of(tree_next(&entry->node));
}

// ---- room ----------------------------------------------------------------------------------

bool range_of_pages(vm_offset_t address, vm_size_t size, vm_offset_t *start, vm_offset_t *end)
{
    *start = trunc_page(address);
    if (address >= VM_MAX_ADDRESS || size > VM_MAX_ADDRESS - address)
        return false;
    *end = round_page(address + size);
    return true;
}

// The lowest address from `address` on without a bit of `mask`; 0 if there is none.
static vm_offset_t align_up(vm_offset_t address, vm_offset_t mask)
{
    vm_offset_t wrong = address & mask;
    vm_offset_t top;

    if (wrong == 0)
        return address;
    // The highest wrong bit and all below it must become 0, so what is above must grow by one; with
    // the mask's bits set, the carry runs through them.
    top = 1u << (31 - __builtin_clz(wrong));
    return ((address | mask | top | (top - 1)) + 1) & ~mask;
}

// The largest gap between `low` and e's start, where nothing but e's left subtree lies.
static vm_size_t room_before(const struct vm_map_entry *e, vm_offset_t low)
{
    const struct vm_map_entry *left = entry_of(e->node.child[0]);

    if (left == NULL)
        return e->start - low;
    return larger(left->gap, larger(left->lowest - low, e->start - left->highest));
}

// Looks for the lowest `size` bytes that are free between `low` and `high`, which are the edges of
// what lies beside the subtree at `e`, and not below `from`. Goes as deep as the tree is high; enters
// only subtrees with a gap large enough.
static bool find_gap(const struct vm_map_entry *e, vm_offset_t low, vm_offset_t high,
                     vm_offset_t from, vm_size_t size, vm_offset_t *found)
{
    for (; e != NULL; e = entry_of(e->node.child[1])) {
        if (e->start > from && room_before(e, low) >= size &&
            find_gap(entry_of(e->node.child[0]), low, e->start, from, size, found))
            return true;
        low = e->end;
    }
    *found = larger(low, from);
    return *found < high && high - *found >= size;
}

// The same when all entries lie above `low`, where the search begins: then a subtree with a gap
// large enough always has the answer, and one way down finds it.
static inline bool find_first_gap(struct vm_map_entry *e, vm_offset_t low, vm_size_t size,
                                  struct room *room)
{
    vm_offset_t high = VM_MAX_ADDRESS;

    room->parent = NULL;
    room->right = false;
    while (e != NULL) {
        bool here = room_before(e, low) >= size;

        room->parent = &e->node;
        if (here)
            high = e->start;
        else
            low = e->end;
        room->right = !here;
        e = entry_of(e->node.child[!here]);
    }
    room->address = low;
    return high - low >= size;
}

// Looks in gap after gap for an address without a bit of `mask`.
static bool find_space(struct vm_map *map, vm_offset_t from, vm_size_t size, vm_offset_t mask,
                       vm_offset_t *address)
{
    struct vm_map_entry *root = entry_of(map->entries.root);
    vm_offset_t at = align_up(from, mask);

    while (at >= from && find_gap(root, VM_MIN_ADDRESS, VM_MAX_ADDRESS, at, size, address)) {
        if ((*address & mask) == 0)
            return true;
        from = *address;
        at = align_up(from, mask);
    }
    return false;
}

kern_return_t map_find_space(struct vm_map *map, vm_offset_t from, vm_size_t size, vm_offset_t mask,
                             vm_offset_t *address)
{
    vm_offset_t lowest = larger(from, VM_MIN_ADDRESS);
    vm_offset_t low = larger(from, ANYWHERE_START);
    struct room room;

    if (low == ANYWHERE_START && mask == 0 && map_find_room(map, size, &room)) {
        *address = room.address;
        return KERN_SUCCESS;
    }
    for (; !find_space(map, low, size, mask, address); low = lowest)
        if (low == lowest)
            return KERN_NO_SPACE;
    return KERN_SUCCESS;
}

bool map_find_room(struct vm_map *map, vm_size_t size, struct room *room)
{
    struct vm_map_entry *root = entry_of(map->entries.root);

    return (root == NULL || root->lowest >= ANYWHERE_START) &&
           find_first_gap(root, ANYWHERE_START, size, room);
}

kern_return_t map_check(struct vm_map *map, vm_offset_t address, vm_size_t size, vm_prot_t max,
                        vm_prot_t now, vm_offset_t *start, vm_offset_t *end)
{
    struct vm_map_entry *e = entry_find(map, address);
    bool refused = false;

    if (!range_of_pages(address, size, start, end))
        return KERN_INVALID_ADDRESS;
    for (vm_offset_t at = *start; at < *end; at = e->end, e = entry_next(e)) {
        if (e == NULL || e->start > at)
            return KERN_INVALID_ADDRESS;
        if ((max & ~e->max_protection) != 0 || (now & ~e->protection) != 0)
            refused = true;
        if (e->end >= *end)
            break;
        preemption_point();
    }
    return refused ? KERN_PROTECTION_FAILURE : KERN_SUCCESS;
}

bool map_room_at(struct vm_map *map, vm_offset_t start, vm_offset_t end, struct room *room)
{
    struct vm_map_entry *beside[2] = {NULL, NULL}, *low, *high;
    struct tree_node *parent = NULL;
    bool right = false;

    for (struct tree_node *n = map->entries.root; n != NULL; n = n->child[right]) {
        parent = n;
        right = entry_of(n)->start <= start;
        beside[right] = entry_of(n);
    }
    low = beside[1];
    high = beside[0];
    if ((low != NULL && low->end > start) || (high != NULL && high->start < end))
        return false;
    *room = (struct room){start, parent, right, high != NULL && high->start == end, low};
    return true;
}

bool map_is_free(struct vm_map *map, vm_offset_t start, vm_offset_t end)
{
    struct vm_map_entry *e = entry_from(map, start);

    return e == NULL || e->start >= end;
}

// In blocks, so that this is a comparison nearly always.
bool map_can_pay(struct vm_map *map, unsigned count)
{
    unsigned more;

    if (map->entry_count + count <= map->entries_paid)
        return true;
    more = (map->entry_count + count - map->entries_paid + LEDGER_BLOCK - 1) & -LEDGER_BLOCK;
    if (!ledger_charge(map->ledger, MINATO_LIMIT_MAP_ENTRIES, more))
        return false;
    map->entries_paid += more;
    return true;
}

// ---- making and deleting -------------------------------------------------------------------

const struct vm_map_entry fresh_entry = {.protection = VM_PROT_DEFAULT,
                                         .max_protection = VM_PROT_ALL,
                                         .inheritance = VM_INHERIT_DEFAULT};

struct vm_map_entry *entry_create(const struct vm_map_entry *like, vm_offset_t start,
                                  vm_offset_t end)
{
    struct vm_map_entry *e = slab_alloc(&vm_entry_cache);

    if (e == NULL)
        return NULL;
    e->node.height = 0; // on no tree, which fills in the rest of that, and the summary
    e->start = start;
    e->end = end;
    e->object = NULL;
    e->offset = like->offset;
    e->protection = like->protection;
    e->max_protection = like->max_protection;
    e->inheritance = like->inheritance;
    e->shared = like->shared;
    e->behavior = like->behavior;
    e->wired = like->wired;
    return e;
}

void entry_destroy(struct vm_map_entry *entry)
{
    vm_object_deallocate(entry->object);
    slab_free(&vm_entry_cache, entry);
}

// `size` bytes more, or less, are shown by `entry` or one like it.
static inline void count_in(struct vm_map *map, const struct vm_map_entry *entry, vm_size_t size)
{
    map->size += size;
    if (entry->wired != 0)
        vm_wired_pages += size >> PAGE_SHIFT;
}

static inline void count_out(struct vm_map *map, const struct vm_map_entry *entry, vm_size_t size)
{
    map->size -= size;
    if (entry->wired != 0)
        vm_wired_pages -= size >> PAGE_SHIFT;
}

// What an entry that is to be a leaf says about its subtree.
static inline void summarize_leaf(struct vm_map_entry *entry)
{
    entry->lowest = entry->start;
    entry->highest = entry->end;
    entry->gap = 0;
}

static inline void account(struct vm_map *map, const struct vm_map_entry *entry)
{
    map->entry_count++;
    count_in(map, entry, entry_size(entry));
    map->version++;
}

void entry_insert(struct vm_map *map, struct vm_map_entry *entry)
{
    summarize_leaf(entry);
    tree_insert(&map->entries, &entry->node);
    account(map, entry);
}

void entry_insert_into(struct vm_map *map, struct vm_map_entry *entry, const struct room *room)
{
    summarize_leaf(entry);
    tree_insert_below(&map->entries, &entry->node, room->parent, room->right,
                      entry_summarize);
    account(map, entry);
}

static void entry_unlink(struct vm_map *map, struct vm_map_entry *entry)
{
    tree_remove(&map->entries, &entry->node);
    map->entry_count--;
    count_out(map, entry, entry_size(entry));
    map->version++;
    if (map->hint == entry)
        map->hint = NULL;
}

struct vm_map_entry *entry_pop(struct vm_map *map)
{
    struct vm_map_entry *e = entry_of(map->entries.root);

    if (e != NULL)
        tree_remove(&map->entries, &e->node);
    return e;
}

// Takes the entry out of the map; nothing of it is mapped any more. The pages that only it could reach go,
// and the entry.
static void entry_delete(struct vm_map *map, struct vm_map_entry *entry)
{
    struct vm_object *object = entry->object;

    entry_unlink(map, entry);
    if (object != NULL && !entry->shared && object->refs > 1)
        vm_object_forget(object, entry->offset, entry_size(entry));
    entry_destroy(entry);
}

bool entry_materialize(struct vm_map_entry *entry)
{
    if (entry->object != NULL)
        return true;
    entry->object = vm_object_create(entry_size(entry));
    entry->offset = 0;
    return entry->object != NULL;
}

// ---- cutting and joining -------------------------------------------------------------------

// Cuts the entry with `address` inside (not at its start) in two there.
static bool entry_clip(struct vm_map *map, vm_offset_t address)
{
    struct vm_map_entry *e = entry_find(map, address);
    struct vm_map_entry *upper;

    if (e == NULL || e->start == address)
        return true;
    if (!map_can_pay(map, 1) || (upper = entry_create(e, address, e->end)) == NULL)
        return false;
    upper->object = e->object;
    if (e->object != NULL) {
        upper->offset += address - e->start;
        vm_object_reference(e->object);
    }
    count_out(map, e, entry_size(upper));
    e->end = address;
    tree_refresh(&map->entries, &e->node);
    entry_insert(map, upper);
    return true;
}

bool map_clip(struct vm_map *map, vm_offset_t start, vm_offset_t end)
{
    return entry_clip(map, start) && entry_clip(map, end);
}

bool entries_alike(const struct vm_map_entry *a, const struct vm_map_entry *b)
{
    return a->protection == b->protection && a->max_protection == b->max_protection &&
           a->inheritance == b->inheritance && a->shared == b->shared && a->wired == b->wired &&
           a->behavior == b->behavior;
}

// The entry's object takes in `size` bytes of fresh memory behind the entry.
static bool grow_object(struct vm_map_entry *entry, vm_size_t size)
{
    struct vm_object *object = entry->object;
    vm_offset_t end = entry->offset + entry_size(entry);

    if (entry->shared)
        return false;
    if (end < object->size && object->refs == 1) // what came behind was deallocated piece by piece
        vm_object_forget(object, end, object->size - end);
    return end == object->size && vm_object_grow(object, size);
}

bool entry_extend(struct vm_map *map, struct vm_map_entry *entry, vm_offset_t end)
{
    if (entry->object != NULL && !grow_object(entry, end - entry->end))
        return false;
    count_in(map, entry, end - entry->end);
    map->version++;
    entry->end = end;
    tree_refresh(&map->entries, &entry->node);
    return true;
}

// Whether `b`, right behind `a`, shows what would come next in a's object.
static bool continues(struct vm_map_entry *a, const struct vm_map_entry *b)
{
    if (a->object == b->object)
        return a->object == NULL || a->offset + entry_size(a) == b->offset;
    return b->object == NULL && a->object != NULL && grow_object(a, entry_size(b));
}

bool entry_join(struct vm_map *map, struct vm_map_entry *a)
{
    struct vm_map_entry *b = entry_next(a);

    if (b == NULL || a->end != b->start || !entries_alike(a, b) || !continues(a, b))
        return false;
    entry_unlink(map, b);
    count_in(map, a, entry_size(b));
    a->end = b->end;
    tree_refresh(&map->entries, &a->node);
    entry_destroy(b);
    return true;
}

void map_simplify(struct vm_map *map, vm_offset_t start, vm_offset_t end)
{
    struct vm_map_entry *e = entry_from(map, start > 0 ? start - 1 : 0);

    while (e != NULL && e->end <= end) {
        if (!entry_join(map, e))
            e = entry_next(e);
        preemption_point();
    }
}

// ---- unmapping -----------------------------------------------------------------------------

// Unmaps some of the pages mapped in [start, end); returns the address up to which nothing is mapped
// any more.
static vm_offset_t unmap_some(struct vm_map *map, vm_offset_t start, vm_offset_t end)
{
    vm_offset_t at = pmap_next(&map->pmap, start, end);

    for (unsigned budget = REMOVE_BUDGET; at < end && budget > 0; budget--) {
        page_unmap(&map->pmap, at);
        at = pmap_next(&map->pmap, at + PAGE_SIZE, end);
    }
    return at;
}

bool map_remove_some(struct vm_map *map, vm_offset_t *start, vm_offset_t end)
{
    struct vm_map_entry *e = entry_from(map, *start);
    vm_offset_t reached;

    if (e == NULL || e->start >= end)
        return false;
    reached = unmap_some(map, e->start, e->end);
    *start = reached;
    if (reached == e->end) {
        entry_delete(map, e);
        return true;
    }
    // A large entry shrinks from the front, which needs no memory and is right at every moment.
    if (e->object != NULL) {
        if (!e->shared)
            vm_object_forget(e->object, e->offset, reached - e->start);
        e->offset += reached - e->start;
    }
    count_out(map, e, reached - e->start);
    map->version++;
    e->start = reached;
    tree_refresh(&map->entries, &e->node);
    return true;
}
