// SPDX-License-Identifier: BSD-2-Clause
// Sessions and waiting calls: lists, and the rights that go with them.
//
// A session lives as long as somebody holds a send right for its port: the kernel's no-senders
// notification comes to the port itself. A call that waits has its reply right watched, so that a
// client that dies or gives up leaves nothing behind.
#include "session.h"

#include <mach/mach.h>
#include <stdlib.h>
#include <string.h>

struct calls reads, writes, drains;
mach_port_t notify_port, receive_set;

static struct session *sessions;
static struct session *focus;  // took the focus; null: nobody did
static struct session *recent; // gets input while nobody reads: was in the foreground last, or
                               // has set its mode since, as one does before a read

static struct calls *const all_calls[] = {&reads, &writes, &drains};
#define CALL_LISTS (sizeof(all_calls) / sizeof(all_calls[0]))

// ---- calls ------------------------------------------------------------------------------------

// Asks for a message when `name` dies, or at once if it has.
static kern_return_t watch(mach_port_t name)
{
    mach_port_t previous;

    return mach_port_request_notification(mach_task_self(), name, MACH_NOTIFY_DEAD_NAME, TRUE,
                                          notify_port, MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);
}

kern_return_t call_wait(struct calls *calls, struct session *session, mach_port_t reply, size_t size,
                        const char *data)
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
    *call = (struct call){NULL, session, reply, size};
    if (data != NULL)
        memcpy(call->data, data, size);
    if (calls->first == NULL)
        calls->first = call;
    else
        calls->last->next = call;
    calls->last = call;
    session->waiting++;
    return KERN_SUCCESS;
}

struct call *call_of(struct calls *calls, const struct session *session)
{
    for (struct call *call = calls->first; call != NULL; call = call->next)
        if (call->session == session)
            return call;
    return NULL;
}

void call_done(struct calls *calls, struct call *call)
{
    struct call *before = NULL;

    for (struct call *c = calls->first; c != call; c = c->next)
        before = c;
    if (before == NULL)
        calls->first = call->next;
    else
        before->next = call->next;
    if (calls->last == call)
        calls->last = before;
    call->session->waiting--;
    free(call);
}

void call_drop(struct calls *calls, struct call *call)
{
    mach_port_deallocate(mach_task_self(), call->reply);
    call_done(calls, call);
}

void calls_drop_reply(mach_port_t reply)
{
    for (unsigned i = 0; i < CALL_LISTS; i++)
        for (struct call *call = all_calls[i]->first; call != NULL; call = call->next)
            if (call->reply == reply) {
                call_drop(all_calls[i], call);
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
    session->next = sessions;
    sessions = session;
    *opened = session;
    return KERN_SUCCESS;
}

struct session *session_find(mach_port_t port)
{
    for (struct session *session = sessions; session != NULL; session = session->next)
        if (session->port == port)
            return session;
    return NULL;
}

void session_close(struct session *session)
{
    struct session **link = &sessions;
    struct call *call;

    // What it wrote and could not yet be queued is dropped as well: nobody waits for it any more.
    for (unsigned i = 0; i < CALL_LISTS; i++)
        while ((call = call_of(all_calls[i], session)) != NULL)
            call_drop(all_calls[i], call);
    while (*link != session)
        link = &(*link)->next;
    *link = session->next;
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
    if (reads.first != NULL)
        recent = reads.first->session;
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
