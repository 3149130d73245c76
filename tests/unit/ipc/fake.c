// SPDX-License-Identifier: BSD-2-Clause
#include "fake.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <sanitizer/asan_interface.h>
#include "ipc/kobject.h"
#include "ipc/mig_kernel.h"
#include "ipc/mqueue.h"
#include "kern/sched.h"
#include "kern/trace.h"
#include "lib/assert.h"
#include "lib/slab.h"
#include "vm/map.h"
#include "vm/pager.h"
#include "x86/interrupt.h"
#include "x86/usercopy.h"

#define STACK (256 * 1024)
#define NOTICES 4096

struct task tasks[TASKS];
struct ledger task_ledgers[TASKS];
struct thread threads[THREADS];
struct cpu cpus[MAX_CPUS];

void panic(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    printf("Bail out! panic: ");
    vprintf(format, args);
    printf("\n");
    fflush(stdout);
    abort();
}

void assert_failed(const char *what, const char *file, int line)
{
    panic("%s:%d: %s", file, line, what);
}

void preemption_point(void)
{
}

void sched_point(void)
{
}

// ---- allocations: what was asked for, behind a word that says from whom -----------------------

#define FROM_KMALLOC ((struct slab_cache *)0x6b6d616c)

struct tag {
    struct slab_cache *owner; // NULL: free
    uint32_t size;
};

bool fake_failed;
static bool fail_all;
static unsigned fail_at, in_use;

void fake_fail_at(unsigned n, bool all)
{
    fail_at = n;
    fail_all = all;
    fake_failed = false;
}

static void *allocate(struct slab_cache *owner, size_t size)
{
    struct tag *tag;

    if (fail_at > 0 && --fail_at == 0) {
        fail_at = fail_all;
        fake_failed = true;
        return NULL;
    }
    tag = malloc(sizeof *tag + size);
    *tag = (struct tag){owner, size};
    memset(tag + 1, 0xa5, size); // nobody may count on zeros
    in_use++;
    return tag + 1;
}

static void release(struct slab_cache *owner, void *memory)
{
    struct tag *tag = (struct tag *)memory - 1;

    if (tag->owner != owner)
        panic("memory is given back to another cache than it came from");
    in_use--;
    free(tag);
}

unsigned fake_allocated(void)
{
    return in_use;
}

void *slab_alloc(struct slab_cache *cache)
{
    return allocate(cache, cache->object_size);
}

void slab_free(struct slab_cache *cache, void *object)
{
    release(cache, object);
}

void *kmalloc(size_t size)
{
    if (size == 0)
        panic("kmalloc(0)");
    return allocate(FROM_KMALLOC, size);
}

void *kzalloc(size_t size)
{
    void *memory = kmalloc(size);

    return memory ? memset(memory, 0, size) : NULL;
}

void kfree(void *memory)
{
    if (memory)
        release(FROM_KMALLOC, memory);
}

// ---- user memory --------------------------------------------------------------------------------

struct block {
    struct block *next;
    vm_size_t size;
    uint32_t *words;
    bool marked;
};

static struct vm_map maps[TASKS];
static struct block *blocks[TASKS];
unsigned fake_copies;

static struct block **blocks_of(const struct vm_map *map)
{
    return &blocks[map - maps];
}

void *fake_block(struct vm_map *map, vm_size_t size, uint32_t fill)
{
    struct block *block = malloc(sizeof *block);

    *block = (struct block){*blocks_of(map), size, malloc(size), true};
    for (vm_size_t i = 0; i < size / 4; i++)
        block->words[i] = fill;
    *blocks_of(map) = block;
    return block->words;
}

void fake_take_marked(struct vm_map *map)
{
    for (struct block *block = *blocks_of(map), *next; block; block = next) {
        next = block->next;
        if (block->marked)
            vm_deallocate(map, (vm_offset_t)block->words, block->size);
    }
}

// A block that the kernel gives to a task.
static vm_offset_t give_block(struct vm_map *map, vm_size_t size)
{
    void *words = fake_block(map, size, 0);

    (*blocks_of(map))->marked = false;
    return (vm_offset_t)words;
}

bool fake_has_block(const struct vm_map *map, const void *address, vm_size_t size, bool marked)
{
    for (struct block *block = *blocks_of(map); block; block = block->next)
        if (block->words == address && block->size == size && block->marked == marked)
            return true;
    return false;
}

