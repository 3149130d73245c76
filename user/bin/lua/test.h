/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test("rule", function(t) … end): one TAP point each. The points are printed by test.c, what a
 * test may not leave behind is found by leak.c.
 */
#ifndef LUA_TEST_H
#define LUA_TEST_H

#include <lua.h>

/* test(rule, function): runs one test and prints its point. */
int test_run(lua_State *L);
/* Whether the script has run a test (or is a scenario): then all it says is TAP. */
int test_is_tap(void);
/* Records a failure of the test that runs, at the line of the Lua function that called us. */
void test_failure(lua_State *L, const char *text);
/* t.within(ms, f) -> what f returns; a failure, and nothing, if it took too long (within.c). */
int test_within(lua_State *L);
/* The script ended early by an error, whose text (with trace back) is given: a failed point. */
void test_script_failed(const char *text);
/* The end of the script: prints what tests left with permission, and the plan. Returns the exit
 * status: 0 if all passed. */
int test_finish(void);

/* ---- leaks (leak.c) ------------------------------------------------------------------------- */

struct snapshot;

/* What this task holds now; null if there is no memory. */
struct snapshot *snapshot_take(void);
void snapshot_free(struct snapshot *snapshot);
/* Compares what the task holds now with `before`; what is new gets up to a second of virtual time
 * to go away. Says each thing that stays to `say`, and returns how many there are. */
int snapshot_compare(const struct snapshot *before, void (*say)(const char *text));

#endif
