/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * User stubs: each packs its arguments into a request, sends it, and for a routine waits for the
 * reply, checks it and unpacks it.  Packing works front to back: once the count of a varying array
 * is known, the fields behind it are reached through a pointer moved by what the array leaves
 * unused (In1P, In2P, …).
 */
#include "mig.h"

/* ---- packing -------------------------------------------------------------------------------- */

/* The count of an array as this function has it: a parameter. */
static char *count_param(const struct arg *arg)
{
    bool pointer = arg_goes_out(arg->count_of);

    return format("%s%sCnt", pointer ? "*" : "", arg->count_of->name);
}

static char *disposition(const struct arg *arg)
{
    struct disposition sent = sent_by_user(arg);

    if (sent.number == POLYMORPHIC)
        return format("%s%sPoly", arg_goes_out(arg) && got_by_user(arg).number == POLYMORPHIC
                                      ? "*" : "", arg->name);
    return format("%s", sent.name);
}

static const char *deallocate(const struct arg *arg)
{
    if (arg->flags & FLAG_MAYBE_DEALLOC)
        return format("%sDealloc != FALSE", arg->name);
    return arg->flags & FLAG_DEALLOC ? "TRUE" : "FALSE";
}

static void emit_limits(FILE *out, const struct routine *routine)
{
    for (const struct arg *arg = routine->args; arg; arg = arg->next) {
        unsigned most = arg->type->count;

        if (!arg_goes_in(arg) || !arg->type->varying || arg->type->kind == TYPE_STRING)
            continue;
        if (most == 0 && element_size(arg->type) > 1 && !type_holds_ports(arg->type))
            most = ~0u / element_size(arg->type);
        if (most != 0)
            fprintf(out, "    if (%s > %u)\n        return MIG_ARRAY_TOO_LARGE;\n",
                    count_param(arg), most);
    }
}

static void emit_pack_descriptor(FILE *out, const struct descriptor *d)
{
    const struct arg *arg = d->arg;
    const char *star = arg_goes_out(arg) ? "*" : "", *cast = port_cast(USER_SIDE);
    const char *count = arg->type->varying ? count_param(arg) : format("%u", arg->type->count);

    if (is_port_array(arg)) {
        fprintf(out,
                "    for (unsigned int Index = 0; Index < %u; Index++)\n"
                "        InP->%s[Index] = (mach_msg_port_descriptor_t){\n"
                "            .name = Index < %s ? %s%s[Index] : MACH_PORT_NULL,\n"
                "            .disposition = %s, .type = MACH_MSG_PORT_DESCRIPTOR};\n",
                d->count, arg->name, count, cast, arg->name, disposition(arg));
    } else if (arg->type->kind == TYPE_PORT) {
        fprintf(out,
                "    InP->%s = (mach_msg_port_descriptor_t){\n"
                "        .name = %s%s%s, .disposition = %s,\n"
                "        .type = MACH_MSG_PORT_DESCRIPTOR};\n",
                arg->name, cast, star, arg->name, disposition(arg));
    } else if (type_holds_ports(arg->type)) {
        fprintf(out,
                "    InP->%s = (mach_msg_ool_ports_descriptor_t){\n"
                "        .address = (void *)(%s%s), .count = %s,\n"
                "        .deallocate = %s, .copy = %s,\n"
                "        .disposition = %s, .type = MACH_MSG_OOL_PORTS_DESCRIPTOR};\n",
                arg->name, star, arg->name, count, deallocate(arg), copy_option(arg),
                disposition(arg));
    } else {
        fprintf(out,
                "    InP->%s = (mach_msg_ool_descriptor_t){\n"
                "        .address = (void *)(%s%s), .size = %s,\n"
                "        .deallocate = %s, .copy = %s, .type = MACH_MSG_OOL_DESCRIPTOR};\n",
                arg->name, star, arg->name, bytes_of(arg, count), deallocate(arg),
                copy_option(arg));
    }
}

