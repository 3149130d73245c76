// SPDX-License-Identifier: BSD-2-Clause
// What is left behind, and what is told in the end.
#include "campaign.h"

#include <mach/minato.h>
#include <stdio.h>

// What may be left: pools of the kernel that grow with the busiest moment.
#define PAGES_SLACK 32
#define HEAP_SLACK 16384

char left_behind[10][80];

// Fills in left_behind; returns how many kinds of things there are more of than before.
static unsigned compare(const minato_host_counts_t *a, const minato_host_counts_t *b)
{
    const struct {
        const char *what;
        natural_t before, after, slack;
    } rows[] = {
        {"tasks", a->tasks, b->tasks, 0},
        {"threads", a->threads, b->threads, 0},
        {"ports", a->ports, b->ports, 0},
        {"port sets", a->port_sets, b->port_sets, 0},
        {"messages", a->messages_queued, b->messages_queued, 0},
        {"semaphores", a->semaphores, b->semaphores, 0},
        {"memory objects", a->vm_objects, b->vm_objects, 0},
        {"map entries", a->map_entries, b->map_entries, 0},
        {"pages in use", a->pages_used, b->pages_used, PAGES_SLACK},
        {"bytes of kernel heap", a->kernel_heap, b->kernel_heap, HEAP_SLACK},
    };
    unsigned count = 0;

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].after > rows[i].before + rows[i].slack)
            snprintf(left_behind[count++], sizeof(left_behind[0]),
                     "left behind: %s: %lu, before %lu", rows[i].what, (unsigned long)rows[i].after,
                     (unsigned long)rows[i].before);
    return count;
}

// All that the victims made must go with them, within a second.
unsigned leaks(const minato_host_counts_t *before)
{
    minato_host_counts_t after;
    unsigned count = 1;

    for (unsigned tries = 0; tries < 100 && count > 0; tries++) {
        thread_switch(MACH_PORT_NULL, SWITCH_OPTION_WAIT, 10);
        must(minato_host_counts(host, &after), "minato_host_counts");
        count = compare(before, &after);
    }
    return count;
}

// ---- the summary ------------------------------------------------------------------------------

static void print_row(const char *name, const struct tally *t)
{
    uint32_t unfinished = t->count[CALLED];

    for (unsigned i = DONE; i < OUTCOMES; i++)
        unfinished -= t->count[i];
    printf("%-32s %8lu %8lu %8lu %8lu %8lu %8lu\n", name, (unsigned long)t->count[CALLED],
           (unsigned long)t->count[DONE], (unsigned long)t->count[REFUSED],
           (unsigned long)t->count[NOT_SENT], (unsigned long)t->count[NO_ANSWER],
           (unsigned long)unfinished);
}

void print_summary(const char *seed, uint64_t ms)
{
    struct tally all = {0};

    printf("%-32s %8s %8s %8s %8s %8s %8s\n", "call", "made", "done", "refused", "not sent",
           "no reply", "cut off");
    for (unsigned i = 0; i <= routine_count + trap_count; i++) {
        char text[40];

        if (i < routine_count)
            snprintf(text, sizeof(text), "%s", routines[i].name);
        else if (i < routine_count + trap_count)
            snprintf(text, sizeof(text), "%s (trap)", traps[i - routine_count].name);
        else
            snprintf(text, sizeof(text), "no such trap");
        print_row(text, &board->tally[i]);
        for (unsigned k = 0; k < OUTCOMES; k++)
            all.count[k] += board->tally[i].count[k];
    }
    print_row("all", &all);
    printf("fuzz: seed %s, %lu.%03lu s: %u victims (%u killed, %u faulted, %u ended by others), "
           "%u tasks of theirs, %u times helped, %u famines\n",
           seed, (unsigned long)(ms / 1000), (unsigned long)(ms % 1000), sum.started, sum.killed,
           sum.faulted, sum.ended, sum.children, sum.helped, sum.famines);
    printf("fuzz: the witness: %lu rounds, %lu calls, %lu messages of victims, "
           "%lu us its longest wait\n",
           (unsigned long)report->rounds, (unsigned long)report->calls,
           (unsigned long)report->received, (unsigned long)report->longest);
}
