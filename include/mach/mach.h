/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything a program needs to use the kernel.  Not for the kernel itself: it includes the headers
 * of types one by one.
 */
#ifndef _MACH_MACH_H_
#define _MACH_MACH_H_

#include <mach/error.h>
#include <mach/mach_error.h>
#include <mach/mach_types.h>
#include <mach/mach_init.h>
#include <mach/mach_traps.h>
#include <mach/mach_interface.h>
#include <mach/mig_errors.h>
#include <mach/notify.h>
#include <mach/semaphore.h>
#include <mach/thread_switch.h>

/*
 * mach_msg_server: receives requests of at most max_size bytes from rcv_name, which may be a port
 * set, has each answered by demux, sends the reply; returns only with an error of mach_msg().
 * options are or-ed into the receive. _once serves one request. demux (MIG makes it: NAME_server)
 * fills the reply, or in it mig_reply_error_t with MIG_BAD_ID, and then returns FALSE. What a
 * request carried belongs to the routine if that returned KERN_SUCCESS, otherwise it is destroyed
 * here.
 */
extern mach_msg_return_t mach_msg_server(boolean_t (*demux)(mach_msg_header_t *,
                                                            mach_msg_header_t *),
                                         mach_msg_size_t max_size, mach_port_t rcv_name,
                                         mach_msg_options_t options);
extern mach_msg_return_t mach_msg_server_once(boolean_t (*demux)(mach_msg_header_t *,
                                                                 mach_msg_header_t *),
                                              mach_msg_size_t max_size, mach_port_t rcv_name,
                                              mach_msg_options_t options);

/*
 * mach_msg_destroy: releases every right and all out-of-line memory of a message that was received
 * or came back (MACH_SEND_TIMED_OUT, MACH_SEND_INTERRUPTED). Of a message that was never sent: what
 * it was to take along (rights to be moved, memory with deallocate); the rest stays the caller's.
 * The local port is left alone. No errors. Source: OSF, macOS.
 */
extern void mach_msg_destroy(mach_msg_header_t *msg);

#endif
