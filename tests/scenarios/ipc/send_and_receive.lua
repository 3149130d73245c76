-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 20
-- Sending and receiving in one call to a receiver that waits already, the way of nearly every RPC
-- and the kernel's short way: everything is as if it had been two calls. So the rules of the
-- other scenarios are checked here once more under these circumstances.

local must, ports = require "must", require "ports"
local memory, threads, seen = require "memory", require "threads", require "jobs".answer
local clock, counts, semaphores = require "clock", require "counts", require "semaphores"
local calls = require "calls"
local message, call, fields, server = calls.message, calls.call, calls.fields, calls.server
local allocate, both, once = ports.allocate, ports.both, ports.once
local destroy, info, wait_until = ports.destroy, ports.info, ports.wait_until

local self = mach.mach_task_self()
local SEND, SET = mach.MACH_PORT_RIGHT_SEND, mach.MACH_PORT_RIGHT_PORT_SET
local MAKE_SEND, COPY_SEND, MOVE_SEND = mach.MACH_MSG_TYPE_MAKE_SEND, mach.MACH_MSG_TYPE_COPY_SEND,
    mach.MACH_MSG_TYPE_MOVE_SEND
local MAKE_ONCE, MOVE_ONCE = mach.MACH_MSG_TYPE_MAKE_SEND_ONCE, mach.MACH_MSG_TYPE_MOVE_SEND_ONCE
local PORT_SEND, PORT_ONCE = mach.MACH_MSG_TYPE_PORT_SEND, mach.MACH_MSG_TYPE_PORT_SEND_ONCE
local NO_SENDERS, SEND_ONCE, DEAD_NAME, PORT_DELETED = mach.MACH_NOTIFY_NO_SENDERS,
    mach.MACH_NOTIFY_SEND_ONCE, mach.MACH_NOTIFY_DEAD_NAME, mach.MACH_NOTIFY_PORT_DELETED
local NDR = string.pack("<I8", 0)

-- A thread's or task's: answers `calls` messages on `port`, each in one call with receiving the
-- next. The answer is the result.
local function answer_and_receive()
    local receive = mach.MACH_RCV_MSG | mach.MACH_RCV_TRAILER_ELEMENTS(1)
    local kr, bytes = mach.mach_msg("", receive, 0, 400, args.port, 0, 0)
    for i = 1, args.calls do
        if kr ~= 0 then return "call " .. i .. ": " .. mach.error_string(kr) end
        local bits, size, remote, _, _, id = string.unpack("<I4I4I4I4I4i4", bytes)
        local answer = string.pack("<I4I4I4I4I4i4", bits & 0xff, 0, remote, 0, 0, id + 100) ..
            bytes:sub(25, size):reverse()
        local last = i == args.calls
        kr, bytes = mach.mach_msg(answer, mach.MACH_SEND_MSG | (last and 0 or receive), #answer,
                                  400, args.port, 0, 0)
    end
    return kr
end

-- `count` calls to that, each of which is looked at.
local function call_all(t, port, reply, count)
    for i = 1, count do
        local body = ("%04d"):format(i):rep(i % 30)
        local kr, bytes = call(message(mach.MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE), port, reply, i,
                                       body), reply)
        local got = fields(bytes)
        local seen = {kr, got.bits, got.id, got.body, got.seqno}
        local right = {0, mach.MACH_MSGH_BITS(0, PORT_ONCE), i + 100, body:reverse(), i - 1}
        for n, value in ipairs(right) do
            if seen[n] ~= value then return t.eq(seen, right, "call " .. i) end
        end
    end
end

test("A hundred calls by threads that reply and receive in one call, too.", function(t)
    local port, reply = both(), allocate()
    local job = spawn.thread(answer_and_receive, {port = port, calls = 100})
    wait_until(port, "waiters", 1)
    call_all(t, port, reply, 100)
    t.eq({job:wait(900)}, {true, 0}, "the server")
    t.eq({info(port).seqno, info(port).srights, info(port).mscount}, {100, 1, 1},
         "the server's port")
    t.eq({info(reply).seqno, info(reply).sorights}, {100, 0}, "the reply port")
    destroy(port, reply)
end)

