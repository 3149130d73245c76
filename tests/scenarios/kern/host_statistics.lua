-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 200
-- How the host is doing: processor time by what it went to, averages of the load, virtual memory; and
-- what the boot loader said. Contracts: mach_host.defs (host_statistics, host_get_boot_info).

local must, ports, counts, tasks = require "must", require "ports", require "counts", require "tasks"
local memory, threads, clock = require "memory", require "threads", require "clock"
local code = require "machine_code"
local sleep, now = clock.sleep, clock.now

local self, host = mach.mach_task_self(), mach.mach_host_self()
local PAGE = 4096
local LOAD, VM, CPU = mach.HOST_LOAD_INFO, mach.HOST_VM_INFO, mach.HOST_CPU_LOAD_INFO
local USER, SYSTEM, IDLE, NICE = 1, 2, 3, 4 -- places in cpu_ticks

local function statistics(flavor)
    local kr, info = mach.host_statistics(host, flavor)
    must(kr, "host_statistics")
    return info
end

local function ticks() return statistics(CPU).cpu_ticks end

-- What has come to each place while `body` ran, and how long that was, in milliseconds.
local function spent(body)
    local before, begin = ticks(), now()
    body()
    local after, took = ticks(), now() - begin
    local list = {}
    for i = 1, 4 do list[i] = after[i] - before[i] end
    return list, took
end

-- Runs body with so many threads that compute without end.
local function with_spinners(count, body)
    local page = code.page_with(function() return code.STAY end)
    local list = {}
    for i = 1, count do
        list[i] = threads.run(self, {eip = page, uesp = page + code.PAGE})
    end
    body()
    threads.terminate(table.unpack(list))
    memory.release(page, code.PAGE)
end

local function near(t, value, want, slack, what)
    t.ok(math.abs(value - want) <= slack, ("%s: %s, want %s"):format(what, value, want))
end

-- ---- processor time -----------------------------------------------------------------------------

test("HOST_CPU_LOAD_INFO: sleeping is idle time, and all time is in one of the places.", function(t)
    local list, took = spent(function() sleep(1000) end)
    t.ok(list[IDLE] > 990, "idle: " .. list[IDLE])
    near(t, list[USER] + list[SYSTEM] + list[IDLE], took, 3, "the sum")
    t.eq(list[NICE], 0, "nice")
end)

test("HOST_CPU_LOAD_INFO: computing is user time, also of threads that are no more.", function(t)
    local list, took = spent(function()
        with_spinners(2, function() sleep(500) end)
    end)
    t.ok(list[USER] > 490, "user: " .. list[USER])
    t.ok(list[IDLE] < 5, "idle: " .. list[IDLE])
    near(t, list[USER] + list[SYSTEM] + list[IDLE], took, 3, "the sum")
end)

test("HOST_CPU_LOAD_INFO: calls to the kernel are system time, also of tasks that are no more.",
function(t)
    local list = spent(function()
        local child = spawn.task(function()
            local self = mach.mach_task_self()
            for _ = 1, 4000 do mach.mach_port_names(self) end
        end)
        child:wait(60000)
    end)
    t.ok(list[SYSTEM] > 100, "system: " .. list[SYSTEM])
    list = spent(function()
        local thread = spawn.thread(function()
            for _ = 1, 4000 do mach.mach_port_names(mach.mach_task_self()) end
        end)
        thread:wait(60000)
        sleep(1)
    end)
    t.ok(list[SYSTEM] > 100, "a thread's that is no more: " .. list[SYSTEM])
    list = spent(function()
        for _ = 1, 4000 do mach.mach_port_names(self) end
    end)
    t.ok(list[SYSTEM] > 100, "this task's: " .. list[SYSTEM])
    local before = ticks()
    sleep(1)
    for i, value in ipairs(ticks()) do t.ok(value >= before[i], "nothing goes back: place " .. i) end
end)

-- ---- load ---------------------------------------------------------------------------------------

