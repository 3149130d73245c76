// SPDX-License-Identifier: BSD-2-Clause
// The mach_port_* calls, as the generated server and the traps make them: arguments checked, the entry
// found, the work left to right.c. What each does and answers stands in <mach/mach_port.defs>.
#include "mach_port_server.h"

#include <mach/minato_types.h>
#include <mach/notify.h>

#include "ipc/kmsg.h"
#include "ipc/port.h"
#include "ipc/right.h"
#include "ipc/space.h"
#include "notify_user.h"
#include "minato_server.h"
#include "vm/map.h"

static bool name_reserved(mach_port_name_t name)
{
    return name == MACH_PORT_NULL || name == MACH_PORT_DEAD;
}

kern_return_t find_entry(struct space *space, mach_port_name_t name, struct entry **entry)
{
    if (!space->active)
        return KERN_INVALID_TASK;
    *entry = space_lookup(space, name);
    return *entry ? KERN_SUCCESS : KERN_INVALID_NAME;
}

kern_return_t find_right(struct space *space, mach_port_name_t name, mach_port_type_t type,
                         struct entry **entry)
{
    kern_return_t kr = find_entry(space, name, entry);

    if (kr == KERN_SUCCESS && !((*entry)->type & type))
        return KERN_INVALID_RIGHT;
    return kr;
}

// ---- making names ----

kern_return_t mach_port_allocate(ipc_space_t task, mach_port_right_t right, mach_port_t *name)
{
    *name = MACH_PORT_NULL;
    return right_allocate(task, right, name);
}

kern_return_t mach_port_allocate_name(ipc_space_t task, mach_port_right_t right, mach_port_t name)
{
    if (name_reserved(name))
        return KERN_INVALID_VALUE;
    return right_allocate(task, right, &name);
}

kern_return_t mach_port_allocate_qos(ipc_space_t task, mach_port_right_t right,
                                     mach_port_qos_t *qos, mach_port_t *name)
{
    if (qos->rt)
        return KERN_INVALID_VALUE;
    return qos->name ? mach_port_allocate_name(task, right, *name)
                     : mach_port_allocate(task, right, name);
}

kern_return_t mach_port_allocate_full(ipc_space_t task, mach_port_right_t right,
                                      ipc_port_t subsystem, mach_port_qos_t *qos,
                                      mach_port_t *name)
{
    return subsystem ? KERN_INVALID_ARGUMENT : mach_port_allocate_qos(task, right, qos, name);
}

kern_return_t mach_port_rename(ipc_space_t task, mach_port_t old_name, mach_port_t new_name)
{
    struct entry *entry;
    kern_return_t kr;

    if (name_reserved(new_name))
        return KERN_INVALID_VALUE;
    kr = find_entry(task, old_name, &entry);
    return kr == KERN_SUCCESS ? right_rename(task, entry, new_name) : kr;
}

// ---- dropping rights ----

kern_return_t mach_port_destroy(ipc_space_t task, mach_port_t name)
{
    struct entry *entry;
    kern_return_t kr = find_entry(task, name, &entry);

    if (kr == KERN_SUCCESS)
        right_destroy(task, entry);
    return kr;
}

kern_return_t mach_port_deallocate(ipc_space_t task, mach_port_t name)
{
    struct entry *entry;

    if (!task->active)
        return KERN_INVALID_TASK;
    entry = space_lookup(task, name);
    if (!entry)
        return KERN_SUCCESS; // the manual: a name that is not in use is no error
    return right_deallocate(task, entry);
}

kern_return_t mach_port_mod_refs(ipc_space_t task, mach_port_t name, mach_port_right_t right,
                                 mach_port_delta_t delta)
{
    struct entry *entry;
    kern_return_t kr;

    if (right >= MACH_PORT_RIGHT_NUMBER)
        return KERN_INVALID_VALUE;
    kr = find_entry(task, name, &entry);
    return kr == KERN_SUCCESS ? right_delta(task, entry, right, delta) : kr;
}

// ---- looking ----

kern_return_t mach_port_type(ipc_space_t task, entry_t entry, mach_port_type_t *ptype)
{
    *ptype = entry->type | (entry->request ? MACH_PORT_TYPE_DNREQUEST : 0);
    return KERN_SUCCESS;
}

