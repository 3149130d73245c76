-- SPDX-License-Identifier: BSD-2-Clause
-- What a task may have: who sets the limits, who inherits them, what counts when its task has
-- ended. What happens at each limit: attack/gluttons.lua. Contracts: minato_task_set_limits
-- (minato.defs); docs/limits.md.

local must, ports, tasks = require "must", require "ports", require "tasks"
local counts, clock, memory = require "counts", require "clock", require "memory"

local self = mach.mach_task_self()
local SHORTAGE, PAGE = mach.KERN_RESOURCE_SHORTAGE, 4096

local function used_by(task)
    local kr, _, used = mach.minato_task_get_limits(task)
    must(kr, "get_limits")
    return used
end

test("A task made by one without limits has the defaults, which are shares of the memory.",
function(t)
    local task = tasks.create()
    local kr, limits, used = mach.minato_task_get_limits(task)
    local there, total = counts.host().pages_total, limits.names
    t.ok(total <= there and total > there * 0.95, "names: a page of memory each")
    t.eq({kr, limits}, {0, {tasks = total // 32, threads = total // 32, names = total,
                            objects = total // 4, map_entries = total // 2,
                            message_bytes = total * 256, pages = total // 2}}, "limits")
    t.eq(used, {tasks = 1, threads = 0, names = 0, objects = 0, map_entries = 0, message_bytes = 0,
                pages = 0}, "used")
    tasks.terminate(task)
end)

test("What a task makes has its limits, and counts in it as well.", function(t)
    local task = tasks.create()
    tasks.set_limits(task, {threads = 7, pages = 99})
    local child = tasks.create(task)
    local _, limits = mach.minato_task_get_limits(child)
    t.eq({limits.threads, limits.pages}, {7, 99}, "inherited")
    must((mach.thread_create(child)), "thread_create")
    t.eq({used_by(task).threads, used_by(child).threads, used_by(task).tasks}, {1, 1, 2}, "used")
    tasks.terminate(child, task)
    t.leaks_ok("the name of a thread that has ended")
end)

test("What a maker's limit refuses is counted nowhere.", function(t)
    local top = tasks.create()
    local child = tasks.create(tasks.create(top))
    tasks.set_limits(top, {names = 0, map_entries = 0})
    t.eq((mach.mach_port_allocate(child, mach.MACH_PORT_RIGHT_RECEIVE)), mach.KERN_NO_SPACE, "a name")
    t.eq((mach.vm_allocate(child, 0, PAGE, true)), SHORTAGE, "a map entry")
    local used, above = used_by(child), used_by(top)
    t.eq({used.names, used.map_entries, above.names, above.map_entries}, {0, 0, 0, 0}, "counted")
    tasks.terminate(child, top)
    t.leaks_ok("the name of the task between")
end)

test("The names of a task that has ended count no longer, and it is no longer a task.", function(t)
    local top = tasks.create()
    local child = tasks.create(top)
    for _ = 1, 200 do
        must((mach.mach_port_allocate(child, mach.MACH_PORT_RIGHT_RECEIVE)), "mach_port_allocate")
    end
    t.eq({used_by(top).names >= 200, used_by(top).tasks}, {true, 2}, "while it lives")
    tasks.terminate(child)
    for _ = 1, 100 do
        if used_by(top).tasks == 1 then break end
        clock.sleep(1)
    end
    t.eq({used_by(top).names, used_by(top).tasks}, {0, 1}, "afterwards")
    tasks.terminate(top)
end)

test("When a task ends, what it has made counts in its maker still, and no longer in it.",
function(t)
    local top = tasks.create()
    local middle = tasks.create(top)
    local bottom = tasks.create(middle)
    local kr, thread = mach.thread_create(bottom)
    must(kr, "thread_create")
    tasks.terminate(middle)
    t.eq({used_by(top).tasks, used_by(top).threads}, {2, 1}, "with the one between gone")
    tasks.set_limits(top, {threads = 1})
    t.eq((mach.thread_create(bottom)), SHORTAGE, "the maker's maker's limit holds")
    tasks.terminate(bottom)
    t.eq({used_by(top).tasks, used_by(top).threads}, {1, 0}, "afterwards")
    tasks.terminate(top)
    ports.deallocate(thread)
end)

test("Who holds the task may lower its limits; to raise one takes the privileged host port.",
function(t)
    local task, host = tasks.create(), ports.privileged_host()
    local _, limits = mach.minato_task_get_limits(task)
    local rights = ports.info(host).srights
    local function set(changes, right)
        local new = {}
        for kind, value in pairs(limits) do new[kind] = changes[kind] or value end
        return mach.minato_task_set_limits(task, right, new)
    end
    t.eq(set({pages = 10, names = 100}, 0), 0, "lower")
    t.eq(set({pages = 11, names = 100}, 0), mach.KERN_INVALID_HOST, "one higher")
    t.eq(set({pages = 11, names = 100}, mach.mach_host_self()), mach.KERN_INVALID_HOST,
         "with the host's other port")
    t.eq(({mach.minato_task_get_limits(task)})[2].pages, 10, "unchanged")
    t.eq(set({pages = 10, names = 100}, 0), 0, "the same")
    t.eq(set({pages = mach.MINATO_UNLIMITED}, host), 0, "with the privileged one")
    t.eq(({mach.minato_task_get_limits(task)})[2].pages, mach.MINATO_UNLIMITED, "none")
    t.eq(ports.info(host).srights, rights, "send rights to the host")
    tasks.terminate(task)
    ports.deallocate(host)
end)

test("A limit below what a task has takes nothing away, and lets nothing be added.", function(t)
    local task = tasks.create()
    local kr, first = mach.thread_create(task)
    local kr, second = mach.thread_create(task)
    tasks.set_limits(task, {threads = 1})
    t.eq(used_by(task).threads, 2, "both are there")
    t.eq((mach.thread_create(task)), SHORTAGE, "a third")
    must(mach.thread_terminate(first), "terminate")
    t.eq((mach.thread_create(task)), SHORTAGE, "in place of the first")
    must(mach.thread_terminate(second), "terminate")
    local kr, third = mach.thread_create(task)
    t.eq(kr, 0, "when both have gone")
    tasks.terminate(task)
    ports.deallocate(first, second, third)
end)

test("Memory that others have is the maker's until it is gone; so long it counts as a task.",
function(t)
    local top = tasks.create()
    -- A child of `top` writes to a page of its own, which is copied from there to here.
    local child = tasks.create(top)
    local code = memory.allocate(2 * PAGE, child)
    local data = code + PAGE
    memory.write(code, "\xc7\x05" .. string.pack("<I4I4", data, 0x12345678) .. "\xeb\xfe", child)
    local kr, thread = mach.thread_create_running(child, mach.i386_THREAD_STATE,
                                                  {eip = code, uesp = data + PAGE})
    must(kr, "thread_create_running")
    for _ = 1, 100 do
        if memory.word(data, child) == 0x12345678 then break end
        clock.sleep(1)
    end
    must(mach.thread_suspend(thread), "suspend")
    local pages = used_by(child).pages
    t.ok(pages >= 1 and pages <= 4, "its pages: " .. pages)
    local kr, address = mach.vm_remap(self, 0, PAGE, 0, true, child, data, true,
                                      mach.VM_INHERIT_COPY)
    must(kr, "vm_remap")
    tasks.terminate(child)
    ports.deallocate(thread)
    t.eq({used_by(top).tasks, used_by(top).pages}, {2, 1}, "still there, as a payer")
    t.eq(memory.word(address), 0x12345678, "the page")
    memory.release(address, PAGE)
    for _ = 1, 100 do
        if used_by(top).tasks == 1 then break end
        memory.release(memory.allocate(PAGE), PAGE)
    end
    t.eq({used_by(top).tasks, used_by(top).pages}, {1, 0}, "when the page is gone")
    tasks.terminate(top)
end)
