// SPDX-License-Identifier: BSD-2-Clause
// Sessions and waiting calls: lists, and the rights that go with them.
//
// A session lives as long as somebody holds a send right for its port: the kernel's no-senders
// notification comes to the port itself. A call that waits has its reply right watched, so that a
// client that dies or gives up leaves nothing behind. Both are found by their port, and leave all
// their lists at once: a client with thousands of them does not keep the others waiting.
#include "session.h"

#include <mach/mach.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024

struct calls reads = TAILQ_HEAD_INITIALIZER(reads);
struct calls writes = TAILQ_HEAD_INITIALIZER(writes);
struct calls drains = TAILQ_HEAD_INITIALIZER(drains);
mach_port_t notify_port, receive_set;

static LIST_HEAD(, session) sessions[BUCKETS]; // by port
static LIST_HEAD(, call) replies[BUCKETS];     // calls, by reply right
static struct session *focus;  // took the focus; null: nobody did
static struct session *recent; // gets input while nobody reads: was in the foreground last, or
                               // has set its mode since, as one does before a read

static unsigned bucket_of(mach_port_t port)
{
    return MACH_PORT_INDEX(port) % BUCKETS;
}

// ---- calls ------------------------------------------------------------------------------------

// Asks for a message when `name` dies, or at once if it has.
static kern_return_t watch(mach_port_t name)
{
    mach_port_t previous;

    return mach_port_request_notification(mach_task_self(), name, MACH_NOTIFY_DEAD_NAME, TRUE,
                                          notify_port, MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);
}

kern_return_t call_wait(struct calls *kind, struct session *session, mach_port_t reply,
                        size_t size, const char *data)
{
    struct call *call;

    if (session->waiting == CALLS_MAX)
        return KERN_RESOURCE_SHORTAGE;
    call = malloc(sizeof(*call) + (data != NULL ? size : 0));
    if (call == NULL)
        return KERN_RESOURCE_SHORTAGE;
    if (watch(reply) != KERN_SUCCESS) {
        free(call);
        return KERN_RESOURCE_SHORTAGE;
    }
    *call = (struct call){.kind = kind, .session = session, .reply = reply, .size = size};
    if (data != NULL)
        memcpy(call->data, data, size);
    TAILQ_INSERT_TAIL(kind, call, of_kind);
    TAILQ_INSERT_TAIL(&session->calls, call, of_session);
    LIST_INSERT_HEAD(&replies[bucket_of(reply)], call, bucket);
    session->waiting++;
    return KERN_SUCCESS;
}

struct call *session_read(const struct session *session)
{
    struct call *call;

    TAILQ_FOREACH(call, &session->calls, of_session)
        if (call->kind == &reads)
            return call;
    return NULL;
}

void call_done(struct call *call)
{
    TAILQ_REMOVE(call->kind, call, of_kind);
    TAILQ_REMOVE(&call->session->calls, call, of_session);
    LIST_REMOVE(call, bucket);
    call->session->waiting--;
    free(call);
}

void call_drop(struct call *call)
{
    mach_port_deallocate(mach_task_self(), call->reply);
    call_done(call);
}

void calls_drop_reply(mach_port_t reply)
{
    struct call *call;

    LIST_FOREACH(call, &replies[bucket_of(reply)], bucket)
        if (call->reply == reply) {
            call_drop(call);
            return;
        }
}

// ---- sessions ---------------------------------------------------------------------------------

// The new session's port: receives, and reports when its last send right is gone. The first send
// right is made when the reply to console_open is sent, so the make-send count to wait for is 1.
static kern_return_t session_port(mach_port_t *port)
{
    mach_port_t self = mach_task_self(), previous;
    kern_return_t result = mach_port_allocate(self, MACH_PORT_RIGHT_RECEIVE, port);

    if (result != KERN_SUCCESS)
        return result;
    result = mach_port_request_notification(self, *port, MACH_NOTIFY_NO_SENDERS, 1, *port,
                                            MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);
    if (result == KERN_SUCCESS)
        result = mach_port_move_member(self, *port, receive_set);
    if (result != KERN_SUCCESS)
        mach_port_mod_refs(self, *port, MACH_PORT_RIGHT_RECEIVE, -1);
    return result;
}

kern_return_t session_open(struct session **opened)
{
    struct session *session = calloc(1, sizeof(*session));
    kern_return_t result;

    if (session == NULL)
        return KERN_RESOURCE_SHORTAGE;
    result = session_port(&session->port);
    if (result != KERN_SUCCESS) {
        free(session);
        return KERN_RESOURCE_SHORTAGE;
    }
    TAILQ_INIT(&session->calls);
    LIST_INSERT_HEAD(&sessions[bucket_of(session->port)], session, bucket);
    *opened = session;
    return KERN_SUCCESS;
}

struct session *session_find(mach_port_t port)
{
    struct session *session;

    LIST_FOREACH(session, &sessions[bucket_of(port)], bucket)
        if (session->port == port)
            return session;
    return NULL;
}

void session_close(struct session *session)
{
    // What it wrote and could not yet be queued is dropped as well: nobody waits for it any more.
    while (!TAILQ_EMPTY(&session->calls))
        call_drop(TAILQ_FIRST(&session->calls));
    LIST_REMOVE(session, bucket);
    if (focus == session)
        focus = NULL;
    if (recent == session)
        recent = NULL;
    if (session->interrupted != MACH_PORT_NULL)
        mach_port_deallocate(mach_task_self(), session->interrupted);
    mach_port_mod_refs(mach_task_self(), session->port, MACH_PORT_RIGHT_RECEIVE, -1);
    free(session);
}

struct session *session_foreground(void)
{
    if (focus != NULL)
        return focus;
    if (!TAILQ_EMPTY(&reads))
        recent = TAILQ_FIRST(&reads)->session;
    return recent;
}

void session_set_mode(struct session *session, unsigned mode)
{
    session->mode = mode;
    recent = session;
}

void session_take_focus(struct session *session)
{
    focus = session;
}
