// SPDX-License-Identifier: BSD-2-Clause
// Exception ports: whom the kernel asks about the exceptions of a thread, a task or the whole host.
#pragma once

#include <mach/exception.h>
#include "lib/base.h"

// What is to be done about one kind of exception.
struct exception_action {
    struct port *port; // send right; NULL: nobody is to be asked
    exception_behavior_t behavior;
    thread_state_flavor_t flavor;
};

// By kind. Made when the first port is set: most threads and tasks do without.
struct exception_actions {
    struct exception_action of[EXC_TYPES_COUNT];
};

// A copy; *copy is NULL when there is nothing to copy. False when memory is short.
bool exception_actions_copy(const struct exception_actions *actions, struct exception_actions **copy);
// Drops the rights and frees it; *actions becomes NULL.
void exception_actions_release(struct exception_actions **actions);
