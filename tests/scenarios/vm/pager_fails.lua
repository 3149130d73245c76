-- SPDX-License-Identifier: BSD-2-Clause
-- External pagers that never answer, answer wrongly, die, or meet a thread that is ended meanwhile: who
-- maps the object gets an error within its limit, nobody else notices. Contracts: mach.defs,
-- memory_object.defs, memory_object.h (MINATO_MEMORY_OBJECT_LIMIT_INFO).
-- timeout: 120

local must, pager, accesses, ports = require "must", require "pager", require "accesses", require "ports"
local tasks, threads, clock = require "tasks", require "threads", require "clock"
local with_task, jobs, counts = tasks.with, require "jobs", require "counts"

local self = mach.mach_task_self()
local PAGE = 4096
local ERROR, FAILURE = mach.KERN_MEMORY_ERROR, mach.KERN_MEMORY_FAILURE

-- What `f` returns, and whether it took `ms`, give or take a few.
local function timed(t, ms, f, ...)
    local before = clock.now()
    local result = {f(...)}
    local took = clock.now() - before
    t.ok(took >= ms and took < ms + 60, ("%d ms, and it took %g"):format(ms, took))
    return table.unpack(result)
end

test("A pager that never answers init, a request or an unlock: KERN_MEMORY_ERROR after the limit.",
function(t)
    with_task(function(task)
        local p = pager.new()
        local at = p:map(task)
        p:expect(t, "init")
        local a = accesses.read(task, at)
        t.eq({timed(t, 10000, a.finish, a, 20000)}, {"error", ERROR, at}, "the default limit, for init")
        must(p:limit(300), "limit")
        a = accesses.read(task, at)
        t.eq({timed(t, 300, a.finish, a, 1000)}, {"error", ERROR, at}, "its own")
        t.eq(p:receive(0), nil, "a pager that has told its limit only is not ready")
        must(p:ready(), "change_attributes")
        a = accesses.read(task, at)
        p:expect(t, "data_request")
        local b = accesses.read(task, at)
        t.eq({a:finish(1000), b:finish(1000)}, {"error", "error", ERROR, at}, "a request")
        t.eq(p:receive(0), nil, "it is not made again")
        must(p:supply(0, pager.pages(5), {lock = mach.VM_PROT_WRITE}), "supply, very late")
        t.eq({accesses.read(task, at):finish()}, {"done", 5})
        a = accesses.write(task, at, 1)
        t.eq({timed(t, 300, a.finish, a, 1000)}, {"error", ERROR, at}, "an unlock")
        p:close()
    end)
end)

test("A pager that answers again and again, and never rightly, does not draw out the limit.", function(t)
    with_task(function(task)
        local p = pager.new()
        local at = p:start(t, task, 4 * PAGE)
        must(p:limit(200), "limit")
        must(p:supply(0, pager.pages(5), {lock = mach.VM_PROT_WRITE}), "supply")
        local a, what = accesses.write(task, at, 1)
        local before = clock.now()
        repeat
            local m = p:receive(20)
            if m and m.what == "data_unlock" then
                must(p:lock(0, PAGE, {lock = mach.VM_PROT_WRITE}), "lock_request")
            elseif m then
                must(p:supply(0, pager.pages(6), {lock = mach.VM_PROT_WRITE}), "supply")
            end
            if m and clock.now() - before > 50 then must(p:lock(0, PAGE, {flush = true}), "flush") end
            what = {a:outcome(0)}
        until what[1] or clock.now() - before > 2000
        t.eq(what, {"error", ERROR, at})
        t.ok(clock.now() - before < 300, "within the limit")
        a:stop()
        p:close()
    end)
end)

test("When the memory object dies, who waits and who comes later gets KERN_MEMORY_FAILURE.", function(t)
    with_task(function(task)
        clock.sleep(10) -- until the threads that were ended are gone, with their ports
        local before = counts.host().ports
        for _, ready in ipairs{true, false} do
            local p = pager.new()
            local at = p:map(task)
            p:expect(t, "init")
            if ready then must(p:ready(), "change_attributes") end
            must(p:supply(PAGE, pager.pages(3)), "supply")
            local a = accesses.read(task, at)
            t.eq(a:outcome(20), nil)
            local control = p.control
            must(mach.mach_port_mod_refs(self, p.port, mach.MACH_PORT_RIGHT_RECEIVE, -1), "mod_refs")
            t.eq({a:finish()}, {"error", FAILURE, at}, "who waited")
            t.eq({accesses.write(task, at, 1):finish()}, {"error", FAILURE, at}, "who comes later")
            t.eq({mach.mach_port_type(self, control)}, {0, mach.MACH_PORT_TYPE_DEAD_NAME}, "the control port")
            if ready then t.eq({accesses.write(task, at + PAGE, 1):finish()}, {"done", 0}, "what is there") end
            must(mach.vm_deallocate(task, at, 4 * PAGE), "vm_deallocate")
            ports.deallocate(p.port, control)
        end
        clock.sleep(10)
        t.eq(counts.host().ports, before, "ports, when nobody has a right to the dead ones")
    end)
end)

