// SPDX-License-Identifier: BSD-2-Clause
// mach_msg_server: what becomes of requests and replies, whatever clients send or fail to receive.
// mach_msg_destroy: what it takes and what it leaves.
#include "check.h"

#include <cthreads.h>
#include <mach/notify_server.h>
#include <string.h>

#define PLAIN 100  // requests that demux knows: answered with success
#define MEMORY 101 // answered with memory that stays the server's
#define REFUSE 102 // answered with a code
#define SILENT 103 // not answered; the reply right is kept
#define LARGE 8000 // bytes of a request that is larger than a small server expects

static mach_port_t port;  // the server's
static mach_port_t reply; // ours
static mach_port_t kept;  // reply right of a SILENT request
static int served;        // requests that demux has seen
static char lent[3 * PAGE_SIZE] __attribute__((aligned(4096))); // what MEMORY hands out

struct memory_message {
    mach_msg_header_t head;
    mach_msg_body_t body;
    mach_msg_ool_descriptor_t memory[3];
};

union answer {
    mach_msg_header_t head;
    mig_reply_error_t error;
    struct memory_message memory;
    char room[512];
};

// ---- the server -------------------------------------------------------------------------------

static mach_msg_ool_descriptor_t descriptor(void *address, mach_msg_size_t size)
{
    return (mach_msg_ool_descriptor_t){.address = address, .size = size,
                                       .copy = MACH_MSG_VIRTUAL_COPY,
                                       .type = MACH_MSG_OOL_DESCRIPTOR};
}

static void fill_memory(struct memory_message *message)
{
    message->head.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
    message->head.msgh_size = sizeof(*message) - 2 * sizeof(message->memory[0]);
    message->body.msgh_descriptor_count = 1;
    message->memory[0] = descriptor(lent, sizeof(lent));
}

static boolean_t demux(mach_msg_header_t *request, mach_msg_header_t *answer)
{
    mig_reply_error_t *error = (mig_reply_error_t *)(void *)answer;

    served++;
    *answer = (mach_msg_header_t){MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(request->msgh_bits), 0),
                                  sizeof(*error), request->msgh_remote_port, MACH_PORT_NULL, 0,
                                  request->msgh_id + 100};
    error->NDR = NDR_record;
    error->RetCode = KERN_SUCCESS;
    if (request->msgh_id == MEMORY)
        fill_memory((struct memory_message *)(void *)answer);
    else if (request->msgh_id == REFUSE)
        error->RetCode = KERN_NO_ACCESS;
    else if (request->msgh_id == SILENT) {
        kept = request->msgh_remote_port;
        error->RetCode = MIG_NO_REPLY;
    }
    return TRUE;
}

static mach_msg_size_t max_size;

static any_t server(any_t options)
{
    return (any_t)mach_msg_server(demux, max_size, port, (int)options);
}

static cthread_t start(mach_msg_size_t size, mach_msg_options_t options)
{
    max_size = size;
    served = 0;
    port = new_port();
    return cthread_fork(server, (any_t)options);
}

// The server's port dies, and with it the loop, which returns what mach_msg() says.
static void stop(cthread_t thread, const char *rule)
{
    free_port(port);
    is((int)cthread_join(thread), MACH_RCV_PORT_DIED, rule);
}

// ---- the client -------------------------------------------------------------------------------

static mach_msg_header_t header(mach_msg_id_t id, mach_msg_size_t size)
{
    return (mach_msg_header_t){
        MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE), size, port, reply, 0,
        id};
}

static union answer answer;

// What comes back: MACH_MSG_SUCCESS and the answer, or why there is none.
static mach_msg_return_t receive_answer(void)
{
    return mach_msg(&answer.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(answer), reply, 1000,
                    MACH_PORT_NULL);
}

