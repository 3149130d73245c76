// SPDX-License-Identifier: BSD-2-Clause
// The tasks that bootstrap starts: their start, their death, their next life.
//
// Each program has a bootstrap port of its own, by which serve.c knows who calls. The port of a
// service outlives its server: when the server's task dies, the kernel sends the receive right back
// (port-destroyed notification), and the next incarnation asks for it (program_service).
#include "bootstrap.h"

#include <mach/bootstrap.h>
#include <mach/minato.h>
#include <program.h>
#include <servers/program_types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS ((uint64_t)NSEC_PER_MSEC)
#define FIRST_DELAY (100 * MS) // before a server is started again; doubles with each death in a row
#define LAST_DELAY (5000 * MS)
#define GOOD_LIFE (10000 * MS) // who lives as long begins anew
#define WORDS_MAX 64
#define ARGUMENTS_MAX 64

struct service name_service = {.name = NULL};
struct service console_service = {.name = "console"};

static struct program *programs;

// ---- services ---------------------------------------------------------------------------------

// Asks for the receive right back, should its holder lose it.
static kern_return_t ask_back(struct service *service)
{
    mach_port_t previous;

    return mach_port_request_notification(mach_task_self(), service->port,
                                          MACH_NOTIFY_PORT_DESTROYED, 0, notify_port,
                                          MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);
}

kern_return_t service_make(struct service *service)
{
    kern_return_t result =
        mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &service->port);

    if (result == KERN_SUCCESS)
        result = mach_port_insert_right(mach_task_self(), service->port, service->port,
                                        MACH_MSG_TYPE_MAKE_SEND);
    if (result == KERN_SUCCESS)
        result = ask_back(service);
    service->held = result == KERN_SUCCESS;
    return result;
}

void service_returned(mach_port_t port)
{
    for (struct program *program = programs; program != NULL; program = program->next)
        if (program->service != NULL && program->service->port == port) {
            program->service->held = ask_back(program->service) == KERN_SUCCESS;
            return;
        }
    // Not one of ours: nobody else's rights come here.
    mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1);
}

// ---- start ------------------------------------------------------------------------------------

// The words of the command line that are meant for Minato, as the environment of every program.
static char *const *environment(void)
{
    static char *words[WORDS_MAX + 1];
    unsigned count = 0;

    for (size_t at = 0; at < options.size && count < WORDS_MAX;) {
        size_t length = strnlen(options.words + at, options.size - at);

        if (length == options.size - at)
            break;
        if (strncmp(options.words + at, "minato.", 7) == 0)
            words[count++] = (char *)options.words + at;
        at += length + 1;
    }
    words[count] = NULL;
    return words;
}

// The program's bootstrap port, known to its task.
static kern_return_t make_port(struct program *program)
{
    mach_port_t self = mach_task_self();
    kern_return_t result = mach_port_allocate(self, MACH_PORT_RIGHT_RECEIVE, &program->port);

    if (result != KERN_SUCCESS) {
        program->port = MACH_PORT_NULL;
        return result;
    }
    result = mach_port_insert_right(self, program->port, program->port, MACH_MSG_TYPE_MAKE_SEND);
    if (result != KERN_SUCCESS)
        return result;
    result = task_set_special_port(program->task, TASK_BOOTSTRAP_PORT, program->port);
    mach_port_deallocate(self, program->port); // the send right; the task has its own
    if (result != KERN_SUCCESS)
        return result;
    return mach_port_move_member(self, program->port, receive_set);
}

static kern_return_t watch_task(mach_port_t task)
{
    mach_port_t previous;

    return mach_port_request_notification(mach_task_self(), task, MACH_NOTIFY_DEAD_NAME, TRUE,
                                          notify_port, MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);
}

// The name by which the kernel speaks of the task: the last part of the path.
static void name_task(const struct program *program)
{
    const char *slash = strrchr(program->path, '/');
    minato_task_name_t name = "";

    strncpy(name, slash != NULL ? slash + 1 : program->path, sizeof(name) - 1);
    minato_task_set_name(program->task, name); // failing it, the task is called bootstrap
}

static kern_return_t fill_task(struct program *program, const void *image, size_t size)
{
    vm_address_t entry, sp;
    mach_port_t thread;
    kern_return_t result = make_port(program);

    name_task(program);
    if (result == KERN_SUCCESS)
        result = program_load(program->task, image, size, program->argv, environment(), &entry, &sp);
    if (result == KERN_SUCCESS && (program->is_job || program->ended != MACH_PORT_NULL))
        result = priority_lower(program->task);
    if (result == KERN_SUCCESS && !program->is_job && options.paging)
        result = program_wire(priv_host, program->task);
    if (result == KERN_SUCCESS)
        result = watch_task(program->task);
    if (result == KERN_SUCCESS)
        result = program_start(program->task, entry, sp, &thread);
    if (result == KERN_SUCCESS)
        mach_port_deallocate(mach_task_self(), thread);
    return result;
}

// Drops what we hold of a program whose task is dead or never lived.
static void forget_task(struct program *program)
{
    mach_port_deallocate(mach_task_self(), program->task);
    program->task = MACH_PORT_NULL;
    if (program->port != MACH_PORT_NULL)
        mach_port_mod_refs(mach_task_self(), program->port, MACH_PORT_RIGHT_RECEIVE, -1);
    program->port = MACH_PORT_NULL;
}

