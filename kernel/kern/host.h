// SPDX-License-Identifier: BSD-2-Clause
// The host: what stands behind the host port that every task gets (information), the privileged one
// that bootstrap gets (control), and the first task's bootstrap port, by which it gets everything from
// the kernel that it hands out.
#pragma once

struct host {
    struct port *port;           // PORT_HOST; a reference
    struct port *priv_port;      // PORT_HOST_PRIV; a reference
    struct port *bootstrap_port; // PORT_BOOTSTRAP; a reference
    struct exception_actions *exceptions; // NULL: none
};

extern struct host the_host; // the object of all three

void host_init(void);
