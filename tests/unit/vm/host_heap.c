// SPDX-License-Identifier: BSD-2-Clause
// The slab allocator's calls (lib/slab.h) on the computer's own heap, each object by itself: so that
// AddressSanitizer sees what is used after it was freed, or beyond its end.
#include "lib/slab.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static size_t bytes;

static void *take(size_t size)
{
    void *memory = malloc(size);

    if (memory != NULL)
        bytes += malloc_usable_size(memory);
    return memory;
}

static void give(void *memory)
{
    if (memory != NULL)
        bytes -= malloc_usable_size(memory);
    free(memory);
}

void *slab_alloc(struct slab_cache *cache)
{
    void *object = take(cache->object_size);

    if (object != NULL)
        cache->in_use++;
    return object;
}

void slab_free(struct slab_cache *cache, void *object)
{
    cache->in_use--;
    give(object);
}

void *kmalloc(size_t size)
{
    return take(size);
}

void *kzalloc(size_t size)
{
    void *memory = take(size);

    return memory == NULL ? NULL : memset(memory, 0, size);
}

void kfree(void *memory)
{
    give(memory);
}

size_t slab_bytes_in_use(void)
{
    return bytes;
}

void slab_reap(void)
{
}
