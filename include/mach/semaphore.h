/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Semaphores: counting, each a port.  semaphore_create and semaphore_destroy are messages to the
 * task (sync.defs has the contract of all calls), signalling and waiting are traps (mach_traps.h).
 * Source: macOS mach/semaphore.h, OSF sync.defs.
 */
#ifndef _MACH_SEMAPHORE_H_
#define _MACH_SEMAPHORE_H_

#include <mach/mach_traps.h>
#include <mach/mach_types.h>
#include <mach/sync_policy.h>

#ifndef MACH_KERNEL
#include <mach/sync.h>
#endif
#endif
