/* SPDX-License-Identifier: BSD-2-Clause */
/* Plain data arrives as it was sent, in every form and at both ends of its sizes. */
#include "data.h"
#include "data_server.h"
#include "fake.h"

static int told;

/* ---- server ---- */

kern_return_t do_scalars(mach_port_t server, small_t a, short b, int c, int64 d, float e, double f,
                         boolean_t g, int64 *sum, short *half, small_t *tiny, int *x)
{
    *sum = a + b + c + d + (int)e + (int)f + g;
    *half = -b / 2;
    *tiny = a + 1;
    *x = -*x;
    return server == SERVER_PORT ? KERN_SUCCESS : KERN_INVALID_NAME;
}

kern_return_t do_fixed(mach_port_t server, triple_t t, bytes5_t b, matrix_t m, triple_t *t2,
                       bytes5_t b2, triple_t *t3, matrix_t m2)
{
    (void)server;
    *t3 = (triple_t){t.x + t2->x, t.y + t2->y, t.z + t2->z};
    t2->x = 99;
    for (int i = 0; i < 5; i++)
        b2[i] += b[i];
    for (int i = 0; i < 6; i++)
        m2[i] = 2 * m[i];
    return KERN_SUCCESS;
}

kern_return_t do_varying(mach_port_t server, ints_t a, mach_msg_type_number_t aCnt, bytes_t b,
                         mach_msg_type_number_t bCnt, int middle, path_t c, triples_t d,
                         mach_msg_type_number_t dCnt, int last, ints_t a2,
                         mach_msg_type_number_t *a2Cnt, bytes_t b2, mach_msg_type_number_t *b2Cnt,
                         int *middle2, path_t c2, triples_t d2, mach_msg_type_number_t *d2Cnt,
                         int *last2)
{
    (void)server;
    if (*a2Cnt != 10 || *b2Cnt != 13 || *d2Cnt != 4)
        return KERN_INVALID_VALUE; /* the room is the array's size */
    memcpy(a2, a, aCnt * sizeof(*a));
    memcpy(b2, b, bCnt);
    memcpy(d2, d, dCnt * sizeof(*d));
    *a2Cnt = aCnt;
    *b2Cnt = bCnt;
    *d2Cnt = dCnt;
    *middle2 = middle;
    strcpy(c2, c);
    *last2 = last;
    return KERN_SUCCESS;
}

kern_return_t do_count_inout(mach_port_t server, int want, ints_t v, mach_msg_type_number_t *vCnt,
                             int *tail)
{
    (void)server;
    *tail = *vCnt; /* what we were told there is room for */
    for (int i = 0; i < want; i++)
        v[i] = 100 + i;
    *vCnt = want;
    return KERN_SUCCESS;
}

kern_return_t do_same_count(mach_port_t server, int n, ints_t a, mach_msg_type_number_t *aCnt,
                            bytes_t b, ints_t c, int *tail)
{
    (void)server;
    for (int i = 0; i < n; i++) {
        a[i] = i;
        b[i] = 'a' + i;
        c[i] = -i;
    }
    *aCnt = n;
    *tail = 4711;
    return KERN_SUCCESS;
}

kern_return_t do_same_in(mach_port_t server, ints_t a, mach_msg_type_number_t aCnt, ints_t b,
                         int *product)
{
    (void)server;
    *product = 0;
    for (unsigned int i = 0; i < aCnt; i++)
        *product += a[i] * b[i];
    return KERN_SUCCESS;
}

kern_return_t do_inout_varying(mach_port_t server, ints_t v, mach_msg_type_number_t *vCnt, path_t s,
                               int *tail)
{
    (void)server;
    v[*vCnt] = 1000;
    *vCnt += 1;
    strcat(s, "!");
    *tail += 1;
    return KERN_SUCCESS;
}

kern_return_t do_strings(mach_port_t server, name_t n, odd_name_t odd, name_t o, odd_name_t odd2)
{
    (void)server;
    strcpy(o, n);
    strcpy(odd2, odd);
    return KERN_SUCCESS;
}

kern_return_t do_const_args(mach_port_t server, const int *a, mach_msg_type_number_t aCnt,
                            const char *s, const triple_t t, int *length)
{
    (void)server;
    *length = (aCnt ? a[0] : 0) + strlen(s) + t.z;
    return KERN_SUCCESS;
}

kern_return_t do_fail(mach_port_t server, int code, int *x)
{
    (void)server;
    *x = 1;
    return code;
}

