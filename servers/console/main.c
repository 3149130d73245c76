// SPDX-License-Identifier: BSD-2-Clause
// The console server: the serial line, display and keyboard for any number of clients
// (include/servers/console.defs). Both ways in and both ways out are one terminal.
//
//   typed bytes -> uart, keyboard -> line discipline -> reads that wait
//   writes -> output queue -> uart
//          -> display
//
// One thread receives from one port set: the service, the sessions, interrupts, notifications. It
// never waits for a client: calls that cannot be answered yet keep their reply right in a list.
// Read line.c for editing, session.c for clients, screen.c and keys.c for what a terminal does; uart.c,
// vga.c and keyboard.c for the hardware.
#include "keyboard.h"
#include "line.h"
#include "output.h"
#include "session.h"
#include "uart.h"
#include "vga.h"

#include <mach/bootstrap.h>
#include <mach/device_io.h>
#include <mach/mach.h>
#include <mach/notify_server.h>
#include <servers/console_reply.h>
#include <servers/console_server.h>
#include <servers/program.h>

#define CONSOLE_READ_REPLY_ID 4602 // console_read_reply in console_reply.defs
#define ECHO_RESERVE 256 // of the output queue, so that typing shows while programs write

static struct line line;
static struct output output;
static mach_port_t interrupt_port;

// Puts bytes on their way to the serial line, and on the display. False: there is no room for them.
static bool show(const char *data, size_t size)
{
    if (!output_put(&output, data, size))
        return false;
    vga_write(data, size);
    return true;
}

// ---- input ------------------------------------------------------------------------------------

// The read that the next input belongs to: of the session with the focus, or the oldest.
static struct call *next_read(void)
{
    struct session *session = session_foreground();

    return session != NULL ? session_read(session) : NULL;
}

// The call has been answered, or its client is gone: its reply right is used, or dropped here.
static void call_answered(struct call *call, kern_return_t result)
{
    if (result == KERN_SUCCESS)
        call_done(call);
    else
        call_drop(call);
}

// Answers a read by nothing but a code, as MIG's error replies are.
static kern_return_t refuse_read(mach_port_t reply, kern_return_t code)
{
    mig_reply_error_t error = {
        .Head = {.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0),
                 .msgh_size = sizeof(error),
                 .msgh_remote_port = reply,
                 .msgh_id = CONSOLE_READ_REPLY_ID},
        .NDR = NDR_record,
        .RetCode = code,
    };

    return mach_msg(&error.Head, MACH_SEND_MSG, sizeof(error), 0, MACH_PORT_NULL, 0,
                    MACH_PORT_NULL);
}

// A reader may have died and the news of it still be on its way: its input is for the next one.
static void deliver_input(void)
{
    static console_data_t data;
    struct call *call;

    while ((call = next_read()) != NULL && line_readable(&line, call->session->mode)) {
        size_t size = line_read(&line, data, call->size, call->session->mode);
        kern_return_t result = console_read_reply(call->reply, KERN_SUCCESS, data, size);

        if (result != KERN_SUCCESS)
            line_read_undo(&line);
        call_answered(call, result);
    }
}

// Sends the message of console_on_interrupt; if the port has no room or is dead, nobody is told.
static void send_interrupt(mach_port_t port)
{
    mach_msg_header_t message = {
        .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0),
        .msgh_size = sizeof(message),
        .msgh_remote_port = port,
        .msgh_id = CONSOLE_INTERRUPT_ID,
    };

    if (mach_msg(&message, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof(message), 0, MACH_PORT_NULL, 0,
                 MACH_PORT_NULL) == MACH_SEND_TIMED_OUT)
        mach_msg_destroy(&message);
}

static void interrupt_foreground(void)
{
    struct session *session = session_foreground();
    struct call *call = session != NULL ? session_read(session) : NULL;

    if (call != NULL)
        call_answered(call, refuse_read(call->reply, CONSOLE_INTERRUPTED));
    else if (session != NULL && session->interrupted != MACH_PORT_NULL)
        send_interrupt(session->interrupted);
}

static void typed(char c)
{
    struct session *session = session_foreground();
    enum line_event event = line_input(&line, c, session != NULL ? session->mode : 0);

    show(line.echo, line.echo_length);
    if (event == LINE_INTERRUPT)
        interrupt_foreground();
    deliver_input();
}

