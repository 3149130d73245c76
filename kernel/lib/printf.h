// SPDX-License-Identifier: BSD-2-Clause
// Formatted text for the kernel's own messages: %d %u %x %s %p %%, with a width, a 0 before it, and l. A
// minus sign comes before what a width counts.
#pragma once

#include <stdarg.h>
#include <stddef.h>

// Formats into `buffer` (always terminated when size > 0); returns the length it would need.
__attribute__((format(printf, 3, 4))) int snprintf(char *buffer, size_t size, const char *format,
                                                   ...);
// Writes to the kernel's console.
void vprintf(const char *format, va_list args);
__attribute__((format(printf, 1, 2))) void printf(const char *format, ...);
void console_putc(char c); // provided by x86/console.c
