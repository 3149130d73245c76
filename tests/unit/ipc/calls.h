// SPDX-License-Identifier: BSD-2-Clause
// What the random calls share (calls.c, rights.c, draft.c).
#ifndef CALLS_H
#define CALLS_H

#include "model.h"

// A name that nobody has, has had, or could get from the kernel next.
mach_port_name_t strange_name(int space);
bool name_reserved(mach_port_name_t name);
// What a call answers that needs a name with a right of these types.
kern_return_t lookup_answer(int space, mach_port_name_t name, mach_port_type_t types,
                            struct m_name **n);
// The kind of right that a disposition takes from.
mach_port_type_t taken_from(mach_msg_type_name_t disposition);

// Calls by thread of task `me` on the space of a task.
void call_insert_right(int me, int space);
void call_make_send(int me, int space); // a send right beside a receive right
void call_extract_right(int me, int space);
void call_request_notification(int me, int space);

#endif
