-- SPDX-License-Identifier: BSD-2-Clause
-- Notifications: asking, asking again, cancelling, and the right that was registered before; when
-- no-senders and port-destroyed come, once and only once. The others are in dead_name_requests.lua
-- and send_once.lua. Manual: mach_port_request_notification; layouts: notify.h.

local must, ports = require "must", require "ports"
local notifications, tasks = require "notifications", require "tasks"
local allocate, both, once = ports.allocate, ports.both, ports.once
local make_send = ports.make_send
local destroy, kill, drop = ports.destroy, ports.kill, ports.drop
local info, type_of, NOTHING = ports.info, ports.type_of, ports.NOTHING
local request, ask, fetch = notifications.request, notifications.ask, notifications.fetch
local nothing = notifications.nothing

local self = mach.mach_task_self()
local RECEIVE = mach.MACH_PORT_RIGHT_RECEIVE
local DEAD_RIGHT, SET = mach.MACH_PORT_RIGHT_DEAD_NAME, mach.MACH_PORT_RIGHT_PORT_SET
local MAKE_SEND, COPY_SEND, MOVE_SEND = mach.MACH_MSG_TYPE_MAKE_SEND,
    mach.MACH_MSG_TYPE_COPY_SEND, mach.MACH_MSG_TYPE_MOVE_SEND
local MAKE_ONCE, MOVE_ONCE, MOVE_RECEIVE = mach.MACH_MSG_TYPE_MAKE_SEND_ONCE,
    mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, mach.MACH_MSG_TYPE_MOVE_RECEIVE
local PORT_DELETED, PORT_DESTROYED = mach.MACH_NOTIFY_PORT_DELETED, mach.MACH_NOTIFY_PORT_DESTROYED
local NO_SENDERS, SEND_ONCE, DEAD_NAME = mach.MACH_NOTIFY_NO_SENDERS, mach.MACH_NOTIFY_SEND_ONCE,
    mach.MACH_NOTIFY_DEAD_NAME

local function cancel(t, name, id)
    local kr, previous = request(name, id, 0, 0)
    t.eq(kr, 0, "cancelling")
    return previous
end

-- ---- the messages ------------------------------------------------------------------------------

test("Notifications have the documented ids and layouts.", function(t)
    local notify, port, carrier = allocate(RECEIVE), both(1), allocate(RECEIVE)
    local function layout(id, size, complex)
        local kr, msg = mach.receive{port = notify, timeout = 0}
        t.eq({kr, msg.id, msg.size}, {0, id, size}, "id and size")
        t.eq(msg.bits, mach.MACH_MSGH_BITS(0, mach.MACH_MSG_TYPE_PORT_SEND_ONCE) |
             (complex and mach.MACH_MSGH_BITS_COMPLEX or 0), "bits")
        t.eq({msg.remote, msg.local_port}, {0, notify}, "ports")
        return msg
    end
    t.eq({PORT_DELETED, PORT_DESTROYED, NO_SENDERS, SEND_ONCE, DEAD_NAME}, {65, 69, 70, 71, 72},
         "ids")
    ask(port, NO_SENDERS, notify)
    drop(port, 1)
    layout(NO_SENDERS, 36)
    destroy(once(notify))
    layout(SEND_ONCE, 24)
    ask(port, PORT_DESTROYED, notify)
    kill(port)
    local msg = layout(PORT_DESTROYED, 40, true)
    t.eq(msg.ports[1][2], mach.MACH_MSG_TYPE_PORT_RECEIVE, "the right in it")
    port = msg.ports[1][1]
    make_send(port)
    ask(port, DEAD_NAME, notify)
    kill(port)
    layout(DEAD_NAME, 36)
    destroy(port)
    port = once(carrier)
    ask(port, DEAD_NAME, notify)
    destroy(port)
    layout(PORT_DELETED, 36)
    destroy(notify, carrier)
end)

-- ---- arguments ---------------------------------------------------------------------------------

