// SPDX-License-Identifier: BSD-2-Clause
// Whether an operation costs more where there are more tasks, or more threads that wait with a limit.
#include "bench.h"

#include <cthreads.h>
#include <stdlib.h>

static mach_port_t server, reply_port;

static void rpc_null(void)
{
    echo_call(server, reply_port, sizeof(mach_msg_header_t), 0);
}

// Each reply is awaited with a limit, which joins those of the others and is taken back.
static void rpc_timed(void)
{
    echo_call(server, reply_port, sizeof(mach_msg_header_t), MACH_RCV_TIMEOUT);
}

static void task_create_terminate(void)
{
    task_t task;

    must(task_create(mach_task_self(), NULL, 0, FALSE, &task), "task_create");
    must(task_terminate(task), "task_terminate");
    must(mach_port_deallocate(mach_task_self(), task), "mach_port_deallocate");
}

static void thread_create_terminate(void)
{
    thread_t thread;

    must(thread_create(mach_task_self(), &thread), "thread_create");
    must(thread_terminate(thread), "thread_terminate");
    must(mach_port_deallocate(mach_task_self(), thread), "mach_port_deallocate");
}

static void tasks(unsigned count)
{
    task_t *made = malloc(count * sizeof *made);

    for (unsigned i = 0; i < count; i++)
        must(task_create(mach_task_self(), NULL, 0, FALSE, &made[i]), "task_create");
    measure_at("rpc_null", count, "tasks", rpc_null);
    measure_at("task_create_terminate", count, "tasks", task_create_terminate);
    for (unsigned i = 0; i < count; i++) {
        must(task_terminate(made[i]), "task_terminate");
        must(mach_port_deallocate(mach_task_self(), made[i]), "mach_port_deallocate");
    }
    free(made);
}

// ---- threads ------------------------------------------------------------------------------------

static any_t wait_long(any_t port)
{
    mach_msg_empty_rcv_t message;
    mach_msg_return_t mr = mach_msg(&message.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0,
                                    sizeof message, (mach_port_t)port, ECHO_TIMEOUT,
                                    MACH_PORT_NULL);

    if (mr != MACH_RCV_PORT_DIED)
        must(mr ? mr : KERN_FAILURE, "waiting");
    return NULL;
}

static void threads(unsigned count)
{
    cthread_t *made = malloc(count * sizeof *made);
    mach_port_t port;

    must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port),
         "mach_port_allocate");
    for (unsigned i = 0; i < count; i++) {
        made[i] = cthread_fork(wait_long, (any_t)port);
        if (!made[i])
            must(KERN_RESOURCE_SHORTAGE, "cthread_fork");
    }
    thread_switch(MACH_PORT_NULL, SWITCH_OPTION_WAIT, 10); // until all of them wait
    measure_at("rpc_null", count, "threads", rpc_null);
    measure_at("thread_create_terminate", count, "threads", thread_create_terminate);
    measure_at("rpc_timed", count, "waits_with_a_limit", rpc_timed);
    must(mach_port_destroy(mach_task_self(), port), "mach_port_destroy");
    for (unsigned i = 0; i < count; i++)
        cthread_join(made[i]);
    free(made);
}

void growth_of_tasks(void)
{
    reply_port = mach_reply_port();
    server = echo_task();
    tasks(1);
    tasks(100);
    tasks(1000);
    threads(1);
    threads(100);
    threads(1000);
    must(mach_port_deallocate(mach_task_self(), server), "mach_port_deallocate");
}
