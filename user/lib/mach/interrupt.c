// SPDX-License-Identifier: BSD-2-Clause
// Telling a driver's interrupts from messages that only look like them (device_io.h).
#include <mach/device_io.h>
#include <mach/mach.h>

boolean_t device_is_interrupt(const mach_msg_header_t *message, natural_t irq)
{
    static const security_token_t kernel = KERNEL_SECURITY_TOKEN_VALUE;
    const device_interrupt_rcv_msg_t *interrupt = (const void *)message;

    return message->msgh_id == DEVICE_INTERRUPT_MSG_ID &&
           message->msgh_size == sizeof(device_interrupt_msg_t) && interrupt->irq == irq &&
           interrupt->trailer.msgh_trailer_size >= sizeof(mach_msg_security_trailer_t) &&
           interrupt->trailer.msgh_sender.val[0] == kernel.val[0] &&
           interrupt->trailer.msgh_sender.val[1] == kernel.val[1];
}
