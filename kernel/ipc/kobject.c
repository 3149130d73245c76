// SPDX-License-Identifier: BSD-2-Clause
// Messages to the kernel's own ports: find the routine by the message id, run it on the sender's
// thread, send the reply. And messages from the kernel: what it tells and asks others (mig_kernel.h).
#include "ipc/kobject.h"

#include <mach/mig.h>
#include "ipc/fast.h"
#include "ipc/kmsg.h"
#include "ipc/mig_kernel.h"
#include "ipc/mqueue.h"
#include "ipc/space.h"
#include "kern/thread.h"
#include "kern/trace.h"
#include "vm/page.h"

// ---- from message id to routine ----

// All that the kernel serves, and a NULL: made of the list in tools/mig.mk.
extern const struct mig_subsystem *const subsystems[];

// NULL: no such routine.
static const routine_descriptor_t *find_routine(mach_msg_id_t id)
{
    const struct mig_subsystem *const *next = subsystems, *subsystem = *next;

    do {
        if (id >= subsystem->start && id < subsystem->end) {
            const routine_descriptor_t *routine = &subsystem->routine[id - subsystem->start];

            return routine->stub_routine ? routine : NULL;
        }
    } while ((subsystem = *++next) != NULL);
    return NULL;
}

// ---- serving ----

// The reply's header as MIG's stubs expect to find it: addressed to the request's reply right.
static void prepare_reply(const struct kmsg *request, struct kmsg *reply)
{
    const mach_msg_header_t *in = &request->header;
    mig_reply_error_t *out = (mig_reply_error_t *)&reply->header;

    out->Head.msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_LOCAL(in->msgh_bits), 0);
    out->Head.msgh_size = sizeof *out;
    out->Head.msgh_remote_port = in->msgh_local_port;
    out->Head.msgh_local_port = MACH_PORT_NULL;
    out->Head.msgh_reserved = 0;
    out->Head.msgh_id = in->msgh_id + 100;
    out->NDR = NDR_record;
    out->RetCode = MIG_BAD_ID;
    reply->sender = (security_token_t)KERNEL_SECURITY_TOKEN_VALUE;
}

static void send_reply(struct kmsg *reply)
{
    if (port_valid(kmsg_destination(reply)))
        mqueue_send_always(reply);
    else
        kmsg_destroy(reply);
}

// There is no memory for a reply. The request's own is enough to say so: whoever asked must not wait for
// ever.
static void refuse(struct kmsg *request)
{
    struct port *dest = kmsg_destination(request);
    mach_msg_type_name_t type = MACH_MSGH_BITS_REMOTE(request->header.msgh_bits);

    kmsg_release_body(request, kmsg_descriptor_count(request));
    prepare_reply(request, request);
    ((mig_reply_error_t *)&request->header)->RetCode = KERN_RESOURCE_SHORTAGE;
    port_release_right(dest, type);
    send_reply(request);
}

kern_return_t kobject_reply_code(const struct kmsg *reply)
{
    if (reply->header.msgh_bits & MACH_MSGH_BITS_COMPLEX)
        return KERN_SUCCESS;
    return ((const mig_reply_error_t *)&reply->header)->RetCode;
}

// The request has been served: what its routine has not consumed goes. The reply right is in the reply
// now.
static void finish_request(struct kmsg *request, kern_return_t kr)
{
    request->header.msgh_local_port = MACH_PORT_NULL;
    if (kr == KERN_SUCCESS || kr == MIG_NO_REPLY) {
        port_release_right(kmsg_destination(request),
                           MACH_MSGH_BITS_REMOTE(request->header.msgh_bits));
        kmsg_free(request);
    } else {
        kmsg_destroy(request);
    }
}

struct kmsg *kobject_call(struct kmsg *request)
{
    const routine_descriptor_t *routine = find_routine(request->header.msgh_id);
    mach_msg_size_t size = sizeof(mig_reply_error_t);
    uint64_t begin = thread_system_begin();
    struct kmsg *reply;

    if (routine && routine->max_reply_msg > size)
        size = routine->max_reply_msg;
    reply = kmsg_alloc(size);
    if (!reply)
        return NULL;
    prepare_reply(request, reply);
    if (routine)
        routine->stub_routine(&request->header, &reply->header);
    thread_system_end(begin);
    return reply;
}

void kobject_serve(struct kmsg *request)
{
    struct ledger *payer = current_ledger();
    struct kmsg *reply = NULL;
    kern_return_t kr;

    if (tracing())
        trace_message(request, current_thread(), MINATO_TRACE_CALL);
    // Whoever asks pays for the answer while it lies in a queue.
    if (!ledger_is_full(payer, MINATO_LIMIT_MESSAGE_BYTES))
        reply = kobject_call(request);
    if (!reply) {
        refuse(request);
        return;
    }
    kmsg_pay_always(reply, payer);
    kr = kobject_reply_code(reply);
    finish_request(request, kr);
    if (kr == MIG_NO_REPLY) {
        reply->header.msgh_bits &= ~MACH_MSGH_BITS_COMPLEX;
        kmsg_destroy(reply);
        return;
    }
    send_reply(reply);
}

// ---- messages of the kernel's own ----
//
// They may have the last of the memory, and their receiver pays for them, beyond its limit if need be:
// what makes them come must have been refused before (mach_port_request_notification).

