/* SPDX-License-Identifier: BSD-2-Clause */
/* Rights travel with the right dispositions, out-of-line data with the right sizes and flags. */
#include "ports.h"
#include "ports_server.h"
#include "fake.h"

static struct {
    mach_port_t a, b, c, d;
    mach_msg_type_name_t pd, sd;
    unsigned int count;
    int good, dealloc;
} seen;

static int some_ints[] = {1, 2, 3, 4, 5, 6, 7};

/* ---- server ---- */

kern_return_t do_rights(mach_port_t server, mach_port_t copied, mach_port_t made,
                        mach_port_t received, mach_port_t once, mach_port_t *moved2,
                        mach_port_t *once2, mach_port_t *received2, mach_port_t *made2)
{
    (void)server;
    seen.a = copied;
    seen.b = made;
    seen.c = received;
    seen.d = once;
    *moved2 = 0x51;
    *once2 = 0x52;
    *received2 = 0x53;
    *made2 = 0x54;
    return KERN_SUCCESS;
}

kern_return_t do_swap(mach_port_t server, mach_port_t *p, mach_port_t name, int *number)
{
    (void)server;
    *number = name;
    *p += 1;
    return KERN_SUCCESS;
}

kern_return_t do_poly(mach_port_t server, mach_port_t p, mach_msg_type_name_t pPoly, mach_port_t s,
                      mach_port_t *q, mach_msg_type_name_t *qPoly, mach_port_t *r,
                      mach_msg_type_name_t *rPoly)
{
    (void)server;
    seen.a = p;
    seen.pd = pPoly;
    seen.b = s;
    *q = 0x61;
    *qPoly = MACH_MSG_TYPE_MOVE_RECEIVE;
    *r = 0x62;
    *rPoly = MACH_MSG_TYPE_MAKE_SEND_ONCE;
    return KERN_SUCCESS;
}

kern_return_t do_either(mach_port_t server, mach_port_t reply_to, mach_msg_type_name_t reply_toPoly)
{
    (void)server;
    seen.a = reply_to;
    seen.pd = reply_toPoly;
    return KERN_SUCCESS;
}

kern_return_t do_done(mach_port_t object, int value)
{
    seen.a = object;
    seen.count = value;
    return KERN_SUCCESS;
}

kern_return_t do_anyone(mach_port_t server, mach_msg_type_name_t serverPoly, int *disposition)
{
    (void)server;
    *disposition = serverPoly;
    return KERN_SUCCESS;
}

kern_return_t do_in_arrays(mach_port_t server, mach_port_array_t some,
                           mach_msg_type_number_t someCnt, mach_port_array_t three, int tail,
                           int *sum)
{
    (void)server;
    *sum = tail + three[0] + three[1] + three[2];
    for (unsigned int i = 0; i < someCnt; i++)
        *sum += some[i];
    return KERN_SUCCESS;
}

kern_return_t do_out_arrays(mach_port_t server, int n, ints_t masks,
                            mach_msg_type_number_t *masksCnt, mach_port_array_t handlers,
                            ints_t flavors, mach_port_array_t three)
{
    (void)server;
    for (int i = 0; i < n; i++) {
        masks[i] = 1 << i;
        handlers[i] = 0x70 + i;
        flavors[i] = -i;
    }
    *masksCnt = n;
    three[0] = 0x81;
    three[1] = 0x82;
    three[2] = 0x83;
    return KERN_SUCCESS;
}

kern_return_t do_memory(mach_port_t server, vm_offset_t bytes, mach_msg_type_number_t bytesCnt,
                        ints_t ints, mach_msg_type_number_t intsCnt, ints_t four, triples_t one,
                        ints_t some, mach_msg_type_number_t someCnt, vm_offset_t *bytes2,
                        mach_msg_type_number_t *bytes2Cnt, ints_t *ints2,
                        mach_msg_type_number_t *ints2Cnt, boolean_t *ints2Dealloc, ints_t *four2)
{
    (void)server;
    seen.good = bytesCnt == 5 && !memcmp((void *)bytes, "bytes", 5) && intsCnt == 7 &&
                ints[6] == 7 && four[3] == 4 && one->z == 3 && someCnt == 6 && some[5] == 6;
    *bytes2 = (vm_offset_t)"answer";
    *bytes2Cnt = 6;
    *ints2 = some_ints + 2;
    *ints2Cnt = 3;
    *ints2Dealloc = seen.dealloc;
    *four2 = some_ints + 1;
    return KERN_SUCCESS;
}

