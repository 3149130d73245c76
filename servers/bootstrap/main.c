// SPDX-License-Identifier: BSD-2-Clause
// Bootstrap: the first task, and the only one the kernel starts. It starts the name server and the
// console server, then the program that the machine was booted for (minato.run=), gives each its
// rights and files, starts servers again that die, and ends the machine when the program ends or its
// time is over.
//
// The main thread receives messages and keeps time; it never waits for another server. What has to
// wait (words for the console, names for the name server) is the clerk's (clerk.c). Read next:
// programs.c, serve.c.
#include "bootstrap.h"

#include <mach/bootstrap.h>
#include <mach/bootstrap_server.h>
#include <mach/host_info.h>
#include <mach/host_reboot.h>
#include <program.h>
#include <mach/minato.h>
#include <servers/netname_defs.h>
#include <servers/program_server.h>
#include <stdio.h>
#include <string.h>

#define SCRIPT "opt/minato/script"
#define READY_ID 4798 // the clerk's messages to us: the services have their names
#define SAID_ID 4799  // … the last words are shown
#define LAST_WORDS ((uint64_t)2 * NSEC_PER_SEC) // for the console to show what has been said

mach_port_t priv_host, device_master;
mach_port_t receive_set, notify_port;
static mach_port_t clerk_port;     // where the clerk tells of errands done
static const char *wrong_options; // what is wrong with the command line, or null

static void tell_said(void);

static struct program name_server = {
    .path = "servers/name",
    .argv = (char *const[]){"name", NULL},
    .service = &name_service,
};
static struct program console_server = {
    .path = "servers/console",
    .argv = (char *const[]){"console", NULL},
    .rights = RIGHTS_CONSOLE,
    .service = &console_service,
};
static struct program pager_server = { // with minato.paging=
    .path = "servers/pager",
    .argv = (char *const[]){"pager", NULL},
    .rights = RIGHTS_PAGER,
};
static struct program job = {.rights = RIGHTS_JOB, .is_job = true};

// ---- the end ----------------------------------------------------------------------------------

static struct {
    bool near;        // nothing is to be started any more
    int status;       // the machine's
    uint64_t at;      // ns since boot: no longer than this for the console to show all
} end;

void end_machine(int status)
{
    if (end.near)
        return;
    end.near = true;
    end.status = status;
    end.at = clock_now() + LAST_WORDS;
    clerk_finish(tell_said);
}

__attribute__((noreturn)) static void power_off(void)
{
    host_reboot(priv_host, HOST_REBOOT_STATUS(end.status));
    serial_say("bootstrap: this machine cannot be switched off\n");
    for (;;)
        thread_switch(MACH_PORT_NULL, SWITCH_OPTION_WAIT, 0x7fffffff);
}

__attribute__((noreturn)) static void give_up(const char *what, const char *why)
{
    char text[256];

    snprintf(text, sizeof(text), "bootstrap: %s: %s\n", what, why);
    serial_say(text);
    host_reboot(priv_host, HOST_REBOOT_STATUS(STATUS_FAILED));
    task_terminate(mach_task_self());
    for (;;)
        continue;
}

static void must(kern_return_t result, const char *what)
{
    if (result != KERN_SUCCESS)
        give_up(what, mach_error_string(result));
}

// ---- the job ----------------------------------------------------------------------------------

// What minato.run= means: a program of the archive's bin/, and its arguments. A script handed in is
// the first argument; scenarios cannot do without.
static const char *choose_job(void)
{
    static char path[8 + sizeof(options.run)];
    static char *argv[4];
    bool scenario = strcmp(options.run, "scenario") == 0;
    unsigned argc = 0;

    snprintf(path, sizeof(path), "bin/%s", scenario ? "lua" : options.run);
    argv[argc++] = scenario ? (char *)"lua" : options.run;
    if (scenario)
        argv[argc++] = (char *)"--scenario";
    if (fw_cfg_exists(SCRIPT))
        argv[argc++] = (char *)SCRIPT;
    else if (scenario)
        return "minato.run=scenario needs a script in the fw_cfg file " SCRIPT;
    argv[argc] = NULL;
    job.path = path;
    job.argv = argv;
    return NULL;
}

