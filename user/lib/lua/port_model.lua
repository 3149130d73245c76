-- SPDX-License-Identifier: BSD-2-Clause
-- A model of the port interface: one space, and per port who holds what. It does with tables what
-- the kernel does with rights when a call succeeds, and collects the notifications that this
-- brings. It does not choose names: where a right arrives, the caller says which name the kernel
-- chose, and hears whether that can be. tests/scenarios/ipc/random_walk.lua walks the kernel
-- beside it.

local model = {}
local MAKE_SEND, COPY_SEND, MOVE_SEND = mach.MACH_MSG_TYPE_MAKE_SEND,
    mach.MACH_MSG_TYPE_COPY_SEND, mach.MACH_MSG_TYPE_MOVE_SEND
local MAKE_ONCE, MOVE_ONCE, MOVE_RECEIVE = mach.MACH_MSG_TYPE_MAKE_SEND_ONCE,
    mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, mach.MACH_MSG_TYPE_MOVE_RECEIVE
local PORT_SEND, PORT_ONCE, PORT_RECEIVE = mach.MACH_MSG_TYPE_PORT_SEND,
    mach.MACH_MSG_TYPE_PORT_SEND_ONCE, mach.MACH_MSG_TYPE_PORT_RECEIVE
local PORT_DELETED, PORT_DESTROYED, NO_SENDERS, SEND_ONCE, DEAD_NAME =
    mach.MACH_NOTIFY_PORT_DELETED, mach.MACH_NOTIFY_PORT_DESTROYED, mach.MACH_NOTIFY_NO_SENDERS,
    mach.MACH_NOTIFY_SEND_ONCE, mach.MACH_NOTIFY_DEAD_NAME
local NULL, DEAD = mach.MACH_PORT_NULL, mach.MACH_PORT_DEAD

local names, baseline -- the space; the names that were there before and are not the model's
local expected        -- notifications to come, as text

-- Begins with an empty space beside the names in the set `others`; returns its table.
function model.start(others)
    names, baseline, expected = {}, others, {}
    return names
end

-- The notifications since the last time, sorted.
function model.take_expected()
    local list = expected
    expected = {}
    table.sort(list)
    return list
end

-- ---- rights -------------------------------------------------------------------------------------
-- A name is {kind = "right", port =, receive = bool, send = references}, {kind = "once", port =},
-- {kind = "dead", refs =} or {kind = "set", members =}; the first two may have request = true.
-- A port is {name = of its send and receive right here, transit = the port whose queue carries its
-- receive right, queue = messages, …}. A message is {id =, to = the port, by = PORT_SEND or
-- PORT_ONCE, rights = {{type, port}, …}}, the first of them the reply right; port may be NULL or
-- DEAD.

