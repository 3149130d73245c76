// SPDX-License-Identifier: BSD-2-Clause
// What the compiler calls for divisions of 64 bits is libgcc's, which takes its arguments from the stack,
// while the kernel passes them in registers. So the linker sends each call through here (--wrap, in
// tools/kernel.mk): to __wrap_NAME instead of NAME, which is __real_NAME here. Nothing else of libgcc is
// linked: a call of that would find its arguments nowhere.
#include <stdint.h>

#define ON_STACK __attribute__((regparm(0)))

ON_STACK uint64_t __real___udivmoddi4(uint64_t n, uint64_t d, uint64_t *rest);
ON_STACK uint64_t __real___udivdi3(uint64_t n, uint64_t d);
ON_STACK uint64_t __real___umoddi3(uint64_t n, uint64_t d);
uint64_t __wrap___udivmoddi4(uint64_t n, uint64_t d, uint64_t *rest);
uint64_t __wrap___udivdi3(uint64_t n, uint64_t d);
uint64_t __wrap___umoddi3(uint64_t n, uint64_t d);

uint64_t __wrap___udivmoddi4(uint64_t n, uint64_t d, uint64_t *rest)
{
    return __real___udivmoddi4(n, d, rest);
}

uint64_t __wrap___udivdi3(uint64_t n, uint64_t d)
{
    return __real___udivdi3(n, d);
}

uint64_t __wrap___umoddi3(uint64_t n, uint64_t d)
{
    return __real___umoddi3(n, d);
}
