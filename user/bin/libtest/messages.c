// SPDX-License-Identifier: BSD-2-Clause
// mach_msg's retries; what is no interrupt; threads without a block.
#include "check.h"

#include <cthreads.h>
#include <mach/device_io.h>
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

// ---- what looks like an interrupt --------------------------------------------------------------

// Whether what comes to `port` now would be an interrupt to a driver of line 0.
static int seems_interrupt(void)
{
    union {
        mach_msg_header_t header;
        device_interrupt_rcv_msg_t interrupt;
        char room[128];
    } message = {.header = {.msgh_id = 0}};

    is(mach_msg(&message.header, MACH_RCV_MSG | DEVICE_INTERRUPT_RCV_OPTIONS, 0, sizeof(message),
                port, 0, MACH_PORT_NULL),
       MACH_MSG_SUCCESS, "a message has come");
    is(message.header.msgh_id, DEVICE_INTERRUPT_MSG_ID, "with the id of an interrupt");
    is((int)message.interrupt.irq, 0, "and line 0");
    return device_is_interrupt(&message.header, 0);
}

static void test_false_interrupts(void)
{
    device_interrupt_msg_t forged = {
        .header = {.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0),
                   .msgh_size = sizeof(forged),
                   .msgh_remote_port = port,
                   .msgh_id = DEVICE_INTERRUPT_MSG_ID},
        .count = 1,
    };
    mach_msg_header_t call = {
        .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_COPY_SEND),
        .msgh_size = sizeof(call),
        .msgh_remote_port = mach_task_self(),
        .msgh_local_port = port,
        .msgh_id = DEVICE_INTERRUPT_MSG_ID - 100,
    };

    mach_msg(&forged.header, MACH_SEND_MSG, sizeof(forged), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
    ok(!seems_interrupt(), "a user's message is no interrupt, whatever it says");
    mach_msg(&call, MACH_SEND_MSG, sizeof(call), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
    ok(!seems_interrupt(), "nor is the kernel's reply to a call that a user made");
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
    test_false_interrupts();
    test_bare_thread();
    free_port(port);
    is((int)count_names(), (int)names, "calls leave no names behind");
}
