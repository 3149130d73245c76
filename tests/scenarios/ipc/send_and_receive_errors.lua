-- SPDX-License-Identifier: BSD-2-Clause
-- What may be wrong with a call that sends and receives, while its receiver waits already: the
-- codes are those of the two calls, and what the send half has done stays done.

local must, ports = require "must", require "ports"
local memory, threads, seen = require "memory", require "threads", require "jobs".answer
local calls = require "calls"
local message, call, fields, server = calls.message, calls.call, calls.fields, calls.server
local allocate, both = ports.allocate, ports.both
local destroy, info, wait_until = ports.destroy, ports.info, ports.wait_until

local self = mach.mach_task_self()
local SET = mach.MACH_PORT_RIGHT_PORT_SET
local COPY_SEND = mach.MACH_MSG_TYPE_COPY_SEND
local MAKE_ONCE, MOVE_ONCE = mach.MACH_MSG_TYPE_MAKE_SEND_ONCE, mach.MACH_MSG_TYPE_MOVE_SEND_ONCE
local MOVE_RECEIVE = mach.MACH_MSG_TYPE_MOVE_RECEIVE
local SEND_ONCE = mach.MACH_NOTIFY_SEND_ONCE
local PAGE = 4096

test("What is wrong with the message is said, and the waiting receiver is left alone.", function(t)
    local port, reply, set, receive_only = both(), allocate(), allocate(SET), allocate()
    local job, idle = server(port), server(receive_only)
    local before = info(port)
    local bits = mach.MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE)
    local cases = {
        {mach.MACH_SEND_INVALID_HEADER, message(bits | 0x10000, port, reply, 1)},
        {mach.MACH_SEND_INVALID_HEADER, message(bits | 0x40000000, port, reply, 1)},
        {mach.MACH_SEND_INVALID_HEADER, message(MAKE_ONCE << 8, port, reply, 1)},
        {mach.MACH_SEND_INVALID_HEADER, message(COPY_SEND, port, reply, 1)},
        {mach.MACH_SEND_INVALID_HEADER, message(COPY_SEND | 0x10000, port, 0, 1)},
        {mach.MACH_SEND_INVALID_HEADER, message(COPY_SEND | MOVE_RECEIVE << 8, port, 0, 1)},
        {mach.MACH_SEND_INVALID_DEST, message(bits, 0, reply, 1)},
        {mach.MACH_SEND_INVALID_DEST, message(bits, set, reply, 1)},
        {mach.MACH_SEND_INVALID_DEST, message(bits, reply, reply, 1)},
        {mach.MACH_SEND_INVALID_DEST, message(MOVE_ONCE | MAKE_ONCE << 8, port, reply, 1)},
        {mach.MACH_SEND_INVALID_DEST, message(bits, receive_only, reply, 1)},
        {mach.MACH_SEND_INVALID_REPLY, message(bits, port, set, 1)},
        {mach.MACH_SEND_INVALID_REPLY, message(bits, port, 0x00fffe01, 1)},
        {mach.MACH_SEND_INVALID_REPLY, message(COPY_SEND | COPY_SEND << 8, port, reply, 1)},
        {mach.MACH_SEND_MSG_TOO_SMALL, message(bits, port, reply, 1) .. "x"},
        {mach.MACH_SEND_MSG_TOO_SMALL, message(bits, port, reply, 1):sub(1, 20)},
        {mach.MACH_SEND_MSG_TOO_SMALL, message(bits | mach.MACH_MSGH_BITS_COMPLEX, port, reply, 1)},
    }
    for i, case in ipairs(cases) do
        t.eq((call(case[2], reply)), case[1], "case " .. i)
        t.eq({info(port), info(reply).sorights}, {before, 0}, ("case %d: the ports"):format(i))
    end
    t.eq((call(message(bits, port, reply, 1), reply)), 0, "a good one")
    t.eq(seen(t, job).id, 1, "at the server")
    destroy(port, reply, set, receive_only)
    t.eq(seen(t, idle), {mach.MACH_RCV_PORT_DIED}, "the server without senders")
end)

