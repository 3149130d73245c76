-- SPDX-License-Identifier: BSD-2-Clause
-- A thread that waits for a message and gets it the short way never returns from the kernel
-- function that it waited in: its call is ended by the sender. Whichever way it came into the
-- kernel, and whatever its buffer is like, that must not show. The receivers are a few bytes of
-- machine code in a task of their own, the senders threads of ours that send and receive in one
-- call.

local must, ports, tasks = require "must", require "ports", require "tasks"
local threads = require "threads"
local memory, sleep = require "memory", require "clock".sleep

local self = mach.mach_task_self()
local PAGE, CODE, STACK, DATA = 4096, 0x100000, 0x200000, 0x300000
local TOP = 0xc0000000
local GENERAL = mach.i386_THREAD_STATE
local PORT_SEND, PORT_ONCE = mach.MACH_MSG_TYPE_PORT_SEND, mach.MACH_MSG_TYPE_PORT_SEND_ONCE
local TRAP, SPIN, NOPS = 25, "\xeb\xfe", ("\x90"):rep(5)
local ENTRY = {sysenter = "\x0f\x34", int = "\xcd\x81"}
local AFTER = CODE + 7 -- behind the trap
local MARKS = {ebx = 0xb0b0b0b0, esi = 0x51515151, edi = 0xd1d1d1d1, ebp = 0xbebebebe}

-- A task whose thread is about to receive on a port that we have a send right to. `options`: the
-- entry, TF (`traced`), the buffer's address and size, options of the receive.
local function receiver(options)
    local buffer = options.buffer or DATA
    local r = {task = tasks.create(), port = ports.both(), buffer = buffer}
    for _, at in ipairs{CODE, STACK, DATA} do
        must((mach.vm_allocate(r.task, at, PAGE, false)), "vm_allocate")
    end
    if options.prepare then options.prepare(r) end
    must(mach.mach_port_insert_right(r.task, 0x7700, r.port, mach.MACH_MSG_TYPE_MOVE_RECEIVE),
         "insert_right")
    ports.allocate(mach.MACH_PORT_RIGHT_DEAD_NAME, r.task) -- its table has room now
    -- For the short way its first page must be there: mov [buffer], eax.
    local touch = options.untouched and NOPS or "\xa3" .. string.pack("<I4", buffer)
    memory.write(CODE, touch .. ENTRY[options.entry or "sysenter"] .. SPIN, r.task)
    memory.write(STACK + 256, string.pack("<I4I4I4I4I4I4I4I4", 0, buffer, mach.MACH_RCV_MSG |
                 (options.option or 0), 0, options.size or 200, 0x7700, 0, 0), r.task)
    r.thread = threads.create(r.task)
    local state = {eip = CODE, uesp = STACK + 256, eax = TRAP, ecx = STACK + 256, edx = AFTER,
                   efl = options.traced and 0x100 or 0}
    for name, value in pairs(MARKS) do state[name] = value end
    must(mach.thread_set_state(r.thread, GENERAL, state), "set_state")
    if options.traced then
        r.steps = ports.both()
        must(mach.thread_set_exception_ports(r.thread, mach.EXC_MASK_BREAKPOINT, r.steps,
                                             mach.EXCEPTION_DEFAULT, GENERAL), "exception_ports")
    end
    must(mach.thread_resume(r.thread), "resume")
    for _ = 1, options.traced and 1 or 0 do -- steps before the trap
        local kr, step = mach.receive{port = r.steps, timeout = 100}
        must(kr, "step")
        ports.deallocate(step.ports[1][1], step.ports[2][1])
        must(mach.send{remote = step.remote, disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, id = 2501,
                       body = string.pack("<I8i4", 0, mach.KERN_SUCCESS)}, "go on")
    end
    threads.wait_until_waiting(r.thread)
    return r
end

