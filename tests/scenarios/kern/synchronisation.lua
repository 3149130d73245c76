-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 30
-- The classic exercises with semaphores: mutual exclusion, bounded buffer, readers and writers,
-- dining philosophers, sleeping barber, rendezvous, barrier, ordered turns. Their threads share a
-- page of memory, which they read and write through vm_read and vm_write, with a pause in the
-- middle of each step, so that a lock that does not lock is found out. With messages:
-- synchronisation_messages.lua.

local must, semaphores, threads = require "must", require "semaphores", require "threads"
local memory, sleep = require "memory", require "clock".sleep
local destroy, finish = semaphores.destroy, require "jobs".answers

local function semaphore(value, policy) return semaphores.create(policy, value) end

local function shared_page() return memory.allocate(4096) end
local function free_page(page) memory.release(page, 4096) end
local function get(page, i) return (string.unpack("<i4", memory.read(page + 4 * i, 4))) end
local function set(page, i, n) memory.write(page + 4 * i, string.pack("<i4", n)) end

-- What every thread of an exercise begins with: functions on the shared page, semaphores, pauses.
local PRELUDE = [[
    local me = mach.mach_task_self()
    local function get(i)
        return (string.unpack("<i4", select(2, mach.vm_read(me, args.page + 4 * i, 4))))
    end
    local function set(i, n) mach.vm_write(me, args.page + 4 * i, string.pack("<i4", n)) end
    local function P(sem) assert(mach.semaphore_wait(sem) == 0) end
    local function V(sem) assert(mach.semaphore_signal(sem) == 0) end
    local state = args.seed * 7919 + 1
    local function random(n)
        state = (state * 1103515245 + 12345) & 0x7fffffff
        return (state >> 8) % n
    end
    local function pause()
        mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 0, tv_nsec = random(3) * 300000})
    end
]]

-- Starts n threads with the same code; args has `page`, `id` (1 … n), `seed` and what `values` has.
local function start(n, page, values, code)
    local jobs = {}
    for id = 1, n do
        local args = {page = page, id = id, seed = id}
        for key, value in pairs(values) do args[key] = value end
        jobs[id] = spawn.thread(PRELUDE .. code, args)
    end
    return jobs
end

for _, policy in ipairs{{"FIFO", mach.SYNC_POLICY_FIFO},
                        {"priority", mach.SYNC_POLICY_FIXED_PRIORITY},
                        {"random", mach.SYNC_POLICY_RANDOM}} do
    test(("A binary semaphore excludes: no increment is lost, none is inside twice (%s)."):format(
             policy[1]),
         function(t)
        local page, mutex = shared_page(), semaphore(1, policy[2])
        local jobs = start(5, page, {mutex = mutex}, [[
            for _ = 1, 12 do
                P(args.mutex)
                set(1, get(1) + 1)                       -- inside
                if get(1) ~= 1 then set(2, get(2) + 1) end
                local n = get(0)
                pause()
                set(0, n + 1)
                set(1, get(1) - 1)
                V(args.mutex)
            end
        ]])
        finish(t, jobs, "thread")
        t.eq({get(page, 0), get(page, 2)}, {60, 0}, "increments; times with two inside")
        destroy(mutex)
        free_page(page)
    end)
end

test("Without the semaphore the same threads lose increments: the exercise can fail.", function(t)
    local page = shared_page()
    finish(t, start(5, page, {}, [[
        for _ = 1, 12 do
            local n = get(0)
            pause()
            set(0, n + 1)
        end
    ]]), "thread")
    t.ok(get(page, 0) < 60, "increments: " .. get(page, 0))
    free_page(page)
end)

