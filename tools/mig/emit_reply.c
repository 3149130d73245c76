/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of a server stub: the reply.  The server function has written its out arguments into the
 * reply with every array at its full size; what it put into locals (rights, out-of-line data,
 * translated values) is stored now, and then the reply is pressed together: each piece between two
 * varying arrays moves up to the end of what precedes it.
 */
#include "mig.h"

static const char *disposition(const struct arg *arg)
{
    if (sent_by_server(arg).number == POLYMORPHIC)
        return format("%sPoly", arg->name);
    return sent_by_server(arg).name;
}

static const char *deallocate(const struct arg *arg)
{
    if (arg->flags & FLAG_MAYBE_DEALLOC)
        return format("%sDealloc != FALSE", arg->name);
    return arg->flags & FLAG_DEALLOC ? "TRUE" : "FALSE";
}

/* The value the function left in a local, translated back. */
static char *local_value(const struct arg *arg)
{
    if (is_translated_out(arg))
        return format("%s(%s)", arg->type->out_trans, arg->name);
    return format("%s", arg->name);
}

/* An array's count, as a C expression good before anything has moved. */
static char *count_of(const struct arg *arg)
{
    return format("OutP->%sCnt", arg->count_of->name);
}

/* Bytes that a varying field uses, likewise. */
static char *used(const struct field *field)
{
    return bytes_of(field->arg, count_of(field->arg));
}

static void emit_out_descriptor(FILE *out, const struct descriptor *d)
{
    const struct arg *arg = d->arg;
    const char *count = arg->type->varying ? count_of(arg) : format("%u", arg->type->count);

    if (is_port_array(arg))
        fprintf(out,
                "    for (unsigned int Index = 0; Index < %u; Index++)\n"
                "        OutP->%s[Index] = (mach_msg_port_descriptor_t){\n"
                "            .name = Index < %s ? %s%s[Index] : MACH_PORT_NULL,\n"
                "            .disposition = %s, .type = MACH_MSG_PORT_DESCRIPTOR};\n",
                d->count, arg->name, count, port_cast(SERVER_SIDE), arg->name, disposition(arg));
    else if (arg->type->kind == TYPE_PORT)
        fprintf(out,
                "    OutP->%s = (mach_msg_port_descriptor_t){\n"
                "        .name = %s%s, .disposition = %s,\n"
                "        .type = MACH_MSG_PORT_DESCRIPTOR};\n",
                arg->name, port_cast(SERVER_SIDE), local_value(arg), disposition(arg));
    else if (type_holds_ports(arg->type))
        fprintf(out,
                "    OutP->%s = (mach_msg_ool_ports_descriptor_t){\n"
                "        .address = (void *)%s, .count = %s,\n"
                "        .deallocate = %s, .copy = %s,\n"
                "        .disposition = %s, .type = MACH_MSG_OOL_PORTS_DESCRIPTOR};\n",
                arg->name, arg->name, count, deallocate(arg), copy_option(arg), disposition(arg));
    else
        fprintf(out,
                "    OutP->%s = (mach_msg_ool_descriptor_t){\n"
                "        .address = (void *)%s, .size = %s,\n"
                "        .deallocate = %s, .copy = %s, .type = MACH_MSG_OOL_DESCRIPTOR};\n",
                arg->name, arg->name, bytes_of(arg, count), deallocate(arg), copy_option(arg));
}

/* A count beyond the array is the function's mistake; the reply does not run over its buffer. */
static void emit_count_checks(FILE *out, const struct message *message)
{
    const char *start = "    if (";

    for (const struct field *f = message->fields; f; f = f->next) {
        unsigned most = most_counted(message->routine, f->arg);

        if (f->kind == FIELD_COUNT && f->arg->type->kind != TYPE_STRING && most != 0) {
            fprintf(out, "%sOutP->%sCnt > %u", start, f->arg->name, most);
            start = " ||\n        ";
        }
    }
    if (same(start, "    if ("))
        return;
    fputs(") {\n        mig_reply_error(OutHeadP, MIG_ARRAY_TOO_LARGE);\n"
          "        return;\n    }\n", out);
}

