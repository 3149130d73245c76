// SPDX-License-Identifier: BSD-2-Clause
// Message queues: from a kernel message to the thread that gets it.
//
// A message goes straight to the first waiting receiver that has room for it, else on the port's queue
// while that is below its limit, else its sender waits with it; whoever takes a message off the queue
// puts the first waiting sender's on. So order is kept and no sender can be overtaken or starved.
#pragma once

#include <mach/message.h>
#include "ipc/kmsg.h"
#include "ipc/mach_msg.h"
#include "kern/thread.h"
#include "x86/cpu.h"

// Sends and consumes `kmsg`, waiting for room as `option` and `timeout` (ms) say. On
// MACH_SEND_TIMED_OUT and MACH_SEND_INTERRUPTED the message is still the caller's. A message to a port
// that has died, or that would close a circle of receive rights, is destroyed: success.
mach_msg_return_t mqueue_send(struct kmsg *kmsg, mach_msg_option_t option,
                              mach_msg_timeout_t timeout);
// The kernel's own messages: never waits, ignores the limit; destroys it if the port has died.
void mqueue_send_always(struct kmsg *kmsg);

// Where a receive takes its messages from: a receive right or a set; borrowed, good until the caller
// waits. Who waits on it need not hold it: a port or set that dies wakes its receivers first.
struct receive_source {
    struct port *port;    // one of the two
    struct port_set *set;
};
// MACH_RCV_INVALID_NAME, MACH_RCV_IN_SET.
mach_msg_return_t mqueue_source(struct space *space, mach_port_name_t name,
                                struct receive_source *source);
// Takes the next message that fits, waiting as the arguments say. MACH_RCV_TOO_LARGE, INVALID_TYPE,
// SCATTER_SMALL: *kmsg is the message all the same, for its header; but with MACH_RCV_LARGE the first and
// the last of these leave it in the queue, thread_ipc.large_size says what it needs, and *kmsg is NULL or,
// for SCATTER_SMALL, a preview. MACH_RCV_IN_PROGRESS: such a message has come, look at it.
mach_msg_return_t mqueue_receive(struct receive_source *source, const struct message_arguments *a,
                                 struct kmsg **kmsg);

// The parts of a receive that waits, for the fast path: where it waits, and what its wait came to: *kmsg
// and the code are those of mqueue_receive. A message that comes the fast way ends the wait without a
// return: nothing may be held across it.
static inline struct waitq *mqueue_receivers(const struct receive_source *source)
{
    return source->port ? &source->port->receivers : &source->set->receivers;
}
mach_msg_return_t mqueue_outcome(enum wait_result result, struct kmsg **kmsg);

// ---- what ports and sets do to queues ----
void mqueue_port_died(struct port *port);    // empties it, wakes everyone
void mqueue_limit_changed(struct port *port); // lets waiting senders in
// Who waits to receive from a port or set gets `result`: it joined a set, was given away, or is gone.
void mqueue_wake_receivers(struct waitq *receivers, mach_msg_return_t result);
// A port with messages has joined a set: serves threads that wait there.
void mqueue_joined_set(struct port *port);
