/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Values of scripts: packing and unpacking (also of bytes that are no value), showing, comparing,
 * and taking arguments and structures apart. Most of the checks are Lua code that calls the C
 * functions.
 */
#include "layout.h"
#include "serial.h"
#include "show.h"
#include "tap.h"

#include <lualib.h>
#include <stdlib.h>

/* What arg.c and the layouts need of the rest. */
mach_port_t mach_task_self_;

kern_return_t vm_deallocate(vm_task_t task, vm_address_t address, vm_size_t size)
{
    (void)task, (void)address, (void)size;
    return KERN_SUCCESS;
}

struct sample {
    unsigned u;
    int s;
    boolean_t b;
    unsigned short narrow;
    unsigned list[3];
    char bytes[4];
    struct inner {
        int x;
    } inner;
};

static const struct field inner_fields[] = {
    {"x", offsetof(struct inner, x), 4, 1, FIELD_SIGNED, NULL}, {0}};
static const struct layout layout_inner = {"inner", sizeof(struct inner), inner_fields};
static const struct field sample_fields[] = {
    {"u", offsetof(struct sample, u), 4, 1, FIELD_UNSIGNED, NULL},
    {"s", offsetof(struct sample, s), 4, 1, FIELD_SIGNED, NULL},
    {"b", offsetof(struct sample, b), 4, 1, FIELD_BOOLEAN, NULL},
    {"narrow", offsetof(struct sample, narrow), 2, 1, FIELD_UNSIGNED, NULL},
    {"list", offsetof(struct sample, list), 4, 3, FIELD_UNSIGNED, NULL},
    {"bytes", offsetof(struct sample, bytes), 4, 1, FIELD_BYTES, NULL},
    {"inner", offsetof(struct sample, inner), 4, 1, FIELD_STRUCT, &layout_inner},
    {0},
};
static const struct layout layout_sample = {"sample", sizeof(struct sample), sample_fields};
const struct flavor flavors[] = {{"sample_t", 7, &layout_sample}, {0}};

static const struct call sample_call = {"call", {"value"}};

/* ---- functions for the Lua code ------------------------------------------------------------- */

static int l_pack(lua_State *L)
{
    serial_pack(L, 1, "value");
    return 1;
}

static int l_unpack(lua_State *L)
{
    size_t size;
    const char *bytes = luaL_checklstring(L, 1, &size);
    int good = serial_unpack(L, bytes, size);

    lua_pushboolean(L, good);
    lua_insert(L, 2);
    return good ? 2 : 1;
}

static int l_show(lua_State *L)
{
    show_value(L, 1, lua_toboolean(L, 2) ? SHOW_LINES : SHOW_ONE_LINE);
    return 1;
}

static int l_equal(lua_State *L)
{
    struct difference difference;
    int same = deep_equal(L, 1, 2, &difference);

    lua_pushboolean(L, same);
    lua_pushstring(L, same ? "" : difference.path);
    return 2;
}

/* A structure, to C and back. */
static int l_structure(lua_State *L)
{
    struct sample sample;

    arg_layout(L, &sample_call, 1, &layout_sample, &sample);
    push_layout(L, &layout_sample, &sample, sizeof(sample));
    return 1;
}

static int l_unsigned(lua_State *L)
{
    push_unsigned(L, arg_unsigned(L, &sample_call, 1));
    return 1;
}

static int l_signed(lua_State *L)
{
    lua_pushinteger(L, arg_signed(L, &sample_call, 1));
    return 1;
}

static int l_words(lua_State *L)
{
    unsigned count;
    uint32_t *words = arg_words(L, &sample_call, 1, &count);

    push_words(L, words, count);
    return 1;
}

static int l_info(lua_State *L)
{
    unsigned count;
    const struct layout *layout = layout_of_flavor("call", "sample_t", 7);
    uint32_t *words = arg_info(L, &sample_call, 1, layout, &count);

    push_info(L, layout, words, count);
    lua_pushinteger(L, count);
    return 2;
}

