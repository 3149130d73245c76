// SPDX-License-Identifier: BSD-2-Clause
// The servers from a client's side: the rules of netname.defs, rights by policy, malformed messages.
#include "check.h"
#include "hostile.h"

#include <mach/bootstrap.h>
#include <servers/console.h>
#include <servers/netname.h>
#include <servers/program.h>
#include <stdio.h>
#include <string.h>

static void test_names(void)
{
    mach_port_t port = new_port(), other = new_port(), server = name_server_port, found;

    is(netname_check_in(server, "test", port, port), NETNAME_SUCCESS, "netname_check_in");
    is(netname_look_up(server, "", "test", &found), NETNAME_SUCCESS, "netname_look_up");
    is((int)found, (int)port, "finds the port");
    is(netname_check_in(server, "test", other, other), NETNAME_NOT_YOURS,
       "another signature cannot take the name");
    is(netname_check_in(server, "test", port, other), NETNAME_SUCCESS, "the same one can");
    is(netname_check_out(server, "test", other), NETNAME_NOT_YOURS, "nor give it up");
    is(netname_check_out(server, "test", port), NETNAME_SUCCESS, "the right one can");
    is(look_up("test"), NETNAME_NOT_CHECKED_IN, "and the name is free");
    is(netname_check_in(server, "", port, port), KERN_INVALID_ARGUMENT, "an empty name is none");
    is(netname_check_in(server, "test", port, MACH_PORT_NULL), NETNAME_INVALID_PORT,
       "no port is no port");
    is(netname_look_up(server, "elsewhere", "test", &found), NETNAME_HOST_NOT_FOUND,
       "there is no other host");
    netname_check_in(server, "test", port, other);
    netname_check_in(server, "test2", MACH_PORT_NULL, other);
    mach_port_mod_refs(mach_task_self(), other, MACH_PORT_RIGHT_RECEIVE, -1);
    mach_port_deallocate(mach_task_self(), other);
    sleep_ms(10);
    is(look_up("test"), NETNAME_NOT_CHECKED_IN, "a name vanishes with its port");
    is(look_up("test2"), NETNAME_NOT_CHECKED_IN, "so does another name of it");
    mach_port_deallocate(mach_task_self(), port); // what netname_look_up gave
    mach_port_deallocate(mach_task_self(), port);
    mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1);
}

static void test_rights(void)
{
    mach_port_t host, device, wired, paged, security, service;

    is(bootstrap_ports(bootstrap_port, &host, &device, &wired, &paged, &security), KERN_SUCCESS,
       "bootstrap_ports");
    ok(host != MACH_PORT_NULL && device != MACH_PORT_NULL, "the job has the host and a device");
    mach_port_deallocate(mach_task_self(), host);
    mach_port_deallocate(mach_task_self(), device);
    is(program_service(bootstrap_port, &service), BOOTSTRAP_UNKNOWN_SERVICE,
       "a program that serves nothing gets no service port");
}

// Sends requests of all sizes and ids, full of x, to a server; true if each is answered, and only
// those succeed that are nothing but a header.
static int survives(mach_port_t server, int first_id, int last_id)
{
    union {
        mach_msg_header_t head;
        mig_reply_error_t error;
        char room[512];
    } message;
    mach_port_t reply = mig_get_reply_port();

    for (int id = first_id; id <= last_id; id++)
        for (mach_msg_size_t size = 24; size <= 400; size += 4) {
            memset(&message, 'x', sizeof(message));
            message.head = (mach_msg_header_t){
                MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE), size, server,
                reply, 0, id};
            if (mach_msg(&message.head, MACH_SEND_MSG | MACH_RCV_MSG | MACH_RCV_TIMEOUT, size,
                         sizeof(message), reply, 5000, MACH_PORT_NULL) != MACH_MSG_SUCCESS)
                return 0;
            if (size > 24 && message.error.RetCode == KERN_SUCCESS)
                return 0;
            mach_msg_destroy(&message.head);
        }
    return 1;
}

static void test_malformed(void)
{
    mach_port_t console;

    is(netname_look_up(name_server_port, "", CONSOLE_NAME, &console), KERN_SUCCESS,
       "the console is checked in");
    ok(survives(name_server_port, 1039, 1044), "malformed messages: the name server goes on");
    ok(survives(console, 4499, 4508), "the console goes on");
    ok(survives(bootstrap_port, 999998, 1000007), "bootstrap goes on");
    mach_port_deallocate(mach_task_self(), console);
    is(look_up(CONSOLE_NAME), KERN_SUCCESS, "and names are still found");
}

void test_servers(void)
{
    unsigned names = count_names();

    test_names();
    test_rights();
    test_malformed();
    is((int)count_names(), (int)names, "clients of the servers keep no names");
}
