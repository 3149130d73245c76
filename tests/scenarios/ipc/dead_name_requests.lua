-- SPDX-License-Identifier: BSD-2-Clause
-- The dead-name and port-deleted notifications, which answer one request: what becomes of a name,
-- and MACH_RCV_NOTIFY, which makes that request for a reply right as it arrives. Manual:
-- mach_port_request_notification, mach_msg; layouts: notify.h.

local must, ports = require "must", require "ports"
local notifications, tasks = require "notifications", require "tasks"
local allocate, both, once = ports.allocate, ports.both, ports.once
local destroy, kill, drop = ports.destroy, ports.kill, ports.drop
local info, type_of, NOTHING = ports.info, ports.type_of, ports.NOTHING
local request, ask, fetch = notifications.request, notifications.ask, notifications.fetch
local nothing = notifications.nothing

local self = mach.mach_task_self()
local SEND, RECEIVE, ONCE = mach.MACH_PORT_RIGHT_SEND, mach.MACH_PORT_RIGHT_RECEIVE,
    mach.MACH_PORT_RIGHT_SEND_ONCE
local DEAD_RIGHT = mach.MACH_PORT_RIGHT_DEAD_NAME
local MAKE_SEND, COPY_SEND, MOVE_SEND = mach.MACH_MSG_TYPE_MAKE_SEND,
    mach.MACH_MSG_TYPE_COPY_SEND, mach.MACH_MSG_TYPE_MOVE_SEND
local MAKE_ONCE, MOVE_ONCE, MOVE_RECEIVE = mach.MACH_MSG_TYPE_MAKE_SEND_ONCE,
    mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, mach.MACH_MSG_TYPE_MOVE_RECEIVE
local PORT_DELETED, SEND_ONCE, DEAD_NAME = mach.MACH_NOTIFY_PORT_DELETED,
    mach.MACH_NOTIFY_SEND_ONCE, mach.MACH_NOTIFY_DEAD_NAME
local UREFS_MAX, DNREQUEST = mach.MACH_PORT_UREFS_MAX, mach.MACH_PORT_TYPE_DNREQUEST

-- ---- dead names --------------------------------------------------------------------------------

test("DEAD_NAME: when the port dies its holder is told, and the name gains a reference.",
function(t)
    local notify, port = allocate(RECEIVE), both(2)
    ask(port, DEAD_NAME, notify)
    t.eq(type_of(port), mach.MACH_PORT_TYPE_SEND_RECEIVE | DNREQUEST, "type")
    nothing(t, notify, "not yet")
    kill(port)
    t.eq(fetch(notify), {DEAD_NAME, port}, "notification")
    t.eq({info(port).type, info(port).urefs}, {mach.MACH_PORT_TYPE_DEAD_NAME, 3}, "name")
    nothing(t, notify, "only one")
    destroy(notify, port)
end)

test("DEAD_NAME: a send-once right becomes a dead name with two references.", function(t)
    local notify, port = allocate(RECEIVE), allocate(RECEIVE)
    local right = once(port)
    ask(right, DEAD_NAME, notify)
    destroy(port)
    t.eq(fetch(notify), {DEAD_NAME, right}, "notification")
    t.eq({info(right).type, info(right).urefs}, {mach.MACH_PORT_TYPE_DEAD_NAME, 2}, "name")
    destroy(notify, right)
end)

test("DEAD_NAME: without a request a name dies silently and gains nothing.", function(t)
    local port = both(2)
    kill(port)
    t.eq({info(port).type, info(port).urefs}, {mach.MACH_PORT_TYPE_DEAD_NAME, 2}, "name")
    destroy(port)
end)

test("DEAD_NAME: the reference that the notification brings stops at the maximum.", function(t)
    local notify, port = allocate(RECEIVE), both(UREFS_MAX)
    ask(port, DEAD_NAME, notify)
    kill(port)
    t.eq(fetch(notify), {DEAD_NAME, port}, "notification")
    t.eq(info(port).urefs, UREFS_MAX, "references")
    destroy(notify, port)
end)

