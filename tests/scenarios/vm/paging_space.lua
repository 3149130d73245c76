-- SPDX-License-Identifier: BSD-2-Clause
-- The paging space from its pager's side: this test is the default pager, so it sees which page goes
-- where, and answers late, twice or not at all. Contracts: mach_host.defs (host_default_memory_manager),
-- memory_object.defs; docs/vm.md, "Page-out".
--
-- memory: 40
-- paging: 1M
-- timeout: 120

local must, ports, memory, tasks = require "must", require "ports", require "memory", require "tasks"
local counts, clock, threads = require "counts", require "clock", require "threads"
local pager, accesses = require "pager", require "accesses"

local self, host = mach.mach_task_self(), ports.privileged_host()
local PAGE, BASE = 4096, 0x10000000
local RW = mach.VM_PROT_READ | mach.VM_PROT_WRITE

-- ---- this task must not wait for itself ---------------------------------------------------------

must(mach.thread_wire(host, mach.mach_thread_self(), true), "thread_wire")
tasks.lift_limits(self)
memory.wire_all(host)

-- ---- the default pager --------------------------------------------------------------------------

-- Names the default pager (0: no other one); returns the one before, whose right is given up again.
local function name(port)
    local kr, old = mach.host_default_memory_manager(host, port, 0)
    if kr == 0 and old ~= 0 then ports.deallocate(old) end
    return kr, old
end

for _ = 1, 100 do -- bootstrap's must not come when ours is there
    if select(2, name(0)) ~= 0 then break end
    clock.sleep(50)
end

-- A paging space of `places` pages: `store` has what is where, `sent` lists what came, as {place, word}.
local function space(t, places)
    local p = pager.new()
    p.store, p.sent = {}, {}
    must((name(p.port)), "host_default_memory_manager")
    p:expect(t, "init")
    must(mach.memory_object_change_attributes(p.control, mach.MINATO_MEMORY_OBJECT_SIZE_INFO,
                                              {places * PAGE}, 0), "change_attributes")
    must(p:ready{copy_strategy = mach.MEMORY_OBJECT_COPY_NONE}, "change_attributes")
    return p
end

-- Ends the space of `p`. The kernel takes another only if it has nothing in this one.
local function close(t, p)
    local another = pager.new()
    t.eq((name(another.port)), 0, "all places are free")
    p:expect(t, "terminate")
    p:close()
    another:close()
end