-- The data of such a supply are memory of another pager, which has not got them yet.
test("A pager that dies while it supplies: nothing comes, and its reply right is destroyed.", function(t)
    with_task(function(task)
        for _, how in ipairs{"port", "destroy"} do
            local p, q, reply = pager.new(), pager.new(), ports.both()
            local at, source = p:start(t, task, 2 * PAGE), q:start(t, self, 2 * PAGE)
            must(p:supply(PAGE, pager.pages(2)), "supply")
            local job = spawn.thread(function()
                local p = require "pager".attach(args.port, args.control)
                return p:supply_memory(0, args.source, 4096, false, args.reply)
            end, {port = p.port, control = p.control, source = source, reply = reply})
            t.eq(q:expect(t, "data_request", 2000).offset, 0, how .. ": of the other pager")
            local control = p.control
            if how == "port" then
                must(mach.mach_port_mod_refs(self, p.port, mach.MACH_PORT_RIGHT_RECEIVE, -1), "mod_refs")
            else
                must(mach.memory_object_destroy(control, 0), "destroy")
            end
            t.eq((mach.receive{port = reply, timeout = 50}), mach.MACH_RCV_TIMED_OUT, "it waits")
            must(q:supply(0, pager.pages(9)), "supply")
            t.eq(jobs.answer(t, job), 0, how .. ": a message")
            local kr, m = mach.receive{port = reply, timeout = 100}
            t.eq({kr, m and m.id}, {0, 71}, how .. ": the reply right")
            t.eq({accesses.read(task, at):finish()}, {"error", FAILURE, at}, how .. ": too late")
            t.eq({accesses.read(task, at + PAGE):finish()}, {"done", 2}, how .. ": what was there")
            must(mach.vm_deallocate(task, at, 2 * PAGE), "vm_deallocate")
            must(mach.vm_deallocate(self, source, 2 * PAGE), "vm_deallocate")
            if how == "port" then ports.deallocate(p.port, control) else p:close() end
            q:close()
            ports.destroy(reply)
        end
    end)
end)

test("A pager's task that ends takes its objects with it.", function(t)
    with_task(function(task)
        local p = pager.new()
        local at = p:start(t, task, 4 * PAGE)
        local server = spawn.task(function()
            mach.receive{port = args.port, timeout = 5000}
            return "asked"
        end, nil, {port = {p.port, mach.MACH_MSG_TYPE_MOVE_RECEIVE}})
        local a = accesses.read(task, at)
        t.eq({a:finish(1000)}, {"error", FAILURE, at})
        t.eq(jobs.answer(t, server), "asked")
        ports.deallocate(p.port, p.control)
    end)
end)

test("Kernel calls that need such a page fail: KERN_MEMORY_ERROR, or MACH_SEND_INVALID_MEMORY and its like.",
function(t)
    local p = pager.new()
    local at = p:start(t, self, 4 * PAGE)
    must(p:limit(50), "limit")
    t.eq(mach.vm_write(self, at, "x"), ERROR, "vm_write")
    t.eq((mach.vm_read(self, at + 5, 7)), ERROR, "vm_read of a part of a page")
    t.eq(mach.vm_copy(self, at, PAGE, at + PAGE), ERROR, "vm_copy")
    local copy = p:map(self, {copy = true})
    t.eq((mach.vm_read(self, copy + 5, 7)), ERROR, "a private copy")
    local port = ports.both()
    t.eq((mach.send{remote = port, ool = {{addr = at, size = 100}}}), mach.MACH_SEND_INVALID_MEMORY,
         "a part of a page out of line")
    t.eq((mach.send{remote = port, ool = {{addr = at, size = 100, copy = mach.MACH_MSG_PHYSICAL_COPY}}}),
         mach.MACH_SEND_INVALID_MEMORY, "copied physically")
    local task = require "trap_task".new()
    local there = p:map(task, {size = PAGE})
    local trap = require "trap_task".trap
    must(p:limit(10), "limit")
    t.eq(trap(task, 25, {there, mach.MACH_SEND_MSG, 24, 0, 0, 0, 0}), mach.MACH_SEND_INVALID_DATA,
         "a message that cannot be read")
    tasks.terminate(task)
    must(mach.vm_deallocate(self, at, 4 * PAGE), "vm_deallocate")
    must(mach.vm_deallocate(self, copy, 4 * PAGE), "vm_deallocate")
    ports.destroy(port)
    p:close()
end)