unsigned fake_block_count(const struct vm_map *map)
{
    unsigned count = 0;

    for (struct block *block = *blocks_of(map); block; block = block->next)
        count++;
    return count;
}

kern_return_t vm_deallocate(struct vm_map *map, vm_offset_t address, vm_size_t size)
{
    for (struct block **link = blocks_of(map); *link; link = &(*link)->next) {
        struct block *block = *link;

        if ((vm_offset_t)block->words == address && block->size == size) {
            *link = block->next;
            free(block->words);
            free(block);
            return KERN_SUCCESS;
        }
    }
    return KERN_INVALID_ADDRESS;
}

kern_return_t vm_allocate(struct vm_map *map, vm_offset_t *address, vm_size_t size,
                          boolean_t anywhere)
{
    void *trial = kmalloc(1); // may fail, as everything may

    if (!anywhere)
        panic("nobody chooses an address here");
    if (!trial)
        return KERN_RESOURCE_SHORTAGE;
    kfree(trial);
    *address = give_block(map, size);
    return KERN_SUCCESS;
}

bool copy_from_user(void *to, uintptr_t from, size_t size)
{
    if (from < FAKE_USER_MIN)
        return false;
    memcpy(to, (const void *)from, size);
    return true;
}

bool copy_to_user(uintptr_t to, const void *from, size_t size)
{
    if (to < FAKE_USER_MIN)
        return false;
    memcpy((void *)to, from, size);
    return true;
}

// ---- copies -------------------------------------------------------------------------------------

kern_return_t vm_map_copy_from_kernel(const void *data, vm_size_t size, struct vm_map_copy **copy)
{
    struct vm_map_copy *made = kmalloc(sizeof *made);

    if (!made)
        return KERN_RESOURCE_SHORTAGE;
    *made = (struct vm_map_copy){size, malloc(size)};
    memcpy(made->bytes, data, size);
    fake_copies++;
    *copy = made;
    return KERN_SUCCESS;
}

kern_return_t vm_map_copyin(struct vm_map *map, vm_offset_t address, vm_size_t size,
                            struct vm_map_copy **copy)
{
    (void)map;
    if (address < FAKE_USER_MIN)
        return KERN_INVALID_ADDRESS;
    return vm_map_copy_from_kernel((const void *)address, size, copy);
}

void vm_map_copy_discard(struct vm_map_copy *copy)
{
    if (!copy)
        return;
    fake_copies--;
    free(copy->bytes);
    kfree(copy);
}

kern_return_t vm_map_copyout(struct vm_map *map, vm_offset_t *address, struct vm_map_copy *copy)
{
    void *trial;

    *address = 0;
    if (!copy)
        return KERN_SUCCESS;
    trial = kmalloc(1);
    if (!trial)
        return KERN_RESOURCE_SHORTAGE;
    kfree(trial);
    *address = give_block(map, copy->size);
    memcpy((void *)*address, copy->bytes, copy->size);
    vm_map_copy_discard(copy);
    return KERN_SUCCESS;
}

bool vm_map_copy_across(struct vm_map *from, vm_offset_t address, vm_size_t size, struct vm_map *to,
                        vm_offset_t *there)
{
    struct vm_map_copy *copy;

    if (vm_map_copyin(from, address, size, &copy) != KERN_SUCCESS)
        return false;
    if (vm_map_copyout(to, there, copy) == KERN_SUCCESS)
        return true;
    vm_map_copy_discard(copy);
    return false;
}

kern_return_t vm_map_copy_overwrite(struct vm_map *map, vm_offset_t address,
                                    struct vm_map_copy *copy)
{
    (void)map;
    if (address < FAKE_USER_MIN)
        return KERN_INVALID_ADDRESS;
    memcpy((void *)address, copy->bytes, copy->size);
    vm_map_copy_discard(copy);
    return KERN_SUCCESS;
}

// ---- who runs -----------------------------------------------------------------------------------

// A thread's coroutine never ends: it makes one call after the other.
// The trap, as kern/traps.c calls it.
mach_msg_return_t mach_msg_trap(struct message_arguments arguments);

struct coroutine {
    ucontext_t context;
    bool finished; // its call is over, and it must begin anew
    void *stack;
    struct message_arguments arguments;
    mach_msg_return_t answer;
    uint64_t deadline;
};

bool fake_traps, fake_handed_over;
static struct coroutine coroutines[THREADS];
static ucontext_t test;
static struct thread *woken[THREADS];
static unsigned woken_count;