// ---- output -----------------------------------------------------------------------------------

static bool queue_output(const char *data, size_t size)
{
    return size + ECHO_RESERVE <= output_room(&output) && show(data, size);
}

static void answer_drains(void)
{
    struct call *call = TAILQ_FIRST(&drains);

    // The last byte may be on its way out still; no interrupt tells when it is gone.
    if (call != NULL)
        while (!uart_idle())
            clock_sleep(MACH_PORT_NULL, TIME_RELATIVE, (tvalspec_t){0, NSEC_PER_MSEC}, NULL);
    for (; call != NULL; call = TAILQ_FIRST(&drains))
        call_answered(call, console_drain_reply(call->reply, KERN_SUCCESS));
}

// Sends what can be sent, and lets calls go on that waited for it.
static void push_output(void)
{
    struct call *call;

    uart_send(&output);
    while ((call = TAILQ_FIRST(&writes)) != NULL && queue_output(call->data, call->size)) {
        call_answered(call, console_write_reply(call->reply, KERN_SUCCESS));
        uart_send(&output);
    }
    if (output_empty(&output))
        answer_drains();
}

// ---- the interface ----------------------------------------------------------------------------

kern_return_t serve_console_open(mach_port_t console, mach_port_t *port)
{
    struct session *session;
    kern_return_t result = session_open(&session);

    (void)console;
    if (result == KERN_SUCCESS)
        *port = session->port;
    return result;
}

kern_return_t serve_console_write(mach_port_t port, mach_port_t reply, console_data_t data,
                                  mach_msg_type_number_t size)
{
    struct session *session = session_find(port);
    kern_return_t result;

    if (session == NULL)
        return KERN_INVALID_ARGUMENT;
    if (TAILQ_EMPTY(&writes) && queue_output(data, size)) {
        push_output();
        return KERN_SUCCESS;
    }
    result = call_wait(&writes, session, reply, size, data);
    return result == KERN_SUCCESS ? MIG_NO_REPLY : result;
}

kern_return_t serve_console_read(mach_port_t port, mach_port_t reply, natural_t max,
                                 console_data_t data, mach_msg_type_number_t *size)
{
    struct session *session = session_find(port);
    kern_return_t result;

    (void)data, (void)size;
    if (session == NULL || max == 0)
        return KERN_INVALID_ARGUMENT;
    if (max > CONSOLE_DATA_MAX)
        max = CONSOLE_DATA_MAX;
    result = call_wait(&reads, session, reply, max, NULL);
    if (result != KERN_SUCCESS)
        return result;
    deliver_input();
    return MIG_NO_REPLY;
}

kern_return_t serve_console_set_mode(mach_port_t port, natural_t mode)
{
    struct session *session = session_find(port);

    if (session == NULL || (mode & ~CONSOLE_MODE_BITS) != 0)
        return KERN_INVALID_ARGUMENT;
    session_set_mode(session, mode);
    deliver_input();
    return KERN_SUCCESS;
}

kern_return_t serve_console_get_mode(mach_port_t port, natural_t *mode)
{
    struct session *session = session_find(port);

    if (session == NULL)
        return KERN_INVALID_ARGUMENT;
    *mode = session->mode;
    return KERN_SUCCESS;
}

kern_return_t serve_console_focus(mach_port_t port)
{
    struct session *session = session_find(port);

    if (session == NULL)
        return KERN_INVALID_ARGUMENT;
    session_take_focus(session);
    deliver_input();
    return KERN_SUCCESS;
}

// Whether the port is one that we receive from. A session whose send right we keep ourselves would
// never be without senders.
static bool is_ours(mach_port_t port)
{
    mach_port_type_t type;

    return MACH_PORT_VALID(port) &&
           mach_port_type(mach_task_self(), port, &type) == KERN_SUCCESS &&
           (type & MACH_PORT_TYPE_RECEIVE);
}

kern_return_t serve_console_on_interrupt(mach_port_t port, mach_port_t told)
{
    struct session *session = session_find(port);

    if (session == NULL || is_ours(told))
        return KERN_INVALID_ARGUMENT;
    if (session->interrupted != MACH_PORT_NULL)
        mach_port_deallocate(mach_task_self(), session->interrupted);
    session->interrupted = MACH_PORT_VALID(told) ? told : MACH_PORT_NULL;
    return KERN_SUCCESS;
}

