// SPDX-License-Identifier: BSD-2-Clause
// Traps and calls on the caller's own ports.
#include "bench.h"

#include <stddef.h>

static mach_port_t port;

static void trap_null(void)
{
    mach_msg(NULL, MACH_MSG_OPTION_NONE, 0, 0, MACH_PORT_NULL, MACH_MSG_TIMEOUT_NONE,
             MACH_PORT_NULL);
}

static void trap_task_self(void)
{
    (mach_task_self)(); // the trap, not the cached name
}

// int 0x80, sent back to a vector that returns at once.
static void trap_redirected(void)
{
    __asm__ volatile("int $0x80" : : : "memory");
}
extern const char at_vector[];
__asm__(".pushsection .text\nat_vector: ret\n.popsection");

static void kernel_rpc(void)
{
    mach_port_urefs_t refs = 0;

    must(mach_port_get_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, &refs),
         "mach_port_get_refs");
    if (refs != 1)
        must(KERN_FAILURE, "mach_port_get_refs");
}

static void port_allocate_destroy(void)
{
    mach_port_t name;

    must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &name),
         "mach_port_allocate");
    must(mach_port_destroy(mach_task_self(), name), "mach_port_destroy");
}

void bench_traps(void)
{
    must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port),
         "mach_port_allocate");
    measure("trap_null", trap_null);
    measure("trap_task_self", trap_task_self);
    must(mach_port_mod_refs(mach_task_self(), mach_task_self(), MACH_PORT_RIGHT_SEND,
                            -(WARM_UP + RUNS)),
         "mach_port_mod_refs");
    must(task_set_emulation(mach_task_self(), (vm_address_t)at_vector, EMULATION_VECTOR_INT80),
         "task_set_emulation");
    measure("trap_redirected", trap_redirected);
    must(task_set_emulation(mach_task_self(), 0, EMULATION_VECTOR_INT80), "task_set_emulation");
    measure("kernel_rpc", kernel_rpc);
    measure("port_allocate_destroy", port_allocate_destroy);
    must(mach_port_destroy(mach_task_self(), port), "mach_port_destroy");
}
