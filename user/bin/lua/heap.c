/* SPDX-License-Identifier: BSD-2-Clause
 *
 * An allocator on one region of pages. A table says what each page is used for, so blocks need no
 * headers.
 *
 * A block of up to SMALL_MAX bytes lies in a page of blocks of one size; the page knows its free
 * blocks and how many are used, and goes back to the others when none is. A larger block is a run
 * of whole pages. Free pages are found by a search from the lowest one that may be free; runs that
 * are in use are skipped by their length. The table stands at the region's start.
 */
#include "heap.h"

#include <mach/mach.h>
#include <stdint.h>
#include <string.h>

#define PAGE 4096u
#define GRAIN 16u
#define SMALL_MAX 1024u
#define CLASSES (SMALL_MAX / GRAIN) /* class c: blocks of (c + 1) * GRAIN bytes */
#define NO_PAGE 0u                  /* page 0 is the heap's own */

enum page_use { PAGE_FREE, PAGE_BLOCKS, PAGE_RUN };

struct page {
    unsigned char use;
    unsigned char class;   /* PAGE_BLOCKS */
    unsigned short used;   /* PAGE_BLOCKS: blocks in use */
    unsigned next, before; /* PAGE_BLOCKS: pages of the class with a free block; NO_PAGE ends */
    union {
        void *free;     /* PAGE_BLOCKS: the first free block; each points to the next */
        unsigned count; /* PAGE_RUN: pages in the run; only valid in its first page */
    };
};

struct heap {
    unsigned pages;          /* of the region, the heap's own included */
    unsigned lowest;         /* no page below this one is free */
    unsigned first[CLASSES]; /* page of the class with a free block */
    struct page page[];
};

static char *address_of(struct heap *heap, unsigned page)
{
    return (char *)heap + (size_t)page * PAGE;
}

static unsigned page_of(struct heap *heap, const void *block)
{
    return (unsigned)(((const char *)block - (char *)heap) / PAGE);
}

static unsigned pages_for(size_t size)
{
    return (unsigned)((size + PAGE - 1) / PAGE);
}

struct heap *heap_create(size_t size)
{
    vm_address_t address = 0;

    if (vm_allocate(mach_task_self(), &address, (vm_size_t)size, TRUE) != KERN_SUCCESS)
        return NULL;
    /* A child task gets a heap of its own. */
    vm_inherit(mach_task_self(), address, (vm_size_t)size, VM_INHERIT_NONE);
    struct heap *heap = (struct heap *)(uintptr_t)address;
    heap->pages = (unsigned)(size / PAGE);
    heap->lowest = pages_for(sizeof(*heap) + heap->pages * sizeof(struct page));
    heap->page[0] = (struct page){.use = PAGE_RUN, .count = heap->lowest};
    return heap;
}

void heap_destroy(struct heap *heap)
{
    vm_deallocate(mach_task_self(), (vm_address_t)(uintptr_t)heap, heap->pages * PAGE);
}

/* ---- runs of pages ------------------------------------------------------------------------- */

/* Pages that are free from `page` on, at most `most`. */
static unsigned free_from(const struct heap *heap, unsigned page, unsigned most)
{
    unsigned count = 0;

    while (count < most && page + count < heap->pages && heap->page[page + count].use == PAGE_FREE)
        count++;
    return count;
}

/* The first page of a new run; NO_PAGE if there is no room. */
static unsigned run_allocate(struct heap *heap, unsigned count)
{
    unsigned page = heap->lowest, lowest = NO_PAGE;

    while (page < heap->pages) {
        unsigned found = free_from(heap, page, count);
        if (found > 0 && lowest == NO_PAGE)
            lowest = page;
        if (found == count)
            break;
        page += found;
        if (page < heap->pages)
            page += heap->page[page].use == PAGE_RUN ? heap->page[page].count : 1;
    }
    if (page >= heap->pages)
        return NO_PAGE;
    heap->lowest = lowest == page ? page + count : lowest;
    for (unsigned i = 0; i < count; i++)
        heap->page[page + i].use = PAGE_RUN;
    heap->page[page].count = count;
    return page;
}

static void run_free(struct heap *heap, unsigned page, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        heap->page[page + i].use = PAGE_FREE;
    if (page < heap->lowest)
        heap->lowest = page;
}

