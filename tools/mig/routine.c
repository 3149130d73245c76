/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routines: checks their arguments and works out what parameters the two C functions have, the
 * user's stub and the server's function.  Where the values travel is layout.c's business.
 */
#include "mig.h"

struct subsystem subsys = {.user_prefix = "", .server_prefix = "",
                           .routines_end = &subsys.routines};

void import_add(const char *file, bool user, bool server)
{
    struct import **end = &subsys.imports;

    for (; *end; end = &(*end)->next)
        if (same((*end)->file, file)) {
            (*end)->user |= user;
            (*end)->server |= server;
            return;
        }
    *end = zalloc(sizeof(**end));
    **end = (struct import){file, user, server, NULL};
}

struct arg *arg_new(struct place where, enum direction direction, const char *name,
                    struct type *type, unsigned flags)
{
    struct arg *arg = zalloc(sizeof(*arg));

    arg->place = where;
    arg->direction = direction;
    arg->name = name;
    arg->type = type;
    arg->flags = flags;
    return arg;
}

bool arg_goes_in(const struct arg *arg)
{
    return arg->direction == DIR_IN || arg->direction == DIR_INOUT;
}

bool arg_goes_out(const struct arg *arg)
{
    return arg->direction == DIR_OUT || arg->direction == DIR_INOUT;
}

bool arg_has_count(const struct arg *arg)
{
    return arg->type->varying && arg->type->kind != TYPE_STRING &&
           !(arg->flags & FLAG_SAME_COUNT);
}

/* What a right is once taken from its sender: moved, copied and made no longer differ. */
static struct disposition carried(struct disposition sent)
{
    switch (sent.number) {
    case 16:
        return (struct disposition){16, "MACH_MSG_TYPE_PORT_RECEIVE"};
    case 17:
    case 19:
    case 20:
        return (struct disposition){17, "MACH_MSG_TYPE_PORT_SEND"};
    case 18:
    case 21:
        return (struct disposition){18, "MACH_MSG_TYPE_PORT_SEND_ONCE"};
    default:
        return sent;
    }
}

/*
 * The kernel puts rights that it holds into its messages, as they arrive. In a reply the type may
 * leave open how a right is sent but not what arrives; then the kernel's function need not say.
 */
struct disposition sent_by_user(const struct arg *arg)
{
    return subsys.kernel_user ? carried(arg->type->send) : arg->type->send;
}

struct disposition got_by_server(const struct arg *arg)
{
    return arg->type->receive;
}

struct disposition sent_by_server(const struct arg *arg)
{
    return subsys.kernel_server ? arg->type->receive : arg->type->send;
}

struct disposition got_by_user(const struct arg *arg)
{
    return arg->type->receive;
}

/* ---- checks --------------------------------------------------------------------------------- */

static const char *direction_name(enum direction direction)
{
    static const char *const names[] = {
        [DIR_NONE] = "in",
        [DIR_IN] = "in",
        [DIR_OUT] = "out",
        [DIR_INOUT] = "inout",
        [DIR_REQUEST_PORT] = "requestport",
        [DIR_REPLY_PORT] = "replyport",
        [DIR_UREPLY_PORT] = "ureplyport",
        [DIR_SREPLY_PORT] = "sreplyport",
        [DIR_WAIT_TIME] = "waittime",
        [DIR_SEND_TIME] = "sendtime",
        [DIR_MSG_OPTION] = "msgoption",
        [DIR_MSG_SEQNO] = "msgseqno",
        [DIR_SERVER_SECTOKEN] = "serversectoken",
        [DIR_USER_SECTOKEN] = "usersectoken",
        [DIR_SERVER_IMPL] = "serverimpl",
        [DIR_USER_IMPL] = "userimpl",
    };

    return names[direction];
}

static void need_port(const struct arg *arg)
{
    if (arg->type->kind != TYPE_PORT)
        error_at(arg->place, "expected a port as the %s argument '%s'",
                 direction_name(arg->direction), arg->name);
}

static void need_number(const struct arg *arg)
{
    if (arg->type->kind != TYPE_SCALAR || arg->type->size != 4)
        error_at(arg->place, "expected a 32-bit number as the %s argument '%s'",
                 direction_name(arg->direction), arg->name);
}

