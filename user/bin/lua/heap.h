/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The memory of a Lua state: a region of its own, apart from the C library's. So a state's memory
 * goes at once when the state does, even if its thread was killed in the middle of an allocation;
 * a task made with inherited memory does not copy its parent's; and the address space looks the
 * same before and after a test, whatever the collector does.
 */
#ifndef LUA_HEAP_H
#define LUA_HEAP_H

#include <stddef.h>

struct heap;

/* A heap that can grow to `size` bytes; null if there is no room. Pages come as they are
 * touched. */
struct heap *heap_create(size_t size);
void heap_destroy(struct heap *heap);

/* Lua's allocation function: `heap` is a struct heap. */
void *heap_allocate(void *heap, void *block, size_t old_size, size_t new_size);

#endif
