-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 30
-- Clocks: the two that exist, their times and attributes, clock_sleep. Time is virtual here, so
-- sleeps are as exact as the time that the calls themselves take. Contracts: clock.defs,
-- mach_traps.h (clock_sleep), include/mach/clock_types.h, docs/differences.md.

local must, ports, semaphores = require "must", require "ports", require "semaphores"
local memory, threads = require "memory", require "threads"

local self, host = mach.mach_task_self(), mach.mach_host_self()
local ABSOLUTE, RELATIVE = mach.TIME_ABSOLUTE, mach.TIME_RELATIVE
local PAGE = 4096

local function ms_of(time) return time.tv_sec * 1000 + time.tv_nsec / 1000000 end
local function time_of(ms)
    return {tv_sec = ms // 1000 | 0, tv_nsec = math.floor(ms % 1000 * 1000000)}
end

-- Runs `body` with the port of a clock, whose right is given up afterwards.
local function with_clock(id, body)
    local kr, clock = mach.host_get_clock_service(host, id)
    must(kr, "host_get_clock_service")
    body(clock)
    must(mach.mach_port_deallocate(self, clock), "deallocate")
end

local function get_time(clock)
    local kr, time = mach.clock_get_time(clock)
    must(kr, "clock_get_time")
    return time
end

test("The real-time clock and the calendar exist, other clocks are KERN_INVALID_ARGUMENT.",
function(t)
    for _, id in ipairs{mach.REALTIME_CLOCK, mach.BATTERY_CLOCK} do
        with_clock(id, function(clock)
            t.eq({mach.mach_port_type(self, clock)}, {0, mach.MACH_PORT_TYPE_SEND}, "clock " .. id)
            t.eq(select(2, mach.minato_port_info(self, clock)).object, mach.MINATO_OBJECT_CLOCK,
                 "what the port stands for")
        end)
    end
    for _, id in ipairs{2, 3, -1, 0x7fffffff, -0x80000000} do
        t.eq((mach.host_get_clock_service(host, id)), mach.KERN_INVALID_ARGUMENT, "clock " .. id)
    end
end)

test("Asking twice for a clock gives the same port, each time with a reference of its own.",
function(t)
    with_clock(mach.REALTIME_CLOCK, function(first)
        with_clock(mach.REALTIME_CLOCK, function(second)
            t.eq(first, second, "names")
            t.eq({mach.mach_port_get_refs(self, first, mach.MACH_PORT_RIGHT_SEND)}, {0, 2}, "refs")
        end)
    end)
end)

test("The real-time clock never goes back and its nanoseconds stay below a second.", function(t)
    with_clock(mach.REALTIME_CLOCK, function(clock)
        local last = get_time(clock)
        for _ = 1, 500 do
            local time = get_time(clock)
            if time.tv_sec < last.tv_sec
                or time.tv_sec == last.tv_sec and time.tv_nsec <= last.tv_nsec then
                t.fail(("%d.%09d after %d.%09d"):format(time.tv_sec, time.tv_nsec, last.tv_sec,
                                                        last.tv_nsec))
            end
            if time.tv_nsec < 0 or time.tv_nsec >= 1000000000 then t.fail(time.tv_nsec) end
            last = time
        end
    end)
end)

test("The calendar tells the same as host_get_time and goes on with the real-time clock.",
function(t)
    with_clock(mach.BATTERY_CLOCK, function(calendar)
        with_clock(mach.REALTIME_CLOCK, function(clock)
            local kr, time = mach.host_get_time(host)
            must(kr, "host_get_time")
            local now = get_time(calendar)
            t.ok(now.tv_sec - time.seconds <= 1 and now.tv_sec >= time.seconds,
                 ("%d and %d seconds"):format(now.tv_sec, time.seconds))
            t.ok(time.microseconds >= 0 and time.microseconds < 1000000, time.microseconds)
            local apart = ms_of(now) - time.seconds * 1000 - time.microseconds / 1000
            t.ok(apart >= 0 and apart < 2, ("they are %.3f ms apart"):format(apart))
            t.ok(now.tv_sec > 1600000000, "it is later than 2020: " .. now.tv_sec)
            local a, b = get_time(calendar), get_time(clock)
            mach.clock_sleep(0, RELATIVE, time_of(2500))
            local a2, b2 = get_time(calendar), get_time(clock)
            local difference = ms_of(a2) - ms_of(a) - (ms_of(b2) - ms_of(b))
            t.ok(math.abs(difference) < 2, ("they differ by %.3f ms"):format(difference))
        end)
    end)
end)

test("A relative sleep takes its time: not less, and at most a moment more.", function(t)
    for _, ms in ipairs{1, 2, 10, 50, 333, 1000, 4000} do
        local _, before = mach.clock_sleep(0, RELATIVE, time_of(0))
        local kr, wake = mach.clock_sleep(0, RELATIVE, time_of(ms))
        local took = ms_of(wake) - ms_of(before)
        t.eq(kr, 0, "result")
        t.ok(took >= ms and took < ms + 1, ("%d ms took %.3f"):format(ms, took))
    end
end)

test("An absolute sleep ends at its time.", function(t)
    with_clock(mach.REALTIME_CLOCK, function(clock)
        for _, ms in ipairs{5, 100, 1500} do
            local target = ms_of(get_time(clock)) + ms
            local kr, wake = mach.clock_sleep(clock, ABSOLUTE, time_of(target))
            t.eq(kr, 0, "result")
            local late = ms_of(wake) - target
            t.ok(late >= -0.001 and late < 0.5, ("late by %.4f ms"):format(late))
        end
    end)
end)

test("An absolute time in the past, and a relative time of 0, end the sleep at once.", function(t)
    with_clock(mach.REALTIME_CLOCK, function(clock)
        for _, time in ipairs{{tv_sec = 0, tv_nsec = 0}, {tv_sec = 0, tv_nsec = 1},
                              get_time(clock)} do
            local before = ms_of(get_time(clock))
            local kr, wake = mach.clock_sleep(clock, ABSOLUTE, time)
            t.eq(kr, 0, "result")
            t.ok(ms_of(wake) - before < 1, ("%.3f ms"):format(ms_of(wake) - before))
        end
        local before = ms_of(get_time(clock))
        t.eq((mach.clock_sleep(clock, RELATIVE, time_of(0))), 0, "relative 0")
        t.ok(ms_of(get_time(clock)) - before < 1, "it took no time")
    end)
end)

test("The null name stands for the real-time clock.", function(t)
    with_clock(mach.REALTIME_CLOCK, function(clock)
        local before = ms_of(get_time(clock))
        local kr, wake = mach.clock_sleep(0, RELATIVE, time_of(0))
        local after = ms_of(get_time(clock))
        t.eq(kr, 0)
        t.ok(before <= ms_of(wake) and ms_of(wake) <= after,
             ("%.4f %.4f %.4f"):format(before, ms_of(wake), after))
    end)
end)

test("A bad type or nanoseconds outside a second are KERN_INVALID_VALUE.", function(t)
    for _, kind in ipairs{2, 3, -1, 0x7fffffff, -0x80000000} do
        t.eq((mach.clock_sleep(0, kind, time_of(1))), mach.KERN_INVALID_VALUE, "type " .. kind)
    end
    for _, nsec in ipairs{-1, 1000000000, 0x7fffffff, -0x80000000} do
        for _, kind in ipairs{ABSOLUTE, RELATIVE} do
            t.eq((mach.clock_sleep(0, kind, {tv_sec = 0, tv_nsec = nsec})), mach.KERN_INVALID_VALUE,
                 ("type %d, nanoseconds %d"):format(kind, nsec))
        end
    end
end)

test("A port that is no clock is KERN_INVALID_ARGUMENT.", function(t)
    for what, name in pairs{task = self, thread = mach.mach_thread_self(), host = host,
                            nothing = 0x7777700, dead = 0xffffffff} do
        t.eq((mach.clock_sleep(name, RELATIVE, time_of(1))), mach.KERN_INVALID_ARGUMENT, what)
    end
end)

test("The calendar wakes sleepers too, at its own time.", function(t)
    with_clock(mach.BATTERY_CLOCK, function(calendar)
        for _, ms in ipairs{5, 300} do
            local before = ms_of(get_time(calendar))
            local kr, wake = mach.clock_sleep(calendar, RELATIVE, time_of(ms))
            local took = ms_of(wake) - before
            t.ok(kr == 0 and took >= ms and took < ms + 2, ("%d ms took %.3f"):format(ms, took))
            kr, wake = mach.clock_sleep(calendar, ABSOLUTE, time_of(before + 3 * ms))
            took = ms_of(wake) - before
            t.ok(kr == 0 and took > 3 * ms - 0.01 and took < 3 * ms + 2, ("until %.3f"):format(took))
        end
        t.eq((mach.clock_sleep(calendar, ABSOLUTE, time_of(1000))), 0, "a time long past")
    end)
end)

test("thread_abort ends a sleep with KERN_ABORTED; the wake-up time is that of the abort.",
function(t)
    local job = spawn.thread(function()
        local _, before = mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 0, tv_nsec = 0})
        local kr, wake = mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 60, tv_nsec = 0})
        return {kr, (wake.tv_sec - before.tv_sec) * 1000
                    + (wake.tv_nsec - before.tv_nsec) / 1000000}
    end)
    mach.clock_sleep(0, RELATIVE, time_of(200))
    must(mach.thread_abort(job.thread), "abort")
    local ok, got = job:wait(900)
    t.eq({ok, got[1]}, {true, mach.KERN_ABORTED}, "result")
    t.ok(got[2] > 150 and got[2] < 202, ("after %.1f ms"):format(got[2]))
