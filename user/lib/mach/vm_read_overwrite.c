// SPDX-License-Identifier: BSD-2-Clause
// vm_read_overwrite (mach_interface.h).
#include <mach/mach.h>

kern_return_t vm_read_overwrite(vm_task_t target_task, vm_address_t address, vm_size_t size,
                                vm_address_t data, vm_size_t *data_size)
{
    vm_offset_t copy;
    mach_msg_type_number_t count;
    kern_return_t kr = vm_read(target_task, address, size, &copy, &count);

    if (kr != KERN_SUCCESS)
        return kr;
    kr = vm_write(mach_task_self(), data, copy, count);
    if (count != 0)
        vm_deallocate(mach_task_self(), copy, count);
    if (kr == KERN_SUCCESS)
        *data_size = count;
    return kr;
}
