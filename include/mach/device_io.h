/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Types of device_io.defs: how user-mode drivers get at devices. The device master port gives
 * power over the ranges of I/O ports and the interrupts it was made for; bootstrap splits it so
 * that each driver gets just its own (device_io_subset). Ours; no Mach had this form of it.
 */
#ifndef _MACH_DEVICE_IO_H_
#define _MACH_DEVICE_IO_H_

#include <mach/boolean.h>
#include <mach/message.h>
#include <mach/port.h>
#include <mach/vm_types.h>

#define DEVICE_IO_PORT_COUNT 0x10000u /* I/O ports are 0 … 0xffff */
#define DEVICE_IO_IRQ_COUNT 16u       /* interrupt lines are 0 … 15 */
#define DEVICE_RANGES_MAX 8           /* ranges of I/O ports and of memory that a device port has */
#define DEVICE_DMA_MAX 0x400000u      /* bytes that device_dma_allocate gives at once */

/*
 * What the kernel sends to the port given to device_interrupt_attach.  The line stays masked from
 * the interrupt until device_interrupt_ack; interrupts that come while the message waits in the
 * queue are counted in it, so there is at most one message per line.
 */
#define DEVICE_INTERRUPT_MSG_ID 2990

typedef struct device_interrupt_msg {
    mach_msg_header_t header; /* msgh_id DEVICE_INTERRUPT_MSG_ID; no reply wanted */
    natural_t irq;            /* interrupt line, 0 … DEVICE_IO_IRQ_COUNT - 1 */
    natural_t count;          /* interrupts since the last message, at least 1 */
} device_interrupt_msg_t;

/* The same with room for the trailer, for receiving. */
typedef struct device_interrupt_rcv_msg {
    mach_msg_header_t header;
    natural_t irq;
    natural_t count;
    mach_msg_max_trailer_t trailer;
} device_interrupt_rcv_msg_t;

/* To or into the options of the receive: the trailer says who has sent the message. */
#define DEVICE_INTERRUPT_RCV_OPTIONS                                                               \
    (MACH_RCV_TRAILER_TYPE(MACH_MSG_TRAILER_FORMAT_0) |                                            \
     MACH_RCV_TRAILER_ELEMENTS(MACH_RCV_TRAILER_SENDER))

/*
 * Whether a message so received is the kernel's about that line. Who else has a send right for the
 * port can send one like it: that one's trailer has not the kernel's token, {0, 1}. And he can name
 * the port as the reply port of a call to the kernel whose id makes the reply's that of an interrupt:
 * the token is the kernel's then, but no reply is as short. In libmach.
 */
extern boolean_t device_is_interrupt(const mach_msg_header_t *message, natural_t irq);

#endif