kern_return_t do_port_arrays(mach_port_t server, mach_port_array_t ports,
                             mach_msg_type_number_t portsCnt, mach_port_array_t moved,
                             mach_msg_type_number_t movedCnt, mach_port_array_t some,
                             mach_msg_type_name_t somePoly, mach_msg_type_number_t someCnt,
                             mach_port_array_t sent, mach_msg_type_number_t sentCnt,
                             mach_port_array_t *ports2, mach_msg_type_number_t *ports2Cnt,
                             mach_port_array_t *any2, mach_msg_type_name_t *any2Poly,
                             mach_msg_type_number_t *any2Cnt, mach_port_array_t *sent2,
                             mach_msg_type_name_t *sent2Poly, mach_msg_type_number_t *sent2Cnt)
{
    (void)server;
    seen.good = portsCnt == 2 && ports[1] == 2 && movedCnt == 1 && moved[0] == 3 && someCnt == 3 &&
                some[2] == 6 && sentCnt == 1 && sent[0] == 6;
    seen.pd = somePoly;
    *ports2 = (mach_port_array_t)some_ints;
    *ports2Cnt = 7;
    *any2 = (mach_port_array_t)some_ints;
    *any2Poly = MACH_MSG_TYPE_MAKE_SEND_ONCE;
    *any2Cnt = 2;
    *sent2 = (mach_port_array_t)some_ints + 1;
    *sent2Poly = MACH_MSG_TYPE_MAKE_SEND;
    *sent2Cnt = 1;
    return KERN_SUCCESS;
}

kern_return_t do_into(mach_port_t server, int n, vm_offset_t *data,
                      mach_msg_type_number_t *dataCnt, vm_offset_t *other,
                      mach_msg_type_number_t *otherCnt, mach_port_t *port)
{
    (void)server;
    seen.count = n;
    *data = (vm_offset_t)"12345678";
    *dataCnt = 8;
    *other = (vm_offset_t)"1234";
    *otherCnt = 4;
    *port = 0x91;
    return KERN_SUCCESS;
}

kern_return_t do_copied(mach_port_t server, ints_t inline_data,
                        mach_msg_type_number_t inline_dataCnt, boolean_t inline_dataSCopy,
                        vm_offset_t data, mach_msg_type_number_t dataCnt, boolean_t dataSCopy)
{
    (void)server;
    (void)inline_data;
    (void)data;
    seen.good = inline_dataCnt == 2 && dataCnt == 3 && inline_dataSCopy && !dataSCopy;
    return KERN_SUCCESS;
}

kern_return_t do_released(mach_port_t server, vm_offset_t data, mach_msg_type_number_t dataCnt,
                          mach_port_array_t ports, mach_msg_type_number_t portsCnt, int code)
{
    (void)server;
    (void)data;
    (void)ports;
    seen.count = dataCnt + portsCnt;
    return code;
}

kern_return_t do_turn(mach_port_t server, vm_offset_t *data, mach_msg_type_number_t *dataCnt)
{
    (void)server;
    *data += 1;
    *dataCnt -= 1;
    return KERN_SUCCESS;
}

kern_return_t do_behind(mach_port_t server, ints_t numbers, mach_msg_type_number_t numbersCnt,
                        vm_offset_t data, mach_msg_type_number_t dataCnt, mach_port_array_t few,
                        mach_msg_type_number_t fewCnt, ints_t numbers2,
                        mach_msg_type_number_t *numbers2Cnt, vm_offset_t *data2,
                        mach_msg_type_number_t *data2Cnt, mach_port_array_t few2,
                        mach_msg_type_number_t *few2Cnt, mach_port_array_t *ports2,
                        mach_msg_type_name_t *ports2Poly, mach_msg_type_number_t *ports2Cnt)
{
    (void)server;
    memcpy(numbers2, numbers, 4 * numbersCnt);
    *numbers2Cnt = numbersCnt;
    *data2 = data;
    *data2Cnt = dataCnt;
    memcpy(few2, few, 4 * fewCnt);
    *few2Cnt = fewCnt;
    *ports2 = (mach_port_array_t)some_ints;
    *ports2Poly = MACH_MSG_TYPE_COPY_SEND;
    *ports2Cnt = 5;
    return KERN_SUCCESS;
}

