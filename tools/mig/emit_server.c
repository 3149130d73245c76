/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Server stubs and the dispatcher.  _XNAME() checks the request, gives the server function its
 * arguments (data where they lie in the two messages, translations and rights through locals),
 * runs destructors, and on success completes the reply (emit_reply.c).  Whoever calls a stub has
 * prepared the reply's header as the dispatcher below does.
 *
 * The header of a request names the port called and the reply port; in the kernel they still stand
 * where the sender put them, in a server's buffer the kernel has exchanged them.
 */
#include "mig.h"

#include <string.h>

enum { LINE_WIDTH = 100 };

static const char *request_port_field(void)
{
    return subsys.kernel_server ? "msgh_remote_port" : "msgh_local_port";
}

static const char *reply_port_field(void)
{
    return subsys.kernel_server ? "msgh_local_port" : "msgh_remote_port";
}

static const char *request_port_bits(void)
{
    return subsys.kernel_server ? "MACH_MSGH_BITS_REMOTE" : "MACH_MSGH_BITS_LOCAL";
}

static const char *reply_port_bits(void)
{
    return subsys.kernel_server ? "MACH_MSGH_BITS_LOCAL" : "MACH_MSGH_BITS_REMOTE";
}

static bool is_request_port(const struct arg *arg)
{
    return arg->direction == DIR_REQUEST_PORT;
}

static bool is_reply_port(const struct arg *arg)
{
    return arg->direction == DIR_REPLY_PORT || arg->direction == DIR_SREPLY_PORT;
}

/* Where an incoming value lies, in its type outside translation. */
static char *source(const struct routine *routine, const struct arg *arg)
{
    const struct message *message = &routine->request;
    const struct field *field = find_field(message, arg, FIELD_VALUE);
    const char *ctype = value_ctype(arg->type, SERVER_SIDE);

    if (is_request_port(arg))
        return format("(%s)InHeadP->%s", ctype, request_port_field());
    if (is_reply_port(arg))
        return format("(%s)InHeadP->%s", ctype, reply_port_field());
    if (arg == routine->ret_code && !field)
        return format("KERN_SUCCESS");
    if (arg->type->kind == TYPE_PORT)
        return format("(%s)InP->%s.name", ctype, arg->name);
    if (arg->type->kind == TYPE_OOL)
        return format("(%s)InP->%s.address", ctype, arg->name);
    return format("%s->%s", via(message, field->behind), arg->name);
}

static char *source_disposition(const struct arg *arg)
{
    if (is_request_port(arg))
        return format("%s(InHeadP->msgh_bits)", request_port_bits());
    if (is_reply_port(arg))
        return format("%s(InHeadP->msgh_bits)", reply_port_bits());
    return format("InP->%s%s.disposition", arg->name, is_port_array(arg) ? "[0]" : "");
}

/* Whether the function gets a local variable (or its address) rather than a place in a message. */
static bool needs_local(const struct arg *arg)
{
    if (is_translated_in(arg) || is_translated_out(arg) || is_port_array(arg))
        return true;
    return arg_goes_out(arg) && (arg->type->kind == TYPE_PORT || arg->type->kind == TYPE_OOL);
}

/* ---- before the call ------------------------------------------------------------------------ */

static void emit_pointers(FILE *out, const struct message *message)
{
    for (const struct field *f = message->fields; f; f = f->next)
        if (f->varying && has_fields_behind(message, f->behind + 1))
            fprintf(out, "    %s *%s =\n        MIG_BEHIND(%s, %s, MIG_PAD(%s), %u);\n",
                    message_ctype(message), via(message, f->behind + 1), message_ctype(message),
                    via(message, f->behind),
                    bytes_of(f->arg, count_in_message(message, f->arg)), pad4(f->size));
}

