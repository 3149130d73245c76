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

static struct watch *expired_watch(const struct state *state)
{
    for (struct watch *watch = state->watch; watch != NULL; watch = watch->outer)
        if (watch->expired)
            return watch;
    return NULL;
}

int watch_expired(lua_State *L)
{
    return expired_watch(state_of(L)) != NULL;
}

int watch_finish(lua_State *L, int results)
{
    struct watch *watch = expired_watch(state_of(L));

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

void watch_hook_in(lua_State *L, lua_State *co)
{
    if (state_of(L)->watch != NULL && lua_gethook(co) == NULL)
        lua_sethook(co, watch_hook, LUA_MASKCOUNT, HOOK_EVERY);
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

/* ---- the library's mach_msg() ---------------------------------------------------------------- */

/* What to do after an interrupted half: repeat it, unless the caller wants to know, or a watch on
 * this thread has expired. */
static int half_to_repeat(mach_msg_return_t kr, mach_msg_option_t *option)
{
    struct state *state = state_of_thread();

    if (state != NULL && expired_watch(state) != NULL)
        return 0;
    if (kr == MACH_RCV_INTERRUPTED && !(*option & MACH_RCV_INTERRUPT)) {
        *option &= ~MACH_SEND_MSG;
        return 1;
    }
    return kr == MACH_SEND_INTERRUPTED && !(*option & MACH_SEND_INTERRUPT);
}

/* In this program it takes the place of libmach's (tools/lua.mk), so that a call that waits for a
 * server's reply can be ended too. */
mach_msg_return_t __wrap_mach_msg(mach_msg_header_t *msg, mach_msg_option_t option,
                                  mach_msg_size_t send_size, mach_msg_size_t rcv_size,
                                  mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
                                  mach_port_name_t notify)
{
    mach_msg_return_t kr;

    do
        kr = mach_msg_trap(msg, option, send_size, rcv_size, rcv_name, timeout, notify);
    while (half_to_repeat(kr, &option));
    return kr;
}
