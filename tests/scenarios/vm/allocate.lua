-- SPDX-License-Identifier: BSD-2-Clause
-- vm_allocate and vm_deallocate: where memory comes to be, what is refused, how holes are treated.
-- Most of it happens in tasks without threads, whose address space is empty to begin with.
-- Contracts: mach.defs, docs/differences.md; manual: vm_allocate, vm_deallocate.

local must, tasks, counts = require "must", require "tasks", require "counts"
local with_task = tasks.with

local self = mach.mach_task_self()
local PAGE = 4096
local MIN, MAX = 0x1000, 0xc0000000 -- the address space: VM_MIN_ADDRESS to VM_MAX_ADDRESS
local INVALID_ADDRESS, NO_SPACE = mach.KERN_INVALID_ADDRESS, mach.KERN_NO_SPACE

-- The regions of a task: {{start, size}, …}.
local function regions(task)
    local list, at = {}, 0
    while true do
        local kr, start, size = mach.vm_region(task, at, mach.VM_REGION_BASIC_INFO)
        if kr ~= 0 then return list end
        list[#list + 1] = {start, size}
        at = start + size
    end
end

local function pages(task) return counts.task(task).virtual_pages end

local function zeros(n) return ("\0"):rep(n) end

test("vm_allocate anywhere gives zero-filled whole pages that can be read and written.", function(t)
    with_task(function(task)
        local kr, at = mach.vm_allocate(task, 0, 3 * PAGE, true)
        t.eq({kr, at % PAGE}, {0, 0}, "result, alignment")
        t.ok(at >= MIN and at + 3 * PAGE <= MAX, "address " .. at)
        t.eq({mach.vm_read(task, at, 3 * PAGE)}, {0, zeros(3 * PAGE)}, "contents")
        local kr, start, size, info = mach.vm_region(task, at, mach.VM_REGION_BASIC_INFO)
        t.eq({start, size, info.protection, info.max_protection, info.inheritance},
             {at, 3 * PAGE, mach.VM_PROT_READ | mach.VM_PROT_WRITE, mach.VM_PROT_ALL,
              mach.VM_INHERIT_COPY}, "region")
        t.eq(mach.vm_write(task, at + 2 * PAGE, "text"), 0, "vm_write")
        t.eq({mach.vm_read(task, at + 2 * PAGE, 4)}, {0, "text"}, "vm_read")
    end)
end)

test("Sizes are rounded up to whole pages.", function(t)
    for size, want in pairs{[1] = 1, [PAGE - 1] = 1, [PAGE] = 1, [PAGE + 1] = 2,
                            [5 * PAGE - 1] = 5} do
        with_task(function(task)
            local kr, at = mach.vm_allocate(task, 0, size, true)
            t.eq({kr, regions(task)}, {0, {{at, want * PAGE}}}, "size " .. size)
        end)
    end
end)

test("A fixed address is rounded down to a page, which is given back.", function(t)
    with_task(function(task)
        for i, offset in ipairs{0, 1, 5, PAGE - 1} do
            local place = 0x100000 + i * 2 * PAGE
            t.eq({mach.vm_allocate(task, place + offset, 1, false)}, {0, place},
                 "offset " .. offset)
            t.eq({mach.vm_read(task, place, PAGE)}, {0, zeros(PAGE)}, "the page")
        end
        t.eq(pages(task), 4, "pages")
    end)
end)

test("Size 0 allocates nothing and succeeds with address 0.", function(t)
    with_task(function(task)
        t.eq({mach.vm_allocate(task, 0x5000, 0, false)}, {0, 0}, "fixed")
        t.eq({mach.vm_allocate(task, 0x5000, 0, true)}, {0, 0}, "anywhere")
        t.eq(regions(task), {}, "regions")
    end)
end)

test("A fixed place that overlaps something allocated is KERN_NO_SPACE, and nothing changes.",
function(t)
    with_task(function(task)
        local base = 0x200000
        must((mach.vm_allocate(task, base, 4 * PAGE, false)), "vm_allocate")
        must(mach.vm_write(task, base, "here"), "vm_write")
        for _, place in ipairs{{0, 1}, {0, 4}, {-1, 2}, {-1, 6}, {3, 1}, {3, 5}, {1, 2},
                               {-9, 100}} do
            t.eq((mach.vm_allocate(task, base + place[1] * PAGE, place[2] * PAGE, false)), NO_SPACE,
                 ("page %d, %d pages"):format(place[1], place[2]))
        end
        t.eq({mach.vm_read(task, base, 4)}, {0, "here"}, "contents")
        t.eq(regions(task), {{base, 4 * PAGE}}, "regions")
        t.eq((mach.vm_allocate(task, base - PAGE, PAGE, false)), 0, "just below")
        t.eq((mach.vm_allocate(task, base + 4 * PAGE, PAGE, false)), 0, "just above")
    end)
end)

test("The first and the last page of the address space can be allocated.", function(t)
    with_task(function(task)
        t.eq({mach.vm_allocate(task, MIN, PAGE, false)}, {0, MIN}, "the first")
        t.eq({mach.vm_allocate(task, MAX - PAGE, PAGE, false)}, {0, MAX - PAGE}, "the last")
        t.eq(mach.vm_write(task, MAX - 4, "last"), 0, "written")
        t.eq({mach.vm_read(task, MAX - 4, 4)}, {0, "last"}, "read")
        t.eq(regions(task), {{MIN, PAGE}, {MAX - PAGE, PAGE}}, "regions")
    end)
end)

test("A range outside the address space is KERN_INVALID_ADDRESS.", function(t)
    with_task(function(task)
        for _, range in ipairs{{0, 1}, {0, PAGE}, {1, 1}, {PAGE - 1, 1}, {0, 2 * PAGE}, {MAX, 1},
                               {MAX, PAGE}, {MAX - PAGE, PAGE + 1}, {MAX - PAGE, 2 * PAGE},
                               {0xfffff000, 1}, {0xfffff000, PAGE}, {0xffffffff, 1},
                               {0xffffffff, 0xffffffff}, {MIN, 0xffffffff}, {MIN, MAX},
                               {MIN, 0xfffff000}, {0x80000000, 0x80000000},
                               {MAX - PAGE, 0xffffffff}} do
            t.eq((mach.vm_allocate(task, range[1], range[2], false)), INVALID_ADDRESS,
                 ("0x%x, 0x%x bytes"):format(range[1], range[2]))
        end
        t.eq(regions(task), {}, "regions")
    end)
end)

test("Anywhere with a size that has no room is KERN_NO_SPACE.", function(t)
    with_task(function(task)
        for _, size in ipairs{MAX, MAX + 1, 0xfffff000, 0xfffff001, 0xffffffff} do
            t.eq((mach.vm_allocate(task, 0, size, true)), NO_SPACE, ("0x%x bytes"):format(size))
        end
        t.eq(regions(task), {}, "regions")
    end)
end)

test("The whole address space can be allocated; then there is no space; then just the hole.",
function(t)
    with_task(function(task)
        t.eq({mach.vm_allocate(task, MIN, MAX - MIN, false)}, {0, MIN}, "all of it")
        t.eq((mach.vm_allocate(task, 0, 1, true)), NO_SPACE, "one page more")
        must(mach.vm_deallocate(task, 0x40000000, 3 * PAGE), "vm_deallocate")
        t.eq((mach.vm_allocate(task, 0, 4 * PAGE, true)), NO_SPACE, "more than the hole")
        t.eq({mach.vm_allocate(task, 0, 3 * PAGE, true)}, {0, 0x40000000}, "just the hole")
        t.eq((mach.vm_allocate(task, 0, 1, true)), NO_SPACE, "full again")
    end)
end)

test("Anywhere takes the lowest place that is large enough.", function(t)
    with_task(function(task)
        local kr, base = mach.vm_allocate(task, 0, 20 * PAGE, true)
        must(kr, "vm_allocate")
        for _, hole in ipairs{{2, 1}, {5, 3}, {10, 2}, {15, 3}} do
            must(mach.vm_deallocate(task, base + hole[1] * PAGE, hole[2] * PAGE), "vm_deallocate")
        end
        for _, want in ipairs{{3, 5}, {2, 10}, {2, 15}, {1, 2}, {1, 17}, {1, 20}} do
            t.eq({mach.vm_allocate(task, 0, want[1] * PAGE, true)}, {0, base + want[2] * PAGE},
                 ("%d pages"):format(want[1]))
        end
        t.eq(pages(task), 21, "pages")
    end)
end)

test("The lowest place is found among hundreds of holes of all sizes.", function(t)
    with_task(function(task)
        local kr, base = mach.vm_allocate(task, 0, 3000 * PAGE, true)
        must(kr, "vm_allocate")
        local free = {} -- by page: whether it is
        local page = 5
        for i = 1, 300 do -- holes of 1 to 7 pages, 1 to 6 pages apart
            local size = i * 2654435761 % 65537 % 7 + 1
            must(mach.vm_deallocate(task, base + page * PAGE, size * PAGE), "vm_deallocate")
            for k = page, page + size - 1 do free[k] = true end
            page = page + size + i * 40503 % 6 + 1
        end
        local function lowest(size)
            local run = 0
            for at = 0, 3000 do
                run = (free[at] or at == 3000) and run + 1 or 0
                if run == size or at == 3000 then return at - run + 1 end
            end
        end
        for i = 1, 120 do
            local size = i * 7919 % 7 + 1
            local want = lowest(size)
            local kr, at = mach.vm_allocate(task, 0, size * PAGE, true)
            t.eq({kr, (at - base) // PAGE}, {0, want}, ("%d pages, allocation %d"):format(size, i))
            for k = want, want + size - 1 do free[k] = nil end
        end
    end)
end)

test("vm_deallocate frees all pages that the range touches, and no others.", function(t)
    with_task(function(task)
        local base = 0x300000
        must((mach.vm_allocate(task, base, 8 * PAGE, false)), "vm_allocate")
        must(mach.vm_write(task, base, ("x"):rep(8 * PAGE)), "vm_write")
        t.eq(mach.vm_deallocate(task, base + 2 * PAGE + 5, 1), 0, "one byte")
        t.eq(mach.vm_deallocate(task, base + 5 * PAGE - 1, 2), 0, "two bytes in two pages")
        t.eq(regions(task), {{base, 2 * PAGE}, {base + 3 * PAGE, PAGE},
                             {base + 6 * PAGE, 2 * PAGE}},
             "regions")
        t.eq({mach.vm_read(task, base + 3 * PAGE, PAGE)}, {0, ("x"):rep(PAGE)}, "a page that stays")
        t.eq((mach.vm_read(task, base + 2 * PAGE, 1)), INVALID_ADDRESS, "a page that is gone")
        t.eq(pages(task), 5, "pages")
    end)
end)

test("Freeing part of a region gives the memory of that part back.", function(t)
    with_task(function(task)
        local base, n = 0x300000, 200
        must((mach.vm_allocate(task, base, n * PAGE, false)), "vm_allocate")
        must(mach.vm_write(task, base, ("x"):rep(n * PAGE)), "vm_write")
        for _, part in ipairs{{50, 40}, {120, 80}, {0, 30}} do
            local before = counts.host()
            must(mach.vm_deallocate(task, base + part[1] * PAGE, part[2] * PAGE), "vm_deallocate")
            local freed = before.pages_used - counts.host().pages_used
            t.ok(freed >= part[2] - 3, ("freed %d of %d pages"):format(freed, part[2]))
        end
        t.eq({mach.vm_read(task, base + 40 * PAGE, 3)}, {0, "xxx"}, "what stays")
    end)
end)

test("Holes in a range to be freed are skipped; nothing at all is KERN_INVALID_ADDRESS.",
function(t)
    with_task(function(task)
        local base = 0x400000
        for _, i in ipairs{1, 3, 4, 7} do
            must((mach.vm_allocate(task, base + i * PAGE, PAGE, false)), "vm_allocate")
        end
        t.eq(mach.vm_deallocate(task, base + 5 * PAGE, 2 * PAGE), INVALID_ADDRESS, "only a hole")
        t.eq(mach.vm_deallocate(task, base, 6 * PAGE), 0, "with holes")
        t.eq(regions(task), {{base + 7 * PAGE, PAGE}}, "regions")
        t.eq(mach.vm_deallocate(task, MIN, MAX - MIN), 0, "everything")
        t.eq(regions(task), {}, "regions")
        t.eq(mach.vm_deallocate(task, MIN, MAX - MIN), INVALID_ADDRESS, "nothing is left")
    end)
end)

test("Size 0 frees nothing; a range outside the address space is KERN_INVALID_ADDRESS.", function(t)
    with_task(function(task)
        must((mach.vm_allocate(task, MAX - PAGE, PAGE, false)), "vm_allocate")
        t.eq(mach.vm_deallocate(task, MAX - PAGE, 0), 0, "size 0")
        t.eq(mach.vm_deallocate(task, 0x12345000, 0), 0, "size 0 where nothing is")
        for _, range in ipairs{{MAX - PAGE, PAGE + 1}, {MAX, PAGE}, {0xfffff000, PAGE},
                               {0xffffffff, 1}, {MAX - PAGE, 0xffffffff}, {0x1000, 0xffffffff}} do
            t.eq(mach.vm_deallocate(task, range[1], range[2]), INVALID_ADDRESS,
                 ("0x%x, 0x%x bytes"):format(range[1], range[2]))
        end
        t.eq(regions(task), {{MAX - PAGE, PAGE}}, "regions")
    end)
end)

test("Memory allocated again at a place that was freed is zero.", function(t)
    with_task(function(task)
        local base = 0x500000
        for round = 1, 5 do
            must((mach.vm_allocate(task, base, 4 * PAGE, false)), "vm_allocate")
            t.eq({mach.vm_read(task, base, 4 * PAGE)}, {0, zeros(4 * PAGE)}, "round " .. round)
            must(mach.vm_write(task, base, ("\xff"):rep(4 * PAGE)), "vm_write")
            must(mach.vm_deallocate(task, base + PAGE, 2 * PAGE), "vm_deallocate")
            must((mach.vm_allocate(task, base + PAGE, 2 * PAGE, false)), "vm_allocate")
            t.eq({mach.vm_read(task, base + PAGE, 2 * PAGE)}, {0, zeros(2 * PAGE)}, "in the middle")
            must(mach.vm_deallocate(task, base, 4 * PAGE), "vm_deallocate")
        end
    end)
end)

test("Memory that one task frees is zero when another gets it.", function(t)
    for _ = 1, 3 do
        with_task(function(task)
            must((mach.vm_allocate(task, MIN, 64 * PAGE, false)), "vm_allocate")
            for i = 0, 63 do
                local kr, bytes = mach.vm_read(task, MIN + i * PAGE, PAGE)
                if bytes ~= zeros(PAGE) then t.fail("page " .. i .. " is not zero") end
            end
            must(mach.vm_write(task, MIN, ("secret"):rep(64 * PAGE // 6)), "vm_write")
        end)
    end
end)

test("A piece allocated beside another like it becomes one region with it.", function(t)
    with_task(function(task)
        local base = 0x600000
        for _, i in ipairs{3, 5, 4, 2, 6} do
            must((mach.vm_allocate(task, base + i * PAGE, PAGE, false)), "vm_allocate")
            must(mach.vm_write(task, base + i * PAGE, "page " .. i), "vm_write")
        end
        t.eq(regions(task), {{base + 2 * PAGE, 5 * PAGE}}, "regions")
        for i = 2, 6 do
            t.eq({mach.vm_read(task, base + i * PAGE, 6)}, {0, "page " .. i}, "contents")
        end
    end)
end)

test("Allocating and freeing for long leaves map and memory as they were.", function(t)
    with_task(function(task)
        local function round(n)
            local places = {}
            for i = 1, n do
                local kr, at = mach.vm_allocate(task, 0, (i % 5 + 1) * PAGE, true)
                must(kr, "vm_allocate")
                if i % 3 == 0 then must(mach.vm_write(task, at, "x"), "vm_write") end
                places[i] = at
            end
            for i = 1, n do
                must(mach.vm_deallocate(task, places[i * 7 % n + 1],
                                        (i * 7 % n + 1) % 5 * PAGE + PAGE),
                     "vm_deallocate")
            end
        end
        round(50)
        local before = counts.host()
        for _ = 1, 4 do round(50) end
        local after = counts.host()
        t.eq({regions(task), pages(task)}, {{}, 0}, "regions, pages")
        t.eq({after.map_entries, after.vm_objects}, {before.map_entries, before.vm_objects},
             "entries and objects")
    end)
end)

test("vm_allocate and vm_deallocate of a task that is no more are MACH_SEND_INVALID_DEST.",
function(t)
    local task = tasks.create()
    must(mach.task_terminate(task), "task_terminate")
    t.eq((mach.vm_allocate(task, 0, PAGE, true)), mach.MACH_SEND_INVALID_DEST, "allocate")
    t.eq(mach.vm_deallocate(task, 0x1000, PAGE), mach.MACH_SEND_INVALID_DEST, "deallocate")
    must(mach.mach_port_deallocate(self, task), "deallocate")
    t.eq((mach.vm_allocate(mach.mach_thread_self(), 0, PAGE, true)), mach.KERN_INVALID_ARGUMENT,
         "a thread in place of the task")
end)