test("Only dead-name, no-senders and port-destroyed can be asked for: KERN_INVALID_VALUE.",
function(t)
    local notify, port = allocate(RECEIVE), both(1)
    for _, id in ipairs{0, 1, 64, PORT_DELETED, 66, 67, 68, SEND_ONCE, 73, 79, 255, -1,
                        0x7fffffff} do
        t.eq(request(port, id, 0, notify), mach.KERN_INVALID_VALUE, "id " .. id)
    end
    t.eq(request(port, PORT_DESTROYED, 1, notify), mach.KERN_INVALID_VALUE,
         "PORT_DESTROYED with sync")
    for _ = 1, 14 do
        t.eq(fetch(notify), {SEND_ONCE}, "the right that was handed over is dropped")
    end
    nothing(t, notify)
    t.eq(info(port).flags, 0, "nothing is registered")
    destroy(notify, port)
end)

test("No-senders and port-destroyed are for receive rights: KERN_INVALID_RIGHT otherwise.",
function(t)
    local notify, port, set, dead = allocate(RECEIVE), both(1), allocate(SET), allocate(DEAD_RIGHT)
    local right, parking = once(port), allocate(RECEIVE)
    must(mach.send{remote = parking, disp = MAKE_SEND, ports = {{port, MOVE_RECEIVE}}}, "park")
    for _, id in ipairs{NO_SENDERS, PORT_DESTROYED} do
        for what, name in pairs{send = port, once = right, set = set, dead = dead} do
            t.eq(request(name, id, 0, notify), mach.KERN_INVALID_RIGHT, what .. ", id " .. id)
            t.eq(fetch(notify), {SEND_ONCE}, "the right that was handed over")
        end
    end
    t.eq(request(set, DEAD_NAME, 0, notify), mach.KERN_INVALID_RIGHT, "dead name of a set")
    t.eq(fetch(notify), {SEND_ONCE}, "the right that was handed over")
    destroy(notify, set, dead, port, right, parking)
end)

test("A dead notify right is KERN_INVALID_CAPABILITY.", function(t)
    local port, dead = both(1), allocate(DEAD_RIGHT)
    for _, id in ipairs{NO_SENDERS, PORT_DESTROYED, DEAD_NAME} do
        t.eq(mach.mach_port_request_notification(self, port, id, 0, 0xffffffff, MOVE_ONCE),
             mach.KERN_INVALID_CAPABILITY, "MACH_PORT_DEAD, id " .. id)
    end
    t.eq(mach.mach_port_request_notification(self, port, DEAD_NAME, 0, dead, MOVE_ONCE),
         mach.KERN_INVALID_CAPABILITY, "a dead name")
    t.eq({info(port).flags, type_of(dead)}, {0, NOTHING}, "nothing registered; the name was moved")
    destroy(port)
end)

test("A notify right can be moved instead of made.", function(t)
    local notify, port = allocate(RECEIVE), both(1)
    local right = once(notify)
    local kr, previous = mach.mach_port_request_notification(self, port, NO_SENDERS, 0, right,
                                                             MOVE_ONCE)
    t.eq({kr, previous, type_of(right)}, {0, 0, NOTHING}, "asked")
    drop(port, 1)
    t.eq(fetch(notify), {NO_SENDERS, 1}, "notification")
    destroy(notify, port)
end)

test("Cancelling what was never asked for gives MACH_PORT_NULL and succeeds.", function(t)
    local port = both(1)
    for _, id in ipairs{NO_SENDERS, PORT_DESTROYED, DEAD_NAME} do
        local kr, previous = request(port, id, 0, 0)
        t.eq({kr, previous}, {0, 0}, "id " .. id)
    end
    destroy(port)
end)

test("A second request gives the first one's right back; only the second is notified.", function(t)
    for _, id in ipairs{NO_SENDERS, PORT_DESTROYED, DEAD_NAME} do
        local first, second, port = allocate(RECEIVE), allocate(RECEIVE), both(1)
        ask(port, id, first)
        local kr, previous = request(port, id, 0, second)
        t.eq(kr, 0, "asking again, id " .. id)
        t.eq(type_of(previous), mach.MACH_PORT_TYPE_SEND_ONCE, "the previous right")
        t.eq(mach.send{remote = previous, disp = MOVE_ONCE, id = 1234}, 0, "and it works")
        local got, msg = mach.receive{port = first, timeout = 0}
        t.eq({got, msg.id}, {0, 1234}, "at the first port")
        if id == NO_SENDERS then drop(port, 1) else kill(port) end
        t.eq((fetch(second) or {})[1], id, "notification")
        nothing(t, first)
        if id == PORT_DESTROYED then kill(port) end
        destroy(first, second, port)
    end
end)

