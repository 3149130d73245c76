/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Builds the message that a script describes: header, descriptors in the order ports, ool,
 * ool_ports, then the body as given. Nothing is corrected: a body that is no multiple of 4, a wrong
 * disposition, a dead name go to the kernel as they are.
 *
 * First everything is read and checked, which may raise a Lua error; only then memory is allocated
 * for the data that is to travel out of line ("loans"), so that an error leaves nothing behind.
 */
#include "arg.h"
#include "message.h"
#include "state.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#define DESCRIPTORS_MAX 20000 /* more than a message can hold: the kernel's to refuse */

/* A field of one descriptor in the making. */
struct builder {
    struct fields fields; /* the call's */
    struct outgoing *out;
    char part[32]; /* "ports[3]" */
};

mach_msg_descriptor_t *message_descriptors(mach_msg_header_t *header)
{
    return (mach_msg_descriptor_t *)((char *)(header + 1) + sizeof(mach_msg_body_t));
}

mach_msg_type_name_t default_disposition(mach_port_t name)
{
    mach_port_type_t type = 0;

    if (MACH_PORT_VALID(name))
        mach_port_type(mach_task_self(), name, &type);
    if (type & MACH_PORT_TYPE_SEND)
        return MACH_MSG_TYPE_COPY_SEND;
    if (type & MACH_PORT_TYPE_RECEIVE)
        return MACH_MSG_TYPE_MAKE_SEND;
    if (type & MACH_PORT_TYPE_SEND_ONCE)
        return MACH_MSG_TYPE_MOVE_SEND_ONCE;
    return MACH_MSG_TYPE_COPY_SEND;
}

/* An integer element of the table at the stack's top; -1 if it is absent. */
static lua_Integer element(struct builder *b, int i, lua_Integer high, const char *what)
{
    lua_State *L = b->fields.L;
    lua_Integer value = -1;
    char expected[64];

    if (lua_rawgeti(L, -1, i) != LUA_TNIL && !arg_integer_in(L, -1, 0, high, &value)) {
        snprintf(expected, sizeof(expected), "{%s}, integers up to %lld", what, (long long)high);
        fields_error(&b->fields, b->part, expected);
    }
    lua_pop(L, 1);
    return value;
}

/* ports[i], at the stack's top: {name, disp}, or just the name. */
static void build_port(struct builder *b, mach_msg_descriptor_t *descriptor)
{
    lua_State *L = b->fields.L;
    lua_Integer name = -1, disposition = -1;

    if (lua_istable(L, -1)) {
        name = element(b, 1, UINT32_MAX, "name, disp");
        disposition = element(b, 2, 255, "name, disp");
    }
    if (name < 0 && !arg_integer_in(L, -1, 0, UINT32_MAX, &name))
        fields_error(&b->fields, b->part, "{name, disp}");
    descriptor->port.name = (mach_port_t)name;
    descriptor->port.disposition =
        disposition >= 0 ? (unsigned)disposition : default_disposition((mach_port_t)name);
    descriptor->port.type = MACH_MSG_PORT_DESCRIPTOR;
}

/* The descriptor will point at a copy of `data`. */
static void lend(struct builder *b, const void *data, vm_size_t size, unsigned descriptor)
{
    mach_msg_ool_descriptor_t *ool = &message_descriptors(b->out->header)[descriptor].out_of_line;

    b->out->loans[b->out->loan_count++] = (struct loan){0, size, data, ool->deallocate, descriptor};
}

/* copy= and deallocate= of ool[i] or ool_ports[i], at the stack's top. */
static void build_modes(const struct fields *fields, mach_msg_ool_descriptor_t *ool)
{
    ool->deallocate = fields_boolean(fields, "deallocate");
    ool->copy = (unsigned)fields_integer(fields, "copy", 0, 255, MACH_MSG_VIRTUAL_COPY);
}

