// SPDX-License-Identifier: BSD-2-Clause
// Requests and replies between two tasks, and between two threads of one.
#include "bench.h"

#include <cthreads.h>
#include <string.h>

static mach_port_t server, reply_port;
static mach_msg_size_t size;

static union {
    mach_msg_header_t header;
    struct {
        mach_msg_header_t header;
        mach_msg_body_t body;
        mach_msg_port_descriptor_t right;
    } carrying;
    char room[ECHO_ROOM];
} message;

static void call(mach_msg_bits_t bits, mach_msg_size_t send_size, mach_msg_id_t id)
{
    mach_msg_header_t *header = &message.header;

    header->msgh_bits = bits | MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
    header->msgh_size = send_size;
    header->msgh_remote_port = server;
    header->msgh_local_port = reply_port;
    header->msgh_id = id;
    must(mach_msg(header, MACH_SEND_MSG | MACH_RCV_MSG, send_size, sizeof message, reply_port,
                  MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL),
         "a call");
    if (header->msgh_id != id)
        must(MIG_REPLY_MISMATCH, "a call");
}

void echo_call(mach_port_t port, mach_port_t reply, mach_msg_size_t bytes, mach_msg_option_t options)
{
    mach_msg_header_t *header = &message.header;

    *header = (mach_msg_header_t){
        .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE),
        .msgh_remote_port = port, .msgh_local_port = reply, .msgh_id = ECHO_BACK};
    must(mach_msg(header, MACH_SEND_MSG | MACH_RCV_MSG | options, bytes, sizeof message, reply,
                  ECHO_TIMEOUT, MACH_PORT_NULL),
         "a call");
    if (header->msgh_id != ECHO_BACK || header->msgh_size != bytes)
        must(MIG_REPLY_MISMATCH, "a call");
}

static void echo(void)
{
    call(0, size, ECHO_BACK);
    if (message.header.msgh_size != size)
        must(MIG_REPLY_MISMATCH, "echo");
}

static void send_right(void)
{
    message.carrying.body.msgh_descriptor_count = 1;
    message.carrying.right = (mach_msg_port_descriptor_t){
        .name = reply_port, .disposition = MACH_MSG_TYPE_MAKE_SEND,
        .type = MACH_MSG_PORT_DESCRIPTOR};
    call(MACH_MSGH_BITS_COMPLEX, sizeof message.carrying, ECHO_RIGHT);
}

static void measure_size(const char *name, mach_msg_size_t body)
{
    size = sizeof(mach_msg_header_t) + body;
    memset(&message, 0x5a, sizeof message);
    measure(name, echo);
    for (mach_msg_size_t i = sizeof(mach_msg_header_t); i < size; i++)
        if (message.room[i] != 0x5a)
            must(MIG_REPLY_MISMATCH, "the echoed bytes");
}

static any_t serve(any_t port)
{
    echo_serve((mach_port_t)port);
    return NULL;
}

static void bench_same_task(void)
{
    mach_port_t self = mach_task_self();
    cthread_t thread;

    must(mach_port_allocate(self, MACH_PORT_RIGHT_RECEIVE, &server), "mach_port_allocate");
    must(mach_port_insert_right(self, server, server, MACH_MSG_TYPE_MAKE_SEND), "insert_right");
    thread = cthread_fork(serve, (any_t)server);
    measure_size("rpc_null_same_task", 0);
    call(0, sizeof(mach_msg_header_t), ECHO_STOP);
    cthread_join(thread);
    must(mach_port_destroy(self, server), "mach_port_destroy");
}

void bench_rpc(void)
{
    reply_port = mach_reply_port();
    server = echo_task();
    measure_size("rpc_null", 0);
    measure_size("rpc_32", 32);
    measure_size("rpc_256", 256);
    measure_size("rpc_4096", 4096);
    measure("rpc_send_right", send_right);
    call(0, sizeof(mach_msg_header_t), ECHO_STOP);
    must(mach_port_deallocate(mach_task_self(), server), "mach_port_deallocate");
    bench_same_task();
}
