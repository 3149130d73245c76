-- SPDX-License-Identifier: BSD-2-Clause
-- Devices by capability: parts of a device port, I/O ports that a task may use and others not,
-- interrupts as messages. The device is the battery clock (I/O ports 0x70: which register, 0x71:
-- its contents; interrupt line 8), the part that a scenario is given. Contracts: device_io.defs.

local must, ports, counts = require "must", require "ports", require "counts"
local memory, tasks, threads = require "memory", require "tasks", require "threads"
local sleep = require "clock".sleep
local allocate, both, destroy, deallocate = ports.allocate, ports.both, ports.destroy,
    ports.deallocate
local info = ports.info

local self = mach.mach_task_self()
local COPY_SEND, MAKE_SEND = mach.MACH_MSG_TYPE_COPY_SEND, mach.MACH_MSG_TYPE_MAKE_SEND
local INVALID_VALUE, NO_ACCESS, FAILURE = mach.KERN_INVALID_VALUE, mach.KERN_NO_ACCESS,
    mach.KERN_FAILURE
local SELECT, DATA, LINE = 0x70, 0x71, 8
local PAGE, CODE, RESULT = 4096, 0x100000, 0x200000

local kr, host, device = mach.bootstrap_ports(mach.bootstrap_port)
must(kr, "bootstrap_ports")
deallocate(host)

local function subset(of, first, count, lines)
    local kr, part = mach.device_io_subset(of, first, count, lines)
    must(kr, "device_io_subset")
    return part
end

local function grant(task, first, count)
    must(mach.device_io_port_grant(device, task, first, count), "device_io_port_grant")
end

-- ---- a task that uses I/O ports -----------------------------------------------------------------

local function driver_task()
    local task = tasks.create()
    for _, at in ipairs{CODE, RESULT} do
        must((mach.vm_allocate(task, at, PAGE, false)), "vm_allocate")
    end
    return task
end

-- Instructions: al to an I/O port, and from one.
local function out_al(port, value)
    return string.pack("<BB BI4 B", 0xb0, value, 0xba, port, 0xee)
end
local function in_al(port) return string.pack("<BI4 B", 0xba, port, 0xec) end

-- Executes instructions in the task; gives al at their end, or nil when they have ended the task.
local function execute(task, code)
    memory.write(RESULT, string.pack("<I4I4", 0, 0), task)
    -- mov [RESULT], eax; inc dword [RESULT + 4]; jmp to itself
    memory.write(CODE, code .. string.pack("<BI4 BBI4 BB", 0xa3, RESULT, 0xff, 0x05, RESULT + 4,
                                           0xeb, 0xfe), task)
    local thread = threads.run(task, {eip = CODE})
    local result
    for _ = 1, 20 do
        sleep(1)
        local kr, bytes = mach.vm_read(task, RESULT, 8)
        if kr ~= 0 then break end
        local al, done = string.unpack("<I1xxxI4", bytes)
        if done == 1 then
            result = al
            break
        end
    end
    mach.thread_terminate(thread)
    deallocate(thread)
    return result
end

local function read_register(task, register)
    return execute(task, out_al(SELECT, register) .. in_al(DATA))
end
local function write_register(task, register, value)
    return execute(task, out_al(SELECT, register) .. out_al(DATA, value))
end

local function is_alive(task) return (mach.task_info(task, mach.TASK_BASIC_INFO)) == 0 end

-- ---- parts of a device port ---------------------------------------------------------------------

