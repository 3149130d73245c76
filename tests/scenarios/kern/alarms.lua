-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 30
-- Alarms, and setting clocks: clock_alarm and its message, clock_set_time, clock_set_attributes.
-- Contracts: clock.defs, clock_reply.defs; manual: clock_alarm, clock_alarm_reply, clock_set_time,
-- clock_set_attributes.

local must, ports, counts = require "must", require "ports", require "counts"

local self, host = mach.mach_task_self(), mach.mach_host_self()
local ABSOLUTE, RELATIVE = mach.TIME_ABSOLUTE, mach.TIME_RELATIVE
local REALTIME, CALENDAR = mach.REALTIME_CLOCK, mach.BATTERY_CLOCK
local INVALID_VALUE, ABORTED = mach.KERN_INVALID_VALUE, mach.KERN_ABORTED

local function ms_of(time) return time.tv_sec * 1000 + time.tv_nsec / 1000000 end
local function time_of(ms)
    return {tv_sec = ms // 1000 | 0, tv_nsec = math.floor(ms % 1000 * 1000000)}
end

local function clock_of(id)
    local kr, clock = mach.host_get_clock_service(host, id)
    must(kr, "host_get_clock_service")
    return clock
end

local function now(clock)
    local kr, time = mach.clock_get_time(clock)
    must(kr, "clock_get_time")
    return ms_of(time)
end

-- Runs body(control, clock) with the rights to set and to read a clock.
local function with_control(id, body)
    local priv, clock = ports.privileged_host(), clock_of(id)
    local kr, control = mach.host_get_clock_control(priv, id)
    must(kr, "host_get_clock_control")
    body(control, clock)
    ports.deallocate(priv, clock, control)
end

-- What a message about an alarm says; nil and the code if none comes within `ms`.
local function alarm(port, ms)
    local kr, msg = mach.receive{port = port, timeout = ms}
    if kr ~= 0 then return nil, kr end
    if msg.id ~= 3125107 then return {id = msg.id} end
    local code, kind, sec, nsec = string.unpack("<i4i4I4i4", msg.body, 9)
    return {id = msg.id, bits = msg.bits, code = code, kind = kind, size = #msg.body,
            at = sec * 1000 + nsec / 1000000}
end

test("An alarm comes at its time, relative or absolute, with the time at which it was sent.",
function(t)
    local port = ports.allocate()
    for _, id in ipairs{REALTIME, CALENDAR} do
        local clock = clock_of(id)
        for _, ms in ipairs{1, 20, 999, 2500} do
            for _, kind in ipairs{RELATIVE, ABSOLUTE} do
                local before = now(clock)
                local at = kind == RELATIVE and ms or before + ms
                t.eq(mach.clock_alarm(clock, kind, time_of(at), port), 0, "clock_alarm")
                t.eq({alarm(port, 0)}, {nil, mach.MACH_RCV_TIMED_OUT}, "not at once")
                local got = alarm(port, 5000)
                t.eq({got.id, got.code, got.kind, got.size}, {3125107, 0, kind, 24}, "the message")
                t.eq(got.bits, mach.MACH_MSGH_BITS(0, mach.MACH_MSG_TYPE_PORT_SEND_ONCE), "its bits")
                t.ok(got.at >= before + ms - 0.001 and got.at < before + ms + 1,
                     ("%d ms took %.3f"):format(ms, got.at - before))
                t.ok(now(clock) - got.at < 20, "it was sent then")
            end
        end
        ports.deallocate(clock)
    end
    ports.destroy(port)
end)

test("Several alarms on one port come in the order of their times.", function(t)
    local port, clock = ports.allocate(), clock_of(REALTIME)
    local start = now(clock) + 100
    for i, place in ipairs{5, 2, 8, 1, 7, 3, 6, 4} do
        must(mach.clock_alarm(clock, ABSOLUTE | place << 8, time_of(start + place * 10), port),
             "clock_alarm " .. i)
    end
    for place = 1, 8 do
        local got = alarm(port, 1000)
        t.eq(got.kind >> 8, place, "number of who is next")
        t.ok(math.abs(got.at - start - place * 10) < 0.5, ("at %.3f"):format(got.at - start))
    end
    ports.destroy(port)
    ports.deallocate(clock)
end)

test("A time that is past and one of no duration ring at once, as success.", function(t)
    local port, clock = ports.allocate(), clock_of(REALTIME)
    for what, given in pairs{zero = {ABSOLUTE, 0}, past = {ABSOLUTE, now(clock) - 1},
                             none = {RELATIVE, 0}} do
        t.eq(mach.clock_alarm(clock, given[1], time_of(given[2]), port), 0, what)
        local got = alarm(port, 0)
        t.eq({got and got.code, got and got.kind}, {0, given[1]}, what .. ": the message")
        t.ok(got and now(clock) - got.at < 1, what .. ": its time is now")
    end
    ports.destroy(port)
    ports.deallocate(clock)
end)

test("A bad type or time rings at once with KERN_INVALID_VALUE; the upper bits of the type are the "
     .. "caller's.", function(t)
    local port, clock = ports.allocate(), clock_of(REALTIME)
    for _, kind in ipairs{2, 3, 0xff, 0x7fffff02, -2} do
        t.eq(mach.clock_alarm(clock, kind, time_of(1), port), 0, "type " .. kind)
        local got = alarm(port, 0)
        t.eq({got and got.code, got and got.kind}, {INVALID_VALUE, kind}, "type " .. kind)
    end
    for _, nsec in ipairs{-1, 1000000000, 0x7fffffff, -0x80000000} do
        t.eq(mach.clock_alarm(clock, RELATIVE, {tv_sec = 1, tv_nsec = nsec}, port), 0, "nanoseconds")
        local got = alarm(port, 0)
        t.eq(got and got.code, INVALID_VALUE, "nanoseconds " .. nsec)
    end
    for _, kind in ipairs{RELATIVE | 0x1200, RELATIVE | 0x7fffff00, RELATIVE | -0x100} do
        t.eq(mach.clock_alarm(clock, kind, time_of(3), port), 0, "type " .. kind)
        local got = alarm(port, 100)
        t.eq({got and got.code, got and got.kind}, {0, kind}, "type " .. kind)
    end
    ports.destroy(port)
    ports.deallocate(clock)
end)

test("An alarm is gone with its reply port, whatever else that port had.", function(t)
    local clock, before = clock_of(REALTIME), counts.host()
    for _ = 1, 20 do
        local port = ports.both()
        for i = 1, 50 do
            must(mach.clock_alarm(clock, RELATIVE, time_of(i * 1000000), port), "clock_alarm")
        end
        must(mach.clock_alarm(clock, RELATIVE, time_of(0), port), "clock_alarm") -- is in the queue
        ports.destroy(port)
    end
    local after = counts.host()
    t.eq({after.ports, after.messages_queued}, {before.ports, before.messages_queued},
         "ports and messages")
    ports.deallocate(clock)
end)

test("An alarm goes on when the receive right of its port moves, and when its task ends it is gone.",
function(t)
    local port, clock, before = ports.allocate(), clock_of(REALTIME), counts.host()
    must(mach.clock_alarm(clock, RELATIVE, time_of(200), port), "clock_alarm")
    local child = spawn.task(function()
        local kr, msg = mach.receive{port = args.port, timeout = 900}
        local clock = select(2, mach.host_get_clock_service(mach.mach_host_self(), 0))
        local own = mach.mach_reply_port()
        for i = 1, 10 do
            mach.clock_alarm(clock, mach.TIME_RELATIVE, {tv_sec = 1000, tv_nsec = 0}, own)
        end
        return kr == 0 and msg.id
    end, nil, {port = {port, mach.MACH_MSG_TYPE_MOVE_RECEIVE}})
    t.eq({child:wait(2000)}, {true, 3125107}, "what the other task got")
    t.eq(counts.host().messages_queued, before.messages_queued, "alarms that are left")
    ports.deallocate(clock)
end)

test("A reply port that is null or dead is KERN_INVALID_CAPABILITY.", function(t)
    local clock, dead = clock_of(REALTIME), ports.allocate(mach.MACH_PORT_RIGHT_DEAD_NAME)
    t.eq(mach.clock_alarm(clock, RELATIVE, time_of(1), 0), mach.KERN_INVALID_CAPABILITY, "null")
    t.eq(mach.clock_alarm(clock, RELATIVE, time_of(1), 0xffffffff), mach.KERN_INVALID_CAPABILITY,
         "dead")
    t.eq(mach.clock_alarm(clock, RELATIVE, time_of(1), dead), mach.MACH_SEND_INVALID_RIGHT,
         "a dead name is no receive right")
    t.eq(mach.clock_alarm(self, RELATIVE, time_of(1), 0), mach.KERN_INVALID_ARGUMENT, "no clock")
    ports.deallocate(clock, dead)
end)

test("Who sets an alarm pays for its message until it rings or its port dies.", function(t)
    local child = spawn.task(function()
        local tasks, ports = require "tasks", require "ports"
        local _, clock = mach.host_get_clock_service(mach.mach_host_self(), 0)
        local self, found = mach.mach_task_self(), {}
        tasks.set_limits(self, {message_bytes = 20000})
        for round = 1, 3 do
            local port, made, kr = ports.allocate(), 0, 0
            while kr == 0 and made < 1000 do
                kr = mach.clock_alarm(clock, mach.TIME_RELATIVE, {tv_sec = 9999, tv_nsec = 0}, port)
                if kr == 0 then made = made + 1 end
            end
            found[round] = {made > 5 and made < 40 and "some" or made, kr}
            ports.destroy(port)
        end
        return found
    end)
    local want = {"some", mach.KERN_RESOURCE_SHORTAGE}
    t.eq({child:wait(5000)}, {true, {want, want, want}}, "alarms of a task with 20,000 bytes, thrice")
end)

-- ---- setting ------------------------------------------------------------------------------------

test("The control port of a clock is had with the privileged host port, and serves as its clock.",
function(t)
    t.eq((mach.host_get_clock_control(host, REALTIME)), mach.KERN_INVALID_HOST, "with the other")
    local priv = ports.privileged_host()
    for _, id in ipairs{2, -1, 0x7fffffff} do
        t.eq((mach.host_get_clock_control(priv, id)), mach.KERN_INVALID_ARGUMENT, "clock " .. id)
    end
    ports.deallocate(priv)
    for _, id in ipairs{REALTIME, CALENDAR} do
        with_control(id, function(control, clock)
            t.ok(control ~= clock, "it is a port of its own")
            t.eq(select(2, mach.minato_port_info(self, control)).object,
                 mach.MINATO_OBJECT_CLOCK_CTRL, "what it stands for")
            t.ok(math.abs(now(control) - now(clock)) < 1, "it tells the time")
            t.eq((mach.clock_sleep(control, RELATIVE, time_of(1))), 0, "one can sleep on it")
            t.eq(mach.clock_set_time(clock, time_of(0)), mach.KERN_INVALID_ARGUMENT,
                 "the clock cannot be set by its own port")
            t.eq(mach.clock_set_attributes(clock, mach.CLOCK_ALARM_CURRES, {1000000}),
                 mach.KERN_INVALID_ARGUMENT, "nor its attributes")
        end)
    end
end)

test("clock_set_time sets the calendar, which goes on from there; host_set_time does the same.",
function(t)
    with_control(CALENDAR, function(control, calendar)
        local was, realtime = now(calendar), clock_of(REALTIME)
        local before = now(realtime)
        for _, time in ipairs{{tv_sec = 1000, tv_nsec = 5000000}, {tv_sec = 0, tv_nsec = 0},
                              {tv_sec = 0xffffff00, tv_nsec = 999999999}} do
            t.eq(mach.clock_set_time(control, time), 0, "clock_set_time")
            local later = now(calendar) - ms_of(time)
            t.ok(later >= -0.001 and later < 1, ("%.3f ms later"):format(later))
        end
        local priv = ports.privileged_host()
        must(mach.host_set_time(priv, {seconds = 77, microseconds = 123456}), "host_set_time")
        ports.deallocate(priv)
        t.ok(math.abs(now(calendar) - 77123.456) < 1, "set by host_set_time")
        mach.clock_sleep(0, RELATIVE, time_of(500))
        t.ok(math.abs(now(calendar) - 77623.456) < 1, "it goes on")
        local passed = now(realtime) - before
        t.ok(passed > 500 and passed < 600, "the real-time clock was not touched")
        must(mach.clock_set_time(control, time_of(was + passed)), "clock_set_time")
        ports.deallocate(realtime)
    end)
end)

test("Bad nanoseconds are KERN_INVALID_VALUE; the real-time clock cannot be set: KERN_FAILURE.",
function(t)
    with_control(CALENDAR, function(control, calendar)
        local before = now(calendar)
        for _, nsec in ipairs{-1, 1000000000, 0x7fffffff, -0x80000000} do
            t.eq(mach.clock_set_time(control, {tv_sec = 5, tv_nsec = nsec}), INVALID_VALUE, nsec)
        end
        t.ok(now(calendar) - before < 10, "it was not set")
    end)
    with_control(REALTIME, function(control, clock)
        local before = now(clock)
        t.eq(mach.clock_set_time(control, time_of(0)), mach.KERN_FAILURE, "the real-time clock")
        t.ok(now(clock) >= before, "it was not set")
    end)
end)

test("Setting a clock ends its alarms with KERN_ABORTED and the time before, and no others.",
function(t)
    local port, realtime = ports.allocate(), clock_of(REALTIME)
    with_control(CALENDAR, function(control, calendar)
        local was = now(calendar)
        must(mach.clock_alarm(realtime, RELATIVE | 0x500, time_of(300), port), "clock_alarm")
        must(mach.clock_alarm(calendar, RELATIVE | 0x600, time_of(100000), port), "clock_alarm")
        must(mach.clock_alarm(calendar, ABSOLUTE | 0x700, time_of(was + 50000), port), "clock_alarm")
        must(mach.clock_set_time(control, time_of(1000)), "clock_set_time")
        for _, kind in ipairs{RELATIVE | 0x600, ABSOLUTE | 0x700} do
            local got = alarm(port, 0)
            t.eq({got and got.code, got and got.kind}, {ABORTED, kind}, "alarm of the calendar")
            t.ok(got and got.at - was < 5 and got.at >= was, "its time")
        end
        local got = alarm(port, 1000)
        t.eq({got and got.code, got and got.kind}, {0, RELATIVE | 0x500}, "the other clock's")
        must(mach.clock_alarm(calendar, ABSOLUTE, time_of(2000), port), "clock_alarm")
        got = alarm(port, 1000)
        t.ok(got and math.abs(got.at - 2000) < 1, "a new alarm goes by the new time")
        must(mach.clock_set_time(control, time_of(was + 1000)), "clock_set_time")
    end)
    ports.destroy(port)
    ports.deallocate(realtime)
end)

test("Setting a clock ends its sleeps with KERN_ABORTED and the time before.", function(t)
    with_control(CALENDAR, function(control, calendar)
        local was = now(calendar)
        local code = [[
            local kr, wake = mach.clock_sleep(args.clock, mach.TIME_RELATIVE, args.time)
            return {kr, wake.tv_sec}
        ]]
        local one = spawn.thread(code, {clock = calendar, time = time_of(100000)})
        local other = spawn.thread(code, {clock = 0, time = time_of(200)})
        mach.clock_sleep(0, RELATIVE, time_of(100))
        must(mach.clock_set_time(control, time_of(1000)), "clock_set_time")
        local ok, got = one:wait(1000)
        t.eq({ok, got and got[1]}, {true, ABORTED}, "a sleep on the calendar")
        t.ok(got and got[2] - was / 1000 < 2 and got[2] > 1000, "its wake-up time")
        ok, got = other:wait(1000)
        t.eq({ok, got and got[1]}, {true, 0}, "one on the real-time clock")
        must(mach.clock_set_time(control, time_of(was + 300)), "clock_set_time")
    end)
end)

local function attribute(clock, flavor)
    local kr, value = mach.clock_get_attributes(clock, flavor)
    must(kr, "clock_get_attributes")
    return value[1]
end

test("CLOCK_ALARM_CURRES: sleeps and alarms end at its multiples, never early.", function(t)
    local port = ports.allocate()
    with_control(REALTIME, function(control, clock)
        local least = attribute(clock, mach.CLOCK_ALARM_MINRES)
        local most = attribute(clock, mach.CLOCK_ALARM_MAXRES)
        t.eq(attribute(clock, mach.CLOCK_ALARM_CURRES), least, "at first the finest")
        local unit = 5000000 // least * least
        t.eq(mach.clock_set_attributes(control, mach.CLOCK_ALARM_CURRES, {unit}), 0, "set")
        t.eq(attribute(clock, mach.CLOCK_ALARM_CURRES), unit, "what it is now")
        for _, ms in ipairs{1, 3, 7.5, 11} do
            local before = now(clock)
            local kr, wake = mach.clock_sleep(clock, RELATIVE, time_of(ms))
            local rest = (wake.tv_sec * 1000000000 + wake.tv_nsec) % unit
            t.ok(rest < 500000, ("a sleep of %s ms ends %d ns after a multiple"):format(ms, rest))
            t.ok(ms_of(wake) - before >= ms and ms_of(wake) - before < ms + 6, "its length")
            must(mach.clock_alarm(clock, RELATIVE, time_of(ms), port), "clock_alarm")
            local at = math.floor(alarm(port, 100).at * 1000000)
            t.ok(at % unit < 500000, ("an alarm comes %d ns after a multiple"):format(at % unit))
        end
        for _, value in ipairs{0, -1, least - 1, most + least, least + 1, 0x7fffffff, -0x80000000} do
            t.eq(mach.clock_set_attributes(control, mach.CLOCK_ALARM_CURRES, {value}), INVALID_VALUE,
                 "value " .. value)
        end
        t.eq(mach.clock_set_attributes(control, mach.CLOCK_ALARM_CURRES, {}), INVALID_VALUE, "none")
        for _, flavor in ipairs{0, 1, 2, 4, 5, 6, -1} do
            t.eq(mach.clock_set_attributes(control, flavor, {least}), INVALID_VALUE,
                 "flavor " .. flavor)
        end
        t.eq(attribute(clock, mach.CLOCK_ALARM_CURRES), unit, "it is still what it was")
        t.eq(mach.clock_set_attributes(control, mach.CLOCK_ALARM_CURRES, {most}), 0, "the coarsest")
        t.eq(mach.clock_set_attributes(control, mach.CLOCK_ALARM_CURRES, {least}), 0, "the finest")
    end)
    ports.destroy(port)
end)

test("A coarser resolution brings pending alarms forward to a multiple, a finer one leaves them.",
function(t)
    local port = ports.allocate()
    with_control(REALTIME, function(control, clock)
        local least = attribute(clock, mach.CLOCK_ALARM_MINRES)
        local unit = 10000000 // least * least
        local base = now(clock) * 1000000 // unit * unit
        local at = base + 5 * unit + unit // 2 -- between two multiples
        must(mach.clock_alarm(clock, ABSOLUTE, time_of(at / 1000000), port), "clock_alarm")
        must(mach.clock_set_attributes(control, mach.CLOCK_ALARM_CURRES, {unit}), "coarser")
        local got = alarm(port, 1000).at * 1000000 - base - 5 * unit
        t.ok(got >= 0 and got < 500000, ("it comes %d ns after the multiple before"):format(got))
        must(mach.clock_alarm(clock, RELATIVE, time_of(25), port), "clock_alarm")
        must(mach.clock_set_attributes(control, mach.CLOCK_ALARM_CURRES, {least}), "finer")
        local rest = math.floor(alarm(port, 1000).at * 1000000) % unit
        t.ok(rest < 500000, ("it comes %d ns after a multiple"):format(rest))
    end)
    ports.destroy(port)
end)
