/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The interactive prompt.
 */
#ifndef LUA_PROMPT_H
#define LUA_PROMPT_H

#include <lua.h>

/* Reads and runs what is typed at the console until ^D; returns the program's exit status. */
int prompt_run(lua_State *L);

#endif
