// SPDX-License-Identifier: BSD-2-Clause
// Messages to the campaign: ports of tasks that victims have made, and the victims' exceptions.
#include "campaign.h"

union message {
    mach_msg_header_t head;
    struct {
        mach_msg_header_t head;
        mach_msg_body_t body;
        mach_msg_port_descriptor_t port[2];
    } complex;
    char room[0x10100];
};

static unsigned ports_in(const union message *m)
{
    unsigned count =
        MACH_MSGH_BITS_IS_COMPLEX(m->head.msgh_bits) ? m->complex.body.msgh_descriptor_count : 0;

    for (unsigned i = 0; i < count && i < 2; i++)
        if (m->complex.port[i].type != MACH_MSG_PORT_DESCRIPTOR)
            return i;
    return count;
}

// The kernel is told to let the thread go on.
static void reply_to_exception(mach_msg_header_t *head)
{
    mig_reply_error_t answer = {.Head = {MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(head->msgh_bits), 0),
                                         sizeof(answer), head->msgh_remote_port, MACH_PORT_NULL, 0,
                                         head->msgh_id + 100},
                                .NDR = NDR_record,
                                .RetCode = KERN_SUCCESS};

    if (mach_msg(&answer.Head, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof(answer), 0, MACH_PORT_NULL,
                 0, MACH_PORT_NULL) == MACH_MSG_SUCCESS)
        head->msgh_remote_port = MACH_PORT_NULL;
}

// Victims may send anything here, too.
static void answer(union message *m)
{
    unsigned count = ports_in(m);
    mach_port_t first = count > 0 ? m->complex.port[0].name : MACH_PORT_NULL;

    if (m->head.msgh_local_port == nursery && count == 1 && is_a(first, MINATO_OBJECT_TASK)) {
        victims_child(first);
        m->complex.port[0].name = MACH_PORT_NULL;
    } else if (m->head.msgh_local_port == exceptions && count == 2) {
        if (victim_faulted(first, m->complex.port[1].name))
            reply_to_exception(&m->head);
    }
    mach_msg_destroy(&m->head);
}

void receive(unsigned ms)
{
    static union message m;

    for (unsigned i = 0; i < 200; i++, ms = 0) {
        mach_msg_return_t mr = mach_msg(&m.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(m),
                                        everything, ms, MACH_PORT_NULL);

        if (mr == MACH_RCV_TIMED_OUT)
            return;
        if (mr == MACH_MSG_SUCCESS || (mr & ~MACH_MSG_MASK) == MACH_RCV_BODY_ERROR)
            answer(&m);
    }
}
