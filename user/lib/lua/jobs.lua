-- SPDX-License-Identifier: BSD-2-Clause
-- What spawn.task and spawn.thread start, in a test: the answers.

local jobs = {}

-- The answer of one; {} and a failure of the test if it has died or gives none within 8 seconds.
function jobs.answer(t, job, what)
    local ok, got = job:wait(8000)
    t.ok(ok, ("%s: %s"):format(what or "the thread's end", tostring(got)))
    if not ok then return {} end
    return got
end

-- The answers of a list of them, in its order.
function jobs.answers(t, list, what)
    local answers = {}
    for i, job in ipairs(list) do answers[i] = jobs.answer(t, job, ("%s %d"):format(what, i)) end
    return answers
end

return jobs
