/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The function `test`, and the checks a test makes through `t`. A failed check is noted and the
 * test goes on; the notes are printed after the point, as TAP wants it. One test runs at a time, in
 * the main script; so all is in one static record.
 */
#include "test.h"

#include "arg.h"
#include "entry.h"
#include "module.h"
#include "show.h"
#include "state.h"

#include <console_session.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTES_MAX 32768
#define NOTES_END "#   ... and more, for which there is no room\n"

static struct {
    int points; /* printed so far */
    int failed;
    int leaks_ok; /* tests that called t.leaks_ok */
    int finished;
    /* of the test that runs: */
    int running;
    int failures;
    int leaks_allowed;
    const char *rule;
    char skip[200];                            /* the reason; empty: not skipped */
    char notes[NOTES_MAX + sizeof(NOTES_END)]; /* lines to be printed after the point */
    size_t used;                               /* NOTES_MAX: no more */
} tests;

static char skip_mark; /* its address is the error by which t.skip leaves the test */

int test_is_tap(void)
{
    return program_mode == MODE_SCENARIO || tests.points > 0;
}

/* ---- notes and points ---------------------------------------------------------------------- */

/* Adds a text, each line behind "#   ". */
static void note(const char *text)
{
    size_t length = strcspn(text, "\n");

    for (;;) {
        int size = snprintf(tests.notes + tests.used, NOTES_MAX - tests.used, "#   %.*s\n",
                            (int)length, text);
        if (tests.used + (size_t)size >= NOTES_MAX) {
            if (tests.used < NOTES_MAX)
                strcpy(tests.notes + tests.used, NOTES_END);
            tests.used = NOTES_MAX;
            return;
        }
        tests.used += (size_t)size;
        if (text[length] == '\0')
            return;
        text += length + 1;
        length = strcspn(text, "\n");
    }
}

/* A description must stay on its line and must not look like a directive. */
static void print_description(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '#')
            fputs("\\#", stdout);
        else
            putchar(iscntrl((unsigned char)*text) ? ' ' : *text);
    }
}

static void print_point(int passed, const char *rule, const char *skip)
{
    tests.points++;
    tests.failed += !passed;
    printf("%s %d - ", passed ? "ok" : "not ok", tests.points);
    print_description(rule);
    if (skip != NULL) {
        fputs(" # SKIP ", stdout);
        print_description(skip);
    }
    putchar('\n');
    fputs(tests.notes, stdout);
    tests.used = 0;
    tests.notes[0] = '\0';
    fflush(stdout);
}

void test_script_failed(const char *text)
{
    note(text);
    print_point(0, "the script runs to its end", NULL);
}

int test_finish(void)
{
    if (tests.running) {
        note("os.exit ended the script in the middle of this test");
        print_point(0, tests.rule, NULL);
    }
    if (!test_is_tap() || tests.finished)
        return tests.failed > 0;
    tests.finished = 1;
    if (tests.points == 0)
        print_point(0, "the script has at least one test", NULL);
    if (tests.leaks_ok > 0)
        printf("# leaks_ok: %d test%s had permission to leave something behind\n", tests.leaks_ok,
               tests.leaks_ok == 1 ? "" : "s");
    printf("1..%d\n", tests.points);
    fflush(stdout);
    return tests.failed > 0;
}

/* ---- failures ------------------------------------------------------------------------------ */

void test_failure(lua_State *L, const char *text)
{
    luaL_where(L, 1);
    lua_pushstring(L, text);
    lua_concat(L, 2);
    note(lua_tostring(L, -1));
    lua_pop(L, 1);
    tests.failures++;
}

/* The reason that a check gives, or what it says without one. */
static const char *reason(lua_State *L, int index, const char *otherwise)
{
    if (lua_isnoneornil(L, index))
        return otherwise;
    return show_text(L, index, NULL);
}

/* Notes a value, and what it is called if it is a return code. */
static void note_value(lua_State *L, const char *label, int index)
{
    const char *text = luaL_gsub(L, show_value(L, index, SHOW_LINES), "\n", "\n        ");
    const char *code = lua_isinteger(L, index) ? code_name(lua_tointeger(L, index)) : NULL;

    if (code != NULL)
        text = lua_pushfstring(L, "  %s %s (%s, if it is a return code)", label, text, code);
    else
        text = lua_pushfstring(L, "  %s %s", label, text);
    note(text);
}

/* ---- t ------------------------------------------------------------------------------------- */

static void check_running(lua_State *L, const char *name)
{
    if (!tests.running)
        luaL_error(L, "t.%s: no test is running", name);
}

