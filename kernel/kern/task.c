// SPDX-License-Identifier: BSD-2-Clause
// Tasks (task.h): making, suspending and ending them, and what "current" means.
//
// A task's address map and port space live as long as the structure, so that nobody who holds a
// reference meets a NULL; when the task ends they are emptied and refuse further work. Read next:
// task_calls.c for what users can ask of a task.
#include "kern/task.h"
#include <mach/policy.h>
#include "ipc/port.h"
#include "ipc/space.h"
#include "kern/audit.h"
#include "kern/exception.h"
#include "kern/ledger.h"
#include "kern/sched.h"
#include "kern/synchronizer.h"
#include "kern/thread.h"
#include "lib/printf.h"
#include "mach_server.h"
#include "vm/map.h"
#include "x86/boot.h"
#include "x86/context.h"
#include "x86/upcall.h"

struct list all_tasks = {&all_tasks, &all_tasks};
unsigned task_count;
unsigned ended_faults;

static struct slab_cache task_cache = SLAB_CACHE(task_cache, "task", sizeof(struct task));
static uint32_t next_number = 1;

// ---- making ----

static void inherit_ports(struct task *task, const struct task *parent)
{
    for (int which = TASK_KERNEL_PORT + 1; which <= TASK_MAX_SPECIAL_PORT; which++)
        task->special[which] = port_copy_send(parent->special[which]);
    for (unsigned i = 0; i < TASK_PORT_REGISTER_MAX; i++)
        task->registered[i] = port_copy_send(parent->registered[i]);
}

static void inherit_policy(struct task *task, const struct task *parent)
{
    task->policy = parent ? parent->policy : POLICY_TIMESHARE;
    task->priority = parent ? parent->priority : PRIORITY_USER;
    task->max_priority = parent ? parent->max_priority : 0;
    task->quantum_ms = parent ? parent->quantum_ms : QUANTUM_MS;
}

// The parts that can fail. False: what was made is in the task for task_free.
static bool make_parts(struct task *task, struct task *parent, bool inherit_memory)
{
    // What the first task makes is as free as that.
    task->ledger = ledger_make(parent && parent->number != 1 ? parent->ledger : NULL);
    if (!task->ledger)
        return false;
    task->map = parent && inherit_memory ? vm_map_fork(parent->map) : vm_map_create();
    if (!task->map || !vm_map_pay(task->map, task->ledger))
        return false;
    task->space = space_make(task->ledger);
    if (!task->space || (parent && !exception_actions_copy(parent->exceptions, &task->exceptions)))
        return false;
    task->self = port_make_kernel(PORT_TASK, task);
    return task->self != NULL;
}

static void task_free(struct task *task)
{
    if (task->map) {
        vm_map_shutdown(task->map);
        vm_map_deallocate(task->map);
    }
    if (task->space) {
        space_shutdown(task->space);
        space_release(task->space);
    }
    exception_actions_release(&task->exceptions);
    if (task->io_ports)
        io_ports_destroy(task->io_ports);
    if (task->ledger)
        ledger_close(task->ledger);
    slab_free(&task_cache, task);
    audit_sometimes("the end of a task");
}

kern_return_t task_make(struct task *parent, bool inherit_memory, struct task **result)
{
    struct task *task = slab_alloc(&task_cache);

    if (!task)
        return KERN_RESOURCE_SHORTAGE;
    memset(task, 0, sizeof(*task));
    if (!make_parts(task, parent, inherit_memory)) {
        task_free(task);
        return KERN_RESOURCE_SHORTAGE;
    }
    task->refs = 2; // alive, and the caller's
    task->alive = true;
    task->number = next_number++;
    task->next_thread_number = 1;
    list_init(&task->threads);
    list_init(&task->synchronizers);
    task->special[TASK_KERNEL_PORT] = port_make_send(task->self);
    if (parent) {
        task->entry.emulation = inherit_memory ? parent->entry.emulation : 0;
        inherit_ports(task, parent);
        strlcpy(task->name, parent->name, sizeof(task->name));
    }
    inherit_policy(task, parent);
    list_insert_tail(&all_tasks, &task->link);
    task_count++;
    *result = task;
    return KERN_SUCCESS;
}

