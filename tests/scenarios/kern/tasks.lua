-- SPDX-License-Identifier: BSD-2-Clause
-- Tasks: what a new one inherits, its special and registered ports, its threads, what task_info
-- says, how it ends. Memory that is inherited: ../vm/inherit.lua. Contracts: mach.defs (task_*,
-- mach_ports_*), include/mach/task_info.h, task_special_ports.h, docs/differences.md.

local must, ports = require "must", require "ports"
local tasks, threads, memory = require "tasks", require "threads", require "memory"
local both, destroy, deallocate = ports.both, ports.destroy, ports.deallocate
local send_rights = ports.send_rights
local new_task, end_task = tasks.create, tasks.terminate
local counts, sleep = require "counts", require "clock".sleep

local self = mach.mach_task_self()
local PAGE = 4096
local RECEIVE = mach.MACH_PORT_RIGHT_RECEIVE
local SPECIAL = {mach.TASK_HOST_PORT, mach.TASK_NAME_PORT, mach.TASK_BOOTSTRAP_PORT}

-- The send right to a special port, which the caller then owns.
local function special(task, which)
    local kr, port = mach.task_get_special_port(task, which)
    must(kr, "task_get_special_port")
    return port
end

test("A new task has no threads and no names; the caller gets a send right to it.", function(t)
    local task = new_task()
    t.eq({mach.mach_port_type(self, task)}, {0, mach.MACH_PORT_TYPE_SEND}, "our right")
    t.eq({mach.mach_port_get_refs(self, task, mach.MACH_PORT_RIGHT_SEND)}, {0, 1}, "references")
    t.eq({mach.task_threads(task)}, {0, {}}, "threads")
    t.eq({mach.mach_port_names(task)}, {0, {}, {}}, "names")
    end_task(task)
end)

test("Without inherited memory the address space is empty.", function(t)
    local task = new_task(self, false)
    t.eq((mach.vm_region(task, 0, mach.VM_REGION_BASIC_INFO)), mach.KERN_INVALID_ADDRESS)
    local _, info = mach.task_info(task, mach.TASK_BASIC_INFO)
    t.eq({info.virtual_size, info.resident_size}, {0, 0}, "sizes")
    end_task(task)
end)

test("With inherited memory it shows what the parent's showed.", function(t)
    local page = memory.allocate(PAGE)
    memory.write(page, "as it was")
    local task = new_task(self, true)
    memory.write(page, "changed  ")
    t.eq(memory.read(page, 9, task), "as it was")
    end_task(task)
    memory.release(page, PAGE)
end)

test("Ledgers are refused with KERN_INVALID_LEDGER, and no task is made.", function(t)
    local port, before = both(), counts.host()
    t.eq((mach.task_create(self, {port}, false)), mach.KERN_INVALID_LEDGER, "one")
    t.eq((mach.task_create(self, {port, port, port}, true)), mach.KERN_INVALID_LEDGER, "three")
    t.eq(counts.host().tasks, before.tasks, "tasks")
    t.eq(send_rights(port), 1, "send rights")
    destroy(port)
end)

test("A child has its parent's host, name and bootstrap ports, and its own kernel port.",
function(t)
    local task, ports = new_task(), {}
    for _, which in ipairs(SPECIAL) do
        ports[which] = both()
        t.eq(mach.task_set_special_port(task, which, ports[which]), 0, "set " .. which)
    end
    local child = new_task(task)
    for _, which in ipairs(SPECIAL) do
        t.eq(special(child, which), ports[which], "port " .. which)
        deallocate(ports[which])
    end
    t.eq(special(child, mach.TASK_KERNEL_PORT), child, "kernel port")
    deallocate(child)
    end_task(child, task)
    for _, which in ipairs(SPECIAL) do
        t.eq(send_rights(ports[which]), 1, "send rights at the end")
        destroy(ports[which])
    end
end)

test("task_set_special_port replaces the port for that task alone; the caller keeps its right.",
function(t)
    local task, first, second = new_task(), both(), both()
    local before = special(self, mach.TASK_BOOTSTRAP_PORT)
    must(mach.task_set_special_port(task, mach.TASK_BOOTSTRAP_PORT, first), "set")
    t.eq(send_rights(first), 2, "one right is the task's")
    must(mach.task_set_special_port(task, mach.TASK_BOOTSTRAP_PORT, second), "set")
    t.eq({send_rights(first), send_rights(second)}, {1, 2}, "the old one was released")
    local now = special(self, mach.TASK_BOOTSTRAP_PORT)
    t.eq(now, before, "ours")
    deallocate(before, now)
    must(mach.task_set_special_port(task, mach.TASK_BOOTSTRAP_PORT, 0), "set to null")
    t.eq(send_rights(second), 1, "null empties the place")
    t.eq(special(task, mach.TASK_BOOTSTRAP_PORT), 0, "and is what one gets")
    end_task(task)
    destroy(first, second)
end)

