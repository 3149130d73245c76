/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mach.send, mach.receive, mach.rpc, the bare mach.mach_msg and mach.mach_msg_overwrite. All end in
 * mach_msg() or mach_msg_overwrite(), which repeat interrupted halves, but not when the test that we run
 * in is over its time (watch.c).
 */
#include "message.h"

#include "arg.h"
#include "entry.h"
#include "state.h"
#include "watch.h"

#include <string.h>

#define SEND_FIELDS                                                                                \
    " remote disp local_port local_disp id body ports ool ool_ports timeout options notify "
#define RECEIVE_FIELDS " port timeout max options raw notify "
#define RPC_FIELDS SEND_FIELDS "reply_timeout max raw "

#define BODY_MAX (MACH_MSG_SIZE_MAX - sizeof(mach_msg_header_t))
#define BUFFER_MAX (MACH_MSG_SIZE_MAX + 64) /* the kernel never writes more than that */

#define BUFFER 2 /* where the buffer is on the stack of each of the four: behind the argument */

/* One mach_msg() call. */
struct message_call {
    mach_msg_header_t *header;
    uint32_t option;
    mach_msg_size_t send_size, rcv_size;
    mach_port_t rcv_name;
    mach_msg_timeout_t timeout;
    mach_port_t notify;
};

static mach_msg_return_t message_call(lua_State *L, const struct message_call *call)
{
    if (watch_expired(L)) /* finish() raises the error */
        return call->option & MACH_SEND_MSG ? MACH_SEND_INTERRUPTED : MACH_RCV_INTERRUPTED;
    return mach_msg(call->header, (mach_msg_option_t)call->option, call->send_size, call->rcv_size,
                    call->rcv_name, call->timeout, call->notify);
}

static int is_receive_error(mach_msg_return_t kr)
{
    return (kr & ~0x3fff) == (MACH_RCV_IN_PROGRESS & ~0x3fff);
}

/* Options of the receive half: a trailer with the sequence number, unless more was asked for. */
static uint32_t receive_options(uint32_t options)
{
    if (GET_RCV_ELEMENTS(options) == MACH_RCV_TRAILER_NULL)
        options |= MACH_RCV_TRAILER_ELEMENTS(MACH_RCV_TRAILER_SEQNO);
    return options | MACH_RCV_MSG;
}

/* Bytes of buffer for a message of `max` bytes behind the header. */
static mach_msg_size_t receive_size(uint32_t max, uint32_t options)
{
    uint64_t size = (uint64_t)sizeof(mach_msg_header_t) + max + REQUESTED_TRAILER_SIZE(options);

    return size > UINT32_MAX ? UINT32_MAX : (mach_msg_size_t)size;
}

/* How much buffer a receive size needs: the kernel writes no more than the largest message. */
static unsigned buffer_room(mach_msg_size_t rcv_size)
{
    return rcv_size > BUFFER_MAX ? BUFFER_MAX : rcv_size;
}

/* What a receive half left: the whole message, or after an error what the manual says is there. */
static void push_received(lua_State *L, const struct message_call *call, unsigned room, int raw,
                          mach_msg_return_t kr)
{
    int whole = kr == MACH_MSG_SUCCESS || (kr & ~MACH_MSG_MASK) == MACH_RCV_BODY_ERROR;
    struct incoming in = {call->header, room,  whole ? WHOLE_MESSAGE : ONLY_HEADER,
                          raw,          whole, NULL};

    push_message(L, &in);
}

/* A timeout of milliseconds and the option that goes with it; absent: none. */
static uint32_t timeout_field(const struct fields *fields, const char *name, uint32_t option,
                              mach_msg_timeout_t *timeout)
{
    if (!fields_has(fields, name))
        return 0;
    *timeout = fields_unsigned(fields, name, 0);
    return option;
}

/* Pushes kr below msg, gives the buffer back, and lets the watch have its say. */
static int finish(lua_State *L, mach_msg_return_t kr)
{
    state_buffer_done(L, BUFFER);
    lua_pushinteger(L, kr);
    lua_insert(L, -2);
    return watch_finish(L, 2);
}

