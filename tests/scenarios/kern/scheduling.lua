-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 30
-- Scheduling policies: who runs first, how threads of one priority take turns, what policies may be
-- asked for. The threads that compute are machine code which counts; time is virtual, so the shares
-- are exact. Contracts: mach_host.defs (thread_policy, task_policy), include/mach/policy.h,
-- mach_traps.h (swtch); thread_switch has a file of its own.

local must, ports = require "must", require "ports"
local tasks, threads, clock = require "tasks", require "threads", require "clock"
local deallocate = ports.deallocate
local base_of = threads.policy_base
local sleep = clock.sleep

local self = mach.mach_task_self()
local TIMESHARE, RR, FIFO = mach.POLICY_TIMESHARE, mach.POLICY_RR, mach.POLICY_FIFO

-- A thread that counts for ever, suspended, with that policy.
local function counter(policy, base, quantum)
    local page = threads.counter_page(self)
    local thread = threads.counter_thread(self, page)
    must(mach.thread_policy(thread, policy, base_of(policy, base, quantum), false), "thread_policy")
    return {thread = thread, page = page}
end

local function start(...)
    for _, c in ipairs{...} do must(mach.thread_resume(c.thread), "resume") end
end

local function stop(...)
    for _, c in ipairs{...} do threads.counter_end(c.thread, c.page) end
end

-- Processor time of a counter in milliseconds.
local function used(c)
    local time = threads.basic_info(c.thread).user_time
    return time.seconds * 1000 + time.microseconds / 1000
end

-- How much each of them runs in `ms` milliseconds.
local function shares(ms, ...)
    local list, before, share = {...}, {}, {}
    for i, c in ipairs(list) do before[i] = used(c) end
    sleep(ms)
    for i, c in ipairs(list) do share[i] = used(c) - before[i] end
    return table.unpack(share)
end

-- A thread of that priority that sleeps, and suspends the counter when 100 ms are over.
local function stopper_of(c, base)
    local stopper = spawn.thread(function()
        mach.thread_policy(mach.mach_thread_self(), mach.POLICY_FIFO, {base_priority = args.base},
                           false)
        mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 0, tv_nsec = 100000000})
        mach.thread_suspend(args.counter)
    end, {counter = c.thread, base = base})
    threads.wait_until_waiting(stopper.thread)
    return stopper
end

local function sched(thread, flavor)
    local kr, info = mach.thread_info(thread, flavor)
    must(kr, "thread_info")
    return info
end

-- The main thread is more urgent than all counters, so that it can look when it wants to.
must(mach.thread_policy(mach.mach_thread_self(), TIMESHARE, {base_priority = 30}, false), "policy")

test("A more urgent thread runs, a less urgent one waits, under every policy.", function(t)
    for _, policy in ipairs{TIMESHARE, RR, FIFO} do
        local low, high = counter(policy, 110), counter(policy, 60)
        start(low)
        sleep(20)
        start(high)
        sleep(5)
        local a, b = shares(100, low, high)
        t.ok(a < 1, ("policy %d: the less urgent ran %.2f ms"):format(policy, a))
        t.ok(b > 90, ("policy %d: the more urgent ran %.2f ms"):format(policy, b))
        stop(high)
        t.ok(shares(50, low) > 40, "then the other runs")
        stop(low)
    end
end)

test("Timeshare threads of one base share the processor equally.", function(t)
    local a, b, c = counter(TIMESHARE, 64), counter(TIMESHARE, 64), counter(TIMESHARE, 64)
    start(a, b, c)
    sleep(100)
    for i, share in ipairs{shares(600, a, b, c)} do
        t.ok(share > 150 and share < 250, ("thread %d: %.1f of 600 ms"):format(i, share))
    end
    stop(a, b, c)
end)

