-- SPDX-License-Identifier: BSD-2-Clause
-- vm_protect: what may be done to memory, by the task itself and by others on its behalf. The
-- task's own accesses are made by threads of machine code; one that is not allowed ends the task,
-- which the kernel says on the console. Contracts: mach.defs; manual: vm_protect.

local must, ports = require "must", require "ports"
local tasks, threads, memory = require "tasks", require "threads", require "memory"
local sleep = require "clock".sleep

local PAGE = 4096
local NONE, READ, WRITE, EXECUTE, ALL = mach.VM_PROT_NONE, mach.VM_PROT_READ, mach.VM_PROT_WRITE,
    mach.VM_PROT_EXECUTE, mach.VM_PROT_ALL
local RW = READ | WRITE
local REFUSED, INVALID_ADDRESS = mach.KERN_PROTECTION_FAILURE, mach.KERN_INVALID_ADDRESS
local BASE = 0x200000

-- Runs `body(task)` with a task that has `n` pages at BASE, each with its number in it.
local function with_pages(n, body)
    local task = tasks.create()
    must(mach.minato_task_set_name(task, "expected to fail"), "set_name")
    must((mach.vm_allocate(task, BASE, n * PAGE, false)), "vm_allocate")
    for i = 0, n - 1 do
        must(mach.vm_write(task, BASE + i * PAGE, string.char(i + 48)), "vm_write")
    end
    body(task)
    mach.task_terminate(task) -- if it is still there
    ports.deallocate(task)
end

local function protect(task, first, count, protection, set_max)
    return mach.vm_protect(task, BASE + first * PAGE, count * PAGE, set_max or false, protection)
end

