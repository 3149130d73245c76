-- SPDX-License-Identifier: BSD-2-Clause
-- The kernel behind its ports: unknown message ids, malformed requests, objects of the wrong kind,
-- requests without reply port. It answers and goes on; what came with a bad request is dropped.

local must, ports, objects = require "must", require "ports", require "counts".objects
local semaphores = require "semaphores"
local allocate, destroy, space = ports.allocate, ports.destroy, ports.space

local self, host = mach.mach_task_self(), mach.mach_host_self()
local RECEIVE, DEAD_NAME = mach.MACH_PORT_RIGHT_RECEIVE, mach.MACH_PORT_RIGHT_DEAD_NAME
local MAKE_SEND, COPY_SEND, MOVE_SEND = mach.MACH_MSG_TYPE_MAKE_SEND,
    mach.MACH_MSG_TYPE_COPY_SEND, mach.MACH_MSG_TYPE_MOVE_SEND
local MAKE_ONCE = mach.MACH_MSG_TYPE_MAKE_SEND_ONCE
local NDR = string.pack("<BBBBBBBB", 0, 0, 0, 0, 1, 0, 0, 0)

-- Calls a kernel port with a hand-made request; gives the return code in the reply, and the reply.
local function call(port, id, body, fields)
    fields = fields or {}
    fields.remote, fields.disp, fields.id, fields.body = port, COPY_SEND, id, body
    fields.reply_timeout = 500
    local kr, msg = mach.rpc(fields)
    if kr ~= 0 then return "no reply: " .. mach.error_string(kr), msg end
    if msg.id ~= (id + 100 + 0x80000000) % 0x100000000 - 0x80000000 then
        return "reply id " .. msg.id, msg
    end
    if #msg.body < 12 then return "a reply of " .. #msg.body .. " bytes", msg end
    return (string.unpack("<i4", msg.body, 9)), msg
end

test("MIG_BAD_ID: every id that no routine has, on every kind of port.", function(t)
    local sem, thread = semaphores.create(), mach.mach_thread_self()
    local kr, clock = mach.host_get_clock_service(host, mach.REALTIME_CLOCK)
    must(kr, "host_get_clock_service")
    local before = space()
    for what, port in pairs{task = self, thread = thread, host = host, sem = sem, clock = clock} do
        for _, id in ipairs{0, 1, 71, 100, 1999, 2103, 2999, 3199, 3209, 3210, 3217, 3221, 3228,
                            3233, 4199, 4299, 616999, 617099, 3125099, 999999999, 0x7fffff9b, -1,
                            -2147483648, -303} do
            t.eq(call(port, id, NDR), mach.MIG_BAD_ID, ("%s, id %d"):format(what, id))
        end
    end
    t.eq(space(), before, "names")
    semaphores.destroy(sem)
    ports.deallocate(clock)
end)

test("MIG_BAD_ARGUMENTS: a request that is too short, too long or complex for no reason.",
function(t)
    local name = allocate()
    local before = space()
    local good = NDR .. string.pack("<I4", name)
    for length = 0, #good - 4, 4 do
        t.eq(call(self, 3201, good:sub(1, length)), mach.MIG_BAD_ARGUMENTS, length .. " bytes")
    end
    for _, more in ipairs{4, 8, 100, 4000} do
        t.eq(call(self, 3201, good .. ("\0"):rep(more)), mach.MIG_BAD_ARGUMENTS,
             more .. " bytes more")
    end
    t.eq(call(self, 3201, good, {ports = {{name, MAKE_SEND}}}), mach.MIG_BAD_ARGUMENTS, "a right")
    t.eq(call(self, 3201, good, {ool = {{data = "x"}}}), mach.MIG_BAD_ARGUMENTS, "memory")
    t.eq(call(self, 3201, good), 0, "the good one")
    t.eq(space(), before, "names")
    destroy(name)
end)

test("MIG_BAD_ARGUMENTS: an array that says it is longer than the message.", function(t)
    local port = allocate()
    local function request(count, words)
        return NDR .. string.pack("<I4I4I4", port, mach.MACH_PORT_LIMITS_INFO, count) ..
            string.pack("<I4", 9):rep(words)
    end
    for _, case in ipairs{{2, 1}, {10, 1}, {11, 11}, {100, 1}, {0x40000001, 1}, {0xffffffff, 1}} do
        t.eq(call(self, 3220, request(case[1], case[2])), mach.MIG_BAD_ARGUMENTS,
             ("%d elements said, %d there"):format(case[1], case[2]))
    end
    local _, limits = mach.mach_port_get_attributes(self, port, mach.MACH_PORT_LIMITS_INFO)
    t.eq(limits, {mpl_qlimit = mach.MACH_PORT_QLIMIT_DEFAULT}, "the limit")
    t.eq(call(self, 3220, request(1, 1)), 0, "the good one")
    destroy(port)
end)

