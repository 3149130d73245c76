// SPDX-License-Identifier: BSD-2-Clause
// The boot archive: the one module that the boot loader hands over, in ustar format.
#ifndef KERN_ARCHIVE_H
#define KERN_ARCHIVE_H

#include <mach/kern_return.h>
#include <mach/vm_types.h>

struct vm_map_copy;

// Takes the module over from boot_info; panics with what to do when there is none or it is no archive.
void archive_init(void);
// The first file: its name is returned; *data stays valid.
const char *archive_first(const void **data, vm_size_t *size);
// A copy of a file's contents, or of the whole archive for "". KERN_FAILURE: no file of that name;
// KERN_RESOURCE_SHORTAGE.
kern_return_t archive_copy(const char *name, struct vm_map_copy **copy, vm_size_t *size);

#endif
