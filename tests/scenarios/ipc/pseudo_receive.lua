-- SPDX-License-Identifier: BSD-2-Clause
-- MACH_SEND_TIMED_OUT and MACH_SEND_INTERRUPTED: the message comes back as if the sender had
-- received it, so that nothing that existed only in the message is lost: moved rights are there
-- again (maybe under other names), memory sent with `deallocate` is mapped again (maybe
-- elsewhere), and the message can be sent once more as it lies there. Manual: mach_msg, "Message
-- Send".

local must, ports, memory = require "must", require "ports", require "memory"
local allocate, both, destroy = ports.allocate, ports.both, ports.destroy
local wait_until, NOTHING = ports.wait_until, ports.NOTHING

local self = mach.mach_task_self()
local RECEIVE = mach.MACH_PORT_RIGHT_RECEIVE
local MAKE_SEND, COPY_SEND, MOVE_SEND = mach.MACH_MSG_TYPE_MAKE_SEND,
    mach.MACH_MSG_TYPE_COPY_SEND, mach.MACH_MSG_TYPE_MOVE_SEND
local MAKE_ONCE, MOVE_ONCE, MOVE_RECEIVE = mach.MACH_MSG_TYPE_MAKE_SEND_ONCE,
    mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, mach.MACH_MSG_TYPE_MOVE_RECEIVE
local T_RECEIVE, T_ONCE, T_BOTH = mach.MACH_PORT_TYPE_RECEIVE, mach.MACH_PORT_TYPE_SEND_ONCE,
    mach.MACH_PORT_TYPE_SEND_RECEIVE
local TIMED_OUT, INTERRUPTED = mach.MACH_SEND_TIMED_OUT, mach.MACH_SEND_INTERRUPTED
local PAGE = 4096

-- type, user references, then of the port: send rights, send-once rights, make-send count.
local function state(name) return ports.state(name, "srights", "sorights", "mscount") end

-- A port with a full queue: send and receive right under one name, `urefs` references.
local function full_port(urefs)
    local port = both(urefs)
    ports.set_limit(port, 1)
    must(mach.send{remote = port, disp = COPY_SEND, id = 1}, "fill the queue")
    return port
end

-- Sends `fields` to a full port and gives what came back.
local function refused(t, fields)
    fields.timeout = 0
    local kr, msg = mach.send(fields)
    t.eq(kr, TIMED_OUT, "send")
    return msg
end

-- Takes the message that fills the queue off.
local function make_room(t, port)
    local kr, msg = mach.receive{port = port, timeout = 0}
    t.eq({kr, msg.id}, {0, 1}, "the first message")
end

test("A message that timed out comes back with its header as sent, not reversed.", function(t)
    local port, reply = full_port(1), both(1)
    local msg = refused(t, {remote = port, disp = COPY_SEND, local_port = reply,
                            local_disp = COPY_SEND, id = 42, body = "abcdefgh"})
    t.eq({msg.remote, msg.local_port, msg.id, msg.body, msg.size},
         {port, reply, 42, "abcdefgh", 32}, "fields")
    t.eq(msg.bits, mach.MACH_MSGH_BITS(MOVE_SEND, MOVE_SEND), "each right is the caller's to move")
    t.eq(state(port), {T_BOTH, 2, 2, 0, 1}, "the destination right was received back")
    t.eq(state(reply), {T_BOTH, 2, 1, 0, 1}, "the reply right was received back")
    destroy(port, reply)
end)

test("The destination right comes back from every disposition.", function(t)
    local port = full_port(2) -- the queued message holds one more send right
    local msg = refused(t, {remote = port, disp = MOVE_SEND})
    t.eq({msg.remote, state(port)}, {port, {T_BOTH, 2, 2, 0, 1}}, "MOVE_SEND")
    msg = refused(t, {remote = port, disp = COPY_SEND})
    t.eq({msg.remote, state(port)}, {port, {T_BOTH, 3, 2, 0, 1}}, "COPY_SEND")
    msg = refused(t, {remote = port, disp = MAKE_SEND})
    t.eq({msg.remote, state(port)}, {port, {T_BOTH, 4, 2, 0, 2}}, "MAKE_SEND")
    destroy(port)
end)

test("The last reference of a destination right moved away comes back.", function(t)
    local port = full_port(1)
    local msg = refused(t, {remote = port, disp = MOVE_SEND})
    t.eq({msg.remote, state(port)}, {port, {T_BOTH, 1, 2, 0, 1}}, "the right")
    destroy(port)
end)

test("A send-once reply right comes back under a name of its own, unused.", function(t)
    local port, reply = full_port(1), allocate(RECEIVE)
    local msg = refused(t, {remote = port, disp = COPY_SEND, local_port = reply,
                            local_disp = MAKE_ONCE})
    t.eq(msg.bits >> 8 & 0xff, MOVE_ONCE, "disposition")
    t.eq(state(msg.local_port), {T_ONCE, 1, 0, 1, 0}, "the right")
    t.eq(mach.receive{port = reply, timeout = 0}, mach.MACH_RCV_TIMED_OUT, "no notification")
    destroy(port, msg.local_port, reply)
end)

