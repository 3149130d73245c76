-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 60
-- Remote procedure calls: between tasks, between threads, many clients with one server, calls
-- within calls, replies out of order, replies that come late or never.

local must, ports = require "must", require "ports"
local counts = require "counts"
local allocate, both, destroy, info = ports.allocate, ports.both, ports.destroy, ports.info

local self = mach.mach_task_self()
local MAKE_SEND, COPY_SEND, MOVE_ONCE = mach.MACH_MSG_TYPE_MAKE_SEND,
    mach.MACH_MSG_TYPE_COPY_SEND, mach.MACH_MSG_TYPE_MOVE_SEND_ONCE
local MOVE_RECEIVE = mach.MACH_MSG_TYPE_MOVE_RECEIVE

local function reply(t, msg, fields)
    fields.remote, fields.disp = msg.remote, MOVE_ONCE
    t.eq(mach.send(fields), 0, "reply")
end

-- A task that answers every call with its id + 100 and its body upside down, until id 0 comes.
local function start_echo(port)
    return spawn.task(function()
        local calls = 0
        while true do
            local kr, msg = mach.receive{port = args.port, timeout = 5000}
            if kr ~= 0 then return "receive: " .. mach.error_string(kr) end
            calls = calls + 1
            kr = mach.send{remote = msg.remote, disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE,
                           id = msg.id + 100, body = msg.body:reverse()}
            if kr ~= 0 then return "send: " .. mach.error_string(kr) end
            if msg.id == 0 then return calls end
        end
    end, {}, {port = {port, MOVE_RECEIVE}})
end

local function stop_echo(t, job, port, calls)
    local kr, msg = mach.rpc{remote = port, disp = COPY_SEND, id = 0, reply_timeout = 900}
    t.eq({kr, msg.id}, {0, 100}, "the last call")
    local ok, got = job:wait(900)
    t.eq({ok, got}, {true, calls + 1}, "the server")
end

test("A hundred calls to another task are answered in turn, each with its own answer.", function(t)
    local port = both()
    local job = start_echo(port)
    for i = 1, 100 do
        local kr, msg = mach.rpc{remote = port, disp = COPY_SEND, id = i,
                                 body = ("%04d"):format(i), reply_timeout = 900}
        if kr ~= 0 or msg.id ~= i + 100 or msg.body ~= ("%04d"):format(i):reverse() then
            t.eq({kr, msg.id, msg.body}, {0, i + 100, ("%04d"):format(i):reverse()}, "call " .. i)
            break
        end
    end
    stop_echo(t, job, port, 100)
    t.eq(info(port).type, mach.MACH_PORT_TYPE_DEAD_NAME, "the port is gone with the server")
    destroy(port)
end)

