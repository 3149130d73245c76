// SPDX-License-Identifier: BSD-2-Clause
// The two 8259 interrupt controllers: sixteen lines, all masked but the timer's and those that somebody
// asked for.
//
// A line is masked and acknowledged before its handler runs, so that a level-triggered device stays
// quiet until its driver, a user task, has served it and unmasks the line. Read next: clock.c.
#include "x86/interrupt.h"
#include "x86/fault.h"
#include "x86/io.h"
#include "x86/machine.h"
#include "x86/upcall.h"

#define PIC1 0x20 // command; data is the port after it
#define PIC2 0xA0
#define ICW1_INIT 0x11 // edge triggered, cascaded, ICW4 follows
#define ICW4_8086 0x01
#define READ_IN_SERVICE 0x0B
#define END_OF_INTERRUPT 0x20

#define CASCADE_LINE 2
#define LINES_PER_PIC 8

static uint16_t masked = 0xFFFF & ~(1u << CASCADE_LINE);

static void masks_write(void)
{
    io_out8(PIC1 + 1, (uint8_t)masked);
    io_out8(PIC2 + 1, (uint8_t)(masked >> 8));
}

static void controller_init(uint16_t port, uint8_t vector, uint8_t cascade)
{
    io_out8(port, ICW1_INIT);
    io_out8(port + 1, vector);
    io_out8(port + 1, cascade);
    io_out8(port + 1, ICW4_8086);
}

void interrupt_init(void)
{
    controller_init(PIC1, VECTOR_LINE0, 1 << CASCADE_LINE);
    controller_init(PIC2, VECTOR_LINE0 + LINES_PER_PIC, CASCADE_LINE);
    masked &= ~(1u << TIMER_LINE);
    masks_write();
}

bool interrupt_reserved(unsigned line)
{
    return line == TIMER_LINE || line == CASCADE_LINE;
}

void interrupt_mask(unsigned line)
{
    kassert(line < INTERRUPT_LINES);
    masked |= 1u << line;
    masks_write();
}

void interrupt_unmask(unsigned line)
{
    kassert(line < INTERRUPT_LINES);
    masked &= ~(1u << line);
    masks_write();
}

static void acknowledge(unsigned line)
{
    if (line >= LINES_PER_PIC)
        io_out8(PIC2, END_OF_INTERRUPT);
    io_out8(PIC1, END_OF_INTERRUPT);
}

// A line that goes away before the processor asks which it was is reported as the controller's
// last. It is not in service then and must not be acknowledged, except to the first controller,
// which only saw the second one's request.
static bool spurious(unsigned line)
{
    uint16_t port = line >= LINES_PER_PIC ? PIC2 : PIC1;

    if (line % LINES_PER_PIC != LINES_PER_PIC - 1)
        return false;
    io_out8(port, READ_IN_SERVICE);
    if (io_in8(port) & 1u << (LINES_PER_PIC - 1))
        return false;
    if (port == PIC2)
        io_out8(PIC1, END_OF_INTERRUPT);
    return true;
}

void interrupt_line(unsigned line)
{
    if (line == TIMER_LINE) {
        acknowledge(line);
        clock_interrupt();
        return;
    }
    if (spurious(line))
        return;
    interrupt_mask(line);
    acknowledge(line);
    device_interrupt(line);
}