/* Moves on behind a varying field that has just been filled. */
static void emit_next_pointer(FILE *out, const struct message *message, const struct field *field)
{
    if (has_fields_behind(message, field->behind + 1))
        fprintf(out, "    %s = MIG_BEHIND(%s, %s, MIG_PAD(%s), %u);\n",
                via(message, field->behind + 1), message_ctype(message),
                via(message, field->behind),
                bytes_of(field->arg, count_in_message(message, field->arg)), pad4(field->size));
}

static void emit_pack_value(FILE *out, const struct message *message, const struct field *field)
{
    const struct arg *arg = field->arg;
    const char *base = via(message, field->behind), *name = arg->name;
    const char *star = arg_goes_out(arg) ? "*" : "";

    switch (arg->type->kind) {
    case TYPE_SCALAR:
    case TYPE_STRUCT:
        fprintf(out, "    %s->%s = %s%s;\n", base, name, star, name);
        break;
    case TYPE_STRING:
        if (arg->type->varying)
            fprintf(out, "    %s->%sCnt = mig_put_string(%s->%s, %s, %u);\n", base, name, base,
                    name, name, field->size);
        else
            fprintf(out, "    mig_put_string(%s->%s, %s, %u);\n"
                         "    mig_fill_string(%s->%s, %u);\n",
                    base, name, name, field->size, base, name, field->size);
        break;
    default:
        fprintf(out, "    memcpy(%s->%s, %s, %s);\n", base, name, name,
                arg->type->varying ? bytes_of(arg, count_param(arg)) : format("%u", field->size));
        break;
    }
    if (field->varying && element_size(arg->type) % 4 != 0)
        fprintf(out, "    mig_clear_pad(%s->%s, %s);\n", base, name,
                bytes_of(arg, count_in_message(message, arg)));
    else if (!arg->type->varying && field->size % 4 != 0)
        fprintf(out, "    memset(%s->%sPad, 0, sizeof(%s->%sPad));\n", base, name, base, name);
    if (field->varying)
        emit_next_pointer(out, message, field);
}

static void emit_pack(FILE *out, const struct message *message)
{
    if (message->descriptor_count)
        fprintf(out, "    InP->msgh_body.msgh_descriptor_count = %u;\n",
                message->descriptor_count);
    for (const struct descriptor *d = message->descriptors; d; d = d->next)
        emit_pack_descriptor(out, d);
    if (message->has_ndr)
        fputs("    InP->NDR = NDR_record;\n", out);
    for (const struct field *f = message->fields; f; f = f->next) {
        char *base = via(message, f->behind);

        if (f->kind == FIELD_OFFSET)
            fprintf(out, "    %s->%sOffset = 0;\n", base, f->arg->name);
        else if (f->kind == FIELD_VALUE)
            emit_pack_value(out, message, f);
        else if (f->arg->type->kind != TYPE_STRING)
            fprintf(out, "    %s->%sCnt = %s;\n", base, f->arg->name, count_param(f->arg));
    }
}

/* ---- sending -------------------------------------------------------------------------------- */

static char *request_size(const struct message *message)
{
    char *size = format("%u", message->min_size);

    for (const struct field *f = message->fields; f; f = f->next)
        if (f->varying)
            size = format("%s%s + MIG_PAD(%s)", size,
                          f->behind ? "\n                         " : "",
                          bytes_of(f->arg, count_in_message(message, f->arg)));
    return size;
}

static void emit_request_header(FILE *out, const struct routine *routine)
{
    const char *local = "0", *port = "MACH_PORT_NULL";
    const char *cast = port_cast(USER_SIDE);

    if (routine->user_gives_reply_port) {
        local = disposition(routine->reply_port);
        port = format("%s%s", cast, routine->reply_port->name);
    } else if (!routine->simple && !subsys.kernel_user) {
        local = "MACH_MSG_TYPE_MAKE_SEND_ONCE";
        port = "ReplyPort";
    }
    fprintf(out, "    InP->Head.msgh_bits = %sMACH_MSGH_BITS(%s, %s);\n",
            routine->request.descriptor_count ? "MACH_MSGH_BITS_COMPLEX | " : "",
            disposition(routine->request_port), local);
    fprintf(out, "    InP->Head.msgh_size = %s;\n", request_size(&routine->request));
    fprintf(out, "    InP->Head.msgh_remote_port = %s%s;\n", cast, routine->request_port->name);
    fprintf(out, "    InP->Head.msgh_local_port = %s;\n", port);
    fprintf(out, "    InP->Head.msgh_reserved = 0;\n    InP->Head.msgh_id = %d;\n\n", routine->id);
}

