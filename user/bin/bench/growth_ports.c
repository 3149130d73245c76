// SPDX-License-Identifier: BSD-2-Clause
// Whether an operation on ports costs more where there are more of them: names in the task, names that
// it has chosen itself, members of a set, messages in a queue, bytes in a message.
#include "bench.h"

#include <stdlib.h>

static mach_port_t server, reply_port;
static mach_port_t port, set;
static mach_port_t *members;
static unsigned member_count, turn;

static mach_port_t make_port(void)
{
    mach_port_t name;

    must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &name),
         "mach_port_allocate");
    must(mach_port_insert_right(mach_task_self(), name, name, MACH_MSG_TYPE_MAKE_SEND),
         "mach_port_insert_right");
    return name;
}

static void destroy(mach_port_t name)
{
    must(mach_port_destroy(mach_task_self(), name), "mach_port_destroy");
}

// ---- operations ---------------------------------------------------------------------------------

static void rpc_null(void)
{
    echo_call(server, reply_port, sizeof(mach_msg_header_t), 0);
}

static void kernel_rpc(void)
{
    mach_port_urefs_t refs;

    must(mach_port_get_refs(mach_task_self(), port, MACH_PORT_RIGHT_SEND, &refs),
         "mach_port_get_refs");
}

static void port_allocate_destroy(void)
{
    mach_port_t name;

    must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &name),
         "mach_port_allocate");
    destroy(name);
}

static void name_choose_destroy(void)
{
    must(mach_port_allocate_name(mach_task_self(), MACH_PORT_RIGHT_DEAD_NAME, 0x76543210),
         "mach_port_allocate_name");
    destroy(0x76543210);
}

static void send_to(mach_port_t name)
{
    mach_msg_header_t header = {
        .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0), .msgh_remote_port = name};

    must(mach_msg(&header, MACH_SEND_MSG, sizeof header, 0, MACH_PORT_NULL, MACH_MSG_TIMEOUT_NONE,
                  MACH_PORT_NULL),
         "a send");
}

static void receive_from(mach_port_t name)
{
    mach_msg_empty_rcv_t message;

    must(mach_msg(&message.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof message, name, 0,
                  MACH_PORT_NULL),
         "a receive");
}

static void send_receive(void)
{
    send_to(port);
    receive_from(port);
}

static void set_send_receive(void)
{
    send_to(members[turn = (turn + 1) % member_count]);
    receive_from(set);
}

static void set_leave_join(void)
{
    must(mach_port_move_member(mach_task_self(), members[0], MACH_PORT_NULL), "move_member");
    must(mach_port_move_member(mach_task_self(), members[0], set), "move_member");
}

// ---- where there are many -----------------------------------------------------------------------

static void names(unsigned count)
{
    mach_port_t *ports = malloc(count * sizeof *ports);

    for (unsigned i = 0; i < count; i++)
        ports[i] = make_port();
    measure_at("rpc_null", count, "names", rpc_null);
    measure_at("kernel_rpc", count, "names", kernel_rpc);
    measure_at("port_allocate_destroy", count, "names", port_allocate_destroy);
    for (unsigned i = 0; i < count; i++)
        destroy(ports[i]);
    free(ports);
}

static void chosen_names(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        must(mach_port_allocate_name(mach_task_self(), MACH_PORT_RIGHT_DEAD_NAME,
                                     0x70000000 + i * 1024),
             "mach_port_allocate_name");
    measure_at("rpc_null", count, "chosen_names", rpc_null);
    measure_at("name_choose_destroy", count, "chosen_names", name_choose_destroy);
    for (unsigned i = 0; i < count; i++)
        destroy(0x70000000 + i * 1024);
}

static void set_members(unsigned count)
{
    members = malloc(count * sizeof *members);
    member_count = count;
    must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &set),
         "mach_port_allocate");
    for (unsigned i = 0; i < count; i++) {
        members[i] = make_port();
        must(mach_port_move_member(mach_task_self(), members[i], set), "move_member");
    }
    measure_at("set_send_receive", count, "members", set_send_receive);
    measure_at("set_leave_join", count, "members", set_leave_join);
    for (unsigned i = 0; i < count; i++)
        send_to(members[i]);
    measure_at("set_send_receive", count, "members_with_messages", set_send_receive);
    for (unsigned i = 0; i < count; i++)
        destroy(members[i]);
    destroy(set);
    free(members);
}

static void queue(unsigned depth)
{
    mach_port_limits_t limits = {MACH_PORT_QLIMIT_MAX};

    must(mach_port_set_attributes(mach_task_self(), port, MACH_PORT_LIMITS_INFO,
                                  (mach_port_info_t)&limits, MACH_PORT_LIMITS_INFO_COUNT),
         "mach_port_set_attributes");
    for (unsigned i = 0; i < depth; i++)
        send_to(port);
    measure_at("send_receive", depth, "messages", send_receive);
    for (unsigned i = 0; i < depth; i++)
        receive_from(port);
}

static mach_msg_size_t bytes;

static void rpc(void)
{
    echo_call(server, reply_port, sizeof(mach_msg_header_t) + bytes, 0);
}

static void message_size(unsigned size)
{
    bytes = size;
    measure_at("rpc", size, "bytes", rpc);
}

void growth_of_ports(void)
{
    reply_port = mach_reply_port();
    server = echo_task();
    port = make_port();
    names(10);
    names(1000);
    names(100000);
    chosen_names(10);
    chosen_names(1000);
    chosen_names(100000);
    set_members(1);
    set_members(100);
    set_members(10000);
    queue(0);
    queue(100);
    queue(1000);
    message_size(64);
    message_size(1024);
    message_size(16384);
    message_size(65024);
    destroy(port);
    must(mach_port_deallocate(mach_task_self(), server), "mach_port_deallocate");
}
