/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine-readable description: for each routine its C parameters, in order, and where
 * everything lies in its two messages.  A tracer, a debugger or a packet dissector decodes messages
 * with "request" and "reply" alone; a generator of bindings makes calls from "args".  The form is
 * described in docs/mig.md.
 */
#include "mig.h"

/* What comes before the next member of the object or array being written. */
struct list {
    FILE *out;
    const char *separator;
    int indent;
};

static void next(struct list *list)
{
    fprintf(list->out, "%s", list->separator);
    if (list->indent)
        fprintf(list->out, "\n%*s", list->indent, "");
    list->separator = list->indent ? "," : ", ";
}

static void put_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        if ((unsigned char)*text < ' ')
            fprintf(out, "\\u%04x", *text);
        else
            fputc(*text, out);
    }
    fputc('"', out);
}

/* "key": [, to be closed when all is in it. */
static struct list begin_array(struct list *list, const char *key)
{
    next(list);
    fprintf(list->out, "\"%s\": [", key);
    return (struct list){list->out, "", list->indent + 2};
}

/* "key": "text", or "key": null. */
static void text_member(struct list *list, const char *key, const char *text)
{
    next(list);
    fprintf(list->out, "\"%s\": ", key);
    if (text)
        put_text(list->out, text);
    else
        fputs("null", list->out);
}

static void number_member(struct list *list, const char *key, long number)
{
    next(list);
    fprintf(list->out, "\"%s\": %ld", key, number);
}

static void bool_member(struct list *list, const char *key, bool value)
{
    next(list);
    fprintf(list->out, "\"%s\": %s", key, value ? "true" : "false");
}

/* ---- types ---------------------------------------------------------------------------------- */

static const char *type_kind(const struct type *type)
{
    bool ports = type_holds_ports(type);

    switch (type->kind) {
    case TYPE_SCALAR:
        return "scalar";
    case TYPE_STRUCT:
        return "struct";
    case TYPE_ARRAY:
        return ports ? "port_array" : type->varying ? "varray" : "array";
    case TYPE_STRING:
        return "c_string";
    case TYPE_PORT:
        return "port";
    case TYPE_OOL:
        return ports ? "ool_ports" : "ool";
    }
    return NULL;
}

static const char *disposition_name(struct disposition disposition)
{
    return disposition.number == POLYMORPHIC ? NULL : disposition.name;
}

static void put_type_members(struct list *list, const struct type *type, bool with_kind);

static void put_element(struct list *list, const struct type *type)
{
    struct list members = {list->out, "", 0};

    next(list);
    fputs("\"element\": {", list->out);
    put_type_members(&members, type, true);
    fputc('}', list->out);
}

/* Members that say what a value is, without the braces. */
static void put_type_members(struct list *list, const struct type *type, bool with_kind)
{
    bool number = type->kind == TYPE_SCALAR;

    if (with_kind)
        text_member(list, "kind", type_kind(type));
    text_member(list, "type", type->name);
    text_member(list, "c_type", type->user_ctype ? type->user_ctype : type->base);
    number_member(list, "size", type->size);
    if (number) {
        bool_member(list, "signed", type->is_signed);
        bool_member(list, "real", type->is_real);
    }
    if (type->element || type->kind == TYPE_STRING) {
        number_member(list, "max", type->count);
        bool_member(list, "varying", type->varying);
    }
    if (type->element && type->kind != TYPE_STRING)
        put_element(list, type->element);
    if (type_holds_ports(type)) {
        text_member(list, "disposition", disposition_name(type->send));
        text_member(list, "received_disposition", disposition_name(type->receive));
    }
}

/* ---- parameters ----------------------------------------------------------------------------- */

static const char *arg_direction(const struct param *param)
{
    if (param->role != PARAM_VALUE)
        return param->in && param->out ? "inout" : param->out ? "out" : "in";
    switch (param->arg->direction) {
    case DIR_REQUEST_PORT:
        return "request_port";
    case DIR_REPLY_PORT:
    case DIR_UREPLY_PORT:
        return "reply_port";
    case DIR_WAIT_TIME:
        return "wait_time";
    case DIR_SEND_TIME:
        return "send_time";
    case DIR_MSG_OPTION:
        return "msg_option";
    case DIR_USER_SECTOKEN:
    case DIR_USER_IMPL:
        return "trailer";
    default:
        return param->in && param->out ? "inout" : param->out ? "out" : "in";
    }
}

