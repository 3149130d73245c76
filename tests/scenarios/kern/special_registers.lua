-- SPDX-License-Identifier: BSD-2-Clause
-- What a thread has of the FPU and SSE registers, the three TLS descriptors and the debug
-- registers: it keeps its own while others run, they can be looked at and changed, and give no
-- privilege. Contracts: mach.defs (thread_get_state, thread_set_state), mach/thread_status.h.

local must, ports, threads = require "must", require "ports", require "threads"
local memory, tasks, sleep = require "memory", require "tasks", require "clock".sleep
local code, deallocate = require "machine_code", ports.deallocate

local self = mach.mach_task_self()
local word, store, load_imm, STAY, loop_back, increment =
    code.word, code.store, code.load_imm, code.STAY, code.loop_back, code.increment
local page_with, data_of, words_of, thread_at, finish, general =
    code.page_with, code.data_of, code.words_of, code.thread_at, code.finish, code.general
local EAX, PAGE, DATA = code.EAX, code.PAGE, code.DATA
local GENERAL, FLOAT = mach.i386_THREAD_STATE, mach.i386_FLOAT_STATE
local TLS, DEBUG = mach.i386_TLS_STATE, mach.i386_DEBUG_STATE
local BAD = mach.KERN_INVALID_ARGUMENT

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

