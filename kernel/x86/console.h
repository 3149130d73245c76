// SPDX-License-Identifier: BSD-2-Clause
// The kernel's own words, out of the first serial port.
#ifndef X86_CONSOLE_H
#define X86_CONSOLE_H

// Sets the port up and makes it printf's sink.
void console_init(void);

#endif
