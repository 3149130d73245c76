-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 60
-- A send and receive in one call goes a short way through the kernel when it can, and another when
-- its options say something unusual, as a time limit for the send does. The same seeded walk of
-- calls, good and bad, is made both ways: codes, headers, trailers, what servers saw, and every
-- count of every port must come out alike. Some calls carry port rights, which come back.

local must, ports, counts = require "must", require "ports", require "counts"
local sleep = require "clock".sleep

local self = mach.mach_task_self()
local MAKE_SEND, COPY_SEND, MOVE_SEND = mach.MACH_MSG_TYPE_MAKE_SEND,
    mach.MACH_MSG_TYPE_COPY_SEND, mach.MACH_MSG_TYPE_MOVE_SEND
local MAKE_ONCE, MOVE_ONCE = mach.MACH_MSG_TYPE_MAKE_SEND_ONCE, mach.MACH_MSG_TYPE_MOVE_SEND_ONCE
local MOVE_RECEIVE, SET = mach.MACH_MSG_TYPE_MOVE_RECEIVE, mach.MACH_PORT_RIGHT_PORT_SET
local LIMIT = 1000 -- ms

-- The port rights in a complex message: a list of {name, disposition}. (Also told to the server.)
local function rights_in(bytes)
    local list = {}
    if string.unpack("<I4", bytes) & 0x80000000 ~= 0 then
        for i = 1, (string.unpack("<I4", bytes, 25)) do
            local name, _, _, disposition = string.unpack("<I4I4I2B", bytes, 29 + 12 * (i - 1))
            list[i] = {name, disposition}
        end
    end
    return list
end

