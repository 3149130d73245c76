/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The module `spawn` and its objects: fields, :wait(ms), what happens when the collector takes one.
 * The two kinds are in spawn_task.c and spawn_thread.c.
 */
#include "spawn.h"

#include "arg.h"
#include "module.h"
#include "state.h"
#include "watch.h"

#include <stdlib.h>
#include <string.h>

#define METATABLE "spawned"
#define ANSWER 1 /* user value */

/* Objects with a port of the module's own. Threads of this program all have their objects here. */
static struct mutex owners_lock = MUTEX_INITIALIZER;
static struct spawned *owners;

void spawned_own_port(struct spawned *spawned, mach_port_t port)
{
    mutex_lock(&owners_lock);
    spawned->result = port;
    spawned->next = owners;
    owners = spawned;
    mutex_unlock(&owners_lock);
}

void spawned_disown_port(struct spawned *spawned)
{
    mutex_lock(&owners_lock);
    for (struct spawned **at = &owners; *at != NULL; at = &(*at)->next)
        if (*at == spawned) {
            *at = spawned->next;
            break;
        }
    mutex_unlock(&owners_lock);
}

int spawned_is_own_port(mach_port_t name)
{
    int found = 0;

    mutex_lock(&owners_lock);
    for (struct spawned *at = owners; at != NULL && !found; at = at->next)
        found = at->result == name;
    mutex_unlock(&owners_lock);
    return found;
}

/* A child task has a copy of the list, of objects that are not its own. */
void spawned_forget(void)
{
    mutex_init(&owners_lock);
    owners = NULL;
}

/* ---- objects ------------------------------------------------------------------------------- */

struct spawned *spawned_new(lua_State *L, enum spawned_kind kind)
{
    struct spawned *spawned = lua_newuserdatauv(L, sizeof(*spawned), 2);

    memset(spawned, 0, sizeof(*spawned));
    spawned->kind = kind;
    luaL_setmetatable(L, METATABLE);
    return spawned;
}

/* How long to wait: argument 2 in milliseconds, or for ever. */
static struct deadline wait_limit(lua_State *L)
{
    static const struct call call = {"wait", {"object", "ms"}};

    if (lua_isnoneornil(L, 2))
        return (struct deadline){.forever = 1};
    return deadline_in(arg_unsigned(L, &call, 2));
}

/* Keeps the values at the stack's top as the answer for good. */
static void keep_answer(lua_State *L, struct spawned *spawned, int object)
{
    spawned->ended = 1;
    lua_createtable(L, 2, 0);
    for (int i = 1; i <= 2; i++) {
        lua_pushvalue(L, -4 + i);
        lua_rawseti(L, -2, i);
    }
    lua_setiuservalue(L, object, ANSWER);
}

static int spawned_wait(lua_State *L)
{
    struct spawned *spawned = luaL_checkudata(L, 1, METATABLE);
    struct deadline deadline = wait_limit(L);

    if (spawned->ended) {
        lua_getiuservalue(L, 1, ANSWER);
        lua_rawgeti(L, -1, 1);
        lua_rawgeti(L, -2, 2);
        return 2;
    }
    lua_settop(L, 1);
    int results = spawned->kind == SPAWNED_TASK ? spawned_wait_task(L, spawned, &deadline)
                                                : spawned_wait_thread(L, spawned, &deadline);
    if (results != 0) {
        keep_answer(L, spawned, 1);
        return watch_finish(L, results);
    }
    lua_pushnil(L);
    lua_pushliteral(L, "timeout");
    return watch_finish(L, 2);
}

static int spawned_index(lua_State *L)
{
    struct spawned *spawned = luaL_checkudata(L, 1, METATABLE);
    const char *name = luaL_checkstring(L, 2);

    if (strcmp(name, "wait") == 0)
        lua_pushcfunction(L, spawned_wait);
    else if (strcmp(name, spawned->kind == SPAWNED_TASK ? "task" : "thread") == 0)
        push_unsigned(L, spawned->name);
    else
        lua_pushnil(L);
    return 1;
}

static int spawned_gc(lua_State *L)
{
    struct spawned *spawned = luaL_checkudata(L, 1, METATABLE);

    if (spawned->ended)
        return 0;
    spawned->ended = 1;
    if (spawned->kind == SPAWNED_TASK)
        spawned_drop_task(spawned);
    else
        spawned_drop_thread(spawned);
    return 0;
}

static int spawned_tostring(lua_State *L)
{
    struct spawned *spawned = luaL_checkudata(L, 1, METATABLE);
    char name[16];

    snprintf(name, sizeof(name), "0x%x", spawned->name);
    lua_pushfstring(L, "spawned %s %s", spawned->kind == SPAWNED_TASK ? "task" : "thread", name);
    return 1;
}

int module_spawn(lua_State *L)
{
    static const luaL_Reg methods[] = {{"__index", spawned_index},
                                       {"__gc", spawned_gc},
                                       {"__tostring", spawned_tostring},
                                       {NULL, NULL}};
    static const luaL_Reg functions[] = {
        {"task", spawn_task}, {"thread", spawn_thread}, {"run", spawn_run}, {NULL, NULL}};

    luaL_newmetatable(L, METATABLE);
    luaL_setfuncs(L, methods, 0);
    luaL_newlib(L, functions);
    return 1;
}
