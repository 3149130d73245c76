-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 60
-- Memory runs out: a task that takes all of it is refused or ends, everybody else goes on, and all
-- of it comes back. The witness is a task that answers calls all the while. Who needs a fresh page
-- when there is none ends as well; so the witness and this script first do all they will do once,
-- and this script keeps some memory of its own to be let go when there is none elsewhere.

local must, ports, tasks = require "must", require "ports", require "tasks"
local memory, counts, sleep = require "memory", require "counts", require "clock".sleep
local host_counts, objects = counts.host, counts.objects
local deallocate = ports.deallocate

local self = mach.mach_task_self()
local PAGE, BASE = 4096, 0x200000

-- A task that answers each message with its id plus one, until it gets id 0.
local function witness()
    local port = ports.both()
    local job = spawn.task(function()
        local served = 0
        while true do
            local _, msg = mach.receive{port = args.port, max = 64}
            mach.send{remote = msg.remote, disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE,
                      id = msg.id + 1}
            if msg.id == 0 then return served end
            served = served + 1
        end
    end, nil, {port = {port, mach.MACH_MSG_TYPE_MOVE_RECEIVE}})
    return {job = job, port = port, asked = 0}
end

local function ask(w, id)
    local kr, msg = mach.rpc{remote = w.port, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = id,
                             reply_timeout = 2000, max = 64}
    return kr == 0 and msg.id == id + 1
end

-- Asks the witness n times; whether all answers were right.
local function loop(w, n)
    for _ = 1, n do
        w.asked = w.asked + 1
        if not ask(w, 100 + w.asked) then return false end
    end
    return true
end

local function dismiss(t, w)
    t.ok(ask(w, 0), "the witness hears the end")
    t.eq({w.job:wait(900)}, {true, w.asked}, "the witness answered all")
    deallocate(w.port)
end

-- A task with a thread that writes to page after page of more memory than there is. It does nothing
-- until its thread is resumed.
local function hog()
    local task = tasks.create()
    must(mach.minato_task_set_name(task, "a hog"), "set_name")
    tasks.lift_limits(task)
    must((mach.vm_allocate(task, 0x10000, PAGE, false)), "vm_allocate")
    -- mov edi, BASE; 1: inc dword [edi]; add edi, 4096; jmp 1b
    must(mach.vm_write(task, 0x10000, "\xbf" .. string.pack("<I4", BASE)
                       .. "\xff\x07\x81\xc7\x00\x10\x00\x00\xeb\xf6"), "vm_write")
    local size = (host_counts().pages_total + 1000) * PAGE
    must((mach.vm_allocate(task, BASE, size, false)), "vm_allocate")
    local kr, thread = mach.thread_create(task)
    must(kr, "thread_create")
    must(mach.thread_set_state(thread, mach.i386_THREAD_STATE, {eip = 0x10000, uesp = 0x11000}),
         "thread_set_state")
    return task, thread
end

-- Memory of Lua's to be let go later: set what this returns to nil and collect.
local function savings() return ("."):rep(1 << 20) end

local function is_dead(name)
    local kr, kind = mach.mach_port_type(self, name)
    return kr == 0 and kind == mach.MACH_PORT_TYPE_DEAD_NAME
end

test("A task that touches more memory than there is ends; a witness goes on undisturbed.",
function(t)
    local w = witness()
    t.ok(loop(w, 400), "before: what Lua needs of memory, it has then")
    local before = host_counts()
    local task, thread = hog()
    must(mach.thread_resume(thread), "resume")
    local most, rounds = 0, 0
    while not is_dead(task) and rounds < 3000 do
        if not loop(w, 2) then
            t.fail("the witness did not answer")
            break
        end
        most = math.max(most, host_counts().pages_used)
        rounds = rounds + 1
        sleep(2)
    end
    t.ok(is_dead(task), "the hog has ended")
    t.ok(most > before.pages_total * 0.9,
         ("pages used at most: %d of %d"):format(most, before.pages_total))
    t.ok(loop(w, 100), "afterwards")
    local after = host_counts()
    t.ok(after.pages_used - before.pages_used < 40,
         ("pages used: %d, before %d"):format(after.pages_used, before.pages_used))
    -- Free pages join again: a kernel stack takes two side by side, a large table many.
    local many = tasks.create()
    for i = 1, 200 do
        local kr, thread = mach.thread_create(many)
        if kr ~= 0 then
            t.fail(("thread %d: %s"):format(i, mach.error_string(kr)))
            break
        end
        deallocate(thread)
    end
    tasks.terminate(many)
    deallocate(task, thread)
    dismiss(t, w)
end)

