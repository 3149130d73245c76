// SPDX-License-Identifier: BSD-2-Clause
// Rights under their names: what the calls on a task's port space do to one entry.
//
// An entry's type says what it holds: a port set; a dead name; a send-once right; or a send right, a
// receive right or both for one port. Every entry that holds a port has one reference to it, and every
// entry with a send right is in the space's hash.
#pragma once

#include <mach/message.h>
#include <mach/port.h>
#include "ipc/port.h"
#include "ipc/space.h"

// The entry of a name that must denote something (KERN_INVALID_NAME), or a right of type `type`
// (KERN_INVALID_RIGHT), in a space that is alive (KERN_INVALID_TASK).
kern_return_t find_entry(struct space *space, mach_port_name_t name, struct entry **entry);
kern_return_t find_right(struct space *space, mach_port_name_t name, mach_port_type_t type,
                         struct entry **entry);
// Turns an entry whose port has died into a dead name; returns it.
struct entry *right_check_dead(struct space *space, struct entry *entry);
// The port under `name`, where a dead-name request is registered, has died: the request is taken out
// (not freed), the name becomes dead and gains the user reference that the notification stands for.
void right_port_died(struct space *space, mach_port_name_t name);

// mach_port_destroy: everything under the name goes, and the name with it.
void right_destroy(struct space *space, struct entry *entry);
// mach_port_deallocate: one user reference. KERN_INVALID_RIGHT: a receive right or set alone.
kern_return_t right_deallocate_last(struct space *space, struct entry *entry);
static inline kern_return_t right_deallocate(struct space *space, struct entry *entry)
{
    if (!(entry->type & MACH_PORT_TYPE_SEND) || entry->urefs == 1)
        return right_deallocate_last(space, entry);
    entry->urefs--;
    return KERN_SUCCESS;
}
// mach_port_mod_refs. KERN_INVALID_RIGHT, KERN_INVALID_VALUE, KERN_UREFS_OVERFLOW.
kern_return_t right_delta(struct space *space, struct entry *entry, mach_port_right_t right,
                          mach_port_delta_t delta);
// mach_port_insert_right: consumes the carried right `type` of `port` (valid) on success only.
// KERN_NAME_EXISTS, KERN_RIGHT_EXISTS, KERN_UREFS_OVERFLOW, KERN_RESOURCE_SHORTAGE.
kern_return_t right_insert(struct space *space, mach_port_name_t name, struct port *port,
                           mach_msg_type_name_t type);
// One more user reference of the send right that the space has for `port`, a live one; false: it has
// none.
bool right_add_reference(struct space *space, const struct port *port, mach_port_name_t *name);
// mach_port_rename. KERN_NAME_EXISTS, KERN_RESOURCE_SHORTAGE.
kern_return_t right_rename(struct space *space, struct entry *entry, mach_port_name_t name);
// What mach_port_allocate makes, under a new name (MACH_PORT_NULL: the kernel chooses): a receive right for
// a new port, an empty set, or a dead name with one user reference. KERN_INVALID_TASK, KERN_INVALID_VALUE
// (another `right`), KERN_NAME_EXISTS, KERN_NO_SPACE, KERN_RESOURCE_SHORTAGE.
kern_return_t right_allocate(struct space *space, mach_port_right_t right, mach_port_name_t *name);

// Registers `notify` (a send-once right, consumed on success; NULL: cancels) for the death of the
// entry's port; *previous gets the right that was registered before, or NULL. `sync`: fire at once for
// a dead name. KERN_INVALID_RIGHT, KERN_INVALID_ARGUMENT (dead name without sync),
// KERN_UREFS_OVERFLOW, KERN_RESOURCE_SHORTAGE.
kern_return_t right_request_dead_name(struct space *space, struct entry *entry, bool sync,
                                      struct port *notify, struct port **previous);

// ---- taking rights for messages: promise them all, then take them all (copyin.c) ----
// Promises one right of the kind that disposition `type` takes from the entry (up to date, as
// space_lookup gives it). False: it has none left.
bool right_promise(struct entry *entry, mach_msg_type_name_t type);
void right_unpromise(struct entry *entry, mach_msg_type_name_t type);
// Whether a disposition leaves its source as it was: those must be taken before any that does not.
static inline bool right_keeps_source(mach_msg_type_name_t type)
{
    return type >= MACH_MSG_TYPE_COPY_SEND;
}
// Takes a promised right; cannot fail. PORT_DEAD for a dead name.
struct port *right_take(struct space *space, struct entry *entry, mach_msg_type_name_t type);
