-- SPDX-License-Identifier: BSD-2-Clause
-- Signals to one thread, and signals that go together with a wait: semaphore_signal_thread,
-- semaphore_wait_signal, semaphore_timedwait_signal, as traps and as messages. Contracts:
-- include/mach/sync.defs; source: OSF's sync.defs, macOS.

local must, ports = require "must", require "ports"
local semaphores, threads, clock = require "semaphores", require "threads", require "clock"
local deallocate = ports.deallocate
local semaphore, destroy, drain = semaphores.create, semaphores.destroy, semaphores.drain

local FIFO, PRIORITY, RANDOM = mach.SYNC_POLICY_FIFO, mach.SYNC_POLICY_FIXED_PRIORITY,
    mach.SYNC_POLICY_RANDOM
local NOT_WAITING, TIMED_OUT = mach.KERN_NOT_WAITING, mach.KERN_OPERATION_TIMED_OUT
local INVALID_ARGUMENT, TERMINATED = mach.KERN_INVALID_ARGUMENT, mach.KERN_TERMINATED
local COPY_SEND, NDR = mach.MACH_MSG_TYPE_COPY_SEND, "\0\0\0\0\1\0\0\0"
local AT_ONCE, NEVER = {tv_sec = 0, tv_nsec = 0}, {tv_sec = 4, tv_nsec = 0}

local function waiter(...)
    local job = spawn.thread("return mach[args[1]](table.unpack(args, 2))", {...})
    threads.wait_until_waiting(job.thread)
    return job
end
local function ends(t, job, want, what) t.eq({job:wait(1000)}, {true, want}, what) end
local function waits(t, job, what) t.eq({job:wait(0)}, {nil, "timeout"}, what) end

-- A call as a message: the code in its answer. The message goes to `port` and carries `rights`.
local function ask(port, id, rights, body)
    local kr, msg = mach.rpc{remote = port, disp = COPY_SEND, id = id, ports = rights,
                             body = body and NDR .. body}
    must(kr, "rpc")
    return (string.unpack("<i4", msg.body, 9))
end

-- ---- semaphore_signal_thread --------------------------------------------------------------------

test("semaphore_signal_thread lets just that thread go, whoever's turn it is.", function(t)
    for _, policy in ipairs{FIFO, PRIORITY, RANDOM} do
        local sem, jobs = semaphore(policy), {}
        for i = 1, 3 do jobs[i] = waiter("semaphore_wait", sem) end
        t.eq(mach.semaphore_signal_thread(sem, jobs[2].thread), 0, "signal to the second")
        ends(t, jobs[2], 0, "the second")
        waits(t, jobs[1], "the first")
        waits(t, jobs[3], "the third")
        must(mach.semaphore_signal_all(sem), "signal_all")
        ends(t, jobs[1], 0, "the first, at last")
        ends(t, jobs[3], 0, "the third, at last")
        destroy(sem)
    end
end)

test("A thread that does not wait for that semaphore is KERN_NOT_WAITING, and nothing is kept.",
function(t)
    local sem, other = semaphore(), semaphore()
    local job = waiter("semaphore_wait", other)
    t.eq(mach.semaphore_signal_thread(sem, job.thread), NOT_WAITING, "it waits for another one")
    t.eq(mach.semaphore_signal_thread(sem, mach.mach_thread_self()), NOT_WAITING, "oneself")
    t.eq(mach.semaphore_signal_thread(sem, 0), NOT_WAITING, "the null port: nobody waits")
    t.eq({drain(sem), drain(other)}, {0, 0}, "values")
    must(mach.semaphore_signal(other), "signal")
    ends(t, job, 0, "the thread")
    destroy(sem, other)
end)

test("With the null port the waiter that is next goes.", function(t)
    local sem = semaphore()
    local first, second = waiter("semaphore_wait", sem), waiter("semaphore_timedwait", sem, NEVER)
    t.eq(mach.semaphore_signal_thread(sem, 0), 0, "once")
    ends(t, first, 0, "the first")
    waits(t, second, "the second")
    t.eq(mach.semaphore_signal_thread(sem, 0), 0, "twice")
    ends(t, second, 0, "the second")
    destroy(sem)
end)

test("semaphore_signal_thread as a message gives up the right to the thread that it carried.",
function(t)
    local sem = semaphore()
    local job = waiter("semaphore_wait", sem)
    local function rights()
        return select(2, mach.minato_port_info(mach.mach_task_self(), job.thread)).srights
    end
    local before = rights()
    mach.thread_suspend(job.thread) -- or it might have ended before its rights are counted
    t.eq(ask(sem, 617013, {{job.thread, COPY_SEND}}), 0, "the signal")
    t.eq(rights(), before, "send rights to the thread")
    mach.thread_resume(job.thread)
    ends(t, job, 0, "the thread")
    destroy(sem)
end)

