// SPDX-License-Identifier: BSD-2-Clause
// Loads the first program, the only one that the kernel loads itself.
#ifndef KERN_LOADER_H
#define KERN_LOADER_H

#include <stdint.h>
#include <mach/vm_types.h>

struct task;

// Maps a static ELF32 executable into `task`. Returns its entry point; panics, naming the program and
// what is wrong with it, when it cannot be loaded.
uintptr_t load_program(struct task *task, const char *name, const void *image, vm_size_t size);
// Maps a stack with argc 1 and argv {name, NULL} and an empty environment; returns its pointer, which
// shows argc.
uintptr_t load_stack(struct task *task, const char *name);

#endif
