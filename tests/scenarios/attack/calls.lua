-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 30
-- Calls under fire: clients of this task and of their own call servers that answer and receive in
-- one call, while this thread, by a seeded dice, aborts, suspends and ends threads and tasks and
-- changes how urgent they are. Every call has exactly one answer, its own or the news that there
-- will be none; servers get every message once and whole; nothing is left in the kernel.

local must, ports, counts = require "must", require "ports", require "counts"
local threads, sleep = require "threads", require "clock".sleep

-- Answers with the id + 100 and the same body, until a message of id 0 comes. Returns what it found
-- wrong, if anything.
local function server()
    local receive = mach.MACH_RCV_MSG | mach.MACH_RCV_TRAILER_ELEMENTS(1)
    local kr, bytes = mach.mach_msg("", receive, 0, 3000, args.port, 0, 0)
    for n = 0, math.huge do
        if kr ~= 0 then return {wrong = "receive: " .. mach.error_string(kr)} end
        local bits, size, remote, port, reserved, id, length =
            string.unpack("<I4I4I4I4I4i4I4", bytes .. "\0\0\0\0")
        local _, _, seqno = string.unpack("<I4I4I4", bytes, size + 1)
        if id == 0 then return {} end
        if seqno ~= n or port ~= args.port or reserved ~= 0 or size ~= 28 + length or
            bits ~= mach.MACH_MSGH_BITS(mach.MACH_MSG_TYPE_PORT_SEND_ONCE,
                                        mach.MACH_MSG_TYPE_PORT_SEND) or
            bytes:sub(29, size) ~= string.rep(string.char(33 + id % 90), length) then
            return {wrong = ("message %d: seqno %d, size %d, bits %x, port %x, id %d"):format(n,
                    seqno, size, bits, port, id)}
        end
        local answer = string.pack("<I4I4I4I4I4i4I4", mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, 0,
                                   remote, 0, 0, id + 100, length) .. bytes:sub(29, size)
        kr, bytes = mach.mach_msg(answer, mach.MACH_SEND_MSG | receive, #answer, 3000, args.port,
                                  0, 0)
        if kr == mach.MACH_SEND_INVALID_DEST then -- the client has ended
            mach.mach_port_deallocate(mach.mach_task_self(), remote)
            kr, bytes = mach.mach_msg("", receive, 0, 3000, args.port, 0, 0)
        end
    end
end

