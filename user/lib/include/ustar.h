/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a ustar archive in memory (user/lib/program/ustar.c), such as the one the machine boots
 * with. Nothing is copied; a damaged archive ends where the damage begins.
 */
#ifndef _USTAR_H_
#define _USTAR_H_

#include <stddef.h>

#define USTAR_NAME_MAX 257 /* prefix, slash, name, end */

struct ustar_file {
    char name[USTAR_NAME_MAX]; /* without a leading "./" or "/" */
    const void *data;          /* in the archive */
    size_t size;
};

/* The regular file at or after *offset (0 to begin with), which moves behind it. 0: there is none. */
int ustar_next(const void *archive, size_t size, size_t *offset, struct ustar_file *file);
/* The file of that name; 0: there is none. */
int ustar_find(const void *archive, size_t size, const char *name, struct ustar_file *file);

#endif
