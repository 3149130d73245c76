-- SPDX-License-Identifier: BSD-2-Clause
-- The life of rights under their names: what allocating makes, what user references count, and
-- what mod_refs, deallocate and destroy leave behind. Contracts: include/mach/mach_port.defs.

local must, ports, counts = require "must", require "ports", require "counts"
local allocate, both, once, destroy = ports.allocate, ports.both, ports.once, ports.destroy
local type_of, NOTHING = ports.type_of, ports.NOTHING

local self = mach.mach_task_self()
local SEND, RECEIVE, ONCE = mach.MACH_PORT_RIGHT_SEND, mach.MACH_PORT_RIGHT_RECEIVE,
    mach.MACH_PORT_RIGHT_SEND_ONCE
local SET, DEAD = mach.MACH_PORT_RIGHT_PORT_SET, mach.MACH_PORT_RIGHT_DEAD_NAME
local MAKE_SEND, MAKE_ONCE = mach.MACH_MSG_TYPE_MAKE_SEND, mach.MACH_MSG_TYPE_MAKE_SEND_ONCE
local UREFS_MAX = mach.MACH_PORT_UREFS_MAX
local KINDS = {send = SEND, receive = RECEIVE, once = ONCE, set = SET, dead = DEAD}

local function space() return ports.space(self, "mscount") end

-- User references of all kinds under a name; kinds that it has none of are left out.
local function refs(name)
    local found = {}
    for label, right in pairs(KINDS) do
        local kr, n = mach.mach_port_get_refs(self, name, right)
        if kr ~= 0 then return mach.error_string(kr) end
        if n ~= 0 then found[label] = n end
    end
    return found
end

test("A new receive right has one reference, no send rights, no messages and the default limit.",
function(t)
    local name = allocate(RECEIVE)
    t.eq(type_of(name), mach.MACH_PORT_TYPE_RECEIVE, "type")
    t.eq(refs(name), {receive = 1}, "references")
    local kr, status = mach.mach_port_get_attributes(self, name, mach.MACH_PORT_RECEIVE_STATUS)
    t.eq(kr, 0, "get_attributes")
    t.eq(status, {mps_pset = 0, mps_seqno = 0, mps_mscount = 0,
                  mps_qlimit = mach.MACH_PORT_QLIMIT_DEFAULT, mps_msgcount = 0, mps_sorights = 0,
                  mps_srights = false, mps_pdrequest = false, mps_nsrequest = false,
                  mps_flags = 0}, "status")
    destroy(name)
    t.eq(type_of(name), NOTHING, "after destroy")
end)

test("A new port set has one reference and no members.", function(t)
    local name = allocate(SET)
    t.eq(type_of(name), mach.MACH_PORT_TYPE_PORT_SET, "type")
    t.eq(refs(name), {set = 1}, "references")
    local kr, members = mach.mach_port_get_set_status(self, name)
    t.eq({kr, members}, {0, {}}, "members")
    destroy(name)
    t.eq(type_of(name), NOTHING, "after destroy")
end)

test("A new dead name has one user reference.", function(t)
    local name = allocate(DEAD)
    t.eq(type_of(name), mach.MACH_PORT_TYPE_DEAD_NAME, "type")
    t.eq(refs(name), {dead = 1}, "references")
    t.eq(mach.mach_port_deallocate(self, name), 0, "deallocate")
    t.eq(type_of(name), NOTHING, "after deallocate")
end)

test("mach_port_allocate makes receive rights, sets and dead names only: KERN_INVALID_VALUE.",
function(t)
    local before = space()
    for _, right in ipairs{SEND, ONCE, mach.MACH_PORT_RIGHT_NUMBER, 6, 31, 32, 0xffffffff} do
        t.eq(mach.mach_port_allocate(self, right), mach.KERN_INVALID_VALUE, "right " .. right)
        t.eq(mach.mach_port_allocate_name(self, right, 0x123456), mach.KERN_INVALID_VALUE,
             "with a name, right " .. right)
    end
    t.eq(space(), before, "names")
end)

test("mach_reply_port makes a receive right like any other.", function(t)
    local name = mach.mach_reply_port()
    t.eq(refs(name), {receive = 1}, "references")
    destroy(name)
end)

