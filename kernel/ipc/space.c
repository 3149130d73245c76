// SPDX-License-Identifier: BSD-2-Clause
// Spaces: finding, giving out and taking back names. What the rights behind the names mean is right.c.
//
// The table is a directory of chunks, so it grows without moving an entry: a pointer to an entry stays
// good as long as its name is in use. Slot 0 of the table is never used; name 0 is MACH_PORT_NULL.
#include "ipc/space.h"

#include "ipc/right.h"
#include "kern/sched.h"
#include "x86/cpu.h"

#define DIRECTORY_MAX 16384u // chunks: a million names
#define BUCKETS_MIN 16u
#define BUCKETS_MAX 16384u

static struct slab_cache space_cache = SLAB_CACHE(space_cache, "space", sizeof(struct space));
static struct slab_cache chosen_cache =
    SLAB_CACHE(chosen_cache, "chosen name", sizeof(struct chosen_entry));

static bool chosen_less(const struct tree_node *a, const struct tree_node *b)
{
    return container_of(a, struct chosen_entry, node)->entry.name <
           container_of(b, struct chosen_entry, node)->entry.name;
}

struct space *space_make(struct ledger *ledger)
{
    struct space *space = slab_alloc(&space_cache);

    if (!space)
        return NULL;
    memset(space, 0, sizeof *space);
    space->refs = 1;
    space->active = true;
    space->ledger = ledger;
    tree_init(&space->chosen, chosen_less, NULL);
    space->chosen_low = MACH_PORT_DEAD;
    return space;
}

void space_release(struct space *space)
{
    kassert(space->refs > 0);
    if (--space->refs > 0)
        return;
    kassert(!space->active);
    slab_free(&space_cache, space);
}

// ---- the table ----

static struct entry *chosen_find(const struct space *space, mach_port_name_t name)
{
    struct chosen_entry key = {.entry.name = name};
    struct tree_node *node;

    if (!space->chosen.root)
        return NULL;
    node = tree_floor(&space->chosen, &key.node);
    if (!node || container_of(node, struct chosen_entry, node)->entry.name != name)
        return NULL;
    return &container_of(node, struct chosen_entry, node)->entry;
}

struct entry *space_find(const struct space *space, mach_port_name_t name)
{
    struct entry *entry = space_table_entry(space, name);

    return entry && entry->type != 0 ? entry : chosen_find(space, name);
}

struct entry *space_lookup_slow(struct space *space, mach_port_name_t name)
{
    struct entry *entry = space_find(space, name);

    if (entry && (entry->type & MACH_PORT_TYPE_PORT_RIGHTS) && !entry->port->active)
        return right_check_dead(space, entry);
    return entry;
}

// Makes room for one more chunk in the directory.
static kern_return_t grow_directory(struct space *space)
{
    unsigned size = space->directory_size ? 2 * space->directory_size : 8;
    struct entry **chunks;

    if (space->chunk_count < space->directory_size)
        return KERN_SUCCESS;
    if (size > DIRECTORY_MAX)
        return KERN_NO_SPACE;
    if (!(chunks = kmalloc(size * sizeof *chunks)))
        return KERN_RESOURCE_SHORTAGE;
    memcpy(chunks, space->chunks, space->chunk_count * sizeof *chunks);
    kfree(space->chunks);
    space->chunks = chunks;
    space->directory_size = size;
    return KERN_SUCCESS;
}

static kern_return_t grow_table(struct space *space)
{
    uint32_t first = space->chunk_count * ENTRIES_PER_CHUNK;
    struct entry *chunk;
    kern_return_t kr;

    if (!ledger_allows(space->ledger, MINATO_LIMIT_NAMES, ENTRIES_PER_CHUNK))
        return KERN_NO_SPACE;
    if ((kr = grow_directory(space)) != KERN_SUCCESS)
        return kr;
    if (!(chunk = kzalloc(ENTRIES_PER_CHUNK * sizeof *chunk)))
        return KERN_RESOURCE_SHORTAGE;
    ledger_add(space->ledger, MINATO_LIMIT_NAMES, ENTRIES_PER_CHUNK);
    space->chunks[space->chunk_count++] = chunk;
    // Lowest index first, so that names come in a predictable order.
    for (uint32_t i = ENTRIES_PER_CHUNK; i-- > 0;) {
        if (first + i == 0)
            continue;
        chunk[i].name = (first + i) << 8 | 1;
        chunk[i].next_free = space->free;
        space->free = &chunk[i];
    }
    return KERN_SUCCESS;
}

// Moves a slot on to a generation that nobody has chosen as a name. False: all are taken.
static bool skip_chosen(struct space *space, struct entry *entry)
{
    mach_port_name_t first = entry->name;

    while (chosen_find(space, entry->name)) {
        entry->name = space_next_name(entry->name);
        if (entry->name == first)
            return false;
    }
    return true;
}

