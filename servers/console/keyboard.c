// SPDX-License-Identifier: BSD-2-Clause
// Driver of the 8042 keyboard controller. What its codes mean: keys.c.
//
// The controller's interrupt is an edge, so a handler must leave nothing to be read, or no further edge
// will come. A command to the keyboard (its lights) and the value that goes with it are each answered by
// a code of its own: the value is sent when the answer to the command has come.
#include "keyboard.h"

#include "keys.h"

#include <mach/device_io.h>
#include <mach/device_io_rpc.h>
#include <mach/mach.h>

#define DATA 0x60
#define CONTROL 0x64 // read: status; write: command to the controller
#define KEYBOARD_IRQ 1

#define STATUS_FULL 0x01    // there is something to be read
#define STATUS_BUSY 0x02    // the last byte written has not been taken
#define STATUS_POINTER 0x20 // what is to be read is the mouse's
#define NO_CONTROLLER 0xff  // what nobody drives reads so

#define READ_CONFIGURATION 0x20
#define WRITE_CONFIGURATION 0x60
#define ENABLE_KEYBOARD 0xae
#define CONFIGURATION_INTERRUPT 0x01
#define CONFIGURATION_NO_KEYBOARD 0x10
#define CONFIGURATION_TRANSLATE 0x40 // to set 1

#define SET_LIGHTS 0xed
#define ACKNOWLEDGED 0xfa

#define PATIENCE 100000 // looks at the status of a chip that may not answer

static mach_port_t device_port;
static struct keys keys;
static uint8_t lights;                       // as the keyboard has been told
static enum { QUIET, TOLD, SETTING } talk;   // nothing; SET_LIGHTS sent; its value sent

static uint8_t in(uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

// Waits until the chip takes it, but not for ever.
static void out(uint16_t port, uint8_t value)
{
    for (unsigned i = 0; i < PATIENCE && (in(CONTROL) & STATUS_BUSY); i++)
        continue;
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

// The chip's answer to a command; -1: there is none.
static int answer(void)
{
    for (unsigned i = 0; i < PATIENCE; i++)
        if (in(CONTROL) & STATUS_FULL)
            return in(DATA);
    return -1;
}

static int configuration(void)
{
    out(CONTROL, READ_CONFIGURATION);
    return answer();
}

static void empty(void)
{
    for (unsigned i = 0; i < PATIENCE && (in(CONTROL) & STATUS_FULL); i++)
        in(DATA);
}

// Interrupts on, codes translated if the controller can. False: there is no controller.
static bool set_up_chip(void)
{
    int now;

    if (in(CONTROL) == NO_CONTROLLER)
        return false;
    empty();
    now = configuration();
    if (now < 0)
        return false;
    now = (now | CONFIGURATION_INTERRUPT | CONFIGURATION_TRANSLATE) & ~CONFIGURATION_NO_KEYBOARD;
    out(CONTROL, WRITE_CONFIGURATION);
    out(DATA, (uint8_t)now);
    out(CONTROL, ENABLE_KEYBOARD);
    now = configuration();
    keys.raw = now >= 0 && !(now & CONFIGURATION_TRANSLATE);
    empty();
    return true;
}

void keyboard_open(mach_port_t device, mach_port_t notify)
{
    if (device_io_port_grant(device, mach_task_self(), DATA, 1) != KERN_SUCCESS ||
        device_io_port_grant(device, mach_task_self(), CONTROL, 1) != KERN_SUCCESS || !set_up_chip())
        return;
    device_port = device;
    device_interrupt_attach(device, KEYBOARD_IRQ, notify, MACH_MSG_TYPE_MAKE_SEND);
}

// ---- the lights -------------------------------------------------------------------------------

static void show_lights(void)
{
    if (talk != QUIET || keys.lights == lights)
        return;
    talk = TOLD;
    out(DATA, SET_LIGHTS);
}

static void acknowledged(void)
{
    if (talk == TOLD) {
        lights = keys.lights;
        talk = SETTING;
        out(DATA, lights);
    } else {
        talk = QUIET;
    }
}

// ---- codes ------------------------------------------------------------------------------------

static void take_code(uint8_t code, void (*input)(char c))
{
    char text[KEYS_TEXT_MAX];
    size_t size;

    if (code == ACKNOWLEDGED) {
        acknowledged();
    } else {
        if (talk != QUIET && code >= ACKNOWLEDGED) // an error instead: the lights stay as they are
            talk = QUIET, lights = keys.lights;
        size = keys_code(&keys, code, text);
        for (size_t i = 0; i < size; i++)
            input(text[i]);
    }
    show_lights();
}

void keyboard_interrupt(const mach_msg_header_t *message, void (*input)(char c))
{
    uint8_t status;

    if (!device_is_interrupt(message, KEYBOARD_IRQ))
        return;
    while ((status = in(CONTROL)) & STATUS_FULL) {
        uint8_t code = in(DATA);

        if (!(status & STATUS_POINTER))
            take_code(code, input);
    }
    device_interrupt_ack(device_port, KEYBOARD_IRQ);
}
