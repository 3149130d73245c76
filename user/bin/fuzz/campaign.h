// SPDX-License-Identifier: BSD-2-Clause
// What the parts of the campaign know of each other. Read main.c first.
#ifndef FUZZ_CAMPAIGN_H
#define FUZZ_CAMPAIGN_H

#include "fuzz.h"

#include <mach/host_info.h>
#include <mach/minato_types.h>

// ---- main.c -----------------------------------------------------------------------------------

extern struct generator dice; // all that happens by chance, but for the victims' own calls
extern struct sum {
    unsigned started, killed, faulted, ended; // victims
    unsigned helped, children, pings, famines;
} sum;
extern mach_port_t host, realtime, calendar;
extern mach_port_t everything;          // the set that the campaign receives from:
extern mach_port_t nursery, exceptions; // replies to task_create, exceptions of victims
extern mach_port_t public, server;      // send rights to the witness's ports
extern mach_port_t reply;
extern host_priority_info_data_t levels;

// Ends the campaign with a sentence when a call that must succeed did not.
void must(kern_return_t kr, const char *what);
uint64_t now_ms(void);

// ---- tasks.c ----------------------------------------------------------------------------------

// Turns at that priority, for the task and its threads; with `limit` never more urgent ones.
void set_policy(task_t task, int priority, bool limit);
// Lets a thread that does not run begin there.
kern_return_t set_entry(thread_t thread, void (*entry)(void), vm_address_t stack);
thread_t make_thread(task_t task, void (*entry)(void), vm_address_t stack);
task_t make_task(void);     // with a copy of this memory
mach_port_t new_port(void); // with a send right
void drop(mach_port_t name);
bool is_dead(mach_port_t name);
bool is_a(mach_port_t name, enum minato_object kind);

// ---- victims.c --------------------------------------------------------------------------------

#define CHILDREN 4 // tasks that victims have made, alive at a time

void victims_prepare(void);
void victims_start(void);   // those that are missing
void victims_disturb(void); // and ends those whose time has come
void victims_end(void);
// A victim has made this task.
void victims_child(task_t task);
void children_end(void);
// A thread of that task has met an exception. One of a victim's first threads begins anew, some
// times; then its task ends. Another thread ends. True if the thread is to go on.
bool victim_faulted(thread_t thread, task_t task);

// ---- answer.c, famine.c -----------------------------------------------------------------------

// Answers what has come and comes within `ms`.
void receive(unsigned ms);

void famine_tick(void);
bool famine_is(void);
void famine_end(void);

// ---- guard.c ----------------------------------------------------------------------------------

void witness_start(void);
const char *witness_wrong(void); // in words; null if nothing is
void witness_end(void);
// For the test of all this: harm of the kind that minato.plant= names, which must be noticed.
bool planted(const char *what);
void plant(void);

// ---- summary.c --------------------------------------------------------------------------------

extern char left_behind[10][80];
// Waits until the kernel holds no more than before, for a second at most. How many kinds of things
// there are more of: left_behind says which.
unsigned leaks(const minato_host_counts_t *before);
void print_summary(const char *seed, uint64_t ms);

#endif
