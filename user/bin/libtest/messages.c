// SPDX-License-Identifier: BSD-2-Clause
// mach_msg's retries; threads without a block.
#include "check.h"

#include <cthreads.h>
#include <program.h>
#include <stdlib.h>

#define MY_ID 4711

static mach_port_t port;

// Receives one message with these options; the result, or the id of what came.
static any_t receive_one(any_t options)
{
    mach_msg_empty_rcv_t message;
    mach_msg_return_t result = mach_msg(&message.header, MACH_RCV_MSG | (int)options, 0,
                                        sizeof(message), port, 0, MACH_PORT_NULL);

    return (any_t)(result == MACH_MSG_SUCCESS ? message.header.msgh_id : result);
}

static void send_one(void)
{
    mach_msg_header_t message = {.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0),
                                 .msgh_size = sizeof(message),
                                 .msgh_remote_port = port,
                                 .msgh_id = MY_ID};

    mach_msg(&message, MACH_SEND_MSG, sizeof(message), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
}

static void test_interrupts(void)
{
    cthread_t thread = cthread_fork(receive_one, 0);

    sleep_ms(5);
    thread_abort(cthread_thread(thread));
    sleep_ms(5);
    send_one();
    is((int)cthread_join(thread), MY_ID, "mach_msg repeats a receive that thread_abort interrupted");
    thread = cthread_fork(receive_one, (any_t)MACH_RCV_INTERRUPT);
    sleep_ms(5);
    thread_abort(cthread_thread(thread));
    is((int)cthread_join(thread), MACH_RCV_INTERRUPTED, "unless MACH_RCV_INTERRUPT is given");
}

// ---- a thread of the kernel's, without a block --------------------------------------------------

static semaphore_t done;
static kern_return_t bare_result;

static void bare(void)
{
    mach_port_t made = MACH_PORT_NULL;
    mach_port_urefs_t refs = 0;
    struct mutex lock = MUTEX_INITIALIZER;

    mutex_lock(&lock);
    bare_result = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &made);
    bare_result |= mach_port_get_refs(mach_task_self(), made, MACH_PORT_RIGHT_RECEIVE, &refs);
    bare_result |= mach_port_mod_refs(mach_task_self(), made, MACH_PORT_RIGHT_RECEIVE, -1);
    mutex_unlock(&lock);
    if (cthread_self() != CTHREAD_NULL || refs != 1)
        bare_result = KERN_FAILURE;
    semaphore_signal(done);
    for (;;)
        semaphore_wait(done + 1); // nothing: it is terminated here
}

static void test_bare_thread(void)
{
    static unsigned stack[2048];
    mach_port_t thread;

    semaphore_create(mach_task_self(), &done, SYNC_POLICY_FIFO, 0);
    is(program_start(mach_task_self(), (vm_address_t)bare, (vm_address_t)&stack[2044], &thread),
       KERN_SUCCESS, "thread_create_running");
    semaphore_wait(done);
    is(bare_result, KERN_SUCCESS, "a thread without the library's block can make kernel calls");
    thread_terminate(thread);
    mach_port_deallocate(mach_task_self(), thread);
    semaphore_destroy(mach_task_self(), done);
    mach_port_deallocate(mach_task_self(), done);
}

void test_messages(void)
{
    unsigned names = count_names();

    port = new_port();
    test_interrupts();
    test_bare_thread();
    free_port(port);
    is((int)count_names(), (int)names, "calls leave no names behind");
}
