/* SPDX-License-Identifier: BSD-2-Clause */
/* macOS's name for the calls on threads; they are all in mach_interface.h. */
#ifndef _MACH_THREAD_ACT_H_
#define _MACH_THREAD_ACT_H_

#include <mach/mach_interface.h>

#endif
