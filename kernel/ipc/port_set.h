// SPDX-License-Identifier: BSD-2-Clause
// Port sets: receive rights from which one thread can receive at once. A set is named in one space and
// has members there; it keeps those that have messages on a list of their own and serves them in turn.
#ifndef IPC_PORT_SET_H
#define IPC_PORT_SET_H

#include "ipc/port.h"

struct port_set *port_set_make(void); // one reference; NULL when memory is short
void port_set_reference(struct port_set *set);
void port_set_release(struct port_set *set);
void port_set_destroy(struct port_set *set); // members leave, receivers are told; keeps references
void port_set_add(struct port_set *set, struct port *port);
void port_set_remove(struct port *port); // out of the set that it is in

#endif
