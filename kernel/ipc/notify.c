// SPDX-License-Identifier: BSD-2-Clause
// The five notifications, sent through the stubs that MIG makes of <mach/notify.defs>.
#include "ipc/port.h"

#include "ipc/kobject.h"
#include "lib/assert.h"
#include "notify_user.h"

// A notification that could not be built for want of memory: its right goes without a word.
static void drop_quietly(struct port *notify, kern_return_t kr)
{
    if (kr == KERN_SUCCESS)
        return;
    kassert(notify->sorights > 0);
    notify->sorights--;
    port_release(notify);
}

void notify_port_deleted(struct port *notify, mach_port_name_t name)
{
    drop_quietly(notify, mach_notify_port_deleted(notify, name));
}

void notify_port_destroyed(struct port *notify, struct port *port)
{
    kern_return_t kr = mach_notify_port_destroyed(notify, port, MACH_MSG_TYPE_PORT_RECEIVE);

    drop_quietly(notify, kr);
    if (kr != KERN_SUCCESS)
        port_release_right(port, MACH_MSG_TYPE_PORT_RECEIVE);
}

void notify_no_senders(struct port *notify, mach_port_mscount_t mscount)
{
    drop_quietly(notify, mach_notify_no_senders(notify, mscount));
}

void notify_send_once(struct port *unused)
{
    drop_quietly(unused, mach_notify_send_once(unused));
}

void notify_dead_name(struct port *notify, mach_port_name_t name)
{
    drop_quietly(notify, mach_notify_dead_name(notify, name));
}
