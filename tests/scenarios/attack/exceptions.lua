-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 30
-- Exceptions under fire: the threads of several tasks fault all the time; handlers answer well or
-- badly, drop the question, or answer in a call of their own; by a seeded dice threads and tasks
-- are aborted, suspended, ended, given other registers and other handlers. Nothing may be left of
-- it in the kernel.

local must, ports, tasks, threads =
    require "must", require "ports", require "tasks", require "threads"
local counts, sleep = require "counts", require "clock".sleep

local PAGE, CODE, STACK = 4096, 0x100000, 0x200000
local GENERAL, ALL = mach.i386_THREAD_STATE, mach.EXC_MASK_ALL
local FAULT_FOR_EVER = "\xa1\x00\x00\x70\x00\xeb\xf9" -- 1: mov eax, [0x700000]; jmp 1b

-- Serves questions on `port` until a message of id 0 comes; returns how many, or what was wrong.
local function handler()
    local self, other = mach.mach_task_self(), mach.mach_reply_port()
    local MOVE_ONCE, MAKE_ONCE = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE,
        mach.MACH_MSG_TYPE_MAKE_SEND_ONCE
    local function receive(answer)
        local option = mach.MACH_RCV_MSG | (answer and mach.MACH_SEND_MSG or 0)
        return mach.mach_msg(answer or "", option, #(answer or ""), 2000, args.port, 0, 0)
    end
    local kr, bytes = receive()
    for n = 1, math.huge do
        if kr ~= 0 then return mach.error_string(kr) end
        local _, _, remote, _, _, id, count = string.unpack("<I4I4I4I4I4i4I4", bytes)
        if id == 0 then
            mach.mach_port_destroy(self, other)
            return n
        end
        for k = 1, id ~= 2402 and count or 0 do -- thread and task
            mach.mach_port_deallocate(self, (string.unpack("<I4", bytes, 17 + 12 * k)))
        end
        local body = string.pack("<I8i4", 0, n % 23 == 0 and mach.KERN_FAILURE or mach.KERN_SUCCESS)
        if id == 2402 then -- the same registers
            local flavor, words = string.unpack("<I4I4", bytes, 49)
            body = body .. string.pack("<I4I4", flavor, words) .. bytes:sub(57, 56 + 4 * words)
        end
        local answer
        if n % 5 > 0 then
            local reply = n % 5 == 1 and other or 0
            answer = string.pack("<I4I4I4I4I4i4", mach.MACH_MSGH_BITS(MOVE_ONCE, reply ~= 0 and
                                 MAKE_ONCE or 0), 0, remote, reply, 0, id + 100) .. body
        else
            mach.mach_port_deallocate(self, remote) -- dropped
        end
        kr, bytes = receive(answer)
        if kr == mach.MACH_SEND_INVALID_DEST then -- who asked has been aborted, or ended
            mach.mach_port_deallocate(self, remote)
            kr, bytes = receive()
        end
        while mach.receive{port = other, timeout = 0} == 0 do end
    end
end

-- A task with two threads that will do nothing but fault.
local function victim()
    local v = {task = tasks.create()}
    for _, at in ipairs{CODE, STACK} do
        must((mach.vm_allocate(v.task, at, PAGE, false)), "vm_allocate")
    end
    must(mach.minato_task_set_name(v.task, "victim"), "set_name")
    must(mach.vm_write(v.task, CODE, FAULT_FOR_EVER), "vm_write")
    for i = 1, 2 do
        v[i] = threads.create(v.task)
        must(mach.thread_set_state(v[i], GENERAL, {eip = CODE, uesp = STACK + PAGE}), "set_state")
    end
    return v
end

local function bury(v)
    mach.task_terminate(v.task)
    ports.deallocate(v.task, v[1], v[2])
end

local base = tonumber(os.getenv "minato.seed") or 0 -- SEED=n: other seeds

for seed = base + 11, base + 13 do
    test(("Of faulting threads and their handlers nothing is left (%d)."):format(seed), function(t)
        local before, dice = counts.objects(), seed
        local function roll(n)
            dice = (dice * 1103515245 + 12345) & 0x7fffffff
            return (dice >> 8) % n
        end
        local asked, jobs, victims = {ports.both(), ports.both()}, {}, {}
        for i = 1, 2 do jobs[i] = spawn.thread(handler, {port = asked[i]}) end
        local function arm(v)
            mach.task_set_exception_ports(v.task, ALL, asked[1 + roll(2)], 1 + roll(2), GENERAL)
            if roll(2) == 0 then
                mach.thread_set_exception_ports(v[1 + roll(2)], ALL, asked[1 + roll(2)],
                                                1 + roll(3), GENERAL)
            end
        end
        local function renew(i)
            if victims[i] then bury(victims[i]) end
            victims[i] = victim()
            arm(victims[i])
            for k = 1, 2 do mach.thread_resume(victims[i][k]) end
        end
        for i = 1, 4 do renew(i) end
        for _ = 1, 200 do
            local v, how = victims[1 + roll(4)], roll(9)
            local thread = v[1 + roll(2)]
            if how == 0 then
                mach.thread_abort(thread)
            elseif how == 1 then
                mach.thread_suspend(thread)
                mach.thread_abort(thread)
                mach.thread_resume(thread)
            elseif how == 2 then
                mach.thread_terminate(thread)
            elseif how == 3 then
                renew(1 + roll(4))
            elseif how == 4 then
                arm(v)
            elseif how == 5 and mach.thread_suspend(thread) == 0 then
                mach.thread_set_state(thread, GENERAL, {eip = CODE, uesp = STACK})
                mach.thread_resume(thread)
            elseif how == 6 then
                mach.task_suspend(v.task)
                sleep(roll(2))
                mach.task_resume(v.task)
            elseif how == 7 then
                ports.set_limit(asked[1 + roll(2)], 1 + roll(3))
            else
                mach.thread_get_state(thread, GENERAL)
            end
            if roll(3) > 0 then sleep(2) end
        end
        for i = 1, 4 do bury(victims[i]) end
        sleep(20)
        for i = 1, 2 do
            must(mach.send{remote = asked[i], disp = mach.MACH_MSG_TYPE_COPY_SEND, id = 0}, "last")
            local ok, served = jobs[i]:wait(900)
            t.eq({ok, math.type(served)}, {true, "integer"}, served)
            ports.destroy(asked[i])
        end
        sleep(20)
        t.eq(counts.objects(), before, "what the kernel has")
    end)
end
