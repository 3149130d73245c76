-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 60
-- The kernel has no memory for another message, but that of messages which have just been received.
-- Who calls the kernel then must not wait for ever: the answer comes in the request's own memory.
-- And the end of a task is heard of: its memory is free by then. Contracts: mach_msg,
-- MACH_SEND_NO_BUFFER; KERN_RESOURCE_SHORTAGE of every kernel call; MACH_NOTIFY_DEAD_NAME.

local ports, tasks, memory = require "ports", require "tasks", require "memory"
local notifications, objects = require "notifications", require "counts".objects

local self = mach.mach_task_self()
local MAKE_SEND, COPY_SEND = mach.MACH_MSG_TYPE_MAKE_SEND, mach.MACH_MSG_TYPE_COPY_SEND
local host = mach.mach_host_self()
local MAKE_ONCE = mach.MACH_MSG_TYPE_MAKE_SEND_ONCE
local NO_BUFFER = mach.MACH_SEND_NO_BUFFER

-- Messages for blocks of the kernel's pages from the largest down, and one like those of a call.
local bodies, small = {}, ("."):rep(100)
for i, size in ipairs{60000, 28000, 12000, 6000, 3000} do bodies[i] = ("."):rep(size) end

local function sink()
    local port = ports.allocate()
    ports.set_limit(port, 1024)
    return port
end

-- Sends up to `most` messages with the body; the code of the one that is refused.
local function stuff(port, body, most)
    for _ = 1, most do
        local kr = mach.send{remote = port, disp = MAKE_SEND, body = body, timeout = 0}
        if kr ~= 0 then return kr end
    end
end

-- Takes all memory there is for messages; `most`: how many of each size may be needed. What this
-- returns holds it; the messages in `smalls` are of the size of calls.
local function fill(extra, most)
    local full = {sinks = {sink(), sink(), sink(), sink()}, smalls = sink(), keeper = sink()}
    -- Keeps a page of the smallest blocks: a message with a descriptor needs one for a while.
    mach.send{remote = full.keeper, disp = MAKE_SEND, ool_ports = {{{extra}, MAKE_SEND}}}
    local pages = ("."):rep(4 << 20) -- for the tables that follow
    pages = nil
    collectgarbage()
    for _, body in ipairs(bodies) do
        for _, port in ipairs(full.sinks) do
            if stuff(port, body, most) ~= mach.MACH_SEND_TIMED_OUT then break end -- it was full
        end
    end
    full.refused = stuff(full.smalls, small, most)
    return full
end

-- Gives back the memory of one message.
local function free_one(full) return (mach.receive{port = full.smalls, timeout = 0}) end

local function empty(full)
    free_one(full) -- for the replies to what follows; in the debug build these are of other sizes:
    for _ = 1, 10 do mach.receive{port = full.sinks[1], timeout = 0} end
    ports.destroy(full.smalls, full.keeper, table.unpack(full.sinks))
end

-- Calls this task's port with a right in the message, which no routine takes, when there is memory
-- for the request alone.
local function call_without_memory(reply, extra, most)
    local full, got = fill(extra, most), {}
    got.nothing = mach.send{remote = self, disp = COPY_SEND, id = 1}
    got.freed = free_one(full)
    got.sent = mach.send{remote = self, disp = COPY_SEND, local_port = reply, id = 1,
                         local_disp = MAKE_ONCE, ports = {{extra, MAKE_SEND}}}
    got.kr, got.reply = mach.receive{port = reply, timeout = 100}
    empty(full)
    got.filled = full.refused
    return got
end

test("Without memory for its reply a kernel call answers KERN_RESOURCE_SHORTAGE and leaks nothing.",
function(t)
    local reply, extra = ports.allocate(), ports.allocate()
    local rehearsal = call_without_memory(reply, extra, 2) -- what Lua needs of memory, it has then
    t.eq({rehearsal.kr, rehearsal.reply.id, rehearsal.reply.body:sub(9)},
         {0, 101, string.pack("<i4", mach.MIG_BAD_ID)}, "with memory: no such routine")
    local before = objects()
    local got = call_without_memory(reply, extra, 2000)
    t.eq({got.filled, got.nothing, got.freed, got.sent}, {NO_BUFFER, NO_BUFFER, 0, 0},
         "one message freed, one sent")
    t.eq(got.kr, 0, "there is a reply")
    if got.kr == 0 then
        t.eq({got.reply.id, got.reply.body:sub(9)},
             {101, string.pack("<i4", mach.KERN_RESOURCE_SHORTAGE)}, "which says why")
    end
    t.eq(ports.send_rights(extra), 0, "the right in the request is gone")
    t.eq(objects(), before, "objects")
    ports.destroy(reply, extra)
end)

