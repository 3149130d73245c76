/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Malformed messages. A server answers each with MIG_BAD_ARGUMENTS, whatever is wrong with it, and
 * does not call the function; a user stub returns MIG_TYPE_ERROR, releases what the reply carried,
 * and stores nothing.
 */
#define _GNU_SOURCE /* memmem */
#include "hostile.h"
#include "hostile_server.h"
#include "fake.h"

static int calls; /* of server functions */
static int outside; /* times that a server function got an argument outside its type */
static int ints[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

/* ---- server ---- */

kern_return_t do_number(mach_port_t server, int x, int *y)
{
    (void)server;
    calls++;
    *y = x;
    return KERN_SUCCESS;
}

kern_return_t do_arrays(mach_port_t server, ints_t a, mach_msg_type_number_t aCnt, path_t s,
                        name_t n, ints_t b, mach_msg_type_number_t bCnt, int tail, ints_t a2,
                        mach_msg_type_number_t *a2Cnt, path_t s2, name_t n2, int *tail2)
{
    (void)server;
    (void)b;
    calls++;
    outside += aCnt > 10 || bCnt > 10 || memchr(s, 0, 128) == NULL || memchr(n, 0, 16) == NULL;
    memcpy(a2, a, 4 * aCnt);
    *a2Cnt = aCnt;
    strncpy(s2, s, 128);
    strncpy(n2, n, 16);
    *tail2 = tail;
    return KERN_SUCCESS;
}

kern_return_t do_rights(mach_port_t server, mach_port_t p, mach_port_array_t few,
                        mach_msg_type_number_t fewCnt, mach_port_t *q, mach_port_array_t few2,
                        mach_msg_type_number_t *few2Cnt)
{
    (void)server;
    calls++;
    outside += fewCnt > 4;
    *q = p;
    memcpy(few2, few, 4 * fewCnt);
    *few2Cnt = fewCnt;
    return KERN_SUCCESS;
}

kern_return_t do_memory(mach_port_t server, ints_t data, mach_msg_type_number_t dataCnt,
                        ints_t four, mach_port_array_t ports, mach_msg_type_number_t portsCnt,
                        ints_t *data2, mach_msg_type_number_t *data2Cnt, mach_port_array_t *ports2,
                        mach_msg_type_number_t *ports2Cnt)
{
    __Request__memory_t *request = (void *)&fake.request;

    (void)server;
    (void)four;
    calls++;
    outside += request->data.size != 4 * dataCnt || request->ports.count != portsCnt ||
               request->four.size != 16;
    *data2 = data;
    *data2Cnt = dataCnt;
    *ports2 = ports;
    *ports2Cnt = portsCnt;
    return KERN_SUCCESS;
}

kern_return_t do_tell(mach_port_t server, int x)
{
    (void)server;
    (void)x;
    calls++;
    return KERN_SUCCESS;
}

/* ---- good calls, to be spoiled ---- */

static struct {
    int y, a2[10], tail2;
    path_t s2;
    name_t n2;
    mach_port_t q, few2[4];
    ints_t data2;
    mach_port_array_t ports2;
    mach_msg_type_number_t a2Cnt, few2Cnt, data2Cnt, ports2Cnt;
} out, untouched;

static kern_return_t call_number(void)
{
    return number(SERVER_PORT, 5, &out.y);
}

static kern_return_t call_arrays(void)
{
    return arrays(SERVER_PORT, ints, 3, "a string", "a name", ints, 2, 77, out.a2, &out.a2Cnt,
                  out.s2, out.n2, &out.tail2);
}

static kern_return_t call_rights(void)
{
    return rights(SERVER_PORT, 0x31, (mach_port_array_t)ints, 2, &out.q, out.few2, &out.few2Cnt);
}

static kern_return_t call_memory(void)
{
    return memory(SERVER_PORT, ints, 5, ints, (mach_port_array_t)ints, 2, &out.data2,
                  &out.data2Cnt, &out.ports2, &out.ports2Cnt);
}

static kern_return_t call_tell(void)
{
    return tell(SERVER_PORT, 5);
}

static kern_return_t (*const all[])(void) = {call_number, call_arrays, call_rights, call_memory,
                                             call_tell};
enum { ROUTINES = sizeof(all) / sizeof(all[0]) };
static const char *const names[] = {"number", "arrays", "rights", "memory", "tell"};

/* ---- requests ---- */

static union buffer good[ROUTINES], spoiled;

static kern_return_t deliver(void)
{
    return fake_deliver(&spoiled, sizeof(spoiled) - sizeof(mach_msg_max_trailer_t) - 4000);
}

static void record_good_requests(void)
{
    for (int i = 0; i < ROUTINES; i++) {
        fake_reset();
        is(all[i](), KERN_SUCCESS, "a good call");
        memcpy(&good[i], &fake.request, sizeof(good[i]));
    }
}

static void spoil(int routine)
{
    memcpy(&spoiled, &good[routine], sizeof(spoiled));
    calls = 0;
}


static void test_sizes_and_bits(int routine)
{
    mach_msg_size_t right = good[routine].head.msgh_size;
    int bad = 0, wrong_code = 0;
    char note[80];

    spoil(routine);
    for (mach_msg_size_t size = 24; size < 600; size++) {
        if (size == right)
            continue;
        spoiled.head.msgh_size = size;
        wrong_code += deliver() != MIG_BAD_ARGUMENTS;
        bad += calls;
    }
    snprintf(note, sizeof(note), "%s: every wrong size is MIG_BAD_ARGUMENTS", names[routine]);
    is(wrong_code, 0, note);
    is(bad, 0, "  and calls nothing");
    spoil(routine);
    spoiled.head.msgh_bits ^= MACH_MSGH_BITS_COMPLEX;
    is(deliver(), MIG_BAD_ARGUMENTS, "  so is the wrong complex bit");
    is(calls, 0, "  which calls nothing either");
}

static void test_counts(void)
{
    __Request__arrays_t *request = (void *)&spoiled;

    for (unsigned int count = 0; count < 12; count++) {
        if (count == 3)
            continue;
        spoil(1);
        request->aCnt = count;
        is(deliver(), MIG_BAD_ARGUMENTS, "arrays: a count that the message does not bear out");
    }
    for (unsigned int shift = 0; shift < 2; shift++) {
        spoil(1);
        request->aCnt = 0x40000000u << shift | 3;
        is(deliver(), MIG_BAD_ARGUMENTS, "arrays: a count whose size overflows");
    }
    spoil(1);
    request->aCnt = 2;
    request->Head.msgh_size -= 4;
    is(deliver(), MIG_BAD_ARGUMENTS, "arrays: a count that shifts the next array's count");
    is(calls, 0, "  none of these calls the function");
}

static void test_strings(void)
{
    char *text;

    spoil(1);
    text = memmem(&spoiled, 600, "a string", 9);
    text[8] = 'x';
    is(deliver(), MIG_BAD_ARGUMENTS, "a varying string without an end");
    spoil(1);
    text = memmem(&spoiled, 600, "a name", 7);
    memset(text, 'x', 16);
    is(deliver(), MIG_BAD_ARGUMENTS, "a fixed string without an end");
    spoil(1);
    text = memmem(&spoiled, 600, "a string", 9);
    memset(text - 4, 0, 4);
    is(deliver(), MIG_BAD_ARGUMENTS, "a varying string of no bytes at all");
    is(calls, 0, "  none of these calls the function");
}

static void test_descriptors(void)
{
    __Request__rights_t *r = (void *)&spoiled;
    __Request__memory_t *m = (void *)&spoiled;

    spoil(2);
    r->msgh_body.msgh_descriptor_count = 4;
    is(deliver(), MIG_BAD_ARGUMENTS, "a descriptor too few");
    r->msgh_body.msgh_descriptor_count = 0xffffffff;
    is(deliver(), MIG_BAD_ARGUMENTS, "many too many");
    spoil(2);
    r->p.type = MACH_MSG_OOL_DESCRIPTOR;
    is(deliver(), MIG_BAD_ARGUMENTS, "memory in place of a port");
    spoil(2);
    r->p.disposition = MACH_MSG_TYPE_PORT_SEND_ONCE;
    is(deliver(), MIG_BAD_ARGUMENTS, "a right of another kind");
    spoil(2);
    r->few[1].disposition = MACH_MSG_TYPE_PORT_RECEIVE;
    is(deliver(), MIG_BAD_ARGUMENTS, "a right of another kind in an array");
    spoil(2);
    r->few[3].name = 9;
    is(deliver(), MIG_BAD_ARGUMENTS, "a right behind the count");
    spoil(2);
    r->fewCnt = 5;
    is(deliver(), MIG_BAD_ARGUMENTS, "more rights than the array holds");
    spoil(3);
    m->data.type = MACH_MSG_OOL_PORTS_DESCRIPTOR;
    is(deliver(), MIG_BAD_ARGUMENTS, "ports in place of memory");
    spoil(3);
    m->ports.type = MACH_MSG_OOL_DESCRIPTOR;
    is(deliver(), MIG_BAD_ARGUMENTS, "memory in place of an array of ports");
    spoil(3);
    m->ports.disposition = MACH_MSG_TYPE_PORT_SEND_ONCE;
    is(deliver(), MIG_BAD_ARGUMENTS, "an array of other rights");
    spoil(3);
    m->data.size = 19;
    is(deliver(), MIG_BAD_ARGUMENTS, "memory that is no multiple of the element");
    spoil(3);
    m->dataCnt = 0x40000005;
    is(deliver(), MIG_BAD_ARGUMENTS, "a count that matches the size only modulo 2^32");
    spoil(3);
    m->portsCnt = 3;
    is(deliver(), MIG_BAD_ARGUMENTS, "a count of ports that is not the descriptor's");
    spoil(3);
    m->four.size = 12;
    is(deliver(), MIG_BAD_ARGUMENTS, "a fixed array that is short");
    is(calls, 0, "none of these calls the function");
}

/* A simpleroutine that is sent as if it were a routine. */
static void test_reply_right(void)
{
    spoil(4);
    spoiled.head.msgh_bits |= MACH_MSGH_BITS(MACH_MSG_TYPE_PORT_SEND_ONCE, 0);
    spoiled.head.msgh_remote_port = REPLY_PORT;
    fake_reset();
    is(deliver(), MIG_NO_REPLY, "a simpleroutine with a reply right is served");
    is(fake.deallocated, 1, "  the right, which no function has seen, is released");
    spoiled.head.msgh_size += 4;
    fake_reset();
    is(deliver(), MIG_BAD_ARGUMENTS, "  a malformed one is answered");
    is(fake.deallocated, 0, "  by that right");
}

static void test_ids(void)
{
    spoil(0);
    spoiled.head.msgh_id = 7005;
    is(deliver(), MIG_BAD_ID, "an id behind the last");
    is(fake.demux(&spoiled.head, &fake.reply.head), FALSE, "  the dispatcher returns FALSE");
    spoiled.head.msgh_id = 6999;
    is(deliver(), MIG_BAD_ID, "an id before the first");
    spoiled.head.msgh_id = -1;
    is(deliver(), MIG_BAD_ID, "a negative id");
    is(fake.reply.head.msgh_remote_port, REPLY_PORT, "the answer goes to the reply port");
    is(fake.reply.head.msgh_bits, MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0),
       "  moving the reply right");
    ok(hostile_server_routine(&spoiled.head) == NULL, "there is no stub for it");
}