kern_return_t do_nothing(mach_port_t server)
{
    (void)server;
    return KERN_SUCCESS;
}

kern_return_t do_tell(mach_port_t server, int what)
{
    (void)server;
    told = what;
    return what < 0 ? KERN_FAILURE : KERN_SUCCESS;
}

kern_return_t do_least_count(mach_port_t server, ints_t x, mach_msg_type_number_t xCnt, bytes_t y,
                             int n, ints_t a, mach_msg_type_number_t *aCnt, bytes_t b)
{
    (void)server;
    if (xCnt != 4 || x[3] != 103 || y[3] != 'd')
        return KERN_INVALID_ARGUMENT;
    told = *aCnt;
    for (int i = 0; i < told; i++) {
        a[i] = 10 + i;
        b[i] = 'a' + i;
    }
    *aCnt = n;
    return KERN_SUCCESS;
}

/* ---- tests ---- */

static void test_scalars(void)
{
    int64 sum = 0;
    short half = 0;
    small_t tiny = 0;
    int x = 5;

    fake_reset();
    is(scalars(SERVER_PORT, 250, -300, 1 << 30, 1LL << 40, 2.5f, -8.25, TRUE, &sum, &half, &tiny,
               &x), KERN_SUCCESS, "a routine of numbers returns KERN_SUCCESS");
    is(sum, 250 - 300 + (1 << 30) + (1LL << 40) + 2 - 8 + 1, "numbers of every size arrive");
    is(half, 150, "a negative short arrives and a short comes back");
    is(tiny, 251, "a byte comes back");
    is(x, -5, "an inout number comes back changed");
    is(fake.send_size, 24 + 8 + 4 + 4 + 4 + 8 + 4 + 8 + 4 + 4, "small numbers are padded to words");
    is(fake.sent.bytes[33] | fake.sent.bytes[34] | fake.sent.bytes[35], 0, "… with zeros");
    is(fake.reply.head.msgh_size, 24 + 8 + 4 + 8 + 4 + 4 + 4, "a simple reply is header, NDR, "
       "RetCode, data");
    ok(!memcmp(&fake.sent.error.NDR, &NDR_record, 8) &&
       !memcmp(&fake.reply.error.NDR, &NDR_record, 8), "both say how data are represented");
    is(fake.sent.head.msgh_id, 4000, "the id is the base of the subsystem");
    is(fake.reply.head.msgh_id, 4100, "the reply's is 100 more");
    is(fake.sent.head.msgh_bits, MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND,
                                                MACH_MSG_TYPE_MAKE_SEND_ONCE),
       "a send right is copied, a send-once right made for the reply");
    is(fake.option, MACH_SEND_MSG | MACH_RCV_MSG, "one mach_msg() sends and receives");
    is(fake.rcv_name, REPLY_PORT, "… on the reply port");
    ok(fake.rcv_size >= fake.reply.head.msgh_size + sizeof(mach_msg_max_trailer_t),
       "the receive buffer has room for the longest trailer");
    ok(fake.got_reply_port == 1 && fake.put_reply_port == 1 && fake.lost_reply_port == 0,
       "the reply port is taken and given back once");
    is(fake.destroyed, 0, "a good reply is not destroyed");
}

static void test_fixed(void)
{
    triple_t t2 = {10, 20, 30}, t3;
    bytes5_t b = {1, 2, 3, 4, 5}, b2 = {10, 10, 10, 10, 10};
    matrix_t m = {1, 2, 3, 4, 5, 6}, m2;

    fake_reset();
    is(fixed(SERVER_PORT, (triple_t){1, 2, 3}, b, m, &t2, b2, &t3, m2), KERN_SUCCESS,
       "a routine of structs and arrays");
    ok(t3.x == 11 && t3.y == 22 && t3.z == 33, "structs arrive by value");
    ok(t2.x == 99 && t2.y == 20, "an inout struct comes back changed");
    ok(b2[0] == 11 && b2[4] == 15, "arrays of bytes, inout");
    ok(m2[0] == 2 && m2[5] == 12, "an array of arrays is one array");
    is(fake.send_size, 24 + 8 + 12 + 8 + 24 + 12 + 8, "five bytes take eight");
}

