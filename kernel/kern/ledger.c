// SPDX-License-Identifier: BSD-2-Clause
// Ledgers (ledger.h): their life.
#include "kern/ledger.h"

static struct slab_cache ledger_cache = SLAB_CACHE(ledger_cache, "ledger", sizeof(struct ledger));
struct ledger *ledgers[LEDGERS_MAX];
static uint32_t last_number;

static uint32_t defaults[MINATO_LIMIT_COUNT];

// The defaults are shares of the memory: who has all of each at once still leaves some to others.
// docs/limits.md has the reckoning.
void ledger_init(uint32_t pages)
{
    defaults[MINATO_LIMIT_TASKS] = pages / 32 < LEDGERS_MAX / 2 ? pages / 32 : LEDGERS_MAX / 2;
    defaults[MINATO_LIMIT_THREADS] = pages / 32;
    defaults[MINATO_LIMIT_NAMES] = pages;
    defaults[MINATO_LIMIT_OBJECTS] = pages / 4;
    defaults[MINATO_LIMIT_MAP_ENTRIES] = pages / 2;
    defaults[MINATO_LIMIT_MESSAGE_BYTES] = pages * 4096 / 16;
    defaults[MINATO_LIMIT_PAGES] = pages / 2;
}

// 0: all are taken.
static uint32_t free_number(void)
{
    for (unsigned tried = 1; tried < LEDGERS_MAX; tried++) {
        last_number = last_number % (LEDGERS_MAX - 1) + 1;
        if (!ledgers[last_number])
            return last_number;
    }
    return 0;
}

struct ledger *ledger_make(struct ledger *maker)
{
    struct ledger *ledger;
    uint32_t number;

    if (!ledger_allows(maker, MINATO_LIMIT_TASKS, 1) || (number = free_number()) == 0 ||
        (ledger = slab_alloc(&ledger_cache)) == NULL)
        return NULL;
    ledgers[number] = ledger;
    ledger->number = (uint16_t)number;
    ledger->node_room = 0;
    ledger->closed = false;
    ledger->maker = maker;
    list_init(&ledger->made);
    list_init(&ledger->link);
    if (maker)
        list_insert_tail(&maker->made, &ledger->link);
    for (unsigned kind = 0; kind < MINATO_LIMIT_COUNT; kind++) {
        uint32_t most = kind == MINATO_LIMIT_TASKS ? LEDGERS_MAX / 2 : MINATO_UNLIMITED;
        uint32_t limit = maker ? maker->limit[kind] : most;

        if (maker && limit >= most)
            limit = defaults[kind];
        ledger->used[kind] = 0;
        ledger->limit[kind] = limit;
    }
    ledger_add(ledger, MINATO_LIMIT_TASKS, 1);
    return ledger;
}

void ledger_free_if_empty(struct ledger *ledger)
{
    for (unsigned kind = 0; kind < MINATO_LIMIT_COUNT; kind++)
        if (ledger->used[kind] != (kind == MINATO_LIMIT_TASKS))
            return;
    ledger_add(ledger, MINATO_LIMIT_TASKS, -1);
    list_remove(&ledger->link);
    ledgers[ledger->number] = NULL;
    slab_free(&ledger_cache, ledger);
}

void ledger_close(struct ledger *ledger)
{
    struct list *link;

    while ((link = list_pop(&ledger->made)) != NULL) {
        struct ledger *made = container_of(link, struct ledger, link);

        made->maker = ledger->maker;
        for (unsigned kind = 0; kind < MINATO_LIMIT_COUNT; kind++)
            ledger->used[kind] -= made->used[kind];
        if (ledger->maker)
            list_insert_tail(&ledger->maker->made, link);
    }
    ledger->closed = true;
    ledger_free_if_empty(ledger);
}
