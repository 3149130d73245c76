-- SPDX-License-Identifier: BSD-2-Clause
-- The errors of receiving: which of them leave the queue alone and which take the message, what the
-- receiver sees of it, what becomes of the rights and the memory in it. Manual: mach_msg.

local must, ports = require "must", require "ports"
local memory, answer = require "memory", require "jobs".answer
local allocate, both, destroy = ports.allocate, ports.both, ports.destroy
local info, wait_until = ports.info, ports.wait_until
local trap, now = require "threads".trap, require "clock".now

local self = mach.mach_task_self()
local RECEIVE, SET = mach.MACH_PORT_RIGHT_RECEIVE, mach.MACH_PORT_RIGHT_PORT_SET
local DEAD_NAME = mach.MACH_PORT_RIGHT_DEAD_NAME
local MAKE_SEND, MOVE_SEND = mach.MACH_MSG_TYPE_MAKE_SEND, mach.MACH_MSG_TYPE_MOVE_SEND
local MAKE_ONCE, MOVE_RECEIVE = mach.MACH_MSG_TYPE_MAKE_SEND_ONCE, mach.MACH_MSG_TYPE_MOVE_RECEIVE
local LARGE = mach.MACH_RCV_LARGE
local PAGE = 4096

local function space() return ports.space(self, "mscount") end

-- A thread that receives on `port`; its answer is {kr, id}.
local function receiver(port, options, max)
    return spawn.thread(function()
        local kr, msg = mach.receive{port = args.port, options = args.options, max = args.max}
        return {kr, msg.id}
    end, {port = port, options = options or 0, max = max or 1000})
end

test("MACH_RCV_INVALID_NAME: only a receive right or a set can be received from.", function(t)
    local stale, dead, port = allocate(DEAD_NAME), allocate(DEAD_NAME), allocate(RECEIVE)
    destroy(stale)
    local sender, parking = both(1), allocate(RECEIVE)
    must(mach.send{remote = parking, disp = MAKE_SEND, ports = {{sender, MOVE_RECEIVE}}}, "park")
    local once = ports.once(port)
    local before = space()
    for what, name in pairs{nothing = 0, DEAD = 0xffffffff, stale = stale, dead = dead,
                            send = sender, once = once, never = 0x00fffe01} do
        t.eq(mach.receive{port = name, timeout = 0}, mach.MACH_RCV_INVALID_NAME, what)
        t.eq(mach.receive{port = name}, mach.MACH_RCV_INVALID_NAME, what .. ", for ever")
    end
    t.eq(space(), before, "names")
    destroy(dead, port, once, sender, parking)
end)

test("MACH_RCV_IN_SET: a member of a set cannot be received from directly.", function(t)
    local port, set = allocate(RECEIVE), allocate(SET)
    must(mach.mach_port_insert_member(self, port, set), "insert_member")
    t.eq(mach.send{remote = port, disp = MAKE_SEND, id = 3}, 0, "send")
    t.eq(mach.receive{port = port, timeout = 0}, mach.MACH_RCV_IN_SET, "receive")
    t.eq({info(port).queue_length, info(port).seqno}, {1, 0}, "the message is still there")
    local kr, msg = mach.receive{port = set, timeout = 0}
    t.eq({kr, msg.id}, {0, 3}, "through the set")
    destroy(port, set)
end)

test("MACH_RCV_TIMED_OUT: with timeout 0 the receiver does not wait.", function(t)
    local port, set = allocate(RECEIVE), allocate(SET)
    local start = now()
    t.eq(mach.receive{port = port, timeout = 0}, mach.MACH_RCV_TIMED_OUT, "port")
    t.eq(mach.receive{port = set, timeout = 0}, mach.MACH_RCV_TIMED_OUT, "empty set")
    t.ok(now() - start < 5, ("%g ms"):format(now() - start))
    destroy(port, set)
end)

