-- SPDX-License-Identifier: BSD-2-Clause
--
-- The contract of the module `mach` for scripts, third part: mach.send, mach.receive, mach.rpc and
-- the bare mach.mach_msg.

local self = mach.mach_task_self()
local RECEIVE, SEND = mach.MACH_PORT_RIGHT_RECEIVE, mach.MACH_PORT_RIGHT_SEND

local function port_new()
    local kr, p = mach.mach_port_allocate(self, RECEIVE)
    assert(kr == 0)
    return p
end

local function port_with_send()
    local p = port_new()
    mach.mach_port_insert_right(self, p, p, mach.MACH_MSG_TYPE_MAKE_SEND)
    return p
end

local function destroy(...)
    for _, name in ipairs {...} do mach.mach_port_destroy(self, name) end
end

local function type_of(name)
    return select(2, mach.mach_port_type(self, name))
end

test("send{remote, disp, id, body} arrives as msg: id bits size remote local_port body ports ool \
ool_ports seqno", function(t)
    local p = port_new()
    t.eq({mach.send{remote = p, disp = mach.MACH_MSG_TYPE_MAKE_SEND, id = 77,
                    body = "twelve bytes"}}, {0})
    local kr, msg = mach.receive{port = p, timeout = 0}
    t.eq(kr, 0)
    t.eq(msg, {id = 77, bits = mach.MACH_MSGH_BITS(0, mach.MACH_MSG_TYPE_PORT_SEND), size = 36,
               remote = 0, local_port = p, body = "twelve bytes", ports = {}, ool = {},
               ool_ports = {}, seqno = 0})
    destroy(p)
end)

test("local_port with local_disp is the reply port of the receiver's msg.remote", function(t)
    local p, reply = port_with_send(), port_new()
    t.eq((mach.send{remote = p, disp = mach.MACH_MSG_TYPE_COPY_SEND, local_port = reply,
                    local_disp = mach.MACH_MSG_TYPE_MAKE_SEND_ONCE}), 0)
    local kr, msg = mach.receive{port = p, timeout = 0}
    t.eq({kr, type_of(msg.remote)}, {0, mach.MACH_PORT_TYPE_SEND_ONCE})
    t.eq((mach.send{remote = msg.remote, disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, id = 5}), 0)
    local kr, answer = mach.receive{port = reply, timeout = 0}
    t.eq({kr, answer.id}, {0, 5})
    destroy(p, reply)
end)

test("names and bits of a msg are unsigned, its id signed, to the ends of their ranges", function(t)
    local high = 0xf0000001
    t.eq(mach.mach_port_allocate_name(self, RECEIVE, high), 0)
    for _, id in ipairs {-0x80000000, -1, 0x7fffffff} do
        t.eq((mach.send{remote = high, disp = mach.MACH_MSG_TYPE_MAKE_SEND, id = id,
                        ports = {{high, mach.MACH_MSG_TYPE_MAKE_SEND}}}), 0)
        local kr, msg = mach.receive{port = high, timeout = 0}
        t.eq({kr, msg.id, msg.local_port, msg.ports[1][1]}, {0, id, high, high})
        t.eq(msg.bits, mach.MACH_MSGH_BITS_COMPLEX |
             mach.MACH_MSGH_BITS(0, mach.MACH_MSG_TYPE_PORT_SEND))
    end
    destroy(high)
end)

test("a message received from a set has the member as local_port", function(t)
    local p, q = port_with_send(), port_with_send()
    local _, set = mach.mach_port_allocate(self, mach.MACH_PORT_RIGHT_PORT_SET)
    for _, member in ipairs {p, q} do mach.mach_port_move_member(self, member, set) end
    mach.send{remote = q}
    local kr, msg = mach.receive{port = set, timeout = 0}
    t.eq({kr, msg.local_port}, {0, q})
    destroy(p, q, set)
end)

