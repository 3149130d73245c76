// SPDX-License-Identifier: BSD-2-Clause
// Inside libmach: the task's console session (console.c).
#ifndef LIBMACH_CONSOLE_H
#define LIBMACH_CONSOLE_H

#include <mach/port.h>
#include <sys/types.h>

// Both: bytes moved, or -1 and errno: EIO without a console, EINTR after ^C.
ssize_t console_write_bytes(const char *data, size_t size);
ssize_t console_read_bytes(char *data, size_t size);
// In a new task with inherited memory: the session is the old task's.
void console_forget(void);

#endif
