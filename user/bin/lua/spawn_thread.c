/* SPDX-License-Identifier: BSD-2-Clause
 *
 * spawn.thread: a thread of this task with a Lua state and a heap of its own. It shares the names,
 * so that a port is handed over by its number. The result waits in the job until somebody joins.
 */
#include "spawn.h"

#include "state.h"
#include "watch.h"

#include <stdlib.h>

#define STACK_SIZE ((vm_size_t)256 << 10)
/* While waiting we look now and then whether somebody has terminated the thread: it would never
 * say that it has ended. */
#define FIRST_LOOK 5 /* milliseconds */
#define LAST_LOOK 100

static any_t thread_main(any_t data)
{
    struct job *job = data;
    lua_State *L = state_open(ROLE_THREAD, THREAD_HEAP_SIZE);

    if (L != NULL) {
        job->heap = state_of(L)->heap;
        job_run(L, job);
        output_flush();
        job->heap = NULL;
        state_close(L);
    }
    return NULL;
}

int spawn_thread(lua_State *L)
{
    lua_settop(L, 2);
    if (lua_isnil(L, 2)) {
        lua_newtable(L);
        lua_replace(L, 2);
    }
    if (!lua_istable(L, 2))
        luaL_error(L, "spawn.thread: the values must be a table, not a %s", luaL_typename(L, 2));
    struct spawned *spawned = spawned_new(L, SPAWNED_THREAD);
    spawned->ended = 1; /* nothing to drop yet */
    lua_pushvalue(L, 2);
    struct job *job = job_new(L, "spawn.thread");
    lua_pop(L, 1);
    output_flush();
    spawned->thread = cthread_fork_stack(thread_main, job, STACK_SIZE);
    if (spawned->thread == CTHREAD_NULL) {
        free(job);
        luaL_error(L, "spawn.thread: the kernel has no room for another thread");
    }
    spawned->job = job;
    spawned->name = cthread_thread(spawned->thread);
    spawned->ended = 0;
    return 1;
}

static int is_dead(mach_port_t thread)
{
    mach_port_type_t type = 0;
    kern_return_t kr = mach_port_type(mach_task_self(), thread, &type);

    return kr != KERN_SUCCESS || (type & MACH_PORT_TYPE_DEAD_NAME);
}

/* Somebody has terminated the thread: releases what it would have released itself. */
static void bury(struct spawned *spawned)
{
    struct heap *heap = spawned->job->heap;

    if (heap != NULL) {
        heap_destroy(heap);
        mach_port_deallocate(mach_task_self(), spawned->name);
    }
    cthread_killed(spawned->thread);
    cthread_join(spawned->thread);
}

/* Joins the thread if it has ended, or ends, within `ms`. */
static int join_within(struct spawned *spawned, unsigned ms)
{
    any_t nothing;

    if (cthread_timedjoin(spawned->thread, time_of_ms(ms), &nothing) != KERN_SUCCESS) {
        if (!is_dead(spawned->name))
            return 0;
        /* Perhaps it ended by itself just now. */
        if (cthread_timedjoin(spawned->thread, time_of_ms(0), &nothing) != KERN_SUCCESS)
            bury(spawned);
    }
    spawned->thread = CTHREAD_NULL;
    return 1;
}

static int push_answer(lua_State *L, struct job *job)
{
    static const char died[] = "thread died: it was terminated, or had no memory";
    int results;

    if (job->result != NULL)
        results = job_push_result(L, job->worked, job->result, job->result_size);
    else
        results = job_push_result(L, 0, died, sizeof(died) - 1);
    free(job->result);
    free(job);
    return results;
}

int spawned_wait_thread(lua_State *L, struct spawned *spawned, const struct deadline *deadline)
{
    unsigned look = FIRST_LOOK;

    for (;;) {
        unsigned ms = deadline_left(deadline, look);
        if (join_within(spawned, ms))
            return push_answer(L, spawned->job);
        if (ms == 0 || watch_expired(L))
            return 0;
        look = look * 2 < LAST_LOOK ? look * 2 : LAST_LOOK;
    }
}

/* A thread that still runs is left alone: it has its own references to everything. */
void spawned_drop_thread(struct spawned *spawned)
{
    if (!join_within(spawned, 0))
        return;
    free(spawned->job->result);
    free(spawned->job);
}