test("Memory that is cleared for a thread costs nobody an SSE register.", function(t)
    local value, zeros = "sixteen bytes it", ("\0"):rep(16)
    local kr, fresh = mach.vm_allocate(self, 0, 2 * PAGE, true)
    must(kr, "vm_allocate")
    -- The first loads xmm0, touches a page that is not there yet, and stores xmm0 for ever; the other
    -- touches one and stores what it finds in xmm0.
    local pages = {page_with(function(page)
        local body = "\x0f\x11\x05" .. word(page + DATA + 16) .. increment(page + DATA + 32)
        return "\x0f\x10\x05" .. word(page + DATA) .. store(EAX, fresh) .. body .. loop_back(body)
    end, value), page_with(function(page)
        return store(EAX, fresh + PAGE) .. "\x0f\x11\x05" .. word(page + DATA + 16) .. STAY
    end, value .. value)}
    local owner, other = thread_at(pages[1]), thread_at(pages[2])
    must(mach.thread_resume(owner), "resume")
    sleep(3)
    must(mach.thread_resume(other), "resume")
    sleep(60)
    t.eq(data_of(pages[2], 32):sub(17), zeros, "what the other one has")
    t.eq(data_of(pages[1], 32), value .. value, "what the first has")
    finish(owner, pages[1])
    finish(other, pages[2])
    must(mach.vm_deallocate(self, fresh, 2 * PAGE), "vm_deallocate")
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

-- Sends a message from a thread that has no use for the FPU, while we sleep, in a turn that comes after one
-- of `thread`'s.
local function message_between_turns(t, thread, message)
    local place, me = memory.allocate(PAGE), mach.mach_thread_self()
    memory.write(place, message)
    local function policy(of, kind, base)
        must(mach.thread_policy(of, kind, threads.policy_base(kind, base, 10), false), "policy")
    end
    policy(me, mach.POLICY_FIFO, 40)
    policy(thread, mach.POLICY_RR, 70)
    local sender = threads.trap_begin(25, place, mach.MACH_SEND_MSG, #message, 0, 0, 0, 0)
    policy(sender.thread, mach.POLICY_RR, 70)
    sleep(60)
    policy(me, mach.POLICY_TIMESHARE, 64)
    t.eq(threads.trap_result(sender), 0, "send")
    memory.release(place, PAGE)
end

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
    float.xmm[3] = "another 16 bytes"
    t.eq(mach.thread_set_state(thread, FLOAT, float), 0, "set")
    sleep(3)
    t.eq(memory.read(page + DATA + 16, 16), float.xmm[3], "what it stores")
    -- Lua computes with the FPU itself. So once more by a thread that does not: a message to it, of an
    -- fxsave image.
    local image = string.pack("<I2c22I4c164", 0x37f, "", 0x1f80, "") .. "by another one's"
    message_between_turns(t, thread, string.pack("<I4I4I4I4I4i4I8I4I4c512",
        mach.MACH_MSG_TYPE_COPY_SEND, 0, thread, 0, 0, 2018, 1 << 32, FLOAT, 128, image))
    t.eq(memory.read(page + DATA + 16, 16), "by another one's", "what it stores")
    finish(thread, page)
end)

test("Float registers that nobody has put away since they changed are told as they are.", function(t)
    -- for ever: movups xmm5, [DATA]
    local page = page_with(function(page)
        local load_xmm5 = "\x0f\x10\x2d" .. word(page + DATA)
        return load_xmm5 .. loop_back(load_xmm5)
    end, "what it was once")
    local thread, reply = thread_at(page), ports.allocate()
    must(mach.thread_resume(thread), "resume")
    sleep(3)
    memory.write(page + DATA, "what it is today")
    message_between_turns(t, thread, string.pack("<I4I4I4I4I4i4I8I4I4",
        mach.MACH_MSGH_BITS(mach.MACH_MSG_TYPE_COPY_SEND, mach.MACH_MSG_TYPE_MAKE_SEND_ONCE), 0,
        thread, reply, 0, 2017, 1 << 32, FLOAT, 128))
    local kr, answer = mach.receive{port = reply, timeout = 0}
    t.eq({kr, answer.body:sub(17 + 240, 17 + 255)}, {0, "what it is today"}, "xmm5")
    ports.destroy(reply)
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

test("A thread without segments of its own cannot use those of the one that ran before it.",
function(t)
    local page = page_with(function(page) -- the first stays; the second: mov eax, 0x33; mov gs, ax
        return STAY .. load_imm(EAX, 0x33) .. "\x8e\xe8" .. increment(page + DATA) .. STAY
    end)
    local with = thread_at(page)
    must(mach.thread_set_state(with, TLS, {desc = {segment(page), EMPTY, EMPTY}}), "set")
    must(mach.thread_resume(with), "resume")
    sleep(20) -- it has run
    local task = tasks.create(self, true)
    local without = threads.run(task, {eip = page + #STAY})
    sleep(60)
    t.eq((mach.task_info(task, mach.TASK_BASIC_INFO)), mach.MACH_SEND_INVALID_DEST,
         "its task has ended by a fault")
    finish(with, page)
    deallocate(task, without)
end)

test("fs and gs are each thread's own, also where they say nothing.", function(t)
    local made = {}
    for i, values in ipairs{{0x23, 0x23}, {0, 0}, {0x23, 0}, {0, 0x23}} do
        -- for ever: mov eax, fs; store; mov eax, gs; store; count
        local page = page_with(function(page)
            local body = code.from_segment(code.FS) .. store(EAX, page + DATA) ..
                code.from_segment(code.GS) .. store(EAX, page + DATA + 4) .. increment(page + DATA + 8)
            return body .. loop_back(body)
        end)
        made[i] = {thread_at(page, {fs = values[1], gs = values[2]}), page, values}
    end
    for _, one in ipairs(made) do must(mach.thread_resume(one[1]), "resume") end
    sleep(60) -- each has had its first turn
    for round = 1, 4 do
        sleep(40)
        for i, one in ipairs(made) do
            local seen = words_of(one[2], 3)
            t.eq({seen[1] & 0xffff, seen[2] & 0xffff}, one[3], ("thread %d, round %d"):format(i, round))
            t.ok(seen[3] > 0, "it ran")
        end
    end
    for _, one in ipairs(made) do finish(one[1], one[2]) end
end)

test("A thread that takes its own segment away has a null selector.", function(t)
    for _, case in ipairs{{code.FS, 1}, {code.GS, 2}, {code.FS, 3}} do
        local register, entry = table.unpack(case)
        local selector, desc = 0x33 + 8 * (entry - 1), {EMPTY, EMPTY, EMPTY}
        local page = page_with(function(page)
            local function tell(offset)
                return code.from_segment(register) .. store(EAX, page + DATA + offset)
            end
            return tell(0) .. load_imm(EAX, mach.MACH_TRAP_mach_msg_trap) .. code.INT_TRAP ..
                store(EAX, page + DATA + 4) .. tell(8) .. STAY
        end, word(-1):rep(3))
        local thread = threads.create()
        desc[entry] = segment(page)
        must(mach.thread_set_state(thread, TLS, {desc = desc}), "set")
        must(mach.thread_set_state(thread, GENERAL, {eip = page, uesp = page + DATA + 64,
                                                     fs = selector, gs = selector}), "set")
        local request = string.pack("<I4I4I4I4I4i4I8i4I4", mach.MACH_MSG_TYPE_COPY_SEND, 0, thread, 0,
                                    0, 2018, 0, TLS, 6) .. word(0):rep(6) -- thread_set_state
        memory.write(page + DATA + 64, string.pack("<I4I4I4I4I4I4I4I4", 0, page + DATA + 128,
                                                   mach.MACH_SEND_MSG, #request, 0, 0, 0, 0))
        memory.write(page + DATA + 128, request)
        must(mach.thread_resume(thread), "resume")
        sleep(5)
        local seen = words_of(page, 3)
        t.eq({seen[1] & 0xffff, seen[2], seen[3] & 0xffff}, {selector, 0, 0},
             "selector, result, selector")
        must(mach.thread_suspend(thread), "suspend")
        t.eq({mach.thread_get_state(thread, TLS)}, {0, {desc = {EMPTY, EMPTY, EMPTY}}}, "segments")
        finish(thread, page)
    end
end)

-- Makes a trap whose caller has another segment in es, or in es and ds, by the instructions `load`, and
-- gives the result. The caller lies in `page`, its data behind it; `arguments` are words.
local function trap_with_segments(page, number, entry, load, arguments)
    local begin = load_imm(EAX, 0x33) .. load .. load_imm(EAX, number)
    if entry == "int" then
        begin = begin .. code.INT_TRAP
    else -- mov ecx, esp; mov edx, what follows; sysenter
        begin = begin .. "\x89\xe1\xba" .. word(page + #begin + 9) .. "\x0f\x34"
    end
    memory.write(page, begin .. store(EAX, page + DATA) .. STAY)
    memory.write(page + DATA, word(-1))
    memory.write(page + DATA + 64, word(0) .. arguments)
    local thread = threads.create()
    must(mach.thread_set_state(thread, TLS, {desc = {segment(page + 0x200), EMPTY, EMPTY}}), "set")
    must(mach.thread_set_state(thread, GENERAL, {eip = page, uesp = page + DATA + 64}), "set")
    must(mach.thread_resume(thread), "resume")
    sleep(5)
    finish(thread)
    return words_of(page, 1)[1]
end

test("The kernel's copies for a trap are not led astray by its caller's segments.", function(t)
    local load_both = "\x8e\xc0\x8e\xd8" -- mov es, eax; mov ds, eax
    local port = ports.both()
    for _, case in ipairs{{"int", load_both:sub(1, 2)}, {"sysenter", load_both:sub(1, 2)},
                          {"sysenter", load_both}} do
        local entry, load = table.unpack(case)
        local what = ("%s, %d bytes"):format(entry, #load)
        local page = memory.allocate(PAGE)
        local kr = trap_with_segments(page, mach.MACH_TRAP_mach_port_allocate, entry, load,
                                      word(self) .. word(mach.MACH_PORT_RIGHT_DEAD_NAME) ..
                                      word(page + DATA + 4))
        local name = words_of(page, 2)[2]
        t.eq({kr, ports.type_of(name)}, {0, mach.MACH_PORT_TYPE_DEAD_NAME}, what .. ": a word out")
        ports.destroy(name)
        memory.write(page + DATA + 128, string.pack("<I4I4I4I4I4i4", mach.MACH_MSG_TYPE_COPY_SEND, 0,
                                                    port, 0, 0, 5) .. ("a message "):rep(4))
        kr = trap_with_segments(page, mach.MACH_TRAP_mach_msg_trap, entry, load,
                                word(page + DATA + 128) .. word(mach.MACH_SEND_MSG) .. word(64) ..
                                word(0):rep(4))
        local received, msg = mach.receive{port = port, timeout = 0}
        t.eq({kr, received, msg.id, msg.body}, {0, 0, 5, ("a message "):rep(4)},
             what .. ": a message in")
        memory.release(page, PAGE)
    end
    ports.destroy(port)
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