-- Does what the next message within `ms` wants; false: there was none.
local function serve(p, ms)
    local m = p:receive(ms)
    if not m then return false end
    if m.what == "data_request" then
        for at = m.offset, m.offset + m.length - PAGE, PAGE do
            must(p:supply(at, p.store[at // PAGE] or error("nothing is at " .. at)), "data_supply")
        end
    elseif m.what == "data_return" then
        for i = 0, m.size // PAGE - 1 do
            local place, data = m.offset // PAGE + i, m.data:sub(i * PAGE + 1, (i + 1) * PAGE)
            p.store[place] = data
            p.sent[#p.sent + 1] = {place, (string.unpack("<I4", data))}
        end
    end
    return true
end

local RESERVE = math.max(64, counts.host().pages_total // 64) -- page-out begins at twice as many free pages

-- Memory that stays, so that `left` pages are free.
local function hoard(left)
    local size = (counts.host().pages_free - left) * PAGE
    local at = memory.allocate(size)
    must(mach.vm_wire(host, self, at, size, RW), "vm_wire")
    return at, size
end

-- Memory is short until everything has gone that can; returns what was sent.
local function press(p)
    p.sent = {}
    local at, size = hoard(RESERVE * 3 // 2)
    while serve(p, 300) do end
    memory.release(at, size)
    clock.sleep(150) -- page-out ends
    return p.sent
end

-- A task with pages at BASE that begin with these words.
local function task_with(...)
    local task = tasks.create()
    must((mach.vm_allocate(task, BASE, select("#", ...) * PAGE, false)), "vm_allocate")
    for i, word in ipairs{...} do memory.write(BASE + (i - 1) * PAGE, string.pack("<I4", word), task) end
    return task
end

-- What becomes of an access while the pager works: as Access:outcome.
local function outcome(p, a)
    for _ = 1, 200 do
        local result = {a:outcome(1)}
        if result[1] then
            a:stop()
            return table.unpack(result)
        end
        serve(p, 0)
    end
    a:stop()
end

-- The words at the beginning of `count` pages at BASE, as the task's threads read them.
local function words(p, task, count)
    local list = {}
    for i = 0, count - 1 do
        local what, word = outcome(p, accesses.read(task, BASE + i * PAGE))
        list[i + 1] = what == "done" and word or what or "nothing"
    end
    return list
end

-- A thread asks for the page at BASE, which is at `place`; it is not answered, and the task ends.
local function asked_in_vain(t, p, task, place)
    local a = accesses.read(task, BASE)
    local m = p:expect(t, "data_request")
    t.eq({m.offset, m.length}, {place * PAGE, PAGE})
    a:stop()
    tasks.terminate(task)
    clock.sleep(10)
end

local function statistics()
    local kr, info = mach.host_statistics(mach.mach_host_self(), mach.HOST_VM_INFO)
    must(kr, "host_statistics")
    return info
end

-- ---- out and in ---------------------------------------------------------------------------------

test("What goes is sent once, is counted, and comes back as it was.", function(t)
    local p, task = space(t, 64), task_with(10, 11, 12, 13)
    local before = statistics()
    t.eq(press(p), {{0, 10}, {1, 11}, {2, 12}, {3, 13}}, "sent")
    local after = statistics()
    t.eq(after.pageouts - before.pageouts, 4, "pageouts")
    t.eq(words(p, task, 4), {10, 11, 12, 13})
    t.eq(press(p), {}, "sent of what was only read")
    t.eq(statistics().pageouts, after.pageouts, "pageouts")
    local used = statistics().reactivations - after.reactivations
    t.ok(used >= 4 and used < 10, "pages that had been used and got a second chance: " .. used)
    t.eq(words(p, task, 4), {10, 11, 12, 13})
    tasks.terminate(task)
    close(t, p)
end)

test("A page that stands in two places of an object goes to one place.", function(t)
    local p, task = space(t, 16), task_with(7, 0, 9)
    must(mach.vm_copy(task, BASE, PAGE, BASE + PAGE), "vm_copy")
    press(p)
    t.eq(words(p, task, 3), {7, 7, 9})
    t.eq((outcome(p, accesses.write(task, BASE + PAGE, 8))), "done")
    press(p)
    t.eq(words(p, task, 3), {7, 8, 9})
    tasks.terminate(task)
    close(t, p)
end)

test("Two who want one page at once get the same, which goes again without being sent.", function(t)
    local p, task = space(t, 16), task_with(20, 21)
    press(p)
    local child = tasks.create(task, true)
    local a, b = accesses.read(task, BASE), accesses.read(child, BASE)
    local m = p:expect(t, "data_request")
    t.eq({m.offset, p:receive(50)}, {0}, "asked for once")
    must(p:supply(0, p.store[0]), "data_supply")
    t.eq({outcome(p, a)}, {"done", 20}, "the parent's")
    t.eq({outcome(p, b)}, {"done", 20}, "the child's")
    local other = task_with(30, 31, 32)
    local sent = {}
    for _, s in ipairs(press(p)) do sent[#sent + 1] = s[2] end
    table.sort(sent)
    t.eq({sent[#sent - 2], sent[#sent - 1], sent[#sent]}, {30, 31, 32}, "sent")
    t.ok(sent[1] ~= 20 and sent[1] ~= 21, "of the two nothing")
    t.eq((outcome(p, accesses.write(child, BASE, 25))), "done")
    t.eq({words(p, task, 2), words(p, child, 2), words(p, other, 3)}, {{20, 21}, {25, 21}, {30, 31, 32}})
    press(p)
    t.eq({words(p, other, 3), words(p, child, 2), words(p, task, 2)}, {{30, 31, 32}, {25, 21}, {20, 21}})
    tasks.terminate(task, child, other)
    close(t, p)
end)

test("What is put in the place of a page while that is on its way in stays there.", function(t)
    local p, task = space(t, 16), task_with(1, 2, 3)
    t.eq(#press(p), 3, "sent")
    local a = accesses.read(task, BASE)
    t.eq(p:expect(t, "data_request").offset, 0)
    must(mach.vm_copy(task, BASE + PAGE, PAGE, BASE), "vm_copy of a page that is elsewhere")
    local b = accesses.read(task, BASE + 2 * PAGE)
    t.eq(p:expect(t, "data_request").offset, 2 * PAGE)
    must(mach.vm_deallocate(task, BASE + 2 * PAGE, PAGE), "vm_deallocate")
    must((mach.vm_allocate(task, BASE + 2 * PAGE, PAGE, false)), "vm_allocate")
    for i = 0, 2, 2 do must(p:supply(i * PAGE, p.store[i]), "data_supply") end
    t.eq({{outcome(p, a)}, {outcome(p, b)}}, {{"done", 2}, {"done", 0}}, "who waited for what was there")
    t.eq(words(p, task, 3), {2, 2, 0})
    tasks.terminate(task)
    close(t, p)
end)

test("A page that has come back and been written is an ordinary one: a pager can have it uncopied.",
function(t)
    local p, task, q, list, COUNT = space(t, 128), tasks.create(), pager.new(), {}, 100
    for i = 1, COUNT do list[i] = i end
    local source = task_with(table.unpack(list))
    t.eq(#press(p), COUNT, "sent")
    t.eq(words(p, source, COUNT), list)
    for i = 1, COUNT do memory.write(BASE + (i - 1) * PAGE + 4, "more", source) end
    local at = q:start(t, task, COUNT * PAGE)
    local kr, mine = mach.vm_remap(self, 0, COUNT * PAGE, 0, true, source, BASE, true, mach.VM_INHERIT_COPY)
    must(kr, "vm_remap")
    local free = counts.host().pages_free
    must(q:supply_memory(0, mine, COUNT * PAGE, true), "data_supply")
    local used = free - counts.host().pages_free
    t.ok(used < COUNT // 4, "pages used: " .. used)
    t.eq({accesses.read(task, at + PAGE):finish()}, {"done", 2})
    tasks.terminate(task, source)
    q:close()
    close(t, p)
end)

test("What is used in sequence gets no second chance.", function(t)
    local p, task = space(t, 64), task_with(1, 2, 3, 4)
    press(p)
    for _, case in ipairs{{mach.VM_BEHAVIOR_DEFAULT, 4}, {mach.VM_BEHAVIOR_SEQUENTIAL, 0},
                          {mach.VM_BEHAVIOR_RSEQNTL, 0}, {mach.VM_BEHAVIOR_RANDOM, 4}} do
        must(mach.vm_behavior_set(task, BASE, 4 * PAGE, case[1]), "vm_behavior_set")
        t.eq(words(p, task, 4), {1, 2, 3, 4})
        local before = statistics().reactivations
        press(p)
        t.eq(statistics().reactivations - before, case[2], "reactivations, behavior " .. case[1])
    end
    tasks.terminate(task)
    close(t, p)
end)

test("What is copied into a task that must stay in memory is there, and does not go.", function(t)
    local p, task = space(t, 16), task_with(6)
    local kr, mine = mach.vm_remap(self, 0, PAGE, 0, true, task, BASE, true, mach.VM_INHERIT_COPY)
    must(kr, "vm_remap")
    t.eq(press(p), {{0, 6}}, "sent")
    local to = memory.allocate(PAGE)
    local job = spawn.thread(function() return mach.vm_copy(args.task, args.from, 4096, args.to) end,
                             {task = self, from = mine, to = to})
    for _ = 1, 20 do serve(p, 50) end
    t.eq(require "jobs".answer(t, job), 0)
    t.eq(press(p), {}, "sent")
    t.eq({accesses.read(self, to):finish()}, {"done", 6})
    t.eq(p:receive(0), nil, "nobody is asked")
    memory.release(mine, PAGE)
    memory.release(to, PAGE)
    tasks.terminate(task)
    close(t, p)
end)

-- ---- places -------------------------------------------------------------------------------------

test("Places that are free here and there take one page each, and what lies between stays.", function(t)
    local p, task = space(t, 8), task_with(0, 1, 2, 3, 4, 5, 6, 7)
    t.eq(#press(p), 8, "sent: it is full")
    for i = 0, 6, 2 do must(mach.vm_deallocate(task, BASE + i * PAGE, PAGE), "vm_deallocate") end
    local other = task_with(50, 51, 52, 53)
    t.eq(press(p), {{0, 50}, {2, 51}, {4, 52}, {6, 53}}, "sent")
    t.eq(words(p, other, 4), {50, 51, 52, 53})
    for i = 1, 7, 2 do t.eq({outcome(p, accesses.read(task, BASE + i * PAGE))}, {"done", i}, "page " .. i) end
    tasks.terminate(task, other)
    close(t, p)
end)

test("A place whose page is on its way in for somebody who has gone is not used before it has come.",
function(t)
    local p, task = space(t, 2), task_with(1)
    t.eq(press(p), {{0, 1}}, "sent")
    asked_in_vain(t, p, task, 0)
    local late, other = p.store[0], task_with(11, 12, 13)
    t.eq(press(p), {{1, 11}}, "sent: one place is free, the other still asked for")
    must(p:supply(0, late), "data_supply")
    t.eq(press(p), {{0, 12}}, "sent: both are")
    t.eq(words(p, other, 3), {11, 12, 13}, "nobody sees what came late")
    tasks.terminate(other)
    close(t, p)
end)

-- With what the pager has before it, it gets one message more; so the hand never comes to the space itself,
-- which lies behind the task's memory, and from which it would take the page.
test("What has come too late for its page is not found by the next page in its place.", function(t)
    local other = task_with(50)
    must(mach.vm_wire(host, other, BASE, PAGE, RW), "vm_wire")
    local p, task = space(t, 1), task_with(60)
    t.eq(press(p), {{0, 60}}, "sent")
    asked_in_vain(t, p, task, 0)
    must(p:supply(0, p.store[0]), "data_supply")
    must(mach.vm_wire(host, other, BASE, PAGE, mach.VM_PROT_NONE), "vm_wire")
    for i = 1, 3 do must(mach.send{remote = p.port, id = i}, "send") end
    p.sent = {}
    local at, size = hoard(RESERVE * 3 // 2)
    clock.sleep(50)
    memory.release(at, size)
    clock.sleep(150)
    while serve(p, 0) do end
    t.eq(p.sent, {{0, 50}}, "sent")
    t.eq(words(p, other, 1), {50})
    tasks.terminate(other)
    close(t, p)
end)

-- ---- one pager after another --------------------------------------------------------------------

test("What has come back from a default pager that is dead goes to the next one, and comes from there.",
function(t)
    local p, task = space(t, 8), task_with(1, 2, 3)
    t.eq(#press(p), 3, "sent")
    t.eq(words(p, task, 3), {1, 2, 3})
    p:close()
    local taken = task_with(9)
    local q = space(t, 8)
    t.eq(#press(q), 4, "sent to the next")
    t.eq({words(q, task, 3), words(q, taken, 1)}, {{1, 2, 3}, {9}})
    press(q)
    t.eq({words(q, task, 3), words(q, taken, 1)}, {{1, 2, 3}, {9}}, "once more")
    tasks.terminate(task, taken)
    close(t, q)
end)

test("A default pager is sent nothing before it is ready, nor when it is dead, and then pages stay.",
function(t)
    local p, task = pager.new(), task_with(1, 2)
    p.store = {}
    must((name(p.port)), "host_default_memory_manager")
    p:expect(t, "init")
    must(mach.memory_object_change_attributes(p.control, mach.MINATO_MEMORY_OBJECT_SIZE_INFO, {8 * PAGE}, 0),
         "change_attributes")
    t.eq(press(p), {}, "sent")
    must(p:ready{copy_strategy = mach.MEMORY_OBJECT_COPY_NONE}, "change_attributes")
    t.eq(press(p), {{0, 1}, {1, 2}}, "sent when it is ready")
    t.eq(words(p, task, 2), {1, 2})
    p:close()
    local at, size = hoard(RESERVE * 3 // 2)
    clock.sleep(300)
    memory.release(at, size)
    for i = 0, 1 do t.eq({accesses.read(task, BASE + i * PAGE):finish()}, {"done", i + 1}, "page " .. i) end
    tasks.terminate(task)
end)

test("A page that a dead default pager had is lost: the next one is not asked for it.", function(t)
    local p, task = space(t, 8), task_with(1, 2)
    t.eq(#press(p), 2, "sent")
    p:close()
    local q, other = space(t, 8), task_with(8, 9)
    t.eq(#press(q), 2, "sent to the next")
    local a = accesses.read(task, BASE)
    t.eq({a:finish()}, {"error", mach.KERN_MEMORY_FAILURE, BASE})
    t.eq(q:receive(0), nil, "it hears nothing")
    t.eq(words(q, other, 2), {8, 9})
    tasks.terminate(task, other)
    close(t, q)
end)

test("The default pager can be named again at any time; what is mapped cannot be named.", function(t)
    local p, task, q = space(t, 8), task_with(1), pager.new()
    t.eq(ports.send_rights(p.port), 2, "rights: ours and the kernel's")
    t.eq({name(p.port)}, {0, p.port}, "named again")
    t.eq(#press(p), 1, "sent")
    t.eq({name(p.port)}, {0, p.port}, "and with pages")
    t.eq(ports.send_rights(p.port), 2, "rights")
    t.eq(words(p, task, 1), {1})
    tasks.terminate(task)
    q:map(self)
    q:expect(t, "init")
    t.eq((name(q.port)), mach.KERN_INVALID_OBJECT, "memory that is mapped")
    t.eq({name(0)}, {0, p.port}, "nothing has changed")
    t.eq({ports.send_rights(q.port), p:receive(0)}, {2}, "nor for the other")
    q:close()
    close(t, p)
end)

-- ---- those who wait, and those who do not -------------------------------------------------------

-- Four messages of 16 pages are all that a pager gets before it has received one, and fill the space.
test("Who waits for memory gets an error as soon as nothing can go; a wired thread does not wait.",
function(t)
    local p, victim, hog = space(t, 64), tasks.create(), tasks.create()
    local sweeps = require "sweeps"
    must((mach.vm_allocate(victim, BASE, 64 * PAGE, false)), "vm_allocate")
    t.eq({sweeps.write(victim, BASE, 64, 1)}, {"done", 0})
    must((mach.vm_allocate(hog, BASE, 4 * RESERVE * PAGE, false)), "vm_allocate")
    local at, size = hoard(2 * RESERVE + 32)
    local writer = sweeps.start_write(hog, BASE, 4 * RESERVE, 1)
    clock.sleep(300)
    t.eq(ports.info(p.port).queue_length, 4, "messages that the pager has not received")
    t.ok(counts.host().pages_free <= RESERVE + 1, "pages free: " .. counts.host().pages_free)
    t.eq(threads.basic_info(writer.thread).run_state, mach.TH_STATE_WAITING, "the hog waits")
    t.eq(ports.info(writer.port).queue_length, 0, "and has no exception")
    local mine = memory.allocate(PAGE)
    local kr, _, used = mach.minato_task_get_limits(self)
    must(kr, "get_limits")
    tasks.set_limits(self, {pages = used.pages})
    local before = clock.now()
    kr = mach.vm_wire(host, self, mine, PAGE, RW)
    local took = clock.now() - before
    tasks.lift_limits(self)
    t.eq(kr, mach.KERN_RESOURCE_SHORTAGE, "a wired thread whose task may have no more")
    t.ok(took < 50, "ms that it took: " .. took)
    before = clock.now()
    while serve(p, 0) do end
    t.ok(p.store[0] and p.store[63], "all places are in use")
    t.eq({(select(2, writer:finish(20000)))}, {mach.KERN_RESOURCE_SHORTAGE}, "the hog's exception")
    t.ok(clock.now() - before < 1000, "ms until then: " .. clock.now() - before)
    memory.release(mine, PAGE)
    memory.release(at, size)
    tasks.terminate(victim, hog)
    clock.sleep(150)
    close(t, p)
end)

test("A kept object that is mapped again is kept again afterwards, although memory was short.", function(t)
    local p, q, task = space(t, 16), pager.new(), tasks.create()
    local at = q:start(t, task, PAGE, {may_cache_object = true})
    must(q:supply(0, pager.pages(5)), "data_supply")
    must(mach.vm_deallocate(task, at, PAGE), "vm_deallocate")
    at = q:map(task, {size = PAGE})
    press(p)
    must(mach.vm_deallocate(task, at, PAGE), "vm_deallocate")
    t.eq(q:receive(), nil, "it is kept")
    press(p)
    q:expect(t, "terminate")
    q:close()
    tasks.terminate(task)
    close(t, p)
end)
