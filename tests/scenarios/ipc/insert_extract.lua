-- SPDX-License-Identifier: BSD-2-Clause
-- mach_port_insert_right and mach_port_extract_right: giving rights to another task's space and
-- taking them from it, under names that the caller chooses. Contracts: mach_port.defs.

local must, ports = require "must", require "ports"
local tasks = require "tasks"
local allocate, both, once = ports.allocate, ports.both, ports.once
local destroy, space, NOTHING = ports.destroy, ports.space, ports.NOTHING
local new_task, end_task = tasks.create, tasks.terminate

local self = mach.mach_task_self()
local SEND, RECEIVE = mach.MACH_PORT_RIGHT_SEND, mach.MACH_PORT_RIGHT_RECEIVE
local SET, DEAD_NAME = mach.MACH_PORT_RIGHT_PORT_SET, mach.MACH_PORT_RIGHT_DEAD_NAME
local MAKE_SEND, COPY_SEND, MOVE_SEND = mach.MACH_MSG_TYPE_MAKE_SEND,
    mach.MACH_MSG_TYPE_COPY_SEND, mach.MACH_MSG_TYPE_MOVE_SEND
local MAKE_ONCE, MOVE_ONCE, MOVE_RECEIVE = mach.MACH_MSG_TYPE_MAKE_SEND_ONCE,
    mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, mach.MACH_MSG_TYPE_MOVE_RECEIVE
local PORT_SEND, PORT_ONCE, PORT_RECEIVE = mach.MACH_MSG_TYPE_PORT_SEND,
    mach.MACH_MSG_TYPE_PORT_SEND_ONCE, mach.MACH_MSG_TYPE_PORT_RECEIVE
local T_SEND, T_RECEIVE, T_ONCE = mach.MACH_PORT_TYPE_SEND, mach.MACH_PORT_TYPE_RECEIVE,
    mach.MACH_PORT_TYPE_SEND_ONCE
local T_BOTH, T_DEAD = mach.MACH_PORT_TYPE_SEND_RECEIVE, mach.MACH_PORT_TYPE_DEAD_NAME

-- What `name` denotes in `task`: type and user references, send and send-once rights of the port.
local function state(task, name) return ports.state_in(task, name, "srights", "sorights") end

test("A new task has an empty space.", function(t)
    local task = new_task()
    local kr, names = mach.mach_port_names(task)
    t.eq({kr, names}, {0, {}}, "names")
    end_task(task)
end)

