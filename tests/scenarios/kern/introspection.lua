-- SPDX-License-Identifier: BSD-2-Clause
-- What the kernel tells of itself: tasks, what threads wait for, map entries, messages in queues.
-- Contracts: minato.defs. The programs made of it: tests/system/inspect.t.

local must, ports, tasks = require "must", require "ports", require "tasks"
local memory, semaphores, threads = require "memory", require "semaphores", require "threads"
local locks = require "locks"

local self = mach.mach_task_self()
local PAGE = 4096
local RECEIVE, SEND = mach.MACH_PORT_RIGHT_RECEIVE, mach.MACH_PORT_RIGHT_SEND

local function number_of(task)
    local kr, number, name = mach.minato_task_name(task)
    must(kr, "minato_task_name")
    return number, name
end

test("minato_host_tasks gives a send right to each task, oldest first; the caller owns them.",
function(t)
    local host, made = ports.privileged_host(), tasks.create()
    must(mach.minato_task_set_name(made, "made last"), "set_name")
    local before = ports.info(made).urefs
    local kr, all = mach.minato_host_tasks(host)
    t.eq({kr, #all}, {0, require "counts".host().tasks}, "as many as there are")
    local last = 0
    for _, task in ipairs(all) do
        local number = number_of(task)
        t.ok(number > last, ("%d after %d"):format(number, last))
        last = number
    end
    t.eq({all[#all], {number_of(made)}}, {made, {last, "made last"}}, "the last one")
    t.eq(ports.info(made).urefs, before + 1, "a reference")
    ports.deallocate(table.unpack(all))
    tasks.terminate(made)
    local kr, fewer = mach.minato_host_tasks(host)
    t.eq({kr, #fewer}, {0, #all - 1}, "without the one that has ended")
    ports.deallocate(table.unpack(fewer))
    ports.deallocate(host)
end)

test("minato_host_tasks takes the privileged port: KERN_INVALID_HOST for the other, and for a task.",
function(t)
    t.eq((mach.minato_host_tasks(mach.mach_host_self())), mach.KERN_INVALID_HOST, "the host")
    t.eq((mach.minato_host_tasks(self)), mach.KERN_INVALID_HOST, "a task")
end)

-- What the thread waits for, as soon as it does: {reason, port}.
local function waits_for(job)
    threads.wait_until_waiting(job.thread)
    local kr, _, reason, port = mach.minato_thread_wait(job.thread)
    must(kr, "minato_thread_wait")
    return {reason, port}
end

test("minato_thread_wait: a word, and the port, set or semaphore that the thread waits on.",
function(t)
    local port, set = ports.both(), ports.allocate(mach.MACH_PORT_RIGHT_PORT_SET)
    local semaphore, full = semaphores.create(), ports.both()
    ports.set_limit(full, 1)
    must(mach.send{remote = full, disp = mach.MACH_MSG_TYPE_COPY_SEND}, "send")
    local values = {port = port, set = set, full = full, semaphore = semaphore}
    local function job(body) return spawn.thread(body, values) end
    local on = {
        job(function() return (mach.receive{port = args.port}) end),
        job(function() return (mach.receive{port = args.set}) end),
        job(function()
            return (mach.send{remote = args.full, disp = mach.MACH_MSG_TYPE_COPY_SEND})
        end),
        job(function() return mach.semaphore_wait(args.semaphore) end),
        job(function()
            return (mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 1000, tv_nsec = 0}))
        end),
    }
    t.eq(waits_for(on[1]), {"receive", ports.info(port).port_id}, "a port")
    t.eq(waits_for(on[2]), {"receive", ports.info(set).port_id}, "a set")
    t.eq(waits_for(on[3]), {"send", ports.info(full).port_id}, "room in a queue")
    t.eq(waits_for(on[4]), {"semaphore", ports.info(semaphore).port_id}, "a semaphore")
    t.eq(waits_for(on[5]), {"clock sleep", 0}, "a clock")
    must(mach.send{remote = port, disp = mach.MACH_MSG_TYPE_COPY_SEND}, "send")
    must((mach.receive{port = full, timeout = 0}), "receive")
    must(mach.semaphore_signal(semaphore), "signal")
    for _, i in ipairs{1, 3, 4} do t.eq({on[i]:wait(1000)}, {true, 0}, "job " .. i) end
    ports.destroy(set)
    t.eq({on[2]:wait(1000)}, {true, mach.MACH_RCV_PORT_DIED}, "the set has gone")
    mach.thread_terminate(on[5].thread)
    on[5]:wait(1000)
    local kr, number, reason, id = mach.minato_thread_wait(mach.mach_thread_self())
    t.eq({kr, number, reason, id}, {0, 1, "", 0}, "who runs waits for nothing")
    ports.destroy(port, full)
    semaphores.destroy(semaphore)
end)

test("minato_thread_wait: who waits for a lock, by the port of its set.", function(t)
    local set = locks.create(3)
    must(mach.lock_acquire(set, 2), "lock_acquire")
    local job = locks.thread(set, {"lock_acquire", "lock_release"}, 2)
    t.eq(waits_for(job), {"lock", ports.info(set).port_id}, "the last of three locks")
    must(mach.lock_release(set, 2), "lock_release")
    t.eq({job:wait(1000)}, {true, {0, 0}}, "it got the lock")
    locks.destroy(set)
end)

test("minato_thread_wait: a suspended thread; one that never ran.", function(t)
    local kr, thread = mach.thread_create(self)
    must(kr, "thread_create")
    t.eq({select(3, mach.minato_thread_wait(thread))}, {"", 0}, "new")
    threads.terminate(thread)
    local page = threads.counter_page(self)
    thread = threads.counter_thread(self, page)
    must(mach.thread_resume(thread), "resume")
    require "clock".sleep(1)
    must(mach.thread_suspend(thread), "suspend")
    require "clock".sleep(1)
    t.eq({select(3, mach.minato_thread_wait(thread))}, {"suspended", 0}, "suspended")
    threads.counter_end(thread, page)
end)

test("minato_vm_region: each entry by itself, with the pages that are in the page tables.",
function(t)
    local task = tasks.create()
    must((mach.vm_allocate(task, 0x100000, 10 * PAGE, false)), "vm_allocate")
    must(mach.vm_protect(task, 0x102000, PAGE, false, mach.VM_PROT_READ), "vm_protect")
    must(mach.vm_inherit(task, 0x103000, 7 * PAGE, mach.VM_INHERIT_SHARE), "vm_inherit")
    local function at(address)
        local kr, start, size, info = mach.minato_vm_region(task, address)
        if kr ~= 0 then return kr end
        return {start, size, info.protection, info.inheritance, info.object ~= 0}
    end
    local RW, R = mach.VM_PROT_DEFAULT, mach.VM_PROT_READ
    local COPY, SHARE = mach.VM_INHERIT_COPY, mach.VM_INHERIT_SHARE
    t.eq(at(0), {0x100000, 2 * PAGE, RW, COPY, false}, "from below")
    t.eq(at(0x101fff), {0x100000, 2 * PAGE, RW, COPY, false}, "from within")
    t.eq(at(0x102000), {0x102000, PAGE, R, COPY, false}, "the second")
    t.eq(at(0x103000), {0x103000, 7 * PAGE, RW, SHARE, false}, "the third")
    t.eq(at(0x10a000), mach.KERN_INVALID_ADDRESS, "behind all")
    memory.write(0x104001, "text", task)
    local child = tasks.create(task, true)
    local _, _, _, info = mach.minato_vm_region(child, 0x103000)
    local _, _, _, parents = mach.minato_vm_region(task, 0x103000)
    t.eq({info.shared, info.object_refs}, {1, 2}, "shared by two")
    t.eq({info.object, parents.shared}, {parents.object, 1}, "the same object")
    tasks.terminate(child, task)
    local address = memory.allocate(100 * PAGE)
    for i = 0, 29 do mach.vm_read_overwrite(self, address, 4, address + i * PAGE) end
    local kr, start, size, info = mach.minato_vm_region(self, address)
    t.ok(kr == 0 and info.resident_pages >= 0 and info.resident_pages <= size // PAGE, "resident")
    memory.release(address, 100 * PAGE)
end)

test("minato_port_messages: the queue in order, and nothing is taken from it.", function(t)
    local port, carried = ports.both(), ports.both()
    for id = 1, 3 do
        must(mach.send{remote = port, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = -id,
                       body = ("x"):rep(4 * id)}, "send")
    end
    must(mach.send{remote = port, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = 9,
                   ports = {{carried, mach.MACH_MSG_TYPE_COPY_SEND}}}, "send")
    local kr, words = mach.minato_port_messages(self, port)
    local me = number_of(self)
    t.eq({kr, words}, {0, {0xffffffff, 28, me, 0, 0xfffffffe, 32, me, 0, 0xfffffffd, 36, me, 0,
                           9, 40, me, 1}})
    t.eq(ports.info(port).queue_length, 4, "they are there still")
    ports.deallocate(ports.once(port)) -- a notification from the kernel
    local kr, words = mach.minato_port_messages(self, port)
    t.eq({kr, #words, words[17], words[19]}, {0, 20, mach.MACH_NOTIFY_SEND_ONCE, 0}, "the kernel's")
    ports.drain(port)
    t.eq({mach.minato_port_messages(self, port)}, {0, {}}, "none")
    local set = ports.allocate(mach.MACH_PORT_RIGHT_PORT_SET)
    t.eq((mach.minato_port_messages(self, set)), mach.KERN_INVALID_RIGHT, "a set")
    t.eq((mach.minato_port_messages(self, 0x7a7a7a7a)), mach.KERN_INVALID_NAME, "no name")
    ports.drop(carried, 1) -- the message brought one
    ports.destroy(port, carried, set)
end)
