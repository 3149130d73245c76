/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Completion of Lua names at the prompt.
 */
#ifndef LUA_COMPLETE_H
#define LUA_COMPLETE_H

#include "edit.h"

#include <lua.h>

/* Fills in what the name before the cursor could be. */
void complete_name(lua_State *L, const char *line, size_t cursor, struct completions *found);

#endif