test("Each disposition inserts its right under the chosen name.", function(t)
    local task, port = new_task(), both(3)
    t.eq(mach.mach_port_insert_right(task, 0x1001, port, MAKE_SEND), 0, "MAKE_SEND")
    t.eq(state(task, 0x1001), {T_SEND, 1, 2, 0}, "a send right")
    t.eq(mach.mach_port_insert_right(task, 0x1001, port, COPY_SEND), 0, "COPY_SEND")
    t.eq(state(task, 0x1001), {T_SEND, 2, 2, 0}, "another reference")
    t.eq(mach.mach_port_insert_right(task, 0x1001, port, MOVE_SEND), 0, "MOVE_SEND")
    t.eq(state(task, 0x1001), {T_SEND, 3, 2, 0}, "and another")
    t.eq(state(self, port), {T_BOTH, 2, 2, 0}, "one less here")
    t.eq(mach.mach_port_insert_right(task, 0x1002, port, MAKE_ONCE), 0, "MAKE_SEND_ONCE")
    t.eq(state(task, 0x1002), {T_ONCE, 1, 2, 1}, "a send-once right")
    local right = once(port)
    t.eq(mach.mach_port_insert_right(task, 0x1003, right, MOVE_ONCE), 0, "MOVE_SEND_ONCE")
    t.eq({state(task, 0x1003), state(self, right)}, {{T_ONCE, 1, 2, 2}, NOTHING}, "another one")
    t.eq(mach.mach_port_insert_right(task, 0x1001, port, MOVE_RECEIVE), 0, "MOVE_RECEIVE")
    t.eq({state(task, 0x1001), state(self, port)}, {{T_BOTH, 3, 2, 2}, {T_SEND, 2, 2, 2}},
         "the receive right joins")
    t.eq(#select(2, mach.mach_port_names(task)), 3, "names")
    end_task(task)
    t.eq(state(self, port), {T_DEAD, 2, 0, 0}, "the port died with the task")
    destroy(port)
end)

test("A receive right can be inserted where there is none of its port.", function(t)
    local task, port = new_task(), allocate(RECEIVE)
    must(mach.send{remote = port, disp = MAKE_SEND, id = 4}, "send")
    t.eq(mach.mach_port_insert_right(task, 0x2000, port, MOVE_RECEIVE), 0, "insert_right")
    t.eq({state(task, 0x2000), state(self, port)}, {{T_RECEIVE, 0, 1, 0}, NOTHING}, "moved")
    local kr, back, disp = mach.mach_port_extract_right(task, 0x2000, MOVE_RECEIVE)
    t.eq({kr, disp}, {0, PORT_RECEIVE}, "extract_right")
    local got, msg = mach.receive{port = back, timeout = 0}
    t.eq({got, msg.id, msg.seqno}, {0, 4, 0}, "with its queue")
    destroy(back)
    end_task(task)
end)

test("KERN_NAME_EXISTS: the name denotes something else; nothing changes.", function(t)
    local task, port, other = new_task(), both(1), both(1)
    must(mach.mach_port_insert_right(task, 0x100, other, COPY_SEND), "insert_right")
    must(mach.mach_port_insert_right(task, 0x200, other, MAKE_ONCE), "insert_right")
    must(mach.mach_port_allocate_name(task, DEAD_NAME, 0x300), "allocate_name")
    must(mach.mach_port_allocate_name(task, SET, 0x400), "allocate_name")
    must(mach.mach_port_allocate_name(task, RECEIVE, 0x500), "allocate_name")
    local theirs, ours = space(task), space(self)
    for _, name in ipairs{0x100, 0x200, 0x300, 0x400, 0x500} do
        for _, disposition in ipairs{MAKE_SEND, COPY_SEND, MAKE_ONCE} do
            t.eq(mach.mach_port_insert_right(task, name, port, disposition), mach.KERN_NAME_EXISTS,
                 ("name %#x, disposition %d"):format(name, disposition))
            mach.receive{port = port, timeout = 0} -- the notification of a send-once right
        end
    end
    t.eq({space(task), space(self)}, {theirs, ours}, "names of both tasks")
    t.eq(mach.mach_port_insert_right(task, 0x100, other, MAKE_ONCE), mach.KERN_NAME_EXISTS,
         "a send-once right does not join the send right of its own port")
    end_task(task)
    destroy(port, other)
end)

test("KERN_RIGHT_EXISTS: the task has a right to the port under another name.", function(t)
    local task, port = new_task(), both(1)
    must(mach.mach_port_insert_right(task, 0x100, port, COPY_SEND), "insert_right")
    local theirs, ours = space(task), space(self)
    for _, disposition in ipairs{MAKE_SEND, COPY_SEND} do
        t.eq(mach.mach_port_insert_right(task, 0x200, port, disposition), mach.KERN_RIGHT_EXISTS,
             "disposition " .. disposition)
    end
    t.eq({space(task), space(self)}, {theirs, ours}, "names of both tasks")
    t.eq(mach.mach_port_insert_right(task, 0x200, port, MAKE_ONCE), 0, "a send-once right may")
    t.eq(mach.mach_port_insert_right(self, 0x70000001, port, COPY_SEND), mach.KERN_RIGHT_EXISTS,
         "in one's own space")
    end_task(task)
    destroy(port)
end)

test("KERN_INVALID_CAPABILITY: null and dead rights cannot be inserted.", function(t)
    local task, dead = new_task(), allocate(DEAD_NAME)
    for _, disposition in ipairs{MAKE_SEND, COPY_SEND, MOVE_SEND, MAKE_ONCE, MOVE_ONCE,
                                 MOVE_RECEIVE} do
        for _, name in ipairs{0, 0xffffffff} do
            t.eq(mach.mach_port_insert_right(task, 0x100, name, disposition),
                 mach.KERN_INVALID_CAPABILITY, ("%#x, disposition %d"):format(name, disposition))
        end
    end
    t.eq(mach.mach_port_insert_right(task, 0x100, dead, COPY_SEND), mach.KERN_INVALID_CAPABILITY,
         "a dead name")
    t.eq({space(task), state(self, dead)}, {{}, {T_DEAD, 1, 0, 0}}, "nothing changed")
    end_task(task)
    destroy(dead)
end)

test("KERN_UREFS_OVERFLOW: no more references than MACH_PORT_UREFS_MAX.", function(t)
    local task, port = new_task(), both(1)
    must(mach.mach_port_insert_right(task, 0x100, port, COPY_SEND), "insert_right")
    must(mach.mach_port_mod_refs(task, 0x100, SEND, mach.MACH_PORT_UREFS_MAX - 2), "mod_refs")
    t.eq(mach.mach_port_insert_right(task, 0x100, port, COPY_SEND), 0, "up to the maximum")
    t.eq(mach.mach_port_insert_right(task, 0x100, port, COPY_SEND), mach.KERN_UREFS_OVERFLOW,
         "one more")
    t.eq(state(task, 0x100), {T_SEND, mach.MACH_PORT_UREFS_MAX, 2, 0}, "the right")
    end_task(task)
    destroy(port)
end)

test("MACH_SEND_INVALID_RIGHT: the caller has no such right; neither space changes.", function(t)
    local task, port, set, stale = new_task(), allocate(RECEIVE), allocate(SET), allocate(DEAD_NAME)
    local right = once(port)
    destroy(stale)
    local ours = space(self)
    for _, case in ipairs{{port, COPY_SEND}, {port, MOVE_SEND}, {port, MOVE_ONCE},
                          {right, MAKE_SEND}, {right, MOVE_SEND}, {right, MAKE_ONCE},
                          {right, MOVE_RECEIVE}, {set, COPY_SEND}, {set, MOVE_RECEIVE},
                          {stale, COPY_SEND}, {stale, MAKE_SEND}, {stale, MOVE_ONCE}} do
        t.eq(mach.mach_port_insert_right(task, 0x100, case[1], case[2]),
             mach.MACH_SEND_INVALID_RIGHT, ("%#x, disposition %d"):format(case[1], case[2]))
    end
    t.eq({space(task), space(self)}, {{}, ours}, "names of both tasks")
    end_task(task)
    destroy(right, port, set)
end)

test("Each disposition extracts what it would send, and says what arrived.", function(t)
    local task, carrier = new_task(), allocate(RECEIVE)
    must(mach.mach_port_allocate_name(task, RECEIVE, 0x100), "allocate_name")
    local function extract(name, how, want)
        local kr, right, disp = mach.mach_port_extract_right(task, name, how)
        t.eq({kr, disp}, {0, want}, "disposition " .. how)
        return right
    end
    local right = extract(0x100, MAKE_SEND, PORT_SEND)
    t.eq({state(self, right), state(task, 0x100)}, {{T_SEND, 1, 1, 0}, {T_RECEIVE, 0, 1, 0}},
         "made")
    must(mach.mach_port_insert_right(task, 0x100, right, COPY_SEND), "insert_right")
    must(mach.mach_port_mod_refs(task, 0x100, SEND, 1), "mod_refs")
    t.eq(extract(0x100, COPY_SEND, PORT_SEND), right, "the same name again")
    t.eq({state(self, right), state(task, 0x100)}, {{T_SEND, 2, 2, 0}, {T_BOTH, 2, 2, 0}}, "copied")
    extract(0x100, MOVE_SEND, PORT_SEND)
    t.eq({state(self, right), state(task, 0x100)}, {{T_SEND, 3, 2, 0}, {T_BOTH, 1, 2, 0}}, "moved")
    extract(0x100, MOVE_SEND, PORT_SEND)
    t.eq({state(self, right), state(task, 0x100)}, {{T_SEND, 4, 1, 0}, {T_RECEIVE, 0, 1, 0}},
         "the last reference moved")
    local single = extract(0x100, MAKE_ONCE, PORT_ONCE)
    t.eq({single ~= right, state(self, single)}, {true, {T_ONCE, 1, 1, 1}}, "a send-once right")
    must(mach.mach_port_insert_right(task, 0x200, single, MOVE_ONCE), "insert_right")
    single = extract(0x200, MOVE_ONCE, PORT_ONCE)
    t.eq({state(task, 0x200), state(self, single)}, {NOTHING, {T_ONCE, 1, 1, 1}}, "moved")
    t.eq(extract(0x100, MOVE_RECEIVE, PORT_RECEIVE), right, "it joins the send right")
    t.eq({state(task, 0x100), state(self, right)}, {NOTHING, {T_BOTH, 4, 1, 1}}, "moved")
    destroy(single, right, carrier)
    end_task(task)
end)

test("KERN_INVALID_RIGHT: the name denotes no right that can be sent so; nothing changes.",
function(t)
    local task, port = new_task(), both(1)
    must(mach.mach_port_allocate_name(task, RECEIVE, 0x100), "allocate_name")
    must(mach.mach_port_insert_right(task, 0x200, port, COPY_SEND), "insert_right")
    must(mach.mach_port_insert_right(task, 0x300, port, MAKE_ONCE), "insert_right")
    must(mach.mach_port_allocate_name(task, SET, 0x400), "allocate_name")
    must(mach.mach_port_allocate_name(task, DEAD_NAME, 0x500), "allocate_name")
    local fits = {[0x100] = {[MAKE_SEND] = 1, [MAKE_ONCE] = 1, [MOVE_RECEIVE] = 1},
                  [0x200] = {[COPY_SEND] = 1, [MOVE_SEND] = 1}, [0x300] = {[MOVE_ONCE] = 1},
                  [0x400] = {}, [0x500] = {[COPY_SEND] = 1, [MOVE_SEND] = 1, [MOVE_ONCE] = 1}}
    local theirs, ours = space(task), space(self)
    for name, good in pairs(fits) do
        for disposition = MOVE_RECEIVE, MAKE_ONCE do
            if not good[disposition] then
                t.eq(mach.mach_port_extract_right(task, name, disposition), mach.KERN_INVALID_RIGHT,
                     ("name %#x, disposition %d"):format(name, disposition))
            end
        end
    end
    t.eq({space(task), space(self)}, {theirs, ours}, "names of both tasks")
    end_task(task)
    destroy(port)
end)

test("KERN_INVALID_VALUE: extract_right knows the six dispositions only.", function(t)
    local port = both(1)
    for _, disposition in ipairs{0, 1, 15, 22, 23, 255, 256, 0xffffffff} do
        t.eq(mach.mach_port_extract_right(self, port, disposition), mach.KERN_INVALID_VALUE,
             "disposition " .. disposition)
    end
    t.eq(state(self, port), {T_BOTH, 1, 1, 0}, "the right")
    destroy(port)
end)

test("A dead name extracted arrives as MACH_PORT_DEAD and loses what its sending would.",
function(t)
    local task = new_task()
    must(mach.mach_port_allocate_name(task, DEAD_NAME, 0x100), "allocate_name")
    must(mach.mach_port_mod_refs(task, 0x100, DEAD_NAME, 2), "mod_refs")
    for _, case in ipairs{{COPY_SEND, 3}, {MOVE_SEND, 2}, {MOVE_ONCE, 1}} do
        local kr, right = mach.mach_port_extract_right(task, 0x100, case[1])
        t.eq({kr, right}, {0, 0xffffffff}, "disposition " .. case[1])
        t.eq(state(task, 0x100), {T_DEAD, case[2], 0, 0}, "references")
    end
    end_task(task)
end)

test("Rights put into a running task are there for it to use.", function(t)
    local port = both(1)
    local job = spawn.task(function()
        for _ = 1, 500 do -- until the parent has put the right there
            if mach.send{remote = 0x7000, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = 6} == 0 then
                return "sent"
            end
            mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 0, tv_nsec = 1000000})
        end
    end)
    t.eq(mach.mach_port_insert_right(job.task, 0x7000, port, COPY_SEND), 0, "insert_right")
    local kr, msg = mach.receive{port = port, timeout = 900}
    t.eq({kr, msg.id}, {0, 6}, "message")
    t.eq({job:wait(900)}, {true, "sent"}, "the child")
    destroy(port)
