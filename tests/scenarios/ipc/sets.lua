-- SPDX-License-Identifier: BSD-2-Clause
-- Port sets: members and how they come and go, receiving from many ports at once, what becomes of
-- waiting threads when a set or its members change. Contracts: mach_port.defs; manual: mach_msg.

local must, ports = require "must", require "ports"
local allocate, destroy, info = ports.allocate, ports.destroy, ports.info
local wait_until = ports.wait_until

local self = mach.mach_task_self()
local RECEIVE, SET, DEAD_NAME = mach.MACH_PORT_RIGHT_RECEIVE, mach.MACH_PORT_RIGHT_PORT_SET,
    mach.MACH_PORT_RIGHT_DEAD_NAME
local MAKE_SEND, MOVE_RECEIVE = mach.MACH_MSG_TYPE_MAKE_SEND, mach.MACH_MSG_TYPE_MOVE_RECEIVE

-- A set of `n` new ports.
local function set_of(n)
    local set, ports = allocate(SET), {}
    for i = 1, n do
        ports[i] = allocate(RECEIVE)
        must(mach.mach_port_insert_member(self, ports[i], set), "insert_member")
    end
    return set, ports
end

local function members(set)
    local kr, list = mach.mach_port_get_set_status(self, set)
    must(kr, "get_set_status")
    table.sort(list)
    return list
end

local function set_name(port)
    local kr, status = mach.mach_port_get_attributes(self, port, mach.MACH_PORT_RECEIVE_STATUS)
    must(kr, "get_attributes")
    return status.mps_pset
end

local function post(port, id)
    must(mach.send{remote = port, disp = MAKE_SEND, id = id, timeout = 0}, "send")
end

local function receiver(port)
    return spawn.thread(function()
        local kr, msg = mach.receive{port = args.port}
        return {kr, msg.id, msg.local_port}
    end, {port = port})
end

test("mach_port_get_set_status lists the members, each receive right knows its set.", function(t)
    local set, ports = set_of(4)
    table.sort(ports)
    t.eq(members(set), ports, "members")
    for _, port in ipairs(ports) do t.eq(set_name(port), set, "set of a member") end
    t.eq(info(set).members, 4, "number of members")
    destroy(set, table.unpack(ports))
end)

test("A set that is renamed has its new name for its members, and is one under it.", function(t)
    local set, ports = set_of(2)
    local names = {0x5e7000, set}
    for _, name in ipairs(names) do
        must(mach.mach_port_rename(self, set, name), "rename")
        set = name
        t.eq(set_name(ports[1]), set, "set of a member")
        post(ports[2], 7)
        local kr, msg = mach.receive{port = set, timeout = 0}
        t.eq({kr, msg.id}, {0, 7}, "receive")
    end
    destroy(set, table.unpack(ports))
end)

test("mach_port_insert_member of a member is KERN_ALREADY_IN_SET, of this set or another.",
function(t)
    local set, ports = set_of(1)
    local other = allocate(SET)
    t.eq(mach.mach_port_insert_member(self, ports[1], set), mach.KERN_ALREADY_IN_SET, "this set")
    t.eq(mach.mach_port_insert_member(self, ports[1], other), mach.KERN_ALREADY_IN_SET, "another")
    t.eq({members(set), members(other)}, {ports, {}}, "members")
    destroy(set, other, ports[1])
end)

test("mach_port_extract_member of a port that is not in that set is KERN_NOT_IN_SET.", function(t)
    local set, ports = set_of(1)
    local other, alone = allocate(SET), allocate(RECEIVE)
    t.eq(mach.mach_port_extract_member(self, alone, set), mach.KERN_NOT_IN_SET, "in no set")
    t.eq(mach.mach_port_extract_member(self, ports[1], other), mach.KERN_NOT_IN_SET, "in another")
    t.eq({members(set), members(other)}, {ports, {}}, "members")
    t.eq(mach.mach_port_extract_member(self, ports[1], set), 0, "in this set")
    t.eq({members(set), set_name(ports[1])}, {{}, 0}, "afterwards")
    t.eq(mach.mach_port_extract_member(self, ports[1], set), mach.KERN_NOT_IN_SET, "once more")
    destroy(set, other, alone, ports[1])
end)

