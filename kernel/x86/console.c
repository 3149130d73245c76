// SPDX-License-Identifier: BSD-2-Clause
// The serial port, polled, and the display: for what the kernel itself has to say, which is little. The
// console server drives both for everybody else; a message of the kernel may fall between its
// characters. Where the display is written to next is what its registers say, whoever set them.
#include "lib/printf.h"
#include "x86/io.h"
#include "x86/machine.h"
#include "x86/pmap.h"

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

#define DISPLAY_MEMORY 0xB8000
#define DISPLAY_INDEX 0x3D4
#define DISPLAY_DATA 0x3D5
#define DISPLAY_START 0x0C  // the first cell shown, high byte first
#define DISPLAY_CURSOR 0x0E // likewise
#define DISPLAY_CELLS 16384
#define DISPLAY_COLUMNS 80
#define DISPLAY_SHOWN (25 * DISPLAY_COLUMNS)
#define DISPLAY_COLOURS 0x0700 // light grey on black

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

static unsigned display_get(uint8_t index)
{
    unsigned value;

    io_out8(DISPLAY_INDEX, index);
    value = io_in8(DISPLAY_DATA) << 8;
    io_out8(DISPLAY_INDEX, index + 1);
    return value | io_in8(DISPLAY_DATA);
}

static void display_set(uint8_t index, unsigned value)
{
    io_out8(DISPLAY_INDEX, index);
    io_out8(DISPLAY_DATA, (uint8_t)(value >> 8));
    io_out8(DISPLAY_INDEX, index + 1);
    io_out8(DISPLAY_DATA, (uint8_t)value);
}

// When the last row is full, the display shows its memory from a row later on, or begins again.
static void display_put(char c)
{
    uint16_t *cells = phys_to_virt(DISPLAY_MEMORY);
    uint8_t index = io_in8(DISPLAY_INDEX); // the console server may be about to use it
    unsigned start = display_get(DISPLAY_START), at = display_get(DISPLAY_CURSOR);

    if (at < start || at >= start + DISPLAY_SHOWN || start > DISPLAY_CELLS - DISPLAY_SHOWN)
        return; // there is none, or it shows something else
    if (c == '\n')
        at += DISPLAY_COLUMNS - (at - start) % DISPLAY_COLUMNS;
    else
        cells[at++] = (uint16_t)(DISPLAY_COLOURS | (uint8_t)c);
    if (at == start + DISPLAY_SHOWN) {
        start += DISPLAY_COLUMNS;
        if (start > DISPLAY_CELLS - DISPLAY_SHOWN) {
            memmove(cells, cells + start, (DISPLAY_SHOWN - DISPLAY_COLUMNS) * sizeof(*cells));
            at -= start;
            start = 0;
        }
        for (unsigned i = 0; i < DISPLAY_COLUMNS; i++)
            cells[at + i] = DISPLAY_COLOURS | ' ';
        display_set(DISPLAY_START, start);
    }
    display_set(DISPLAY_CURSOR, at);
    io_out8(DISPLAY_INDEX, index);
}

void console_putc(char c)
{
    if (c == '\n')
        serial_put('\r');
    serial_put((uint8_t)c);
    display_put(c);
}
