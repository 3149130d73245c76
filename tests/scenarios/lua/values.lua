-- SPDX-License-Identifier: BSD-2-Clause
--
-- The contract of the module `mach` for scripts, second part: numbers, structures, constants, and
-- what happens with arguments of a wrong type.

local self = mach.mach_task_self()

-- The error that a call raises, without its position.
local function error_of(f, ...)
    local ok, text = pcall(f, ...)
    return not ok and text or "no error"
end

test("names, addresses, sizes, options and bits are unsigned", function(t)
    t.eq(mach.MACH_PORT_DEAD, 0xffffffff)
    t.eq(mach.MACH_MSGH_BITS_COMPLEX, 0x80000000)
    t.eq((mach.mach_port_type(self, 0xffffffff)), mach.KERN_INVALID_NAME)
    local kr, addr = mach.vm_allocate(self, 0xb0000000, 4096, false)
    t.eq({kr, addr}, {0, 0xb0000000})
    t.eq(select(2, mach.vm_region(self, 0xb0000000, mach.VM_REGION_BASIC_INFO)), 0xb0000000)
    mach.vm_deallocate(self, addr, 4096)
    t.eq((mach.vm_deallocate(self, 0xfffff000, 0xffffffff)), mach.KERN_INVALID_ADDRESS)
end)

test("kern_return_t, ids and deltas are signed", function(t)
    local _, p = mach.mach_port_allocate(self, mach.MACH_PORT_RIGHT_RECEIVE)
    mach.mach_port_insert_right(self, p, p, mach.MACH_MSG_TYPE_MAKE_SEND)
    t.eq(mach.mach_port_mod_refs(self, p, mach.MACH_PORT_RIGHT_SEND, 3), 0)
    t.eq(mach.mach_port_mod_refs(self, p, mach.MACH_PORT_RIGHT_SEND, -2), 0)
    t.eq({mach.mach_port_get_refs(self, p, mach.MACH_PORT_RIGHT_SEND)}, {0, 2})
    t.eq((mach.send{remote = p, id = -7}), 0)
    local _, msg = mach.receive{port = p, timeout = 0}
    t.eq(msg.id, -7)
    t.eq(mach.MIG_BAD_ID, -303)
    mach.mach_port_destroy(self, p)
end)

test("booleans may be Lua booleans or integers", function(t)
    for _, anywhere in ipairs {true, 1} do
        local kr, addr = mach.vm_allocate(self, 0, 4096, anywhere)
        t.eq(kr, 0)
        for _, no in ipairs {false, 0} do
            t.eq((mach.vm_allocate(self, addr, 4096, no)), mach.KERN_NO_SPACE)
        end
        mach.vm_deallocate(self, addr, 4096)
    end
end)

test("info flavors are tables with the C field names", function(t)
    local kr, info = mach.task_info(self, mach.TASK_BASIC_INFO)
    t.eq({kr, info.suspend_count, info.policy}, {0, 0, mach.POLICY_TIMESHARE})
    t.ok(info.virtual_size >= info.resident_size and info.resident_size > 0)
    t.ok(info.user_time.seconds >= 0 and info.system_time.microseconds >= 0)
    local kr, info = mach.thread_info(mach.mach_thread_self(), mach.THREAD_BASIC_INFO)
    t.eq({kr, info.suspend_count, info.run_state}, {0, 0, mach.TH_STATE_RUNNING})
    local kr, info = mach.host_info(mach.mach_host_self(), mach.HOST_BASIC_INFO)
    t.eq({kr, info.avail_cpus}, {0, 1})
    t.ok(info.memory_size > 1 << 20)
    t.eq((mach.task_info(self, 999)), mach.KERN_INVALID_ARGUMENT)
end)