test("A hundred calls to another task that replies and receives in one call, too.", function(t)
    local port, reply = both(), allocate()
    local job = spawn.task(answer_and_receive, {calls = 100}, {port = {port, mach.MACH_MSG_TYPE_MOVE_RECEIVE}})
    wait_until(port, "waiters", 1)
    call_all(t, port, reply, 100)
    t.eq({job:wait(900)}, {true, 0}, "the server")
    t.eq({info(reply).seqno, info(reply).sorights}, {100, 0}, "the reply port")
    destroy(port, reply) -- the first is a dead name now
end)

test("Every disposition of destination and reply port arrives as it does otherwise.", function(t)
    local dispositions = {{MAKE_SEND, PORT_SEND}, {COPY_SEND, PORT_SEND}, {MOVE_SEND, PORT_SEND},
                          {MAKE_ONCE, PORT_ONCE}, {MOVE_ONCE, PORT_ONCE}}
    for _, dest in ipairs(dispositions) do
        for _, back in ipairs{{MAKE_SEND, PORT_SEND}, {COPY_SEND, PORT_SEND},
                              {MOVE_SEND, PORT_SEND}, {MAKE_ONCE, PORT_ONCE}} do
            local what = ("destination %d, reply %d"):format(dest[1], back[1])
            local port, reply = both(2), both(2)
            local target = dest[1] == MOVE_ONCE and once(port) or port
            local job = server(port)
            local kr, bytes = call(message(mach.MACH_MSGH_BITS(dest[1], back[1]), target, reply, 5,
                                           "body"), reply)
            local got, at = fields(bytes), seen(t, job)
            t.eq({kr, got.id, got.body, got.port}, {0, 105, "body", reply}, what)
            t.eq({at.bits, at.id, at.port, at.seqno, at[2]},
                 {mach.MACH_MSGH_BITS(back[2], dest[2]), 5, port, 0, 0}, what .. ": at the server")
            t.eq({info(port).type, info(port).urefs, info(port).sorights, info(port).mscount},
                 {mach.MACH_PORT_TYPE_SEND_RECEIVE, dest[1] == MOVE_SEND and 1 or 2, 0,
                  dest[1] == MAKE_SEND and 2 or 1}, what .. ": the server's port afterwards")
            t.eq({info(reply).sorights, info(reply).queue_length}, {0, 0},
                 what .. ": the reply port")
            if target ~= port then
                t.eq(ports.type_of(target), ports.NOTHING, "the target")
            end
            destroy(port, reply)
        end
    end
end)

test("A call without reply port: the server gets none, the caller waits for something else.",
function(t)
    local port, other = both(), allocate()
    local job = server(port)
    must(mach.send{remote = other, disp = MAKE_SEND, id = 9}, "send")
    local kr, bytes = call(message(COPY_SEND, port, 0, 5), other)
    t.eq({kr, fields(bytes).id}, {0, 9}, "the message that was there")
    local at = seen(t, job)
    t.eq({at.id, at.bits, at.name}, {5, mach.MACH_MSGH_BITS(0, PORT_SEND), 0}, "at the server")
    destroy(port, other)
end)

test("A call without reply port may have a disposition for it; the server sees what it stands for.",
function(t)
    local carried = {[0] = 0, [MAKE_SEND] = PORT_SEND, [COPY_SEND] = PORT_SEND,
                     [MOVE_SEND] = PORT_SEND, [MAKE_ONCE] = PORT_ONCE, [MOVE_ONCE] = PORT_ONCE}
    local port, other = both(), allocate()
    for disposition, seen_as in pairs(carried) do
        for way, option in ipairs{0, mach.MACH_SEND_TIMEOUT} do
            local job = spawn.thread(function()
                local kr, msg = mach.receive{port = args.port}
                mach.send{remote = args.other, disp = mach.MACH_MSG_TYPE_MAKE_SEND, id = 9}
                return {kr, msg.bits, msg.remote}
            end, {port = port, other = other})
            wait_until(port, "waiters", 1)
            local bytes = message(mach.MACH_MSGH_BITS(COPY_SEND, disposition), port, 0, 5)
            local kr, got = mach.mach_msg(bytes, mach.MACH_SEND_MSG | mach.MACH_RCV_MSG | option |
                                          mach.MACH_RCV_TRAILER_ELEMENTS(1), 24, 200, other, 0, 0)
            local what = ("disposition %d, way %d"):format(disposition, way)
            t.eq({kr, fields(got).id}, {0, 9}, what)
            t.eq(seen(t, job), {0, mach.MACH_MSGH_BITS(seen_as, PORT_SEND), 0}, what)
        end
    end
    destroy(port, other)
end)

