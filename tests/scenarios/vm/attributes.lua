-- SPDX-License-Identifier: BSD-2-Clause
-- vm_wire, vm_behavior_set, vm_machine_attribute: what a range of memory is to the machine and to
-- the choice of pages. Contracts: mach.defs, mach_host.defs; manual: the pages of these names.

local must, ports, memory = require "must", require "ports", require "memory"
local tasks, counts = require "tasks", require "counts"

local self = mach.mach_task_self()
local host = ports.privileged_host()
local PAGE, BASE, MAX = 4096, 0x200000, 0xc0000000
local NONE, READ, RW, ALL = mach.VM_PROT_NONE, mach.VM_PROT_READ, 3, mach.VM_PROT_ALL
local INVALID_ARGUMENT, INVALID_ADDRESS, REFUSED = mach.KERN_INVALID_ARGUMENT,
    mach.KERN_INVALID_ADDRESS, mach.KERN_PROTECTION_FAILURE

-- Runs body(task) with a task that has `n` fresh pages at BASE.
local function with_pages(n, body)
    tasks.with(function(task)
        must((mach.vm_allocate(task, BASE, n * PAGE, false)), "vm_allocate")
        body(task)
    end)
end

local function wire(task, first, count, access)
    return mach.vm_wire(host, task, BASE + first * PAGE, count * PAGE, access)
end