static const struct param *companion(const struct routine *routine, const struct arg *arg,
                                     enum param_role role)
{
    for (const struct param *p = routine->user_params; p; p = p->next)
        if (p->arg == arg && p->role == role)
            return p;
    return NULL;
}

static void companion_member(struct list *list, const char *key, const struct param *param)
{
    text_member(list, key, param ? param_name(param) : NULL);
}

static void put_value_param(struct list *list, const struct routine *routine,
                            const struct param *param)
{
    const struct arg *arg = param->arg;
    const struct param *poly = companion(routine, arg, PARAM_POLY);

    text_member(list, "kind", poly && arg->type->kind == TYPE_PORT ? "polyport"
                                                                   : type_kind(arg->type));
    put_type_members(list, arg->type, false);
    if (poly)
        companion_member(list, "disposition_arg", poly);
    if (arg->type->varying && arg->type->kind != TYPE_STRING)
        companion_member(list, "count_arg", companion(routine, arg->count_of, PARAM_COUNT));
    if (arg->type->kind == TYPE_OOL) {
        bool_member(list, "dealloc", arg->flags & FLAG_DEALLOC);
        companion_member(list, "dealloc_arg", companion(routine, arg, PARAM_DEALLOC));
        bool_member(list, "overwrite", arg->flags & FLAG_OVERWRITE);
    }
    if (arg->flags & FLAG_RET_CODE)
        bool_member(list, "ret_code", true);
    if (arg->trailer_field)
        text_member(list, "trailer_field", arg->trailer_field);
}

static void put_param(FILE *out, const struct routine *routine, const struct param *param)
{
    static const char *const kinds[] = {
        [PARAM_POLY] = "disposition",
        [PARAM_COUNT] = "count",
        [PARAM_DEALLOC] = "dealloc",
    };
    struct list list = {out, "", 0};

    fputc('{', out);
    text_member(&list, "name", param_name(param));
    text_member(&list, "direction", arg_direction(param));
    bool_member(&list, "by_pointer", param->by_pointer);
    if (param->role == PARAM_VALUE) {
        put_value_param(&list, routine, param);
    } else {
        text_member(&list, "kind", kinds[param->role]);
        text_member(&list, "of", param->arg->name);
        text_member(&list, "c_type", param->role == PARAM_POLY    ? "mach_msg_type_name_t"
                                     : param->role == PARAM_COUNT ? "mach_msg_type_number_t"
                                                                  : "boolean_t");
        number_member(&list, "size", 4);
        bool_member(&list, "signed", param->role == PARAM_DEALLOC);
        if (param->role == PARAM_COUNT)
            number_member(&list, "max", param->arg->type->count);
    }
    fputc('}', out);
}

static void put_params(struct list *list, const struct routine *routine)
{
    struct list items = begin_array(list, "args");

    for (const struct param *p = routine->user_params; p; p = p->next) {
        next(&items);
        put_param(list->out, routine, p);
    }
    fputc(']', list->out);
}

/* ---- messages ------------------------------------------------------------------------------- */

static void put_descriptors(struct list *list, const struct message *message)
{
    struct list items = begin_array(list, "descriptors");

    for (const struct descriptor *d = message->descriptors; d; d = d->next) {
        struct list members = {list->out, "", 0};

        next(&items);
        fputc('{', list->out);
        text_member(&members, "name", d->arg->name);
        number_member(&members, "index", d->index);
        number_member(&members, "count", d->count);
        number_member(&members, "offset",
                      HEADER_SIZE + BODY_SIZE + d->index * DESCRIPTOR_SIZE);
        put_type_members(&members, d->arg->type, true);
        if (d->arg->type->varying)
            text_member(&members, "count_field", format("%sCnt", d->arg->count_of->name));
        fputc('}', list->out);
    }
    fputc(']', list->out);
}

/* Varying fields before this one take their padded sizes on top of "offset". */
static void put_position(struct list *list, const struct message *message,
                         const struct field *field)
{
    unsigned offset = field->offset;
    struct list names = {list->out, "", 0};

    for (const struct field *f = message->fields; f != field; f = f->next)
        if (f->varying)
            offset -= pad4(f->size);
    number_member(list, "offset", offset);
    next(list);
    fputs("\"after\": [", list->out);
    for (const struct field *f = message->fields; f != field; f = f->next)
        if (f->varying) {
            next(&names);
            put_text(list->out, f->arg->name);
        }
    fputc(']', list->out);
}

