// SPDX-License-Identifier: BSD-2-Clause
// The kernel's side of bootstrap.defs: privileged ports, command line, boot archive.
//
// Who holds a send right to this port has all power over the machine; the first task does, and answers
// the same calls for the servers it starts, each with its own share.
#include "kern/host.h"
#include <mach/bootstrap.h>
#include "bootstrap_server.h"
#include "ipc/port.h"
#include "kern/device.h"
#include "kern/loader.h"
#include "lib/assert.h"
#include "vm/map.h"
#include "x86/boot.h"

static char object; // what the port stands for: there is nothing to it but the port

struct port *bootstrap_port_make(void)
{
    struct port *port = port_make_kernel(PORT_BOOTSTRAP, &object);

    if (!port)
        panic("no memory for the bootstrap port: give the machine more memory (-m)");
    return port_make_send(port);
}

static bool is_bootstrap(struct port *port)
{
    return port_object(port, PORT_BOOTSTRAP) != NULL;
}

kern_return_t do_bootstrap_ports(ipc_port_t bootstrap, ipc_port_t *priv_host,
                                 ipc_port_t *priv_device, ipc_port_t *wired_ledger,
                                 ipc_port_t *paged_ledger, ipc_port_t *host_security)
{
    if (!is_bootstrap(bootstrap))
        return KERN_INVALID_ARGUMENT;
    *priv_host = port_make_send(the_host.priv_port);
    *priv_device = port_copy_send(device_master_port);
    *wired_ledger = NULL;
    *paged_ledger = NULL;
    *host_security = NULL;
    return KERN_SUCCESS;
}

// The command line as strings: every run of spaces ends a word.
static vm_size_t split_words(char *words, const char *line)
{
    vm_size_t length = 0;

    for (; *line; line++) {
        if (*line != ' ')
            words[length++] = *line;
        else if (length > 0 && words[length - 1] != '\0')
            words[length++] = '\0';
    }
    if (length == 0 || words[length - 1] != '\0')
        words[length++] = '\0';
    return length;
}

kern_return_t do_bootstrap_arguments(ipc_port_t bootstrap, task_t task, vm_map_copy_t *arguments,
                                     mach_msg_type_number_t *size)
{
    char words[sizeof(boot_info.command_line) + 1];

    (void)task;
    if (!is_bootstrap(bootstrap))
        return KERN_INVALID_ARGUMENT;
    *size = split_words(words, boot_info.command_line);
    return vm_map_copy_from_kernel(words, *size, arguments);
}

// The kernel waits for nobody: it has started the only task it starts.
kern_return_t do_bootstrap_completed(ipc_port_t bootstrap, task_t task)
{
    (void)task;
    return is_bootstrap(bootstrap) ? KERN_SUCCESS : KERN_INVALID_ARGUMENT;
}

kern_return_t do_bootstrap_get_module(ipc_port_t bootstrap, bootstrap_module_name_t name,
                                      vm_map_copy_t *data, mach_msg_type_number_t *size)
{
    if (!is_bootstrap(bootstrap))
        return KERN_INVALID_ARGUMENT;
    // The kernel has the archive as a whole; its files are for the first task to find.
    return name[0] == '\0' ? archive_copy(data, size) : BOOTSTRAP_UNKNOWN_SERVICE;
}
