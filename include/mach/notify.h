/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The five notifications: messages that the kernel sends, to a send-once right that a task
 * supplied, about a port's or name's fate. As received (layout below) local is the port they came
 * to and remote is MACH_PORT_NULL. Requests: mach_port_request_notification (mach_port.defs). A
 * server may use the demultiplexer of notify.defs instead of the structures.
 *
 *   PORT_DELETED    a name with a pending dead-name request was deleted: not_port is that name
 *   PORT_DESTROYED  a receive right was destroyed; it comes here instead, alive: not_port
 *   NO_SENDERS      the last send right died: not_count is the make-send count at that moment
 *   SEND_ONCE       a send-once right was destroyed without being used
 *   DEAD_NAME       the name not_port became a dead name; it has gained one user reference
 * Source: OSF mach/notify.h, Kernel Interface manual, do_mach_notify_*.
 */
#ifndef _MACH_NOTIFY_H_
#define _MACH_NOTIFY_H_

#include <mach/message.h>
#include <mach/ndr.h>
#include <mach/port.h>

#define MACH_NOTIFY_FIRST 64 /* 0100 */
#define MACH_NOTIFY_PORT_DELETED (MACH_NOTIFY_FIRST + 1)
#define MACH_NOTIFY_PORT_DESTROYED (MACH_NOTIFY_FIRST + 5)
#define MACH_NOTIFY_NO_SENDERS (MACH_NOTIFY_FIRST + 6)
#define MACH_NOTIFY_SEND_ONCE (MACH_NOTIFY_FIRST + 7)
#define MACH_NOTIFY_DEAD_NAME (MACH_NOTIFY_FIRST + 8)
#define MACH_NOTIFY_LAST (MACH_NOTIFY_FIRST + 15)

typedef struct {
    mach_msg_header_t not_header;
    NDR_record_t NDR;
    mach_port_name_t not_port; /* the name that was deleted */
    mach_msg_format_0_trailer_t trailer;
} mach_port_deleted_notification_t;

typedef struct {
    mach_msg_header_t not_header; /* complex */
    mach_msg_body_t not_body;
    mach_msg_port_descriptor_t not_port; /* the receive right */
    mach_msg_format_0_trailer_t trailer;
} mach_port_destroyed_notification_t;

typedef struct {
    mach_msg_header_t not_header;
    NDR_record_t NDR;
    mach_msg_type_number_t not_count; /* make-send count */
    mach_msg_format_0_trailer_t trailer;
} mach_no_senders_notification_t;

typedef struct {
    mach_msg_header_t not_header;
    mach_msg_format_0_trailer_t trailer;
} mach_send_once_notification_t;

typedef struct {
    mach_msg_header_t not_header;
    NDR_record_t NDR;
    mach_port_name_t not_port; /* the name that died */
    mach_msg_format_0_trailer_t trailer;
} mach_dead_name_notification_t;

#endif
