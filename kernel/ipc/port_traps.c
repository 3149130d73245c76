// SPDX-License-Identifier: BSD-2-Clause
// Traps that are short cuts for messages to a local task about its ports. Whatever they refuse, the
// message would refuse with the same code.
#include "ipc/mach_msg.h"

#include "mach_port_server.h"

#include "ipc/kobject.h"
#include "ipc/kmsg.h"
#include "ipc/space.h"
#include "kern/task.h"
#include "x86/usercopy.h"

TRAP_FUNCTION kern_return_t mach_port_allocate_trap(mach_port_name_t task_name,
                                                    mach_port_right_t right, uintptr_t name_address)
{
    struct task *task = task_from_name(task_name);
    struct space *space;
    mach_port_name_t name;
    kern_return_t kr;

    if (!task)
        return MACH_SEND_INVALID_DEST;
    space = task->space;
    space->refs++; // copying the name out may block, and the task end meanwhile
    kr = mach_port_allocate(space, right, &name);
    if (kr == KERN_SUCCESS && !user_word_put(name_address, name)) {
        mach_port_destroy(space, name);
        kr = KERN_INVALID_ADDRESS;
    }
    space_release(space);
    return kr;
}

TRAP_FUNCTION kern_return_t mach_port_deallocate_trap(mach_port_name_t task_name,
                                                      mach_port_name_t name)
{
    struct task *task = task_from_name(task_name);

    return task ? mach_port_deallocate(task->space, name) : MACH_SEND_INVALID_DEST;
}

// As the message would: the right is taken from the caller first, and destroyed when it cannot be
// inserted.
TRAP_FUNCTION kern_return_t mach_port_insert_right_trap(mach_port_name_t task_name,
                                                        mach_port_name_t name,
                                                        mach_port_name_t right,
                                                        mach_msg_type_name_t type)
{
    struct task *task = task_from_name(task_name);
    struct port *port = (struct port *)(uintptr_t)right;
    struct space *space;
    kern_return_t kr;

    if (!task)
        return MACH_SEND_INVALID_DEST;
    if (!MACH_MSG_TYPE_PORT_ANY(type))
        return MACH_SEND_INVALID_TYPE;
    space = task->space;
    if (right != MACH_PORT_NULL && right != MACH_PORT_DEAD &&
        right_copyin(current_space(), right, type, &port) != KERN_SUCCESS)
        return MACH_SEND_INVALID_RIGHT;
    kr = mach_port_insert_right(space, name, port, right_carried(type));
    if (kr != KERN_SUCCESS)
        port_release_right(port, right_carried(type));
    return kr;
}