test("Memory filled through vm_write is refused with KERN_RESOURCE_SHORTAGE, and comes back.",
function(t)
    local w = witness()
    t.ok(loop(w, 400), "before")
    local before = host_counts()
    local task = tasks.create()
    local size = 64 * PAGE
    local bytes, saved = ("."):rep(size), savings()
    must((mach.vm_allocate(task, BASE, (before.pages_total + 1000) * PAGE, false)), "vm_allocate")
    local at, kr = BASE + 1, 0 -- not aligned, so that the bytes are copied
    while kr == 0 and at < BASE + before.pages_total * PAGE do
        kr = mach.vm_write(task, at, bytes)
        at = at + size
    end
    saved = nil
    collectgarbage()
    t.ok(kr == mach.KERN_RESOURCE_SHORTAGE or kr == mach.MACH_SEND_NO_BUFFER,
         "the write that had no room: " .. mach.error_string(kr))
    t.ok(loop(w, 20), "the witness while memory is short")
    t.eq({mach.vm_read(task, BASE + 1, 5)}, {0, "....."}, "what was written stays")
    tasks.terminate(task)
    t.ok(loop(w, 50), "afterwards")
    -- What ends is taken to pieces step by step, some with each thing that is done to memory.
    local after = host_counts()
    for _ = 1, 300 do
        local page = memory.allocate(PAGE)
        memory.write(page, "x")
        memory.release(page, PAGE)
        after = host_counts()
        if after.pages_used - before.pages_used < 1000 then break end
    end
    t.ok(after.pages_used - before.pages_used < 1000, -- the kernel keeps some for its own objects
         ("pages used: %d, before %d"):format(after.pages_used, before.pages_used))
    dismiss(t, w)
end)

