/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The calls that no .defs describes: traps without a message form, and vm_read_overwrite. The traps
 * that are short cuts for a message (semaphore_wait, vm_allocate, …) are among the generated calls.
 */
#include "arg.h"
#include "entry.h"
#include "layout.h"
#include "state.h"
#include "watch.h"

static int trap_task_self(lua_State *L)
{
    push_unsigned(L, mach_task_self());
    return 1;
}

static int trap_thread_self(lua_State *L)
{
    push_unsigned(L, state_of(L)->thread);
    return 1;
}

static int trap_host_self(lua_State *L)
{
    push_unsigned(L, state_host());
    return 1;
}

static int trap_reply_port(lua_State *L)
{
    push_unsigned(L, mach_reply_port());
    return 1;
}

static int trap_swtch(lua_State *L)
{
    push_boolean(L, swtch());
    return watch_finish(L, 1);
}

static int trap_swtch_pri(lua_State *L)
{
    static const struct call call = {"swtch_pri", {"pri"}};

    push_boolean(L, swtch_pri(arg_signed(L, &call, 1)));
    return watch_finish(L, 1);
}

static int trap_thread_switch(lua_State *L)
{
    static const struct call call = {"thread_switch", {"new_thread", "option", "option_time"}};
    mach_port_t thread = arg_unsigned(L, &call, 1);
    int option = (int)arg_bits(L, &call, 2);
    mach_msg_timeout_t time = lua_isnoneornil(L, 3) ? 0 : arg_unsigned(L, &call, 3);

    watch_finish(L, 0);
    lua_pushinteger(L, thread_switch(thread, option, time));
    return watch_finish(L, 1);
}

static int trap_clock_sleep(lua_State *L)
{
    static const struct call call = {"clock_sleep", {"clock", "sleep_type", "sleep_time"}};
    mach_port_t clock = arg_unsigned(L, &call, 1);
    int type = arg_signed(L, &call, 2);
    tvalspec_t time, wake = {0, 0};

    arg_layout(L, &call, 3, &layout_tvalspec_t, &time);
    watch_finish(L, 0);
    kern_return_t kr = clock_sleep(clock, type, time, &wake);
    lua_pushinteger(L, kr);
    if (kr == KERN_SUCCESS || kr == KERN_ABORTED)
        push_layout(L, &layout_tvalspec_t, &wake, sizeof(wake));
    else
        lua_pushnil(L);
    return watch_finish(L, 2);
}

static int call_vm_read_overwrite(lua_State *L)
{
    static const struct call call = {"vm_read_overwrite",
                                     {"target_task", "address", "size", "data"}};
    vm_size_t got;
    kern_return_t kr = vm_read_overwrite(arg_unsigned(L, &call, 1), arg_unsigned(L, &call, 2),
                                         arg_unsigned(L, &call, 3), arg_unsigned(L, &call, 4),
                                         &got);

    lua_pushinteger(L, kr);
    if (kr == KERN_SUCCESS)
        push_unsigned(L, got);
    else
        lua_pushnil(L);
    return watch_finish(L, 2);
}

#define GROUP "traps"

const struct entry trap_entries[] = {
    {"mach_task_self", trap_task_self, GROUP, "", "task",
     "The name of this task's port, cached: no new reference."},
    {"mach_thread_self", trap_thread_self, GROUP, "", "thread",
     "The name of this thread's port, cached: no new reference."},
    {"mach_host_self", trap_host_self, GROUP, "", "host",
     "The name of the host port, cached: no new reference."},
    {"mach_reply_port", trap_reply_port, GROUP, "", "name", "A new port: its receive right."},
    {"swtch", trap_swtch, GROUP, "", "boolean", "Runs another thread if there is one as urgent."},
    {"swtch_pri", trap_swtch_pri, GROUP, "pri", "boolean",
     "The same, at the least urgent level for a moment; pri is ignored."},
    {"thread_switch", trap_thread_switch, GROUP, "new_thread, option, option_time", "kr",
     "Gives the processor away, to new_thread if it is ready; option SWITCH_OPTION_*,\n"
     "option_time in milliseconds."},
    {"clock_sleep", trap_clock_sleep, GROUP, "clock, sleep_type, sleep_time", "kr, wake",
     "Sleeps until (TIME_ABSOLUTE) or for (TIME_RELATIVE) {tv_sec=, tv_nsec=}; clock 0 is the\n"
     "real-time clock. wake is the clock's time at waking."},
    {"vm_read_overwrite", call_vm_read_overwrite, "mach", "target_task, address, size, data",
     "kr, data_size", "vm_read over what this task has at data."},
    {0},
};
