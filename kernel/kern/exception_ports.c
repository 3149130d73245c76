// SPDX-License-Identifier: BSD-2-Clause
// Setting and looking at exception ports: the calls of mach_host.defs. What is done with the ports is in
// exception.c.
#include "ipc/kobject.h"
#include "kern/exception.h"
#include "mach_host_server.h"
#include "minato_server.h"
#include "x86/context.h"

bool exception_actions_copy(const struct exception_actions *actions, struct exception_actions **copy)
{
    *copy = NULL;
    if (!actions)
        return true;
    *copy = kmalloc(sizeof(**copy));
    if (!*copy)
        return false;
    **copy = *actions;
    for (int kind = FIRST_EXCEPTION; kind < EXC_TYPES_COUNT; kind++)
        (*copy)->of[kind].port = port_copy_send(actions->of[kind].port);
    return true;
}

void exception_actions_release(struct exception_actions **actions)
{
    struct exception_actions *gone = *actions;

    *actions = NULL;
    for (int kind = FIRST_EXCEPTION; gone && kind < EXC_TYPES_COUNT; kind++)
        port_release_send(gone->of[kind].port);
    kfree(gone);
}

// Checks the arguments, and that there is something to write them to.
static kern_return_t check(struct exception_actions **actions, exception_mask_t mask,
                           const struct exception_action *action)
{
    bool state = action->behavior != EXCEPTION_DEFAULT;

    if (mask & ~EXC_MASK_ALL)
        return KERN_INVALID_ARGUMENT;
    if (action->port == PORT_DEAD)
        return KERN_INVALID_CAPABILITY;
    if (action->port && (action->behavior < EXCEPTION_DEFAULT ||
                         action->behavior > EXCEPTION_STATE_IDENTITY ||
                         (state && !machine_thread_state_settable(action->flavor))))
        return KERN_INVALID_ARGUMENT;
    if (!*actions)
        *actions = kzalloc(sizeof(**actions));
    return *actions ? KERN_SUCCESS : KERN_RESOURCE_SHORTAGE;
}

// Consumes the right in `action`.
static void set(struct exception_actions *actions, exception_mask_t mask,
                struct exception_action action)
{
    for (int kind = FIRST_EXCEPTION; kind < EXC_TYPES_COUNT; kind++)
        if (mask & 1u << kind) {
            struct port *old = actions->of[kind].port;

            actions->of[kind] = action;
            port_copy_send(action.port);
            port_release_send(old);
        }
    port_release_send(action.port);
}

static bool alike(const struct exception_action *a, const struct exception_action *b)
{
    return a->port == b->port && a->behavior == b->behavior && a->flavor == b->flavor;
}

// One element for each different action; the arrays have room for one for each kind.
static mach_msg_type_number_t get(const struct exception_actions *actions, exception_mask_t mask,
                                  exception_mask_array_t masks, ipc_port_t *ports,
                                  exception_behavior_array_t behaviors,
                                  exception_flavor_array_t flavors)
{
    static const struct exception_actions none;
    const struct exception_action *of = actions ? actions->of : none.of, *found[EXC_TYPES_COUNT];
    mach_msg_type_number_t count = 0, i;

    for (int kind = FIRST_EXCEPTION; kind < EXC_TYPES_COUNT; kind++) {
        if (!(mask & 1u << kind))
            continue;
        for (i = 0; i < count && !alike(found[i], &of[kind]); i++)
            ;
        if (i == count) {
            found[count++] = &of[kind];
            masks[i] = 0;
            ports[i] = port_copy_send(of[kind].port);
            behaviors[i] = of[kind].behavior;
            flavors[i] = of[kind].flavor;
        }
        masks[i] |= 1u << kind;
    }
    return count;
}

// ---- the calls: the same for threads, tasks and the host ----

kern_return_t thread_set_exception_ports(exceptions_t actions, exception_mask_t mask, ipc_port_t port,
                                         exception_behavior_t behavior, thread_state_flavor_t flavor)
{
    struct exception_action action = {port, behavior, flavor};
    kern_return_t kr = check(actions, mask, &action);

    if (kr == KERN_SUCCESS)
        set(*actions, mask, action);
    return kr;
}

kern_return_t thread_get_exception_ports(exceptions_t actions, exception_mask_t mask,
                                         exception_mask_array_t masks, mach_msg_type_number_t *count,
                                         ipc_port_t *ports, exception_behavior_array_t behaviors,
                                         exception_flavor_array_t flavors)
{
    if (mask & ~EXC_MASK_ALL)
        return KERN_INVALID_ARGUMENT;
    *count = get(*actions, mask, masks, ports, behaviors, flavors);
    return KERN_SUCCESS;
}

kern_return_t thread_swap_exception_ports(exceptions_t actions, exception_mask_t mask, ipc_port_t port,
                                          exception_behavior_t behavior, thread_state_flavor_t flavor,
                                          exception_mask_array_t masks, mach_msg_type_number_t *count,
                                          ipc_port_t *ports, exception_behavior_array_t behaviors,
                                          exception_flavor_array_t flavors)
{
    struct exception_action action = {port, behavior, flavor};
    kern_return_t kr = check(actions, mask, &action);

    if (kr != KERN_SUCCESS)
        return kr;
    *count = get(*actions, mask, masks, ports, behaviors, flavors);
    set(*actions, mask, action);
    return KERN_SUCCESS;
}

#define SAME(call, as) __typeof__(as) call __attribute__((alias(#as)))
SAME(task_set_exception_ports, thread_set_exception_ports);
SAME(task_get_exception_ports, thread_get_exception_ports);
SAME(task_swap_exception_ports, thread_swap_exception_ports);
SAME(host_set_exception_ports, thread_set_exception_ports);
SAME(host_get_exception_ports, thread_get_exception_ports);
SAME(host_swap_exception_ports, thread_swap_exception_ports);