static void emit_local(FILE *out, const struct routine *routine, const struct arg *arg)
{
    const char *ctype = function_ctype(arg, SERVER_SIDE);

    if (is_port_array(arg)) {
        fprintf(out, "    %s %s[%u];\n", element_ctype(arg->type, SERVER_SIDE), arg->name,
                arg->type->count);
        return;
    }
    fprintf(out, "    %s %s = ", ctype, arg->name);
    if (arg->direction == DIR_OUT || arg->type->is_lookup)
        fprintf(out, arg->type->kind == TYPE_STRUCT ? "{0};\n" : "0;\n");
    else if (is_translated_in(arg))
        fprintf(out, arg->type->in_constant ? "%s(%s, %s);\n" : "%s(%s);\n", arg->type->in_trans,
                source(routine, arg), arg->type->in_constant);
    else
        fprintf(out, "%s;\n", source(routine, arg));
}

static void emit_locals(FILE *out, const struct routine *routine)
{
    for (const struct param *p = routine->server_params; p; p = p->next) {
        if (p->role == PARAM_VALUE && needs_local(p->arg))
            emit_local(out, routine, p->arg);
        else if (p->role == PARAM_POLY && p->by_pointer)
            fprintf(out, "    mach_msg_type_name_t %s = %s;\n", param_name(p),
                    p->in ? source_disposition(p->arg) : "0");
        else if (p->role == PARAM_DEALLOC)
            fprintf(out, "    boolean_t %s = FALSE;\n", param_name(p));
    }
}

static void emit_incoming_ports(FILE *out, const struct routine *routine)
{
    for (const struct arg *arg = routine->args; arg; arg = arg->next)
        if (is_port_array(arg) && arg_goes_in(arg))
            fprintf(out, "    for (unsigned int Index = 0; Index < %u; Index++)\n"
                         "        %s[Index] = (%s)InP->%s[Index].name;\n",
                    arg->type->count, arg->name, element_ctype(arg->type, SERVER_SIDE), arg->name);
}

/* Trailer fields that the function wants: there, and of the format we know. */
static void emit_trailer_check(FILE *out, const struct routine *routine)
{
    const char *needed = NULL;

    for (const struct arg *arg = routine->args; arg; arg = arg->next) {
        if (arg->direction == DIR_MSG_SEQNO && !needed)
            needed = "mach_msg_seqno_trailer_t";
        if (arg->direction == DIR_SERVER_SECTOKEN || arg->direction == DIR_SERVER_IMPL)
            needed = "mach_msg_max_trailer_t";
    }
    if (!needed)
        return;
    fprintf(out,
            "    TrailerP = (mach_msg_max_trailer_t *)(void *)((char *)InP +\n"
            "                                                  round_msg(InHeadP->msgh_size));\n"
            "    if (TrailerP->msgh_trailer_type != MACH_MSG_TRAILER_FORMAT_0 ||\n"
            "        TrailerP->msgh_trailer_size < sizeof(%s)) {\n"
            "        mig_reply_error(OutHeadP, MIG_TRAILER_ERROR);\n"
            "        return;\n    }\n",
            needed);
}

static bool uses_trailer(const struct routine *routine)
{
    for (const struct arg *arg = routine->args; arg; arg = arg->next)
        if (arg->direction == DIR_MSG_SEQNO || arg->direction == DIR_SERVER_SECTOKEN ||
            arg->direction == DIR_SERVER_IMPL)
            return true;
    return false;
}

/* A reply port that the function is to keep must be of the kind it was told. */
static void emit_reply_port_check(FILE *out, const struct routine *routine)
{
    const struct arg *arg = routine->reply_port;

    if (!routine->server_sees_reply_port || got_by_server(arg).number == POLYMORPHIC)
        return;
    fprintf(out,
            "    if (%s(InHeadP->msgh_bits) != %s) {\n"
            "        mig_reply_error(OutHeadP, MIG_BAD_ARGUMENTS);\n"
            "        return;\n    }\n",
            reply_port_bits(), got_by_server(arg).name);
}

