-- SPDX-License-Identifier: BSD-2-Clause
-- Lock sets of this task, and threads that call one of the lock calls and answer with its code.

local must = require "must"
local clock = require "clock"

local locks = {}
local self = mach.mach_task_self()

-- A set of `n` locks, 1 unless told; FIFO unless told.
function locks.create(n, policy)
    local kr, set = mach.lock_set_create(self, n or 1, policy or mach.SYNC_POLICY_FIFO)
    must(kr, "lock_set_create")
    return set
end

-- Ends sets and gives up their names, which the destruction makes dead ones.
function locks.destroy(...)
    for _, set in ipairs{...} do
        must(mach.lock_set_destroy(self, set), "lock_set_destroy")
        must(mach.mach_port_deallocate(self, set), "deallocate")
    end
end

-- A thread that makes those lock calls on lock `id` (0 unless told) one after the other and answers with
-- their codes. It blocks somewhere, or has come to its end, when this returns.
function locks.thread(set, calls, id)
    local job = spawn.thread([[
        local codes = {}
        for i, call in ipairs(args.calls) do codes[i] = mach[call](args.set, args.id) end
        return codes
    ]], {set = set, calls = calls, id = id or 0})
    for _ = 1, 1000 do
        local kr, info = mach.thread_info(job.thread, mach.THREAD_BASIC_INFO)
        if kr ~= 0 or info.run_state == mach.TH_STATE_WAITING then return job end
        clock.sleep(1)
    end
    error("the thread neither waits nor ends", 2)
end

-- A thread that acquires the lock and ends without giving it up.
function locks.orphan(set, id)
    local job = spawn.thread("return mach.lock_acquire(args.set, args.id)", {set = set, id = id or 0})
    local ok, kr = job:wait(1000)
    if not ok then error(kr, 2) end
    return kr
end

return locks
