/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Error codes in words.  Source: OSF mach_error.h.
 */
#ifndef _MACH_MACH_ERROR_H_
#define _MACH_MACH_ERROR_H_

#include <mach/error.h>

/* A sentence for the code of a kernel call, of mach_msg(), of MIG, of our servers.  Never null.  A
 * code of mach_msg() with special bits (MACH_MSG_IPC_SPACE, …) says what was short, a code that
 * nobody knows gives a sentence with its number: both in one static buffer, which the next such call
 * overwrites; all other sentences are constants. */
extern char *mach_error_string(mach_error_t error_value);

/* Who the code comes from: "(os/kern)", "(ipc/send)", "(ipc/rcv)", "(ipc/mig)", "(bootstrap)", …
 * Never null, constant. */
extern char *mach_error_type(mach_error_t error_value);

/* Writes "str type sentence (code)" as a line to standard error. */
extern void mach_error(const char *str, mach_error_t error_value);

#endif
