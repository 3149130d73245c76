-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 30
-- Letting much memory go takes long; others run meanwhile. Contracts: vm_deallocate,
-- task_terminate.

local must, ports, tasks = require "must", require "ports", require "tasks"
local memory, clock = require "memory", require "clock"

local PAGE, MANY = 4096, 8192 -- pages: 32 MiB
local MOST_MS = 4

-- How much longer than asked an urgent task sleeps at most while `work` runs, in ms.
local function longest_delay(work)
    local stop, ready = ports.both(), ports.both()
    local child = spawn.task(function()
        local clock, threads = require "clock", require "threads"
        local longest = 0
        collectgarbage("stop") -- that takes long itself
        mach.send{remote = args.ready, disp = mach.MACH_MSG_TYPE_COPY_SEND}
        threads.under(mach.POLICY_RR, 40, function()
            while mach.receive{port = args.stop, timeout = 0} ~= 0 do
                local before = clock.now()
                clock.sleep(1)
                longest = math.max(longest, clock.now() - before - 1)
            end
        end)
        return math.floor(longest * 1000)
    end, nil, {ready = ready, stop = {stop, mach.MACH_MSG_TYPE_MOVE_RECEIVE}})
    must((mach.receive{port = ready, timeout = 2000}), "ready")
    clock.sleep(10)
    work()
    must(mach.send{remote = stop, disp = mach.MACH_MSG_TYPE_COPY_SEND}, "stop")
    local _, longest = child:wait(5000)
    ports.destroy(stop, ready)
    return longest / 1000
end
-- A task that has written to so many pages itself, and stands still; where they are.
local function filled(pages)
    local task = tasks.create()
    local code = memory.allocate(2 * PAGE, task)
    local address = memory.allocate(pages * PAGE, task)
    memory.write(code, "\xbf" .. string.pack("<I4", address)    --    mov edi, address
        .. "\xb9" .. string.pack("<I4", pages)                  --    mov ecx, pages
        .. "\xff\x07"                                           -- 1: inc dword [edi]
        .. "\x81\xc7\x00\x10\x00\x00"                           --    add edi, 4096
        .. "\xe2\xf6"                                           --    loop 1b
        .. "\xeb\xfe", task)                                    --    jmp $
    local kr, thread = mach.thread_create_running(task, mach.i386_THREAD_STATE,
                                                  {eip = code, uesp = code + 2 * PAGE})
    must(kr, "thread_create_running")
    while memory.word(address + (pages - 1) * PAGE, task) == 0 do clock.sleep(1) end
    must(mach.task_suspend(task), "suspend")
    ports.deallocate(thread)
    return task, address
end
test("vm_deallocate of 32 MiB holds no more urgent thread up.", function(t)
    local task, address = filled(MANY)
    local delay = longest_delay(function() memory.release(address, MANY * PAGE, task) end)
    t.ok(delay < MOST_MS, ("%.3f ms"):format(delay))
    t.eq((mach.vm_read(task, address, 1)), mach.KERN_INVALID_ADDRESS, "all is gone")
    tasks.terminate(task)
end)

test("The end of a task with 32 MiB holds no more urgent thread up.", function(t)
    local task = filled(MANY)
    local delay = longest_delay(function() tasks.terminate(task) end)
    t.ok(delay < MOST_MS, ("%.3f ms"):format(delay))
end)

test("The end of a task with 30,000 names holds no more urgent thread up.", function(t)
    local task = tasks.create()
    for i = 1, 30000 do mach.mach_port_allocate(task, mach.MACH_PORT_RIGHT_RECEIVE) end
    local delay = longest_delay(function() tasks.terminate(task) end)
    t.ok(delay < MOST_MS, ("%.3f ms"):format(delay))
end)

