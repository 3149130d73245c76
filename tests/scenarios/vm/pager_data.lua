-- SPDX-License-Identifier: BSD-2-Clause
-- External pagers: from vm_map to the data. Contracts: mach.defs, memory_object.defs; docs/vm.md.

local must, pager, accesses = require "must", require "pager", require "accesses"
local with_task = require "tasks".with

local self = mach.mach_task_self()
local PAGE = 4096
local RW = mach.VM_PROT_READ | mach.VM_PROT_WRITE

test("vm_map sends memory_object_init and does not wait; a fault waits until change_attributes.",
function(t)
    with_task(function(task)
        local p = pager.new()
        local at = p:map(task, {size = 4 * PAGE})
        local m = p:expect(t, "init")
        t.eq(m.page_size, PAGE, "page size")
        local a = accesses.read(task, at + PAGE)
        t.eq({a:outcome(), p:receive(0)}, {}, "it waits, and nothing is asked")
        t.eq(p:ready(), 0)
        m = p:expect(t, "data_request")
        t.eq({m.offset, m.length, m.access}, {PAGE, PAGE, mach.VM_PROT_READ})
        t.eq(p:supply(PAGE, pager.pages(77)), 0)
        t.eq({a:finish()}, {"done", 77})
        p:close()
    end)
end)

test("data_unavailable gives zeros, data_error an exception with KERN_MEMORY_ERROR or the pager's code.",
function(t)
    with_task(function(task)
        local p = pager.new()
        local at = p:start(t, task, 8 * PAGE)
        local a = accesses.read(task, at)
        local m = p:expect(t, "data_request")
        t.eq(mach.memory_object_data_unavailable(m.control, m.offset, m.length), 0)
        t.eq({a:finish()}, {"done", 0}, "unavailable")
        for _, case in ipairs{{mach.KERN_FAILURE, mach.KERN_MEMORY_ERROR}, {0x04000001, 0x04000001},
                              {-305, mach.KERN_MEMORY_ERROR}} do
            a = accesses.write(task, at + PAGE, 5)
            m = p:expect(t, "data_request")
            t.eq(m.access, RW, "access")
            t.eq(mach.memory_object_data_error(m.control, m.offset, m.length, case[1]), 0)
            t.eq({a:finish()}, {"error", case[2], at + PAGE}, "reason " .. case[1])
        end
        p:close()
    end)
end)

test("The last vm_deallocate returns what was modified, then terminates; vm_map begins anew.", function(t)
    with_task(function(task)
        local p = pager.new()
        local at = p:start(t, task, 4 * PAGE)
        for i = 0, 1 do
            local a = accesses[i == 0 and "read" or "write"](task, at + i * PAGE, 99)
            local m = p:expect(t, "data_request")
            t.eq(p:supply(m.offset, pager.pages(i)), 0)
            t.eq((a:finish()), "done")
        end
        local control = p.control
        must(mach.vm_deallocate(task, at, 4 * PAGE), "vm_deallocate")
        local m = p:expect(t, "data_return")
        t.eq({m.offset, m.dirty, m.kernel_copy, (string.unpack("<I4I4", m.data))}, {PAGE, 1, 0, 99})
        m = p:expect(t, "terminate")
        t.eq(m.control, control, "the same port")
        t.eq(mach.mach_port_mod_refs(self, control, mach.MACH_PORT_RIGHT_RECEIVE, -1), 0, "ours now")
        p:map(task)
        m = p:expect(t, "init")
        t.ok(m.control ~= control, "another control port")
        p:close()
    end)
end)
