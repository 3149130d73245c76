/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What a test leaves behind: names and their user references, threads, kernel objects of this task,
 * and tasks: nobody but the script and its children makes any while it runs.
 * Only what is new counts, not what is gone: a test may use up what the script had made before it.
 * Memory does not count, since Lua's own comes and goes as it likes. Ports of the module's own are
 * passed over; the name of a spawned task is the script's.
 */
#include "spawn.h"
#include "state.h"
#include "test.h"

#include <mach/mig.h>
#include <mach/minato.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is left behind is looked at again after sleeps of 1, 2, 4, … milliseconds. The last one: */
#define SETTLE_MS 512 /* while tasks or threads have still to go; together a second */
#define QUIET_MS 32   /* otherwise: little can change now */

struct name_info {
    mach_port_name_t name;
    mach_port_type_t type;
    mach_port_urefs_t refs; /* of its send right or dead name; 1 for what has just one */
};

struct snapshot {
    unsigned threads;
    minato_task_counts_t counts;
    minato_host_counts_t host;
    unsigned name_count;
    struct name_info names[]; /* by name */
};

static unsigned count_threads(void)
{
    thread_act_port_array_t threads = NULL;
    mach_msg_type_number_t count = 0;

    if (task_threads(mach_task_self(), &threads, &count) != KERN_SUCCESS)
        return 0;
    for (unsigned i = 0; i < count; i++)
        mach_port_deallocate(mach_task_self(), threads[i]);
    if (count > 0)
        vm_deallocate(mach_task_self(), (vm_address_t)(uintptr_t)threads, count * sizeof(*threads));
    return count;
}

static void look_at_name(struct name_info *info, mach_port_name_t name, mach_port_type_t type)
{
    *info = (struct name_info){name, type, 1};
    if (type & MACH_PORT_TYPE_SEND)
        mach_port_get_refs(mach_task_self(), name, MACH_PORT_RIGHT_SEND, &info->refs);
    else if (type & MACH_PORT_TYPE_DEAD_NAME)
        mach_port_get_refs(mach_task_self(), name, MACH_PORT_RIGHT_DEAD_NAME, &info->refs);
}

static int compare_names(const void *a, const void *b)
{
    mach_port_name_t x = ((const struct name_info *)a)->name;
    mach_port_name_t y = ((const struct name_info *)b)->name;

    return x < y ? -1 : x > y;
}

/* Names that the module makes for itself, whenever it needs them: ports of spawned objects, and
 * this thread's reply port for calls, which is made anew when a call has been interrupted. */
static int is_own(mach_port_name_t name)
{
    return name == mig_get_reply_port() || spawned_is_own_port(name);
}

/* Names and types to a snapshot; the arrays are the caller's. */
static struct snapshot *snapshot_of(const mach_port_name_t *names, const mach_port_type_t *types,
                                    unsigned count)
{
    struct snapshot *snapshot = calloc(1, sizeof(*snapshot) + count * sizeof(struct name_info));

    if (snapshot == NULL)
        return NULL;
    for (unsigned i = 0; i < count; i++)
        if (!is_own(names[i]))
            look_at_name(&snapshot->names[snapshot->name_count++], names[i], types[i]);
    qsort(snapshot->names, snapshot->name_count, sizeof(struct name_info), compare_names);
    return snapshot;
}

struct snapshot *snapshot_take(void)
{
    mach_port_name_t *names = NULL;
    mach_port_type_t *types = NULL;
    mach_msg_type_number_t name_count = 0, type_count = 0;
    unsigned threads = count_threads();

    if (mach_port_names(mach_task_self(), &names, &name_count, &types, &type_count) != KERN_SUCCESS)
        return NULL;
    struct snapshot *snapshot = snapshot_of(names, types, name_count);
    vm_deallocate(mach_task_self(), (vm_address_t)(uintptr_t)names, name_count * sizeof(*names));
    vm_deallocate(mach_task_self(), (vm_address_t)(uintptr_t)types, type_count * sizeof(*types));
    if (snapshot != NULL) {
        snapshot->threads = threads;
        minato_task_counts(mach_task_self(), &snapshot->counts);
        minato_host_counts(state_host(), &snapshot->host);
    }
    return snapshot;
}

