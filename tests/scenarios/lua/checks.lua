-- SPDX-License-Identifier: BSD-2-Clause
--
-- The contract of the module `mach` for scripts, fifth part: test and t, as far as a passing test
-- can show it. What failing tests print is checked by tests/system/lua.t, which runs some.

local self = mach.mach_task_self()

test("what the module makes when something is first used is no leak", function(t)
    mach.seed(1)
    mach.host_page_size(mach.mach_host_self())
    spawn.task("return spawn.thread('return 1'):wait()"):wait()
    spawn.thread("return spawn.task('return 1'):wait()"):wait()
    t.within(1000, function() mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_nsec = 1}) end)
    mach.rpc{remote = self, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = 1}
    io.stdout:write("")
    print("first output")
    require("ports").type_of(self)
    for _ in pairs(mach) do end
end)

test("t.eq compares tables deeply, and returns whether they are equal", function(t)
    t.eq(t.eq({1, {2, x = {"y"}}}, {1, {2, x = {"y"}}}), true)
    local cycle, other = {1}, {1}
    cycle[2], other[2] = cycle, other
    t.eq(cycle, other, "tables that contain themselves")
    t.eq({1, 2.0}, {1.0, 2}, "integers and floats of the same value")
    t.eq(nil, nil)
    t.eq({flag = true, other = false}, {flag = 1, other = 0}, "a boolean_t may be either")
end)

test("t.ok(x) passes for everything but nil and false", function(t)
    t.eq({t.ok(0), t.ok(""), t.ok({}), t.ok(true)}, {true, true, true, true})
end)

test("t.skip(reason) ends a test as skipped", function(t)
    t.skip("to show how it looks")
    error("not reached")
end)

test("t.within(ms, f) returns what f returns, and passes its error on", function(t)
    t.eq({t.within(1000, function() return 1, nil, 3 end)}, {1, nil, 3})
    t.eq(select("#", t.within(1000, function() end)), 0)
    local ok, text = pcall(t.within, 1000, function() error("from inside", 0) end)
    t.ok(not ok and text:find("from inside", 1, true), text)
    t.eq({t.within(5000, function()
        return t.within(5000, function() return "within within" end)
    end)}, {"within within"})
end)

test("t.within lets f wait, as long as it is in time", function(t)
    local _, p = mach.mach_port_allocate(self, mach.MACH_PORT_RIGHT_RECEIVE)
    t.eq(t.within(1000, function() return (mach.receive{port = p, timeout = 100}) end),
         mach.MACH_RCV_TIMED_OUT)
    mach.mach_port_destroy(self, p)
end)

local _, made_outside = mach.mach_port_allocate(self, mach.MACH_PORT_RIGHT_RECEIVE)

test("a port made before a test may be destroyed in it", function(t)
    t.eq(mach.mach_port_destroy(self, made_outside), 0)
end)

test("t.leaks_ok(reason) permits a test to leave something behind", function(t)
    _, left_behind = mach.mach_port_allocate(self, mach.MACH_PORT_RIGHT_RECEIVE)
    t.leaks_ok("the next test uses the port")
end)

test("what a test left behind with permission does not count against the next", function(t)
    t.eq({mach.mach_port_type(self, left_behind)}, {0, mach.MACH_PORT_TYPE_RECEIVE})
end)

test("a task that was terminated gets time to be gone", function(t)
    local child = spawn.task("mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 100})", nil,
                             {p = {left_behind, mach.MACH_MSG_TYPE_MAKE_SEND_ONCE}})
    child:wait(10)
    mach.task_terminate(child.task)
    mach.mach_port_deallocate(self, child.task)
end)

test("the Lua heap does not count", function(t)
    local _, before = mach.minato_task_counts(self)
    big = ("x"):rep(4 << 20)
    local _, after = mach.minato_task_counts(self)
    t.eq(after.virtual_pages, before.virtual_pages)
    big = nil
end)

test("wrong arguments of test are errors", function(t)
    for _, arguments in ipairs {{}, {"rule"}, {5, print}, {"rule", "text"}} do
        t.ok(not pcall(test, table.unpack(arguments)))
    end
    t.ok(not pcall(test, "inside another test", function() end))
    t.ok(not pcall(t.within, "x", print))
    t.ok(not pcall(t.within, 5, "x"))
end)

mach.mach_port_destroy(self, left_behind)

test("coroutines work as usual, inside and outside of t.within", function(t)
    local function body(a, b)
        local c = coroutine.yield(a + b)
        local d, e = coroutine.yield(c * 2)
        if d == "error" then error("boom", 0) end
        return d, e
    end
    local function both()
        local co = coroutine.create(body)
        t.eq({coroutine.resume(co, 1, 2)}, {true, 3})
        t.eq({coroutine.resume(co, 5)}, {true, 10})
        t.eq({coroutine.resume(co, "x", "y")}, {true, "x", "y"})
        t.eq({coroutine.resume(co)}, {false, "cannot resume dead coroutine"})
        local step = coroutine.wrap(body)
        t.eq({step(1, 2), step(5)}, {3, 10})
        t.eq({pcall(step, "error")}, {false, "boom"})
        t.eq(select(2, pcall(coroutine.wrap, 5)):match("function expected"), "function expected")
        t.eq(select(2, pcall(coroutine.resume, 5)):match("thread expected"), "thread expected")
        local numbers = {}
        for n in coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) do
            numbers[#numbers + 1] = n
        end
        t.eq(numbers, {1, 2, 3})
    end
    both()
    t.within(1000, both)
end)