test("Rights moved into the body come back.", function(t)
    local port, a, b = full_port(1), both(1), allocate(RECEIVE)
    local once = ports.once(b)
    local msg = refused(t, {remote = port, disp = COPY_SEND,
                            ports = {{a, MOVE_SEND}, {once, MOVE_ONCE}, {0, COPY_SEND},
                                     {0xffffffff, MOVE_SEND}}})
    t.eq(msg.ports[1], {a, mach.MACH_MSG_TYPE_PORT_SEND}, "send right")
    t.eq(state(a), {T_BOTH, 1, 1, 0, 1}, "its references")
    t.eq(msg.ports[2][2], mach.MACH_MSG_TYPE_PORT_SEND_ONCE, "send-once right")
    t.eq(state(msg.ports[2][1]), {T_ONCE, 1, 0, 1, 0}, "its reference")
    t.eq({msg.ports[3][1], msg.ports[4][1]}, {0, 0xffffffff}, "null and dead")
    t.eq(mach.receive{port = b, timeout = 0}, mach.MACH_RCV_TIMED_OUT, "no notification")
    destroy(port, a, msg.ports[2][1], b)
end)

test("A moved receive right comes back with its queue; its send rights never died.", function(t)
    local port, moved = full_port(1), both(1)
    t.eq(mach.send{remote = moved, disp = COPY_SEND, id = 5}, 0, "a message in its queue")
    local msg = refused(t, {remote = port, disp = COPY_SEND, ports = {{moved, MOVE_RECEIVE}}})
    t.eq(msg.ports, {{moved, mach.MACH_MSG_TYPE_PORT_RECEIVE}}, "it joined its send right")
    t.eq(state(moved), {T_BOTH, 1, 2, 0, 0}, "state")
    local kr, queued = mach.receive{port = moved, timeout = 0}
    t.eq({kr, queued.id}, {0, 5}, "the message in its queue")
    destroy(port, moved)
end)

test("A moved receive right without send rights comes back under a new name.", function(t)
    local port, moved = full_port(1), allocate(RECEIVE)
    local msg = refused(t, {remote = port, disp = COPY_SEND, ports = {{moved, MOVE_RECEIVE}}})
    local name = msg.ports[1][1]
    t.eq(state(name), {T_RECEIVE, 0, 0, 0, 0}, "the right")
    t.eq(name ~= moved and state(moved), NOTHING, "the old name")
    destroy(port, name)
end)

