// SPDX-License-Identifier: BSD-2-Clause
// Two hash tables of the same entries: by name for callers, by port for deaths. Whoever checks in
// thousands of names and dies does not keep the others waiting.
#include "table.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096

LIST_HEAD(list, entry);
static struct list of_name[BUCKETS], of_port[BUCKETS];

// Places that are free: those given back, and all from `fresh` on.
static unsigned short given_back[NAMES_MAX];
static unsigned given_back_count, fresh;

static struct list *name_bucket(const char *name)
{
    unsigned hash = 2166136261u; // FNV-1a

    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return &of_name[hash % BUCKETS];
}

static struct list *port_bucket(mach_port_t port)
{
    return &of_port[MACH_PORT_INDEX(port) % BUCKETS];
}

struct entry *table_find(const char *name)
{
    struct entry *entry;

    LIST_FOREACH(entry, name_bucket(name), name_link)
        if (strcmp(entry->name, name) == 0)
            return entry;
    return NULL;
}

struct entry *table_find_port(mach_port_t port)
{
    struct entry *entry;

    LIST_FOREACH(entry, port_bucket(port), port_link)
        if (entry->port == port)
            return entry;
    return NULL;
}

static struct entry *add(const char *name, mach_port_t port, unsigned place)
{
    struct entry *entry = calloc(1, sizeof(*entry));

    if (entry == NULL) {
        given_back[given_back_count++] = (unsigned short)place;
        return NULL;
    }
    entry->place = place;
    strncpy(entry->name, name, sizeof(entry->name) - 1);
    entry->port = port;
    LIST_INSERT_HEAD(name_bucket(name), entry, name_link);
    LIST_INSERT_HEAD(port_bucket(port), entry, port_link);
    return entry;
}

struct entry *table_add(const char *name, mach_port_t port)
{
    if (given_back_count > 0)
        return add(name, port, given_back[--given_back_count]);
    return fresh < NAMES_MAX ? add(name, port, fresh++) : NULL;
}

struct entry *table_add_kept(const char *name, mach_port_t port, unsigned place)
{
    while (fresh < place)
        given_back[given_back_count++] = (unsigned short)fresh++;
    fresh++;
    return add(name, port, place);
}

void table_set_port(struct entry *entry, mach_port_t port)
{
    LIST_REMOVE(entry, port_link);
    entry->port = port;
    LIST_INSERT_HEAD(port_bucket(port), entry, port_link);
}

void table_remove(struct entry *entry)
{
    LIST_REMOVE(entry, name_link);
    LIST_REMOVE(entry, port_link);
    given_back[given_back_count++] = (unsigned short)entry->place;
    free(entry);
}
