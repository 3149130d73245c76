/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's traps for routines that also have a message: an object is named in the caller's space
 * instead of being carried there by a right, everything else is the function's own argument. Such a
 * trap is local: a name that denotes no such object here is answered with MACH_SEND_INVALID_DEST, and the
 * library then sends the message.
 */
#include "mig.h"

#include <string.h>

static bool is_object(const struct param *param)
{
    return param->arg->type->in_trans != NULL;
}

/* Kinds that port_object() finds are borrowed: the function is good for that. The others have a reference. */
static bool is_borrowed(const struct param *param)
{
    return param->arg->type->in_constant != NULL;
}

static void emit_parameters(FILE *out, const struct routine *routine)
{
    fprintf(out, "\nTRAP_FUNCTION kern_return_t %s_trap(\n", routine->name);
    for (const struct param *p = routine->server_params; p; p = p->next) {
        if (p->role != PARAM_VALUE || p->by_pointer)
            die("%s cannot be a trap: %s is no plain value", routine->name, param_name(p));
        if (is_object(p))
            fprintf(out, "    mach_port_name_t %s_name%s", param_name(p), p->next ? ",\n" : ")\n{\n");
        else
            fprintf(out, "    %s %s%s", function_ctype(p->arg, SERVER_SIDE), param_name(p),
                    p->next ? ",\n" : ")\n{\n");
    }
}

static void emit_objects(FILE *out, const struct routine *routine)
{
    for (const struct param *p = routine->server_params; p; p = p->next)
        if (is_object(p))
            fprintf(out, "    %s %s = %s(space_send_target(current_space(), %s_name)%s%s);\n",
                    p->arg->type->trans_ctype, param_name(p),
                    is_borrowed(p) ? "port_object" : p->arg->type->in_trans, param_name(p),
                    is_borrowed(p) ? ", " : "", is_borrowed(p) ? p->arg->type->in_constant : "");
}

static void emit_trap(FILE *out, const struct routine *routine)
{
    const struct param *params = routine->server_params;

    emit_parameters(out, routine);
    emit_objects(out, routine);
    fputs("    kern_return_t Result = MACH_SEND_INVALID_DEST;\n\n    if (", out);
    for (const struct param *p = params; p; p = p->next)
        if (is_object(p))
            fprintf(out, "%s%s", p == params ? "" : " && ", param_name(p));
    fprintf(out, ")\n        Result = %s(", routine->server_name);
    for (const struct param *p = params; p; p = p->next)
        fprintf(out, "%s%s", param_name(p), p->next ? ", " : ");\n");
    for (const struct param *p = params; p; p = p->next)
        if (is_object(p) && !is_borrowed(p))
            fprintf(out, "    %s(%s);\n", p->arg->type->destructor, param_name(p));
    fputs("    return Result;\n}\n", out);
}

void emit_traps(FILE *out, const char *names)
{
    size_t length;

    emit_banner(out, "Traps");
    fprintf(out, "#include <ipc/mig_kernel.h>\n#include \"%s_server.h\"\n#include <ipc/space.h>\n"
                 "#include <x86/upcall.h>\n", subsys.name);
    for (names += strspn(names, " "); *names; names += length + strspn(names + length, " ")) {
        const struct routine *r = subsys.routines;

        length = strcspn(names, " ");
        while (r && (strncmp(r->name, names, length) != 0 || r->name[length] != '\0'))
            r = r->next;
        if (!r)
            die("no routine %.*s for a trap", (int)length, names);
        emit_trap(out, r);
    }
}