test("Memory sent with deallocate is mapped again.", function(t)
    local port, address = full_port(1), memory.allocate(3 * PAGE)
    local pattern = ("tide"):rep(3 * PAGE // 4)
    memory.write(address, pattern)
    for _, copy in ipairs{mach.MACH_MSG_VIRTUAL_COPY, mach.MACH_MSG_PHYSICAL_COPY} do
        local msg = refused(t, {remote = port, disp = MOVE_SEND,
                                ool = {{addr = address, size = 3 * PAGE, copy = copy,
                                        deallocate = true}}})
        t.eq(msg.ool[1].size, 3 * PAGE, "size")
        local moved = msg.ool[1].addr
        t.ok(memory.read(moved, 3 * PAGE) == pattern, "its contents, copy option " .. copy)
        if moved ~= address then
            t.eq(mach.vm_read(self, address, 4), mach.KERN_INVALID_ADDRESS, "not at both places")
        end
        address = moved
    end
    memory.release(address, 3 * PAGE)
    destroy(port)
end)

test("Memory sent without deallocate is there twice: as it was, and as it came back.", function(t)
    local port, address = full_port(1), memory.allocate(PAGE)
    memory.write(address, "original")
    local msg = refused(t, {remote = port, disp = MOVE_SEND, ool = {{addr = address, size = 8}}})
    local back = msg.ool[1].addr
    t.ok(back ~= address, "another place")
    memory.write(address, "changed!")
    t.eq(memory.read(back, 8), "original", "what came back")
    memory.release(back, 8)
    memory.release(address, PAGE)
    destroy(port)
end)

test("An out-of-line array of rights comes back.", function(t)
    local port, a = full_port(1), both(3)
    local msg = refused(t, {remote = port, disp = MOVE_SEND, ool_ports = {{{a, 0, a}, MOVE_SEND}}})
    t.eq(msg.ool_ports, {{{a, 0, a}, mach.MACH_MSG_TYPE_PORT_SEND}}, "the array")
    t.eq(state(a), {T_BOTH, 3, 1, 0, 1}, "references")
    destroy(port, a)
end)

test("A message that came back can be sent again as it is.", function(t)
    local port, reply, moved = full_port(1), allocate(RECEIVE), both(1)
    t.eq(mach.send{remote = moved, disp = COPY_SEND, id = 6}, 0, "a message in the moved queue")
    local msg = refused(t, {remote = port, disp = MOVE_SEND, local_port = reply,
                            local_disp = MAKE_ONCE, id = 9, body = "again!!!",
                            ports = {{moved, MOVE_RECEIVE}}, ool = {{data = "out of line"}},
                            ool_ports = {{{moved, moved}, COPY_SEND}}})
    make_room(t, port)
    t.eq(mach.send{remote = msg.remote, disp = msg.bits & 0xff, local_port = msg.local_port,
                   local_disp = msg.bits >> 8 & 0xff, id = msg.id, body = msg.body,
                   ports = msg.ports, ool = msg.ool, ool_ports = msg.ool_ports}, 0, "send again")
    t.eq(state(msg.local_port), NOTHING, "the reply right went with it")
    local kr, got = mach.receive{port = port, timeout = 0}
    t.eq({kr, got.id, got.body}, {0, 9, "again!!!"}, "received")
    t.eq(got.ports, {{moved, mach.MACH_MSG_TYPE_PORT_RECEIVE}}, "the receive right")
    t.eq(got.ool, {{data = "out of line", size = 11}}, "the memory")
    t.eq(got.ool_ports, {{{moved, moved}, mach.MACH_MSG_TYPE_PORT_SEND}}, "the array")
    t.eq(mach.send{remote = got.remote, disp = MOVE_ONCE, id = 10}, 0, "the reply")
    kr, got = mach.receive{port = reply, timeout = 0}
    t.eq({kr, got.id}, {0, 10}, "received")
    destroy(port, reply, moved)
end)

test("A send that waited and timed out gives the message back as well.", function(t)
    local port, moved = full_port(1), allocate(RECEIVE)
    local kr, msg = mach.send{remote = port, disp = MOVE_SEND, timeout = 20, id = 3,
                              ports = {{moved, MOVE_RECEIVE}}}
    t.eq(kr, TIMED_OUT, "send")
    t.eq({msg.remote, msg.id, state(port)}, {port, 3, {T_BOTH, 1, 2, 0, 1}}, "header and right")
    t.eq(state(msg.ports[1][1]), {T_RECEIVE, 0, 0, 0, 0}, "the receive right")
    local _, info = mach.minato_port_info(self, port)
    t.eq({info.queue_length, info.senders}, {1, 0}, "the queue is as before")
    destroy(port, msg.ports[1][1])
end)

test("thread_abort makes a blocked send return MACH_SEND_INTERRUPTED with its message.",
function(t)
    local port, moved = full_port(1), allocate(RECEIVE)
    local job = spawn.thread(function()
        local kr, msg = mach.send{remote = args.port, disp = mach.MACH_MSG_TYPE_MOVE_SEND, id = 8,
                                  options = mach.MACH_SEND_INTERRUPT, body = "held",
                                  ports = {{args.moved, mach.MACH_MSG_TYPE_MOVE_RECEIVE}},
                                  ool = {{data = "far away", deallocate = true}}}
        return {kr = kr, remote = msg.remote, body = msg.body, id = msg.id, ports = msg.ports,
                data = msg.ool[1].data}
    end, {port = port, moved = moved})
    wait_until(port, "senders", 1)
    t.eq(state(port), {T_RECEIVE, 0, 2, 0, 1}, "the send right is in the message")
    t.eq(state(moved), NOTHING, "the receive right too")
    t.eq(mach.thread_abort(job.thread), 0, "thread_abort")
    local ok, got = job:wait(1000)
    t.eq(ok, true, "the thread's end")
    t.eq(got.kr, INTERRUPTED, "send")
    t.eq({got.remote, got.id, got.body, got.data}, {port, 8, "held", "far away"}, "the message")
    t.eq(state(port), {T_BOTH, 1, 2, 0, 1}, "the send right is back")
    t.eq(state(got.ports[1][1]), {T_RECEIVE, 0, 0, 0, 0}, "the receive right too")
    destroy(port, got.ports[1][1])
end)

test("Without MACH_SEND_INTERRUPT an aborted send is tried again by the library.", function(t)
    local port = full_port(1)
    local job = spawn.thread(function()
        return (mach.send{remote = args.port, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = 8})
    end, {port = port})
    wait_until(port, "senders", 1)
    t.eq(mach.thread_abort(job.thread), 0, "thread_abort")
    wait_until(port, "senders", 1)
    make_room(t, port)
    local ok, kr = job:wait(1000)
    t.eq({ok, kr}, {true, 0}, "the send")
    local got, msg = mach.receive{port = port, timeout = 0}
    t.eq({got, msg.id}, {0, 8}, "received")
    destroy(port)
end)
