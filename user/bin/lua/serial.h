/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Values on their way between Lua states: nil, booleans, numbers, strings and tables of these, as a
 * string of bytes that means the same in any task on this machine.
 */
#ifndef LUA_SERIAL_H
#define LUA_SERIAL_H

#include <lua.h>

/* Pushes the value at `index` as a string. A Lua error if it cannot travel: a function, userdata or
 * coroutine, or a table that contains itself; `what` begins the sentence and names the value. */
void serial_pack(lua_State *L, int index, const char *what);

/* Pushes the value that the bytes mean; or nothing, and 0 is returned, if they mean none. */
int serial_unpack(lua_State *L, const char *bytes, size_t size);

#endif
