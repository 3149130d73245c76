/* SPDX-License-Identifier: BSD-2-Clause */
/* Options, header ports, trailers, translation, prefixes, answers. */
#include "special.h"
#include "special_server.h"
#include "fake.h"

int windows_made, windows_released, handles_done;

static struct {
    mach_port_t port;
    mach_msg_type_name_t disposition;
    mach_port_seqno_t seqno;
    security_token_t token;
    kern_return_t code;
    int x, calls;
    unsigned int count;
} seen;

/* ---- translation ---- */

static struct window windows[16];

struct_window_t port_to_window(mach_port_t port)
{
    windows[windows_made % 16].port = port;
    return &windows[windows_made++ % 16];
}

mach_port_t window_to_port(struct_window_t window)
{
    return window->port + 0x1000;
}

void window_release(struct_window_t window)
{
    windows_released += window != NULL;
}

half_degrees_t degrees_in(int degrees)
{
    return degrees / 2;
}

int degrees_out(half_degrees_t degrees)
{
    return degrees * 2;
}

void handle_done(server_handle_t handle)
{
    handles_done += handle;
}

/* ---- server ---- */

#define SIMPLE(name)                                                                               \
    kern_return_t name(mach_port_t server)                                                         \
    {                                                                                              \
        seen.port = server;                                                                        \
        return KERN_SUCCESS;                                                                       \
    }
SIMPLE(s_plain)
SIMPLE(s_timed)
SIMPLE(s_timed_send)
SIMPLE(s_send_timed)
SIMPLE(s_optioned)
SIMPLE(s_send_timed_arg)
SIMPLE(s_option_arg)

kern_return_t s_timed_arg(mach_port_t server, int x)
{
    (void)server;
    return x ? MIG_NO_REPLY : KERN_SUCCESS;
}

kern_return_t s_explicit_request(int x, mach_port_t server, int *y)
{
    *y = server == SERVER_PORT ? x + 1 : 0;
    return KERN_SUCCESS;
}

kern_return_t s_reply_both(mach_port_t server, mach_port_t reply_port, int *x)
{
    (void)server;
    *x = reply_port;
    return KERN_SUCCESS;
}

kern_return_t s_ask(mach_port_t server, int x)
{
    (void)server;
    seen.x = x;
    return KERN_SUCCESS;
}

kern_return_t s_given(mach_port_t server, int x, int *y)
{
    (void)server;
    *y = x + 1;
    return KERN_SUCCESS;
}

kern_return_t s_later(mach_port_t server, mach_port_t reply_to, int *x)
{
    (void)server;
    seen.port = reply_to;
    *x = 1;
    return MIG_NO_REPLY;
}

kern_return_t s_poly_reply(mach_port_t server, mach_port_t reply_to, mach_msg_type_name_t poly)
{
    (void)server;
    seen.port = reply_to;
    seen.disposition = poly;
    return KERN_SUCCESS;
}

kern_return_t s_numbered(mach_port_t server, mach_port_seqno_t seqno, bytes_t b,
                         mach_msg_type_number_t bCnt)
{
    (void)server;
    (void)b;
    seen.seqno = seqno;
    seen.count = bCnt;
    return KERN_SUCCESS;
}

kern_return_t s_trusted(mach_port_t server, security_token_t sender, int *x)
{
    (void)server;
    seen.token = sender;
    *x = 8;
    return KERN_SUCCESS;
}

kern_return_t s_fields(mach_port_t server, mach_port_seqno_t number)
{
    (void)server;
    seen.seqno = number;
    return KERN_SUCCESS;
}

kern_return_t s_paint(struct_window_t window, struct_window_t other, half_degrees_t angle,
                      half_degrees_t half, half_degrees_t *angle2, struct_window_t *copy)
{
    seen.x = angle;
    seen.count = half;
    *angle2 += 10;
    *copy = window;
    seen.port = other->port;
    return seen.code;
}

kern_return_t s_handled(mach_port_t server, server_handle_t h, server_handle_t *h2)
{
    (void)server;
    *h2 = h * 2;
    return KERN_SUCCESS;
}

kern_return_t s_answer(mach_port_t reply, kern_return_t code, int x, bytes_t b,
                       mach_msg_type_number_t bCnt, triple_t t)
{
    (void)b;
    seen.calls++;
    seen.port = reply;
    seen.code = code;
    seen.x = x + t.z;
    seen.count = bCnt;
    return KERN_SUCCESS;
}

kern_return_t s_rights_answer(mach_port_t reply, kern_return_t code, mach_port_t p)
{
    (void)reply;
    seen.calls++;
    seen.code = code;
    seen.port = p;
    return KERN_SUCCESS;
}

kern_return_t s_names(mach_port_t port, int result, bytes_t size, mach_msg_type_number_t sizeCnt,
                      int i, int reply_port, bytes_t end, mach_msg_type_number_t *endCnt,
                      bytes_t used0, mach_msg_type_number_t *used0Cnt, int *index)
{
    (void)port;
    *index = result + i + reply_port;
    memcpy(end, size, sizeCnt);
    memcpy(used0, size, sizeCnt);
    *endCnt = *used0Cnt = sizeCnt;
    return KERN_SUCCESS;
}

