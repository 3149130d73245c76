-- SPDX-License-Identifier: BSD-2-Clause
-- The host port: what it tells everybody, and that privileged calls and devices want ports of their
-- own. Contracts: mach_host.defs, minato.defs, device_io.defs, include/mach/host_info.h.

local must, ports, counts = require "must", require "ports", require "counts"
local memory = require "memory"
local deallocate, privileged = ports.deallocate, ports.privileged_host

local self, host = mach.mach_task_self(), mach.mach_host_self()

local function word(n) return string.pack("<I4", n & 0xffffffff) end

test("host_page_size is 4096 and host_kernel_version names Minato.", function(t)
    t.eq({mach.host_page_size(host)}, {0, 4096}, "page size")
    local kr, version = mach.host_kernel_version(host)
    t.ok(kr == 0 and version:find("^Minato"), version)
end)

test("HOST_BASIC_INFO: one processor of the i386 family, the memory that the counts know.",
function(t)
    local kr, info = mach.host_info(host, mach.HOST_BASIC_INFO)
    t.eq(kr, 0)
    t.eq({info.max_cpus, info.avail_cpus, info.cpu_type}, {1, 1, mach.CPU_TYPE_I386})
    t.eq(info.memory_size, counts.host().pages_total * 4096, "memory")
end)

test("The other flavors of host_info: slots, scheduling, sizes, priorities, traps.", function(t)
    t.eq({mach.host_info(host, mach.HOST_PROCESSOR_SLOTS)}, {0, {0}}, "slots")
    local kr, sched = mach.host_info(host, mach.HOST_SCHED_INFO)
    t.ok(kr == 0 and sched.min_timeout >= 1 and sched.min_quantum >= 1, "scheduling")
    local kr, sizes = mach.host_info(host, mach.HOST_RESOURCE_SIZES)
    t.eq(kr, 0, "sizes")
    for name, size in pairs(sizes) do t.ok(size > 0 and size < 4096, name .. " " .. size) end
    local kr, p = mach.host_info(host, mach.HOST_PRIORITY_INFO)
    t.eq({kr, p.maximum_priority, p.minimum_priority}, {0, 0, 127}, "priorities")
    t.ok(p.kernel_priority <= p.system_priority and p.system_priority <= p.server_priority
         and p.server_priority < p.user_priority and p.user_priority < p.depress_priority, "order")
    t.eq((mach.host_info(host, mach.HOST_SEMAPHORE_TRAPS)), 0, "semaphore traps")
    t.eq((mach.host_info(host, mach.HOST_MACH_MSG_TRAP)), 0, "mach_msg trap")
end)

test("host_info of an unknown flavor is KERN_INVALID_ARGUMENT, without room KERN_FAILURE.",
function(t)
    for _, flavor in ipairs{0, 6, 9, 100, -1, 0x7fffffff, -0x80000000} do
        t.eq((mach.host_info(host, flavor)), mach.KERN_INVALID_ARGUMENT, "flavor " .. flavor)
    end
    local function raw(flavor, room)
        local kr, msg = mach.rpc{remote = host, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = 2638,
                                 reply_timeout = 500,
                                 body = "\0\0\0\0\1\0\0\0" .. word(flavor) .. word(room)}
        must(kr, "rpc")
        return (string.unpack("<i4", msg.body, 9))
    end
    for flavor, count in pairs{[mach.HOST_BASIC_INFO] = 5, [mach.HOST_SCHED_INFO] = 2,
                               [mach.HOST_RESOURCE_SIZES] = 5, [mach.HOST_PRIORITY_INFO] = 8,
                               [mach.HOST_PROCESSOR_SLOTS] = 1} do
        t.eq(raw(flavor, count), 0, "just enough room, flavor " .. flavor)
        t.eq(raw(flavor, count - 1), mach.KERN_FAILURE, "one word less, flavor " .. flavor)
    end
end)