test("A timeshare thread that computes sinks below its base, one that rests rises again.",
function(t)
    local c = counter(TIMESHARE, 64)
    start(c)
    sleep(500)
    local busy = sched(c.thread, mach.THREAD_SCHED_TIMESHARE_INFO)
    t.eq(busy.base_priority, 64, "base")
    t.ok(busy.cur_priority > 80 and busy.cur_priority <= 127, "busy: " .. busy.cur_priority)
    must(mach.thread_suspend(c.thread), "suspend")
    sleep(1500)
    must(mach.thread_resume(c.thread), "resume")
    local rested = sched(c.thread, mach.THREAD_SCHED_TIMESHARE_INFO)
    t.ok(rested.cur_priority >= 64 and rested.cur_priority <= 66, "rested: " .. rested.cur_priority)
    stop(c)
end)

test("A timeshare thread that waits a lot gets the processor at once from one that computes.",
function(t)
    local c = counter(TIMESHARE, 64)
    start(c)
    sleep(300)
    local job = spawn.thread(function()
        mach.thread_policy(mach.mach_thread_self(), mach.POLICY_TIMESHARE, {base_priority = 64},
                           false)
        local late = 0
        mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 0, tv_nsec = 500000000})
        for _ = 1, 10 do
            local _, before = mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 0, tv_nsec = 0})
            local _, after = mach.clock_sleep(0, mach.TIME_RELATIVE,
                                              {tv_sec = 0, tv_nsec = 10000000})
            local took = (after.tv_sec - before.tv_sec) * 1000
                + (after.tv_nsec - before.tv_nsec) / 1000000 - 10
            if took > late then late = took end
        end
        return late
    end)
    local ok, late = job:wait(5000)
    t.ok(ok and late < 2, ("late by %s ms"):format(tostring(late)))
    stop(c)
end)

test("Round-robin threads of one priority take turns of their quantum.", function(t)
    local a, b = counter(RR, 64, 20), counter(RR, 64, 20)
    start(a, b)
    sleep(60)
    local turns, last = 0, nil
    for _ = 1, 50 do -- 200 ms in steps of 4
        local x, y = shares(4, a, b)
        local who = x > y and "a" or "b"
        if who ~= last then turns = turns + 1 end
        last = who
    end
    t.ok(turns >= 9 and turns <= 13, "turns in 200 ms: " .. turns)
    local x, y = shares(400, a, b)
    t.ok(x > 170 and x < 230 and y > 170 and y < 230, ("shares %.1f and %.1f of 400"):format(x, y))
    stop(a, b)
end)

test("Threads that hand each other the processor share one turn: a third gets its own.",
function(t)
    local to, back = ports.both(), ports.both()
    local function player(mine, other, first)
        local job = spawn.thread(function()
            local bytes = string.pack("<I4I4I4I4I4i4", mach.MACH_MSG_TYPE_COPY_SEND, 0, args.other,
                                      0, 0, 0)
            local both = mach.MACH_SEND_MSG | mach.MACH_RCV_MSG
            local option = args.first and both or mach.MACH_RCV_MSG
            while mach.mach_msg(bytes, option, 24, 100, args.mine, 0, 0) == 0 do option = both end
        end, {mine = mine, other = other, first = first})
        must(mach.thread_policy(job.thread, RR, base_of(RR, 70, 10), false), "thread_policy")
        return job
    end
    local a = player(to, back, false)
    threads.wait_until_waiting(a.thread)
    local b, c = player(back, to, true), counter(RR, 70, 10)
    start(c)
    local share = shares(400, c)
    t.ok(share > 150 and share < 250, ("%.1f of 400 ms"):format(share))
    ports.destroy(to, back)
    for _, job in ipairs{a, b} do t.eq((job:wait(900)), true, "a player's end") end
    stop(c)
end)

test("Threads that switch to each other share one turn likewise.", function(t)
    local stop_port = ports.both()
    local function player()
        local mine = ports.both()
        local job = spawn.thread(function()
            local _, msg = mach.receive{port = args.mine}
            repeat mach.thread_switch(msg.id, mach.SWITCH_OPTION_NONE, 0)
            until mach.mach_port_type(mach.mach_task_self(), args.stop) ~= 0
        end, {mine = mine, stop = stop_port})
        threads.wait_until_waiting(job.thread)
        must(mach.thread_policy(job.thread, RR, base_of(RR, 70, 10), false), "thread_policy")
        return job, mine
    end
    local a, to_a = player()
    local b, to_b = player()
    local c = counter(RR, 70, 10)
    start(c)
    for port, id in pairs{[to_a] = b.thread, [to_b] = a.thread} do
        must(mach.send{remote = port, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = id}, "send")
    end
    local share = shares(400, c)
    t.ok(share > 150 and share < 250, ("%.1f of 400 ms"):format(share))
    ports.destroy(stop_port, to_a, to_b)
    for _, job in ipairs{a, b} do t.eq((job:wait(900)), true, "a player's end") end
    stop(c)
end)