test("MACH_RCV_TIMED_OUT: with timeout n the receiver waits n milliseconds.", function(t)
    local port = allocate(RECEIVE)
    for _, ms in ipairs{1, 20, 150} do
        local start = now()
        t.eq(mach.receive{port = port, timeout = ms}, mach.MACH_RCV_TIMED_OUT, ms .. " ms")
        local passed = now() - start
        t.ok(passed >= ms and passed < ms + 20, ("%g ms for %d"):format(passed, ms))
    end
    t.eq({info(port).waiters, info(port).seqno}, {0, 0}, "nobody waits any more")
    destroy(port)
end)

test("A message that comes in time ends the wait at once.", function(t)
    local port = allocate(RECEIVE)
    local job = spawn.thread(function()
        mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 0, tv_nsec = 30000000})
        return (mach.send{remote = args.port, disp = mach.MACH_MSG_TYPE_MAKE_SEND, id = 4})
    end, {port = port})
    local start = now()
    local kr, msg = mach.receive{port = port, timeout = 800}
    t.eq({kr, msg.id}, {0, 4}, "received")
    t.ok(now() - start < 400, ("%g ms"):format(now() - start))
    t.eq(answer(t, job), 0, "send")
    destroy(port)
end)

-- A message of 24 + 28 + 100 bytes with a send-once reply right, a send right, a send-once right
-- and memory; gives the ports whose rights are in it.
local function post_loaded(port)
    local c = {reply = allocate(RECEIVE), a = both(1), b = allocate(RECEIVE)}
    must(mach.send{remote = port, disp = MAKE_SEND, local_port = c.reply, local_disp = MAKE_ONCE,
                   id = 55, body = ("x"):rep(100), ports = {{c.a, MOVE_SEND}, {c.b, MAKE_ONCE}},
                   ool = {{data = "some memory"}}}, "send")
    return c
end

-- The message's rights are gone, as if their receiver had dropped them.
local function check_destroyed(t, c)
    local kr, msg = mach.receive{port = c.reply, timeout = 0}
    t.eq({kr, msg.id}, {0, mach.MACH_NOTIFY_SEND_ONCE}, "the reply right was destroyed")
    kr, msg = mach.receive{port = c.b, timeout = 0}
    t.eq({kr, msg.id}, {0, mach.MACH_NOTIFY_SEND_ONCE}, "the send-once right was destroyed")
    t.eq(info(c.a).srights, 0, "the send right was destroyed")
    destroy(c.reply, c.a, c.b)
end

local LOADED = 100 + 4 + 3 * 12 -- bytes behind the header

test("MACH_RCV_TOO_LARGE: the message is destroyed; its header comes without reply port.",
function(t)
    for _, less in ipairs{4, 50, LOADED} do
        local port = allocate(RECEIVE)
        local c = post_loaded(port)
        local kr, msg = mach.receive{port = port, timeout = 0, max = LOADED - less}
        t.eq(kr, mach.MACH_RCV_TOO_LARGE, less .. " bytes less")
        t.eq({msg.id, msg.size, msg.local_port, msg.remote}, {55, 24 + LOADED, port, 0}, "header")
        t.eq(msg.bits >> 8 & 0xff, mach.MACH_MSG_TYPE_PORT_SEND, "disposition it was sent to")
        t.eq({info(port).queue_length, info(port).seqno, info(port).srights}, {0, 1, 0},
             "the message was taken off")
        check_destroyed(t, c)
        destroy(port)
    end
end)

test("MACH_RCV_TOO_LARGE: behind the header comes an empty trailer.", function(t)
    local port = allocate(RECEIVE)
    must(mach.send{remote = port, disp = MAKE_SEND, body = ("x"):rep(40)}, "send")
    local kr, bytes = mach.mach_msg(("\xee"):rep(60), mach.MACH_RCV_MSG | mach.MACH_RCV_TIMEOUT |
                                    mach.MACH_RCV_TRAILER_ELEMENTS(2), 0, 60, port, 0, 0)
    t.eq(kr, mach.MACH_RCV_TOO_LARGE, "receive")
    t.eq({string.unpack("<I4I4", bytes, 25)}, {mach.MACH_MSG_TRAILER_FORMAT_0, 8, 33}, "trailer")
    t.eq(bytes:sub(33), ("\xee"):rep(28), "nothing behind it")
    destroy(port)
end)