test("When the receive half is wrong the message was sent all the same.", function(t)
    local port, reply, set = both(), allocate(), allocate(SET)
    must(mach.mach_port_insert_member(self, reply, set), "insert_member")
    for what, case in pairs{member = {reply, mach.MACH_RCV_IN_SET},
                            null = {0, mach.MACH_RCV_INVALID_NAME},
                            nothing = {0x00fffe01, mach.MACH_RCV_INVALID_NAME},
                            ["a send right"] = {self, mach.MACH_RCV_INVALID_NAME}} do
        local job = server(port)
        t.eq((call(message(mach.MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE), port, reply, 5), case[1])),
             case[2], what)
        t.eq(seen(t, job).id, 5, what .. ": at the server")
        local kr, msg = mach.receive{port = set, timeout = 0}
        t.eq({kr, msg.id}, {0, 105}, what .. ": the reply")
    end
    local job = server(port)
    t.eq((mach.mach_msg(message(mach.MACH_MSGH_BITS(COPY_SEND, 0), port, 0, 5), mach.MACH_SEND_MSG |
                        mach.MACH_RCV_MSG | mach.MACH_RCV_TRAILER_ELEMENTS(3), 24, 200, set, 0, 0)),
         mach.MACH_RCV_INVALID_TRAILER, "trailer elements that there are not")
    t.eq(seen(t, job).id, 5, "the server all the same")
    destroy(port, reply, set)
end)

test("A receiver that waits with too little room destroys the call, or leaves it with RCV_LARGE.",
function(t)
    local port, reply = both(), allocate()
    local job = server(port, {max = 4})
    local kr, bytes = call(message(mach.MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE), port, reply, 5,
                                   "twelve bytes"), reply)
    t.eq({kr, fields(bytes).id}, {0, SEND_ONCE}, "instead of the reply")
    t.eq(seen(t, job)[1], mach.MACH_RCV_TOO_LARGE, "the server")
    job = server(port, {max = 4, options = mach.MACH_RCV_LARGE})
    local late = spawn.thread(function()
        mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 0, tv_nsec = 20000000})
        local got, msg = mach.receive{port = args.port, timeout = 500}
        mach.send{remote = msg.remote, disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, id = 77}
        return got
    end, {port = port})
    kr, bytes = call(message(mach.MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE), port, reply, 5,
                             "twelve bytes"), reply)
    t.eq({kr, fields(bytes).id}, {0, 77}, "the reply of the thread that came later")
    t.eq(seen(t, job)[1], mach.MACH_RCV_TOO_LARGE, "the server with too little room")
    t.eq({late:wait(900)}, {true, 0}, "the other")
    destroy(port, reply)
end)

test("The caller's own buffer may be too small for the reply.", function(t)
    local port, reply = both(), allocate()
    local job = server(port)
    local bytes = message(mach.MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE), port, reply, 5, "twelve bytes")
    t.eq((mach.mach_msg(bytes, mach.MACH_SEND_MSG | mach.MACH_RCV_MSG, #bytes, 40, reply, 0, 0)),
         mach.MACH_RCV_TOO_LARGE, "call")
    t.eq({seen(t, job)[2], info(reply).queue_length, info(reply).seqno}, {0, 0, 1}, "the reply")
    destroy(port, reply)
end)

test("A receiver whose buffer cannot be written loses the call: MACH_RCV_INVALID_DATA.", function(t)
    local port, reply = both(), allocate()
    local buffer = memory.allocate(PAGE)
    must(mach.vm_protect(self, buffer, PAGE, false, mach.VM_PROT_READ), "vm_protect")
    local receiver = threads.trap_begin(25, buffer, mach.MACH_RCV_MSG, 0, 200, port, 0, 0)
    wait_until(port, "waiters", 1)
    local got, bytes = call(message(mach.MACH_MSGH_BITS(COPY_SEND, MAKE_ONCE), port, reply, 5),
                            reply)
    t.eq({got, fields(bytes).id}, {0, SEND_ONCE}, "instead of the reply")
    t.eq(threads.trap_result(receiver), mach.MACH_RCV_INVALID_DATA, "the receiver")
    destroy(port, reply)
    memory.release(buffer, PAGE)
end)
