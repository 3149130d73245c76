// SPDX-License-Identifier: BSD-2-Clause
// The slab allocator: caches of equal objects, and kmalloc on top of them.
//
// A cache carves objects out of single pages that it gets from `slab_page_alloc` (vm/page.c); a
// page whose objects are all free goes back, unless it is the cache's only one with room (slab_reap
// gives that back too). Allocation and release take a few instructions: the free list of the
// cache's partial page. Objects are not cleared. Nothing here blocks.
//
// The debug build puts a guard behind each object, poisons what is free, and stops at a double
// free, a write past the end or a write after the free.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "lib/list.h"

struct slab_cache {
    const char *name;    // for panics
    uint32_t object_size; // bytes, rounded up to 8, at least 16
    struct list partial; // pages with at least one free object
    unsigned in_use;     // objects handed out
    unsigned capacity;   // objects in one page, once there has been one
    struct list link;    // on the list of the caches that have had a page (slab_reap)
};

// The initial value of `cache`, a variable: objects of `size` bytes, 1 … 2040.
#define SLAB_CACHE(cache, title, size)                                                        \
    {.name = (title), .object_size = (size) < 16 ? 16 : ((size) + 7) & ~7u,                   \
     .partial = {&(cache).partial, &(cache).partial}, .link = {&(cache).link, &(cache).link}}
// Returns NULL when memory is short.
void *slab_alloc(struct slab_cache *cache);
void slab_free(struct slab_cache *cache, void *object);

// Any size from 1 byte to 4 MiB, 8-byte aligned; NULL when memory is short. Sizes above 2040
// bytes take whole pages. kfree needs no size; kfree(NULL) does nothing.
void *kmalloc(size_t size);
void *kzalloc(size_t size); // cleared
void kfree(void *memory);
// Bytes handed out by kmalloc and the caches; for minato_host_counts and the leak checks.
size_t slab_bytes_in_use(void);
// Gives the pages back in which no object is in use.
void slab_reap(void);

#ifdef DEBUG
// What the audit (tests/audit/audit.c) finds out about an object in use.
struct slab_audit {
    const uint32_t *kept; // where the number of its holders is kept; NULL: it has one
    uint32_t found;       // holders that were found
    uint32_t maybe;       // words that may be such
    uintptr_t next;       // object to be searched
};
// Calls `page` for each page of each cache and `visit` for each object in use.
void slab_each(void (*page)(void *page),
               void (*visit)(const struct slab_cache *cache, void *object, struct slab_audit *audit));
// The object in use that `address`, in a page of a cache, points into; NULL: there is none.
struct slab_audit *slab_audit_of(const void *address, const struct slab_cache **cache, void **object);
#endif

// Provided by vm/page.c: 2^order contiguous, directly mapped pages; NULL when there are none.
void *slab_page_alloc(unsigned order);
void slab_page_free(void *pages, unsigned order);
// The order that these pages were allocated with.
unsigned slab_page_order(const void *pages);
