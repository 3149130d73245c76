-- SPDX-License-Identifier: BSD-2-Clause
-- thread_switch: the thread named is only a hint, and the options mean what the manual says.

local now = require "clock".now

local SELF = mach.mach_thread_self()

test("switching to oneself is giving way, and leaves the thread able to block and to end",
function(t)
    local thread = spawn.thread([[
        for i = 1, 20 do
            if mach.thread_switch(mach.mach_thread_self(), mach.SWITCH_OPTION_NONE, 0) ~= 0 then
                return "failed"
            end
        end
        mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 0, tv_nsec = 1000000})
        return "done"
    ]])
    local ok, value = thread:wait(5000)
    t.eq(ok, true)
    t.eq(value, "done")
end)

test("a name that is no thread's is ignored", function(t)
    t.eq(mach.thread_switch(mach.MACH_PORT_NULL, mach.SWITCH_OPTION_NONE, 0), mach.KERN_SUCCESS)
    t.eq(mach.thread_switch(mach.mach_task_self(), mach.SWITCH_OPTION_NONE, 0), mach.KERN_SUCCESS)
    t.eq(mach.thread_switch(0x7fffff01, mach.SWITCH_OPTION_NONE, 0), mach.KERN_SUCCESS)
end)

test("an option that does not exist is KERN_INVALID_ARGUMENT", function(t)
    t.eq(mach.thread_switch(SELF, 4, 0), mach.KERN_INVALID_ARGUMENT)
    t.eq(mach.thread_switch(SELF, -1, 0), mach.KERN_INVALID_ARGUMENT)
end)

test("WAIT sleeps for the time given", function(t)
    local start = now()
    t.eq(mach.thread_switch(mach.MACH_PORT_NULL, mach.SWITCH_OPTION_WAIT, 30), mach.KERN_SUCCESS)
    local slept = now() - start
    t.ok(slept >= 30 and slept < 32, "slept " .. slept .. " ms")
end)

test("DEPRESS ends when the thread runs next", function(t)
    t.eq(mach.thread_switch(mach.MACH_PORT_NULL, mach.SWITCH_OPTION_DEPRESS, 100000),
         mach.KERN_SUCCESS)
    local kr, info = mach.thread_info(SELF, mach.THREAD_SCHED_TIMESHARE_INFO)
    t.eq(kr, mach.KERN_SUCCESS)
    t.eq(info.depressed, 0)
end)
