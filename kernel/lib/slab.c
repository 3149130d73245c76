// SPDX-License-Identifier: BSD-2-Clause
// Slabs: single pages with a header of 16 bytes and, behind it, slots of equal size. The page of an
// object, and so its cache, is found by masking its address; because of the header no object lies
// on a page boundary, which is how kfree knows whole pages when it sees them.
//
// A page's free slots form a list of 16-bit offsets; slots that were never used are not on it but
// counted off (`carved`), so a fresh page costs nothing to prepare.
#include "lib/slab.h"
#include <stdbool.h>
#include "lib/assert.h"
#include "lib/string.h"

#define SLAB_PAGE 4096u
#define KMALLOC_LARGEST_OBJECT 2040u
#define KMALLOC_ORDER_MAX 10u // 4 MiB: an array with a word for each name that a space can have

struct slab {
    struct list link; // on cache->partial, or on nothing when every slot is in use
    struct slab_cache *cache;
    uint16_t free;  // offset of the first free slot in the page, 0: none
    uint8_t used;   // slots handed out
    uint8_t carved; // slots that have ever been handed out
#ifdef DEBUG
    struct list all_link;
#endif
};

#define SLAB_HEADER ((uint32_t)((sizeof(struct slab) + 7) & ~7u))

static struct list caches = {&caches, &caches};
static size_t bytes_in_pages; // handed out as whole pages

size_t slab_bytes_in_use(void)
{
    size_t bytes = bytes_in_pages;

    list_for_each(c, &caches) {
        const struct slab_cache *cache = container_of(c, struct slab_cache, link);

        bytes += cache->in_use * cache->object_size;
    }
    return bytes;
}

// ---- what the debug build checks -----------------------------------------------------------

#define GUARD_USED 0x6b6f6f4cu
#define GUARD_FREE 0x65657246u
#define POISON 0xa5

#ifdef DEBUG
#define CHECKED true

// Stands behind each object in the debug build.
struct guard {
    uint32_t state; // GUARD_USED or GUARD_FREE
    uint32_t next;  // on the free list
    struct slab_audit audit;
};

static struct list all_slabs = {&all_slabs, &all_slabs};

static void slab_born(struct slab *slab)
{
    list_insert_tail(&all_slabs, &slab->all_link);
}

static void slab_dies(struct slab *slab)
{
    list_remove(&slab->all_link);
}
#else
#define CHECKED false // and what is only done when CHECKED is not even compiled in

struct guard {
    uint32_t state, next;
};

static inline void slab_born(struct slab *slab)
{
    (void)slab;
}

static inline void slab_dies(struct slab *slab)
{
    (void)slab;
}
#endif

static struct guard *guard_of(const struct slab_cache *cache, void *object)
{
    return (struct guard *)((char *)object + cache->object_size);
}

static uint16_t *free_link(const struct slab_cache *cache, void *object)
{
    return CHECKED ? (uint16_t *)&guard_of(cache, object)->next : object;
}

static void check_poison(const struct slab_cache *cache, const uint32_t *object)
{
    for (uint32_t i = 0; i < cache->object_size / sizeof(object[0]); i++)
        if (object[i] != POISON * 0x1010101u)
            panic("slab %s: object %p was written to after it was freed (byte %u)", cache->name,
                  (const void *)object, (unsigned)(i * sizeof(object[0])));
}

// `fresh`: never used before.
static void mark_used(const struct slab_cache *cache, void *object, bool fresh)
{
    struct guard *guard = guard_of(cache, object);

    if (!fresh) {
        if (guard->state != GUARD_FREE)
            panic("slab %s: guard behind free object %p is broken", cache->name, object);
        check_poison(cache, object);
    }
    memset(object, POISON, cache->object_size);
    guard->state = GUARD_USED;
}

static void mark_free(const struct slab_cache *cache, void *object)
{
    struct guard *guard = guard_of(cache, object);

    if (guard->state == GUARD_FREE)
        panic("slab %s: object %p is freed twice", cache->name, object);
    if (guard->state != GUARD_USED)
        panic("slab %s: a write past the end of object %p", cache->name, object);
    memset(object, POISON, cache->object_size);
    guard->state = GUARD_FREE;
}

#define SLOT_EXTRA (CHECKED ? (uint32_t)sizeof(struct guard) : 0)

// ---- caches --------------------------------------------------------------------------------

static struct slab *slab_of(const void *object)
{
    return (struct slab *)((uintptr_t)object & ~(uintptr_t)(SLAB_PAGE - 1));
}

// Where the slot of that number begins in its page.
static uint32_t slot_offset(const struct slab_cache *cache, uint32_t number)
{
    return SLAB_HEADER + number * (cache->object_size + SLOT_EXTRA);
}

// Gives the cache one more page; NULL when memory is short.
static struct slab *cache_grow(struct slab_cache *cache)
{
    struct slab *slab = slab_page_alloc(0);

    if (slab == NULL)
        return NULL;
    kassert(cache->object_size <= KMALLOC_LARGEST_OBJECT);
    if (list_empty(&cache->link))
        list_insert_tail(&caches, &cache->link);
    cache->capacity = (SLAB_PAGE - SLAB_HEADER) / (cache->object_size + SLOT_EXTRA);
    slab->cache = cache;
    slab->free = 0;
    slab->used = 0;
    slab->carved = 0;
    slab_born(slab);
    list_insert_head(&cache->partial, &slab->link);
    return slab;
}

static void slab_give_back(struct slab *slab)
{
    list_remove(&slab->link);
    slab_dies(slab);
    slab_page_free(slab, 0);
}