/* ---- tests ---- */

static void test_options(void)
{
    fake_reset();
    is(u_plain(SERVER_PORT), KERN_SUCCESS, "prefixes of both sides");
    is(fake.sent.head.msgh_id, 6000, "a base in hexadecimal");
    is(fake.option, MACH_SEND_MSG | MACH_RCV_MSG, "no options unless said");
    u_timed(SERVER_PORT);
    is(fake.option, MACH_SEND_MSG | MACH_RCV_MSG | MACH_RCV_TIMEOUT | MACH_SEND_INTERRUPT |
                        MACH_RCV_INTERRUPT, "waittime and msgoption statements");
    is(fake.timeout, 250, "  with the time");
    u_timed_send(SERVER_PORT);
    is(fake.option, MACH_SEND_MSG | MACH_SEND_TIMEOUT | MACH_SEND_INTERRUPT | MACH_RCV_INTERRUPT,
       "waittime of a simpleroutine bounds the send");
    u_send_timed(SERVER_PORT);
    ok((fake.option & MACH_SEND_TIMEOUT) && !(fake.option & MACH_RCV_TIMEOUT), "sendtime");
    is(fake.timeout, 99, "  with the time");
    u_optioned(SERVER_PORT);
    is(fake.option, MACH_SEND_MSG | MACH_RCV_MSG | MACH_SEND_INTERRUPT | MACH_RCV_INTERRUPT,
       "nowaittime and nosendtime");
    is(u_timed_arg(SERVER_PORT, 17, 0), KERN_SUCCESS, "a waittime argument");
    ok(fake.timeout == 17 && (fake.option & MACH_RCV_TIMEOUT), "  is the time-out");
    is(fake.option, MACH_SEND_MSG | MACH_RCV_MSG | MACH_RCV_TIMEOUT,
       "msgoption MACH_MSG_OPTION_NONE ends it");
    is(u_send_timed_arg(SERVER_PORT, 18), KERN_SUCCESS, "a sendtime argument");
    ok(fake.timeout == 18 && (fake.option & MACH_SEND_TIMEOUT), "  is the time-out");
    is(u_option_arg(SERVER_PORT, 0x12340000), KERN_SUCCESS, "a msgoption argument");
    is(fake.option, 0x12340000 | MACH_SEND_MSG | MACH_RCV_MSG, "  is or-ed in");
}

static void test_reply_ports(void)
{
    int x = 0;

    fake_reset();
    is(u_explicit_request(4, SERVER_PORT, &x), KERN_SUCCESS, "requestport in another place");
    is(x, 5, "  works as the first would");
    fake_reset();
    is(u_reply_both(SERVER_PORT, 0x777, &x), KERN_SUCCESS, "replyport: the user gives it");
    ok(x == 0x777 && fake.rcv_name == 0x777, "  and the server sees it");
    is(fake.got_reply_port + fake.put_reply_port + fake.lost_reply_port, 0,
       "  the library's reply port is not touched");
    is(u_ask(SERVER_PORT, 0x778, 3), KERN_SUCCESS, "ureplyport of a simpleroutine");
    ok(fake.sent.head.msgh_local_port == 0x778 &&
       MACH_MSGH_BITS_LOCAL(fake.sent.head.msgh_bits) == MACH_MSG_TYPE_MAKE_SEND_ONCE,
       "  is the reply port of the message");
    is(seen.x, 3, "  the server does not see it");
    is(u_given(SERVER_PORT, 0x77a, 8, &x), KERN_SUCCESS, "ureplyport of a routine");
    ok(x == 9 && fake.rcv_name == 0x77a && fake.got_reply_port == 0, "  is where the reply comes");
    is(u_later(SERVER_PORT, &x), MACH_RCV_TIMED_OUT, "sreplyport: the server keeps the reply port");
    is(seen.port, REPLY_PORT, "  and answers later");
    is(fake.lost_reply_port, 1, "  a user that stops waiting drops its reply port");
    is(u_poly_reply(SERVER_PORT, 0x779, MACH_MSG_TYPE_MAKE_SEND), KERN_SUCCESS,
       "a polymorphic reply port");
    ok(seen.port == 0x779 && seen.disposition == MACH_MSG_TYPE_PORT_SEND,
       "  with its disposition");
}

static void send_reply_right(union buffer *request)
{
    request->head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_PORT_SEND, MACH_MSG_TYPE_PORT_SEND);
}

