/* SPDX-License-Identifier: BSD-2-Clause
 *
 * spawn.task and spawn.thread: code that runs elsewhere, and the objects that a script waits on.
 * What the two have in common is in spawn.c.
 */
#ifndef LUA_SPAWN_H
#define LUA_SPAWN_H

#include "job.h"

#include <cthreads.h>
#include <lua.h>
#include <mach/mach.h>

enum spawned_kind { SPAWNED_TASK, SPAWNED_THREAD };

/* The object of a script: a userdata. Its user value 1 is the list of what :wait() returned, when
 * that is final. */
struct spawned {
    enum spawned_kind kind;
    mach_port_t name;   /* of the task or thread: field `task` or `thread` */
    mach_port_t result; /* task: receive right to which the result and the news of its death come */
    int reported;       /* task: the result has come (and is user value 2, still as bytes) */
    int worked;
    cthread_t thread;     /* thread: null when it has been joined */
    struct job *job;      /* thread */
    int ended;            /* :wait() has its final answer */
    struct spawned *next; /* in the list of ports that belong to the module */
};

int spawn_task(lua_State *L);
int spawn_thread(lua_State *L);
int spawn_run(lua_State *L);

/* Waits until the deadline; pushes the final answer and returns how many values, or 0: it runs on.
 * Afterwards everything that the object held is released. */
struct deadline;
int spawned_wait_task(lua_State *L, struct spawned *spawned, const struct deadline *deadline);
int spawned_wait_thread(lua_State *L, struct spawned *spawned, const struct deadline *deadline);
/* The script has lost the object. */
void spawned_drop_task(struct spawned *spawned);
void spawned_drop_thread(struct spawned *spawned);

/* A new object at the stack's top. */
struct spawned *spawned_new(lua_State *L, enum spawned_kind kind);
/* Result ports are the module's own: the search for leaks passes over them. */
void spawned_own_port(struct spawned *spawned, mach_port_t port);
void spawned_disown_port(struct spawned *spawned);
int spawned_is_own_port(mach_port_t name);
/* In a child task: the ports are the parent's. */
void spawned_forget(void);

/* ---- limits of time ------------------------------------------------------------------------- */

struct deadline {
    int forever;
    tvalspec_t end; /* of the real-time clock */
};

/* The time since boot. */
tvalspec_t time_now(void);
struct deadline deadline_in(unsigned ms);
/* Milliseconds left, rounded up; at most `most`. 0: it has passed. */
unsigned deadline_left(const struct deadline *deadline, unsigned most);
/* Sleeps for so long, or until aborted. */
void time_sleep(unsigned ms);
tvalspec_t time_of_ms(unsigned ms);

#endif
