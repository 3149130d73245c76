// SPDX-License-Identifier: BSD-2-Clause
// Holds no code: makes sure that layout.inc, which the assembly reads, tells the truth.
#include <stddef.h>
#include <mach/kern_return.h>
#include <mach/vm_param.h>
#include "x86/context.h"
#include "x86/cpu.h"
#include "x86/descriptor.h"
#include "x86/fault.h"
#include "x86/frame.h"
#include "x86/upcall.h"

#define AT(type, member, where) \
    _Static_assert(offsetof(struct type, member) == (where), "layout.inc: " #type "." #member)

AT(trap_frame, how, 0);
AT(trap_frame, es, 4);
AT(trap_frame, ds, 8);
AT(trap_frame, edi, 12);
AT(trap_frame, esi, 16);
AT(trap_frame, ebp, 20);
AT(trap_frame, ebx, 28);
AT(trap_frame, eax, 40);
AT(trap_frame, vector, 44);
AT(trap_frame, eip, 52);
AT(trap_frame, cs, 56);
AT(trap_frame, eflags, 60);
AT(trap_frame, esp, 64);
_Static_assert(sizeof(struct trap_frame) == 72, "layout.inc: FRAME_SIZE");
_Static_assert(HOW_SYSENTER == 0 && HOW_FULL == 1 && HOW_SET == 2, "layout.inc: HOW_*");
AT(machine_thread, kernel_sp, 4);
AT(machine_thread, kernel_top, 8);
AT(machine_thread, fs, 12);
AT(machine_thread, gs, 14);
AT(machine_thread, flags, 16);
AT(cpu, ast, 4);
AT(cpu, traps, 8);
AT(cpu_entry, tss.esp0, 4096 + 4);
AT(trap_entry, function, 0);
AT(trap_entry, words, 4);
_Static_assert(sizeof(struct trap_entry) == 8, "entry.asm: trap_table");
_Static_assert(sizeof(struct fixup) == 16 && FIXUP_COPY == 0 && FIXUP_SEGMENT == 1
                   && FIXUP_RESIDENT == 2, "layout.inc: fixup");
_Static_assert(SELECTOR_KCODE == 0x08 && SELECTOR_KDATA == 0x10 && SELECTOR_UCODE == 0x1B
                   && SELECTOR_UDATA == 0x23 && SELECTOR_TSS == 0x28,
               "layout.inc: SELECTOR_*");
_Static_assert(EFLAGS_TF == 0x100 && EFLAGS_IF == 0x200 && EFLAGS_FIXED == 2
                   && EFLAGS_VM == 0x20000,
               "layout.inc: EFLAGS_*");
_Static_assert(TRAP_WORDS_MAX == 11, "layout.inc: TRAP_WORDS_MAX");
_Static_assert(VM_MAX_ADDRESS == 0xC0000000u, "layout.inc: USER_TOP");
_Static_assert(KERN_INVALID_ADDRESS == 1 && KERN_INVALID_ARGUMENT == 4, "layout.inc: KERN_*");
