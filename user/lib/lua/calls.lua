-- SPDX-License-Identifier: BSD-2-Clause
-- Calls that send and receive in one go, byte by byte, and a server that waits for one.

local must, wait_until = require "must", require "ports".wait_until

local calls = {}

-- A message byte by byte, and the call that sends it and receives on `port` without a time limit.
function calls.message(bits, remote, reply, id, body)
    return string.pack("<I4I4I4I4I4i4", bits, 0, remote, reply, 0, id) .. (body or "")
end

function calls.call(bytes, port)
    return mach.mach_msg(bytes, mach.MACH_SEND_MSG | mach.MACH_RCV_MSG |
                         mach.MACH_RCV_TRAILER_ELEMENTS(1), #bytes, 1000, port, 0, 0)
end

function calls.fields(bytes)
    local bits, size, remote, port, _, id = string.unpack("<I4I4I4I4I4i4", bytes)
    return {bits = bits, size = size, remote = remote, port = port, id = id,
            body = bytes:sub(25, size), seqno = string.unpack("<I4", bytes, size + 9)}
end

-- The kernel's short way writes where memory is already: a message to itself brings this thread's
-- buffer there. Else it would be chance which way the first call goes.
function calls.touch_buffer()
    local self = mach.mach_task_self()
    local kr, port = mach.mach_port_allocate(self, mach.MACH_PORT_RIGHT_RECEIVE)
    must(kr, "mach_port_allocate")
    must(mach.send{remote = port, disp = mach.MACH_MSG_TYPE_MAKE_SEND}, "send")
    must((mach.receive{port = port, timeout = 0}), "receive")
    must(mach.mach_port_destroy(self, port), "mach_port_destroy")
end

-- A thread that receives one message on `port`, replies with its id + 100, its body and a table of
-- what it saw as its answer. `options`, `max` and `notify` are those of mach.receive.
function calls.server(port, options)
    options = options or {}
    options.port = port
    local job = spawn.thread(function()
        require "calls".touch_buffer()
        local kr, msg = mach.receive{port = args.port, options = args.options, max = args.max,
                                     notify = args.notify}
        if kr ~= 0 then return {kr} end
        local _, info = mach.minato_port_info(mach.mach_task_self(), msg.remote)
        local seen = {kr, bits = msg.bits, id = msg.id, port = msg.local_port, seqno = msg.seqno,
                      body = msg.body, sender = msg.sender, reply = info and info.type,
                      name = msg.remote}
        if msg.remote ~= 0 then
            local disposition = msg.bits & 0xff
            seen[2] = mach.send{remote = msg.remote, disp = disposition, id = msg.id + 100,
                                body = msg.body}
        end
        return seen
    end, options)
    wait_until(port, "waiters", 1)
    return job
end

return calls