static const char *wait_time(const struct routine *routine)
{
    return routine->wait_time ? routine->wait_time->name : routine->default_wait_time;
}

static const char *send_time(const struct routine *routine)
{
    return routine->send_time ? routine->send_time->name : routine->default_send_time;
}

static const char *time_out(const struct routine *routine)
{
    if (wait_time(routine))
        return wait_time(routine);
    return send_time(routine) ? send_time(routine) : "MACH_MSG_TIMEOUT_NONE";
}

/* What of the trailer a routine's user asks for. */
static const char *trailer_option(const struct routine *routine)
{
    for (const struct arg *arg = routine->args; arg; arg = arg->next)
        if (arg->direction == DIR_USER_SECTOKEN || arg->direction == DIR_USER_IMPL)
            return " | MACH_RCV_TRAILER_ELEMENTS(MACH_RCV_TRAILER_SENDER)";
    return "";
}

static bool overwrites(const struct routine *routine)
{
    for (const struct arg *arg = routine->args; arg; arg = arg->next)
        if (arg->flags & FLAG_OVERWRITE)
            return true;
    return false;
}

static char *options(const struct routine *routine)
{
    bool send_timed = send_time(routine) || (routine->simple && wait_time(routine));
    char *text = format("MACH_SEND_MSG%s", routine->simple ? "" : " | MACH_RCV_MSG");

    if (send_timed)
        text = format("%s | MACH_SEND_TIMEOUT", text);
    if (!routine->simple && wait_time(routine))
        text = format("%s | MACH_RCV_TIMEOUT", text);
    if (overwrites(routine))
        text = format("%s | MACH_RCV_OVERWRITE", text);
    text = format("%s%s", text, trailer_option(routine));
    if (routine->msg_option)
        text = format("%s | %s", text, routine->msg_option->name);
    else if (routine->default_msg_option)
        text = format("%s | (%s)", text, routine->default_msg_option);
    return text;
}

static void emit_send_only(FILE *out, const struct routine *routine)
{
    if (subsys.kernel_user) {
        fputs("    return mach_msg_send_from_kernel(&InP->Head, InP->Head.msgh_size);\n", out);
        return;
    }
    fprintf(out,
            "    Result = mach_msg(&InP->Head, %s,\n"
            "                      InP->Head.msgh_size, 0, MACH_PORT_NULL,\n"
            "                      %s, MACH_PORT_NULL);\n"
            "    if (Result != MACH_MSG_SUCCESS)\n"
            "        mig_send_undo(&InP->Head, Result);\n"
            "    return Result;\n",
            options(routine), time_out(routine));
}

/* Where the reply's out-of-line data are to go, as a receiver tells the kernel. */
static void emit_scatter(FILE *out, const struct message *reply)
{
    fprintf(out, "    OutP->msgh_body.msgh_descriptor_count = %u;\n", reply->descriptor_count);
    for (const struct descriptor *d = reply->descriptors; d; d = d->next) {
        const struct arg *arg = d->arg;
        bool over = arg->flags & FLAG_OVERWRITE;
        const char *count = arg->type->varying ? count_param(arg) : format("%u", arg->type->count);

        if (is_port_array(arg)) {
            fprintf(out, "    for (unsigned int Index = 0; Index < %u; Index++)\n"
                         "        OutP->%s[Index].type = MACH_MSG_PORT_DESCRIPTOR;\n",
                    d->count, arg->name);
            continue;
        }
        fprintf(out, "    OutP->%s = (%s){", arg->name, descriptor_ctype(arg));
        if (arg->type->kind == TYPE_PORT)
            fputs(".type = MACH_MSG_PORT_DESCRIPTOR};\n", out);
        else
            fprintf(out, "\n        .address = %s%s, .%s = %s,\n        .copy = %s, .type = %s};\n",
                    over ? "(void *)*" : "", over ? arg->name : "0",
                    type_holds_ports(arg->type) ? "count" : "size",
                    !over ? "0" : type_holds_ports(arg->type) ? count : bytes_of(arg, count),
                    over ? "MACH_MSG_OVERWRITE" : "MACH_MSG_ALLOCATE",
                    type_holds_ports(arg->type) ? "MACH_MSG_OOL_PORTS_DESCRIPTOR"
                                                : "MACH_MSG_OOL_DESCRIPTOR");
    }
}

