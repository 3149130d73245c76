-- SPDX-License-Identifier: BSD-2-Clause
-- General registers of threads: what thread_set_state sets is what the thread finds, nothing it
-- sets gives privilege, and no thread ever sees another's registers. FPU, segments and debug
-- registers: special_registers.lua. Contracts: mach.defs (thread_get_state, thread_set_state,
-- thread_create_running), include/mach/thread_status.h.

local must, ports, threads = require "must", require "ports", require "threads"
local memory, counts, semaphores = require "memory", require "counts", require "semaphores"
local sleep = require "clock".sleep
local code, trap_task = require "machine_code", require "trap_task"
local deallocate = ports.deallocate

local self = mach.mach_task_self()
local word, store, load_imm, from_segment, STAY, PUSHF_POP_EAX =
    code.word, code.store, code.load_imm, code.from_segment, code.STAY, code.PUSHF_POP_EAX
local INT_TRAP, loop_back, increment, page_with, words_of =
    code.INT_TRAP, code.loop_back, code.increment, code.page_with, code.words_of
local thread_at, finish, general = code.thread_at, code.finish, code.general
local EAX, ECX, EDX, EBX, EDI = code.EAX, code.ECX, code.EDX, code.EBX, code.EDI
local ES, CS, SS, DS, GS, PAGE, DATA =
    code.ES, code.CS, code.SS, code.DS, code.GS, code.PAGE, code.DATA
local GENERAL, FLOAT = mach.i386_THREAD_STATE, mach.i386_FLOAT_STATE
local TLS, DEBUG = mach.i386_TLS_STATE, mach.i386_DEBUG_STATE
local USER_CODE, USER_DATA = 0x1b, 0x23
local BAD = mach.KERN_INVALID_ARGUMENT

local VALUES = {eax = 0x11111111, ebx = 0x22222222, ecx = 0x33333333, edx = 0x44444444,
                esi = 0x55555555, edi = 0x66666666, ebp = 0x77777777}

test("thread_get_state gives back what thread_set_state set.", function(t)
    local thread = threads.create()
    local state = {eip = 0x12345, uesp = 0xabcdef0, cs = USER_CODE, ds = USER_DATA, es = USER_DATA,
                   ss = USER_DATA, fs = USER_DATA, gs = 0, efl = 0x202}
    for name, value in pairs(VALUES) do state[name] = value end
    t.eq(mach.thread_set_state(thread, GENERAL, state), 0)
    state.esp = state.uesp -- what get shows there
    t.eq(general(thread), state)
    finish(thread)
end)

test("A thread starts with exactly the registers it was given.", function(t)
    local page = page_with(function(page)
        local code = ""
        for reg = EAX, EDI do code = code .. store(reg, page + DATA + 4 * reg) end
        return code .. PUSHF_POP_EAX .. store(EAX, page + DATA + 32) .. STAY
    end)
    local registers = {efl = 0x8d5} -- carry, parity, auxiliary, zero, sign, overflow
    for name, value in pairs(VALUES) do registers[name] = value end
    registers.esp = 0x999 -- ignored
    local thread = thread_at(page, registers)
    must(mach.thread_resume(thread), "resume")
    sleep(5)
    local seen = words_of(page, 9)
    t.eq({eax = seen[1], ecx = seen[2], edx = seen[3], ebx = seen[4], ebp = seen[6],
          esi = seen[7], edi = seen[8]}, VALUES, "general registers")
    t.eq(seen[5], page + PAGE, "stack pointer")
    t.eq(seen[9] & 0x8d5, 0x8d5, "flags")
    finish(thread, page)
end)

