// SPDX-License-Identifier: BSD-2-Clause
// Whether an operation on memory costs more where a map has more entries, or the memory more pages.
#include "bench.h"

static vm_address_t at;           // of one page among the entries
static mach_port_t port;
static vm_size_t sent;
static vm_address_t source;

static void vm_allocate_deallocate(void)
{
    vm_address_t address = 0;

    must(vm_allocate(mach_task_self(), &address, 2 * vm_page_size, TRUE), "vm_allocate");
    must(vm_deallocate(mach_task_self(), address, 2 * vm_page_size), "vm_deallocate");
}

static void vm_protect_twice(void)
{
    must(vm_protect(mach_task_self(), at, vm_page_size, FALSE, VM_PROT_READ), "vm_protect");
    must(vm_protect(mach_task_self(), at, vm_page_size, FALSE, VM_PROT_READ | VM_PROT_WRITE),
         "vm_protect");
}

static void measure_fault(unsigned count)
{
    static struct samples samples;

    samples.count = 0;
    for (int i = 0; i < WARM_UP + RUNS; i++) {
        uint64_t start;

        must(vm_deallocate(mach_task_self(), at, vm_page_size), "vm_deallocate");
        must(vm_allocate(mach_task_self(), &at, vm_page_size, FALSE), "vm_allocate");
        start = cycles();
        *(volatile int *)at = 1;
        if (i >= WARM_UP)
            sample(&samples, start, cycles());
    }
    report_at("fault_zero_fill", count, "entries", median(&samples));
}

// Every second page of a region makes an entry of its own, with a hole on each side.
static void entries(unsigned count)
{
    vm_address_t region = 0;
    vm_size_t size = 2 * count * vm_page_size;

    must(vm_allocate(mach_task_self(), &region, size, TRUE), "vm_allocate");
    for (unsigned i = 0; i < count; i++)
        must(vm_deallocate(mach_task_self(), region + (2 * i + 1) * vm_page_size, vm_page_size),
             "vm_deallocate");
    at = region + count / 2 * 2 * vm_page_size;
    measure_at("vm_allocate_deallocate", count, "entries", vm_allocate_deallocate);
    measure_at("vm_protect_twice", count, "entries", vm_protect_twice);
    measure_fault(count);
    must(vm_deallocate(mach_task_self(), region, size), "vm_deallocate");
}

// Out of line to a port of one's own and back; the pages are in memory.
static void ool_send_receive(void)
{
    struct {
        mach_msg_header_t header;
        mach_msg_body_t body;
        mach_msg_ool_descriptor_t region;
        mach_msg_trailer_t trailer;
    } m = {.header = {.msgh_bits = MACH_MSGH_BITS_COMPLEX |
                                   MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0),
                      .msgh_remote_port = port},
           .body = {1},
           .region = {.address = (void *)source, .size = sent, .copy = MACH_MSG_VIRTUAL_COPY,
                      .type = MACH_MSG_OOL_DESCRIPTOR}};

    must(mach_msg(&m.header, MACH_SEND_MSG | MACH_RCV_MSG, sizeof m - sizeof m.trailer, sizeof m,
                  port, MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL),
         "sending memory");
    must(vm_deallocate(mach_task_self(), (vm_address_t)m.region.address, sent), "vm_deallocate");
}

static void pages(unsigned count)
{
    sent = count * vm_page_size;
    source = 0;
    must(vm_allocate(mach_task_self(), &source, sent, TRUE), "vm_allocate");
    for (unsigned i = 0; i < count; i++)
        *(volatile int *)(source + i * vm_page_size) = 1;
    measure_at("ool_send_receive", count, "pages", ool_send_receive);
    must(vm_deallocate(mach_task_self(), source, sent), "vm_deallocate");
}

void growth_of_memory(void)
{
    must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port),
         "mach_port_allocate");
    entries(10);
    entries(1000);
    entries(10000);
    pages(1);
    pages(16);
    pages(256);
    pages(4096);
    must(mach_port_destroy(mach_task_self(), port), "mach_port_destroy");
}
