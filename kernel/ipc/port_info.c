// SPDX-License-Identifier: BSD-2-Clause
// What a task can learn and set about its ports: attributes by flavor, and Minato's own view behind a
// name (<mach/mach_port.defs>, <mach/minato.defs>).
#include "mach_port_server.h"
#include "minato_server.h"

#include "ipc/mqueue.h"
#include "ipc/right.h"
#include "ipc/space.h"
#include "kern/waitq.h"

static void fill_status(struct port *port, mach_port_status_t *status)
{
    memset(status, 0, sizeof *status);
    status->mps_pset = port->set ? port->set->name : MACH_PORT_NULL;
    status->mps_seqno = port->seqno;
    status->mps_mscount = port->mscount;
    status->mps_qlimit = port->qlimit;
    status->mps_msgcount = port->msgcount;
    status->mps_sorights = port->sorights;
    status->mps_srights = port->srights > 0;
    status->mps_pdrequest = port->port_destroyed != NULL;
    status->mps_nsrequest = port->no_senders != NULL;
}

static unsigned dead_name_requests(const struct port *port)
{
    unsigned count = 0;

    list_for_each(link, (struct list *)&port->dead_name_requests)
        count++;
    return count;
}

kern_return_t mach_port_get_attributes(ipc_space_t task, entry_t entry, mach_port_flavor_t flavor,
                                       mach_port_info_t port_info_out,
                                       mach_msg_type_number_t *port_info_outCnt)
{
    static const mach_msg_type_number_t needed[] = {
        [MACH_PORT_LIMITS_INFO] = MACH_PORT_LIMITS_INFO_COUNT,
        [MACH_PORT_RECEIVE_STATUS] = MACH_PORT_RECEIVE_STATUS_COUNT,
        [MACH_PORT_DNREQUESTS_SIZE] = MACH_PORT_DNREQUESTS_SIZE_COUNT,
    };
    struct port *port = entry->port;

    if (flavor < MACH_PORT_LIMITS_INFO || flavor > MACH_PORT_DNREQUESTS_SIZE)
        return KERN_INVALID_ARGUMENT;
    if (*port_info_outCnt < needed[flavor])
        return KERN_FAILURE;
    *port_info_outCnt = needed[flavor];
    if (flavor == MACH_PORT_LIMITS_INFO)
        ((mach_port_limits_t *)port_info_out)->mpl_qlimit = port->qlimit;
    else if (flavor == MACH_PORT_RECEIVE_STATUS)
        fill_status(port, (mach_port_status_t *)port_info_out);
    else
        port_info_out[0] = dead_name_requests(port);
    return KERN_SUCCESS;
}

kern_return_t mach_port_set_attributes(ipc_space_t task, entry_t entry, mach_port_flavor_t flavor,
                                       mach_port_info_t port_info,
                                       mach_msg_type_number_t port_infoCnt)
{
    const mach_port_limits_t *limits = (const mach_port_limits_t *)port_info;

    // Room for requests is made as they come: there is nothing to set in advance.
    if (flavor == MACH_PORT_DNREQUESTS_SIZE)
        return port_infoCnt < MACH_PORT_DNREQUESTS_SIZE_COUNT ? KERN_FAILURE : KERN_SUCCESS;
    if (flavor != MACH_PORT_LIMITS_INFO)
        return KERN_INVALID_ARGUMENT;
    if (port_infoCnt < MACH_PORT_LIMITS_INFO_COUNT)
        return KERN_FAILURE;
    if (limits->mpl_qlimit < MACH_PORT_QLIMIT_MIN || limits->mpl_qlimit > MACH_PORT_QLIMIT_MAX)
        return KERN_INVALID_VALUE;
    entry->port->qlimit = limits->mpl_qlimit;
    mqueue_limit_changed(entry->port);
    return KERN_SUCCESS;
}

// ---- Minato's view ----

static void describe_port(const struct port *port, minato_port_info_t *info)
{
    info->object = port->kind;
    info->object_id = port->kind == PORT_USER ? 0 : port->id;
    info->port_id = port->id;
    info->receiver = port->receiver != NULL;
    info->queue_length = port->msgcount;
    info->queue_limit = port->qlimit;
    info->seqno = port->seqno;
    info->mscount = port->mscount;
    info->srights = port->srights;
    info->sorights = port->sorights;
    info->pset_id = port->set ? port->set->id : 0;
    info->waiters = waitq_count(&port->receivers);
    info->senders = waitq_count(&port->senders);
    info->flags = (port->port_destroyed ? MINATO_PORT_PDREQUEST : 0) |
                  (port->no_senders ? MINATO_PORT_NSREQUEST : 0);
}

static void describe_set(const struct port_set *set, minato_port_info_t *info)
{
    info->object = MINATO_OBJECT_PORT_SET;
    info->port_id = set->id;
    info->receiver = 1;
    info->waiters = waitq_count(&set->receivers);
    list_for_each(link, (struct list *)&set->members) {
        info->members++;
        info->queue_length += container_of(link, struct port, set_link)->msgcount;
    }
}

kern_return_t minato_port_info(ipc_space_t task, entry_t entry, minato_port_info_t *info)
{
    memset(info, 0, sizeof *info);
    if (entry->type & MACH_PORT_TYPE_PORT_RIGHTS)
        describe_port(entry->port, info);
    else if (entry->type & MACH_PORT_TYPE_PORT_SET)
        describe_set(entry->set, info);
    info->type = entry->type | (entry->request ? MACH_PORT_TYPE_DNREQUEST : 0);
    info->urefs = entry->urefs;
    if (entry->request)
        info->flags |= MINATO_PORT_DNREQUEST;
    return KERN_SUCCESS;
}
