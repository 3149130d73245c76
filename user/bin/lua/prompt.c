/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The prompt: a line, or several until they make a chunk; its values printed, tables with what is
 * in them. The console is raw while a line is edited and cooked while the code runs, so that the
 * code can read lines itself and ^C reaches us as a message: a thread that waits for it interrupts
 * the code (watch.h).
 */
#include "prompt.h"

#include "complete.h"
#include "edit.h"
#include "show.h"
#include "state.h"
#include "watch.h"

#include <console_session.h>
#include <cthreads.h>
#include <errno.h>
#include <servers/console.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COLUMNS 80
#define PROMPT "> "
#define PROMPT_MORE ">> "
#define AGAIN 10000 /* microseconds between two interruptions */

/* ---- the console --------------------------------------------------------------------------- */

static struct {
    char bytes[64];
    ssize_t count, next;
} input;

static int console_get(void *context)
{
    (void)context;
    if (input.next == input.count) {
        input.next = 0;
        do
            input.count = read(STDIN_FILENO, input.bytes, sizeof(input.bytes));
        while (input.count < 0 && errno == EINTR);
        if (input.count <= 0) {
            input.count = 0;
            return -1;
        }
    }
    return (unsigned char)input.bytes[input.next++];
}

static void console_put(void *context, const char *bytes, size_t size)
{
    (void)context;
    output_text(bytes, size);
}

static void console_complete(void *context, const char *line, size_t cursor,
                             struct completions *found)
{
    complete_name(context, line, cursor, found);
}

/* The editor asks for a byte when it has drawn everything: then it must be seen. */
static int flush_and_get(void *context)
{
    output_flush();
    return console_get(context);
}

/* ---- ^C ------------------------------------------------------------------------------------ */

static struct watch running; /* set while code of the user's runs */
static mach_port_t interrupt_port;

/* Interrupts what runs, again and again until it has ended: code that is just about to wait does not
 * notice, and what was interrupted may go on to wait for something else. */
static void interrupt_running(void)
{
    if (running.words == NULL)
        return;
    do {
        watch_interrupt(&running);
        usleep(AGAIN);
    } while (running.words != NULL && running.expired);
}

static any_t interrupt_guard(any_t nothing)
{
    mach_msg_empty_rcv_t message;

    for (;;) {
        mach_msg_return_t kr = mach_msg(&message.header, MACH_RCV_MSG, 0, sizeof(message),
                                        interrupt_port, 0, MACH_PORT_NULL);
        if (kr == MACH_RCV_INVALID_NAME || kr == MACH_RCV_PORT_DIED)
            return nothing;
        if (kr == MACH_MSG_SUCCESS)
            interrupt_running();
    }
}

/* Without it ^C has no effect while code runs; all else works. */
static void interrupt_start(void)
{
    if (mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &interrupt_port) !=
            KERN_SUCCESS ||
        mach_port_insert_right(mach_task_self(), interrupt_port, interrupt_port,
                               MACH_MSG_TYPE_MAKE_SEND) != KERN_SUCCESS)
        return;
    if (console_on_interrupt(console_session(), interrupt_port) == KERN_SUCCESS)
        cthread_fork(interrupt_guard, NULL);
}

/* ---- running what was typed ---------------------------------------------------------------- */

/* Prints the values on the stack: as print does, but tables show what is in them. */
static int print_values(lua_State *L)
{
    int n = lua_gettop(L);
    size_t length;

    for (int i = 1; i <= n; i++) {
        const char *text = show_text(L, i, &length);
        output_text(i > 1 ? "\t" : "", i > 1);
        output_text(text, length);
    }
    if (n > 0)
        output_text("\n", 1);
    output_flush();
    return 0;
}

static void report(lua_State *L)
{
    size_t length;
    const char *text = luaL_tolstring(L, -1, &length);

    output_text(text, length);
    output_text("\n", 1);
    output_flush();
}

/* Calls the function at the stack's top and prints what it returns. */
static void run(lua_State *L)
{
    lua_pushcfunction(L, state_traceback);
    lua_insert(L, 1);
    output_flush();
    console_set_mode(console_session(), 0);
    watch_enter(L, &running, "interrupted");
    int status = lua_pcall(L, 0, LUA_MULTRET, 1);
    watch_leave(L, &running);
    running.words = NULL;
    lua_remove(L, 1);
    if (status == LUA_OK) {
        lua_pushcfunction(L, print_values);
        lua_insert(L, 1);
        status = lua_pcall(L, lua_gettop(L) - 1, 0, 0);
    }
    if (status != LUA_OK)
        report(L);
}

static int load(lua_State *L, const char *code)
{
    return luaL_loadbufferx(L, code, strlen(code), "=stdin", "t");
}

/* The line as an expression, if it is one: its function is at the stack's top then. */
static int load_expression(lua_State *L, const char *line)
{
    const char *code = lua_pushfstring(L, "return %s", line[0] == '=' ? line + 1 : line);

    if (load(L, code) == LUA_OK)
        return 1;
    lua_pop(L, 2);
    return 0;
}

/* Whether the error at the stack's top means that more lines are needed. */
static int is_incomplete(lua_State *L)
{
    static const char mark[] = "<eof>";
    size_t length;
    const char *text = lua_tolstring(L, -1, &length);

    return length >= sizeof(mark) - 1 && strcmp(text + length - (sizeof(mark) - 1), mark) == 0;
}

/* Loads the chunk that begins with the editor's line, asking for more lines as long as it is not
 * complete. LUA_OK, or the error is at the stack's top; -1: dropped by ^C. */
static int load_chunk(lua_State *L, struct editor *editor)
{
    lua_pushstring(L, editor->line);
    for (;;) {
        int status = load(L, lua_tostring(L, 1));
        if (status != LUA_ERRSYNTAX || !is_incomplete(L))
            return status;
        console_set_mode(console_session(), CONSOLE_RAW);
        if (edit_line(editor, PROMPT_MORE) != EDIT_LINE)
            return -1;
        edit_remember(editor, editor->line);
        lua_settop(L, 1);
        lua_pushliteral(L, "\n");
        lua_pushstring(L, editor->line);
        lua_concat(L, 3);
        if (load_expression(L, lua_tostring(L, 1)))
            return LUA_OK;
    }
}

static void do_line(lua_State *L, struct editor *editor)
{
    lua_settop(L, 0);
    edit_remember(editor, editor->line);
    if (load_expression(L, editor->line)) {
        lua_replace(L, 1);
        lua_settop(L, 1);
        run(L);
        return;
    }
    int status = load_chunk(L, editor);
    if (status == LUA_OK) {
        lua_replace(L, 1);
        lua_settop(L, 1);
        run(L);
    } else if (status > 0) {
        report(L);
    }
}

static void banner(void)
{
    puts(LUA_VERSION " with the modules mach, spawn and test.\n"
         "help() lists the calls, Tab completes names, ^D powers off, Ctrl-A X leaves QEMU.");
}

int prompt_run(lua_State *L)
{
    static struct editor editor = {
        .get = flush_and_get, .put = console_put, .complete = console_complete, .columns = COLUMNS};
    enum edit_result result;

    editor.context = L;
    interrupt_start();
    banner();
    do {
        console_set_mode(console_session(), CONSOLE_RAW);
        result = edit_line(&editor, PROMPT);
        if (result == EDIT_LINE)
            do_line(L, &editor);
    } while (result != EDIT_END);
    console_set_mode(console_session(), 0);
    printf("powering off\n");
    output_flush();
    return 0;
}
