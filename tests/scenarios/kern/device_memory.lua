-- SPDX-License-Identifier: BSD-2-Clause
-- Memory of devices by capability, and memory for devices: parts of a device port and their sum,
-- mapping, what can and cannot be done with such memory. The device is the firmware's memory, 0xe0000
-- to 0xfffff, of which a scenario is given all. What is in it, a few bytes of machine code read.
-- Contracts: device_io.defs. I/O ports and interrupts: device.lua.

local must, ports, tasks, threads = require "must", require "ports", require "tasks", require "threads"
local memory, counts, sleep = require "memory", require "counts", require "clock".sleep
local deallocate, destroy = ports.deallocate, ports.destroy

local self = mach.mach_task_self()
local PAGE, CODE, RESULT = 4096, 0x100000, 0x200000 -- of a task with a driver in it
local ROM, ROM_SIZE = 0xe0000, 0x20000
local INVALID_VALUE, NO_ACCESS, BAD = mach.KERN_INVALID_VALUE, mach.KERN_NO_ACCESS,
    mach.KERN_INVALID_ARGUMENT
local PROTECTED = mach.KERN_PROTECTION_FAILURE
local BASIC = mach.VM_REGION_BASIC_INFO

local kr, host, device = mach.bootstrap_ports(mach.bootstrap_port)
must(kr, "bootstrap_ports")
deallocate(host)

local function driver_task()
    local task = tasks.create()
    for _, at in ipairs{CODE, RESULT} do
        must((mach.vm_allocate(task, at, PAGE, false)), "vm_allocate")
    end
    return task
end

local function subset(of, physical, size)
    local kr, part = mach.device_memory_subset(of, physical, size)
    must(kr, "device_memory_subset")
    return part
end

local function map(task, physical, size, at)
    local kr, address = mach.device_memory_map(device, task, physical, size, at or 0, at == nil)
    must(kr, "device_memory_map")
    return address
end

local function word(n) return string.pack("<I4", n) end

-- Copies bytes within the task by its own instructions; false if it has not survived.
local function move(task, from, to, size)
    memory.write(RESULT + PAGE - 4, word(0), task)
    -- mov esi, from; mov edi, to; mov ecx, size; rep movsb; inc dword [RESULT + PAGE - 4]; stay
    memory.write(CODE, "\xbe" .. word(from) .. "\xbf" .. word(to) .. "\xb9" .. word(size) .. "\xf3\xa4" ..
                       "\xff\x05" .. word(RESULT + PAGE - 4) .. "\xeb\xfe", task)
    local thread, done = threads.run(task, {eip = CODE}), false
    for _ = 1, 20 do
        sleep(1)
        local kr, bytes = mach.vm_read(task, RESULT + PAGE - 4, 4)
        done = kr == 0 and bytes == word(1)
        if kr ~= 0 or done then break end
    end
    mach.thread_terminate(thread)
    deallocate(thread)
    return done
end

-- What the task reads there: `size` bytes; nil if it has not survived.
local function peek(task, at, size)
    return move(task, at, RESULT, size) and memory.read(RESULT, size, task) or nil
end

