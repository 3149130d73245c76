// SPDX-License-Identifier: BSD-2-Clause
// Between the interrupt controller, the timer, and fault.c.
#ifndef X86_LINE_H
#define X86_LINE_H

// A line was raised; interrupts are off. (interrupt.c)
void interrupt_line(unsigned line);
// Sets up the controller, every line masked. (interrupt.c)
void interrupt_init(void);
// Starts the time. (clock.c)
void clock_start(void);
// The timer's line was raised. (clock.c)
void clock_interrupt(void);

#endif