void task_deallocate(struct task *task)
{
    if (!task)
        return;
    kassert(task->refs > 0);
    if (--task->refs == 0)
        task_free(task);
}

// ---- suspending ----

kern_return_t task_suspend(task_t task)
{
    if (task->suspend_count++ == 0)
        list_for_each(link, &task->threads)
            thread_post(container_of(link, struct thread, task_link));
    return KERN_SUCCESS;
}

kern_return_t task_resume(task_t task)
{
    if (task->suspend_count == 0)
        return KERN_FAILURE;
    if (--task->suspend_count > 0)
        return KERN_SUCCESS;
    list_for_each(link, &task->threads)
        thread_let_go(container_of(link, struct thread, task_link));
    return KERN_SUCCESS;
}

// ---- ending ----

void port_slot_set(struct port **slot, struct port *right)
{
    struct port *old = *slot;

    *slot = right;
    port_release_send(old);
}

static void release_ports(struct task *task)
{
    struct port *self = task->self;

    task->self = NULL;
    port_destroy_kernel(self);
    for (int which = TASK_KERNEL_PORT; which <= TASK_MAX_SPECIAL_PORT; which++)
        port_slot_set(&task->special[which], NULL);
    for (unsigned i = 0; i < TASK_PORT_REGISTER_MAX; i++)
        port_slot_set(&task->registered[i], NULL);
    exception_actions_release(&task->exceptions);
}

// Its memory goes now, first of all: telling others of the rest takes some. Then its ports die, and its
// threads end at their next boundary. Others may run meanwhile; they find that its port stands for
// nothing any more, and its own threads stop. Nobody could end the machine later than the first task.
kern_return_t task_terminate(task_t task)
{
    if (!task->alive)
        return KERN_SUCCESS;
    if (task->number == 1) {
        printf("Minato: the first task has ended, and the machine with it\n");
        audit("power-off");
        machine_power_off(1);
    }
    task->alive = false;
    task_count--;
    ended_faults += (unsigned)task->events.faults;
    list_remove(&task->link);
    task->self->object = NULL;
    task_suspend(task);
    vm_map_shutdown(task->map);
    release_ports(task);
    while (!list_empty(&task->synchronizers))
        synchronizer_kill(container_of(task->synchronizers.next, struct synchronizer, task_link));
    list_for_each_safe(link, &task->threads) {
        struct thread *thread = container_of(link, struct thread, task_link);

        ended_system_cycles += thread->system_cycles;
        thread_terminate(thread);
    }
    space_shutdown(task->space);
    task_deallocate(task);
    return KERN_SUCCESS;
}

// ---- current ----

struct task *current_task(void)
{
    return current_thread()->task;
}

struct ledger *current_ledger(void)
{
    struct task *task = current_thread()->task;

    return task ? task->ledger : NULL;
}

struct space *current_space(void)
{
    return current_thread()->task->space;
}

struct vm_map *current_map(void)
{
    struct task *task = current_thread()->task;

    return task ? task->map : NULL;
}

struct io_ports *current_io_ports(void)
{
    struct task *task = current_thread()->task;

    return task ? task->io_ports : NULL;
}

void describe_current(char *buffer, unsigned size)
{
    const struct thread *thread = current_thread();

    if (!thread || !thread->task)
        snprintf(buffer, size, "%s", thread && thread == processors[this_cpu()->number].idle
                                         ? "the idle thread" : "the kernel, while booting");
    else
        snprintf(buffer, size, "task %u (%s), thread %u", thread->task->number,
                 thread->task->name[0] ? thread->task->name : "unnamed", thread->number);
}
