-- SPDX-License-Identifier: BSD-2-Clause
-- Lock sets: owners and waiters, the order of service, hand-offs, what becomes of a lock whose owner
-- ends and of one whose set ends, aborts, wrong arguments. Contracts: include/mach/sync.defs; manual:
-- lock_acquire and the pages that it leads to.

local must, ports = require "must", require "ports"
local locks, threads = require "locks", require "threads"
local tasks, counts, clock = require "tasks", require "counts", require "clock"
local deallocate = ports.deallocate
local create, destroy, thread, orphan = locks.create, locks.destroy, locks.thread, locks.orphan

local self = mach.mach_task_self()
local FIFO, PRIORITY, RANDOM = mach.SYNC_POLICY_FIFO, mach.SYNC_POLICY_FIXED_PRIORITY,
    mach.SYNC_POLICY_RANDOM
local UNSTABLE, OWNED, OWNED_SELF = mach.KERN_LOCK_UNSTABLE, mach.KERN_LOCK_OWNED,
    mach.KERN_LOCK_OWNED_SELF
local DESTROYED, ABORTED = mach.KERN_LOCK_SET_DESTROYED, mach.KERN_ABORTED
local INVALID_RIGHT, INVALID_ARGUMENT = mach.KERN_INVALID_RIGHT, mach.KERN_INVALID_ARGUMENT

local function answers(t, job, want, what)
    t.eq({job:wait(1000)}, {true, want}, what)
end
local function waits(t, job, what) t.eq({job:wait(0)}, {nil, "timeout"}, what) end

test("A new lock is free: it is acquired once, owned, and free again when released.", function(t)
    for _, policy in ipairs{FIFO, PRIORITY, RANDOM} do
        local set = create(1, policy)
        t.eq(mach.lock_acquire(set, 0), 0, "lock_acquire")
        t.eq(mach.lock_acquire(set, 0), OWNED_SELF, "lock_acquire of one's own")
        t.eq(mach.lock_try(set, 0), OWNED_SELF, "lock_try of one's own")
        answers(t, thread(set, {"lock_try"}), {OWNED}, "lock_try by another thread")
        t.eq(mach.lock_release(set, 0), 0, "lock_release")
        t.eq(mach.lock_try(set, 0), 0, "lock_try")
        t.eq(mach.lock_release(set, 0), 0, "lock_release after lock_try")
        destroy(set)
    end
end)

test("The locks of a set are independent of each other.", function(t)
    local set = create(3)
    t.eq({mach.lock_acquire(set, 0), mach.lock_acquire(set, 2)}, {0, 0}, "0 and 2 acquired")
    answers(t, thread(set, {"lock_try", "lock_release"}, 1), {0, 0}, "1 is free")
    local waiter = thread(set, {"lock_acquire", "lock_release"}, 2)
    t.eq(mach.lock_release(set, 0), 0, "0 released")
    clock.sleep(5)
    waits(t, waiter, "the waiter for 2")
    t.eq(mach.lock_release(set, 2), 0, "2 released")
    answers(t, waiter, {0, 0}, "the waiter for 2 afterwards")
    destroy(set)
end)

test("Only its owner can release a lock or make it stable: KERN_INVALID_RIGHT.", function(t)
    local set = create()
    for _, call in ipairs{"lock_release", "lock_make_stable", "lock_handoff"} do
        t.eq(mach[call](set, 0), INVALID_RIGHT, call .. " of a free lock")
    end
    must(mach.lock_acquire(set, 0), "acquire")
    for _, call in ipairs{"lock_release", "lock_make_stable", "lock_handoff"} do
        answers(t, thread(set, {call}), {INVALID_RIGHT}, call .. " by another thread")
    end
    t.eq(mach.lock_make_stable(set, 0), 0, "lock_make_stable of a stable lock")
    t.eq(mach.lock_release(set, 0), 0, "the owner is the owner still")
    destroy(set)
end)

-- The order in which six waiters of priorities 40, 41, 42, 40, 41, 42 get a lock.
local function order(policy)
    local set, port, jobs, list = create(1, policy), ports.allocate(), {}, {}
    ports.set_limit(port, 10)
    must(mach.lock_acquire(set, 0), "acquire")
    for i = 1, 6 do
        jobs[i] = spawn.thread([[
            mach.thread_policy(mach.mach_thread_self(), mach.POLICY_FIFO,
                               {base_priority = 40 + (args.i - 1) % 3}, false)
            mach.lock_acquire(args.set, 0)
            mach.send{remote = args.port, disp = mach.MACH_MSG_TYPE_MAKE_SEND, id = args.i}
            return mach.lock_release(args.set, 0)
        ]], {i = i, set = set, port = port})
        threads.wait_until_waiting(jobs[i].thread)
    end
    must(mach.lock_release(set, 0), "release")
    for i = 1, 6 do assert(jobs[i]:wait(1000)) end
    for i, id in ipairs(ports.drain(port)) do list[i] = id end
    ports.destroy(port)
    destroy(set)
    return table.concat(list, " ")