test("minato_host_counts moves by what is made and ended.", function(t)
    local a, objects = counts.host(), counts.objects()
    local kr, port = mach.mach_port_allocate(self, mach.MACH_PORT_RIGHT_RECEIVE)
    local kr, set = mach.mach_port_allocate(self, mach.MACH_PORT_RIGHT_PORT_SET)
    local kr, sem = mach.semaphore_create(self, 0, 0)
    local kr, thread = mach.thread_create(self)
    local kr, task = mach.task_create(self, {}, false)
    must(mach.send{remote = port, disp = mach.MACH_MSG_TYPE_MAKE_SEND, timeout = 0}, "send")
    local b = counts.host()
    t.eq({b.tasks - a.tasks, b.threads - a.threads, b.semaphores - a.semaphores,
          b.port_sets - a.port_sets, b.messages_queued - a.messages_queued, b.ports - a.ports},
         {1, 1, 1, 1, 1, 4}, "tasks, threads, semaphores, sets, messages, ports")
    t.eq(b.pages_used + b.pages_free, b.pages_total, "pages")
    must(mach.task_terminate(task), "terminate")
    must(mach.thread_terminate(thread), "terminate")
    must(mach.semaphore_destroy(self, sem), "destroy")
    must(mach.mach_port_destroy(self, port), "destroy")
    must(mach.mach_port_destroy(self, set), "destroy")
    deallocate(task, thread, sem)
    t.eq(counts.objects(), objects, "afterwards")
end)

test("minato_task_counts tells what a task holds.", function(t)
    local kr, task = mach.task_create(self, {}, false)
    must(kr, "task_create")
    for what, n in pairs(counts.task(task)) do t.eq(n, 0, what .. " of an empty task") end
    local made = {}
    for i = 1, 3 do
        made[i] = select(2, mach.mach_port_allocate(task, mach.MACH_PORT_RIGHT_RECEIVE))
    end
    must((mach.mach_port_allocate(task, mach.MACH_PORT_RIGHT_PORT_SET)), "allocate")
    local kr, dead = mach.mach_port_allocate(task, mach.MACH_PORT_RIGHT_DEAD_NAME)
    must(mach.mach_port_mod_refs(task, dead, mach.MACH_PORT_RIGHT_DEAD_NAME, 4), "mod_refs")
    local kr, right = mach.mach_port_extract_right(task, made[1], mach.MACH_MSG_TYPE_MAKE_SEND)
    must(kr, "extract_right")
    must(mach.send{remote = right, disp = mach.MACH_MSG_TYPE_MOVE_SEND, timeout = 0}, "send")
    local at = memory.allocate(3 * 4096, task)
    memory.write(at, "touched", task)
    local c = counts.task(task)
    t.eq({c.names_receive, c.names_port_set, c.names_dead, c.names_send, c.names_total},
         {3, 1, 1, 0, 5}, "names")
    t.eq({c.messages_queued, c.urefs_total}, {1, 5}, "messages, references of the dead name")
    t.eq({c.virtual_pages, c.map_entries}, {3, 1}, "memory")
    must(mach.task_terminate(task), "terminate")
    deallocate(task)
end)

test("Privileged calls on the plain host port are KERN_INVALID_HOST.", function(t)
    t.eq(mach.minato_host_set_seed(host, 5), mach.KERN_INVALID_HOST, "minato_host_set_seed")
    t.eq(mach.host_reboot(host, 0), mach.KERN_INVALID_HOST, "host_reboot")
    for what, port in pairs{task = self, thread = mach.mach_thread_self()} do
        t.eq(mach.host_reboot(port, 0), mach.KERN_INVALID_HOST, "host_reboot of a " .. what)
        t.eq(mach.minato_host_set_seed(port, 5), mach.KERN_INVALID_HOST, "seed of a " .. what)
    end
end)

test("A task that bootstrap did not start with privileges gets none: it has the plain host port.",
function(t)
    local child = spawn.task(function()
        local _, info = mach.minato_port_info(mach.mach_task_self(), mach.mach_host_self())
        return {info.object, mach.host_reboot(mach.mach_host_self(), 0)}
    end)
    t.eq({child:wait(900)}, {true, {mach.MINATO_OBJECT_HOST, mach.KERN_INVALID_HOST}})
end)

test("The privileged port answers the calls of the plain one as well.", function(t)
    local priv = privileged()
    t.ok(priv ~= host and priv ~= 0, "it is another port")
    t.eq({mach.host_page_size(priv)}, {0, 4096}, "host_page_size")
    t.eq((mach.host_info(priv, mach.HOST_BASIC_INFO)), 0, "host_info")
    t.eq(mach.minato_host_set_seed(priv, 1), 0, "minato_host_set_seed")
    deallocate(priv)
end)

