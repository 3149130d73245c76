/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all emitters of C need: C types of arguments on either side, names, comments, prototypes.
 *
 * In the kernel (KernelServer, KernelUser) a port is an ipc_port_t, out-of-line data a
 * vm_map_copy_t and an out-of-line array of ports an ipc_port_t *, whatever the .defs calls them,
 * unless it says so with cservertype; the .defs need no conditionals for that.
 */
#include "mig.h"

bool in_kernel(enum side side)
{
    return side == USER_SIDE ? subsys.kernel_user : subsys.kernel_server;
}

const char *value_ctype(const struct type *type, enum side side)
{
    bool replace = in_kernel(side) && !(side == SERVER_SIDE && type->server_ctype_given);

    if (replace && type->kind == TYPE_PORT)
        return "ipc_port_t";
    if (replace && type_holds_ports(type))
        return "ipc_port_t *";
    if (replace && type->kind == TYPE_OOL)
        return "vm_map_copy_t";
    return side == USER_SIDE ? type->user_ctype : type->server_ctype;
}

/* The type down to which arrays are laid out flat: the first with a name of its own. */
static const struct type *flat_element(const struct type *type)
{
    while (type->element && (type->kind != TYPE_STRUCT || !type->name))
        type = type->element;
    return type;
}

const char *element_ctype(const struct type *type, enum side side)
{
    const struct type *element = flat_element(type);

    if (element->kind == TYPE_PORT && in_kernel(side))
        return "ipc_port_t";
    if (!element->name)
        return element->base;
    return side == USER_SIDE ? element->user_ctype : element->server_ctype;
}

/* Bytes of one element as counted by nameCnt. */
unsigned element_size(const struct type *type)
{
    return type->element ? type->element->size : type->size;
}

bool is_translated_in(const struct arg *arg)
{
    return arg->type->in_trans && (arg_goes_in(arg) || arg->direction == DIR_REQUEST_PORT ||
                                   arg->direction == DIR_REPLY_PORT ||
                                   arg->direction == DIR_SREPLY_PORT);
}

bool is_translated_out(const struct arg *arg)
{
    return arg->type->out_trans && arg_goes_out(arg);
}

const char *function_ctype(const struct arg *arg, enum side side)
{
    if (side == SERVER_SIDE && (is_translated_in(arg) || is_translated_out(arg)))
        return arg->type->trans_ctype;
    return value_ctype(arg->type, side);
}

const char *port_cast(enum side side)
{
    return in_kernel(side) ? "(mach_port_t)" : "";
}

bool is_port_array(const struct arg *arg)
{
    return arg->type->kind == TYPE_ARRAY && type_holds_ports(arg->type);
}

const char *descriptor_ctype(const struct arg *arg)
{
    if (arg->type->kind != TYPE_OOL)
        return "mach_msg_port_descriptor_t";
    return type_holds_ports(arg->type) ? "mach_msg_ool_ports_descriptor_t"
                                       : "mach_msg_ool_descriptor_t";
}

const char *copy_option(const struct arg *arg)
{
    return arg->flags & FLAG_PHYSICAL_COPY ? "MACH_MSG_PHYSICAL_COPY" : "MACH_MSG_VIRTUAL_COPY";
}

/* ---- names ---------------------------------------------------------------------------------- */

char *message_ctype(const struct message *message)
{
    return format("__%s__%s_t", message->is_reply ? "Reply" : "Request", message->routine->name);
}

const char *message_base(const struct message *message)
{
    return message->is_reply ? "Out" : "In";
}

char *via(const struct message *message, unsigned behind)
{
    if (behind == 0)
        return format("%sP", message_base(message));
    return format("%s%uP", message_base(message), behind);
}

const struct field *find_field(const struct message *message, const struct arg *arg,
                               enum field_kind kind)
{
    for (const struct field *f = message->fields; f; f = f->next)
        if (f->arg == arg && f->kind == kind)
            return f;
    return NULL;
}

char *count_in_message(const struct message *message, const struct arg *arg)
{
    const struct field *field = find_field(message, arg->count_of, FIELD_COUNT);

    return format("%s->%sCnt", via(message, field->behind), arg->count_of->name);
}