kern_return_t do_fail(mach_port_t server, mach_port_t *p)
{
    (void)server;
    *p = 0;
    return KERN_NO_SPACE;
}

kern_return_t do_few_any(mach_port_t server, mach_port_array_t some, mach_msg_type_name_t somePoly,
                         mach_msg_type_number_t someCnt, mach_port_array_t back,
                         mach_msg_type_name_t *backPoly, mach_msg_type_number_t *backCnt)
{
    (void)server;
    seen.pd = somePoly;
    memcpy(back, some, 4 * someCnt);
    *backPoly = MACH_MSG_TYPE_MOVE_SEND_ONCE;
    *backCnt = someCnt;
    return KERN_SUCCESS;
}

/* ---- tests ---- */

static void test_rights(void)
{
    mach_port_t moved2, once2, received2, made2, p = 0x40;
    __Request__rights_t *request = (void *)&fake.sent;
    int number = 0;

    fake_reset();
    is(rights(SERVER_PORT, 1, 2, 3, 4, &moved2, &once2, &received2, &made2), KERN_SUCCESS,
       "a routine with ports");
    ok(seen.a == 1 && seen.b == 2 && seen.c == 3 && seen.d == 4, "names arrive in order");
    ok(moved2 == 0x51 && once2 == 0x52 && received2 == 0x53 && made2 == 0x54, "and come back");
    ok(fake.sent.head.msgh_bits & MACH_MSGH_BITS_COMPLEX, "the request is complex");
    is(fake.send_size, 24 + 4 + 4 * 12, "rights alone: no NDR record");
    is(request->msgh_body.msgh_descriptor_count, 4, "four descriptors");
    is(request->copied.disposition, MACH_MSG_TYPE_COPY_SEND, "COPY_SEND");
    is(request->made.disposition, MACH_MSG_TYPE_MAKE_SEND, "MAKE_SEND");
    is(request->received.disposition, MACH_MSG_TYPE_MOVE_RECEIVE, "MOVE_RECEIVE");
    is(request->once.disposition, MACH_MSG_TYPE_MAKE_SEND_ONCE, "MAKE_SEND_ONCE");
    is(fake.reply.head.msgh_size, 24 + 4 + 4 * 12, "a complex reply has no RetCode");
    is(swap(SERVER_PORT, &p, 0x77, &number), KERN_SUCCESS, "an inout port");
    is(p, 0x41, "comes back changed");
    is(number, 0x77, "a port's name is a number");
    moved2 = 7;
    is(fail(SERVER_PORT, &moved2), KERN_NO_SPACE, "an error in place of a complex reply");
    is(moved2, 7, "leaves out ports alone");
}