/* What the function finds in its out arguments: room for arrays, values of inout ones. */
static void emit_out_initial(FILE *out, const struct routine *routine, const struct arg *arg)
{
    const struct message *request = &routine->request;
    const struct field *value = find_field(&routine->reply, arg, FIELD_VALUE);
    unsigned most = most_counted(routine, arg);
    const char *name = arg->name;

    if (arg_has_count(arg)) {
        if (arg->direction == DIR_INOUT)
            fprintf(out, "    OutP->%sCnt = %s;\n", name, count_in_message(request, arg));
        else if (arg->flags & FLAG_COUNT_INOUT)
            fprintf(out, "    OutP->%sCnt = %s < %u ? %s : %u;\n", name,
                    count_in_message(request, arg), most, count_in_message(request, arg), most);
        else
            fprintf(out, "    OutP->%sCnt = %u;\n", name, most);
    }
    if (!value || arg->direction != DIR_INOUT || needs_local(arg))
        return;
    if (arg->type->kind == TYPE_SCALAR || arg->type->kind == TYPE_STRUCT)
        fprintf(out, "    OutP->%s = %s;\n", name, source(routine, arg));
    else
        fprintf(out, "    memcpy(OutP->%s, %s, %s);\n", name, source(routine, arg),
                !arg->type->varying ? format("%u", value->size)
                                    : bytes_of(arg, count_in_message(request, arg)));
}

/* ---- the call ------------------------------------------------------------------------------- */

static char *value_argument(const struct routine *routine, const struct param *param)
{
    const struct arg *arg = param->arg;

    switch (arg->direction) {
    case DIR_MSG_SEQNO:
        return format("TrailerP->msgh_seqno");
    case DIR_SERVER_SECTOKEN:
        return format("TrailerP->msgh_sender");
    case DIR_SERVER_IMPL:
        return format("TrailerP->%s", arg->trailer_field);
    default:
        break;
    }
    if (needs_local(arg))
        return format("%s%s", param->by_pointer ? "&" : "", arg->name);
    if (arg_goes_out(arg))
        return format("%sOutP->%s", param->by_pointer ? "&" : "", arg->name);
    return source(routine, arg);
}

static char *argument(const struct routine *routine, const struct param *param)
{
    switch (param->role) {
    case PARAM_VALUE:
        return value_argument(routine, param);
    case PARAM_POLY:
        return param->by_pointer ? format("&%s", param_name(param))
                                 : source_disposition(param->arg);
    case PARAM_COUNT:
        return param->by_pointer ? format("&OutP->%s", param_name(param))
                                 : count_in_message(&routine->request, param->arg);
    case PARAM_DEALLOC:
        return format("&%s", param_name(param));
    case PARAM_SCOPY:
        return format("%s", param->arg->type->kind == TYPE_OOL ? "FALSE" : "TRUE");
    }
    return NULL;
}

/*
 * Translations that must not be null, and what is to be found in the object called; returns how far the
 * call that follows is indented.
 */
static int emit_null_checks(FILE *out, const struct routine *routine)
{
    const char *otherwise = "";

    for (const struct arg *arg = routine->args; arg; arg = arg->next) {
        if (!is_translated_in(arg) || !(arg->type->null_code || arg->type->is_lookup))
            continue;
        if (arg->type->is_lookup)
            fprintf(out, "    %sif ((Result = %s(%s, %s, %s, &%s)) != KERN_SUCCESS)\n        ;\n",
                    otherwise, arg->type->in_trans, routine->request_port->name,
                    source(routine, arg), arg->type->in_constant, arg->name);
        else
            fprintf(out, "    %sif (!%s)\n        Result = %s;\n", otherwise, arg->name,
                    arg->type->null_code);
        otherwise = "else ";
    }
    if (*otherwise)
        fputs("    else\n", out);
    return *otherwise ? 8 : 4;
}

static void emit_function_call(FILE *out, const struct routine *routine)
{
    int indent = emit_null_checks(out, routine);
    int start = fprintf(out, "%*sResult = %s(", indent, "", routine->server_name), column = start;

    for (const struct param *p = routine->server_params; p; p = p->next) {
        char *text = argument(routine, p);

        if (column > start && column + strlen(text) > LINE_WIDTH - 3)
            column = fprintf(out, "\n%*s", start, "") - 1;
        else if (column > start)
            column += fprintf(out, " ");
        column += fprintf(out, "%s%s", text, p->next ? "," : "");
    }
    fputs(");\n", out);
}

/*
 * A simpleroutine is answered if it failed, and otherwise not; who asked for an answer all the same
 * gave a reply right that no function has seen.  (The kernel's dispatcher destroys its reply.)
 */
