// SPDX-License-Identifier: BSD-2-Clause
// Clients that die in the middle of whatever they do with a server; servers that die, and come
// back.
#include "check.h"
#include "hostile.h"

#include <child_task.h>
#include <console_session.h>
#include <mach/bootstrap.h>
#include <program.h>
#include <servers/console.h>
#include <servers/netname.h>
#include <servers/program.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// ---- clients ------------------------------------------------------------------------------------

// What a client does until it is killed.
static void reads(void)
{
    char byte;

    for (;;)
        read(STDIN_FILENO, &byte, 1);
}

// A comment of 4096 bytes: some of them fill the console's queue, and the writer waits.
static void writes(void)
{
    static console_data_t text;

    memset(text, '#', sizeof(text));
    for (unsigned i = 99; i < sizeof(text); i += 100)
        text[i] = '\n';
    text[sizeof(text) - 1] = '\n';
    for (;;)
        write(STDOUT_FILENO, text, sizeof(text));
}

static void drains(void)
{
    for (;;)
        console_drain(console_session());
}

static void opens(void)
{
    mach_port_t service, session;

    netname_look_up(name_server_port, "", CONSOLE_NAME, &service);
    for (;;) {
        console_open(service, &session);
        console_on_interrupt(session, mach_task_self());
        console_focus(session);
    }
}

static void checks_in(void)
{
    mach_port_t port = new_port();
    netname_name_t name;

    for (unsigned i = 0;; i++) {
        sprintf(name, "mortal.%u", i % 50);
        netname_check_in(name_server_port, name, port, port);
    }
}

static void looks_up(void)
{
    for (;;)
        look_up(CONSOLE_NAME);
}

static void fetches_files(void)
{
    bootstrap_module_name_t name = "bin/libtest";
    mach_msg_type_number_t size;
    vm_offset_t data;

    for (;;)
        if (bootstrap_get_module(bootstrap_port, name, &data, &size) == KERN_SUCCESS)
            vm_deallocate(mach_task_self(), data, size);
}

static const struct doing {
    void (*function)(void);
    const char *rule;
} doings[] = {
    {reads, "clients that die reading leave nothing behind"},
    {writes, "nor those that write"},
    {drains, "nor those that wait for the last byte"},
    {opens, "nor those that open sessions and take the focus"},
    {checks_in, "nor those that check in names"},
    {looks_up, "nor those that look them up"},
    {fetches_files, "nor those that fetch files"},
};
#define DOINGS (sizeof(doings) / sizeof(doings[0]))

static const struct doing *doing; // of the next child

static void child_main(void)
{
    mach_init_child();
    doing->function();
}

static mach_port_t start_child(void)
{
    static unsigned stack[4096];
    mach_port_t task = MACH_PORT_NULL, thread;

    mach_child_prepare();
    task_create(mach_task_self(), NULL, 0, TRUE, &task);
    mach_child_created();
    if (program_start(task, (vm_address_t)child_main, (vm_address_t)&stack[4092], &thread) ==
        KERN_SUCCESS)
        mach_port_deallocate(mach_task_self(), thread);
    return task;
}

static void test_dying_clients(void)
{
    for (unsigned i = 0; i < DOINGS; i++) {
        doing = &doings[i];
        begin();
        for (unsigned ms = 1; ms < 20; ms += 6) {
            mach_port_t task = start_child();

            sleep_ms(ms);
            task_terminate(task);
            mach_port_deallocate(mach_task_self(), task);
        }
        console_drain(console_session());
        end(doing->rule);
    }
    is(look_up("mortal.0"), NETNAME_NOT_CHECKED_IN, "their names are gone");
}

// ---- servers ------------------------------------------------------------------------------------

static kern_return_t kill_server(char *path)
{
    mach_port_t task;
    kern_return_t result;

    console_drain(console_session()); // what is still to be shown would be lost with the console
    result = program_task(bootstrap_port, path, &task);
    if (result != KERN_SUCCESS)
        return result;
    result = task_terminate(task);
    mach_port_deallocate(mach_task_self(), task);
    return result;
}