test("Bounded buffer: every item arrives once, never more than fit, none before it was put.",
function(t)
    for _, slots in ipairs{1, 3} do
        -- words: 0 items inside, 1 most ever, 2 next to put, 3 next to get, 16… slots, 32… times
        -- got
        local page = shared_page()
        local free, full, mutex = semaphore(slots), semaphore(0), semaphore(1)
        local values = {free = free, full = full, mutex = mutex, slots = slots}
        local producers = start(3, page, values, [[
            for i = 1, 10 do
                pause()
                P(args.free)
                P(args.mutex)
                local at = get(2)
                set(16 + at % args.slots, args.id * 100 + i)
                set(2, at + 1)
                set(0, get(0) + 1)
                if get(0) > get(1) then set(1, get(0)) end
                V(args.mutex)
                V(args.full)
            end
        ]])
        local consumers = start(2, page, values, [[
            local sum = 0
            for _ = 1, 15 do
                P(args.full)
                P(args.mutex)
                local at = get(3)
                local item = get(16 + at % args.slots)
                set(3, at + 1)
                set(0, get(0) - 1)
                set(32 + item, get(32 + item) + 1)
                V(args.mutex)
                V(args.free)
                pause()
            end
            return 15
        ]])
        finish(t, producers, "producer")
        finish(t, consumers, "consumer")
        t.eq({get(page, 0), get(page, 1)}, {0, slots}, "items left, most inside at once")
        for producer = 1, 3 do
            for i = 1, 10 do
                t.eq(get(page, 32 + producer * 100 + i), 1,
                     ("item %d of producer %d"):format(i, producer))
            end
        end
        destroy(free, full, mutex)
        free_page(page)
    end
end)

test("Readers and writers: writers are alone, readers together.", function(t)
    -- words: 0 readers inside, 1 writers inside, 2 violations, 3 most readers at once, 4 readers
    -- count
    local page, mutex, room = shared_page(), semaphore(1), semaphore(1)
    local values = {mutex = mutex, room = room}
    local readers = start(4, page, values, [[
        for _ = 1, 8 do
            P(args.mutex)
            set(4, get(4) + 1)
            if get(4) == 1 then P(args.room) end
            set(0, get(0) + 1)
            if get(0) > get(3) then set(3, get(0)) end
            V(args.mutex)
            if get(1) ~= 0 then set(2, get(2) + 1) end
            pause()
            P(args.mutex)
            set(0, get(0) - 1)
            set(4, get(4) - 1)
            if get(4) == 0 then V(args.room) end
            V(args.mutex)
            pause()
        end
    ]])
    local writers = start(2, page, values, [[
        for _ = 1, 8 do
            P(args.room)
            set(1, get(1) + 1)
            if get(1) ~= 1 or get(0) ~= 0 then set(2, get(2) + 1) end
            pause()
            set(1, get(1) - 1)
            V(args.room)
            pause()
        end
    ]])
    finish(t, readers, "reader")
    finish(t, writers, "writer")
    t.eq({get(page, 0), get(page, 1), get(page, 2)}, {0, 0, 0}, "readers, writers, violations")
    t.ok(get(page, 3) >= 2, "readers together: " .. get(page, 3))
    destroy(mutex, room)
    free_page(page)
end)

-- Five philosophers; `first` and `second` say in which order philosopher args.id takes the forks.
local function dinner(t, first, second, guard)
    -- words: 0…4 who holds the fork, 8…12 meals, 16 violations
    local page, values = shared_page(), {guard = guard}
    for i = 0, 4 do values["fork" .. i] = semaphore(1) end
    local jobs = start(5, page, values, ([[
        local left, right = args.id - 1, args.id %% 5
        local a, b = %s, %s
        for _ = 1, 6 do
            if args.guard then P(args.guard) end
            P(args["fork" .. a])
            set(a, get(a) + args.id)
            pause()
            P(args["fork" .. b])
            set(b, get(b) + args.id)
            if get(a) ~= args.id or get(b) ~= args.id then set(16, get(16) + 1) end
            set(7 + args.id, get(7 + args.id) + 1)
            set(b, 0)
            V(args["fork" .. b])
            set(a, 0)
            V(args["fork" .. a])
            if args.guard then V(args.guard) end
            pause()
        end
    ]]):format(first, second))
    finish(t, jobs, "philosopher")
    for i = 1, 5 do t.eq(get(page, 7 + i), 6, "meals of philosopher " .. i) end
    t.eq(get(page, 16), 0, "forks in two hands")
    for i = 0, 4 do destroy(values["fork" .. i]) end
    free_page(page)