static void emit_user_call(FILE *out, const struct routine *routine)
{
    bool over = overwrites(routine);
    const char *fail = routine->user_gives_reply_port
                           ? "        mig_call_undo(&InP->Head, &OutP->Head, Result);\n"
                           : "        mig_call_failed(&InP->Head, &OutP->Head, ReplyPort, Result);\n";

    if (over)
        emit_scatter(out, &routine->reply);
    fprintf(out,
            "    Result = %s(&InP->Head, %s,\n"
            "                      InP->Head.msgh_size, sizeof(Mess.Reply), ReplyPort,\n"
            "                      %s, MACH_PORT_NULL%s);\n"
            "    if (Result != MACH_MSG_SUCCESS) {\n%s        return Result;\n    }\n",
            over ? "mach_msg_overwrite" : "mach_msg", options(routine), time_out(routine),
            over ? format(",\n                      &OutP->Head, %u",
                          HEADER_SIZE + BODY_SIZE +
                              DESCRIPTOR_SIZE * routine->reply.descriptor_count) : "", fail);
    fprintf(out, "    Result = check_%s_reply(OutP);\n", routine->name);
    if (routine->user_gives_reply_port)
        fputs("    if (Result != KERN_SUCCESS)\n        mach_msg_destroy(&OutP->Head);\n", out);
    else
        fputs("    mig_call_ended(&OutP->Head, ReplyPort, Result);\n", out);
    fputs("    if (Result != KERN_SUCCESS)\n        return Result;\n", out);
}

static void emit_kernel_call(FILE *out, const struct routine *routine)
{
    fprintf(out,
            "    Result = mach_msg_rpc_from_kernel(&InP->Head, InP->Head.msgh_size,\n"
            "                                      sizeof(Mess.Reply));\n"
            "    if (Result != MACH_MSG_SUCCESS)\n"
            "        return Result;\n"
            "    Result = check_%s_reply(OutP);\n"
            "    if (Result != KERN_SUCCESS) {\n"
            "        mach_msg_destroy_from_kernel(&OutP->Head);\n"
            "        return Result;\n"
            "    }\n",
            routine->name);
}

/* ---- unpacking ------------------------------------------------------------------------------ */

static void emit_unpack_descriptor(FILE *out, const struct message *message,
                                   const struct descriptor *d)
{
    const struct arg *arg = d->arg;
    const char *ctype = value_ctype(arg->type, USER_SIDE), *name = arg->name;
    bool poly = got_by_user(arg).number == POLYMORPHIC && type_holds_ports(arg->type);

    if (is_port_array(arg))
        fprintf(out,
                "    for (unsigned int Index = 0; Index < %s; Index++)\n"
                "        %s[Index] = (%s)OutP->%s[Index].name;\n",
                arg->type->varying ? count_in_message(message, arg) : format("%u", d->count), name,
                element_ctype(arg->type, USER_SIDE), name);
    else if (arg->type->kind == TYPE_PORT)
        fprintf(out, "    *%s = (%s)OutP->%s.name;\n", name, ctype, name);
    else
        fprintf(out, "    *%s = (%s)OutP->%s.address;\n", name, ctype, name);
    if (poly)
        fprintf(out, "    *%sPoly = OutP->%s%s.disposition;\n", name, name,
                is_port_array(arg) ? "[0]" : "");
}

