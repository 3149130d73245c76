/* SPDX-License-Identifier: BSD-2-Clause
 *
 * C structures as Lua tables. A layout lists the fields of one structure under their C names, with
 * the offsets that the compiler gives them; the info calls, where a flavor number chooses the
 * structure, find theirs in a table of flavors. Both tables are layout_table.c; the conversions are
 * layout.c.
 *
 * tools/luagen reads the declarations `extern const struct layout layout_NAME;` below: an argument
 * whose C type is NAME, or struct NAME, travels as that table.
 */
#ifndef LUA_LAYOUT_H
#define LUA_LAYOUT_H

#include "arg.h"

enum field_kind {
    FIELD_UNSIGNED,
    FIELD_SIGNED,
    FIELD_BOOLEAN,
    FIELD_BYTES,  /* an array of characters: a string of that length */
    FIELD_STRUCT, /* of layout `part` */
};

struct field {
    const char *name; /* null: end of the list */
    unsigned short offset;
    unsigned short size;  /* of one element, bytes */
    unsigned short count; /* elements: 1, or more for an array, which is a table */
    unsigned char kind;
    const struct layout *part;
};

struct layout {
    const char *name;
    unsigned size;
    const struct field *fields;
};

extern const struct layout layout_tvalspec_t;
extern const struct layout layout_time_value_t;
extern const struct layout layout_security_token_t;
extern const struct layout layout_mach_port_status_t;
extern const struct layout layout_mach_port_limits_t;
extern const struct layout layout_minato_task_counts_t;
extern const struct layout layout_minato_host_counts_t;
extern const struct layout layout_minato_port_info_t;
extern const struct layout layout_minato_limits_t;
extern const struct layout layout_mach_port_qos_t;
extern const struct layout layout_minato_vm_region_t;

/* One flavor of an info call. `call` is the name of the routine, or of the array's C type when all
 * routines that use the type agree on its flavors. */
struct flavor {
    const char *call; /* null: end of the list */
    int flavor;
    const struct layout *layout;
};
extern const struct flavor flavors[];

/* The layout of a flavor of `call`, or of `type`; null if we know none. */
const struct layout *layout_of_flavor(const char *call, const char *type, int flavor);

/* Pushes the structure at `data` as a table; only the fields that lie within `size` bytes. */
void push_layout(lua_State *L, const struct layout *layout, const void *data, unsigned size);
/* Reads argument `n` into `data`. Absent fields are 0; a key that is no field is an error. */
void arg_layout(lua_State *L, const struct call *call, int n, const struct layout *layout,
                void *data);

/* Info arrays. Without a layout, or when the script gives a table with elements [1]… or a string,
 * they are plain words, so that a script can also send what is no valid structure. */
void push_info(lua_State *L, const struct layout *layout, const uint32_t *words, unsigned count);
uint32_t *arg_info(lua_State *L, const struct call *call, int n, const struct layout *layout,
                   unsigned *count);

#endif