end)

test("A task that has ended takes and gives nothing: MACH_SEND_INVALID_DEST.", function(t)
    local task, port = new_task(), both(1)
    must(mach.mach_port_insert_right(task, 0x100, port, COPY_SEND), "insert_right")
    must(mach.task_terminate(task), "task_terminate")
    t.eq(mach.mach_port_insert_right(task, 0x200, port, COPY_SEND), mach.MACH_SEND_INVALID_DEST,
         "insert_right")
    t.eq(mach.mach_port_extract_right(task, 0x100, COPY_SEND), mach.MACH_SEND_INVALID_DEST,
         "extract_right")
    t.eq(mach.mach_port_allocate(task, RECEIVE), mach.MACH_SEND_INVALID_DEST, "allocate")
    t.eq(mach.mach_port_names(task), mach.MACH_SEND_INVALID_DEST, "names")
    t.eq(state(self, port), {T_BOTH, 1, 1, 0}, "the right here; the task's is gone")
    destroy(task, port)
end)

test("All of the port calls work on another task's space.", function(t)
    local task = new_task()
    local port, set = allocate(RECEIVE, task), allocate(SET, task)
    t.eq(mach.mach_port_insert_member(task, port, set), 0, "insert_member")
    local kr, members = mach.mach_port_get_set_status(task, set)
    t.eq({kr, members}, {0, {port}}, "get_set_status")
    t.eq(mach.mach_port_rename(task, port, 0x4242), 0, "rename")
    t.eq(mach.mach_port_set_attributes(task, 0x4242, mach.MACH_PORT_LIMITS_INFO,
                                       {mpl_qlimit = 9}), 0, "set_attributes")
    local _, status = mach.mach_port_get_attributes(task, 0x4242, mach.MACH_PORT_RECEIVE_STATUS)
    t.eq({status.mps_qlimit, status.mps_pset}, {9, set}, "get_attributes")
    t.eq(mach.mach_port_mod_refs(task, 0x4242, RECEIVE, -1), 0, "mod_refs")
    t.eq(mach.mach_port_destroy(task, set), 0, "destroy")
    t.eq(space(task), {}, "names")
    end_task(task)
end)
