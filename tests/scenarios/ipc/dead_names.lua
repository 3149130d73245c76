-- SPDX-License-Identifier: BSD-2-Clause
-- Dead names: what becomes of the rights to a port that dies, in every space at once, and what a
-- dead name is good for: to keep its place until its holder lets go of it. Manual: mach_msg,
-- "Port Rights".

local must, ports, tasks = require "must", require "ports", require "tasks"
local objects = require "counts".objects
local allocate, destroy, NOTHING = ports.allocate, ports.destroy, ports.NOTHING

local self = mach.mach_task_self()
local SEND, RECEIVE, ONCE = mach.MACH_PORT_RIGHT_SEND, mach.MACH_PORT_RIGHT_RECEIVE,
    mach.MACH_PORT_RIGHT_SEND_ONCE
local DEAD_NAME, T_DEAD = mach.MACH_PORT_RIGHT_DEAD_NAME, mach.MACH_PORT_TYPE_DEAD_NAME
local MAKE_SEND, COPY_SEND, MOVE_SEND = mach.MACH_MSG_TYPE_MAKE_SEND,
    mach.MACH_MSG_TYPE_COPY_SEND, mach.MACH_MSG_TYPE_MOVE_SEND
local MAKE_ONCE, MOVE_ONCE = mach.MACH_MSG_TYPE_MAKE_SEND_ONCE, mach.MACH_MSG_TYPE_MOVE_SEND_ONCE

-- A port that has died, with `urefs` references of a send right left.
local function dead_port(urefs)
    local name = ports.both(urefs)
    ports.kill(name)
    return name
end

-- Type and user references of a name.
local function state(name, task) return ports.state_in(task or self, name) end

test("When a port dies its send rights become dead names with as many references.", function(t)
    for _, urefs in ipairs{1, 2, 1000, mach.MACH_PORT_UREFS_MAX} do
        local name = dead_port(urefs)
        t.eq(state(name), {T_DEAD, urefs}, urefs .. " references")
        destroy(name)
    end
end)

test("It happens in all spaces at once.", function(t)
    local port, made = allocate(), {}
    for i = 1, 5 do
        made[i] = tasks.create()
        for _ = 1, i do
            must(mach.mach_port_insert_right(made[i], 0x100, port, MAKE_SEND), "insert_right")
        end
        must(mach.mach_port_insert_right(made[i], 0x200, port, MAKE_ONCE), "insert_right")
    end
    destroy(port)
    for i, task in ipairs(made) do
        t.eq({state(0x100, task), state(0x200, task)}, {{T_DEAD, i}, {T_DEAD, 1}}, "task " .. i)
    end
    tasks.terminate(table.unpack(made))
end)

test("A dead name keeps its place: no new right gets the name.", function(t)
    local name = dead_port(1)
    for _ = 1, 300 do
        local other = allocate(DEAD_NAME)
        if other == name then t.fail("the name was given away") end
        destroy(other)
    end
    t.eq(state(name), {T_DEAD, 1}, "the dead name")
    destroy(name)
end)

test("A dead name is released reference by reference, with deallocate or mod_refs.", function(t)
    local name = dead_port(4)
    t.eq(mach.mach_port_deallocate(self, name), 0, "deallocate")
    t.eq(state(name), {T_DEAD, 3}, "three are left")
    t.eq(mach.mach_port_mod_refs(self, name, DEAD_NAME, -2), 0, "mod_refs")
    t.eq(state(name), {T_DEAD, 1}, "one is left")
    t.eq(mach.mach_port_mod_refs(self, name, DEAD_NAME, 1), 0, "mod_refs")
    t.eq(state(name), {T_DEAD, 2}, "two")
    t.eq(mach.mach_port_mod_refs(self, name, DEAD_NAME, -2), 0, "mod_refs")
    t.eq(state(name), NOTHING, "the name is free")
end)

test("A dead name is none of the rights it was: KERN_INVALID_RIGHT.", function(t)
    local name, port = dead_port(2), allocate()
    local right = ports.once(port)
    destroy(port)
    t.eq(mach.mach_port_mod_refs(self, name, SEND, -1), mach.KERN_INVALID_RIGHT, "send")
    t.eq(mach.mach_port_mod_refs(self, name, RECEIVE, -1), mach.KERN_INVALID_RIGHT, "receive")
    t.eq(mach.mach_port_mod_refs(self, right, ONCE, -1), mach.KERN_INVALID_RIGHT, "send-once")
    local _, refs = mach.mach_port_get_refs(self, name, SEND)
    t.eq({refs, state(name), state(right)}, {0, {T_DEAD, 2}, {T_DEAD, 1}}, "references")
    destroy(name, right)
end)

test("A dead name can be neither sent to nor received from.", function(t)
    local name = dead_port(2)
    for _, disposition in ipairs{MAKE_SEND, COPY_SEND, MOVE_SEND, MAKE_ONCE, MOVE_ONCE} do
        t.eq(mach.send{remote = name, disp = disposition}, mach.MACH_SEND_INVALID_DEST,
             "disposition " .. disposition)
    end
    t.eq(mach.receive{port = name, timeout = 0}, mach.MACH_RCV_INVALID_NAME, "receive")
    t.eq(state(name), {T_DEAD, 2}, "references")
    destroy(name)
end)

test("A dead name sent on is MACH_PORT_DEAD for the receiver, who gets no name for it.", function(t)
    local name, carrier = dead_port(2), allocate()
    local _, before = mach.mach_port_names(self)
    must(mach.send{remote = carrier, disp = MAKE_SEND, local_port = name, local_disp = COPY_SEND,
                   ports = {{name, COPY_SEND}}, ool_ports = {{{name, name}, COPY_SEND}}}, "send")
    local kr, msg = mach.receive{port = carrier, timeout = 0}
    t.eq({kr, msg.remote, msg.ports[1][1], msg.ool_ports[1][1]},
         {0, 0xffffffff, 0xffffffff, {0xffffffff, 0xffffffff}}, "received")
    local _, after = mach.mach_port_names(self)
    t.eq(#after, #before, "names")
    destroy(name, carrier)
end)

test("Dead names of different ports stay apart; a dead placeholder is like any other.", function(t)
    local a, b, c = dead_port(1), dead_port(1), allocate(DEAD_NAME)
    t.ok(a ~= b and b ~= c, "three names")
    t.eq({state(a), state(b), state(c)}, {{T_DEAD, 1}, {T_DEAD, 1}, {T_DEAD, 1}}, "states")
    t.eq(mach.mach_port_deallocate(self, b), 0, "deallocate one")
    t.eq({state(a), state(b), state(c)}, {{T_DEAD, 1}, NOTHING, {T_DEAD, 1}}, "the others stay")
    destroy(a, c)
end)

test("A thousand rights die with their ports and are found dead one by one.", function(t)
    local before = objects()
    local names = {}
    for i = 1, 1000 do names[i] = dead_port(1) end
    for i = 1, 1000, 37 do t.eq(state(names[i]), {T_DEAD, 1}, "name " .. i) end
    destroy(table.unpack(names))
    t.eq(objects(), before, "what is in the kernel")
end)