test("A new thread's registers are zero, whatever a thread before it had in them.", function(t)
    local page = page_with(function(page)
        return "\x0f\x10\x05" .. word(page + DATA) .. "\xdd\x05" .. word(page + DATA) .. STAY
    end, ("\xa5"):rep(16))
    local thread = thread_at(page, VALUES)
    must(mach.thread_resume(thread), "resume")
    sleep(3)
    finish(thread, page)
    for _ = 1, 3 do
        local fresh = threads.create()
        local state = general(fresh)
        for name in pairs(VALUES) do t.eq(state[name], 0, name) end
        t.eq({state.eip, state.uesp, state.fs, state.gs}, {0, 0, 0, 0}, "eip, uesp, fs, gs")
        local kr, float = mach.thread_get_state(fresh, FLOAT)
        must(kr, "thread_get_state")
        for i = 1, 8 do
            t.eq({float.st[i], float.xmm[i]}, {("\0"):rep(16), ("\0"):rep(16)},
                 "st and xmm " .. i - 1)
        end
        t.eq({float.fcw, float.fsw, float.ftw, float.mxcsr}, {0x37f, 0, 0, 0x1f80}, "control words")
        local kr, tls = mach.thread_get_state(fresh, TLS)
        must(kr, "thread_get_state")
        for i = 1, 3 do t.eq(tls.desc[i], {low_word = 0, high_word = 0}, "descriptor " .. i) end
        finish(fresh)
    end
end)

test("Selectors that are not the user's are replaced by safe ones.", function(t)
    local page = page_with(function(page)
        local code = ""
        for seg = ES, GS do
            code = code .. from_segment(seg) .. store(EAX, page + DATA + 4 * seg)
        end
        return code .. STAY
    end)
    -- Kernel code and data, the task state, null, an LDT entry, beyond the GDT, an empty TLS entry.
    for _, selector in ipairs{0x08, 0x10, 0x0b, 0x13, 0x28, 0x2b, 0, 3, 0x27, 0xfff8, 0xffff, 0x33,
                              0x3b, 0x43} do
        local thread = thread_at(page, {cs = selector, ds = selector, es = selector, ss = selector,
                                        fs = selector, gs = selector})
        local state = general(thread)
        t.eq({state.cs, state.ds, state.es, state.ss}, {USER_CODE, USER_DATA, USER_DATA, USER_DATA},
             ("selector 0x%x"):format(selector))
        t.ok(state.fs == 0 or state.fs == USER_DATA, "fs: " .. state.fs)
        t.ok(state.gs == 0 or state.gs == USER_DATA, "gs: " .. state.gs)
        must(mach.thread_resume(thread), "resume")
        sleep(1)
        local seen = words_of(page, 6)
        t.eq({seen[ES + 1], seen[CS + 1], seen[SS + 1], seen[DS + 1]},
             {USER_DATA, USER_CODE, USER_DATA, USER_DATA}, "what the thread finds")
        finish(thread)
    end
    memory.release(page, PAGE)
end)

test("A selector of the thread's own segments must have privilege 3 to be taken.", function(t)
    local thread = threads.create()
    local data = {low_word = 0x0000ffff, high_word = 0x00cff200} -- flat, privilege 3
    must(mach.thread_set_state(thread, TLS, {desc = {data, data, data}}), "set TLS")
    for entry = 6, 8 do
        for privilege = 0, 3 do
            local selector = entry << 3 | privilege
            must(mach.thread_set_state(thread, GENERAL, {ds = selector, fs = selector}), "set")
            local state = general(thread)
            local want = privilege == 3 and {selector, selector} or {USER_DATA, 0}
            t.eq({state.ds, state.fs}, want, ("selector %#x"):format(selector))
        end
    end
    finish(thread)
end)

test("Privileged flags cannot be set, interrupts cannot be shut off.", function(t)
    local page = page_with(function(page)
        return PUSHF_POP_EAX .. store(EAX, page + DATA) .. STAY
    end)
    -- IOPL 3, VIF, VIP; and all bits but virtual-8086 mode and single step.
    for _, flags in ipairs{0x3000, 0x180000, 0xfffdfeff, 0} do
        local thread = thread_at(page, {efl = flags})
        t.eq(general(thread).efl & 0x183200, 0x200, ("flags 0x%x: IF alone"):format(flags))
        must(mach.thread_resume(thread), "resume")
        sleep(2)
        t.eq(words_of(page, 1)[1] & 0x183200, 0x200, "what the thread finds")
        finish(thread)
    end
    memory.release(page, PAGE)
end)

