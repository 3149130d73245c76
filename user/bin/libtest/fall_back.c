// SPDX-License-Identifier: BSD-2-Clause
// Traps on a port that stands for an object, as one for an object of another node does: each that
// has a message form becomes that message, and the answer is the message's.
#include "check.h"

#include <cthreads.h>
#include <stddef.h>

#define ANSWER 4711 // a code that no kernel returns

static mach_port_t port; // stands for a task, or a semaphore
static mach_msg_id_t asked; // id of the last request

union message {
    mach_msg_header_t head;
    mig_reply_error_t error;
    __Request__vm_allocate_rpc_t request;
    __Reply__vm_allocate_rpc_t reply;
    char room[256];
};

static void receive_request(union message *message)
{
    mach_msg(&message->head, MACH_RCV_MSG, 0, sizeof(*message), port, 0, MACH_PORT_NULL);
    asked = message->head.msgh_id;
    mach_msg_bits_t bits = MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(message->head.msgh_bits), 0);
    if (MACH_MSGH_BITS_IS_COMPLEX(message->head.msgh_bits)) {
        mach_port_t reply_port = message->head.msgh_remote_port;

        message->head.msgh_remote_port = MACH_PORT_NULL;
        mach_msg_destroy(&message->head);
        message->head.msgh_remote_port = reply_port;
    }
    message->head.msgh_bits = bits;
    message->head.msgh_local_port = MACH_PORT_NULL;
    message->head.msgh_id += 100;
}

static void send_reply(union message *message, mach_msg_size_t size)
{
    mach_msg(&message->head, MACH_SEND_MSG, size, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
}

// Answers one vm_allocate with an address of its own making.
static any_t allocator(any_t unused)
{
    union message message;
    vm_size_t size;

    receive_request(&message);
    size = message.request.size;
    message.reply.NDR = NDR_record;
    message.reply.RetCode = KERN_SUCCESS;
    message.reply.address = 0x5000 + size;
    send_reply(&message, sizeof(message.reply));
    return unused;
}

// Answers any request with a code.
static any_t refuser(any_t unused)
{
    union message message;

    receive_request(&message);
    message.error.NDR = NDR_record;
    message.error.RetCode = ANSWER;
    send_reply(&message, sizeof(message.error));
    return unused;
}

// ---- the calls --------------------------------------------------------------------------------

static vm_address_t address;
static mach_port_t name;

static kern_return_t allocate(void) { return vm_allocate(port, &address, 4096, TRUE); }
static kern_return_t deallocate(void) { return vm_deallocate(port, 0x5000, 4096); }
static kern_return_t map(void)
{
    return vm_map(port, &address, 4096, 0, TRUE, MACH_PORT_NULL, 0, FALSE, VM_PROT_READ,
                  VM_PROT_ALL, VM_INHERIT_COPY);
}
static kern_return_t port_allocate(void)
{
    return mach_port_allocate(port, MACH_PORT_RIGHT_RECEIVE, &name);
}
static kern_return_t port_deallocate(void) { return mach_port_deallocate(port, 0x1234); }
static kern_return_t port_insert(void)
{
    return mach_port_insert_right(port, 0x1234, port, MACH_MSG_TYPE_MAKE_SEND);
}
static kern_return_t signal_one(void) { return semaphore_signal(port); }
static kern_return_t signal_all(void) { return semaphore_signal_all(port); }
static kern_return_t wait_once(void) { return semaphore_wait(port); }
static kern_return_t wait_for(void) { return semaphore_timedwait(port, (tvalspec_t){1, 0}); }

static kern_return_t signal_thread(void) { return semaphore_signal_thread(port, MACH_PORT_NULL); }
static kern_return_t wait_signal(void) { return semaphore_wait_signal(port, port); }
static kern_return_t wait_signal_for(void)
{
    return semaphore_timedwait_signal(port, port, (tvalspec_t){1, 0});
}

static const struct call {
    kern_return_t (*function)(void);
    mach_msg_id_t id;
    const char *rule;
} calls[] = {
    {allocate, 2021, "vm_allocate on a proxy is a message"},
    {deallocate, 2023, "vm_deallocate"},
    {map, 2089, "vm_map"},
    {port_allocate, 3204, "mach_port_allocate"},
    {port_deallocate, 3206, "mach_port_deallocate"},
    {port_insert, 3215, "mach_port_insert_right"},
    {signal_one, 617002, "semaphore_signal"},
    {signal_all, 617003, "semaphore_signal_all"},
    {wait_once, 617004, "semaphore_wait"},
    {wait_for, 617014, "semaphore_timedwait"},
    {signal_thread, 617013, "semaphore_signal_thread"},
    {wait_signal, 617015, "semaphore_wait_signal"},
    {wait_signal_for, 617016, "semaphore_timedwait_signal"},
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

static void test_each(void)
{
    for (unsigned i = 0; i < CALLS; i++) {
        cthread_t proxy = cthread_fork(refuser, NULL);

        asked = 0;
        is(calls[i].function(), ANSWER, calls[i].rule);
        is(asked, calls[i].id, "  with the id of its .defs");
        cthread_join(proxy);
    }
}

static void test_bare_traps(void)
{
    is(syscall_vm_allocate(port, &address, 4096, TRUE), MACH_SEND_INVALID_DEST,
       "the bare traps say MACH_SEND_INVALID_DEST of a proxy");
    is(syscall_mach_port_allocate(port, MACH_PORT_RIGHT_RECEIVE, &name), MACH_SEND_INVALID_DEST,
       "  of a task");
    is(semaphore_wait_trap(port), MACH_SEND_INVALID_DEST, "  of a semaphore");
}

static void test_wrong_names(void)
{
    mach_port_t dead;

    mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_DEAD_NAME, &dead);
    is(vm_allocate(0x7fffff01, &address, 4096, TRUE), MACH_SEND_INVALID_DEST,
       "a trap on no port at all: MACH_SEND_INVALID_DEST");
    is(semaphore_signal(dead), MACH_SEND_INVALID_DEST, "on a dead name: the same");
    is(semaphore_wait(MACH_PORT_NULL), MACH_SEND_INVALID_DEST, "on the null port: the same");
    mach_port_deallocate(mach_task_self(), dead);
    is(semaphore_signal(mach_task_self()), KERN_INVALID_ARGUMENT,
       "on a kernel object of another kind: what the message says");
}

void test_fall_back(void)
{
    unsigned names = count_names();
    cthread_t proxy;

    port = new_port();
    test_each();
    proxy = cthread_fork(allocator, NULL);
    is(vm_allocate(port, &address, 0x234, TRUE), KERN_SUCCESS, "a proxy may grant what is asked");
    is((int)address, 0x5234, "and its answer is the caller's");
    cthread_join(proxy);
    test_bare_traps();
    test_wrong_names();
    free_port(port);
    is((int)count_names(), (int)names, "a proxy's callers keep no names");
}