test("Send rights made of one's own receive right share its name and count references.",
function(t)
    local name = allocate(RECEIVE)
    for n = 1, 3 do
        t.eq(mach.mach_port_insert_right(self, name, name, MAKE_SEND), 0, "insert_right")
        t.eq(type_of(name), mach.MACH_PORT_TYPE_SEND_RECEIVE, "type")
        t.eq(refs(name), {receive = 1, send = n}, "references")
    end
    local _, status = mach.mach_port_get_attributes(self, name, mach.MACH_PORT_RECEIVE_STATUS)
    t.eq(status.mps_mscount, 3, "make-send count")
    t.eq(status.mps_srights, true, "there are send rights")
    destroy(name)
end)

test("Send rights that arrive in messages join the name that denotes the port already.",
function(t)
    local carrier, name = both(1), both(1)
    for n = 2, 4 do
        t.eq(mach.send{remote = carrier, ports = {{name, mach.MACH_MSG_TYPE_COPY_SEND}}}, 0, "send")
        local kr, msg = mach.receive{port = carrier, timeout = 0}
        t.eq(kr, 0, "receive")
        t.eq(msg.ports, {{name, mach.MACH_MSG_TYPE_PORT_SEND}}, "the right")
        t.eq(refs(name), {receive = 1, send = n}, "references")
    end
    destroy(carrier, name)
end)

test("Each send-once right has a name of its own and exactly one reference.", function(t)
    local name = allocate(RECEIVE)
    local kr, a, disp = mach.mach_port_extract_right(self, name, MAKE_ONCE)
    must(kr, "extract_right")
    local b = once(name)
    t.eq(disp, mach.MACH_MSG_TYPE_PORT_SEND_ONCE, "disposition")
    t.ok(a ~= b and a ~= name and b ~= name, ("names %#x %#x %#x differ"):format(name, a, b))
    for _, right in ipairs{a, b} do
        t.eq(type_of(right), mach.MACH_PORT_TYPE_SEND_ONCE, "type")
        t.eq(refs(right), {once = 1}, "references")
    end
    t.eq(refs(name), {receive = 1}, "the receive right")
    destroy(name, a, b)
end)

test("mach_port_mod_refs adds to and takes from a send right's references.", function(t)
    local name = both(1)
    for _, step in ipairs{{10, 11}, {0, 11}, {-4, 7}, {-6, 1}, {65534, UREFS_MAX}, {-65534, 1}} do
        t.eq(mach.mach_port_mod_refs(self, name, SEND, step[1]), 0, "delta " .. step[1])
        t.eq(refs(name), {receive = 1, send = step[2]}, "after delta " .. step[1])
    end
    destroy(name)
end)

test("A send right's references cannot pass MACH_PORT_UREFS_MAX: KERN_UREFS_OVERFLOW, no change.",
function(t)
    local name = both(3)
    for _, delta in ipairs{UREFS_MAX - 2, UREFS_MAX, 0x7fffffff} do
        t.eq(mach.mach_port_mod_refs(self, name, SEND, delta), mach.KERN_UREFS_OVERFLOW,
             "delta " .. delta)
        t.eq(refs(name), {receive = 1, send = 3}, "after delta " .. delta)
    end
    t.eq(mach.mach_port_mod_refs(self, name, SEND, UREFS_MAX - 3), 0, "up to the maximum")
    t.eq(mach.mach_port_mod_refs(self, name, SEND, 1), mach.KERN_UREFS_OVERFLOW, "one more")
    t.eq(mach.mach_port_insert_right(self, name, name, MAKE_SEND), mach.KERN_UREFS_OVERFLOW,
         "insert_right")
    t.eq(refs(name), {receive = 1, send = UREFS_MAX}, "at the maximum")
    destroy(name)
end)

test("A send right that arrives at MACH_PORT_UREFS_MAX leaves the count there.", function(t)
    local name, carrier = both(UREFS_MAX), both(1)
    t.eq(mach.send{remote = carrier, ports = {{name, mach.MACH_MSG_TYPE_COPY_SEND}}}, 0, "send")
    local kr, msg = mach.receive{port = carrier, timeout = 0}
    t.eq(kr, 0, "receive")
    t.eq(msg.ports, {{name, mach.MACH_MSG_TYPE_PORT_SEND}}, "the right")
    t.eq(refs(name), {receive = 1, send = UREFS_MAX}, "references")
    t.eq(mach.mach_port_mod_refs(self, name, SEND, -UREFS_MAX), 0, "all of them")
    local _, info = mach.minato_port_info(self, name)
    t.eq(info.srights, 0, "no send right is left over")
    destroy(carrier, name)
end)

