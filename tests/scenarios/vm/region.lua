-- SPDX-License-Identifier: BSD-2-Clause
-- vm_region: walking an address space finds what was done to it. Contracts: mach.defs,
-- include/mach/vm_region.h; manual: vm_region.

local must = require "must"
local with_task = require "tasks".with

local self = mach.mach_task_self()
local PAGE, BASE = 4096, 0x200000
local BASIC = mach.VM_REGION_BASIC_INFO
local INVALID_ADDRESS = mach.KERN_INVALID_ADDRESS

-- All regions, each "first page + number of pages: protection/maximum inheritance".
local function walk(task)
    local list, at = {}, 0
    while true do
        local kr, start, size, info = mach.vm_region(task, at, BASIC)
        if kr ~= 0 then return list, kr end
        list[#list + 1] = ("%d+%d: %d/%d %d"):format((start - BASE) // PAGE, size // PAGE,
                                                     info.protection, info.max_protection,
                                                     info.inheritance)
        at = start + size
    end
end

test("An empty address space has no regions: KERN_INVALID_ADDRESS.", function(t)
    with_task(function(task)
        for _, at in ipairs{0, 0x1000, 0x80000000, 0xbffff000, 0xc0000000, 0xffffffff} do
            t.eq((mach.vm_region(task, at, BASIC)), INVALID_ADDRESS, ("0x%x"):format(at))
        end
    end)
end)

