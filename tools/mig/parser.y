/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Grammar of .defs files.  Statements fill in `subsys`; type expressions are built by types.c,
 * routines by routine.c.  A syntax error ends the run: what follows one is rarely worth reading.
 */
%locations
%define api.location.type {struct place}
%define parse.error custom
%define parse.lac full

%code requires {
#include "mig.h"
}

%{
#include "mig.h"
#include "parser.tab.h"
#include "token.h"

#define YYLLOC_DEFAULT(result, parts, count)                                                       \
    ((result) = (count) ? YYRHSLOC(parts, 1) : YYRHSLOC(parts, 0))

int yylex(void);
void yyerror(const char *message);

static struct arg *chain(struct arg *first, struct arg *rest);
static void set_once(struct place where, const char **slot, const char *value, const char *what);
static unsigned divide(struct place where, unsigned a, unsigned b);
static struct type *lookup_type(struct place where, const char *name);
%}

%union {
    unsigned number;
    const char *string;
    struct type *type;
    struct arg *arg;
}

%token <number> NUMBER "a number"
%token <number> DIRECTION "a direction"
%token <number> IMPLICIT "serverimpl or userimpl"
%token <number> WAIT_TIME "waittime"
%token <number> SEND_TIME "sendtime"
%token <number> MSG_OPTION "msgoption"
%token <number> FLAG "a flag"
%token <string> IDENTIFIER "a name"
%token <string> QUOTED "a string in quotes"
%token <string> FILE_NAME "a file name in quotes or angle brackets"
%token <type> PRIMITIVE "a MACH_MSG_TYPE_ name"
%token SUBSYSTEM "subsystem" KERNEL_USER "KernelUser" KERNEL_SERVER "KernelServer"
%token ROUTINE "routine" SIMPLEROUTINE "simpleroutine" SKIP "skip" TYPE "type"
%token IMPORT "import" UIMPORT "uimport" SIMPORT "simport"
%token SERVER_PREFIX "serverprefix" USER_PREFIX "userprefix" SERVER_DEMUX "serverdemux"
%token RCSID "rcsid" ERROR_PROC "error" NO_WAIT_TIME "nowaittime" NO_SEND_TIME "nosendtime"
%token ARRAY "array" STRUCT "struct" OF "of" C_STRING "c_string"
%token INTRAN "intran" OUTTRAN "outtran" DESTRUCTOR "destructor" ON_NULL "onnull"
%token IN_LOOKUP "inlookup"
%token CTYPE "ctype" CUSERTYPE "cusertype" CSERVERTYPE "cservertype"
%token STRAY "an unexpected character"
%token END 0 "the end of the file"

%left '+' '-'
%left '*' '/'

%type <number> expression direction flags flag
%type <string> option word constant
%type <type> type_spec translated primitive argument_type
%type <arg> arguments argument_list argument

%%

statements: %empty
    | statements statement ';'
    | statements ';'
    ;

statement: subsystem
    | TYPE IDENTIFIER '=' translated
        { $4->place = @2; type_finish($4, $2); type_declare($4); }
    | ROUTINE IDENTIFIER arguments
        { routine_add(@2, false, $2, $3); }
    | SIMPLEROUTINE IDENTIFIER arguments
        { routine_add(@2, true, $2, $3); }
    | SKIP                      { routine_skip(); }
    | IMPORT FILE_NAME          { import_add($2, true, true); }
    | UIMPORT FILE_NAME         { import_add($2, true, false); }
    | SIMPORT FILE_NAME         { import_add($2, false, true); }
    | SERVER_PREFIX IDENTIFIER  { subsys.server_prefix = $2; }
    | USER_PREFIX IDENTIFIER    { subsys.user_prefix = $2; }
    | SERVER_DEMUX IDENTIFIER   { subsys.server_demux = $2; }
    | ERROR_PROC IDENTIFIER     /* of no use since MIG lost its procedure statement */
    | RCSID QUOTED              { subsys.rcs_id = $2; }
    | WAIT_TIME word            { subsys.wait_time = $2; }
    | NO_WAIT_TIME              { subsys.wait_time = NULL; }
    | SEND_TIME word            { subsys.send_time = $2; }
    | NO_SEND_TIME              { subsys.send_time = NULL; }
    | MSG_OPTION option
        { subsys.msg_option = same($2, "MACH_MSG_OPTION_NONE") ? NULL : $2; }
    ;