/* ---- mach.send ----------------------------------------------------------------------------- */

/* The send half failed: what the call left of our message. */
static void push_returned(lua_State *L, const struct outgoing *out)
{
    struct incoming in = {out->header, out->size, WHOLE_MESSAGE, 0, 0, out};

    push_message(L, &in);
}

static int message_send(lua_State *L)
{
    struct fields fields = fields_of_call(L, "mach.send", SEND_FIELDS);
    struct message_call call = {.option = MACH_SEND_MSG | fields_bits(&fields, "options")};
    struct outgoing out;

    call.option |= timeout_field(&fields, "timeout", MACH_SEND_TIMEOUT, &call.timeout);
    call.notify = fields_unsigned(&fields, "notify", MACH_PORT_NULL);
    outgoing_build(&fields, &out, sizeof(mach_msg_header_t));
    call.header = out.header;
    call.send_size = out.size;
    mach_msg_return_t kr = message_call(L, &call);
    if (kr == MACH_MSG_SUCCESS)
        lua_pushnil(L);
    else
        push_returned(L, &out);
    outgoing_settle(&out, kr == MACH_MSG_SUCCESS || is_receive_error(kr));
    return finish(L, kr);
}

/* ---- mach.receive -------------------------------------------------------------------------- */

static int message_receive(lua_State *L)
{
    struct fields fields = fields_of_call(L, "mach.receive", RECEIVE_FIELDS);
    struct message_call call = {.option = receive_options(fields_bits(&fields, "options"))};
    uint32_t max = fields_unsigned(&fields, "max", BODY_MAX);
    int raw = fields_boolean(&fields, "raw");

    call.rcv_name = fields_unsigned(&fields, "port", MACH_PORT_NULL);
    call.notify = fields_unsigned(&fields, "notify", MACH_PORT_NULL);
    call.option |= timeout_field(&fields, "timeout", MACH_RCV_TIMEOUT, &call.timeout);
    call.rcv_size = receive_size(max, call.option);
    unsigned room = buffer_room(call.rcv_size);
    call.header = state_buffer(L, room);
    memset(call.header, 0, sizeof(mach_msg_header_t));
    mach_msg_return_t kr = message_call(L, &call);
    push_received(L, &call, room, raw, kr);
    return finish(L, kr);
}

/* ---- mach.rpc ------------------------------------------------------------------------------ */

/* What rpc needs to know besides the message. */
struct rpc {
    uint32_t options; /* as given, with those of the two timeouts */
    mach_msg_timeout_t timeout, reply_timeout;
    mach_port_t reply_port;
    int made; /* the reply port is ours to destroy */
    int raw;
};

/* The message has just one timeout: two different ones take two calls. */
static mach_msg_return_t rpc_call(lua_State *L, const struct rpc *rpc, struct message_call *call)
{
    uint32_t both = rpc->options;
    int needs_two = (both & MACH_SEND_TIMEOUT) && (both & MACH_RCV_TIMEOUT) &&
                    rpc->timeout != rpc->reply_timeout;

    call->option = both | MACH_SEND_MSG;
    call->timeout = both & MACH_RCV_TIMEOUT ? rpc->reply_timeout : rpc->timeout;
    if (!needs_two)
        return message_call(L, call);
    call->option = (both | MACH_SEND_MSG) & ~(uint32_t)(MACH_RCV_MSG | MACH_RCV_TIMEOUT);
    call->timeout = rpc->timeout;
    mach_msg_return_t kr = message_call(L, call);
    if (kr != MACH_MSG_SUCCESS)
        return kr;
    call->option = both & ~(uint32_t)(MACH_SEND_MSG | MACH_SEND_TIMEOUT);
    call->timeout = rpc->reply_timeout;
    return message_call(L, call);
}

static void rpc_fields(const struct fields *fields, struct rpc *rpc)
{
    rpc->options = receive_options(fields_bits(fields, "options"));
    rpc->options |= timeout_field(fields, "timeout", MACH_SEND_TIMEOUT, &rpc->timeout);
    rpc->options |= timeout_field(fields, "reply_timeout", MACH_RCV_TIMEOUT, &rpc->reply_timeout);
    rpc->raw = fields_boolean(fields, "raw");
}

