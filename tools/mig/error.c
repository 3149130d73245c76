/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Diagnostics: one line each on standard error, `file:line: sentence`.  Errors are counted; main.c
 * writes nothing if there was one.  After twenty the rest is most likely their consequence.
 */
#include "mig.h"

#include <stdarg.h>
#include <stdlib.h>

int error_count;

enum { MOST_ERRORS = 20 };

static void print_at(struct place where, const char *kind, const char *text, va_list args)
{
    fprintf(stderr, "%s:%d: %s", where.file, where.line, kind);
    vfprintf(stderr, text, args);
    fputc('\n', stderr);
}

void error_at(struct place where, const char *text, ...)
{
    va_list args;

    va_start(args, text);
    print_at(where, "", text, args);
    va_end(args);
    if (++error_count >= MOST_ERRORS)
        die("too many errors");
}

void warn_at(struct place where, const char *text, ...)
{
    va_list args;

    va_start(args, text);
    print_at(where, "warning: ", text, args);
    va_end(args);
}

void die(const char *text, ...)
{
    va_list args;

    va_start(args, text);
    fputs("mig: ", stderr);
    vfprintf(stderr, text, args);
    fputc('\n', stderr);
    va_end(args);
    outputs_discard();
    exit(1);
}
