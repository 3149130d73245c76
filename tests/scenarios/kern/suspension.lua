-- SPDX-License-Identifier: BSD-2-Clause
-- Suspend counts of threads and tasks: nesting, both at once, threads that run, threads that have
-- not started. Threads here are a few bytes of machine code, so that it is known what they do.
-- Contracts: mach.defs (thread_suspend, thread_resume, task_suspend, task_resume).

local must, ports = require "must", require "ports"
local tasks, threads, memory = require "tasks", require "threads", require "memory"
local task_counts, clock = require "counts".task, require "clock"
local deallocate = ports.deallocate
local basic, counter_page = threads.basic_info, threads.counter_page
local counter_thread = threads.counter_thread
local sleep = clock.sleep

local self = mach.mach_task_self()
local PAGE = 4096 -- code and data in pages of their own: the emulator is slow otherwise

-- Whether the counter goes up when time passes: 5 ms, or `ms` where several threads take turns.
local function counts(task, page, ms)
    local before = memory.word(page + PAGE, task)
    sleep(ms or 5)
    return memory.word(page + PAGE, task) > before
end

local function task_suspend_count(task)
    local kr, info = mach.task_info(task, mach.TASK_BASIC_INFO)
    must(kr, "task_info")
    return info.suspend_count
end

-- Runs `body(t, thread, page)` with a counter in this task, resumed as often as `resumes` says.
local function with_counter(t, resumes, body)
    local page = counter_page(self)
    local thread = counter_thread(self, page)
    for _ = 1, resumes do must(mach.thread_resume(thread), "resume") end
    body(t, thread, page)
    threads.counter_end(thread, page)
end

-- The same with a new task of its own: `body(t, task, thread, page)`.
local function with_task(t, body)
    local task = tasks.create()
    local page = counter_page(task)
    local thread = counter_thread(task, page)
    body(t, task, thread, page)
    tasks.terminate(task)
    deallocate(thread)
end

test("A new thread is suspended once and executes nothing until it is resumed.", function(t)
    with_counter(t, 0, function(t, thread, page)
        t.eq(basic(thread).suspend_count, 1, "suspend count")
        t.eq(basic(thread).run_state, mach.TH_STATE_STOPPED, "state")
        t.ok(not counts(self, page), "it does not run")
        t.eq(mach.thread_resume(thread), 0, "resume")
        t.ok(counts(self, page), "it runs")
        t.eq(basic(thread).run_state, mach.TH_STATE_RUNNING, "state")
    end)
end)

test("When thread_suspend returns, a running thread executes nothing more.", function(t)
    with_counter(t, 1, function(t, thread, page)
        for i = 1, 5 do
            sleep(3)
            t.eq(mach.thread_suspend(thread), 0, "suspend")
            t.ok(not counts(self, page), "stopped, round " .. i)
            t.eq(basic(thread).run_state, mach.TH_STATE_STOPPED, "state")
            t.eq(mach.thread_resume(thread), 0, "resume")
            t.ok(counts(self, page), "running, round " .. i)
        end
    end)
end)

test("A thread runs again after as many resumes as suspensions.", function(t)
    with_counter(t, 1, function(t, thread, page)
        for i = 1, 4 do
            t.eq(mach.thread_suspend(thread), 0, "suspend")
            t.eq(basic(thread).suspend_count, i, "suspend count")
        end
        for i = 3, 0, -1 do
            t.ok(not counts(self, page), "stopped")
            t.eq(mach.thread_resume(thread), 0, "resume")
            t.eq(basic(thread).suspend_count, i, "suspend count")
        end
        t.ok(counts(self, page), "running")
    end)
end)

test("thread_resume with count 0 is KERN_FAILURE and does not make the count negative.",
function(t)
    with_counter(t, 1, function(t, thread, page)
        for _ = 1, 3 do t.eq(mach.thread_resume(thread), mach.KERN_FAILURE, "resume") end
        t.eq(basic(thread).suspend_count, 0, "suspend count")
        t.eq(mach.thread_suspend(thread), 0, "suspend")
        t.ok(not counts(self, page), "one suspension stops it")
    end)
end)

