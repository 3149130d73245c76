-- SPDX-License-Identifier: BSD-2-Clause
-- Port rights in a call to a receiver that waits already: the kernel passes a few of them from space to
-- space itself, and everything is as if they had lain in a queue.

local must, ports = require "must", require "ports"
local calls, seen = require "calls", require "jobs".answer
local wait_until = ports.wait_until

local self = mach.mach_task_self()
local MAKE_SEND, COPY_SEND, MOVE_SEND = mach.MACH_MSG_TYPE_MAKE_SEND, mach.MACH_MSG_TYPE_COPY_SEND,
    mach.MACH_MSG_TYPE_MOVE_SEND
local MAKE_ONCE, MOVE_ONCE = mach.MACH_MSG_TYPE_MAKE_SEND_ONCE, mach.MACH_MSG_TYPE_MOVE_SEND_ONCE
local PORT_SEND, PORT_ONCE = mach.MACH_MSG_TYPE_PORT_SEND, mach.MACH_MSG_TYPE_PORT_SEND_ONCE
local TYPE_SEND, TYPE_ONCE = mach.MACH_PORT_TYPE_SEND, mach.MACH_PORT_TYPE_SEND_ONCE
local COMPLEX = mach.MACH_MSGH_BITS_COMPLEX
local REQUEST = mach.MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE) | COMPLEX

