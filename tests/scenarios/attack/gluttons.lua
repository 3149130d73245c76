-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 120
-- A task takes all it may have of one thing; meanwhile another answers calls; then the first ends,
-- and there are as many kernel objects as before (gluttons.lua does all that). Contracts:
-- minato_task_set_limits (minato.defs); docs/limits.md.

local must, ports, tasks = require "must", require "ports", require "tasks"
local counts, clock, memory = require "counts", require "clock", require "memory"
local threads, pager = require "threads", require "pager"
local gluttons = require "gluttons"
local glut, glutton = gluttons.glut, gluttons.glutton
local watch, finish = gluttons.watch, gluttons.finish

local self = mach.mach_task_self()
local SHORTAGE, NO_SPACE = mach.KERN_RESOURCE_SHORTAGE, mach.KERN_NO_SPACE
local NO_BUFFER, PAGE = mach.MACH_SEND_NO_BUFFER, 4096

-- That the first of `got` is the code, and the second, a number of things, between the others.
local function refused(t, got, code, low, high)
    t.eq(got[1], code, "the code")
    t.ok(got[2] and got[2] >= low and got[2] <= high,
         ("%s of them; wanted %d to %d"):format(got[2], low, high))
end

-- ---- names and ports ---------------------------------------------------------------------------

test("Names: at the limit KERN_NO_SPACE, whatever the name is for.", function(t)
    for _, right in ipairs{mach.MACH_PORT_RIGHT_RECEIVE, mach.MACH_PORT_RIGHT_PORT_SET,
                           mach.MACH_PORT_RIGHT_DEAD_NAME} do
        local g = glutton({names = 1000}, function(report)
            local n, kr = -1, 0
            local self = mach.mach_task_self()
            repeat
                n, kr = n + 1, (mach.mach_port_allocate(self, args.value))
            until kr ~= 0
            local chosen = mach.mach_port_allocate_name(self, args.value, 0x7a000001)
            report{kr, n, chosen, mach.mach_reply_port()}
        end, right)
        local got = watch(t, g)
        refused(t, got, NO_SPACE, 900, 1063)
        t.ok(got[3] == NO_SPACE or got[3] == 0, "chosen: the table grows by 64, a name by one")
        t.eq(got[4], 0, "mach_reply_port")
        finish(t, g)
    end
end)

test("Chosen names count one each: at the limit KERN_NO_SPACE, and one given up makes room.",
function(t)
    local got = glut(t, {names = 500}, function(report)
        local self, n, kr = mach.mach_task_self(), -1, 0
        repeat
            n = n + 1
            kr = mach.mach_port_allocate_name(self, mach.MACH_PORT_RIGHT_DEAD_NAME, 0x7a000001 + n)
        until kr ~= 0
        mach.mach_port_destroy(self, 0x7a000001)
        local again, DEAD_NAME = {}, mach.MACH_PORT_RIGHT_DEAD_NAME
        for i = 1, 2 do again[i] = mach.mach_port_allocate_name(self, DEAD_NAME, 0x7b000000 + i) end
        report{kr, n, again}
    end)
    refused(t, got, NO_SPACE, 500, 500)
    t.eq(got[3], {0, NO_SPACE}, "after one was given up")
end)

test("Names: what a message brings beyond the limit is gone, with MACH_MSG_IPC_SPACE.", function(t)
    local rights = {}
    for i = 1, 200 do rights[i] = ports.both() end
    local g = glutton({names = 0}, function(report)
        local self = mach.mach_task_self()
        while mach.mach_port_allocate(self, mach.MACH_PORT_RIGHT_DEAD_NAME) == 0 do end
        local kr, msg = mach.receive{port = args.go, timeout = 500, max = 4096}
        local names = msg and msg.ool_ports and msg.ool_ports[1] or {{}}
        local real = 0
        for _, name in ipairs(names[1]) do if name ~= 0 then real = real + 1 end end
        report{kr, real}
    end)
    must(mach.send{remote = g.go, disp = mach.MACH_MSG_TYPE_COPY_SEND}, "go")
    must(mach.send{remote = g.go, disp = mach.MACH_MSG_TYPE_COPY_SEND,
                   ool_ports = {{rights, mach.MACH_MSG_TYPE_MOVE_SEND}}}, "send")
    t.eq(watch(t, g), {mach.MACH_RCV_BODY_ERROR | mach.MACH_MSG_IPC_SPACE, 0})
    for _, name in ipairs(rights) do t.eq(ports.info(name).srights, 0, "destroyed") end
    finish(t, g)
    ports.destroy(table.unpack(rights))
end)

