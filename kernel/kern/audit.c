// SPDX-License-Identifier: BSD-2-Clause
// The debug build counts again what the kernel keeps count of, when a task has ended and when the machine
// ends, and stops with a sentence if the two differ: pages, names, map entries, threads, semaphores and
// locks of each ledger; rights and references of each port that some task has a name for.
//
// A port may have more references than the names for it: messages and kernel objects have some. It must
// not have fewer. So the check of ports finds what was dropped twice, and the counts of the ledgers, which
// are exact, what was not given back.
#include "kern/audit.h"

#ifdef DEBUG
#include "ipc/port.h"
#include "ipc/space.h"
#include "kern/ledger.h"
#include "kern/synchronizer.h"
#include "kern/task.h"
#include "kern/thread.h"
#include "lib/assert.h"
#include "lib/string.h"
#include "vm/map.h"
#include "vm/object.h"
#include "vm/page.h"
#include "vm/paging.h"

static uint32_t pages_of[LEDGERS_MAX]; // by the number of their payer

// ---- ledgers ----

// What a ledger has been charged with that those of its makers' tasks have not.
static uint32_t own(struct ledger *ledger, enum minato_limit kind)
{
    uint32_t used = ledger->used[kind];

    list_for_each(link, &ledger->made)
        used -= container_of(link, struct ledger, link)->used[kind];
    return used;
}

static void same(const char *when, const char *what, unsigned owner, uint32_t kept, uint32_t counted)
{
    if (kept != counted)
        panic("audit at %s: %u %s are charged to ledger %u, there are %u", when, (unsigned)kept, what,
              owner, (unsigned)counted);
}

static void audit_pages(const char *when)
{
    memset(pages_of, 0, sizeof pages_of);
    for (uintptr_t at = 0;; at += PAGE_SIZE) {
        struct page *page = page_at(at);

        if (page == NULL)
            break;
        if (page->holders > 0 && page->payer != 0)
            pages_of[page->payer]++;
    }
    list_for_each(link, &vm_objects) { // memory for devices, which no page describes
        const struct vm_object *object = container_of(link, struct vm_object, link);

        if (link != &pageout_hand && object->device && object->payer != 0)
            pages_of[object->payer] += object->size >> PAGE_SHIFT;
    }
    for (unsigned i = 1; i < LEDGERS_MAX; i++) {
        if (ledgers[i] != NULL)
            same(when, "pages", i, own(ledgers[i], MINATO_LIMIT_PAGES), pages_of[i]);
        else if (pages_of[i] != 0)
            panic("audit at %s: %u pages have a payer that is gone", when, (unsigned)pages_of[i]);
    }
}

static void audit_task(const char *when, struct task *task)
{
    struct ledger *ledger = task->ledger;
    uint32_t names = task->space->chunk_count * ENTRIES_PER_CHUNK, objects = 0;

    list_for_each(link, &task->synchronizers)
        objects += container_of(link, struct synchronizer, task_link)->weight;
    for (struct tree_node *n = tree_first(&task->space->chosen); n != NULL; n = tree_next(n))
        names++;
    same(when, "names", ledger->number, own(ledger, MINATO_LIMIT_NAMES), names);
    same(when, "map entries", ledger->number, own(ledger, MINATO_LIMIT_MAP_ENTRIES),
         task->map->entries_paid);
    same(when, "semaphores and locks", ledger->number, own(ledger, MINATO_LIMIT_OBJECTS), objects);
    same(when, "tasks", ledger->number, own(ledger, MINATO_LIMIT_TASKS), 1);
    // One that has ended is charged until nobody has a pointer to it.
    if (own(ledger, MINATO_LIMIT_THREADS) < task->thread_count)
        panic("audit at %s: task %u has %u threads and is charged with %u", when, task->number,
              task->thread_count, (unsigned)own(ledger, MINATO_LIMIT_THREADS));
}

// ---- ports ----

// Counts a name, or takes it back.
static void add_name(struct entry *entry, int change)
{
    struct port *port = entry->port;

    port->audit.refs += change;
    if (entry->type & MACH_PORT_TYPE_SEND)
        port->audit.srights += change;
    if (entry->type & MACH_PORT_TYPE_SEND_ONCE)
        port->audit.sorights += change;
    if (entry->type & MACH_PORT_TYPE_RECEIVE)
        port->audit.receivers += change;
}

static void count_name(struct entry *entry, void *context)
{
    if (entry->type & MACH_PORT_TYPE_PORT_RIGHTS)
        add_name(entry, *(int *)context);
}

static void check_name(struct entry *entry, void *context)
{
    const struct port *port = entry->port;

    if (!(entry->type & MACH_PORT_TYPE_PORT_RIGHTS))
        return;
    if (port->audit.refs > port->refs || port->audit.srights > port->srights ||
        port->audit.sorights > port->sorights || port->audit.receivers > 1 ||
        port->msgcount > port->refs)
        panic("audit at %s: port %u has %u references, %u send and %u send-once rights; names have %u, "
              "%u and %u, and %u receive rights",
              (const char *)context, port->id, port->refs, port->srights, port->sorights,
              port->audit.refs, port->audit.srights, port->audit.sorights, port->audit.receivers);
}

static void each_space(void (*visit)(struct entry *entry, void *context), void *context)
{
    list_for_each(link, &all_tasks)
        space_for_each(container_of(link, struct task, link)->space, visit, context);
}

void audit(const char *when)
{
    int change = 1;

    audit_pages(when);
    list_for_each(link, &all_tasks)
        audit_task(when, container_of(link, struct task, link));
    each_space(count_name, &change);
    each_space(check_name, (void *)when);
    change = -1;
    each_space(count_name, &change);
}

void audit_sometimes(const char *when)
{
    static unsigned deaths;

    if (++deaths % 8 == 1)
        audit(when);
}
#endif
