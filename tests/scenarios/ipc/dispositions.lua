-- SPDX-License-Identifier: BSD-2-Clause
-- Dispositions: what each of the six takes from the sender, what the receiver finds, and which
-- right each can be used on, as destination, as reply port and in the body.

local must, ports = require "must", require "ports"
local allocate, both, once = ports.allocate, ports.both, ports.once
local destroy, NOTHING = ports.destroy, ports.NOTHING

local self = mach.mach_task_self()
local SEND, RECEIVE = mach.MACH_PORT_RIGHT_SEND, mach.MACH_PORT_RIGHT_RECEIVE
local SET, DEAD_NAME = mach.MACH_PORT_RIGHT_PORT_SET, mach.MACH_PORT_RIGHT_DEAD_NAME
local MAKE_SEND, COPY_SEND, MOVE_SEND = mach.MACH_MSG_TYPE_MAKE_SEND,
    mach.MACH_MSG_TYPE_COPY_SEND, mach.MACH_MSG_TYPE_MOVE_SEND
local MAKE_ONCE, MOVE_ONCE, MOVE_RECEIVE = mach.MACH_MSG_TYPE_MAKE_SEND_ONCE,
    mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, mach.MACH_MSG_TYPE_MOVE_RECEIVE
local PORT_SEND, PORT_ONCE, PORT_RECEIVE = mach.MACH_MSG_TYPE_PORT_SEND,
    mach.MACH_MSG_TYPE_PORT_SEND_ONCE, mach.MACH_MSG_TYPE_PORT_RECEIVE
local NULL, DEAD = 0, 0xffffffff

local DISPOSITIONS = {MAKE_SEND = MAKE_SEND, COPY_SEND = COPY_SEND, MOVE_SEND = MOVE_SEND,
                      MAKE_SEND_ONCE = MAKE_ONCE, MOVE_SEND_ONCE = MOVE_ONCE,
                      MOVE_RECEIVE = MOVE_RECEIVE}
local CARRIED = {[MAKE_SEND] = PORT_SEND, [COPY_SEND] = PORT_SEND, [MOVE_SEND] = PORT_SEND,
                 [MAKE_ONCE] = PORT_ONCE, [MOVE_ONCE] = PORT_ONCE, [MOVE_RECEIVE] = PORT_RECEIVE}

local function space() return ports.space(self, "mscount") end

-- type, user references, then of the port: send rights, send-once rights, make-send count.
local function state(name) return ports.state(name, "srights", "sorights", "mscount") end

local T_SEND, T_RECEIVE, T_ONCE = mach.MACH_PORT_TYPE_SEND, mach.MACH_PORT_TYPE_RECEIVE,
    mach.MACH_PORT_TYPE_SEND_ONCE
local T_BOTH, T_DEAD = mach.MACH_PORT_TYPE_SEND_RECEIVE, mach.MACH_PORT_TYPE_DEAD_NAME

-- Sends rights in the body to `carrier`, which has a receive right here.
local function carry(carrier, ports)
    return mach.send{remote = carrier, disp = MAKE_SEND, ports = ports}
end

local function fetch(t, port)
    local kr, msg = mach.receive{port = port, timeout = 0}
    t.eq(kr, 0, "receive")
    return msg
end

test("MAKE_SEND makes a send right of a receive right and counts it.", function(t)
    local carrier, name = allocate(RECEIVE), allocate(RECEIVE)
    t.eq(carry(carrier, {{name, MAKE_SEND}}), 0, "send")
    t.eq(state(name), {T_RECEIVE, 0, 1, 0, 1}, "while it is in the queue")
    t.eq(fetch(t, carrier).ports, {{name, PORT_SEND}}, "received")
    t.eq(state(name), {T_BOTH, 1, 1, 0, 1}, "after")
    destroy(carrier, name)
end)

test("COPY_SEND leaves the sender its send right.", function(t)
    local carrier, name = allocate(RECEIVE), both(2)
    t.eq(carry(carrier, {{name, COPY_SEND}}), 0, "send")
    t.eq(state(name), {T_BOTH, 2, 2, 0, 1}, "while it is in the queue")
    t.eq(fetch(t, carrier).ports, {{name, PORT_SEND}}, "received")
    t.eq(state(name), {T_BOTH, 3, 1, 0, 1}, "after")
    destroy(carrier, name)
end)

