-- SPDX-License-Identifier: BSD-2-Clause
-- vm_read, vm_write and vm_copy: any alignment, across regions, over holes, all or nothing; copies
-- are made when the call is made. Contracts: mach.defs, docs/differences.md.

local must, counts, sleep = require "must", require "counts", require "clock".sleep
local tasks, threads = require "tasks", require "threads"

local self = mach.mach_task_self()
local PAGE, BASE, MAX = 4096, 0x200000, 0xc0000000
local INVALID_ADDRESS, REFUSED = mach.KERN_INVALID_ADDRESS, mach.KERN_PROTECTION_FAILURE

-- Bytes that differ at every place of a few pages.
local function pattern(n, seed)
    local parts = {}
    for i = 1, (n + 3) // 4 do
        parts[i] = string.pack("<I4", i * 2654435761 + seed * 40503 & 0xffffffff)
    end
    return table.concat(parts):sub(1, n)
end

-- Runs `body(task, bytes)` with a task that has `n` pages at BASE with a pattern in them.
local function with_pages(n, body)
    tasks.with(function(task)
        must((mach.vm_allocate(task, BASE, n * PAGE, false)), "vm_allocate")
        local bytes = pattern(n * PAGE, 1)
        must(mach.vm_write(task, BASE, bytes), "vm_write")
        body(task, bytes)
    end)
end

