// SPDX-License-Identifier: BSD-2-Clause
// The names that are checked in (table.c): strings, and the rights that go with them.
#ifndef NAME_TABLE_H
#define NAME_TABLE_H

#include <mach/port.h>
#include <servers/netname_defs.h>
#include <servers/program_types.h>
#include <sys/queue.h>

#define NAMES_MAX PROGRAM_PLACES // so that no client can fill the machine with names

struct entry {
    LIST_ENTRY(entry) name_link, port_link;
    mach_port_t port;      // a user reference of a send right is ours
    mach_port_t signature; // likewise; MACH_PORT_NULL: unprotected
    unsigned place;        // where bootstrap keeps it for the next name server
    netname_name_t name;
};

// The entry of that name; null if there is none.
struct entry *table_find(const char *name);
// A new entry without signature; the name must not be in the table. Null: no memory, or table full.
struct entry *table_add(const char *name, mach_port_t port);
// The same at the start, for what was kept in that place; places come in ascending order.
struct entry *table_add_kept(const char *name, mach_port_t port, unsigned place);
// Puts another port in the place of the entry's; the rights are the caller's business.
void table_set_port(struct entry *entry, mach_port_t port);
// Takes the entry out and frees it; its rights are the caller's then.
void table_remove(struct entry *entry);
// Any entry with this port; null if there is none.
struct entry *table_find_port(mach_port_t port);

#endif