test("A message that waits at the reply port already is received first.", function(t)
    local port, reply = both(), both()
    must(mach.send{remote = reply, disp = COPY_SEND, id = 1}, "send")
    local job = server(port)
    local kr, bytes = call(message(mach.MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE), port, reply, 5),
                           reply)
    t.eq({kr, fields(bytes).id, fields(bytes).seqno}, {0, 1, 0}, "the old message")
    t.eq(seen(t, job).id, 5, "the server got the call")
    local got, msg = mach.receive{port = reply, timeout = 0}
    t.eq({got, msg.id, msg.seqno}, {0, 105, 1}, "then the reply")
    destroy(port, reply)
end)

test("The caller may wait at another port than the answer is sent to.", function(t)
    local port, reply, other = both(), allocate(), allocate()
    local job = spawn.thread(function()
        require "calls".touch_buffer()
        local kr, msg = mach.receive{port = args.port}
        mach.send{remote = msg.remote, id = 105}
        mach.send{remote = args.other, disp = mach.MACH_MSG_TYPE_MAKE_SEND, id = 9}
        return kr
    end, {port = port, other = other})
    wait_until(port, "waiters", 1)
    local bits = mach.MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE)
    local kr, bytes = call(message(bits, port, reply, 5), other)
    t.eq({kr, fields(bytes).id, fields(bytes).port}, {0, 9, other}, "what came there")
    t.eq(seen(t, job), 0, "the server")
    local got, msg = mach.receive{port = reply, timeout = 0}
    t.eq({got, msg.id}, {0, 105}, "then the answer")
    destroy(port, reply, other)
end)

test("The receiver gets the trailer that it asked for, with the caller's token.", function(t)
    local _, token = mach.task_info(self, mach.TASK_SECURITY_TOKEN)
    for elements = 1, 2 do
        local port, reply = both(), allocate()
        local job = server(port, {options = mach.MACH_RCV_TRAILER_ELEMENTS(elements)})
        t.eq((call(message(mach.MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE), port, reply, 5), reply)), 0,
             "call")
        local at = seen(t, job)
        t.eq({at.seqno, at.sender}, {0, elements == 2 and token.val or nil}, "trailer")
        destroy(port, reply)
    end
end)

test("Nothing is written behind the message and trailer of a receiver that waited.", function(t)
    local port, reply = both(), allocate()
    local job = spawn.thread(function()
        local filler = ("\xee"):rep(100)
        return select(2, mach.mach_msg(filler, mach.MACH_RCV_MSG, 0, 100, args.port, 0, 0))
    end, {port = port})
    wait_until(port, "waiters", 1)
    must(mach.send{remote = reply, disp = MAKE_SEND}, "send")
    t.eq((call(message(COPY_SEND, port, 0, 5, "12345678"), reply)), 0, "call")
    local ok, bytes = job:wait(900)
    t.eq({ok, #bytes, string.unpack("<I4I4", bytes, 33)}, {true, 40, 0, 8, 41}, "size and trailer")
    destroy(port, reply)
end)

test("msgh_size and msgh_reserved of the call count for nothing.", function(t)
    local port, reply = both(), allocate()
    local job = spawn.thread(function()
        local filler = ("\xee"):rep(100)
        local _, bytes = mach.mach_msg(filler, mach.MACH_RCV_MSG, 0, 100, args.port, 0, 0)
        mach.send{remote = string.unpack("<I4", bytes, 9)}
        return bytes
    end, {port = port})
    wait_until(port, "waiters", 1)
    local bits = mach.MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE)
    local bytes = string.pack("<I4I4I4I4I4i4", bits, 0xffffffff, port, reply, 0xdeadbeef, 5)
    t.eq((call(bytes, reply)), 0, "call")
    local got, size, _, here, reserved, id = string.unpack("<I4I4I4I4I4i4", seen(t, job))
    t.eq({got, size, here, reserved, id}, {mach.MACH_MSGH_BITS(PORT_ONCE, PORT_SEND), 24, port, 0,
                                           5}, "header at the server")
    destroy(port, reply)
end)

test("Calls and answers count among the messages that a task has sent and received.", function(t)
    local function events()
        local _, found = mach.task_info(self, mach.TASK_EVENTS_INFO)
        return {found.messages_sent, found.messages_received}
    end
    local port, reply = both(), allocate()
    local job = spawn.task(function()
        local kr, msg = mach.receive{port = args.port}
        return kr == 0 and mach.send{remote = msg.remote}
    end, {}, {port = {port, mach.MACH_MSG_TYPE_MOVE_RECEIVE}})
    wait_until(port, "waiters", 1)
    local bytes = message(mach.MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE), port, reply, 5)
    local start, before = events(), events()
    local kr = call(bytes, reply)
    local after = events()
    t.eq({kr, after[1] - before[1], after[2] - before[2]},
         {0, before[1] - start[1] + 1, before[2] - start[2] + 1},
         "one more of each than between two questions")
    t.eq({job:wait(900)}, {true, 0}, "the server")
    destroy(port, reply)
end)

