-- SPDX-License-Identifier: BSD-2-Clause
-- must(kr, what): goes on after KERN_SUCCESS; after any other code it is a Lua error that says
-- which call failed and why. For the calls that a script takes for granted: what a test is about,
-- it compares with t.eq.

return function(kr, what)
    if kr ~= 0 then error(what .. ": " .. mach.error_string(kr), 2) end
end