static void check_varying(unsigned int na, unsigned int nb, const char *text, unsigned int nd)
{
    static const char bytes[] = "abcdefghijklm";
    int a[10], a2[10], middle2 = 0, last2 = 0;
    char b2[13];
    path_t c2;
    triple_t d[4], d2[4];
    mach_msg_type_number_t a2Cnt = 0, b2Cnt = 0, d2Cnt = 0;
    unsigned int fixed_part = 24 + 8 + 4 + 4 + 4 + 8 + 4 + 4;
    unsigned int data = 4 * na + ((nb + 3) & ~3) + ((strlen(text) + 4) & ~3) + 12 * nd;
    char note[100];

    for (int i = 0; i < 10; i++)
        a[i] = 7 * i + 1;
    for (int i = 0; i < 4; i++)
        d[i] = (triple_t){i, 10 * i, 100 * i};
    fake_reset();
    snprintf(note, sizeof(note), "%u ints, %u bytes, %zu characters, %u structs", na, nb,
             strlen(text), nd);
    is(varying(SERVER_PORT, a, na, (char *)bytes, nb, 12345, (char *)text, d, nd, 54321, a2, &a2Cnt,
               b2, &b2Cnt, &middle2, c2, d2, &d2Cnt, &last2), KERN_SUCCESS, note);
    ok(a2Cnt == na && !memcmp(a, a2, 4 * na), "  the ints come back");
    ok(b2Cnt == nb && !memcmp(bytes, b2, nb), "  the bytes come back");
    ok(!strcmp(text, c2), "  the string comes back");
    ok(d2Cnt == nd && !memcmp(d, d2, 12 * nd), "  the structs come back");
    ok(middle2 == 12345 && last2 == 54321, "  and the numbers between and behind them");
    is(fake.send_size, fixed_part + data, "  the request holds what is used");
    is(fake.reply.head.msgh_size, fixed_part + 4 + data, "  so does the reply");
}

