-- SPDX-License-Identifier: BSD-2-Clause
-- The memory object of clock_map_time: who gets it, how it can be mapped, what becomes of it. How time is
-- read there: user/bin/libtest/clocks.c, and here by a thread that copies a word of it. Contract:
-- clock.defs; manual: clock_map_time, mapped_tvalspec.

local must, ports, tasks = require "must", require "ports", require "tasks"
local threads, memory, clock = require "threads", require "memory", require "clock"

local self, host = mach.mach_task_self(), mach.mach_host_self()
local PAGE, READ = 4096, mach.VM_PROT_READ

local function clock_of(id)
    local kr, port = mach.host_get_clock_service(host, id)
    must(kr, "host_get_clock_service")
    return port
end

local function map(object, task, size, cur, max)
    return mach.vm_map(task or self, 0, size or PAGE, 0, true, object, 0, false, cur or READ,
                       max or READ, mach.VM_INHERIT_SHARE)
end

-- The time in the page, in milliseconds, read without a call by a thread of that task.
local function time_in(page, task)
    local code = memory.allocate(2 * PAGE, task)
    -- mov eax, [page]; mov [code + PAGE], eax; mov eax, [page + 4]; mov [code + PAGE + 4], eax;
    -- mov eax, [page + 8]; mov [code + PAGE + 8], eax; 1: jmp 1b
    memory.write(code, string.pack("<BI4BI4 BI4BI4 BI4BI4 Bb", 0xa1, page, 0xa3, code + PAGE, 0xa1,
        page + 4, 0xa3, code + PAGE + 4, 0xa1, page + 8, 0xa3, code + PAGE + 8, 0xeb, -2), task)
    local thread = threads.run(task or self, {eip = code, uesp = code + 2 * PAGE})
    clock.sleep(2)
    threads.terminate(thread)
    local sec, nsec, check = string.unpack("<I4I4I4", memory.read(code + PAGE, 12, task))
    mach.vm_deallocate(task or self, code, 2 * PAGE)
    return sec * 1000 + nsec / 1000000, check - sec
end

test("A task that maps the object reads the time there, and goes on reading it.", function(t)
    local port, task = clock_of(mach.REALTIME_CLOCK), tasks.create()
    local kr, object = mach.clock_map_time(port)
    t.eq({kr, select(2, mach.minato_port_info(self, object)).object},
         {0, mach.MINATO_OBJECT_MEMORY_OBJECT}, "what clock_map_time gives")
    local kr, page = map(object, task)
    t.eq(kr, 0, "vm_map into another task")
    ports.deallocate(object)
    for i = 1, 5 do
        local before = clock.now()
        local time, off = time_in(page, task)
        t.ok(time >= before - 2 and time <= clock.now(), ("%.3f, not %.3f"):format(time, before))
        t.eq(off, 0, "check seconds")
        clock.sleep(333)
    end
    tasks.terminate(task)
    ports.deallocate(port)
end)

test("It is right at once for who comes after a while in which nobody had it.", function(t)
    local port = clock_of(mach.REALTIME_CLOCK)
    for i = 1, 3 do
        local kr, object = mach.clock_map_time(port)
        must(kr, "clock_map_time")
        local kr, page = map(object)
        must(kr, "vm_map")
        local before = clock.now()
        local time = time_in(page)
        t.ok(time >= before - 2 and time <= clock.now(), ("%.3f, not %.3f"):format(time, before))
        must(mach.vm_deallocate(self, page, PAGE), "vm_deallocate")
        ports.deallocate(object)
        clock.sleep(1000)
    end
    ports.deallocate(port)
end)

-- The first time the calls take longer than the page is wrong when nobody sets it.
test("It is right before clock_map_time is back.", function(t)
    local port, at, code = clock_of(mach.REALTIME_CLOCK), 0x40000000, memory.allocate(2 * PAGE)
    -- mov eax, [at + 8]; mov [code + PAGE], eax; 1: jmp 1b
    memory.write(code, string.pack("<BI4BI4 Bb", 0xa1, at + 8, 0xa3, code + PAGE, 0xeb, -2))
    for round = 1, 2 do
        local thread = threads.create(self)
        must(mach.thread_set_state(thread, mach.i386_THREAD_STATE, {eip = code, uesp = code + 2 * PAGE}),
             "thread_set_state")
        clock.sleep(1500) -- in which nobody has it
        local kr, object = mach.clock_map_time(port)
        local kr2 = mach.vm_map(self, at, PAGE, 0, false, object, 0, false, READ, READ, 1)
        mach.thread_resume(thread)
        clock.sleep(0.1)
        t.eq({kr, kr2}, {0, 0}, "clock_map_time, vm_map")
        t.eq(memory.word(code + PAGE), clock.now() // 1000 | 0, "seconds, round " .. round)
        threads.terminate(thread)
        must(mach.vm_deallocate(self, at, PAGE), "vm_deallocate")
        ports.deallocate(object)
    end
    memory.release(code, 2 * PAGE)
    ports.deallocate(port)
end)

test("It can be read only, and only its page; the calendar has none: KERN_FAILURE.", function(t)
    local port, calendar = clock_of(mach.REALTIME_CLOCK), clock_of(mach.BATTERY_CLOCK)
    t.eq((mach.clock_map_time(calendar)), mach.KERN_FAILURE, "the calendar")
    local kr, object = mach.clock_map_time(port)
    local WRITE, ALL = mach.VM_PROT_WRITE, mach.VM_PROT_ALL
    for what, given in pairs{write = {READ | WRITE, ALL}, maximum = {READ, ALL},
                             above = {READ | WRITE, READ}} do
        t.eq((map(object, self, PAGE, given[1], given[2])), mach.KERN_PROTECTION_FAILURE, what)
    end
    t.eq((map(object, self, 2 * PAGE)), mach.KERN_INVALID_ARGUMENT, "two pages")
    t.eq((mach.vm_map(self, 0, PAGE, 0, true, object, PAGE, false, READ, READ, 1)),
         mach.KERN_INVALID_ARGUMENT, "the page behind it")
    t.eq((mach.vm_map(self, 0, PAGE, 0, true, object, 0, true, READ, READ, 1)),
         mach.KERN_RESOURCE_SHORTAGE, "a copy")
    t.eq((map(port)), mach.KERN_INVALID_OBJECT, "the clock itself")
    local kr, page = map(object)
    t.eq(kr, 0, "to read")
    t.eq(mach.vm_protect(self, page, PAGE, false, READ | WRITE), mach.KERN_PROTECTION_FAILURE,
         "vm_protect")
    t.eq(mach.vm_write(self, page, "now"), mach.KERN_PROTECTION_FAILURE, "vm_write")
    t.eq((mach.vm_read(self, page, 8)), mach.KERN_PROTECTION_FAILURE, "vm_read")
    must(mach.vm_deallocate(self, page, PAGE), "vm_deallocate")
    ports.deallocate(object, port, calendar)
end)
