// SPDX-License-Identifier: BSD-2-Clause
// Threads: fork, exit, join, detach.
//
// A thread cannot free the stack it runs on, so somebody else does: the joiner, or for a detached
// thread whoever next forks, detaches or ends. That one knows that the thread has `ended`, which is
// not yet enough to terminate it: it may still be unlocking. So it waits on the thread's semaphore,
// which the thread signals as its very last act, when it holds no lock; terminates it (in case it
// has not got that far itself) and frees all it was.
#include "threads/thread.h"

#include "start/init.h"
#include "threads/waiters.h"

#include <mach/mach.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GUARD_SIZE (4 * PAGE_SIZE) // so that a large frame does not step over it
#define STACK_SLACK 16 // bytes above the first argument, to keep the stack aligned

struct cthread first_thread;

static struct {
    struct mutex lock;
    struct condition ended; // a thread has ended
    int count;              // threads that have not ended
    struct cthread *gone;   // detached threads that have
} threads;

// ---- the block of a thread --------------------------------------------------------------------

// The TLS segments of a thread: the first is data, 4 GiB from the block on; the others are empty.
static void segments_for(const struct cthread *block, struct i386_tls_state *segments)
{
    unsigned base = (unsigned)block;

    memset(segments, 0, sizeof(*segments));
    segments->desc[0].low_word = (base << 16) | 0xffff;
    // 32-bit, limit in pages, present, ring 3, writable data, accessed.
    segments->desc[0].high_word = (base & 0xff000000) | 0x00cff300 | ((base >> 16) & 0xff);
}

static kern_return_t set_segments(const struct cthread *block)
{
    struct i386_tls_state segments;

    segments_for(block, &segments);
    return thread_set_state(block->thread, i386_TLS_STATE, (thread_state_t)&segments,
                            i386_TLS_STATE_COUNT);
}

static void load_selector(void)
{
    __asm__ volatile("movw %0, %%gs" : : "r"((unsigned short)THREAD_SELECTOR));
}

// Ends the kernel's side of a thread and frees everything the block names, and the block.
static void block_free(struct cthread *block)
{
    if (block->thread != MACH_PORT_NULL) {
        thread_terminate(block->thread);
        mach_port_deallocate(mach_task_self(), block->thread);
    }
    if (block->reply_port != MACH_PORT_NULL)
        mach_port_mod_refs(mach_task_self(), block->reply_port, MACH_PORT_RIGHT_RECEIVE, -1);
    if (block->wakeup != MACH_PORT_NULL)
        semaphore_free(block->wakeup);
    if (block->stack != 0)
        vm_deallocate(mach_task_self(), block->stack, block->stack_size);
    free(block);
}

// Waits for the last act of a thread that has ended: it waits on its semaphore no more itself.
static void wait_for_last_act(struct cthread *block)
{
    while (semaphore_wait(block->wakeup) == KERN_ABORTED)
        continue;
}

static void free_gone(void)
{
    struct cthread *gone, *next;

    mutex_lock(&threads.lock);
    gone = threads.gone;
    threads.gone = NULL;
    mutex_unlock(&threads.lock);
    for (; gone != NULL; gone = next) {
        next = gone->next;
        wait_for_last_act(gone);
        block_free(gone);
    }
}

// ---- start ------------------------------------------------------------------------------------

void threads_init(void)
{
    kern_return_t result;

    memset(&threads, 0, sizeof(threads));
    threads.count = 1;
    memset(&first_thread, 0, sizeof(first_thread));
    first_thread.self = &first_thread;
    first_thread.reent = _GLOBAL_REENT;
    first_thread.name = "main";
    first_thread.thread = mach_thread_self();
    parking_init();
    result = semaphore_create(mach_task_self(), &first_thread.wakeup, SYNC_POLICY_FIFO, 0);
    if (result == KERN_SUCCESS)
        result = set_segments(&first_thread);
    if (result != KERN_SUCCESS)
        start_failed();
    load_selector();
}

// First function of a forked thread. Its segments are in place, %gs is not yet loaded.
__attribute__((noreturn)) static void thread_begin(struct cthread *self)
{
    load_selector();
    cthread_exit(self->function(self->argument));
}

static kern_return_t allocate_stack(struct cthread *block, vm_size_t size)
{
    kern_return_t result;

    block->stack_size = round_page(size) + GUARD_SIZE;
    result = vm_allocate(mach_task_self(), &block->stack, block->stack_size, TRUE);
    if (result != KERN_SUCCESS) {
        block->stack = 0;
        return result;
    }
    return vm_protect(mach_task_self(), block->stack, GUARD_SIZE, FALSE, VM_PROT_NONE);
}

// Registers: thread_begin(block), as if called from nowhere. The kernel puts the user's segments in
// the place of none.
static kern_return_t set_registers(struct cthread *block)
{
    unsigned *stack = (unsigned *)(block->stack + block->stack_size - STACK_SLACK);
    struct i386_thread_state state = {.eip = (unsigned)thread_begin, .uesp = (unsigned)(stack - 1)};

    stack[0] = (unsigned)block;
    stack[-1] = 0;
    return thread_set_state(block->thread, i386_THREAD_STATE, (thread_state_t)&state,
                            i386_THREAD_STATE_COUNT);
}

