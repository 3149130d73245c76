// SPDX-License-Identifier: BSD-2-Clause
// Ledgers: what a task, together with all the tasks that it makes, has of each thing that is scarce,
// and how much it may have (minato_limits_t, <mach/minato_types.h>).
//
// A charge counts in the task's ledger and in those of its makers, and is refused when it would go
// beyond the limit of any of them. Who makes the kernel hold something pays until it is gone, whoever
// has it by then: pages and messages remember their payer. So a ledger may outlive its task; it counts
// as a task (MINATO_LIMIT_TASKS) as long as it lasts. When a task ends, its maker takes its place.
//
// Names and map entries are paid for in blocks that are given back with their space or map, so that
// the paths of an RPC and of a page fault do not pass here for them.
#pragma once

#include <mach/minato_types.h>
#include "lib/base.h"

#define LEDGERS_MAX 4096u // those that pages can name as their payer; 0 is none
#define LEDGER_BLOCK 64u // names or map entries paid for at once

struct ledger {
    struct ledger *maker;       // who is charged as well; NULL: nobody
    struct list made;           // ledgers that charge this one: link
    struct list link;
    bool closed;                // its task is gone
    uint16_t number;            // as a payer: of pages (page->payer) and nodes
    uint32_t node_room;         // nodes of trees of pages that are paid for already (vm/page_tree.h)
    uint32_t used[MINATO_LIMIT_COUNT], limit[MINATO_LIMIT_COUNT];
#ifdef DEBUG
    struct {
        bool ending; // its task gives back what it has
        uint32_t found[MINATO_LIMIT_COUNT], nodes;
    } audit;         // tests/audit/audit.c
#endif
};

void ledger_init(uint32_t pages); // of physical memory
// For a task that `maker`'s makes, with the maker's limits or, where that has none, the defaults; without
// any but of tasks when `maker` is NULL. NULL: memory, or the maker's tasks, are exhausted.
struct ledger *ledger_make(struct ledger *maker);
void ledger_close(struct ledger *ledger); // its task is gone; consumes it
struct ledger *current_ledger(void);      // NULL: the kernel's own; implemented by kern/task.c
extern struct ledger *ledgers[];          // by number

// Counts, even beyond the limits. For everything here a NULL ledger has no limits and counts nothing.
static inline void ledger_add(struct ledger *ledger, enum minato_limit kind, uint32_t amount)
{
    for (; ledger; ledger = ledger->maker)
        ledger->used[kind] += amount;
}
// Whether that much more would be within the limits.
static inline bool ledger_allows(const struct ledger *ledger, enum minato_limit kind, uint32_t amount)
{
    for (; ledger; ledger = ledger->maker)
        if (ledger->used[kind] + amount > ledger->limit[kind])
            return false;
    return true;
}
static inline bool ledger_is_full(const struct ledger *ledger, enum minato_limit kind)
{
    return !ledger_allows(ledger, kind, 1);
}
// Counts, unless it would be beyond a limit: then false. A fault passes here, so it is one loop.
static inline bool ledger_charge(struct ledger *ledger, enum minato_limit kind, uint32_t amount)
{
    for (struct ledger *at = ledger; at; at = at->maker) {
        if (at->used[kind] + amount > at->limit[kind]) {
            for (; ledger != at; ledger = ledger->maker)
                ledger->used[kind] -= amount;
            return false;
        }
        at->used[kind] += amount;
    }
    return true;
}
void ledger_free_if_empty(struct ledger *ledger);
static inline void ledger_credit(struct ledger *ledger, enum minato_limit kind, uint32_t amount)
{
    ledger_add(ledger, kind, -amount);
    if (ledger && ledger->closed)
        ledger_free_if_empty(ledger);
}