-- A call of each kind that makes something in `task`; what was made and is ours goes into `made`.
local function make_things(t, task, made)
    local function look(what, kr, name)
        t.ok(kr == 0 or kr == mach.KERN_RESOURCE_SHORTAGE, what .. ": " .. mach.error_string(kr))
        if kr == 0 and name then made[#made + 1] = name end
    end
    look("task_create", mach.task_create(task, {}, true))
    look("thread_create", mach.thread_create(task))
    look("semaphore_create", mach.semaphore_create(task, 0, 0))
    look("mach_port_allocate", (mach.mach_port_allocate(task, mach.MACH_PORT_RIGHT_RECEIVE)))
    look("vm_protect", mach.vm_protect(task, BASE + PAGE * #made * 2, PAGE, false, 1))
    look("vm_copy", mach.vm_copy(task, BASE + PAGE * (#made * 2 + 1) + 5, PAGE, BASE + PAGE * 900))
end

local function end_things(made)
    for _, name in ipairs(made) do
        local _, info = mach.minato_port_info(self, name)
        if info.object == mach.MINATO_OBJECT_TASK then
            must(mach.task_terminate(name), "terminate")
        end
    end
end

local MANY = ("."):rep(64 * PAGE)

-- A task with n times MANY in its memory, or as much as there is room for; where the next byte
-- goes.
local function filled(n)
    local task = tasks.create()
    must((mach.vm_allocate(task, BASE, (host_counts().pages_total + 1000) * PAGE, false)),
         "vm_allocate")
    local at = BASE + 1
    while n > 0 and mach.vm_write(task, at, MANY) == 0 do at, n = at + #MANY, n - 1 end
    return task, at
end

-- A task with all memory there is, to the last page.
local function filled_up()
    local saved = savings()
    local task, at = filled(10000)
    while mach.vm_write(task, at, "one page more") == 0 do at = at + PAGE end
    -- A page copied to parts of two takes just these two, one after the other.
    while mach.vm_copy(task, BASE, PAGE, at) == 0 do at = at + 2 * PAGE end
    saved = nil
    collectgarbage()
    return task
end

test("While memory is short, calls that need some answer KERN_RESOURCE_SHORTAGE or succeed.",
function(t)
    -- Once with memory enough, so that this script has what it needs.
    local rehearsal, made = filled(20), {}
    for _ = 1, 5 do make_things(t, rehearsal, made) end
    end_things(made)
    tasks.terminate(rehearsal)
    deallocate(table.unpack(made))
    local before = objects()
    local task = filled_up()
    made = {}
    for _ = 1, 20 do make_things(t, task, made) end
    end_things(made)
    tasks.terminate(task)
    deallocate(table.unpack(made))
    t.eq(objects(), before, "what is left")
end)

-- Receives a message with an array of rights; then sends one that has to copy memory.
local function receive_and_send(carrier, a, address, size)
    local kr, msg = mach.receive{port = carrier, timeout = 0}
    local sent = mach.send{remote = carrier, disp = mach.MACH_MSG_TYPE_MAKE_SEND, timeout = 0,
                           ports = {{a, mach.MACH_MSG_TYPE_MOVE_SEND}},
                           ool = {{addr = address, size = size, deallocate = true,
                                   copy = mach.MACH_MSG_PHYSICAL_COPY}}}
    return {kr, msg.body, msg.ports, #msg.ool_ports[1][1], sent}
end

-- The kernel finds a page here and there when it looks for one, so more than one is asked for.
test("MACH_MSG_VM_KERNEL and MACH_SEND_NO_BUFFER: what a message needs of memory is refused, "
     .. "without a loss.", function(t)
    local COPY, PORT_SEND = mach.MACH_MSG_TYPE_COPY_SEND, mach.MACH_MSG_TYPE_PORT_SEND
    local COUNT, SIZE = 4000, 4 * PAGE - 2
    local carrier, a, array = ports.allocate(), ports.both(2), {}
    local kr, first = mach.vm_allocate(self, 0, 8 * PAGE, true)
    must(kr, "vm_allocate")
    local second, text = first + 4 * PAGE, ("contents"):rep(8 * PAGE // 8)
    must(mach.vm_write(self, first, text), "vm_write")
    for i = 1, COUNT do array[i] = i % 2 == 0 and a or 0 end
    local function post()
        must(mach.send{remote = carrier, disp = mach.MACH_MSG_TYPE_MAKE_SEND, body = "text",
                       ports = {{a, COPY}}, ool_ports = {{array, COPY}}}, "send")
    end
    post()
    t.eq(receive_and_send(carrier, a, first + 1, SIZE),
         {0, "text", {{a, PORT_SEND}}, COUNT, 0}, "with memory enough")
    must((mach.receive{port = carrier, timeout = 0}), "receive")
    post()
    local urefs = 2 + 1 + COUNT // 2
    t.eq(ports.info(a).urefs, urefs, "references")
    local task = filled_up()
    t.eq(receive_and_send(carrier, a, second + 1, SIZE),
         {mach.MACH_RCV_BODY_ERROR | mach.MACH_MSG_VM_KERNEL, "text", {{a, PORT_SEND}}, 0,
          mach.MACH_SEND_NO_BUFFER}, "while memory is short")
    tasks.terminate(task)
    local info = ports.info(a)
    t.eq({info.urefs, info.srights, ports.info(carrier).queue_length}, {urefs + 1, 1, 0},
         "references, send rights; nothing was sent")
    local kr, bytes = mach.vm_read(self, second, 4 * PAGE)
    t.eq({kr, bytes == text:sub(1, 4 * PAGE)}, {0, true}, "the sender's memory")
    must(mach.vm_deallocate(self, second, 4 * PAGE), "vm_deallocate")
    ports.destroy(carrier, a)
end)

test("thread_wire: a wired thread has the last pages as well, one that is wired no more has not.",
function(t)
    local me, host = mach.mach_thread_self(), ports.privileged_host()
    t.eq(mach.thread_wire(mach.mach_host_self(), me, true), mach.KERN_INVALID_HOST, "the host port")
    t.eq(mach.thread_wire(host, self, true), mach.KERN_INVALID_ARGUMENT, "a task for the thread")
    local task = tasks.create()
    local total = host_counts().pages_total
    must((mach.vm_allocate(task, BASE, (total + 1000) * PAGE, false)), "vm_allocate")
    local bytes, saved = ("."):rep(64 * PAGE), savings()
    local at, kr = BASE + 1, 0 -- not aligned, so that the bytes are copied
    local function is_short(code, what)
        t.ok(code == mach.KERN_RESOURCE_SHORTAGE or code == mach.MACH_SEND_NO_BUFFER,
             what .. ": " .. mach.error_string(code))
    end
    local function fill(size)
        kr = 0
        while kr == 0 and at < BASE + total * PAGE do
            kr = mach.vm_write(task, at, bytes:sub(1, size))
            if kr == 0 then at = at + size end
        end
        return kr
    end
    fill(64 * PAGE)
    is_short(fill(PAGE), "until there is none for us")
    t.eq(mach.thread_wire(host, me, true), 0, "thread_wire")
    for i = 1, 8 do
        t.eq(mach.vm_write(task, at, bytes:sub(1, PAGE)), 0, "page " .. i .. " of the reserve")
        at = at + PAGE
    end
    t.eq(mach.thread_wire(host, me, false), 0, "and back")
    is_short(mach.vm_write(task, at, bytes:sub(1, PAGE)), "afterwards")
    saved = nil
    collectgarbage()
    tasks.terminate(task)
    deallocate(host)
end)
