// SPDX-License-Identifier: BSD-2-Clause
// Device ports: the power to use some I/O ports, to map some memory of devices and to take some
// interrupt lines. The device master port has it over all; others have parts of that.
#pragma once

#include <mach/device_io.h>
#include "lib/base.h"

// Of I/O ports, or of pages of physical memory.
struct device_range {
    bool memory;
    uint32_t first, count;
};

struct device {
    uint32_t refs;
    struct port *port;          // a reference; NULL when nobody has a send right any more
    unsigned count;
    struct device_range ranges[DEVICE_RANGES_MAX];
    uint32_t irq_mask;          // bit n: interrupt line n
};

extern struct port *device_master_port; // a send right that the kernel keeps

void device_init(void);
void device_deallocate(struct device *device); // NULL is fine
// The last send right to its port has gone, and with it its power (ipc/port.c).
void device_no_senders(struct device *device);
