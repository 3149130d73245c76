-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 30
-- Traps with pointers to nowhere, into the kernel, to read-only memory, across the end of the
-- address space; trap numbers that do not exist; a stack that is not there. The traps are executed
-- by threads of machine code in a task of their own, which must outlive them: a bad pointer is a
-- return code, never a fault. Contracts: mach_traps.h; entry: kernel/x86/entry.asm.

local must, ports, counts = require "must", require "ports", require "counts"
local tasks, threads, sleep = require "tasks", require "threads", require "clock".sleep

local PAGE, CODE, DATA, STACK, READ_ONLY = 4096, 0x100000, 0x200000, 0x300000, 0x400000
local PUSHED = STACK + PAGE - 64 -- where the arguments of a trap lie
local INVALID_ADDRESS = mach.KERN_INVALID_ADDRESS
local BAD = {{"null", 0}, {"page 0", 8}, {"nothing mapped", 0x500000}, {"end of the user's",
                                                                        0xbffffffe},
             {"the kernel", 0xc0000000}, {"kernel text", 0xc0100000}, {"the last word", 0xfffffffc},
             {"the last byte", 0xffffffff}, {"read-only", READ_ONLY}}

local function word(n) return string.pack("<I4", n & 0xffffffff) end

local THEIR_TASK = 0x77700 -- the task's name for itself

-- A task with pages for code, data and stack, and one that is read-only.
local function new_task()
    local task = tasks.create()
    for _, at in ipairs{CODE, DATA, STACK, READ_ONLY} do
        must((mach.vm_allocate(task, at, PAGE, false)), "vm_allocate")
    end
    must(mach.vm_protect(task, READ_ONLY, PAGE, false, mach.VM_PROT_READ), "vm_protect")
    must(mach.mach_port_insert_right(task, THEIR_TASK, task, mach.MACH_MSG_TYPE_COPY_SEND),
         "insert_right")
    return task
end

