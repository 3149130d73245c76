-- SPDX-License-Identifier: BSD-2-Clause
-- Threads: what thread_info says of them, their special port, wrong arguments. Registers:
-- registers.lua; stopping: suspension.lua, waits.lua; policies: scheduling.lua. Contracts:
-- mach.defs (thread_*), include/mach/thread_info.h, thread_special_ports.h.

local must, ports = require "must", require "ports"
local threads, memory, counts = require "threads", require "memory", require "counts"
local both, deallocate, send_rights = ports.both, ports.deallocate, ports.send_rights
local base_of, basic = threads.policy_base, threads.basic_info
local sleep = require "clock".sleep

local self = mach.mach_task_self()

local function new_thread()
    local thread = threads.create()
    return thread
end

local function end_thread(thread)
    threads.terminate(thread)
end

local function ms(time) return time.seconds * 1000 + time.microseconds / 1000 end

test("thread_create gives one send right; the thread counts in its task until it ends.", function(t)
    local before = counts.task()
    local thread = new_thread()
    t.eq({mach.mach_port_type(self, thread)}, {0, mach.MACH_PORT_TYPE_SEND}, "our right")
    t.eq({mach.mach_port_get_refs(self, thread, mach.MACH_PORT_RIGHT_SEND)}, {0, 1}, "references")
    local _, info = mach.minato_port_info(self, thread)
    t.eq(info.object, mach.MINATO_OBJECT_THREAD, "what the port stands for")
    t.eq(counts.task().threads, before.threads + 1, "threads")
    end_thread(thread)
    t.eq(counts.task().threads, before.threads, "threads afterwards")
end)

test("THREAD_BASIC_INFO of a new thread: stopped, suspended once, no time used.", function(t)
    local thread = new_thread()
    local info = basic(thread)
    t.eq({info.run_state, info.suspend_count, info.flags, info.policy},
         {mach.TH_STATE_STOPPED, 1, 0, mach.POLICY_TIMESHARE}, "state, count, flags, policy")
    t.eq({ms(info.user_time), ms(info.system_time), info.sleep_time}, {0, 0, 0}, "times")
    end_thread(thread)
end)

test("THREAD_BASIC_INFO of the caller: running, its time going up.", function(t)
    local me = mach.mach_thread_self()
    local before = basic(me)
    local sum = 0
    for i = 1, 100000 do sum = sum + i end
    local after = basic(me)
    t.eq({after.run_state, after.suspend_count}, {mach.TH_STATE_RUNNING, 0}, "state, count")
    t.ok(ms(after.user_time) - ms(before.user_time) >= 5,
         ("%.3f ms of computing"):format(ms(after.user_time) - ms(before.user_time)))
end)

test("sleep_time is how many seconds a thread has been waiting, cpu_usage falls meanwhile.",
function(t)
    local job = spawn.thread(function()
        local sum = 0
        for i = 1, 200000 do sum = sum + i end
        mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 3, tv_nsec = 0})
    end)
    threads.wait_until_waiting(job.thread)
    local busy = basic(job.thread).cpu_usage
    t.eq(basic(job.thread).sleep_time, 0, "to begin with")
    sleep(1500)
    t.eq(basic(job.thread).sleep_time, 1, "after 1.5 s")
    sleep(1000)
    t.eq(basic(job.thread).sleep_time, 2, "after 2.5 s")
    t.ok(busy > 100 and basic(job.thread).cpu_usage < 10,
         ("usage %d, then %d"):format(busy, basic(job.thread).cpu_usage))
    t.eq((job:wait(2000)), true, "the thread ends")
end)

test("cpu_usage of a thread that computes all the time comes near TH_USAGE_SCALE.", function(t)
    local page = memory.allocate(4096)
    memory.write(page, "\xeb\xfe") -- jmp to itself
    local thread = threads.run(self, {eip = page, uesp = page + 4096})
    sleep(600)
    local usage = basic(thread).cpu_usage
    t.ok(usage > 800 and usage <= mach.TH_USAGE_SCALE, "usage " .. usage)
    end_thread(thread)
    memory.release(page, 4096)
end)

test("thread_info of a flavor that does not exist is KERN_INVALID_ARGUMENT.", function(t)
    local me = mach.mach_thread_self()
    for _, flavor in ipairs{0, 1, 2, 4, 9, 13, 100, 0x7fffffff, 0xffffffff} do
        t.eq((mach.thread_info(me, flavor)), mach.KERN_INVALID_ARGUMENT, "flavor " .. flavor)
    end
end)