test("Who calls a more urgent server leaves others of its own priority their turn.", function(t)
    local port = ports.both()
    local server = spawn.thread(function()
        local calls = require "calls"
        mach.thread_policy(mach.mach_thread_self(), mach.POLICY_FIFO, {base_priority = 40}, false)
        calls.touch_buffer()
        local _, m = mach.receive{port = args.inbox}
        while m.id ~= 0 do
            for i = 1, 5000 do local _ = i * i end -- so that most ticks find the server
            local bytes = calls.message(mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, m.remote, 0, 2)
            _, bytes = calls.call(bytes, args.inbox)
            m = calls.fields(bytes)
        end
    end, {inbox = port})
    local c = counter(RR, 64, 10)
    local client = spawn.thread(function()
        local calls, reply = require "calls", mach.mach_reply_port()
        local function used()
            local time = require "threads".basic_info(args.counter).user_time
            return time.seconds * 1000 + time.microseconds / 1000
        end
        mach.thread_policy(mach.mach_thread_self(), mach.POLICY_RR, {base_priority = 64, quantum = 10},
                           false)
        calls.touch_buffer()
        local before = used()
        for _ = 1, 30 do
            calls.call(calls.message(mach.MACH_MSGH_BITS(mach.MACH_MSG_TYPE_COPY_SEND,
                                                         mach.MACH_MSG_TYPE_MAKE_SEND_ONCE),
                                     args.port, reply, 1), reply)
        end
        mach.mach_port_destroy(mach.mach_task_self(), reply)
        return used() - before
    end, {port = port, counter = c.thread})
    start(c)
    local ok, share = client:wait(9000)
    t.ok(ok, share)
    t.ok(share > 200, ("the counter had %.1f ms"):format(share))
    stop(c)
    mach.send{remote = port, id = 0, disp = mach.MACH_MSG_TYPE_COPY_SEND}
    t.eq({server:wait(1000)}, {true}, "the server")
    must(mach.mach_port_destroy(self, port), "destroy")
end)

test("A round-robin thread with a longer quantum gets a larger share.", function(t)
    local a, b = counter(RR, 64, 30), counter(RR, 64, 10)
    start(a, b)
    sleep(80)
    local x, y = shares(800, a, b)
    t.ok(x > 2.4 * y and x < 3.6 * y, ("shares %.1f and %.1f"):format(x, y))
    stop(a, b)
end)

test("A FIFO thread keeps the processor from others of its priority.", function(t)
    local a, b = counter(FIFO, 64), counter(FIFO, 64)
    start(a)
    sleep(5)
    start(b)
    local x, y = shares(200, a, b)
    t.ok(x > 190 and y < 1, ("first %.1f, second %.1f of 200"):format(x, y))
    must(mach.thread_suspend(a.thread), "suspend")
    local _, y = shares(50, a, b)
    t.ok(y > 40, ("when the first stops, the second runs: %.1f"):format(y))
    stop(a, b)
end)

test("A fixed-priority thread does not sink however long it computes.", function(t)
    for policy, flavor in pairs{[RR] = mach.THREAD_SCHED_RR_INFO,
                                [FIFO] = mach.THREAD_SCHED_FIFO_INFO} do
        local fixed, aging = counter(policy, 70), counter(TIMESHARE, 71)
        start(fixed)
        sleep(400)
        start(aging)
        local x, y = shares(100, fixed, aging)
        t.ok(x > 90 and y < 1, ("policy %d: %.1f and %.1f of 100"):format(policy, x, y))
        t.eq(sched(fixed.thread, flavor).base_priority, 70, "base")
        stop(fixed, aging)
    end
end)

