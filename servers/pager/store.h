// SPDX-License-Identifier: BSD-2-Clause
// Where the default pager keeps pages: memory, for the time being. What takes its place, a block device
// say, does the same; it may wait, but must need no memory that could be paged out.
#ifndef PAGER_STORE_H
#define PAGER_STORE_H

#include <mach/mach.h>

// Opens it, with the device port from bootstrap_ports.
kern_return_t store_open(mach_port_t device);
vm_size_t store_size(void); // bytes
// The page at `offset`, a page multiple. KERN_INVALID_ADDRESS: not within the store.
kern_return_t store_read(vm_offset_t offset, void *to);
kern_return_t store_write(vm_offset_t offset, const void *from);

#endif
