// SPDX-License-Identifier: BSD-2-Clause
// Switching the machine off and on again.
#include "x86/boot.h"
#include "x86/io.h"

#define DEBUG_EXIT 0xF4    // QEMU's isa-debug-exit: leaves with (value << 1) | 1
#define ACPI_PM1A_QEMU 0x604 // PIIX4 and ICH9 power management as QEMU's firmware places it,
#define ACPI_PM1A_OLD 0xB004 // and as Bochs and older QEMUs do
#define ACPI_SLEEP_S5 0x2000 // sleep enable, type 0: soft off
#define KEYBOARD_STATUS 0x64
#define KEYBOARD_FULL 0x02
#define KEYBOARD_RESET 0xFE

void machine_power_off(unsigned status)
{
    io_out32(DEBUG_EXIT, status);
    io_out16(ACPI_PM1A_QEMU, ACPI_SLEEP_S5);
    io_out16(ACPI_PM1A_OLD, ACPI_SLEEP_S5);
    for (;;)
        __asm__ volatile("cli\n\thlt");
}

void machine_restart(void)
{
    const struct {
        uint16_t limit;
        uint32_t base;
    } __attribute__((packed)) no_idt = {0, 0};

    for (unsigned i = 0; i < 100000 && io_in8(KEYBOARD_STATUS) & KEYBOARD_FULL; i++)
        ;
    io_out8(KEYBOARD_STATUS, KEYBOARD_RESET);
    for (volatile unsigned i = 0; i < 1000000; i++) // the reset takes its time
        ;
    // No interrupt table: the next exception cannot be delivered, and the processor resets itself.
    __asm__ volatile("lidt %0\n\tint3" : : "m"(no_idt));
    for (;;)
        __asm__ volatile("cli\n\thlt");
}