test("thread_policy takes effect at once on a thread that is ready or running.", function(t)
    local a, b = counter(RR, 60), counter(RR, 70)
    start(a, b)
    sleep(20)
    must(mach.thread_policy(b.thread, RR, {base_priority = 50, quantum = 10}, false), "policy")
    local x, y = shares(50, a, b)
    t.ok(x < 1 and y > 45, ("after making it more urgent: %.2f and %.2f"):format(x, y))
    must(mach.thread_policy(b.thread, RR, {base_priority = 80, quantum = 10}, false), "policy")
    local x, y = shares(50, a, b)
    t.ok(x > 45 and y < 1, ("after making it less urgent: %.1f and %.1f"):format(x, y))
    stop(a, b)
end)

test("A thread that is made more urgent than the caller runs before the call returns.", function(t)
    local c = counter(FIFO, 70)
    local stopper = stopper_of(c, 10) -- takes the processor back from the counter
    start(c)
    t.eq(used(c), 0, "as long as it is less urgent")
    must(mach.thread_policy(c.thread, FIFO, {base_priority = 20}, false), "policy")
    t.ok(used(c) > 5, ("it ran %.2f ms"):format(used(c)))
    t.eq((stopper:wait(900)), true, "the stopper has ended")
    stop(c)
end)

test("A thread that makes itself less urgent than a ready one gives way at once.", function(t)
    local ready, main = counter(FIFO, 50), mach.mach_thread_self()
    -- Brings the caller back after a while; else the counter would keep the processor.
    local rescuer = spawn.thread(function()
        local function urgent(thread, base)
            mach.thread_policy(thread, mach.POLICY_TIMESHARE, {base_priority = base}, false)
        end
        urgent(mach.mach_thread_self(), 26)
        mach.clock_sleep(mach.MACH_PORT_NULL, mach.TIME_RELATIVE, {tv_sec = 0, tv_nsec = 100000000})
        urgent(args.main, 30)
    end, {main = main})
    sleep(50) -- until it sleeps
    start(ready)
    must(mach.thread_policy(main, TIMESHARE, {base_priority = 100}, false), "thread_policy")
    local ran = used(ready)
    t.ok(ran > 5, ("the ready thread ran %g ms within the call"):format(ran))
    t.eq((rescuer:wait(900)), true, "the rescuer has ended")
    stop(ready)
end)

test("thread_info tells the parameters that thread_policy set.", function(t)
    local c = counter(TIMESHARE, 77)
    local info = sched(c.thread, mach.THREAD_SCHED_TIMESHARE_INFO)
    t.eq({info.base_priority, info.depressed}, {77, false}, "timeshare")
    must(mach.thread_policy(c.thread, RR, {base_priority = 78, quantum = 33}, true), "policy")
    local info = sched(c.thread, mach.THREAD_SCHED_RR_INFO)
    t.eq({info.base_priority, info.max_priority, info.quantum}, {78, 78, 33}, "round robin")
    must(mach.thread_policy(c.thread, FIFO, {base_priority = 79}, false), "policy")
    local info = sched(c.thread, mach.THREAD_SCHED_FIFO_INFO)
    t.eq({info.base_priority, info.max_priority}, {79, 78}, "FIFO")
    local kr, basic = mach.thread_info(c.thread, mach.THREAD_BASIC_INFO)
    t.eq({kr, basic.policy}, {0, FIFO}, "policy")
    stop(c)
end)

test("Nothing more urgent than the limit may be asked for: KERN_POLICY_LIMIT, no change.",
function(t)
    local c = counter(TIMESHARE, 64)
    must(mach.thread_policy(c.thread, TIMESHARE, {base_priority = 70}, true), "policy with limit")
    for _, policy in ipairs{TIMESHARE, RR, FIFO} do
        t.eq(mach.thread_policy(c.thread, policy, base_of(policy, 69), false),
             mach.KERN_POLICY_LIMIT, "policy " .. policy)
    end
    t.eq(sched(c.thread, mach.THREAD_SCHED_TIMESHARE_INFO).base_priority, 70, "base")
    t.eq(mach.thread_policy(c.thread, TIMESHARE, {base_priority = 70}, false), 0,
         "the limit itself")
    t.eq(mach.thread_policy(c.thread, TIMESHARE, {base_priority = 71}, false), 0, "less urgent")
    t.eq(mach.thread_policy(c.thread, TIMESHARE, {base_priority = 70}, false), 0, "and back")
    stop(c)
end)