static void emit_unpack_value(FILE *out, const struct message *message, const struct field *field)
{
    const struct arg *arg = field->arg;
    const char *base = via(message, field->behind), *name = arg->name;

    switch (arg->type->kind) {
    case TYPE_SCALAR:
    case TYPE_STRUCT:
        fprintf(out, "    *%s = %s->%s;\n", name, base, name);
        break;
    case TYPE_STRING:
        fprintf(out, "    mig_put_string(%s, %s->%s, %u);\n", name, base, name, field->size);
        break;
    default:
        fprintf(out, "    memcpy(%s, %s->%s, %s);\n", name, base, name,
                arg->type->varying ? bytes_of(arg, count_in_message(message, arg))
                                   : format("%u", field->size));
        break;
    }
}

/* The caller's room for an array, where it gave that; else the largest array fits. */
static void emit_room(FILE *out, const struct message *message, const struct field *field)
{
    const struct arg *arg = field->arg;

    if (!(arg->flags & FLAG_COUNT_INOUT))
        return;
    fprintf(out,
            "    if (%s->%sCnt > *%sCnt) {\n"
            "        %s(&OutP->Head);\n"
            "        return MIG_ARRAY_TOO_LARGE;\n    }\n",
            via(message, field->behind), arg->name, arg->name,
            subsys.kernel_user ? "mach_msg_destroy_from_kernel" : "mach_msg_destroy");
}

/* First the pointers behind each varying array and whether all fits; nothing is stored before. */
static void emit_measure(FILE *out, const struct message *message)
{
    for (const struct field *f = message->fields; f; f = f->next) {
        if (f->kind == FIELD_COUNT && f->arg->type->kind == TYPE_ARRAY)
            emit_room(out, message, f);
        if (f->varying)
            emit_next_pointer(out, message, f);
    }
}

static void emit_unpack_trailer(FILE *out, const struct routine *routine)
{
    for (const struct arg *arg = routine->args; arg; arg = arg->next) {
        const char *field = arg->direction == DIR_USER_SECTOKEN ? "msgh_sender"
                                                                : arg->trailer_field;

        if (arg->direction == DIR_USER_SECTOKEN || arg->direction == DIR_USER_IMPL)
            fprintf(out, "    *%s = ((mach_msg_max_trailer_t *)(void *)((char *)OutP +\n"
                         "        round_msg(OutP->Head.msgh_size)))->%s;\n", arg->name, field);
    }
}

static void emit_unpack(FILE *out, const struct routine *routine)
{
    const struct message *message = &routine->reply;

    emit_measure(out, message);
    emit_unpack_trailer(out, routine);
    for (const struct descriptor *d = message->descriptors; d; d = d->next)
        emit_unpack_descriptor(out, message, d);
    for (const struct field *f = message->fields; f; f = f->next)
        if (f->kind == FIELD_VALUE)
            emit_unpack_value(out, message, f);
    for (const struct field *f = message->fields; f; f = f->next)
        if (f->kind == FIELD_COUNT && f->arg->type->kind != TYPE_STRING)
            fprintf(out, "    *%sCnt = %s->%sCnt;\n", f->arg->name, via(message, f->behind),
                    f->arg->name);
    fputs("    return KERN_SUCCESS;\n", out);
}

/* ---- the stub ------------------------------------------------------------------------------- */

static void emit_pointers(FILE *out, const struct message *message)
{
    for (unsigned n = 1; n <= message->varying_count; n++)
        if (has_fields_behind(message, n))
            fprintf(out, "    %s *%s;\n", message_ctype(message), via(message, n));
}

