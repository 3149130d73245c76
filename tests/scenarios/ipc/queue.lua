-- SPDX-License-Identifier: BSD-2-Clause
-- Message queues: the limit, senders that wait for room and in which order they get it, what
-- ignores the limit, first in first out, and which of several waiting receivers is served.
-- Manual: mach_msg, mach_port_set_attributes; limits: include/mach/port.h.

local must, ports = require "must", require "ports"
local clock = require "clock"
local allocate, destroy, info = ports.allocate, ports.destroy, ports.info
local wait_until = ports.wait_until
local sleep, now = clock.sleep, clock.now

local self = mach.mach_task_self()
local RECEIVE = mach.MACH_PORT_RIGHT_RECEIVE
local COPY_SEND = mach.MACH_MSG_TYPE_COPY_SEND
local MAKE_ONCE, MOVE_ONCE = mach.MACH_MSG_TYPE_MAKE_SEND_ONCE, mach.MACH_MSG_TYPE_MOVE_SEND_ONCE
local TIMED_OUT = mach.MACH_SEND_TIMED_OUT
local LIMITS = mach.MACH_PORT_LIMITS_INFO

-- A port with send and receive right; nil: the default limit.
local function port_with(limit)
    local name = ports.both()
    if limit then
        ports.set_limit(name, limit)
    end
    return name
end

-- Sends a message without waiting, to the port's send right unless told otherwise.
local function try(port, id, disp)
    local kr, msg = mach.send{remote = port, disp = disp or COPY_SEND, id = id, timeout = 0}
    if kr == TIMED_OUT then -- give back what the message brought back
        must(mach.mach_port_deallocate(self, msg.remote), "deallocate")
    end
    return kr
end

local function take(t, port, want)
    local kr, msg = mach.receive{port = port, timeout = 0}
    t.eq({kr, msg.id}, {0, want}, "message " .. tostring(want))
end

-- A thread that sends a message with that id and answers with the result.
local function sender(port, id)
    return spawn.thread(function()
        return (mach.send{remote = args.port, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = args.id})
    end, {port = port, id = id})
end

-- Fills a queue of one message with id 0 and lets `n` senders wait, who bring the ids 1 to `n`.
local function waiting_senders(t, port, n)
    local jobs = {}
    t.eq(try(port, 0), 0, "fill the queue")
    for id = 1, n do
        jobs[id] = sender(port, id)
        wait_until(port, "senders", id)
    end
    return jobs
end

local function ends_with(t, job, want, what) t.eq({job:wait(900)}, {true, want}, what) end

local function end_well(t, jobs)
    for id, job in ipairs(jobs) do ends_with(t, job, 0, "sender " .. id) end
end

test("A new port takes MACH_PORT_QLIMIT_DEFAULT messages, the next sender waits.", function(t)
    local port = port_with(nil)
    for id = 1, mach.MACH_PORT_QLIMIT_DEFAULT do t.eq(try(port, id), 0, "message " .. id) end
    t.eq(try(port, 99), TIMED_OUT, "one more")
    t.eq(info(port).queue_length, mach.MACH_PORT_QLIMIT_DEFAULT, "queue")
    destroy(port)
end)

test("A port takes exactly as many messages as its limit says.", function(t)
    for _, limit in ipairs{1, 2, 3, 16, 100} do
        local port = port_with(limit)
        local taken = 0
        while taken < 200 and try(port, taken) == 0 do taken = taken + 1 end
        t.eq(taken, limit, "limit " .. limit)
        take(t, port, 0)
        t.eq(try(port, 500), 0, "room again")
        t.eq(try(port, 501), TIMED_OUT, "full again")
        destroy(port)
    end
end)

test("The largest limit is 1024, the smallest 1: KERN_INVALID_VALUE beyond, no change.", function(t)
    local port = port_with(7)
    for _, limit in ipairs{0, 1025, 0x7fffffff, 0x80000000, 0xffffffff} do
        t.eq(mach.mach_port_set_attributes(self, port, LIMITS, {mpl_qlimit = limit}),
             mach.KERN_INVALID_VALUE, "limit " .. limit)
        local _, got = mach.mach_port_get_attributes(self, port, LIMITS)
        t.eq(got, {mpl_qlimit = 7}, "limit afterwards")
    end
    for _, limit in ipairs{1, 1024} do
        t.eq(mach.mach_port_set_attributes(self, port, LIMITS, {mpl_qlimit = limit}), 0,
             "limit " .. limit)
        local _, got = mach.mach_port_get_attributes(self, port, LIMITS)
        t.eq(got, {mpl_qlimit = limit}, "limit afterwards")
    end
    local taken = 0
    while taken < 1100 and try(port, taken) == 0 do taken = taken + 1 end
    t.eq(taken, 1024, "messages taken")
    destroy(port)
end)

