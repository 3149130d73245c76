-- SPDX-License-Identifier: BSD-2-Clause
-- Inheritance of memory: what a child made by task_create gets of each page, and how shares and
-- copies then live on. Contracts: mach.defs (vm_inherit, task_create), include/mach/vm_inherit.h;
-- manual: vm_inherit.

local must, ports = require "must", require "ports"
local tasks, threads, memory = require "tasks", require "threads", require "memory"
local sleep = require "clock".sleep
local new_task, end_task = tasks.create, tasks.terminate

local PAGE, BASE = 4096, 0x200000
local SHARE, COPY, NONE = mach.VM_INHERIT_SHARE, mach.VM_INHERIT_COPY, mach.VM_INHERIT_NONE
local INVALID_ADDRESS = mach.KERN_INVALID_ADDRESS

-- A task with `n` pages at BASE, each with its number in it.
local function task_with_pages(n)
    local task = new_task()
    must((mach.vm_allocate(task, BASE, n * PAGE, false)), "vm_allocate")
    for i = 0, n - 1 do must(mach.vm_write(task, BASE + i * PAGE, "page " .. i), "vm_write") end
    return task
end

local function inherit(task, first, count, how)
    return mach.vm_inherit(task, BASE + first * PAGE, count * PAGE, how)
end

local function read(task, page)
    local kr, bytes = mach.vm_read(task, BASE + page * PAGE, 6)
    return kr == 0 and bytes or kr
end

local function write(task, page, text)
    must(mach.vm_write(task, BASE + page * PAGE, text), "vm_write")
end

local function attributes(task, page)
    local kr, start, size, info = mach.vm_region(task, BASE + page * PAGE,
                                                 mach.VM_REGION_BASIC_INFO)
    must(kr, "vm_region")
    return start <= BASE + page * PAGE and info or nil
end

test("VM_INHERIT_COPY: the child has a copy; neither sees what the other writes.", function(t)
    local parent = task_with_pages(3)
    local child = new_task(parent, true)
    write(parent, 0, "PARENT")
    write(child, 1, "CHILD!")
    t.eq({read(parent, 0), read(parent, 1), read(parent, 2)}, {"PARENT", "page 1", "page 2"},
         "parent")
    t.eq({read(child, 0), read(child, 1), read(child, 2)}, {"page 0", "CHILD!", "page 2"}, "child")
    end_task(parent)
    t.eq({read(child, 0), read(child, 1), read(child, 2)}, {"page 0", "CHILD!", "page 2"},
         "the child, when the parent has ended")
    end_task(child)
end)

test("VM_INHERIT_COPY is the default, for memory that nobody has touched as well.", function(t)
    local parent = new_task()
    must((mach.vm_allocate(parent, BASE, 2 * PAGE, false)), "vm_allocate")
    t.eq(attributes(parent, 0).inheritance, COPY, "of fresh memory")
    local child = new_task(parent, true)
    write(parent, 0, "PARENT")
    write(child, 1, "CHILD!")
    t.eq({read(child, 0), read(parent, 1)}, {("\0"):rep(6), ("\0"):rep(6)}, "zeros")
    end_task(child, parent)
end)

test("VM_INHERIT_SHARE: both see each other's writes, on pages touched before or not.", function(t)
    local parent = task_with_pages(2)
    must((mach.vm_allocate(parent, BASE + 2 * PAGE, 2 * PAGE, false)), "vm_allocate")
    t.eq(inherit(parent, 0, 4, SHARE), 0, "vm_inherit")
    local child = new_task(parent, true)
    for page = 0, 3 do
        write(parent, page, "from P")
        t.eq(read(child, page), "from P", "page " .. page)
        write(child, page, "from C")
        t.eq(read(parent, page), "from C", "page " .. page)
    end
    local whole = ("whole page, "):rep(400):sub(1, PAGE) -- pages that change hands as a whole
    for page = 0, 3 do
        must(mach.vm_write(child, BASE + page * PAGE, whole), "vm_write")
        t.eq(read(parent, page), "whole ", "page " .. page)
    end
    t.eq({attributes(parent, 0).shared, attributes(child, 0).shared}, {true, true},
         "vm_region says so")
    end_task(parent)
    t.eq(read(child, 3), "whole ", "when the parent has ended")
    t.eq(attributes(child, 0).shared, false, "it is not shared any more")
    end_task(child)
end)