test("More references than there are cannot be taken: KERN_INVALID_VALUE, no change.", function(t)
    local name, dead = both(3), allocate(DEAD)
    for _, delta in ipairs{-4, -UREFS_MAX - 1, -0x7fffffff, -0x80000000} do
        t.eq(mach.mach_port_mod_refs(self, name, SEND, delta), mach.KERN_INVALID_VALUE,
             "send, delta " .. delta)
        t.eq(mach.mach_port_mod_refs(self, dead, DEAD, delta), mach.KERN_INVALID_VALUE,
             "dead name, delta " .. delta)
    end
    t.eq(refs(name), {receive = 1, send = 3}, "the send right")
    t.eq(refs(dead), {dead = 1}, "the dead name")
    destroy(name, dead)
end)

test("The last reference of a send right gone, the receive right under the name stays.",
function(t)
    local name = both(5)
    t.eq(mach.mach_port_mod_refs(self, name, SEND, -5), 0, "mod_refs")
    t.eq(type_of(name), mach.MACH_PORT_TYPE_RECEIVE, "type")
    t.eq(mach.mach_port_mod_refs(self, name, SEND, 1), mach.KERN_INVALID_RIGHT,
         "no right to add to")
    destroy(name)
end)

test("A dead name's references count like a send right's.", function(t)
    local name = allocate(DEAD)
    t.eq(mach.mach_port_mod_refs(self, name, DEAD, UREFS_MAX - 1), 0, "to the maximum")
    t.eq(mach.mach_port_mod_refs(self, name, DEAD, 1), mach.KERN_UREFS_OVERFLOW, "one more")
    t.eq(refs(name), {dead = UREFS_MAX}, "references")
    t.eq(mach.mach_port_mod_refs(self, name, DEAD, 2 - UREFS_MAX), 0, "down to two")
    t.eq(mach.mach_port_deallocate(self, name), 0, "deallocate")
    t.eq(refs(name), {dead = 1}, "references")
    t.eq(mach.mach_port_mod_refs(self, name, DEAD, -1), 0, "the last one")
    t.eq(type_of(name), NOTHING, "the name is free")
end)

test("Receive rights, send-once rights and sets have exactly one reference: KERN_INVALID_VALUE.",
function(t)
    local name, set = allocate(RECEIVE), allocate(SET)
    local right = once(name)
    local before = space()
    for _, case in ipairs{{name, RECEIVE}, {right, ONCE}, {set, SET}} do
        t.eq(mach.mach_port_mod_refs(self, case[1], case[2], 0), 0, "delta 0")
        for _, delta in ipairs{1, 2, -2, 0x7fffffff, -0x80000000} do
            t.eq(mach.mach_port_mod_refs(self, case[1], case[2], delta), mach.KERN_INVALID_VALUE,
                 ("right %d, delta %d"):format(case[2], delta))
        end
    end
    t.eq(space(), before, "names")
    destroy(name, set, right)
end)

test("The reference of a receive right taken, the port dies and its send right is a dead name.",
function(t)
    local name = both(4)
    local right = once(name)
    t.eq(mach.mach_port_mod_refs(self, name, RECEIVE, -1), 0, "mod_refs")
    t.eq(type_of(name), mach.MACH_PORT_TYPE_DEAD_NAME, "the send right")
    t.eq(refs(name), {dead = 4}, "its references")
    t.eq(type_of(right), mach.MACH_PORT_TYPE_DEAD_NAME, "the send-once right")
    t.eq(refs(right), {dead = 1}, "its reference")
    destroy(name, right)
end)

test("The reference of a send-once right taken, its port gets a send-once notification.",
function(t)
    local name = allocate(RECEIVE)
    local right = once(name)
    t.eq(mach.mach_port_mod_refs(self, right, ONCE, -1), 0, "mod_refs")
    t.eq(type_of(right), NOTHING, "the name is free")
    local kr, msg = mach.receive{port = name, timeout = 0}
    t.eq({kr, msg.id}, {0, mach.MACH_NOTIFY_SEND_ONCE}, "notification")
    destroy(name)
end)

