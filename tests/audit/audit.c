// SPDX-License-Identifier: BSD-2-Clause
// The debug build counts again what the kernel keeps count of, when a task has ended and when the machine
// ends, and stops with a sentence if the two differ. Nothing is charged, held or counted that is not found
// here, and nothing is in memory that nobody holds:
//
//   objects   each object of each cache and each page has as many holders as it keeps count of (one where
//             it does not); so what was lost is found, whatever it is, and what was dropped twice
//   ports     send and send-once rights, and one receive right for each live port of a user
//   pages     those that are free and those in use are all there are
//   ledgers   every kind, of each by itself
//
// Holders are found by walking all objects in use, each by its kind; the kernel's variables and the stacks
// of threads in the middle of a call are searched for pointers, as a conservative garbage collector does.
// A pointer on a stack may be a holder or not: what has one may keep count of so many more than were
// found, but not of fewer. A thread that waits to receive, or is at its boundary to user mode, holds nothing,
// and is not searched. So counts are exact but for what is in use by a call that is under way.
#include "holders.h"

#include "ipc/port.h"
#include "kern/audit.h"
#include "kern/host.h"
#include "kern/ledger.h"
#include "lib/assert.h"
#include "lib/string.h"
#include "vm/page_tree.h"

const char *moment;
bool unknown_held;

// ---- kept and found ----

static void check_port(const struct port *port, uint32_t maybe)
{
    uint32_t more = maybe + port->audit.variables;
    uint32_t receivers = port->active && port->kind == PORT_USER;

    if (port->audit.srights > port->srights || port->srights > port->audit.srights + more ||
        port->audit.sorights > port->sorights || port->sorights > port->audit.sorights + more ||
        port->audit.receivers > receivers || receivers > port->audit.receivers + more)
        panic("audit at %s: port %u (kind %u) has %u send, %u send-once and %u receive rights; "
              "%u, %u and %u are found, and %u perhaps", moment, port->id, port->kind, port->srights,
              port->sorights, receivers, port->audit.srights, port->audit.sorights,
              port->audit.receivers, (unsigned)more);
}

static void check(const struct slab_cache *cache, void *object, struct slab_audit *audit)
{
    const struct kind *kind = kind_of(cache);
    const struct port *port = kind != NULL && kind->port ? object : NULL;
    const uint32_t *count = kind != NULL && kind->counted ? object : audit->kept;
    uint32_t kept = count == NULL || *count == 0 ? 1 : *count; // who has none is in somebody's hands
    if (audit->found > kept || kept > audit->found + audit->maybe)
        panic("audit at %s: the %s at %p (%u) has %u holders; %u are found, and %u perhaps", moment,
              cache->name, object, port != NULL ? port->id : 0, (unsigned)kept,
              (unsigned)audit->found, (unsigned)audit->maybe);
    if (port != NULL)
        check_port(port, audit->maybe);
}

// Leaves the page as the next audit wants it, also when it is not in use then.
static void check_page(struct page *page)
{
    if (page->audit.found > page->holders || page->holders > page->audit.found + page->audit.maybe)
        panic("audit at %s: page %lx has %u holders; %u are found, and %u perhaps", moment,
              (unsigned long)page_physical(page), (unsigned)page->holders,
              (unsigned)page->audit.found, (unsigned)page->audit.maybe);
    memset(&page->audit, 0, sizeof(page->audit));
}

static void check_ledger(struct ledger *ledger)
{
    static const char *const names[MINATO_LIMIT_COUNT] = {
        [MINATO_LIMIT_TASKS] = "tasks", [MINATO_LIMIT_THREADS] = "threads",
        [MINATO_LIMIT_NAMES] = "names", [MINATO_LIMIT_OBJECTS] = "semaphores and locks",
        [MINATO_LIMIT_MAP_ENTRIES] = "map entries",
        [MINATO_LIMIT_MESSAGE_BYTES] = "message bytes", [MINATO_LIMIT_PAGES] = "pages",
    };

    if ((ledger->audit.nodes + ledger->node_room) % NODES_PER_PAGE != 0)
        panic("audit at %s: ledger %u has paid for %u page nodes more, there are %u", moment,
              ledger->number, (unsigned)ledger->node_room, (unsigned)ledger->audit.nodes);
    for (unsigned kind = 0; kind < MINATO_LIMIT_COUNT; kind++) {
        uint32_t used = ledger->used[kind], found = ledger->audit.found[kind];
        bool more = kind == MINATO_LIMIT_NAMES ? ledger->audit.ending
                                               : kind == MINATO_LIMIT_MESSAGE_BYTES && unknown_held;

        list_for_each(link, &ledger->made)
            used -= container_of(link, struct ledger, link)->used[kind];
        if (used != found && !(more && used > found))
            panic("audit at %s: %u %s are charged to ledger %u, there are %u", moment, (unsigned)used,
                  names[kind], ledger->number, (unsigned)found);
    }
}

// ---- all of it ----

static void reset(const struct slab_cache *cache, void *object, struct slab_audit *audit)
{
    const struct kind *kind = kind_of(cache);

    memset(audit, 0, sizeof(*audit));
    if (kind != NULL && kind->port)
        memset(&((struct port *)object)->audit, 0, sizeof(((struct port *)object)->audit));
}

static void slab_page(void *memory)
{
    struct page *page = page_at(virt_to_phys(memory));

    page->audit.slab = true;
    page->audit.found = 1;
}

static void no_page(void *memory)
{
    (void)memory;
}

// Calls `visit` for each page in use, or block of pages of the kernel's; how many they are.
static unsigned each_page(void (*visit)(struct page *page))
{
    unsigned count = 0;

    for (struct page *page = page_at(0); page <= last_page(); page++) {
        if (page->holders == 0)
            continue;
        count += 1u << page->order;
        visit(page);
    }
    return count;
}

static void each_ledger(void (*visit)(struct ledger *ledger))
{
    for (unsigned i = 1; i < LEDGERS_MAX; i++)
        if (ledgers[i] != NULL)
            visit(ledgers[i]);
}

static void reset_ledger(struct ledger *ledger)
{
    memset(&ledger->audit, 0, sizeof(ledger->audit));
    ledger->audit.found[MINATO_LIMIT_TASKS] = 1;
}

void audit(const char *when)
{
    unsigned used;

    moment = when;
    unknown_held = false;
    while (page_tree_reap()) // who has died keeps no count any more
        ;
    each_ledger(reset_ledger);
    slab_each(slab_page, reset);
    slab_each(no_page, walk);
    each_page(walk_page);
    walk_actions(the_host.exceptions);
    search_variables();
    slab_each(no_page, search_stack);
    search_own_stack();
    search_pending();
    slab_each(no_page, check);
    each_ledger(check_ledger);
    used = each_page(check_page);
    if (used + pages_free != pages_total)
        panic("audit at %s: %u pages are in use and %u free, of %u", when, used, pages_free,
              pages_total);
}

void audit_sometimes(const char *when)
{
    static unsigned deaths;

    if (++deaths % 32 == 0)
        audit(when);
}