test("A question how many messages there were counts itself, not its answer, on either way.",
function(t)
    local reply = allocate()
    local question = message(mach.MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE), self, reply, 2098, NDR ..
                             string.pack("<i4i4", mach.TASK_EVENTS_INFO, 8)) -- task_info
    local answers = {}
    for _, option in ipairs{0, mach.MACH_RCV_LARGE, 0, mach.MACH_RCV_LARGE} do
        local kr, bytes = mach.mach_msg(question, mach.MACH_SEND_MSG | mach.MACH_RCV_MSG | option,
                                        #question, 200, reply, 0, 0)
        must(kr, "mach_msg")
        -- messages_sent, messages_received
        answers[#answers + 1] = {string.unpack("<i4i4", bytes, 24 + 16 + 12 + 1)}
    end
    for i = 2, 4 do
        local now, last = answers[i], answers[i - 1]
        t.eq({now[1] - last[1], now[2] - last[2]}, {1, 1}, "answer " .. i .. " against the last")
    end
    destroy(reply)
end)

test("A receiver less urgent than a thread that is ready runs after that one.", function(t)
    local port, reply, order, rounds = both(), allocate(), allocate(), 8
    local first, second = semaphores.create(), semaphores.create()
    local function start(urgency, code)
        local job = spawn.thread(code, {port = port, reply = reply, order = order, first = first,
                                        second = second, rounds = rounds})
        threads.wait_until_waiting(job.thread)
        must(mach.thread_policy(job.thread, mach.POLICY_FIFO, {base_priority = urgency}, false),
             "thread_policy")
        return job
    end
    local jobs = {
        answering = start(90, function()
            for _ = 1, args.rounds do
                local kr, msg = mach.receive{port = args.port}
                mach.send{remote = args.order, disp = mach.MACH_MSG_TYPE_MAKE_SEND, id = 90}
                if kr ~= 0 or mach.send{remote = msg.remote} ~= 0 then return kr end
            end
            return 0
        end),
        between = start(80, function()
            for _ = 1, args.rounds do
                mach.semaphore_wait(args.second)
                mach.send{remote = args.order, disp = mach.MACH_MSG_TYPE_MAKE_SEND, id = 80}
            end
            return 0
        end),
        calling = start(70, function()
            local bytes = string.pack("<I4I4I4I4I4i4",
                mach.MACH_MSGH_BITS(mach.MACH_MSG_TYPE_COPY_SEND, mach.MACH_MSG_TYPE_MAKE_SEND_ONCE),
                0, args.port, args.reply, 0, 5)
            for _ = 1, args.rounds do
                mach.semaphore_wait(args.first)
                mach.semaphore_signal(args.second)
                local kr = mach.mach_msg(bytes, mach.MACH_SEND_MSG | mach.MACH_RCV_MSG, 24, 200,
                                         args.reply, 0, 0)
                if kr ~= 0 then return kr end
            end
            return 0
        end),
    }
    -- More than once: the end of a quantum could put them in order, too.
    for round = 1, rounds do
        wait_until(port, "waiters", 1)
        must(mach.semaphore_signal(first), "signal")
        local ids = {}
        for i = 1, 2 do ids[i] = select(2, mach.receive{port = order, timeout = 900}).id end
        t.eq(ids, {80, 90}, "who ran first in round " .. round)
    end
    for what, job in pairs(jobs) do t.eq({job:wait(900)}, {true, 0}, what) end
    semaphores.destroy(first, second)
    destroy(port, reply, order)
end)

test("A receiver that waits on a set is served; the message says which member it came to.",
function(t)
    local port, reply, set = both(), allocate(), allocate(SET)
    must(mach.mach_port_insert_member(self, port, set), "insert_member")
    local job = server(set)
    local kr, bytes = call(message(mach.MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE), port, reply, 5),
                           reply)
    t.eq({kr, fields(bytes).id}, {0, 105}, "call")
    local at = seen(t, job)
    t.eq({at.id, at.port, at.seqno, info(port).seqno}, {5, port, 0, 1}, "at the server")
    destroy(port, reply, set)
end)

