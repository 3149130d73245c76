// SPDX-License-Identifier: BSD-2-Clause
// The name server: the netname interface for this machine (include/servers/netname.defs).
//
// Bootstrap hands it the port that every task knows as name_server_port. Each name holds a send
// right for its port and one for its signature; a dead-name notification takes the name away when
// the port dies. One thread; it calls nobody but the kernel and bootstrap, which never waits for anybody,
// so nobody can make it wait. Bootstrap keeps what is checked in, for the case that this server dies.
#include "table.h"

#include <mach/mach.h>
#include <servers/netname_server.h>
#include <servers/program.h>
#include <mach/notify_server.h>
#include <string.h>

static mach_port_t notify_port; // where the kernel tells us of deaths

static void drop(mach_port_t right)
{
    if (MACH_PORT_VALID(right))
        mach_port_deallocate(mach_task_self(), right);
}

// Asks for a message when the port dies. Several names may share a port: one request serves all.
static kern_return_t watch(mach_port_t port)
{
    mach_port_t previous = MACH_PORT_NULL;
    kern_return_t result =
        mach_port_request_notification(mach_task_self(), port, MACH_NOTIFY_DEAD_NAME, TRUE,
                                       notify_port, MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);

    if (result == KERN_SUCCESS)
        drop(previous);
    return result;
}

// Has bootstrap keep the name with these rights.
static kern_return_t keep(const struct entry *entry, mach_port_t signature, mach_port_t port)
{
    kern_return_t result =
        program_keep(bootstrap_port, entry->place, entry->name, port, signature);

    return result == KERN_SUCCESS ? NETNAME_SUCCESS : KERN_RESOURCE_SHORTAGE;
}

// The name is free again.
static void forget(struct entry *entry)
{
    program_keep(bootstrap_port, entry->place, "", MACH_PORT_NULL, MACH_PORT_NULL);
    drop(entry->port);
    drop(entry->signature);
    table_remove(entry);
}

// ---- the interface ----------------------------------------------------------------------------

static kern_return_t check_in_new(const char *name, mach_port_t signature, mach_port_t port)
{
    struct entry *entry = table_add(name, port);

    if (entry == NULL)
        return KERN_RESOURCE_SHORTAGE;
    if (keep(entry, signature, port) != NETNAME_SUCCESS) {
        table_remove(entry);
        return KERN_RESOURCE_SHORTAGE;
    }
    entry->signature = signature;
    return NETNAME_SUCCESS;
}

static kern_return_t check_in_again(struct entry *entry, mach_port_t signature, mach_port_t port)
{
    if (entry->signature != MACH_PORT_NULL && entry->signature != signature)
        return NETNAME_NOT_YOURS;
    if (keep(entry, signature, port) != NETNAME_SUCCESS)
        return KERN_RESOURCE_SHORTAGE;
    drop(entry->port);
    drop(entry->signature);
    table_set_port(entry, port);
    entry->signature = signature;
    return NETNAME_SUCCESS;
}

kern_return_t serve_netname_check_in(mach_port_t server, char *name, mach_port_t signature,
                                     mach_port_t port)
{
    struct entry *entry = table_find(name);
    kern_return_t result;

    (void)server;
    // A signature that is dead already would fit any other dead one.
    if (name[0] == '\0' || signature == MACH_PORT_DEAD)
        return KERN_INVALID_ARGUMENT;
    // A port that died on the way cannot be watched either.
    result = MACH_PORT_VALID(port) ? watch(port) : KERN_INVALID_NAME;
    if (result != KERN_SUCCESS)
        return result == KERN_RESOURCE_SHORTAGE ? result : NETNAME_INVALID_PORT;
    if (entry != NULL)
        return check_in_again(entry, signature, port);
    return check_in_new(name, signature, port);
}

kern_return_t serve_netname_look_up(mach_port_t server, char *host, char *name, mach_port_t *port)
{
    struct entry *entry = table_find(name);

    (void)server;
    if (host[0] != '\0')
        return NETNAME_HOST_NOT_FOUND;
    if (entry == NULL)
        return NETNAME_NOT_CHECKED_IN;
    *port = entry->port;
    return NETNAME_SUCCESS;
}

kern_return_t serve_netname_check_out(mach_port_t server, char *name, mach_port_t signature)
{
    struct entry *entry = table_find(name);

    (void)server;
    if (entry == NULL)
        return NETNAME_NOT_CHECKED_IN;
    if (entry->signature != MACH_PORT_NULL && entry->signature != signature)
        return NETNAME_NOT_YOURS;
    forget(entry);
    drop(signature); // the one that came with the call
    return NETNAME_SUCCESS;
}

kern_return_t serve_netname_version(mach_port_t server, char *version)
{
    (void)server;
    strcpy(version, "Minato name server, this machine only");
    return NETNAME_SUCCESS;
}

// ---- deaths -----------------------------------------------------------------------------------

kern_return_t do_mach_notify_dead_name(mach_port_t notify, mach_port_t name)
{
    struct entry *entry;

    (void)notify;
    while ((entry = table_find_port(name)) != NULL)
        forget(entry);
    drop(name); // the reference that came with the notification
    return KERN_SUCCESS;
}

static boolean_t demux(mach_msg_header_t *request, mach_msg_header_t *reply)
{
    if (request->msgh_local_port == notify_port)
        return notify_server(request, reply);
    return netname_server(request, reply);
}

// Takes over what an earlier name server has left. Of two rights for a port that has died meanwhile none
// is worth anything.
static void take_over(void)
{
    mach_port_t port, signature;
    natural_t place = 0;
    program_name_t name;

    for (; program_kept(bootstrap_port, &place, name, &port, &signature) == KERN_SUCCESS; place++) {
        struct entry *entry = table_add_kept(name, port, place);

        if (entry == NULL) {
            drop(port);
            drop(signature);
            continue;
        }
        entry->signature = signature;
        if (!MACH_PORT_VALID(port) || watch(port) != KERN_SUCCESS)
            forget(entry);
    }
}

// A set of the service's port and the one for notifications.
static kern_return_t set_up(mach_port_t *set)
{
    mach_port_t self = mach_task_self(), service;
    kern_return_t result = program_service(bootstrap_port, &service);

    if (result == KERN_SUCCESS)
        result = mach_port_allocate(self, MACH_PORT_RIGHT_RECEIVE, &notify_port);
    if (result == KERN_SUCCESS)
        result = mach_port_allocate(self, MACH_PORT_RIGHT_PORT_SET, set);
    if (result == KERN_SUCCESS)
        result = mach_port_move_member(self, service, *set);
    if (result == KERN_SUCCESS)
        result = mach_port_move_member(self, notify_port, *set);
    return result;
}

int main(void)
{
    mach_port_t set;

    if (set_up(&set) != KERN_SUCCESS)
        return 1;
    take_over();
    // Returns only if the set is lost; bootstrap then starts another.
    mach_msg_server(demux, sizeof(union __RequestUnion__netname_subsystem), set,
                    MACH_MSG_OPTION_NONE);
    return 1;
}
