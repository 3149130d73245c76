// SPDX-License-Identifier: BSD-2-Clause
// The boot archive, the one module that the boot loader hands over (ustar), and its first file, the
// only program that the kernel loads itself. What else is in it is for the first task to find.
#pragma once

#include <stdint.h>
#include <mach/kern_return.h>
#include <mach/vm_types.h>

struct task;
struct vm_map_copy;

// Takes the module over from boot_info; panics with what to do when there is none or it is no archive.
void archive_init(void);
// A copy of the whole archive. KERN_RESOURCE_SHORTAGE.
kern_return_t archive_copy(struct vm_map_copy **copy, vm_size_t *size);
// Maps the first file, a static ELF32 executable, into `task` and names the task after it. Returns its
// entry point; panics, naming the program and what is wrong with it, when it cannot be loaded.
uintptr_t load_first_program(struct task *task);
// Maps a stack with argc 1, argv {the task's name, NULL} and an empty environment; returns its pointer,
// which shows argc.
uintptr_t load_stack(struct task *task);