test("host_set_time sets the calendar, and only with the privileged port and a time that there is.",
function(t)
    local priv = privileged()
    local kr, before = mach.host_get_time(host)
    must(kr, "host_get_time")
    local function now() return select(2, mach.host_get_time(host)).seconds end
    t.eq(mach.host_set_time(host, {seconds = 1, microseconds = 0}), mach.KERN_INVALID_HOST)
    for _, bad in ipairs{{-1, 0}, {0, -1}, {0, 1000000}, {0, 4294968}, {0, -4294967}} do -- or wrapped
        t.eq(mach.host_set_time(priv, {seconds = bad[1], microseconds = bad[2]}),
             mach.KERN_INVALID_VALUE, table.concat(bad, ", "))
    end
    t.ok(now() - before.seconds <= 1, "refused, and set all the same")
    t.eq(mach.host_set_time(priv, {seconds = 86400, microseconds = 999999}), 0)
    t.ok(now() == 86400 or now() == 86401, now())
    t.eq(mach.host_set_time(priv, before), 0)
    deallocate(priv)
end)

test("Host calls on ports of other objects are KERN_INVALID_ARGUMENT.", function(t)
    for what, port in pairs{task = self, thread = mach.mach_thread_self()} do
        t.eq((mach.host_page_size(port)), mach.KERN_INVALID_ARGUMENT, "host_page_size " .. what)
        t.eq((mach.host_get_time(port)), mach.KERN_INVALID_ARGUMENT, "host_get_time " .. what)
        t.eq((mach.host_kernel_version(port)), mach.KERN_INVALID_ARGUMENT, "version " .. what)
        t.eq((mach.host_info(port, mach.HOST_BASIC_INFO)), mach.KERN_INVALID_ARGUMENT,
             "host_info " .. what)
        t.eq((mach.minato_host_counts(port)), mach.KERN_INVALID_ARGUMENT, "counts " .. what)
        t.eq((mach.host_get_clock_service(port, 0)), mach.KERN_INVALID_ARGUMENT, "clock " .. what)
    end
end)

test("Without a device port nothing is granted: KERN_INVALID_ARGUMENT for every other port.",
function(t)
    local priv = privileged()
    local port = ports.both()
    for what, name in pairs{task = self, host = host, ["privileged host"] = priv,
                            thread = mach.mach_thread_self()} do
        t.eq((mach.device_io_subset(name, 0x3f8, 8, 0)), mach.KERN_INVALID_ARGUMENT,
             "subset " .. what)
        t.eq(mach.device_io_port_grant(name, self, 0x3f8, 8), mach.KERN_INVALID_ARGUMENT,
             "grant " .. what)
        t.eq(mach.device_interrupt_attach(name, 4, port, mach.MACH_MSG_TYPE_COPY_SEND),
             mach.KERN_INVALID_ARGUMENT, "attach " .. what)
        t.eq(mach.device_interrupt_ack(name, 4), mach.KERN_INVALID_ARGUMENT, "ack " .. what)
        t.eq(mach.device_interrupt_detach(name, 4), mach.KERN_INVALID_ARGUMENT, "detach " .. what)
        t.eq((mach.device_memory_subset(name, 0xb8000, 4096)), mach.KERN_INVALID_ARGUMENT,
             "memory " .. what)
        t.eq((mach.device_memory_map(name, self, 0xb8000, 4096, 0, true)),
             mach.KERN_INVALID_ARGUMENT, "map " .. what)
        t.eq((mach.device_dma_allocate(name, self, 4096)), mach.KERN_INVALID_ARGUMENT, "dma " .. what)
        t.eq((mach.device_join(name, name)), mach.KERN_INVALID_ARGUMENT, "join " .. what)
    end
    t.eq(ports.send_rights(port), 1, "rights to the port")
    deallocate(priv)
    ports.destroy(port)
end)

test("A scenario is given the privileged host port and a device port, nothing else.", function(t)
    local kr, priv, device, wired, paged, security = mach.bootstrap_ports(mach.bootstrap_port)
    t.eq({kr, wired, paged, security}, {0, 0, 0, 0})
    t.eq({ports.info(priv).object, ports.info(device).object},
         {mach.MINATO_OBJECT_HOST_PRIV, mach.MINATO_OBJECT_DEVICE}, "what they are")
    deallocate(priv, device)
end)