static const char *job_missing(void)
{
    static char text[160];
    const void *image;
    size_t size;

    if (archive_file(job.path, &image, &size))
        return NULL;
    snprintf(text, sizeof(text),
             "minato.run=%s: there is no such program (lua, scenario, or one of the archive's bin/)",
             options.run);
    return text;
}

static void start_job(void)
{
    const char *wrong = wrong_options;

    if (wrong == NULL)
        wrong = choose_job();
    if (wrong == NULL)
        wrong = job_missing();
    if (wrong != NULL) {
        say("bootstrap: %s", wrong);
        end_machine(STATUS_USAGE);
        return;
    }
    wrong = program_begin(&job);
    if (wrong != NULL) {
        say("bootstrap: %s cannot be started: %s", job.path, wrong);
        end_machine(STATUS_FAILED);
    }
}

// In the clerk's thread: a message to the main one.
static void tell_main(mach_msg_id_t id)
{
    mach_msg_header_t message = {
        .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0),
        .msgh_size = sizeof(message),
        .msgh_remote_port = clerk_port,
        .msgh_id = id,
    };

    mach_msg(&message, MACH_SEND_MSG, sizeof(message), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
}

static void tell_ready(void)
{
    tell_main(READY_ID);
}

static void tell_said(void)
{
    tell_main(SAID_ID);
}

static void clerk_told(mach_msg_id_t id)
{
    if (id == SAID_ID)
        power_off();
    if (!end.near)
        start_job();
}

// ---- receiving --------------------------------------------------------------------------------

union request {
    mach_msg_header_t header;
    union __RequestUnion__bootstrap_subsystem bootstrap;
    union __RequestUnion__program_subsystem program;
    mach_port_destroyed_notification_t notification;
    char room[1024];
};
union reply {
    mach_msg_header_t header;
    mig_reply_error_t error;
    union __ReplyUnion__bootstrap_subsystem bootstrap;
    union __ReplyUnion__program_subsystem program;
};

// Milliseconds until `when`, rounded up, and at most a day: the loop then simply goes round.
static mach_msg_timeout_t milliseconds_until(uint64_t when, uint64_t now)
{
    uint64_t left = when > now ? (when - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC : 0;

    return left < 86400000 ? (mach_msg_timeout_t)left : 86400000;
}

static void check_limit(uint64_t now)
{
    if (end.near || options.limit == 0 || now < options.limit)
        return;
    say("bootstrap: the time limit of %u.%03u s is over", (unsigned)(options.limit / NSEC_PER_SEC),
        (unsigned)(options.limit % NSEC_PER_SEC / NSEC_PER_MSEC));
    end_machine(STATUS_TIME_OVER);
}

// Does what is due and returns how long there is to wait for messages.
static mach_msg_timeout_t keep_time(void)
{
    uint64_t now = clock_now(), next;

    check_limit(now);
    if (end.near && now >= end.at) {
        clerk_abandon();
        power_off();
    }
    next = programs_restart(now);
    if (end.near && end.at < next)
        next = end.at;
    if (!end.near && options.limit != 0 && options.limit < next)
        next = options.limit;
    return milliseconds_until(next, now);
}

static void answer(union request *request)
{
    static union reply reply;

    if (request->header.msgh_local_port == clerk_port) {
        clerk_told(request->header.msgh_id);
        return;
    }
    bootstrap_demux(&request->header, &reply.header);
    if (!MACH_MSGH_BITS_IS_COMPLEX(reply.header.msgh_bits) &&
        reply.error.RetCode != KERN_SUCCESS) {
        if (reply.error.RetCode == MIG_NO_REPLY)
            return;
        request->header.msgh_remote_port = MACH_PORT_NULL; // it has gone into the reply
        mach_msg_destroy(&request->header);
    }
    if (reply.header.msgh_remote_port == MACH_PORT_NULL ||
        mach_msg(&reply.header, MACH_SEND_MSG | MACH_SEND_TIMEOUT, reply.header.msgh_size, 0,
                 MACH_PORT_NULL, 0, MACH_PORT_NULL) != MACH_MSG_SUCCESS)
        mach_msg_destroy(&reply.header);
}

__attribute__((noreturn)) static void serve(void)
{
    static union request request;

    for (;;) {
        mach_msg_timeout_t timeout = keep_time();
        mach_msg_return_t result =
            mach_msg(&request.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(request),
                     receive_set, timeout, MACH_PORT_NULL);

        if (result == MACH_MSG_SUCCESS)
            answer(&request);
        else if ((result & ~MACH_MSG_MASK) == MACH_RCV_BODY_ERROR)
            mach_msg_destroy(&request.header); // what of it found room here
    }
}

// ---- the beginning ----------------------------------------------------------------------------

static kern_return_t member_of_set(mach_port_t *port)
{
    kern_return_t result = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, port);

    if (result == KERN_SUCCESS)
        result = mach_port_move_member(mach_task_self(), *port, receive_set);
    return result;
}