test("The caller may wait on a set for the reply.", function(t)
    local port, reply, set = both(), allocate(), allocate(SET)
    must(mach.mach_port_insert_member(self, reply, set), "insert_member")
    local job = server(port)
    local kr, bytes = call(message(mach.MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE), port, reply, 5), set)
    t.eq({kr, fields(bytes).id, fields(bytes).port}, {0, 105, reply}, "call")
    t.eq(seen(t, job).id, 5, "at the server")
    destroy(port, reply, set)
end)

test("A message that waits in the set already is received first.", function(t)
    local port, reply, other, set = both(), allocate(), allocate(), allocate(SET)
    for _, member in ipairs{reply, other} do
        must(mach.mach_port_insert_member(self, member, set), "insert_member")
    end
    must(mach.send{remote = other, disp = MAKE_SEND, id = 9}, "send")
    local job = server(port)
    local bits = mach.MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE)
    local kr, bytes = call(message(bits, port, reply, 5), set)
    t.eq({kr, fields(bytes).id, fields(bytes).port}, {0, 9, other}, "what was there")
    t.eq(seen(t, job).id, 5, "at the server")
    local got, msg = mach.receive{port = set, timeout = 0}
    t.eq({got, msg.id}, {0, 105}, "then the reply")
    destroy(port, reply, other, set)
end)

