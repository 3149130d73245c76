// SPDX-License-Identifier: BSD-2-Clause
// What the files of the fast path share: finding the thread that waits for just this message, writing
// where it wants it, and handing it the processor. fast.c tells how that goes together.
#pragma once

#include "ipc/mach_msg.h"
#include "ipc/mqueue.h"
#include "ipc/space.h"
#include "kern/hand_over.h"
#include "kern/task.h"
#include "vm/map.h"
#include "x86/usercopy.h"

#define FAST_MAX 32768u // bytes: copied with interrupts off
#define HEADER sizeof(mach_msg_header_t)

// Called twice, which is no reason to make calls of them.
#define FORCE_INLINE inline __attribute__((always_inline))

// Of the options of a receive: what takes more than writing the message and the least trailer.
#define RECEIVE_SPECIAL (MACH_RCV_NOTIFY | MACH_RCV_OVERWRITE | MACH_RCV_TRAILER_MASK)

static inline bool nothing_to_receive(const struct port *port)
{
    return !port->set && list_empty(&port->messages);
}

// Where a thread waits that receives from `entry`; NULL when it need not wait, or must not.
static inline struct waitq *place_to_wait(struct entry *entry)
{
    if (!entry)
        return NULL;
    if (entry->type & MACH_PORT_TYPE_RECEIVE)
        return nothing_to_receive(entry->port) ? &entry->port->receivers : NULL;
    return (entry->type & MACH_PORT_TYPE_PORT_SET) && list_empty(&entry->set->ready)
               ? &entry->set->receivers : NULL;
}

static inline bool has_room(const struct message_arguments *receive, mach_msg_size_t size)
{
    if (!(receive->option & RECEIVE_SPECIAL))
        return size + MACH_MSG_TRAILER_MINIMUM_SIZE <= receive->rcv_size;
    return !(receive->option & (MACH_RCV_NOTIFY | MACH_RCV_OVERWRITE)) &&
           size + REQUESTED_TRAILER_SIZE(receive->option) <= receive->rcv_size;
}

// The thread that waits for just this message and is the one to run next; NULL when there is none.
static inline struct thread *find_receiver(const struct port *port, mach_msg_size_t size)
{
    const struct waitq *q = port->set ? &port->set->receivers : &port->receivers;
    struct thread *receiver = waitq_first(q);

    if (!receiver || !has_room(receiver->ipc.receive, size) || !sched_is_next(receiver))
        return NULL;
    return receiver;
}

// More than the least trailer: what `option` asks for of the longest.
bool fast_write_trailer(uintptr_t to, mach_msg_option_t option, const struct port *port);

// Writes a message with that `body` where its receiver, whose address space this is, wants it. False:
// that cannot be done without a page fault.
static FORCE_INLINE bool write_message(const struct message_arguments *receive,
                                       const struct port *port, mach_msg_size_t size,
                                       mach_msg_bits_t bits, mach_port_name_t reply,
                                       mach_msg_id_t id, const void *body)
{
    uintptr_t to = receive->msg, end = to + size;

    if (to > VM_MAX_ADDRESS - MAX_TRAILER_SIZE - size)
        return false;
    USER_WORD_WRITE(to, offsetof(mach_msg_header_t, msgh_bits), bits, failed);
    USER_WORD_WRITE(to, offsetof(mach_msg_header_t, msgh_size), size, failed);
    USER_WORD_WRITE(to, offsetof(mach_msg_header_t, msgh_remote_port), reply, failed);
    USER_WORD_WRITE(to, offsetof(mach_msg_header_t, msgh_local_port), port->receiver_name, failed);
    USER_WORD_WRITE(to, offsetof(mach_msg_header_t, msgh_reserved), 0, failed);
    USER_WORD_WRITE(to, offsetof(mach_msg_header_t, msgh_id), id, failed);
    if (size > HEADER && !user_words_copy((void *)(to + HEADER), body, size - HEADER))
        return false;
    if (receive->option & RECEIVE_SPECIAL)
        return fast_write_trailer(end, receive->option, port);
    USER_WORD_WRITE(end, offsetof(mach_msg_trailer_t, msgh_trailer_type), MACH_MSG_TRAILER_FORMAT_0,
                    failed);
    USER_WORD_WRITE(end, offsetof(mach_msg_trailer_t, msgh_trailer_size),
                    MACH_MSG_TRAILER_MINIMUM_SIZE, failed);
    return true;
failed:
    return false;
}

// A send-once right for `reply` under the name that is ready.
static inline void give_reply(struct space *space, struct entry *named, struct port *reply)
{
    space_take_ready(space, named);
    named->port = reply;
    named->type = MACH_PORT_TYPE_SEND_ONCE;
    named->urefs = 1;
    reply->refs++;
    reply->sorights++;
}

// `receiver` has the message now. Waits on `q` for the answer.
static FORCE_INLINE mach_msg_return_t await_answer(const struct message_arguments *a, struct port *port,
                                          struct thread *receiver, struct waitq *q)
{
    struct thread *self = current_thread();

    port->seqno++;
    self->task->events.messages_sent++;
    receiver->task->events.messages_received++;
    self->ipc.receive = a;
    return mach_msg_received(sched_hand_over(q, receiver), a);
}

#define SIZE_MAX_FAST 1024u // with its trailer on two pages at most
extern uint8_t fast_body[SIZE_MAX_FAST]; // what a user sends: no pointers of the kernel's (audit.c)
// A user's message that is complex, in fast_rights.c; as `request` and `reply` in fast.c.
bool fast_with_rights(const struct message_arguments *a, mach_msg_return_t *mr);
// A reply, with id `id`, to a call that the kernel has made (fast_call_from_kernel): `dest` is the send-once
// right, `q` where to wait for the next request.
bool fast_answer_kernel(const struct message_arguments *a, struct entry *dest, mach_msg_id_t id,
                        struct waitq *q, mach_msg_return_t *mr);
// Sends the kernel's own request of `size` bytes and waits for the answer at `reply`, as `a` says, whose
// buffer is in the kernel. *wait is what the wait came to: with WAIT_AWAKENED and no message in thread_ipc
// the answer is in the buffer. False: nothing has happened; else what `msg` carries is consumed.
bool fast_call_from_kernel(mach_msg_header_t *msg, mach_msg_size_t size, struct port *reply,
                           const struct message_arguments *a, enum wait_result *wait);