static void test_trailers(void)
{
    security_token_t token = {{0, 0}};
    mach_port_seqno_t seqno = 0;
    int x = 0;

    fake_reset();
    is(u_numbered(SERVER_PORT, "abcde", 5), KERN_SUCCESS, "msgseqno");
    ok(seen.seqno == 77 && seen.count == 5, "  comes from behind the message");
    fake.trailer_size = 8;
    u_numbered(SERVER_PORT, "abcde", 5);
    is(fake.code, MIG_TRAILER_ERROR, "  a trailer without it is an error");
    fake.trailer_size = 12;
    u_numbered(SERVER_PORT, "abcde", 5);
    is(fake.code, MIG_NO_REPLY, "  a trailer with just that is enough");
    is(u_trusted(SERVER_PORT, &token, &x), MIG_TRAILER_ERROR, "  but not for a security token");
    fake.trailer_size = 0;
    is(u_trusted(SERVER_PORT, &token, &x), KERN_SUCCESS, "ServerSecToken, UserSecToken");
    ok(seen.token.val[0] == 7 && seen.token.val[1] == 9, "  the server learns who sent");
    ok(token.val[0] == 7 && x == 8, "  the user learns who answered");
    ok(fake.option & MACH_RCV_TRAILER_ELEMENTS(MACH_RCV_TRAILER_SENDER), "  having asked for it");
    is(u_fields(SERVER_PORT, &seqno), KERN_SUCCESS, "serverimpl, userimpl");
    ok(seen.seqno == 77 && seqno == 77, "  any field of the trailer");
    fake.edit_request = send_reply_right;
    is(u_later(SERVER_PORT, &x), MIG_BAD_ARGUMENTS,
       "a reply right of another kind than sreplyport's");
}

static void test_translation(void)
{
    mach_port_t copy = 0;
    int angle2 = 80;
    user_handle_t h2 = 0;

    fake_reset();
    seen.code = KERN_SUCCESS;
    is(u_paint(SERVER_PORT, 0x42, 90, 60, &angle2, &copy), KERN_SUCCESS, "translated arguments");
    ok(seen.x == 45 && seen.port == 0x42, "intran of numbers and ports");
    is(seen.count, 30, "intran alone");
    is(angle2, 100, "intran and outtran of an inout number");
    is(copy, SERVER_PORT + 0x1000, "outtran of a port");
    ok(windows_made == 2 && windows_released == 2, "the destructor has run for each in argument");
    seen.code = KERN_FAILURE;
    is(u_paint(SERVER_PORT, 0x42, 90, 60, &angle2, &copy), KERN_FAILURE, "after an error");
    is(windows_released, 4, "it has run too");
    is(u_handled(SERVER_PORT, 21, &h2), KERN_SUCCESS, "cusertype and cservertype");
    ok(h2 == 42 && handles_done == 21, "a destructor without translation");
}

static void test_answers(void)
{
    __Request__answer_t *request = (void *)&fake.sent;

    fake_reset();
    memset(&seen, 0, sizeof(seen));
    is(u_answer(0x888, KERN_SUCCESS, 5, "abc", 3, (triple_t){1, 2, 3}), KERN_SUCCESS,
       "RetCode: an answer by simpleroutine");
    ok(seen.calls == 1 && seen.code == KERN_SUCCESS && seen.x == 8 && seen.count == 3, "  arrives");
    is((char *)&request->code - (char *)request, 32, "  the code lies where a reply has it");
    is(u_answer(0x888, KERN_NO_SPACE, 5, "abc", 3, (triple_t){1, 2, 3}), KERN_SUCCESS,
       "an error as answer");
    is(fake.send_size, sizeof(mig_reply_error_t), "  is sent alone");
    ok(seen.calls == 2 && seen.code == KERN_NO_SPACE && seen.x == 0 && seen.count == 0,
       "  and gives the function nothing else");
    is(seen.port, 0x888, "  but the port");
    is(u_answer(0x888, MIG_TYPE_ERROR, 5, "abc", 3, (triple_t){1, 2, 3}), KERN_SUCCESS,
       "an error that stubs use themselves");
    ok(seen.calls == 3 && seen.code == MIG_TYPE_ERROR, "  is an answer like any other");
    is(u_rights_answer(0x888, KERN_SUCCESS, 0x99), KERN_SUCCESS, "an answer with a right");
    ok(seen.calls == 4 && seen.code == KERN_SUCCESS && seen.port == 0x99, "  arrives");
    is(u_rights_answer(0x888, KERN_FAILURE, 0x99), KERN_SUCCESS, "or an error instead");
    ok(seen.calls == 5 && seen.code == KERN_FAILURE && seen.port == 0, "  arrives without it");
}

static void test_names(void)
{
    char end[13], used0[13];
    mach_msg_type_number_t endCnt, used0Cnt;
    int index = 0;

    fake_reset();
    is(u_names(SERVER_PORT, 1, "hello", 5, 2, 3, end, &endCnt, used0, &used0Cnt, &index),
       KERN_SUCCESS, "arguments may have names that stubs are fond of");
    ok(index == 6 && endCnt == 5 && used0Cnt == 5 && !memcmp(used0, "hello", 5), "  all arrive");
}

int main(void)
{
    fake.demux = special_dispatch;
    test_options();
    test_reply_ports();
    test_trailers();
    test_translation();
    test_answers();
    test_names();
    is(special_subsystem.start, 6000, "the table of the subsystem");
    ok(special_subsystem.server == special_dispatch_routine, "  knows its dispatcher");
    return test_done();
}
