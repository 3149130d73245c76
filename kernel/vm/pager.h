// SPDX-License-Identifier: BSD-2-Clause
// External pagers: memory whose contents a user program keeps. The program's port, the *memory
// object*, stands for the contents; vm_map of a send right to it gives the object that shows them
// (object.h), of which there is one per port, and that object has a `struct pager`. The kernel tells
// and asks the program by messages to the memory object (mach/memory_object.defs); the program
// answers, and commands, by calls on the *control port*, which the kernel receives from
// (memory_object_* in mach/mach.defs).
//
//            vm_map            change_attributes           last mapping gone, or
//   (none) ─────────▶ UNREADY ──────────────────▶ READY ──┬ memory_object_destroy ──▶ (none)
//                     faults wait                         └ the memory object dies ─▶ DEAD
//
// No message to a pager is ever waited for to be received: it is queued whatever the queue limit, at
// most one for each page that is wanted and not there, or there and locked; the others answer what
// the pager has asked. Only faulting threads and vm_msync wait, for `limit` ms at most.
#pragma once

#include <mach/memory_object.h>
#include <mach/vm_prot.h>
#include "kern/waitq.h"
#include "vm/page.h"

// The words of the flavors of memory_object_change_attributes (memory_object.h).
enum pager_setting {
    PAGER_NOTHING,       // what can only be 0
    PAGER_COPY_STRATEGY, // MEMORY_OBJECT_COPY_*
    PAGER_CLUSTER,       // bytes asked for at a time
    PAGER_MAY_CACHE,     // the object is kept when nothing maps it
    PAGER_TEMPORARY,     // … and when it goes, nothing is returned
    PAGER_LIMIT,         // ms until a thread that waits gets KERN_MEMORY_ERROR
    PAGER_SIZE,          // bytes that there are; 0: not known
    PAGER_SETTINGS,
};

struct pager {
    struct vm_object *object; // that has it, and goes with it
    uint32_t number;          // never used twice: page.owner
    struct port *port;        // the memory object: a send right; NULL: dead, terminated, destroyed
    struct port *control;     // kernel port; good while `port` is
    bool initialized;         // memory_object_init has been sent
    bool hides;               // it has forbidden that some page is read
    bool ready;               // it has said how it wants to be treated:
    int setting[PAGER_SETTINGS];
    struct tree requests;     // what it has been asked for and has not answered, by page
    unsigned request_count;   // of these
    uint32_t sync_offset, sync_size; // of the memory_object_synchronize that is among these
    struct waitq unready;     // threads that wait until it is ready
    struct list copies;       // vm_object.copy_link: copies that look here for what they lack
    struct list cached;       // in the list of those whose object nobody uses but that are kept
};

// Something that a pager has been asked for one page, or for a synchronize. It stays until there is
// an answer, even when nobody waits any more: so a page is asked for once.
struct page_request {
    struct tree_node node;     // pager->requests
    uint32_t index;            // the page, or that of the synchronize
    unsigned kind;             // ASKED_*
    bool done;                 // answered: the last to wait frees it
    kern_return_t result;      // the answer
    unsigned waiters;
    struct waitq wait;
    struct ledger *payer;      // of its memory, as for a message
};

extern struct slab_cache vm_pager_cache; // how many there are: in_use

// ---- for object.c and fault.c ----
// The page at `offset` is not there, or locked against `access`: asks the pager, if nobody has, and
// waits for its answer. *deadline: 0 at first, then when the waiting ends. KERN_SUCCESS: look again.
// PAGER_HAS_NONE: it has no data for that page. Otherwise as vm_fault.
#define PAGER_HAS_NONE KERN_MEMORY_DATA_MOVED
kern_return_t vm_pager_wait(struct vm_object *object, uint32_t offset, vm_prot_t access,
                            uint64_t *deadline);
