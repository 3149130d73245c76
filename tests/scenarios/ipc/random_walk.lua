-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 60
-- A seeded random walk over the whole port interface, beside a model of it in Lua: allocate,
-- insert, extract, mod_refs, deallocate, destroy, rename, sets, requests for all notifications,
-- messages with rights in header and body. After every step the result is as the model says, and
-- the notifications are; every few steps all names, references, counts and queues are. At the end
-- all is destroyed and not one port is left over in the kernel.
--
-- The model knows one space, and per port who holds what. It predicts results, not names: those
-- it learns from the kernel, and checks that they are the right ones or new.

local self = mach.mach_task_self()
local SEND, RECEIVE, ONCE, SET, DEAD_RIGHT = mach.MACH_PORT_RIGHT_SEND,
    mach.MACH_PORT_RIGHT_RECEIVE, mach.MACH_PORT_RIGHT_SEND_ONCE, mach.MACH_PORT_RIGHT_PORT_SET,
    mach.MACH_PORT_RIGHT_DEAD_NAME
local MAKE_SEND, COPY_SEND, MOVE_SEND = mach.MACH_MSG_TYPE_MAKE_SEND,
    mach.MACH_MSG_TYPE_COPY_SEND, mach.MACH_MSG_TYPE_MOVE_SEND
local MAKE_ONCE, MOVE_ONCE, MOVE_RECEIVE = mach.MACH_MSG_TYPE_MAKE_SEND_ONCE,
    mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, mach.MACH_MSG_TYPE_MOVE_RECEIVE
local PORT_SEND, PORT_ONCE, PORT_RECEIVE = mach.MACH_MSG_TYPE_PORT_SEND,
    mach.MACH_MSG_TYPE_PORT_SEND_ONCE, mach.MACH_MSG_TYPE_PORT_RECEIVE
local PORT_DELETED, PORT_DESTROYED, NO_SENDERS, SEND_ONCE, DEAD_NAME =
    mach.MACH_NOTIFY_PORT_DELETED, mach.MACH_NOTIFY_PORT_DESTROYED, mach.MACH_NOTIFY_NO_SENDERS,
    mach.MACH_NOTIFY_SEND_ONCE, mach.MACH_NOTIFY_DEAD_NAME
local INVALID_NAME, INVALID_RIGHT, INVALID_VALUE = mach.KERN_INVALID_NAME, mach.KERN_INVALID_RIGHT,
    mach.KERN_INVALID_VALUE
local NULL, DEAD = 0, 0xffffffff
local QUEUE_LIMIT = 8

local names, baseline, notify   -- the space; what was there before; where notifications go
local expected, sent, chosen    -- notifications to come; messages sent; names chosen so far

local function must(kr, what)
    if kr ~= 0 then error(what .. ": " .. mach.error_string(kr), 2) end
end

-- ---- the model: rights -------------------------------------------------------------------------
-- A name is {kind = "right", port =, receive = bool, send = references}, {kind = "once", port =},
-- {kind = "dead", refs =} or {kind = "set", members =}; the first two may have request = true.
-- A port is {name = of its send and receive right here, transit = the port whose queue carries its
-- receive right, queue = messages, …}. A message is {id =, to = the port, by = PORT_SEND or
-- PORT_ONCE, rights = {{type, port}, …}}, the first of them the reply right; port may be NULL or
-- DEAD.