// Sends a request; the id of what comes back, 0 if nothing does.
static int ask(mach_msg_header_t *request)
{
    mach_msg(request, MACH_SEND_MSG, request->msgh_size, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
    return receive_answer() == MACH_MSG_SUCCESS ? answer.head.msgh_id : 0;
}

static int ask_plainly(mach_msg_id_t id)
{
    mach_msg_header_t request = header(id, sizeof(request));

    return ask(&request);
}

// Memory for which no task has room.
static void make_huge(struct memory_message *request, void *gigabyte)
{
    request->head = header(PLAIN, sizeof(*request));
    request->head.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
    request->body.msgh_descriptor_count = 3;
    for (int i = 0; i < 3; i++)
        request->memory[i] = descriptor(gigabyte, 1u << 30);
}

// ---- rules ------------------------------------------------------------------------------------

static void test_answers(void)
{
    cthread_t thread = start(256, MACH_MSG_OPTION_NONE);

    is(ask_plainly(PLAIN), PLAIN + 100, "mach_msg_server answers");
    is(answer.error.RetCode, KERN_SUCCESS, "  with what demux says");
    is(ask_plainly(REFUSE), REFUSE + 100, "  an error too");
    is(answer.error.RetCode, KERN_NO_ACCESS, "  with its code");
    is(ask_plainly(SILENT), 0, "MIG_NO_REPLY is no answer");
    mach_port_deallocate(mach_task_self(), kept);
    is(receive_answer() == MACH_MSG_SUCCESS ? answer.head.msgh_id : 0, MACH_NOTIFY_SEND_ONCE,
       "  and leaves the reply right to the function");
    stop(thread, "the loop ends with its port: MACH_RCV_PORT_DIED");
}

static void test_refused_rights(void)
{
    cthread_t thread = start(256, MACH_MSG_OPTION_NONE);
    struct {
        mach_msg_header_t head;
        mach_msg_body_t body;
        mach_msg_port_descriptor_t right;
    } request = {.head = header(REFUSE, sizeof(request)), .body = {1},
                 .right = {.name = reply, .disposition = MACH_MSG_TYPE_MAKE_SEND_ONCE,
                           .type = MACH_MSG_PORT_DESCRIPTOR}};

    request.head.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
    is(ask(&request.head), MACH_NOTIFY_SEND_ONCE, "what a refused request carried is released");
    is(receive_answer(), MACH_MSG_SUCCESS, "and then it is answered");
    stop(thread, "this loop ends too");
}

static void test_lent_memory(void)
{
    cthread_t thread = start(256, MACH_MSG_OPTION_NONE);
    mach_msg_header_t request = header(MEMORY, sizeof(request));

    strcpy(lent, "lent");
    is(ask_plainly(MEMORY), MEMORY + 100, "memory can be sent and kept");
    mach_msg_destroy(&answer.head);
    request.msgh_local_port = MACH_PORT_NULL;
    request.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0);
    mach_msg(&request, MACH_SEND_MSG, sizeof(request), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
    is(ask_plainly(PLAIN), PLAIN + 100, "a reply that nobody asked for is dropped");
    is(served, 3, "  after it was made");
    is(strcmp(lent, "lent"), 0, "  and memory that was to stay the server's stays");
    stop(thread, "this loop ends too");
}

static void test_too_much(void)
{
    cthread_t thread = start(256, MACH_MSG_OPTION_NONE);
    static char large[LARGE];
    struct memory_message huge;
    vm_address_t gigabyte;

    vm_allocate(mach_task_self(), &gigabyte, 1u << 30, TRUE);
    make_huge(&huge, (void *)gigabyte);
    is(ask(&huge.head), MACH_NOTIFY_SEND_ONCE, "a request that finds no room in memory is dropped");
    *(mach_msg_header_t *)(void *)large = header(PLAIN, sizeof(large));
    is(ask((mach_msg_header_t *)(void *)large), MACH_NOTIFY_SEND_ONCE,
       "so is one larger than the buffer");
    is(served, 0, "  neither is served");
    is(ask_plainly(PLAIN), PLAIN + 100, "and the server goes on");
    vm_deallocate(mach_task_self(), gigabyte, 1u << 30);
    stop(thread, "until its port dies");
}

static void test_options(void)
{
    cthread_t thread = start(64, MACH_RCV_LARGE | MACH_SEND_MSG);
    static char large[LARGE];

    for (int i = 0; i < 3; i++) {
        *(mach_msg_header_t *)(void *)large = header(PLAIN, sizeof(large));
        is(ask((mach_msg_header_t *)(void *)large), PLAIN + 100,
           "with MACH_RCV_LARGE a large request is served");
        is(ask_plainly(PLAIN), PLAIN + 100, "  and a small one behind it");
    }
    stop(thread, "that loop ends as well");
    port = new_port();
    is(mach_msg_server(demux, 64, port, MACH_RCV_TIMEOUT), MACH_RCV_TIMED_OUT,
       "MACH_RCV_TIMEOUT ends it when there is nothing to do");
    free_port(port);
    is(mach_msg_server(demux, 64, MACH_PORT_NULL, MACH_MSG_OPTION_NONE), MACH_RCV_INVALID_NAME,
       "without a port it does not begin");
}

static any_t serve_once(any_t options)
{
    return (any_t)mach_msg_server_once(notify_server, max_size, port, (int)options);
}

static void test_once(void)
{
    static char large[LARGE];
    cthread_t thread;

    port = new_port();
    max_size = 256;
    thread = cthread_fork(serve_once, (any_t)MACH_MSG_OPTION_NONE);
    is(ask_plainly(PLAIN), PLAIN + 100, "mach_msg_server_once answers");
    is(answer.error.RetCode, MIG_BAD_ID, "an id that no routine has: MIG_BAD_ID");
    is((int)cthread_join(thread), MACH_MSG_SUCCESS, "and returns");
    thread = cthread_fork(serve_once, (any_t)MACH_MSG_OPTION_NONE);
    *(mach_msg_header_t *)(void *)large = header(PLAIN, sizeof(large));
    ask((mach_msg_header_t *)(void *)large);
    is((int)cthread_join(thread), MACH_RCV_TOO_LARGE, "it tells of a request that was too large");
    thread = cthread_fork(serve_once, (any_t)MACH_RCV_LARGE);
    *(mach_msg_header_t *)(void *)large = header(PLAIN, sizeof(large));
    is(ask((mach_msg_header_t *)(void *)large), PLAIN + 100, "unless it may be: MACH_RCV_LARGE");
    is((int)cthread_join(thread), MACH_MSG_SUCCESS, "and returns");
    free_port(port);
}

// ---- mach_msg_destroy ---------------------------------------------------------------------------

static boolean_t is_mapped(vm_address_t address)
{
    vm_offset_t data;
    mach_msg_type_number_t size;

    if (vm_read(mach_task_self(), address, 1, &data, &size) != KERN_SUCCESS)
        return FALSE;
    vm_deallocate(mach_task_self(), data, size);
    return TRUE;
}

static void test_destroy_received(mach_msg_copy_options_t copy, const char *rule)
{
    struct memory_message message = {.head = header(PLAIN, sizeof(message) - 24), .body = {1}};

    message.head.msgh_bits = MACH_MSGH_BITS_COMPLEX | MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0);
    message.head.msgh_local_port = MACH_PORT_NULL;
    message.head.msgh_remote_port = reply;
    message.memory[0] = descriptor(lent, 100);
    message.memory[0].copy = copy;
    mach_msg(&message.head, MACH_SEND_MSG, message.head.msgh_size, 0, MACH_PORT_NULL, 0,
             MACH_PORT_NULL);
    receive_answer();
    vm_address_t address = (vm_address_t)answer.memory.memory[0].address;
    ok(is_mapped(address), rule);
    mach_msg_destroy(&answer.head);
    ok(!is_mapped(address), "  and is gone with the message");
}