test("Threads of two tasks count in one shared word.", function(t)
    local parent = task_with_pages(1)
    must((mach.vm_allocate(parent, 0x900000, PAGE, false)), "vm_allocate")
    -- 100000 times: lock inc dword [BASE + 64]; then stay
    must(mach.vm_write(parent, 0x900000, "\xb9\xa0\x86\x01\x00\xf0\xff\x05"
                       .. string.pack("<I4", BASE + 64) .. "\x49\x75\xf6\xeb\xfe"), "vm_write")
    must(inherit(parent, 0, 1, SHARE), "vm_inherit")
    local child, made = new_task(parent, true), {}
    for i, task in ipairs{parent, child, child} do
        made[i] = threads.run(task, {eip = 0x900000, uesp = 0x901000})
    end
    sleep(300)
    for _, task in ipairs{parent, child} do
        t.eq(memory.word(BASE + 64, task), 300000, "the word")
    end
    end_task(parent, child)
    ports.deallocate(table.unpack(made))
end)

-- Makes a thread of the task count in the word at `at`, for ever; `page` takes its code.
local function start_counting(task, page, at)
    must((mach.vm_allocate(task, page, PAGE, false)), "vm_allocate")
    must(mach.vm_write(task, page, "\xff\x05" .. string.pack("<I4", at) .. "\xeb\xf8"), "vm_write")
    local thread = threads.run(task, {eip = page, uesp = page + PAGE})
    return thread
end

local function count(task, at) return memory.word(at, task) end

test("A thread that goes on writing changes its own memory, not the copies that were taken.",
function(t)
    for _, pages in ipairs{1, 40} do -- a copy of a whole small object, and of part of a larger one
        local parent = task_with_pages(pages)
        local word, there = BASE + (pages - 1) * PAGE, 0x800000
        must((mach.vm_allocate(parent, there, PAGE, false)), "vm_allocate")
        local thread = start_counting(parent, 0x900000, word)
        sleep(5)
        local child = new_task(parent, true)
        sleep(10) -- nobody looks at the copy before the thread has gone on
        local theirs, ours = count(child, word), count(parent, word)
        t.ok(ours > theirs, ("it went on from %d to %d"):format(theirs, ours))
        must(mach.vm_copy(parent, word, PAGE, there), "vm_copy")
        sleep(10)
        local copied = count(parent, there)
        ours = count(parent, word)
        t.ok(ours > copied, ("it went on from %d to %d"):format(copied, ours))
        sleep(10)
        t.ok(count(parent, word) > ours, "the thread goes on")
        t.eq({count(child, word), count(parent, there)}, {theirs, copied}, "child and copy")
        must(mach.vm_copy(parent, word, PAGE, there), "vm_copy")
        copied = count(parent, there)
        sleep(5)
        t.eq(count(parent, there), copied, "the second copy")
        end_task(child, parent)
        ports.deallocate(thread)
    end
end)

-- Here nobody changes the address space between the copy and the writer's next turn: what the processor
-- remembers of the page has to go by itself.
test("So does a thread of the task that has taken the copy.", function(t)
    local page = threads.counter_page()
    local thread = threads.counter_thread(mach.mach_task_self(), page)
    must(mach.thread_resume(thread), "resume")
    sleep(5)
    local child = new_task(mach.mach_task_self(), true)
    local theirs = count(child, page + PAGE)
    sleep(5)
    t.eq(count(child, page + PAGE), theirs, "the child's")
    t.ok(count(mach.mach_task_self(), page + PAGE) > theirs, "ours goes on")
    end_task(child)
    threads.counter_end(thread, page)
end)

-- Reading a copy protects it from writers that it should have been protected from already. So here
-- copies are taken one after the other, with time for the writer between them, and all are read at
-- the end: each must have stopped before the next was taken.
local function check_stopped(t, copies, at)
    local last = 0
    for i, copy in ipairs(copies) do
        local now = count(copy, at)
        t.ok(now > last, ("copy %d has stopped at %d, the one before at %d"):format(i, now, last))
        last = now
    end