test("An address in a region gives that region, one in a gap the next above.", function(t)
    with_task(function(task)
        must((mach.vm_allocate(task, BASE, 2 * PAGE, false)), "vm_allocate")
        must((mach.vm_allocate(task, BASE + 5 * PAGE, PAGE, false)), "vm_allocate")
        local function at(offset)
            local kr, start, size = mach.vm_region(task, BASE + offset, BASIC)
            return kr ~= 0 and kr or {(start - BASE) // PAGE, size // PAGE}
        end
        for offset, want in pairs{[0] = {0, 2}, [1] = {0, 2}, [PAGE] = {0, 2}, [2 * PAGE - 1] = {0,
                                                                                                 2},
                                  [2 * PAGE] = {5, 1}, [5 * PAGE - 1] = {5, 1}, [5 * PAGE] = {5, 1},
                                  [6 * PAGE - 1] = {5, 1}, [-BASE] = {0, 2}, [-1] = {0, 2}} do
            t.eq(at(offset), want, "offset " .. offset)
        end
        t.eq(at(6 * PAGE), INVALID_ADDRESS, "above the last")
    end)
end)

test("Neighbours with the same attributes are one region, with different ones two.", function(t)
    with_task(function(task)
        must((mach.vm_allocate(task, BASE, 8 * PAGE, false)), "vm_allocate")
        t.eq(walk(task), {"0+8: 3/7 1"}, "to begin with")
        must(mach.vm_protect(task, BASE + PAGE, PAGE, false, 1), "vm_protect")
        t.eq(walk(task), {"0+1: 3/7 1", "1+1: 1/7 1", "2+6: 3/7 1"}, "protection")
        must(mach.vm_inherit(task, BASE + 3 * PAGE, 2 * PAGE, 0), "vm_inherit")
        t.eq(walk(task), {"0+1: 3/7 1", "1+1: 1/7 1", "2+1: 3/7 1", "3+2: 3/7 0", "5+3: 3/7 1"},
             "inheritance")
        must(mach.vm_protect(task, BASE + 7 * PAGE, PAGE, true, 3), "vm_protect")
        t.eq(walk(task)[6], "7+1: 3/3 1", "maximum")
        must(mach.vm_protect(task, BASE + PAGE, PAGE, false, 3), "vm_protect")
        must(mach.vm_inherit(task, BASE + 3 * PAGE, 2 * PAGE, 1), "vm_inherit")
        t.eq(walk(task), {"0+7: 3/7 1", "7+1: 3/3 1"}, "set back")
    end)
end)

test("Pieces of memory that came to be apart are one region, found from each of them.", function(t)
    with_task(function(task)
        for _, page in ipairs{0, 2, 4, 3, 1} do -- each with a page, so that they cannot become one
            must((mach.vm_allocate(task, BASE + page * PAGE, PAGE, false)), "vm_allocate")
            must(mach.vm_write(task, BASE + page * PAGE, "x"), "vm_write")
        end
        t.eq(walk(task), {"0+5: 3/7 1"}, "the walk")
        for page = 0, 4 do
            local kr, start, size = mach.vm_region(task, BASE + page * PAGE + 5, BASIC)
            t.eq({kr, start, size}, {0, BASE, 5 * PAGE}, "from page " .. page)
        end
    end)
end)

test("A walk finds what a model of pages says, after many random changes.", function(t)
    local state = 12345
    local function random(n)
        state = (state * 1103515245 + 12345) & 0x7fffffff
        return (state >> 8) % n
    end
    with_task(function(task)
        local model, n = {}, 24 -- page → attributes, nil for a hole
        local function model_walk()
            local list, first = {}, 0
            for page = 1, n do
                if model[page] ~= model[first] then
                    if model[first] then
                        list[#list + 1] = ("%d+%d: %s"):format(first, page - first, model[first])
                    end
                    first = page
                end
            end
            if model[first] then
                list[#list + 1] = ("%d+%d: %s"):format(first, n - first, model[first])
            end
            return list
        end
        local function attributes(page) return model[page]:match("(%d)/(%d) (%d)") end
        for step = 1, 300 do
            local first = random(n)
            local count = random(math.min(6, n - first)) + 1
            local at, size, what = BASE + first * PAGE, count * PAGE, random(5)
            local whole, some = true, false
            for page = first, first + count - 1 do
                if model[page] then some = true else whole = false end
            end
            if what == 0 then
                t.eq((mach.vm_allocate(task, at, size, false)), some and mach.KERN_NO_SPACE or 0,
                     "allocate")
                if not some then
                    for page = first, first + count - 1 do model[page] = "3/7 1" end
                end
            elseif what == 1 then
                t.eq(mach.vm_deallocate(task, at, size), some and 0 or INVALID_ADDRESS,
                     "deallocate")
                for page = first, first + count - 1 do model[page] = nil end
            elseif what == 2 then
                local protection = ({0, 1, 3, 7, 5})[random(5) + 1]
                local allowed = true
                for page = first, first + count - 1 do
                    if model[page] and protection & ~tonumber((select(2,
                                                                      attributes(page)))) ~= 0 then
                        allowed = false
                    end
                end
                t.eq(mach.vm_protect(task, at, size, false, protection),
                     not whole and INVALID_ADDRESS or allowed and 0 or mach.KERN_PROTECTION_FAILURE,
                     "protect")
                for page = first, whole and allowed and first + count - 1 or -1 do
                    model[page] = model[page]:gsub("^%d", protection)
                end
            elseif what == 3 then
                local how = random(3)
                t.eq(mach.vm_inherit(task, at, size, how), whole and 0 or INVALID_ADDRESS,
                     "inherit")
                for page = first, whole and first + count - 1 or -1 do
                    model[page] = model[page]:gsub("%d$", how)
                end
            elseif random(3) == 0 and whole then -- the maximum goes down to what is allowed now
                local all = 7
                for page = first, first + count - 1 do
                    all = all & tonumber((select(2, attributes(page))))
                end
                local max = all & 3
                t.eq(mach.vm_protect(task, at, size, true, max), 0, "set the maximum")
                for page = first, first + count - 1 do
                    local now = tonumber((attributes(page)))
                    model[page] = ("%d/%d %s"):format(now & max, max, (select(3, attributes(page))))
                end
            end
            t.eq(walk(task), model_walk(), "step " .. step)
        end
    end)
end)

test("The object name is always MACH_PORT_NULL, and the other fields have their plain values.",
function(t)
    with_task(function(task)
        must((mach.vm_allocate(task, BASE, PAGE, false)), "vm_allocate")
        local kr, start, size, info, name = mach.vm_region(task, BASE, BASIC)
        t.eq({kr, name}, {0, 0}, "object name")
        t.eq({info.shared, info.reserved, info.offset, info.user_wired_count}, {false, false, 0, 0})
    end)
end)

test("An unknown flavor is KERN_INVALID_ARGUMENT, too little room as well.", function(t)
    with_task(function(task)
        must((mach.vm_allocate(task, BASE, PAGE, false)), "vm_allocate")
        for _, flavor in ipairs{0, 1, 9, 11, -1, 0x7fffffff, -0x80000000} do
            t.eq((mach.vm_region(task, BASE, flavor)), mach.KERN_INVALID_ARGUMENT,
                 "flavor " .. flavor)
        end
        local function raw(room)
            local kr, msg = mach.rpc{remote = task, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = 2004,
                                     reply_timeout = 500, body = "\0\0\0\0\1\0\0\0"
                                         .. string.pack("<I4I4I4", BASE, BASIC, room)}
            must(kr, "rpc")
            return #msg.ports == 1 and 0 or (string.unpack("<i4", msg.body, 9))
        end
        t.eq(raw(8), 0, "just enough room")
        for _, room in ipairs{0, 1, 7} do
            t.eq(raw(room), mach.KERN_INVALID_ARGUMENT, "room for " .. room .. " words")
        end
    end)
end)

test("Our own address space: regions in order, without overlap, code and data among them.",
function(t)
    local at, last, total = 0, 0, 0
    while true do
        local kr, start, size = mach.vm_region(self, at, BASIC)
        if kr ~= 0 then
            t.eq(kr, INVALID_ADDRESS, "the end")
            break
        end
        t.ok(start >= last and size > 0 and start % PAGE == 0 and size % PAGE == 0,
             ("0x%x, 0x%x bytes"):format(start, size))
        total, last, at = total + size, start + size, start + size
    end
    local _, info = mach.task_info(self, mach.TASK_BASIC_INFO)
    t.eq(total, info.virtual_size, "their sum is the virtual size")
    t.ok(last <= 0xc0000000, "below the kernel")
end)