-- One field of vm_region's answer for each of pages 0 … n - 1.
local function field(task, n, name)
    local list = {}
    for i = 0, n - 1 do
        local kr, start, size, info = mach.vm_region(task, BASE + i * PAGE,
                                                     mach.VM_REGION_BASIC_INFO)
        list[#list + 1] = kr == 0 and start <= BASE + i * PAGE and info[name] or "-"
    end
    return list
end

local function resident(task) return counts.task(task).resident_pages end

test("Wired pages are in memory and mapped when vm_wire returns.", function(t)
    with_pages(5, function(task)
        t.eq(wire(task, 1, 3, RW), 0)
        t.eq(resident(task), 3, "resident pages")
        t.eq(field(task, 5, "user_wired_count"), {0, 1, 1, 1, 0}, "counts")
        t.eq(wire(task, 0, 1, READ), 0, "for reading")
        t.eq(resident(task), 4, "resident pages")
    end)
end)

test("The address is rounded down to a page, the end up.", function(t)
    with_pages(4, function(task)
        t.eq(mach.vm_wire(host, task, BASE + PAGE + 1, PAGE, RW), 0)
        t.eq(field(task, 4, "user_wired_count"), {0, 1, 1, 0})
        t.eq(mach.vm_wire(host, task, BASE + 5, 0, RW), 0, "size 0 does nothing")
        t.eq(field(task, 4, "user_wired_count"), {0, 1, 1, 0})
    end)
end)

test("Wiring counts, unwiring counts down and stops at 0.", function(t)
    with_pages(3, function(task)
        memory.write(BASE, "one object", task)
        must(wire(task, 0, 2, RW), "vm_wire")
        must(wire(task, 1, 2, READ), "vm_wire")
        t.eq(field(task, 3, "user_wired_count"), {1, 2, 1}, "wired")
        t.eq(wire(task, 0, 3, NONE), 0)
        t.eq(field(task, 3, "user_wired_count"), {0, 1, 0}, "unwired once")
        t.eq(wire(task, 0, 3, NONE), 0)
        t.eq(field(task, 3, "user_wired_count"), {0, 0, 0}, "unwired twice")
        t.eq(counts.task(task).map_entries, 1, "the regions are one again")
    end)
end)

test("What vm_wire refuses is not wired.", function(t)
    with_pages(3, function(task)
        must(mach.vm_protect(task, BASE + PAGE, PAGE, false, READ), "vm_protect")
        t.eq(wire(task, 0, 3, RW), REFUSED, "a page that must not be written")
        t.eq(wire(task, 0, 3, READ | mach.VM_PROT_EXECUTE), REFUSED, "nor executed")
        t.eq(wire(task, 0, 4, READ), INVALID_ADDRESS, "a hole")
        t.eq(wire(task, 0, 4, NONE), INVALID_ADDRESS, "a hole, unwiring")
        t.eq(mach.vm_wire(host, task, MAX - PAGE, 2 * PAGE, READ), INVALID_ADDRESS, "the kernel's")
        for _, access in ipairs{8, 0x10, -1} do
            t.eq(wire(task, 0, 3, access), INVALID_ARGUMENT, "access " .. access)
        end
        t.eq(mach.vm_wire(mach.mach_host_self(), task, BASE, PAGE, READ), mach.KERN_INVALID_HOST,
             "without the privilege")
        t.eq(mach.vm_wire(host, host, BASE, PAGE, READ), INVALID_ARGUMENT, "no task")
        t.eq(field(task, 3, "user_wired_count"), {0, 0, 0}, "counts")
        t.eq(resident(task), 0, "pages")
    end)
end)

test("When memory is short vm_wire wires nothing.", function(t)
    tasks.with(function(task)
        must((mach.vm_allocate(task, BASE, 0x40000000, false)), "vm_allocate")
        t.eq(mach.vm_wire(host, task, BASE, 0x40000000, RW), mach.KERN_RESOURCE_SHORTAGE)
        t.eq(field(task, 1, "user_wired_count"), {0}, "count")
    end)
end)

test("Children and copies are not wired; their writes do not touch what is.", function(t)
    with_pages(2, function(task)
        memory.write(BASE, "wired", task)
        must(wire(task, 0, 2, RW), "vm_wire")
        local child = tasks.create(task, true)
        t.eq(field(child, 2, "user_wired_count"), {0, 0}, "the child's")
        memory.write(BASE, "child", child)
        t.eq(memory.read(BASE, 5, task), "wired", "contents")
        local kr, at = mach.vm_remap(task, 0, 2 * PAGE, 0, true, task, BASE, false,
                                     mach.VM_INHERIT_COPY)
        local kr, _, _, info = mach.vm_region(task, at, mach.VM_REGION_BASIC_INFO)
        t.eq({kr, info.user_wired_count}, {0, 0}, "remapped")
        tasks.terminate(child)
    end)
end)

test("Deallocated memory is not wired when it is allocated again.", function(t)
    with_pages(4, function(task)
        must(wire(task, 0, 4, RW), "vm_wire")
        must(mach.vm_deallocate(task, BASE, 2 * PAGE), "vm_deallocate")
        must((mach.vm_allocate(task, BASE, 2 * PAGE, false)), "vm_allocate")
        t.eq(field(task, 4, "user_wired_count"), {0, 0, 1, 1})
    end)
end)

test("vm_behavior_set is told by vm_region and inherited.", function(t)
    with_pages(4, function(task)
        t.eq(field(task, 4, "behavior"), {0, 0, 0, 0}, "at first")
        for how = 0, 3 do
            t.eq(mach.vm_behavior_set(task, BASE + PAGE + 1, PAGE, how), 0, "behaviour " .. how)
            t.eq(field(task, 4, "behavior"), {0, how, how, 0}, "pages")
        end
        local child = tasks.create(task, true)
        t.eq(field(child, 4, "behavior"), {0, 3, 3, 0}, "the child's")
        tasks.terminate(child)
        t.eq(mach.vm_behavior_set(task, BASE, 4 * PAGE, 0), 0)
        t.eq(counts.task(task).map_entries, 1, "the regions are one again")
        for _, how in ipairs{4, -1, 0x7fffffff} do
            t.eq(mach.vm_behavior_set(task, BASE, PAGE, how), INVALID_ARGUMENT, "value " .. how)
        end
        t.eq(mach.vm_behavior_set(task, BASE, 5 * PAGE, 1), INVALID_ADDRESS, "a hole")
        t.eq(mach.vm_behavior_set(task, BASE, 0, 1), 0, "size 0")
        t.eq(mach.vm_behavior_set(host, BASE, PAGE, 1), INVALID_ARGUMENT, "no task")
        t.eq(field(task, 4, "behavior"), {0, 0, 0, 0}, "at last")
    end)
end)

test("vm_machine_attribute: memory is cached, and caches are coherent.", function(t)
    with_pages(2, function(task)
        local function attribute(which, value, size)
            return mach.vm_machine_attribute(task, BASE, size or 2 * PAGE, which, value)
        end
        local CACHE, GET, ON, OFF = mach.MATTR_CACHE, mach.MATTR_VAL_GET, mach.MATTR_VAL_ON,
            mach.MATTR_VAL_OFF
        t.eq({attribute(CACHE, GET)}, {0, ON}, "get")
        t.eq({attribute(CACHE, ON)}, {0, ON}, "on")
        for _, value in ipairs{mach.MATTR_VAL_CACHE_FLUSH, mach.MATTR_VAL_DCACHE_FLUSH,
                               mach.MATTR_VAL_ICACHE_FLUSH, mach.MATTR_VAL_CACHE_SYNC} do
            t.eq({attribute(CACHE, value)}, {0, value}, "flush")
        end
        t.eq((attribute(CACHE, OFF)), mach.KERN_NOT_SUPPORTED, "off")
        t.eq((attribute(mach.MATTR_MIGRATE, GET)), mach.KERN_NOT_SUPPORTED, "migrate")
        t.eq((attribute(mach.MATTR_REPLICATE, GET)), mach.KERN_NOT_SUPPORTED, "replicate")
        t.eq((attribute(CACHE, 3)), INVALID_ARGUMENT, "no value")
        t.eq((attribute(8, GET)), INVALID_ARGUMENT, "no attribute")
        t.eq((attribute(CACHE, GET, 3 * PAGE)), INVALID_ADDRESS, "a hole")
    end)
end)

test("Memory that may only be executed, locked against just that, is wired twice.", function(t)
    local pager, BASE = require "pager", 0x40000000
    require "tasks".with(function(task)
        local p = pager.new()
        p:map(task, {at = BASE, size = 4096, protection = mach.VM_PROT_EXECUTE})
        p:expect(t, "init")
        assert(p:ready() == 0)
        t.eq(p:supply(0, pager.pages(1), {lock = mach.VM_PROT_EXECUTE}), 0, "supply")
        for _ = 1, 2 do
            t.eq(mach.vm_wire(host, task, BASE, 4096, mach.VM_PROT_EXECUTE), 0, "vm_wire")
        end
        p:close()
    end)
end)