end

test("A thread that writes where it wrote before meets the copy, whatever was touched further up.",
function(t)
    local parent = new_task()
    must((mach.vm_allocate(parent, BASE, 2000 * PAGE, false)), "vm_allocate")
    local thread, children = start_counting(parent, 0x100000, BASE), {}
    for i, page in ipairs{31, 32, 1023, 1024, 1999} do
        sleep(3)
        must(mach.vm_write(parent, BASE + page * PAGE, "x"), "vm_write")
        children[i] = new_task(parent, true)
    end
    sleep(3)
    children[6] = parent
    check_stopped(t, children, BASE)
    end_task(table.unpack(children))
    ports.deallocate(thread)
end)

test("Threads of sharers see a page replaced under them: by a write after a copy, by vm_write.",
function(t)
    local parent = task_with_pages(1)
    must(inherit(parent, 0, 1, SHARE), "vm_inherit")
    local child = new_task(parent, true)
    -- The child copies for ever one word of the shared page to memory of its own.
    for _, at in ipairs{0x800000, 0x900000} do
        must((mach.vm_allocate(child, at, PAGE, false)), "vm_allocate")
    end
    must(mach.vm_write(child, 0x900000, "\xa1" .. string.pack("<I4", BASE) .. "\xa3"
                       .. string.pack("<I4", 0x800000) .. "\xeb\xf4"), "vm_write")
    local thread = threads.run(child, {eip = 0x900000, uesp = 0x901000})
    local function seen()
        sleep(3)
        return count(child, 0x800000)
    end
    local copies, source = {}, 0x700000
    must((mach.vm_allocate(parent, source, PAGE, false)), "vm_allocate")
    for i = 1, 4 do
        must(mach.vm_write(parent, BASE, string.pack("<I4", i)), "vm_write")
        t.eq(seen(), i, "a word written by vm_write")
        must(inherit(parent, 0, 1, COPY), "vm_inherit")
        copies[i] = new_task(parent, true) -- now the page is also somebody's copy
        must(inherit(parent, 0, 1, SHARE), "vm_inherit")
        must(mach.vm_write(parent, BASE, string.pack("<I4", i + 100)), "vm_write")
        t.eq(seen(), i + 100, "a word written after a copy was taken")
        must(mach.vm_write(parent, source, string.pack("<I4", i + 200)), "vm_write")
        must(mach.vm_copy(parent, source, PAGE, BASE), "vm_copy") -- the page itself changes hands
        t.eq(seen(), i + 200, "a whole page written")
        t.eq(count(copies[i], BASE), i, "the copy")
    end
    end_task(child, parent, table.unpack(copies))
    ports.deallocate(thread)
end)

test("VM_INHERIT_NONE: the child has nothing there.", function(t)
    local parent = task_with_pages(3)
    t.eq(inherit(parent, 1, 1, NONE), 0, "vm_inherit")
    local child = new_task(parent, true)
    t.eq({read(child, 0), read(child, 1), read(child, 2)}, {"page 0", INVALID_ADDRESS, "page 2"},
         "child")
    t.eq(read(parent, 1), "page 1", "parent")
    t.eq((mach.vm_allocate(child, BASE + PAGE, PAGE, false)), 0, "the place is free")
    t.eq(read(child, 1), ("\0"):rep(6), "and what comes there is fresh")
    end_task(child, parent)
end)

test("vm_inherit counts page by page: all that the range touches, no others.", function(t)
    local parent = task_with_pages(6)
    t.eq(mach.vm_inherit(parent, BASE + PAGE + 5, 1, NONE), 0, "one byte")
    t.eq(mach.vm_inherit(parent, BASE + 4 * PAGE - 1, 2, SHARE), 0, "two bytes in two pages")
    local found = {}
    for page = 0, 5 do found[page + 1] = attributes(parent, page).inheritance end
    t.eq(found, {COPY, NONE, COPY, SHARE, SHARE, COPY}, "inheritance of the pages")
    local child = new_task(parent, true)
    for page = 0, 5 do write(parent, page, "later ") end
    t.eq({read(child, 0), read(child, 1), read(child, 2), read(child, 3), read(child, 4),
          read(child, 5)},
         {"page 0", INVALID_ADDRESS, "page 2", "later ", "later ", "page 5"}, "child")
    end_task(child, parent)
end)