-- `bytes` with `new` in place of what is at `offset`.
local function patched(bytes, offset, new)
    return bytes:sub(1, offset) .. new .. bytes:sub(offset + #new + 1)
end

local RANGES = {{0, 1}, {0, 4}, {1, 1}, {3, 5}, {PAGE - 1, 1}, {PAGE - 1, 2}, {PAGE - 3, 7},
                {0, PAGE},
                {1, PAGE}, {PAGE, PAGE}, {100, 2 * PAGE}, {PAGE - 1, PAGE + 2}, {0, 3 * PAGE},
                {1, 3 * PAGE - 2}, {2 * PAGE + 17, 1000}, {5, 4 * PAGE - 6}, {0, 4 * PAGE}}

test("vm_read gives the bytes of any range, whatever its alignment.", function(t)
    with_pages(4, function(task, bytes)
        for _, range in ipairs(RANGES) do
            local kr, got = mach.vm_read(task, BASE + range[1], range[2])
            t.ok(kr == 0 and got == bytes:sub(range[1] + 1, range[1] + range[2]),
                 ("offset %d, size %d: %s"):format(range[1], range[2], mach.error_string(kr)))
        end
        t.eq({mach.vm_read(task, BASE, 0)}, {0, ""}, "size 0")
    end)
end)

test("vm_write changes just the bytes of its range, whatever its alignment.", function(t)
    with_pages(4, function(task, bytes)
        for i, range in ipairs(RANGES) do
            local new = pattern(range[2], i + 1)
            t.eq(mach.vm_write(task, BASE + range[1], new), 0, "vm_write")
            bytes = patched(bytes, range[1], new)
            local kr, got = mach.vm_read(task, BASE, 4 * PAGE)
            t.ok(kr == 0 and got == bytes, ("offset %d, size %d"):format(range[1], range[2]))
        end
        t.eq(mach.vm_write(task, BASE + 7, ""), 0, "nothing")
        t.ok(select(2, mach.vm_read(task, BASE, 4 * PAGE)) == bytes, "changes nothing")
    end)
end)

test("Ranges may span regions of different attributes.", function(t)
    with_pages(6, function(task, bytes)
        must(mach.vm_protect(task, BASE + PAGE, PAGE, false, mach.VM_PROT_ALL), "vm_protect")
        must(mach.vm_inherit(task, BASE + 2 * PAGE, PAGE, mach.VM_INHERIT_SHARE), "vm_inherit")
        must(mach.vm_deallocate(task, BASE + 4 * PAGE, PAGE), "vm_deallocate")
        must((mach.vm_allocate(task, BASE + 4 * PAGE, PAGE, false)), "vm_allocate")
        bytes = patched(bytes, 4 * PAGE, ("\0"):rep(PAGE))
        t.ok(select(2, mach.vm_read(task, BASE + 5, 6 * PAGE - 10)) == bytes:sub(6, 6 * PAGE - 5),
             "read")
        local new = pattern(5 * PAGE, 9)
        t.eq(mach.vm_write(task, BASE + 77, new), 0, "vm_write")
        bytes = patched(bytes, 77, new)
        t.ok(select(2, mach.vm_read(task, BASE, 6 * PAGE)) == bytes, "afterwards")
    end)
end)

test("Ranges may span regions that nobody has touched, beside others that were.", function(t)
    tasks.with(function(task)
        local bytes = ""
        must((mach.vm_allocate(task, BASE, 24 * PAGE, false)), "vm_allocate")
        for page = 0, 23 do -- each page a region of its own, touched in runs of 1 to 4
            must(mach.vm_inherit(task, BASE + page * PAGE, PAGE, page % 2 * 2), "vm_inherit")
            local touched = 0xa63 >> page % 12 & 1 == 1
            local new = touched and pattern(PAGE, page) or ("\0"):rep(PAGE)
            if touched then must(mach.vm_write(task, BASE + page * PAGE, new), "vm_write") end
            bytes = bytes .. new
        end
        for first = 0, 22 do
            for last = first + 1, 23, 5 do
                local at, size = first * PAGE + 3, (last - first) * PAGE + 100
                local kr, got = mach.vm_read(task, BASE + at, size)
                t.ok(kr == 0 and got == bytes:sub(at + 1, at + size),
                     ("pages %d to %d"):format(first, last))
            end
        end
        must((mach.vm_allocate(task, 2 * BASE, 24 * PAGE, false)), "vm_allocate")
        t.eq(mach.vm_copy(task, BASE + 5, 20 * PAGE, 2 * BASE + 9), 0, "vm_copy")
        t.ok(select(2, mach.vm_read(task, 2 * BASE, 24 * PAGE)) ==
             patched(("\0"):rep(24 * PAGE), 9, bytes:sub(6, 5 + 20 * PAGE)), "the copy")
    end)
end)

test("A range with a hole is KERN_INVALID_ADDRESS, and nothing is written.", function(t)
    with_pages(5, function(task, bytes)
        must(mach.vm_deallocate(task, BASE + 2 * PAGE, PAGE), "vm_deallocate")
        for _, range in ipairs{{0, 3}, {1, 3}, {2, 1}, {2, 2}, {0, 5}, {4, 2}, {-1, 2}} do
            local at, size = BASE + range[1] * PAGE, range[2] * PAGE
            t.eq((mach.vm_read(task, at, size)), INVALID_ADDRESS, "read at page " .. range[1])
            t.eq(mach.vm_write(task, at, ("x"):rep(size)), INVALID_ADDRESS,
                 "write at page " .. range[1])
            t.eq(mach.vm_copy(task, at, size, BASE), INVALID_ADDRESS, "copy from page " .. range[1])
            t.eq(mach.vm_copy(task, BASE, 2 * PAGE, BASE + PAGE), INVALID_ADDRESS,
                 "copy into the hole")
        end
        t.ok(select(2, mach.vm_read(task, BASE, 2 * PAGE)) == bytes:sub(1, 2 * PAGE), "below")
        t.ok(select(2, mach.vm_read(task, BASE + 3 * PAGE, 2 * PAGE)) == bytes:sub(3 * PAGE + 1),
             "above")
    end)
end)

test("What is refused leaves nothing behind in the kernel.", function(t)
    with_pages(4, function(task)
        must(mach.vm_protect(task, BASE + 3 * PAGE, PAGE, false, mach.VM_PROT_READ), "vm_protect")
        local function refused()
            t.eq(mach.vm_copy(task, BASE, 2 * PAGE, 2 * BASE), INVALID_ADDRESS, "copy to nowhere")
            t.eq(mach.vm_copy(task, BASE + 9, PAGE, BASE + 3 * PAGE), REFUSED, "copy to read-only")
            t.eq(mach.vm_write(task, BASE + 3 * PAGE - 2, "text"), REFUSED, "write")
            t.eq((mach.vm_read(task, BASE, 5 * PAGE)), INVALID_ADDRESS, "read")
        end
        refused()
        local before = counts.host()
        for _ = 1, 20 do refused() end
        local after = counts.host()
        t.eq({after.vm_objects, after.kernel_heap}, {before.vm_objects, before.kernel_heap},
             "memory objects, bytes of the kernel's own")
    end)
end)

test("A range beyond the address space is KERN_INVALID_ADDRESS.", function(t)
    with_pages(1, function(task)
        for _, range in ipairs{{BASE, MAX}, {BASE, 0xffffffff}, {MAX, 1}, {0xffffffff, 1}, {0, 1},
                               {0xffffffff, 0xffffffff}, {MAX - 1, 2}, {MAX - PAGE, 0xffffffff}} do
            t.eq((mach.vm_read(task, range[1], range[2])), INVALID_ADDRESS,
                 ("read 0x%x, 0x%x bytes"):format(range[1], range[2]))
            t.eq(mach.vm_copy(task, range[1], range[2], BASE), INVALID_ADDRESS, "copy from it")
        end
        for _, at in ipairs{0, MAX - 1, MAX, 0xffffffff, 0xfffffffe} do
            t.eq(mach.vm_write(task, at, "xy"), INVALID_ADDRESS, ("write at 0x%x"):format(at))
            t.eq(mach.vm_copy(task, BASE, 2, at), INVALID_ADDRESS, ("copy to 0x%x"):format(at))
        end
    end)
end)

test("A read-only page in the target refuses the whole write: KERN_PROTECTION_FAILURE.", function(t)
    with_pages(4, function(task, bytes)
        must(mach.vm_protect(task, BASE + 2 * PAGE, PAGE, false, mach.VM_PROT_READ), "vm_protect")
        t.eq(mach.vm_write(task, BASE + 1, ("x"):rep(3 * PAGE)), REFUSED, "write")
        t.eq(mach.vm_write(task, BASE, ("x"):rep(4 * PAGE)), REFUSED, "write of whole pages")
        t.eq(mach.vm_copy(task, BASE, 2 * PAGE, BASE + 2 * PAGE), REFUSED, "copy")
        t.ok(select(2, mach.vm_read(task, BASE, 4 * PAGE)) == bytes, "nothing has changed")
    end)
end)

test("A hole counts before a protection, wherever it is in the range.", function(t)
    with_pages(4, function(task)
        must(mach.vm_protect(task, BASE, PAGE, false, mach.VM_PROT_NONE), "vm_protect")
        must(mach.vm_deallocate(task, BASE + 3 * PAGE, PAGE), "vm_deallocate")
        t.eq((mach.vm_read(task, BASE, 4 * PAGE)), INVALID_ADDRESS, "read")
        t.eq(mach.vm_write(task, BASE, ("x"):rep(4 * PAGE)), INVALID_ADDRESS, "write")
    end)
end)

test("What vm_read gave is a copy of that moment.", function(t)
    with_pages(2, function(task, bytes)
        local kr, copy = mach.vm_read(task, BASE, 2 * PAGE)
        must(mach.vm_write(task, BASE, ("new"):rep(100)), "vm_write")
        t.ok(kr == 0 and copy == bytes, "the copy")
        t.eq({mach.vm_read(task, BASE, 6)}, {0, "newnew"}, "the memory")
    end)
end)

test("vm_write keeps a copy of that moment: the writer's memory is its own.", function(t)
    with_pages(2, function(task)
        local kr, mine = mach.vm_allocate(self, 0, PAGE, true)
        must(kr, "vm_allocate")
        must(mach.vm_write(self, mine, ("a"):rep(PAGE)), "vm_write")
        local _, bytes = mach.vm_read(self, mine, PAGE)
        must(mach.vm_write(task, BASE, bytes), "vm_write")
        must(mach.vm_write(self, mine, ("b"):rep(PAGE)), "vm_write")
        t.eq({mach.vm_read(task, BASE, 3)}, {0, "aaa"}, "theirs")
        must(mach.vm_write(task, BASE, "ccc"), "vm_write")
        t.eq({mach.vm_read(self, mine, 3)}, {0, "bbb"}, "ours")
        must(mach.vm_deallocate(self, mine, PAGE), "vm_deallocate")
    end)
end)

test("vm_copy copies any range to any place, as if read first and written then.", function(t)
    with_pages(8, function(task, bytes)
        for _, move in ipairs{{0, 5 * PAGE, PAGE}, {1, 4 * PAGE, 10}, {PAGE - 1, 6 * PAGE + 3,
                                                                       PAGE + 2},
                              {0, 4 * PAGE, 4 * PAGE}, {17, 4 * PAGE + 17, 3 * PAGE},
                              {0, 1, 3 * PAGE}, {1, 0, 3 * PAGE}, {0, PAGE, 3 * PAGE},
                              {PAGE, 0, 3 * PAGE}, {0, 0, 2 * PAGE}, {5, 5, 100}} do
            local from, to, size = move[1], move[2], move[3]
            t.eq(mach.vm_copy(task, BASE + from, size, BASE + to), 0, "vm_copy")
            bytes = patched(bytes, to, bytes:sub(from + 1, from + size))
            t.ok(select(2, mach.vm_read(task, BASE, 8 * PAGE)) == bytes,
                 ("from %d to %d, %d bytes"):format(from, to, size))
        end
        t.eq(mach.vm_copy(task, BASE, 0, BASE + PAGE), 0, "size 0")
        t.ok(select(2, mach.vm_read(task, BASE, 8 * PAGE)) == bytes, "changes nothing")
    end)
end)

test("After vm_copy source and destination are apart.", function(t)
    with_pages(4, function(task, bytes)
        must(mach.vm_copy(task, BASE, 2 * PAGE, BASE + 2 * PAGE), "vm_copy")
        must(mach.vm_write(task, BASE, "source"), "vm_write")
        must(mach.vm_write(task, BASE + 3 * PAGE, "destination"), "vm_write")
        t.eq({mach.vm_read(task, BASE + 2 * PAGE, 6)}, {0, bytes:sub(1, 6)},
             "destination of the first")
        t.eq({mach.vm_read(task, BASE + PAGE, 11)}, {0, bytes:sub(PAGE + 1, PAGE + 11)}, "source")
    end)
end)

test("Untouched memory is copied as zeros, also over bytes that were there.", function(t)
    with_pages(4, function(task)
        must((mach.vm_allocate(task, BASE + 8 * PAGE, 4 * PAGE, false)), "vm_allocate")
        t.eq(mach.vm_copy(task, BASE + 8 * PAGE, 2 * PAGE, BASE + PAGE), 0, "whole pages")
        t.eq({mach.vm_read(task, BASE + PAGE, 2 * PAGE)}, {0, ("\0"):rep(2 * PAGE)}, "zeros")
        t.eq(mach.vm_copy(task, BASE + 10 * PAGE + 3, 100, BASE + 50), 0, "a part")
        t.eq({mach.vm_read(task, BASE + 50, 100)}, {0, ("\0"):rep(100)}, "zeros")
    end)
end)

test("Reading memory that nobody has touched takes no memory.", function(t)
    with_pages(1, function(task)
        must((mach.vm_allocate(task, 0x10000000, 0x1000000, false)), "vm_allocate")
        local before = counts.task(task)
        for i = 0, 15 do
            t.eq({mach.vm_read(task, 0x10000000 + i * 0x100000, 8)}, {0, ("\0"):rep(8)}, "zeros")
        end
        t.eq(counts.task(task).resident_pages, before.resident_pages, "resident pages")
    end)
end)

test("A megabyte goes to another task and back unchanged.", function(t)
    with_pages(1, function(task)
        local size = 0x100000 + 12345
        local kr, at = mach.vm_allocate(task, 0, size + PAGE, true)
        must(kr, "vm_allocate")
        local bytes = pattern(4099, 3):rep(size // 4099 + 1):sub(1, size) -- no two pages are alike
        t.eq(mach.vm_write(task, at + 123, bytes), 0, "vm_write")
        local kr, back = mach.vm_read(task, at + 123, size)
        t.ok(kr == 0 and back == bytes, "vm_read")
        t.eq({mach.vm_read(task, at, 123)}, {0, ("\0"):rep(123)}, "the bytes before")
    end)
end)

test("A thread of the task sees what vm_write wrote, and vm_read what the thread wrote.",
function(t)
    with_pages(2, function(task)
        -- for ever: mov eax, [BASE + PAGE]; inc eax; mov [BASE + PAGE + 4], eax
        local code = "\xa1" .. string.pack("<I4", BASE + PAGE) .. "\x40\xa3"
            .. string.pack("<I4", BASE + PAGE + 4) .. "\xeb\xf3"
        must(mach.vm_write(task, BASE, code), "vm_write")
        local thread = threads.run(task, {eip = BASE, uesp = BASE + PAGE})
        for _, n in ipairs{1, 77, 100000, 0x12345678} do
            must(mach.vm_write(task, BASE + PAGE, string.pack("<I4", n)), "vm_write")
            sleep(2)
            local _, bytes = mach.vm_read(task, BASE + PAGE + 4, 4)
            t.eq((string.unpack("<I4", bytes)), n + 1, "the thread's answer")
            local whole = string.pack("<I4", n * 2) .. ("."):rep(PAGE - 4)
            must(mach.vm_write(task, BASE + PAGE, whole), "vm_write of the whole page")
            sleep(2)
            local _, bytes = mach.vm_read(task, BASE + PAGE + 4, 4)
            t.eq((string.unpack("<I4", bytes)), n * 2 + 1, "the answer to a new page")
        end
        threads.terminate(thread)
    end)
end)

test("A thread that only reads sees what is put there, also when there are copies.", function(t)
    with_pages(4, function(task)
        -- for ever: mov eax, [BASE + PAGE]; mov [BASE + 2 * PAGE], eax
        must(mach.vm_write(task, BASE, "\xa1" .. string.pack("<I4", BASE + PAGE) .. "\xa3"
                           .. string.pack("<I4", BASE + 2 * PAGE) .. "\xeb\xf4"), "vm_write")
        local thread = threads.run(task, {eip = BASE})
        local function seen()
            sleep(2)
            return (string.unpack("<I4", select(2, mach.vm_read(task, BASE + 2 * PAGE, 4))))
        end
        for round = 1, 4 do
            local children = {}
            for i = 1, 4 do -- in part, by a page in place of it, in part, by a page
                children[i] = tasks.create(task, true)
                local n = round * 10 + i
                local at = i % 2 == 0 and 3 * PAGE or PAGE
                must(mach.vm_write(task, BASE + at, string.pack("<I4", n)), "vm_write")
                if i % 2 == 0 then
                    must(mach.vm_copy(task, BASE + at, PAGE, BASE + PAGE), "vm_copy")
                end
                t.eq(seen(), n, ("round %d, write %d"):format(round, i))
            end
            tasks.terminate(table.unpack(children))
        end
        threads.terminate(thread)
    end)
end)

test("A copy over memory that shows one page twice: the last byte counts, the source keeps its own.",
function(t)
    for what, first in pairs{bytes = ("a"):rep(PAGE), zeros = ("\0"):rep(PAGE)} do
        tasks.with(function(task)
            local from = BASE + 0x10000
            must((mach.vm_allocate(task, BASE, PAGE, false)), "vm_allocate")
            must(mach.vm_write(task, BASE, ("x"):rep(PAGE)), "vm_write")
            must((mach.vm_remap(task, BASE + PAGE, PAGE, 0, false, task, BASE, false,
                                mach.VM_INHERIT_COPY)), "vm_remap")
            must((mach.vm_allocate(task, from, 2 * PAGE, false)), "vm_allocate")
            must(mach.vm_write(task, from + PAGE, ("b"):rep(PAGE)), "vm_write")
            if what == "bytes" then
                must(mach.vm_write(task, from, first), "vm_write")
            end
            t.eq(mach.vm_copy(task, from, PAGE + 100, BASE), 0, "vm_copy")
            local _, now = mach.vm_read(task, BASE, PAGE)
            t.ok(now == ("b"):rep(100) .. first:sub(101), what)
            t.ok(select(2, mach.vm_read(task, from, PAGE)) == first, what .. ": the source")
        end)
    end
end)

test("The calls on ports that are no tasks are KERN_INVALID_ARGUMENT.", function(t)
    for what, port in pairs{thread = mach.mach_thread_self(), host = mach.mach_host_self()} do
        t.eq((mach.vm_read(port, 0x1000, 1)), mach.KERN_INVALID_ARGUMENT, "vm_read " .. what)
        t.eq(mach.vm_write(port, 0x1000, "x"), mach.KERN_INVALID_ARGUMENT, "vm_write " .. what)
        t.eq(mach.vm_copy(port, 0x1000, 1, 0x2000), mach.KERN_INVALID_ARGUMENT, "vm_copy " .. what)
    end
end)