test("A call with a time limit ends when there is no answer by then.", function(t)
    local port, reply = both(), allocate()
    local job = spawn.thread(function()
        return select(2, mach.receive{port = args.port}).remote
    end, {port = port})
    wait_until(port, "waiters", 1)
    local bytes = message(mach.MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE), port, reply, 5)
    local option = mach.MACH_SEND_MSG | mach.MACH_RCV_MSG | mach.MACH_RCV_TIMEOUT
    t.eq((mach.mach_msg(bytes, option, #bytes, 200, reply, 5, 0)), mach.MACH_RCV_TIMED_OUT, "call")
    destroy(seen(t, job), port, reply)
end)

test("Calls leave nothing in the kernel.", function(t)
    local before = counts.objects()
    local port, reply = both(), allocate()
    for _ = 1, 3 do
        local job = server(port)
        local bits = mach.MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE)
        t.eq((call(message(bits, port, reply, 5), reply)), 0, "call")
        t.eq(seen(t, job).id, 5, "at the server")
        t.eq((call(message(bits, self, reply, 3299), reply)), 0, "call to the kernel")
    end
    destroy(port, reply)
    port, reply = both(), allocate()
    local job = spawn.thread(answer_and_receive, {port = port, calls = 3})
    wait_until(port, "waiters", 1)
    call_all(t, port, reply, 3)
    t.eq({job:wait(900)}, {true, 0}, "the server that answers and receives")
    destroy(port, reply)
    t.eq(counts.objects(), before)
end)

-- ---- notifications -----------------------------------------------------------------------------

local function ask(name, id, notify)
    must(mach.mach_port_request_notification(self, name, id, 0, notify, MAKE_ONCE),
         "request_notification")
end

local function notification(notify)
    local kr, msg = mach.receive{port = notify, timeout = 0}
    if kr ~= 0 then return mach.error_string(kr) end
    return msg.id == SEND_ONCE and {msg.id} or {msg.id, (string.unpack("<I4", msg.body, 9))}
end

test("NO_SENDERS comes when a right made for the call alone is used up.", function(t)
    local port, reply, notify = allocate(), allocate(), allocate()
    ask(port, NO_SENDERS, notify)
    t.eq(notification(notify), {NO_SENDERS, 0}, "at once: there are no senders yet")
    ports.make_send(port)
    ask(port, NO_SENDERS, notify)
    must(mach.mach_port_mod_refs(self, port, SEND, 1), "mod_refs")
    local job = server(port)
    t.eq((call(message(mach.MACH_MSGH_BITS(MAKE_SEND, MAKE_ONCE), port, reply, 5), reply)), 0,
         "call")
    t.eq(notification(notify), mach.error_string(mach.MACH_RCV_TIMED_OUT), "there are senders left")
    t.eq(seen(t, job).id, 5, "at the server")
    must(mach.mach_port_mod_refs(self, port, SEND, -2), "mod_refs")
    t.eq(notification(notify), {NO_SENDERS, 2}, "the last is gone")
    must(mach.mach_port_request_notification(self, port, NO_SENDERS, 3, notify, MAKE_ONCE), "ask")
    job = server(port)
    t.eq((call(message(mach.MACH_MSGH_BITS(MAKE_SEND, MAKE_ONCE), port, reply, 6), reply)), 0,
         "call")
    t.eq(notification(notify), {NO_SENDERS, 3}, "the right made for the call was the last")
    t.eq(seen(t, job).id, 6, "at the server")
    destroy(port, reply, notify)
end)

test("A receiver that waits with MACH_RCV_NOTIFY has its request on the reply right.", function(t)
    local port, reply, notify = both(), allocate(), allocate()
    local job = server(port, {options = mach.MACH_RCV_NOTIFY, notify = notify})
    t.eq((call(message(mach.MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE), port, reply, 5), reply)), 0,
         "call")
    local at = seen(t, job)
    t.eq(at.reply, mach.MACH_PORT_TYPE_SEND_ONCE | mach.MACH_PORT_TYPE_DNREQUEST, "the reply right")
    t.eq(notification(notify), {PORT_DELETED, at.name}, "it was used")
    destroy(port, reply, notify)
end)

test("A send-once right with a dead-name request used in a call ends in PORT_DELETED.", function(t)
    local port, reply, notify = allocate(), allocate(), allocate()
    local right = once(port)
    ask(right, DEAD_NAME, notify)
    local job = server(port)
    t.eq((call(message(mach.MACH_MSGH_BITS(MOVE_ONCE, MAKE_ONCE), right, reply, 5), reply)), 0,
         "call")
    t.eq(seen(t, job).id, 5, "at the server")
    t.eq(notification(notify), {PORT_DELETED, right}, "notification")
    destroy(port, reply, notify)
end)

-- ---- the caller while it waits ------------------------------------------------------------------

-- A thread that calls `port` without a time limit; its answer is the result.
local function caller(port, reply, options)
    return spawn.thread(function()
        local bytes = string.pack("<I4I4I4I4I4i4", mach.MACH_MSGH_BITS(mach.MACH_MSG_TYPE_COPY_SEND,
            mach.MACH_MSG_TYPE_MAKE_SEND_ONCE), 0, args.port, args.reply, 0, 5)
        return (mach.mach_msg(bytes, mach.MACH_SEND_MSG | mach.MACH_RCV_MSG | args.options, 24, 200,
                              args.reply, 0, 0))
    end, {port = port, reply = reply, options = options or 0})
end

-- A thread that receives and keeps the reply right; its answer is the name.
local function keeper(port)
    local job = spawn.thread(function()
        require "calls".touch_buffer()
        local kr, msg = mach.receive{port = args.port}
        return kr == 0 and msg.remote or mach.error_string(kr)
    end, {port = port})
    wait_until(port, "waiters", 1)
    return job
end

