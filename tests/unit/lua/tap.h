/* SPDX-License-Identifier: BSD-2-Clause
 *
 * TAP for the unit tests of the Lua program: is(), the plan at the end.
 */
#ifndef LUA_TEST_TAP_H
#define LUA_TEST_TAP_H

#include <stdio.h>
#include <string.h>

static int tap_points, tap_failed;

static void ok(int passed, const char *rule)
{
    tap_points++;
    tap_failed += !passed;
    printf("%sok %d - %s\n", passed ? "" : "not ", tap_points, rule);
}

/* Compares two texts. */
static __attribute__((unused)) void is(const char *got, const char *want, const char *rule)
{
    int same = strcmp(got, want) == 0;

    ok(same, rule);
    if (!same)
        printf("#  got: %s\n# want: %s\n", got, want);
}

static int tap_end(void)
{
    printf("1..%d\n", tap_points);
    return tap_failed != 0;
}

#endif
