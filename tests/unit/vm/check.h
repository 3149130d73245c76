// SPDX-License-Identifier: BSD-2-Clause
// Looks through the structures of kernel/vm for anything that contradicts their rules.
#ifndef CHECK_H
#define CHECK_H

#include <mach/vm_region.h>
#include <mach/vm_types.h>

struct vm_map;
struct vm_map_copy;

// Checks everything that hangs on these maps and copies, which must be all there are. Failures go
// to tap_fail.
void check_everything(struct vm_map **maps, unsigned map_count, struct vm_map_copy **copies,
                      unsigned copy_count);

// What must be the same before and after.
struct resources {
    unsigned maps, entries, objects, copies;
    unsigned bytes, pages;
};
struct resources resources_now(void);
void check_resources(struct resources before);

// vm_region, with the info of the one flavor there is.
kern_return_t region(struct vm_map *map, vm_address_t *address, vm_size_t *size,
                     struct vm_region_basic_info *info);

#endif
