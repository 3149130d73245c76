-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 60
-- Every trap with boundary values in each argument: the answer is one of the codes that its
-- contract names, a trap that fails changes nothing, and its task lives on. A trap of syscall_sw.h
-- that is not in the table here is a failure, so that new ones are not forgotten. And a trap does
-- what its message does. Contracts: mach_traps.h, the .defs.

local must, ports, counts = require "must", require "ports", require "counts"
local memory, tasks, trap_task = require "memory", require "tasks", require "trap_task"
local trap, DATA = trap_task.trap, trap_task.DATA

local PAGE, OWN = 4096, 0x600000 -- OWN: pages to be worked on
local MESSAGE, PLACE = DATA + 0x100, DATA + 0x800
local K, INVALID_DEST = mach, mach.MACH_SEND_INVALID_DEST

math.randomseed(20261128)

-- ---- what a trap is done to --------------------------------------------------------------------

-- A task with names of all kinds for itself; the names are those that it knows them by.
local function world_new()
    local w = {task = trap_task.new(), SELF = trap_task.SELF}
    local function put(name, right, disposition)
        must(mach.mach_port_insert_right(w.task, name, right, disposition), "insert_right")
        return name
    end
    local kr, semaphore = mach.semaphore_create(w.task, mach.SYNC_POLICY_FIFO, 1000)
    must(kr, "semaphore_create")
    local kr, clock = mach.host_get_clock_service(mach.mach_host_self(), 0)
    must(kr, "host_get_clock_service")
    local MOVE_SEND = mach.MACH_MSG_TYPE_MOVE_SEND
    w.semaphore, w.clock = put(0x77701, semaphore, MOVE_SEND), put(0x77702, clock, MOVE_SEND)
    w.receive = ports.allocate(mach.MACH_PORT_RIGHT_RECEIVE, w.task)
    w.set = ports.allocate(mach.MACH_PORT_RIGHT_PORT_SET, w.task)
    w.dead = ports.allocate(mach.MACH_PORT_RIGHT_DEAD_NAME, w.task)
    local kr, once = mach.mach_port_extract_right(w.task, w.receive,
                                                  mach.MACH_MSG_TYPE_MAKE_SEND_ONCE)
    must(kr, "extract_right")
    w.once = put(0x77703, once, mach.MACH_MSG_TYPE_MOVE_SEND_ONCE)
    must((mach.vm_allocate(w.task, OWN, 3 * PAGE, false)), "vm_allocate")
    -- A message to the receive right.
    memory.write(MESSAGE, string.pack("<I4I4I4I4I4i4", mach.MACH_MSG_TYPE_MAKE_SEND, 0,
                                      w.receive, 0, 0, 77), w.task)
    return w
end

local function names(w)
    return {0, 1, 0xffffffff, 0x80000000, 0x123400, w.SELF, w.semaphore, w.clock, w.receive,
            w.receive ~ 0x80, w.set, w.dead, w.once}
end

local NUMBERS = {0, 1, 2, 3, 4, 7, 0x7fffffff, 0x80000000, 0xffffffff}
local SIZES = {0, 1, 24, PAGE, 0x7fffffff, 0xbfffffff, 0xfffff000, 0xffffffff}

-- The boundary values of each kind of argument.
local KINDS = {
    name = names,
    place = function() -- where a result goes
        return {PLACE, 0, 8, trap_task.NOTHING, trap_task.READ_ONLY, 0xbffffffe, 0xc0000000,
                0xfffffffc, 0xffffffff}
    end,
    message = function()
        return {MESSAGE, 0, 8, trap_task.NOTHING, trap_task.READ_ONLY, 0xbffffff0, 0xc0000000,
                0xffffffff}
    end,
    address = function()
        return {OWN, OWN + 5, OWN + 3 * PAGE, 0, 1, PAGE, 0xbffff000, 0xc0000000, 0xffffffff}
    end,
    size = function() return SIZES end,
    number = function() return NUMBERS end,
    option = function()
        local SEND, RCV = mach.MACH_SEND_MSG | mach.MACH_SEND_TIMEOUT,
            mach.MACH_RCV_MSG | mach.MACH_RCV_TIMEOUT
        return {0, SEND, RCV, SEND | RCV, RCV | mach.MACH_RCV_LARGE, RCV | mach.MACH_RCV_NOTIFY,
                RCV | mach.MACH_RCV_OVERWRITE, SEND | RCV | mach.MACH_RCV_OVERWRITE,
                RCV | mach.MACH_RCV_TRAILER_ELEMENTS(2), RCV | mach.MACH_RCV_TRAILER_ELEMENTS(3),
                RCV | mach.MACH_RCV_TRAILER_TYPE(1), SEND | mach.MACH_SEND_TRAILER, 0x7ffffffe,
                0xfffffffe, 0xffffffff}
    end,
}

