/* SPDX-License-Identifier: BSD-2-Clause */
/* The stand-in for the kernel and the library; see fake.h. */
#include "fake.h"

mach_port_t mach_task_self_ = 0x103;
struct fake fake;
int test_count, test_failures;

/* ---- TAP ---- */

void test_ok(int good, const char *text, const char *file, int line)
{
    printf("%sok %d - %s\n", good ? "" : "not ", ++test_count, text);
    if (!good) {
        printf("# failed at %s:%d\n", file, line);
        test_failures++;
    }
}

void test_is(long long got, long long want, const char *text, const char *file, int line)
{
    test_ok(got == want, text, file, line);
    if (got != want)
        printf("# got %lld (0x%llx), want %lld (0x%llx)\n", got, got, want, want);
}

int test_done(void)
{
    printf("1..%d\n", test_count);
    return test_failures != 0;
}

/* ---- the library ---- */

mach_port_t mig_get_reply_port(void)
{
    fake.got_reply_port++;
    return fake.no_reply_port ? MACH_PORT_NULL : REPLY_PORT;
}

void mig_put_reply_port(mach_port_t port)
{
    fake.put_reply_port += port == REPLY_PORT;
}

void mig_dealloc_reply_port(mach_port_t port)
{
    fake.lost_reply_port += port == REPLY_PORT;
}

void mach_msg_destroy(mach_msg_header_t *msg)
{
    (void)msg;
    fake.destroyed++;
}

kern_return_t mach_port_deallocate(mach_port_t task, mach_port_t name)
{
    fake.deallocated += task == mach_task_self_ && name != 0;
    return KERN_SUCCESS;
}

kern_return_t vm_deallocate(vm_task_t task, vm_address_t address, vm_size_t size)
{
    fake.memory_deallocated += task == mach_task_self_ && address != 0 && size != 0;
    return KERN_SUCCESS;
}

/* ---- the kernel ---- */

static unsigned int arrives_as(unsigned int disposition)
{
    switch (disposition) {
    case MACH_MSG_TYPE_COPY_SEND:
    case MACH_MSG_TYPE_MAKE_SEND:
        return MACH_MSG_TYPE_PORT_SEND;
    case MACH_MSG_TYPE_MAKE_SEND_ONCE:
        return MACH_MSG_TYPE_PORT_SEND_ONCE;
    default:
        return disposition;
    }
}

static void carry(union buffer *message)
{
    mach_msg_header_t *head = &message->head;
    mach_msg_base_t *base = (mach_msg_base_t *)message;
    mach_msg_descriptor_t *d = (mach_msg_descriptor_t *)(base + 1);
    mach_port_t remote = head->msgh_remote_port;

    head->msgh_remote_port = head->msgh_local_port;
    head->msgh_local_port = remote;
    head->msgh_bits = MACH_MSGH_BITS_OTHER(head->msgh_bits) |
                      MACH_MSGH_BITS(arrives_as(MACH_MSGH_BITS_LOCAL(head->msgh_bits)),
                                     arrives_as(MACH_MSGH_BITS_REMOTE(head->msgh_bits)));
    if (!(head->msgh_bits & MACH_MSGH_BITS_COMPLEX))
        return;
    for (unsigned int i = 0; i < base->body.msgh_descriptor_count; i++) {
        if (d[i].type.type == MACH_MSG_PORT_DESCRIPTOR)
            d[i].port.disposition = arrives_as(d[i].port.disposition);
        if (d[i].type.type == MACH_MSG_OOL_PORTS_DESCRIPTOR)
            d[i].ool_ports.disposition = arrives_as(d[i].ool_ports.disposition);
    }
}

static void append_trailer(union buffer *message, unsigned int size)
{
    mach_msg_max_trailer_t trailer = {MACH_MSG_TRAILER_FORMAT_0, size, 77, {{7, 9}}};

    if (message->head.msgh_size < sizeof(message->head) ||
        message->head.msgh_size > MACH_MSG_SIZE_MAX)
        return; /* a message that no kernel delivers */
    memcpy(message->bytes + round_msg(message->head.msgh_size), &trailer, size);
}

kern_return_t fake_deliver(const void *message, mach_msg_size_t size)
{
    memset(&fake.request, 0xaa, sizeof(fake.request));
    memset(&fake.reply, 0xbb, sizeof(fake.reply));
    memcpy(&fake.request, message, size);
    append_trailer(&fake.request, fake.trailer_size ? fake.trailer_size
                                                    : sizeof(mach_msg_max_trailer_t));
    fake.demux(&fake.request.head, &fake.reply.head);
    fake.code = fake.reply.head.msgh_bits & MACH_MSGH_BITS_COMPLEX ? KERN_SUCCESS
                                                                   : fake.reply.error.RetCode;
    return fake.code;
}

static mach_msg_return_t receive(mach_msg_header_t *msg)
{
    mach_msg_size_t size;

    if (fake.code == MIG_NO_REPLY)
        return MACH_RCV_TIMED_OUT;
    carry(&fake.reply);
    if (fake.edit_reply)
        fake.edit_reply(&fake.reply);
    size = round_msg(fake.reply.head.msgh_size) + REQUESTED_TRAILER_SIZE(fake.option);
    if (size > fake.rcv_size)
        return MACH_RCV_TOO_LARGE;
    append_trailer(&fake.reply, REQUESTED_TRAILER_SIZE(fake.option));
    memcpy(msg, &fake.reply, size);
    return MACH_MSG_SUCCESS;
}

mach_msg_return_t mach_msg(mach_msg_header_t *msg, mach_msg_option_t option,
                           mach_msg_size_t send_size, mach_msg_size_t rcv_size,
                           mach_port_t rcv_name, mach_msg_timeout_t timeout, mach_port_t notify)
{
    union buffer request;

    fake.calls++;
    fake.option = option;
    fake.timeout = timeout;
    fake.send_size = send_size;
    fake.rcv_size = rcv_size;
    fake.rcv_name = rcv_name;
    memcpy(&fake.sent, msg, send_size);
    if (fake.fail)
        return fake.fail;
    if (msg->msgh_size != send_size || send_size % 4 != 0 || notify != MACH_PORT_NULL)
        return MACH_SEND_INVALID_HEADER;
    memcpy(&request, msg, send_size);
    carry(&request);
    if (fake.edit_request)
        fake.edit_request(&request);
    fake_deliver(&request, round_msg(request.head.msgh_size));
    return option & MACH_RCV_MSG ? receive(msg) : MACH_MSG_SUCCESS;
}

mach_msg_return_t mach_msg_overwrite(mach_msg_header_t *msg, mach_msg_option_t option,
                                     mach_msg_size_t send_size, mach_msg_size_t rcv_size,
                                     mach_port_t rcv_name, mach_msg_timeout_t timeout,
                                     mach_port_t notify, mach_msg_header_t *rcv_msg,
                                     mach_msg_size_t scatter_size)
{
    mach_msg_return_t result;

    memcpy(&fake.scatter, rcv_msg, scatter_size);
    fake.scatter_size = scatter_size;
    result = mach_msg(msg, option & ~MACH_RCV_MSG, send_size, rcv_size, rcv_name, timeout, notify);
    fake.option = option;
    return result == MACH_MSG_SUCCESS ? receive(rcv_msg) : result;
}

void fake_reset(void)
{
    boolean_t (*demux)(mach_msg_header_t *, mach_msg_header_t *) = fake.demux;

    memset(&fake, 0, sizeof(fake));
    fake.demux = demux;
}