-- Ends a task, which has memory, when there is some for the call and its reply alone, and those who
-- were `told` of something before have used up what the kernel keeps.
local function end_without_memory(notify, extra, told, most)
    local task, crowd, holder = tasks.create(), ports.allocate(), sink()
    memory.write(memory.allocate(0x10000, task), ("x"):rep(0x10000), task)
    notifications.ask(task, mach.MACH_NOTIFY_DEAD_NAME, notify)
    local rights = {}
    for i = 1, told do rights[i] = crowd end
    mach.send{remote = holder, disp = MAKE_SEND, ool_ports = {{rights, MAKE_ONCE}}}
    rights = {}
    for i = 1, 50 do rights[i] = ports.once(crowd) end -- for the memory of that message
    local full, got = fill(extra, most), {}
    free_one(full)
    free_one(full)
    got.killed = mach.mach_port_mod_refs(self, holder, mach.MACH_PORT_RIGHT_RECEIVE, -1)
    for _, right in ipairs(rights) do mach.mach_port_deallocate(self, right) end
    free_one(full)
    free_one(full)
    local kr, statistics = mach.host_statistics(host, mach.HOST_VM_INFO)
    got.free = kr == 0 and statistics.free_count -- in the debug build messages have other sizes: no answer
    got.ended = mach.task_terminate(task)
    got.kr, got.told = mach.receive{port = notify, timeout = 100}
    empty(full)
    if got.ended == NO_BUFFER then -- in the debug build: not even the call could be made
        got.ended = mach.task_terminate(task)
        got.kr, got.told = mach.receive{port = notify, timeout = 100}
    end
    got.queued = ports.info(crowd).queue_length
    for _, right in ipairs(rights) do mach.mach_port_deallocate(self, right) end -- that are left
    ports.destroy(crowd)
    ports.deallocate(task, task) -- a reference came with the notification
    return got
end

test("Without memory for a notification the end of a task is heard of: it leaves its own.",
function(t)
    local notify, extra = ports.allocate(), ports.allocate()
    local rehearsal = end_without_memory(notify, extra, 2000, 2)
    t.eq(rehearsal.queued, 2050, "with memory all are told")
    local got = end_without_memory(notify, extra, 2000, 2000)
    t.ok(got.killed == 0 and got.queued < 2000, "no more than " .. got.queued .. " were told")
    if got.free then t.ok(got.free >= 50, ("%d pages are left to the servers"):format(got.free)) end
    t.eq({got.ended, got.kr, got.told and got.told.id}, {0, 0, mach.MACH_NOTIFY_DEAD_NAME})
    ports.destroy(notify, extra)
end)

-- Kills a port that somebody watches, when there is memory for the call and its reply alone.
local function kill_without_memory(notify, extra, most)
    local port = ports.allocate()
    notifications.ask(port, mach.MACH_NOTIFY_DEAD_NAME, notify)
    local full, got = fill(extra, most), {}
    free_one(full)
    free_one(full)
    got.killed = mach.mach_port_mod_refs(self, port, mach.MACH_PORT_RIGHT_RECEIVE, -1)
    got.kr, got.told = mach.receive{port = notify, timeout = 100}
    empty(full)
    return got
end

test("Without memory for a notification it comes all the same: the kernel keeps some for its own.",
function(t)
    local notify, extra = ports.allocate(), ports.allocate()
    kill_without_memory(notify, extra, 2)
    local got = kill_without_memory(notify, extra, 2000)
    t.eq({got.killed, got.kr, got.told and got.told.id}, {0, 0, mach.MACH_NOTIFY_PORT_DELETED})
    ports.destroy(notify, extra)
end)
