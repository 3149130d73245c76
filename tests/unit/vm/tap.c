// SPDX-License-Identifier: BSD-2-Clause
#include "tap.h"
#include <stdarg.h>
#include <stdio.h>

static unsigned rules, failed_rules, failures;

void tap_fail(const char *file, int line, const char *format, ...)
{
    va_list args;

    if (failures++ >= 20)
        return; // the first ones tell enough
    va_start(args, format);
    printf("# %s:%d: ", file, line);
    vprintf(format, args);
    printf("\n");
    fflush(stdout);
    va_end(args);
}

unsigned tap_failures(void)
{
    return failures;
}

void tap_rule(const char *rule)
{
    printf("%sok %u - %s\n", failures ? "not " : "", ++rules, rule);
    fflush(stdout);
    failed_rules += failures != 0;
    failures = 0;
}

int tap_done(void)
{
    printf("1..%u\n", rules);
    return failed_rules != 0;
}
