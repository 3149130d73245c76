-- SPDX-License-Identifier: BSD-2-Clause
-- What the kernel counts: the objects of one task and those of the whole machine. Fields:
-- minato_types.h.

local must = require "must"

local counts = {}

function counts.host()
    local kr, found = mach.minato_host_counts(mach.mach_host_self())
    must(kr, "minato_host_counts")
    return found
end

-- Of those only the objects that a task has made, to be compared with later.
function counts.objects()
    local c = counts.host()
    return {tasks = c.tasks, threads = c.threads, ports = c.ports, port_sets = c.port_sets,
            semaphores = c.semaphores, messages_queued = c.messages_queued}
end

-- Of this task unless another is given.
function counts.task(task)
    local kr, found = mach.minato_task_counts(task or mach.mach_task_self())
    must(kr, "minato_task_counts")
    return found
end

return counts
