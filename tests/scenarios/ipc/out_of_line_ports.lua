-- SPDX-License-Identifier: BSD-2-Clause
-- Out-of-line arrays of rights: all elements have one disposition; the receiver gets an array of
-- its own names in fresh memory. Manual: mach_msg.

local must, ports, memory = require "must", require "ports", require "memory"
local allocate, both, once = ports.allocate, ports.both, ports.once
local destroy = ports.destroy

local self = mach.mach_task_self()
local RECEIVE, DEAD_NAME = mach.MACH_PORT_RIGHT_RECEIVE, mach.MACH_PORT_RIGHT_DEAD_NAME
local MAKE_SEND, COPY_SEND, MOVE_SEND = mach.MACH_MSG_TYPE_MAKE_SEND,
    mach.MACH_MSG_TYPE_COPY_SEND, mach.MACH_MSG_TYPE_MOVE_SEND
local MAKE_ONCE, MOVE_ONCE, MOVE_RECEIVE = mach.MACH_MSG_TYPE_MAKE_SEND_ONCE,
    mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, mach.MACH_MSG_TYPE_MOVE_RECEIVE
local PORT_SEND, PORT_ONCE, PORT_RECEIVE = mach.MACH_MSG_TYPE_PORT_SEND,
    mach.MACH_MSG_TYPE_PORT_SEND_ONCE, mach.MACH_MSG_TYPE_PORT_RECEIVE
local T_SEND, T_RECEIVE, T_ONCE, T_BOTH = mach.MACH_PORT_TYPE_SEND, mach.MACH_PORT_TYPE_RECEIVE,
    mach.MACH_PORT_TYPE_SEND_ONCE, mach.MACH_PORT_TYPE_SEND_RECEIVE
local NULL, DEAD = 0, 0xffffffff
local PAGE = 4096

local function space() return ports.space(self, "mscount") end

-- type, user references, then of the port: send rights, send-once rights.
local function state(name) return ports.state(name, "srights", "sorights") end

local function carry(carrier, names, disposition)
    return mach.send{remote = carrier, disp = MAKE_SEND, ool_ports = {{names, disposition}}}
end

local function fetch(t, port)
    local kr, msg = mach.receive{port = port, timeout = 0}
    t.eq(kr, 0, "receive")
    return (msg.ool_ports or {})[1] or {{}}
end

test("MAKE_SEND, COPY_SEND and MOVE_SEND: every element counts, also the same name again.",
function(t)
    local carrier, a, b = allocate(RECEIVE), both(5), both(5)
    t.eq(carry(carrier, {a, b, a}, MAKE_SEND), 0, "send")
    t.eq(fetch(t, carrier), {{a, b, a}, PORT_SEND}, "MAKE_SEND")
    t.eq({state(a), state(b)}, {{T_BOTH, 7, 1, 0}, {T_BOTH, 6, 1, 0}}, "references")
    t.eq(carry(carrier, {a, b, b}, COPY_SEND), 0, "send")
    t.eq(fetch(t, carrier), {{a, b, b}, PORT_SEND}, "COPY_SEND")
    t.eq({state(a), state(b)}, {{T_BOTH, 8, 1, 0}, {T_BOTH, 8, 1, 0}}, "references")
    t.eq(carry(carrier, {a, a, b}, MOVE_SEND), 0, "send")
    t.eq({state(a), state(b)}, {{T_BOTH, 6, 3, 0}, {T_BOTH, 7, 2, 0}}, "while they are on the way")
    t.eq(fetch(t, carrier), {{a, a, b}, PORT_SEND}, "MOVE_SEND")
    t.eq({state(a), state(b)}, {{T_BOTH, 8, 1, 0}, {T_BOTH, 8, 1, 0}}, "references")
    destroy(carrier, a, b)
end)

