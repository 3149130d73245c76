// SPDX-License-Identifier: BSD-2-Clause
// The numbers that the assembly shares with C. No code of this is linked: the build compiles it to
// assembly and makes build/kernel/layout.inc of the lines that begin with an arrow (tools/kernel.mk).
// What the assembly calls by a name that follows from the headers is not listed here. layout_words.h has a
// line for every such word that stands in an .asm file: FRAME_EIP is where `eip` lies in struct trap_frame
// (CPU_: struct cpu, TASK_: struct task_entry), any other word the constant of that name.
#include <stddef.h>
#include <mach/kern_return.h>
#include <mach/vm_param.h>
#include "x86/context.h"
#include "x86/cpu.h"
#include "x86/descriptor.h"
#include "x86/fault.h"
#include "x86/frame.h"
#include "x86/io.h"

#define NUMBER(name, value) __asm__ volatile("\n->" #name " equ %c0" : : "i"(value))
#define SAME(name) __asm__ volatile("\n->" #name " equ %c0" : : "i"(name))
#define PLACE(name, type, member) NUMBER(name, offsetof(struct type, member))

_Static_assert(HOW_SYSENTER == 0, "entry.asm: the plain frame is tested together with the ast word");
_Static_assert(sizeof(struct fixup) == 16, "fixup.inc: four words");

void layout(void);
void layout(void)
{
    NUMBER(FRAME_SIZE, sizeof(struct trap_frame));
    PLACE(MACHINE_FRAME, machine_thread, frame);
    PLACE(MACHINE_SP, machine_thread, kernel_sp);
    PLACE(MACHINE_TOP, machine_thread, kernel_top);
    PLACE(MACHINE_SEGMENTS, machine_thread, fs);
    PLACE(MACHINE_FLAGS, machine_thread, flags);
    PLACE(MACHINE_TLS_DESCRIPTORS, machine_thread, tls);
    PLACE(ENTRY_ESP0, cpu_entry, tss.esp0);
    NUMBER(USER_TOP, VM_MAX_ADDRESS);
#include "layout_words.h"
}
