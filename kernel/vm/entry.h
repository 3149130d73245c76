// SPDX-License-Identifier: BSD-2-Clause
// The entries of a map: finding, placing, cutting and joining them. Private to kernel/vm.
//
// An entry whose object is not shared is the only way to the part of the object that it shows:
// entries that were one once may show the same object, but never the same offset of it. So when
// such an entry goes, its pages go, whoever else refers to the object.
#pragma once

#include "vm/map.h"

void map_entries_init(struct vm_map *map); // a map without entries

static inline vm_size_t entry_size(const struct vm_map_entry *entry)
{
    return entry->end - entry->start;
}
static inline bool entry_covers(const struct vm_map_entry *entry, vm_offset_t address)
{
    return entry != NULL && address - entry->start < entry_size(entry);
}

// The entry with `address` in it, NULL if there is none.
struct vm_map_entry *entry_search(struct vm_map *map, vm_offset_t address);
static inline struct vm_map_entry *entry_find(struct vm_map *map, vm_offset_t address)
{
    return entry_covers(map->hint, address) ? map->hint : entry_search(map, address);
}
// The entry with `address` in it, else the next one above, else NULL.
struct vm_map_entry *entry_from(struct vm_map *map, vm_offset_t address);
struct vm_map_entry *entry_next(const struct vm_map_entry *entry);

// Whether `address` … `address + size`, widened to whole pages, lies below VM_MAX_ADDRESS without
// wrapping round; the widened range.
bool range_of_pages(vm_offset_t address, vm_size_t size, vm_offset_t *start, vm_offset_t *end);
// The lowest address from `from` on where `size` bytes are free and that has no bit of `mask` set;
// below ANYWHERE_START only if there is no other room: null pointers with an offset should meet
// nothing, too. KERN_NO_SPACE. Logarithmic in the number of entries as long as mask is 0.
#define ANYWHERE_START 0x10000u
kern_return_t map_find_space(struct vm_map *map, vm_offset_t from, vm_size_t size, vm_offset_t mask,
                             vm_offset_t *address);
// The same from ANYWHERE_START on, when that is simple: one walk down the tree. False when it is not, or
// there is no room.
struct room {
    vm_offset_t address;
    struct tree_node *parent; // below which an entry there hangs; NULL: the map is empty
    bool right;               // and on which side
    bool met;                 // map_room_at: whether something begins where it ends,
    struct vm_map_entry *below; // and what ends there or before; NULL: nothing
};
// Whether nothing is mapped in [start, end): then *room is that.
bool map_room_at(struct vm_map *map, vm_offset_t start, vm_offset_t end, struct room *room);
bool map_find_room(struct vm_map *map, vm_size_t size, struct room *room);
// Checks that a range, widened to whole pages [*start, *end), is mapped without holes (else
// KERN_INVALID_ADDRESS) and that each entry's maximum protection includes `max` and its current one
// `now` (else KERN_PROTECTION_FAILURE).
kern_return_t map_check(struct vm_map *map, vm_offset_t address, vm_size_t size, vm_prot_t max,
                        vm_prot_t now, vm_offset_t *start, vm_offset_t *end);
// Whether the map's ledger can pay for `count` more entries: asked before they are made.
bool map_can_pay(struct vm_map *map, unsigned count);
// Whether nothing is mapped in [start, end).
bool map_is_free(struct vm_map *map, vm_offset_t start, vm_offset_t end);

// A new entry that is not in the map yet, without an object and otherwise like `like`. NULL when
// memory is short.
struct vm_map_entry *entry_create(const struct vm_map_entry *like, vm_offset_t start,
                                  vm_offset_t end);
// What vm_allocate makes: default protection, copy inheritance.
extern const struct vm_map_entry fresh_entry;
// Frees an entry that is in no map; its reference to the object goes too.
void entry_destroy(struct vm_map_entry *entry);
void entry_insert(struct vm_map *map, struct vm_map_entry *entry);
// Where there is room, which has been found, and nothing has changed in the map since.
void entry_insert_into(struct vm_map *map, struct vm_map_entry *entry, const struct room *room);
// Takes some entry, which the caller then has, out of a map that is emptied for good: nothing is
// counted there any more. NULL: there is none left.
struct vm_map_entry *entry_pop(struct vm_map *map);
// Whether two entries differ in nothing but place and contents.
bool entries_alike(const struct vm_map_entry *a, const struct vm_map_entry *b);
// Fresh memory in front of `end` that is like `entry`, which ends where it begins, becomes part of
// it. False when it cannot.
bool entry_extend(struct vm_map *map, struct vm_map_entry *entry, vm_offset_t end);
// Cuts the entries that lie across `start` and `end` in two, so that every entry is either inside
// or outside. False when memory is short.
bool map_clip(struct vm_map *map, vm_offset_t start, vm_offset_t end);
// Makes an entry and the one behind it one, if they can be; true then.
bool entry_join(struct vm_map *map, struct vm_map_entry *entry);
// Joins the entries in and beside [start, end) that can be one.
void map_simplify(struct vm_map *map, vm_offset_t start, vm_offset_t end);
// Gives the entry an object if it has none yet. False when memory is short.
bool entry_materialize(struct vm_map_entry *entry);

// Deletes the first part of what is left in [*start, end), which has been clipped: one entry or
// some pages' worth of it, and moves *start behind it. False when there was nothing left.
bool map_remove_some(struct vm_map *map, vm_offset_t *start, vm_offset_t end);
