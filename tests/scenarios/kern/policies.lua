-- SPDX-License-Identifier: BSD-2-Clause
-- Policies and limits by privilege: thread_set_policy, task_set_policy; a word of a task's own:
-- task_set_info; ports with a quality of service. Contracts: mach_host.defs, mach.defs, mach_port.defs,
-- docs/differences.md. What the policies do: scheduling.lua.

local must, ports, threads = require "must", require "ports", require "threads"
local tasks = require "tasks"

local self, host = mach.mach_task_self(), mach.mach_host_self()
local TIMESHARE, RR, FIFO = mach.POLICY_TIMESHARE, mach.POLICY_RR, mach.POLICY_FIFO
local INFO = {[TIMESHARE] = mach.THREAD_SCHED_TIMESHARE_INFO, [RR] = mach.THREAD_SCHED_RR_INFO,
              [FIFO] = mach.THREAD_SCHED_FIFO_INFO}
local INVALID_ARGUMENT, LIMIT = mach.KERN_INVALID_ARGUMENT, mach.KERN_POLICY_LIMIT

-- Policy, base, limit and quantum of a thread.
local function shown(thread)
    local kr, basic = mach.thread_info(thread, mach.THREAD_BASIC_INFO)
    must(kr, "thread_info")
    local kr, info = mach.thread_info(thread, INFO[basic.policy])
    must(kr, "thread_info")
    return {basic.policy, info.base_priority, info.max_priority, info.quantum}
end

local function base_of(policy, base) return threads.policy_base(policy, base, 25) end

-- Runs body(set, task, thread) with the port that stands for the processor set.
local function with_set(body)
    local set, task = ports.privileged_host(), tasks.create()
    local thread = threads.create(task)
    body(set, task, thread)
    tasks.terminate(task)
    ports.deallocate(thread, set)
end

test("thread_set_policy sets policy, base and limit, whatever they were.", function(t)
    with_set(function(set, _, thread)
        for _, policy in ipairs{TIMESHARE, RR, FIFO} do
            local quantum = policy == RR and 25 or nil
            for _, given in ipairs{{90, 80}, {2, 1}, {0, 0}, {127, 127}, {64, 9}} do
                local base, limit = given[1], given[2]
                t.eq(mach.thread_set_policy(thread, set, policy, base_of(policy, base),
                                            {max_priority = limit}), 0, "thread_set_policy")
                t.eq(shown(thread), {policy, base, limit, quantum}, "what it has now")
                t.eq(mach.thread_policy(thread, policy, base_of(policy, limit), false), 0,
                     "up to the limit")
                if limit > 0 then
                    t.eq(mach.thread_policy(thread, policy, base_of(policy, limit - 1), false),
                         LIMIT, "beyond it")
                end
            end
        end
    end)
end)

test("thread_set_policy: a bad port, policy, base or limit changes nothing.", function(t)
    with_set(function(set, task, thread)
        local before, limit = shown(thread), {max_priority = 10}
        for what, port in pairs{host = host, task = task, null = 0} do
            t.eq(mach.thread_set_policy(thread, port, FIFO, base_of(FIFO, 50), limit),
                 mach.KERN_INVALID_PROCESSOR_SET, what .. " for the processor set")
        end
        t.eq(mach.thread_set_policy(task, set, FIFO, base_of(FIFO, 50), limit), INVALID_ARGUMENT,
             "a task for the thread")
        for _, policy in ipairs{0, 3, 5, -1} do
            t.eq(mach.thread_set_policy(thread, set, policy, {50}, {10}), mach.KERN_INVALID_POLICY,
                 "policy " .. policy)
        end
        for _, base in ipairs{-1, 128, 0x7fffffff} do
            t.eq(mach.thread_set_policy(thread, set, FIFO, base_of(FIFO, base), limit),
                 INVALID_ARGUMENT, "base " .. base)
            t.eq(mach.thread_set_policy(thread, set, FIFO, base_of(FIFO, 50),
                                        {max_priority = base}), INVALID_ARGUMENT, "limit " .. base)
        end
        t.eq(mach.thread_set_policy(thread, set, RR, "\50\0\0\0", limit), INVALID_ARGUMENT,
             "no quantum")
        t.eq(mach.thread_set_policy(thread, set, FIFO, "", limit), INVALID_ARGUMENT, "no base")
        t.eq(mach.thread_set_policy(thread, set, FIFO, {50}, ""), INVALID_ARGUMENT, "no limit")
        t.eq(mach.thread_set_policy(thread, set, FIFO, {50}, {51}), LIMIT,
             "a base more urgent than the limit")
        t.eq(shown(thread), before, "it is what it was")
    end)
end)