test("MACH_RCV_TOO_LARGE with MACH_RCV_LARGE: the true size is reported and the message stays.",
function(t)
    local port = allocate(RECEIVE)
    local c = post_loaded(port)
    for _, less in ipairs{1, 4, LOADED} do
        local kr, msg = mach.receive{port = port, timeout = 0, max = LOADED - less, options = LARGE}
        t.eq(kr, mach.MACH_RCV_TOO_LARGE, less .. " bytes less")
        t.eq(msg.size, 24 + LOADED, "the size it needs")
        t.eq({info(port).queue_length, info(port).seqno}, {1, 0}, "the message stays")
    end
    local kr, msg = mach.receive{port = port, timeout = 0, max = LOADED, options = LARGE}
    t.eq({kr, msg.id, msg.seqno, msg.body}, {0, 55, 0, ("x"):rep(100)}, "with enough room")
    t.eq(msg.ports[1], {c.a, mach.MACH_MSG_TYPE_PORT_SEND}, "the send right")
    t.eq(msg.ool, {{data = "some memory", size = 11}}, "the memory")
    destroy(msg.remote, msg.ports[2][1], c.reply, c.a, c.b, port)
end)

test("With MACH_RCV_LARGE any buffer size is safe, also one without room for a header.",
function(t)
    local port = allocate(RECEIVE)
    must(mach.send{remote = port, disp = MAKE_SEND, body = "12345678"}, "send")
    for size = 0, 43 do
        local kr, bytes = mach.mach_msg(("\xee"):rep(60), mach.MACH_RCV_MSG | LARGE |
                                        mach.MACH_RCV_TIMEOUT | mach.MACH_RCV_TRAILER_ELEMENTS(1),
                                        0, size, port, 0, 0)
        if kr ~= mach.MACH_RCV_TOO_LARGE or bytes:sub(size + 1) ~= ("\xee"):rep(60 - size) then
            t.fail(("size %d: %s, or bytes written behind the buffer"):format(size,
                   mach.error_string(kr)))
        end
        if size >= 24 then
            t.eq(string.unpack("<I4", bytes, 5), 32, ("msgh_size, size %d"):format(size))
        end
    end
    t.eq(info(port).queue_length, 1, "the message is still there")
    destroy(port)
end)

test("Without MACH_RCV_LARGE a message is destroyed even by a buffer of no bytes.", function(t)
    local port = allocate(RECEIVE)
    for size = 0, 23 do
        must(mach.send{remote = port, disp = MAKE_SEND}, "send")
        local kr, bytes = mach.mach_msg(("\xee"):rep(60), mach.MACH_RCV_MSG |
                                        mach.MACH_RCV_TIMEOUT, 0, size, port, 0, 0)
        if kr ~= mach.MACH_RCV_TOO_LARGE or bytes:sub(size + 1) ~= ("\xee"):rep(60 - size) then
            t.fail(("size %d: %s, or bytes written behind the buffer"):format(size,
                   mach.error_string(kr)))
        end
    end
    t.eq({info(port).queue_length, info(port).seqno}, {0, 24}, "all were taken off")
    destroy(port)
end)

test("A thread that waits with too little room gets MACH_RCV_TOO_LARGE when the message comes.",
function(t)
    local port = allocate(RECEIVE)
    local job = receiver(port, 0, 4)
    wait_until(port, "waiters", 1)
    local c = post_loaded(port)
    t.eq(answer(t, job), {mach.MACH_RCV_TOO_LARGE, 55}, "the waiting thread")
    t.eq(info(port).queue_length, 0, "the message was destroyed")
    check_destroyed(t, c)
    destroy(port)
end)

