// SPDX-License-Identifier: BSD-2-Clause
// What stands in for kernel/x86 and kernel/kern in the host tests of kernel/vm: memory at the
// addresses where the kernel has it, page tables as plain arrays, a processor that one can look
// inside.
#ifndef FAKE_H
#define FAKE_H

#include <stdbool.h>
#include <stdint.h>
#include "kern/waitq.h"
#include "vm/map.h"
#include "x86/pmap.h"

// Starts the virtual memory system on `megabytes` of memory, the last of it a "boot module" of
// `module_pages` pages.
void fake_boot(unsigned megabytes, unsigned module_pages);

// The n-th allocation from now on fails (1: the next one); 0: none does. Also true for page tables.
extern unsigned fake_fail_at;
extern unsigned fake_allocations; // counted since the last fake_fail_from
void fake_fail_from(unsigned n);

// Called at each preemption point, and where a thread would wait; NULL: nothing happens.
extern void (*fake_preempt)(void);
extern enum wait_result (*fake_wait)(struct waitq *q);
#define fake_current_map (current_task()->map)
extern struct thread fake_thread; // the current one, an ordinary program's
extern bool fake_expect_panic; // the next panic ends the process with status 3

// What the kernel sends to pagers: only this is told of it. NULL: nobody is.
struct fake_message {
    const char *what; // "init", "data_request", …
    vm_offset_t offset;
    vm_size_t size;
    vm_prot_t access;
    bool dirty, kept;
    struct vm_map_copy *data; // returned
};
extern kern_return_t (*fake_to_pager)(const struct fake_message *m);
extern unsigned fake_rights; // rights to ports, and kernel ports, that the kernel holds

// One access by a user program: walks the page table, faults as the processor would, and gives
// where the byte is. NULL when the fault was not resolved; *kr says why.
char *fake_access(struct vm_map *map, vm_offset_t address, bool write, kern_return_t *kr);

// Calls `visit` for each mapping of a page table.
void fake_each_mapping(struct pmap *pmap, void (*visit)(struct pmap *pmap, uintptr_t address,
                                                        struct pmap_entry entry));

#endif
