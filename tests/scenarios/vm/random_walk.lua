-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 60
-- Seeded random walks over the vm calls, against a model that keeps the bytes of each page in Lua:
-- several related tasks, shares and copies among them. The calls are allocate, deallocate, protect,
-- inherit, write, read, copy and task_create; each answer and what memory shows must be the
-- model's.

local tasks = require "tasks"

local PAGE, BASE, PAGES = 4096, 0x200000, 12
local RW, ALL = mach.VM_PROT_READ | mach.VM_PROT_WRITE, mach.VM_PROT_ALL
local SHARE, COPY, NONE = mach.VM_INHERIT_SHARE, mach.VM_INHERIT_COPY, mach.VM_INHERIT_NONE
local INVALID_ADDRESS, REFUSED = mach.KERN_INVALID_ADDRESS, mach.KERN_PROTECTION_FAILURE

-- ---- numbers drawn from a seed ----

local state = 1

local function random(n) -- 0 … n - 1
    state = (state * 6364136223846793005 + 1442695040888963407)
    return (state >> 33) % n
end

local function chance(percent) return random(100) < percent end

-- ---- the model ----
-- A task of the model: the task's port, and pages[0 … PAGES - 1]: nil for a hole, otherwise
-- {memory = {bytes}, protection, max, inheritance}. `memory` is one table for all who share it.

local ZEROS = ("\0"):rep(PAGE)

local function fresh_page()
    return {memory = {bytes = ZEROS}, protection = RW, max = ALL, inheritance = COPY}
end

local function child_page(page)
    if not page or page.inheritance == NONE then return nil end
    local memory = page.inheritance == SHARE and page.memory or {bytes = page.memory.bytes}
    return {memory = memory, protection = page.protection, max = page.max,
            inheritance = page.inheritance}
end

-- The pages [first, last] that `size` bytes at `offset` touch.
local function span(offset, size) return offset // PAGE, (offset + size - 1) // PAGE end

-- What a call gets that needs `need` of every page: the code, as map_check has it.
local function check(model, offset, size, field, need)
    local first, last = span(offset, size)
    local refused = false
    for i = first, last do
        local page = model.pages[i]
        if not page then return INVALID_ADDRESS end
        if need & ~page[field] ~= 0 then refused = true end
    end
    return refused and REFUSED or 0
end