local function poke(task, at, bytes)
    memory.write(RESULT, bytes, task)
    return move(task, RESULT, at, #bytes)
end

-- ---- parts and sums -----------------------------------------------------------------------------

test("device_memory_subset gives a part: the power over what it was made for, no more.", function(t)
    local task, part = tasks.create(), subset(device, ROM + PAGE, 2 * PAGE)
    for what, range in pairs{all = {ROM + PAGE, 2 * PAGE}, second = {ROM + 2 * PAGE, PAGE}} do
        t.eq((mach.device_memory_map(part, task, range[1], range[2], 0, true)), 0, what)
    end
    for what, range in pairs{before = {ROM, PAGE}, behind = {ROM + 3 * PAGE, PAGE},
                             around = {ROM, 4 * PAGE}, over = {ROM + 2 * PAGE, 2 * PAGE}} do
        t.eq(mach.device_memory_map(part, task, range[1], range[2], 0, true), NO_ACCESS, what)
        t.eq(mach.device_memory_subset(part, range[1], range[2]), NO_ACCESS, what)
    end
    t.eq(mach.device_io_subset(part, ROM >> 12, 1, 0), NO_ACCESS, "no I/O port")
    t.eq(mach.device_io_subset(part, 0, 0, 1 << 8), NO_ACCESS, "no interrupt line")
    local port_part = select(2, mach.device_io_subset(device, 0x70, 1, 0))
    t.eq(mach.device_memory_map(port_part, task, 0x70000, PAGE, 0, true), NO_ACCESS,
         "no memory for an I/O port")
    tasks.terminate(task)
    destroy(part, port_part)
end)

test("Nobody has power over memory that the machine works with, nor over what is beyond 4 GiB.", function(t)
    local task = tasks.create()
    for _, physical in ipairs{0x100000, 0x200000, 0x400000, 0xffffe000} do
        t.eq(mach.device_memory_map(device, task, physical, PAGE, 0, true), NO_ACCESS,
             ("%#x"):format(physical))
    end
    for what, range in pairs{["no size"] = {ROM, 0}, ["part of a page"] = {ROM, 100},
                             ["inside a page"] = {ROM + 8, PAGE}, wraps = {0xfffff000, 2 * PAGE},
                             ["wraps far"] = {ROM, 0xfffff000}, both = {1, 1}} do
        t.eq(mach.device_memory_map(device, task, range[1], range[2], 0, true), INVALID_VALUE, what)
        t.eq(mach.device_memory_subset(device, range[1], range[2]), INVALID_VALUE, what)
    end
    t.eq(mach.device_memory_subset(device, 0xfffff000, PAGE), NO_ACCESS, "the very last page")
    tasks.terminate(task)
end)

test("device_join: the power of both, up to DEVICE_RANGES_MAX ranges; it lives by itself.",
function(t)
    local task, before = tasks.create(), counts.host().ports
    local a, b = subset(device, ROM, PAGE), select(2, mach.device_io_subset(device, 0x70, 2, 1 << 8))
    local kr, both = mach.device_join(a, b)
    t.eq(kr, 0, "join")
    destroy(a, b)
    t.eq(counts.host().ports, before + 1, "it stands for itself")
    t.eq((mach.device_memory_map(both, task, ROM, PAGE, 0, true)), 0, "the memory")
    t.eq(mach.device_io_port_grant(both, task, 0x70, 2), 0, "the I/O ports")
    t.eq(mach.device_interrupt_ack(both, 8), mach.KERN_FAILURE, "the line")
    t.eq(mach.device_memory_map(both, task, ROM + PAGE, PAGE, 0, true), NO_ACCESS, "no more memory")
    t.eq(mach.device_io_port_grant(both, task, 0x72, 1), NO_ACCESS, "no more I/O ports")
    for what, name in pairs{task = task, thread = mach.mach_thread_self(), null = 0} do
        t.eq(mach.device_join(both, name), BAD, what)
    end
    -- 2, 4, 8 ranges; a sum of more is refused.
    local kr, four = mach.device_join(both, both)
    local kr2, eight = mach.device_join(four, four)
    t.eq({kr, kr2, mach.DEVICE_RANGES_MAX}, {0, 0, 8}, "eight ranges")
    t.eq(mach.device_join(eight, both), mach.KERN_NO_SPACE, "more")
    t.eq(mach.device_join(both, eight), mach.KERN_NO_SPACE, "the other way round")
    t.eq((mach.device_memory_map(eight, task, ROM, PAGE, 0, true)), 0, "eight work")
    destroy(both, four, eight)
    t.eq(counts.host().ports, before, "ports in the kernel")
    tasks.terminate(task)
end)

-- ---- mapping ------------------------------------------------------------------------------------

test("device_memory_map shows the device's memory, wherever it is asked for.", function(t)
    local task = driver_task()
    local at = map(task, ROM, ROM_SIZE)
    -- The first instruction of every PC: a far jump into the segment 0xf000.
    local start = peek(task, at + ROM_SIZE - 16, 5)
    t.eq(start and {start:byte(1), string.unpack("<I2", start, 4)}, {0xea, 0xf000, 6}, "at ffff0")
    local last = map(task, ROM + ROM_SIZE - PAGE, PAGE, 0x700000)
    t.eq(last, 0x700000, "at an address of our choice")
    t.eq(peek(task, last + PAGE - 16, 16), peek(task, at + ROM_SIZE - 16, 16), "the same, twice mapped")
    t.eq(mach.device_memory_map(device, task, ROM, PAGE, 0x700000, false), mach.KERN_NO_SPACE, "taken")
    t.eq(mach.device_memory_map(device, task, ROM, PAGE, 0xc0000000, false), mach.KERN_INVALID_ADDRESS,
         "in the kernel")
    t.eq(mach.device_memory_map(device, mach.mach_thread_self(), ROM, PAGE, 0, true), BAD, "no task")
    tasks.terminate(task)
end)

test("Unmapped it is gone; protection counts; every page of it is resident at a touch.", function(t)
    local task = driver_task()
    local at = map(task, ROM, 4 * PAGE, 0x700000)
    t.ok(peek(task, at, 1), "a read")
    local before = counts.task(task).resident_pages
    t.ok(peek(task, at + PAGE, 1), "another")
    t.eq(counts.task(task).resident_pages, before + 1, "one page more")
    for page = 0, 3, 3 do -- one that has been touched, and one that has not
        t.eq(mach.vm_protect(task, at + page * PAGE, PAGE, false, mach.VM_PROT_READ), 0, "vm_protect")
    end
    t.eq(mach.vm_protect(task, at, PAGE, true, mach.VM_PROT_ALL), PROTECTED, "execution was never allowed")
    t.eq(mach.vm_deallocate(task, at + PAGE, PAGE), 0, "vm_deallocate")
    t.ok(peek(task, at, 1), "the first page is still there")
    t.eq(counts.task(task).resident_pages, before, "resident pages")
    t.ok(peek(task, at + 2 * PAGE, PAGE), "and the third")
    t.ok(peek(task, at + 3 * PAGE, 1), "and the fourth")
    t.eq(poke(task, at + 3 * PAGE, "x"), false, "a write to it ends the task")
    deallocate(task)
    task = driver_task()
    at = map(task, ROM, 4 * PAGE, 0x700000)
    must(mach.vm_protect(task, at, PAGE, false, mach.VM_PROT_READ), "vm_protect")
    t.ok(peek(task, at, 1), "a read")
    t.eq(poke(task, at, "x"), false, "a write to the first ends the task")
    deallocate(task)
    task = driver_task()
    at = map(task, ROM, 4 * PAGE, 0x700000)
    t.eq(mach.vm_deallocate(task, at + PAGE, PAGE), 0, "vm_deallocate")
    t.eq(peek(task, at + PAGE, 1), nil, "a read of the second ends the task")
    deallocate(task)
end)

test("It is not copied on write: vm_read, vm_write, vm_copy and virtual copies in messages are refused.",
function(t)
    local at, port = map(self, ROM, 2 * PAGE), ports.both()
    local mine = memory.allocate(3 * PAGE)
    t.eq(mach.vm_read(self, at, 4), PROTECTED, "vm_read")
    t.eq(mach.vm_read(self, at, 2 * PAGE), PROTECTED, "of whole pages")
    t.eq(mach.vm_write(self, at, "ahoy"), PROTECTED, "vm_write")
    t.eq(mach.vm_write(self, at, ("x"):rep(PAGE)), PROTECTED, "of a whole page")
    t.eq(mach.vm_copy(self, at, PAGE, mine), PROTECTED, "vm_copy from it")
    t.eq(mach.vm_copy(self, mine, PAGE, at + PAGE), PROTECTED, "vm_copy to it")
    local function send(copy)
        return mach.send{remote = port, disp = mach.MACH_MSG_TYPE_COPY_SEND,
                         ool = {{addr = at + 100, size = 8, copy = copy}}}
    end
    t.eq(send(mach.MACH_MSG_VIRTUAL_COPY), mach.MACH_SEND_INVALID_MEMORY, "out-of-line data")
    t.eq(send(mach.MACH_MSG_PHYSICAL_COPY), 0, "a physical copy is made byte by byte")
    local kr, msg = mach.receive{port = port, timeout = 0}
    t.eq({kr, kr == 0 and #msg.ool[1].data}, {0, 8}, "and arrives")
    -- Memory that begins as ours and ends as the device's.
    local edge = map(self, ROM, PAGE, mine + 3 * PAGE)
    t.eq(mach.vm_read(self, edge - PAGE, 2 * PAGE), PROTECTED, "the second half of a range")
    memory.release(edge, PAGE)
    memory.release(mine, 3 * PAGE)
    memory.release(at, 2 * PAGE)
    destroy(port)
end)

test("A child has none of it unless its inheritance is changed; then it is the same memory.", function(t)
    local parent = driver_task()
    local at = map(parent, ROM + ROM_SIZE - PAGE, PAGE, 0x700000)
    local start = peek(parent, at + PAGE - 16, 16)
    local child = tasks.create(parent, true)
    t.eq((mach.vm_region(child, at, BASIC)), mach.KERN_INVALID_ADDRESS, "nothing there or above")
    tasks.terminate(child)
    for what, inheritance in pairs{share = mach.VM_INHERIT_SHARE, copy = mach.VM_INHERIT_COPY} do
        t.eq(mach.vm_inherit(parent, at, PAGE, inheritance), 0, "vm_inherit " .. what)
        child = tasks.create(parent, true)
        t.eq(peek(child, at + PAGE - 16, 16), start, what)
        tasks.terminate(child)
    end
    t.eq(peek(parent, at + PAGE - 16, 16), start, "the parent")
    local other = driver_task()
    local kr, there = mach.vm_remap(other, 0, PAGE, 0, true, parent, at, false, mach.VM_INHERIT_NONE)
    t.eq(kr, 0, "vm_remap")
    tasks.terminate(parent)
    t.eq(peek(other, there + PAGE - 16, 16), start, "in another task, the first is gone")
    tasks.terminate(other)
end)

-- ---- memory for devices -------------------------------------------------------------------------

local function dma(task, size)
    local kr, address, physical = mach.device_dma_allocate(device, task, size)
    must(kr, "device_dma_allocate")
    return address, physical
end

test("device_dma_allocate: cleared memory in a piece, that the task can write to.", function(t)
    local task = driver_task()
    local free, taken = counts.host().pages_free, {}
    for i, size in ipairs{1, PAGE, PAGE + 1, 5 * PAGE, 16 * PAGE} do
        local pages = (size + PAGE - 1) // PAGE
        local at, physical = dma(task, size)
        t.eq({at % PAGE, physical % PAGE}, {0, 0}, "page boundaries")
        t.ok(physical >= 0x100000 and physical + pages * PAGE < 0x38000000, ("at %#x"):format(physical))
        local kr, start, length, info = mach.vm_region(task, at, BASIC)
        t.eq({kr, start + length, info.inheritance, info.protection, info.max_protection},
             {0, at + pages * PAGE, mach.VM_INHERIT_NONE, 3, 3}, "the region, which begins below perhaps")
        for page = 0, pages - 1 do
            local frame = physical // PAGE + page
            t.eq(taken[frame], nil, "not another's")
            taken[frame] = true
        end
        t.eq(peek(task, at + pages * PAGE - 8, 8), ("\0"):rep(8), "cleared")
        t.ok(poke(task, at, "ahoy" .. i), "written")
        t.eq(peek(task, at, 5), "ahoy" .. i, "read again")
        t.eq(mach.vm_read(task, at, 4), PROTECTED, "not copied")
    end
    t.ok(counts.host().pages_free <= free - (1 + 1 + 2 + 8 + 16), "pages taken, in powers of two")
    tasks.terminate(task)
end)

test("Memory for devices goes back when it is mapped nowhere, and not before.", function(t)
    local task = driver_task()
    local free = counts.host().pages_free
    local at = dma(task, 64 * PAGE)
    t.ok(counts.host().pages_free <= free - 64, "taken")
    must(mach.vm_deallocate(task, at, 32 * PAGE), "vm_deallocate")
    t.ok(counts.host().pages_free <= free - 64, "half of it unmapped")
    local other = driver_task()
    local kr, there = mach.vm_remap(other, 0, PAGE, 0, true, task, at + 63 * PAGE, false, 2)
    t.eq(kr, 0, "vm_remap")
    t.ok(poke(task, at + 63 * PAGE, "ahoy"), "written in one task")
    tasks.terminate(task)
    t.eq(peek(other, there, 4), "ahoy", "and there in the other")
    must(mach.vm_deallocate(other, there, PAGE), "vm_deallocate")
    tasks.terminate(other)
    local heap
    for _ = 1, 40 do
        task = tasks.create()
        dma(task, mach.DEVICE_DMA_MAX)
        tasks.terminate(task)
        heap = heap or counts.host().kernel_heap
    end
    t.eq(counts.host().kernel_heap, heap, "bytes of the kernel's objects")
    t.ok(counts.host().pages_free > free - 64, "a hundred and sixty MiB of it came back")
end)

test("Memory for devices counts among the pages of who has asked for it, until it goes back.", function(t)
    local go, report = ports.both(), ports.both()
    local child = spawn.task(function()
        local _, host, device = mach.bootstrap_ports(mach.bootstrap_port)
        mach.receive{port = args.go}
        local kr, n = 0, -1
        while kr == 0 do
            kr = mach.device_dma_allocate(device, mach.mach_task_self(), 64 * 4096)
            n = n + 1
        end
        mach.send{remote = args.report, disp = mach.MACH_MSG_TYPE_COPY_SEND,
                  body = string.pack("<i4i4", kr, n)}
        mach.receive{port = args.go}
    end, {}, {go = {go, mach.MACH_MSG_TYPE_MOVE_RECEIVE}, report = report})
    local function pages() return select(3, mach.minato_task_get_limits(child.task)).pages end
    sleep(50) -- it waits
    local free, before = counts.host().pages_free, pages()
    tasks.set_limits(child.task, {pages = before + 5 * 64 + 32})
    mach.send{remote = go, disp = mach.MACH_MSG_TYPE_COPY_SEND}
    local kr, msg = mach.receive{port = report, timeout = 5000}
    must(kr, "receive")
    t.eq({string.unpack("<i4i4", msg.body)}, {mach.KERN_RESOURCE_SHORTAGE, 5, 9}, "how many it got")
    t.ok(pages() >= before + 5 * 64, "they count")
    mach.send{remote = go, disp = mach.MACH_MSG_TYPE_COPY_SEND}
    child:wait(5000)
    t.ok(counts.host().pages_free > free - 64, "they came back")
    destroy(go, report)
end)

test("Sizes that there are not, more than there is, and no room in the task.", function(t)
    local task, port = tasks.create(), ports.both()
    for _, size in ipairs{0, mach.DEVICE_DMA_MAX + 1, 0x80000000, 0xffffffff} do
        t.eq(mach.device_dma_allocate(device, task, size), INVALID_VALUE, ("%#x bytes"):format(size))
    end
    for what, name in pairs{thread = mach.mach_thread_self(), null = 0, port = port} do
        t.eq(mach.device_dma_allocate(device, name, PAGE), BAD, what)
    end
    local free, kr = counts.host().pages_free, 0
    for _ = 1, 100 do
        kr = mach.device_dma_allocate(device, task, mach.DEVICE_DMA_MAX)
        if kr ~= 0 then break end
    end
    t.eq(kr, mach.KERN_RESOURCE_SHORTAGE, "all of the machine's memory")
    tasks.terminate(task)
    t.ok(counts.host().pages_free > free - 64, "it came back")
    task = tasks.create()
    must((mach.vm_map(task, 0x1000, 0xc0000000 - 0x1000, 0, false, 0, 0, false, 3, 3, 0)), "vm_map")
    free = counts.host().pages_free
    t.eq(mach.device_dma_allocate(device, task, 16 * PAGE), mach.KERN_NO_SPACE, "no room")
    t.eq(mach.device_memory_map(device, task, ROM, PAGE, 0, true), mach.KERN_NO_SPACE, "nor for a map")
    t.ok(counts.host().pages_free >= free - 4, "nothing kept")
    tasks.terminate(task)
    destroy(port)
end)
