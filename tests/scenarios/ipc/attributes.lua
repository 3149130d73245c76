-- SPDX-License-Identifier: BSD-2-Clause
-- What can be asked and set about a receive right: mach_port_get_attributes, set_attributes,
-- set_mscount, set_seqno, and Minato's own view of what is behind a name, minato_port_info.

local must, ports = require "must", require "ports"
local allocate, both, once = ports.allocate, ports.both, ports.once
local destroy, info = ports.destroy, ports.info

local self = mach.mach_task_self()
local SEND, RECEIVE, SET, DEAD_NAME = mach.MACH_PORT_RIGHT_SEND, mach.MACH_PORT_RIGHT_RECEIVE,
    mach.MACH_PORT_RIGHT_PORT_SET, mach.MACH_PORT_RIGHT_DEAD_NAME
local MAKE_SEND, COPY_SEND, MAKE_ONCE = mach.MACH_MSG_TYPE_MAKE_SEND,
    mach.MACH_MSG_TYPE_COPY_SEND, mach.MACH_MSG_TYPE_MAKE_SEND_ONCE
local LIMITS, STATUS, DNREQUESTS = mach.MACH_PORT_LIMITS_INFO, mach.MACH_PORT_RECEIVE_STATUS,
    mach.MACH_PORT_DNREQUESTS_SIZE

local function status(name)
    local kr, found = mach.mach_port_get_attributes(self, name, STATUS)
    must(kr, "get_attributes")
    return found
end

test("The status of a receive right tells each of its ten facts.", function(t)
    local port, set, notify = both(), allocate(SET), allocate(RECEIVE)
    local a, b = once(port), once(port)
    local want = {mps_pset = 0, mps_seqno = 0, mps_mscount = 1, mps_qlimit = 5, mps_msgcount = 0,
                  mps_sorights = 2, mps_srights = true, mps_pdrequest = false,
                  mps_nsrequest = false, mps_flags = 0}
    t.eq(status(port), want, "at first")
    must(mach.mach_port_insert_member(self, port, set), "insert_member")
    want.mps_pset = set
    t.eq(status(port), want, "in a set")
    for _ = 1, 3 do must(mach.send{remote = port, disp = COPY_SEND}, "send") end
    must(mach.receive{port = set, timeout = 0}, "receive")
    want.mps_msgcount, want.mps_seqno = 2, 1
    t.eq(status(port), want, "with messages")
    must(mach.mach_port_request_notification(self, port, mach.MACH_NOTIFY_NO_SENDERS, 0, notify,
                                             MAKE_ONCE), "request_notification")
    want.mps_nsrequest = true
    t.eq(status(port), want, "with a no-senders request")
    must(mach.mach_port_request_notification(self, port, mach.MACH_NOTIFY_PORT_DESTROYED, 0, notify,
                                             MAKE_ONCE), "request_notification")
    want.mps_pdrequest = true
    t.eq(status(port), want, "with a port-destroyed request")
    must(mach.mach_port_mod_refs(self, port, SEND, -1), "mod_refs")
    t.eq(status(port).mps_srights, true, "the queued messages hold send rights")
    for _ = 1, 2 do must(mach.receive{port = set, timeout = 0}, "receive") end
    want.mps_srights, want.mps_nsrequest, want.mps_msgcount, want.mps_seqno = false, false, 0, 3
    t.eq(status(port), want, "without senders")
    destroy(a, b, set, port)
    local last
    for _ = 1, 2 do last = select(2, mach.receive{port = notify, timeout = 0}) end
    t.eq(last.id, mach.MACH_NOTIFY_PORT_DESTROYED, "the port comes back")
    destroy(last.ports[1][1], notify)
end)

test("Attributes are those of receive rights: KERN_INVALID_RIGHT for everything else.", function(t)
    local port, set, dead, sender, parking = allocate(RECEIVE), allocate(SET), allocate(DEAD_NAME),
        both(), allocate(RECEIVE)
    local right = once(port)
    must(mach.send{remote = parking, disp = MAKE_SEND,
                   ports = {{sender, mach.MACH_MSG_TYPE_MOVE_RECEIVE}}}, "park")
    for what, name in pairs{set = set, dead = dead, once = right, send = sender} do
        for _, flavor in ipairs{LIMITS, STATUS, DNREQUESTS, 99} do
            t.eq(mach.mach_port_get_attributes(self, name, flavor), mach.KERN_INVALID_RIGHT,
                 ("get, %s, flavor %d"):format(what, flavor))
        end
        t.eq(mach.mach_port_set_attributes(self, name, LIMITS, {mpl_qlimit = 3}),
             mach.KERN_INVALID_RIGHT, "set, " .. what)
        t.eq(mach.mach_port_set_mscount(self, name, 3), mach.KERN_INVALID_RIGHT,
             "mscount, " .. what)
        t.eq(mach.mach_port_set_seqno(self, name, 3), mach.KERN_INVALID_RIGHT, "seqno, " .. what)
    end
    t.eq({info(sender).mscount, info(sender).seqno, info(sender).queue_limit}, {0, 0, 5},
         "the port of the send right")
    destroy(port, set, dead, right, sender, parking)
end)

