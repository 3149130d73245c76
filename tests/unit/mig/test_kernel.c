/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Both kernel sides: in messages names are pointers; the server translates and gives back
 * references and rights; the user hands over rights as they arrive.
 */
#include "kernel_user.h"
#include "kernel_server.h"

#include <stdio.h>
static int test_count, test_failures;
static void test_is(long got, long want, const char *text, int line)
{
    printf("%sok %d - %s\n", got == want ? "" : "not ", ++test_count, text);
    if (got != want) {
        printf("# line %d: got %ld (0x%lx), want %ld (0x%lx)\n", line, got, got, want, want);
        test_failures++;
    }
}
#define is(got, want, text) test_is((long)(got), (long)(want), text, __LINE__)
#define ok(condition, text) is(!!(condition), 1, text)

static struct port ports[8], no_thing;
static struct thing things[8];
static struct vm_map_copy copy = {"copied"}, copy2 = {"copied too"};
static ipc_port_t array[3] = {&ports[1], &ports[2], &ports[3]};
static int destroyed, code;
static struct {
    ipc_port_t port;
    mach_msg_type_name_t disposition;
} released[8];
static int releases;
static struct {
    ipc_port_t plain;
    unsigned int name, count, disposition, disposition2;
    vm_map_copy_t data;
    ipc_port_t *ports;
    int good;
} seen;
static unsigned int sent_bits, sent_disposition;

/* ---- the kernel ---- */

/* Of every thing, parts 0 to 2 are the things behind it. */
kern_return_t find_part(thing_t thing, int part, int kind, thing_t *found)
{
    if (kind != PART_KIND || part < 0 || part > 2)
        return KERN_INVALID_RIGHT;
    *found = thing + part + 1;
    return KERN_SUCCESS;
}

kern_return_t s_thing_part(thing_t thing, thing_t part, int *value)
{
    *value = part - thing;
    seen.good = thing->references == 1 && part->references == 0;
    return code;
}

thing_t convert_port_to_thing(ipc_port_t port)
{
    thing_t thing = &things[port - ports];

    if (port == &no_thing)
        return NULL;
    thing->references++;
    return thing;
}

ipc_port_t convert_thing_to_port(thing_t thing)
{
    return &ports[thing - things];
}

void thing_deallocate(thing_t thing)
{
    if (thing)
        thing->references--;
}

void port_release_right(ipc_port_t port, mach_msg_type_name_t disposition)
{
    released[releases].port = port;
    released[releases++].disposition = disposition;
}

void mach_msg_destroy_from_kernel(mach_msg_header_t *msg)
{
    (void)msg;
    destroyed++;
}

static union {
    mach_msg_header_t head;
    mig_reply_error_t error;
    unsigned char bytes[4096];
} request, reply;
static void (*edit)(void);

kern_return_t mach_msg_send_from_kernel(mach_msg_header_t *msg, mach_msg_size_t size)
{
    __Request__thing_pair_t *pair = (void *)msg;

    memcpy(&request, msg, size);
    sent_bits = msg->msgh_bits;
    sent_disposition = pair->other.disposition;
    kernel_server(&request.head, &reply.head);
    return KERN_SUCCESS;
}

kern_return_t mach_msg_rpc_from_kernel(mach_msg_header_t *msg, mach_msg_size_t send_size,
                                       mach_msg_size_t rcv_size)
{
    mach_msg_send_from_kernel(msg, send_size);
    reply.head.msgh_remote_port = MACH_PORT_NULL; /* received: it was the reply port's */
    if (edit)
        edit();
    if (reply.head.msgh_size > rcv_size)
        return MACH_RCV_TOO_LARGE;
    memcpy(msg, &reply, reply.head.msgh_size);
    return MACH_MSG_SUCCESS;
}

/* ---- server functions ---- */

kern_return_t s_thing_pair(thing_t thing, thing_t other, ipc_port_t plain, mach_port_t name,
                           thing_t *copy_of, ipc_port_t *port, ipc_port_t *once)
{
    seen.good = thing->references == 1 && other->references == 1;
    seen.plain = plain;
    seen.name = name;
    *copy_of = other;
    *port = &ports[5];
    *once = &ports[6];
    return code;
}

