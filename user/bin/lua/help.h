/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The global function `help`.
 */
#ifndef LUA_HELP_H
#define LUA_HELP_H

#include <lua.h>

void help_open(lua_State *L);

#endif
