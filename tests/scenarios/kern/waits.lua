-- SPDX-License-Identifier: BSD-2-Clause
-- What stops a thread, met in each kind of wait: abort, safe abort, suspension, termination while
-- it receives from a port or a set, sends to a full port, takes a semaphore, sleeps. Contracts:
-- mach.defs (thread_abort, thread_suspend, thread_terminate); manual: thread_abort, mach_msg.

local must, ports = require "must", require "ports"
local semaphores, threads = require "semaphores", require "threads"
local clock = require "clock"
local allocate, destroy, info = ports.allocate, ports.destroy, ports.info
local semaphore = semaphores.create
local sleep = clock.sleep

local self = mach.mach_task_self()
local RECEIVE, SET = mach.MACH_PORT_RIGHT_RECEIVE, mach.MACH_PORT_RIGHT_PORT_SET

local function post(port, id)
    must(mach.send{remote = port, id = id, timeout = 0}, "send")
end

local function run_state(job) return threads.basic_info(job.thread).run_state end

-- Each kind of wait: `setup` makes what the thread needs, `code` runs in the thread and answers
-- with the return code of its wait, `happen` is what it waits for, `left` gives a number that tells
-- whether something that happened is still there to be had, `finish` undoes the setup. A kind with
-- `rights` can also be met in a task of its own, which gets them.

-- A wait for a message that comes to e.port.
local function receiving(kind)
    kind.aborted = mach.MACH_RCV_INTERRUPTED
    kind.setup = kind.setup or function() return {port = allocate(RECEIVE)} end
    kind.happen = function(e) post(e.port, 7) end
    kind.left = function(e) return info(e.port).queue_length end
    kind.finish = function(e) destroy(e.port, e.set) end
    return kind
end

-- A wait for a signal.
local function taking(kind)
    kind.aborted = mach.KERN_ABORTED
    kind.setup = function() return {sem = semaphore()} end
    kind.happen = function(e) must(mach.semaphore_signal(e.sem), "signal") end
    kind.left = function(e)
        local n = semaphores.drain(e.sem)
        for _ = 1, n do must(mach.semaphore_signal(e.sem), "signal") end
        return n
    end
    kind.finish = function(e) semaphores.destroy(e.sem) end
    return kind
end

-- A wait of 200 ms for nothing but time.
local function passing(kind)
    kind.aborted = mach.KERN_ABORTED
    kind.setup = function() return {} end
    kind.happen = function() sleep(300) end
    kind.finish = function() end
    return kind
end

local function move_receive(e)
    ports.make_send(e.port) -- for us
    return {port = {e.port, mach.MACH_MSG_TYPE_MOVE_RECEIVE}}
end
local function give_semaphore(e) return {sem = e.sem} end
local function nothing() return {} end

-- What takes the calls of "the answer of a call": by reply port, a job whose answer is the right
-- to reply.
local keepers = {}

