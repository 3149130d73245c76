// SPDX-License-Identifier: BSD-2-Clause
// libtest: a native program that tests what native programs stand on, libmach and the servers, from
// the inside. Prints TAP; tests/system/native.t runs it.
//
// Under another name than its own it ends at once: the test puts it in the place of a server to see
// what bootstrap does about that.
#include "check.h"

#include <console_session.h>
#include <mach/minato.h>
#include <stdio.h>
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

void sleep_ms(unsigned ms)
{
    clock_sleep(MACH_PORT_NULL, TIME_RELATIVE,
                (tvalspec_t){ms / 1000, (clock_res_t)(ms % 1000 * NSEC_PER_MSEC)}, NULL);
}

int main(int argc, char **argv)
{
    if (argc < 1 || strcmp(argv[0], "libtest") != 0)
        return 7;
    console_session(); // opened now, so that it does not count as left behind
    test_threads();
    test_messages();
    test_libc();
    test_child();
    test_servers();
    printf("1..%d\n", count);
    return failures != 0;
}
