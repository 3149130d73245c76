// SPDX-License-Identifier: BSD-2-Clause
// A simulated machine for kernel/kern: one processor with a clock that only `spend` and idleness move,
// threads on host coroutines, and no user mode but C functions.
//
// The kernel's own waitq.c, timer.c, sched.c, thread.c, synchronizer.c, semaphore.c and lock_set.c run in
// it, unchanged. A test is a function `simulation` that runs as the most urgent thread of the machine,
// makes others, sleeps while they work and looks at what they left.
#ifndef TESTS_KERN_SIM_H
#define TESTS_KERN_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <mach/policy.h>
#include "kern/sched.h"
#include "kern/semaphore.h"
#include "kern/task.h"
#include "kern/thread.h"
#include "kern/timer.h"
#include "kern/waitq.h"
#include "mach_server.h"
#include "sync_server.h"

#define MS 1000000ull

void simulation(void);

// TAP: one point. The rule is a sentence.
void ok(bool good, const char *rule);
void is(long got, long want, const char *rule);
void is_text(const char *got, const char *want, const char *rule);

extern struct task sim_task;
// A thread of `task` that is ready to run `body(argument)` as its user code. The caller holds no
// reference.
struct thread *sim_thread_in(struct task *task, int policy, int priority, void (*body)(long),
                             long argument);
struct thread *sim_thread(int policy, int priority, void (*body)(long), long argument);
// The current thread computes in user mode for so long; timers go off, others may run in between.
void spend(uint64_t ns);
// The current thread makes a trap that took no time: it passes the user boundary.
void boundary(void);
void sleep_until(uint64_t ns); // does not hear thread_abort
// A log of letters that threads leave.
extern char trail[4096];
void leave(char letter);

#endif
