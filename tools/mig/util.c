/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory, strings, paths, and output files that appear whole or not at all.
 *
 * Each output is written to a temporary file beside its final name.  outputs_commit() renames them
 * all once everything has succeeded; until then the old files, if any, stand untouched.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* vasprintf */
#endif
#include "mig.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static struct output *outputs;

void *zalloc(size_t size)
{
    void *memory = calloc(1, size);

    if (!memory)
        die("out of memory");
    return memory;
}

char *format(const char *text, ...)
{
    va_list args;
    char *result;

    va_start(args, text);
    if (vasprintf(&result, text, args) < 0)
        die("out of memory");
    va_end(args);
    return result;
}

char *substring(const char *start, size_t length)
{
    char *copy = zalloc(length + 1);

    memcpy(copy, start, length);
    return copy;
}

bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

bool same_nocase(const char *a, const char *b)
{
    return strcasecmp(a, b) == 0;
}

size_t dir_length(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* The path with its directory made absolute and free of links and dots. */
static char *absolute_path(const char *path)
{
    size_t dir = dir_length(path);
    char *dir_name = dir ? substring(path, dir) : format(".");
    char *real = realpath(dir_name, NULL);

    if (!real)
        die("cannot open directory %s: %s", dir_name, strerror(errno));
    return format("%s/%s", same(real, "/") ? "" : real, path + dir);
}

char *relative_path(const char *from, const char *to)
{
    char *a = absolute_path(from), *b = absolute_path(to), *result = "";
    size_t shared = 0;

    for (size_t i = 0; a[i] && a[i] == b[i]; i++)
        if (a[i] == '/')
            shared = i + 1;
    for (const char *rest = a + shared; (rest = strchr(rest, '/')); rest++)
        result = format("../%s", result);
    return format("%s%s", result, b + shared);
}

struct output *output_open(const char *path)
{
    struct output *output = zalloc(sizeof(*output));
    struct stat status;

    output->path = path;
    /* /dev/null and the like are written, not replaced. */
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
        output->temporary = format("%s", path);
    else
        output->temporary = format("%s.%ld.tmp", path, (long)getpid());
    output->stream = fopen(output->temporary, "w");
    if (!output->stream)
        die("cannot write %s: %s", path, strerror(errno));
    output->next = outputs;
    outputs = output;
    return output;
}

void outputs_commit(void)
{
    for (struct output *o = outputs; o; o = o->next) {
        bool failed = ferror(o->stream) != 0;

        if (fclose(o->stream) != 0 || failed) {
            o->stream = NULL;
            die("cannot write %s: %s", o->path, strerror(errno));
        }
        o->stream = NULL;
    }
    for (; outputs; outputs = outputs->next)
        if (!same(outputs->temporary, outputs->path) &&
            rename(outputs->temporary, outputs->path) != 0)
            die("cannot write %s: %s", outputs->path, strerror(errno));
}

void outputs_discard(void)
{
    for (; outputs; outputs = outputs->next) {
        if (outputs->stream)
            fclose(outputs->stream);
        if (!same(outputs->temporary, outputs->path))
            unlink(outputs->temporary);
    }
}
