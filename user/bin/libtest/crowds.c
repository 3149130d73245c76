// SPDX-License-Identifier: BSD-2-Clause
// Names and sessions in great number or of strange form: the servers take what they can, say so
// when that is all, and let go of everything in the end.
#include "check.h"
#include "hostile.h"

#include <servers/console.h>
#include <servers/netname.h>
#include <stdio.h>
#include <string.h>

#define CALLS_MAX 64    // calls of a session that may wait (console.defs)
#define NAMES_MAX 16384 // names that the name server takes (netname.defs)

// ---- names ------------------------------------------------------------------------------------

static void test_many_names(void)
{
    mach_port_t port;
    netname_name_t name;
    kern_return_t result = KERN_SUCCESS;
    int count = 0;

    begin();
    port = new_port();
    while (result == KERN_SUCCESS && count <= NAMES_MAX) {
        sprintf(name, "many.%d", count++);
        result = netname_check_in(name_server_port, name, port, port);
    }
    is(result, KERN_RESOURCE_SHORTAGE, "the name server takes many names, but not without end");
    ok(count > 10000, "more than 10,000");
    is(look_up("many.0") | look_up("many.9999"), KERN_SUCCESS, "each is found");
    is(netname_check_in(name_server_port, "many.1", port, port), KERN_SUCCESS,
       "when there is no room for more, those there are can be changed");
    is(netname_check_out(name_server_port, "many.1", port), KERN_SUCCESS, "and checked out");
    free_port(port);
    sleep_ms(500);
    is(look_up("many.0"), NETNAME_NOT_CHECKED_IN, "with their port they are all gone");
    end("and so is what they took");
}

static void test_name_forms(void)
{
    mach_port_t port = new_port();
    __Request__netname_check_in_t request, again;

    begin();
    memset(&request, 'x', sizeof(request));
    address(&request.Head, name_server_port, 1040, sizeof(request));
    request.Head.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
    request.msgh_body.msgh_descriptor_count = 2;
    request.signature = request.port_id = copied(port);
    again = request;
    is(ask(&again.Head), MIG_BAD_ARGUMENTS, "a name of 80 bytes has no end: MIG_BAD_ARGUMENTS");
    memcpy(request.port_name, "form\0rest", 10);
    is(ask(&request.Head), KERN_SUCCESS, "one with a zero byte");
    is(look_up("form"), KERN_SUCCESS, "  ends there");
    is(netname_check_out(name_server_port, "form", port), KERN_SUCCESS, "  and can be checked out");
    end("nothing of them stays");
    free_port(port);
}

static void test_signatures(void)
{
    mach_port_t self = mach_task_self(), port, mine, other, dead;

    begin();
    port = new_port();
    mine = new_port();
    other = new_port();
    mach_port_allocate(self, MACH_PORT_RIGHT_DEAD_NAME, &dead);
    is(netname_check_in(name_server_port, "signed", dead, port), KERN_INVALID_ARGUMENT,
       "a dead signature would fit any other: it is refused");
    is(netname_check_in(name_server_port, "signed", mine, port), KERN_SUCCESS, "a live one is not");
    mach_port_mod_refs(self, mine, MACH_PORT_RIGHT_RECEIVE, -1);
    mach_port_deallocate(self, mine);
    is(netname_check_out(name_server_port, "signed", dead), NETNAME_NOT_YOURS,
       "when it has died, no dead one will do");
    is(netname_check_out(name_server_port, "signed", other), NETNAME_NOT_YOURS, "nor a live one");
    is(netname_check_out(name_server_port, "signed", 0), NETNAME_NOT_YOURS, "nor none");
    is(look_up("signed"), KERN_SUCCESS, "the name is still there");
    free_port(port);
    sleep_ms(20);
    is(look_up("signed"), NETNAME_NOT_CHECKED_IN, "until its port dies");
    free_port(other);
    mach_port_deallocate(self, dead);
    end("signatures leave nothing behind");
}

// ---- sessions -----------------------------------------------------------------------------------

void send_read(mach_port_t session)
{
    __Request__console_read_t request = {.max = 100};

    address(&request.Head, session, 4502, sizeof(request));
    send(&request.Head);
}

