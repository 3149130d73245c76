-- SPDX-License-Identifier: BSD-2-Clause
-- A pager in Lua: the messages of the kernel taken apart, and short forms of what answers them. The
-- calls are mach.memory_object_*; memory_object.defs and mach.defs have the contracts.

local must, ports = require "must", require "ports"

local pager = {}
local this_task = mach.mach_task_self()
local PAGE = 4096
local Pager = {}
Pager.__index = Pager

-- The words of each message behind its ports and data.
local messages = {
    [2200] = {"init", "page_size"},
    [2201] = {"terminate"},
    [2203] = {"data_request", "offset", "length", "access"},
    [2204] = {"data_unlock", "offset", "length", "access"},
    [2206] = {"lock_completed", "offset", "length"},
    [2207] = {"supply_completed", "offset", "length", "result", "error_offset"},
    [2208] = {"data_return", "offset", "size", "dirty", "kernel_copy"},
    [2210] = {"synchronize", "offset", "length", "flags"},
    [2213] = {"change_completed", "flavor"},
}

-- A memory object that nothing has been said about; `port` is its name, with both rights.
function pager.new() return setmetatable({port = ports.both(), controls = {}}, Pager) end

-- The same in another thread of this task, which goes on with the object.
function pager.attach(port, control)
    return setmetatable({port = port, control = control, controls = {[control] = true}}, Pager)
end

-- Takes a message apart. The control port's name has one reference however many messages bring it.
function Pager:decode(m)
    local names = messages[m.id]
    if not names then return {what = "message " .. m.id, id = m.id} end
    local control, disposition = table.unpack(m.ports[1])
    local message = {what = names[1], control = control}
    if m.body ~= "" then
        local words = {string.unpack("<" .. ("I4"):rep(#names - 1), m.body, 9)}
        for i = 2, #names do message[names[i]] = words[i - 1] end
    end
    if m.ool and m.ool[1] then message.data = m.ool[1].data end
    if disposition == mach.MACH_MSG_TYPE_PORT_SEND then
        if self.controls[control] then ports.deallocate(control) end
        self.controls[control] = true
        self.control = control
    end
    return message
end

-- The next message to the memory object, or to `port`, within `ms` (100); nil: there is none.
function Pager:receive(ms, port)
    local kr, m = mach.receive{port = port or self.port, timeout = ms or 100}
    return kr == 0 and self:decode(m) or nil
end

-- The next message as a list: what it is, then its words. A failure of the test if there is none.
function Pager:expect(t, what, ms)
    local m = self:receive(ms)
    t.eq(m and m.what, what, "the pager's next message")
    return m or {}
end

-- Says what the object is to be like (memory_object_attr_info); fields left out are what they are at
-- the start.
function Pager:ready(a, reply)
    a = a or {}
    return mach.memory_object_change_attributes(
        self.control, mach.MEMORY_OBJECT_ATTRIBUTE_INFO,
        {copy_strategy = a.copy_strategy or mach.MEMORY_OBJECT_COPY_DELAY,
         cluster_size = a.cluster_size or PAGE, may_cache_object = a.may_cache_object,
         temporary = a.temporary}, reply or 0)
end

function Pager:limit(ms)
    return mach.memory_object_change_attributes(
        self.control, mach.MINATO_MEMORY_OBJECT_LIMIT_INFO, {limit = ms}, 0)
end

-- Maps the object and answers init; returns the address.
function Pager:start(t, task, size, attributes)
    local address = self:map(task, {size = size})
    self:expect(t, "init")
    must(self:ready(attributes), "change_attributes")
    return address
end

-- vm_map of it, with what is not given as plain as possible; the address.
function Pager:map(task, a)
    a = a or {}
    local kr, address = mach.vm_map(task or this_task, a.at or 0, a.size or 4 * PAGE, 0, not a.at, self.port,
                                    a.offset or 0, a.copy or false,
                                    a.protection or mach.VM_PROT_DEFAULT, a.max or mach.VM_PROT_ALL,
                                    a.inheritance or mach.VM_INHERIT_COPY)
    must(kr, "vm_map")
    return address
end

-- The data of page `i` from page `from` on are `words`, one for each page, all through it.
function pager.pages(...)
    local all = {}
    for i, word in ipairs{...} do all[i] = string.pack("<I4", word):rep(PAGE // 4) end
    return table.concat(all)
end

function Pager:supply(offset, data, a)
    a = a or {}
    return mach.memory_object_data_supply(self.control, offset, data, a.lock or 0, a.precious or false,
                                          a.reply or 0)
end

-- Supplies memory as it lies, which `give` gives away; `reply` is a name with a receive right. mach.send
-- would put the descriptors the other way round.
function Pager:supply_memory(offset, address, size, give, reply)
    local bits = mach.MACH_MSGH_BITS(mach.MACH_MSG_TYPE_COPY_SEND, 0) | mach.MACH_MSGH_BITS_COMPLEX
    local message = string.pack("<I4I4I4I4I4i4 I4 I4I4BBBB I4I4I2BB I8 I4I4I4I4",
        bits, 76, self.control, 0, 0, 2093, 2,
        address, size, give and 1 or 0, mach.MACH_MSG_VIRTUAL_COPY, 0, mach.MACH_MSG_OOL_DESCRIPTOR,
        reply or 0, 0, 0, mach.MACH_MSG_TYPE_MAKE_SEND_ONCE, mach.MACH_MSG_PORT_DESCRIPTOR,
        0, offset, size, 0, 0)
    return (mach.mach_msg(message, mach.MACH_SEND_MSG, #message, 0, 0, 0, 0))
end

function Pager:lock(offset, size, a)
    return mach.memory_object_lock_request(self.control, offset, size, a.give or 0, a.flush or false,
                                           a.lock or mach.VM_PROT_NO_CHANGE, a.reply or 0)
end

-- Everything goes; the kernel's control port with it.
function Pager:close()
    mach.mach_port_destroy(mach.mach_task_self(), self.port)
    for name in pairs(self.controls) do mach.mach_port_destroy(mach.mach_task_self(), name) end
end

return pager
