// SPDX-License-Identifier: BSD-2-Clause
// The Test Anything Protocol, for host tests: one `ok` line per rule, failures with what was seen.
#ifndef TAP_H
#define TAP_H

#include <stdbool.h>

// A failed check of the rule under way: says where and what, and the rule fails.
__attribute__((format(printf, 3, 4))) void tap_fail(const char *file, int line, const char *format,
                                                    ...);
unsigned tap_failures(void); // of the rule under way, so far
// Ends a rule: prints its line.
void tap_rule(const char *rule);
// Prints the plan; the program's exit status.
int tap_done(void);

#define CHECK(condition)                                             \
    do {                                                             \
        if (!(condition))                                            \
            tap_fail(__FILE__, __LINE__, "%s", #condition);          \
    } while (0)
#define CHECK_EQ(got, want)                                                                   \
    do {                                                                                      \
        long long got_ = (long long)(got), want_ = (long long)(want);                         \
        if (got_ != want_)                                                                    \
            tap_fail(__FILE__, __LINE__, "%s is %lld (%#llx), not %lld (%#llx)", #got, got_,  \
                     got_, want_, want_);                                                     \
    } while (0)

#endif