test("Special ports end with the task: their rights are released.", function(t)
    local task, port = new_task(), both()
    for _, which in ipairs(SPECIAL) do
        must(mach.task_set_special_port(task, which, port), "set")
    end
    must(mach.task_set_special_port(task, mach.TASK_KERNEL_PORT, port), "set")
    must(mach.mach_ports_register(task, {port, port}), "register")
    t.eq(send_rights(port), 7, "send rights")
    end_task(task)
    t.eq(send_rights(port), 1, "afterwards")
    destroy(port)
end)

test("A special port that does not exist is KERN_INVALID_ARGUMENT, ledgers too.", function(t)
    local task, port = new_task(), both()
    for _, which in ipairs{0, 5, 6, 7, -1, 0x7fffffff, -0x80000000} do
        t.eq((mach.task_get_special_port(task, which)), mach.KERN_INVALID_ARGUMENT, "get " .. which)
        t.eq(mach.task_set_special_port(task, which, port), mach.KERN_INVALID_ARGUMENT,
             "set " .. which)
    end
    t.eq(send_rights(port), 1, "send rights")
    end_task(task)
    destroy(port)
end)

test("mach_task_self gives what was set as the kernel port.", function(t)
    local port = both()
    local child = spawn.task(function()
        local me = mach.mach_task_self()
        local kr = mach.task_set_special_port(me, mach.TASK_KERNEL_PORT, args.port)
        local got = require "threads".trap(mach.MACH_TRAP_mach_task_self) & 0xffffffff
        return {kr, got == args.port}
    end, nil, {port = port})
    t.eq({child:wait(900)}, {true, {0, true}})
    destroy(port)
end)

test("mach_ports_register stashes up to three ports, mach_ports_lookup gives always three.",
function(t)
    local task, ports = new_task(), {both(), both(), both()}
    must(mach.mach_ports_register(task, {}), "register") -- none, in place of the inherited ones
    t.eq({mach.mach_ports_lookup(task)}, {0, {0, 0, 0}}, "none")
    for n = 1, 3 do
        t.eq(mach.mach_ports_register(task, table.move(ports, 1, n, 1, {})), 0, "register " .. n)
        local kr, found = mach.mach_ports_lookup(task)
        t.eq({kr, found}, {0, {ports[1], n > 1 and ports[2] or 0, n > 2 and ports[3] or 0}},
             "lookup")
        for i = 1, n do deallocate(found[i]) end
    end
    t.eq({send_rights(ports[1]), send_rights(ports[2]), send_rights(ports[3])}, {2, 2, 2}, "rights")
    t.eq(mach.mach_ports_register(task, {}), 0, "register none")
    t.eq({mach.mach_ports_lookup(task)}, {0, {0, 0, 0}}, "the old ones are released")
    t.eq({send_rights(ports[1]), send_rights(ports[2]), send_rights(ports[3])}, {1, 1, 1}, "rights")
    end_task(task)
    destroy(table.unpack(ports))
end)

test("More than three ports to register are KERN_INVALID_ARGUMENT and change nothing.", function(t)
    local task, port, other = new_task(), both(), both()
    must(mach.mach_ports_register(task, {port}), "register")
    t.eq(mach.mach_ports_register(task, {other, other, other, other}), mach.KERN_INVALID_ARGUMENT)
    t.eq(send_rights(other), 1, "the rights were not taken")
    local _, found = mach.mach_ports_lookup(task)
    t.eq(found, {port, 0, 0}, "what is stashed")
    deallocate(port)
    end_task(task)
    destroy(port, other)
end)

test("A child inherits the registered ports; what is registered later is not shared.", function(t)
    local task, a, b = new_task(), both(), both()
    must(mach.mach_ports_register(task, {a, 0, b}), "register")
    local child = new_task(task)
    must(mach.mach_ports_register(task, {}), "register")
    local _, found = mach.mach_ports_lookup(child)
    t.eq(found, {a, 0, b})
    deallocate(a, b)
    end_task(child, task)
    t.eq({send_rights(a), send_rights(b)}, {1, 1}, "send rights at the end")
    destroy(a, b)
end)

