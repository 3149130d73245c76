/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Turns what a call left in a message buffer into a table: a message that was received, one of ours
 * that came back, or just a header. Counts and sizes in the buffer are only believed as far as the
 * buffer goes, since a script can make the kernel leave anything there.
 */
#include "arg.h"
#include "message.h"

#include <lauxlib.h>
#include <string.h>

/* The loan that the descriptor was made of; null if its memory came from the kernel or the
 * script. */
static const struct loan *loan_of(const struct incoming *in, unsigned descriptor)
{
    if (in->returned != NULL)
        for (unsigned i = 0; i < in->returned->loan_count; i++)
            if (in->returned->loans[i].descriptor == descriptor)
                return &in->returned->loans[i];
    return NULL;
}

/* Whether a descriptor's memory is shown as a string: not if it is the script's own. */
static int as_data(const struct incoming *in, unsigned descriptor)
{
    return in->returned != NULL ? loan_of(in, descriptor) != NULL : !in->raw;
}

/* Memory that came with a message is released, unless the script is to have it. What we lent is
 * outgoing_settle()'s affair. */
static void release_memory(const struct incoming *in, unsigned descriptor, void *address,
                           vm_size_t size)
{
    const struct loan *loan = loan_of(in, descriptor);
    vm_address_t start = (vm_address_t)(uintptr_t)address;

    if (in->returned != NULL && (loan == NULL || loan->address == start))
        return;
    if (size != 0)
        vm_deallocate(mach_task_self(), start, size);
}

static void push_port(lua_State *L, const mach_msg_port_descriptor_t *port)
{
    lua_createtable(L, 2, 0);
    push_unsigned(L, port->name);
    lua_rawseti(L, -2, 1);
    push_unsigned(L, port->disposition);
    lua_rawseti(L, -2, 2);
}

static void push_memory(lua_State *L, const struct incoming *in, unsigned index,
                        const mach_msg_ool_descriptor_t *ool)
{
    int data = as_data(in, index);

    lua_createtable(L, 0, 2);
    push_unsigned(L, ool->size);
    lua_setfield(L, -2, "size");
    if (data && ool->size != 0)
        lua_pushlstring(L, ool->address, ool->size);
    else if (data)
        lua_pushliteral(L, "");
    else
        push_unsigned(L, (uint32_t)(uintptr_t)ool->address);
    lua_setfield(L, -2, data ? "data" : "addr");
}

static void push_ool_ports(lua_State *L, const mach_msg_ool_ports_descriptor_t *ool)
{
    lua_createtable(L, 2, 0);
    push_words(L, ool->address, ool->count);
    lua_rawseti(L, -2, 1);
    push_unsigned(L, ool->disposition);
    lua_rawseti(L, -2, 2);
}

static mach_msg_descriptor_t *descriptor_at(const struct incoming *in, unsigned index)
{
    return &message_descriptors((mach_msg_header_t *)(uintptr_t)in->header)[index];
}

/* The memory of a descriptor that has been shown, or cannot be. */
static void release_descriptor(const struct incoming *in, unsigned index)
{
    const mach_msg_descriptor_t *d = descriptor_at(in, index);

    switch (d->type.type) {
    case MACH_MSG_OOL_PORTS_DESCRIPTOR:
        release_memory(in, index, d->ool_ports.address, d->ool_ports.count * sizeof(mach_port_t));
        break;
    case MACH_MSG_OOL_DESCRIPTOR:
    case MACH_MSG_OOL_VOLATILE_DESCRIPTOR:
        if (as_data(in, index))
            release_memory(in, index, d->out_of_line.address, d->out_of_line.size);
        break;
    }
}

/* The three lists lie on the stack from `lists` on, in the order of the descriptor types. */
static void push_descriptor(lua_State *L, const struct incoming *in, unsigned index, int lists)
{
    const mach_msg_descriptor_t *d = descriptor_at(in, index);
    int list = lists;

    switch (d->type.type) {
    case MACH_MSG_PORT_DESCRIPTOR:
        push_port(L, &d->port);
        break;
    case MACH_MSG_OOL_DESCRIPTOR:
    case MACH_MSG_OOL_VOLATILE_DESCRIPTOR:
        push_memory(L, in, index, &d->out_of_line);
        list = lists + 1;
        break;
    case MACH_MSG_OOL_PORTS_DESCRIPTOR:
        push_ool_ports(L, &d->ool_ports);
        list = lists + 2;
        break;
    default:
        return;
    }
    lua_rawseti(L, list, (lua_Integer)lua_rawlen(L, list) + 1);
}

