// SPDX-License-Identifier: BSD-2-Clause
// Inside libmach: start-up's side of the reply ports (reply_port.c).
#ifndef LIBMACH_REPLY_PORT_H
#define LIBMACH_REPLY_PORT_H

// In a new task with inherited memory: the names that are kept mean nothing here.
void reply_ports_forget(void);

#endif