-- Makes `calls` calls to the servers in turn. Returns what it found wrong, and what came of them.
local function client()
    local self, reply = mach.mach_task_self(), mach.mach_reply_port()
    local found, answers, dice = {answered = 0, lost = 0, dead = 0}, 0, args.seed
    local bits = mach.MACH_MSGH_BITS(mach.MACH_MSG_TYPE_COPY_SEND,
                                     mach.MACH_MSG_TYPE_MAKE_SEND_ONCE)
    local option = mach.MACH_SEND_MSG | mach.MACH_RCV_MSG | mach.MACH_RCV_TRAILER_ELEMENTS(1)
    for i = 1, args.calls do
        dice = (dice * 1103515245 + 12345) & 0x7fffffff
        local port, id = args[1 + (dice >> 16) % 3], 1 + i
        local length = (dice >> 12) % 8 == 0 and 2500 or (dice >> 8) % 32 * 4
        local filler = string.rep(string.char(33 + id % 90), length)
        local bytes = string.pack("<I4I4I4I4I4i4I4", bits, 0, port, reply, 0, id, length) .. filler
        local kr, got = mach.mach_msg(bytes, option, #bytes, 3000, reply, 0, 0)
        if kr == mach.MACH_SEND_INVALID_DEST then
            found.dead = found.dead + 1
        elseif kr ~= 0 then
            found.wrong = ("call %d: %s"):format(i, mach.error_string(kr))
            break
        else
            local _, size, remote, here, _, answer = string.unpack("<I4I4I4I4I4i4", got)
            local _, _, seqno = string.unpack("<I4I4I4", got, size + 1)
            if answer == mach.MACH_NOTIFY_SEND_ONCE and size == 24 then
                found.lost = found.lost + 1
            elseif answer == id + 100 and got:sub(29, size) == filler then
                found.answered = found.answered + 1
            else
                found.wrong = ("call %d: answer %d of %d bytes"):format(i, answer, size)
                break
            end
            if seqno ~= answers or here ~= reply or remote ~= 0 then
                found.wrong = ("call %d: seqno %d, port %x, %x"):format(i, seqno, here, remote)
                break
            end
            answers = answers + 1
        end
    end
    local _, info = mach.minato_port_info(self, reply)
    if not found.wrong and (info.sorights ~= 0 or info.queue_length ~= 0) then
        found.wrong = ("%d reply rights are left"):format(info.sorights)
    end
    mach.mach_port_destroy(self, reply)
    return found
end

local function start(where, code, values, servers)
    local job
    if where == "thread" then
        for key, name in pairs(servers) do values[key] = name end
        job = spawn.thread(code, values)
    else
        job = spawn.task(code, values, servers)
    end
    return {job = job, where = where}
end

-- The threads of a job, with a right to each that is to be given up.
local function threads_of(j)
    if j.where == "thread" then return {j.job.thread}, false end
    local kr, list = mach.task_threads(j.job.task)
    return kr == 0 and list or {}, true
end

local function under_fire(t, seed, victims)
    local dice = seed
    local function roll(n)
        dice = (dice * 1103515245 + 12345) & 0x7fffffff
        return (dice >> 8) % n
    end
    local servers, serving, calling = {}, {}, {}
    for i = 1, 3 do
        servers[i] = ports.both()
        local port = {port = {servers[i], mach.MACH_MSG_TYPE_MOVE_RECEIVE}}
        serving[i] = start("task", server, {}, port)
    end
    for i = 1, 5 do
        calling[i] = start(i < 3 and "thread" or "task", client, {calls = 100, seed = seed + i},
                           {table.unpack(servers)})
    end
    local function strike(j)
        local list, mine = threads_of(j)
        for _, thread in ipairs(list) do
            local how = roll(4)
            if how == 0 then
                mach.thread_abort(thread)
            elseif how == 1 then
                mach.thread_suspend(thread)
                if roll(2) == 0 then mach.thread_abort(thread) end
                sleep(roll(2))
                mach.thread_resume(thread)
            elseif how == 2 then
                mach.thread_policy(thread, mach.POLICY_TIMESHARE, {base_priority = 60 + roll(8)},
                                   false)
            elseif j.where == "task" then
                mach.task_suspend(j.job.task)
                sleep(roll(2))
                mach.task_resume(j.job.task)
            end
            if mine then ports.deallocate(thread) end
        end
    end
    for i = 1, 50 do
        strike(roll(2) == 0 and serving[1 + roll(3)] or calling[1 + roll(5)])
        if victims[i] then
            local kind, n = table.unpack(victims[i])
            local victim = (kind == "server" and serving or calling)[n]
            must(mach.task_terminate(victim.job.task), "task_terminate")
            victim.ended = true
        end
    end
    local sum = {answered = 0, lost = 0, dead = 0}
    for i, j in ipairs(calling) do
        local ok, found = j.job:wait(5000)
        if not j.ended then
            t.eq({ok, ok and found.wrong or nil}, {true}, "client " .. i)
        end
        for key in pairs(sum) do sum[key] = sum[key] + (ok and found[key] or 0) end
    end
    for i, j in ipairs(serving) do
        mach.send{remote = servers[i], disp = mach.MACH_MSG_TYPE_COPY_SEND, id = 0, timeout = 100}
        local ok, found = j.job:wait(1000)
        if not j.ended then t.eq({ok, ok and found.wrong or nil}, {true}, "server " .. i) end
        ports.deallocate(servers[i])
    end
    return sum
end

local base = tonumber(os.getenv "minato.seed") or 0 -- SEED=n: other seeds

for seed = base + 1, base + 3 do
    test(("Every call has its answer, whoever is aborted, suspended or hurried (%d)."):format(seed),
    function(t)
        local before = counts.objects()
        local sum = under_fire(t, seed, {})
        t.eq(sum, {answered = 500, lost = 0, dead = 0})
        sleep(20) -- who has answered has yet to end
        t.eq(counts.objects(), before, "what the kernel has")
    end)
    test(("Whoever has ended, its clients are told, and the others go on (%d)."):format(seed),
    function(t)
        local before = counts.objects()
        local sum = under_fire(t, seed + 10, {[10] = {"client", 3}, [20] = {"server", 2},
                                              [30] = {"client", 5}, [40] = {"server", 3}})
        t.ok(sum.answered > 50 and sum.dead > 0, ("answered %d, dead %d, lost %d"):format(
             sum.answered, sum.dead, sum.lost))
        sleep(20)
        t.eq(counts.objects(), before, "what the kernel has")
    end)
end