/* ool[i], at the stack's top: {data =} or {addr =, size =}. */
static void build_memory(struct builder *b, mach_msg_descriptor_t *descriptor, unsigned index)
{
    lua_State *L = b->fields.L;
    size_t length;
    char prefix[40];

    if (!lua_istable(L, -1))
        fields_error(&b->fields, b->part, "{data =} or {addr =, size =}");
    snprintf(prefix, sizeof(prefix), "%s.", b->part);
    struct fields fields = {L, b->fields.call, prefix, lua_gettop(L)};
    build_modes(&fields, &descriptor->out_of_line);
    descriptor->out_of_line.type = MACH_MSG_OOL_DESCRIPTOR;
    const char *data = fields_string(&fields, "data", &length);
    if (data != NULL) {
        lend(b, data, (vm_size_t)length, index);
        descriptor->out_of_line.size = (mach_msg_size_t)length;
        return;
    }
    descriptor->out_of_line.address = (void *)(uintptr_t)fields_unsigned(&fields, "addr", 0);
    descriptor->out_of_line.size = fields_unsigned(&fields, "size", 0);
}

/* ool_ports[i], at the stack's top: {{name, …}, disp}. Leaves the packed names on the stack below
 * it, where the collector sees them. */
static void build_ports(struct builder *b, mach_msg_descriptor_t *descriptor, unsigned index)
{
    lua_State *L = b->fields.L;
    char prefix[40];

    if (!lua_istable(L, -1))
        fields_error(&b->fields, b->part, "{{name, ...}, disp}");
    snprintf(prefix, sizeof(prefix), "%s.", b->part);
    struct fields fields = {L, b->fields.call, prefix, lua_gettop(L)};
    build_modes(&fields, &descriptor->out_of_line);
    lua_Integer disposition = element(b, 2, 255, "{name, ...}, disp");
    if (lua_rawgeti(L, -1, 1) != LUA_TTABLE)
        fields_error(&b->fields, b->part, "{{name, ...}, disp}");
    unsigned count = (unsigned)lua_rawlen(L, -1);
    mach_port_t *names = lua_newuserdatauv(L, (count + 1) * sizeof(*names), 0);
    lua_insert(L, -3);
    for (unsigned i = 0; i < count; i++) {
        lua_Integer name = element(b, (int)i + 1, UINT32_MAX, "name, ...");
        names[i] = name < 0 ? 0 : (mach_port_t)name;
    }
    lua_pop(L, 1);
    if (disposition < 0)
        disposition = default_disposition(count > 0 ? names[0] : MACH_PORT_NULL);
    descriptor->ool_ports.disposition = (unsigned)disposition;
    descriptor->ool_ports.type = MACH_MSG_OOL_PORTS_DESCRIPTOR;
    descriptor->ool_ports.count = count;
    lend(b, names, count * sizeof(*names), index);
}

/* All descriptors of one of the three lists; `first` is the index of the first. */
static unsigned build_list(struct builder *b, const char *name, unsigned first)
{
    lua_State *L = b->fields.L;
    unsigned count = fields_table(&b->fields, name);
    mach_msg_descriptor_t *descriptors = message_descriptors(b->out->header);
    int list = lua_gettop(L);

    for (unsigned i = 0; i < count; i++) {
        snprintf(b->part, sizeof(b->part), "%s[%u]", name, i + 1);
        luaL_checkstack(L, 8, b->fields.call);
        lua_rawgeti(L, list, (lua_Integer)i + 1);
        if (name[0] == 'p')
            build_port(b, &descriptors[first + i]);
        else if (name[3] == '\0')
            build_memory(b, &descriptors[first + i], first + i);
        else
            build_ports(b, &descriptors[first + i], first + i);
        lua_pop(L, 1);
    }
    return count;
}

/* The number of elements of a list that the script gives. */
static unsigned list_length(const struct fields *fields, const char *name)
{
    unsigned count = fields_table(fields, name);

    lua_pop(fields->L, 1);
    if (count > DESCRIPTORS_MAX)
        luaL_error(fields->L, "%s: %s has too many elements", fields->call, name);
    return count;
}