/* `want` is what the code returns, as text; an error's text if it begins with "error: ". */
static void lua(lua_State *L, const char *code, const char *want, const char *rule)
{
    char text[400];

    lua_settop(L, 0);
    int status = luaL_loadstring(L, code) || lua_pcall(L, 0, 1, 0);
    const char *got = luaL_tolstring(L, -1, NULL);
    const char *place = status ? strstr(got, ": ") : NULL;
    snprintf(text, sizeof(text), "%s%s", status ? "error: " : "",
             place && got[0] == '[' ? place + 2 : got);
    is(text, want, rule);
}

static void test_packing(lua_State *L)
{
    lua(L,
        "for _, v in ipairs {1, -1, 1 << 62, 0.5, 1/0, 'x', '', 'a\\0b', true, false, {}, "
        "{1, {2}},"
        " {a = {b = 'c'}}} do assert(equal(select(2, unpack_value(pack(v))), v)) end"
        " return select('#', unpack_value(pack(nil)))",
        "2", "every kind of value comes back");
    lua(L, "local c = {} c[1] = {c} return pack(c)",
        "error: value: a table that contains itself cannot be handed over", "a cycle is refused");
    lua(L, "local t = {1} return #pack({t, t})", "60", "a table that is there twice is no cycle");
    lua(L, "local t = {} for i = 1, 200 do t = {t} end return pack(t)",
        "error: value: tables nested deeper than 100 cannot be handed over", "too deep");
    lua(L, "return pack({f = print})",
        "error: value: a function cannot be handed over, only nil, booleans, numbers, strings and "
        "tables of them",
        "a function is refused");
}

/* Every prefix of a packed value, and the value with any byte changed, is refused or means one. */
static void test_bad_bytes(lua_State *L)
{
    lua(L,
        "local p = pack({1, 'two', {3.5, x = true}}) for i = 0, #p - 1 do"
        " if unpack_value(p:sub(1, i)) then return i end end return 'none'",
        "none", "no part of a value is one");
    lua(L,
        "local p = pack({1, 'two', {3.5, x = true}}) for i = 1, #p do for b = 0, 255 do"
        " unpack_value(p:sub(1, i - 1) .. string.char(b) .. p:sub(i + 1)) end end return "
        "'alive'",
        "alive", "no changed byte does harm");
    lua(L, "return tostring(unpack_value(('{'):rep(100000)))", "false", "nor endless nesting");
    lua(L, "return tostring(unpack_value('{nt}'))", "false", "nor a nil as a key");
    lua(L, "return tostring(unpack_value('s\\255\\255\\255\\255x'))", "false",
        "nor a wrong "
        "length");
}

static void test_showing(lua_State *L)
{
    lua(L, "return show({3, 'a\"b\\n\\1', x = {y = 1}, [10] = true, ['no name'] = 0.5})",
        "{3, \"a\\\"b\\n\\x01\", [10] = true, [\"no name\"] = 0.5, x = {y = 1}}",
        "a table on one line, its keys in order");
    lua(L, "local t = {1} t[2] = t return show(t)", "{1, <itself>}", "a cycle");
    lua(L, "return show({aaa = ('x'):rep(40), bbb = ('y'):rep(40)}, true)",
        "{\n  aaa = \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\",\n"
        "  bbb = \"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\"\n}",
        "a wide one in several lines");
    lua(L, "return #show(('x'):rep(100000))", "420", "a long string is cut off");
    lua(L, "local t = {} for i = 1, 100000 do t[i] = i end return #show(t) < 8100", "true",
        "a long table is cut off");
    lua(L, "return show(nil) .. show(true) .. show(1.0) .. show(print)", "niltrue1.0<function>",
        "other values");
}

static void test_comparing(lua_State *L)
{
    lua(L, "return equal({1, {2}}, {1, {2}})", "true", "equal tables");
    lua(L, "return select(2, equal({1, {x = {2}}}, {1, {x = {3}}}))", "[2].x[1]",
        "where two tables differ");
    lua(L, "return select(2, equal({a = 1}, {a = 1, b = 2}))", ".b", "a field too few");
    lua(L, "return select(2, equal({a = 1, b = 2}, {a = 1}))", ".b", "a field too many");
    lua(L, "return equal({f = false}, {})", "false", "false is not nil");
    lua(L, "return equal(true, 1) and equal(0, false) and not equal(true, 2)", "true",
        "booleans are 1 and 0");
    lua(L, "return equal('1', 1)", "false", "a string is no number");
}