kern_return_t space_allocate(struct space *space, struct entry **out)
{
    struct entry *entry;
    kern_return_t kr;

    if (!space->active)
        return KERN_INVALID_TASK;
    for (;;) {
        if (!space->free && (kr = grow_table(space)) != KERN_SUCCESS)
            return kr;
        entry = space->free;
        space_take_ready(space, entry);
        if ((entry->name | 0xff) < space->chosen_low || skip_chosen(space, entry))
            break;
        space->name_count--; // a slot all of whose names were chosen is left alone from now on
    }
    *out = entry;
    return KERN_SUCCESS;
}

kern_return_t space_allocate_name(struct space *space, mach_port_name_t name, struct entry **out)
{
    struct chosen_entry *chosen;

    if (name == MACH_PORT_NULL)
        return space_allocate(space, out);
    if (!space->active)
        return KERN_INVALID_TASK;
    if (space_find(space, name))
        return KERN_NAME_EXISTS;
    if (!ledger_allows(space->ledger, MINATO_LIMIT_NAMES, 1))
        return KERN_NO_SPACE;
    chosen = slab_alloc(&chosen_cache);
    if (!chosen)
        return KERN_RESOURCE_SHORTAGE;
    ledger_add(space->ledger, MINATO_LIMIT_NAMES, 1);
    memset(chosen, 0, sizeof *chosen);
    chosen->entry.name = name;
    if (name < space->chosen_low)
        space->chosen_low = name;
    tree_insert(&space->chosen, &chosen->node);
    space->name_count++;
    *out = &chosen->entry;
    return KERN_SUCCESS;
}

void space_free(struct space *space, struct entry *entry)
{
    uint32_t index = entry->name >> 8;
    struct chosen_entry *chosen;

    kassert(!entry->request && !entry->hash_next);
    if (index / ENTRIES_PER_CHUNK < space->chunk_count && space_slot(space, index) == entry) {
        space_give_back(space, entry);
        return;
    }
    space->name_count--;
    chosen = container_of(entry, struct chosen_entry, entry);
    tree_remove(&space->chosen, &chosen->node);
    slab_free(&chosen_cache, chosen);
    ledger_credit(space->ledger, MINATO_LIMIT_NAMES, 1);
}

// ---- from port to name ----

bool space_hash_grow(struct space *space)
{
    unsigned old_count = space->bucket_count;
    unsigned count = old_count ? 2 * old_count : BUCKETS_MIN;
    struct entry **old = space->buckets, **buckets;

    if (count > BUCKETS_MAX || !(buckets = kzalloc(count * sizeof *buckets)))
        return old_count != 0; // the chains just get longer
    space->buckets = buckets;
    space->bucket_count = count;
    for (unsigned i = 0; i < old_count; i++) {
        for (struct entry *entry = old[i], *next; entry; entry = next) {
            unsigned bucket = space_bucket(space, entry->port);

            next = entry->hash_next;
            entry->hash_next = buckets[bucket];
            buckets[bucket] = entry;
        }
    }
    kfree(old);
    return true;
}

void space_hash_insert(struct space *space, struct entry *entry)
{
    unsigned bucket;

    kassert(space->bucket_count != 0);
    bucket = space_bucket(space, entry->port);
    entry->hash_next = space->buckets[bucket];
    space->buckets[bucket] = entry;
    space->hashed++;
}

void space_hash_remove(struct space *space, struct entry *entry)
{
    struct entry **link = &space->buckets[space_bucket(space, entry->port)];

    while (*link != entry)
        link = &(*link)->hash_next;
    *link = entry->hash_next;
    entry->hash_next = NULL;
    space->hashed--;
}

// ---- all of them ----

void space_for_each(struct space *space, void (*visit)(struct entry *entry, void *context),
                    void *context)
{
    struct tree_node *node, *next;

    for (uint32_t i = 1; i < space->chunk_count * ENTRIES_PER_CHUNK; i++) {
        if (space_slot(space, i)->type != 0)
            visit(space_slot(space, i), context);
        preemption_point();
    }
    for (node = tree_first(&space->chosen); node; node = next) {
        next = tree_next(node);
        visit(&container_of(node, struct chosen_entry, node)->entry, context);
    }
}

void space_shutdown(struct space *space)
{
    struct entry **chunks = space->chunks;
    unsigned count = space->chunk_count;
    struct tree_node *node;

    if (!space->active)
        return;
    space->active = false;
    for (uint32_t i = 1; i < space->chunk_count * ENTRIES_PER_CHUNK; i++) {
        if (space_slot(space, i)->type != 0)
            right_destroy(space, space_slot(space, i));
        sched_point();
    }
    while ((node = tree_first(&space->chosen)) != NULL)
        right_destroy(space, &container_of(node, struct chosen_entry, node)->entry);
    kfree(space->buckets);
    space->chunks = NULL;
    space->buckets = NULL;
    space->chunk_count = space->directory_size = space->bucket_count = space->hashed = 0;
    space->free = NULL;
    for (unsigned i = 0; i < count; i++) {
        kfree(chunks[i]);
        sched_point();
    }
    kfree(chunks);
    if (count > 0) // else the ledger may be gone
        ledger_credit(space->ledger, MINATO_LIMIT_NAMES, count * ENTRIES_PER_CHUNK);
}