test("The child inherits the attributes too: grandchildren get theirs by the same rules.",
function(t)
    local parent = task_with_pages(3)
    must(inherit(parent, 1, 1, SHARE), "vm_inherit")
    must(mach.vm_protect(parent, BASE + 2 * PAGE, PAGE, true, mach.VM_PROT_READ), "vm_protect")
    local child = new_task(parent, true)
    t.eq({attributes(child, 0).inheritance, attributes(child, 1).inheritance}, {COPY, SHARE},
         "child")
    t.eq({attributes(child, 2).protection, attributes(child, 2).max_protection},
         {mach.VM_PROT_READ, mach.VM_PROT_READ}, "protections")
    local grandchild = new_task(child, true)
    write(grandchild, 0, "GRAND!")
    write(grandchild, 1, "GRAND!")
    t.eq({read(parent, 0), read(child, 0)}, {"page 0", "page 0"}, "the copied page")
    t.eq({read(parent, 1), read(child, 1)}, {"GRAND!", "GRAND!"}, "the shared page")
    end_task(child)
    write(parent, 1, "PARENT")
    t.eq(read(grandchild, 1), "PARENT", "shared still when the child has ended")
    end_task(grandchild, parent)
end)

test("Protection of shared memory is each task's own.", function(t)
    local parent = task_with_pages(1)
    must(inherit(parent, 0, 1, SHARE), "vm_inherit")
    local child = new_task(parent, true)
    must(mach.vm_protect(child, BASE, PAGE, false, mach.VM_PROT_READ), "vm_protect")
    t.eq(mach.vm_write(child, BASE, "x"), mach.KERN_PROTECTION_FAILURE, "the child")
    write(parent, 0, "PARENT")
    t.eq(read(child, 0), "PARENT", "the parent writes, the child reads")
    end_task(child, parent)
end)

test("Freeing shared memory frees it for one task only; new memory there is not shared.",
function(t)
    local parent = task_with_pages(2)
    must(inherit(parent, 0, 2, SHARE), "vm_inherit")
    local child = new_task(parent, true)
    must(mach.vm_deallocate(child, BASE, PAGE), "vm_deallocate")
    t.eq({read(parent, 0), read(child, 0)}, {"page 0", INVALID_ADDRESS}, "afterwards")
    must((mach.vm_allocate(child, BASE, PAGE, false)), "vm_allocate")
    write(child, 0, "CHILD!")
    write(child, 1, "CHILD!")
    t.eq({read(parent, 0), read(parent, 1)}, {"page 0", "CHILD!"}, "the parent's pages")
    end_task(child, parent)
end)

test("A copy of shared memory is the child's alone, the sharers see nothing of it.", function(t)
    local parent = task_with_pages(2)
    must(inherit(parent, 0, 2, SHARE), "vm_inherit")
    local sharer = new_task(parent, true)
    must(inherit(parent, 0, 2, COPY), "vm_inherit")
    local copier = new_task(parent, true)
    write(sharer, 0, "SHARED")
    write(copier, 1, "COPIED")
    t.eq({read(parent, 0), read(sharer, 0), read(copier, 0)}, {"SHARED", "SHARED", "page 0"},
         "page 0")
    t.eq({read(parent, 1), read(sharer, 1), read(copier, 1)}, {"page 1", "page 1", "COPIED"},
         "page 1")
    end_task(copier, sharer, parent)
end)

test("A sharer that goes on writing meets the copy, whichever of them has had the page first.",
function(t)
    for writer = 1, 3 do
        local parent = task_with_pages(1)
        must(inherit(parent, 0, 1, SHARE), "vm_inherit")
        local sharers, made = {parent}, {}
        for i = 2, 4 do sharers[i] = new_task(parent, true) end
        for i = 1, 3 do -- each has the page from its own writing on; then only one goes on
            made[i] = start_counting(sharers[i], 0x900000, BASE + 4 * i)
            sleep(2)
            must(mach.thread_suspend(made[i]), "suspend")
        end
        must(mach.thread_resume(made[writer]), "resume")
        must(inherit(sharers[4], 0, 1, COPY), "vm_inherit")
        local copies = {}
        for i = 1, 3 do
            sleep(3)
            copies[i] = new_task(sharers[4], true)
        end
        sleep(3)
        copies[4] = parent
        check_stopped(t, copies, BASE + 4 * writer)
        copies[4] = nil
        end_task(table.unpack(copies))
        end_task(table.unpack(sharers))
        ports.deallocate(table.unpack(made))
    end
end)