test("device_io_subset gives a part: the power over what it was made for, no more.", function(t)
    local task, port = driver_task(), both()
    local ports_only, line_only = subset(device, SELECT, 1, 0), subset(device, 0, 0, 1 << LINE)
    t.eq(mach.device_io_port_grant(ports_only, task, SELECT, 1), 0, "its I/O port")
    for what, range in pairs{["the next"] = {DATA, 1}, both = {SELECT, 2}, before = {SELECT - 1, 1},
                             around = {SELECT - 1, 2}} do
        t.eq(mach.device_io_port_grant(ports_only, task, range[1], range[2]), NO_ACCESS, what)
        t.eq(mach.device_io_subset(ports_only, range[1], range[2], 0), NO_ACCESS, what)
    end
    t.eq(mach.device_io_port_grant(line_only, task, SELECT, 1), NO_ACCESS, "I/O port of a line")
    t.eq(mach.device_io_subset(ports_only, SELECT, 1, 1 << LINE), NO_ACCESS, "a part's line")
    t.eq(mach.device_interrupt_attach(ports_only, LINE, port, COPY_SEND), NO_ACCESS, "attach")
    t.eq(mach.device_interrupt_ack(ports_only, LINE), NO_ACCESS, "ack")
    t.eq(mach.device_interrupt_detach(ports_only, LINE), NO_ACCESS, "detach")
    t.eq(mach.device_interrupt_ack(line_only, LINE), FAILURE, "ack with the line")
    for line = 0, 15 do
        if line ~= LINE then
            t.eq(mach.device_io_subset(device, SELECT, 2, 1 << line), NO_ACCESS, "line " .. line)
            t.eq(mach.device_interrupt_ack(device, line), NO_ACCESS, "ack of line " .. line)
        end
    end
    tasks.terminate(task)
    destroy(port, ports_only, line_only)
end)

test("Ranges beyond 65536 I/O ports and 16 lines are KERN_INVALID_VALUE.", function(t)
    local task, port = tasks.create(), both()
    for _, range in ipairs{{0xffff, 2}, {0x10000, 1}, {0, 0x10001}, {0xffffffff, 1},
                           {1, 0xffffffff}, {0x80000000, 0x80000000}} do
        local what = ("%#x ports from %#x"):format(range[2], range[1])
        t.eq(mach.device_io_subset(device, range[1], range[2], 0), INVALID_VALUE, what)
        t.eq(mach.device_io_port_grant(device, task, range[1], range[2]), INVALID_VALUE, what)
    end
    t.eq(mach.device_io_port_grant(device, task, SELECT, 0), INVALID_VALUE, "a grant of nothing")
    for bit = 16, 31 do
        t.eq(mach.device_io_subset(device, 0, 0, 1 << bit), INVALID_VALUE, "line " .. bit)
    end
    for _, line in ipairs{16, 17, 32, 0x7fffffff, 0xffffffff} do
        t.eq(mach.device_interrupt_attach(device, line, port, COPY_SEND), INVALID_VALUE, "attach")
        t.eq(mach.device_interrupt_ack(device, line), INVALID_VALUE, "ack")
        t.eq(mach.device_interrupt_detach(device, line), INVALID_VALUE, "detach")
    end
    t.eq(info(port).srights, 1, "send rights")
    tasks.terminate(task)
    destroy(port)
end)

test("A part lives as long as send rights to it do, in a message too.", function(t)
    local before, carrier = counts.host().ports, allocate()
    local part = subset(device, SELECT, 2, 0)
    local smaller = subset(part, DATA, 1, 0)
    must(mach.send{remote = carrier, disp = MAKE_SEND,
                   ports = {{part, mach.MACH_MSG_TYPE_MOVE_SEND}}}, "send")
    t.eq(counts.host().ports, before + 3, "the parts and the carrier")
    local kr, msg = mach.receive{port = carrier, timeout = 0}
    must(kr, "receive")
    local part, gone = msg.ports[1][1], nil
    kr, gone = mach.device_io_subset(part, SELECT, 1, 0)
    t.eq(kr, 0, "it works")
    deallocate(part, gone)
    t.eq(counts.host().ports, before + 2, "it is gone")
    kr, part = mach.device_io_subset(smaller, DATA, 1, 0)
    t.eq(kr, 0, "what was made of it is not")
    deallocate(smaller, part)
    destroy(carrier)
    t.eq(counts.host().ports, before, "ports in the kernel")
end)

