// SPDX-License-Identifier: BSD-2-Clause
// Address maps: what a task's addresses mean. A map is an ordered set of entries, each a range of
// addresses with one protection and inheritance, backed by a range of one object (object.h); the
// entries never overlap, and gaps are not mapped.
//
// The kernel is not preempted, but a fault may wait for a page: whoever may block looks everything
// up again afterwards (`version` tells whether that can be spared). A map lives as long as somebody
// holds a reference; `vm_map_shutdown` empties it and makes every later operation fail with
// KERN_INVALID_ARGUMENT.
//
// All calls take byte addresses in the task's address space; errors are those that the OSF Kernel
// Interface names for the call of the same name, and on error nothing has changed. Each may also
// return KERN_INVALID_ARGUMENT (a map that is shut down, an argument that makes no sense) and
// KERN_RESOURCE_SHORTAGE.
#pragma once

#include <mach/boolean.h>
#include <mach/vm_behavior.h>
#include <mach/vm_types.h>
#include <mach/vm_prot.h>
#include <mach/vm_inherit.h>
#include <mach/vm_region.h>
#include "x86/pmap.h"

struct vm_map_entry {
    struct tree_node node;    // map->entries, by start
    vm_offset_t start, end;   // page-aligned, start < end
    struct vm_object *object; // one reference held; NULL: zero-fill memory not yet touched
    vm_offset_t offset;       // of `start` in the object, bytes
    vm_prot_t protection, max_protection;
    vm_inherit_t inheritance;
    bool shared;              // others may map the same object (inheritance, vm_map)
    uint8_t behavior;         // VM_BEHAVIOR_*: the order in which it is expected to be used
    uint16_t wired;           // by so many calls of vm_wire: none of its pages leaves memory
    // About the subtree of entries below `node`, so that a gap is found without walking them all:
    vm_offset_t lowest, highest; // where its first entry starts, where its last one ends
    vm_size_t gap;               // the largest gap between two of its entries
};

struct vm_map {
    uint32_t refs;
    bool alive;               // false after vm_map_shutdown
    bool stays;               // no page that is mapped leaves memory (task_wire)
    struct tree entries;
    unsigned entry_count;
    unsigned entries_paid;    // for so many the ledger is charged
    struct ledger *ledger;    // outlives the map; NULL: nobody pays
    vm_size_t size;           // bytes mapped
    struct vm_map_entry *hint; // the entry found last
    uint32_t version;         // counts changes of entries
    struct pmap pmap;
};

// A copy of some memory on its way (out-of-line data, vm_read): holds its pages copy-on-write and
// belongs to one owner, who must copy it out, discard it or hand it on.
struct vm_map_copy;

// ---- maps (vm/map.c) ----
struct vm_map *vm_map_create(void); // one reference; NULL when memory is short
void vm_map_free(struct vm_map *map); // who calls holds the last reference
static inline void vm_map_deallocate(struct vm_map *map) // map may be NULL
{
    if (map != NULL && map->refs > 1)
        map->refs--;
    else if (map != NULL)
        vm_map_free(map);
}
// Unmaps everything; the last user does this. Calls sched_point(): the caller holds a
// reference and relies on nothing else in the map.
void vm_map_shutdown(struct vm_map *map);
// A child's map by the inheritance of each entry. NULL when memory is short (or `parent` was shut
// down). Calls preemption_point(): as above.
struct vm_map *vm_map_fork(struct vm_map *parent);
// From now on `ledger` pays for the entries of the map, those that are there included. False: it cannot.
bool vm_map_pay(struct vm_map *map, struct ledger *ledger);

// Two of the calls of <mach/mach.defs>, which the kernel makes as well.
// Zero-filled memory. Size 0: succeeds with address 0. Not in [VM_MIN_ADDRESS, VM_MAX_ADDRESS):
// KERN_INVALID_ADDRESS. Taken, or no gap as large: KERN_NO_SPACE.
kern_return_t vm_allocate(struct vm_map *map, vm_offset_t *address, vm_size_t size,
                              boolean_t anywhere);