test("semaphore_signal_thread: what is no semaphore or no thread.", function(t)
    local sem, job = semaphore(), nil
    local dead = threads.create()
    must(mach.thread_terminate(dead), "terminate")
    job = waiter("semaphore_wait", sem)
    for what, name in pairs{task = mach.mach_task_self(), semaphore = sem, ["dead thread"] = dead} do
        t.eq(mach.semaphore_signal_thread(sem, name), INVALID_ARGUMENT, "to a " .. what)
    end
    t.eq(mach.semaphore_signal_thread(mach.mach_task_self(), job.thread), INVALID_ARGUMENT,
         "of a task")
    t.eq(mach.semaphore_signal_thread(0x7777700, job.thread), mach.MACH_SEND_INVALID_DEST,
         "of a name without right")
    t.eq(mach.semaphore_signal_thread(sem, 0x7777700), mach.MACH_SEND_INVALID_RIGHT,
         "to a name without right")
    waits(t, job, "who waits")
    must(mach.semaphore_signal(sem), "signal")
    ends(t, job, 0, "at last")
    deallocate(dead)
    destroy(sem)
end)

-- ---- a signal and a wait ------------------------------------------------------------------------

test("semaphore_wait_signal gives one signal and takes one, waiting if need be.", function(t)
    local wait, signal = semaphore(FIFO, 1), semaphore()
    t.eq(mach.semaphore_wait_signal(wait, signal), 0, "there is one to take")
    t.eq({drain(wait), drain(signal)}, {0, 1}, "values")
    local job = waiter("semaphore_wait_signal", wait, signal)
    t.eq(drain(signal), 1, "the signal comes before the wait")
    must(mach.semaphore_signal(wait), "signal")
    ends(t, job, 0, "the wait")
    t.eq({drain(wait), drain(signal)}, {0, 0}, "values afterwards")
    destroy(wait, signal)
end)

test("Two threads that signal each other and wait take turns, without a turn lost.", function(t)
    local ping, pong, port = semaphore(), semaphore(), ports.allocate()
    ports.set_limit(port, 100)
    local code = [[
        if args.first then mach.semaphore_wait(args.wait) end
        for i = 1, 20 do
            mach.send{remote = args.port, disp = mach.MACH_MSG_TYPE_MAKE_SEND, id = args.id}
            local kr = mach.semaphore_timedwait_signal(args.wait, args.signal,
                                                       {tv_sec = 1, tv_nsec = 0})
            if kr ~= 0 then return {i, kr} end
        end
        return "done"
    ]]
    local a = spawn.thread(code, {wait = ping, signal = pong, port = port, id = 1, first = true})
    local b = spawn.thread(code, {wait = pong, signal = ping, port = port, id = 2, first = true})
    must(mach.semaphore_signal(ping), "signal")
    local ok, first = a:wait(8000)
    t.eq({ok, first}, {true, "done"}, "the first")
    must(mach.semaphore_signal(pong), "the last turn's")
    t.eq({b:wait(8000)}, {true, "done"}, "the second")
    local want = {}
    for i = 1, 40 do want[i] = 2 - i % 2 end
    t.eq(ports.drain(port), want, "turns")
    ports.destroy(port)
    destroy(ping, pong)
end)

test("Whoever the signal lets go finds the caller waiting, however urgent it is.", function(t)
    local wait, signal = semaphore(), semaphore()
    local urgent = spawn.thread([[
        mach.thread_policy(mach.mach_thread_self(), mach.POLICY_FIFO, {base_priority = 10}, false)
        mach.semaphore_wait(args.signal)
        return mach.semaphore_signal_thread(args.wait, 0)
    ]], {wait = wait, signal = signal})
    threads.wait_until_waiting(urgent.thread)
    t.eq(mach.semaphore_timedwait_signal(wait, signal, {tv_sec = 1, tv_nsec = 0}), 0, "the wait")
    ends(t, urgent, 0, "the urgent thread: KERN_NOT_WAITING otherwise")
    destroy(wait, signal)
end)

test("One semaphore may be both: the signal is the caller's own, or goes to who waits before it.",
function(t)
    local sem = semaphore()
    t.eq(mach.semaphore_wait_signal(sem, sem), 0, "alone")
    t.eq(drain(sem), 0, "value")
    local job = waiter("semaphore_wait", sem)
    t.eq(mach.semaphore_timedwait_signal(sem, sem, AT_ONCE), TIMED_OUT, "with a waiter before")
    ends(t, job, 0, "which goes")
    destroy(sem)
end)