/* Destroys the reply port that was made, and the right to it that came back with a message that
 * could not be sent. */
static void rpc_reply_port_gone(const struct rpc *rpc, const mach_msg_header_t *header, int sent)
{
    mach_port_t returned = header->msgh_local_port;

    mach_port_mod_refs(mach_task_self(), rpc->reply_port, MACH_PORT_RIGHT_RECEIVE, -1);
    if (!sent && returned != rpc->reply_port && MACH_PORT_VALID(returned))
        mach_port_deallocate(mach_task_self(), returned);
}

/* The port that the reply is to come to: the script's, or a new one. */
static void rpc_reply_port(struct rpc *rpc, mach_msg_header_t *header)
{
    if (header->msgh_local_port == MACH_PORT_NULL) {
        header->msgh_local_port = mach_reply_port();
        if (MACH_MSGH_BITS_LOCAL(header->msgh_bits) == 0)
            header->msgh_bits |= MACH_MSGH_BITS(0, MACH_MSG_TYPE_MAKE_SEND_ONCE);
        rpc->made = 1;
    }
    rpc->reply_port = header->msgh_local_port;
}

static int message_rpc(lua_State *L)
{
    struct fields fields = fields_of_call(L, "mach.rpc", RPC_FIELDS);
    uint32_t max = fields_unsigned(&fields, "max", BODY_MAX);
    struct message_call call = {.notify = fields_unsigned(&fields, "notify", MACH_PORT_NULL)};
    struct rpc rpc = {0};
    struct outgoing out;

    rpc_fields(&fields, &rpc);
    call.rcv_size = receive_size(max, rpc.options);
    outgoing_build(&fields, &out, buffer_room(call.rcv_size));
    rpc_reply_port(&rpc, out.header);
    call.header = out.header;
    call.send_size = out.size;
    call.rcv_name = rpc.reply_port;
    mach_msg_return_t kr = rpc_call(L, &rpc, &call);
    int sent = kr == MACH_MSG_SUCCESS || is_receive_error(kr);
    if (sent)
        push_received(L, &call, out.room, rpc.raw, kr);
    else
        push_returned(L, &out);
    outgoing_settle(&out, sent);
    if (rpc.made)
        rpc_reply_port_gone(&rpc, out.header, sent);
    return finish(L, kr);
}

/* ---- mach.mach_msg ------------------------------------------------------------------------- */

static const struct call bare_call = {
    "mach_msg",
    {"bytes", "option", "send_size", "rcv_size", "rcv_name", "timeout", "notify"},
};
static const struct call bare_overwrite_call = {
    "mach_msg_overwrite",
    {"bytes", "option", "send_size", "rcv_size", "rcv_name", "timeout", "notify", "rcv_bytes",
     "scatter_list_size"},
};

static uint32_t optional_unsigned(lua_State *L, const struct call *bare, int n)
{
    return lua_isnoneornil(L, n) ? 0 : arg_unsigned(L, bare, n);
}

/* The bytes that the call left: a received message with its trailer, or else the buffer. */
static void push_bytes(lua_State *L, const struct message_call *call, unsigned given,
                       mach_msg_return_t kr)
{
    unsigned size = given;

    if ((call->option & MACH_RCV_MSG) && kr == MACH_MSG_SUCCESS)
        size = round_msg(call->header->msgh_size) + REQUESTED_TRAILER_SIZE(call->option);
    else if ((call->option & MACH_RCV_MSG) && size < sizeof(mach_msg_header_t))
        size = sizeof(mach_msg_header_t);
    if ((call->option & MACH_RCV_MSG) && size > call->rcv_size)
        size = given > call->rcv_size ? given : call->rcv_size;
    lua_pushlstring(L, (const char *)call->header, size);
}