static const char *start(struct program *program)
{
    const void *image;
    size_t size;
    const char *wrong;
    kern_return_t result;

    program->reported = false;
    program->started = clock_now();
    if (!archive_file(program->path, &image, &size))
        return "it is not in the boot archive";
    wrong = program_check(image, size);
    if (wrong != NULL)
        return wrong;
    result = task_create(mach_task_self(), NULL, 0, FALSE, &program->task);
    if (result != KERN_SUCCESS) {
        program->task = MACH_PORT_NULL;
        return mach_error_string(result);
    }
    result = fill_task(program, image, size);
    if (result == KERN_SUCCESS)
        return NULL;
    task_terminate(program->task);
    forget_task(program);
    return mach_error_string(result);
}

// The status of a program that has ended. One that nobody could tell from the machine's own, or that it
// cannot carry, is a failure.
static int status_of(const struct program *program)
{
    bool good = program->reported && program->status >= 0 && program->status <= STATUS_LAST;

    return good ? program->status : STATUS_FAILED;
}

const char *program_begin(struct program *program)
{
    program->next = programs;
    programs = program;
    return start(program);
}

// ---- programs that are run for others ---------------------------------------------------------

// A copy of the path and the words, with argv pointing into it, behind the structure.
static struct program *program_new(const char *path, const char *words, size_t size)
{
    struct program *program = calloc(1, sizeof(*program) + (ARGUMENTS_MAX + 1) * sizeof(char *) +
                                            strlen(path) + 1 + size);
    char **argv, *text;
    unsigned argc = 0;

    if (program == NULL)
        return NULL;
    argv = (char **)(program + 1);
    text = (char *)(argv + ARGUMENTS_MAX + 1);
    memcpy(text, words, size);
    for (size_t at = 0; at < size; at += strlen(text + at) + 1)
        argv[argc++] = text + at;
    program->argv = argv;
    program->path = strcpy(text + size, path);
    program->rights = RIGHTS_TOOL;
    return program;
}

// Whether the words end, and are neither none nor too many.
static bool words_valid(const char *words, size_t size)
{
    unsigned count = 0;

    for (size_t i = 0; i < size; i++)
        count += words[i] == '\0';
    return size > 0 && words[size - 1] == '\0' && count <= ARGUMENTS_MAX;
}

kern_return_t program_run_once(const char *path, const char *words, size_t size, mach_port_t ended,
                               struct program **result)
{
    struct program *program;
    const void *image;
    size_t image_size;

    if (!words_valid(words, size) || !MACH_PORT_VALID(ended))
        return KERN_INVALID_ARGUMENT;
    if (strncmp(path, "bin/", 4) != 0 || !archive_file(path, &image, &image_size) ||
        program_check(image, image_size) != NULL)
        return BOOTSTRAP_UNKNOWN_SERVICE;
    program = program_new(path, words, size);
    if (program == NULL)
        return BOOTSTRAP_NO_MEMORY;
    program->ended = ended;
    if (start(program) != NULL) {
        free(program);
        return BOOTSTRAP_NO_MEMORY;
    }
    program->next = programs;
    programs = program;
    *result = program;
    return KERN_SUCCESS;
}

// Tells who ran it, and forgets it.
static void guest_ended(struct program *guest)
{
    program_ended_t message = {
        .Head = {.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0),
                 .msgh_size = sizeof(message),
                 .msgh_remote_port = guest->ended,
                 .msgh_id = PROGRAM_ENDED_ID},
        .NDR = NDR_record,
        .status = status_of(guest),
    };
    struct program **at = &programs;

    while (*at != guest)
        at = &(*at)->next;
    *at = guest->next;
    if (mach_msg(&message.Head, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof(message), 0,
                 MACH_PORT_NULL, 0, MACH_PORT_NULL) != MACH_MSG_SUCCESS)
        mach_port_deallocate(mach_task_self(), guest->ended);
    free(guest);
}

struct program *program_of_port(mach_port_t port)
{
    for (struct program *program = programs; program != NULL; program = program->next)
        if (program->port == port)
            return program;
    return NULL;
}

struct program *program_of_path(const char *path)
{
    for (struct program *program = programs; program != NULL; program = program->next)
        if (strcmp(program->path, path) == 0)
            return program;
    return NULL;
}

// ---- death ------------------------------------------------------------------------------------

static void job_ended(struct program *job)
{
    if (!job->reported)
        say("bootstrap: %s ended without a status", job->path);
    end_machine(status_of(job));
}

static void restart_later(struct program *program, const char *why)
{
    uint64_t now = clock_now(), delay = FIRST_DELAY;

    if (now - program->started >= GOOD_LIFE)
        program->deaths = 0;
    for (unsigned i = 0; i < program->deaths && delay < LAST_DELAY; i++)
        delay *= 2;
    if (delay > LAST_DELAY)
        delay = LAST_DELAY;
    program->deaths++;
    program->restart_at = now + delay;
    say("bootstrap: %s %s; it is started again in %u ms", program->path, why,
        (unsigned)(delay / MS));
}

void program_died(mach_port_t task)
{
    struct program *program = programs;

    while (program != NULL && program->task != task)
        program = program->next;
    if (program == NULL)
        return;
    forget_task(program);
    if (program->is_job)
        job_ended(program);
    else if (program->ended != MACH_PORT_NULL)
        guest_ended(program);
    else
        restart_later(program, program->reported ? "has ended" : "has died");
}

static void restart(struct program *program)
{
    const char *wrong;

    program->restart_at = 0;
    wrong = start(program);
    if (wrong != NULL)
        restart_later(program, wrong);
}

uint64_t programs_restart(uint64_t now)
{
    uint64_t next = UINT64_MAX;

    for (struct program *program = programs; program != NULL; program = program->next) {
        if (program->restart_at != 0 && program->restart_at <= now)
            restart(program);
        if (program->restart_at != 0 && program->restart_at < next)
            next = program->restart_at;
    }
    return next;
}
