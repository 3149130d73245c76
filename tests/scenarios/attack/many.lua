-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 120
-- Large numbers: calls that list things list all of them, and nothing takes longer than its size
-- warrants. Manual: mach_port_names, mach_port_get_set_status, mach_msg.

local must, ports = require "must", require "ports"
local tasks, threads, counts = require "tasks", require "threads", require "counts"
local notifications, memory, semaphores =
    require "notifications", require "memory", require "semaphores"
local now, sleep = require "clock".now, require "clock".sleep
local allocate, both, destroy, kill = ports.allocate, ports.both, ports.destroy, ports.kill

local self = mach.mach_task_self()
local RECEIVE, SET = mach.MACH_PORT_RIGHT_RECEIVE, mach.MACH_PORT_RIGHT_PORT_SET
local MAKE_SEND, COPY_SEND = mach.MACH_MSG_TYPE_MAKE_SEND, mach.MACH_MSG_TYPE_COPY_SEND
local MOVE_RECEIVE = mach.MACH_MSG_TYPE_MOVE_RECEIVE
local PAGE, BASE = 4096, 0x200000

-- ---- long works ---------------------------------------------------------------------------------
-- The kernel's clock must be read every 50 ms. A work that shuts interrupts out for longer makes it
-- lose time, 55 ms at once. The clock does not show it; the processor's count of cycles does.

-- That count, read by a thread without Lua.
local function cycles()
    local page, never = memory.allocate(2 * PAGE), semaphores.create()
    local data = page + PAGE
    -- rdtsc; mov [data], eax; mov [data + 4], edx;
    -- mov esp, data + 256; mov eax, 36 (wait never); int 0x81
    memory.write(page, string.pack("<BB BI4 BBI4 BI4 BI4 BB", 0x0f, 0x31, 0xa3, data, 0x89, 0x15,
                                   data + 4, 0xbc, data + 256, 0xb8, 36, 0xcd, 0x81))
    memory.write(data + 256, string.pack("<I4I4", 0, never))
    local thread = threads.run(self, {eip = page, uesp = data + PAGE})
    threads.wait_until_waiting(thread)
    local low, high = memory.word(data), memory.word(data + 4)
    threads.terminate(thread)
    semaphores.destroy(never)
    memory.release(page, 2 * PAGE)
    return high << 32 | low
end

-- Runs `work`; milliseconds by the clock, and cycles.
local function measure(work)
    local cycle, time = cycles(), now()
    work()
    return now() - time, cycles() - cycle
end

local slept, counted = measure(function() sleep(3000) end)
local CYCLES_PER_MS = counted / slept

-- Does the clock see all the time that `work` takes? (Reading the cycles takes some as well.)
local function keeps_time(t, work)
    local ms, count = measure(work)
    local lost = count / CYCLES_PER_MS - ms
    t.ok(lost < 25, ("the clock has lost %.0f of %.0f ms"):format(lost, ms + lost))
end