test("Neither a program nor what it starts can be as urgent as the servers.", function(t)
    local kr, levels = mach.host_info(mach.mach_host_self(), mach.HOST_PRIORITY_INFO)
    must(kr, "host_info")
    local kr, task = mach.task_create(self, {}, false)
    must(kr, "task_create")
    for _, owner in ipairs{self, task} do
        local kr, thread = mach.thread_create(owner)
        must(kr, "thread_create")
        t.eq(mach.thread_policy(thread, FIFO, {base_priority = levels.server_priority}, false),
             mach.KERN_POLICY_LIMIT, "the priority of servers")
        t.eq(mach.thread_policy(thread, FIFO, {base_priority = levels.server_priority + 1}, false),
             0, "the next one")
        t.eq(sched(thread, mach.THREAD_SCHED_FIFO_INFO).max_priority, levels.server_priority + 1,
             "max_priority")
        must(mach.thread_terminate(thread), "thread_terminate")
        deallocate(thread)
    end
    must(mach.task_terminate(task), "task_terminate")
    deallocate(task)
end)

test("Bad policies are KERN_INVALID_POLICY, bad parameters KERN_INVALID_ARGUMENT, no change.",
function(t)
    local c = counter(TIMESHARE, 64)
    local task = tasks.create()
    for _, policy in ipairs{0, 3, 5, 8, -1, 0x7fffffff} do
        t.eq(mach.thread_policy(c.thread, policy, {64}, false), mach.KERN_INVALID_POLICY,
             "policy " .. policy)
        t.eq(mach.task_policy(task, policy, {64}, false, false), mach.KERN_INVALID_POLICY,
             "task policy " .. policy)
    end
    for _, base in ipairs{-1, 128, 1000, 0x7fffffff, -0x80000000} do
        for _, policy in ipairs{TIMESHARE, RR, FIFO} do
            t.eq(mach.thread_policy(c.thread, policy, base_of(policy, base), false),
                 mach.KERN_INVALID_ARGUMENT, ("policy %d, base %d"):format(policy, base))
            t.eq(mach.task_policy(task, policy, base_of(policy, base), false, false),
                 mach.KERN_INVALID_ARGUMENT, ("task policy %d, base %d"):format(policy, base))
        end
    end
    for _, quantum in ipairs{0, -1, 1001, 0x7fffffff} do
        t.eq(mach.thread_policy(c.thread, RR, {base_priority = 64, quantum = quantum}, false),
             mach.KERN_INVALID_ARGUMENT, "quantum " .. quantum)
    end
    for base, code in pairs{[0] = mach.KERN_POLICY_LIMIT, [127] = mach.KERN_SUCCESS} do
        t.eq(mach.thread_policy(c.thread, TIMESHARE, {base_priority = base}, false), code,
             "base " .. base)
    end
    for _, quantum in ipairs{1, 1000} do
        t.eq(mach.thread_policy(c.thread, RR, {base_priority = 64, quantum = quantum}, false), 0,
             "quantum " .. quantum)
    end
    tasks.terminate(task)
    stop(c)
end)

-- A task with a suspended thread in it.
local function task_with_thread()
    local task = tasks.create()
    local thread = threads.create(task)
    return task, thread
end

