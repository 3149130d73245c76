-- SPDX-License-Identifier: BSD-2-Clause
-- thread_switch: the thread named is only a hint, and the options mean what the manual says. The
-- threads are of a policy without turns, so that nothing but the call gives the processor away.

local must, ports, threads = require "must", require "ports", require "threads"
local semaphores, now = require "semaphores", require "clock".now

local SELF, HERE = mach.mach_thread_self(), 50 -- our own urgency while we wait for nobody

local function urgency(thread, level, policy)
    must(mach.thread_policy(thread, policy or mach.POLICY_FIFO, {base_priority = level}, false),
         "thread_policy")
end

-- Makes a thread of that urgency for each of `codes` and then all of them ready, in that order;
-- runs body(threads, ids) meanwhile, so that they get the processor only when we give it away.
-- ids() gives the ids that they have noted.
local function with_ready(level, codes, body)
    local port, jobs, list, go = ports.allocate(), {}, {}, {}
    ports.set_limit(port, 20)
    for i, code in ipairs(codes) do
        go[i] = semaphores.create()
        jobs[i] = spawn.thread([[
            mach.semaphore_wait(args.go)
            local function note(id)
                mach.send{remote = args.port, disp = mach.MACH_MSG_TYPE_MAKE_SEND, id = id}
            end
        ]] .. code, {go = go[i], port = port, main = SELF})
        list[i] = jobs[i].thread
        threads.wait_until_waiting(list[i])
        urgency(list[i], level)
    end
    local function ids() return ports.drain(port) end
    urgency(SELF, HERE)
    -- No tick of the scheduler's is to fall into what follows: the next is 10 ms after this sleep.
    mach.thread_switch(mach.MACH_PORT_NULL, mach.SWITCH_OPTION_WAIT, 15)
    for i = 1, #codes do must(mach.semaphore_signal(go[i]), "signal") end
    body(list, ids)
    urgency(SELF, 64, mach.POLICY_TIMESHARE)
    for _, job in ipairs(jobs) do assert(job:wait(900)) end
    semaphores.destroy(table.unpack(go))
    ports.destroy(port)
end

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

test("the thread named runs first, before others that have been ready for longer", function(t)
    for named, want in ipairs{{1, 2, 3}, {2, 1, 3}, {3, 1, 2}} do
        with_ready(HERE, {"note(1)", "note(2)", "note(3)"}, function(list, ids)
            t.eq(mach.thread_switch(list[named], mach.SWITCH_OPTION_NONE, 0), 0, "thread_switch")
            t.eq(ids(), want, "who ran")
        end)
    end
end)

test("a less urgent thread runs when it is named, or when we are depressed, not otherwise",
function(t)
    local function switch(thread, option)
        t.eq(mach.thread_switch(thread, option, 0), 0, "thread_switch, option " .. option)
    end
    with_ready(90, {"note(1)", "note(2)", "note(3)"}, function(list, ids)
        switch(mach.MACH_PORT_NULL, mach.SWITCH_OPTION_NONE)
        t.eq(ids(), {}, "NONE: nobody as urgent is ready")
        switch(list[2], mach.SWITCH_OPTION_NONE)
        t.eq(ids(), {2}, "NONE, named")
        switch(mach.MACH_PORT_NULL, mach.SWITCH_OPTION_DEPRESS)
        t.eq(ids(), {1, 3}, "DEPRESS")
    end)
    with_ready(90, {"note(1)"}, function(_, ids)
        mach.swtch()
        t.eq(ids(), {}, "swtch: nobody as urgent is ready")
        t.eq(mach.swtch_pri(0), true, "swtch_pri")
        t.eq(ids(), {1}, "it has run")
    end)
end)

test("a depressed thread is shown as one, with the base that it will have again", function(t)
    with_ready(90, {[[
        local kr, info = mach.thread_info(args.main, mach.THREAD_SCHED_FIFO_INFO)
        note(kr)
        note(info.depressed and 1 or 0)
        note(info.base_priority)
        note(info.depress_priority)
    ]]}, function(_, ids)
        t.eq(mach.thread_switch(mach.MACH_PORT_NULL, mach.SWITCH_OPTION_DEPRESS, 0), 0, "DEPRESS")
        t.eq(ids(), {0, 1, HERE, HERE}, "code, depressed, base_priority, depress_priority")
    end)
    local _, info = mach.thread_info(SELF, mach.THREAD_SCHED_TIMESHARE_INFO)
    t.eq({info.depressed, info.depress_priority}, {false, -1}, "afterwards")
end)

