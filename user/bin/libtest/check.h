// SPDX-License-Identifier: BSD-2-Clause
// TAP for libtest, and counts of what a test may leave behind.
#ifndef LIBTEST_CHECK_H
#define LIBTEST_CHECK_H

#include <mach/mach.h>

// One point: the rule, and whether it holds; the second form shows both numbers if they differ.
void ok(int holds, const char *rule);
void is(int got, int want, const char *rule);

unsigned count_names(void);
unsigned count_threads(void);
void sleep_ms(unsigned ms);

// The groups, each in the file of its name.
void test_threads(void);
void test_messages(void);
void test_libc(void);
void test_child(void);
void test_servers(void);

#endif