test("DEAD_NAME: the request is used up; the dead name can be asked about again with sync.",
function(t)
    local notify, port = allocate(RECEIVE), both(1)
    ask(port, DEAD_NAME, notify)
    kill(port)
    t.eq(fetch(notify), {DEAD_NAME, port}, "notification")
    t.eq(type_of(port), mach.MACH_PORT_TYPE_DEAD_NAME, "no request any more")
    t.eq(request(port, DEAD_NAME, 0, notify), mach.KERN_INVALID_ARGUMENT, "sync 0")
    t.eq(fetch(notify), {SEND_ONCE}, "the right that was handed over")
    local kr, previous = request(port, DEAD_NAME, 1, notify)
    t.eq({kr, previous}, {0, 0}, "sync 1")
    t.eq(fetch(notify), {DEAD_NAME, port}, "at once")
    t.eq(info(port).urefs, 3, "references")
    destroy(notify, port)
end)

test("DEAD_NAME: at once for a dead name at the maximum is KERN_UREFS_OVERFLOW.", function(t)
    local notify, dead = allocate(RECEIVE), allocate(DEAD_RIGHT)
    must(mach.mach_port_mod_refs(self, dead, DEAD_RIGHT, UREFS_MAX - 1), "mod_refs")
    t.eq(request(dead, DEAD_NAME, 1, notify), mach.KERN_UREFS_OVERFLOW, "asking")
    t.eq(fetch(notify), {SEND_ONCE}, "the right that was handed over")
    t.eq(info(dead).urefs, UREFS_MAX, "references")
    destroy(notify, dead)
end)

test("DEAD_NAME: with sync a live right is registered, not notified.", function(t)
    local notify, port = allocate(RECEIVE), both(1)
    ask(port, DEAD_NAME, notify, 1)
    nothing(t, notify, "not yet")
    kill(port)
    t.eq(fetch(notify), {DEAD_NAME, port}, "notification")
    destroy(notify, port)
end)

test("DEAD_NAME: the names of one port in several tasks are each notified on their own.",
function(t)
    local notify, port = allocate(RECEIVE), both(1)
    local task = tasks.create()
    must(mach.mach_port_insert_right(task, 0x100, port, COPY_SEND), "insert_right")
    must(mach.mach_port_insert_right(task, 0x200, port, MAKE_ONCE), "insert_right")
    local a, b = once(port), once(port)
    for _, name in ipairs{port, a, b} do ask(name, DEAD_NAME, notify) end
    for _, name in ipairs{0x100, 0x200} do
        t.eq(mach.mach_port_request_notification(task, name, DEAD_NAME, 0, notify, MAKE_ONCE), 0,
             "for the other task")
    end
    kill(port)
    local got = {}
    for _ = 1, 5 do
        local one = fetch(notify) or {}
        t.eq(one[1], DEAD_NAME, "notification")
        got[one[2]] = true
    end
    t.eq(got, {[port] = true, [a] = true, [b] = true, [0x100] = true, [0x200] = true}, "names")
    nothing(t, notify, "no more")
    local _, theirs = mach.minato_port_info(task, 0x100)
    t.eq({theirs.type, theirs.urefs}, {mach.MACH_PORT_TYPE_DEAD_NAME, 2}, "the other task's name")
    tasks.terminate(task)
    destroy(notify, port, a, b)
end)

test("DEAD_NAME: a receive right alone can carry the request; the name's end is PORT_DELETED.",
function(t)
    local notify, port = allocate(RECEIVE), allocate(RECEIVE)
    ask(port, DEAD_NAME, notify)
    destroy(port)
    t.eq(fetch(notify), {PORT_DELETED, port}, "notification")
    nothing(t, notify, "no more")
    destroy(notify)
end)