static struct coroutine *coroutine_of(const struct thread *thread)
{
    return &coroutines[thread - threads];
}

static void run(int number)
{
    struct coroutine *c = &coroutines[number];

    for (;;) {
        c->answer = fake_traps ? mach_msg_trap(c->arguments) : mach_msg_general(&c->arguments);
        threads[number].state = THREAD_READY;
        swapcontext(&c->context, &test);
    }
}

void fake_current(struct thread *thread)
{
    cpus[0].current = thread;
}

static void begin(int number)
{
    struct coroutine *c = &coroutines[number];

    // Whoever was here before has left no frames that would still be looked at.
    ASAN_UNPOISON_MEMORY_REGION(c->stack, STACK);
    getcontext(&c->context);
    c->context.uc_stack.ss_sp = c->stack;
    c->context.uc_stack.ss_size = STACK;
    makecontext(&c->context, (void (*)(void))run, 1, number);
}

void fake_finish(struct thread *thread)
{
    coroutine_of(thread)->finished = fake_handed_over = true;
    coroutine_of(thread)->answer = MACH_MSG_SUCCESS;
}

void fake_switch_from(const struct thread *thread)
{
    swapcontext(&coroutine_of(thread)->context, &test);
}

void fake_resume(struct thread *thread)
{
    if (coroutine_of(thread)->finished) {
        coroutine_of(thread)->finished = fake_handed_over = false;
        begin(thread - threads);
        return;
    }
    fake_current(thread);
    thread->state = THREAD_RUNNING;
    coroutine_of(thread)->deadline = WAIT_FOREVER;
    swapcontext(&test, &coroutine_of(thread)->context);
    fake_current(NULL);
}

void fake_call(struct thread *thread, const struct message_arguments *arguments)
{
    coroutine_of(thread)->arguments = *arguments;
    fake_resume(thread);
}

mach_msg_return_t fake_answer(const struct thread *thread)
{
    return coroutine_of(thread)->answer;
}

bool fake_waits(const struct thread *thread)
{
    return thread->state == THREAD_WAITING;
}

uint64_t fake_deadline(const struct thread *thread)
{
    return coroutine_of(thread)->deadline;
}

struct thread *fake_next_woken(void)
{
    struct thread *thread = woken[0];

    if (woken_count == 0)
        return NULL;
    memmove(woken, woken + 1, --woken_count * sizeof woken[0]);
    if (woken_count == 0)
        processors[0].best = PRIORITY_LEVELS;
    return thread;
}

struct task *current_task(void)
{
    return current_thread()->task;
}

unsigned page_last_resort;

struct ledger *current_ledger(void)
{
    return current_thread() ? current_task()->ledger : NULL;
}

void ledger_free_if_empty(struct ledger *ledger)
{
    (void)ledger;
    panic("tasks keep their ledgers here");
}

struct space *current_space(void)
{
    return current_task()->space;
}

struct vm_map *current_map(void)
{
    return current_task()->map;
}

// ---- waiting: what kern/waitq.c asks of the scheduler and the timers ----------------------------

void sched_switch(struct thread *next)
{
    if (next)
        panic("a handed-over processor");
    fake_switch_from(current_thread());
}

void sched_ready(struct thread *thread)
{
    thread->state = THREAD_READY;
    woken[woken_count++] = thread;
    processors[0].best = 0; // nobody is handed the processor before it
}

void timer_arm(struct timer *timer, uint64_t deadline)
{
    coroutine_of(container_of(timer, struct thread, wait_timer))->deadline = deadline;
}

void timer_cancel(struct timer *timer)
{
    (void)timer;
}

uint64_t clock_now(void)
{
    return 1;
}

// ---- the kernel as a sender and as a receiver ---------------------------------------------------

static bool notices[NOTICES]; // sent?
static unsigned notice_count, notice_next;

void fake_notices_begin(void)
{
    notice_count = notice_next = 0;
}

unsigned fake_notices_left(void)
{
    return notice_count - notice_next;
}

bool fake_next_notice_sent(void)
{
    return notice_next < notice_count ? notices[notice_next++] : false;
}

static void note(bool memory)
{
    if (notice_count == NOTICES)
        panic("too many messages of the kernel's in one step");
    notices[notice_count++] = memory;
}

