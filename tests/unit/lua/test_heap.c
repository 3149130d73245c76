/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Random allocations from a heap of user/bin/lua/heap.c, each filled with a pattern that must still
 * be there when it is freed; and a Lua state on it until there is no memory left.
 */
#include "heap.h"
#include "tap.h"

#include <lauxlib.h>
#include <lualib.h>
#include <mach/mach.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define SIZE (8u << 20)
#define BLOCKS 500

/* The kernel's part. Its addresses have 32 bits. */
mach_port_t mach_task_self_;
static unsigned mapped;

kern_return_t vm_allocate(vm_task_t task, vm_address_t *address, vm_size_t size, boolean_t anywhere)
{
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

    (void)task, (void)anywhere;
    if (memory == MAP_FAILED)
        return KERN_NO_SPACE;
    *address = (vm_address_t)(uintptr_t)memory;
    mapped += size;
    return KERN_SUCCESS;
}

kern_return_t vm_deallocate(vm_task_t task, vm_address_t address, vm_size_t size)
{
    (void)task;
    mapped -= size;
    return munmap((void *)(uintptr_t)address, size) == 0 ? KERN_SUCCESS : KERN_FAILURE;
}

kern_return_t vm_inherit(vm_task_t task, vm_address_t address, vm_size_t size,
                         vm_inherit_t inheritance)
{
    (void)task, (void)address, (void)size, (void)inheritance;
    return KERN_SUCCESS;
}

static struct block {
    unsigned char *memory;
    size_t size;
} blocks[BLOCKS];

static size_t random_size(void)
{
    return 1 + (size_t)rand() % (rand() % 10 == 0 ? 20000 : 600);
}

static int has_pattern(const struct block *block, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (block->memory[i] != (unsigned char)(block->size + (size_t)(block - blocks)))
            return 0;
    return 1;
}

static void fill(struct block *block, size_t size)
{
    block->size = size;
    memset(block->memory, (unsigned char)(size + (size_t)(block - blocks)), size);
}

/* One random step with one block: made, resized or freed. */
static int step(struct heap *heap, struct block *block)
{
    size_t size = random_size(), kept = size < block->size ? size : block->size;
    int good = block->memory == NULL || has_pattern(block, block->size);

    if (block->memory != NULL && rand() % 2) {
        heap_allocate(heap, block->memory, block->size, 0);
        *block = (struct block){0};
        return good;
    }
    unsigned char *memory = heap_allocate(heap, block->memory, block->size, size);
    if (memory == NULL)
        return 0;
    block->memory = memory;
    good &= (uintptr_t)memory % 8 == 0 && has_pattern(block, kept);
    fill(block, size);
    return good;
}

static void test_random(void)
{
    struct heap *heap = heap_create(SIZE);
    int good = 1;

    srand(1);
    for (int i = 0; i < 200000; i++)
        good &= step(heap, &blocks[rand() % BLOCKS]);
    ok(good, "200000 random steps: contents stay, memory is aligned and used again");
    heap_destroy(heap);
    ok(mapped == 0, "a heap that is destroyed leaves nothing");
}

static void test_limits(void)
{
    struct heap *heap = heap_create(SIZE);

    ok(heap_allocate(heap, NULL, 0, SIZE) == NULL, "more than there is: null");
    ok(heap_allocate(heap, NULL, 0, (size_t)-1) == NULL, "much more than there is: null");
    ok(heap_allocate(heap, NULL, 0, 0) == NULL, "nothing: null");
    char *block = heap_allocate(heap, NULL, 0, SIZE / 2);
    ok(block != NULL, "half of it");
    ok(heap_allocate(heap, block, SIZE / 2, SIZE) == NULL, "growing beyond the end: null");
    char *rest = NULL;
    for (size_t size = SIZE; size > 0; size /= 2)
        while ((rest = heap_allocate(heap, NULL, 0, size)) != NULL)
            continue;
    block = heap_allocate(heap, block, SIZE / 2, 5000);
    ok(block != NULL && heap_allocate(heap, NULL, 0, SIZE / 4) != NULL, "shrinking frees the rest");
    while (heap_allocate(heap, NULL, 0, 4096) != NULL)
        continue;
    ok(heap_allocate(heap, block, 5000, 24) != NULL, "and never fails");
    heap_destroy(heap);
}

/* Fills the memory: an error, and the state lives. */
static void test_lua(void)
{
    struct heap *heap = heap_create(SIZE);
    lua_State *L = lua_newstate(heap_allocate, heap);

    luaL_openlibs(L);
    luaL_loadstring(L, "local t = {} for i = 1, 1 << 30 do t[i] = {i} end");
    ok(lua_pcall(L, 0, 0, 0) == LUA_ERRMEM, "a script that wants too much gets an error");
    lua_settop(L, 0);
    lua_gc(L, LUA_GCCOLLECT);
    luaL_loadstring(L, "local t = {} for i = 1, 5000 do t[i] = ('x'):rep(i % 300) end "
                       "return #table.concat(t)");
    ok(lua_pcall(L, 0, 1, 0) == LUA_OK && lua_tointeger(L, -1) == 737700,
       "and after it there is memory again");
    lua_close(L);
    heap_destroy(heap);
}

int main(void)
{
    test_random();
    test_limits();
    test_lua();
    return tap_end();
}
