/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Structures to tables and back, by the lists in layout_table.c. The two directions mirror each
 * other: push_one / arg_one for a single value, push_field / arg_field for a field that may be an
 * array, push_layout / arg_fields for a whole structure.
 */
#include "layout.h"

#include <string.h>

const struct layout *layout_of_flavor(const char *call, const char *type, int flavor)
{
    for (const struct flavor *row = flavors; row->call != NULL; row++)
        if (row->flavor == flavor && (strcmp(row->call, call) == 0 || strcmp(row->call, type) == 0))
            return row->layout;
    return NULL;
}

/* ---- from C to Lua ------------------------------------------------------------------------ */

static int32_t load_signed(const void *data, unsigned size)
{
    int32_t wide;
    int16_t narrow;

    switch (size) {
    case 1:
        return *(const int8_t *)data;
    case 2:
        memcpy(&narrow, data, sizeof(narrow));
        return narrow;
    default:
        memcpy(&wide, data, sizeof(wide));
        return wide;
    }
}

static uint32_t load_unsigned(const void *data, unsigned size)
{
    uint32_t mask = size >= 4 ? UINT32_MAX : (1u << (8 * size)) - 1;
    return (uint32_t)load_signed(data, size) & mask;
}

static void push_one(lua_State *L, const struct field *field, const char *data)
{
    switch ((enum field_kind)field->kind) {
    case FIELD_UNSIGNED:
        push_unsigned(L, load_unsigned(data, field->size));
        return;
    case FIELD_SIGNED:
        lua_pushinteger(L, load_signed(data, field->size));
        return;
    case FIELD_BOOLEAN:
        push_boolean(L, load_signed(data, field->size));
        return;
    case FIELD_BYTES:
        lua_pushlstring(L, data, field->size);
        return;
    case FIELD_STRUCT:
        push_layout(L, field->part, data, field->size);
        return;
    }
}