local KINDS = {
    receiving{name = "receive from a port", rights = move_receive, code = function()
        return (mach.receive{port = args.port, options = mach.MACH_RCV_INTERRUPT})
    end},
    {
        name = "the answer of a call",
        aborted = mach.MACH_RCV_INTERRUPTED,
        setup = function()
            local e = {server = ports.both(), port = allocate(RECEIVE)}
            keepers[e.port] = spawn.thread(function()
                return select(2, mach.receive{port = args.port}).remote
            end, {port = e.server})
            ports.wait_until(e.server, "waiters", 1)
            return e
        end,
        code = function()
            local call = string.pack("<I4I4I4I4I4i4", mach.MACH_MSGH_BITS(
                mach.MACH_MSG_TYPE_COPY_SEND, mach.MACH_MSG_TYPE_MAKE_SEND_ONCE), 0, args.server,
                args.port, 0, 5)
            return (mach.mach_msg(call, mach.MACH_SEND_MSG | mach.MACH_RCV_MSG |
                                  mach.MACH_RCV_INTERRUPT, 24, 100, args.port, 0, 0))
        end,
        happen = function(e)
            local _, reply = keepers[e.port]:wait(900)
            keepers[e.port] = nil
            must(mach.send{remote = reply, id = 7, timeout = 0}, "send")
        end,
        left = function(e) return info(e.port).queue_length end,
        finish = function(e)
            if keepers[e.port] then
                local _, reply = keepers[e.port]:wait(900)
                destroy(reply)
            end
            destroy(e.server, e.port)
        end,
    },
    receiving{name = "receive from a set", code = function()
        return (mach.receive{port = args.set, options = mach.MACH_RCV_INTERRUPT})
    end, setup = function()
        local e = {set = allocate(SET), port = allocate(RECEIVE)}
        must(mach.mach_port_insert_member(self, e.port, e.set), "insert_member")
        return e
    end},
    receiving{name = "receive with a timeout", rights = move_receive, code = function()
        return (mach.receive{port = args.port, timeout = 60000, options = mach.MACH_RCV_INTERRUPT})
    end},
    {
        name = "send to a full port",
        aborted = mach.MACH_SEND_INTERRUPTED,
        setup = function()
            local e = {port = allocate(RECEIVE)}
            ports.set_limit(e.port, 1)
            post(e.port, 1)
            return e
        end,
        rights = function(e) return {port = e.port} end,
        code = function()
            local kr, msg = mach.send{remote = args.port, id = 8,
                                      options = mach.MACH_SEND_INTERRUPT}
            if kr == mach.MACH_SEND_INTERRUPTED then -- the message came back with its right
                mach.mach_port_deallocate(mach.mach_task_self(), msg.remote)
            end
            return kr
        end,
        -- Room; what happened is still there if there still is room.
        happen = function(e) must(mach.receive{port = e.port, timeout = 0}, "receive") end,
        left = function(e) return 1 - info(e.port).queue_length end,
        finish = function(e) destroy(e.port) end,
    },
    taking{name = "semaphore_wait", rights = give_semaphore, code = function()
        return mach.semaphore_wait(args.sem)
    end},
    taking{name = "semaphore_timedwait", rights = give_semaphore, code = function()
        return mach.semaphore_timedwait(args.sem, {tv_sec = 60, tv_nsec = 0})
    end},
    passing{name = "clock_sleep", rights = nothing, code = function()
        return (mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 0, tv_nsec = 200000000}))
    end},
    passing{name = "thread_switch with WAIT", rights = nothing, code = function()
        return mach.thread_switch(0, mach.SWITCH_OPTION_WAIT, 200)
    end},
}

-- Runs the kind's wait in a thread and returns when it waits.
local function begin(kind)
    local e = kind.setup()
    local job = spawn.thread(kind.code, e)
    threads.wait_until_waiting(job.thread)
    return job, e
end

local function ends_with(t, job, want, what)
    t.eq({job:wait(5000)}, {true, want}, what)
end

local function for_each_kind(rule, body)
    for _, kind in ipairs(KINDS) do
        test(rule:format(kind.name), function(t)
            local job, e = begin(kind)
            body(t, kind, job, e)
            kind.finish(e)
        end)
    end
end

-- The wait that has ended took nothing and will take nothing.
local function nothing_taken(t, kind, e)
    if not kind.left then return end
    kind.happen(e)
    t.eq(kind.left(e), 1, "what happens afterwards is left to others")
end

for _, case in ipairs{{"thread_abort", "thread_abort ends %s with the documented code."},
                      {"thread_abort_safely",
                       "thread_abort_safely ends %s just so: it can be begun again."}} do
    for_each_kind(case[2], function(t, kind, job, e)
        t.eq(mach[case[1]](job.thread), 0, case[1])
        ends_with(t, job, kind.aborted, kind.name)
        nothing_taken(t, kind, e)
    end)
end

-- What is suspended goes on waiting and is served, but executes nothing.
local function served_suspended(t, kind, job, e)
    sleep(20)
    t.eq({job:wait(0)}, {nil, "timeout"}, "it has no result yet")
    kind.happen(e)
    sleep(20)
    t.eq({job:wait(0)}, {nil, "timeout"}, "it executes nothing while suspended")
    if kind.left then t.eq(kind.left(e), 0, "it has been served") end
