/* SPDX-License-Identifier: BSD-2-Clause
 *
 * coroutine.resume and coroutine.wrap of scripts. A hook belongs to one coroutine and is inherited
 * by those that it creates; so that a watch (watch.h) reaches a coroutine that was created before
 * it was set, the hook is set again whenever a coroutine is resumed. All else is Lua's own.
 */
#include "watch.h"

#include <lauxlib.h>
#include <lualib.h>

/* Upvalue 1: Lua's function. */
static int resume(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTHREAD);
    watch_hook_in(L, lua_tothread(L, 1));
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* What our wrap returns. Upvalue 1: what Lua's returned, whose upvalue 1 is the coroutine. */
static int wrapped(lua_State *L)
{
    lua_State *co = NULL;

    if (lua_getupvalue(L, lua_upvalueindex(1), 1) != NULL) {
        co = lua_tothread(L, -1);
        lua_pop(L, 1);
    }
    if (co != NULL)
        watch_hook_in(L, co);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* Upvalue 1: Lua's function. */
static int wrap(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    lua_pushcclosure(L, wrapped, 1);
    return 1;
}

/* Puts our function over that of the table at the stack's top. */
static void replace(lua_State *L, const char *name, lua_CFunction function)
{
    lua_getfield(L, -1, name);
    lua_pushcclosure(L, function, 1);
    lua_setfield(L, -2, name);
}

void coroutine_open(lua_State *L)
{
    lua_getglobal(L, LUA_COLIBNAME);
    replace(L, "resume", resume);
    replace(L, "wrap", wrap);
    lua_pop(L, 1);
}
