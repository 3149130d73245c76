-- SPDX-License-Identifier: BSD-2-Clause
-- External pagers: what goes back to them, and when. Contracts: mach.defs (memory_object_lock_request,
-- memory_object_destroy, vm_msync), memory_object.defs; docs/vm.md.

local must, pager, accesses, ports = require "must", require "pager", require "accesses", require "ports"
local with_task, jobs, counts = require "tasks".with, require "jobs", require "counts"

local self = mach.mach_task_self()
local PAGE, BASE = 4096, 0x40000000
local NONE, DIRTY = mach.MEMORY_OBJECT_RETURN_NONE, mach.MEMORY_OBJECT_RETURN_DIRTY
local ALL, ANYTHING = mach.MEMORY_OBJECT_RETURN_ALL, mach.MEMORY_OBJECT_RETURN_ANYTHING

-- Pages 0 ... 5 of an object: clean, dirty, dirty, precious, precious and dirty, clean.
local function filled(t, task, attributes)
    local p = pager.new()
    local at = p:start(t, task, 8 * PAGE, attributes)
    must(p:supply(0, pager.pages(0, 1, 2)), "supply")
    must(p:supply(3 * PAGE, pager.pages(3, 4), {precious = true}), "supply")
    must(p:supply(5 * PAGE, pager.pages(5)), "supply")
    for i, how in ipairs{"read", "write", "write", "read", "write", "read"} do
        t.eq((accesses[how](task, at + (i - 1) * PAGE, 9):finish()), "done", "access " .. i)
    end
    return p, at
end

