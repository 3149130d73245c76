-- SPDX-License-Identifier: BSD-2-Clause
-- mach_msg_overwrite: a buffer of its own for the receive half; scatter lists, which say where the
-- out-of-line memory and port arrays of a message are to be written. Contracts: mach_traps.h,
-- docs/differences.md; manual: mach_msg.

local must, ports, scatter = require "must", require "ports", require "scatter"
local memory, threads, clock = require "memory", require "threads", require "clock"

local self, PAGE = mach.mach_task_self(), 4096
local SEND, RCV, OVERWRITE = mach.MACH_SEND_MSG, mach.MACH_RCV_MSG, mach.MACH_RCV_OVERWRITE
local TIMEOUT, LARGE = mach.MACH_RCV_TIMEOUT, mach.MACH_RCV_LARGE
local SMALL, INVALID_TYPE = mach.MACH_RCV_SCATTER_SMALL, mach.MACH_RCV_INVALID_TYPE
local BODY_ERROR, TIMED_OUT = mach.MACH_RCV_BODY_ERROR, mach.MACH_RCV_TIMED_OUT
local PORT, OOL, OOL_PORTS = mach.MACH_MSG_PORT_DESCRIPTOR, mach.MACH_MSG_OOL_DESCRIPTOR,
    mach.MACH_MSG_OOL_PORTS_DESCRIPTOR
local VIRTUAL, PHYSICAL = mach.MACH_MSG_VIRTUAL_COPY, mach.MACH_MSG_PHYSICAL_COPY
local MAKE_SEND, COPY_SEND = mach.MACH_MSG_TYPE_MAKE_SEND, mach.MACH_MSG_TYPE_COPY_SEND

local function send(port, fields)
    fields.remote, fields.disp, fields.id = port, MAKE_SEND, fields.id or 7
    must(mach.send(fields), "send")
end

local function empty(t, port, what)
    t.eq((mach.receive{port = port, timeout = 0}), TIMED_OUT, what or "nothing is left in the queue")
end

-- `size` bytes that differ from place to place.
local function pattern(size, seed)
    return (("%06d "):rep(size // 7 + 1):format(table.unpack((function()
        local list = {}
        for i = 1, size // 7 + 1 do list[i] = i * (seed or 1) % 1000000 end
        return list
    end)()))):sub(1, size)
end

-- ---- two buffers --------------------------------------------------------------------------------

test("The message goes out of one buffer and comes into the other.", function(t)
    local port = ports.both()
    local out = string.pack("<I4I4I4I4I4i4", MAKE_SEND, 0, port, 0, 0, 42) .. "outbound"
    local kr, bytes = mach.mach_msg_overwrite(out, SEND | RCV, 32, 100, port, 0, 0, ("x"):rep(100), 0)
    t.eq(kr, 0, "both halves")
    local m = scatter.message(bytes)
    t.eq({m.id, m.local_port, m.body, m.size}, {42, port, "outbound", 32}, "what came")
    t.eq(bytes:sub(41, 100), ("x"):rep(60), "nothing behind the trailer is written")
    ports.destroy(port)
end)

test("Without a receive buffer the send buffer serves, and each half can be left out.", function(t)
    local port = ports.both()
    local out = string.pack("<I4I4I4I4I4i4", COPY_SEND, 0, port, 0, 0, 5) .. "data"
    local kr, bytes = mach.mach_msg_overwrite(out, SEND | RCV, 28, 100, port, 0, 0, nil, 0)
    t.eq({kr, scatter.message(bytes).body}, {0, "data"}, "one buffer")
    t.eq((mach.mach_msg_overwrite(out, SEND, 28, 0, 0, 0, 0, nil, 0)), 0, "only the send half")
    kr, bytes = mach.mach_msg_overwrite("", RCV, 0, 100, port, 0, 0, ("y"):rep(100), 0)
    t.eq({kr, scatter.message(bytes).id}, {0, 5}, "only the receive half")
    t.eq((mach.mach_msg_overwrite(out, 0, 28, 100, port, 0, 0, nil, 0)), 0, "neither")
    empty(t, port)
    ports.destroy(port)
end)

