-- SPDX-License-Identifier: BSD-2-Clause
--
-- The contract of the module `mach` for scripts (docs/lua.md), first part: how kernel calls are
-- called and what they return. Each test names the sentence that it checks.

local self = mach.mach_task_self()

test("mach, spawn and test are globals, and what require returns", function(t)
    t.ok(rawequal(require "mach", mach))
    t.ok(rawequal(require "spawn", spawn))
    t.ok(rawequal(require "test", test))
end)

test("mach_port_allocate(task, right) returns kr, name", function(t)
    local kr, name, more = mach.mach_port_allocate(self, mach.MACH_PORT_RIGHT_RECEIVE)
    t.eq(kr, mach.KERN_SUCCESS)
    t.eq(math.type(name), "integer")
    t.eq(more, nil)
    t.eq(mach.mach_port_mod_refs(self, name, mach.MACH_PORT_RIGHT_RECEIVE, -1), mach.KERN_SUCCESS)
end)

test("task_create(parent, {}, inherit) returns kr, task", function(t)
    local kr, task = mach.task_create(self, {}, false)
    t.eq(kr, mach.KERN_SUCCESS)
    t.eq({mach.mach_port_type(self, task)}, {mach.KERN_SUCCESS, mach.MACH_PORT_TYPE_SEND})
    t.eq(mach.task_terminate(task), mach.KERN_SUCCESS)
    t.eq(mach.mach_port_deallocate(self, task), mach.KERN_SUCCESS)
end)

test("vm_allocate(task, addr, size, anywhere) returns kr, addr: an in-out argument", function(t)
    local kr, addr = mach.vm_allocate(self, 0, 4096, true)
    t.eq(kr, mach.KERN_SUCCESS)
    t.ok(addr > 0 and addr % 4096 == 0)
    t.eq({mach.vm_allocate(self, addr, 4096, false)}, {mach.KERN_NO_SPACE, addr},
         "after an error the in-out argument is what was given")
    t.eq(mach.vm_deallocate(self, addr, 4096), mach.KERN_SUCCESS)
end)

test("vm_write(task, addr, string) returns kr, vm_read(task, addr, size) kr, string", function(t)
    local kr, addr = mach.vm_allocate(self, 0, 8192, true)
    t.eq(mach.vm_write(self, addr + 4090, "a buffer\0with its count"), mach.KERN_SUCCESS)
    t.eq({mach.vm_read(self, addr + 4090, 23)}, {mach.KERN_SUCCESS, "a buffer\0with its count"})
    t.eq({mach.vm_read(self, addr, 4)}, {mach.KERN_SUCCESS, "\0\0\0\0"})
    t.eq({mach.vm_read(self, addr, 0)}, {mach.KERN_SUCCESS, ""})
    t.eq(mach.vm_deallocate(self, addr, 8192), mach.KERN_SUCCESS)
    local kr, data = mach.vm_read(self, addr, 4)
    t.eq(kr, mach.KERN_INVALID_ADDRESS)
    t.eq(data, nil, "an out-argument after an error")
end)

test("vm_region(task, addr, flavor) returns kr, addr, size, info, object_name", function(t)
    local _, addr = mach.vm_allocate(self, 0, 12288, true)
    mach.vm_protect(self, addr, 12288, false, mach.VM_PROT_READ)
    mach.vm_inherit(self, addr, 12288, mach.VM_INHERIT_SHARE)
    local kr, start, size, info, object =
        mach.vm_region(self, addr + 4096, mach.VM_REGION_BASIC_INFO)
    t.eq({kr, start, size, object}, {mach.KERN_SUCCESS, addr, 12288, mach.MACH_PORT_NULL})
    t.eq(info.protection, mach.VM_PROT_READ)
    t.eq(info.inheritance, mach.VM_INHERIT_SHARE)
    t.eq(type(info.max_protection), "number")
    t.eq(info.offset, 0)
    mach.vm_deallocate(self, addr, 12288)
end)

test("mach_port_insert_right(task, name, right, disp): a polymorphic port is two values",
     function(t)
    local _, p = mach.mach_port_allocate(self, mach.MACH_PORT_RIGHT_RECEIVE)
    t.eq(mach.mach_port_insert_right(self, p, p, mach.MACH_MSG_TYPE_MAKE_SEND), mach.KERN_SUCCESS)
    t.eq({mach.mach_port_get_refs(self, p, mach.MACH_PORT_RIGHT_SEND)}, {0, 1})
    mach.mach_port_destroy(self, p)
end)

