/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The three modules that every state has, as functions for luaL_requiref.
 */
#ifndef LUA_MODULE_H
#define LUA_MODULE_H

#include <lua.h>

int module_mach(lua_State *L);  /* module.c */
int module_spawn(lua_State *L); /* spawn.c */
int module_test(lua_State *L);  /* test.c */

#endif