test("task_threads gives a send right for each thread.", function(t)
    local task, made = new_task(), {}
    for n = 1, 3 do
        local thread = threads.create(task)
        made[n] = thread
        local kr, list = mach.task_threads(task)
        t.eq(#list, n, "number of threads")
        table.sort(list)
        local want = table.move(made, 1, n, 1, {})
        table.sort(want)
        t.eq({kr, list}, {0, want}, "threads")
        t.eq({mach.mach_port_get_refs(self, thread, mach.MACH_PORT_RIGHT_SEND)}, {0, 2},
             "references")
        deallocate(table.unpack(list))
    end
    must(mach.thread_terminate(made[2]), "terminate")
    local _, list = mach.task_threads(task)
    t.eq(#list, 2, "one has ended")
    deallocate(table.unpack(list))
    end_task(task)
    deallocate(table.unpack(made))
end)

test("A thread that has been ended and has not come to its end yet is in no list.", function(t)
    local port = ports.allocate()
    local job = spawn.thread(function() return (mach.receive{port = args.port}) end, {port = port})
    ports.wait_until(port, "waiters", 1)
    local function thread_list()
        local _, list = mach.task_threads(self)
        deallocate(table.unpack(list))
        table.sort(list)
        return list
    end
    local before = thread_list()
    -- It runs to its end when it gets the processor, which it does not as long as we go on.
    must(mach.thread_policy(job.thread, mach.POLICY_FIFO, {base_priority = 100}, false), "policy")
    must(mach.thread_terminate(job.thread), "terminate")
    local want = {}
    for _, thread in ipairs(before) do
        if thread ~= job.thread then want[#want + 1] = thread end
    end
    t.eq(thread_list(), want, "threads")
    t.eq(counts.task().threads, #before, "it is still there")
    t.eq((job:wait(900)), false, "its end")
    destroy(port)
end)

test("TASK_BASIC_INFO counts suspensions and bytes of memory.", function(t)
    local task = new_task()
    local function basic()
        local kr, info = mach.task_info(task, mach.TASK_BASIC_INFO)
        must(kr, "task_info")
        return info
    end
    t.eq({basic().suspend_count, basic().policy}, {0, mach.POLICY_TIMESHARE}, "to begin with")
    must(mach.task_suspend(task), "suspend")
    must(mach.task_suspend(task), "suspend")
    t.eq(basic().suspend_count, 2, "suspend count")
    local addr = memory.allocate(10 * PAGE, task)
    t.eq({basic().virtual_size, basic().resident_size}, {10 * PAGE, 0}, "allocated, not touched")
    memory.release(addr + 2 * PAGE, 3 * PAGE, task)
    t.eq(basic().virtual_size, 7 * PAGE, "some of it freed")
    end_task(task)
end)

test("TASK_EVENTS_INFO counts messages, traps and faults of the task.", function(t)
    local function events()
        local kr, info = mach.task_info(self, mach.TASK_EVENTS_INFO)
        must(kr, "task_info")
        return info
    end
    local port = both()
    local before = events()
    for i = 1, 10 do
        must(mach.send{remote = port, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = i, timeout = 0,
                       body = "body"}, "send")
        must(mach.receive{port = port, timeout = 0}, "receive")
    end
    local after = events()
    t.ok(after.messages_sent - before.messages_sent >= 10, "sent")
    t.ok(after.messages_received - before.messages_received >= 10, "received")
    t.ok(after.syscalls_mach > before.syscalls_mach, "traps: " .. after.syscalls_mach)
    for _ = 1, 10 do sleep(1) end
    local switches = events().csw - after.csw
    t.ok(switches >= 10 and switches < 30, "times that a thread got the processor: " .. switches)
    local addr = memory.allocate(8 * PAGE)
    memory.write(addr, ("x"):rep(8 * PAGE))
    t.eq(#memory.read(addr, 8 * PAGE), 8 * PAGE, "vm_read")
    t.ok(events().faults > after.faults, "faults")
    -- mov byte [addr + 4096], 1, in a child that has copies of the pages; stay
    local code = memory.allocate(PAGE)
    memory.write(code, "\xc6\x05" .. string.pack("<I4", addr + PAGE) .. "\x01\xeb\xfe")
    local child = new_task(self, true)
    local _, first = mach.task_info(child, mach.TASK_EVENTS_INFO)
    local thread = threads.run(child, {eip = code})
    sleep(2)
    local _, second = mach.task_info(child, mach.TASK_EVENTS_INFO)
    t.eq({first.cow_faults, second.cow_faults}, {0, 1}, "faults that copied a page")
    end_task(child)
    deallocate(thread)
    memory.release(code, PAGE)
    destroy(port)
    memory.release(addr, 8 * PAGE)
end)

test("Times of living threads are in TASK_THREAD_TIMES_INFO, of ended ones in TASK_BASIC_INFO.",
function(t)
    local task = new_task()
    local page = memory.allocate(PAGE, task)
    memory.write(page, "\xeb\xfe", task) -- jmp to itself
    local thread
    threads.under(mach.POLICY_TIMESHARE, 30, function() -- more urgent than the thread
        thread = threads.run(task, {eip = page, uesp = page + PAGE})
        sleep(100)
        must(mach.task_suspend(task), "suspend")
    end)
    local function ms(time) return time.seconds * 1000 + time.microseconds // 1000 end
    local function times()
        local _, living = mach.task_info(task, mach.TASK_THREAD_TIMES_INFO)
        local _, ended = mach.task_info(task, mach.TASK_BASIC_INFO)
        return ms(living.user_time), ms(ended.user_time)
    end
    local living, ended = times()
    t.ok(living >= 95 and living <= 101, "living: " .. living)
    t.eq(ended, 0, "ended")
    local _, info = mach.thread_info(thread, mach.THREAD_BASIC_INFO)
    t.ok(math.abs(ms(info.user_time) - living) <= 1, "the thread's own: " .. ms(info.user_time))
    must(mach.thread_terminate(thread), "terminate")
    local living_after, ended_after = times()
    t.eq(living_after, 0, "living afterwards")
    t.ok(math.abs(ended_after - living) <= 1, "ended afterwards: " .. ended_after)
    end_task(task)
    deallocate(thread)
end)

test("TASK_SECURITY_TOKEN is what trailers of the task's messages carry, and differs by task.",
function(t)
    local a, b = new_task(), new_task()
    local _, ours = mach.task_info(self, mach.TASK_SECURITY_TOKEN)
    local _, one = mach.task_info(a, mach.TASK_SECURITY_TOKEN)
    local _, two = mach.task_info(b, mach.TASK_SECURITY_TOKEN)
    t.ok(one.val[1] ~= two.val[1] and one.val[1] ~= ours.val[1] and two.val[1] ~= ours.val[1],
         ("%d %d %d"):format(ours.val[1], one.val[1], two.val[1]))
    end_task(a, b)
end)

test("task_info of a flavor that does not exist is KERN_INVALID_ARGUMENT.", function(t)
    for _, flavor in ipairs{0, 1, 5, 6, 7, 9, 15, 100, 0x7fffffff, 0xffffffff} do
        t.eq((mach.task_info(self, flavor)), mach.KERN_INVALID_ARGUMENT, "flavor " .. flavor)
    end
end)

test("A task that ends destroys its rights: receivers learn that senders are gone.", function(t)
    local port = both()
    local child = spawn.task("mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 60})", nil,
                             {port = port})
    t.eq(send_rights(port), 2, "the child has one")
    must(mach.task_terminate(child.task), "task_terminate")
    child:wait(900)
    t.eq(send_rights(port), 1, "afterwards")
    destroy(port)
end)

test("Making and ending tasks leaves nothing behind in the kernel.", function(t)
    local function round()
        local task = new_task(self, true)
        local thread = threads.create(task)
        local kr, sem = mach.semaphore_create(task, 0, 0)
        must(kr, "semaphore_create")
        local kr, port = mach.mach_port_allocate(task, RECEIVE)
        must(kr, "allocate")
        must(mach.task_terminate(task), "terminate")
        deallocate(task, thread, sem)
    end
    for _ = 1, 3 do round() end
    local before, objects = counts.host(), counts.objects()
    for _ = 1, 30 do round() end
    local after = counts.host()
    t.eq(counts.objects(), objects, "objects")
    t.ok(after.vm_objects <= before.vm_objects + 2, "objects")
    t.ok(after.map_entries <= before.map_entries + 2, "map entries")
    t.ok(after.pages_used <= before.pages_used + 8,
         ("pages: %d, before %d"):format(after.pages_used, before.pages_used))
end)