kern_return_t mach_port_get_refs(ipc_space_t task, mach_port_t name, mach_port_right_t right,
                                 mach_port_urefs_t *refs)
{
    struct entry *entry;
    kern_return_t kr;

    if (right >= MACH_PORT_RIGHT_NUMBER)
        return KERN_INVALID_VALUE;
    kr = find_entry(task, name, &entry);
    if (kr != KERN_SUCCESS)
        return kr;
    if (!(entry->type & MACH_PORT_TYPE(right)))
        *refs = 0;
    else if (right == MACH_PORT_RIGHT_SEND || right == MACH_PORT_RIGHT_DEAD_NAME)
        *refs = entry->urefs;
    else
        *refs = 1;
    return KERN_SUCCESS;
}

// Collects the names of a space into two arrays of `room` elements.
struct name_list {
    struct space *space;
    mach_port_name_t *names;
    mach_port_type_t *types;
    unsigned count;
};

static void list_name(struct entry *entry, void *context)
{
    struct name_list *list = context;

    // Brings the type up to date: a dead right must not be shown as alive.
    entry = space_lookup(list->space, entry->name);
    list->names[list->count] = entry->name;
    list->types[list->count] = entry->type | (entry->request ? MACH_PORT_TYPE_DNREQUEST : 0);
    list->count++;
}

// Turns a kernel array into out-of-line data; the array is freed either way.
static kern_return_t copy_array(void *array, unsigned count, vm_map_copy_t *copy)
{
    kern_return_t kr = KERN_RESOURCE_SHORTAGE;

    *copy = NULL;
    if (array)
        kr = vm_map_copy_from_kernel(array, count * sizeof(uint32_t), copy);
    kfree(array);
    return kr;
}

kern_return_t mach_port_names(ipc_space_t task, vm_map_copy_t *names,
                              mach_msg_type_number_t *namesCnt, vm_map_copy_t *types,
                              mach_msg_type_number_t *typesCnt)
{
    struct name_list list = {.space = task};
    kern_return_t kr, types_kr;

    if (!task->active)
        return KERN_INVALID_TASK;
    list.names = kmalloc((task->name_count + 1) * sizeof *list.names);
    list.types = kmalloc((task->name_count + 1) * sizeof *list.types);
    if (list.names && list.types)
        space_for_each(task, list_name, &list);
    kr = copy_array(list.names, list.count, names);
    types_kr = copy_array(list.types, list.count, types);
    *namesCnt = *typesCnt = list.count;
    if (kr == KERN_SUCCESS && types_kr == KERN_SUCCESS)
        return KERN_SUCCESS;
    vm_map_copy_discard(*names);
    vm_map_copy_discard(*types);
    return KERN_RESOURCE_SHORTAGE;
}

// ---- sets ----

kern_return_t mach_port_get_set_status(ipc_space_t task, entry_t entry, vm_map_copy_t *members,
                                       mach_msg_type_number_t *membersCnt)
{
    mach_port_name_t *names;
    unsigned count = 0;
    kern_return_t kr;

    list_for_each(link, &entry->set->members)
        count++;
    names = kmalloc((count + 1) * sizeof *names);
    if (!names)
        return KERN_RESOURCE_SHORTAGE;
    count = 0;
    list_for_each(link, &entry->set->members)
        names[count++] = container_of(link, struct port, set_link)->receiver_name;
    kr = copy_array(names, count, members);
    if (kr == KERN_SUCCESS)
        *membersCnt = count;
    return kr;
}

kern_return_t minato_port_messages(ipc_space_t task, entry_t entry, vm_map_copy_t *messages,
                                   mach_msg_type_number_t *messagesCnt)
{
    minato_message_t *list;
    unsigned count = 0;
    kern_return_t kr;

    list = kmalloc((entry->port->msgcount + 1) * sizeof *list);
    if (!list)
        return KERN_RESOURCE_SHORTAGE;
    list_for_each(link, &entry->port->messages) {
        struct kmsg *kmsg = container_of(link, struct kmsg, link);

        list[count++] = (minato_message_t){
            .id = (natural_t)kmsg->header.msgh_id,
            .size = kmsg->header.msgh_size,
            .sender = kmsg->sender.val[1] ? 0 : kmsg->sender.val[0],
            .descriptors = kmsg_descriptor_count(kmsg),
        };
    }
    count *= sizeof *list / sizeof(natural_t);
    kr = copy_array(list, count, messages);
    if (kr == KERN_SUCCESS)
        *messagesCnt = count;
    return kr;
}