test("The reference of a port set taken, its members are in no set.", function(t)
    local name, set = allocate(RECEIVE), allocate(SET)
    t.eq(mach.mach_port_insert_member(self, name, set), 0, "insert_member")
    t.eq(mach.mach_port_mod_refs(self, set, SET, -1), 0, "mod_refs")
    t.eq(type_of(set), NOTHING, "the set's name is free")
    t.eq(mach.receive{port = name, timeout = 0}, mach.MACH_RCV_TIMED_OUT, "receive on the member")
    destroy(name)
end)

test("mach_port_mod_refs of a kind that the name does not denote is KERN_INVALID_RIGHT.",
function(t)
    local names = {receive = allocate(RECEIVE), set = allocate(SET), dead = allocate(DEAD)}
    names.once = once(names.receive)
    local before = space()
    for label, name in pairs(names) do
        for other, right in pairs(KINDS) do
            if other ~= label then
                for _, delta in ipairs{-1, 0, 1} do
                    t.eq(mach.mach_port_mod_refs(self, name, right, delta), mach.KERN_INVALID_RIGHT,
                         ("%s as %s, delta %d"):format(label, other, delta))
                end
            end
        end
    end
    t.eq(space(), before, "names")
    destroy(names.receive, names.set, names.dead, names.once)
end)

test("mach_port_mod_refs and _get_refs know five kinds of rights: KERN_INVALID_VALUE.", function(t)
    local name = allocate(RECEIVE)
    local before = space()
    for _, right in ipairs{mach.MACH_PORT_RIGHT_NUMBER, 15, 16, 31, 32, 0x80000000, 0xffffffff} do
        t.eq(mach.mach_port_mod_refs(self, name, right, 0), mach.KERN_INVALID_VALUE,
             "mod_refs " .. right)
        t.eq(mach.mach_port_get_refs(self, name, right), mach.KERN_INVALID_VALUE,
             "get_refs " .. right)
    end
    t.eq(space(), before, "names")
    destroy(name)
end)

test("mach_port_get_refs is 0 for a kind that a name does not denote.", function(t)
    local name, set, dead = both(7), allocate(SET), allocate(DEAD)
    t.eq(refs(name), {receive = 1, send = 7}, "receive and send")
    t.eq(refs(set), {set = 1}, "set")
    t.eq(refs(dead), {dead = 1}, "dead name")
    destroy(name, set, dead)
end)

test("mach_port_deallocate takes one reference of a send, send-once or dead-name right.",
function(t)
    local name, dead = both(2), allocate(DEAD)
    local right = once(name)
    t.eq(mach.mach_port_deallocate(self, name), 0, "send right")
    t.eq(refs(name), {receive = 1, send = 1}, "one left")
    t.eq(mach.mach_port_deallocate(self, name), 0, "the last")
    t.eq({type_of(name), refs(name)}, {mach.MACH_PORT_TYPE_RECEIVE, {receive = 1}}, "none left")
    t.eq(mach.mach_port_deallocate(self, right), 0, "send-once right")
    t.eq(type_of(right), NOTHING, "the send-once right's name")
    local kr, msg = mach.receive{port = name, timeout = 0}
    t.eq({kr, msg.id}, {0, mach.MACH_NOTIFY_SEND_ONCE}, "notification")
    t.eq(mach.mach_port_deallocate(self, dead), 0, "dead name")
    t.eq(type_of(dead), NOTHING, "the dead name")
    destroy(name)
end)

test("mach_port_deallocate of a receive right or a set alone is KERN_INVALID_RIGHT.", function(t)
    local name, set = allocate(RECEIVE), allocate(SET)
    local before = space()
    t.eq(mach.mach_port_deallocate(self, name), mach.KERN_INVALID_RIGHT, "receive right")
    t.eq(mach.mach_port_deallocate(self, set), mach.KERN_INVALID_RIGHT, "set")
    t.eq(space(), before, "names")
    destroy(name, set)
end)

test("mach_port_deallocate of a name that denotes nothing succeeds and does nothing.", function(t)
    local name = allocate(DEAD)
    destroy(name)
    local before = space()
    for _, nothing in ipairs{name, 0, 0xffffffff, 0x00fffe01} do
        t.eq(mach.mach_port_deallocate(self, nothing), 0, ("name %#x"):format(nothing))
    end
    t.eq(space(), before, "names")
end)

