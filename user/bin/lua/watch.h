/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Ending what a script does from outside: t.within() when its time is over, ^C at the prompt. While
 * a watch is set on a state, another thread may call watch_interrupt(): then the watched thread
 * leaves what it waits for, and gets a Lua error.
 */
#ifndef LUA_WATCH_H
#define LUA_WATCH_H

#include <lua.h>
#include <mach/mach.h>

struct watch {
    struct watch *outer;  /* that was set before; null if none */
    mach_port_t thread;   /* that is watched */
    const char *words;    /* of the error */
    volatile int expired; /* somebody has interrupted it */
};

/* Sets a watch on the state and its thread, inside those there are, and takes it away. */
void watch_enter(lua_State *L, struct watch *watch, const char *words);
void watch_leave(lua_State *L, struct watch *watch);
/* From another thread: ends what the watched thread waits for, or else its Lua code. */
void watch_interrupt(struct watch *watch);

/* A coroutine is about to run: sets the hook in it if a watch is set. Called by coroutine.c. */
void watch_hook_in(lua_State *L, lua_State *co);
/* Makes coroutine.resume and coroutine.wrap do that. */
void coroutine_open(lua_State *L);

/* mach_msg() of this program: an interrupted half is not repeated when a watch has expired. */
mach_msg_return_t __wrap_mach_msg(mach_msg_header_t *msg, mach_msg_option_t option,
                                  mach_msg_size_t send_size, mach_msg_size_t rcv_size,
                                  mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
                                  mach_port_name_t notify);

/* Whether a watch on this state has expired. */
int watch_expired(lua_State *L);
/* Before and after a call that may wait: an error if a watch has expired, else `results`. */
int watch_finish(lua_State *L, int results);

#endif