test("What a pager is asked is paid for until it has answered, whether anybody waits for that or not.",
function(t)
    with_task(function(task)
        local function message_bytes()
            local kr, _, used = mach.minato_task_get_limits(task)
            must(kr, "get_limits")
            return used.message_bytes
        end
        local p, before = pager.new(), message_bytes()
        local at = p:start(t, task, 16 * PAGE, {cluster_size = 16 * PAGE})
        local a = accesses.read(task, at)
        t.eq(p:expect(t, "data_request").length, 16 * PAGE, "of which it waits for one")
        local asked = message_bytes()
        a:stop()
        clock.sleep(10)
        must(p:supply(0, pager.pages(1):rep(8)), "supply")
        must(mach.memory_object_data_unavailable(p.control, 8 * PAGE, 8 * PAGE), "data_unavailable")
        t.ok(asked > before, ("bytes: %d, then %d"):format(before, asked))
        t.eq(message_bytes(), before, "when all is answered")
        p:close()
    end)
end)

test("A thread that waits for a page can be aborted: it asks again; suspended and resumed; terminated.",
function(t)
    with_task(function(task)
        local p = pager.new()
        local at = p:start(t, task, 4 * PAGE)
        local a = accesses.read(task, at)
        p:expect(t, "data_request")
        t.eq(threads.basic_info(a.thread).run_state, mach.TH_STATE_WAITING)
        must(mach.thread_abort(a.thread), "thread_abort")
        t.eq({a:outcome(), p:receive(0)}, {}, "no exception, and the request stands")
        must(mach.thread_suspend(a.thread), "thread_suspend")
        must(mach.thread_abort(a.thread), "thread_abort")
        local kr, state = mach.thread_get_state(a.thread, mach.i386_THREAD_STATE)
        t.eq(state.eip, a.page, "it is where it was")
        must(mach.thread_resume(a.thread), "thread_resume")
        local b = accesses.read(task, at + PAGE)
        p:expect(t, "data_request")
        b:stop()
        must(p:supply(0, pager.pages(7, 8)), "supply")
        t.eq({a:finish()}, {"done", 7})
        t.eq({accesses.read(task, at + PAGE):finish()}, {"done", 8}, "of the one that was ended")
        a = accesses.write(task, at + 2 * PAGE, 1)
        p:expect(t, "data_request")
        p:close()
        t.eq(a:finish(), "error")
    end)
    local task, p = tasks.create(), pager.new() -- the whole task ends
    local a = accesses.read(task, p:start(t, task, 4 * PAGE))
    p:expect(t, "data_request")
    tasks.terminate(task)
    p:expect(t, "terminate", 1000)
    ports.destroy(a.thread, a.port)
    p:close()
end)

test("Answers to other questions, to other objects and to no control port disturb nobody.", function(t)
    with_task(function(task) with_task(function(other)
        local p, q = pager.new(), pager.new()
        local at, there = p:start(t, task, 4 * PAGE), q:start(t, other, 4 * PAGE)
        local a, b = accesses.read(task, at), accesses.read(other, there)
        p:expect(t, "data_request")
        q:expect(t, "data_request")
        must(q:supply(0, pager.pages(66)), "supply")
        t.eq({b:finish()}, {"done", 66})
        t.eq(a:outcome(), nil, "the other's is not its")
        must(mach.memory_object_data_error(p.control, PAGE, 0x7ffff000, 1), "data_error")
        must(mach.memory_object_data_error(p.control, 5, PAGE, 1), "data_error")
        must(mach.memory_object_data_unavailable(p.control, 2 * PAGE, 0xffffffff), "data_unavailable")
        must(mach.memory_object_data_unavailable(p.control, 0, 0), "data_unavailable")
        must(mach.memory_object_synchronize_completed(p.control, 0, PAGE), "synchronize_completed")
        t.eq(a:outcome(), nil, "nobody asked that")
        for _, port in ipairs{p.port, self, mach.mach_thread_self()} do
            local kr = mach.memory_object_data_error(port, 0, PAGE, 1)
            t.eq(kr, 0, "a message to somebody else")
        end
        t.eq(a:outcome(), nil)
        t.eq(p:receive(0).what, "message 2090", "what was sent to the memory object")
        must(p:supply(0, pager.pages(55)), "supply")
        t.eq({a:finish()}, {"done", 55})
        p:close()
        q:close()
    end) end)
end)