test("Of two waiting threads with MACH_RCV_LARGE the one with enough room gets the message.",
function(t)
    local port = allocate(RECEIVE)
    local small = receiver(port, LARGE, 4)
    wait_until(port, "waiters", 1)
    local large = receiver(port, LARGE, 1000)
    wait_until(port, "waiters", 2)
    must(mach.send{remote = port, disp = MAKE_SEND, id = 6, body = ("x"):rep(100)}, "send")
    t.eq(answer(t, small)[1], mach.MACH_RCV_TOO_LARGE, "the small one")
    t.eq(answer(t, large), {0, 6}, "the large one")
    destroy(port)
end)

test("MACH_RCV_PORT_DIED: the port is destroyed while a thread waits for a message.", function(t)
    local port = both(1)
    local job = receiver(port)
    wait_until(port, "waiters", 1)
    t.eq(mach.mach_port_mod_refs(self, port, RECEIVE, -1), 0, "mod_refs")
    t.eq(answer(t, job)[1], mach.MACH_RCV_PORT_DIED, "the thread")
    destroy(port)
end)

test("MACH_RCV_PORT_DIED: all threads that wait are told.", function(t)
    local port, jobs = allocate(RECEIVE), {}
    for i = 1, 3 do jobs[i] = receiver(port) end
    wait_until(port, "waiters", 3)
    destroy(port)
    for i = 1, 3 do t.eq(answer(t, jobs[i])[1], mach.MACH_RCV_PORT_DIED, "thread " .. i) end
end)

test("MACH_RCV_PORT_DIED: the set is destroyed while a thread waits for a message.", function(t)
    local port, set = allocate(RECEIVE), allocate(SET)
    must(mach.mach_port_insert_member(self, port, set), "insert_member")
    local job = receiver(set)
    wait_until(set, "waiters", 1)
    destroy(set)
    t.eq(answer(t, job)[1], mach.MACH_RCV_PORT_DIED, "the thread")
    destroy(port)
end)

test("MACH_RCV_PORT_DIED: the receive right is sent away while a thread waits.", function(t)
    local port, carrier = allocate(RECEIVE), allocate(RECEIVE)
    local job = receiver(port)
    wait_until(port, "waiters", 1)
    must(mach.send{remote = carrier, disp = MAKE_SEND, ports = {{port, MOVE_RECEIVE}}}, "send")
    t.eq(answer(t, job)[1], mach.MACH_RCV_PORT_DIED, "the thread")
    destroy(carrier)
end)

test("MACH_RCV_PORT_CHANGED: the receive right goes into a set while a thread waits.", function(t)
    for _, call in ipairs{"mach_port_insert_member", "mach_port_move_member"} do
        local port, set = allocate(RECEIVE), allocate(SET)
        local job = receiver(port)
        wait_until(port, "waiters", 1)
        t.eq(mach[call](self, port, set), 0, call)
        t.eq(answer(t, job)[1], mach.MACH_RCV_PORT_CHANGED, "the thread")
        destroy(port, set)
    end
end)

test("A member that leaves or joins a set does not disturb threads that wait on the set.",
function(t)
    local a, b, set = allocate(RECEIVE), allocate(RECEIVE), allocate(SET)
    must(mach.mach_port_insert_member(self, a, set), "insert_member")
    local job = receiver(set)
    wait_until(set, "waiters", 1)
    t.eq(mach.mach_port_extract_member(self, a, set), 0, "extract_member")
    t.eq(mach.mach_port_insert_member(self, b, set), 0, "insert_member")
    destroy(a)
    t.eq(info(set).waiters, 1, "it waits on")
    must(mach.send{remote = b, disp = MAKE_SEND, id = 2}, "send")
    t.eq(answer(t, job), {0, 2}, "and gets the message")
    destroy(b, set)
end)

