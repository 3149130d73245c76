// SPDX-License-Identifier: BSD-2-Clause
// The general path of the message trap, and the traps that give names.
//
// mach_msg is a send, then a receive. Here is the general path; fast.c does the send-and-receive of an
// ordinary RPC and leaves the rest, and every error in rights, to this one.
#include "ipc/mach_msg.h"

#include "ipc/kmsg.h"
#include "ipc/mqueue.h"
#include "ipc/right.h"
#include "ipc/space.h"
#include "kern/task.h"
#include "kern/thread.h"
#include "kern/trace.h"
#include "vm/map.h"
#include "x86/cpu.h"
#include "x86/usercopy.h"

static mach_msg_return_t send_message(struct kmsg *kmsg, const struct message_arguments *a)
{
    struct space *space = current_space();
    mach_msg_return_t mr = kmsg_copyin(space, current_map(), kmsg);

    if (mr != MACH_MSG_SUCCESS)
        return mr;
    current_task()->events.messages_sent++;
    kmsg->sender = (security_token_t){{current_task()->number, 0}};
    mr = mqueue_send(kmsg, a->option, a->timeout);
    if (mr == MACH_SEND_TIMED_OUT || mr == MACH_SEND_INTERRUPTED) {
        mr |= kmsg_copyout_pseudo(space, current_map(), kmsg);
        copy_to_user(a->msg, &kmsg->header, kmsg->header.msgh_size);
        kmsg_free(kmsg);
    }
    return mr;
}

// Whether receiving the message gives the receiver anything that it could lose track of.
static bool carries(const struct kmsg *kmsg)
{
    return (kmsg->header.msgh_bits & MACH_MSGH_BITS_COMPLEX) ||
           port_valid(kmsg_port(kmsg->header.msgh_local_port));
}

// The message has room behind it for the longest trailer; as much of that goes out as was asked for.
mach_msg_return_t mach_msg_put(struct kmsg *kmsg, const struct message_arguments *a)
{
    mach_msg_size_t size = kmsg->header.msgh_size;
    mach_msg_max_trailer_t *trailer = (void *)((char *)&kmsg->header + size);
    bool written;

    trailer->msgh_trailer_type = MACH_MSG_TRAILER_FORMAT_0;
    trailer->msgh_trailer_size = REQUESTED_TRAILER_SIZE(a->option);
    trailer->msgh_seqno = kmsg->seqno;
    trailer->msgh_sender = kmsg->sender;
    written = copy_to_user(a->msg, &kmsg->header, size + trailer->msgh_trailer_size);
    kmsg_free(kmsg);
    return written ? MACH_MSG_SUCCESS : MACH_RCV_INVALID_DATA;
}

// Shows the header, and as much of an empty trailer as there is room for.
static void put_header(uintptr_t address, const mach_msg_header_t *header, mach_msg_size_t room)
{
    struct {
        mach_msg_header_t header;
        mach_msg_trailer_t trailer;
    } reply = {*header, {MACH_MSG_TRAILER_FORMAT_0, sizeof(mach_msg_trailer_t)}};

    copy_to_user(address, &reply, room < sizeof reply ? room & ~3u : sizeof reply);
}

static mach_msg_return_t put_message(struct kmsg *kmsg, const struct message_arguments *a,
                                     mach_port_name_t notify)
{
    mach_msg_size_t size = kmsg->header.msgh_size + REQUESTED_TRAILER_SIZE(a->option);
    mach_msg_return_t mr, put;

    if (tracing())
        trace_message(kmsg, current_thread(), MINATO_TRACE_RECEIVE);
    current_task()->events.messages_received++;
    if (carries(kmsg) && !buffer_writable(a->msg, size)) {
        kmsg_destroy(kmsg);
        return MACH_RCV_INVALID_DATA;
    }
    mr = kmsg_copyout(current_space(), current_map(), kmsg, notify);
    if ((mr & ~MACH_MSG_MASK) == MACH_RCV_HEADER_ERROR) {
        put_header(a->msg, &kmsg->header, size);
        kmsg_free(kmsg);
        return mr;
    }
    put = mach_msg_put(kmsg, a);
    return put == MACH_MSG_SUCCESS ? mr : put;
}

// A message for which the buffer has no room, or the scatter list no place: a preview, or its header alone.
static mach_msg_return_t put_refused(mach_msg_return_t mr, struct kmsg *kmsg,
                                     const struct message_arguments *a)
{
    mach_msg_header_t header;

    if (kmsg && mr == MACH_RCV_SCATTER_SMALL && (a->option & MACH_RCV_LARGE))
        return mach_msg_put(kmsg, a) == MACH_MSG_SUCCESS ? mr : MACH_RCV_INVALID_DATA;
    if (kmsg) {
        kmsg_copyout_destination(current_space(), kmsg);
        header = kmsg->header;
        kmsg_free(kmsg);
    } else {
        memset(&header, 0, sizeof header);
        header.msgh_size = current_thread()->ipc.large_size;
    }
    put_header(a->msg, &header, a->rcv_size);
    return mr;
}