/* A linear congruential generator: the same messages on every run. */
static unsigned int random_state = 1;
static unsigned int random_number(void)
{
    random_state = random_state * 1664525 + 1013904223;
    return random_state >> 8;
}

static void spoil_at_random(union buffer *message)
{
    static const unsigned int values[] = {0, 1, 3, 4, 5, 10, 11, 0x7fffffff, 0x80000000,
                                          0xffffffff, 0x40000001, 0xfffffffc};

    for (unsigned int n = 1 + random_number() % 3; n > 0; n--) {
        unsigned int word = random_number() % 60;

        if (word == 5 || word == 2 || word == 3)
            continue; /* another id is another test; ports of the header are the kernel's */
        if (random_number() % 2)
            message->words[word] = values[random_number() % 12];
        else
            message->words[word] ^= 1u << random_number() % 32;
    }
}

static void test_random_requests(void)
{
    int strange = 0;

    outside = 0;
    for (int i = 0; i < 50000; i++) {
        kern_return_t code;

        spoil(i % ROUTINES);
        spoil_at_random(&spoiled);
        code = deliver();
        strange += code != KERN_SUCCESS && code != MIG_BAD_ARGUMENTS && code != MIG_NO_REPLY;
        strange += (code == MIG_BAD_ARGUMENTS) != (calls == 0);
    }
    is(strange, 0, "50,000 random requests: each is served or refused");
    is(outside, 0, "no function sees an argument outside its type");
}