test("HOST_LOAD_INFO: averages come near the number of running threads, the short one first.", function(t)
    sleep(70000)
    local idle = statistics(LOAD)
    for i = 1, 3 do
        t.ok(idle.avenrun[i] < 600, ("asleep for long, %d: %d"):format(i, idle.avenrun[i]))
        t.eq(idle.mach_factor[i], mach.LOAD_SCALE - idle.avenrun[i], "the processor is free")
    end
    with_spinners(4, function()
        sleep(12000)
        local busy = statistics(LOAD)
        near(t, busy.avenrun[1], 3640, 400, "five seconds' average of four threads, after twelve")
        near(t, busy.avenrun[2], 1340, 400, "thirty seconds'")
        near(t, busy.avenrun[3], 760, 400, "a minute's")
        for i = 1, 2 do
            t.eq(busy.mach_factor[i], 1000000 // (busy.avenrun[i] + 1000), "the share of one more")
        end
    end)
    local before = statistics(LOAD)
    sleep(10000)
    local after = statistics(LOAD)
    for i = 1, 3 do t.ok(after.avenrun[i] < before.avenrun[i], "it falls again: " .. i) end
    t.ok(after.avenrun[1] < before.avenrun[1] // 2, "the short one by more than half")
end)

-- ---- memory -------------------------------------------------------------------------------------

test("HOST_VM_INFO: pages are free, in use or wired; faults are counted by kind.", function(t)
    local before = statistics(VM)
    near(t, before.free_count, counts.host().pages_free, 4, "free pages")
    near(t, before.free_count + before.active_count + before.inactive_count + before.wire_count,
         counts.host().pages_total, 0, "all pages")
    local task = tasks.create()
    must((mach.vm_allocate(task, 0x100000, 64 * PAGE, false)), "vm_allocate")
    must((mach.vm_allocate(task, 0x200000, PAGE, false)), "vm_allocate")
    -- mov edi, 0x100000; mov ecx, 64; loop: inc dword [edi]; add edi, PAGE; loop; stay
    memory.write(0x200000, "\xbf\0\0\x10\0\xb9\64\0\0\0\xff\x07\x81\xc7\0\x10\0\0\xe2\xf6\xeb\xfe", task)
    local function run()
        local thread = threads.run(task, {eip = 0x200000})
        sleep(5)
        threads.terminate(thread)
    end
    run()
    local filled = statistics(VM)
    t.ok(filled.zero_fill_count - before.zero_fill_count >= 64, "pages of zeros")
    t.ok(filled.faults - before.faults >= 64, "faults")
    t.ok(before.free_count - filled.free_count >= 64, "free pages have become fewer")
    local child = tasks.create(task, true)
    run() -- writes again, to pages that the child shares
    local copied = statistics(VM)
    t.ok(copied.cow_faults - filled.cow_faults >= 64, "copies")
    t.ok(copied.zero_fill_count - filled.zero_fill_count < 8, "no zeros")
    tasks.terminate(child, task)
    t.ok(statistics(VM).faults >= copied.faults, "faults of a task that is no more")
    t.eq({copied.lookups, copied.hits}, {0, 0}, "there is no cache of objects")
end)

test("HOST_VM_INFO: wired pages.", function(t)
    local priv, address = ports.privileged_host(), memory.allocate(10 * PAGE)
    local before = statistics(VM)
    must(mach.vm_wire(priv, self, address, 10 * PAGE, mach.VM_PROT_READ), "vm_wire")
    t.eq(statistics(VM).wire_count, before.wire_count + 10, "wired")
    must(mach.vm_wire(priv, self, address, 10 * PAGE, mach.VM_PROT_NONE), "vm_wire")
    t.eq(statistics(VM).wire_count, before.wire_count, "no more")
    memory.release(address, 10 * PAGE)
    ports.deallocate(priv)
end)

-- ---- errors, and the boot loader ----------------------------------------------------------------

test("host_statistics of an unknown flavor is KERN_INVALID_ARGUMENT, without room KERN_FAILURE.",
function(t)
    for _, flavor in ipairs{0, 4, 5, 100, -1, 0x7fffffff, -0x80000000} do
        t.eq((mach.host_statistics(host, flavor)), mach.KERN_INVALID_ARGUMENT, "flavor " .. flavor)
    end
    t.eq((mach.host_statistics(mach.mach_thread_self(), VM)), mach.KERN_INVALID_ARGUMENT, "no host")
    local function raw(flavor, room)
        local kr, msg = mach.rpc{remote = host, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = 2643,
                                 reply_timeout = 500,
                                 body = string.pack("<I8I4I4", 0, flavor, room)}
        must(kr, "rpc")
        return (string.unpack("<i4", msg.body, 9))
    end
    for flavor, count in pairs{[LOAD] = 6, [VM] = 12, [CPU] = 4} do
        t.eq(raw(flavor, count), 0, "just enough room, flavor " .. flavor)
        t.eq(raw(flavor, count - 1), mach.KERN_FAILURE, "one word less, flavor " .. flavor)
    end
end)

test("host_get_boot_info gives the command line to who has the privileged port.", function(t)
    local priv = ports.privileged_host()
    local kr, line = mach.host_get_boot_info(priv)
    t.eq(kr, 0, "host_get_boot_info")
    t.ok(kr == 0 and line:find("minato.run=scenario", 1, true), tostring(line))
    t.eq((mach.host_get_boot_info(host)), mach.KERN_INVALID_HOST, "with the other port")
    ports.deallocate(priv)
end)