// What follows when a message has come, or none: `mr` and `kmsg` are the queue's answer.
static mach_msg_return_t finish_receive(mach_msg_return_t mr, struct kmsg *kmsg,
                                        const struct message_arguments *a)
{
    mach_port_name_t notify = MACH_PORT_NULL;
    struct entry *entry;

    if (mr == MACH_RCV_TOO_LARGE || mr == MACH_RCV_SCATTER_SMALL || mr == MACH_RCV_INVALID_TYPE)
        return put_refused(mr, kmsg, a);
    if (mr != MACH_MSG_SUCCESS)
        return mr;
    if (a->option & MACH_RCV_NOTIFY) {
        notify = a->notify;
        if (find_right(current_space(), notify, MACH_PORT_TYPE_RECEIVE, &entry) != KERN_SUCCESS) {
            kmsg_destroy(kmsg);
            return MACH_RCV_INVALID_NOTIFY;
        }
    }
    return put_message(kmsg, a, notify);
}

mach_msg_return_t mach_msg_received(enum wait_result wait, const struct message_arguments *a)
{
    struct kmsg *kmsg;
    mach_msg_return_t mr = mqueue_outcome(wait, &kmsg);

    return finish_receive(mr, kmsg, a);
}

mach_msg_return_t mach_msg_receive(const struct message_arguments *a)
{
    struct receive_source source;
    struct kmsg *kmsg;
    mach_msg_return_t mr;

    if ((a->option & MACH_RCV_TRAILER_TYPE(0xf)) ||
        GET_RCV_ELEMENTS(a->option) > MACH_RCV_TRAILER_SENDER)
        return MACH_RCV_INVALID_TRAILER;
    do {
        mr = mqueue_source(current_space(), a->rcv_name, &source);
        if (mr != MACH_MSG_SUCCESS)
            return mr;
        mr = mqueue_receive(&source, a, &kmsg);
    } while (mr == MACH_RCV_IN_PROGRESS);
    return finish_receive(mr, kmsg, a);
}

mach_msg_return_t mach_msg_general(const struct message_arguments *a)
{
    mach_msg_return_t mr = MACH_MSG_SUCCESS;
    struct kmsg *kmsg;

    if (a->option & MACH_SEND_MSG) {
        // Supplying the trailer would let a task speak in another's name; nobody has that privilege yet.
        if (a->option & MACH_SEND_TRAILER)
            return MACH_SEND_INVALID_TRAILER;
        mr = kmsg_read(a->msg, a->send_size, &kmsg);
        if (mr == MACH_MSG_SUCCESS)
            mr = send_message(kmsg, a);
    }
    if (mr == MACH_MSG_SUCCESS && (a->option & MACH_RCV_MSG))
        mr = mach_msg_receive(a);
    return mr;
}

// ---- names for oneself ----

// A copy of a send right that the task or thread owns, as a name.
static mach_port_name_t name_of_special(struct space *space, struct port *special)
{
    struct port *right;
    mach_port_name_t name;

    // Nearly always the task has the right already and gets one more reference.
    if (port_valid(special) && special->active && right_add_reference(space, special, &name))
        return name;
    right = port_copy_send(special);
    if (right_copyout(space, right, MACH_MSG_TYPE_PORT_SEND, &name) == KERN_SUCCESS)
        return name;
    port_release_send(right);
    return MACH_PORT_NULL;
}

TRAP_FUNCTION mach_port_name_t mach_task_self_trap(void)
{
    const struct task *task = current_thread()->task;

    return name_of_special(task->space, task->special[TASK_KERNEL_PORT]);
}

TRAP_FUNCTION mach_port_name_t mach_thread_self_trap(void)
{
    return name_of_special(current_space(), current_thread()->sself);
}

TRAP_FUNCTION mach_port_name_t mach_host_self_trap(void)
{
    return name_of_special(current_space(), current_task()->special[TASK_HOST_PORT]);
}

TRAP_FUNCTION mach_port_name_t mach_reply_port_trap(void)
{
    mach_port_name_t name = MACH_PORT_NULL;

    if (right_allocate(current_space(), MACH_PORT_RIGHT_RECEIVE, &name) != KERN_SUCCESS)
        return MACH_PORT_NULL;
    return name;
}
