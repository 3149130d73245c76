// SPDX-License-Identifier: BSD-2-Clause
// Out-of-line memory between two tasks, and zero-filled memory.
#include "bench.h"

#include <string.h>

#define MEGABYTE 0x100000u
#define LARGE (8 * MEGABYTE)
#define LARGE_RUNS 25
#define ZERO_PAGES 1024u

static mach_port_t server, reply_port;
static struct samples arrival, per_page, first, page_2000;

static void send_memory(vm_address_t address, vm_size_t size, struct memory_times *times,
                        uint64_t *start)
{
    union {
        struct {
            mach_msg_header_t header;
            mach_msg_body_t body;
            mach_msg_ool_descriptor_t region;
        } out;
        struct {
            mach_msg_header_t header;
            struct memory_times times;
            mach_msg_max_trailer_t trailer;
        } in;
    } m = {.out = {
               .header = {.msgh_bits = MACH_MSGH_BITS_COMPLEX |
                                       MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND,
                                                      MACH_MSG_TYPE_MAKE_SEND_ONCE),
                          .msgh_remote_port = server,
                          .msgh_local_port = reply_port,
                          .msgh_id = ECHO_MEMORY},
               .body = {1},
               .region = {.address = (void *)address, .size = size,
                          .copy = MACH_MSG_VIRTUAL_COPY, .type = MACH_MSG_OOL_DESCRIPTOR}}};

    *start = cycles();
    must(mach_msg(&m.out.header, MACH_SEND_MSG | MACH_RCV_MSG, sizeof m.out, sizeof m, reply_port,
                  MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL),
         "sending memory");
    *times = m.in.times;
}

static void bench_out_of_line(void)
{
    struct memory_times times;
    vm_address_t memory = 0;
    uint64_t start;

    must(vm_allocate(mach_task_self(), &memory, LARGE, TRUE), "vm_allocate");
    memset((void *)memory, 1, LARGE);
    for (int i = 0; i < WARM_UP + RUNS; i++) {
        send_memory(memory, MEGABYTE, &times, &start);
        if (i < WARM_UP)
            continue;
        sample(&arrival, start, times.received);
        sample(&per_page, 0, times.per_page);
    }
    for (int i = 0; i < LARGE_RUNS; i++) {
        send_memory(memory, LARGE, &times, &start);
        sample(&first, 0, times.first);
        sample(&page_2000, 0, times.page_2000);
    }
    report("ool_1m", median(&arrival));
    report("ool_1m_write_per_page", median(&per_page));
    report_ratio("ool_1m_write_last_over_first", median(&page_2000), median(&first));
    must(vm_deallocate(mach_task_self(), memory, LARGE), "vm_deallocate");
}

static void bench_zero_fill(void)
{
    static struct samples fills;
    vm_address_t memory = 0;

    must(vm_allocate(mach_task_self(), &memory, ZERO_PAGES * vm_page_size, TRUE), "vm_allocate");
    for (unsigned i = 0; i < ZERO_PAGES; i++) {
        volatile int *word = (int *)(memory + i * vm_page_size);
        uint64_t start = cycles();

        *word = 1;
        sample(&fills, start, cycles());
    }
    report("fault_zero_fill", median(&fills));
    must(vm_deallocate(mach_task_self(), memory, ZERO_PAGES * vm_page_size), "vm_deallocate");
}

void bench_memory(void)
{
    reply_port = mach_reply_port();
    server = echo_task();
    bench_out_of_line();
    bench_zero_fill();
}
