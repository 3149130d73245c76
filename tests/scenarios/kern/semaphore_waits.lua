-- SPDX-License-Identifier: BSD-2-Clause
-- Waits for semaphores that end without a signal: time, destruction, abort; semaphores of other
-- tasks; wrong arguments. Contracts: include/mach/sync.defs, docs/differences.md; manual:
-- semaphore_wait, semaphore_destroy.

local must, ports = require "must", require "ports"
local semaphores, threads = require "semaphores", require "threads"
local tasks, counts, clock = require "tasks", require "counts", require "clock"
local deallocate = ports.deallocate
local semaphore, destroy, drain = semaphores.create, semaphores.destroy, semaphores.drain
local wait_until_waiting = threads.wait_until_waiting
local sleep, now = clock.sleep, clock.now

local self = mach.mach_task_self()
local FIFO, PRIORITY, RANDOM = mach.SYNC_POLICY_FIFO, mach.SYNC_POLICY_FIXED_PRIORITY,
    mach.SYNC_POLICY_RANDOM
local AT_ONCE = {tv_sec = 0, tv_nsec = 0}
local TIMED_OUT = mach.KERN_OPERATION_TIMED_OUT

local function time_of(ms) return {tv_sec = ms // 1000, tv_nsec = ms % 1000 * 1000000} end

-- A thread that waits for `sem`, for a time if one is given, and answers with the code and the
-- time it came back at.
local function waiter(sem, ms)
    local job = spawn.thread(function()
        local kr
        if args.time then kr = mach.semaphore_timedwait(args.sem, args.time)
        else kr = mach.semaphore_wait(args.sem) end
        local _, time = mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 0, tv_nsec = 0})
        return {kr, time.tv_sec * 1000 + time.tv_nsec / 1000000}
    end, {sem = sem, time = ms and time_of(ms)})
    wait_until_waiting(job.thread)
    return job
end

local function ends_with(t, job, want, what)
    local ok, got = job:wait(5000)
    t.eq({ok, got and got[1]}, {true, want}, what)
    return got and got[2]
end

test("semaphore_timedwait times out after its time: not before, and at most a moment later.",
function(t)
    local sem = semaphore(FIFO, 0)
    for _, ms in ipairs{1, 7, 100, 999, 1000, 2500} do
        local before = now()
        t.eq(mach.semaphore_timedwait(sem, time_of(ms)), TIMED_OUT, ms .. " ms")
        local took = now() - before
        t.ok(took >= ms and took < ms + 2, ("%d ms took %.3f"):format(ms, took))
    end
    destroy(sem)
end)

test("A time of {0, 0} does not wait at all.", function(t)
    local sem = semaphore(FIFO, 1)
    t.eq(mach.semaphore_timedwait(sem, AT_ONCE), 0, "there is one to take")
    local before = now()
    t.eq(mach.semaphore_timedwait(sem, AT_ONCE), TIMED_OUT, "there is none")
    t.ok(now() - before < 1, "no waiting")
    destroy(sem)
end)

test("A wait that timed out takes nothing: later signals go to others.", function(t)
    local sem = semaphore(FIFO, 0)
    local brief, patient = waiter(sem, 20), waiter(sem)
    ends_with(t, brief, TIMED_OUT, "the first waiter")
    must(mach.semaphore_signal(sem), "signal")
    ends_with(t, patient, 0, "the second waiter")
    must(mach.semaphore_signal(sem), "signal")
    t.eq(drain(sem), 1, "value afterwards")
    destroy(sem)
end)

test("A signal before the time is up ends semaphore_timedwait with success.", function(t)
    local sem = semaphore(FIFO, 0)
    local before = now()
    local job = waiter(sem, 4000)
    sleep(50)
    must(mach.semaphore_signal(sem), "signal")
    local back = ends_with(t, job, 0, "result")
    t.ok(back - before < 100, "it did not sit out its time")
    destroy(sem)
end)

test("The longest time does not overflow: the wait goes on until the signal.", function(t)
    local sem = semaphore(FIFO, 0)
    local job = spawn.thread(function()
        return {mach.semaphore_timedwait(args.sem, {tv_sec = 0xffffffff, tv_nsec = 999999999})}
    end, {sem = sem})
    wait_until_waiting(job.thread)
    sleep(500)
    t.eq({job:wait(0)}, {nil, "timeout"}, "it still waits")
    must(mach.semaphore_signal(sem), "signal")
    ends_with(t, job, 0, "result")
    destroy(sem)
end)