test("MACH_RCV_INTERRUPTED: thread_abort ends the wait; no message is lost.", function(t)
    local port = allocate(RECEIVE)
    local job = receiver(port, mach.MACH_RCV_INTERRUPT)
    wait_until(port, "waiters", 1)
    t.eq(mach.thread_abort(job.thread), 0, "thread_abort")
    t.eq(answer(t, job)[1], mach.MACH_RCV_INTERRUPTED, "the thread")
    must(mach.send{remote = port, disp = MAKE_SEND, id = 2}, "send")
    local kr, msg = mach.receive{port = port, timeout = 0}
    t.eq({kr, msg.id, msg.seqno}, {0, 2, 0}, "the next message")
    destroy(port)
end)

test("Without MACH_RCV_INTERRUPT an aborted receive is tried again by the library.", function(t)
    local port = allocate(RECEIVE)
    local job = receiver(port)
    wait_until(port, "waiters", 1)
    t.eq(mach.thread_abort(job.thread), 0, "thread_abort")
    wait_until(port, "waiters", 1)
    must(mach.send{remote = port, disp = MAKE_SEND, id = 2}, "send")
    t.eq(answer(t, job), {0, 2}, "the thread")
    destroy(port)
end)

test("MACH_RCV_INVALID_NOTIFY: the notify argument is no receive right; the message is destroyed.",
function(t)
    local port, set = allocate(RECEIVE), allocate(SET)
    local sender, parking = both(1), allocate(RECEIVE)
    must(mach.send{remote = parking, disp = MAKE_SEND, ports = {{sender, MOVE_RECEIVE}}}, "park")
    for _, notify in ipairs{0, 0xffffffff, 0x00fffe01, set, sender} do
        local c = post_loaded(port)
        t.eq(mach.receive{port = port, timeout = 0, options = mach.MACH_RCV_NOTIFY,
                          notify = notify}, mach.MACH_RCV_INVALID_NOTIFY,
             ("notify %#x"):format(notify))
        t.eq(info(port).queue_length, 0, "the message was taken off")
        check_destroyed(t, c)
    end
    t.eq(mach.receive{port = port, timeout = 0, options = mach.MACH_RCV_NOTIFY, notify = 0},
         mach.MACH_RCV_TIMED_OUT, "without a message nobody looks")
    destroy(port, set, sender, parking)
end)

-- ---- buffers that cannot be written ------------------------------------------------------------

test("MACH_RCV_INVALID_DATA: the buffer cannot be written; the message is destroyed.", function(t)
    local port, pages = allocate(RECEIVE), memory.allocate(4 * PAGE)
    must(mach.vm_protect(self, pages + PAGE, PAGE, false, mach.VM_PROT_READ), "vm_protect")
    memory.release(pages + 2 * PAGE, PAGE)
    for what, address in pairs{null = 0, ["read-only"] = pages + PAGE, unmapped = pages + 2 * PAGE,
                               kernel = 0xc0100000, top = 0xfffffff0,
                               ["last bytes read-only"] = pages + PAGE - 24} do
        local c = post_loaded(port)
        t.eq(trap(25, address, mach.MACH_RCV_MSG | mach.MACH_RCV_TIMEOUT, 0, 1000, port, 0, 0),
             mach.MACH_RCV_INVALID_DATA, what)
        t.eq(info(port).queue_length, 0, what .. ": the message was taken off")
        check_destroyed(t, c)
    end
    must(mach.send{remote = port, disp = MAKE_SEND, id = 7}, "send")
    t.eq(trap(25, pages, mach.MACH_RCV_MSG | mach.MACH_RCV_TIMEOUT, 0, 100, port, 0, 0), 0,
         "a good buffer")
    t.eq(memory.word(pages + 20), 7, "the message's id")
    memory.release(pages, 2 * PAGE)
    memory.release(pages + 3 * PAGE, PAGE)
    destroy(port)
end)