static void emit_value(FILE *out, const struct field *field)
{
    const struct arg *arg = field->arg;
    const char *name = arg->name;

    if (is_translated_out(arg))
        fprintf(out, "    OutP->%s = %s;\n", name, local_value(arg));
    if (arg->type->kind == TYPE_STRING && arg->type->varying)
        fprintf(out, "    OutP->%sOffset = 0;\n    OutP->%sCnt = mig_end_string(OutP->%s, %u);\n",
                name, name, name, field->size);
    else if (arg->type->kind == TYPE_STRING)
        fprintf(out, "    mig_fill_string(OutP->%s, %u);\n", name, field->size);
    if (!arg->type->varying && field->size % 4 != 0)
        fprintf(out, "    memset(OutP->%sPad, 0, sizeof(OutP->%sPad));\n", name, name);
}

static void emit_clear_pads(FILE *out, const struct message *message)
{
    for (const struct field *f = message->fields; f; f = f->next)
        if (f->varying && element_size(f->arg->type) % 4 != 0)
            fprintf(out, "    mig_clear_pad(OutP->%s, %s);\n", f->arg->name, used(f));
}

static void emit_move(FILE *out, unsigned from, unsigned to_fixed, const char *plus)
{
    char *length = plus ? format("%u + %s", to_fixed - from, plus) : format("%u", to_fixed - from);

    fprintf(out, "    memmove(End, (char *)OutP + %u, %s);\n    End += %s;\n", from, length,
            length);
}

/* Sizes first, while all counts are where they were written; then the pieces move. */
static void emit_press(FILE *out, const struct message *message)
{
    unsigned last_end = 0; /* where the last varying field ends at its largest */

    for (const struct field *f = message->fields; f; f = f->next)
        if (f->varying)
            fprintf(out, "    mach_msg_size_t Used%u = MIG_PAD(%s);\n", f->behind, used(f));
    for (const struct field *f = message->fields; f; f = f->next) {
        if (!f->varying)
            continue;
        if (f->behind == 0)
            fprintf(out, "    char *End = (char *)OutP + %u + Used0;\n\n", f->offset);
        else
            emit_move(out, last_end, f->offset, format("Used%u", f->behind));
        last_end = f->offset + pad4(f->size);
    }
    if (message->max_size > last_end)
        emit_move(out, last_end, message->max_size, NULL);
    fputs("    OutP->Head.msgh_size = End - (char *)OutP;\n", out);
}

/* One varying array at the very end: nothing to move. */
static bool only_last_varies(const struct message *message)
{
    return message->varying_count == 1 && !has_fields_behind(message, 1);
}

static void emit_reply_size(FILE *out, const struct message *message)
{
    if (message->varying_count == 0) {
        fprintf(out, "    OutP->Head.msgh_size = %u;\n", message->max_size);
    } else if (only_last_varies(message)) {
        for (const struct field *f = message->fields; f; f = f->next)
            if (f->varying)
                fprintf(out, "    OutP->Head.msgh_size = %u + MIG_PAD(%s);\n", message->min_size,
                        used(f));
    } else {
        emit_press(out, message);
    }
}

void emit_reply(FILE *out, const struct message *message)
{
    fputc('\n', out);
    emit_count_checks(out, message);
    if (message->descriptor_count)
        fprintf(out,
                "    OutP->Head.msgh_bits |= MACH_MSGH_BITS_COMPLEX;\n"
                "    OutP->msgh_body.msgh_descriptor_count = %u;\n",
                message->descriptor_count);
    for (const struct descriptor *d = message->descriptors; d; d = d->next)
        emit_out_descriptor(out, d);
    if (message->has_ndr)
        fputs("    OutP->NDR = NDR_record;\n", out);
    if (message->has_retcode)
        fputs("    OutP->RetCode = KERN_SUCCESS;\n", out);
    for (const struct field *f = message->fields; f; f = f->next)
        if (f->kind == FIELD_VALUE)
            emit_value(out, f);
    emit_clear_pads(out, message);
    emit_reply_size(out, message);
}
