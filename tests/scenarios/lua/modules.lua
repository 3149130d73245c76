-- SPDX-License-Identifier: BSD-2-Clause
--
-- The contract of the module `mach` for scripts, sixth part: require finds the modules of
-- user/lib/lua in the boot archive, in every Lua state; and nothing else.

local self = mach.mach_task_self()

test("require loads a module of the archive, once", function(t)
    local ports = require "ports"
    t.ok(rawequal(ports, require "ports"), "the same table")
    local name = ports.both(3)
    t.eq(ports.state(name, "srights"), {mach.MACH_PORT_TYPE_SEND_RECEIVE, 3, 1})
    ports.destroy(name)
    t.eq(ports.type_of(name), ports.NOTHING)
end)

test("a spawned task and a spawned thread can load it too", function(t)
    local function code() return require("ports").type_of(0x50000001) end
    local nothing = mach.error_string(mach.KERN_INVALID_NAME)
    t.eq({spawn.task(code):wait(2000)}, {true, nothing}, "task")
    t.eq({spawn.thread(code):wait(2000)}, {true, nothing}, "thread")
end)

test("must passes KERN_SUCCESS and makes any other code an error with its reason", function(t)
    local must = require "must"
    must(mach.KERN_SUCCESS, "a call")
    local ok, text = pcall(must, mach.mach_port_destroy(self, 0x50000001), "destroy")
    t.ok(not ok and text:find("destroy: the name denotes no right", 1, true), text)
end)

test("a module that is not in the archive is an error that says where it was sought", function(t)
    local ok, text = pcall(require, "no_such_module")
    t.ok(not ok and text:find("no file 'lua/no_such_module.lua'", 1, true), text)
end)
