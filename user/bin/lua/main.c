/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The Lua program: what `minato.run=lua` and `minato.run=scenario` start. A script handed in
 * through fw_cfg is run and the machine ends with its status; without a script there is the prompt.
 *
 *   script      0 if it ran to its end (and all its tests passed), 1 if not, or what os.exit says
 *   scenario    the same; its output is TAP
 *
 * Where things are: state.c opens a Lua state; module.c, traps.c, message.c and the generated calls
 * are the module `mach`; spawn*.c and job.c start tasks and threads; test.c, leak.c and within.c
 * run tests; prompt.c, edit*.c, complete.c and help.c are the prompt. docs/lua.md is the manual.
 */
#include "help.h"
#include "prompt.h"
#include "state.h"
#include "test.h"

#include <mach/bootstrap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCRIPT "opt/minato/script"
#define SCRIPT_NAME "opt/minato/script-name"

/* A file handed in at boot, as a string at the stack's top; 0 if there is none. */
static int push_file(lua_State *L, const char *path)
{
    bootstrap_module_name_t name = "";
    vm_offset_t data = 0;
    mach_msg_type_number_t size = 0;

    strncpy(name, path, sizeof(name) - 1);
    if (bootstrap_get_module(bootstrap_port, name, &data, &size) != KERN_SUCCESS)
        return 0;
    lua_pushlstring(L, (const char *)data, size);
    if (size > 0)
        vm_deallocate(mach_task_self(), data, size);
    return 1;
}

/* What the script is called in errors: its file's last two parts say enough. */
static const char *chunk_name(lua_State *L)
{
    if (!push_file(L, SCRIPT_NAME))
        lua_pushliteral(L, "script");
    return lua_pushfstring(L, "@%s", lua_tostring(L, -1));
}

/* A first line that begins with # is for somebody else. */
static const char *skip_hash_line(const char *code, size_t *size)
{
    if (*size == 0 || code[0] != '#')
        return code;
    size_t length = 0;
    while (length < *size && code[length] != '\n')
        length++;
    *size -= length;
    return code + length;
}

static void report(const char *text)
{
    if (test_is_tap()) {
        test_script_failed(text);
    } else {
        output_flush();
        fprintf(stderr, "lua: %s\n", text);
    }
}

/* Runs the script, which is the string at the stack's top. Returns the exit status. */
static int run_script(lua_State *L)
{
    size_t size;
    const char *code = lua_tolstring(L, -1, &size);

    close(STDIN_FILENO); /* nobody types: who reads is told so at once, and does not wait */
    code = skip_hash_line(code, &size);
    lua_pushcfunction(L, state_traceback);
    int handler = lua_gettop(L);
    int status = luaL_loadbufferx(L, code, size, chunk_name(L), "bt");
    if (status == LUA_OK)
        status = lua_pcall(L, 0, 0, handler);
    if (status != LUA_OK)
        report(luaL_tolstring(L, -1, NULL));
    int failed = test_finish();
    output_flush();
    return status != LUA_OK || failed;
}

/* os.exit of the main script. In TAP the plan comes first, and a failed test counts. */
static int main_exit(lua_State *L)
{
    int status = lua_isboolean(L, 1) ? !lua_toboolean(L, 1) : (int)luaL_optinteger(L, 1, 0);
    int failed = test_finish();

    output_flush();
    exit(status != 0 ? status : failed);
}

static void set_exit(lua_State *L)
{
    lua_getglobal(L, "os");
    lua_pushcfunction(L, main_exit);
    lua_setfield(L, -2, "exit");
    lua_pop(L, 1);
}

int main(void)
{
    const char *run = getenv("minato.run");
    lua_State *L = state_open(ROLE_MAIN, MAIN_HEAP_SIZE);

    setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
    if (L == NULL) {
        fprintf(stderr, "lua: not enough memory for a Lua state\n");
        return 1;
    }
    help_open(L);
    set_exit(L);
    int has_script = push_file(L, SCRIPT);
    if (run != NULL && strcmp(run, "scenario") == 0)
        program_mode = MODE_SCENARIO;
    else
        program_mode = has_script ? MODE_SCRIPT : MODE_PROMPT;
    if (has_script)
        return run_script(L);
    if (program_mode == MODE_PROMPT)
        return prompt_run(L);
    report("there is no script: hand one in as the fw_cfg file " SCRIPT);
    test_finish();
    return 1;
}
