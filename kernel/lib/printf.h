// SPDX-License-Identifier: BSD-2-Clause
// Formatted text for the kernel's own messages: %d %u %x %lx %llu %s %c %p %%, width and 0-padding.
#ifndef LIB_PRINTF_H
#define LIB_PRINTF_H

#include <stdarg.h>
#include <stddef.h>

// Formats into `buffer` (always terminated when size > 0); returns the length it would need.
int vsnprintf(char *buffer, size_t size, const char *format, va_list args);
__attribute__((format(printf, 3, 4))) int snprintf(char *buffer, size_t size, const char *format,
                                                   ...);
// Writes to the kernel's console (x86/console.h sets the sink at boot).
void vprintf(const char *format, va_list args);
__attribute__((format(printf, 1, 2))) void printf(const char *format, ...);
void printf_set_sink(void (*put)(char c));

#endif
