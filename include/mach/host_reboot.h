/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options of host_reboot(host_priv, options).  Without HOST_REBOOT_HALT the machine starts again;
 * with it the machine powers off.  Minato adds an exit status for batch runs: under QEMU with
 * isa-debug-exit, HOST_REBOOT_STATUS(v) ends QEMU with status v << 1 | 1.
 * Source: OSF mach/host_reboot.h; STATUS is Minato's.
 */
#ifndef _MACH_HOST_REBOOT_H_
#define _MACH_HOST_REBOOT_H_

#define HOST_REBOOT_DEBUGGER 0x1000 /* stop in the debugger */
#define HOST_REBOOT_UPSDELAY 0x02   /* wait for power to fail: same as HALT here */
#define HOST_REBOOT_HALT 0x08       /* power off */

#define HOST_REBOOT_STATUS_BIT 0x10000 /* leave the emulator with a status */
#define HOST_REBOOT_STATUS(v) (HOST_REBOOT_HALT | HOST_REBOOT_STATUS_BIT | (((v) & 0x7f) << 20))
#define HOST_REBOOT_GET_STATUS(options) (((options) >> 20) & 0x7f)

#endif
