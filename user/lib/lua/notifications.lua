-- SPDX-License-Identifier: BSD-2-Clause
-- Asking for notifications about this task's names, and fetching them. Layouts: notify.h.

local must = require "must"

local notifications = {}
local self = mach.mach_task_self()

-- Asks for a notification to a send-once right made of `notify`; gives kr and the previous right.
function notifications.request(name, id, sync, notify)
    return mach.mach_port_request_notification(self, name, id, sync, notify,
                                               mach.MACH_MSG_TYPE_MAKE_SEND_ONCE)
end

-- The first request of its kind for the name.
function notifications.ask(name, id, notify, sync)
    local kr, previous = notifications.request(name, id, sync or 0, notify)
    must(kr, "request_notification")
    if previous ~= 0 then error("there was a request before", 2) end
end

-- The next notification at `notify` as {id, number or port in it}; nil if there is none.
function notifications.fetch(notify)
    local kr, msg = mach.receive{port = notify, timeout = 0}
    if kr ~= 0 then return nil end
    if msg.id == mach.MACH_NOTIFY_PORT_DESTROYED then return {msg.id, msg.ports[1][1]} end
    if msg.id == mach.MACH_NOTIFY_SEND_ONCE then return {msg.id} end
    return {msg.id, (string.unpack("<I4", msg.body, 9))}
end

-- In a test: that there is none.
function notifications.nothing(t, notify, what)
    t.eq(notifications.fetch(notify), nil, what or "no notification")
end

return notifications
