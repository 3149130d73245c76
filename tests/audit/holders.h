// SPDX-License-Identifier: BSD-2-Clause
// Who holds what: the part of the audit that finds it (holders.c). Read first: audit.c.
#pragma once

#include "lib/slab.h"
#include "vm/page.h"
#include "x86/boot.h"

struct exception_actions;

extern const char *moment; // at which all this happens
extern bool unknown_held;  // a call that is under way has memory that may be paid for

// `counted`: the objects begin with the number of their holders.
struct kind {
    const char *cache;
    bool counted;
    bool port;
    void (*walk)(void *object);
};

// NULL: objects of that cache are only held, or hold what their holder knows.
const struct kind *kind_of(const struct slab_cache *cache);

// What an object, a page in use, exception ports hold is found.
void walk(const struct slab_cache *cache, void *object, struct slab_audit *audit);
void walk_page(struct page *page);
void walk_actions(const struct exception_actions *actions);

// What variables of the kernel's hold is found; what the stacks of others, and then our own, may hold,
// and what that leads to, is noted.
void search_variables(void);
void search_stack(const struct slab_cache *cache, void *object, struct slab_audit *audit);
void search_own_stack(void);
void search_pending(void);

static inline struct page *last_page(void)
{
    return page_at(boot_info.memory_end - PAGE_SIZE);
}