test("task_set_policy counts for threads made from now on, with change_threads for all.", function(t)
    with_set(function(set, task, thread)
        local before = shown(thread)
        t.eq(mach.task_set_policy(task, set, RR, base_of(RR, 70), {max_priority = 60}, false), 0,
             "task_set_policy")
        t.eq(shown(thread), before, "a thread that was there")
        local new = threads.create(task)
        t.eq(shown(new), {RR, 70, 60, 25}, "a new one")
        t.eq(mach.task_set_policy(task, set, FIFO, base_of(FIFO, 5), {max_priority = 3}, true), 0,
             "with change_threads, more urgent than any limit before")
        t.eq({shown(thread), shown(new)}, {{FIFO, 5, 3}, {FIFO, 5, 3}}, "all threads")
        t.eq(mach.task_policy(task, FIFO, base_of(FIFO, 3), false, false), 0, "up to the limit")
        t.eq(mach.task_policy(task, FIFO, base_of(FIFO, 2), false, false), LIMIT, "beyond it")
        ports.deallocate(new)
    end)
end)

test("task_set_policy: a bad port, policy, base or limit changes nothing.", function(t)
    with_set(function(set, task, thread)
        local before, limit = shown(thread), {max_priority = 10}
        t.eq(mach.task_set_policy(task, host, FIFO, base_of(FIFO, 50), limit, true),
             mach.KERN_INVALID_PROCESSOR_SET, "the host port")
        t.eq(mach.task_set_policy(thread, set, FIFO, base_of(FIFO, 50), limit, true),
             INVALID_ARGUMENT, "a thread for the task")
        t.eq(mach.task_set_policy(task, set, 3, {50}, {10}, true), mach.KERN_INVALID_POLICY, "policy")
        t.eq(mach.task_set_policy(task, set, FIFO, {50}, {128}, true), INVALID_ARGUMENT, "limit")
        t.eq(mach.task_set_policy(task, set, FIFO, {50}, {51}, true), LIMIT, "beyond the limit")
        local new = threads.create(task)
        t.eq({shown(thread), shown(new)}, {before, before}, "threads, old and new")
        ports.deallocate(new)
    end)
end)

test("A thread that was made more urgent than anybody may ask for runs before all others.",
function(t)
    local set, sem = ports.privileged_host(), require("semaphores").create()
    local port = ports.allocate()
    local code = [[
        mach.semaphore_wait(args.sem)
        mach.send{remote = args.port, disp = mach.MACH_MSG_TYPE_MAKE_SEND, id = args.id}
    ]]
    local jobs = {}
    for id = 1, 3 do
        jobs[id] = spawn.thread(code, {sem = sem, port = port, id = id})
        threads.wait_until_waiting(jobs[id].thread)
    end
    must(mach.thread_set_policy(jobs[3].thread, set, FIFO, base_of(FIFO, 1), {max_priority = 1}),
         "thread_set_policy")
    must(mach.semaphore_signal_all(sem), "signal_all")
    for id = 1, 3 do assert(jobs[id]:wait(1000)) end
    t.eq(ports.drain(port)[1], 3, "who came first")
    ports.destroy(port)
    require("semaphores").destroy(sem)
    ports.deallocate(set)
end)

-- ---- task_set_info ------------------------------------------------------------------------------