/* The same as a function of Lua's: message, index, the three lists. */
static int add_descriptor(lua_State *L)
{
    push_descriptor(L, lua_touserdata(L, 1), (unsigned)lua_tointeger(L, 2), 3);
    return 0;
}

/* Fills the lists; memory that came with the message is released, even when Lua has no room for it. */
static void push_descriptors(lua_State *L, const struct incoming *in, unsigned count, int lists)
{
    int status = LUA_OK;

    for (unsigned i = 0; i < count; i++) {
        if (status == LUA_OK) {
            lua_pushcfunction(L, add_descriptor);
            lua_pushlightuserdata(L, (void *)(uintptr_t)in);
            lua_pushinteger(L, i);
            for (int list = 0; list < 3; list++)
                lua_pushvalue(L, lists + list);
            status = lua_pcall(L, 5, 0, 0);
        }
        release_descriptor(in, i);
    }
    if (status != LUA_OK)
        lua_error(L);
}

/* Bytes of the message that are in the buffer, header included. */
static unsigned bytes_there(const struct incoming *in)
{
    return in->header->msgh_size < in->room ? in->header->msgh_size : in->room;
}

static unsigned descriptor_count(const struct incoming *in)
{
    unsigned there = bytes_there(in), head = sizeof(mach_msg_base_t);

    if (in->extent != WHOLE_MESSAGE || !MACH_MSGH_BITS_IS_COMPLEX(in->header->msgh_bits) ||
        there < head)
        return 0;
    unsigned count = ((const mach_msg_body_t *)(in->header + 1))->msgh_descriptor_count;
    unsigned fit = (there - head) / sizeof(mach_msg_descriptor_t);
    return count < fit ? count : fit;
}

/* The fields `ports`, `ool`, `ool_ports` and `body` of the table at the stack's top. */
static void push_contents(lua_State *L, const struct incoming *in)
{
    static const char *const names[] = {"ool_ports", "ool", "ports"};
    unsigned count = descriptor_count(in), start = sizeof(mach_msg_header_t);
    int table = lua_gettop(L);

    for (int i = 0; i < 3; i++)
        lua_newtable(L);
    push_descriptors(L, in, count, table + 1);
    for (int i = 0; i < 3; i++)
        lua_setfield(L, table, names[i]);
    if (in->extent != WHOLE_MESSAGE || bytes_there(in) < start)
        return;
    if (MACH_MSGH_BITS_IS_COMPLEX(in->header->msgh_bits))
        start += sizeof(mach_msg_body_t) + count * sizeof(mach_msg_descriptor_t);
    unsigned end = bytes_there(in);
    lua_pushlstring(L, (const char *)in->header + start, end > start ? end - start : 0);
    lua_setfield(L, table, "body");
}

/* `seqno`, and `sender` if its token was asked for. */
static void push_trailer(lua_State *L, const struct incoming *in)
{
    unsigned at = round_msg(in->header->msgh_size);
    mach_msg_security_trailer_t trailer = {0};

    if (!in->trailer || at > in->room || in->room - at < sizeof(mach_msg_trailer_t))
        return;
    unsigned there = in->room - at < sizeof(trailer) ? in->room - at : sizeof(trailer);
    memcpy(&trailer, (const char *)in->header + at, there);
    if (trailer.msgh_trailer_size >= sizeof(mach_msg_seqno_trailer_t)) {
        push_unsigned(L, trailer.msgh_seqno);
        lua_setfield(L, -2, "seqno");
    }
    if (trailer.msgh_trailer_size >= sizeof(trailer)) {
        push_words(L, trailer.msgh_sender.val, 2);
        lua_setfield(L, -2, "sender");
    }
}

void push_message(lua_State *L, const struct incoming *in)
{
    const mach_msg_header_t *header = in->header;

    luaL_checkstack(L, 10, "a message");
    lua_createtable(L, 0, 10);
    push_unsigned(L, header->msgh_bits);
    lua_setfield(L, -2, "bits");
    push_unsigned(L, header->msgh_size);
    lua_setfield(L, -2, "size");
    push_unsigned(L, header->msgh_remote_port);
    lua_setfield(L, -2, "remote");
    push_unsigned(L, header->msgh_local_port);
    lua_setfield(L, -2, "local_port");
    lua_pushinteger(L, header->msgh_id);
    lua_setfield(L, -2, "id");
    push_contents(L, in);
    push_trailer(L, in);
}
