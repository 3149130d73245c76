// SPDX-License-Identifier: BSD-2-Clause
// Driver of the VGA's text mode: its memory, which screen.c writes to, and two registers of its CRT
// controller that say which cell is the first one shown and which has the cursor.
//
// The kernel writes there as well when it has something to say (kernel/x86/console.c), from the cursor
// on, and moves both; so the registers are looked at before anything is shown.
#include "vga.h"

#include "screen.h"

#include <mach/device_io.h>
#include <mach/device_io_rpc.h>
#include <mach/mach.h>
#include <stdbool.h>
#include <stdint.h>

#define MEMORY 0xb8000
#define INDEX 0x3d4
#define PORTS 2
#define CURSOR_SHAPE 0x0a // first line of the cursor, and …
#define CURSOR_OFF 0x20
#define START 0x0c  // two bytes, the high one first
#define CURSOR 0x0e // likewise

static struct screen screen;
static unsigned start, cursor; // as we have set them
static bool present, hidden;

static void put(unsigned index, uint8_t value)
{
    uint16_t both = (uint16_t)(value << 8 | index);

    __asm__ volatile("outw %0, %1" : : "a"(both), "d"((uint16_t)INDEX));
}

static uint8_t get(unsigned index)
{
    uint8_t value;

    __asm__ volatile("outb %0, %1" : : "a"((uint8_t)index), "d"((uint16_t)INDEX));
    __asm__ volatile("inb %1, %0" : "=a"(value) : "d"((uint16_t)(INDEX + 1)));
    return value;
}

static unsigned get_pair(unsigned index)
{
    return (unsigned)get(index) << 8 | get(index + 1);
}

static void put_pair(unsigned index, unsigned value)
{
    put(index, (uint8_t)(value >> 8));
    put(index + 1, (uint8_t)value);
}

static void take_over(void)
{
    start = get_pair(START);
    cursor = get_pair(CURSOR);
}

// Shows what screen.c has made of it.
static void settle(void)
{
    if (screen.start != start)
        put_pair(START, screen.start);
    put_pair(CURSOR, screen_cursor(&screen));
    start = screen.start;
    cursor = screen_cursor(&screen);
    if (screen.cursor_hidden == hidden)
        return;
    hidden = screen.cursor_hidden;
    put(CURSOR_SHAPE, hidden ? get(CURSOR_SHAPE) | CURSOR_OFF
                             : get(CURSOR_SHAPE) & (uint8_t)~CURSOR_OFF);
}

// Without a display nothing keeps what is written to its registers.
static bool detect(void)
{
    unsigned before = get_pair(CURSOR), other = before ^ 0x155;
    bool kept;

    put_pair(CURSOR, other);
    kept = get_pair(CURSOR) == other;
    put_pair(CURSOR, before);
    return kept;
}

void vga_open(mach_port_t device)
{
    vm_address_t memory = 0;

    if (device_io_port_grant(device, mach_task_self(), INDEX, PORTS) != KERN_SUCCESS || !detect() ||
        device_memory_map(device, mach_task_self(), MEMORY, SCREEN_CELLS * sizeof(uint16_t), &memory,
                          TRUE) != KERN_SUCCESS)
        return;
    present = true;
    take_over();
    screen_open(&screen, (uint16_t *)memory, start, cursor);
    settle();
}

void vga_write(const char *data, size_t size)
{
    unsigned start_then = start, cursor_then = cursor;

    if (!present)
        return;
    take_over();
    if (start != start_then || cursor != cursor_then)
        screen_moved(&screen, start, cursor);
    screen_write(&screen, data, size);
    settle();
}
