-- SPDX-License-Identifier: BSD-2-Clause
-- Receiving with mach_msg_overwrite: scatter lists as tables, and what came as one.

local scatter = {}
local HEADER, BASE = 24, 28

-- The first bytes of a receive buffer. Each entry is {memory = address, size = bytes},
-- {ports = address, count = n}, {fresh = true} (memory) or {fresh_ports = true} for the kernel to choose
-- the place, {port = true}, or {raw = 12 bytes}; copy and type override what follows from that.
function scatter.list(entries)
    local parts = {("\0"):rep(HEADER), string.pack("<I4", entries.count or #entries)}
    for _, e in ipairs(entries) do
        local where = e.memory or e.ports
        local kind = e.type or (e.ports or e.fresh_ports) and mach.MACH_MSG_OOL_PORTS_DESCRIPTOR
            or e.port and mach.MACH_MSG_PORT_DESCRIPTOR or mach.MACH_MSG_OOL_DESCRIPTOR
        local copy = e.copy or (where and mach.MACH_MSG_OVERWRITE or mach.MACH_MSG_ALLOCATE)
        parts[#parts + 1] = e.raw
            or string.pack("<I4I4BBBB", where or 0, e.size or e.count or 0, 0, copy, 0, kind)
    end
    return table.concat(parts)
end

-- What lies in a receive buffer: the header's fields, and per descriptor {type, name, disposition} or
-- {type, address, size or count, deallocate, copy}; body is the rest, trailer {type, size, seqno, sender}
-- as far as it is there.
function scatter.message(bytes)
    local bits, size, remote, here, _, id = string.unpack("<I4I4I4I4I4i4", bytes)
    local m, at = {bits = bits, size = size, remote = remote, local_port = here, id = id}, HEADER + 1
    m.descriptors = {}
    if bits & mach.MACH_MSGH_BITS_COMPLEX ~= 0 then
        local count = string.unpack("<I4", bytes, at)
        at = at + 4
        for i = 1, count do
            local first, second, third, copy, fourth, kind = string.unpack("<I4I4BBBB", bytes, at)
            if kind == mach.MACH_MSG_PORT_DESCRIPTOR then
                m.descriptors[i] = {kind, first, fourth}
            else
                m.descriptors[i] = {kind, first, second, third, copy}
            end
            at = at + 12
        end
    end
    m.body = bytes:sub(at, size)
    if #bytes >= size + 12 then
        local kind, length, seqno = string.unpack("<I4I4I4", bytes, size + 1)
        m.trailer = {kind, length, length >= 12 and seqno or nil}
    end
    return m
end

-- Receives from `port` with such a list, waiting `ms` (100 unless told); gives the code and the message.
function scatter.receive(port, entries, more)
    more = more or {}
    local list = type(entries) == "string" and entries or scatter.list(entries)
    local option = mach.MACH_RCV_MSG | mach.MACH_RCV_TIMEOUT | mach.MACH_RCV_OVERWRITE
        | mach.MACH_RCV_TRAILER_ELEMENTS(1) | (more.options or 0)
    local kr, bytes = mach.mach_msg_overwrite("", option, 0, more.size or 4096, port, more.ms or 100,
                                              more.notify or 0, list, more.list_size or #list)
    return kr, #bytes >= HEADER and scatter.message(bytes) or nil
end

return scatter