-- Current and maximum protection of pages 0 … n - 1, such as "3/7 1/7".
local function protections(task, n)
    local list = {}
    for i = 0, n - 1 do
        local kr, start, size, info = mach.vm_region(task, BASE + i * PAGE,
                                                     mach.VM_REGION_BASIC_INFO)
        list[#list + 1] = kr == 0 and start <= BASE + i * PAGE
            and info.protection .. "/" .. info.max_protection or "-"
    end
    return table.concat(list, " ")
end

local function word(n) return string.pack("<I4", n) end

-- Lets a thread of the task execute `code`, which ends by staying where it is; whether the task is
-- alive afterwards. The code lies in a page of its own.
local function survives(task, code)
    local kr, at = mach.vm_allocate(task, 0x900000, PAGE, false)
    must(kr, "vm_allocate")
    must(mach.vm_write(task, at, code .. "\xeb\xfe"), "vm_write")
    local thread = threads.run(task, {eip = at, uesp = at + PAGE})
    sleep(5)
    local alive = mach.thread_terminate(thread) == 0
    ports.deallocate(thread)
    if alive then must(mach.vm_deallocate(task, at, PAGE), "vm_deallocate") end
    return alive
end

local function load(at) return "\xa1" .. word(at) end         -- mov eax, [at]
local function store(at) return "\xa3" .. word(at) end        -- mov [at], eax
local function jump(at) return "\xb8" .. word(at) .. "\xff\xe0" end -- mov eax, at; jmp eax

test("vm_protect changes all pages that the range touches, and no others.", function(t)
    with_pages(6, function(task)
        t.eq(mach.vm_protect(task, BASE + PAGE + 5, 1, false, READ), 0, "one byte")
        t.eq(mach.vm_protect(task, BASE + 4 * PAGE - 1, 2, false, NONE), 0,
             "two bytes in two pages")
        t.eq(protections(task, 6), "3/7 1/7 3/7 0/7 0/7 3/7")
        t.eq(protect(task, 0, 6, RW), 0, "all")
        t.eq(protections(task, 6), "3/7 3/7 3/7 3/7 3/7 3/7")
        local _, _, size = mach.vm_region(task, BASE, mach.VM_REGION_BASIC_INFO)
        t.eq(size, 6 * PAGE, "one region again")
    end)
end)

test("Without permission vm_write and vm_read are KERN_PROTECTION_FAILURE.", function(t)
    with_pages(3, function(task)
        must(protect(task, 1, 1, READ), "protect")
        t.eq(mach.vm_write(task, BASE + PAGE, "x"), REFUSED, "write to a read-only page")
        t.eq(mach.vm_write(task, BASE, ("x"):rep(2 * PAGE)), REFUSED, "write over it")
        t.eq({mach.vm_read(task, BASE, 1)}, {0, "0"}, "all or nothing")
        t.eq({mach.vm_read(task, BASE + PAGE, 1)}, {0, "1"}, "read")
        must(protect(task, 1, 1, NONE), "protect")
        t.eq((mach.vm_read(task, BASE + PAGE, 1)), REFUSED, "read of a page without permission")
        t.eq((mach.vm_read(task, BASE, 3 * PAGE)), REFUSED, "read over it")
        t.eq(mach.vm_copy(task, BASE, PAGE, BASE + PAGE), REFUSED, "copy to it")
        t.eq(mach.vm_copy(task, BASE + PAGE, PAGE, BASE), REFUSED, "copy from it")
        must(protect(task, 1, 1, RW), "protect")
        t.eq({mach.vm_read(task, BASE + PAGE, 1)}, {0, "1"}, "contents are kept")
        t.eq(mach.vm_write(task, BASE + PAGE, "x"), 0, "and it can be written again")
    end)
end)

test("A thread that reads or writes as it may goes on.", function(t)
    with_pages(2, function(task)
        must(protect(task, 1, 1, READ), "protect")
        t.ok(survives(task, load(BASE) .. store(BASE + 4)), "read and write")
        t.ok(survives(task, load(BASE + PAGE) .. store(BASE + 8)), "read of a read-only page")
        t.eq({mach.vm_read(task, BASE, 12)}, {0, "0\0\0\0" .. "0\0\0\0" .. "1\0\0\0"},
             "what it wrote is what it read")
    end)
end)

test("A thread that writes to a read-only page ends its task.", function(t)
    with_pages(1, function(task)
        must(protect(task, 0, 1, READ), "protect")
        t.ok(not survives(task, store(BASE)))
    end)
end)

test("A thread that reads a page without permission ends its task.", function(t)
    with_pages(1, function(task)
        must(protect(task, 0, 1, NONE), "protect")
        t.ok(not survives(task, load(BASE)))
    end)
end)

test("Taking the permission from a page in use takes effect at once.", function(t)
    with_pages(1, function(task)
        t.ok(survives(task, store(BASE)), "first it may write")
        must(protect(task, 0, 1, READ), "protect")
        t.ok(survives(task, load(BASE)), "then only read")
        t.ok(not survives(task, store(BASE)), "and not write")
    end)
end)

test("A running thread meets the new protection too.", function(t)
    with_pages(1, function(task)
        local kr, at = mach.vm_allocate(task, 0x900000, PAGE, false)
        must(kr, "vm_allocate")
        must(mach.vm_write(task, at, "\xff\x05" .. word(BASE) .. "\xeb\xf8"), "vm_write") -- counts
        local thread = threads.run(task, {eip = at, uesp = at + PAGE})
        sleep(5)
        t.ok(memory.word(BASE, task) > 1000, "it counts")
        must(protect(task, 0, 1, READ), "protect")
        sleep(5)
        t.eq((mach.thread_info(thread, mach.THREAD_BASIC_INFO)), mach.MACH_SEND_INVALID_DEST,
             "it has ended")
        ports.deallocate(thread)
    end)
end)

test("Permission given back is permission: the page can be written, its contents are kept.",
function(t)
    with_pages(1, function(task)
        for _ = 1, 3 do
            must(protect(task, 0, 1, NONE), "protect")
            must(protect(task, 0, 1, RW), "protect")
            t.ok(survives(task, load(BASE) .. store(BASE)), "read and write")
        end
        t.eq({mach.vm_read(task, BASE, 1)}, {0, "0"}, "contents")
    end)
end)

test("The maximum bounds what may be asked for: KERN_PROTECTION_FAILURE beyond.", function(t)
    with_pages(3, function(task)
        t.eq(protect(task, 1, 1, READ, true), 0, "set the maximum")
        t.eq(protections(task, 3), "3/7 1/1 3/7", "it cuts the current one down")
        t.eq(protect(task, 1, 1, RW), REFUSED, "more than the maximum")
        t.eq(protect(task, 0, 3, RW), REFUSED, "for a range with such a page")
        t.eq(protections(task, 3), "3/7 1/1 3/7", "nothing has changed")
        t.eq(protect(task, 1, 1, NONE), 0, "less")
        t.eq(protect(task, 1, 1, READ), 0, "and back to the maximum")
        t.eq(protect(task, 1, 1, RW, true), REFUSED, "the maximum itself never grows")
        t.eq(protect(task, 1, 1, NONE, true), 0, "but may shrink")
        t.eq(protections(task, 3), "3/7 0/0 3/7", "to nothing")
        t.eq(protect(task, 1, 1, READ), REFUSED, "for ever")
        t.eq((mach.vm_read(task, BASE + PAGE, 1)), REFUSED, "read")
    end)
end)

test("A maximum above the current protection leaves that alone.", function(t)
    with_pages(1, function(task)
        must(protect(task, 0, 1, READ), "protect")
        t.eq(protect(task, 0, 1, RW, true), 0, "set the maximum")
        t.eq(protections(task, 1), "1/3")
    end)
end)

test("A range with a hole is KERN_INVALID_ADDRESS, and nothing changes.", function(t)
    with_pages(4, function(task)
        must(mach.vm_deallocate(task, BASE + 2 * PAGE, PAGE), "vm_deallocate")
        t.eq(protect(task, 0, 4, READ), INVALID_ADDRESS, "hole inside")
        t.eq(protect(task, 2, 1, READ), INVALID_ADDRESS, "only a hole")
        t.eq(protect(task, 3, 2, READ), INVALID_ADDRESS, "hole at the end")
        t.eq(protect(task, -1, 2, READ), INVALID_ADDRESS, "hole at the beginning")
        t.eq(protect(task, 0, 4, READ, true), INVALID_ADDRESS, "maximum")
        t.eq(protections(task, 4), "3/7 3/7 - 3/7")
    end)
end)

test("Bits that are no protection are KERN_INVALID_ARGUMENT; size 0 does nothing.", function(t)
    with_pages(1, function(task)
        for _, bits in ipairs{8, 0x10, 0x18, 0xffffffff, 0x80000000} do
            t.eq(protect(task, 0, 1, bits), mach.KERN_INVALID_ARGUMENT, ("bits 0x%x"):format(bits))
            t.eq(protect(task, 0, 1, bits, true), mach.KERN_INVALID_ARGUMENT, "maximum")
        end
        t.eq(mach.vm_protect(task, BASE, 0, false, NONE), 0, "size 0")
        t.eq(protections(task, 1), "3/7")
    end)
end)

test("A range beyond the address space is KERN_INVALID_ADDRESS.", function(t)
    with_pages(1, function(task)
        for _, range in ipairs{{BASE, 0xffffffff}, {0xffffffff, 1}, {0xc0000000, PAGE}, {0, PAGE},
                               {BASE, 0xffffffff - BASE}} do
            t.eq(mach.vm_protect(task, range[1], range[2], false, READ), INVALID_ADDRESS,
                 ("0x%x, 0x%x bytes"):format(range[1], range[2]))
        end
        t.eq(protections(task, 1), "3/7")
    end)
end)

test("VM_PROT_EXECUTE is kept and given back; code runs where it may be read.", function(t)
    with_pages(1, function(task)
        must(mach.vm_write(task, BASE, "\xeb\xfe"), "vm_write")
        t.eq(protect(task, 0, 1, READ | EXECUTE), 0, "protect")
        t.eq(protections(task, 1), "5/7")
        t.ok(survives(task, jump(BASE)), "it runs")
        t.eq(protect(task, 0, 1, ALL), 0, "all")
        t.eq(protections(task, 1), "7/7")
    end)
end)

test("Write permission on one mapping does not open another task's copy of the page.", function(t)
    with_pages(1, function(task)
        local child = tasks.create(task, true)
        must(protect(child, 0, 1, READ), "protect")
        t.ok(survives(task, "\xb8ABCD" .. store(BASE)), "the parent writes")
        t.eq({mach.vm_read(child, BASE, 1)}, {0, "0"}, "the child's page")
        t.ok(not survives(child, store(BASE)), "the child may not write")
        ports.deallocate(child)
        t.eq({mach.vm_read(task, BASE, 4)}, {0, "ABCD"}, "the parent's page")
    end)
end)
