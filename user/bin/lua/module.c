/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The table `mach`. It has some hundred functions and a thousand constants, most of which a script
 * never uses; so it starts empty, and a field is made when it is first asked for (or all of them,
 * when somebody goes through the table). Also the few functions that concern the module itself.
 */
#include "module.h"

#include "arg.h"
#include "entry.h"
#include "state.h"
#include "watch.h"

#include <mach/bootstrap.h>
#include <mach/minato.h>
#include <stdlib.h>
#include <string.h>

/* ---- lists --------------------------------------------------------------------------------- */

static const struct entry *const hand_lists[] = {trap_entries, message_entries, module_entries};
#define HAND_LISTS (sizeof(hand_lists) / sizeof(hand_lists[0]))

const struct entry *entry_at(unsigned i)
{
    for (unsigned list = 0; list < HAND_LISTS; list++)
        for (const struct entry *entry = hand_lists[list]; entry->name != NULL; entry++)
            if (i-- == 0)
                return entry;
    return i < call_entry_count ? &call_entries[i] : NULL;
}

const struct entry *entry_find(const char *name)
{
    const struct entry *entry;

    for (unsigned i = 0; (entry = entry_at(i)) != NULL; i++)
        if (strcmp(entry->name, name) == 0)
            return entry;
    return NULL;
}

static int compare_constant(const void *name, const void *constant)
{
    return strcmp(name, ((const struct constant *)constant)->name);
}

const struct constant *constant_find(const char *name)
{
    return bsearch(name, constants, constant_count, sizeof(constants[0]), compare_constant);
}

const char *code_name(lua_Integer code)
{
    static const char *const families[] = {"KERN_", "MACH_SEND_", "MACH_RCV_", "MIG_",
                                           "BOOTSTRAP_"};

    for (unsigned f = 0; f < sizeof(families) / sizeof(families[0]); f++)
        for (unsigned i = 0; i < constant_count; i++)
            if (constants[i].value == code && (f < 1 || f > 2 || code > 0xffffff) &&
                strncmp(constants[i].name, families[f], strlen(families[f])) == 0)
                return constants[i].name;
    return NULL;
}

/* ---- the table ----------------------------------------------------------------------------- */

/* Pushes the field of that name; nil if there is none. */
static void push_field(lua_State *L, const char *name)
{
    const struct entry *entry = entry_find(name);
    const struct constant *constant = entry == NULL ? constant_find(name) : NULL;

    if (entry != NULL)
        lua_pushcfunction(L, entry->function);
    else if (constant != NULL)
        lua_pushinteger(L, constant->value);
    else if (strcmp(name, "bootstrap_port") == 0)
        push_unsigned(L, bootstrap_port);
    else if (strcmp(name, "name_server_port") == 0)
        push_unsigned(L, name_server_port);
    else
        lua_pushnil(L);
}

/* __index: makes the field, and keeps it. */
static int mach_index(lua_State *L)
{
    if (lua_type(L, 2) != LUA_TSTRING)
        return 0;
    push_field(L, lua_tostring(L, 2));
    if (!lua_isnil(L, -1)) {
        lua_pushvalue(L, 2);
        lua_pushvalue(L, -2);
        lua_rawset(L, 1);
    }
    return 1;
}

static int mach_next(lua_State *L)
{
    lua_settop(L, 2);
    if (lua_next(L, 1) != 0)
        return 2;
    lua_pushnil(L);
    return 1;
}

/* Fills a field in, unless the script has put something else there. */
static void fill(lua_State *L, int table, const char *name)
{
    lua_getfield(L, table, name);
    lua_pop(L, 1);
}

/* __pairs: goes through all fields. */
static int mach_pairs(lua_State *L)
{
    const struct entry *entry;

    for (unsigned i = 0; (entry = entry_at(i)) != NULL; i++)
        fill(L, 1, entry->name);
    for (unsigned i = 0; i < constant_count; i++)
        fill(L, 1, constants[i].name);
    fill(L, 1, "bootstrap_port");
    fill(L, 1, "name_server_port");
    lua_pushcfunction(L, mach_next);
    lua_pushvalue(L, 1);
    return 2;
}

int module_mach(lua_State *L)
{
    lua_newtable(L);
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, mach_index);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, mach_pairs);
    lua_setfield(L, -2, "__pairs");
    lua_setmetatable(L, -2);
    return 1;
}

/* ---- functions of the module itself -------------------------------------------------------- */

static int module_error_string(lua_State *L)
{
    static const struct call call = {"error_string", {"kr"}};

    lua_pushstring(L, mach_error_string((mach_error_t)arg_bits(L, &call, 1)));
    return 1;
}

/* The privileged host port, if this program was given one; the caller owns the right. */
static kern_return_t privileged_host(mach_port_t *host)
{
    mach_port_t ports[4] = {0};
    kern_return_t kr =
        bootstrap_ports(bootstrap_port, host, &ports[0], &ports[1], &ports[2], &ports[3]);

    for (unsigned i = 0; kr == KERN_SUCCESS && i < 4; i++)
        if (MACH_PORT_VALID(ports[i]))
            mach_port_deallocate(mach_task_self(), ports[i]);
    return kr;
}

static int module_seed(lua_State *L)
{
    static const struct call call = {"seed", {"n"}};
    uint32_t seed = arg_unsigned(L, &call, 1);
    mach_port_t host = MACH_PORT_NULL;
    kern_return_t kr = privileged_host(&host);

    if (kr == KERN_SUCCESS) {
        kr = minato_host_set_seed(host, seed);
        if (MACH_PORT_VALID(host))
            mach_port_deallocate(mach_task_self(), host);
    }
    lua_pushinteger(L, kr);
    return 1;
}

/* The macros of the headers that make numbers of numbers. */
static int module_msgh_bits(lua_State *L)
{
    static const struct call call = {"MACH_MSGH_BITS", {"remote", "local"}};

    push_unsigned(L, MACH_MSGH_BITS(arg_unsigned(L, &call, 1), arg_unsigned(L, &call, 2)));
    return 1;
}

static int module_trailer_elements(lua_State *L)
{
    static const struct call call = {"MACH_RCV_TRAILER_ELEMENTS", {"elements"}};

    push_unsigned(L, MACH_RCV_TRAILER_ELEMENTS(arg_unsigned(L, &call, 1)));
    return 1;
}

static int module_trailer_type(lua_State *L)
{
    static const struct call call = {"MACH_RCV_TRAILER_TYPE", {"type"}};

    push_unsigned(L, MACH_RCV_TRAILER_TYPE(arg_unsigned(L, &call, 1)));
    return 1;
}

static int module_port_type(lua_State *L)
{
    static const struct call call = {"MACH_PORT_TYPE", {"right"}};

    push_unsigned(L, MACH_PORT_TYPE((unsigned)arg_range(L, &call, 1, 0, 15)));
    return 1;
}

#define GROUP "the module"

const struct entry module_entries[] = {
    {"error_string", module_error_string, GROUP, "kr", "string", "A sentence for a return code."},
    {"seed", module_seed, GROUP, "n", "kr",
     "Seeds the order in which semaphores of SYNC_POLICY_RANDOM wake their waiters."},
    {"MACH_MSGH_BITS", module_msgh_bits, GROUP, "remote, local", "bits", NULL},
    {"MACH_RCV_TRAILER_ELEMENTS", module_trailer_elements, GROUP, "elements", "option", NULL},
    {"MACH_RCV_TRAILER_TYPE", module_trailer_type, GROUP, "type", "option", NULL},
    {"MACH_PORT_TYPE", module_port_type, GROUP, "right", "type bit", NULL},
    {0},
};