test("task_policy counts for threads made from now on, with change_threads for all.", function(t)
    local task, old = task_with_thread()
    t.eq(mach.task_policy(task, RR, {base_priority = 90, quantum = 7}, false, false), 0,
         "task_policy")
    local new = threads.create(task)
    local info = sched(new, mach.THREAD_SCHED_RR_INFO)
    t.eq({info.base_priority, info.quantum}, {90, 7}, "the new thread")
    t.eq(sched(old, mach.THREAD_SCHED_TIMESHARE_INFO).base_priority, 64, "the old thread")
    local kr, told = mach.task_info(task, mach.TASK_SCHED_RR_INFO)
    t.eq({kr, told}, {0, {base_priority = 90, quantum = 7}}, "task_info")
    t.eq((mach.task_info(task, mach.TASK_SCHED_TIMESHARE_INFO)), mach.KERN_INVALID_POLICY,
         "another flavor")
    t.eq(mach.task_policy(task, FIFO, {base_priority = 91}, false, true), 0, "change_threads")
    t.eq(sched(old, mach.THREAD_SCHED_FIFO_INFO).base_priority, 91, "the old thread")
    t.eq(sched(new, mach.THREAD_SCHED_FIFO_INFO).base_priority, 91, "the new thread")
    tasks.terminate(task)
    deallocate(old, new)
end)

test("A child task begins with its parent's policy and limit.", function(t)
    local task, thread = task_with_thread()
    must(mach.task_policy(task, RR, {base_priority = 88, quantum = 9}, true, false), "task_policy")
    local child = tasks.create(task)
    local _, info = mach.task_info(child, mach.TASK_SCHED_RR_INFO)
    t.eq(info, {base_priority = 88, quantum = 9}, "policy")
    t.eq(mach.task_policy(child, RR, {base_priority = 87, quantum = 9}, false, false),
         mach.KERN_POLICY_LIMIT, "limit")
    tasks.terminate(child, task)
    deallocate(thread)
end)

test("A new thread begins with its task's limit.", function(t)
    local task, thread = task_with_thread()
    must(mach.task_policy(task, FIFO, {base_priority = 88}, true, false), "task_policy")
    local new = threads.create(task)
    t.eq(mach.thread_policy(new, FIFO, {base_priority = 87}, false), mach.KERN_POLICY_LIMIT,
         "the new thread")
    t.eq(sched(new, mach.THREAD_SCHED_FIFO_INFO).max_priority, 88, "its limit")
    t.eq(mach.thread_policy(thread, FIFO, {base_priority = 87}, false), 0, "the old thread")
    tasks.terminate(task)
    deallocate(thread, new)
end)

test("task_policy is all or nothing: one thread's limit refuses it for all.", function(t)
    local task, one = task_with_thread()
    local two = threads.create(task)
    must(mach.thread_policy(two, TIMESHARE, {base_priority = 80}, true), "thread_policy")
    t.eq(mach.task_policy(task, TIMESHARE, {base_priority = 70}, false, true),
         mach.KERN_POLICY_LIMIT, "refused")
    t.eq(sched(one, mach.THREAD_SCHED_TIMESHARE_INFO).base_priority, 64, "the other thread")
    local _, info = mach.task_info(task, mach.TASK_SCHED_TIMESHARE_INFO)
    t.eq(info, {base_priority = 64}, "the task")
    t.eq(mach.task_policy(task, TIMESHARE, {base_priority = 70}, false, false), 0,
         "without the threads it is granted")
    tasks.terminate(task)
    deallocate(one, two)
end)

test("swtch says whether other threads are ready; with one it gives the processor to it.",
function(t)
    must(mach.thread_policy(mach.mach_thread_self(), FIFO, {base_priority = 30}, false), "policy")
    t.eq(mach.swtch(), false, "nobody is ready")
    t.eq(mach.swtch_pri(0), false, "nobody is ready")
    local c = counter(FIFO, 30)
    local stopper = stopper_of(c, 20) -- takes the processor back from the counter
    start(c)
    t.eq(used(c), 0, "a FIFO thread of our priority does not run before we give way")
    t.eq(mach.swtch(), true, "somebody was ready")
    t.ok(used(c) > 5, ("and ran %.2f ms"):format(used(c)))
    t.eq((stopper:wait(900)), true, "the stopper has ended")
    stop(c)
    must(mach.thread_policy(mach.mach_thread_self(), TIMESHARE, {base_priority = 30}, false),
         "policy")
end)
