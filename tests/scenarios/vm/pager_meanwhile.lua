-- SPDX-License-Identifier: BSD-2-Clause
-- External pagers: what others do to the memory, the map or the object while somebody waits for a page.
-- Contracts: mach.defs (vm_write, vm_map, vm_allocate), memory_object.defs; docs/vm.md.

local must, pager, accesses, ports = require "must", require "pager", require "accesses", require "ports"
local with_task, jobs, tasks = require "tasks".with, require "jobs", require "tasks"

local PAGE, BASE = 4096, 0x40000000

-- vm_write of a part of the page at BASE and one of the next, in another thread.
local function write_across(task)
    return spawn.thread(function()
        return mach.vm_write(args.task, args.at, ("w"):rep(8))
    end, {task = task, at = BASE + PAGE - 4})
end

-- A pager whose object a task has at BASE.
local function mapped(t, task, pages, attributes)
    local p = pager.new()
    p:map(task, {at = BASE, size = pages * PAGE})
    p:expect(t, "init")
    must(p:ready(attributes), "change_attributes")
    return p
end

test("A write to a private copy is not undone by who waited for the same page.", function(t)
    with_task(function(task)
        local p = mapped(t, task, 2)
        local copy = p:map(task, {size = 2 * PAGE, copy = true})
        local a, b, c = accesses.write(task, copy, 8), accesses.read(task, copy), accesses.read(task, BASE)
        t.eq({p:expect(t, "data_request").offset, p:receive()}, {0}, "asked for once")
        must(p:supply(0, pager.pages(5)), "supply")
        t.eq({(a:finish())}, {"done"})
        t.eq({(b:finish())}, {"done"})
        t.eq({c:finish()}, {"done", 5}, "the original")
        t.eq({accesses.read(task, copy):finish()}, {"done", 8}, "the copy")
        p:close()
    end)
end)

test("Data that are supplied right after data_unavailable are not replaced by zeros.", function(t)
    with_task(function(task)
        local p = mapped(t, task, 1)
        local a = accesses.read(task, BASE)
        p:expect(t, "data_request")
        require "threads".under(mach.POLICY_TIMESHARE, 30, function() -- so that it runs behind both
            must(mach.memory_object_data_unavailable(p.control, 0, PAGE), "data_unavailable")
            must(p:supply(0, pager.pages(7)), "supply")
        end)
        t.eq({a:finish()}, {"done", 7})
        p:close()
    end)
end)

test("What leaves memory while vm_write waits for another page is asked for again.", function(t)
    with_task(function(task)
        local p = mapped(t, task, 2)
        must(p:supply(0, pager.pages(1)), "supply")
        local job = write_across(task)
        t.eq(p:expect(t, "data_request", 2000).offset, PAGE)
        must(p:lock(0, PAGE, {give = mach.MEMORY_OBJECT_RETURN_NONE, flush = true}), "lock_request")
        must(p:supply(PAGE, pager.pages(2)), "supply")
        t.eq(p:expect(t, "data_request").offset, 0, "once more")
        must(p:supply(0, pager.pages(3)), "supply")
        t.eq(jobs.answer(t, job), 0)
        t.eq({accesses.read(task, BASE + PAGE - 4):finish()}, {"done", 0x77777777})
        t.eq({accesses.read(task, BASE + PAGE):finish()}, {"done", 0x77777777})
        t.eq({accesses.read(task, BASE):finish()}, {"done", 3})
        p:close()
    end)
end)

test("Memory that goes while vm_write waits: KERN_INVALID_ADDRESS, and nothing has been written.",
function(t)
    with_task(function(task)
        local p = mapped(t, task, 2)
        local job = write_across(task)
        t.eq(p:expect(t, "data_request", 2000).offset, 0)
        must(mach.vm_deallocate(task, BASE + PAGE, PAGE), "vm_deallocate")
        must(p:supply(0, pager.pages(1)), "supply")
        t.eq(jobs.answer(t, job), mach.KERN_INVALID_ADDRESS)
        t.eq({accesses.read(task, BASE + PAGE - 4):finish()}, {"done", 1}, "what is there still")
        p:close()
    end)
end)

test("A task that ends while vm_write into it waits: KERN_INVALID_ADDRESS, for it has no memory.", function(t)
    local task = tasks.create()
    local p = mapped(t, task, 2)
    local job = write_across(task)
    t.eq(p:expect(t, "data_request", 2000).offset, 0)
    tasks.terminate(task)
    must(p:supply(0, pager.pages(1)), "supply")
    t.eq(jobs.answer(t, job), mach.KERN_INVALID_ADDRESS)
    p:expect(t, "terminate")
    p:close()
end)

test("What comes for a part of a copy that has gone is not in fresh memory in its place.", function(t)
    with_task(function(task)
        local p = mapped(t, task, 2, {copy_strategy = mach.MEMORY_OBJECT_COPY_NONE})
        local there = BASE + 16 * PAGE
        local job = spawn.thread(function()
            return (mach.vm_map(args.task, args.there, 8192, 0, false, args.port, 0, true, 3, 7, 1))
        end, {task = task, there = there, port = p.port})
        t.eq(p:expect(t, "data_request", 2000).offset, 0)
        must(p:supply(0, pager.pages(1)), "supply")
        t.eq(p:expect(t, "data_request").offset, PAGE, "the copy is to be complete")
        must(mach.vm_deallocate(task, there + PAGE, PAGE), "vm_deallocate")
        must(p:supply(PAGE, pager.pages(99)), "supply")
        t.eq(jobs.answer(t, job), mach.KERN_INVALID_ADDRESS, "vm_map")
        must((mach.vm_allocate(task, there + PAGE, PAGE, false)), "vm_allocate")
        t.eq({accesses.read(task, there + PAGE):finish()}, {"done", 0}, "fresh memory")
        p:close()
    end)
end)

-- Where an entry was that has gone, the next one is made that anybody needs.
test("Memory that goes while vm_copy over it waits for its source: others' entries are left alone.",
function(t)
    for _, written in ipairs{false, true} do
        with_task(function(task) with_task(function(other)
            local p, there = mapped(t, task, 1), BASE + 16 * PAGE
            must((mach.vm_allocate(task, there, PAGE, false)), "vm_allocate")
            if written then must(mach.vm_write(task, there, "here"), "vm_write") end
            local job = spawn.thread(function() return mach.vm_copy(args.task, args.from, 4096, args.to) end,
                                     {task = task, from = BASE, to = there})
            t.eq(p:expect(t, "data_request", 2000).offset, 0)
            must(mach.vm_deallocate(task, there, PAGE), "vm_deallocate")
            must((mach.vm_allocate(other, BASE, PAGE, false)), "vm_allocate")
            must(p:supply(0, pager.pages(1)), "supply")
            t.eq(jobs.answer(t, job), mach.KERN_INVALID_ADDRESS)
            local kr, _, _, region = mach.minato_vm_region(other, BASE)
            t.eq({kr, region and region.object}, {0, 0}, "the object of memory that nobody has touched")
            t.eq({accesses.read(other, BASE):finish()}, {"done", 0})
            p:close()
        end) end)
    end
end)