test("Dead-name requests: one for each name, so there are at most as many.", function(t)
    local got = glut(t, {names = 640}, function(report)
        local ports, self = require "ports", mach.mach_task_self()
        local notify, kr, made = ports.allocate(), 0, 0
        while true do
            local code, right = mach.mach_port_allocate(self, mach.MACH_PORT_RIGHT_RECEIVE)
            if code ~= 0 then kr = code break end
            code = require "notifications".request(right, mach.MACH_NOTIFY_DEAD_NAME, 0, notify)
            if code ~= 0 then kr = code break end
            made = made + 1
        end
        report{kr, made}
    end)
    refused(t, got, NO_SPACE, 600, 704)
end)

-- ---- threads, tasks, synchronizers -------------------------------------------------------------

test("Threads: at the limit KERN_RESOURCE_SHORTAGE, in the task and in those that it makes.",
function(t)
    local got = glut(t, {threads = 40}, function(report)
        local self, n, kr = mach.mach_task_self(), 0, 0
        local made, child = mach.task_create(self, {}, false)
        for i = 1, 1000 do
            kr = mach.thread_create(i % 2 == 0 and child or self)
            if kr ~= 0 then break end
            n = n + 1
        end
        local other = mach.thread_create(self)
        mach.task_terminate(child)
        report{kr, n, other, (mach.thread_create(self))}
    end)
    refused(t, got, SHORTAGE, 40, 40)
    t.eq({got[3], got[4]}, {SHORTAGE, 0}, "once more; when some have ended")
end)

test("Threads that wait for timers are threads.", function(t)
    local got = glut(t, {threads = 25}, function(report)
        local threads, memory = require "threads", require "memory"
        local self, n = mach.mach_task_self(), 0
        -- clock_sleep(0, TIME_RELATIVE, 1000 s, 0, null) by a trap: the words lie above esp.
        local page = memory.allocate(4096)
        memory.write(page, "\xb8" .. string.pack("<I4", mach.MACH_TRAP_clock_sleep_trap)
                           .. "\xcd\x81\xeb\xfe")
        local words = string.pack("<I4I4I4I4I4I4", 0, 0, mach.TIME_RELATIVE, 1000, 0, 0)
        memory.write(page + 2048, words)
        while true do
            local kr, thread = mach.thread_create_running(self, mach.i386_THREAD_STATE,
                                                          {eip = page, uesp = page + 2048})
            if kr ~= 0 then report{kr, n} end
            n = n + 1
        end
    end)
    refused(t, got, SHORTAGE, 25, 25)
end)

