// SPDX-License-Identifier: BSD-2-Clause
// The clerk: a thread for everything that may have to wait for another server. The main thread, which
// starts and restarts the servers, must never wait for one; it leaves errands here and goes on.
#include "bootstrap.h"

#include <console_session.h>
#include <cthreads.h>
#include <servers/console.h>
#include <servers/netname.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum errand_kind { ERRAND_SAY, ERRAND_CHECK_IN, ERRAND_FINISH };

struct errand {
    struct errand *next;
    enum errand_kind kind;
    struct service *service; // ERRAND_CHECK_IN
    void (*done)(void);      // ERRAND_CHECK_IN (or null), ERRAND_FINISH
    char text[];             // ERRAND_SAY
};

static struct {
    struct mutex lock;
    struct condition change;
    struct errand *first, *last;
    struct errand *current; // being done
} desk;

static mach_port_t signature; // protects the names that bootstrap checks in

static void leave(struct errand *errand)
{
    mutex_lock(&desk.lock);
    if (desk.first == NULL)
        desk.first = errand;
    else
        desk.last->next = errand;
    desk.last = errand;
    condition_broadcast(&desk.change);
    mutex_unlock(&desk.lock);
}

static struct errand *fetch(void)
{
    struct errand *errand;

    mutex_lock(&desk.lock);
    while (desk.first == NULL)
        condition_wait(&desk.change, &desk.lock);
    errand = desk.first;
    desk.first = errand->next;
    desk.current = errand;
    mutex_unlock(&desk.lock);
    return errand;
}

// ---- errands, in the clerk's thread -----------------------------------------------------------

static void show(const char *text)
{
    if (write(STDOUT_FILENO, text, strlen(text)) < 0)
        serial_say(text);
}

static void check_in(struct errand *errand)
{
    char name[NETNAME_NAME_MAX] = "";
    kern_return_t result;

    strncpy(name, errand->service->name, sizeof(name) - 1);
    result = netname_check_in(name_service.port, name, signature, errand->service->port);
    if (result != KERN_SUCCESS)
        say("bootstrap: the name server does not take the name %s: %s", name,
            mach_error_string(result));
    if (errand->done != NULL)
        errand->done();
}

static void finish(struct errand *errand)
{
    mach_port_t session = console_session();

    if (session != MACH_PORT_NULL)
        console_drain(session);
    errand->done();
}

static any_t clerk(any_t unused)
{
    for (;;) {
        struct errand *errand = fetch();

        switch (errand->kind) {
        case ERRAND_SAY:
            show(errand->text);
            break;
        case ERRAND_CHECK_IN:
            check_in(errand);
            break;
        case ERRAND_FINISH:
            finish(errand);
            break;
        }
        mutex_lock(&desk.lock);
        desk.current = NULL;
        mutex_unlock(&desk.lock);
        free(errand);
    }
    return unused;
}

// ---- for the main thread ----------------------------------------------------------------------

kern_return_t clerk_start(void)
{
    cthread_t thread;
    kern_return_t result =
        mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &signature);

    if (result == KERN_SUCCESS)
        result = mach_port_insert_right(mach_task_self(), signature, signature,
                                        MACH_MSG_TYPE_MAKE_SEND);
    if (result != KERN_SUCCESS)
        return result;
    thread = cthread_fork(clerk, NULL);
    if (thread == CTHREAD_NULL)
        return KERN_RESOURCE_SHORTAGE;
    cthread_set_name(thread, "clerk");
    cthread_detach(thread);
    return KERN_SUCCESS;
}

static struct errand *errand_new(enum errand_kind kind, size_t text_size)
{
    struct errand *errand = calloc(1, sizeof(*errand) + text_size);

    if (errand != NULL)
        errand->kind = kind;
    return errand;
}

void say(const char *format, ...)
{
    char text[256];
    struct errand *errand;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text) - 1, format, arguments);
    va_end(arguments);
    strcat(text, "\n");
    errand = errand_new(ERRAND_SAY, strlen(text) + 1);
    if (errand == NULL) {
        serial_say(text);
        return;
    }
    strcpy(errand->text, text);
    leave(errand);
}

void clerk_check_in(struct service *service, void (*done)(void))
{
    struct errand *errand = errand_new(ERRAND_CHECK_IN, 0);

    if (errand == NULL) {
        serial_say("bootstrap: there is no memory to check a service in\n");
        return;
    }
    errand->service = service;
    errand->done = done;
    leave(errand);
}

void clerk_finish(void (*done)(void))
{
    struct errand *errand = errand_new(ERRAND_FINISH, 0);

    // Without memory for it the main thread waits as long as it would for a console that hangs.
    if (errand == NULL)
        return;
    errand->done = done;
    leave(errand);
}

void clerk_abandon(void)
{
    mutex_lock(&desk.lock); // for good: the machine ends now
    if (desk.current != NULL && desk.current->kind == ERRAND_SAY)
        serial_say(desk.current->text);
    for (const struct errand *errand = desk.first; errand != NULL; errand = errand->next)
        if (errand->kind == ERRAND_SAY)
            serial_say(errand->text);
}
