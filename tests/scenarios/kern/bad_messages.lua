-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 30
-- Malformed requests to every kind of kernel object, to bootstrap, the name server and the console:
-- each is answered with MIG_BAD_ID or MIG_BAD_ARGUMENTS, what it carried is released, and whoever
-- got it goes on. Contracts: mach_types.defs, docs/servers.md.

local must, ports = require "must", require "ports"
local tasks, threads, semaphores = require "tasks", require "threads", require "semaphores"
local objects = require "counts".objects
local both, destroy, deallocate, info = ports.both, ports.destroy, ports.deallocate, ports.info

local self, host = mach.mach_task_self(), mach.mach_host_self()
local COPY_SEND, MAKE_SEND = mach.MACH_MSG_TYPE_COPY_SEND, mach.MACH_MSG_TYPE_MAKE_SEND
local NDR = "\0\0\0\0\1\0\0\0"
local BAD_ID, BAD_ARGUMENTS = mach.MIG_BAD_ID, mach.MIG_BAD_ARGUMENTS

local function word(n) return string.pack("<I4", n & 0xffffffff) end

-- Sends a request with those fields and gives the return code in its answer, and the answer.
local function ask(port, id, fields)
    fields = fields or {}
    local kr, msg = mach.rpc{remote = port, disp = COPY_SEND, id = id, body = fields.body,
                             ports = fields.ports, ool = fields.ool, ool_ports = fields.ool_ports,
                             reply_timeout = 900}
    if kr ~= 0 then return "no answer: " .. mach.error_string(kr) end
    if #msg.ports + #msg.ool + #msg.ool_ports > 0 then
        for _, right in ipairs(msg.ports) do if right[1] ~= 0 then deallocate(right[1]) end end
        return 0, msg
    end
    if #msg.body < 12 then return ("an answer of %d bytes, id %d"):format(#msg.body, msg.id) end
    return (string.unpack("<i4", msg.body, 9)), msg
end

