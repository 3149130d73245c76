-- SPDX-License-Identifier: BSD-2-Clause
-- Receive rights on their way: the queue and its senders come along, the sequence number and the
-- make-send count start again, circles are destroyed and nothing leaks. Manual: mach_msg.

local must, ports, objects = require "must", require "ports", require "counts".objects
local allocate, both, destroy = ports.allocate, ports.both, ports.destroy
local info, wait_until = ports.info, ports.wait_until

local self = mach.mach_task_self()
local MAKE_SEND, COPY_SEND, MOVE_SEND = mach.MACH_MSG_TYPE_MAKE_SEND,
    mach.MACH_MSG_TYPE_COPY_SEND, mach.MACH_MSG_TYPE_MOVE_SEND
local MAKE_ONCE, MOVE_RECEIVE = mach.MACH_MSG_TYPE_MAKE_SEND_ONCE, mach.MACH_MSG_TYPE_MOVE_RECEIVE
local T_DEAD = mach.MACH_PORT_TYPE_DEAD_NAME

local function post(port, id, ports)
    return mach.send{remote = port, disp = COPY_SEND, id = id, ports = ports, timeout = 0}
end

local function move(to, ...)
    local ports = {}
    for i, name in ipairs({...}) do ports[i] = {name, MOVE_RECEIVE} end
    return mach.send{remote = to, disp = COPY_SEND, ports = ports, timeout = 0}
end

local function take(t, port, what)
    local kr, msg = mach.receive{port = port, timeout = 0}
    t.eq(kr, 0, what or "receive")
    return msg
end

test("A moved port keeps its queue; its sequence number starts at 0 again.", function(t)
    local carrier, port = both(), both()
    for id = 1, 5 do t.eq(post(port, id), 0, "send") end
    for id = 1, 2 do
        local msg = take(t, port)
        t.eq({msg.id, msg.seqno}, {id, id - 1}, "before")
    end
    t.eq(move(carrier, port), 0, "move")
    t.eq({info(port).seqno, info(port).queue_length}, {0, 3}, "in transit")
    t.eq(post(port, 6), 0, "send while it is in transit")
    t.eq(take(t, carrier).ports, {{port, mach.MACH_MSG_TYPE_PORT_RECEIVE}}, "arrived")
    for i, id in ipairs{3, 4, 5, 6} do
        local msg = take(t, port)
        t.eq({msg.id, msg.seqno}, {id, i - 1}, "after")
    end
    destroy(carrier, port)
end)

test("The make-send count starts at 0 again, the queue limit stays.", function(t)
    local carrier, port = both(), both()
    ports.set_limit(port, 2)
    t.eq(info(port).mscount, 1, "before")
    t.eq(move(carrier, port), 0, "move")
    take(t, carrier)
    t.eq({info(port).mscount, info(port).queue_limit, info(port).srights}, {0, 2, 1}, "after")
    destroy(carrier, port)
end)

-- Fills the queue with the ids 1 to 5.
local function fill(t, port)
    for id = 1, 5 do t.eq(post(port, id), 0, "send") end
end

-- A thread that waits for room to send id 6.
local function waiting_sender(port)
    local job = spawn.thread(function()
        return (mach.send{remote = args.port, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = 6})
    end, {port = port})
    wait_until(port, "senders", 1)
    return job
end

-- All six come, and the thread has its success.
local function all_arrive(t, port, job)
    for id = 1, 6 do t.eq(take(t, port).id, id, "in order") end
    t.eq({job:wait(900)}, {true, 0}, "the sender")
end

test("A full port in transit makes senders wait; they get in when its new holder receives.",
function(t)
    local carrier, port = both(), both()
    fill(t, port)
    t.eq(move(carrier, port), 0, "move")
    local job = waiting_sender(port)
    take(t, carrier)
    t.eq(info(port).senders, 1, "it still waits")
    all_arrive(t, port, job)
    destroy(carrier, port)
end)

test("A sender that waits when the port moves away gets in all the same.", function(t)
    local carrier, port = both(), both()
    fill(t, port)
    local job = waiting_sender(port)
    t.eq(move(carrier, port), 0, "move")
    take(t, carrier)
    all_arrive(t, port, job)
    destroy(carrier, port)
end)