test("MAKE_SEND_ONCE and MOVE_SEND_ONCE: every element arrives under a name of its own.",
function(t)
    local carrier, a = allocate(RECEIVE), allocate(RECEIVE)
    t.eq(carry(carrier, {a, a, a}, MAKE_ONCE), 0, "send")
    local got = fetch(t, carrier)
    t.eq({got[2], #got[1]}, {PORT_ONCE, 3}, "MAKE_SEND_ONCE")
    for round = 1, 2 do
        local seen = {}
        for _, name in ipairs(got[1]) do
            t.eq(state(name), {T_ONCE, 1, 0, 3}, "right")
            t.eq(seen[name], nil, "its own name")
            seen[name] = true
        end
        if round == 1 then
            t.eq(carry(carrier, got[1], MOVE_ONCE), 0, "send")
            t.eq(state(got[1][1]), mach.error_string(mach.KERN_INVALID_NAME), "moved away")
            got = fetch(t, carrier)
            t.eq({got[2], #got[1]}, {PORT_ONCE, 3}, "MOVE_SEND_ONCE")
        end
    end
    destroy(got[1][1], got[1][2], got[1][3], a, carrier)
end)

test("MOVE_RECEIVE: the ports move with their queues.", function(t)
    local carrier, a, b = allocate(RECEIVE), both(1), allocate(RECEIVE)
    must(mach.send{remote = a, disp = COPY_SEND, id = 1}, "send")
    must(mach.send{remote = b, disp = MAKE_SEND, id = 2}, "send")
    t.eq(carry(carrier, {a, b}, MOVE_RECEIVE), 0, "send")
    t.eq(state(a), {T_SEND, 1, 2, 0}, "the send right stays")
    local got = fetch(t, carrier)
    t.eq({got[2], got[1][1]}, {PORT_RECEIVE, a}, "MOVE_RECEIVE")
    for i, name in ipairs(got[1]) do
        local kr, msg = mach.receive{port = name, timeout = 0}
        t.eq({kr, msg.id}, {0, i}, "message in its queue")
    end
    destroy(carrier, got[1][1], got[1][2])
end)

test("An empty array arrives as an empty array.", function(t)
    local carrier = allocate(RECEIVE)
    for _, disposition in ipairs{MAKE_SEND, COPY_SEND, MOVE_ONCE, MOVE_RECEIVE} do
        t.eq(carry(carrier, {}, disposition), 0, "send")
        t.eq(fetch(t, carrier)[1], {}, "disposition " .. disposition)
    end
    destroy(carrier)
end)

test("Null and dead elements arrive as null and dead; a dead name arrives as dead.", function(t)
    local carrier, a, dead = allocate(RECEIVE), both(1), allocate(DEAD_NAME)
    must(mach.mach_port_mod_refs(self, dead, DEAD_NAME, 1), "mod_refs")
    t.eq(carry(carrier, {NULL, a, DEAD, dead, NULL}, COPY_SEND), 0, "send")
    t.eq(fetch(t, carrier), {{NULL, a, DEAD, DEAD, NULL}, PORT_SEND}, "COPY_SEND")
    t.eq(state(dead)[2], 2, "its references")
    t.eq(carry(carrier, {dead, NULL, dead}, MOVE_SEND), 0, "send")
    t.eq(fetch(t, carrier), {{DEAD, NULL, DEAD}, PORT_SEND}, "MOVE_SEND")
    t.eq(state(dead), mach.error_string(mach.KERN_INVALID_NAME), "both references are gone")
    destroy(carrier, a)
end)

test("A port that dies on the way arrives as dead.", function(t)
    local carrier, a, b = allocate(RECEIVE), both(1), both(1)
    t.eq(carry(carrier, {a, b, a}, COPY_SEND), 0, "send")
    destroy(a)
    t.eq(fetch(t, carrier), {{DEAD, b, DEAD}, PORT_SEND}, "received")
    destroy(carrier, b)
end)

test("One bad element: MACH_SEND_INVALID_RIGHT, and all the others stay.", function(t)
    local carrier, a, b, stale = allocate(RECEIVE), both(2), both(2), allocate(DEAD_NAME)
    destroy(stale)
    local before = space()
    for _, names in ipairs{{stale, a, b}, {a, stale, b}, {a, b, stale}, {a, a, a}} do
        t.eq(carry(carrier, names, MOVE_SEND), mach.MACH_SEND_INVALID_RIGHT, "MOVE_SEND")
        t.eq(space(), before, "names")
    end
    t.eq(carry(carrier, {a, a}, MOVE_RECEIVE), mach.MACH_SEND_INVALID_RIGHT,
         "twice the receive right")
    t.eq(space(), before, "names")
    destroy(carrier, a, b)
end)

test("Elements share references with the body's other rights and the header.", function(t)
    local carrier, a = both(1), both(2)
    local before = space()
    t.eq(mach.send{remote = carrier, disp = COPY_SEND, ports = {{a, MOVE_SEND}},
                   ool_ports = {{{a, a}, MOVE_SEND}}}, mach.MACH_SEND_INVALID_RIGHT, "three of two")
    t.eq(mach.send{remote = carrier, disp = MOVE_SEND, ool_ports = {{{carrier}, MOVE_SEND}}},
         mach.MACH_SEND_INVALID_RIGHT, "destination and element")
    t.eq(space(), before, "names")
    t.eq(mach.send{remote = carrier, disp = COPY_SEND, ports = {{a, MOVE_SEND}},
                   ool_ports = {{{a}, MOVE_SEND}}}, 0, "two of two")
    t.eq(fetch(t, carrier), {{a}, PORT_SEND}, "received")
    t.eq(state(a), {T_BOTH, 2, 1, 0}, "references")
    destroy(carrier, a)
end)

test("A large array: five thousand elements.", function(t)
    local carrier, names = allocate(RECEIVE), {}
    local ports = {both(1), both(1), both(1)}
    for i = 1, 5000 do names[i] = i % 10 == 0 and NULL or ports[i % 3 + 1] end
    t.eq(carry(carrier, names, COPY_SEND), 0, "send")
    t.eq(fetch(t, carrier), {names, PORT_SEND}, "received")
    local sum = 0
    for i = 1, 3 do sum = sum + state(ports[i])[2] end
    t.eq(sum, 3 + 4500, "references")
    destroy(carrier, table.unpack(ports))
end)

test("A hundred send-once rights in one array, each usable once.", function(t)
    local carrier, a, names = allocate(RECEIVE), allocate(RECEIVE), {}
    for i = 1, 100 do names[i] = a end
    t.eq(carry(carrier, names, MAKE_ONCE), 0, "send")
    local got = fetch(t, carrier)[1]
    t.eq(#got, 100, "elements")
    for i, name in ipairs(got) do
        t.eq(mach.send{remote = name, disp = MOVE_ONCE, id = i}, 0, "send to one")
    end
    for i = 1, 100 do
        local kr, msg = mach.receive{port = a, timeout = 0}
        if kr ~= 0 or msg.id ~= i then t.eq({kr, msg.id}, {0, i}, "message") end
    end
    destroy(carrier, a)
end)

test("The array's memory goes with deallocate, and stays without.", function(t)
    local carrier, a = allocate(RECEIVE), both(1)
    local page = memory.allocate(PAGE)
    memory.write(page, string.pack("<I4I4", a, a))
    local function send(deallocate)
        return mach.mach_msg(string.pack("<I4I4I4I4I4i4 I4 I4I4I4",
            mach.MACH_MSGH_BITS_COMPLEX | MAKE_SEND, 0, carrier, 0, 0, 0, 1, page, 2,
            deallocate | MAKE_SEND << 16 | 2 << 24), mach.MACH_SEND_MSG, 40, 0, 0, 0, 0)
    end
    t.eq(send(0), 0, "without")
    t.eq((mach.vm_read(self, page, 4)), 0, "it stays")
    t.eq(send(1), 0, "with")
    t.eq((mach.vm_read(self, page, 4)), mach.KERN_INVALID_ADDRESS, "it is gone")
    for _ = 1, 2 do t.eq(fetch(t, carrier), {{a, a}, PORT_SEND}, "received") end
    destroy(carrier, a)
end)

test("Several arrays of different dispositions in one message.", function(t)
    local carrier, a, b = allocate(RECEIVE), both(3), allocate(RECEIVE)
    local right = once(b)
    t.eq(mach.send{remote = carrier, disp = MAKE_SEND, body = "four",
                   ool_ports = {{{a, a}, MOVE_SEND}, {{right, NULL}, MOVE_ONCE}, {{b}, MAKE_SEND},
                                {{}, COPY_SEND}}}, 0, "send")
    local kr, msg = mach.receive{port = carrier, timeout = 0}
    t.eq({kr, msg.body, #msg.ool_ports}, {0, "four", 4}, "received")
    t.eq({msg.ool_ports[1], msg.ool_ports[3], msg.ool_ports[4][1]},
         {{{a, a}, PORT_SEND}, {{b}, PORT_SEND}, {}}, "send rights")
    local got = msg.ool_ports[2]
    t.eq({got[2], got[1][2], state(got[1][1])}, {PORT_ONCE, NULL, {T_ONCE, 1, 1, 1}}, "send-once")
    t.eq({state(a), state(b)}, {{T_BOTH, 3, 1, 0}, {T_BOTH, 1, 1, 1}}, "references")
    destroy(carrier, a, got[1][1], b)
end)

test("Rights in an array that is never received are dropped.", function(t)
    local carrier, a, b, moved = allocate(RECEIVE), both(1), allocate(RECEIVE), both(1)
    t.eq(mach.send{remote = carrier, disp = MAKE_SEND,
                   ool_ports = {{{a}, MOVE_SEND}, {{b}, MAKE_ONCE}, {{moved}, MOVE_RECEIVE}}}, 0,
         "send")
    destroy(carrier)
    t.eq(state(a), {T_RECEIVE, 0, 0, 0}, "the send right")
    local kr, msg = mach.receive{port = b, timeout = 0}
    t.eq({kr, msg.id}, {0, mach.MACH_NOTIFY_SEND_ONCE}, "the send-once right")
    t.eq(state(moved)[1], mach.MACH_PORT_TYPE_DEAD_NAME, "the receive right")
    destroy(a, b, moved)
end)