test("Messages are received in the order in which they were sent.", function(t)
    local port = port_with(64)
    for id = 1, 64 do t.eq(try(port, id), 0, "send") end
    for id = 1, 32 do take(t, port, id) end
    for id = 65, 96 do t.eq(try(port, id), 0, "send") end
    for id = 33, 96 do take(t, port, id) end
    t.eq(mach.receive{port = port, timeout = 0}, mach.MACH_RCV_TIMED_OUT, "empty")
    destroy(port)
end)

test("A full queue makes the sender wait until a message is taken.", function(t)
    local port = port_with(1)
    local jobs = waiting_senders(t, port, 1)
    sleep(50)
    t.eq({info(port).senders, info(port).queue_length}, {1, 1}, "it waits")
    take(t, port, 0)
    end_well(t, jobs)
    take(t, port, 1)
    destroy(port)
end)

test("With a timeout the sender waits that long for room.", function(t)
    local port = port_with(1)
    t.eq(try(port, 1), 0, "the first")
    for _, ms in ipairs{1, 20, 150} do
        local start = now()
        local kr, msg = mach.send{remote = port, disp = COPY_SEND, timeout = ms}
        local passed = now() - start
        t.eq(kr, TIMED_OUT, ms .. " ms")
        t.ok(passed >= ms and passed < ms + 20, ("%g ms for %d"):format(passed, ms))
        t.eq(mach.mach_port_deallocate(self, msg.remote), 0, "deallocate")
    end
    t.eq({info(port).senders, info(port).queue_length}, {0, 1}, "the queue is as before")
    destroy(port)
end)

test("Room that comes in time lets a sender with a timeout in.", function(t)
    local port = port_with(1)
    t.eq(try(port, 1), 0, "the first")
    local job = spawn.thread(function()
        return (mach.send{remote = args.port, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = 2,
                          timeout = 800})
    end, {port = port})
    wait_until(port, "senders", 1)
    take(t, port, 1)
    ends_with(t, job, 0, "the sender")
    take(t, port, 2)
    destroy(port)
end)

test("MACH_SEND_TIMEOUT does not hurt a message for which there is room.", function(t)
    local port = port_with(1)
    t.eq(mach.send{remote = port, disp = COPY_SEND, id = 1, timeout = 0}, 0, "timeout 0")
    take(t, port, 1)
    t.eq(mach.send{remote = port, disp = COPY_SEND, id = 2, timeout = 5}, 0, "timeout 5")
    take(t, port, 2)
    destroy(port)
end)

test("Waiting senders get in one by one, in the order in which they came.", function(t)
    local port = port_with(1)
    local jobs = waiting_senders(t, port, 5)
    for id = 0, 5 do
        take(t, port, id)
        t.eq({info(port).senders, info(port).queue_length},
             {math.max(4 - id, 0), id < 5 and 1 or 0}, "after message " .. id)
    end
    end_well(t, jobs)
    destroy(port)
end)

test("A newcomer cannot overtake senders that wait.", function(t)
    local port = port_with(1)
    local jobs = waiting_senders(t, port, 1)
    take(t, port, 0)
    t.eq(try(port, 2), TIMED_OUT, "the place belongs to the waiting sender")
    take(t, port, 1)
    end_well(t, jobs)
    destroy(port)
end)

test("Raising the limit lets as many waiting senders in as there is room now.", function(t)
    local port = port_with(1)
    local jobs = waiting_senders(t, port, 4)
    ports.set_limit(port, 3)
    t.eq({info(port).senders, info(port).queue_length}, {2, 3}, "limit 3")
    ports.set_limit(port, 10)
    t.eq({info(port).senders, info(port).queue_length}, {0, 5}, "limit 10")
    for id = 0, 4 do take(t, port, id) end
    end_well(t, jobs)
    destroy(port)
end)

test("A limit below the number of queued messages removes none and lets none in.", function(t)
    local port = port_with(5)
    for id = 1, 5 do t.eq(try(port, id), 0, "send") end
    ports.set_limit(port, 2)
    t.eq(info(port).queue_length, 5, "queue")
    for id = 1, 3 do
        t.eq(try(port, 9), TIMED_OUT, "no room")
        take(t, port, id)
    end
    t.eq(try(port, 9), TIMED_OUT, "two left, limit 2")
    take(t, port, 4)
    t.eq(try(port, 6), 0, "one left, limit 2")
    take(t, port, 5)
    take(t, port, 6)
    destroy(port)
end)

test("A message to a send-once right ignores the limit.", function(t)
    local port = port_with(1)
    t.eq(try(port, 1), 0, "fill the queue")
    for id = 2, 6 do t.eq(try(port, id, MAKE_ONCE), 0, "to a send-once right") end
    local once = ports.once(port)
    t.eq(try(once, 7, MOVE_ONCE), 0, "to a moved send-once right")
    t.eq(info(port).queue_length, 7, "queue")
    for id = 1, 6 do
        take(t, port, id)
        t.eq(try(port, 9), TIMED_OUT, "no room for others yet")
    end
    take(t, port, 7)
    t.eq(try(port, 9), 0, "room")
    destroy(port)
end)

