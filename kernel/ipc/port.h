// SPDX-License-Identifier: BSD-2-Clause
// Ports: a message queue with exactly one receiver and counted senders.
//
// A port is alive (`active`) while its receive right is: held in a space under a name, in transit in a
// message, or the kernel's own (`kind` says what the port stands for). A dead port stays in memory
// until the last right to it is gone; names for it read as dead names.
//
// `refs` counts pointers: one per name in a space, one per right in a message, one per kernel holder.
// `srights` and `sorights` count rights wherever they are. Functions that make or drop a right say
// what they do to both.
#pragma once

#include <mach/port.h>
#include <mach/message.h>
#include <mach/minato_types.h>
#include "kern/waitq.h"

// What a port stands for. USER: a task receives from it. The others: the kernel does, and `object` is
// the structure (kobject.h). The numbers are those that minato_port_info gives.
enum port_kind {
    PORT_USER = MINATO_OBJECT_NONE,
    PORT_TASK = MINATO_OBJECT_TASK,
    PORT_THREAD = MINATO_OBJECT_THREAD,
    PORT_HOST = MINATO_OBJECT_HOST,
    PORT_HOST_PRIV = MINATO_OBJECT_HOST_PRIV,
    PORT_SEMAPHORE = MINATO_OBJECT_SEMAPHORE,
    PORT_LOCK_SET = MINATO_OBJECT_LOCK_SET,
    PORT_CLOCK = MINATO_OBJECT_CLOCK,
    PORT_CLOCK_CTRL = MINATO_OBJECT_CLOCK_CTRL,
    PORT_DEVICE = MINATO_OBJECT_DEVICE,
    PORT_BOOTSTRAP = MINATO_OBJECT_BOOTSTRAP,
    PORT_MEMORY_CONTROL = MINATO_OBJECT_MEMORY_CONTROL,
    PORT_MEMORY_OBJECT = MINATO_OBJECT_MEMORY_OBJECT, // of the kernel's own, for vm_map: a vm_object
};

struct port {
    uint32_t refs;
    bool active;
    enum port_kind kind;
    void *object;                   // of a kernel port; NULL once the object is gone. Of a user's port:
                                    // the pager whose memory object it is (vm/pager.h), or NULL
    struct space *receiver;         // holds the receive right; NULL: in transit, the kernel, nobody
    mach_port_name_t receiver_name; // its name there
    struct port *destination;       // in transit: the port that the carrying message was sent to
    bool ahead;                     // while a message is looked at: on its way (mqueue.c)
    uint32_t mscount;               // send rights made from the receive right
    uint32_t srights, sorights;
    uint32_t seqno;                 // of the next message received
    uint32_t qlimit, msgcount;
    struct list messages;           // kmsg->link
    struct waitq receivers;         // threads that receive from it (not through a set)
    struct waitq senders;           // threads that wait for room
    struct port_set *set;           // the one it is in
    struct list set_link;           // set->members
    struct list ready_link;         // set->ready, while it has messages
    uint32_t owed;                  // send-once notifications that wait for room (mqueue.c)
    struct port *no_senders;        // send-once right to notify; NULL: none registered
    struct port *port_destroyed;    // send-once right
    struct list dead_name_requests; // struct dead_name_request.link
    uint32_t id;                    // for people and tools: never used twice
#ifdef DEBUG
    struct {
        uint32_t srights, sorights, receivers, variables;
    } audit;                        // what was found (tests/audit/audit.c)
#endif
};

struct port_set {
    mach_port_name_t name;   // in the space that has it; null once that has let go of it
    struct list members;     // port->set_link
    struct list ready;       // members with messages, in turn
    struct waitq receivers;
    uint32_t id;             // of the same series as the ports'
};

extern struct port_counts {
    unsigned ports, sets, messages; // that exist now
    uint32_t last_id;
} port_counts;

// An active port with one reference and no rights, received by nobody. NULL when memory is short.
struct port *port_make(void);
void port_reference(struct port *port);
void port_release(struct port *port); // drops a reference
// The receive right goes: the port dies. Queued messages are destroyed, waiters are told, dead-name
// notifications and, for send-once rights that were never used, nothing here: they notice at use.
// Drops no reference.
void port_destroy(struct port *port);

// Rights. `make`: from the receive right; `copy`: from a send right; both take a reference. A NULL or
// dead port is passed on as it is (IP_VALID tells).
struct port *port_make_send(struct port *port);
struct port *port_copy_send(struct port *port);
struct port *port_make_send_once(struct port *port);
// Drop a right and its reference; NULL and PORT_DEAD are fine. The last send right fires a no-senders
// request; a send-once right that is dropped unused sends a send-once notification.
void port_release_send(struct port *port);
void port_release_send_once(struct port *port);
// Nobody has a send right: tells who asked to know.
void port_no_senders(struct port *port);
// Sends the notification that the send-once right `unused` was dropped; consumes it. Anybody can make
// many of these come: while the receiver can pay for no more, they wait to be received one by one.
void port_notify_send_once(struct port *unused);
// Drops a right given as a message carries it: MACH_MSG_TYPE_PORT_RECEIVE, SEND or SEND_ONCE.
void port_release_right(struct port *port, mach_msg_type_name_t type);

// In messages MACH_PORT_DEAD is carried as this pointer.
#define PORT_DEAD ((struct port *)-1)
static inline bool port_valid(const struct port *port)
{
    return port && port != PORT_DEAD;
}

// ---- sets (ipc/port_set.c) ----
// Receive rights from which one thread can receive at once. A set is named in one space and has members
// there; it keeps those that have messages on a list of their own and serves them in turn.
struct port_set *port_set_make(void); // NULL when memory is short
void port_set_destroy(struct port_set *set); // members leave, receivers are told
void port_set_add(struct port_set *set, struct port *port);
void port_set_remove(struct port *port); // out of the set that it is in

// ---- kernel ports (ipc/kobject.c) ----
// A port received by the kernel that stands for `object`; one reference. NULL when memory is short.
struct port *port_make_kernel(enum port_kind kind, void *object);
// The same for what there is from boot on; panics when memory is short.
struct port *port_make_at_boot(enum port_kind kind, void *object);
// The object is gone: kills the port and drops the reference of port_make_kernel.
void port_destroy_kernel(struct port *port);
// The object of a kernel port of that kind; NULL for any other port.
static inline void *port_object(const struct port *port, enum port_kind kind)
{
    return port_valid(port) && port->active && port->kind == kind ? port->object : NULL;
}