static void test_arguments(lua_State *L)
{
    lua(L, "return word(4294967295) + int(-2147483648)", "2147483647", "the bounds");
    lua(L, "return word(4294967296)",
        "error: call: argument 1 (value) must be an integer from "
        "0 to "
        "4294967295, not the number 4294967296",
        "one too many");
    lua(L, "return int(2147483648)",
        "error: call: argument 1 (value) must be an integer from "
        "-2147483648 to 2147483647, not the number 2147483648",
        "one too many, signed");
    lua(L, "return word()",
        "error: call: argument 1 (value) must be an integer from 0 to "
        "4294967295,"
        " not nil",
        "nothing");
    lua(L, "return #words({1, true, -1})", "3", "a list of words");
    lua(L, "return words({1, {}})",
        "error: call: argument 1 (value): element 2 must be a 32-bit "
        "integer, not a table",
        "a bad element");
    lua(L, "return show(words('\\1\\0\\0\\0\\2\\0\\0\\0'))", "{1, 2}", "packed words");
    lua(L, "return words('abc')",
        "error: call: argument 1 (value) must be a string of whole "
        "4-byte "
        "elements, not a string",
        "half a word");
}

static void test_structures(lua_State *L)
{
    lua(L,
        "return show(structure({u = 0xffffffff, s = -1, b = true, narrow = 65535, list = {1, "
        "2, 3},"
        " bytes = 'abcd', inner = {x = -5}}))",
        "{b = true, bytes = \"abcd\", inner = {x = -5}, list = {1, 2, 3}, narrow = 65535, s = -1, "
        "u = 4294967295}",
        "a structure there and back");
    lua(L, "return show(structure({}))",
        "{b = false, bytes = \"\\x00\\x00\\x00\\x00\", inner = "
        "{x = 0}, "
        "list = {0, 0, 0}, narrow = 0, s = 0, u = 0}",
        "absent fields are 0");
    lua(L, "structure({uu = 1})", "error: call: argument 1 (value): 'uu' is not a field of sample",
        "an unknown field");
    lua(L, "structure({narrow = 65536})",
        "error: call: argument 1 (value): narrow must be an "
        "integer "
        "from 0 to 65535, not the number 65536",
        "a field's range");
    lua(L, "structure({list = {1}})",
        "error: call: argument 1 (value): list must be a table of 3 "
        "values, not a table",
        "a list that is too short");
    lua(L, "structure({inner = 5})",
        "error: call: argument 1 (value): inner must be a table, "
        "not the "
        "number 5",
        "a structure inside");
    lua(L, "structure({bytes = 'abcde'})",
        "error: call: argument 1 (value): bytes must be a "
        "string "
        "that fits, not a string",
        "too many bytes");
    lua(L, "return select(2, info({u = 1}))", "9", "an info array of a structure");
    lua(L, "return show(info({1, 2}))", "{s = 2, u = 1}", "as words, and a shorter one back");
}

int main(void)
{
    lua_State *L = luaL_newstate();
    static const luaL_Reg functions[] = {{"pack", l_pack},           {"unpack_value", l_unpack},
                                         {"show", l_show},           {"equal", l_equal},
                                         {"structure", l_structure}, {"word", l_unsigned},
                                         {"int", l_signed},          {"words", l_words},
                                         {"info", l_info},           {NULL, NULL}};

    luaL_openlibs(L);
    lua_pushglobaltable(L);
    luaL_setfuncs(L, functions, 0);
    test_packing(L);
    test_bad_bytes(L);
    test_showing(L);
    test_comparing(L);
    test_arguments(L);
    test_structures(L);
    lua_close(L);
    return tap_end();
}
