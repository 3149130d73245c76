// SPDX-License-Identifier: BSD-2-Clause
// Page-out: which pages leave memory when it is short, and who waits for that.
//
// A thread of the kernel's goes round all objects, and in each from page to page: a clock hand. A page
// that has been used since the hand came by last gets a second chance; another goes, to its object's
// pager (clean ones need not even be sent), or if that has none to the default pager (paging.h). Wired
// pages stay. The thread wakes when memory is getting short and sleeps when there is enough again.
//
// Nothing here waits for a pager: a page that is sent has left memory when the pager has taken it. So the
// thread looks again a moment later, and who needs memory waits for the thread.
#include "vm/paging.h"

#include "kern/sched.h"
#include "kern/thread.h"
#include "vm/entry.h"
#include "vm/object.h"
#include "vm/pager.h"
#include "x86/cpu.h"
#include "x86/interrupt.h"

#define MOMENT 1000000ull       // ns, when there is nothing to do but to wait for pagers
#define RESIGNED 100000000ull   // ns, when there was nothing that could go
#define WAIT_MAX 10000000000ull // ns that a thread waits for memory
#define STEP 64u                // pages looked at between two preemption points
#define LAPS 3u                 // the hand comes round so often for nothing: there is nothing

unsigned pageout_paused, pageout_sent, pageout_reactivated;
struct list vm_objects = {&vm_objects, &vm_objects};
struct list pageout_hand = {&pageout_hand, &pageout_hand}; // what follows it is next
static uint32_t hand_page;                // where in that
static struct waitq sleeping = {.threads = {&sleeping.threads, &sleeping.threads}}; // the thread
static struct waitq waiting = {.threads = {&waiting.threads, &waiting.threads}}; // for memory
static bool hopeless;                     // there was nothing that could go, not long ago

// ---- pages ---------------------------------------------------------------------------------

static bool sequential(const struct vm_map_entry *e)
{
    return e->behavior == VM_BEHAVIOR_SEQUENTIAL || e->behavior == VM_BEHAVIOR_RSEQNTL;
}

// Whether a page may go. Forgets that it was used; what is used in sequence was used for the last time.
static bool page_idle(struct page *page)
{
    bool used = false;

    if (page->mapping.pmap == NULL)
        return !page->paged_out;
    for (struct page_mapping *m = &page->mapping; m != NULL; m = m->next) {
        struct vm_map *map = container_of(m->pmap, struct vm_map, pmap);
        struct vm_map_entry *e = entry_find(map, m->address);

        if (map->stays || e->wired != 0)
            return false;
        used |= pmap_clear_used(m->pmap, m->address) && !sequential(e);
    }
    pageout_reactivated += used;
    return !used;
}

// The next page of the object that the hand has come to; NULL, and the hand is behind all of them, if
// there is none.
static struct page *next_page(struct vm_object *object)
{
    struct page *page = page_tree_next(&object->pages, &hand_page);

    if (page == NULL)
        hand_page = UINT32_MAX;
    return page;
}

// Looks at some pages of an anonymous object; how many went, or are on their way.
static unsigned sweep_anonymous(struct vm_object *object)
{
    struct page *pages[PAGING_RUN], *page;
    uint32_t numbers[PAGING_RUN];
    unsigned count = 0, dropped = 0;

    for (unsigned n = 0; n < STEP && count < PAGING_RUN && (page = next_page(object)) != NULL;
         n++, hand_page++) {
        if (!page_idle(page))
            continue;
        if (paging_drop(object, hand_page, page)) {
            dropped++;
        } else {
            numbers[count] = hand_page;
            pages[count++] = page;
        }
    }
    return dropped + (count == 0 ? 0 : paging_send(object, numbers, pages, count));
}

// The same for an object with a pager. May call preemption_point().
static unsigned sweep_managed(struct vm_object *object)
{
    struct page *page;
    unsigned went = 0;

    for (unsigned n = 0; n < STEP && (page = next_page(object)) != NULL; n++, hand_page++)
        if (page_idle(page) && vm_object_return(object, hand_page, hand_page,
                                                PAGES_DIRTY | PAGES_PRECIOUS, true) == KERN_SUCCESS)
            went++;
    return went;
}

// ---- the hand ------------------------------------------------------------------------------

unsigned pageout_step(unsigned *laps)
{
    struct list *next = pageout_hand.next;
    struct vm_object *object = container_of(next, struct vm_object, link);
    unsigned went = 0;

    if (next == &vm_objects) {
        list_remove(&pageout_hand);
        list_insert_head(&vm_objects, &pageout_hand);
        ++*laps;
        return vm_pager_trim();
    }
    vm_object_reference(object);
    if (object->stays || (object->pager == NULL ? !paging_possible() : !paging_may_return(object)))
        hand_page = UINT32_MAX;
    else
        went = object->pager == NULL ? sweep_anonymous(object) : sweep_managed(object);
    if (hand_page == UINT32_MAX) {
        if (pageout_hand.next == next) {
            list_remove(&pageout_hand);
            list_insert_head(next, &pageout_hand);
        }
        hand_page = 0;
    }
    vm_object_deallocate(object);
    return went;
}

// There was nothing that could go, or nobody takes it.
static void resign(void)
{
    hopeless = true;
    waitq_wake_all(&waiting, WAIT_DESTROYED);
    waitq_wait(NULL, clock_now() + RESIGNED, false, "page-out");
    hopeless = false;
}

static void pageout_body(void)
{
    unsigned laps = 0;

    sched_switched();
    for (;;) {
        if (pages_free >= pages_reserved * 2)
            waitq_wake_all(&waiting, WAIT_AWAKENED);
        if (pages_free >= pages_reserved * 3) {
            waitq_wait(&sleeping, WAIT_FOREVER, false, "page-out");
            laps = 0;
        } else if (laps > LAPS) {
            resign();
            laps = 0;
        } else if (pageout_paused != 0 || !paging_keeps_up()) {
            waitq_wait(NULL, clock_now() + MOMENT, false, "page-out");
        } else if (pageout_step(&laps) != 0) {
            laps = 0;
        }
        preemption_point();
    }
}

// ---- what others ask for -------------------------------------------------------------------

void pageout_init(void)
{
    list_insert_head(&vm_objects, &pageout_hand);
    thread_start_kernel(pageout_body, PRIORITY_KERNEL);
}

void pageout_wake(void)
{
    if (vm_pager_cache.in_use != 0)
        waitq_wake_all(&sleeping, WAIT_AWAKENED);
}

kern_return_t pageout_wait(void)
{
    enum wait_result result;

    if (pages_free > pages_reserved || vm_pager_cache.in_use == 0 || hopeless ||
        thread_has_reserve(current_thread()))
        return KERN_RESOURCE_SHORTAGE;
    vm_object_upsets++;
    pageout_wake();
    result = waitq_wait(&waiting, clock_now() + WAIT_MAX, true, "memory");
    return result == WAIT_TIMED_OUT || result == WAIT_DESTROYED ? KERN_RESOURCE_SHORTAGE
                                                                 : (kern_return_t)result;
}