end

test("SYNC_POLICY_FIFO gives a lock to who waits longest, whatever the priorities.", function(t)
    t.eq(order(FIFO), "1 2 3 4 5 6", "order")
end)

test("SYNC_POLICY_FIXED_PRIORITY gives it to the most urgent, equals in order of arrival.",
function(t)
    t.eq(order(PRIORITY), "1 4 2 5 3 6", "order")
end)

test("SYNC_POLICY_RANDOM draws from the seed.", function(t)
    local host, seen = ports.privileged_host(), {}
    for seed = 1, 6 do
        must(mach.minato_host_set_seed(host, seed), "seed")
        local first = order(RANDOM)
        must(mach.minato_host_set_seed(host, seed), "seed")
        t.eq(order(RANDOM), first, "the same seed again")
        seen[first] = true
    end
    seen["1 2 3 4 5 6"] = nil
    t.ok(next(seen), "some order is not that of arrival")
    deallocate(host)
end)

test("A lock goes straight to the waiter: whoever tries it meanwhile finds it owned.", function(t)
    local set = create()
    must(mach.lock_acquire(set, 0), "acquire")
    local waiter = thread(set, {"lock_acquire"})
    must(mach.thread_suspend(waiter.thread), "suspend")
    t.eq(mach.lock_release(set, 0), 0, "release")
    t.eq(mach.lock_try(set, 0), OWNED, "lock_try before the waiter has run")
    t.eq(mach.lock_release(set, 0), INVALID_RIGHT, "it is no longer ours")
    must(mach.thread_resume(waiter.thread), "resume")
    answers(t, waiter, {0}, "the waiter")
    destroy(set)
end)

test("A lock whose owner ends is unstable, which each new owner is told until one repairs it.",
function(t)
    local set = create(2)
    t.eq(orphan(set), 0, "the thread that ends")
    t.eq(mach.lock_acquire(set, 0), UNSTABLE, "the next owner")
    t.eq(mach.lock_try(set, 0), OWNED_SELF, "it owns the lock all the same")
    t.eq(mach.lock_release(set, 0), 0, "release without repair")
    t.eq(mach.lock_try(set, 0), UNSTABLE, "lock_try")
    t.eq(mach.lock_make_stable(set, 0), 0, "lock_make_stable")
    t.eq(mach.lock_release(set, 0), 0, "release")
    t.eq(mach.lock_acquire(set, 0), 0, "once it is stable")
    t.eq(mach.lock_acquire(set, 1), 0, "the other lock never was unstable")
    destroy(set)
end)

test("The end of an owner, by itself, by thread_terminate or with its task, lets the waiters in.",
function(t)
    local set = create()
    local owner = thread(set, {"lock_acquire", "lock_handoff"}) -- owns it, and waits
    local first = thread(set, {"lock_acquire", "lock_release"})
    local second = thread(set, {"lock_acquire", "lock_make_stable", "lock_release"})
    must(mach.thread_terminate(owner.thread), "terminate")
    answers(t, first, {UNSTABLE, 0}, "the first waiter")
    answers(t, second, {UNSTABLE, 0, 0}, "the second waiter")
    owner:wait(1000)
    local child = spawn.task("mach.lock_acquire(args.set, 0) mach.lock_handoff(args.set, 0)", nil,
                             {set = set})
    clock.sleep(20)
    must(mach.task_terminate(child.task), "task_terminate")
    child:wait(1000)
    t.eq(mach.lock_acquire(set, 0), UNSTABLE, "after the end of a task")
    destroy(set)
end)

test("A suspended owner's end at its boundary gives the lock up as well.", function(t)
    local set = create()
    local owner = spawn.thread("mach.lock_acquire(args.set, 0) while true do end", {set = set})
    clock.sleep(20)
    must(mach.thread_suspend(owner.thread), "suspend")
    clock.sleep(20)
    t.eq(mach.lock_try(set, 0), OWNED, "while it is suspended")
    must(mach.thread_terminate(owner.thread), "terminate")
    owner:wait(1000)
    t.eq(mach.lock_try(set, 0), UNSTABLE, "afterwards")
    destroy(set)
end)

