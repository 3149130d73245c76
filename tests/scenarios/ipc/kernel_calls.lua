-- SPDX-License-Identifier: BSD-2-Clause
-- Sending to an object of the kernel and receiving its answer in one call, the kernel's short way
-- of its own calls: it ends as a send and then a receive would, whatever happens to the reply port.

local must, ports, tasks = require "must", require "ports", require "tasks"
local semaphores, threads, seen = require "semaphores", require "threads", require "jobs".answer
local calls = require "calls"
local message, fields = calls.message, calls.fields
local allocate, destroy, wait_until = ports.allocate, ports.destroy, ports.wait_until

local self = mach.mach_task_self()
local SET = mach.MACH_PORT_RIGHT_PORT_SET
local MAKE_SEND, COPY_SEND = mach.MACH_MSG_TYPE_MAKE_SEND, mach.MACH_MSG_TYPE_COPY_SEND
local MAKE_ONCE = mach.MACH_MSG_TYPE_MAKE_SEND_ONCE
local NDR = string.pack("<I8", 0)

-- What a call came to, without the names that differ.
local function outcome(kr, bytes)
    if kr ~= 0 then return {kr} end
    local got = fields(bytes)
    return {kr, bits = got.bits, id = got.id, size = got.size, seqno = got.seqno, body = got.body}
end

local BOTH_WAYS = {0, mach.MACH_SEND_TIMEOUT} -- with the second, the kernel takes the long one

test("Whatever a kernel call does to its own reply port, it ends as a send and a receive would.",
function(t)
    local chosen = 0x123456
    local cases = {
        {"renamed", 3202, function(reply) return reply, chosen end},
        {"destroyed", 3205, function(reply) return reply end},
        {"its receive right given up", 3208, function(reply) return reply, 1, -1 end},
        {"its sequence number set", 3218, function(reply) return reply, 77 end},
        {"its make-send count set", 3211, function(reply) return reply, 5 end},
        {"put into a set", 3231, function(reply, set) return reply, set end},
        {"a name made beside it", 3203, function() return 1, chosen end},
        {"nothing: no such routine", 3299, function() return 0 end},
        {"nothing: too many arguments", 3205, function(reply) return reply, 1 end},
    }
    for _, case in ipairs(cases) do
        local what, id, arguments = table.unpack(case)
        local found = {}
        for i, option in ipairs(BOTH_WAYS) do
            local reply, set = allocate(), allocate(SET)
            local body = NDR
            for _, word in ipairs{arguments(reply, set)} do
                body = body .. string.pack("<i4", word)
            end
            local bytes = message(mach.MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE), self, reply, id, body)
            option = option | mach.MACH_SEND_MSG | mach.MACH_RCV_MSG |
                mach.MACH_RCV_TRAILER_ELEMENTS(1)
            local kr, got = mach.mach_msg(bytes, option, #bytes, 200, reply, 0, 0)
            local there = ports.type_of(reply) ~= ports.NOTHING and reply or chosen
            local _, info = mach.minato_port_info(self, there)
            found[i] = {outcome(kr, got), ports.type_of(reply), ports.type_of(chosen),
                        info and {info.seqno, info.sorights, info.queue_length, info.mscount}}
            for _, name in ipairs{reply, set, chosen} do mach.mach_port_destroy(self, name) end
        end
        t.eq(found[1], found[2], what)
    end
end)

test("A kernel call that waits finds its reply port as it is then.", function(t)
    local other = tasks.create()
    for what, change in pairs{
        ["nothing"] = function() end,
        ["a message comes"] = function(reply)
            must(mach.send{remote = reply, disp = MAKE_SEND}, "send")
        end,
        ["it dies"] = destroy,
        ["it goes into a set"] = function(reply, set)
            must(mach.mach_port_insert_member(self, reply, set), "insert_member")
        end,
        ["it gets another name"] = function(reply)
            must(mach.mach_port_rename(self, reply, 0x123456), "rename")
        end,
        ["it goes to another task, where it has the same name"] = function(reply)
            must(mach.mach_port_insert_right(other, reply, reply, mach.MACH_MSG_TYPE_MOVE_RECEIVE),
                 "insert_right")
        end,
        ["another thread waits for it"] = function(reply)
            local job = spawn.thread(function()
                local kr, msg = mach.receive{port = args.reply}
                mach.send{remote = args.reply, disp = mach.MACH_MSG_TYPE_MAKE_SEND, id = 77}
                return {kr, msg.id}
            end, {reply = reply})
            wait_until(reply, "waiters", 1)
            return job
        end,
    } do
        local found = {}
        for i, option in ipairs(BOTH_WAYS) do
            local semaphore, reply, set = semaphores.create(), allocate(), allocate(SET)
            local job = spawn.thread(function()
                local bytes = string.pack("<I4I4I4I4I4i4", mach.MACH_MSGH_BITS(
                    mach.MACH_MSG_TYPE_COPY_SEND, mach.MACH_MSG_TYPE_MAKE_SEND_ONCE), 0,
                    args.semaphore, args.reply, 0, 617004)
                local kr, got = mach.mach_msg(bytes, mach.MACH_SEND_MSG | mach.MACH_RCV_MSG |
                                              args.option, 24, 200, args.reply, 0, 0)
                return {kr, string.unpack("<I4I4", got), (string.unpack("<i4", got, 21))}
            end, {semaphore = semaphore, reply = reply, option = option})
            threads.wait_until_waiting(job.thread)
            local also = change(reply, set)
            must(mach.semaphore_signal(semaphore), "signal")
            found[i] = {job:wait(900)}
            if also then found[i][3] = seen(t, also) end
            mach.mach_port_destroy(other, reply)
            for _, name in ipairs{reply, set, 0x123456} do mach.mach_port_destroy(self, name) end
            semaphores.destroy(semaphore)
        end
        t.eq(found[1][1], true, what .. ": it returns")
        t.eq(found[1], found[2], what)
    end
    tasks.terminate(other)
end)

test("An answer that comes to lie in a queue is paid for by whoever asked.", function(t)
    local function used() return select(3, mach.minato_task_get_limits(self)).message_bytes end
    local chosen, found = 0x123456, {}
    for i, option in ipairs(BOTH_WAYS) do
        local reply, before = allocate(), used()
        local bytes = message(mach.MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE), self, reply, 3202,
                              NDR .. string.pack("<I4I4", reply, chosen))
        local kr = mach.mach_msg(bytes, option | mach.MACH_SEND_MSG | mach.MACH_RCV_MSG, #bytes, 200,
                                 reply, 0, 0)
        found[i] = {kr, used() - before}
        destroy(chosen)
        t.eq(used(), before, "once the port is gone")
    end
    t.eq(found[1], found[2], "the same both ways")
    t.ok(found[1][2] > 512, "paid: " .. found[1][2])
end)

test("A kernel reply needs room for its trailer, too.", function(t)
    for _, case in ipairs{{35, mach.MACH_RCV_TOO_LARGE}, {36, mach.MACH_RCV_TOO_LARGE},
                          {43, mach.MACH_RCV_TOO_LARGE}, {44, 0}, {48, 0}} do
        for _, option in ipairs(BOTH_WAYS) do
            local reply = allocate()
            local bytes = message(mach.MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE), self, reply, 3299)
            t.eq((mach.mach_msg(bytes, mach.MACH_SEND_MSG | mach.MACH_RCV_MSG | option, #bytes,
                                case[1], reply, 0, 0)), case[2], "room for " .. case[1])
            destroy(reply)
        end
    end
end)
