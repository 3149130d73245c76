-- SPDX-License-Identifier: BSD-2-Clause
-- A call that carries memory to a server that waits goes a short way through the kernel when it is simple,
-- and another when its options say something unusual, as a time limit for the send does. Both give the
-- server the same memory, and leave the same behind.

local must, ports, memory = require "must", require "ports", require "memory"
local threads, semaphores = require "threads", require "semaphores"

local sleep = require "clock".sleep

local self, PAGE = mach.mach_task_self(), 4096
local COMPLEX, MAKE_ONCE, COPY_SEND = mach.MACH_MSGH_BITS_COMPLEX, mach.MACH_MSG_TYPE_MAKE_SEND_ONCE,
    mach.MACH_MSG_TYPE_COPY_SEND
local BOTH = mach.MACH_SEND_MSG | mach.MACH_RCV_MSG

-- Tells of each piece of memory what it is like, writes to it, and gives it up. Ends at id 0.
local function server()
    local self, calls = mach.mach_task_self(), require "calls"
    while true do
        calls.touch_buffer()
        local kr, m = mach.receive{port = args.port, raw = true}
        local answer = ""
        for _, region in ipairs(m.ool or {}) do
            local _, start, size, info = mach.vm_region(self, region.addr, mach.VM_REGION_BASIC_INFO)
            local _, bytes = mach.vm_read(self, region.addr, region.size)
            local sum = 0
            for i = 1, #bytes, 512 do sum = (sum * 31 + bytes:byte(i)) % 65521 end
            answer = ("%d bytes at %d of a page, sum %d, %s; %d/%d/%d %d"):format(
                region.size, region.addr % 4096, sum, bytes:sub(1, 8), info.protection,
                info.max_protection, info.inheritance, info.user_wired_count)
            mach.vm_write(self, region.addr, "written!")
            mach.vm_deallocate(self, region.addr, region.size)
        end
        if m.id == 0 then return answer end
        mach.send{remote = m.remote, disp = mach.MACH_MSG_TYPE_MOVE_SEND_ONCE, id = m.id + 100,
                  body = answer .. (" "):rep(-#answer % 4)}
    end
end

-- Runs `body(call)`; call(address, size, options) sends memory and gives the code and the answer.
local function with_server(body)
    local port, reply = ports.both(), ports.allocate()
    local task = spawn.task(server, {}, {port = {port, mach.MACH_MSG_TYPE_MOVE_RECEIVE}})
    body(function(address, size, options)
        local message = string.pack("<I4I4I4I4I4i4 I4 I4I4BBBB", COMPLEX | COPY_SEND | MAKE_ONCE << 8, 40, port,
                                    reply, 0, 7, 1, address, size, 0, mach.MACH_MSG_VIRTUAL_COPY, 0,
                                    mach.MACH_MSG_OOL_DESCRIPTOR)
        local kr, bytes = mach.mach_msg(message, BOTH | (options or 0), #message, 400, reply, 1000, 0)
        return kr, kr == 0 and bytes:sub(25, string.unpack("<I4", bytes, 5)) or nil
    end)
    must(mach.send{remote = port, disp = COPY_SEND, id = 0}, "send")
    task:wait(1000)
    ports.deallocate(port)
    ports.destroy(reply)
end

-- Both ways, twice; the server is waiting again by then.
local function same(t, call, address, size, what)
    local kr, answer = call(address, size, mach.MACH_SEND_TIMEOUT)
    for i = 1, 2 do
        sleep(10)
        t.eq({call(address, size)}, {kr, answer}, what)
    end
    return kr, answer
end

test("The server gets the memory as it is, of any size, at any place, the one way and the other.",
function(t)
    local at = memory.allocate(300 * PAGE)
    for i = 0, 299 do memory.write(at + i * PAGE, ("page%04d"):format(i)) end
    with_server(function(call)
        for _, case in ipairs{{0, 1}, {1, 1}, {0, 3}, {7, 32}, {31, 34}, {0, 300}, {299, 1}} do
            local kr, answer = same(t, call, at + case[1] * PAGE, case[2] * PAGE, case[1] .. ", " .. case[2])
            t.eq(kr, 0, "result")
            t.ok(answer:find(("^%d bytes at 0 of a page, sum %%d+, page%04d; 3/7/1 0"):format(
                 case[2] * PAGE, case[1])), answer)
        end
        for _, case in ipairs{{1, PAGE}, {0, PAGE + 1}, {PAGE - 1, 2}, {8, 8}, {100, 3 * PAGE}} do
            t.eq((same(t, call, at + case[1], case[2], case[1] .. " + " .. case[2])), 0, "in parts")
        end
    end)
    for i = 0, 299 do
        if memory.read(at + i * PAGE, 8) ~= ("page%04d"):format(i) then t.fail("page " .. i) break end
    end
    memory.release(at, 300 * PAGE)
end)

test("What the sender writes between two calls is in the second, whichever way they go.", function(t)
    local at = memory.allocate(4 * PAGE)
    with_server(function(call)
        for i = 1, 20 do
            memory.write(at, ("round%03d"):format(i))
            sleep(10)
            local kr, answer = call(at, 4 * PAGE, i % 3 == 0 and mach.MACH_SEND_TIMEOUT or 0)
            t.ok(kr == 0 and answer:find(("round%03d"):format(i), 1, true), answer)
        end
    end)
    memory.release(at, 4 * PAGE)
end)

test("Memory that is not simple is sent, or refused, all the same.", function(t)
    local at = memory.allocate(12 * PAGE)
    memory.write(at, ("x"):rep(4 * PAGE))
    must(mach.vm_protect(self, at + 2 * PAGE, PAGE, false, mach.VM_PROT_READ), "vm_protect")
    must(mach.vm_protect(self, at + 5 * PAGE, PAGE, false, mach.VM_PROT_NONE), "vm_protect")
    must(mach.vm_deallocate(self, at + 8 * PAGE, PAGE), "vm_deallocate")
    local host = ports.privileged_host()
    must(mach.vm_wire(host, self, at + 3 * PAGE, PAGE, 3), "vm_wire")
    ports.deallocate(host)
    with_server(function(call)
        t.eq((same(t, call, at, 4 * PAGE, "several regions")), 0)
        t.eq((same(t, call, at + 2 * PAGE, PAGE, "read-only")), 0)
        t.eq((same(t, call, at + 3 * PAGE, PAGE, "wired")), 0)
        t.eq((same(t, call, at + 9 * PAGE, 2 * PAGE, "untouched")), 0)
        t.eq((same(t, call, at + 5 * PAGE, PAGE, "not to be read")), mach.MACH_SEND_INVALID_MEMORY)
        t.eq((same(t, call, at + 7 * PAGE, 2 * PAGE, "a hole")), mach.MACH_SEND_INVALID_MEMORY)
        t.eq((same(t, call, 0xbffff000, 2 * PAGE, "the kernel's")), mach.MACH_SEND_INVALID_MEMORY)
        t.eq((same(t, call, at, 0xfffff000, "wraps round")), mach.MACH_SEND_INVALID_MEMORY)
        t.eq((same(t, call, at, 0, "nothing")), 0)
    end)
    memory.release(at, 12 * PAGE)
end)

-- Receives a message to itself at `address`, so that the page is there and can be written.
local function touch(address)
    local port = ports.allocate()
    must(mach.send{remote = port, disp = mach.MACH_MSG_TYPE_MAKE_SEND}, "send")
    must(threads.trap(mach.MACH_TRAP_mach_msg_trap, address, mach.MACH_RCV_MSG, 0, 100, port, 0, 0), "receive")
    ports.destroy(port)
end

test("The memory may be just that in which its receiver's buffer lies.", function(t)
    local at, message = memory.allocate(4 * PAGE), memory.allocate(PAGE)
    touch(message)
    for _, buffer in ipairs{at, at + 2 * PAGE, at + PAGE - 20, at + 2 * PAGE - 44} do
        local port, reply = ports.both(), ports.allocate()
        memory.write(at, ("x"):rep(4 * PAGE))
        local receiver = threads.trap_begin(mach.MACH_TRAP_mach_msg_trap, buffer, mach.MACH_RCV_MSG, 0, 400,
                                            port, 0, 0)
        threads.wait_until_waiting(receiver.thread)
        for i = 0, 3 do touch(at + i * PAGE) end
        memory.write(message, string.pack("<I4I4I4I4I4i4 I4 I4I4BBBB", COMPLEX | COPY_SEND | MAKE_ONCE << 8, 40,
                                          port, reply, 0, 7, 1, at, 4 * PAGE, 0, mach.MACH_MSG_VIRTUAL_COPY, 0,
                                          mach.MACH_MSG_OOL_DESCRIPTOR))
        local its_page = memory.allocate(2 * PAGE)
        local place = memory.allocate(4 * PAGE)
        memory.release(its_page, 2 * PAGE)
        memory.release(place, 4 * PAGE)
        local sender = threads.trap_begin(mach.MACH_TRAP_mach_msg_trap, message, BOTH, 40, 400, reply, 0, 0)
        t.eq(threads.trap_result(receiver), 0, "received")
        local _, size, remote, _, _, id, _, address, bytes = string.unpack("<I4I4I4I4I4i4I4I4I4",
                                                                           memory.read(buffer, 40))
        t.eq({size, id, bytes}, {40, 7, 4 * PAGE}, "the message")
        t.eq(memory.read(address + 3 * PAGE + 100, 9), ("x"):rep(9), "the memory")
        memory.release(address, bytes)
        t.eq(address, place, "nothing else is where it goes")
        t.eq(mach.semaphore_timedwait(sender.done, {tv_sec = 0, tv_nsec = 0}),
             mach.KERN_OPERATION_TIMED_OUT, "the sender waits for its answer")
        ports.deallocate(remote)
        threads.terminate(sender.thread)
        semaphores.destroy(sender.done, sender.never)
        memory.release(sender.page, 2 * PAGE)
        ports.deallocate(port)
        ports.destroy(port)
        ports.destroy(reply)
    end
    memory.release(at, 4 * PAGE)
    memory.release(message, PAGE)
end)
