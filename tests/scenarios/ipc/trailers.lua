-- SPDX-License-Identifier: BSD-2-Clause
-- Trailers: the kernel puts one behind every message received; how long it is and what it says is
-- the receiver's choice. Sequence numbers, the sender's token. Manual: mach_msg; message.h.

local must, ports = require "must", require "ports"
local allocate, destroy = ports.allocate, ports.destroy

local self = mach.mach_task_self()
local MAKE_SEND = mach.MACH_MSG_TYPE_MAKE_SEND
local NULL_TRAILER, SEQNO, SENDER = mach.MACH_RCV_TRAILER_NULL, mach.MACH_RCV_TRAILER_SEQNO,
    mach.MACH_RCV_TRAILER_SENDER

local function post(port, body, id)
    must(mach.send{remote = port, disp = MAKE_SEND, body = body or "", id = id or 0}, "send")
end

-- A bare receive of at most `size` bytes with a trailer of `elements`.
local function receive(port, elements, size, options)
    return mach.mach_msg("", mach.MACH_RCV_MSG | mach.MACH_RCV_TIMEOUT | (options or 0) |
                         mach.MACH_RCV_TRAILER_ELEMENTS(elements), 0, size or 200, port, 0, 0)
end

local function queue_of(port)
    local _, info = mach.minato_port_info(self, port)
    return {info.queue_length, info.seqno}
end

