/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Opening a Lua state: heap, libraries, globals; and what all states of a program share: the mode,
 * the cached host port, the standard output. The modules themselves are in module.c, spawn.c and
 * test.c.
 */
#include "state.h"

#include "module.h"
#include "show.h"
#include "watch.h"

#include <cthreads.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum program_mode program_mode;
static mach_port_t host_port;

struct state *state_of(lua_State *L)
{
    return *(struct state **)lua_getextraspace(L);
}

struct state *state_of_thread(void)
{
    cthread_t self = cthread_self();

    return self != CTHREAD_NULL ? cthread_data(self) : NULL;
}

mach_port_t state_host(void)
{
    if (host_port == MACH_PORT_NULL)
        host_port = mach_host_self();
    return host_port;
}

void state_forget(void)
{
    host_port = MACH_PORT_NULL;
}

/* ---- output -------------------------------------------------------------------------------- */

void output_text(const char *text, size_t length)
{
    fwrite(text, 1, length, stdout);
}

void output_flush(void)
{
    fflush(stdout);
}

/* A line that a script prints; in a scenario a comment, line by line. */
static void output_line(const char *text, size_t length)
{
    const char *end = text + length;

    while (program_mode == MODE_SCENARIO && text <= end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t size = (size_t)((stop != NULL ? stop : end) - text);
        output_text("# ", 2);
        output_text(text, size);
        output_text("\n", 1);
        text += size + 1;
    }
    if (program_mode != MODE_SCENARIO) {
        output_text(text, length);
        output_text("\n", 1);
    }
    output_flush();
}

static int state_print(lua_State *L)
{
    int n = lua_gettop(L);
    luaL_Buffer line;
    size_t length;

    luaL_buffinit(L, &line);
    for (int i = 1; i <= n; i++) {
        if (i > 1)
            luaL_addchar(&line, '\t');
        luaL_tolstring(L, i, NULL);
        luaL_addvalue(&line);
    }
    luaL_pushresult(&line);
    const char *text = lua_tolstring(L, -1, &length);
    output_line(text, length);
    return 0;
}

/* ---- opening and closing ------------------------------------------------------------------- */

static int state_panic(lua_State *L)
{
    const char *text = lua_tostring(L, -1);

    fprintf(stderr, "lua: unprotected error: %s\n", text != NULL ? text : "not a string");
    fflush(NULL);
    abort();
}

/* os.exit in a spawned task must not end the task as if the whole run were over: it ends the
 * code. */
static int state_no_exit(lua_State *L)
{
    return luaL_error(L, "os.exit is for the main script: return from the code instead");
}

/* require finds modules in the boot archive, where user/lib/lua/NAME.lua is lua/NAME.lua; there are
 * none in C. */
static void set_module_path(lua_State *L)
{
    lua_getglobal(L, LUA_LOADLIBNAME);
    lua_pushliteral(L, "lua/?.lua");
    lua_setfield(L, -2, "path");
    lua_pushliteral(L, "");
    lua_setfield(L, -2, "cpath");
    lua_pop(L, 1);
}

static int open_all(lua_State *L)
{
    luaL_openlibs(L);
    set_module_path(L);
    coroutine_open(L);
    lua_pushcfunction(L, state_print);
    lua_setglobal(L, "print");
    luaL_requiref(L, "mach", module_mach, 1);
    luaL_requiref(L, "spawn", module_spawn, 1);
    luaL_requiref(L, "test", module_test, 1);
    lua_settop(L, 0);
    if (state_of(L)->role != ROLE_MAIN) {
        lua_getglobal(L, LUA_OSLIBNAME);
        lua_pushcfunction(L, state_no_exit);
        lua_setfield(L, -2, "exit");
    }
    return 0;
}

