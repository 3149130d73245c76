// SPDX-License-Identifier: BSD-2-Clause
// Sessions of clients and their calls that wait (session.c).
#ifndef CONSOLE_SESSION_H
#define CONSOLE_SESSION_H

#include <mach/kern_return.h>
#include <mach/port.h>
#include <stddef.h>
#include <sys/queue.h>

#define CALLS_MAX 64 // that wait, per session: no client can fill our memory with them

TAILQ_HEAD(calls, call); // in the order they came

struct session {
    LIST_ENTRY(session) bucket;
    mach_port_t port;        // receive right; clients hold send rights
    mach_port_t interrupted; // send right for news of ^C, or null
    unsigned mode;           // CONSOLE_RAW, …
    unsigned waiting;        // calls in `calls`
    struct calls calls;      // of it that wait, of every kind
};

// A call that waits. It holds the client's reply right; when that dies, the call is dropped.
struct call {
    TAILQ_ENTRY(call) of_kind, of_session;
    LIST_ENTRY(call) bucket;
    struct calls *kind; // reads, writes or drains
    struct session *session;
    mach_port_t reply;
    size_t size; // read: the most that is wanted; write: bytes of data
    char data[]; // write
};

extern struct calls reads, writes, drains;
extern mach_port_t notify_port; // where the kernel tells of the death of reply rights
extern mach_port_t receive_set; // all that we receive from

kern_return_t session_open(struct session **session);
struct session *session_find(mach_port_t port);
// Ends the session and drops its calls.
void session_close(struct session *session);
// The session that input belongs to; null if there is none yet.
struct session *session_foreground(void);
void session_set_mode(struct session *session, unsigned mode);
void session_take_focus(struct session *session);

// A call of `session` that waits from now on, with `size` and a copy of `data` if that is given.
kern_return_t call_wait(struct calls *kind, struct session *session, mach_port_t reply,
                        size_t size, const char *data);
// The first read of that session; null if there is none.
struct call *session_read(const struct session *session);
// Takes the call out and frees it; its reply right has been used, or is given back here.
void call_done(struct call *call);
void call_drop(struct call *call);
// Drops the call that this reply right belongs to.
void calls_drop_reply(mach_port_t reply);

#endif