test("DEAD_NAME: a request stays with a right that is renamed.", function(t)
    local notify, port = allocate(RECEIVE), both(1)
    ask(port, DEAD_NAME, notify)
    must(mach.mach_port_rename(self, port, 0x4444), "rename")
    t.eq(type_of(0x4444), mach.MACH_PORT_TYPE_SEND_RECEIVE | DNREQUEST, "type")
    kill(0x4444)
    t.eq(fetch(notify), {DEAD_NAME, 0x4444}, "notification, with the new name")
    destroy(notify, 0x4444)
end)

test("DEAD_NAME: a task that ends while it has requests gets them answered with PORT_DELETED.",
function(t)
    local notify, port = allocate(RECEIVE), both(1)
    local task = tasks.create()
    must(mach.mach_port_insert_right(task, 0x100, port, COPY_SEND), "insert_right")
    t.eq(mach.mach_port_request_notification(task, 0x100, DEAD_NAME, 0, notify, MAKE_ONCE), 0,
         "ask")
    tasks.terminate(task)
    local got, msg = mach.receive{port = notify, timeout = 500}
    t.eq({got, msg.id}, {0, PORT_DELETED}, "notification")
    t.eq(string.unpack("<I4", msg.body, 9), 0x100, "name")
    destroy(notify, port)
end)

-- ---- port-deleted ------------------------------------------------------------------------------

test("PORT_DELETED: each way of giving up a name with a request ends in one.", function(t)
    local ways = {
        destroy = function(name) return mach.mach_port_destroy(self, name) end,
        deallocate = function(name) return mach.mach_port_deallocate(self, name) end,
        mod_refs = function(name) return mach.mach_port_mod_refs(self, name, SEND, -1) end,
        move = function(name, carrier)
            return mach.send{remote = carrier, disp = MAKE_SEND, ports = {{name, MOVE_SEND}}}
        end,
        ["send to"] = function(name) return mach.send{remote = name, disp = MOVE_SEND} end,
    }
    for way, give_up in pairs(ways) do
        local notify, carrier, parking, port = allocate(RECEIVE), allocate(RECEIVE),
            allocate(RECEIVE), both(1)
        must(mach.send{remote = parking, disp = MAKE_SEND, ports = {{port, MOVE_RECEIVE}}}, "park")
        ask(port, DEAD_NAME, notify)
        t.eq(give_up(port, carrier), 0, way)
        t.eq(type_of(port), NOTHING, way .. ": the name is free")
        t.eq(fetch(notify), {PORT_DELETED, port}, way .. ": notification")
        destroy(parking) -- the port dies, nobody is told any more
        nothing(t, notify, way .. ": no more")
        destroy(notify, carrier)
    end
end)

test("PORT_DELETED: a send-once right that is used, moved or dropped ends in one.", function(t)
    local ways = {
        ["send to"] = function(name) return mach.send{remote = name, disp = MOVE_ONCE} end,
        reply = function(name, carrier)
            return mach.send{remote = carrier, disp = MAKE_SEND, local_port = name,
                             local_disp = MOVE_ONCE}
        end,
        move = function(name, carrier)
            return mach.send{remote = carrier, disp = MAKE_SEND, ports = {{name, MOVE_ONCE}}}
        end,
        deallocate = function(name) return mach.mach_port_deallocate(self, name) end,
        mod_refs = function(name) return mach.mach_port_mod_refs(self, name, ONCE, -1) end,
        destroy = function(name) return mach.mach_port_destroy(self, name) end,
    }
    for way, give_up in pairs(ways) do
        local notify, carrier, port = allocate(RECEIVE), allocate(RECEIVE), allocate(RECEIVE)
        local right = once(port)
        ask(right, DEAD_NAME, notify)
        t.eq(give_up(right, carrier), 0, way)
        t.eq(type_of(right), NOTHING, way .. ": the name is free")
        t.eq(fetch(notify), {PORT_DELETED, right}, way .. ": notification")
        nothing(t, notify, way .. ": no more")
        destroy(notify, carrier, port)
    end
end)

