// SPDX-License-Identifier: BSD-2-Clause
// The loop of a server: receive a request, let MIG's demux answer it, send the reply and receive the
// next request in one call.
//
// Rights and memory in a request: if the routine succeeded it has them, otherwise they are destroyed
// here; a routine that answers MIG_NO_REPLY has taken everything, the reply right included.
#include <mach/mach.h>

typedef boolean_t (*demux_t)(mach_msg_header_t *request, mach_msg_header_t *reply);

struct buffers {
    vm_size_t size; // of each
    mach_msg_header_t *request;
    mach_msg_header_t *reply;
};

static kern_return_t buffers_allocate(struct buffers *buffers, mach_msg_size_t max_size)
{
    vm_address_t address;
    kern_return_t result;

    if (max_size > MACH_MSG_SIZE_MAX)
        max_size = MACH_MSG_SIZE_MAX;
    buffers->size = round_page(max_size + MAX_TRAILER_SIZE);
    result = vm_allocate(mach_task_self(), &address, 2 * buffers->size, TRUE);
    buffers->request = (mach_msg_header_t *)address;
    buffers->reply = (mach_msg_header_t *)(address + buffers->size);
    return result;
}

static void buffers_free(struct buffers *buffers)
{
    vm_deallocate(mach_task_self(), (vm_address_t)buffers->request, 2 * buffers->size);
}

// Has the request answered. True if a reply is to be sent.
static boolean_t answer(demux_t demux, struct buffers *buffers)
{
    mig_reply_error_t *reply = (mig_reply_error_t *)(void *)buffers->reply;

    demux(buffers->request, buffers->reply);
    if (!MACH_MSGH_BITS_IS_COMPLEX(reply->Head.msgh_bits) && reply->RetCode != KERN_SUCCESS) {
        if (reply->RetCode == MIG_NO_REPLY)
            return FALSE;
        // The reply right has gone into the reply.
        buffers->request->msgh_remote_port = MACH_PORT_NULL;
        mach_msg_destroy(buffers->request);
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

// Sends the reply and, if `port` is given, receives the next request in place of it. A reply that
// cannot be delivered is destroyed: the client is gone.
static mach_msg_return_t reply_and_receive(struct buffers *buffers, mach_port_t port,
                                           mach_msg_option_t receive)
{
    mach_msg_header_t *reply = buffers->reply;
    mach_msg_return_t result;

    result = mach_msg(reply, send_option(reply) | receive, reply->msgh_size, buffers->size, port,
                      MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);
    if (!is_send_error(result)) {
        buffers->reply = buffers->request;
        buffers->request = reply;
        return result;
    }
    mach_msg_destroy(reply);
    if (!(receive & MACH_RCV_MSG))
        return MACH_MSG_SUCCESS;
    return mach_msg(buffers->request, receive, 0, buffers->size, port, MACH_MSG_TIMEOUT_NONE,
                    MACH_PORT_NULL);
}

static mach_msg_return_t receive_first(struct buffers *buffers, mach_port_t port,
                                       mach_msg_option_t receive)
{
    return mach_msg(buffers->request, receive, 0, buffers->size, port, MACH_MSG_TIMEOUT_NONE,
                    MACH_PORT_NULL);
}

// Whether the error is about one request, which is gone: too large for the interface, or no memory for
// its rights. Its sender hears of it by the end of its reply right; no reason to stop.
static boolean_t is_request_lost(struct buffers *buffers, mach_msg_return_t result)
{
    mach_msg_return_t error = result & ~MACH_MSG_MASK;

    if (error == MACH_RCV_BODY_ERROR) // what has arrived of it
        mach_msg_destroy(buffers->request);
    return error == MACH_RCV_BODY_ERROR || error == MACH_RCV_HEADER_ERROR ||
           error == MACH_RCV_TOO_LARGE;
}

mach_msg_return_t mach_msg_server(demux_t demux, mach_msg_size_t max_size, mach_port_t rcv_name,
                                  mach_msg_options_t options)
{
    mach_msg_option_t receive = MACH_RCV_MSG | options;
    struct buffers buffers;
    mach_msg_return_t result = buffers_allocate(&buffers, max_size);

    if (result != KERN_SUCCESS)
        return result;
    result = receive_first(&buffers, rcv_name, receive);
    while (result == MACH_MSG_SUCCESS || is_request_lost(&buffers, result))
        if (result == MACH_MSG_SUCCESS && answer(demux, &buffers))
            result = reply_and_receive(&buffers, rcv_name, receive);
        else
            result = receive_first(&buffers, rcv_name, receive);
    buffers_free(&buffers);
    return result;
}

mach_msg_return_t mach_msg_server_once(demux_t demux, mach_msg_size_t max_size,
                                       mach_port_t rcv_name, mach_msg_options_t options)
{
    struct buffers buffers;
    mach_msg_return_t result = buffers_allocate(&buffers, max_size);

    if (result != KERN_SUCCESS)
        return result;
    result = receive_first(&buffers, rcv_name, MACH_RCV_MSG | options);
    if (result == MACH_MSG_SUCCESS && answer(demux, &buffers))
        result = reply_and_receive(&buffers, MACH_PORT_NULL, 0);
    buffers_free(&buffers);
    return result;
}
