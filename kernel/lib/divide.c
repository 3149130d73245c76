// SPDX-License-Identifier: BSD-2-Clause
// What the compiler calls for divisions of 64 bits. libgcc has these functions too, but its take their
// arguments from the stack, and the kernel passes them in registers (tools/kernel.mk).
#include <stddef.h>
#include <stdint.h>

uint64_t __udivmoddi4(uint64_t n, uint64_t d, uint64_t *rest);
uint64_t __udivdi3(uint64_t n, uint64_t d);
uint64_t __umoddi3(uint64_t n, uint64_t d);

// By a divisor of 32 bits: as on paper, high word first.
static uint64_t divide_short(uint64_t n, uint32_t d, uint64_t *rest)
{
    uint32_t high = (uint32_t)(n >> 32) / d, low, left = (uint32_t)(n >> 32) % d;

    __asm__("divl %4" : "=a"(low), "=d"(left) : "a"((uint32_t)n), "d"(left), "rm"(d));
    *rest = left;
    return (uint64_t)high << 32 | low;
}

uint64_t __udivmoddi4(uint64_t n, uint64_t d, uint64_t *rest)
{
    uint64_t quotient = 0, left = 0;

    if (d >> 32 == 0) {
        quotient = divide_short(n, (uint32_t)d, &left);
    } else {
        for (int bit = 63; bit >= 0; bit--) {
            left = left << 1 | (n >> bit & 1);
            if (left < d)
                continue;
            left -= d;
            quotient |= 1ull << bit;
        }
    }
    if (rest)
        *rest = left;
    return quotient;
}

uint64_t __udivdi3(uint64_t n, uint64_t d)
{
    return __udivmoddi4(n, d, NULL);
}

uint64_t __umoddi3(uint64_t n, uint64_t d)
{
    uint64_t rest;

    __udivmoddi4(n, d, &rest);
    return rest;
}