test("Several timed waits end in the order of their times, each at its own.", function(t)
    local sem, jobs, start = semaphore(FIFO, 0), {}, now()
    local times = {300, 200, 500, 250, 400}
    for i, ms in ipairs(times) do
        local began = now()
        jobs[i] = {waiter(sem, ms), began + ms}
    end
    t.ok(now() - start < 190, "all wait before the first time is up")
    for i, job in ipairs(jobs) do
        local back = ends_with(t, job[1], TIMED_OUT, "waiter " .. i)
        t.ok(back >= job[2] and back < job[2] + 30, ("%.1f after %.1f"):format(back, job[2]))
    end
    destroy(sem)
end)

test("Nanoseconds outside 0 … 999999999 are KERN_INVALID_VALUE, and nothing is taken.", function(t)
    local sem = semaphore(FIFO, 1)
    for _, nsec in ipairs{-1, 1000000000, 0x7fffffff, -0x80000000} do
        t.eq(mach.semaphore_timedwait(sem, {tv_sec = 0, tv_nsec = nsec}), mach.KERN_INVALID_VALUE,
             "nanoseconds " .. nsec)
    end
    t.eq(drain(sem), 1, "value")
    t.eq(mach.semaphore_timedwait(sem, {tv_sec = 0, tv_nsec = 999999999}), TIMED_OUT,
         "the largest number of nanoseconds")
    destroy(sem)
end)

test("semaphore_destroy ends all waits with KERN_TERMINATED and leaves a dead name.", function(t)
    for _, policy in ipairs{FIFO, PRIORITY, RANDOM} do
        local sem, jobs = semaphore(policy, 0), {}
        for i = 1, 3 do jobs[i] = waiter(sem, i == 2 and 4000 or nil) end
        t.eq(mach.semaphore_destroy(self, sem), 0, "semaphore_destroy")
        for i, job in ipairs(jobs) do ends_with(t, job, mach.KERN_TERMINATED, "waiter " .. i) end
        t.eq({mach.mach_port_type(self, sem)}, {0, mach.MACH_PORT_TYPE_DEAD_NAME}, "the name")
        deallocate(sem)
    end
end)

test("Calls on the dead name of a destroyed semaphore are MACH_SEND_INVALID_DEST.", function(t)
    local sem = semaphore(FIFO, 1)
    must(mach.semaphore_destroy(self, sem), "semaphore_destroy")
    t.eq(mach.semaphore_signal(sem), mach.MACH_SEND_INVALID_DEST, "signal")
    t.eq(mach.semaphore_signal_all(sem), mach.MACH_SEND_INVALID_DEST, "signal_all")
    t.eq(mach.semaphore_wait(sem), mach.MACH_SEND_INVALID_DEST, "wait")
    t.eq(mach.semaphore_timedwait(sem, AT_ONCE), mach.MACH_SEND_INVALID_DEST, "timedwait")
    deallocate(sem)
end)

test("Destroying a semaphore twice is KERN_TERMINATED.", function(t)
    local sem = semaphore(FIFO, 1)
    t.eq(mach.semaphore_destroy(self, sem), 0, "the first time")
    t.eq(mach.semaphore_destroy(self, sem), mach.KERN_TERMINATED, "the second time")
    deallocate(sem)
end)

test("thread_abort ends a wait with KERN_ABORTED, which takes nothing.", function(t)
    local sem = semaphore(FIFO, 0)
    local first, second = waiter(sem), waiter(sem, 4000)
    t.eq(mach.thread_abort(first.thread), 0, "abort of a wait")
    ends_with(t, first, mach.KERN_ABORTED, "the first waiter")
    t.eq(mach.thread_abort_safely(second.thread), 0, "safe abort of a timed wait")
    ends_with(t, second, mach.KERN_ABORTED, "the second waiter")
    must(mach.semaphore_signal(sem), "signal")
    t.eq(drain(sem), 1, "value afterwards")
    destroy(sem)
end)

test("A suspended waiter keeps its place, and what it was given awaits it.", function(t)
    local sem = semaphore(FIFO, 0)
    local first, second = waiter(sem), waiter(sem)
    must(mach.thread_suspend(first.thread), "suspend")
    must(mach.semaphore_signal(sem), "signal")
    sleep(20)
    t.eq({first:wait(0)}, {nil, "timeout"}, "the first is suspended")
    t.eq({second:wait(0)}, {nil, "timeout"}, "the second was not served")
    must(mach.thread_resume(first.thread), "resume")
    ends_with(t, first, 0, "the first")
    must(mach.semaphore_signal(sem), "signal")
    ends_with(t, second, 0, "the second")
    t.eq(drain(sem), 0, "value afterwards")
    destroy(sem)
end)