test("a depression ends when its time is over", function(t)
    with_ready(90, {"for _ = 1, 400000 do end note(1)"}, function(_, ids)
        local begun = now()
        t.eq(mach.thread_switch(mach.MACH_PORT_NULL, mach.SWITCH_OPTION_DEPRESS, 20), 0, "DEPRESS")
        local passed = now() - begun
        t.ok(passed >= 20 and passed < 22, ("after %.3f ms"):format(passed))
        t.eq(ids(), {}, "the other is not done yet")
    end)
end)

test("thread_abort ends a depression at once", function(t)
    with_ready(90, {"note(1) mach.thread_abort(args.main) note(2)"}, function(_, ids)
        for i = 1, 2 do
            t.eq(mach.thread_switch(mach.MACH_PORT_NULL, mach.SWITCH_OPTION_DEPRESS, 0), 0,
                 "DEPRESS")
            t.eq(ids(), {i}, "what it has done")
        end
    end)
end)

test("thread_depress_abort ends a depression at once, and only that", function(t)
    for _, option in ipairs{mach.SWITCH_OPTION_DEPRESS, mach.SWITCH_OPTION_IDLE} do
        with_ready(90, {[[
            note(1)
            note(mach.thread_depress_abort(args.main))
        ]]}, function(_, ids)
            t.eq(mach.thread_switch(mach.MACH_PORT_NULL, option, 0), 0, "thread_switch")
            t.eq(ids(), {1}, "what it has done when we go on")
        end)
    end
    t.eq(mach.thread_depress_abort(SELF), mach.KERN_NOT_DEPRESSED, "a thread that is not depressed")
    t.eq(mach.thread_depress_abort(mach.mach_task_self()), mach.KERN_INVALID_ARGUMENT, "a task")
    local job = spawn.thread("return mach.thread_switch(0, mach.SWITCH_OPTION_WAIT, 50)")
    threads.wait_until_waiting(job.thread)
    t.eq(mach.thread_depress_abort(job.thread), mach.KERN_NOT_DEPRESSED, "one that waits")
    t.eq({job:wait(1000)}, {true, 0}, "which goes on waiting")
end)

test("IDLE depresses: whoever is ready goes first, until the time is over", function(t)
    with_ready(127, {"note(1)", "note(2)"}, function(_, ids)
        t.eq(mach.thread_switch(mach.MACH_PORT_NULL, mach.SWITCH_OPTION_IDLE, 100), 0, "IDLE")
        t.eq(ids(), {1, 2}, "even the least urgent")
    end)
    with_ready(90, {"for _ = 1, 400000 do end note(1)"}, function(_, ids)
        local begun = now()
        t.eq(mach.thread_switch(mach.MACH_PORT_NULL, mach.SWITCH_OPTION_IDLE, 20), 0, "IDLE")
        local passed = now() - begun
        t.ok(passed >= 20 and passed < 22, ("after %.3f ms"):format(passed))
        t.eq(ids(), {}, "the other is not done yet")
    end)
end)

test("WAIT ends early only by thread_abort: KERN_ABORTED; not by thread_resume", function(t)
    local job = spawn.thread("return mach.thread_switch(0, mach.SWITCH_OPTION_WAIT, 60000)")
    threads.wait_until_waiting(job.thread)
    t.eq(mach.thread_resume(job.thread), mach.KERN_FAILURE, "thread_resume")
    must(mach.thread_suspend(job.thread), "suspend")
    must(mach.thread_resume(job.thread), "resume")
    t.eq({job:wait(20)}, {nil, "timeout"}, "it waits on")
    must(mach.thread_abort(job.thread), "abort")
    t.eq({job:wait(1000)}, {true, mach.KERN_ABORTED}, "thread_abort")
end)

test("DEPRESS ends when the thread runs next", function(t)
    t.eq(mach.thread_switch(mach.MACH_PORT_NULL, mach.SWITCH_OPTION_DEPRESS, 100000),
         mach.KERN_SUCCESS)
    local kr, info = mach.thread_info(SELF, mach.THREAD_SCHED_TIMESHARE_INFO)
    t.eq(kr, mach.KERN_SUCCESS)
    t.eq(info.depressed, 0)
end)
