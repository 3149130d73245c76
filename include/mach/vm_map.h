/* SPDX-License-Identifier: BSD-2-Clause */
/* macOS's name for the calls on virtual memory; they are all in mach_interface.h. */
#ifndef _MACH_VM_MAP_H_
#define _MACH_VM_MAP_H_

#include <mach/mach_interface.h>

#endif
