-- SPDX-License-Identifier: BSD-2-Clause
--
-- The contract of the module `mach` for scripts, fourth part: spawn.task and spawn.thread.

local self = mach.mach_task_self()

local function port_new()
    local kr, p = mach.mach_port_allocate(self, mach.MACH_PORT_RIGHT_RECEIVE)
    assert(kr == 0)
    return p
end

local function destroy(...)
    for _, name in ipairs {...} do mach.mach_port_destroy(self, name) end
end

test("spawn.task(code) runs a string in a separate task with its own Lua", function(t)
    global_of_the_parent = 1
    local child = spawn.task([[
        local _, names = mach.mach_port_names(mach.mach_task_self())
        return {global_of_the_parent == nil, mach.mach_task_self(), names}
    ]])
    local ok, value = child:wait(5000)
    t.eq({ok, value[1]}, {true, true})
    t.ok(#value[3] >= 3)
    global_of_the_parent = nil
end)

test("spawn.task(code) runs a function without upvalues, or what string.dump makes of one",
     function(t)
    local function code() return 6 * 7, mach.KERN_SUCCESS end
    t.eq({spawn.task(code):wait(5000)}, {true, 42})
    t.eq({spawn.task(string.dump(code)):wait(5000)}, {true, 42})
    local outside = 1
    local ok, text = pcall(spawn.task, function() return outside end)
    t.ok(not ok and text:find("the function uses 'outside'", 1, true), text)
    t.ok(not pcall(spawn.task, print))
    t.ok(not pcall(spawn.task, 5))
end)

test("the code finds the values in the table args", function(t)
    local values = {n = 1, f = 2.5, s = "text\0more", yes = true, list = {1, 2, {3}}, [7] = "seven"}
    t.eq({spawn.task("return args", values):wait(5000)}, {true, values})
end)

test("values keep their kind on the way there and back: integers, floats, keys of all kinds",
     function(t)
    local values = {[1] = math.maxinteger, [-2] = math.mininteger, [2.5] = 3.0, [true] = false,
                    inf = -math.huge, empty = "", none = {}}
    local ok, back = spawn.task("return args", values):wait(5000)
    t.eq({ok, back}, {true, values})
    for key, value in pairs(back) do
        t.eq({type(value), math.type(value)}, {type(values[key]), math.type(values[key])})
    end
    local ok, nan = spawn.task("return 0 / 0"):wait(5000)
    t.ok(ok and nan ~= nan)
end)

test("values that cannot travel are refused: functions, cycles", function(t)
    local cycle = {}
    cycle.again = cycle
    for _, values in ipairs {{f = print}, cycle, {co = coroutine.create(print)}} do
        local ok, text = pcall(spawn.task, "return 1", values)
        t.ok(not ok and text:find("cannot be handed over", 1, true), text)
    end
    t.ok(not pcall(spawn.task, "return 1", 5))
end)

test("ports = {srv = name} hands over a send right, made from the receive right if need be",
     function(t)
    local p = port_new()
    local child = spawn.task([[
        local _, type = mach.mach_port_type(mach.mach_task_self(), args.srv)
        mach.send{remote = args.srv, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = args.n}
        return type
    ]], {n = 12}, {srv = p})
    t.eq({child:wait(5000)}, {true, mach.MACH_PORT_TYPE_SEND})
    t.eq(select(2, mach.receive{port = p, timeout = 0}).id, 12)
    t.eq({mach.mach_port_type(self, p)}, {0, mach.MACH_PORT_TYPE_RECEIVE},
         "our rights are as before")
    destroy(p)
end)

test("ports = {srv = {name, disp}} chooses the right that is handed over", function(t)
    local p = port_new()
    local code = "return select(2, mach.mach_port_type(mach.mach_task_self(), args.srv))"
    local function try(disp)
        return select(2, spawn.task(code, nil, {srv = {p, disp}}):wait(5000))
    end
    t.eq(try(mach.MACH_MSG_TYPE_MAKE_SEND), mach.MACH_PORT_TYPE_SEND)
    mach.mach_port_insert_right(self, p, p, mach.MACH_MSG_TYPE_MAKE_SEND)
    t.eq(try(mach.MACH_MSG_TYPE_COPY_SEND), mach.MACH_PORT_TYPE_SEND)
    t.eq(try(mach.MACH_MSG_TYPE_MOVE_SEND), mach.MACH_PORT_TYPE_SEND)
    t.eq({mach.mach_port_type(self, p)}, {0, mach.MACH_PORT_TYPE_RECEIVE}, "the send right moved")
    t.eq(try(mach.MACH_MSG_TYPE_MAKE_SEND_ONCE), mach.MACH_PORT_TYPE_SEND_ONCE)
    t.eq(select(2, mach.receive{port = p, timeout = 1000}).id, mach.MACH_NOTIFY_SEND_ONCE)
    t.eq(try(mach.MACH_MSG_TYPE_MOVE_RECEIVE), mach.MACH_PORT_TYPE_RECEIVE)
    t.eq((mach.mach_port_type(self, p)), mach.KERN_INVALID_NAME, "the receive right has moved")
end)

test("several ports are handed over, also the same one twice", function(t)
    local a, b = port_new(), port_new()
    local child = spawn.task([[
        local me = mach.mach_task_self()
        return {args.a == args.again, args.a ~= args.b,
                select(2, mach.mach_port_get_refs(me, args.a, mach.MACH_PORT_RIGHT_SEND))}
    ]], nil, {a = a, again = a, b = b})
    t.eq({child:wait(5000)}, {true, {true, true, 2}})
    destroy(a, b)
end)

test("a port that cannot be handed over is an error, and no task stays", function(t)
    local ok, text = pcall(spawn.task, "return 1", nil, {srv = 0x7777700})
    t.ok(not ok and text:find("ports.srv", 1, true), text)
    local ok, text = pcall(spawn.task, "return 1", {srv = 1}, {srv = self})
    t.ok(not ok and text:find("both", 1, true), text)
    t.ok(not pcall(spawn.task, "return 1", nil, {srv = "name"}))
    t.ok(not pcall(spawn.task, "return 1", nil, 5))
end)

test("the object has the field task, the name of the child's task", function(t)
    local child = spawn.task("mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 100})")
    t.eq({mach.mach_port_type(self, child.task)}, {0, mach.MACH_PORT_TYPE_SEND})
    t.eq((mach.task_info(child.task, mach.TASK_BASIC_INFO)), 0)
    t.eq({child:wait(30)}, {nil, "timeout"})
    t.eq(mach.task_terminate(child.task), 0)
    local ok, text = child:wait(5000)
    t.eq({ok, text:match("^task died")}, {false, "task died"})
end)

test(":wait(ms) returns true and the value, for every kind of value", function(t)
    for _, code in ipairs {"return", "return nil", "return false", "return 1 << 40", "return 0.5",
                           "return 'x'", "return {a = {b = {}}}"} do
        t.eq({spawn.task(code):wait(5000)}, {true, load(code)()}, code)
    end
    local ok, value = spawn.task("return ('large '):rep(20000)"):wait(5000)
    t.eq({ok, #value}, {true, 120000}, "a result that goes out of line")
end)

test(":wait(ms) returns false and the error text", function(t)
    t.eq({spawn.task("error('boom', 0)"):wait(5000)}, {false, "boom"})
    t.eq({spawn.task("error({code = 5})"):wait(5000)}, {false, "{code = 5}"})
    t.eq({spawn.task("error()"):wait(5000)}, {false, "nil"})
    local ok, text = spawn.task("local x = nil + 1"):wait(5000)
    t.ok(ok == false and text:find("arithmetic", 1, true), text)
    local ok, text = spawn.task("syntax error here"):wait(5000)
    t.ok(ok == false and text:find("syntax error", 1, true), text)
    local ok, text = spawn.task("return print"):wait(5000)
    t.ok(ok == false and text:find("cannot be handed over", 1, true), text)
    local ok, text = spawn.task("os.exit(3)"):wait(5000)
    t.ok(ok == false and text:find("os.exit", 1, true), text)
end)

test(":wait(ms) returns nil and \"timeout\" while the code runs, and can be called again",
     function(t)
    local child = spawn.task([[
        mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_nsec = 200000000})
        return "done"
    ]])
    t.eq({child:wait(0)}, {nil, "timeout"})
    t.eq({child:wait(20)}, {nil, "timeout"})
    t.eq({child:wait()}, {true, "done"})
    t.eq({child:wait()}, {true, "done"}, "the answer stays")
end)

test("wait releases the task's name", function(t)
    local child = spawn.task("return 1")
    local name = child.task
    t.eq({child:wait(5000)}, {true, 1})
    t.eq((mach.mach_port_type(self, name)), mach.KERN_INVALID_NAME)
end)

test("wait releases one reference: what the script has added to the task's name stays", function(t)
    local child = spawn.task("return 1")
    local name = child.task
    mach.mach_port_mod_refs(self, name, mach.MACH_PORT_RIGHT_SEND, 1)
    child:wait(5000)
    t.eq({mach.mach_port_get_refs(self, name, mach.MACH_PORT_RIGHT_DEAD_NAME)}, {0, 1})
    mach.mach_port_deallocate(self, name)
end)

test("a child's cached names are its own", function(t)
    local child = spawn.task([[
        local kr, size = mach.host_page_size(mach.mach_host_self())
        return {kr, size, (mach.task_info(mach.mach_task_self(), mach.TASK_BASIC_INFO)),
                (mach.thread_info(mach.mach_thread_self(), mach.THREAD_BASIC_INFO))}
    ]])
    t.eq({child:wait(5000)}, {true, {0, 4096, 0, 0}})
end)

test("when wait has returned the child's rights are gone: its ports are dead", function(t)
    local p = port_new()
    local child = spawn.task([[
        local _, mine = mach.mach_port_allocate(mach.mach_task_self(), mach.MACH_PORT_RIGHT_RECEIVE)
        mach.send{remote = args.p, ports = {{mine, mach.MACH_MSG_TYPE_MAKE_SEND}}}
    ]], nil, {p = p})
    child:wait(5000)
    local _, msg = mach.receive{port = p, timeout = 0}
    t.eq(msg.ports, {{mach.MACH_PORT_DEAD, mach.MACH_MSG_TYPE_PORT_SEND}})
    destroy(p)
end)

test("a child can spawn a task of its own, and start threads", function(t)
    local child = spawn.task([[
        local grandchild = spawn.task("return args.n * 2", {n = args.n})
        local ok, twice = grandchild:wait(5000)
        local ok2, more = spawn.thread("return args.n + 1", {n = twice}):wait(5000)
        return {ok, twice, ok2, more}
    ]], {n = 21})
    t.eq({child:wait(10000)}, {true, {true, 42, true, 43}})
end)

test("two tasks have memory of their own: what one writes the other does not see", function(t)
    local _, addr = mach.vm_allocate(self, 0, 4096, true)
    mach.vm_write(self, addr, "parent")
    local child = spawn.task([[
        local me = mach.mach_task_self()
        local _, inherited = mach.vm_read(me, args.addr, 6)
        mach.vm_write(me, args.addr, "child!")
        return inherited
    ]], {addr = addr})
    t.eq({child:wait(5000)}, {true, "parent"})
    t.eq({mach.vm_read(self, addr, 6)}, {0, "parent"})
    mach.vm_deallocate(self, addr, 4096)
end)

test("test is for the main script only", function(t)
    local ok, text = spawn.task("test('x', print)"):wait(5000)
    t.ok(ok == false and text:find("only the main script", 1, true), text)
end)

test("spawn.thread(code, values) runs in the same task with the same names, in its own Lua",
     function(t)
    local p = port_new()
    global_of_the_parent = 1
    local thread = spawn.thread(function()
        mach.send{remote = args.p, disp = mach.MACH_MSG_TYPE_MAKE_SEND, id = 31}
        return {mach.mach_task_self(), mach.mach_thread_self(), global_of_the_parent == nil}
    end, {p = p})
    local name = thread.thread
    t.eq({thread:wait(5000)}, {true, {self, name, true}})
    t.eq(select(2, mach.receive{port = p, timeout = 0}).id, 31)
    t.eq((mach.mach_port_type(self, name)), mach.KERN_INVALID_NAME, "wait releases its name")
    global_of_the_parent = nil
    destroy(p)
end)

test("spawn.thread: errors, time-outs and the death of the thread are reported as for tasks",
     function(t)
    t.eq({spawn.thread("error('boom', 0)"):wait(5000)}, {false, "boom"})
    local thread = spawn.thread("while true do end")
    t.eq({thread:wait(20)}, {nil, "timeout"})
    mach.thread_terminate(thread.thread)
    local ok, text = thread:wait(5000)
    t.eq({ok, text:match("^thread died")}, {false, "thread died"})
    t.ok(not pcall(spawn.thread, print))
    t.ok(not pcall(spawn.thread, "return 1", {f = print}))
end)

test("many children at once", function(t)
    local children = {}
    for i = 1, 20 do children[i] = spawn.task("return args.i", {i = i}) end
    for i = 1, 20 do t.eq({children[i]:wait(20000)}, {true, i}) end
end)
