/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Type expressions.  Each is built from the inside out; what cannot travel in a message (an array
 * of varying arrays, say) is refused here, where the place is known.  type_finish() settles the C
 * types once the whole declaration has been read.
 */
#include "mig.h"

#include <string.h>

static struct type *table;

/* Sizes in bits, as MIG has always given them; a port is a word. */
static const struct primitive {
    const char *name; /* without MACH_MSG_TYPE_ */
    unsigned number;
    unsigned size;
    const char *ctype;
    bool is_signed, is_real;
    unsigned receive; /* ports: what arrives */
    const char *receive_name;
} primitives[] = {
    {"UNSTRUCTURED", 0, 1, "char", false, false, 0, NULL},
    {"BOOLEAN", 0, 4, "boolean_t", false, false, 0, NULL},
    {"INTEGER_16", 1, 2, "short", true, false, 0, NULL},
    {"INTEGER_32", 2, 4, "int", true, false, 0, NULL},
    {"CHAR", 8, 1, "char", true, false, 0, NULL},
    {"BYTE", 9, 1, "unsigned char", false, false, 0, NULL},
    {"INTEGER_8", 9, 1, "unsigned char", false, false, 0, NULL},
    {"REAL_32", 10, 4, "float", true, true, 0, NULL},
    {"REAL_64", 0, 8, "double", true, true, 0, NULL},
    {"INTEGER_64", 11, 8, "long long", true, false, 0, NULL},
    {"PORT_NAME", 15, 4, "mach_port_t", false, false, 0, NULL},
    {"MOVE_RECEIVE", 16, 4, "mach_port_t", false, false, 16, "PORT_RECEIVE"},
    {"MOVE_SEND", 17, 4, "mach_port_t", false, false, 17, "PORT_SEND"},
    {"MOVE_SEND_ONCE", 18, 4, "mach_port_t", false, false, 18, "PORT_SEND_ONCE"},
    {"COPY_SEND", 19, 4, "mach_port_t", false, false, 17, "PORT_SEND"},
    {"MAKE_SEND", 20, 4, "mach_port_t", false, false, 17, "PORT_SEND"},
    {"MAKE_SEND_ONCE", 21, 4, "mach_port_t", false, false, 18, "PORT_SEND_ONCE"},
    /* These say what arrives and leave open how it is sent. */
    {"PORT_RECEIVE", POLYMORPHIC, 4, "mach_port_t", false, false, 16, "PORT_RECEIVE"},
    {"PORT_SEND", POLYMORPHIC, 4, "mach_port_t", false, false, 17, "PORT_SEND"},
    {"PORT_SEND_ONCE", POLYMORPHIC, 4, "mach_port_t", false, false, 18, "PORT_SEND_ONCE"},
    {"POLYMORPHIC", POLYMORPHIC, 4, "mach_port_t", false, false, POLYMORPHIC, "POLYMORPHIC"},
};
enum { PRIMITIVES = sizeof(primitives) / sizeof(primitives[0]) };

static struct type *type_new(struct place where, enum type_kind kind)
{
    struct type *type = zalloc(sizeof(*type));

    type->place = where;
    type->kind = kind;
    type->count = 1;
    return type;
}

static struct type *type_of_primitive(struct place where, const struct primitive *p)
{
    struct type *type = type_new(where, p->receive_name ? TYPE_PORT : TYPE_SCALAR);

    type->base = p->ctype;
    type->size = p->size;
    type->is_signed = p->is_signed;
    type->is_real = p->is_real;
    if (p->receive_name) {
        type->send.number = p->number;
        type->send.name = p->number == POLYMORPHIC ? "MACH_MSG_TYPE_POLYMORPHIC"
                                                   : format("MACH_MSG_TYPE_%s", p->name);
        type->receive.number = p->receive;
        type->receive.name = format("MACH_MSG_TYPE_%s", p->receive_name);
    }
    return type;
}

