/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel provides to generated code, as far as the test of the kernel sides needs it. */
#ifndef IPC_MIG_KERNEL_H
#define IPC_MIG_KERNEL_H

#define KERNEL 1

#include <mach/mig.h>
#include <mach/std_types.h>
#include <string.h>

typedef struct port {
    int number;
} *ipc_port_t;
typedef const void *raw_port_t; /* a server's own idea of a port */
typedef struct vm_map_copy {
    const char *text;
} *vm_map_copy_t;
typedef struct thing {
    int references;
} *thing_t;

thing_t convert_port_to_thing(ipc_port_t port);
enum { PART_KIND = 5 };
kern_return_t find_part(thing_t thing, int part, int kind, thing_t *found);
ipc_port_t convert_thing_to_port(thing_t thing);
void thing_deallocate(thing_t thing);
void port_release_right(ipc_port_t port, mach_msg_type_name_t disposition);

kern_return_t mach_msg_send_from_kernel(mach_msg_header_t *msg, mach_msg_size_t size);
kern_return_t mach_msg_rpc_from_kernel(mach_msg_header_t *msg, mach_msg_size_t send_size,
                                       mach_msg_size_t rcv_size);
void mach_msg_destroy_from_kernel(mach_msg_header_t *msg);

#endif
