/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the MIG compiler share.
 *
 * A .defs file goes through the preprocessor (main.c), lexer.l and parser.y; the parser calls
 * types.c for type expressions and routine.c for routines, and leaves everything in `subsys`.
 * layout.c then places the arguments in the two messages of each routine; emit_*.c write the
 * outputs from that.  Nothing is ever freed: the program runs for some milliseconds.
 *
 * Read next: docs/mig.md for the language, then parser.y.
 */
#ifndef MIG_MIG_H
#define MIG_MIG_H

#include <stdbool.h>
#include <stdio.h>

/* ---- places and errors (error.c) ------------------------------------------------------------ */

struct place {
    const char *file;
    int line;
};

extern int error_count;

void error_at(struct place where, const char *format, ...) __attribute__((format(printf, 2, 3)));
void warn_at(struct place where, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* For trouble that has no place in a .defs file; does not return. */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* ---- memory, strings, lists, files (util.c) ------------------------------------------------- */

void *zalloc(size_t size);
char *format(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *substring(const char *start, size_t length);
bool same(const char *a, const char *b);
bool same_nocase(const char *a, const char *b);
/* Length of the part of a path up to and including its last slash. */
size_t dir_length(const char *path);
/* How a file at `from` refers to a file at `to`: a relative path. */
char *relative_path(const char *from, const char *to);

/* An output file that takes its name only when all outputs are complete. */
struct output {
    const char *path;
    char *temporary;
    FILE *stream;
    struct output *next;
};
struct output *output_open(const char *path);
void outputs_commit(void);
void outputs_discard(void);

/* ---- types (types.c) ------------------------------------------------------------------------ */

/* What becomes of a port right: the MACH_MSG_TYPE_… of a message as sent, or as received. */
struct disposition {
    unsigned number;
    const char *name;
};
#define POLYMORPHIC (~0u)

enum type_kind {
    TYPE_SCALAR, /* a number */
    TYPE_STRUCT, /* struct[n] of …: passed by value in C */
    TYPE_ARRAY,  /* array[n] of … or array[*:n] of …, in the message */
    TYPE_STRING, /* c_string[n] or c_string[*:n] */
    TYPE_PORT,   /* one right, in a port descriptor */
    TYPE_OOL,    /* ^…, array[] of …: out of line */
};

struct type {
    const char *name; /* what the .defs calls it; null for an anonymous one */
    struct place place;
    enum type_kind kind;
    const char *base;     /* C type of the innermost number, for anonymous types */
    bool is_signed;       /* of a scalar, as far as its name tells */
    bool is_real;
    unsigned size;        /* bytes; of a varying one, the most; 0: no limit */
    unsigned count;       /* elements of an array; of a varying one, the most; 0: no limit */
    bool varying;         /* the number of elements travels with it */
    struct type *element; /* of an array, struct or out-of-line array */
    struct disposition send, receive; /* of a port, and of the ports of an array */

    const char *user_ctype;   /* C types, null until types_finish() */
    const char *server_ctype;
    bool server_ctype_given;  /* by cservertype: the kernel's own names do not replace it */
    const char *trans_ctype;  /* what the server function sees after translation */
    const char *in_trans, *out_trans, *destructor;
    const char *in_constant;  /* a second argument of in_trans, or null */
    bool is_lookup;           /* in_trans finds it in the object called, and says if it could not */
    const char *null_code;    /* what the server answers when in_trans gives null; or null */

    struct type *next; /* in the table of names */
};

/* Mach's names for the primitive types, or null. */
struct type *type_primitive(struct place where, const char *name);
struct type *type_number(struct place where, unsigned number);
struct type *type_either(struct place where, struct type *sent, struct type *received);
struct type *type_named(struct place where, const char *name);
struct type *type_array(struct place where, unsigned count, struct type *element);
struct type *type_varying(struct place where, unsigned max, struct type *element);
struct type *type_pointer(struct place where, struct type *target);
struct type *type_struct(struct place where, unsigned count, struct type *element);
struct type *type_string(struct place where, unsigned size, bool varying);
/* A copy of a type without what belongs to a name: C types and translations. */
struct type *type_anonymous(const struct type *type);
/* Gives the type its name and works out the C types that were not given. */
void type_finish(struct type *type, const char *name);
void type_declare(struct type *type);
struct type *type_lookup(const char *name);
/* Rights travel in descriptors: */
bool type_holds_ports(const struct type *type);
/* The innermost type that is not an array, and how many of it. */
const struct type *type_base(const struct type *type, unsigned *count);

/* ---- routines (routine.c) ------------------------------------------------------------------- */

enum direction {
    DIR_NONE, /* nothing said: in, or the request port */
    DIR_IN,
    DIR_OUT,
    DIR_INOUT,
    DIR_REQUEST_PORT,
    DIR_REPLY_PORT,  /* both sides name the reply port */
    DIR_UREPLY_PORT, /* only the user */
    DIR_SREPLY_PORT, /* only the server */
    DIR_WAIT_TIME,
    DIR_SEND_TIME,
    DIR_MSG_OPTION,
    DIR_MSG_SEQNO,        /* server: from the trailer of the request */
    DIR_SERVER_SECTOKEN,
    DIR_USER_SECTOKEN,    /* user: from the trailer of the reply */
    DIR_SERVER_IMPL,      /* any field of the trailer, named */
    DIR_USER_IMPL,
};

enum arg_flag {
    FLAG_SAME_COUNT = 1 << 0,
    FLAG_RET_CODE = 1 << 1,
    FLAG_PHYSICAL_COPY = 1 << 2,
    FLAG_OVERWRITE = 1 << 3,
    FLAG_DEALLOC = 1 << 4,
    FLAG_NOT_DEALLOC = 1 << 5,
    FLAG_MAYBE_DEALLOC = 1 << 6, /* dealloc[]: the caller says */
    FLAG_COUNT_INOUT = 1 << 7,
    FLAG_AUTO = 1 << 8,
    FLAG_CONST = 1 << 9,
    FLAG_SERVER_COPY = 1 << 10,
};

struct arg {
    const char *name;
    struct place place;
    enum direction direction;
    struct type *type;
    unsigned flags;
    const char *trailer_field; /* DIR_SERVER_IMPL, DIR_USER_IMPL */
    struct arg *count_of;      /* the array whose count this one shares, or itself */
    unsigned index;            /* position in the routine */
    struct arg *next;
};

/* What a C parameter of a stub is. */
enum param_role {
    PARAM_VALUE,
    PARAM_POLY,    /* namePoly: disposition */
    PARAM_COUNT,   /* nameCnt: elements */
    PARAM_DEALLOC, /* nameDealloc */
    PARAM_SCOPY,   /* nameSCopy: the data lie in the message buffer */
};

struct param {
    enum param_role role;
    struct arg *arg;
    bool by_pointer;
    bool in, out;
    struct param *next;
};

/* One piece of a message's plain data. */
enum field_kind {
    FIELD_VALUE,  /* number, struct, array, string */
    FIELD_COUNT,  /* nameCnt */
    FIELD_OFFSET, /* nameOffset: before a varying string, always 0 */
};

struct field {
    enum field_kind kind;
    struct arg *arg;
    unsigned offset;    /* bytes from the start, arrays before it at their largest */
    unsigned size;      /* bytes without padding, at its largest */
    bool varying;
    unsigned behind;    /* number of varying fields in front of it */
    struct field *next;
};

/* One descriptor, or the descriptors of an array of ports. */
struct descriptor {
    struct arg *arg;
    unsigned index; /* of the first */
    unsigned count;
    struct descriptor *next;
};

struct message {
    struct routine *routine;
    bool is_reply;
    struct descriptor *descriptors;
    unsigned descriptor_count;
    struct field *fields;
    bool has_ndr;
    bool has_retcode;
    unsigned ndr_offset;
    unsigned varying_count;    /* varying fields */
    unsigned min_size, max_size;
};

struct routine {
    const char *name;
    const char *user_name, *server_name;
    struct place place;
    int id;
    bool simple;
    struct arg *args;
    struct arg *request_port, *reply_port, *wait_time, *send_time, *msg_option, *ret_code;
    bool user_gives_reply_port, server_sees_reply_port;
    const char *default_wait_time, *default_send_time, *default_msg_option;
    struct param *user_params, *server_params;
    struct message request, reply;
    struct routine *next;
};

struct arg *arg_new(struct place where, enum direction direction, const char *name,
                    struct type *type, unsigned flags);
void routine_add(struct place where, bool simple, const char *name, struct arg *args);
void routine_skip(void);

bool arg_goes_in(const struct arg *arg);  /* is in the request */
bool arg_goes_out(const struct arg *arg); /* is in the reply */
/* Whether the argument's number of elements is a parameter and a field of its own. */
bool arg_has_count(const struct arg *arg);
/* Dispositions of an argument's rights, on the side that sends it and the one that receives it. */
struct disposition sent_by_user(const struct arg *arg);
struct disposition got_by_server(const struct arg *arg);
struct disposition sent_by_server(const struct arg *arg);
struct disposition got_by_user(const struct arg *arg);

/* ---- layout (layout.c) ---------------------------------------------------------------------- */

enum {
    HEADER_SIZE = 24,
    BODY_SIZE = 4,
    DESCRIPTOR_SIZE = 12,
    NDR_SIZE = 8,
    ERROR_REPLY_SIZE = HEADER_SIZE + NDR_SIZE + 4,
};
void layout_message(struct message *message);
unsigned pad4(unsigned size);

/* ---- the subsystem -------------------------------------------------------------------------- */

struct import {
    const char *file; /* with its quotes or angle brackets */
    bool user, server;
    struct import *next;
};

struct subsystem {
    const char *name;
    struct place place;
    int base;
    int next_id;
    bool kernel_user, kernel_server;
    const char *user_prefix, *server_prefix, *server_demux, *rcs_id;
    const char *wait_time, *send_time, *msg_option;
    struct import *imports;
    struct routine *routines, **routines_end;
    const char *source; /* the .defs file as named on the command line */
};
extern struct subsystem subsys;

void import_add(const char *file, bool user, bool server);
int yyparse(void);
void lexer_start(FILE *in, const char *file);

/* ---- emitting C (emit.c, emit_message.c, emit_check.c) -------------------------------------- */

enum side { USER_SIDE, SERVER_SIDE };

/* Whether the code for this side runs in the kernel, where ports are pointers. */
bool in_kernel(enum side side);
/* C type of an argument as it lies in or leaves a message; of an element of an array; and what the
 * function on that side is given. */
const char *value_ctype(const struct type *type, enum side side);
const char *element_ctype(const struct type *type, enum side side);
const char *function_ctype(const struct arg *arg, enum side side);
/* What a right's C type becomes from and to the name field of a descriptor: a cast, or nothing. */
const char *port_cast(enum side side);
bool is_translated_in(const struct arg *arg);
bool is_translated_out(const struct arg *arg);

void emit_banner(FILE *out, const char *what);
void emit_imports(FILE *out, enum side side);
void emit_routine_comment(FILE *out, const struct routine *routine, const char *what);
void emit_prototype(FILE *out, const struct routine *routine, enum side side, const char *start,
                    const char *end);
char *param_name(const struct param *param);
/* Type definitions of all messages; then checks that the C types have the sizes of the .defs. */
void emit_messages(FILE *out, enum side side);
void emit_size_checks(FILE *out, enum side side);
/* static kern_return_t check_NAME_request(…) or …_reply(…). */
void emit_check(FILE *out, const struct message *message);

/* C type of a message, and the first part of the names of pointers to it. */
char *message_ctype(const struct message *message);
const char *message_base(const struct message *message);
/* "InP", "In2P": the pointer through which a field behind n varying ones is found. */
char *via(const struct message *message, unsigned behind);
const struct field *find_field(const struct message *message, const struct arg *arg,
                               enum field_kind kind);
/* The field `nameCnt` that counts an argument's elements, as a C expression. */
char *count_in_message(const struct message *message, const struct arg *arg);
/* The most elements that the argument, and all that share its count, have room for; 0: no limit. */
unsigned most_counted(const struct routine *routine, const struct arg *arg);
/* Bytes of data in a number of elements, as a C expression. */
char *bytes_of(const struct arg *arg, const char *count);
unsigned element_size(const struct type *type);
bool is_port_array(const struct arg *arg);
const char *descriptor_ctype(const struct arg *arg);
const char *copy_option(const struct arg *arg);
/* Whether any field lies behind n varying ones. */
bool has_fields_behind(const struct message *message, unsigned n);

/* ---- the outputs ---------------------------------------------------------------------------- */

void emit_header(FILE *out, enum side side, const char *file);
/* What a file of stubs has before its first stub. `header`: the one to include; without one the file
 * has the declarations itself. */
void emit_stubs_begin(FILE *out, enum side side, const char *header);
void emit_user(FILE *out, const char *header);
void emit_server(FILE *out, const char *header);
/* The part of a server stub after its function has succeeded. */
void emit_reply(FILE *out, const struct message *message);
void emit_traps(FILE *out, const char *names);
void emit_json(FILE *out);

#endif
