// SPDX-License-Identifier: BSD-2-Clause
// Threads, tasks, and handing the processor on.
#include "bench.h"

#include <cthreads.h>
#include <stddef.h>

static semaphore_t ping, pong;
static volatile int yielding;

static void thread_create_terminate(void)
{
    thread_t thread;

    must(thread_create(mach_task_self(), &thread), "thread_create");
    must(thread_terminate(thread), "thread_terminate");
    must(mach_port_deallocate(mach_task_self(), thread), "mach_port_deallocate");
}

static void task_create_terminate(void)
{
    task_t task;

    must(task_create(mach_task_self(), NULL, 0, FALSE, &task), "task_create");
    must(task_terminate(task), "task_terminate");
    must(mach_port_deallocate(mach_task_self(), task), "mach_port_deallocate");
}

static void sem_pingpong(void)
{
    must(semaphore_signal(ping), "semaphore_signal");
    must(semaphore_wait(pong), "semaphore_wait");
}

static any_t yielder(any_t unused)
{
    (void)unused;
    while (yielding)
        thread_switch(MACH_PORT_NULL, SWITCH_OPTION_NONE, 0);
    return NULL;
}

static void yield_roundtrip(void)
{
    thread_switch(MACH_PORT_NULL, SWITCH_OPTION_NONE, 0);
}

// Gives two semaphores to the echo server, which answers on them from then on.
static void share_semaphores(mach_port_t server)
{
    struct {
        mach_msg_header_t header;
        mach_msg_body_t body;
        mach_msg_port_descriptor_t rights[2];
        mach_msg_max_trailer_t trailer;
    } m = {.header = {.msgh_bits = MACH_MSGH_BITS_COMPLEX |
                                   MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND,
                                                  MACH_MSG_TYPE_MAKE_SEND_ONCE),
                      .msgh_remote_port = server,
                      .msgh_local_port = mach_reply_port(),
                      .msgh_id = ECHO_SEMAPHORES},
           .body = {2},
           .rights = {{.name = ping, .disposition = MACH_MSG_TYPE_COPY_SEND,
                       .type = MACH_MSG_PORT_DESCRIPTOR},
                      {.name = pong, .disposition = MACH_MSG_TYPE_COPY_SEND,
                       .type = MACH_MSG_PORT_DESCRIPTOR}}};

    must(mach_msg(&m.header, MACH_SEND_MSG | MACH_RCV_MSG, sizeof m - sizeof m.trailer, sizeof m,
                  m.header.msgh_local_port, MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL),
         "sharing semaphores");
}

void bench_threads(void)
{
    mach_port_t self = mach_task_self();
    cthread_t peer;

    must(semaphore_create(self, &ping, SYNC_POLICY_FIFO, 0), "semaphore_create");
    must(semaphore_create(self, &pong, SYNC_POLICY_FIFO, 0), "semaphore_create");
    share_semaphores(echo_task());
    measure("sem_pingpong", sem_pingpong);
    must(semaphore_destroy(self, ping), "semaphore_destroy");
    must(semaphore_destroy(self, pong), "semaphore_destroy");
    yielding = 1;
    peer = cthread_fork(yielder, NULL);
    measure("yield_roundtrip", yield_roundtrip);
    yielding = 0;
    cthread_join(peer);
    measure("thread_create_terminate", thread_create_terminate);
    measure("task_create_terminate", task_create_terminate);
}
