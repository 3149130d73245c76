-- SPDX-License-Identifier: BSD-2-Clause
-- Registers of threads: what thread_set_state sets is what the thread finds, nothing it sets gives
-- privilege, and no thread ever sees another's registers. The threads are a few bytes of machine
-- code. Contracts: mach.defs (thread_get_state, thread_set_state, thread_create_running),
-- include/mach/thread_status.h.

local must, ports, threads = require "must", require "ports", require "threads"
local memory, counts, sleep = require "memory", require "counts", require "clock".sleep
local tasks = require "tasks"
local deallocate = ports.deallocate

local self = mach.mach_task_self()
local PAGE, DATA = 8192, 4096 -- code and data in pages of their own: the emulator is slow otherwise
local GENERAL, FLOAT, TLS, DEBUG = mach.i386_THREAD_STATE, mach.i386_FLOAT_STATE,
    mach.i386_TLS_STATE, mach.i386_DEBUG_STATE
local USER_CODE, USER_DATA = 0x1b, 0x23
local BAD = mach.KERN_INVALID_ARGUMENT

local function word(n) return string.pack("<I4", n & 0xffffffff) end

-- ---- machine code: each function gives the bytes of one instruction ----

local EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI = 0, 1, 2, 3, 4, 5, 6, 7
local ES, CS, SS, DS, FS, GS = 0, 1, 2, 3, 4, 5