test("Virtual-8086 mode is KERN_INVALID_ARGUMENT and leaves the registers as they were.",
function(t)
    local thread = threads.create()
    local before = general(thread)
    t.eq(mach.thread_set_state(thread, GENERAL, {efl = 0x20202, eip = 5, eax = 7}), BAD)
    t.eq(general(thread), before, "registers")
    local before_call = counts.task()
    t.eq((mach.thread_create_running(self, GENERAL, {efl = 0x20202})), BAD, "thread_create_running")
    t.eq(counts.task().threads, before_call.threads, "no thread is left behind")
    finish(thread)
end)

test("A thread with the nested-task flag traps and is interrupted like any other.", function(t)
    local page = page_with(function(page)
        local code = load_imm(EAX, 59) .. INT_TRAP .. increment(page + DATA)
        return code .. loop_back(code)
    end)
    local thread = thread_at(page, {efl = 0x4202})
    must(mach.thread_resume(thread), "resume")
    sleep(30)
    t.ok(words_of(page, 1)[1] > 10, "its traps came back")
    finish(thread, page)
end)

test("A trap does its work whatever flags and segments its caller has.", function(t)
    local function with_flag(flag) -- pushfd; or dword [esp], flag; popfd
        return "\x9c\x81\x0c\x24" .. word(flag) .. "\x9d"
    end
    -- Code that runs before the trap; ds must be the caller's own behind int 0x81, to tell the result.
    local before = {
        ["nothing"] = {"", true}, ["direction"] = {with_flag(0x400), true},
        ["nested task"] = {with_flag(0x4000), true},
        ["alignment check"] = {with_flag(0x40000), true},
        ["es null"] = {"\x31\xc0\x8e\xc0", true}, -- xor eax, eax; mov es, eax
        ["es and ds null"] = {"\x31\xc0\x8e\xc0\x8e\xd8", false}, -- …; mov ds, eax
    }
    local SEND, RECEIVE = mach.MACH_SEND_MSG, mach.MACH_RCV_MSG | mach.MACH_RCV_TIMEOUT
    local to, from = trap_task.DATA, trap_task.DATA + 1024
    for what, case in pairs(before) do
        trap_task.each_entry(function(entry, task)
            if entry == "int" and not case[2] then return end
            local port = ports.allocate(mach.MACH_PORT_RIGHT_RECEIVE, task)
            local body = ("a text of several words in its order"):rep(4)
            memory.write(to, string.pack("<I4I4I4I4I4i4", mach.MACH_MSG_TYPE_MAKE_SEND, 0, port, 0, 0,
                                         7) .. body, task)
            local function trap(option, size, timeout)
                return trap_task.trap(task, 25, {option == SEND and to or from, option, size, 400,
                                                 port, timeout, 0}, entry, nil, case[1])
            end
            local way = what .. ", " .. entry
            t.eq(trap(SEND, 24 + #body, 0), 0, way .. ": send")
            t.eq(trap(RECEIVE, 0, 0), 0, way .. ": receive")
            t.eq(memory.read(from + 24, #body, task), body, way .. ": the message")
            t.eq(trap(RECEIVE, 0, 1), mach.MACH_RCV_TIMED_OUT, way .. ": wait")
        end)
    end
end)

test("Registers are preserved over a trap, but eax, which has the result, ecx and edx.", function(t)
    local page = page_with(function(page)
        local code = load_imm(EAX, 28) .. INT_TRAP -- mach_task_self
        for reg = EAX, EDI do code = code .. store(reg, page + DATA + 4 * reg) end
        return code .. STAY
    end)
    local thread = thread_at(page, VALUES)
    must(mach.thread_resume(thread), "resume")
    sleep(5)
    local seen = words_of(page, 8)
    t.eq(seen[1], self, "result")
    t.eq({seen[4], seen[5], seen[6], seen[7], seen[8]},
         {VALUES.ebx, page + PAGE, VALUES.ebp, VALUES.esi, VALUES.edi}, "ebx esp ebp esi edi")
    deallocate(self) -- the trap's user reference
    finish(thread, page)
end)

test("sysenter and int 0x81 are the same call.", function(t)
    local page = page_with(function(page)
        -- sysenter: ecx the stack, edx where to return to
        local code = load_imm(EAX, 28) .. "\x89\xe1" .. load_imm(EDX, page + 14) .. "\x0f\x34"
        assert(#code == 14)
        return code .. store(EAX, page + DATA) .. store(EBX, page + DATA + 4)
            .. load_imm(EAX, 28) .. INT_TRAP .. store(EAX, page + DATA + 8) .. STAY
    end)
    local thread = thread_at(page, VALUES)
    must(mach.thread_resume(thread), "resume")
    sleep(5)
    t.eq(words_of(page, 3), {self, VALUES.ebx, self})
    deallocate(self)
    deallocate(self)
    finish(thread, page)
end)

test("A running thread is stopped, read, changed and set going at another place.", function(t)
    local page = page_with(function(page)
        return STAY .. increment(page + DATA) .. STAY
    end)
    local thread = thread_at(page, VALUES)
    must(mach.thread_resume(thread), "resume")
    sleep(3)
    local kr, state = mach.thread_get_state(thread, GENERAL)
    t.eq({kr, state.eip, state.ebx}, {0, page, VALUES.ebx}, "while it runs")
    must(mach.thread_suspend(thread), "suspend")
    state = general(thread)
    state.eip = page + 2
    must(mach.thread_set_state(thread, GENERAL, state), "thread_set_state")
    must(mach.thread_resume(thread), "resume")
    sleep(3)
    t.eq(words_of(page, 1), {1}, "the other place was executed once")
    t.eq(general(thread).eip, page + 8, "where it is now")
    finish(thread, page)
end)

test("A thread that waits in a trap has plain registers, and goes on with those it is given.",
function(t)
    local never = semaphores.create()
    local wait, first -- where it comes to after the wait, where it is sent instead
    local page = page_with(function(page)
        -- Some 100 ms with the carry flag set, so that interrupts find it: mov ecx, 3000000;
        -- again: stc; dec ecx; jnz again. Then push never; push 0; mov ecx, esp; mov edx, wait;
        -- mov eax, 36; sysenter; wait: stay
        local code = load_imm(ECX, 3000000) .. "\xf9\x49\x75\xfc"
        code = code .. "\x68" .. word(never) .. "\x6a\0\x89\xe1\xba" .. word(page + #code + 21)
            .. load_imm(EAX, 36) .. "\x0f\x34"
        wait, first = page + #code, page + #code + #STAY
        return code .. STAY .. store(EBX, page + DATA) .. increment(page + DATA + 4) .. STAY
    end)
    local thread = thread_at(page, {ebx = VALUES.ebx})
    must(mach.thread_resume(thread), "resume")
    threads.wait_until_waiting(thread)
    local state = general(thread)
    t.eq({state.cs, state.ds, state.es, state.ss, state.efl, state.eip, state.uesp, state.ebx},
         {USER_CODE, USER_DATA, USER_DATA, USER_DATA, 0x202, wait, page + PAGE - 8, VALUES.ebx},
         "while it waits")
    state.eip, state.ebx = first, 0x99
    t.eq(mach.thread_set_state(thread, GENERAL, state), 0, "set")
    sleep(2)
    t.eq(threads.basic_info(thread).run_state, mach.TH_STATE_WAITING, "it goes on waiting")
    must(mach.thread_abort(thread), "abort")
    sleep(2)
    t.eq(words_of(page, 2), {0x99, 1}, "what it does then")
    finish(thread, page)
    semaphores.destroy(never)
end)

test("The calling thread's own general registers are KERN_INVALID_ARGUMENT.", function(t)
    local me = mach.mach_thread_self()
    t.eq((mach.thread_get_state(me, GENERAL)), BAD, "get")
    t.eq(mach.thread_set_state(me, GENERAL, {}), BAD, "set")
    t.eq((mach.thread_get_state(me, FLOAT)), BAD, "get float")
end)

-- A call made by hand, so that count and flavor can be anything.
local function raw(port, id, flavor, count, words)
    local kr, msg = mach.rpc{remote = port, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = id,
                             reply_timeout = 500,
                             body = "\0\0\0\0\1\0\0\0" .. word(flavor) .. word(count)
                                 .. ("\0"):rep(4 * (words or 0))}
    must(kr, "rpc")
    return (string.unpack("<i4", msg.body, 9))
end

test("A flavor that does not exist, or too few words, is KERN_INVALID_ARGUMENT.", function(t)
    local thread = threads.create()
    local before = general(thread)
    local GET, SET = 2017, 2018
    for _, flavor in ipairs{-1, 3, 4, 5, 7, 9, 63, 65, 0x7fffffff, -0x80000000} do
        t.eq(raw(thread, GET, flavor, 144), BAD, "get flavor " .. flavor)
        t.eq(raw(thread, SET, flavor, 144, 144), BAD, "set flavor " .. flavor)
    end
    t.eq(raw(thread, SET, mach.THREAD_STATE_FLAVOR_LIST, 4, 4), BAD, "the list cannot be set")
    for flavor, count in pairs{[GENERAL] = 17, [FLOAT] = 128, [TLS] = 6, [DEBUG] = 8} do
        t.eq(raw(thread, GET, flavor, count), 0, "get, room for just flavor " .. flavor)
        for _, short in ipairs{0, 1, count - 1} do
            t.eq(raw(thread, GET, flavor, short), BAD, ("get flavor %d: %d"):format(flavor, short))
            t.eq(raw(thread, SET, flavor, short, short), BAD,
                 ("set flavor %d: %d"):format(flavor, short))
        end
        t.eq(raw(thread, SET, flavor, 145, 145), mach.MIG_BAD_ARGUMENTS, "more than the maximum")
        t.eq(raw(thread, SET, flavor, count, count - 1), mach.MIG_BAD_ARGUMENTS, "fewer than said")
    end
    t.eq(general(thread), before, "registers")
    finish(thread)
end)

test("A state that is refused leaves the thread suspended as often as it was.", function(t)
    local page = page_with(function(at)
        local code = increment(at + DATA)
        return code .. loop_back(code)
    end)
    local thread = thread_at(page)
    t.eq(mach.thread_set_state(thread, GENERAL, {efl = 0x20000}), BAD, "virtual-8086 mode")
    t.eq(raw(thread, 2018, 99, 1, 1), BAD, "a flavor that does not exist")
    t.eq(raw(thread, 2017, 99, 1), BAD, "and to be got")
    sleep(2)
    t.eq(words_of(page, 1), {0}, "it does not run")
    must(mach.thread_resume(thread), "resume")
    sleep(2)
    t.ok(words_of(page, 1)[1] > 0, "it runs")
    finish(thread, page)
end)

test("THREAD_STATE_FLAVOR_LIST lists the flavors that can be read.", function(t)
    local thread = threads.create()
    local kr, list = mach.thread_get_state(thread, mach.THREAD_STATE_FLAVOR_LIST)
    t.eq(kr, 0)
    table.sort(list)
    t.eq(list, {GENERAL, FLOAT, DEBUG, TLS})
    for _, flavor in ipairs(list) do
        t.eq((mach.thread_get_state(thread, flavor)), 0, "get " .. flavor)
    end
    finish(thread)
end)

-- ---- floating point ----

test("thread_create_running starts the thread with the registers given.", function(t)
    local page = page_with(function(page)
        return store(EBX, page + DATA) .. STAY
    end)
    local kr, thread = mach.thread_create_running(self, GENERAL, {eip = page, uesp = page + PAGE,
                                                                  ebx = 0xfeed})
    t.eq(kr, 0)
    sleep(3)
    t.eq(words_of(page, 1), {0xfeed}, "ebx")
    local _, info = mach.thread_info(thread, mach.THREAD_BASIC_INFO)
    t.eq({info.suspend_count, info.run_state}, {0, mach.TH_STATE_RUNNING}, "the thread")
    finish(thread, page)
end)
