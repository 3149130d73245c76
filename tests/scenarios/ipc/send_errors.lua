-- SPDX-License-Identifier: BSD-2-Clause
-- The errors of sending: each MACH_SEND_* code with the rights, the memory and the names of the
-- sender afterwards, which must be as before (docs/differences.md, "failed send"). The two that
-- give the message back, TIMED_OUT and INTERRUPTED, are in pseudo_receive.lua.

local must, ports = require "must", require "ports"
local memory, trap, counts = require "memory", require "threads".trap, require "counts"
local allocate, both, destroy = ports.allocate, ports.both, ports.destroy
local release, write = memory.release, memory.write

local self = mach.mach_task_self()
local RECEIVE, DEAD_NAME = mach.MACH_PORT_RIGHT_RECEIVE, mach.MACH_PORT_RIGHT_DEAD_NAME
local MAKE_SEND, MOVE_SEND, MAKE_ONCE = mach.MACH_MSG_TYPE_MAKE_SEND,
    mach.MACH_MSG_TYPE_MOVE_SEND, mach.MACH_MSG_TYPE_MAKE_SEND_ONCE
local MOVE_ONCE, MOVE_RECEIVE = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE,
    mach.MACH_MSG_TYPE_MOVE_RECEIVE
local COMPLEX = mach.MACH_MSGH_BITS_COMPLEX
local PAGE = 4096

local function space() return ports.space(self, "mscount") end

