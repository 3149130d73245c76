/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Arguments and results of calls; the contract is in arg.h. All checks end in arg_error(), so the
 * wording is the same everywhere. Structures and info flavors are in layout.c.
 */
#include "arg.h"

#include <string.h>

const char *arg_describe(lua_State *L, int index)
{
    switch (lua_type(L, index)) {
    case LUA_TNONE:
    case LUA_TNIL:
        return lua_pushliteral(L, "nil");
    case LUA_TNUMBER:
        lua_pushvalue(L, index);
        lua_tostring(L, -1);
        lua_pushfstring(L, "the number %s", lua_tostring(L, -1));
        lua_remove(L, -2);
        return lua_tostring(L, -1);
    default:
        return lua_pushfstring(L, "a %s", luaL_typename(L, index));
    }
}

int arg_error(lua_State *L, const struct call *call, int n, const char *expected)
{
    const char *found = arg_describe(L, n);
    return luaL_error(L, "%s: argument %d (%s) must be %s, not %s", call->name, n,
                      call->args[n - 1], expected, found);
}

int arg_error_part(lua_State *L, const struct call *call, int n, const char *part,
                   const char *expected)
{
    const char *found = arg_describe(L, -1);
    return luaL_error(L, "%s: argument %d (%s): %s must be %s, not %s", call->name, n,
                      call->args[n - 1], part, expected, found);
}

int arg_integer_in(lua_State *L, int index, lua_Integer low, lua_Integer high, lua_Integer *value)
{
    int exact;

    if (lua_type(L, index) != LUA_TNUMBER)
        return 0;
    *value = lua_tointegerx(L, index, &exact);
    return exact && *value >= low && *value <= high;
}

/* Makes an absent argument nil, before words are pushed that would take its place. */
static void arg_fill(lua_State *L, int n)
{
    if (lua_gettop(L) < n)
        lua_settop(L, n);
}

lua_Integer arg_range(lua_State *L, const struct call *call, int n, lua_Integer low,
                      lua_Integer high)
{
    lua_Integer value = 0;

    if (!arg_integer_in(L, n, low, high, &value)) {
        arg_fill(L, n);
        arg_error(
            L, call, n,
            lua_pushfstring(L, "an integer from %I to %I", (LUAI_UACINT)low, (LUAI_UACINT)high));
    }
    return value;
}

uint32_t arg_unsigned(lua_State *L, const struct call *call, int n)
{
    return (uint32_t)arg_range(L, call, n, 0, UINT32_MAX);
}

int32_t arg_signed(lua_State *L, const struct call *call, int n)
{
    return (int32_t)arg_range(L, call, n, INT32_MIN, INT32_MAX);
}

uint32_t arg_bits(lua_State *L, const struct call *call, int n)
{
    return (uint32_t)arg_range(L, call, n, INT32_MIN, UINT32_MAX);
}

boolean_t arg_boolean(lua_State *L, const struct call *call, int n)
{
    lua_Integer value = 0;

    if (lua_isboolean(L, n))
        return lua_toboolean(L, n);
    if (!arg_integer_in(L, n, INT32_MIN, UINT32_MAX, &value))
        arg_error(L, call, n, "a boolean or a 32-bit integer");
    return (boolean_t)value;
}

const void *arg_bytes(lua_State *L, const struct call *call, int n, unsigned width, unsigned *count)
{
    size_t length;

    if (lua_type(L, n) != LUA_TSTRING)
        arg_error(L, call, n, "a string");
    const char *bytes = lua_tolstring(L, n, &length);
    if (length % width != 0)
        arg_error(L, call, n, lua_pushfstring(L, "a string of whole %d-byte elements", width));
    *count = (unsigned)(length / width);
    return bytes;
}

const char *arg_cstring(lua_State *L, const struct call *call, int n, size_t size)
{
    size_t length;

    if (lua_type(L, n) != LUA_TSTRING)
        arg_error(L, call, n, "a string");
    const char *bytes = lua_tolstring(L, n, &length);
    if (strlen(bytes) != length)
        arg_error(L, call, n, "a string without zero bytes");
    if (size != 0 && length >= size)
        arg_error(L, call, n, lua_pushfstring(L, "a string of at most %d bytes", (int)size - 1));
    return bytes;
}

