/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Types of program.defs.
 */
#ifndef _SERVERS_PROGRAM_TYPES_H_
#define _SERVERS_PROGRAM_TYPES_H_

#define PROGRAM_PATH_MAX 128 /* bytes of a path in the boot archive, its end included */
typedef char program_path_t[PROGRAM_PATH_MAX];

#endif
