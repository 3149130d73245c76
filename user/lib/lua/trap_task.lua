-- SPDX-License-Identifier: BSD-2-Clause
-- Tasks of machine code that make traps for us, with any arguments, by either way into the kernel.
-- What a trap does to its task, this task does not feel.

local must, ports, tasks = require "must", require "ports", require "tasks"
local memory, threads, sleep = require "memory", require "threads", require "clock".sleep

local trap_task = {}
local PAGE, CODE, STACK = 4096, 0x100000, 0x300000
local RESULT = CODE + 2 * PAGE -- the trap's result, and a word that says that it is there
local PUSHED = STACK + PAGE - 64 -- where the arguments of a trap lie

trap_task.SELF = 0x77700 -- the task's name for itself
trap_task.DATA = 0x200000 -- a page of its memory
trap_task.READ_ONLY = 0x400000 -- and one that it may not write
trap_task.NOTHING = 0x500000 -- an address where it has none

local function word(n) return string.pack("<I4", n & 0xffffffff) end

function trap_task.new()
    local task = tasks.create()
    for _, at in ipairs{CODE, RESULT, trap_task.DATA, STACK, trap_task.READ_ONLY} do
        must((mach.vm_allocate(task, at, PAGE, false)), "vm_allocate")
    end
    must(mach.vm_protect(task, trap_task.READ_ONLY, PAGE, false, mach.VM_PROT_READ), "vm_protect")
    must(mach.mach_port_insert_right(task, trap_task.SELF, task, mach.MACH_MSG_TYPE_COPY_SEND),
         "insert_right")
    return task
end

-- The code of one trap: `before`, eax = number, the trap, the result and the word that says so, for
-- ever.
local function trap_code(number, entry, before)
    local code = before .. "\xb8" .. word(number)
    if entry == "int" then
        code = code .. "\xcd\x81"
    else -- mov ecx, esp; mov edx, behind the sysenter; sysenter
        code = code .. "\x89\xe1\xba" .. word(CODE + #code + 9) .. "\x0f\x34"
    end
    return code .. "\xa3" .. word(RESULT) .. "\xc7\x05" .. word(RESULT + 4) .. word(1) .. "\xeb\xfe"
end

-- Makes a trap with these arguments in a new thread of the task; `entry`: "int", or "sysenter".
-- `stack`: the user stack pointer; `before`: code that runs first. Returns the result, or nil if
-- there is none within 20 ms: the thread waits, or the task has not survived.
function trap_task.trap(task, number, arguments, entry, stack, before)
    local words = {word(0)} -- the return address that the arguments lie above
    for i, argument in ipairs(arguments) do words[i + 1] = word(argument) end
    memory.write(PUSHED, table.concat(words), task)
    memory.write(RESULT, word(0xdeadbeef) .. word(0), task)
    memory.write(CODE, trap_code(number, entry, before or ""), task)
    local thread = threads.run(task, {eip = CODE, uesp = stack or PUSHED})
    local result
    for _ = 1, 20 do
        sleep(1)
        local kr, bytes = mach.vm_read(task, RESULT, 8)
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

-- Calls body(entry, task) for each way into the kernel with a task of its own.
function trap_task.each_entry(body)
    for _, entry in ipairs{"sysenter", "int"} do
        local task = trap_task.new()
        body(entry, task)
        tasks.terminate(task)
    end
end

return trap_task
