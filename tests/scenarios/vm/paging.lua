-- SPDX-License-Identifier: BSD-2-Clause
-- Page-out to the default pager: a machine with little memory in which tasks use much more. Contracts:
-- mach_host.defs (host_default_memory_manager); docs/vm.md, "Page-out".
--
-- memory: 40
-- paging: 24M
-- timeout: 120

local must, ports, memory, tasks = require "must", require "ports", require "memory", require "tasks"
local counts, sweeps, clock = require "counts", require "sweeps", require "clock"
local pager = require "pager"

local self, host = mach.mach_task_self(), ports.privileged_host()
local PAGE, BASE = 4096, 0x10000000
local RW, COPY = mach.VM_PROT_READ | mach.VM_PROT_WRITE, mach.VM_INHERIT_COPY

local FREE = counts.host().pages_free -- what there is for programs, about

-- This task must not wait for a pager that it has stopped.
memory.wire_all(host)

-- The default pager's task.
local function pager_task()
    for _ = 1, 100 do
        local path = "servers/pager\0\0\0"
        local kr, m = mach.rpc{remote = mach.bootstrap_port, id = 4702, reply_timeout = 1000,
                               body = "\0\0\0\0\1\0\0\0" .. string.pack("<I4I4", 0, 14) .. path}
        must(kr, "program_task")
        if m.ports and m.ports[1] then return m.ports[1][1] end
        clock.sleep(50)
    end
    error("there is no default pager")
end

-- Runs `body(task, pages)` with a task that has twice as many pages at BASE as there are, numbered from
-- `first` on.
local function with_too_many(first, body)
    local task, pages = tasks.create(), 2 * FREE
    must((mach.vm_allocate(task, BASE, pages * PAGE, false)), "vm_allocate")
    local result, left = sweeps.write(task, BASE, pages, first)
    if result ~= "done" or left ~= 0 then error("writing: " .. tostring(result) .. " " .. left) end
    body(task, pages)
    tasks.terminate(task)
end

