-- SPDX-License-Identifier: BSD-2-Clause
-- vm_remap: memory of one task appears in another, shared or copied, with its protections; and
-- vm_read_overwrite, which reads over what is there. Contracts: mach_host.defs, mach_interface.h;
-- manual: vm_remap, vm_read.

local must, ports, memory = require "must", require "ports", require "memory"
local tasks, threads = require "tasks", require "threads"
local clock, counts = require "clock", require "counts"

local self = mach.mach_task_self()
local PAGE, BASE, AT, MAX = 4096, 0x200000, 0x40000000, 0xc0000000
local COPY, SHARE, NONE = mach.VM_INHERIT_COPY, mach.VM_INHERIT_SHARE, mach.VM_INHERIT_NONE
local INVALID_ARGUMENT, INVALID_ADDRESS, NO_SPACE, REFUSED = mach.KERN_INVALID_ARGUMENT,
    mach.KERN_INVALID_ADDRESS, mach.KERN_NO_SPACE, mach.KERN_PROTECTION_FAILURE

-- vm_remap with what is not given as plain as possible.
local function remap(target, source, a)
    return mach.vm_remap(target, a.at or AT, a.size or PAGE, a.mask or 0, a.anywhere or false,
                         source, a.from or BASE, a.copy or false, a.inheritance or COPY)
end

local function read(task, at, size)
    local kr, bytes = mach.vm_read(task, at, size or 6)
    return kr == 0 and bytes or kr
end

local function region(task, at)
    local kr, start, size, info = mach.vm_region(task, at, mach.VM_REGION_BASIC_INFO)
    must(kr, "vm_region")
    return start, size, info
end

-- Runs body(source, target): the first has `n` pages at BASE, each with its number in it.
local function with_pages(n, body)
    local source, target = tasks.create(), tasks.create()
    must((mach.vm_allocate(source, BASE, n * PAGE, false)), "vm_allocate")
    for i = 0, n - 1 do memory.write(BASE + i * PAGE, "page " .. i, source) end
    body(source, target)
    tasks.terminate(source, target)
end

test("Without copy both tasks see each other's writes, and the memory outlives the source.",
function(t)
    with_pages(3, function(source, target)
        t.eq({remap(target, source, {size = 2 * PAGE, from = BASE + PAGE})}, {0, AT, 3, 7},
             "result")
        t.eq({read(target, AT), read(target, AT + PAGE)}, {"page 1", "page 2"}, "contents")
        memory.write(AT, "TARGET", target)
        memory.write(BASE + 2 * PAGE, "SOURCE", source)
        t.eq({read(source, BASE + PAGE), read(target, AT + PAGE)}, {"TARGET", "SOURCE"}, "writes")
        must(mach.vm_deallocate(source, BASE, 3 * PAGE), "vm_deallocate")
        t.eq({read(target, AT), read(target, AT + PAGE)}, {"TARGET", "SOURCE"}, "source gone")
        t.eq(read(target, AT + 2 * PAGE), INVALID_ADDRESS, "no more than was asked for")
    end)
end)

test("A page is seen at 100 addresses, of which an instruction may need several at once.", function(t)
    local source, task, places = memory.allocate(PAGE), tasks.create(self, false), {}
    memory.write(source, "\xa5\xeb\xfe" .. ("\0"):rep(125) .. "text") -- movsd; jmp .
    for i = 1, 100 do
        local kr, at = remap(task, self, {anywhere = true, from = source})
        t.eq(kr, 0, "vm_remap")
        places[i] = at
    end
    for i = 1, 98 do -- code, source and destination are the same page
        local thread = threads.run(task, {eip = places[i], esi = places[i + 1] + 128,
                                          edi = places[i + 2] + 256 + 4 * i})
        for _ = 1, 50 do
            local _, state = mach.thread_get_state(thread, mach.i386_THREAD_STATE)
            if state.eip == places[i] + 1 then break end
            clock.sleep(1)
        end
        threads.terminate(thread)
    end
    t.eq(memory.read(source + 260, 98 * 4), ("text"):rep(98))
    for i = 2, 99 do must(mach.vm_deallocate(task, places[i], PAGE), "vm_deallocate") end
    t.eq(read(task, places[1] + 128, 4), "text")
    tasks.terminate(task)
    memory.release(source, PAGE)
end)