local function look_up(name)
    local kr, msg = mach.rpc{remote = mach.name_server_port, disp = COPY_SEND, id = 1041,
                             body = NDR .. ("\0"):rep(80) .. name .. ("\0"):rep(80 - #name),
                             reply_timeout = 900}
    must(kr, "look_up")
    return msg.ports[1][1]
end

-- Calls `body(what, port, lives)` for each object; `lives()` says whether it still works.
local function each_object(body)
    local task = tasks.create()
    local thread, sem = threads.create(task), semaphores.create(mach.SYNC_POLICY_FIFO, 1)
    local kr, clock = mach.host_get_clock_service(host, 0)
    must(kr, "host_get_clock_service")
    local kr, priv, device = mach.bootstrap_ports(mach.bootstrap_port)
    must(kr, "bootstrap_ports")
    local console = look_up("console")
    local kr, opened = mach.rpc{remote = console, disp = COPY_SEND, id = 4500, reply_timeout = 900}
    must(kr, "console_open")
    local session = opened.ports[1][1]
    body("task", task, function() return (mach.task_info(task, mach.TASK_BASIC_INFO)) == 0 end)
    body("thread", thread, function()
        return (mach.thread_info(thread, mach.THREAD_BASIC_INFO)) == 0
    end)
    body("semaphore", sem, function()
        return mach.semaphore_timedwait(sem, {tv_sec = 0, tv_nsec = 0}) == 0
            and mach.semaphore_signal(sem) == 0
    end)
    body("clock", clock, function() return (mach.clock_get_time(clock)) == 0 end)
    body("host", host, function() return (mach.host_page_size(host)) == 0 end)
    body("privileged host", priv, function() return (mach.host_page_size(priv)) == 0 end)
    body("device", device, function()
        local kr, part = mach.device_io_subset(device, 0x70, 1, 0)
        if kr == 0 then deallocate(part) end
        return kr == 0
    end)
    body("bootstrap", mach.bootstrap_port, function()
        local kr, again, part = mach.bootstrap_ports(mach.bootstrap_port)
        if kr == 0 then deallocate(again, part) end
        return kr == 0
    end)
    body("name server", mach.name_server_port, function()
        return ask(mach.name_server_port, 1043) == 0
    end)
    body("console", console, function() return ask(console, 4500) == 0 end)
    body("console session", session, function() return ask(session, 4504) == 0 end)
    tasks.terminate(task)
    semaphores.destroy(sem)
    deallocate(thread, clock, priv, device, console, session)
end

test("An id that no interface has is answered with MIG_BAD_ID.", function(t)
    each_object(function(what, port, lives)
        -- Before, in and behind each subsystem, and far from all.
        for _, id in ipairs{1999, 2005, 2101, 2102, 2599, 2602, 2695, 2696, 2949, 2959, 2960, 3199,
                            3217, 3233, 3234, 4199, 4217, 4218, 616999, 617017, 617018, 999998,
                            999999, 1000007, 1000008, 3124999, 3125008, 3125009, 0, 1, -1, 1000, 3999, 5000, 0x7fffffff,
                            -0x80000000} do
            t.eq(ask(port, id), BAD_ID, ("%s, id %d"):format(what, id))
        end
        t.ok(lives(), what .. " goes on")
    end)
end)

test("A notification sent to a kernel object or server changes nothing.", function(t)
    each_object(function(what, port, lives)
        local before, there = ports.space(), objects()
        for id = 64, mach.MACH_NOTIFY_DEAD_NAME do
            for _, body in ipairs{"", NDR .. word(self)} do
                t.eq(mach.send{remote = port, disp = COPY_SEND, id = id, timeout = 100,
                               body = body}, 0, ("%s, id %d"):format(what, id))
            end
        end
        t.ok(lives(), what .. " goes on")
        t.eq({ports.space(), objects()}, {before, there}, what .. ": names, objects")
    end)
end)

-- A good request of each kind of object, to be spoilt: id, body.
local GOOD = {
    task = {2098, NDR .. word(4) .. word(16)},          -- task_info
    thread = {2100, NDR .. word(3) .. word(16)},        -- thread_info
    semaphore = {617014, NDR .. word(0) .. word(0)},    -- semaphore_timedwait
    clock = {3125003, NDR .. word(1) .. word(1)},       -- clock_get_attributes
    host = {2638, NDR .. word(1) .. word(16)},          -- host_info
    ["privileged host"] = {2638, NDR .. word(1) .. word(16)},
    device = {2950, NDR .. word(0x70) .. word(1) .. word(0)}, -- device_io_subset
    ["name server"] = {1041, NDR .. ("\0"):rep(160)},   -- netname_look_up
    ["console session"] = {4503, NDR .. word(0)},       -- console_set_mode
}

test("A request that is too short or too long is answered with MIG_BAD_ARGUMENTS.", function(t)
    each_object(function(what, port, lives)
        local good = GOOD[what]
        if not good then return end
        for _, size in ipairs{0, 4, 8, #good[2] - 4, #good[2] + 4, #good[2] + 40} do
            if size >= 0 and size ~= #good[2] then
                local body = (good[2] .. ("\0"):rep(40)):sub(1, size)
                t.eq(ask(port, good[1], {body = body}), BAD_ARGUMENTS,
                     ("%s, %d bytes"):format(what, size))
            end
        end
        t.ok(lives(), what .. " goes on")
    end)
end)

test("A request larger than a server takes is destroyed: the caller learns it by its reply right.",
function(t)
    local port = mach.name_server_port
    t.eq(ask(port, 1041, {body = NDR .. ("\0"):rep(8000)}),
         ("an answer of 0 bytes, id %d"):format(mach.MACH_NOTIFY_SEND_ONCE))
    t.eq(ask(port, 1043), 0, "the name server goes on")
end)

test("A simple request that comes complex is refused, and what it carries is released.", function(t)
    local cargo = both()
    each_object(function(what, port, lives)
        local good = GOOD[what]
        if not good then return end
        for _, fields in ipairs{{ports = {{cargo, COPY_SEND}}},
                                {ports = {{cargo, MAKE_SEND}, {0, COPY_SEND}}},
                                {ool = {{data = ("x"):rep(10000)}}},
                                {ool_ports = {{{cargo, cargo, 0}, COPY_SEND}}}} do
            fields.body = good[2]
            local code = ask(port, good[1], fields)
            t.eq(code, BAD_ARGUMENTS, what)
        end
        t.ok(lives(), what .. " goes on")
        t.eq(info(cargo).srights, 1, what .. ": send rights of the cargo")
    end)
    destroy(cargo)
end)

test("A request that wants descriptors and gets none, or others, is refused.", function(t)
    local cargo = both()
    local task = tasks.create()
    -- id; what the call wants; each with the rest of its body.
    local calls = {
        {"task_set_special_port", 2059, NDR .. word(4)},
        {"vm_write", 2027, NDR .. word(0x1000) .. word(4)},
        {"mach_ports_register", 2033, NDR .. word(1)}, {"task_create", 2001,
                                                        NDR .. word(1) .. word(0)},
        {"semaphore_destroy", 617001, ""}, {"mach_port_insert_right", 3215, NDR .. word(0x5500)},
    }
    for _, call in ipairs(calls) do
        for how, fields in pairs{
            ["no descriptor"] = {}, ["a body alone"] = {ports = {}},
            ["two ports"] = {ports = {{cargo, COPY_SEND}, {cargo, COPY_SEND}}},
            ["memory and a port"] = {ports = {{cargo, COPY_SEND}}, ool = {{data = "data"}}},
            ["three arrays"] = {ool_ports = {{{cargo}, COPY_SEND}, {{cargo}, COPY_SEND},
                                             {{}, COPY_SEND}}},
        } do
            fields.body = call[3]
            local code = ask(task, call[2], fields)
            t.eq(code, BAD_ARGUMENTS, ("%s with %s"):format(call[1], how))
        end
        for how, fields in pairs{memory = {ool = {{data = "data"}}},
                                 port = {ports = {{cargo, COPY_SEND}}},
                                 array = {ool_ports = {{{cargo}, COPY_SEND}}}} do
            fields.body = call[3]
            local code = ask(task, call[2], fields)
            local wanted = ({task_set_special_port = "port", vm_write = "memory",
                             semaphore_destroy = "port",
                             mach_port_insert_right = "port"})[call[1]] or "array"
            if how ~= wanted then
                t.eq(code, BAD_ARGUMENTS, ("%s with one %s"):format(call[1], how))
            end
        end
    end
    tasks.terminate(task)
    t.eq(info(cargo).srights, 1, "send rights of the cargo")
    destroy(cargo)
end)

test("Counts in a request that do not agree with it are refused.", function(t)
    local cargo = both()
    local task = tasks.create()
    local thread = threads.create(task)
    for _, count in ipairs{0, 2, 5, 0x40000000, 0x7fffffff, 0x80000000, 0xffffffff} do
        local code = ask(task, 2033, {ool_ports = {{{cargo}, COPY_SEND}},
                                      body = NDR .. word(count)})
        t.eq(code, BAD_ARGUMENTS, ("mach_ports_register of 1, told %d"):format(count))
        local code = ask(task, 2027, {ool = {{data = "x"}},
                                      body = NDR .. word(0x200000) .. word(count)})
        t.eq(code, BAD_ARGUMENTS, ("vm_write of 1, told %d"):format(count))
        t.eq(ask(thread, 2018, {body = NDR .. word(1) .. word(count + 20) .. ("\0"):rep(68)}),
             BAD_ARGUMENTS, "thread_set_state of 17 words, told " .. count + 20)
        t.eq(ask(thread, 2693, {body = NDR .. word(1) .. word(count + 3) .. word(64) .. word(0)}),
             BAD_ARGUMENTS, "thread_policy of 1 word, told " .. count + 3)
    end
    t.eq(info(cargo).srights, 1, "send rights of the cargo")
    tasks.terminate(task)
    deallocate(thread)
    destroy(cargo)
end)

test("Too little room for the answer is an error of the call's own, and nothing is written.",
function(t)
    -- Of each object: id, the words before the count, the words of the answer, the code.
    local INVALID, FAILED = mach.KERN_INVALID_ARGUMENT, mach.KERN_FAILURE
    local calls = {
        task = {{2098, {mach.TASK_BASIC_INFO}, 8, INVALID},
                {2098, {mach.TASK_EVENTS_INFO}, 8, INVALID},
                {2098, {mach.TASK_THREAD_TIMES_INFO}, 4, INVALID},
                {2098, {mach.TASK_SECURITY_TOKEN}, 2, INVALID},
                {2098, {mach.TASK_SCHED_TIMESHARE_INFO}, 1, INVALID},
                {2004, {0, mach.VM_REGION_BASIC_INFO}, 8, INVALID}},
        thread = {{2100, {mach.THREAD_BASIC_INFO}, 10, INVALID},
                  {2100, {mach.THREAD_SCHED_TIMESHARE_INFO}, 5, INVALID},
                  {2017, {mach.i386_THREAD_STATE}, 17, INVALID}},
        host = {{2638, {mach.HOST_BASIC_INFO}, 5, FAILED},
                {2638, {mach.HOST_SCHED_INFO}, 2, FAILED},
                {2638, {mach.HOST_PRIORITY_INFO}, 8, FAILED}},
        clock = {{3125003, {mach.CLOCK_GET_TIME_RES}, 1, FAILED}},
    }
    local task = tasks.create()
    must((mach.vm_allocate(task, 0x200000, 4096, false)), "vm_allocate")
    each_object(function(what, port, lives)
        for _, call in ipairs(calls[what] or {}) do
            local words = ""
            for _, value in ipairs(call[2]) do words = words .. word(value) end
            for room = 0, call[3] do
                local target = call[1] == 2004 and task or port
                local want = room < call[3] and call[4] or 0
                local got, msg = ask(target, call[1], {body = NDR .. words .. word(room)})
                t.eq(got, want, ("%s, id %d(%s), room for %d words"):format(what, call[1],
                     table.concat(call[2], ", "), room))
                if got ~= 0 and msg then t.eq(#msg.body, 12, "the answer is the code alone") end
            end
        end
        t.ok(lives(), what .. " goes on")
    end)
    tasks.terminate(task)
end)

test("A request without a reply right gets no answer; what it asks for is done or refused.",
function(t)
    local cargo = both()
    each_object(function(what, port, lives)
        for _, id in ipairs{0, 2098, 2027, 617002, 1040, 4501, 999999} do
            local kr = mach.send{remote = port, disp = COPY_SEND, id = id, body = NDR,
                                 timeout = 500,
                                 ports = {{cargo, COPY_SEND}}}
            t.eq(kr, 0, ("%s, id %d"):format(what, id))
        end
        t.ok(lives(), what .. " goes on")
    end)
    t.eq(info(cargo).srights, 1, "send rights of the cargo")
    destroy(cargo)
end)

test("Answers to one's own requests cannot be forged to the kernel: reply ids are MIG_BAD_ID.",
function(t)
    each_object(function(what, port, lives)
        local good = GOOD[what]
        if not good then return end
        t.eq(ask(port, good[1] + 100, {body = NDR .. word(0)}), BAD_ID, what)
        t.ok(lives(), what .. " goes on")
    end)
end)

test("Requests for another kind of object are answered, none is served.", function(t)
    local KERNEL = {task = true, thread = true, semaphore = true, clock = true, host = true,
                    ["privileged host"] = true, device = true}
    each_object(function(what, port, lives)
        for other, good in pairs(GOOD) do
            local related = what:find("host") and other:find("host")
            if other ~= what and not related then
                local code = ask(port, good[1], {body = good[2]})
                local same_server = KERNEL[what] and KERNEL[other] or what:find("console")
                    and other:find("console")
                local want = same_server and mach.KERN_INVALID_ARGUMENT or BAD_ID
                t.eq(code, want, ("%s asked what is for a %s"):format(what, other))
            end
        end
        t.ok(lives(), what .. " goes on")
    end)
end)

-- ---- random bytes ----

math.randomseed(4711)
local function random(n) return math.random(0, n - 1) end

test("Random messages to random objects: they are answered or refused, nothing is left over.",
function(t)
    local cargo = both()
    each_object(function(what, port, lives)
        local before = objects()
        for _ = 1, 60 do
            local words = {}
            for i = 1, random(12) do
                words[i] = word(random(3) == 0 and random(1 << 31) or random(20))
            end
            local fields = {body = (random(2) == 0 and NDR or "") .. table.concat(words)}
            if random(3) == 0 then fields.ports = {{cargo, COPY_SEND}} end
            if random(5) == 0 then fields.ool = {{data = ("r"):rep(random(5000))}} end
            -- Not what ends, stops or changes things for good.
            local ids = {2004, 2011, 2017, 2021, 2023, 2024, 2026, 2027, 2028, 2098, 2100, 2057,
                         2063,
                         2619, 2638, 2691, 2693, 3200, 3201, 3203, 3206, 3212, 3219, 617000, 617002,
                         617014,
                         3125000, 3125002, 3125003, 4200, 4201, 4203, 1040, 1041, 1043, 4503, 4504,
                         4506,
                         4701, 1000002, 1000006, random(1 << 31)}
            local code = ask(port, ids[random(#ids) + 1], fields)
            t.ok(math.type(code) == "integer", ("%s: %s"):format(what, code))
        end
        t.ok(lives(), what .. " goes on")
        t.eq(objects(), before, what .. ": objects afterwards")
    end)
    destroy(cargo)
end)
