-- SPDX-License-Identifier: BSD-2-Clause
-- External pagers: from vm_map to the data. Contracts: mach.defs, memory_object.defs; docs/vm.md.

local must, pager, accesses = require "must", require "pager", require "accesses"
local ports, counts = require "ports", require "counts"
local tasks = require "tasks"
local with_task, used_by = tasks.with, require "gluttons".used_by

local self = mach.mach_task_self()
local PAGE = 4096
local RW = mach.VM_PROT_READ | mach.VM_PROT_WRITE

test("vm_map sends memory_object_init and does not wait; a fault waits until change_attributes.",
function(t)
    with_task(function(task)
        local p = pager.new()
        local at = p:map(task, {size = 4 * PAGE})
        local m = p:expect(t, "init")
        t.eq(m.page_size, PAGE, "page size")
        local a = accesses.read(task, at + PAGE)
        t.eq({a:outcome(), p:receive(0)}, {}, "it waits, and nothing is asked")
        t.eq(p:ready(), 0)
        m = p:expect(t, "data_request")
        t.eq({m.offset, m.length, m.access}, {PAGE, PAGE, mach.VM_PROT_READ})
        t.eq(p:supply(PAGE, pager.pages(77)), 0)
        t.eq({a:finish()}, {"done", 77})
        p:close()
    end)
end)

test("What a pager is asked is paid for as message bytes until it has answered.", function(t)
    with_task(function(task)
        local p = pager.new()
        local at = p:start(t, task, 8 * PAGE)
        local before = used_by(task).message_bytes
        local a = accesses.read(task, at)
        local m = p:expect(t, "data_request")
        local asked = used_by(task).message_bytes
        t.ok(asked > before, asked)
        t.eq(p:supply(m.offset, pager.pages(7)), 0)
        t.eq({a:finish()}, {"done", 7})
        t.eq(used_by(task).message_bytes, before, "answered")
        p:close()
    end)
end)

test("data_unavailable gives zeros, data_error an exception with KERN_MEMORY_ERROR or the pager's code.",
function(t)
    with_task(function(task)
        local p = pager.new()
        local at = p:start(t, task, 8 * PAGE)
        local a = accesses.read(task, at)
        local m = p:expect(t, "data_request")
        t.eq(mach.memory_object_data_unavailable(m.control, m.offset, m.length), 0)
        t.eq({a:finish()}, {"done", 0}, "unavailable")
        for _, case in ipairs{{mach.KERN_FAILURE, mach.KERN_MEMORY_ERROR}, {0x04000001, 0x04000001},
                              {-305, mach.KERN_MEMORY_ERROR}} do
            a = accesses.write(task, at + PAGE, 5)
            m = p:expect(t, "data_request")
            t.eq(m.access, RW, "access")
            t.eq(mach.memory_object_data_error(m.control, m.offset, m.length, case[1]), 0)
            t.eq({a:finish()}, {"error", case[2], at + PAGE}, "reason " .. case[1])
        end
        p:close()
    end)
end)

test("The last vm_deallocate returns what was modified, then terminates; vm_map begins anew.", function(t)
    with_task(function(task)
        local p = pager.new()
        local at = p:start(t, task, 4 * PAGE)
        for i = 0, 1 do
            local a = accesses[i == 0 and "read" or "write"](task, at + i * PAGE, 99)
            local m = p:expect(t, "data_request")
            t.eq(p:supply(m.offset, pager.pages(i)), 0)
            t.eq((a:finish()), "done")
        end
        local control = p.control
        must(mach.vm_deallocate(task, at, 4 * PAGE), "vm_deallocate")
        local m = p:expect(t, "data_return")
        t.eq({m.offset, m.dirty, m.kernel_copy, (string.unpack("<I4I4", m.data))}, {PAGE, 1, 0, 99})
        m = p:expect(t, "terminate")
        t.eq(m.control, control, "the same port")
        t.eq(mach.mach_port_mod_refs(self, control, mach.MACH_PORT_RIGHT_RECEIVE, -1), 0, "ours now")
        p:map(task)
        m = p:expect(t, "init")
        t.ok(m.control ~= control, "another control port")
        p:close()
    end)
end)

