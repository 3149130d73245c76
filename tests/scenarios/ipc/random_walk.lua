-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 60
-- A seeded random walk over the whole port interface, beside a model of it in Lua: allocate,
-- insert, extract, mod_refs, deallocate, destroy, rename, sets, requests for all notifications,
-- messages with rights in header and body. After every step the result is as the model says, and
-- the notifications are; every few steps all names, references, counts and queues are. At the end
-- all is destroyed and not one port is left over in the kernel.
--
-- The model is user/lib/lua/port_model.lua. Each step here does one call to the kernel and to the
-- model; what is an error, the step says. Results are predicted, not names: those are learnt from
-- the kernel and checked to be the right ones or new.

local must, model = require "must", require "port_model"
local objects = require "counts".objects
local set_limit = require "ports".set_limit

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
local PORT_DESTROYED, NO_SENDERS, SEND_ONCE, DEAD_NAME = mach.MACH_NOTIFY_PORT_DESTROYED,
    mach.MACH_NOTIFY_NO_SENDERS, mach.MACH_NOTIFY_SEND_ONCE, mach.MACH_NOTIFY_DEAD_NAME
local INVALID_NAME, INVALID_RIGHT, INVALID_VALUE = mach.KERN_INVALID_NAME, mach.KERN_INVALID_RIGHT,
    mach.KERN_INVALID_VALUE
local NULL, DEAD = 0, 0xffffffff
local QUEUE_LIMIT = 8

local names, baseline, notify   -- the space; what was there before; where notifications go
local sent, chosen              -- messages sent; names chosen so far

-- ---- checking ----------------------------------------------------------------------------------

local function wanted(entry)
    local want = {model.type_bits(entry), entry.refs or entry.send or 0}
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
                    if not model.arrive(PORT_RECEIVE, port, name) then
                        value = "under a wrong name"
                    end
                end
            end
        elseif msg.id ~= SEND_ONCE then
            value = string.unpack("<I4", msg.body, 9)
        end
        got[#got + 1] = ("%d %s"):format(msg.id, value)
    end
    table.sort(got)
    return t.eq(got, model.take_expected(), what .. ": notifications")
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
    set_limit(name, QUEUE_LIMIT)
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
    if not model.promise(name, how, {}) then
        return "insert_right", kr, mach.MACH_SEND_INVALID_RIGHT
    end
    if entry.kind == "dead" then return "insert_right", kr, mach.KERN_INVALID_CAPABILITY end
    model.arrive(PORT_SEND, model.take(name, how)[2], name)
    return "insert_right", kr, 0
end

local function extract_right()
    local name = any_name()
    local how = any_how(name)
    local kr, got = mach.mach_port_extract_right(self, name, how)
    if not names[name] then return "extract_right", kr, INVALID_NAME end
    if not model.promise(name, how, {}) then return "extract_right", kr, INVALID_RIGHT end
    local right = model.take(name, how)
    if kr == 0 and not model.arrive(right[1], right[2], got) then
        return ("extract_right as %d: wrong name %#x"):format(how, got), 1, 0
    end
    return "extract_right", kr, 0
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
    if model.type_bits(entry) & mach.MACH_PORT_TYPE(right) == 0 then
        return what, kr, INVALID_RIGHT
    end
    if right == SEND or right == DEAD_RIGHT then
        local refs = right == SEND and entry.send or entry.refs
        if refs + delta < 0 then return what, kr, INVALID_VALUE end
        if right == SEND and delta < 0 then
            model.take_send(name, -delta, false)
        elseif right == SEND then
            entry.send = entry.send + delta
        else
            entry.refs = refs + delta
            if entry.refs == 0 then model.free(name) end
        end
        return what, kr, 0
    end
    if delta ~= 0 and delta ~= -1 then return what, kr, INVALID_VALUE end
    if delta == -1 then
        (right == RECEIVE and model.drop_receive or right == ONCE and model.drop_once or
            model.drop_set)(name)
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
        if entry.refs == 0 then model.free(name) end
    elseif entry.kind == "once" then
        model.drop_once(name)
    elseif entry.kind == "right" and entry.send > 0 then
        model.take_send(name, 1, false)
    else
        return "deallocate", kr, INVALID_RIGHT
    end
    return "deallocate", kr, 0
end

local function destroy()
    local name = any_name()
    local known = names[name]
    local kr = mach.mach_port_destroy(self, name)
    if not known then return "destroy", kr, INVALID_NAME end
    model.destroy(name)
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
    model.leave_set(a.port)
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
    if dead_destination or not model.promise(dest, how, promised) then
        return "send", kr, mach.MACH_SEND_INVALID_DEST
    end
    if reply ~= NULL and not model.promise(reply, reply_how, promised) then
        return "send", kr, mach.MACH_SEND_INVALID_REPLY
    end
    for _, right in ipairs(rights) do
        local name = right[1]
        if name ~= NULL and name ~= DEAD and not model.promise(name, right[2], promised) then
            return "send", kr, mach.MACH_SEND_INVALID_RIGHT
        end
    end
    local carried = model.take_all{{dest, how}, {reply, reply_how}, table.unpack(rights)}
    local to = table.remove(carried, 1)
    model.enqueue{id = sent, to = to[2], by = to[1], rights = carried}
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
        if not model.arrive(right[1], right[2], got[i]) then
            return ("right %d has the wrong name %#x"):format(i - 1, got[i])
        end
        if i == 1 then -- the destination's right is consumed behind the reply right
            if message.by == PORT_ONCE then
                port.sorights = port.sorights - 1
            else
                model.release(PORT_SEND, port)
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
        if not cancel then model.expect(SEND_ONCE) end
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
            model.expect(DEAD_NAME, name)
            return what, kr, 0
        end
        holder, field = entry, "request"
    else
        if not entry.receive then return refuse(INVALID_RIGHT) end
        holder, field = entry.port, id == NO_SENDERS and "no_senders" or "destroyed"
    end
    if holder[field] then model.expect(SEND_ONCE) end -- the previous right, dropped above
    if (holder[field] or false) ~= (previous ~= 0) then return what .. ": previous", 1, 0 end
    holder[field] = not cancel
    local port = entry.port
    if id == NO_SENDERS and not cancel and port.srights == 0 and port.mscount >= sync then
        port.no_senders = false
        model.expect(NO_SENDERS, port.mscount)
    end
    return what, kr, 0
end

local STEPS = {allocate, allocate, insert_right, extract_right, mod_refs, deallocate, destroy,
               rename, change_set, change_set, send, send, send, send, receive, receive, receive,
               request, request}

-- ---- the walk ----------------------------------------------------------------------------------

local function start(seed)
    math.randomseed(seed)
    ports, baseline, sent, chosen = {}, {}, 0, 0
    names = model.start(baseline)
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
        model.destroy(name)
        drain(t, "destroying everything") -- may bring receive rights back
    end
    check_all(t, 0)
    must(mach.mach_port_destroy(self, notify), "destroy")
end

local function walk(t, seed, steps)
    local before = objects()
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
    t.eq(objects(), before, "what is in the kernel")
end

local base = tonumber(os.getenv "minato.seed") or 0 -- SEED=n: other seeds

for seed = base + 1, base + 12 do
    test(("The port interface does what the model does: 150 random steps, seed %d."):format(seed),
         function(t) walk(t, seed, 150) end)
end
