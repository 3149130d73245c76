// SPDX-License-Identifier: BSD-2-Clause
// Inside libmach: the block that each thread with a C library has, and how to find it.
//
// Selector THREAD_SELECTOR in %gs denotes the thread's first TLS segment, whose base is the block;
// the block's first word points to itself, so %gs:0 is the pointer. A thread that was made by a bare
// thread_create() has another %gs, and no block.
#ifndef LIBMACH_THREAD_H
#define LIBMACH_THREAD_H

#include <cthreads.h>
#include <mach/thread_status.h>
#include <reent.h>
#include <stdbool.h>

#define THREAD_SELECTOR ((I386_TLS_FIRST << 3) | 3)

struct cthread {
    struct cthread *self;   // must be first: %gs:0
    mach_port_t thread;     // the kernel's name for it; one user reference is ours
    mach_port_t reply_port; // of MIG stubs; null until first needed
    mach_port_t wakeup;     // the semaphore it waits on (waiters.h)
    struct _reent *reent;   // the C library's data of this thread
    cthread_fn_t function;  // what it runs
    any_t argument;
    vm_address_t stack;     // lowest address, guard pages included; 0: not ours
    vm_size_t stack_size;
    const char *name;
    any_t data;
    any_t result;           // valid once it has ended
    // guarded by the lock of fork.c:
    bool ended;
    bool detached;
    struct condition end;   // the joiner waits here
    struct cthread *next;   // in the list of detached threads that have ended
    // filled in for forked threads only:
    struct _reent own_reent;
};

extern struct cthread first_thread;

// The caller's block, null in a thread without one.
static inline struct cthread *thread_block(void)
{
    unsigned short selector;
    struct cthread *self;

    __asm__ volatile("movw %%gs, %0" : "=r"(selector));
    if (selector != THREAD_SELECTOR)
        return 0;
    __asm__ volatile("movl %%gs:0, %0" : "=r"(self));
    return self;
}

// Makes the calling thread the first and only one of its task: block, TLS, semaphore.
void threads_init(void);

#endif
