-- SPDX-License-Identifier: BSD-2-Clause
-- Tasks without threads, to be looked at and filled from outside. A task with a program in it is
-- spawn.task's.

local must = require "must"
local ports = require "ports"

local tasks = {}

-- An empty task, or with `inherit` one with the memory of `parent` (this task unless told).
function tasks.create(parent, inherit)
    local kr, task = mach.task_create(parent or mach.mach_task_self(), {}, inherit or false)
    must(kr, "task_create")
    return task
end

-- Ends tasks and gives up their names.
function tasks.terminate(...)
    for _, task in ipairs{...} do
        must(mach.task_terminate(task), "task_terminate")
        ports.deallocate(task)
    end
end

-- Changes limits of the task, whether up or down: names of minato_limits_t and their values.
function tasks.set_limits(task, changes)
    local host = ports.privileged_host()
    local kr, limits = mach.minato_task_get_limits(task)
    must(kr, "get_limits")
    for kind, value in pairs(changes) do limits[kind] = value end
    must(mach.minato_task_set_limits(task, host, limits), "set_limits")
    ports.deallocate(host)
end

-- Gives the task all that there is.
function tasks.lift_limits(task)
    local kr, limits = mach.minato_task_get_limits(task)
    must(kr, "get_limits")
    for kind in pairs(limits) do limits[kind] = mach.MINATO_UNLIMITED end
    tasks.set_limits(task, limits)
end

-- Runs `body(task)` with an empty task, which is ended then.
function tasks.with(body)
    local task = tasks.create()
    body(task)
    tasks.terminate(task)
end

return tasks