/* ---- replies ---- */

static int edits;

static kern_return_t call(int routine, void (*how)(union buffer *))
{
    boolean_t (*demux)(mach_msg_header_t *, mach_msg_header_t *) = fake.demux;

    memset(&out, 0x77, sizeof(out));
    memset(&fake, 0, sizeof(fake));
    fake.demux = demux;
    fake.edit_reply = how;
    return all[routine]();
}

static void check_refused(int routine, void (*how)(union buffer *), kern_return_t code,
                          const char *text)
{
    is(call(routine, how), code, text);
    ok(fake.destroyed == 1 && fake.put_reply_port + fake.lost_reply_port == 1,
       "  the reply is destroyed, the reply port dealt with");
    ok(!memcmp(&out, &untouched, sizeof(out)), "  out arguments are untouched");
}

static void edit_id(union buffer *reply)
{
    reply->head.msgh_id = 7000;
}

static void edit_died(union buffer *reply)
{
    reply->head.msgh_id = 71;
    reply->head.msgh_size = 24;
}

static void edit_complex(union buffer *reply)
{
    reply->head.msgh_bits ^= MACH_MSGH_BITS_COMPLEX;
}

static void edit_remote(union buffer *reply)
{
    reply->head.msgh_remote_port = 5;
}

static void edit_shorter(union buffer *reply)
{
    reply->head.msgh_size -= 4;
}