static void test_poly(void)
{
    mach_port_t q, r;
    mach_msg_type_name_t qPoly = 0;
    __Request__poly_t *request = (void *)&fake.sent;
    int disposition = 0;

    fake_reset();
    is(poly(SERVER_PORT, 1, MACH_MSG_TYPE_MAKE_SEND_ONCE, 2, MACH_MSG_TYPE_MOVE_SEND, &q, &qPoly,
            &r), KERN_SUCCESS, "polymorphic ports");
    is(request->p.disposition, MACH_MSG_TYPE_MAKE_SEND_ONCE, "the sender says how");
    is(request->s.disposition, MACH_MSG_TYPE_MOVE_SEND, "also where only what arrives is fixed");
    is(seen.pd, MACH_MSG_TYPE_PORT_SEND_ONCE, "the server learns what arrived");
    is(qPoly, MACH_MSG_TYPE_PORT_RECEIVE, "so does the user of a reply");
    ok(q == 0x61 && r == 0x62, "names are right");
    is(poly(SERVER_PORT, 1, MACH_MSG_TYPE_MAKE_SEND_ONCE, 2, MACH_MSG_TYPE_MAKE_SEND_ONCE, &q,
            &qPoly, &r), MIG_BAD_ARGUMENTS,
       "a send-once right for a PORT_SEND argument is refused");
    is(either(SERVER_PORT, 5), KERN_SUCCESS, "fixed when sent, any when received");
    ok(seen.a == 5 && seen.pd == MACH_MSG_TYPE_PORT_SEND, "  arrives with its disposition");
    is(done(6, MACH_MSG_TYPE_MOVE_SEND_ONCE, 17), KERN_SUCCESS, "a polymorphic request port");
    is(MACH_MSGH_BITS_REMOTE(fake.sent.head.msgh_bits), MACH_MSG_TYPE_MOVE_SEND_ONCE,
       "  its disposition goes into the header");
    ok(seen.a == 6 && seen.count == 17, "  the server gets the port alone");
    is(anyone(SERVER_PORT, MACH_MSG_TYPE_MAKE_SEND, &disposition), KERN_SUCCESS,
       "a request port whose kind matters to the server");
    is(disposition, MACH_MSG_TYPE_PORT_SEND, "  which is told");
}

static void mix_kinds(union buffer *request)
{
    ((__Request__few_any_t *)(void *)request)->some[1].disposition = MACH_MSG_TYPE_PORT_SEND_ONCE;
}

static void mix_kinds_back(union buffer *reply)
{
    ((__Reply__few_any_t *)(void *)reply)->back[1].disposition = MACH_MSG_TYPE_PORT_SEND;
}

static void test_poly_array(void)
{
    mach_port_t some[] = {1, 2, 3}, back[4] = {0};
    mach_msg_type_number_t count = 0;
    mach_msg_type_name_t backPoly = 0;

    fake_reset();
    is(few_any(SERVER_PORT, some, MACH_MSG_TYPE_MAKE_SEND, 3, back, &backPoly, &count),
       KERN_SUCCESS, "a polymorphic array of ports in-line");
    is(seen.pd, MACH_MSG_TYPE_PORT_SEND, "  the server learns the disposition of all");
    ok(count == 3 && back[2] == 3 && backPoly == MACH_MSG_TYPE_PORT_SEND_ONCE,
       "  so does the user");
    fake.edit_request = mix_kinds;
    is(few_any(SERVER_PORT, some, MACH_MSG_TYPE_MAKE_SEND, 3, back, &backPoly, &count),
       MIG_BAD_ARGUMENTS, "  one of another kind among them is refused");
    fake.edit_request = NULL;
    fake.edit_reply = mix_kinds_back;
    is(few_any(SERVER_PORT, some, MACH_MSG_TYPE_MAKE_SEND, 3, back, &backPoly, &count),
       MIG_TYPE_ERROR, "  in a reply too");
}

static void test_port_descriptor_arrays(void)
{
    mach_port_t some[] = {1, 2, 3, 4, 5}, three[] = {10, 20, 30}, handlers[4] = {0};
    int sum = 0, masks[10], flavors[10];
    mach_msg_type_number_t count = 0;
    __Request__in_arrays_t *request = (void *)&fake.sent;

    fake_reset();
    is(in_arrays(SERVER_PORT, some, 2, three, 1000, &sum), KERN_SUCCESS, "arrays of ports in-line");
    is(sum, 1063, "the ports and what is behind them arrive");
    is(request->msgh_body.msgh_descriptor_count, 7, "all descriptors are there");
    is(request->some[3].name, 0, "the unused ones are null");
    is(request->three[2].disposition, MACH_MSG_TYPE_MAKE_SEND, "each has its disposition");
    is(in_arrays(SERVER_PORT, some, 5, three, 0, &sum), MIG_ARRAY_TOO_LARGE,
       "too many are refused");
    is(out_arrays(SERVER_PORT, 3, masks, &count, handlers, flavors, three), KERN_SUCCESS,
       "ports that share a count with numbers");
    ok(count == 3 && masks[2] == 4 && flavors[2] == -2, "  the numbers");
    ok(handlers[2] == 0x72 && handlers[3] == 0, "  the ports, no more of them than the count");
    is(three[2], 0x83, "  a fixed array of ports");
}

