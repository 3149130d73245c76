/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Values for people: as text, for the prompt and for the diagnostics of tests, and compared.
 */
#ifndef LUA_SHOW_H
#define LUA_SHOW_H

#include <lua.h>

enum show_lines {
    SHOW_ONE_LINE,
    SHOW_LINES /* a table that is too wide for one line takes several */
};

/* Pushes a text that shows the value at `index`, tables with what is in them, keys in order. It is
 * cut off at some thousand characters. Calls no metamethod but __name and __tostring of
 * userdata. */
const char *show_value(lua_State *L, int index, enum show_lines lines);

/* Pushes the value at `index` as print writes it, but a table, unless it has __tostring, with what
 * is in it. */
const char *show_text(lua_State *L, int index, size_t *length);

/* Where two values differ: a path like ".ports[1]", empty for the values themselves. */
struct difference {
    char path[96];
};

/* Whether two values are equal, tables by what is in them. A boolean equals the integer that it is
 * to the kernel (true 1, false 0): what a call gives as one may be wanted as the other. Otherwise
 * *difference says where the first difference is (of keys in no particular order). */
int deep_equal(lua_State *L, int a, int b, struct difference *difference);

#endif