test("With copy neither sees what the other writes.", function(t)
    with_pages(2, function(source, target)
        t.eq({remap(target, source, {size = 2 * PAGE, copy = true})}, {0, AT, 3, 7}, "result")
        memory.write(AT, "TARGET", target)
        memory.write(BASE + PAGE, "SOURCE", source)
        t.eq({read(source, BASE), read(source, BASE + PAGE)}, {"page 0", "SOURCE"}, "source")
        t.eq({read(target, AT), read(target, AT + PAGE)}, {"TARGET", "page 1"}, "target")
    end)
end)

test("Memory that nobody has touched can be shared and copied.", function(t)
    local source, target = tasks.create(), tasks.create()
    must((mach.vm_allocate(source, BASE, 4 * PAGE, false)), "vm_allocate")
    t.eq((remap(target, source, {size = 2 * PAGE})), 0, "shared")
    t.eq((remap(target, source, {at = AT + 2 * PAGE, from = BASE + 2 * PAGE, size = 2 * PAGE,
                                 copy = true})), 0, "copied")
    memory.write(BASE + PAGE, "shared", source)
    memory.write(BASE + 3 * PAGE, "copied", source)
    t.eq({read(target, AT + PAGE), read(target, AT + 3 * PAGE)}, {"shared", "\0\0\0\0\0\0"})
    tasks.terminate(source, target)
end)

test("A task may remap its own memory; what is written at one address is read at the other.",
function(t)
    local at = memory.allocate(3 * PAGE)
    memory.write(at + 2 * PAGE, "before")
    local kr, to = remap(self, self, {at = 0, anywhere = true, from = at, size = 3 * PAGE})
    t.eq(kr, 0, "result")
    t.eq(memory.read(to + 2 * PAGE, 6), "before", "contents")
    memory.write(to + PAGE, "after")
    t.eq(memory.read(at + PAGE, 5), "after", "a write")
    memory.release(at, 3 * PAGE)
    t.eq(memory.read(to + PAGE, 5), "after", "the first address is gone")
    memory.release(to, 3 * PAGE)
end)

test("Addresses are rounded down to pages, the size up.", function(t)
    with_pages(3, function(source, target)
        t.eq({remap(target, source, {at = AT + 7, from = BASE + PAGE + 9, size = PAGE + 1})},
             {0, AT, 3, 7}, "result")
        t.eq({read(target, AT), read(target, AT + PAGE)}, {"page 1", "page 2"}, "contents")
        t.eq(counts.task(target).virtual_pages, 2, "pages")
    end)
end)

test("Each page keeps its protections and its behaviour; the intersections are returned.",
function(t)
    with_pages(3, function(source, target)
        must(mach.vm_protect(source, BASE, PAGE, false, 1), "vm_protect")
        must(mach.vm_protect(source, BASE + PAGE, PAGE, true, 3), "vm_protect")
        must(mach.vm_behavior_set(source, BASE + PAGE, PAGE, mach.VM_BEHAVIOR_RANDOM), "behavior")
        for i, copy in ipairs{false, true} do
            local at = AT + i * 16 * PAGE
            t.eq({remap(target, source, {at = at, size = 3 * PAGE, copy = copy,
                                         inheritance = NONE})}, {0, at, 1, 3}, "result")
            local seen = {}
            for page = 0, 2 do
                local _, _, info = region(target, at + page * PAGE)
                seen[#seen + 1] = {info.protection, info.max_protection, info.inheritance,
                                   info.behavior, info.shared}
            end
            local shared = copy and 0 or 1
            t.eq(seen, {{1, 7, NONE, 0, shared}, {3, 3, NONE, mach.VM_BEHAVIOR_RANDOM, shared},
                        {3, 7, NONE, 0, shared}}, "regions")
        end
        t.eq(mach.vm_write(target, AT + 16 * PAGE, "x"), REFUSED, "a page that is read-only")
        local _, _, info = region(source, BASE)
        t.eq({info.inheritance, info.shared}, {COPY, 1}, "the source's own attributes")
    end)
end)