static void test_memory(void)
{
    vm_offset_t bytes2;
    mach_msg_type_number_t bytes2Cnt, ints2Cnt;
    ints_t ints2, four2;
    triple_t one = {1, 2, 3};
    __Request__memory_t *request = (void *)&fake.sent;
    __Reply__memory_t *reply = (void *)&fake.reply;

    fake_reset();
    seen.dealloc = TRUE;
    is(memory(SERVER_PORT, (vm_offset_t)"bytes", 5, some_ints, 7, some_ints, &one, some_ints, 6,
              TRUE, &bytes2, &bytes2Cnt, &ints2, &ints2Cnt, &four2), KERN_SUCCESS,
       "out-of-line data");
    ok(seen.good, "all of it arrives");
    is(request->ints.size, 28, "sizes are bytes, counts are elements");
    ok(!request->bytes.deallocate && request->four.deallocate && request->some.deallocate,
       "Dealloc, and Dealloc[] as the caller says");
    ok(request->one.copy == MACH_MSG_PHYSICAL_COPY && request->four.copy == MACH_MSG_VIRTUAL_COPY,
       "PhysicalCopy");
    ok(bytes2Cnt == 6 && !memcmp((void *)bytes2, "answer", 6), "bytes come back");
    ok(ints2Cnt == 3 && ints2[0] == 3 && four2[3] == 5, "arrays too");
    ok(reply->bytes2.deallocate && reply->ints2.deallocate && !reply->four2.deallocate,
       "Dealloc in a reply, and as the server says");
    is(memory(SERVER_PORT, 0, 0, some_ints, 0, some_ints, &one, some_ints, 7, FALSE, &bytes2,
              &bytes2Cnt, &ints2, &ints2Cnt, &four2), MIG_ARRAY_TOO_LARGE,
       "a limit out of line is a limit");
    is(memory(SERVER_PORT, 0, 0, some_ints, 0x40000001, some_ints, &one, some_ints, 0, FALSE,
              &bytes2, &bytes2Cnt, &ints2, &ints2Cnt, &four2), MIG_ARRAY_TOO_LARGE,
       "a size that does not fit 32 bits is refused");
    bytes2 = (vm_offset_t)"xyz";
    bytes2Cnt = 3;
    is(turn(SERVER_PORT, &bytes2, &bytes2Cnt), KERN_SUCCESS, "inout data");
    ok(bytes2Cnt == 2 && *(char *)bytes2 == 'y', "come back changed");
}

static void test_port_arrays(void)
{
    mach_port_t ports[] = {1, 2, 3, 4, 5, 6};
    mach_port_array_t ports2, any2, sent2;
    mach_msg_type_number_t ports2Cnt, any2Cnt, sent2Cnt;
    mach_msg_type_name_t any2Poly = 0;
    __Request__port_arrays_t *request = (void *)&fake.sent;

    fake_reset();
    is(port_arrays(SERVER_PORT, ports, 2, ports + 2, 1, ports + 3, MACH_MSG_TYPE_MAKE_SEND, 3,
                   ports + 5, MACH_MSG_TYPE_MOVE_SEND, 1, &ports2, &ports2Cnt, &any2, &any2Poly,
                   &any2Cnt, &sent2, &sent2Cnt), KERN_SUCCESS, "out-of-line arrays of ports");
    ok(seen.good, "arrive");
    is(seen.pd, MACH_MSG_TYPE_PORT_SEND, "with the disposition of all");
    ok(request->ports.disposition == MACH_MSG_TYPE_COPY_SEND && request->ports.count == 2,
       "a descriptor with their number");
    ok(request->moved.disposition == MACH_MSG_TYPE_MOVE_SEND && request->moved.deallocate,
       "moved, and the array deallocated");
    ok(ports2Cnt == 7 && ports2[6] == 7 && any2Cnt == 2, "and come back");
    is(any2Poly, MACH_MSG_TYPE_PORT_SEND_ONCE, "with a disposition too");
    is(request->sent.disposition, MACH_MSG_TYPE_MOVE_SEND, "PORT_SEND: the sender says how");
    ok(sent2Cnt == 1 && sent2[0] == 2, "  the receiver gets send rights");
    is(port_arrays(SERVER_PORT, ports, 2, ports, 1, ports, MACH_MSG_TYPE_MAKE_SEND, 3, ports,
                   MACH_MSG_TYPE_MAKE_SEND_ONCE, 1, &ports2, &ports2Cnt, &any2, &any2Poly,
                   &any2Cnt, &sent2, &sent2Cnt), MIG_BAD_ARGUMENTS, "  and nothing else");
}

