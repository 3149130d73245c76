/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports of the host. A task reaches the plain one by mach_host_self(); the privileged ones come
 * from bootstrap_ports(). The numbers are those of host_get_special_port (to come). Source: macOS
 * mach/host_special_ports.h; HOST_DEVICE_MASTER_PORT is Minato's.
 */
#ifndef _MACH_HOST_SPECIAL_PORTS_H_
#define _MACH_HOST_SPECIAL_PORTS_H_

#define HOST_SECURITY_PORT 0
#define HOST_PORT 1                /* information only */
#define HOST_PRIV_PORT 2           /* host_reboot, default pager, wiring */
#define HOST_IO_MASTER_PORT 3      /* the device master port (device_io.defs) */
#define HOST_DEVICE_MASTER_PORT HOST_IO_MASTER_PORT
#define HOST_MAX_SPECIAL_KERNEL_PORT 7

#define HOST_LOCAL_NODE (-1)

#endif