test("The place is found as vm_map finds it.", function(t)
    with_pages(1, function(source, target)
        t.eq({remap(target, source, {anywhere = true})}, {0, AT, 3, 7}, "free there")
        t.eq({remap(target, source, {anywhere = true})}, {0, AT + PAGE, 3, 7}, "behind that")
        t.eq({remap(target, source, {anywhere = true, mask = 0xffff})}, {0, AT + 0x10000, 3, 7},
             "aligned")
        t.eq((remap(target, source, {})), NO_SPACE, "taken")
        t.eq((remap(target, source, {at = AT + 0x21000, mask = 0x1fff})), INVALID_ARGUMENT, "mask")
        t.eq((remap(target, source, {at = 0})), INVALID_ADDRESS, "page 0")
        t.eq((remap(target, source, {at = MAX})), INVALID_ADDRESS, "the kernel's addresses")
        t.eq((remap(target, source, {at = MAX - PAGE, anywhere = true})), 0, "the last page")
        t.eq((remap(target, source, {at = MAX - PAGE, anywhere = true})), NO_SPACE, "none above")
        t.eq(counts.task(target).virtual_pages, 4, "pages")
    end)
end)

test("Bad arguments are refused, and nothing is mapped.", function(t)
    with_pages(3, function(source, target)
        must(mach.vm_deallocate(source, BASE + PAGE, PAGE), "vm_deallocate")
        t.eq((remap(target, source, {size = 0})), INVALID_ARGUMENT, "size 0")
        for _, how in ipairs{3, -1, 0x7fffffff} do
            t.eq((remap(target, source, {inheritance = how})), INVALID_ARGUMENT, "inheritance")
        end
        t.eq((remap(target, source, {size = 3 * PAGE})), INVALID_ADDRESS, "a hole in the source")
        t.eq((remap(target, source, {from = BASE + 3 * PAGE})), INVALID_ADDRESS, "nothing there")
        t.eq((remap(target, source, {from = MAX - PAGE, size = 2 * PAGE})), INVALID_ADDRESS, "end")
        t.eq((remap(target, source, {size = 0xffffffff})), INVALID_ADDRESS, "wraps round")
        t.eq((remap(mach.mach_host_self(), source, {})), INVALID_ARGUMENT, "target no task")
        t.eq((remap(target, mach.mach_host_self(), {})), INVALID_ARGUMENT, "source no task")
        t.eq(counts.task(target).map_entries, 0, "entries")
    end)
end)

test("A source of many regions arrives as it is.", function(t)
    with_pages(40, function(source, target)
        for i = 0, 39, 2 do
            must(mach.vm_protect(source, BASE + i * PAGE, PAGE, false, 1), "vm_protect")
        end
        t.eq({remap(target, source, {size = 40 * PAGE})}, {0, AT, 1, 7}, "result")
        t.eq(counts.task(target).map_entries, 40, "entries")
        for i = 0, 39 do t.eq(read(target, AT + i * PAGE), ("page " .. i):sub(1, 6), "page") end
    end)
end)

test("vm_read_overwrite reads over memory that is there, any alignment.", function(t)
    with_pages(3, function(source)
        local at = memory.allocate(3 * PAGE)
        memory.write(at, ("x"):rep(3 * PAGE))
        t.eq({mach.vm_read_overwrite(source, BASE + 2, PAGE + 4, at + 5)}, {0, PAGE + 4}, "result")
        t.eq(memory.read(at + 3, 6), "xxge 0", "its start")
        t.eq(memory.read(at + 5 + PAGE - 2, 8), "page 1xx", "its end")
        t.eq({mach.vm_read_overwrite(source, BASE, 0, at)}, {0, 0}, "size 0")
        memory.release(at, 3 * PAGE)
    end)
end)

test("vm_read_overwrite writes all or nothing.", function(t)
    with_pages(2, function(source)
        local at = memory.allocate(2 * PAGE)
        memory.write(at, "as before")
        must(mach.vm_protect(self, at + PAGE, PAGE, false, 1), "vm_protect")
        t.eq((mach.vm_read_overwrite(source, BASE, 2 * PAGE, at)), REFUSED, "read-only here")
        must(mach.vm_deallocate(self, at + PAGE, PAGE), "vm_deallocate")
        t.eq((mach.vm_read_overwrite(source, BASE + PAGE, 2 * PAGE, at)), INVALID_ADDRESS,
             "a hole there")
        t.eq((mach.vm_read_overwrite(source, BASE, PAGE, MAX)), INVALID_ADDRESS, "the kernel's")
        t.eq((mach.vm_read_overwrite(mach.mach_host_self(), BASE, PAGE, at)), INVALID_ARGUMENT,
             "no task")
        must(mach.vm_protect(source, BASE, PAGE, false, 0), "vm_protect")
        t.eq((mach.vm_read_overwrite(source, BASE, PAGE, at)), REFUSED, "not to be read there")
        t.eq(memory.read(at, 9), "as before", "contents")
        memory.release(at, PAGE)
    end)
end)
