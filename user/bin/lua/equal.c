/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Deep comparison of two values; the contract is in show.h. Metatables do not matter. Two tables
 * that are being compared already, further out, count as equal there, so that cycles end.
 */
#include "show.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 60

struct comparison {
    lua_State *L;
    struct difference *difference;
    int depth;
    struct pair {
        const void *a, *b;
    } pairs[DEPTH_MAX];
};

static int equal(struct comparison *c, int a, int b);

/* Puts the key at the stack's top in front of the path so far. */
static void prepend_key(struct comparison *c, int key)
{
    char *path = c->difference->path;
    char inner[sizeof(c->difference->path)];

    memcpy(inner, path, sizeof(inner));
    lua_pushvalue(c->L, key);
    const char *name = luaL_tolstring(c->L, -1, NULL);
    const char *format = lua_type(c->L, -2) == LUA_TSTRING ? ".%s%s" : "[%s]%s";
    snprintf(path, sizeof(inner), format, name, inner);
    lua_pop(c->L, 2);
}

/* Every entry of table a is in table b and equal there; `compare` 0: it is enough that it is
 * there. */
static int entries_equal(struct comparison *c, int a, int b, int compare)
{
    lua_State *L = c->L;

    for (lua_pushnil(L); lua_next(L, a) != 0; lua_pop(L, 1)) {
        int key = lua_gettop(L) - 1;
        lua_pushvalue(L, key);
        int found = lua_rawget(L, b) != LUA_TNIL;
        if (!found || (compare && !equal(c, key + 1, key + 2))) {
            prepend_key(c, key);
            lua_settop(L, key - 1);
            return 0;
        }
        lua_pop(L, 1);
    }
    return 1;
}

static int tables_equal(struct comparison *c, int a, int b)
{
    const void *pa = lua_topointer(c->L, a), *pb = lua_topointer(c->L, b);

    for (int i = 0; i < c->depth; i++)
        if (c->pairs[i].a == pa && c->pairs[i].b == pb)
            return 1;
    if (c->depth == DEPTH_MAX || !lua_checkstack(c->L, 10))
        luaL_error(c->L, "t.eq: tables nested deeper than %d cannot be compared", DEPTH_MAX);
    c->pairs[c->depth++] = (struct pair){pa, pb};
    int same = entries_equal(c, a, b, 1) && entries_equal(c, b, a, 0);
    c->depth--;
    return same;
}

/* A boolean and the integer that stands for it. */
static int same_truth(lua_State *L, int boolean, int number)
{
    return lua_isboolean(L, boolean) && lua_isinteger(L, number) &&
           lua_tointeger(L, number) == lua_toboolean(L, boolean);
}

static int equal(struct comparison *c, int a, int b)
{
    lua_State *L = c->L;

    c->difference->path[0] = '\0';
    if (lua_rawequal(L, a, b) || same_truth(L, a, b) || same_truth(L, b, a))
        return 1;
    return lua_istable(L, a) && lua_istable(L, b) && tables_equal(c, a, b);
}

int deep_equal(lua_State *L, int a, int b, struct difference *difference)
{
    struct comparison c = {.L = L, .difference = difference};

    luaL_checkstack(L, 10, "comparing");
    return equal(&c, lua_absindex(L, a), lua_absindex(L, b));
}
