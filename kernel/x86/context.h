// SPDX-License-Identifier: BSD-2-Clause
// The machine's half of a thread: its kernel stack, user registers, FPU/SSE state and TLS segments.
#pragma once

#include <mach/message.h>
#include <mach/thread_status.h>
#include "lib/base.h"

struct trap_frame; // the user registers, at the top of the kernel stack (x86/frame.h)

struct machine_thread {
    struct trap_frame *frame; // user registers as last saved; always valid
    uintptr_t kernel_sp;      // where context_switch left off
    uintptr_t kernel_top;     // the kernel stack on entry from user mode: just above *frame
    uint16_t fs, gs;          // the user's selectors, while it does not run
    uint32_t flags;           // MACHINE_*: what a switch from or to it must also do
    void *stack;              // base of the kernel stack: FPU registers, a magic word, room
    bool fpu_used;            // there are FPU registers
    uint64_t tls[3];          // descriptors of GDT entries 6..8
    uint32_t debug[8];        // DR0..DR7 as the user set them
};

#define MACHINE_TLS 1u   // has TLS descriptors
#define MACHINE_TLS_MORE 8u // … besides the first
#define MACHINE_DEBUG 2u // has breakpoints enabled in DR7
#define MACHINE_FPU 4u   // its FPU/SSE registers are in the processor

#define KERNEL_STACK_ORDER 1 // of pages: 8 KiB

// Makes the (cleared) machine half of a new thread whose first switch-in calls `start` on its own
// kernel stack; that ends by returning (to user mode, with the registers in m->frame, which are
// clean: zero, user segments, interrupts on) or never.
// Errors: KERN_RESOURCE_SHORTAGE.
kern_return_t machine_thread_init(struct machine_thread *m, void (*start)(void));
// Frees the stack; the thread must not be running.
void machine_thread_destroy(struct machine_thread *m);

// Leaves `from` and goes on in `to`: stack, TLS, FPU ownership, kernel entry stack. Returns when
// somebody switches back to `from`. The address space is not touched (pmap_activate).
void context_switch(struct machine_thread *from, struct machine_thread *to);
// The same for a thread that waits in a trap: that is over now. It forgets what it was doing in the
// kernel and returns 0 to user mode.
void context_finish_trap(struct machine_thread *from, struct machine_thread *to);
// Starts the first thread of a processor.
__attribute__((noreturn)) void context_start(struct machine_thread *to);

// Where the thread goes on in user mode; other registers stay.
void machine_thread_set_user(struct machine_thread *m, uintptr_t pc, uintptr_t sp);
uintptr_t machine_thread_user_pc(const struct machine_thread *m);

// Flavors of <mach/thread_status.h>. *count is in natural_t units: in, room; out, filled. Set
// checks everything before it changes anything (segments, flags, MXCSR): no state can give a thread
// kernel rights. Errors: KERN_INVALID_ARGUMENT (flavor, count, value).
// Whether a thread may read and set the flavor for itself: it is kept apart from the trap frame.
bool machine_thread_state_own(thread_state_flavor_t flavor);
// Whether it is a flavor that can be set.
bool machine_thread_state_settable(thread_state_flavor_t flavor);
kern_return_t machine_thread_get_state(struct machine_thread *m, thread_state_flavor_t flavor,
                                       thread_state_t state, mach_msg_type_number_t *count);
kern_return_t machine_thread_set_state(struct machine_thread *m, thread_state_flavor_t flavor,
                                       thread_state_t state, mach_msg_type_number_t count);

// I/O ports a task may touch: a bitmap made by the first grant. The TSS's copy is filled lazily.
struct io_ports;
kern_return_t io_ports_grant(struct io_ports **ports, unsigned first, unsigned count);
void io_ports_destroy(struct io_ports *ports);