test("ports = {{name, disp}, ...} travel, and arrive in the same shape", function(t)
    local p, a, b = port_with_send(), port_new(), port_with_send()
    local ports = {{a, mach.MACH_MSG_TYPE_MAKE_SEND}, {b, mach.MACH_MSG_TYPE_COPY_SEND},
                   {a, mach.MACH_MSG_TYPE_MAKE_SEND_ONCE}}
    t.eq((mach.send{remote = p, ports = ports, body = "four"}), 0)
    local kr, msg = mach.receive{port = p, timeout = 0}
    t.eq({kr, #msg.ports, msg.body}, {0, 3, "four"})
    t.eq({msg.ports[1], msg.ports[2]},
         {{a, mach.MACH_MSG_TYPE_PORT_SEND}, {b, mach.MACH_MSG_TYPE_PORT_SEND}})
    t.eq(msg.ports[3][2], mach.MACH_MSG_TYPE_PORT_SEND_ONCE)
    t.eq(type_of(msg.ports[3][1]), mach.MACH_PORT_TYPE_SEND_ONCE)
    mach.mach_port_deallocate(self, msg.ports[3][1])
    destroy(p, a, b)
end)

test("ool = {{data}} arrives as {data, size}, and the module releases the memory", function(t)
    local p = port_with_send()
    local _, before = mach.minato_task_counts(self)
    for _, data in ipairs {"small", ("x"):rep(10000), ""} do
        t.eq((mach.send{remote = p, ool = {{data = data}, {data = data, deallocate = true}}}), 0)
        local kr, msg = mach.receive{port = p, timeout = 0}
        t.eq({kr, msg.ool}, {0, {{data = data, size = #data}, {data = data, size = #data}}})
    end
    local _, after = mach.minato_task_counts(self)
    t.eq(after.virtual_pages, before.virtual_pages)
    destroy(p)
end)

test("ool = {{addr, size, copy, deallocate}} sends the script's memory", function(t)
    local p = port_with_send()
    for _, copy in ipairs {mach.MACH_MSG_PHYSICAL_COPY, mach.MACH_MSG_VIRTUAL_COPY} do
        local _, addr = mach.vm_allocate(self, 0, 8192, true)
        mach.vm_write(self, addr, "somewhere")
        t.eq((mach.send{remote = p, ool = {{addr = addr, size = 9, copy = copy}}}), 0)
        t.eq((mach.send{remote = p, ool = {{addr = addr, size = 8192, copy = copy,
                                            deallocate = true}}}), 0)
        t.eq((mach.vm_read(self, addr, 1)), mach.KERN_INVALID_ADDRESS, "deallocate took it")
        t.eq(select(2, mach.receive{port = p}).ool, {{data = "somewhere", size = 9}})
        t.eq(#select(2, mach.receive{port = p}).ool[1].data, 8192)
    end
    destroy(p)
end)

test("with raw = true out-of-line memory comes as {addr, size}, the script's to release",
     function(t)
    local p = port_with_send()
    mach.send{remote = p, ool = {{data = "raw memory"}}}
    local kr, msg = mach.receive{port = p, raw = true}
    t.eq({kr, msg.ool[1].size, msg.ool[1].data}, {0, 10, nil})
    t.eq({mach.vm_read(self, msg.ool[1].addr, 10)}, {0, "raw memory"})
    t.eq(mach.vm_deallocate(self, msg.ool[1].addr, 10), 0)
    destroy(p)
end)

test("ool_ports = {{{names...}, disp}} arrive in the same shape", function(t)
    local p, a, b = port_with_send(), port_new(), port_new()
    t.eq((mach.send{remote = p, ool_ports = {{{a, b, a}, mach.MACH_MSG_TYPE_MAKE_SEND}}}), 0)
    local kr, msg = mach.receive{port = p, timeout = 0}
    t.eq({kr, msg.ool_ports}, {0, {{{a, b, a}, mach.MACH_MSG_TYPE_PORT_SEND}}})
    t.eq({mach.mach_port_get_refs(self, a, SEND)}, {0, 2})
    t.eq((mach.send{remote = p, ool_ports = {{{}, mach.MACH_MSG_TYPE_MAKE_SEND}}}), 0)
    t.eq(select(2, mach.receive{port = p}).ool_ports, {{{}, mach.MACH_MSG_TYPE_PORT_SEND}})
    destroy(p, a, b)
end)

test("the lists of a msg have the shape of the send fields: they can be sent on as they are",
     function(t)
    local p, a = port_with_send(), port_with_send()
    t.eq((mach.send{remote = p, id = 5, body = "body", ports = {{a, mach.MACH_MSG_TYPE_COPY_SEND}},
                    ool = {{data = "some"}, {data = ""}},
                    ool_ports = {{{a, a}, mach.MACH_MSG_TYPE_COPY_SEND}}}), 0)
    local _, first = mach.receive{port = p, timeout = 0}
    t.eq((mach.send{remote = p, id = first.id, body = first.body, ports = first.ports,
                    ool = first.ool, ool_ports = first.ool_ports}), 0)
    local _, second = mach.receive{port = p, timeout = 0}
    first.seqno = 1
    t.eq(second, first)
    destroy(p, a)
end)

test("a timeout sets the TIMEOUT option, of a send and of a receive", function(t)
    local p = port_with_send()
    mach.mach_port_set_attributes(self, p, mach.MACH_PORT_LIMITS_INFO, {mpl_qlimit = 1})
    t.eq((mach.receive{port = p, timeout = 5}), mach.MACH_RCV_TIMED_OUT)
    t.eq((mach.send{remote = p, timeout = 0}), 0)
    t.eq((mach.send{remote = p, timeout = 5}), mach.MACH_SEND_TIMED_OUT)
    destroy(p)
end)

test("options are or-ed in: RCV_LARGE, a trailer with the sender, RCV_INTERRUPT", function(t)
    local p = port_with_send()
    mach.send{remote = p, body = "sixteen bytes..."}
    local kr, msg = mach.receive{port = p, max = 8, options = mach.MACH_RCV_LARGE, timeout = 0}
    t.eq({kr, msg.size}, {mach.MACH_RCV_TOO_LARGE, 40})
    local sender = mach.MACH_RCV_TRAILER_ELEMENTS(mach.MACH_RCV_TRAILER_SENDER)
    local kr, msg = mach.receive{port = p, max = 16, options = sender, timeout = 0}
    t.eq({kr, msg.body, msg.seqno, #msg.sender}, {0, "sixteen bytes...", 0, 2})
    local waiter = spawn.thread([[
        return (mach.receive{port = args.p, options = mach.MACH_RCV_INTERRUPT})
    ]], {p = p})
    t.eq({waiter:wait(50)}, {nil, "timeout"})
    mach.thread_abort(waiter.thread)
    t.eq({waiter:wait()}, {true, mach.MACH_RCV_INTERRUPTED})
    destroy(p)
end)

test("an interrupted receive goes on without RCV_INTERRUPT, as with the library's mach_msg",
     function(t)
    local p = port_with_send()
    local waiter = spawn.thread([[
        local kr, msg = mach.receive{port = args.p}
        return {kr, msg.id}
    ]], {p = p})
    t.eq({waiter:wait(50)}, {nil, "timeout"})
    mach.thread_abort(waiter.thread)
    t.eq({waiter:wait(20)}, {nil, "timeout"})
    mach.send{remote = p, id = 3}
    t.eq({waiter:wait()}, {true, {0, 3}})
    destroy(p)
end)

test("max counts descriptors and body; header and trailer are extra", function(t)
    local p, a = port_with_send(), port_new()
    local function try(fields, max)
        fields.remote = p
        t.eq((mach.send(fields)), 0)
        return (mach.receive{port = p, max = max, timeout = 0})
    end
    t.eq(try({body = "12345678"}, 8), 0)
    t.eq(try({body = "12345678"}, 7), mach.MACH_RCV_TOO_LARGE)
    t.eq(try({}, 0), 0)
    local ports = {{a, mach.MACH_MSG_TYPE_MAKE_SEND}}
    t.eq(try({body = "1234", ports = ports}, 4 + 12 + 4), 0)
    t.eq(try({body = "1234", ports = ports}, 4 + 12 + 3), mach.MACH_RCV_TOO_LARGE)
    destroy(p, a)
end)

test("a body is sent as given: one that is no multiple of 4 gets MSG_TOO_SMALL", function(t)
    local p = port_with_send()
    t.eq((mach.send{remote = p, body = "seven b"}), mach.MACH_SEND_MSG_TOO_SMALL)
    t.eq((mach.receive{port = p, timeout = 0}), mach.MACH_RCV_TIMED_OUT)
    t.eq((mach.send{remote = p, body = ("x"):rep(65536)}), mach.MACH_SEND_TOO_LARGE)
    destroy(p)
end)

test("the seqno trailer is always asked for", function(t)
    local p = port_with_send()
    for i = 0, 3 do
        mach.send{remote = p}
        t.eq(select(2, mach.receive{port = p}).seqno, i)
    end
    destroy(p)
end)

test("after RCV_TOO_LARGE msg is the header with the true size", function(t)
    local p = port_with_send()
    mach.send{remote = p, id = 9, body = ("x"):rep(100)}
    local kr, msg = mach.receive{port = p, max = 4, timeout = 0}
    t.eq({kr, msg.size, msg.body}, {mach.MACH_RCV_TOO_LARGE, 124, nil})
    t.eq((mach.receive{port = p, timeout = 0}), mach.MACH_RCV_TIMED_OUT,
         "without RCV_LARGE it is gone")
    destroy(p)
end)

test("after a send error msg is the message as the call left it", function(t)
    local p = port_new()
    local kr, msg = mach.send{remote = 0x7777700, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = 4,
                              body = "same",
                              ports = {{p, mach.MACH_MSG_TYPE_MAKE_SEND}}, ool = {{data = "data"}},
                              ool_ports = {{{p}, mach.MACH_MSG_TYPE_MAKE_SEND}}}
    t.eq({kr, msg.id, msg.body, msg.remote}, {mach.MACH_SEND_INVALID_DEST, 4, "same", 0x7777700})
    t.eq({msg.ports, msg.ool, msg.ool_ports},
         {{{p, mach.MACH_MSG_TYPE_MAKE_SEND}}, {{data = "data", size = 4}},
          {{{p}, mach.MACH_MSG_TYPE_MAKE_SEND}}})
    t.eq(type_of(p), mach.MACH_PORT_TYPE_RECEIVE, "no right was made")
    destroy(p)
end)

test("after SEND_TIMED_OUT msg is the pseudo-received message, its memory released", function(t)
    local p, a = port_with_send(), port_new()
    mach.mach_port_set_attributes(self, p, mach.MACH_PORT_LIMITS_INFO, {mpl_qlimit = 1})
    mach.send{remote = p}
    local _, before = mach.minato_task_counts(self)
    for _, deallocate in ipairs {false, true} do
        local kr, msg = mach.send{remote = p, timeout = 0, id = 8,
                                  ports = {{a, mach.MACH_MSG_TYPE_MAKE_SEND}},
                                  ool = {{data = ("y"):rep(5000), deallocate = deallocate}},
                                  ool_ports = {{{a}, mach.MACH_MSG_TYPE_MAKE_SEND}}}
        t.eq({kr, msg.id}, {mach.MACH_SEND_TIMED_OUT, 8})
        t.eq({msg.ports, msg.ool, msg.ool_ports},
             {{{a, mach.MACH_MSG_TYPE_MOVE_SEND}}, {{data = ("y"):rep(5000), size = 5000}},
              {{{a}, mach.MACH_MSG_TYPE_MOVE_SEND}}})
    end
    t.eq({mach.mach_port_get_refs(self, a, SEND)}, {0, 4}, "the rights came back as send rights")
    local _, after = mach.minato_task_counts(self)
    t.eq(after.virtual_pages, before.virtual_pages)
    destroy(p, a)
end)

test("what came back after SEND_TIMED_OUT is the script's: a receive right, memory given as addr",
     function(t)
    local p, a = port_with_send(), port_new()
    mach.mach_port_set_attributes(self, p, mach.MACH_PORT_LIMITS_INFO, {mpl_qlimit = 1})
    mach.send{remote = p}
    local _, addr = mach.vm_allocate(self, 0, 4096, true)
    mach.vm_write(self, addr, "moved")
    local kr, msg = mach.send{remote = p, timeout = 0, body = "body",
                              ports = {{a, mach.MACH_MSG_TYPE_MOVE_RECEIVE}},
                              ool = {{addr = addr, size = 4096, deallocate = true}}}
    t.eq({kr, msg.remote, msg.body, msg.ports[1][2]},
         {mach.MACH_SEND_TIMED_OUT, p, "body", mach.MACH_MSG_TYPE_PORT_RECEIVE})
    t.eq(type_of(msg.ports[1][1]), mach.MACH_PORT_TYPE_RECEIVE)
    t.eq({msg.ool[1].size, msg.ool[1].data}, {4096, nil})
    t.eq({mach.vm_read(self, msg.ool[1].addr, 5)}, {0, "moved"})
    t.eq(mach.vm_deallocate(self, msg.ool[1].addr, 4096), 0)
    destroy(p, msg.ports[1][1])
end)

test("an interrupted send goes on with all that it carries, unless SEND_INTERRUPT is an option",
     function(t)
    local p, a = port_with_send(), port_new()
    local code = [[
        local kr, msg = mach.send{remote = args.p, options = args.options, body = "body",
                                  ports = {{args.a, mach.MACH_MSG_TYPE_MAKE_SEND}},
                                  ool = {{data = "kept"}, {data = "given", deallocate = true}},
                                  ool_ports = {{{args.a}, mach.MACH_MSG_TYPE_MAKE_SEND}}}
        return {kr, msg and {msg.body, msg.ports, msg.ool, msg.ool_ports}}
    ]]
    local whole = {"body", {{a, mach.MACH_MSG_TYPE_PORT_SEND}},
                   {{data = "kept", size = 4}, {data = "given", size = 5}},
                   {{{a}, mach.MACH_MSG_TYPE_PORT_SEND}}}
    mach.mach_port_set_attributes(self, p, mach.MACH_PORT_LIMITS_INFO, {mpl_qlimit = 1})
    mach.send{remote = p}
    local sender = spawn.thread(code, {p = p, a = a})
    for _ = 1, 2 do
        t.eq({sender:wait(50)}, {nil, "timeout"})
        mach.thread_abort(sender.thread)
    end
    t.eq({sender:wait(50)}, {nil, "timeout"})
    mach.receive{port = p}
    t.eq({sender:wait()}, {true, {0}})
    local kr, msg = mach.receive{port = p, timeout = 0}
    t.eq({kr, {msg.body, msg.ports, msg.ool, msg.ool_ports}}, {0, whole})
    mach.send{remote = p}
    local sender = spawn.thread(code, {p = p, a = a, options = mach.MACH_SEND_INTERRUPT})
    t.eq({sender:wait(50)}, {nil, "timeout"})
    mach.thread_abort(sender.thread)
    t.eq({sender:wait()}, {true, {mach.MACH_SEND_INTERRUPTED, whole}})
    t.eq({mach.mach_port_get_refs(self, a, SEND)}, {0, 4})
    destroy(p, a)
end)

test("the script's own memory stays its own after a send error", function(t)
    local p = port_with_send()
    local _, addr = mach.vm_allocate(self, 0, 4096, true)
    local kr, msg = mach.send{remote = 0x7777700, disp = mach.MACH_MSG_TYPE_COPY_SEND,
                              ool = {{addr = addr, size = 4096, deallocate = true}}}
    t.eq({kr, msg.ool}, {mach.MACH_SEND_INVALID_DEST, {{addr = addr, size = 4096}}})
    t.eq((mach.vm_read(self, addr, 4096)), 0)
    mach.vm_deallocate(self, addr, 4096)
    destroy(p)
end)

test("rpc makes a reply port, sends, receives the reply and leaves nothing", function(t)
    local p = port_with_send()
    local server = spawn.thread([[
        local kr, msg = mach.receive{port = args.p}
        mach.send{remote = msg.remote, disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, id = msg.id + 100,
                  body = msg.body:upper()}
    ]], {p = p})
    local kr, reply = mach.rpc{remote = p, id = 1, body = "question"}
    t.eq({kr, reply.id, reply.body}, {0, 101, "QUESTION"})
    server:wait()
    destroy(p)
end)

test("rpc{reply_timeout = ms} bounds the wait for the reply, timeout the one for room", function(t)
    local p = port_with_send()
    mach.mach_port_set_attributes(self, p, mach.MACH_PORT_LIMITS_INFO, {mpl_qlimit = 1})
    t.eq((mach.rpc{remote = p, timeout = 7, reply_timeout = 5}), mach.MACH_RCV_TIMED_OUT)
    t.eq((mach.rpc{remote = p, timeout = 5, reply_timeout = 5}), mach.MACH_SEND_TIMED_OUT)
    t.eq((mach.rpc{remote = 0, reply_timeout = 5}), mach.MACH_SEND_INVALID_DEST)
    destroy(p)
end)

-- A thread that answers one message on p: with `code`, where msg is the message and reply(fields)
-- sends an answer.
local function answerer(p, code)
    return spawn.thread([[
        local kr, msg = mach.receive{port = args.p}
        local function reply(fields)
            fields.remote, fields.disp = msg.remote, mach.MACH_MSGH_BITS_REMOTE_MASK & msg.bits
            return (mach.send(fields))
        end
    ]] .. code, {p = p})
end

test("rpc receives as receive does: max, raw, options", function(t)
    local p = port_with_send()
    local server = answerer(p, "return reply{ool = {{data = 'raw memory'}}}")
    local kr, reply = mach.rpc{remote = p, raw = true}
    t.eq({kr, reply.seqno, reply.ool[1].size, reply.ool[1].data}, {0, 0, 10, nil})
    t.eq({mach.vm_read(self, reply.ool[1].addr, 10)}, {0, "raw memory"})
    t.eq(mach.vm_deallocate(self, reply.ool[1].addr, 10), 0)
    t.eq({server:wait()}, {true, 0})
    server = answerer(p, "return reply{body = ('x'):rep(100)}")
    local sender = mach.MACH_RCV_TRAILER_ELEMENTS(mach.MACH_RCV_TRAILER_SENDER)
    local kr, reply = mach.rpc{remote = p, max = 100, options = sender}
    t.eq({kr, #reply.body, #reply.sender}, {0, 100, 2})
    server:wait()
    server = answerer(p, "return reply{body = ('x'):rep(100)}")
    local kr, reply = mach.rpc{remote = p, max = 99}
    t.eq({kr, reply.size, reply.body}, {mach.MACH_RCV_TOO_LARGE, 124, nil})
    server:wait()
    destroy(p)
end)

test("rpc with a local_port of the script's receives the reply there, and the port stays",
     function(t)
    local p, mine = port_with_send(), port_new()
    local server = answerer(p, "return {msg.bits & 0xff, reply{id = 3}}")
    local kr, reply = mach.rpc{remote = p, local_port = mine}
    t.eq({kr, reply.id, reply.local_port}, {0, 3, mine})
    t.eq({server:wait()}, {true, {mach.MACH_MSG_TYPE_PORT_SEND_ONCE, 0}})
    t.eq(type_of(mine), mach.MACH_PORT_TYPE_RECEIVE)
    server = answerer(p, "return {msg.bits & 0xff, reply{id = 4}}")
    local kr, reply = mach.rpc{remote = p, local_disp = mach.MACH_MSG_TYPE_MAKE_SEND}
    t.eq({kr, reply.id}, {0, 4}, "with a reply port that is made: local_disp is as given")
    local ok, value = server:wait()
    t.eq(value[1], mach.MACH_MSG_TYPE_PORT_SEND)
    destroy(p, mine)
end)

test("a server that drops the reply right ends the rpc: the reply is the send-once notification",
     function(t)
    local p = port_with_send()
    local server = answerer(p, "mach.mach_port_deallocate(mach.mach_task_self(), msg.remote)")
    local kr, reply = mach.rpc{remote = p}
    t.eq({kr, reply.id}, {0, mach.MACH_NOTIFY_SEND_ONCE})
    server:wait()
    destroy(p)
end)

test("after an rpc that could not be sent msg is the message, and no reply port stays", function(t)
    local p, a = port_with_send(), port_new()
    mach.mach_port_set_attributes(self, p, mach.MACH_PORT_LIMITS_INFO, {mpl_qlimit = 1})
    mach.send{remote = p}
    local kr, msg = mach.rpc{remote = p, timeout = 0, id = 6, body = "body",
                             ports = {{a, mach.MACH_MSG_TYPE_MAKE_SEND}}}
    t.eq({kr, msg.id, msg.body, msg.remote, msg.ports},
         {mach.MACH_SEND_TIMED_OUT, 6, "body", p, {{a, mach.MACH_MSG_TYPE_PORT_SEND}}})
    t.eq((mach.rpc{remote = p, body = "odd"}), mach.MACH_SEND_MSG_TOO_SMALL)
    destroy(p, a)
end)

test("mach_msg(bytes, option, send_size, rcv_size, rcv_name, timeout, notify) is the bare call",
     function(t)
    local p = port_with_send()
    local bits = mach.MACH_MSGH_BITS(mach.MACH_MSG_TYPE_COPY_SEND, 0)
    local header = string.pack("<I4I4I4I4I4i4", bits, 0, p, 0, 0, 6)
    local bytes = header .. "body"
    t.eq((mach.mach_msg(bytes, mach.MACH_SEND_MSG, 28, 0, 0, 0, 0)), 0)
    local kr, got = mach.mach_msg("", mach.MACH_RCV_MSG | mach.MACH_RCV_TIMEOUT, 0, 100, p, 0, 0)
    t.eq(kr, 0)
    local _, size, _, to, _, id, body, ttype, tsize = string.unpack("<I4I4I4I4I4i4c4I4I4", got)
    t.eq({size, to, id, body, ttype, tsize}, {28, p, 6, "body", 0, 8})
    t.eq(#got, 36)
    local kr, got = mach.mach_msg(bytes, mach.MACH_SEND_MSG | mach.MACH_RCV_MSG, 28, 100, p, 0, 0)
    t.eq({kr, got:sub(25, 28)}, {0, "body"})
    t.eq((mach.mach_msg(bytes, mach.MACH_SEND_MSG, 23, 0, 0)), mach.MACH_SEND_MSG_TOO_SMALL)
    t.eq((mach.mach_msg("", mach.MACH_SEND_MSG, 0x10004, 0, 0)), mach.MACH_SEND_TOO_LARGE)
    t.eq((mach.mach_msg(bytes, 0, 0, 0, 0, 0, 0)), 0)
    destroy(p)
end)

test("the bare call returns the buffer as a send or receive that failed left it", function(t)
    local p = port_with_send()
    mach.mach_port_set_attributes(self, p, mach.MACH_PORT_LIMITS_INFO, {mpl_qlimit = 1})
    local format = "<I4I4I4I4I4i4c4"
    local bytes = format:pack(mach.MACH_MSG_TYPE_COPY_SEND, 99, p, 0, 7, 6, "body")
    local function send()
        return mach.mach_msg(bytes, mach.MACH_SEND_MSG | mach.MACH_SEND_TIMEOUT, 28, 0, 0, 0, 0)
    end
    t.eq((send()), 0)
    local kr, left = send()
    t.eq({kr, left}, {mach.MACH_SEND_TIMED_OUT,
                      format:pack(mach.MACH_MSG_TYPE_MOVE_SEND, 28, p, 0, 0, 6, "body")})
    local function receive(size, option)
        return mach.mach_msg("", mach.MACH_RCV_MSG | option, 0, size, p, 0, 0)
    end
    local kr, left = receive(24, mach.MACH_RCV_LARGE)
    t.eq({kr, #left, (string.unpack("<I4", left, 5))}, {mach.MACH_RCV_TOO_LARGE, 24, 28})
    local seqno = mach.MACH_RCV_TRAILER_ELEMENTS(mach.MACH_RCV_TRAILER_SEQNO)
    local kr, left = receive(40, seqno)
    t.eq({kr, left:sub(25)}, {0, string.pack("<c4I4I4I4", "body", 0, 12, 0)})
    t.eq((receive(40, mach.MACH_RCV_TIMEOUT)), mach.MACH_RCV_TIMED_OUT)
    destroy(p)
end)

test("a finalizer may send and receive while another call makes its msg", function(t)
    local p, q = port_with_send(), port_with_send()
    local finalized, wrong = 0, 0
    local function finalize()
        finalized = finalized + 1
        mach.send{remote = q, body = "other", timeout = 0}
        mach.receive{port = q, timeout = 0}
    end
    local function once(id)
        local a = {p, mach.MACH_MSG_TYPE_COPY_SEND}
        mach.send{remote = p, id = id, body = "AAAABBBB", ports = {a, a, a}, ool = {{data = "data"}}}
        for _ = 1, 4 do setmetatable({}, {__gc = finalize}) end
        local _, msg = mach.receive{port = p, timeout = 0}
        return msg.id == id and msg.body == "AAAABBBB" and #msg.ports == 3 and
               msg.ool[1].data == "data"
    end
    for pause = 120, 170, 10 do -- the collector comes at other moments
        collectgarbage("incremental", pause, 200)
        for id = 1, 25 do wrong = wrong + (once(id) and 0 or 1) end
    end
    collectgarbage("incremental", 200, 100)
    t.eq(wrong, 0, "messages that are not what was sent")
    t.ok(finalized > 100, finalized)
    destroy(p, q)
end)

test("fields of a wrong type or name are errors that name them", function(t)
    local function error_of(f, fields)
        local ok, text = pcall(f, fields)
        return not ok and text or "no error"
    end
    t.ok(error_of(mach.send, {remote = "x"}):find("mach.send: remote must be an integer", 1, true))
    t.ok(error_of(mach.send, {timout = 5}):find("there is no field 'timout'", 1, true))
    t.ok(error_of(mach.send, {body = 5}):find("body must be a string", 1, true))
    t.ok(error_of(mach.send, {ports = {{"a", 1}}}):find("ports[1] must be", 1, true))
    t.ok(error_of(mach.send, {ool = {5}}):find("ool[1] must be", 1, true))
    t.ok(error_of(mach.send, {ool = {{data = 5}}}):find("ool[1].data must be a string", 1, true))
    t.ok(error_of(mach.send, {ool_ports = {{5}}}):find("ool_ports[1] must be", 1, true))
    t.ok(error_of(mach.receive, {port = 1 << 32}):find("port must be", 1, true))
    t.ok(error_of(mach.receive, "port"):find("must be a table of fields", 1, true))
    t.ok(error_of(mach.rpc, {reply_timeout = -1}):find("reply_timeout must be", 1, true))
end)

test("Memory that Lua has no room for is an error, and released: of a message, and of a call.",
function(t)
    local self, SIZE = mach.mach_task_self(), 256 << 20
    local kr, address = mach.vm_allocate(self, 0, SIZE, true)
    t.eq(kr, 0, "vm_allocate")
    local kr, port = mach.mach_port_allocate(self, mach.MACH_PORT_RIGHT_RECEIVE)
    local function mapped() return ({mach.minato_task_counts(self)})[2].virtual_pages end
    local before = mapped()
    local fine, why = pcall(mach.vm_read, self, address, SIZE)
    t.eq({fine, why}, {false, "not enough memory"}, "vm_read")
    t.eq(mach.send{remote = port, disp = mach.MACH_MSG_TYPE_MAKE_SEND,
                   ool = {{addr = address, size = 8192}, {addr = address, size = SIZE},
                          {addr = address, size = 4096}},
                   ool_ports = {{{port, port}, mach.MACH_MSG_TYPE_MAKE_SEND}}}, 0, "send")
    fine, why = pcall(mach.receive, {port = port, timeout = 0})
    t.eq({fine, why}, {false, "not enough memory"}, "receive")
    t.ok(mapped() - before < SIZE // 4096 // 4, ("pages mapped: %d more"):format(mapped() - before))
    mach.vm_deallocate(self, address, SIZE)
    mach.mach_port_destroy(self, port)
end)
