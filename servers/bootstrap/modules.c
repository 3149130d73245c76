// SPDX-License-Identifier: BSD-2-Clause
// The boot archive: one ustar file, which the kernel hands over whole.
#include "bootstrap.h"

#include <mach/bootstrap.h>
#include <ustar.h>

static const void *archive;
static size_t archive_size;

kern_return_t modules_open(void)
{
    bootstrap_module_name_t whole = "";
    mach_msg_type_number_t size;
    vm_offset_t data;
    kern_return_t result = bootstrap_get_module(bootstrap_port, whole, &data, &size);

    if (result == KERN_SUCCESS) {
        archive = (const void *)data;
        archive_size = size;
    }
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