test("A task that is about to end can be asked for nothing more.", function(t)
    local task = filled(MANY)
    local stop, ready = ports.both(), ports.both()
    local child = spawn.task(function()
        local clock, task = require "clock", args.task
        local codes = {}
        local function note(kr) codes[kr] = (codes[kr] or 0) + 1 end
        mach.send{remote = args.ready, disp = mach.MACH_MSG_TYPE_COPY_SEND}
        require "threads".under(mach.POLICY_RR, 40, function()
            while mach.receive{port = args.stop, timeout = 0} ~= 0 do
                note((mach.vm_allocate(task, 0, 4096, true)))
                note((mach.thread_create(task)))
                note((mach.task_info(task, mach.TASK_BASIC_INFO)))
                note((mach.mach_port_allocate(task, mach.MACH_PORT_RIGHT_RECEIVE)))
                note(mach.task_resume(task))
                note(mach.task_terminate(task))
                clock.sleep(1)
            end
        end)
        return codes
    end, nil, {task = task, ready = ready, stop = {stop, mach.MACH_MSG_TYPE_MOVE_RECEIVE}})
    must((mach.receive{port = ready, timeout = 2000}), "ready")
    must(mach.task_terminate(task), "terminate")
    must(mach.send{remote = stop, disp = mach.MACH_MSG_TYPE_COPY_SEND}, "stop")
    local fine, codes = child:wait(5000)
    t.ok(fine, "the child's end")
    for kr in pairs(codes) do
        t.ok(kr == 0 or kr == mach.KERN_INVALID_ARGUMENT or kr == mach.KERN_INVALID_TASK or
             kr == mach.MACH_SEND_INVALID_DEST or kr == mach.KERN_FAILURE, mach.error_string(kr))
    end
    ports.destroy(ready, stop)
    ports.deallocate(task)
end)

test("Nor while it ends, from the beginning of that.", function(t)
    local task = filled(MANY)
    for i = 1, 10000 do mach.mach_port_allocate(task, mach.MACH_PORT_RIGHT_RECEIVE) end
    local begin, stop, ready = ports.both(), ports.both(), ports.both()
    local child = spawn.task(function()
        local clock, task, fine, refused = require "clock", args.task, 0, 0
        mach.send{remote = args.ready, disp = mach.MACH_MSG_TYPE_COPY_SEND}
        require "threads".under(mach.POLICY_RR, 40, function()
            mach.receive{port = args.begin}
            clock.sleep(3) -- by then it has begun
            while mach.receive{port = args.stop, timeout = 0} ~= 0 do
                clock.sleep(1)
                if mach.mach_port_allocate(task, mach.MACH_PORT_RIGHT_RECEIVE) == 0 then
                    fine = fine + 1
                else
                    refused = refused + 1
                end
            end
        end)
        return {fine = fine, refused = refused}
    end, nil, {task = task, ready = ready, begin = {begin, mach.MACH_MSG_TYPE_MOVE_RECEIVE},
               stop = {stop, mach.MACH_MSG_TYPE_MOVE_RECEIVE}})
    must((mach.receive{port = ready, timeout = 2000}), "ready")
    collectgarbage("stop") -- that takes long itself
    must(mach.send{remote = begin, disp = mach.MACH_MSG_TYPE_COPY_SEND}, "begin")
    must(mach.task_terminate(task), "terminate")
    must(mach.send{remote = stop, disp = mach.MACH_MSG_TYPE_COPY_SEND}, "stop")
    collectgarbage("restart")
    local _, asked = child:wait(5000)
    t.eq(asked.fine, 0, "names made in a task that ends")
    t.ok(asked.refused > 3, ("asked %d times"):format(asked.refused))
    ports.destroy(begin, ready, stop)
    ports.deallocate(task)
end)

test("A task that ends itself, and frees memory in two threads meanwhile, is gone.", function(t)
    local child = spawn.task(function()
        local memory, self = require "memory", mach.mach_task_self()
        local size = 16 << 20
        local address, bytes = memory.allocate(size), ("x"):rep(65536)
        for i = 0, size - 1, 65536 do memory.write(address + i, bytes) end
        for i = 0, size - 1, 4096 do mach.vm_read_overwrite(self, address + i, 4, address + i) end
        for _ = 1, 2 do
            spawn.thread(function()
                mach.vm_deallocate(mach.mach_task_self(), args.at, args.size)
            end, {at = address, size = size})
        end
        mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 0, tv_nsec = 1000000})
        mach.task_terminate(self)
    end)
    t.eq({child:wait(5000)}, {false, "task died before its code had ended"})
end)
