-- SPDX-License-Identifier: BSD-2-Clause
-- Send-once rights: each brings its port exactly one message, the one sent to it or, however it is
-- destroyed, a send-once notification. Manual: mach_msg, "Port Rights".

local must, ports = require "must", require "ports"
local tasks, sleep = require "tasks", require "clock".sleep
local allocate, once, destroy = ports.allocate, ports.once, ports.destroy
local info, drain, NOTHING = ports.info, ports.drain, ports.NOTHING

local self = mach.mach_task_self()
local ONCE = mach.MACH_PORT_RIGHT_SEND_ONCE
local MAKE_SEND, MAKE_ONCE, MOVE_ONCE = mach.MACH_MSG_TYPE_MAKE_SEND,
    mach.MACH_MSG_TYPE_MAKE_SEND_ONCE, mach.MACH_MSG_TYPE_MOVE_SEND_ONCE
local NOTICE = mach.MACH_NOTIFY_SEND_ONCE

test("A message sent to a send-once right uses the right up, and says so to the receiver.",
function(t)
    local port = allocate()
    local right = once(port)
    t.eq(info(port).sorights, 1, "send-once rights before")
    t.eq(mach.send{remote = right, disp = MOVE_ONCE, id = 5}, 0, "send")
    t.eq(ports.type_of(right), NOTHING, "the name is free")
    t.eq(mach.send{remote = right, disp = MOVE_ONCE, id = 6}, mach.MACH_SEND_INVALID_DEST, "again")
    t.eq(info(port).sorights, 1, "the right is in the message")
    local kr, msg = mach.receive{port = port, timeout = 0}
    t.eq({kr, msg.id, msg.bits}, {0, 5, mach.MACH_MSGH_BITS(0, mach.MACH_MSG_TYPE_PORT_SEND_ONCE)},
         "received")
    t.eq(info(port).sorights, 0, "the right is gone")
    destroy(port)
end)

test("Ten send-once rights bring ten messages, used or dropped.", function(t)
    local port, rights = allocate(), {}
    for i = 1, 10 do rights[i] = once(port) end
    for i = 1, 10 do
        if i % 2 == 0 then
            t.eq(mach.send{remote = rights[i], disp = MOVE_ONCE, id = i}, 0, "send")
        else
            t.eq(mach.mach_port_deallocate(self, rights[i]), 0, "deallocate")
        end
    end
    t.eq(drain(port), {NOTICE, 2, NOTICE, 4, NOTICE, 6, NOTICE, 8, NOTICE, 10}, "messages")
    t.eq(info(port).sorights, 0, "send-once rights")
    destroy(port)
end)

test("Moving a send-once right from hand to hand does not use it.", function(t)
    local port, carrier = allocate(), allocate()
    local right = once(port)
    for _ = 1, 5 do
        t.eq(mach.send{remote = carrier, disp = MAKE_SEND, ports = {{right, MOVE_ONCE}}}, 0, "send")
        local _, msg = mach.receive{port = carrier, timeout = 0}
        right = msg.ports[1][1]
    end
    t.eq({info(right).type, info(port).sorights, info(port).queue_length},
         {mach.MACH_PORT_TYPE_SEND_ONCE, 1, 0}, "the right")
    t.eq(mach.send{remote = right, disp = MOVE_ONCE, id = 9}, 0, "used")
    t.eq(drain(port), {9}, "messages")
    destroy(port, carrier)
end)

test("Each way to destroy a send-once right makes one send-once notification.", function(t)
    local function send_and_destroy(message)
        message.remote, message.disp = allocate(), MAKE_SEND
        local kr = mach.send(message)
        destroy(message.remote)
        return kr
    end
    local ways = {
        deallocate = function(right) return mach.mach_port_deallocate(self, right) end,
        destroy = function(right) return mach.mach_port_destroy(self, right) end,
        mod_refs = function(right) return mach.mach_port_mod_refs(self, right, ONCE, -1) end,
        ["in the body of a message that is destroyed"] = function(right)
            return send_and_destroy{ports = {{right, MOVE_ONCE}}}
        end,
        ["in an array in a message that is destroyed"] = function(right)
            return send_and_destroy{ool_ports = {{{right}, MOVE_ONCE}}}
        end,
        ["as reply port of a message that is destroyed"] = function(right)
            return send_and_destroy{local_port = right, local_disp = MOVE_ONCE}
        end,
        ["as reply port of a message too large to be received"] = function(right)
            local carrier = allocate()
            local kr = mach.send{remote = carrier, disp = MAKE_SEND, local_port = right,
                                 local_disp = MOVE_ONCE, body = ("x"):rep(100)}
            local got = mach.receive{port = carrier, timeout = 0, max = 10}
            destroy(carrier)
            return kr == 0 and got == mach.MACH_RCV_TOO_LARGE and 0 or got
        end,
        ["in a circular message"] = function(right)
            local carrier = allocate()
            return (mach.send{remote = carrier, disp = MAKE_SEND,
                              ports = {{right, MOVE_ONCE}, {carrier,
                                                            mach.MACH_MSG_TYPE_MOVE_RECEIVE}}})
        end,
        ["with the task that holds it"] = function(right)
            local task = tasks.create()
            must(mach.mach_port_insert_right(task, 0x100, right, MOVE_ONCE), "insert_right")
            tasks.terminate(task)
            sleep(10)
            return 0
        end,
    }
    for way, drop in pairs(ways) do
        local port = allocate()
        t.eq(drop(once(port)), 0, way)
        t.eq({drain(port), info(port).sorights}, {{NOTICE}, 0},
             way .. ": messages and send-once rights")
        destroy(port)
    end
end)

test("After the port's death a send-once right is a dead name; dropping it tells nobody.",
function(t)
    local port = allocate()
    local right, reply = once(port), allocate()
    destroy(port)
    t.eq(info(right).type, mach.MACH_PORT_TYPE_DEAD_NAME, "type")
    t.eq(mach.send{remote = right, disp = MOVE_ONCE, local_port = reply, local_disp = MAKE_ONCE},
         mach.MACH_SEND_INVALID_DEST, "sending to it")
    t.eq(info(reply).sorights, 0, "no reply right was made")
    t.eq(mach.mach_port_deallocate(self, right), 0, "deallocate")
    t.eq(ports.type_of(right), NOTHING, "the name is free")
    destroy(reply)
end)

test("A notification of a destroyed send-once right is a message like others in its queue.",
function(t)
    local port = allocate()
    local right = once(port)
    must(mach.send{remote = port, disp = MAKE_SEND, id = 1}, "send")
    destroy(right)
    must(mach.send{remote = port, disp = MAKE_SEND, id = 2}, "send")
    t.eq(drain(port), {1, NOTICE, 2}, "in order")
    t.eq(info(port).seqno, 3, "it is numbered like the others")
    destroy(port)
end)

test("A server that ends without replying makes its client's reply a send-once notification.",
function(t)
    local port = ports.both()
    local job = spawn.task(function()
        local kr, msg = mach.receive{port = args.port, timeout = 800}
        return {kr, msg.id}
    end, {}, {port = {port, mach.MACH_MSG_TYPE_MOVE_RECEIVE}})
    local kr, msg = mach.rpc{remote = port, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = 3,
                             reply_timeout = 900}
    t.eq({kr, msg.id}, {0, NOTICE}, "the reply")
    local ok, got = job:wait(900)
    t.eq({ok, got}, {true, {0, 3}}, "the server")
    destroy(port)
end)
