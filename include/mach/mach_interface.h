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

/*
 * vm_read_overwrite: as vm_read of `size` bytes at `address`, but they are written over what this
 * task has at `data`; *data_size is `size` then. Any alignment; all or nothing. Made of vm_read and
 * vm_write: in OSF it is a trap without a message, which works for tasks of the same kernel only.
 *   KERN_INVALID_ADDRESS    part of either range is not allocated
 *   KERN_PROTECTION_FAILURE target_task's must not be read, or this task's not be written
 */
extern kern_return_t vm_read_overwrite(vm_task_t target_task, vm_address_t address, vm_size_t size,
                                       vm_address_t data, vm_size_t *data_size);

#endif