/* Arguments of which a routine can have one. */
static void take(struct arg **slot, struct arg *arg)
{
    if (*slot)
        error_at(arg->place, "expected one %s argument, found '%s' after '%s'",
                 direction_name(arg->direction), arg->name, (*slot)->name);
    *slot = arg;
}

static void assign_special(struct routine *routine, struct arg *arg)
{
    switch (arg->direction) {
    case DIR_REQUEST_PORT:
        need_port(arg);
        take(&routine->request_port, arg);
        break;
    case DIR_REPLY_PORT:
    case DIR_UREPLY_PORT:
    case DIR_SREPLY_PORT:
        need_port(arg);
        take(&routine->reply_port, arg);
        routine->user_gives_reply_port = arg->direction != DIR_SREPLY_PORT;
        routine->server_sees_reply_port = arg->direction != DIR_UREPLY_PORT;
        break;
    case DIR_WAIT_TIME:
        need_number(arg);
        take(&routine->wait_time, arg);
        break;
    case DIR_SEND_TIME:
        need_number(arg);
        take(&routine->send_time, arg);
        break;
    case DIR_MSG_OPTION:
        need_number(arg);
        take(&routine->msg_option, arg);
        break;
    case DIR_MSG_SEQNO:
        need_number(arg);
        break;
    case DIR_USER_SECTOKEN:
    case DIR_USER_IMPL:
        if (routine->simple)
            error_at(arg->place, "expected a routine for the %s argument '%s': a simpleroutine has "
                     "no reply", direction_name(arg->direction), arg->name);
        break;
    case DIR_NONE:
    case DIR_IN:
    case DIR_OUT:
    case DIR_INOUT:
    case DIR_SERVER_SECTOKEN:
    case DIR_SERVER_IMPL:
        break;
    }
}

/* Flags that say nothing about this argument are dropped with a warning, as MIG has always done. */
static void drop_flags(struct arg *arg, unsigned flags, const char *names, const char *belong_to)
{
    if (arg->flags & flags)
        warn_at(arg->place, "%s of '%s' is ignored: it belongs to %s", names, arg->name, belong_to);
    arg->flags &= ~flags;
}

static void check_flags(struct arg *arg)
{
    const struct type *type = arg->type;
    const unsigned dealloc = FLAG_DEALLOC | FLAG_NOT_DEALLOC | FLAG_MAYBE_DEALLOC;
    unsigned said = arg->flags & dealloc;

    if (type->kind != TYPE_OOL)
        drop_flags(arg, dealloc | FLAG_PHYSICAL_COPY | FLAG_OVERWRITE,
                   "Dealloc, PhysicalCopy or Overwrite", "out-of-line data");
    if (type->kind != TYPE_ARRAY || !type->varying || arg->direction != DIR_OUT)
        drop_flags(arg, FLAG_COUNT_INOUT, "CountInOut", "out arrays of varying size");
    if (!arg_goes_out(arg))
        drop_flags(arg, FLAG_OVERWRITE, "Overwrite", "out arguments");
    if (said & (said - 1))
        error_at(arg->place, "expected one of Dealloc, NotDealloc and Dealloc[] for '%s'",
                 arg->name);
    if (type->kind != TYPE_ARRAY && type->kind != TYPE_OOL)
        drop_flags(arg, FLAG_SERVER_COPY, "ServerCopy", "arrays");
}

/* RetCode: an asynchronous answer, laid out like the reply of a routine. */
static void check_ret_code(struct routine *routine, struct arg *arg)
{
    if (!(arg->flags & FLAG_RET_CODE))
        return;
    if (!routine->simple || arg->direction != DIR_IN || arg->type->kind != TYPE_SCALAR ||
        arg->type->size != 4)
        error_at(arg->place, "expected RetCode with a 32-bit in argument of a simpleroutine");
    else
        take(&routine->ret_code, arg);
}

/* An array has its own count, or shares that of the last array before it that has one. */
static void find_count(struct routine *routine, struct arg *arg)
{
    if (!(arg->flags & FLAG_SAME_COUNT)) {
        arg->count_of = arg;
        return;
    }
    for (struct arg *a = routine->args; a && a != arg; a = a->next)
        if (arg_has_count(a) && a->direction == arg->direction)
            arg->count_of = a;
    if (!arg->count_of || !arg->type->varying || arg->type->kind == TYPE_STRING) {
        error_at(arg->place, "expected SameCount with a varying array that follows another %s one",
                 direction_name(arg->direction));
        arg->flags &= ~FLAG_SAME_COUNT;
        arg->count_of = arg;
    }
}