test("A terminated waiter leaves the queue: the signal goes to the next.", function(t)
    local sem = semaphore(FIFO, 0)
    local first, second = waiter(sem), waiter(sem)
    must(mach.thread_terminate(first.thread), "terminate")
    must(mach.semaphore_signal(sem), "signal")
    ends_with(t, second, 0, "the second")
    local ok = first:wait(900)
    t.eq(ok, false, "the first has died")
    t.eq(drain(sem), 0, "value afterwards")
    destroy(sem)
end)

test("Tasks that hold a semaphore's send right share its count.", function(t)
    local there, back = semaphore(FIFO, 0), semaphore(FIFO, 0)
    local child = spawn.task(function()
        for i = 1, 10 do
            if mach.semaphore_wait(args.there) ~= 0 then return i end
            mach.semaphore_signal(args.back)
        end
        return "done"
    end, nil, {there = there, back = back})
    for i = 1, 10 do
        t.eq(mach.semaphore_signal(there), 0, "signal " .. i)
        t.eq(mach.semaphore_timedwait(back, time_of(900)), 0, "answer " .. i)
    end
    t.eq({child:wait(900)}, {true, "done"}, "the other task")
    t.eq({drain(there), drain(back)}, {0, 0}, "values afterwards")
    destroy(there)
    destroy(back)
end)

test("Semaphores belong to the task they were created in, and end with it.", function(t)
    local task = tasks.create()
    local sems, jobs = {}, {}
    for i = 1, 3 do
        local kr, sem = mach.semaphore_create(task, FIFO, 0)
        t.eq(kr, 0, "semaphore_create in another task")
        sems[i], jobs[i] = sem, waiter(sem)
    end
    t.eq(counts.task(task).semaphores, 3, "its semaphores")
    tasks.terminate(task)
    for i = 1, 3 do
        ends_with(t, jobs[i], mach.KERN_TERMINATED, "waiter " .. i .. " in this task")
        t.eq({mach.mach_port_type(self, sems[i])}, {0, mach.MACH_PORT_TYPE_DEAD_NAME}, "name " .. i)
        deallocate(sems[i])
    end
end)

test("Only a semaphore's own task port can destroy it: KERN_INVALID_RIGHT with another.",
function(t)
    local task = tasks.create()
    local sem = semaphore(FIFO, 1)
    t.eq(mach.semaphore_destroy(task, sem), mach.KERN_INVALID_RIGHT, "another task")
    t.eq(drain(sem), 1, "it is alive")
    destroy(sem)
    tasks.terminate(task)
end)

test("semaphore_create: a bad policy, value or task is KERN_INVALID_ARGUMENT.", function(t)
    for _, policy in ipairs{2, 3, -1, 0xff, 0x101, 0x7fffffff, -0x80000000} do
        t.eq((mach.semaphore_create(self, policy, 0)), mach.KERN_INVALID_ARGUMENT,
             "policy " .. policy)
    end
    for _, value in ipairs{-1, -2, -0x80000000} do
        t.eq((mach.semaphore_create(self, FIFO, value)), mach.KERN_INVALID_ARGUMENT,
             "value " .. value)
    end
    -- A call to the port of another object is a call that the object does not have.
    t.eq((mach.semaphore_create(mach.mach_thread_self(), FIFO, 0)), mach.KERN_INVALID_ARGUMENT,
         "a thread in place of the task")
    local before = counts.task()
    local sem = semaphore(FIFO, 0)
    t.eq(counts.task().semaphores, before.semaphores + 1, "only a semaphore that is made counts")
    destroy(sem)
end)

test("A port that is no semaphore is KERN_INVALID_ARGUMENT, a name without right an invalid "
     .. "destination.", function(t)
    for what, name in pairs{task = self, thread = mach.mach_thread_self(),
                            host = mach.mach_host_self()} do
        t.eq(mach.semaphore_destroy(self, name), mach.KERN_INVALID_ARGUMENT, "destroy " .. what)
        t.eq(mach.semaphore_signal(name), mach.KERN_INVALID_ARGUMENT, "signal " .. what)
        t.eq(mach.semaphore_wait(name), mach.KERN_INVALID_ARGUMENT, "wait " .. what)
        t.eq(mach.semaphore_signal_all(name), mach.KERN_INVALID_ARGUMENT, "signal_all " .. what)
        t.eq(mach.semaphore_timedwait(name, AT_ONCE), mach.KERN_INVALID_ARGUMENT,
             "timedwait " .. what)
    end
    for _, name in ipairs{0, 0xffffffff, 0x7777700} do
        t.eq(mach.semaphore_signal(name), mach.MACH_SEND_INVALID_DEST, "signal " .. name)
        t.eq(mach.semaphore_wait(name), mach.MACH_SEND_INVALID_DEST, "wait " .. name)
    end
end)