test("What a child allocates behind or between what it inherited is zero.", function(t)
    -- Pages of one region of the parent of which the child gets a part: 4, 36 and 3 in the middle.
    for _, part in ipairs{{8, 0, 4}, {60, 0, 36}, {60, 40, 3}, {60, 31, 2}, {1200, 0, 1100}} do
        local pages, first, count = part[1], part[2], part[3]
        local parent = task_with_pages(pages)
        must(inherit(parent, 0, pages, NONE), "vm_inherit")
        must(inherit(parent, first, count, COPY), "vm_inherit")
        local child = new_task(parent, true)
        local what = ("%d pages from %d on of %d"):format(count, first, pages)
        for page = first + count, math.min(first + count + 33, pages - 1) do
            must((mach.vm_allocate(child, BASE + page * PAGE, PAGE, false)), "vm_allocate")
            t.eq(read(child, page), ("\0"):rep(6), what .. ": page " .. page)
        end
        t.eq({read(child, first), read(child, first + count - 1)},
             {read(parent, first), read(parent, first + count - 1)}, what .. ": what is inherited")
        end_task(child, parent)
    end
end)

test("Inheritance that does not exist is KERN_INVALID_ARGUMENT, size 0 does nothing.", function(t)
    local task = task_with_pages(1)
    for _, how in ipairs{3, 4, -1, 0x7fffffff, -0x80000000} do
        t.eq(inherit(task, 0, 1, how), mach.KERN_INVALID_ARGUMENT, "inheritance " .. how)
    end
    t.eq(mach.vm_inherit(task, BASE, 0, NONE), 0, "size 0")
    t.eq(attributes(task, 0).inheritance, COPY, "unchanged")
    end_task(task)
end)

test("A range with a hole, or beyond the address space, is KERN_INVALID_ADDRESS: no change.",
function(t)
    local task = task_with_pages(4)
    must(mach.vm_deallocate(task, BASE + 2 * PAGE, PAGE), "vm_deallocate")
    for _, range in ipairs{{0, 4}, {2, 1}, {3, 2}, {-1, 2}} do
        t.eq(inherit(task, range[1], range[2], NONE), INVALID_ADDRESS,
             ("page %d, %d pages"):format(range[1], range[2]))
    end
    t.eq(mach.vm_inherit(task, BASE, 0xffffffff, NONE), INVALID_ADDRESS, "over the end")
    t.eq(mach.vm_inherit(task, 0xc0000000, PAGE, NONE), INVALID_ADDRESS, "above")
    for _, page in ipairs{0, 1, 3} do
        t.eq(attributes(task, page).inheritance, COPY, "page " .. page)
    end
    end_task(task)
end)

test("Fifty generations alive at once each keep what was theirs.", function(t)
    local tasks = {[0] = task_with_pages(2)}
    for i = 1, 50 do
        tasks[i] = new_task(tasks[i - 1], true)
        write(tasks[i], 0, ("gen%03d"):format(i))
    end
    write(tasks[0], 0, "oldest")
    write(tasks[25], 1, "middle")
    for i = 1, 50 do
        t.eq(read(tasks[i], 0), ("gen%03d"):format(i), "page 0 of generation " .. i)
        t.eq(read(tasks[i], 1), i == 25 and "middle" or "page 1", "page 1 of generation " .. i)
    end
    t.eq({read(tasks[0], 0), read(tasks[0], 1)}, {"oldest", "page 1"}, "the first")
    for i = 0, 50, 2 do end_task(tasks[i]) end
    for i = 1, 49, 2 do
        t.eq(read(tasks[i], 0), ("gen%03d"):format(i), "when every other has ended")
        end_task(tasks[i])
    end
end)