end

for_each_kind("A thread suspended in %s goes on waiting, the result awaits it.",
function(t, kind, job, e)
    t.eq(mach.thread_suspend(job.thread), 0, "suspend")
    t.eq(run_state(job), mach.TH_STATE_STOPPED, "its state")
    served_suspended(t, kind, job, e)
    t.eq(mach.thread_resume(job.thread), 0, "resume")
    ends_with(t, job, 0, kind.name)
end)

for_each_kind("A thread suspended and aborted in %s reports the abort when it is resumed.",
function(t, kind, job, e)
    t.eq(mach.thread_suspend(job.thread), 0, "suspend")
    t.eq(mach.thread_abort(job.thread), 0, "abort")
    if kind.left then
        kind.happen(e)
        t.eq(kind.left(e), 1, "it is not served any more")
    end
    t.eq(mach.thread_resume(job.thread), 0, "resume")
    ends_with(t, job, kind.aborted, kind.name)
end)

for_each_kind("A thread resumed in %s before anything happened still waits.",
function(t, kind, job, e)
    t.eq(mach.thread_suspend(job.thread), 0, "suspend")
    t.eq(mach.thread_resume(job.thread), 0, "resume")
    sleep(5)
    t.eq(run_state(job), mach.TH_STATE_WAITING, "its state")
    kind.happen(e)
    ends_with(t, job, 0, kind.name)
end)

for_each_kind("A thread terminated in %s is gone and takes nothing with it.",
function(t, kind, job, e)
    t.eq(mach.thread_terminate(job.thread), 0, "terminate")
    t.eq({mach.mach_port_type(self, job.thread)}, {0, mach.MACH_PORT_TYPE_DEAD_NAME}, "its port")
    t.eq((job:wait(900)), false, "it has died")
    nothing_taken(t, kind, e)
end)

for_each_kind("A thread terminated while suspended in %s is gone too.", function(t, _, job)
    t.eq(mach.thread_suspend(job.thread), 0, "suspend")
    t.eq(mach.thread_terminate(job.thread), 0, "terminate")
    t.eq((job:wait(900)), false, "it has died")
end)

-- The same of the whole task. What it gets of us is dead, free or served when it is gone.
for _, kind in ipairs(KINDS) do
    local function with_task(rule, body)
        test(rule:format(kind.name), function(t)
            local e = kind.setup()
            local job = spawn.task(kind.code, {}, kind.rights(e))
            sleep(60) -- it has come to its wait
            body(t, e, job)
            kind.finish(e)
        end)
    end
    if kind.rights then
        with_task("A task suspended in %s goes on waiting, the result awaits it.",
        function(t, e, job)
            t.eq(mach.task_suspend(job.task), 0, "suspend")
            served_suspended(t, kind, job, e)
            t.eq(mach.task_resume(job.task), 0, "resume")
            ends_with(t, job, 0, kind.name)
        end)
        with_task("A task terminated in %s is gone and takes nothing with it.", function(t, e, job)
            t.eq(mach.task_terminate(job.task), 0, "terminate")
            t.eq((job:wait(900)), false, "it has died")
            if e.port and ports.type_of(e.port) == mach.MACH_PORT_TYPE_DEAD_NAME then
                t.eq(mach.send{remote = e.port}, mach.MACH_SEND_INVALID_DEST, "its port is dead")
            else
                nothing_taken(t, kind, e)
            end
        end)
    end
end

test("thread_abort of a thread that waits for nothing does not spoil its next wait.", function(t)
    local port, go = allocate(RECEIVE), semaphore()
    local job = spawn.thread(function()
        -- Busy until told to go on; what it calls meanwhile does not wait.
        while mach.semaphore_timedwait(args.go, {tv_sec = 0, tv_nsec = 0}) ~= 0 do end
        local kr = mach.receive{port = args.port, timeout = 50, options = mach.MACH_RCV_INTERRUPT}
        return kr
    end, {port = port, go = go})
    sleep(10)
    for _ = 1, 5 do
        t.eq(mach.thread_abort(job.thread), 0, "abort of a running thread")
        t.eq(mach.thread_abort_safely(job.thread), 0, "safe abort of a running thread")
        sleep(3)
    end
    must(mach.semaphore_signal(go), "signal")
    ends_with(t, job, mach.MACH_RCV_TIMED_OUT, "its receive")
    destroy(port)
    semaphores.destroy(go)
end)

