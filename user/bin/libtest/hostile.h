// SPDX-License-Identifier: BSD-2-Clause
// What the tests of hostile clients share (hostile.c, crowds.c, deaths.c): messages made by hand,
// and what the servers hold before and after (holdings.c).
#ifndef LIBTEST_HOSTILE_H
#define LIBTEST_HOSTILE_H

#include <mach/mach.h>

extern mach_port_t console; // the service
extern mach_port_t reply;   // where answers to messages made by hand go

union message {
    mach_msg_header_t head;
    mach_msg_base_t base;
    mig_reply_error_t error;
    struct {
        mach_msg_base_t base;
        mach_msg_descriptor_t descriptor[4];
    } complex;
    unsigned words[128];
};

// Fills in a header: to that port, with a right to be replied to.
void address(mach_msg_header_t *head, mach_port_t to, mach_msg_id_t id, mach_msg_size_t size);
mach_msg_port_descriptor_t copied(mach_port_t port);
mach_msg_return_t send(mach_msg_header_t *message);
// Receives an answer that has come or comes within `ms`: its code, MIG_SERVER_DIED for a reply
// right that was dropped, or mach_msg's error.
kern_return_t fetch(unsigned ms);
kern_return_t ask(mach_msg_header_t *message);
void fetch_all(void);
// A read of the session, which waits.
void send_read(mach_port_t session);

kern_return_t look_up(char *name);

// Between the two, servers and kernel must have let go of all that they took.
void begin(void);
void end(const char *rule);
unsigned pages_used(void); // of the machine's memory
// Processor time that a server's threads have used, in microseconds.
unsigned time_used(char *path);

void test_crowds(void);
void test_deaths(void);

#endif
