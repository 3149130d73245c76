/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Code that is to run in another Lua state: what is carried there and what comes back, as bytes in
 * the C library's memory, which a task made with inherited memory has too.
 */
#ifndef LUA_JOB_H
#define LUA_JOB_H

#include <lua.h>
#include <stddef.h>

struct job {
    const char *code; /* source, or what string.dump makes */
    size_t code_size;
    const char *args; /* the table `args`, packed */
    size_t args_size;
    char *result; /* null until the code has ended */
    size_t result_size;
    int worked;        /* result: the value returned, packed; otherwise the text of an error */
    struct heap *heap; /* of the state that the job runs in, while it does */
};

/* A job of the code at index 1 and of the table at the stack's top, in one block for free(). A Lua
 * error if they cannot travel; `what` begins it. */
struct job *job_new(lua_State *L, const char *what);
/* Runs the job in a state of its own thread or task; its result is in memory for free(). */
void job_run(lua_State *L, struct job *job);
/* Pushes what :wait() returns for an ended job: true and the value, or false and the text. */
int job_push_result(lua_State *L, int worked, const char *result, size_t size);

#endif
