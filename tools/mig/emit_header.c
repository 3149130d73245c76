/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two headers.  The user's declares the stubs, the server's the functions that the server must
 * provide and the dispatcher made for it; both define the messages, so that a program can size its
 * buffers or take a message apart by hand.  Also what the two files of stubs begin with.
 */
#include "mig.h"

#include <ctype.h>

static char *guard_of(const char *file)
{
    char *guard = format("_mig_%s_", file + dir_length(file));

    for (char *c = guard; *c; c++)
        if (!isalnum((unsigned char)*c))
            *c = '_';
    return guard;
}

static void emit_includes(FILE *out, enum side side)
{
    if (in_kernel(side))
        fputs("#include <ipc/mig_kernel.h>\n", out);
    fputs("#include <mach/mig.h>\n", out);
    if (!in_kernel(side))
        fputs("#include <mach/mach_traps.h>\n", out);
    emit_imports(out, side);
}

/* Number of ids, the skipped ones included, and their names for whoever prints messages. */
static void emit_names(FILE *out)
{
    fprintf(out, "\n#ifndef %s_MSG_COUNT\n#define %s_MSG_COUNT %d\n#endif\n", subsys.name,
            subsys.name, subsys.next_id);
    fprintf(out, "\n#ifndef subsystem_to_name_map_%s\n#define subsystem_to_name_map_%s",
            subsys.name, subsys.name);
    for (const struct routine *r = subsys.routines; r; r = r->next)
        fprintf(out, " \\\n    { \"%s\", %d }%s", r->name, r->id, r->next ? "," : "");
    fputs("\n#endif\n", out);
}

static void emit_user_declarations(FILE *out)
{
    emit_includes(out, USER_SIDE);
    emit_messages(out, USER_SIDE);
    for (const struct routine *r = subsys.routines; r; r = r->next) {
        emit_routine_comment(out, r, "");
        emit_prototype(out, r, USER_SIDE, "extern ", ";");
    }
    emit_names(out);
}

static void emit_dispatcher_declarations(FILE *out)
{
    const char *name = subsys.name;

    fprintf(out,
            "\n/* Answers the request at InHeadP in the buffer at OutHeadP, which holds any reply\n"
            " * of the subsystem; FALSE: no routine has this id, the answer is MIG_BAD_ID. */\n"
            "extern boolean_t %s(mach_msg_header_t *InHeadP, mach_msg_header_t *OutHeadP);\n",
            subsys.server_demux);
    fprintf(out, "\n/* The stub for a request; null: no routine has this id. */\n"
                 "extern mig_routine_t %s_routine(mach_msg_header_t *InHeadP);\n",
            subsys.server_demux);
    fprintf(out,
            "\n/* What a dispatcher of several subsystems needs; see struct mig_subsystem. */\n"
            "extern const struct %s_subsystem {\n"
            "    mig_server_routine_t server;\n"
            "    mach_msg_id_t start, end;\n"
            "    vm_size_t maxsize;\n"
            "    vm_address_t reserved;\n"
            "    struct routine_descriptor routine[%d];\n"
            "} %s_subsystem;\n",
            name, subsys.next_id ? subsys.next_id : 1, name);
}

static void emit_server_declarations(FILE *out)
{
    emit_includes(out, SERVER_SIDE);
    emit_messages(out, SERVER_SIDE);
    fputs("\n/* ---- to be provided by the server ---- */\n", out);
    for (const struct routine *r = subsys.routines; r; r = r->next) {
        emit_routine_comment(out, r, "");
        emit_prototype(out, r, SERVER_SIDE, "extern ", ";");
    }
    fputs("\n/* ---- provided to the server ---- */\n", out);
    emit_dispatcher_declarations(out);
    emit_names(out);
}

static void emit_declarations(FILE *out, enum side side)
{
    if (side == USER_SIDE)
        emit_user_declarations(out);
    else
        emit_server_declarations(out);
}

void emit_header(FILE *out, enum side side, const char *file)
{
    char *guard = guard_of(file);

    emit_banner(out, side == USER_SIDE ? "User interface" : "Server interface");
    fprintf(out, "#ifndef %s\n#define %s\n\n", guard, guard);
    emit_declarations(out, side);
    fprintf(out, "\n#endif /* %s */\n", guard);
}

void emit_stubs_begin(FILE *out, enum side side, const char *header)
{
    emit_banner(out, side == USER_SIDE ? "User stubs" : "Server stubs");
    fputs(in_kernel(side) ? "#include <ipc/mig_kernel.h>\n" : "#include <string.h>\n", out);
    if (side == USER_SIDE)
        fputs("#include <mach/notify.h>\n", out);
    if (header)
        fprintf(out, "#include \"%s\"\n", header);
    else
        emit_declarations(out, side);
    if (subsys.rcs_id)
        fprintf(out, "\nstatic const char rcsid[] __attribute__((used)) = %s;\n", subsys.rcs_id);
    emit_size_checks(out, side);
}