test("A port moves to another task with its queue, is served there, and comes back.", function(t)
    local port, home = both(), allocate()
    for id = 1, 3 do t.eq(post(port, id), 0, "send") end
    local job = spawn.task(function()
        local seen = {}
        for i = 1, 3 do
            local kr, msg = mach.receive{port = args.port, timeout = 500}
            seen[i] = {kr, msg.id, msg.seqno}
        end
        seen[4] = mach.send{remote = args.home,
                            ports = {{args.port, mach.MACH_MSG_TYPE_MOVE_RECEIVE}}}
        return seen
    end, {}, {port = {port, MOVE_RECEIVE}, home = home})
    t.eq(info(port).type, mach.MACH_PORT_TYPE_SEND, "only the send right is left here")
    local ok, seen = job:wait(900)
    t.eq({ok, seen}, {true, {{0, 1, 0}, {0, 2, 1}, {0, 3, 2}, 0}}, "the child")
    t.eq(take(t, home).ports, {{port, mach.MACH_MSG_TYPE_PORT_RECEIVE}}, "home again")
    t.eq(post(port, 4), 0, "send")
    t.eq({take(t, port).id, info(port).seqno}, {4, 1}, "it works, and counts from 0")
    destroy(port, home)
end)

test("A port dies with the task that received it.", function(t)
    local port = both()
    local job = spawn.task(function()
        return mach.mach_port_type(mach.mach_task_self(), args.port)
    end, {}, {port = {port, MOVE_RECEIVE}})
    local ok = job:wait(900)
    t.eq(ok, true, "the child")
    wait_until(port, "type", T_DEAD)
    t.eq(info(port).type, T_DEAD, "the send right")
    destroy(port)
end)

test("A message can be received from a port that came in another message from the same queue.",
function(t)
    local carrier, inner, outer = both(), both(), both()
    t.eq(post(inner, 1), 0, "send")
    t.eq(move(outer, inner), 0, "inner into outer")
    t.eq(move(carrier, outer), 0, "outer into carrier")
    t.eq(take(t, carrier).ports[1][1], outer, "outer comes out")
    t.eq(take(t, outer).ports[1][1], inner, "inner comes out")
    t.eq(take(t, inner).id, 1, "and its message")
    destroy(carrier, inner, outer)
end)

test("A port that has arrived is on its way no more: what carried it can be sent to it.",
function(t)
    local carrier, port = both(), both()
    t.eq(move(carrier, port), 0, "the port through the carrier")
    take(t, carrier)
    t.eq(move(port, carrier), 0, "the carrier through the port")
    t.eq(info(carrier).type, mach.MACH_PORT_TYPE_SEND, "it is on its way")
    t.eq(take(t, port).ports, {{carrier, mach.MACH_MSG_TYPE_PORT_RECEIVE}}, "arrived")
    destroy(carrier, port)
end)

test("A receive right sent to its own port: the message is destroyed and the port dies.",
function(t)
    local before = objects()
    local port, reply = both(), allocate()
    t.eq(mach.send{remote = port, disp = COPY_SEND, local_port = reply, local_disp = MAKE_ONCE,
                   ports = {{port, MOVE_RECEIVE}}}, 0, "send: no error")
    t.eq(info(port).type, T_DEAD, "the send right")
    t.eq(take(t, reply).id, mach.MACH_NOTIFY_SEND_ONCE, "the reply right was dropped")
    destroy(port, reply)
    t.eq(objects(), before, "what is in the kernel")
end)

test("Through its own send-once right or a right moved it is a circle as well.", function(t)
    local before = objects()
    local port = both()
    t.eq(mach.send{remote = port, disp = MAKE_ONCE, ports = {{port, MOVE_RECEIVE}}}, 0, "send")
    t.eq(info(port).type, T_DEAD, "the send right")
    destroy(port)
    port = both()
    t.eq(mach.send{remote = port, disp = MOVE_SEND, ports = {{port, MOVE_RECEIVE}}}, 0, "send")
    t.eq(mach.mach_port_type(self, port), mach.KERN_INVALID_NAME, "nothing is left")
    port = allocate()
    t.eq(mach.send{remote = port, disp = MAKE_SEND, ool_ports = {{{port}, MOVE_RECEIVE}}}, 0,
         "send")
    t.eq(mach.mach_port_type(self, port), mach.KERN_INVALID_NAME, "nothing is left of an array")
    t.eq(objects(), before, "what is in the kernel")
end)