static void edit_longer(union buffer *reply)
{
    reply->head.msgh_size += 4;
}

static void edit_code(union buffer *reply)
{
    reply->error.RetCode = 5;
}

static void edit_empty_success(union buffer *reply)
{
    reply->head.msgh_size = sizeof(mig_reply_error_t);
    reply->head.msgh_bits &= ~MACH_MSGH_BITS_COMPLEX;
    reply->error.RetCode = KERN_SUCCESS;
}

static void edit_count(union buffer *reply)
{
    ((__Reply__arrays_t *)(void *)reply)->a2Cnt = 11;
}

static void edit_string(union buffer *reply)
{
    char *text = memmem(reply, 600, "a string", 9);

    text[8] = 'x';
}

static void edit_disposition(union buffer *reply)
{
    ((__Reply__rights_t *)(void *)reply)->q.disposition = MACH_MSG_TYPE_PORT_RECEIVE;
}

static void edit_behind(union buffer *reply)
{
    ((__Reply__rights_t *)(void *)reply)->few2[2].name = 8;
}

static void edit_descriptor_count(union buffer *reply)
{
    ((__Reply__rights_t *)(void *)reply)->msgh_body.msgh_descriptor_count++;
}

static void edit_ool_size(union buffer *reply)
{
    ((__Reply__memory_t *)(void *)reply)->data2.size += 4;
}

static void edit_ool_ports(union buffer *reply)
{
    ((__Reply__memory_t *)(void *)reply)->ports2.count = 0xffff;
}

static void edit_kind(union buffer *reply)
{
    ((__Reply__memory_t *)(void *)reply)->data2.type = MACH_MSG_PORT_DESCRIPTOR;
}

static void test_replies(void)
{
    for (int i = 0; i < 4; i++) {
        check_refused(i, edit_id, MIG_REPLY_MISMATCH, "a reply with another id");
        is(fake.lost_reply_port, 1, "  the true reply may still come: another reply port");
        check_refused(i, edit_died, MIG_SERVER_DIED, "the reply right was destroyed");
        check_refused(i, edit_complex, MIG_TYPE_ERROR, "the wrong complex bit");
        check_refused(i, edit_remote, MIG_TYPE_ERROR, "a reply that wants an answer");
        check_refused(i, edit_shorter, MIG_TYPE_ERROR, "a short reply");
        check_refused(i, edit_longer, MIG_TYPE_ERROR, "a long reply");
        check_refused(i, edit_empty_success, MIG_TYPE_ERROR, "success without the data");
    }
    check_refused(0, edit_code, MIG_TYPE_ERROR, "an error with data");
    check_refused(1, edit_count, MIG_TYPE_ERROR, "a count out of range");
    check_refused(1, edit_string, MIG_TYPE_ERROR, "a string without an end");
    check_refused(2, edit_disposition, MIG_TYPE_ERROR, "a right of another kind");
    check_refused(2, edit_behind, MIG_TYPE_ERROR, "a right behind the count");
    check_refused(2, edit_descriptor_count, MIG_TYPE_ERROR, "another number of descriptors");
    check_refused(3, edit_ool_size, MIG_TYPE_ERROR, "memory of another size than the count");
    check_refused(3, edit_ool_ports, MIG_TYPE_ERROR, "another number of ports than the count");
    check_refused(3, edit_kind, MIG_TYPE_ERROR, "another kind of descriptor");
}