test("MACH_RCV_INVALID_DATA: one bad page of the buffer is enough; a reply right alone goes, too.",
function(t)
    local port, reply = allocate(RECEIVE), allocate(RECEIVE)
    local pages = memory.allocate(3 * PAGE)
    must(mach.vm_protect(self, pages + PAGE, PAGE, false, mach.VM_PROT_READ), "vm_protect")
    local function receive(address)
        return trap(25, address, mach.MACH_RCV_MSG | mach.MACH_RCV_TIMEOUT, 0, 20000, port, 0, 0)
    end
    for what, case in pairs{["page in the middle"] = {pages + PAGE - 40, PAGE + 60},
                            ["first page"] = {pages + PAGE, 2 * PAGE - 100},
                            ["last page"] = {pages, PAGE + 100}} do
        must(mach.send{remote = port, disp = MAKE_SEND, local_port = reply, local_disp = MAKE_ONCE,
                       body = ("x"):rep(case[2])}, "send")
        t.eq(receive(case[1]), mach.MACH_RCV_INVALID_DATA, what)
        local kr, msg = mach.receive{port = reply, timeout = 0}
        t.eq({kr, msg.id, info(reply).sorights}, {0, mach.MACH_NOTIFY_SEND_ONCE, 0},
             what .. ": the reply right was destroyed")
        local a = both(1)
        must(mach.send{remote = port, disp = MAKE_SEND, ports = {{a, MOVE_SEND}},
                       body = ("x"):rep(case[2])}, "send")
        t.eq(receive(case[1]), mach.MACH_RCV_INVALID_DATA, what)
        t.eq({info(a).urefs, info(a).srights}, {0, 0}, what .. ": the send right was destroyed")
        destroy(a)
    end
    memory.release(pages, 3 * PAGE)
    destroy(port, reply)
end)

test("MACH_RCV_BODY_ERROR: no room for out-of-line memory; the rest of the message arrives.",
function(t)
    local port, reply = both(1), allocate(RECEIVE)
    local job = spawn.task(function()
        local self = mach.mach_task_self()
        local size, taken = 1 << 30, {}
        while size >= 4096 do -- fill the address space
            local kr, address = mach.vm_allocate(self, 0, size, true)
            if kr == 0 then taken[#taken + 1] = {address, size} else size = size // 2 end
        end
        local kr, msg = mach.receive{port = args.port, timeout = 500, raw = true}
        for _, region in ipairs(taken) do mach.vm_deallocate(self, region[1], region[2]) end
        local _, kind = mach.mach_port_type(self, msg.ports[1][1])
        return {kr = kr, ool = msg.ool, body = msg.body, id = msg.id, kind = kind,
                reply = mach.send{remote = msg.remote, disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE,
                                  id = 8}}
    end, {}, {port = {port, MOVE_RECEIVE}})
    t.eq(mach.send{remote = port, disp = MOVE_SEND, local_port = reply, local_disp = MAKE_ONCE,
                   id = 9, body = "text", ports = {{reply, MAKE_SEND}},
                   ool = {{data = ("z"):rep(3 * PAGE)}}}, 0, "send")
    local ok, got = job:wait(3000)
    t.eq(ok, true, "the child's end")
    if ok then
        t.eq(got.kr, mach.MACH_RCV_BODY_ERROR | mach.MACH_MSG_VM_SPACE, "receive")
        t.eq(got.ool, {{addr = 0, size = 0}}, "the memory")
        t.eq({got.id, got.body, got.kind}, {9, "text", mach.MACH_PORT_TYPE_SEND}, "the rest")
        t.eq(got.reply, 0, "the reply")
    else
        t.fail(got)
    end
    local kr, msg = mach.receive{port = reply, timeout = 0}
    t.eq({kr, msg.id}, {0, 8}, "received")
    destroy(reply)
end)