end

test("Philosophers who take the lower fork first all eat: no deadlock.", function(t)
    dinner(t, "math.min(left, right)", "math.max(left, right)")
end)

test("Philosophers of whom four may sit down all eat: no deadlock.", function(t)
    local guard = semaphore(4)
    dinner(t, "left", "right", guard)
    destroy(guard)
end)

test("Philosophers who all take the left fork and wait do deadlock: each holds one.", function(t)
    local forks, jobs, ready = {}, {}, semaphore(0)
    for i = 0, 4 do forks[i] = semaphore(1) end
    for i = 0, 4 do
        jobs[i + 1] = spawn.thread(function()
            mach.semaphore_wait(args.left)
            mach.semaphore_signal(args.ready)
            mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 0, tv_nsec = 100000000})
            return mach.semaphore_wait(args.right)
        end, {left = forks[i], right = forks[(i + 1) % 5], ready = ready})
    end
    for _ = 1, 5 do
        t.eq(mach.semaphore_timedwait(ready, {tv_sec = 1, tv_nsec = 0}), 0, "a left fork")
    end
    sleep(1000)
    for i, job in ipairs(jobs) do
        t.eq({job:wait(0)}, {nil, "timeout"}, "philosopher " .. i .. " waits")
        t.eq(threads.basic_info(job.thread).run_state, mach.TH_STATE_WAITING, "its state")
    end
    must(mach.semaphore_signal(forks[0]), "signal") -- somebody brings a fork
    t.eq({jobs[5]:wait(900)}, {true, 0}, "the fifth eats")
    for i = 4, 1, -1 do
        must(mach.semaphore_signal(forks[i]), "signal")
        t.eq({jobs[i]:wait(900)}, {true, 0}, "then the " .. i .. "th")
    end
    for i = 0, 4 do destroy(forks[i]) end
    destroy(ready)
end)

test("Sleeping barber: he cuts whoever found a chair, the others leave, nobody is forgotten.",
function(t)
    -- words: 0 waiting, 1 most waiting, 2 cut by the barber, 3 in the barber's chair, 4 violations,
    -- 5 closing time
    local page, chairs = shared_page(), 2
    local customers, barber, mutex, done = semaphore(0), semaphore(0), semaphore(1), semaphore(0)
    local values = {customers = customers, barber = barber, mutex = mutex, done = done,
                    chairs = chairs}
    local shop = start(1, page, values, [[
        while true do
            P(args.customers)
            P(args.mutex)
            if get(5) == 1 and get(0) == 0 then break end -- closing time
            set(0, get(0) - 1)
            V(args.barber)
            V(args.mutex)
            set(3, get(3) + 1)
            if get(3) ~= 1 then set(4, get(4) + 1) end
            pause()
            set(3, get(3) - 1)
            set(2, get(2) + 1)
            V(args.done)
        end
    ]])
    local guests = start(6, page, values, [[
        local cut, left = 0, 0
        for _ = 1, 5 do
            P(args.mutex)
            if get(0) < args.chairs then
                set(0, get(0) + 1)
                if get(0) > get(1) then set(1, get(0)) end
                V(args.customers)
                V(args.mutex)
                P(args.barber)
                P(args.done)
                cut = cut + 1
            else
                V(args.mutex)
                left = left + 1
            end
            pause()
        end
        return {cut, left}
    ]])
    local cut, left = 0, 0
    for _, result in ipairs(finish(t, guests, "guest")) do
        cut, left = cut + result[1], left + result[2]
    end
    set(page, 5, 1)
    must(mach.semaphore_signal(customers), "signal")
    finish(t, shop, "barber")
    t.eq({cut + left, get(page, 2)}, {30, cut}, "visits; haircuts as the barber counts them")
    t.ok(left > 0 and cut > 0, ("%d cut, %d left"):format(cut, left))
    t.eq({get(page, 1), get(page, 4)}, {chairs, 0}, "most waiting; two in the barber's chair")
    destroy(customers, barber, mutex, done)
    free_page(page)
end)

