// SPDX-License-Identifier: BSD-2-Clause
// A bad access that another thread of the task resolves.
#include "bench.h"

#include <cthreads.h>
#include <mach/exc_server.h>
#include <stddef.h>

static mach_port_t port;

kern_return_t catch_exception_raise(mach_port_t exception_port, mach_port_t thread, mach_port_t task,
                                    exception_type_t exception, exception_data_t code,
                                    mach_msg_type_number_t count)
{
    vm_address_t address = (vm_address_t)code[1] & ~(vm_page_size - 1);

    (void)exception_port, (void)count;
    if (exception != EXC_BAD_ACCESS)
        return KERN_FAILURE;
    must(vm_allocate(mach_task_self(), &address, vm_page_size, FALSE), "vm_allocate in the handler");
    mach_port_deallocate(mach_task_self(), thread);
    mach_port_deallocate(mach_task_self(), task);
    return KERN_SUCCESS;
}

static any_t handler(any_t unused)
{
    (void)unused;
    mach_msg_server(exc_server, 1024, port, MACH_MSG_OPTION_NONE);
    return NULL;
}

void bench_exceptions(void)
{
    static struct samples samples;
    vm_address_t page = 0x60000000; // where nobody who takes memory anywhere comes

    must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port), "mach_port_allocate");
    must(mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND),
         "mach_port_insert_right");
    cthread_detach(cthread_fork(handler, NULL));
    must(task_set_exception_ports(mach_task_self(), EXC_MASK_BAD_ACCESS, port, EXCEPTION_DEFAULT, 0),
         "task_set_exception_ports");
    must(vm_allocate(mach_task_self(), &page, vm_page_size, FALSE), "vm_allocate");
    for (int i = 0; i < WARM_UP + RUNS; i++) {
        uint64_t start;

        must(vm_deallocate(mach_task_self(), page, vm_page_size), "vm_deallocate");
        start = cycles();
        *(volatile int *)page = 1;
        if (i >= WARM_UP)
            sample(&samples, start, cycles());
    }
    report("fault_exception_handler", median(&samples));
    must(mach_port_destroy(mach_task_self(), port), "mach_port_destroy");
}
