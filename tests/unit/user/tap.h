// SPDX-License-Identifier: BSD-2-Clause
// TAP for the unit tests of user code: points as they come; tests/unit/user/run adds the plan.
#ifndef TAP_H
#define TAP_H

#include <stdio.h>
#include <string.h>

static int tap_count, tap_failures;

// One point: the rule, and whether it holds.
static inline int ok(int holds, const char *rule)
{
    tap_count++;
    tap_failures += !holds;
    printf("%sok %d - %s\n", holds ? "" : "not ", tap_count, rule);
    return holds;
}

// The same for two numbers; shows them when they differ.
static inline int is(long got, long want, const char *rule)
{
    if (!ok(got == want, rule))
        printf("#   got %ld (0x%lx), want %ld (0x%lx)\n", got, got, want, want);
    return got == want;
}

// The same for strings; null is a value like any other.
static inline int is_text(const char *got, const char *want, const char *rule)
{
    int same = got == want || (got != NULL && want != NULL && strcmp(got, want) == 0);

    if (!ok(same, rule))
        printf("#   got '%s', want '%s'\n", got ? got : "(null)", want ? want : "(null)");
    return same;
}

static inline int tap_end(void)
{
    return tap_failures != 0;
}

#endif