test("PORT_DELETED: not while the name denotes something of the port.", function(t)
    local notify, port = allocate(RECEIVE), both(2)
    ask(port, DEAD_NAME, notify)
    drop(port, 1)
    nothing(t, notify, "a reference less")
    drop(port, 1)
    nothing(t, notify, "the receive right is left")
    t.eq(type_of(port), mach.MACH_PORT_TYPE_RECEIVE | DNREQUEST, "the request is still there")
    kill(port)
    t.eq(fetch(notify), {PORT_DELETED, port}, "the receive right is gone")
    nothing(t, notify, "no more")
    destroy(notify)
end)

test("PORT_DELETED: a receive right that is sent away leaves the request with the send right.",
function(t)
    local notify, port, carrier = allocate(RECEIVE), both(1), allocate(RECEIVE)
    ask(port, DEAD_NAME, notify)
    must(mach.send{remote = carrier, disp = MAKE_SEND, ports = {{port, MOVE_RECEIVE}}}, "send")
    nothing(t, notify, "the send right is left")
    destroy(carrier) -- with the receive right in its queue
    t.eq(fetch(notify), {DEAD_NAME, port}, "the port died")
    destroy(notify, port)
end)

-- ---- MACH_RCV_NOTIFY ---------------------------------------------------------------------------

local function receive_notified(port, notify)
    return mach.receive{port = port, timeout = 0, options = mach.MACH_RCV_NOTIFY, notify = notify}
end

test("MACH_RCV_NOTIFY asks for the dead-name notification of a reply right with a new name.",
function(t)
    local notify, port, reply = allocate(RECEIVE), allocate(RECEIVE), allocate(RECEIVE)
    must(mach.send{remote = port, disp = MAKE_SEND, local_port = reply, local_disp = MAKE_ONCE},
         "send")
    local kr, msg = receive_notified(port, notify)
    t.eq(kr, 0, "receive")
    t.eq(type_of(msg.remote), mach.MACH_PORT_TYPE_SEND_ONCE | DNREQUEST, "the reply right")
    destroy(reply)
    t.eq(fetch(notify), {DEAD_NAME, msg.remote}, "notification")
    destroy(notify, port, msg.remote)
end)

test("MACH_RCV_NOTIFY: the reply used, the notification is PORT_DELETED.", function(t)
    local notify, port, reply = allocate(RECEIVE), allocate(RECEIVE), allocate(RECEIVE)
    must(mach.send{remote = port, disp = MAKE_SEND, local_port = reply, local_disp = MAKE_ONCE},
         "send")
    local _, msg = receive_notified(port, notify)
    must(mach.send{remote = msg.remote, disp = MOVE_ONCE}, "reply")
    t.eq(fetch(notify), {PORT_DELETED, msg.remote}, "notification")
    destroy(notify, port, reply)
end)

test("MACH_RCV_NOTIFY does nothing for a reply right that the receiver had already.", function(t)
    local notify, port, reply = allocate(RECEIVE), allocate(RECEIVE), both(1)
    must(mach.send{remote = port, disp = MAKE_SEND, local_port = reply, local_disp = COPY_SEND},
         "send")
    local _, msg = receive_notified(port, notify)
    t.eq({msg.remote, type_of(reply)}, {reply, mach.MACH_PORT_TYPE_SEND_RECEIVE}, "no request")
    nothing(t, notify)
    destroy(notify, port, reply)
end)

test("MACH_RCV_NOTIFY: a null or dead reply port arms nothing.", function(t)
    local notify, port, reply = allocate(RECEIVE), allocate(RECEIVE), allocate(RECEIVE)
    must(mach.send{remote = port, disp = MAKE_SEND}, "send")
    must(mach.send{remote = port, disp = MAKE_SEND, local_port = reply, local_disp = MAKE_ONCE},
         "send")
    destroy(reply)
    for _, want in ipairs{0, 0xffffffff} do
        local kr, msg = receive_notified(port, notify)
        t.eq({kr, msg.remote}, {0, want}, "reply port")
    end
    nothing(t, notify)
    t.eq(info(notify).sorights, 0, "no send-once right was made")
    destroy(notify, port)
end)
