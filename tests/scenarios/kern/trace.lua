-- SPDX-License-Identifier: BSD-2-Clause
-- The trace ring: what is recorded, of whom, in which order; the ring itself; who may. Contracts:
-- minato_trace_set, minato_trace_read in minato.defs; kinds and layout: minato_types.h.

local must, ports, tasks = require "must", require "ports", require "tasks"
local memory, semaphores, threads = require "memory", require "semaphores", require "threads"
local trap_task, counts, sleep = require "trap_task", require "counts", require "clock".sleep

local self = mach.mach_task_self()
local PAGE, WORDS, ROOM = 4096, 8, 4000 -- ROOM: records, enough for any test here
local COPY_SEND, ALL = mach.MACH_MSG_TYPE_COPY_SEND, mach.MINATO_TRACE_ALL
local TRAP, TRAP_END = mach.MINATO_TRACE_TRAP, mach.MINATO_TRACE_TRAP_END
local SEND, CALL, RECEIVE = mach.MINATO_TRACE_SEND, mach.MINATO_TRACE_CALL, mach.MINATO_TRACE_RECEIVE
local SWITCH, BLOCK, WAKE = mach.MINATO_TRACE_SWITCH, mach.MINATO_TRACE_BLOCK, mach.MINATO_TRACE_WAKE
local FAULT, EXCEPTION = mach.MINATO_TRACE_FAULT, mach.MINATO_TRACE_EXCEPTION
local INTERRUPT = mach.MINATO_TRACE_INTERRUPT
local SWTCH, MACH_MSG = 60, 25 -- traps

local host = ports.privileged_host()

local function mask(...)
    local bits = 0
    for _, kind in ipairs{...} do bits = bits | 1 << kind end
    return bits
end

local function set(kinds, records) return (mach.minato_trace_set(host, kinds, records or ROOM)) end

-- One reading: the records, and how many were lost.
local function read()
    local kr, words, lost = mach.minato_trace_read(host)
    must(kr, "minato_trace_read")
    local records = {}
    for i = 1, #words, WORDS do
        local low, high, kind, task, thread, a, b, c = table.unpack(words, i, i + WORDS - 1)
        table.insert(records, {time = high << 32 | low, kind = kind, task = task, thread = thread,
                               a = a & 0xffffffff, b = b & 0xffffffff, c = c & 0xffffffff})
    end
    return records, lost
end

