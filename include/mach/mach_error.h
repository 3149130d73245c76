/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Error codes in words.  Source: OSF mach_error.h.
 */
#ifndef _MACH_MACH_ERROR_H_
#define _MACH_MACH_ERROR_H_

#include <mach/error.h>

/* A sentence for the code of a kernel call, of mach_msg() (what was short is named when the special
 * bits say so), of MIG, of bootstrap.  Never null.  A code that nobody knows gives a sentence with its
 * number, in a buffer of the calling program that the next unknown code overwrites; all else is
 * constant. */
extern char *mach_error_string(mach_error_t error_value);

/* Who the code comes from: "(os/kern)", "(ipc/send)", "(ipc/rcv)", "(ipc/mig)", "(bootstrap)", …
 * Never null, constant. */
extern char *mach_error_type(mach_error_t error_value);

/* Writes "str: sentence (code)" as a line to standard error. */
extern void mach_error(const char *str, mach_error_t error_value);

#endif
