/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console session under stdin, stdout and stderr, for programs that do more than read and write:
 * set a mode, take the focus, hear about ^C (calls of <servers/console.h>).
 */
#ifndef _CONSOLE_SESSION_H_
#define _CONSOLE_SESSION_H_

#include <mach/port.h>

/* The session's port, opened if need be; MACH_PORT_NULL if there is no console. It stays the
 * library's: do not deallocate it. */
mach_port_t console_session(void);

#endif