-- All that there is, until a reading is not full.
local function drain()
    local all, lost, more, lost_then = {}, 0, nil, nil
    repeat
        more, lost_then = read()
        table.move(more, 1, #more, #all + 1, all)
        lost = lost + lost_then
    until #more < mach.MINATO_TRACE_READ_MAX
    return all, lost
end

-- What is recorded while `body` runs.
local function traced(kinds, body, records)
    must(set(kinds, records), "minato_trace_set")
    body()
    local all, lost = drain()
    must(set(0), "off")
    return all, lost
end

-- Where, from `from` (1 unless told), the first record is that has these fields; nil and a failure if
-- there is none.
local function place(t, records, want, why, from)
    for i = from or 1, #records do
        local same = true
        for field, value in pairs(want) do same = same and records[i][field] == value & 0xffffffff end
        if same then return i end
    end
    t.fail("no record: " .. why)
end

local function ids_of(thread, task)
    local kr, task_number = mach.minato_task_name(task or self)
    must(kr, "minato_task_name")
    local kr, number = mach.minato_thread_wait(thread)
    must(kr, "minato_thread_wait")
    return task_number, number
end
local me_thread = mach.mach_thread_self()
local TASK, ME = ids_of(me_thread)

local function id(port) return ports.info(port).port_id end
local function word(text) return (string.unpack("<I4", text)) end

-- ---- the calls ----------------------------------------------------------------------------------

test("It is off by default: reading answers KERN_FAILURE, switching off changes nothing.", function(t)
    t.eq((mach.minato_trace_read(host)), mach.KERN_FAILURE, "off")
    t.eq(set(0, 0), 0, "off while it is off")
    t.eq((mach.minato_trace_read(host)), mach.KERN_FAILURE, "still")
end)

test("Only who has the privileged host port may: KERN_INVALID_HOST else.", function(t)
    for _, port in ipairs{mach.mach_host_self(), self, 0} do
        t.eq((mach.minato_trace_set(port, ALL, 100)), port == 0 and mach.MACH_SEND_INVALID_DEST
             or mach.KERN_INVALID_HOST, "set")
    end
    must(set(ALL), "set")
    t.eq((mach.minato_trace_set(mach.mach_host_self(), 0, 0)), mach.KERN_INVALID_HOST, "off")
    t.eq((mach.minato_trace_read(mach.mach_host_self())), mach.KERN_INVALID_HOST, "read")
    t.ok(#read() > 0, "it is on still, and nobody has read")
    must(set(0), "off")
end)

test("A mask with other bits, no records, too many: refused, and nothing has changed.", function(t)
    local function refused(kinds, records, kr, why)
        t.eq((mach.minato_trace_set(host, kinds, records)), kr, why)
    end
    local function all_refused()
        refused(ALL + 1, 100, mach.KERN_INVALID_ARGUMENT, "the first bit that is none")
        refused(0x80000000, 100, mach.KERN_INVALID_ARGUMENT, "the last")
        refused(0xffffffff, 0, mach.KERN_INVALID_ARGUMENT, "all")
        refused(ALL, 0, mach.KERN_INVALID_VALUE, "no records")
        refused(1, mach.MINATO_TRACE_RECORDS_MAX + 1, mach.KERN_INVALID_VALUE, "one too many")
        refused(1, 0xffffffff, mach.KERN_INVALID_VALUE, "far too many")
        refused(1, 0x08000001, mach.KERN_INVALID_VALUE, "32 bytes, if multiplied without care")
    end
    all_refused()
    t.eq((mach.minato_trace_read(host)), mach.KERN_FAILURE, "it is off")
    local records = traced(mask(TRAP), function()
        mach.swtch()
        all_refused()
    end)
    t.eq({records[1].kind, records[1].a}, {TRAP, SWTCH}, "it is on, as it was")
end)

test("The least and the largest ring; its memory comes back.", function(t)
    local function heap() return counts.host().kernel_heap end
    local free, before = counts.host().pages_free, heap()
    must(set(mask(TRAP), mach.MINATO_TRACE_RECORDS_MAX), "the largest")
    t.ok(heap() >= before + mach.MINATO_TRACE_RECORDS_MAX * 32, "it takes memory")
    must(set(mask(TRAP), 1), "the least")
    t.ok(heap() < before + PAGE, "and gives it back")
    for _ = 1, 3 do mach.swtch() end
    local records, lost = read()
    t.eq({#records, records[1].a, lost >= 3}, {1, MACH_MSG, true}, "the last record only")
    must(set(0), "off")
    t.eq({heap(), counts.host().pages_free}, {before, free}, "all of it")
end)

-- ---- the ring -----------------------------------------------------------------------------------

test("A full ring gives up the oldest, and says how many; reading empties it.", function(t)
    must(set(mask(TRAP), 10), "set")
    for _ = 1, 20 do mach.swtch() end
    local records, lost = read() -- 21 with its own
    t.eq({#records, lost}, {10, 11}, "ten of 21")
    for i = 1, 9 do t.eq(records[i].a, SWTCH, "traps before") end
    t.eq(records[10].a, MACH_MSG, "the last is the reading itself")
    records, lost = read()
    t.eq({#records, lost}, {1, 0}, "only itself, and none is lost")
    for _ = 1, 9 do mach.swtch() end
    records, lost = read()
    t.eq({#records, lost}, {10, 0}, "just full")
    must(set(0), "off")
end)

test("Records beyond one reading come with the next, in order; none is missing.", function(t)
    local MAX = mach.MINATO_TRACE_READ_MAX
    must(set(mask(TRAP), MAX + 50), "set")
    for _ = 1, MAX do mach.swtch() end
    local records, lost = read()
    t.eq({#records, lost, records[MAX].a}, {MAX, 0, SWTCH}, "a full reading")
    for _ = 1, 40 do mach.swtch() end -- past the end of the ring
    records = read()
    t.eq({#records, records[1].a}, {42, MACH_MSG}, "first the reading before")
    for i = 2, 41 do t.eq(records[i].a, SWTCH, "then the traps") end
    t.eq(records[42].a, MACH_MSG, "then this one")
    must(set(0), "off")
end)

test("The mask selects kinds; to begin anew drops what is there.", function(t)
    local port = ports.both()
    local function both_ways()
        must(mach.send{remote = port, disp = COPY_SEND, id = 5}, "send")
        must((mach.receive{port = port}), "receive")
        mach.swtch()
    end
    for kind = 0, mach.MINATO_TRACE_KINDS - 1 do
        for _, record in ipairs(traced(mask(kind), both_ways)) do
            t.eq(record.kind, kind, "no other kind")
        end
    end
    must(set(mask(TRAP)), "set")
    both_ways()
    must(set(mask(SEND, RECEIVE)), "set anew")
    both_ways()
    local records = drain()
    t.eq({records[1].kind, records[2].kind}, {SEND, RECEIVE}, "what was before is gone")
    must(set(0), "off")
    ports.destroy(port)
end)

test("The times never go back, and are those of the clock.", function(t)
    local function now()
        local kr, time = mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 0, tv_nsec = 0})
        must(kr, "clock_sleep")
        return time.tv_sec * 1000000000 + time.tv_nsec
    end
    local before = now()
    local records = traced(ALL, function()
        for _ = 1, 30 do mach.swtch() sleep(3) end
    end)
    local last = before
    for _, record in ipairs(records) do
        if record.time < last then t.fail(("%d after %d"):format(record.time, last)) end
        last = record.time
    end
    t.ok(records[1].time - before < 5000000 and last - records[1].time > 80000000 and last < now(),
         "from before to after")
end)

test("It stays on when the task that began it dies; whoever may reads and ends it.", function(t)
    local tracer = spawn.task(function()
        local kr = mach.minato_trace_set(args.host, mach.MINATO_TRACE_ALL, 2000)
        return kr
    end, {}, {host = {host, COPY_SEND}})
    t.eq({tracer:wait(1000)}, {true, 0}, "it has begun")
    mach.swtch()
    place(t, drain(), {kind = TRAP, a = SWTCH, task = TASK, thread = ME}, "of another task")
    t.eq(set(0), 0, "ended by another")
    t.eq((mach.minato_trace_read(host)), mach.KERN_FAILURE, "off")
end)

-- ---- traps --------------------------------------------------------------------------------------

test("A trap: its number and where it returns to; its end: what it has come to.", function(t)
    local semaphore, name = semaphores.create(nil, 1), nil
    local records = traced(ALL, function()
        mach.semaphore_wait(semaphore)
        name = mach.mach_reply_port()
    end)
    local wait = place(t, records, {kind = TRAP, a = 36, task = TASK, thread = ME}, "a wait")
    t.ok(records[wait].b > PAGE and records[wait].b < 0xc0000000, "an address")
    t.eq({records[wait + 1].kind, records[wait + 1].a}, {TRAP_END, 0}, "which succeeds at once")
    local reply_port = place(t, records, {kind = TRAP, a = 26, thread = ME}, "mach_reply_port", wait)
    t.eq({records[reply_port + 1].kind, records[reply_port + 1].a}, {TRAP_END, name}, "a name")
    semaphores.destroy(semaphore)
    ports.destroy(name)
end)

test("Both ways into the kernel; unknown numbers are recorded, and refused as ever.", function(t)
    trap_task.each_entry(function(entry, task)
        for _, number in ipairs{28, 0, 75, 127, 0x7fffffff, 0xffffffff} do
            local was = trap_task.trap(task, number, {}, entry)
            local result
            local records = traced(mask(TRAP, TRAP_END), function()
                result = trap_task.trap(task, number, {}, entry)
            end)
            t.eq(result, was, entry .. " " .. number)
            local _, task_number = mach.minato_task_name(task)
            local i = place(t, records, {kind = TRAP, a = number, task = task_number}, "trap")
            place(t, records, {kind = TRAP_END, a = result, task = task_number,
                               thread = records[i].thread}, "its end", i)
        end
    end)
end)

-- ---- messages -----------------------------------------------------------------------------------

test("A message has the same port, id and number where it is sent and where it is received.",
function(t)
    local port, set_port = ports.both(), ports.allocate(mach.MACH_PORT_RIGHT_PORT_SET)
    local first = ports.info(port).seqno
    local records = traced(mask(SEND, RECEIVE), function()
        for message = 70, 72 do must(mach.send{remote = port, disp = COPY_SEND, id = message}, "send") end
        for _ = 70, 72 do must((mach.receive{port = port}), "receive") end
        must(mach.mach_port_move_member(self, port, set_port), "move_member")
        must(mach.send{remote = port, disp = COPY_SEND, id = 73}, "send")
        must((mach.receive{port = set_port}), "receive")
    end)
    local last = 0
    for message = 70, 73 do
        local want = {kind = SEND, a = id(port), b = message, c = first + message - 70, task = TASK,
                      thread = ME}
        local sent = place(t, records, want, "sent")
        want.kind = RECEIVE
        local received = place(t, records, want, "received")
        t.ok(sent > (message < 73 and last or 0) and received > sent, "in order")
        last = sent
    end
    ports.destroy(port, set_port)
end)

test("A receiver that waits blocks, is woken by the sender, runs, and has the message.", function(t)
    local port = ports.both()
    local number
    local records = traced(ALL, function()
        local job = spawn.thread(function() return (mach.receive{port = args.port}) end, {port = port})
        number = select(2, ids_of(job.thread))
        threads.wait_until_waiting(job.thread)
        must(mach.send{remote = port, disp = COPY_SEND, id = 9}, "send")
        t.eq({job:wait(1000)}, {true, 0}, "received")
    end)
    local block = place(t, records, {kind = BLOCK, task = TASK, thread = number, a = id(port),
                                     b = word("rece"), c = word("ive\0")}, "block")
    local sent = place(t, records, {kind = SEND, a = id(port), b = 9, thread = ME}, "send", block)
    local wake = place(t, records, {kind = WAKE, task = TASK, thread = ME, a = TASK, b = number},
                       "wake-up", sent)
    local switch = place(t, records, {kind = SWITCH, task = TASK, thread = number}, "switch", wake)
    local received = place(t, records, {kind = RECEIVE, a = id(port), b = 9, thread = number,
                                        c = records[sent].c}, "receive", switch)
    place(t, records, {kind = TRAP_END, a = 0, thread = number}, "end", received)
    t.eq(records[switch].a, records[wake].c, "at its priority")
    ports.destroy(port)
end)

test("Who waits for room sends when there is some: the record is the sender's.", function(t)
    local port = ports.both()
    ports.set_limit(port, 1)
    must(mach.send{remote = port, disp = COPY_SEND, id = 1}, "send")
    local number
    local records = traced(ALL, function()
        local job = spawn.thread(function()
            return (mach.send{remote = args.port, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = 2})
        end, {port = port})
        number = select(2, ids_of(job.thread))
        threads.wait_until_waiting(job.thread)
        must((mach.receive{port = port}), "receive")
        must((mach.receive{port = port}), "receive")
        t.eq({job:wait(1000)}, {true, 0}, "sent")
    end)
    local block = place(t, records, {kind = BLOCK, thread = number, a = id(port), b = word("send")},
                        "block")
    local sent = place(t, records, {kind = SEND, a = id(port), b = 2, task = TASK, thread = number},
                       "send", block)
    place(t, records, {kind = RECEIVE, a = id(port), b = 2, c = records[sent].c, thread = ME},
          "receive", sent)
    ports.destroy(port)
end)

test("A call to the kernel: the object's port and kind, then the answer sent and received.", function(t)
    local made = tasks.create()
    local records = traced(mask(CALL, SEND, RECEIVE), function()
        must((mach.minato_task_name(made)), "minato_task_name")
    end)
    local call = place(t, records, {kind = CALL, task = TASK, thread = ME, a = id(made), b = 4211,
                                    c = mach.MINATO_OBJECT_TASK}, "call")
    local sent, received = records[call + 1], records[call + 2]
    t.eq({sent.kind, sent.b, sent.thread}, {SEND, 4311, ME}, "the answer")
    t.eq({received.kind, received.a, received.b, received.c}, {RECEIVE, sent.a, 4311, sent.c},
         "is received")
    tasks.terminate(made)
end)

-- ---- the rest -----------------------------------------------------------------------------------

test("Semaphores: block before wake-up before switch, and who runs when nobody does.", function(t)
    local semaphore = semaphores.create()
    local number
    local records = traced(ALL, function()
        local job = spawn.thread(function() return mach.semaphore_wait(args.semaphore) end,
                                 {semaphore = semaphore})
        number = select(2, ids_of(job.thread))
        threads.wait_until_waiting(job.thread)
        sleep(2)
        must(mach.semaphore_signal(semaphore), "signal")
        t.eq({job:wait(1000)}, {true, 0}, "woken")
    end)
    local block = place(t, records, {kind = BLOCK, thread = number, a = id(semaphore),
                                     b = word("sema"), c = word("phor")}, "block")
    local idle = place(t, records, {kind = SWITCH, task = 0, thread = 0}, "nobody", block)
    local signal = place(t, records, {kind = TRAP, thread = ME, a = 33}, "signal", idle)
    local wake = place(t, records, {kind = WAKE, thread = ME, a = TASK, b = number}, "wake", signal)
    local switch = place(t, records, {kind = SWITCH, task = TASK, thread = number}, "switch", wake)
    place(t, records, {kind = TRAP_END, thread = number, a = 0}, "end", switch)
    semaphores.destroy(semaphore)
end)

test("Who wakes several makes a record of each.", function(t)
    local semaphore, jobs = semaphores.create(), {}
    for i = 1, 3 do
        jobs[i] = spawn.thread(function() return mach.semaphore_wait(args.semaphore) end,
                               {semaphore = semaphore})
        threads.wait_until_waiting(jobs[i].thread)
    end
    local numbers = {}
    for i, job in ipairs(jobs) do numbers[i] = select(2, ids_of(job.thread)) end
    local records = traced(mask(WAKE, SWITCH), function()
        must(mach.semaphore_signal_all(semaphore), "signal_all")
        for _, job in ipairs(jobs) do t.eq({job:wait(1000)}, {true, 0}, "woken") end
    end)
    local at = place(t, records, {kind = WAKE, thread = ME, a = TASK, b = numbers[1]}, "the first")
    for i = 2, 3 do
        t.eq({records[at + i - 1].kind, records[at + i - 1].b}, {WAKE, numbers[i]}, "the next")
    end
    semaphores.destroy(semaphore)
end)

test("A suspended thread blocks, and runs again when it is resumed.", function(t)
    local page = threads.counter_page(self)
    local thread = threads.counter_thread(self, page)
    local _, number = ids_of(thread)
    must(mach.thread_resume(thread), "resume")
    local records = traced(ALL, function()
        sleep(2)
        must(mach.thread_suspend(thread), "suspend")
        sleep(2)
        must(mach.thread_resume(thread), "resume")
        sleep(2)
    end)
    local ran = place(t, records, {kind = SWITCH, thread = number}, "it runs")
    local block = place(t, records, {kind = BLOCK, task = TASK, thread = number, a = 0,
                                     b = word("susp"), c = word("ende")}, "block", ran)
    local wake = place(t, records, {kind = WAKE, thread = ME, b = number}, "resumed", block)
    place(t, records, {kind = SWITCH, thread = number}, "it runs again", wake)
    threads.counter_end(thread, page)
end)

test("A page fault: the address, whether it writes, and from where.", function(t)
    local made, pc = tasks.create(), 0x10000
    local there, beyond = pc + PAGE + 4, pc + 2 * PAGE + 8
    must((mach.vm_allocate(made, pc, 3 * PAGE, false)), "vm_allocate")
    -- mov eax, [there]; mov [beyond], eax; jmp .
    memory.write(pc, string.pack("<BI4BI4BB", 0xa1, there, 0xa3, beyond, 0xeb, 0xfe), made)
    local thread
    local records = traced(ALL, function()
        thread = threads.run(made, {eip = pc, uesp = pc})
        sleep(2)
    end)
    local task, number = ids_of(thread, made)
    local load = place(t, records, {kind = FAULT, task = task, thread = number, a = there, b = 0,
                                    c = pc}, "load")
    place(t, records, {kind = FAULT, task = task, thread = number, a = beyond, b = 1, c = pc + 5},
          "store", load)
    threads.terminate(thread)
    tasks.terminate(made)
end)

test("An exception: a fault that cannot be resolved, and another kind; the message about it.",
function(t)
    local port, made = ports.both(), trap_task.new()
    must(mach.task_set_exception_ports(made, 1 << mach.EXC_BAD_ACCESS | 1 << mach.EXC_BREAKPOINT, port,
                                       mach.EXCEPTION_DEFAULT, 0), "task_set_exception_ports")
    local records = traced(ALL, function()
        for _, code in ipairs{"\xa1" .. string.pack("<I4", trap_task.NOTHING), "\xcc"} do
            trap_task.trap(made, 28, {}, "int", nil, code)
        end
    end)
    local _, task = mach.minato_task_name(made)
    local fault = place(t, records, {kind = FAULT, task = task, a = trap_task.NOTHING, b = 0}, "fault")
    local exception = place(t, records, {kind = EXCEPTION, task = task, a = mach.EXC_BAD_ACCESS,
                                         b = mach.KERN_INVALID_ADDRESS, c = trap_task.NOTHING},
                            "exception", fault)
    place(t, records, {kind = SEND, task = task, a = id(port), b = 2401}, "message", exception)
    place(t, records, {kind = EXCEPTION, task = task, a = mach.EXC_BREAKPOINT,
                       b = mach.EXC_I386_BPT}, "breakpoint", exception)
    tasks.terminate(made)
    ports.destroy(port)
end)

test("Interrupts of the timer, while a thread computes.", function(t)
    local records = traced(mask(INTERRUPT), function()
        local job = spawn.thread(function() for _ = 1, 100000 do end end)
        job:wait(1000)
    end)
    place(t, records, {kind = INTERRUPT, a = 0, task = TASK}, "line 0")
end)

-- ---- what goes on meanwhile ---------------------------------------------------------------------

test("Calls are as ever while it is on, for who has begun to wait before, and after it is off.",
function(t)
    local port = ports.both()
    local server = spawn.thread(function()
        local served = 0
        while true do
            local kr, m = mach.receive{port = args.port}
            if kr ~= 0 or m.id == 0 then return served end
            served = served + 1
            mach.send{remote = m.remote, id = m.id + 100, body = m.body:reverse(),
                      disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE}
        end
    end, {port = port})
    threads.wait_until_waiting(server.thread)
    local function call(n)
        local body = string.pack("<I4", n):rep(n % 7 + 1)
        local kr, m = mach.rpc{remote = port, id = n, body = body, disp = COPY_SEND}
        t.eq({kr, m and m.id, m and m.body}, {0, n + 100, body:reverse()}, "call " .. n)
    end
    local kinds = {0, ALL, 0, mask(SWITCH), mask(TRAP_END), 0, ALL, ALL, 0}
    for round, bits in ipairs(kinds) do
        must(set(bits), "set")
        for n = 1, 5 do call(round * 10 + n) end
        if bits ~= 0 then t.ok(#drain() > 0, "recorded") end
    end
    must(mach.send{remote = port, id = 0, disp = COPY_SEND}, "send")
    t.eq({server:wait(1000)}, {true, 5 * #kinds}, "all of them")
    ports.destroy(port)
end)

test("Threads and tasks that end while it is on leave nothing.", function(t)
    local before = counts.objects()
    traced(ALL, function()
        for _ = 1, 5 do
            local made = trap_task.new()
            t.eq(trap_task.trap(made, 28, {}, "sysenter") ~= 0, true, "a trap")
            tasks.terminate(made)
            t.eq({spawn.thread(function() return 3 end):wait(1000)}, {true, 3}, "a thread")
        end
    end)
    t.eq(counts.objects(), before, "objects")
end)
