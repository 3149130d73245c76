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
#include "kern/ledger.h"
#include "kern/sched.h"
#include "kern/task.h"
#include "kern/thread.h"
#include "vm/map.h"
#include "vm/page.h"
#include "vm/paging.h"
#include "x86/boot.h"
#include "x86/upcall.h"

#define STACK_SIZE (256 * 1024u)
#define TAR_BLOCK 512u // what a header takes
#define TAR_MAGIC 257u // where in it "ustar" stands

static void init_all(void)
{
    page_init();
    ledger_init(pages_total);
    sched_init();
    thread_init();
    host_init();
    clock_init();
    device_init();
    pageout_init();
}

// Maps the boot archive into the task, in one piece and without a look at what it holds: right behind
// its first header, where the thread will start, lies a program that is linked to run just there
// (tools/user.mk). The stack is all zeros, which says: no arguments, no environment.
static void load_archive(struct task *task, struct thread *thread)
{
    const char *archive = phys_to_virt(boot_info.module_start);
    vm_size_t size = boot_info.module_end - boot_info.module_start;
    vm_offset_t address, stack = VM_MAX_ADDRESS - STACK_SIZE;
    struct vm_map_copy *copy;

    if (size < TAR_BLOCK || memcmp(archive + TAR_MAGIC, "ustar", 5) != 0)
        panic("the boot module is not a ustar archive: build it with `make`, and give it as the "
              "first and only module");
    strlcpy(task->name, archive, sizeof(task->name)); // a header begins with the file's name
    if (vm_map_copy_from_physical(boot_info.module_start, size, &copy) != KERN_SUCCESS ||
        vm_map_copyout(task->map, &address, copy) != KERN_SUCCESS ||
        vm_allocate(task->map, &stack, STACK_SIZE, false) != KERN_SUCCESS)
        panic("no memory to map the boot archive: give the machine more memory (-m)");
    machine_thread_set_user(&thread->machine, address + TAR_BLOCK, VM_MAX_ADDRESS - 16);
}

// The first task has the right to ask the kernel for everything.
static struct thread *make_first_task(void)
{
    struct task *task;
    struct thread *thread;

    if (task_make(NULL, false, &task) != KERN_SUCCESS ||
        thread_make(task, &thread) != KERN_SUCCESS)
        panic("no memory for the first task: give the machine more memory (-m)");
    task->special[TASK_HOST_PORT] = port_make_send(the_host.port);
    task->special[TASK_BOOTSTRAP_PORT] = port_make_send(the_host.bootstrap_port);
    load_archive(task, thread);
    thread->suspend_count = 0;
    thread_release(thread); // ready now
    task_deallocate(task);
    return thread;
}

void kernel_main(void)
{
    struct thread *first;

    init_all();
    first = make_first_task();
    sched_unready(first);
    thread_deallocate(first); // its own reference keeps it
    sched_start(first);
}
