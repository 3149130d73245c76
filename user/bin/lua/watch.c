/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Watches: how Lua code is interrupted. A call that waits is ended by thread_abort(); its binding
 * raises the error (watch_finish) when it returns, and before it would wait again. Lua code is
 * ended by a hook that looks at the flag every thousand instructions. A pcall in the script does
 * not help it: once the watch has expired the hook fires at every instruction, so at the first one
 * after the pcall, until the watch is left.
 */
#include "watch.h"

#include "state.h"

#define HOOK_EVERY 1000 /* Lua instructions */

static struct watch *expired_watch(lua_State *L)
{
    for (struct watch *watch = state_of(L)->watch; watch != NULL; watch = watch->outer)
        if (watch->expired)
            return watch;
    return NULL;
}

int watch_expired(lua_State *L)
{
    return expired_watch(L) != NULL;
}

int watch_finish(lua_State *L, int results)
{
    struct watch *watch = expired_watch(L);

    if (watch != NULL)
        luaL_error(L, "%s", watch->words);
    return results;
}

static void watch_hook(lua_State *L, lua_Debug *record)
{
    (void)record;
    if (watch_expired(L)) {
        lua_sethook(L, watch_hook, LUA_MASKCOUNT, 1);
        watch_finish(L, 0);
    }
}

void watch_enter(lua_State *L, struct watch *watch, const char *words)
{
    *watch = (struct watch){state_of(L)->watch, state_of(L)->thread, words, 0};
    state_of(L)->watch = watch;
    lua_sethook(L, watch_hook, LUA_MASKCOUNT, HOOK_EVERY);
}

void watch_leave(lua_State *L, struct watch *watch)
{
    state_of(L)->watch = watch->outer;
    if (watch->outer == NULL)
        lua_sethook(L, NULL, 0, 0);
    else
        lua_sethook(L, watch_hook, LUA_MASKCOUNT, HOOK_EVERY);
}

void watch_interrupt(struct watch *watch)
{
    watch->expired = 1;
    thread_abort(watch->thread);
}