end)

test("The longest sleeps do not overflow.", function(t)
    for _, kind in ipairs{ABSOLUTE, RELATIVE} do
        local job = spawn.thread(function()
            return (mach.clock_sleep(0, args.kind, {tv_sec = 0xffffffff, tv_nsec = 999999999}))
        end, {kind = kind})
        mach.clock_sleep(0, RELATIVE, time_of(300))
        t.eq({job:wait(0)}, {nil, "timeout"}, "it sleeps, type " .. kind)
        must(mach.thread_abort(job.thread), "abort")
        t.eq({job:wait(900)}, {true, mach.KERN_ABORTED}, "until it is aborted")
    end
end)

test("Sleepers wake in the order of their times, each at its own.", function(t)
    local log = ports.allocate()
    ports.set_limit(log, 64)
    local _, now = mach.clock_sleep(0, RELATIVE, time_of(0))
    local start, jobs = now.tv_sec + 2, {}
    local order = {7, 2, 9, 4, 1, 8, 3, 6, 5}
    for i, place in ipairs(order) do
        jobs[i] = spawn.thread(function()
            local at = {tv_sec = args.start, tv_nsec = args.place * 20000000}
            local kr, wake = mach.clock_sleep(0, mach.TIME_ABSOLUTE, at)
            mach.send{remote = args.log, disp = mach.MACH_MSG_TYPE_MAKE_SEND, id = args.place}
            return {kr, wake.tv_sec - at.tv_sec, wake.tv_nsec - at.tv_nsec}
        end, {start = start, place = place, log = log})
    end
    for i, job in ipairs(jobs) do
        local ok, got = job:wait(5000)
        t.eq({ok, got[1], got[2]}, {true, 0, 0}, "sleeper " .. i)
        t.ok(got[3] >= 0 and got[3] < 1000000, ("late by %d ns"):format(got[3]))
    end
    for place = 1, #order do
        t.eq(select(2, mach.receive{port = log, timeout = 0}).id, place, "waking number " .. place)
    end
    ports.destroy(log)
end)

