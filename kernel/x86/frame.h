// SPDX-License-Identifier: BSD-2-Clause
// A thread's user registers, as they lie at the top of its kernel stack, whichever way it came in.
//
// `sysenter` fills only what a C caller can expect to get back (eip, esp, ebx, esi, edi, ebp): how
// is then HOW_SYSENTER and frame_complete makes the rest up. Exceptions in the kernel itself push
// the same layout without esp and ss. The assembly knows the offsets from layout.inc. Read next:
// entry.asm.
#pragma once

#include "lib/base.h"

enum frame_how {
    HOW_SYSENTER, // came by sysenter, untouched since: may go back by sysexit
    HOW_FULL,     // all registers are here; the result of a trap goes to eax
    HOW_SET,      // somebody set the registers: as they are, they go to the user
};

struct trap_frame {
    uint32_t how; // enum frame_how
    uint32_t es, ds; // low half; the rest is whatever the processor left there
    uint32_t edi, esi, ebp, kernel_esp, ebx, edx, ecx, eax; // as pusha
    uint32_t vector, error;
    uint32_t eip, cs, eflags;
    uint32_t esp, ss; // only when the frame comes from user mode
};

// es to eax lie in the same order in struct i386_thread_state: copied at once, with kernel_esp.
#define FRAME_GENERAL_SIZE (offsetof(struct trap_frame, vector) - offsetof(struct trap_frame, es))

#define EFLAGS_FIXED 0x2u // always 1
#define EFLAGS_TF 0x100u
#define EFLAGS_IF 0x200u
#define EFLAGS_DF 0x400u
#define EFLAGS_NT 0x4000u
#define EFLAGS_RF 0x10000u
#define EFLAGS_VM 0x20000u
#define EFLAGS_AC 0x40000u
#define EFLAGS_ID 0x200000u
#define EFLAGS_ARITHMETIC 0x8D5u

static inline bool frame_from_user(const struct trap_frame *frame)
{
    return (frame->cs & 3) != 0;
}