/* The table at argument `n` into `words`: each element any 32 bits, or a boolean. */
static void copy_words(lua_State *L, const struct call *call, int n, uint32_t *words,
                       unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        lua_Integer value = 0;
        if (lua_rawgeti(L, n, (lua_Integer)i + 1) == LUA_TBOOLEAN)
            value = lua_toboolean(L, -1);
        else if (!arg_integer_in(L, -1, INT32_MIN, UINT32_MAX, &value)) {
            const char *part = lua_pushfstring(L, "element %d", (int)i + 1);
            lua_pushvalue(L, -2);
            arg_error_part(L, call, n, part, "a 32-bit integer");
        }
        words[i] = (uint32_t)value;
        lua_pop(L, 1);
    }
}

uint32_t *arg_words(lua_State *L, const struct call *call, int n, unsigned *count)
{
    if (lua_type(L, n) == LUA_TSTRING) {
        const void *bytes = arg_bytes(L, call, n, sizeof(uint32_t), count);
        size_t size = *count * sizeof(uint32_t);
        return memcpy(lua_newuserdatauv(L, size + 1, 0), bytes, size);
    }
    if (!lua_istable(L, n))
        arg_error(L, call, n, "a table of integers");
    lua_Unsigned length = lua_rawlen(L, n);
    if (length > UINT32_MAX / sizeof(uint32_t) - 1)
        arg_error(L, call, n, "a table of fewer elements");
    *count = (unsigned)length;
    luaL_checkstack(L, 6, call->name);
    uint32_t *words = lua_newuserdatauv(L, (*count + 1) * sizeof(uint32_t), 0);
    copy_words(L, call, n, words, *count);
    return words;
}

void arg_words_fixed(lua_State *L, const struct call *call, int n, uint32_t *words, unsigned count)
{
    if (!lua_istable(L, n) || lua_rawlen(L, n) != count) {
        arg_fill(L, n);
        arg_error(L, call, n, lua_pushfstring(L, "a table of %d integers", (int)count));
    }
    copy_words(L, call, n, words, count);
}

void push_unsigned(lua_State *L, uint32_t value)
{
    lua_pushinteger(L, (lua_Integer)value);
}

void push_boolean(lua_State *L, boolean_t value)
{
    lua_pushboolean(L, value != 0);
}

void push_words(lua_State *L, const uint32_t *words, unsigned count)
{
    lua_createtable(L, (int)count, 0);
    for (unsigned i = 0; i < count; i++) {
        push_unsigned(L, words[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

void push_words_signed(lua_State *L, const int32_t *words, unsigned count)
{
    lua_createtable(L, (int)count, 0);
    for (unsigned i = 0; i < count; i++) {
        lua_pushinteger(L, words[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static void release(vm_address_t address, vm_size_t size)
{
    if (size != 0)
        vm_deallocate(mach_task_self(), address, size);
}

/* The three below: out-of-line memory (argument 1) to a value; argument 2 says how much. */
static int bytes_value(lua_State *L)
{
    lua_pushlstring(L, lua_touserdata(L, 1), (size_t)lua_tointeger(L, 2));
    return 1;
}

static int words_value(lua_State *L)
{
    push_words(L, lua_touserdata(L, 1), (unsigned)lua_tointeger(L, 2));
    return 1;
}

static int signed_words_value(lua_State *L)
{
    push_words_signed(L, lua_touserdata(L, 1), (unsigned)lua_tointeger(L, 2));
    return 1;
}

/* Pushes such a value and releases the memory, whether Lua has room for it or not. */
static void push_ool(lua_State *L, lua_CFunction value, vm_address_t address, unsigned count,
                     vm_size_t size)
{
    lua_pushcfunction(L, value);
    lua_pushlightuserdata(L, (void *)(uintptr_t)address);
    lua_pushinteger(L, count);
    int status = lua_pcall(L, 2, 1, 0);
    release(address, size);
    if (status != LUA_OK)
        lua_error(L);
}

void push_ool_bytes(lua_State *L, vm_address_t address, vm_size_t size)
{
    push_ool(L, bytes_value, address, size, size);
}

void push_ool_words(lua_State *L, vm_address_t address, unsigned count)
{
    push_ool(L, words_value, address, count, count * sizeof(uint32_t));
}

void push_ool_words_signed(lua_State *L, vm_address_t address, unsigned count)
{
    push_ool(L, signed_words_value, address, count, count * sizeof(uint32_t));
}
