-- SPDX-License-Identifier: BSD-2-Clause
-- Out-of-line memory: the receiver gets a copy as of the sending, wherever the data lies and
-- however large it is; neither side sees what the other writes afterwards; deallocate moves it.
-- Manual: mach_msg, "Memory".

local must, ports, counts = require "must", require "ports", require "counts"
local memory = require "memory"
local allocate, destroy = ports.allocate, ports.destroy
local fresh, release, write, read = memory.allocate, memory.release, memory.write, memory.read

local self = mach.mach_task_self()
local MAKE_SEND = mach.MACH_MSG_TYPE_MAKE_SEND
local VIRTUAL, PHYSICAL = mach.MACH_MSG_VIRTUAL_COPY, mach.MACH_MSG_PHYSICAL_COPY
local PAGE = 4096

local function mapped(address)
    return (mach.vm_read(self, address, 1)) == 0
end

-- `size` bytes, each page with a number of its own and different from place to place.
local BLOCK = {}
for i = 1, 256 do BLOCK[i] = ("%08d"):format(i * 2654435 % 99999989) end
BLOCK = table.concat(BLOCK):rep(2)

local function pattern(size)
    local parts = {}
    for i = 1, (size + PAGE - 1) // PAGE do parts[i] = ("page%04d"):format(i) .. BLOCK:sub(9) end
    return table.concat(parts):sub(1, size)
end

-- Pages that this task has allocated, whether touched or not.
local function pages() return counts.task().virtual_pages end

-- Sends the regions and receives them as addresses.
local function pass(t, port, ool)
    t.eq(mach.send{remote = port, disp = MAKE_SEND, ool = ool}, 0, "send")
    local kr, msg = mach.receive{port = port, timeout = 0, raw = true}
    t.eq(kr, 0, "receive")
    return msg.ool or {}
end

test("Data arrives as it was, of any size and at any alignment, copied or not.", function(t)
    local port, base = allocate(), fresh(20 * PAGE)
    local all = pattern(20 * PAGE)
    write(base, all)
    for _, copy in ipairs{VIRTUAL, PHYSICAL} do
        for _, case in ipairs{{0, 1}, {0, 4}, {1, 1}, {3, 5}, {0, PAGE}, {1, PAGE}, {PAGE - 1, 2},
                              {PAGE - 1, PAGE + 2}, {100, 3 * PAGE}, {4095, 1}, {PAGE, PAGE - 1},
                              {5, 16 * PAGE}, {0, 20 * PAGE}} do
            local offset, size = case[1], case[2]
            local what = ("%d bytes at offset %d, copy option %d"):format(size, offset, copy)
            local got = pass(t, port, {{addr = base + offset, size = size, copy = copy}})[1]
            t.eq(got.size, size, what)
            if read(got.addr, size) ~= all:sub(offset + 1, offset + size) then
                t.fail(what .. ": other bytes")
            end
            release(got.addr, size)
        end
    end
    t.ok(read(base, 20 * PAGE) == all, "the sender's memory is untouched")
    release(base, 20 * PAGE)
    destroy(port)
end)

test("A region's descriptor arrives as sent, with `deallocate`: the memory is the receiver's.",
function(t)
    local port, base = allocate(), fresh(PAGE)
    local names = string.pack("<I4I4", 0, 0)
    write(base, names)
    for _, case in ipairs{{1, VIRTUAL}, {1, PHYSICAL}, {3, VIRTUAL}, {2, VIRTUAL},
                          {2, PHYSICAL}} do
        local kind, copy = case[1], case[2]
        local what = ("type %d, copy option %d"):format(kind, copy)
        local message = string.pack("<I4I4I4I4I4i4 I4 I4I4BBBB", mach.MACH_MSGH_BITS_COMPLEX |
                                    MAKE_SEND, 0, port, 0, 0, 5, 1, base, kind == 2 and 2 or 8,
                                    0, copy, kind == 2 and MAKE_SEND or 0, kind)
        local kr, bytes = mach.mach_msg(message, mach.MACH_SEND_MSG | mach.MACH_RCV_MSG, #message,
                                        100, port, 0, 0)
        t.eq(kr, 0, what)
        local address, size, deallocate, option, disposition, type =
            string.unpack("<I4I4BBBB", bytes, 29)
        t.eq({type, option, deallocate}, {kind, copy, 1}, what .. ": descriptor")
        t.eq({size, disposition}, kind == 2 and {2, mach.MACH_MSG_TYPE_PORT_SEND} or {8, 0},
             what .. ": size and disposition")
        t.eq(read(address, 8), names, what .. ": the data")
        release(address, 8)
    end
    release(base, PAGE)
    destroy(port)
end)

