/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Types, limits and codes of the console interface (console.defs).
 */
#ifndef _SERVERS_CONSOLE_TYPES_H_
#define _SERVERS_CONSOLE_TYPES_H_

#include <mach/port.h>

#define CONSOLE_NAME "console" /* of the service, for netname_look_up */

#define CONSOLE_DATA_MAX 4096 /* bytes of one read or write */
typedef char console_data_t[CONSOLE_DATA_MAX];

/* Mode of a session: 0 is an edited line with echo (cooked). */
#define CONSOLE_RAW 1        /* every byte is input at once; no editing, no echo, no ^D */
#define CONSOLE_NO_ECHO 2    /* cooked, but the input is not shown (passwords) */
#define CONSOLE_INTERRUPT 4  /* raw, but ^C interrupts, as it always does in a cooked session */
#define CONSOLE_MODE_BITS 7

#define CONSOLE_INTERRUPTED 4591 /* console_read: somebody typed ^C; nothing was read */
#define CONSOLE_INTERRUPT_ID 4590 /* msgh_id of the message that console_on_interrupt asks for */

#endif
