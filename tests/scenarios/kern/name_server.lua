-- SPDX-License-Identifier: BSD-2-Clause
-- The name server, spoken to by messages made by hand as <servers/netname.defs> describes them: the
-- interface is not part of the mach module. Malformed requests: bad_messages.lua.

local must, ports = require "must", require "ports"
local both, destroy, deallocate = ports.both, ports.destroy, ports.deallocate
local send_rights = ports.send_rights

local self = mach.mach_task_self()
local NDR = "\0\0\0\0\1\0\0\0"
local COPY_SEND = mach.MACH_MSG_TYPE_COPY_SEND
local NOT_YOURS, NOT_CHECKED_IN, HOST_NOT_FOUND, INVALID_PORT = 1000, 1001, 1003, 1004
local CHECK_IN, LOOK_UP, CHECK_OUT, VERSION = 1040, 1041, 1042, 1043

-- A string of the interface: 80 bytes.
local function name80(name) return name .. ("\0"):rep(80 - #name) end

-- Any request; the return code in the answer, and the answer.
local function request(id, body, ports)
    local kr, msg = mach.rpc{remote = mach.name_server_port, disp = COPY_SEND, id = id, body = body,
                             ports = ports, reply_timeout = 900}
    must(kr, "rpc")
    if #msg.ports > 0 then return 0, msg end
    return (string.unpack("<i4", msg.body, 9)), msg
end

local function check_in(name, signature, port)
    return (request(CHECK_IN, NDR .. name80(name), {{signature, COPY_SEND}, {port, COPY_SEND}}))
end

local function look_up(name, where)
    local code, msg = request(LOOK_UP, NDR .. name80(where or "") .. name80(name))
    return code, msg.ports[1] and msg.ports[1][1]
end

local function check_out(name, signature)
    return (request(CHECK_OUT, NDR .. name80(name), {{signature, COPY_SEND}}))
end

test("A name that is checked in is looked up as the port, with a right of one's own.", function(t)
    local port = both()
    t.eq(check_in("test.one", 0, port), 0, "check_in")
    t.eq(send_rights(port), 3, "the server keeps one right, bootstrap one for the next server")
    t.eq({look_up("test.one")}, {0, port}, "look_up")
    t.eq({mach.mach_port_get_refs(self, port, mach.MACH_PORT_RIGHT_SEND)}, {0, 2}, "references")
    deallocate(port)
    t.eq(check_out("test.one", 0), 0, "check_out")
    t.eq(send_rights(port), 1, "they are released")
    t.eq({look_up("test.one")}, {NOT_CHECKED_IN}, "afterwards")
    destroy(port)
end)

test("A name that nobody has is NOT_CHECKED_IN.", function(t)
    t.eq(look_up("test.nobody"), NOT_CHECKED_IN, "look_up")
    t.eq(look_up(""), NOT_CHECKED_IN, "the empty name")
    t.eq(check_out("test.nobody", 0), NOT_CHECKED_IN, "check_out")
end)

test("The console is registered.", function(t)
    local code, port = look_up("console")
    t.eq(code, 0)
    deallocate(port)
end)

test("A signature protects a name: NOT_YOURS without it, for change and removal.", function(t)
    local mine, yours, a, b = both(), both(), both(), both()
    t.eq(check_in("test.signed", mine, a), 0, "check_in")
    t.eq(check_in("test.signed", yours, b), NOT_YOURS, "change with another signature")
    t.eq(check_in("test.signed", 0, b), NOT_YOURS, "change without one")
    t.eq(check_out("test.signed", yours), NOT_YOURS, "removal with another signature")
    t.eq(check_out("test.signed", 0), NOT_YOURS, "removal without one")
    t.eq({look_up("test.signed")}, {0, a}, "what it means")
    deallocate(a)
    t.eq(check_in("test.signed", mine, b), 0, "change with the signature")
    t.eq({look_up("test.signed")}, {0, b}, "what it means now")
    deallocate(b)
    t.eq(check_out("test.signed", mine), 0, "removal with the signature")
    t.eq({send_rights(mine), send_rights(yours), send_rights(a), send_rights(b)}, {1, 1, 1, 1},
         "the server has kept no right")
    destroy(mine, yours, a, b)
end)

test("A name vanishes when its port dies, and may be used again.", function(t)
    local port, signature = both(), both()
    must(check_in("test.mortal", signature, port), "check_in")
    destroy(port)
    t.eq(look_up("test.mortal"), NOT_CHECKED_IN, "look_up")
    local other = both()
    t.eq(check_in("test.mortal", 0, other), 0, "by somebody else")
    t.eq(check_out("test.mortal", 0), 0, "check_out")
    destroy(other, signature)
end)

test("A null or dead port cannot be checked in: INVALID_PORT; no name: KERN_INVALID_ARGUMENT.",
function(t)
    local port, dead = both(), ports.allocate(mach.MACH_PORT_RIGHT_DEAD_NAME)
    t.eq(check_in("test.null", 0, 0), INVALID_PORT, "null")
    t.eq(check_in("test.null", 0, dead), INVALID_PORT, "dead")
    t.eq(check_in("", 0, port), mach.KERN_INVALID_ARGUMENT, "empty name")
    t.eq(look_up("test.null"), NOT_CHECKED_IN, "look_up")
    t.eq(send_rights(port), 1, "rights")
    deallocate(dead)
    destroy(port)
end)

test("The longest name has 79 bytes; names differ in every byte.", function(t)
    local port, other = both(), both()
    local long, longer = ("x"):rep(79), ("x"):rep(78) .. "y"
    must(check_in(long, 0, port), "check_in")
    must(check_in(longer, 0, other), "check_in")
    t.eq({look_up(long)}, {0, port}, "the one")
    t.eq({look_up(longer)}, {0, other}, "the other")
    deallocate(port, other)
    t.eq(look_up(("x"):rep(78)), NOT_CHECKED_IN, "a shorter one")
    must(check_out(long, 0), "check_out")
    must(check_out(longer, 0), "check_out")
    destroy(port, other)
end)

test("Another host is HOST_NOT_FOUND: there is no network.", function(t)
    t.eq(look_up("console", "elsewhere"), HOST_NOT_FOUND)
end)

test("netname_version says in words who serves.", function(t)
    local code, msg = request(VERSION, "")
    t.eq(code, 0)
    t.ok(msg.body:find("%a%a"), msg.body)
end)

test("A hundred names live side by side.", function(t)
    local ports = {}
    for i = 1, 100 do
        ports[i] = both()
        must(check_in("test.many." .. i, 0, ports[i]), "check_in")
    end
    for i = 100, 1, -7 do
        t.eq({look_up("test.many." .. i)}, {0, ports[i]}, "name " .. i)
        deallocate(ports[i])
    end
    for i = 1, 100 do
        must(check_out("test.many." .. i, 0), "check_out")
        destroy(ports[i])
    end
end)
