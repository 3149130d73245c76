// SPDX-License-Identifier: BSD-2-Clause
// The kernel's side of bootstrap.defs: privileged ports and command line.
//
// Who holds a send right to this port has all power over the machine; the first task does, and answers
// the same calls for the servers it starts, each with its own share.
#include "kern/host.h"
#include "bootstrap_server.h"
#include "ipc/port.h"
#include "kern/device.h"
#include "vm/map.h"
#include "x86/boot.h"

kern_return_t do_bootstrap_ports(host_t bootstrap, ipc_port_t *priv_host,
                                 ipc_port_t *priv_device, ipc_port_t *wired_ledger,
                                 ipc_port_t *paged_ledger, ipc_port_t *host_security)
{
    *priv_host = port_make_send(bootstrap->priv_port);
    *priv_device = port_copy_send(device_master_port);
    *wired_ledger = NULL;
    *paged_ledger = NULL;
    *host_security = NULL;
    return KERN_SUCCESS;
}

// One string, which the first task takes apart.
kern_return_t do_bootstrap_arguments(host_t bootstrap, task_t task, vm_map_copy_t *arguments,
                                     mach_msg_type_number_t *size)
{
    *size = strlen(boot_info.command_line) + 1;
    return vm_map_copy_from_kernel(boot_info.command_line, *size, arguments) == KERN_SUCCESS
               ? KERN_SUCCESS
               : BOOTSTRAP_NO_MEMORY;
}

// The kernel waits for nobody: it has started the only task it starts.
kern_return_t do_bootstrap_completed(host_t bootstrap, task_t task)
{
    return KERN_SUCCESS;
}

kern_return_t do_bootstrap_get_module(host_t bootstrap, bootstrap_module_name_t name,
                                      vm_map_copy_t *data, mach_msg_type_number_t *size)
{
    return BOOTSTRAP_UNKNOWN_SERVICE; // the first task has the whole archive already (startup.c)
}
