-- SPDX-License-Identifier: BSD-2-Clause
-- Memory of a task, this one unless another is given: made, given up, written, read. A call that
-- fails is a Lua error.

local must = require "must"

local memory = {}
local self = mach.mach_task_self()

-- Zero-filled memory anywhere.
function memory.allocate(size, task)
    local kr, address = mach.vm_allocate(task or self, 0, size, true)
    must(kr, "vm_allocate")
    return address
end

function memory.release(address, size, task)
    must(mach.vm_deallocate(task or self, address, size), "vm_deallocate")
end

function memory.write(address, bytes, task)
    must(mach.vm_write(task or self, address, bytes), "vm_write")
end

function memory.read(address, size, task)
    local kr, bytes = mach.vm_read(task or self, address, size)
    must(kr, "vm_read")
    return bytes
end

-- This task waits for no pager any more: what it has now is wired, and what comes will be. `host`: the
-- privileged port.
function memory.wire_all(host)
    local at, kr, start, size, info = 0
    must(mach.task_wire(self, true), "task_wire")
    while true do
        kr, start, size, info = mach.vm_region(self, at, mach.VM_REGION_BASIC_INFO)
        if kr ~= 0 then return end
        if info.protection ~= 0 and size < 0x200000 then -- Lua's heap is larger, and has been used where it is
            must(mach.vm_wire(host, self, start, size, info.protection), "vm_wire")
        end
        at = start + size
    end
end

-- The 32-bit word at an address.
function memory.word(address, task)
    return (string.unpack("<I4", memory.read(address, 4, task)))
end

return memory