static void emit_simple_end(FILE *out, const struct routine *routine, const char *indent)
{
    if (!routine->server_sees_reply_port && !subsys.kernel_server)
        fprintf(out,
                "%sif (Result == KERN_SUCCESS || Result == MIG_NO_REPLY)\n"
                "%s    mig_drop_reply_right(InHeadP);\n", indent, indent);
    fprintf(out,
            "%smig_reply_error(OutHeadP, Result == KERN_SUCCESS ? MIG_NO_REPLY : Result);\n",
            indent);
}

/* An answer that is only an error code: the function gets the code and nothing else. */
static void emit_error_answer(FILE *out, const struct routine *routine)
{
    if (!routine->ret_code)
        return;
    fputs("    if (mig_is_error(InHeadP)) {\n", out);
    fprintf(out, "        Result = %s(", routine->server_name);
    for (const struct param *p = routine->server_params; p; p = p->next) {
        const struct arg *arg = p->arg;

        if (arg == routine->ret_code)
            fputs("mig_error_in_reply(InHeadP)", out);
        else if (is_request_port(arg) && !is_translated_in(arg))
            fputs(argument(routine, p), out);
        else if (p->role == PARAM_VALUE && arg->type->kind == TYPE_STRUCT)
            fprintf(out, "(%s){0}", function_ctype(arg, SERVER_SIDE));
        else
            fputs("0", out);
        fputs(p->next ? ", " : "", out);
    }
    fputs(");\n", out);
    emit_simple_end(out, routine, "        ");
    fputs("        return;\n    }\n", out);
}

/* ---- after the call ------------------------------------------------------------------------- */

static void emit_destructors(FILE *out, const struct routine *routine)
{
    for (const struct arg *arg = routine->args; arg; arg = arg->next) {
        bool incoming = arg->direction == DIR_IN || is_request_port(arg) || is_reply_port(arg);

        if (arg->type->destructor && incoming)
            fprintf(out, "    %s(%s);\n", arg->type->destructor,
                    needs_local(arg) ? arg->name : source(routine, arg));
    }
}

/*
 * What a function that succeeded has not taken: memory of `auto` arguments, and in the kernel the
 * rights that it saw only in translation.
 */
static void emit_release(FILE *out, const struct routine *routine)
{
    const char *test = "    if (Result == KERN_SUCCESS || Result == MIG_NO_REPLY)\n";

    for (const struct arg *arg = routine->args; arg; arg = arg->next) {
        if (!arg_goes_in(arg))
            continue;
        if (subsys.kernel_server && arg->type->kind == TYPE_PORT && is_translated_in(arg))
            fprintf(out, "%s        port_release_right((ipc_port_t)InP->%s.name, "
                         "InP->%s.disposition);\n", test, arg->name, arg->name);
        if ((arg->flags & FLAG_AUTO) && arg->type->kind == TYPE_OOL && !subsys.kernel_server)
            fprintf(out,
                    "%s        vm_deallocate(mach_task_self_, (vm_address_t)InP->%s.address,\n"
                    "                      InP->%s.%s);\n",
                    test, arg->name, arg->name,
                    type_holds_ports(arg->type) ? "count * sizeof(mach_port_t)" : "size");
    }
}

static void emit_stub(FILE *out, const struct routine *routine)
{
    const char *name = routine->name;

    emit_check(out, &routine->request);
    emit_routine_comment(out, routine, "");
    fprintf(out, "static void _X%s(mach_msg_header_t *InHeadP, mach_msg_header_t *OutHeadP)\n{\n",
            name);
    fprintf(out, "    __Request__%s_t *InP = (void *)InHeadP;\n", name);
    if (!routine->simple)
        fprintf(out, "    __Reply__%s_t *OutP = (void *)OutHeadP;\n", name);
    if (uses_trailer(routine))
        fputs("    mach_msg_max_trailer_t *TrailerP;\n", out);
    fputs("    kern_return_t Result;\n\n", out);
    emit_error_answer(out, routine);
    fprintf(out,
            "    Result = check_%s_request(InP);\n"
            "    if (Result != KERN_SUCCESS) {\n"
            "        mig_reply_error(OutHeadP, Result);\n"
            "        return;\n    }\n",
            name);
    emit_reply_port_check(out, routine);
    emit_trailer_check(out, routine);
    emit_pointers(out, &routine->request);
    emit_locals(out, routine);
    emit_incoming_ports(out, routine);
    for (const struct arg *arg = routine->args; arg; arg = arg->next)
        if (arg_goes_out(arg))
            emit_out_initial(out, routine, arg);
    emit_function_call(out, routine);
    emit_destructors(out, routine);
    emit_release(out, routine);
    if (routine->simple) {
        emit_simple_end(out, routine, "    ");
    } else {
        fputs("    if (Result != KERN_SUCCESS) {\n"
              "        mig_reply_error(OutHeadP, Result);\n"
              "        return;\n    }\n", out);
        emit_reply(out, &routine->reply);
    }
    fputs("}\n", out);
}

