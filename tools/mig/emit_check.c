/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Code that checks a message before anything in it is used: the server's check of a request and the
 * user's check of a reply.  A malformed request is MIG_BAD_ARGUMENTS, a malformed reply
 * MIG_TYPE_ERROR, whatever is wrong with it.
 *
 * Fields are visited in the order of the message: a field behind a varying array is looked at only
 * when the message is known to be long enough for the array, and behind the last one the message
 * must have exactly the size that they add up to.
 */
#include "mig.h"

static const char *bad(const struct message *message)
{
    return message->is_reply ? "MIG_TYPE_ERROR" : "MIG_BAD_ARGUMENTS";
}

static const char *subject(const struct message *message)
{
    return message->is_reply ? "OutP" : "InP";
}

static void emit_return_if(FILE *out, const char *condition, const char *code)
{
    fprintf(out, "    if (%s)\n        return %s;\n", condition, code);
}

/* A reply may be another message altogether, or an error code alone. */
static void emit_reply_identity(FILE *out, const struct message *message)
{
    fprintf(out,
            "    if (OutP->Head.msgh_id != %d)\n"
            "        return OutP->Head.msgh_id == MACH_NOTIFY_SEND_ONCE ? MIG_SERVER_DIED\n"
            "                                                           : MIG_REPLY_MISMATCH;\n",
            message->routine->id + 100);
    if (message->descriptor_count)
        fputs("    if (!(OutP->Head.msgh_bits & MACH_MSGH_BITS_COMPLEX))\n", out);
    else
        fputs("    if (OutP->Head.msgh_bits & MACH_MSGH_BITS_COMPLEX)\n"
              "        return MIG_TYPE_ERROR;\n"
              "    if (OutP->Head.msgh_size == sizeof(mig_reply_error_t) && OutP->RetCode != "
              "KERN_SUCCESS)\n", out);
    fputs("        return mig_error_in_reply(&OutP->Head);\n", out);
    fputs("    if (OutP->Head.msgh_remote_port != MACH_PORT_NULL)\n"
          "        return MIG_TYPE_ERROR;\n", out);
}

static void emit_request_identity(FILE *out, const struct message *message)
{
    emit_return_if(out, format("%s(InP->Head.msgh_bits & MACH_MSGH_BITS_COMPLEX)",
                               message->descriptor_count ? "!" : ""), bad(message));
}

static void emit_size(FILE *out, const struct message *message)
{
    const char *p = subject(message);

    if (message->varying_count)
        emit_return_if(out, format("%s->Head.msgh_size < %u || %s->Head.msgh_size > %u", p,
                                   message->min_size, p, message->max_size), bad(message));
    else
        emit_return_if(out, format("%s->Head.msgh_size != %u", p, message->max_size),
                       bad(message));
    if (message->descriptor_count)
        emit_return_if(out, format("%s->msgh_body.msgh_descriptor_count != %u", p,
                                   message->descriptor_count), bad(message));
    if (message->is_reply && message->has_retcode)
        emit_return_if(out, "OutP->RetCode != KERN_SUCCESS", bad(message));
}

/* ---- descriptors ---------------------------------------------------------------------------- */

static void emit_disposition_check(FILE *out, const struct message *message, const char *name,
                                   const struct arg *arg)
{
    struct disposition wanted = message->is_reply ? got_by_user(arg) : got_by_server(arg);
    const char *p = subject(message);

    if (wanted.number != POLYMORPHIC)
        fprintf(out, " ||\n        %s->%s.disposition != %s", p, name, wanted.name);
    else if (is_port_array(arg)) /* one is told for all of them */
        fprintf(out, " ||\n        %s->%s.disposition != %s->%s[0].disposition", p, name, p,
                arg->name);
}

static void emit_descriptor(FILE *out, const struct message *message,
                            const struct descriptor *descriptor)
{
    const struct arg *arg = descriptor->arg;
    const char *p = subject(message), *name = arg->name;
    const char *kind = "MACH_MSG_PORT_DESCRIPTOR";

    if (is_port_array(arg)) {
        fprintf(out, "    for (unsigned int Index = 0; Index < %u; Index++)\n    ",
                descriptor->count);
        name = format("%s[Index]", name);
    } else if (arg->type->kind == TYPE_OOL) {
        kind = type_holds_ports(arg->type) ? "MACH_MSG_OOL_PORTS_DESCRIPTOR"
                                           : "MACH_MSG_OOL_DESCRIPTOR";
    }
    fprintf(out, "    if (%s->%s.type != %s", p, name, kind);
    if (type_holds_ports(arg->type))
        emit_disposition_check(out, message, name, arg);
    fprintf(out, ")\n        %sreturn %s;\n", is_port_array(arg) ? "    " : "", bad(message));
}