test("The caller's wait ends when its reply port dies or goes into a set.", function(t)
    for want, change in pairs{
        [mach.MACH_RCV_PORT_DIED] = function(reply) destroy(reply) end,
        [mach.MACH_RCV_PORT_CHANGED] = function(reply, set)
            must(mach.mach_port_insert_member(self, reply, set), "insert_member")
        end,
    } do
        local port, reply, set = both(), allocate(), allocate(SET)
        local job = keeper(port)
        local client = caller(port, reply)
        wait_until(reply, "waiters", 1)
        change(reply, set)
        t.eq({client:wait(900)}, {true, want}, "the caller")
        local ok, name = job:wait(900)
        t.eq(ok, true, "the server")
        destroy(name)
        mach.mach_port_destroy(self, reply)
        destroy(port, set)
    end
end)

test("The caller's wait can be aborted: MACH_RCV_INTERRUPTED; the call is not sent twice.",
function(t)
    local port, reply = both(), allocate()
    local job = keeper(port)
    local client = caller(port, reply, mach.MACH_RCV_INTERRUPT)
    wait_until(reply, "waiters", 1)
    must(mach.thread_abort(client.thread), "thread_abort")
    t.eq({client:wait(900)}, {true, mach.MACH_RCV_INTERRUPTED}, "with MACH_RCV_INTERRUPT")
    local _, name = job:wait(900)
    destroy(name)
    mach.receive{port = reply, timeout = 0}
    job = keeper(port)
    client = caller(port, reply)
    wait_until(reply, "waiters", 1)
    must(mach.thread_abort(client.thread), "thread_abort")
    wait_until(reply, "waiters", 1)
    t.eq({info(port).queue_length, info(port).seqno}, {0, 2},
         "the library repeats the receive only")
    _, name = job:wait(900)
    must(mach.send{remote = name, disp = MOVE_ONCE}, "reply")
    t.eq({client:wait(900)}, {true, 0}, "without it")
    destroy(port, reply)
end)

test("A caller that was suspended on its way waits like any other, and can be aborted.", function(t)
    local port, reply = both(), allocate()
    local job = keeper(port)
    local client = spawn.thread(function()
        local bytes = string.pack("<I4I4I4I4I4i4", mach.MACH_MSGH_BITS(mach.MACH_MSG_TYPE_COPY_SEND,
            mach.MACH_MSG_TYPE_MAKE_SEND_ONCE), 0, args.port, args.reply, 0, 5)
        mach.thread_suspend(mach.mach_thread_self())
        return (mach.mach_msg(bytes, mach.MACH_SEND_MSG | mach.MACH_RCV_MSG, 24, 200, args.reply, 0,
                              0))
    end, {port = port, reply = reply})
    repeat clock.sleep(1)
    until threads.basic_info(client.thread).run_state == mach.TH_STATE_STOPPED
    must(mach.thread_resume(client.thread), "thread_resume")
    wait_until(reply, "waiters", 1)
    t.eq(threads.basic_info(client.thread).run_state, mach.TH_STATE_WAITING, "its state")
    t.eq((mach.thread_abort_safely(client.thread)), 0, "thread_abort_safely")
    wait_until(reply, "waiters", 1)
    local _, name = job:wait(900)
    must(mach.send{remote = name, disp = MOVE_ONCE}, "reply")
    t.eq({client:wait(900)}, {true, 0}, "the library has repeated the receive")
    destroy(port, reply)
end)

test("Rights and memory in a call to a waiting receiver arrive like elsewhere.", function(t)
    local port, gift = both(), both()
    local job = spawn.thread(function()
        local kr, msg = mach.receive{port = args.port}
        mach.send{remote = msg.remote, disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE}
        return {kr, msg.ports, msg.ool[1].data, msg.body}
    end, {port = port})
    wait_until(port, "waiters", 1)
    t.eq((mach.rpc{remote = port, disp = COPY_SEND, ports = {{gift, COPY_SEND}},
                   ool = {{data = "far"}}, body = "near"}), 0, "call")
    t.eq({job:wait(900)}, {true, {0, {{gift, PORT_SEND}}, "far", "near"}}, "at the server")
    t.eq(info(gift).urefs, 2, "references")
    destroy(port, gift)
end)