static void test_destroy_unsent(void)
{
    struct memory_message message = {.head = header(PLAIN, sizeof(message) - 12), .body = {2}};
    vm_address_t mine, its;

    vm_allocate(mach_task_self(), &mine, PAGE_SIZE, TRUE);
    vm_allocate(mach_task_self(), &its, PAGE_SIZE, TRUE);
    message.head = (mach_msg_header_t){.msgh_bits = MACH_MSGH_BITS_COMPLEX};
    message.memory[0] = descriptor((void *)mine, PAGE_SIZE);
    message.memory[1] = descriptor((void *)its, PAGE_SIZE);
    message.memory[1].deallocate = TRUE;
    mach_msg_destroy(&message.head);
    ok(is_mapped(mine), "a message that was not sent leaves what it was to copy");
    ok(!is_mapped(its), "and takes along what it was to take along");
    vm_deallocate(mach_task_self(), mine, PAGE_SIZE);
}

void test_server_loop(void)
{
    unsigned names, pages;

    reply = new_port();
    cthread_join(start(64, MACH_RCV_TIMEOUT)); // so that later ones find what libmach keeps
    free_port(port);
    names = count_names();
    pages = count_pages();
    test_answers();
    test_refused_rights();
    test_lent_memory();
    test_too_much();
    test_options();
    test_once();
    test_destroy_received(MACH_MSG_VIRTUAL_COPY, "memory that was received is there");
    test_destroy_received(MACH_MSG_PHYSICAL_COPY, "a physical copy, too");
    test_destroy_unsent();
    is((int)count_names(), (int)names, "servers leave no names behind");
    is((int)count_pages(), (int)pages, "nor memory");
    free_port(reply);
}