/* The descriptor of an array against the count that came with it. */
static void emit_descriptor_count(FILE *out, const struct message *message, const struct arg *arg)
{
    const char *p = subject(message);
    char *count = arg->type->varying ? count_in_message(message, arg)
                                     : format("%u", arg->type->count);

    if (arg->type->kind == TYPE_PORT || (is_port_array(arg) && !arg->type->varying))
        return;
    if (arg->type->varying && arg->type->count != 0)
        emit_return_if(out, format("%s > %u", count, arg->type->count), bad(message));
    if (is_port_array(arg))
        fprintf(out,
                "    for (unsigned int Index = %s; Index < %u; Index++)\n"
                "        if (%s->%s[Index].name != 0)\n"
                "            return %s;\n",
                count, arg->type->count, p, arg->name, bad(message));
    else if (type_holds_ports(arg->type))
        emit_return_if(out, format("%s->%s.count != %s", p, arg->name, count), bad(message));
    else
        emit_return_if(out, format("!mig_size_is(%s->%s.size, %s, %u)", p, arg->name, count,
                                   element_size(arg->type)), bad(message));
}

/* ---- data ----------------------------------------------------------------------------------- */

/* Whether the check of anything behind n varying fields needs to find it. */
static bool checks_behind(const struct message *message, unsigned n)
{
    for (const struct field *f = message->fields; f; f = f->next) {
        bool has_data = message->is_reply ? arg_goes_out(f->arg) : arg_goes_in(f->arg);
        bool checked = f->kind == FIELD_COUNT ? has_data : f->arg->type->kind == TYPE_STRING;

        if (f->behind >= n && checked)
            return true;
    }
    return false;
}

static void emit_varying(FILE *out, const struct message *message, const struct field *field)
{
    const struct arg *arg = field->arg;
    bool string = arg->type->kind == TYPE_STRING;
    char *count = count_in_message(message, arg);
    char *base = via(message, field->behind);

    emit_return_if(out, format(string ? "%s == 0 || %s > %u" : "%.0s%s > %u", count, count,
                               arg->type->count), bad(message));
    fprintf(out, "    size += MIG_PAD(%s);\n", bytes_of(arg, count));
    emit_return_if(out, format("%s->Head.msgh_size %s size", subject(message),
                               field->behind + 1 == message->varying_count ? "!=" : "<"),
                   bad(message));
    if (string)
        emit_return_if(out, format("!mig_string_ends(%s->%s, %s)", base, arg->name, count),
                       bad(message));
    if (checks_behind(message, field->behind + 1))
        fprintf(out, "    %s = MIG_BEHIND(%s, %s, MIG_PAD(%s), %u);\n",
                via(message, field->behind + 1), message_ctype(message), base,
                bytes_of(arg, count), pad4(field->size));
}

static void emit_fields(FILE *out, const struct message *message)
{
    for (const struct field *f = message->fields; f; f = f->next) {
        if (f->kind != FIELD_VALUE)
            continue;
        if (f->varying)
            emit_varying(out, message, f);
        else if (f->arg->type->kind == TYPE_STRING)
            emit_return_if(out, format("!mig_string_ends(%s->%s, %u)", via(message, f->behind),
                                       f->arg->name, f->size), bad(message));
    }
}

static void emit_locals(FILE *out, const struct message *message)
{
    if (!message->varying_count)
        return;
    fprintf(out, "    mach_msg_size_t size = %u;\n", message->min_size);
    for (unsigned n = 1; n <= message->varying_count; n++)
        if (checks_behind(message, n))
            fprintf(out, "    %s *%s;\n", message_ctype(message), via(message, n));
    fputc('\n', out);
}

void emit_check(FILE *out, const struct message *message)
{
    fprintf(out, "\nstatic kern_return_t check_%s_%s(%s *%s)\n{\n", message->routine->name,
            message->is_reply ? "reply" : "request", message_ctype(message), subject(message));
    emit_locals(out, message);
    if (message->is_reply)
        emit_reply_identity(out, message);
    else
        emit_request_identity(out, message);
    emit_size(out, message);
    for (const struct descriptor *d = message->descriptors; d; d = d->next)
        emit_descriptor(out, message, d);
    emit_fields(out, message);
    for (const struct descriptor *d = message->descriptors; d; d = d->next)
        emit_descriptor_count(out, message, d->arg);
    fputs("    return KERN_SUCCESS;\n}\n", out);
}
