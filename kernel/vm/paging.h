// SPDX-License-Identifier: BSD-2-Clause
// The paging space: where pages of anonymous memory are while they are not in memory. It is one
// memory object (pager.h), which a user program, the default pager, gives the kernel
// (host_default_memory_manager); the kernel divides it into *places* of a page each.
//
// A leaf of a page tree (page_tree.h) that holds such a page holds its *record* instead: a struct page
// without memory (`paged_out`), counted by its holders as any other. A page that comes back is the
// *twin* of its record, and stays that until it is written to: so all leaves that hold the record get the
// same page, and a page that has a twin can be let go of without being sent again. A page with a twin is
// never mapped writable.
//
//   leaf ── page             leaf ── record ── place        leaf A ── page
//                                                                      │ twins
//   never paged out          paged out                      leaf B ── record ── place
//
// paging.c has this; pageout.c decides what goes.
#pragma once

#include "vm/page.h"

struct vm_object;

// Brings the contents of `record`, which `object` held as page `i`, into memory and puts the page in its
// place, if it is still there. KERN_SUCCESS: look again. Otherwise as vm_fault. Blocks: the caller holds a
// reference to the object.
kern_return_t paging_in(struct vm_object *object, uint32_t i, struct page *record);
// Page number `i` of `object`, which has no pager, is no longer in use: its record takes its place.
// True if that could be done at once, because the page has a twin.
bool paging_drop(struct vm_object *object, uint32_t i, struct page *page);
// Sends such pages, at most PAGING_RUN, to the default pager, and puts records in their places. The
// number that went: fewer when the paging space is full or memory short. Does not block.
#define PAGING_RUN 16u
unsigned paging_send(struct vm_object *object, const uint32_t *numbers, struct page *const *pages,
                     unsigned count);
bool paging_is_space(const struct vm_object *object);
bool paging_possible(void); // there is a default pager, and it has free places
bool paging_keeps_up(void); // it has few messages to read, or there is none
// Whether pages of an object with a pager may go back to it now. (Those that are found in the paging
// space itself came too late for whoever wanted them.)
bool paging_may_return(const struct vm_object *object);
// The page, which nobody else holds, is going to be written to: its twin knows nothing of that.
void paging_part(struct page *page);
// The last holder of a record, or of a page with a twin, is gone. True: it was a page, which has no twin
// any more.
bool paging_unheld(struct page *page);

// ---- pageout.c ----
void pageout_init(void); // starts the page-out thread
void pageout_wake(void); // memory is getting short
// What the thread does: the hand goes on for some pages. How many went, or are on their way; *laps counts
// its rounds.
unsigned pageout_step(unsigned *laps);
// Memory is short: waits until there is some again. KERN_RESOURCE_SHORTAGE: there will not be, or this
// thread does not wait for it; KERN_ABORTED.
kern_return_t pageout_wait(void);
// While it is not 0, no page leaves memory.
extern unsigned pageout_paused;
extern struct list vm_objects; // vm_object.link: all there are, and among them
extern struct list pageout_hand; // the hand, which is none
// Pages sent to pagers, and used again when it would have been their turn; since boot.
extern unsigned pageout_sent, pageout_reactivated;
