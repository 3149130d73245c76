-- SPDX-License-Identifier: BSD-2-Clause
-- vm_map of zero-filled memory: place, mask, protections, inheritance, and what is refused. Memory
-- objects are in pager_*.lua. Contracts: mach.defs; manual: vm_map.

local must, ports, counts = require "must", require "ports", require "counts"
local with_task = require "tasks".with

local self = mach.mach_task_self()
local PAGE, BASE, MIN, MAX = 4096, 0x200000, 0x1000, 0xc0000000
local RW, ALL, COPY = mach.VM_PROT_READ | mach.VM_PROT_WRITE, mach.VM_PROT_ALL, mach.VM_INHERIT_COPY
local INVALID_ARGUMENT, INVALID_ADDRESS, NO_SPACE = mach.KERN_INVALID_ARGUMENT,
    mach.KERN_INVALID_ADDRESS, mach.KERN_NO_SPACE

-- vm_map with what is not given as plain as possible.
local function map(task, a)
    return mach.vm_map(task, a.at or BASE, a.size or PAGE, a.mask or 0, a.anywhere or false,
                       a.object or 0, a.offset or 0, a.copy or false, a.protection or RW,
                       a.max or ALL, a.inheritance or COPY)
end

local function virtual_pages(task) return counts.task(task).virtual_pages end

test("Without an object vm_map gives zero-filled memory with the attributes asked for.", function(t)
    with_task(function(task)
        for i, case in ipairs{{RW, ALL, COPY}, {1, 3, mach.VM_INHERIT_SHARE},
                              {0, 7, mach.VM_INHERIT_NONE},
                              {7, 7, COPY}, {5, 5, COPY}, {0, 0, COPY}} do
            local at = BASE + i * 16 * PAGE
            t.eq({map(task, {at = at, size = 2 * PAGE, protection = case[1], max = case[2],
                             inheritance = case[3]})}, {0, at}, "case " .. i)
            local kr, start, size, info = mach.vm_region(task, at, mach.VM_REGION_BASIC_INFO)
            t.eq({start, size, info.protection, info.max_protection, info.inheritance},
                 {at, 2 * PAGE, case[1], case[2], case[3]}, "region " .. i)
            if case[1] & 1 ~= 0 then
                t.eq({mach.vm_read(task, at, 2 * PAGE)}, {0, ("\0"):rep(2 * PAGE)},
                     "contents " .. i)
            end
        end
    end)
end)

test("A fixed address is rounded down, the size up.", function(t)
    with_task(function(task)
        t.eq({map(task, {at = BASE + 5, size = PAGE + 1})}, {0, BASE}, "result")
        t.eq(virtual_pages(task), 2, "pages")
    end)
end)

test("Anywhere starts looking at the address given.", function(t)
    with_task(function(task)
        t.eq({map(task, {at = 0x40000000, anywhere = true})}, {0, 0x40000000}, "free there")
        t.eq({map(task, {at = 0x40000000, anywhere = true})}, {0, 0x40001000}, "free behind")
        must((map(task, {at = 0x40003000})), "vm_map")
        t.eq({map(task, {at = 0x40000000, size = 2 * PAGE, anywhere = true})}, {0, 0x40004000},
             "the gap is too small")
        t.eq({map(task, {at = 0x40000000, size = PAGE, anywhere = true})}, {0, 0x40002000},
             "it fits")
        t.eq({map(task, {at = MAX - PAGE, size = PAGE, anywhere = true})}, {0, MAX - PAGE},
             "the last page")
        t.eq((map(task, {at = MAX - PAGE, size = PAGE, anywhere = true})), NO_SPACE,
             "no room above")
    end)
end)

test("Anywhere finds an address without the bits of the mask.", function(t)
    with_task(function(task)
        for _, mask in ipairs{0xfff, 0x1fff, 0xffff, 0xfffff, 0x3fffff, 0xffffff, 0x5000, 0x3000,
                              0x100000,
                              0xf0000000, 0x10000, 0x7fff000} do
            local kr, at = map(task, {at = 0, size = 3 * PAGE, mask = mask, anywhere = true})
            t.eq({kr, at & mask}, {0, 0}, ("mask 0x%x: address 0x%x"):format(mask, at or 0))
        end
        t.eq(virtual_pages(task), 12 * 3, "pages")
    end)
end)

test("Of the places that a mask allows, the lowest at or above the address is taken.", function(t)
    with_task(function(task)
        must((map(task, {at = 0x40000000, size = 0x10000})), "vm_map")
        t.eq({map(task, {at = 0x40000000, mask = 0xffff, anywhere = true})}, {0, 0x40010000},
             "64 KiB")
        t.eq({map(task, {at = 0x40000000, mask = 0xffff, anywhere = true})}, {0, 0x40020000},
             "the next")
        t.eq({map(task, {at = 0x40000000, anywhere = true})}, {0, 0x40011000}, "without a mask")
        t.eq({map(task, {at = 0x40000000, mask = 0x10000, anywhere = true})}, {0, 0x40021000},
             "one bit alone")
    end)
end)

test("A fixed address with bits of the mask is KERN_INVALID_ARGUMENT.", function(t)
    with_task(function(task)
        t.eq((map(task, {at = BASE + PAGE, mask = 0x1fff})), INVALID_ARGUMENT, "with the bit")
        t.eq((map(task, {at = BASE, mask = 0x1fff})), 0, "without")
    end)
end)

