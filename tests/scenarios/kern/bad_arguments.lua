-- SPDX-License-Identifier: BSD-2-Clause
-- timeout: 300
-- Every call of the kernel's interfaces with boundary values in each argument: the answer is one of
-- the codes that its .defs document, a call that fails changes nothing, and the kernel lives on.
-- The calls are done to a task made for it. A call of the module that is not in the table is a
-- failure, so that new ones are not forgotten. Contracts: include/mach/*.defs.

local must, ports, counts = require "must", require "ports", require "counts"
local tasks, threads, pager = require "tasks", require "threads", require "pager"
local allocate = ports.allocate

local self, host = mach.mach_task_self(), mach.mach_host_self()
local RECEIVE, SET, DEAD_NAME = mach.MACH_PORT_RIGHT_RECEIVE, mach.MACH_PORT_RIGHT_PORT_SET,
    mach.MACH_PORT_RIGHT_DEAD_NAME
local PAGE, BASE = 4096, 0x200000

local _, _, device = mach.bootstrap_ports(mach.bootstrap_port)

-- The sweep may move rights for the host away: never the last one.
must(mach.mach_port_mod_refs(self, host, mach.MACH_PORT_RIGHT_SEND, 1000), "mod_refs")

math.randomseed(20240229)

-- ---- the world that the calls are done to ----
-- w.task, w.thread, w.semaphore, w.locks: the objects; w.control: of memory that w.pager has; w.port, w.set, w.dead, w.once, w.receive: names of
-- ours; w.their: names in the task.

local function world_new()
    local w, kr = {task = tasks.create()}
    w.thread = threads.create(w.task)
    kr, w.semaphore = mach.semaphore_create(w.task, mach.SYNC_POLICY_FIFO, 1000000)
    must(kr, "semaphore_create")
    kr, w.locks = mach.lock_set_create(w.task, 3, mach.SYNC_POLICY_FIFO)
    must(kr, "lock_set_create")
    w.pager = pager.new()
    w.pager:map(w.task, {at = BASE + 16 * PAGE})
    w.pager:receive()
    must(w.pager:ready(), "change_attributes")
    w.control = w.pager.control
    -- Rights that a call moves away must not be the last ones.
    for _, name in ipairs{w.task, w.thread, w.semaphore, w.locks, w.control} do
        must(mach.mach_port_mod_refs(self, name, mach.MACH_PORT_RIGHT_SEND, 1000), "mod_refs")
    end
    w.bootstrap, w.device = mach.bootstrap_port, device
    kr, w.clock = mach.host_get_clock_service(host, 0)
    must(kr, "host_get_clock_service")
    w.port, w.set, w.dead, w.receive = ports.both(), allocate(SET), allocate(DEAD_NAME), allocate()
    w.once = ports.once(w.receive)
    w.their = {receive = allocate(RECEIVE, w.task), set = allocate(SET, w.task),
               dead = allocate(DEAD_NAME, w.task), send = 0x7000700}
    must(mach.mach_port_insert_right(w.task, w.their.send, w.port, mach.MACH_MSG_TYPE_COPY_SEND),
         "insert_right")
    must((mach.vm_allocate(w.task, BASE, 4 * PAGE, false)), "vm_allocate")
    must(mach.vm_write(w.task, BASE, "contents"), "vm_write")
    must(mach.vm_protect(w.task, BASE + 3 * PAGE, PAGE, true, mach.VM_PROT_READ), "vm_protect")
    return w
end

local function names()
    local kr, list, types = mach.mach_port_names(self)
    must(kr, "mach_port_names")
    local found = {}
    for i, name in ipairs(list) do
        local refs = 1
        if types[i] & mach.MACH_PORT_TYPE_SEND ~= 0 then
            refs = select(2, mach.mach_port_get_refs(self, name, mach.MACH_PORT_RIGHT_SEND))
        elseif types[i] & mach.MACH_PORT_TYPE_DEAD_NAME ~= 0 then
            refs = select(2, mach.mach_port_get_refs(self, name, mach.MACH_PORT_RIGHT_DEAD_NAME))
        end
        found[name] = ("%x %d"):format(types[i], refs)
    end
    return found
end

-- What of our space must not change when a call fails, in one call.
local function name_counts()
    local c = counts.task()
    return {c.names_send, c.names_receive, c.names_send_once, c.names_port_set, c.names_dead,
            c.urefs_total, c.messages_queued, c.threads, c.semaphores}
end

-- Gives up what has come to our space since `before`, and user references that were added.
local function clean_up(before)
    for name, is in pairs(names()) do
        local was = before[name]
        if not was then
            local _, info = mach.minato_port_info(self, name)
            if info.object == mach.MINATO_OBJECT_TASK then mach.task_terminate(name) end
            if info.object == mach.MINATO_OBJECT_THREAD then mach.thread_terminate(name) end
            mach.mach_port_destroy(self, name)
        elseif was ~= is and was:match("^%x+") == is:match("^%x+") then
            local more = tonumber(is:match("%d+$")) - tonumber(was:match("%d+$"))
            local right = mach.MACH_PORT_RIGHT_SEND
            if tonumber(is:match("^%x+"), 16) & mach.MACH_PORT_TYPE_DEAD_NAME ~= 0 then
                right = mach.MACH_PORT_RIGHT_DEAD_NAME
            end
            mach.mach_port_mod_refs(self, name, right, -more)
        end
    end
end

-- ---- boundary values by kind of argument ----

local NUMBERS = {0, 1, 2, 3, 7, 8, 15, 16, 0x7fffffff, 0x80000000, 0xffffffff}
local SIGNED = {0, 1, -1, 2, 3, 7, 8, 255, 256, 0x7fffffff, -0x80000000}

local function kernel_ports(w) -- what any call may be sent to without an answer being owed by us
    return {w.task, w.thread, host, w.semaphore, w.clock, w.control, mach.name_server_port, w.bootstrap,
            w.device, w.dead, w.set, 0, 1, 0x80000000, 0xffffffff, 0x7777701, w.receive}
end

local function port_arguments(w)
    return {0, 1, 0x80000000, 0xffffffff, 0x7777701, w.port, w.dead, w.set, w.task, w.thread, host,
            w.semaphore, w.receive}
end

local function their_names(w)
    return {0, 1, 0x80000000, 0xffffffff, 0xfffffffe, 0x7777701, 0x100, w.their.receive,
            w.their.set,
            w.their.dead, w.their.send, w.their.receive + 1, w.their.receive ~ 0x80}
end

local KINDS = {
    port = port_arguments,
    name = their_names,
    dest = kernel_ports,
    number = function() return NUMBERS end,
    int = function() return SIGNED end,
    bool = function() return {0, 1, 2, 0x7fffffff} end,
    address = function()
        return {0, 1, PAGE - 1, PAGE, BASE, BASE + 5, BASE + 3 * PAGE, BASE + 4 * PAGE, 0xbffff000,
                0xbfffffff, 0xc0000000, 0xfffff000, 0xffffffff}
    end,
    size = function()
        return {0, 1, PAGE, 2 * PAGE + 1, 5 * PAGE, 0x7fffffff, 0x80000000, 0xbfffffff, 0xfffff000,
                0xffffffff}
    end,
    bytes = function() return {"", "x", ("y"):rep(PAGE + 1)} end,
    ports = function(w) return {{}, {0}, {w.port}, {w.port, w.dead, 0}, {0xffffffff}, {w.set}, {1},
                                {w.port, w.port, w.port, w.port}} end,
    addresses = function() return {{}, {0}, {BASE}, {0xc0000000}, {0xffffffff}, {BASE, BASE}} end,
    place = function() return {mach.EMULATION_VECTOR_INT80, 0, 0x7f, 0x81, -1, -0x80000000} end,
    disposition = function() return {0, 1, 14, 15, 16, 17, 18, 19, 20, 21, 22, 255, 0xffffffff} end,
    flavor = function() return SIGNED end,
    words = function() return {{}, {1}, {64, 10}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}} end,
    time = function()
        return {{tv_sec = 0, tv_nsec = 0}, {tv_sec = 0, tv_nsec = -1},
                {tv_sec = 0, tv_nsec = 1000000000},
                {tv_sec = 0, tv_nsec = 0x7fffffff}}
    end,
    time_value = function()
        return {{seconds = -1, microseconds = 0}, {seconds = 0, microseconds = -1},
                {seconds = 0, microseconds = 1000000}, {seconds = 1, microseconds = 0x7fffffff},
                {seconds = 1, microseconds = -0x80000000}, {seconds = -0x80000000, microseconds = 0}}
    end,
    limits = function() -- none is higher than what a task without limits has
        local most = mach.MINATO_UNLIMITED
        return {{tasks = most, threads = most, names = most, objects = most, map_entries = most,
                 message_bytes = most, pages = most}}
    end,
    qos = function() return {{flags = 0}, {flags = 1}, {flags = 2}, {flags = 0xffffffff}} end,
    name_text = function() return {"", "a", ("n"):rep(31), ("n"):rep(200)} end,
    module_name = function() return {"", "nothing of that name", ("n"):rep(127),
                                     ("n"):rep(300)} end,
}

-- ---- the calls ----
-- Kinds of the arguments after the first, which is the port called (`dest`); then the codes that it
-- may answer besides those of COMMON. `on`: which of the world's ports is the right first argument.

local K = mach
local COMMON = {0, K.KERN_INVALID_ARGUMENT, K.MACH_SEND_INVALID_DEST, K.MIG_BAD_ID,
                K.MACH_SEND_INVALID_RIGHT, K.KERN_RESOURCE_SHORTAGE, K.MIG_ARRAY_TOO_LARGE}
-- A disposition that does not exist, or one that brings another kind of right.
local POLY = {K.MACH_SEND_INVALID_TYPE, K.MIG_BAD_ARGUMENTS}
local SPACE = {K.KERN_INVALID_NAME, K.KERN_INVALID_RIGHT, K.KERN_INVALID_VALUE, K.KERN_INVALID_TASK}
local DEVICE = {K.KERN_INVALID_VALUE, K.KERN_NO_ACCESS}
local MEMORY = {K.KERN_INVALID_ADDRESS, K.KERN_PROTECTION_FAILURE, K.KERN_NO_SPACE}

local function all(...)
    local list = {}
    for _, part in ipairs{...} do
        for _, code in ipairs(type(part) == "table" and part or {part}) do
            list[#list + 1] = code
        end
    end
    return list
end

local function call(on, kinds, codes)
    local list = {}
    for kind in kinds:gmatch("%S+") do list[#list + 1] = kind end
    return {on = on, kinds = list, codes = codes or {}}
end

local CALLS = {
    -- mach.defs
    task_create = call("task", "ports bool", {K.KERN_INVALID_LEDGER}),
    vm_region = call("task", "address flavor", MEMORY),
    task_terminate = call("", ""),
    task_get_emulation_vector = call("task", ""),
    task_set_emulation_vector = call("task", "place addresses", {K.KERN_INVALID_ADDRESS}),
    task_threads = call("task", ""),
    thread_terminate = call("", ""),
    thread_get_state = call("thread", "flavor"),
    thread_set_state = call("thread", "flavor words"),
    vm_allocate = call("task", "address size bool", MEMORY),
    vm_deallocate = call("task", "address size", MEMORY),
    vm_protect = call("task", "address size bool number", MEMORY),
    vm_inherit = call("task", "address size int", MEMORY),
    vm_read = call("task", "address size", MEMORY),
    vm_write = call("task", "address bytes", MEMORY),
    vm_copy = call("task", "address size address", MEMORY),
    vm_msync = call("task", "address size number", MEMORY),
    vm_behavior_set = call("task", "address size int", MEMORY),
    vm_machine_attribute = call("task", "address size number int", all(MEMORY, K.KERN_NOT_SUPPORTED)),
    task_wire = call("task", "bool"),
    memory_object_get_attributes = call("control", "flavor"),
    memory_object_change_attributes = call("control", "flavor words port"),
    memory_object_data_supply = call("control", "number bytes number bool port"),
    memory_object_data_unavailable = call("control", "number size"),
    memory_object_data_error = call("control", "number size int"),
    memory_object_lock_request = call("control", "number size int bool number port"),
    memory_object_synchronize_completed = call("control", "number size"),
    memory_object_destroy = call("control", "int"),
    mach_ports_register = call("task", "ports"),
    mach_ports_lookup = call("task", ""),
    task_suspend = call("task", ""),
    task_resume = call("task", "", {K.KERN_FAILURE}),
    task_get_special_port = call("task", "int"),
    task_set_special_port = call("task", "int port"),
    thread_create = call("task", ""),
    thread_suspend = call("thread", ""),
    thread_resume = call("", "", {K.KERN_FAILURE}),
    thread_abort = call("thread", ""),
    thread_get_special_port = call("thread", "int"),
    thread_set_special_port = call("thread", "int port"),
    task_set_emulation = call("task", "address place", {K.KERN_INVALID_ADDRESS}),
    thread_abort_safely = call("thread", ""),
    vm_map = call("task", "address size number bool port number bool number number int",
                  all(MEMORY, K.KERN_INVALID_OBJECT)),
    thread_create_running = call("", "flavor words"),
    task_info = call("task", "number", {K.KERN_INVALID_POLICY}),
    thread_info = call("thread", "number", {K.KERN_INVALID_POLICY}),
    -- mach_port.defs
    mach_port_names = call("task", "", SPACE),
    mach_port_type = call("task", "name", SPACE),
    mach_port_rename = call("task", "name name", all(SPACE, K.KERN_NAME_EXISTS)),
    mach_port_allocate_name = call("task", "number name", all(SPACE, K.KERN_NAME_EXISTS)),
    mach_port_allocate = call("task", "number", all(SPACE, K.KERN_NO_SPACE)),
    mach_port_allocate_qos = call("task", "number qos name",
                                  all(SPACE, K.KERN_NAME_EXISTS, K.KERN_NO_SPACE)),
    mach_port_allocate_full = call("task", "number port qos name",
                                   all(SPACE, K.KERN_NAME_EXISTS, K.KERN_NO_SPACE)),
    mach_port_destroy = call("task", "name", SPACE),
    mach_port_deallocate = call("task", "name", SPACE),
    mach_port_get_refs = call("task", "name number", SPACE),
    mach_port_mod_refs = call("task", "name number int", all(SPACE, K.KERN_UREFS_OVERFLOW)),
    mach_port_set_mscount = call("task", "name number", SPACE),
    mach_port_get_set_status = call("task", "name", SPACE),
    mach_port_move_member = call("task", "name name", all(SPACE, K.KERN_NOT_IN_SET)),
    mach_port_insert_member = call("task", "name name", all(SPACE, K.KERN_ALREADY_IN_SET)),
    mach_port_extract_member = call("task", "name name", all(SPACE, K.KERN_NOT_IN_SET)),
    mach_port_request_notification = call("task", "name int number port disposition",
                                          all(SPACE, POLY, K.KERN_INVALID_CAPABILITY)),
    mach_port_insert_right = call("task", "name port disposition",
                                  all(SPACE, POLY, K.KERN_NAME_EXISTS, K.KERN_RIGHT_EXISTS,
                                      K.KERN_INVALID_CAPABILITY, K.KERN_UREFS_OVERFLOW)),
    mach_port_extract_right = call("task", "name disposition", SPACE),
    mach_port_set_seqno = call("task", "name number", SPACE),
    mach_port_get_attributes = call("task", "name flavor", all(SPACE, K.KERN_FAILURE)),
    mach_port_set_attributes = call("task", "name flavor words", all(SPACE, K.KERN_FAILURE)),
    -- mach_host.defs
    host_kernel_version = call("host", ""),
    host_get_time = call("host", ""),
    host_set_time = call("host", "time_value", {K.KERN_INVALID_HOST}),
    host_reboot = call("host", "int", {K.KERN_INVALID_HOST}),
    thread_set_exception_ports = call("thread", "number port int flavor", {K.KERN_INVALID_CAPABILITY}),
    task_set_exception_ports = call("task", "number port int flavor", {K.KERN_INVALID_CAPABILITY}),
    thread_get_exception_ports = call("thread", "number"),
    task_get_exception_ports = call("task", "number"),
    thread_swap_exception_ports = call("thread", "number port int flavor",
                                       {K.KERN_INVALID_CAPABILITY}),
    host_set_exception_ports = call("host", "number port int flavor", {K.KERN_INVALID_HOST}),
    host_get_exception_ports = call("host", "number", {K.KERN_INVALID_HOST}),
    host_swap_exception_ports = call("host", "number port int flavor", {K.KERN_INVALID_HOST}),
    task_swap_exception_ports = call("task", "number port int flavor", {K.KERN_INVALID_CAPABILITY}),
    host_info = call("host", "flavor", {K.KERN_FAILURE}),
    host_get_boot_info = call("host", "", {K.KERN_INVALID_HOST}),
    host_statistics = call("host", "flavor", {K.KERN_FAILURE}),
    host_page_size = call("host", ""),
    host_default_memory_manager = call("host", "port size", {K.KERN_INVALID_HOST}),
    vm_wire = call("host", "port address size number", {K.KERN_INVALID_HOST}),
    vm_remap = call("task", "address size number bool port address bool int", MEMORY),
    task_policy = call("task", "int words bool bool", {K.KERN_INVALID_POLICY, K.KERN_POLICY_LIMIT}),
    thread_policy = call("thread", "int words bool", {K.KERN_INVALID_POLICY, K.KERN_POLICY_LIMIT}),
    thread_wire = call("host", "port bool", {K.KERN_INVALID_HOST}),
    task_set_policy = call("task", "port int words words bool",
                           {K.KERN_INVALID_POLICY, K.KERN_POLICY_LIMIT,
                            K.KERN_INVALID_PROCESSOR_SET}),
    thread_set_policy = call("thread", "port int words words",
                             {K.KERN_INVALID_POLICY, K.KERN_POLICY_LIMIT,
                              K.KERN_INVALID_PROCESSOR_SET}),
    thread_depress_abort = call("thread", "", {K.KERN_NOT_DEPRESSED}),
    task_set_info = call("task", "flavor words"),
    -- sync.defs
    semaphore_create = call("task", "int int"),
    semaphore_destroy = call("task", "port", {K.KERN_TERMINATED, K.KERN_INVALID_RIGHT}),
    semaphore_signal = call("semaphore", "", {K.KERN_FAILURE}),
    semaphore_signal_all = call("", ""),
    semaphore_wait = call("semaphore", ""),
    semaphore_timedwait = call("semaphore", "time", {K.KERN_INVALID_VALUE,
                                                     K.KERN_OPERATION_TIMED_OUT}),
    semaphore_signal_thread = call("semaphore", "port", {K.KERN_NOT_WAITING}),
    semaphore_wait_signal = call("semaphore", "port", {K.KERN_FAILURE, K.KERN_TERMINATED}),
    semaphore_timedwait_signal = call("semaphore", "port time",
                                      {K.KERN_FAILURE, K.KERN_TERMINATED, K.KERN_INVALID_VALUE,
                                       K.KERN_OPERATION_TIMED_OUT}),
    lock_set_create = call("task", "int int"),
    lock_set_destroy = call("task", "port", {K.KERN_LOCK_SET_DESTROYED, K.KERN_INVALID_RIGHT}),
    lock_acquire = call("locks", "int", {K.KERN_LOCK_OWNED_SELF}),
    lock_release = call("locks", "int", {K.KERN_INVALID_RIGHT}),
    lock_try = call("locks", "int", {K.KERN_LOCK_OWNED_SELF}),
    lock_make_stable = call("locks", "int", {K.KERN_INVALID_RIGHT}),
    lock_handoff = call("locks", "int", {K.KERN_INVALID_RIGHT}),
    lock_handoff_accept = call("", "int"), -- of a lock it would wait for ever
    -- clock.defs
    host_get_clock_service = call("host", "int"),
    clock_get_time = call("clock", ""),
    clock_get_attributes = call("clock", "flavor", {K.KERN_INVALID_VALUE, K.KERN_FAILURE}),
    host_get_clock_control = call("host", "int", {K.KERN_INVALID_HOST}),
    clock_map_time = call("clock", "", {K.KERN_FAILURE}),
    clock_set_time = call("clock", "time"), -- the right to read it only
    clock_set_attributes = call("clock", "flavor words", {K.KERN_INVALID_VALUE}),
    clock_alarm = call("clock", "int time port", {K.KERN_INVALID_CAPABILITY}),
    -- minato.defs
    minato_task_counts = call("task", ""),
    minato_host_counts = call("host", ""),
    minato_host_set_seed = call("host", "number", {K.KERN_INVALID_HOST}),
    minato_port_info = call("task", "name", SPACE),
    minato_task_set_name = call("task", "name_text"),
    minato_task_get_limits = call("task", ""),
    minato_task_name = call("task", ""),
    minato_thread_wait = call("thread", ""),
    minato_host_tasks = call("host", "", {K.KERN_INVALID_HOST}),
    minato_trace_set = call("host", "number number", {K.KERN_INVALID_HOST}),
    minato_trace_read = call("host", "", {K.KERN_INVALID_HOST}),
    minato_vm_region = call("task", "address", MEMORY),
    minato_port_messages = call("task", "name", SPACE),
    minato_task_set_limits = call("task", "port limits", {K.KERN_INVALID_HOST}),
    -- device_io.defs
    device_io_subset = call("device", "number number number", DEVICE),
    device_io_port_grant = call("device", "port number number", DEVICE),
    device_memory_subset = call("device", "number number", DEVICE),
    device_join = call("device", "port", {K.KERN_NO_SPACE}),
    device_memory_map = call("device", "port number number address bool", all(DEVICE, MEMORY)),
    device_dma_allocate = call("device", "port size", all(DEVICE, MEMORY)),
    device_interrupt_attach = call("device", "number port disposition",
                                   all(DEVICE, POLY, K.KERN_INVALID_CAPABILITY,
                                       K.KERN_ALREADY_WAITING)),
    device_interrupt_ack = call("device", "number", all(DEVICE, K.KERN_FAILURE)),
    device_interrupt_detach = call("device", "number", all(DEVICE, K.KERN_FAILURE)),
    -- bootstrap.defs, answered by the kernel for its own port, by bootstrap for ours
    bootstrap_ports = call("bootstrap", ""),
    bootstrap_arguments = call("bootstrap", "port"),
    bootstrap_completed = call("bootstrap", "port"),
    bootstrap_get_module = call("bootstrap", "module_name", {K.BOOTSTRAP_UNKNOWN_SERVICE}),
}

-- Not calls on a port, or with a file of their own (clock.lua, thread_switch.lua,
-- bad_messages.lua); vm_read_overwrite writes over our own memory (vm/remap.lua).
local OTHERS = {}
for name in ([[MACH_MSGH_BITS MACH_PORT_TYPE MACH_RCV_TRAILER_ELEMENTS MACH_RCV_TRAILER_TYPE
    clock_sleep error_string mach_host_self mach_msg mach_msg_overwrite
    mach_reply_port
    mach_task_self
    mach_thread_self receive rpc seed send swtch swtch_pri thread_switch vm_read_overwrite]]):gmatch("%S+") do
    OTHERS[name] = true
end

test("Each call that the module has is covered here.", function(t)
    for name, value in pairs(mach) do
        if type(value) == "function" and not CALLS[name] and not OTHERS[name] then
            t.fail("no bad input for " .. name .. ": add it to the table")
        end
    end
    for name in pairs(CALLS) do t.ok(mach[name], name .. " is not in the module any more") end
end)

-- ---- the sweep ----

local function allowed(code, entry)
    for _, c in ipairs(COMMON) do if c == code then return true end end
    for _, c in ipairs(entry.codes) do if c == code then return true end end
    return false
end

local function shown(arguments)
    local list = {}
    for i, value in ipairs(arguments) do
        list[i] = math.type(value) == "integer" and ("%#x"):format(value & 0xffffffff)
            or type(value) == "string" and ("%d bytes"):format(#value) or tostring(value)
    end
    return table.concat(list, ", ")
end

-- The disposition of a right that leaves a trace with us even if the call is refused, since it is
-- moved to it or made for it: nil if it carries none.
local function carried(entry, arguments)
    if entry == CALLS.clock_alarm then return mach.MACH_MSG_TYPE_MAKE_SEND_ONCE end
    if entry == CALLS.host_default_memory_manager then return mach.MACH_MSG_TYPE_MAKE_SEND end
    for i, kind in ipairs(entry.kinds) do
        local value = arguments[i + 1]
        if kind == "disposition" and value >= 16 and value <= 21 and value ~= 19 then
            return value
        end
    end
end

-- Start, size and attributes of each region of the task.
local function regions(task)
    local found, address = {}, 0
    while true do
        local kr, start, size, info = mach.vm_region(task, address, mach.VM_REGION_BASIC_INFO)
        if kr ~= 0 then return found end
        found[#found + 1] = {start, size, info}
        address = start + size
    end
end

-- What a call that fails must not change.
local function fingerprint(w)
    local task, thread = counts.task(w.task), {mach.thread_info(w.thread, mach.THREAD_BASIC_INFO)}
    task.resident_pages = nil -- a page may be looked at
    return {ours = {name_counts(), {mach.minato_port_info(self, w.port)}},
            theirs = {task, thread[2] and {thread[2].suspend_count, thread[2].policy},
                      {mach.thread_info(w.thread, mach.THREAD_SCHED_TIMESHARE_INFO)},
                      select(2, mach.task_info(w.task, mach.TASK_BASIC_INFO)).suspend_count,
                      {mach.mach_port_names(w.task)}, regions(w.task),
                      {mach.vm_read(w.task, BASE, 8)}}}
end

local function same(a, b)
    if type(a) ~= "table" or type(b) ~= "table" then return a == b end
    for k, v in pairs(a) do if not same(v, b[k]) then return false end end
    for k in pairs(b) do if a[k] == nil then return false end end
    return true
end

-- One call; the arguments that the module itself refuses do not count. Returns whether it was made,
-- and what is now.
local function try(t, name, entry, w, arguments, before)
    local ok, kr = pcall(mach[name], table.unpack(arguments))
    if not ok then return false, before end
    if not allowed(kr, entry) then
        t.fail(("%s(%s) answered %#x, %s"):format(name, shown(arguments), kr & 0xffffffff,
                                                  mach.error_string(kr)))
    end
    local after, right = fingerprint(w), carried(entry, arguments)
    if kr ~= 0 and not right and not same(after.ours, before.ours) then
        t.fail(("%s(%s) failed and changed our names"):format(name, shown(arguments)))
    end
    -- When a receive right is destroyed its send rights die, in the task too.
    if kr ~= 0 and right ~= mach.MACH_MSG_TYPE_MOVE_RECEIVE
        and not same(after.theirs, before.theirs) then
        t.fail(("%s(%s) failed and changed the task"):format(name, shown(arguments)))
    end
    return true, after
end

-- Plain values: the ones that a call gets in the other arguments while one varies.
local PLAIN = {port = function(w) return w.port end, name = function(w) return w.their.receive end,
               number = function() return 1 end, int = function() return 1 end,
               bool = function() return 1 end, address = function() return BASE end,
               size = function() return PAGE end, bytes = function() return "bytes" end,
               ports = function() return {} end, addresses = function() return {BASE} end,
               place = function() return mach.EMULATION_VECTOR_INT80 end,
               disposition = function() return mach.MACH_MSG_TYPE_COPY_SEND end,
               flavor = function() return 1 end, words = function() return {64} end,
               time = function() return {tv_sec = 0, tv_nsec = 0} end,
               limits = function() return select(2, mach.minato_task_get_limits(self)) end,
               time_value = function()
        return {{seconds = -1, microseconds = 0}, {seconds = 0, microseconds = -1},
                {seconds = 0, microseconds = 1000000}, {seconds = 1, microseconds = 0x7fffffff},
                {seconds = 1, microseconds = -0x80000000}, {seconds = -0x80000000, microseconds = 0}}
    end,
    qos = function() return {flags = 1} end,
    name_text = function() return "name" end, module_name = function() return "none" end}

local function sweep(t, name, entry)
    local tried, before, w, pristine = 0, names(), nil, nil
    local function finish()
        mach.task_terminate(w.task)
        mach.device_interrupt_detach(device, 8) -- if that line has been attached
    end
    local function fresh()
        if w then finish() end
        clean_up(before)
        w = world_new()
        pristine = fingerprint(w)
    end
    local function plain()
        local arguments = {w[entry.on] or host}
        for i, kind in ipairs(entry.kinds) do arguments[i + 1] = PLAIN[kind](w) end
        return arguments
    end
    local function one(arguments)
        local made, after = try(t, name, entry, w, arguments, pristine)
        if made then tried = tried + 1 end
        if not same(after, pristine) then fresh() end
    end
    fresh()
    for i in ipairs(kernel_ports(w)) do
        local port = kernel_ports(w)[i]
        if entry.on ~= "" or (port ~= w.task and port ~= w.thread and port ~= w.semaphore) then
            local arguments = plain()
            arguments[1] = port
            one(arguments)
        end
    end
    for i, kind in ipairs(entry.on ~= "" and entry.kinds or {}) do
        for k in ipairs(KINDS[kind](w)) do
            local arguments = plain()
            arguments[i + 1] = KINDS[kind](w)[k]
            one(arguments)
        end
    end
    for _ = 1, #entry.kinds > 1 and entry.on ~= "" and 20 or 0 do
        local arguments = plain()
        for i, kind in ipairs(entry.kinds) do
            local values = KINDS[kind](w)
            arguments[i + 1] = values[math.random(#values)]
        end
        one(arguments)
    end
    finish()
    return tried
end

local order = {}
for name in pairs(CALLS) do order[#order + 1] = name end
table.sort(order)

for _, name in ipairs(order) do
    test(name .. " answers boundary values with documented codes and changes nothing.", function(t)
        local before, objects = names(), counts.objects()
        local tried = sweep(t, name, CALLS[name])
        t.ok(tried > 5, "calls made: " .. tried)
        clean_up(before)
        collectgarbage()
        t.eq(counts.objects(), objects, "objects afterwards")
    end)
end
