/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All kernel calls that are messages: the headers MIG makes from the .defs of this directory, where
 * each call has its contract.  Source: OSF mach_interface.h.
 */
#ifndef _MACH_MACH_INTERFACE_H_
#define _MACH_MACH_INTERFACE_H_

#include <mach/mach_types.h>

#include <mach/clock.h>     /* clock.defs */
#include <mach/mach_host.h> /* mach_host.defs */
#include <mach/mach_port.h> /* mach_port.defs */
#include <mach/mach_rpc.h>  /* mach.defs */
#include <mach/sync.h>      /* sync.defs */

#endif