-- A thread of ours that calls the receiver with `body` and waits for the answer.
local function call(r, body)
    r.reply = ports.allocate()
    r.caller = spawn.thread(function()
        local bytes = string.pack("<I4I4I4I4I4i4", mach.MACH_MSGH_BITS(mach.MACH_MSG_TYPE_COPY_SEND,
            mach.MACH_MSG_TYPE_MAKE_SEND_ONCE), 0, args.port, args.reply, 0, 5) .. args.body
        return {(mach.mach_msg(bytes, mach.MACH_SEND_MSG | mach.MACH_RCV_MSG, #bytes, 200,
                               args.reply, 0, 0))}
    end, {port = r.port, reply = r.reply, body = body})
    for _ = 1, 100 do -- until it has called
        if ports.info(r.port).seqno == 1 then return end
        sleep(1)
    end
    error("the call did not come", 2)
end

local function registers(r)
    must(mach.thread_suspend(r.thread), "suspend")
    local kr, state = mach.thread_get_state(r.thread, GENERAL)
    must(kr, "get_state")
    must(mach.thread_resume(r.thread), "resume")
    return state
end

-- What lies in the receiver's buffer: bits, size, local port, id, body.
local function received(r, body)
    local bytes = memory.read(r.buffer, 24 + #body + 8, r.task)
    local bits, size, _, port, reserved, id = string.unpack("<I4I4I4I4I4i4", bytes)
    return {bits, size, port, reserved, id, bytes:sub(25, 24 + #body),
            string.unpack("<I4I4", bytes, 25 + #body)}
end

local function expected(body)
    return {mach.MACH_MSGH_BITS(PORT_ONCE, PORT_SEND), 24 + #body, 0x7700, 0, 5, body, 0, 8,
            33 + #body}
end

-- Ends the receiver's task: the caller hears of it by its reply right.
local function bury(t, r)
    must(mach.task_terminate(r.task), "task_terminate")
    t.eq({r.caller:wait(900)}, {true, {0}}, "the caller got what became of its reply right")
    ports.destroy(r.reply)
    ports.deallocate(r.port, r.thread, r.task)
    if r.steps then ports.destroy(r.steps) end
end

for _, case in ipairs{{"sysenter"}, {"int"}, {"sysenter", true}, {"int", true}} do
    local entry, traced = table.unpack(case)
    test(("Registers after a receive by %s%s: as the trap leaves them."):format(entry,
         traced and ", single-stepped" or ""), function(t)
        local r = receiver{entry = entry, traced = traced}
        call(r, "sixteen bytes...")
        t.eq(received(r, "sixteen bytes..."), expected("sixteen bytes..."), "the message")
        local step
        if traced then
            local kr
            kr, step = mach.receive{port = r.steps, timeout = 100}
            t.eq(kr, 0, "a step after the trap")
        end
        local state = registers(r)
        t.eq({state.eax, state.uesp, state.eip}, {0, STACK + 256, AFTER}, "result, stack, place")
        for name, value in pairs(MARKS) do t.eq(state[name], value, name) end
        t.eq({state.ecx, state.edx}, {STACK + 256, AFTER}, "ecx and edx")
        t.eq(state.efl & 0x100, traced and 0x100 or 0, "TF")
        bury(t, r)
        if step then ports.deallocate(step.remote, step.ports[1][1], step.ports[2][1]) end
    end)
end

test("Registers that were set while it waited are those that it goes on with.", function(t)
    local r = receiver{}
    must(mach.thread_suspend(r.thread), "suspend")
    local kr, state = mach.thread_get_state(r.thread, GENERAL)
    must(kr, "get_state")
    state.eax, state.ebx, state.ecx, state.edx = 77, 78, 79, 80
    must(mach.thread_set_state(r.thread, GENERAL, state), "set_state")
    must(mach.thread_resume(r.thread), "resume")
    call(r, "")
    state = registers(r)
    t.eq({state.eax, state.ebx, state.ecx, state.edx, state.esi}, {77, 78, 79, 80, MARKS.esi})
    t.eq(received(r, ""), expected(""), "the message has come")
    bury(t, r)
end)

test("A receiver that is suspended gets the message and stays where it is until it is resumed.",
function(t)
    for _, stop in ipairs{"thread", "task"} do
        local r = receiver{}
        must(mach[stop .. "_suspend"](r[stop]), "suspend")
        call(r, "body")
        t.eq(received(r, "body"), expected("body"), stop .. ": the message")
        sleep(3)
        t.eq(threads.basic_info(r.thread).run_state, mach.TH_STATE_STOPPED, "meanwhile")
        must(mach[stop .. "_resume"](r[stop]), "resume")
        sleep(3)
        t.eq(threads.basic_info(r.thread).run_state, mach.TH_STATE_RUNNING, "afterwards")
        t.eq(registers(r).eax, 0, stop .. ": the result")
        bury(t, r)
    end
end)

-- ---- buffers ------------------------------------------------------------------------------------

local function map(r, at, pages)
    must((mach.vm_allocate(r.task, at, pages * PAGE, false)), "vm_allocate")
end

local BODY = ("0123456789abcdef"):rep(4)

test("A buffer whose pages are not there, shared, or copied is written all the same.", function(t)
    local copy
    for what, prepare in pairs{
        ["untouched"] = function(r) map(r, 0x500000, 2) end,
        ["its second page untouched"] = function(r)
            map(r, 0x500000, 2)
        end,
        ["copied to another task"] = function(r)
            map(r, 0x500000, 2)
            memory.write(0x500000, ("!"):rep(2 * PAGE), r.task)
        end,
        ["at the end of the address space"] = function(r)
            r.buffer = TOP - (24 + #BODY + 8)
            map(r, TOP - PAGE, 1)
        end,
    } do
        local end_of_space = what:find("end")
        local r = receiver{buffer = end_of_space and TOP - (24 + #BODY + 8) or 0x500000 + PAGE - 40,
                           prepare = prepare, untouched = what == "untouched"}
        if what:find("copied") then copy = tasks.create(r.task, true) end
        call(r, BODY)
        sleep(1)
        t.eq(received(r, BODY), expected(BODY), what)
        t.eq(registers(r).eax, 0, what .. ": the result")
        if copy then
            t.eq(memory.read(0x501000, PAGE, copy), ("!"):rep(PAGE), "the copy stays")
            t.eq(memory.read(0x500000, PAGE - 40, copy), ("!"):rep(PAGE - 40), "the copy stays")
            tasks.terminate(copy)
            copy = nil
        end
        bury(t, r)
    end
end)

test("A buffer that cannot be written is MACH_RCV_INVALID_DATA; nothing beside it changes.",
function(t)
    for what, at in pairs{
        ["read-only"] = 0x500000, ["read-only from the middle"] = 0x600000 + PAGE - 40,
        ["not there"] = 0x700000, ["in its last word not there"] = 0x800000 - (24 + #BODY + 4),
        ["over the end of the address space"] = TOP - (24 + #BODY + 4),
        ["the kernel's"] = TOP + PAGE, ["around the end of addresses"] = 0xfffffff0,
        ["null"] = 0,
    } do
        local untouched = not what:find("last word")
        local r = receiver{buffer = at, untouched = untouched, prepare = function(r)
            map(r, 0x500000, 1)
            map(r, 0x600000, 2)
            map(r, 0x800000 - PAGE, 1)
            map(r, TOP - PAGE, 1)
            must(mach.vm_protect(r.task, 0x500000, PAGE, false, mach.VM_PROT_READ), "protect")
            must(mach.vm_protect(r.task, 0x601000, PAGE, false, mach.VM_PROT_READ), "protect")
        end}
        call(r, BODY)
        t.eq({r.caller:wait(900)}, {true, {0}}, what .. ": the reply right came back")
        sleep(1)
        t.eq(registers(r).eax, mach.MACH_RCV_INVALID_DATA, what)
        t.eq(memory.read(0x601000, PAGE, r.task), ("\0"):rep(PAGE), "behind the buffer")
        must(mach.task_terminate(r.task), "task_terminate")
        ports.destroy(r.reply)
        ports.deallocate(r.port, r.thread, r.task)
    end
end)
