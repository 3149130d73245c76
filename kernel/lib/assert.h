// SPDX-License-Identifier: BSD-2-Clause
// What must hold, said where it must hold.
//
// `kassert` stays in every build: a kernel that goes on with broken state is worse than one that
// stops. Costly checks belong in `debug_assert`, which only the debug build (DEBUG=1) keeps.
#pragma once

// Prints the message, registers, thread, task and a symbolised back trace, then stops the machine
// (leaving QEMU with a failure status). Implemented in x86/panic.c.
__attribute__((noreturn, format(printf, 1, 2))) void panic(const char *format, ...);

__attribute__((noreturn)) void assert_failed(const char *what, const char *file, int line);

#define kassert(condition) \
    ((condition) ? (void)0 : assert_failed(#condition, __FILE__, __LINE__))

#ifdef DEBUG
#define debug_assert(condition) kassert(condition)
#else
#define debug_assert(condition) ((void)sizeof(condition))
#endif