test("What comes with a bad request is dropped: rights are released, memory is freed.", function(t)
    local a, b, c = allocate(), allocate(), allocate()
    ports.make_send(a)
    for _, id in ipairs{1999, 3201} do -- no routine; a routine that takes no rights
        t.ok(call(self, id, NDR .. "four", {ports = {{a, MOVE_SEND}, {b, MAKE_ONCE}},
                                            ool = {{data = ("x"):rep(10000)}},
                                            ool_ports = {{{c}, MAKE_ONCE}}}) ~= 0, "refused")
        local _, info = mach.minato_port_info(self, a)
        t.eq({info.type, info.srights}, {mach.MACH_PORT_TYPE_RECEIVE, 0}, "the send right")
        for _, port in ipairs{b, c} do
            local kr, msg = mach.receive{port = port, timeout = 0}
            t.eq({kr, msg.id}, {0, mach.MACH_NOTIFY_SEND_ONCE}, "a send-once right")
        end
        ports.make_send(a)
    end
    destroy(a, b, c)
end)

test("MIG_BAD_ARGUMENTS: a disposition or descriptor that does not fit the routine's argument.",
function(t)
    local port, notify = allocate(), allocate()
    local body = NDR .. string.pack("<I4i4I4", port, mach.MACH_NOTIFY_PORT_DESTROYED, 0)
    t.eq(call(self, 3214, body, {ports = {{notify, MAKE_SEND}}}), mach.MIG_BAD_ARGUMENTS,
         "a send right as send-once right")
    t.eq(call(self, 3214, body, {ool = {{data = "x"}}}), mach.MIG_BAD_ARGUMENTS,
         "memory as a right")
    local _, info = mach.minato_port_info(self, notify)
    t.eq({info.type, info.srights}, {mach.MACH_PORT_TYPE_RECEIVE, 0}, "it was released")
    local _, status = mach.mach_port_get_attributes(self, port, mach.MACH_PORT_RECEIVE_STATUS)
    t.eq(status.mps_pdrequest, false, "nothing was registered")
    destroy(port, notify)
end)

test("A call on an object of another kind does nothing and says so.", function(t)
    local sem = semaphores.create()
    local thread = mach.mach_thread_self()
    local before = space()
    for what, port in pairs{thread = thread, host = host, sem = sem} do
        t.eq(mach.mach_port_allocate(port, RECEIVE), mach.KERN_INVALID_TASK, "allocate on " .. what)
        t.eq(mach.mach_port_destroy(port, sem), mach.KERN_INVALID_TASK, "destroy on " .. what)
        t.eq(mach.mach_port_type(port, sem), mach.KERN_INVALID_TASK, "type on " .. what)
        t.eq(mach.task_suspend(port), mach.KERN_INVALID_ARGUMENT, "task_suspend on " .. what)
    end
    for what, port in pairs{task = self, host = host, sem = sem} do
        t.eq(mach.thread_suspend(port), mach.KERN_INVALID_ARGUMENT, "thread_suspend on " .. what)
    end
    for what, port in pairs{task = self, thread = thread, host = host} do
        t.eq(mach.semaphore_signal(port), mach.KERN_INVALID_ARGUMENT, "signal on " .. what)
    end
    t.eq(space(), before, "names")
    semaphores.destroy(sem)
end)

test("A name that is nothing is MACH_SEND_INVALID_DEST for every call on an object.", function(t)
    local stale = allocate(DEAD_NAME)
    destroy(stale)
    local dead = allocate(DEAD_NAME)
    for what, name in pairs{null = 0, DEAD = 0xffffffff, stale = stale, dead = dead} do
        t.eq(mach.mach_port_allocate(name, RECEIVE), mach.MACH_SEND_INVALID_DEST,
             "allocate " .. what)
        t.eq(mach.mach_port_deallocate(name, 5), mach.MACH_SEND_INVALID_DEST, "deallocate " .. what)
        t.eq(mach.mach_port_names(name), mach.MACH_SEND_INVALID_DEST, "names " .. what)
        t.eq(mach.mach_port_insert_right(name, 0x100, self, COPY_SEND), mach.MACH_SEND_INVALID_DEST,
             "insert_right " .. what)
        t.eq(mach.vm_allocate(name, 0, 4096, true), mach.MACH_SEND_INVALID_DEST,
             "vm_allocate " .. what)
        t.eq(mach.task_suspend(name), mach.MACH_SEND_INVALID_DEST, "task_suspend " .. what)
        t.eq(mach.thread_suspend(name), mach.MACH_SEND_INVALID_DEST, "thread_suspend " .. what)
        t.eq(mach.semaphore_signal(name), mach.MACH_SEND_INVALID_DEST, "semaphore_signal " .. what)
    end
    destroy(dead)
end)