test("mach_port_extract_right(task, name, disp) returns kr, right, disp", function(t)
    local _, task = mach.task_create(self, {}, false)
    local _, name = mach.mach_port_allocate(task, mach.MACH_PORT_RIGHT_RECEIVE)
    local kr, right, disp = mach.mach_port_extract_right(task, name, mach.MACH_MSG_TYPE_MAKE_SEND)
    t.eq({kr, disp}, {mach.KERN_SUCCESS, mach.MACH_MSG_TYPE_PORT_SEND})
    t.eq({mach.mach_port_type(self, right)}, {0, mach.MACH_PORT_TYPE_SEND})
    mach.mach_port_deallocate(self, right)
    mach.task_terminate(task)
    mach.mach_port_deallocate(self, task)
end)

test("mach_port_request_notification(task, name, id, sync, notify, disp) returns kr, previous",
     function(t)
    local _, p = mach.mach_port_allocate(self, mach.MACH_PORT_RIGHT_RECEIVE)
    local _, n = mach.mach_port_allocate(self, mach.MACH_PORT_RIGHT_RECEIVE)
    local function request(notify, disp)
        return mach.mach_port_request_notification(self, p, mach.MACH_NOTIFY_PORT_DESTROYED, 0,
                                                   notify, disp)
    end
    t.eq({request(n, mach.MACH_MSG_TYPE_MAKE_SEND_ONCE)}, {0, mach.MACH_PORT_NULL})
    local kr, previous = request(mach.MACH_PORT_NULL, mach.MACH_MSG_TYPE_MOVE_SEND_ONCE)
    t.eq(kr, 0)
    t.eq({mach.mach_port_type(self, previous)}, {0, mach.MACH_PORT_TYPE_SEND_ONCE})
    mach.mach_port_deallocate(self, previous)
    mach.mach_port_destroy(self, n)
    mach.mach_port_destroy(self, p)
end)

test("semaphore_create(task, policy, value) returns kr, sem", function(t)
    local kr, sem = mach.semaphore_create(self, mach.SYNC_POLICY_FIFO, 1)
    t.eq(kr, 0)
    t.eq(mach.semaphore_wait(sem), 0, "the value was 1")
    t.eq(mach.semaphore_timedwait(sem, {tv_sec = 0, tv_nsec = 0}), mach.KERN_OPERATION_TIMED_OUT)
    t.eq(mach.semaphore_signal(sem), 0)
    t.eq(mach.semaphore_timedwait(sem, {tv_sec = 0, tv_nsec = 1000}), 0)
    t.eq(mach.semaphore_destroy(self, sem), 0)
    mach.mach_port_deallocate(self, sem)
end)

test("clock_sleep(clock, type, time) returns kr, wake", function(t)
    local _, clock = mach.host_get_clock_service(mach.mach_host_self(), mach.REALTIME_CLOCK)
    local _, before = mach.clock_get_time(clock)
    local kr, wake = mach.clock_sleep(clock, mach.TIME_RELATIVE, {tv_sec = 0, tv_nsec = 5000000})
    t.eq(kr, 0)
    local ns = (wake.tv_sec - before.tv_sec) * 1000000000 + wake.tv_nsec - before.tv_nsec
    t.ok(ns >= 5000000 and ns < 50000000, ns)
    t.eq((mach.clock_sleep(clock, 7, {tv_sec = 0, tv_nsec = 0})), mach.KERN_INVALID_VALUE)
    mach.mach_port_deallocate(self, clock)
end)