test("A cancelled request gives its right back and nothing is notified.", function(t)
    for _, id in ipairs{NO_SENDERS, PORT_DESTROYED, DEAD_NAME} do
        local notify, port = allocate(RECEIVE), both(1)
        ask(port, id, notify)
        t.ok(info(port).flags ~= 0, "registered, id " .. id)
        local previous = cancel(t, port, id)
        t.eq(type_of(previous), mach.MACH_PORT_TYPE_SEND_ONCE, "the right")
        t.eq(info(port).flags, 0, "no longer registered")
        if id == NO_SENDERS then drop(port, 1) else kill(port) end
        nothing(t, notify)
        destroy(notify, previous, port)
    end
end)

-- ---- no-senders --------------------------------------------------------------------------------

test("NO_SENDERS: comes when the last send right goes, with the make-send count, once.",
function(t)
    local notify, port = allocate(RECEIVE), both(1)
    make_send(port)
    ask(port, NO_SENDERS, notify)
    drop(port, 1)
    nothing(t, notify, "one reference is left")
    drop(port, 1)
    t.eq(fetch(notify), {NO_SENDERS, 2}, "notification")
    make_send(port)
    drop(port, 1)
    nothing(t, notify, "it was for once only")
    destroy(notify, port)
end)

test("NO_SENDERS: rights in messages count, until they are received and dropped.", function(t)
    local notify, port, carrier = allocate(RECEIVE), both(1), allocate(RECEIVE)
    ask(port, NO_SENDERS, notify)
    must(mach.send{remote = carrier, disp = MAKE_SEND, ports = {{port, MOVE_SEND}}}, "send")
    nothing(t, notify, "the right is in a queue")
    local kr = mach.receive{port = carrier, timeout = 0}
    t.eq(kr, 0, "receive")
    nothing(t, notify, "the right is here again")
    drop(port, 1)
    t.eq(fetch(notify), {NO_SENDERS, 1}, "notification")
    destroy(notify, port, carrier)
end)

test("NO_SENDERS: a right in a message that is destroyed counts no longer.", function(t)
    local notify, port, carrier = allocate(RECEIVE), both(1), allocate(RECEIVE)
    ask(port, NO_SENDERS, notify)
    must(mach.send{remote = carrier, disp = MAKE_SEND, ports = {{port, MOVE_SEND}}}, "send")
    destroy(carrier)
    t.eq(fetch(notify), {NO_SENDERS, 1}, "notification")
    destroy(notify, port)
end)

test("NO_SENDERS: the right that a message is sent to counts until the message is received.",
function(t)
    local notify, port = allocate(RECEIVE), both(1)
    ask(port, NO_SENDERS, notify)
    must(mach.send{remote = port, disp = MOVE_SEND, id = 5}, "send")
    nothing(t, notify, "while the message is queued")
    local kr, msg = mach.receive{port = port, timeout = 0}
    t.eq({kr, msg.id}, {0, 5}, "receive")
    t.eq(fetch(notify), {NO_SENDERS, 1}, "notification")
    destroy(notify, port)
end)

test("NO_SENDERS: send-once rights do not count.", function(t)
    local notify, port = allocate(RECEIVE), both(1)
    local right = once(port)
    ask(port, NO_SENDERS, notify)
    drop(port, 1)
    t.eq(fetch(notify), {NO_SENDERS, 1}, "notification")
    destroy(notify, right, port)
end)