test("A circle of two, three or ten ports is destroyed when it closes.", function(t)
    local before = objects()
    for _, n in ipairs{2, 3, 10} do
        local ports = {}
        for i = 1, n do ports[i] = both() end
        for i = 1, n - 1 do
            t.eq(move(ports[i + 1], ports[i]), 0, "move")
            t.eq(info(ports[i]).type, mach.MACH_PORT_TYPE_SEND, "it is on its way")
        end
        t.eq(move(ports[1], ports[n]), 0, "the last move: no error")
        for i = 1, n do t.eq(info(ports[i]).type, T_DEAD, ("port %d of %d"):format(i, n)) end
        destroy(table.unpack(ports))
    end
    t.eq(objects(), before, "what is in the kernel")
end)

test("Ports next to a circle in its messages die with it.", function(t)
    local before = objects()
    local a, b, guest = both(), both(), both()
    t.eq(move(a, guest), 0, "a guest in a's queue")
    t.eq(move(b, a), 0, "a into b")
    t.eq(move(a, b), 0, "b into a: the circle")
    for _, name in ipairs{a, b, guest} do t.eq(info(name).type, T_DEAD, "dead") end
    destroy(a, b, guest)
    t.eq(objects(), before, "what is in the kernel")
end)

test("Two ports in one message to one of them: a circle, both die.", function(t)
    local a, b = both(), both()
    t.eq(move(a, b, a), 0, "send")
    t.eq({info(a).type, info(b).type}, {T_DEAD, T_DEAD}, "types")
    destroy(a, b)
end)

test("A long chain is no circle: it comes out again, link by link.", function(t)
    local n = 40
    local ports = {}
    for i = 1, n do ports[i] = both() end
    for i = 1, n - 1 do t.eq(move(ports[i + 1], ports[i]), 0, "move") end
    for i = n, 2, -1 do t.eq(take(t, ports[i]).ports[1][1], ports[i - 1], "the next") end
    t.eq(post(ports[1], 7), 0, "send")
    t.eq(take(t, ports[1]).id, 7, "the first works again")
    destroy(table.unpack(ports))
end)

test("A chain of a thousand ports in each other's queues is freed when its end is.", function(t)
    local before = objects()
    local last = allocate()
    for _ = 1, 1000 do
        local next = allocate()
        must(mach.send{remote = next, disp = MAKE_SEND, ports = {{last, MOVE_RECEIVE}}}, "send")
        last = next
    end
    t.eq(objects().ports - before.ports, 1001, "ports while it is there")
    destroy(last)
    t.eq(objects(), before, "what is in the kernel")
end)

test("A message that brings a receive right to a dead destination leaves it with its sender.",
function(t)
    local dest, port = both(), both()
    ports.kill(dest)
    t.eq(move(dest, port), mach.MACH_SEND_INVALID_DEST, "send")
    t.eq(info(port).type, mach.MACH_PORT_TYPE_SEND_RECEIVE, "the right")
    destroy(dest, port)
end)

test("A receive right in a queue dies with that queue.", function(t)
    local carrier, port = both(), both()
    t.eq(post(port, 1), 0, "send")
    t.eq(move(carrier, port), 0, "move")
    destroy(carrier)
    t.eq(info(port).type, T_DEAD, "the send right")
    destroy(port)
end)

test("A thread that waits on the port is told; the messages go to the new holder.", function(t)
    local carrier, port = both(), both()
    local job = spawn.thread(function()
        return (mach.receive{port = args.port, timeout = 800})
    end, {port = port})
    wait_until(port, "waiters", 1)
    t.eq(move(carrier, port), 0, "move")
    t.eq(post(port, 1), 0, "send")
    local ok, kr = job:wait(900)
    t.eq({ok, kr}, {true, mach.MACH_RCV_PORT_DIED}, "the thread")
    take(t, carrier)
    t.eq(take(t, port).id, 1, "the message")
    destroy(carrier, port)
end)