test("Answers for data answer no unlock, and lock_request no request for data.", function(t)
    with_task(function(task)
        local p = pager.new()
        local at = p:start(t, task, 4 * PAGE)
        must(p:supply(0, pager.pages(1), {lock = mach.VM_PROT_WRITE}), "supply")
        local a, b = accesses.write(task, at, 5), accesses.read(task, at + PAGE)
        t.eq(p:expect(t, "data_unlock").offset, 0)
        t.eq(p:expect(t, "data_request").offset, PAGE)
        must(mach.memory_object_data_error(p.control, 0, PAGE, 1), "data_error")
        must(mach.memory_object_data_unavailable(p.control, 0, PAGE), "data_unavailable")
        t.eq({a:outcome(), p:receive(0)}, {}, "who waits for the unlock waits on, and nobody asks again")
        must(p:lock(PAGE, PAGE, {lock = mach.VM_PROT_NONE}), "lock_request")
        t.eq({b:outcome(), p:receive(0)}, {}, "and so does who waits for data")
        must(p:lock(0, PAGE, {lock = mach.VM_PROT_NONE}), "lock_request")
        must(p:supply(PAGE, pager.pages(2)), "supply")
        t.eq({a:finish(), b:finish()}, {"done", "done", 2})
        p:close()
    end)
end)

test("A memory object that is mapped and unmapped again and again leaves nothing behind.", function(t)
    with_task(function(task)
        local before
        for i = 1, 60 do
            local p = pager.new()
            local at = p:start(t, task, 4 * PAGE)
            local copy = p:map(task, {copy = true})
            local a, b = accesses.read(task, at), accesses.write(task, copy + PAGE, 1)
            p:expect(t, "data_request")
            p:expect(t, "data_request")
            a:stop()
            must(p:supply(0, pager.pages(1, 2, 3)), "supply")
            t.eq((b:finish()), "done")
            if i % 2 == 0 then must(mach.memory_object_destroy(p.control, 0), "destroy") end
            must(mach.vm_deallocate(task, at, 4 * PAGE), "vm_deallocate")
            must(mach.vm_deallocate(task, copy, 4 * PAGE), "vm_deallocate")
            p:expect(t, "terminate")
            p:close()
            if i == 20 then before = counts.host() end
        end
        local now = counts.host()
        t.eq({now.ports, now.vm_objects, now.map_entries}, {before.ports, before.vm_objects, before.map_entries})
        t.ok(now.kernel_heap <= before.kernel_heap + 2 * PAGE,
             ("kernel heap: %d, then %d"):format(before.kernel_heap, now.kernel_heap))
    end)
end)

test("A receive right is no reply_to: the call does nothing, and the right is destroyed.", function(t)
    with_task(function(task)
        local p = pager.new()
        p:map(task)
        p:expect(t, "init")
        local NDR = string.pack("<I8", 1 << 32)
        local calls = {
            [2003] = string.pack("<i4I4i4I4I4I4", mach.MEMORY_OBJECT_ATTRIBUTE_INFO, 4,
                                 mach.MEMORY_OBJECT_COPY_DELAY, PAGE, 0, 0),
            [2044] = string.pack("<I4I4i4I4I4", 0, PAGE, mach.MEMORY_OBJECT_RETURN_ALL, 0, 0)}
        for id, words in pairs(calls) do
            local port = ports.both()
            must(mach.send{remote = p.control, id = id, body = NDR .. words,
                           ports = {{port, mach.MACH_MSG_TYPE_MOVE_RECEIVE}}}, "send")
            t.eq({mach.mach_port_type(self, port)}, {0, mach.MACH_PORT_TYPE_DEAD_NAME}, "call " .. id)
            must(mach.mach_port_deallocate(self, port), "mach_port_deallocate")
        end
        t.eq(p:receive(0), nil, "no completion")
        p:close()
    end)
end)