test("A large call to a waiting receiver arrives whole.", function(t)
    local port, reply = both(), allocate()
    for _, size in ipairs{100, 200, 256, 300, 512, 1000, 4096, 16356, 16360, 16364, 30000} do
        local job = server(port, {max = 40000})
        local body = ("%08d"):format(size):rep(size // 8 + 1):sub(1, size // 4 * 4)
        local bytes = message(mach.MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE), port, reply, 5, body)
        local kr, got = mach.mach_msg(bytes, mach.MACH_SEND_MSG | mach.MACH_RCV_MSG, #bytes, 50000,
                                      reply, 0, 0)
        t.eq({kr, got:sub(25, 24 + #body) == body}, {0, true}, size .. " bytes there and back")
        t.ok(seen(t, job).body == body, "at the server")
    end
    destroy(port, reply)
end)

-- ---- names --------------------------------------------------------------------------------------

test("Calls that answer a call use the names of one task again and again.", function(t)
    local before = counts.objects()
    local port, back, reply = both(), allocate(), allocate()
    local job = spawn.thread(function()
        local kr, bytes = mach.mach_msg("", mach.MACH_RCV_MSG, 0, 100, args.port, 0, 0)
        local bits = mach.MACH_MSGH_BITS(mach.MACH_MSG_TYPE_MOVE_SEND_ONCE,
                                         mach.MACH_MSG_TYPE_MAKE_SEND_ONCE)
        for i = 1, 100 do -- answers with a call of its own
            local call = string.pack("<I4I4I4I4I4i4", bits, 0, string.unpack("<I4", bytes, 9),
                                     args.back, 0, i)
            kr, bytes = mach.mach_msg(call, mach.MACH_SEND_MSG | mach.MACH_RCV_MSG, 24, 100,
                                      args.back, 0, 0)
            if kr ~= 0 then return kr end
        end
        return kr
    end, {port = port, back = back})
    wait_until(port, "waiters", 1)
    local kr, bytes = call(message(mach.MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE), port, reply, 0),
                           reply)
    local low, high = fields(bytes).remote >> 8, 0
    for i = 1, 99 do
        t.eq({kr, fields(bytes).id}, {0, i}, "call")
        high = math.max(high, fields(bytes).remote >> 8)
        kr, bytes = call(message(mach.MACH_MSGH_BITS(MOVE_ONCE, MAKE_ONCE), fields(bytes).remote,
                                 reply, 0), reply)
    end
    t.ok(high < low + 8, ("the slots of 99 names go from %d to %d"):format(low, high))
    must(mach.send{remote = fields(bytes).remote, disp = MOVE_ONCE}, "the last answer")
    t.eq({job:wait(900)}, {true, 0}, "the other thread")
    destroy(port, back, reply)
    t.eq(counts.objects(), before, "what the kernel has")
end)

-- The index of a name in the table, and how many of them the table grows by.
local function index(name) return name >> 8 end
local CHUNK = 64

test("A reply right gets a name when the table must grow for it, or chosen names are in the way.",
function(t)
    local port, reply = both(), allocate()
    local function call_once(what)
        local job = server(port)
        local bits = mach.MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE)
        local kr, bytes = call(message(bits, port, reply, 5, "body"), reply)
        t.eq({kr, fields(bytes).id, fields(bytes).body}, {0, 105, "body"}, what)
        return seen(t, job).name
    end
    local job = server(port) -- before the table is full: a thread takes names, too
    local names = {}
    repeat names[#names + 1] = allocate() until index(names[#names]) % CHUNK == CHUNK - 1
    local bits = mach.MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE)
    t.eq((call(message(bits, port, reply, 5), reply)), 0, "no slot was free")
    local name = seen(t, job).name
    t.ok(index(name) > index(names[#names]), ("its name is %x"):format(name))
    destroy(table.unpack(names))
    name = call_once("before")
    local taken = name
    for _ = 1, 3 do -- the names that the slot would have next
        taken = taken + 1
        must(mach.mach_port_allocate_name(self, mach.MACH_PORT_RIGHT_DEAD_NAME, taken), "take")
    end
    local got = call_once("with chosen names")
    t.ok(index(got) == index(taken) and got > taken, ("%x lies behind %x"):format(got, taken))
    for chosen = name + 1, taken do destroy(chosen) end
    destroy(port, reply)
end)
