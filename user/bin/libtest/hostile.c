// SPDX-License-Identifier: BSD-2-Clause
// Clients that mean the servers ill: messages of all shapes, rights and memory nobody asked for,
// replies that nobody fetches. The servers go on, and what they hold afterwards is what they held
// before. Next: crowds.c, deaths.c.
#include "hostile.h"
#include "check.h"

#include <mach/bootstrap.h>
#include <servers/console.h>
#include <servers/netname.h>
#include <string.h>

#define GIGABYTE (1u << 30)

mach_port_t console, reply;

// ---- messages made by hand --------------------------------------------------------------------

void address(mach_msg_header_t *head, mach_port_t to, mach_msg_id_t id, mach_msg_size_t size)
{
    *head = (mach_msg_header_t){
        MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE),
        size, to, reply, 0, id};
}

mach_msg_port_descriptor_t copied(mach_port_t port)
{
    return (mach_msg_port_descriptor_t){.name = port, .disposition = MACH_MSG_TYPE_COPY_SEND,
                                        .type = MACH_MSG_PORT_DESCRIPTOR};
}

mach_msg_return_t send(mach_msg_header_t *message)
{
    return mach_msg(message, MACH_SEND_MSG, message->msgh_size, 0, MACH_PORT_NULL, 0,
                    MACH_PORT_NULL);
}

kern_return_t fetch(unsigned ms)
{
    union {
        union message message;
        char room[8192];
    } answer;
    mach_msg_header_t *head = &answer.message.head;
    mach_msg_return_t result = mach_msg(head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(answer),
                                        reply, ms, MACH_PORT_NULL);

    if (result != MACH_MSG_SUCCESS)
        return result;
    if (head->msgh_id == MACH_NOTIFY_SEND_ONCE)
        return MIG_SERVER_DIED;
    result = MACH_MSGH_BITS_IS_COMPLEX(head->msgh_bits) ? KERN_SUCCESS
                                                        : answer.message.error.RetCode;
    mach_msg_destroy(head);
    return result;
}

kern_return_t ask(mach_msg_header_t *message)
{
    kern_return_t result = send(message);

    return result == MACH_MSG_SUCCESS ? fetch(5000) : result;
}

void fetch_all(void)
{
    while (fetch(0) != MACH_RCV_TIMED_OUT)
        continue;
}

kern_return_t look_up(char *name)
{
    mach_port_t found;
    kern_return_t result = netname_look_up(name_server_port, "", name, &found);

    if (result == KERN_SUCCESS && MACH_PORT_VALID(found))
        mach_port_deallocate(mach_task_self(), found);
    return result;
}

// ---- messages of all shapes ---------------------------------------------------------------------

static unsigned random_state = 1;
static unsigned random_number(unsigned below)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % below;
}

static mach_msg_descriptor_t random_descriptor(mach_port_t port)
{
    static char memory[5000];
    static mach_port_t ports[3];
    mach_msg_descriptor_t d = {0};

    ports[0] = ports[1] = ports[2] = port;
    d.type.type = random_number(3);
    switch (d.type.type) {
    case MACH_MSG_PORT_DESCRIPTOR:
        d.port.name = random_number(4) != 0 ? port : MACH_PORT_NULL;
        d.port.disposition = MACH_MSG_TYPE_COPY_SEND + random_number(3);
        break;
    case MACH_MSG_OOL_DESCRIPTOR:
        d.out_of_line.address = memory;
        d.out_of_line.size = random_number(sizeof(memory));
        d.out_of_line.copy = random_number(2);
        break;
    default:
        d.ool_ports.address = ports;
        d.ool_ports.count = random_number(4);
        d.ool_ports.disposition = MACH_MSG_TYPE_COPY_SEND + random_number(3);
        break;
    }
    return d;
}

static void random_message(union message *message, mach_port_t to, mach_msg_id_t first,
                           mach_msg_id_t last, mach_port_t port)
{
    mach_msg_size_t smallest = sizeof(message->head);
    mach_msg_id_t id = first + (mach_msg_id_t)random_number((unsigned)(last - first + 1));

    for (unsigned i = 0; i < 128; i++)
        message->words[i] = random_number(3) == 0 ? random_state : random_number(200);
    address(&message->head, to, id, 0);
    if (random_number(2) != 0) {
        message->head.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
        message->base.body.msgh_descriptor_count = random_number(5);
        for (unsigned i = 0; i < message->base.body.msgh_descriptor_count; i++)
            message->complex.descriptor[i] = random_descriptor(port);
        smallest = sizeof(mach_msg_base_t) + 12 * message->base.body.msgh_descriptor_count;
    }
    message->head.msgh_size = smallest + 4 * random_number(40);
    if (random_number(4) == 0) {
        message->head.msgh_bits &= ~MACH_MSGH_BITS_LOCAL_MASK;
        message->head.msgh_local_port = MACH_PORT_NULL;
    } else if (random_number(4) == 0) {
        message->head.msgh_bits = MACH_MSGH_BITS_OTHER(message->head.msgh_bits) |
                                  MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND);
    }
}

