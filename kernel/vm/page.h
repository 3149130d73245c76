// SPDX-License-Identifier: BSD-2-Clause
// Physical pages: who holds each, who maps it, and where the free ones are.
//
// A page is held by the leaves of page trees (page_tree.h): `holders` counts them. More than one
// holder means that it is shared copy-on-write and nobody may write to it. `mapping` begins the
// list of every place where it is mapped (few at a time), so that it can be write-protected or taken away.
//
// Memory for the user (page_alloc) ends a little before memory for the kernel does (page tables,
// slabs), so that a task that has eaten everything can still be served and cleaned up; and the last of
// both is for threads that may be as urgent as the servers, and for notifications. What a task has the
// kernel take for users, and page tables, are charged to its ledger until they are free again.
#pragma once

#include "x86/pmap.h"

// One place where a page is mapped.
struct page_mapping {
    struct page_mapping *next;
    struct pmap *pmap;
    uintptr_t address;
};

struct page {
    struct page_mapping mapping; // the first place it is mapped in; pmap NULL: nowhere
    uint32_t holders;            // tree leaves (or the kernel) that hold it
    union {
        struct list link;        // free list
        struct {                 // in use (paging.h):
            struct page *twin;   // of a page: its record; of a record: its page; or NULL
            uint32_t place;      // of a record: in the paging space
        };
    };
    uint16_t payer;              // number of the ledger that is charged; 0: none
    uint8_t order;               // of the free block or kernel block that starts here
    bool free : 1;               // on a free list
    bool paging : 1;             // is a record, or has one
    bool paged_out : 1;          // is a record: there is no memory
    bool dirty : 1;              // modified through a mapping that is gone, or by the kernel
    // As the object sees it that has the pager `owner` (pager.h):
    bool managed : 1;            // there is one, and dirty is meant for it
    bool precious : 1;           // its pager wants it back even if it has not been modified
    uint8_t lock : 3;            // accesses that its pager has forbidden, VM_PROT_*
    uint8_t more_places;         // mapped in so many besides `mapping`
    uint32_t owner;              // the pager's number
#ifdef DEBUG
    struct {
        bool slab;               // it has objects of a cache (slab.h)
        uint32_t found, maybe;   // as in struct slab_audit
        uintptr_t next;
    } audit;                     // tests/audit/audit.c
#endif
} __attribute__((aligned(8)));

// While it is not 0 a message of the kernel's is being made, which may have the last of the memory.
extern unsigned page_last_resort;

void page_init(void);            // gives all usable memory to the free lists
// One holder, not cleared. NULL when memory for users is short, or the current task cannot pay.
struct page *page_alloc(void);
struct page *page_alloc_zeroed(void);
void page_hold(struct page *page);
void page_release(struct page *page); // the last holder frees it; it is mapped nowhere then
uintptr_t page_physical(const struct page *page);
struct page *page_at(uintptr_t physical); // NULL when that is not memory that pages describe
void *page_address(const struct page *page); // in the kernel's direct map
extern unsigned pages_free, pages_total;
extern unsigned pages_reserved; // so many of the free ones are not for users
// A page of memory that is not usable (the boot module) becomes an ordinary page with one holder.
// False when it is none of those.
bool page_adopt(struct page *page);

// ---- where pages are mapped (vm/page_map.c) ----
// Maps the page at `address`, replacing what was mapped there. False when memory is short: then
// nothing is mapped there.
bool page_map(struct page *page, struct pmap *pmap, uintptr_t address, vm_prot_t protection);
// Unmaps whatever is mapped at `address`, if anything.
void page_unmap(struct pmap *pmap, uintptr_t address);
void page_unmap_everywhere(struct page *page);
void page_write_protect(struct page *page); // in every place where it is mapped
// Takes what the page tables know about writes to it over into page->dirty, and returns that.
bool page_collect_modified(struct page *page);