test("A THREAD_SCHED flavor of another policy is KERN_INVALID_POLICY.", function(t)
    local thread = new_thread()
    local flavors = {[mach.POLICY_TIMESHARE] = mach.THREAD_SCHED_TIMESHARE_INFO,
                     [mach.POLICY_RR] = mach.THREAD_SCHED_RR_INFO,
                     [mach.POLICY_FIFO] = mach.THREAD_SCHED_FIFO_INFO}
    for policy in pairs(flavors) do
        must(mach.thread_policy(thread, policy, base_of(policy, 70), false), "policy")
        for other, flavor in pairs(flavors) do
            t.eq((mach.thread_info(thread, flavor)),
                 other == policy and 0 or mach.KERN_INVALID_POLICY,
                 ("policy %d, flavor %d"):format(policy, flavor))
        end
    end
    end_thread(thread)
end)

test("thread_get_special_port gives the thread's own port, thread_set_special_port replaces it.",
function(t)
    local thread, port = new_thread(), both()
    t.eq({mach.thread_get_special_port(thread, mach.THREAD_KERNEL_PORT)}, {0, thread}, "its own")
    deallocate(thread)
    t.eq(mach.thread_set_special_port(thread, mach.THREAD_KERNEL_PORT, port), 0, "set")
    t.eq({mach.thread_get_special_port(thread, mach.THREAD_KERNEL_PORT)}, {0, port}, "the new one")
    deallocate(port)
    t.eq(send_rights(port), 2, "send rights: ours and the thread's")
    t.eq(basic(thread).suspend_count, 1, "the old port still denotes the thread")
    t.eq(mach.thread_set_special_port(thread, mach.THREAD_KERNEL_PORT, 0), 0, "set to null")
    t.eq(send_rights(port), 1, "the old one was released")
    must(mach.thread_set_special_port(thread, mach.THREAD_KERNEL_PORT, port), "set")
    end_thread(thread)
    t.eq(send_rights(port), 1, "released when the thread ended")
    must(mach.mach_port_destroy(self, port), "destroy")
end)

test("A special port that does not exist is KERN_INVALID_ARGUMENT.", function(t)
    local thread, port = new_thread(), both()
    for _, which in ipairs{0, 2, 3, -1, 0x7fffffff, -0x80000000} do
        t.eq((mach.thread_get_special_port(thread, which)), mach.KERN_INVALID_ARGUMENT,
             "get " .. which)
        t.eq(mach.thread_set_special_port(thread, which, port), mach.KERN_INVALID_ARGUMENT,
             "set " .. which)
    end
    t.eq(send_rights(port), 1, "send rights")
    must(mach.mach_port_destroy(self, port), "destroy")
    end_thread(thread)
end)

test("A thread can end itself; nothing of it stays.", function(t)
    local before = counts.objects()
    local job = spawn.thread(function()
        mach.thread_terminate(mach.mach_thread_self())
        return "went on"
    end)
    t.eq((job:wait(900)), false, "it does not go on")
    t.eq(counts.objects(), before, "objects afterwards")
end)

test("Whoever waits for a thread's port learns of its end by a dead-name notification.", function(t)
    local thread, port = new_thread(), both()
    local kr = mach.mach_port_request_notification(self, thread, mach.MACH_NOTIFY_DEAD_NAME, 0,
                                                   port,
                                                   mach.MACH_MSG_TYPE_MAKE_SEND_ONCE)
    t.eq(kr, 0, "request")
    must(mach.thread_terminate(thread), "terminate")
    local kr, msg = mach.receive{port = port, timeout = 100}
    t.eq({kr, msg.id}, {0, mach.MACH_NOTIFY_DEAD_NAME}, "notification")
    deallocate(thread, thread) -- the name, and the reference that the notification brought
    must(mach.mach_port_destroy(self, port), "destroy")
end)

-- The module gives names that it keeps, so the traps are made without it.
test("Each trap for one's own names adds a user reference.", function(t)
    for what, case in pairs{task = {mach.MACH_TRAP_mach_task_self, self},
                            host = {mach.MACH_TRAP_mach_host_self, mach.mach_host_self()}} do
        local before = ports.info(case[2]).urefs
        t.eq(threads.trap(case[1]) & 0xffffffff, case[2], "the name of the " .. what)
        t.eq(ports.info(case[2]).urefs, before + 1, "references of the " .. what)
        deallocate(case[2])
    end
    local name = threads.trap(mach.MACH_TRAP_mach_thread_self) & 0xffffffff
    t.eq({ports.type_of(name), ports.info(name).urefs}, {mach.MACH_PORT_TYPE_DEAD_NAME, 1},
         "the thread that made the trap, which has ended")
    deallocate(name)
end)
