// SPDX-License-Identifier: BSD-2-Clause
// The boot archive: one ustar file, which the kernel maps whole into this task. We run where it lies,
// behind its first header: ours.
#include "bootstrap.h"

#include <ustar.h>

#define HEADER_SIZE 512

extern const char _start[], __data_start[]; // user/lib/program.ld

static const void *archive;
static size_t archive_size;

// The files are looked for in a copy: where they came, the first one changes as we run.
kern_return_t modules_open(void)
{
    vm_address_t start = (vm_address_t)_start - HEADER_SIZE, region = start;
    struct vm_region_basic_info info;
    mach_msg_type_number_t count = VM_REGION_BASIC_INFO_COUNT;
    struct ustar_file file;
    vm_size_t size;
    mach_port_t name;
    vm_offset_t copy;
    kern_return_t result = vm_region(mach_task_self(), &region, &size, VM_REGION_BASIC_INFO,
                                     (vm_region_info_t)&info, &count, &name);

    if (result != KERN_SUCCESS)
        return result;
    while (ustar_next((const void *)start, size, &archive_size, &file))
        continue;
    result = vm_read(mach_task_self(), start, archive_size, &copy, &count);
    archive = (const void *)copy;
    // It came writable throughout. Our code and constants need not be.
    if (result == KERN_SUCCESS)
        result = vm_protect(mach_task_self(), start, (vm_size_t)(__data_start - (const char *)start),
                            FALSE, VM_PROT_READ | VM_PROT_EXECUTE);
    return result;
}

bool archive_file(const char *name, const void **data, size_t *size)
{
    struct ustar_file file;

    if (name[0] == '\0') {
        *data = archive;
        *size = archive_size;
        return true;
    }
    if (!ustar_find(archive, archive_size, name, &file))
        return false;
    *data = file.data;
    *size = file.size;
    return true;
}