test("lock_handoff waits for who accepts, and gives the lock past those who wait for it.",
function(t)
    local set = create()
    local owner = thread(set, {"lock_acquire", "lock_handoff", "lock_release"})
    local waiter = thread(set, {"lock_acquire", "lock_release"})
    waits(t, owner, "the owner")
    t.eq(mach.lock_try(set, 0), OWNED, "it owns the lock as long")
    t.eq(mach.lock_handoff_accept(set, 0), 0, "lock_handoff_accept")
    answers(t, owner, {0, 0, INVALID_RIGHT}, "the owner afterwards")
    waits(t, waiter, "who waits in lock_acquire")
    t.eq(mach.lock_try(set, 0), OWNED_SELF, "the lock is ours")
    t.eq(mach.lock_release(set, 0), 0, "release")
    answers(t, waiter, {0, 0}, "the waiter at last")
    destroy(set)
end)

-- A thread that has acquired the lock when this returns, sleeps 50 ms, and makes the call.
local function later(set, call)
    local job = spawn.thread([[
        local codes = {mach.lock_acquire(args.set, 0)}
        mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 0, tv_nsec = 50000000})
        codes[2] = args.call and mach[args.call](args.set, 0)
        return codes
    ]], {set = set, call = call})
    threads.wait_until_waiting(job.thread)
    return job
end

test("lock_handoff waits for who accepts, though others wait for the lock already.", function(t)
    local set = create()
    local owner = later(set, "lock_handoff")
    local waiter = thread(set, {"lock_acquire", "lock_release"})
    clock.sleep(60)
    waits(t, owner, "the owner")
    waits(t, waiter, "who waits in lock_acquire")
    t.eq(mach.lock_handoff_accept(set, 0), 0, "lock_handoff_accept")
    answers(t, owner, {0, 0}, "the owner afterwards")
    t.eq(mach.lock_release(set, 0), 0, "release")
    answers(t, waiter, {0, 0}, "the waiter at last")
    destroy(set)
end)

test("The end of who owned a lock of a destroyed set concerns no other set.", function(t)
    local set = create()
    local owner = later(set)
    destroy(set)
    set = create() -- where the other one was, perhaps
    t.eq(mach.lock_acquire(set, 0), 0, "acquire")
    answers(t, owner, {0}, "the owner")
    clock.sleep(20)
    t.eq(mach.lock_try(set, 0), OWNED_SELF, "the lock is ours still")
    t.eq(mach.lock_release(set, 0), 0, "release")
    t.eq(mach.lock_try(set, 0), 0, "it is stable")
    destroy(set)
end)

test("lock_handoff_accept waits for the hand-off, not for the lock; one thread at a time.",
function(t)
    local set = create()
    local taker = thread(set, {"lock_handoff_accept", "lock_release"})
    t.eq(mach.lock_try(set, 0), 0, "the lock is free all the same")
    t.eq(mach.lock_release(set, 0), 0, "a release is no hand-off")
    clock.sleep(5)
    waits(t, taker, "who accepts")
    answers(t, thread(set, {"lock_handoff_accept"}), {mach.KERN_ALREADY_WAITING}, "a second one")
    must(mach.lock_acquire(set, 0), "acquire")
    t.eq(mach.lock_handoff_accept(set, 0), OWNED_SELF, "the owner itself")
    t.eq(mach.lock_handoff(set, 0), 0, "lock_handoff, which need not wait")
    t.eq(mach.lock_release(set, 0), INVALID_RIGHT, "it is no longer ours")
    answers(t, taker, {0, 0}, "who accepts, afterwards")
    destroy(set)
end)

test("Who accepts an unstable lock is told, waiting or not.", function(t)
    local set = create(2)
    for id = 0, 1 do orphan(set, id) end
    local taker = thread(set, {"lock_handoff_accept", "lock_release"})
    t.eq(mach.lock_acquire(set, 0), UNSTABLE, "acquire")
    t.eq(mach.lock_handoff(set, 0), 0, "lock_handoff")
    answers(t, taker, {UNSTABLE, 0}, "who waited to accept")
    local owner = thread(set, {"lock_acquire", "lock_handoff"}, 1)
    t.eq(mach.lock_handoff_accept(set, 1), UNSTABLE, "lock_handoff_accept at once")
    answers(t, owner, {UNSTABLE, 0}, "who handed it off")
    destroy(set)
end)

