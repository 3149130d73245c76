// SPDX-License-Identifier: BSD-2-Clause
// What the name server leaves to its next incarnation (program_keep, program_kept): names and rights, in
// places that it chooses. So a name outlives the server's death, as long as its port lives.
#include "bootstrap.h"

#include <mach/bootstrap.h>
#include <servers/program_server.h>
#include <string.h>

static struct {
    program_name_t name; // "": nothing is here
    mach_port_t port, signature;
} kept[PROGRAM_PLACES];

static bool is_name_server(mach_port_t port)
{
    return program_of_port(port)->service == &name_service;
}

static void drop(mach_port_t right)
{
    if (MACH_PORT_VALID(right))
        mach_port_deallocate(mach_task_self(), right);
}

kern_return_t serve_program_keep(mach_port_t caller, natural_t place, program_name_t name,
                                 mach_port_t port, mach_port_t signature)
{
    if (!is_name_server(caller))
        return BOOTSTRAP_NOT_PRIVILEGED;
    if (place >= PROGRAM_PLACES)
        return KERN_INVALID_ARGUMENT;
    drop(kept[place].port);
    drop(kept[place].signature);
    strncpy(kept[place].name, name, sizeof(kept[place].name) - 1);
    kept[place].port = port;
    kept[place].signature = signature;
    return KERN_SUCCESS;
}

kern_return_t serve_program_kept(mach_port_t caller, natural_t *place, program_name_t name,
                                 mach_port_t *port, mach_port_t *signature)
{
    if (!is_name_server(caller))
        return BOOTSTRAP_NOT_PRIVILEGED;
    for (; *place < PROGRAM_PLACES; (*place)++) {
        if (kept[*place].name[0] == '\0')
            continue;
        strcpy(name, kept[*place].name);
        *port = kept[*place].port;
        *signature = kept[*place].signature;
        return KERN_SUCCESS;
    }
    return BOOTSTRAP_UNKNOWN_SERVICE;
}