test("Bodies of every size from nothing to 64 KiB go there and back.", function(t)
    local port = both()
    local job, calls = start_echo(port), 0
    for _, size in ipairs{0, 4, 8, 32, 60, 100, 128, 160, 164, 168, 172, 192, 200, 256, 1000, 4072,
                          4096, 16384, 65536 - 24} do
        local body = ("%08d"):format(size):rep(size // 8 + 1):sub(1, size)
        local kr, msg = mach.rpc{remote = port, disp = COPY_SEND, id = 7, body = body,
                                 reply_timeout = 900}
        t.eq({kr, msg.size}, {0, size + 24}, "call")
        t.ok(msg.body == body:reverse(), ("the answer of %d bytes"):format(size))
        calls = calls + 1
    end
    stop_echo(t, job, port, calls)
    destroy(port)
end)

test("A call and its answer leave no rights behind on either side.", function(t)
    local port = both()
    local job = start_echo(port)
    local function call() return (mach.rpc{remote = port, disp = COPY_SEND, id = 1}) end
    t.eq(call(), 0, "the first call")
    local function held(task)
        local c = counts.task(task)
        return {c.names_total, c.urefs_total}
    end
    local ours, theirs = held(self), held(job.task)
    for _ = 1, 20 do t.eq(call(), 0, "call") end
    t.eq(held(self), ours, "names and references of the client")
    t.eq(held(job.task), theirs, "names and references of the server")
    stop_echo(t, job, port, 21)
    destroy(port)
end)

test("Two threads of one task call each other.", function(t)
    local port = allocate()
    local job = spawn.thread(function()
        local sum = 0
        for i = 1, 50 do
            local kr, msg = mach.rpc{remote = args.port, disp = mach.MACH_MSG_TYPE_MAKE_SEND,
                                     id = i, reply_timeout = 900}
            if kr ~= 0 then return mach.error_string(kr) end
            sum = sum + msg.id
        end
        return sum
    end, {port = port})
    for i = 1, 50 do
        local kr, msg = mach.receive{port = port, timeout = 900}
        t.eq({kr, msg.id}, {0, i}, "call")
        reply(t, msg, {id = 2 * i})
    end
    local ok, sum = job:wait(900)
    t.eq({ok, sum}, {true, 2550}, "the client")
    destroy(port)
end)

test("One hundred client tasks and one server: every client gets its own answers.", function(t)
    local clients, calls = 100, 3
    local port, jobs = both(), {}
    for i = 1, clients do
        jobs[i] = spawn.task(function()
            local answers = {}
            for k = 1, args.calls do
                local kr, msg = mach.rpc{remote = args.port, id = args.number * 1000 + k,
                                         reply_timeout = 30000}
                answers[k] = kr == 0 and msg.id or mach.error_string(kr)
            end
            return answers
        end, {number = i, calls = calls}, {port = port})
    end
    local seen = {}
    for _ = 1, clients * calls do
        local kr, msg = mach.receive{port = port, timeout = 30000}
        if kr ~= 0 then
            t.eq(kr, 0, "receive")
            break
        end
        local client, k = msg.id // 1000, msg.id % 1000
        t.eq(k, (seen[client] or 0) + 1, ("client %d's calls come in order"):format(client))
        seen[client] = k
        reply(t, msg, {id = msg.id + 7})
    end
    for i = 1, clients do
        local ok, got = jobs[i]:wait(5000)
        t.eq({ok, got}, {true, {i * 1000 + 8, i * 1000 + 9, i * 1000 + 10}}, "client " .. i)
    end
    t.eq({info(port).queue_length, info(port).senders, info(port).seqno}, {0, 0, clients * calls},
         "the server's port")
    destroy(port)
end)

test("A server can keep calls and answer them in any order.", function(t)
    local port, jobs, kept = both(), {}, {}
    for i = 1, 6 do
        jobs[i] = spawn.thread(function()
            local kr, msg = mach.rpc{remote = args.port, disp = mach.MACH_MSG_TYPE_COPY_SEND,
                                     id = args.id, reply_timeout = 900}
            return {kr, msg.id}
        end, {port = port, id = i})
    end
    for i = 1, 6 do
        local kr, msg = mach.receive{port = port, timeout = 900}
        t.eq(kr, 0, "receive")
        kept[msg.id] = msg
    end
    for _, i in ipairs{4, 1, 6, 3, 5, 2} do
        reply(t, kept[i], {id = i * 11})
        local ok, got = jobs[i]:wait(900)
        t.eq({ok, got}, {true, {0, i * 11}}, "client " .. i)
    end
    destroy(port)
end)

test("A call within a call within a call, through three tasks.", function(t)
    local a, b = both(), both()
    local inner = spawn.task(function()
        local _, msg = mach.receive{port = args.port, timeout = 900}
        return mach.send{remote = msg.remote, disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE,
                         id = msg.id * 2}
    end, {}, {port = {b, MOVE_RECEIVE}})
    local outer = spawn.task(function()
        local _, msg = mach.receive{port = args.port, timeout = 900}
        local kr, answer = mach.rpc{remote = args.next, id = msg.id + 1, reply_timeout = 900}
        if kr ~= 0 then return mach.error_string(kr) end
        return mach.send{remote = msg.remote, disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE,
                         id = answer.id + 1}
    end, {}, {port = {a, MOVE_RECEIVE}, next = b})
    local kr, msg = mach.rpc{remote = a, disp = COPY_SEND, id = 10, reply_timeout = 900}
    t.eq({kr, msg.id}, {0, 23}, "(10 + 1) * 2 + 1")
    t.eq({outer:wait(900)}, {true, 0}, "the outer server")
    t.eq({inner:wait(900)}, {true, 0}, "the inner server")
    destroy(a, b)
end)

test("A server can hand the reply right on: another task answers.", function(t)
    local front, back = allocate(), both()
    local job = spawn.task(function()
        local kr, msg = mach.receive{port = args.port, timeout = 900}
        if kr ~= 0 then return mach.error_string(kr) end
        return mach.send{remote = msg.ports[1][1], disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE,
                         id = msg.id + 1}
    end, {}, {port = {back, MOVE_RECEIVE}})
    local client = spawn.thread(function()
        local kr, msg = mach.rpc{remote = args.port, disp = mach.MACH_MSG_TYPE_MAKE_SEND, id = 1,
                                 reply_timeout = 900}
        return {kr, msg.id}
    end, {port = front})
    local kr, msg = mach.receive{port = front, timeout = 900}
    t.eq(kr, 0, "receive")
    t.eq(mach.send{remote = back, disp = COPY_SEND, id = 50, ports = {{msg.remote, MOVE_ONCE}}}, 0,
         "handing on")
    t.eq({client:wait(900)}, {true, {0, 51}}, "the client")
    t.eq({job:wait(900)}, {true, 0}, "the other task")
    destroy(front, back)
end)

test("A port made by the server for each client is the client's to call.", function(t)
    local port = both()
    local job = spawn.task(function()
        local self = mach.mach_task_self()
        local _, msg = mach.receive{port = args.port, timeout = 900}
        local kr, object = mach.mach_port_allocate(self, mach.MACH_PORT_RIGHT_RECEIVE)
        mach.send{remote = msg.remote, disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE,
                  ports = {{object, mach.MACH_MSG_TYPE_MAKE_SEND}}}
        kr, msg = mach.receive{port = object, timeout = 900}
        mach.send{remote = msg.remote, disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, id = msg.id + 1}
        return msg.id
    end, {}, {port = {port, MOVE_RECEIVE}})
    local kr, msg = mach.rpc{remote = port, disp = COPY_SEND, id = 1, reply_timeout = 900}
    t.eq(kr, 0, "open")
    local object = msg.ports[1][1]
    kr, msg = mach.rpc{remote = object, disp = COPY_SEND, id = 77, reply_timeout = 900}
    t.eq({kr, msg.id}, {0, 78}, "call of the new port")
    t.eq({job:wait(900)}, {true, 77}, "the server")
    destroy(port, object)
end)

test("A server that receives from a set serves the ports of all its clients.", function(t)
    local ports, jobs = {}, {}
    local set = allocate(mach.MACH_PORT_RIGHT_PORT_SET)
    for i = 1, 4 do
        ports[i] = both()
        must(mach.mach_port_insert_member(self, ports[i], set), "insert_member")
        jobs[i] = spawn.task(function()
            local sum = 0
            for k = 1, 5 do
                local got, msg = mach.rpc{remote = args.port, id = k, reply_timeout = 2000}
                if got ~= 0 then return mach.error_string(got) end
                sum = sum + msg.id
            end
            return sum
        end, {}, {port = ports[i]})
    end
    for _ = 1, 20 do
        local got, msg = mach.receive{port = set, timeout = 2000}
        t.eq(got, 0, "receive")
        for i = 1, 4 do
            if msg.local_port == ports[i] then reply(t, msg, {id = msg.id * i}) end
        end
    end
    for i = 1, 4 do t.eq({jobs[i]:wait(900)}, {true, 15 * i}, "client " .. i) end
    destroy(set, table.unpack(ports))
end)

test("Without an answer in time the call ends with MACH_RCV_TIMED_OUT; the answer finds nobody.",
function(t)
    local port = allocate()
    local kr = mach.rpc{remote = port, disp = MAKE_SEND, id = 1, reply_timeout = 10}
    t.eq(kr, mach.MACH_RCV_TIMED_OUT, "the call")
    local got, msg = mach.receive{port = port, timeout = 0}
    t.eq({got, msg.id, msg.remote}, {0, 1, 0xffffffff}, "the request, its reply port dead")
    destroy(port)
end)

test("A reply right received in time dies with the client's reply port.", function(t)
    local port = allocate()
    local job = spawn.thread(function()
        return (mach.rpc{remote = args.port, disp = mach.MACH_MSG_TYPE_MAKE_SEND,
                         reply_timeout = 50})
    end, {port = port})
    local kr, msg = mach.receive{port = port, timeout = 900}
    t.eq(kr, 0, "receive")
    t.eq(info(msg.remote).type, mach.MACH_PORT_TYPE_SEND_ONCE, "the reply right")
    t.eq({job:wait(900)}, {true, mach.MACH_RCV_TIMED_OUT}, "the client gives up")
    t.eq(info(msg.remote).type, mach.MACH_PORT_TYPE_DEAD_NAME, "the reply right now")
    t.eq(mach.send{remote = msg.remote, disp = MOVE_ONCE}, mach.MACH_SEND_INVALID_DEST, "reply")
    destroy(msg.remote, port)
end)

test("Calls to a full queue wait for their turn and all are answered.", function(t)
    local port, jobs = both(), {}
    ports.set_limit(port, 1)
    for i = 1, 10 do
        jobs[i] = spawn.thread(function()
            local kr, msg = mach.rpc{remote = args.port, disp = mach.MACH_MSG_TYPE_COPY_SEND,
                                     id = args.id}
            return {kr, msg.id}
        end, {port = port, id = i})
    end
    ports.wait_until(port, "senders", 9)
    t.eq({info(port).queue_length, info(port).senders}, {1, 9}, "before the server begins")
    for _ = 1, 10 do
        local _, msg = mach.receive{port = port, timeout = 900}
        reply(t, msg, {id = -msg.id})
    end
    for i = 1, 10 do t.eq({jobs[i]:wait(900)}, {true, {0, -i}}, "client " .. i) end
    destroy(port)
end)

test("The client's rights that came with a call are the server's afterwards.", function(t)
    local port, gift = both(), both()
    local job = spawn.task(function()
        local _, msg = mach.receive{port = args.port, timeout = 900}
        local answer = mach.send{remote = msg.ports[1][1], id = 33}
        mach.send{remote = msg.remote, disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE}
        local _, refs = mach.mach_port_get_refs(mach.mach_task_self(), msg.ports[1][1],
                                                mach.MACH_PORT_RIGHT_SEND)
        return {answer, refs}
    end, {}, {port = {port, MOVE_RECEIVE}})
    t.eq(mach.rpc{remote = port, disp = COPY_SEND, ports = {{gift, mach.MACH_MSG_TYPE_MOVE_SEND}},
                  reply_timeout = 900}, 0, "the call")
    t.eq(info(gift).type, mach.MACH_PORT_TYPE_RECEIVE, "the send right is gone here")
    local kr, msg = mach.receive{port = gift, timeout = 900}
    t.eq({kr, msg.id}, {0, 33}, "the server used it")
    t.eq({job:wait(900)}, {true, {0, 1}}, "the server")
    destroy(port, gift)
end)
