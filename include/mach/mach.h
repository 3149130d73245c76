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
 * mach_msg_server: receives requests from rcv_name, which may be a port set, has each answered by
 * demux, sends the reply; returns only when it cannot receive any more.
 *   demux      MIG makes it (NAME_server): fills the reply; if it knows no such request it returns
 *              FALSE with a mig_reply_error_t of MIG_BAD_ID there
 *   max_size   bytes of the largest request and of the largest reply, without trailer
 *   options    MACH_RCV_* to be or-ed into the receive. With MACH_RCV_LARGE a request that is
 *              larger than max_size is served too; otherwise it is dropped
 * What a request carried belongs to the routine if that returned KERN_SUCCESS or MIG_NO_REPLY,
 * otherwise it is destroyed here. A request for which there is no room in this task (memory, names)
 * is dropped; so is a reply that cannot be delivered at once.
 * mach_msg_server_once serves one request and returns MACH_MSG_SUCCESS, whether the reply could be
 * delivered or not; a request that it dropped is an error.
 *   KERN_RESOURCE_SHORTAGE, KERN_NO_SPACE   no memory for the buffers
 *   MACH_RCV_*                              what mach_msg() said; _once also TOO_LARGE, BODY_ERROR,
 *                                           HEADER_ERROR, about the request that was dropped
 * Source: OSF's libmach; MACH_RCV_LARGE: macOS.
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
