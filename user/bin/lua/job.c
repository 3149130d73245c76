/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Carrying code and values between Lua states. See job.h; who runs jobs is in spawn_task.c and
 * spawn_thread.c.
 */
#include "job.h"

#include "serial.h"
#include "show.h"
#include "state.h"

#include <stdlib.h>
#include <string.h>

struct job *job_new(lua_State *L, const char *what)
{
    int values = lua_gettop(L);
    size_t code_size, args_size;
    const char *code = state_code(L, 1, what, &code_size);

    serial_pack(L, values, what);
    const char *args = lua_tolstring(L, -1, &args_size);
    struct job *job = malloc(sizeof(*job) + code_size + args_size);
    if (job == NULL)
        luaL_error(L, "%s: not enough memory", what);
    char *memory = (char *)(job + 1);
    *job = (struct job){
        .code = memory, .code_size = code_size, .args = memory + code_size, .args_size = args_size};
    memcpy(memory, code, code_size);
    memcpy(memory + code_size, args, args_size);
    lua_settop(L, values);
    return job;
}

/* Under lua_pcall: leaves the packed result. The job is argument 1. */
static int job_body(lua_State *L)
{
    struct job *job = lua_touserdata(L, 1);

    if (!serial_unpack(L, job->args, job->args_size))
        luaL_error(L, "the values did not arrive whole");
    lua_pushvalue(L, -1);
    lua_setglobal(L, "args");
    if (luaL_loadbufferx(L, job->code, job->code_size, "=spawned", "bt") != LUA_OK)
        return lua_error(L);
    lua_insert(L, -2);
    lua_call(L, 1, 1);
    serial_pack(L, -1, "the code's result");
    return 1;
}

/* Copies the string at the stack's top to where it outlives the state. */
static void keep_result(lua_State *L, struct job *job)
{
    size_t size;
    const char *bytes = show_text(L, -1, &size);

    job->result = malloc(size + 1);
    if (job->result == NULL)
        return;
    memcpy(job->result, bytes, size);
    job->result_size = size;
}

static int keep_body(lua_State *L)
{
    keep_result(L, lua_touserdata(L, 1));
    return 0;
}

void job_run(lua_State *L, struct job *job)
{
    lua_settop(L, 0);
    lua_pushcfunction(L, job_body);
    lua_pushlightuserdata(L, job);
    job->worked = lua_pcall(L, 1, 1, 0) == LUA_OK;
    lua_pushcfunction(L, keep_body);
    lua_insert(L, 1);
    lua_pushlightuserdata(L, job);
    lua_insert(L, 2);
    lua_pcall(L, 2, 0, 0);
}

int job_push_result(lua_State *L, int worked, const char *result, size_t size)
{
    lua_pushboolean(L, worked);
    if (!worked) {
        lua_pushlstring(L, result, size);
    } else if (!serial_unpack(L, result, size)) {
        lua_pop(L, 1);
        lua_pushboolean(L, 0);
        lua_pushliteral(L, "the result did not arrive whole");
    }
    return 2;
}