test("TASK_USER_DATA is a word that task_set_info sets and task_info tells.", function(t)
    local task, USER = tasks.create(), mach.TASK_USER_DATA
    t.eq({mach.task_info(task, USER)}, {0, {user_data = 0}}, "of a new task")
    for _, word in ipairs{1, 0x80000000, 0xffffffff, 0} do
        t.eq(mach.task_set_info(task, USER, {user_data = word}), 0, "task_set_info")
        t.eq({mach.task_info(task, USER)}, {0, {user_data = word}}, "task_info")
    end
    must(mach.task_set_info(task, USER, {user_data = 7}), "task_set_info")
    local kr, child = mach.task_create(task, {}, true)
    must(kr, "task_create")
    t.eq({mach.task_info(child, USER)}, {0, {user_data = 0}}, "a child has its own")
    for _, flavor in ipairs{0, 1, 2, 4, 9, 13, 0x7fffffff, 0xffffffff} do
        t.eq(mach.task_set_info(task, flavor, {1, 2, 3, 4, 5, 6, 7, 8}), INVALID_ARGUMENT,
             "flavor " .. flavor)
    end
    t.eq(mach.task_set_info(task, USER, ""), INVALID_ARGUMENT, "no word")
    t.eq(mach.task_set_info(mach.mach_thread_self(), USER, {1}), INVALID_ARGUMENT, "a thread")
    t.eq({mach.task_info(task, USER)}, {0, {user_data = 7}}, "it is what it was")
    tasks.terminate(child)
    tasks.terminate(task)
end)

-- ---- mach_port_allocate_qos, mach_port_allocate_full --------------------------------------------

local NAME, REALTIME = 1, 2
local RECEIVE, SET, DEAD = mach.MACH_PORT_RIGHT_RECEIVE, mach.MACH_PORT_RIGHT_PORT_SET,
    mach.MACH_PORT_RIGHT_DEAD_NAME
local TYPES = {[RECEIVE] = mach.MACH_PORT_TYPE_RECEIVE, [SET] = mach.MACH_PORT_TYPE_PORT_SET,
               [DEAD] = mach.MACH_PORT_TYPE_DEAD_NAME}

local calls = {
    mach_port_allocate_qos = function(right, flags, name)
        return mach.mach_port_allocate_qos(self, right, {flags = flags}, name)
    end,
    mach_port_allocate_full = function(right, flags, name)
        return mach.mach_port_allocate_full(self, right, 0, {flags = flags}, name)
    end,
}

for call, allocate in pairs(calls) do
    test(call .. " makes what mach_port_allocate makes, under a chosen name if asked.", function(t)
        for right, type in pairs(TYPES) do
            local kr, qos, name = allocate(right, 0, 0x1234)
            t.eq({kr, qos, mach.mach_port_type(self, name)}, {0, {flags = 0, pad2 = 0}, 0, type},
                 "right " .. right)
            t.ok(name ~= 0x1234, "the name given does not count")
            ports.destroy(name)
            kr, qos, name = allocate(right, NAME, 0x7654300)
            t.eq({kr, name, mach.mach_port_type(self, 0x7654300)}, {0, 0x7654300, 0, type},
                 "with a name")
            t.eq((allocate(right, NAME, 0x7654300)), mach.KERN_NAME_EXISTS, "which is taken then")
            ports.destroy(name)
        end
    end)

    test(call .. ": a bad right, a reserved name, a real-time port are KERN_INVALID_VALUE.",
    function(t)
        for _, right in ipairs{0, 2, 5, 0xffffffff} do
            t.eq((allocate(right, 0, 0)), mach.KERN_INVALID_VALUE, "right " .. right)
        end
        for _, name in ipairs{0, 0xffffffff} do
            t.eq((allocate(RECEIVE, NAME, name)), mach.KERN_INVALID_VALUE, "name " .. name)
        end
        t.eq((allocate(RECEIVE, REALTIME, 0)), mach.KERN_INVALID_VALUE, "real time")
        t.eq((allocate(RECEIVE, REALTIME | NAME, 0x7654300)), mach.KERN_INVALID_VALUE, "and name")
    end)
end

test("mach_port_allocate_full: there are no subsystems: KERN_INVALID_ARGUMENT for any.", function(t)
    for what, port in pairs{task = self, host = host} do
        t.eq((mach.mach_port_allocate_full(self, RECEIVE, port, {flags = 0}, 0)), INVALID_ARGUMENT,
             what)
    end
    t.eq((mach.mach_port_allocate_full(host, RECEIVE, 0, {flags = 0}, 0)), mach.KERN_INVALID_TASK,
         "no task")
end)
