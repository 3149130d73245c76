// SPDX-License-Identifier: BSD-2-Clause
// A message as its sender draws it up: random, and mostly right.
#ifndef DRAFT_H
#define DRAFT_H

#include "model.h"

// A descriptor as its sender means it.
struct part {
    mach_msg_descriptor_type_t type;
    mach_msg_type_name_t disposition;
    unsigned count; // rights, or bytes of memory
    mach_port_name_t names[RIGHTS];
    mach_msg_copy_options_t copy;
    bool deallocate;
    void *address;
};

struct draft {
    mach_msg_bits_t bits;
    mach_msg_size_t size; // as told to the kernel
    mach_port_name_t dest, reply;
    unsigned count, said_count; // descriptors
    struct part parts[DESCRIPTORS];
    unsigned words;
    mach_msg_id_t id;
    uint32_t fill;
};
extern struct draft draft; // the message that is being sent

void draw_draft(int space);      // with memory in that task's map
// Makes it a request, or a reply, as the fast path likes them: to a port on which somebody waits, or the
// kernel's. The name to await the answer at.
mach_port_name_t draw_call(int space);
void write_draft(void *buffer);
// What the kernel must say to it, but for want of memory.
mach_msg_return_t copyin_answer(int space, const struct message_arguments *a);
// Takes what it names from the space: the message.
struct m_msg *take_draft(int space);
// The sender's memory is gone where it said so and the message went, and nowhere else; the test takes
// the rest.
void check_sent_memory(int space, bool sent);

#endif
