-- SPDX-License-Identifier: BSD-2-Clause
-- Threads: making and ending them, what they do at the moment, and threads without Lua, which run a
-- few instructions that are written into their task's memory. A thread that runs Lua is
-- spawn.thread's.

local must = require "must"
local clock = require "clock"
local ports = require "ports"
local semaphores = require "semaphores"
local memory = require "memory"

local threads = {}
local self = mach.mach_task_self()
local PAGE = 4096 -- code and data in pages of their own: the emulator is slow otherwise

-- A thread of `task`, this one unless told, that is suspended once and has no registers yet.
function threads.create(task)
    local kr, thread = mach.thread_create(task or self)
    must(kr, "thread_create")
    return thread
end

-- A running thread of `task` with these registers.
function threads.run(task, registers)
    local kr, thread = mach.thread_create_running(task, mach.i386_THREAD_STATE, registers)
    must(kr, "thread_create_running")
    return thread
end

-- Ends threads and gives up their names.
function threads.terminate(...)
    for _, thread in ipairs{...} do
        must(mach.thread_terminate(thread), "thread_terminate")
        ports.deallocate(thread)
    end
end

function threads.basic_info(thread)
    local kr, info = mach.thread_info(thread, mach.THREAD_BASIC_INFO)
    must(kr, "thread_info")
    return info
end

-- Sleeps until the thread waits for something in the kernel.
function threads.wait_until_waiting(thread)
    for _ = 1, 1000 do
        if threads.basic_info(thread).run_state == mach.TH_STATE_WAITING then return end
        clock.sleep(1)
    end
    error("the thread does not wait", 2)
end

-- The parameters of a scheduling policy as thread_policy and task_policy take them.
function threads.policy_base(policy, base, quantum)
    if policy ~= mach.POLICY_RR then return {base_priority = base} end
    return {base_priority = base, quantum = quantum or 10}
end

-- Runs `body` in the calling thread under another policy, then goes back to the one before.
function threads.under(policy, base, body)
    local me = mach.mach_thread_self()
    local kr, was = mach.thread_info(me, mach.THREAD_SCHED_TIMESHARE_INFO)
    must(kr, "thread_info")
    must(mach.thread_policy(me, policy, threads.policy_base(policy, base), false), "thread_policy")
    body()
    must(mach.thread_policy(me, mach.POLICY_TIMESHARE, {base_priority = was.base_priority}, false),
         "thread_policy")
end

-- ---- a thread that counts for ever --------------------------------------------------------------

-- Two pages of `task` with code that counts up a word in the second for ever.
function threads.counter_page(task)
    local page = memory.allocate(2 * PAGE, task)
    local code = "\xff\x05" .. string.pack("<I4", page + PAGE) -- 1: inc dword [page + PAGE]
        .. "\xeb\xf8"                                          --    jmp 1b
    memory.write(page, code, task)
    return page
end

-- A thread of `task`, suspended once, that will run that code.
function threads.counter_thread(task, page)
    local thread = threads.create(task)
    local registers = {eip = page, uesp = page + 2 * PAGE}
    must(mach.thread_set_state(thread, mach.i386_THREAD_STATE, registers), "thread_set_state")
    return thread
end

-- Ends such a thread of this task, with its pages.
function threads.counter_end(thread, page)
    threads.terminate(thread)
    memory.release(page, 2 * PAGE)
end

-- ---- a thread that makes traps ------------------------------------------------------------------

-- The code: makes trap `number`, again while it succeeds if `again` is set, stores the result at
-- page + 256, signals `done`, waits for ever. Its stacks are in the second page; each has a return
-- address before the arguments.
local function write_trap(page, number, again, arguments, done, never)
    local stack = page + PAGE
    -- start: mov eax, number; int 0x81; test eax, eax; jz start (or the next instruction);
    -- mov [page + 256], eax; mov esp, stack + 256; mov eax, 33 (signal done); int 0x81;
    -- last: mov esp, stack + 512; mov eax, 36 (wait never); int 0x81; jmp last
    memory.write(page, string.pack("<BI4 BB BB Bb BI4 BI4 BI4 BB BI4 BI4 BB Bb",
        0xb8, number, 0xcd, 0x81, 0x85, 0xc0, 0x74, again and -11 or 0, 0xa3, page + 256,
        0xbc, stack + 256, 0xb8, 33, 0xcd, 0x81, 0xbc, stack + 512, 0xb8, 36, 0xcd, 0x81,
        0xeb, -14))
    memory.write(stack, string.pack("<I4" .. ("I4"):rep(#arguments), 0, table.unpack(arguments)))
    memory.write(stack + 256, string.pack("<I4I4", 0, done))
    memory.write(stack + 512, string.pack("<I4I4", 0, never))
end

local function begin(number, again, arguments)
    local page, done, never = memory.allocate(2 * PAGE), semaphores.create(), semaphores.create()
    write_trap(page, number, again, arguments, done, never)
    local thread = threads.run(self, {eip = page, uesp = page + PAGE})
    return {thread = thread, page = page, done = done, never = never}
end

-- Starts a thread that makes trap `number` with the given arguments, which the Lua module would not
-- let through, and then waits to be ended. What this returns is for trap_result.
function threads.trap_begin(number, ...) return begin(number, false, {...}) end

-- Waits for the result of such a trap, 100 ms unless told, and ends its thread.
function threads.trap_result(trap, ms)
    local time = ms or 100
    local waited = mach.semaphore_timedwait(trap.done, {tv_sec = time // 1000,
                                                        tv_nsec = time % 1000 * 1000000})
    local result = memory.read(trap.page + 256, 4)
    threads.terminate(trap.thread)
    semaphores.destroy(trap.done, trap.never)
    memory.release(trap.page, 2 * PAGE)
    must(waited, "the trap did not return")
    return (string.unpack("<i4", result))
end

-- The result of trap `number`, made by a thread of its own.
function threads.trap(number, ...) return threads.trap_result(threads.trap_begin(number, ...)) end

-- The same again and again, up to half a minute, until it does not succeed; that result.
function threads.trap_until_refused(number, ...)
    return threads.trap_result(begin(number, true, {...}), 30000)
end

return threads