test("A program that uses twice the memory there is reads what it wrote, forward and backward.",
function(t)
    with_too_many(1000, function(task, pages)
        t.ok(counts.task(task).resident_pages < pages * 2 // 3, "most of it is not in memory")
        t.eq({sweeps.check(task, BASE, pages, 1000)}, {"done", 0}, "forward")
        t.eq({sweeps.check(task, BASE, pages, 1000, true)}, {"done", 0}, "backward")
        t.eq({sweeps.write(task, BASE, pages, 5000, true)}, {"done", 0}, "written again, backward")
        t.eq({sweeps.check(task, BASE, pages, 5000)}, {"done", 0}, "forward")
        t.eq({sweeps.check(task, BASE, pages, 5001)}, {"done", pages}, "other numbers are noticed")
    end)
end)

test("A child inherits pages that are not in memory, and neither sees what the other writes.", function(t)
    with_too_many(7, function(task, pages)
        local child, half = tasks.create(task, true), pages // 2
        t.eq({sweeps.check(child, BASE, pages, 7, true)}, {"done", 0}, "the child's")
        t.eq({sweeps.write(child, BASE, half, 90000)}, {"done", 0}, "the child writes")
        t.eq({sweeps.check(task, BASE, pages, 7)}, {"done", 0}, "the parent's")
        t.eq({sweeps.check(child, BASE, half, 90000)}, {"done", 0}, "what the child wrote")
        t.eq({sweeps.check(child, BASE + half * PAGE, pages - half, 7 + half)}, {"done", 0}, "and not")
        tasks.terminate(child)
        t.eq({sweeps.check(task, BASE, pages, 7, true)}, {"done", 0}, "when the child is gone")
    end)
end)

test("Pages are sent, copied, remapped, read and written where they are.", function(t)
    with_too_many(300, function(task, pages)
        local some, to = pages // 4, BASE + pages * PAGE
        must((mach.vm_allocate(task, to, some * PAGE, false)), "vm_allocate")
        t.eq(mach.vm_copy(task, BASE, some * PAGE, to), 0, "vm_copy")
        t.eq({sweeps.check(task, to, some, 300, true)}, {"done", 0}, "copied")
        t.eq({sweeps.write(task, to, some, 1)}, {"done", 0}, "the copy is written")
        t.eq({sweeps.check(task, BASE, pages, 300)}, {"done", 0}, "the original is not")
        local kr, at = mach.vm_remap(self, 0, some * PAGE, 0, true, task, BASE, true, COPY)
        t.eq(kr, 0, "vm_remap")
        t.eq({sweeps.check(self, at, some, 300)}, {"done", 0}, "remapped")
        local port = ports.both()
        t.eq(mach.send{remote = port, ool = {{addr = at, size = some * PAGE, deallocate = true}}}, 0)
        local kr, m = mach.receive{port = port, timeout = 0, raw = true}
        t.eq({sweeps.check(self, m.ool[1].addr, some, 300, true)}, {"done", 0}, "sent")
        memory.release(m.ool[1].addr, some * PAGE)
        ports.destroy(port)
        local wrong = 0
        for i = 0, 99 do
            local page = i * 13 % pages
            memory.write(BASE + page * PAGE + 10, "in between", task)
            if memory.word(BASE + page * PAGE, task) ~= 300 + page then wrong = wrong + 1 end
        end
        t.eq(wrong, 0, "vm_read and vm_write of parts")
        t.eq({sweeps.check(task, BASE, pages, 300)}, {"done", 0}, "after that")
    end)
end)

local function pageouts()
    local kr, info = mach.host_statistics(mach.mach_host_self(), mach.HOST_VM_INFO)
    must(kr, "host_statistics")
    return info.pageouts
end

test("Pages that came back and were only read go without being sent again.", function(t)
    with_too_many(9, function(task, pages)
        t.eq({sweeps.check(task, BASE, pages, 9)}, {"done", 0}, "all have been sent once")
        local before = pageouts()
        for _ = 1, 2 do t.eq({sweeps.check(task, BASE, pages, 9, true)}, {"done", 0}, "read") end
        t.ok(pageouts() - before < pages // 4, "sent: " .. pageouts() - before .. " of " .. pages)
    end)
end)

test("Who needs memory waits while the pager is slow.", function(t)
    local slow, task, pages = pager_task(), tasks.create(), 2 * FREE
    must((mach.vm_allocate(task, BASE, pages * PAGE, false)), "vm_allocate")
    must(mach.task_suspend(slow), "task_suspend")
    local writer = sweeps.start_write(task, BASE, pages, 4)
    clock.sleep(3000)
    t.ok(counts.task(task).resident_pages < pages * 2 // 3, "it waits")
    must(mach.task_resume(slow), "task_resume")
    t.eq({writer:finish()}, {"done", 0}, "and goes on")
    t.eq({sweeps.check(task, BASE, pages, 4)}, {"done", 0})
    tasks.terminate(task)
    ports.deallocate(slow)
end)

test("An object that is only kept because it may be cached ends when memory is short.", function(t)
    local pager, accesses = require "pager", require "accesses"
    local p, task = pager.new(), tasks.create()
    local at = p:start(t, task, PAGE, {may_cache_object = true})
    must(p:supply(0, pager.pages(7)), "supply")
    t.eq((accesses.write(task, at, 8):finish()), "done")
    tasks.terminate(task)
    t.eq(p:receive(100), nil, "it is kept")
    with_too_many(1, function() end)
    local m = p:expect(t, "data_return")
    t.eq({m.offset, m.dirty, m.data and string.unpack("<I4", m.data)}, {0, 1, 8}, "what was modified")
    p:expect(t, "terminate")
    p:close()
end)

test("Wired pages stay in memory.", function(t)
    local task = tasks.create()
    must((mach.vm_allocate(task, BASE, 50 * PAGE, false)), "vm_allocate")
    must(mach.vm_wire(host, task, BASE, 50 * PAGE, RW), "vm_wire")
    local other = memory.allocate(50 * PAGE, task)
    t.eq({sweeps.write(task, other, 50, 1)}, {"done", 0})
    t.eq(mach.vm_copy(task, other, 50 * PAGE, BASE), 0, "vm_copy over them")
    must(mach.vm_deallocate(task, other, 50 * PAGE), "vm_deallocate")
    with_too_many(1, function() t.eq(counts.task(task).resident_pages, 50, "wired") end)
    must(mach.vm_wire(host, task, BASE, 50 * PAGE, mach.VM_PROT_NONE), "vm_wire")
    with_too_many(1, function()
        t.ok(counts.task(task).resident_pages < 10, "unwired: " .. counts.task(task).resident_pages)
    end)
    tasks.terminate(task)
end)

local function pageins(task)
    local kr, info = mach.task_info(task, mach.TASK_EVENTS_INFO)
    must(kr, "task_info")
    return info.pageins
end

test("A page that is in use stays in memory, the others of its task go.", function(t)
    local task = tasks.create()
    must((mach.vm_allocate(task, BASE, 20 * PAGE, false)), "vm_allocate")
    t.eq({sweeps.write(task, BASE, 20, 1)}, {"done", 0})
    local user = sweeps.start_use(task, BASE)
    with_too_many(1, function(other, pages)
        t.eq({sweeps.check(other, BASE, pages, 1)}, {"done", 0}, "others have used much memory")
        t.ok(pageins(task) < 5, "pages that had to come back: " .. pageins(task))
        t.ok(counts.task(task).resident_pages < 6, "in memory: " .. counts.task(task).resident_pages)
    end)
    t.eq(user:finish(0), nil, "the thread is at it")
    t.eq({sweeps.check(task, BASE + PAGE, 19, 2)}, {"done", 0}, "the others")
    t.ok(pageins(task) >= 19, "they came back")
    tasks.terminate(task)
end)

test("Memory with a pager goes back to that: what was written is returned, the rest is dropped.",
function(t)
    local task, object, store = tasks.create(), pager.new(), {}
    local at = object:start(t, task, 20 * PAGE)
    local function serve(m) -- true: it was a request
        if m.what == "data_return" then
            for i = 0, m.size // PAGE - 1 do
                store[m.offset // PAGE + i] = m.data:sub(i * PAGE + 1, (i + 1) * PAGE)
            end
        elseif m.what == "data_request" then
            object:supply(m.offset, store[m.offset // PAGE] or ("\0"):rep(PAGE))
            return true
        end
    end
    local function serve_requests(n)
        while n > 0 do if serve(object:receive(1000)) then n = n - 1 end end
    end
    local function returned()
        local n = 0
        for _ in pairs(store) do n = n + 1 end
        return n
    end
    local function press() -- others need memory until nothing of the task is left
        with_too_many(1, function(other, pages)
            for round = 1, 10 do
                for m in function() return object:receive(0) end do serve(m) end
                if counts.task(task).resident_pages < 3 then break end
                sweeps.check(other, BASE, pages, 1)
            end
            for m in function() return object:receive(0) end do serve(m) end
        end)
    end
    local writer = sweeps.start_write(task, at, 20, 77)
    serve_requests(20)
    t.eq({writer:finish()}, {"done", 0}, "written")
    press()
    t.eq(returned(), 20, "pages returned")
    local reader = sweeps.start_check(task, at, 20, 77)
    serve_requests(20)
    t.eq({reader:finish()}, {"done", 0}, "they are what they were")
    store = setmetatable({}, {__index = store})
    press()
    t.eq(returned(), 0, "pages that had not been written again")
    local reader = sweeps.start_check(task, at, 20, 77)
    serve_requests(20)
    t.eq({reader:finish()}, {"done", 0}, "nor lost")
    tasks.terminate(task)
    object:close()
end)

-- 64 pages are looked at before it is asked again whether four messages wait.
test("Precious pages go back to a pager that keeps up; one that is not ready is sent nothing.", function(t)
    local task, keen, early = tasks.create(), pager.new(), pager.new()
    local address = keen:start(t, task, 200 * PAGE)
    early:map(task, {size = 10 * PAGE})
    early:expect(t, "init")
    for i = 0, 3 do
        must(keen:supply(i * 50 * PAGE, pager.pages(7):rep(50), {precious = true}), "data_supply")
    end
    must(early:supply(0, pager.pages(8):rep(10), {precious = true}), "data_supply")
    with_too_many(1, function(other, pages)
        t.eq({sweeps.check(other, BASE, pages, 1)}, {"done", 0}, "others need memory")
        local waiting = ports.info(keen.port).queue_length
        t.ok(waiting >= 4 and waiting < 70, "messages that it has not received: " .. waiting)
        t.eq(ports.info(early.port).queue_length, 0, "messages to the other")
        local m = keen:expect(t, "data_return")
        t.eq({m.dirty, m.kernel_copy, m.data == pager.pages(7)}, {0, 0, true}, "the first")
    end)
    tasks.terminate(task)
    keen:close()
    early:close()
end)

-- ---- what can go wrong -------------------------------------------------------------------------

-- Nobody handles the hog's exception: it ends, and gives back what it has.
test("When the paging space is full, who needs memory has none; all goes on when some is free again.",
function(t)
    local task, pages = tasks.create(), FREE + 24 * 256
    must(mach.minato_task_set_name(task, "a hog"), "set_name")
    must((mach.vm_allocate(task, BASE, pages * PAGE, false)), "vm_allocate")
    local hog = sweeps.start_write(task, BASE, pages, 1)
    must(mach.thread_set_exception_ports(hog.thread, mach.EXC_MASK_ALL, 0, mach.EXCEPTION_DEFAULT, 0),
         "thread_set_exception_ports")
    for _ = 1, 100 do
        clock.sleep(500)
        if ports.type_of(task) == mach.MACH_PORT_TYPE_DEAD_NAME then break end
    end
    t.eq(ports.type_of(task), mach.MACH_PORT_TYPE_DEAD_NAME, "the hog has ended")
    ports.destroy(hog.port)
    ports.deallocate(hog.thread, task)
    with_too_many(1, function(task, n) t.eq({sweeps.check(task, BASE, n, 1)}, {"done", 0}) end)
end)

test("A thread that waits for a page can be ended, and one that the pager does not answer gets an error.",
function(t)
    local pager = pager_task()
    with_too_many(1, function(task, pages)
        must(mach.task_suspend(pager), "task_suspend")
        local waits = sweeps.start_check(task, BASE, pages, 1)
        t.eq(waits:finish(500), nil, "it waits")
        local waits = sweeps.start_check(task, BASE + PAGE, 1, 2)
        local result, code = waits:finish(20000)
        t.eq({result, code}, {"error", mach.KERN_MEMORY_ERROR}, "after ten seconds")
        must(mach.task_resume(pager), "task_resume")
        t.eq({sweeps.check(task, BASE, pages, 1)}, {"done", 0}, "the pager goes on")
    end)
    ports.deallocate(pager)
end)

test("The pager's death costs the pages it had, and nobody anything else; the next one works.",
function(t)
    local pager, bystander = pager_task(), tasks.create()
    must((mach.vm_allocate(bystander, BASE, 4 * PAGE, false)), "vm_allocate")
    must(mach.vm_wire(host, bystander, BASE, 4 * PAGE, RW), "vm_wire")
    t.eq({sweeps.write(bystander, BASE, 4, 1)}, {"done", 0})
    with_too_many(1, function(task, pages)
        must(mach.task_terminate(pager), "task_terminate")
        ports.deallocate(pager)
        local result, code = sweeps.check(task, BASE, pages, 1)
        t.eq({result, code}, {"error", mach.KERN_MEMORY_FAILURE}, "a lost page")
        t.eq({sweeps.check(bystander, BASE, 4, 1)}, {"done", 0}, "a page that was in memory")
        local port = ports.both()
        t.eq(mach.send{remote = port, body = "ahoy"}, 0, "messages go on")
        t.eq(select(2, mach.receive{port = port, timeout = 0}).body, "ahoy")
        ports.destroy(port)
        ports.deallocate(pager_task()) -- bootstrap has started another
        local result, code = sweeps.check(task, BASE, pages, 1)
        t.eq({result, code}, {"error", mach.KERN_MEMORY_FAILURE}, "lost for good")
    end)
    with_too_many(1, function(task, n) t.eq({sweeps.check(task, BASE, n, 1)}, {"done", 0}) end)
    tasks.terminate(bystander)
end)

test("host_default_memory_manager tells the paging space; while that has pages it stays.", function(t)
    local kr, port = mach.host_default_memory_manager(host, 0, 0)
    t.eq(kr, 0)
    t.ok(port ~= 0, "there is one")
    t.eq((mach.vm_map(self, 0, PAGE, 0, true, port, 0, false, mach.VM_PROT_READ, mach.VM_PROT_READ, COPY)),
         mach.KERN_INVALID_OBJECT, "vm_map of it")
    local mine = ports.allocate()
    t.eq((mach.host_default_memory_manager(mach.mach_host_self(), mine, 0)), mach.KERN_INVALID_HOST)
    with_too_many(1, function()
        t.eq((mach.host_default_memory_manager(host, mine, 0)), mach.KERN_FAILURE, "another")
    end)
    local kr, again = mach.host_default_memory_manager(host, 0, 0)
    t.eq({kr, again}, {0, port}, "the same as before")
    ports.deallocate(port)
    ports.deallocate(port)
    ports.destroy(mine)
end)
