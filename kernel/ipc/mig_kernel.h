// SPDX-License-Identifier: BSD-2-Clause
// What MIG's generated kernel code is compiled with: the kernel's types for ports and objects, and how
// the kernel sends. Read kobject.h for the conversions.
#pragma once

#include <mach/mach_types.h>
#include <mach/message.h>
#include <mach/mig.h>
#include "ipc/kobject.h"
#include "ipc/port.h"
#include "ipc/right.h"
#include "kern/device.h"
#include "kern/lock_set.h"
#include "kern/semaphore.h"
#include "kern/task.h"
#include "kern/thread.h"
#include "vm/map.h"

// Sends a message built by the kernel: `msgh_remote_port` is a port pointer with a right of the type in
// the bits, descriptors hold kernel pointers. Never waits; rights and memory in it are consumed in any
// case. KERN_RESOURCE_SHORTAGE: nothing was sent.
kern_return_t mach_msg_send_from_kernel(mach_msg_header_t *msg, mach_msg_size_t size);
// The same, and waits for the reply, which comes back in `msg` (at most rcv_size bytes). The rights in
// the request are consumed in any case; those in the reply's body are the caller's.
// MACH_SEND_INTERRUPTED, MACH_RCV_INTERRUPTED: thread_abort.
kern_return_t mach_msg_rpc_from_kernel(mach_msg_header_t *msg, mach_msg_size_t send_size,
                                       mach_msg_size_t rcv_size);
// Drops the rights and memory that a message carries, and the right that it is addressed by.
void mach_msg_destroy_from_kernel(mach_msg_header_t *msg);
