/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Showing values. The text grows in a buffer of fixed size, so that nothing here can run away: what
 * does not fit is cut off. A table is first written on one line; when that is too wide and lines
 * may be broken, the writing position goes back and it is written again with one entry per line.
 */
#include "show.h"

#include <ctype.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 8000
#define STRING_MAX 400 /* of one string, as shown */
#define DEPTH_MAX 8
#define WIDTH 76

struct shower {
    lua_State *L;
    enum show_lines lines;
    int depth;
    const void *tables[DEPTH_MAX]; /* that we are in */
    size_t used;
    char *text; /* TEXT_MAX bytes, and room for "…" */
};

static void show(struct shower *s, int index);

static int is_full(const struct shower *s)
{
    return s->used >= TEXT_MAX;
}

__attribute__((format(printf, 2, 3))) static void add(struct shower *s, const char *format, ...)
{
    va_list args;

    if (is_full(s))
        return;
    va_start(args, format);
    int length = vsnprintf(s->text + s->used, TEXT_MAX - s->used, format, args);
    va_end(args);
    s->used += (size_t)length;
    if (s->used >= TEXT_MAX)
        s->used = TEXT_MAX;
}

static void show_string(struct shower *s, int index)
{
    size_t length;
    const char *bytes = lua_tolstring(s->L, index, &length);
    size_t shown = length > STRING_MAX ? STRING_MAX : length;

    add(s, "\"");
    for (size_t i = 0; i < shown; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c == '"' || c == '\\')
            add(s, "\\%c", c);
        else if (c == '\n')
            add(s, "\\n");
        else if (isprint(c))
            add(s, "%c", c);
        else
            add(s, "\\x%02x", c);
    }
    add(s, "\"");
    if (shown < length)
        add(s, "... (%u bytes)", (unsigned)length);
}

static int is_identifier(const char *name, size_t length)
{
    if (length == 0 || isdigit((unsigned char)name[0]))
        return 0;
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '_')
            return 0;
    return 1;
}

static void show_key(struct shower *s, int index)
{
    size_t length;

    if (lua_type(s->L, index) == LUA_TSTRING) {
        const char *name = lua_tolstring(s->L, index, &length);
        if (is_identifier(name, length)) {
            add(s, "%s = ", name);
            return;
        }
    }
    add(s, "[");
    show(s, index);
    add(s, "] = ");
}

/* ---- the keys of a table, in order --------------------------------------------------------- */

static int rank(lua_State *L, int index)
{
    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
        return 0;
    case LUA_TSTRING:
        return 1;
    default:
        return 2;
    }
}

static int key_less(lua_State *L)
{
    int a = rank(L, 1), b = rank(L, 2);
    int less = a != b   ? a < b
               : a == 2 ? lua_topointer(L, 1) < lua_topointer(L, 2)
                        : lua_compare(L, 1, 2, LUA_OPLT);

    lua_pushboolean(L, less);
    return 1;
}

/* Pushes the list of the keys that are not in the sequence 1 .. length. */
static void push_keys(lua_State *L, int table, lua_Integer length)
{
    lua_Integer n = 0;

    lua_newtable(L);
    int keys = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1)) {
        if (lua_isinteger(L, -2) && lua_tointeger(L, -2) >= 1 && lua_tointeger(L, -2) <= length)
            continue;
        lua_pushvalue(L, -2);
        lua_rawseti(L, keys, ++n);
    }
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, LUA_TABLIBNAME);
    lua_getfield(L, -1, "sort");
    lua_pushvalue(L, keys);
    lua_pushcfunction(L, key_less);
    lua_call(L, 2, 0);
    lua_settop(L, keys);
}

/* ---- tables -------------------------------------------------------------------------------- */

/* What stands before an entry. */
static void separate(struct shower *s, int *count, int broken)
{
    if ((*count)++ > 0)
        add(s, broken ? "," : ", ");
    if (broken)
        add(s, "\n%*s", 2 * s->depth, "");
}

/* The entries; `keys` is where the list of push_keys is. */
static void show_entries(struct shower *s, int table, int keys, lua_Integer length, int broken)
{
    lua_State *L = s->L;
    int count = 0;

    for (lua_Integer i = 1; i <= length && !is_full(s); i++) {
        separate(s, &count, broken);
        lua_rawgeti(L, table, i);
        show(s, lua_gettop(L));
        lua_pop(L, 1);
    }
    for (lua_Integer i = 1; lua_rawgeti(L, keys, i) != LUA_TNIL && !is_full(s); i++) {
        separate(s, &count, broken);
        show_key(s, lua_gettop(L));
        lua_rawget(L, table);
        show(s, lua_gettop(L));
        lua_pop(L, 1);
    }
    lua_settop(L, keys);
}

static int is_inside(const struct shower *s, const void *table)
{
    for (int i = 0; i < s->depth; i++)
        if (s->tables[i] == table)
            return 1;
    return 0;
}

static void show_table(struct shower *s, int table)
{
    lua_State *L = s->L;
    lua_Integer length = (lua_Integer)lua_rawlen(L, table);
    size_t start = s->used;

    if (is_inside(s, lua_topointer(L, table)) || s->depth == DEPTH_MAX) {
        add(s, s->depth == DEPTH_MAX ? "{...}" : "<itself>");
        return;
    }
    luaL_checkstack(L, 10, "showing a table");
    s->tables[s->depth++] = lua_topointer(L, table);
    push_keys(L, table, length);
    add(s, "{");
    show_entries(s, table, lua_gettop(L), length, 0);
    add(s, "}");
    if (s->lines == SHOW_LINES && s->used - start + 2u * (unsigned)s->depth > WIDTH) {
        s->used = start;
        add(s, "{");
        show_entries(s, table, lua_gettop(L), length, 1);
        add(s, "\n%*s}", 2 * (s->depth - 1), "");
    }
    lua_pop(L, 1);
    s->depth--;
}

static void show(struct shower *s, int index)
{
    lua_State *L = s->L;

    switch (lua_type(L, index)) {
    case LUA_TSTRING:
        show_string(s, index);
        return;
    case LUA_TTABLE:
        show_table(s, index);
        return;
    case LUA_TNIL:
    case LUA_TBOOLEAN:
    case LUA_TNUMBER:
    case LUA_TUSERDATA:
        add(s, "%s", luaL_tolstring(L, index, NULL));
        lua_pop(L, 1);
        return;
    default:
        add(s, "<%s>", luaL_typename(L, index));
    }
}

const char *show_value(lua_State *L, int index, enum show_lines lines)
{
    struct shower s = {.L = L, .lines = lines};
    int value = lua_absindex(L, index);

    luaL_checkstack(L, 10, "showing a value");
    s.text = lua_newuserdatauv(L, TEXT_MAX + 8, 0);
    int box = lua_gettop(L);
    show(&s, value);
    if (is_full(&s)) {
        s.used = TEXT_MAX - 1;
        s.used += (size_t)sprintf(s.text + s.used, " ...");
    }
    const char *text = lua_pushlstring(L, s.text, s.used);
    lua_replace(L, box);
    return text;
}

const char *show_text(lua_State *L, int index, size_t *length)
{
    int value = lua_absindex(L, index);

    if (!lua_istable(L, value) || luaL_getmetafield(L, value, "__tostring") != LUA_TNIL)
        return luaL_tolstring(L, value, length);
    show_value(L, value, SHOW_LINES);
    return lua_tolstring(L, -1, length);
}