test("device_io_port_grant: the task argument must be a task.", function(t)
    local port = both()
    for what, name in pairs{thread = mach.mach_thread_self(), port = port, null = 0,
                            device = device} do
        t.eq(mach.device_io_port_grant(device, name, SELECT, 2), mach.KERN_INVALID_ARGUMENT, what)
    end
    destroy(port)
end)

-- ---- I/O ports ----------------------------------------------------------------------------------

test("A task uses the I/O ports that it was granted; another one ends at its first attempt.",
function(t)
    local granted, other = driver_task(), driver_task()
    grant(granted, SELECT, 2)
    -- Register 13, bit 7: the battery is good.
    t.eq(read_register(granted, 13) & 0x80, 0x80, "the granted task")
    t.eq(execute(other, in_al(DATA)), nil, "the other")
    t.eq({is_alive(granted), is_alive(other)}, {true, false}, "who lives")
    t.eq(read_register(granted, 13) & 0x80, 0x80, "the granted task, again")
    tasks.terminate(granted)
    deallocate(other)
end)

test("The calendar clock goes on from what the battery clock said at boot.", function(t)
    local task = driver_task()
    grant(task, SELECT, 2)
    local function field(register) return tonumber(("%x"):format(read_register(task, register))) end
    local kr, before = mach.host_get_time(mach.mach_host_self())
    must(kr, "host_get_time")
    local date = {field(9), field(8), field(7), field(4), field(2), field(0)}
    local kr, after = mach.host_get_time(mach.mach_host_self())
    must(kr, "host_get_time")
    t.eq(read_register(task, 11) & 6, 2, "decimal digits and 24 hours")
    -- Days from 1970 on to a day of 2001 … 2099.
    local year, month, day = 2000 + date[1], date[2], date[3]
    local days = (year - 1970) * 365 + (year - 1969) // 4 + day - 1
    for m, length in ipairs{31, year % 4 == 0 and 29 or 28, 31, 30, 31, 30, 31, 31, 30, 31, 30} do
        if m < month then days = days + length end
    end
    local seconds = ((days * 24 + date[4]) * 60 + date[5]) * 60 + date[6]
    t.ok(seconds >= before.seconds - 1 and seconds <= after.seconds + 1,
         ("%d, the calendar says %d to %d"):format(seconds, before.seconds, after.seconds))
    tasks.terminate(task)
end)

test("A grant ends with its last I/O port: those beside it are shut.", function(t)
    for _, port in ipairs{SELECT - 1, DATA + 1, SELECT + 8, 0, 0xffff} do
        local task = driver_task()
        grant(task, SELECT, 2)
        t.ok(read_register(task, 13), "what was granted")
        t.eq(execute(task, in_al(port)), nil, ("I/O port %#x"):format(port))
        deallocate(task)
    end
    local task = driver_task()
    grant(task, SELECT, 2)
    -- in ax, dx: two I/O ports at once, of which the second is not the task's
    t.eq(execute(task, string.pack("<BI4 BB", 0xba, DATA, 0x66, 0xed)), nil, "one word too far")
    deallocate(task)
end)

test("A second grant adds to the first, also while the task runs.", function(t)
    local task = driver_task()
    grant(task, SELECT, 1)
    t.eq(execute(task, out_al(SELECT, 13)), 13, "the first")
    grant(task, DATA, 1)
    t.eq(execute(task, in_al(DATA)) & 0x80, 0x80, "the second")
    t.eq(execute(task, out_al(SELECT, 0)), 0, "the first, again")
    tasks.terminate(task)
end)

test("A task's I/O ports end with it: none is left for the next.", function(t)
    for _ = 1, 3 do
        local first, second = driver_task(), nil
        grant(first, SELECT, 2)
        t.ok(read_register(first, 13), "the first task")
        tasks.terminate(first)
        second = driver_task()
        t.eq(execute(second, in_al(DATA)), nil, "the second")
        deallocate(second)
    end
end)