static void edit_random(union buffer *reply)
{
    spoil_at_random(reply);
    if (reply->head.msgh_size > fake.rcv_size - sizeof(mach_msg_max_trailer_t))
        reply->head.msgh_size = fake.rcv_size - sizeof(mach_msg_max_trailer_t);
    edits++;
}

static void test_random_replies(void)
{
    int strange = 0;

    for (int i = 0; i < 25000; i++) {
        kern_return_t code = call(i % 4, edit_random);

        strange += (code == KERN_SUCCESS) == (fake.destroyed != 0);
        strange += code == KERN_SUCCESS && i % 4 == 1 && out.a2Cnt > 10;
        strange += code != KERN_SUCCESS && memcmp(&out, &untouched, sizeof(out)) != 0;
    }
    is(strange, 0, "25,000 random replies: taken whole, or refused and destroyed");
    is(edits, 25000, "  each was tried");
}

/* ---- failures of mach_msg itself ---- */

static void check_failure(mach_msg_return_t code, int put, int lost, int destroyed,
                          int deallocated, const char *text)
{
    fake_reset();
    fake.fail = code;
    is(call_number(), code, text);
    ok(fake.put_reply_port == put && fake.lost_reply_port == lost, "  the reply port");
    ok(fake.destroyed == destroyed && fake.deallocated == deallocated, "  what came back");
}

static void test_no_reply_port(void)
{
    fake_reset();
    fake.no_reply_port = 1;
    for (int i = 0; i < 4; i++) {
        calls = 0;
        is(all[i](), KERN_RESOURCE_SHORTAGE, "a call without a reply port is none");
        is(calls, 0, "  nothing is sent");
    }
    ok(fake.put_reply_port == 0 && fake.lost_reply_port == 0, "  and no port is given back");
    is(call_tell(), KERN_SUCCESS, "a simpleroutine needs no reply port");
}

static void test_failed_sends(void)
{
    check_failure(MACH_SEND_INVALID_DEST, 1, 0, 0, 0,
                  "a bad destination: the reply port is kept");
    check_failure(MACH_SEND_TIMED_OUT, 1, 0, 1, 1,
                  "a send that timed out: the message came back, with the reply right");
    check_failure(MACH_SEND_TIMED_OUT | MACH_MSG_IPC_SPACE, 1, 0, 1, 1,
                  "  also when part of it was lost");
    check_failure(MACH_SEND_INTERRUPTED, 1, 0, 1, 1, "an interrupted send: likewise");
    check_failure(MACH_SEND_NO_BUFFER, 1, 0, 0, 0, "no memory: nothing was done");
    check_failure(MACH_SEND_INVALID_REPLY, 0, 1, 0, 0, "a bad reply port is dropped");
    check_failure(MACH_RCV_TIMED_OUT, 0, 1, 0, 0, "no reply in time: one may still come");
    check_failure(MACH_RCV_INTERRUPTED, 0, 1, 0, 0, "an interrupted receive: likewise");
    check_failure(MACH_RCV_BODY_ERROR | MACH_MSG_VM_SPACE, 1, 0, 1, 0,
                  "a reply that came in part is destroyed");
    check_failure(MACH_RCV_TOO_LARGE, 0, 1, 0, 0, "a reply that did not fit was destroyed");
    fake_reset();
    fake.fail = MACH_SEND_TIMED_OUT;
    is(call_tell(), MACH_SEND_TIMED_OUT, "a simpleroutine that timed out");
    is(fake.destroyed, 1, "  releases what came back");
}

int main(void)
{
    fake.demux = hostile_server;
    memset(&untouched, 0x77, sizeof(untouched));
    record_good_requests();
    for (int i = 0; i < ROUTINES; i++)
        test_sizes_and_bits(i);
    test_counts();
    test_strings();
    test_descriptors();
    test_reply_right();
    test_ids();
    test_random_requests();
    test_replies();
    test_random_replies();
    test_no_reply_port();
    test_failed_sends();
    return test_done();
}