test("NO_SENDERS: at once if there are no senders and the make-send count has reached sync.",
function(t)
    local notify, port = allocate(RECEIVE), both(1)
    drop(port, 1)
    for _, case in ipairs{{0, true}, {1, true}, {2, false}, {3, false}, {0xffffffff, false}} do
        local kr, previous = request(port, NO_SENDERS, case[1], notify)
        t.eq({kr, previous}, {0, 0}, "sync " .. case[1])
        if case[2] then
            t.eq(fetch(notify), {NO_SENDERS, 1}, "at once, sync " .. case[1])
            t.eq(info(port).flags, 0, "nothing is registered")
        else
            nothing(t, notify, "sync " .. case[1])
            destroy(cancel(t, port, NO_SENDERS))
            t.eq(fetch(notify), {SEND_ONCE}, "the cancelled right")
        end
    end
    destroy(notify, port)
end)

test("NO_SENDERS: a right made before the make-send count reaches sync is waited for.", function(t)
    local notify, port = allocate(RECEIVE), allocate(RECEIVE)
    ask(port, NO_SENDERS, notify, 1)
    nothing(t, notify, "no right was made yet")
    make_send(port)
    nothing(t, notify, "there is a sender")
    drop(port, 1)
    t.eq(fetch(notify), {NO_SENDERS, 1}, "notification")
    destroy(notify, port)
end)

test("NO_SENDERS: with senders there is nothing at once, whatever sync says.", function(t)
    local notify, port = allocate(RECEIVE), both(1)
    ask(port, NO_SENDERS, notify, 0)
    nothing(t, notify, "sync 0")
    drop(port, 1)
    t.eq(fetch(notify), {NO_SENDERS, 1}, "notification")
    destroy(notify, port)
end)

test("NO_SENDERS: the count in it is the one at that moment, set_mscount included.", function(t)
    local notify, port = allocate(RECEIVE), both(1)
    ask(port, NO_SENDERS, notify)
    t.eq(mach.mach_port_set_mscount(self, port, 0xfffffff0), 0, "set_mscount")
    drop(port, 1)
    t.eq(fetch(notify), {NO_SENDERS, 0xfffffff0}, "notification")
    destroy(notify, port)
end)

test("NO_SENDERS: comes when a task that held the last right ends.", function(t)
    local notify, port = allocate(RECEIVE), allocate(RECEIVE)
    local task = tasks.create()
    must(mach.mach_port_insert_right(task, 0x100, port, MAKE_SEND), "insert_right")
    ask(port, NO_SENDERS, notify)
    nothing(t, notify, "the task lives")
    tasks.terminate(task)
    local got, msg = mach.receive{port = notify, timeout = 500}
    t.eq({got, msg.id}, {0, NO_SENDERS}, "notification")
    destroy(notify, port)
end)

test("NO_SENDERS: cancelled by moving the receive right; its send-once right says so.", function(t)
    local notify, port, carrier = allocate(RECEIVE), both(1), allocate(RECEIVE)
    ask(port, NO_SENDERS, notify)
    must(mach.send{remote = carrier, disp = MAKE_SEND, ports = {{port, MOVE_RECEIVE}}}, "send")
    t.eq(fetch(notify), {SEND_ONCE}, "cancelled")
    mach.receive{port = carrier, timeout = 0}
    t.eq(info(port).flags, 0, "no request")
    drop(port, 1)
    nothing(t, notify, "no more")
    destroy(notify, port, carrier)
end)

test("NO_SENDERS: cancelled by the port's death; its send-once right says so.", function(t)
    local notify, port = allocate(RECEIVE), both(1)
    ask(port, NO_SENDERS, notify)
    destroy(port)
    t.eq(fetch(notify), {SEND_ONCE}, "cancelled")
    nothing(t, notify, "no more")
    destroy(notify)
end)

-- ---- port-destroyed ----------------------------------------------------------------------------