subsystem: SUBSYSTEM sides IDENTIFIER expression
        {
            if (subsys.name)
                error_at(@1, "expected one subsystem statement, found a second, '%s' after '%s'",
                         $3, subsys.name);
            subsys.name = $3;
            subsys.place = @1;
            subsys.base = (int)$4;
        }
    ;

sides: %empty
    | sides KERNEL_USER         { subsys.kernel_user = true; }
    | sides KERNEL_SERVER       { subsys.kernel_server = true; }
    ;

option: word
    | option '|' word           { $$ = format("%s|%s", $1, $3); }
    ;

word: IDENTIFIER
    | NUMBER                    { $$ = format("%u", $1); }
    ;

expression: NUMBER
    | expression '+' expression { $$ = $1 + $3; }
    | expression '-' expression { $$ = $1 - $3; }
    | expression '*' expression { $$ = $1 * $3; }
    | expression '/' expression { $$ = divide(@2, $1, $3); }
    | '(' expression ')'        { $$ = $2; }
    ;

/* ---- types ---- */

translated: type_spec           { $$ = type_anonymous($1); }
    | translated INTRAN ':' IDENTIFIER IDENTIFIER '(' IDENTIFIER constant ')'
        {
            set_once(@2, &$1->trans_ctype, $4, "translated type");
            set_once(@2, &$1->in_trans, $5, "intran procedure");
            set_once(@2, &$1->server_ctype, $7, "server type");
            $1->in_constant = $8;
        }
    | translated OUTTRAN ':' IDENTIFIER IDENTIFIER '(' IDENTIFIER ')'
        {
            set_once(@2, &$1->server_ctype, $4, "server type");
            set_once(@2, &$1->out_trans, $5, "outtran procedure");
            set_once(@2, &$1->trans_ctype, $7, "translated type");
        }
    | translated DESTRUCTOR ':' IDENTIFIER '(' IDENTIFIER ')'
        {
            set_once(@2, &$1->destructor, $4, "destructor");
            set_once(@2, &$1->trans_ctype, $6, "translated type");
        }
    | translated IN_LOOKUP ':' IDENTIFIER IDENTIFIER '(' IDENTIFIER ')'
        {
            set_once(@2, &$1->trans_ctype, $4, "translated type");
            set_once(@2, &$1->in_trans, $5, "intran procedure");
            $1->in_constant = $7;
            $1->is_lookup = true;
        }
    | translated ON_NULL ':' IDENTIFIER
        { set_once(@2, &$1->null_code, $4, "code for a null translation"); }
    | translated CTYPE ':' IDENTIFIER
        {
            set_once(@2, &$1->user_ctype, $4, "user type");
            set_once(@2, &$1->server_ctype, $4, "server type");
        }
    | translated CUSERTYPE ':' IDENTIFIER
        { set_once(@2, &$1->user_ctype, $4, "user type"); }
    | translated CSERVERTYPE ':' IDENTIFIER
        {
            set_once(@2, &$1->server_ctype, $4, "server type");
            $1->server_ctype_given = true;
        }
    ;

constant: %empty                { $$ = NULL; }
    | ',' IDENTIFIER            { $$ = $2; }
    ;

type_spec: primitive
    | primitive '|' primitive   { $$ = type_either(@2, $1, $3); }
    | IDENTIFIER                { $$ = lookup_type(@1, $1); }
    | ARRAY '[' expression ']' OF type_spec
        { $$ = type_array(@1, $3, $6); }
    | ARRAY '[' ']' OF type_spec
        { $$ = type_varying(@1, 0, $5); }
    | ARRAY '[' '*' ']' OF type_spec
        { $$ = type_varying(@1, 0, $6); }
    | ARRAY '[' '*' ':' expression ']' OF type_spec
        {
            if ($5 == 0)
                error_at(@5, "expected the largest number of elements, found 0");
            $$ = type_varying(@1, $5, $8);
        }
    | '^' type_spec             { $$ = type_pointer(@1, $2); }
    | STRUCT '[' expression ']' OF type_spec
        { $$ = type_struct(@1, $3, $6); }
    | C_STRING '[' expression ']'
        { $$ = type_string(@1, $3, false); }
    | C_STRING '[' '*' ':' expression ']'
        { $$ = type_string(@1, $5, true); }
    ;

primitive: PRIMITIVE
    | NUMBER                    { $$ = type_number(@1, $1); }
    ;

/* ---- routines ---- */

arguments: '(' ')'              { $$ = NULL; }
    | '(' argument_list ')'     { $$ = $2; }
    ;

argument_list: argument
    | argument ';' argument_list
        { $$ = chain($1, $3); }
    ;