local function store(reg, at) return string.char(0x89, 0x05 | reg << 3) .. word(at) end
local function load_imm(reg, n) return string.char(0xb8 + reg) .. word(n) end
local function from_segment(seg) return string.char(0x8c, 0xc0 | seg << 3) end -- mov eax, seg
local STAY = "\xeb\xfe"                                                        -- jmp to itself
local PUSHF_POP_EAX = "\x9c\x58"
local INT_TRAP = "\xcd\x81"
local function loop_back(code) return "\xe9" .. word(-#code - 5) end -- to the start of `code`
local function increment(at) return "\xff\x05" .. word(at) end

-- ---- threads ----

-- Two pages, the first with `code(page)` in it, the second with `data`.
local function page_with(code, data)
    local page = memory.allocate(PAGE)
    memory.write(page, code(page))
    if data then memory.write(page + DATA, data) end
    return page
end

local function data_of(page, size) return memory.read(page + DATA, size) end

local function words_of(page, n)
    local words = {string.unpack("<" .. ("I4"):rep(n), data_of(page, 4 * n))}
    words[n + 1] = nil -- where unpack stopped
    return words
end

-- A new thread, suspended, with these general registers besides eip and uesp.
local function thread_at(page, registers)
    local thread = threads.create()
    local state = {eip = page, uesp = page + PAGE}
    for name, value in pairs(registers or {}) do state[name] = value end
    must(mach.thread_set_state(thread, GENERAL, state), "thread_set_state")
    return thread
end

local function finish(thread, page)
    threads.terminate(thread)
    if page then memory.release(page, PAGE) end
end

local function general(thread)
    local kr, state = mach.thread_get_state(thread, GENERAL)
    must(kr, "thread_get_state")
    return state
end

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

test("Each thread keeps its own FPU and SSE registers while others run.", function(t)
    local made, values = {}, {}
    for i = 1, 4 do
        values[i] = string.pack("<dI4I4", 1.5 * i, i * 0x01010101, 0xdead0000 + i)
        -- fld and movups once; then for ever: store both, count.
        local page = page_with(function(page)
            local begin = "\xdd\x05" .. word(page + DATA) .. "\x0f\x10\x3d" .. word(page + DATA)
            local body = "\xdd\x15" .. word(page + DATA + 16) .. "\x0f\x11\x3d"
                .. word(page + DATA + 32) .. increment(page + DATA + 48)
            return begin .. body .. loop_back(body)
        end, values[i])
        made[i] = {thread_at(page), page}
    end
    for i = 1, 4 do must(mach.thread_resume(made[i][1]), "resume") end
    sleep(80) -- each has had its first turn
    for round = 1, 4 do
        sleep(40)
        for i, one in ipairs(made) do
            local bytes = data_of(one[2], 52)
            t.eq((string.unpack("<d", bytes, 17)), 1.5 * i, ("st0 of %d, round %d"):format(i,
                                                                                           round))
            t.eq(bytes:sub(33, 48), values[i], ("xmm7 of %d, round %d"):format(i, round))
            t.ok(string.unpack("<I4", bytes, 49) > 0, "it ran")
        end
    end
    for i, one in ipairs(made) do
        local kr, float = mach.thread_get_state(one[1], FLOAT)
        t.eq({kr, float.xmm[8]}, {0, values[i]}, "thread_get_state of " .. i)
        finish(one[1], one[2])
    end
end)

test("The float state that is set is what the thread computes with.", function(t)
    local page = page_with(function(page) return "\x0f\x11\x15" .. word(page + DATA) .. STAY end)
    local thread = thread_at(page)
    local kr, float = mach.thread_get_state(thread, FLOAT)
    must(kr, "thread_get_state")
    float.xmm[3] = "just 16 bytes..."
    t.eq(mach.thread_set_state(thread, FLOAT, float), 0, "set")
    must(mach.thread_resume(thread), "resume")
    sleep(3)
    t.eq(data_of(page, 16), float.xmm[3])
    finish(thread, page)
end)

test("Float registers are told and set also while they are in the processor.", function(t)
    -- movups xmm5, [DATA]; then for ever: movups [DATA + 16], xmm2
    local page = page_with(function(page)
        local store_xmm2 = "\x0f\x11\x15" .. word(page + DATA + 16)
        return "\x0f\x10\x2d" .. word(page + DATA) .. store_xmm2 .. loop_back(store_xmm2)
    end, "its own 16 bytes")
    local thread = thread_at(page)
    must(mach.thread_resume(thread), "resume")
    sleep(3)
    local kr, float = mach.thread_get_state(thread, FLOAT)
    t.eq({kr, float.xmm[6], float.xmm[3]}, {0, "its own 16 bytes", ("\0"):rep(16)}, "told")
    for _, value in ipairs{"first of 2 given", "second 2 of them"} do
        float.xmm[3] = value
        t.eq(mach.thread_set_state(thread, FLOAT, float), 0, "set")
        sleep(3)
        t.eq(memory.read(page + DATA + 16, 16), value, "what it stores")
    end
    finish(thread, page)
end)

test("Reserved bits of mxcsr are KERN_INVALID_ARGUMENT: loading them would fault.", function(t)
    local thread = threads.create()
    local kr, float = mach.thread_get_state(thread, FLOAT)
    must(kr, "thread_get_state")
    for _, bits in ipairs{0x10000, 0x80000000, 0xffffffff} do
        local bad = {}
        for name, value in pairs(float) do bad[name] = value end
        bad.mxcsr = bits
        t.eq(mach.thread_set_state(thread, FLOAT, bad), BAD, ("mxcsr 0x%x"):format(bits))
        t.eq(select(2, mach.thread_get_state(thread, FLOAT)), float, "state afterwards")
    end
    finish(thread)
end)

-- ---- thread-local segments ----

-- A writable data segment of privilege 3 of 4 KiB from `base` on.
local function segment(base)
    return {low_word = (base & 0xffff) << 16 | 0xfff,
            high_word = (base & 0xff000000) | 0x00407200 | 0x8100 | (base >> 16 & 0xff)}
end
local EMPTY = {low_word = 0, high_word = 0}

test("Each thread has its own segments in the three TLS descriptors.", function(t)
    local made = {}
    for i = 1, 3 do
        -- for ever: mov eax, gs:[0]; store; count
        local page = page_with(function(page)
            local body = "\x65\xa1\0\0\0\0" .. store(EAX,
                                                     page + DATA + 4) .. increment(page + DATA + 8)
            return body .. loop_back(body)
        end, word(0x1000 + i))
        local thread = threads.create()
        local desc = {EMPTY, EMPTY, EMPTY}
        desc[i] = segment(page + DATA)
        t.eq(mach.thread_set_state(thread, TLS, {desc = desc}), 0, "set")
        t.eq({mach.thread_get_state(thread, TLS)}, {0, {desc = desc}}, "get")
        must(mach.thread_set_state(thread, GENERAL, {eip = page, uesp = page + PAGE,
                                                     gs = 0x33 + 8 * (i - 1)}), "set general")
        t.eq(general(thread).gs, 0x33 + 8 * (i - 1), "the selector is allowed now")
        made[i] = {thread, page}
    end
    for i = 1, 3 do must(mach.thread_resume(made[i][1]), "resume") end
    sleep(60) -- each has had its first turn
    for round = 1, 4 do
        sleep(40)
        for i, one in ipairs(made) do
            local seen = words_of(one[2], 3)
            t.eq(seen[2], 0x1000 + i, ("gs:[0] of %d, round %d"):format(i, round))
            t.ok(seen[3] > 0, "it ran")
        end
    end
    for _, one in ipairs(made) do finish(one[1], one[2]) end
end)

test("A TLS descriptor that is no data segment of privilege 3 is KERN_INVALID_ARGUMENT.",
function(t)
    local thread = threads.create()
    local good = segment(0x5000)
    must(mach.thread_set_state(thread, TLS, {desc = {good, EMPTY, EMPTY}}), "set")
    local _, before = mach.thread_get_state(thread, TLS)
    for what, high in pairs{
        ["privilege 0"] = good.high_word & ~0x6000, ["privilege 1"] = good.high_word & ~0x4000,
        ["privilege 2"] = good.high_word & ~0x2000, ["code"] = good.high_word | 0x800,
        ["conforming code"] = good.high_word | 0xc00,
        ["a system segment"] = good.high_word & ~0x1000,
        ["a call gate"] = 0xec00, ["a task gate"] = 0xe500,
        ["not present"] = good.high_word & ~0x8000,
        ["64-bit"] = good.high_word | 0x200000,
    } do
        for place = 1, 3 do
            local desc = {EMPTY, EMPTY, EMPTY}
            desc[place] = {low_word = good.low_word, high_word = high & 0xffffffff}
            t.eq(mach.thread_set_state(thread, TLS, {desc = desc}), BAD,
                 what .. " in place " .. place)
        end
    end
    t.eq({mach.thread_get_state(thread, TLS)}, {0, before}, "descriptors afterwards")
    finish(thread)
end)

-- ---- debug registers ----

test("Only user addresses can be watched: KERN_INVALID_ARGUMENT for others and for DR7's GD.",
function(t)
    local thread = threads.create()
    local function set(n, value)
        local dr = {0, 0, 0, 0, 0, 0, 0, 0}
        dr[n + 1] = value
        return mach.thread_set_state(thread, DEBUG, {dr = dr})
    end
    for n = 0, 3 do
        for _, address in ipairs{0xc0000000, 0xbffffffd, 0xffffffff} do
            t.eq(set(n, address), BAD, ("dr%d = 0x%x"):format(n, address))
        end
        t.eq(set(n, 0x1000), 0, "a user address")
        t.eq(set(n, 0xbffffffc), 0, "the last that four bytes fit behind")
    end
    t.eq(set(7, 0x2000), BAD, "general detect")
    for n = 0, 3 do -- on I/O ports, of eight bytes
        for _, kind in ipairs{2, 8, 10, 14} do
            local want = (kind & 3 == 2 or kind >> 2 == 2) and BAD or 0
            t.eq(set(7, kind << 16 + 4 * n), want, ("breakpoint %d of kind %d"):format(n, kind))
        end
    end
    t.eq(set(0, 0x4000), 0, "set")
    local _, state = mach.thread_get_state(thread, DEBUG)
    t.eq({state.dr[1], state.dr[5], state.dr[6]}, {0x4000, 0, 0}, "dr0, dr4, dr5")
    finish(thread)
end)

test("A thread's breakpoints are its own: another passes them.", function(t)
    local page = page_with(function(page)
        return increment(page + DATA) .. STAY
    end)
    local watched = thread_at(page)
    must(mach.thread_set_state(watched, DEBUG, {dr = {page, 0, 0, 0, 0, 0, 0, 1}}), "set debug")
    local other = thread_at(page)
    must(mach.thread_resume(other), "resume")
    sleep(5)
    t.eq(words_of(page, 1), {1}, "the other one passed")
    finish(other)
    finish(watched, page)
end)

test("A breakpoint does not stay in the processor for the thread that runs next.", function(t)
    local function counting(page, at)
        local code = increment(page + DATA + at)
        return code .. loop_back(code)
    end
    local first = #counting(0, 0)
    local page = page_with(function(page) return counting(page, 0) .. counting(page, 4) end)
    local task = tasks.create(self, true) -- a fault would be its end
    local watched = threads.create(task)
    must(mach.thread_set_state(watched, GENERAL, {eip = page}), "set_state")
    must(mach.thread_set_state(watched, DEBUG, {dr = {page + first, 0, 0, 0, 0, 0, 0, 1}}), "set")
    must(mach.thread_resume(watched), "resume")
    local other = threads.run(task, {eip = page + first})
    sleep(100)
    local kr, bytes = mach.vm_read(task, page + DATA, 8)
    t.eq(kr, 0, "the task lives")
    for _, n in ipairs{string.unpack("<I4I4", bytes or ("\0"):rep(8))} do t.ok(n > 0, "it ran") end
    mach.task_terminate(task)
    deallocate(task, watched, other)
    memory.release(page, PAGE)
end)

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