test("Without being asked the kernel appends an empty trailer of 8 bytes.", function(t)
    local port = allocate()
    post(port, "12345678")
    local kr, bytes = receive(port, NULL_TRAILER)
    t.eq({kr, #bytes}, {0, 40}, "result and bytes")
    t.eq({string.unpack("<I4I4", bytes, 33)}, {mach.MACH_MSG_TRAILER_FORMAT_0, 8, 41}, "trailer")
    destroy(port)
end)

test("MACH_RCV_TRAILER_SEQNO adds the sequence number: 12 bytes.", function(t)
    local port = allocate()
    for seqno = 0, 2 do
        post(port, "1234")
        local kr, bytes = receive(port, SEQNO)
        t.eq({kr, #bytes}, {0, 40}, "result and bytes")
        t.eq({string.unpack("<I4I4I4", bytes, 29)}, {mach.MACH_MSG_TRAILER_FORMAT_0, 12, seqno, 41},
             "trailer")
    end
    destroy(port)
end)

test("MACH_RCV_TRAILER_SENDER adds the sender's token: 20 bytes.", function(t)
    local port = allocate()
    local kr, token = mach.task_info(self, mach.TASK_SECURITY_TOKEN)
    t.eq(kr, 0, "task_info")
    post(port)
    local bytes
    kr, bytes = receive(port, SENDER)
    t.eq({kr, #bytes}, {0, 44}, "result and bytes")
    t.eq({string.unpack("<I4I4I4I4I4", bytes, 25)},
         {mach.MACH_MSG_TRAILER_FORMAT_0, 20, 0, token.val[1], token.val[2], 45}, "trailer")
    destroy(port)
end)

test("The sender's token is that of the task that sent the message.", function(t)
    local port = allocate()
    local _, mine = mach.task_info(self, mach.TASK_SECURITY_TOKEN)
    local job = spawn.task(function()
        mach.send{remote = args.port, body = "hello!!!"}
        local _, token = mach.task_info(mach.mach_task_self(), mach.TASK_SECURITY_TOKEN)
        return token.val
    end, {}, {port = port})
    local kr, msg = mach.receive{port = port, timeout = 900,
                                 options = mach.MACH_RCV_TRAILER_ELEMENTS(SENDER)}
    local ok, token = job:wait(900)
    t.eq({kr, ok}, {0, true}, "receive, and the child's end")
    t.eq(msg.sender, token, "token")
    t.ok(token[1] ~= mine.val[1], ("%d is not our own %d"):format(token[1], mine.val[1]))
    t.eq(token[2], 0, "second word")
    destroy(port)
end)

test("The kernel's own messages have the token {0, 1}.", function(t)
    local port = allocate()
    local once = ports.once(port)
    destroy(once) -- makes the kernel send a notification
    local got, msg = mach.receive{port = port, timeout = 0,
                                  options = mach.MACH_RCV_TRAILER_ELEMENTS(SENDER)}
    t.eq({got, msg.id, msg.sender}, {0, mach.MACH_NOTIFY_SEND_ONCE, {0, 1}}, "notification")
    destroy(port)
end)

test("Sequence numbers count the messages taken off, whoever asks for them.", function(t)
    local port = allocate()
    for id = 1, 4 do post(port, "", id) end
    receive(port, NULL_TRAILER)
    receive(port, SENDER)
    local _, msg = mach.receive{port = port, timeout = 0}
    t.eq({msg.id, msg.seqno}, {3, 2}, "the third message")
    _, msg = mach.receive{port = port, timeout = 0}
    t.eq({msg.id, msg.seqno}, {4, 3}, "the fourth message")
    t.eq(queue_of(port), {0, 4}, "queue and next number")
    destroy(port)
end)

test("mach_port_set_seqno sets the next number, which goes round after 2^32 - 1.", function(t)
    local port = allocate()
    t.eq(mach.mach_port_set_seqno(self, port, 0xfffffffe), 0, "set_seqno")
    for _, want in ipairs{0xfffffffe, 0xffffffff, 0, 1} do
        post(port)
        local _, msg = mach.receive{port = port, timeout = 0}
        t.eq(msg.seqno, want, "number")
    end
    destroy(port)
end)

test("MACH_RCV_INVALID_TRAILER: unknown format or more elements than there are; nothing is taken.",
function(t)
    local port = allocate()
    post(port)
    for n = 1, 15 do
        t.eq(mach.receive{port = port, timeout = 0, options = mach.MACH_RCV_TRAILER_TYPE(n)},
             mach.MACH_RCV_INVALID_TRAILER, "format " .. n)
        if n > SENDER then
            t.eq(receive(port, n), mach.MACH_RCV_INVALID_TRAILER, "elements " .. n)
        end
    end
    t.eq(queue_of(port), {1, 0}, "the message is still there")
    destroy(port)
end)

test("The buffer needs room for the trailer that is asked for, and no more.", function(t)
    local port = allocate()
    local size = {[NULL_TRAILER] = 8, [SEQNO] = 12, [SENDER] = 20}
    for elements = NULL_TRAILER, SENDER do
        post(port, "datadata")
        for less = 1, 8 do
            t.eq(receive(port, elements, 32 + size[elements] - less, mach.MACH_RCV_LARGE),
                 mach.MACH_RCV_TOO_LARGE, ("elements %d, %d bytes less"):format(elements, less))
        end
        t.eq(receive(port, elements, 32 + size[elements], mach.MACH_RCV_LARGE), 0,
             ("elements %d, exactly"):format(elements))
    end
    destroy(port)
end)

test("Nothing is written behind the trailer.", function(t)
    local port = allocate()
    post(port, "abcd")
    local filler = ("\xee"):rep(100)
    local kr, bytes = mach.mach_msg(filler, mach.MACH_RCV_MSG | mach.MACH_RCV_TIMEOUT |
                                    mach.MACH_RCV_TRAILER_ELEMENTS(SEQNO), 0, 100, port, 0, 0)
    t.eq({kr, #bytes}, {0, 40}, "received")
    post(port, "abcd")
    local _, small = mach.mach_msg(filler, mach.MACH_RCV_MSG | mach.MACH_RCV_TIMEOUT |
                                   mach.MACH_RCV_LARGE, 0, 32, port, 0, 0)
    t.eq(small:sub(33), filler:sub(33), "behind the header and trailer of a message too large")
    destroy(port)
end)