-- Answers with the id + 100 and the body, and receives, in one call, until a message of id 0 comes.
-- Rights in the body go back as they came. Returns what it saw.
local function server()
    local rights_in = load(args.rights_in, "rights_in", "b")
    local receive = mach.MACH_RCV_MSG | mach.MACH_RCV_TRAILER_ELEMENTS(args.elements)
    local kr, bytes = mach.mach_msg("", receive, 0, args.room, args.port, 0, 0)
    local saw, answered, rights = {}, nil, {}
    local function keep_none()
        for _, right in ipairs(rights) do
            mach.mach_port_deallocate(mach.mach_task_self(), right[1])
        end
        rights = {}
    end
    while #saw < 1000 do
        local answer = ""
        if kr == 0 then
            local bits, size, remote, _, reserved, id = string.unpack("<I4I4I4I4I4i4", bytes)
            local words = ("I4"):rep((#bytes - size) // 4)
            local trailer = {string.unpack("<" .. words, bytes, size + 1)}
            saw[#saw + 1] = ("%x %d %d %d / %s"):format(bits, size, reserved, id,
                                                        table.concat(trailer, " ", 1, #trailer - 1))
            rights = rights_in(bytes)
            for _, right in ipairs(rights) do
                local _, type = mach.mach_port_type(mach.mach_task_self(), right[1])
                saw[#saw] = saw[#saw] .. (" %d:%x"):format(right[2], type or 0)
            end
            if id == 0 then return saw end
            answered = remote
            if remote ~= 0 and remote ~= mach.MACH_PORT_DEAD then
                local kind = bits & 0x800000ff -- moved as it came
                answer = string.pack("<I4I4I4I4I4i4", kind, 0, remote, 0, 0, id + 100) ..
                         bytes:sub(25, size)
            else
                keep_none()
            end
        else
            saw[#saw + 1] = mach.error_string(kr)
            if kr == mach.MACH_SEND_INVALID_DEST then
                mach.mach_port_deallocate(mach.mach_task_self(), answered)
                keep_none()
            end
        end
        kr, bytes = mach.mach_msg(answer, receive | (answer ~= "" and
                                  mach.MACH_SEND_MSG | args.option or 0), #answer, args.room,
                                  args.port, 1000, 0)
    end
end

-- Sends something to every port in vain waited on: `args` are the names that are waited on, each
-- followed by the one to send to.
local function waker()
    local same = {}
    while true do
        mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 0, tv_nsec = 4000000})
        for i = 1, #args, 2 do
            local kr, info = mach.minato_port_info(mach.mach_task_self(), args[i])
            if kr ~= 0 then return end
            same[i] = info.waiters > 0 and (same[i] or 0) + 1 or 0
            if same[i] == 5 then
                same[i] = 0
                mach.send{remote = args[i + 1], disp = mach.MACH_MSG_TYPE_MAKE_SEND, id = 999,
                          timeout = 0}
            end
        end
    end
end

local function walk(seed, option)
    local dice = seed
    local function roll(n)
        dice = (dice * 1103515245 + 12345) & 0x7fffffff
        return (dice >> 8) % n
    end
    local function pick(list) return list[1 + roll(#list)] end

    local plain, one, other, far = ports.both(200), ports.both(200), ports.both(200),
        ports.both(200)
    local reply, member, second, dead = ports.both(200), ports.both(200), ports.both(200),
        ports.both(200)
    local set, mine = ports.allocate(SET), ports.allocate(SET)
    for name, where in pairs{[one] = set, [other] = set, [member] = mine} do
        must(mach.mach_port_insert_member(self, name, where), "insert_member")
    end
    ports.kill(dead)
    local jobs = {}
    local function serve(port, elements, room, waiters)
        jobs[#jobs + 1] = spawn.thread(server, {port = port, elements = elements, room = room,
                                                option = option,
                                                rights_in = string.dump(rights_in)})
        ports.wait_until(port, "waiters", waiters)
    end
    serve(plain, 1, 400, 1)
    serve(set, 2, 100, 1)
    serve(set, 0, 300, 2)
    jobs[4] = spawn.task(server, {elements = 1, room = 300, option = option,
                                  rights_in = string.dump(rights_in)}, {port = {far, MOVE_RECEIVE}})
    ports.wait_until(far, "waiters", 1)
    jobs[5] = spawn.thread(waker, {reply, reply, second, second, mine, member})
    local all = {plain, one, other, far, reply, member, second, dead}
    -- Gives up a reply right that has come, or what has become of it.
    local function release(name)
        for _, known in ipairs(all) do if known == name then return end end
        mach.mach_port_destroy(self, name)
    end
    -- Gives up what came in the body, and says what it was.
    local function release_rights(bytes)
        local what = ""
        for _, right in ipairs(rights_in(bytes)) do
            local _, type = mach.mach_port_type(self, right[1])
            what = what .. (" %d:%x"):format(right[2], type or 0)
            mach.mach_port_deallocate(self, right[1])
        end
        return what
    end
    local sent = {} -- send-once rights
    -- A body with `n` rights, some of them bad.
    local function body_with(n)
        local list = {}
        for i = 1, n do
            local name, how = pick{plain, one, other, reply, second, plain, one, second, dead, 0, set},
                pick{COPY_SEND, MAKE_SEND, MAKE_ONCE, MOVE_SEND, COPY_SEND, MAKE_SEND, MOVE_ONCE}
            if roll(12) == 0 then name, how = far, COPY_SEND end
            if how == MOVE_ONCE and roll(3) > 0 then
                name = ports.once(pick{plain, one, second})
                sent[#sent + 1] = name
            end
            list[i] = string.pack("<I4I4I2BB", name or 0, 0, 0, how, roll(40) == 0 and 3 or 0)
        end
        return string.pack("<I4", n) .. table.concat(list)
    end
    local log = {}
    for i = 1, 150 do
        local once
        local dest, how = pick{plain, plain, one, other, far, far, 1, 1, dead, self, reply, set, 0},
            pick{COPY_SEND, COPY_SEND, COPY_SEND, COPY_SEND, MAKE_SEND, MAKE_SEND, MOVE_SEND,
                 MOVE_ONCE, MAKE_ONCE, MOVE_RECEIVE, 0}
        if dest == 1 then
            once = ports.once(pick{plain, one, other})
            dest, how = once, pick{MOVE_ONCE, MOVE_ONCE, MOVE_ONCE, COPY_SEND}
        elseif dest == self then
            how = COPY_SEND
        end
        local back, made = pick{reply, reply, member, second, 0, dead, plain, far},
            pick{MAKE_ONCE, MAKE_ONCE, MAKE_ONCE, MAKE_ONCE, MAKE_SEND, COPY_SEND, 0, MOVE_SEND}
        local from = pick{back, back, back, mine, second, far, 0}
        if from == plain then from = reply end
        if back == 0 then made = pick{0, made} end
        for _, name in ipairs{plain, one, other, reply, second} do
            must(mach.mach_port_insert_right(self, name, name, MAKE_SEND), "insert_right")
        end
        local n = pick{0, 0, 0, 0, 1, 1, 2, 3, 4, 5}
        local bytes = string.pack("<I4I4I4I4I4i4", mach.MACH_MSGH_BITS(how, made) |
                                  (n > 0 and 0x80000000 or 0) |
                                  pick{0, 0, 0, 0, 0, 0, 0x10000, 0x40000000}, 0, dest, back, 7, i)
            .. (n > 0 and body_with(n) or "") .. ("x"):rep(pick{0, 4, 8, 40, 60, 80, 200, 300, 500, 5})
        local kr, got = mach.mach_msg(bytes, mach.MACH_SEND_MSG | mach.MACH_RCV_MSG | option |
                                      mach.MACH_RCV_TRAILER_ELEMENTS(pick{0, 1, 1, 2, 3}), #bytes,
                                      pick{1000, 1000, 1000, 60, 30, 24, 0}, from, LIMIT, 0)
        local line = {i, kr}
        if kr == 0 then
            local bits, size, remote, _, reserved, id = string.unpack("<I4I4I4I4I4i4", got)
            release(remote)
            table.move({bits, size, reserved, id, #got, got:byte(size + 9), release_rights(got)}, 1,
                       7, 3, line)
        end
        sleep(6)
        if once then release(once) end
        for k, name in ipairs(sent) do
            release(name)
            sent[k] = nil
        end
        for _, name in ipairs(all) do
            local port = ports.info(name)
            line[#line + 1] = ("%x:%d,%d,%d,%d,%d,%d,%d"):format(port.type, port.urefs,
                port.srights, port.sorights, port.mscount, port.seqno, port.queue_length,
                port.waiters)
        end
        log[i] = table.concat(line, " ")
        for _, name in ipairs{reply, second, mine} do
            repeat
                local empty, bytes = mach.mach_msg("", mach.MACH_RCV_MSG | mach.MACH_RCV_TIMEOUT, 0,
                                                   1000, name, 0, 0)
                if empty == 0 then
                    release((string.unpack("<I4", bytes, 9)))
                    release_rights(bytes)
                end
            until empty ~= 0
        end
    end
    for _, name in ipairs{plain, one, other, far} do
        must(mach.send{remote = name, disp = COPY_SEND, id = 0, timeout = 100}, "the last message")
    end
    for i = 1, 4 do
        local ok, saw = jobs[i]:wait(900)
        log[#log + 1] = tostring(ok) .. "\n" .. (ok and table.concat(saw, "\n") or saw)
    end
    ports.destroy(reply, second, mine)
    jobs[5]:wait(900)
    ports.destroy(plain, one, other, far, member, dead, set)
    return log
end

local base = tonumber(os.getenv "minato.seed") or 0 -- SEED=n: other seeds

for seed = base + 1, base + 3 do
    test(("A walk of calls comes to the same both ways (%d)."):format(seed), function(t)
        local before = counts.objects()
        local short, long = walk(seed, 0), walk(seed, mach.MACH_SEND_TIMEOUT)
        for i = 1, math.max(#short, #long) do
            t.eq(short[i], long[i], "step " .. i)
            if short[i] ~= long[i] then break end
        end
        sleep(20)
        t.eq(counts.objects(), before, "what the kernel has")
    end)
end
