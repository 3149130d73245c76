/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bootstrap interface: how a server that is started at boot gets its privileged ports, its
 * command line, its files, and says that it is up.  The calls, with their contracts, are in
 * bootstrap.defs; limits and error codes in bootstrap_types.h.
 */
#ifndef _MACH_BOOTSTRAP_H_
#define _MACH_BOOTSTRAP_H_

#include <mach/bootstrap_types.h>
#include <mach/mach_types.h>

#ifndef MACH_KERNEL
#include <mach/bootstrap_rpc.h> /* made by MIG */
#endif
#endif