-- Executes a trap with these arguments in a new thread of the task, by sysenter or by int 0x81;
-- returns what is in eax then, or nil if the task has not survived. `stack`: the user stack
-- pointer.
local function trap(task, number, arguments, entry, stack)
    local words = {word(0)} -- the return address that the arguments lie above
    for i, argument in ipairs(arguments) do words[i + 1] = word(argument) end
    must(mach.vm_write(task, PUSHED, table.concat(words)), "vm_write")
    must(mach.vm_write(task, DATA, word(0xdeadbeef)), "vm_write")
    local code = "\xb8" .. word(number)                                       -- mov eax, number
    if entry == "int" then
        code = code .. "\xcd\x81"
    else
        -- mov ecx, esp; mov edx, behind the sysenter; sysenter
        code = code .. "\x89\xe1\xba" .. word(CODE + 14) .. "\x0f\x34"
        assert(#code == 14)
    end
    code = code .. "\xa3" .. word(DATA) .. "\xc7\x05" .. word(DATA + 4) .. word(1) .. "\xeb\xfe"
    must(mach.vm_write(task, DATA + 4, word(0)), "vm_write")
    must(mach.vm_write(task, CODE, code), "vm_write")
    local thread = threads.run(task, {eip = CODE, uesp = stack or PUSHED})
    local result
    for _ = 1, 20 do
        sleep(1)
        local kr, bytes = mach.vm_read(task, DATA, 8)
        if kr ~= 0 then break end -- the task has ended
        local value, done = string.unpack("<I4I4", bytes)
        if done == 1 then
            result = value
            break
        end
    end
    mach.thread_terminate(thread) -- if its task has survived
    ports.deallocate(thread)
    return result
end

local function each_entry(body)
    for _, entry in ipairs{"sysenter", "int"} do
        local task = new_task()
        body(entry, task)
        tasks.terminate(task)
    end
end

test("mach_msg to or from a bad buffer is MACH_SEND_INVALID_DATA or MACH_RCV_INVALID_DATA.",
function(t)
    each_entry(function(entry, task)
        local port = ports.allocate(mach.MACH_PORT_RIGHT_RECEIVE, task)
        for _, bad in ipairs(BAD) do
            local what = entry .. ", " .. bad[1]
            if bad[1] ~= "read-only" then
                t.eq(trap(task, 25, {bad[2], mach.MACH_SEND_MSG, 24, 0, 0, 0, 0}, entry),
                     mach.MACH_SEND_INVALID_DATA, "send: " .. what)
            end
            -- A message that waits is destroyed when it cannot be given.
            local kr, right = mach.mach_port_extract_right(task, port, mach.MACH_MSG_TYPE_MAKE_SEND)
            must(kr, "extract_right")
            must(mach.send{remote = right, disp = mach.MACH_MSG_TYPE_MOVE_SEND, timeout = 0},
                 "send")
            t.eq(trap(task, 25, {bad[2], mach.MACH_RCV_MSG | mach.MACH_RCV_TIMEOUT, 0, 64, port, 0,
                                 0}, entry),
                 mach.MACH_RCV_INVALID_DATA, "receive: " .. what)
            local _, info = mach.minato_port_info(task, port)
            t.eq(info.queue_length, 0, "queue: " .. what)
        end
    end)
end)

test("A message whose memory, or array of ports, is nowhere is MACH_SEND_INVALID_MEMORY.",
function(t)
    local port = ports.both()
    for _, bad in ipairs(BAD) do
        if bad[2] >= 0xbffff000 or bad[2] < PAGE then -- the others may be mapped in our own task
            t.eq((mach.send{remote = port, disp = mach.MACH_MSG_TYPE_COPY_SEND, timeout = 0,
                            ool = {{addr = bad[2], size = 100}}}), mach.MACH_SEND_INVALID_MEMORY,
                 "memory: " .. bad[1])
            local message = string.pack("<I4I4I4I4I4I4I4I4I4BBBB",
                                        mach.MACH_MSGH_BITS_COMPLEX | mach.MACH_MSG_TYPE_COPY_SEND,
                                        40, port,
                                        0, 0, 0, 1, bad[2], 3, 0, 1, mach.MACH_MSG_TYPE_COPY_SEND,
                                        mach.MACH_MSG_OOL_PORTS_DESCRIPTOR)
            t.eq((mach.mach_msg(message, mach.MACH_SEND_MSG | mach.MACH_SEND_TIMEOUT, #message, 0,
                                0, 0, 0)),
                 mach.MACH_SEND_INVALID_MEMORY, "array: " .. bad[1])
        end
    end
    t.eq(ports.info(port).queue_length, 0, "queue")
    ports.destroy(port)
end)

test("vm_allocate and vm_map with a bad place for the address are KERN_INVALID_ADDRESS: no memory "
     .. "is left.", function(t)
    each_entry(function(entry, task)
        local before = counts.task(task)
        for _, bad in ipairs(BAD) do
            local what = entry .. ", " .. bad[1]
            t.eq(trap(task, 65, {THEIR_TASK, bad[2], PAGE, 1}, entry), INVALID_ADDRESS,
                 "vm_allocate " .. what)
            t.eq(trap(task, 64, {THEIR_TASK, bad[2], PAGE, 0, 1, 0, 0, 0, 3, 7, 1}, entry),
                 INVALID_ADDRESS,
                 "vm_map " .. what)
        end
        t.eq(counts.task(task).virtual_pages, before.virtual_pages, "memory")
    end)
end)

test("mach_port_allocate with a bad place for the name is KERN_INVALID_ADDRESS: no right is left.",
function(t)
    each_entry(function(entry, task)
        local before = counts.task(task)
        for _, bad in ipairs(BAD) do
            for right = 1, 4 do
                local want = right == mach.MACH_PORT_RIGHT_SEND_ONCE and mach.KERN_INVALID_VALUE
                    or INVALID_ADDRESS
                t.eq(trap(task, 72, {THEIR_TASK, right, bad[2]}, entry), want,
                     ("right %d, %s, %s"):format(right, entry, bad[1]))
            end
        end
        t.eq(counts.task(task).names_total, before.names_total, "names")
    end)
end)

test("clock_sleep with a bad place for the wake-up time is KERN_INVALID_ADDRESS at once.",
function(t)
    each_entry(function(entry, task)
        for _, bad in ipairs(BAD) do
            if bad[2] ~= 0 then -- null: the time is not wanted
                t.eq(trap(task, 62, {0, 1, 1000, 0, bad[2]}, entry), INVALID_ADDRESS,
                     entry .. ", " .. bad[1])
            end
        end
    end)
end)

test("A trap number that does not exist is KERN_INVALID_ARGUMENT, and the task goes on.",
function(t)
    each_entry(function(entry, task)
        for _, number in ipairs{0, 1, 24, 30, 35, 37, 63, 67, 75, 76, 100, 1000, 0x7fffffff,
                                0x80000000,
                                0xffffffff, 0xffffffe3} do
            t.eq(trap(task, number, {0, 0, 0, 0, 0, 0, 0}, entry), mach.KERN_INVALID_ARGUMENT,
                 ("%s, number 0x%x"):format(entry, number))
        end
    end)
end)

test("A stack pointer to nowhere: arguments cannot be fetched, which is KERN_INVALID_ADDRESS.",
function(t)
    each_entry(function(entry, task)
        for _, stack in ipairs{0, 4, 0x500000, 0xbfffffe0, 0xbffffffc, 0xc0000000, 0xc0100000,
                               0xfffffff0,
                               0xffffffff} do
            for _, number in ipairs{25, 64, 65, 72, 38} do
                t.eq(trap(task, number, {}, entry, stack), INVALID_ADDRESS,
                     ("%s, stack 0x%x, trap %d"):format(entry, stack, number))
            end
            -- A trap without arguments does not look at the stack: mach_task_self.
            local name = trap(task, 28, {}, entry, stack)
            t.eq({mach.mach_port_type(task, name or 0)}, {0, mach.MACH_PORT_TYPE_SEND},
                 ("%s, stack 0x%x, mach_task_self"):format(entry, stack))
        end
    end)
end)

test("Traps whose first name is no local object of the kind are MACH_SEND_INVALID_DEST.",
function(t)
    each_entry(function(entry, task)
        local port = ports.allocate(mach.MACH_PORT_RIGHT_RECEIVE, task)
        local dead = ports.allocate(mach.MACH_PORT_RIGHT_DEAD_NAME, task)
        for _, name in ipairs{0, 1, 0xffffffff, 0x80000000, 0x123400, port, dead} do
            for number, arguments in pairs{
                [33] = {name}, [34] = {name}, [36] = {name}, [38] = {name, 0, 0},
                [65] = {name, DATA + 8, PAGE, 1}, [66] = {name, CODE, PAGE},
                [72] = {name, 1, DATA + 8},
                [73] = {name, THEIR_TASK}, [74] = {name, 0x5500, THEIR_TASK, 19},
                [64] = {name, DATA + 8, PAGE, 0, 1, 0, 0, 0, 3, 7, 1},
            } do
                t.eq(trap(task, number, arguments, entry), mach.MACH_SEND_INVALID_DEST,
                     ("%s, trap %d, name 0x%x"):format(entry, number, name))
            end
        end
        -- A task is no semaphore, a task's port names no thread.
        for _, number in ipairs{33, 34, 36} do
            t.eq(trap(task, number, {THEIR_TASK}, entry), mach.MACH_SEND_INVALID_DEST,
                 "trap " .. number)
        end
    end)
end)

test("The same traps with good pointers do what they are for.", function(t)
    each_entry(function(entry, task)
        t.eq(trap(task, 65, {THEIR_TASK, DATA + 8, PAGE, 1}, entry), 0, "vm_allocate")
        t.eq(trap(task, 72, {THEIR_TASK, 1, DATA + 8}, entry), 0, "mach_port_allocate")
        local _, bytes = mach.vm_read(task, DATA + 8, 4)
        t.eq({mach.mach_port_type(task, (string.unpack("<I4", bytes)))},
             {0, mach.MACH_PORT_TYPE_RECEIVE},
             "the right")
        t.eq(trap(task, 62, {0, 1, 0, 1000, DATA + 8}, entry), 0, "clock_sleep")
        t.eq(trap(task, 25, {0, 0, 0, 0, 0, 0, 0}, entry), 0, "mach_msg that does nothing")
    end)
end)