test("an array is a table: mach_port_names, task_threads, port sets, registered ports", function(t)
    local _, set = mach.mach_port_allocate(self, mach.MACH_PORT_RIGHT_PORT_SET)
    local _, p = mach.mach_port_allocate(self, mach.MACH_PORT_RIGHT_RECEIVE)
    mach.mach_port_insert_right(self, p, p, mach.MACH_MSG_TYPE_MAKE_SEND)
    t.eq(mach.mach_port_insert_member(self, p, set), 0)
    t.eq({mach.mach_port_get_set_status(self, set)}, {0, {p}})
    local kr, names, types = mach.mach_port_names(self)
    t.eq({kr, #names}, {0, #types})
    local found = {}
    for i, name in ipairs(names) do found[name] = types[i] end
    t.eq(found[set], mach.MACH_PORT_TYPE_PORT_SET)
    t.eq(found[p], mach.MACH_PORT_TYPE_SEND_RECEIVE)
    t.eq(mach.mach_ports_register(self, {p}), 0)
    local kr, registered = mach.mach_ports_lookup(self)
    t.eq({kr, registered}, {0, {p, 0, 0}})
    mach.mach_port_deallocate(self, p)
    t.eq(mach.mach_ports_register(self, {}), 0)
    local kr, threads = mach.task_threads(self)
    t.eq(kr, 0)
    t.eq(threads, {mach.mach_thread_self()})
    mach.mach_port_deallocate(self, threads[1])
    mach.mach_port_destroy(self, p)
    mach.mach_port_destroy(self, set)
end)

test("a c_string is a string: host_kernel_version, bootstrap_get_module", function(t)
    local kr, version = mach.host_kernel_version(mach.mach_host_self())
    t.eq(kr, 0)
    t.ok(version:find("Minato"), version)
    local kr, script = mach.bootstrap_get_module(mach.bootstrap_port, "opt/minato/script")
    t.eq(kr, 0)
    t.ok(script:find("a c_string is a string", 1, true))
    t.eq((mach.bootstrap_get_module(mach.bootstrap_port, "no such file")),
         mach.BOOTSTRAP_UNKNOWN_SERVICE)
end)

test("mach_task_self, mach_thread_self, mach_host_self return cached names, no new reference",
     function(t)
    for _, call in ipairs {mach.mach_task_self, mach.mach_thread_self, mach.mach_host_self} do
        local name = call()
        local _, refs = mach.mach_port_get_refs(self, name, mach.MACH_PORT_RIGHT_SEND)
        t.eq(call(), name)
        t.eq({mach.mach_port_get_refs(self, name, mach.MACH_PORT_RIGHT_SEND)}, {0, refs})
        t.ok(refs >= 1)
    end
    t.eq((mach.thread_get_special_port(mach.mach_thread_self(), mach.THREAD_KERNEL_PORT)), 0)
    mach.mach_port_deallocate(self, mach.mach_thread_self())
end)

test("mach_reply_port returns a name, thread_switch and swtch give way", function(t)
    local p = mach.mach_reply_port()
    t.eq({mach.mach_port_type(self, p)}, {0, mach.MACH_PORT_TYPE_RECEIVE})
    mach.mach_port_destroy(self, p)
    t.eq(mach.thread_switch(0, mach.SWITCH_OPTION_NONE, 0), 0)
    t.eq(mach.thread_switch(0, 77, 0), mach.KERN_INVALID_ARGUMENT)
    t.eq(type(mach.swtch()), "boolean")
    t.eq(type(mach.swtch_pri(0)), "boolean")
end)

test("mach.seed(n) seeds the random policy: the same seed, the same order", function(t)
    local function order(seed)
        t.eq(mach.seed(seed), 0)
        local _, sem = mach.semaphore_create(self, mach.SYNC_POLICY_RANDOM, 0)
        local _, port = mach.mach_port_allocate(self, mach.MACH_PORT_RIGHT_RECEIVE)
        local waiters, woken = {}, {}
        for i = 1, 5 do
            waiters[i] = spawn.thread([[
                mach.semaphore_wait(args.sem)
                mach.send{remote = args.port, disp = mach.MACH_MSG_TYPE_MAKE_SEND, id = args.i}
            ]], {sem = sem, port = port, i = i})
            mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_nsec = 50000000}) -- it waits now
        end
        for i = 1, 5 do
            mach.semaphore_signal(sem)
            local _, msg = mach.receive{port = port}
            woken[i] = msg.id
        end
        for i = 1, 5 do waiters[i]:wait() end
        mach.semaphore_destroy(self, sem)
        mach.mach_port_deallocate(self, sem)
        mach.mach_port_destroy(self, port)
        return table.concat(woken, " ")
    end
    local first, differs = order(1), false
    t.eq(order(1), first)
    for seed = 2, 6 do differs = differs or order(seed) ~= first end
    t.ok(differs, "no seed gives another order than " .. first)
end)
