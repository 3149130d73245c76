// SPDX-License-Identifier: BSD-2-Clause
// Scatter lists: where a receiver wants the out-of-line memory and port arrays of the message that it is
// to get (MACH_RCV_OVERWRITE). Descriptor for descriptor, but for those of single ports.
#pragma once

#include <mach/message.h>
#include "lib/base.h"

struct kmsg;
struct ledger;
struct port;

struct scatter {
    struct ledger *payer; // for `size` bytes of messages
    mach_msg_size_t size, count;
    mach_msg_descriptor_t list[];
};

// Whether what the message carries can go where the list says; NULL is an empty list.
// MACH_RCV_INVALID_TYPE: they do not match; MACH_RCV_SCATTER_SMALL: a place is too small.
mach_msg_return_t scatter_check(const struct scatter *scatter, struct kmsg *kmsg);
// The descriptor that says where number `n` of these is to be written; NULL: to fresh memory.
static inline const mach_msg_descriptor_t *scatter_place(const struct scatter *scatter, unsigned n)
{
    if (!scatter || n >= scatter->count || scatter->list[n].out_of_line.copy != MACH_MSG_OVERWRITE)
        return NULL;
    return &scatter->list[n];
}
// What a message that stays in the queue of `port` looks like to the receiver, without what it carries.
// NULL when memory is short.
struct kmsg *scatter_preview(const struct kmsg *kmsg, const struct port *port);