static void test_counts_behind(void)
{
    int numbers2[10];
    mach_port_t few2[4];
    vm_offset_t data2;
    mach_port_array_t ports2;
    mach_msg_type_number_t numbers2Cnt, data2Cnt, few2Cnt, ports2Cnt;
    mach_msg_type_name_t ports2Poly;

    fake_reset();
    is(behind(SERVER_PORT, some_ints, 3, (vm_offset_t)"abcdef", 6, (mach_port_array_t)some_ints, 2,
              numbers2, &numbers2Cnt, &data2, &data2Cnt, few2, &few2Cnt, &ports2, &ports2Poly,
              &ports2Cnt), KERN_SUCCESS, "counts of descriptors behind a varying array");
    ok(numbers2Cnt == 3 && numbers2[2] == 3, "  the array");
    ok(data2Cnt == 6 && !memcmp((void *)data2, "abcdef", 6), "  memory");
    ok(few2Cnt == 2 && few2[1] == 2, "  ports in descriptors");
    ok(ports2Cnt == 5 && ports2[4] == 5 && ports2Poly == MACH_MSG_TYPE_PORT_SEND,
       "  an array of ports");
}

static void test_modes(void)
{
    char buffer[64];
    vm_offset_t data = (vm_offset_t)buffer, other;
    mach_msg_type_number_t count = sizeof(buffer), other_count;
    mach_port_t port;
    __Reply__into_t *scatter = (void *)&fake.scatter;

    fake_reset();
    is(into(SERVER_PORT, 4321, &data, &count, &other, &other_count, &port), KERN_SUCCESS,
       "Overwrite");
    is(seen.count, 4321, "leaves the request alone");
    ok(fake.option & MACH_RCV_OVERWRITE, "asks for an overwriting receive");
    is(fake.scatter_size, 24 + 4 + 3 * 12, "gives a scatter list");
    ok(scatter->data.address == buffer && scatter->data.size == 64 &&
       scatter->data.copy == MACH_MSG_OVERWRITE, "with the caller's memory");
    ok(scatter->other.copy == MACH_MSG_ALLOCATE && scatter->port.type == MACH_MSG_PORT_DESCRIPTOR &&
       scatter->msgh_body.msgh_descriptor_count == 3, "and a place for all else");
    ok(count == 8 && other_count == 4 && port == 0x91, "the results come back");
    is(copied(SERVER_PORT, some_ints, 2, (vm_offset_t)"abc", 3), KERN_SUCCESS, "ServerCopy");
    ok(seen.good, "tells the server which data lie in the message");
    is(released(SERVER_PORT, (vm_offset_t)"abcd", 4, (mach_port_array_t)some_ints, 2,
                KERN_SUCCESS), KERN_SUCCESS, "auto");
    ok(seen.count == 6 && fake.memory_deallocated == 2, "memory goes when the function is done");
    fake_reset();
    is(released(SERVER_PORT, (vm_offset_t)"abcd", 4, (mach_port_array_t)some_ints, 2,
                KERN_FAILURE), KERN_FAILURE, "after an error");
    is(fake.memory_deallocated, 0, "it stays for the dispatcher to destroy");
}

int main(void)
{
    fake.demux = ports_server;
    test_rights();
    test_poly();
    test_poly_array();
    test_port_descriptor_arrays();
    test_memory();
    test_port_arrays();
    test_counts_behind();
    test_modes();
    return test_done();
}