static void emit_locals(FILE *out, const struct routine *routine)
{
    const char *name = routine->name;

    if (routine->simple) {
        fprintf(out, "    union {\n        __Request__%s_t In;\n        mig_reply_error_t Error;\n"
                     "    } Mess;\n", name);
    } else {
        /* What is overwritten is said where the reply comes, before the request goes. */
        fprintf(out,
                "    %s {\n"
                "        __Request__%s_t In;\n"
                "        struct {\n"
                "            __Reply__%s_t Out;\n"
                "            mach_msg_max_trailer_t trailer;\n"
                "        } Reply;\n"
                "    } Mess;\n",
                overwrites(routine) ? "struct" : "union", name, name);
        fprintf(out, "    __Reply__%s_t *OutP = &Mess.Reply.Out;\n", name);
        emit_pointers(out, &routine->reply);
    }
    fprintf(out, "    __Request__%s_t *InP = &Mess.In;\n", name);
    emit_pointers(out, &routine->request);
    if (!routine->simple && !subsys.kernel_user) {
        if (routine->user_gives_reply_port)
            fprintf(out, "    mach_port_t ReplyPort = %s;\n", routine->reply_port->name);
        else
            fputs("    mach_port_t ReplyPort;\n", out);
    }
    if (!routine->simple || !subsys.kernel_user)
        fputs("    kern_return_t Result;\n", out);
    fputc('\n', out);
}

/* RetCode says that there is no answer: it goes alone, as from a routine that failed. */
static void emit_error_answer(FILE *out, const struct routine *routine)
{
    const char *cast = port_cast(USER_SIDE);

    fprintf(out,
            "    if (%s != KERN_SUCCESS) {\n"
            "        Mess.Error.Head.msgh_bits = MACH_MSGH_BITS(%s, 0);\n"
            "        Mess.Error.Head.msgh_size = sizeof(Mess.Error);\n"
            "        Mess.Error.Head.msgh_remote_port = %s%s;\n"
            "        Mess.Error.Head.msgh_local_port = MACH_PORT_NULL;\n"
            "        Mess.Error.Head.msgh_reserved = 0;\n"
            "        Mess.Error.Head.msgh_id = %d;\n"
            "        Mess.Error.NDR = NDR_record;\n"
            "        Mess.Error.RetCode = %s;\n",
            routine->ret_code->name, disposition(routine->request_port), cast,
            routine->request_port->name, routine->id, routine->ret_code->name);
    if (subsys.kernel_user)
        fputs("        return mach_msg_send_from_kernel(&InP->Head, InP->Head.msgh_size);\n", out);
    else
        fprintf(out,
                "        Result = mach_msg(&InP->Head, %s, sizeof(Mess.Error), 0,\n"
                "                          MACH_PORT_NULL, %s, MACH_PORT_NULL);\n"
                "        if (Result != MACH_MSG_SUCCESS)\n"
                "            mig_send_undo(&InP->Head, Result);\n"
                "        return Result;\n",
                options(routine), time_out(routine));
    fputs("    }\n", out);
}

/* The kernel sends and waits without limits or options of the caller's. */
static void emit_unused(FILE *out, const struct routine *routine)
{
    const struct arg *const unused[] = {routine->wait_time, routine->send_time,
                                        routine->msg_option};

    for (int i = 0; i < 3; i++)
        if (unused[i] && subsys.kernel_user)
            fprintf(out, "    (void)%s;\n", unused[i]->name);
}

static void emit_stub(FILE *out, const struct routine *routine)
{
    if (!routine->simple)
        emit_check(out, &routine->reply);
    emit_routine_comment(out, routine, "");
    emit_prototype(out, routine, USER_SIDE, "", "");
    fputs("{\n", out);
    emit_locals(out, routine);
    emit_unused(out, routine);
    if (routine->ret_code)
        emit_error_answer(out, routine);
    emit_limits(out, routine);
    if (!routine->simple && !routine->user_gives_reply_port && !subsys.kernel_user)
        fputs("    ReplyPort = mig_get_reply_port();\n"
              "    if (ReplyPort == MACH_PORT_NULL)\n"
              "        return KERN_RESOURCE_SHORTAGE;\n", out);
    emit_pack(out, &routine->request);
    emit_request_header(out, routine);
    if (routine->simple) {
        emit_send_only(out, routine);
    } else {
        if (subsys.kernel_user)
            emit_kernel_call(out, routine);
        else
            emit_user_call(out, routine);
        fputc('\n', out);
        emit_unpack(out, routine);
    }
    fputs("}\n", out);
}

void emit_user(FILE *out, const char *header)
{
    emit_stubs_begin(out, USER_SIDE, header);
    for (const struct routine *r = subsys.routines; r; r = r->next)
        emit_stub(out, r);
}
