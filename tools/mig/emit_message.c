/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * C structs of the messages, one per request and reply, and compile-time checks that the C types
 * named in the .defs have the sizes that the .defs give them.
 */
#include "mig.h"

static void emit_padding(FILE *out, const char *name, unsigned size)
{
    if (size % 4 != 0)
        fprintf(out, "    char %sPad[%u];\n", name, pad4(size) - size);
}

static void emit_field(FILE *out, const struct field *field, enum side side)
{
    const struct type *type = field->arg->type;
    const char *name = field->arg->name;
    const struct type *element = type;
    unsigned count;

    if (field->kind == FIELD_OFFSET) {
        fprintf(out, "    mach_msg_type_number_t %sOffset; /* always 0 */\n", name);
        return;
    }
    if (field->kind == FIELD_COUNT) {
        fprintf(out, "    mach_msg_type_number_t %sCnt;\n", name);
        return;
    }
    if (type->kind == TYPE_SCALAR || type->kind == TYPE_STRUCT) {
        fprintf(out, "    %s %s;\n", value_ctype(type, side), name);
    } else {
        while (element->element && (element->kind != TYPE_STRUCT || !element->name))
            element = element->element;
        count = type->size / element->size;
        fprintf(out, "    %s %s[%u];%s\n", element_ctype(type, side), name, count,
                field->varying ? " /* as much as is used */" : "");
    }
    emit_padding(out, name, type->size);
}

static void emit_message(FILE *out, const struct message *message, enum side side)
{
    if (message->varying_count)
        fprintf(out, "typedef struct { /* %u to %u bytes */\n", message->min_size,
                message->max_size);
    else
        fprintf(out, "typedef struct { /* %u bytes */\n", message->max_size);
    fputs("    mach_msg_header_t Head;\n", out);
    if (message->descriptor_count)
        fputs("    mach_msg_body_t msgh_body;\n", out);
    for (const struct descriptor *d = message->descriptors; d; d = d->next) {
        fprintf(out, "    %s %s", descriptor_ctype(d->arg), d->arg->name);
        if (is_port_array(d->arg))
            fprintf(out, "[%u]", d->count);
        fputs(";\n", out);
    }
    if (message->has_ndr)
        fputs("    NDR_record_t NDR;\n", out);
    if (message->has_retcode)
        fputs("    kern_return_t RetCode;\n", out);
    for (const struct field *f = message->fields; f; f = f->next)
        emit_field(out, f, side);
    fprintf(out, "} %s;\n", message_ctype(message));
}

static void emit_union(FILE *out, bool replies)
{
    const char *kind = replies ? "Reply" : "Request";

    fprintf(out, "\n/* As large as the largest %s. */\nunion __%sUnion__%s_subsystem {\n",
            replies ? "reply" : "request", kind, subsys.name);
    if (replies)
        fputs("    mig_reply_error_t error;\n", out);
    else
        fputs("    mach_msg_header_t header;\n", out);
    for (const struct routine *r = subsys.routines; r; r = r->next)
        if (!replies || !r->simple)
            fprintf(out, "    __%s__%s_t %s_%s;\n", kind, r->name, kind, r->name);
    fputs("};\n", out);
}

/* Guarded, since the user's and the server's header may meet in one file; they agree in layout. */
void emit_messages(FILE *out, enum side side)
{
    fprintf(out, "\n#ifndef __messages__%s_subsystem__defined\n"
                 "#define __messages__%s_subsystem__defined\n\n#pragma pack(push, 4)\n",
            subsys.name, subsys.name);
    for (const struct routine *r = subsys.routines; r; r = r->next) {
        emit_routine_comment(out, r, "");
        emit_message(out, &r->request, side);
        if (!r->simple)
            emit_message(out, &r->reply, side);
    }
    fputs("\n#pragma pack(pop)\n", out);
    emit_union(out, false);
    emit_union(out, true);
    fprintf(out, "\n#endif /* __messages__%s_subsystem__defined */\n", subsys.name);
}

/* ---- sizes ---------------------------------------------------------------------------------- */

struct seen {
    const char *ctype;
    struct seen *next;
};

static bool first_time(struct seen **seen, const char *ctype)
{
    struct seen *entry;

    for (struct seen *s = *seen; s; s = s->next)
        if (same(s->ctype, ctype))
            return false;
    entry = zalloc(sizeof(*entry));
    *entry = (struct seen){ctype, *seen};
    *seen = entry;
    return true;
}

static void emit_size_check(FILE *out, const struct type *type, enum side side, struct seen **seen)
{
    const char *ctype;

    while (type->element && (type->kind != TYPE_STRUCT || !type->name))
        type = type->element;
    if (!type->name || type->kind == TYPE_PORT)
        return;
    ctype = value_ctype(type, side);
    if (first_time(seen, ctype))
        fprintf(out, "_Static_assert(sizeof(%s) == %u,\n"
                     "               \"%s:%d: the C type is not of this size\");\n", ctype,
                type->size, type->place.file, type->place.line);
}

void emit_size_checks(FILE *out, enum side side)
{
    struct seen *seen = NULL;

    fputs("\n/* The C types are as large as the .defs say. */\n", out);
    for (const struct routine *r = subsys.routines; r; r = r->next)
        for (const struct arg *arg = r->args; arg; arg = arg->next)
            if (arg_goes_in(arg) || arg_goes_out(arg))
                emit_size_check(out, arg->type, side, &seen);
}