static void shower(mach_port_t to, mach_msg_id_t first, mach_msg_id_t last, const char *rule)
{
    union message message;
    mach_port_t port = new_port();
    int failed = 0;

    for (int i = 0; i < 1500; i++) {
        random_message(&message, to, first, last, port);
        failed += send(&message.head) != MACH_MSG_SUCCESS;
        if (i % 4 == 0)
            fetch_all();
    }
    sleep_ms(20); // all have been answered
    fetch_all();
    address(&message.head, to, first, sizeof(message.head)); // that id is nobody's
    is(failed == 0 ? ask(&message.head) : failed, MIG_BAD_ID, rule);
    sleep_ms(20);
    fetch_all();
    free_port(port);
}

static void test_showers(void)
{
    mach_port_t session;

    begin();
    console_open(console, &session);
    shower(name_server_port, 1039, 1044, "random messages: the name server still answers");
    shower(console, 4499, 4508, "the console does");
    shower(session, 4499, 4508, "its session does");
    shower(session, 64, 72, "it is not taken in by notifications of others' making");
    shower(bootstrap_port, 999998, 1000007, "bootstrap does");
    shower(bootstrap_port, 4699, 4703, "to its programs as well");
    mach_port_deallocate(mach_task_self(), session);
    end("what random messages carried is gone");
}

static void test_huge(void)
{
    mach_port_t servers[] = {name_server_port, console, bootstrap_port};
    vm_address_t memory;
    union message message;
    int refused = 0;

    begin();
    vm_allocate(mach_task_self(), &memory, GIGABYTE, TRUE);
    for (int i = 0; i < 3; i++) {
        address(&message.head, servers[i], 1040, sizeof(message.base) + 3 * 12);
        message.head.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
        message.base.body.msgh_descriptor_count = 3;
        for (int j = 0; j < 3; j++) {
            mach_msg_ool_descriptor_t *d = &message.complex.descriptor[j].out_of_line;

            *d = (mach_msg_ool_descriptor_t){(void *)memory, GIGABYTE, FALSE, MACH_MSG_VIRTUAL_COPY,
                                             0, MACH_MSG_OOL_DESCRIPTOR};
        }
        refused += ask(&message.head) == MIG_SERVER_DIED;
    }
    vm_deallocate(mach_task_self(), memory, GIGABYTE);
    is(refused, 3, "three gigabytes find no room in a server and are dropped");
    is(look_up(CONSOLE_NAME), KERN_SUCCESS, "names are still found");
    end("and nothing of them stays");
}

static void test_unwanted_reply_rights(void)
{
    begin();
    for (int i = 0; i < 50; i++) {
        __Request__bootstrap_completed_t request = {.msgh_body = {1},
                                                    .task = copied(mach_task_self())};

        address(&request.Head, bootstrap_port, 1000004, sizeof(request));
        request.Head.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
        send(&request.Head);
    }
    is(fetch(1000), MIG_SERVER_DIED, "a reply right that came with a simple request is released");
    sleep_ms(20);
    fetch_all();
    end("all of them are");
}

// Replies with whole files, which stay in the queue.
static void test_unclaimed_replies(void)
{
    unsigned before = pages_used();

    begin();
    for (int i = 0; i < 500; i++) {
        __Request__bootstrap_get_module_t request = {.nameCnt = 1}; // "": the whole archive

        address(&request.Head, bootstrap_port, 1000006, sizeof(request) - sizeof(request.name) + 4);
        send(&request.Head);
    }
    sleep_ms(50);
    is(look_up(CONSOLE_NAME), KERN_SUCCESS, "500 archives that nobody fetches do no harm");
    ok(pages_used() - before < 1000, "they share its pages");
    fetch_all();
    end("and leave nothing behind");
}

void test_hostile(void)
{
    unsigned names = count_names();

    netname_look_up(name_server_port, "", CONSOLE_NAME, &console);
    reply = new_port();
    test_showers();
    test_huge();
    test_unwanted_reply_rights();
    test_unclaimed_replies();
    test_crowds();
    test_deaths();
    free_port(reply);
    mach_port_deallocate(mach_task_self(), console);
    is((int)count_names(), (int)names, "ill will leaves no names here either");
}