-- The data_return messages that have come, each as {first page, pages, dirty, kernel_copy}.
local function returned(p)
    local list = {}
    while true do
        local m = p:receive(0)
        if not m or m.what ~= "data_return" then return list, m end
        list[#list + 1] = {m.offset // PAGE, #m.data // PAGE, m.dirty, m.kernel_copy}
    end
end

-- Which of the pages 0 ... 5 are in memory: those that nobody asks for. The pager is dead then.
local function resident(p, task, at)
    local list = {}
    for i = 0, 5 do
        local a = accesses.read(task, at + i * PAGE)
        if a:outcome(20) then list[#list + 1] = i end
        a:stop()
    end
    p:close()
    return list
end

test("lock_request returns the kinds of pages that it names, in order and in as few messages as can be.",
function(t)
    for _, case in ipairs{
        {NONE, {}}, {DIRTY, {{1, 2, 1, 1}, {4, 1, 1, 1}}},
        {ALL, {{1, 2, 1, 1}, {3, 1, 0, 1}, {4, 1, 1, 1}}},
        {ANYTHING, {{0, 1, 0, 1}, {1, 2, 1, 1}, {3, 1, 0, 1}, {4, 1, 1, 1}, {5, 1, 0, 1}}}} do
        with_task(function(task)
            local p, at = filled(t, task)
            local reply = ports.both()
            must(p:lock(0, 8 * PAGE, {give = case[1], reply = reply}), "lock_request")
            t.eq(returned(p), case[2], "should_return " .. case[1])
            local m = p:receive(0, reply)
            t.eq({m.what, m.control, m.offset, m.length}, {"lock_completed", p.control, 0, 8 * PAGE})
            t.eq(resident(p, task, at), {0, 1, 2, 3, 4, 5}, "all stay")
            ports.destroy(reply)
        end)
    end
end)

test("With should_flush all pages of the range leave memory, returned or not.", function(t)
    for _, case in ipairs{{NONE, {}}, {DIRTY, {{2, 1, 1, 0}, {4, 1, 1, 0}}},
                          {ALL, {{2, 1, 1, 0}, {3, 1, 0, 0}, {4, 1, 1, 0}}}} do
        with_task(function(task)
            local p, at = filled(t, task)
            must(p:lock(2 * PAGE, 4 * PAGE, {give = case[1], flush = true}), "lock_request")
            t.eq(returned(p), case[2], "should_return " .. case[1])
            t.eq(resident(p, task, at), {0, 1})
        end)
    end
end)

test("A page that was returned and kept is clean until it is written again; a precious one stays so.",
function(t)
    with_task(function(task)
        local p, at = filled(t, task)
        local reply = p.port -- the memory object itself: then all is in one order
        must(p:lock(0, 8 * PAGE, {give = DIRTY}), "lock_request")
        t.eq((accesses.write(task, at + 4 * PAGE, 9):finish()), "done", "it is still in the message")
        t.eq(#returned(p), 2)
        must(p:lock(0, 8 * PAGE, {give = DIRTY}), "lock_request")
        t.eq(returned(p), {{4, 1, 1, 1}}, "the page that was written again")
        must(p:lock(0, 8 * PAGE, {give = DIRTY, reply = reply}), "lock_request")
        t.eq(p:expect(t, "lock_completed").offset, 0, "nothing is dirty")
        t.eq({accesses.read(task, at + PAGE):finish()}, {"done", 9})
        t.eq((accesses.write(task, at + 2 * PAGE, 10):finish()), "done")
        must(mach.vm_write(task, at + 5 * PAGE, "xyzw"), "vm_write")
        must(p:lock(0, 8 * PAGE, {give = ALL, reply = reply}), "lock_request")
        local list, last = returned(p)
        t.eq(list, {{2, 1, 1, 1}, {3, 2, 0, 1}, {5, 1, 1, 1}}, "by a program and by the kernel")
        t.eq(last and last.what, "lock_completed", "after them")
        p:close()
    end)
end)

test("What is returned shows what was there then, and takes no memory.", function(t)
    with_task(function(task)
        local p = pager.new()
        local at = p:start(t, task, 256 * PAGE)
        must(p:supply(0, pager.pages(1):rep(256), {precious = true}), "supply")
        t.eq((accesses.write(task, at, 2):finish()), "done")
        local free = counts.host().pages_free
        must(p:lock(0, 256 * PAGE, {give = ALL}), "lock_request")
        t.ok(free - counts.host().pages_free < 64, "pages used: " .. free - counts.host().pages_free)
        t.eq((accesses.write(task, at, 3):finish()), "done")
        local data = {}
        while #data < 256 * PAGE do
            local m = p:receive(0)
            if not m then break end
            t.eq(m.offset, #data, "in order")
            data = (#data == 0 and "" or data) .. m.data
        end
        t.eq(#data, 256 * PAGE)
        t.eq({string.unpack("<I4I4", data)}, {2, 1, 9}, "not the later write")
        p:close()
    end)
end)

test("Pages that have been flushed are the pager's: it can supply them again uncopied.", function(t)
    with_task(function(task)
        local p, COUNT, parts = pager.new(), 128, {}
        p:start(t, task, COUNT * PAGE)
        must(p:supply(0, pager.pages(4):rep(COUNT), {precious = true}), "supply")
        must(p:lock(0, COUNT * PAGE, {give = ALL, flush = true}), "lock_request")
        repeat
            local kr, m = mach.receive{port = p.port, timeout = 0, raw = true}
            if kr == 0 then
                parts[#parts + 1] = {at = m.ool[1].addr, size = m.ool[1].size}
                ports.deallocate(m.ports[1][1])
            end
        until kr ~= 0
        local free, offset = counts.host().pages_free, 0
        for _, part in ipairs(parts) do
            must(p:supply_memory(offset, part.at, part.size, false), "supply")
            offset = offset + part.size
        end
        t.eq(offset, COUNT * PAGE, "returned")
        local used = free - counts.host().pages_free
        t.ok(used < 32, "pages used: " .. used)
        for _, part in ipairs(parts) do must(mach.vm_deallocate(self, part.at, part.size), "vm_deallocate") end
        p:close()
    end)
end)

test("A page of zeros that the pager did not have is its own: clean, until it is written.", function(t)
    with_task(function(task)
        local p = pager.new()
        local at = p:start(t, task, 2 * PAGE)
        for i = 0, 1 do
            local a = accesses[i == 0 and "read" or "write"](task, at + i * PAGE, 3)
            p:expect(t, "data_request")
            must(mach.memory_object_data_unavailable(p.control, i * PAGE, PAGE), "data_unavailable")
            t.eq((a:finish()), "done")
        end
        must(p:lock(0, 2 * PAGE, {give = DIRTY}), "lock_request")
        t.eq(returned(p), {{1, 1, 1, 1}})
        must(p:lock(0, PAGE, {lock = mach.VM_PROT_WRITE}), "lock_request")
        local a = accesses.write(task, at, 3)
        t.eq(p:expect(t, "data_unlock").offset, 0, "a lock holds for it")
        a:stop()
        p:close()
    end)
end)

test("Bad arguments of lock_request do nothing, and destroy the reply right.", function(t)
    with_task(function(task)
        local p = filled(t, task)
        for what, a in pairs{offset = {1, PAGE, DIRTY, 0}, give = {0, PAGE, 4, 0}, negative = {0, PAGE, -1, 0},
                             lock = {0, PAGE, DIRTY, 16}, both = {0, PAGE, DIRTY, 9}} do
            local kr = mach.memory_object_lock_request(p.control, a[1], a[2], a[3], true, a[4], p.port)
            t.eq({kr, select(2, mach.receive{port = p.port, timeout = 10}).id}, {0, 71}, what)
        end
        must(p:lock(0xfffff000, 0xfffff000, {give = ALL, flush = true, reply = p.port}), "lock_request")
        t.eq(p:expect(t, "lock_completed").length, 0xfffff000, "a range of nothing")
        must(p:lock(0, 0, {give = ALL, flush = true, reply = p.port}), "lock_request")
        t.eq(p:expect(t, "lock_completed").length, 0)
        must(p:lock(PAGE, 1, {give = ALL, flush = true}), "lock_request")
        t.eq(returned(p), {{1, 1, 1, 0}}, "the size is rounded up")
        p:close()
    end)
end)

-- ---- the end of an object -----------------------------------------------------------------------

test("With the last mapping modified and precious pages go back, then terminate; clean ones just go.",
function(t)
    with_task(function(task)
        local p, at = filled(t, task)
        local also = p:map(task, {size = PAGE})
        must(mach.vm_deallocate(task, at, 8 * PAGE), "vm_deallocate")
        t.eq(p:receive(), nil, "not while another maps it")
        must(mach.vm_deallocate(task, also, PAGE), "vm_deallocate")
        local list, last = returned(p)
        t.eq(list, {{1, 2, 1, 0}, {3, 1, 0, 0}, {4, 1, 1, 0}})
        t.eq(last and last.what, "terminate")
        p:close()
    end)
end)

test("A task that ends gives its mappings up; a temporary object returns nothing.", function(t)
    local p
    with_task(function(task) p = filled(t, task, {temporary = true}) end)
    t.eq(p:expect(t, "terminate", 1000).control, p.control)
    p:close()
end)

test("An object that may be cached keeps its pages for the next mapping, until that is taken back.",
function(t)
    with_task(function(task)
        local p, at = filled(t, task, {may_cache_object = true})
        must(mach.vm_deallocate(task, at, 8 * PAGE), "vm_deallocate")
        t.eq(p:receive(), nil, "nothing")
        at = p:map(task)
        t.eq({accesses.read(task, at + PAGE):finish()}, {"done", 9}, "it is all there")
        must(mach.vm_deallocate(task, at, 4 * PAGE), "vm_deallocate")
        must(p:supply(7 * PAGE, pager.pages(7)), "supply")
        t.eq(p:ready({}, p.port), 0, "may_cache_object FALSE")
        local m = p:expect(t, "change_completed")
        local list, last = returned(p)
        t.eq({#list, last and last.what}, {3, "terminate"})
        p:close()
        -- Its death ends a cached object as well.
        local before = counts.host().vm_objects
        p, at = filled(t, task, {may_cache_object = true})
        must(mach.vm_deallocate(task, at, 8 * PAGE), "vm_deallocate")
        t.eq(counts.host().vm_objects, before + 1, "it is kept")
        p:close()
        t.eq(counts.host().vm_objects, before, "it has gone")
    end)
end)

test("terminate crosses what the pager sent: it finds that in the control port, which is its own now.",
function(t)
    with_task(function(task)
        local p = pager.new()
        local at = p:map(task)
        must(mach.vm_deallocate(task, at, 4 * PAGE), "vm_deallocate")
        p:expect(t, "init")
        for i = 1, 20 do must(p:supply(0, pager.pages(i)), "supply, into a port with room") end
        p:expect(t, "terminate")
        t.eq(p:ready(), 0, "answers to init, too late")
        t.eq(ports.info(p.control).queue_length, 21)
        local again = p:map(task)
        local control = p:expect(t, "init").control
        t.ok(p.controls[control] and ports.info(control).queue_length == 0, "another one")
        must(p:ready(), "change_attributes")
        local a = accesses.read(task, again)
        p:expect(t, "data_request")
        must(mach.vm_deallocate(task, again, 4 * PAGE), "vm_deallocate while a thread waits")
        t.eq({a:outcome(), p:receive(0)}, {}, "it waits for the answer, and terminate for it")
        must(p:supply(0, pager.pages(1)), "supply")
        t.eq({a:finish()}, {"error", mach.KERN_INVALID_ADDRESS, again}, "the fault looks again")
        p:expect(t, "terminate")
        p:close()
    end)
end)

test("memory_object_destroy ends it at once: what is in memory stays, what is not is KERN_MEMORY_FAILURE.",
function(t)
    with_task(function(task)
        local p, at = filled(t, task)
        local a = accesses.read(task, at + 7 * PAGE)
        p:expect(t, "data_request")
        t.eq(mach.memory_object_destroy(p.control, mach.KERN_FAILURE), 0)
        p:expect(t, "terminate")
        t.eq({a:finish()}, {"error", mach.KERN_MEMORY_FAILURE, at + 7 * PAGE}, "who waited")
        t.eq({accesses.read(task, at + 6 * PAGE):finish()}, {"error", mach.KERN_MEMORY_FAILURE, at + 6 * PAGE})
        t.eq({accesses.write(task, at + PAGE, 5):finish()}, {"done", 0})
        local new = p:map(task)
        t.ok(p:expect(t, "init").control ~= nil, "another object")
        must(p:ready(), "change_attributes")
        must(p:supply(PAGE, pager.pages(77)), "supply")
        t.eq({accesses.read(task, new + PAGE):finish()}, {"done", 77})
        t.eq({accesses.read(task, at + PAGE):finish()}, {"done", 5})
        must(mach.vm_deallocate(task, at, 8 * PAGE), "vm_deallocate")
        t.eq(p:receive(), nil, "nobody hears of the old one")
        p:close()
    end)
end)

-- ---- vm_msync -----------------------------------------------------------------------------------

-- vm_msync in another thread.
local function msync(task, at, size, flags)
    return spawn.thread(function()
        return mach.vm_msync(args.task, args.at, args.size, args.flags)
    end, {task = task, at = at, size = size, flags = flags})
end

test("vm_msync returns what is modified or precious, tells the pager, and waits for its answer.", function(t)
    with_task(function(task)
        local SYNC, ASYNC = mach.VM_SYNC_SYNCHRONOUS, mach.VM_SYNC_ASYNCHRONOUS
        local INVALIDATE = mach.VM_SYNC_INVALIDATE
        for _, case in ipairs{{SYNC, {{1, 2, 1, 1}, {3, 1, 0, 1}}, {0, 1, 2, 3, 4, 5}},
                              {ASYNC, {{1, 2, 1, 1}, {3, 1, 0, 1}}, {0, 1, 2, 3, 4, 5}},
                              {SYNC | INVALIDATE, {{1, 2, 1, 0}, {3, 1, 0, 0}}, {0, 4, 5}},
                              {INVALIDATE, {{3, 1, 0, 0}}, {0, 4, 5}}} do
            local p, at = filled(t, task)
            local job = msync(task, at + PAGE + 5, 3 * PAGE - 9, case[1])
            t.eq({job:wait(50)}, {nil, "timeout"}, "it waits")
            local list, m = returned(p)
            t.eq(list, case[2], "flags " .. case[1])
            t.eq(m and {m.what, m.offset, m.length, m.flags}, {"synchronize", PAGE, 3 * PAGE, case[1]})
            for _, wrong in ipairs{{0, 3 * PAGE}, {PAGE, PAGE}} do
                mach.memory_object_synchronize_completed(p.control, wrong[1], wrong[2])
            end
            t.eq({job:wait(20)}, {nil, "timeout"}, "for its own range")
            must(mach.memory_object_synchronize_completed(p.control, m.offset, m.length), "completed")
            t.eq(jobs.answer(t, job), 0)
            t.eq(resident(p, task, at), case[3])
        end
    end)
end)

test("Pages that vm_msync kills are gone without a word, for who may write them only.", function(t)
    with_task(function(task)
        local p, at = filled(t, task)
        local KILL = mach.VM_SYNC_KILLPAGES
        t.eq(mach.vm_msync(task, at + PAGE, 3 * PAGE, KILL), 0)
        t.eq(p:receive(0), nil)
        must(mach.vm_protect(task, at, 8 * PAGE, false, mach.VM_PROT_READ), "vm_protect")
        for _, flags in ipairs{KILL, mach.VM_SYNC_INVALIDATE} do
            t.eq(mach.vm_msync(task, at, PAGE, flags), mach.KERN_PROTECTION_FAILURE, flags)
        end
        t.eq(resident(p, task, at), {0, 4, 5})
    end)
end)

test("A locked page that leaves memory can be supplied anew, for who waits for the unlock as well.", function(t)
    with_task(function(task)
        local p = pager.new()
        local at = p:start(t, task, PAGE)
        must(p:supply(0, pager.pages(3), {lock = mach.VM_PROT_WRITE}), "supply")
        local a = accesses.write(task, at, 4)
        p:expect(t, "data_unlock")
        t.eq(mach.vm_msync(task, at, PAGE, mach.VM_SYNC_KILLPAGES), 0)
        t.eq(a:outcome(), nil, "it waits")
        must(p:supply(0, pager.pages(5)), "supply")
        t.eq((a:finish()), "done")
        p:close()
    end)
end)

test("vm_msync goes on behind memory without a pager, and has nothing to do with one that is not ready.",
function(t)
    with_task(function(task)
        local SYNC, p, early = mach.VM_SYNC_SYNCHRONOUS, pager.new(), pager.new()
        must((mach.vm_allocate(task, BASE, PAGE, false)), "vm_allocate")
        must(mach.vm_write(task, BASE, "here"), "vm_write")
        early:map(task, {at = BASE + PAGE, size = PAGE})
        early:expect(t, "init")
        p:map(task, {at = BASE + 2 * PAGE, size = 2 * PAGE})
        p:expect(t, "init")
        must(p:ready(), "change_attributes")
        must(p:supply(0, pager.pages(1, 2)), "supply")
        t.eq((accesses.write(task, BASE + 3 * PAGE, 9):finish()), "done")
        local job = msync(task, BASE, 4 * PAGE, SYNC)
        local m = p:expect(t, "data_return")
        t.eq({m.offset, m.size}, {PAGE, PAGE}, "behind both")
        m = p:expect(t, "synchronize")
        t.eq({m.offset, m.length, m.flags}, {0, 2 * PAGE, SYNC})
        t.eq(early:receive(0), nil, "the other has not said anything yet")
        must(mach.memory_object_synchronize_completed(p.control, 0, 2 * PAGE), "completed")
        t.eq(jobs.answer(t, job), 0)
        p:close()
        early:close()
    end)
end)

test("Memory that goes while vm_msync waits for what is before it is KERN_INVALID_ADDRESS.", function(t)
    with_task(function(task)
        local p, at = filled(t, task)
        local q = pager.new()
        q:map(task, {at = at + 8 * PAGE, size = PAGE})
        q:expect(t, "init")
        must(q:ready(), "change_attributes")
        local job = msync(task, at + 7 * PAGE, 2 * PAGE, mach.VM_SYNC_SYNCHRONOUS)
        t.eq(p:expect(t, "synchronize").offset, 7 * PAGE)
        must(mach.vm_deallocate(task, at + 8 * PAGE, PAGE), "vm_deallocate")
        q:expect(t, "terminate")
        must(mach.memory_object_synchronize_completed(p.control, 7 * PAGE, PAGE), "completed")
        t.eq(jobs.answer(t, job), mach.KERN_INVALID_ADDRESS)
        p:close()
        q:close()
    end)
end)

test("Two synchronizes of one object come one after the other.", function(t)
    with_task(function(task)
        local p, at = filled(t, task)
        local one = msync(task, at, PAGE, mach.VM_SYNC_ASYNCHRONOUS)
        t.eq(p:expect(t, "synchronize").offset, 0)
        local two = msync(task, at + 5 * PAGE, PAGE, mach.VM_SYNC_ASYNCHRONOUS)
        t.eq(p:receive(), nil, "not before the first is done")
        must(mach.memory_object_synchronize_completed(p.control, 0, PAGE), "completed")
        t.eq(jobs.answer(t, one), 0)
        t.eq(p:expect(t, "synchronize").offset, 5 * PAGE)
        must(mach.memory_object_synchronize_completed(p.control, 5 * PAGE, PAGE), "completed")
        t.eq(jobs.answer(t, two), 0)
        p:close()
    end)
end)

test("vm_msync fails with what is wrong, and has nothing to do for memory without a pager.", function(t)
    with_task(function(task)
        local SYNC = mach.VM_SYNC_SYNCHRONOUS
        must((mach.vm_allocate(task, BASE, 2 * PAGE, false)), "vm_allocate")
        must(mach.vm_write(task, BASE, "here"), "vm_write")
        for _, flags in ipairs{0, SYNC, mach.VM_SYNC_INVALIDATE, mach.VM_SYNC_KILLPAGES, SYNC | 0x30} do
            t.eq(mach.vm_msync(task, BASE, 2 * PAGE, flags), 0, flags)
        end
        t.eq({mach.vm_read(task, BASE, 4)}, {0, "here"})
        t.eq(mach.vm_msync(task, BASE, 2 * PAGE, SYNC | mach.VM_SYNC_ASYNCHRONOUS), mach.KERN_INVALID_ARGUMENT)
        t.eq(mach.vm_msync(task, BASE, 2 * PAGE, 0x40), mach.KERN_INVALID_ARGUMENT)
        t.eq(mach.vm_msync(task, BASE + PAGE, 2 * PAGE, SYNC), mach.KERN_INVALID_ADDRESS, "a hole")
        t.eq(mach.vm_msync(task, 0xfffff000, PAGE, SYNC), mach.KERN_INVALID_ADDRESS)
        t.eq(mach.vm_msync(task, 0xfffff000, 0, SYNC), 0, "size 0")
        local p, at = filled(t, task)
        must(p:limit(200), "limit")
        t.eq(mach.vm_msync(task, at, PAGE, SYNC), mach.KERN_MEMORY_ERROR, "no answer within the limit")
        local job = msync(task, at, PAGE, SYNC)
        t.eq(jobs.answer(t, job), mach.KERN_MEMORY_ERROR, "that one is still to be answered")
        must(p:limit(60000), "limit")
        job = msync(task, at, PAGE, SYNC)
        t.eq({job:wait(20)}, {nil, "timeout"})
        must(mach.thread_abort(job.thread), "thread_abort")
        t.eq(jobs.answer(t, job), mach.KERN_ABORTED)
        job = msync(task, at, PAGE, SYNC)
        t.eq({job:wait(20)}, {nil, "timeout"})
        must(mach.memory_object_destroy(p.control, 0), "destroy")
        t.eq(jobs.answer(t, job), mach.KERN_MEMORY_FAILURE)
        t.eq(mach.vm_msync(task, at, PAGE, SYNC), mach.KERN_MEMORY_FAILURE)
        p:close()
    end)
end)
