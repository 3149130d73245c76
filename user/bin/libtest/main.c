// SPDX-License-Identifier: BSD-2-Clause
// libtest: a native program that tests what native programs stand on, libmach and the servers, from
// the inside. Prints TAP; tests/system/native.t runs it.
//
// Under another name than its own it ends at once: the test puts it in the place of a server to see
// what bootstrap does about that.
#include "check.h"

#include <console_session.h>
#include <cthreads.h>
#include <mach/minato.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int count, failures;

void ok(int holds, const char *rule)
{
    failures += !holds;
    printf("%sok %d - %s\n", holds ? "" : "not ", ++count, rule);
}

void is(int got, int want, const char *rule)
{
    ok(got == want, rule);
    if (got != want)
        printf("#   got %d (0x%x), want %d (0x%x)\n", got, (unsigned)got, want, (unsigned)want);
}

static minato_task_counts_t counts(void)
{
    minato_task_counts_t now;

    memset(&now, 0, sizeof(now));
    minato_task_counts(mach_task_self(), &now);
    return now;
}

unsigned count_names(void)
{
    return counts().names_total;
}

unsigned count_threads(void)
{
    return counts().threads;
}

mach_port_t new_port(void)
{
    mach_port_t port;

    mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port);
    mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND);
    return port;
}

void free_port(mach_port_t port)
{
    mach_port_deallocate(mach_task_self(), port);
    mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1);
}

unsigned count_pages(void)
{
    return counts().virtual_pages;
}

void sleep_ms(unsigned ms)
{
    clock_sleep(MACH_PORT_NULL, TIME_RELATIVE,
                (tvalspec_t){ms / 1000, (clock_res_t)(ms % 1000 * NSEC_PER_MSEC)}, NULL);
}

// ---- the end ----------------------------------------------------------------------------------

static bool at_exit_ran;

static void at_exit(void)
{
    at_exit_ran = true;
}

// The plan comes from here: without destructors there is none.
__attribute__((destructor)) static void last_words(void)
{
    if (count == 0)
        return;
    ok(at_exit_ran, "destructors run in exit(), after the functions of atexit()");
    printf("1..%d", count); // no newline: exit() writes out what its thread has begun
}

static any_t leave(any_t status)
{
    atexit(at_exit);
    exit((int)status);
}

int main(int argc, char **argv)
{
    if (argc < 1 || strcmp(argv[0], "libtest") != 0)
        return 7;
    console_session(); // opened now, so that it does not count as left behind
    test_threads();
    test_monitors();
    test_stress();
    test_messages();
    test_bodies();
    test_fall_back();
    test_clocks();
    test_server_loop();
    test_classic();
    test_libc();
    test_child();
    test_servers();
    test_hostile();
    cthread_join(cthread_fork(leave, (any_t)(failures != 0)));
    return 1; // exit() has ended all
}
