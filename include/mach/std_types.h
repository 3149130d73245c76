/* SPDX-License-Identifier: BSD-2-Clause */
/* C side of std_types.defs: the types every interface may use.  Source: OSF mach/std_types.h. */
#ifndef _MACH_STD_TYPES_H_
#define _MACH_STD_TYPES_H_

#include <mach/boolean.h>
#include <mach/kern_return.h>
#include <mach/message.h>
#include <mach/port.h>
#include <mach/vm_types.h>

typedef char *mach_c_string_t;

#endif