unsigned most_counted(const struct routine *routine, const struct arg *arg)
{
    unsigned most = 0;

    for (const struct arg *a = routine->args; a; a = a->next)
        if (a->count_of == arg && a->type->count != 0 && (most == 0 || a->type->count < most))
            most = a->type->count;
    return most;
}

char *bytes_of(const struct arg *arg, const char *count)
{
    unsigned size = arg->type->kind == TYPE_STRING ? 1 : element_size(arg->type);

    return size == 1 ? format("%s", count) : format("%u * %s", size, count);
}

bool has_fields_behind(const struct message *message, unsigned n)
{
    for (const struct field *f = message->fields; f; f = f->next)
        if (f->behind == n)
            return true;
    return false;
}

char *param_name(const struct param *param)
{
    static const char *const suffixes[] = {
        [PARAM_VALUE] = "",
        [PARAM_POLY] = "Poly",
        [PARAM_COUNT] = "Cnt",
        [PARAM_DEALLOC] = "Dealloc",
        [PARAM_SCOPY] = "SCopy",
    };

    return format("%s%s", param->arg->name, suffixes[param->role]);
}

/* ---- text ----------------------------------------------------------------------------------- */

void emit_banner(FILE *out, const char *what)
{
    fprintf(out, "/*\n * %s of subsystem %s.\n * Made by mig from %s; do not edit.\n */\n", what,
            subsys.name, subsys.source);
}

void emit_imports(FILE *out, enum side side)
{
    for (const struct import *i = subsys.imports; i; i = i->next)
        if (side == USER_SIDE ? i->user : i->server)
            fprintf(out, "#include %s\n", i->file);
}

void emit_routine_comment(FILE *out, const struct routine *routine, const char *what)
{
    fprintf(out, "\n/* %s%s %s, id %d (%s:%d) */\n", what,
            routine->simple ? "simpleroutine" : "routine", routine->name, routine->id,
            routine->place.file, routine->place.line);
}

static const char *param_ctype(const struct param *param, enum side side)
{
    const struct arg *arg = param->arg;
    bool read_only = (arg->flags & FLAG_CONST) && arg->direction == DIR_IN;

    switch (param->role) {
    case PARAM_VALUE:
        if (arg->direction == DIR_SERVER_IMPL || arg->direction == DIR_MSG_SEQNO)
            return arg->type->server_ctype;
        /* Callers pass literals and buffers shorter than the array that the type may be. */
        if (side == USER_SIDE && arg->direction == DIR_IN && arg->type->kind == TYPE_STRING)
            return "const char *";
        if (!read_only || arg->type->kind == TYPE_OOL)
            return function_ctype(arg, side);
        if (arg->type->kind == TYPE_ARRAY || arg->type->kind == TYPE_STRING)
            return format("const %s *", element_ctype(arg->type, side));
        return format("const %s", function_ctype(arg, side));
    case PARAM_POLY:
        return "mach_msg_type_name_t";
    case PARAM_COUNT:
        return "mach_msg_type_number_t";
    case PARAM_DEALLOC:
    case PARAM_SCOPY:
        return "boolean_t";
    }
    return NULL;
}

void emit_prototype(FILE *out, const struct routine *routine, enum side side, const char *start,
                    const char *end)
{
    const struct param *params = side == USER_SIDE ? routine->user_params : routine->server_params;

    fprintf(out, "%skern_return_t %s(\n", start,
            side == USER_SIDE ? routine->user_name : routine->server_name);
    for (const struct param *p = params; p; p = p->next) {
        const char *ctype = param_ctype(p, side);
        bool star = ctype[0] && ctype[__builtin_strlen(ctype) - 1] == '*';

        fprintf(out, "    %s%s%s%s%s", ctype, star ? "" : " ", p->by_pointer ? "*" : "",
                param_name(p), p->next ? ",\n" : "");
    }
    if (!params)
        fputs("    void", out);
    fprintf(out, ")%s\n", end);
}