test("mach_port_move_member moves from set to set, and out of its set with MACH_PORT_NULL.",
function(t)
    local a, ports = set_of(2)
    local b = allocate(SET)
    t.eq(mach.mach_port_move_member(self, ports[1], b), 0, "to another set")
    t.eq({members(a), members(b)}, {{ports[2]}, {ports[1]}}, "members")
    t.eq(set_name(ports[1]), b, "its set")
    t.eq(mach.mach_port_move_member(self, ports[1], b), 0, "to the set that it is in")
    t.eq({members(a), members(b)}, {{ports[2]}, {ports[1]}}, "members")
    t.eq(mach.mach_port_move_member(self, ports[1], 0), 0, "out of its set")
    t.eq({members(b), set_name(ports[1])}, {{}, 0}, "afterwards")
    t.eq(mach.mach_port_move_member(self, ports[1], 0), mach.KERN_NOT_IN_SET, "once more")
    t.eq(mach.mach_port_move_member(self, ports[1], a), 0, "into a set from none")
    t.eq(#members(a), 2, "members")
    destroy(a, b, ports[1], ports[2])
end)

test("Only receive rights are members, only of sets: KERN_INVALID_RIGHT, no change.", function(t)
    local set, port, dead, other = allocate(SET), allocate(RECEIVE), allocate(DEAD_NAME),
        allocate(SET)
    local once = ports.once(port)
    for _, call in ipairs{"mach_port_insert_member", "mach_port_extract_member",
                          "mach_port_move_member"} do
        for what, name in pairs{dead = dead, set = other, once = once} do
            t.eq(mach[call](self, name, set), mach.KERN_INVALID_RIGHT, call .. " of " .. what)
        end
        for what, name in pairs{dead = dead, port = port, once = once} do
            t.eq(mach[call](self, port, name), mach.KERN_INVALID_RIGHT, call .. " to " .. what)
        end
        t.eq(mach[call](self, port, 0xffffffff), mach.KERN_INVALID_NAME, call .. " to DEAD")
    end
    t.eq({members(set), members(other), set_name(port)}, {{}, {}, 0}, "afterwards")
    t.eq(mach.mach_port_get_set_status(self, port), mach.KERN_INVALID_RIGHT, "status of a port")
    t.eq(mach.mach_port_get_set_status(self, dead), mach.KERN_INVALID_RIGHT, "of a dead name")
    destroy(set, other, port, dead, once)
end)

test("A message to any member can be received from the set; local_port says which it was.",
function(t)
    local set, ports = set_of(3)
    for _, i in ipairs{2, 3, 1} do
        post(ports[i], i)
        local kr, msg = mach.receive{port = set, timeout = 0}
        t.eq({kr, msg.id, msg.local_port, msg.seqno}, {0, i, ports[i], 0}, "member " .. i)
    end
    t.eq(mach.receive{port = set, timeout = 0}, mach.MACH_RCV_TIMED_OUT, "no more")
    destroy(set, table.unpack(ports))
end)

test("A set cannot be sent to, and its name cannot travel.", function(t)
    local set, ports = set_of(1)
    for disposition = mach.MACH_MSG_TYPE_MOVE_RECEIVE, mach.MACH_MSG_TYPE_MAKE_SEND_ONCE do
        if disposition ~= MOVE_RECEIVE then
            t.eq(mach.send{remote = set, disp = disposition}, mach.MACH_SEND_INVALID_DEST, "to it")
        end
        t.eq(mach.send{remote = ports[1], disp = MAKE_SEND, ports = {{set, disposition}}},
             mach.MACH_SEND_INVALID_RIGHT, "in a message, disposition " .. disposition)
    end
    destroy(set, ports[1])
end)

test("Messages that were there before the port came into the set are received too.", function(t)
    local set, port = allocate(SET), allocate(RECEIVE)
    for id = 1, 3 do post(port, id) end
    t.eq(mach.receive{port = set, timeout = 0}, mach.MACH_RCV_TIMED_OUT, "the set is empty")
    must(mach.mach_port_insert_member(self, port, set), "insert_member")
    for id = 1, 3 do
        local kr, msg = mach.receive{port = set, timeout = 0}
        t.eq({kr, msg.id}, {0, id}, "message " .. id)
    end
    destroy(set, port)
end)

test("A thread that waits on a set gets a message that the new member brings along.", function(t)
    local set, port = allocate(SET), allocate(RECEIVE)
    post(port, 1)
    post(port, 2)
    local job = receiver(set)
    wait_until(set, "waiters", 1)
    must(mach.mach_port_insert_member(self, port, set), "insert_member")
    local ok, got = job:wait(900)
    t.eq({ok, got}, {true, {0, 1, port}}, "the thread")
    local kr, msg = mach.receive{port = set, timeout = 0}
    t.eq({kr, msg.id}, {0, 2}, "the rest")
    destroy(set, port)
end)

test("Messages go to as many threads as wait on the set, and their room to waiting senders.",
function(t)
    local set, port, jobs, senders = allocate(SET), allocate(RECEIVE), {}, {}
    for id = 1, 5 do post(port, id) end
    for i = 1, 2 do
        senders[i] = spawn.thread(function()
            return (mach.send{remote = args.port, id = args.id})
        end, {port = port, id = 5 + i})
        wait_until(port, "senders", i)
    end
    for i = 1, 3 do
        jobs[i] = receiver(set)
        wait_until(set, "waiters", i)
    end
    must(mach.mach_port_insert_member(self, port, set), "insert_member")
    t.eq({info(port).queue_length, info(port).senders}, {4, 0}, "two of five are left, two got in")
    for i = 1, 3 do t.eq({jobs[i]:wait(900)}, {true, {0, i, port}}, "thread " .. i) end
    for i = 1, 2 do t.eq({senders[i]:wait(900)}, {true, 0}, "sender " .. i) end
    for id = 4, 7 do
        local kr, msg = mach.receive{port = set, timeout = 0}
        t.eq({kr, msg.id}, {0, id}, "message " .. id)
    end
    destroy(set, port)
end)

test("A member that leaves takes its messages along.", function(t)
    local set, ports = set_of(2)
    post(ports[1], 1)
    post(ports[2], 2)
    must(mach.mach_port_extract_member(self, ports[1], set), "extract_member")
    local kr, msg = mach.receive{port = set, timeout = 0}
    t.eq({kr, msg.id}, {0, 2}, "from the set")
    t.eq(mach.receive{port = set, timeout = 0}, mach.MACH_RCV_TIMED_OUT, "no more")
    kr, msg = mach.receive{port = ports[1], timeout = 0}
    t.eq({kr, msg.id}, {0, 1}, "from the port that left")
    destroy(set, table.unpack(ports))
end)

test("A member moved to another set is received from there.", function(t)
    local a, ports = set_of(1)
    local b = allocate(SET)
    post(ports[1], 1)
    must(mach.mach_port_move_member(self, ports[1], b), "move_member")
    t.eq(mach.receive{port = a, timeout = 0}, mach.MACH_RCV_TIMED_OUT, "the old set")
    local kr, msg = mach.receive{port = b, timeout = 0}
    t.eq({kr, msg.id}, {0, 1}, "the new set")
    destroy(a, b, ports[1])
end)

test("Within one member messages keep their order.", function(t)
    local set, ports = set_of(2)
    for id = 1, 5 do
        post(ports[1], id)
        post(ports[2], 100 + id)
    end
    local last = {[ports[1]] = 0, [ports[2]] = 100}
    for _ = 1, 10 do
        local kr, msg = mach.receive{port = set, timeout = 0}
        t.eq(kr, 0, "receive")
        t.eq(msg.id, last[msg.local_port] + 1, "order")
        last[msg.local_port] = msg.id
    end
    destroy(set, table.unpack(ports))
end)

test("No member with messages is starved by another that has always some.", function(t)
    local set, ports = set_of(3)
    for i = 1, 3 do
        for _ = 1, 4 do post(ports[i], i) end
    end
    local waited = {0, 0, 0}
    for _ = 1, 30 do -- whoever is served gets a new message at once
        local kr, msg = mach.receive{port = set, timeout = 0}
        t.eq(kr, 0, "receive")
        for i = 1, 3 do waited[i] = waited[i] + 1 end
        waited[msg.id] = 0
        for i = 1, 3 do t.ok(waited[i] < 3, ("member %d waited %d turns"):format(i, waited[i])) end
        post(msg.local_port, msg.id)
    end
    destroy(set, table.unpack(ports))
end)

test("Threads that wait on a set are served in their order, whichever member gets messages.",
function(t)
    local set, ports = set_of(3)
    local jobs = {}
    for i = 1, 3 do
        jobs[i] = receiver(set)
        wait_until(set, "waiters", i)
    end
    for i = 1, 3 do post(ports[4 - i], i) end
    for i = 1, 3 do
        local ok, got = jobs[i]:wait(900)
        t.eq({ok, got}, {true, {0, i, ports[4 - i]}}, "thread " .. i)
    end
    destroy(set, table.unpack(ports))
end)

test("A destroyed set leaves its members in no set, with their messages.", function(t)
    local set, ports = set_of(3)
    for i = 1, 3 do post(ports[i], i) end
    destroy(set)
    for i = 1, 3 do
        t.eq(set_name(ports[i]), 0, "set of member " .. i)
        local kr, msg = mach.receive{port = ports[i], timeout = 0}
        t.eq({kr, msg.id}, {0, i}, "message of member " .. i)
    end
    destroy(table.unpack(ports))
end)

test("A destroyed member leaves the set; its messages are gone.", function(t)
    local set, ports = set_of(3)
    for i = 1, 3 do post(ports[i], i) end
    destroy(ports[2])
    local left = {ports[1], ports[3]}
    table.sort(left)
    t.eq(members(set), left, "members")
    local ids = {}
    for _ = 1, 2 do
        local kr, msg = mach.receive{port = set, timeout = 0}
        t.eq(kr, 0, "receive")
        ids[#ids + 1] = msg.id
    end
    table.sort(ids)
    t.eq(ids, {1, 3}, "messages")
    t.eq(mach.receive{port = set, timeout = 0}, mach.MACH_RCV_TIMED_OUT, "no more")
    destroy(set, ports[1], ports[3])
end)

test("A receive right that is sent away leaves the set.", function(t)
    local set, ports = set_of(1)
    local carrier = allocate(RECEIVE)
    post(ports[1], 1)
    must(mach.send{remote = carrier, disp = MAKE_SEND, ports = {{ports[1], MOVE_RECEIVE}}}, "send")
    t.eq(members(set), {}, "members")
    t.eq(mach.receive{port = set, timeout = 0}, mach.MACH_RCV_TIMED_OUT, "receive")
    local _, msg = mach.receive{port = carrier, timeout = 0}
    local port = msg.ports[1][1]
    t.eq(set_name(port), 0, "back in no set")
    local kr
    kr, msg = mach.receive{port = port, timeout = 0}
    t.eq({kr, msg.id}, {0, 1}, "with its message")
    destroy(set, carrier, port)
end)

test("MACH_RCV_LARGE on a set leaves the message in its member, at the head.", function(t)
    local set, ports = set_of(2)
    must(mach.send{remote = ports[1], disp = MAKE_SEND, id = 1, body = ("x"):rep(100)}, "send")
    local kr, msg = mach.receive{port = set, timeout = 0, max = 20, options = mach.MACH_RCV_LARGE}
    t.eq({kr, msg.size}, {mach.MACH_RCV_TOO_LARGE, 124}, "too large")
    t.eq({info(ports[1]).queue_length, info(ports[1]).seqno}, {1, 0}, "it stays")
    kr, msg = mach.receive{port = set, timeout = 0, max = 100}
    t.eq({kr, msg.id, msg.local_port}, {0, 1, ports[1]}, "with enough room")
    destroy(set, table.unpack(ports))
end)

test("A set of a hundred members works like one of two.", function(t)
    local set, ports = set_of(100)
    for i = 100, 1, -1 do post(ports[i], i) end
    local seen = 0
    for _ = 1, 100 do
        local kr, msg = mach.receive{port = set, timeout = 0}
        t.eq({kr, ports[msg.id]}, {0, msg.local_port}, "receive")
        seen = seen + msg.id
    end
    t.eq(seen, 5050, "each message once")
    destroy(set, table.unpack(ports))
end)
