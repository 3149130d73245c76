/* SPDX-License-Identifier: BSD-2-Clause */
/* macOS's name for the calls on the privileged host port; they are all in mach_interface.h. */
#ifndef _MACH_HOST_PRIV_H_
#define _MACH_HOST_PRIV_H_

#include <mach/mach_interface.h>

#endif
