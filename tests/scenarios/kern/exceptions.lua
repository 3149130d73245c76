-- SPDX-License-Identifier: BSD-2-Clause
-- Exception ports: who is asked about an exception, in which order and what with, and what the answer
-- does. The faulting threads are a few bytes of machine code; the handlers are this script. Interfaces:
-- include/mach/exc.defs, mach_host.defs; the kinds and codes: include/mach/exception.h.

local must, ports, tasks, threads = require "must", require "ports", require "tasks", require "threads"

local self = mach.mach_task_self()
local PAGE, CODE, DATA = 4096, 0x100000, 0x200000
local DEFAULT, STATE = mach.EXCEPTION_DEFAULT, mach.EXCEPTION_STATE
local IDENTITY = mach.EXCEPTION_STATE_IDENTITY
local ALL, GENERAL = mach.EXC_MASK_ALL, mach.i386_THREAD_STATE
local READ_NOWHERE = "\xa1\x00\x00\x70\x00"  -- mov eax, [0x700000]
local WRITE_NOWHERE = "\xa3\x00\x00\x70\x00" -- mov [0x700000], eax
local SPIN = "\xeb\xfe"
local NDR = string.pack("<I8", 0)
local counts, clock = require "counts", require "clock"

-- A task with that code at CODE, a stack, and a thread that is suspended there.
local function victim(code, registers)
    local v = {task = tasks.create()}
    must(mach.minato_task_set_name(v.task, "victim"), "set_name")
    for _, at in ipairs{CODE, DATA} do
        must((mach.vm_allocate(v.task, at, PAGE, false)), "vm_allocate")
    end
    must(mach.vm_write(v.task, CODE, code .. SPIN), "vm_write")
    v.thread = threads.create(v.task)
    local state = {eip = CODE, uesp = DATA + PAGE}
    for register, value in pairs(registers or {}) do state[register] = value end
    must(mach.thread_set_state(v.thread, GENERAL, state), "set_state")
    return v
end

local function bury(v, ...)
    mach.task_terminate(v.task)
    ports.destroy(v.thread, v.task, ...)
end

local function ask_task(v, port, behavior, flavor, mask)
    must(mach.task_set_exception_ports(v.task, mask or ALL, port, behavior or DEFAULT, flavor or GENERAL),
         "task_set_exception_ports")
end

local function ask_thread(v, port, behavior, flavor, mask)
    must(mach.thread_set_exception_ports(v.thread, mask or ALL, port, behavior or DEFAULT,
                                         flavor or GENERAL), "thread_set_exception_ports")
end

-- The next exception that comes to the port, taken apart; nil: none within `ms`.
local function caught(port, ms)
    local kr, m = mach.receive{port = port, timeout = ms or 200}
    if kr ~= 0 then return nil end
    local e = {id = m.id, reply = m.remote, message = m}
    local at = 9
    if m.id ~= 2402 then
        e.thread, e.task = m.ports[1][1], m.ports[2][1]
    end
    e.exception, e.count, e.code, e.subcode, at = string.unpack("<i4I4i4i4", m.body, at)
    if m.id ~= 2401 then
        local words
        e.flavor, words, at = string.unpack("<i4I4", m.body, at)
        e.state = {string.unpack("<" .. ("I4"):rep(words), m.body, at)}
        e.state[words + 1] = nil
    end
    return e
end

