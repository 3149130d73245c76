// SPDX-License-Identifier: BSD-2-Clause
// The characters that the display has (charset.c).
#ifndef CONSOLE_CHARSET_H
#define CONSOLE_CHARSET_H

#include <stdint.h>

// The display's number of a character of Unicode; '?' if it has none like it.
uint8_t charset_find(unsigned code);

#endif