kern_return_t mach_port_move_member(ipc_space_t task, mach_port_t member, mach_port_t after)
{
    struct entry *entry, *set_entry = NULL;
    kern_return_t kr = find_right(task, member, MACH_PORT_TYPE_RECEIVE, &entry);

    if (kr == KERN_SUCCESS && after != MACH_PORT_NULL)
        kr = find_right(task, after, MACH_PORT_TYPE_PORT_SET, &set_entry);
    if (kr != KERN_SUCCESS)
        return kr;
    if (!set_entry && !entry->port->set)
        return KERN_NOT_IN_SET;
    if (entry->port->set)
        port_set_remove(entry->port);
    if (set_entry)
        port_set_add(set_entry->set, entry->port);
    return KERN_SUCCESS;
}

kern_return_t mach_port_insert_member(ipc_space_t task, entry_t member, entry_t set)
{
    if (member->port->set)
        return KERN_ALREADY_IN_SET;
    port_set_add(set->set, member->port);
    return KERN_SUCCESS;
}

kern_return_t mach_port_extract_member(ipc_space_t task, entry_t member, entry_t set)
{
    if (member->port->set != set->set)
        return KERN_NOT_IN_SET;
    port_set_remove(member->port);
    return KERN_SUCCESS;
}

// ---- giving and taking rights of another space ----

kern_return_t mach_port_insert_right(ipc_space_t task, mach_port_t name, ipc_port_t poly,
                                     mach_msg_type_name_t polyPoly)
{
    if (!task->active)
        return KERN_INVALID_TASK;
    if (name_reserved(name))
        return KERN_INVALID_VALUE;
    if (!port_valid(poly))
        return KERN_INVALID_CAPABILITY;
    return right_insert(task, name, poly, polyPoly);
}

kern_return_t mach_port_extract_right(ipc_space_t task, mach_port_t name,
                                      mach_msg_type_name_t msgt_name, ipc_port_t *poly,
                                      mach_msg_type_name_t *polyPoly)
{
    kern_return_t kr;

    if (!task->active)
        return KERN_INVALID_TASK;
    if (!MACH_MSG_TYPE_PORT_ANY(msgt_name))
        return KERN_INVALID_VALUE;
    kr = right_copyin(task, name, msgt_name, poly);
    if (kr == KERN_SUCCESS)
        *polyPoly = right_carried(msgt_name);
    return kr;
}

// ---- requests for notifications ----

kern_return_t mach_port_request_notification(ipc_space_t task, mach_port_t name, mach_msg_id_t id,
                                             mach_port_mscount_t sync, ipc_port_t notify,
                                             ipc_port_t *previous)
{
    struct entry *entry;
    struct port **slot;
    kern_return_t kr;

    if (!task->active)
        return KERN_INVALID_TASK;
    if (id != MACH_NOTIFY_PORT_DESTROYED && id != MACH_NOTIFY_DEAD_NAME &&
        id != MACH_NOTIFY_NO_SENDERS)
        return KERN_INVALID_VALUE;
    if (notify == PORT_DEAD)
        return KERN_INVALID_CAPABILITY;
    if (notify && ledger_is_full(port_ledger(notify), MINATO_LIMIT_MESSAGE_BYTES))
        return KERN_RESOURCE_SHORTAGE; // the notification itself will not be refused
    if (id == MACH_NOTIFY_DEAD_NAME)
        kr = find_entry(task, name, &entry);
    else
        kr = find_right(task, name, MACH_PORT_TYPE_RECEIVE, &entry);
    if (kr != KERN_SUCCESS)
        return kr;
    if (id == MACH_NOTIFY_DEAD_NAME)
        return right_request_dead_name(task, entry, sync != 0, notify, previous);
    if (id == MACH_NOTIFY_PORT_DESTROYED && sync != 0)
        return KERN_INVALID_VALUE;
    slot = id == MACH_NOTIFY_PORT_DESTROYED ? &entry->port->port_destroyed : &entry->port->no_senders;
    *previous = *slot;
    *slot = notify;
    if (id == MACH_NOTIFY_NO_SENDERS && entry->port->srights == 0 && entry->port->mscount >= sync)
        port_no_senders(entry->port);
    return KERN_SUCCESS;
}

// ---- attributes of a port ----

kern_return_t mach_port_set_mscount(ipc_space_t task, entry_t entry, mach_port_mscount_t mscount)
{
    entry->port->mscount = mscount;
    return KERN_SUCCESS;
}

kern_return_t mach_port_set_seqno(ipc_space_t task, entry_t entry, mach_port_seqno_t seqno)
{
    entry->port->seqno = seqno;
    return KERN_SUCCESS;
}
