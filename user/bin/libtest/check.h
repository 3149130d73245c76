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
unsigned count_pages(void); // of address space
void sleep_ms(unsigned ms);
// A port of ours: receive right, and a send right under the same name.
mach_port_t new_port(void);
void free_port(mach_port_t port);

// The groups, each in the file of its name.
void test_threads(void);
void test_monitors(void);
void test_stress(void);
void test_messages(void);
void test_bodies(void);
void test_fall_back(void);
void test_clocks(void);
void test_server_loop(void);
void test_classic(void);
void test_libc(void);
void test_child(void);
void test_servers(void);
void test_hostile(void);

#endif
