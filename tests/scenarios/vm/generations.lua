-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 30
-- Copy-on-write that goes on for long: generations of tasks, copies of copies, in any order. What
-- they cost in memory and in time must not grow. Design: docs/vm.md.

local must, tasks = require "must", require "tasks"
local memory, host_counts = require "memory", require "counts".host
local new_task, end_task = tasks.create, tasks.terminate

local PAGE, BASE = 4096, 0x200000

-- The real-time clock in microseconds.
local function now()
    local _, time = mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 0, tv_nsec = 0})
    return time.tv_sec * 1000000 + time.tv_nsec // 1000
end

-- The word at the beginning of a page of a task.
local function read(task, page) return memory.word(BASE + page * PAGE, task) end
local function write(task, page, n)
    memory.write(BASE + page * PAGE, string.pack("<I4", n), task)
end

-- A task with `n` pages at BASE, each with its number in it.
local function task_with_pages(n)
    local task = new_task()
    must((mach.vm_allocate(task, BASE, n * PAGE, false)), "vm_allocate")
    for i = 0, n - 1 do write(task, i, i) end
    return task
end


-- What must not grow, after - before, with a little play for caches and this script's own heap.
local function not_grown(t, before, after)
    t.eq({after.tasks, after.ports, after.vm_objects, after.map_entries},
         {before.tasks, before.ports, before.vm_objects, before.map_entries},
         "tasks, ports, objects, entries")
    t.ok(after.pages_used - before.pages_used <= 24,
         ("pages: %d, before %d"):format(after.pages_used, before.pages_used))
    t.ok(after.kernel_heap - before.kernel_heap <= 8192,
         ("heap: %d, before %d"):format(after.kernel_heap, before.kernel_heap))
end

test("1000 generations, each ending its parent, cost no memory and do not become slower.",
function(t)
    local pages = 40
    local task, before, times = task_with_pages(pages), nil, {}
    for generation = 1, 1000 do
        if generation == 100 then before = host_counts() end
        local start = now()
        local child = new_task(task, true)
        write(child, generation % pages, 1000000 + generation)
        end_task(task)
        times[generation] = now() - start
        task = child
    end
    not_grown(t, before, host_counts())
    local function median(first, last)
        local part = table.move(times, first, last, 1, {})
        table.sort(part)
        return part[#part // 2]
    end
    local early, late = median(100, 200), median(900, 1000)
    t.ok(late <= early * 1.2 + 5, ("%d us a generation, early %d us"):format(late, early))
    for page = 0, pages - 1 do
        t.eq(read(task, page), 1000000 + (page == 0 and 1000 or 960 + page), "page " .. page)
    end
    end_task(task)
end)

test("Generations that touch nothing show what the first wrote.", function(t)
    local task = task_with_pages(3)
    write(task, 1, 77)
    local before
    for generation = 1, 300 do
        local child = new_task(task, true)
        end_task(task)
        task = child
        if generation == 50 then before = host_counts() end
    end
    not_grown(t, before, host_counts())
    t.eq({read(task, 0), read(task, 1), read(task, 2)}, {0, 77, 2})
    end_task(task)
end)

test("A parent that makes and ends 300 children costs no more at the end than at the beginning.",
function(t)
    local task, before, times = task_with_pages(20), nil, {}
    for round = 1, 300 do
        if round == 30 then before = host_counts() end
        local start = now()
        local child = new_task(task, true)
        write(task, round % 20, round)
        write(child, (round + 7) % 20, 1)
        end_task(child)
        times[round] = now() - start
    end
    not_grown(t, before, host_counts())
    local early, late = 0, 0
    for i = 1, 50 do early, late = early + times[30 + i], late + times[250 + i] end
    t.ok(late <= early * 1.2, ("%d us for 50, early %d us"):format(late, early))
    t.eq(read(task, 0), 300, "the last write")
    end_task(task)
end)

test("Copying one page to and fro 500 times leaves one page.", function(t)
    local task = task_with_pages(2)
    local before
    for i = 1, 500 do
        must(mach.vm_copy(task, BASE, PAGE, BASE + PAGE), "vm_copy")
        write(task, 0, i)
        must(mach.vm_copy(task, BASE + PAGE, PAGE, BASE), "vm_copy")
        write(task, 1, 1000 + i)
        if i == 50 then before = host_counts() end
    end
    not_grown(t, before, host_counts())
    t.eq({read(task, 0), read(task, 1)}, {0, 1500}, "contents")
    end_task(task)
end)

test("Ending the middle of a line of generations gives its memory back.", function(t)
    local tasks = {task_with_pages(30)}
    for i = 2, 20 do
        tasks[i] = new_task(tasks[i - 1], true)
        for page = 0, 29 do write(tasks[i], page, i * 100 + page) end
    end
    local full = host_counts()
    for i = 2, 19 do end_task(tasks[i]) end
    local after = host_counts()
    t.ok(full.pages_used - after.pages_used >= 18 * 30,
         ("pages freed: %d"):format(full.pages_used - after.pages_used))
    t.eq({read(tasks[1], 5), read(tasks[20], 5)}, {5, 2005}, "the first and the last")
    end_task(tasks[1])
    t.eq(read(tasks[20], 29), 2029, "the last alone")
    end_task(tasks[20])
end)

test("The first write to each page of a copy costs about the same, in any order.", function(t)
    local pages = 600
    local parent = task_with_pages(pages)
    for _, order in ipairs{"up", "down", "scattered"} do
        local child, times = new_task(parent, true), {}
        for i = 0, pages - 1 do
            local page = order == "up" and i or order == "down" and pages - 1 - i or i * 7 % pages
            local start = now()
            write(child, page, i)
            times[i + 1] = now() - start
        end
        local function median(first, last)
            local part = table.move(times, first, last, 1, {})
            table.sort(part)
            return part[#part // 2]
        end
        local early, late = median(1, 100), median(pages - 99, pages)
        t.ok(late <= early * 1.25 + 5 and early <= late * 1.25 + 5,
             ("%s: first pages %d us, last pages %d us"):format(order, early, late))
        end_task(child)
    end
    end_task(parent)
end)
