-- SPDX-License-Identifier: BSD-2-Clause
-- Names: which ones the kernel chooses, when it uses one again, and names that the caller chooses
-- (mach_port_allocate_name, mach_port_rename, mach_port_insert_right). A kernel-chosen name is
-- index << 8 | generation, generation 1..255 (include/mach/port.h).

local must, ports = require "must", require "ports"
local allocate, destroy, info = ports.allocate, ports.destroy, ports.info
local type_of, space, NOTHING = ports.type_of, ports.space, ports.NOTHING

local self = mach.mach_task_self()
local SEND, RECEIVE = mach.MACH_PORT_RIGHT_SEND, mach.MACH_PORT_RIGHT_RECEIVE
local SET, DEAD = mach.MACH_PORT_RIGHT_PORT_SET, mach.MACH_PORT_RIGHT_DEAD_NAME
local MAKE_SEND = mach.MACH_MSG_TYPE_MAKE_SEND
local GENERATIONS = 255

local function index(name) return name >> 8 end
local function generation(name) return name & 0xff end

test("A name that the kernel chooses is an index and a generation from 1 to 255.", function(t)
    local names = {}
    for i = 1, 40 do names[i] = allocate(i % 2 == 0 and DEAD or RECEIVE) end
    for _, name in ipairs(names) do
        t.ok(index(name) > 0 and generation(name) > 0, ("name %#x"):format(name))
    end
    destroy(table.unpack(names))
end)

test("A name is not used again until its generation has gone round: 255 uses of its slot.",
function(t)
    local first = allocate(DEAD)
    local slot, seen, uses = index(first), {}, 0
    destroy(first)
    repeat -- a freed slot is used again; were it not, the index would change and end the loop
        local name = allocate(DEAD)
        uses = uses + 1
        if name ~= first then
            t.eq(seen[name], nil, ("%#x comes once"):format(name))
            seen[name] = true
        end
        destroy(name)
        if index(name) ~= slot then
            t.fail(("slot %#x was left for %#x"):format(slot, name))
            break
        end
    until name == first or uses > 2 * GENERATIONS
    t.eq(uses, GENERATIONS, "uses until the name came back")
end)

test("A stale name denotes nothing while its slot is in use under a later generation.",
function(t)
    local old = allocate(RECEIVE)
    destroy(old)
    local new = allocate(RECEIVE)
    t.eq(index(new), index(old), "the same slot")
    t.ok(new ~= old, "another name")
    t.eq(type_of(old), NOTHING, "the stale name")
    t.eq(mach.send{remote = old, disp = MAKE_SEND}, mach.MACH_SEND_INVALID_DEST, "sending to it")
    t.eq(mach.receive{port = old, timeout = 0}, mach.MACH_RCV_INVALID_NAME, "receiving from it")
    t.eq(mach.mach_port_destroy(self, old), mach.KERN_INVALID_NAME, "destroying it")
    t.eq(type_of(new), mach.MACH_PORT_TYPE_RECEIVE, "the new one is untouched")
    destroy(new)
end)

test("Names in use together are all different, also a thousand of them.", function(t)
    local seen, names = {}, {}
    for i = 1, 1000 do
        local name = allocate(DEAD)
        if seen[name] then t.fail(("%#x was given twice"):format(name)) end
        seen[name] = true
        names[i] = name
    end
    for _, name in ipairs(names) do
        if type_of(name) ~= mach.MACH_PORT_TYPE_DEAD_NAME then
            t.fail(("%#x was lost"):format(name))
        end
    end
    for i = 1, #names, 2 do destroy(names[i]) end
    for i = 1, #names do
        local want = i % 2 == 1 and NOTHING or mach.MACH_PORT_TYPE_DEAD_NAME
        if type_of(names[i]) ~= want then
            t.fail(("%#x: %s"):format(names[i], type_of(names[i])))
        end
    end
    for i = 2, #names, 2 do destroy(names[i]) end
end)

-- Names of all sorts: in the table's range, next to it, far outside, with any low byte.
local CHOSEN = {1, 2, 0xff, 0x100, 0x1ff, 0x10000, 0x00ffff00, 0x12345678, 0x7fffffff, 0x80000000,
                0xc0000000, 0xffffff00, 0xfffffffe}

