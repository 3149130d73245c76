/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where each argument lies in the messages of its routine:
 *
 *   header | if complex: descriptor count, descriptors | if there are data: NDR, [RetCode], data
 *
 * Descriptors and data each stand in the order of the arguments.  A simple reply begins its data
 * with RetCode; a complex reply has none, for it is only sent on success.  Data are padded to
 * words.
 */
#include "mig.h"

enum { MOST_MESSAGE = 1 << 16 }; /* what mach_msg() takes */

unsigned pad4(unsigned size)
{
    return (size + 3) & ~3u;
}

static bool in_message(const struct message *message, const struct arg *arg)
{
    return message->is_reply ? arg_goes_out(arg) : arg_goes_in(arg);
}

static bool is_descriptor(const struct arg *arg)
{
    return arg->type->kind == TYPE_PORT || arg->type->kind == TYPE_OOL ||
           type_holds_ports(arg->type);
}

static void add_descriptor(struct message *message, struct arg *arg)
{
    struct descriptor **end = &message->descriptors;

    while (*end)
        end = &(*end)->next;
    *end = zalloc(sizeof(**end));
    (*end)->arg = arg;
    (*end)->index = message->descriptor_count;
    (*end)->count = arg->type->kind == TYPE_ARRAY ? arg->type->count : 1;
    message->descriptor_count += (*end)->count;
}

static void add_field(struct message *message, enum field_kind kind, struct arg *arg, unsigned size,
                      bool varying)
{
    struct field **end = &message->fields;

    while (*end)
        end = &(*end)->next;
    *end = zalloc(sizeof(**end));
    (*end)->kind = kind;
    (*end)->arg = arg;
    (*end)->size = size;
    (*end)->varying = varying;
    (*end)->behind = message->varying_count;
    message->varying_count += varying;
}

static void add_arg(struct message *message, struct arg *arg)
{
    const struct type *type = arg->type;

    if (!in_message(message, arg)) {
        if (!message->is_reply && (arg->flags & FLAG_COUNT_INOUT) && arg_has_count(arg))
            add_field(message, FIELD_COUNT, arg, 4, false);
        return;
    }
    if (type->kind == TYPE_STRING && type->varying) {
        add_field(message, FIELD_OFFSET, arg, 4, false);
        add_field(message, FIELD_COUNT, arg, 4, false);
    } else if (arg_has_count(arg)) {
        add_field(message, FIELD_COUNT, arg, 4, false);
    }
    if (is_descriptor(arg))
        add_descriptor(message, arg);
    else if (!(arg->flags & FLAG_RET_CODE))
        add_field(message, FIELD_VALUE, arg, type->size, type->varying);
}

/* The RetCode argument of an asynchronous answer stands where a reply has its RetCode. */
static void add_ret_code(struct message *message)
{
    struct arg *arg = message->routine->ret_code;
    struct field *field;

    if (message->is_reply) {
        message->has_retcode = !message->routine->simple && message->descriptor_count == 0;
    } else if (arg && message->descriptor_count == 0) {
        field = zalloc(sizeof(*field));
        *field = (struct field){.kind = FIELD_VALUE, .arg = arg, .size = 4,
                                .next = message->fields};
        message->fields = field;
    }
}

void layout_message(struct message *message)
{
    unsigned offset = HEADER_SIZE, varying = 0;

    for (struct arg *arg = message->routine->args; arg; arg = arg->next)
        add_arg(message, arg);
    add_ret_code(message);
    if (message->descriptor_count)
        offset += BODY_SIZE + message->descriptor_count * DESCRIPTOR_SIZE;
    message->has_ndr = message->fields || message->has_retcode;
    message->ndr_offset = offset;
    if (message->has_ndr)
        offset += NDR_SIZE;
    if (message->has_retcode)
        offset += 4;
    for (struct field *field = message->fields; field; field = field->next) {
        field->offset = offset;
        offset += pad4(field->size);
        if (field->varying)
            varying += pad4(field->size);
    }
    message->max_size = offset;
    message->min_size = offset - varying;
    if (offset > MOST_MESSAGE)
        error_at(message->routine->place, "the %s of '%s' can take %u bytes; a message holds %d",
                 message->is_reply ? "reply" : "request", message->routine->name, offset,
                 MOST_MESSAGE);
}
