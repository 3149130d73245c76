-- SPDX-License-Identifier: BSD-2-Clause
-- Semaphores: what they count, and in which order the three policies serve their waiters.
-- Contracts: include/mach/sync.defs; manual: semaphore_create, semaphore_signal,
-- semaphore_signal_all. How waits end otherwise: semaphore_waits.lua.

local must, ports = require "must", require "ports"
local semaphores, threads = require "semaphores", require "threads"
local clock = require "clock"
local semaphore, destroy, drain = semaphores.create, semaphores.destroy, semaphores.drain
local wait_until_waiting = threads.wait_until_waiting
local read_log, sleep = ports.drain, clock.sleep

local FIFO, PRIORITY, RANDOM = mach.SYNC_POLICY_FIFO, mach.SYNC_POLICY_FIXED_PRIORITY,
    mach.SYNC_POLICY_RANDOM
local POLICIES = {{"FIFO", FIFO}, {"priority", PRIORITY}, {"random", RANDOM}}

-- A port that collects ids; read_log gives what has come to it so far.
local function log_new()
    local log = ports.allocate()
    ports.set_limit(log, 1024)
    return log
end

-- A thread that waits for `sem` and then logs its id; returns when it waits. `base`: its priority.
local function waiter(sem, log, id, base)
    local job = spawn.thread(function()
        if args.base then
            mach.thread_policy(mach.mach_thread_self(), mach.POLICY_TIMESHARE,
                               {base_priority = args.base}, false)
        end
        local kr = mach.semaphore_wait(args.sem)
        mach.send{remote = args.log, disp = mach.MACH_MSG_TYPE_MAKE_SEND, id = args.id}
        return kr
    end, {sem = sem, log = log, id = id, base = base})
    wait_until_waiting(job.thread)
    return job
end

-- Signals once, and lets who is served run; returns what the log got by that.
local function signal_and_look(sem, log)
    must(mach.semaphore_signal(sem), "semaphore_signal")
    sleep(20) -- longer than a thread that was served before takes to end
    return read_log(log)
end

local function all_end(t, jobs, want)
    for i, job in ipairs(jobs) do
        t.eq({job:wait(900)}, {true, want or 0}, "result of waiter " .. i)
    end
end

