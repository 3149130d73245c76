// SPDX-License-Identifier: BSD-2-Clause
// The keyboard of a PC (keyboard.c).
#ifndef CONSOLE_KEYBOARD_H
#define CONSOLE_KEYBOARD_H

#include <mach/message.h>
#include <mach/port.h>

// Takes possession of the keyboard with the power of `device`; interrupts come to the port whose
// receive right is `notify`. Without a keyboard there are none.
void keyboard_open(mach_port_t device, mach_port_t notify);
// Deals with a message that came to that port, if it is about an interrupt of the keyboard's: hands
// what has been typed to input(), byte by byte, and lets the next interrupt come.
void keyboard_interrupt(const mach_msg_header_t *message, void (*input)(char c));

#endif