/* ---- the dispatcher ------------------------------------------------------------------------- */

static unsigned param_count(const struct param *params)
{
    unsigned count = 0;

    for (; params; params = params->next)
        count++;
    return count;
}

static void emit_table(FILE *out)
{
    const char *name = subsys.name;

    fprintf(out,
            "\nconst struct %s_subsystem %s_subsystem = {\n"
            "    .server = %s_routine,\n"
            "    .start = %d,\n    .end = %d,\n"
            "    .maxsize = sizeof(union __ReplyUnion__%s_subsystem) +\n"
            "               sizeof(mach_msg_max_trailer_t),\n"
            "    .routine = {\n",
            name, name, subsys.server_demux, subsys.base, subsys.base + subsys.next_id, name);
    for (const struct routine *r = subsys.routines; r; r = r->next) {
        char *size = format("sizeof(__Reply__%s_t)", r->name);

        if (r->simple || r->reply.max_size < ERROR_REPLY_SIZE)
            size = format("sizeof(mig_reply_error_t)");
        fprintf(out,
                "        [%d] = {.impl_routine = (mig_impl_routine_t)(void (*)(void))%s,\n"
                "              .stub_routine = _X%s, .argc = %u, .descr_count = %u,\n"
                "              .max_reply_msg = %s},\n",
                r->id - subsys.base, r->server_name, r->name, param_count(r->server_params),
                r->request.descriptor_count, size);
    }
    fputs("    },\n};\n", out);
}

static void emit_dispatcher(FILE *out)
{
    fprintf(out,
            "\nmig_routine_t %s_routine(mach_msg_header_t *InHeadP)\n{\n"
            "    mach_msg_id_t id = InHeadP->msgh_id;\n\n"
            "    if (id < %d || id >= %d)\n"
            "        return MIG_ROUTINE_NULL;\n"
            "    return %s_subsystem.routine[id - %d].stub_routine;\n}\n",
            subsys.server_demux, subsys.base, subsys.base + subsys.next_id, subsys.name,
            subsys.base);
    fprintf(out,
            "\nboolean_t %s(mach_msg_header_t *InHeadP, mach_msg_header_t *OutHeadP)\n{\n"
            "    mig_routine_t routine = %s_routine(InHeadP);\n\n"
            "    OutHeadP->msgh_bits = MACH_MSGH_BITS(%s(InHeadP->msgh_bits), 0);\n"
            "    OutHeadP->msgh_size = sizeof(mig_reply_error_t);\n"
            "    OutHeadP->msgh_remote_port = InHeadP->%s;\n"
            "    OutHeadP->msgh_local_port = MACH_PORT_NULL;\n"
            "    OutHeadP->msgh_reserved = 0;\n"
            "    OutHeadP->msgh_id = InHeadP->msgh_id + 100;\n"
            "    if (routine == MIG_ROUTINE_NULL) {\n"
            "        mig_reply_error(OutHeadP, MIG_BAD_ID);\n"
            "        return FALSE;\n    }\n"
            "    (*routine)(InHeadP, OutHeadP);\n"
            "    return TRUE;\n}\n",
            subsys.server_demux, subsys.server_demux, reply_port_bits(), reply_port_field());
}

void emit_server(FILE *out, const char *header)
{
    emit_stubs_begin(out, SERVER_SIDE, header);
    for (const struct routine *r = subsys.routines; r; r = r->next)
        emit_stub(out, r);
    emit_table(out);
    emit_dispatcher(out);
}