lua_State *state_open(enum state_role role, size_t heap_size)
{
    struct heap *heap = heap_create(heap_size);
    struct state *state = heap != NULL ? heap_allocate(heap, NULL, 0, sizeof(*state)) : NULL;

    if (state == NULL)
        return NULL;
    *state = (struct state){.heap = heap, .role = role, .thread = mach_thread_self()};
    cthread_set_data(cthread_self(), state);
    lua_State *L = lua_newstate(heap_allocate, heap);
    if (L != NULL) {
        *(struct state **)lua_getextraspace(L) = state;
        lua_atpanic(L, state_panic);
        lua_pushcfunction(L, open_all);
        if (lua_pcall(L, 0, 0, 0) == LUA_OK)
            return L;
    }
    cthread_set_data(cthread_self(), NULL);
    mach_port_deallocate(mach_task_self(), state->thread);
    heap_destroy(heap);
    return NULL;
}

void state_close(lua_State *L)
{
    struct state *state = state_of(L);
    struct heap *heap = state->heap;
    mach_port_t thread = state->thread;

    lua_close(L);
    cthread_set_data(cthread_self(), NULL);
    mach_port_deallocate(mach_task_self(), thread);
    heap_destroy(heap);
}

/* ---- for those who run code ---------------------------------------------------------------- */

void *state_buffer(lua_State *L, unsigned room)
{
    struct state *state = state_of(L);

    if (room > state->room)
        lua_newuserdatauv(L, (room + 4095) & ~4095u, 0);
    else
        lua_rawgetp(L, LUA_REGISTRYINDEX, state);
    state->room = 0;
    return lua_touserdata(L, -1);
}

void state_buffer_done(lua_State *L, int index)
{
    struct state *state = state_of(L);

    lua_pushvalue(L, index);
    lua_rawsetp(L, LUA_REGISTRYINDEX, state);
    state->room = (unsigned)lua_rawlen(L, index);
}

int state_traceback(lua_State *L)
{
    if (lua_type(L, 1) != LUA_TSTRING) {
        if (lua_isuserdata(L, 1)) /* one of our own marks */
            return 1;
        show_text(L, 1, NULL);
        lua_replace(L, 1);
    }
    if (strstr(lua_tostring(L, 1), "\nstack traceback:") == NULL)
        luaL_traceback(L, L, lua_tostring(L, 1), 1);
    return 1;
}

/* Collects what lua_dump writes. The buffer begins with the first piece: until then the function to
 * be dumped must be at the top of the stack. */
struct chunk {
    luaL_Buffer bytes;
    int begun;
};

static int write_chunk(lua_State *L, const void *bytes, size_t size, void *data)
{
    struct chunk *chunk = data;

    if (!chunk->begun)
        luaL_buffinit(L, &chunk->bytes);
    chunk->begun = 1;
    luaL_addlstring(&chunk->bytes, bytes, size);
    return 0;
}

/* The name of a local variable outside that the function at `index` uses; null if there is none. */
static const char *outside_local(lua_State *L, int index)
{
    const char *name;

    for (int i = 1; (name = lua_getupvalue(L, index, i)) != NULL; i++) {
        lua_pop(L, 1);
        if (strcmp(name, "_ENV") != 0)
            return name[0] != '\0' ? name : "?";
    }
    return NULL;
}

const char *state_code(lua_State *L, int index, const char *what, size_t *size)
{
    struct chunk chunk = {.begun = 0};

    if (lua_type(L, index) == LUA_TSTRING) {
        lua_pushvalue(L, index);
        return lua_tolstring(L, -1, size);
    }
    if (!lua_isfunction(L, index) || lua_iscfunction(L, index))
        luaL_error(L, "%s: the code must be a string or a Lua function, not a %s", what,
                   lua_iscfunction(L, index) ? "C function" : luaL_typename(L, index));
    const char *local = outside_local(L, index);
    if (local != NULL)
        luaL_error(L,
                   "%s: the function uses '%s', a local variable outside it; hand over values "
                   "in the next argument",
                   what, local);
    lua_pushvalue(L, index);
    int function = lua_gettop(L);
    lua_dump(L, write_chunk, &chunk, 0);
    luaL_pushresult(&chunk.bytes);
    lua_remove(L, function);
    return lua_tolstring(L, -1, size);
}
