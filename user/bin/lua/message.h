/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Messages as Lua tables. A script says mach.send{remote = …, body = …, ports = {…}}: outgoing.c
 * builds the message in a buffer, message.c makes the call, incoming.c turns what lies in the
 * buffer afterwards into a table of the same shape. docs/lua.md has the fields.
 */
#ifndef LUA_MESSAGE_H
#define LUA_MESSAGE_H

#include <lua.h>
#include <mach/mach.h>

/* ---- fields of the table that a script gives (fields.c) -------------------------------------- */

/* Where the fields are: the table at `index` of a call named `call`; `part` is "" or says which
 * table inside it this is, as in "ool[2].". */
struct fields {
    lua_State *L;
    const char *call;
    const char *part;
    int index;
};

/* The table that is the call's only argument, checked for fields that the call does not know:
 * `known` is a list with spaces around each name. */
struct fields fields_of_call(lua_State *L, const char *call, const char *known);
int fields_error(const struct fields *fields, const char *name, const char *expected);
int fields_has(const struct fields *fields, const char *name);
lua_Integer fields_integer(const struct fields *fields, const char *name, lua_Integer low,
                           lua_Integer high, lua_Integer absent);
uint32_t fields_unsigned(const struct fields *fields, const char *name, uint32_t absent);
/* Any 32 bits, for option words whose C type is signed. */
uint32_t fields_bits(const struct fields *fields, const char *name);
int fields_boolean(const struct fields *fields, const char *name);
/* A string, which stays in the table; null and 0 if absent. */
const char *fields_string(const struct fields *fields, const char *name, size_t *length);
/* Pushes a field that is a table, or an empty table; returns the number of its elements. */
unsigned fields_table(const struct fields *fields, const char *name);

/* ---- the message to be sent (outgoing.c) ---------------------------------------------------- */

/* Memory of ours that an out-of-line descriptor points at. */
struct loan {
    vm_address_t address; /* 0: the memory is the script's */
    vm_size_t size;
    const char *data;   /* what is to be copied there; not yet allocated if address is 0 */
    boolean_t consumed; /* the kernel takes it if the message is sent */
    unsigned descriptor;
};

struct outgoing {
    mach_msg_header_t *header; /* in the state's buffer */
    mach_msg_size_t size;      /* bytes to send */
    unsigned room;             /* bytes of buffer */
    unsigned descriptors;
    unsigned loan_count;
    struct loan *loans;
};

/* Builds the message of the given fields in a buffer of at least `room` bytes. A Lua error if the
 * fields are wrong; leaves values on the stack that must stay there until outgoing_settle(). */
void outgoing_build(const struct fields *fields, struct outgoing *out, unsigned room);
/* After the call: releases what we lent. `sent`: the send half succeeded. */
void outgoing_settle(const struct outgoing *out, int sent);
/* The first descriptor of a complex message. */
mach_msg_descriptor_t *message_descriptors(mach_msg_header_t *header);
/* The disposition that goes with a name when the script gives none: what the name denotes. */
mach_msg_type_name_t default_disposition(mach_port_t name);

/* ---- what lies in a buffer after the call (incoming.c) -------------------------------------- */

enum extent {
    ONLY_HEADER, /* nothing behind the header is known to be there */
    WHOLE_MESSAGE,
};

struct incoming {
    const mach_msg_header_t *header;
    unsigned room; /* bytes of buffer */
    enum extent extent;
    int raw;                         /* out-of-line memory stays mapped: the script releases it */
    int trailer;                     /* a trailer follows the message */
    const struct outgoing *returned; /* a message of ours that was not sent; else null */
};

/* Pushes the message as a table. Out-of-line memory is released unless `raw` is set. */
void push_message(lua_State *L, const struct incoming *in);

#endif
