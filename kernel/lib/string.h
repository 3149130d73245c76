// SPDX-License-Identifier: BSD-2-Clause
// The few C library functions that the kernel uses. Copies go word by word (`rep movsd`): byte-wise
// string instructions cost one count per byte.
#pragma once

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);
size_t strlen(const char *s);
// Copies and fills of a size that the compiler knows need no call.
#define memcpy(to, from, size) __builtin_memcpy(to, from, size)
#define memset(to, byte, size) __builtin_memset(to, byte, size)

// Copies at most size - 1 characters and always terminates; returns strlen(from).
size_t strlcpy(char *to, const char *from, size_t size);
