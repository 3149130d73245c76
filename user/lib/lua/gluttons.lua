-- SPDX-License-Identifier: BSD-2-Clause
-- A task that takes all it may have of something, and a witness that answers calls meanwhile, each
-- within a bounded time. When the first has ended there are as many kernel objects as before.

local must, ports, tasks = require "must", require "ports", require "tasks"
local counts, clock = require "counts", require "clock"

local gluttons = {}
local LONGEST_MS = 100 -- a call and its answer while another wants the processor: some of its turns

-- ---- a task that answers ------------------------------------------------------------------------

local port = ports.both()
local witness = spawn.task(function()
    while true do
        local _, msg = mach.receive{port = args.port, max = 64}
        mach.send{remote = msg.remote, disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, id = msg.id + 1}
    end
end, nil, {port = {port, mach.MACH_MSG_TYPE_MOVE_RECEIVE}})

local asked = 0

-- How long a call of the witness took; 0 and a failure if the answer was wrong.
function gluttons.ask(t)
    local before = clock.now()
    asked = asked + 1
    local kr, msg = mach.rpc{remote = port, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = asked,
                             reply_timeout = 2000, max = 64}
    if kr == 0 and msg.id == asked + 1 then return clock.now() - before end
    t.fail(("call %d: %s"):format(asked, mach.error_string(kr)))
    return 0
end

-- ---- a task that takes all ----------------------------------------------------------------------

local KINDS = {"tasks", "threads", "ports", "port_sets", "semaphores", "messages_queued",
               "map_entries", "vm_objects"}

-- What has ended is taken to pieces step by step.
local function same_objects(t, before)
    local after, more
    for _ = 1, 300 do
        after, more = counts.host(), {}
        for _, kind in ipairs(KINDS) do
            if after[kind] > before[kind] then more[kind] = after[kind] - before[kind] end
        end
        if next(more) == nil then return end
        clock.sleep(1)
    end
    t.eq(more, {}, "more than before")
end

function gluttons.used_by(task)
    local kr, _, used = mach.minato_task_get_limits(task)
    must(kr, "get_limits")
    return used
end

-- Makes a task that may have so much more than it begins with, and waits; `body` is what it does
-- then. It gets a function with which it reports a value, and then waits to be ended; or, if it gives
-- that a function as well, to be told to call it; `value` is its args.value. A spare port has messages
-- that make room for the report.
function gluttons.glutton(more, body, value)
    local g = {report = ports.both(), go = ports.both(), before = counts.host()}
    g.child = spawn.task(function()
        local function text(value)
            if type(value) ~= "table" then return ("%q"):format(value) end
            local parts = {}
            for k, v in pairs(value) do parts[#parts + 1] = ("[%q]=%s"):format(k, text(v)) end
            return "{" .. table.concat(parts, ",") .. "}"
        end
        local body, report = load(args.body, "=glutton", "b"), args.report
        local said, loaded = pcall(function()
            for _, name in ipairs{"ports", "semaphores", "memory", "threads"} do require(name) end
        end)
        assert(said, loaded)
        local spare = require "ports".allocate()
        for _ = 1, 4 do mach.send{remote = spare, disp = mach.MACH_MSG_TYPE_MAKE_SEND} end
        mach.receive{port = args.go}
        body(function(value, clean_up)
            local bytes = text(value)
            require "ports".kill(spare)
            local kr = mach.send{remote = report, disp = mach.MACH_MSG_TYPE_COPY_SEND,
                                 body = bytes .. (" "):rep(-#bytes % 4)}
            if kr ~= 0 then print("report", mach.error_string(kr)) end
            mach.receive{port = args.go}
            clean_up()
        end)
    end, {body = string.dump(body), value = value},
         {report = g.report, go = {g.go, mach.MACH_MSG_TYPE_MOVE_RECEIVE}})
    ports.wait_until(g.go, "waiters", 1)
    local limits, used = {}, gluttons.used_by(g.child.task)
    for kind, amount in pairs(more) do limits[kind] = used[kind] + amount end
    tasks.set_limits(g.child.task, limits)
    return g
end

-- Lets it go, calling the witness until it has reported; the report.
function gluttons.watch(t, g)
    local longest, calls, kr, msg = 0, 0, nil, nil
    must(mach.send{remote = g.go, disp = mach.MACH_MSG_TYPE_COPY_SEND}, "go")
    repeat
        longest, calls = math.max(longest, gluttons.ask(t)), calls + 1
        kr, msg = mach.receive{port = g.report, timeout = 0}
    until kr == 0 or calls == 20000 or ports.type_of(g.child.task) ~= mach.MACH_PORT_TYPE_SEND
    if kr ~= 0 then kr, msg = mach.receive{port = g.report, timeout = 0} end -- its last words
    for _ = 1, 50 do longest = math.max(longest, gluttons.ask(t)) end -- while it has all
    t.ok(longest <= LONGEST_MS, ("the longest of %d calls: %.3f ms"):format(calls, longest))
    return kr == 0 and load("return " .. msg.body)() or {}
end

function gluttons.finish(t, g, told)
    if told then
        must(mach.send{remote = g.go, disp = mach.MACH_MSG_TYPE_COPY_SEND}, "go")
    else
        mach.task_terminate(g.child.task)
    end
    local longest = 0
    for _ = 1, 50 do longest = math.max(longest, gluttons.ask(t)) end
    t.ok(longest <= LONGEST_MS, ("while it ends: %.3f ms"):format(longest))
    g.child:wait(5000)
    ports.destroy(g.report, g.go)
    same_objects(t, g.before)
end

-- All of it; what was reported.
function gluttons.glut(t, more, body)
    local g = gluttons.glutton(more, body)
    local report = gluttons.watch(t, g)
    gluttons.finish(t, g)
    return report
end

function gluttons.dismiss_witness(t)
    t.ok(asked > 500, asked .. " calls were answered")
    mach.task_terminate(witness.task)
    witness:wait(1000)
    ports.deallocate(port)
end

return gluttons
