// SPDX-License-Identifier: BSD-2-Clause
// The serial port, polled: for what the kernel itself has to say, which is little. The console
// server drives the same port for everybody else; a message of the kernel may fall between its
// characters.
#include "lib/printf.h"
#include "x86/io.h"
#include "x86/machine.h"

#define COM1 0x3F8
#define INTERRUPT_ENABLE (COM1 + 1)
#define FIFO_CONTROL (COM1 + 2)
#define LINE_CONTROL (COM1 + 3)
#define MODEM_CONTROL (COM1 + 4)
#define LINE_STATUS (COM1 + 5)

#define DIVISOR_LATCH 0x80
#define EIGHT_BITS 0x03
#define DIVISOR_115200 1
#define FIFO_ON_AND_CLEAR 0x07
#define DTR_RTS 0x03
#define TRANSMITTER_EMPTY 0x20

void console_init(void)
{
    io_out8(INTERRUPT_ENABLE, 0);
    io_out8(LINE_CONTROL, DIVISOR_LATCH);
    io_out8(COM1, DIVISOR_115200);
    io_out8(COM1 + 1, 0);
    io_out8(LINE_CONTROL, EIGHT_BITS);
    io_out8(FIFO_CONTROL, FIFO_ON_AND_CLEAR);
    io_out8(MODEM_CONTROL, DTR_RTS);
}

static void serial_put(uint8_t byte)
{
    // A port that never gets ready must not hang the kernel.
    for (unsigned i = 0; i < 1000000 && !(io_in8(LINE_STATUS) & TRANSMITTER_EMPTY); i++)
        ;
    io_out8(COM1, byte);
}

void console_putc(char c)
{
    if (c == '\n')
        serial_put('\r');
    serial_put((uint8_t)c);
}
