-- SPDX-License-Identifier: BSD-2-Clause
-- Time in milliseconds: to sleep, and the real-time clock.

local clock = {}

function clock.sleep(ms)
    mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = ms // 1000, tv_nsec = ms % 1000 * 1000000})
end

-- A sleep of no time tells the time, and needs no right to the clock.
function clock.now()
    local _, time = mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 0, tv_nsec = 0})
    return time.tv_sec * 1000 + time.tv_nsec / 1000000
end

return clock