test("A request without reply port is served all the same.", function(t)
    local dead = allocate(DEAD_NAME)
    must(mach.mach_port_mod_refs(self, dead, DEAD_NAME, 4), "mod_refs")
    t.eq(mach.send{remote = self, disp = COPY_SEND, id = 3206,
                   body = NDR .. string.pack("<I4", dead)}, 0, "mach_port_deallocate")
    local _, refs = mach.mach_port_get_refs(self, dead, DEAD_NAME)
    t.eq(refs, 4, "references")
    for _, id in ipairs{1999, 3201} do
        t.eq(mach.send{remote = self, disp = COPY_SEND, id = id, body = NDR}, 0, "a bad one")
    end
    destroy(dead)
end)

test("A request whose reply port is dead is served all the same.", function(t)
    local dead, reply = allocate(DEAD_NAME), allocate(DEAD_NAME)
    must(mach.mach_port_mod_refs(self, dead, DEAD_NAME, 4), "mod_refs")
    t.eq(mach.send{remote = self, disp = COPY_SEND, id = 3206, local_port = reply,
                   local_disp = MOVE_SEND, body = NDR .. string.pack("<I4", dead)}, 0, "send")
    local _, refs = mach.mach_port_get_refs(self, dead, DEAD_NAME)
    t.eq(refs, 4, "references")
    destroy(dead)
end)

test("The reply comes to a send right as well as to a send-once right, even to a full queue.",
function(t)
    local reply, dead = allocate(), allocate(DEAD_NAME)
    must(mach.mach_port_mod_refs(self, dead, DEAD_NAME, 9), "mod_refs")
    ports.set_limit(reply, 1)
    for _ = 1, 3 do
        t.eq(mach.send{remote = self, disp = COPY_SEND, id = 3206, local_port = reply,
                       local_disp = MAKE_SEND, body = NDR .. string.pack("<I4", dead)}, 0, "send")
    end
    for i = 1, 3 do
        local kr, msg = mach.receive{port = reply, timeout = 0}
        t.eq({kr, msg.id, string.unpack("<i4", msg.body, 9)}, {0, 3306, 0, 13}, "reply " .. i)
        t.eq(msg.bits, mach.MACH_MSGH_BITS(0, mach.MACH_MSG_TYPE_PORT_SEND), "its bits")
    end
    destroy(reply, dead)
end)

test("Nobody but the kernel receives from its ports, and nobody makes rights of them.", function(t)
    local port = allocate()
    for what, name in pairs{task = self, thread = mach.mach_thread_self(), host = host} do
        t.eq(mach.receive{port = name, timeout = 0}, mach.MACH_RCV_INVALID_NAME, "receive " .. what)
        for _, disposition in ipairs{MAKE_SEND, MAKE_ONCE, mach.MACH_MSG_TYPE_MOVE_RECEIVE} do
            t.eq(mach.send{remote = port, disp = MAKE_SEND, ports = {{name, disposition}}},
                 mach.MACH_SEND_INVALID_RIGHT, ("%s, disposition %d"):format(what, disposition))
        end
        t.eq(mach.mach_port_set_mscount(self, name, 1), mach.KERN_INVALID_RIGHT, "mscount " .. what)
    end
    destroy(port)
end)

test("A task's port can be handed to another task, which then acts for it.", function(t)
    local job = spawn.task(function()
        local kr, name = mach.mach_port_allocate(args.task, mach.MACH_PORT_RIGHT_RECEIVE)
        return {kr, name}
    end, {}, {task = {self, COPY_SEND}})
    local ok, got = job:wait(900)
    t.eq({ok, got[1]}, {true, 0}, "the other task")
    local kr, kind = mach.mach_port_type(self, got[2])
    t.eq({kr, kind}, {0, mach.MACH_PORT_TYPE_RECEIVE}, "the right is here")
    destroy(got[2])
end)

test("A thousand bad requests leave the kernel as it was.", function(t)
    local before = objects()
    local port = allocate()
    for i = 1, 1000 do
        mach.send{remote = self, disp = COPY_SEND, id = 3200 + i % 40, local_port = port,
                  local_disp = MAKE_ONCE, body = ("?"):rep(4 * (i % 9)),
                  ports = i % 3 == 0 and {{port, MAKE_SEND}} or nil}
        mach.receive{port = port, timeout = 0}
    end
    destroy(port)
    t.eq(objects(), before, "what is in the kernel")
end)
