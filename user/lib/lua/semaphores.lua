-- SPDX-License-Identifier: BSD-2-Clause
-- Semaphores of this task: making them, giving them up, counting them down.

local must = require "must"

local semaphores = {}
local self = mach.mach_task_self()

-- FIFO and 0 unless told.
function semaphores.create(policy, value)
    local kr, semaphore = mach.semaphore_create(self, policy or mach.SYNC_POLICY_FIFO, value or 0)
    must(kr, "semaphore_create")
    return semaphore
end

-- Ends semaphores and gives up their names, which the destruction makes dead ones.
function semaphores.destroy(...)
    for _, semaphore in ipairs{...} do
        must(mach.semaphore_destroy(self, semaphore), "semaphore_destroy")
        must(mach.mach_port_deallocate(self, semaphore), "deallocate")
    end
end

-- How many can be taken without waiting, up to `most`. Takes them.
function semaphores.drain(semaphore, most)
    local n, at_once = 0, {tv_sec = 0, tv_nsec = 0}
    while n < (most or 100) and mach.semaphore_timedwait(semaphore, at_once) == 0 do n = n + 1 end
    return n
end

return semaphores