test("A child task is granted nothing by its parent's grants.", function(t)
    local task = driver_task()
    grant(task, SELECT, 2)
    t.ok(read_register(task, 13), "the parent")
    local child = tasks.create(task, true)
    t.eq(execute(child, in_al(DATA)), nil, "the child")
    tasks.terminate(task)
    deallocate(child)
end)

-- ---- interrupts ---------------------------------------------------------------------------------

local PERIOD = 16 -- milliseconds, a little more than 1 / 64 s

-- The clock interrupts 64 times a second, from now on or no more. Reading register 12 tells it that
-- the last interrupt has been seen.
local function ticking(task, on)
    write_register(task, 10, 0x2a)
    write_register(task, 11, on and 0x42 or 0x02)
    read_register(task, 12)
end

local function attach(port) return mach.device_interrupt_attach(device, LINE, port, MAKE_SEND) end

-- {line, count} of the next interrupt message, or the receive's code.
local function interrupt(port, ms)
    local kr, msg = mach.receive{port = port, timeout = ms or 0,
                                 options = mach.MACH_RCV_TRAILER_ELEMENTS(2)}
    if kr ~= 0 then return kr end
    local line, count = string.unpack("<I4I4", msg.body)
    return {line, count}, msg
end

local TIMED_OUT = mach.MACH_RCV_TIMED_OUT

-- Runs `body` with a driver task and a port that gets the clock's interrupts.
local function with_interrupts(t, body)
    local task, port = driver_task(), allocate()
    grant(task, SELECT, 2)
    t.eq(attach(port), 0, "attach")
    ticking(task, true)
    body(task, port)
    ticking(task, false)
    t.eq(mach.device_interrupt_detach(device, LINE), 0, "detach")
    tasks.terminate(task)
    destroy(port)
end

test("An interrupt is a message of the kernel's: line, count, no reply port.", function(t)
    with_interrupts(t, function(_, port)
        local got, msg = interrupt(port, 3 * PERIOD)
        t.eq(got, {LINE, 1}, "line and count")
        t.eq(msg and {msg.size, msg.remote, msg.local_port, msg.bits, msg.sender},
             {32, 0, port, mach.MACH_MSGH_BITS(0, mach.MACH_MSG_TYPE_PORT_SEND), {0, 1}}, "header")
        t.eq(msg and msg.id, mach.DEVICE_INTERRUPT_MSG_ID, "id")
    end)
end)

test("The line is masked from the message until device_interrupt_ack.", function(t)
    with_interrupts(t, function(task, port)
        for round = 1, 3 do
            t.eq(interrupt(port, 3 * PERIOD), {LINE, 1}, "round " .. round)
            read_register(task, 12) -- so that the clock interrupts again
            t.eq(interrupt(port, 3 * PERIOD), TIMED_OUT, "nothing without ack, round " .. round)
            read_register(task, 12)
            t.eq(mach.device_interrupt_ack(device, LINE), 0, "ack")
        end
    end)
end)

test("Interrupts that come while the message waits are counted in it: one message per line.",
function(t)
    with_interrupts(t, function(task, port)
        for _ = 1, 4 do
            sleep(2 * PERIOD)
            read_register(task, 12)
            t.eq(info(port).queue_length, 1, "messages")
            t.eq(mach.device_interrupt_ack(device, LINE), 0, "ack")
        end
        sleep(2 * PERIOD)
        t.eq(interrupt(port), {LINE, 5}, "the message")
        t.eq(interrupt(port), TIMED_OUT, "no other")
        read_register(task, 12)
        t.eq(mach.device_interrupt_ack(device, LINE), 0, "ack")
        t.eq(interrupt(port, 3 * PERIOD), {LINE, 1}, "the count begins again")
    end)
end)

