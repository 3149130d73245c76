// SPDX-License-Identifier: BSD-2-Clause
// The host: what stands behind the host port that every task gets (information) and the privileged one
// that bootstrap gets (control).
#pragma once

struct exception_actions;
struct port;

struct host {
    struct port *port;      // PORT_HOST; a reference
    struct port *priv_port; // PORT_HOST_PRIV; a reference
    struct exception_actions *exceptions; // NULL: none
};

extern struct host the_host; // the object of both ports

void host_init(void);
// The first task's bootstrap port (kern/bootstrap.c), by which it gets everything from the kernel that it
// hands out: a send right. Panics when memory is short.
struct port *bootstrap_port_make(void);
extern const char minato_version[]; // one line, for the banner and host_kernel_version