-- Fresh pages, filled with a pattern.
local function filled(pages)
    local address = memory.allocate(pages * PAGE)
    write(address, ("harbour."):rep(pages * PAGE // 8))
    return address
end

-- ---- messages byte by byte -------------------------------------------------------------------

local function header(bits, remote, reply, id)
    return string.pack("<I4I4I4I4I4i4", bits, 0, remote, reply or 0, 0, id or 0)
end

local function port_descriptor(name, disposition)
    return string.pack("<I4I4I4", name, 0, disposition << 16)
end

local function memory_descriptor(address, size, copy, deallocate, kind)
    return string.pack("<I4I4I4", address, size, (deallocate or 0) | copy << 8 | (kind or 1) << 24)
end

local function ports_descriptor(address, count, disposition, copy, deallocate)
    return string.pack("<I4I4I4", address, count,
                       (deallocate or 0) | (copy or 0) << 8 | disposition << 16 | 2 << 24)
end

local function send(bytes, size, option)
    return mach.mach_msg(bytes, mach.MACH_SEND_MSG | (option or 0), size or #bytes, 0, 0, 0, 0)
end

-- What a message may have to lose: a send, a send-once and a receive right to be moved, two pages
-- to be deallocated. intact() checks that all is there, clear() gets rid of it.
local function cargo()
    local c = {send = both(2), receive = allocate(RECEIVE), pages = filled(2)}
    c.once = ports.once(c.receive)
    c.descriptors = port_descriptor(c.send, MOVE_SEND) .. port_descriptor(c.once, MOVE_ONCE) ..
        port_descriptor(c.receive, MOVE_RECEIVE) .. memory_descriptor(c.pages, 2 * PAGE, 1, 1)
    c.count = 4
    c.before = space()
    return c
end

local function intact(t, c, what)
    t.eq(space(), c.before, what .. ": names and rights")
    local kr, bytes = mach.vm_read(self, c.pages, 2 * PAGE)
    t.eq({kr, bytes == ("harbour."):rep(PAGE // 4)}, {0, true}, what .. ": the sender's memory")
end

-- What the kernel holds besides: messages, memory objects, bytes of its own.
local function held()
    local c = counts.host()
    return {c.messages_queued, c.vm_objects, c.kernel_heap}
end

local function clear(c)
    destroy(c.send, c.once, c.receive)
    release(c.pages, 2 * PAGE)
end

-- A complex message to `port` with the cargo's descriptors and one more, `last`.
local function loaded(port, c, last)
    return header(COMPLEX | mach.MACH_MSGH_BITS(MAKE_SEND, 0), port) ..
        string.pack("<I4", c.count + 1) .. c.descriptors .. last
end

-- ---- the tests -------------------------------------------------------------------------------

test("mach_msg without MACH_SEND_MSG and MACH_RCV_MSG does nothing and succeeds.", function(t)
    local before = space()
    for _, option in ipairs{0, mach.MACH_SEND_TIMEOUT, mach.MACH_RCV_TIMEOUT | mach.MACH_RCV_LARGE,
                            0xff000000} do
        t.eq(mach.mach_msg("", option, 0, 0, 0, 0, 0), 0, ("option %#x"):format(option))
        t.eq(mach.mach_msg("", option, 3, 7, 99, 1, 99), 0, ("option %#x, bad rest"):format(option))
    end
    t.eq(space(), before, "names")
end)

test("MACH_SEND_MSG_TOO_SMALL: a message is at least a header, and a multiple of 4 bytes long.",
function(t)
    local port = both(1)
    local bytes = header(mach.MACH_MSGH_BITS(MOVE_SEND, 0), port) .. ("x"):rep(16)
    local before = space()
    for _, size in ipairs{0, 1, 4, 8, 20, 21, 22, 23, 25, 26, 27, 29, 38, 39, 0xffffffff} do
        t.eq(send(bytes, size), mach.MACH_SEND_MSG_TOO_SMALL, "size " .. size)
        t.eq(space(), before, "names, size " .. size)
    end
    t.eq(send(bytes, 24), 0, "size 24")
    destroy(port)
end)

test("MACH_SEND_MSG_TOO_SMALL: mach.send hands a body of odd length on as it is.", function(t)
    local port = allocate(RECEIVE)
    for length = 1, 7 do
        local want = length % 4 == 0 and 0 or mach.MACH_SEND_MSG_TOO_SMALL
        t.eq(mach.send{remote = port, disp = MAKE_SEND, body = ("b"):rep(length)}, want,
             "body of " .. length)
    end
    destroy(port)
end)

test("MACH_SEND_MSG_TOO_SMALL: a complex message has room for its count and its descriptors.",
function(t)
    local port, c = allocate(RECEIVE), cargo()
    local bits = COMPLEX | mach.MACH_MSGH_BITS(MAKE_SEND, 0)
    t.eq(send(header(bits, port)), mach.MACH_SEND_MSG_TOO_SMALL, "no count")
    for _, count in ipairs{c.count + 1, 100, 0x10000, 0x15555556, 0x40000000, 0xffffffff} do
        t.eq(send(header(bits, port) .. string.pack("<I4", count) .. c.descriptors),
             mach.MACH_SEND_MSG_TOO_SMALL, ("count %#x"):format(count))
        intact(t, c, ("count %#x"):format(count))
    end
    local short = header(bits, port) .. string.pack("<I4", c.count) .. c.descriptors:sub(1, -5)
    t.eq(send(short), mach.MACH_SEND_MSG_TOO_SMALL, "the last descriptor is cut off")
    intact(t, c, "cut off")
    clear(c)
    destroy(port)
end)

test("A complex message without descriptors is a message.", function(t)
    local port = allocate(RECEIVE)
    local bits = COMPLEX | mach.MACH_MSGH_BITS(MAKE_SEND, 0)
    t.eq(send(header(bits, port) .. string.pack("<I4", 0) .. "abcd"), 0, "send")
    local kr, msg = mach.receive{port = port, timeout = 0}
    t.eq({kr, msg.body, msg.bits & COMPLEX}, {0, "abcd", COMPLEX}, "received")
    destroy(port)
end)

test("MACH_SEND_TOO_LARGE: 64 KiB with the header is the most that goes inline.", function(t)
    local port = allocate(RECEIVE)
    local most = mach.MACH_MSG_SIZE_MAX - 24
    local body = ("0123456789abcdef"):rep(4096):sub(1, most)
    t.eq(mach.send{remote = port, disp = MAKE_SEND, body = body .. "more"},
         mach.MACH_SEND_TOO_LARGE, "four bytes more")
    local bytes = header(mach.MACH_MSGH_BITS(MAKE_SEND, 0), port)
    for _, size in ipairs{0x10004, 0x20000, 0x7ffffffc, 0x80000000, 0xfffffffc} do
        t.eq(send(bytes, size), mach.MACH_SEND_TOO_LARGE, ("size %#x"):format(size))
    end
    local _, info = mach.minato_port_info(self, port)
    t.eq({info.queue_length, info.mscount}, {0, 0}, "nothing was sent")
    t.eq(mach.send{remote = port, disp = MAKE_SEND, body = body}, 0, "exactly 64 KiB")
    local kr, msg = mach.receive{port = port, timeout = 0}
    t.eq({kr, msg.size, msg.body == body}, {0, 0x10000, true}, "received")
    destroy(port)
end)

test("MACH_SEND_INVALID_DATA: the message must be readable memory.", function(t)
    local port, pages = allocate(RECEIVE), filled(3)
    release(pages + PAGE, PAGE) -- a hole too small for anything that trap() allocates
    write(pages + PAGE - 24, header(mach.MACH_MSGH_BITS(MAKE_SEND, 0), port))
    local before = space()
    local cases = {{0, 24}, {4, 24}, {0xbffffff0, 24}, {0xc0000000, 24}, {0xc0100000, 24},
                   {0xfffffff0, 24}, {pages + PAGE, 24}, {pages + PAGE - 24, 28}}
    for _, case in ipairs(cases) do
        t.eq(trap(25, case[1], mach.MACH_SEND_MSG, case[2], 0, 0, 0, 0),
             mach.MACH_SEND_INVALID_DATA, ("%d bytes at %#x"):format(case[2], case[1]))
    end
    t.eq(space(), before, "names")
    t.eq(trap(25, pages + PAGE - 24, mach.MACH_SEND_MSG, 24, 0, 0, 0, 0), 0, "up to the page's end")
    release(pages, PAGE)
    release(pages + 2 * PAGE, PAGE)
    destroy(port)
end)

test("MACH_SEND_INVALID_HEADER: a sender sets no bits but COMPLEX and the two dispositions.",
function(t)
    local port = both(1)
    local before = space()
    for bit = 16, 30 do
        t.eq(send(header(1 << bit | mach.MACH_MSGH_BITS(MOVE_SEND, 0), port)),
             mach.MACH_SEND_INVALID_HEADER, "bit " .. bit)
    end
    t.eq(space(), before, "names")
    destroy(port)
end)

test("MACH_SEND_INVALID_HEADER: the dispositions of a header are those of send rights.", function(t)
    local port, reply = both(1), allocate(RECEIVE)
    local before = space()
    for disposition = 0, 255 do
        if disposition < MOVE_SEND or disposition > MAKE_ONCE then
            local kr = send(header(mach.MACH_MSGH_BITS(disposition, 0), port))
            if kr ~= mach.MACH_SEND_INVALID_HEADER then
                t.eq(kr, mach.MACH_SEND_INVALID_HEADER, "destination " .. disposition)
            end
            kr = send(header(mach.MACH_MSGH_BITS(MOVE_SEND, disposition), port, reply))
            if kr ~= mach.MACH_SEND_INVALID_HEADER then
                t.eq(kr, mach.MACH_SEND_INVALID_HEADER, "reply port " .. disposition)
            end
        end
    end
    t.eq(space(), before, "names")
    destroy(port, reply)
end)

test("MACH_SEND_INVALID_DEST: nothing, null, dead and stale names are no destinations.",
function(t)
    local c, stale, dead = cargo(), allocate(DEAD_NAME), both(1)
    destroy(stale)
    ports.kill(dead)
    c.before = space()
    for _, name in ipairs{0, 0xffffffff, stale, dead, 0x00fffe01} do
        for _, disposition in ipairs{MAKE_SEND, mach.MACH_MSG_TYPE_COPY_SEND, MOVE_SEND, MAKE_ONCE,
                                     MOVE_ONCE} do
            t.eq(send(header(COMPLEX | disposition, name) .. string.pack("<I4", c.count) ..
                      c.descriptors), mach.MACH_SEND_INVALID_DEST,
                 ("%#x, disposition %d"):format(name, disposition))
        end
    end
    intact(t, c, "after")
    clear(c)
    destroy(dead)
end)

test("MACH_SEND_INVALID_REPLY: a bad reply port takes nothing from destination or body.",
function(t)
    local port, c, stale = both(1), cargo(), allocate(DEAD_NAME)
    destroy(stale)
    c.before = space()
    for _, disposition in ipairs{MAKE_SEND, mach.MACH_MSG_TYPE_COPY_SEND, MOVE_SEND, MAKE_ONCE,
                                 MOVE_ONCE} do
        t.eq(send(header(COMPLEX | mach.MACH_MSGH_BITS(MOVE_SEND, disposition), port, stale) ..
                  string.pack("<I4", c.count) .. c.descriptors), mach.MACH_SEND_INVALID_REPLY,
             "disposition " .. disposition)
        intact(t, c, "disposition " .. disposition)
    end
    clear(c)
    destroy(port)
end)

test("MACH_SEND_INVALID_RIGHT: the rights and the memory before the bad right stay.", function(t)
    local port, c, stale = allocate(RECEIVE), cargo(), allocate(DEAD_NAME)
    destroy(stale)
    c.before = space()
    t.eq(send(loaded(port, c, port_descriptor(stale, MOVE_SEND))), mach.MACH_SEND_INVALID_RIGHT,
         "a stale name")
    intact(t, c, "a stale name")
    t.eq(send(loaded(port, c, port_descriptor(c.receive, MOVE_RECEIVE))),
         mach.MACH_SEND_INVALID_RIGHT, "a right that is in the message already")
    intact(t, c, "a right that is in the message already")
    clear(c)
    destroy(port)
end)

test("MACH_SEND_INVALID_TYPE: an unknown descriptor, disposition or copy option.", function(t)
    local port, c, page = allocate(RECEIVE), cargo(), filled(1)
    local cases = {}
    for _, kind in ipairs{4, 5, 127, 128, 255} do
        cases["descriptor type " .. kind] = memory_descriptor(page, PAGE, 1, 0, kind)
    end
    for _, disposition in ipairs{0, 1, 15, 22, 23, 255} do
        cases["disposition " .. disposition] = port_descriptor(port, disposition)
        cases["array of disposition " .. disposition] = ports_descriptor(page, 1, disposition)
    end
    for _, copy in ipairs{mach.MACH_MSG_ALLOCATE, mach.MACH_MSG_OVERWRITE, 4, 255} do
        cases["copy option " .. copy] = memory_descriptor(page, PAGE, copy)
        cases["array with copy option " .. copy] = ports_descriptor(page, 1, MAKE_SEND, copy)
    end
    c.before = space()
    for what, descriptor in pairs(cases) do
        t.eq(send(loaded(port, c, descriptor)), mach.MACH_SEND_INVALID_TYPE, what)
        intact(t, c, what)
    end
    clear(c)
    release(page, PAGE)
    destroy(port)
end)

test("MACH_SEND_INVALID_MEMORY: out-of-line memory must be there and readable, to its last byte.",
function(t)
    local port, c, pages = allocate(RECEIVE), cargo(), filled(4)
    release(pages + 2 * PAGE, PAGE)
    must(mach.vm_protect(self, pages + 3 * PAGE, PAGE, false, mach.VM_PROT_NONE), "vm_protect")
    local cases = {{pages + 2 * PAGE, 1}, {pages + PAGE, PAGE + 1}, {pages + 2 * PAGE - 1, 2},
                   {pages, 4 * PAGE}, {pages + 3 * PAGE, 4}, {0, 4}, {100, 1}, {0xbffffffc, 8},
                   {0xc0000000, 4}, {0xc0100000, PAGE}, {0xfffffffc, 4}, {0xfffff000, PAGE},
                   {PAGE, 0xffffffff}, {pages, 0xffffffff}, {pages, 0x80000000}}
    for _, copy in ipairs{mach.MACH_MSG_PHYSICAL_COPY, mach.MACH_MSG_VIRTUAL_COPY} do
        for _, case in ipairs(cases) do
            local what = ("copy %d, %#x bytes at %#x"):format(copy, case[2], case[1])
            t.eq(send(loaded(port, c, memory_descriptor(case[1], case[2], copy, 1))),
                 mach.MACH_SEND_INVALID_MEMORY, what)
            intact(t, c, what)
        end
    end
    local kr, bytes = mach.vm_read(self, pages, 2 * PAGE)
    t.eq({kr, #bytes}, {0, 2 * PAGE}, "the readable part of the bad region is still there")
    clear(c)
    release(pages, 4 * PAGE)
    destroy(port)
end)

test("MACH_SEND_INVALID_MEMORY: an out-of-line array of names must be readable too.", function(t)
    local port, c, pages = allocate(RECEIVE), cargo(), filled(2)
    write(pages, ("\0"):rep(PAGE))
    release(pages + PAGE, PAGE)
    for _, case in ipairs{{pages + PAGE, 1}, {pages, PAGE // 4 + 1}, {0, 1}, {0xc0000000, 1},
                          {0xfffffffc, 2}} do
        local what = ("%d names at %#x"):format(case[2], case[1])
        t.eq(send(loaded(port, c, ports_descriptor(case[1], case[2], MAKE_SEND, 0, 1))),
             mach.MACH_SEND_INVALID_MEMORY, what)
        intact(t, c, what)
    end
    clear(c)
    release(pages, PAGE)
    destroy(port)
end)

test("An array of more names than memory has room for is refused, whatever the product is.",
function(t)
    local port, c = allocate(RECEIVE), cargo()
    for _, count in ipairs{0x3fffffff, 0x40000000, 0x40000001, 0x80000000, 0xffffffff} do
        local kr = send(loaded(port, c, ports_descriptor(c.pages, count, MAKE_SEND, 0, 1)))
        t.ok(kr == mach.MACH_SEND_NO_BUFFER or kr == mach.MACH_SEND_INVALID_MEMORY,
             ("count %#x: %s"):format(count, mach.error_string(kr)))
        intact(t, c, ("count %#x"):format(count))
    end
    clear(c)
    destroy(port)
end)

test("MACH_SEND_NO_BUFFER: an array holds 32768 names, none more.", function(t)
    local port, c = allocate(RECEIVE), cargo()
    local names = memory.allocate(33 * PAGE) -- null names
    t.eq(send(loaded(port, c, ports_descriptor(names, 32769, MAKE_SEND, 0, 1))),
         mach.MACH_SEND_NO_BUFFER, "one more")
    intact(t, c, "one more")
    t.eq((mach.vm_read(self, names, 33 * PAGE)), 0, "the array's memory")
    t.eq(send(header(COMPLEX | MAKE_SEND, port) .. string.pack("<I4", 1) ..
              ports_descriptor(names, 32768, MAKE_SEND, 0, 0)), 0, "the most")
    local kr, msg = mach.receive{port = port, timeout = 0}
    t.eq({kr, #msg.ool_ports[1][1]}, {0, 32768}, "received")
    clear(c)
    release(names, 33 * PAGE)
    destroy(port)
end)

test("A bad header is reported before a bad body, a bad destination before a bad reply port.",
function(t)
    local port, stale = both(1), allocate(DEAD_NAME)
    destroy(stale)
    local bits = COMPLEX | mach.MACH_MSGH_BITS(MOVE_SEND, MAKE_ONCE)
    for what, body in pairs{
        ["a bad right"] = string.pack("<I4", 1) .. port_descriptor(stale, MOVE_SEND),
        ["bad memory"] = string.pack("<I4", 1) .. memory_descriptor(0, 100, 1),
        ["a bad type"] = string.pack("<I4", 1) .. memory_descriptor(0, 0, 1, 0, 9),
        ["a bad count"] = string.pack("<I4", 2) .. memory_descriptor(0, 0, 1),
        ["no count"] = "",
    } do
        t.eq(send(header(bits, stale, stale) .. body), mach.MACH_SEND_INVALID_DEST,
             "destination, reply port and " .. what)
        t.eq(send(header(bits, port, stale) .. body), mach.MACH_SEND_INVALID_REPLY,
             "reply port and " .. what)
        t.eq(send(header(bits | 0x10000, stale, stale) .. body), mach.MACH_SEND_INVALID_HEADER,
             "all and " .. what)
    end
    t.eq(ports.state(port, "srights"), {mach.MACH_PORT_TYPE_SEND_RECEIVE, 1, 1}, "the right")
    destroy(port)
end)

test("A message that is refused leaves nothing behind in the kernel.", function(t)
    local port, c, stale = allocate(RECEIVE), cargo(), allocate(DEAD_NAME)
    destroy(stale)
    local bad = port_descriptor(stale, MOVE_SEND)
    local with = {
        ["memory to be shared"] = memory_descriptor(c.pages + 5, PAGE, 1, 1),
        ["memory to be copied"] = memory_descriptor(c.pages + 5, PAGE, 0, 1),
        ["an array of names"] = ports_descriptor(c.pages, 0, MAKE_SEND) ..
            ports_descriptor(memory.allocate(PAGE), 1000, MAKE_SEND),
    }
    for what, descriptors in pairs(with) do
        local function refused(last)
            local all = c.descriptors .. descriptors .. last
            return send(header(COMPLEX | MAKE_SEND, port) .. string.pack("<I4", #all // 12) .. all)
        end
        for reason, last in pairs{[mach.MACH_SEND_INVALID_RIGHT] = bad,
                                  [mach.MACH_SEND_INVALID_MEMORY] = memory_descriptor(0, 9, 1),
                                  [mach.MACH_SEND_INVALID_TYPE] = port_descriptor(port, 99)} do
            t.eq(refused(last), reason, what)
            local before = held()
            for _ = 1, 20 do refused(last) end
            t.eq(held(), before, ("%s, %s"):format(what, mach.error_string(reason)))
        end
        intact(t, c, what)
    end
    local page = string.unpack("<I4", with["an array of names"], 13)
    release(page, PAGE)
    clear(c)
    destroy(port)
end)

test("MACH_SEND_INVALID_TRAILER: an ordinary task may not supply the trailer.", function(t)
    local port, c = allocate(RECEIVE), cargo()
    local bytes = header(COMPLEX | MAKE_SEND, port) .. string.pack("<I4", c.count) ..
        c.descriptors .. string.pack("<I4I4I4I4I4", 0, 20, 0, 0, 1)
    t.eq(send(bytes, #bytes - 20, mach.MACH_SEND_TRAILER), mach.MACH_SEND_INVALID_TRAILER, "send")
    intact(t, c, "after")
    clear(c)
    destroy(port)
end)

test("MACH_SEND_CANCEL is ignored, with whatever notify argument.", function(t)
    local port = allocate(RECEIVE)
    local bytes = header(mach.MACH_MSGH_BITS(MAKE_SEND, 0), port)
    for _, notify in ipairs{0, 0xffffffff, port, 0x00fffe01} do
        t.eq(mach.mach_msg(bytes, mach.MACH_SEND_MSG | mach.MACH_SEND_CANCEL, 24, 0, 0, 0, notify),
             0, ("notify %#x"):format(notify))
    end
    destroy(port)
end)

test("When the send half fails there is no receive half.", function(t)
    local port = allocate(RECEIVE)
    t.eq(mach.send{remote = port, disp = MAKE_SEND, id = 1}, 0, "a message to be left alone")
    t.eq(mach.mach_msg(header(mach.MACH_MSGH_BITS(MAKE_SEND, 0), 0),
                       mach.MACH_SEND_MSG | mach.MACH_RCV_MSG, 24, 100, port, 0, 0),
         mach.MACH_SEND_INVALID_DEST, "send to nothing, receive")
    local _, info = mach.minato_port_info(self, port)
    t.eq({info.queue_length, info.seqno}, {1, 0}, "the queue")
    destroy(port)
end)

test("When the receive half fails the message has been sent.", function(t)
    local port = allocate(RECEIVE)
    t.eq(mach.mach_msg(header(mach.MACH_MSGH_BITS(MAKE_SEND, 0), port, 0, 77),
                       mach.MACH_SEND_MSG | mach.MACH_RCV_MSG, 24, 100, 0, 0, 0),
         mach.MACH_RCV_INVALID_NAME, "send, receive from nothing")
    local kr, msg = mach.receive{port = port, timeout = 0}
    t.eq({kr, msg.id}, {0, 77}, "the message")
    destroy(port)
end)

test("One call can send a message and receive it again.", function(t)
    local port = allocate(RECEIVE)
    local message = header(mach.MACH_MSGH_BITS(MAKE_SEND, 0), port, 0, 12) .. "data"
    local kr, bytes = mach.mach_msg(message, mach.MACH_SEND_MSG | mach.MACH_RCV_MSG, 28, 100, port,
                                    0, 0)
    t.eq(kr, 0, "mach_msg")
    t.eq({string.unpack("<I4I4I4I4I4i4c4", bytes)},
         {mach.MACH_MSGH_BITS(0, mach.MACH_MSG_TYPE_PORT_SEND), 28, 0, port, 0, 12, "data", 29},
         "the message")
    destroy(port)
end)

test("msgh_size and msgh_reserved of a sent header count for nothing.", function(t)
    local port = allocate(RECEIVE)
    for _, size in ipairs{0, 1, 4096, 0xffffffff} do
        t.eq(send(string.pack("<I4I4I4I4I4i4", MAKE_SEND, size, port, 0, 0xdeadbeef, 3) .. "body"),
             0, "msgh_size " .. size)
        local kr, bytes = mach.mach_msg("", mach.MACH_RCV_MSG | mach.MACH_RCV_TIMEOUT, 0, 64, port,
                                        0, 0)
        local _, got, _, _, reserved = string.unpack("<I4I4I4I4I4", bytes)
        t.eq({kr, got, reserved}, {0, 28, 0}, "received")
    end
    destroy(port)
end)