static void test_varying(void)
{
    char longest[128];

    memset(longest, 'x', 127);
    longest[127] = 0;
    check_varying(0, 0, "", 0);
    check_varying(10, 13, longest, 4);
    check_varying(3, 5, "abc", 1);
    check_varying(0, 13, "abcd", 0);
    check_varying(10, 0, "", 4);
    fake_reset();
    is(varying(SERVER_PORT, 0, 11, 0, 0, 0, "", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
       MIG_ARRAY_TOO_LARGE, "an array beyond its limit is refused");
    is(fake.calls, 0, "… before anything is sent");
}

static void test_counts(void)
{
    int v[10], a[10], c[10], tail = 0, product = 0;
    char b[13];
    mach_msg_type_number_t count = 6;

    fake_reset();
    is(count_inout(SERVER_PORT, 4, v, &count, &tail), KERN_SUCCESS, "CountInOut: a call");
    is(tail, 6, "the server is told how much room there is");
    ok(count == 4 && v[3] == 103, "the count is what came");
    count = 1000;
    count_inout(SERVER_PORT, 10, v, &count, &tail);
    is(tail, 10, "room beyond the array's size counts as its size");
    fake_reset();
    count = 2;
    is(count_inout(SERVER_PORT, 3, v, &count, &tail), MIG_ARRAY_TOO_LARGE,
       "a server that ignores the room is found out");
    is(fake.destroyed, 1, "and its reply destroyed");
    is(same_count(SERVER_PORT, 5, a, &count, b, c, &tail), KERN_SUCCESS, "SameCount: a call");
    ok(count == 5 && a[4] == 4 && b[4] == 'e' && c[4] == -4 && tail == 4711,
       "arrays with one count, and what is behind them");
    count = 10;
    is(least_count(SERVER_PORT, v, 4, "abcd", 4, a, &count, b), KERN_SUCCESS,
       "SameCount of smaller arrays");
    is(told, 4, "  the server is told of the smaller room");
    ok(count == 4 && a[3] == 13 && b[3] == 'd', "  both come back");
    is(least_count(SERVER_PORT, v, 4, "abcd", 5, a, &count, b), MIG_ARRAY_TOO_LARGE,
       "  a server that ignores it is found out");
    is(least_count(SERVER_PORT, v, 5, "abcde", 4, a, &count, b), MIG_ARRAY_TOO_LARGE,
       "  and so is a user");
    is(same_in(SERVER_PORT, v, 3, v, &product), KERN_SUCCESS, "SameCount of in arrays");
    is(product, 100 * 100 + 101 * 101 + 102 * 102, "both arrive");
}

/* What a stub does not write into its message is not 0 by chance. */
static __attribute__((noinline)) void soil_stack(void)
{
    volatile char soil[2000];

    memset((void *)soil, 0x55, sizeof(soil));
}

static void test_inout(void)
{
    int v[10] = {1, 2, 3}, tail = 8;
    path_t s = "hello";
    mach_msg_type_number_t count = 3;

    fake_reset();
    soil_stack();
    is(inout_varying(SERVER_PORT, v, &count, s, &tail), KERN_SUCCESS, "inout arrays of any size");
    is(fake.sent.words[(24 + 8 + 4 + 12) / 4], 0, "a string has the offset 0");
    is(fake.reply.words[(24 + 8 + 4 + 4 + 16) / 4], 0, "in a reply too");
    ok(count == 4 && v[2] == 3 && v[3] == 1000, "the array has grown");
    ok(!strcmp(s, "hello!"), "so has the string");
    is(tail, 9, "what is behind them is right");
}

static void test_strings(void)
{
    name_t o = "";
    odd_name_t odd = "";
    int length = 0, a[1] = {1000};

    fake_reset();
    is(strings(SERVER_PORT, "0123456789abcde", "four", o, odd), KERN_SUCCESS, "strings");
    ok(!strcmp(o, "0123456789abcde") && !strcmp(odd, "four"), "of the longest length");
    strings(SERVER_PORT, "0123456789abcdefgh", "fours", o, odd);
    ok(!strcmp(o, "0123456789abcde") && !strcmp(odd, "four"), "longer ones are cut and end");
    strings(SERVER_PORT, "", "", o, odd);
    ok(!*o && !*odd, "empty ones");
    is(fake.sent.words[8] | fake.sent.words[9] | fake.sent.words[10] | fake.sent.words[11], 0,
       "what follows the end of a string in a request is zero");
    is(fake.reply.words[9] | fake.reply.words[12], 0, "in a reply too");
    is(const_args(SERVER_PORT, a, 1, "12345", (triple_t){0, 0, 7}, &length), KERN_SUCCESS,
       "const arguments");
    is(length, 1012, "arrive");
}

static void test_codes(void)
{
    int x = 42;

    fake_reset();
    is(fail(SERVER_PORT, KERN_NO_SPACE, &x), KERN_NO_SPACE, "the server's code is returned");
    is(x, 42, "and out arguments are left alone");
    is(fake.reply.head.msgh_size, sizeof(mig_reply_error_t), "an error reply holds the code alone");
    is(fail(SERVER_PORT, -1, &x), -1, "negative codes too");
    is(fail(SERVER_PORT, MIG_NO_REPLY, &x), MACH_RCV_TIMED_OUT, "MIG_NO_REPLY sends nothing");
    is(nothing(SERVER_PORT), KERN_SUCCESS, "a routine without arguments");
    is(fake.send_size, 24, "is sent as a header");
    is(fake.reply.head.msgh_size, 36, "and answered with a code");
    fake.sent.head.msgh_id = 4002;
    is(fake_deliver(&fake.sent, 24), MIG_BAD_ID, "an id that the .defs skip: MIG_BAD_ID");
    ok(!data_server(&fake.sent.head, &fake.reply.head), "  the dispatcher returns FALSE");
    is(tell(SERVER_PORT, 5), KERN_SUCCESS, "a simpleroutine");
    is(told, 5, "arrives");
    is(fake.option, MACH_SEND_MSG, "and only sends");
    is(fake.sent.head.msgh_local_port, MACH_PORT_NULL, "without a reply port");
    is(fake.code, MIG_NO_REPLY, "the server's stub says that there is no reply");
    is(tell(SERVER_PORT, -5), KERN_SUCCESS, "the sender does not learn of failure");
    is(fake.code, KERN_FAILURE, "but the dispatcher does, to destroy the request");
}

int main(void)
{
    fake.demux = data_server;
    test_scalars();
    test_fixed();
    test_varying();
    test_counts();
    test_inout();
    test_strings();
    test_codes();
    is(data_subsystem.start, 4000, "the table begins with the base");
    is(data_subsystem.end, 4014, "skipped ids are counted");
    ok(data_subsystem.routine[2].stub_routine == NULL, "a skipped id has no stub");
    is(data_subsystem.routine[3].argc, 19, "the table knows the number of parameters");
    is(data_MSG_COUNT, 14, "so does the header's count of ids");
    return test_done();
}
