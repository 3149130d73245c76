-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 30
-- The classic exercises with ports between tasks: the queue limit as a bounded buffer, a server as
-- a monitor for readers and writers, forks as messages, a barber's waiting room as a queue. With
-- semaphores: synchronisation.lua.

local must, ports = require "must", require "ports"
local destroy, deallocate = ports.destroy, ports.deallocate
local finish = require "jobs".answers

local COPY_SEND = mach.MACH_MSG_TYPE_COPY_SEND

-- A port of ours with that queue limit, with a send right.
local function new_port(limit)
    local port = ports.both()
    ports.set_limit(port, limit)
    return port
end

test("A port is a bounded buffer: producers wait for room, each producer's items stay in order.",
function(t)
    local port, jobs = new_port(3), {}
    for id = 1, 3 do
        jobs[id] = spawn.task(function()
            for i = 1, 20 do
                local kr = mach.send{remote = args.port, disp = mach.MACH_MSG_TYPE_COPY_SEND,
                                     id = args.id * 1000 + i}
                if kr ~= 0 then return kr end
            end
            return 0
        end, {id = id}, {port = port})
    end
    local next_item, most = {1, 1, 1}, 0
    for n = 1, 60 do
        most = math.max(most, ports.info(port).queue_length)
        local kr, msg = mach.receive{port = port, timeout = 2000}
        t.eq(kr, 0, "item " .. n)
        local producer, item = msg.id // 1000, msg.id % 1000
        t.eq(item, next_item[producer], "next item of producer " .. producer)
        next_item[producer] = item + 1
        t.eq(msg.seqno, n - 1, "sequence number")
    end
    t.eq(finish(t, jobs, "producer"), {0, 0, 0}, "results")
    t.eq(most, 3, "most items inside")
    t.eq((mach.receive{port = port, timeout = 0}), mach.MACH_RCV_TIMED_OUT, "nothing is left")
    destroy(port)
end)

-- Requests to the monitor: 1 and 2 begin and end reading, 3 and 4 writing, 5 ends it.
local STOP = 5