test("semaphore_timedwait_signal times out at its time; the signal was given.", function(t)
    local wait, signal = semaphore(), semaphore()
    for i, ms in ipairs{0, 1, 30} do
        local before = clock.now()
        t.eq(mach.semaphore_timedwait_signal(wait, signal, {tv_sec = 0, tv_nsec = ms * 1000000}),
             TIMED_OUT, ms .. " ms")
        local took = clock.now() - before
        t.ok(took >= ms and took < ms + 2, ("%d ms took %.3f"):format(ms, took))
        t.eq(drain(signal), 1, "signal " .. i)
    end
    for _, nsec in ipairs{-1, 1000000000} do
        t.eq(mach.semaphore_timedwait_signal(wait, signal, {tv_sec = 0, tv_nsec = nsec}),
             mach.KERN_INVALID_VALUE, "nanoseconds " .. nsec)
    end
    t.eq(drain(signal), 0, "a bad time gives no signal")
    destroy(wait, signal)
end)

test("If the signal is refused there is no wait, and nothing is taken.", function(t)
    local wait, full = semaphore(FIFO, 1), semaphore(FIFO, 0x7fffffff)
    t.eq(mach.semaphore_wait_signal(wait, full), mach.KERN_FAILURE, "a count at its largest")
    t.eq(mach.semaphore_timedwait_signal(wait, full, AT_ONCE), mach.KERN_FAILURE, "timed")
    t.eq(drain(wait), 1, "value of the other")
    destroy(wait, full)
end)

test("thread_abort ends the wait with KERN_ABORTED, destruction with KERN_TERMINATED.", function(t)
    local wait, signal = semaphore(), semaphore()
    local job = waiter("semaphore_wait_signal", wait, signal)
    must(mach.thread_abort(job.thread), "abort")
    ends(t, job, mach.KERN_ABORTED, "aborted")
    t.eq({drain(wait), drain(signal)}, {0, 1}, "values: nothing taken, the signal given")
    local first = waiter("semaphore_wait_signal", wait, signal)
    local second = waiter("semaphore_timedwait_signal", wait, signal, NEVER)
    destroy(signal)
    waits(t, first, "the end of what was signalled does not matter any more")
    destroy(wait)
    ends(t, first, TERMINATED, "destroyed")
    ends(t, second, TERMINATED, "destroyed, timed")
end)

test("A name that is no semaphore's: the message's codes, and neither is touched.", function(t)
    local sem, dead = semaphore(FIFO, 1), semaphore()
    must(mach.semaphore_destroy(mach.mach_task_self(), dead), "semaphore_destroy")
    for _, call in ipairs{"semaphore_wait_signal", "semaphore_timedwait_signal"} do
        local function answer(wait, signal) return mach[call](wait, signal, AT_ONCE) end
        if call == "semaphore_wait_signal" then answer = mach[call] end
        t.eq(answer(sem, mach.mach_task_self()), INVALID_ARGUMENT, call .. ": signal to a task")
        t.eq(answer(mach.mach_task_self(), sem), INVALID_ARGUMENT, call .. ": wait for a task")
        t.eq(answer(sem, 0), INVALID_ARGUMENT, call .. ": signal to the null port")
        t.eq(answer(sem, 0x7777700), mach.MACH_SEND_INVALID_RIGHT, call .. ": signal to no right")
        t.eq(answer(0x7777700, sem), mach.MACH_SEND_INVALID_DEST, call .. ": wait for no right")
        t.eq(answer(sem, dead), TERMINATED, call .. ": signal to a destroyed one")
        t.eq(answer(dead, sem), mach.MACH_SEND_INVALID_DEST, call .. ": wait for a destroyed one")
    end
    t.eq(drain(sem), 1, "value")
    deallocate(dead)
    destroy(sem)
end)

-- ---- the same as messages -----------------------------------------------------------------------

test("The messages do what the traps do.", function(t)
    local wait, signal, here = semaphore(FIFO, 2), semaphore(), mach.mach_thread_self()
    local time = string.pack("<I4I4", 0, 1000000)
    t.eq(ask(wait, 617015, {{signal, COPY_SEND}}), 0, "semaphore_wait_signal")
    t.eq(ask(wait, 617016, {{signal, COPY_SEND}}, time), 0, "semaphore_timedwait_signal")
    t.eq({drain(wait), drain(signal)}, {0, 2}, "values")
    t.eq(ask(wait, 617016, {{signal, COPY_SEND}}, time), TIMED_OUT, "… when there is none to take")
    t.eq(drain(signal), 1, "the signal")
    t.eq(ask(wait, 617013, {{here, COPY_SEND}}), NOT_WAITING, "semaphore_signal_thread")
    t.eq(ask(wait, 617013, {{0, COPY_SEND}}), NOT_WAITING, "… to the null port")
    t.eq(ask(wait, 617013, {{wait, COPY_SEND}}), INVALID_ARGUMENT, "… to a semaphore")
    local job = waiter("semaphore_wait", wait)
    t.eq(ask(wait, 617013, {{job.thread, COPY_SEND}}), 0, "… to a waiter")
    ends(t, job, 0, "which goes")
    job = waiter("semaphore_wait", wait)
    t.eq(ask(wait, 617013, {{0, COPY_SEND}}), 0, "… to the null port, with a waiter")
    ends(t, job, 0, "which goes")
    destroy(wait, signal)
end)