kern_return_t s_thing_memory(thing_t thing, vm_map_copy_t data, mach_msg_type_number_t dataCnt,
                             ipc_port_t *in_ports, mach_msg_type_number_t portsCnt,
                             ipc_port_t *few, mach_msg_type_number_t fewCnt, vm_map_copy_t *data2,
                             mach_msg_type_number_t *data2Cnt, ipc_port_t **ports2,
                             mach_msg_type_number_t *ports2Cnt, ipc_port_t *few2,
                             mach_msg_type_number_t *few2Cnt)
{
    (void)thing;
    seen.data = data;
    seen.count = dataCnt + portsCnt;
    seen.ports = in_ports;
    seen.good = fewCnt == 2 && few[1] == &ports[2];
    *data2 = &copy2;
    *data2Cnt = 10;
    *ports2 = in_ports + 1;
    *ports2Cnt = 2;
    few2[0] = &ports[7];
    *few2Cnt = 1;
    return KERN_SUCCESS;
}

kern_return_t s_thing_poly(thing_t thing, ipc_port_t poly, mach_msg_type_name_t polyPoly,
                           ipc_port_t reply_to, mach_msg_type_name_t reply_toPoly,
                           ipc_port_t *back, mach_msg_type_name_t *backPoly)
{
    (void)thing;
    (void)reply_to;
    seen.disposition = polyPoly;
    seen.disposition2 = reply_toPoly;
    *back = poly;
    *backPoly = MACH_MSG_TYPE_PORT_RECEIVE;
    return KERN_SUCCESS;
}

kern_return_t s_thing_note(ipc_port_t thing, ipc_port_t port, raw_port_t raw, vm_map_copy_t data,
                           mach_msg_type_number_t dataCnt, int x)
{
    seen.plain = thing;
    seen.good = port == &ports[4] && raw == (const void *)&ports[5] && x == 9;
    seen.data = data;
    seen.count = dataCnt;
    return KERN_SUCCESS;
}

kern_return_t s_thing_answer(ipc_port_t reply_port, kern_return_t result, int x)
{
    seen.plain = reply_port;
    seen.count = x;
    return result == KERN_SUCCESS || x == 0 ? result : KERN_INVALID_VALUE;
}

kern_return_t s_thing_completed(ipc_port_t object, ipc_port_t control, ipc_port_t asker,
                                mach_msg_type_name_t askerPoly)
{
    seen.good = object == &ports[1] && control == &ports[2] && asker == &ports[3];
    seen.disposition = askerPoly;
    return KERN_SUCCESS;
}

/* ---- tests ---- */

static void test_translation(void)
{
    ipc_port_t back = 0, port = 0, once = 0;

    is(thing_pair(&ports[1], &ports[2], &ports[3], 0x4203, &back, &port, &once), KERN_SUCCESS,
       "a routine on kernel objects");
    ok(seen.good, "the function sees objects, each with a reference");
    ok(things[1].references == 0 && things[2].references == 0, "which the destructors drop");
    is(seen.plain, &ports[3], "a port without translation arrives as a pointer");
    is(seen.name, 0x4203, "a port's name as a number");
    ok(back == &ports[2] && port == &ports[5] && once == &ports[6], "objects come back as ports");
    is(releases, 1, "one right is released: the one that the function saw only in translation");
    ok(released[0].port == &ports[2] && released[0].disposition == MACH_MSG_TYPE_PORT_SEND,
       "  it is a send right to the other thing");
    is(MACH_MSGH_BITS_REMOTE(sent_bits), MACH_MSG_TYPE_PORT_SEND,
       "the caller hands over a send right to the destination");
    is(sent_disposition, MACH_MSG_TYPE_PORT_SEND, "and rights in the body as they arrive");
    releases = 0;
    code = KERN_FAILURE;
    is(thing_pair(&ports[1], &ports[2], &ports[3], 0x4203, &back, &port, &once), KERN_FAILURE,
       "after an error");
    ok(things[1].references == 0 && things[2].references == 0, "references are dropped too");
    is(releases, 0, "rights are left for the dispatcher to destroy");
    code = KERN_SUCCESS;
}

static void test_null(void)
{
    ipc_port_t back = 0, port = 0, once = 0;

    seen.plain = NULL;
    releases = 0;
    is(thing_pair(&ports[1], &no_thing, &ports[3], 0x4203, &back, &port, &once), KERN_INVALID_NAME,
       "a port that stands for no thing is answered with the code after onnull");
    is(thing_pair(&no_thing, &ports[1], &ports[3], 0x4203, &back, &port, &once), KERN_INVALID_NAME,
       "  be it the port called");
    ok(seen.plain == NULL, "  without the function being called");
    ok(things[1].references == 0, "  the other argument's reference is dropped");
    is(releases, 0, "  rights are left for the dispatcher to destroy");
}