test("PORT_DESTROYED: the receive right comes alive in the message instead of dying.", function(t)
    local notify, port = allocate(RECEIVE), both(1)
    must(mach.send{remote = port, disp = COPY_SEND, id = 3}, "send")
    ask(port, PORT_DESTROYED, notify)
    kill(port)
    t.eq(type_of(port), mach.MACH_PORT_TYPE_SEND, "the send right lives")
    t.eq(fetch(notify), {PORT_DESTROYED, port}, "notification")
    t.eq({info(port).type, info(port).mscount}, {mach.MACH_PORT_TYPE_SEND_RECEIVE, 0},
         "the right is here again")
    t.eq(info(port).flags, 0, "the request is used up")
    local kr, msg = mach.receive{port = port, timeout = 0}
    t.eq({kr, msg.id, msg.seqno}, {0, 3, 0}, "its queue came along")
    kill(port)
    nothing(t, notify, "this time it dies")
    t.eq(type_of(port), mach.MACH_PORT_TYPE_DEAD_NAME, "the send right")
    destroy(notify, port)
end)

test("PORT_DESTROYED: mach_port_destroy of all rights of a name gives the receive right away.",
function(t)
    local notify, port = allocate(RECEIVE), both(5)
    ask(port, PORT_DESTROYED, notify)
    destroy(port)
    t.eq(type_of(port), NOTHING, "the name is free")
    local got = fetch(notify) or {}
    t.eq(got[1], PORT_DESTROYED, "notification")
    t.eq({info(got[2]).type, info(got[2]).srights}, {mach.MACH_PORT_TYPE_RECEIVE, 0}, "the right")
    destroy(got[2], notify)
end)

test("PORT_DESTROYED: comes for a right in a message that is destroyed.", function(t)
    local notify, port, carrier = allocate(RECEIVE), allocate(RECEIVE), allocate(RECEIVE)
    ask(port, PORT_DESTROYED, notify)
    must(mach.send{remote = carrier, disp = MAKE_SEND, ports = {{port, MOVE_RECEIVE}}}, "send")
    nothing(t, notify, "moving it is no destruction")
    destroy(carrier)
    local got = fetch(notify) or {}
    t.eq(got[1], PORT_DESTROYED, "notification")
    t.eq(type_of(got[2]), mach.MACH_PORT_TYPE_RECEIVE, "the right")
    destroy(got[2], notify)
end)

test("PORT_DESTROYED: a task's end sends its ports to who asked for them.", function(t)
    local notify = allocate(RECEIVE)
    local task = tasks.create()
    must(mach.mach_port_allocate_name(task, RECEIVE, 0x100), "allocate_name")
    t.eq(mach.mach_port_request_notification(task, 0x100, PORT_DESTROYED, 0, notify, MAKE_ONCE), 0,
         "ask")
    tasks.terminate(task)
    local got, msg = mach.receive{port = notify, timeout = 500}
    t.eq({got, msg.id}, {0, PORT_DESTROYED}, "notification")
    t.eq(type_of(msg.ports[1][1]), mach.MACH_PORT_TYPE_RECEIVE, "the right")
    destroy(notify, msg.ports[1][1])
end)

test("PORT_DESTROYED: when the notified port is dead the receive right dies.", function(t)
    local notify, port = allocate(RECEIVE), both(1)
    ask(port, PORT_DESTROYED, notify)
    destroy(notify)
    kill(port)
    t.eq(type_of(port), mach.MACH_PORT_TYPE_DEAD_NAME, "the send right")
    destroy(port)
end)

test("PORT_DESTROYED: to the port itself makes a circle, which dies.", function(t)
    local port = both(1)
    ask(port, PORT_DESTROYED, port)
    kill(port)
    t.eq(type_of(port), mach.MACH_PORT_TYPE_DEAD_NAME, "the send right")
    destroy(port)
end)

test("All three requests on one name do not get into each other's way.", function(t)
    local a, b, c, port = allocate(RECEIVE), allocate(RECEIVE), allocate(RECEIVE), both(1)
    ask(port, NO_SENDERS, a)
    ask(port, PORT_DESTROYED, b)
    ask(port, DEAD_NAME, c)
    kill(port)
    t.eq(fetch(a), {SEND_ONCE}, "no-senders was cancelled")
    t.eq(fetch(b), {PORT_DESTROYED, port}, "port-destroyed")
    nothing(t, c, "the port lives")
    kill(port)
    t.eq(fetch(c), {DEAD_NAME, port}, "dead name")
    destroy(a, b, c, port)
end)