static void push_field(lua_State *L, const struct field *field, const char *data)
{
    if (field->count == 1) {
        push_one(L, field, data);
        return;
    }
    lua_createtable(L, field->count, 0);
    for (unsigned i = 0; i < field->count; i++) {
        push_one(L, field, data + i * field->size);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

void push_layout(lua_State *L, const struct layout *layout, const void *data, unsigned size)
{
    luaL_checkstack(L, 4, layout->name);
    lua_newtable(L);
    for (const struct field *field = layout->fields; field->name != NULL; field++) {
        if (field->offset + (unsigned)field->size * field->count > size)
            continue;
        push_field(L, field, (const char *)data + field->offset);
        lua_setfield(L, -2, field->name);
    }
}

/* ---- from Lua to C ------------------------------------------------------------------------ */

/* Where we are inside an argument, for errors. */
struct place {
    lua_State *L;
    const struct call *call;
    int n;
};

static void arg_fields(struct place *place, const struct layout *layout, char *data);

static void store(char *data, unsigned size, lua_Integer value)
{
    uint32_t word = (uint32_t)value;
    memcpy(data, &word, size < sizeof(word) ? size : sizeof(word)); /* little-endian */
}

static const char *integer_words(lua_State *L, const struct field *field, lua_Integer *low,
                                 lua_Integer *high)
{
    unsigned bits = field->size >= 4 ? 32 : 8 * field->size;

    *low = field->kind == FIELD_SIGNED ? -((lua_Integer)1 << (bits - 1)) : 0;
    *high = field->kind == FIELD_SIGNED ? ((lua_Integer)1 << (bits - 1)) - 1
                                        : ((lua_Integer)1 << bits) - 1;
    return lua_pushfstring(L, "an integer from %I to %I", (LUAI_UACINT)*low, (LUAI_UACINT)*high);
}

static int field_error(struct place *place, const struct field *field, const char *expected)
{
    return arg_error_part(place->L, place->call, place->n, field->name, expected);
}

/* The integer at the stack's top, which a boolean may stand for. */
static void arg_integer(struct place *place, const struct field *field, char *data)
{
    lua_Integer low, high, value = 0;
    lua_State *L = place->L;

    if (field->kind == FIELD_BOOLEAN && lua_isboolean(L, -1)) {
        store(data, field->size, lua_toboolean(L, -1));
        return;
    }
    const char *expected = integer_words(L, field, &low, &high);
    lua_insert(L, -2);
    if (!arg_integer_in(L, -1, low, high, &value))
        field_error(place, field, expected);
    store(data, field->size, value);
    lua_remove(L, -2);
}

/* The value at the stack's top, which stays there. */
static void arg_one(struct place *place, const struct field *field, char *data)
{
    lua_State *L = place->L;
    size_t length;

    switch ((enum field_kind)field->kind) {
    case FIELD_BYTES:
        if (lua_type(L, -1) != LUA_TSTRING || lua_rawlen(L, -1) > field->size)
            field_error(place, field, "a string that fits");
        memcpy(data, lua_tolstring(L, -1, &length), lua_rawlen(L, -1));
        return;
    case FIELD_STRUCT:
        if (!lua_istable(L, -1))
            field_error(place, field, "a table");
        arg_fields(place, field->part, data);
        return;
    case FIELD_UNSIGNED:
    case FIELD_SIGNED:
    case FIELD_BOOLEAN:
        arg_integer(place, field, data);
        return;
    }
}

static void arg_field(struct place *place, const struct field *field, char *data)
{
    lua_State *L = place->L;

    if (field->count == 1) {
        arg_one(place, field, data);
        return;
    }
    if (!lua_istable(L, -1) || lua_rawlen(L, -1) != field->count) {
        const char *expected = lua_pushfstring(L, "a table of %d values", (int)field->count);
        lua_insert(L, -2);
        field_error(place, field, expected);
    }
    for (unsigned i = 0; i < field->count; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        arg_one(place, field, data + i * field->size);
        lua_pop(L, 1);
    }
}

static const struct field *field_named(const struct layout *layout, const char *name)
{
    for (const struct field *field = layout->fields; field->name != NULL; field++)
        if (strcmp(field->name, name) == 0)
            return field;
    return NULL;
}

/* The table at the stack's top into the structure. */
static void arg_fields(struct place *place, const struct layout *layout, char *data)
{
    lua_State *L = place->L;
    int table = lua_gettop(L);

    luaL_checkstack(L, 8, layout->name);
    for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1)) {
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
        const struct field *field = name != NULL ? field_named(layout, name) : NULL;
        if (field == NULL) {
            lua_pushvalue(L, -2);
            const char *key = luaL_tolstring(L, -1, NULL);
            luaL_error(L, "%s: argument %d (%s): '%s' is not a field of %s", place->call->name,
                       place->n, place->call->args[place->n - 1], key, layout->name);
        }
        arg_field(place, field, data + field->offset);
    }
}

void arg_layout(lua_State *L, const struct call *call, int n, const struct layout *layout,
                void *data)
{
    struct place place = {L, call, n};

    if (!lua_istable(L, n))
        arg_error(L, call, n, "a table of the structure's fields");
    memset(data, 0, layout->size);
    lua_pushvalue(L, n);
    arg_fields(&place, layout, data);
    lua_pop(L, 1);
}

/* ---- info arrays -------------------------------------------------------------------------- */

void push_info(lua_State *L, const struct layout *layout, const uint32_t *words, unsigned count)
{
    if (layout != NULL)
        push_layout(L, layout, words, count * sizeof(uint32_t));
    else
        push_words(L, words, count);
}

/* Whether the script gave words, and not a structure: a string, or a table that has an [1]. */
static int gave_words(lua_State *L, int n)
{
    if (!lua_istable(L, n))
        return 1;
    int is_list = lua_rawgeti(L, n, 1) != LUA_TNIL;
    lua_pop(L, 1);
    return is_list;
}

uint32_t *arg_info(lua_State *L, const struct call *call, int n, const struct layout *layout,
                   unsigned *count)
{
    if (layout == NULL || gave_words(L, n))
        return arg_words(L, call, n, count);
    *count = (layout->size + 3) / sizeof(uint32_t);
    uint32_t *words = lua_newuserdatauv(L, layout->size, 0);
    arg_layout(L, call, n, layout, words);
    return words;
}