static struct message_call bare_arguments(lua_State *L, const struct call *bare)
{
    return (struct message_call){
        .option = arg_bits(L, bare, 2),
        .send_size = arg_unsigned(L, bare, 3),
        .rcv_size = arg_unsigned(L, bare, 4),
        .rcv_name = arg_unsigned(L, bare, 5),
        .timeout = optional_unsigned(L, bare, 6),
        .notify = optional_unsigned(L, bare, 7),
    };
}

static int message_bare(lua_State *L)
{
    unsigned given;
    const void *bytes = arg_bytes(L, &bare_call, 1, 1, &given);
    struct message_call call = bare_arguments(L, &bare_call);
    unsigned room = given > BUFFER_MAX ? given : BUFFER_MAX;

    lua_settop(L, BUFFER - 1);
    call.header = state_buffer(L, room);
    memset(call.header, 0, room);
    memcpy(call.header, bytes, given);
    mach_msg_return_t kr = message_call(L, &call);
    push_bytes(L, &call, given, kr);
    return finish(L, kr);
}

/* The same with a buffer of its own for the receive half, if rcv_bytes is given; that is what comes back,
 * as long as the receive size. */
static int message_bare_overwrite(lua_State *L)
{
    unsigned given, list = 0;
    const struct call *bare = &bare_overwrite_call;
    const void *bytes = arg_bytes(L, bare, 1, 1, &given);
    struct message_call call = bare_arguments(L, bare);
    const void *rcv_bytes = lua_isnoneornil(L, 8) ? NULL : arg_bytes(L, bare, 8, 1, &list);
    mach_msg_size_t list_size = optional_unsigned(L, bare, 9);
    unsigned room = round_msg(given) + BUFFER_MAX;
    mach_msg_header_t *rcv = NULL;

    call.header = state_buffer(L, 2 * room + list);
    lua_insert(L, BUFFER);
    memset(call.header, 0, 2 * room + list);
    memcpy(call.header, bytes, given);
    if (rcv_bytes != NULL) {
        rcv = (mach_msg_header_t *)((char *)call.header + room);
        memcpy(rcv, rcv_bytes, list);
    }
    mach_msg_return_t kr = mach_msg_overwrite(call.header, (mach_msg_option_t)call.option,
                                              call.send_size, call.rcv_size, call.rcv_name,
                                              call.timeout, call.notify, rcv, list_size);
    lua_pushlstring(L, (const char *)(rcv != NULL ? rcv : call.header), buffer_room(call.rcv_size));
    return finish(L, kr);
}

#define GROUP "messages"

const struct entry message_entries[] = {
    {"send", message_send, GROUP, "{fields}", "kr, msg",
     "remote=, disp=, local_port=, local_disp=, id=, body=, ports={{name, disp}, ...},\n"
     "ool={{data=} or {addr=, size=}, ...} with copy=, deallocate=,\n"
     "ool_ports={{{names...}, disp}, ...}, timeout=ms, options=\n"
     "Sends a message. After an error msg is the message as the call left it."},
    {"receive", message_receive, GROUP, "{fields}", "kr, msg",
     "port=, timeout=ms, max=bytes behind the header, options=, raw=\n"
     "msg has id bits size remote local_port body ports ool ool_ports seqno. Out-of-line memory\n"
     "comes as {data=, size=}, with raw=true as {addr=, size=}, to be released by the script."},
    {"rpc", message_rpc, GROUP, "{fields}", "kr, msg",
     "the fields of mach.send, reply_timeout=ms, max=, raw=\n"
     "Sends a message with a reply port made for it and receives the reply."},
    {"mach_msg", message_bare, GROUP,
     "bytes, option, send_size, rcv_size, rcv_name, timeout, notify", "kr, bytes",
     "The bare call, on a buffer that holds the bytes; for malformed messages."},
    {"mach_msg_overwrite", message_bare_overwrite, GROUP,
     "bytes, option, send_size, rcv_size, rcv_name, timeout, notify, rcv_bytes, scatter_list_size",
     "kr, bytes", "The same; with rcv_bytes the receive half has a buffer of its own, which begins with\n"
     "them and comes back. user/lib/lua/scatter.lua packs a list and unpacks what came."},
    {0},
};