// Both are wrapped by the linker: what the kernel sends itself, and the message that it will reply with.
kern_return_t __real_mach_msg_send_from_kernel(mach_msg_header_t *msg, mach_msg_size_t size);
kern_return_t __wrap_mach_msg_send_from_kernel(mach_msg_header_t *msg, mach_msg_size_t size);
struct kmsg *__real_kmsg_alloc(mach_msg_size_t size);
struct kmsg *__wrap_kmsg_alloc(mach_msg_size_t size);
void __real_kobject_serve(struct kmsg *request);
void __wrap_kobject_serve(struct kmsg *request);
struct kmsg *__real_kobject_call(struct kmsg *request);
struct kmsg *__wrap_kobject_call(struct kmsg *request);
static bool allocates_notice;

struct kmsg *__wrap_kmsg_alloc(mach_msg_size_t size)
{
    struct kmsg *kmsg = __real_kmsg_alloc(size);

    if (allocates_notice)
        note(kmsg != NULL);
    allocates_notice = false;
    return kmsg;
}

kern_return_t __wrap_mach_msg_send_from_kernel(mach_msg_header_t *msg, mach_msg_size_t size)
{
    allocates_notice = true;
    return __real_mach_msg_send_from_kernel(msg, size);
}

void __wrap_kobject_serve(struct kmsg *request)
{
    allocates_notice = true;
    __real_kobject_serve(request);
}

// The fast path's way to the same; without memory it goes the other.
struct kmsg *__wrap_kobject_call(struct kmsg *request)
{
    struct kmsg *reply = __real_kobject_call(request);

    if (reply)
        note(true);
    return reply;
}

// What the kernel serves: nothing, so that every request is answered with MIG_BAD_ID.
static const struct mig_subsystem no_routines;
extern const struct mig_subsystem *const subsystems[];
const struct mig_subsystem *const subsystems[] = {&no_routines, NULL};

void device_no_senders(struct device *device)
{
    (void)device;
    panic("there are no devices here");
}

void vm_pager_port_died(struct pager *pager)
{
    (void)pager;
    panic("there are no pagers here");
}

void clock_alarm_cancel(struct dead_name_request *request)
{
    (void)request;
    panic("there are no alarms here");
}

static struct kmsg *held[8]; // as many as kmsg.c keeps

void fake_hold_messages(void)
{
    for (unsigned i = 0; i < sizeof held / sizeof held[0]; i++)
        held[i] = kmsg_alloc(sizeof(mach_msg_header_t));
}

void fake_let_messages_go(void)
{
    for (unsigned i = 0; i < sizeof held / sizeof held[0]; i++) {
        if (held[i])
            kmsg_free(held[i]);
        held[i] = NULL;
    }
}

// ---- the world ----------------------------------------------------------------------------------

static void make_coroutine(int number)
{
    if (coroutines[number].stack)
        return; // it waits for its next call
    coroutines[number].stack = malloc(STACK);
    begin(number);
}

void fake_begin(void)
{
    memset(tasks, 0, sizeof tasks);
    memset(threads, 0, sizeof threads);
    processors[0].best = PRIORITY_LEVELS;
    for (int i = 0; i < TASKS; i++) {
        task_ledgers[i] = (struct ledger){.number = i + 1};
        for (int kind = 0; kind < MINATO_LIMIT_COUNT; kind++)
            task_ledgers[i].limit[kind] = INT32_MAX;
        tasks[i] = (struct task){.refs = 1, .alive = true, .number = i + 1, .map = &maps[i],
                                 .ledger = &task_ledgers[i],
                                 .space = space_make(&task_ledgers[i])};
    }
    for (int i = 0; i < THREADS; i++) {
        threads[i] = (struct thread){.refs = 1, .task = &tasks[i % TASKS], .number = i + 1,
                                     .base_priority = 10 + i % 3, .priority = 10 + i % 3,
                                     .state = THREAD_READY};
        make_coroutine(i);
    }
}

void fake_end(void)
{
    for (int i = 0; i < TASKS; i++) {
        while (blocks[i])
            vm_deallocate(&maps[i], (vm_offset_t)blocks[i]->words, blocks[i]->size);
        space_release(tasks[i].space);
    }
}

// ---- kern/trace.c: nothing is recorded here, so nobody comes by ----

void trace_message(const struct kmsg *kmsg, const struct thread *thread, enum minato_trace_kind kind)
{
    abort();
}

void trace_block(void)
{
    abort();
}
