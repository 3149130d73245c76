// SPDX-License-Identifier: BSD-2-Clause
// The paging space and its records. Read first: paging.h. Read next: pageout.c.
#include "vm/paging.h"
#include "ipc/port.h"
#include "mach_host_server.h"
#include "vm/object.h"
#include "vm/pager.h"

#define QUEUE_MAX 4u // messages that a pager may have before it: else it does not keep up

static struct slab_cache record_cache =
    SLAB_CACHE(record_cache, "page record", sizeof(struct page));

static struct vm_object *space; // a reference; NULL: there has never been a default pager
static uint32_t *used;          // a bit for each place
static uint32_t places, free_places, next_place;

// ---- the space -----------------------------------------------------------------------------

// Its memory object tells how large it is when it answers memory_object_init.
static bool space_open(void)
{
    uint32_t count;

    if (space == NULL || space->pager->port == NULL || !space->pager->ready)
        return false;
    if (used == NULL && (count = (uint32_t)space->pager->setting[PAGER_SIZE] >> PAGE_SHIFT) != 0 &&
        (used = kzalloc((count + 31) / 32 * sizeof(used[0]))) != NULL)
        places = free_places = count;
    return used != NULL;
}

bool paging_is_space(const struct vm_object *object)
{
    return object == space;
}

bool paging_possible(void)
{
    return space_open() && free_places > 0;
}

static bool keeps_up(const struct pager *pager)
{
    return pager->port->msgcount < QUEUE_MAX;
}

bool paging_keeps_up(void)
{
    return !space_open() || keeps_up(space->pager);
}

bool paging_may_return(const struct vm_object *object)
{
    return object->pager->port != NULL && object->pager->ready && keeps_up(object->pager);
}

// A place may still be on its way in for somebody who has given up waiting.
static bool place_free(uint32_t place)
{
    return (used[place / 32] >> place % 32 & 1) == 0 && !vm_pager_asked(space->pager, place);
}

// Takes up to `count` places in a row; returns how many. free_places > 0.
static uint32_t places_take(uint32_t count, uint32_t *first)
{
    uint32_t n = 0;

    for (uint32_t tries = 0; tries < places && !place_free(next_place); tries++)
        next_place = (next_place + 1) % places;
    *first = next_place;
    while (n < count && *first + n < places && place_free(*first + n)) {
        used[(*first + n) / 32] |= 1u << (*first + n) % 32;
        n++;
    }
    if (n > 0) // what came too late for whoever had these places before
        page_tree_remove(&space->pages, *first, n);
    next_place = (*first + n) % places;
    free_places -= n;
    return n;
}

static void place_give(uint32_t place)
{
    used[place / 32] &= ~(1u << place % 32);
    free_places++;
}

// ---- records -------------------------------------------------------------------------------

static bool record_good(const struct page *record)
{
    return space != NULL && record->owner == space->pager->number;
}

static struct page *record_make(uint32_t place)
{
    struct page *record = slab_alloc(&record_cache);

    if (record == NULL)
        return NULL;
    *record = (struct page){
        .paged_out = true, .paging = true, .owner = space->pager->number, .place = place};
    return record;
}

static void record_free(struct page *record)
{
    if (record_good(record))
        place_give(record->place);
    slab_free(&record_cache, record);
}

static void couple(struct page *record, struct page *page)
{
    record->twin = page;
    page->twin = record;
    page->paging = true;
}

void paging_part(struct page *page)
{
    struct page *record = page->twin;

    page->paging = false;
    page->twin = NULL;
    record->twin = NULL;
    if (record->holders == 0)
        record_free(record);
}

bool paging_unheld(struct page *page)
{
    bool record = page->paged_out;

    if (!record)
        paging_part(page);
    else if (page->twin == NULL)
        record_free(page);
    return !record;
}

// ---- in ------------------------------------------------------------------------------------

// Takes the page that the default pager has supplied for `record`, for the caller to hold.
static void take_over(struct page *record, struct page *page)
{
    page_hold(page);
    page->managed = false;
    page_tree_remove(&space->pages, record->place, 1); // its nodes are nobody else's: no memory
    couple(record, page);
}