test("Interrupts ignore the queue limit, and a message of a user's is not counted in.", function(t)
    with_interrupts(t, function(task, port)
        t.eq(interrupt(port, 3 * PERIOD), {LINE, 1}, "an interrupt")
        ports.set_limit(port, 1)
        must(mach.send{remote = port, disp = MAKE_SEND, id = mach.DEVICE_INTERRUPT_MSG_ID,
                       body = string.pack("<I4I4", LINE, 7), timeout = 0}, "send")
        read_register(task, 12)
        t.eq(mach.device_interrupt_ack(device, LINE), 0, "ack")
        sleep(2 * PERIOD)
        t.eq(info(port).queue_length, 2, "messages")
        t.eq(interrupt(port), {LINE, 7}, "first the user's")
        t.eq(interrupt(port), {LINE, 1}, "then the interrupt's")
    end)
end)

test("KERN_ALREADY_WAITING: a line has one port; the second is not touched.", function(t)
    local port, second = allocate(), both()
    t.eq(attach(port), 0, "attach")
    t.eq(info(port).srights, 1, "the kernel's send right")
    t.eq(mach.device_interrupt_attach(device, LINE, second, COPY_SEND), mach.KERN_ALREADY_WAITING,
         "a second port")
    t.eq(attach(port), mach.KERN_ALREADY_WAITING, "the same port")
    t.eq({info(port).srights, info(second).srights}, {1, 1}, "send rights")
    t.eq(mach.device_interrupt_detach(device, LINE), 0, "detach")
    t.eq(info(port).srights, 0, "the right was released")
    destroy(port, second)
end)

test("KERN_FAILURE: ack and detach of a line that no port is attached to.", function(t)
    t.eq(mach.device_interrupt_ack(device, LINE), FAILURE, "ack")
    t.eq(mach.device_interrupt_detach(device, LINE), FAILURE, "detach")
    local port = allocate()
    t.eq({attach(port), mach.device_interrupt_ack(device, LINE)}, {0, 0}, "attached")
    t.eq({mach.device_interrupt_detach(device, LINE), mach.device_interrupt_detach(device, LINE)},
         {0, FAILURE}, "detached twice")
    destroy(port)
end)

test("KERN_INVALID_CAPABILITY: a null or dead right cannot be notified.", function(t)
    local dead = both()
    ports.kill(dead)
    for what, name in pairs{null = 0, DEAD = 0xffffffff, ["dead name"] = dead} do
        t.eq(mach.device_interrupt_attach(device, LINE, name, COPY_SEND),
             mach.KERN_INVALID_CAPABILITY, what)
    end
    t.eq(mach.device_interrupt_ack(device, LINE), FAILURE, "nothing is attached")
    destroy(dead)
end)

test("The death of its port frees the line for another, whether an interrupt came or not.",
function(t)
    local task, port = driver_task(), allocate()
    grant(task, SELECT, 2)
    t.eq(attach(port), 0, "attach")
    destroy(port)
    port = allocate()
    t.eq(attach(port), 0, "another port")
    ticking(task, true)
    t.eq(interrupt(port, 3 * PERIOD), {LINE, 1}, "it gets the interrupts")
    destroy(port)
    read_register(task, 12)
    t.eq(mach.device_interrupt_ack(device, LINE), 0, "the line is open, and nobody there")
    sleep(3 * PERIOD)
    t.eq(mach.device_interrupt_ack(device, LINE), FAILURE, "the interrupt has freed the line")
    port = allocate()
    read_register(task, 12)
    t.eq(attach(port), 0, "a third")
    t.eq(interrupt(port, 3 * PERIOD), {LINE, 1}, "it gets them too")
    ticking(task, false)
    t.eq(mach.device_interrupt_detach(device, LINE), 0, "detach")
    tasks.terminate(task)
    destroy(port)
end)

test("Attaching and detaching for long leaves nothing behind.", function(t)
    local port, before = allocate(), counts.host()
    for _ = 1, 200 do
        must(attach(port), "attach")
        must(mach.device_interrupt_detach(device, LINE), "detach")
    end
    local after = counts.host()
    t.eq({after.ports, after.messages_queued, info(port).srights},
         {before.ports, before.messages_queued, 0}, "ports, messages, send rights")
    destroy(port)
end)