test("A send half that fails is the end of it: nothing is received, no list is looked at.",
function(t)
    local port = ports.both()
    send(port, {id = 11})
    local bad = string.pack("<I4I4I4I4I4i4", COPY_SEND, 0, 0x7777700, 0, 0, 5)
    t.eq((mach.mach_msg_overwrite(bad, SEND | RCV | OVERWRITE, 24, 100, port, 0, 0, "\xff", 50)),
         mach.MACH_SEND_INVALID_DEST, "result")
    t.eq(select(2, mach.receive{port = port, timeout = 0}).id, 11, "the message is still there")
    ports.destroy(port)
end)

test("Timeouts, aborts and ports that die end it as they end mach_msg.", function(t)
    local port = ports.both()
    local before = clock.now()
    t.eq((scatter.receive(port, {}, {ms = 20})), TIMED_OUT, "timeout")
    t.ok(clock.now() - before >= 20, "its length")
    local code = [[
        local place = require("scatter").list{{memory = 0x1000, size = 8}}
        return (mach.mach_msg_overwrite("", args.option, 0, 200, args.port, 0, 0, place, #place))
    ]]
    local option = RCV | OVERWRITE | mach.MACH_RCV_INTERRUPT
    local job = spawn.thread(code, {port = port, option = option})
    threads.wait_until_waiting(job.thread)
    must(mach.thread_abort(job.thread), "abort")
    t.eq({job:wait(1000)}, {true, mach.MACH_RCV_INTERRUPTED}, "abort")
    job = spawn.thread(code, {port = port, option = RCV | OVERWRITE})
    threads.wait_until_waiting(job.thread)
    must(mach.thread_abort(job.thread), "abort")
    clock.sleep(5)
    t.eq({job:wait(0)}, {nil, "timeout"}, "the library repeats it if it need not be told")
    must(mach.thread_terminate(job.thread), "terminate")
    job:wait(1000)
    job = spawn.thread(code, {port = port, option = option})
    threads.wait_until_waiting(job.thread)
    ports.destroy(port)
    t.eq({job:wait(1000)}, {true, mach.MACH_RCV_PORT_DIED}, "death of the port")
end)

-- ---- scatter lists ------------------------------------------------------------------------------

test("Memory is written over what the list says, any alignment, any way it was sent.", function(t)
    local port, place = ports.both(), memory.allocate(4 * PAGE)
    for _, copy in ipairs{VIRTUAL, PHYSICAL} do
        for _, size in ipairs{1, 4, 4095, PAGE, PAGE + 1, 2 * PAGE} do
            for _, offset in ipairs{0, 1, 100, PAGE} do
                local data = pattern(size, size + offset)
                memory.write(place, ("."):rep(4 * PAGE))
                send(port, {ool = {{data = data, copy = copy}}, body = "tail"})
                local kr, m = scatter.receive(port, {{memory = place + offset, size = 2 * PAGE}})
                t.eq(kr, 0, "receive")
                t.eq(m.descriptors, {{OOL, place + offset, size, 0, copy}}, "the descriptor")
                t.eq(m.body, "tail", "the body")
                local want = ("."):rep(offset) .. data .. ("."):rep(4 * PAGE - offset - size)
                t.ok(memory.read(place, 4 * PAGE) == want, ("%d bytes at %d"):format(size, offset))
            end
        end
    end
    memory.release(place, 4 * PAGE)
    ports.destroy(port)
end)

test("Each region has its descriptor in turn; those of ports do not count, on either side.",
function(t)
    local port, place = ports.both(), memory.allocate(PAGE)
    send(port, {ports = {{port, MAKE_SEND}, {port, MAKE_SEND}},
                ool = {{data = "first"}, {data = "second"}, {data = "third"}}})
    local kr, m = scatter.receive(port, {{memory = place + 100, size = 10}, {port = true},
                                         {port = true}, {fresh = true}, {port = true},
                                         {memory = place + 300, size = 10},
                                         {memory = 0x1, size = 99}})
    t.eq(kr, 0, "receive")
    t.eq({m.descriptors[1][1], m.descriptors[2][1]}, {PORT, PORT}, "the ports")
    t.eq({m.descriptors[3], m.descriptors[5]}, {{OOL, place + 100, 5, 0, VIRTUAL},
                                                {OOL, place + 300, 5, 0, VIRTUAL}}, "first and third")
    t.eq({m.descriptors[4][3], m.descriptors[4][4]}, {6, 1}, "the second is in fresh memory")
    t.eq({memory.read(place + 100, 5), memory.read(m.descriptors[4][2], 6),
          memory.read(place + 300, 5)}, {"first", "second", "third"}, "what they are")
    t.eq(#m.descriptors, 5, "descriptors that nothing came for do not appear")
    memory.release(m.descriptors[4][2], PAGE)
    for _ = 1, 2 do ports.deallocate(port) end
    memory.release(place, PAGE)
    ports.destroy(port)
end)

test("Regions beyond the list, without a list, or under a plain mach_msg come in fresh memory.",
function(t)
    local port, place = ports.both(), memory.allocate(PAGE)
    local cases = {
        ["a shorter list"] = {{memory = place, size = 8}},
        ["an empty list"] = {},
        ["a list of no size"] = "",
        ["less than a count"] = ("\xff"):rep(27),
    }
    for what, list in pairs(cases) do
        send(port, {ool = {{data = "one"}, {data = "two"}}})
        local kr, m = scatter.receive(port, list)
        t.eq(kr, 0, what)
        for i, d in ipairs(m.descriptors) do
            local fresh = not (what == "a shorter list" and i == 1)
            t.eq({d[4], memory.read(d[2], 3)}, {fresh and 1 or 0, i == 1 and "one" or "two"}, what)
            if fresh then memory.release(d[2], PAGE) end
        end
    end
    send(port, {ool = {{data = "plain"}}})
    local list = scatter.list{{memory = place, size = 8}}
    local kr, bytes = mach.mach_msg(list, RCV | OVERWRITE, 0, 200, port, 0, 0)
    t.eq(kr, 0, "mach_msg with the option")
    local d = scatter.message(bytes).descriptors[1]
    t.ok(d[2] ~= place and d[4] == 1, "takes no list")
    memory.release(d[2], PAGE)
    memory.release(place, PAGE)
    ports.destroy(port)
end)

test("Empty regions and arrays have address 0 wherever they were to go.", function(t)
    local port, place = ports.both(), memory.allocate(PAGE)
    send(port, {ool = {{data = ""}}, ool_ports = {{{}, MAKE_SEND}}})
    local kr, m = scatter.receive(port, {{memory = place, size = 8}, {ports = place, count = 2}})
    t.eq(kr, 0, "receive")
    for i = 1, 2 do t.eq({m.descriptors[i][2], m.descriptors[i][3]}, {0, 0}, "descriptor " .. i) end
    memory.release(place, PAGE)
    ports.destroy(port)
end)

test("An array of ports is written over what the list says.", function(t)
    local port, other, place = ports.both(), ports.allocate(), memory.allocate(2 * PAGE)
    memory.write(place, ("."):rep(2 * PAGE))
    for _, offset in ipairs{0, 3, PAGE - 6} do
        send(port, {ool_ports = {{{other, 0, other, 0xffffffff}, MAKE_SEND}}})
        local kr, m = scatter.receive(port, {{ports = place + offset, count = 4}})
        t.eq(kr, 0, "receive")
        t.eq({m.descriptors[1][1], m.descriptors[1][2], m.descriptors[1][3], m.descriptors[1][4]},
             {OOL_PORTS, place + offset, 4, 0}, "the descriptor")
        t.eq({string.unpack("<I4I4I4I4", memory.read(place + offset, 16))},
             {other, 0, other, 0xffffffff, 17}, "the names")
        t.eq(memory.read(place + offset + 16, 1), ".", "nothing behind them")
        for _ = 1, 2 do ports.deallocate(other) end
    end
    send(port, {ool_ports = {{{other}, MAKE_SEND}}})
    local kr, m = scatter.receive(port, {{fresh_ports = true}})
    t.eq({kr, m.descriptors[1][4], memory.read(m.descriptors[1][2], 4)},
         {0, 1, string.pack("<I4", other)}, "or comes in fresh memory")
    memory.release(m.descriptors[1][2], PAGE)
    ports.deallocate(other)
    memory.release(place, 2 * PAGE)
    ports.destroy(port, other)
end)

test("A place that is not allocated or cannot be written: MACH_RCV_BODY_ERROR for that region only.",
function(t)
    local port, place = ports.both(), memory.allocate(3 * PAGE)
    must(mach.vm_protect(self, place + PAGE, PAGE, false, mach.VM_PROT_READ), "vm_protect")
    must(mach.vm_deallocate(self, place + 2 * PAGE, PAGE), "vm_deallocate")
    for what, bad in pairs{["read-only"] = place + PAGE, hole = place + 2 * PAGE, null = 0,
                           kernel = 0xc0100000, top = 0xfffffffc, across = place + PAGE - 4} do
        memory.write(place, "untouched")
        send(port, {ool = {{data = "lost data"}, {data = "kept"}},
                    ool_ports = {{{port, port}, MAKE_SEND}}})
        local kr, m = scatter.receive(port, {{memory = bad, size = 100},
                                             {memory = place + 100, size = 100},
                                             {ports = bad, count = 3}})
        t.eq(kr, BODY_ERROR | mach.MACH_MSG_VM_SPACE, what)
        t.eq({m.descriptors[1][2], m.descriptors[1][3]}, {0, 0}, what .. ": the region")
        t.eq({m.descriptors[2][2], memory.read(place + 100, 4)}, {place + 100, "kept"}, what)
        t.eq({m.descriptors[3][2], m.descriptors[3][3]}, {0, 0}, what .. ": the array")
        t.eq(memory.read(place, 9), "untouched", what)
    end
    memory.release(place, 2 * PAGE)
    ports.destroy(port)
end)

test("A place that is too small: the message is destroyed, its header comes.", function(t)
    local port, other, place = ports.both(), ports.allocate(), memory.allocate(PAGE)
    for what, list in pairs{memory = {{memory = place, size = 7}, {fresh_ports = true}},
                            ports = {{fresh = true}, {ports = place, count = 1}},
                            none = {{memory = place, size = 0}}} do
        memory.write(place, "........")
        send(port, {ool = {{data = "12345678"}}, ool_ports = {{{other, other}, MAKE_SEND}},
                    local_port = other, id = 99})
        local kr, m = scatter.receive(port, list)
        t.eq(kr, SMALL, what)
        t.eq({m.id, m.size, m.local_port, m.remote}, {99, 52, port, 0}, what .. ": the header")
        t.eq(ports.info(other).srights, 0, what .. ": rights are gone")
        t.eq(memory.read(place, 8), "........", what .. ": nothing is written")
        local _, notice = mach.receive{port = other, timeout = 0}
        t.eq(notice.id, mach.MACH_NOTIFY_SEND_ONCE, what .. ": the reply right")
    end
    empty(t, port)
    memory.release(place, PAGE)
    ports.destroy(port, other)
end)

test("With MACH_RCV_LARGE it stays: header, body and descriptors come, without rights and memory.",
function(t)
    local port, other, place = ports.both(), ports.allocate(), memory.allocate(PAGE)
    send(port, {ool = {{data = pattern(300)}}, ports = {{other, MAKE_SEND}},
                ool_ports = {{{other, other}, MAKE_SEND}}, local_port = other, id = 99, body = "tail"})
    for _ = 1, 3 do
        local names = ports.info(other).srights
        local kr, m = scatter.receive(port, {{memory = place, size = 299}}, {options = LARGE})
        t.eq(kr, SMALL, "receive")
        t.eq({m.id, m.size, m.local_port, m.remote, m.body}, {99, 68, port, 0, "tail"}, "the header")
        t.eq(m.bits & 0x8000ffff, 0x80000000 | mach.MACH_MSGH_BITS(0, 17), "its bits")
        t.eq({m.descriptors[1][1], m.descriptors[1][2]}, {PORT, 0}, "the port")
        t.eq({m.descriptors[2][1], m.descriptors[2][2], m.descriptors[2][3]}, {OOL, 0, 300},
             "the region, with its size")
        t.eq({m.descriptors[3][1], m.descriptors[3][2], m.descriptors[3][3]}, {OOL_PORTS, 0, 2},
             "the array, with its count")
        t.eq(m.trailer, {0, 12, 0}, "the trailer")
        t.eq(ports.info(other).srights, names, "no right has come")
        t.eq(ports.info(port).queue_length, 1, "the message is in the queue")
    end
    local kr, m = scatter.receive(port, {{memory = place, size = 300}}, {options = LARGE})
    t.eq({kr, m.trailer}, {0, {0, 12, 0}}, "then with enough room")
    t.eq({memory.read(place, 300)}, {pattern(300)}, "the region")
    memory.release(m.descriptors[3][2], PAGE)
    for _ = 1, 3 do ports.deallocate(other) end
    ports.deallocate(m.remote)
    t.eq(select(2, mach.receive{port = other, timeout = 0}).id, mach.MACH_NOTIFY_SEND_ONCE, "reply")
    memory.release(place, PAGE)
    ports.destroy(port, other)
end)

test("MACH_RCV_TOO_LARGE comes before the list, with MACH_RCV_LARGE and without.", function(t)
    local port, place = ports.both(), memory.allocate(PAGE)
    send(port, {ool = {{data = "12345678"}}, body = "tail"})
    local list = {{memory = place, size = 3}}
    local kr, m = scatter.receive(port, list, {size = 50, options = LARGE})
    t.eq({kr, m.size}, {mach.MACH_RCV_TOO_LARGE, 44}, "left in the queue")
    kr = scatter.receive(port, list, {size = 50})
    t.eq(kr, mach.MACH_RCV_TOO_LARGE, "destroyed")
    empty(t, port)
    memory.release(place, PAGE)
    ports.destroy(port)
end)

test("A descriptor of the wrong type or copy option: MACH_RCV_INVALID_TYPE, and the message is gone.",
function(t)
    local port, other, place = ports.both(), ports.allocate(), memory.allocate(PAGE)
    local volatile = mach.MACH_MSG_OOL_VOLATILE_DESCRIPTOR
    for what, list in pairs{
        ["ports for memory"] = {{ports = place, count = 100}},
        ["memory for ports"] = {{fresh = true}, {memory = place, size = 100}},
        ["unknown type"] = {{memory = place, size = 100, type = 4}},
        ["copy 0"] = {{memory = place, size = 100, copy = PHYSICAL}},
        ["copy 1"] = {{memory = place, size = 100, copy = VIRTUAL}},
        ["copy 4"] = {{memory = place, size = 100, copy = 4}},
        ["second, though the first is small"] = {{memory = place, size = 1}, {fresh = true}},
    } do
        for _, options in ipairs{0, LARGE} do
            send(port, {ool = {{data = "12345678"}}, ool_ports = {{{other}, MAKE_SEND}}})
            local kr = scatter.receive(port, list, {options = options})
            t.eq(kr, INVALID_TYPE, what)
            t.eq(ports.info(other).srights, 0, what .. ": what it carried is gone")
            empty(t, port, what)
        end
    end
    send(port, {ool = {{data = "vol"}}})
    local kr = scatter.receive(port, {{memory = place, size = 9, type = volatile}})
    t.eq({kr, memory.read(place, 3)}, {0, "vol"}, "volatile memory is memory")
    send(port, {ool = {{data = "good"}}})
    kr = scatter.receive(port, {{memory = place, size = 9}, {memory = 1, type = 9, copy = 9}})
    t.eq({kr, memory.read(place, 4)}, {0, "good"}, "what nothing comes for is not looked at")
    memory.release(place, PAGE)
    ports.destroy(port, other)
end)

test("A list that cannot be read, or is not as long as it says, leaves the queue alone.", function(t)
    local port, place = ports.both(), memory.allocate(PAGE)
    send(port, {ool = {{data = "x"}}})
    for what, n in pairs{["one too many"] = 2, ["very many"] = 0x15555556, most = 0xffffffff} do
        local list = scatter.list{count = n, {memory = place, size = 9}}
        t.eq((scatter.receive(port, list)), INVALID_TYPE, what)
    end
    local list = scatter.list{count = 6000, {memory = place, size = 9}}
    t.eq((scatter.receive(port, list, {list_size = 0xffffffff})), INVALID_TYPE, "a size of 4 GiB")
    t.eq((scatter.receive(port, list, {list_size = 0x10000 + 29})), INVALID_TYPE, "above 64 KiB")
    local option = RCV | TIMEOUT | OVERWRITE
    for _, address in ipairs{8, 0xbffffff0, 0xc0000000, 0xffffffff, 0xffffffe8} do
        t.eq(threads.trap(mach.MACH_TRAP_mach_msg_overwrite_trap, 0, option, 0, 4096, port, 0, 0,
                          address, 4096), mach.MACH_RCV_INVALID_DATA, ("%#x"):format(address))
    end
    t.eq(ports.info(port).queue_length, 1, "the message is still there")
    memory.release(place, PAGE)
    ports.destroy(port)
end)

-- ---- who waits ----------------------------------------------------------------------------------

-- A thread that receives with such a list, and waits.
local function receiver(port, list, options)
    local job = spawn.thread([[
        local scatter = require "scatter"
        local kr, m = scatter.receive(args.port, args.list, {ms = 5000, options = args.options})
        return {kr, m and m.id, m and m.size, m and m.descriptors[1] and m.descriptors[1][3]}
    ]], {port = port, list = list, options = options or 0})
    threads.wait_until_waiting(job.thread)
    return job
end

local function answers(t, job, want, what) t.eq({job:wait(1000)}, {true, want}, what) end

test("A receiver that waits gets its memory where it wants it, or is told why not.", function(t)
    local port, place = ports.both(), memory.allocate(PAGE)
    local job = receiver(port, {{memory = place, size = 10}})
    send(port, {ool = {{data = "waited for"}}})
    answers(t, job, {0, 7, 40, 10}, "enough room")
    t.eq(memory.read(place, 10), "waited for", "the memory")
    job = receiver(port, {{memory = place, size = 9}})
    send(port, {ool = {{data = "waited for"}}})
    answers(t, job, {SMALL, 7, 40}, "too little: destroyed")
    job = receiver(port, {{ports = place, count = 9}})
    send(port, {ool = {{data = "waited for"}}})
    answers(t, job, {INVALID_TYPE, 7, 40}, "another type: destroyed")
    job = receiver(port, {{memory = place, size = 9}}, LARGE)
    send(port, {ool = {{data = "waited for"}}})
    answers(t, job, {SMALL, 7, 40, 10}, "too little, with MACH_RCV_LARGE")
    t.eq(ports.info(port).queue_length, 1, "the message stays")
    memory.release(place, PAGE)
    ports.destroy(port)
end)

test("A message that does not fit the first receiver's list goes to the next one, who waits.",
function(t)
    local port, place = ports.both(), memory.allocate(PAGE)
    local small = receiver(port, {{memory = place, size = 3}}, LARGE)
    local large = receiver(port, {{memory = place + 100, size = 10}}, LARGE)
    send(port, {ool = {{data = "waited for"}}, id = 1})
    answers(t, large, {0, 1, 40, 10}, "the second")
    t.eq(memory.read(place + 100, 10), "waited for", "its memory")
    t.eq({small:wait(0)}, {nil, "timeout"}, "the first waits on")
    send(port, {ool = {{data = "abc"}}, id = 2})
    answers(t, small, {0, 2, 40, 3}, "until one comes that fits")
    memory.release(place, PAGE)
    ports.destroy(port)
end)

test("Short calls to a thread that waits with a list are answered as ever, and leave no list behind.",
function(t)
    local port, heap = ports.both(), require("counts").host().kernel_heap
    local server = spawn.thread([[
        local places = {}
        for i = 1, 600 do places[i] = {memory = 0x1000, size = 100} end
        local list = require("scatter").list(places)
        for i = 1, 10 do
            local kr, bytes = mach.mach_msg_overwrite("", args.option, 0, 200, args.port, 0, 0, list,
                                                      #list)
            if kr ~= 0 then return kr end
            local m = require("scatter").message(bytes)
            for _, d in ipairs(m.descriptors) do mach.mach_port_deallocate(mach.mach_task_self(), d[2]) end
            mach.send{remote = m.remote, disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, id = m.id + 100,
                      body = m.body}
        end
        return "done"
    ]], {port = port, option = RCV | OVERWRITE})
    for i = 1, 10 do
        threads.wait_until_waiting(server.thread)
        local rights = i % 2 == 0 and {{port, MAKE_SEND}} or nil
        local kr, m = mach.rpc{remote = port, id = i, body = "word", ports = rights}
        t.eq({kr, m.id, m.body}, {0, i + 100, "word"}, "call " .. i)
    end
    t.eq({server:wait(1000)}, {true, "done"}, "the server")
    local grown = require("counts").host().kernel_heap - heap
    t.ok(grown < 8192, ("%d bytes more than before, after lists of 7228"):format(grown))
    ports.destroy(port)
end)

test("A call to the kernel: vm_read into memory that is there.", function(t)
    local place, from, reply = memory.allocate(2 * PAGE), memory.allocate(PAGE), mach.mach_reply_port()
    local data = pattern(3000)
    memory.write(from, data)
    local body = "\0\0\0\0\1\0\0\0" .. string.pack("<I4I4", from, 3000)
    local request = string.pack("<I4I4I4I4I4i4", mach.MACH_MSGH_BITS(COPY_SEND,
        mach.MACH_MSG_TYPE_MAKE_SEND_ONCE), 0, self, reply, 0, 2026) .. body
    for _, size in ipairs{3000, 2 * PAGE} do
        memory.write(place, ("."):rep(2 * PAGE))
        local list = scatter.list{{memory = place + 50, size = size}}
        local kr, bytes = mach.mach_msg_overwrite(request, SEND | RCV | OVERWRITE, #request, 200, reply,
                                                  0, 0, list, #list)
        local m = scatter.message(bytes)
        t.eq({kr, m.id, m.descriptors[1][2], m.descriptors[1][3]}, {0, 2126, place + 50, 3000}, "call")
        t.ok(memory.read(place, 3051) == ("."):rep(50) .. data .. ".", "what is there now")
    end
    local list = scatter.list{{memory = place, size = 2999}}
    t.eq((mach.mach_msg_overwrite(request, SEND | RCV | OVERWRITE, #request, 200, reply, 0, 0, list,
                                  #list)), SMALL, "too small a place")
    memory.release(place, 2 * PAGE)
    memory.release(from, PAGE)
    ports.destroy(reply)
end)

test("MACH_RCV_NOTIFY, trailers, sets and names that change hands go with it.", function(t)
    local port, other, set = ports.both(), ports.both(), ports.allocate(mach.MACH_PORT_RIGHT_PORT_SET)
    local place = memory.allocate(PAGE)
    must(mach.mach_port_move_member(self, port, set), "move_member")
    send(port, {ool = {{data = "in a set"}}, local_port = other})
    local kr, m = scatter.receive(set, {{memory = place, size = 100}},
                                  {options = mach.MACH_RCV_NOTIFY, notify = other})
    t.eq({kr, m.local_port, memory.read(place, 8)}, {0, port, "in a set"}, "from a set, with notify")
    t.eq(select(2, mach.mach_port_type(self, m.remote)) & mach.MACH_PORT_TYPE_DNREQUEST ~= 0, true,
         "the notification is asked for")
    ports.deallocate(m.remote)
    for _ = 1, 2 do mach.receive{port = other, timeout = 0} end -- of the deleted name, of the unused right
    send(port, {ool = {{data = "gone"}}})
    kr = scatter.receive(set, {{memory = place, size = 100}},
                         {options = mach.MACH_RCV_NOTIFY, notify = 0x7777700})
    t.eq(kr, mach.MACH_RCV_INVALID_NOTIFY, "a bad notify destroys the message")
    t.eq((scatter.receive(port, {})), mach.MACH_RCV_IN_SET, "a member of a set")
    t.eq((scatter.receive(0x7777700, {})), mach.MACH_RCV_INVALID_NAME, "no name")
    t.eq((scatter.receive(set, {}, {options = mach.MACH_RCV_TRAILER_ELEMENTS(3)})),
         mach.MACH_RCV_INVALID_TRAILER, "an unknown trailer")
    empty(t, set)
    memory.release(place, PAGE)
    ports.destroy(port, other, set)
end)

test("A list counts as message bytes as long as the call lasts.", function(t)
    local child = spawn.task(function()
        local tasks, scatter, ports = require "tasks", require "scatter", require "ports"
        local self, port, places = mach.mach_task_self(), ports.allocate(), {}
        for i = 1, 500 do places[i] = {memory = 0x1000, size = 1} end
        local function used()
            local _, _, now = mach.minato_task_get_limits(self)
            return now.message_bytes
        end
        tasks.set_limits(self, {message_bytes = 6100})
        local found = {used(), (scatter.receive(port, places, {ms = 1})), used()}
        tasks.set_limits(self, {message_bytes = 5900})
        found[4], found[5] = scatter.receive(port, places, {ms = 1}), used()
        return found
    end)
    t.eq({child:wait(5000)}, {true, {0, TIMED_OUT, 0, mach.KERN_RESOURCE_SHORTAGE, 0}},
         "bytes and codes of a task that may have one list of 6000")
end)

test("Kernel memory does not grow by lists, whatever became of the receive.", function(t)
    local counts, port, place = require "counts", ports.both(), memory.allocate(PAGE)
    local function round()
        send(port, {ool = {{data = "12345678"}}})
        scatter.receive(port, {{memory = place, size = 4}}, {options = LARGE})
        scatter.receive(port, {{ports = place, count = 4}})
        scatter.receive(port, {{memory = place, size = 4}}, {ms = 0})
        scatter.receive(port, scatter.list{count = 3, {memory = place}})
        scatter.receive(0x7777700, {{memory = place, size = 4}})
    end
    for _ = 1, 20 do round() end
    local before = counts.host().kernel_heap
    for _ = 1, 100 do round() end
    local grown = counts.host().kernel_heap - before
    t.ok(grown < 2000, ("%d bytes after 500 receives"):format(grown))
    memory.release(place, PAGE)
    ports.destroy(port)
end)