test("a structure is given as a table: mach_port_set_attributes, semaphore_timedwait", function(t)
    local _, p = mach.mach_port_allocate(self, mach.MACH_PORT_RIGHT_RECEIVE)
    t.eq(mach.mach_port_set_attributes(self, p, mach.MACH_PORT_LIMITS_INFO, {mpl_qlimit = 9}), 0)
    t.eq({mach.mach_port_get_attributes(self, p, mach.MACH_PORT_LIMITS_INFO)},
         {0, {mpl_qlimit = 9}})
    local kr, status = mach.mach_port_get_attributes(self, p, mach.MACH_PORT_RECEIVE_STATUS)
    t.eq({kr, status}, {0, {
        mps_pset = 0, mps_seqno = 0, mps_mscount = 0, mps_qlimit = 9, mps_msgcount = 0,
        mps_sorights = 0, mps_srights = false, mps_pdrequest = false, mps_nsrequest = false,
        mps_flags = 0}})
    t.eq(mach.mach_port_set_attributes(self, p, mach.MACH_PORT_LIMITS_INFO, {mpl_qlimit = 0}),
         mach.KERN_INVALID_VALUE)
    mach.mach_port_destroy(self, p)
    t.eq(mach.semaphore_timedwait(0, {tv_sec = 0, tv_nsec = 0}), mach.MACH_SEND_INVALID_DEST)
end)

test("words of an info array can be given as a list or a string, for what is no structure",
     function(t)
    local _, p = mach.mach_port_allocate(self, mach.MACH_PORT_RIGHT_RECEIVE)
    local function set(words)
        return mach.mach_port_set_attributes(self, p, mach.MACH_PORT_LIMITS_INFO, words)
    end
    t.eq(set({12}), 0)
    t.eq(set(""), mach.KERN_FAILURE, "no words are too few")
    t.eq(set(string.pack("<I4", 13)), 0)
    t.eq({mach.mach_port_get_attributes(self, p, mach.MACH_PORT_LIMITS_INFO)},
         {0, {mpl_qlimit = 13}})
    mach.mach_port_destroy(self, p)
end)

test("thread_get_state and thread_set_state use the registers' names", function(t)
    local _, task = mach.task_create(self, {}, false)
    local _, thread = mach.thread_create(task)
    local kr, state = mach.thread_get_state(thread, mach.i386_THREAD_STATE)
    t.eq(kr, 0)
    state.eax, state.eip, state.uesp = 0x12345678, 0x1000, 0xbffffff0
    t.eq(mach.thread_set_state(thread, mach.i386_THREAD_STATE, state), 0)
    local kr, state = mach.thread_get_state(thread, mach.i386_THREAD_STATE)
    t.eq({kr, state.eax, state.eip, state.uesp}, {0, 0x12345678, 0x1000, 0xbffffff0})
    mach.task_terminate(task)
    mach.mach_port_deallocate(self, thread)
    mach.mach_port_deallocate(self, task)
end)

test("constants are fields of mach under their C names, unknown ones are nil", function(t)
    t.eq({mach.KERN_SUCCESS, mach.KERN_INVALID_NAME, mach.MACH_SEND_INVALID_DEST},
         {0, 15, 0x10000003})
    t.eq({mach.MACH_PORT_TYPE_DEAD_NAME, mach.VM_PROT_ALL, mach.TASK_BASIC_INFO}, {0x100000, 7, 4})
    t.eq({mach.MACH_NOTIFY_DEAD_NAME, mach.MACH_RCV_LARGE, mach.TIME_ABSOLUTE}, {72, 4, 0})
    t.eq(mach.NO_SUCH_CONSTANT, nil)
    local calls, numbers = 0, 0
    for name, value in pairs(mach) do
        if type(value) == "function" then calls = calls + 1 end
        if math.type(value) == "integer" then numbers = numbers + 1 end
    end
    t.ok(calls > 80, calls)
    t.ok(numbers > 400, numbers)
    t.eq(mach.MACH_MSGH_BITS(19, 21), 19 | 21 << 8, "and the macros that make bits")
    t.eq(mach.MACH_RCV_TRAILER_ELEMENTS(2), 0x2000000)
    t.eq(mach.MACH_PORT_TYPE(mach.MACH_PORT_RIGHT_SEND), mach.MACH_PORT_TYPE_SEND)
end)

