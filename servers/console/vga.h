// SPDX-License-Identifier: BSD-2-Clause
// The display of a PC in text mode (vga.c).
#ifndef CONSOLE_VGA_H
#define CONSOLE_VGA_H

#include <mach/port.h>
#include <stddef.h>

// Takes possession of the display with the power of `device`, and goes on where the kernel or the
// firmware has left it. Without one, or without memory, vga_write does nothing.
void vga_open(mach_port_t device);
void vga_write(const char *data, size_t size);

#endif
