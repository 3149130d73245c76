-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 120
-- Large numbers: calls that list things list all of them, and nothing takes longer than its size
-- warrants. Manual: mach_port_names, mach_port_get_set_status, mach_msg.

local self = mach.mach_task_self()
local RECEIVE, SET = mach.MACH_PORT_RIGHT_RECEIVE, mach.MACH_PORT_RIGHT_PORT_SET
local MAKE_SEND, COPY_SEND = mach.MACH_MSG_TYPE_MAKE_SEND, mach.MACH_MSG_TYPE_COPY_SEND
local MOVE_RECEIVE = mach.MACH_MSG_TYPE_MOVE_RECEIVE

local function must(kr, what)
    if kr ~= 0 then error((what or "call") .. ": " .. mach.error_string(kr), 2) end
end

local function allocate(right)
    local kr, name = mach.mach_port_allocate(self, right)
    must(kr, "mach_port_allocate")
    return name
end

local function drop(name) must(mach.mach_port_mod_refs(self, name, RECEIVE, -1), "mod_refs") end

test("mach_port_names and mach_port_get_set_status tell 40,000 names", function(t)
    local set, list = allocate(SET), {}
    for i = 1, 40000 do
        list[i] = allocate(RECEIVE)
        must(mach.mach_port_move_member(self, list[i], set), "move_member")
    end
    local kr, names, types = mach.mach_port_names(self)
    t.eq(kr, 0, "mach_port_names")
    t.ok(kr ~= 0 or #names > 40000 and #types == #names, "all of them")
    local kr, members = mach.mach_port_get_set_status(self, set)
    t.eq(kr, 0, "mach_port_get_set_status")
    t.eq(kr == 0 and #members, 40000, "members")
    must(mach.mach_port_destroy(self, set), "destroy")
    for _, name in ipairs(list) do drop(name) end
end)
