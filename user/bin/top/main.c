// SPDX-License-Identifier: BSD-2-Clause
// top: the tasks that use the processor, again and again; q ends it. `top -n N` shows them N times, one
// list below the other, for a script. -s MS: how long between two.
#include <console_session.h>
#include <cthreads.h>
#include <inspect.h>
#include <mach/clock_types.h>
#include <servers/console.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_MAX 18 // tasks on a screen of 24 lines

struct row {
    const struct seen_task *task;
    uint64_t used; // of the processor since the last look, us
};

// What each task had used at the last look, by number.
static struct usage {
    natural_t number;
    uint64_t cpu_us;
} *last;
static unsigned last_count;

static mach_port_t wake; // semaphore: a key was pressed

static uint64_t now_us(void)
{
    tvalspec_t time = {0, 0}, now;

    clock_sleep(MACH_PORT_NULL, TIME_RELATIVE, time, &now);
    return (uint64_t)now.tv_sec * 1000000 + (unsigned)now.tv_nsec / 1000;
}

static uint64_t used_before(natural_t number)
{
    for (unsigned i = 0; i < last_count; i++)
        if (last[i].number == number)
            return last[i].cpu_us;
    return 0;
}

static int busiest_first(const void *a, const void *b)
{
    const struct row *x = a, *y = b;

    if (x->used != y->used)
        return x->used > y->used ? -1 : 1;
    return x->task->number < y->task->number ? -1 : 1;
}

static void remember(const struct seen_task *tasks, unsigned count)
{
    free(last);
    last = calloc(count + 1, sizeof(*last));
    last_count = last == NULL ? 0 : count;
    for (unsigned i = 0; i < last_count; i++)
        last[i] = (struct usage){tasks[i].number, tasks[i].cpu_us};
}

static void show_head(mach_port_t host, uint64_t us)
{
    minato_host_counts_t counts;
    char up[24];

    if (minato_host_counts(host, &counts) != KERN_SUCCESS)
        return;
    printf("up %s  %u tasks, %u threads, %u ports, %u messages waiting\n",
           inspect_time(us, up, sizeof(up)), counts.tasks, counts.threads, counts.ports,
           counts.messages_queued);
    printf("memory: %u KiB, %u used, %u free; kernel's heap %u\n\n", counts.pages_total * 4,
           counts.pages_used * 4, counts.pages_free * 4, counts.kernel_heap / 1024);
    printf("  PID  %%CPU      TIME THR     RSS NAMES S WAIT          NAME\n");
}

static void show_row(const struct row *row, uint64_t passed)
{
    unsigned share = passed == 0 ? 0 : (unsigned)(row->used * 1000 / passed);
    minato_reason_t reason;
    char letter, time[24];

    inspect_state(row->task, &letter, reason);
    printf("%5u %3u.%u%% %9s %3u %7u %5u %c %-13s %s\n", row->task->number, share / 10, share % 10,
           inspect_time(row->task->cpu_us, time, sizeof(time)), row->task->counts.threads,
           row->task->counts.resident_pages * 4, row->task->counts.names_total, letter, reason,
           row->task->name);
}

static void show(mach_port_t host, uint64_t *looked, int screen)
{
    struct seen_task *tasks;
    unsigned count = inspect_tasks(host, &tasks);
    uint64_t now = now_us();
    struct row *rows = calloc(count + 1, sizeof(*rows));

    if (rows == NULL)
        return;
    for (unsigned i = 0; i < count; i++)
        rows[i] = (struct row){&tasks[i], tasks[i].cpu_us - used_before(tasks[i].number)};
    qsort(rows, count, sizeof(*rows), busiest_first);
    if (screen)
        printf("\033[H\033[2J");
    show_head(host, now);
    for (unsigned i = 0; i < count && (!screen || i < SHOWN_MAX); i++)
        show_row(&rows[i], now - *looked);
    fflush(stdout);
    remember(tasks, count);
    free(rows);
    *looked = now;
}

// ---- keys ---------------------------------------------------------------------------------------

// Reads keys until it is a q, ^C or the end of the input.
static any_t read_keys(any_t session)
{
    console_data_t data;
    mach_msg_type_number_t size;

    do {
        size = sizeof(data);
        if (console_read((mach_port_t)(uintptr_t)session, sizeof(data), data, &size) !=
            KERN_SUCCESS)
            break;
    } while (size > 0 && memchr(data, 'q', size) == NULL && memchr(data, 3, size) == NULL);
    semaphore_signal(wake);
    return NULL;
}

static void keys_begin(mach_port_t session)
{
    cthread_t reader;

    console_set_mode(session, CONSOLE_RAW | CONSOLE_NO_ECHO);
    console_focus(session);
    reader = cthread_fork(read_keys, (any_t)(uintptr_t)session);
    if (reader != CTHREAD_NULL)
        cthread_detach(reader);
}

int main(int argc, char **argv)
{
    unsigned rounds = 0, ms = 1000;
    uint64_t looked = 0;
    mach_port_t host;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-n") == 0 && i + 1 < argc) {
            rounds = (unsigned)strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "-s") == 0 && i + 1 < argc) {
            ms = (unsigned)strtoul(argv[++i], NULL, 10);
        } else {
            fprintf(stderr, "usage: top [-n ROUNDS] [-s MS]   q ends it\n");
            return 2;
        }
    }
    host = inspect_host("top");
    if (semaphore_create(mach_task_self(), &wake, SYNC_POLICY_FIFO, 0) != KERN_SUCCESS)
        return 1;
    if (rounds == 0)
        keys_begin(console_session());
    for (unsigned round = 1;; round++) {
        tvalspec_t pause = {ms / 1000, (clock_res_t)(ms % 1000 * 1000000)};

        show(host, &looked, rounds == 0);
        if (round == rounds || semaphore_timedwait(wake, pause) == KERN_SUCCESS)
            break;
    }
    return 0;
}