test("A thread can suspend itself; it goes on when another resumes it.", function(t)
    local job = spawn.thread(function()
        local kr = mach.thread_suspend(mach.mach_thread_self())
        return {"went on", kr}
    end)
    sleep(20)
    t.eq({job:wait(0)}, {nil, "timeout"}, "it has stopped")
    t.eq(basic(job.thread).suspend_count, 1, "suspend count")
    t.eq(mach.thread_resume(job.thread), 0, "resume")
    t.eq({job:wait(900)}, {true, {"went on", 0}}, "afterwards")
end)

test("While a task is suspended none of its threads runs.", function(t)
    with_task(t, function(t, task, thread, page)
        local other_page = counter_page(task)
        local other = counter_thread(task, other_page)
        must(mach.thread_resume(thread), "resume")
        must(mach.thread_resume(other), "resume")
        t.ok(counts(task, page, 60) and counts(task, other_page, 60), "both run")
        t.eq(mach.task_suspend(task), 0, "task_suspend")
        t.ok(not counts(task, page), "the first has stopped")
        t.ok(not counts(task, other_page), "the second has stopped")
        t.eq(mach.task_resume(task), 0, "task_resume")
        t.ok(counts(task, page, 60) and counts(task, other_page, 60), "both run again")
        deallocate(other)
    end)
end)

test("A task runs again after as many resumes as suspensions.", function(t)
    with_task(t, function(t, task, thread, page)
        must(mach.thread_resume(thread), "resume")
        for i = 1, 3 do
            t.eq(mach.task_suspend(task), 0, "task_suspend")
            t.eq(task_suspend_count(task), i, "suspend count")
        end
        for i = 2, 0, -1 do
            t.ok(not counts(task, page), "stopped")
            t.eq(mach.task_resume(task), 0, "task_resume")
            t.eq(task_suspend_count(task), i, "suspend count")
        end
        t.ok(counts(task, page), "running")
    end)
end)

test("task_resume with count 0 is KERN_FAILURE and does not make the count negative.", function(t)
    with_task(t, function(t, task, thread, page)
        for _ = 1, 3 do t.eq(mach.task_resume(task), mach.KERN_FAILURE, "task_resume") end
        t.eq(task_suspend_count(task), 0, "suspend count")
        must(mach.thread_resume(thread), "resume")
        t.eq(mach.task_suspend(task), 0, "task_suspend")
        t.ok(not counts(task, page), "one suspension stops it")
    end)
end)

test("A thread runs only if neither it nor its task is suspended.", function(t)
    with_task(t, function(t, task, thread, page)
        must(mach.task_suspend(task), "task_suspend")
        must(mach.thread_resume(thread), "resume")
        t.ok(not counts(task, page), "the task is suspended")
        t.eq(basic(thread).suspend_count, 0, "its own suspend count")
        must(mach.thread_suspend(thread), "suspend")
        must(mach.task_resume(task), "task_resume")
        t.ok(not counts(task, page), "the thread is suspended")
        must(mach.thread_resume(thread), "resume")
        t.ok(counts(task, page), "neither is")
    end)
end)

test("A thread made in a suspended task runs when the task is resumed.", function(t)
    with_task(t, function(t, task, _, page)
        must(mach.task_suspend(task), "task_suspend")
        local late = threads.run(task, {eip = page, uesp = page + 2 * PAGE})
        t.ok(not counts(task, page), "the task is suspended")
        must(mach.task_resume(task), "task_resume")
        t.ok(counts(task, page), "it runs")
        deallocate(late)
    end)
end)

