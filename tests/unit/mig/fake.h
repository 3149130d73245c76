/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stand-in for the kernel, and the few macros with which the tests print TAP.
 *
 * mach_msg() here does to a message what the kernel does on the way: exchanges the ports of the
 * header, turns dispositions into what arrives, appends a trailer. It hands the request to the
 * server's dispatcher at once and gives back the reply. A test may change either on its way.
 */
#ifndef FAKE_H
#define FAKE_H

#include <mach/mig.h>
#include <mach/mach_traps.h>
#include <stdio.h>
#include <string.h>

enum { SERVER_PORT = 0x1003, REPLY_PORT = 0x2003 };

union buffer {
    mach_msg_header_t head;
    mig_reply_error_t error;
    unsigned char bytes[70000];
    unsigned int words[17500];
};

extern struct fake {
    boolean_t (*demux)(mach_msg_header_t *, mach_msg_header_t *);
    void (*edit_request)(union buffer *); /* between the kernel and the server */
    void (*edit_reply)(union buffer *);   /* between the kernel and the user */
    mach_msg_return_t fail;               /* the next mach_msg() does nothing but return this */
    unsigned int trailer_size;            /* of requests; 0: the longest */
    int no_reply_port;                    /* there is none to be had */

    /* What the last mach_msg() was asked to do. */
    mach_msg_option_t option;
    mach_msg_timeout_t timeout;
    mach_msg_size_t send_size, rcv_size;
    mach_port_t rcv_name;
    union buffer sent;    /* as the user packed it */
    union buffer request; /* as the server got it */
    union buffer reply;   /* as the user got it */
    union buffer scatter; /* the receive buffer before an overwriting receive */
    mach_msg_size_t scatter_size;
    kern_return_t code;   /* of the reply that the server made */

    /* Counters. */
    int calls, got_reply_port, put_reply_port, lost_reply_port, destroyed, deallocated;
    int memory_deallocated;
} fake;

/* Forgets everything but the dispatcher. */
void fake_reset(void);
/* Hands bytes to the dispatcher as a request; the answer is in fake.reply, its code is returned. */
kern_return_t fake_deliver(const void *message, mach_msg_size_t size);

extern int test_count, test_failures;
void test_ok(int good, const char *text, const char *file, int line);
void test_is(long long got, long long want, const char *text, const char *file, int line);
int test_done(void);
#define ok(condition, text) test_ok(!!(condition), text, __FILE__, __LINE__)
#define is(got, want, text) test_is((long long)(got), (long long)(want), text, __FILE__, __LINE__)

#endif