void mach_msg_destroy_from_kernel(mach_msg_header_t *msg)
{
    struct kmsg *kmsg = container_of(msg, struct kmsg, header); // of which only the message is looked at
    struct port *dest = kmsg_destination(kmsg);

    if (MACH_MSGH_BITS_REMOTE(msg->msgh_bits) != MACH_MSG_TYPE_PORT_SEND_ONCE) {
        port_release_send(dest);
    } else if (port_valid(dest)) {
        // Quietly: a notification would want the memory that there is not.
        kassert(dest->sorights > 0);
        dest->sorights--;
        port_release(dest);
    }
    kmsg_release_body(kmsg, kmsg_descriptor_count(kmsg));
}

// A message with what `msg` carries. NULL when memory is short: all of that is gone.
static struct kmsg *kmsg_from_kernel(mach_msg_header_t *msg, mach_msg_size_t size)
{
    struct kmsg *kmsg;

    page_last_resort++;
    kmsg = kmsg_alloc(size);
    page_last_resort--;
    if (!kmsg) {
        mach_msg_destroy_from_kernel(msg);
        return NULL;
    }
    memcpy(&kmsg->header, msg, size);
    kmsg->header.msgh_size = size;
    kmsg->sender = (security_token_t)KERNEL_SECURITY_TOKEN_VALUE;
    return kmsg;
}

kern_return_t mach_msg_send_from_kernel(mach_msg_header_t *msg, mach_msg_size_t size)
{
    struct kmsg *kmsg = kmsg_from_kernel(msg, size);

    if (!kmsg)
        return KERN_RESOURCE_SHORTAGE;
    if (port_valid(kmsg_destination(kmsg)))
        kmsg_pay_always(kmsg, port_ledger(kmsg_destination(kmsg)));
    mqueue_send_always(kmsg);
    return KERN_SUCCESS;
}

// ---- calls by the kernel ----

// Nearly every call ends with its reply port as it began: that one is used for the next, as a new port.
static struct port *spare;

static struct port *reply_port_make(void)
{
    struct port *port = spare;

    if (!port)
        return port_make();
    kassert(port->sorights == 0);
    spare = NULL;
    port->seqno = 0;
    port->id = ++port_counts.last_id;
    port_counts.ports++;
    return port;
}

static void reply_port_free(struct port *port)
{
    if (!spare && port->refs == 1 && list_empty(&port->messages)) {
        spare = port;
        port_counts.ports--;
        return;
    }
    port_destroy(port);
    port_release(port);
}

// The general way there: NULL in *kmsg when no message has come.
static mach_msg_return_t call(mach_msg_header_t *msg, mach_msg_size_t size, struct port *reply,
                              const struct message_arguments *a, struct kmsg **kmsg)
{
    struct receive_source source = {.port = reply};
    struct kmsg *request = kmsg_from_kernel(msg, size);
    mach_msg_return_t mr;

    *kmsg = NULL;
    if (!request)
        return KERN_RESOURCE_SHORTAGE;
    request->header.msgh_bits |= MACH_MSGH_BITS(0, MACH_MSG_TYPE_PORT_SEND_ONCE);
    request->header.msgh_local_port = kmsg_field(port_make_send_once(reply));
    mr = mqueue_send(request, MACH_MSG_OPTION_NONE, MACH_MSG_TIMEOUT_NONE);
    if (mr == MACH_MSG_SUCCESS)
        return mqueue_receive(&source, a, kmsg);
    kmsg_destroy(request);
    return mr;
}

// A reply that came the general way goes to `msg`, if it fits there.
static void unpack_reply(struct kmsg *reply, struct port *port, mach_msg_header_t *msg, bool fits)
{
    if (tracing())
        trace_message(reply, current_thread(), MINATO_TRACE_RECEIVE);
    // The right that it was sent by has been used, and nobody will answer it.
    port->sorights--;
    port_release(port);
    reply->header.msgh_remote_port = MACH_PORT_NULL;
    port_release_right(kmsg_port(reply->header.msgh_local_port),
                       MACH_MSGH_BITS_LOCAL(reply->header.msgh_bits));
    if (fits)
        memcpy(msg, &reply->header, reply->header.msgh_size);
    else
        kmsg_release_body(reply, kmsg_descriptor_count(reply));
    kmsg_free(reply);
}

kern_return_t mach_msg_rpc_from_kernel(mach_msg_header_t *msg, mach_msg_size_t send_size,
                                       mach_msg_size_t rcv_size)
{
    // MACH_RCV_NOTIFY keeps the fast path of users away, which would end a trap that this thread is not in.
    const struct message_arguments a = {.msg = (uintptr_t)msg,
                                        .option = MACH_RCV_MSG | MACH_RCV_NOTIFY,
                                        .rcv_size = rcv_size + sizeof(mach_msg_trailer_t)};
    struct port *port = reply_port_make();
    enum wait_result wait;
    struct kmsg *reply;
    mach_msg_return_t mr;

    if (!port) {
        mach_msg_destroy_from_kernel(msg);
        return KERN_RESOURCE_SHORTAGE;
    }
    if (fast_call_from_kernel(msg, send_size, port, &a, &wait))
        mr = mqueue_outcome(wait, &reply);
    else
        mr = call(msg, send_size, port, &a, &reply);
    if (reply)
        unpack_reply(reply, port, msg, mr == MACH_MSG_SUCCESS);
    reply_port_free(port);
    return mr;
}

// ---- kernel ports ----

struct port *port_make_kernel(enum port_kind kind, void *object)
{
    struct port *port = port_make();

    if (port) {
        port->kind = kind;
        port->object = object;
    }
    return port;
}

struct port *port_make_at_boot(enum port_kind kind, void *object)
{
    struct port *port = port_make_kernel(kind, object);

    if (!port)
        panic("no memory for the kernel's first ports: give the machine more memory (-m)");
    return port;
}

void port_destroy_kernel(struct port *port)
{
    port->object = NULL;
    port_destroy(port);
    port_release(port);
}