static void test_lookup(void)
{
    int value = 0;

    is(thing_part(&ports[1], 2, &value), KERN_SUCCESS, "a part of the thing called");
    ok(value == 3 && seen.good, "  is what the function is given");
    seen.good = 7;
    is(thing_part(&ports[1], 3, &value), KERN_INVALID_RIGHT, "the look-up's code is the answer");
    is(thing_part(&no_thing, 2, &value), KERN_INVALID_NAME, "  unless there is no thing to look in");
    ok(seen.good == 7 && things[1].references == 0, "  without the function being called");
}

static void test_memory(void)
{
    vm_map_copy_t data2 = 0;
    ipc_port_t *ports2 = 0, few2[3] = {0};
    mach_msg_type_number_t data2Cnt, ports2Cnt, few2Cnt;

    is(thing_memory(&ports[1], &copy, 6, array, 3, array, 2, &data2, &data2Cnt, &ports2,
                    &ports2Cnt, few2, &few2Cnt), KERN_SUCCESS, "memory and arrays of ports");
    ok(seen.data == &copy && seen.count == 9 && seen.ports == array, "arrive as kernel objects");
    ok(seen.good, "ports in descriptors arrive");
    ok(data2 == &copy2 && data2Cnt == 10, "memory comes back");
    ok(ports2 == array + 1 && ports2Cnt == 2, "an array of ports comes back");
    ok(few2[0] == &ports[7] && few2Cnt == 1, "descriptors come back");
}

static void edit_id(void)
{
    reply.head.msgh_id = 1;
}

static void test_poly_and_replies(void)
{
    ipc_port_t back = 0;
    mach_msg_type_name_t poly = 0;

    is(thing_poly(&ports[1], &ports[2], MACH_MSG_TYPE_PORT_SEND_ONCE, &ports[3],
                  &back, &poly), KERN_SUCCESS, "polymorphic rights");
    ok(seen.disposition == MACH_MSG_TYPE_PORT_SEND_ONCE &&
       seen.disposition2 == MACH_MSG_TYPE_PORT_SEND, "  as the caller says");
    ok(back == &ports[2] && poly == MACH_MSG_TYPE_PORT_RECEIVE, "  and as the server says");
    is(thing_note(&ports[2], &ports[4], &ports[5], &copy, 6, 9), KERN_SUCCESS, "a simpleroutine");
    ok(seen.good && seen.data == &copy && seen.count == 6 && seen.plain == &ports[2],
       "  arrives whole");
    is(MACH_MSGH_BITS_REMOTE(sent_bits), MACH_MSG_TYPE_PORT_SEND_ONCE, "  by a send-once right");
    is(thing_completed(&ports[1], MACH_MSG_TYPE_PORT_SEND, &ports[2], &ports[3]), KERN_SUCCESS,
       "a destination of either kind");
    is(MACH_MSGH_BITS_REMOTE(sent_bits), MACH_MSG_TYPE_PORT_SEND, "  the caller says which");
    ok(seen.good && seen.disposition == MACH_MSG_TYPE_PORT_SEND, "  all arrives");
    is(thing_answer(&ports[4], KERN_SUCCESS, 5, 77), KERN_SUCCESS, "an answer with data");
    ok(seen.plain == &ports[4] && seen.count == 77, "  arrives");
    is(thing_answer(&ports[4], KERN_NO_SPACE, 5, 77), KERN_SUCCESS, "an answer without");
    ok(request.head.msgh_size == 36 && reply.error.RetCode == KERN_NO_SPACE, "  arrives too");
    edit = edit_id;
    destroyed = 0;
    is(thing_poly(&ports[1], &ports[2], MACH_MSG_TYPE_PORT_SEND_ONCE, &ports[3],
                  &back, &poly), MIG_REPLY_MISMATCH, "another's reply");
    is(destroyed, 1, "  is destroyed");
}

int main(void)
{
    test_translation();
    test_null();
    test_lookup();
    test_memory();
    test_poly_and_replies();
    printf("1..%d\n", test_count);
    return test_failures != 0;
}