-- Runs `body` so that no other thread gets the processor before it gives it away.
local function undisturbed(body) threads.under(mach.POLICY_FIFO, 30, body) end

-- A thread that takes `sem`, then with one trap waits for room in `full` and for an answer in
-- `reply`; both results.
local function sender_and_receiver(sem, full, reply)
    return spawn.thread(function()
        local first = mach.semaphore_wait(args.sem)
        local message = string.pack("<I4I4I4I4I4i4", mach.MACH_MSG_TYPE_MAKE_SEND
                                    | mach.MACH_MSG_TYPE_MAKE_SEND_ONCE << 8, 24, args.full,
                                    args.reply, 0, 2)
        local second = mach.mach_msg(message .. ("\0"):rep(100),
                                     mach.MACH_SEND_MSG | mach.MACH_RCV_MSG
                                     | mach.MACH_SEND_INTERRUPT | mach.MACH_RCV_INTERRUPT, 24, 100,
                                     args.reply, 0, 0)
        return {first, second}
    end, {sem = sem, full = full, reply = reply})
end

-- A port with a limit of one message, which is there.
local function full_port()
    local full = allocate(RECEIVE)
    ports.set_limit(full, 1)
    post(full, 1)
    return full
end

-- Its message is in `full` now: it gets its answer, and all is given up.
local function answered(t, job, sem, full, reply)
    t.eq(info(reply).waiters, 1, "it waits for the answer")
    local kr, msg = mach.receive{port = full, timeout = 0}
    must(kr, "receive")
    must(mach.send{remote = msg.remote, disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, timeout = 0},
         "send")
    ends_with(t, job, {0, 0}, "its results")
    destroy(full, reply)
    semaphores.destroy(sem)
end

test("thread_abort of a thread that has been served already does not spoil its next waits.",
function(t)
    local sem, full, reply = semaphore(), full_port(), allocate(RECEIVE)
    local job = sender_and_receiver(sem, full, reply)
    sleep(30)
    undisturbed(function()
        must(mach.semaphore_signal(sem), "signal")
        t.eq(mach.thread_abort(job.thread), 0, "abort")
    end)
    sleep(10)
    t.eq(info(full).senders, 1, "it waits for room")
    must((mach.thread_get_state(job.thread, mach.i386_THREAD_STATE)), "thread_get_state")
    must((mach.receive{port = full, timeout = 0}), "receive")
    sleep(10)
    answered(t, job, sem, full, reply)
end)

test("thread_get_state of a thread that goes from one wait to the next does not wait for ever.",
function(t)
    local sem, full, reply = semaphore(), full_port(), allocate(RECEIVE)
    must(mach.semaphore_signal(sem), "signal")
    local job = sender_and_receiver(sem, full, reply)
    sleep(30)
    t.eq(info(full).senders, 1, "it waits for room")
    undisturbed(function()
        local kr, msg = mach.receive{port = full, timeout = 0}
        t.eq({kr, msg.id}, {0, 1}, "room")
        local kr, state = mach.thread_get_state(job.thread, mach.i386_THREAD_STATE)
        t.eq({kr, state and state.eip > 0}, {0, true}, "thread_get_state")
    end)
    answered(t, job, sem, full, reply)
end)

test("thread_abort of a thread that has not started has no effect on it.", function(t)
    local thread = threads.create()
    t.eq(mach.thread_abort(thread), 0, "abort")
    t.eq(mach.thread_abort_safely(thread), 0, "safe abort")
    local _, found = mach.thread_info(thread, mach.THREAD_BASIC_INFO)
    t.eq({found.suspend_count, found.run_state}, {1, mach.TH_STATE_STOPPED}, "the thread")
    threads.terminate(thread)
end)