test("MOVE_SEND takes one reference, the last one takes the right.", function(t)
    local carrier, name = allocate(RECEIVE), both(2)
    t.eq(carry(carrier, {{name, MOVE_SEND}}), 0, "send")
    t.eq(state(name), {T_BOTH, 1, 2, 0, 1}, "with one reference left")
    t.eq(carry(carrier, {{name, MOVE_SEND}}), 0, "send")
    t.eq(state(name), {T_RECEIVE, 0, 2, 0, 1}, "with none left")
    t.eq(carry(carrier, {{name, MOVE_SEND}}), mach.MACH_SEND_INVALID_RIGHT, "and no more")
    fetch(t, carrier)
    fetch(t, carrier)
    t.eq(state(name), {T_BOTH, 2, 1, 0, 1}, "after")
    destroy(carrier, name)
end)

test("MAKE_SEND_ONCE makes a send-once right under a name of its own.", function(t)
    local carrier, name = allocate(RECEIVE), allocate(RECEIVE)
    t.eq(carry(carrier, {{name, MAKE_ONCE}}), 0, "send")
    t.eq(state(name), {T_RECEIVE, 0, 0, 1, 0}, "while it is in the queue")
    local right = fetch(t, carrier).ports[1]
    t.eq(right[2], PORT_ONCE, "disposition")
    t.ok(right[1] ~= name, "its own name")
    t.eq(state(right[1]), {T_ONCE, 1, 0, 1, 0}, "received")
    destroy(carrier, name, right[1])
end)

test("MOVE_SEND_ONCE takes the sender's send-once right.", function(t)
    local carrier, name = allocate(RECEIVE), allocate(RECEIVE)
    local right = once(name)
    t.eq(carry(carrier, {{right, MOVE_ONCE}}), 0, "send")
    t.eq(state(right), NOTHING, "the name is free")
    t.eq(state(name), {T_RECEIVE, 0, 0, 1, 0}, "the right still exists")
    local got = fetch(t, carrier).ports[1]
    t.eq(got[2], PORT_ONCE, "disposition")
    t.eq(state(got[1]), {T_ONCE, 1, 0, 1, 0}, "received")
    destroy(carrier, name, got[1])
end)

test("MOVE_RECEIVE takes the receive right and leaves send rights under the name.", function(t)
    local carrier, name = allocate(RECEIVE), both(3)
    t.eq(carry(carrier, {{name, MOVE_RECEIVE}}), 0, "send")
    t.eq(state(name), {T_SEND, 3, 1, 0, 0}, "the send right stays")
    t.eq(fetch(t, carrier).ports, {{name, PORT_RECEIVE}}, "it joins the send right again")
    t.eq(state(name), {T_BOTH, 3, 1, 0, 0}, "after")
    destroy(carrier, name)
end)

test("MOVE_RECEIVE of a right without send right frees the name.", function(t)
    local carrier, name = allocate(RECEIVE), allocate(RECEIVE)
    t.eq(carry(carrier, {{name, MOVE_RECEIVE}}), 0, "send")
    t.eq(state(name), NOTHING, "the name is free")
    local got = fetch(t, carrier).ports[1]
    t.eq(got[2], PORT_RECEIVE, "disposition")
    t.eq(state(got[1]), {T_RECEIVE, 0, 0, 0, 0}, "received")
    destroy(carrier, got[1])
end)

test("A send right that the receiver does not have yet gets a new name with one reference.",
function(t)
    local carrier, parking = allocate(RECEIVE), allocate(RECEIVE)
    local name = both(1)
    t.eq(carry(parking, {{name, MOVE_RECEIVE}}), 0, "the receive right goes away")
    t.eq(carry(carrier, {{name, MOVE_SEND}}), 0, "and the send right")
    t.eq(state(name), NOTHING, "nothing is left of it here")
    local got = fetch(t, carrier).ports[1]
    t.eq(got[2], PORT_SEND, "disposition")
    t.eq(state(got[1]), {T_SEND, 1, 1, 0, 0}, "received")
    destroy(carrier, parking, got[1])
end)

-- ---- every disposition on every kind of right --------------------------------------------------