static unsigned now_ms(void)
{
    mach_port_t host = mach_host_self(), clock;
    tvalspec_t now = {0, 0};

    host_get_clock_service(host, REALTIME_CLOCK, &clock);
    clock_get_time(clock, &now);
    mach_port_deallocate(mach_task_self(), clock);
    mach_port_deallocate(mach_task_self(), host);
    return now.tv_sec * 1000 + (unsigned)now.tv_nsec / NSEC_PER_MSEC;
}

// A call made while there is no server waits for the next one. How long, in milliseconds.
static unsigned name_server_is_back(void)
{
    unsigned begin = now_ms();
    netname_name_t version;

    netname_version(name_server_port, version);
    return now_ms() - begin;
}

static void test_name_server(void)
{
    mach_port_t port = new_port();
    mach_port_t mortal = new_port(), found = MACH_PORT_NULL;
    unsigned ms;

    netname_check_in(name_server_port, "kept", port, port);
    netname_check_in(name_server_port, "mortal", MACH_PORT_NULL, mortal);
    netname_check_in(name_server_port, "unprotected", MACH_PORT_NULL, port);
    is(kill_server("servers/name"), KERN_SUCCESS, "who has the host's port may end a server");
    free_port(mortal);
    ms = name_server_is_back();
    ok(ms >= 95 && ms < 150, "it is started again after 100 ms, and answers who called meanwhile");
    sleep_ms(10);
    is(look_up(CONSOLE_NAME), KERN_SUCCESS, "the console is checked in again");
    is(netname_look_up(name_server_port, "", "kept", &found), KERN_SUCCESS, "as are other names");
    is((int)found, (int)port, "with their ports");
    mach_port_deallocate(mach_task_self(), found);
    is(netname_check_out(name_server_port, "kept", mach_task_self()), NETNAME_NOT_YOURS,
       "and their signatures");
    is(look_up("mortal"), NETNAME_NOT_CHECKED_IN, "but not those whose port has died meanwhile");
    is(netname_check_out(name_server_port, "unprotected", MACH_PORT_NULL), KERN_SUCCESS,
       "who had none has none");
    is(kill_server("servers/name"), KERN_SUCCESS, "it dies again");
    ms = name_server_is_back();
    ok(ms >= 195 && ms < 250, "and comes back after 200 ms");
    sleep_ms(10);
    is(look_up("unprotected"), NETNAME_NOT_CHECKED_IN, "what was checked out stays out");
    is(netname_check_in(name_server_port, "kept", port, port), KERN_SUCCESS,
       "the new one serves as the first did");
    free_port(port);
    sleep_ms(10);
    is(look_up("kept"), NETNAME_NOT_CHECKED_IN, "a kept port's death is noticed as any other's");
}

static void test_console(void)
{
    mach_port_t session, old, type = 0;

    console_open(console, &old);
    is(kill_server("servers/console"), KERN_SUCCESS, "the console dies as well");
    is(console_open(console, &session), KERN_SUCCESS, "its port outlives it");
    is(console_drain(session), KERN_SUCCESS, "and leads to the next one");
    is(console_focus(old), MACH_SEND_INVALID_DEST, "its sessions have died with it");
    mach_port_type(mach_task_self(), old, &type);
    is((int)type, MACH_PORT_TYPE_DEAD_NAME, "as their holders see");
    is(printf("# standard output finds the new console\n"), 40, "printf opens another");
    mach_port_deallocate(mach_task_self(), session);
    mach_port_deallocate(mach_task_self(), old);
}

static void test_no_privilege(void)
{
    mach_port_t task;

    is(program_task(bootstrap_port, "servers/none", &task), BOOTSTRAP_UNKNOWN_SERVICE,
       "a program that does not exist cannot be ended");
}

void test_deaths(void)
{
    test_dying_clients();
    test_no_privilege();
    test_name_server();
    test_console();
}