test("thread_abort ends each wait with KERN_ABORTED and changes no owner.", function(t)
    local set = create()
    local owner = thread(set, {"lock_acquire", "lock_handoff", "lock_release"})
    local waiter = thread(set, {"lock_acquire", "lock_try"})
    must(mach.thread_abort(waiter.thread), "abort of lock_acquire")
    answers(t, waiter, {ABORTED, OWNED}, "who waited for it")
    must(mach.thread_abort(owner.thread), "abort of lock_handoff")
    answers(t, owner, {0, ABORTED, 0}, "the owner, who can release it still")
    local taker = thread(set, {"lock_handoff_accept", "lock_try"})
    must(mach.thread_abort(taker.thread), "abort of lock_handoff_accept")
    answers(t, taker, {ABORTED, 0}, "who accepts")
    t.eq(mach.lock_try(set, 0), UNSTABLE, "the last one has ended as the owner")
    local again = thread(set, {"lock_handoff_accept"})
    t.eq(mach.lock_handoff(set, 0), 0, "an aborted one leaves no trace: the next accepts")
    answers(t, again, {UNSTABLE}, "who accepts now")
    destroy(set)
end)

test("A terminated waiter leaves the queue: the lock goes to the next, stable.", function(t)
    local set = create()
    must(mach.lock_acquire(set, 0), "acquire")
    local first = thread(set, {"lock_acquire"})
    local second = thread(set, {"lock_acquire", "lock_release"})
    must(mach.thread_terminate(first.thread), "terminate")
    first:wait(1000)
    t.eq(mach.lock_release(set, 0), 0, "release")
    answers(t, second, {0, 0}, "the second")
    destroy(set)
end)

test("A waiter that is terminated after it was given the lock leaves it unstable.", function(t)
    local set = create()
    must(mach.lock_acquire(set, 0), "acquire")
    local waiter = thread(set, {"lock_acquire"})
    must(mach.thread_suspend(waiter.thread), "suspend")
    must(mach.lock_release(set, 0), "release")
    clock.sleep(5)
    must(mach.thread_terminate(waiter.thread), "terminate")
    waiter:wait(1000)
    t.eq(mach.lock_try(set, 0), UNSTABLE, "afterwards")
    destroy(set)
end)

test("lock_set_destroy ends all waits with KERN_LOCK_SET_DESTROYED and leaves a dead name.",
function(t)
    local set = create(3)
    local owner = thread(set, {"lock_acquire", "lock_handoff", "lock_release"}, 0)
    local waiters = {thread(set, {"lock_acquire"}, 0), thread(set, {"lock_acquire"}, 0),
                     thread(set, {"lock_handoff_accept"}, 1)}
    must(mach.lock_acquire(set, 2), "acquire")
    t.eq(mach.lock_set_destroy(self, set), 0, "lock_set_destroy")
    answers(t, owner, {0, DESTROYED, mach.MACH_SEND_INVALID_DEST}, "the owner in lock_handoff")
    for i, job in ipairs(waiters) do answers(t, job, {DESTROYED}, "waiter " .. i) end
    t.eq({mach.mach_port_type(self, set)}, {0, mach.MACH_PORT_TYPE_DEAD_NAME}, "the name")
    t.eq(mach.lock_release(set, 2), mach.MACH_SEND_INVALID_DEST, "a call on the dead name")
    t.eq(mach.lock_set_destroy(self, set), DESTROYED, "a second destruction")
    deallocate(set)
end)

test("A set that dies takes away a lock that a waiter was given but has not seen.", function(t)
    local set = create()
    must(mach.lock_acquire(set, 0), "acquire")
    local job = thread(set, {"lock_acquire"})
    threads.under(mach.POLICY_FIFO, 20, function() -- it shall not run in between
        must(mach.lock_release(set, 0), "release")
        must(mach.lock_set_destroy(self, set), "lock_set_destroy")
    end)
    answers(t, job, {DESTROYED}, "the waiter")
    deallocate(set)
end)

test("Lock sets belong to the task they were created in, and end with it.", function(t)
    local task = tasks.create()
    local kr, set = mach.lock_set_create(task, 2, FIFO)
    t.eq(kr, 0, "lock_set_create in another task")
    t.eq(counts.task(task).kernel_objects, 1, "its kernel objects")
    t.eq(mach.lock_set_destroy(self, set), INVALID_RIGHT, "destroyed through another task")
    must(mach.lock_acquire(set, 0), "acquire")
    local waiter = thread(set, {"lock_acquire"})
    tasks.terminate(task)
    answers(t, waiter, {DESTROYED}, "a waiter in this task")
    t.eq({mach.mach_port_type(self, set)}, {0, mach.MACH_PORT_TYPE_DEAD_NAME}, "the name")
    deallocate(set)
end)

