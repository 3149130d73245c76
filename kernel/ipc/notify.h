// SPDX-License-Identifier: BSD-2-Clause
// The five notifications. Each consumes the send-once right `notify` (valid), cannot fail and never
// waits; when memory is short the right is dropped, and its holder gets nothing: there is nobody to
// tell. Message layouts: <mach/notify.h>.
#ifndef IPC_NOTIFY_H
#define IPC_NOTIFY_H

#include <mach/port.h>
#include "ipc/port.h"

void notify_port_deleted(struct port *notify, mach_port_name_t name);
// Hands over the receive right `port` (consumed).
void notify_port_destroyed(struct port *notify, struct port *port);
void notify_no_senders(struct port *notify, mach_port_mscount_t mscount);
// The send-once right `unused` itself was dropped; consumes it.
void notify_send_once(struct port *unused);
void notify_dead_name(struct port *notify, mach_port_name_t name);

#endif
