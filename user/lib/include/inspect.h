/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For programs that look at the system (user/lib/inspect/): all tasks of the machine, what they are
 * called, what they use. They need the privileged host port, which bootstrap gives to the program of
 * minato.run= and to what that runs (program_run).
 */
#ifndef _INSPECT_H_
#define _INSPECT_H_

#include <mach/mach.h>
#include <mach/minato.h>
#include <stdint.h>

struct seen_task {
    mach_port_t port;        /* a send right */
    natural_t number;
    minato_task_name_t name;
    struct task_basic_info basic; /* times of threads that have ended */
    minato_task_counts_t counts;
    uint64_t cpu_us;         /* of all its threads, those that have ended included */
};

/* The privileged host port. Prints why there is none, with the program's name, and exits with 1. */
mach_port_t inspect_host(const char *program);

/* All tasks that are alive, by number, in memory of malloc's; how many. Those of the last call are
 * released. Whoever asks is among them. Exits if the kernel refuses. */
unsigned inspect_tasks(mach_port_t host, struct seen_task **tasks);

/* The task of that number, or of that name if it is no number; null if there is none. */
struct seen_task *inspect_find(struct seen_task *tasks, unsigned count, const char *which);

/* The state of a task as a letter and a word: R, S (what its first thread waits for), T suspended,
 * - without threads. */
void inspect_state(const struct seen_task *task, char *letter, minato_reason_t reason);

/* Microseconds as minutes, seconds and hundredths, "0:00.07". */
const char *inspect_time(uint64_t us, char *text, unsigned size);

/* Calls `visit` for each thread of the task, with a right that is deallocated afterwards. */
void inspect_threads(mach_port_t task, void (*visit)(mach_port_t thread, void *context),
                     void *context);

#endif
