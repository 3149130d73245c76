// SPDX-License-Identifier: BSD-2-Clause
// Spaces: the names that a task has for ports, and the rights behind them.
//
// Names that the kernel chooses are index << 8 | generation in a table of chunks that grows; a slot's
// generation goes on with each use, so a stale name is not mistaken for a new one until the generation
// has gone round. Names that the caller chooses (mach_port_allocate_name, mach_port_rename) live in a
// tree beside it. Send and receive rights for one port share a name; `hash` finds it from the port.
#pragma once

#include <mach/port.h>
#include "ipc/port.h"
#include "kern/ledger.h"

#define ENTRIES_PER_CHUNK LEDGER_BLOCK // of the table

// A request to be told when a port dies, registered for a name.
struct dead_name_request {
    struct list link;      // port->dead_name_requests
    struct space *space;   // where the name is; no reference: cancelled with the name. NULL: of an alarm
    mach_port_name_t name;
    struct port *notify;   // send-once right
};

struct entry {
    union {
        struct port *port;
        struct port_set *set;
    };                                 // one reference; NULL in a dead name and in a free slot
    mach_port_type_t type;             // MACH_PORT_TYPE_*; 0: free
    uint16_t urefs;                    // user references of the send, send-once or dead-name right
    uint16_t promised;                 // of them: promised to the message being taken in (copyin.c)
    bool receive_promised;             // the receive right is promised likewise
    mach_port_name_t name;             // its name now; of a free slot: the one it will have next
    struct entry *next_free;           // free slot
    struct entry *hash_next;           // send rights: next in the bucket
    struct dead_name_request *request; // NULL: none
};

// A name that its user chose.
struct chosen_entry {
    struct tree_node node;
    struct entry entry;
};

struct space {
    uint32_t refs;
    bool active;
    struct entry **chunks;      // directory of ENTRIES_PER_CHUNK entries each
    unsigned chunk_count, directory_size;
    struct entry *free;         // the slot that is used next; NULL: all are in use
    unsigned name_count;        // names in use
    struct ledger *ledger;      // pays for the slots of the table and for chosen names
    struct tree chosen;         // struct chosen_entry
    mach_port_name_t chosen_low; // no chosen name is lower
    struct entry **buckets;     // by port, for names with a send right
    unsigned bucket_count, hashed;
};

// One reference; NULL when memory is short. `ledger` pays for the names, and outlives them.
struct space *space_make(struct ledger *ledger);
void space_release(struct space *space);
// Every right in it is dropped; later calls fail. Keeps the caller's reference.
void space_shutdown(struct space *space);

// The entry of a name as it is; NULL when the name denotes nothing.
struct entry *space_find(const struct space *space, mach_port_name_t name);
// A slot of the table, by index.
static inline struct entry *space_slot(const struct space *space, uint32_t index)
{
    // Said in bytes, it takes one shift less.
    _Static_assert(sizeof(struct entry) == 32, "a power of two");
    return (struct entry *)((char *)space->chunks[index / ENTRIES_PER_CHUNK] +
                            (index * sizeof(struct entry) &
                             (ENTRIES_PER_CHUNK - 1) * sizeof(struct entry)));
}
// The slot of the table with that name, in use (type is not 0) or not; NULL if there is none.
static inline struct entry *space_table_entry(const struct space *space, mach_port_name_t name)
{
    uint32_t chunk = (name >> 8) / ENTRIES_PER_CHUNK;
    struct entry *entry;

    if (chunk >= space->chunk_count)
        return NULL;
    // The same as space_slot of the index, by a shift less.
    entry = (struct entry *)((char *)space->chunks[chunk] +
                             ((name >> 3) & (ENTRIES_PER_CHUNK - 1) * sizeof(struct entry)));
    return entry->name == name ? entry : NULL;
}
struct entry *space_lookup_slow(struct space *space, mach_port_name_t name);
// The entry of a name, brought up to date (a right whose port has died becomes a dead name first);
// NULL when the name denotes nothing. Nearly always a live entry of the table, so that is inline.
static inline struct entry *space_lookup(struct space *space, mach_port_name_t name)
{
    struct entry *entry = space_table_entry(space, name);

    if (entry && (entry->type & MACH_PORT_TYPE_PORT_RIGHTS) && entry->port->active)
        return entry;
    return space_lookup_slow(space, name);
}
// The entry that the next space_allocate gives, when that is sure: a slot is free, and no chosen name can
// be in its way. Else NULL.
static inline struct entry *space_ready_entry(const struct space *space)
{
    struct entry *entry = space->free;

    return entry && (entry->name | 0xff) < space->chosen_low ? entry : NULL;
}
// Whether the next `count` allocations are as sure.
static inline bool space_names_ready(const struct space *space, unsigned count)
{
    const struct entry *entry = space->free;

    for (; count > 0; count--, entry = entry->next_free)
        if (!entry || (entry->name | 0xff) >= space->chosen_low)
            return false;
    return true;
}
static inline void space_take_ready(struct space *space, const struct entry *entry)
{
    space->free = entry->next_free;
    space->name_count++;
}
// The name of a slot in its next generation, 1 … 255.
static inline mach_port_name_t space_next_name(mach_port_name_t name)
{
    return (name & 0xff) == 0xff ? name - 0xfe : name + 1;
}
// Gives back a name that the kernel chose, with no request and on no hash; the rest is cleared.
static inline void space_give_back(struct space *space, struct entry *entry)
{
    entry->port = NULL;
    entry->type = 0;
    entry->urefs = 0;
    entry->name = space_next_name(entry->name);
    entry->next_free = space->free;
    space->free = entry;
    space->name_count--;
}
// A fresh name, type 0, no object: the caller fills it. KERN_RESOURCE_SHORTAGE; KERN_NO_SPACE: the
// ledger cannot pay.
kern_return_t space_allocate(struct space *space, struct entry **entry);
// The same under a chosen name, KERN_NAME_EXISTS; MACH_PORT_NULL: the kernel chooses.
kern_return_t space_allocate_name(struct space *space, mach_port_name_t name, struct entry **entry);
// Gives the name back; type, object and hash must be cleared already.
void space_free(struct space *space, struct entry *entry);
static inline unsigned space_bucket(const struct space *space, const struct port *port)
{
    return ((uintptr_t)port >> 5) * 2654435761u >> 7 & (space->bucket_count - 1);
}
// The entry with a send or receive right for `port`; NULL if there is none.
static inline struct entry *space_find_port(struct space *space, const struct port *port)
{
    struct entry *entry;

    if (port->receiver == space)
        return space_find(space, port->receiver_name);
    if (!space->bucket_count)
        return NULL;
    entry = space->buckets[space_bucket(space, port)];
    while (entry && entry->port != port)
        entry = entry->hash_next;
    return entry;
}
// Makes sure that there are buckets, twice as many when they are full; false when memory is short. Before
// space_hash_insert.
bool space_hash_grow(struct space *space);
static inline bool space_hash_ready(struct space *space)
{
    return space->hashed < 2 * space->bucket_count || space_hash_grow(space);
}
void space_hash_insert(struct space *space, struct entry *entry);
void space_hash_remove(struct space *space, struct entry *entry);
// Calls `visit` for each name in use, table first in index order, then chosen names in order.
void space_for_each(struct space *space, void (*visit)(struct entry *entry, void *context),
                    void *context);

// Who pays for what the kernel sends to a port: its receiver, or, while it has none, who causes it.
static inline struct ledger *port_ledger(const struct port *port)
{
    return port->receiver ? port->receiver->ledger : current_ledger();
}
struct space *current_space(void); // implemented by kern/task.c
