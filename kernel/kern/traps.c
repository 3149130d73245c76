// SPDX-License-Identifier: BSD-2-Clause
// Traps that MIG does not make (TRAPS_* in tools/mig.mk) and that have not to do with ports: memory, and
// giving the processor away. The build makes the table of all of them from <mach/syscall_sw.h>
// (tools/traptable).
//
// A trap is a short cut for a message to the object that its first argument names. If that name does
// not denote an object of the right kind in this kernel (no such name, a user's port, a proxy for an
// object elsewhere) the answer is MACH_SEND_INVALID_DEST and nothing has happened; the library then
// sends the message. Contracts: <mach/mach_traps.h>; entry: x86/entry.asm.
#include <mach/thread_switch.h>
#include "ipc/kobject.h"
#include "ipc/space.h"
#include "kern/sched.h"
#include "kern/semaphore.h"
#include "kern/thread.h"
#include "mach_server.h"
#include "vm/map.h"
#include "x86/cpu.h"
#include "x86/interrupt.h"
#include "x86/upcall.h"
#include "x86/usercopy.h"

// The kernel object of that kind behind a name of the current task; NULL when there is none. Borrowed:
// good until the caller blocks.
static void *object_named(mach_port_name_t name, enum port_kind kind)
{
    return port_object(space_send_target(current_space(), name), kind);
}

// ---- memory ----

// The map of the task that `name` denotes, with a reference; NULL when it denotes none.
static struct vm_map *map_named(mach_port_name_t name)
{
    struct task *task = task_from_name(name);

    if (!task)
        return NULL;
    task->map->refs++;
    return task->map;
}

// Tells the caller where its memory is; gives the memory back when the caller cannot be told.
static kern_return_t address_out(struct vm_map *map, uintptr_t pointer, vm_address_t address,
                                 vm_size_t size)
{
    if (user_word_put(pointer, address))
        return KERN_SUCCESS;
    vm_deallocate(map, address, size);
    return KERN_INVALID_ADDRESS;
}

TRAP_FUNCTION kern_return_t vm_allocate_trap(mach_port_name_t task, uintptr_t pointer,
                                             vm_size_t size, boolean_t anywhere)
{
    struct vm_map *map = map_named(task);
    vm_address_t address;
    kern_return_t kr;

    if (!map)
        return MACH_SEND_INVALID_DEST;
    kr = user_word_get(&address, pointer) ? KERN_SUCCESS : KERN_INVALID_ADDRESS;
    if (kr == KERN_SUCCESS)
        kr = vm_allocate(map, &address, size, anywhere);
    if (kr == KERN_SUCCESS)
        kr = address_out(map, pointer, address, size);
    vm_map_deallocate(map);
    return kr;
}

// Only zero-filled memory; to map an object the library sends the message, which carries its right.
TRAP_FUNCTION kern_return_t vm_map_trap(mach_port_name_t task, uintptr_t pointer,
                                        vm_size_t size, vm_address_t mask,
                                        boolean_t anywhere, mach_port_name_t object,
                                        vm_offset_t offset, boolean_t copy,
                                        vm_prot_t protection, vm_prot_t max_protection,
                                        vm_inherit_t inheritance)
{
    struct vm_map *map = object == MACH_PORT_NULL ? map_named(task) : NULL;
    vm_address_t address;
    kern_return_t kr;

    if (!map)
        return MACH_SEND_INVALID_DEST;
    kr = user_word_get(&address, pointer) ? KERN_SUCCESS : KERN_INVALID_ADDRESS;
    if (kr == KERN_SUCCESS)
        kr = vm_map(map, &address, size, mask, anywhere, MACH_PORT_NULL, offset, copy, protection,
                    max_protection, inheritance);
    if (kr == KERN_SUCCESS)
        kr = address_out(map, pointer, address, size);
    vm_map_deallocate(map);
    return kr;
}

// ---- semaphores ----

TRAP_FUNCTION kern_return_t semaphore_signal_thread_trap(mach_port_name_t name,
                                                         mach_port_name_t thread_name)
{
    struct semaphore *semaphore = object_named(name, PORT_SEMAPHORE);
    struct thread *thread = object_named(thread_name, PORT_THREAD);

    if (!semaphore || (!thread && thread_name != MACH_PORT_NULL))
        return MACH_SEND_INVALID_DEST;
    return semaphore_wake(semaphore, thread);
}

// ---- giving the processor away ----

// Lets others run, `next` first if it is a ready thread. Returns when it is this thread's turn again,
// which also ends a depression.
static void give_way(struct thread *next)
{
    struct thread *self = current_thread();

    if (next == self)
        next = NULL;
    self->state = THREAD_READY;
    if (next && next->state == THREAD_READY)
        sched_unready(next);
    else
        next = NULL;
    sched_switch(next);
    thread_undepress(self);
}

TRAP_FUNCTION boolean_t swtch_trap(void)
{
    if (sched_best_ready() == PRIORITY_LEVELS)
        return FALSE;
    give_way(NULL);
    return TRUE;
}

TRAP_FUNCTION boolean_t swtch_pri_trap(int priority)
{
    if (sched_best_ready() == PRIORITY_LEVELS)
        return FALSE;
    thread_depress(0);
    give_way(NULL);
    return TRUE;
}

static kern_return_t switch_wait(mach_msg_timeout_t ms)
{
    uint64_t deadline = clock_now() + ms * 1000000ull;

    if (waitq_wait(NULL, deadline, true, "thread_switch") == WAIT_INTERRUPTED)
        return KERN_ABORTED;
    return KERN_SUCCESS;
}

// A name that is no thread's is only a bad hint.
TRAP_FUNCTION kern_return_t thread_switch_trap(mach_port_name_t name, int option,
                                               mach_msg_timeout_t ms)
{
    struct thread *next;

    if (!valid_switch_option(option))
        return KERN_INVALID_ARGUMENT;
    if (option == SWITCH_OPTION_WAIT)
        return switch_wait(ms);
    next = name == MACH_PORT_NULL ? NULL : object_named(name, PORT_THREAD);
    if (option != SWITCH_OPTION_NONE)
        thread_depress(ms);
    give_way(next);
    return KERN_SUCCESS;
}