test("A virtual copy keeps its place within the page; a physical one may start the page.",
function(t)
    local port, base = allocate(), fresh(2 * PAGE)
    for _, offset in ipairs{0, 1, 77, PAGE - 3} do
        local got = pass(t, port, {{addr = base + offset, size = 100, copy = VIRTUAL}})[1]
        t.eq(got.addr % PAGE, offset, "alignment")
        release(got.addr, 100)
        got = pass(t, port, {{addr = base + offset, size = 100, copy = PHYSICAL}})[1]
        t.eq(got.addr % PAGE, 0, "alignment of a physical copy")
        release(got.addr, 100)
    end
    release(base, 2 * PAGE)
    destroy(port)
end)

test("What lies around the data in its pages does not travel: the receiver reads zeros there.",
function(t)
    local port, base = allocate(), fresh(2 * PAGE)
    write(base, ("secret! "):rep(2 * PAGE // 8))
    for _, copy in ipairs{VIRTUAL, PHYSICAL} do
        local got = pass(t, port, {{addr = base + 64, size = PAGE, copy = copy}})[1]
        local first = got.addr & ~(PAGE - 1)
        local last = (got.addr + PAGE - 1) & ~(PAGE - 1)
        t.eq(read(first, got.addr - first), ("\0"):rep(got.addr - first), "before the data")
        local behind = last + PAGE - (got.addr + PAGE)
        t.eq(read(got.addr + PAGE, behind), ("\0"):rep(behind), "behind the data")
        release(got.addr, PAGE)
    end
    release(base, 2 * PAGE)
    destroy(port)
end)

test("What the sender writes after sending, the receiver does not see.", function(t)
    local port, base = allocate(), fresh(4 * PAGE)
    local old = pattern(4 * PAGE)
    for _, copy in ipairs{VIRTUAL, PHYSICAL} do
        write(base, old)
        t.eq(mach.send{remote = port, disp = MAKE_SEND,
                       ool = {{addr = base, size = 4 * PAGE, copy = copy}}}, 0, "send")
        write(base + PAGE, ("new!"):rep(PAGE // 4)) -- while it is in the queue
        local _, msg = mach.receive{port = port, timeout = 0, raw = true}
        write(base + 3 * PAGE + 5, "new!") -- and after it was received
        t.ok(read(msg.ool[1].addr, 4 * PAGE) == old, "received, copy option " .. copy)
        t.eq(read(base + PAGE, 8), "new!new!", "the sender's own")
        release(msg.ool[1].addr, 4 * PAGE)
    end
    release(base, 4 * PAGE)
    destroy(port)
end)

test("What the receiver writes, the sender does not see, nor do other receivers.", function(t)
    local port, base = allocate(), fresh(3 * PAGE)
    local old = pattern(3 * PAGE)
    write(base, old)
    local a = pass(t, port, {{addr = base, size = 3 * PAGE}})[1].addr
    local b = pass(t, port, {{addr = base, size = 3 * PAGE}})[1].addr
    write(a + PAGE, "A was here")
    write(b + PAGE, "B was here, too")
    t.ok(read(base, 3 * PAGE) == old, "the sender's memory")
    t.eq({read(a + PAGE, 10), read(b + PAGE, 15)}, {"A was here", "B was here, too"}, "the copies")
    t.ok(read(a, PAGE) == old:sub(1, PAGE) and read(b + 2 * PAGE, PAGE) == old:sub(2 * PAGE + 1),
         "the pages that nobody wrote")
    for _, address in ipairs{a, b, base} do release(address, 3 * PAGE) end
    destroy(port)
end)

test("A copy of a copy, sent on three times, is still the first one's data.", function(t)
    local port, base = allocate(), fresh(2 * PAGE)
    local old, last, chain = pattern(2 * PAGE), nil, {}
    write(base, old)
    last = base
    for i = 1, 3 do
        last = pass(t, port, {{addr = last, size = 2 * PAGE}})[1].addr
        chain[i] = last
    end
    write(base, "changed") -- only here
    write(chain[2], "altered")
    t.ok(read(chain[1], 2 * PAGE) == old, "the first copy")
    t.ok(read(chain[3], 2 * PAGE) == old, "the third copy")
    t.eq({read(base, 7), read(chain[2], 7)}, {"changed", "altered"}, "those that were written")
    release(base, 2 * PAGE)
    for i = 1, 3 do release(chain[i], 2 * PAGE) end
    destroy(port)
end)

test("Sending the same memory again and again shows each receiver what it held at that moment.",
function(t)
    local port, base = allocate(), fresh(PAGE)
    for i = 1, 5 do
        write(base + 100, ("state %02d"):format(i))
        t.eq(mach.send{remote = port, disp = MAKE_SEND, ool = {{addr = base + 100, size = 8}}}, 0,
             "send " .. i)
    end
    for i = 1, 5 do
        local _, msg = mach.receive{port = port, timeout = 0}
        t.eq(msg.ool[1].data, ("state %02d"):format(i), "message " .. i)
    end
    release(base, PAGE)
    destroy(port)
end)

test("deallocate takes every page that the region touches from the sender.", function(t)
    local port, base = allocate(), fresh(5 * PAGE)
    write(base, pattern(5 * PAGE))
    local before = pages()
    t.eq(mach.send{remote = port, disp = MAKE_SEND,
                   ool = {{addr = base + 2 * PAGE - 1, size = PAGE + 2, deallocate = true}}}, 0,
         "send")
    t.eq(pages(), before - 3, "pages of the sender")
    for i, want in ipairs{true, false, false, false, true} do
        t.eq(mapped(base + (i - 1) * PAGE), want, "page " .. i)
    end
    local _, msg = mach.receive{port = port, timeout = 0}
    t.ok(msg.ool[1].data == pattern(5 * PAGE):sub(2 * PAGE, 3 * PAGE + 1), "the data")
    release(base, PAGE)
    release(base + 4 * PAGE, PAGE)
    destroy(port)
end)

test("deallocate works with physical copies and with several regions too.", function(t)
    local port, a, b, c = allocate(), fresh(2 * PAGE), fresh(PAGE), fresh(PAGE)
    write(a, "first")
    write(b, "second")
    write(c, "third")
    local before = pages()
    t.eq(mach.send{remote = port, disp = MAKE_SEND,
                   ool = {{addr = a, size = 2 * PAGE, deallocate = true},
                          {addr = b, size = 6, copy = PHYSICAL, deallocate = true},
                          {addr = c, size = 5}}}, 0, "send")
    t.eq({pages(), mapped(a), mapped(b), mapped(c)}, {before - 3, false, false, true}, "memory")
    local _, msg = mach.receive{port = port, timeout = 0}
    t.eq({msg.ool[1].data:sub(1, 5), msg.ool[2].data, msg.ool[3].data},
         {"first", "second", "third"}, "the data")
    release(c, PAGE)
    destroy(port)
end)

test("One region sent twice with deallocate in one message arrives twice.", function(t)
    local port, base = allocate(), fresh(PAGE)
    write(base, "double")
    t.eq(mach.send{remote = port, disp = MAKE_SEND,
                   ool = {{addr = base, size = PAGE, deallocate = true},
                          {addr = base, size = 6, deallocate = true}}}, 0, "send")
    t.eq(mapped(base), false, "it is gone here")
    local _, msg = mach.receive{port = port, timeout = 0}
    t.eq({msg.ool[1].data:sub(1, 6), msg.ool[2].data}, {"double", "double"}, "the data")
    destroy(port)
end)

test("A region without bytes arrives with address 0; its own address counts for nothing.",
function(t)
    local port, base = allocate(), fresh(PAGE)
    local before = pages()
    local got = pass(t, port, {{addr = 0, size = 0}, {addr = 0xfffffffc, size = 0, copy = PHYSICAL},
                               {addr = base, size = 0, deallocate = true}})
    t.eq(got, {{addr = 0, size = 0}, {addr = 0, size = 0}, {addr = 0, size = 0}}, "received")
    t.eq({pages(), mapped(base)}, {before, true}, "nothing was deallocated")
    release(base, PAGE)
    destroy(port)
end)

test("Received memory is like fresh memory: readable, writable, copied to children.", function(t)
    local port, base = allocate(), fresh(PAGE)
    write(base, "x")
    must(mach.vm_protect(self, base, PAGE, false, mach.VM_PROT_READ), "vm_protect")
    must(mach.vm_inherit(self, base, PAGE, mach.VM_INHERIT_NONE), "vm_inherit")
    local plain = fresh(PAGE)
    local function region(address)
        local kr, start, _, info = mach.vm_region(self, address, mach.VM_REGION_BASIC_INFO)
        must(kr, "vm_region")
        return {start <= address, info.protection, info.max_protection, info.inheritance}
    end
    for _, copy in ipairs{VIRTUAL, PHYSICAL} do
        local got = pass(t, port, {{addr = base, size = PAGE, copy = copy}})[1].addr
        t.eq(region(got), region(plain), "copy option " .. copy)
        write(got, "y")
        release(got, PAGE)
    end
    release(plain, PAGE)
    release(base, PAGE)
    destroy(port)
end)

test("Eight megabytes go in one message, and only the pages that are written are copied.",
function(t)
    local port, size = allocate(), 8 << 20
    local base = fresh(size)
    for offset = 0, size - 1, 1 << 20 do write(base + offset, ("mark %d"):format(offset)) end
    local before = counts.host()
    local got = pass(t, port, {{addr = base, size = size}})[1]
    local after = counts.host()
    t.eq(got.size, size, "size")
    local used = before.pages_free - after.pages_free
    t.ok(used < 64, ("%d pages were taken for 2048"):format(used))
    for offset = 0, size - 1, 1 << 20 do
        t.eq(read(got.addr + offset, 12), ("mark %d"):format(offset) ..
             ("\0"):rep(12 - #("mark %d"):format(offset)), "at " .. offset)
    end
    write(got.addr + 5 * PAGE, "changed")
    t.eq(read(base + 5 * PAGE, 7), ("\0"):rep(7), "the sender's page")
    release(got.addr, size)
    release(base, size)
    destroy(port)
end)

test("Megabytes sent with physical copy are copied all the same.", function(t)
    local port, size = allocate(), 1 << 20
    local base, data = fresh(size), pattern(1 << 20)
    write(base, data)
    t.eq(mach.send{remote = port, disp = MAKE_SEND,
                   ool = {{addr = base, size = size, copy = PHYSICAL}}}, 0, "send")
    write(base, ("z"):rep(PAGE))
    local _, msg = mach.receive{port = port, timeout = 0}
    t.ok(msg.ool[1].data == data, "the data")
    release(base, size)
    destroy(port)
end)

test("Pages that nobody has touched arrive as zeros.", function(t)
    local port, base = allocate(), fresh(4 * PAGE)
    write(base + 2 * PAGE, "here")
    local got = pass(t, port, {{addr = base, size = 4 * PAGE}})[1].addr
    t.eq(read(got, 8), ("\0"):rep(8), "before")
    t.eq(read(got + 2 * PAGE, 8), "here\0\0\0\0", "the page that was written")
    write(base + PAGE, "late")
    t.eq(read(got + PAGE, 4), ("\0"):rep(4), "written by the sender afterwards")
    write(got + 3 * PAGE, "mine")
    t.eq(read(base + 3 * PAGE, 4), ("\0"):rep(4), "written by the receiver")
    release(got, 4 * PAGE)
    release(base, 4 * PAGE)
    destroy(port)
end)

test("A region over several mappings with different protection is one region for the receiver.",
function(t)
    local port, base = allocate(), fresh(4 * PAGE)
    local all = pattern(4 * PAGE)
    write(base, all)
    must(mach.vm_protect(self, base + PAGE, PAGE, false, mach.VM_PROT_READ), "vm_protect")
    must(mach.vm_inherit(self, base + 2 * PAGE, PAGE, mach.VM_INHERIT_SHARE), "vm_inherit")
    local got = pass(t, port, {{addr = base + 10, size = 4 * PAGE - 20}})[1].addr
    t.ok(read(got, 4 * PAGE - 20) == all:sub(11, -11), "the data")
    write(got + PAGE, "writable") -- all of it
    release(got, 4 * PAGE - 20)
    release(base, 4 * PAGE)
    destroy(port)
end)

test("A region over a hole is refused and the sender keeps what is around it.", function(t)
    local port, base = allocate(), fresh(3 * PAGE)
    write(base, pattern(3 * PAGE))
    release(base + PAGE, PAGE)
    local before = pages()
    for _, copy in ipairs{VIRTUAL, PHYSICAL} do
        t.eq(mach.send{remote = port, disp = MAKE_SEND,
                       ool = {{addr = base, size = 3 * PAGE, copy = copy, deallocate = true}}},
             mach.MACH_SEND_INVALID_MEMORY, "copy option " .. copy)
    end
    t.eq({pages(), mapped(base), mapped(base + 2 * PAGE)}, {before, true, true}, "memory")
    t.ok(read(base, PAGE) == pattern(PAGE), "its contents")
    release(base, PAGE)
    release(base + 2 * PAGE, PAGE)
    destroy(port)
end)

test("Regions, rights and body of one message all arrive, each list in its order.", function(t)
    local port, a = allocate(), allocate()
    local ool = {}
    for i = 1, 20 do ool[i] = {data = ("region %d "):format(i):rep(i * 50), copy = i % 2} end
    t.eq(mach.send{remote = port, disp = MAKE_SEND, body = "the body",
                   ports = {{a, MAKE_SEND}, {0, MAKE_SEND}}, ool = ool}, 0, "send")
    local kr, msg = mach.receive{port = port, timeout = 0}
    t.eq({kr, msg.body, #msg.ool}, {0, "the body", 20}, "received")
    t.eq(msg.ports, {{a, mach.MACH_MSG_TYPE_PORT_SEND}, {0, mach.MACH_MSG_TYPE_PORT_SEND}},
         "rights")
    for i = 1, 20 do t.ok(msg.ool[i].data == ool[i].data, "region " .. i) end
    destroy(port, a)
end)

test("Memory in a message that is destroyed is freed.", function(t)
    local size, data = 256 * PAGE, pattern(256 * PAGE) -- made once: Lua's heap takes pages, too
    local before
    for round = 1, 5 do
        local port, base = allocate(), fresh(size)
        write(base, data)
        t.eq(mach.send{remote = port, disp = MAKE_SEND,
                       ool = {{addr = base, size = size, deallocate = true}}}, 0, "send")
        destroy(port)
        local free = counts.host().pages_free
        if round == 1 then before = free end
        t.ok(free > before - 50,
             ("round %d: %d free pages, %d before"):format(round, free, before))
    end
end)

test("Memory moves between tasks and back.", function(t)
    local port = allocate()
    local job = spawn.task(function()
        local data = ("from the child "):rep(1000)
        local kr, msg = mach.rpc{remote = args.port, id = 1,
                                 ool = {{data = data, deallocate = true}}}
        return {kr, msg.ool[1].data == data:upper()}
    end, {}, {port = port})
    local kr, msg = mach.receive{port = port, timeout = 900}
    t.eq({kr, msg.id}, {0, 1}, "receive")
    t.eq(mach.send{remote = msg.remote, disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE,
                   ool = {{data = msg.ool[1].data:upper()}}}, 0, "reply")
    local ok, got = job:wait(900)
    t.eq({ok, got}, {true, {0, true}}, "the child")
    destroy(port)
end)

test("Parent and child do not see each other's writes to memory that was sent.", function(t)
    local port, base = allocate(), fresh(2 * PAGE)
    write(base, ("parent"):rep(1000))
    local job = spawn.task(function()
        local self = mach.mach_task_self()
        local kr, msg = mach.rpc{remote = args.port, raw = true}
        local address = msg.ool[1].addr
        kr = mach.vm_write(self, address + 6, "child!")
        mach.rpc{remote = args.port} -- the parent writes before it answers
        local _, bytes = mach.vm_read(self, address, 18)
        return {kr, bytes}
    end, {}, {port = port})
    local function answer(ool)
        local kr, msg = mach.receive{port = port, timeout = 900}
        t.eq(kr, 0, "receive")
        if not ool then
            t.eq(read(base, 18), "parentparentparent", "the parent's memory")
            write(base + 12, "PARENT")
        end
        t.eq(mach.send{remote = msg.remote, disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, ool = ool}, 0,
             "reply")
    end
    answer{{addr = base, size = 2 * PAGE}}
    answer(nil)
    local ok, got = job:wait(900)
    t.eq({ok, got}, {true, {0, "parentchild!parent"}}, "the child")
    t.eq(read(base, 18), "parentparentPARENT", "the parent's memory")
    release(base, 2 * PAGE)
    destroy(port)
end)