// Holes in the range do not matter, but KERN_INVALID_ADDRESS when it is nothing but hole. Calls
// sched_point() when there is much to unmap: the caller holds a reference to the map, and
// nothing that it could not look up again.
kern_return_t vm_deallocate(struct vm_map *map, vm_offset_t address, vm_size_t size);
extern unsigned vm_wired_pages; // in all entries that are wired
// Maps `size` bytes of `object` (a reference is taken; NULL: zero-fill) from `offset`. With
// `anywhere` the first gap at or after *address whose address has no bit of `mask` set. Every entry
// made without `copy` is shared.
kern_return_t vm_map_enter(struct vm_map *map, vm_offset_t *address, vm_size_t size,
                           vm_offset_t mask, bool anywhere, struct vm_object *object,
                           vm_offset_t offset, bool copy, vm_prot_t protection,
                           vm_prot_t max_protection, vm_inherit_t inheritance);

// ---- copies (vm/copy.c) ----
// Takes a copy of [address, address + size), any alignment. Every page must be readable. size 0 gives
// *copy NULL. Bytes beside the range in its first and last page do not travel: the copy has zeros
// there. Blocks only when those two pages must come from a pager.
// KERN_INVALID_ADDRESS, KERN_PROTECTION_FAILURE, KERN_RESOURCE_SHORTAGE.
kern_return_t vm_map_copyin(struct vm_map *map, vm_offset_t address, vm_size_t size,
                            struct vm_map_copy **copy);
// Maps the copy somewhere in `map` and consumes it. *address gets the same offset in its page as
// the source had. On error the copy is still the caller's. A NULL copy gives address 0.
kern_return_t vm_map_copyout(struct vm_map *map, vm_offset_t *address, struct vm_map_copy *copy);
// Writes the copy over existing writable memory and consumes it; on error nothing has been written
// and the copy is still the caller's. May block on a pager.
kern_return_t vm_map_copy_overwrite(struct vm_map *map, vm_offset_t address,
                                    struct vm_map_copy *copy);
// Both at once, if `size` bytes are whole pages of one entry with memory in it that needs no pager.
// False, and nothing has happened, when it is not as simple as that. Does not block.
bool vm_map_copy_across(struct vm_map *from, vm_offset_t address, vm_size_t size,
                        struct vm_map *to, vm_offset_t *there);
void vm_map_copy_discard(struct vm_map_copy *copy); // copy may be NULL
vm_size_t vm_map_copy_size(const struct vm_map_copy *copy);
// A copy that holds `size` bytes of kernel memory (which stay the caller's).
kern_return_t vm_map_copy_from_kernel(const void *data, vm_size_t size, struct vm_map_copy **copy);
// Reads `size` bytes at `offset` of the copy into kernel memory. May block on a pager.
kern_return_t vm_map_copy_read(struct vm_map_copy *copy, vm_offset_t offset, void *to,
                               vm_size_t size);
// A copy over physical pages that belong to nobody (the boot module): takes them as its own.
// KERN_RESOURCE_SHORTAGE also when a page belongs to somebody.
kern_return_t vm_map_copy_from_physical(uintptr_t physical, vm_size_t size,
                                        struct vm_map_copy **copy);

// ---- faults (vm/fault.c) ----
// Makes `address` accessible for `protection`. May block. KERN_SUCCESS; KERN_INVALID_ADDRESS:
// nothing is mapped there; KERN_PROTECTION_FAILURE; KERN_MEMORY_ERROR, KERN_MEMORY_FAILURE: the
// pager failed; KERN_RESOURCE_SHORTAGE; KERN_ABORTED: the wait was interrupted.
kern_return_t vm_fault(struct vm_map *map, vm_offset_t address, vm_prot_t protection);

struct vm_map *current_map(void); // implemented by kern/task.c
// How many there are of each: in_use.
extern struct slab_cache vm_map_cache, vm_entry_cache, vm_object_cache, vm_copy_cache;
