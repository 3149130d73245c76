-- SPDX-License-Identifier: BSD-2-Clause
-- External pagers: copies of their memory, however made, show what was there when they were made.
-- Contracts: memory_object_change_attributes in mach.defs; docs/vm.md.

local must, pager, accesses, ports = require "must", require "pager", require "accesses", require "ports"
local tasks, memory = require "tasks", require "memory"
local with_task, jobs, counts = tasks.with, require "jobs", require "counts"

local self = mach.mach_task_self()
local PAGE = 4096
local COPY_NONE = mach.MEMORY_OBJECT_COPY_NONE

-- Serves the pager's object from `words`, which are those of its pages, until `job` is done; returns what
-- that returned, and the pages that were asked for.
local function serve(t, p, words, job)
    local asked = {}
    for _ = 1, 200 do
        local m = p:receive(10)
        if m and m.what == "data_request" then
            asked[#asked + 1] = m.offset // PAGE
            must(p:supply(m.offset, pager.pages(words[m.offset // PAGE])), "supply")
        end
        local ok, value = job:wait(0)
        if ok ~= nil then
            t.ok(ok, tostring(value))
            return value, asked
        end
    end
    t.fail("it is not done")
end

-- The words at the start of `count` pages of a task.
local function words_of(t, p, words, task, at, count)
    local job = spawn.thread(function()
        local list = {}
        for i = 0, args.count - 1 do
            local kr, bytes = mach.vm_read(args.task, args.at + i * 4096, 4)
            list[i + 1] = kr == 0 and string.unpack("<I4", bytes) or -kr
        end
        return list
    end, {task = task, at = at, count = count})
    return serve(t, p, words, job)
end

-- Four ways to copy four pages at `at` of `task`, of which each leaves them in a task.
local ways = {
    vm_map = function(p, task, at, into)
        return into, p:map(into, {size = 4 * PAGE, copy = true})
    end,
    vm_remap = function(p, task, at, into)
        local kr, address = mach.vm_remap(into, 0, 4 * PAGE, 0, true, task, at, true, mach.VM_INHERIT_COPY)
        must(kr, "vm_remap")
        return into, address
    end,
    fork = function(p, task, at, into)
        return tasks.create(task, true), at
    end,
    message = function(p, task, at, into)
        -- The object is mapped here too, sent out of line, and what arrives is given to the other task.
        local mine = p:map(self, {size = 4 * PAGE})
        local port = ports.both()
        must(mach.send{remote = port, id = 1, ool = {{addr = mine, size = 4 * PAGE}}}, "send")
        local kr, m = mach.receive{port = port, timeout = 0, raw = true}
        must(kr, "receive")
        must(mach.vm_deallocate(self, mine, 4 * PAGE), "vm_deallocate")
        ports.destroy(port)
        return self, m.ool[1].addr
    end,
}

local names = {"vm_map", "vm_remap", "fork", "message"}

local function clean_up(task, at, into)
    if task == self then must(mach.vm_deallocate(self, at, 4 * PAGE), "vm_deallocate") end
    if task ~= self and task ~= into then tasks.terminate(task) end
end

for _, name in ipairs(names) do
    test("A copy by " .. name .. " shows what was there when it was made, whoever writes later.", function(t)
        with_task(function(task) with_task(function(into)
            local p = pager.new()
            local words = {[0] = 10, 11, 12, 13}
            local at = p:start(t, task, 4 * PAGE)
            must(p:supply(0, pager.pages(10, 11)), "supply")
            t.eq((accesses.write(task, at + PAGE, 21):finish()), "done", "before the copy")
            local there, where = ways[name](p, task, at, into)
            t.eq((accesses.write(task, at, 30):finish()), "done", "a page that is there")
            t.eq((accesses.write(task, at + PAGE, 31):finish()), "done", "and was written to")
            local a = accesses.write(task, at + 2 * PAGE, 32)
            p:expect(t, "data_request")
            must(p:supply(2 * PAGE, pager.pages(12)), "supply")
            t.eq((a:finish()), "done", "a page that is not there")
            a = accesses.read(task, at + 3 * PAGE)
            p:expect(t, "data_request")
            must(p:supply(3 * PAGE, pager.pages(13)), "supply")
            t.eq((a:finish()), "done", "a page that is read first")
            t.eq((accesses.write(task, at + 3 * PAGE, 33):finish()), "done", "and then written to")
            t.eq((accesses.write(there, where, 40):finish()), "done", "the copy's own write")
            t.eq({words_of(t, p, words, there, where, 4)}, {{40, 21, 12, 13}, {}}, "the copy")
            t.eq({words_of(t, p, words, task, at, 4)}, {{30, 31, 32, 33}, {}}, "the original")
            must(p:lock(0, 4 * PAGE, {give = mach.MEMORY_OBJECT_RETURN_DIRTY}), "lock_request")
            local m = p:expect(t, "data_return")
            t.eq({m.offset, #m.data}, {0, 4 * PAGE}, "of the copy's writes the pager sees nothing")
            clean_up(there, where, into)
            p:close()
        end) end)
    end)
end

test("Copies that are made at different times keep different contents, and copies of copies theirs.",
function(t)
    with_task(function(task)
        local p, copies = pager.new(), {}
        local at = p:start(t, task, 2 * PAGE)
        for i = 1, 4 do
            copies[i] = p:map(task, {size = 2 * PAGE, copy = true})
            local a = accesses.write(task, at, i)
            if i == 1 then
                p:expect(t, "data_request")
                must(p:supply(0, pager.pages(0)), "supply")
            end
            t.eq((a:finish()), "done")
        end
        local child = tasks.create(task, true)
        t.eq((accesses.write(child, copies[2], 77):finish()), "done")
        for i = 1, 4 do
            t.eq({accesses.read(task, copies[i]):finish()}, {"done", i - 1}, "copy " .. i)
            t.eq({accesses.read(child, copies[i]):finish()}, {"done", i == 2 and 77 or i - 1}, "its copy")
        end
        t.eq({accesses.read(child, at):finish()}, {"done", 4})
        local a, b = accesses.read(child, copies[3] + PAGE), accesses.write(task, copies[1] + PAGE, 5)
        t.eq(p:expect(t, "data_request").offset, PAGE, "asked for once, for all of them")
        must(p:supply(PAGE, pager.pages(9)), "supply")
        t.eq({a:finish()}, {"done", 9})
        t.eq((b:finish()), "done")
        t.eq({accesses.read(task, copies[4] + PAGE):finish()}, {"done", 9})
        tasks.terminate(child)
        p:close()
    end)
end)

test("What the pager says later reaches copies only as far as nobody has it yet.", function(t)
    with_task(function(task)
        local p = pager.new()
        local at = p:start(t, task, 4 * PAGE)
        must(p:supply(0, pager.pages(1, 2)), "supply")
        local copy = p:map(task, {copy = true})
        must(p:lock(0, 2 * PAGE, {flush = true}), "lock_request")
        local a = accesses.read(task, at)
        p:expect(t, "data_request")
        must(p:supply(0, pager.pages(51, 52, 53)), "supply")
        t.eq({a:finish()}, {"done", 51})
        for i, word in ipairs{1, 2, 53} do
            t.eq({accesses.read(task, copy + (i - 1) * PAGE):finish()}, {"done", word}, i)
        end
        must(mach.vm_deallocate(task, at, 4 * PAGE), "vm_deallocate")
        t.eq(p:receive(), nil, "the copy still needs the pager")
        a = accesses.read(task, copy + 3 * PAGE)
        t.eq(p:expect(t, "data_request").offset, 3 * PAGE)
        must(p:supply(3 * PAGE, pager.pages(54)), "supply")
        t.eq({a:finish()}, {"done", 54})
        must(mach.vm_deallocate(task, copy, 4 * PAGE), "vm_deallocate")
        p:expect(t, "terminate")
        p:close()
    end)
end)

test("Data that must not be read are asked for by copies too.", function(t)
    with_task(function(task)
        local p = pager.new()
        local at = p:start(t, task, 4 * PAGE)
        must(p:supply(0, pager.pages(1, 2), {lock = mach.VM_PROT_READ}), "supply")
        local copy = p:map(task, {copy = true})
        local a = accesses.read(task, copy + PAGE)
        local m = p:expect(t, "data_unlock")
        t.eq({m.offset, m.access}, {PAGE, mach.VM_PROT_READ})
        must(p:lock(0, 4 * PAGE, {lock = mach.VM_PROT_NONE}), "lock_request")
        t.eq({a:finish()}, {"done", 2})
        t.eq({accesses.read(task, copy):finish()}, {"done", 1})
        p:close()
    end)
end)

test("A copy of a part, and copies of that, look for their pages where they are in the object.", function(t)
    with_task(function(task)
        local p = pager.new()
        p:start(t, task, 8 * PAGE)
        local part = p:map(task, {offset = 4 * PAGE, size = 4 * PAGE, copy = true})
        local kr, half = mach.vm_remap(task, 0, 2 * PAGE, 0, true, task, part + 2 * PAGE, true,
                                       mach.VM_INHERIT_COPY)
        must(kr, "vm_remap")
        local child = tasks.create(task, true)
        for i, case in ipairs{{task, part, 4}, {task, half, 6}, {child, half + PAGE, 7},
                              {child, part + PAGE, 5}} do
            local a = accesses.read(case[1], case[2])
            t.eq(p:expect(t, "data_request").offset, case[3] * PAGE, "case " .. i)
            must(p:supply(case[3] * PAGE, pager.pages(100 + case[3])), "supply")
            t.eq({a:finish()}, {"done", 100 + case[3]}, "case " .. i)
        end
        t.eq({accesses.read(child, half):finish()}, {"done", 106}, "what the others have is there")
        tasks.terminate(child)
        p:close()
    end)
end)

test("A copy of a part keeps nothing of the rest when that is written.", function(t)
    with_task(function(task)
        local p, SIZE = pager.new(), 129 * PAGE
        local at = p:start(t, task, SIZE)
        local copy = p:map(task, {offset = 64 * PAGE, size = PAGE, copy = true})
        must(p:supply(0, pager.pages(5):rep(129)), "supply")
        local free = counts.host().pages_free
        for i = 0, 128 do must(mach.vm_write(task, at + i * PAGE, "\6\0\0\0"), "vm_write") end
        local used = free - counts.host().pages_free
        t.ok(used < 32, "pages used: " .. used)
        t.eq({accesses.read(task, copy):finish()}, {"done", 5}, "its own page")
        p:close()
    end)
end)

-- ---- a page that its object replaces, because a copy has the old one --------------------------------

test("What was written before a copy goes back although the write that replaces its page never comes.",
function(t)
    with_task(function(task)
        local p, host = pager.new(), ports.privileged_host()
        local at = p:start(t, task, 2 * PAGE)
        must(p:supply(0, pager.pages(1, 2)), "supply")
        t.eq((accesses.write(task, at, 8):finish()), "done")
        local copy = p:map(task, {copy = true})
        must(mach.vm_wire(host, task, at, 2 * PAGE, mach.VM_PROT_READ | mach.VM_PROT_WRITE), "vm_wire")
        must(p:lock(0, 2 * PAGE, {give = mach.MEMORY_OBJECT_RETURN_DIRTY}), "lock_request")
        local m = p:expect(t, "data_return")
        t.eq({m.offset, m.size, m.dirty, m.data and string.unpack("<I4", m.data)}, {0, PAGE, 1, 8})
        t.eq(p:receive(0), nil, "the page that was only read is clean")
        t.eq({accesses.read(task, copy):finish()}, {"done", 8}, "the copy")
        must(mach.vm_wire(host, task, at, 2 * PAGE, mach.VM_PROT_NONE), "vm_wire")
        ports.deallocate(host)
        p:close()
    end)
end)

test("The pages that only a copy has any more are nobody's: another pager can have them.", function(t)
    with_task(function(task)
        local SIZE = 128 * PAGE
        local p, q = pager.new(), pager.new()
        local at, there = p:start(t, task, SIZE), q:start(t, task, SIZE)
        must(p:supply(0, pager.pages(5):rep(128)), "supply")
        local copy = p:map(self, {size = SIZE, copy = true})
        for i = 0, 127 do must(mach.vm_write(task, at + i * PAGE, "\6\0\0\0"), "vm_write") end
        local free = counts.host().pages_free
        must(q:supply_memory(0, copy, SIZE, false), "supply")
        local used = free - counts.host().pages_free
        t.ok(used < 32, "pages used: " .. used)
        for i = 0, 127, 127 do
            t.eq({accesses.read(task, there + i * PAGE):finish()}, {"done", 5}, "the other's page " .. i)
            t.eq({accesses.read(task, at + i * PAGE):finish()}, {"done", 6}, "the first one's page " .. i)
        end
        must(mach.vm_deallocate(self, copy, SIZE), "vm_deallocate")
        p:close()
        q:close()
    end)
end)

-- ---- MEMORY_OBJECT_COPY_NONE ---------------------------------------------------------------------

for _, name in ipairs(names) do
    test("With MEMORY_OBJECT_COPY_NONE a copy by " .. name .. " is complete when it is made.", function(t)
        with_task(function(task) with_task(function(into)
            local p = pager.new()
            local at = p:start(t, task, 4 * PAGE, {copy_strategy = COPY_NONE})
            must(p:supply(PAGE, pager.pages(1)), "supply")
            -- The pager is a thread, for the copy waits for it.
            local server = spawn.thread(function()
                local pager = require "pager"
                local p = pager.attach(args.port, args.control)
                local asked = {}
                while #asked < 3 do
                    local m = p:receive(2000)
                    if not m then return asked end
                    if m.what == "data_request" then
                        asked[#asked + 1] = m.offset // 4096
                        p:supply(m.offset, pager.pages(m.offset // 4096))
                    end
                end
                return asked
            end, {port = p.port, control = p.control})
            local there, where = ways[name](p, task, at, into)
            t.eq(jobs.answer(t, server), {0, 2, 3}, "asked for")
            must(p:lock(0, 4 * PAGE, {flush = true}), "lock_request")
            for i = 0, 3 do
                t.eq({accesses.read(there, where + i * PAGE):finish()}, {"done", i}, "page " .. i)
            end
            t.eq(p:receive(0), nil, "nothing more")
            clean_up(there, where, into)
            if there == into then must(mach.vm_deallocate(into, where, 4 * PAGE), "vm_deallocate") end
            t.eq(p:receive(50), nil, "the end of the copy is not that of the original")
            local a = accesses.read(task, at)
            t.eq(p:expect(t, "data_request").offset, 0)
            must(p:supply(0, pager.pages(50)), "supply")
            t.eq({a:finish()}, {"done", 50}, "the original")
            p:close()
        end) end)
    end)
end

test("With MEMORY_OBJECT_COPY_NONE an error of the pager fails the copy, and nothing is mapped.", function(t)
    with_task(function(task)
        local p = pager.new()
        local at = p:start(t, task, 4 * PAGE, {copy_strategy = COPY_NONE})
        must(p:limit(50), "limit")
        local pages = counts.task(task).virtual_pages
        t.eq((mach.vm_map(task, 0, 4 * PAGE, 0, true, p.port, 0, true, 3, 7, 1)), mach.KERN_MEMORY_ERROR)
        t.eq((mach.vm_remap(task, 0, 4 * PAGE, 0, true, task, at, true, 1)), mach.KERN_MEMORY_ERROR)
        t.eq((mach.vm_read(task, at, 4 * PAGE)), mach.KERN_MEMORY_ERROR)
        t.eq(counts.task(task).virtual_pages, pages)
        local child = tasks.create(task, true)
        local a = accesses.read(child, at)
        t.eq({a:finish()}, {"error", mach.KERN_MEMORY_ERROR, at}, "a child has what its parent has")
        tasks.terminate(child)
        p:close()
    end)
end)
