// SPDX-License-Identifier: BSD-2-Clause
// From a machine that is just able to run C to the first task in user mode.
//
// The order is that of need: memory, ports, the scheduler, then the objects that ports stand for. All of
// it runs on the boot stack as the boot thread (sched.c), which ends by becoming the first task's first
// thread. docs/boot.md tells the whole way, from the boot loader on.
#include "ipc/kobject.h"
#include "kern/clock.h"
#include "kern/device.h"
#include "kern/host.h"
#include "kern/loader.h"
#include "kern/sched.h"
#include "kern/semaphore.h"
#include "kern/task.h"
#include "kern/thread.h"
#include "lib/assert.h"
#include "lib/printf.h"
#include "vm/page.h"
#include "x86/boot.h"
#include "x86/upcall.h"

static void init_all(void)
{
    page_init();
    sched_init();
    thread_init();
    semaphore_init();
    host_init();
    clock_init();
    device_init();
    archive_init();
}

// The first task: the boot archive's first file, with the right to ask the kernel for everything.
static struct thread *make_first_task(void)
{
    struct task *task;
    struct thread *thread;
    uintptr_t entry;

    if (task_make(NULL, false, &task) != KERN_SUCCESS ||
        thread_make(task, &thread) != KERN_SUCCESS)
        panic("no memory for the first task: give the machine more memory (-m)");
    task->host = port_make_send(the_host.port);
    task->bootstrap = port_make_send(the_host.bootstrap_port);
    entry = load_first_program(task);
    machine_thread_set_user(&thread->machine, entry, load_stack(task));
    thread->suspend_count = 0;
    thread_release(thread); // ready now
    task_deallocate(task);
    return thread;
}

void kernel_main(void)
{
    struct thread *first;
    char quiet[2];

    init_all();
    if (!boot_option("minato.quiet", quiet, sizeof(quiet))) // the console is a script's alone
        printf("%s: %u MiB of memory\n", minato_version, pages_total() / (1024 * 1024 / PAGE_SIZE));
    first = make_first_task();
    sched_unready(first);
    thread_deallocate(first); // its own reference keeps it
    sched_start(first);
}