test("mach_port_allocate_name gives any free name except the reserved two.", function(t)
    for _, right in ipairs{RECEIVE, SET, DEAD} do
        local made = {}
        for _, name in ipairs(CHOSEN) do
            if type_of(name) == NOTHING then
                t.eq(mach.mach_port_allocate_name(self, right, name), 0,
                     ("right %d, name %#x"):format(right, name))
                made[#made + 1] = name
            end
        end
        t.ok(#made > 8, "most of them were free")
        for _, name in ipairs(made) do
            t.eq(type_of(name), mach.MACH_PORT_TYPE(right), ("type of %#x"):format(name))
        end
        destroy(table.unpack(made))
        for _, name in ipairs(made) do
            t.eq(type_of(name), NOTHING, ("%#x is free"):format(name))
        end
    end
end)

test("MACH_PORT_NULL and MACH_PORT_DEAD cannot be names: KERN_INVALID_VALUE.", function(t)
    local name = allocate(RECEIVE)
    local before = space()
    for _, reserved in ipairs{mach.MACH_PORT_NULL, 0xffffffff} do
        for _, right in ipairs{RECEIVE, SET, DEAD} do
            t.eq(mach.mach_port_allocate_name(self, right, reserved), mach.KERN_INVALID_VALUE,
                 ("allocate_name %#x"):format(reserved))
        end
        t.eq(mach.mach_port_rename(self, name, reserved), mach.KERN_INVALID_VALUE,
             ("rename to %#x"):format(reserved))
        t.eq(mach.mach_port_insert_right(self, reserved, name, MAKE_SEND), mach.KERN_INVALID_VALUE,
             ("insert_right %#x"):format(reserved))
    end
    t.eq(space(), before, "names")
    destroy(name)
end)

test("A name in use cannot be allocated: KERN_NAME_EXISTS, no change.", function(t)
    local names = {allocate(RECEIVE), allocate(SET), allocate(DEAD), 0x70004711}
    must(mach.mach_port_allocate_name(self, DEAD, 0x70004711), "allocate_name")
    local before = space()
    for _, name in ipairs(names) do
        for _, right in ipairs{RECEIVE, SET, DEAD} do
            t.eq(mach.mach_port_allocate_name(self, right, name), mach.KERN_NAME_EXISTS,
                 ("right %d, name %#x"):format(right, name))
        end
    end
    t.eq(space(), before, "names")
    destroy(table.unpack(names))
end)

test("A chosen name and a kernel-chosen one never meet, in a slot in use or free.", function(t)
    -- Take the very names that the slot would get next, and let the kernel walk into them.
    local first = allocate(DEAD)
    destroy(first)
    local slot, taken = index(first) << 8, {}
    for offset = 1, 5 do
        local name = slot | (generation(first) + offset - 1) % GENERATIONS + 1
        t.eq(mach.mach_port_allocate_name(self, RECEIVE, name), 0,
             ("allocate_name %#x"):format(name))
        taken[#taken + 1] = name
    end
    local chosen = {}
    for i = 1, 10 do
        chosen[i] = allocate(SET)
        for _, name in ipairs(taken) do
            t.ok(name ~= chosen[i], ("%#x is taken"):format(name))
        end
        t.eq(type_of(chosen[i]), mach.MACH_PORT_TYPE_PORT_SET, "the kernel's choice")
        if i % 2 == 0 then destroy(chosen[i]) end
    end
    for _, name in ipairs(taken) do
        t.eq(type_of(name), mach.MACH_PORT_TYPE_RECEIVE, ("%#x kept its right"):format(name))
    end
    for i = 1, 9, 2 do destroy(chosen[i]) end
    destroy(table.unpack(taken))
end)

test("All generations of a free slot taken by choice, the kernel chooses another slot.",
function(t)
    local first = allocate(DEAD)
    destroy(first)
    local taken = {}
    for g = 1, GENERATIONS do
        local name = index(first) << 8 | g
        must(mach.mach_port_allocate_name(self, DEAD, name), "allocate_name")
        taken[g] = name
    end
    t.within(500, function()
        local name = allocate(RECEIVE)
        t.ok(index(name) ~= index(first), ("%#x is in another slot than %#x"):format(name, first))
        destroy(name)
    end)
    destroy(table.unpack(taken))
end)

test("mach_port_rename moves a right with its references to the new name.", function(t)
    for _, target in ipairs{0x5a5a5a5a, 0x3} do
        local name = allocate(RECEIVE)
        ports.make_send(name)
        must(mach.mach_port_mod_refs(self, name, SEND, 6), "mod_refs")
        local port = info(name).port_id
        t.eq(mach.mach_port_rename(self, name, target), 0, "rename")
        t.eq(type_of(name), NOTHING, "the old name")
        t.eq(type_of(target), mach.MACH_PORT_TYPE_SEND_RECEIVE, "the new name")
        t.eq({info(target).port_id, info(target).urefs}, {port, 7}, "the same right")
        destroy(target)
    end
end)

test("A renamed right is found under its new name when it comes in a message.", function(t)
    local name, carrier = allocate(RECEIVE), allocate(RECEIVE)
    ports.make_send(name)
    t.eq(mach.mach_port_rename(self, name, 0x6b6b01), 0, "rename")
    t.eq(mach.send{remote = 0x6b6b01, disp = MAKE_SEND, id = 5}, 0, "send")
    local kr, msg = mach.receive{port = 0x6b6b01, timeout = 0}
    t.eq({kr, msg.id, msg.local_port}, {0, 5, 0x6b6b01}, "received under the new name")
    t.eq(mach.send{remote = carrier, disp = MAKE_SEND, ports = {{0x6b6b01, MAKE_SEND}}}, 0, "send")
    kr, msg = mach.receive{port = carrier, timeout = 0}
    t.eq({kr, msg.ports}, {0, {{0x6b6b01, mach.MACH_MSG_TYPE_PORT_SEND}}}, "the right")
    t.eq(info(0x6b6b01).urefs, 2, "references")
    destroy(0x6b6b01, carrier)
end)

test("A send right without its receive right keeps its place when renamed.", function(t)
    -- The port moves away into a queue, so that only the send right is left here.
    local name, carrier = allocate(RECEIVE), allocate(RECEIVE)
    ports.make_send(name)
    t.eq(mach.send{remote = carrier, disp = MAKE_SEND,
                   ports = {{name, mach.MACH_MSG_TYPE_MOVE_RECEIVE}}}, 0, "send")
    t.eq(type_of(name), mach.MACH_PORT_TYPE_SEND, "only the send right is left")
    t.eq(mach.mach_port_rename(self, name, 0x70000777), 0, "rename")
    local kr, msg = mach.receive{port = carrier, timeout = 0}
    t.eq({kr, msg.ports}, {0, {{0x70000777, mach.MACH_MSG_TYPE_PORT_RECEIVE}}},
         "the receive right joins")
    t.eq(type_of(0x70000777), mach.MACH_PORT_TYPE_SEND_RECEIVE, "type")
    destroy(0x70000777, carrier)
end)

test("A right moved back and forth between names keeps working, sets and dead names too.",
function(t)
    local set, member, dead = allocate(SET), allocate(RECEIVE), allocate(DEAD)
    must(mach.mach_port_insert_member(self, member, set), "insert_member")
    t.eq(mach.mach_port_rename(self, set, 0x70000900), 0, "rename the set")
    t.eq(mach.mach_port_rename(self, member, 0x70000901), 0, "rename the member")
    t.eq(mach.mach_port_rename(self, dead, 0x70000902), 0, "rename the dead name")
    local kr, members = mach.mach_port_get_set_status(self, 0x70000900)
    t.eq({kr, members}, {0, {0x70000901}}, "members")
    t.eq(mach.send{remote = 0x70000901, disp = MAKE_SEND, id = 9}, 0, "send")
    local _, msg = mach.receive{port = 0x70000900, timeout = 0}
    t.eq({msg.id, msg.local_port}, {9, 0x70000901}, "received through the set")
    t.eq(type_of(0x70000902), mach.MACH_PORT_TYPE_DEAD_NAME, "the dead name")
    t.eq(mach.mach_port_rename(self, 0x70000901, 0x70000903), 0, "rename again")
    t.eq(mach.mach_port_rename(self, 0x70000903, 0x70000901), 0, "and back")
    t.eq(type_of(0x70000901), mach.MACH_PORT_TYPE_RECEIVE, "type")
    destroy(0x70000900, 0x70000901, 0x70000902)
end)

test("mach_port_rename to a name in use is KERN_NAME_EXISTS, no change.", function(t)
    local a, b = allocate(RECEIVE), allocate(DEAD)
    local before = space()
    t.eq(mach.mach_port_rename(self, a, b), mach.KERN_NAME_EXISTS, "a to b")
    t.eq(mach.mach_port_rename(self, b, a), mach.KERN_NAME_EXISTS, "b to a")
    t.eq(mach.mach_port_rename(self, a, a), mach.KERN_NAME_EXISTS, "to its own")
    t.eq(space(), before, "names")
    destroy(a, b)
end)

test("The slot of a right that was renamed away is free for others.", function(t)
    local name = allocate(RECEIVE)
    t.eq(mach.mach_port_rename(self, name, 0x31337), 0, "rename")
    local next = allocate(DEAD)
    t.eq(index(next), index(name), "the slot")
    t.ok(next ~= name, "with another generation")
    destroy(next, 0x31337)
end)
