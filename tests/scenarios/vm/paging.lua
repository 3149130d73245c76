-- SPDX-License-Identifier: BSD-2-Clause
-- memory: 80
-- paging: 64M
-- timeout: 120
local must, ports, memory = require "must", require "ports", require "memory"
local counts = require "counts"
local self, PAGE = mach.mach_task_self(), 4096

test("A program that uses twice the memory there is reads what it wrote.", function(t)
    local total = counts.host().pages_free
    local pages = total * 2
    local at = memory.allocate(pages * PAGE)
    print(total, counts.host().pages_free)
    for i = 0, pages - 1 do memory.write(at + i * PAGE, string.pack("<I4", i * 7 + 1)) end
    print("written", counts.host().pages_free)
    local wrong = 0
    for i = 0, pages - 1 do
        if memory.word(at + i * PAGE) ~= i * 7 + 1 then wrong = wrong + 1 end
    end
    t.eq(wrong, 0, "forward")
    for i = pages - 1, 0, -1 do
        if memory.word(at + i * PAGE) ~= i * 7 + 1 then wrong = wrong + 1 end
    end
    t.eq(wrong, 0, "backward")
    memory.release(at, pages * PAGE)
    print(counts.host().pages_free)
end)