static void put_field(FILE *out, const struct message *message, const struct field *field)
{
    static const char *const suffixes[] = {
        [FIELD_VALUE] = "", [FIELD_COUNT] = "Cnt", [FIELD_OFFSET] = "Offset"};
    struct list list = {out, "", 0};

    fputc('{', out);
    text_member(&list, "name", format("%s%s", field->arg->name, suffixes[field->kind]));
    put_position(&list, message, field);
    if (field->kind == FIELD_VALUE) {
        put_type_members(&list, field->arg->type, true);
        if (field->varying)
            text_member(&list, "count_field", format("%sCnt", field->arg->count_of->name));
    } else {
        text_member(&list, "kind", field->kind == FIELD_COUNT ? "count" : "offset");
        text_member(&list, "of", field->arg->name);
        number_member(&list, "size", 4);
    }
    fputc('}', out);
}

static void put_fields(struct list *list, const struct message *message)
{
    struct list items = begin_array(list, "fields");

    for (const struct field *f = message->fields; f; f = f->next) {
        next(&items);
        put_field(list->out, message, f);
    }
    fputc(']', list->out);
}

static void put_message(struct list *list, const char *key, const struct message *message, int id)
{
    struct list members = {list->out, "", list->indent + 2};

    next(list);
    fprintf(list->out, "\"%s\": {", key);
    number_member(&members, "id", id);
    number_member(&members, "min_size", message->min_size);
    number_member(&members, "max_size", message->max_size);
    bool_member(&members, "complex", message->descriptor_count != 0);
    number_member(&members, "descriptor_count", message->descriptor_count);
    if (message->has_ndr)
        number_member(&members, "ndr_offset", message->ndr_offset);
    if (message->has_retcode)
        number_member(&members, "retcode_offset", message->ndr_offset + NDR_SIZE);
    put_descriptors(&members, message);
    put_fields(&members, message);
    fputc('}', list->out);
}

/* ---- the file ------------------------------------------------------------------------------- */

static void put_routine(FILE *out, const struct routine *routine)
{
    struct list list = {out, "", 6};

    fputc('{', out);
    text_member(&list, "name", routine->name);
    number_member(&list, "id", routine->id);
    if (!routine->simple)
        number_member(&list, "reply_id", routine->id + 100);
    text_member(&list, "kind", routine->simple ? "simpleroutine" : "routine");
    text_member(&list, "user_function", routine->user_name);
    text_member(&list, "server_function", routine->server_name);
    text_member(&list, "file", routine->place.file);
    number_member(&list, "line", routine->place.line);
    put_params(&list, routine);
    put_message(&list, "request", &routine->request, routine->id);
    if (!routine->simple)
        put_message(&list, "reply", &routine->reply, routine->id + 100);
    fputc('}', out);
}

/* Each named type that a routine uses, once, in the order of first use. */
static void put_types(struct list *list)
{
    struct list items = {list->out, "", list->indent + 2};
    struct {
        const struct type *type;
        void *next;
    } *seen = NULL, *entry;

    next(list);
    fputs("\"types\": [", list->out);
    for (const struct routine *r = subsys.routines; r; r = r->next)
        for (const struct arg *arg = r->args; arg; arg = arg->next) {
            struct list members = {list->out, "", 0};

            for (entry = seen; entry && entry->type != arg->type; entry = entry->next)
                continue;
            if (entry)
                continue;
            entry = zalloc(sizeof(*entry));
            entry->type = arg->type;
            entry->next = seen;
            seen = entry;
            next(&items);
            fputc('{', list->out);
            put_type_members(&members, arg->type, true);
            fputc('}', list->out);
        }
    fputc(']', list->out);
}

void emit_json(FILE *out)
{
    struct list list = {out, "", 2}, items = {out, "", 4};

    fputc('{', out);
    text_member(&list, "subsystem", subsys.name);
    number_member(&list, "base", subsys.base);
    number_member(&list, "end", subsys.base + subsys.next_id);
    text_member(&list, "source", subsys.source);
    bool_member(&list, "kernel_user", subsys.kernel_user);
    bool_member(&list, "kernel_server", subsys.kernel_server);
    next(&list);
    fputs("\"routines\": [", out);
    for (const struct routine *r = subsys.routines; r; r = r->next) {
        next(&items);
        put_routine(out, r);
    }
    fputc(']', out);
    put_types(&list);
    fputs("\n}\n", out);
}
