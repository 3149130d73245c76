/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Limits and error codes of the bootstrap interface (bootstrap.defs).  The codes are macOS's, which
 * programs print and compare; OSF had none.
 */
#ifndef _MACH_BOOTSTRAP_TYPES_H_
#define _MACH_BOOTSTRAP_TYPES_H_

#include <mach/kern_return.h>

#define BOOTSTRAP_MODULE_NAME_MAX 128 /* bytes of a module's name, with its end */
typedef char bootstrap_module_name_t[BOOTSTRAP_MODULE_NAME_MAX];

#define BOOTSTRAP_SUCCESS 0
#define BOOTSTRAP_NOT_PRIVILEGED 1100   /* the caller may not do that */
#define BOOTSTRAP_NAME_IN_USE 1101      /* another server has registered the name */
#define BOOTSTRAP_UNKNOWN_SERVICE 1102  /* no server or module of that name */
#define BOOTSTRAP_SERVICE_ACTIVE 1103   /* the server runs already */
#define BOOTSTRAP_BAD_COUNT 1104        /* an array has a wrong length */
#define BOOTSTRAP_NO_MEMORY 1105        /* no memory for it */
#define BOOTSTRAP_NO_CHILDREN 1106      /* there is nothing to list */

#endif