static void build_header(const struct fields *f, struct outgoing *out)
{
    mach_msg_header_t *header = out->header;

    header->msgh_remote_port = fields_unsigned(f, "remote", MACH_PORT_NULL);
    header->msgh_local_port = fields_unsigned(f, "local_port", MACH_PORT_NULL);
    unsigned local = header->msgh_local_port != MACH_PORT_NULL ? MACH_MSG_TYPE_MAKE_SEND_ONCE : 0;
    lua_Integer remote = fields_integer(f, "disp", 0, 255, -1);
    if (remote < 0)
        remote = default_disposition(header->msgh_remote_port);
    local = (unsigned)fields_integer(f, "local_disp", 0, 255, local);
    header->msgh_bits = MACH_MSGH_BITS((unsigned)remote, local);
    if (out->descriptors > 0)
        header->msgh_bits |= MACH_MSGH_BITS_COMPLEX;
    header->msgh_id = (mach_msg_id_t)fields_integer(f, "id", INT32_MIN, INT32_MAX, 0);
    header->msgh_size = out->size;
}

/* Copies what is lent into memory of its own. When there is none, a Lua error. */
static void make_loans(const struct fields *fields, struct outgoing *out)
{
    for (unsigned i = 0; i < out->loan_count; i++) {
        struct loan *loan = &out->loans[i];
        mach_msg_descriptor_t *d = &message_descriptors(out->header)[loan->descriptor];
        if (loan->size != 0) {
            kern_return_t kr = vm_allocate(mach_task_self(), &loan->address, loan->size, TRUE);
            if (kr != KERN_SUCCESS) {
                outgoing_settle(out, 0);
                luaL_error(fields->L, "%s: no memory for out-of-line data (%s)", fields->call,
                           mach_error_string(kr));
            }
            memcpy((void *)(uintptr_t)loan->address, loan->data, loan->size);
        }
        d->out_of_line.address = (void *)(uintptr_t)loan->address;
    }
}

void outgoing_build(const struct fields *fields, struct outgoing *out, unsigned room)
{
    struct builder b = {*fields, out, ""};
    lua_State *L = fields->L;
    size_t length;
    unsigned ports = list_length(fields, "ports"), ool = list_length(fields, "ool"),
             ool_ports = list_length(fields, "ool_ports");
    const char *body = fields_string(fields, "body", &length);

    memset(out, 0, sizeof(*out));
    out->descriptors = ports + ool + ool_ports;
    unsigned head = sizeof(mach_msg_header_t);
    if (out->descriptors > 0)
        head += sizeof(mach_msg_body_t) + out->descriptors * sizeof(mach_msg_descriptor_t);
    out->size = head + (mach_msg_size_t)length;
    out->room = out->size > room ? out->size : room;
    out->header = state_buffer(L, out->room);
    memset(out->header, 0, head);
    out->loans = lua_newuserdatauv(L, (ool + ool_ports + 1) * sizeof(struct loan), 0);
    build_header(fields, out);
    if (out->descriptors > 0)
        ((mach_msg_body_t *)(out->header + 1))->msgh_descriptor_count = out->descriptors;
    build_list(&b, "ports", 0);
    build_list(&b, "ool", ports);
    build_list(&b, "ool_ports", ports + ool);
    if (length > 0)
        memcpy((char *)out->header + head, body, length);
    make_loans(fields, out);
}

/* Whether what we lent is still there. The address in the descriptor has changed if the message was
 * taken in and came back (a pseudo-receive); the kernel has then deallocated what it was to. */
static int loan_is_ours(const struct outgoing *out, const struct loan *loan, int sent)
{
    mach_msg_descriptor_t *d = &message_descriptors(out->header)[loan->descriptor];

    if (loan->address == 0)
        return 0;
    if (!loan->consumed)
        return 1;
    return !sent && (vm_address_t)(uintptr_t)d->out_of_line.address == loan->address;
}

void outgoing_settle(const struct outgoing *out, int sent)
{
    for (unsigned i = 0; i < out->loan_count; i++)
        if (loan_is_ours(out, &out->loans[i], sent))
            vm_deallocate(mach_task_self(), out->loans[i].address, out->loans[i].size);
}