test("thread_abort of the calling thread succeeds and changes nothing.", function(t)
    t.eq(mach.thread_abort(mach.mach_thread_self()), 0, "abort")
    local port = allocate(RECEIVE)
    t.eq((mach.receive{port = port, timeout = 5, options = mach.MACH_RCV_INTERRUPT}),
         mach.MACH_RCV_TIMED_OUT, "a wait afterwards")
    destroy(port)
end)

test("Without MACH_RCV_INTERRUPT the library begins an aborted receive again.", function(t)
    local port = allocate(RECEIVE)
    local job = spawn.thread(function()
        local kr, msg = mach.receive{port = args.port}
        return {kr, msg.id}
    end, {port = port})
    sleep(20)
    must(mach.thread_abort(job.thread), "abort")
    sleep(5)
    t.eq({job:wait(0)}, {nil, "timeout"}, "it receives again")
    post(port, 33)
    t.eq({job:wait(900)}, {true, {0, 33}}, "result")
    destroy(port)
end)

test("An aborted send gives the message back: nothing is queued, the right is the sender's.",
function(t)
    local port = allocate(RECEIVE)
    ports.set_limit(port, 1)
    post(port, 1)
    local job = spawn.thread(function()
        local me = mach.mach_task_self()
        local kr, msg = mach.send{remote = args.port, disp = mach.MACH_MSG_TYPE_MAKE_SEND, id = 8,
                                  body = "body", options = mach.MACH_SEND_INTERRUPT}
        local _, refs = mach.mach_port_get_refs(me, msg.remote, mach.MACH_PORT_RIGHT_SEND)
        mach.mach_port_deallocate(me, msg.remote)
        return {kr, msg.id, msg.body, msg.remote == args.port, refs}
    end, {port = port})
    ports.wait_until(port, "senders", 1)
    must(mach.thread_abort(job.thread), "abort")
    t.eq({job:wait(900)}, {true, {mach.MACH_SEND_INTERRUPTED, 8, "body", true, 1}},
         "what came back")
    t.eq({info(port).senders, info(port).queue_length}, {0, 1}, "the port")
    destroy(port)
end)

test("A suspended receiver keeps its place among the receivers, and its message.", function(t)
    local port, jobs = allocate(RECEIVE), {}
    for i = 1, 2 do
        jobs[i] = spawn.thread(function()
            local _, msg = mach.receive{port = args.port}
            return msg.id
        end, {port = port})
        ports.wait_until(port, "waiters", i)
    end
    must(mach.thread_suspend(jobs[1].thread), "suspend")
    post(port, 41)
    t.eq(info(port).queue_length, 0, "the message has been handed over")
    sleep(20)
    t.eq({jobs[2]:wait(0)}, {nil, "timeout"}, "not to the second receiver")
    post(port, 42)
    t.eq({jobs[2]:wait(900)}, {true, 42}, "the second message is for the second")
    must(mach.thread_resume(jobs[1].thread), "resume")
    t.eq({jobs[1]:wait(900)}, {true, 41}, "the first message was kept for the first")
    destroy(port)
end)

test("Calls on a thread that was terminated reach nobody: MACH_SEND_INVALID_DEST.", function(t)
    local job, e = begin(KINDS[1])
    local thread = job.thread
    must(mach.mach_port_mod_refs(self, thread, mach.MACH_PORT_RIGHT_SEND, 1), "mod_refs")
    must(mach.thread_terminate(thread), "terminate")
    t.eq((job:wait(900)), false, "the thread has died")
    for _, call in ipairs{"thread_suspend", "thread_resume", "thread_abort", "thread_abort_safely",
                          "thread_terminate"} do
        t.eq(mach[call](thread), mach.MACH_SEND_INVALID_DEST, call)
    end
    t.eq((mach.thread_info(thread, mach.THREAD_BASIC_INFO)), mach.MACH_SEND_INVALID_DEST, "info")
    must(mach.mach_port_deallocate(self, thread), "deallocate")
    KINDS[1].finish(e)
end)