-- Answers: the thread goes on (KERN_SUCCESS), or the next port is asked. `state`: the new registers.
local function answer(e, code, state)
    local body = NDR .. string.pack("<i4", code)
    if state then
        body = body .. string.pack("<i4I4", e.flavor, #state) ..
               string.pack("<" .. ("I4"):rep(#state), table.unpack(state))
    end
    must(mach.send{remote = e.reply, disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, id = e.id + 100,
                   body = body}, "answer")
    if e.thread then ports.deallocate(e.thread, e.task) end
end

local function resume(v) must(mach.thread_resume(v.thread), "resume") end

-- A victim whose task's handler is a port of ours, and the exception that it met there.
local function faulted(code, behavior, registers)
    local v, port = victim(code, registers), ports.both()
    ask_task(v, port, behavior)
    resume(v)
    return v, port, caught(port)
end

local function eip_of(v)
    local kr, state = mach.thread_get_state(v.thread, GENERAL)
    return kr == 0 and state.eip or kr
end

-- A victim that was helped over READ_NOWHERE meets nothing more, and is buried.
local function past_it(t, v, port)
    t.eq(caught(port, 20), nil, "no second exception")
    t.eq(eip_of(v), CODE + #READ_NOWHERE, "it went on")
    bury(v, port)
end

local function alive(v)
    return (mach.task_suspend(v.task)) == 0 and (mach.task_resume(v.task)) == 0
end

test("exception_raise tells thread, task, kind, code and address; KERN_SUCCESS repeats the instruction.",
function(t)
    local v, port, e = faulted(READ_NOWHERE .. "\xa3\x00\x00\x20\x00")
    t.eq({e.id, e.exception, e.count, e.code, e.subcode},
         {2401, mach.EXC_BAD_ACCESS, 2, mach.KERN_INVALID_ADDRESS, 0x700000})
    t.eq({e.thread, e.task}, {v.thread, v.task}, "who: the names that we have for them")
    must((mach.vm_allocate(v.task, 0x700000, PAGE, false)), "allocate")
    must(mach.vm_write(v.task, 0x700000, "ahoy"), "write")
    answer(e, mach.KERN_SUCCESS)
    t.eq(caught(port, 20), nil, "no second exception")
    t.eq({mach.vm_read(v.task, DATA, 4)}, {0, "ahoy"}, "what it read, it has stored")
    bury(v, port)
end)

-- A thread that maps the page of each bad access, answers with `extra` bytes too many, and receives the
-- next in the same call; after `n` it ends with the addresses.
local function paging_handler(port, n, extra)
    local job = spawn.thread(function()
        require "calls".touch_buffer()
        local me, at = mach.mach_task_self(), {}
        local kr, bytes = mach.mach_msg("", mach.MACH_RCV_MSG, 0, 400, args.port, 0, 0)
        while kr == 0 do
            local remote, id = string.unpack("<I4", bytes, 9), string.unpack("<i4", bytes, 21)
            local thread, task = string.unpack("<I4", bytes, 29), string.unpack("<I4", bytes, 41)
            at[#at + 1] = string.unpack("<I4", bytes, 73)
            mach.vm_allocate(task, at[#at] & -4096, 4096, false)
            mach.mach_port_deallocate(me, thread)
            mach.mach_port_deallocate(me, task)
            local last = #at == args.n
            local answer = string.pack("<I4I4I4I4I4i4I8i4", mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, 0, remote, 0,
                                       0, id + 100, 0, 0) .. ("x"):rep(args.extra)
            kr, bytes = mach.mach_msg(answer, mach.MACH_SEND_MSG | mach.MACH_RCV_MSG |
                                      (last and mach.MACH_RCV_TIMEOUT or 0), #answer, 400, args.port, 20, 0)
        end
        return at
    end, {port = port, n = n, extra = extra})
    ports.wait_until(port, "waiters", 1)
    return job
end

test("A handler that answers and waits for the next in one call is told of each, and nothing is left.",
function(t)
    local reads = READ_NOWHERE .. "\xa1\x04\x10\x70\x00\xa1\x08\x20\x70\x00"
    local v, port = victim(reads .. "\xa3\x00\x00\x20\x00"), ports.both()
    must(mach.vm_write(v.task, DATA, "four"), "vm_write")
    ask_task(v, port)
    local rights = ports.info(port).srights
    local job = paging_handler(port, 4, 0)
    resume(v)
    require "clock".sleep(20)
    t.eq({mach.vm_read(v.task, DATA, 4)}, {0, "\0\0\0\0"}, "it went on in its own memory")
    t.eq(ports.info(port).srights, rights, "the rights by which the port is reached")
    ports.kill(port)
    t.eq({job:wait(900)}, {true, {0x700000, 0x701004, 0x702008}})
    ports.deallocate(port)
    bury(v)
end)

test("An answer that is too large for the kernel is none.", function(t)
    local v, port = victim(READ_NOWHERE), ports.both()
    ask_task(v, port)
    local job = paging_handler(port, 2, 300)
    resume(v)
    require "clock".sleep(20)
    t.ok(not alive(v), "the task has ended")
    ports.kill(port)
    t.eq({job:wait(900)}, {true, {0x700000}})
    ports.deallocate(port)
    bury(v)
end)

test("The handler may read and set the registers of the thread that waits for its answer.", function(t)
    local v, port, e = faulted("\x0f\x0b", DEFAULT, {eax = 77}) -- ud2
    t.eq({e.exception, e.code}, {mach.EXC_BAD_INSTRUCTION, mach.EXC_I386_INVOP})
    local kr, state = mach.thread_get_state(e.thread, GENERAL)
    t.eq({kr, state.eip, state.eax}, {0, CODE, 77})
    state.eip = CODE + 2 -- behind it
    t.eq(mach.thread_set_state(e.thread, GENERAL, state), 0)
    answer(e, mach.KERN_SUCCESS)
    t.eq(caught(port, 20), nil)
    t.eq(eip_of(v), CODE + 2, "it spins there")
    bury(v, port)
end)

test("exception_raise_state brings the registers and takes new ones.", function(t)
    local v, port, e = faulted(READ_NOWHERE, STATE)
    t.eq({e.id, e.exception, e.flavor, #e.state}, {2402, mach.EXC_BAD_ACCESS, GENERAL, 17})
    local _, state = mach.thread_get_state(v.thread, GENERAL)
    local at
    for i, word in ipairs(e.state) do if word == CODE then at = i end end
    t.eq(state.eip, CODE)
    e.state[at] = CODE + #READ_NOWHERE
    answer(e, mach.KERN_SUCCESS, e.state)
    past_it(t, v, port)
end)

test("exception_raise_state_identity brings both.", function(t)
    local v, port, e = faulted(READ_NOWHERE, IDENTITY)
    t.eq({e.id, e.thread, e.task, #e.state}, {2403, v.thread, v.task, 17})
    for i, word in ipairs(e.state) do
        if word == CODE then e.state[i] = CODE + #READ_NOWHERE end
    end
    answer(e, mach.KERN_SUCCESS, e.state)
    past_it(t, v, port)
end)

test("The thread's port is asked first, then the task's; when both refuse, the task ends.", function(t)
    local v, first, second = victim(WRITE_NOWHERE), ports.both(), ports.both()
    ask_thread(v, first)
    ask_task(v, second)
    resume(v)
    local e = caught(first)
    t.eq(caught(second, 0), nil, "not yet")
    answer(e, mach.KERN_FAILURE)
    e = caught(second)
    t.eq({e.exception, e.subcode}, {mach.EXC_BAD_ACCESS, 0x700000})
    t.ok(alive(v), "it waits")
    answer(e, mach.KERN_NOT_SUPPORTED)
    require "clock".sleep(5)
    t.ok(not alive(v), "it has ended")
    bury(v, first, second)
end)

test("The host's port is asked last, about every task; only the privileged port can set it.", function(t)
    local v, first, last = victim(WRITE_NOWHERE), ports.both(), ports.both()
    local priv = ports.privileged_host()
    t.eq(mach.host_set_exception_ports(mach.mach_host_self(), ALL, last, DEFAULT, GENERAL),
         mach.KERN_INVALID_HOST)
    t.eq(mach.host_set_exception_ports(priv, ALL, last, DEFAULT, GENERAL), 0)
    t.eq({mach.host_get_exception_ports(priv, ALL)}, {0, {ALL}, {last}, {DEFAULT}, {GENERAL}})
    ask_task(v, first)
    resume(v)
    answer(caught(first), mach.KERN_FAILURE)
    local e = caught(last)
    t.eq({e.exception, e.subcode, e.task}, {mach.EXC_BAD_ACCESS, 0x700000, v.task})
    must((mach.vm_allocate(v.task, 0x700000, PAGE, false)), "allocate")
    answer(e, mach.KERN_SUCCESS)
    t.eq(caught(first, 20), nil, "it goes on")
    t.eq({mach.host_swap_exception_ports(priv, ALL, 0, DEFAULT, GENERAL)},
         {0, {ALL}, {last}, {DEFAULT}, {GENERAL}})
    bury(v, first, last)
    ports.deallocate(priv)
end)

test("Only the kinds in the mask are sent; others go to the next.", function(t)
    local v, port = victim("\xcc"), ports.both()
    ask_task(v, port, DEFAULT, GENERAL, mach.EXC_MASK_BAD_ACCESS | mach.EXC_MASK_BREAKPOINT)
    resume(v)
    local e = caught(port)
    t.eq({e.exception, e.code}, {mach.EXC_BREAKPOINT, mach.EXC_I386_BPT})
    answer(e, mach.KERN_SUCCESS)
    t.eq(eip_of(v), CODE + 1, "behind the breakpoint")
    bury(v)
    v = victim("\x31\xc9\xf7\xf1") -- a division by zero
    ask_task(v, port, DEFAULT, GENERAL, mach.EXC_MASK_BAD_ACCESS | mach.EXC_MASK_BREAKPOINT)
    resume(v)
    t.eq(caught(port, 20), nil)
    t.ok(not alive(v), "nobody was asked")
    bury(v, port)
end)

test("A handler that dies, before or after the question, counts as a refusal.", function(t)
    local v, dead, other = victim(READ_NOWHERE), ports.both(), ports.both()
    ask_thread(v, dead)
    ask_task(v, other)
    ports.destroy(dead)
    resume(v)
    local e = caught(other)
    t.ok(e, "the port was dead already")
    bury(v)
    ports.deallocate(e.reply)
    ports.deallocate(e.thread, e.task)
    v, dead = victim(READ_NOWHERE), ports.both()
    ask_thread(v, dead)
    ask_task(v, other)
    resume(v)
    require "clock".sleep(5)
    ports.destroy(dead) -- with the question in its queue
    e = caught(other)
    t.ok(e, "the port died with the question")
    ports.deallocate(e.reply) -- and who drops the reply right refuses
    ports.deallocate(e.thread, e.task)
    require "clock".sleep(5)
    t.ok(not alive(v))
    bury(v, other)
end)

test("An answer that is none counts as a refusal: wrong id, wrong size, rights in it.", function(t)
    local other = ports.both()
    for _, reply in ipairs{
        {what = "wrong id", id = 2502, body = NDR .. string.pack("<i4", 0)},
        {what = "too short", id = 2501, body = NDR},
        {what = "too long", id = 2501, body = NDR .. string.pack("<i4i4", 0, 0)},
        {what = "a right", id = 2501, body = NDR .. string.pack("<i4", 0),
         ports = {{other, mach.MACH_MSG_TYPE_MAKE_SEND}}},
        {what = "a reply right", id = 2501, body = NDR .. string.pack("<i4", 5), local_port = other,
         local_disp = mach.MACH_MSG_TYPE_MAKE_SEND_ONCE},
    } do
        local what = reply.what
        reply.what = nil
        local v, port = victim(READ_NOWHERE), ports.both()
        ask_task(v, port)
        resume(v)
        local e = caught(port)
        reply.remote, reply.disp = e.reply, mach.MACH_MSG_TYPE_MOVE_SEND_ONCE
        must(mach.send(reply), "answer")
        ports.deallocate(e.thread, e.task)
        require "clock".sleep(5)
        t.ok(not alive(v), what)
        bury(v, port)
    end
    mach.receive{port = other, timeout = 0} -- the send-once right that came back
    local _, info = mach.minato_port_info(self, other)
    t.eq({info.srights, info.sorights}, {1, 0}, "no right was kept")
    ports.destroy(other)
end)

test("A handler may answer with a call that has a reply port: the right goes, nobody will answer it.",
function(t)
    local v, port, other = victim(READ_NOWHERE), ports.both(), ports.both()
    ask_task(v, port)
    resume(v)
    local e = caught(port)
    must((mach.vm_allocate(v.task, 0x700000, PAGE, false)), "allocate")
    local bits = mach.MACH_MSGH_BITS(mach.MACH_MSG_TYPE_MOVE_SEND_ONCE,
                                     mach.MACH_MSG_TYPE_MAKE_SEND_ONCE)
    local bytes = string.pack("<I4I4I4I4I4i4", bits, 0, e.reply, other, 0, 2501) .. NDR ..
                  string.pack("<i4", mach.KERN_SUCCESS)
    local kr, got = mach.mach_msg(bytes, mach.MACH_SEND_MSG | mach.MACH_RCV_MSG, #bytes, 200, other,
                                  0, 0)
    t.eq({kr, (string.unpack("<i4", got, 21))}, {0, mach.MACH_NOTIFY_SEND_ONCE}, "what came back")
    ports.deallocate(e.thread, e.task)
    t.eq(caught(port, 20), nil, "no second exception")
    t.eq(eip_of(v), CODE + #READ_NOWHERE, "the thread went on")
    bury(v, port, other)
end)

test("Registers that cannot be set count as a refusal.", function(t)
    for what, change in pairs{
        ["too few"] = function() return {1, 2, 3} end,
        ["none"] = function() return {} end,
        ["of no flavor"] = function(e) e.flavor = 999 return e.state end,
        ["the list of flavors"] = function(e)
            e.flavor = mach.THREAD_STATE_FLAVOR_LIST
            return e.state
        end,
        ["virtual-8086 mode"] = function(e)
            for i, word in ipairs(e.state) do
                if word & ~0xd5 == 0x202 then e.state[i] = word | 0x20000 end -- efl
            end
            return e.state
        end,
        ["too many"] = function(e)
            for i = #e.state + 1, 145 do e.state[i] = 0 end
            return e.state
        end,
    } do
        local v, port = victim(READ_NOWHERE), ports.both()
        ask_task(v, port, STATE)
        resume(v)
        local e = caught(port)
        answer(e, mach.KERN_SUCCESS, change(e))
        require "clock".sleep(5)
        t.ok(not alive(v), what)
        bury(v, port)
    end
end)

test("thread_abort takes the thread out of the question and back to its instruction.", function(t)
    local v, port, first = faulted(READ_NOWHERE)
    t.eq(mach.thread_abort(v.thread), 0)
    local second = caught(port)
    t.eq({second.exception, second.subcode}, {mach.EXC_BAD_ACCESS, 0x700000}, "it met it again")
    t.eq(mach.mach_port_type(self, first.reply), 0)
    t.eq(select(2, mach.mach_port_type(self, first.reply)), mach.MACH_PORT_TYPE_DEAD_NAME,
         "nobody waits for the first answer")
    ports.deallocate(first.reply, second.reply, first.thread, first.task, second.thread, second.task)
    bury(v, port)
end)

test("A task that is terminated while its handler thinks is gone, and leaves nothing behind.", function(t)
    local v, port, e = faulted(READ_NOWHERE)
    t.eq(mach.task_terminate(v.task), 0)
    t.eq(select(2, mach.mach_port_type(self, e.reply)), mach.MACH_PORT_TYPE_DEAD_NAME)
    ports.deallocate(e.reply, e.thread, e.task)
    bury(v, port)
end)

test("A full queue of the handler makes the thread wait for room.", function(t)
    local v, port = victim(READ_NOWHERE), ports.both()
    ports.set_limit(port, 1)
    must(mach.send{remote = port, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = 9}, "send")
    ask_task(v, port)
    resume(v)
    require "clock".sleep(5)
    t.eq(select(2, mach.receive{port = port, timeout = 0}).id, 9)
    local e = caught(port)
    t.eq(e.id, 2401)
    bury(v)
    ports.deallocate(e.reply, e.thread, e.task)
    ports.destroy(port)
end)

test("A single step is EXC_BREAKPOINT, EXC_I386_SGL, behind each instruction.", function(t)
    local v, port = victim("\x90\x40\x90", {efl = 0x100, eax = 5}), ports.both() -- nop, inc eax, nop
    ask_task(v, port)
    resume(v)
    for step = 1, 3 do
        local e = caught(port)
        t.eq({e.exception, e.code, e.subcode}, {mach.EXC_BREAKPOINT, mach.EXC_I386_SGL, 0})
        local _, state = mach.thread_get_state(v.thread, GENERAL)
        t.eq({state.eip, state.eax}, {CODE + step, step == 1 and 5 or 6}, "step " .. step)
        answer(e, mach.KERN_SUCCESS)
    end
    bury(v)
    local e = caught(port, 0)
    if e then ports.deallocate(e.reply, e.thread, e.task) end
    ports.destroy(port)
end)

test("A selector that becomes bad while a thread is stopped is an exception where it goes on, and replaced.",
function(t)
    local FLAT, EMPTY = {low_word = 0xffff, high_word = 0xcff300}, {low_word = 0, high_word = 0}
    for name, load in pairs{ds = "\x8e\xd8", es = "\x8e\xc0", ss = "\x8e\xd0"} do
        -- mov eax, 0x33, the selector of the first TLS descriptor; mov …, ax
        local code = "\xb8\x33\0\0\0" .. load
        local v, port = victim(code, {ebx = 0x11111111, esi = 0x22222222, edi = 0x33333333}), ports.both()
        must(mach.thread_set_state(v.thread, mach.i386_TLS_STATE, {desc = {FLAT, EMPTY, EMPTY}}), "set_state")
        ask_thread(v, port, STATE)
        resume(v)
        clock.sleep(5)
        must(mach.thread_suspend(v.thread), "suspend")
        t.eq(select(2, mach.thread_get_state(v.thread, GENERAL))[name], 0x33, name .. ": it is loaded")
        must(mach.thread_set_state(v.thread, mach.i386_TLS_STATE, {desc = {EMPTY, EMPTY, EMPTY}}), "set_state")
        resume(v)
        local e = caught(port) or {}
        t.eq({e.exception, e.code, e.subcode}, {mach.EXC_BAD_INSTRUCTION, mach.EXC_I386_GPFLT, 0x30},
             name .. ": the exception")
        local state = e.state or {}
        local replaced = {ds = state[4], es = state[3], ss = state[17]}
        t.eq({replaced[name], state[5], state[6], state[9], state[12], state[13]},
             {0x23, 0x33333333, 0x22222222, 0x11111111, 0x33, CODE + #code},
             name .. ": the selector, edi, esi, ebx, eax, eip")
        answer(e, 0, state)
        clock.sleep(5)
        t.eq({caught(port, 20), eip_of(v)}, {nil, CODE + #code}, name .. ": it goes on")
        bury(v, port)
    end
end)

-- A victim with one breakpoint, and the port that is asked. `kind`: 0 execution, 0xd a word is written.
local function watched(code, address, kind)
    local v, port = victim(code), ports.both()
    must(mach.thread_set_state(v.thread, mach.i386_DEBUG_STATE,
                               {dr = {address, 0, 0, 0, 0, 0, 0, 1 | kind << 16}}), "set_state")
    ask_thread(v, port, STATE)
    return v, port
end

test("A watched address is told with the exception, once; the step behind it tells none.", function(t)
    local code = "\xa3" .. string.pack("<I4", DATA) .. "\x90" -- mov [DATA], eax; nop
    local v, port = watched(code, DATA, 0xd)
    resume(v)
    local e = caught(port)
    t.eq({e.exception, e.code, e.subcode, e.state[13]},
         {mach.EXC_BREAKPOINT, mach.EXC_I386_SGL, DATA, CODE + 5}, "behind the write")
    e.state[15] = e.state[15] | 0x100 -- efl: TF
    answer(e, 0, e.state)
    e = caught(port)
    t.eq({e.exception, e.code, e.subcode, e.state[13]},
         {mach.EXC_BREAKPOINT, mach.EXC_I386_SGL, 0, CODE + 6}, "behind the step")
    e.state[15] = e.state[15] & ~0x100
    answer(e, 0, e.state)
    t.eq({caught(port, 20), eip_of(v)}, {nil, CODE + #code}, "it goes on")
    bury(v, port)
end)

test("A thread goes on from a breakpoint without meeting it again.", function(t)
    local v, port = watched("\x90\x90\x90", CODE + 1, 0)
    resume(v)
    local e = caught(port)
    t.eq({e.subcode, e.state[13]}, {CODE + 1, CODE + 1}, "before the instruction")
    answer(e, 0, e.state)
    t.eq({caught(port, 20), eip_of(v)}, {nil, CODE + 3}, "it goes on")
    bury(v, port)
end)

test("A watched address that the kernel writes to for a trap stops nobody.", function(t)
    -- mov eax, 62 (clock_sleep); int 0x81
    local v, port = watched("\xb8\x3e\0\0\0\xcd\x81", DATA + 128, 0xd)
    must(mach.vm_write(v.task, DATA + 64, string.pack("<I4I4I4I4I4I4", 0, 0, mach.TIME_RELATIVE, 0, 0,
                                                       DATA + 128)), "vm_write")
    must(mach.thread_set_state(v.thread, GENERAL, {eip = CODE, uesp = DATA + 64}), "set_state")
    resume(v)
    t.eq({caught(port, 20), eip_of(v)}, {nil, CODE + 7}, "it goes on")
    local kr, bytes = mach.vm_read(v.task, DATA + 128, 8)
    t.ok(kr == 0 and bytes ~= ("\0"):rep(8), "it was told the time")
    bury(v, port)
end)

test("get and swap tell who is asked, alike ones together; a null port asks nobody.", function(t)
    local v, a, b = victim(""), ports.both(), ports.both()
    local access, arithmetic = mach.EXC_MASK_BAD_ACCESS, mach.EXC_MASK_ARITHMETIC
    local function get() return {mach.task_get_exception_ports(v.task, ALL)} end
    t.eq(get(), {0, {ALL}, {0}, {0}, {0}}, "at first")
    ask_task(v, a, DEFAULT, GENERAL, access | arithmetic)
    ask_task(v, b, STATE, mach.i386_FLOAT_STATE, mach.EXC_MASK_BREAKPOINT)
    local rest = ALL & ~(access | arithmetic | mach.EXC_MASK_BREAKPOINT)
    t.eq(get(), {0, {access | arithmetic, rest, mach.EXC_MASK_BREAKPOINT}, {a, 0, b},
                 {DEFAULT, 0, STATE}, {GENERAL, 0, mach.i386_FLOAT_STATE}})
    t.eq({mach.task_get_exception_ports(v.task, access)}, {0, {access}, {a}, {DEFAULT}, {GENERAL}})
    t.eq({mach.task_swap_exception_ports(v.task, access | arithmetic, 0, DEFAULT, GENERAL)},
         {0, {access | arithmetic}, {a}, {DEFAULT}, {GENERAL}})
    t.eq({mach.task_get_exception_ports(v.task, access)}, {0, {access}, {0}, {DEFAULT}, {GENERAL}})
    t.eq({mach.thread_swap_exception_ports(v.thread, access, b, IDENTITY, GENERAL)},
         {0, {access}, {0}, {0}, {0}}, "the thread's are its own")
    t.eq({mach.thread_get_exception_ports(v.thread, access)}, {0, {access}, {b}, {IDENTITY}, {GENERAL}})
    ask_task(v, b, STATE, GENERAL, arithmetic)
    t.eq({mach.task_get_exception_ports(v.task, arithmetic | mach.EXC_MASK_BREAKPOINT)},
         {0, {arithmetic, mach.EXC_MASK_BREAKPOINT}, {b, b}, {STATE, STATE},
          {GENERAL, mach.i386_FLOAT_STATE}}, "they differ in the flavor")
    ask_task(v, b, IDENTITY, GENERAL, access)
    t.eq({mach.task_get_exception_ports(v.task, access | arithmetic)},
         {0, {access, arithmetic}, {b, b}, {IDENTITY, STATE}, {GENERAL, GENERAL}},
         "they differ in the behaviour")
    bury(v, a, b)
end)

test("A child inherits its parent's exception ports; a new thread has none.", function(t)
    local v, port = victim(""), ports.both()
    ask_task(v, port)
    local kr, child = mach.task_create(v.task, {}, false)
    must(kr, "task_create")
    t.eq({mach.task_get_exception_ports(child, ALL)}, {0, {ALL}, {port}, {DEFAULT}, {GENERAL}})
    t.eq({mach.thread_get_exception_ports(v.thread, ALL)}, {0, {ALL}, {0}, {0}, {0}})
    mach.task_terminate(child)
    ports.deallocate(child)
    bury(v, port)
end)

test("Wrong masks, behaviours, flavors and dead ports are refused, and nothing changes.", function(t)
    local v, port, dead = victim(""), ports.both(), ports.both()
    ask_task(v, port)
    ask_thread(v, port)
    must(mach.mach_port_mod_refs(self, dead, mach.MACH_PORT_RIGHT_RECEIVE, -1), "kill")
    for _, case in ipairs{
        {1, port, DEFAULT, GENERAL, mach.KERN_INVALID_ARGUMENT},
        {1 << 10, port, DEFAULT, GENERAL, mach.KERN_INVALID_ARGUMENT},
        {ALL | 0x80000000, port, DEFAULT, GENERAL, mach.KERN_INVALID_ARGUMENT},
        {ALL, port, 0, GENERAL, mach.KERN_INVALID_ARGUMENT},
        {ALL, port, 4, GENERAL, mach.KERN_INVALID_ARGUMENT},
        {ALL, port, STATE, 0, mach.KERN_INVALID_ARGUMENT},
        {ALL, port, IDENTITY, 999, mach.KERN_INVALID_ARGUMENT},
        {ALL, dead, DEFAULT, GENERAL, mach.KERN_INVALID_CAPABILITY},
    } do
        local mask, name, behavior, flavor, want = table.unpack(case)
        local what = ("mask 0x%x, behaviour %d, flavor %d"):format(mask, behavior, flavor)
        t.eq(mach.task_set_exception_ports(v.task, mask, name, behavior, flavor), want, "task: " .. what)
        t.eq(mach.thread_set_exception_ports(v.thread, mask, name, behavior, flavor), want, what)
        t.eq((mach.task_swap_exception_ports(v.task, mask, name, behavior, flavor)), want, "swap " .. what)
        t.eq((mach.thread_swap_exception_ports(v.thread, mask, name, behavior, flavor)), want, what)
    end
    t.eq((mach.task_get_exception_ports(v.task, 1)), mach.KERN_INVALID_ARGUMENT)
    t.eq((mach.thread_get_exception_ports(v.thread, 1 << 10)), mach.KERN_INVALID_ARGUMENT)
    t.eq({mach.task_get_exception_ports(v.task, ALL)}, {0, {ALL}, {port}, {DEFAULT}, {GENERAL}})
    local _, info = mach.minato_port_info(self, port)
    t.eq(info.srights, 1 + 2 * 9, "rights: ours, and one for each kind of task and thread")
    -- With a null port behaviour and flavor mean nothing.
    for _, case in ipairs{{0, 0}, {4, 999}, {-1, GENERAL}} do
        local behavior, flavor = table.unpack(case)
        t.eq((mach.thread_set_exception_ports(v.thread, ALL, 0, behavior, flavor)), 0, "null port")
        t.eq((mach.thread_swap_exception_ports(v.thread, ALL, 0, behavior, flavor)), 0, "null port")
    end
    bury(v)
    _, info = mach.minato_port_info(self, port)
    t.eq(info.srights, 1, "they have gone with the task")
    ports.destroy(port)
    ports.deallocate(dead)
end)

test("Whatever becomes of a question, the kernel keeps nothing of it.", function(t)
    local function over(e) ports.deallocate(e.reply, e.thread, e.task) end
    local cases = {
        ["answered"] = function(v, port)
            resume(v)
            answer(caught(port), mach.KERN_FAILURE)
        end,
        ["answered, with registers"] = function(v, port)
            ask_task(v, port, STATE)
            resume(v)
            answer(caught(port), mach.KERN_FAILURE)
        end,
        ["answered with too much, rights and memory among it"] = function(v, port)
            resume(v)
            local e = caught(port)
            must(mach.send{remote = e.reply, disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, id = 2501,
                           body = ("x"):rep(400), ports = {{port, mach.MACH_MSG_TYPE_MAKE_SEND}},
                           ool = {{data = ("y"):rep(PAGE)}}}, "answer")
            ports.deallocate(e.thread, e.task)
        end,
        ["thread_abort while it waits for the answer"] = function(v, port)
            resume(v)
            local e = caught(port)
            must(mach.thread_abort(v.thread), "thread_abort")
            over(e)
            over(caught(port))
        end,
        ["thread_abort while it waits for room"] = function(v, port)
            ports.set_limit(port, 1)
            must(mach.send{remote = port, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = 9}, "send")
            resume(v)
            ports.wait_until(port, "senders", 1)
            must(mach.thread_abort(v.thread), "thread_abort")
            ports.wait_until(port, "senders", 1)
            t.eq(select(2, mach.receive{port = port, timeout = 0}).id, 9, "the message before")
            over(caught(port))
            t.eq(caught(port, 0), nil, "it asks once")
        end,
        ["task_terminate while it waits for room"] = function(v, port)
            ports.set_limit(port, 1)
            must(mach.send{remote = port, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = 9}, "send")
            resume(v)
            ports.wait_until(port, "senders", 1)
            must(mach.task_terminate(v.task), "task_terminate")
            t.eq(select(2, mach.receive{port = port, timeout = 0}).id, 9, "the message before")
            t.eq(caught(port, 0), nil, "the question is gone")
        end,
        ["thread_terminate while it waits for the answer"] = function(v, port)
            resume(v)
            local e = caught(port)
            must(mach.thread_terminate(v.thread), "thread_terminate")
            over(e)
        end,
        ["answered with a receive right"] = function(v, port)
            resume(v)
            local e, gift = caught(port), ports.both()
            must(mach.send{remote = e.reply, disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, id = 2501,
                           body = NDR .. string.pack("<i4", 0),
                           ports = {{gift, mach.MACH_MSG_TYPE_MOVE_RECEIVE}}}, "answer")
            ports.deallocate(gift, e.thread, e.task)
        end,
        ["answered with the port that was asked"] = function(v, port)
            resume(v)
            local e = caught(port)
            must(mach.send{remote = e.reply, disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, id = 2501,
                           body = NDR .. string.pack("<i4", 0),
                           ports = {{port, mach.MACH_MSG_TYPE_MOVE_RECEIVE}}}, "answer")
            ports.deallocate(e.thread, e.task)
        end,
        ["asked of itself"] = function(v, port)
            must(mach.mach_port_insert_right(v.task, 0x7700, port, mach.MACH_MSG_TYPE_MOVE_RECEIVE),
                 "insert_right")
            resume(v)
            ports.wait_until(port, "queue_length", 1)
            must(mach.task_suspend(v.task), "suspend")
            must(mach.thread_abort(v.thread), "thread_abort")
            must(mach.task_resume(v.task), "resume")
            ports.wait_until(port, "queue_length", 2)
        end,
        ["asked of a kernel object"] = function(v)
            ask_task(v, v.task)
            resume(v)
        end,
    }
    local before = counts.objects()
    for what, case in pairs(cases) do
        local v, port = victim(READ_NOWHERE), ports.both()
        ask_task(v, port)
        case(v, port)
        require "clock".sleep(5)
        bury(v, port)
        t.eq(counts.objects(), before, what)
    end
end)
