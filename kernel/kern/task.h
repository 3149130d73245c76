// SPDX-License-Identifier: BSD-2-Clause
// Tasks: an address map, a port space and threads. `alive` goes false in task_terminate, once and for
// all; the structure stays while somebody holds a reference.
#pragma once

#include <mach/task_info.h>
#include <mach/task_special_ports.h>
#include "x86/cpu.h"

struct task {
    uint32_t refs;
    struct port *self;          // kernel port: a reference, no right
    bool alive;
    uint32_t number;            // for people: counts from 1
    char name[32];              // for people: the program, set by the loader (minato_task_set_name)
    struct list link;           // all tasks
    struct list threads;        // thread->task_link
    unsigned thread_count;
    uint32_t next_thread_number;
    uint32_t suspend_count;     // user stops: task_suspend
    struct vm_map *map;         // a reference
    struct space *space;        // a reference
    struct ledger *ledger;      // what it pays with (ledger.h)
    struct list synchronizers;  // synchronizer->task_link: destroyed with the task
    struct io_ports *io_ports;  // NULL: none granted
    struct task_entry entry;    // its emulation vector, and how often it came to the kernel

    // ports: each a send right that the task owns, or NULL
    struct port *special[TASK_MAX_SPECIAL_PORT + 1]; // TASK_KERNEL_PORT …; [0] is none
    struct port *registered[TASK_PORT_REGISTER_MAX];
    struct exception_actions *exceptions; // NULL: none

    // what new threads get
    int policy, priority;
    int max_priority;           // the most urgent base they may ask for
    uint32_t quantum_ms;

    natural_t user_data;        // TASK_USER_DATA: users'
    uint64_t dead_cycles, dead_system_cycles; // of threads that have ended
    struct task_events_info events;           // whoever sees the event counts it, but for traps
};

extern struct list all_tasks;
extern unsigned task_count; // alive, in the whole system
extern unsigned ended_faults; // page faults of tasks that are no more

struct task *current_task(void);
// A new task, alive, without threads; `parent` NULL for the first. One reference for the caller.
kern_return_t task_make(struct task *parent, bool inherit_memory, struct task **task);
void task_deallocate(struct task *task); // NULL is fine
// Puts a right (consumed; NULL is fine) in the place of another, which is dropped.
void port_slot_set(struct port **slot, struct port *right);