test("A server in a suspended task answers when the task is resumed.", function(t)
    local port, reply = ports.both(), ports.allocate()
    local child = spawn.task(function()
        local _, msg = mach.receive{port = args.port}
        mach.send{remote = msg.remote, disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, id = msg.id + 1}
    end, nil, {port = {port, mach.MACH_MSG_TYPE_MOVE_RECEIVE}})
    sleep(30)
    must(mach.task_suspend(child.task), "task_suspend")
    must(mach.send{remote = port, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = 10, timeout = 0,
                   local_port = reply, local_disp = mach.MACH_MSG_TYPE_MAKE_SEND_ONCE}, "send")
    t.eq((mach.receive{port = reply, timeout = 100}), mach.MACH_RCV_TIMED_OUT, "no answer")
    must(mach.task_resume(child.task), "task_resume")
    local kr, msg = mach.receive{port = reply, timeout = 900}
    t.eq({kr, msg.id}, {0, 11}, "the answer")
    t.eq((child:wait(900)), true, "the server has ended")
    ports.destroy(reply, port)
end)

test("A task can suspend itself; it goes on when another resumes it.", function(t)
    local child = spawn.task(function()
        local kr = mach.task_suspend(mach.mach_task_self())
        return {"went on", kr}
    end)
    for _ = 1, 100 do
        if task_suspend_count(child.task) == 1 then break end
        sleep(5)
    end
    t.eq({child:wait(50)}, {nil, "timeout"}, "it has stopped")
    t.eq(mach.task_resume(child.task), 0, "task_resume")
    t.eq({child:wait(900)}, {true, {"went on", 0}}, "afterwards")
end)

test("thread_terminate ends running, suspended and new threads; their ports die at once.",
function(t)
    for _, what in ipairs{"new", "running", "suspended"} do
        local page = counter_page(self)
        local thread = counter_thread(self, page)
        if what ~= "new" then must(mach.thread_resume(thread), "resume") end
        sleep(3)
        if what == "suspended" then must(mach.thread_suspend(thread), "suspend") end
        local before = task_counts()
        t.eq(mach.thread_terminate(thread), 0, "terminate " .. what)
        t.eq({mach.mach_port_type(self, thread)}, {0, mach.MACH_PORT_TYPE_DEAD_NAME},
             "port of the " .. what .. " thread")
        sleep(3)
        t.eq(task_counts().threads, before.threads - 1, "threads, one was " .. what)
        t.ok(not counts(self, page), what .. ": it does not run")
        deallocate(thread)
        memory.release(page, 2 * PAGE)
    end
end)

-- Has a thread with such a page make a trap instead: thread_switch with WAIT, for a minute.
local function wait_for_ever(task, thread, page)
    local stack = page + 2 * PAGE - 64
    memory.write(page, string.pack("<BI4BB", 0xb8, mach.MACH_TRAP_thread_switch, 0xcd, 0x81), task)
    memory.write(stack, string.pack("<I4I4I4I4", 0, 0, mach.SWITCH_OPTION_WAIT, 60000), task)
    must(mach.thread_set_state(thread, mach.i386_THREAD_STATE, {eip = page, uesp = stack}),
         "thread_set_state")
end

test("task_terminate ends a task in any state: with threads running, suspended, waiting, new.",
function(t)
    for _, what in ipairs{"new", "running", "waiting", "suspended thread", "suspended task"} do
        local task = tasks.create()
        local page = counter_page(task)
        local thread = counter_thread(task, page)
        if what == "waiting" then wait_for_ever(task, thread, page) end
        if what ~= "new" then must(mach.thread_resume(thread), "resume") end
        sleep(3)
        t.eq(basic(thread).run_state, what == "new" and mach.TH_STATE_STOPPED or what == "waiting"
             and mach.TH_STATE_WAITING or mach.TH_STATE_RUNNING, "to begin with: " .. what)
        if what == "suspended thread" then must(mach.thread_suspend(thread), "suspend") end
        if what == "suspended task" then must(mach.task_suspend(task), "task_suspend") end
        t.eq(mach.task_terminate(task), 0, what)
        for _, name in ipairs{task, thread} do
            t.eq({mach.mach_port_type(self, name)}, {0, mach.MACH_PORT_TYPE_DEAD_NAME},
                 "port, " .. what)
            deallocate(name)
        end
    end
end)
