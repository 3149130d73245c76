// SPDX-License-Identifier: BSD-2-Clause
// Reply ports for MIG's user stubs.
//
// A thread of the library keeps one in its block and uses it again and again. A thread without a
// block (start-up code, a bare thread_create) borrows the task's spare one for the time of a call;
// when that is in use it makes another, which is destroyed after the call. A port is destroyed, too,
// when something unexpected may still arrive on it.
#include "mach/reply_port.h"
#include "threads/thread.h"

#include <mach/mach.h>

static volatile mach_port_t spare;

static mach_port_t spare_take(void)
{
    mach_port_t port = __sync_lock_test_and_set(&spare, MACH_PORT_NULL);

    return port != MACH_PORT_NULL ? port : mach_reply_port();
}

mach_port_t mig_get_reply_port(void)
{
    struct cthread *self = thread_block();

    if (self == NULL)
        return spare_take();
    if (self->reply_port == MACH_PORT_NULL)
        self->reply_port = mach_reply_port();
    return self->reply_port;
}

void mig_put_reply_port(mach_port_t reply_port)
{
    if (thread_block() != NULL)
        return;
    // If there is a spare one already, the call that destroys this one makes use of it and puts it
    // back, so this ends.
    if (!__sync_bool_compare_and_swap(&spare, MACH_PORT_NULL, reply_port))
        mig_dealloc_reply_port(reply_port);
}

void mig_dealloc_reply_port(mach_port_t reply_port)
{
    struct cthread *self = thread_block();

    if (self != NULL && self->reply_port == reply_port)
        self->reply_port = MACH_PORT_NULL;
    // Uses another reply port, made on the spot if need be.
    mach_port_mod_refs(mach_task_self(), reply_port, MACH_PORT_RIGHT_RECEIVE, -1);
}

void reply_ports_forget(void)
{
    spare = MACH_PORT_NULL;
}