/* Without a direction, the first argument is the port that the request goes to. */
static void default_directions(struct arg *args)
{
    bool explicit_request = false;

    for (struct arg *arg = args; arg; arg = arg->next)
        explicit_request |= arg->direction == DIR_REQUEST_PORT;
    for (struct arg *arg = args; arg; arg = arg->next) {
        if (arg->direction != DIR_NONE)
            continue;
        arg->direction = explicit_request ? DIR_IN : DIR_REQUEST_PORT;
        explicit_request = true;
    }
}

/* Names of fields and variables in every stub. */
static bool is_reserved(const char *name)
{
    static const char *const names[] = {
        "Head", "msgh_body", "NDR", "RetCode", "Mess", "InP", "OutP", "InHeadP", "OutHeadP",
        "TrailerP", "Result", "ReplyPort", "Index", "End",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (same(name, names[i]))
            return true;
    return false;
}

static void check_names(const struct arg *args)
{
    for (const struct arg *a = args; a; a = a->next)
        if (is_reserved(a->name))
            error_at(a->place, "expected another name for an argument, found '%s', which the stubs "
                     "use themselves", a->name);
    for (const struct arg *a = args; a; a = a->next)
        for (const struct arg *b = args; b != a; b = b->next)
            if (same(a->name, b->name))
                error_at(a->place, "expected a new name for an argument, found '%s' again",
                         a->name);
}

static void check_args(struct routine *routine)
{
    unsigned index = 0;

    default_directions(routine->args);
    check_names(routine->args);
    for (struct arg *arg = routine->args; arg; arg = arg->next) {
        arg->index = index++;
        assign_special(routine, arg);
        check_flags(arg);
        check_ret_code(routine, arg);
        find_count(routine, arg);
        if (routine->simple && arg_goes_out(arg))
            error_at(arg->place, "expected in arguments only in the simpleroutine '%s', found the "
                     "%s argument '%s'", routine->name, direction_name(arg->direction), arg->name);
    }
    if (!routine->request_port)
        error_at(routine->place, "expected a port as the first argument of '%s', for the request "
                 "to go to", routine->name);
}

/* ---- parameters ----------------------------------------------------------------------------- */

static void add_param(struct param **list, enum param_role role, struct arg *arg, bool in, bool out,
                      bool by_pointer)
{
    while (*list)
        list = &(*list)->next;
    *list = zalloc(sizeof(**list));
    **list = (struct param){role, arg, by_pointer, in, out, NULL};
}

/* Arrays and strings are passed as C passes them: no pointer is added. */
static bool passed_by_value(const struct type *type)
{
    return type->kind != TYPE_ARRAY && type->kind != TYPE_STRING;
}

/*
 * The parameters of one argument: the value and, in this order, what has to be said about it.
 * `sender` is whoever packs it for an in (or out) argument: in_poly, out_poly say whether this side
 * handles the disposition on the way in and on the way out.
 */
static void add_data_params(struct param **list, struct arg *arg, bool in_poly, bool out_poly)
{
    bool in = arg_goes_in(arg), out = arg_goes_out(arg);
    bool count_in = in || (arg->flags & FLAG_COUNT_INOUT) || (arg->flags & FLAG_OVERWRITE);
    bool value_in = in || (arg->flags & FLAG_OVERWRITE);

    add_param(list, PARAM_VALUE, arg, value_in, out, out && passed_by_value(arg->type));
    in_poly &= in;
    out_poly &= out;
    if (in_poly || out_poly)
        add_param(list, PARAM_POLY, arg, in_poly, out_poly, out_poly);
    if (arg_has_count(arg))
        add_param(list, PARAM_COUNT, arg, count_in, out, out);
}

static void add_user_params(struct routine *routine, struct arg *arg)
{
    struct param **list = &routine->user_params;
    bool poly = sent_by_user(arg).number == POLYMORPHIC && type_holds_ports(arg->type);

    switch (arg->direction) {
    case DIR_IN:
    case DIR_OUT:
    case DIR_INOUT:
        add_data_params(list, arg, poly,
                        type_holds_ports(arg->type) && got_by_user(arg).number == POLYMORPHIC);
        if ((arg->flags & FLAG_MAYBE_DEALLOC) && arg_goes_in(arg))
            add_param(list, PARAM_DEALLOC, arg, true, false, false);
        break;
    case DIR_REQUEST_PORT:
    case DIR_REPLY_PORT:
    case DIR_UREPLY_PORT:
        add_param(list, PARAM_VALUE, arg, true, false, false);
        if (poly)
            add_param(list, PARAM_POLY, arg, true, false, false);
        break;
    case DIR_WAIT_TIME:
    case DIR_SEND_TIME:
    case DIR_MSG_OPTION:
        add_param(list, PARAM_VALUE, arg, true, false, false);
        break;
    case DIR_USER_SECTOKEN:
    case DIR_USER_IMPL:
        add_param(list, PARAM_VALUE, arg, false, true, true);
        break;
    case DIR_NONE:
    case DIR_SREPLY_PORT:
    case DIR_MSG_SEQNO:
    case DIR_SERVER_SECTOKEN:
    case DIR_SERVER_IMPL:
        break;
    }
}

static void add_server_params(struct routine *routine, struct arg *arg)
{
    struct param **list = &routine->server_params;
    bool poly = got_by_server(arg).number == POLYMORPHIC && type_holds_ports(arg->type);

    switch (arg->direction) {
    case DIR_IN:
    case DIR_OUT:
    case DIR_INOUT:
        add_data_params(list, arg, poly,
                        type_holds_ports(arg->type) && sent_by_server(arg).number == POLYMORPHIC);
        if ((arg->flags & FLAG_MAYBE_DEALLOC) && arg_goes_out(arg))
            add_param(list, PARAM_DEALLOC, arg, false, true, true);
        if ((arg->flags & FLAG_SERVER_COPY) && arg_goes_in(arg))
            add_param(list, PARAM_SCOPY, arg, true, false, false);
        break;
    case DIR_REQUEST_PORT:
    case DIR_REPLY_PORT:
    case DIR_SREPLY_PORT:
        add_param(list, PARAM_VALUE, arg, true, false, false);
        if (poly)
            add_param(list, PARAM_POLY, arg, true, false, false);
        break;
    case DIR_MSG_SEQNO:
    case DIR_SERVER_SECTOKEN:
    case DIR_SERVER_IMPL:
        add_param(list, PARAM_VALUE, arg, true, false, false);
        break;
    case DIR_NONE:
    case DIR_UREPLY_PORT:
    case DIR_WAIT_TIME:
    case DIR_SEND_TIME:
    case DIR_MSG_OPTION:
    case DIR_USER_SECTOKEN:
    case DIR_USER_IMPL:
        break;
    }
}

/* ---- statements ----------------------------------------------------------------------------- */

void routine_skip(void)
{
    subsys.next_id++;
}

void routine_add(struct place where, bool simple, const char *name, struct arg *args)
{
    struct routine *routine = zalloc(sizeof(*routine));

    if (!subsys.name)
        error_at(where, "expected the subsystem statement before the first routine, '%s'", name);
    for (struct routine *r = subsys.routines; r; r = r->next)
        if (same(r->name, name))
            error_at(where, "expected a new name for a routine, found '%s' again (see %s:%d)", name,
                     r->place.file, r->place.line);
    routine->place = where;
    routine->name = name;
    routine->simple = simple;
    routine->args = args;
    routine->id = subsys.base + subsys.next_id++;
    routine->user_name = format("%s%s", subsys.user_prefix, name);
    routine->server_name = format("%s%s", subsys.server_prefix, name);
    routine->default_wait_time = subsys.wait_time;
    routine->default_send_time = subsys.send_time;
    routine->default_msg_option = subsys.msg_option;
    check_args(routine);
    for (struct arg *arg = args; arg; arg = arg->next) {
        add_user_params(routine, arg);
        add_server_params(routine, arg);
    }
    routine->request.routine = routine->reply.routine = routine;
    routine->reply.is_reply = true;
    *subsys.routines_end = routine;
    subsys.routines_end = &routine->next;
}