// Whether it has been asked for that page and has not answered.
bool vm_pager_asked(struct pager *pager, uint32_t index);
// The last reference is gone. Modified and precious pages go to the pager, then a terminate. False:
// the object is kept, to be found by its memory object.
bool vm_pager_let_go(struct vm_object *object);
// A page that has just come to the pager's object: clean, neither precious nor locked.
void vm_pager_manage(struct pager *pager, struct page *page);
// `page` takes the place of `old`.
void vm_pager_replace(struct pager *pager, struct page *old, struct page *page);
// Takes out of a new copy of a pager's object what must not be read. False when memory is short.
bool vm_pager_hide_locked(struct pager *pager, struct vm_object *copy);
static inline bool vm_pager_owns(const struct pager *pager, const struct page *page)
{
    return page->managed && page->owner == pager->number;
}
static inline vm_prot_t vm_pager_lock(const struct pager *pager, const struct page *page)
{
    return vm_pager_owns(pager, page) ? page->lock : VM_PROT_NONE;
}
// What must not be done with a page through a page table: what the pager forbids; and a write, unless
// the page is ready for one, while there are copies that may still have to get it.
static inline vm_prot_t vm_pager_denies(const struct pager *pager, const struct page *page, bool ready)
{
    vm_prot_t denied = vm_pager_lock(pager, page);

    return ready || list_empty(&pager->copies) ? denied : denied | VM_PROT_WRITE;
}

// ---- pages going back ----
// Sends the pages first … last of a pager's object that are of a kind in `which` to the pager, in
// order; with `flush` all of them then go, sent or not. Does not block. KERN_RESOURCE_SHORTAGE: some
// have neither been sent nor gone. KERN_MEMORY_FAILURE: there is no pager any more.
#define PAGES_DIRTY 1u    // modified since the pager supplied them or got them back
#define PAGES_PRECIOUS 2u // not modified, but the pager has no copy
#define PAGES_CLEAN 4u
kern_return_t vm_object_return(struct vm_object *object, uint32_t first, uint32_t last,
                               unsigned which, bool flush);
// Terminates one of the objects that are kept although nobody uses them. False: there is none, or it
// could not be done.
bool vm_pager_trim(void);

// ---- for vm/pager_calls.c ----
// Forbids those accesses to a page of the object, and allows all others.
void vm_pager_set_lock(struct pager *pager, struct page *page, vm_prot_t lock);
// The pager has answered for the pages first … last what it was asked of these kinds.
#define ASKED_DATA 1u   // data_request
#define ASKED_UNLOCK 2u // data_unlock
#define ASKED_SYNC 4u   // synchronize
void vm_pager_answer(struct pager *pager, uint32_t first, uint32_t last, unsigned kinds,
                     kern_return_t result);
// Waits until nobody waits for a memory_object_synchronize any more, sends one, and waits.
kern_return_t vm_pager_synchronize(struct pager *pager, uint32_t offset, uint32_t size,
                                   unsigned flags);
void vm_pager_synchronized(struct pager *pager, uint32_t offset, uint32_t size);
// Sends some pages (a hold for each stays the caller's) as what is at `offset`; what goes to the default
// pager is in memory until that has let go of it. KERN_RESOURCE_SHORTAGE: none has been sent.
kern_return_t vm_pager_send_pages(struct pager *pager, struct page *const *pages, unsigned count,
                                  uint32_t offset, bool dirty, bool kept);
// It has said how it wants to be treated: who waits for that may go on.
void vm_pager_ready(struct pager *pager);
// Ends the pager's part: terminate is sent, waiting threads get KERN_MEMORY_FAILURE.
void vm_pager_terminate(struct pager *pager);
// The object that shows what the memory object `port` stands for, with a reference; made if need be.
// KERN_INVALID_OBJECT, KERN_RESOURCE_SHORTAGE.
kern_return_t vm_pager_object(struct port *port, struct vm_object **object);
// Sends memory_object_init, if that has not been done. KERN_RESOURCE_SHORTAGE.
kern_return_t vm_pager_initialize(struct pager *pager);

// ---- for ipc ----
void vm_pager_port_died(struct pager *pager); // the memory object is dead
