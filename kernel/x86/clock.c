// SPDX-License-Identifier: BSD-2-Clause
// Time, from the 8254 timer chip: channel 2 counts for ever and tells the time, channel 0 counts
// down once and interrupts.
//
// Channel 2 goes round every 65536 ticks (54.9 ms), so it must be read more often than that:
// channel 0 is always armed, for at most KEEP_ALIVE_NS, and a later deadline is approached in
// pieces. Ticks become nanoseconds by an exact fraction whose remainder is carried along, so time
// does not drift.
#include "x86/interrupt.h"
#include "x86/io.h"
#include "x86/machine.h"
#include "x86/upcall.h"

#define PIT_CHANNEL0 0x40
#define PIT_CHANNEL2 0x42
#define PIT_COMMAND 0x43
#define CHANNEL0_ONE_SHOT 0x30 // low byte, high byte, mode 0: interrupt when it gets to 0
#define CHANNEL2_CYCLE 0xB4    // low byte, high byte, mode 2: start again from the top
#define CHANNEL2_LATCH 0x80
#define SPEAKER_PORT 0x61
#define SPEAKER_GATE 0x01 // channel 2 counts
#define SPEAKER_ON 0x02

// 1193182 ticks are 10^9 ns: one tick is NS_FACTOR / TICK_FACTOR ns.
#define NS_FACTOR 500000000u
#define TICK_FACTOR 596591u
#define KEEP_ALIVE_NS 50000000u

static uint64_t now_ns;    // time of the last reading,
static uint32_t remainder; // and what was left of it, in ns / TICK_FACTOR
static uint16_t last_count;
static uint64_t deadline = UINT64_MAX;

// dividend / divisor, which must fit into 32 bits: one instruction instead of a library call.
static inline uint32_t divide(uint64_t dividend, uint32_t divisor, uint32_t *rest)
{
    uint32_t quotient;

    __asm__("divl %4"
            : "=a"(quotient), "=d"(*rest)
            : "a"((uint32_t)dividend), "d"((uint32_t)(dividend >> 32)), "rm"(divisor));
    return quotient;
}

static uint16_t count_read(void)
{
    io_out8(PIT_COMMAND, CHANNEL2_LATCH);

    uint8_t low = io_in8(PIT_CHANNEL2);

    return (uint16_t)(low | io_in8(PIT_CHANNEL2) << 8);
}

uint64_t clock_now(void)
{
    uint16_t count = count_read();
    uint16_t ticks = (uint16_t)(last_count - count); // it counts down

    last_count = count;
    now_ns += divide((uint64_t)ticks * NS_FACTOR + remainder, TICK_FACTOR, &remainder);
    return now_ns;
}

// Lets channel 0 interrupt at the deadline, or when the clock must be read, whichever comes first.
static void timer_start(void)
{
    uint64_t now = clock_now();
    uint32_t wait = KEEP_ALIVE_NS;
    uint32_t rest;

    if (deadline <= now)
        wait = 0;
    else if (deadline - now < KEEP_ALIVE_NS)
        wait = (uint32_t)(deadline - now);

    // Rounded up, so that it is not early; a count of 0 would mean 65536.
    uint32_t ticks = divide((uint64_t)wait * TICK_FACTOR, NS_FACTOR, &rest) + 1;

    io_out8(PIT_COMMAND, CHANNEL0_ONE_SHOT);
    io_out8(PIT_CHANNEL0, (uint8_t)ticks);
    io_out8(PIT_CHANNEL0, (uint8_t)(ticks >> 8));
}

void clock_arm(uint64_t when)
{
    deadline = when;
    timer_start();
}

void clock_interrupt(void)
{
    bool due = clock_now() >= deadline;

    if (due)
        deadline = UINT64_MAX;
    timer_start();
    if (due)
        timer_interrupt();
}

uint32_t clock_resolution(void)
{
    return NS_FACTOR / TICK_FACTOR + 1;
}

void clock_start(void)
{
    uint8_t speaker = io_in8(SPEAKER_PORT);

    io_out8(SPEAKER_PORT, (speaker & ~SPEAKER_ON) | SPEAKER_GATE);
    io_out8(PIT_COMMAND, CHANNEL2_CYCLE);
    io_out8(PIT_CHANNEL2, 0); // 65536
    io_out8(PIT_CHANNEL2, 0);
    last_count = count_read();
    timer_start();
}
