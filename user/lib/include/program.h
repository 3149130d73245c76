/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starting a program in a task: checking its file, loading it, setting its first thread going
 * (user/lib/program/). A program is a static ELF32 file for the i386.
 *
 *     task_create(mach_task_self(), NULL, 0, FALSE, &task);
 *     kr = program_load(task, image, size, argv, envp, &entry, &sp);
 *     kr = program_start(task, entry, sp, &thread);
 */
#ifndef _PROGRAM_H_
#define _PROGRAM_H_

#include <mach/kern_return.h>
#include <mach/port.h>
#include <mach/vm_types.h>

#define PROGRAM_STACK_SIZE ((vm_size_t)1 << 20) /* guard pages included; at the top of user memory */
#define PROGRAM_ARGUMENTS_MAX ((vm_size_t)64 << 10) /* bytes of arguments and environment */

/* What is wrong with the file as a program, in words; null if nothing is. */
const char *program_check(const void *image, vm_size_t size);

/*
 * Loads the program into a task without memory. argv and envp end with a null pointer and are copied to
 * the new stack. Returns where to start and with which stack pointer.
 *   KERN_INVALID_ARGUMENT   program_check objects, or the arguments are more than fits
 *   else                    what the kernel's vm_ calls said; the task may hold part of the program
 */
kern_return_t program_load(mach_port_t task, const void *image, vm_size_t size, char *const argv[],
                           char *const envp[], vm_address_t *entry, vm_address_t *sp);

/*
 * Wires the memory of a task, what it will be given included: none of it is paged out. host is the
 * privileged host port. Errors as vm_wire.
 */
kern_return_t program_wire(mach_port_t host, mach_port_t task);

/* A thread of the task that begins at entry. The caller owns the right to it. */
kern_return_t program_start(mach_port_t task, vm_address_t entry, vm_address_t sp,
                            mach_port_t *thread);

#endif