-- A read or write of the word at `address` that the pager answers with pages of that word.
local function fetched(t, p, task, address, word, how)
    local a = accesses[how or "read"](task, address, 1)
    local m = p:expect(t, "data_request")
    must(p:supply(m.offset, pager.pages(word)), "supply")
    t.eq((a:finish()), "done", "the access")
    return m
end

test("An object is mapped from an offset; who maps the same port sees the same memory.", function(t)
    with_task(function(task) with_task(function(other)
        local p = pager.new()
        local at = p:start(t, task, 4 * PAGE)
        local there = p:map(other, {offset = 2 * PAGE, size = 2 * PAGE})
        t.eq(p:receive(0), nil, "no second init")
        t.eq(fetched(t, p, other, there + PAGE, 5).offset, 3 * PAGE)
        t.eq({accesses.write(task, at + 3 * PAGE, 6):finish()}, {"done", 0})
        t.eq({accesses.read(other, there + PAGE):finish()}, {"done", 6}, "the write is seen")
        t.eq(p:receive(0), nil, "nothing more is asked")
        p:close()
    end) end)
end)

test("A page is asked for once, with the access that is wanted, however many threads want it.", function(t)
    with_task(function(task)
        local p = pager.new()
        local at = p:start(t, task, 4 * PAGE)
        local list = {accesses.write(task, at, 8)}
        local m = p:expect(t, "data_request")
        t.eq(m.access, RW)
        for i = 2, 4 do list[i] = accesses.read(task, at) end
        t.eq(p:receive(), nil, "one request")
        must(p:supply(0, pager.pages(4)), "supply")
        for i, a in ipairs(list) do
            local what, word = a:finish()
            t.eq(what, "done", i)
        end
        t.eq({mach.vm_read(task, at, 8)}, {0, string.pack("<I4I4", 8, 4)})
        p:close()
    end)
end)

test("Requests are queued however full the memory object's queue is.", function(t)
    with_task(function(task)
        local p = pager.new()
        must(mach.mach_port_set_attributes(self, p.port, mach.MACH_PORT_LIMITS_INFO, {mpl_qlimit = 1}),
             "set_attributes")
        local at = p:start(t, task, 16 * PAGE)
        local list = {}
        for i = 0, 15 do list[i] = accesses.read(task, at + i * PAGE) end
        t.eq(list[15]:outcome(), nil, "all wait")
        for i = 0, 15 do
            local m = p:expect(t, "data_request")
            must(p:supply(m.offset, pager.pages(m.offset)), "supply")
        end
        for i = 0, 15 do t.eq({list[i]:finish()}, {"done", i * PAGE}, i) end
        p:close()
    end)
end)

test("Pages can be supplied unasked, several at once; a page that is there stays.", function(t)
    with_task(function(task)
        local p, reply = pager.new(), ports.both()
        local at = p:start(t, task, 8 * PAGE)
        must(p:supply(PAGE, pager.pages(11, 12, 13), {reply = reply}), "supply")
        local m = p:receive(100, reply)
        t.eq({m.what, m.control, m.offset, m.length, m.result, m.error_offset},
             {"supply_completed", p.control, PAGE, 3 * PAGE, 0, 0})
        must(p:supply(2 * PAGE, pager.pages(22, 23, 24), {reply = reply}), "supply")
        m = p:receive(100, reply)
        t.eq({m.result, m.error_offset}, {mach.KERN_MEMORY_PRESENT, 2 * PAGE})
        for i, word in ipairs{11, 12, 13, 24} do
            t.eq({accesses.read(task, at + i * PAGE):finish()}, {"done", word}, "page " .. i)
        end
        t.eq(p:receive(0), nil, "nothing is asked, nothing comes back")
        must(p:supply(3 * PAGE, pager.pages(33), {reply = reply, precious = true}), "supply")
        m = p:expect(t, "data_return")
        t.eq({m.offset, m.dirty, m.kernel_copy, m.data}, {3 * PAGE, 0, 0, pager.pages(33)},
             "precious data that were not taken")
        t.eq(p:receive(100, reply).result, mach.KERN_MEMORY_PRESENT)
        p:close()
        ports.destroy(reply)
    end)
end)

