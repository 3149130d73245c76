-- SPDX-License-Identifier: BSD-2-Clause
-- Threads that are a few bytes of machine code, and the bytes: for tests of what a thread finds in
-- its registers. Code and data lie in pages of their own, since the emulator is slow otherwise.

local must, memory, threads = require "must", require "memory", require "threads"

local code = {PAGE = 8192, DATA = 4096} -- the size of both pages, and where the data begins
local PAGE, DATA, GENERAL = code.PAGE, code.DATA, mach.i386_THREAD_STATE

-- ---- one instruction each ----------------------------------------------------------------------

code.EAX, code.ECX, code.EDX, code.EBX = 0, 1, 2, 3
code.ESP, code.EBP, code.ESI, code.EDI = 4, 5, 6, 7
code.ES, code.CS, code.SS, code.DS, code.FS, code.GS = 0, 1, 2, 3, 4, 5
code.STAY = "\xeb\xfe" -- a jump to itself
code.PUSHF_POP_EAX = "\x9c\x58"
code.INT_TRAP = "\xcd\x81"

function code.word(n) return string.pack("<I4", n & 0xffffffff) end
local word = code.word

function code.store(reg, at) return string.char(0x89, 0x05 | reg << 3) .. word(at) end
function code.load_imm(reg, n) return string.char(0xb8 + reg) .. word(n) end
function code.from_segment(seg) return string.char(0x8c, 0xc0 | seg << 3) end -- to eax
function code.increment(at) return "\xff\x05" .. word(at) end
-- To the start of the instructions that it stands behind.
function code.loop_back(instructions) return "\xe9" .. word(-#instructions - 5) end

-- ---- threads -----------------------------------------------------------------------------------

-- Two pages, the first with `instructions(page)` in it, the second with `data`.
function code.page_with(instructions, data)
    local page = memory.allocate(PAGE)
    memory.write(page, instructions(page))
    if data then memory.write(page + DATA, data) end
    return page
end

function code.data_of(page, size) return memory.read(page + DATA, size) end

function code.words_of(page, n)
    local words = {string.unpack("<" .. ("I4"):rep(n), code.data_of(page, 4 * n))}
    words[n + 1] = nil -- where unpack stopped
    return words
end

-- A new thread, suspended, with these general registers besides eip and uesp.
function code.thread_at(page, registers)
    local thread = threads.create()
    local state = {eip = page, uesp = page + PAGE}
    for name, value in pairs(registers or {}) do state[name] = value end
    must(mach.thread_set_state(thread, GENERAL, state), "thread_set_state")
    return thread
end

function code.finish(thread, page)
    threads.terminate(thread)
    if page then memory.release(page, PAGE) end
end

-- The general registers of a thread.
function code.general(thread)
    local kr, state = mach.thread_get_state(thread, GENERAL)
    must(kr, "thread_get_state")
    return state
end

return code