void snapshot_free(struct snapshot *snapshot)
{
    free(snapshot);
}

/* ---- comparing ----------------------------------------------------------------------------- */

typedef void (*say_t)(const char *text);

static void silent(const char *text)
{
    (void)text;
}

/* "send right" and the like, for a set of type bits. */
static const char *kind_words(mach_port_type_t type, char *words, size_t size)
{
    static const struct {
        mach_port_type_t bit;
        const char *word;
    } kinds[] = {
        {MACH_PORT_TYPE_RECEIVE, "receive right"},     {MACH_PORT_TYPE_SEND, "send right"},
        {MACH_PORT_TYPE_SEND_ONCE, "send-once right"}, {MACH_PORT_TYPE_PORT_SET, "port set"},
        {MACH_PORT_TYPE_DEAD_NAME, "dead name"},
    };

    words[0] = '\0';
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (type & kinds[i].bit)
            snprintf(words + strlen(words), size - strlen(words), "%s%s",
                     words[0] != '\0' ? " and " : "", kinds[i].word);
    return words[0] != '\0' ? words : "right";
}

/* A name that was not there before, or denotes more than before. */
static int compare_name(const struct name_info *old, const struct name_info *new, say_t say)
{
    mach_port_type_t more = new->type &MACH_PORT_TYPE_ALL_RIGHTS;
    char words[80], line[160];

    if (old == NULL) {
        snprintf(line, sizeof(line), "leaked: name 0x%x, %s, %u ref%s", new->name,
                 kind_words(more, words, sizeof(words)), new->refs, new->refs == 1 ? "" : "s");
    } else if (more & ~old->type) {
        snprintf(line, sizeof(line), "leaked: name 0x%x has become a %s", new->name,
                 kind_words(more & ~old->type, words, sizeof(words)));
    } else if (new->refs > old->refs) {
        snprintf(line, sizeof(line), "leaked: name 0x%x, %s, %u refs, before %u", new->name,
                 kind_words(more, words, sizeof(words)), new->refs, old->refs);
    } else {
        return 0;
    }
    say(line);
    return 1;
}

static int compare_all_names(const struct snapshot *before, const struct snapshot *after, say_t say)
{
    unsigned old = 0;
    int leaks = 0;

    for (unsigned i = 0; i < after->name_count; i++) {
        const struct name_info *new = &after->names[i];
        while (old < before->name_count && before->names[old].name < new->name)
            old++;
        int known = old < before->name_count && before->names[old].name == new->name;
        leaks += compare_name(known ? &before->names[old] : NULL, new, say);
    }
    return leaks;
}

static int compare_count(unsigned before, unsigned after, const char *what, say_t say)
{
    char line[80];

    if (after <= before)
        return 0;
    snprintf(line, sizeof(line), "leaked: %u %s%s", after - before, what,
             after - before == 1 ? "" : "s");
    say(line);
    return 1;
}

static int compare(const struct snapshot *before, const struct snapshot *after, say_t say)
{
    return compare_all_names(before, after, say) +
           compare_count(before->threads, after->threads, "thread", say) +
           compare_count(before->host.tasks, after->host.tasks, "task", say) +
           compare_count(before->counts.semaphores, after->counts.semaphores, "semaphore", say) +
           compare_count(before->counts.kernel_objects - before->counts.semaphores,
                         after->counts.kernel_objects - after->counts.semaphores,
                         "other kernel object", say);
}

/* Whether tasks or threads that were not there before have not gone yet. */
static int is_settling(const struct snapshot *before, const struct snapshot *after)
{
    return after->host.tasks > before->host.tasks || after->host.threads > before->host.threads;
}

int snapshot_compare(const struct snapshot *before, say_t say)
{
    int leaks = 0;

    for (unsigned ms = 1; ms <= 2 * SETTLE_MS; ms *= 2) {
        struct snapshot *after = snapshot_take();
        if (after == NULL) {
            say("cannot look for leaks: the kernel gave no list of names");
            return 1;
        }
        int last = ms > (is_settling(before, after) ? SETTLE_MS : QUIET_MS);
        leaks = compare(before, after, last ? say : silent);
        snapshot_free(after);
        if (leaks == 0 || last)
            break;
        time_sleep(ms);
    }
    return leaks;
}