test("Tasks: at the limit KERN_RESOURCE_SHORTAGE, however deep they are made.", function(t)
    local g = glutton({tasks = 30}, function(report)
        local kr, parent, made = 0, mach.mach_task_self(), {}
        while true do
            local code, child = mach.task_create(parent, {}, false)
            if code ~= 0 then kr = code break end
            made[#made + 1] = child
            if #made % 3 == 0 then parent = child end -- and so on with that one's children
        end
        report({kr, #made}, function() -- they would outlive it
            for _, task in ipairs(made) do mach.task_terminate(task) end
        end)
    end)
    refused(t, watch(t, g), SHORTAGE, 30, 30)
    finish(t, g, true)
end)

test("Semaphores and lock sets: at the limit KERN_RESOURCE_SHORTAGE.", function(t)
    local got = glut(t, {objects = 300}, function(report)
        local self, n, kr = mach.mach_task_self(), 0, 0
        while true do
            if n % 2 == 0 then
                kr = mach.semaphore_create(self, mach.SYNC_POLICY_FIFO, 0)
            else
                kr = mach.lock_set_create(self, 4, mach.SYNC_POLICY_FIFO)
            end
            if kr ~= 0 then break end
            n = n + 1
        end
        report{kr, n}
    end)
    refused(t, got, SHORTAGE, 120, 120) -- a set of four locks counts as four
end)

-- ---- messages ----------------------------------------------------------------------------------

test("Messages in queues: at the limit MACH_SEND_NO_BUFFER, the message is untouched.", function(t)
    local got = glut(t, {message_bytes = 400000}, function(report)
        local ports = require "ports"
        local kr, n, carried = 0, 0, ports.both()
        while kr == 0 do
            local port = ports.allocate()
            ports.set_limit(port, 1024)
            for _ = 1, 1024 do
                kr = mach.send{remote = port, disp = mach.MACH_MSG_TYPE_MAKE_SEND, timeout = 0,
                               body = ("."):rep(100), ports = {{carried, 19}}}
                if kr ~= 0 then break end
                n = n + 1
            end
            last = port
        end
        local before = ports.info(carried).srights
        mach.receive{port = last, timeout = 0}
        report{kr, n, before - n, mach.send{remote = last, disp = mach.MACH_MSG_TYPE_MAKE_SEND}}
    end)
    refused(t, got, NO_BUFFER, 250, 400)
    t.eq(got[3], 1, "rights that are in no message")
    t.eq(got[4], 0, "when one has been received")
end)

test("A message is paid for before the kernel waits for a pager that may never answer.", function(t)
    local object, port = pager.new(), ports.both()
    local at = object:start(t, self, 16 * PAGE)
    local names, message = memory.allocate(PAGE), memory.allocate(PAGE)
    local function array(address, count)
        return string.pack("<I4I4BBBB", address, count, 0, mach.MACH_MSG_VIRTUAL_COPY,
                           mach.MACH_MSG_TYPE_COPY_SEND, mach.MACH_MSG_OOL_PORTS_DESCRIPTOR)
    end
    memory.write(names, ("\0"):rep(PAGE))
    local used = gluttons.used_by(self).message_bytes
    local function send(limit, address, size)
        tasks.set_limits(self, {message_bytes = used + limit})
        local kr = threads.trap(mach.MACH_TRAP_mach_msg_trap, address, mach.MACH_SEND_MSG, size, 0, 0, 0, 0)
        t.eq(gluttons.used_by(self).message_bytes, used, "paid afterwards")
        return kr
    end
    for what, arrays in pairs{["many names"] = array(names, 1000):rep(10) .. array(at, 1000),
                              ["more than can be counted"] = array(at, 1000) .. array(at, 0xffffffff),
                              ["about 2^32 bytes"] = array(at, 1):rep(3) .. array(at, (1 << 32) // 196)} do
        memory.write(message, string.pack("<I4I4I4I4I4i4I4", mach.MACH_MSGH_BITS_COMPLEX |
                                          mach.MACH_MSG_TYPE_COPY_SEND, 0, port, 0, 0, 1, #arrays // 12) .. arrays)
        t.eq(send(60000, message, 28 + #arrays), NO_BUFFER, what)
    end
    memory.write(message, string.pack("<I4I4I4I4I4i4I4I4I4BBBB", mach.MACH_MSGH_BITS_COMPLEX |
                                      mach.MACH_MSG_TYPE_COPY_SEND, 0, port, 0, 0, 1, 1, at, 40000, 0,
                                      mach.MACH_MSG_PHYSICAL_COPY, 0, mach.MACH_MSG_OOL_DESCRIPTOR))
    t.eq(send(30000, message, 40), NO_BUFFER, "a physical copy of the pager's memory")
    t.eq(send(30000, at, 40000), NO_BUFFER, "a long message in the pager's memory")
    tasks.set_limits(self, {message_bytes = used + 42000})
    t.eq(mach.send{remote = port, disp = mach.MACH_MSG_TYPE_COPY_SEND, body = ("."):rep(40000)}, 0,
         "a long message is paid once")
    tasks.lift_limits(self)
    ports.deallocate(port)
    ports.destroy(port)
    t.eq(gluttons.used_by(self).message_bytes, used, "and given back")
    memory.release(at, 16 * PAGE)
    memory.release(names, PAGE)
    memory.release(message, PAGE)
    object:close()
end)

test("What pagers leave unanswered weighs like messages: at the limit KERN_RESOURCE_SHORTAGE.", function(t)
    local heap = counts.host().kernel_heap
    local got = glut(t, {message_bytes = 100000, names = 1000}, function(report)
        local pager, self = require "pager", mach.mach_task_self()
        local CLUSTER, n, kr = 64 * 4096, 0, mach.KERN_MEMORY_ERROR
        while kr == mach.KERN_MEMORY_ERROR and n < 200 do -- as a pager that receives and says nothing
            local p = pager.new()
            local at = p:map(self, {size = 8 * CLUSTER})
            p:receive(1000)
            p:ready{cluster_size = CLUSTER}
            p:limit(1)
            for i = 0, 7 do
                kr = mach.vm_read(self, at + i * CLUSTER, 4)
                if kr ~= mach.KERN_MEMORY_ERROR then break end
                while p:receive(0) do n = n + 1 end
            end
        end
        report{kr, n}
    end)
    refused(t, got, SHORTAGE, 5, 60)
    t.ok(counts.host().kernel_heap < heap + 300000, "the kernel's memory")
end)

test("Messages with out-of-line memory weigh more than their bytes.", function(t)
    local got = glut(t, {message_bytes = 400000}, function(report)
        local ports, memory = require "ports", require "memory"
        local port, kr, n = ports.allocate(), 0, 0
        local address = memory.allocate(1 << 20)
        memory.write(address, ("x"):rep(1 << 20))
        local regions = {}
        for i = 1, 10 do regions[i] = {addr = address + i * 20000, size = 9000} end
        ports.set_limit(port, 1024)
        while kr == 0 and n < 1000 do
            kr = mach.send{remote = port, disp = mach.MACH_MSG_TYPE_MAKE_SEND, ool = regions,
                           timeout = 0}
            if kr == 0 then n = n + 1 end
        end
        report{kr, n}
    end)
    refused(t, got, NO_BUFFER, 25, 50)
end)

test("Memory of many map entries in a message weighs as many pieces.", function(t)
    local heap = counts.host().kernel_heap
    local got = glut(t, {message_bytes = 500000, map_entries = 1000}, function(report)
        local self, memory, port = mach.mach_task_self(), require "memory", require "ports".both()
        local COUNT, n, kr = 200, 0, nil
        local at = memory.allocate(COUNT * 4096)
        for i = 0, COUNT - 1, 2 do
            memory.write(at + i * 4096, ("x"):rep(8192))
            mach.vm_protect(self, at + i * 4096, 4096, false, mach.VM_PROT_READ)
        end
        mach.mach_port_set_attributes(self, port, mach.MACH_PORT_LIMITS_INFO, {mpl_qlimit = 1024})
        repeat
            kr = mach.send{remote = port, ool = {{addr = at, size = COUNT * 4096}}, timeout = 0}
            if kr == 0 then n = n + 1 end
        until kr ~= 0
        local empty = mach.receive{port = port, timeout = 0}
        report{kr, n, mach.send{remote = port, ool = {{addr = at, size = COUNT * 4096}}, timeout = 0}}
    end)
    refused(t, got, NO_BUFFER, 8, 10)
    t.eq(got[3], 0, "one received makes room for another")
    t.ok(counts.host().kernel_heap < heap + 900000, "the kernel's memory")
end)

test("Messages with receive rights weigh as much as the ports in them.", function(t)
    local got = glut(t, {message_bytes = 400000, names = 2000}, function(report)
        local ports = require "ports"
        local port, kr, n = ports.allocate(), 0, 0
        ports.set_limit(port, 1024)
        while kr == 0 and n < 1000 do
            local rights = {}
            for i = 1, 100 do rights[i] = ports.allocate() end
            kr = mach.send{remote = port, disp = mach.MACH_MSG_TYPE_MAKE_SEND, timeout = 0,
                           ool_ports = {{rights, mach.MACH_MSG_TYPE_MOVE_RECEIVE}}}
            if kr == 0 then n = n + 1 end
        end
        report{kr, n}
    end)
    refused(t, got, NO_BUFFER, 10, 20)
end)

test("Answers of the kernel that nobody receives: KERN_RESOURCE_SHORTAGE, MACH_SEND_NO_BUFFER.",
function(t)
    local got = glut(t, {message_bytes = 200000}, function(report)
        local ports, self = require "ports", mach.mach_task_self()
        local port, kr, n = ports.allocate(), 0, 0
        while kr == 0 and n < 5000 do
            kr = mach.send{remote = self, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = 1, timeout = 0,
                           local_port = port, local_disp = mach.MACH_MSG_TYPE_MAKE_SEND_ONCE}
            if kr == 0 then n = n + 1 end
        end
        local codes = {}
        for i = 1, n do
            local _, msg = mach.receive{port = port, timeout = 0}
            local code = string.unpack("<i4", msg.body, 9)
            codes[code] = (codes[code] or 0) + 1
        end
        report{kr, n, codes[mach.MIG_BAD_ID], codes[mach.KERN_RESOURCE_SHORTAGE] or 0}
    end)
    refused(t, got, NO_BUFFER, 100, 250)
    t.eq(got[3] + got[4], got[2], "answers of both kinds")
end)

test("Send-once notifications beyond the limit wait, and none is lost.", function(t)
    local got = glut(t, {message_bytes = 100000}, function(report)
        local ports, self = require "ports", mach.mach_task_self()
        local port = ports.allocate()
        local before = mach.minato_task_counts(self) and ({mach.minato_task_counts(self)})[2]
        for _ = 1, 3000 do ports.deallocate(ports.once(port)) end
        local info = ports.info(port)
        local received = 0
        while true do
            local kr, msg = mach.receive{port = port, timeout = 0}
            if kr ~= 0 then break end
            if msg.id ~= mach.MACH_NOTIFY_SEND_ONCE then received = -100000 end
            received = received + 1
        end
        report{info.queue_length, info.sorights, received, ports.info(port).sorights}
    end)
    t.ok(got[1] and got[1] > 50 and got[1] < 150, ("in the queue: %s"):format(got[1]))
    t.eq({got[2], got[3], got[4]}, {3000, 3000, 0}, "rights; received; rights afterwards")
end)

test("A port with send-once notifications that wait can die.", function(t)
    local got = glut(t, {message_bytes = 50000}, function(report)
        local ports = require "ports"
        local port, other = ports.both(), ports.allocate()
        local kept = ports.once(port)
        for _ = 1, 500 do ports.deallocate(ports.once(port)) end
        ports.kill(port)
        report{ports.type_of(kept), ports.type_of(port)}
    end)
    t.eq(got, {mach.MACH_PORT_TYPE_DEAD_NAME, mach.MACH_PORT_TYPE_DEAD_NAME})
end)

test("Notifications that come at once are refused like messages.", function(t)
    local got = glut(t, {message_bytes = 100000}, function(report)
        local ports, self = require "ports", mach.mach_task_self()
        local notify, dead = ports.allocate(), ports.allocate(mach.MACH_PORT_RIGHT_DEAD_NAME)
        local n = 0
        while n < 5000 do
            local kr = require "notifications".request(dead, mach.MACH_NOTIFY_DEAD_NAME, 1, notify)
            if kr ~= 0 then
                report{kr, n, ports.info(notify).queue_length, ports.info(notify).sorights}
            end
            n = n + 1
        end
        report{0, n}
    end)
    refused(t, got, NO_BUFFER, 50, 150) -- the request is a message itself
    t.eq({got[3], got[4]}, {got[2], got[2]}, "notifications, send-once rights")
end)

test("A request to notify a task that has too many messages is refused: KERN_RESOURCE_SHORTAGE.",
function(t)
    local mine, dead = ports.allocate(), ports.allocate(mach.MACH_PORT_RIGHT_DEAD_NAME)
    local other, right = tasks.create(), ports.once(mine)
    must(mach.mach_port_insert_right(other, 0x7a000001, mine, mach.MACH_MSG_TYPE_MOVE_RECEIVE),
         "insert_right")
    local function request()
        return mach.mach_port_request_notification(self, dead, mach.MACH_NOTIFY_DEAD_NAME, 1, right,
                                                   mach.MACH_MSG_TYPE_MOVE_SEND_ONCE)
    end
    tasks.set_limits(other, {message_bytes = 0})
    t.eq({(request())}, {SHORTAGE}, "the code")
    t.eq((mach.mach_port_type(self, right)), mach.KERN_INVALID_NAME, "the right went along")
    t.eq({ports.state(dead), ports.state_in(other, 0x7a000001, "queue_length", "sorights")},
         {{mach.MACH_PORT_TYPE_DEAD_NAME, 1}, {mach.MACH_PORT_TYPE_RECEIVE, 0, 1, 1}},
         "and notifies of its own end; nothing else has happened")
    tasks.terminate(other)
    ports.destroy(dead)
end)

-- ---- memory ------------------------------------------------------------------------------------

test("Map entries: at the limit KERN_RESOURCE_SHORTAGE.", function(t)
    local got = glut(t, {map_entries = 640}, function(report)
        local memory, self = require "memory", mach.mach_task_self()
        local address, kr, n = memory.allocate(4000 * 4096), 0, 0
        while kr == 0 do
            kr = mach.vm_protect(self, address + 2 * n * 4096, 4096, false, mach.VM_PROT_READ)
            if kr == 0 then n = n + 1 end
        end
        report{kr, n, (mach.vm_deallocate(self, address, 4000 * 4096))}
    end)
    refused(t, got, SHORTAGE, 300, 360)
    t.eq(got[3], 0, "all of them can go")
end)

test("Pages: at the limit KERN_RESOURCE_SHORTAGE from vm_write, into whichever task.", function(t)
    local g = glutton({pages = 1500}, function(report)
        local self, n, kr, made = mach.mach_task_self(), 0, 0, {}
        local bytes = ("x"):rep(16 * 4096)
        while kr == 0 do -- a task for each 100 pages
            local _, task = mach.task_create(self, {}, false)
            made[#made + 1] = task
            mach.vm_allocate(task, 0x200000, 200 * 4096, false)
            for i = 0, 6 do
                kr = mach.vm_write(task, 0x200001 + i * 16 * 4096, bytes)
                if kr ~= 0 then break end
                n = n + 16
            end
        end
        report({kr, n}, function() for _, task in ipairs(made) do mach.task_terminate(task) end end)
    end)
    local got = watch(t, g)
    finish(t, g, true)
    t.ok(got[1] == SHORTAGE or got[1] == NO_BUFFER, "the code: " .. tostring(got[1]))
    t.ok(got[2] and got[2] > 1000 and got[2] < 1500, "pages: " .. tostring(got[2]))
end)

test("Pages: a task that touches more ends by a bad access, and all of them come back.", function(t)
    local before = counts.host().pages_used
    local g = glutton({pages = 2000}, function(report)
        local memory = require "memory"
        local address = memory.allocate(4000 * 4096)
        for i = 0, 3999 do -- written from here: by this task's own fault
            mach.vm_read_overwrite(mach.mach_task_self(), address, 4, address + i * 4096)
        end
        report{"all"}
    end)
    watch(t, g)
    t.ok(gluttons.used_by(g.child.task).pages <= 2000 + 200, "at most the limit")
    finish(t, g)
    for _ = 1, 200 do
        if counts.host().pages_used < before + 300 then break end
        memory.release(memory.allocate(PAGE), PAGE)
        clock.sleep(1)
    end
    t.ok(counts.host().pages_used < before + 300, "pages come back")
end)

test("Page tables are pages: memory touched here and there.", function(t)
    local got = glut(t, {pages = 2000}, function(report)
        local memory, trap = require "memory", require "threads".trap
        local function pages() return select(3, mach.minato_task_get_limits(mach.mach_task_self())).pages end
        local address, before, ok = memory.allocate(1 << 29), pages(), true
        for i = 0, 99 do -- a page and a table each 4 MiB, for the time of waking
            ok = ok and trap(62, 0, mach.TIME_RELATIVE, 0, 0, address + i * (1 << 22)) == 0
        end
        report{ok, pages() - before}
    end)
    t.eq(got[1], true, "all were touched")
    t.ok(got[2] and got[2] >= 200 and got[2] < 240, "pages: " .. tostring(got[2]))
end)

-- Regions that show one page in 56 places, 128 KiB apart: 58 or 59 nodes, 28 of which are a page.
test("Nodes of trees of pages are pages: memory that shows one page again and again.", function(t)
    local got = glut(t, {pages = 150}, function(report)
        local self, memory = mach.mach_task_self(), require "memory"
        local function pages() return select(3, mach.minato_task_get_limits(self)).pages end
        local PLACES, STEP = 56, 1 << 17
        local SIZE, regions = PLACES * STEP, {}
        local one, first = memory.allocate(4096), memory.allocate(SIZE)
        memory.write(one, "shown")
        for i = 0, PLACES - 1 do mach.vm_copy(self, one, 4096, first + i * STEP) end
        local function copies(most)
            for n = 1, most do
                regions[n] = memory.allocate(SIZE)
                local kr = mach.vm_copy(self, first, SIZE, regions[n])
                if kr ~= 0 then return kr, n end
            end
        end
        local before = pages()
        copies(20)
        local cost = pages() - before
        for _, region in ipairs(regions) do memory.release(region, SIZE) end
        for _ = 1, 200 do memory.release(memory.allocate(4096), 4096) end -- takes dead nodes apart
        local left = pages() - before
        local kr, n = copies(1000)
        memory.release(first, SIZE) -- or there is no page to read zeros from
        local _, empty = mach.vm_read(self, regions[n], 5)
        report{kr, n, cost, left, empty}
    end)
    refused(t, got, SHORTAGE, 40, 72)
    local cost, left = got[3] or 0, got[4] or 1000
    t.ok(cost >= 40 and cost <= 50, "pages for 20 regions, and the program's: " .. cost)
    t.ok(left <= cost - 38, "the program's that are left: " .. left)
    t.eq(got[5], ("\0"):rep(5), "nothing was copied")
end)

test("Copies of a pager's memory: who writes to it pays for the nodes of those that get the page.", function(t)
    local got = glut(t, {pages = 80, names = 1000}, function(report)
        local pager, self = require "pager", mach.mach_task_self()
        local PIECES, COPIES, PIECE = 10, 300, 1 << 17
        local p = pager.new()
        local at = p:map(self, {size = PIECES * PIECE})
        p:receive(1000)
        p:ready{}
        for _ = 1, COPIES do
            mach.vm_map(self, 0, PIECES * PIECE, 0, true, p.port, 0, true, 3, 7, 1)
        end
        local kr, n = 0, 0
        while kr == 0 and n < PIECES do
            p:supply(n * PIECE, pager.pages(1))
            kr = mach.vm_write(self, at + n * PIECE, "text")
            n = n + 1
        end
        report{kr, n}
    end)
    refused(t, got, SHORTAGE, 2, 8) -- 300 nodes each time, 11 pages
end)

test("The witness has answered all calls.", gluttons.dismiss_witness)
