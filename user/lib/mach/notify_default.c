// SPDX-License-Identifier: BSD-2-Clause
// What a program does with notifications that it has no function for: it accepts what they bring and
// lets go of it. A program's own functions of these names take precedence.
#include <mach/mach.h>
#include <mach/notify_server.h>

__attribute__((weak)) kern_return_t do_mach_notify_port_deleted(mach_port_t notify,
                                                                mach_port_t name)
{
    (void)notify, (void)name;
    return KERN_SUCCESS;
}

__attribute__((weak)) kern_return_t do_mach_notify_port_destroyed(mach_port_t notify,
                                                                  mach_port_t rights)
{
    (void)notify;
    return mach_port_mod_refs(mach_task_self(), rights, MACH_PORT_RIGHT_RECEIVE, -1);
}

__attribute__((weak)) kern_return_t do_mach_notify_no_senders(mach_port_t notify,
                                                              mach_port_mscount_t mscount)
{
    (void)notify, (void)mscount;
    return KERN_SUCCESS;
}

__attribute__((weak)) kern_return_t do_mach_notify_send_once(mach_port_t notify)
{
    (void)notify;
    return KERN_SUCCESS;
}

__attribute__((weak)) kern_return_t do_mach_notify_dead_name(mach_port_t notify, mach_port_t name)
{
    (void)notify;
    return mach_port_deallocate(mach_task_self(), name);
}