test("mach_port_destroy takes all rights under a name, whatever their references.", function(t)
    local name, dead, set = both(100), allocate(DEAD), allocate(SET)
    local right = once(name)
    t.eq(mach.mach_port_mod_refs(self, dead, DEAD, 9), 0, "mod_refs")
    destroy(name, dead, set)
    for _, gone in ipairs{name, dead, set} do
        t.eq(type_of(gone), NOTHING, ("name %#x"):format(gone))
    end
    t.eq(refs(right), {dead = 1}, "a send-once right to the port that died")
    destroy(right)
end)

test("A name that denotes nothing is KERN_INVALID_NAME to every call on rights, 0 and ~0 too.",
function(t)
    local name, set = allocate(RECEIVE), allocate(SET)
    local stale = allocate(DEAD)
    destroy(stale)
    local before = space()
    local calls = {
        type = function(n) return mach.mach_port_type(self, n) end,
        rename = function(n) return mach.mach_port_rename(self, n, 0x777700) end,
        destroy = function(n) return mach.mach_port_destroy(self, n) end,
        get_refs = function(n) return mach.mach_port_get_refs(self, n, SEND) end,
        mod_refs = function(n) return mach.mach_port_mod_refs(self, n, SEND, 1) end,
        set_mscount = function(n) return mach.mach_port_set_mscount(self, n, 1) end,
        set_seqno = function(n) return mach.mach_port_set_seqno(self, n, 1) end,
        get_set_status = function(n) return mach.mach_port_get_set_status(self, n) end,
        move_member = function(n) return mach.mach_port_move_member(self, n, set) end,
        insert_member = function(n) return mach.mach_port_insert_member(self, n, set) end,
        insert_into = function(n) return mach.mach_port_insert_member(self, name, n) end,
        extract_member = function(n) return mach.mach_port_extract_member(self, n, set) end,
        extract_from = function(n) return mach.mach_port_extract_member(self, name, n) end,
        extract_right = function(n) return mach.mach_port_extract_right(self, n, MAKE_SEND) end,
        request = function(n)
            return mach.mach_port_request_notification(self, n, mach.MACH_NOTIFY_DEAD_NAME, 0, 0,
                                                       MAKE_ONCE)
        end,
        get_attributes = function(n)
            return mach.mach_port_get_attributes(self, n, mach.MACH_PORT_RECEIVE_STATUS)
        end,
        set_attributes = function(n)
            return mach.mach_port_set_attributes(self, n, mach.MACH_PORT_LIMITS_INFO,
                                                 {mpl_qlimit = 3})
        end,
        info = function(n) return mach.minato_port_info(self, n) end,
    }
    for label, call in pairs(calls) do
        for _, nothing in ipairs{stale, 0, 0xffffffff, 0x00fffe01} do
            t.eq(call(nothing), mach.KERN_INVALID_NAME, ("%s of %#x"):format(label, nothing))
        end
    end
    t.eq(space(), before, "names")
    destroy(name, set)
end)

test("mach_port_names lists every name once with what it denotes.", function(t)
    local names = {both(2), allocate(RECEIVE), allocate(SET), allocate(DEAD)}
    names[5] = once(names[1])
    must(mach.mach_port_allocate_name(self, DEAD, 0xabcdef12), "allocate_name")
    names[6] = 0xabcdef12
    local kr, listed, types = mach.mach_port_names(self)
    t.eq(kr, 0, "mach_port_names")
    t.eq(#listed, #types, "as many types as names")
    local seen = {}
    for i, name in ipairs(listed) do
        t.eq(seen[name], nil, ("%#x is listed once"):format(name))
        seen[name] = types[i]
    end
    local want = {mach.MACH_PORT_TYPE_SEND_RECEIVE, mach.MACH_PORT_TYPE_RECEIVE,
                  mach.MACH_PORT_TYPE_PORT_SET, mach.MACH_PORT_TYPE_DEAD_NAME,
                  mach.MACH_PORT_TYPE_SEND_ONCE, mach.MACH_PORT_TYPE_DEAD_NAME}
    for i, name in ipairs(names) do t.eq(seen[name], want[i], ("type of %#x"):format(name)) end
    t.eq(counts.task().names_total, #listed, "names in use")
    destroy(table.unpack(names))
end)

test("mach_port_names shows a right whose port has died as a dead name.", function(t)
    local name = both(2)
    t.eq(mach.mach_port_mod_refs(self, name, RECEIVE, -1), 0, "mod_refs")
    t.eq((space()[name] or {})[1], mach.MACH_PORT_TYPE_DEAD_NAME, "type")
    destroy(name)
end)
