// SPDX-License-Identifier: BSD-2-Clause
// The simulated machine (sim.h): what kernel/kern asks of x86, ipc and vm, on top of the host's C
// library.
#include "sim.h"
#include <stdarg.h>
#include <stdlib.h>
#include <ucontext.h>
#include "ipc/port.h"
#include "kern/task.h"
#include "kern/trace.h"
#include "lib/assert.h"
#include "lib/slab.h"
#include "vm/map.h"
#include "x86/boot.h"
#include "x86/interrupt.h"
#include "x86/upcall.h"

#define STACK (64 * 1024)

struct cpu cpus[MAX_CPUS];
uint64_t sim_now = 5 * MS;
struct task sim_task;
char trail[4096];

static uint64_t armed = UINT64_MAX;
static int points;
static bool failed;

// ---- TAP ----

void ok(bool good, const char *rule)
{
    printf("%sok %d - %s\n", good ? "" : "not ", ++points, rule);
    failed |= !good;
}

void is(long got, long want, const char *rule)
{
    ok(got == want, rule);
    if (got != want)
        printf("# got %ld, want %ld\n", got, want);
}

void is_text(const char *got, const char *want, const char *rule)
{
    ok(strcmp(got, want) == 0, rule);
    if (strcmp(got, want) != 0)
        printf("# got \"%s\", want \"%s\"\n", got, want);
}

void leave(char letter)
{
    size_t length = strlen(trail);

    if (length + 1 < sizeof(trail)) {
        trail[length] = letter;
        trail[length + 1] = '\0';
    }
}

// ---- coroutines as threads ----

struct coroutine {
    ucontext_t context;
    char *stack;
    void (*start)(void);
    void (*body)(long); // "user code"
    long body_argument;
};

static struct coroutine *coroutine(struct machine_thread *m)
{
    return m->stack;
}

static void entry(unsigned pointer)
{
    struct coroutine *c = (struct coroutine *)pointer;

    c->start();
    c->body(c->body_argument); // user mode
    thread_terminate(current_thread());
    return_to_user_checks();
    abort();
}

kern_return_t machine_thread_init(struct machine_thread *m, void (*start)(void))
{
    struct coroutine *c = calloc(1, sizeof(*c));

    c->start = start;
    c->stack = malloc(STACK);
    getcontext(&c->context);
    c->context.uc_stack.ss_sp = c->stack;
    c->context.uc_stack.ss_size = STACK;
    makecontext(&c->context, (void (*)(void))entry, 1, (unsigned)c);
    m->stack = c;
    return KERN_SUCCESS;
}

void machine_thread_destroy(struct machine_thread *m)
{
    free(coroutine(m)->stack);
    free(coroutine(m));
}

void context_switch(struct machine_thread *from, struct machine_thread *to)
{
    swapcontext(&coroutine(from)->context, &coroutine(to)->context);
}

// Here a wait that is over returns like any other.
void context_finish_trap(struct machine_thread *from, struct machine_thread *to)
{
    context_switch(from, to);
}

void context_start(struct machine_thread *to)
{
    setcontext(&coroutine(to)->context);
    abort();
}

struct thread *sim_thread_in(struct task *task, int policy, int priority, void (*body)(long),
                             long argument)
{
    struct thread *thread;

    task->policy = policy;
    task->priority = priority;
    task->quantum_ms = QUANTUM_MS;
    if (thread_make(task, &thread) != KERN_SUCCESS)
        abort();
    coroutine(&thread->machine)->body = body;
    coroutine(&thread->machine)->body_argument = argument;
    thread->suspend_count = 0;
    thread_release(thread);
    thread_deallocate(thread);
    return thread;
}

struct thread *sim_thread(int policy, int priority, void (*body)(long), long argument)
{
    return sim_thread_in(&sim_task, policy, priority, body, argument);
}

// ---- time ----

uint64_t clock_now(void)
{
    return sim_now;
}

void clock_arm(uint64_t deadline)
{
    armed = deadline;
}

void boundary(void)
{
    if (this_cpu()->ast)
        return_to_user_checks();
}

void spend(uint64_t ns)
{
    while (ns > 0) {
        uint64_t step = ns;

        if (armed <= sim_now)
            step = 0;
        else if (armed - sim_now < step)
            step = armed - sim_now;
        sim_now += step;
        ns -= step;
        if (armed <= sim_now)
            timer_interrupt();
        boundary();
    }
}

void preemption_point(void)
{
    if (armed <= sim_now)
        timer_interrupt();
}

void cpu_idle(void)
{
    if (armed == UINT64_MAX) {
        printf("Bail out! everybody waits for ever\n");
        exit(1);
    }
    if (armed > sim_now)
        sim_now = armed;
    timer_interrupt();
}

void sleep_until(uint64_t ns)
{
    if (waitq_wait(NULL, ns, false, "test") != WAIT_TIMED_OUT)
        abort();
    boundary();
}

// ---- the rest of the kernel ----

struct pmap kernel_pmap;
struct port_counts port_counts;

struct pmap *pmap_active;

void pmap_load(struct pmap *pmap)
{
    (void)pmap;
}

// Nothing is recorded here, so nobody comes by.
void trace_block(void)
{
    abort();
}

void trace_wake(const struct thread *woken)
{
    abort();
}

void trace_switch(void)
{
    abort();
}

void trace_return(void)
{
    abort();
}

void exception_actions_release(struct exception_actions **actions)
{
    (void)actions;
}

void *slab_alloc(struct slab_cache *cache)
{
    cache->in_use++;
    return malloc(cache->object_size);
}

void slab_free(struct slab_cache *cache, void *object)
{
    cache->in_use--;
    memset(object, 0xdb, cache->object_size); // who still uses it shall notice
    free(object);
}

void *kzalloc(size_t size)
{
    return calloc(1, size);
}

void kfree(void *memory)
{
    free(memory);
}

struct port *port_make_kernel(enum port_kind kind, void *object)
{
    struct port *port = calloc(1, sizeof(*port));

    port->kind = kind;
    port->object = object;
    port->active = true;
    return port;
}

void port_destroy_kernel(struct port *port)
{
    port->active = false;
}

struct port *port_make_send(struct port *port)
{
    port->srights++;
    return port;
}

void port_release_send(struct port *port)
{
    if (port)
        port->srights--;
}

void task_deallocate(struct task *task)
{
    if (task)
        task->refs--;
}

void panic(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    printf("Bail out! panic: ");
    vprintf(format, args);
    printf("\n");
    exit(1);
}

void assert_failed(const char *what, const char *file, int line)
{
    panic("%s, %s:%d", what, file, line);
}

// ---- start ----

static void run_simulation(long unused)
{
    (void)unused;
    simulation();
    printf("1..%d\n", points);
    fflush(stdout);
    _Exit(failed);
}

int main(void)
{
    static struct vm_map map;
    struct thread *first;

    setvbuf(stdout, NULL, _IOLBF, 0);
    sched_init();
    thread_init();
    sim_task = (struct task){.refs = 1, .alive = true, .number = 1, .map = &map};
    list_init(&sim_task.threads);
    list_init(&sim_task.synchronizers);
    first = sim_thread(POLICY_FIFO, 0, run_simulation, 0);
    sched_unready(first);
    sched_start(first);
}
