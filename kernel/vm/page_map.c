// SPDX-License-Identifier: BSD-2-Clause
// Where each page is mapped: the page tables say which page is at an address, the lists kept here
// say at which addresses a page is. Most pages are mapped once, so the first place is kept in
// struct page itself and costs no memory.
//
// The page tables are a cache of what the maps say, so a page need not be mapped in every place where it
// could be. The list has at most PLACES_MAX: nobody's page makes a long walk, and the lists of all pages
// take little of the memory. PLACES_NEWEST are safe: an instruction may need several at once.
#include "vm/page.h"

#define PLACES_MAX 64
#define PLACES_NEWEST 16

static struct slab_cache mapping_cache =
    SLAB_CACHE(mapping_cache, "page mapping", sizeof(struct page_mapping));

// One of the older places gives way; the next access there is a fault. The oldest keep theirs, or many
// tasks that share a page would all lose it in turn.
static void mapping_displace(struct page *page)
{
    const struct page_mapping *m = &page->mapping;

    for (unsigned i = 1; i < PLACES_NEWEST; i++)
        m = m->next;
    page_unmap(m->pmap, m->address);
}

static bool mapping_add(struct page *page, struct pmap *pmap, uintptr_t address)
{
    struct page_mapping *first = &page->mapping;

    if (first->pmap != NULL) {
        struct page_mapping *more;

        if (page->more_places == PLACES_MAX - 1)
            mapping_displace(page);
        if ((more = slab_alloc(&mapping_cache)) == NULL)
            return false;
        page->more_places++;
        *more = *first;
        first->next = more;
    }
    first->pmap = pmap;
    first->address = address;
    return true;
}

// Takes the second mapping, if there is one, into the place of the first.
static void mapping_remove_first(struct page *page)
{
    struct page_mapping *first = &page->mapping, *second = first->next;

    if (second == NULL) {
        first->pmap = NULL;
        return;
    }
    *first = *second;
    page->more_places--;
    slab_free(&mapping_cache, second);
}

static void mapping_remove(struct page *page, struct pmap *pmap, uintptr_t address)
{
    struct page_mapping *m = &page->mapping;

    if (m->pmap == pmap && m->address == address) {
        mapping_remove_first(page);
        return;
    }
    for (struct page_mapping *before = m; (m = before->next) != NULL; before = m) {
        if (m->pmap == pmap && m->address == address) {
            before->next = m->next;
            page->more_places--;
            slab_free(&mapping_cache, m);
            return;
        }
    }
    panic("page %lx has no mapping at %lx", (unsigned long)page_physical(page),
          (unsigned long)address);
}

bool page_map(struct page *page, struct pmap *pmap, uintptr_t address, vm_prot_t protection)
{
    uintptr_t physical = page_physical(page);
    enum pmap_entered entered = pmap_enter(pmap, address, physical, protection);

    if (entered == PMAP_TAKEN) {
        if (pmap_lookup(pmap, address).physical == physical) {
            pmap_protect(pmap, address, protection);
            return true;
        }
        page_unmap(pmap, address);
        entered = pmap_enter(pmap, address, physical, protection);
    }
    if (entered != PMAP_ENTERED)
        return false;
    if (mapping_add(page, pmap, address))
        return true;
    pmap_remove(pmap, address);
    return false;
}

void page_unmap(struct pmap *pmap, uintptr_t address)
{
    struct pmap_entry old = pmap_remove(pmap, address);
    struct page *page;

    if (old.protection == VM_PROT_NONE || (page = page_at(old.physical)) == NULL)
        return;
    if (page->mapping.pmap == NULL) // a device's memory
        return;
    if (old.modified)
        page->dirty = true;
    mapping_remove(page, pmap, address);
}

void page_unmap_everywhere(struct page *page)
{
    while (page->mapping.pmap != NULL)
        page_unmap(page->mapping.pmap, page->mapping.address);
}

void page_write_protect(struct page *page)
{
    if (page->mapping.pmap == NULL)
        return;
    for (struct page_mapping *m = &page->mapping; m != NULL; m = m->next)
        pmap_write_protect(m->pmap, m->address);
}

bool page_collect_modified(struct page *page)
{
    if (page->mapping.pmap != NULL)
        for (struct page_mapping *m = &page->mapping; m != NULL; m = m->next)
            page->dirty |= pmap_clear_modified(m->pmap, m->address);
    return page->dirty;
}
