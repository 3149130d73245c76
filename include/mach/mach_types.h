/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The C side of mach_types.defs.  To a user program every kernel object is a port name; inside the
 * kernel (MACH_KERNEL) task_t and its like are pointers, which the kernel's own headers declare.
 * Source: OSF mach/mach_types.h; *_inspect_t and the like of macOS are not offered.
 */
#ifndef _MACH_MACH_TYPES_H_
#define _MACH_MACH_TYPES_H_

#include <mach/clock_types.h>
#include <mach/exception.h>
#include <mach/host_info.h>
#include <mach/host_special_ports.h>
#include <mach/machine.h>
#include <mach/memory_object.h>
#include <mach/policy.h>
#include <mach/port.h>
#include <mach/std_types.h>
#include <mach/sync_policy.h>
#include <mach/task_info.h>
#include <mach/task_special_ports.h>
#include <mach/thread_info.h>
#include <mach/thread_special_ports.h>
#include <mach/thread_status.h>
#include <mach/time_value.h>
#include <mach/vm_attributes.h>
#include <mach/vm_behavior.h>
#include <mach/vm_inherit.h>
#include <mach/vm_param.h>
#include <mach/vm_prot.h>
#include <mach/vm_region.h>
#include <mach/vm_statistics.h>
#include <mach/vm_sync.h>
#include <mach/vm_types.h>

#ifndef MACH_KERNEL

typedef mach_port_t task_t;         /* a task: its kernel port */
typedef mach_port_t task_port_t;    /* the same */
typedef mach_port_t thread_t;       /* a thread: its kernel port */
typedef mach_port_t thread_act_t;   /* the same: Minato has no separate activations */
typedef mach_port_t thread_port_t;
typedef mach_port_t vm_task_t;      /* a task as an address space */
typedef mach_port_t vm_map_t;
typedef mach_port_t ipc_space_t;    /* a task as a name space */
typedef mach_port_t host_t;         /* host, information only */
typedef mach_port_t host_priv_t;    /* host, with power */
typedef mach_port_t host_security_t;
typedef mach_port_t security_port_t;
typedef mach_port_t processor_t;
typedef mach_port_t processor_set_t;
typedef mach_port_t processor_set_name_t;
typedef mach_port_t semaphore_t;
typedef mach_port_t lock_set_t;
typedef mach_port_t ledger_t;
typedef mach_port_t ledger_port_t;
typedef mach_port_t clock_serv_t;   /* a clock: read, sleep, alarm (OSF: clock_t, C's own name) */
typedef mach_port_t clock_ctrl_t;   /* a clock: set */
typedef mach_port_t device_master_t; /* device_io.defs */

#define TASK_NULL ((task_t)0)
#define THREAD_NULL ((thread_t)0)
#define HOST_NULL ((host_t)0)
#define SEMAPHORE_NULL ((semaphore_t)0)
#define LOCK_SET_NULL ((lock_set_t)0)
#define CLOCK_NULL ((clock_serv_t)0)

#endif /* MACH_KERNEL */

/* Arrays of object ports, as task_threads and ledgers use them. */
typedef mach_port_t *task_array_t;
typedef mach_port_t *task_port_array_t;
typedef mach_port_t *thread_array_t;
typedef mach_port_t *thread_port_array_t;
typedef mach_port_t *thread_act_array_t;
typedef mach_port_t *thread_act_port_array_t;
typedef mach_port_t *ledger_array_t;
typedef mach_port_t *ledger_port_array_t;
typedef mach_port_t *processor_array_t;
typedef mach_port_t *processor_port_array_t;
typedef mach_port_t *processor_set_name_array_t;
typedef mach_port_t *processor_set_name_port_array_t;
typedef vm_offset_t *emulation_vector_t;
#define EMULATION_VECTOR_INT80 0x80 /* the place of `int 0x80` in it: the only one */

typedef integer_t ledger_item_t;
#define LEDGER_ITEM_INFINITY ((ledger_item_t)~0)

#endif