test("Rendezvous: neither of two threads passes its point before the other has reached its own.",
function(t)
    local page, a, b = shared_page(), semaphore(0), semaphore(0)
    local jobs = start(2, page, {a = a, b = b}, [[
        local mine, other = args.id == 1 and args.a or args.b, args.id == 1 and args.b or args.a
        for round = 1, 10 do
            pause()
            set(args.id, round)
            V(other)
            P(mine)
            if get(3 - args.id) < round then set(3, get(3) + 1) end
        end
    ]])
    finish(t, jobs, "thread")
    t.eq({get(page, 1), get(page, 2), get(page, 3)}, {10, 10, 0}, "rounds of both, violations")
    destroy(a, b)
    free_page(page)
end)

test("A barrier that can be used again keeps six threads in step.", function(t)
    -- words: 0 arrived, 1…6 rounds of the threads, 8 violations
    local page, mutex, gate1, gate2 = shared_page(), semaphore(1), semaphore(0), semaphore(0)
    local jobs = start(6, page, {mutex = mutex, gate1 = gate1, gate2 = gate2}, [[
        for round = 1, 6 do
            pause()
            set(args.id, round)
            P(args.mutex)
            set(0, get(0) + 1)
            if get(0) == 6 then for _ = 1, 6 do V(args.gate1) end end
            V(args.mutex)
            P(args.gate1)
            for i = 1, 6 do if get(i) ~= round then set(8, get(8) + 1) end end
            P(args.mutex)
            set(0, get(0) - 1)
            if get(0) == 0 then for _ = 1, 6 do V(args.gate2) end end
            V(args.mutex)
            P(args.gate2)
        end
    ]])
    finish(t, jobs, "thread")
    t.eq(get(page, 8), 0, "threads out of step")
    destroy(mutex, gate1, gate2)
    free_page(page)
end)

test("A ring of semaphores makes threads go in turns.", function(t)
    local page, sems = shared_page(), {}
    for i = 1, 4 do sems[i] = semaphore(i == 1 and 1 or 0) end
    local jobs = start(4, page, {s1 = sems[1], s2 = sems[2], s3 = sems[3], s4 = sems[4]}, [[
        for _ = 1, 8 do
            P(args["s" .. args.id])
            local n = get(0)
            set(8 + n, args.id)
            set(0, n + 1)
            V(args["s" .. args.id % 4 + 1])
        end
    ]])
    finish(t, jobs, "thread")
    for n = 0, 31 do t.eq(get(page, 8 + n), n % 4 + 1, "turn " .. n) end
    destroy(table.unpack(sems))
    free_page(page)
end)

test("Cigarette smokers: the smoker with the third thing smokes, as the agent decides.", function(t)
    -- words: 0 tobacco, 1 paper, 2 matches on the table; 4…6 smoked, 7 violations
    local page, agent = shared_page(), semaphore(0)
    local wants = {semaphore(0), semaphore(0), semaphore(0)}
    local jobs = start(3, page, {w1 = wants[1], w2 = wants[2], w3 = wants[3], agent = agent}, [[
        for _ = 1, 5 do
            P(args["w" .. args.id])
            local things = get(0) + get(1) + get(2)
            if things ~= 2 or get(args.id - 1) ~= 0 then set(7, get(7) + 1) end
            for i = 0, 2 do set(i, 0) end
            set(3 + args.id, get(3 + args.id) + 1)
            V(args.agent)
        end
    ]])
    for round = 1, 15 do
        local who = (round * 7) % 3 + 1
        for i = 1, 3 do set(page, i - 1, i == who and 0 or 1) end
        must(mach.semaphore_signal(wants[who]), "signal")
        t.eq(mach.semaphore_timedwait(agent, {tv_sec = 1, tv_nsec = 0}), 0, "round " .. round)
    end
    finish(t, jobs, "smoker")
    t.eq({get(page, 4), get(page, 5), get(page, 6), get(page, 7)}, {5, 5, 5, 0},
         "smoked, violations")
    destroy(agent, table.unpack(wants))
    free_page(page)
end)