local function model_read(model, offset, size)
    local first, last = span(offset, size)
    local parts = {}
    for i = first, last do parts[#parts + 1] = model.pages[i].memory.bytes end
    local from = offset - first * PAGE
    return table.concat(parts):sub(from + 1, from + size)
end

local function model_write(model, offset, bytes)
    local first, last = span(offset, #bytes)
    local at = 1
    for i = first, last do
        local memory = model.pages[i].memory
        local from = i == first and offset - first * PAGE or 0
        local n = math.min(PAGE - from, #bytes - at + 1)
        memory.bytes = memory.bytes:sub(1, from) .. bytes:sub(at, at + n - 1)
            .. memory.bytes:sub(from + n + 1)
        at = at + n
    end
end

-- ---- the steps ----

-- A random range: page-aligned or not, sometimes beyond the arena's pages that exist.
local function range()
    local first = random(PAGES)
    local offset, size = first * PAGE, (random(4) + 1) * PAGE
    if chance(50) then offset, size = offset + random(PAGE), random(2 * PAGE) + 1 end
    return offset, math.min(size, PAGES * PAGE - offset)
end

local function random_bytes(n)
    local word = string.pack("<I4I4I3", random(1 << 31), random(1 << 31), random(1 << 24))
    return word:rep(n // #word + 1):sub(1, n)
end

local steps = {}

function steps.allocate(model)
    local offset, size = range()
    local first, last = span(offset, size)
    offset = first * PAGE
    size = (last - first + 1) * PAGE
    local want = 0
    for i = first, last do if model.pages[i] then want = mach.KERN_NO_SPACE end end
    local kr = mach.vm_allocate(model.task, BASE + offset, size, false)
    if want == 0 then for i = first, last do model.pages[i] = fresh_page() end end
    return kr, want
end

function steps.deallocate(model)
    local offset, size = range()
    local first, last = span(offset, size)
    local want = INVALID_ADDRESS
    for i = first, last do if model.pages[i] then want = 0 end end
    for i = first, last do model.pages[i] = nil end
    return mach.vm_deallocate(model.task, BASE + offset, size), want
end

function steps.protect(model)
    local offset, size = range()
    local protection = ({RW, RW, RW, 1, 0, 7})[random(6) + 1]
    local want = check(model, offset, size, "max", protection)
    if want == 0 then
        local first, last = span(offset, size)
        for i = first, last do model.pages[i].protection = protection end
    end
    return mach.vm_protect(model.task, BASE + offset, size, false, protection), want
end

function steps.inherit(model)
    local offset, size = range()
    local how = random(3)
    local want = check(model, offset, size, "max", 0)
    if want == 0 then
        local first, last = span(offset, size)
        for i = first, last do model.pages[i].inheritance = how end
    end
    return mach.vm_inherit(model.task, BASE + offset, size, how), want
end

function steps.write(model)
    local offset, size = range()
    local bytes = random_bytes(size)
    local want = check(model, offset, size, "protection", mach.VM_PROT_WRITE)
    if want == 0 then model_write(model, offset, bytes) end
    return mach.vm_write(model.task, BASE + offset, bytes), want
end

function steps.read(model)
    local offset, size = range()
    local want = check(model, offset, size, "protection", mach.VM_PROT_READ)
    local kr, bytes = mach.vm_read(model.task, BASE + offset, size)
    if kr == 0 and want == 0 and bytes ~= model_read(model, offset, size) then
        return "other bytes", "the model's"
    end
    return kr, want
end

function steps.copy(model)
    local from, size = range()
    local to = random(PAGES * PAGE - size + 1)
    if chance(40) then to = to // PAGE * PAGE end
    local want = check(model, from, size, "protection", mach.VM_PROT_READ)
    if want == 0 then want = check(model, to, size, "protection", mach.VM_PROT_WRITE) end
    if want == 0 then model_write(model, to, model_read(model, from, size)) end
    return mach.vm_copy(model.task, BASE + from, size, BASE + to), want
end

-- Writes what one task shows into another: pages change hands between tasks.
function steps.send(model, models)
    local other = models[random(#models) + 1]
    local offset, size = range()
    if check(model, offset, size, "protection", mach.VM_PROT_READ) ~= 0 then return 0, 0 end
    local kr, bytes = mach.vm_read(model.task, BASE + offset, size)
    local want = check(other, offset, size, "protection", mach.VM_PROT_WRITE)
    if want == 0 then model_write(other, offset, bytes) end
    return mach.vm_write(other.task, BASE + offset, bytes), want
end

function steps.fork(model, models)
    if #models >= 4 then -- one of them ends first
        local gone = table.remove(models, random(#models) + 1)
        tasks.terminate(gone.task)
        if gone == model then model = models[1] end
    end
    local kr, task = mach.task_create(model.task, {}, true)
    local pages = {}
    for i = 0, PAGES - 1 do pages[i] = child_page(model.pages[i]) end
    models[#models + 1] = {task = task, pages = pages}
    return kr, 0
end

local DECK = {"allocate", "allocate", "allocate", "deallocate", "protect", "inherit", "write",
              "write",
              "write", "write", "read", "read", "copy", "copy", "send", "fork"}

-- What the whole arena of a task shows, compared with the model; nil if all is well.
local function difference(model)
    for i = 0, PAGES - 1 do
        local page = model.pages[i]
        local kr, bytes = mach.vm_read(model.task, BASE + i * PAGE, PAGE)
        local want = not page and INVALID_ADDRESS or page.protection & 1 == 0 and REFUSED or 0
        if kr ~= want then return ("page %d: %s"):format(i, mach.error_string(kr)) end
        if kr == 0 and bytes ~= page.memory.bytes then return ("page %d: other bytes"):format(i) end
    end
end

local function walk(t, seed, length)
    state = seed
    local models = {{task = tasks.create(), pages = {}}}
    for step = 1, length do
        local what = DECK[random(#DECK) + 1]
        local got, want = steps[what](models[random(#models) + 1], models)
        if got ~= want then
            t.eq(got, want, ("seed %d, step %d: %s"):format(seed, step, what))
            break
        end
        if step % 25 == 0 then
            for i, model in ipairs(models) do
                local found = difference(model)
                if found then
                    t.fail(("seed %d, step %d, task %d: %s"):format(seed, step, i, found))
                end
            end
        end
    end
    for _, model in ipairs(models) do tasks.terminate(model.task) end
end

local base = tonumber(os.getenv "minato.seed") or 0 -- SEED=n: other seeds

for seed = base + 1, base + 6 do
    test(("What random vm calls do is what the model says: seed %d."):format(seed), function(t)
        walk(t, seed, 300)
    end)
end