test("Size 0 and an offset that is no multiple of the page size are KERN_INVALID_ARGUMENT.",
function(t)
    with_task(function(task)
        t.eq((map(task, {size = 0})), INVALID_ARGUMENT, "size 0, fixed")
        t.eq((map(task, {size = 0, anywhere = true})), INVALID_ARGUMENT, "size 0, anywhere")
        for _, offset in ipairs{1, 4, PAGE - 1, PAGE + 1, 0xffffffff} do
            t.eq((map(task, {offset = offset})), INVALID_ARGUMENT, "offset " .. offset)
        end
        t.eq((map(task, {offset = PAGE})), 0, "a whole page is fine")
        t.eq(virtual_pages(task), 1, "pages")
    end)
end)

test("Unknown protections and inheritances are KERN_INVALID_ARGUMENT.", function(t)
    with_task(function(task)
        for _, bits in ipairs{8, 0x10, 0xffffffff, 0x80000001} do
            t.eq((map(task, {protection = bits})), INVALID_ARGUMENT,
                 ("protection 0x%x"):format(bits))
            t.eq((map(task, {max = bits})), INVALID_ARGUMENT, ("maximum 0x%x"):format(bits))
        end
        for _, how in ipairs{3, -1, 0x7fffffff, -0x80000000} do
            t.eq((map(task, {inheritance = how})), INVALID_ARGUMENT, "inheritance " .. how)
        end
        t.eq(virtual_pages(task), 0, "pages")
    end)
end)

test("A protection above the maximum is KERN_PROTECTION_FAILURE.", function(t)
    with_task(function(task)
        for _, case in ipairs{{3, 1}, {1, 0}, {7, 3}, {2, 5}, {4, 3}} do
            t.eq((map(task, {protection = case[1], max = case[2]})), mach.KERN_PROTECTION_FAILURE,
                 ("%d over %d"):format(case[1], case[2]))
        end
        t.eq(virtual_pages(task), 0, "pages")
    end)
end)

test("The maximum given to vm_map bounds vm_protect.", function(t)
    with_task(function(task)
        must((map(task, {protection = 1, max = 1})), "vm_map")
        t.eq(mach.vm_protect(task, BASE, PAGE, false, RW), mach.KERN_PROTECTION_FAILURE, "write")
        t.eq(mach.vm_write(task, BASE, "x"), mach.KERN_PROTECTION_FAILURE, "vm_write")
    end)
end)

test("A place that is taken is KERN_NO_SPACE, one outside KERN_INVALID_ADDRESS.", function(t)
    with_task(function(task)
        must((map(task, {size = 2 * PAGE})), "vm_map")
        t.eq((map(task, {at = BASE})), NO_SPACE, "the same place")
        t.eq((map(task, {at = BASE - PAGE, size = 2 * PAGE})), NO_SPACE, "overlap")
        t.eq((map(task, {at = BASE + PAGE, size = 5 * PAGE})), NO_SPACE, "overlap")
        for _, range in ipairs{{0, PAGE}, {MAX, PAGE}, {MAX - PAGE, 2 * PAGE}, {0xfffff000, PAGE},
                               {MIN, MAX}, {MIN, 0xffffffff}, {0xffffffff, 0xffffffff}} do
            t.eq((map(task, {at = range[1], size = range[2]})), INVALID_ADDRESS,
                 ("0x%x, 0x%x bytes"):format(range[1], range[2]))
        end
        for _, size in ipairs{MAX, MAX + PAGE, 0xffffffff} do
            t.eq((map(task, {size = size, anywhere = true})), NO_SPACE, ("0x%x bytes"):format(size))
        end
        t.eq((map(task, {at = MAX, anywhere = true})), NO_SPACE, "anywhere above the end")
        t.eq(virtual_pages(task), 2, "pages")
    end)
end)

test("A port of the kernel's, and a dead one, are KERN_INVALID_OBJECT.", function(t)
    with_task(function(task)
        local dead = ports.both()
        must(mach.mach_port_mod_refs(self, dead, mach.MACH_PORT_RIGHT_RECEIVE, -1), "mod_refs")
        for what, object in pairs{dead = dead, task = self, host = mach.mach_host_self(),
                                  thread = mach.mach_thread_self()} do
            t.eq((map(task, {object = object})), mach.KERN_INVALID_OBJECT, what)
            t.eq((map(task, {object = object, anywhere = true, copy = true})),
                 mach.KERN_INVALID_OBJECT, what)
        end
        t.eq(virtual_pages(task), 0, "pages")
        ports.deallocate(dead)
    end)
end)

test("Memory from vm_map beside memory from vm_allocate is one region with it.", function(t)
    with_task(function(task)
        must((mach.vm_allocate(task, BASE, 2 * PAGE, false)), "vm_allocate")
        must((map(task, {at = BASE + 2 * PAGE, size = 2 * PAGE})), "vm_map")
        must(mach.vm_write(task, BASE + 2 * PAGE - 2, "over"), "vm_write")
        local kr, start, size = mach.vm_region(task, BASE, mach.VM_REGION_BASIC_INFO)
        t.eq({start, size}, {BASE, 4 * PAGE}, "region")
        t.eq({mach.vm_read(task, BASE + 2 * PAGE - 2, 4)}, {0, "over"}, "contents")
    end)
end)