test("An unknown flavor is KERN_INVALID_ARGUMENT.", function(t)
    local port = allocate(RECEIVE)
    for _, flavor in ipairs{0, 4, 5, 100, -1, 0x7fffffff} do
        t.eq(mach.mach_port_get_attributes(self, port, flavor), mach.KERN_INVALID_ARGUMENT,
             "get " .. flavor)
        t.eq(mach.mach_port_set_attributes(self, port, flavor, {1, 2, 3}),
             mach.KERN_INVALID_ARGUMENT, "set " .. flavor)
    end
    t.eq(mach.mach_port_set_attributes(self, port, STATUS, {0, 0, 0, 7, 0, 0, 0, 0, 0, 0}),
         mach.KERN_INVALID_ARGUMENT, "the status cannot be set")
    t.eq(status(port).mps_qlimit, 5, "the limit")
    destroy(port)
end)

test("An info array that is too short for its flavor is KERN_FAILURE, no change.", function(t)
    local port = allocate(RECEIVE)
    t.eq(mach.mach_port_set_attributes(self, port, LIMITS, ""), mach.KERN_FAILURE, "limits")
    t.eq(mach.mach_port_set_attributes(self, port, DNREQUESTS, ""), mach.KERN_FAILURE, "requests")
    t.eq(status(port).mps_qlimit, 5, "the limit")
    t.eq(mach.mach_port_set_attributes(self, port, LIMITS, {6, 99, 99}), 0, "a longer one will do")
    t.eq(status(port).mps_qlimit, 6, "the limit")
    destroy(port)
end)

test("MACH_PORT_DNREQUESTS_SIZE tells how many names wait for the port's death; setting is a hint.",
function(t)
    local port, notify = both(), allocate(RECEIVE)
    local rights = {once(port), once(port), port}
    for i = 0, #rights do
        if i > 0 then
            must(mach.mach_port_request_notification(self, rights[i], mach.MACH_NOTIFY_DEAD_NAME, 0,
                                                     notify, MAKE_ONCE), "request_notification")
        end
        local kr, size = mach.mach_port_get_attributes(self, port, DNREQUESTS)
        t.eq({kr, size}, {0, {i}}, i .. " requests")
        t.eq(mach.mach_port_set_attributes(self, port, DNREQUESTS, {100}), 0, "set")
    end
    destroy(notify, table.unpack(rights))
end)

test("mach_port_set_mscount sets what the next send rights made are counted from.", function(t)
    local port = allocate(RECEIVE)
    for _, count in ipairs{7, 0xfffffffe, 0} do
        t.eq(mach.mach_port_set_mscount(self, port, count), 0, "set_mscount")
        t.eq(status(port).mps_mscount, count, "count")
        ports.make_send(port)
        t.eq(status(port).mps_mscount, count + 1, "one more")
        must(mach.mach_port_insert_right(self, port, port, COPY_SEND), "insert_right")
        t.eq(status(port).mps_mscount, count + 1, "a copy does not count")
    end
    destroy(port)
end)

test("minato_port_info tells objects apart and never gives a number twice.", function(t)
    local port, set = both(), allocate(SET)
    local right = once(port)
    t.eq({info(port).object, info(set).object, info(right).object}, {0, 1, 0}, "kinds")
    t.eq(info(right).port_id, info(port).port_id, "the same port under two names")
    t.eq(info(self).object, 2, "a task")
    t.eq(info(mach.mach_thread_self()).object, 3, "a thread")
    local old = info(port).port_id
    must(mach.mach_port_insert_member(self, port, set), "insert_member")
    t.eq({info(port).pset_id, info(set).members}, {info(set).port_id, 1}, "set and member")
    destroy(port, right)
    local again = allocate(RECEIVE)
    t.ok(info(again).port_id > old, "a new number")
    destroy(again, set)
end)

test("minato_port_info counts threads that wait on a port and on a set.", function(t)
    local port, set = both(), allocate(SET)
    local function receiver(name)
        return spawn.thread(function()
            return (mach.receive{port = args.name, timeout = 500})
        end, {name = name})
    end
    local jobs = {receiver(port), receiver(set), receiver(set)}
    ports.wait_until(port, "waiters", 1)
    ports.wait_until(set, "waiters", 2)
    t.eq({info(port).waiters, info(set).waiters}, {1, 2}, "waiting threads")
    destroy(port, set)
    for i = 1, 3 do t.eq({jobs[i]:wait(900)}, {true, mach.MACH_RCV_PORT_DIED}, "thread " .. i) end
end)
