-- SPDX-License-Identifier: BSD-2-Clause
-- The emulation vector: `int 0x80` in a task that has one is a call of the address there, in one that
-- has none a bad instruction. The threads are a few bytes of machine code. Contracts: mach.defs
-- (task_get_emulation_vector, task_set_emulation_vector, task_set_emulation).

local must, ports, tasks, threads = require "must", require "ports", require "tasks", require "threads"
local memory, sleep, code = require "memory", require "clock".sleep, require "machine_code"

local self = mach.mach_task_self()
local PAGE, CODE, VECTOR, DATA = 4096, 0x100000, 0x102000, 0x200000 -- one page each
local STACK, NOTHING = 0x301000, 0x500000 -- two pages of stack end at STACK + PAGE
local PLACE, GENERAL, TLS = mach.EMULATION_VECTOR_INT80, mach.i386_THREAD_STATE, mach.i386_TLS_STATE
local INT80, RET, SPIN = "\xcd\x80", "\xc3", "\xeb\xfe"
local BAD_ACCESS, BAD_INSTRUCTION = mach.EXC_BAD_ACCESS, mach.EXC_BAD_INSTRUCTION
local BAD = mach.KERN_INVALID_ARGUMENT
local BREAKPOINT, STEP = mach.EXC_BREAKPOINT, mach.EXC_I386_SGL
local TF = 0x100
local NONE = {low_word = 0, high_word = 0} -- no TLS segment

local VALUES = {eax = 0x11111111, ebx = 0x22222222, ecx = 0x33333333, edx = 0x44444444,
                esi = 0x55555555, edi = 0x66666666, ebp = 0x77777777}

local function set(task, address, place)
    must(mach.task_set_emulation(task, address, place or PLACE), "task_set_emulation")
end

local function get(task)
    local kr, start, vector = mach.task_get_emulation_vector(task)
    must(kr, "task_get_emulation_vector")
    return {start, vector}
end

-- A task that executes `instructions` and has `at_vector` at its vector; `exceptions` is where its
-- exceptions go.
local function emulated(instructions, at_vector)
    local e = {task = tasks.create(), exceptions = ports.both()}
    for _, at in ipairs{CODE, VECTOR, DATA, STACK - PAGE, STACK} do
        must((mach.vm_allocate(e.task, at, PAGE, false)), "vm_allocate")
    end
    memory.write(CODE, instructions, e.task)
    memory.write(VECTOR, at_vector or SPIN, e.task)
    must(mach.task_set_exception_ports(e.task, mach.EXC_MASK_ALL, e.exceptions,
                                       mach.EXCEPTION_DEFAULT, GENERAL), "set_exception_ports")
    set(e.task, VECTOR)
    return e
end

-- A suspended thread of it at CODE with the top of the stack, unless `registers` say otherwise.
local function thread_of(e, registers)
    local state = {eip = CODE, uesp = STACK + PAGE}
    for name, value in pairs(registers or {}) do state[name] = value end
    local thread = threads.create(e.task)
    must(mach.thread_set_state(thread, GENERAL, state), "thread_set_state")
    return thread
end

-- The registers of a thread that has been let run for a moment.
local function after_running(thread)
    must(mach.thread_resume(thread), "resume")
    sleep(3)
    return code.general(thread)
end

-- {exception, code, subcode} of the next exception, and what answer() needs; nil: none comes.
local function caught(e)
    local kr, m = mach.receive{port = e.exceptions, timeout = 20}
    if kr ~= 0 then return nil end
    local exception, _, what, where = string.unpack("<i4I4i4I4", m.body, 9)
    return {exception, what, where}, m
end

local function answer(m, result)
    must(mach.send{remote = m.remote, disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, id = m.id + 100,
                   body = string.pack("<I8i4", 0, result)}, "answer")
    ports.deallocate(m.ports[1][1], m.ports[2][1])
end

-- Gives up the rights of a message that nobody answers.
local function forget(m) ports.deallocate(m.remote, m.ports[1][1], m.ports[2][1]) end