test("Data are taken from any address; what is no whole page at their end is left out.", function(t)
    with_task(function(task)
        local p = pager.new()
        local at = p:start(t, task, 4 * PAGE)
        local a = accesses.read(task, at + PAGE)
        p:expect(t, "data_request")
        must(p:supply(0, pager.pages(1) .. ("x"):rep(PAGE - 1)), "supply")
        t.eq(a:outcome(), nil, "less than its page")
        must(p:supply(PAGE, pager.pages(7):sub(1, PAGE - 4)), "supply")
        t.eq(a:outcome(), nil, "less than a page")
        for offset, data in pairs{[PAGE + 1] = pager.pages(2), [0xfffff000] = pager.pages(2, 3),
                                  [8] = pager.pages(1, 2)} do
            t.eq(p:supply(offset, data), 0, "a message")
        end
        t.eq(a:outcome(), nil, "an offset that is no page's, or none of the object's")
        must(p:supply(PAGE, pager.pages(9)), "supply")
        t.eq({a:finish()}, {"done", 9})
        t.eq({accesses.read(task, at):finish()}, {"done", 1})
        p:close()
    end)
end)

test("Pages of the pager's own memory are taken, not copied: nobody then sees the other's writes.",
function(t)
    with_task(function(task)
        local p, SIZE = pager.new(), 256 * PAGE
        local at = p:start(t, task, 2 * SIZE)
        for _, give in ipairs{false, true} do
            local kr, buffer = mach.vm_allocate(self, 0, SIZE, true)
            local offset = give and SIZE or 0
            must(mach.vm_write(self, buffer, pager.pages(5):rep(SIZE // PAGE)), "vm_write")
            t.eq({accesses.write(self, buffer + 2 * PAGE, 5):finish()}, {"done", 0}, "by ourselves")
            local free = counts.host().pages_free
            must(p:supply_memory(offset, buffer, SIZE, give), "supply")
            local used = free - counts.host().pages_free
            t.ok(used < 64, "pages used: " .. used)
            t.eq({accesses.write(task, at + offset, 6):finish()}, {"done", 0})
            if not give then
                t.eq({mach.vm_read(self, buffer, 4)}, {0, "\5\0\0\0"}, "ours")
                must(mach.vm_write(self, buffer + PAGE, "\7\0\0\0"), "vm_write")
            end
            t.eq({accesses.read(task, at + offset):finish()}, {"done", 6})
            t.eq({accesses.read(task, at + offset + PAGE):finish()}, {"done", 5}, "theirs")
            t.eq(mach.vm_deallocate(self, buffer, SIZE), give and mach.KERN_INVALID_ADDRESS or 0)
        end
        -- What was read only is clean, although we wrote to it before we supplied it.
        must(p:lock(0, 2 * SIZE, {give = mach.MEMORY_OBJECT_RETURN_DIRTY}), "lock_request")
        for _, offset in ipairs{0, SIZE} do
            local m = p:expect(t, "data_return")
            t.eq({m.offset, m.size, m.dirty}, {offset, PAGE, 1})
        end
        t.eq(p:receive(0), nil)
        p:close()
    end)
end)

test("With a cluster size what is missing around a page is asked for with it.", function(t)
    with_task(function(task)
        local p = pager.new()
        local at = p:start(t, task, 10 * PAGE, {cluster_size = 4 * PAGE})
        local a = accesses.read(task, at + 5 * PAGE)
        local m = p:expect(t, "data_request")
        t.eq({m.offset, m.length}, {4 * PAGE, 4 * PAGE})
        local b = accesses.read(task, at + 6 * PAGE)
        t.eq(p:receive(), nil, "asked for already")
        must(p:supply(5 * PAGE, pager.pages(5)), "supply")
        t.eq({a:finish()}, {"done", 5})
        t.eq(b:outcome(), nil, "not supplied yet")
        must(p:supply(4 * PAGE, pager.pages(4)), "supply")
        must(p:supply(6 * PAGE, pager.pages(6)), "supply")
        t.eq({b:finish()}, {"done", 6})
        must(mach.memory_object_data_unavailable(p.control, 7 * PAGE, PAGE), "unavailable")
        a = accesses.read(task, at + 7 * PAGE)
        m = p:expect(t, "data_request")
        t.eq({m.offset, m.length}, {7 * PAGE, PAGE}, "nobody waited for it, so it is asked for again")
        must(p:supply(7 * PAGE, pager.pages(7)), "supply")
        t.eq({a:finish()}, {"done", 7})
        a = accesses.read(task, at + 9 * PAGE)
        m = p:expect(t, "data_request")
        t.eq({m.offset, m.length}, {8 * PAGE, 2 * PAGE}, "no further than the object is mapped")
        must(p:supply(8 * PAGE, pager.pages(8, 9)), "supply")
        t.eq({a:finish()}, {"done", 9})
        p:close()
    end)
end)

test("A neighbour that has been asked for alone is not asked for again with its cluster.", function(t)
    with_task(function(task)
        local p = pager.new()
        local at = p:start(t, task, 8 * PAGE)
        local a = accesses.read(task, at + 5 * PAGE)
        local m = p:expect(t, "data_request")
        t.eq({m.offset, m.length}, {5 * PAGE, PAGE})
        must(p:ready{cluster_size = 8 * PAGE}, "change_attributes")
        local b = accesses.read(task, at + 6 * PAGE)
        m = p:expect(t, "data_request")
        t.eq({m.offset, m.length}, {6 * PAGE, 2 * PAGE}, "from behind it on")
        must(p:supply(5 * PAGE, pager.pages(5, 6, 7)), "supply")
        t.eq({a:finish()}, {"done", 5})
        t.eq({b:finish()}, {"done", 6})
        p:close()
    end)
end)

test("A page that is supplied behind all mappings makes the object longer, also for clusters.", function(t)
    with_task(function(task)
        local p = pager.new()
        local at = p:start(t, task, 2 * PAGE, {cluster_size = 8 * PAGE})
        must(p:supply(5 * PAGE, pager.pages(5)), "supply")
        local a = accesses.read(task, at)
        local m = p:expect(t, "data_request")
        t.eq({m.offset, m.length}, {0, 5 * PAGE}, "all up to that page")
        must(p:supply(0, pager.pages(10, 11)), "supply")
        t.eq({a:finish()}, {"done", 10})
        p:close()
    end)
end)

test("Data with a lock that there is not are not taken, and the reply right is destroyed.", function(t)
    with_task(function(task)
        local p, reply = pager.new(), ports.both()
        local at = p:start(t, task, PAGE)
        for _, lock in ipairs{mach.VM_PROT_NO_CHANGE, 16, 0x80000000, 0xffffffff} do
            t.eq(p:supply(0, pager.pages(3), {lock = lock, reply = reply}), 0, "a message")
            local kr, m = mach.receive{port = reply, timeout = 100}
            t.eq({kr, m and m.id}, {0, 71}, "lock " .. lock)
        end
        local a = accesses.read(task, at)
        p:expect(t, "data_request")
        must(p:supply(0, pager.pages(4), {lock = mach.VM_PROT_EXECUTE}), "supply")
        t.eq({a:finish()}, {"done", 4}, "the first that was taken")
        p:close()
        ports.destroy(reply)
    end)
end)

test("lock_request locks its own pages and no other.", function(t)
    with_task(function(task)
        local p = pager.new()
        local at = p:start(t, task, 4 * PAGE)
        must(p:supply(0, pager.pages(1, 2, 3, 4)), "supply")
        must(p:lock(PAGE, 2 * PAGE, {lock = mach.VM_PROT_READ}), "lock_request")
        for i = 0, 3 do
            local a = accesses.read(task, at + i * PAGE)
            if i == 1 or i == 2 then
                t.eq(p:expect(t, "data_unlock").offset, i * PAGE, "page " .. i)
                a:stop()
            else
                t.eq({a:finish()}, {"done", i + 1}, "page " .. i)
            end
        end
        t.eq(p:receive(0), nil, "nothing else is asked")
        p:close()
    end)
end)

test("A forbidden access makes the kernel ask with data_unlock; lock_request permits it.", function(t)
    with_task(function(task)
        local p = pager.new()
        local at = p:start(t, task, 4 * PAGE)
        must(p:supply(0, pager.pages(3), {lock = mach.VM_PROT_WRITE}), "supply")
        t.eq({accesses.read(task, at):finish()}, {"done", 3}, "reading is allowed")
        local a, b = accesses.write(task, at, 4), accesses.write(task, at, 4)
        local m = p:expect(t, "data_unlock")
        t.eq({m.offset, m.length, m.access}, {0, PAGE, RW})
        t.eq({p:receive(), a:outcome()}, {}, "asked once, and it waits")
        must(p:lock(0, PAGE, {lock = mach.VM_PROT_WRITE}), "lock_request")
        p:expect(t, "data_unlock")
        must(p:lock(0, 4 * PAGE, {lock = mach.VM_PROT_NONE}), "lock_request")
        t.eq({a:finish(), b:finish()}, {"done", "done", 0})
        must(p:lock(0, PAGE, {lock = mach.VM_PROT_READ}), "lock_request")
        a = accesses.read(task, at)
        t.eq(p:expect(t, "data_unlock").access, mach.VM_PROT_READ)
        must(p:lock(0, PAGE, {flush = true}), "lock_request")
        t.eq(p:expect(t, "data_request").offset, 0, "flushed instead: it is asked for anew")
        must(p:supply(0, pager.pages(9)), "supply")
        t.eq({a:finish()}, {"done", 9})
        must(p:lock(0, PAGE, {lock = mach.VM_PROT_WRITE}), "lock_request")
        t.eq({accesses.read(task, at):finish()}, {"done", 9})
        must(p:lock(0, PAGE, {lock = mach.VM_PROT_NO_CHANGE}), "lock_request")
        a = accesses.write(task, at, 4)
        p:expect(t, "data_unlock")
        a:stop()
        p:close()
    end)
end)

test("Attributes are set and told by flavor; change_completed says when.", function(t)
    with_task(function(task)
        local p, reply = pager.new(), ports.both()
        local DELAY, NONE = mach.MEMORY_OBJECT_COPY_DELAY, mach.MEMORY_OBJECT_COPY_NONE
        p:map(task)
        p:expect(t, "init")
        local function get(flavor) return mach.memory_object_get_attributes(p.control, flavor) end
        t.eq({get(mach.MEMORY_OBJECT_ATTRIBUTE_INFO)},
             {0, {copy_strategy = DELAY, cluster_size = PAGE, may_cache_object = false, temporary = false}})
        t.eq({get(mach.MINATO_MEMORY_OBJECT_LIMIT_INFO)}, {0, {limit = 10000}}, "the default")
        t.eq(get(99), mach.KERN_INVALID_ARGUMENT)
        local function change(flavor, a) -- whether it was done
            local kr = mach.memory_object_change_attributes(p.control, flavor, a, reply)
            t.eq(kr, 0, "a message")
            local kr, m = mach.receive{port = reply, timeout = 100}
            if m.id == 71 then return false end
            t.eq({m.id, m.ports[1][1], m.body:sub(9)}, {2213, p.control, string.pack("<i4", flavor)})
            ports.deallocate(m.ports[1][1])
            return true
        end
        for _, strategy in ipairs{1, 3, 4, -1} do
            t.eq(change(mach.MEMORY_OBJECT_BEHAVIOR_INFO, {copy_strategy = strategy}), false,
                 "a first copy_strategy of " .. strategy)
        end
        t.eq(change(mach.MINATO_MEMORY_OBJECT_LIMIT_INFO, {limit = 500}), true)
        for _, limit in ipairs{0, 60001, 0xffffffff} do
            t.eq(change(mach.MINATO_MEMORY_OBJECT_LIMIT_INFO, {limit = limit}), false, limit)
        end
        t.eq(change(mach.MEMORY_OBJECT_PERFORMANCE_INFO, {cluster_size = 2 * PAGE, may_cache = true}), true)
        t.eq(change(mach.MEMORY_OBJECT_PERFORMANCE_INFO, {cluster_size = 100}), false, "no page multiple")
        t.eq(change(mach.MEMORY_OBJECT_PERFORMANCE_INFO, {cluster_size = 0}), false)
        t.eq(change(mach.MEMORY_OBJECT_PERFORMANCE_INFO, {PAGE}), false, "too few words")
        t.eq(change(mach.MEMORY_OBJECT_BEHAVIOR_INFO, {copy_strategy = DELAY, temporary = true}), true)
        for what, a in pairs{none = {copy_strategy = NONE}, other = {copy_strategy = 4},
                             invalidate = {copy_strategy = DELAY, invalidate = true}} do
            t.eq(change(mach.MEMORY_OBJECT_BEHAVIOR_INFO, a), false, what)
        end
        t.eq(change(99, {0, 0, 0, 0}), false, "no such flavor")
        t.eq({get(mach.MEMORY_OBJECT_ATTRIBUTE_INFO)},
             {0, {copy_strategy = DELAY, cluster_size = 2 * PAGE, may_cache_object = true, temporary = true}})
        t.eq({get(mach.MEMORY_OBJECT_BEHAVIOR_INFO)},
             {0, {copy_strategy = DELAY, temporary = true, invalidate = false, silent_overwrite = false,
                  advisory_pageout = false}})
        t.eq({get(mach.MEMORY_OBJECT_PERFORMANCE_INFO)}, {0, {cluster_size = 2 * PAGE, may_cache = true}})
        t.eq({get(mach.MINATO_MEMORY_OBJECT_LIMIT_INFO)}, {0, {limit = 500}})
        t.eq(change(mach.MEMORY_OBJECT_ATTRIBUTE_INFO, {copy_strategy = DELAY, cluster_size = 0x800000}), true)
        t.eq(select(2, get(mach.MEMORY_OBJECT_PERFORMANCE_INFO)).cluster_size, 0x40000, "the largest")
        p:close()
        ports.destroy(reply)
    end)
end)

test("vm_map that fails tells the memory object nothing, and the right stays the caller's.", function(t)
    with_task(function(task)
        local p = pager.new()
        for _, bad in ipairs{{size = 0}, {size = 0xc0000000, at = 0x1000}, {offset = 1},
                             {protection = 3, max = 1}, {inheritance = 9},
                             {offset = 0xfffff000, size = 2 * PAGE}} do
            local kr = mach.vm_map(task, bad.at or 0x200000, bad.size or PAGE, 0, false, p.port,
                                   bad.offset or 0, false, bad.protection or RW, bad.max or 7,
                                   bad.inheritance or 1)
            t.ok(kr ~= 0, "it fails")
        end
        t.eq(p:receive(0), nil)
        local info = ports.info(p.port)
        t.eq({info.srights, info.urefs}, {1, 1}, "the right")
        local at = p:map(task, {protection = mach.VM_PROT_READ, max = mach.VM_PROT_READ})
        p:expect(t, "init")
        t.eq(mach.vm_protect(task, at, PAGE, false, RW), mach.KERN_PROTECTION_FAILURE, "the maximum holds")
        t.eq({accesses.write(task, at, 1):finish()}, {"error", mach.KERN_PROTECTION_FAILURE, at})
        p:close()
    end)
end)

test("A memory object is mapped where, how and for whom any other memory is.", function(t)
    with_task(function(task)
        local p = pager.new()
        local kr, at = mach.vm_map(task, 0x40001000, 2 * PAGE, 0xffff, true, p.port, PAGE, false,
                                   mach.VM_PROT_READ, RW, mach.VM_INHERIT_SHARE)
        t.eq({kr, at}, {0, 0x40010000}, "the mask")
        p:expect(t, "init")
        must(p:ready(), "change_attributes")
        local _, _, size, info = mach.vm_region(task, at, mach.VM_REGION_BASIC_INFO)
        t.eq({size, info.protection, info.max_protection, info.inheritance, info.offset},
             {2 * PAGE, mach.VM_PROT_READ, RW, mach.VM_INHERIT_SHARE, PAGE})
        t.eq((mach.vm_map(task, at + PAGE, PAGE, 0, false, p.port, 0, false, RW, RW, 1)),
             mach.KERN_NO_SPACE, "taken")
        must(mach.vm_protect(task, at, 2 * PAGE, false, RW), "vm_protect")
        local none = p:map(task, {at = 0x50000000, inheritance = mach.VM_INHERIT_NONE})
        local child = tasks.create(task, true)
        fetched(t, p, child, at, 3, "write")
        t.eq({accesses.read(task, at):finish()}, {"done", 1}, "shared with a child")
        t.eq({accesses.read(task, none + PAGE):finish()}, {"done", 1}, "the same page")
        t.eq({accesses.read(child, none):finish()}, {"error", mach.KERN_INVALID_ADDRESS, none})
        must(mach.vm_deallocate(task, at, 2 * PAGE), "vm_deallocate")
        must(mach.vm_deallocate(task, none, 4 * PAGE), "vm_deallocate")
        t.eq(p:receive(), nil, "the child still has it")
        tasks.terminate(child)
        t.eq(p:expect(t, "data_return", 1000).offset, PAGE)
        p:expect(t, "terminate")
        p:close()
    end)
end)