// Makes sure that the record has a twin, which the caller then holds.
static kern_return_t fetch(struct page *record)
{
    struct vm_object *from = space;
    struct page *page;
    kern_return_t kr;

    if (!record_good(record))
        return KERN_MEMORY_FAILURE; // its pager is gone
    vm_object_reference(from);
    kr = vm_object_page(from, record->place << PAGE_SHIFT, false, &page);
    if (record->twin != NULL) { // somebody else was faster
        page_hold(record->twin);
        kr = KERN_SUCCESS;
    } else if (kr == KERN_SUCCESS && record_good(record)) {
        take_over(record, page);
    } else if (kr == KERN_SUCCESS) {
        kr = KERN_MEMORY_FAILURE;
    }
    vm_object_deallocate(from);
    return kr;
}

kern_return_t paging_in(struct vm_object *object, uint32_t i, struct page *record)
{
    kern_return_t kr = KERN_SUCCESS;
    struct page *page;

    vm_object_upsets++;
    page_hold(record);
    if (record->twin != NULL)
        page_hold(record->twin);
    else
        kr = fetch(record);
    if (kr == KERN_SUCCESS) {
        page = record->twin;
        if (page_tree_find(&object->pages, i) == record) {
            page_hold(page);
            page_tree_exchange(&object->pages, i, page);
        }
        page_release(page);
    }
    page_release(record);
    return kr;
}

// ---- out -----------------------------------------------------------------------------------

static void put_record(struct vm_object *object, uint32_t i, struct page *page)
{
    page_unmap_everywhere(page);
    page_hold(page->twin);
    page_tree_exchange(&object->pages, i, page->twin);
    vm_object_upsets++;
}

bool paging_drop(struct vm_object *object, uint32_t i, struct page *page)
{
    if (!page->paging || !record_good(page->twin))
        return false;
    put_record(object, i, page);
    return true;
}

// `record` becomes the twin of a page that has been sent to its place; if the page has got one already,
// as a page that stands in two places does, or has one whose pager is gone, that one stays.
static void settle(struct page *record, struct page *page)
{
    struct page *twin = page->twin;

    if (!page->paging) {
        couple(record, page);
    } else if (record_good(twin)) {
        record_free(record);
    } else {
        twin->owner = record->owner;
        twin->place = record->place;
        slab_free(&record_cache, record);
    }
}

unsigned paging_send(struct vm_object *object, const uint32_t *numbers, struct page *const *pages,
                     unsigned count)
{
    struct page *records[PAGING_RUN];
    unsigned made = 0;
    uint32_t first;

    if ((count = places_take(count, &first)) == 0) // all free ones are still asked for
        return 0;
    while (made < count && (records[made] = record_make(first + made)) != NULL)
        made++;
    if (made < count || vm_pager_send_pages(space->pager, pages, count, first << PAGE_SHIFT,
                                            true, false) != KERN_SUCCESS) {
        for (uint32_t i = made; i < count; i++)
            place_give(first + i);
        while (made > 0)
            record_free(records[--made]);
        return 0;
    }
    for (unsigned i = 0; i < count; i++) {
        settle(records[i], pages[i]);
        put_record(object, numbers[i], pages[i]);
    }
    return count;
}

// ---- the call ------------------------------------------------------------------------------

// What the old one had is lost, which its death has cost already.
static void space_set(struct vm_object *object)
{
    vm_object_deallocate(space);
    space = object;
    kfree(used);
    used = NULL;
    places = free_places = next_place = 0;
}

kern_return_t host_default_memory_manager(host_priv_t host, ipc_port_t *manager,
                                          vm_size_t cluster_size)
{
    struct port *old = space == NULL ? NULL : space->pager->port, *new = *manager;
    struct vm_object *object;
    kern_return_t kr;

    if (new != NULL && new != old) {
        if (old != NULL && free_places < places)
            return KERN_FAILURE;
        if ((kr = vm_pager_object(new, &object)) != KERN_SUCCESS)
            return kr;
        kr = object->refs > 1 ? KERN_INVALID_OBJECT : vm_pager_initialize(object->pager);
        if (kr != KERN_SUCCESS) {
            vm_object_deallocate(object);
            return kr;
        }
        space_set(object);
    }
    *manager = port_copy_send(old);
    port_release_send(new);
    return KERN_SUCCESS;
}
