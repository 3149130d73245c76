// SPDX-License-Identifier: BSD-2-Clause
// The loop of a server: receive a request, let MIG's demux answer it, send the reply and receive the
// next request in one call.
//
// Rights and memory in a request: if the routine succeeded it has them, otherwise they are destroyed
// here; a routine that answers MIG_NO_REPLY has taken everything, the reply right included. No
// message can end the loop: one that finds no room, in the buffer or in the task, is dropped, and
// its sender learns of that by the end of its reply right.
#include <mach/mach.h>

typedef boolean_t (*demux_t)(mach_msg_header_t *request, mach_msg_header_t *reply);

struct server {
    demux_t demux;
    mach_port_t port; // or port set
    mach_msg_option_t receive; // options of the receive half
    vm_size_t size; // of each buffer
    mach_msg_header_t *request;
    mach_msg_header_t *reply;
};

// ---- buffers ----------------------------------------------------------------------------------

static kern_return_t buffers_allocate(struct server *server, mach_msg_size_t max_size)
{
    vm_address_t address;
    kern_return_t result;

    if (max_size > MACH_MSG_SIZE_MAX)
        max_size = MACH_MSG_SIZE_MAX;
    server->size = round_page(max_size + MAX_TRAILER_SIZE);
    result = vm_allocate(mach_task_self(), &address, 2 * server->size, TRUE);
    server->request = (mach_msg_header_t *)address;
    server->reply = (mach_msg_header_t *)(address + server->size);
    return result;
}

static void buffers_free(struct server *server)
{
    vm_address_t request = (vm_address_t)server->request, reply = (vm_address_t)server->reply;

    vm_deallocate(mach_task_self(), request < reply ? request : reply, 2 * server->size);
}

// With MACH_RCV_LARGE a message that is too large waits in the queue, and the request buffer has
// its header: larger buffers take it.
static mach_msg_return_t buffers_grow(struct server *server)
{
    struct server larger = *server;
    kern_return_t result = buffers_allocate(&larger, server->request->msgh_size);

    if (result != KERN_SUCCESS)
        return result;
    buffers_free(server);
    *server = larger;
    return MACH_MSG_SUCCESS;
}

// ---- one request ------------------------------------------------------------------------------

// Has the request answered. True if a reply is to be sent.
static boolean_t answer(struct server *server)
{
    mig_reply_error_t *reply = (mig_reply_error_t *)(void *)server->reply;

    server->demux(server->request, server->reply);
    if (!MACH_MSGH_BITS_IS_COMPLEX(reply->Head.msgh_bits) && reply->RetCode != KERN_SUCCESS) {
        if (reply->RetCode == MIG_NO_REPLY)
            return FALSE;
        // The reply right has gone into the reply.
        server->request->msgh_remote_port = MACH_PORT_NULL;
        mach_msg_destroy(server->request);
    }
    if (reply->Head.msgh_remote_port == MACH_PORT_NULL) {
        mach_msg_destroy(&reply->Head); // nobody asked for what it may carry
        return FALSE;
    }
    return TRUE;
}

// A client that gave a send right may let its queue run full: it then loses the reply, and does not
// stop the server. To a send-once right there is always room.
static mach_msg_option_t send_option(const mach_msg_header_t *reply)
{
    if (MACH_MSGH_BITS_REMOTE(reply->msgh_bits) == MACH_MSG_TYPE_MOVE_SEND_ONCE)
        return MACH_SEND_MSG;
    return MACH_SEND_MSG | MACH_SEND_TIMEOUT;
}

// Whether the error belongs to the send half.
static boolean_t is_send_error(mach_msg_return_t result)
{
    return result >= MACH_SEND_INVALID_DATA && result < MACH_RCV_IN_PROGRESS;
}

static mach_msg_return_t receive(struct server *server)
{
    return mach_msg(server->request, server->receive, 0, server->size, server->port,
                    MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);
}

// Sends the reply and receives the next request in place of it. A reply that cannot be delivered is
// destroyed: the client is gone.
static mach_msg_return_t reply_and_receive(struct server *server)
{
    mach_msg_header_t *reply = server->reply;
    mach_msg_return_t result =
        mach_msg(reply, send_option(reply) | server->receive, reply->msgh_size, server->size,
                 server->port, MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);

    if (is_send_error(result)) {
        mach_msg_destroy(reply);
        return receive(server);
    }
    server->reply = server->request;
    server->request = reply;
    return result;
}

static void reply_only(mach_msg_header_t *reply)
{
    if (mach_msg(reply, send_option(reply), reply->msgh_size, 0, MACH_PORT_NULL,
                 MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL) != MACH_MSG_SUCCESS)
        mach_msg_destroy(reply);
}

// Makes up for a receive that failed: MACH_MSG_SUCCESS if the message alone was to blame and the
// next one may do better, otherwise the result.
static mach_msg_return_t recover(struct server *server, mach_msg_return_t result)
{
    switch (result & ~MACH_MSG_MASK) {
    case MACH_RCV_TOO_LARGE:
        return (server->receive & MACH_RCV_LARGE) ? buffers_grow(server) : MACH_MSG_SUCCESS;
    case MACH_RCV_BODY_ERROR:
        mach_msg_destroy(server->request); // what of it has arrived
        return MACH_MSG_SUCCESS;
    case MACH_RCV_HEADER_ERROR:
        return MACH_MSG_SUCCESS;
    default:
        return result;
    }
}

// ---- the loops --------------------------------------------------------------------------------

static kern_return_t server_begin(struct server *server, demux_t demux, mach_msg_size_t max_size,
                                  mach_port_t port, mach_msg_options_t options)
{
    server->demux = demux;
    server->port = port;
    server->receive = MACH_RCV_MSG | (options & ~MACH_SEND_MSG);
    return buffers_allocate(server, max_size);
}

mach_msg_return_t mach_msg_server(demux_t demux, mach_msg_size_t max_size, mach_port_t rcv_name,
                                  mach_msg_options_t options)
{
    struct server server;
    mach_msg_return_t result = server_begin(&server, demux, max_size, rcv_name, options);
    boolean_t reply = FALSE;

    if (result != KERN_SUCCESS)
        return result;
    while (result == MACH_MSG_SUCCESS) {
        result = reply ? reply_and_receive(&server) : receive(&server);
        reply = result == MACH_MSG_SUCCESS && answer(&server);
        result = recover(&server, result);
    }
    buffers_free(&server);
    return result;
}

mach_msg_return_t mach_msg_server_once(demux_t demux, mach_msg_size_t max_size,
                                       mach_port_t rcv_name, mach_msg_options_t options)
{
    struct server server;
    mach_msg_return_t result = server_begin(&server, demux, max_size, rcv_name, options);

    if (result != KERN_SUCCESS)
        return result;
    result = receive(&server);
    while (result == MACH_RCV_TOO_LARGE && (server.receive & MACH_RCV_LARGE) &&
           buffers_grow(&server) == KERN_SUCCESS)
        result = receive(&server);
    if (result == MACH_MSG_SUCCESS && answer(&server))
        reply_only(server.reply);
    else if (result != MACH_MSG_SUCCESS)
        recover(&server, result);
    buffers_free(&server);
    return result;
}