/* Changes the length of a run in place; 0 if what follows is not free. */
static int run_resize(struct heap *heap, unsigned page, unsigned old, unsigned new)
{
    if (new > old && free_from(heap, page + old, new - old) < new - old)
        return 0;
    for (unsigned i = old; i < new; i++)
        heap->page[page + i].use = PAGE_RUN;
    heap->page[page].count = new;
    if (heap->lowest >= page && heap->lowest < page + new)
        heap->lowest = page + new; /* it must not point into a run */
    if (new < old)
        run_free(heap, page + new, old - new);
    return 1;
}

/* ---- small blocks -------------------------------------------------------------------------- */

static unsigned class_of(size_t size)
{
    return (unsigned)((size + GRAIN - 1) / GRAIN) - 1;
}

/* The page joins or leaves the list of those of its class that have a free block. */
static void list_add(struct heap *heap, unsigned page)
{
    struct page *p = &heap->page[page];

    p->before = NO_PAGE;
    p->next = heap->first[p->class];
    if (p->next != NO_PAGE)
        heap->page[p->next].before = page;
    heap->first[p->class] = page;
}

static void list_remove(struct heap *heap, unsigned page)
{
    struct page *p = &heap->page[page];

    if (p->next != NO_PAGE)
        heap->page[p->next].before = p->before;
    if (p->before != NO_PAGE)
        heap->page[p->before].next = p->next;
    else
        heap->first[p->class] = p->next;
}

/* A page of blocks of that class, all free; NO_PAGE if there is no room. */
static unsigned blocks_page(struct heap *heap, unsigned class)
{
    unsigned page = run_allocate(heap, 1), size = (class + 1) * GRAIN;
    void *next = NULL;

    if (page == NO_PAGE)
        return NO_PAGE;
    for (unsigned i = PAGE / size; i-- > 0;) {
        void **block = (void **)(address_of(heap, page) + i * size);
        *block = next;
        next = block;
    }
    heap->page[page] =
        (struct page){.use = PAGE_BLOCKS, .class = (unsigned char)class, .free = next};
    list_add(heap, page);
    return page;
}

static void *small_allocate(struct heap *heap, unsigned class)
{
    unsigned page = heap->first[class] != NO_PAGE ? heap->first[class] : blocks_page(heap, class);
    struct page *p = &heap->page[page];

    if (page == NO_PAGE)
        return NULL;
    void **block = p->free;
    p->free = *block;
    p->used++;
    if (p->free == NULL)
        list_remove(heap, page);
    return block;
}

static void small_free(struct heap *heap, void *block)
{
    unsigned page = page_of(heap, block);
    struct page *p = &heap->page[page];

    if (p->free == NULL)
        list_add(heap, page);
    *(void **)block = p->free;
    p->free = block;
    if (--p->used == 0) {
        list_remove(heap, page);
        run_free(heap, page, 1);
    }
}

/* ---- blocks of any size -------------------------------------------------------------------- */

static void *allocate(struct heap *heap, size_t size)
{
    if (size <= SMALL_MAX)
        return small_allocate(heap, class_of(size));
    if (size / PAGE >= heap->pages)
        return NULL;
    unsigned page = run_allocate(heap, pages_for(size));
    return page != NO_PAGE ? address_of(heap, page) : NULL;
}

static int is_run(struct heap *heap, const void *block)
{
    return heap->page[page_of(heap, block)].use == PAGE_RUN;
}

static void release(struct heap *heap, void *block)
{
    unsigned page = page_of(heap, block);

    if (is_run(heap, block))
        run_free(heap, page, heap->page[page].count);
    else
        small_free(heap, block);
}

/* Whether the block can have its new size where it is. */
static int resize(struct heap *heap, void *block, size_t size)
{
    unsigned page = page_of(heap, block);

    if (!is_run(heap, block))
        return size <= SMALL_MAX && class_of(size) == heap->page[page].class;
    return size > SMALL_MAX && size / PAGE < heap->pages &&
           run_resize(heap, page, heap->page[page].count, pages_for(size));
}

void *heap_allocate(void *owner, void *block, size_t old_size, size_t new_size)
{
    struct heap *heap = owner;

    if (block == NULL)
        return new_size == 0 ? NULL : allocate(heap, new_size);
    if (new_size == 0) {
        release(heap, block);
        return NULL;
    }
    if (resize(heap, block, new_size))
        return block;
    void *moved = allocate(heap, new_size);
    if (moved == NULL)
        return new_size < old_size ? block : NULL; /* Lua relies on shrinking */
    memcpy(moved, block, old_size < new_size ? old_size : new_size);
    release(heap, block);
    return moved;
}
