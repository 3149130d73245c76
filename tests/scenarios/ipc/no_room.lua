-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 60
-- A task whose table of names is full, and one whose address space is: what a message brings and
-- cannot be given is destroyed and shows as a null name or address, what can be given arrives, and
-- the code says what was short. It is the same task, a child of ours, which does what the id of a
-- message tells it and reports what it got. Manual: mach_msg, "MACH_RCV_HEADER_ERROR" and
-- "MACH_RCV_BODY_ERROR"; mach_port_allocate.

local must, ports = require "must", require "ports"
local allocate, both, destroy, info = ports.allocate, ports.both, ports.destroy, ports.info
local kill = ports.kill

local self = mach.mach_task_self()
local MAKE_SEND, COPY_SEND, MOVE_SEND = mach.MACH_MSG_TYPE_MAKE_SEND,
    mach.MACH_MSG_TYPE_COPY_SEND, mach.MACH_MSG_TYPE_MOVE_SEND
local MAKE_ONCE, MOVE_RECEIVE = mach.MACH_MSG_TYPE_MAKE_SEND_ONCE, mach.MACH_MSG_TYPE_MOVE_RECEIVE
local PORT_SEND, PORT_ONCE, PORT_RECEIVE = mach.MACH_MSG_TYPE_PORT_SEND,
    mach.MACH_MSG_TYPE_PORT_SEND_ONCE, mach.MACH_MSG_TYPE_PORT_RECEIVE
local HEADER_ERROR, BODY_ERROR = mach.MACH_RCV_HEADER_ERROR, mach.MACH_RCV_BODY_ERROR
local IPC_SPACE, VM_SPACE = mach.MACH_MSG_IPC_SPACE, mach.MACH_MSG_VM_SPACE
local NO_SPACE, PAGE = mach.KERN_NO_SPACE, 4096

-- ---- the crowded task --------------------------------------------------------------------------