struct type *type_primitive(struct place where, const char *name)
{
    const char prefix[] = "MACH_MSG_TYPE_";

    if (same_nocase(name, "polymorphic"))
        return type_of_primitive(where, &primitives[PRIMITIVES - 1]);
    if (strncmp(name, prefix, sizeof(prefix) - 1) != 0)
        return NULL;
    for (int i = 0; i < PRIMITIVES; i++)
        if (same(primitives[i].name, name + sizeof(prefix) - 1))
            return type_of_primitive(where, &primitives[i]);
    return NULL;
}

struct type *type_number(struct place where, unsigned number)
{
    for (int i = 0; i < PRIMITIVES; i++)
        if (primitives[i].number == number && number != POLYMORPHIC)
            return type_of_primitive(where, &primitives[i]);
    error_at(where, "expected the number of a message type, found %u", number);
    return type_of_primitive(where, &primitives[3]);
}

/* `a | b`: sent as a, received as b. */
struct type *type_either(struct place where, struct type *sent, struct type *received)
{
    struct type *type = type_anonymous(sent);

    if (sent->kind != TYPE_PORT || received->kind != TYPE_PORT) {
        error_at(where, "expected a type of port right on both sides of '|', found a number");
        return type;
    }
    type->receive = received->receive;
    return type;
}

struct type *type_anonymous(const struct type *type)
{
    struct type *copy = zalloc(sizeof(*copy));

    *copy = *type;
    copy->name = NULL;
    copy->user_ctype = copy->server_ctype = copy->trans_ctype = NULL;
    copy->server_ctype_given = false;
    copy->in_trans = copy->out_trans = copy->destructor = copy->null_code = NULL;
    copy->in_constant = NULL;
    copy->is_lookup = false;
    copy->next = NULL;
    return copy;
}

/* Whether a type can be the element of an array: something of fixed size that lies in one place. */
static bool good_element(struct place where, const struct type *element)
{
    if (element->kind == TYPE_OOL) {
        error_at(where, "expected an element that lies in the message, found out-of-line data");
        return false;
    }
    if (element->varying) {
        error_at(where, "expected an element of fixed size, found a varying array");
        return false;
    }
    if (type_holds_ports(element) && element->kind != TYPE_PORT) {
        error_at(where, "expected a port as the element, found an array of ports");
        return false;
    }
    return true;
}

/* Sizes of messages are 32-bit numbers, and nobody sends so much in-line. */
enum { MOST_BYTES = 1 << 24 };

static struct type *array_of(struct place where, unsigned count, struct type *element)
{
    struct type *type = type_new(where, TYPE_ARRAY);

    type->element = element;
    type->count = count;
    if (!good_element(where, element)) {
        type->element = element = type_number(where, 2);
    } else if ((unsigned long long)count * element->size > MOST_BYTES) {
        error_at(where, "expected an array of at most %d bytes, found %u elements of %u",
                 MOST_BYTES, count, element->size);
        count = type->count = 1;
    }
    type->size = count * element->size;
    type->base = element->base;
    type->is_signed = element->is_signed;
    type->is_real = element->is_real;
    type->send = element->send;
    type->receive = element->receive;
    return type;
}

struct type *type_array(struct place where, unsigned count, struct type *element)
{
    if (count == 0) {
        error_at(where, "expected a number of elements, found 0");
        count = 1;
    }
    return array_of(where, count, element);
}

/* array[*:max] lies in the message; array[] and array[*] know no limit and go out of line. */
struct type *type_varying(struct place where, unsigned max, struct type *element)
{
    struct type *type = array_of(where, max, element);

    type->varying = true;
    if (max == 0)
        type->kind = TYPE_OOL;
    return type;
}

struct type *type_pointer(struct place where, struct type *target)
{
    struct type *type;