static void test_sessions(void)
{
    static mach_port_t session[300];

    begin();
    for (int i = 0; i < 300; i++) {
        console_open(console, &session[i]);
        send_read(session[i]);
    }
    for (int i = 1; i < CALLS_MAX; i++)
        send_read(session[0]);
    is(fetch(20), MACH_RCV_TIMED_OUT, "reads wait, 64 of a session");
    send_read(session[0]);
    is(fetch(1000), KERN_RESOURCE_SHORTAGE, "but not one more");
    for (int i = 0; i < 300; i++)
        mach_port_deallocate(mach_task_self(), session[i]);
    is(fetch(1000), MIG_SERVER_DIED, "when a session ends, so do its reads");
    sleep_ms(20);
    fetch_all();
    end("300 sessions leave nothing behind");
}

// The client gives up its reply port, as one that dies does.
static void test_given_up(void)
{
    mach_port_t session, kept = reply;

    begin();
    console_open(console, &session);
    for (int i = 0; i < 20; i++) {
        reply = mach_reply_port();
        for (int j = 0; j < 10; j++)
            send_read(session);
        mach_port_mod_refs(mach_task_self(), reply, MACH_PORT_RIGHT_RECEIVE, -1);
    }
    reply = kept;
    sleep_ms(20);
    for (int i = 0; i < CALLS_MAX; i++)
        send_read(session);
    is(fetch(20), MACH_RCV_TIMED_OUT, "reads that were given up make room for others");
    mach_port_deallocate(mach_task_self(), session);
    sleep_ms(20);
    fetch_all();
    end("and leave nothing behind");
}

static void test_interrupt_ports(void)
{
    mach_port_t one, two, port;

    begin();
    port = new_port();
    console_open(console, &one);
    console_open(console, &two);
    is(console_on_interrupt(one, port), KERN_SUCCESS, "a port to be told of ^C");
    is(console_on_interrupt(one, one), KERN_INVALID_ARGUMENT, "may not be the session");
    is(console_on_interrupt(one, two), KERN_INVALID_ARGUMENT, "nor another session");
    is(console_on_interrupt(two, console), KERN_INVALID_ARGUMENT, "nor the console's own");
    is(console_on_interrupt(one, MACH_PORT_NULL), KERN_SUCCESS, "but none at all");
    is(console_on_interrupt(two, port), KERN_SUCCESS, "or one that dies");
    mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1);
    mach_port_deallocate(mach_task_self(), port);
    mach_port_deallocate(mach_task_self(), one);
    mach_port_deallocate(mach_task_self(), two);
    end("sessions end whatever port they tell");
}

// ---- what a crowd costs -------------------------------------------------------------------------

#define CROWD 4000
static mach_port_t crowd[CROWD];

// What the server has to do when `count` ports that have a name each die, in microseconds.
static unsigned cost_of_names(unsigned count)
{
    netname_name_t name;
    unsigned before;

    for (unsigned i = 0; i < count; i++) {
        crowd[i] = new_port();
        sprintf(name, "crowd.%u", i);
        netname_check_in(name_server_port, name, crowd[i], MACH_PORT_NULL);
    }
    before = time_used("servers/name");
    for (unsigned i = 0; i < count; i++)
        free_port(crowd[i]);
    while (look_up(name) == KERN_SUCCESS)
        sleep_ms(1);
    return time_used("servers/name") - before;
}

// The same for as many sessions, with a read each.
static unsigned cost_of_sessions(unsigned count)
{
    unsigned before;

    for (unsigned i = 0; i < count; i++) {
        console_open(console, &crowd[i]);
        send_read(crowd[i]);
    }
    sleep_ms(20);
    before = time_used("servers/console");
    for (unsigned i = count; i > 0; i--)
        mach_port_deallocate(mach_task_self(), crowd[i - 1]);
    sleep_ms(20);
    fetch_all();
    return time_used("servers/console") - before;
}

static void test_growth(unsigned (*cost_of)(unsigned count), const char *rule)
{
    unsigned few, many;

    begin();
    few = cost_of(CROWD / 4);
    many = cost_of(CROWD);
    ok(many < 8 * few, rule);
    if (many >= 8 * few)
        printf("#   a quarter: %u us, all: %u us\n", few, many);
    end("nor leave they anything behind");
}

void test_crowds(void)
{
    test_growth(cost_of_names, "4,000 names do not cost more each than 1,000 do");
    test_growth(cost_of_sessions, "nor do 4,000 sessions");
    test_many_names();
    test_name_forms();
    test_signatures();
    test_sessions();
    test_given_up();
    test_interrupt_ports();
}