// The name server's port, for this task and by inheritance for all others.
static kern_return_t publish_name_server(void)
{
    mach_port_t slots[TASK_PORT_REGISTER_MAX] = {[NAME_SERVER_SLOT] = name_service.port};
    kern_return_t result =
        task_set_special_port(mach_task_self(), TASK_NAME_PORT, name_service.port);

    if (result == KERN_SUCCESS)
        result = mach_ports_register(mach_task_self(), slots, TASK_PORT_REGISTER_MAX);
    name_server_port = name_service.port;
    return result;
}

static void set_up_ports(void)
{
    mach_port_t wired, paged, security;

    must(bootstrap_ports(bootstrap_port, &priv_host, &device_master, &wired, &paged, &security),
         "the kernel gives no privileged ports");
    must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &receive_set),
         "a port set");
    must(member_of_set(&notify_port), "the notification port");
    must(member_of_set(&clerk_port), "the clerk's port");
    must(clock_open(), "the real-time clock");
    must(priority_take(), "the priority of a server");
    must(service_make(&name_service), "the name server's port");
    must(service_make(&console_service), "the console's port");
    must(publish_name_server(), "publishing the name server's port");
}

static void start_server(struct program *program)
{
    const char *wrong = program_begin(program);

    if (wrong != NULL)
        give_up(program->path, wrong);
}

// The first words on the console: the job is less urgent than the clerk.
static void announce(void)
{
    struct host_basic_info info;
    mach_msg_type_number_t count = HOST_BASIC_INFO_COUNT;
    kernel_version_t version;

    must(host_kernel_version(priv_host, version), "the kernel's version");
    must(host_info(priv_host, HOST_BASIC_INFO, (host_info_t)&info, &count), "the machine's memory");
    say("%s: %u MiB of memory", version, (unsigned)info.memory_size / (1024 * 1024));
}

int main(void)
{
    mach_msg_type_number_t size;
    vm_offset_t words;

    set_up_ports();
    must(modules_open(), "the boot archive");
    must(bootstrap_arguments(bootstrap_port, mach_task_self(), &words, &size),
         "the boot command line");
    wrong_options = options_parse((char *)words);
    must(minato_host_set_seed(priv_host, options.seed), "the seed");
    calendar_set();
    fw_cfg_open();
    if (options.paging) // whoever the pager's death must not hurt
        must(program_wire(priv_host, mach_task_self()), "wired memory");
    start_server(&name_server);
    start_server(&console_server);
    if (options.paging)
        start_server(&pager_server);
    must(clerk_start(), "the clerk's thread");
    clerk_check_in(&console_service, tell_ready);
    if (!options.quiet) // the console is a script's alone
        announce();
    serve();
}
