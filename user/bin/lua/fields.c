/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Reads the named fields of a table argument, with errors that name call and field. A field that
 * the call does not know is an error too: a misspelt `timeout` would otherwise wait for ever.
 */
#include "arg.h"
#include "message.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

/* Whether the list " a b c " has that word. */
static int is_known(const char *known, const char *name)
{
    size_t length = strlen(name);

    for (const char *word = known; *word != '\0'; word += strcspn(word, " ")) {
        word += strspn(word, " ");
        if (strncmp(word, name, length) == 0 && word[length] == ' ')
            return 1;
    }
    return 0;
}

struct fields fields_of_call(lua_State *L, const char *call, const char *known)
{
    struct fields fields = {L, call, "", 1};

    if (!lua_istable(L, 1))
        luaL_error(L, "%s: the argument must be a table of fields, not %s", call,
                   arg_describe(L, 1));
    lua_settop(L, 1);
    for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 1)) {
        const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : NULL;
        if (name == NULL || !is_known(known, name)) {
            lua_pushvalue(L, 2);
            luaL_error(L, "%s: there is no field '%s'; it has:%s", call,
                       luaL_tolstring(L, -1, NULL), known);
        }
    }
    return fields;
}

/* The field's value is at the stack's top. */
int fields_error(const struct fields *f, const char *name, const char *expected)
{
    const char *found = arg_describe(f->L, -1);
    return luaL_error(f->L, "%s: %s%s must be %s, not %s", f->call, f->part, name, expected, found);
}

int fields_has(const struct fields *f, const char *name)
{
    int has = lua_getfield(f->L, f->index, name) != LUA_TNIL;

    lua_pop(f->L, 1);
    return has;
}

lua_Integer fields_integer(const struct fields *f, const char *name, lua_Integer low,
                           lua_Integer high, lua_Integer absent)
{
    lua_Integer value = absent;
    char expected[80];

    if (lua_getfield(f->L, f->index, name) != LUA_TNIL &&
        !arg_integer_in(f->L, -1, low, high, &value)) {
        snprintf(expected, sizeof(expected), "an integer from %lld to %lld", (long long)low,
                 (long long)high);
        fields_error(f, name, expected);
    }
    lua_pop(f->L, 1);
    return value;
}

uint32_t fields_unsigned(const struct fields *f, const char *name, uint32_t absent)
{
    return (uint32_t)fields_integer(f, name, 0, UINT32_MAX, absent);
}

uint32_t fields_bits(const struct fields *f, const char *name)
{
    return (uint32_t)fields_integer(f, name, INT32_MIN, UINT32_MAX, 0);
}

int fields_boolean(const struct fields *f, const char *name)
{
    lua_Integer value = 0;
    int type = lua_getfield(f->L, f->index, name);

    if (type == LUA_TBOOLEAN)
        value = lua_toboolean(f->L, -1);
    else if (type != LUA_TNIL && !arg_integer_in(f->L, -1, 0, 255, &value))
        fields_error(f, name, "a boolean or an integer from 0 to 255");
    lua_pop(f->L, 1);
    return (int)value;
}

const char *fields_string(const struct fields *f, const char *name, size_t *length)
{
    const char *bytes = NULL;
    int type = lua_getfield(f->L, f->index, name);

    *length = 0;
    if (type == LUA_TSTRING)
        bytes = lua_tolstring(f->L, -1, length);
    else if (type != LUA_TNIL)
        fields_error(f, name, "a string");
    lua_pop(f->L, 1);
    return bytes;
}

unsigned fields_table(const struct fields *f, const char *name)
{
    int type = lua_getfield(f->L, f->index, name);

    if (type == LUA_TNIL) {
        lua_pop(f->L, 1);
        lua_newtable(f->L);
    } else if (type != LUA_TTABLE) {
        fields_error(f, name, "a table");
    }
    return (unsigned)lua_rawlen(f->L, -1);
}
