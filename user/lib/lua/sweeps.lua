-- SPDX-License-Identifier: BSD-2-Clause
-- Threads of machine code that go over memory page by page, as a program would that uses much of it:
-- each page has a number in its first and its last word, which is written, or compared with what is there.

local must, ports, threads, memory = require "must", require "ports", require "threads", require "memory"

local sweeps = {}
local PAGE = 4096
local LAST = string.pack("<I4", PAGE - 4)

-- esi: where; edi: the way to the next page; eax: the number; edx: what the next has more; ecx: how many
-- pages are left.
local NEXT = "\x01\xd0\x01\xfe\x49\x75" -- add eax, edx; add esi, edi; dec ecx; jnz
local END = "\x0f\x0b" -- ud2
local WRITE = "\x89\x06\x89\x86" .. LAST .. NEXT .. "\xf1" .. END
local CHECK = "\x39\x06\x75\x0f\x39\x86" .. LAST .. "\x75\x07" .. NEXT .. "\xed" .. END

local Sweep = {}
Sweep.__index = Sweep

-- Starts a thread of `task` over `count` pages from `address` on, which are numbered from `first` on; with
-- `backward` it begins at the last. Fields of the result: thread.
local function start(task, code, address, count, first, backward, still)
    local s = setmetatable({task = task, page = memory.allocate(2 * PAGE, task), port = ports.both()},
                           Sweep)
    local last = count - 1
    memory.write(s.page, code, task)
    s.thread = threads.create(task)
    must(mach.thread_set_state(s.thread, mach.i386_THREAD_STATE,
                               {eip = s.page, uesp = s.page + 2 * PAGE, ecx = count,
                                esi = backward and address + last * PAGE or address,
                                edi = (still and 0 or backward and -PAGE or PAGE) & 0xffffffff,
                                eax = (backward and first + last or first) & 0xffffffff,
                                edx = (backward and -1 or 1) & 0xffffffff}), "thread_set_state")
    must(mach.thread_set_exception_ports(s.thread, mach.EXC_MASK_ALL, s.port, mach.EXCEPTION_STATE,
                                         mach.i386_THREAD_STATE), "thread_set_exception_ports")
    must(mach.thread_resume(s.thread), "thread_resume")
    return s
end

function sweeps.start_write(task, address, count, first, backward)
    return start(task, WRITE, address, count, first, backward)
end

function sweeps.start_check(task, address, count, first, backward)
    return start(task, CHECK, address, count, first, backward)
end

-- Writes to one page on and on.
function sweeps.start_use(task, address)
    return start(task, WRITE, address, 0x7fffffff, 0, false, true)
end

-- What has become of it within `ms`: "done" and the number of pages left (0, unless one had another
-- number); "error", the code and the address of an exception; nil: it is still at it. It then ends.
function Sweep:finish(ms)
    local kr, m = mach.receive{port = self.port, timeout = ms or 60000}
    local result = {}
    if kr == 0 then
        local exception, _, code, at, _, _, state = string.unpack("<i4I4i4I4i4I4c68", m.body, 9)
        result = exception == mach.EXC_BAD_INSTRUCTION
                 and {"done", (string.unpack("<I4", state, 10 * 4 + 1))} or {"error", code, at}
    end
    threads.terminate(self.thread)
    if kr == 0 then ports.deallocate(m.remote) end -- not answered: the thread has stayed where it was
    mach.vm_deallocate(self.task, self.page, 2 * PAGE)
    ports.destroy(self.port)
    return table.unpack(result)
end

function sweeps.write(...) return sweeps.start_write(...):finish() end
function sweeps.check(...) return sweeps.start_check(...):finish() end

return sweeps
