/* SPDX-License-Identifier: BSD-2-Clause
 *
 * spawn.run: a program of the boot archive, run to its end. Bootstrap starts it, for it gives out the
 * rights.
 */
#include "spawn.h"
#include "watch.h"

#include <lauxlib.h>
#include <mach/mach.h>
#include <mach/mach_error.h>
#include <servers/program.h>
#include <string.h>

/* The arguments, the name among them, as words ended by zero bytes; how many bytes. */
static mach_msg_type_number_t words_of(lua_State *L, char *words)
{
    size_t at = 0, length;

    for (int i = 1; i <= lua_gettop(L); i++) {
        const char *word = luaL_checklstring(L, i, &length);
        if (strlen(word) != length)
            luaL_argerror(L, i, "it has a zero byte in it");
        if (PROGRAM_WORDS_MAX - at < length + 1)
            luaL_argerror(L, i, "the arguments are too long");
        memcpy(words + at, word, length + 1);
        at += length + 1;
    }
    return (mach_msg_type_number_t)at;
}

/* Waits for the end; the status. Whoever is interrupted ends the program first. */
static int status_of(mach_port_t ended, mach_port_t task)
{
    struct {
        program_ended_t end;
        mach_msg_trailer_t trailer;
    } message;
    mach_msg_return_t mr = mach_msg(&message.end.Head, MACH_RCV_MSG, 0, sizeof(message), ended, 0,
                                    MACH_PORT_NULL);

    if (mr != MACH_MSG_SUCCESS) {
        task_terminate(task);
        return -1;
    }
    return message.end.Head.msgh_id == PROGRAM_ENDED_ID ? message.end.status : -1;
}

/* spawn.run(name, word, …) -> status */
int spawn_run(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    char words[PROGRAM_WORDS_MAX];
    program_path_t path = "bin/";
    mach_msg_type_number_t size = words_of(L, words);
    mach_port_t ended, task;
    kern_return_t kr;

    if (strlen(name) >= sizeof(path) - strlen(path))
        return luaL_argerror(L, 1, "there is no such program");
    strcat(path, name);
    kr = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &ended);
    if (kr == KERN_SUCCESS) {
        kr = program_run(bootstrap_port, path, words, size, ended, &task);
        if (kr != KERN_SUCCESS)
            mach_port_mod_refs(mach_task_self(), ended, MACH_PORT_RIGHT_RECEIVE, -1);
    }
    if (kr != KERN_SUCCESS)
        return luaL_error(L, "%s cannot be run: %s", name, mach_error_string(kr));
    lua_pushinteger(L, status_of(ended, task));
    mach_port_deallocate(mach_task_self(), task);
    mach_port_mod_refs(mach_task_self(), ended, MACH_PORT_RIGHT_RECEIVE, -1);
    return watch_finish(L, 1);
}
