// SPDX-License-Identifier: BSD-2-Clause
// The tasks of the machine, for programs that look at them (inspect.h).
#include <inspect.h>
#include <mach/bootstrap.h>
#include <mach/mach_error.h>
#include <mach/thread_info.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *program_name;

static void must(kern_return_t kr, const char *what)
{
    if (kr == KERN_SUCCESS)
        return;
    fprintf(stderr, "%s: %s: %s\n", program_name, what, mach_error_string(kr));
    exit(1);
}

mach_port_t inspect_host(const char *program)
{
    mach_port_t host = MACH_PORT_NULL, others[4] = {0};

    program_name = program;
    must(bootstrap_ports(bootstrap_port, &host, &others[0], &others[1], &others[2], &others[3]),
         "the privileged host port");
    if (MACH_PORT_VALID(others[0]))
        mach_port_deallocate(mach_task_self(), others[0]);
    return host;
}

static uint64_t us_of(time_value_t time)
{
    return (uint64_t)time.seconds * 1000000 + (unsigned)time.microseconds;
}

// False: it has ended meanwhile.
static int look(struct seen_task *task)
{
    struct task_thread_times_info times;
    mach_msg_type_number_t basic = TASK_BASIC_INFO_COUNT, alive = TASK_THREAD_TIMES_INFO_COUNT;

    if (minato_task_name(task->port, &task->number, task->name) != KERN_SUCCESS ||
        task_info(task->port, TASK_BASIC_INFO, (task_info_t)&task->basic, &basic) !=
            KERN_SUCCESS ||
        task_info(task->port, TASK_THREAD_TIMES_INFO, (task_info_t)&times, &alive) !=
            KERN_SUCCESS ||
        minato_task_counts(task->port, &task->counts) != KERN_SUCCESS)
        return 0;
    task->cpu_us = us_of(task->basic.user_time) + us_of(task->basic.system_time) +
                   us_of(times.user_time) + us_of(times.system_time);
    return 1;
}

static void release(struct seen_task *tasks, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        mach_port_deallocate(mach_task_self(), tasks[i].port);
    free(tasks);
}

static int by_number(const void *a, const void *b)
{
    natural_t x = ((const struct seen_task *)a)->number, y = ((const struct seen_task *)b)->number;

    return x < y ? -1 : x > y;
}

unsigned inspect_tasks(mach_port_t host, struct seen_task **result)
{
    static struct seen_task *seen;
    static unsigned seen_count;
    task_port_array_t ports = NULL;
    mach_msg_type_number_t count = 0;
    unsigned alive = 0;

    release(seen, seen_count);
    must(minato_host_tasks(host, &ports, &count), "minato_host_tasks");
    seen = calloc(count + 1, sizeof(*seen));
    must(seen == NULL ? KERN_RESOURCE_SHORTAGE : KERN_SUCCESS, "the list of tasks");
    for (unsigned i = 0; i < count; i++) {
        seen[alive].port = ports[i];
        if (look(&seen[alive]))
            alive++;
        else
            mach_port_deallocate(mach_task_self(), ports[i]);
    }
    vm_deallocate(mach_task_self(), (vm_address_t)(uintptr_t)ports, count * sizeof(*ports));
    qsort(seen, alive, sizeof(*seen), by_number);
    *result = seen;
    return seen_count = alive;
}

struct seen_task *inspect_find(struct seen_task *tasks, unsigned count, const char *which)
{
    char *end;
    unsigned long number = strtoul(which, &end, 10);

    for (unsigned i = 0; i < count; i++)
        if (*which != '\0' && *end == '\0' ? tasks[i].number == number
                                            : strcmp(tasks[i].name, which) == 0)
            return &tasks[i];
    return NULL;
}

void inspect_threads(mach_port_t task, void (*visit)(mach_port_t thread, void *context),
                     void *context)
{
    thread_act_port_array_t threads = NULL;
    mach_msg_type_number_t count = 0;

    if (task_threads(task, &threads, &count) != KERN_SUCCESS)
        return;
    for (unsigned i = 0; i < count; i++) {
        visit(threads[i], context);
        mach_port_deallocate(mach_task_self(), threads[i]);
    }
    if (count > 0)
        vm_deallocate(mach_task_self(), (vm_address_t)(uintptr_t)threads,
                      count * sizeof(*threads));
}

// ---- states -----------------------------------------------------------------------------------

struct state {
    char *letter, *reason;
};

// Running is more than waiting, and what the first thread waits for stands for all.
static void add_thread(mach_port_t thread, void *context)
{
    struct state *state = context;
    struct thread_basic_info info;
    mach_msg_type_number_t words = THREAD_BASIC_INFO_COUNT;
    minato_reason_t reason;
    natural_t number, port;

    if (*state->letter == 'R' ||
        thread_info(thread, THREAD_BASIC_INFO, (thread_info_t)&info, &words) != KERN_SUCCESS ||
        minato_thread_wait(thread, &number, reason, &port) != KERN_SUCCESS)
        return;
    if (info.run_state == TH_STATE_RUNNING) {
        *state->letter = 'R';
        state->reason[0] = '\0';
    } else if (*state->letter == '-') {
        *state->letter = info.run_state == TH_STATE_STOPPED ? 'T' : 'S';
        strcpy(state->reason, reason);
    }
}

void inspect_state(const struct seen_task *task, char *letter, minato_reason_t reason)
{
    struct state state = {letter, reason};

    *letter = '-';
    reason[0] = '\0';
    inspect_threads(task->port, add_thread, &state);
    if (task->basic.suspend_count > 0)
        *letter = 'T';
}

const char *inspect_time(uint64_t us, char *text, unsigned size)
{
    unsigned hundredths = (unsigned)(us / 10000);

    snprintf(text, size, "%u:%02u.%02u", hundredths / 6000, hundredths / 100 % 60,
             hundredths % 100);
    return text;
}