test("mach.error_string(kr) is a sentence", function(t)
    t.ok(#mach.error_string(mach.KERN_INVALID_NAME) > 5)
    t.ok(mach.error_string(mach.KERN_INVALID_NAME) ~= mach.error_string(mach.KERN_INVALID_RIGHT))
    t.ok(mach.error_string(mach.MIG_BAD_ID) ~= mach.error_string(mach.MIG_TYPE_ERROR))
    t.ok(#mach.error_string(0x7fffffff) > 5)
end)

test("an argument of a wrong type is an error that names call, argument and type", function(t)
    t.ok(error_of(mach.vm_allocate, self, 0, "4096", true):find(
        "vm_allocate: argument 3 (size) must be an integer from 0 to 4294967295, not a string",
        1, true))
    t.ok(error_of(mach.vm_allocate, self, 0, 4096):find(
        "vm_allocate: argument 4 (anywhere) must be a boolean", 1, true))
    t.ok(error_of(mach.vm_write, self, 0, {}):find(
        "vm_write: argument 3 (data) must be a string, not a table", 1, true))
    t.ok(error_of(mach.task_create, self, 3, true):find(
        "task_create: argument 2 (ledger_ports) must be a table", 1, true))
    t.ok(error_of(mach.mach_ports_register, self, {1, "two"}):find("element 2 must be", 1, true))
    t.ok(error_of(mach.semaphore_timedwait, 0, {tv_sec = 0, tv_nsecs = 0}):find(
        "'tv_nsecs' is not a field of tvalspec_t", 1, true))
    t.ok(error_of(mach.semaphore_timedwait, 0, {tv_sec = "x"}):find(
        "tv_sec must be an integer", 1, true))
    t.ok(error_of(mach.bootstrap_get_module, 0, "a\0b"):find("without zero bytes", 1, true))
    t.ok(error_of(mach.bootstrap_get_module, 0, ("x"):rep(128)):find("at most 127 bytes", 1, true))
end)

test("an integer out of its range is an error", function(t)
    t.ok(error_of(mach.mach_port_type, self, -1):find("not the number -1", 1, true))
    t.ok(error_of(mach.mach_port_type, self, 1 << 32):find("not the number 4294967296", 1, true))
    t.ok(error_of(mach.mach_port_type, self, 1.5):find("not the number 1.5", 1, true))
    t.ok(error_of(mach.mach_port_mod_refs, self, 0, 0, 1 << 31):find("2147483647", 1, true))
    t.ok(error_of(mach.mach_port_mod_refs, self, 0, 0, -(1 << 31) - 1):find("-2147483648", 1, true))
    t.eq((mach.mach_port_type(self, 0.0)), mach.KERN_INVALID_NAME, "a float that is whole will do")
end)

test("every call of the module survives every kind of wrong argument", function(t)
    local odd = {false, true, -1, 0, 2.5, 1 << 40, "", "text", {}, {1}, {x = {}}, print,
                 coroutine.create(print)}
    local dangerous = {mach_msg = true, host_reboot = true, task_terminate = true,
                       thread_terminate = true, task_suspend = true, thread_suspend = true,
                       semaphore_wait = true, swtch_pri = true, thread_switch = true,
                       clock_sleep = true,
                       mach_reply_port = true, vm_write = true, vm_deallocate = true,
                       vm_protect = true, vm_map = true, vm_allocate = true, receive = true}
    local refused = 0
    for name, call in pairs(mach) do
        if type(call) == "function" and not dangerous[name] then
            for _, value in ipairs(odd) do
                local results = table.pack(pcall(call, value, value, value, value, value, value))
                if not results[1] then refused = refused + 1 end
            end
        end
    end
    t.ok(refused > 500, refused)
end)