test("Timers of several kinds come in order: sleep, receive, semaphore, thread_switch.", function(t)
    local log, sem = ports.allocate(), semaphores.create()
    local waits = {
        function() mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 0, tv_nsec = 400000000}) end,
        function() mach.receive{port = mach.mach_reply_port(), timeout = 300} end,
        function() mach.semaphore_timedwait(args.sem, {tv_sec = 0, tv_nsec = 200000000}) end,
        function() mach.thread_switch(0, mach.SWITCH_OPTION_WAIT, 100) end,
    }
    local jobs = {}
    for i, wait in ipairs(waits) do
        jobs[i] = spawn.task(([[
            (%s)()
            mach.send{remote = args.log, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = args.id}
        ]]):format("load(args.code)"), {id = i, code = string.dump(wait)}, {log = log, sem = sem})
    end
    for i = 4, 1, -1 do
        local kr, msg = mach.receive{port = log, timeout = 900}
        t.eq({kr, msg.id}, {0, i}, "number of who is next")
    end
    for _, job in ipairs(jobs) do t.eq((job:wait(900)), true, "end") end
    ports.destroy(log)
    semaphores.destroy(sem)
end)

test("clock_get_attributes gives one word: the resolution in nanoseconds.", function(t)
    with_clock(mach.REALTIME_CLOCK, function(clock)
        for _, flavor in ipairs{mach.CLOCK_GET_TIME_RES, mach.CLOCK_ALARM_CURRES,
                                mach.CLOCK_ALARM_MINRES, mach.CLOCK_ALARM_MAXRES} do
            local kr, value = mach.clock_get_attributes(clock, flavor)
            t.eq({kr, #value}, {0, 1}, "flavor " .. flavor)
            t.ok(value[1] > 0 and value[1] <= 10000000, "its value: " .. value[1])
        end
    end)
    with_clock(mach.BATTERY_CLOCK, function(clock)
        local kr, value = mach.clock_get_attributes(clock, mach.CLOCK_GET_TIME_RES)
        t.eq({kr, value}, {0, {1000000000}}, "the calendar counts seconds")
        kr, value = mach.clock_get_attributes(clock, mach.CLOCK_ALARM_CURRES)
        t.ok(kr == 0 and value[1] > 0 and value[1] <= 10000000, "but wakes more finely")
        kr, value = mach.clock_get_attributes(clock, mach.CLOCK_MAP_TIME_RES)
        t.eq({kr, value}, {0, {0}}, "and cannot be mapped")
    end)
end)

test("clock_get_attributes without room for the word is KERN_FAILURE.", function(t)
    with_clock(mach.REALTIME_CLOCK, function(clock)
        for room, want in pairs{[0] = mach.KERN_FAILURE, [1] = 0} do
            local kr, m = mach.rpc{remote = clock, id = 3125003, reply_timeout = 1000, body =
                "\0\0\0\0\1\0\0\0" .. string.pack("<i4I4", mach.CLOCK_GET_TIME_RES, room)}
            t.eq({kr, m and (string.unpack("<i4", m.body, 9))}, {0, want}, "room for " .. room)
        end
    end)
end)

test("clock_get_attributes of an unknown flavor is KERN_INVALID_VALUE.", function(t)
    with_clock(mach.REALTIME_CLOCK, function(clock)
        for _, flavor in ipairs{0, 6, 7, -1, 0x7fffffff, -0x80000000} do
            t.eq((mach.clock_get_attributes(clock, flavor)), mach.KERN_INVALID_VALUE,
                 "flavor " .. flavor)
        end
    end)
end)

test("clock_sleep is KERN_INVALID_ADDRESS if the place for the time of waking is gone by then.",
function(t)
    local place = memory.allocate(PAGE)
    local sleeper = threads.trap_begin(62, 0, RELATIVE, 0, 50000000, place)
    mach.clock_sleep(0, RELATIVE, time_of(10))
    t.ok(memory.read(place, 8) ~= ("\0"):rep(8), "the place was tried before the sleep")
    memory.release(place, PAGE)
    t.eq(threads.trap_result(sleeper), mach.KERN_INVALID_ADDRESS)
end)