static int t_eq(lua_State *L)
{
    struct difference difference;

    check_running(L, "eq");
    lua_settop(L, 3);
    int same = deep_equal(L, 1, 2, &difference);
    if (!same) {
        test_failure(L, reason(L, 3, "not equal"));
        if (difference.path[0] != '\0')
            note(lua_pushfstring(L, "  the first difference is at %s", difference.path));
        note_value(L, "got: ", 1);
        note_value(L, "want:", 2);
    }
    lua_pushboolean(L, same);
    return 1;
}

static int t_ok(lua_State *L)
{
    check_running(L, "ok");
    lua_settop(L, 2);
    if (!lua_toboolean(L, 1)) {
        test_failure(L, reason(L, 2, "not true"));
        note_value(L, "got: ", 1);
    }
    lua_pushboolean(L, lua_toboolean(L, 1));
    return 1;
}

static int t_fail(lua_State *L)
{
    check_running(L, "fail");
    test_failure(L, reason(L, 1, "failed"));
    return 0;
}

static int t_skip(lua_State *L)
{
    check_running(L, "skip");
    snprintf(tests.skip, sizeof(tests.skip), "%s", reason(L, 1, "no reason given"));
    lua_pushlightuserdata(L, &skip_mark);
    return lua_error(L);
}

static int t_leaks_ok(lua_State *L)
{
    check_running(L, "leaks_ok");
    tests.leaks_allowed = 1;
    note(lua_pushfstring(L, "leaks_ok: %s", reason(L, 1, "no reason given")));
    return 0;
}

static int t_within(lua_State *L)
{
    check_running(L, "within");
    return test_within(L);
}

static void push_t(lua_State *L)
{
    static const luaL_Reg checks[] = {{"eq", t_eq},         {"ok", t_ok},
                                      {"fail", t_fail},     {"skip", t_skip},
                                      {"within", t_within}, {"leaks_ok", t_leaks_ok},
                                      {NULL, NULL}};

    luaL_newlib(L, checks);
}

/* ---- test ---------------------------------------------------------------------------------- */

/* Makes everything that the module and the library make when it is first needed, so that no test is
 * charged with it. */
static void prepare(void)
{
    static int done;

    if (done)
        return;
    done = 1;
    state_host();
    console_session();
    snapshot_free(snapshot_take());
}

/* Runs the function at index 2; returns whether its leaks are to be looked for: not when an error
 * ended it, which has kept it from tidying up. */
static int run_body(lua_State *L)
{
    tests.failures = 0;
    tests.leaks_allowed = 0;
    tests.rule = lua_tostring(L, 1);
    tests.skip[0] = '\0';
    tests.running = 1;
    lua_pushcfunction(L, state_traceback);
    lua_pushvalue(L, 2);
    push_t(L);
    int status = lua_pcall(L, 1, 0, 3);
    tests.running = 0;
    tests.leaks_ok += tests.leaks_allowed;
    if (status == LUA_OK || lua_touserdata(L, -1) == &skip_mark)
        return 1;
    tests.failures++;
    note(luaL_tolstring(L, -1, NULL));
    return 0;
}

static void look_for_leaks(lua_State *L, const struct snapshot *before)
{
    lua_settop(L, 2);
    lua_gc(L, LUA_GCCOLLECT);
    lua_gc(L, LUA_GCCOLLECT); /* finalizers have run; what they held goes too */
    if (!tests.leaks_allowed)
        tests.failures += snapshot_compare(before, note);
}

int test_run(lua_State *L)
{
    static const struct call call = {"test", {"rule", "function"}};

    if (state_of(L)->role != ROLE_MAIN)
        luaL_error(L, "test: only the main script has tests; return a value to it");
    if (lua_type(L, 1) != LUA_TSTRING)
        arg_error(L, &call, 1, "a string");
    if (!lua_isfunction(L, 2))
        arg_error(L, &call, 2, "a function");
    if (tests.running)
        luaL_error(L, "test: a test cannot be inside another one");
    lua_settop(L, 2);
    prepare();
    lua_gc(L, LUA_GCCOLLECT);
    struct snapshot *before = snapshot_take();
    if (before == NULL)
        luaL_error(L, "test: the kernel gives no list of this task's names");
    if (run_body(L))
        look_for_leaks(L, before);
    snapshot_free(before);
    print_point(tests.failures == 0, lua_tostring(L, 1),
                tests.failures == 0 && tests.skip[0] != '\0' ? tests.skip : NULL);
    return 0;
}

int module_test(lua_State *L)
{
    lua_pushcfunction(L, test_run);
    return 1;
}
