// SPDX-License-Identifier: BSD-2-Clause
// A panic with registers: what lib/assert.h's panic is to broken state, this is to broken
// execution.
#ifndef X86_PANIC_H
#define X86_PANIC_H

#include "x86/frame.h"

__attribute__((noreturn, format(printf, 2, 3))) void panic_frame(const struct trap_frame *frame,
                                                                 const char *format, ...);

#endif
