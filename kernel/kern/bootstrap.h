// SPDX-License-Identifier: BSD-2-Clause
// The first task's bootstrap port, by which it gets everything from the kernel that it hands out.
#ifndef KERN_BOOTSTRAP_H
#define KERN_BOOTSTRAP_H

struct port;

// The port, as a send right. Panics when memory is short.
struct port *bootstrap_port_make(void);

#endif