// Everything a thread needs but its start; what succeeded is in the block and freed with it.
static kern_return_t prepare(struct cthread *block, vm_size_t stack_size)
{
    kern_return_t result = allocate_stack(block, stack_size);

    if (result == KERN_SUCCESS)
        result = semaphore_create(mach_task_self(), &block->wakeup, SYNC_POLICY_FIFO, 0);
    if (result == KERN_SUCCESS)
        result = thread_create(mach_task_self(), &block->thread);
    if (result == KERN_SUCCESS)
        result = set_segments(block);
    if (result == KERN_SUCCESS)
        result = set_registers(block);
    return result;
}

cthread_t cthread_fork_stack(cthread_fn_t function, any_t argument, vm_size_t size)
{
    struct cthread *block;

    free_gone();
    block = calloc(1, sizeof(*block));
    if (block == NULL)
        return CTHREAD_NULL;
    block->self = block;
    block->reent = &block->own_reent;
    block->function = function;
    block->argument = argument;
    _REENT_INIT_PTR(&block->own_reent);
    if (prepare(block, size) != KERN_SUCCESS) {
        block_free(block);
        return CTHREAD_NULL;
    }
    mutex_lock(&threads.lock);
    threads.count++;
    mutex_unlock(&threads.lock);
    thread_resume(block->thread);
    return block;
}

cthread_t cthread_fork(cthread_fn_t function, any_t argument)
{
    return cthread_fork_stack(function, argument, CTHREAD_STACK_SIZE);
}

// ---- end --------------------------------------------------------------------------------------

// Writes out what this thread's streams still hold and frees the C library's data of the thread.
static void reent_end(struct cthread *self)
{
    if (self->own_reent.__sdidinit) {
        fclose(stdin);
        fclose(stdout);
        fclose(stderr);
    }
    _reclaim_reent(&self->own_reent);
}

__attribute__((noreturn)) static void first_thread_exit(any_t result)
{
    mutex_lock(&threads.lock);
    while (threads.count > 1)
        condition_wait(&threads.ended, &threads.lock);
    mutex_unlock(&threads.lock);
    free_gone();
    exit((int)result);
}

void cthread_exit(any_t result)
{
    struct cthread *self = thread_block();

    if (self == NULL || self == &first_thread)
        first_thread_exit(result);
    free_gone();
    reent_end(self);
    self->result = result;
    mutex_lock(&threads.lock);
    self->ended = true;
    threads.count--;
    if (self->detached) {
        self->next = threads.gone;
        threads.gone = self;
    }
    condition_broadcast(&self->end);
    condition_broadcast(&threads.ended);
    mutex_unlock(&threads.lock);
    semaphore_signal(self->wakeup);
    for (;;)
        thread_terminate(self->thread);
}

static any_t join_ended(struct cthread *thread)
{
    any_t result = thread->result;

    wait_for_last_act(thread);
    block_free(thread);
    return result;
}

any_t cthread_join(cthread_t thread)
{
    mutex_lock(&threads.lock);
    while (!thread->ended)
        condition_wait(&thread->end, &threads.lock);
    mutex_unlock(&threads.lock);
    return join_ended(thread);
}

kern_return_t cthread_timedjoin(cthread_t thread, tvalspec_t limit, any_t *result)
{
    kern_return_t wait = KERN_SUCCESS;

    mutex_lock(&threads.lock);
    while (!thread->ended && wait == KERN_SUCCESS)
        wait = condition_timedwait(&thread->end, &threads.lock, limit);
    mutex_unlock(&threads.lock);
    if (!thread->ended)
        return wait;
    *result = join_ended(thread);
    return KERN_SUCCESS;
}

void cthread_detach(cthread_t thread)
{
    mutex_lock(&threads.lock);
    thread->detached = true;
    if (thread->ended) {
        thread->next = threads.gone;
        threads.gone = thread;
    }
    mutex_unlock(&threads.lock);
    free_gone();
}

void cthread_killed(cthread_t thread)
{
    mutex_lock(&threads.lock);
    if (!thread->ended) {
        thread->ended = true;
        threads.count--;
        condition_broadcast(&thread->end);
        condition_broadcast(&threads.ended);
        semaphore_signal(thread->wakeup); // the last act, in its place
    }
    mutex_unlock(&threads.lock);
}

// ---- small things -----------------------------------------------------------------------------

cthread_t cthread_self(void)
{
    return thread_block();
}

void cthread_yield(void)
{
    thread_switch(MACH_PORT_NULL, SWITCH_OPTION_DEPRESS, 1);
}

int cthread_count(void)
{
    return threads.count;
}

mach_port_t cthread_thread(cthread_t thread)
{
    return thread->thread;
}

void cthread_set_name(cthread_t thread, const char *name)
{
    thread->name = name;
}

const char *cthread_name(cthread_t thread)
{
    return thread->name != NULL ? thread->name : "?";
}

void cthread_set_data(cthread_t thread, any_t data)
{
    thread->data = data;
}

any_t cthread_data(cthread_t thread)
{
    return thread->data;
}
