// SPDX-License-Identifier: BSD-2-Clause
// Kernel objects as ports: from a port to what it stands for and back, and from a message to such a
// port to the function that serves it (MIG's generated code).
//
// counted_object and the convert_port_to_* functions are what the generated servers call on port
// arguments (the .defs say which). They take a reference on the object, which the matching destructor
// drops after the call, and give NULL for a port of another kind, dead or null, which the generated code
// answers. The functions the other way make a send right and consume the reference. Objects that live
// as long as the kernel are not counted: for them port_object does (port.h).
//
// Who owns what in a served function, as in OSF's kernel: when it returns KERN_SUCCESS it has consumed
// the rights and memory that it was given untranslated (ipc_port_t, vm_map_copy_t, arrays of ports);
// on any other code it has consumed nothing, and the request is destroyed with all of it.
#pragma once

#include <mach/message.h>
#include "ipc/port.h"

struct kmsg;

typedef struct port *ipc_port_t;
typedef struct task *task_t;
typedef struct thread *thread_t;
typedef struct thread *thread_act_t;
typedef struct vm_map *vm_map_t;
typedef struct vm_map_copy *vm_map_copy_t;
typedef struct space *ipc_space_t;
typedef struct entry *entry_t; // what stands under a name in a space
typedef struct host *host_t;
typedef struct host *host_priv_t;
typedef struct semaphore *semaphore_t;
typedef struct lock_set *lock_set_t;
typedef struct clock *clock_serv_t;
typedef struct clock *clock_ctrl_t;
typedef struct device *device_master_t;
typedef struct vm_object *memory_object_control_t;
typedef struct exception_actions **exceptions_t; // where a thread, a task, the host keeps them

// What every counted object begins with.
struct counted {
    uint32_t refs;     // one for being alive, one per holder of a pointer
    struct port *port; // the kernel port that stands for it: a reference; NULL when dead
};
void *counted_object(ipc_port_t port, enum port_kind kind);
// The same for semaphores and lock sets: a right whose port has died counts as one to an object that was
// destroyed, for the caller shall hear so.
void *synchronizer_object(ipc_port_t port, enum port_kind kind);
ipc_port_t counted_object_to_port(void *object); // which is alive

vm_map_t convert_port_to_map(ipc_port_t port);
ipc_space_t convert_port_to_space(ipc_port_t port);
host_t convert_port_to_host(ipc_port_t port);           // the privileged port will do as well
clock_serv_t convert_port_to_clock(ipc_port_t port);    // the control port will do as well
memory_object_control_t convert_port_to_memory_control(ipc_port_t port);
// Of a thread, a task, or the host by its privileged port; borrowed: such calls do not block.
exceptions_t convert_port_to_exceptions(ipc_port_t port, enum port_kind kind);

ipc_port_t convert_clock_to_port(clock_serv_t clock);
ipc_port_t convert_clock_ctrl_to_port(clock_ctrl_t clock);

void space_deallocate(ipc_space_t space); // NULL is fine

// For traps, which have no message to carry a right: the port for which `name` denotes a send or receive
// right, and the live local task, both borrowed: good until the caller blocks or changes the space. NULL
// when there is none (then a trap answers MACH_SEND_INVALID_DEST and the library sends the message).
struct port *space_send_target(ipc_space_t space, mach_port_name_t name);
task_t task_from_name(mach_port_name_t name);

// Serves the request in `kmsg` (consumed) and sends the reply, if there is one.
void kobject_serve(struct kmsg *kmsg);
// Runs the routine that a request asks for and returns its reply, addressed to the request's reply right.
// The request is still the caller's, with the rights that the routine has not consumed, and without the
// reply right. NULL when memory is short: nothing has happened.
struct kmsg *kobject_call(struct kmsg *request);
// What a reply says: KERN_SUCCESS, MIG_NO_REPLY (there is to be none), or an error.
kern_return_t kobject_reply_code(const struct kmsg *reply);
