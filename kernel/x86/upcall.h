// SPDX-License-Identifier: BSD-2-Clause
// What the machine layer asks of the rest of the kernel. These are declared here, below, and
// implemented above (kern, vm), so that nothing in x86 includes upward.
#pragma once

#include "lib/base.h"

// After boot: memory map known, paging on, descriptors loaded, interrupts still off. Never returns.
// (kern/startup.c)
__attribute__((noreturn)) void kernel_main(void);

// One trap, by number; the assembly entry copies `words` argument words from the user's stack and
// calls `function` with them in C order; its result goes to eax. Slots without a function answer
// KERN_INVALID_ARGUMENT, as does a number past the end; an unreadable stack KERN_INVALID_ADDRESS.
// The words lie on the stack, so a trap's function is to be declared TRAP_FUNCTION; tools/traptable makes
// the table.
#define TRAP_FUNCTION __attribute__((regparm(0)))

// Called with cpu->ast != 0 on every way back to user mode, until it is 0. May block, may never
// return (a terminated thread). (kern/thread.c)
void return_to_user_checks(void);

// While cpu->tracing: the current thread makes trap `number`, an interrupt of a line has come.
// (kern/trace.c)
void trace_trap(uint32_t number);
void trace_interrupt(unsigned line);

// A page fault on a user address, by user code or by the kernel's user copies; may block.
// KERN_SUCCESS: the access can be repeated. Else the kernel's copy fails, or handle_exception
// follows with EXC_BAD_ACCESS and this code: KERN_INVALID_ADDRESS, KERN_PROTECTION_FAILURE,
// KERN_MEMORY_ERROR, KERN_RESOURCE_SHORTAGE. (vm/fault.c)
kern_return_t resolve_page_fault(uintptr_t address, bool write);

// A processor exception in user mode that was not resolved; `exception`, `code` and `subcode` are
// those of <mach/exception.h>. Returns when the thread may go on; true: because somebody has resolved it.
// (kern/exception.c)
bool handle_exception(int exception, int code, int subcode);

// The I/O ports of the current task, NULL for none. (kern/task.c)
struct io_ports *current_io_ports(void);

// An interrupt line that is not reserved was raised: it is masked now, and acknowledged at the
// controller. (kern/device.c)
void device_interrupt(unsigned line);

// The one-shot timer went off. (kern/timer.c)
void timer_interrupt(void);

// Pages for page tables, paid for by the current task: the physical address of a page, directly mapped,
// cleared; 0 when there is none. (vm/page.c)
uintptr_t machine_page_alloc(void);
void machine_page_free(uintptr_t physical);

// The name of what runs, for panic and fault messages: "task 7 (console), thread 2". (kern/task.c)
void describe_current(char *buffer, unsigned size);