test("Threads of different tasks exclude each other by a lock.", function(t)
    local set, port = create(), ports.allocate()
    ports.set_limit(port, 200)
    local code = [[
        for i = 1, 20 do
            if mach.lock_acquire(args.set, 0) ~= 0 then return i end
            for id = 1, 2 do
                mach.send{remote = args.port, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = id}
                mach.swtch_pri(0)
            end
            if mach.lock_release(args.set, 0) ~= 0 then return i end
        end
        return "done"
    ]]
    local jobs = {}
    for i = 1, 3 do
        jobs[i] = spawn.task(code, nil, {set = set, port = {port, mach.MACH_MSG_TYPE_MAKE_SEND}})
    end
    for i = 1, 3 do t.eq({jobs[i]:wait(8000)}, {true, "done"}, "task " .. i) end
    local ids, mixed = ports.drain(port), 0
    for i, id in ipairs(ids) do if id ~= 2 - i % 2 then mixed = mixed + 1 end end
    t.eq({#ids, mixed}, {120, 0}, "messages, and those between two of another")
    ports.destroy(port)
    destroy(set)
end)

test("lock_set_create: a bad number of locks, policy or task; the most that there can be.",
function(t)
    for _, n in ipairs{0, -1, -0x80000000} do
        t.eq((mach.lock_set_create(self, n, FIFO)), INVALID_ARGUMENT, n .. " locks")
    end
    for _, policy in ipairs{2, -1, 0xff, 0x101} do
        t.eq((mach.lock_set_create(self, 1, policy)), INVALID_ARGUMENT, "policy " .. policy)
    end
    t.eq((mach.lock_set_create(mach.mach_thread_self(), 1, FIFO)), INVALID_ARGUMENT, "no task")
    for _, n in ipairs{1025, 0x7fffffff, 0x06666667} do
        t.eq((mach.lock_set_create(self, n, FIFO)), mach.KERN_RESOURCE_SHORTAGE, n .. " locks")
    end
    local set = create(1024)
    t.eq({mach.lock_acquire(set, 0), mach.lock_acquire(set, 1023)}, {0, 0}, "first and last of 1024")
    destroy(set)
end)

test("Each lock counts as an object of its task, until the set is destroyed.", function(t)
    local child = spawn.task(function()
        local self, found = mach.mach_task_self(), {}
        local function used()
            local _, _, now = mach.minato_task_get_limits(self)
            return now.objects
        end
        local before = used()
        require("tasks").set_limits(self, {objects = before + 10})
        local kr, set = mach.lock_set_create(self, 8, 0)
        found[1], found[2] = kr, used() - before
        found[3], found[4] = mach.lock_set_create(self, 3, 0), used() - before
        found[5] = mach.lock_set_destroy(self, set)
        found[6], set = mach.lock_set_create(self, 10, 0)
        found[7] = used() - before
        return found
    end)
    t.eq({child:wait(5000)}, {true, {0, 8, mach.KERN_RESOURCE_SHORTAGE, 8, 0, 0, 10}},
         "sets of a task that may have 10 objects more")
end)

test("A number that is no lock's, a port that is no lock set, a name without right.", function(t)
    local set = create(2)
    local calls = {"lock_acquire", "lock_release", "lock_try", "lock_make_stable",
                   "lock_handoff", "lock_handoff_accept"}
    for _, call in ipairs(calls) do
        for _, id in ipairs{-1, 2, 0x7fffffff, -0x80000000} do
            t.eq(mach[call](set, id), INVALID_ARGUMENT, call .. " of " .. id)
        end
        for what, name in pairs{task = self, thread = mach.mach_thread_self()} do
            t.eq(mach[call](name, 0), INVALID_ARGUMENT, call .. " of a " .. what)
        end
        t.eq(mach[call](0x7777700, 0), mach.MACH_SEND_INVALID_DEST, call .. " of no right")
    end
    t.eq(mach.lock_set_destroy(self, self), INVALID_ARGUMENT, "lock_set_destroy of a task")
    t.eq(mach.semaphore_signal(set), INVALID_ARGUMENT, "semaphore_signal of a lock set")
    destroy(set)
end)
