/* SPDX-License-Identifier: BSD-2-Clause
 *
 * t.within(ms, f): while f runs, a second thread sleeps until the time is over or f has ended. If
 * the time is over first it interrupts f (watch.h), again and again until f is left, since what was
 * interrupted may go on to wait for something else.
 */
#include "arg.h"
#include "spawn.h"
#include "state.h"
#include "test.h"
#include "watch.h"

#include <stdio.h>

#define AGAIN 10 /* milliseconds between two interruptions */

struct limit {
    struct watch watch;
    unsigned ms;
    semaphore_t over; /* signalled when f has ended */
    cthread_t guard;
};

/* The thread that sleeps. */
static any_t guard(any_t data)
{
    struct limit *limit = data;
    struct deadline deadline = deadline_in(limit->ms);
    unsigned left = limit->ms;
    kern_return_t kr;

    do {
        kr = semaphore_timedwait(limit->over, time_of_ms(left));
        left = deadline_left(&deadline, limit->ms);
    } while (kr == KERN_ABORTED || (kr == KERN_OPERATION_TIMED_OUT && left > 0));
    while (kr == KERN_OPERATION_TIMED_OUT || kr == KERN_ABORTED) {
        watch_interrupt(&limit->watch);
        kr = semaphore_timedwait(limit->over, time_of_ms(AGAIN));
    }
    return NULL;
}

static void start(lua_State *L, struct limit *limit)
{
    kern_return_t kr = semaphore_create(mach_task_self(), &limit->over, SYNC_POLICY_FIFO, 0);

    if (kr != KERN_SUCCESS)
        luaL_error(L, "t.within: no semaphore: %s", mach_error_string(kr));
    watch_enter(L, &limit->watch, "interrupted: the time of t.within is over");
    limit->guard = cthread_fork(guard, limit);
    if (limit->guard != CTHREAD_NULL)
        return;
    watch_leave(L, &limit->watch);
    semaphore_destroy(mach_task_self(), limit->over);
    mach_port_deallocate(mach_task_self(), limit->over);
    luaL_error(L, "t.within: the kernel has no room for another thread");
}

static void stop(lua_State *L, struct limit *limit)
{
    watch_leave(L, &limit->watch);
    semaphore_signal(limit->over);
    cthread_join(limit->guard);
    semaphore_destroy(mach_task_self(), limit->over);
    mach_port_deallocate(mach_task_self(), limit->over);
}

int test_within(lua_State *L)
{
    static const struct call call = {"t.within", {"ms", "f"}};
    struct limit limit = {.ms = arg_unsigned(L, &call, 1)};
    char text[80];

    if (!lua_isfunction(L, 2))
        arg_error(L, &call, 2, "a function");
    lua_settop(L, 2);
    lua_pushcfunction(L, state_traceback);
    lua_insert(L, 1);
    start(L, &limit);
    int status = lua_pcall(L, 0, LUA_MULTRET, 1);
    stop(L, &limit);
    watch_finish(L, 0); /* an outer one may be over as well */
    if (limit.watch.expired) {
        snprintf(text, sizeof(text), "took longer than %u ms", limit.ms);
        test_failure(L, text);
        return 0;
    }
    return status == LUA_OK ? lua_gettop(L) - 2 : lua_error(L);
}