-- A thread that receives one message on `port`, gives up the rights in it (and far_right's), and replies. Its answer is
-- the code, the bits, the sequence number, and disposition and type of each right.
local function server(port, elements)
    local job = spawn.thread(function()
        require "calls".touch_buffer()
        local me = mach.mach_task_self()
        local kr, bytes = mach.mach_msg("", mach.MACH_RCV_MSG |
                                        mach.MACH_RCV_TRAILER_ELEMENTS(args.elements), 0, 1000,
                                        args.port, 0, 0)
        if kr ~= 0 then return {kr} end
        local bits, size, remote = string.unpack("<I4I4I4", bytes)
        local saw, came = {kr, bits, args.elements > 0 and string.unpack("<I4", bytes, size + 9) or 0}, {}
        for i = 1, (string.unpack("<I4", bytes, 25)) do
            local name, length, _, disposition, kind = string.unpack("<I4I4I2BB", bytes, 17 + 12 * i)
            if kind == mach.MACH_MSG_PORT_DESCRIPTOR then
                saw[#saw + 1] = disposition
                saw[#saw + 1] = select(2, mach.mach_port_type(me, name))
                came[#came + 1] = name
            else
                saw[#saw + 1] = "memory"
                saw[#saw + 1] = mach.vm_deallocate(me, name, length)
            end
        end
        for _, name in ipairs(came) do
            mach.semaphore_destroy(me, name) -- if it is one
            mach.mach_port_deallocate(me, name)
        end
        if remote ~= 0 then
            mach.send{remote = remote, disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, id = 100}
        end
        return saw
    end, {port = port, elements = elements or 1})
    wait_until(port, "waiters", 1)
    return job
end

-- A message with the rights {name, disposition}, and the call that sends it.
local function call(bits, remote, reply, rights)
    local body = string.pack("<I4", #rights)
    for _, right in ipairs(rights) do
        body = body .. string.pack("<I4I4I2BB", right[1], 0, 0, right[2], 0)
    end
    local bytes = calls.message(bits, remote, bits & 0xff00 ~= 0 and reply or 0, 5, body)
    return (mach.mach_msg(bytes, mach.MACH_SEND_MSG | mach.MACH_RCV_MSG, #bytes, 1000, reply, 0, 0))
end

-- A send right whose receive right is not here.
local function far_right()
    local kr, semaphore = mach.semaphore_create(self, mach.SYNC_POLICY_FIFO, 0)
    must(kr, "semaphore_create")
    return semaphore
end

local function type_of(name) return select(2, mach.mach_port_type(self, name)) end

local function setup()
    calls.touch_buffer()
    return ports.both(), ports.both()
end

test("Each right arrives as what its disposition makes of it, and is counted.", function(t)
    local port, reply = setup()
    local mine, far = ports.both(), far_right()
    local job = server(port)
    t.eq(call(REQUEST, port, reply, {{mine, MAKE_ONCE}, {far, COPY_SEND}, {mine, MAKE_SEND},
                                     {ports.once(mine), MOVE_ONCE}}), 0)
    t.eq(seen(t, job), {0, COMPLEX | mach.MACH_MSGH_BITS(PORT_ONCE, PORT_SEND), 0,
                        PORT_ONCE, TYPE_ONCE, PORT_SEND, TYPE_SEND,
                        PORT_SEND, mach.MACH_PORT_TYPE_SEND_RECEIVE, PORT_ONCE, TYPE_ONCE})
    local info = ports.info(mine)
    t.eq({info.urefs, info.srights, info.mscount, info.sorights, info.queue_length}, {1, 1, 2, 2, 2},
         "two send-once rights were given up unused")
    ports.drain(mine)
    t.eq(ports.info(port).seqno, 1)
    ports.deallocate(far)
    ports.destroy(port, reply, mine)
end)

test("A right that is copied and moved by one message arrives twice.", function(t)
    local port, reply = setup()
    local far = far_right()
    local job = server(port)
    t.eq(call(REQUEST, port, reply, {{far, MOVE_SEND}, {far, COPY_SEND}}), 0)
    t.eq({table.unpack(seen(t, job), 4)}, {PORT_SEND, TYPE_SEND, PORT_SEND, TYPE_SEND})
    t.eq(mach.mach_port_type(self, far), mach.KERN_INVALID_NAME, "its only reference has moved")
    ports.destroy(port, reply)
end)

test("What a refused message was to move can be moved afterwards.", function(t)
    local port, reply = setup()
    local far, job = far_right(), server(port)
    for what, bad in pairs{["no name"] = {0x7ffff01, COPY_SEND}, ["twice"] = {false, MOVE_SEND},
                           ["no such right"] = {false, MOVE_ONCE}, ["a set"] = {reply, MOVE_ONCE}} do
        t.eq(call(REQUEST, port, reply, {{far, MOVE_SEND}, {bad[1] or far, bad[2]}}),
             mach.MACH_SEND_INVALID_RIGHT, what)
        t.eq({type_of(far), ports.info(reply).sorights}, {TYPE_SEND, 0}, what)
    end
    t.eq(call(REQUEST, port, reply, {{far, MOVE_SEND}}), 0)
    t.eq({table.unpack(seen(t, job), 4)}, {PORT_SEND, TYPE_SEND})
    ports.destroy(port, reply)
end)

test("A send-once right that carries the message cannot be in it.", function(t)
    local port, reply = setup()
    local job, once = server(port), ports.once(port)
    local answer = COMPLEX | mach.MACH_MSGH_BITS(MOVE_ONCE, 0)
    t.eq(call(answer, once, reply, {{once, MOVE_ONCE}}), mach.MACH_SEND_INVALID_RIGHT)
    t.eq({type_of(once), ports.info(port).sorights}, {TYPE_ONCE, 1})
    must(mach.send{remote = reply, disp = MAKE_SEND}, "something to receive")
    t.eq(call(answer, once, reply, {{reply, MAKE_SEND}}), 0)
    t.eq({table.unpack(seen(t, job), 2)},
         {COMPLEX | mach.MACH_MSGH_BITS(0, PORT_ONCE), 0, PORT_SEND,
          mach.MACH_PORT_TYPE_SEND_RECEIVE})
    ports.destroy(port, reply)
end)

test("More rights than a few, memory, and a count that is more than there is.", function(t)
    local port, reply = setup()
    local far, memory, made = far_right(), 0, {}
    local job = server(port)
    t.eq(call(REQUEST, port, reply, {{far, COPY_SEND}, {far, COPY_SEND}, {far, COPY_SEND},
                                     {far, COPY_SEND}, {far, MOVE_SEND}}), 0, "five")
    t.eq(#seen(t, job), 3 + 2 * 5, "five")
    local many = {}
    for i = 1, 60 do many[i] = {reply, MAKE_SEND} end
    job = server(port)
    t.eq(call(REQUEST, port, reply, many), 0, "sixty")
    t.eq(#seen(t, job), 3 + 2 * 60, "sixty")
    -- At an address that is a name as well.
    must((mach.vm_allocate(self, 0x1000, 0x1000, false)), "vm_allocate")
    while memory < 0x1000 do
        memory = ports.both()
        made[#made + 1] = memory
    end
    job = server(port)
    local region = string.pack("<I4I4BBBB", memory, 16, 0, mach.MACH_MSG_VIRTUAL_COPY, COPY_SEND,
                               mach.MACH_MSG_OOL_DESCRIPTOR)
    local right = string.pack("<I4I4I2BB", reply, 0, 0, MAKE_SEND, 0)
    local bytes = calls.message(REQUEST, port, reply, 5, string.pack("<I4", 2) .. region .. right)
    t.eq((calls.call(bytes, reply)), 0, "memory and a right")
    t.eq({table.unpack(seen(t, job), 4)}, {"memory", 0, PORT_SEND, mach.MACH_PORT_TYPE_SEND_RECEIVE})
    job = server(port)
    t.eq(call(REQUEST, port, reply, {{reply, MAKE_SEND}, {reply, MAKE_SEND}}), 0, "two")
    seen(t, job)
    job = server(port)
    bytes = calls.message(REQUEST, port, reply, 5, string.pack("<I4", 2) .. right)
    t.eq((calls.call(bytes, reply)), mach.MACH_SEND_MSG_TOO_SMALL)
    t.eq(ports.info(reply).srights, 1, "nothing was made")
    t.eq(call(REQUEST, port, reply, {}), 0, "none at all")
    t.eq(#seen(t, job), 3)
    must(mach.vm_deallocate(self, 0x1000, 0x1000), "vm_deallocate")
    ports.destroy(port, reply, table.unpack(made))
end)

test("Who asked to be told of a right's end is told that it has moved.", function(t)
    local port, reply = setup()
    local told, once = ports.allocate(), ports.once(reply)
    local job = server(port)
    must((mach.mach_port_request_notification(self, once, mach.MACH_NOTIFY_DEAD_NAME, 0, told,
                                              MAKE_ONCE)), "request_notification")
    local other = ports.both()
    t.eq(call(REQUEST, port, other, {{once, MOVE_ONCE}}), 0)
    t.eq({table.unpack(seen(t, job), 4)}, {PORT_ONCE, TYPE_ONCE})
    t.eq(ports.drain(told), {mach.MACH_NOTIFY_PORT_DELETED})
    -- The same of the right that a message is sent by: that is what this call receives.
    job, once = server(port), ports.once(port)
    must((mach.mach_port_request_notification(self, once, mach.MACH_NOTIFY_DEAD_NAME, 0, told,
                                              MAKE_ONCE)), "request_notification")
    t.eq(call(mach.MACH_MSGH_BITS(MOVE_ONCE, 0), once, told, {}), 0)
    t.eq({#seen(t, job), ports.drain(told)}, {3, {}})
    ports.destroy(port, reply, told, other)
end)

test("A right to a port that has died arrives as a dead name.", function(t)
    local port, reply = setup()
    local dead = ports.both()
    ports.kill(dead)
    local job = server(port, 0)
    t.eq(call(REQUEST, port, reply, {{dead, COPY_SEND}}), 0)
    t.eq(seen(t, job)[4], PORT_SEND)
    ports.deallocate(dead)
    ports.destroy(port, reply)
end)

test("Who has no room for message and trailer is told that the message is too large.", function(t)
    local port, reply = setup()
    for elements, room in pairs{[0] = 24 + 4, [1] = 24 + 8} do -- of 8 and of 12 bytes
        local job = spawn.thread(function()
            require "calls".touch_buffer()
            return (mach.mach_msg("", mach.MACH_RCV_MSG |
                                  mach.MACH_RCV_TRAILER_ELEMENTS(args.elements), 0, args.room,
                                  args.port, 0, 0))
        end, {port = port, elements = elements, room = room})
        wait_until(port, "waiters", 1)
        local bytes = calls.message(mach.MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE), port, reply, 5)
        local kr, got = calls.call(bytes, reply)
        t.eq({kr, calls.fields(got).id}, {0, mach.MACH_NOTIFY_SEND_ONCE}, "nobody will answer")
        t.eq(seen(t, job), mach.MACH_RCV_TOO_LARGE, elements .. " elements")
    end
    ports.destroy(port, reply)
end)

test("Who replies and receives from a set gets what waits there at once.", function(t)
    local port, member = setup()
    local set = ports.allocate(mach.MACH_PORT_RIGHT_PORT_SET)
    must(mach.mach_port_insert_member(self, member, set), "insert_member")
    must(mach.send{remote = member, disp = MAKE_SEND, id = 7}, "send")
    local job, once = server(port), ports.once(port)
    local kr, got = calls.call(calls.message(MOVE_ONCE, once, 0, 5, string.pack("<I4", 0)), set)
    t.eq({kr, calls.fields(got).id}, {0, 7})
    t.eq(#seen(t, job), 3)
    ports.destroy(port, member, set)
end)
