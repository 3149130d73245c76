// SPDX-License-Identifier: BSD-2-Clause
// The serial port COM1: a 16550 (uart.c).
#ifndef CONSOLE_UART_H
#define CONSOLE_UART_H

#include "output.h"

#include <mach/kern_return.h>
#include <mach/message.h>
#include <mach/port.h>
#include <stdbool.h>

// Takes possession of the hardware with the power of `device`; interrupts come to the port whose
// receive right is `notify`.
kern_return_t uart_open(mach_port_t device, mach_port_t notify);
// Deals with a message that came to that port, if it is about an interrupt: hands typed bytes to
// input(), sends what it can of the output, and lets the next interrupt come.
void uart_interrupt(const mach_msg_header_t *message, struct output *output,
                    void (*input)(char c));
// Sends what it can of the output; interrupts will see to the rest.
void uart_send(struct output *output);
// Whether everything has left the machine. The output queue is empty.
bool uart_idle(void);

#endif