-- Ends the task; `m`: an exception's message that is still unanswered.
local function bury(e, thread, m)
    mach.task_terminate(e.task)
    if m then forget(m) end
    ports.destroy(e.task, e.exceptions, thread)
end

-- A thread that meets an exception with these registers; the exception, its message, the thread.
local function meets(e, registers)
    local thread = thread_of(e, registers)
    must(mach.thread_resume(thread), "resume")
    local what, m = caught(e)
    return what, m, thread
end

-- ---- what a redirected int 0x80 does -------------------------------------------------------------

test("int 0x80 pushes the address behind it, goes on at the vector and changes nothing else.", function(t)
    local e = emulated(INT80 .. SPIN)
    -- Carry, parity, auxiliary, zero, sign, direction, overflow, alignment check, identification.
    for _, flags in ipairs{0x202, 0x202 | 0x8d5, 0x202 | 0x400, 0x202 | 0x240000} do
        local thread = thread_of(e, VALUES)
        must(mach.thread_set_state(thread, TLS,
             {desc = {{low_word = 0xffff, high_word = 0xcff200}, NONE, NONE}}), "TLS")
        local state = code.general(thread)
        state.efl, state.ds, state.es, state.fs, state.gs = flags, 0x33, 0x33, 0x33, 0x33
        must(mach.thread_set_state(thread, GENERAL, state), "set_state")
        local before = code.general(thread)
        memory.write(STACK + PAGE - 8, ("\xa5"):rep(8), e.task)
        local now = after_running(thread)
        t.eq({now.eip, now.uesp}, {VECTOR, STACK + PAGE - 4}, "eip, uesp")
        t.eq({memory.word(STACK + PAGE - 4, e.task), memory.word(STACK + PAGE - 8, e.task)},
             {CODE + #INT80, 0xa5a5a5a5}, "the stack")
        now.eip, now.uesp, now.esp = before.eip, before.uesp, before.esp
        t.eq(now, before, ("all else with flags %#x"):format(flags))
        threads.terminate(thread)
    end
    bury(e)
end)

test("A null selector in ds and es is no obstacle.", function(t)
    -- xor ecx, ecx; mov ds, ecx; mov es, ecx
    local e = emulated("\x31\xc9\x8e\xd9\x8e\xc1" .. INT80 .. SPIN)
    local thread = thread_of(e)
    local now = after_running(thread)
    t.eq({now.eip, now.uesp, now.ds & 0xffff, now.es & 0xffff, now.ecx},
         {VECTOR, STACK + PAGE - 4, 0, 0, 0}, "eip, uesp, ds, es, ecx")
    bury(e, thread)
end)

test("ret comes back: a hundred thousand times, beside others that do the same elsewhere.", function(t)
    -- Each counts in the vector: inc dword [DATA]; ret. Loop: int 0x80; dec ecx; jnz; spin.
    local both = {}
    for i = 1, 2 do
        local e = emulated(INT80 .. "\x49\x75\xfb" .. SPIN, code.increment(DATA + 4 * i) .. RET)
        e.thread = thread_of(e, {ecx = 100000, ebx = i})
        both[i] = e
    end
    for _, e in ipairs(both) do must(mach.thread_resume(e.thread), "resume") end
    for _ = 1, 400 do
        sleep(10)
        if code.general(both[1].thread).ecx | code.general(both[2].thread).ecx == 0 then break end
    end
    for i, e in ipairs(both) do
        local now = code.general(e.thread)
        t.eq({now.eip, now.ecx, now.ebx, now.uesp}, {CODE + 5, 0, i, STACK + PAGE}, "registers " .. i)
        t.eq(memory.word(DATA + 4 * i, e.task), 100000, "count " .. i)
        local kr, info = mach.task_info(e.task, mach.TASK_EVENTS_INFO)
        t.eq({kr, info.syscalls_unix, info.syscalls_mach}, {0, 100000, 0}, "events " .. i)
        bury(e, e.thread)
    end
end)

test("A stack page that is not there yet, or is shared copy-on-write, is made ready for the push.",
function(t)
    local e = emulated(INT80 .. SPIN)
    local thread = thread_of(e)
    t.eq(after_running(thread).eip, VECTOR, "a page that nobody had touched")
    threads.terminate(thread)
    memory.write(STACK, ("\xa5"):rep(PAGE), e.task)
    local kr, copy = mach.vm_read(e.task, STACK, PAGE)
    local child = tasks.create(e.task, true) -- shares the page until one of them writes
    thread = thread_of(e, {uesp = STACK + 8})
    t.eq({kr, after_running(thread).eip}, {0, VECTOR}, "a shared page")
    t.eq({memory.word(STACK + 4, e.task), memory.word(STACK + 4, child), copy:byte(5)},
         {CODE + #INT80, 0xa5a5a5a5, 0xa5}, "the page, the child's")
    tasks.terminate(child)
    threads.terminate(thread)
    thread = thread_of(e, {uesp = STACK + 2}) -- across two pages
    t.eq(after_running(thread).eip, VECTOR, "across two pages")
    t.eq(memory.word(STACK - 2, e.task), CODE + #INT80, "the address across two pages")
    bury(e, thread)
end)

test("The vector itself may be bad: the thread has been called there, and gets the exception there.",
function(t)
    local e = emulated(INT80 .. SPIN)
    set(e.task, NOTHING)
    local what, m, thread = meets(e)
    t.eq(what, {BAD_ACCESS, mach.KERN_INVALID_ADDRESS, NOTHING}, "exception")
    local now = code.general(thread)
    t.eq({now.eip, now.uesp, memory.word(STACK + PAGE - 4, e.task)},
         {NOTHING, STACK + PAGE - 4, CODE + #INT80}, "eip, uesp, the stack")
    answer(m, mach.KERN_SUCCESS)
    bury(e, thread)
end)

-- ---- what it does when it cannot ----------------------------------------------------------------

test("Without a vector int 0x80 is a bad instruction; set, removed and set again it counts at once.",
function(t)
    local e = emulated(INT80 .. SPIN)
    set(e.task, 0)
    local what, m, thread = meets(e, VALUES)
    t.eq(what, {BAD_INSTRUCTION, mach.EXC_I386_GPFLT, 0x402}, "exception")
    local now = code.general(thread)
    t.eq({now.eip, now.uesp, now.eax, now.ecx}, {CODE, STACK + PAGE, VALUES.eax, VALUES.ecx},
         "nothing has changed")
    answer(m, mach.KERN_SUCCESS)
    what, m = caught(e)
    t.eq(what, {BAD_INSTRUCTION, mach.EXC_I386_GPFLT, 0x402}, "it is repeated")
    set(e.task, VECTOR)
    answer(m, mach.KERN_SUCCESS)
    t.eq(caught(e), nil, "no further exception")
    t.eq(code.general(thread).eip, VECTOR, "it went on at the vector")
    bury(e, thread)
end)

test("A push that faults is EXC_BAD_ACCESS at the instruction, which can be repeated.", function(t)
    local e = emulated(INT80 .. SPIN)
    local what, m, thread = meets(e, {uesp = NOTHING + 4, ecx = 7})
    t.eq(what, {BAD_ACCESS, mach.KERN_INVALID_ADDRESS, NOTHING}, "nothing mapped")
    local now = code.general(thread)
    t.eq({now.eip, now.uesp, now.ecx}, {CODE, NOTHING + 4, 7}, "nothing has changed")
    must((mach.vm_allocate(e.task, NOTHING, PAGE, false)), "vm_allocate")
    answer(m, mach.KERN_SUCCESS)
    t.eq(caught(e), nil, "no further exception")
    t.eq({code.general(thread).eip, memory.word(NOTHING, e.task)}, {VECTOR, CODE + #INT80}, "repeated")
    threads.terminate(thread)

    must(mach.vm_protect(e.task, NOTHING, PAGE, false, mach.VM_PROT_READ), "vm_protect")
    what, m, thread = meets(e, {uesp = NOTHING + 12})
    t.eq(what, {BAD_ACCESS, mach.KERN_PROTECTION_FAILURE, NOTHING + 8}, "a page to be read only")
    answer(m, mach.KERN_SUCCESS)
    what, m = caught(e)
    t.eq(what, {BAD_ACCESS, mach.KERN_PROTECTION_FAILURE, NOTHING + 8}, "and again")
    t.eq(memory.word(NOTHING + 8, e.task), 0, "nothing was written")
    answer(m, mach.KERN_SUCCESS)
    what, m = caught(e)
    mach.thread_terminate(thread)
    forget(m)
    ports.destroy(thread)

    must(mach.vm_protect(e.task, STACK - PAGE, PAGE, false, mach.VM_PROT_READ), "vm_protect")
    what, m, thread = meets(e, {uesp = STACK + 2})
    t.eq(what and {what[1], what[2], what[3] & -PAGE},
         {BAD_ACCESS, mach.KERN_PROTECTION_FAILURE, STACK - PAGE}, "the lower of two pages")
    t.eq(memory.word(STACK, e.task) & 0xffff, 0, "the upper was not written")
    bury(e, thread, m)
end)

test("A stack pointer at, above or around the end of the address space never reaches the kernel.",
function(t)
    local e = emulated(INT80 .. SPIN)
    -- The last page of the address space, so that only the end itself stands in the way.
    must((mach.vm_allocate(e.task, mach.VM_MAX_ADDRESS - PAGE, PAGE, false)), "vm_allocate")
    local top = mach.VM_MAX_ADDRESS
    local thread = thread_of(e, {uesp = top})
    t.eq(after_running(thread).eip, VECTOR, "the very last word: its page is there now")
    threads.terminate(thread)
    for _, sp in ipairs{top + 1, top + 2, top + 3, top + 4, top + 0x100000, 0xffffffff, 0xfffffff0, 3, 1,
                        0} do
        local what, m, thread = meets(e, {uesp = sp})
        t.eq(what, {BAD_ACCESS, mach.KERN_INVALID_ADDRESS, (sp - 4) & 0xffffffff}, ("uesp %#x"):format(sp))
        local now = code.general(thread)
        t.eq({now.eip, now.uesp}, {CODE, sp}, "eip, uesp")
        mach.thread_terminate(thread)
        forget(m)
        ports.destroy(thread)
    end
    t.eq(memory.word(top - 4, e.task), CODE + #INT80, "the last word is still as it was")
    bury(e)
end)

test("A stack segment other than the flat one is EXC_BAD_ACCESS.", function(t)
    -- mov ecx, 0x33; mov ss, ecx; the segment begins at STACK
    local e = emulated("\xb9\x33\0\0\0\x8e\xd1" .. INT80 .. SPIN)
    local thread = thread_of(e, {uesp = 0x800})
    local base = STACK
    must(mach.thread_set_state(thread, TLS, {desc = {{low_word = 0xffff | (base & 0xffff) << 16,
         high_word = 0xcff200 | base >> 16 & 0xff | base & 0xff000000}, NONE, NONE}}), "TLS")
    must(mach.thread_resume(thread), "resume")
    local what, m = caught(e)
    t.eq(what, {BAD_ACCESS, mach.KERN_INVALID_ADDRESS, 0x7fc}, "exception")
    local now = code.general(thread)
    t.eq({now.eip, now.ss, now.uesp}, {CODE + 7, 0x33, 0x800}, "eip, ss, uesp")
    bury(e, thread, m)
end)

test("A thread whose push has faulted can be ended, and its task, while the handler thinks.", function(t)
    local e = emulated(INT80 .. SPIN)
    local _, m, thread = meets(e, {uesp = NOTHING + 4})
    t.eq(mach.thread_abort(thread), 0, "thread_abort")
    forget(m)
    local what
    what, m = caught(e)
    t.eq(what, {BAD_ACCESS, mach.KERN_INVALID_ADDRESS, NOTHING}, "aborted, it tries again")
    t.eq(mach.thread_terminate(thread), 0, "thread_terminate")
    sleep(2)
    local kr, info = mach.task_info(e.task, mach.TASK_BASIC_INFO)
    t.eq({kr, #select(2, mach.task_threads(e.task))}, {0, 0}, "the task lives, without threads")
    bury(e, thread, m)
end)

-- ---- single step --------------------------------------------------------------------------------

test("A single step stops at the vector, the next behind the vector's first instruction.", function(t)
    local e = emulated(INT80 .. SPIN, "\x90\x90" .. RET)
    local thread = thread_of(e, {efl = 0x202 | TF})
    must(mach.thread_resume(thread), "resume")
    for _, want in ipairs{VECTOR, VECTOR + 1, VECTOR + 2, CODE + #INT80} do
        local what, m = caught(e)
        t.eq(what, {BREAKPOINT, STEP, 0}, ("a step to %#x"):format(want))
        local now = code.general(thread)
        t.eq({now.eip, now.efl & TF}, {want, TF}, "eip and TF")
        local kr, debug = mach.thread_get_state(thread, mach.i386_DEBUG_STATE)
        t.eq({kr, debug.dr[7] & 0x4000}, {0, 0x4000}, "dr6 says: a single step")
        answer(m, mach.KERN_SUCCESS)
    end
    bury(e, thread)
end)

-- ---- setting and getting ------------------------------------------------------------------------

test("The vector has one place; getting tells what setting put there.", function(t)
    local task = tasks.create()
    t.eq(get(task), {0, {}}, "a new task's")
    t.eq(mach.task_set_emulation_vector(task, PLACE, {VECTOR}), 0, "set")
    t.eq(get(task), {PLACE, {VECTOR}}, "get")
    t.eq(mach.task_set_emulation_vector(task, 7, {}), 0, "an empty array")
    t.eq(get(task), {PLACE, {VECTOR}}, "changes nothing")
    t.eq(mach.task_set_emulation(task, VECTOR + 1, PLACE), 0, "set one")
    t.eq(get(task), {PLACE, {VECTOR + 1}}, "get")
    t.eq(mach.task_set_emulation_vector(task, PLACE, {0}), 0, "remove")
    t.eq(get(task), {0, {}}, "nothing")
    t.eq(mach.task_set_emulation(task, mach.VM_MAX_ADDRESS - 1, PLACE), 0, "the last address")
    t.eq(mach.task_set_emulation(task, 0, PLACE), 0, "remove one")
    t.eq(get(task), {0, {}}, "nothing again")
    tasks.terminate(task)
end)

test("Places that there are not and addresses of the kernel are refused, and nothing changes.", function(t)
    local task = tasks.create()
    set(task, VECTOR)
    for _, place in ipairs{0, 1, PLACE - 1, PLACE + 1, -1, 0x7fffffff, -0x80000000} do
        t.eq(mach.task_set_emulation(task, VECTOR, place), BAD, "place " .. place)
        t.eq(mach.task_set_emulation_vector(task, place, {VECTOR}), BAD, "array at " .. place)
    end
    t.eq(mach.task_set_emulation_vector(task, PLACE, {VECTOR, VECTOR}), BAD, "two at once")
    t.eq(mach.task_set_emulation_vector(task, PLACE - 1, {0, VECTOR}), BAD, "one before")
    for _, address in ipairs{mach.VM_MAX_ADDRESS, 0xc0100000, 0xffffffff} do
        t.eq(mach.task_set_emulation(task, address, PLACE), mach.KERN_INVALID_ADDRESS,
             ("address %#x"):format(address))
        t.eq(mach.task_set_emulation_vector(task, PLACE, {address}), mach.KERN_INVALID_ADDRESS,
             ("array of %#x"):format(address))
    end
    t.eq(get(task), {PLACE, {VECTOR}}, "as before")
    local thread = threads.create(task)
    t.eq(mach.task_set_emulation(thread, VECTOR, PLACE), BAD, "of a thread")
    ports.destroy(thread)
    tasks.terminate(task)
end)

test("A child with inherited memory has its parent's vector at that time, another none.", function(t)
    local parent = tasks.create()
    set(parent, VECTOR)
    local child, empty = tasks.create(parent, true), tasks.create(parent, false)
    t.eq({get(child), get(empty)}, {{PLACE, {VECTOR}}, {0, {}}}, "children")
    set(parent, 0)
    t.eq(get(child), {PLACE, {VECTOR}}, "the child keeps it")
    tasks.terminate(child, empty, parent)
end)
