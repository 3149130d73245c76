/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How an error number is divided: system (6 bits), subsystem (12 bits), code (14 bits).
 * mach_error_type() uses the system.  Source: OSF mach/error.h.
 */
#ifndef _MACH_ERROR_H_
#define _MACH_ERROR_H_

#include <mach/kern_return.h>

#define err_none 0
#define ERR_SUCCESS 0

#define err_system(x) ((int)(((unsigned)(x) & 0x3f) << 26))
#define err_sub(x) (((x) & 0xfff) << 14)
#define err_get_system(err) ((int)(((unsigned)(err) >> 26) & 0x3f))
#define err_get_sub(err) (((err) >> 14) & 0xfff)
#define err_get_code(err) ((err) & 0x3fff)

#define err_kern err_system(0x0)     /* kernel */
#define err_us err_system(0x1)       /* user-space library */
#define err_server err_system(0x2)   /* user-space servers */
#define err_ipc err_system(0x3)      /* old IPC errors */
#define err_mach_ipc err_system(0x4) /* mach_msg() */
#define err_local err_system(0x3e)   /* user defined */
#define err_max_system 0x3f

typedef kern_return_t mach_error_t;
typedef mach_error_t (*mach_error_fn_t)(void);

#endif
