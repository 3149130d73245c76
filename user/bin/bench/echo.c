// SPDX-License-Identifier: BSD-2-Clause
// The other side of the measured messages: a server that answers as its request's id says, in a task of
// its own or as a thread of this one.
#include "bench.h"

#include <child_task.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STACK_SIZE 0x10000u

union buffer {
    mach_msg_header_t header;
    struct {
        mach_msg_header_t header;
        mach_msg_body_t body;
        mach_msg_port_descriptor_t ports[2];
    } rights;
    struct {
        mach_msg_header_t header;
        mach_msg_body_t body;
        mach_msg_ool_descriptor_t region;
    } memory;
    struct {
        mach_msg_header_t header;
        struct memory_times times;
    } answer;
    char room[ECHO_ROOM];
};

static void touch_pages(const mach_msg_ool_descriptor_t *region, struct memory_times *times)
{
    char *memory = region->address;
    unsigned pages = region->size / vm_page_size;
    uint64_t start = cycles();

    for (unsigned i = 0; i < pages; i++) {
        uint64_t before = cycles();

        *(volatile int *)(memory + i * vm_page_size) = 1;
        if (i == 0)
            times->first = (uint32_t)(cycles() - before);
        else if (i == 2000)
            times->page_2000 = (uint32_t)(cycles() - before);
    }
    times->per_page = (uint32_t)((cycles() - start) / pages);
}

// Turns the request into its reply; returns the reply's size.
static mach_msg_size_t answer(union buffer *buffer, uint64_t received)
{
    struct memory_times times = {.received = received};

    switch (buffer->header.msgh_id) {
    case ECHO_RIGHT:
        mach_port_deallocate(mach_task_self(), buffer->rights.ports[0].name);
        return sizeof(mach_msg_header_t);
    case ECHO_MEMORY:
        touch_pages(&buffer->memory.region, &times);
        vm_deallocate(mach_task_self(), (vm_address_t)buffer->memory.region.address,
                      buffer->memory.region.size);
        buffer->answer.times = times;
        return sizeof buffer->answer;
    case ECHO_BACK:
        return buffer->header.msgh_size;
    default:
        return sizeof(mach_msg_header_t);
    }
}

// Ping-pong: waits on the one, signals the other, until one of them is destroyed.
static void answer_semaphores(semaphore_t wait, semaphore_t signal)
{
    while (semaphore_wait(wait) == KERN_SUCCESS && semaphore_signal(signal) == KERN_SUCCESS)
        ;
}

void echo_serve(mach_port_t port)
{
    static union buffer buffer;
    mach_msg_header_t *header = &buffer.header;
    mach_msg_return_t mr = mach_msg(header, MACH_RCV_MSG, 0, sizeof buffer, port,
                                    MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);

    for (;;) {
        uint64_t received = cycles();
        mach_msg_id_t id = header->msgh_id;
        semaphore_t wait = MACH_PORT_NULL, signal = MACH_PORT_NULL;

        must(mr, "receiving in the echo server");
        if (id == ECHO_SEMAPHORES) {
            wait = buffer.rights.ports[0].name;
            signal = buffer.rights.ports[1].name;
        }
        header->msgh_size = answer(&buffer, received);
        header->msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(header->msgh_bits), 0);
        header->msgh_local_port = MACH_PORT_NULL;
        if (id != ECHO_SEMAPHORES && id != ECHO_STOP) {
            mr = mach_msg(header, MACH_SEND_MSG | MACH_RCV_MSG, header->msgh_size, sizeof buffer,
                          port, MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);
            continue;
        }
        must(mach_msg(header, MACH_SEND_MSG, header->msgh_size, 0, MACH_PORT_NULL,
                      MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL),
             "replying");
        if (id == ECHO_STOP)
            return;
        answer_semaphores(wait, signal);
        mr = mach_msg(header, MACH_RCV_MSG, 0, sizeof buffer, port, MACH_MSG_TIMEOUT_NONE,
                      MACH_PORT_NULL);
    }
}

// ---- a task of its own ----

// The new task makes the port itself, so that it has an ordinary name there, and sends a right to it to
// its bootstrap port, which this task has made for the purpose.

struct introduction {
    mach_msg_header_t header;
    mach_msg_body_t body;
    mach_msg_port_descriptor_t right;
    mach_msg_max_trailer_t trailer;
};

static void child_main(void)
{
    struct introduction m = {
        .header = {.msgh_bits = MACH_MSGH_BITS_COMPLEX |
                                MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0)},
        .body = {1},
        .right = {.disposition = MACH_MSG_TYPE_MAKE_SEND, .type = MACH_MSG_PORT_DESCRIPTOR}};
    mach_port_t port;

    mach_init_child();
    must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port),
         "mach_port_allocate");
    m.header.msgh_remote_port = bootstrap_port;
    m.right.name = port;
    must(mach_msg(&m.header, MACH_SEND_MSG, sizeof m - sizeof m.trailer, 0, MACH_PORT_NULL,
                  MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL),
         "introducing the echo server");
    echo_serve(port);
    _exit(0);
}

static void start_thread(task_t task, void (*entry)(void), vm_address_t stack)
{
    struct i386_thread_state state;
    mach_msg_type_number_t count = i386_THREAD_STATE_COUNT;
    thread_t thread;

    must(thread_create(task, &thread), "thread_create");
    must(thread_get_state(thread, i386_THREAD_STATE, (thread_state_t)&state, &count),
         "thread_get_state");
    state.eip = (unsigned)entry;
    state.uesp = stack + STACK_SIZE - 16;
    must(thread_set_state(thread, i386_THREAD_STATE, (thread_state_t)&state, count),
         "thread_set_state");
    must(thread_resume(thread), "thread_resume");
    mach_port_deallocate(mach_task_self(), thread);
}

static mach_port_t receive_introduction(mach_port_t port)
{
    struct introduction m;

    must(mach_msg(&m.header, MACH_RCV_MSG, 0, sizeof m, port, MACH_MSG_TIMEOUT_NONE,
                  MACH_PORT_NULL),
         "meeting the echo server");
    return m.right.name;
}

mach_port_t echo_task(void)
{
    mach_port_t self = mach_task_self(), meeting, server;
    vm_address_t stack = 0;
    kern_return_t kr;
    task_t task;

    must(mach_port_allocate(self, MACH_PORT_RIGHT_RECEIVE, &meeting), "mach_port_allocate");
    must(mach_port_insert_right(self, meeting, meeting, MACH_MSG_TYPE_MAKE_SEND), "insert_right");
    must(vm_allocate(self, &stack, STACK_SIZE, TRUE), "vm_allocate");
    mach_child_prepare();
    kr = task_create(self, NULL, 0, TRUE, &task);
    mach_child_created();
    must(kr, "task_create");
    must(task_set_bootstrap_port(task, meeting), "task_set_special_port");
    start_thread(task, child_main, stack);
    server = receive_introduction(meeting);
    must(vm_deallocate(self, stack, STACK_SIZE), "vm_deallocate");
    must(mach_port_deallocate(self, task), "mach_port_deallocate");
    must(mach_port_destroy(self, meeting), "mach_port_destroy");
    return server;
}