test("A server as a monitor: readers together, writers alone, who waits is answered later.",
function(t)
    local port = new_port(64)
    local monitor = spawn.task(function()
        local readers, writing, waiting = 0, false, {}
        local violations, together = 0, 0
        local function answer(right)
            mach.send{remote = right, disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE}
        end
        local function admit() -- first come, first served
            while waiting[1] do
                local kind, right = waiting[1][1], waiting[1][2]
                if writing or (kind == 3 and readers > 0) then return end
                table.remove(waiting, 1)
                if kind == 3 then writing = true else readers = readers + 1 end
                if writing and readers > 0 then violations = violations + 1 end
                together = math.max(together, readers)
                answer(right)
            end
        end
        while true do
            local _, msg = mach.receive{port = args.port}
            if msg.id == 1 or msg.id == 3 then
                waiting[#waiting + 1] = {msg.id, msg.remote}
            elseif msg.id == 2 then
                readers = readers - 1
                answer(msg.remote)
            elseif msg.id == 4 then
                writing = false
                answer(msg.remote)
            else
                answer(msg.remote)
                return {readers, writing, #waiting, violations, together}
            end
            admit()
        end
    end, nil, {port = {port, mach.MACH_MSG_TYPE_MOVE_RECEIVE}})
    local jobs = {}
    for id = 1, 6 do
        jobs[id] = spawn.thread(function()
            local begin, stop = 1, 2
            if args.id > 4 then begin, stop = 3, 4 end
            for i = 1, 8 do
                mach.rpc{remote = args.port, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = begin}
                mach.clock_sleep(0, mach.TIME_RELATIVE,
                                 {tv_sec = 0, tv_nsec = (i * args.id % 3) * 400000})
                mach.rpc{remote = args.port, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = stop}
            end
            return 0
        end, {id = id, port = port})
    end
    finish(t, jobs, "client")
    must((mach.rpc{remote = port, disp = COPY_SEND, id = STOP, reply_timeout = 900}), "rpc")
    local ok, state = monitor:wait(900)
    t.eq({ok, state[1], state[2], state[3], state[4]}, {true, 0, false, 0, 0}, "at the end")
    t.ok(state[5] >= 2, "readers together: " .. state[5])
    deallocate(port)
end)

test("Forks as messages in ports: who takes the lower fork first eats, and so do all.", function(t)
    local forks, jobs = {}, {}
    for i = 1, 5 do
        forks[i] = new_port(1)
        must(mach.send{remote = forks[i], disp = COPY_SEND, id = i, timeout = 0}, "send")
    end
    for i = 1, 5 do
        -- Threads of one task can all receive from its ports.
        local a, b = math.min(i, i % 5 + 1), math.max(i, i % 5 + 1)
        jobs[i] = spawn.thread(function()
            local meals = 0
            for round = 1, 8 do
                local _, first = mach.receive{port = args.a}
                mach.clock_sleep(0, mach.TIME_RELATIVE,
                                 {tv_sec = 0, tv_nsec = round * args.id % 4 * 200000})
                local _, second = mach.receive{port = args.b}
                if first.id == args.a_id and second.id == args.b_id then meals = meals + 1 end
                mach.send{remote = args.b, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = second.id}
                mach.send{remote = args.a, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = first.id}
            end
            return meals
        end, {id = i, a = forks[a], b = forks[b], a_id = a, b_id = b})
    end
    t.eq(finish(t, jobs, "philosopher"), {8, 8, 8, 8, 8}, "meals")
    for i = 1, 5 do
        t.eq(ports.info(forks[i]).queue_length, 1, "fork " .. i .. " lies on the table")
        destroy(forks[i])
    end
end)

test("Sleeping barber: the waiting room is a queue, who finds it full leaves.", function(t)
    local room = new_port(2)
    local barber = spawn.task(function()
        local cut = 0
        while true do
            local _, msg = mach.receive{port = args.room}
            mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 0, tv_nsec = 2000000})
            mach.send{remote = msg.remote, disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, id = msg.id}
            if msg.id == 0 then return cut end
            cut = cut + 1
        end
    end, nil, {room = {room, mach.MACH_MSG_TYPE_MOVE_RECEIVE}})
    local jobs = {}
    for id = 1, 6 do
        jobs[id] = spawn.thread(function()
            local cut, left, me = 0, 0, mach.mach_task_self()
            for i = 1, 6 do
                local kr, msg = mach.rpc{remote = args.room, disp = mach.MACH_MSG_TYPE_COPY_SEND,
                                         id = args.id, timeout = 0}
                if kr == 0 and msg.id == args.id then
                    cut = cut + 1
                elseif kr == mach.MACH_SEND_TIMED_OUT then
                    left = left + 1
                    mach.mach_port_deallocate(me, msg.remote) -- came back with the message
                end
                mach.clock_sleep(0, mach.TIME_RELATIVE,
                                 {tv_sec = 0, tv_nsec = i * args.id % 5 * 1000000})
            end
            return {cut, left}
        end, {room = room, id = id})
    end
    local cut, left = 0, 0
    for _, result in ipairs(finish(t, jobs, "guest")) do
        cut, left = cut + result[1], left + result[2]
    end
    must((mach.rpc{remote = room, disp = COPY_SEND, id = 0, reply_timeout = 900}), "rpc")
    t.eq({barber:wait(900)}, {true, cut}, "haircuts as the barber counts them")
    t.eq(cut + left, 36, "visits")
    t.ok(cut > 0 and left > 0, ("%d cut, %d left"):format(cut, left))
    deallocate(room)
end)

test("A pipeline of tasks hands each number on, in order: a sieve of primes.", function(t)
    local out, tasks = new_port(64), {}
    -- Each stage keeps the first number it gets and passes on what that does not divide.
    local stage = string.dump(function()
        local first
        while true do
            local _, msg = mach.receive{port = args.from}
            local n = msg.id
            if n ~= 0 and not first then
                first = n
                mach.send{remote = args.out, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = n}
            elseif n == 0 or n % first ~= 0 then
                mach.send{remote = args.to, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = n}
                if n == 0 then return first end
            end
        end
    end)
    local links = {}
    for i = 1, 6 do links[i] = new_port(8) end
    for i = 1, 5 do
        tasks[i] = spawn.task(stage, nil, {from = {links[i], mach.MACH_MSG_TYPE_MOVE_RECEIVE},
                                           to = links[i + 1], out = out})
    end
    local rest = spawn.thread(function()
        local list = {}
        while true do
            local _, msg = mach.receive{port = args.port}
            if msg.id == 0 then return list end
            list[#list + 1] = msg.id
        end
    end, {port = links[6]})
    for n = 2, 40 do must(mach.send{remote = links[1], disp = COPY_SEND, id = n}, "send") end
    must(mach.send{remote = links[1], disp = COPY_SEND, id = 0}, "send")
    t.eq(finish(t, tasks, "stage"), {2, 3, 5, 7, 11}, "primes of the stages")
    t.eq({rest:wait(900)}, {true, {13, 17, 19, 23, 29, 31, 37}}, "what is left")
    for _, prime in ipairs{2, 3, 5, 7, 11} do
        t.eq(select(2, mach.receive{port = out, timeout = 0}).id, prime, "as they were found")
    end
    destroy(table.unpack(links))
    destroy(out)
end)
