-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 30
-- Traps with pointers to nowhere, into the kernel, to read-only memory, across the end of the
-- address space; a stack that is not there. The traps are executed by threads of machine code in a
-- task of their own, which must outlive them: a bad pointer is a return code, never a fault. Every
-- trap with every argument is in bad_traps.lua. Contracts: mach_traps.h; entry:
-- kernel/x86/entry.asm.

local must, ports, counts = require "must", require "ports", require "counts"
local trap_task = require "trap_task"
local trap, each_entry = trap_task.trap, trap_task.each_entry
local THEIR_TASK, DATA = trap_task.SELF, trap_task.DATA

local PAGE = 4096
local INVALID_ADDRESS = mach.KERN_INVALID_ADDRESS
local BAD = {{"null", 0}, {"page 0", 8}, {"nothing mapped", trap_task.NOTHING},
             {"end of the user's", 0xbffffffe}, {"the kernel", 0xc0000000},
             {"kernel text", 0xc0100000}, {"the last word", 0xfffffffc},
             {"the last byte", 0xffffffff}, {"read-only", trap_task.READ_ONLY}}

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

test("Arguments may end with the address space, not behind it: KERN_INVALID_ADDRESS.", function(t)
    local top, DEST = 0xc0000000, mach.MACH_SEND_INVALID_DEST
    each_entry(function(entry, task)
        must((mach.vm_allocate(task, top - PAGE, PAGE, false)), "vm_allocate")
        for _, case in ipairs{{33, 1, DEST}, {38, 3, DEST}, {65, 4, DEST}, {25, 7, 0}, {64, 11, DEST}} do
            local number, words, want = table.unpack(case)
            local stack = top - 4 * (words + 1) -- they lie above a return address
            local what = ("%s, trap %d: "):format(entry, number)
            t.eq(trap(task, number, {}, entry, stack), want, what .. "all are there")
            for beyond = 1, 4 do
                t.eq(trap(task, number, {}, entry, stack + beyond), INVALID_ADDRESS,
                     what .. beyond .. " bytes too high")
            end
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
                [65] = {name, DATA + 8, PAGE, 1}, [66] = {name, DATA, PAGE},
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