    if (target->kind == TYPE_OOL) {
        if (target->count != 0)
            error_at(where, "expected a type that lies in the message after '^', found '^' again");
        return target; /* ^array[] is what array[] is anyway */
    }
    if (target->kind == TYPE_STRING) {
        error_at(where, "expected a number, a struct or an array after '^', found a string");
        return target;
    }
    if (target->kind == TYPE_ARRAY) {
        type = type_anonymous(target);
    } else {
        type = array_of(where, 1, target);
    }
    type->kind = TYPE_OOL;
    return type;
}

struct type *type_struct(struct place where, unsigned count, struct type *element)
{
    struct type *type = type_array(where, count, element);

    if (type_holds_ports(type)) {
        error_at(where, "expected numbers in a struct, found ports");
        return type_number(where, 2);
    }
    type->kind = TYPE_STRUCT;
    return type;
}

struct type *type_string(struct place where, unsigned size, bool varying)
{
    struct type *type = type_new(where, TYPE_STRING);

    if (size == 0 || size > MOST_BYTES) {
        error_at(where, "expected the size of a string, 1 to %d bytes, found %u", MOST_BYTES, size);
        size = 1;
    }
    type->size = type->count = size;
    type->varying = varying;
    type->base = "char";
    type->is_signed = true;
    type->element = type_primitive(where, "MACH_MSG_TYPE_CHAR");
    return type;
}

bool type_holds_ports(const struct type *type)
{
    return type->send.name != NULL;
}

const struct type *type_base(const struct type *type, unsigned *count)
{
    *count = 1;
    while (type->element && (type->kind == TYPE_ARRAY || type->kind == TYPE_OOL)) {
        *count *= type->count;
        type = type->element;
    }
    return type;
}

/* Names that tell an unsigned number: of C, of Mach, and by their endings. */
static bool sounds_unsigned(const char *name)
{
    static const char *const names[] = {
        "unsigned",  "unsigned32",      "unsigned64",          "natural_t",
        "vm_size_t", "vm_address_t",    "vm_offset_t",         "mach_port_right_t",
        "uint",      "uint32",          "mach_port_type_t",    "mach_port_urefs_t",
        "uint32_t",  "uint64_t",        "mach_port_seqno_t",   "mach_port_mscount_t",
        "uint16_t",  "uint8_t",         "mach_port_msgcount_t", "mach_port_rights_t",
        "u_int",     "mach_port_name_t", "mach_msg_type_name_t", "mach_msg_type_number_t",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (same(name, names[i]))
            return true;
    return false;
}

/* Signedness is not in the language; names of the declaration chain are all there is to go by. */
void type_finish(struct type *type, const char *name)
{
    type->name = name;
    if (sounds_unsigned(name))
        type->is_signed = false;
    if (!type->user_ctype)
        type->user_ctype = name;
    if (!type->server_ctype)
        type->server_ctype = name;
    if (!type->trans_ctype)
        type->trans_ctype = type->server_ctype;
    if (type->null_code && !type->in_trans)
        error_at(type->place, "expected an intran clause beside onnull: only a translation is null");
    if (!type->in_trans && !type->out_trans)
        return;
    if (type->kind != TYPE_PORT && type->kind != TYPE_SCALAR && type->kind != TYPE_STRUCT)
        error_at(type->place, "expected a port, a number or a struct to translate, found an array");
}

/* A later declaration of a name replaces an earlier one for what follows. */
void type_declare(struct type *type)
{
    struct type *old = type_lookup(type->name);

    if (old && (old->kind != type->kind || old->size != type->size ||
                old->send.number != type->send.number ||
                old->receive.number != type->receive.number))
        warn_at(type->place, "type '%s' replaces another one declared at %s:%d", type->name,
                old->place.file, old->place.line);
    type->next = table;
    table = type;
}

struct type *type_lookup(const char *name)
{
    for (struct type *type = table; type; type = type->next)
        if (same(type->name, name))
            return type;
    return NULL;
}