-- Each makes one right and returns its name and what has to be destroyed at the end.
local KINDS = {
    receive = function() local name = allocate(RECEIVE) return name, {name} end,
    send = function() -- alone: the receive right waits in the queue of another port
        local name, parking = both(1), allocate(RECEIVE)
        must(carry(parking, {{name, MOVE_RECEIVE}}), "park")
        return name, {name, parking}
    end,
    once = function()
        local port = allocate(RECEIVE)
        local name = once(port)
        return name, {name, port}
    end,
    set = function() local name = allocate(SET) return name, {name} end,
    dead = function() local name = allocate(DEAD_NAME) return name, {name} end,
    nothing = function() local name = allocate(DEAD_NAME) destroy(name) return name, {} end,
}

local FITS = { -- body and reply; a dead name is no destination
    receive = {MAKE_SEND = true, MAKE_SEND_ONCE = true, MOVE_RECEIVE = true},
    send = {COPY_SEND = true, MOVE_SEND = true},
    once = {MOVE_SEND_ONCE = true},
    set = {},
    dead = {COPY_SEND = true, MOVE_SEND = true, MOVE_SEND_ONCE = true},
    nothing = {},
}

-- The places that a right can have in a message: how it is sent there to `carrier`, what the
-- receiver finds, as name and type, and the code for a right that does not go with a disposition.
local PLACES = {
    {rule = "In the body, %s goes only with its own dispositions: MACH_SEND_INVALID_RIGHT.",
     refused = mach.MACH_SEND_INVALID_RIGHT,
     send = function(carrier, name, how) return carry(carrier, {{name, how}}) end,
     found = function(msg) return msg.ports[1][1], msg.ports[1][2] end},
    {rule = "As reply port, %s goes only with its own dispositions: MACH_SEND_INVALID_REPLY.",
     refused = mach.MACH_SEND_INVALID_REPLY, header = true,
     send = function(carrier, name, how)
         return mach.send{remote = carrier, disp = MAKE_SEND, local_port = name, local_disp = how}
     end,
     found = function(msg) -- the carrier's own right is the only other thing in the bits
         return msg.remote, msg.bits ~ mach.MACH_MSGH_BITS(0, PORT_SEND)
     end},
    {rule = "As destination, %s goes only with its own dispositions: MACH_SEND_INVALID_DEST.",
     refused = mach.MACH_SEND_INVALID_DEST, header = true, destination = true,
     send = function(_, name, how) return mach.send{remote = name, disp = how, timeout = 0} end},
}

-- What sending a right of that kind with a disposition to that place answers.
local function answer(place, kind, label)
    if place.header and label == "MOVE_RECEIVE" then return mach.MACH_SEND_INVALID_HEADER end
    local fits = FITS[kind][label] and not (place.destination and kind == "dead")
    return fits and 0 or place.refused
end

-- Destroys what is left of `names`.
local function clear(names)
    for _, name in ipairs(names) do
        if name ~= NULL and name ~= DEAD then mach.mach_port_destroy(self, name) end
    end
end

