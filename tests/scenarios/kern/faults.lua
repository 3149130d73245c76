-- SPDX-License-Identifier: BSD-2-Clause
-- Faults that nobody handles: the task ends, the kernel says why on the console (lines "Minato:
-- task … ended by …" below are expected), whoever waits for the task is notified, everybody else
-- goes on. The faulting threads are a few bytes of machine code. Codes: include/mach/exception.h.

local must, ports, notifications = require "must", require "ports", require "notifications"
local tasks, threads, counts = require "tasks", require "threads", require "counts"
local sleep = require "clock".sleep

local self = mach.mach_task_self()
local PAGE, CODE, DATA = 4096, 0x100000, 0x200000

local function word(n) return string.pack("<I4", n & 0xffffffff) end

-- A task with a page of that code and a page of data, a thread of it that is suspended at the code,
-- and a port that hears of the task's end.
local function victim(name, code, registers)
    local v = {task = tasks.create(), port = ports.allocate()}
    must(mach.minato_task_set_name(v.task, name), "set_name")
    for _, at in ipairs{CODE, DATA} do
        must((mach.vm_allocate(v.task, at, PAGE, false)), "vm_allocate")
    end
    must(mach.vm_write(v.task, CODE, code .. "\xeb\xfe"), "vm_write")
    v.thread = threads.create(v.task)
    local state = {eip = CODE, uesp = DATA + PAGE}
    for register, value in pairs(registers or {}) do state[register] = value end
    must(mach.thread_set_state(v.thread, mach.i386_THREAD_STATE, state), "set_state")
    notifications.ask(v.task, mach.MACH_NOTIFY_DEAD_NAME, v.port)
    return v
end

-- Lets it go; whether the task ended, which its notification tells.
local function ends(v)
    must(mach.thread_resume(v.thread), "resume")
    local kr, msg = mach.receive{port = v.port, timeout = 20}
    return kr == 0 and msg.id == mach.MACH_NOTIFY_DEAD_NAME
end

local function bury(v)
    mach.task_terminate(v.task) -- if it is still there
    ports.destroy(v.port, v.task, v.thread)
end

local function dies(rule, name, code, registers)
    test(rule, function(t)
        local before = counts.objects()
        local v = victim(name, code, registers)
        t.ok(ends(v), "the task has ended")
        t.eq({mach.mach_port_type(self, v.thread)}, {0, mach.MACH_PORT_TYPE_DEAD_NAME},
             "its thread")
        bury(v)
        t.eq(counts.objects(), before, "objects afterwards")
    end)
end

local function lives(rule, name, code, registers)
    test(rule, function(t)
        local v = victim(name, code, registers)
        t.ok(not ends(v), "the task goes on")
        bury(v)
    end)
end

dies("A read where nothing is mapped ends the task.", "reads nowhere", "\xa1" .. word(0x700000))
dies("A read through a null pointer ends the task.", "reads null", "\xa1" .. word(0))
dies("A write to a null pointer ends the task.", "writes null", "\xa3" .. word(8))
dies("A read of kernel memory ends the task.", "reads the kernel", "\xa1" .. word(0xc0100000))
dies("A write to kernel memory ends the task.", "writes the kernel", "\xa3" .. word(0xc0100000))
dies("A read of the last word of the address space ends the task.", "reads the end",
     "\xa1" .. word(0xfffffffc))
dies("A jump to where nothing is mapped ends the task.", "jumps nowhere", "", {eip = 0x700000})
dies("A jump into the kernel ends the task.", "jumps to the kernel", "", {eip = 0xc0100000})
dies("A new thread without registers starts at address 0, which ends the task.", "starts at 0", "",
     {eip = 0, uesp = 0})
dies("A push on a stack that is not mapped ends the task.", "no stack", "\x50", {uesp = 0x700000})
dies("A division by zero ends the task.", "divides by zero", "\x31\xc9\xf7\xf1")
dies("A quotient that overflows ends the task.", "overflows", "\xf7\xf1",
     {eax = 0, edx = 5, ecx = 2})
dies("An invalid instruction ends the task.", "ud2", "\x0f\x0b")
dies("A breakpoint instruction ends the task.", "int3", "\xcc")
dies("A single step ends the task.", "steps", "\x90\x90", {efl = 0x102})
dies("A bound that is exceeded ends the task.", "bound", "\x62\x05" .. word(DATA), {eax = 7})
dies("into with overflow set ends the task.", "into", "\xce", {efl = 0x802})
for _, act in ipairs{
    {"cli", "\xfa"}, {"sti", "\xfb"}, {"hlt", "\xf4"}, {"in from a port", "\xe4\x60"},
    {"out to a port", "\xe6\x80"}, {"mov from cr0", "\x0f\x20\xc0"}, {"mov to cr3", "\x0f\x22\xd8"},
    {"mov to dr7", "\x0f\x23\xf8"}, {"lgdt", "\x0f\x01\x15" .. word(DATA)},
    {"lidt", "\x0f\x01\x1d" .. word(DATA)}, {"lldt", "\x0f\x00\xd0"}, {"ltr", "\x0f\x00\xd8"},
    {"wrmsr", "\x0f\x30"}, {"rdmsr", "\x0f\x32"}, {"invlpg", "\x0f\x01\x3d" .. word(DATA)},
    {"clts", "\x0f\x06"}, {"wbinvd", "\x0f\x09"}, {"sysexit", "\x0f\x35"},
    {"int 0x20, a kernel vector", "\xcd\x20"}, {"int 8", "\xcd\x08"}, {"int 14", "\xcd\x0e"},
    {"a far jump to kernel code", "\xea" .. word(0xc0100000) .. "\x08\x00"},
    {"a far call to kernel code", "\x9a" .. word(0xc0100000) .. "\x08\x00"},
    {"kernel data in ds", "\xb8" .. word(0x10) .. "\x8e\xd8"},
    {"kernel data in ss", "\xb8" .. word(0x10) .. "\x8e\xd0"},
    {"a far selector in es", "\xb8" .. word(0xffff) .. "\x8e\xc0"},
} do
    dies(("A privileged or forbidden act ends the task: %s."):format(act[1]), act[1], act[2])
end

test("A floating-point error that is not masked ends the task.", function(t)
    -- fninit; fldcw [DATA]: zero divide unmasked; fld1; fldz; fdivp; fwait
    local code = "\xdb\xe3\xd9\x2d" .. word(DATA) .. "\xd9\xe8\xd9\xee\xde\xf9\x9b"
    local v = victim("x87 divides by zero", code)
    must(mach.vm_write(v.task, DATA, string.pack("<I2", 0x37b)), "vm_write")
    t.ok(ends(v), "the task has ended")
    bury(v)
end)

lives("Masked floating-point errors are results: the task goes on.", "x87 masked",
      "\xdb\xe3\xd9\xe8\xd9\xee\xde\xf9\x9b")
lives("Reading flags, times and the processor's name is nobody's privilege.", "cpuid",
      "\x9c\x58\x0f\x31\x0f\xa2")
lives("popf cannot set privileged flags, it just does not.", "popf",
      "\x68" .. word(0x3000) .. "\x9d\x9c\x58\x25" .. word(0x3200) .. "\x3d" .. word(0x200)
      .. "\x74\x02\x0f\x0b")

test("A breakpoint register stops the thread where it says, and ends the task.", function(t)
    local v = victim("watched", "\x90\x90\x90")
    must(mach.thread_set_state(v.thread, mach.i386_DEBUG_STATE,
                               {dr = {CODE + 2, 0, 0, 0, 0, 0, 0, 1}}),
         "set debug state")
    t.ok(ends(v), "it has ended")
    bury(v)
    local v = victim("watches a write", "\xa3" .. word(DATA + 64))
    must(mach.thread_set_state(v.thread, mach.i386_DEBUG_STATE,
                               {dr = {DATA + 64, 0, 0, 0, 0, 0, 0, 0xd0001}}), "set debug state")
    t.ok(ends(v), "a write that is watched")
    bury(v)
end)

test("A task that ends by a fault ends with all its threads, whatever they do.", function(t)
    local v = victim("has three threads", "\xa1" .. word(0x700000))
    local others = {}
    for i = 1, 2 do
        others[i] = threads.run(v.task, {eip = CODE + 5, uesp = DATA + PAGE})
    end
    sleep(5)
    t.ok(ends(v), "the task has ended")
    for i, thread in ipairs(others) do
        t.eq({mach.mach_port_type(self, thread)}, {0, mach.MACH_PORT_TYPE_DEAD_NAME},
             "thread " .. i)
        ports.deallocate(thread)
    end
    bury(v)
end)

test("A fault ends the task only, not its parent or its children.", function(t)
    local v = victim("a parent", "\x0f\x0b")
    local child = tasks.create(v.task, true)
    t.ok(ends(v), "the task has ended")
    t.eq((mach.task_info(child, mach.TASK_BASIC_INFO)), 0, "its child is alive")
    tasks.terminate(child)
    bury(v)
end)

test("Senders and semaphores of a task that a fault ends are told.", function(t)
    local v = victim("a server", "\x0f\x0b")
    local theirs = ports.allocate(mach.MACH_PORT_RIGHT_RECEIVE, v.task)
    local kr, right = mach.mach_port_extract_right(v.task, theirs, mach.MACH_MSG_TYPE_MAKE_SEND)
    must(kr, "extract_right")
    local kr, sem = mach.semaphore_create(v.task, 0, 0)
    must(kr, "semaphore_create")
    local waiter = spawn.thread(function() return mach.semaphore_wait(args.sem) end, {sem = sem})
    local client = spawn.thread(function()
        local kr, msg = mach.rpc{remote = args.port, disp = mach.MACH_MSG_TYPE_COPY_SEND}
        return msg and msg.id
    end, {port = right})
    sleep(30)
    t.ok(ends(v), "the task has ended")
    t.eq({waiter:wait(900)}, {true, mach.KERN_TERMINATED}, "who waited for its semaphore")
    t.eq({client:wait(900)}, {true, mach.MACH_NOTIFY_SEND_ONCE}, "who waited for its answer")
    t.eq({mach.mach_port_type(self, right)}, {0, mach.MACH_PORT_TYPE_DEAD_NAME}, "the right")
    ports.deallocate(right, sem)
    bury(v)
end)
