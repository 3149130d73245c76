// SPDX-License-Identifier: BSD-2-Clause
// From the first instruction to main() and exit(): the names that every program uses (<mach_init.h>),
// the first thread's block, the C library.
#include "start/init.h"
#include "threads/thread.h"

#include <mach/mach.h>
#include <stdio.h>
#include <stdlib.h>

extern char **environ;
extern int main(int argc, char **argv, char **envp);

// Functions to call before main() and in exit(), collected by the linker script.
typedef void (*function_t)(void);
extern function_t __preinit_array_start[], __preinit_array_end[];
extern function_t __init_array_start[], __init_array_end[];
extern function_t __fini_array_start[], __fini_array_end[];

mach_port_t mach_task_self_;
mach_port_t bootstrap_port;
mach_port_t name_server_port;
vm_size_t vm_page_size = PAGE_SIZE;
vm_size_t vm_page_mask = PAGE_MASK;
int vm_page_shift = PAGE_SHIFT;

void start_failed(void)
{
    __asm__ volatile("ud2");
    __builtin_unreachable();
}

void names_init(void)
{
    mach_task_self_ = (mach_task_self)();
    // Either may rightly be absent: the ports are then null or dead, and calls on them say so.
    if (task_get_special_port(mach_task_self_, TASK_BOOTSTRAP_PORT, &bootstrap_port) !=
        KERN_SUCCESS)
        bootstrap_port = MACH_PORT_NULL;
    if (task_get_special_port(mach_task_self_, TASK_NAME_PORT, &name_server_port) != KERN_SUCCESS)
        name_server_port = MACH_PORT_NULL;
}

static void call_constructors(function_t *from, function_t *to)
{
    while (from < to)
        (*from++)();
}

// Called by exit(), after all that the program has registered.
static void program_end(void)
{
    for (function_t *f = __fini_array_end; f > __fini_array_start;)
        (*--f)();
    fflush(stdout); // the calling thread's: exit() itself knows the first thread's only
}

// `stack` is the initial stack pointer: argc, argv, environment (entry.asm).
__attribute__((noreturn)) void libmach_start(unsigned *stack)
{
    int argc = (int)stack[0];
    char **argv = (char **)&stack[1];

    environ = argv + argc + 1;
    names_init();
    threads_init();
    atexit(program_end);
    call_constructors(__preinit_array_start, __preinit_array_end);
    call_constructors(__init_array_start, __init_array_end);
    exit(main(argc, argv, environ));
}
