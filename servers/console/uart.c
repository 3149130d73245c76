// SPDX-License-Identifier: BSD-2-Clause
// Driver of a 16550 by I/O instructions that the kernel permits for COM1's eight ports.
//
// Sending: when the transmitter's FIFO is empty, 16 bytes fit. Only while bytes are left over is the
// "transmitter empty" interrupt enabled. The interrupt is an edge, so a handler must leave the chip
// with nothing pending, or no further edge will come.
#include "uart.h"

#include <mach/device_io.h>
#include <mach/device_io_rpc.h>
#include <mach/mach.h>
#include <stdint.h>

#define COM1 0x3f8
#define COM1_PORTS 8
#define COM1_IRQ 4
#define FIFO_SIZE 16

enum { // registers, as offsets from COM1
    DATA = 0,
    INTERRUPT_ENABLE = 1,
    INTERRUPT_ID = 2, // read
    FIFO_CONTROL = 2, // write
    LINE_CONTROL = 3,
    MODEM_CONTROL = 4,
    LINE_STATUS = 5,
    MODEM_STATUS = 6,
};

#define ENABLE_RECEIVED 0x01
#define ENABLE_EMPTY 0x02
#define NOTHING_PENDING 0x01
#define FIFO_ENABLE_CLEAR 0xc7 // enable, clear both, interrupt at 14 bytes or a pause
#define DIVISOR_LATCH 0x80
#define BITS_8N1 0x03
#define DIVISOR_115200 1
#define DTR_RTS_INTERRUPT 0x0b // OUT2 lets the interrupt through
#define STATUS_RECEIVED 0x01
#define STATUS_EMPTY 0x20
#define STATUS_IDLE 0x40

static mach_port_t device_port;
static bool empty_enabled;

static void put(unsigned reg, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"((uint16_t)(COM1 + reg)));
}

static uint8_t get(unsigned reg)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"((uint16_t)(COM1 + reg)));
    return value;
}

static void set_up_chip(void)
{
    put(INTERRUPT_ENABLE, 0);
    put(LINE_CONTROL, DIVISOR_LATCH);
    put(DATA, DIVISOR_115200);
    put(INTERRUPT_ENABLE, DIVISOR_115200 >> 8);
    put(LINE_CONTROL, BITS_8N1);
    put(FIFO_CONTROL, FIFO_ENABLE_CLEAR);
    put(MODEM_CONTROL, DTR_RTS_INTERRUPT);
    put(INTERRUPT_ENABLE, ENABLE_RECEIVED);
}

kern_return_t uart_open(mach_port_t device, mach_port_t notify)
{
    kern_return_t result = device_io_port_grant(device, mach_task_self(), COM1, COM1_PORTS);

    if (result != KERN_SUCCESS)
        return result;
    device_port = device;
    set_up_chip();
    return device_interrupt_attach(device, COM1_IRQ, notify, MACH_MSG_TYPE_MAKE_SEND);
}

static void enable_empty(bool enable)
{
    if (enable == empty_enabled)
        return;
    empty_enabled = enable;
    put(INTERRUPT_ENABLE, enable ? ENABLE_RECEIVED | ENABLE_EMPTY : ENABLE_RECEIVED);
}

void uart_send(struct output *output)
{
    while (!output_empty(output) && (get(LINE_STATUS) & STATUS_EMPTY))
        for (unsigned i = 0; i < FIFO_SIZE && !output_empty(output); i++)
            put(DATA, (uint8_t)output_take(output));
    enable_empty(!output_empty(output));
}

void uart_interrupt(const mach_msg_header_t *message, struct output *output,
                    void (*input)(char c))
{
    if (!device_is_interrupt(message, COM1_IRQ))
        return;
    do {
        while (get(LINE_STATUS) & STATUS_RECEIVED)
            input((char)get(DATA));
        get(MODEM_STATUS); // reading it clears its interrupt
        uart_send(output);
    } while (!(get(INTERRUPT_ID) & NOTHING_PENDING));
    device_interrupt_ack(device_port, COM1_IRQ);
}

bool uart_idle(void)
{
    return (get(LINE_STATUS) & STATUS_IDLE) != 0;
}
