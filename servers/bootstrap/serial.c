// SPDX-License-Identifier: BSD-2-Clause
// The last resort for words: straight to the serial port, when the console server cannot be started
// or does not take them. Waits for the chip, but not for ever.
#include "bootstrap.h"

#include <mach/device_io.h>
#include <mach/device_io_rpc.h>

#define COM1 0x3f8
#define COM1_PORTS 8
#define LINE_STATUS (COM1 + 5)
#define STATUS_EMPTY 0x20
#define PATIENCE 100000 // looks at the status of a chip that may not be there

static uint8_t in(uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void put(char c)
{
    for (unsigned i = 0; i < PATIENCE && !(in(LINE_STATUS) & STATUS_EMPTY); i++)
        continue;
    __asm__ volatile("outb %0, %1" : : "a"(c), "Nd"((uint16_t)COM1));
}

void serial_say(const char *text)
{
    if (device_io_port_grant(device_master, mach_task_self(), COM1, COM1_PORTS) != KERN_SUCCESS)
        return;
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            put('\r');
        put(*text);
    }
}