test("Notifications ignore the limit.", function(t)
    local port = port_with(1)
    t.eq(try(port, 1), 0, "fill the queue")
    local once = ports.once(port)
    destroy(once)
    take(t, port, 1)
    take(t, port, mach.MACH_NOTIFY_SEND_ONCE)
    destroy(port)
end)

test("When the port dies its waiting senders succeed, as if their messages had been queued.",
function(t)
    local port, jobs, reply = port_with(1), {}, allocate(RECEIVE)
    t.eq(try(port, 1), 0, "fill the queue")
    for i = 1, 3 do
        jobs[i] = spawn.thread(function()
            return (mach.send{remote = args.port, disp = mach.MACH_MSG_TYPE_COPY_SEND,
                              local_port = args.reply,
                              local_disp = mach.MACH_MSG_TYPE_MAKE_SEND_ONCE})
        end, {port = port, reply = reply})
    end
    wait_until(port, "senders", 3)
    t.eq(mach.mach_port_mod_refs(self, port, RECEIVE, -1), 0, "the port dies")
    for i = 1, 3 do ends_with(t, jobs[i], 0, "sender " .. i) end
    for _ = 1, 3 do take(t, reply, mach.MACH_NOTIFY_SEND_ONCE) end
    t.eq(mach.receive{port = reply, timeout = 0}, mach.MACH_RCV_TIMED_OUT, "no more than three")
    destroy(port, reply)
end)

test("A waiting receiver takes the message directly: the queue stays empty.", function(t)
    local port = port_with(1)
    local job = spawn.thread(function()
        local kr, msg = mach.receive{port = args.port}
        return {kr, msg.id, msg.seqno}
    end, {port = port})
    wait_until(port, "waiters", 1)
    t.eq(try(port, 1), 0, "the first, for the receiver")
    t.eq(try(port, 2), 0, "the second, for the queue")
    t.eq(try(port, 3), TIMED_OUT, "the third has no room")
    ends_with(t, job, {0, 1, 0}, "the receiver")
    take(t, port, 2)
    destroy(port)
end)

-- A thread of its own priority that receives one message on `port`.
local function receiver(port, priority)
    return spawn.thread(function()
        if args.priority then
            local kr = mach.thread_policy(mach.mach_thread_self(), mach.POLICY_TIMESHARE,
                                          {base_priority = args.priority}, false)
            if kr ~= 0 then error("thread_policy: " .. mach.error_string(kr)) end
        end
        local kr, msg = mach.receive{port = args.port}
        return {kr, msg.id}
    end, {port = port, priority = priority})
end

test("Receivers of one priority are served first come, first served.", function(t)
    local port, jobs = port_with(20), {}
    for i = 1, 5 do
        jobs[i] = receiver(port)
        wait_until(port, "waiters", i)
    end
    for id = 1, 5 do t.eq(try(port, id), 0, "send") end
    for i = 1, 5 do ends_with(t, jobs[i], {0, i}, "receiver " .. i) end
    destroy(port)
end)

test("A receiver of a more urgent priority is served before one that came earlier.", function(t)
    local port = port_with(20)
    local kr, base = mach.thread_info(mach.mach_thread_self(), mach.THREAD_SCHED_TIMESHARE_INFO)
    t.eq(kr, 0, "thread_info")
    local first = receiver(port, base.base_priority + 24)
    wait_until(port, "waiters", 1)
    local second = receiver(port, base.base_priority + 8)
    wait_until(port, "waiters", 2)
    local third = receiver(port, base.base_priority + 16)
    wait_until(port, "waiters", 3)
    for id = 1, 3 do t.eq(try(port, id), 0, "send") end
    ends_with(t, second, {0, 1}, "the most urgent")
    ends_with(t, third, {0, 2}, "the next")
    ends_with(t, first, {0, 3}, "the least urgent, though it came first")
    destroy(port)
end)

test("Each message goes to one receiver only.", function(t)
    local port, jobs, seen = port_with(50), {}, {}
    for i = 1, 8 do
        jobs[i] = spawn.thread(function()
            local got = {}
            while true do
                local kr, msg = mach.receive{port = args.port, timeout = 100}
                if kr ~= 0 then return got end
                got[#got + 1] = msg.id
            end
        end, {port = port})
    end
    wait_until(port, "waiters", 8)
    for id = 1, 40 do t.eq(try(port, id), 0, "send") end
    for i = 1, 8 do
        local ok, got = jobs[i]:wait(900)
        t.eq(ok, true, "receiver " .. i)
        for _, id in ipairs(ok and got or {}) do
            t.eq(seen[id], nil, ("message %d comes once"):format(id))
            seen[id] = true
        end
    end
    for id = 1, 40 do t.ok(seen[id], ("message %d came"):format(id)) end
    t.eq(info(port).seqno, 40, "messages received")
    destroy(port)
end)