local function try_dispositions(t, place, kind)
    for label, disposition in pairs(DISPOSITIONS) do
        local carrier = allocate(RECEIVE)
        local name, names = KINDS[kind]()
        local before, want = space(), answer(place, kind, label)
        t.eq((place.send(carrier, name, disposition)), want, label)
        if want ~= 0 then
            t.eq(space(), before, label .. ": names")
        elseif place.found then
            local got, how = place.found(fetch(t, carrier))
            t.eq(how, CARRIED[disposition], label .. ": disposition received")
            if kind == "dead" then t.eq(got, DEAD, label .. ": received") end
            names[#names + 1] = got
        end
        destroy(carrier)
        clear(names)
    end
end

for _, kind in ipairs{"receive", "send", "once", "set", "dead", "nothing"} do
    for _, place in ipairs(PLACES) do
        test(place.rule:format(kind == "nothing" and "a name without a right" or
                               "a right of kind " .. kind),
             function(t) try_dispositions(t, place, kind) end)
    end
end

test("A dead name sent with MOVE_SEND or MOVE_SEND_ONCE loses one reference, COPY_SEND none.",
function(t)
    local carrier, dead = allocate(RECEIVE), allocate(DEAD_NAME)
    must(mach.mach_port_mod_refs(self, dead, DEAD_NAME, 3), "mod_refs")
    for _, case in ipairs{{COPY_SEND, 4}, {MOVE_SEND, 3}, {MOVE_ONCE, 2}} do
        t.eq(carry(carrier, {{dead, case[1]}}), 0, "send")
        t.eq(fetch(t, carrier).ports, {{DEAD, CARRIED[case[1]]}}, "received")
        t.eq(state(dead), {T_DEAD, case[2], 0, 0, 0}, "references")
    end
    t.eq(mach.send{remote = carrier, disp = MAKE_SEND, local_port = dead,
                   local_disp = MOVE_SEND}, 0, "as reply port")
    t.eq(fetch(t, carrier).remote, DEAD, "received")
    t.eq(carry(carrier, {{dead, MOVE_ONCE}}), 0, "the last reference")
    t.eq(state(dead), NOTHING, "the name is free")
    destroy(carrier)
end)

test("MACH_PORT_NULL and MACH_PORT_DEAD can be sent in the body with every disposition.",
function(t)
    local carrier = allocate(RECEIVE)
    for label, disposition in pairs(DISPOSITIONS) do
        t.eq(carry(carrier, {{NULL, disposition}, {DEAD, disposition}}), 0, label)
        t.eq(fetch(t, carrier).ports, {{NULL, CARRIED[disposition]}, {DEAD, CARRIED[disposition]}},
             label .. ": received")
    end
    destroy(carrier)
end)

test("MACH_PORT_NULL and MACH_PORT_DEAD can be sent as reply port.", function(t)
    local carrier = allocate(RECEIVE)
    for _, name in ipairs{NULL, DEAD} do
        for _, disposition in ipairs{MAKE_SEND, COPY_SEND, MOVE_SEND, MAKE_ONCE, MOVE_ONCE} do
            t.eq(mach.send{remote = carrier, disp = MAKE_SEND, local_port = name,
                           local_disp = disposition}, 0, "disposition " .. disposition)
            t.eq(fetch(t, carrier).remote, name, "received")
        end
    end
    destroy(carrier)
end)

test("A right whose port dies while it is in a queue arrives as MACH_PORT_DEAD.", function(t)
    local carrier, name = allocate(RECEIVE), both(1)
    t.eq(mach.send{remote = carrier, disp = MAKE_SEND, local_port = name, local_disp = MAKE_ONCE,
                   ports = {{name, COPY_SEND}, {name, MAKE_ONCE}, {name, MAKE_SEND}}}, 0, "send")
    destroy(name)
    local msg = fetch(t, carrier)
    t.eq(msg.ports, {{DEAD, PORT_SEND}, {DEAD, PORT_ONCE}, {DEAD, PORT_SEND}}, "in the body")
    t.eq(msg.remote, DEAD, "reply port")
    destroy(carrier)
end)

-- ---- the header as received ------------------------------------------------------------------

test("A received header says to which right the message came and which the reply right is.",
function(t)
    local port, reply = both(1), allocate(RECEIVE)
    local right = once(port)
    local cases = {{port, MAKE_SEND, PORT_SEND}, {port, COPY_SEND, PORT_SEND},
                   {port, MOVE_SEND, PORT_SEND}, {port, MAKE_ONCE, PORT_ONCE},
                   {right, MOVE_ONCE, PORT_ONCE}}
    for _, case in ipairs(cases) do
        t.eq(mach.send{remote = case[1], disp = case[2], local_port = reply,
                       local_disp = MAKE_ONCE, id = -7}, 0, "disposition " .. case[2])
        local msg = fetch(t, port)
        t.eq(msg.bits, mach.MACH_MSGH_BITS(PORT_ONCE, case[3]), "bits")
        t.eq({msg.local_port, msg.id, msg.size}, {port, -7, 24}, "port, id and size")
        t.eq(state(msg.remote), {T_ONCE, 1, 0, 1, 0}, "the reply right")
        destroy(msg.remote)
        fetch(t, reply) -- of the send-once right that was not used
    end
    t.eq(state(port), {T_RECEIVE, 0, 0, 0, 2}, "the destination's rights were consumed")
    destroy(port, reply)
end)

test("Without a reply port the received header has MACH_PORT_NULL and no disposition.", function(t)
    local port = allocate(RECEIVE)
    t.eq(mach.send{remote = port, disp = MAKE_ONCE}, 0, "send")
    local msg = fetch(t, port)
    t.eq({msg.bits, msg.remote}, {mach.MACH_MSGH_BITS(0, PORT_ONCE), NULL}, "bits and reply port")
    destroy(port)
end)

test("A reply port sent as a send right joins the right that the receiver has.", function(t)
    local port, reply = allocate(RECEIVE), both(1)
    t.eq(mach.send{remote = port, disp = MAKE_SEND, local_port = reply, local_disp = COPY_SEND}, 0,
         "send")
    t.eq(fetch(t, port).remote, reply, "its name")
    t.eq(state(reply), {T_BOTH, 2, 1, 0, 1}, "references")
    destroy(port, reply)
end)

-- ---- one right several times in one message ----------------------------------------------------

test("Header: one reference serves destination by MOVE_SEND and reply by COPY_SEND at once.",
function(t)
    for _, case in ipairs{{MOVE_SEND, COPY_SEND}, {COPY_SEND, MOVE_SEND}} do
        local port = both(1)
        t.eq(mach.send{remote = port, disp = case[1], local_port = port, local_disp = case[2]}, 0,
             "send")
        t.eq(state(port), {T_RECEIVE, 0, 2, 0, 1}, "both rights are in the message")
        local msg = fetch(t, port)
        t.eq({msg.local_port, msg.remote}, {port, port}, "received")
        t.eq(state(port), {T_BOTH, 1, 1, 0, 1}, "after")
        destroy(port)
    end
end)

test("Header: one reference cannot be moved twice; nothing is taken.", function(t)
    local port = both(1)
    local before = space()
    local kr = mach.send{remote = port, disp = MOVE_SEND, local_port = port, local_disp = MOVE_SEND}
    t.ok(kr == mach.MACH_SEND_INVALID_DEST or kr == mach.MACH_SEND_INVALID_REPLY,
         "MACH_SEND_INVALID_DEST or _REPLY, not " .. mach.error_string(kr))
    t.eq(space(), before, "names")
    local right = once(port)
    before = space()
    kr = mach.send{remote = right, disp = MOVE_ONCE, local_port = right, local_disp = MOVE_ONCE}
    t.ok(kr == mach.MACH_SEND_INVALID_DEST or kr == mach.MACH_SEND_INVALID_REPLY,
         "MACH_SEND_INVALID_DEST or _REPLY, not " .. mach.error_string(kr))
    t.eq(space(), before, "names with a send-once right")
    destroy(port, right)
end)

test("Header: two references can be moved in one message.", function(t)
    local port = both(2)
    t.eq(mach.send{remote = port, disp = MOVE_SEND, local_port = port, local_disp = MOVE_SEND}, 0,
         "send")
    t.eq(state(port), {T_RECEIVE, 0, 2, 0, 1}, "both are gone")
    t.eq(fetch(t, port).remote, port, "received")
    t.eq(state(port), {T_BOTH, 1, 1, 0, 1}, "one came back")
    destroy(port)
end)

test("Header: rights made and moved of one port do not get into each other's way.", function(t)
    local port = both(1)
    t.eq(mach.send{remote = port, disp = MAKE_ONCE, local_port = port, local_disp = MOVE_SEND}, 0,
         "send")
    t.eq(state(port), {T_RECEIVE, 0, 1, 1, 1}, "while it is in the queue")
    local msg = fetch(t, port)
    t.eq(msg.bits, mach.MACH_MSGH_BITS(PORT_SEND, PORT_ONCE), "bits")
    t.eq(state(port), {T_BOTH, 1, 1, 0, 1}, "after")
    destroy(port)
end)

test("Body: as many references can be moved as there are, one more moves none.", function(t)
    local carrier, name = allocate(RECEIVE), both(2)
    local move, before = {name, MOVE_SEND}, space()
    t.eq(carry(carrier, {move, move, move}), mach.MACH_SEND_INVALID_RIGHT, "three of two")
    t.eq(space(), before, "names")
    t.eq(carry(carrier, {move, move}), 0, "two of two")
    t.eq(state(name), {T_RECEIVE, 0, 2, 0, 1}, "while they are in the queue")
    t.eq(fetch(t, carrier).ports, {{name, PORT_SEND}, {name, PORT_SEND}}, "received")
    t.eq(state(name), {T_BOTH, 2, 1, 0, 1}, "after")
    destroy(carrier, name)
end)

test("Body: send-once and receive rights can be moved once; nothing is taken.", function(t)
    local carrier, name = allocate(RECEIVE), allocate(RECEIVE)
    local right = once(name)
    local before = space()
    t.eq(carry(carrier, {{right, MOVE_ONCE}, {right, MOVE_ONCE}}), mach.MACH_SEND_INVALID_RIGHT,
         "send-once right")
    t.eq(carry(carrier, {{name, MOVE_RECEIVE}, {name, MOVE_RECEIVE}}),
         mach.MACH_SEND_INVALID_RIGHT, "receive right")
    t.eq(space(), before, "names")
    destroy(carrier, right, name)
end)

test("Destination and body share references: moved in both, one is not enough.", function(t)
    local port = both(1)
    local before = space()
    t.eq(mach.send{remote = port, disp = MOVE_SEND, ports = {{port, MOVE_SEND}}},
         mach.MACH_SEND_INVALID_RIGHT, "one reference")
    t.eq(space(), before, "names")
    t.eq(mach.mach_port_mod_refs(self, port, SEND, 1), 0, "mod_refs")
    t.eq(mach.send{remote = port, disp = MOVE_SEND, ports = {{port, MOVE_SEND}}}, 0,
         "two references")
    t.eq(fetch(t, port).ports, {{port, PORT_SEND}}, "received")
    destroy(port)
end)

test("When one right of a body is bad, the good ones before and after it stay.", function(t)
    local carrier, good, receive = allocate(RECEIVE), both(2), allocate(RECEIVE)
    local right, dead = once(receive), allocate(DEAD_NAME)
    local bad = {allocate(SET), MOVE_SEND}
    local rights = {{good, MOVE_SEND}, {right, MOVE_ONCE}, {receive, MOVE_RECEIVE},
                    {dead, MOVE_SEND}, {good, COPY_SEND}}
    local before = space()
    for place = 1, #rights + 1 do
        local ports = {table.unpack(rights)}
        table.insert(ports, place, bad)
        t.eq(carry(carrier, ports), mach.MACH_SEND_INVALID_RIGHT, "bad one at " .. place)
        t.eq(space(), before, "names, bad one at " .. place)
    end
    destroy(carrier, good, receive, right, dead, bad[1])
end)

test("A message can carry a port's receive right with send rights made of it.", function(t)
    local carrier, name = allocate(RECEIVE), allocate(RECEIVE)
    t.eq(carry(carrier, {{name, MAKE_SEND}, {name, MOVE_RECEIVE}, {name, MAKE_ONCE}}), 0, "send")
    t.eq(state(name), NOTHING, "the name is free")
    local ports = fetch(t, carrier).ports
    t.eq({ports[1][2], ports[2][2], ports[3][2]}, {PORT_SEND, PORT_RECEIVE, PORT_ONCE},
         "dispositions")
    t.eq(ports[1][1], ports[2][1], "send and receive right share a name")
    t.eq(state(ports[1][1]), {T_BOTH, 1, 1, 1, 0}, "make-send count is 0 again")
    destroy(ports[1][1], ports[3][1], carrier)
end)

test("However many rights a message names, each arrives; a bad one at the end takes none.",
function(t)
    local carrier, bad = both(), allocate(RECEIVE)
    destroy(bad)
    for n = 1, 20 do
        local gift = both(n)
        local rights = {}
        for i = 1, n do rights[i] = {gift, MOVE_SEND} end
        local reply = allocate(RECEIVE)
        local function send()
            return (mach.send{remote = carrier, disp = COPY_SEND, local_port = reply,
                              local_disp = MAKE_ONCE, ports = rights, timeout = 0})
        end
        rights[n] = {bad, MOVE_SEND}
        t.eq(send(), mach.MACH_SEND_INVALID_RIGHT, n .. " rights, a bad one")
        t.eq(state(gift), {T_BOTH, n, 1, 0, 1}, "they are all there")
        rights[n] = {gift, MOVE_SEND}
        t.eq(send(), 0, n .. " rights")
        t.eq(state(gift), {T_RECEIVE, 0, n, 0, 1}, "they have gone")
        local msg = fetch(t, carrier)
        for i = 1, n do
            t.eq(msg.ports[i], {gift, PORT_SEND}, "right " .. i .. " of " .. n)
        end
        t.eq(state(gift), {T_BOTH, n, 1, 0, 1}, "they have come")
        t.eq(ports.type_of(msg.remote), T_ONCE, "the reply right")
        destroy(msg.remote, gift, reply)
    end
    destroy(carrier)
end)