function model.expect(id, value) expected[#expected + 1] = ("%d %s"):format(id, value or "") end

function model.free(name)
    if names[name].request then model.expect(PORT_DELETED, name) end
    names[name] = nil
end

function model.leave_set(port)
    if port.set then port.set.members[port] = nil end
    port.set = nil
end

local function destroy_message(message)
    model.release(message.by, message.to)
    for _, right in ipairs(message.rights) do model.release(right[1], right[2]) end
end

local function name_dies(name, entry)
    local refs = entry.send and entry.send > 0 and entry.send or 1
    if entry.request then
        refs = refs + 1
        model.expect(DEAD_NAME, name)
    end
    names[name] = {kind = "dead", refs = refs}
end

local function die(port)
    port.alive, port.transit = false, nil
    model.leave_set(port)
    if port.no_senders then model.expect(SEND_ONCE) end
    local queue = port.queue
    port.queue = {}
    for _, message in ipairs(queue) do destroy_message(message) end
    local dying = {}
    for name, entry in pairs(names) do
        if entry.port == port then dying[name] = entry end
    end
    for name, entry in pairs(dying) do name_dies(name, entry) end
end

function model.release(kind, port)
    if port == NULL or port == DEAD or not port.alive then return end
    if kind == PORT_SEND then
        port.srights = port.srights - 1
        if port.srights == 0 and port.no_senders then
            port.no_senders = false
            model.expect(NO_SENDERS, port.mscount)
        end
    elseif kind == PORT_ONCE then
        table.insert(port.queue, {id = SEND_ONCE, to = port, by = PORT_ONCE, rights = {{0, NULL}}})
    elseif port.destroyed then
        port.destroyed = false
        model.expect(PORT_DESTROYED, port.number)
    else
        die(port)
    end
end

-- Takes the receive right off its name.
function model.detach(name)
    local entry = names[name]
    local port = entry.port
    entry.receive = false
    model.leave_set(port)
    port.mscount, port.seqno = 0, 0
    if port.no_senders then model.expect(SEND_ONCE) end
    port.no_senders = false
    if entry.send == 0 then
        port.name = nil
        model.free(name)
    end
    return port
end

-- Takes one reference of the send right, as a right or, with `move`, without dropping it.
function model.take_send(name, count, move)
    local entry = names[name]
    local port = entry.port
    entry.send = entry.send - count
    if entry.send == 0 then
        if not entry.receive then
            port.name = nil
            model.free(name)
        end
        if not move then model.release(PORT_SEND, port) end
    elseif move then
        port.srights = port.srights + 1
    end
    return port
end

-- A right arrives and is called `name` by the kernel. False if that cannot be.
function model.arrive(kind, port, name)
    if port == NULL then return name == NULL end
    if port == DEAD or not port.alive then return name == DEAD end
    if kind == PORT_ONCE or not port.name then
        if names[name] or baseline[name] then return false end
        names[name] = {kind = kind == PORT_ONCE and "once" or "right", port = port, send = 0}
        if kind ~= PORT_ONCE then port.name = name end
    end
    local entry = names[name]
    if kind == PORT_ONCE then return true end
    if port.name ~= name then return false end
    if kind == PORT_RECEIVE then
        entry.receive, port.transit = true, nil
    else
        if entry.send > 0 then port.srights = port.srights - 1 end
        entry.send = entry.send + 1
    end
    return true
end

-- ---- sending ------------------------------------------------------------------------------------

local KEEPS = {[MAKE_SEND] = true, [COPY_SEND] = true, [MAKE_ONCE] = true}

-- Whether a right can be taken so, with what is promised already; promises it.
function model.promise(name, how, promised)
    local entry = names[name]
    local mine = promised[name] or {n = 0}
    promised[name] = mine
    if not entry then return false end
    if how == MAKE_SEND or how == MAKE_ONCE then return entry.receive or false end
    if how == MOVE_RECEIVE then
        if not entry.receive or mine.receive then return false end
        mine.receive = true
        return true
    end
    local refs = entry.kind == "dead" and entry.refs or
        how == MOVE_ONCE and (entry.kind == "once" and 1 or 0) or
        entry.kind == "right" and entry.send or 0
    if how == COPY_SEND then return refs > 0 end
    mine.n = mine.n + 1
    if mine.n > refs then return false end
    return true
end

-- What a message carries after taking a right: {type, port}.
function model.take(name, how)
    local entry = names[name]
    local port = entry.port
    if entry.kind == "dead" then
        if not KEEPS[how] then
            entry.refs = entry.refs - 1
            if entry.refs == 0 then model.free(name) end
        end
        return {how == MOVE_ONCE and PORT_ONCE or PORT_SEND, DEAD}
    elseif how == MAKE_SEND then
        port.mscount, port.srights = port.mscount + 1, port.srights + 1
        return {PORT_SEND, port}
    elseif how == COPY_SEND then
        port.srights = port.srights + 1
        return {PORT_SEND, port}
    elseif how == MOVE_SEND then
        return {PORT_SEND, model.take_send(name, 1, true)}
    elseif how == MAKE_ONCE then
        port.sorights = port.sorights + 1
        return {PORT_ONCE, port}
    elseif how == MOVE_ONCE then
        model.free(name)
        return {PORT_ONCE, port}
    end
    return {PORT_RECEIVE, model.detach(name)}
end

-- What a message carries after taking {name, disposition} each: {{type, port}, …}. Those that leave
-- their source as it was are taken first. The null and the dead name stand for themselves.
function model.take_all(rights)
    local carried = {}
    for _, keeping in ipairs{true, false} do
        for i, right in ipairs(rights) do
            if right[1] == NULL or right[1] == DEAD then
                carried[i] = {0, right[1]}
            elseif (KEEPS[right[2]] or false) == keeping then
                carried[i] = model.take(right[1], right[2])
            end
        end
    end
    return carried
end

-- Puts a message into its queue, or destroys it if it closes a circle of receive rights.
function model.enqueue(message)
    local circle = false
    for _, right in ipairs(message.rights) do
        if right[1] == PORT_RECEIVE then
            local at, found = message.to, false
            while at do
                found = found or at == right[2]
                at = at.transit
            end
            if not found then right[2].transit = message.to end
            circle = circle or found
        end
    end
    if circle then destroy_message(message) else table.insert(message.to.queue, message) end
end

-- ---- giving up ----------------------------------------------------------------------------------

function model.drop_receive(name) model.release(PORT_RECEIVE, model.detach(name)) end

function model.drop_once(name)
    local port = names[name].port
    model.free(name)
    model.release(PORT_ONCE, port)
end

function model.drop_set(name)
    for port in pairs(names[name].members) do port.set = nil end
    model.free(name)
end

function model.destroy(name)
    local entry = names[name]
    if entry.kind == "set" then
        model.drop_set(name)
    elseif entry.kind == "dead" then
        model.free(name)
    elseif entry.kind == "once" then
        model.drop_once(name)
    elseif entry.receive then
        if entry.send > 0 then -- the port is about to die: that it has no senders is not told
            entry.port.srights = entry.port.srights - 1
            entry.send = 0
        end
        model.drop_receive(name)
    else
        model.take_send(name, entry.send, false)
    end
end

-- The type that mach_port_type gives a name.
function model.type_bits(entry)
    local bits = entry.request and mach.MACH_PORT_TYPE_DNREQUEST or 0
    if entry.kind == "set" then return bits | mach.MACH_PORT_TYPE_PORT_SET end
    if entry.kind == "dead" then return bits | mach.MACH_PORT_TYPE_DEAD_NAME end
    if entry.kind == "once" then return bits | mach.MACH_PORT_TYPE_SEND_ONCE end
    return bits | (entry.receive and mach.MACH_PORT_TYPE_RECEIVE or 0) |
        (entry.send > 0 and mach.MACH_PORT_TYPE_SEND or 0)
end

return model
