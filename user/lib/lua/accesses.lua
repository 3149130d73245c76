-- SPDX-License-Identifier: BSD-2-Clause
-- Threads that touch memory of a task once, and what becomes of them: the word that was read, an
-- exception, or nothing, for they wait. Each runs two instructions, the second of which is invalid, and
-- its exceptions come to a port of ours.

local must, ports, threads, memory = require "must", require "ports", require "threads", require "memory"

local accesses = {}
local PAGE = 4096
local Access = {}
Access.__index = Access

local function start(task, code)
    local a = setmetatable({task = task, page = memory.allocate(PAGE, task), port = ports.both()}, Access)
    memory.write(a.page, code .. "\x0f\x0b", task) -- ud2
    a.thread = threads.create(task)
    must(mach.thread_set_state(a.thread, mach.i386_THREAD_STATE, {eip = a.page, uesp = a.page + PAGE}),
         "thread_set_state")
    must(mach.thread_set_exception_ports(a.thread, mach.EXC_MASK_ALL, a.port, mach.EXCEPTION_STATE,
                                         mach.i386_THREAD_STATE), "thread_set_exception_ports")
    must(mach.thread_resume(a.thread), "thread_resume")
    return a
end

-- Begins to read the word at `address`; to write `word` there.
function accesses.read(task, address)
    return start(task, "\xa1" .. string.pack("<I4", address)) -- mov eax, [address]
end

function accesses.write(task, address, word)
    return start(task, "\xc7\x05" .. string.pack("<I4I4", address, word)) -- mov dword [address], word
end

-- What has become of it within `ms` (100): "done" and the word; "error", the code and the address of
-- the exception; nil: it waits.
function Access:outcome(ms)
    local kr, m = mach.receive{port = self.port, timeout = ms or 100}
    if kr ~= 0 then return nil end
    local exception, _, code, address, _, _ , state = string.unpack("<i4I4i4I4i4I4c68", m.body, 9)
    self.reply = m.remote -- not answered: the thread stays where it is
    if exception == mach.EXC_BAD_INSTRUCTION then
        return "done", (string.unpack("<I4", state, 11 * 4 + 1)) -- eax
    end
    return "error", code, address
end

-- It is over: the outcome, and the thread ends.
function Access:finish(ms)
    local result = {self:outcome(ms)}
    self:stop()
    return table.unpack(result)
end

function Access:stop()
    threads.terminate(self.thread)
    if self.reply then ports.deallocate(self.reply) end
    mach.vm_deallocate(self.task, self.page, PAGE)
    ports.destroy(self.port)
end

return accesses
