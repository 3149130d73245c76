/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Packing Lua values. One letter says what follows:
 *
 *   n nil   t true   f false   i integer (8 bytes)   d float (8 bytes)
 *   s string: length (4 bytes), bytes     { key value key value … }
 *
 * Packing walks the value twice: first to find what is wrong with it and how long it will be, then
 * to write into memory of that size, when nothing can fail any more. Both use the same walk; a
 * writer without memory only counts.
 */
#include "serial.h"

#include <lauxlib.h>
#include <string.h>

#define DEPTH_MAX 100 /* tables in tables; a cycle is found at the latest here */

struct writer {
    lua_State *L;
    const char *what;
    char *out; /* null: count only */
    size_t used;
    int depth;
    const void *tables[DEPTH_MAX]; /* the tables we are in, outermost first */
};

static void pack_value(struct writer *w, int index);

static void put(struct writer *w, const void *data, size_t size)
{
    if (w->out != NULL)
        memcpy(w->out + w->used, data, size);
    w->used += size;
}

static void put_letter(struct writer *w, char letter)
{
    put(w, &letter, 1);
}

static void pack_number(struct writer *w, int index)
{
    if (lua_isinteger(w->L, index)) {
        lua_Integer value = lua_tointeger(w->L, index);
        put_letter(w, 'i');
        put(w, &value, sizeof(value));
    } else {
        lua_Number value = lua_tonumber(w->L, index);
        put_letter(w, 'd');
        put(w, &value, sizeof(value));
    }
}

static void pack_string(struct writer *w, int index)
{
    size_t length;
    const char *bytes = lua_tolstring(w->L, index, &length);
    unsigned size = (unsigned)length;

    put_letter(w, 's');
    put(w, &size, sizeof(size));
    put(w, bytes, length);
}

static void enter_table(struct writer *w, const void *table)
{
    for (int i = 0; i < w->depth; i++)
        if (w->tables[i] == table)
            luaL_error(w->L, "%s: a table that contains itself cannot be handed over", w->what);
    if (w->depth == DEPTH_MAX)
        luaL_error(w->L, "%s: tables nested deeper than %d cannot be handed over", w->what,
                   DEPTH_MAX);
    w->tables[w->depth++] = table;
}

static void pack_table(struct writer *w, int index)
{
    lua_State *L = w->L;
    int table = lua_absindex(L, index);

    luaL_checkstack(L, 6, w->what);
    enter_table(w, lua_topointer(L, table));
    put_letter(w, '{');
    for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1)) {
        pack_value(w, -2);
        pack_value(w, -1);
    }
    put_letter(w, '}');
    w->depth--;
}

static void pack_value(struct writer *w, int index)
{
    switch (lua_type(w->L, index)) {
    case LUA_TNIL:
        put_letter(w, 'n');
        return;
    case LUA_TBOOLEAN:
        put_letter(w, lua_toboolean(w->L, index) ? 't' : 'f');
        return;
    case LUA_TNUMBER:
        pack_number(w, index);
        return;
    case LUA_TSTRING:
        pack_string(w, index);
        return;
    case LUA_TTABLE:
        pack_table(w, index);
        return;
    default:
        luaL_error(w->L,
                   "%s: a %s cannot be handed over, only nil, booleans, numbers, strings "
                   "and tables of them",
                   w->what, luaL_typename(w->L, index));
    }
}

void serial_pack(lua_State *L, int index, const char *what)
{
    struct writer w = {.L = L, .what = what};
    int value = lua_absindex(L, index);

    pack_value(&w, value);
    size_t size = w.used;
    w.out = lua_newuserdatauv(L, size, 0);
    w.used = 0;
    pack_value(&w, value);
    lua_pushlstring(L, w.out, size);
    lua_remove(L, -2);
}

/* ---- unpacking ----------------------------------------------------------------------------- */

struct reader {
    lua_State *L;
    const char *at, *end;
    int depth;
};

static int unpack_value(struct reader *r);

static int take(struct reader *r, void *data, size_t size)
{
    if ((size_t)(r->end - r->at) < size)
        return 0;
    memcpy(data, r->at, size);
    r->at += size;
    return 1;
}

static int unpack_string(struct reader *r)
{
    unsigned size;

    if (!take(r, &size, sizeof(size)) || (size_t)(r->end - r->at) < size)
        return 0;
    lua_pushlstring(r->L, r->at, size);
    r->at += size;
    return 1;
}

/* A key may be neither nil nor a NaN; such bytes did not come from serial_pack. */
static int good_key(lua_State *L)
{
    return !lua_isnil(L, -1) && lua_rawequal(L, -1, -1);
}

static int unpack_table(struct reader *r)
{
    lua_State *L = r->L;

    if (r->depth == DEPTH_MAX || !lua_checkstack(L, 6))
        return 0;
    r->depth++;
    lua_newtable(L);
    while (r->at < r->end && *r->at != '}') {
        if (!unpack_value(r) || !good_key(L) || !unpack_value(r))
            return 0;
        lua_rawset(L, -3);
    }
    r->depth--;
    return r->at++ < r->end;
}

static int unpack_integer(struct reader *r)
{
    lua_Integer value;

    if (!take(r, &value, sizeof(value)))
        return 0;
    lua_pushinteger(r->L, value);
    return 1;
}

static int unpack_float(struct reader *r)
{
    lua_Number value;

    if (!take(r, &value, sizeof(value)))
        return 0;
    lua_pushnumber(r->L, value);
    return 1;
}

/* Pushes one value; on failure there may be rests of it on the stack. */
static int unpack_value(struct reader *r)
{
    char letter;

    if (!take(r, &letter, 1))
        return 0;
    switch (letter) {
    case 'n':
        lua_pushnil(r->L);
        return 1;
    case 't':
    case 'f':
        lua_pushboolean(r->L, letter == 't');
        return 1;
    case 'i':
        return unpack_integer(r);
    case 'd':
        return unpack_float(r);
    case 's':
        return unpack_string(r);
    case '{':
        return unpack_table(r);
    default:
        return 0;
    }
}

int serial_unpack(lua_State *L, const char *bytes, size_t size)
{
    struct reader r = {.L = L, .at = bytes, .end = bytes + size};
    int top = lua_gettop(L);

    luaL_checkstack(L, 6, "unpacking");
    if (unpack_value(&r) && r.at == r.end)
        return 1;
    lua_settop(L, top);
    return 0;
}