kern_return_t serve_console_drain(mach_port_t port, mach_port_t reply)
{
    struct session *session = session_find(port);
    kern_return_t result;

    if (session == NULL)
        return KERN_INVALID_ARGUMENT;
    result = call_wait(&drains, session, reply, 0, NULL);
    if (result != KERN_SUCCESS)
        return result;
    push_output();
    return MIG_NO_REPLY;
}

// ---- notifications ----------------------------------------------------------------------------

// A client with a waiting call is gone or has given up.
kern_return_t do_mach_notify_dead_name(mach_port_t notify, mach_port_t name)
{
    (void)notify;
    calls_drop_reply(name);
    mach_port_deallocate(mach_task_self(), name); // the reference that came with the notification
    return KERN_SUCCESS;
}

// Nobody holds a send right for the session any more. Anybody who does could have sent the message
// himself, so we look.
static void no_senders(mach_port_t port)
{
    mach_msg_type_number_t count = MACH_PORT_RECEIVE_STATUS_COUNT;
    struct session *session = session_find(port);
    mach_port_status_t status;

    if (session != NULL &&
        mach_port_get_attributes(mach_task_self(), port, MACH_PORT_RECEIVE_STATUS,
                                 (mach_port_info_t)&status, &count) == KERN_SUCCESS &&
        !status.mps_srights)
        session_close(session);
}

// ---- receiving --------------------------------------------------------------------------------

static boolean_t no_reply(mach_msg_header_t *reply)
{
    mig_reply_error_t *error = (mig_reply_error_t *)(void *)reply;

    error->Head.msgh_bits = 0;
    error->Head.msgh_remote_port = MACH_PORT_NULL;
    error->RetCode = MIG_NO_REPLY;
    return TRUE;
}

static boolean_t demux(mach_msg_header_t *request, mach_msg_header_t *reply)
{
    if (request->msgh_local_port == interrupt_port) {
        uart_interrupt(request, &output, typed);
        keyboard_interrupt(request, typed);
        push_output();
        mach_msg_destroy(request); // an interrupt brings no rights, what looks like one may
        return no_reply(reply);
    }
    if (request->msgh_local_port == notify_port)
        return notify_server(request, reply);
    if (request->msgh_id == MACH_NOTIFY_NO_SENDERS) {
        no_senders(request->msgh_local_port);
        mach_msg_destroy(request);
        return no_reply(reply);
    }
    return console_server(request, reply);
}

static kern_return_t member_of_set(mach_port_t *port)
{
    kern_return_t result = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, port);

    if (result == KERN_SUCCESS)
        result = mach_port_move_member(mach_task_self(), *port, receive_set);
    return result;
}

static kern_return_t open_hardware(void)
{
    mach_port_t host, device, wired, paged, security;
    kern_return_t result =
        bootstrap_ports(bootstrap_port, &host, &device, &wired, &paged, &security);

    if (result == KERN_SUCCESS)
        result = uart_open(device, interrupt_port);
    if (result == KERN_SUCCESS) {
        vga_open(device);
        keyboard_open(device, interrupt_port);
    }
    return result;
}

static kern_return_t set_up(void)
{
    mach_port_t service;
    kern_return_t result =
        mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &receive_set);

    if (result == KERN_SUCCESS)
        result = member_of_set(&notify_port);
    if (result == KERN_SUCCESS)
        result = member_of_set(&interrupt_port);
    if (result == KERN_SUCCESS)
        result = open_hardware();
    if (result == KERN_SUCCESS)
        result = program_service(bootstrap_port, &service);
    if (result == KERN_SUCCESS)
        result = mach_port_move_member(mach_task_self(), service, receive_set);
    return result;
}

int main(void)
{
    if (set_up() != KERN_SUCCESS)
        return 1;
    // Returns only if the set is lost; bootstrap then starts another.
    mach_msg_server(demux, sizeof(union __RequestUnion__console_subsystem), receive_set,
                    DEVICE_INTERRUPT_RCV_OPTIONS);
    return 1;
}