-- ---- the traps ---------------------------------------------------------------------------------
-- Kinds of the arguments; plain values, which the others have while one varies; the codes that are
-- allowed besides success. `any`: the result is no code. `silent`: there may be none, since it
-- waits or takes the task's own memory away.

local function entry(kinds, plain, codes, more)
    local e = more or {}
    e.kinds, e.plain, e.codes = {}, plain, {[0] = true}
    for kind in kinds:gmatch("%S+") do e.kinds[#e.kinds + 1] = kind end
    for _, code in ipairs(codes) do e.codes[code] = true end
    return e
end

-- Every code of mach_msg.
local function message_codes()
    local codes = {}
    for name, value in pairs(mach) do
        local about = name:match("^MACH_SEND_") or name:match("^MACH_RCV_")
        if about and math.type(value) == "integer" and value >= 0x10000000 then
            codes[#codes + 1] = value
        end
    end
    return codes
end

local MEMORY = {INVALID_DEST, K.KERN_INVALID_ADDRESS, K.KERN_NO_SPACE, K.KERN_INVALID_ARGUMENT,
                K.KERN_PROTECTION_FAILURE, K.KERN_RESOURCE_SHORTAGE}
local SEMAPHORE = {INVALID_DEST, K.KERN_FAILURE, K.KERN_INVALID_VALUE, K.KERN_OPERATION_TIMED_OUT}
local PORTS = {INVALID_DEST, K.KERN_INVALID_VALUE, K.KERN_INVALID_RIGHT, K.KERN_INVALID_ADDRESS}

local TRAPS = {
    mach_msg_trap = entry("message option size size name number name", function(w)
        return {MESSAGE, K.MACH_SEND_MSG | K.MACH_SEND_TIMEOUT, 24, 100, w.receive, 0, 0}
    end, message_codes(), {silent = true}),
    mach_msg_overwrite_trap = entry("message option size size name number name message size",
        function(w)
            return {MESSAGE, K.MACH_RCV_MSG | K.MACH_RCV_OVERWRITE | K.MACH_RCV_TIMEOUT, 24, 100,
                    w.receive, 0, 0, 0, 100}
        end, message_codes(), {silent = true}),
    mach_reply_port = entry("", function() return {} end, {}, {any = true}),
    mach_thread_self = entry("", function() return {} end, {}, {any = true}),
    mach_task_self = entry("", function() return {} end, {}, {any = true}),
    mach_host_self = entry("", function() return {} end, {}, {any = true}),
    semaphore_signal_trap = entry("name", function(w) return {w.semaphore} end, SEMAPHORE),
    semaphore_signal_all_trap = entry("name", function(w) return {w.receive} end, SEMAPHORE),
    semaphore_wait_trap = entry("name", function(w) return {w.semaphore} end, SEMAPHORE,
                                {silent = true}),
    semaphore_timedwait_trap = entry("name number number",
                                     function(w) return {w.semaphore, 0, 0} end, SEMAPHORE,
                                     {silent = true}),
    semaphore_signal_thread_trap = entry("name name", function(w) return {w.semaphore, 0} end,
                                         {INVALID_DEST, K.KERN_NOT_WAITING}),
    semaphore_wait_signal_trap = entry("name name",
                                       function(w) return {w.semaphore, w.semaphore} end, SEMAPHORE,
                                       {silent = true}),
    semaphore_timedwait_signal_trap = entry("name name number number",
                                            function(w) return {w.semaphore, w.semaphore, 0, 0} end,
                                            SEMAPHORE, {silent = true}),
    swtch_pri = entry("number", function() return {0} end, {}, {any = true}),
    swtch = entry("", function() return {} end, {}, {any = true}),
    thread_switch = entry("name number number", function() return {0, 0, 0} end,
                          {K.KERN_INVALID_ARGUMENT}, {silent = true}),
    clock_sleep_trap = entry("name number number number place",
                             function() return {0, K.TIME_RELATIVE, 0, 0, PLACE} end,
                             {K.KERN_INVALID_ARGUMENT, K.KERN_INVALID_VALUE, K.KERN_FAILURE,
                              K.KERN_INVALID_ADDRESS}, {silent = true}),
    vm_map = entry("name place size number number name size number number number number",
                   function(w) return {w.SELF, PLACE, PAGE, 0, 1, 0, 0, 0, 3, 7, 1} end, MEMORY),
    vm_allocate = entry("name place size number", function(w) return {w.SELF, PLACE, PAGE, 1} end,
                        MEMORY),
    vm_deallocate = entry("name address size", function(w) return {w.SELF, OWN, PAGE} end, MEMORY,
                          {silent = true}),
    mach_port_allocate = entry("name number place", function(w) return {w.SELF, 1, PLACE} end,
                               PORTS),
    mach_port_deallocate = entry("name name", function(w) return {w.SELF, w.receive} end, PORTS),
    mach_port_insert_right = entry("name name name number",
                                   function(w) return {w.SELF, 0x5500, w.SELF, 19} end,
                                   {INVALID_DEST, K.KERN_INVALID_VALUE, K.KERN_INVALID_CAPABILITY,
                                    K.KERN_NAME_EXISTS, K.KERN_RIGHT_EXISTS, K.KERN_UREFS_OVERFLOW,
                                    K.MACH_SEND_INVALID_RIGHT, K.MACH_SEND_INVALID_TYPE}),
}

local function number_of(name) return mach["MACH_TRAP_" .. name] end

test("Each trap of syscall_sw.h is covered here, with all its arguments.", function(t)
    for constant, words in pairs(mach) do
        local name = constant:match("^MACH_TRAP_ARGS_(.+)")
        if name then
            t.eq(TRAPS[name] and #TRAPS[name].kinds, words, "arguments of " .. name)
        end
    end
    for name in pairs(TRAPS) do t.ok(number_of(name), name .. " is in syscall_sw.h") end
end)

test("Every other number is KERN_INVALID_ARGUMENT, and the task goes on.", function(t)
    local known = {}
    for name in pairs(TRAPS) do known[number_of(name)] = true end
    trap_task.each_entry(function(way, task)
        local before = counts.task(task)
        local function check(number)
            if known[number] then return end
            local got = trap(task, number, {0, 0, 0, 0, 0, 0, 0}, way)
            if got ~= mach.KERN_INVALID_ARGUMENT then
                t.eq(got, mach.KERN_INVALID_ARGUMENT, ("%s, number %#x"):format(way, number))
            end
        end
        for number = 0, mach.MACH_TRAP_MAX + 2 do check(number) end
        for _, number in ipairs{1000, 0x10000019, 0x20000019, 0x7fffffff, 0x80000000, 0x80000019,
                                0xffffffe3, 0xffffffff} do
            check(number)
        end
        local after = counts.task(task)
        t.eq({after.names_total, after.virtual_pages}, {before.names_total, before.virtual_pages},
             way .. ": names and memory")
    end)
end)

-- ---- the sweep ---------------------------------------------------------------------------------

-- What a trap that fails must not change.
local function fingerprint(w)
    local c = counts.task(w.task)
    c.resident_pages, c.threads = nil, nil
    return {c, mach.mach_port_names(w.task)}
end

-- Whether a code that is no success may all the same have had effects: a receive that takes the
-- message, a send before a receive that fails, a right moved to be inserted, a message back with
-- its sender.
local function has_effects(name, arguments, code)
    if name == "mach_port_insert_right" then
        return arguments[4] >= 16 and arguments[4] <= 18 and code < 0x10000000
    end
    if name ~= "mach_msg_trap" then return false end
    return code == mach.MACH_SEND_TIMED_OUT or code == mach.MACH_RCV_TOO_LARGE
        or code == mach.MACH_RCV_INVALID_DATA or code == mach.MACH_RCV_INVALID_NOTIFY
        or (code >= mach.MACH_RCV_IN_PROGRESS and arguments[2] & mach.MACH_SEND_MSG ~= 0)
end

local function shown(arguments)
    local list = {}
    for i, value in ipairs(arguments) do
        list[i] = math.type(value) and ("%#x"):format(value & 0xffffffff) or value
    end
    return table.concat(list, ", ")
end

local function sweep(t, name, e)
    local w, before, tried, way = world_new(), nil, 0, 0
    local function fresh()
        mach.task_terminate(w.task) -- unless it has ended already
        ports.deallocate(w.task)
        w, before = world_new(), nil
    end
    local function try(arguments)
        before, way, tried = before or fingerprint(w), way + 1, tried + 1
        local code = trap(w.task, number_of(name), arguments, way % 2 == 0 and "int" or "sysenter")
        local what = ("%s(%s)"):format(name, shown(arguments))
        if code and not e.any and not e.codes[code] then
            t.fail(("%s answered %#x, %s"):format(what, code, mach.error_string(code)))
        elseif not code and not e.silent then
            t.fail(what .. " did not return, or ended its task")
        end
        if not code or code == 0 or e.any or has_effects(name, arguments, code) then
            fresh()
        else
            t.eq(fingerprint(w), before, what .. " failed and changed something")
        end
    end
    for i, kind in ipairs(e.kinds) do
        for k in ipairs(KINDS[kind](w)) do
            local arguments = e.plain(w)
            arguments[i] = KINDS[kind](w)[k]
            try(arguments)
        end
    end
    for _ = 1, #e.kinds > 1 and 20 or 0 do
        local arguments = e.plain(w)
        for i, kind in ipairs(e.kinds) do
            local values = KINDS[kind](w)
            if i > 1 or math.random(3) == 1 then arguments[i] = values[math.random(#values)] end
        end
        try(arguments)
    end
    if #e.kinds == 0 then try({}) end
    tasks.terminate(w.task)
    return tried
end

local order = {}
for name in pairs(TRAPS) do order[#order + 1] = name end
table.sort(order)

for _, name in ipairs(order) do
    test(name .. " answers boundary values with the codes of its contract and changes nothing.",
    function(t)
        local before = counts.host()
        t.ok(sweep(t, name, TRAPS[name]) > 0, "traps made")
        local after = counts.host()
        for _, what in ipairs{"tasks", "threads", "ports", "port_sets", "semaphores",
                              "messages_queued"} do
            t.eq(after[what], before[what], what .. " afterwards")
        end
    end)
end

-- ---- a trap is a short cut for its message -----------------------------------------------------

local COPY_SEND, NDR = mach.MACH_MSG_TYPE_COPY_SEND, "\0\0\0\0\1\0\0\0"

-- The message's code: the port called, the message's id, the words of its body, its rights.
local function by_message(port, id, words, rights)
    local body = string.pack("<" .. ("I4"):rep(#words), table.unpack(words))
    local kr, msg = mach.rpc{remote = port, disp = COPY_SEND, id = id, ports = rights,
                             body = #words > 0 and NDR .. body or "", reply_timeout = 900}
    if kr ~= 0 then return kr end
    return (string.unpack("<i4", msg.body, 9))
end

-- How each call looks to the module, which tries the trap first, and as a message.
local CALLS = {
    {"semaphore_signal", function(w) return mach.semaphore_signal(w.semaphore) end,
     function(w) return by_message(w.semaphore, 617002, {}) end},
    {"semaphore_signal_all", function(w) return mach.semaphore_signal_all(w.empty) end,
     function(w) return by_message(w.empty, 617003, {}) end},
    {"semaphore_wait", function(w) return mach.semaphore_wait(w.semaphore) end,
     function(w) return by_message(w.semaphore, 617004, {}) end},
}

local function call_with(name, values, by_trap, message)
    for _, value in ipairs(values) do
        CALLS[#CALLS + 1] = {("%s(%s)"):format(name, shown(value)),
                             function(w) return (by_trap(w, table.unpack(value))) end,
                             function(w) return message(w, table.unpack(value)) end}
    end
end

-- Every pair of values.
local function pairs_of(first, second)
    local list = {}
    for _, a in ipairs(first) do for _, b in ipairs(second) do list[#list + 1] = {a, b} end end
    return list
end

call_with("semaphore_timedwait", {{0, 0}, {0, 999999999}, {0, 1000000000}, {0, 0xffffffff},
                                  {1, 0x80000000}},
    function(w, sec, nsec)
        local signed = (nsec ~ 1 << 31) - (1 << 31)
        return mach.semaphore_timedwait(w.empty, {tv_sec = sec, tv_nsec = signed})
    end,
    function(w, sec, nsec) return by_message(w.empty, 617014, {sec, nsec}) end)
for _, right in ipairs{"semaphore", "empty", "task", "port", "none"} do
    call_with("semaphore_signal_thread", {{right}},
        function(w) return mach.semaphore_signal_thread(w.empty, w[right] or 0) end,
        function(w) return by_message(w.empty, 617013, {}, {{w[right] or 0, COPY_SEND}}) end)
    call_with("semaphore_timedwait_signal", {{0, right}, {1000000, right}, {1000000000, right}},
        function(w, nsec)
            return mach.semaphore_timedwait_signal(w.empty, w[right] or 0, {tv_sec = 0, tv_nsec = nsec})
        end,
        function(w, nsec)
            return by_message(w.empty, 617016, {0, nsec}, {{w[right] or 0, COPY_SEND}})
        end)
end
call_with("vm_allocate", pairs_of({0, 1, OWN, 0x700000, 0xbffff000, 0xc0000000, 0xffffffff}, SIZES),
    function(w, address, size) return mach.vm_allocate(w.task, address, size, false) end,
    function(w, address, size) return by_message(w.task, 2021, {address, size, 0}) end)
call_with("vm_deallocate", pairs_of({0, 1, OWN + 1, 0x800000, 0xbffff000, 0xffffffff},
                                    {0, 1, PAGE, 0xffffffff}),
    function(w, address, size) return mach.vm_deallocate(w.task, address, size) end,
    function(w, address, size) return by_message(w.task, 2023, {address, size}) end)
call_with("vm_map",
    {{OWN, PAGE, 0, 0, 0, 0, 3, 7, 1}, {0x900000, PAGE, 0, 0, 0, 0, 3, 7, 1},
     {0x900000, 0, 0, 0, 0, 0, 3, 7, 1}, {0xa00000, PAGE, 0xfffff, 1, 0, 0, 3, 7, 1},
     {0xa00000, PAGE, 0xfffff, 0, 1, 0, 3, 7, 1}, {0xb00000, PAGE, 0, 0, PAGE, 1, 7, 3, 1},
     {0xb00000, PAGE, 0, 0, 0, 0, 8, 7, 1}, {0xb00000, PAGE, 0, 0, 0, 0, 3, 7, 3}},
    function(w, address, size, mask, anywhere, offset, copy, protection, maximum, inheritance)
        return mach.vm_map(w.task, address, size, mask, anywhere, 0, offset, copy, protection,
                           maximum, inheritance)
    end,
    function(w, ...) return by_message(w.task, 2089, {...}, {{0, COPY_SEND}}) end)
call_with("mach_port_allocate", {{0}, {1}, {2}, {3}, {4}, {5}, {0xffffffff}},
    function(w, right) return mach.mach_port_allocate(w.task, right) end,
    function(w, right) return by_message(w.task, 3204, {right}) end)
call_with("mach_port_deallocate", {{0}, {0x123400}, {0x77701}, {0x77702}, {0x77703}, {0x77704},
                                   {0x77705}, {0xffffffff}},
    function(w, name) return mach.mach_port_deallocate(w.task, name) end,
    function(w, name) return by_message(w.task, 3206, {name}) end)
for disposition = 14, 22 do
    call_with("mach_port_insert_right", pairs_of({0, 0x77701, 0x8800, 0xffffffff}, {disposition}),
        function(w, name, type) return mach.mach_port_insert_right(w.task, name, w.port, type) end,
        function(w, name, type) return by_message(w.task, 3215, {name}, {{w.port, type}}) end)
end

test("A trap gives its message's code and leaves what that leaves.", function(t)
    local function new()
        local w, kr = {task = tasks.create(), port = ports.both(50)}, nil
        kr, w.semaphore = mach.semaphore_create(w.task, mach.SYNC_POLICY_FIFO, 1)
        must(kr, "semaphore_create")
        kr, w.empty = mach.semaphore_create(w.task, mach.SYNC_POLICY_FIFO, 0)
        must(kr, "semaphore_create")
        for i, right in ipairs{4, 3, 1, 4, 3} do
            must(mach.mach_port_allocate_name(w.task, right, 0x77700 + i), "allocate_name")
        end
        must((mach.vm_allocate(w.task, OWN, PAGE, false)), "vm_allocate")
        return w
    end
    local function state(w)
        local c = counts.task(w.task)
        return {ports.space(w.task, "mscount"), c.virtual_pages, c.map_entries, c.semaphores,
                ports.state(w.port, "srights", "mscount")}
    end
    local a, b = new(), new()
    for _, call in ipairs(CALLS) do
        t.eq(call[2](a), call[3](b), call[1] .. ": by trap, by message")
    end
    t.eq(state(a), state(b), "what they leave")
    for _, w in ipairs{a, b} do
        tasks.terminate(w.task)
        ports.destroy(w.port, w.semaphore, w.empty)
    end
end)