-- Serves `port`; knows of our ports `home`, where its reports go, and `known`.
local function crowded()
    local threads, ports, clock = require "threads", require "ports", require "clock"
    local self = mach.mach_task_self()
    local DEAD_NAME, ONCE = mach.MACH_PORT_RIGHT_DEAD_NAME, mach.MACH_PORT_RIGHT_SEND_ONCE
    local COPY_SEND, MAKE_ONCE = mach.MACH_MSG_TYPE_COPY_SEND, mach.MACH_MSG_TYPE_MAKE_SEND_ONCE
    local placeholders, taken = {}, {}
    for i = 1, 40 do placeholders[i] = ports.allocate(DEAD_NAME) end
    local mine, full = ports.allocate(), ports.both()
    ports.set_limit(full, 1)
    mach.send{remote = full, disp = COPY_SEND, timeout = 0}
    local _, word = mach.vm_allocate(self, 0, 4096, true)

    -- Takes what is left of the table.
    local function fill()
        local name, kr = 0, 0
        while true do
            kr, name = mach.mach_port_allocate(self, DEAD_NAME)
            if kr ~= 0 then return kr end
            placeholders[#placeholders + 1] = name
        end
    end

    local function free(n)
        for _ = 1, n do ports.destroy(table.remove(placeholders)) end
    end

    local function ids() return ports.drain(mine) end

    local actions = {}

    function actions.calls()
        local got = {fill(), mach.mach_reply_port(), (mach.mach_port_allocate(self, 1)),
                     (mach.mach_port_allocate(self, 3)),
                     (mach.mach_port_extract_right(self, mine, MAKE_ONCE)),
                     mach.mach_port_allocate_name(self, 1, 0x7a000001)}
        ports.destroy(0x7a000001)
        free(1)
        got[7] = {mach.mach_port_allocate(self, 1)}
        ports.destroy(got[7][2])
        got[7] = got[7][1]
        got[8], got[9] = fill(), ids()
        return got
    end

    -- A message that does not fit into the queue of `full` and comes back.
    function actions.timed_out()
        local kr, msg = mach.send{remote = full, disp = COPY_SEND, local_port = mine,
                                  local_disp = MAKE_ONCE, id = 12, body = "text", timeout = 0,
                                  ports = {{args.known, COPY_SEND}, {mine, MAKE_ONCE}}}
        local got = {kr, msg.remote == full, msg.local_port, msg.id, msg.body, msg.bits & 0xffff,
                     msg.ports[1][1] == args.known, msg.ports[2], ids(),
                     ports.info(full).urefs, ports.info(args.known).urefs, fill()}
        ports.drop(full, 1)
        ports.drop(args.known, 1)
        return got
    end

    -- The same with a thread that waits; its right's name is given away meanwhile.
    function actions.interrupted()
        free(30)
        local right = ports.once(mine)
        local job = spawn.thread(function()
            local kr, msg = mach.send{remote = args.full, disp = mach.MACH_MSG_TYPE_COPY_SEND,
                                      options = mach.MACH_SEND_INTERRUPT, id = 13,
                                      ports = {{args.right, mach.MACH_MSG_TYPE_MOVE_SEND_ONCE}}}
            return {kr, msg.remote == args.full, msg.id, msg.ports}
        end, {full = full, right = right})
        ports.wait_until(full, "senders", 1)
        fill()
        mach.thread_abort(job.thread)
        local _, got = job:wait(2000)
        got[5], got[6] = ids(), fill()
        ports.drop(full, 1)
        return got
    end

    function actions.take_memory()
        local size = 1 << 30
        while size >= 4096 do
            local kr, address = mach.vm_allocate(self, 0, size, true)
            if kr == 0 then taken[#taken + 1] = {address, size} else size = size // 2 end
        end
    end

    function actions.memory_timed_out()
        mach.vm_write(self, word, "contents")
        local kr, msg = mach.send{remote = full, disp = COPY_SEND, timeout = 0, body = "text",
                                  ool = {{addr = word, size = 8}}}
        ports.drop(full, 1)
        return {kr, msg.body, msg.ool}
    end

    function actions.release_memory()
        for _, region in ipairs(taken) do mach.vm_deallocate(self, region[1], region[2]) end
        taken = {}
        return select(2, mach.vm_read(self, word, 8))
    end

    function actions.release_names() free(100) end

    -- What has come, each right as what it is under its name.
    local function described(kr, msg)
        local function kind(name)
            if name == 0 then return 0 end
            if name == args.known then
                ports.drop(name, 1)
                return "known"
            end
            return ports.type_of(name)
        end
        local got = {kr = kr, id = msg.id, size = msg.size, bits = msg.bits & 0xffff,
                     here = msg.local_port == args.port, reply = kind(msg.remote),
                     body = msg.body or "none", ports = {}, arrays = {}, ool = {}}
        for i, right in ipairs(msg.ports) do got.ports[i] = {kind(right[1]), right[2]} end
        for i, array in ipairs(msg.ool_ports) do
            local kinds = {}
            for k, name in ipairs(array[1]) do kinds[k] = kind(name) end
            got.arrays[i] = {kinds, array[2]}
        end
        for i, region in ipairs(msg.ool) do got.ool[i] = region.data or region end
        return got
    end

    local function text(value)
        if type(value) == "table" then
            local parts = {}
            for k, v in pairs(value) do parts[#parts + 1] = ("[%q]=%s"):format(k, text(v)) end
            return "{" .. table.concat(parts, ",") .. "}"
        end
        return ("%q"):format(value)
    end

    local function report(value)
        local body = text(value)
        mach.send{remote = args.home, disp = COPY_SEND, body = body .. (" "):rep(-#body % 4)}
    end

    report(threads.trap_until_refused(mach.MACH_TRAP_mach_port_allocate, self, DEAD_NAME, word))
    fill()
    while true do
        local kr, msg = mach.receive{port = args.port}
        local action = msg.id == 1 and msg.body
        if action == "end " then return #ids() end
        report(action and actions[action:gsub(" +$", "")]() or described(kr, msg))
    end
end

-- ---- our side ----------------------------------------------------------------------------------

local port, home, known = both(), allocate(), both()
local child = spawn.task(crowded, {}, {port = {port, MOVE_RECEIVE}, home = home, known = known})
require "tasks".lift_limits(child.task)

local function reported(t)
    local kr, msg = mach.receive{port = home, timeout = 30000}
    t.eq(kr, 0, "the report")
    return kr == 0 and load("return " .. msg.body)() or {}
end

-- Has the child do something, by the name of its action.
local function order(t, action)
    must(mach.send{remote = port, disp = COPY_SEND, id = 1, timeout = 900,
                   body = action .. (" "):rep(-#action % 4)}, "send")
    return reported(t)
end

-- Sends the child a message, gives what it reports.
local function give(t, fields)
    fields.remote, fields.disp, fields.id, fields.timeout = port, COPY_SEND, 50, 900
    t.eq(mach.send(fields), 0, "send")
    return reported(t)
end

-- A reply port, a send and a send-once right that the child has no names for.
local function strangers()
    return {reply = allocate(), a = both(), b = allocate()}
end

local function dropped(t, name, what)
    local kr, msg = mach.receive{port = name, timeout = 500}
    t.eq({kr, msg.id}, {0, mach.MACH_NOTIFY_SEND_ONCE}, what)
end

test("A table of names is full at a million: KERN_NO_SPACE.", function(t)
    t.eq(reported(t), NO_SPACE, "mach_port_allocate")
    local kr, counts = mach.minato_task_counts(child.task)
    -- Index 0 is no name; a few names that the child was started with were chosen.
    t.eq({kr, counts.names_total >> 4}, {0, 1 << 16}, "names: " .. counts.names_total)
end)

test("With a full table only chosen names can be made, and one for each that is given up.",
function(t)
    t.eq(order(t, "calls"), {NO_SPACE, 0, NO_SPACE, NO_SPACE,
                             BODY_ERROR | IPC_SPACE, 0, 0, NO_SPACE, {mach.MACH_NOTIFY_SEND_ONCE}},
         "allocate, reply_port, allocate receive, set, extract_right, allocate_name, one, fill; " ..
         "the right that was extracted and could not be given")
end)

test("MACH_RCV_HEADER_ERROR: no name for the reply right; the header comes, the rest is gone.",
function(t)
    for _, fields in ipairs{{}, {body = "some text!!!"}, {body = "text", loaded = true}} do
        local s = strangers()
        local what = fields.loaded and "loaded" or fields.body or "empty"
        if fields.loaded then
            fields.ports, fields.loaded = {{s.a, MOVE_SEND}, {s.b, MAKE_ONCE}, {known, COPY_SEND}}
            fields.ool = {{data = "some memory"}}
        end
        fields.local_port, fields.local_disp = s.reply, MAKE_ONCE
        local got = give(t, fields)
        t.eq({got.kr, got.id, got.here, got.reply}, {HEADER_ERROR | IPC_SPACE, 50, true, 0}, what)
        t.eq(got.bits, mach.MACH_MSGH_BITS(0, PORT_SEND), what .. ": dispositions")
        t.eq({got.body, got.ports, got.ool, got.arrays}, {"none", {}, {}, {}}, what .. ": the body")
        dropped(t, s.reply, what .. ": the reply right was destroyed")
        if fields.ool then
            dropped(t, s.b, what .. ": the send-once right was destroyed")
            t.eq(info(s.a).srights, 0, what .. ": the send right was destroyed")
        end
        destroy(s.reply, s.a, s.b)
    end
    t.eq(info(known).srights, 2, "send rights of the known port")
end)

test("MACH_RCV_HEADER_ERROR: who calls such a task learns it by its reply right.", function(t)
    for _, timeout in ipairs{900, false} do
        local job = spawn.thread(function()
            local kr, msg = mach.rpc{remote = args.port, disp = mach.MACH_MSG_TYPE_COPY_SEND,
                                     id = 50, reply_timeout = args.timeout or nil}
            return {kr, msg.id}
        end, {port = port, timeout = timeout})
        t.eq(reported(t).kr, HEADER_ERROR | IPC_SPACE, "the child")
        t.eq({job:wait(900)}, {true, {0, mach.MACH_NOTIFY_SEND_ONCE}}, "rpc")
    end
end)

test("A right that has a name already, and one that has died, need no room.", function(t)
    local gone = allocate()
    must(mach.mach_port_insert_right(self, gone, gone, MAKE_SEND), "insert_right")
    kill(gone)
    local got = give(t, {local_port = known, local_disp = COPY_SEND, body = "text",
                         ports = {{known, MAKE_SEND}, {0, COPY_SEND}},
                         ool_ports = {{{known, 0, known}, COPY_SEND}}})
    t.eq({got.kr, got.reply, got.body, got.ports, got.arrays},
         {0, "known", "text", {{"known", PORT_SEND}, {0, PORT_SEND}},
          {{{"known", 0, "known"}, PORT_SEND}}}, "received")
    got = give(t, {local_port = gone, local_disp = COPY_SEND})
    t.eq({got.kr, got.reply}, {0, ports.NOTHING}, "a dead reply right is MACH_PORT_DEAD")
    destroy(gone)
end)

test("MACH_RCV_BODY_ERROR: a right without a name is destroyed and null, the others arrive.",
function(t)
    local s, moved = strangers(), both()
    local got = give(t, {local_port = known, local_disp = COPY_SEND, body = "text",
                         ports = {{s.a, MOVE_SEND}, {known, COPY_SEND}, {s.b, MAKE_ONCE},
                                  {moved, MOVE_RECEIVE}}, ool = {{data = "some memory"}}})
    t.eq({got.kr, got.reply, got.body, got.ool}, {BODY_ERROR | IPC_SPACE, "known", "text",
                                                  {"some memory"}}, "received")
    t.eq(got.ports, {{0, PORT_SEND}, {"known", PORT_SEND}, {0, PORT_ONCE}, {0, PORT_RECEIVE}},
         "rights")
    t.eq(info(s.a).srights, 0, "the send right was destroyed")
    dropped(t, s.b, "the send-once right was destroyed")
    t.eq(info(moved).type, mach.MACH_PORT_TYPE_DEAD_NAME, "the receive right was destroyed")
    destroy(s.reply, s.a, s.b, moved)
end)

test("MACH_RCV_BODY_ERROR: the same for each element of an array.", function(t)
    local s = strangers()
    local got = give(t, {ool_ports = {{{known, s.a, 0, known, s.a}, COPY_SEND},
                                      {{s.b, s.b}, MAKE_ONCE}}})
    t.eq({got.kr, got.arrays}, {BODY_ERROR | IPC_SPACE,
                                {{{"known", 0, 0, "known", 0}, PORT_SEND}, {{0, 0}, PORT_ONCE}}},
         "received")
    t.eq(info(s.a).srights, 1, "the copies of the send right were destroyed")
    for i = 1, 2 do dropped(t, s.b, "send-once right " .. i) end
    destroy(s.reply, s.a, s.b)
end)

test("MACH_SEND_TIMED_OUT with MACH_MSG_IPC_SPACE: what had no name comes back as null.",
function(t)
    local ONCE = mach.MACH_NOTIFY_SEND_ONCE
    t.eq(order(t, "timed_out"),
         {mach.MACH_SEND_TIMED_OUT | IPC_SPACE, true, 0, 12, "text",
          mach.MACH_MSGH_BITS(PORT_SEND, PORT_ONCE), true, {0, PORT_ONCE}, {ONCE, ONCE}, 2, 2,
          NO_SPACE}, "the message; the rights were destroyed; references; the table is full")
end)

test("MACH_SEND_INTERRUPTED with MACH_MSG_IPC_SPACE: the moved right's name was given away.",
function(t)
    t.eq(order(t, "interrupted"),
         {mach.MACH_SEND_INTERRUPTED | IPC_SPACE, true, 13, {{0, PORT_ONCE}},
          {mach.MACH_NOTIFY_SEND_ONCE}, NO_SPACE}, "the message")
end)

test("MACH_MSG_VM_SPACE: no room for memory or an array; both are destroyed, the rest arrives.",
function(t)
    order(t, "take_memory")
    local s = strangers()
    local _, before = mach.minato_host_counts(mach.mach_host_self())
    local got = give(t, {local_port = known, local_disp = COPY_SEND, body = "text",
                         ports = {{known, COPY_SEND}}, ool = {{data = ("z"):rep(3 * PAGE)}},
                         ool_ports = {{{known, s.b, s.b}, MAKE_ONCE}, {{s.a}, MOVE_SEND}}})
    t.eq({got.kr, got.reply, got.body, got.ports}, {BODY_ERROR | VM_SPACE, "known", "text",
                                                    {{"known", PORT_SEND}}}, "received")
    t.eq({got.ool, got.arrays}, {{""}, {{{}, PORT_ONCE}, {{}, PORT_SEND}}}, "memory and arrays")
    t.eq(info(s.a).srights, 0, "the send right was destroyed")
    dropped(t, known, "the array's send-once right to the known port was destroyed")
    for i = 1, 2 do dropped(t, s.b, "send-once right " .. i) end
    local _, after = mach.minato_host_counts(mach.mach_host_self())
    t.eq({after.messages_queued, after.vm_objects}, {before.messages_queued, before.vm_objects},
         "messages and memory objects in the kernel")
    destroy(s.reply, s.a, s.b)
end)

test("Names and memory short at once: the code says both.", function(t)
    local s = strangers()
    local got = give(t, {ports = {{s.a, COPY_SEND}}, ool = {{data = "some memory"}}})
    t.eq({got.kr, got.ports, got.ool}, {BODY_ERROR | IPC_SPACE | VM_SPACE, {{0, PORT_SEND}}, {""}},
         "received")
    t.eq(info(s.a).srights, 1, "the copy of the send right was destroyed")
    destroy(s.reply, s.a, s.b)
end)

test("MACH_SEND_TIMED_OUT with MACH_MSG_VM_SPACE: the copy is gone, the sender's own stays.",
function(t)
    t.eq(order(t, "memory_timed_out"), {mach.MACH_SEND_TIMED_OUT | VM_SPACE, "text",
                                        {{addr = 0, size = 0}}}, "the message")
    t.eq(order(t, "release_memory"), "contents", "what it had sent")
end)

test("With room again everything arrives.", function(t)
    order(t, "release_names")
    local s = strangers()
    local got = give(t, {local_port = s.reply, local_disp = MAKE_ONCE, ports = {{s.a, COPY_SEND}},
                         ool = {{data = "some memory"}}, ool_ports = {{{s.b, s.b}, MAKE_ONCE}}})
    local T_SEND, T_ONCE = mach.MACH_PORT_TYPE_SEND, mach.MACH_PORT_TYPE_SEND_ONCE
    t.eq({got.kr, got.reply, got.ports, got.ool, got.arrays},
         {0, T_ONCE, {{T_SEND, PORT_SEND}}, {"some memory"}, {{{T_ONCE, T_ONCE}, PORT_ONCE}}},
         "received")
    must(mach.send{remote = port, disp = COPY_SEND, id = 1, body = "end "}, "send")
    t.eq({child:wait(5000)}, {true, 0}, "the child's end")
    t.eq(info(known).srights, 1, "send rights of the known port")
    destroy(s.reply, s.a, s.b, port, home, known)
end)
