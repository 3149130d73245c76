// SPDX-License-Identifier: BSD-2-Clause
// Single instructions that C cannot say: port access, control and model specific registers.
#pragma once

#include "lib/base.h"

static inline uint8_t io_in8(uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
static inline void io_out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}
static inline void io_out16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}
static inline void io_out32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

#define CR0_TS 0x8u // the next FPU instruction raises an exception

// read_crN and write_crN.
#define CONTROL_REGISTER(n)                                                                   \
    static inline uint32_t read_cr##n(void)                                                   \
    {                                                                                         \
        uint32_t value;                                                                       \
                                                                                              \
        __asm__ volatile("movl %%cr" #n ", %0" : "=r"(value));                                \
        return value;                                                                         \
    }                                                                                         \
    static inline void write_cr##n(uint32_t value)                                            \
    {                                                                                         \
        __asm__ volatile("movl %0, %%cr" #n : : "r"(value) : "memory");                       \
    }
CONTROL_REGISTER(0)
CONTROL_REGISTER(2)
CONTROL_REGISTER(3)
CONTROL_REGISTER(4)

static inline void tlb_flush_page(uintptr_t address)
{
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}
static inline void write_msr(uint32_t msr, uint32_t low)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"(low), "d"(0));
}
