-- SPDX-License-Identifier: BSD-2-Clause
-- Ports: making rights, giving them up, looking at what is behind a name. The names are those of
-- this task where no other is named. A call that fails is a Lua error, but for the questions about
-- a name: a name that denotes nothing answers them with ports.NOTHING. Next: notifications.lua.

local must = require "must"
local clock = require "clock"

local ports = {}
local self = mach.mach_task_self()
local SEND, RECEIVE = mach.MACH_PORT_RIGHT_SEND, mach.MACH_PORT_RIGHT_RECEIVE

ports.NOTHING = mach.error_string(mach.KERN_INVALID_NAME)

-- ---- making and giving up -----------------------------------------------------------------------

-- A receive right, or another right that mach_port_allocate makes.
function ports.allocate(right, task)
    local kr, name = mach.mach_port_allocate(task or self, right or RECEIVE)
    must(kr, "mach_port_allocate")
    return name
end

-- Both rights to a new port: a receive right and, under the same name, `urefs` references (1 unless
-- told) of a send right.
function ports.both(urefs)
    local name = ports.allocate(RECEIVE)
    ports.make_send(name)
    must(mach.mach_port_mod_refs(self, name, SEND, (urefs or 1) - 1), "mod_refs")
    return name
end

-- One more reference of a send right, made of the receive right under the same name.
function ports.make_send(name)
    must(mach.mach_port_insert_right(self, name, name, mach.MACH_MSG_TYPE_MAKE_SEND),
         "insert_right")
end

-- The privileged host port, which a scenario is given; the caller owns the right.
function ports.privileged_host()
    local kr, host, device = mach.bootstrap_ports(mach.bootstrap_port)
    must(kr, "bootstrap_ports")
    ports.deallocate(device)
    return host
end

-- A send-once right for the port `name`, under a name of its own.
function ports.once(name)
    local kr, right = mach.mach_port_extract_right(self, name, mach.MACH_MSG_TYPE_MAKE_SEND_ONCE)
    must(kr, "extract_right")
    return right
end

-- From now on the port takes `n` messages.
function ports.set_limit(name, n)
    must(mach.mach_port_set_attributes(self, name, mach.MACH_PORT_LIMITS_INFO, {mpl_qlimit = n}),
         "set_attributes")
end

-- The names go, with every right under them.
function ports.destroy(...)
    for _, name in ipairs{...} do must(mach.mach_port_destroy(self, name), "destroy") end
end

-- One reference each of send and send-once rights and of dead names.
function ports.deallocate(...)
    for _, name in ipairs{...} do must(mach.mach_port_deallocate(self, name), "deallocate") end
end

-- The receive right alone: the port dies.
function ports.kill(name)
    must(mach.mach_port_mod_refs(self, name, RECEIVE, -1), "mod_refs")
end

-- `n` references of the send right.
function ports.drop(name, n)
    must(mach.mach_port_mod_refs(self, name, SEND, -n), "mod_refs")
end

-- Receives all messages that wait; their ids.
function ports.drain(name)
    local ids = {}
    while true do
        local kr, msg = mach.receive{port = name, timeout = 0}
        if kr ~= 0 then return ids end
        ids[#ids + 1] = msg.id
    end
end

-- ---- looking ------------------------------------------------------------------------------------

function ports.type_of(name)
    local kr, kind = mach.mach_port_type(self, name)
    return kr == 0 and kind or mach.error_string(kr)
end

-- Everything minato_port_info says; that the name denotes something is taken for granted.
function ports.info(name)
    local kr, found = mach.minato_port_info(self, name)
    must(kr, "minato_port_info")
    return found
end

function ports.send_rights(name) return ports.info(name).srights end

-- {type, user references, …} of a name in `task`; further fields of minato_port_info by name.
function ports.state_in(task, name, ...)
    local kr, info = mach.minato_port_info(task, name)
    if kr ~= 0 then return mach.error_string(kr) end
    local found = {info.type, info.urefs}
    for _, field in ipairs{...} do found[#found + 1] = info[field] end
    return found
end

function ports.state(name, ...) return ports.state_in(self, name, ...) end

-- Every name of a task with its type, references, the rights to the port behind it and its queue,
-- to be compared with later; further fields of minato_port_info by name.
function ports.space(task, ...)
    local _, names, types = mach.mach_port_names(task or self)
    local all = {}
    for i, name in ipairs(names) do
        all[name] = {types[i], ports.state_in(task or self, name, "srights", "sorights",
                                              "queue_length", ...)}
    end
    return all
end

-- Sleeps until a field of minato_port_info (waiters, senders, queue_length, …) of a port or set is
-- `n`.
function ports.wait_until(name, field, n)
    for _ = 1, 500 do
        if ports.info(name)[field] == n then return end
        clock.sleep(1)
    end
    error(("%s did not become %d but %d"):format(field, n, ports.info(name)[field]), 2)
end

return ports
