/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Arguments and results of the calls that a script makes: from Lua values to C and back.
 *
 * Every call describes itself with a `struct call`, so that a wrong argument is answered by a Lua
 * error that names the call, the argument and what was expected: "vm_allocate: argument 3 (size)
 * must be an integer from 0 to 4294967295, not a string". Nothing is converted on the way: a string
 * that looks like a number is a string.
 *
 * The generated bindings (tools/luagen) consist of little else than these functions.
 * Read next: layout.h (structures as tables).
 */
#ifndef LUA_ARG_H
#define LUA_ARG_H

#include <lauxlib.h>
#include <lua.h>
#include <mach/mach.h>
#include <stddef.h>
#include <stdint.h>

#define CALL_ARGS_MAX 16

/* How a call is named in errors: its own name and those of its arguments, in order. */
struct call {
    const char *name;
    const char *args[CALL_ARGS_MAX];
};

/* What is wrong with argument `n`: never returns. `expected` as in "an integer from 0 to 7"; if it
 * was pushed on the stack, argument `n` must be there below it. */
int arg_error(lua_State *L, const struct call *call, int n, const char *expected);
/* The same for an element or field of it, named by `part` ("[3]", "tv_sec"), at the stack's top. */
int arg_error_part(lua_State *L, const struct call *call, int n, const char *part,
                   const char *expected);

/* A value as English has it: "nil", "a string", "the number 4294967296". Pushes the words. */
const char *arg_describe(lua_State *L, int index);

/* Whether the value at `index` is an integer (or a float without fraction) within the bounds. */
int arg_integer_in(lua_State *L, int index, lua_Integer low, lua_Integer high, lua_Integer *value);

lua_Integer arg_range(lua_State *L, const struct call *call, int n, lua_Integer low,
                      lua_Integer high);
uint32_t arg_unsigned(lua_State *L, const struct call *call, int n);
int32_t arg_signed(lua_State *L, const struct call *call, int n);
/* Any 32 bits: -2147483648 .. 4294967295. For options, whose C type is signed. */
uint32_t arg_bits(lua_State *L, const struct call *call, int n);
boolean_t arg_boolean(lua_State *L, const struct call *call, int n);

/* A string as a buffer: elements of `width` bytes; their number is stored in *count. */
const void *arg_bytes(lua_State *L, const struct call *call, int n, unsigned width,
                      unsigned *count);
/* A string that goes into c_string[size]: no zero inside, room for the one at its end. */
const char *arg_cstring(lua_State *L, const struct call *call, int n, size_t size);
/* A table of integers (or a string of packed ones) as an array. The memory is the collector's:
 * leaves one value on the stack, so call it after everything that takes arguments by position. */
uint32_t *arg_words(lua_State *L, const struct call *call, int n, unsigned *count);
/* The same, for an array whose length the call fixes. */
void arg_words_fixed(lua_State *L, const struct call *call, int n, uint32_t *words, unsigned count);

void push_unsigned(lua_State *L, uint32_t value);
void push_boolean(lua_State *L, boolean_t value);
/* Arrays as tables of integers. */
void push_words(lua_State *L, const uint32_t *words, unsigned count);
void push_words_signed(lua_State *L, const int32_t *words, unsigned count);
/* Out-of-line results: copied into a Lua value, then released. */
void push_ool_bytes(lua_State *L, vm_address_t address, vm_size_t size);
void push_ool_words(lua_State *L, vm_address_t address, unsigned count);
void push_ool_words_signed(lua_State *L, vm_address_t address, unsigned count);

#endif
