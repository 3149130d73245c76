/* SPDX-License-Identifier: BSD-2-Clause */
/* macOS's name for the types of external pagers; they are in memory_object.h. */
#ifndef _MACH_MEMORY_OBJECT_TYPES_H_
#define _MACH_MEMORY_OBJECT_TYPES_H_

#include <mach/memory_object.h>

#endif
