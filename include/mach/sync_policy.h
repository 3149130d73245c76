/* SPDX-License-Identifier: BSD-2-Clause */
/* Order in which a semaphore or lock serves its waiters (semaphore_create, lock_set_create).
 * Source: OSF mach/sync_policy.h; RANDOM is Minato's. */
#ifndef _MACH_SYNC_POLICY_H_
#define _MACH_SYNC_POLICY_H_

typedef int sync_policy_t;

#define SYNC_POLICY_FIFO 0x0           /* strong: first come, first served */
#define SYNC_POLICY_FIXED_PRIORITY 0x1 /* most urgent first, FIFO among equals */
#define SYNC_POLICY_RANDOM 0x100       /* weak: an order drawn from the seed (minato.seed=) */

#endif
