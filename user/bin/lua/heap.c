/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A simple allocator on one region. Lua says how large a block was when it frees it, so blocks need
 * no headers. Sizes are rounded up to a class: multiples of 16 up to 512 bytes, then four classes
 * between one power of two and the next. A freed block goes to the list of its class; a new one
 * comes from there, or from the untouched end of the region. Blocks are never merged: Lua's sizes
 * repeat, and the region is larger than any script needs.
 */
#include "heap.h"

#include <mach/mach.h>
#include <stdint.h>
#include <string.h>

#define GRAIN 16
#define SMALL_MAX 512
#define SMALL_CLASSES (SMALL_MAX / GRAIN) /* classes 0 .. 31: 16, 32, … 512 */
#define STEPS 4                           /* classes per power of two above that */
#define CLASSES (SMALL_CLASSES + STEPS * 20)

struct free_block {
    struct free_block *next;
};

struct heap {
    struct free_block *free[CLASSES];
    char *next; /* untouched from here */
    char *end;
};

/* The class of a block, and in *rounded its size. A large class may lie beyond CLASSES. */
static unsigned class_of(size_t size, size_t *rounded)
{
    if (size <= SMALL_MAX) {
        unsigned class = (unsigned)((size + GRAIN - 1) / GRAIN);
        *rounded = class * GRAIN;
        return class - 1;
    }
    size_t power = SMALL_MAX;
    unsigned class = SMALL_CLASSES;
    while (power * 2 < size) {
        power *= 2;
        class += STEPS;
    }
    size_t step = power / STEPS;
    size_t steps = (size - power + step - 1) / step; /* 1 .. STEPS */
    *rounded = power + steps * step;
    return class + (unsigned)steps - 1;
}

struct heap *heap_create(size_t size)
{
    vm_address_t address = 0;

    if (vm_allocate(mach_task_self(), &address, (vm_size_t)size, TRUE) != KERN_SUCCESS)
        return NULL;
    /* A child task gets a heap of its own. */
    vm_inherit(mach_task_self(), address, (vm_size_t)size, VM_INHERIT_NONE);
    struct heap *heap = (struct heap *)(uintptr_t)address;
    heap->next = (char *)heap + (sizeof(*heap) + GRAIN - 1) / GRAIN * GRAIN;
    heap->end = (char *)heap + size;
    return heap;
}

void heap_destroy(struct heap *heap)
{
    vm_deallocate(mach_task_self(), (vm_address_t)(uintptr_t)heap,
                  (vm_size_t)(heap->end - (char *)heap));
}

static void *allocate(struct heap *heap, size_t size)
{
    size_t rounded;

    if (size > (size_t)(heap->end - (char *)heap))
        return NULL;
    unsigned class = class_of(size, &rounded);
    struct free_block *block = class < CLASSES ? heap->free[class] : NULL;
    if (block != NULL) {
        heap->free[class] = block->next;
        return block;
    }
    if (rounded > (size_t)(heap->end - heap->next))
        return NULL;
    heap->next += rounded;
    return heap->next - rounded;
}

static void release(struct heap *heap, void *memory, size_t size)
{
    size_t rounded;
    unsigned class = class_of(size, &rounded);
    struct free_block *block = memory;

    if ((char *)memory + rounded == heap->next) { /* the last one cut off: give it back */
        heap->next = memory;
        return;
    }
    if (class >= CLASSES)
        return;
    block->next = heap->free[class];
    heap->free[class] = block;
}

void *heap_allocate(void *owner, void *block, size_t old_size, size_t new_size)
{
    struct heap *heap = owner;
    size_t old_rounded, new_rounded;

    if (block == NULL)
        return new_size == 0 ? NULL : allocate(heap, new_size);
    if (new_size == 0) {
        release(heap, block, old_size);
        return NULL;
    }
    if (class_of(old_size, &old_rounded) == class_of(new_size, &new_rounded))
        return block;
    void *moved = allocate(heap, new_size);
    if (moved == NULL)
        return new_size < old_size ? block : NULL; /* Lua relies on shrinking */
    memcpy(moved, block, old_size < new_size ? old_size : new_size);
    release(heap, block, old_size);
    return moved;
}