test("mach_port_names and mach_port_get_set_status tell 80,000 names", function(t)
    local set, list = allocate(SET), {}
    for i = 1, 80000 do
        list[i] = allocate(RECEIVE)
        must(mach.mach_port_move_member(self, list[i], set), "move_member")
    end
    local kr, names, types
    keeps_time(t, function() kr, names, types = mach.mach_port_names(self) end)
    t.eq(kr, 0, "mach_port_names")
    t.ok(kr ~= 0 or #names > 80000 and #types == #names, "all of them")
    local kr, members = mach.mach_port_get_set_status(self, set)
    t.eq(kr, 0, "mach_port_get_set_status")
    t.eq(kr == 0 and #members, 80000, "members")
    keeps_time(t, function() destroy(set) end)
    for _, name in ipairs(list) do kill(name) end
end)

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

test("the clock keeps time while 30,000 rights are sent, received, dropped", function(t)
    local port, names = both(), {}
    for i = 1, 30000 do names[i] = port end
    local array = {names, COPY_SEND}
    local function send(...)
        must(mach.send{remote = port, disp = COPY_SEND, ool_ports = {...}}, "send")
    end
    keeps_time(t, function() send(array) end)
    keeps_time(t, function() must(mach.receive{port = port, timeout = 0}, "receive") end)
    send(array, array, array)
    keeps_time(t, function() destroy(port) end) -- and with it the message
end)

test("the clock keeps time while a task ends with 40,000 ports, half of them with messages",
function(t)
    local ready = both()
    local child = spawn.task(function()
        for _ = 1, 20000 do mach.mach_reply_port() end
        for _ = 1, 20000 do
            assert(mach.send{remote = mach.mach_reply_port(), body = "text",
                             disp = mach.MACH_MSG_TYPE_MAKE_SEND} == 0)
        end
        mach.send{remote = args.ready, disp = mach.MACH_MSG_TYPE_COPY_SEND}
        mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 1000, tv_nsec = 0})
    end, {}, {ready = ready})

    tasks.lift_limits(child.task)
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

-- A thread of `task` touches each page from `from` to `to`, by `access` to [esi].
local READ, WRITE = "\x8b\x06", "\x89\x06" -- mov eax, [esi]; mov [esi], eax
local function touch(task, access, from, to)
    local code = memory.allocate(PAGE, task)
    -- 1: access; add esi, 4096; cmp esi, to; jb 1b; jmp .
    memory.write(code, access .. string.pack("<BBI4 BBI4 Bb Bb", 0x81, 0xc6, PAGE, 0x81, 0xfe, to,
                                             0x72, -16, 0xeb, -2), task)
    local thread = threads.run(task, {eip = code, uesp = code + PAGE, esi = from})
    repeat
        sleep(5)
        local kr, state = mach.thread_get_state(thread, mach.i386_THREAD_STATE)
        must(kr, "thread_get_state")
    until state.eip == code + 16
    threads.terminate(thread)
end

test("pages that are mapped 500 times take no more memory and time than 500 mappings do", function(t)
    local size, times, heap = 64 * PAGE, 500, counts.host().kernel_heap
    local source, task, first = memory.allocate(size), tasks.create(self, false), nil
    touch(self, WRITE, source, source + size)
    for _ = 1, times do -- one behind the other
        local kr, at = mach.vm_remap(task, 0, size, 0, true, self, source, false, mach.VM_INHERIT_NONE)
        must(kr, "vm_remap")
        first = first or at
    end
    touch(task, READ, first, first + times * size)
    heap = counts.host().kernel_heap - heap
    t.ok(heap < 64 * 1024 + times * 400, ("%d bytes of the kernel's"):format(heap))
    keeps_time(t, function()
        must(mach.vm_protect(task, first, times * size, false, mach.VM_PROT_NONE), "vm_protect")
    end)
    keeps_time(t, function() tasks.terminate(task) end)
    memory.release(source, size)
end)

test("the clock keeps time while 80 MiB may be written no more, and then not read", function(t)
    local task, size = tasks.create(self, false), 80 << 20
    tasks.lift_limits(task)
    local at = memory.allocate(size, task)
    touch(task, WRITE, at, at + size)
    for _, protection in ipairs{mach.VM_PROT_READ, mach.VM_PROT_NONE} do
        keeps_time(t, function()
            must(mach.vm_protect(task, at, size, false, protection), "vm_protect")
        end)
    end
    tasks.terminate(task)
end)

test("the clock keeps time while 20,000 entries of a map are inherited and go", function(t)
    local parent, child = tasks.create(), nil
    tasks.set_limits(parent, {map_entries = 50000}) -- and the child's
    local address = memory.allocate(20000 * PAGE, parent)
    for i = 0, 19999, 2 do -- the others are copied, so no entry becomes one with the next
        must(mach.vm_inherit(parent, address + i * PAGE, PAGE, mach.VM_INHERIT_SHARE), "vm_inherit")
    end
    keeps_time(t, function() child = tasks.create(parent, true) end)
    keeps_time(t, function() memory.release(address, 20000 * PAGE, parent) end)
    keeps_time(t, function() must(mach.task_terminate(child), "task_terminate") end)
    ports.deallocate(child)
    tasks.terminate(parent)
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

test("the clock keeps time while 24,000 entries of a map are copied, sent, written over, joined", function(t)
    local at, size = 0x40000000, 24000 * PAGE
    tasks.with(function(task)
        tasks.lift_limits(task)
        must((mach.vm_allocate(task, at, size, false)), "vm_allocate")
        for offset = 0, size - 1, 2 * PAGE do
            must(mach.vm_inherit(task, at + offset, PAGE, mach.VM_INHERIT_NONE), "vm_inherit")
        end
        keeps_time(t, function() t.eq(mach.vm_copy(task, at, size, at), 0, "vm_copy") end)
        keeps_time(t, function() t.eq((mach.vm_read(task, at, size // 2)), 0, "vm_read") end)
        keeps_time(t, function()
            t.eq(mach.vm_inherit(task, at, size, mach.VM_INHERIT_SHARE), 0, "vm_inherit")
        end)
    end)
end)

test("the clock keeps time while 20,000 entries that cannot be joined are seen, changed, shared", function(t)
    local count, at, to = 20000, 0x40000000, 0x80000000
    tasks.with(function(task)
        tasks.lift_limits(task)
        must((mach.vm_allocate(task, BASE, PAGE, false)), "vm_allocate")
        for i = 0, count - 1 do
            must((mach.vm_remap(task, at + i * PAGE, PAGE, 0, false, task, BASE, false,
                                mach.VM_INHERIT_COPY)), "vm_remap")
        end
        for place = 0, count - 1, count - 1 do -- regions below, above
            keeps_time(t, function() t.eq((mach.vm_region(task, at + place * PAGE, 10)), 0) end)
        end
        keeps_time(t, function()
            t.eq(mach.vm_inherit(task, at, count * PAGE, mach.VM_INHERIT_NONE), 0, "vm_inherit")
        end)
        keeps_time(t, function()
            t.eq((mach.vm_remap(task, to, count * PAGE, 0, false, task, at, false,
                                mach.VM_INHERIT_COPY)), 0, "vm_remap")
        end)
    end)
end)