-- Signals once for each waiter, and ends all; returns whom the signals served, in order.
local function served_in_order(t, sem, log, jobs)
    local order = {}
    for i = 1, #jobs do
        local served = signal_and_look(sem, log)
        t.eq(#served, 1, "waiters served by signal " .. i)
        order[i] = served[1]
    end
    all_end(t, jobs)
    destroy(sem)
    ports.destroy(log)
    return order
end

test("A new semaphore has the value it was created with, whatever its policy.", function(t)
    for _, policy in ipairs(POLICIES) do
        for _, value in ipairs{0, 1, 2, 17} do
            local sem = semaphore(policy[2], value)
            t.eq(drain(sem), value, policy[1] .. " with " .. value)
            destroy(sem)
        end
    end
end)

test("Without a waiter a signal adds one, each wait takes one.", function(t)
    local sem = semaphore(FIFO, 1)
    for i = 1, 4 do t.eq(mach.semaphore_signal(sem), 0, "signal " .. i) end
    for i = 1, 2 do t.eq(mach.semaphore_wait(sem), 0, "wait " .. i) end
    t.eq(drain(sem), 3, "1 + 4 - 2")
    destroy(sem)
end)

test("A signal lets exactly one waiter go and is not counted besides.", function(t)
    for _, policy in ipairs(POLICIES) do
        local sem, log = semaphore(policy[2], 0), log_new()
        local jobs = {waiter(sem, log, 1), waiter(sem, log, 2)}
        t.eq(#signal_and_look(sem, log), 1, policy[1] .. ": first signal")
        t.eq(#signal_and_look(sem, log), 1, policy[1] .. ": second signal")
        t.eq(drain(sem), 0, policy[1] .. ": value afterwards")
        all_end(t, jobs)
        destroy(sem)
        ports.destroy(log)
    end
end)

test("SYNC_POLICY_FIFO serves in the order of arrival, whatever the priorities.", function(t)
    local sem, log, jobs = semaphore(FIFO, 0), log_new(), {}
    for i, base in ipairs{70, 60, 80, 64, 50} do jobs[i] = waiter(sem, log, i, base) end
    t.eq(served_in_order(t, sem, log, jobs), {1, 2, 3, 4, 5})
end)

test("A FIFO semaphore is strong: threads that signal and wait again take turns.", function(t)
    local sem, log, jobs = semaphore(FIFO, 0), log_new(), {}
    for i = 1, 3 do
        jobs[i] = spawn.thread(function()
            -- Nobody is preempted between its signal and its next wait.
            mach.thread_policy(mach.mach_thread_self(), mach.POLICY_FIFO, {base_priority = 64},
                               false)
            for _ = 1, 5 do
                mach.semaphore_wait(args.sem)
                mach.send{remote = args.log, disp = mach.MACH_MSG_TYPE_MAKE_SEND, id = args.id}
                mach.semaphore_signal(args.sem)
            end
            return 0
        end, {sem = sem, log = log, id = i})
        wait_until_waiting(jobs[i].thread)
    end
    must(mach.semaphore_signal(sem), "signal")
    all_end(t, jobs)
    t.eq(read_log(log), {1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3})
    t.eq(drain(sem), 1, "value at the end")
    destroy(sem)
    ports.destroy(log)
end)

test("SYNC_POLICY_FIXED_PRIORITY serves the most urgent waiter, equals in order of arrival.",
function(t)
    local sem, log, jobs = semaphore(PRIORITY, 0), log_new(), {}
    for i, base in ipairs{80, 70, 90, 70, 60, 80} do jobs[i] = waiter(sem, log, i, base) end
    t.eq(served_in_order(t, sem, log, jobs), {5, 2, 4, 1, 6, 3})
end)

test("A waiter whose priority changes moves to its new place in a FIXED_PRIORITY semaphore.",
function(t)
    local sem, log, jobs = semaphore(PRIORITY, 0), log_new(), {}
    for i, base in ipairs{70, 71, 72, 73} do jobs[i] = waiter(sem, log, i, base) end
    local function set(i, base)
        must(mach.thread_policy(jobs[i].thread, mach.POLICY_TIMESHARE, {base_priority = base},
                                false), "thread_policy")
    end
    set(4, 60)
    set(1, 90)
    t.eq(served_in_order(t, sem, log, jobs), {4, 2, 3, 1})
end)

test("A waiter of a FIFO semaphore whose priority changes keeps its place.", function(t)
    local sem, log, jobs = semaphore(FIFO, 0), log_new(), {}
    for i = 1, 3 do jobs[i] = waiter(sem, log, i) end
    must(mach.thread_policy(jobs[3].thread, mach.POLICY_TIMESHARE, {base_priority = 40}, false),
         "thread_policy")
    t.eq(served_in_order(t, sem, log, jobs), {1, 2, 3})
end)

-- The order in which a weak semaphore with that seed serves `n` waiters.
local function random_order(t, seed, n)
    local sem, log, jobs = semaphore(RANDOM, 0), log_new(), {}
    for i = 1, n do jobs[i] = waiter(sem, log, i) end
    must(mach.seed(seed), "seed")
    local order = served_in_order(t, sem, log, jobs)
    local sorted = table.move(order, 1, n, 1, {})
    table.sort(sorted)
    for i = 1, n do t.eq(sorted[i], i, "each waiter is served once, seed " .. seed) end
    return table.concat(order, " ")
end

test("SYNC_POLICY_RANDOM serves in an order that is the same for the same seed.", function(t)
    for _, seed in ipairs{1, 0, 0xffffffff} do
        local order = random_order(t, seed, 6)
        t.eq(random_order(t, seed, 6), order, "seed " .. seed)
        t.ok(order ~= "1 2 3 4 5 6", "the order of arrival, seed " .. seed)
    end
end)

test("SYNC_POLICY_RANDOM serves in an order that differs by seed.", function(t)
    local seen, kinds = {}, 0
    for seed = 1, 6 do
        local order = random_order(t, seed, 6)
        if not seen[order] then kinds = kinds + 1 end
        seen[order] = seed
    end
    t.ok(kinds >= 5, "different orders of 6 seeds: " .. kinds)
end)

test("Drawing is fair: each of 4 waiters is served about equally often, also twice in a row.",
function(t)
    local sem, log, first = semaphore(RANDOM, 0), log_new(), {0, 0, 0, 0}
    local last, again = 0, 0
    must(mach.seed(7), "seed")
    local jobs = {}
    for i = 1, 4 do
        jobs[i] = spawn.thread(function()
            while mach.semaphore_wait(args.sem) == 0 do
                mach.send{remote = args.log, disp = mach.MACH_MSG_TYPE_MAKE_SEND, id = args.id}
            end
            return 0
        end, {sem = sem, log = log, id = i})
        wait_until_waiting(jobs[i].thread)
    end
    for _ = 1, 100 do
        local served = signal_and_look(sem, log)
        t.eq(#served, 1, "waiters served by one signal")
        first[served[1]] = first[served[1]] + 1
        if served[1] == last then again = again + 1 end
        last = served[1]
    end
    t.ok(again >= 10 and again <= 45, "served twice in a row: " .. again)
    for i = 1, 4 do
        t.ok(first[i] >= 12 and first[i] <= 40, ("waiter %d: %d"):format(i, first[i]))
    end
    destroy(sem)
    all_end(t, jobs)
    ports.destroy(log)
end)

test("semaphore_signal_all lets all waiters go and leaves nothing to take.", function(t)
    for _, policy in ipairs(POLICIES) do
        local sem, log, jobs = semaphore(policy[2], 0), log_new(), {}
        for i = 1, 5 do jobs[i] = waiter(sem, log, i) end
        t.eq(mach.semaphore_signal_all(sem), 0, policy[1])
        all_end(t, jobs)
        t.eq(#read_log(log), 5, policy[1] .. ": waiters gone")
        t.eq(drain(sem), 0, policy[1] .. ": value afterwards")
        destroy(sem)
        ports.destroy(log)
    end
end)

test("semaphore_signal_all without waiters sets the value to 0.", function(t)
    local sem = semaphore(FIFO, 3)
    t.eq(mach.semaphore_signal_all(sem), 0)
    t.eq(drain(sem), 0, "value afterwards")
    must(mach.semaphore_signal(sem), "signal")
    t.eq(drain(sem), 1, "it still counts")
    destroy(sem)
end)

test("semaphore_signal_all serves in the policy's order.", function(t)
    local sem, log, jobs = semaphore(PRIORITY, 0), log_new(), {}
    for i, base in ipairs{75, 65, 85} do jobs[i] = waiter(sem, log, i, base) end
    must(mach.semaphore_signal_all(sem), "signal_all")
    all_end(t, jobs)
    t.eq(read_log(log), {2, 1, 3})
    destroy(sem)
    ports.destroy(log)
end)

test("The largest value is 2^31 - 1 and a signal does not make it negative.", function(t)
    local sem = semaphore(FIFO, 0x7fffffff)
    mach.semaphore_signal(sem)
    t.eq(drain(sem, 3), 3, "it can still be taken")
    for _ = 1, 3 do t.eq(mach.semaphore_signal(sem), 0, "and given back") end
    t.eq(drain(sem, 3), 3, "and taken")
    destroy(sem)
end)