argument: direction IDENTIFIER argument_type flags
        { $$ = arg_new(@2, $1, $2, $3, $4); }
    | IMPLICIT IDENTIFIER argument_type ',' IDENTIFIER
        {
            $$ = arg_new(@2, $1, $2, $3, 0);
            $$->trailer_field = $5;
        }
    ;

direction: %empty               { $$ = DIR_NONE; }
    | DIRECTION
    | WAIT_TIME
    | SEND_TIME
    | MSG_OPTION
    ;

argument_type: ':' IDENTIFIER   { $$ = lookup_type(@2, $2); }
    | ':' IDENTIFIER '=' translated
        { $$ = $4; $4->place = @2; type_finish($4, $2); }
    ;

flags: %empty                   { $$ = 0; }
    | flags ',' flag
        {
            if ($1 & $3)
                error_at(@3, "expected another flag, found the same one again");
            $$ = $1 | $3;
        }
    ;

flag: FLAG
    | FLAG '[' ']'
        {
            if ($1 != FLAG_DEALLOC)
                error_at(@1, "expected Dealloc before '[]': no other flag is given by the caller");
            $$ = FLAG_MAYBE_DEALLOC;
        }
    ;

%%

static struct arg *chain(struct arg *first, struct arg *rest)
{
    first->next = rest;
    return first;
}

/* Something that several clauses of a type may say, as long as they agree. */
static void set_once(struct place where, const char **slot, const char *value, const char *what)
{
    if (*slot && !same(*slot, value))
        error_at(where, "expected '%s' again as the %s, found '%s'", *slot, what, value);
    *slot = value;
}

static unsigned divide(struct place where, unsigned a, unsigned b)
{
    if (b == 0) {
        error_at(where, "division by zero");
        return 0;
    }
    return a / b;
}

static struct type *lookup_type(struct place where, const char *name)
{
    struct type *type = type_lookup(name);

    if (!type) {
        error_at(where, "expected the name of a type, found '%s', which is not declared", name);
        type = type_number(where, 2);
        type_finish(type, name);
        type_declare(type); /* complain once */
    }
    return type;
}

/* ---- syntax errors ---- */

/* What the parser would have taken in place of the token it could not. */
struct expected {
    yysymbol_kind_t kinds[64];
    int count;
};

static bool expects(const struct expected *expected, const char *name)
{
    for (int i = 0; i < expected->count; i++)
        if (same(yysymbol_name(expected->kinds[i]), name))
            return true;
    return false;
}

/* Operators of an expression and clauses of a type can nearly always follow: not worth naming. */
static bool worth_naming(yysymbol_kind_t kind)
{
    const char *name = yysymbol_name(kind);

    return !(kind >= YYSYMBOL_INTRAN && kind <= YYSYMBOL_CSERVERTYPE) && !same(name, "'+'") &&
           !same(name, "'-'") && !same(name, "'*'") && !same(name, "'/'") && !same(name, "'|'");
}

/* In words: the name of a whole construct where there is one. */
static const char *expectation(const struct expected *expected)
{
    const char *text = NULL;

    if (expects(expected, "skip"))
        return "a statement (subsystem, type, routine, simpleroutine, skip, import, …)";
    if (expects(expected, "array"))
        return "a type";
    if (expects(expected, "serverimpl or userimpl"))
        return expects(expected, "')'") ? "an argument or ')'" : "an argument";
    for (int i = expected->count - 1; i >= 0; i--) {
        const char *name = yysymbol_name(expected->kinds[i]);

        if (worth_naming(expected->kinds[i]))
            text = text ? format("%s or %s", name, text) : name;
    }
    return text ? text : "something else";
}

static int yyreport_syntax_error(const yypcontext_t *context)
{
    struct expected expected;
    struct place where = this_token.place;
    const char *found = format("'%s'", this_token.text);

    expected.count = yypcontext_expected_tokens(context, expected.kinds, 64);
    if (yypcontext_token(context) == YYSYMBOL_YYEOF)
        found = "the end of the file";
    /* What is missing at the end of a line is missing there, not where the next line begins. */
    if (previous_token.text && (expects(&expected, "';'") || expects(&expected, "')'")) &&
        !expects(&expected, "skip"))
        where = previous_token.place;
    if (previous_token.text)
        error_at(where, "expected %s after '%s', found %s", expectation(&expected),
                 previous_token.text, found);
    else
        error_at(where, "expected %s, found %s", expectation(&expected), found);
    return 0;
}

void yyerror(const char *message)
{
    error_at(this_token.place, "%s", message);
}
