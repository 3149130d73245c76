// SPDX-License-Identifier: BSD-2-Clause
// A task that must not wait for the default pager (program.h).
#include <mach/mach.h>
#include <mach/vm_param.h>
#include <program.h>

kern_return_t program_wire(mach_port_t host, mach_port_t task)
{
    kern_return_t result = task_wire(task, TRUE);
    vm_address_t address = 0;

    while (result == KERN_SUCCESS) {
        vm_region_basic_info_data_t info;
        mach_msg_type_number_t count = VM_REGION_BASIC_INFO_COUNT;
        mach_port_t name;
        vm_size_t size;

        if (vm_region(task, &address, &size, VM_REGION_BASIC_INFO, (vm_region_info_t)&info, &count,
                      &name) != KERN_SUCCESS)
            return KERN_SUCCESS; // that was the last
        // What of the stack is used stays by task_wire; what is not is zeros, which need no pager.
        if (info.protection != VM_PROT_NONE && address + size != VM_MAX_ADDRESS)
            result = vm_wire(host, task, address, size, info.protection);
        address += size;
    }
    return result;
}
