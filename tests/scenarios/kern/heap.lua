-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 30
-- Kernel objects that come and go: none leaves a byte in the kernel's heap, whichever way it ends. What
-- each of them does while it lives: the scenarios of its name. Counted: minato_host_counts.

local must, ports, tasks = require "must", require "ports", require "tasks"
local counts, clock, locks = require "counts", require "clock", require "locks"
local semaphores = require "semaphores"

local self = mach.mach_task_self()
local MAKE_SEND, MOVE_RECEIVE = mach.MACH_MSG_TYPE_MAKE_SEND, mach.MACH_MSG_TYPE_MOVE_RECEIVE
local kr, host, device = mach.bootstrap_ports(mach.bootstrap_port)
must(kr, "bootstrap_ports")
local LINE = 8 -- the battery clock's

-- Bytes by which the heap is larger after 100 rounds of `body`; a slab may come and go.
local function grown(body)
    for _ = 1, 3 do body() end
    clock.sleep(5) -- what ends step by step has ended
    local before = counts.host().kernel_heap
    for _ = 1, 100 do body() end
    clock.sleep(5)
    return counts.host().kernel_heap - before
end

local function leaves_nothing(t, what, body)
    local more = grown(body)
    t.ok(more < 1000, ("%s: %d bytes more after 100 times"):format(what, more))
end

test("Semaphores and lock sets, destroyed or ended with their task.", function(t)
    leaves_nothing(t, "semaphores", function() semaphores.destroy(semaphores.create()) end)
    leaves_nothing(t, "lock sets", function() locks.destroy(locks.create(3)) end)
    leaves_nothing(t, "both, of a task", function()
        local task = tasks.create()
        local kr, semaphore = mach.semaphore_create(task, 0, 1)
        local kr2, set = mach.lock_set_create(task, 3, 0)
        must(kr, "semaphore_create")
        must(kr2, "lock_set_create")
        tasks.terminate(task)
        ports.deallocate(semaphore, set)
    end)
end)

test("Parts of a device port, and their sums.", function(t)
    leaves_nothing(t, "device_io_subset, device_join", function()
        local kr, part = mach.device_io_subset(device, 0x70, 2, 1 << LINE)
        must(kr, "device_io_subset")
        local kr, both = mach.device_join(part, device)
        must(kr, "device_join")
        ports.deallocate(part, both)
    end)
end)

test("Interrupt lines that are detached, and those that go on to another when their port has died.",
function(t)
    leaves_nothing(t, "device_interrupt_attach", function()
        local first, second = ports.allocate(), ports.allocate()
        must(mach.device_interrupt_attach(device, LINE, first, MAKE_SEND), "attach")
        ports.destroy(first)
        must(mach.device_interrupt_attach(device, LINE, second, MAKE_SEND), "attach")
        must(mach.device_interrupt_detach(device, LINE), "detach")
        ports.destroy(second)
    end)
end)

test("Alarms that ring, and those that their port's death ends.", function(t)
    local kr, real_time = mach.host_get_clock_service(mach.mach_host_self(), mach.REALTIME_CLOCK)
    must(kr, "host_get_clock_service")
    local function alarm(port, sec)
        return mach.clock_alarm(real_time, mach.TIME_RELATIVE, {tv_sec = sec, tv_nsec = 0}, port)
    end
    local port = ports.allocate()
    leaves_nothing(t, "at once", function()
        must(alarm(port, 0), "clock_alarm")
        must((mach.receive{port = port, timeout = 0}), "receive")
    end)
    leaves_nothing(t, "not any more", function()
        local other = ports.allocate()
        must(alarm(other, 1000), "clock_alarm")
        ports.destroy(other)
    end)
    ports.destroy(port)
    ports.deallocate(real_time)
end)

test("Alarms that nobody can pay.", function(t)
    local function child()
        local child = spawn.task(function()
            local _, clock = mach.host_get_clock_service(mach.mach_host_self(), 0)
            local ports, refused = require "ports", 0
            local port = ports.allocate()
            require("tasks").set_limits(mach.mach_task_self(), {message_bytes = 20000})
            for _ = 1, 150 do
                local kr = mach.clock_alarm(clock, 1, {tv_sec = 1000, tv_nsec = 0}, port)
                if kr == mach.KERN_RESOURCE_SHORTAGE then refused = refused + 1 end
                mach.receive{port = port, timeout = 0} -- that the right is gone
            end
            ports.destroy(port) -- makes room for what follows
            return refused
        end)
        local ok, refused = child:wait(5000)
        t.ok(ok and refused > 100, "refused: " .. tostring(refused))
        clock.sleep(5)
    end
    child()
    local before = counts.host().kernel_heap
    child()
    local more = counts.host().kernel_heap - before
    t.ok(more < 8192, more .. " bytes more after 100 that were refused")
end)

test("Arrays for the emulation vector.", function(t)
    local task = tasks.create()
    leaves_nothing(t, "task_set_emulation_vector", function()
        must(mach.task_set_emulation_vector(task, mach.EMULATION_VECTOR_INT80, {0x1000}), "set")
        must((mach.task_get_emulation_vector(task)), "get")
    end)
    tasks.terminate(task)
end)

test("Ports that die while send-once notifications wait for room in them.", function(t)
    leaves_nothing(t, "ports", function()
        local other, port = tasks.create(), ports.both()
        local once = {ports.once(port), ports.once(port), ports.once(port)}
        must(mach.send{remote = port, disp = mach.MACH_MSG_TYPE_COPY_SEND}, "send")
        must(mach.mach_port_insert_right(other, 0x7a000001, port, MOVE_RECEIVE), "insert_right")
        tasks.set_limits(other, {message_bytes = 0})
        ports.deallocate(table.unpack(once))
        t.eq(ports.state_in(other, 0x7a000001, "queue_length", "sorights"),
             {mach.MACH_PORT_TYPE_RECEIVE, 0, 1, 3}, "three wait")
        tasks.terminate(other)
        ports.deallocate(port)
    end)
end)

test("Tasks that end after the one that made them and the one that made that.", function(t)
    leaves_nothing(t, "three tasks", function()
        local top = tasks.create()
        local middle = tasks.create(top)
        local bottom = tasks.create(middle)
        tasks.terminate(middle, top, bottom)
    end)
end)

test("Tasks one after the other, more than there can be ledgers at once.", function(t)
    for n = 1, 4200 do -- LEDGERS_MAX is 4096
        local kr, task = mach.task_create(self, {}, false)
        if kr ~= 0 then
            t.eq(kr, 0, "task " .. n)
            break
        end
        tasks.terminate(task)
    end
end)