local function expect(id, value) expected[#expected + 1] = ("%d %s"):format(id, value or "") end

local function free(name)
    if names[name].request then expect(PORT_DELETED, name) end
    names[name] = nil
end

local release

local function leave_set(port)
    if port.set then port.set.members[port] = nil end
    port.set = nil
end

local function destroy_message(message)
    release(message.by, message.to)
    for _, right in ipairs(message.rights) do release(right[1], right[2]) end
end

local function name_dies(name, entry)
    local refs = entry.send and entry.send > 0 and entry.send or 1
    if entry.request then
        refs = refs + 1
        expect(DEAD_NAME, name)
    end
    names[name] = {kind = "dead", refs = refs}
end

local function die(port)
    port.alive, port.transit = false, nil
    leave_set(port)
    if port.no_senders then expect(SEND_ONCE) end
    local queue = port.queue
    port.queue = {}
    for _, message in ipairs(queue) do destroy_message(message) end
    local dying = {}
    for name, entry in pairs(names) do
        if entry.port == port then dying[name] = entry end
    end
    for name, entry in pairs(dying) do name_dies(name, entry) end
end

function release(kind, port)
    if port == NULL or port == DEAD or not port.alive then return end
    if kind == PORT_SEND then
        port.srights = port.srights - 1
        if port.srights == 0 and port.no_senders then
            port.no_senders = false
            expect(NO_SENDERS, port.mscount)
        end
    elseif kind == PORT_ONCE then
        table.insert(port.queue, {id = SEND_ONCE, to = port, by = PORT_ONCE, rights = {{0, NULL}}})
    elseif port.destroyed then
        port.destroyed = false
        expect(PORT_DESTROYED, port.number)
    else
        die(port)
    end
end

-- Takes the receive right off its name.
local function detach(name)
    local entry = names[name]
    local port = entry.port
    entry.receive = false
    leave_set(port)
    port.mscount, port.seqno = 0, 0
    if port.no_senders then expect(SEND_ONCE) end
    port.no_senders = false
    if entry.send == 0 then
        port.name = nil
        free(name)
    end
    return port
end

-- Takes one reference of the send right, as a right or, with `move`, without dropping it.
local function take_send(name, count, move)
    local entry = names[name]
    local port = entry.port
    entry.send = entry.send - count
    if entry.send == 0 then
        if not entry.receive then
            port.name = nil
            free(name)
        end
        if not move then release(PORT_SEND, port) end
    elseif move then
        port.srights = port.srights + 1
    end
    return port
end

-- A right arrives and is called `name` by the kernel. False if that cannot be.
local function arrive(kind, port, name)
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

-- ---- the model: sending ------------------------------------------------------------------------

local KEEPS = {[MAKE_SEND] = true, [COPY_SEND] = true, [MAKE_ONCE] = true}

-- Whether a right can be taken so, with what is promised already; promises it.
local function promise(name, how, promised)
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
local function take(name, how)
    local entry = names[name]
    local port = entry.port
    if entry.kind == "dead" then
        if not KEEPS[how] then
            entry.refs = entry.refs - 1
            if entry.refs == 0 then free(name) end
        end
        return {how == MOVE_ONCE and PORT_ONCE or PORT_SEND, DEAD}
    elseif how == MAKE_SEND then
        port.mscount, port.srights = port.mscount + 1, port.srights + 1
        return {PORT_SEND, port}
    elseif how == COPY_SEND then
        port.srights = port.srights + 1
        return {PORT_SEND, port}
    elseif how == MOVE_SEND then
        return {PORT_SEND, take_send(name, 1, true)}
    elseif how == MAKE_ONCE then
        port.sorights = port.sorights + 1
        return {PORT_ONCE, port}
    elseif how == MOVE_ONCE then
        free(name)
        return {PORT_ONCE, port}
    end
    return {PORT_RECEIVE, detach(name)}
end

-- Puts a message into its queue, or destroys it if it closes a circle of receive rights.
local function queue(message)
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

-- ---- checking ----------------------------------------------------------------------------------

local function type_bits(entry)
    local bits = entry.request and mach.MACH_PORT_TYPE_DNREQUEST or 0
    if entry.kind == "set" then return bits | mach.MACH_PORT_TYPE_PORT_SET end
    if entry.kind == "dead" then return bits | mach.MACH_PORT_TYPE_DEAD_NAME end
    if entry.kind == "once" then return bits | mach.MACH_PORT_TYPE_SEND_ONCE end
    return bits | (entry.receive and mach.MACH_PORT_TYPE_RECEIVE or 0) |
        (entry.send > 0 and mach.MACH_PORT_TYPE_SEND or 0)
end

local function wanted(entry)
    local want = {type_bits(entry), entry.refs or entry.send or 0}
    if entry.kind == "once" then want[2] = 1 end
    if entry.port then
        local port = entry.port
        for _, n in ipairs{port.srights, port.sorights, port.mscount, port.seqno, #port.queue} do
            want[#want + 1] = n
        end
    end
    return want
end

local function check_all(t, step)
    local _, listed = mach.mach_port_names(self)
    local seen, good = {}, true
    for _, name in ipairs(listed) do
        seen[name] = true
        if not names[name] and not baseline[name] then
            t.fail(("step %d: name %#x is not in the model"):format(step, name))
            good = false
        end
    end
    for name, entry in pairs(names) do
        local kr, info = mach.minato_port_info(self, name)
        local got = kr ~= 0 and mach.error_string(kr) or {info.type, info.urefs}
        if kr == 0 and entry.port then
            for _, field in ipairs{"srights", "sorights", "mscount", "seqno", "queue_length"} do
                got[#got + 1] = info[field]
            end
        end
        good = t.eq(got, wanted(entry), ("step %d: name %#x: type, urefs, srights, sorights, " ..
                                         "mscount, seqno, queue"):format(step, name)) and good
        if entry.kind == "set" and kr == 0 then
            local count = 0
            for _ in pairs(entry.members) do count = count + 1 end
            good = t.eq(info.members, count,
                        ("step %d: members of %#x"):format(step, name)) and good
        end
    end
    return good
end

local ports -- by number

-- Takes the notifications of a step and compares them with what the model expects.
local function drain(t, what)
    local got = {}
    while true do
        local kr, msg = mach.receive{port = notify, timeout = 0}
        if kr ~= 0 then break end
        local value = ""
        if msg.id == PORT_DESTROYED then
            local name = msg.ports[1][1]
            local _, info = mach.minato_port_info(self, name)
            for number, port in pairs(ports) do
                if port.id == info.port_id then
                    value = number
                    if not arrive(PORT_RECEIVE, port, name) then value = "under a wrong name" end
                end
            end
        elseif msg.id ~= SEND_ONCE then
            value = string.unpack("<I4", msg.body, 9)
        end
        got[#got + 1] = ("%d %s"):format(msg.id, value)
    end
    table.sort(got)
    table.sort(expected)
    local good = t.eq(got, expected, what .. ": notifications")
    expected = {}
    return good
end

-- ---- choosing ----------------------------------------------------------------------------------

local function pick(list) return list[math.random(#list)] end

-- A name in use; now and then one that denotes nothing.
local function any_name()
    local list = {}
    for name in pairs(names) do list[#list + 1] = name end
    table.sort(list)
    if #list == 0 or math.random(25) == 1 then return 0x50000001 end
    return pick(list)
end

local function name_where(test)
    for _ = 1, 4 do
        local name = any_name()
        if names[name] and test(names[name]) then return name end
    end
    return any_name()
end

local function is_receive(entry) return entry.receive end
local function is_set(entry) return entry.kind == "set" end

-- Mostly a disposition that fits.
local function any_how(name)
    local entry = names[name]
    if not entry or entry.kind == "set" or math.random(12) == 1 then
        return pick{MAKE_SEND, COPY_SEND, MOVE_SEND, MAKE_ONCE, MOVE_ONCE, MOVE_RECEIVE}
    end
    if entry.kind == "once" then return MOVE_ONCE end
    if entry.kind == "dead" then return pick{COPY_SEND, MOVE_SEND, MOVE_ONCE} end
    local fits = {}
    if entry.receive then fits = {MAKE_SEND, MAKE_ONCE, MOVE_RECEIVE} end
    if entry.send > 0 then
        fits[#fits + 1] = COPY_SEND
        fits[#fits + 1] = MOVE_SEND
    end
    return pick(fits)
end

-- ---- the steps: each gives what happened, the kernel's code and the model's ---------------------

local function new_port(name)
    must(mach.mach_port_set_attributes(self, name, mach.MACH_PORT_LIMITS_INFO,
                                       {mpl_qlimit = QUEUE_LIMIT}), "set_attributes")
    local _, info = mach.minato_port_info(self, name)
    local port = {name = name, alive = true, srights = 0, sorights = 0, mscount = 0, seqno = 0,
                  queue = {}, number = #ports + 1, id = info.port_id}
    ports[port.number] = port
    return {kind = "right", port = port, receive = true, send = 0}
end

local function fresh_name()
    chosen = chosen + 1
    return 0x60000000 + chosen * 17
end

local function allocate()
    local right = pick{RECEIVE, RECEIVE, RECEIVE, SET, DEAD_RIGHT}
    local kr, name
    if math.random(4) == 1 then
        name = math.random(5) == 1 and any_name() or fresh_name()
        kr = mach.mach_port_allocate_name(self, right, name)
        if names[name] then return "allocate_name", kr, mach.KERN_NAME_EXISTS end
    else
        kr, name = mach.mach_port_allocate(self, right)
        if names[name] or baseline[name] then error("a name was given twice") end
    end
    if kr == 0 then
        names[name] = right == RECEIVE and new_port(name) or
            right == SET and {kind = "set", members = {}} or {kind = "dead", refs = 1}
    end
    return "allocate", kr, 0
end

local function insert_right()
    local name = name_where(is_receive)
    local how = pick{MAKE_SEND, COPY_SEND}
    local kr = mach.mach_port_insert_right(self, name, name, how)
    local entry = names[name]
    if not promise(name, how, {}) then return "insert_right", kr, mach.MACH_SEND_INVALID_RIGHT end
    if entry.kind == "dead" then return "insert_right", kr, mach.KERN_INVALID_CAPABILITY end
    arrive(PORT_SEND, take(name, how)[2], name)
    return "insert_right", kr, 0
end

local function extract_right()
    local name = any_name()
    local how = any_how(name)
    local kr, got = mach.mach_port_extract_right(self, name, how)
    if not names[name] then return "extract_right", kr, INVALID_NAME end
    if not promise(name, how, {}) then return "extract_right", kr, INVALID_RIGHT end
    local right = take(name, how)
    if kr == 0 and not arrive(right[1], right[2], got) then
        return ("extract_right as %d: wrong name %#x"):format(how, got), 1, 0
    end
    return "extract_right", kr, 0
end

local function drop_receive(name) release(PORT_RECEIVE, detach(name)) end

local function drop_once(name)
    local port = names[name].port
    free(name)
    release(PORT_ONCE, port)
end

local function drop_set(name)
    for port in pairs(names[name].members) do port.set = nil end
    free(name)
end

local function mod_refs()
    local name, delta = any_name(), pick{-3, -2, -1, -1, -1, 0, 1, 2}
    local entry = names[name]
    local right = pick{SEND, RECEIVE, ONCE, SET, DEAD_RIGHT}
    if entry and math.random(4) > 1 then
        right = entry.kind == "set" and SET or entry.kind == "dead" and DEAD_RIGHT or
            entry.kind == "once" and ONCE or
            entry.send > 0 and math.random(3) > 1 and SEND or RECEIVE
    end
    local what = ("mod_refs %d by %d"):format(right, delta)
    local kr = mach.mach_port_mod_refs(self, name, right, delta)
    if not entry then return what, kr, INVALID_NAME end
    if type_bits(entry) & mach.MACH_PORT_TYPE(right) == 0 then return what, kr, INVALID_RIGHT end
    if right == SEND or right == DEAD_RIGHT then
        local refs = right == SEND and entry.send or entry.refs
        if refs + delta < 0 then return what, kr, INVALID_VALUE end
        if right == SEND and delta < 0 then
            take_send(name, -delta, false)
        elseif right == SEND then
            entry.send = entry.send + delta
        else
            entry.refs = refs + delta
            if entry.refs == 0 then free(name) end
        end
        return what, kr, 0
    end
    if delta ~= 0 and delta ~= -1 then return what, kr, INVALID_VALUE end
    if delta == -1 then
        (right == RECEIVE and drop_receive or right == ONCE and drop_once or drop_set)(name)
    end
    return what, kr, 0
end

local function deallocate()
    local name = any_name()
    local entry = names[name]
    local kr = mach.mach_port_deallocate(self, name)
    if not entry then return "deallocate", kr, 0 end
    if entry.kind == "dead" then
        entry.refs = entry.refs - 1
        if entry.refs == 0 then free(name) end
    elseif entry.kind == "once" then
        drop_once(name)
    elseif entry.kind == "right" and entry.send > 0 then
        take_send(name, 1, false)
    else
        return "deallocate", kr, INVALID_RIGHT
    end
    return "deallocate", kr, 0
end

local function destroy_name(name)
    local entry = names[name]
    if entry.kind == "set" then
        drop_set(name)
    elseif entry.kind == "dead" then
        free(name)
    elseif entry.kind == "once" then
        drop_once(name)
    elseif entry.receive then
        if entry.send > 0 then -- the port is about to die: that it has no senders is not told
            entry.port.srights = entry.port.srights - 1
            entry.send = 0
        end
        drop_receive(name)
    else
        take_send(name, entry.send, false)
    end
end

local function destroy()
    local name = any_name()
    local known = names[name]
    local kr = mach.mach_port_destroy(self, name)
    if not known then return "destroy", kr, INVALID_NAME end
    destroy_name(name)
    return "destroy", kr, 0
end

local function rename()
    local name = any_name()
    local target = math.random(6) == 1 and any_name() or fresh_name()
    if target == name then return "rename", 0, 0 end
    local entry = names[name]
    local kr = mach.mach_port_rename(self, name, target)
    if not entry then return "rename", kr, INVALID_NAME end
    if names[target] then return "rename", kr, mach.KERN_NAME_EXISTS end
    names[target], names[name] = entry, nil
    if entry.kind == "right" then entry.port.name = target end
    return "rename", kr, 0
end

local function change_set()
    local member, set = name_where(is_receive), name_where(is_set)
    local call = pick{"insert_member", "extract_member", "move_member"}
    if call == "move_member" and math.random(3) == 1 then set = NULL end
    local kr = mach["mach_port_" .. call](self, member, set)
    local a, b = names[member], names[set]
    if not a then return call, kr, INVALID_NAME end
    if not a.receive then return call, kr, INVALID_RIGHT end
    if set ~= NULL and not b then return call, kr, INVALID_NAME end
    if set ~= NULL and b.kind ~= "set" then return call, kr, INVALID_RIGHT end
    if call == "insert_member" and a.port.set then return call, kr, mach.KERN_ALREADY_IN_SET end
    if call == "extract_member" and a.port.set ~= b then return call, kr, mach.KERN_NOT_IN_SET end
    if set == NULL and not a.port.set then return call, kr, mach.KERN_NOT_IN_SET end
    leave_set(a.port)
    if call ~= "extract_member" and b then
        a.port.set = b
        b.members[a.port] = true
    end
    return call, kr, 0
end

local function send()
    local dest = name_where(function(e) return e.kind == "right" or e.kind == "once" end)
    local how = any_how(dest)
    if how == MOVE_RECEIVE then how = MAKE_SEND end
    local entry = names[dest]
    if entry and entry.port and #entry.port.queue >= QUEUE_LIMIT then return "send", 0, 0 end
    local reply, reply_how, rights = NULL, 0, {}
    if math.random(2) == 1 then
        reply = any_name()
        reply_how = any_how(reply)
        if reply_how == MOVE_RECEIVE then reply_how = MAKE_ONCE end
    end
    for i = 1, math.random(0, 3) do
        local name = math.random(10) == 1 and pick{NULL, DEAD} or any_name()
        rights[i] = {name, any_how(name)}
    end
    sent = sent + 1
    local kr = mach.send{remote = dest, disp = how, local_port = reply, local_disp = reply_how,
                         id = sent, ports = rights, timeout = 0}
    local promised = {}
    local dead_destination = entry and entry.kind == "dead"
    if dead_destination or not promise(dest, how, promised) then
        return "send", kr, mach.MACH_SEND_INVALID_DEST
    end
    if reply ~= NULL and not promise(reply, reply_how, promised) then
        return "send", kr, mach.MACH_SEND_INVALID_REPLY
    end
    for _, right in ipairs(rights) do
        if right[1] ~= NULL and right[1] ~= DEAD and not promise(right[1], right[2], promised) then
            return "send", kr, mach.MACH_SEND_INVALID_RIGHT
        end
    end
    -- Those that leave their source as it was are taken first.
    local all = {{dest, how}, {reply, reply_how}, table.unpack(rights)}
    local carried = {}
    for _, keeping in ipairs{true, false} do
        for i, right in ipairs(all) do
            if right[1] == NULL or right[1] == DEAD then
                carried[i] = {0, right[1]}
            elseif (KEEPS[right[2]] or false) == keeping then
                carried[i] = take(right[1], right[2])
            end
        end
    end
    local to = table.remove(carried, 1)
    queue{id = sent, to = to[2], by = to[1], rights = carried}
    return "send", kr, 0
end

-- The received message against the first one in the queue of `port`; takes that off.
local function compare_message(port, msg)
    local message = table.remove(port.queue, 1)
    if not message or message.id ~= msg.id then
        return ("message %d instead of %s"):format(msg.id, message and message.id or "none")
    end
    if msg.seqno ~= port.seqno then return ("seqno %d, not %d"):format(msg.seqno, port.seqno) end
    port.seqno = port.seqno + 1
    local got = {msg.remote}
    for i, right in ipairs(msg.ports) do got[i + 1] = right[1] end
    if #got ~= #message.rights then return "another number of rights" end
    for i, right in ipairs(message.rights) do
        if not arrive(right[1], right[2], got[i]) then
            return ("right %d has the wrong name %#x"):format(i - 1, got[i])
        end
        if i == 1 then -- the destination's right is consumed behind the reply right
            if message.by == PORT_ONCE then
                port.sorights = port.sorights - 1
            else
                release(PORT_SEND, port)
            end
        end
    end
end

local function receive()
    local name = name_where(function(e) return e.kind == "set" or e.receive end)
    local entry = names[name]
    local kr, msg = mach.receive{port = name, timeout = 0}
    if not entry or not (entry.kind == "set" or entry.receive) then
        return "receive", kr, mach.MACH_RCV_INVALID_NAME
    end
    if entry.port and entry.port.set then return "receive", kr, mach.MACH_RCV_IN_SET end
    local waiting = 0
    for port in pairs(entry.members or {[entry.port] = true}) do waiting = waiting + #port.queue end
    if waiting == 0 then return "receive", kr, mach.MACH_RCV_TIMED_OUT end
    if kr ~= 0 then return "receive", kr, 0 end
    local from = names[msg.local_port]
    if not from or not from.receive or from ~= entry and from.port.set ~= entry then
        return ("receive from %#x"):format(msg.local_port), 1, 0
    end
    local wrong = compare_message(from.port, msg)
    return "receive" .. (wrong and ": " .. wrong or ""), wrong and 1 or 0, 0
end

-- Requests of one kind: on success the previous one, if any, comes back and is dropped.
local function request()
    local name, id = any_name(), pick{DEAD_NAME, NO_SENDERS, PORT_DESTROYED}
    local sync = id == PORT_DESTROYED and 0 or math.random(0, 2)
    local cancel = math.random(4) == 1
    local what = ("request %d, sync %d"):format(id, sync)
    local kr, previous = mach.mach_port_request_notification(self, name, id, sync,
                                                             cancel and NULL or notify, MAKE_ONCE)
    if kr == 0 and previous ~= 0 then
        must(mach.mach_port_deallocate(self, previous), "deallocate")
    end
    local entry = names[name]
    local function refuse(code)
        if not cancel then expect(SEND_ONCE) end
        return what, kr, code
    end
    if not entry then return refuse(INVALID_NAME) end
    local holder, field
    if id == DEAD_NAME then
        if entry.kind == "set" then return refuse(INVALID_RIGHT) end
        if entry.kind == "dead" then
            if cancel then return what, kr, 0 end
            if sync == 0 then return refuse(mach.KERN_INVALID_ARGUMENT) end
            entry.refs = entry.refs + 1
            expect(DEAD_NAME, name)
            return what, kr, 0
        end
        holder, field = entry, "request"
    else
        if not entry.receive then return refuse(INVALID_RIGHT) end
        holder, field = entry.port, id == NO_SENDERS and "no_senders" or "destroyed"
    end
    if holder[field] then expect(SEND_ONCE) end -- the previous right, dropped above
    if (holder[field] or false) ~= (previous ~= 0) then return what .. ": previous", 1, 0 end
    holder[field] = not cancel
    local port = entry.port
    if id == NO_SENDERS and not cancel and port.srights == 0 and port.mscount >= sync then
        port.no_senders = false
        expect(NO_SENDERS, port.mscount)
    end
    return what, kr, 0
end

local STEPS = {allocate, allocate, insert_right, extract_right, mod_refs, deallocate, destroy,
               rename, change_set, change_set, send, send, send, send, receive, receive, receive,
               request, request}

-- ---- the walk ----------------------------------------------------------------------------------

local function start(seed)
    math.randomseed(seed)
    names, ports, baseline, expected, sent, chosen = {}, {}, {}, {}, 0, 0
    local kr
    kr, notify = mach.mach_port_allocate(self, RECEIVE)
    must(kr, "mach_port_allocate")
    local _, listed = mach.mach_port_names(self)
    for _, name in ipairs(listed) do baseline[name] = true end
end

local function finish(t)
    while true do
        local name = next(names)
        if not name then break end
        must(mach.mach_port_destroy(self, name), "destroy")
        destroy_name(name)
        drain(t, "destroying everything") -- may bring receive rights back
    end
    check_all(t, 0)
    must(mach.mach_port_destroy(self, notify), "destroy")
end

local function walk(t, seed, steps)
    local function count()
        return select(2, mach.minato_host_counts(mach.mach_host_self())).ports
    end
    local before = count()
    start(seed)
    for step = 1, steps do
        local what, got, want = pick(STEPS)()
        local label = ("seed %d, step %d: %s"):format(seed, step, what)
        local good = t.eq(got, want, label)
        good = drain(t, label) and good
        if step % 8 == 0 or step == steps then good = check_all(t, step) and good end
        if not good then
            return t.leaks_ok("the walk ended where the model and the kernel parted")
        end
    end
    finish(t)
    t.eq(count(), before, "ports in the kernel")
end

for seed = 1, 12 do
    test(("The port interface does what the model does: 150 random steps, seed %d."):format(seed),
         function(t) walk(t, seed, 150) end)
end
