-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 120
-- Large numbers: calls that list things list all of them, and nothing takes longer than its size
-- warrants. Manual: mach_port_names, mach_port_get_set_status, mach_msg.

local must, ports = require "must", require "ports"
local notifications, memory, now = require "notifications", require "memory", require "clock".now
local allocate, both, destroy, kill = ports.allocate, ports.both, ports.destroy, ports.kill

local self = mach.mach_task_self()
local RECEIVE, SET = mach.MACH_PORT_RIGHT_RECEIVE, mach.MACH_PORT_RIGHT_PORT_SET
local MAKE_SEND, COPY_SEND = mach.MACH_MSG_TYPE_MAKE_SEND, mach.MACH_MSG_TYPE_COPY_SEND
local MOVE_RECEIVE = mach.MACH_MSG_TYPE_MOVE_RECEIVE

test("mach_port_names and mach_port_get_set_status tell 40,000 names", function(t)
    local set, list = allocate(SET), {}
    for i = 1, 40000 do
        list[i] = allocate(RECEIVE)
        must(mach.mach_port_move_member(self, list[i], set), "move_member")
    end
    local kr, names, types = mach.mach_port_names(self)
    t.eq(kr, 0, "mach_port_names")
    t.ok(kr ~= 0 or #names > 40000 and #types == #names, "all of them")
    local kr, members = mach.mach_port_get_set_status(self, set)
    t.eq(kr, 0, "mach_port_get_set_status")
    t.eq(kr == 0 and #members, 40000, "members")
    destroy(set)
    for _, name in ipairs(list) do kill(name) end
end)

-- ---- long works ---------------------------------------------------------------------------------
-- The kernel's clock must be read every 50 ms. A work that shuts interrupts out for longer makes it
-- lose time. Nobody inside can see that on the clock; but the kernel takes the ratio of cycles to
-- time since boot, so afterwards the same loop seems to take less time.

local function spent()
    local kr, info = mach.task_info(self, mach.TASK_THREAD_TIMES_INFO)
    must(kr, "task_info")
    return info.user_time.seconds * 1000000 + info.user_time.microseconds
end

-- The best of five: the others have met a timer interrupt or two.
local function loop_time()
    local best = math.maxinteger
    for _ = 1, 5 do
        local begin = spent()
        for _ = 1, 50000 do end
        best = math.min(best, spent() - begin)
    end
    return best
end

-- Runs `work`, and computes from a loop before and after it how many milliseconds the clock lost.
local function keeps_time(t, work)
    local before = loop_time()
    work()
    local after = loop_time()
    local lost = now() * (before - after) // after
    t.ok(lost < 50, ("the clock has lost %d ms"):format(lost))
end

local function wait_for(port)
    local kr, msg = mach.receive{port = port, timeout = 60000, max = 4096}
    must(kr, "receive")
    return msg
end

test("the clock keeps time while 6,000 receive rights go to a port 6,000 queues down", function(t)
    local bottom = both()
    local top, names = bottom, {}
    for i = 1, 6000 do
        local port = allocate(RECEIVE)
        must((mach.send{remote = port, disp = MAKE_SEND, ports = {{top, MOVE_RECEIVE}}}), "send")
        top, names[i] = port, allocate(RECEIVE)
    end
    keeps_time(t, function()
        local message = {remote = bottom, disp = COPY_SEND, ool_ports = {{names, MOVE_RECEIVE}}}
        t.eq(mach.send(message), 0, "send")
    end)
    keeps_time(t, function() kill(top) end) -- and with it all the others
    ports.deallocate(bottom) -- the dead name
end)

test("the clock keeps time while 30,000 rights are sent and received", function(t)
    local port, names = both(), {}
    for i = 1, 30000 do names[i] = port end
    keeps_time(t, function()
        t.eq(mach.send{remote = port, disp = COPY_SEND, ool_ports = {{names, COPY_SEND}}}, 0,
             "send")
        t.eq(mach.receive{port = port, timeout = 0}, 0, "receive")
    end)
    destroy(port)
end)

test("the clock keeps time while a task with 20,000 ports and messages ends", function(t)
    local ready = both()
    local child = spawn.task(function()
        for _ = 1, 20000 do
            assert(mach.send{remote = mach.mach_reply_port(), body = "text",
                             disp = mach.MACH_MSG_TYPE_MAKE_SEND} == 0)
        end
        mach.send{remote = args.ready, disp = mach.MACH_MSG_TYPE_COPY_SEND}
        mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 1000, tv_nsec = 0})
    end, {}, {ready = ready})

    wait_for(ready)
    keeps_time(t, function() must(mach.task_terminate(child.task), "task_terminate") end)
    child:wait(1000)
    destroy(ready)
end)

test("the clock keeps time while 20,000 tasks' names hear of a port's death", function(t)
    local port, notify = allocate(RECEIVE), allocate(RECEIVE)
    local names = {}
    for i = 1, 20000 do
        names[i] = ports.once(port)
        notifications.ask(names[i], mach.MACH_NOTIFY_DEAD_NAME, notify)
    end
    keeps_time(t, function() kill(port) end)
    keeps_time(t, function() kill(notify) end)
    for _, name in ipairs(names) do destroy(name) end
end)

test("the clock keeps time while a gigabyte of untouched memory is copied", function(t)
    local address = memory.allocate(1 << 30)
    keeps_time(t, function()
        must(mach.vm_copy(self, address, 1 << 29, address + (1 << 29)), "vm_copy")
    end)
    memory.release(address, 1 << 30)
end)

test("vm_copy over 2,000 map entries costs at most three times what it costs over 1,000",
function(t)
    local function cost(entries)
        local from, to = memory.allocate(entries * 4096), memory.allocate(entries * 4096)
        for i = 0, entries - 1 do
            memory.write(from + i * 4096, "x")
            -- No entry becomes one with the next.
            must(mach.vm_inherit(self, from + i * 4096, 4096, i % 2 + 1), "vm_inherit")
        end
        local function spent()
            local kr, info = mach.task_info(self, mach.TASK_THREAD_TIMES_INFO)
            must(kr, "task_info")
            return info.system_time.seconds * 1000000 + info.system_time.microseconds
        end
        local begin = spent()
        must(mach.vm_copy(self, from, entries * 4096, to), "vm_copy")
        local took = spent() - begin
        memory.release(from, entries * 4096)
        memory.release(to, entries * 4096)
        return took
    end
    local small, large = cost(1000), cost(2000)
    t.ok(large <= 3 * small, ("%d us, then %d us"):format(small, large))
end)