// Not inlined, to keep the usual way short.
static __attribute__((noinline)) void *alloc_in_new_page(struct slab_cache *cache)
{
    return cache_grow(cache) != NULL ? slab_alloc(cache) : NULL;
}

void *slab_alloc(struct slab_cache *cache)
{
    struct slab *slab = container_of(cache->partial.next, struct slab, link);
    bool fresh;
    char *object;

    if (list_empty(&cache->partial))
        return alloc_in_new_page(cache);
    fresh = slab->free == 0;
    if (fresh) {
        object = (char *)slab + slot_offset(cache, slab->carved++);
    } else {
        object = (char *)slab + slab->free;
        slab->free = *free_link(cache, object);
    }
    if (CHECKED)
        mark_used(cache, object, fresh);
    slab->used++;
    if (slab->used == cache->capacity)
        list_remove(&slab->link);
    cache->in_use++;
    return object;
}

void slab_free(struct slab_cache *cache, void *object)
{
    struct slab *slab = slab_of(object);

    debug_assert(slab->cache == cache);
    if (CHECKED)
        mark_free(cache, object);
    *free_link(cache, object) = slab->free;
    slab->free = (uint16_t)((char *)object - (char *)slab);
    if (list_empty(&slab->link))
        list_insert_head(&cache->partial, &slab->link);
    slab->used--;
    cache->in_use--;
    if (slab->used == 0 && slab->link.next != slab->link.prev)
        slab_give_back(slab); // there is another page with room
}

void slab_reap(void)
{
    list_for_each(c, &caches) {
        struct slab_cache *cache = container_of(c, struct slab_cache, link);

        list_for_each_safe(s, &cache->partial) {
            struct slab *slab = container_of(s, struct slab, link);

            if (slab->used == 0)
                slab_give_back(slab);
        }
    }
}

#ifdef DEBUG
void slab_each(void (*page)(void *page),
               void (*visit)(const struct slab_cache *cache, void *object, struct slab_audit *audit))
{
    list_for_each(link, &all_slabs) {
        struct slab *slab = container_of(link, struct slab, all_link);
        unsigned used = 0;

        page(slab);
        for (unsigned i = 0; i < slab->carved; i++) {
            void *object = (char *)slab + slot_offset(slab->cache, i);
            struct guard *guard = guard_of(slab->cache, object);

            if (guard->state != GUARD_USED)
                continue;
            used++;
            visit(slab->cache, object, &guard->audit);
        }
        if (used != slab->used)
            panic("slab %s: page %p counts %u objects in use, there are %u", slab->cache->name,
                  (void *)slab, slab->used, used);
    }
}

struct slab_audit *slab_audit_of(const void *address, const struct slab_cache **cache, void **object)
{
    struct slab *slab = slab_of(address);
    uint32_t offset = (uint32_t)((const char *)address - (const char *)slab), number;
    struct guard *guard;

    *cache = slab->cache;
    number = (offset - SLAB_HEADER) / (slab->cache->object_size + SLOT_EXTRA);
    if (offset < SLAB_HEADER || number >= slab->carved)
        return NULL;
    *object = (char *)slab + slot_offset(slab->cache, number);
    guard = guard_of(slab->cache, *object);
    return guard->state == GUARD_USED && (void *)address < (void *)guard ? &guard->audit : NULL;
}
#endif

// ---- kmalloc -------------------------------------------------------------------------------

// 2040, 1360, 1016, 680 are the largest sizes of which 2, 3, 4, 6 fit in a page.
#define SIZE(i, bytes) [i] = SLAB_CACHE(sizes[i], "kmalloc-" #bytes, bytes)

static struct slab_cache sizes[] = {
    SIZE(0, 16),  SIZE(1, 32),   SIZE(2, 48),  SIZE(3, 64),  SIZE(4, 96),
    SIZE(5, 128), SIZE(6, 192),  SIZE(7, 256), SIZE(8, 400), SIZE(9, 680),
    SIZE(10, 1016), SIZE(11, 1360), SIZE(12, 2040),
};

// By size in units of eight bytes, rounded up.
static const uint8_t size_index[KMALLOC_LARGEST_OBJECT / 8 + 1] = {
    [0 ... 2] = 0,    [3 ... 4] = 1,    [5 ... 6] = 2,      [7 ... 8] = 3,      [9 ... 12] = 4,
    [13 ... 16] = 5,  [17 ... 24] = 6,  [25 ... 32] = 7,    [33 ... 50] = 8,    [51 ... 85] = 9,
    [86 ... 127] = 10, [128 ... 170] = 11, [171 ... 255] = 12,
};

static void *kmalloc_pages(size_t size)
{
    unsigned order = 0;
    void *pages;

    while (order <= KMALLOC_ORDER_MAX && (SLAB_PAGE << order) < size)
        order++;
    if (order > KMALLOC_ORDER_MAX || (pages = slab_page_alloc(order)) == NULL)
        return NULL;
    bytes_in_pages += SLAB_PAGE << order;
    return pages;
}

void *kmalloc(size_t size)
{
    if (size > KMALLOC_LARGEST_OBJECT)
        return kmalloc_pages(size);
    return slab_alloc(&sizes[size_index[(size + 7) / 8]]);
}

void *kzalloc(size_t size)
{
    void *memory = kmalloc(size);

    return memory == NULL ? NULL : memset(memory, 0, size);
}

void kfree(void *memory)
{
    unsigned order;

    if (memory == NULL)
        return;
    if (slab_of(memory) != memory) {
        slab_free(slab_of(memory)->cache, memory);
        return;
    }
    order = slab_page_order(memory);
    bytes_in_pages -= SLAB_PAGE << order;
    slab_page_free(memory, order);
}
